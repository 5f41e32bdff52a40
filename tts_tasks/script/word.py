"""The blocks of a Word document as Markdown: python-docx opens it, its XML is read here.

python-docx leaves out what stands in tracked insertions and content controls, and keeps hidden
text; so paragraphs and tables are read from the XML. Source: ECMA-376 Part 1, WordprocessingML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tts_tasks.script.escapes import escaped, fenced, one_line

if TYPE_CHECKING:
    from docx.document import Document

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"

_GONE = frozenset(
    f"{_W}{name}"
    for name in ("del", "moveFrom", "pPr", "rPr", "instrText", "delText", "drawing", "pict",
                 "object", "rt", "footnoteReference", "endnoteReference", "commentReference")
) | {"{http://schemas.openxmlformats.org/markup-compatibility/2006}AlternateContent"}  # fmt: skip
"""Elements whose text is not a reader's: tracked deletions, properties, fields, drawings."""

_SIGNS = {
    f"{_W}tab": " ", f"{_W}ptab": " ", f"{_W}br": "\n", f"{_W}cr": "\n",
    f"{_W}noBreakHyphen": "-",
}  # fmt: skip

_HEADING = re.compile(r"(?:heading|título|titulo) ?([1-9])")
_TITLES = frozenset({"title", "título", "titulo"})
_LIST = re.compile(r"list(?: (?:bullet|number))?(?: [2-5])?|lista(?: .+)?")
_NO_LIST = re.compile(r"list paragraph|parágrafo da lista|list continue.*|lista de continuação.*")
_QUOTE = re.compile(r"(?:intense )?quote|quotations|citação(?: intensa)?")
_CODE = re.compile(r".*\b(?:code|código|codigo|html preformatted|preformatted text)\b.*")
_CONTENTS = re.compile(r"(?:toc|sumário|table of contents|table of figures)\b.*")
"""Names of styles, in small letters. Word keeps the English ones in the file; other programs may
not."""


@dataclass(slots=True)
class _Style:
    """What a paragraph style means for a reader."""

    name: str = ""
    level: int | None = None
    """Outline level, from 1; None for body text."""

    is_listed: bool = False
    is_hidden: bool = False


@dataclass(slots=True)
class _Block:
    """A paragraph, and what it is."""

    kind: str
    """``heading``, ``item``, ``quote``, ``code``, ``text`` or ``table``."""

    markdown: str
    """As Markdown; code as it is."""


@dataclass(slots=True)
class _Word:
    """The document's styles, and the text of a paragraph that goes on in the next one."""

    styles: dict[str, Any]
    """Id -> element."""

    known: dict[str, _Style] = field(default_factory=dict)
    pending: str = ""


def blocks_of(document: Document) -> Iterator[str]:
    """Yield the blocks of a document as Markdown, in their order.

    Left out are tracked deletions, hidden text, comments, notes, text boxes, drawings and the table
    of contents.
    """
    styles = {each.get(f"{_W}styleId"): each for each in document.styles.element.iter(f"{_W}style")}
    run: list[_Block] = []
    for block in _blocks(_Word(styles), document.element.body):
        if run and (block.kind != run[0].kind or block.kind not in ("item", "code")):
            yield _joined(run)
            run = []
        run.append(block)
    if run:
        yield _joined(run)


def _joined(run: list[_Block]) -> str:
    """Return blocks of one kind, one after the other, as one: a list, or a block of code."""
    lines = [block.markdown for block in run]
    return fenced(lines) if run[0].kind == "code" else "\n".join(lines)


def _blocks(word: _Word, container: Any) -> Iterator[_Block]:
    for element in container:
        if element.tag == f"{_W}p":
            yield from _paragraph(word, element)
        elif element.tag == f"{_W}tbl":
            yield from _table(word, element)
        elif element.tag in (f"{_W}ins", f"{_W}moveTo", f"{_W}customXml"):
            yield from _blocks(word, element)
        elif element.tag == f"{_W}sdt":
            # The table of contents is a content control too; its paragraphs have its styles.
            for content in element.findall(f"{_W}sdtContent"):
                yield from _blocks(word, content)


