"""The warm Prefect worker: runs flow runs in its own process, so that a model stays loaded.

A process worker needs 11 to 33 s from trigger to Running and loads every model again; this one
executes a run as a coroutine of its own event loop within a second (2 cores, 2026-11-22). It
gives each run what a process worker gives: cancelling, crash reports, logs, heartbeats, and
being handed back when the worker is stopped. What it leaves out: a run's own environment
variables, since there is no process to set them for.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import signal
import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import anyio
import httpx
from prefect._flow_run_suspension import (
    is_suspended_flow_run_state,
    mark_flow_run_suspension_requested,
)
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.context import AsyncClientContext
from prefect.exceptions import (
    Abort,
    InfrastructureNotFound,
    ObjectAlreadyExists,
    ObjectNotFound,
)
from prefect.logging.handlers import APILogWorker
from prefect.states import Cancelled, Crashed, Pending, Scheduled
from prefect.utilities.engine import propose_state
from prefect.workers.base import (
    BaseJobConfiguration,
    BaseVariables,
    BaseWorker,
    BaseWorkerResult,
)

from tts_tasks.warm_runs import FlowCache, Running, adapt_engine

if TYPE_CHECKING:
    from anyio.abc import TaskStatus
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun, State

POLL_S = 0.5
"""Seconds between two questions for new runs."""

WATCH_S = 0.5
"""Seconds between two questions whether somebody cancelled one of the running runs."""

MAX_ATTEMPTS = 3
"""Times that a run is started, when its worker dies each time, before it is called crashed."""

STOP_S = 10.0
"""Seconds that a cancelled run gets to clean up when the worker stops."""

LONGEST_PAUSE_S = 10.0
"""Longest pause, in seconds, between two tries while the server does not answer."""

PATIENCE_S = 5.0
"""Seconds between two lines that say that the server does not answer yet."""

POOL_RUNS = {"gpu": 64, "cpu": 32, "control": 64}
"""Runs in flight at once, at most, over all workers of a pool that is created here. It may be
changed in the UI; a worker's own limit is what its machine can do."""

JOB_TEMPLATE: dict[str, Any] = {
    "job_configuration": {"env": {}},
    "variables": {"type": "object", "properties": {}},
}
"""What a warm pool lets a deployment choose: nothing, since there is no process to start."""

logger = logging.getLogger(__name__)


class WarmResult(BaseWorkerResult):
    """How a run ended: status code 0 when the engine reported it, 1 when the worker had to."""


