"""Markdown to segments: what a reader sees of it, block by block, each with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from markdown_it.token import Token

from tts_tasks.errors import SourceError
from tts_tasks.marks import LITERAL
from tts_tasks.request import CodePolicy, Policies, TablePolicy
from tts_tasks.script.hidden import hide_in_markdown
from tts_tasks.script.markdown_inline import MAX_NESTING, inline_markdown, inline_text, parser
from tts_tasks.script.raw_html import refuse_unclosed, segments_from_html
from tts_tasks.values import Segment, Structure

ANNOUNCEMENTS = {
    "pt": "Veja o código na tela.",
    "en": "See the code on the screen.",
    "es": "Vea el código en la pantalla.",
}
"""What is said instead of a block of code, by language; English in any other one."""

_TASK_BOX = re.compile(r"\[[ xX]\]\s+")
_FENCE_WITH_INFO = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*[^\s`]")
_CONTAINER = re.compile(r"[\s>]+")
_BAR = re.compile(r"(?<!\\)\|")


def segments_from_markdown(
    text: str,
    policies: Policies | None = None,
    *,
    language: str = "pt-BR",
    first_line: int = 1,
) -> list[Segment]:
    """Return the blocks of a Markdown text in reading order, without their markup.

    Headings, paragraphs, list items and quotes are a segment each; a table gives one segment per
    row, each value after its column's header. Links keep their text, images their alternative
    text, inline code its content. Of HTML the text stays, of its images the alternative text.
    Comments, scripts and styles are left out. Phoneme marks stay as they are, around their term
    without its markup.

    Args:
        text: the Markdown.
        policies: what to do with blocks of code and with tables; by default the first are left
            out, and the second read.
        language: BCP 47 tag of the text, for what is said instead of code.
        first_line: number of the text's first line in its file.

    Raises:
        SourceError: if something is not closed that would swallow what follows, or a row has more
            values than its table has columns; names the line.
    """
    hidden = hide_in_markdown(text, inline_markdown)
    base = language.lower().replace("_", "-").split("-")[0]
    reader = _Reader(
        lines=hidden.text.split("\n"),
        marks=hidden.marks,
        first_line=first_line,
        policies=policies or Policies(),
        announcement=ANNOUNCEMENTS.get(base, ANNOUNCEMENTS["en"]),
    )
    _read_blocks(reader, parser().parse(hidden.text + "\n"))
    return [
        replace(segment, text=_one_line(hidden.with_marks(segment.text)))
        for segment in reader.segments
    ]


@dataclass(frozen=True, slots=True)
class _Reader:
    """What has been read, and how to read on."""

    lines: list[str]
    """The text."""

    marks: Mapping[int, str]
    """Code point of a letter -> the mark that it hides; in code it is none."""

    first_line: int
    """Number of its first line."""

    policies: Policies
    announcement: str
    segments: list[Segment] = field(default_factory=list)

    def line_of(self, token: Token) -> int:
        """Return the number of the line where a token begins."""
        return self.first_line + (token.map[0] if token.map else 0)


def _read_blocks(reader: _Reader, tokens: Sequence[Token]) -> None:
    enclosing: list[Structure] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.nesting == 1 and token.level >= MAX_NESTING - 1:
            raise _wrong(
                f"blocks are nested deeper than {MAX_NESTING} levels",
                "write it with fewer levels of quotes or lists",
                reader.line_of(token),
            )
        if token.type == "table_open":
            end = _closing(tokens, index)
            if reader.policies.tables is TablePolicy.READ:
                _read_table(reader, tokens[index:end])
            index = end
        elif token.type in _ENCLOSING:
            enclosing.append(_ENCLOSING[token.type])
        elif token.type in _CLOSING:
            enclosing.pop()
        elif token.type == "inline":
            _read_inline(reader, token, _structure(enclosing))
        elif token.type == "fence":
            _refuse_unclosed_fence(token, reader.line_of(token))
            _read_code(reader, token.content, reader.line_of(token) + 1)
        elif token.type == "code_block":
            _read_code(reader, token.content, reader.line_of(token))
        elif token.type == "html_block":
            _read_html(reader, token, _structure(enclosing))
        index += 1


_ENCLOSING = {
    "heading_open": Structure.HEADING,
    "list_item_open": Structure.LIST_ITEM,
    "blockquote_open": Structure.QUOTE,
}
_CLOSING = frozenset(name.replace("_open", "_close") for name in _ENCLOSING)


def _structure(enclosing: Sequence[Structure]) -> Structure:
    return enclosing[-1] if enclosing else Structure.PARAGRAPH


def _read_inline(reader: _Reader, token: Token, structure: Structure) -> None:
    line = reader.line_of(token)
    spoken = inline_text(token, line)
    if _TASK_BOX.match(token.content):
        spoken = _TASK_BOX.sub("", spoken, count=1)
    if spoken:
        reader.segments.append(Segment(spoken, structure, line))


def _read_code(reader: _Reader, code: str, line: int) -> None:
    """Add a block of code, as far as the policy wants it.

    Args:
        reader: what has been read.
        code: the code.
        line: number of its first line.
    """
    segments = reader.segments
    if reader.policies.code is CodePolicy.ANNOUNCE:
        # Blocks one after the other are on one screen.
        if not segments or segments[-1].structure is not Structure.CODE:
            segments.append(Segment(reader.announcement, Structure.CODE, line))
    elif reader.policies.code is CodePolicy.READ:
        literal = code.translate(reader.marks).translate(LITERAL)
        for number, written in enumerate(literal.split("\n"), start=line):
            if written.strip():
                segments.append(Segment(written, Structure.CODE, number))


def _read_html(reader: _Reader, token: Token, structure: Structure) -> None:
    line = reader.line_of(token)
    end = token.map[1] if token.map else 0
    refuse_unclosed(token.content, lambda: "\n".join(reader.lines[end:]), line)
    for segment in segments_from_html(token.content, structure, reader.policies.tables, line):
        if segment.structure is Structure.CODE:
            _read_code(reader, segment.text, segment.line or line)
        else:
            reader.segments.append(segment)


def _read_table(reader: _Reader, tokens: Sequence[Token]) -> None:
    """Add one segment per row: each value after its header."""
    rows: list[tuple[int, list[str]]] = []
    header_rows = 0
    for token in tokens:
        if token.type == "tr_open":
            rows.append((reader.line_of(token), []))
        elif token.type == "inline":
            rows[-1][1].append(inline_text(token, rows[-1][0]))
        elif token.type == "thead_close":
            header_rows = len(rows)
    headers, body = (rows[0][1], rows[1:]) if header_rows else ([], rows)
    for line, row in body:
        _refuse_extra_values(reader.lines[line - reader.first_line], len(row), line)
        _add_row(reader, _row_sentence(headers, row), line)
    if not body:
        _add_row(reader, _row_sentence([], headers), rows[0][0])


def _add_row(reader: _Reader, sentence: str, line: int) -> None:
    if sentence:
        reader.segments.append(Segment(sentence, Structure.TABLE_ROW, line))


def _row_sentence(headers: Sequence[str], row: Sequence[str]) -> str:
    parts = []
    for column, value in enumerate(row):
        header = headers[column].rstrip(" :") if column < len(headers) else ""
        if value:
            parts.append(f"{header}: {value.rstrip('.;')}" if header else value.rstrip(".;"))
    return "; ".join(parts) + "." if parts else ""


def _refuse_extra_values(written: str, columns: int, line: int) -> None:
    """Raise if a row has values beyond the table's columns, which no reader would see."""
    inner = _CONTAINER.sub("", written, count=1).strip() if written else ""
    values = _BAR.split(inner.removeprefix("|").removesuffix("|"))
    if any(value.strip() for value in values[columns:]):
        raise _wrong(
            f"the row has {len(values)} values; the table has {columns} columns",
            "correct the row, or write a bar inside a value as \\|",
            line,
        )


