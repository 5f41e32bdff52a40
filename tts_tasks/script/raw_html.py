"""Raw HTML inside Markdown: its text, block by block; what no reader sees of it is left out."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from tts_tasks.errors import SourceError
from tts_tasks.request import TablePolicy
from tts_tasks.values import Segment, Structure

UNSAID_TAGS = ("script", "style", "pre", "template")
"""Elements whose text is not for the voice; ``<pre>`` is code."""

_UNSAID = re.compile(
    rf"<!--.*?(?P<end>-->|\Z)|<(?P<tag>{'|'.join(UNSAID_TAGS)})\b(?P<inside>.*?)"
    r"(?P<close></(?P=tag)\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_TABLE = re.compile(r"<table\b.*?</table\s*>", re.DOTALL | re.IGNORECASE)
_BLOCK_TAG = re.compile(
    r"</?(address|article|aside|blockquote|br|caption|center|dd|details|dialog|div|dl|dt|fieldset"
    r"|figcaption|figure|footer|form|h[1-6]|header|hr|legend|li|main|nav|ol|option|p|section|select"
    r"|summary|table|tbody|td|tfoot|th|thead|title|tr|ul)\b[^<>]*+>",
    re.IGNORECASE,
)
_IMAGE_TAG = re.compile(r"<img\b[^<>]*+>", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?[A-Za-z][^<>]*+>|<[!?][^<>]*+>")
_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)

_STRUCTURES = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), Structure.HEADING),
    "li": Structure.LIST_ITEM,
    "blockquote": Structure.QUOTE,
}


def segments_from_html(
    source: str, structure: Structure, tables: TablePolicy, line: int
) -> list[Segment]:
    """Return the text of raw HTML, a segment per block element.

    ``<pre>`` is a segment of the structure CODE with its lines as they are.

    Args:
        source: the HTML.
        structure: of text that is in no element with a structure of its own.
        tables: what to do with tables.
        line: number of the first line of the source.
    """
    if tables is TablePolicy.SKIP:
        source = _TABLE.sub(_blank, source)
    segments: list[Segment] = []
    end = 0
    for found in _UNSAID.finditer(source):
        if (found["tag"] or "").lower() != "pre":
            continue
        segments.extend(_segments(source[end : found.start()], structure, line))
        line += source.count("\n", end, found.start())
        code = html.unescape(_ANY_TAG.sub("", found["inside"].partition(">")[2]))
        segments.append(Segment(code, Structure.CODE, line))
        line += found[0].count("\n")
        end = found.end()
    return [*segments, *_segments(source[end:], structure, line)]


def _segments(source: str, structure: Structure, line: int) -> list[Segment]:
    segments = []
    kept = _UNSAID.sub(_blank, source)
    name, start = "", 0
    for tag in [*_BLOCK_TAG.finditer(kept), None]:
        text = kept[start : tag.start() if tag else len(kept)]
        with_images = _IMAGE_TAG.sub(lambda m: alternative_text(m[0]), text)
        spoken = " ".join(html.unescape(_ANY_TAG.sub("", with_images)).split())
        if spoken:
            begins = line + text.count("\n", 0, len(text) - len(text.lstrip()))
            segments.append(Segment(spoken, _STRUCTURES.get(name, structure), begins))
        if tag:
            line += kept.count("\n", start, tag.end())
            name, start = tag[1].lower(), tag.end()
    return segments


def alternative_text(image_tag: str) -> str:
    """Return what stands for an image where it cannot be seen."""
    found = _ALT.search(image_tag)
    return html.unescape(found[1] or found[2] or "") if found else ""


def refuse_unclosed(source: str, rest_of: Callable[[], str], line: int) -> None:
    """Raise if a comment or an element that is left out swallows what it should not.

    Args:
        source: the HTML.
        rest_of: gives the text after it, where it may be closed still.
        line: number of the first line of the source.

    Raises:
        SourceError: names the line.
    """
    for found in _UNSAID.finditer(source):
        start = line + source.count("\n", 0, found.start())
        if found["tag"]:
            opened, closing = f"<{found['tag']}>", f"</{found['tag']}"
            if not found["close"] and closing.lower() not in rest_of().lower():
                raise unclosed(opened).at_line(start)
        elif not found["end"] and "-->" not in rest_of():
            raise unclosed("<!--").at_line(start)
        elif (second := found[0].find("<!--", 4)) >= 0:
            next_line = start + found[0].count("\n", 0, second)
            problem = f"is not closed before the next one in line {next_line}"
            raise unclosed("<!--", problem).at_line(start)


def unclosed(opened: str, problem: str = "is never closed") -> SourceError:
    """Return the error about something that is opened and not closed, as ``<!--``."""
    closing = "-->" if opened == "<!--" else opened.replace("<", "</")
    return SourceError(
        f"{opened} {problem}, so that what follows would not be said",
        field="text",
        value=opened,
        remedy=f"write {closing} where it ends",
    )


def _blank(found: re.Match[str]) -> str:
    """Return what keeps the lines of something that is left out."""
    return " " + "\n" * found[0].count("\n")
