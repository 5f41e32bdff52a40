"""What audio looks like: its envelope, and the envelope as the outline of an SVG.

A file is decoded once, block by block, in constant memory: nothing is believed that a header says
about its length.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tts_tasks.mastering.encode import decode
from tts_tasks.values import Samples

COLUMNS = 800
"""Columns of a lesson's picture: about one for each pixel of a laptop's column of text."""

MAX_CELLS = 16_384
"""Extremes that are kept while a file of unknown length is read; two neighbours become one when
there are more. At least half of it is in use at the end, ten for each column."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The lowest and the highest sample of each stretch of audio, all stretches equally long."""

    lowest: Samples
    """Lowest sample per column, shape (n_columns,)."""

    highest: Samples
    """Highest sample per column, shape (n_columns,)."""

    duration_s: float
    """Length of the audio in seconds, as decoded."""

    @property
    def peak(self) -> float:
        """Largest amplitude; 0.0 for no audio."""
        if not len(self.highest):
            return 0.0
        return max(float(self.highest.max()), -float(self.lowest.min()))


def read_envelope(path: Path, columns: int = COLUMNS) -> Envelope:
    """Return the envelope of an audio file in any format that narrations are published in.

    Args:
        path: the file.
        columns: width of the picture; a file of fewer samples has as many columns as samples.

    Raises:
        MasteringError: if the file is missing or cannot be decoded.
    """
    sample_rate, blocks = decode(path)
    return measure_envelope(blocks, sample_rate, columns)


def measure_envelope(
    blocks: Iterable[Samples], sample_rate: int, columns: int = COLUMNS
) -> Envelope:
    """Return the envelope of mono audio.

    Args:
        blocks: consecutive float32 blocks of any size.
        sample_rate: in hertz.
        columns: width of the picture.

    Raises:
        ValueError: if there are more columns than cells to make them of.
    """
    if not 1 <= columns <= MAX_CELLS // 2:
        raise ValueError(f"columns must be 1 to {MAX_CELLS // 2}, got {columns}")
    cells = _Cells()
    for block in blocks:
        cells.add(block)
    lowest, highest = cells.columns(columns)
    return Envelope(lowest, highest, cells.n_samples / sample_rate)


def outline(envelope: Envelope, *, width: int, height: int, full_scale: float = 1.0) -> str:
    """Return the envelope as the ``d`` of an SVG path: one closed shape, to be filled.

    Args:
        envelope: what to draw.
        width: of the picture, in units of its view box.
        height: of the picture; silence is a line of one unit in its middle.
        full_scale: amplitude that reaches the edges. Pictures that are compared share it.
    """
    n_columns = len(envelope.lowest)
    if not n_columns:
        return ""
    middle = height / 2
    scale = middle / full_scale if full_scale > 0 else 0.0
    tops = np.clip(middle - envelope.highest * scale, 0, middle - 0.5)
    bottoms = np.clip(middle - envelope.lowest * scale, middle + 0.5, height)
    centres = (np.arange(n_columns) + 0.5) * width / n_columns
    there = [f"{x:.4g},{y:.3g}" for x, y in zip(centres, tops, strict=True)]
    back = [f"{x:.4g},{y:.3g}" for x, y in zip(centres[::-1], bottoms[::-1], strict=True)]
    return f"M{' '.join(there + back)}Z"


class _Cells:
    """Extremes of equal stretches of a stream; the stretches grow as the stream does."""

    def __init__(self) -> None:
        self.n_samples = 0
        self._stretch = 1
        self._n_cells = 0
        self._lowest: Samples = np.empty(MAX_CELLS, np.float32)
        self._highest: Samples = np.empty(MAX_CELLS, np.float32)
        self._rest: Samples = np.empty(0, np.float32)

    def add(self, block: Samples) -> None:
        """Take in the next samples."""
        self.n_samples += len(block)
        samples = np.concatenate([self._rest, block])
        while True:
            n_new = min(len(samples) // self._stretch, MAX_CELLS - self._n_cells)
            whole = samples[: n_new * self._stretch].reshape(n_new, self._stretch)
            end = self._n_cells + n_new
            self._lowest[self._n_cells : end] = whole.min(axis=1)
            self._highest[self._n_cells : end] = whole.max(axis=1)
            self._n_cells = end
            samples = samples[whole.size :]
            if len(samples) < self._stretch:
                break
            self._halve()
        self._rest = samples

    def columns(self, n_columns: int) -> tuple[Samples, Samples]:
        """Return the lowest and the highest sample of each column."""
        n_columns = min(n_columns, self.n_samples)
        lowest, highest = self._lowest[: self._n_cells], self._highest[: self._n_cells]
        if len(self._rest):
            lowest = np.append(lowest, self._rest.min())
            highest = np.append(highest, self._rest.max())
        starts = np.arange(n_columns) * self.n_samples // max(n_columns, 1) // self._stretch
        return np.minimum.reduceat(lowest, starts), np.maximum.reduceat(highest, starts)

    def _halve(self) -> None:
        """Make one cell of two neighbours; all cells are in use."""
        self._n_cells = MAX_CELLS // 2
        self._lowest[: self._n_cells] = self._lowest.reshape(-1, 2).min(axis=1)
        self._highest[: self._n_cells] = self._highest.reshape(-1, 2).max(axis=1)
        self._stretch *= 2
