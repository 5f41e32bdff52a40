"""How loud it is: integrated loudness and true peak of mono audio, read in blocks.

Everything takes an iterable of blocks, so that an hour of audio needs no more memory than a
second of it. Making it louder or softer is ``limiter``'s work.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import sosfilt

from tts_tasks.values import Samples

HOPS_PER_SECOND = 10
"""Gating blocks start every 100 ms. Source: ITU-R BS.1770-4, Annex 1: 400 ms, overlap 75 %."""

HOPS_PER_BLOCK = 4
"""A gating block is 400 ms long. Source: ITU-R BS.1770-4, Annex 1."""

ABSOLUTE_GATE_LUFS = -70.0
"""Gating blocks below this do not count. Source: ITU-R BS.1770-4, Annex 1."""

RELATIVE_GATE_LU = -10.0
"""Nor do those this far below the mean of the others. Source: ITU-R BS.1770-4, Annex 1."""

LOUDNESS_OFFSET_DB = -0.691
"""Makes a 997 Hz sine read its own level. Source: ITU-R BS.1770-4, Annex 1, equation 2."""

TRUE_PEAK_RATE_HZ = 176_400
"""Sample rate at which peaks are looked for, at least.
Source: ITU-R BS.1770-4, Annex 2: four times 44.1 or 48 kHz; lower rates need a higher factor."""

CELL_SAMPLES = 32
"""Peaks are kept for cells of this many samples (1.5 ms at 22.05 kHz): enough for a limiter."""

INTERPOLATION_MARGIN = 64
"""Samples on each side after which the interpolation no longer sees where its input was cut:
the error is below -100 dB (soxr 1.1, 2026-11-22)."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a whole signal measures."""

    loudness_lufs: float
    """Integrated loudness, ITU-R BS.1770-4; minus infinity for silence."""

    true_peak_dbtp: float
    """True peak; minus infinity for digital silence."""

    n_samples: int
    """Length in samples."""

    sample_rate: int
    """In hertz."""

    cell_peaks: Samples
    """True peak of every ``CELL_SAMPLES`` samples, linear, shape (n_cells,); empty if not kept."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate


@lru_cache(maxsize=16)
def k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """Return the K-weighting filter as two second-order sections, shape (2, 6).

    The recommendation tabulates coefficients for 48 kHz only. These are the analogue filters
    behind the table, put through the bilinear transform at any sample rate; at 48 kHz they give
    the table within 1e-7.

    Source: ITU-R BS.1770-4, Annex 1, tables 1 and 2; the analogue parameters as in libebur128.
    """
    shelf_hz, shelf_gain_db, shelf_q = 1681.9744509555319, 3.99984385397, 0.7071752369554193
    k = math.tan(math.pi * shelf_hz / sample_rate)
    v_high = 10 ** (shelf_gain_db / 20)
    v_band = v_high**0.499666774155
    a0 = 1 + k / shelf_q + k * k
    shelf = [
        (v_high + v_band * k / shelf_q + k * k) / a0,
        2 * (k * k - v_high) / a0,
        (v_high - v_band * k / shelf_q + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / shelf_q + k * k) / a0,
    ]
    pass_hz, pass_q = 38.13547087613982, 0.5003270373253953
    k = math.tan(math.pi * pass_hz / sample_rate)
    a0 = 1 + k / pass_q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / pass_q + k * k) / a0]
    return np.array([shelf, high_pass])


@dataclass(slots=True)
class LoudnessMeter:
    """Integrated loudness of mono audio that arrives in blocks of any size.

    Mono counts as one channel of weight 1, as ffmpeg's ``ebur128`` counts it: a sine of 997 Hz at
    -20 dBFS reads -23.0 LUFS here, where the same sine in both channels of a stereo file would
    read -20.0.
    """

    sample_rate: int
    _state: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, 2)))
    _rest: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    _energies: list[NDArray[np.float64]] = field(default_factory=list)
    _n_samples: int = 0

    def add(self, block: Samples) -> None:
        """Take the next block, shape (n,)."""
        if not len(block):
            return
        weighted, self._state = sosfilt(
            k_weighting(self.sample_rate), block.astype(np.float64), zi=self._state
        )
        self._n_samples += len(block)
        pending = np.concatenate((self._rest, weighted))
        hop = self.sample_rate // HOPS_PER_SECOND
        n_hops = len(pending) // hop
        hops = pending[: n_hops * hop].reshape(n_hops, hop)
        self._energies.append(np.einsum("ij,ij->i", hops, hops))
        self._rest = pending[n_hops * hop :]

    def loudness_lufs(self) -> float:
        """Return the integrated loudness of what came so far; minus infinity for silence.

        Audio shorter than one gating block (400 ms) is measured as one block of its own length:
        the recommendation gives it no loudness at all, but a single word needs one.
        """
        if not self._n_samples:
            return -math.inf
        energies = np.concatenate(self._energies)
        if len(energies) < HOPS_PER_BLOCK:
            total = float(energies.sum() + np.dot(self._rest, self._rest))
            return _gated_loudness(np.array([total / self._n_samples]))
        sums = np.convolve(energies, np.ones(HOPS_PER_BLOCK), mode="valid")
        hop = self.sample_rate // HOPS_PER_SECOND
        return _gated_loudness(sums / (HOPS_PER_BLOCK * hop))


def _gated_loudness(powers: NDArray[np.float64]) -> float:
    """Return the loudness of gating blocks with these mean squares, shape (n_blocks,)."""
    loud = powers[powers > _power(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return -math.inf
    gate_lufs = _loudness(float(loud.mean())) + RELATIVE_GATE_LU
    return _loudness(float(loud[loud > _power(gate_lufs)].mean()))


def _loudness(power: float) -> float:
    return LOUDNESS_OFFSET_DB + 10 * math.log10(power)


def _power(loudness_lufs: float) -> float:
    return float(10 ** ((loudness_lufs - LOUDNESS_OFFSET_DB) / 10))


@dataclass(slots=True)
class PeakMeter:
    """True peaks of mono audio that arrives in blocks of any size.

    The table of coefficients in the recommendation's Annex 2 is short and reads up to 0.6 dB high
    near the top of the band, where a voice at 22.05 kHz still has its fricatives. soxr is flat to
    0.45 of the sample rate, and faster than ``scipy.signal.upfirdn`` by a factor of three.
    """

    sample_rate: int
    keeps_cells: bool = True
    peak: float = 0.0
    _cells: bytearray = field(default_factory=bytearray)
    _pending: Samples = field(default_factory=lambda: np.zeros(INTERPOLATION_MARGIN, np.float32))

    def add(self, block: Samples) -> None:
        """Take the next block, shape (n,)."""
        pending = np.concatenate((self._pending, block))
        n_samples = (len(pending) - 2 * INTERPOLATION_MARGIN) // CELL_SAMPLES * CELL_SAMPLES
        if n_samples > 0:
            self._keep(self._peaks(pending[: n_samples + 2 * INTERPOLATION_MARGIN]))
            pending = pending[n_samples:]
        self._pending = pending

    def finish(self) -> Samples:
        """Return the true peak of every ``CELL_SAMPLES`` samples, linear; nothing comes after.

        Empty if no cells are kept; ``peak`` is the highest in either case.
        """
        n_rest = len(self._pending) - INTERPOLATION_MARGIN
        n_zeros = INTERPOLATION_MARGIN + -n_rest % CELL_SAMPLES
        padded = np.concatenate((self._pending, np.zeros(n_zeros, np.float32)))
        self._keep(self._peaks(padded))
        return np.frombuffer(self._cells, np.float32)

    def _keep(self, cells: Samples) -> None:
        self.peak = max(self.peak, float(cells.max(initial=0.0)))
        if self.keeps_cells:
            self._cells += cells.tobytes()

    def _peaks(self, padded: Samples) -> Samples:
        """Return the peaks of whole cells that have ``INTERPOLATION_MARGIN`` on each side."""
        factor = max(4, math.ceil(TRUE_PEAK_RATE_HZ / self.sample_rate))
        dense = np.abs(soxr.resample(padded, 1, factor, "VHQ"))
        between = dense[INTERPOLATION_MARGIN * factor : -INTERPOLATION_MARGIN * factor]
        # Interpolation cuts the top tenth of the band, and with it the tip of a click.
        samples = np.abs(padded[INTERPOLATION_MARGIN:-INTERPOLATION_MARGIN])
        peaks: Samples = np.maximum(
            between.reshape(-1, CELL_SAMPLES * factor).max(axis=1),
            samples.reshape(-1, CELL_SAMPLES).max(axis=1),
        )
        return peaks


def measure(
    blocks: Iterable[Samples], sample_rate: int, *, keeps_cells: bool = True
) -> Measurement:
    """Return loudness and true peak of a signal.

    Args:
        blocks: consecutive mono float32 blocks of any size.
        sample_rate: in hertz.
        keeps_cells: whether ``cell_peaks`` are wanted, which grow with the length: 22 MiB for an
            hour at 48 kHz.
    """
    loudness, peaks = LoudnessMeter(sample_rate), PeakMeter(sample_rate, keeps_cells)
    n_samples = 0
    for block in blocks:
        loudness.add(block)
        peaks.add(block)
        n_samples += len(block)
    cell_peaks = peaks.finish()
    return Measurement(
        loudness_lufs=loudness.loudness_lufs(),
        true_peak_dbtp=20 * math.log10(peaks.peak) if peaks.peak > 0 else -math.inf,
        n_samples=n_samples,
        sample_rate=sample_rate,
        cell_peaks=cell_peaks,
    )
