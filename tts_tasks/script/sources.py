"""Text files as an author saved them: read, decoded, their front matter and YAML parsed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from tts_tasks.errors import SourceError, TextTooLongError

HEAD_BYTES = 65_536
"""How much of a file that is too long is looked at, to tell a binary file from a long text."""

MAX_UTF8_BYTES = 4
"""Longest UTF-8 sequence: a file over this many bytes per allowed character is not read in full."""

MAX_YAML_NODES = 200_000
"""Most values of a YAML document with its aliases written out: "billion laughs" are over it."""

_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")
_FENCE = re.compile(r"---[ \t]*(?:\n|$)")
_TOML = re.compile(r"\+\+\+[ \t]*\n(?:(?!\+\+\+)[^\n]*\n)*\+\+\+[ \t]*(?:\n|\Z)")
_LIKE_FRONT_MATTER = re.compile(
    r"\s*(?:id|title|language|voice|provider|parameters|policies|order|number):\s"
)
"""What begins like it; a text after a thematic break does not."""

_FENCE_END = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE)


def read_source(
    path: Path, *, max_chars: int, limit_setting: str = "NARRATION_MAX_LESSON_CHARS"
) -> str:
    """Read a text file as an author saved it.

    Args:
        path: the file.
        max_chars: longest text allowed, in characters.
        limit_setting: the setting that holds this limit, for the remedy.

    Returns:
        The text without byte-order mark, in Unicode NFC, lines ended by a single newline.

    Raises:
        SourceError: if it is missing, a folder, unreadable, binary or not UTF-8.
        TextTooLongError: if it has more than ``max_chars`` characters.
    """
    try:
        if path.is_dir():
            raise unreadable(path, "is a folder, not a text file", "give the path of a file")
        size_bytes = path.stat().st_size
        if size_bytes > max_chars * MAX_UTF8_BYTES + MAX_UTF8_BYTES:
            with path.open("rb") as file:
                _refuse_binary(path, file.read(HEAD_BYTES))
            raise too_long(path, f"{size_bytes} bytes", max_chars, limit_setting)
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise unreadable(path, "does not exist", "check the path and the spelling") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise unreadable(
            path, f"cannot be read ({reason})", "check the path and its permissions"
        ) from error
    text = _decode(path, data)
    if len(text) > max_chars:
        raise too_long(path, f"{len(text)} characters", max_chars, limit_setting)
    return text


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Split a text into its YAML front matter and its body.

    A text that does not start with a line ``---``, or never closes it, has no front matter.

    Raises:
        SourceError: if the front matter is TOML, or not a YAML mapping; names the line.
    """
    if _TOML.match(text):
        raise SourceError(
            "the front matter is TOML, between lines of +++",
            field="front matter",
            value="+++",
            remedy='write it as YAML: "key: value" lines between two lines of ---',
        )
    opening = _FENCE.match(text)
    closing = _FENCE_END.search(text, opening.end()) if opening else None
    if opening and closing is None and (begun := _LIKE_FRONT_MATTER.match(text, opening.end())):
        raise SourceError(
            "the front matter is never closed",
            field="front matter",
            value=begun[0].strip(),
            remedy="close it with a line of ---",
        )
    if opening is None or closing is None:
        return {}, text
    source = text[opening.end() : closing.start()]
    first = source.lstrip().partition("\n")[0]
    if first and not first.startswith(("#", "{")) and ":" not in first:
        return {}, text  # two thematic breaks around a paragraph
    loaded = load_yaml(source, "front matter", first_line=2)
    if loaded is None:
        loaded = {}
    if not isinstance(loaded, dict):
        raise SourceError(
            f"the front matter is a {type(loaded).__name__}, not a mapping",
            field="front matter",
            value=source,
            remedy='write it as "key: value" lines between two lines of ---',
        )
    return {str(key): value for key, value in loaded.items()}, text[closing.end() :]


class _DuplicateKeyError(yaml.constructor.ConstructorError):
    """A mapping gives a key twice; YAML's own loaders would keep the last one in silence."""


