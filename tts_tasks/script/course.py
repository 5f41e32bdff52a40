"""A folder of lessons to a ``Course``: course.yaml where there is one, else front matter.

A lesson that cannot be read carries its error, and the others stay usable; only what concerns the
course as a whole is raised.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tts_tasks.errors import CourseError, EmptyTextError, InputError, SourceError
from tts_tasks.script.chunks import has_speech
from tts_tasks.script.course_fields import (
    MAX_ID_CHARS,
    Parameters,
    given_id,
    hashed_id,
    id_from_name,
    natural_key,
    optional_text,
    order_of,
    parameters_of,
    prettify,
    refuse_long_id,
    slug,
)
from tts_tasks.script.course_files import (
    COURSE_FILE,
    Entry,
    lexicon_file,
    listed_entries,
    markdown_files,
    read_config,
)
from tts_tasks.script.hidden import shown
from tts_tasks.script.lexicon import read_lexicon
from tts_tasks.script.markdown import segments_from_markdown
from tts_tasks.script.segments import segments_from_text
from tts_tasks.script.sources import (
    read_source,
    split_front_matter,
)
from tts_tasks.values import Segment, Structure

DEFAULT_LANGUAGE = "pt-BR"
DEFAULT_PROVIDER = "auto"
DEFAULT_FORMAT = "mp3"

FRONT_MATTER_KEYS = (
    "id",
    "title",
    "language",
    "voice",
    "provider",
    "parameters",
    "order",
    "number",
)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson as read from its file."""

    id: str
    """Stable name within the course: lower-case letters, digits and hyphens."""

    title: str
    """From course.yaml or front matter, else the first heading, else the file name."""

    number: int
    """Position in the course, from 1."""

    path: Path
    """The source file."""

    text: str
    """Body without front matter: Markdown, or plain text in a .txt file; empty on error."""

    language: str | None = None
    """The lesson's own language, a BCP 47 tag, None for the course's."""

    voice: str | None = None
    """The lesson's own voice, None for the course's."""

    provider: str | None = None
    """The lesson's own provider, None for the course's."""

    parameters: Parameters = field(default_factory=dict)
    """The lesson's own engine parameters; they override the course's."""

    error: InputError | None = None
    """Why the lesson cannot be narrated, None when it can."""

    def segments(self) -> list[Segment]:
        """Return the segments of the text, parsed by the kind of its file."""
        if self.path.suffix.lower() == ".txt":
            return segments_from_text(self.text)
        return segments_from_markdown(self.text)

    def visible_text(self) -> str:
        """Return what a reader sees of the lesson: no markup but phoneme marks."""
        return "\n".join(segment.text for segment in self.segments())


@dataclass(frozen=True, slots=True)
class Course:
    """A folder of lessons."""

    id: str
    """Lower-case letters, digits and hyphens: from course.yaml, else from the folder's name."""

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

    lexicon: Mapping[str, str] = field(default_factory=dict)
    """Term -> how to say it, for all lessons."""


def read_course(folder: Path, *, max_lesson_chars: int) -> Course:
    """Read a course.

    With ``course.yaml`` its list of lessons decides; without, the folder's Markdown files do, in
    natural order of ``order`` (front matter) and file name. ``lexicon.yaml``, or the file that
    ``lexicon`` in course.yaml names, says how words are said.

    Args:
        folder: the course's folder.
        max_lesson_chars: longest lesson, in characters.

    Raises:
        SourceError: if the folder is missing or not a folder, or course.yaml or the lexicon is not
            readable YAML.
        CourseError: if the course has no lessons, or course.yaml has a wrong key or type.
    """
    if not folder.exists():
        raise SourceError(
            f"there is no folder {folder}",
            field="course",
            value=folder,
            remedy="give the path of a folder with course.yaml or Markdown lessons",
        )
    if not folder.is_dir():
        raise SourceError(
            f"{folder} is a file, not a folder",
            field="course",
            value=folder,
            remedy=f"give the folder that holds it: {folder.parent}",
        )
    config = read_config(folder)
    lexicon = lexicon_file(folder, optional_text(config, "lexicon", COURSE_FILE))
    if "lessons" in config:
        entries = listed_entries(folder, config["lessons"])
    else:
        entries = [Entry(path) for path in markdown_files(folder)]
    if not entries:
        raise CourseError(
            f"{folder} has no lessons",
            field="lessons",
            value=folder,
            remedy=f"add Markdown files to it, or list the lessons in {COURSE_FILE}",
        )
    lessons = [_read_lesson(entry, max_lesson_chars) for entry in entries]
    if "lessons" not in config:
        lessons = _by_order(lessons)
    numbered = (replace(lesson, number=n) for n, (lesson, _) in enumerate(lessons, start=1))
    name = folder.resolve().name
    return Course(
        id=_course_id(config, name),
        title=optional_text(config, "title", COURSE_FILE) or prettify(name),
        language=optional_text(config, "language", COURSE_FILE) or DEFAULT_LANGUAGE,
        voice=optional_text(config, "voice", COURSE_FILE),
        provider=optional_text(config, "provider", COURSE_FILE) or DEFAULT_PROVIDER,
        parameters=parameters_of(config, COURSE_FILE),
        format=optional_text(config, "format", COURSE_FILE) or DEFAULT_FORMAT,
        lessons=tuple(_refuse_shared_ids(list(numbered))),
        lexicon=read_lexicon(lexicon) if lexicon else {},
    )


