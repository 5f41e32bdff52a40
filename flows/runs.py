"""Triggering deployments and waiting for their runs: what courses, batches and the CLI share.

Owns no state: a run is known by its id, and everything else is asked of the Prefect server.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tts_tasks.errors import StackError

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

PAGE_RUNS = 200
"""Runs that one filter query returns at most: Prefect's own limit for a page."""

OUTAGE_S = 60.0
"""Longest time, in seconds, that a waiter puts up with a server that does not answer."""

OnChange = Callable[["FlowRun"], None]
"""Told of a run whenever its state changes."""


async def trigger(
    deployment: str,
    parameters: Mapping[str, Any],
    *,
    name: str | None = None,
    idempotency_key: str | None = None,
    parent: bool = False,
    tags: Sequence[str] = (),
    queue: str | None = None,
) -> FlowRun:
    """Create a run of a deployment, to start now, and return without waiting for it.

    Args:
        deployment: ``flow/deployment``, e.g. ``narrate/cpu``.
        parameters: parameters of the flow; JSON-ready, at most 512 KiB in all (Prefect's limit).
        name: name of the run, as shown in the UI.
        idempotency_key: a second call with the same key returns the first call's run.
        parent: whether the run becomes a subflow run of the flow that calls this.
        tags: labels to search by.
        queue: work queue of the deployment's pool; by default the deployment's own.

    Raises:
        StackError: if there is no such deployment, or the server does not answer.
    """
    from httpx import TransportError
    from prefect.client.orchestration import get_client
    from prefect.deployments.flow_runs import arun_deployment
    from prefect.exceptions import ObjectNotFound

    try:
        async with get_client() as client:
            return await arun_deployment(
                deployment,
                client=client,
                parameters=dict(parameters),
                flow_run_name=name,
                timeout=0,
                tags=list(tags),
                idempotency_key=idempotency_key,
                as_subflow=parent,
                work_queue_name=queue,
            )
    except ObjectNotFound as error:
        raise StackError(
            "there is no such deployment on the Prefect server",
            field="deployment",
            value=deployment,
            remedy="run `narrate deploy`",
        ) from error
    except TransportError as error:
        raise _unreachable(error) from error


async def is_pool_online(pool: str) -> bool:
    """Return whether a worker of a work pool has been heard of lately.

    Raises:
        StackError: if the server does not answer.
    """
    from httpx import TransportError
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import WorkerStatus
    from prefect.exceptions import ObjectNotFound

    try:
        async with get_client() as client:
            workers = await client.read_workers_for_work_pool(pool)
    except ObjectNotFound:
        return False
    except TransportError as error:
        raise _unreachable(error) from error
    return any(worker.status == WorkerStatus.ONLINE for worker in workers)


async def wait_for(
    run_ids: Iterable[UUID],
    *,
    on_change: OnChange | None = None,
    poll_s: float = 0.5,
) -> dict[UUID, FlowRun]:
    """Wait until every run has ended, asking for all of them in one query per tick.

    Cancelling the waiter cancels the runs that have not ended, except where the waiter's own run
    is only handed back to another worker: it will wait for them again.

    Args:
        run_ids: the runs, each once or more often.
        on_change: called with a run each time its state is another than when last seen.
        poll_s: seconds between two queries.

    Returns:
        The runs in the order given, each as last seen: in a final state, or paused by somebody
        in the UI for as long as it takes to be resumed.

    Raises:
        StackError: if a run was deleted, or the server is silent for ``OUTAGE_S``.
    """
    from httpx import HTTPStatusError, TransportError
    from prefect.client.orchestration import get_client

    wanted = list(dict.fromkeys(run_ids))
    seen: dict[UUID, FlowRun] = {}
    unfinished = set(wanted)
    loop = asyncio.get_running_loop()
    answered_at = loop.time()
    async with get_client() as client:
        try:
            while unfinished:
                try:
                    runs = await _read_runs(client, unfinished)
                except (TransportError, HTTPStatusError) as error:
                    if loop.time() - answered_at > OUTAGE_S:
                        raise _unreachable(error) from error
                    await asyncio.sleep(poll_s)
                    continue
                answered_at = loop.time()
                if lost := unfinished - runs.keys():
                    raise StackError(
                        "the run was deleted while it was waited for",
                        field="run",
                        value=min(lost),
                        remedy="trigger it again",
                    )
                for run_id, run in runs.items():
                    before = seen.get(run_id)
                    seen[run_id] = run
                    if on_change and (before is None or before.state_name != run.state_name):
                        on_change(run)
                    if run.state is not None and run.state.is_final():
                        unfinished.discard(run_id)
                if unfinished:
                    await asyncio.sleep(poll_s)
        except asyncio.CancelledError:
            if not _is_handed_back():
                # A second cancel must not stop the first from reaching the runs.
                await asyncio.shield(cancel(unfinished))
            raise
    return {run_id: seen[run_id] for run_id in wanted}


def _is_handed_back() -> bool:
    """Whether this code runs inside a warm worker that is stopping."""
    runs = sys.modules.get("tts_tasks.warm_runs")  # Not loaded: this is no worker.
    running = runs.current.get() if runs else None
    return running is not None and running.ending == "reschedule"


async def cancel(run_ids: Iterable[UUID]) -> None:
    """Ask the workers to cancel these runs; runs that have ended are left as they are."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Cancelling

    async def cancel_one(client: PrefectClient, run_id: UUID) -> None:
        try:
            await client.set_flow_run_state(run_id, Cancelling(message="The caller was cancelled."))
        except ObjectNotFound:
            return  # Deleted: nothing is left to cancel.

    async with get_client() as client:
        await asyncio.gather(*(cancel_one(client, run_id) for run_id in run_ids))


async def _read_runs(client: PrefectClient, run_ids: set[UUID]) -> dict[UUID, FlowRun]:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    ids = sorted(run_ids)
    pages = [ids[start : start + PAGE_RUNS] for start in range(0, len(ids), PAGE_RUNS)]
    found: dict[UUID, FlowRun] = {}
    for page in pages:
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=page)), limit=PAGE_RUNS
        )
        found.update({run.id: run for run in runs})
    return found


def _unreachable(error: Exception) -> StackError:
    return StackError(
        f"the Prefect server does not answer ({type(error).__name__}: {error})",
        field="stack",
        remedy="run `narrate up`, and `narrate status` to see what is wrong",
    )
