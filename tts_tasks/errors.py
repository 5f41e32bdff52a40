"""Every error that this system raises on purpose, in one tree.

    NarrationError                     base: says what is wrong, where, and what to do
    ├── InputError                     the caller can fix it (exit 2, HTTP 422)
    │   ├── EmptyTextError             nothing in the text can be spoken
    │   ├── TextTooLongError           over the limit for a lesson or a single text
    │   ├── UnknownVoiceError          no engine has this voice, or not this provider's engine
    │   │   ├── UnspokenVoiceError     it has it, but cannot make its language's sounds
    │   │   └── OtherProviderError     it is another provider's than the one asked for
    │   ├── UnknownProviderError       no such provider here
    │   ├── UnknownFormatError         no such audio format
    │   ├── UnknownProfileError        no such mastering profile
    │   ├── CoverError                 a cover that is no picture
    │   ├── EngineParameterError       the engine has no such parameter, or not this value
    │   ├── UnknownPhonemeError        a sound that the voice's model does not know
    │   ├── SourceError                a file or folder that cannot be read as a lesson or course
    │   ├── ArchiveError               no archive of a library, or one that was tampered with
    │   ├── CourseError                the course as a whole contradicts itself
    │   └── OutputPathError            the audio cannot or may not be written there
    ├── EngineError                    speaking failed
    │   ├── EngineUnavailableError     for now: network, quota; retryable (HTTP 503)
    │   │   ├── ModelMissingError      a model or its runtime is missing, partial or corrupt
    │   │   ├── ProviderRestsError     the service failed too often, and is left alone for a while
    │   │   └── ProviderRefusedError   the service forbids it; trying again does not help
    │   └── EngineOutputError          silent, truncated or otherwise wrong audio (HTTP 502)
    │       ├── BadAnswerError         a service's answer without the whole audio; retryable
    │       └── FlaggedError           a take failed its checks, and nobody accepted it yet
    ├── MasteringError                 the encoder is missing or failed
    ├── CatalogError                   the library or its index cannot be used
    │   └── StorageFullError           the disk is full; what was finished is kept
    ├── StackError                     the local stack cannot start, or does not answer
    │   ├── PortTakenError             somebody else listens on a port the stack needs
    │   └── StackSilentError           the Prefect server does not answer for now; retryable
    ├── RunLostError                   a run ended without saying what came of it
    └── CancelledError                 the operator cancelled the run

Programming mistakes stay ``ValueError`` and ``TypeError``. A library's own exceptions are
translated once, where the library is called.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

SHOWN_VALUE_CHARS = 80
"""Longest excerpt of an offending value that a message repeats."""


class NarrationError(Exception):
    """Base of the tree.

    Args:
        message: what is wrong, in one sentence that repeats the value and the limit.
        field: the parameter, setting or file that is wrong, e.g. ``"voice"``.
        value: the offending value; only an excerpt of it is kept.
        remedy: what the reader should do, in one sentence.
    """

    code: ClassVar[str] = "narration_error"
    """Stable identifier for programs; never changes once released."""

    retryable: ClassVar[bool] = False
    """Whether the same request may succeed when it is simply tried again."""

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        value: object = None,
        remedy: str | None = None,
    ) -> None:
        """Keep the parts, so that programs need not parse the message."""
        super().__init__(message)
        self.message = message
        self.field = field
        self.value = None if value is None else excerpt(value)
        self.remedy = remedy

    def __str__(self) -> str:
        """Return one line: ``field: message. Remedy.``."""
        head = f"{self.field}: {self.message}" if self.field else self.message
        return f"{head}; {self.remedy}" if self.remedy else head

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the keyword arguments, which ``Exception`` alone would drop."""
        return _rebuild, (type(self), self.message, self.field, self.value, self.remedy)

    def at_line(self, line: int | None) -> Self:
        """Return the same error, whose message begins with the line of the source, if known."""
        if line is None or self.message.startswith("line "):
            return self
        message = f"line {line}: {self.message}"
        return type(self)(message, field=self.field, value=self.value, remedy=self.remedy)

    def in_file(self, name: str) -> Self:
        """Return the same error, whose message names the source's file."""
        joint = ", " if self.message.startswith("line ") else ": "
        message = self.message if name in self.message else f"{name}{joint}{self.message}"
        return type(self)(message, field=self.field, value=self.value, remedy=self.remedy)

    def as_dict(self) -> dict[str, object]:
        """Return the error JSON-ready.

        ``message`` is the whole line; ``text``, ``field``, ``value`` and ``remedy`` its parts.
        """
        return {
            "type": type(self).__name__,
            "code": self.code,
            "message": str(self),
            "text": self.message,
            "field": self.field,
            "value": self.value,
            "remedy": self.remedy,
            "retryable": self.retryable,
        }


class InputError(NarrationError):
    """The caller can fix it."""

    code = "invalid_input"


class EmptyTextError(InputError):
    """Nothing in the text can be spoken: empty, blank or punctuation only."""

    code = "empty_text"


