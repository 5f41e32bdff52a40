"""Step 1, the text's half: a request becomes lines of speakable text, or an error says why not."""

from __future__ import annotations

from tts_tasks.errors import EmptyTextError, SourceError, TextTooLongError
from tts_tasks.request import Markup, NarrationRequest
from tts_tasks.script.chunks import Line, write_lines
from tts_tasks.script.normalise import normalise, tidy
from tts_tasks.script.sources import segments_from_markdown, segments_from_text


def validate(request: NarrationRequest, *, language: str, max_chunk_chars: int) -> list[Line]:
    """Return what will be said, line by line.

    Args:
        request: what the caller asks for; only its text, markup and limit are looked at.
        language: BCP 47 tag of the voice; the Portuguese text rules apply to Portuguese voices.
        max_chunk_chars: longest line that the engine speaks, in characters.

    Raises:
        EmptyTextError: if nothing in the text can be spoken.
        TextTooLongError: if the text is over ``request.max_chars``.
        SourceError: if the text is not valid Unicode.
    """
    check_text(request.text, request.max_chars)
    parse = segments_from_markdown if request.markup is Markup.MARKDOWN else segments_from_text
    speak = normalise if language.lower().startswith("pt") else tidy
    lines = write_lines(parse(request.text), max_chunk_chars, speak)
    if not lines:
        raise _empty(request.text)
    return lines


def check_text(text: str, max_chars: int) -> None:
    """Refuse a text that is empty, too long or not valid Unicode.

    Raises:
        EmptyTextError, TextTooLongError, SourceError: see ``validate``.
    """
    if not any(character.isalnum() for character in text):
        raise _empty(text)
    if len(text) > max_chars:
        raise TextTooLongError(
            f"{len(text):,} characters are over the limit of {max_chars:,}",
            field="text",
            value=text,
            remedy="split it into several lessons or texts",
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SourceError(
            f"the character at position {error.start} is half of a surrogate pair",
            field="text",
            value=repr(text[error.start : error.end]),
            remedy="save the text as UTF-8",
        ) from error


def _empty(text: str) -> EmptyTextError:
    what = "has no letter or digit" if text.strip() else "is empty"
    return EmptyTextError(
        f"the text {what}, so there is nothing to say",
        field="text",
        value=repr(text),
        remedy="give at least one word",
    )