class WarmWorker(BaseWorker[BaseJobConfiguration, BaseVariables, WarmResult]):
    """Executes the flow runs of one work pool inside this process.

    Args:
        work_pool_name: the pool; created when it does not exist.
        slot: names the place of this worker, when its supervisor guarantees that it is the only
            one there: runs that an earlier worker in this slot left behind are then given back.
        drain_s: seconds that running runs may go on once the worker is told to stop.
    """

    type: ClassVar[str] = "warm"  # type: ignore[misc]
    job_configuration = BaseJobConfiguration
    job_configuration_variables = BaseVariables
    _description = "Executes flow runs inside the worker's own process, so that models stay loaded."

    def __init__(
        self,
        work_pool_name: str,
        *args: Any,
        slot: str = "",
        drain_s: float = 60.0,
        **options: Any,
    ) -> None:
        """Take Prefect's own options too, e.g. ``name`` and ``limit``."""
        # A run scheduled for later would hold one of the few places while it waits.
        options.setdefault("prefetch_seconds", 0)
        super().__init__(work_pool_name, *args, **options)
        self.drain_s = drain_s
        self.running: dict[uuid.UUID, Running] = {}
        self.stopping = asyncio.Event()
        self.ready_file: Path | None = None
        self._slot = slot or f"{socket.gethostname()}:{uuid.uuid4().hex[:8]}"
        self._token = uuid.uuid4().hex[:8]
        self._crashed: dict[uuid.UUID, str] = {}
        self._finished = asyncio.Event()
        adapt_engine()

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """Return the template that a pool of this type is created with."""
        return copy.deepcopy(JOB_TEMPLATE)

    @property
    def identifier(self) -> str:
        """Stored with each run as its infrastructure: slot and incarnation of this worker."""
        return f"{self._slot}:{self._token}"

    async def serve(self) -> None:
        """Take and execute runs until ``stopping`` is set; then drain.

        Nothing that a run does, and no outage of the server, ends this.
        """
        # One API client for the worker and all of its runs: a client of its own would cost each
        # run a TLS context (0.1 s of CPU), a version check and a connection.
        async with AsyncClientContext() as shared:
            await ensure_pool(shared.client, self._work_pool_name)
            await self._serve()

    async def _serve(self) -> None:
        async with self:
            self.flows = FlowCache(self.client)
            await self._reclaim()
            async with anyio.create_task_group() as loops:
                loops.start_soon(self._every, POLL_S, self._poll)
                loops.start_soon(self._every, WATCH_S, self._watch)
                loops.start_soon(
                    self._every, float(self.heartbeat_interval_seconds), self._sync_and_initialize
                )
                self._started_event = await self._emit_worker_started_event()
                if self.ready_file is not None:
                    self.ready_file.write_text(str(os.getpid()))
                logger.info("worker %s serves pool %s", self.name, self._work_pool_name)
                await self.stopping.wait()
                await self._drain()
                loops.cancel_scope.cancel()
        logger.info("worker %s stopped", self.name)

    async def _every(self, interval_s: float, work: Any) -> None:
        pause_s = interval_s
        while True:
            try:
                await work()
                pause_s = interval_s
            # Broad on purpose: whatever the server answers, the worker must try again.
            except Exception as error:  # noqa: BLE001
                pause_s = max(interval_s, min(pause_s * 2, LONGEST_PAUSE_S))
                logger.warning("trying again in %.1f s: %r", pause_s, error)
            await anyio.sleep(pause_s)

    async def _poll(self) -> None:
        """Take new runs; when every place was taken, again as soon as one is free."""
        while not self.stopping.is_set():
            self._finished.clear()
            await self.get_and_submit_flow_runs()
            if self._limiter is None or self._limiter.available_tokens > 0:
                return
            with anyio.move_on_after(LONGEST_PAUSE_S):
                await self._finished.wait()

    async def _setup_cancellation_observer(self) -> None:
        """Do without Prefect's own observer (a websocket): ``_watch`` sees every run in flight."""

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Take a run from the queue and execute it to its end.

        The base class makes 7 more requests here (deployment twice, flow, labels, ``Submitting``
        and others) for infrastructure that a warm worker does not have.
        """
        running = self.running[flow_run.id] = Running(flow_run)
        try:
            if not self.stopping.is_set() and await self._take(flow_run):
                await self.client.update_flow_run(flow_run.id, infrastructure_pid=self.identifier)
                await self._run_to_end(running)
        # Broad on purpose: the worker outlives whatever happens to one run.
        except Exception as error:
            logger.exception("run %s (%s)", flow_run.name, flow_run.id)
            self._crashed[flow_run.id] = f"{type(error).__name__}: {error}"
        finally:
            del self.running[flow_run.id]
            self._submitting_flow_run_ids.discard(flow_run.id)
            self._release_limit_slot(flow_run.id)
            self._finished.set()

    async def _take(self, flow_run: FlowRun) -> bool:
        """Make the run Pending, if nobody else has; who took it stands in that very state.

        A worker that is killed before its next request would leave a run that nobody knows.
        """
        try:
            state = await propose_state(
                self.client, Pending(message=self.identifier), flow_run_id=flow_run.id
            )
        except Abort:
            # A request that was repeated because its first answer was lost is refused, too.
            held = await self.client.read_flow_run(flow_run.id)
            return _is_pending(held) and _owner(held) == self.identifier
        return state.is_pending()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: BaseJobConfiguration,
        task_status: TaskStatus[Any] | None = None,
    ) -> WarmResult:
        """Execute one run to its end, as Prefect's ``submit`` interface asks for."""
        running = self.running[flow_run.id] = Running(flow_run)
        if task_status is not None:
            task_status.started(self.identifier)
        try:
            await self._run_to_end(running)
        finally:
            del self.running[flow_run.id]
        return WarmResult(identifier=str(flow_run.id), status_code=0)

    async def _run_to_end(self, running: Running) -> None:
        running.task = asyncio.create_task(self._execute(running))
        await asyncio.wait({running.task})
        await self._conclude(running)
        await self._report_crashes()

    async def _execute(self, running: Running) -> None:
        """Load the flow and execute it; report what escapes from either."""
        flow_run = running.flow_run
        try:
            state = await running.execute(await self.flows.load(flow_run))
            # Cancelled in the moment it finished: the server took no other state from the engine.
            if state is not None and state.is_cancelling():
                running.ending = "cancel"
        # Broader than Exception on purpose: SystemExit in a flow must not end the worker, and
        # cancelling, suspending and aborting arrive as BaseExceptions that the engine reported.
        except BaseException as error:  # noqa: BLE001
            if running.ending is not None:
                return
            if isinstance(error, Exception):
                self.get_flow_run_logger(flow_run).exception("The run could not be executed.")
            self._crashed[flow_run.id] = f"{type(error).__name__}: {error}"

    async def _report_crashes(self) -> None:
        """Report runs that ended without a word; again later, while the server does not answer."""
        for run_id, message in list(self._crashed.items()):
            with suppress(ObjectNotFound):
                flow_run = await self.client.read_flow_run(run_id)
                state = flow_run.state
                # The engine may have reported it: as crashed, suspended, or to be tried again.
                # And when the server's answer was lost, another worker may have taken it.
                if _owner(flow_run) == self.identifier and not (
                    state and (state.is_final() or state.is_paused() or state.is_scheduled())
                ):
                    await self.client.set_flow_run_state(
                        run_id, Crashed(message=message), force=True
                    )
            self._crashed.pop(run_id, None)

    async def _conclude(self, running: Running) -> None:
        """Report a run that was told to stop: cancelled, or to be taken by another worker."""
        if running.ending is None:
            return
        flow_run = await self.client.read_flow_run(running.flow_run.id)
        if flow_run.state is not None and flow_run.state.is_final():
            return  # It had ended by itself before it could be stopped.
        if running.ending == "reschedule":
            await self._hand_back(flow_run, "The worker was stopped.")
            return
        state: State[Any] = Cancelled(message="Cancelled on request.")
        await running.call_cancellation_hooks(flow_run, flow_run.state or state)
        await self.client.set_flow_run_state(flow_run.id, state, force=True)

    async def _hand_back(self, flow_run: FlowRun, reason: str) -> None:
        message = f"{reason} Another worker takes the run."
        state: State[Any] = Scheduled(name="AwaitingRetry", message=message)
        await self.client.set_flow_run_state(flow_run.id, state, force=True)

    async def _watch(self) -> None:
        """Stop the runs that somebody cancelled, paused or deleted, in one query for all."""
        await self._report_crashes()
        ids = [run_id for run_id, running in self.running.items() if running.ending is None]
        if not ids:
            return
        stopped = (StateType.CANCELLING, StateType.CANCELLED, StateType.PAUSED)
        runs = await self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                id=FlowRunFilterId(any_=ids),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(stopped))),
            )
        )
        for flow_run in runs:
            if flow_run.state is None:
                continue
            if is_suspended_flow_run_state(flow_run.state):
                mark_flow_run_suspension_requested(flow_run.id, flow_run.state)
            elif not flow_run.state.is_paused() and flow_run.id in self.running:
                self.running[flow_run.id].stop("cancel")

    async def kill_infrastructure(
        self,
        infrastructure_pid: str,
        configuration: BaseJobConfiguration,
        grace_seconds: int = 30,
    ) -> None:
        """Cancel the run that ``configuration`` was prepared for.

        Raises:
            InfrastructureNotFound: if this worker does not run it.
        """
        flow_run = configuration._related_objects.get("flow-run")
        running = self.running.get(flow_run.id) if flow_run is not None else None
        if running is None or infrastructure_pid != self.identifier:
            raise InfrastructureNotFound(f"{infrastructure_pid!r} is not a run of {self.name!r}")
        running.stop("cancel")
        if running.task is not None:
            await asyncio.wait({running.task}, timeout=grace_seconds)

    async def _reclaim(self) -> None:
        """Give back the runs that an earlier worker in this slot left behind when it was killed."""
        in_flight = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
        runs = await self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=in_flight))
            ),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._work_pool_name])),
        )
        for flow_run in runs:
            if _owner(flow_run).rpartition(":")[0] != self._slot:
                continue
            logger.warning("run %s (%s) was left by a dead worker", flow_run.name, flow_run.id)
            with suppress(ObjectNotFound):
                if flow_run.state is not None and flow_run.state.is_cancelling():
                    state: State[Any] = Cancelled(message="Its worker died while it was cancelled.")
                    await self.client.set_flow_run_state(flow_run.id, state, force=True)
                elif flow_run.run_count >= MAX_ATTEMPTS:
                    state = Crashed(message=f"Its worker died {flow_run.run_count} times.")
                    await self.client.set_flow_run_state(flow_run.id, state, force=True)
                else:
                    await self._hand_back(flow_run, "Its worker died.")

    async def _drain(self) -> None:
        """Let running runs finish for ``drain_s`` seconds, then hand the rest back."""
        logger.info("stopping; %d runs have %.0f s left", len(self.running), self.drain_s)
        with anyio.move_on_after(self.drain_s):
            await self._until_idle()
        for running in list(self.running.values()):
            running.stop("reschedule")
        with anyio.move_on_after(STOP_S):
            await self._until_idle()
        for running in list(self.running.values()):  # Inside a C call that does not return.
            await self._hand_back(running.flow_run, "The worker was stopped.")
        if self.running:
            logger.error("%d runs did not stop and are cut off", len(self.running))
            APILogWorker.drain_all(timeout=5)
            os._exit(0)

    async def _until_idle(self) -> None:
        while self.running:
            self._finished.clear()
            await self._finished.wait()


