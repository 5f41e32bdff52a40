"""A text to its segments, by the kind of its markup, with the author's directives carried out."""

from __future__ import annotations

import re
from dataclasses import replace

from tts_tasks.request import Markup, Policies
from tts_tasks.script.markdown import segments_from_markdown
from tts_tasks.script.markup import carry_out
from tts_tasks.script.ssml import segments_from_ssml
from tts_tasks.values import Segment

_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


def segments_of(
    text: str,
    markup: Markup,
    policies: Policies | None = None,
    *,
    language: str = "pt-BR",
    first_line: int | None = 1,
) -> list[Segment]:
    """Return the segments of a text in reading order, the author's directives carried out.

    Args:
        text: what the author wrote.
        markup: how it is written.
        policies: what to do with code, tables and addresses.
        language: BCP 47 tag of the text, for what the voice says by itself.
        first_line: number of the text's first line in its file; None for a text that its author
            never saw in lines, as that of a Word file.

    Raises:
        SourceError: if the markup is broken; names the line.
    """
    line = first_line or 1
    if markup is Markup.SSML:
        segments = segments_from_ssml(text, language=language, first_line=line)
    elif markup is Markup.MARKDOWN:
        segments = segments_from_markdown(
            text, policies or Policies(), language=language, first_line=line
        )
    else:
        segments = segments_from_text(text, first_line=line)
    if first_line is None:
        segments = [replace(segment, line=None) for segment in segments]
    return carry_out(segments)


def segments_from_text(text: str, *, first_line: int = 1) -> list[Segment]:
    """Return the paragraphs of a plain text, which blank lines separate."""
    segments = []
    line, start = first_line, 0
    for gap in [*_BLANK_LINES.finditer(text), None]:
        block = text[start : gap.start() if gap else len(text)]
        if paragraph := " ".join(block.split()):
            blank = len(block) - len(block.lstrip())
            segments.append(Segment(paragraph, line=line + block.count("\n", 0, blank)))
        if gap:
            line += text.count("\n", start, gap.end())
            start = gap.end()
    return segments
