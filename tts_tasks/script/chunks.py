"""Segments to lines: one sentence each, cut further only where an engine cannot speak it whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tts_tasks.script.pauses import (
    AFTER_CLAUSE_S,
    AFTER_SENTENCE_S,
    AFTER_WORD_S,
    pause_between,
)
from tts_tasks.script.sentences import split_sentences
from tts_tasks.values import Segment, Structure

MIN_MAX_CHARS = 20
"""Shortest limit that makes sense: any single character must be speakable within it."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one engine call will say: a sentence, or a part of one that is too long."""

    written: str
    """The text as the author wrote it."""

    spoken: str
    """The text as the voice says it; at most ``max_chars`` characters."""

    structure: Structure
    """Structure of the segment that the line belongs to."""

    pause_s: float
    """Silence after the line, in seconds."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """One way to cut a sentence: where, and the silence that the cut deserves."""

    boundary: re.Pattern[str]
    pause_s: float


_CUTS = (
    _Cut(re.compile(r"(?<=[;—–])\s+|\s+(?=[—–])"), AFTER_CLAUSE_S),
    _Cut(re.compile(r"(?<=[,:)\]”»])\s+"), AFTER_CLAUSE_S),
    # Between words, but neither "R$ | 10" nor "10 | km": the reading of a number needs both sides.
    _Cut(re.compile(r"(?<=[^\W\d_]{3})\s+(?=[^\W\d_]{2})"), AFTER_WORD_S),
    _Cut(re.compile(r"\s+"), AFTER_WORD_S),
)


def write_lines(
    segments: Sequence[Segment], max_chars: int, speak: Callable[[str], str]
) -> list[Line]:
    """Turn segments into lines.

    Every sentence becomes a line of its own, so that editing it changes exactly one chunk. A
    sentence whose spoken form is longer than ``max_chars`` is cut at clauses, then between words,
    and inside a word only when that word alone is too long. Text without a letter or digit gives
    no line; its pause is kept when it is the longer one.

    Args:
        segments: the lesson, in order.
        max_chars: longest spoken text of one line, in characters; at least ``MIN_MAX_CHARS``.
        speak: written text -> speakable text, e.g. ``normalise``.

    Returns:
        The lines in order. Their written texts, joined, are the speakable text of the segments.

    Raises:
        ValueError: if ``max_chars`` is below ``MIN_MAX_CHARS``.
    """
    if max_chars < MIN_MAX_CHARS:
        raise ValueError(f"max_chars must be at least {MIN_MAX_CHARS}, got {max_chars}")
    lines: list[Line] = []
    for index, segment in enumerate(segments):
        following = segments[index + 1].structure if index + 1 < len(segments) else None
        pause_s = pause_between(segment.structure, following)
        written = [
            Line(part, spoken, segment.structure, part_pause_s)
            for sentence in split_sentences(segment.text)
            for part, spoken, part_pause_s in _parts(sentence, max_chars, speak)
        ]
        if written:
            lines.extend(written[:-1])
            lines.append(replace(written[-1], pause_s=pause_s))
        elif lines:
            lines[-1] = replace(lines[-1], pause_s=max(lines[-1].pause_s, pause_s))
    return lines


def has_speech(text: str) -> bool:
    """Return whether there is anything to say: at least one letter or digit."""
    return any(map(str.isalnum, text))


def _parts(
    sentence: str, max_chars: int, speak: Callable[[str], str]
) -> Iterator[tuple[str, str, float]]:
    """Yield (written, spoken, pause after it in seconds) for the parts of one sentence."""
    if not has_speech(sentence):
        return
    spoken = speak(sentence)
    if len(spoken) <= max_chars:
        if has_speech(spoken):
            yield sentence, spoken, AFTER_SENTENCE_S
        return
    parts = [
        (part, said, pause_s)
        for part, pause_s in _cut(sentence, max_chars, speak, level=0)
        if has_speech(said := speak(part))
    ]
    yield from parts[:-1]
    for part, said, _ in parts[-1:]:
        yield part, said, AFTER_SENTENCE_S


def _cut(
    text: str, max_chars: int, speak: Callable[[str], str], level: int
) -> Iterator[tuple[str, float]]:
    """Yield (written part, pause after it), each part as long as the limit allows."""

    def fits(part: str) -> bool:
        return len(speak(part)) <= max_chars

    if level == len(_CUTS):
        yield from ((part, AFTER_WORD_S) for part in _cut_hard(text, fits))
        return
    cut = _CUTS[level]
    ends = [match.start() for match in cut.boundary.finditer(text)] + [len(text)]
    starts = [0] + [match.end() for match in cut.boundary.finditer(text)]
    first = 0
    while first < len(ends):
        count = _largest(
            len(ends) - first,
            lambda n, first=first: fits(text[starts[first] : ends[first + n - 1]]),  # type: ignore[misc]
        )
        if count:
            yield text[starts[first] : ends[first + count - 1]], cut.pause_s
        else:
            count = 1
            finer = list(_cut(text[starts[first] : ends[first]], max_chars, speak, level + 1))
            yield from finer[:-1]
            yield finer[-1][0], cut.pause_s
        first += count


def _cut_hard(word: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """Yield pieces of a single word that is too long, as long as they fit."""
    start = 0
    while start < len(word):
        length = _largest(len(word) - start, lambda n: fits(word[start : start + n]))  # noqa: B023
        length = max(length, 1)
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