def _owner(flow_run: FlowRun) -> str:
    """Return the identifier of the worker that has a run: a Pending one may name it only there."""
    if _is_pending(flow_run) and flow_run.state and flow_run.state.message:
        return flow_run.state.message
    return flow_run.infrastructure_pid or ""


def _is_pending(flow_run: FlowRun) -> bool:
    return flow_run.state is not None and flow_run.state.is_pending()


async def ensure_pool(client: PrefectClient, name: str) -> None:
    """Create a warm work pool; one that exists is left as it is."""
    try:
        await client.create_work_pool(
            WorkPoolCreate(
                name=name,
                type=WarmWorker.type,
                description=WarmWorker.get_description(),
                base_job_template=copy.deepcopy(JOB_TEMPLATE),
                concurrency_limit=POOL_RUNS.get(name),
            )
        )
    except ObjectAlreadyExists:
        return


async def run_worker(
    pool: str,
    *,
    limit: int,
    name: str | None = None,
    drain_s: float = 60.0,
    slot: str = "",
    ready_file: Path | None = None,
) -> None:
    """Serve a work pool until SIGTERM or SIGINT, then drain and return.

    Args:
        pool: name of the work pool.
        limit: runs in flight at once, at most.
        name: shown in the UI; ``<pool>-<host>-<pid>`` when none is given.
        drain_s: seconds that running runs may go on after the signal; a second signal ends it.
        slot: see ``WarmWorker``.
        ready_file: gets this process's id once the worker takes runs.
    """
    await _until_healthy()
    worker = WarmWorker(
        pool,
        name=name or f"{pool}-{socket.gethostname()}-{os.getpid()}",
        limit=limit,
        slot=slot,
        drain_s=drain_s,
    )
    worker.ready_file = ready_file

    def stop() -> None:
        if worker.stopping.is_set():
            for running in worker.running.values():
                running.stop("reschedule")
        worker.stopping.set()

    loop = asyncio.get_running_loop()
    # Python's own default, CPUs + 4, would let a few long steps in threads stop all other runs.
    loop.set_default_executor(ThreadPoolExecutor(2 * limit + 8, thread_name_prefix="step"))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await worker.serve()