class _UniqueKeysLoader(yaml.SafeLoader):
    """The safe loader, strict about keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                raise _DuplicateKeyError(
                    problem=f"the key {key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def load_yaml(source: str, field: str, *, first_line: int = 1) -> object:
    """Parse one YAML document; see ``parse_yaml``."""
    return parse_yaml(source, field, first_line=first_line)[0]


def parse_yaml(source: str, field: str, *, first_line: int = 1) -> tuple[object, yaml.Node | None]:
    """Parse one YAML document.

    Args:
        source: the document.
        field: what the message calls it, e.g. ``"course.yaml"``.
        first_line: the number of the document's first line in its file.

    Returns:
        What it says, and its nodes, which know their lines; None for both if it is empty.

    Raises:
        SourceError: if it is broken, gives a key twice, or grows beyond measure through its
            aliases; names the line.
    """
    loader = _UniqueKeysLoader(source)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, None
        _refuse_bomb(node, field)
        _refuse_no_characters(node, field, first_line)
        return loader.construct_document(node), node
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise broken_yaml(error, source, field, first_line=first_line) from error
    finally:
        loader.dispose()


def _refuse_bomb(root: yaml.Node, field: str) -> None:
    """Raise if the aliases of a document stand for more than ``MAX_YAML_NODES`` nodes."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = MAX_YAML_NODES + 1  # what it is, should it hold itself
            if isinstance(node, yaml.MappingNode):
                sizes[id(node)] = 1 + sum(size(each) for pair in node.value for each in pair)
            elif isinstance(node, yaml.SequenceNode):
                sizes[id(node)] = 1 + sum(map(size, node.value))
            else:
                sizes[id(node)] = 1
        return sizes[id(node)]

    if size(root) > MAX_YAML_NODES:
        raise SourceError(
            f"its aliases stand for more than {MAX_YAML_NODES:,} values",
            field=field,
            value="*",
            remedy="write the values out where they belong",
        )


def _refuse_no_characters(root: yaml.Node, field: str, first_line: int) -> None:
    r"""Raise if a document says with escapes what a file must not hold: "\0", "\ud800"."""
    seen: set[int] = set()
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            nodes.extend(each for pair in node.value for each in pair)
        elif isinstance(node, yaml.SequenceNode):
            nodes.extend(node.value)
        elif found := _NO_CHARACTER.search(node.value):
            raise SourceError(
                f"U+{ord(found[0]):04X} at line {node.start_mark.line + first_line} "
                "is no character of a text",
                field=field,
                value=ascii(node.value),
                remedy="remove the escape, or write the character itself",
            )


def broken_yaml(error: Exception, source: str, field: str, *, first_line: int = 1) -> SourceError:
    """Translate what PyYAML raised; see ``load_yaml``."""
    mark = getattr(error, "problem_mark", None)
    where = f" at line {mark.line + first_line}" if mark else ""
    problem = getattr(error, "problem", None) or type(error).__name__
    lines = source.splitlines()
    shown = lines[mark.line] if mark and mark.line < len(lines) else source
    return SourceError(
        f"broken YAML{where}: {problem}",
        field=field,
        value=shown,
        remedy="keep one of them"
        if isinstance(error, _DuplicateKeyError)
        else "correct the line; values that contain a colon need quotes",
    )


def _refuse_binary(path: Path, data: bytes) -> None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise unreadable(path, "is UTF-16, not UTF-8", "save it as UTF-8")
    nul = data.find(b"\0")
    if nul >= 0:
        raise unreadable(
            path,
            f"is a binary file (a NUL byte at offset {nul})",
            "give a text file: Markdown or plain text in UTF-8",
        )


def _decode(path: Path, data: bytes) -> str:
    _refuse_binary(path, data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        offset = error.start
        line = data.count(b"\n", 0, offset) + 1
        raise unreadable(
            path,
            f"is not UTF-8: byte 0x{data[offset]:02x} at offset {offset}, line {line}",
            "save it as UTF-8; it may be in Windows-1252 or Latin-1 now",
        ) from error
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def unreadable(path: Path, problem: str, remedy: str) -> SourceError:
    """Return the error about a file that cannot be read as what it should be."""
    return SourceError(f"{path} {problem}", field="source", value=path, remedy=remedy)


def too_long(path: Path, length: str, max_chars: int, limit_setting: str) -> TextTooLongError:
    """Return the error about a file whose text is over the limit."""
    return TextTooLongError(
        f"{path} has {length}; the limit is {max_chars} characters",
        field="source",
        value=path,
        remedy=f"split it into several lessons, or raise {limit_setting}",
    )
