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
    kind,
    natural_key,
    optional_text,
    order_of,
    parameters_of,
    prettify,
    refuse_long_id,
    refuse_unknown_keys,
    slug,
)
from tts_tasks.script.sources import (
    load_yaml,
    read_source,
    segments_from_markdown,
    segments_from_text,
    split_front_matter,
)
from tts_tasks.values import Segment, Structure

COURSE_FILE = "course.yaml"
COURSE_FILES = (COURSE_FILE, "course.yml")
"""Both endings of YAML are read; a folder has one of them."""

LESSON_SUFFIXES = (".md", ".markdown", ".txt")
NOT_LESSONS = frozenset({"readme.md", "changelog.md", "license.md"})
"""Files that a folder without ``course.yaml`` may hold beside its lessons."""

MAX_COURSE_FILE_CHARS = 1_000_000

DEFAULT_LANGUAGE = "pt-BR"
DEFAULT_PROVIDER = "auto"
DEFAULT_FORMAT = "mp3"

COURSE_KEYS = ("id", "title", "language", "voice", "provider", "parameters", "format", "lessons")
LESSON_KEYS = (
    "id",
    "file",
    "source",
    "path",
    "title",
    "language",
    "voice",
    "provider",
    "parameters",
)
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


@dataclass(frozen=True, slots=True)
class _Entry:
    """A lesson as the course lists it, before its file is read."""

    path: Path
    listed: Mapping[str, Any] = field(default_factory=dict)
    error: InputError | None = None


def read_course(folder: Path, *, max_lesson_chars: int) -> Course:
    """Read a course.

    With ``course.yaml`` its list of lessons decides; without, the folder's Markdown files do, in
    natural order of ``order`` (front matter) and file name.

    Args:
        folder: the course's folder.
        max_lesson_chars: longest lesson, in characters.

    Raises:
        SourceError: if the folder is missing or not a folder, or course.yaml is not readable YAML.
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
    config = _read_config(folder)
    if "lessons" in config:
        entries = _listed_entries(folder, config["lessons"])
    else:
        entries = [_Entry(path) for path in _markdown_files(folder)]
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
    )


def _course_id(config: Mapping[str, Any], name: str) -> str:
    """Return the given id, else one from the folder's name, which may have no Latin letter."""
    derived = slug(name) or hashed_id("course", name)
    given = given_id(config, COURSE_FILE, derived)
    if given is None:
        refuse_long_id(derived, f"the folder {name}")
    return given or derived


def _read_config(folder: Path) -> dict[str, Any]:
    paths = [path for path in map(folder.joinpath, COURSE_FILES) if path.exists()]
    if not paths:
        return {}
    if len(paths) > 1:
        raise CourseError(
            f"{folder} has both {' and '.join(COURSE_FILES)}",
            field=COURSE_FILE,
            value=folder,
            remedy=f"keep {COURSE_FILE} only",
        )
    source = read_source(
        paths[0], max_chars=MAX_COURSE_FILE_CHARS, limit_setting="MAX_COURSE_FILE_CHARS"
    )
    config = load_yaml(source, paths[0].name)
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise CourseError(
            f"it is a {type(config).__name__}, not a mapping",
            field=COURSE_FILE,
            value=config,
            remedy=f'write "key: value" lines with the keys {", ".join(COURSE_KEYS)}',
        )
    refuse_unknown_keys(config, COURSE_KEYS, COURSE_FILE)
    return {str(key): value for key, value in config.items()}


def _listed_entries(folder: Path, lessons: object) -> list[_Entry]:
    """Return the lessons that course.yaml lists, in its order."""
    if not isinstance(lessons, list):
        raise CourseError(
            f"lessons is {kind(lessons)}, not a list",
            field="lessons",
            value=lessons,
            remedy="list one file name or id per line, each after a hyphen",
        )
    by_id = {id_from_name(path): path for path in _lesson_files(folder)}
    return [
        _listed_entry(folder, by_id, item, f"lessons[{position}]")
        for position, item in enumerate(lessons, start=1)
    ]


def _listed_entry(folder: Path, by_id: Mapping[str, Path], item: object, where: str) -> _Entry:
    if isinstance(item, dict):
        refuse_unknown_keys(item, LESSON_KEYS, where)
        files = [key for key in ("file", "source", "path") if key in item]
        if len(files) > 1:
            raise CourseError(
                f"{' and '.join(files)} mean the same",
                field=where,
                value=item[files[1]],
                remedy='keep "file" only',
            )
        name = item.get(files[0]) if files else item.get("id")
        listed = {str(key): value for key, value in item.items() if key not in files}
    else:
        name, listed = item, {}
    if isinstance(name, bool) or not isinstance(name, str | int) or not str(name).strip():
        raise CourseError(
            f"a lesson needs a file name or an id, got {kind(name)}",
            field=where,
            value=item,
            remedy="write the name of a Markdown file in the course's folder",
        )
    return _locate(folder, by_id, str(name).strip(), listed, where)


def _locate(
    folder: Path, by_id: Mapping[str, Path], name: str, listed: Mapping[str, Any], where: str
) -> _Entry:
    """Find the file that a listed name means; a file outside the folder is an error."""
    path = folder / name
    if "\0" not in name and not path.is_file():
        with_suffix = [folder / (name + suffix) for suffix in LESSON_SUFFIXES]
        named = [by_id[name]] if name in by_id else []
        path = next((p for p in [*named, *with_suffix] if p.is_file()), path)
    if "\0" in name or not path.resolve().is_relative_to(folder.resolve()):
        outside = SourceError(
            f"{name} is outside the course's folder",
            field=where,
            value=name,
            remedy=f"move the lesson into {folder}",
        )
        return _Entry(folder / Path(name.replace("\0", "")).name, listed, outside)
    if not path.exists():
        near = difflib.get_close_matches(name, [p.name for p in by_id.values()] + [*by_id], n=1)
        missing = SourceError(
            f"there is no file {name} in {folder}",
            field=where,
            value=name,
            remedy=f"did you mean {near[0]}?" if near else "add the file or correct its name",
        )
        return _Entry(path, listed, missing)
    return _Entry(path, listed)


def _lesson_files(folder: Path) -> list[Path]:
    found = (
        path
        for path in folder.iterdir()
        if path.suffix.lower() in LESSON_SUFFIXES and not path.name.startswith(".")
    )
    return sorted(found, key=lambda path: natural_key(path.name))


def _markdown_files(folder: Path) -> list[Path]:
    return [
        path
        for path in _lesson_files(folder)
        if path.suffix.lower() != ".txt" and path.name.lower() not in NOT_LESSONS
    ]


def _read_lesson(entry: _Entry, max_chars: int) -> tuple[Lesson, float | None]:
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
    headings = (s.text for s in segments_from_markdown(body) if s.structure is Structure.HEADING)
    return next(headings, None)
