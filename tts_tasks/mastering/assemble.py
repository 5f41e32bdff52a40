"""From the utterances to one waveform: high-pass, trim, fade, pause, join.

The waveform lies in a scratch file of raw float32, so that memory does not grow with its length.
Loudness is ``loudness``'s and ``limiter``'s work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.signal import butter, sosfilt, sosfilt_zi

from tts_tasks.errors import EngineOutputError, MasteringError, excerpt, storage_error
from tts_tasks.mastering.profile import MasteringProfile
from tts_tasks.values import (
    SILENT_PEAK,
    Checkpoint,
    Chunk,
    Samples,
    Utterance,
    Word,
    fault_of,
    never_cancelled,
)

BLOCK_SAMPLES = 1 << 15
"""Samples per block when the waveform is read back."""

FRAME_MS = 10.0
"""Resolution of the search for the ends of the speech."""

SPEECH_QUANTILE = 0.95
"""The level of a chunk is that of its loud syllables: this quantile of its frames' RMS."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """The joined waveform in its scratch file."""

    path: Path
    """Raw native float32, mono."""

    sample_rate: int
    """In hertz."""

    n_samples: int
    """Length in samples."""

    peak: float
    """Largest amplitude in the scratch file."""

    spans: tuple[tuple[float, float], ...]
    """For each utterance, start and end of its speech, in seconds."""

    words: tuple[tuple[Word, ...], ...] = ()
    """For each utterance, its words, where the engine told when it says them."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate

    def blocks(self) -> Iterator[Samples]:
        """Yield the waveform from its start, in blocks of at most ``BLOCK_SAMPLES``.

        Scaled to a peak of full scale: the measure of loudness has an absolute gate, and what it
        takes for silence should not depend on how loud the voice happens to be.

        Read, not mapped: mapped pages count as the process's memory until the kernel takes them
        back, which for three hours of audio is a gigabyte.
        """
        with self.path.open("rb") as file:
            while len(block := np.fromfile(file, np.float32, BLOCK_SAMPLES)):
                yield block / np.float32(self.peak)


def assemble(
    utterances: Sequence[Utterance],
    scratch: Path,
    *,
    profile: MasteringProfile,
    sample_rate: int | None = None,
    checkpoint: Checkpoint = never_cancelled,
) -> Assembled:
    """Join the utterances with their pauses into a scratch file.

    Args:
        utterances: in order; at least one.
        scratch: the file to write; the caller removes it.
        profile: trims and fades.
        sample_rate: of the result, in hertz; the highest of the utterances' when omitted. What
            has another rate is resampled.
        checkpoint: called before each utterance.

    Raises:
        EngineOutputError: an utterance is empty, silent or not finite; names its text.
        MasteringError: an utterance cannot be read.
        CatalogError: the scratch file cannot be written.
    """
    if not utterances:
        raise ValueError("no utterances to assemble")
    rate = sample_rate or max(utterance.sample_rate for utterance in utterances)
    spans: list[tuple[float, float]] = []
    words: list[tuple[Word, ...]] = []
    position, peak = 0, 0.0
    try:
        with scratch.open("wb") as file:
            for number, utterance in enumerate(utterances, start=1):
                checkpoint()
                lead = np.zeros(round(utterance.chunk.lead_s * rate), np.float32)
                file.write(lead.tobytes())
                position += len(lead)
                samples = _read(utterance, rate, profile)
                start, end = speech_bounds(samples, rate, profile)
                speech = fade(samples[start:end], rate, profile)
                spans.append((position / rate, (position + len(speech)) / rate))
                words.append(_shifted(utterance.words, (position - start) / rate, spans[-1]))
                pause_s = utterance.chunk.pause_s
                if number == len(utterances):
                    pause_s = max(pause_s, profile.end_silence_ms / 1000)
                silence = np.zeros(round(pause_s * rate), np.float32)
                file.write(speech.tobytes())
                file.write(silence.tobytes())
                position += len(speech) + len(silence)
                peak = max(peak, float(np.abs(speech).max()))
    except OSError as error:
        raise storage_error(error, scratch) from error
    return Assembled(scratch, rate, position, peak, tuple(spans), tuple(words))


def _shifted(words: Sequence[Word], shift_s: float, span: tuple[float, float]) -> tuple[Word, ...]:
    """Return the words with their times in the narration, inside the utterance's speech."""
    start_s, end_s = span
    moved = (
        replace(
            word,
            start_s=min(max(word.start_s + shift_s, start_s), end_s),
            end_s=min(max(word.end_s + shift_s, start_s), end_s),
        )
        for word in words
    )
    return tuple(word for word in moved if word.start_s < word.end_s)


