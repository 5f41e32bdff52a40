"""A sentence that is too long for one engine call, cut where a speaker would breathe.

At clauses first: after a colon or semicolon rather than after a comma, and into parts of which none
is a scrap. Where a clause itself is too long, before a word that begins a group (``que``, ``para``,
``com``), about in the middle; inside a word only when that word alone does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from tts_tasks.errors import TextTooLongError
from tts_tasks.script.hidden import Hidden
from tts_tasks.script.pauses import AFTER_CLAUSE_S, AFTER_WORD_S

CLAUSE = re.compile(r"(?<=[;:—–])\s+|\s+(?=[—–])|(?<=[,”»])\s+|(?<=[)\]])\s+(?!\d)")
"""Between clauses, but not "(11) | 98765-4321"."""

WORDS = re.compile(r"(?<=[^\W\d_]{3})\s+(?=[^\W\d_])")
"""Between words, but neither "R$ | 10" nor "10 | km": the reading of a number needs both sides."""

ANYWHERE = re.compile(r"(?<=[^\d\s$€£°ºª§])\s+(?=[^\d\s%°ºª$€£])")
"""Between any two, but not beside a number or what may belong to it."""

LONG_GROUPS = "com como e embora enquanto mas onde ou para pois porque quando que se sem sobre"
SHORT_GROUPS = (
    "a ao aos as até da das de do dos em entre na nas no nos o os pela pelas pelo pelos por sob um "
    "uma"
)
STRONGER = frozenset(LONG_GROUPS.split())
"""Words that begin a long group of words: a speaker may breathe before them."""

OPENERS = STRONGER | frozenset(SHORT_GROUPS.split())
"""These, and those that begin a short group; nobody breathes after one."""

SCRAP_CHARS = 16
"""A part shorter than this sounds lost."""

COMMA_COST, COLON_COST, SCRAP_COST = 0.4, 0.15, 0.8
"""What a cut after a comma or a colon, and a scrap, cost beside a part more (1.0)."""

MAX_CLAUSES = 24
"""Clauses of a sentence up to which all ways to cut it are compared."""

TIGHT = 0.97
"""How full parts may be, of the longest that fits, so that there is a choice where they end."""

REACH = 0.4
"""How far from the even cut, in shares of a part, a better place between words is looked for."""


class Mouth(Protocol):
    """Who says the parts."""

    @property
    def hidden(self) -> Hidden:
        """The text that they are parts of, with its marks."""
        ...

    def can_say(self, part: str) -> bool:
        """Return whether one engine call can speak it."""
        ...


class _Span(NamedTuple):
    """A piece of the text between two boundaries, and what ending a part with it costs."""

    start: int
    end: int
    cost: float


def cut(text: str, mouth: Mouth) -> Iterator[tuple[str, float]]:
    """Yield (written part, pause after it in seconds) of a sentence that is too long.

    The parts, joined with the space that was between them, are the text. A part with a number may
    still be too long when it is spoken: cut, it would be read as something else.

    Raises:
        TextTooLongError: if a single character or mark does not fit.
    """
    clauses = list(_spans(text, CLAUSE))
    if len(clauses) <= MAX_CLAUSES:
        parts = _best_parts(text, clauses, mouth)
    else:
        gaps = [match.span() for match in CLAUSE.finditer(text)]
        parts = list(_longest_parts(text, gaps, mouth))
    for part in parts:
        if mouth.can_say(part):
            yield part, AFTER_CLAUSE_S
            continue
        finer = list(_by_words(part, mouth))
        yield from ((piece, AFTER_WORD_S) for piece in finer[:-1])
        yield finer[-1], AFTER_CLAUSE_S


def _spans(text: str, boundary: re.Pattern[str]) -> Iterator[_Span]:
    start = 0
    for match in boundary.finditer(text):
        sign = text[match.start() - 1] if match.start() else ""
        cost = COLON_COST if sign == ":" else COMMA_COST if sign in ",)]”»" else 0.0
        yield _Span(start, match.start(), cost)
        start = match.end()
    yield _Span(start, len(text), 0.0)


def _best_parts(text: str, spans: Sequence[_Span], mouth: Mouth) -> list[str]:
    """Return the parts: few, cut after strong signs, without scraps.

    A clause that does not fit by itself is a part by itself.
    """
    best: list[tuple[float, list[tuple[int, int]]]] = [(0.0, [])]
    for last, span in enumerate(spans):
        ways = []
        for first in range(last, -1, -1):
            start, end = spans[first].start, span.end
            if first < last and not mouth.can_say(text[start:end]):
                break  # What is longer does not fit either.
            cost, parts = best[first]
            scrap = SCRAP_COST if end - start < SCRAP_CHARS else 0.0
            ways.append((cost + 1.0 + span.cost + scrap, [*parts, (start, end)]))
        best.append(min(ways, key=lambda way: way[0]))
    return [text[start:end] for start, end in best[-1][1]]


def _by_words(text: str, mouth: Mouth) -> Iterator[str]:
    """Yield parts of a clause that is too long, about as long as each other."""
    for boundary in (WORDS, ANYWHERE):
        gaps = [match.span() for match in boundary.finditer(text)]
        if not gaps:
            continue
        greedy = list(_longest_parts(text, gaps, mouth))
        even = _even_parts(text, gaps, greedy, mouth)
        for part in even or greedy:
            if mouth.can_say(part):
                yield part
            elif boundary is WORDS:
                yield from _by_spaces(part, mouth)
            else:
                yield from _inside(part, mouth)
        return
    yield from _inside(text, mouth)


def _by_spaces(text: str, mouth: Mouth) -> Iterator[str]:
    """Yield parts of what has no good place to be cut at: numbers, and what belongs to them."""
    gaps = [match.span() for match in ANYWHERE.finditer(text)]
    for part in _longest_parts(text, gaps, mouth) if gaps else [text]:
        if mouth.can_say(part):
            yield part
        else:
            yield from _inside(part, mouth)


def _inside(part: str, mouth: Mouth) -> Iterator[str]:
    """Yield the pieces of what has no gap; a number stays whole, whatever its reading."""
    if any(map(str.isdigit, part)):
        yield part
    else:
        yield from _letters(part, mouth)


def _longest_parts(text: str, gaps: Sequence[tuple[int, int]], mouth: Mouth) -> Iterator[str]:
    """Yield parts, each as long as fits; one that cannot be cut here may be too long."""
    ends = [start for start, _ in gaps] + [len(text)]
    starts = [0] + [end for _, end in gaps]
    first = 0
    while first < len(ends):
        count = _largest(
            len(ends) - first,
            lambda n, first=first: mouth.can_say(text[starts[first] : ends[first + n - 1]]),  # type: ignore[misc]
        )
        count = max(1, count)
        yield text[starts[first] : ends[first + count - 1]]
        first += count


def _even_parts(
    text: str, gaps: Sequence[tuple[int, int]], longest: Sequence[str], mouth: Mouth
) -> list[str] | None:
    """Return parts of about the same length, cut at better places than the longest ones that fit.

    As many as those, or one more; ``None`` if they do not all fit.
    """
    room = TIGHT * max(map(len, longest))
    for n_parts in (len(longest), len(longest) + 1):
        parts, start = [], 0
        for remaining in range(n_parts, 1, -1):
            share = (len(text) - start) / remaining
            costs = {
                gap: abs(gap[0] - start - share) / share + _cost(text, gap)
                for gap in gaps
                if abs(gap[0] - start - share) < REACH * share
                and len(text) - gap[1] <= room * (remaining - 1)  # Or the rest would not fit.
            }
            by_cost = sorted(costs, key=costs.__getitem__)
            chosen = next((g for g in by_cost if mouth.can_say(text[start : g[0]])), None)
            if chosen is None:
                break
            parts.append(text[start : chosen[0]])
            start = chosen[1]
        else:
            if mouth.can_say(text[start:]):
                return [*parts, text[start:]]
    return None


def _cost(text: str, gap: tuple[int, int]) -> float:
    """Return how bad it is to breathe in a gap, in shares of a part's length."""
    before = text[: gap[0]].rsplit(maxsplit=1)[-1].lower()
    after = text[gap[1] :].split(maxsplit=1)[0].lower()
    if before in OPENERS:
        return 1.0
    return 0.0 if after in STRONGER else 0.1 if after in OPENERS else 0.3


