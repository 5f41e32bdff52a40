"""Captions as text: where a sentence is divided into captions, and a caption into lines.

When a caption is shown is ``caption_times``'s work.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

LINE_CHARS = 42
"""Longest line. Source: Netflix timed text style guide, Brazilian Portuguese."""

CAPTION_LINES = 2
"""Most lines at once. Source: the same."""

SHORTEST_S = 5 / 6
LONGEST_S = 7.0
"""How long a caption is shown. Source: Netflix timed text style guide, general requirements."""

BREAK_COSTS: Sequence[tuple[str, float]] = (
    (".!?…", 0.0),
    (";", 0.1),
    (":,)—–", 0.25),
    ("", 0.6),
)
"""How bad it is to break after these characters; 1.0 is as bad as one caption more."""

CLINGING_COST = 0.4
"""How bad it is to part a word from the one that it belongs to."""

ORPHAN_COST = 1.0
"""How bad a caption of a single word is. In a line of one the uneven lengths are bad enough."""

TOO_LONG_COST = 3.0
"""How bad it is to show a caption for too long; each second counts 1.0 more."""

TOO_SHORT_COST = 2.0
"""How bad each second is that a caption is shown too briefly."""

_CLINGING = """
    a à ao aos as às até com como da das de do dos e é em entre essa esse esta este foi for mais me
    meu minha muito na nas nem no nos num numa não nº o os ou para pela pelas pelo pelos por quando
    que se sem seu seus ser sob sobre sua suas são the tão um uma umas uns van von
"""
CLINGING_WORDS = frozenset(_CLINGING.split())
"""Articles, prepositions, conjunctions and the like: they belong to what follows. Source: Netflix
timed text style guide, general requirements, line treatment."""

_GLUED = re.compile(
    r"(?:(?<=[$€£])|(?<=\bn[ºo°])|(?<=\bart\.)|(?<=\bp[áa]g\.)|(?<=\bcap\.)) (?=\d)"
    r"|(?<=\d) (?=%|°C|(?:mil|(?:mi|bi)lh(?:ão|ões)|[kMGT]?B|[kcm]?m[²³]?|[km]?g|ms|h|min|s)\b)"
)
"""Spaces that no line may end at: ``R$ 7,20``, ``art. 6``, ``8 GB``, ``2 milhões``."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What no break divides: a word, an amount with its unit, a part of an overlong word."""

    text: str
    """At most ``LINE_CHARS`` characters."""

    start: int
    """Where it begins in the text, in characters."""

    is_spaced: bool
    """Whether a space stands before it."""


def one_line(text: str) -> str:
    """Return the text as one line, without control characters."""
    return " ".join(_printable(text).split())


def pieces_of(text: str) -> list[Piece]:
    """Return the pieces of a text, in order; none of a blank one."""
    words = [(match[0], match.start()) for match in re.finditer(r"\S+", _printable(text))]
    line = " ".join(word for word, _ in words)
    glued = {match.start() for match in _GLUED.finditer(line)}
    pieces: list[Piece] = []
    at = 0
    for word, start in words:
        whole = f"{pieces[-1].text} {word}" if at - 1 in glued else ""
        if whole and len(whole) <= LINE_CHARS:
            pieces[-1] = Piece(whole, pieces[-1].start, pieces[-1].is_spaced)
        else:
            pieces += [
                Piece(word[cut : cut + LINE_CHARS], start + cut, is_spaced=not cut)
                for cut in range(0, len(word), LINE_CHARS)
            ]
        at += len(word) + 1
    return pieces


def split_captions(
    pieces: Sequence[Piece], times_s: Sequence[float] = ()
) -> list[tuple[int, int, list[str]]]:
    """Divide a sentence into captions of at most ``CAPTION_LINES`` lines.

    Breaks lie at the ends of sentences and clauses where that leaves captions of similar length;
    an article or a preposition stays with what follows. A caption lasts at most ``LONGEST_S``
    where it has a place to be divided at.

    Args:
        pieces: of the sentence, in order.
        times_s: when each piece begins, and when the last one ends; without, only the text counts.

    Returns:
        For each caption its first piece, the piece after its last, and its lines.
    """
    # best[end]: the cheapest way to divide the first ``end`` pieces.
    best: list[tuple[float, int, list[str]]] = [(0.0, 0, [])]
    for end in range(1, len(pieces) + 1):
        ways = []
        length = 0
        for start in range(end - 1, -1, -1):
            length += pieces[start].is_spaced + len(pieces[start].text)
            if length > CAPTION_LINES * (LINE_CHARS + 1):
                break
            lines, cost = _lines_of(pieces[start:end])
            if lines:
                cost += best[start][0] + _caption_cost(pieces, start, end, times_s)
                ways.append((cost, start, lines))
        best.append(min(ways, key=lambda way: way[0]))
    captions = []
    end = len(pieces)
    while end:
        _, start, lines = best[end]
        captions.append((start, end, lines))
        end = start
    return captions[::-1]


def _caption_cost(pieces: Sequence[Piece], start: int, end: int, times_s: Sequence[float]) -> float:
    """Return how bad one caption more is, from a piece to another one."""
    # The square of the length: of two captions, those of similar length have the least.
    length = sum(piece.is_spaced + len(piece.text) for piece in pieces[start:end])
    cost = 1 + (length / (CAPTION_LINES * LINE_CHARS)) ** 2
    if end < len(pieces):
        cost += _break_cost(pieces[end - 1], pieces[end])
    if end - start == 1 < len(pieces):
        cost += ORPHAN_COST
    if times_s:
        cost += _time_cost(times_s[end] - times_s[start])
    return cost


def _lines_of(pieces: Sequence[Piece]) -> tuple[list[str], float]:
    """Return one or two lines, and how bad they are; no lines where two do not suffice."""
    whole = _joined(pieces)
    if len(whole) <= LINE_CHARS:
        return [whole], 0.0
    ways = []
    first = len(pieces[0].text)
    for at in range(1, len(pieces)):
        second = len(whole) - first - pieces[at].is_spaced
        if first <= LINE_CHARS and second <= LINE_CHARS:
            unevenness = abs(first - second) / LINE_CHARS
            cost = unevenness + _break_cost(pieces[at - 1], pieces[at])
            ways.append((cost, at))
        first += pieces[at].is_spaced + len(pieces[at].text)
    if not ways:
        return [], 0.0
    cost, at = min(ways)
    return [_joined(pieces[:at]), _joined(pieces[at:])], cost / 2


def _joined(pieces: Sequence[Piece]) -> str:
    return "".join(f" {piece.text}" if piece.is_spaced else piece.text for piece in pieces).lstrip()


def _break_cost(before: Piece, after: Piece) -> float:
    if before.text.lower() in CLINGING_WORDS and after.is_spaced:
        return BREAK_COSTS[-1][1] + CLINGING_COST
    last = before.text.rstrip("\"'”’»")[-1:] or before.text[-1]
    return next(cost for ends, cost in BREAK_COSTS if not ends or last in ends)


def _time_cost(duration_s: float) -> float:
    if duration_s > LONGEST_S:
        return TOO_LONG_COST + duration_s - LONGEST_S
    return TOO_SHORT_COST * max(0.0, SHORTEST_S - duration_s)


def _printable(text: str) -> str:
    """Return the text, as long as it was, with spaces for what a caption file cannot hold."""
    return "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") else character
        for character in text
    )
