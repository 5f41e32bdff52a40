"""A run inside a warm worker's process: how it is told apart from its neighbours and stopped.

``tts_tasks.worker`` decides what is run and when it is stopped, and reports it; this module is
all that is known here about the inside of Prefect's flow engine.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import importlib
import inspect
import logging
import os
import signal
import sys
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import prefect.flow_engine
from prefect.exceptions import TerminationSignal
from prefect.flows import load_flow_from_entrypoint, load_flow_from_flow_run

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun, State
    from prefect.client.schemas.responses import DeploymentResponse

Ending = Literal["cancel", "reschedule"]

logger = logging.getLogger(__name__)


class RunStopped(TerminationSignal):
    """Raised inside the thread of a synchronous flow to end it."""

    def __init__(self) -> None:
        """Look to the engine like the SIGTERM that a process worker would send."""
        super().__init__(signal.SIGTERM)


@dataclass(slots=True)
class Running:
    """A run that this worker has in flight."""

    flow_run: FlowRun
    """As the server described it when it was taken."""

    flow: Flow[..., Any] | None = None
    """The loaded flow; none until it is loaded."""

    task: asyncio.Task[None] | None = None
    """What executes it; none until it starts."""

    thread_id: int | None = None
    """Thread that a synchronous flow runs in."""

    ending: Ending | None = None
    """Why it was told to stop; none while it may run."""

    def stop(self, ending: Ending) -> None:
        """Tell it to stop, once; a thread inside a C call stops when that call returns."""
        if self.ending is not None:
            return
        self.ending = ending
        if self.thread_id is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self.thread_id), ctypes.py_object(RunStopped)
            )
        elif self.task is not None:
            self.task.cancel()

    async def execute(self, flow: Flow[..., Any]) -> State[Any] | None:
        """Hand the run to Prefect's engine, which reports how it goes; return how it ended."""
        self.flow = flow
        current.set(self)
        if flow.isasync:
            state: State[Any] | None = await prefect.flow_engine.run_flow_async(
                flow,
                flow_run=self.flow_run,
                parameters=self.flow_run.parameters,
                return_type="state",
            )
            return state
        return await asyncio.to_thread(self._execute_in_thread, flow)

    def _execute_in_thread(self, flow: Flow[..., Any]) -> State[Any] | None:
        self.thread_id = threading.get_ident()
        try:
            state: State[Any] | None = prefect.flow_engine.run_flow_sync(
                flow,
                flow_run=self.flow_run,
                parameters=self.flow_run.parameters,
                return_type="state",
            )
            return state
        finally:
            self.thread_id = None

    async def call_cancellation_hooks(self, flow_run: FlowRun, state: State[Any]) -> None:
        """Call the flow's ``on_cancellation`` hooks by keyword, as Prefect's runner does."""
        hooks = self.flow.on_cancellation_hooks if self.flow is not None else []
        for hook in hooks or []:
            given: dict[str, Any] = {"flow": self.flow, "flow_run": flow_run, "state": state}
            try:
                if inspect.iscoroutinefunction(hook):
                    await hook(**given)
                else:
                    await asyncio.to_thread(hook, **given)
            # Broad on purpose: a hook is anybody's code, and the run must still end.
            except Exception:
                logger.exception("cancellation hook of run %s", flow_run.id)


current: contextvars.ContextVar[Running | None] = contextvars.ContextVar("warm_run", default=None)
"""The run that this task or thread works for."""


def adapt_engine() -> None:
    """Make Prefect's flow engine share a process with other runs. Idempotent.

    Written for a process of its own, the engine assumes three things that are wrong here:
    SIGTERM belongs to the run (each run would take the worker's handler away, and interleaved
    runs would restore each other's); why a run is stopped is known per process; and a thread
    with its own event loop, websocket and API client per run watches for "suspend" (its set-up
    blocks the loop, and was half of the worker's CPU per run). The worker's one query per tick
    answers the last two for all runs.
    """
    engine: Any = prefect.flow_engine
    engine.capture_sigterm = nullcontext
    engine.observe_flow_run_suspension = lambda *_: nullcontext()
    engine._termination_intent = _termination_intent
    # As for a process worker: the worker reports a cancelled run and calls its hooks.
    os.environ["PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS"] = "false"


def _termination_intent() -> Ending | None:
    running = current.get()
    return running.ending if running else None


@dataclass(slots=True)
class _LoadedFlow:
    stamp: tuple[object, ...]
    flow: Flow[..., Any]


@dataclass(slots=True)
class _KnownDeployment:
    deployment: DeploymentResponse
    read_at: datetime


@dataclass(slots=True)
class FlowCache:
    """The flows of a worker, each loaded once per version of its deployment."""

    client: PrefectClient
    """Asks for the deployments."""

    _flows: dict[UUID, _LoadedFlow] = field(default_factory=dict)
    _deployments: dict[UUID, _KnownDeployment] = field(default_factory=dict)
    _loading: dict[UUID, asyncio.Lock] = field(default_factory=dict)

    async def load(self, flow_run: FlowRun) -> Flow[..., Any]:
        """Return the run's flow.

        A new version of a flow that is named by its module reloads that one module; the modules
        it imports, and with them loaded models, stay as they are until the worker is restarted.
        """
        deployment_id = flow_run.deployment_id
        if deployment_id is None:
            return await load_flow_from_flow_run(flow_run, use_placeholder_flow=False)
        async with self._loading.setdefault(deployment_id, asyncio.Lock()):
            deployment = await self._read_deployment(deployment_id, flow_run.created)
            entrypoint = deployment.entrypoint or ""
            stamp = (deployment.version, entrypoint, repr(deployment.pull_steps))
            loaded = self._flows.get(deployment_id)
            if loaded is not None and loaded.stamp == stamp:
                return loaded.flow
            if ":" in entrypoint or deployment.pull_steps:
                flow = await load_flow_from_flow_run(flow_run, use_placeholder_flow=False)
            else:
                flow = await asyncio.to_thread(_import_flow, entrypoint, loaded is not None)
            self._flows[deployment_id] = _LoadedFlow(stamp, flow)
            return flow

    async def _read_deployment(
        self, deployment_id: UUID, created: datetime | None
    ) -> DeploymentResponse:
        """Return a deployment as it was when the run was created, or later.

        A burst of runs asks once: what was read serves every run that was created before.
        """
        known = self._deployments.get(deployment_id)
        if known is None or created is None or known.read_at < created:
            read_at = datetime.now(UTC)
            known = _KnownDeployment(await self.client.read_deployment(deployment_id), read_at)
            self._deployments[deployment_id] = known
        return known.deployment


def _import_flow(entrypoint: str, again: bool) -> Flow[..., Any]:
    module, _, _ = entrypoint.rpartition(".")
    if again and module in sys.modules:
        importlib.invalidate_caches()
        importlib.reload(sys.modules[module])
    return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
