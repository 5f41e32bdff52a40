"""The way of all requests through the four stages, one piece of work at a time.

A stage works when its batch is full; while none is, the semantic stage goes on and fills them; when
that has nothing left, what remains is finished, the last stage first. Nothing here knows of
threads: ``scheduler`` owns the pipeline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from tts_tasks.engines.bark.checkpoint import Checkpoint
from tts_tasks.engines.bark.coarse import CoarseStage
from tts_tasks.engines.bark.codec import CodecStage
from tts_tasks.engines.bark.fine import FineStage
from tts_tasks.engines.bark.job import Job
from tts_tasks.engines.bark.semantic import SemanticStage
from tts_tasks.engines.bark.sizes import Sizes

LAST_ROWS = 8
"""Requests whose last coarse window is due wait until there are so many: more would save 2 % of the
steps of ordinary chunks, and keep them waiting."""


@dataclass(slots=True)
class Counters:
    """What was done since the model was loaded."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Seconds of the device by stage."""

    slot_steps: dict[str, int] = field(default_factory=dict)
    """Steps of the decoding stages times their slots."""

    row_steps: dict[str, int] = field(default_factory=dict)
    """And how many of them were a request's."""

    windows: int = 0
    """Fine windows."""

    audio_s: float = 0.0
    """Seconds of audio."""

    @property
    def all_slots(self) -> int:
        """Steps times slots of both stages."""
        return sum(self.slot_steps.values())

    @property
    def all_rows(self) -> int:
        """And how many of them were a request's."""
        return sum(self.row_steps.values())

    @property
    def occupancy(self) -> float:
        """Share of the slots that had work, over all steps; 0.0 before the first."""
        return self.all_rows / self.all_slots if self.all_slots else 0.0


