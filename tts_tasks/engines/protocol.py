"""What every engine promises: a batch of chunks in, as many waveforms out, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tts_tasks.values import Chunk, Expected, Waveform

Parameters = dict[str, int | float | str]
"""Engine parameters by name."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice preset of one engine."""

    name: str
    """What requests and courses call it, e.g. ``pt-br+f2``."""

    language: str
    """BCP 47 tag, e.g. ``pt-br``; Portuguese voices get the Portuguese text rules."""

    gender: str | None = None
    """``female`` or ``male`` where it is known."""

    description: str = ""
    """One line for the list of voices."""

    revision: str = ""
    """Changes whenever the voice's own data does, where an engine's voices are files that come and
    go; part of the cache key. Empty where ``Engine.revision`` says it all."""

    expected: Expected | None = None
    """What a good take in this voice is like, where it was measured."""


class Engine(Protocol):
    """One way to speak."""

    name: str
    """The provider's public name, e.g. ``espeak``."""

    sample_rate: int
    """Hertz of every waveform returned."""

    max_chars: int
    """Longest spoken text of one chunk, in characters; a longer one never fits."""

    speaks_phonemes: bool
    """Whether it says a term as its phoneme mark tells (``tts_tasks.marks``); if not, it is given
    the term alone."""

    batch_size: int
    """Chunks that one ``synthesize`` call takes best; a finished batch survives a crash."""

    typical_rtf: float
    """Seconds of synthesis per second of audio on two cores, measured; for estimates."""

    typical_chars_per_s: float
    """Characters of spoken text per second of speech, for voices that were not measured."""

    seeded: bool
    """Whether another seed gives another take. Without, a failed take need not be tried again."""

    revision: str
    """Changes whenever the same chunk would sound different; part of the cache key."""

    def voices(self) -> list[str]:
        """Return the names of the voices, the default first.

        Raises:
            ModelMissingError: if there are none without its model.
        """
        ...

    def describe(self, voice: str) -> Voice:
        """Return what is known about a voice.

        Raises:
            UnknownVoiceError: if the engine has no such voice.
            ModelMissingError: if it would have it with its model.
        """
        ...

    def default_voice(self, language: str) -> str:
        """Return the voice for a language when none was asked for.

        Raises:
            UnknownVoiceError: if the engine does not speak the language.
            ModelMissingError: if it would speak it with its model.
        """
        ...

    def parameters(self, given: Mapping[str, object]) -> Parameters:
        """Return all of the engine's parameters, the given ones checked, the others by default.

        Raises:
            EngineParameterError: for an unknown name or a value outside its range.
        """
        ...

    def at_pace(self, parameters: Parameters, pace: float) -> Parameters:
        """Return parameters with which the voice speaks faster or slower.

        Args:
            parameters: all of the engine's parameters.
            pace: times the pace that they have now; 1.0 leaves them as they are.

        Raises:
            EngineParameterError: if the engine cannot speak so fast or slowly.
        """
        ...

    def expects(self, chunk: Chunk) -> Expected | None:
        """Return what a good take of a chunk is like: its voice, at its parameters.

        ``None`` where nothing is known, as for a voice that nobody measured.
        """
        ...

    def fits(self, spoken: str, voice: str) -> bool:
        """Return whether one call can speak the text; it is at most ``max_chars`` long.

        Raises:
            TextTooLongError: for a single word that is over the limit by itself.
            UnknownPhonemeError: for a sound that the voice cannot make.
        """
        ...

    def synthesize(self, chunks: Sequence[Chunk]) -> list[Waveform]:
        """Speak each chunk's ``spoken`` text in its ``voice``, with its ``parameters``.

        Returns:
            One waveform per chunk, in order; float32 in [-1, 1] at ``sample_rate``.

        Raises:
            UnknownVoiceError, EngineParameterError, TextTooLongError, EmptyTextError: the chunk
                asks for what the engine cannot do.
            EngineUnavailableError: nothing can be spoken for now.
            EngineOutputError: the engine returned audio that cannot be right.
        """
        ...
