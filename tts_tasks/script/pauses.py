"""How long the narrator is silent after each kind of text, in seconds."""

from __future__ import annotations

from tts_tasks.values import Structure

AFTER_WORD_S = 0.0
"""Between two lines of one sentence that had to be cut between words."""

AFTER_CLAUSE_S = 0.15
"""Between two lines of one sentence that was cut at a comma, semicolon, colon or dash."""

AFTER_SENTENCE_S = 0.35
"""Between two sentences of one segment."""

AFTER_SEGMENT_S = {
    Structure.HEADING: 0.9,
    Structure.PARAGRAPH: 0.7,
    Structure.QUOTE: 0.7,
    Structure.LIST_ITEM: 0.45,
    Structure.TABLE_ROW: 0.45,
    Structure.CODE: 0.45,
}
"""After the last sentence of a segment, by the segment's structure."""

BEFORE_HEADING_S = 1.2
"""Before a heading, whatever precedes it: a new subject starts."""


def pause_between(ending: Structure, following: Structure | None) -> float:
    """Return the silence between a segment and the one after it, in seconds.

    Args:
        ending: structure of the segment that ends.
        following: structure of the next segment, None at the end of the lesson.
    """
    pause_s = AFTER_SEGMENT_S[ending]
    if following is None or following is ending:
        return pause_s
    if following is Structure.HEADING:
        return BEFORE_HEADING_S
    # The last item of a list or row of a table ends that block too.
    return max(pause_s, AFTER_SEGMENT_S[Structure.PARAGRAPH])


def pause_after_part(text: str) -> float:
    """Return the silence after a part of a paragraph that goes on in another voice or pace."""
    is_whole = text.rstrip("\"'”’»)]}*_").endswith((".", "!", "?", "…", ":"))
    return AFTER_SENTENCE_S if is_whole else AFTER_CLAUSE_S
