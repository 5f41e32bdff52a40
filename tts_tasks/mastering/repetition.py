"""Does a take say something twice? Its spectrum over time, compared with itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, rfft

from tts_tasks.mastering.speech_time import has_dense_script
from tts_tasks.values import Samples

FRAME_S = 0.02
"""Step between two spectra."""

N_BANDS = 24
"""Bands of the spectrum, evenly spaced on the mel scale from 100 Hz to 6 kHz."""

N_COEFFICIENTS = 13
"""Cepstral coefficients, without the first, which is the level."""

PHRASE_LETTERS = 18
"""Shortest phrase whose return counts: about three words."""

SHORTEST_PHRASE_S = 1.2
"""And in seconds, for fast voices."""

MAX_SIMILARITY = 0.9
"""Most that two different phrases of a voice have in common."""

MAX_TAKE_S = 60.0
"""Longest take that is compared with itself; the work grows with the square."""

REPEATED_LETTERS = 10
"""A text that repeats so many letters in a row may sound as if it were said twice."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """The phrase of a take that is most like another one of the same take."""

    similarity: float
    """Mean cosine of their cepstra, 1.0 for the same sound."""

    duration_s: float
    """How far apart they are, in seconds."""


def find_repetition(samples: Samples, sample_rate: int, letters_per_s: float) -> Repetition:
    """Return the most similar pair of phrases that do not overlap.

    Args:
        samples: shape (n_samples,).
        sample_rate: in hertz.
        letters_per_s: pace of the take.
    """
    cepstra = _cepstra(samples[: round(MAX_TAKE_S * sample_rate)], sample_rate)
    phrase_s = max(SHORTEST_PHRASE_S, PHRASE_LETTERS / letters_per_s)
    width = round(phrase_s / FRAME_S)
    best = Repetition(0.0, 0.0)
    for lag in range(width, len(cepstra) - width):
        products = np.einsum("ij,ij->i", cepstra[:-lag], cepstra[lag:])
        sums = np.concatenate(([0.0], np.cumsum(products)))
        similarity = float((sums[width:] - sums[:-width]).max()) / width
        if similarity > best.similarity:
            best = Repetition(similarity, lag * FRAME_S)
    return best


def repeats_itself(spoken: str) -> bool:
    """Return whether the text itself repeats ``REPEATED_LETTERS`` letters in a row.

    Or whether it may: what the characters of other scripts sound like is not known here.
    """
    if has_dense_script(spoken):
        return True
    letters = "".join(re.findall(r"[^\W_]", spoken.casefold()))
    starts = range(len(letters) - REPEATED_LETTERS + 1)
    runs = [letters[start : start + REPEATED_LETTERS] for start in starts]
    return len(set(runs)) < len(runs)


def _cepstra(samples: Samples, sample_rate: int) -> NDArray[np.float32]:
    """Return normalised cepstra of the audible frames, shape (n_frames, N_COEFFICIENTS)."""
    step, size = round(FRAME_S * sample_rate), round(2 * FRAME_S * sample_rate)
    n_frames = max(1, (len(samples) - size) // step + 1)
    padded = np.pad(samples, (0, max(0, size - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::step][:n_frames]
    power = np.abs(rfft(frames * np.hanning(size).astype(np.float32), axis=1)) ** 2
    bands = np.log(power @ _mel_filters(sample_rate, size) + 1e-8)
    bands = np.maximum(bands, bands.max() - 9.0)  # 40 dB: silence is silence
    cepstra = dct(bands, axis=1, norm="ortho")[:, 1 : N_COEFFICIENTS + 1]
    cepstra -= cepstra.mean(axis=0)
    norms = np.linalg.norm(cepstra, axis=1, keepdims=True)
    return np.asarray(cepstra / np.maximum(norms, 1e-6), np.float32)


def _mel_filters(sample_rate: int, size: int) -> NDArray[np.float32]:
    """Return triangular filters, shape (size // 2 + 1, N_BANDS)."""
    highest_hz = min(6_000.0, 0.45 * sample_rate)
    mels = np.linspace(_mel(100.0), _mel(highest_hz), N_BANDS + 2)
    edges_hz = 700 * (10 ** (mels / 2595) - 1)
    bins_hz = np.arange(size // 2 + 1) * sample_rate / size
    rising = (bins_hz[:, None] - edges_hz[:-2]) / (edges_hz[1:-1] - edges_hz[:-2])
    falling = (edges_hz[2:] - bins_hz[:, None]) / (edges_hz[2:] - edges_hz[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None), np.float32)


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))
