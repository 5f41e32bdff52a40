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
from prefect.context import TaskRunContext
from prefect.tasks import exponential_backoff

from tts_tasks import steps
from tts_tasks.engines.permits import asking
from tts_tasks.errors import (
    CancelledError,
    NarrationError,
    ProviderRestsError,
    StackError,
    StackSilentError,
)
from tts_tasks.fallback import others
from tts_tasks.request import NarrationRequest
from tts_tasks.settings import Settings
from tts_tasks.values import Checkpoint, Mastered, Narration, Plan, Script, Spoken

MAX_RETRIES = 3
FIRST_RETRY_DELAY_S = 2

SLOTS_PER_REQUEST = 100
"""Slots of a provider's rate limit that one request takes. Prefect frees whole slots, and forgets
the fraction that had come free since the last request: with one slot a request, 200 lessons got
1.48 requests a second of 2 (2 cores, 2026-11-23)."""

PERMIT_TRY_S = 5.0
"""Seconds between two looks whether a run that waits for its turn was cancelled."""

T = TypeVar("T")


def is_retryable(_task: object, _run: object, state: Any) -> bool:
    """Return whether the error that failed the task says that trying again may help.

    Waiting for a service that rests helps nobody where another provider may speak instead.
    """
    error = state.data
    if isinstance(error, ProviderRestsError) and _others_may_speak():
        return False
    return isinstance(error, NarrationError) and error.retryable


def _others_may_speak() -> bool:
    context = TaskRunContext.get()
    plan = context.parameters.get("plan") if context else None
    return isinstance(plan, Plan) and bool(others(plan.script))


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


def take_permit(provider: str, checkpoint: Checkpoint) -> None:
    """Return when a provider may send one more request, among all workers.

    The limit is a Prefect rate limit with the provider's name, which ``narrate deploy`` makes: an
    operator can change it in the UI while runs go on.

    Raises:
        StackError: if there is no such limit: nobody would keep the rate.
        StackSilentError: if the server does not answer.
        CancelledError: from the checkpoint.
    """
    from prefect.concurrency.asyncio import (
        AcquireConcurrencySlotTimeoutError,
        ConcurrencySlotAcquisitionError,
    )
    from prefect.concurrency.sync import rate_limit

    while True:
        checkpoint()
        try:
            rate_limit(
                provider, occupy=SLOTS_PER_REQUEST, timeout_seconds=PERMIT_TRY_S, strict=True
            )
        except AcquireConcurrencySlotTimeoutError:
            continue
        except ConcurrencySlotAcquisitionError as error:
            if error.__cause__ is None:
                raise StackError(
                    f"the Prefect server has no rate limit {provider!r}",
                    field="rate limit",
                    value=provider,
                    remedy="run `narrate deploy`",
                ) from error
            raise StackSilentError(
                f"the Prefect server did not grant {provider} a request ({error.__cause__})",
                field="rate limit",
                value=provider,
                remedy="`narrate status` shows whether the server runs",
            ) from error
        return


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

    def speak(checkpoint: Checkpoint) -> Spoken:
        with asking(take_permit):
            return steps.synthesize(plan, settings, checkpoint)

    return await in_thread(speak)


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
