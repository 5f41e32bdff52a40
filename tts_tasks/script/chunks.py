"""Segments to lines: one sentence each; the shortest together, the longest cut.

The author's marks are single letters here (``hidden``): never looked into, never cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tts_tasks.script.cuts import cut, cut_reading
from tts_tasks.script.hidden import Hidden, hide
from tts_tasks.script.pauses import AFTER_SENTENCE_S, AFTER_WORD_S, pause_between
from tts_tasks.script.sentences import split_sentences
from tts_tasks.script.speaker import Said
from tts_tasks.values import Reading, Segment, Structure

SHORT_SENTENCE_CHARS = 10
"""A sentence of at most so many characters (``Sim.``, ``Vamos lá.``) shares a line with the next:
alone, neural voices say it unsteadily, and the pause after it weighs more than the word."""


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

    lead_s: float = 0.0
    """Silence before the line that the author asked for, in seconds; only the first may have it."""

    voice: str | None = None
    """Voice that the author asked for; ``None`` for the narration's own."""

    pace: float = 1.0
    """How fast the author wants it, times the voice's pace in the narration."""

    number: int | None = None
    """Line of the source where the segment begins, from 1."""

    readings: tuple[Reading, ...] = ()
    """Where ``spoken`` is not ``written``, and which rules said so."""

    paragraph: int = 0
    """Number of its segment, from 0."""


class Speaker(Protocol):
    """Who says a line."""

    def read(self, written: str) -> Said:
        """Return what the engine gets for a written text with its marks, and why."""
        ...

    def fits(self, spoken: str) -> bool:
        """Return whether one engine call can speak it; what it raises ends the work."""
        ...


def write_lines(
    segments: Sequence[Segment], speaker_of: Callable[[Segment], Speaker]
) -> list[Line]:
    """Turn segments into lines.

    Every sentence becomes a line of its own, so that editing it changes exactly one chunk; only
    very short ones are joined with the next of their segment. A sentence whose spoken form does
    not fit is cut at clauses, then between words, and inside a word only when that word alone is
    too long. Text without a letter or digit gives no line; its pause is kept when it is the longer
    one.

    Args:
        segments: the lesson, in order.
        speaker_of: segment -> who says it. A sentence that fits is read once.

    Returns:
        The lines in order. Their written texts, joined, are the speakable text of the segments.

    Raises:
        TextTooLongError: if a single character or mark does not fit.
    """
    lines: list[Line] = []
    lead_s = 0.0
    for index, segment in enumerate(segments):
        following = segments[index + 1].structure if index + 1 < len(segments) else None
        pause_s = segment.pause_s
        if pause_s is None:
            pause_s = pause_between(segment.structure, following) if following else 0.0
        written = list(_lines_of(segment, speaker_of(segment))) if segment.text else []
        if written:
            written[-1] = replace(written[-1], pause_s=pause_s)
            lines.extend(replace(line, paragraph=index) for line in written)
        elif lines:
            lines[-1] = replace(lines[-1], pause_s=max(lines[-1].pause_s, pause_s))
        elif segment.pause_s is not None:
            lead_s += segment.pause_s
    if lines and lead_s:
        lines[0] = replace(lines[0], lead_s=lead_s)
    return lines


def has_speech(text: str) -> bool:
    """Return whether there is anything to say: at least one letter or digit."""
    return any(map(str.isalnum, text))


@dataclass(frozen=True, slots=True)
class _Mouth:
    """A speaker, and the text whose parts it says."""

    hidden: Hidden
    speaker: Speaker

    def read(self, part: str) -> Said:
        return self.speaker.read(self.hidden.with_marks(part))

    def can_say(self, part: str) -> bool:
        spoken = self.read(part).spoken
        return not has_speech(spoken) or self.speaker.fits(spoken)


def _lines_of(segment: Segment, speaker: Speaker) -> Iterator[Line]:
    """Yield the lines of one segment; the pause after the last one is a sentence's."""
    hidden = hide(segment.text)
    mouth = _Mouth(hidden, speaker)
    for sentence in _together(split_sentences(hidden.text), mouth):
        for part, said, pause_s in _parts(sentence, mouth):
            yield Line(
                hidden.with_terms(part),
                said.spoken,
                segment.structure,
                pause_s,
                voice=segment.voice,
                pace=segment.pace,
                number=segment.line,
                readings=said.readings,
            )


def _together(sentences: Iterable[str], mouth: _Mouth) -> list[str]:
    """Return the sentences, each very short one joined with the next, the last with the one before.

    What is joined depends on neighbours only, so that an edit elsewhere changes no line.
    """
    lines: list[str] = []
    for sentence in sentences:
        joined = f"{lines[-1]} {sentence}" if lines else ""
        if lines and _is_short(lines[-1], mouth) and mouth.can_say(joined):
            lines[-1] = joined
        else:
            lines.append(sentence)
    if len(lines) > 1 and _is_short(lines[-1], mouth):
        *_, before, last = lines
        if mouth.can_say(f"{before} {last}"):
            lines[-2:] = [f"{before} {last}"]
    return lines


def _is_short(sentence: str, mouth: _Mouth) -> bool:
    return len(mouth.hidden.with_terms(sentence)) <= SHORT_SENTENCE_CHARS


def _parts(sentence: str, mouth: _Mouth) -> Iterator[tuple[str, Said, float]]:
    """Yield (written, said, pause after it in seconds) for the parts of one sentence."""
    if not has_speech(sentence):
        return
    said = mouth.read(sentence)
    if not has_speech(said.spoken):
        return
    if mouth.speaker.fits(said.spoken):
        yield sentence, said, AFTER_SENTENCE_S
        return
    parts = [
        (written, piece, pause)
        for part, pause_s in cut(sentence, mouth)
        if has_speech((said := mouth.read(part)).spoken)
        for written, piece, pause in _pieces(part, said, pause_s, mouth)
    ]
    yield from parts[:-1]
    for part, said, _ in parts[-1:]:
        yield part, said, AFTER_SENTENCE_S


def _pieces(
    part: str, said: Said, pause_s: float, mouth: _Mouth
) -> Iterator[tuple[str, Said, float]]:
    """Yield (written, said, pause after it) of a part; of a number with a long reading, several.

    The reading is cut between its words. The number is written with the first piece: the others
    belong to the same signs.
    """
    if mouth.speaker.fits(said.spoken):
        yield part, said, pause_s
        return
    pieces = [*filter(has_speech, cut_reading(said.spoken, mouth.speaker.fits))]
    for number, piece in enumerate(pieces, start=1):
        is_last = number == len(pieces)
        written = part if number == 1 else ""
        yield written, Said(piece, ()), pause_s if is_last else AFTER_WORD_S