class Pipeline:
    """Requests in work."""

    def __init__(self, checkpoint: Checkpoint, sizes: Sizes, counters: Counters) -> None:
        """Take the memory of the stages."""
        self.sizes, self._counters, self._checkpoint = sizes, counters, checkpoint
        self._semantic = SemanticStage(checkpoint, sizes)
        self._coarse = CoarseStage(checkpoint, sizes)
        self._fine = FineStage(checkpoint)
        self._codec = CodecStage(checkpoint)
        self._for_coarse: list[Job] = []
        self._for_fine: list[Job] = []
        self._for_codec: list[Job] = []

    @property
    def free(self) -> int:
        """How many more requests can begin."""
        return self._semantic.free

    @property
    def jobs(self) -> list[Job]:
        """Everything in work."""
        return [*self._semantic.jobs, *self._downstream]

    @property
    def _downstream(self) -> list[Job]:
        return [*self._for_coarse, *self._for_fine, *self._for_codec]

    def admit(self, jobs: Sequence[Job]) -> list[Job]:
        """Begin with some requests, at most ``free``; return those that are over already."""
        with self._timed("semantic", jobs):
            done = self._semantic.enter(jobs)
        return self._on_to_coarse(done)

    def take_back(self, jobs: Sequence[Job]) -> None:
        """Go on with requests that another pipeline had finished the first stage of."""
        for job in jobs:
            if job.codes is not None:
                self._for_codec.append(job)
            elif job.frames is not None:
                self._for_fine.append(job)
            elif len(job.coarse) < job.n_coarse:
                self._for_coarse.append(job)
            else:
                self._fine.begin(job)
                self._for_fine.append(job)

    def leave(self, job: Job) -> None:
        """Drop a request."""
        self._semantic.leave(job)
        for waiting in (self._for_coarse, self._for_fine, self._for_codec):
            if job in waiting:
                waiting.remove(job)

    def advance(self) -> list[Job]:
        """Do one piece of work; return the requests that are finished by it."""
        work = self._next()
        return work() if work else []

    def _next(self) -> Callable[[], list[Job]] | None:
        sizes = self.sizes
        stages: list[tuple[int, bool, Callable[[], list[Job]]]] = [
            (len(self._for_codec), len(self._for_codec) >= sizes.codec_rows, self._advance_codec),
            (len(self._for_fine), len(self._for_fine) >= sizes.fine_rows, self._advance_fine),
            (len(self._for_coarse), self._is_coarse_full(), self._advance_coarse),
        ]
        for n_ready, is_full, work in stages:
            if n_ready and is_full:
                return work
        if self._semantic.jobs:
            return self._advance_semantic
        return next((work for n_ready, _, work in stages if n_ready), None)

    def _advance_semantic(self) -> list[Job]:
        stage, before = self._semantic, (self._semantic.steps, self._semantic.row_steps)
        with self._timed("semantic", stage.jobs):
            done = stage.advance()
        self._count("semantic", stage.steps - before[0], stage.row_steps - before[1])
        return self._on_to_coarse(done)

    def _on_to_coarse(self, done: Sequence[Job]) -> list[Job]:
        """Pass on what has tokens; return what has nothing to say, or failed."""
        over = []
        for job in done:
            if not job.fault and self._coarse.begin(job):
                self._for_coarse.append(job)
            else:
                job.samples = torch.zeros(0).numpy()
                job.codes = torch.zeros(self._checkpoint.layout.fine_books, 0).long().numpy()
                over.append(job)
        return over

    def _advance_coarse(self) -> list[Job]:
        group = self._window()
        stage, before = self._coarse, (self._coarse.steps, self._coarse.row_steps)
        with self._timed("coarse", group):
            done = stage.advance(group)
        self._count("coarse", stage.steps - before[0], stage.row_steps - before[1])
        self._for_coarse = [job for job in self._for_coarse if job not in done]
        good = [job for job in done if not job.fault]
        for job in good:
            self._fine.begin(job)
        self._for_fine.extend(good)
        return [job for job in done if job.fault]

    def _window(self) -> list[Job]:
        """Return whose window is next: those that were begun first, then the longest.

        A request's last window is shorter than the others: such ones wait for each other, so that
        they do not leave their slots empty in the middle of a window.
        """
        whole, last = self._ready_for_coarse()
        slots = self.sizes.slots
        last.sort(key=self._coarse.missing)
        if len(last) >= self._enough_last:
            return [*last, *whole][:slots]
        return [*whole, *last][:slots]

    def _ready_for_coarse(self) -> tuple[list[Job], list[Job]]:
        """Return the jobs with a whole window before them, and those with a shorter one."""
        ready = sorted(self._for_coarse, key=lambda job: (not job.coarse, -job.n_coarse))
        whole = [job for job in ready if self._coarse.has_whole_window(job)]
        return whole, [job for job in ready if job not in whole]

    @property
    def _enough_last(self) -> int:
        return min(self.sizes.slots, LAST_ROWS)

    def _is_coarse_full(self) -> bool:
        slots, (whole, last) = self.sizes.slots, self._ready_for_coarse()
        return max(len(whole), len(last)) >= slots or len(whole) + len(last) >= slots + LAST_ROWS

    def _advance_fine(self) -> list[Job]:
        group = self._for_fine[: self.sizes.fine_rows]
        with self._timed("fine", group):
            done = self._fine.advance(group)
            for job in done:
                self._fine.finish(job)
        self._counters.windows += len(group)
        # Those with another window wait behind the others, so that short ones are not held up.
        others = [job for job in self._for_fine if job not in group]
        self._for_fine = [*others, *(job for job in group if job not in done)]
        self._for_codec.extend(job for job in done if not job.fault)
        return [job for job in done if job.fault]

    def _advance_codec(self) -> list[Job]:
        # Neighbours in length: a batch is padded to its longest.
        self._for_codec.sort(key=lambda job: job.n_frames)
        group = self._for_codec[: self.sizes.codec_rows]
        with self._timed("codec", group):
            self._codec.advance(group)
        del self._for_codec[: len(group)]
        rate_hz = self._checkpoint.layout.coarse_rate_hz
        self._counters.audio_s += sum(job.n_frames for job in group) / rate_hz
        return group

    def _count(self, stage: str, steps: int, row_steps: int) -> None:
        counters = self._counters
        n_slots = steps * self.sizes.slots
        counters.slot_steps[stage] = counters.slot_steps.get(stage, 0) + n_slots
        counters.row_steps[stage] = counters.row_steps.get(stage, 0) + row_steps

    def _timed(self, stage: str, jobs: Sequence[Job]) -> _Timed:
        return _Timed(self._counters, stage, list(jobs))


class _Timed:
    """Adds the time of a piece of work to its stage, and a share of it to each of its jobs."""

    def __init__(self, counters: Counters, stage: str, jobs: list[Job]) -> None:
        self._counters, self._stage, self._jobs = counters, stage, jobs

    def __enter__(self) -> None:
        self._begun_s = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        spent_s = time.perf_counter() - self._begun_s
        seconds = self._counters.seconds
        seconds[self._stage] = seconds.get(self._stage, 0.0) + spent_s
        for job in self._jobs:
            job.synthesis_s += spent_s / len(self._jobs)