def _paragraph(word: _Word, paragraph: Any) -> Iterator[_Block]:
    properties = paragraph.find(f"{_W}pPr")
    style = _style_of(word, properties)
    written = word.pending + _text(word, paragraph, is_hidden=style.is_hidden)
    word.pending = ""
    if properties is not None and properties.find(f"{_W}rPr/{_W}del") is not None:
        word.pending = written  # Its end is deleted: the next paragraph goes on with it.
        return
    if _CODE.fullmatch(style.name):
        yield _Block("code", written.rstrip())
        return
    text = one_line(written)
    if not text or _CONTENTS.fullmatch(style.name):
        return
    level = _level(properties, style)
    if level is not None:
        yield _Block("heading", f"{'#' * min(level, 6)} {escaped(text)}")
    elif _is_listed(properties, style):
        yield _Block("item", f"- {escaped(text)}")
    elif _QUOTE.fullmatch(style.name):
        yield _Block("quote", f"> {escaped(text)}")
    else:
        yield _Block("text", escaped(text))


def _text(word: _Word, element: Any, *, is_hidden: bool = False) -> str:
    """Return what a reader sees of a paragraph, its line breaks kept."""
    parts: list[str] = []
    for child in element:
        tag = child.tag
        if tag in _GONE:
            continue
        if tag in (f"{_W}t", f"{_M}t"):
            parts.append("" if is_hidden else child.text or "")
        elif tag in _SIGNS:
            parts.append("" if is_hidden else _SIGNS[tag])
        elif tag == f"{_W}r":
            parts.append(_text(word, child, is_hidden=_is_hidden_run(word, child, is_hidden)))
        elif tag == f"{_M}sup":
            parts.append(f"^{_text(word, child, is_hidden=is_hidden)}")
        elif tag == f"{_M}den":
            parts.append(f"/{_text(word, child, is_hidden=is_hidden)}")
        elif isinstance(tag, str):
            parts.append(_text(word, child, is_hidden=is_hidden))
    return "".join(parts)


def _is_hidden_run(word: _Word, run: Any, inherited: bool) -> bool:
    properties = run.find(f"{_W}rPr")
    if properties is None:
        return inherited
    own = properties.find(f"{_W}vanish")
    if own is not None:
        return _is_on(own)
    named = properties.find(f"{_W}rStyle")
    return inherited or (named is not None and _style(word, named.get(f"{_W}val")).is_hidden)


def _table(word: _Word, table: Any) -> Iterator[_Block]:
    own_rows = [row for row in table.iter(f"{_W}tr") if _is_own_row(row, table)]
    if len(own_rows) == 1 and len(cells := own_rows[0].findall(f"{_W}tc")) == 1:
        yield from _blocks(word, cells[0])  # A frame around some paragraphs.
        return
    rows = [_cells(word, row) for row in own_rows]
    rows = [row for row in rows if any(row)]
    if not rows:
        return
    width = max(map(len, rows))
    header, *body = [[*row, *[""] * (width - len(row))] for row in rows]
    lines = [header, ["---"] * width, *body]
    yield _Block("table", "\n".join(f"| {' | '.join(line)} |" for line in lines))


def _is_own_row(row: Any, table: Any) -> bool:
    """Return whether a row is the table's, not that of one inside it, and not a deleted one."""
    holder = row.getparent()
    while holder.tag != f"{_W}tbl":
        holder = holder.getparent()
    return holder is table and row.find(f"{_W}trPr/{_W}del") is None


