"""Stage 1: a text becomes semantic tokens, 49.9 a second; slots that are filled again at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tts_tasks.engines.bark.checkpoint import Checkpoint
from tts_tasks.engines.bark.decoding import Decoder, Rows, new_rows
from tts_tasks.engines.bark.job import Job
from tts_tasks.engines.bark.sampling import NOT_A_NUMBER, Stage, choose, step_keys, wide
from tts_tasks.engines.bark.sizes import Sizes


class SemanticStage:
    """Continuous batching: a row leaves as soon as its text is over, and another one enters."""

    def __init__(self, checkpoint: Checkpoint, sizes: Sizes) -> None:
        """Take the memory."""
        layout = checkpoint.layout
        self._checkpoint, self._layout, self._sizes = checkpoint, layout, sizes
        self._decoder = Decoder(
            checkpoint.semantic,
            checkpoint.semantic_embeddings,
            self._draw,
            n_slots=sizes.slots,
            n_positions=layout.semantic_positions,
            max_steps=sizes.semantic_steps,
            capture=sizes.capture,
        )
        self._jobs: list[Job | None] = [None] * sizes.slots
        self.steps, self.row_steps = 0, 0

    @property
    def free(self) -> int:
        """Slots that are empty."""
        return self._jobs.count(None)

    @property
    def jobs(self) -> list[Job]:
        """What is in the slots."""
        return [job for job in self._jobs if job is not None]

    def enter(self, jobs: Sequence[Job]) -> list[Job]:
        """Put jobs into empty slots; return those that are over with their first token."""
        done = []
        for first in range(0, len(jobs), self._sizes.prefill_rows):
            group = jobs[first : first + self._sizes.prefill_rows]
            empty = [slot for slot, job in enumerate(self._jobs) if job is None]
            slots = empty[: len(group)]
            prompts = torch.stack([self._prompt(job) for job in group])
            lengths = [self._layout.semantic_prompt] * len(group)
            tokens = self._decoder.enter(slots, prompts, lengths, self._rows(group)).tolist()
            for slot, job, token in zip(slots, group, tokens, strict=True):
                self._jobs[slot] = job
                if self._take(job, [token]):
                    self._jobs[slot] = None
                    done.append(job)
        return done

    def advance(self) -> list[Job]:
        """Add a few tokens to each row; return the jobs whose text is over."""
        slots = [slot for slot, job in enumerate(self._jobs) if job is not None]
        n_steps = self._sizes.semantic_steps
        tokens = self._decoder.advance(slots, n_steps).tolist()
        self.steps += n_steps
        done = []
        for slot, drawn in zip(slots, tokens, strict=True):
            job = self._jobs[slot]
            assert job is not None
            before = len(job.semantic)
            if self._take(job, drawn):
                self._jobs[slot] = None
                done.append(job)
            self.row_steps += min(n_steps, len(job.semantic) - before + 1)
        return done

    def leave(self, job: Job) -> None:
        """Empty the slot of a job that nobody wants any more."""
        self._jobs = [None if each is job else each for each in self._jobs]

    def _take(self, job: Job, tokens: Sequence[int]) -> bool:
        """Add tokens to a job; return whether it is over."""
        for token in tokens:
            if token == self._layout.end:
                return True
            if token == NOT_A_NUMBER:
                job.fault = "the semantic model returns what is no number"
                return True
            job.semantic.append(token)
            if len(job.semantic) == job.cap:
                job.hit_cap = True
                return True
        return False

    def _prompt(self, job: Job) -> Tensor:
        """Return text and voice, one on the other, and the token that asks for what follows."""
        layout, embeddings = self._layout, self._checkpoint.semantic_embeddings
        text = np.full(layout.max_text, layout.text_pad)
        text[: len(job.text_ids)] = job.text_ids + layout.text_offset
        history = np.full(layout.max_text, layout.end)
        if job.preset is not None:
            last = job.preset.semantic[-layout.max_text :]
            history[: len(last)] = last
        tensor = self._checkpoint.tensor
        begin = embeddings[tensor(text)] + embeddings[tensor(history)]
        return torch.cat([begin, embeddings[tensor([layout.semantic_infer])]])

    def _rows(self, jobs: Sequence[Job]) -> Rows:
        device = self._checkpoint.device
        return new_rows(
            device,
            keys=[job.key for job in jobs],
            steps=[0] * len(jobs),
            temperatures=[job.request.semantic_temperature for job in jobs],
            min_eos_p=[job.request.min_eos_p for job in jobs],
        )

    def _draw(self, hidden: Tensor, rows: Rows, _phase: int) -> Tensor:
        """Return the next token, or the end where that is likely enough."""
        logits = wide(self._checkpoint.semantic_head(hidden))
        keys = step_keys(rows.keys, Stage.SEMANTIC, rows.steps)
        tokens = choose(logits, rows.temperatures, keys)
        scaled = logits / rows.temperatures.clamp_min(1e-6)[:, None]
        end_p = torch.exp(scaled[:, -1] - torch.logsumexp(scaled, -1))
        limits = torch.where(rows.temperatures > 0, rows.min_eos_p, 0.0)
        return torch.where((limits > 0) & (end_p >= limits), self._layout.end, tokens)