def _letters(word: str, mouth: Mouth) -> Iterator[str]:
    """Yield pieces of a single word that is too long, as long as they fit; marks stay whole."""
    start = 0
    while start < len(word):
        length = _largest(
            len(word) - start,
            lambda n: mouth.can_say(word[start : start + n]),  # noqa: B023
        )
        if not length:
            alone = mouth.hidden.with_marks(word[start])
            raise TextTooLongError(
                f"{alone} alone is more than the voice can speak in one piece",
                field="text",
                value=alone,
                remedy="write it in other words, or with fewer phonemes",
            )
        yield word[start : start + length]
        start += length


def cut_reading(spoken: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """Yield pieces of what is spoken, between its words, or inside one that does not fit.

    Raises:
        TextTooLongError: if a single character does not fit.
    """
    words, first = spoken.split(), 0
    while first < len(words):
        count = _largest(
            len(words) - first,
            lambda n: fits(" ".join(words[first : first + n])),  # noqa: B023
        )
        if count:
            yield " ".join(words[first : first + count])
        else:
            yield from _characters(words[first], fits, words[first])
        first += max(1, count)


def _characters(word: str, fits: Callable[[str], bool], named: str) -> Iterator[str]:
    start = 0
    while start < len(word):
        length = _largest(len(word) - start, lambda n: fits(word[start : start + n]))  # noqa: B023
        if not length:
            raise TextTooLongError(
                f"{named} alone is more than the voice can speak in one piece",
                field="text",
                value=named,
                remedy="write it in other words, or with fewer phonemes",
            )
        yield word[start : start + length]
        start += length


def _largest(limit: int, fits: Callable[[int], bool]) -> int:
    """Return a large n in 0..limit for which ``fits(n)``, trying few of them.

    Doubles, then bisects: spoken length grows with written length nearly always, and where it
    does not, a smaller part is still right.
    """
    good, step = 0, 1
    while good + step <= limit and fits(good + step):
        good += step
        step *= 2
    while step > 1:
        step //= 2
        if good + step <= limit and fits(good + step):
            good += step
    return good
