"""One thread that owns the device: requests of all runs come in as futures, and share batches.

Fair: whichever run has the least in work comes next, and of its requests the longest. Bounded: who
submits more than is let in waits. A request whose future is cancelled leaves its slot before the
next step. When the memory is not enough, everything is halved, and goes on where it was; after a
while without work it is tried whole again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass

import torch

from tts_tasks.engines.bark.checkpoint import Checkpoint
from tts_tasks.engines.bark.job import Job
from tts_tasks.engines.bark.pipeline import Counters, Pipeline
from tts_tasks.engines.bark.requests import BarkResult
from tts_tasks.engines.bark.sizes import Sizes
from tts_tasks.errors import EngineOutputError, EngineUnavailableError
from tts_tasks.values import Checkpoint as Asked
from tts_tasks.values import never_cancelled

CAPACITY = 1_024
"""Requests that wait, at most, over all runs: two hours of audio."""

IDLE_S = 20.0
"""The thread ends after so long without work; the next request starts it again."""

TURN_S = 0.05
"""Seconds between two looks whether a run that waits to be let in was cancelled."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """How the device is doing."""

    slots: int
    """Rows at once."""

    waiting: int
    """Requests that have not begun."""

    in_work: int
    """Requests that have."""

    finished: int
    """Requests that are done since the model was loaded."""

    occupancy: float
    """Share of the slots that had work, over all steps since then."""

    shrunk: int
    """Times that the memory was not enough."""

    audio_s: float
    """Seconds of audio since the model was loaded."""

    seconds: dict[str, float]
    """Seconds of the device since then, by stage."""


@dataclass(frozen=True, slots=True)
class _Shift:
    """The counters when work began."""

    finished: int = 0
    audio_s: float = 0.0
    seconds: float = 0.0
    slot_steps: int = 0
    row_steps: int = 0


class Scheduler:
    """The queue before a device. Thread-safe."""

    def __init__(
        self,
        model: Checkpoint,
        sizes: Sizes,
        *,
        capacity: int = CAPACITY,
        make_pipeline: Callable[[Checkpoint, Sizes, Counters], Pipeline] = Pipeline,
    ) -> None:
        """Note the model; memory is taken with the first request."""
        self.model, self._whole, self._sizes, self._capacity = model, sizes, sizes, capacity
        self._make_pipeline = make_pipeline
        self._pipeline: Pipeline | None = None
        self._counters = Counters()
        self._waiting: dict[Hashable, list[Job]] = {}
        self._futures: dict[Job, Future[BarkResult]] = {}
        self._begun: list[Job] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._finished, self._shrunk = 0, 0
        self._shift = _Shift()

    def submit(self, job: Job, checkpoint: Asked = never_cancelled) -> Future[BarkResult]:
        """Queue a request; wait while the queue is full.

        Args:
            job: the request.
            checkpoint: asked while it waits.

        Returns:
            A future; cancelling it takes the request out of the queue, or out of its slot.

        Raises:
            CancelledError: from the checkpoint.
        """
        future: Future[BarkResult] = Future()
        with self._changed:
            while self._n_waiting() >= self._capacity:
                checkpoint()
                self._changed.wait(TURN_S)
            self._futures[job] = future
            queue = self._waiting.setdefault(job.run, [])
            queue.append(job)
            queue.sort(key=lambda each: -len(each.text_ids))
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="bark", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return future

    def report(self) -> Report:
        """Return how the device is doing."""
        with self._changed:
            waiting = self._n_waiting()
            return Report(
                slots=self._sizes.slots,
                waiting=waiting,
                in_work=len(self._futures) - waiting,
                finished=self._finished,
                occupancy=self._counters.occupancy,
                shrunk=self._shrunk,
                audio_s=self._counters.audio_s,
                seconds=dict(self._counters.seconds),
            )

    def _n_waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    def _serve(self) -> None:
        """Work until there has been nothing to do for a while."""
        if self.model.device.type == "cuda":
            torch.cuda.set_device(self.model.device)  # Of this thread.
        with torch.inference_mode():
            while self._has_work():
                try:
                    self._turn()
                # Broad on purpose: whatever torch raises, the other runs' requests must go on.
                except Exception as error:  # noqa: BLE001
                    self._recover(error)

    def _has_work(self) -> bool:
        with self._changed:
            if not self._futures:
                self._end_shift()
                self._changed.wait(IDLE_S)
            if not self._futures:
                self._thread = None
                if self._sizes != self._whole:  # Whoever had the memory may be gone.
                    self._sizes, self._pipeline = self._whole, None
                return False
            return True

    def _end_shift(self) -> None:
        """Tell the operator how full the slots were since there was nothing to do."""
        before, now = self._shift, self._counters
        finished, steps = self._finished - before.finished, now.all_slots - before.slot_steps
        if finished and steps:
            logger.info(
                "Bark spoke %d chunks, %.1f s of audio, in %.1f s of its device; its %d slots were "
                "%.0f %% full",
                finished,
                now.audio_s - before.audio_s,
                sum(now.seconds.values()) - before.seconds,
                self._sizes.slots,
                100 * (now.all_rows - before.row_steps) / steps,
            )
        self._shift = _Shift(
            self._finished, now.audio_s, sum(now.seconds.values()), now.all_slots, now.all_rows
        )

    def _turn(self) -> None:
        """Let requests in and out, and do one piece of work."""
        if self._pipeline is None:
            self._pipeline = self._make_pipeline(self.model, self._sizes, self._counters)
            self._pipeline.take_back(self._begun)
            self._begun = []
        pipeline = self._pipeline
        self._drop_cancelled(pipeline)
        if admitted := self._admit(pipeline.free):
            self._resolve(pipeline.admit(admitted))
        self._resolve(pipeline.advance())

    def _drop_cancelled(self, pipeline: Pipeline) -> None:
        with self._changed:
            gone = [job for job, future in self._futures.items() if future.cancelled()]
            for job in gone:
                del self._futures[job]
                with suppress(KeyError, ValueError):
                    self._waiting[job.run].remove(job)
            self._forget_empty()
            if gone:
                self._changed.notify_all()
        for job in gone:
            pipeline.leave(job)

    def _admit(self, n_free: int) -> list[Job]:
        """Take requests from the queue, each from the run that has the least in work."""
        admitted: list[Job] = []
        with self._changed:
            in_work: dict[Hashable, int] = dict.fromkeys(self._waiting, 0)
            waiting = {job for queue in self._waiting.values() for job in queue}
            for job in self._futures:
                if job.run in in_work and job not in waiting:
                    in_work[job.run] += 1
            while self._waiting and len(admitted) < n_free:
                run = min(self._waiting, key=in_work.__getitem__)
                in_work[run] += 1
                admitted.append(self._waiting[run].pop(0))
                self._forget_empty()
            if admitted:
                self._changed.notify_all()
        return admitted

    def _forget_empty(self) -> None:
        self._waiting = {run: queue for run, queue in self._waiting.items() if queue}

    def _resolve(self, done: Sequence[Job]) -> None:
        for job in done:
            if job.fault:
                self._fail(job, _broken(job))
                continue
            with self._changed:
                future = self._futures.pop(job, None)
                self._finished += 1
            # Somebody may cancel it in this moment.
            if future is not None:
                with suppress(InvalidStateError, FutureCancelled):
                    future.set_result(job.result(self.model.sample_rate))

    def _fail(self, job: Job, error: Exception) -> None:
        with self._changed:
            future = self._futures.pop(job, None)
        if future is not None:
            with suppress(InvalidStateError, FutureCancelled):
                future.set_exception(error)

    def _recover(self, error: Exception) -> None:
        """Go on after an error: with half of everything, or without the requests in work."""
        had_begun, self._pipeline = self._pipeline is not None, None
        with self._changed:
            waiting = {job for queue in self._waiting.values() for job in queue}
            in_work = [job for job in self._futures if job not in waiting]
        if is_out_of_memory(error) and not self._sizes.are_least:
            self._sizes, self._shrunk = self._sizes.halved(), self._shrunk + 1
            logger.warning("out of memory; going on with %d slots", self._sizes.slots)
            self._start_again(in_work)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            return
        logger.error("Bark failed", exc_info=error)
        # Where not even the memory can be had, nobody who waits will be served either.
        failed = in_work if had_begun else [*in_work, *waiting]
        with self._changed:
            self._begun = []
            if not had_begun:
                self._waiting = {}
        for job in failed:
            self._fail(job, _failed(error))

    def _start_again(self, jobs: Sequence[Job]) -> None:
        """Queue requests whose pipeline is gone; what is past the first stage keeps its tokens."""
        with self._changed:
            self._begun = [job for job in jobs if job.n_coarse]
            for job in jobs:
                if not job.n_coarse:
                    job.start_again()
                    self._waiting.setdefault(job.run, []).insert(0, job)


def is_out_of_memory(error: Exception) -> bool:
    """Return whether a device's memory was not enough, a GPU's or the machine's."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in said or "not enough memory" in said
    )


def _broken(job: Job) -> EngineOutputError:
    return EngineOutputError(
        f"Bark cannot speak {job.request.text!r}: {job.fault}",
        field="text",
        value=job.request.text,
        remedy="run `narrate models verify bark`; with bfloat16, try NARRATION_BARK_DTYPE=float32",
    )


def _failed(error: Exception) -> EngineUnavailableError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if is_out_of_memory(error):
        return EngineUnavailableError(
            f"Bark's memory is not enough for a single chunk ({reason})",
            field="NARRATION_BARK_MODEL",
            remedy="end other programs on the device, or use suno/bark-small",
        )
    return EngineUnavailableError(
        f"Bark's device failed ({type(error).__name__}: {reason})",
        field="NARRATION_BARK_DEVICE",
        remedy="try again; if it stays, restart the worker",
    )
