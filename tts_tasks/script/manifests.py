"""What a course says about itself: a folder, a YAML file (course.yaml), or a table (CSV).

Reads the manifest and lists its lessons; ``course_files`` finds their files, ``lessons`` reads
them.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tts_tasks.errors import CourseError, SourceError, TextTooLongError
from tts_tasks.request import Markup
from tts_tasks.script.course_fields import refuse_unknown_keys
from tts_tasks.script.course_files import (
    COURSE_FILE,
    COURSE_FILES,
    YAML_SUFFIXES,
    LessonEntry,
    inline_entry,
    listed_entries,
    locate,
    only_one,
    refuse_markup_of_file,
    text_and_file,
    unlisted_files,
)
from tts_tasks.script.sources import parse_yaml, read_source

MAX_MANIFEST_CHARS = 1_000_000
"""Longest manifest, with the lessons that stand in it: some 18 hours of speech."""

CSV_SUFFIX = ".csv"
DELIMITERS = (",", ";", "\t")
"""What may separate the columns of a table; Excel in Portuguese writes semicolons."""

COURSE_KEYS = (
    "id",
    "title",
    "language",
    "voice",
    "provider",
    "parameters",
    "policies",
    "policy",
    "format",
    "profile",
    "quality",
    "accept_flagged",
    "audiobook",
    "cover",
    "lexicon",
    "lessons",
)
COLUMNS = ("id", "title", "text", "file", "language", "voice", "provider", "markup", "order")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A course as it is listed, before its lessons are read."""

    folder: Path
    """Where its files are."""

    name: str
    """What it is called where it has no id and no title: its folder, or its file's stem."""

    entries: list[LessonEntry]
    """Its lessons."""

    is_ordered: bool
    """Whether its author put them in this order; otherwise their front matter may."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Its other keys, known ones only."""

    file: str = COURSE_FILE
    """What messages call the place of the settings."""


def read_manifest(path: Path) -> Manifest:
    """Read a course's manifest.

    Args:
        path: a folder, with or without course.yaml, or a file .yaml, .yml or .csv.

    Raises:
        SourceError: if it is missing, unreadable, or neither a folder nor such a file.
        CourseError: if it has a wrong key, column, row or type.
    """
    try:
        is_there = path.exists()
    except (OSError, ValueError):  # a name that no system takes
        is_there = False
    if not is_there:
        raise SourceError(
            f"there is no folder {path}",
            field="course",
            value=path,
            remedy="give the path of a folder with course.yaml or lessons, or of a manifest",
        )
    if path.is_dir():
        course_file = only_one(path, COURSE_FILES)
        if course_file is None:
            return Manifest(path, path.resolve().name, _unlisted(path), is_ordered=False)
        return _read_yaml(course_file, path.resolve().name)
    suffix = path.suffix.lower()
    if path.name in COURSE_FILES:
        return _read_yaml(path, path.resolve().parent.name)
    if suffix in YAML_SUFFIXES:
        return _read_yaml(path, path.stem)
    if suffix == CSV_SUFFIX:
        return Manifest(path.parent, path.stem, _read_csv(path), is_ordered=True, file=path.name)
    raise SourceError(
        f"{path} is a file, not a folder",
        field="course",
        value=path,
        remedy=f"give the folder that holds it: {path.parent}; or a manifest: .csv, .yaml",
    )


def _unlisted(folder: Path) -> list[LessonEntry]:
    return [LessonEntry(path) for path in unlisted_files(folder)]


def _read_yaml(path: Path, name: str) -> Manifest:
    source = _read_text(path)
    config, root = parse_yaml(source, path.name)
    if config is None:
        config = {}
    if not isinstance(config, dict):
        raise CourseError(
            f"it is a {type(config).__name__}, not a mapping",
            field=path.name,
            value=source,
            remedy=f'write "key: value" lines with the keys {", ".join(COURSE_KEYS)}',
        )
    refuse_unknown_keys(config, COURSE_KEYS, path.name)
    is_listed = "lessons" in config
    if is_listed:
        entries = listed_entries(path, config["lessons"], lesson_lines(root))
    else:
        entries = _unlisted(path.parent) if path.name in COURSE_FILES else []
    return Manifest(path.parent, name, entries, is_listed, config, path.name)


def _read_text(path: Path) -> str:
    try:
        return read_source(path, max_chars=MAX_MANIFEST_CHARS)
    except TextTooLongError as problem:
        raise TextTooLongError(
            problem.message,
            field="course",
            value=path,
            remedy="move the texts of its lessons into files of their own",
        ) from problem


