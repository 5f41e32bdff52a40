"""The values that travel between the five steps; no behaviour beyond arithmetic on themselves.

A ``Script`` is what validation makes of a request; a ``Plan`` is a script plus what the library
already holds of it; ``Spoken`` is a plan whose chunks all exist as audio; ``Mastered`` is the
finished audio with its timings; a ``Narration`` is what the caller gets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
class Word:
    """When a word of a text is heard."""

    start: int
    """Where it begins in the text, in characters."""

    end: int
    """Where it ends in the text."""

    start_s: float
    """When it begins, in seconds from the start of the audio."""

    end_s: float
    """When it ends, in seconds from the start of the audio."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """Mono audio."""

    samples: Samples
    """Amplitude in [-1, 1], shape (n_samples,), float32."""

    sample_rate: int
    """Samples per second, in hertz."""

    synthesis_s: float | None = None
    """Seconds that the engine needed for it, where it can tell them from waiting for its turn."""

    words: tuple[Word, ...] = ()
    """Words of the spoken text, in order, where the engine tells when it says them."""

    flags: tuple[str, ...] = ()
    """What the engine itself knows to be wrong with it, e.g. ``("cut_off",)``."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True, slots=True)
class Expected:
    """What good takes are like, of a voice or of one chunk; measured with the benchmark ``voices``.

    A take far from it is suspicious: a doubled or a dropped phrase changes the pace, a failed one
    the level or the silence.
    """

    chars_per_s: float
    """Median pace: characters of spoken text per second of speech, without the silence around."""

    chars_per_s_range: tuple[float, float]
    """Slowest and fastest sentence measured."""

    loudness_lufs: float
    """Median integrated loudness of a take (ITU-R BS.1770-4), before mastering."""

    silence_s: tuple[float, float]
    """Median silence before and after the speech, in seconds."""

    longest_pause_s: float
    """Longest silence inside a sentence, in seconds."""

    def at_pace(self, pace: float) -> Expected:
        """Return what takes are like that are spoken so many times as fast."""
        slowest, fastest = self.chars_per_s_range
        return replace(
            self,
            chars_per_s=self.chars_per_s * pace,
            chars_per_s_range=(slowest * pace, fastest * pace),
            longest_pause_s=self.longest_pause_s / pace,
        )


@dataclass(frozen=True, slots=True)
class Quality:
    """What was found out about a take (``mastering.quality``)."""

    flags: tuple[str, ...] = ()
    """Names of the checks that it failed, e.g. ``("too_short",)``; empty for a good take."""

    scores: Mapping[str, float] = field(default_factory=dict)
    """Measured values by name, units in the names; all finite."""

    badness: float = 0.0
    """How far beyond its limits the take is, all failed checks together; the best take of several
    has the least. 0.0 for a good take, infinite for one that no further step can use."""

    asr: Mapping[str, object] | None = None
    """What a recogniser heard (``mastering.asr``): ``wer``, ``heard`` and ``missing``, the runs of
    words that it did not hear; ``None`` where none was asked."""

    @property
    def is_good(self) -> bool:
        """Whether no check failed."""
        return not self.flags


@dataclass(frozen=True, slots=True)
class Take:
    """One attempt at a chunk that is kept for a person to hear."""

    path: Path
    """Lossless audio, mono."""

    seed: int
    """Seed that it was spoken with."""

    quality: Quality
    """What was found out about it."""

    accepted: bool
    """Whether it is the one that the narration uses."""


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

    paragraph: int = 0
    """Number of the chunk's segment in its narration, from 0."""

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

    words: tuple[Word, ...] = ()
    """Words of ``chunk.spoken`` (phoneme marks as their terms), where the engine told when it says
    them; seconds from the start of the untrimmed audio."""

    quality: Quality | None = None
    """What was found out about it; ``None`` for one from before there were checks."""


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

    words: tuple[Word, ...] = ()
    """Words of ``text``, where the engine told when it says them; seconds from the start of the
    narration. What is said in several words (``R$ 5``) is one word here."""

    structure: Structure = Structure.PARAGRAPH
    """What the segment that it belongs to is in its lesson."""

    paragraph: int = 0
    """Number of the segment that it belongs to, from 0: cues of one segment share it."""

    readings: tuple[Reading, ...] = ()
    """Where ``spoken`` is not ``text``, in order."""


@dataclass(frozen=True, slots=True)
class History:
    """What came of a provider lately."""

    narrations: int = 0
    """Narrations that it was to speak in the last hour."""

    failures: int = 0
    """How many of them it failed."""

    rtf: float | None = None
    """Seconds of synthesis per second of audio in the last week; ``None`` without any."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one provider when ``auto`` chose."""

    provider: str
    """Name of the engine."""

    reason: str
    """Why it stands where it stands, or why it cannot speak."""

    is_usable: bool = True
    """Whether it could speak."""

    is_passing: bool = False
    """Whether what keeps it from speaking may be over soon: it failed, rests, is out of reach."""


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

    ranking: tuple[Verdict, ...] = ()
    """Every provider, the preferred one first; empty where one was asked for by name."""

    is_downgrade: bool = False
    """Whether a better provider was passed over for a reason that may be over soon."""

    accept_flagged: bool = False
    """Whether takes that failed their checks are kept and published."""

    profile: str = "course"
    """Name of the mastering profile."""

    quality: str = "signal"
    """Which checks every take must pass: ``signal``, or ``asr`` for a recogniser's too."""


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

    words: tuple[tuple[Word, ...], ...] = ()
    """For each chunk, the words of its spoken text, seconds from the start of the narration; empty
    where no engine told."""

    flagged: tuple[str, ...] = ()
    """Keys of the chunks whose best take failed a check."""

    checks: str = ""
    """Which checks its takes had to pass, as in ``Script.quality``; empty where it is not known."""


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

    transcripts: Mapping[str, Path]
    """Transcripts by kind: ``json`` (times of sentences and words), ``md``, ``html``."""

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

    ranking: tuple[Verdict, ...] = ()
    """Every provider, the preferred one first; empty where one was asked for by name."""

    is_downgrade: bool = False
    """Whether a better provider was passed over for a reason that may be over soon."""

    fingerprint: str = ""
    """Digest of what the published files depend on (``catalog.courses.fingerprint``)."""

    profile: str = "course"
    """Name of the mastering profile."""

    flagged: tuple[str, ...] = ()
    """Keys of the chunks whose best take failed a check, and which were accepted all the same."""

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
