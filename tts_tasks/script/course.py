"""Lessons to a ``Course``: a folder with or without course.yaml, or a manifest of its own.

A lesson that cannot be read carries its error, and the others stay usable; only what concerns the
course as a whole is raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tts_tasks.errors import CourseError
from tts_tasks.request import Policies, Preference, QualityChecks
from tts_tasks.script.course_fields import (
    Parameters,
    cover_of,
    given_id,
    hashed_id,
    natural_key,
    optional_text,
    parameters_of,
    policies_of,
    preference_in,
    prettify,
    quality_of,
    refuse_long_id,
    slug,
    switch_of,
)
from tts_tasks.script.course_files import COURSE_FILE, lexicon_file
from tts_tasks.script.lessons import Lesson, read_lesson
from tts_tasks.script.lexicon import Entry, read_lexicon
from tts_tasks.script.manifests import Manifest, read_manifest

DEFAULT_LANGUAGE = "pt-BR"
DEFAULT_PROVIDER = "auto"
DEFAULT_FORMAT = "mp3"
DEFAULT_PROFILE = "course"

SHOWN_PLACES = 5
"""How many of the lessons that share an id a message names."""


@dataclass(frozen=True, slots=True)
class Course:
    """A course's lessons, and what they have in common."""

    id: str
    """Lower-case letters, digits and hyphens: as given, else from the folder or the manifest."""

    title: str
    """Title of the course; the album of its audio files."""

    language: str
    """BCP 47 tag of the lessons, e.g. ``pt-BR``."""

    voice: str | None
    """Voice of the course, None for the provider's own choice."""

    provider: str
    """Provider of the course; ``auto`` lets the system choose."""

    parameters: Parameters
    """Engine parameters of every lesson."""

    format: str
    """Audio format, e.g. ``mp3``."""

    lessons: tuple[Lesson, ...]
    """In order; at least one, each either readable or with its error."""

    lexicon: Mapping[str, Entry] = field(default_factory=dict)
    """Term -> how to say it, for all lessons."""

    profile: str = DEFAULT_PROFILE
    """Mastering profile of every lesson, e.g. ``podcast``."""

    quality: QualityChecks = QualityChecks.SIGNAL
    """What every take must pass."""

    preference: Preference = field(default_factory=Preference)
    """What matters when ``auto`` chooses who speaks a lesson."""

    accept_flagged: bool = False
    """Whether lessons are published although a take of theirs failed its checks."""

    audiobook: bool = False
    """Whether an audiobook of all lessons is published with them."""

    cover: Path | None = None
    """Picture of the audiobook, in the course's folder."""


def read_course(path: Path, *, max_lesson_chars: int) -> Course:
    """Read a course.

    With ``course.yaml`` its list of lessons decides; without, the folder's files do, in natural
    order of ``order`` (front matter) and file name. A manifest, YAML like course.yaml or CSV, is a
    course in one file; the files that it names are beside it. ``lexicon.yaml``, or the file that
    ``lexicon`` in the YAML names, says how words are said.

    Args:
        path: the course's folder, or its manifest.
        max_lesson_chars: longest lesson, in characters.

    Raises:
        SourceError: if it is missing, or the manifest or the lexicon cannot be read.
        CourseError: if the course has no lessons, or the manifest has a wrong key or type.
    """
    manifest = read_manifest(path)
    settings, file = manifest.settings, manifest.file
    lexicon = lexicon_file(manifest.folder, optional_text(settings, "lexicon", file))
    if not manifest.entries:
        raise CourseError(
            f"{path} has no lessons",
            field="lessons",
            value=path,
            remedy=f"add lessons to it, e.g. Markdown files, or list them in {COURSE_FILE}"
            if path.is_dir()
            else "list its lessons in it",
        )
    policies = policies_of(settings.get("policies"), file, Policies())
    lessons = tuple(_read_lessons(manifest, policies, max_lesson_chars))
    return Course(
        id=_course_id(manifest),
        title=optional_text(settings, "title", file) or prettify(manifest.name),
        language=optional_text(settings, "language", file) or DEFAULT_LANGUAGE,
        voice=optional_text(settings, "voice", file),
        provider=optional_text(settings, "provider", file) or DEFAULT_PROVIDER,
        parameters=parameters_of(settings, file),
        format=optional_text(settings, "format", file) or DEFAULT_FORMAT,
        lessons=lessons,
        profile=optional_text(settings, "profile", file) or DEFAULT_PROFILE,
        quality=quality_of(settings, file),
        preference=preference_in(settings, file),
        accept_flagged=switch_of(settings, "accept_flagged", file),
        audiobook=switch_of(settings, "audiobook", file),
        cover=cover_of(settings, manifest.folder, file),
        lexicon=read_lexicon(lexicon) if lexicon else {},
    )


def _course_id(manifest: Manifest) -> str:
    """Return the given id, else one from the course's name, which may have no Latin letter."""
    derived = slug(manifest.name) or hashed_id("course", manifest.name)
    given = given_id(manifest.settings, manifest.file, derived)
    if given is None:
        refuse_long_id(derived, f"the course {manifest.name}")
    return given or derived


def _read_lessons(manifest: Manifest, policies: Policies, max_chars: int) -> Iterator[Lesson]:
    """Yield the lessons in their order, numbered; those that share an id carry an error."""
    read = []
    for entry in manifest.entries:
        lesson, order = read_lesson(entry, policies, max_chars)
        read.append((lesson, order, entry.where))
    if not manifest.is_ordered:
        # Those without an order keep their place by file name.
        read.sort(key=lambda each: (each[1] is None, each[1] or 0.0, natural_key(each[2])))
    places = [(lesson, where) for lesson, _, where in read]
    for number, lesson in enumerate(_without_shared_ids(places), start=1):
        yield replace(lesson, number=number)


def _without_shared_ids(lessons: Sequence[tuple[Lesson, str]]) -> Iterator[Lesson]:
    places: dict[str, list[str]] = {}
    for lesson, where in lessons:
        places.setdefault(lesson.id.lower(), []).append(where)
    for lesson, _ in lessons:
        shared = places[lesson.id.lower()]
        if len(shared) == 1:
            yield lesson
            continue
        more = f" and {len(shared) - SHOWN_PLACES} more" if len(shared) > SHOWN_PLACES else ""
        error = CourseError(
            f"{len(shared)} lessons have the id {lesson.id!r}: "
            f"{', '.join(shared[:SHOWN_PLACES])}{more}",
            field="id",
            value=lesson.id,
            remedy='give each its own "id"',
        )
        yield replace(lesson, error=lesson.error or error)
