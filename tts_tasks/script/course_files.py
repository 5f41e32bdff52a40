"""Which files a course consists of: those that its manifest lists, or those in the folder.

Looks for files; what is in a manifest is ``manifests``'s business, what is in a lesson's file
``lessons``'s.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tts_tasks.errors import CourseError, InputError, SourceError
from tts_tasks.request import Markup
from tts_tasks.script.course_fields import (
    id_from_name,
    kind,
    markup_of,
    natural_key,
    refuse_unknown_keys,
)
from tts_tasks.script.readers import MARKUPS, Document

COURSE_FILE = "course.yaml"
COURSE_FILES = (COURSE_FILE, "course.yml")
"""Both endings of YAML are read; a folder has one of them."""

LEXICON_FILES = ("lexicon.yaml", "lexicon.yml")
"""The lexicon of a course whose course.yaml names none."""

YAML_SUFFIXES = (".yaml", ".yml")
LESSON_SUFFIXES = tuple(MARKUPS)
FILE_KEYS = ("file", "source", "path")
"""Keys that name a lesson's file; they mean the same."""

HIDDEN = (".", "~$")
"""Beginnings of the names of hidden files, and of the files that Office makes of open ones."""

LIKE_LESSONS = (".txt", ".html", ".htm", ".rtf", ".doc", ".ppt", ".odt", ".odp", ".pdf", ".epub")
"""Suffixes of texts that a folder without ``course.yaml`` leaves out: notes, or not understood."""

NOT_LESSONS = frozenset({"readme.md", "changelog.md", "license.md"})
"""Files that a folder without ``course.yaml`` may hold beside its lessons."""

LESSON_KEYS = (
    "id",
    "file",
    "source",
    "path",
    "text",
    "markup",
    "title",
    "language",
    "voice",
    "provider",
    "parameters",
    "policies",
)


@dataclass(frozen=True, slots=True)
class LessonEntry:
    """A lesson as the course lists it, before its file is read."""

    path: Path
    """The lesson's file; the manifest, for a lesson whose text stands there."""

    listed: Mapping[str, Any] = field(default_factory=dict)
    """What the manifest says about it."""

    error: InputError | None = None
    """Why it cannot be read."""

    inline: Document | None = None
    """Its text, where it stands in the manifest."""

    line: int | None = None
    """Line of the manifest that lists it, where that is all the place it has."""

    @property
    def where(self) -> str:
        """What messages call its place: ``aula.md`` or ``curso.csv, line 3``."""
        return self.path.name if self.line is None else f"{self.path.name}, line {self.line}"


def lexicon_file(folder: Path, named: str | None) -> Path | None:
    """Return the course's lexicon, None if it has none.

    Args:
        folder: the course's folder.
        named: what course.yaml calls it; by default ``lexicon.yaml``, if there is one.
    """
    if named is None:
        path = only_one(folder, LEXICON_FILES)
        if path is None:
            return None
        named = path.name
    path = folder / named
    if "\0" in named or not path.resolve().is_relative_to(folder.resolve()):
        raise SourceError(
            f"{named} is outside the course's folder",
            field="lexicon",
            value=named,
            remedy=f"copy it into {folder}",
        )
    if path.suffix.lower() not in YAML_SUFFIXES:
        raise CourseError(
            f"the lexicon {named} is not named like a YAML file",
            field="lexicon",
            value=named,
            remedy=f"rename it, e.g. {LEXICON_FILES[0]}",
        )
    if not path.exists():
        others = [other.name for other in folder.iterdir() if other.suffix in YAML_SUFFIXES]
        near = difflib.get_close_matches(named, others, n=1)
        raise SourceError(
            f"there is no file {named} in {folder}",
            field="lexicon",
            value=named,
            remedy=f"did you mean {near[0]}?" if near else "add the file or correct its name",
        )
    return path


