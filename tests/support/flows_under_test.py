"""Tiny flows for the tests of the worker, the deployments and the stack."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import flow, runtime, task

from tts_tasks.files import write_whole

logger = logging.getLogger("tts_tasks.under_test")


@flow(name="quick")
async def quick(word: str = "") -> str:
    """End at once."""
    return word


@flow(name="quick-sync")
def quick_sync(word: str = "") -> str:
    """End at once, in a thread."""
    logger.info("sync flow says %s", word)
    return word


@task
async def say(word: str) -> str:
    """Log from inside a task."""
    logger.info("task says %s", word)
    return word


@flow(name="talkative")
async def talkative(word: str) -> str:
    """Log from the flow, from a thread and from a task, by loggers that know nothing of Prefect."""
    logger.info("flow says %s", word)
    await asyncio.to_thread(logger.info, "thread says %s", word)
    return await say(word)


def count_attempt(folder: str) -> int:
    """Return how often this was called for the folder."""
    with Path(folder, "attempts").open("a+") as file:
        file.write("x")
        file.seek(0)
        return len(file.read())


def note_cancellation(flow: Any, flow_run: Any, state: Any) -> None:
    """Leave a file behind; called by keyword."""
    Path(flow_run.parameters["folder"], f"cancelled-{flow_run.id}").write_text(state.name)


@flow(name="sleeper", on_cancellation=[note_cancellation])
async def sleeper(folder: str, seconds: float = 60.0) -> int:
    """Wait until ``folder/go`` exists; count the attempts in ``folder``."""
    attempts = count_attempt(folder)
    deadline_s = time.monotonic() + seconds
    while not Path(folder, "go").exists() and time.monotonic() < deadline_s:
        await asyncio.sleep(0.05)
    return attempts


@flow(name="busy-sync")
def busy_sync(folder: str) -> None:
    """Hold a thread for up to a minute, in short sleeps."""
    count_attempt(folder)
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        time.sleep(0.02)


@flow(name="nested")
async def nested(folder: str) -> int:
    """Wait in a subflow."""
    return await sleeper(folder)


@flow(name="parent")
async def parent(folder: str) -> None:
    """Trigger one sleeper, whatever the number of attempts, and wait for it."""
    from flows.runs import trigger, wait_for

    key = str(runtime.flow_run.get_id())
    run = await trigger("sleeper/cpu", {"folder": folder}, parent=True, idempotency_key=key)
    write_whole(Path(folder, "child"), str(run.id))
    await wait_for([run.id], poll_s=0.1)


@flow(name="exits")
async def exits() -> None:
    """Try to end the worker's process."""
    raise SystemExit(3)


@flow(name="fails")
async def fails() -> None:
    """Fail as flows do."""
    raise ValueError("seven is not a colour")


@flow(name="late", on_cancellation=[note_cancellation])
async def late(folder: str) -> str:
    """End in the moment in which somebody cancels it."""
    from prefect.client.orchestration import get_client
    from prefect.states import Cancelling

    async with get_client() as client:
        await client.set_flow_run_state(UUID(runtime.flow_run.get_id()), Cancelling(), force=True)
    return "done"
