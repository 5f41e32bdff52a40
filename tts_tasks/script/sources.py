"""Source files to segments: Markdown and plain text, parsed; what to say is decided elsewhere."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tts_tasks.errors import SourceError, TextTooLongError
from tts_tasks.script.hidden import hide_in_markdown
from tts_tasks.values import Segment, Structure

CODE_BLOCK_POLICY = "skip"
"""What happens to fenced and indented code: it is on the screen, so the voice leaves it out."""

MAX_NESTING = 100
"""Deepest nesting of Markdown blocks that is parsed; the library's default of 20 loses text."""

HEAD_BYTES = 65_536
"""How much of a file that is too long is looked at, to tell a binary file from a long text."""

MAX_UTF8_BYTES = 4
"""Longest UTF-8 sequence: a file over this many bytes per allowed character is not read in full."""

_FENCE = re.compile(r"---[ \t]*(?:\n|$)")
_TOML = re.compile(r"\+\+\+[ \t]*\n(?:(?!\+\+\+)[^\n]*\n)*\+\+\+[ \t]*(?:\n|\Z)")
_FENCE_END = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_TASK_BOX = re.compile(r"\[[ xX]\]\s+")
_FOOTNOTE_START = re.compile(r"^( {0,3})\[\^", re.MULTILINE)
_FOOTNOTE_DEFINITION = re.compile(r"\[\^[^\]\s]+\]:\s*")
_FOOTNOTE_MARK = re.compile(r"\[\^[^\]\s]+\]")

_UNSAID_TAGS = ("script", "style", "pre", "template")
_UNSAID_HTML = re.compile(
    rf"<!--.*?(?:-->|\Z)|<({'|'.join(_UNSAID_TAGS)})\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
_BLOCK_TAG = re.compile(
    r"</?(address|article|aside|blockquote|br|caption|center|dd|details|dialog|div|dl|dt|fieldset"
    r"|figcaption|figure|footer|form|h[1-6]|header|hr|legend|li|main|nav|ol|option|p|section|select"
    r"|summary|table|tbody|td|tfoot|th|thead|title|tr|ul)\b[^<>]*+>",
    re.IGNORECASE,
)
_IMAGE_TAG = re.compile(r"<img\b[^<>]*+>", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?[A-Za-z][^<>]*+>|<[!?][^<>]*+>")
_TAG_NAME = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)")
_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)


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
            raise _unreadable(path, "is a folder, not a text file", "give the path of a file")
        size_bytes = path.stat().st_size
        if size_bytes > max_chars * MAX_UTF8_BYTES + MAX_UTF8_BYTES:
            with path.open("rb") as file:
                _refuse_binary(path, file.read(HEAD_BYTES))
            raise _too_long(path, f"{size_bytes} bytes", max_chars, limit_setting)
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise _unreadable(path, "does not exist", "check the path and the spelling") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(
            path, f"cannot be read ({reason})", "check the path and its permissions"
        ) from error
    text = _decode(path, data)
    if len(text) > max_chars:
        raise _too_long(path, f"{len(text)} characters", max_chars, limit_setting)
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
    """Parse one YAML document.

    Args:
        source: the document.
        field: what the message calls it, e.g. ``"course.yaml"``.
        first_line: the number of the document's first line in its file.

    Raises:
        SourceError: if it is broken, or gives a key twice; names the line.
    """
    try:
        return yaml.load(source, Loader=_UniqueKeysLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise broken_yaml(error, source, field, first_line=first_line) from error


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


def segments_from_text(text: str) -> list[Segment]:
    """Return the paragraphs of a plain text, which blank lines separate."""
    paragraphs = (_one_line(block) for block in _BLANK_LINES.split(text))
    return [Segment(paragraph) for paragraph in paragraphs if paragraph]


def segments_from_markdown(text: str) -> list[Segment]:
    """Return the blocks of a Markdown text in reading order, without their markup.

    Headings, paragraphs, list items and quotes are a segment each; a table gives one segment per
    row, each value after its column's header. Links keep their text, images their alternative
    text, inline code its content. Of HTML the text stays, of its images the alternative text.
    Code blocks, comments, scripts and styles are left out. Phoneme marks stay as they are, around
    their term without its markup.
    """
    hidden = hide_in_markdown(text, _inline_markdown)
    return [
        replace(segment, text=_one_line(hidden.with_marks(segment.text)))
        for segment in _segments_of_blocks(hidden.text)
    ]


def _segments_of_blocks(text: str) -> list[Segment]:
    segments: list[Segment] = []
    enclosing: list[Structure] = []
    # "[^1]: note" would be a link definition, which shows nothing.
    tokens = _parser().parse(_FOOTNOTE_START.sub(r"\1\\[^", text))
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.type == "table_open":
            end = _closing(tokens, index)
            segments.extend(_table_rows(tokens[index:end]))
            index = end
        elif token.type in _ENCLOSING:
            enclosing.append(_ENCLOSING[token.type])
        elif token.type in _CLOSING:
            enclosing.pop()
        elif token.type == "inline":
            spoken = _inline_text(token.children or [])
            spoken = _TASK_BOX.sub("", spoken, count=1) if _TASK_BOX.match(spoken) else spoken
            if spoken:
                segments.append(Segment(spoken, _structure(enclosing)))
        elif token.type == "html_block":
            segments.extend(_html_segments(token.content, _structure(enclosing)))
        index += 1
    return segments


_ENCLOSING = {
    "heading_open": Structure.HEADING,
    "list_item_open": Structure.LIST_ITEM,
    "blockquote_open": Structure.QUOTE,
}
_CLOSING = frozenset(name.replace("_open", "_close") for name in _ENCLOSING)


_HTML_STRUCTURES = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), Structure.HEADING),
    "li": Structure.LIST_ITEM,
    "blockquote": Structure.QUOTE,
}


