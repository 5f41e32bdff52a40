"""Stage 3: the other six codebooks, one after another, in windows of 1,024 frames.

Every position of a window sees all others, so a window belongs to one request, with its own
history and its own padding: in the library a batch shares them, and is wrong for all but its
longest row. What is batched here are windows, each as it would be alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tts_tasks.engines.bark.checkpoint import Checkpoint
from tts_tasks.engines.bark.job import Job
from tts_tasks.engines.bark.sampling import Stage, choose, step_keys, wide


class FineStage:
    """Windows of any jobs, side by side."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Note the model."""
        self._checkpoint, self._layout = checkpoint, checkpoint.layout
        self.windows = 0

    def begin(self, job: Job) -> None:
        """Lay out a job's frames: history, the codes of two books, padding."""
        layout = self._layout
        codes = np.asarray(job.coarse).reshape(-1, layout.coarse_books)
        frames = np.full((len(codes), layout.fine_books), layout.n_codes)
        frames[:, : layout.coarse_books] = (codes - layout.n_semantic) % layout.n_codes
        if job.preset is not None:
            history = job.preset.fine.T[-layout.fine_history :]
            job.n_history = len(history)
            frames = np.concatenate([history, frames])
        missing = max(0, layout.fine_window - len(frames))
        frames = np.pad(frames, ((0, missing), (0, 0)), constant_values=layout.n_codes)
        job.frames = self._checkpoint.tensor(frames)

    def advance(self, jobs: Sequence[Job]) -> list[Job]:
        """Do one window of each job; return those that are through."""
        layout = self._layout
        begins, fills = zip(*(self._place(job) for job in jobs), strict=True)
        books = torch.stack(
            [
                _frames(job)[begin : begin + layout.fine_window]
                for job, begin in zip(jobs, begins, strict=True)
            ]
        )
        filled = torch.tensor(fills, device=books.device)
        is_new = torch.arange(layout.fine_window, device=books.device) >= filled[:, None]
        self._fill(jobs, books, is_new, min(fills))
        for job, begin, fill, row in zip(jobs, begins, fills, books, strict=True):
            first = layout.coarse_books
            _frames(job)[begin + fill : begin + layout.fine_window, first:] = row[fill:, first:]
            job.window += 1
        self.windows += len(jobs)
        return [job for job in jobs if job.fault or job.window >= self._n_windows(job)]

    def finish(self, job: Job) -> None:
        """Take the codes of a job that is through from the device."""
        codes = _frames(job)[job.n_history : job.n_history + job.n_frames].T
        job.codes, job.frames = codes.cpu().numpy(), None

    def _n_windows(self, job: Job) -> int:
        layout = self._layout
        beyond = job.n_frames - (layout.fine_window - job.n_history)
        return max(0, math.ceil(beyond / layout.fine_history)) + 1

    def _place(self, job: Job) -> tuple[int, int]:
        """Return where a job's next window begins, and where in it the new frames do."""
        layout, n_frames = self._layout, len(_frames(job))
        moved = job.window * layout.fine_history
        begin = min(moved, n_frames - layout.fine_window)
        fill = min(job.n_history + moved, n_frames - layout.fine_history)
        return begin, fill - begin

    def _fill(self, jobs: Sequence[Job], books: Tensor, is_new: Tensor, begin: int) -> None:
        """Predict the books of some windows, in place.

        Args:
            jobs: whose they are.
            books: shape (n_rows, fine_window, fine_books).
            is_new: which frames are predicted, shape (n_rows, fine_window).
            begin: first of these frames, of any row.
        """
        layout, checkpoint = self._layout, self._checkpoint
        embeddings = checkpoint.fine_embeddings
        temperatures = [job.request.fine_temperature for job in jobs]
        known = sum_of(embeddings[book][books[:, :, book]] for book in range(layout.coarse_books))
        for book in range(layout.coarse_books, layout.fine_books):
            inputs = known + embeddings[book][books[:, :, book]]
            hidden = checkpoint.fine.encode(inputs, begin)
            logits = wide(checkpoint.fine_heads[book](hidden))
            predicted = self._choose(jobs, logits, temperatures, book, begin)
            new = books[:, begin:, book]
            new.copy_(torch.where(is_new[:, begin:], predicted, new))
            known = known + embeddings[book][books[:, :, book]]
        broken = torch.isnan(logits).any(-1).any(-1).tolist()
        for job, is_broken in zip(jobs, broken, strict=True):
            if is_broken:
                job.fault = "the fine model returns what is no number"

    def _choose(
        self,
        jobs: Sequence[Job],
        logits: Tensor,
        temperatures: Sequence[float],
        book: int,
        begin: int,
    ) -> Tensor:
        """Return a code of each position, shape (n_rows, n_positions)."""
        n_rows, n_positions, n_codes = logits.shape
        flat = logits.view(-1, n_codes)
        if not any(temperatures):
            return choose(flat, None, None, check=False).view(n_rows, n_positions)
        tensor = self._checkpoint.tensor
        window = self._layout.fine_window
        first = tensor([(job.window * self._layout.fine_books + book) * window for job in jobs])
        steps = first[:, None] + torch.arange(begin, window, device=logits.device)
        keys = step_keys(tensor([job.key for job in jobs])[:, None], Stage.FINE, steps)
        rates = torch.tensor(temperatures, device=logits.device).repeat_interleave(n_positions)
        return choose(flat, rates, keys.view(-1), check=False).view(n_rows, n_positions)


def sum_of(parts: object) -> Tensor:
    """Return the sum of tensors."""
    total: Tensor = torch.stack(list(parts)).sum(0)  # type: ignore[call-overload]
    return total


def _frames(job: Job) -> Tensor:
    assert job.frames is not None
    return job.frames
