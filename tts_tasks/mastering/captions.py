"""Captions: the written sentences with their times, as WebVTT and SubRip.

A sentence too long for the screen becomes several captions, its time shared by their length.
"""

from __future__ import annotations

import html
import re
import textwrap
import unicodedata
from collections.abc import Sequence

from tts_tasks.errors import TextTooLongError
from tts_tasks.values import Cue

LINE_CHARS = 42
"""Longest line. Source: Netflix timed text style guide, Brazilian Portuguese."""

CAPTION_LINES = 2
"""Most lines at once. Source: the same."""

BREAK_COSTS: Sequence[tuple[str, float]] = (
    (".!?…", 0.0),
    (";:", 0.15),
    (",)—–", 0.2),
    ("", 0.5),
)
"""How bad it is to end a caption after these characters, in shares of the sentence's length; so
a break at a comma may lie 30 % of the length further from the middle than one between words."""


NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"

_GLUED = re.compile(
    r"(?:(?<=[$€£])|(?<=\bn[ºo°])|(?<=\bart\.)|(?<=\bp[áa]g\.)|(?<=\bcap\.)) (?=\d)"
    r"|(?<=\d) (?=%|°C|(?:mil|(?:mi|bi)lh(?:ão|ões)|[kMGT]?B|[kcm]?m[²³]?|[km]?g|ms|h|min|s)\b)"
)
"""Spaces that no line may end at: ``R$ 7,20``, ``art. 6``, ``8 GB``, ``2 milhões``."""


def to_vtt(cues: Sequence[Cue], duration_s: float) -> str:
    """Return the captions as a WebVTT file.

    Args:
        cues: one per sentence, in order.
        duration_s: length of the audio; no caption ends later.

    Source: https://www.w3.org/TR/webvtt1/, sections 4.1 and 4.2.
    """
    blocks = ["WEBVTT"]
    for start_ms, end_ms, lines in _timed_captions(cues, duration_s):
        # "-->" would end the caption's text; with its ">" escaped it cannot occur.
        text = "\n".join(html.escape(line, quote=False) for line in lines)
        blocks.append(f"{_clock(start_ms, '.')} --> {_clock(end_ms, '.')}\n{text}")
    return "\n\n".join(blocks) + "\n"


def to_srt(cues: Sequence[Cue], duration_s: float) -> str:
    """Return the captions as a SubRip file.

    SubRip has no escapes: ``<`` and ``&`` stand as they are.

    Args:
        cues: one per sentence, in order.
        duration_s: length of the audio; no caption ends later.
    """
    blocks = [
        f"{number}\n{_clock(start_ms, ',')} --> {_clock(end_ms, ',')}\n" + "\n".join(lines)
        for number, (start_ms, end_ms, lines) in enumerate(_timed_captions(cues, duration_s), 1)
    ]
    return "".join(block + "\n\n" for block in blocks)


def split_caption(text: str) -> list[list[str]]:
    """Return the text as captions of at most two lines of 42 characters each.

    Breaks lie at the ends of sentences and clauses where that leaves balanced captions, and never
    between a number and its currency or unit. A word longer than a line is broken.
    """
    text = _GLUED.sub(NO_BREAK_SPACE, " ".join(_printable(text).split()))
    return [[line.replace(NO_BREAK_SPACE, " ") for line in lines] for lines in _split(text)]


def _split(text: str) -> list[list[str]]:
    if not text:
        return []
    lines = textwrap.wrap(text, LINE_CHARS, break_on_hyphens=False)
    if len(lines) <= CAPTION_LINES:
        return [_balanced(text, lines)]
    spaces = [index for index, character in enumerate(text) if character == " "]
    if not spaces:
        return [lines[first : first + CAPTION_LINES] for first in range(0, len(lines), 2)]
    middle = len(text) / 2
    at = min(spaces, key=lambda space: abs(space - middle) / len(text) + _break_cost(text, space))
    return _split(text[:at]) + _split(text[at + 1 :])


def _break_cost(text: str, space: int) -> float:
    return next(cost for ends, cost in BREAK_COSTS if not ends or text[space - 1] in ends)


def _balanced(text: str, lines: list[str]) -> list[str]:
    """Return two lines of similar length where two are needed."""
    if len(lines) < CAPTION_LINES:
        return lines
    for width in range(len(text) // 2, LINE_CHARS):
        narrower = textwrap.wrap(
            text, max(1, width), break_on_hyphens=False, break_long_words=False
        )
        if len(narrower) <= CAPTION_LINES and max(map(len, narrower)) <= LINE_CHARS:
            return narrower
    return lines


def _printable(text: str) -> str:
    """Return the text without control characters, which a caption file cannot hold."""
    return "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") else character
        for character in text
    )


def _timed_captions(cues: Sequence[Cue], duration_s: float) -> list[tuple[int, int, Sequence[str]]]:
    """Return start and end in milliseconds, and the lines, of every caption.

    They never overlap, last at least a millisecond, and end within the audio.

    Raises:
        TextTooLongError: the audio has fewer milliseconds than captions.
    """
    captions: list[tuple[float, float, list[str]]] = []
    for cue in cues:
        parts = split_caption(cue.text)
        lengths = [sum(map(len, lines)) for lines in parts]
        seconds_per_char = max(0.0, cue.end_s - cue.start_s) / max(1, sum(lengths))
        start_s = cue.start_s
        for lines, length in zip(parts, lengths, strict=True):
            end_s = start_s + length * seconds_per_char
            captions.append((start_s, end_s, lines))
            start_s = end_s
    limit_ms = int(duration_s * 1000)
    if limit_ms < len(captions):
        raise TextTooLongError(
            f"{len(captions):,} captions do not fit into {limit_ms} ms of audio",
            field="text",
            value=max((cue.text for cue in cues), key=len, default=""),
            remedy="leave out the signs that nobody says",
        )
    timed: list[tuple[int, int, Sequence[str]]] = []
    earliest_ms = 0
    for number, (start_s, end_s, lines) in enumerate(captions, start=1):
        # Each later caption keeps a millisecond of the audio for itself.
        latest_end_ms = limit_ms - (len(captions) - number)
        start_ms = min(max(round(start_s * 1000), earliest_ms), latest_end_ms - 1)
        end_ms = min(max(round(end_s * 1000), start_ms + 1), latest_end_ms)
        timed.append((start_ms, end_ms, lines))
        earliest_ms = end_ms
    return timed


def _clock(time_ms: int, decimal: str) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{decimal}{milliseconds:03}"
