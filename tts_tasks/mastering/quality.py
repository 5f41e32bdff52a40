"""Is this take what was asked for? Checks of the audio itself, before it is accepted.

Speech engines fail in a few ways: they leave words out or say them twice, break off, fall silent,
hum or babble on, clip. Each check measures one of these against what the voice is known to do, and
its limit lies beyond all good takes that were measured: thousands of sentences of eSpeak NG and
Kokoro in six languages (``python -m tests.benchmarks.quality``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tts_tasks.mastering.repetition import (
    MAX_SIMILARITY,
    Repetition,
    find_repetition,
    repeats_itself,
)
from tts_tasks.mastering.speech_time import speech_time
from tts_tasks.values import Expected, Quality, Samples, fault_of

FRAME_MS = 10.0
"""Resolution of everything that is measured over time."""

SPEECH_QUANTILE = 0.95
"""The level of a take is that of its loud syllables: this quantile of its frames' RMS."""

SILENT_DB = -40.0
"""A frame so far below the level of the take is silence."""

EMPTY_DBFS = -100.0
"""A frame below this holds nothing, not even noise: half a step of 16 bits."""

MAX_BADNESS = 100.0
"""Of a take that can be stored, and nothing else be said for it."""

STEADY_DB = 3.0
"""Sound whose level moves by no more than this is a hum or a noise: syllables come and go."""

SPARE_S, SPARE_GROWTH = 0.15, 0.4
"""How much longer or shorter than the estimate a take may be: so many seconds, and so many for the
square root of its seconds; what single words add or save evens out in a longer text."""

MAX_PAUSE_S = 1.2
"""Longest silence inside a take of a voice that nobody measured. The longest of eSpeak NG at its
slowest is 1.0 s."""

MAX_STEADY_S = 0.6
"""Longest steady sound."""

MAX_FLAT_SHARE = 0.002
"""Largest share of samples that lie at the rails beside another one."""

MAX_DC_OFFSET = 0.05
"""Largest mean of the samples, relative to full scale."""

MIN_LEVEL_DBFS = -45.0
"""Softest speech."""

MAX_CUT_DB = -15.0
"""Loudest last frame, relative to the level of the take, of a voice that falls silent before its
file ends."""

FALLS_SILENT_S = 0.1
"""Silence after the speech, from which on a voice is known to do so; eSpeak NG's are not."""


@dataclass(frozen=True, slots=True)
class Check:
    """A score and its limit."""

    flag: str
    score: float
    limit: float

    @property
    def excess(self) -> float:
        """How far beyond the limit, in shares of it; 0.0 within it."""
        return max(0.0, (self.score - self.limit) / abs(self.limit))


def check_take(
    samples: Samples, sample_rate: int, *, spoken: str, expected: Expected | None
) -> Quality:
    """Return what is wrong with a take, and how it measures.

    Args:
        samples: shape (n_samples,), float32.
        sample_rate: in hertz.
        spoken: what should have been said, as the engine got it, without phoneme marks.
        expected: what good takes of the voice are like, ``None`` where nobody measured.

    Returns:
        Flags ``too_short``, ``too_long``, ``long_silence``, ``steady_noise``, ``repetition``,
        ``clipping``, ``dc_offset``, ``too_quiet``, ``cut_off``; ``unusable`` alone, with infinite
        badness, for what no step could use.
    """
    if fault_of(samples):
        return Quality(flags=("unusable",), badness=float("inf"))
    levels_db = frame_levels_db(samples, sample_rate)
    audible_db = levels_db[levels_db > EMPTY_DBFS]
    if not len(audible_db):
        return Quality(flags=("too_quiet",), badness=MAX_BADNESS)
    level_db = float(np.quantile(audible_db, SPEECH_QUANTILE))
    audible = levels_db > level_db + SILENT_DB
    heard = np.flatnonzero(audible)
    speech = slice(int(heard[0]), int(heard[-1]) + 1)
    frame_s = FRAME_MS / 1000
    speech_s = (speech.stop - speech.start) * frame_s
    shortest_s, longest_s = speech_time(spoken, expected)
    is_authors = repeats_itself(spoken)
    repetition = Repetition(0.0, 0.0)
    if not is_authors:
        letters = max(1, sum(map(str.isalpha, spoken)))
        repetition = find_repetition(samples, sample_rate, letters / speech_s)
    scores = {
        "speech_s": speech_s,
        "shortest_s": shortest_s,
        "longest_s": longest_s,
        "longest_pause_s": _longest_run(~audible[speech]) * frame_s,
        "silence_ratio": 1 - float(audible.mean()),
        "steady_s": steady_frames(levels_db, audible) * frame_s,
        "repetition": repetition.similarity,
        "repetition_s": repetition.duration_s,
        "flat_share": flat_share(samples),
        "dc_offset": abs(float(samples.mean(dtype=np.float64))),
        "level_dbfs": level_db,
        "last_frame_db": float(levels_db[-1]) - level_db,
    }
    falls_silent = expected is not None and expected.silence_s[1] >= FALLS_SILENT_S
    longest_pause_s = max(MAX_PAUSE_S, 2 * expected.longest_pause_s if expected else 0.0)
    checks = (
        Check("too_short", shortest_s - spare_s(shortest_s), speech_s),
        Check("too_long", speech_s, longest_s + spare_s(longest_s)),
        Check("long_silence", scores["longest_pause_s"], longest_pause_s),
        Check("steady_noise", scores["steady_s"], MAX_STEADY_S),
        Check("repetition", repetition.similarity, MAX_SIMILARITY),
        Check("clipping", scores["flat_share"], MAX_FLAT_SHARE),
        Check("dc_offset", scores["dc_offset"], MAX_DC_OFFSET),
        Check("too_quiet", MIN_LEVEL_DBFS, level_db),
        Check("cut_off", scores["last_frame_db"] if falls_silent else -100.0, MAX_CUT_DB),
    )
    failed = [check for check in checks if check.excess > 0]
    return Quality(
        flags=tuple(check.flag for check in failed),
        scores={name: round(float(score), 4) for name, score in scores.items()},
        badness=round(sum(1 + min(check.excess, 9.0) for check in failed), 4),
    )


def spare_s(estimate_s: float) -> float:
    """Return how far a good take may lie from an estimate of its length, in seconds."""
    return float(SPARE_S + SPARE_GROWTH * np.sqrt(estimate_s))


def frame_levels_db(samples: Samples, sample_rate: int) -> NDArray[np.float64]:
    """Return the RMS level of every frame in dB relative to full scale, shape (n_frames,)."""
    size = max(1, round(FRAME_MS * sample_rate / 1000))
    frames = np.zeros((-(-len(samples) // size), size), np.float32)
    frames.reshape(-1)[: len(samples)] = samples
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / size
    return np.asarray(10 * np.log10(power + 1e-12))


def steady_frames(levels_db: NDArray[np.float64], audible: NDArray[np.bool_]) -> int:
    """Return the length of the longest audible stretch whose level hardly moves, in frames."""
    longest = start = 0
    for end in range(1, len(levels_db) + 1):
        while start < end and (not audible[end - 1] or np.ptp(levels_db[start:end]) > STEADY_DB):
            start += 1 if audible[end - 1] else end - start
        longest = max(longest, end - start)
    return longest


def flat_share(samples: Samples) -> float:
    """Return the share of samples that lie at the take's peak, next to another one there."""
    magnitude = np.abs(samples)
    at_peak = magnitude >= magnitude.max() * 0.995
    return float((at_peak[1:] & at_peak[:-1]).mean()) if len(samples) > 1 else 0.0


def _longest_run(is_true: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], is_true.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))
