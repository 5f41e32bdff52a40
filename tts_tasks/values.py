"""The values that travel between the five steps; no behaviour beyond arithmetic on themselves.

A ``Script`` is what validation makes of a request; a ``Plan`` is a script plus what the library
already holds of it; ``Spoken`` is a plan whose chunks all exist as audio; ``Mastered`` is the
finished audio with its timings; a ``Narration`` is what the caller gets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Mono audio: float32, shape (n_samples,), amplitude in [-1, 1]."""


SILENT_PEAK = 1e-4
"""Audio whose largest sample is below this (-80 dBFS, 3 steps of 16 bits) says nothing."""


def fault_of(samples: Samples) -> str | None:
    """Return what makes audio unusable for every step, in a few words; ``None`` for good audio."""
    if samples.ndim != 1 or samples.dtype != np.float32:
        return f"samples of shape {samples.shape} and type {samples.dtype}, not mono float32"
    if not samples.size:
        return "empty audio"
    peak = float(np.abs(samples).max())
    if not np.isfinite(peak):
        return "audio with values that are not numbers"
    if peak > 1.0:
        return f"audio beyond full scale (peak {peak:.2f})"
    return "silence" if peak < SILENT_PEAK else None


class Structure(StrEnum):
    """What a segment is in its lesson; decides the pause that follows it."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    QUOTE = "quote"
    TABLE_ROW = "table_row"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Waveform:
    """Mono audio."""

    samples: Samples
    """Amplitude in [-1, 1], shape (n_samples,), float32."""

    sample_rate: int
    """Samples per second, in hertz."""

    synthesis_s: float | None = None
    """Seconds that the engine needed for it, where it can tell them from waiting for its turn."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True, slots=True)
class Segment:
    """A paragraph, heading, list item or table row of a lesson, as written."""

    text: str
    """The written text, without markup."""

    structure: Structure = Structure.PARAGRAPH
    """What the segment is in its lesson."""

    line: int | None = None
    """Line of its source where it begins, from 1; ``None`` where a source has no lines."""

    voice: str | None = None
    """Voice that the author asked for here; ``None`` for the narration's own."""

    pace: float = 1.0
    """How fast the author wants this spoken, times the voice's pace in the narration."""

    pause_s: float | None = None
    """Silence after it that the author asked for; ``None`` for what its structure deserves."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A place where what is said is not what is written: ``R$ 5``, said ``cinco reais``."""

    start: int
    """Where it begins in the written text, in characters."""

    end: int
    """Where it ends in the written text."""

    spoken_start: int
    """Where it begins in the spoken text (phoneme marks as their terms), in characters."""

    spoken_end: int
    """Where it ends in the spoken text."""

    rules: tuple[str, ...]
    """Which rules said so, in the order that they were asked, e.g. ``("money",)``."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one engine call speaks: whole sentences, at most ``max_chars`` of the engine."""

    written: str
    """The text as the author wrote it; captions show this."""

    spoken: str
    """The text as the voice says it; the engine gets this."""

    voice: str
    """Voice preset, e.g. ``pt-br+f2`` or ``v2/pt_speaker_2``."""

    parameters: Mapping[str, int | float | str] = field(default_factory=dict)
    """Every engine parameter with its value (defaults filled in), e.g. ``{"rate": 150}``."""

    seed: int = 0
    """Seed of the take; engines without randomness ignore it."""

    pause_s: float = 0.0
    """Silence after the chunk, in seconds."""

    lead_s: float = 0.0
    """Silence before the chunk that the author asked for, in seconds."""

    structure: Structure = Structure.PARAGRAPH
    """Structure of the segment that the chunk belongs to."""

    key: str = ""
    """Content key of the utterance: 64 hexadecimal digits (``catalog.keys.chunk_key``)."""

    revision: str = ""
    """Revision of the engine with this voice; part of the key."""

    line: int | None = None
    """Line of the source where the chunk's segment begins, from 1."""

    readings: tuple[Reading, ...] = ()
    """Where ``spoken`` is not ``written``, in order: the map between the two."""


