"""Step 1, the text's half: a request becomes lines of speakable text, or an error says why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tts_tasks.errors import EmptyTextError, InputError, SourceError, TextTooLongError
from tts_tasks.request import NarrationRequest
from tts_tasks.script.chunks import Line, write_lines
from tts_tasks.script.hidden import refuse_broken_marks, shown
from tts_tasks.script.lexicon import Lexicon, check_lexicon, entries_in, merged, resolved, spoken_by
from tts_tasks.script.segments import segments_of
from tts_tasks.script.speaker import Said, Speaker
from tts_tasks.values import Segment


@dataclass(frozen=True, slots=True)
class Narrator:
    """One voice of an engine, as far as the text is concerned."""

    language: str
    """BCP 47 tag of the voice; the Portuguese text rules apply to Portuguese voices."""

    fits: Callable[[str], bool]
    """Spoken text -> whether one call of the engine can speak it; what it raises passes."""

    provider: str = ""
    """Name of the engine; a lexicon may tell each one something else."""

    phonemes: bool = False
    """Whether the engine speaks phoneme marks; if not, it gets their terms."""

    lexicon: Lexicon = field(default_factory=dict)
    """The system's lexicon for the language, which the request's overrides."""


@dataclass(frozen=True, slots=True)
class _Voice:
    """A narrator who knows the lexicon of this text."""

    speaker: Speaker
    fits: Callable[[str], bool]

    def read(self, written: str) -> Said:
        return self.speaker.read(written)


def validate(
    request: NarrationRequest, narrator_of: Callable[[str | None], Narrator]
) -> list[Line]:
    """Return what will be said, line by line.

    Args:
        request: what the caller asks for; its text, markup, lexicon, policies and limit are looked
            at.
        narrator_of: voice that the author asked for, or None for the narration's own -> who it
            is; what it raises is told with the line.

    Raises:
        EmptyTextError: if nothing in the text can be spoken.
        TextTooLongError: if the text is over ``request.max_chars``, or a single character or mark
            does not fit.
        SourceError: if the text is not valid Unicode, or its markup or an entry of the lexicon is
            malformed.
    """
    check_text(request.text, request.max_chars)
    check_lexicon(request.lexicon)
    segments = segments_of(
        request.text,
        request.markup,
        request.policies,
        language=request.language,
        first_line=request.first_line,
    )
    for segment in segments:
        try:
            refuse_broken_marks(segment.text)
        except SourceError as error:
            raise error.at_line(segment.line) from error
    voices = _voices(segments, request, narrator_of)
    lines = write_lines(segments, lambda segment: voices[segment.voice])
    if not lines:
        raise _empty(request.text)
    return lines


def _voices(
    segments: list[Segment],
    request: NarrationRequest,
    narrator_of: Callable[[str | None], Narrator],
) -> dict[str | None, _Voice]:
    """Return who speaks: each voice of the text once, with the entries that concern the text."""
    written = "\n".join(segment.text for segment in segments)
    voices: dict[str | None, _Voice] = {}
    for segment in segments:
        if segment.voice in voices:
            continue
        try:
            narrator = narrator_of(segment.voice)
        except InputError as error:
            raise error.at_line(segment.line if segment.voice else None) from error
        lexicon = resolved(spoken_by(merged(narrator.lexicon, request.lexicon), narrator.provider))
        # Who cannot speak phonemes reads the terms of their marks like any word.
        speaker = Speaker(
            narrator.language,
            entries_in(written if narrator.phonemes else shown(written), lexicon),
            phonemes=narrator.phonemes,
            urls=request.policies.urls,
        )
        voices[segment.voice] = _Voice(speaker, narrator.fits)
    return voices


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
