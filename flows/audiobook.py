"""The audiobook of a course: from the library to ``data/narrations/<course>/<course>.m4b``.

Nothing is spoken here: every sentence must be in the library, and every lesson good enough to be
published. An audiobook that says what it should already is kept.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.audiobook_chapters import chapters_of, fingerprint, tags_of
from flows.course_plan import PlannedLesson, Wishes, as_wished, plan_lessons, published_folder
from tts_tasks.errors import OutputPathError, storage_error
from tts_tasks.files import checksum, lock_now
from tts_tasks.settings import Settings
from tts_tasks.values import Checkpoint, never_cancelled

if TYPE_CHECKING:
    from tts_tasks.mastering.audiobook import Mark
    from tts_tasks.script.course import Course

EXTENSION = ".m4b"

TURN_S = 0.5
"""Seconds between two looks whether a run of the same course has ended."""


@dataclass(frozen=True, slots=True)
class Book:
    """An audiobook that lies where it was asked for."""

    path: Path
    """The file."""

    sha256: str
    """Its checksum."""

    duration_s: float
    """Length in seconds."""

    fingerprint: str
    """Digest of everything that it depends on."""

    chapters: tuple[dict[str, Any], ...]
    """``title``, ``start_s`` and ``end_s`` of each chapter, in order."""

    is_kept: bool
    """Whether it lay there already, and says what it should."""

    def as_entry(self) -> dict[str, Any]:
        """Return its entry in ``course.json``."""
        return {
            "file": self.path.name,
            "sha256": self.sha256,
            "duration_s": self.duration_s,
            "fingerprint": self.fingerprint,
            "chapters": list(self.chapters),
        }

    def as_report(self) -> dict[str, Any]:
        """Return what reports say about it."""
        return {
            "path": str(self.path),
            "status": "unchanged" if self.is_kept else "made",
            "duration_s": self.duration_s,
            "sha256": self.sha256,
            "chapters": list(self.chapters),
            "error": None,
        }


@dataclass(frozen=True, slots=True)
class Watch:
    """What is called while an audiobook is made."""

    checkpoint: Checkpoint = never_cancelled
    """Between units of work."""

    on_wait: Callable[[], None] = lambda: None
    """When a run of the same course must end first."""

    on_start: Callable[[int], None] = lambda _: None
    """With the number of chapters, when there is work to do."""

    on_chapter: Callable[[int], None] = lambda _: None
    """With the number of chapters that are joined; when all are, the book is encoded."""


def audiobook_of(
    source: Path,
    wishes: Wishes,
    settings: Settings,
    *,
    cover: Path | None = None,
    output: Path | None = None,
    watch: Watch | None = None,
) -> Book:
    """Return the audiobook of a course, made if need be, while no run of the course is going on.

    Args:
        source: folder of the course, or its manifest.
        wishes: what its author wrote otherwise than it was narrated.
        settings: the installation.
        cover: its picture; by default the one that the course names.
        output: where it should lie; by default in the published course.
        watch: what is called meanwhile.

    Raises:
        CoverError: the cover is no picture that players show.
        OutputPathError: it cannot be written there.
        NarrationError: the course cannot be read, or not all of it is narrated.
    """
    from tts_tasks.script.course import read_course

    watch = watch or Watch()
    target = output and checked_output(output, settings)
    course = read_course(source, max_lesson_chars=settings.max_lesson_chars)
    course = as_wished(course, wishes, settings)
    with alone(published_folder(course, settings), watch):
        lessons = plan_lessons(course, source, settings)
        return make_book(course, source, lessons, settings, cover=cover, output=target, watch=watch)


def check_cover(course: Course) -> None:
    """Refuse the cover of a course that should get an audiobook, if it is none.

    Raises:
        CoverError: names what is wrong.
    """
    if course.audiobook and course.cover is not None:
        from tts_tasks.mastering.cover import read_cover

        read_cover(course.cover)


def make_book(
    course: Course,
    source: Path,
    lessons: Sequence[PlannedLesson],
    settings: Settings,
    *,
    cover: Path | None = None,
    output: Path | None = None,
    watch: Watch | None = None,
) -> Book:
    """Return the audiobook of a planned course; the caller is alone with it.

    Args:
        course: the course as it is narrated.
        source: where it was read; a message names it.
        lessons: every lesson with its plan, in order.
        settings: the installation.
        cover: its picture; by default the one that the course names.
        output: where it should lie; by default in the published course, whose manifest names it
            then.
        watch: what is called meanwhile.

    Raises:
        CoverError: the cover is no picture that players show.
        CourseError: a lesson is not narrated, or not good enough to be published.
        NarrationError: it cannot be made or written.
    """
    from tts_tasks import steps
    from tts_tasks.catalog.courses import read_manifest, write_manifest
    from tts_tasks.catalog.library import Library
    from tts_tasks.mastering.audiobook import make_audiobook
    from tts_tasks.mastering.cover import read_cover
    from tts_tasks.mastering.profile import find_profile

    watch = watch or Watch()
    cover = cover or course.cover
    picture = read_cover(cover) if cover else b""
    library = Library(settings.library, durable=settings.durable)
    chapters = chapters_of(lessons, library, source, settings)
    profile, tags = find_profile(course.profile), tags_of(course, chapters)
    wanted = fingerprint(chapters, tags, picture, profile)
    folder = published_folder(course, settings)
    target = output or folder / f"{course.id}{EXTENSION}"
    manifest = read_manifest(folder)
    kept = _kept(folder, manifest.get("audiobook"), wanted)
    if kept is not None:
        if output is not None:
            _put(kept.path, output, copy=True)
        # Its lessons may have been published again without a change that is heard in it.
        write_manifest(folder, {**manifest, "audiobook": kept.as_entry()})
        return replace(kept, path=target)
    watch.on_start(len(chapters))
    with steps.scratch(settings) as scratch:
        made = make_audiobook(
            chapters,
            scratch,
            profile=profile,
            tags=tags,
            cover=cover,
            checkpoint=watch.checkpoint,
            on_chapter=watch.on_chapter,
        )
        book = Book(
            path=target,
            sha256=checksum(made.path),
            duration_s=round(made.duration_s, 3),
            fingerprint=wanted,
            chapters=tuple(map(_as_json, made.chapters)),
            is_kept=False,
        )
        _put(made.path, target)
    if output is None and manifest:
        write_manifest(folder, {**manifest, "audiobook": book.as_entry()})
    return book


def checked_output(path: Path, settings: Settings) -> Path:
    """Return the path made absolute, if an audiobook may be written there.

    Raises:
        OutputPathError: names the path and what to do.
    """
    resolved = path.expanduser().resolve()
    roots = settings.allowed_output_roots
    if resolved.is_dir():
        problem, remedy = "is a folder", f"name a file in it, such as curso{EXTENSION}"
    elif resolved.suffix.lower() != EXTENSION:
        problem, remedy = "is not named like an audiobook", f"end it in {EXTENSION}"
    elif not any(resolved.is_relative_to(root) for root in roots):
        problem = "lies outside the folders that audio may be written into"
        remedy = (
            f"write below one of: {', '.join(map(str, roots))}; NARRATION_OUTPUT_ROOTS sets them"
        )
    else:
        return resolved
    raise OutputPathError(f"{path} {problem}", field="output", value=path, remedy=remedy)


@contextmanager
def alone(folder: Path, watch: Watch) -> Iterator[None]:
    """Wait for the runs of a course to end, and keep others waiting.

    Args:
        folder: where the course is published; made if it is missing.
        watch: what is called while it waits.

    Raises:
        CatalogError: if the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise storage_error(error, folder) from error
    try:
        if not lock_now(fd):
            watch.on_wait()
            while not lock_now(fd):
                watch.checkpoint()
                time.sleep(TURN_S)
        yield
    finally:
        os.close(fd)


def _kept(folder: Path, entry: dict[str, Any] | None, wanted: str) -> Book | None:
    """Return the published audiobook, if it is whole and says what it should."""
    if not entry or entry.get("fingerprint") != wanted:
        return None
    path = folder / entry["file"]
    try:
        is_whole = checksum(path) == entry["sha256"]
    except OSError:
        return None
    if not is_whole:
        return None
    return Book(
        path=path,
        sha256=entry["sha256"],
        duration_s=entry["duration_s"],
        fingerprint=wanted,
        chapters=tuple(entry["chapters"]),
        is_kept=True,
    )


def _as_json(mark: Mark) -> dict[str, Any]:
    return {
        "title": mark.title,
        "start_s": round(mark.start_s, 3),
        "end_s": round(mark.end_s, 3),
    }


def _put(file: Path, target: Path, *, copy: bool = False) -> None:
    """Put a file under its final name, whole or not at all.

    Raises:
        CatalogError: if it cannot be written there.
    """
    hidden = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            (shutil.copyfile if copy else shutil.move)(file, hidden)
            os.replace(hidden, target)
        finally:
            hidden.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, target) from error
