"""The five steps as Prefect tasks. Policy only: names, retries, cancelling.

Each step runs in a thread, so that the worker's event loop stays free for the other runs, for
heartbeats and for cancelling. Results stay in memory: what is worth keeping is in the library.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from tts_tasks import steps
from tts_tasks.errors import CancelledError, NarrationError
from tts_tasks.request import NarrationRequest
from tts_tasks.settings import Settings
from tts_tasks.values import Checkpoint, Mastered, Narration, Plan, Script, Spoken

MAX_RETRIES = 3
FIRST_RETRY_DELAY_S = 2

T = TypeVar("T")


def is_retryable(_task: object, _run: object, state: Any) -> bool:
    """Return whether the error that failed the task says that trying again may help."""
    return isinstance(state.data, NarrationError) and state.data.retryable


async def in_thread(step: Callable[[Checkpoint], T]) -> T:
    """Run a step in a thread; when this coroutine is cancelled, its next checkpoint stops it."""
    cancelled = threading.Event()

    def checkpoint() -> None:
        if cancelled.is_set():
            raise CancelledError("the run was cancelled")

    try:
        return await asyncio.to_thread(step, checkpoint)
    finally:
        cancelled.set()


@task(name="validate", cache_policy=NO_CACHE, persist_result=False)
async def validate(request: NarrationRequest, settings: Settings) -> Script:
    """See ``steps.validate``."""
    return await in_thread(lambda _: steps.validate(request, settings))


@task(name="lookup", cache_policy=NO_CACHE, persist_result=False)
async def look_up(script: Script, settings: Settings) -> Plan:
    """See ``steps.look_up``."""
    return await in_thread(lambda _: steps.look_up(script, settings))


@task(
    name="synthesize",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=MAX_RETRIES,
    retry_delay_seconds=exponential_backoff(FIRST_RETRY_DELAY_S),
    retry_jitter_factor=0.5,
    retry_condition_fn=is_retryable,
)
async def synthesize(plan: Plan, settings: Settings) -> Spoken:
    """See ``steps.synthesize``; a retry speaks only what the failed attempt did not keep."""
    return await in_thread(lambda checkpoint: steps.synthesize(plan, settings, checkpoint))


@task(name="post-process", cache_policy=NO_CACHE, persist_result=False)
async def post_process(spoken: Spoken, folder: Path) -> Mastered:
    """See ``steps.post_process``."""
    return await in_thread(lambda checkpoint: steps.post_process(spoken, folder, checkpoint))


@task(name="register", cache_policy=NO_CACHE, persist_result=False)
async def register(
    spoken: Spoken, mastered: Mastered, request: NarrationRequest, settings: Settings
) -> Narration:
    """See ``steps.register``."""
    return await in_thread(lambda _: steps.register(spoken, mastered, request, settings))
