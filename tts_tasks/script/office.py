"""Word documents and PowerPoint's speaker notes to Markdown, which is how a lesson travels.

What is written comes back from the Markdown as it was written: its punctuation is escaped.
"""

from __future__ import annotations

import lzma
import struct
import unicodedata
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from tts_tasks.errors import SourceError
from tts_tasks.script.archives import another_kind, broken_part, check_archive
from tts_tasks.script.escapes import escaped, one_line
from tts_tasks.script.sources import too_long, unreadable

if TYPE_CHECKING:
    from pptx.slide import Slide

_LIBRARY_ERRORS = (
    AttributeError, EOFError, IndexError, KeyError, NotImplementedError, OSError, RuntimeError,
    TypeError, ValueError, lzma.LZMAError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What python-docx and python-pptx raise for a damaged file, beside their own errors: they take its
parts for what their names say."""


def read_office(path: Path, *, max_chars: int, limit_setting: str) -> str:
    """Read a .docx or .pptx file.

    Args:
        path: the file.
        max_chars: longest text allowed, in characters of Markdown.
        limit_setting: the setting that holds this limit, for the remedy.

    Returns:
        Markdown. Of a document its headings, paragraphs, lists, quotes, tables and code, in their
        order; of a presentation the title and the speaker notes of each slide that is shown.

    Raises:
        SourceError: if it is missing, unreadable, damaged, protected, not such a file, or a
            presentation without notes.
        TextTooLongError: if its text has more than ``max_chars`` characters.
    """
    is_word = path.suffix.lower() == ".docx"
    check_archive(path, "Word" if is_word else "PowerPoint")
    blocks = _word_blocks(path) if is_word else _slide_blocks(path)
    text = unicodedata.normalize("NFC", "\n\n".join(blocks))
    if len(text) > max_chars:
        raise too_long(path, f"{len(text)} characters", max_chars, limit_setting)
    return text


def _word_blocks(path: Path) -> list[str]:
    import docx
    from docx.exceptions import PythonDocxError
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError

    from tts_tasks.script.word import blocks_of

    try:
        return list(blocks_of(docx.Document(str(path))))
    except (PythonDocxError, OpcError, LxmlError, *_LIBRARY_ERRORS) as error:
        raise _damaged(path, error) from error


def _slide_blocks(path: Path) -> list[str]:
    import pptx
    from lxml.etree import LxmlError
    from pptx.exc import PythonPptxError

    try:
        slides = [_titled_notes(slide) for slide in pptx.Presentation(str(path)).slides
                  if slide.element.get("show") not in ("0", "false")]  # fmt: skip
    except (PythonPptxError, LxmlError, *_LIBRARY_ERRORS) as error:
        raise _damaged(path, error) from error
    if not any(notes for _, notes in slides):
        raise unreadable(
            path,
            "has no speaker notes on any slide that is shown",
            "write what is to be said into the notes below each slide",
        )
    blocks: list[str] = []
    previous = ""
    for title, notes in slides:
        if title and title != previous:
            blocks.append(f"# {escaped(title)}")
        previous = title
        blocks.extend(map(escaped, notes))
    return blocks


def _titled_notes(slide: Slide) -> tuple[str, list[str]]:
    """Return a slide's title and the paragraphs of its notes, both maybe empty."""
    shape = slide.shapes.title
    title = one_line(shape.text_frame.text) if shape is not None else ""
    frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    paragraphs = (one_line(each.text) for each in frame.paragraphs) if frame is not None else ()
    return title, [paragraph for paragraph in paragraphs if paragraph]


def _damaged(path: Path, error: Exception) -> SourceError:
    if "content type is" in str(error):
        return another_kind(path)
    if "Text node too long" in str(error):
        return unreadable(
            path, "has a paragraph of over 10,000,000 characters", "split it into several lessons"
        )
    return broken_part(path, f"{type(error).__name__}: {one_line(str(error))[:100]}")
