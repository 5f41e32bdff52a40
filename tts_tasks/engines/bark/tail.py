"""Cutting off what Bark adds behind the speech: a breath, a hum, a click, after a pause; no torch.

The model goes on for a moment when its text is over. What is cut is only what no syllable can be:
too soft, too short or too steady, and behind the last pause. Silence at the ends stays; mastering
takes it away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tts_tasks.values import Samples

FRAME_MS = 10
"""Resolution of the levels."""

LOUD_QUANTILE = 0.9
"""The level of a take is that of its loud syllables; how much of it is silence does not matter."""

SILENT_DB = -40.0
"""A frame so far below that level is part of a pause."""

PAUSE_MS = 250
"""Shortest pause that may separate speech from what is none: inside a word it is shorter."""

SOFT_DB = -22.0
"""Sound that never comes nearer to the level is a breath: the last, falling syllables of a
sentence are some 10 dB below it."""

CLICK_MS = 60
"""Sound that is shorter is no syllable."""

STEADY_MS, STEADY_DB = 350, 1.5
"""Sound that lasts so long, and whose level moves by less than this, is a hum."""

EMPTY_DBFS = -120.0
"""Level of nothing at all."""


def without_tail(samples: Samples, sample_rate: int) -> Samples:
    """Return a take without the sounds behind its speech.

    Args:
        samples: shape (n_samples,), float32.
        sample_rate: in hertz.

    Returns:
        The beginning of the samples, or all of them.
    """
    frame = sample_rate * FRAME_MS // 1000
    levels_db = _levels_db(samples, frame)
    if not len(levels_db):
        return samples
    # Put so that what is no number stays in, and nothing is cut.
    is_loud = ~(levels_db < levels_db.max() + SILENT_DB)
    level_db = float(np.quantile(levels_db[is_loud], LOUD_QUANTILE))
    sounds = _sounds(levels_db > level_db + SILENT_DB)
    kept = len(sounds)
    while kept > 1 and _is_no_speech(levels_db[slice(*sounds[kept - 1])] - level_db):
        kept -= 1
    if kept == len(sounds):
        return samples
    # Half of the pause stays: the voice fades there.
    end = (sounds[kept - 1][1] + sounds[kept][0]) // 2
    return samples[: end * frame]


def _levels_db(samples: Samples, frame: int) -> NDArray[np.float64]:
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame).astype(np.float64)
    power = np.mean(whole**2, axis=1)
    levels_db: NDArray[np.float64] = 10 * np.log10(np.maximum(power, 10 ** (EMPTY_DBFS / 10)))
    return levels_db


def _sounds(is_audible: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return begin and end of each sound, in frames; shorter gaps than a pause are part of it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_audible, [False]]).astype(int)))
    sounds: list[tuple[int, int]] = []
    for begin, end in edges.reshape(-1, 2).tolist():
        if sounds and begin - sounds[-1][1] < PAUSE_MS // FRAME_MS:
            sounds[-1] = (sounds[-1][0], end)
        else:
            sounds.append((begin, end))
    return sounds


def _is_no_speech(relative_db: NDArray[np.float64]) -> bool:
    """Return whether a sound is none of a voice, by its levels relative to the speech."""
    if len(relative_db) < CLICK_MS // FRAME_MS or relative_db.max() < SOFT_DB:
        return True
    inner = relative_db[3:-3]  # It may fade in and out.
    return len(inner) >= STEADY_MS // FRAME_MS and float(np.std(inner)) < STEADY_DB
