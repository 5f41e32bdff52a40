"""How it is made loud enough: a gain, and a look-ahead limiter for the true peaks.

Where the peaks lie is known from the measurement, so that limiting is one multiplication, and
trying another gain costs no second search for peaks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from tts_tasks.mastering.loudness import CELL_SAMPLES, LoudnessMeter, Measurement
from tts_tasks.values import Samples

TOLERANCE_LU = 0.05
"""A gain is good when the limited signal is this near to the target."""

MAX_PASSES = 6
"""Trials for the gain; speech needs one or two, a signal of bare clicks more."""

BLOCK_CELLS = 1 << 18
"""Cells whose gains are worked out at a time: the filters need many times their size."""

MAX_DRIVE_DB = 12.0
"""The most that the gain may exceed the plain difference to the target. What needs more (bare
clicks) cannot be made that loud without ruin, and stays softer than the target."""


def gain_curve(
    cell_peaks: Samples, sample_rate: int, *, gain_db: float, ceiling_dbtp: float, hold_ms: float
) -> Samples:
    """Return the gain of every cell that brings its peak under the ceiling.

    The gain is the lowest that any peak nearby needs (within ``hold_ms``), smoothed over almost
    the same width: it is down before the peak arrives and comes back after it, and no cell gets
    more than its own peak allows.

    Args:
        cell_peaks: true peak of every ``CELL_SAMPLES`` samples, linear, shape (n_cells,).
        sample_rate: in hertz.
        gain_db: gain before limiting.
        ceiling_dbtp: highest true peak, in dB relative to full scale.
        hold_ms: half-width of the window.

    Returns:
        Linear gain, shape (n_cells,), with ``gain_db`` in it.
    """
    gain, ceiling = 10 ** (gain_db / 20), 10 ** (ceiling_dbtp / 20)
    smooth_cells = math.ceil(hold_ms / 1000 * sample_rate / CELL_SAMPLES)
    # One cell wider than the smoothing, for the slope between a cell and the next.
    hold_cells = smooth_cells + 1
    gains = np.empty(len(cell_peaks), np.float32)
    for start in range(0, len(cell_peaks), BLOCK_CELLS):
        # What a cell gets depends on so many others on each side.
        before = max(0, start - hold_cells - smooth_cells)
        end = start + BLOCK_CELLS
        peaks = cell_peaks[before : end + hold_cells + smooth_cells]
        needed = np.minimum(gain, ceiling / np.maximum(peaks, np.float32(1e-9)))
        held = minimum_filter1d(needed, 2 * hold_cells + 1, mode="nearest")
        smooth = uniform_filter1d(held, 2 * smooth_cells + 1, mode="nearest")
        gains[start:end] = smooth[start - before :][:BLOCK_CELLS]
    return gains


def apply_gain(blocks: Iterable[Samples], gains: Samples) -> Iterator[Samples]:
    """Yield the blocks multiplied by a gain curve.

    Args:
        blocks: consecutive mono float32 blocks of any size.
        gains: linear gain of every ``CELL_SAMPLES`` samples, shape (n_cells,); it holds at the
            middle of the cell and runs straight to the middle of the next.
    """
    start = 0
    for block in blocks:
        first = max(0, start // CELL_SAMPLES - 1)
        near = gains[first : (start + len(block)) // CELL_SAMPLES + 2]
        if np.ptp(near) == 0:
            yield block * near[0]
        else:
            middles = (first + np.arange(len(near)) + 0.5) * CELL_SAMPLES - 0.5
            curve = np.interp(np.arange(start, start + len(block)), middles, near)
            yield block * curve.astype(np.float32)
        start += len(block)


def find_gain(
    read: Callable[[], Iterable[Samples]],
    sample_rate: int,
    unlimited: Measurement,
    *,
    loudness_lufs: float,
    ceiling_dbtp: float,
    hold_ms: float,
) -> Samples:
    """Return the gain curve that gives the limited signal its loudness.

    A gain alone moves the loudness by exactly itself; only where peaks must be limited, which
    takes some loudness away, is the signal filtered again.

    Args:
        read: gives the signal from its start, each time it is called.
        sample_rate: in hertz.
        unlimited: what the signal measures before any gain; well above -60 LUFS, where the
            absolute gate of the measure would take part.
        loudness_lufs: target.
        ceiling_dbtp: ceiling of the limiter.
        hold_ms: half-width of the limiter's window.

    Returns:
        Linear gain of every cell, shape (n_cells,), for ``apply_gain``.
    """
    wanted_db = loudness_lufs - unlimited.loudness_lufs
    gain_db, slope = wanted_db, 1.0
    tried: tuple[float, float] | None = None
    for _ in range(MAX_PASSES):
        gains = gain_curve(
            unlimited.cell_peaks,
            sample_rate,
            gain_db=gain_db,
            ceiling_dbtp=ceiling_dbtp,
            hold_ms=hold_ms,
        )
        if np.ptp(gains) == 0:
            break
        meter = LoudnessMeter(sample_rate)
        for block in apply_gain(read(), gains):
            meter.add(block)
        reached_lufs = meter.loudness_lufs()
        missing_lu = loudness_lufs - reached_lufs
        if abs(missing_lu) <= TOLERANCE_LU:
            break
        if tried is not None and not math.isclose(gain_db, tried[0]):
            # The harder a signal is driven, the less of the gain arrives: follow the secant.
            slope = max(0.2, (reached_lufs - tried[1]) / (gain_db - tried[0]))
        if missing_lu > 0 and gain_db >= wanted_db + MAX_DRIVE_DB:
            break
        tried = (gain_db, reached_lufs)
        gain_db = min(gain_db + missing_lu / slope, wanted_db + MAX_DRIVE_DB)
    return gains
