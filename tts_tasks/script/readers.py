"""A file of any kind that a lesson may have, by its suffix, to a text and its markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tts_tasks.request import Markup
from tts_tasks.script.sources import read_source

MARKUPS: Mapping[str, Markup] = {
    ".md": Markup.MARKDOWN,
    ".markdown": Markup.MARKDOWN,
    ".txt": Markup.TEXT,
    ".ssml": Markup.SSML,
    ".docx": Markup.MARKDOWN,
    ".pptx": Markup.MARKDOWN,
    ".srt": Markup.TEXT,
    ".vtt": Markup.TEXT,
}
"""Suffixes of the files that are understood, and the markup of what is read from them."""

WITH_FRONT_MATTER = (".md", ".markdown", ".txt", ".ssml")
"""Suffixes of the files that may begin with front matter."""


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a file."""

    text: str
    """What the voice is to say, with its markup."""

    markup: Markup
    """How it is written."""

    first_line: int | None
    """Number of the text's first line in its file; None where its author sees no lines."""


def read_document(
    path: Path, *, max_chars: int, limit_setting: str = "NARRATION_MAX_LESSON_CHARS"
) -> Document:
    """Read a file by its suffix; one that is not known is a plain text.

    Front matter stays in the text.

    Args:
        path: the file.
        max_chars: longest text allowed, in characters.
        limit_setting: the setting that holds this limit, for the remedy.

    Raises:
        SourceError: if it is missing, unreadable, or not what its suffix says.
        TextTooLongError: if its text has more than ``max_chars`` characters.
    """
    suffix = path.suffix.lower()
    if suffix in (".docx", ".pptx"):
        from tts_tasks.script.office import read_office

        text = read_office(path, max_chars=max_chars, limit_setting=limit_setting)
    elif suffix in (".srt", ".vtt"):
        from tts_tasks.script.timed_text import read_timed_text

        text = read_timed_text(path, max_chars=max_chars, limit_setting=limit_setting)
    else:
        text = read_source(path, max_chars=max_chars, limit_setting=limit_setting)
        return Document(text, MARKUPS.get(suffix, Markup.TEXT), 1)
    return Document(text, MARKUPS[suffix], None)
