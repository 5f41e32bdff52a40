"""What every engine promises: a batch of chunks in, as many waveforms out, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tts_tasks.values import Chunk, Waveform


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


class Engine(Protocol):
    """One way to speak."""

    name: str
    """The provider's public name, e.g. ``espeak``."""

    sample_rate: int
    """Hertz of every waveform returned."""

    max_chars: int
    """Longest spoken text of one chunk, in characters."""

    batch_size: int
    """Chunks that one ``synthesize`` call takes best; a finished batch survives a crash."""

    revision: str
    """Changes whenever the same chunk would sound different; part of the cache key."""

    def voices(self) -> list[str]:
        """Return the names of the voices, the default first."""
        ...

    def describe(self, voice: str) -> Voice:
        """Return what is known about a voice.

        Raises:
            UnknownVoiceError: if the engine has no such voice.
        """
        ...

    def default_voice(self, language: str) -> str:
        """Return the voice for a language when none was asked for.

        Raises:
            UnknownVoiceError: if the engine does not speak the language.
        """
        ...

    def parameters(self, given: Mapping[str, object]) -> dict[str, int | float | str]:
        """Return all of the engine's parameters, the given ones checked, the others by default.

        Raises:
            EngineParameterError: for an unknown name or a value outside its range.
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
