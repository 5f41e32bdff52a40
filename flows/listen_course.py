"""Which course a person means: a published folder, an id or a source; and what both say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.course_plan import PlannedLesson, Wishes, as_wished, published_folder, validated
from tts_tasks.errors import NarrationError, SourceError
from tts_tasks.settings import Settings

if TYPE_CHECKING:
    from tts_tasks.script.course import Course


@dataclass(frozen=True, slots=True)
class Found:
    """A course that can be listened to."""

    id: str
    """Its id."""

    title: str
    """Its title."""

    language: str
    """BCP 47 tag of what it says."""

    folder: Path
    """Where it is published, or would be."""

    source: Path | None
    """The folder of its lessons, or its manifest; ``None`` if it is gone."""

    published: Mapping[str, dict[str, Any]]
    """Entries of ``course.json`` by lesson id."""

    planned: Sequence[PlannedLesson] = field(default_factory=tuple)
    """What its source says now; empty without a source."""

    note: str = ""
    """Why its source cannot be read; empty where it can, or where there is none."""


def find_course(given: str, wishes: Wishes, settings: Settings) -> Found:
    """Return the course that a person means.

    Args:
        given: folder of a published course, id of one, or the source of a course.
        wishes: what was asked for when it was narrated, other than its author wrote.
        settings: the installation.

    Raises:
        SourceError: if there is no such course.
        NarrationError: if the source that was given is no course, or cannot be spoken as wished.
    """
    from tts_tasks.catalog.courses import read_manifest, refuse_another_course

    path = Path(given).expanduser()
    by_id = settings.narrations / given
    for folder in [path, by_id] if given == path.name else [path]:
        if manifest := read_manifest(folder):
            return _published(folder.resolve(), manifest, wishes, settings)
    if not path.exists():
        raise SourceError(
            f"there is no course {given!r}",
            field="course",
            value=given,
            remedy="give the folder of its lessons, its published folder or its id",
        )
    source = path.resolve()
    course = _read(source, wishes, settings)
    folder = published_folder(course, settings)
    refuse_another_course(folder, source, {lesson.id for lesson in course.lessons})
    return Found(
        id=course.id,
        title=course.title,
        language=course.language,
        folder=folder,
        source=source,
        published=_entries(read_manifest(folder)),
        planned=_planned(course, settings),
    )


def _published(folder: Path, manifest: dict[str, Any], wishes: Wishes, settings: Settings) -> Found:
    source = Path(manifest.get("source", ""))
    planned: Sequence[PlannedLesson] = ()
    note, is_there = "", bool(manifest.get("source")) and source.exists()
    if is_there:
        try:
            planned = _planned(_read(source, wishes, settings), settings)
        except NarrationError as error:
            if wishes != Wishes():
                raise
            note = str(error)
    return Found(
        id=manifest["id"],
        title=manifest["title"],
        language=manifest["language"],
        folder=folder,
        source=source if is_there else None,
        published=_entries(manifest),
        planned=planned,
        note=note,
    )


def _read(source: Path, wishes: Wishes, settings: Settings) -> Course:
    from tts_tasks.script.course import read_course

    course = read_course(source, max_lesson_chars=settings.max_lesson_chars)
    return as_wished(course, wishes, settings)


def _planned(course: Course, settings: Settings) -> list[PlannedLesson]:
    return [validated(lesson, course, settings) for lesson in course.lessons]


def _entries(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["id"]: entry for entry in manifest.get("lessons", [])}
