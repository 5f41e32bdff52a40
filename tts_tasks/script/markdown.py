"""Markdown to segments: what a reader sees of it, block by block."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tts_tasks.script.hidden import hide_in_markdown
from tts_tasks.values import Segment, Structure

MAX_NESTING = 100
"""Deepest nesting of Markdown blocks that is parsed; the library's default of 20 loses text."""

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
