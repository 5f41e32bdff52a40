"""What there is to hear of a course: its lessons, published or refused, and their doubtful takes.

Knows the published course, what its source says now, and the library; nothing of pages and
pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from flows.course_plan import PlannedLesson
from flows.listen_course import Found
from tts_tasks.catalog.library import UTTERANCE_FORMAT, Library
from tts_tasks.values import Take


class Status(StrEnum):
    """What a lesson is waiting for."""

    PUBLISHED = "published"
    """For nothing."""

    REFUSED = "refused"
    """For a person who accepts its flagged sentences, or rewords them."""

    CHANGED = "changed"
    """To be narrated again: the source is not what was published."""

    NEW = "new"
    """To be narrated for the first time."""

    BROKEN = "broken"
    """For its author: it cannot be narrated."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A chunk where it is heard in a lesson."""

    key: str
    """Content key of its utterance."""

    text: str
    """As written."""

    start_s: float | None = None
    """Start of the speech in the lesson's audio; ``None`` where there is no audio."""

    end_s: float | None = None
    """End of the speech."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A chunk that failed a check, or of which there is more than one take."""

    key: str
    """Content key of its utterance."""

    text: str
    """As written."""

    starts_s: tuple[float, ...]
    """When it is heard in the lesson's audio; a lesson may say the same sentence twice."""

    takes: tuple[Take, ...]
    """The one that is used first, the others from good to bad."""

    @property
    def is_flagged(self) -> bool:
        """Whether the take that is used failed a check."""
        return not self.takes[0].quality.is_good


@dataclass(frozen=True, slots=True)
class Lesson:
    """What there is to hear of a lesson."""

    id: str
    """Its id in the course."""

    number: int
    """Its number in the course, from 1."""

    title: str
    """Its title."""

    status: Status
    """What it is waiting for."""

    audio: Path | None = None
    """The audio that is shown, which may have been removed; ``None`` where none was made."""

    is_draft: bool = False
    """Whether the audio is finished, but not published."""

    sentences: tuple[Sentence, ...] = ()
    """What it says, in order."""

    doubts: tuple[Doubt, ...] = ()
    """What a person should hear, in order."""

    provider: str = ""
    """Who speaks."""

    voice: str = ""
    """Voice of the lesson."""

    profile: str = "course"
    """Mastering profile, which says how loud it should be."""

    duration_s: float | None = None
    """Length of the audio."""

    loudness_lufs: float | None = None
    """Integrated loudness of the encoded file."""

    true_peak_dbtp: float | None = None
    """True peak of the encoded file."""

    error: str = ""
    """Why it cannot be narrated."""

    @property
    def n_flagged(self) -> int:
        """Sentences whose take failed a check."""
        return sum(doubt.is_flagged for doubt in self.doubts)


def lessons_of(found: Found, library: Library) -> list[Lesson]:
    """Return what there is to hear of each lesson, in order.

    Raises:
        CatalogError: if the library may not be read.
    """
    if not found.planned:
        return [_as_published(entry, None, found, library) for entry in found.published.values()]
    return [_lesson(planned, found, library) for planned in found.planned]


def _lesson(planned: PlannedLesson, found: Found, library: Library) -> Lesson:
    """Return a lesson that still has its source."""
    entry, script = found.published.get(planned.lesson.id), planned.script
    if script is None or (entry and entry["key"] == script.key):
        return _broken(planned) if entry is None else _as_published(entry, planned, found, library)
    draft = library.find_narration(script.key, script.format)
    chunks = script.chunks
    spans = draft.spans if draft else [(None, None)] * len(chunks)
    sentences = tuple(
        Sentence(chunk.key, chunk.written, start_s, end_s)
        for chunk, (start_s, end_s) in zip(chunks, spans, strict=True)
    )
    doubts = _doubts(sentences, library)
    is_refused = (
        not planned.parameters["accept_flagged"]
        and any(doubt.is_flagged for doubt in doubts)
        and all(library.objects.has(chunk.key, UTTERANCE_FORMAT) for chunk in chunks)
    )
    if entry and not is_refused:
        return _as_published(entry, planned, found, library)
    return Lesson(
        id=planned.lesson.id,
        number=planned.lesson.number,
        title=planned.lesson.title,
        status=Status.REFUSED if is_refused else Status.NEW,
        audio=draft.path if draft else None,
        is_draft=draft is not None,
        sentences=sentences,
        doubts=doubts,
        provider=script.provider,
        voice=script.voice,
        profile=script.profile,
        duration_s=draft.duration_s if draft else None,
        loudness_lufs=draft.loudness_lufs if draft else None,
        true_peak_dbtp=draft.true_peak_dbtp if draft else None,
    )


def _broken(planned: PlannedLesson) -> Lesson:
    lesson = planned.lesson
    return Lesson(
        lesson.id, lesson.number, lesson.title, Status.BROKEN, error=str(planned.error or "")
    )


def _as_published(
    entry: dict[str, Any], planned: PlannedLesson | None, found: Found, library: Library
) -> Lesson:
    """Return a lesson as it was published last; ``planned`` is what its source says now."""
    sentences = tuple(
        Sentence(each["key"], each["text"], each["start_s"], each["end_s"])
        for each in entry["chunks"]
    )
    status, error = Status.PUBLISHED, ""
    if planned and planned.script is None:
        status, error = Status.BROKEN, str(planned.error or "")
    elif planned and planned.script:
        written = [chunk.written for chunk in planned.script.chunks]
        # Another speaker is none: the course may have been narrated as its author did not write.
        if written != [sentence.text for sentence in sentences]:
            status = Status.CHANGED
    asked = planned.parameters["profile"] if planned else "course"
    return Lesson(
        id=entry["id"],
        number=entry["number"],
        title=entry["title"],
        status=status,
        audio=found.folder / next(iter(entry["files"])),
        sentences=sentences,
        doubts=_doubts(sentences, library),
        provider=entry["provider"],
        voice=entry["voice"],
        profile=entry.get("profile", asked),
        duration_s=entry["duration_s"],
        loudness_lufs=entry["loudness_lufs"],
        true_peak_dbtp=entry["true_peak_dbtp"],
        error=error,
    )


def _doubts(sentences: Sequence[Sentence], library: Library) -> tuple[Doubt, ...]:
    by_key: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        by_key.setdefault(sentence.key, []).append(sentence)
    doubts = []
    for key, places in by_key.items():
        takes = sorted(
            library.takes(key), key=lambda take: (not take.accepted, take.quality.badness)
        )
        if len(takes) > 1 or any(not take.quality.is_good for take in takes):
            starts_s = tuple(place.start_s for place in places if place.start_s is not None)
            doubts.append(Doubt(key, places[0].text, starts_s, tuple(takes)))
    return tuple(doubts)