def _structure(enclosing: Sequence[Structure]) -> Structure:
    return enclosing[-1] if enclosing else Structure.PARAGRAPH


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable(["table", "strikethrough"])


def _closing(tokens: Sequence[Token], opening: int) -> int:
    """Return the index of the token that closes the one at ``opening``."""
    level = tokens[opening].level
    name = tokens[opening].type.replace("_open", "_close")
    index = opening + 1
    while not (tokens[index].type == name and tokens[index].level == level):
        index += 1
    return index


def _table_rows(tokens: Sequence[Token]) -> list[Segment]:
    """Return one segment per row: each value after its header."""
    rows: list[list[str]] = []
    header_rows = 0
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_inline_text(token.children or []))
        elif token.type == "thead_close":
            header_rows = len(rows)
    headers, body = (rows[0], rows[1:]) if header_rows else ([], rows)
    sentences = [_row_sentence(headers, row) for row in body]
    if not body:
        sentences = [_row_sentence([], headers)]
    return [Segment(sentence, Structure.TABLE_ROW) for sentence in sentences if sentence]


def _row_sentence(headers: Sequence[str], row: Sequence[str]) -> str:
    parts = []
    for column, value in enumerate(row):
        header = headers[column].rstrip(" :") if column < len(headers) else ""
        if value:
            parts.append(f"{header}: {value.rstrip('.;')}" if header else value.rstrip(".;"))
    return "; ".join(parts) + "." if parts else ""


def _inline_text(children: Sequence[Token]) -> str:
    """Return what a reader sees of inline Markdown, on one line."""
    parts: list[str] = []
    unsaid: str | None = None
    for token in children:
        if token.type == "html_inline":
            tag = _TAG_NAME.match(token.content)
            name = tag[2].lower() if tag else ""
            if unsaid is None and name in _UNSAID_TAGS and not token.content.endswith("/>"):
                unsaid = name
            elif tag and tag[1] and name == unsaid:
                unsaid = None
            elif name == "br":
                parts.append(" ")
            elif name == "img":
                parts.append(_alternative_text(token.content))
        elif unsaid is not None:
            continue
        elif token.type in ("text", "code_inline", "text_special"):
            parts.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif token.type == "image":
            parts.append(_inline_text(token.children or []))
    text = _FOOTNOTE_DEFINITION.sub("", "".join(parts))
    return _one_line(_FOOTNOTE_MARK.sub("", text))


def _inline_markdown(source: str) -> str:
    """Return what a reader sees of a few words of Markdown."""
    [inline] = _parser().parseInline(source)
    return _inline_text(inline.children or [])


def _html_segments(source: str, structure: Structure) -> list[Segment]:
    """Return the text of raw HTML, a segment per block element."""
    segments = []
    kept = _UNSAID_HTML.sub(" ", source)
    texts = _BLOCK_TAG.split(kept)  # text, name of the tag, text, name of the tag, ...
    for name, text in zip(["", *texts[1::2]], texts[0::2], strict=True):
        with_images = _IMAGE_TAG.sub(lambda m: _alternative_text(m[0]), text)
        spoken = _one_line(html.unescape(_ANY_TAG.sub("", with_images)))
        if spoken:
            segments.append(Segment(spoken, _HTML_STRUCTURES.get(name.lower(), structure)))
    return segments


def _alternative_text(image_tag: str) -> str:
    found = _ALT.search(image_tag)
    return html.unescape(found[1] or found[2] or "") if found else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _refuse_binary(path: Path, data: bytes) -> None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _unreadable(path, "is UTF-16, not UTF-8", "save it as UTF-8")
    nul = data.find(b"\0")
    if nul >= 0:
        raise _unreadable(
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
        raise _unreadable(
            path,
            f"is not UTF-8: byte 0x{data[offset]:02x} at offset {offset}, line {line}",
            "save it as UTF-8; it may be in Windows-1252 or Latin-1 now",
        ) from error
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def _unreadable(path: Path, problem: str, remedy: str) -> SourceError:
    return SourceError(f"{path} {problem}", field="source", value=path, remedy=remedy)


def _too_long(path: Path, length: str, max_chars: int, limit_setting: str) -> TextTooLongError:
    return TextTooLongError(
        f"{path} has {length}; the limit is {max_chars} characters",
        field="source",
        value=path,
        remedy=f"split it into several lessons, or raise {limit_setting}",
    )