def run_worker_sync(
    pool: str,
    *,
    limit: int,
    name: str | None = None,
    drain_s: float = 60.0,
    slot: str = "",
    ready_file: Path | None = None,
) -> None:
    """Serve a work pool in this process until SIGTERM or SIGINT; see ``run_worker``."""
    # Without this, INFO records would reach neither the log nor the runs in the UI.
    for package in ("tts_tasks", "flows"):
        logging.getLogger(package).setLevel(logging.INFO)
    asyncio.run(
        run_worker(pool, limit=limit, name=name, drain_s=drain_s, slot=slot, ready_file=ready_file)
    )


async def _until_healthy() -> None:
    """Wait until the server answers: worker and server start side by side."""
    from prefect.settings import PREFECT_API_URL

    url = f"{PREFECT_API_URL.value()}/health"
    said_at_s = time.monotonic()
    async with httpx.AsyncClient(timeout=5) as client:
        while True:
            try:
                answer = await client.get(url)
                if answer.is_success:
                    return
                reason = f"status {answer.status_code}"
            except httpx.TransportError as error:
                reason = str(error)
            if time.monotonic() - said_at_s > PATIENCE_S:
                logger.warning("waiting for the Prefect server at %s (%s)", url, reason)
                said_at_s = time.monotonic()
            await asyncio.sleep(0.1)
