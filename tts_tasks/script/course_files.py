"""Which files a course consists of: those that course.yaml lists, or those in the folder.

Reads course.yaml and looks for files; what is in a lesson's file is ``course``'s business.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tts_tasks.errors import CourseError, InputError, SourceError
from tts_tasks.script.course_fields import id_from_name, kind, natural_key, refuse_unknown_keys
from tts_tasks.script.sources import load_yaml, read_source

COURSE_FILE = "course.yaml"
COURSE_FILES = (COURSE_FILE, "course.yml")
"""Both endings of YAML are read; a folder has one of them."""

LEXICON_FILES = ("lexicon.yaml", "lexicon.yml")
"""The lexicon of a course whose course.yaml names none."""

YAML_SUFFIXES = (".yaml", ".yml")
LESSON_SUFFIXES = (".md", ".markdown", ".txt")
NOT_LESSONS = frozenset({"readme.md", "changelog.md", "license.md"})
"""Files that a folder without ``course.yaml`` may hold beside its lessons."""

MAX_COURSE_FILE_CHARS = 1_000_000

COURSE_KEYS = (
    "id",
    "title",
    "language",
    "voice",
    "provider",
    "parameters",
    "format",
    "lexicon",
    "lessons",
)
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


@dataclass(frozen=True, slots=True)
class Entry:
    """A lesson as the course lists it, before its file is read."""

    path: Path
    listed: Mapping[str, Any] = field(default_factory=dict)
    error: InputError | None = None


def read_config(folder: Path) -> dict[str, Any]:
    """Return what course.yaml says, checked for unknown keys; empty if there is none."""
    path = _only_one(folder, COURSE_FILES)
    if path is None:
        return {}
    source = read_source(
        path, max_chars=MAX_COURSE_FILE_CHARS, limit_setting="MAX_COURSE_FILE_CHARS"
    )
    config = load_yaml(source, path.name)
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


def lexicon_file(folder: Path, named: str | None) -> Path | None:
    """Return the course's lexicon, None if it has none.

    Args:
        folder: the course's folder.
        named: what course.yaml calls it; by default ``lexicon.yaml``, if there is one.
    """
    if named is None:
        path = _only_one(folder, LEXICON_FILES)
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


def _only_one(folder: Path, names: tuple[str, ...]) -> Path | None:
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


def listed_entries(folder: Path, lessons: object) -> list[Entry]:
    """Return the lessons that course.yaml lists, in its order."""
    if not isinstance(lessons, list):
        raise CourseError(
            f"lessons is {kind(lessons)}, not a list",
            field="lessons",
            value=lessons,
            remedy="list one file name or id per line, each after a hyphen",
        )
    by_id = {id_from_name(path): path for path in lesson_files(folder)}
    return [
        _listed_entry(folder, by_id, item, f"lessons[{position}]")
        for position, item in enumerate(lessons, start=1)
    ]


def _listed_entry(folder: Path, by_id: Mapping[str, Path], item: object, where: str) -> Entry:
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
) -> Entry:
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
        return Entry(folder / Path(name.replace("\0", "")).name, listed, outside)
    if not path.exists():
        near = difflib.get_close_matches(name, [p.name for p in by_id.values()] + [*by_id], n=1)
        missing = SourceError(
            f"there is no file {name} in {folder}",
            field=where,
            value=name,
            remedy=f"did you mean {near[0]}?" if near else "add the file or correct its name",
        )
        return Entry(path, listed, missing)
    if path.suffix.lower() in YAML_SUFFIXES:
        no_lesson = SourceError(
            f"{name} is a YAML file, not a lesson",
            field=where,
            value=name,
            remedy=f"list Markdown or text files; a lexicon is named by lexicon in {COURSE_FILE}",
        )
        return Entry(path, listed, no_lesson)
    return Entry(path, listed)


def lesson_files(folder: Path) -> list[Path]:
    """Return the files that course.yaml may name, in natural order."""
    found = (
        path
        for path in folder.iterdir()
        if path.suffix.lower() in LESSON_SUFFIXES and not path.name.startswith(".")
    )
    return sorted(found, key=lambda path: natural_key(path.name))


def markdown_files(folder: Path) -> list[Path]:
    """Return the lessons of a folder without course.yaml, in natural order."""
    return [
        path
        for path in lesson_files(folder)
        if path.suffix.lower() != ".txt" and path.name.lower() not in NOT_LESSONS
    ]