class TextTooLongError(InputError):
    """The text is over the limit for a lesson or a single text."""

    code = "text_too_long"


class UnknownVoiceError(InputError):
    """The engine has no such voice."""

    code = "unknown_voice"


class UnspokenVoiceError(UnknownVoiceError):
    """The engine has the voice, but cannot make its language's sounds."""

    code = "unspoken_voice"


class OtherProviderError(UnknownVoiceError):
    """The voice is another provider's than the one that was asked for."""

    code = "voice_of_other_provider"


class UnknownProviderError(InputError):
    """There is no such provider."""

    code = "unknown_provider"


class UnknownFormatError(InputError):
    """There is no such audio format."""

    code = "unknown_format"


class UnknownProfileError(InputError):
    """There is no such mastering profile."""

    code = "unknown_profile"


class CoverError(InputError):
    """The cover of a course is no picture that players can show."""

    code = "invalid_cover"


class EngineParameterError(InputError):
    """The engine has no such parameter, or the value is outside its range."""

    code = "engine_parameter"


class UnknownPhonemeError(InputError):
    """A sound is outside the vocabulary of the voice's model."""

    code = "unknown_phoneme"


class SourceError(InputError):
    """A file or folder cannot be read as a lesson or a course."""

    code = "unreadable_source"


class ArchiveError(InputError):
    """A file that is no archive of a library, is cut short, or is not what it says."""

    code = "invalid_archive"


class CourseError(InputError):
    """The course as a whole contradicts itself: no lessons, one id twice, a wrong key."""

    code = "invalid_course"


class OutputPathError(InputError):
    """The audio cannot be written there, or may not be."""

    code = "output_path"


class EngineError(NarrationError):
    """Speaking failed."""

    code = "engine_error"


class EngineUnavailableError(EngineError):
    """The engine cannot work for now: network, quota."""

    code = "engine_unavailable"
    retryable = True


class ModelMissingError(EngineUnavailableError):
    """A model or the library that runs it is missing, partial or corrupt: a command mends it."""

    code = "model_missing"
    retryable = False


class ProviderRestsError(EngineUnavailableError):
    """The service that speaks failed too often, and is left alone for a while."""

    code = "provider_rests"


class ProviderRefusedError(EngineUnavailableError):
    """The service that speaks forbids the request, or does not know it any more."""

    code = "provider_refused"
    retryable = False


class EngineOutputError(EngineError):
    """The engine returned audio that cannot be what was asked for."""

    code = "engine_output"


class BadAnswerError(EngineOutputError):
    """The service that speaks answered, but not with the whole audio of the text."""

    code = "bad_answer"
    retryable = True


class FlaggedError(EngineOutputError):
    """The best take of a chunk failed a quality check, and nobody accepted it yet."""

    code = "flagged"


class MasteringError(NarrationError):
    """The audio could not be mastered or encoded."""

    code = "mastering_failed"


class CatalogError(NarrationError):
    """The library or its index cannot be used."""

    code = "catalog_error"


class StorageFullError(CatalogError):
    """The disk is full. Everything registered earlier is intact."""

    code = "storage_full"


class StackError(NarrationError):
    """The local stack cannot start, or does not answer."""

    code = "stack_error"


class PortTakenError(StackError):
    """Another program listens on a port that the stack needs."""

    code = "port_taken"


class StackSilentError(StackError):
    """The Prefect server does not answer for now."""

    code = "stack_silent"
    retryable = True


class RunLostError(NarrationError):
    """A run ended without an outcome: its worker died, or somebody cancelled it."""

    code = "run_lost"
    retryable = True


class CancelledError(NarrationError):
    """The operator cancelled the run; chunks that were finished stay in the library."""

    code = "cancelled"


def excerpt(value: object) -> str:
    """Return the value as one line of at most ``SHOWN_VALUE_CHARS`` characters."""
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN_VALUE_CHARS else text[: SHOWN_VALUE_CHARS - 1] + "…"


def error_from_dict(fields: Mapping[str, Any]) -> NarrationError:
    """Return the error that ``as_dict`` described; of the base class if its type is unknown."""
    known = {kind.__name__: kind for kind in _tree(NarrationError)}
    return known.get(fields["type"], NarrationError)(
        fields["text"], field=fields["field"], value=fields["value"], remedy=fields["remedy"]
    )


def storage_error(error: OSError, path: Path | str) -> CatalogError:
    """Translate an operating-system error met while writing ``path`` into the library."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError(
            f"no space left on the disk that holds {path}",
            field="disk",
            value=path,
            remedy="free some space and run it again: what was finished is kept",
        )
    return CatalogError(
        f"cannot write {path} ({error.strerror or error})",
        field="library",
        value=path,
        remedy="check that the folder exists and may be written to",
    )


def _tree(kind: type[NarrationError]) -> Iterator[type[NarrationError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _tree(narrower)


def _rebuild(
    kind: type[NarrationError],
    message: str,
    field: str | None,
    value: object,
    remedy: str | None,
) -> NarrationError:
    return kind(message, field=field, value=value, remedy=remedy)