@dataclass(frozen=True, slots=True)
class Tags:
    """What the published file says about itself."""

    title: str = ""
    """Lesson title."""

    album: str = ""
    """Course title."""

    artist: str = ""
    """Who speaks: provider and voice."""

    track: int | None = None
    """Number of the lesson in its course, from 1."""

    track_total: int | None = None
    """Number of lessons in the course."""

    language: str = "por"
    """ISO 639-2 code."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """The accepted take of a chunk, in the library."""

    chunk: Chunk
    """What was spoken."""

    path: Path
    """The object: lossless audio, mono."""

    duration_s: float
    """Length of the audio before trimming, in seconds."""

    sample_rate: int
    """Samples per second, in hertz."""

    synthesis_s: float
    """Seconds that the engine needed; 0.0 when the utterance came from the cache."""

    cached: bool
    """Whether the library already held it."""


@dataclass(frozen=True, slots=True)
class Cue:
    """When a chunk is heard in the finished audio, and what the caption shows."""

    start_s: float
    """Start of the speech, in seconds from the start of the narration."""

    end_s: float
    """End of the speech, in seconds from the start of the narration."""

    text: str
    """The written text."""

    spoken: str = ""
    """What the voice says there, phoneme marks as their terms."""


@dataclass(frozen=True, slots=True)
class Script:
    """A validated request: what will be said, by whom, and how it will be mastered."""

    chunks: tuple[Chunk, ...]
    """In order; at least one."""

    provider: str
    """Name of the engine, e.g. ``espeak``; never ``auto``."""

    voice: str
    """Voice of the narration."""

    revision: str
    """Revision of the engine (``Engine.revision``); part of every key."""

    format: str
    """Audio format, e.g. ``mp3``."""

    mastering: str
    """Canonical description of the mastering settings and their revision; part of the key."""

    characters: int
    """Length of the written text."""

    key: str
    """Narration key: 64 hexadecimal digits (``catalog.keys.narration_key``)."""

    choice: str = ""
    """Why this provider: one sentence."""


@dataclass(frozen=True, slots=True)
class Mastered:
    """Finished audio, untagged, before or after it is registered."""

    path: Path
    """The encoded file."""

    format: str
    """Audio format, e.g. ``mp3``."""

    duration_s: float
    """Length in seconds."""

    sample_rate: int
    """Samples per second, in hertz."""

    loudness_lufs: float
    """Integrated loudness of the encoded file (ITU-R BS.1770-4)."""

    true_peak_dbtp: float
    """True peak of the encoded file, 4 times oversampled."""

    spans: tuple[tuple[float, float], ...]
    """For each chunk, start and end of its speech, in seconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A script and what the library already holds of it."""

    script: Script
    """What will be said."""

    finished: Mastered | None
    """The narration, when it was made before."""

    utterances: Mapping[str, Utterance]
    """Utterances that the library holds, by chunk key."""

    missing: tuple[Chunk, ...]
    """Chunks to synthesize, each key once, in order of first use; empty when finished."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A plan whose chunks all exist as audio."""

    plan: Plan
    """Where it came from."""

    utterances: tuple[Utterance, ...]
    """One per chunk of the script, in order; empty when the narration was finished before."""

    synthesized_chunks: int
    """Chunks that the engine spoke in this run."""

    synthesis_s: float
    """Seconds that the engine needed in this run."""

    synthesized_audio_s: float
    """Seconds of audio that the engine spoke in this run."""


@dataclass(frozen=True, slots=True)
class Narration:
    """The mastered audio of one text with its captions, where the caller asked for it."""

    key: str
    """Narration key."""

    audio: Path
    """The published audio, tagged."""

    captions: Mapping[str, Path]
    """Caption files by kind: ``vtt``, ``srt``."""

    duration_s: float
    """Length in seconds."""

    provider: str
    """Name of the engine."""

    voice: str
    """Voice preset."""

    cached: bool
    """Whether nothing had to be synthesized or mastered."""

    chunks: int
    """Chunks in the script."""

    synthesized_chunks: int
    """Chunks that the engine spoke in this run."""

    synthesis_s: float
    """Seconds that the engine needed in this run."""

    synthesized_audio_s: float
    """Seconds of audio that the engine spoke in this run."""

    characters: int
    """Length of the written text."""

    loudness_lufs: float
    """Integrated loudness of the encoded audio."""

    true_peak_dbtp: float
    """True peak of the encoded audio."""

    sha256: str
    """Checksum of the published audio file."""

    cues: tuple[Cue, ...]
    """One per chunk, in order."""

    chunk_keys: tuple[str, ...]
    """One per chunk, in order."""

    choice: str = ""
    """Why this provider: one sentence."""

    @property
    def rtf(self) -> float | None:
        """Synthesis seconds per second of audio synthesized; ``None`` when nothing was."""
        if not self.synthesized_audio_s:
            return None
        return self.synthesis_s / self.synthesized_audio_s


Checkpoint = Callable[[], None]
"""Called between units of work; raises ``CancelledError`` when the run was cancelled."""


def never_cancelled() -> None:
    """Do nothing: the checkpoint of a narration that nobody can cancel."""