def _refuse_unclosed_fence(token: Token, line: int) -> None:
    """Raise if a block of code swallows what follows it.

    CommonMark closes it at the end of the text, or of the list or quote that it stands in.
    """
    lines = token.content.split("\n")
    for number, written in enumerate(lines, start=line + 1):
        found = _FENCE_WITH_INFO.match(written)
        if found and found[1].startswith(token.markup):
            raise _unclosed_fence(f"before the next one begins in line {number}", token, line)
    first, end = token.map or (0, 0)
    if end - first < len(lines) + 1:
        raise _unclosed_fence("in the text, the list or the quote that it is in", token, line)


def _unclosed_fence(where: str, token: Token, line: int) -> SourceError:
    return _wrong(
        f"the block of code that begins with {token.markup}{token.info} is not closed {where}, "
        "so that what follows would not be said",
        f"write {token.markup} in a line of its own where the code ends, indented as it begins",
        line,
    )


def _closing(tokens: Sequence[Token], opening: int) -> int:
    """Return the index of the token that closes the one at ``opening``."""
    level = tokens[opening].level
    name = tokens[opening].type.replace("_open", "_close")
    index = opening + 1
    while not (tokens[index].type == name and tokens[index].level == level):
        index += 1
    return index


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _wrong(problem: str, remedy: str, line: int) -> SourceError:
    return SourceError(f"line {line}: {problem}", field="text", remedy=remedy)
