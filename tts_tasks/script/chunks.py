"""Segments to lines: one sentence each, cut further only where an engine cannot speak it whole.

The author's marks are single letters here (``hidden``): never looked into, never cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tts_tasks.errors import TextTooLongError
from tts_tasks.script.hidden import Hidden, hide
from tts_tasks.script.pauses import (
    AFTER_CLAUSE_S,
    AFTER_SENTENCE_S,
    AFTER_WORD_S,
    pause_between,
)
from tts_tasks.script.sentences import split_sentences
from tts_tasks.values import Segment, Structure


@dataclass(frozen=True, slots=True)
class Line:
    """What one engine call will say: a sentence, or a part of one that is too long."""

    written: str
    """The text as the author wrote it, with the terms of marks only."""

    spoken: str
    """The text as the voice says it; one engine call can speak it."""

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
    segments: Sequence[Segment], fits: Callable[[str], bool], speak: Callable[[str], str]
) -> list[Line]:
    """Turn segments into lines.

    Every sentence becomes a line of its own, so that editing it changes exactly one chunk. A
    sentence whose spoken form does not fit is cut at clauses, then between words, and inside a word
    only when that word alone is too long. Text without a letter or digit gives no line; its pause
    is kept when it is the longer one.

    Args:
        segments: the lesson, in order.
        fits: spoken text -> whether one engine call can speak it. Asked once for a sentence that
            fits; what it raises ends the work.
        speak: written text -> speakable text, e.g. ``normalise``; it meets marks whole.

    Returns:
        The lines in order. Their written texts, joined, are the speakable text of the segments.

    Raises:
        TextTooLongError: if a single character or mark does not fit.
    """
    lines: list[Line] = []
    for index, segment in enumerate(segments):
        following = segments[index + 1].structure if index + 1 < len(segments) else None
        pause_s = pause_between(segment.structure, following)
        written = list(_lines_of(segment, fits, speak))
        if written:
            lines.extend(written[:-1])
            lines.append(replace(written[-1], pause_s=pause_s))
        elif lines:
            lines[-1] = replace(lines[-1], pause_s=max(lines[-1].pause_s, pause_s))
    return lines


def has_speech(text: str) -> bool:
    """Return whether there is anything to say: at least one letter or digit."""
    return any(map(str.isalnum, text))


@dataclass(frozen=True, slots=True)
class _Speaker:
    """How the parts of one segment are said, and which of them can be."""

    hidden: Hidden
    speak: Callable[[str], str]
    fits: Callable[[str], bool]

    def say(self, part: str) -> str:
        return self.speak(self.hidden.with_marks(part))

    def can_say(self, part: str) -> bool:
        spoken = self.say(part)
        return not has_speech(spoken) or self.fits(spoken)


def _lines_of(
    segment: Segment, fits: Callable[[str], bool], speak: Callable[[str], str]
) -> Iterator[Line]:
    """Yield the lines of one segment; the pause after the last one is a sentence's."""
    hidden = hide(segment.text)
    speaker = _Speaker(hidden, speak, fits)
    for sentence in split_sentences(hidden.text):
        for part, spoken, pause_s in _parts(sentence, speaker):
            yield Line(hidden.with_terms(part), spoken, segment.structure, pause_s)


def _parts(sentence: str, speaker: _Speaker) -> Iterator[tuple[str, str, float]]:
    """Yield (written, spoken, pause after it in seconds) for the parts of one sentence."""
    if not has_speech(sentence):
        return
    spoken = speaker.say(sentence)
    if not has_speech(spoken):
        return
    if speaker.fits(spoken):
        yield sentence, spoken, AFTER_SENTENCE_S
        return
    parts = [
        (part, said, pause_s)
        for part, pause_s in _cut(sentence, speaker, level=0)
        if has_speech(said := speaker.say(part))
    ]
    yield from parts[:-1]
    for part, said, _ in parts[-1:]:
        yield part, said, AFTER_SENTENCE_S


def _cut(text: str, speaker: _Speaker, level: int) -> Iterator[tuple[str, float]]:
    """Yield (written part, pause after it), each part as long as fits; the whole text does not."""
    if level == len(_CUTS):
        yield from ((part, AFTER_WORD_S) for part in _cut_hard(text, speaker))
        return
    cut = _CUTS[level]
    boundaries = [match.span() for match in cut.boundary.finditer(text)]
    if not boundaries:
        yield from _cut(text, speaker, level + 1)
        return
    ends = [start for start, _ in boundaries] + [len(text)]
    starts = [0] + [end for _, end in boundaries]
    first = 0
    while first < len(ends):
        count = _largest(
            len(ends) - first,
            lambda n, first=first: speaker.can_say(text[starts[first] : ends[first + n - 1]]),  # type: ignore[misc]
        )
        if count:
            yield text[starts[first] : ends[first + count - 1]], cut.pause_s
        else:
            count = 1
            finer = list(_cut(text[starts[first] : ends[first]], speaker, level + 1))
            yield from finer[:-1]
            yield finer[-1][0], cut.pause_s
        first += count


def _cut_hard(word: str, speaker: _Speaker) -> Iterator[str]:
    """Yield pieces of a single word that is too long, as long as they fit; marks stay whole."""
    start = 0
    while start < len(word):
        length = _largest(
            len(word) - start,
            lambda n: speaker.can_say(word[start : start + n]),  # noqa: B023
        )
        if not length:
            alone = speaker.hidden.with_marks(word[start])
            raise TextTooLongError(
                f"{alone} alone is more than the voice can speak in one piece",
                field="text",
                value=alone,
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
