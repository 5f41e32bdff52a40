"""The Markdown parser, and what a reader sees of inline Markdown: words, without their markup."""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, reference
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from tts_tasks.marks import LITERAL
from tts_tasks.script.raw_html import UNSAID_TAGS, alternative_text, unclosed

MAX_NESTING = 100
"""Deepest nesting of Markdown blocks that is parsed; the library's default of 20 loses text."""

_FOOTNOTE_MARK = re.compile(r"\[\^[^\[\]\s]{1,100}\]")
_SINGLE_BRACKET = re.compile(r"(?<!\[)\[(?!\[)")
"""In code no pause and no voice begins; a mark with two brackets says how the code is said."""

_TAG_NAME = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)")


@cache
def parser() -> MarkdownIt:
    """Return the parser: CommonMark with tables and strikethrough, footnotes left out."""
    markdown = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING})
    markdown.enable(["table", "strikethrough"])
    markdown.block.ruler.at("reference", _link_definition)
    markdown.inline.ruler.after("link", "footnote", _footnote_mark)
    return markdown


def _link_definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse ``[name]: address``, but leave ``[^1]: note``, of which it would show nothing."""
    begins = state.bMarks[start] + state.tShift[start]
    return not state.src.startswith("[^", begins) and reference(state, start, end, silent)


def _footnote_mark(state: StateInline, silent: bool) -> bool:
    """Leave out ``[^1]``, and the colon after one that begins a note."""
    found = _FOOTNOTE_MARK.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    end = found.end()
    line_start = state.src.rfind("\n", 0, state.pos) + 1
    if state.src[end : end + 1] == ":" and not state.src[line_start : state.pos].strip():
        end += 1
    state.pos = end
    return True


def inline_text(inline: Token, line: int | None = None) -> str:
    """Return what a reader sees of inline Markdown, on one line.

    Args:
        inline: the text, or an image.
        line: its line, for messages.
    """
    parts: list[str] = []
    unsaid: str | None = None
    for token in inline.children or []:
        if token.type == "html_inline":
            tag = _TAG_NAME.match(token.content)
            name = tag[2].lower() if tag else ""
            if unsaid is None and name in UNSAID_TAGS and not token.content.endswith("/>"):
                unsaid = name if tag and not tag[1] else None
            elif tag and tag[1] and name == unsaid:
                unsaid = None
            elif name == "br":
                parts.append(" ")
            elif name == "img":
                parts.append(alternative_text(token.content))
        elif unsaid is not None:
            continue
        elif token.type == "code_inline":
            parts.append(
                _SINGLE_BRACKET.sub(lambda found: found[0].translate(LITERAL), token.content)
            )
        elif token.type in ("text", "text_special"):
            parts.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif token.type == "image":
            parts.append(inline_text(token, line))
    if unsaid is not None:
        raise unclosed(f"<{unsaid}>", "is not closed in its paragraph").at_line(line)
    return " ".join("".join(parts).split())


def inline_markdown(source: str) -> str:
    """Return what a reader sees of a few words of Markdown."""
    [inline] = parser().parseInline(source)
    return inline_text(inline)