def speech_bounds(samples: Samples, sample_rate: int, profile: MasteringProfile) -> tuple[int, int]:
    """Return where the speech begins and ends, in samples, margins included.

    The threshold follows the chunk's own level, so that a soft voice loses no more than a loud
    one.

    Args:
        samples: shape (n_samples,), not silent.
        sample_rate: in hertz.
        profile: threshold and margins.
    """
    frame = max(1, round(FRAME_MS * sample_rate / 1000))
    n_frames = -(-len(samples) // frame)
    padded = np.zeros(n_frames * frame, np.float32)
    padded[: len(samples)] = samples
    rms = np.sqrt(np.square(padded.reshape(n_frames, frame)).mean(axis=1))
    heard = rms[rms > 0]
    level = float(np.quantile(heard, SPEECH_QUANTILE))
    audible = np.flatnonzero(rms >= level * 10 ** (profile.trim_threshold_db / 20))
    start = int(audible[0]) * frame - round(profile.trim_lead_ms * sample_rate / 1000)
    end = (int(audible[-1]) + 1) * frame + round(profile.trim_tail_ms * sample_rate / 1000)
    return max(0, start), min(end, len(samples))


def without_offset(samples: Samples, sample_rate: int, profile: MasteringProfile) -> Samples:
    """Return the samples without what lies too low to be a voice (Butterworth, second order).

    The filter starts as if the mean of its first period had been there for ever, so that a
    constant offset leaves no trace at the start.
    """
    sections = butter(2, profile.high_pass_hz, "highpass", fs=sample_rate, output="sos")
    start = samples[: round(sample_rate / profile.high_pass_hz)].mean(dtype=np.float64)
    filtered, _ = sosfilt(sections, samples.astype(np.float64), zi=sosfilt_zi(sections) * start)
    without: Samples = filtered.astype(np.float32)
    return without


def fade(samples: Samples, sample_rate: int, profile: MasteringProfile) -> Samples:
    """Return the samples with their first and last one at zero, so that a join cannot click."""
    n_in = min(round(profile.fade_in_ms * sample_rate / 1000), (len(samples) - 1) // 2)
    n_out = min(round(profile.fade_out_ms * sample_rate / 1000), (len(samples) - 1) // 2)
    faded = samples.copy()
    faded[:n_in] *= _rise(n_in)
    faded[len(faded) - n_out :] *= _rise(n_out)[::-1]
    return faded


def _rise(n_samples: int) -> Samples:
    """Return half a raised cosine from exactly 0, shape (n_samples,)."""
    phase = np.arange(n_samples) / max(1, n_samples)
    return (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)


def _read(utterance: Utterance, rate: int, profile: MasteringProfile) -> Samples:
    """Return the audio of an utterance at a sample rate, mono, checked, without an offset."""
    try:
        audio, own_rate = soundfile.read(utterance.path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise MasteringError(
            f"cannot read the audio of {excerpt(utterance.chunk.written)!r} ({error})",
            field="utterance",
            value=utterance.path,
            remedy="remove the file: the chunk is then spoken again",
        ) from error
    samples: Samples = np.ascontiguousarray(audio.mean(axis=1, dtype=np.float32))
    fault = fault_of(samples)
    if fault is None:
        samples = without_offset(samples, own_rate, profile)
        if np.abs(samples).max() < SILENT_PEAK:
            fault = "a constant offset and no sound"
    if fault is not None:
        raise _unusable(fault, utterance.chunk)
    if own_rate != rate:
        samples = soxr.resample(samples, own_rate, rate)
    return samples


def _unusable(fault: str, chunk: Chunk) -> EngineOutputError:
    return EngineOutputError(
        f"the voice gave {fault} for {excerpt(chunk.spoken)!r}",
        field="text",
        value=chunk.written,
        remedy="speak the chunk again, or reword it",
    )
