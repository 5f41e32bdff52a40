"""Speech-like signals, utterances in the shape that mastering takes, and ffmpeg's own meter."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import lfilter

from tts_tasks.mastering.encode import find_ffmpeg
from tts_tasks.values import Chunk, Plan, Samples, Script, Spoken, Utterance

RATE = 22_050


def speech(
    duration_s: float, sample_rate: int = RATE, seed: int = 0, pitch_hz: float = 120
) -> Samples:
    """Syllables of a pulse train through three formants, each after a burst of noise."""
    rng = np.random.default_rng(seed)
    syllable = round(0.2 * sample_rate)
    parts = []
    for _ in range(int(duration_s / 0.2) + 1):
        pulses = np.zeros(syllable)
        pulses[:: round(sample_rate / (pitch_hz * rng.uniform(0.9, 1.1)))] = 1
        voiced = np.zeros(syllable)
        for formant_hz, width_hz in (
            (rng.uniform(300, 800), 80),
            (rng.uniform(900, 2300), 120),
            (2800, 200),
        ):
            radius = np.exp(-np.pi * width_hz / sample_rate)
            angle = 2 * np.pi * formant_hz / sample_rate
            voiced += lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], pulses)
        voiced *= np.hanning(syllable) * rng.uniform(0.3, 1)
        burst = rng.standard_normal(syllable) * np.exp(-np.arange(syllable) / (0.01 * sample_rate))
        parts.append(voiced / np.abs(voiced).max() * 0.4 + 0.05 * burst)
        if rng.random() < 0.2:
            parts.append(np.zeros(syllable // 2))
    return np.concatenate(parts)[: round(duration_s * sample_rate)].astype(np.float32)


def sine(
    level_dbfs: float, duration_s: float, sample_rate: int = 48_000, hz: float = 1000
) -> Samples:
    """A sine whose peak is at a level."""
    time = np.arange(round(duration_s * sample_rate)) / sample_rate
    return (10 ** (level_dbfs / 20) * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def blocks(samples: Samples, size: int = 10_000) -> list[Samples]:
    """Cut a signal into blocks."""
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def utterance(
    folder: Path,
    samples: Samples,
    sample_rate: int = RATE,
    *,
    pause_s: float = 0.3,
    text: str = "Uma frase.",
    suffix: str = ".flac",
) -> Utterance:
    """Write an utterance as the library holds it."""
    path = folder / f"utterance-{len(list(folder.glob('utterance-*')))}{suffix}"
    subtype = "FLOAT" if suffix == ".wav" else "PCM_16"
    soundfile.write(path, samples, sample_rate, subtype=subtype)
    chunk = Chunk(written=text, spoken=text, voice="pt-br", pause_s=pause_s)
    return Utterance(chunk, path, len(samples) / sample_rate, sample_rate, 0.0, True)


def spoken(utterances: Sequence[Utterance], format: str = "mp3") -> Spoken:
    """Return the utterances as the result of the third step."""
    script = Script(
        chunks=tuple(one.chunk for one in utterances),
        provider="espeak",
        voice="pt-br",
        revision="1",
        format=format,
        mastering="",
        characters=sum(len(one.chunk.written) for one in utterances),
        key="0" * 64,
    )
    return Spoken(
        plan=Plan(script, finished=None, utterances={}, missing=()),
        utterances=tuple(utterances),
        synthesized_chunks=0,
        synthesis_s=0.0,
        synthesized_audio_s=0.0,
    )


def ebur128(path: Path) -> tuple[float, float]:
    """Return integrated loudness and true peak as ffmpeg measures them, to 0.1 dB."""
    command = [find_ffmpeg(), "-hide_banner", "-nostats", "-i", path]
    command += ["-af", "ebur128=peak=true", "-f", "null", "-"]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    summary = report[report.rindex("Summary:") :]
    loudness = re.search(r"I:\s+(-?[\d.]+|-inf) LUFS", summary)
    peak = re.search(r"Peak:\s+(-?[\d.]+|-inf) dBFS", summary)
    assert loudness
    assert peak
    return float(loudness[1]), float(peak[1])
