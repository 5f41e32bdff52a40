"""Stage 2: semantic tokens become the codes of the first two codebooks, in windows of 60.

A row begins each window anew: positions and semantic part have moved, so nothing that was
remembered of it is true any more. That is why rows enter and leave between windows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tts_tasks.engines.bark.checkpoint import Checkpoint
from tts_tasks.engines.bark.decoding import Decoder, Rows, new_rows
from tts_tasks.engines.bark.job import Job
from tts_tasks.engines.bark.requests import Tokens
from tts_tasks.engines.bark.sampling import NOT_A_NUMBER, Stage, choose, step_keys, wide
from tts_tasks.engines.bark.sizes import Sizes


class CoarseStage:
    """Windows of up to as many rows as there are slots."""

    def __init__(self, checkpoint: Checkpoint, sizes: Sizes) -> None:
        """Take the memory."""
        layout = checkpoint.layout
        self._checkpoint, self._layout, self._sizes = checkpoint, layout, sizes
        self._decoder = Decoder(
            checkpoint.coarse,
            checkpoint.coarse_embeddings,
            self._draw,
            n_slots=sizes.slots,
            n_positions=layout.coarse_positions,
            max_steps=layout.coarse_window,
            capture=sizes.capture,
        )
        self.steps, self.row_steps = 0, 0

    def begin(self, job: Job) -> bool:
        """Work out how many codes a job needs; return whether it needs any."""
        layout = self._layout
        # In the library's own float32 arithmetic: at a few lengths float64 gives a frame more.
        n_semantic = torch.tensor([len(job.semantic)])
        frames = torch.floor(n_semantic * layout.codes_per_semantic / layout.coarse_books)
        job.n_coarse = int(torch.round(frames * layout.coarse_books).item())
        return job.n_coarse > 0

    def missing(self, job: Job) -> int:
        """Return how many codes a job needs yet."""
        return job.n_coarse - len(job.coarse)

    def has_whole_window(self, job: Job) -> bool:
        """Return whether a job fills its next window."""
        return self.missing(job) >= self._layout.coarse_window

    def advance(self, jobs: Sequence[Job]) -> list[Job]:
        """Do one window of some jobs, at most as many as there are slots; return the finished."""
        layout = self._layout
        missing = [min(layout.coarse_window, self.missing(job)) for job in jobs]
        # The longest windows first: on a CPU the rows that still run are then neighbours.
        order = sorted(range(len(jobs)), key=lambda index: -missing[index])
        jobs, missing = [jobs[index] for index in order], [missing[index] for index in order]
        drawn: list[list[int]] = [[token] for token in self._enter(jobs)]
        step = 1
        while step < missing[0]:
            running = [slot for slot, n_codes in enumerate(missing) if n_codes > step]
            # Slots that are through run on with the others where shapes must stay.
            last = missing[0] if self._sizes.capture else min(missing[slot] for slot in running)
            phases = [(step + more) % layout.coarse_books for more in range(layout.coarse_books)]
            more = self._decoder.advance(running, last - step, phases).tolist()
            for slot, tokens in zip(running, more, strict=True):
                drawn[slot].extend(tokens)
            step = last
        self.steps += missing[0]
        self.row_steps += sum(missing)
        for job, codes, n_codes in zip(jobs, drawn, missing, strict=True):
            if NOT_A_NUMBER in codes[:n_codes]:
                job.fault = "the coarse model returns what is no number"
            job.coarse.extend(codes[:n_codes])
        return [job for job in jobs if job.fault or len(job.coarse) >= job.n_coarse]

    def _enter(self, jobs: Sequence[Job]) -> list[int]:
        first: list[int] = []
        for begin in range(0, len(jobs), self._sizes.prefill_rows):
            group = jobs[begin : begin + self._sizes.prefill_rows]
            prompts = [self._prompt(job) for job in group]
            lengths = [len(prompt) for prompt in prompts]
            padded = np.zeros((len(group), max(lengths)), dtype=np.int64)
            for row, prompt in zip(padded, prompts, strict=True):
                row[: len(prompt)] = prompt
            inputs = self._checkpoint.coarse_embeddings[self._checkpoint.tensor(padded)]
            slots = range(begin, begin + len(group))
            first.extend(self._decoder.enter(slots, inputs, lengths, self._rows(group)).tolist())
        return first

    def _prompt(self, job: Job) -> Tokens:
        """Return the semantic tokens around here, and the codes before."""
        layout = self._layout
        semantic_history, codes_history = self._history(job)
        semantic = np.concatenate([semantic_history, job.semantic])
        here = len(semantic_history) + round(len(job.coarse) / layout.codes_per_semantic)
        begin = max(0, here - layout.max_history)
        part = semantic[begin : begin + layout.max_coarse_semantic]
        padding = np.full(layout.max_coarse_semantic - len(part), layout.coarse_pad)
        codes = np.concatenate([codes_history, job.coarse])[-layout.max_coarse_history :]
        prompt = np.concatenate([part, padding, [layout.coarse_infer], codes])
        return prompt.astype(np.int64)

    def _history(self, job: Job) -> tuple[Tokens, Tokens]:
        """Return what the voice said before, as semantic tokens and as codes."""
        layout, preset = self._layout, job.preset
        if preset is None:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        offsets = layout.n_semantic + layout.n_codes * np.arange(layout.coarse_books)
        codes = (preset.coarse + offsets[:, None]).T.reshape(-1)
        n_semantic = min(
            layout.max_history,
            len(preset.semantic) // 2 * 2,
            int(len(codes) // layout.codes_per_semantic),
        )
        n_codes = round(n_semantic * layout.codes_per_semantic)
        # Two codes less, as in the original: it sounds better aligned.
        return preset.semantic[-n_semantic:], codes[-n_codes:][:-2]

    def _rows(self, jobs: Sequence[Job]) -> Rows:
        return new_rows(
            self._checkpoint.device,
            keys=[job.key for job in jobs],
            steps=[len(job.coarse) for job in jobs],
            temperatures=[job.request.coarse_temperature for job in jobs],
            min_eos_p=[0.0] * len(jobs),
        )

    def _draw(self, hidden: Tensor, rows: Rows, phase: int) -> Tensor:
        """Return the next code of one codebook, as the model's id; of no other, ever."""
        logits = wide(self._checkpoint.coarse_heads[phase](hidden))
        keys = step_keys(rows.keys, Stage.COARSE, rows.steps)
        codes = choose(logits, rows.temperatures, keys)
        offset = self._layout.n_semantic + phase * self._layout.n_codes
        return torch.where(codes == NOT_A_NUMBER, NOT_A_NUMBER, codes + offset)
