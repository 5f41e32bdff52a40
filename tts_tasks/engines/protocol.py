"""What every engine promises: a batch of chunks in, as many waveforms out, in order.

An engine subclasses ``Engine`` and says its ``name``, ``sample_rate``, ``max_chars``, ``revision``,
``catalogue`` and ``synthesize``; the rest has defaults for one with fixed voices and no parameters.
``contract`` has the tests that every engine must pass.
"""

from __future__ import annotations

import difflib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tts_tasks.errors import EngineOutputError, EngineParameterError, UnknownVoiceError
from tts_tasks.values import Checkpoint, Chunk, Expected, Waveform, never_cancelled

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

    licence: str = ""
    """On what terms it may be used, in a few words."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether an engine can speak now."""

    reason: str | None = None
    """Why it cannot, as it follows the engine's name in a sentence; ``None`` when it can."""

    is_passing: bool = False
    """Whether that may be over soon, without anybody installing anything."""

    is_installed: bool = True
    """``False`` where nobody has set it up: who chooses need not explain why it is passed over."""

    @property
    def now(self) -> bool:
        """Return whether it can speak now."""
        return self.reason is None


class Engine(Protocol):
    """One way to speak."""

    name: str
    """The provider's public name, e.g. ``espeak``."""

    sample_rate: int
    """Hertz of every waveform returned."""

    max_chars: int
    """Longest spoken text of one chunk, in characters; a longer one never fits."""

    naturalness: float = 0.5
    """How natural it sounds, from 0 to 1, beside the others: eSpeak NG 0.2, gTTS 0.6, Kokoro 0.8.
    ``auto`` prefers the higher."""

    needs_network: bool = False
    """Whether the text is sent to a service."""

    needs_gpu: bool = False
    """Whether it speaks on the workers of the ``gpu`` pool."""

    speaks_phonemes: bool = False
    """Whether it says a term as its phoneme mark tells (``tts_tasks.marks``); if not, it is given
    the term alone."""

    batch_size: int = 1
    """Chunks that one call takes best; what ``takes`` has yielded of them survives a crash."""

    typical_rtf: float = 1.0
    """Seconds of synthesis per second of audio on two cores, measured; for estimates."""

    typical_chars_per_s: float = 15.0
    """Characters of spoken text per second of speech, for voices that were not measured."""

    computing: float = 1.0
    """Share of the synthesis that is work of this machine, for ``cheapest``: 0 for a service that
    is only waited for, 1 for two cores; a GPU is worth 10 of them."""

    takes_differ: bool = False
    """Whether a chunk's next take may be better: another seed, or another answer of a service.
    Without, a take that fails its checks need not be tried again."""

    deterministic: bool = True
    """Whether the same chunk with the same seed gives the same samples, bit for bit."""

    @property
    @abstractmethod
    def revision(self) -> str:
        """Changes whenever the same chunk would sound different; part of the cache key."""
        ...

    @abstractmethod
    def catalogue(self) -> list[Voice]:
        """Return every voice, the default first, also those that it would have with its model."""
        ...

    @abstractmethod
    def synthesize(
        self, chunks: Sequence[Chunk], checkpoint: Checkpoint = never_cancelled
    ) -> list[Waveform]:
        """Speak each chunk's ``spoken`` text in its ``voice``, with its ``parameters``.

        Args:
            chunks: what to say.
            checkpoint: called at least before each chunk, or batch of chunks that are spoken at
                once, and in every wait; raises ``CancelledError`` when the run was cancelled.

        Returns:
            One waveform per chunk, in order; float32 in [-1, 1] at ``sample_rate``.

        Raises:
            UnknownVoiceError, EngineParameterError, TextTooLongError, EmptyTextError: the chunk
                asks for what the engine cannot do.
            EngineUnavailableError: nothing can be spoken for now.
            EngineOutputError: the engine returned audio that cannot be right.
            CancelledError: from the checkpoint.
        """
        ...

    def takes(
        self, chunks: Sequence[Chunk], checkpoint: Checkpoint = never_cancelled
    ) -> Iterator[tuple[int, Waveform]]:
        """Speak chunks, and yield the index and the waveform of each as soon as it is finished.

        An engine that speaks many chunks side by side overrides this: what is yielded is kept
        before the rest is finished. Arguments and errors are those of ``synthesize``.
        """
        waveforms = self.synthesize(chunks, checkpoint)
        if len(waveforms) != len(chunks):  # Whose they are cannot be known.
            raise EngineOutputError(
                f"{self.name} returned {len(waveforms)} takes for {len(chunks)} chunks",
                field="provider",
                value=self.name,
            )
        yield from enumerate(waveforms)

    def availability(self, *, ask: bool = False) -> Availability:
        """Return whether the engine can speak now.

        Args:
            ask: whether to ask what takes a while to answer, as a service; without, what is known
                already counts.
        """
        return Availability()

    def status(self) -> dict[str, str | float]:
        """Return what an operator should know besides, by name: of a service, how it is doing."""
        return {}

    def voices(self) -> list[str]:
        """Return the names of the voices that can be used, the default first.

        Raises:
            ModelMissingError: if there are none without its model.
        """
        return [voice.name for voice in self.catalogue()]

    def describe(self, voice: str) -> Voice:
        """Return what is known about a voice.

        Raises:
            UnknownVoiceError: if the engine has no such voice.
            ModelMissingError: if it would have it with its model.
        """
        known = {each.name: each for each in self.catalogue()}
        if voice in known:
            return known[voice]
        near = difflib.get_close_matches(voice, known, n=3, cutoff=0.4) or list(known)[:4]
        raise UnknownVoiceError(
            f"{self.name} has no voice {voice!r}",
            field="voice",
            value=voice,
            remedy=f"use {' or '.join(near)}; `narrate voices --provider {self.name}` lists all",
        )

    def default_voice(self, language: str) -> str:
        """Return the voice for a language when none was asked for.

        Raises:
            UnknownVoiceError: if the engine does not speak the language.
            ModelMissingError: if it would speak it with its model.
        """
        code = language.lower().replace("_", "-")
        spoken = [(voice.language.lower(), voice.name) for voice in self.catalogue()]
        base = code.split("-")[0]
        exact = (name for tag, name in spoken if tag == code)
        related = (name for tag, name in spoken if tag.split("-")[0] == base)
        if found := next(exact, None) or next(related, None):
            return found
        raise UnknownVoiceError(
            f"{self.name} does not speak {language!r}",
            field="language",
            value=language,
            remedy=f"it speaks {', '.join(sorted({tag for tag, _ in spoken}))}",
        )

    def parameters(self, given: Mapping[str, object]) -> Parameters:
        """Return all of the engine's parameters, the given ones checked, the others by default.

        Raises:
            EngineParameterError: for an unknown name or a value outside its range.
        """
        for name in given:
            raise EngineParameterError(
                f"{self.name} has no parameter {name!r}: it has none at all",
                field=f"parameters.{name}",
                value=name,
                remedy="leave it out",
            )
        return {}

    def at_pace(self, parameters: Parameters, pace: float) -> Parameters:
        """Return parameters with which the voice speaks faster or slower.

        Args:
            parameters: all of the engine's parameters.
            pace: times the pace that they have now; 1.0 leaves them as they are.

        Raises:
            EngineParameterError: if the engine cannot speak so fast or slowly.
        """
        if pace != 1.0:
            raise EngineParameterError(
                f"{self.name} cannot change its pace", field="pace", value=pace
            )
        return parameters

    def expects(self, chunk: Chunk) -> Expected | None:
        """Return what a good take of a chunk is like: its voice, at its parameters.

        ``None`` where nothing is known, as for a voice that nobody measured.
        """
        return self.describe(chunk.voice).expected

    def fits(self, spoken: str, voice: str) -> bool:
        """Return whether one call can speak the text.

        Raises:
            TextTooLongError: for a single word that is over the limit by itself.
            UnknownPhonemeError: for a sound that the voice cannot make.
        """
        return len(spoken) <= self.max_chars