def lesson_lines(root: yaml.Node | None) -> list[tuple[int, int]]:
    """Return for each lesson of a course file its line, and the line where its text begins."""
    lessons = _value(root, "lessons")
    if not isinstance(lessons, yaml.SequenceNode):
        return []
    lines = []
    for item in lessons.value:
        text = _value(item, "text") or item
        # The text of "text: |" begins in the line after it.
        is_block = isinstance(text, yaml.ScalarNode) and text.style in ("|", ">")
        lines.append((item.start_mark.line + 1, text.start_mark.line + (2 if is_block else 1)))
    return lines


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a table: what is in its columns, and where."""

    cells: Mapping[str, str]
    """Column -> text; empty cells are left out."""

    line: int
    """Line where the row begins."""

    text_line: int
    """Line where its text begins."""


def _read_csv(path: Path) -> list[LessonEntry]:
    """Return the lessons of a table, in its order, or that of its column ``order``."""
    source = _read_text(path)
    entries = []
    for row in _rows(source, path):
        entry = _row_entry(path, row)
        order = row.cells.get("order")
        number = math.inf if order is None else _number(order)
        if number is None:
            raise CourseError(
                f"{path.name}, line {row.line}: the order {order!r} is not a number",
                field="order",
                value=order,
                remedy="write the lesson's position as a number, e.g. 2",
            )
        entries.append((number, entry))
    return [entry for _, entry in sorted(entries, key=lambda pair: pair[0])]


def _rows(source: str, path: Path) -> Iterator[_Row]:
    """Yield the rows of a table that have anything in them."""
    delimiter = _delimiter(source)
    reader = csv.reader(io.StringIO(source, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _wrong_row(
                path,
                line,
                f"it is no CSV ({error})",
                "close its quotation marks, or split a very long text",
                "",
            ) from error
        if cells is None:
            break
        if not columns:
            columns = _columns(cells, path, delimiter)
        elif any(cell.strip() for cell in cells):
            if len(cells) != len(columns):
                raise _wrong_row(
                    path,
                    line,
                    f"it has {len(cells)} fields; the header has {len(columns)} columns",
                    f'put a text that contains {delimiter!r} in quotation marks: "..."',
                    delimiter.join(cells),
                )
            row = dict(zip(columns, cells, strict=True))
            before = cells[: columns.index("text")] if "text" in row else []
            text_line = line + sum(cell.count("\n") for cell in before)
            yield _Row({c: v for c, v in row.items() if v.strip()}, line, text_line)
        line = reader.line_num + 1
    if not columns:
        raise _wrong_row(path, 1, "it is empty", f"name the columns: {', '.join(COLUMNS)}", "")


def _delimiter(source: str) -> str:
    """Return the delimiter with which the most columns of the header are known."""

    def known(delimiter: str) -> int:
        header = source.lstrip("\n").partition("\n")[0].split(delimiter)
        return sum(name.strip().strip('"').lower() in COLUMNS for name in header)

    return max(DELIMITERS, key=known)


def _columns(cells: list[str], path: Path, delimiter: str) -> list[str]:
    """Return the header's columns, checked."""
    names = [cell.strip().lower() for cell in cells]
    for name in names:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"the columns are {', '.join(COLUMNS)}"
            raise _wrong_row(path, 1, f"there is no column {name!r}", remedy, name)
        if names.count(name) > 1:
            raise _wrong_row(path, 1, f"the column {name!r} is there twice", "keep one", name)
    if "text" not in names and "file" not in names:
        what = "there is no column for the text"
        raise _wrong_row(path, 1, what, "add the column text, or file", delimiter.join(cells))
    return names


def _row_entry(path: Path, row: _Row) -> LessonEntry:
    """Return the lesson of a row; what is wrong with it becomes its error."""
    listed = {column: text for column, text in row.cells.items() if column != "order"}
    name = listed.pop("file", "").strip()
    where = f"{path.name}, line {row.line}"
    try:
        if "text" in listed:
            if name:
                raise text_and_file(path.name, row.line, name)
            return inline_entry(path, listed, (row.line, row.text_line), Markup.TEXT)
        if not name:
            raise CourseError(
                f"the lesson in line {row.line} has neither a text nor a file",
                field=path.name,
                value=listed.get("id"),
                remedy="write its text, or the name of its file",
            )
        refuse_markup_of_file(listed, path.name, row.line)
    except CourseError as problem:
        listed = {key: value for key, value in listed.items() if key not in ("text", "markup")}
        return LessonEntry(path, listed, problem, line=row.line)
    return locate(path.parent, {}, name, listed, where)


def _number(text: str) -> float | None:
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _wrong_row(path: Path, line: int, problem: str, remedy: str, value: str) -> SourceError:
    return SourceError(
        f"{path.name}, line {line}: {problem}", field="course", value=value, remedy=remedy
    )