def _course_id(config: Mapping[str, Any], name: str) -> str:
    """Return the given id, else one from the folder's name, which may have no Latin letter."""
    derived = slug(name) or hashed_id("course", name)
    given = given_id(config, COURSE_FILE, derived)
    if given is None:
        refuse_long_id(derived, f"the folder {name}")
    return given or derived


def _read_lesson(entry: Entry, max_chars: int) -> tuple[Lesson, float | None]:
    """Read one lesson; whatever is wrong with it becomes its error. Also return its order."""
    listed, path = entry.listed, entry.path
    front: dict[str, Any] = {}
    body = ""
    error = entry.error
    if error is None:
        try:
            if not path.resolve().is_relative_to(path.parent.resolve()):
                raise SourceError(
                    f"{path.name} is a link to a file outside the course's folder",
                    field="source",
                    value=path.name,
                    remedy=f"copy the lesson into {path.parent}",
                )
            front, body = _read_body(path, max_chars)
        except InputError as problem:
            error = problem
    settings = {**front, **listed}
    derived = id_from_name(path) or "lesson"
    is_long = len(derived) > MAX_ID_CHARS
    # A lesson whose id is refused still needs one that fits where its error is kept.
    fallback = hashed_id(derived[: MAX_ID_CHARS // 2].rstrip("-"), path.name)
    lesson = Lesson(fallback if is_long else derived, prettify(path.stem), 0, path, "")
    order: float | None = None
    try:
        given = given_id(settings, path.name, lesson.id)
        if given is None:
            refuse_long_id(derived, path.name)
        lesson = replace(lesson, id=given or lesson.id)
        order = order_of(front, path.name)
        lesson = replace(
            lesson,
            title=optional_text(settings, "title", path.name)
            or _first_heading(body)
            or lesson.title,
            language=optional_text(settings, "language", path.name),
            voice=optional_text(settings, "voice", path.name),
            provider=optional_text(settings, "provider", path.name),
            parameters=parameters_of(settings, path.name),
        )
        if error is None:
            lesson = replace(lesson, text=body)
            _refuse_silence(lesson)
    except InputError as problem:
        lesson = replace(lesson, text="")
        error = error or problem
    return replace(lesson, error=error), order


def _read_body(path: Path, max_chars: int) -> tuple[dict[str, Any], str]:
    text = read_source(path, max_chars=max_chars)
    try:
        front, body = split_front_matter(text)
    except SourceError as problem:
        raise SourceError(
            f"{path.name}: {problem.message}",
            field="front matter",
            value=problem.value,
            remedy=problem.remedy,
        ) from problem
    for key in front:
        near = difflib.get_close_matches(key, FRONT_MATTER_KEYS, n=1, cutoff=0.8)
        # Other programs keep their own keys here (date, tags); a slip of the pen is an error.
        if key not in FRONT_MATTER_KEYS and near:
            raise CourseError(
                f"{path.name} has an unknown key {key!r} in its front matter",
                field=key,
                value=front[key],
                remedy=f"did you mean {near[0]}?",
            )
    return front, body


def _refuse_silence(lesson: Lesson) -> None:
    if not any(has_speech(segment.text) for segment in lesson.segments()):
        raise EmptyTextError(
            f"{lesson.path.name} has nothing to say: it is empty, or only code and punctuation",
            field="source",
            value=lesson.path.name,
            remedy="write some text in it, or remove it from the course",
        )


def _refuse_shared_ids(lessons: list[Lesson]) -> Iterable[Lesson]:
    counts = Counter(lesson.id.lower() for lesson in lessons)
    for lesson in lessons:
        if counts[lesson.id.lower()] == 1:
            yield lesson
            continue
        files = [other.path.name for other in lessons if other.id.lower() == lesson.id.lower()]
        shared = CourseError(
            f"{len(files)} lessons have the id {lesson.id!r}: {', '.join(files)}",
            field="id",
            value=lesson.id,
            remedy='give each its own "id"',
        )
        yield replace(lesson, error=lesson.error or shared)


def _by_order(lessons: list[tuple[Lesson, float | None]]) -> list[tuple[Lesson, float | None]]:
    """Sort by the front matter's order where given; the others keep their place by file name."""
    return sorted(
        lessons,
        key=lambda pair: (pair[1] is None, pair[1] or 0.0, natural_key(pair[0].path.name)),
    )


def _first_heading(body: str) -> str | None:
    headings = (
        shown(s.text) for s in segments_from_markdown(body) if s.structure is Structure.HEADING
    )
    return next(headings, None)