def only_one(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Return the one file of these names, None if there is none; several are an error."""
    found = [path for path in map(folder.joinpath, names) if path.exists() or path.is_symlink()]
    if len(found) > 1:
        raise CourseError(
            f"{folder} has both {' and '.join(names)}",
            field=names[0],
            value=folder,
            remedy=f"keep {names[0]} only",
        )
    return found[0] if found else None


def listed_entries(
    manifest: Path, lessons: object, lines: Sequence[tuple[int, int]]
) -> list[LessonEntry]:
    """Return the lessons that course.yaml, or a manifest like it, lists, in its order.

    Args:
        manifest: the file.
        lessons: what it says under ``lessons``.
        lines: for each of them its line, and the line where its ``text`` begins.
    """
    if not isinstance(lessons, list):
        raise CourseError(
            f"lessons is {kind(lessons)}, not a list",
            field="lessons",
            value=lessons,
            remedy="list one file name or id per line, each after a hyphen",
        )
    by_id = {id_from_name(path): path for path in lesson_files(manifest.parent)}
    return [
        # What a YAML merge brings in has no lines of its own.
        _listed_entry(manifest, by_id, item, position, line or (1, 1))
        for position, (item, line) in enumerate(zip_longest(lessons, lines), start=1)
    ]


def _listed_entry(
    manifest: Path, by_id: Mapping[str, Path], item: object, position: int, lines: tuple[int, int]
) -> LessonEntry:
    where = f"lessons[{position}]"
    if isinstance(item, dict):
        refuse_unknown_keys(item, LESSON_KEYS, f"{where}, line {lines[0]}")
        item = {str(key): value for key, value in item.items()}
        files = [key for key in FILE_KEYS if key in item]
        if len(files) > 1:
            raise CourseError(
                f"{' and '.join(files)} mean the same in line {lines[0]}",
                field=where,
                value=item[files[1]],
                remedy='keep "file" only',
            )
        name = item.get(files[0]) if files else item.get("id")
        listed = {key: value for key, value in item.items() if key not in files}
        if "text" in item:
            if files:
                raise text_and_file(where, lines[0], name)
            return inline_entry(manifest, listed, lines, Markup.MARKDOWN)
    else:
        name, listed = item, {}
    if isinstance(name, bool) or not isinstance(name, str | int) or not str(name).strip():
        raise CourseError(
            f"a lesson needs a file name or an id, got {kind(name)} in line {lines[0]}",
            field=where,
            value=item,
            remedy="write the name of a file in the course's folder, or the lesson's text "
            'after "text:"',
        )
    refuse_markup_of_file(listed, where, lines[0])
    return locate(manifest.parent, by_id, str(name).strip(), listed, where)


def inline_entry(
    manifest: Path, listed: Mapping[str, Any], lines: tuple[int, int], markup: Markup
) -> LessonEntry:
    """Return a lesson whose text stands in the manifest; what is wrong with it is its error.

    Args:
        manifest: the file.
        listed: what it says about the lesson, with its ``text``.
        lines: line of the lesson, and line where its text begins.
        markup: of a text whose markup is not given.
    """
    text = listed["text"]
    rest = {key: value for key, value in listed.items() if key not in ("text", "markup")}
    entry = LessonEntry(manifest, rest, line=lines[0])
    try:
        if not isinstance(text, str):
            raise CourseError(
                f"the text in {entry.where} is {kind(text)}, not text",
                field="text",
                value=text,
                remedy='put it in quotes, or write it in the lines after "text: |"',
            )
        if rest.get("id") is None and rest.get("title") is None:
            raise CourseError(
                f"the lesson in {entry.where} has neither an id nor a title",
                field="id",
                value=text,
                remedy='give it an "id", e.g. boas-vindas',
            )
        as_written = unicodedata.normalize("NFC", text)
        found = markup_of(listed, entry.where, markup)
    except InputError as problem:
        return replace(entry, error=problem)
    return replace(entry, inline=Document(as_written, found, lines[1]))


def text_and_file(field: str, line: int, name: object) -> CourseError:
    """Return the error about a lesson that has a text and a file."""
    return CourseError(
        f"the lesson in line {line} has both a text and a file",
        field=field,
        value=name,
        remedy="keep one of them",
    )


def refuse_markup_of_file(listed: Mapping[str, Any], field: str, line: int) -> None:
    """Raise if a lesson that is a file has a markup: its suffix decides that."""
    if listed.get("markup") is not None:
        raise CourseError(
            f"the lesson in line {line} has a markup and a file, whose suffix says its markup",
            field=field,
            value=listed["markup"],
            remedy=f"remove the markup, or give the file another suffix: {', '.join(MARKUPS)}",
        )


def locate(
    folder: Path, by_id: Mapping[str, Path], name: str, listed: Mapping[str, Any], where: str
) -> LessonEntry:
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
        return LessonEntry(folder / Path(name.replace("\0", "")).name, listed, outside)
    if not path.exists():
        near = difflib.get_close_matches(name, [p.name for p in by_id.values()] + [*by_id], n=1)
        missing = SourceError(
            f"there is no file {name} in {folder}",
            field=where,
            value=name,
            remedy=f"did you mean {near[0]}?" if near else "add the file or correct its name",
        )
        return LessonEntry(path, listed, missing)
    if path.suffix.lower() not in LESSON_SUFFIXES:
        no_lesson = SourceError(
            f"{name} is {_named_kind(path)}, not a lesson",
            field=where,
            value=name,
            remedy=f"a lesson is a file {', '.join(LESSON_SUFFIXES)}; a lexicon is named by "
            f"lexicon in {COURSE_FILE}",
        )
        return LessonEntry(path, listed, no_lesson)
    return LessonEntry(path, listed)


def _named_kind(path: Path) -> str:
    if path.suffix.lower() in YAML_SUFFIXES:
        return "a YAML file"
    return f"a {path.suffix} file" if path.suffix else "a file without a suffix"


def lesson_files(folder: Path) -> list[Path]:
    """Return the files that course.yaml may name, in natural order."""
    found = (
        path
        for path in folder.iterdir()
        if path.suffix.lower() in LESSON_SUFFIXES and not path.name.startswith(HIDDEN)
    )
    return sorted(found, key=lambda path: natural_key(path.name))


def unlisted_files(folder: Path) -> list[Path]:
    """Return the lessons of a folder without course.yaml, in natural order.

    Plain text is not among them: it is what notes are written in.
    """
    return [
        path
        for path in lesson_files(folder)
        if path.suffix.lower() != ".txt" and path.name.lower() not in NOT_LESSONS
    ]


def left_out(folder: Path) -> list[str]:
    """Return the names of files in a folder that its course does not take for lessons.

    Only those that an author may have meant as one: no pictures, no hidden files.
    """
    if not folder.is_dir() or any((folder / name).exists() for name in COURSE_FILES):
        return []
    taken = set(unlisted_files(folder))
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix.lower() in LIKE_LESSONS
        and path not in taken
        and path.is_file()
        and path.name.lower() not in NOT_LESSONS
        and not path.name.startswith(".")
    )