def _cells(word: _Word, row: Any) -> list[str]:
    """Return the texts of a row; of a merged cell once, the places that it covers are empty."""
    cells: list[str] = []
    before = row.find(f"{_W}trPr/{_W}gridBefore")
    cells.extend([""] * _number(before, 0))
    for cell in row.iter(f"{_W}tc"):
        if next(each for each in cell.iterancestors(f"{_W}tr")) is not row:
            continue
        merged = cell.find(f"{_W}tcPr/{_W}vMerge")
        goes_on = merged is not None and merged.get(f"{_W}val") != "restart"
        cells.append("" if goes_on else _cell_text(word, cell))
        cells.extend([""] * (_number(cell.find(f"{_W}tcPr/{_W}gridSpan"), 1) - 1))
    return cells


def _cell_text(word: _Word, cell: Any) -> str:
    texts = []
    for paragraph in cell.iter(f"{_W}p"):
        if any(each.tag in _GONE for each in paragraph.iterancestors()):
            continue
        style = _style_of(word, paragraph.find(f"{_W}pPr"))
        texts.append(_text(word, paragraph, is_hidden=style.is_hidden))
    return escaped(one_line(" ".join(texts)), in_table=True)


def _style_of(word: _Word, properties: Any) -> _Style:
    named = properties.find(f"{_W}pStyle") if properties is not None else None
    return _style(word, named.get(f"{_W}val")) if named is not None else _Style()


def _style(word: _Word, style_id: str) -> _Style:
    """Return what a style means, by its own properties or those of the styles it is based on."""
    if style_id in word.known:
        return word.known[style_id]
    word.known[style_id] = _Style()  # for styles that are based on themselves
    element = word.styles.get(style_id)
    if element is None:
        return word.known[style_id]
    based_on = element.find(f"{_W}basedOn")
    base = _style(word, based_on.get(f"{_W}val")) if based_on is not None else _Style()
    named = element.find(f"{_W}name")
    name = (named.get(f"{_W}val") if named is not None else style_id).lower()
    properties = element.find(f"{_W}pPr")
    vanish = element.find(f"{_W}rPr/{_W}vanish")
    means = _meaning(name) or not base.name
    style = _Style(
        name if means else base.name,
        _own_level(name, properties) or base.level,
        _is_listed(properties, base, name),
        _is_on(vanish) if vanish is not None else base.is_hidden,
    )
    word.known[style_id] = style
    return style


def _meaning(name: str) -> bool:
    """Return whether the name of a style says what its paragraphs are."""
    patterns = (_LIST, _NO_LIST, _QUOTE, _CODE, _CONTENTS, _HEADING)
    return name in _TITLES or any(each.fullmatch(name) for each in patterns)


def _own_level(name: str, properties: Any) -> int | None:
    if name in _TITLES:
        return 1
    if found := _HEADING.fullmatch(name):
        return int(found[1])
    outline = properties.find(f"{_W}outlineLvl") if properties is not None else None
    level = _number(outline, 9)
    return level + 1 if level < 9 else None


def _level(properties: Any, style: _Style) -> int | None:
    """Return a paragraph's outline level: its own, else its style's; 9 means body text."""
    outline = properties.find(f"{_W}outlineLvl") if properties is not None else None
    if outline is None:
        return style.level
    level = _number(outline, 9)
    return level + 1 if level < 9 else None


def _is_listed(properties: Any, style: _Style, name: str = "") -> bool:
    """Return whether a paragraph is an item of a list; number 0 takes it out of one."""
    number = properties.find(f"{_W}numPr/{_W}numId") if properties is not None else None
    if number is not None:
        return _number(number, 0) != 0
    if name and not _NO_LIST.fullmatch(name) and _LIST.fullmatch(name):
        return True
    return style.is_listed


def _number(element: Any, default: int) -> int:
    value = element.get(f"{_W}val") if element is not None else None
    return int(value) if value is not None and value.isdigit() else default


def _is_on(element: Any) -> bool:
    return element.get(f"{_W}val") not in ("0", "false", "off")
