"""Phrases spoken before a lesson needs them: a batch of narrations that lets all others go first.

What counts is the library: a lesson whose sentence is a preloaded phrase, in the same voice, finds
it there (the whole narration, when its text is the phrase). The files of the narrations are thrown
away. What is missing is ``preload_plan``'s, which phrases are worth it ``preload_suggest``'s.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flows import batches
from flows.contract import failure
from flows.preload_plan import (
    OnProgress,
    PlannedPhrase,
    audio_folder,
    item_id,
    missing_of,
    new_batch_id,
    plan_phrases,
    renew,
)
from tts_tasks.errors import NarrationError, RunLostError
from tts_tasks.settings import Settings

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from tts_tasks.script.lexicon import Entry

WAVE_RUNS = 200
"""Runs that wait at once: one query tells how all of them go (``runs.PAGE_RUNS``)."""

TRIGGERS_AT_ONCE = 8
"""Runs that are created at once."""

logger = logging.getLogger(__name__)


async def preload(
    phrases: Iterable[str],
    voices: Sequence[str | None],
    provider: str,
    settings: Settings,
    *,
    language: str = "pt-BR",
    parameters: Mapping[str, object] | None = None,
    lexicon: Mapping[str, Entry] | None = None,
    on_progress: OnProgress | None = None,
    on_warning: Callable[[str], None] = logger.warning,
) -> dict[str, Any]:
    """Speak what the library lacks of the phrases, each by a run of ``narrate/cpu`` or ``/gpu``.

    The runs stand in the queue ``low``: lessons that are triggered meanwhile go first. Needs the
    deployments, and workers. Cancelling it cancels the runs; what was finished stays, and the next
    call goes on from there.

    Args:
        phrases: see ``plan_phrases``, as for all others up to ``lexicon``.
        voices: likewise.
        provider: likewise.
        settings: the installation.
        language: likewise.
        parameters: likewise.
        lexicon: likewise.
        on_progress: told how many runs have ended.
        on_warning: told what keeps the runs waiting.

    Returns:
        The report, see ``report_of``; the batch's ``report.json``, if anything was to be done.

    Raises:
        InputError: see ``plan_phrases``.
        StackError: if the server does not answer, or has no such deployments.
    """
    from flows.course import is_gpu_online

    started_s = time.monotonic()
    batch_id = new_batch_id()
    gpu_online = await is_gpu_online()
    planned = await asyncio.to_thread(
        plan_phrases,
        list(phrases),
        voices,
        provider,
        settings,
        language=language,
        parameters=parameters,
        lexicon=lexicon,
        gpu_online=gpu_online,
        batch_id=batch_id,
    )
    await asyncio.to_thread(renew, planned, settings)
    missing = missing_of(planned)
    if not missing:
        return report_of(planned, {}, seconds=time.monotonic() - started_s)
    if gpu_online is False and any(_pool(each) == "gpu" for each in missing.values()):
        on_warning(
            "no worker of the gpu pool is online: the phrases wait until one is "
            "(`narrate up --gpu`, or `narrate worker gpu` on the machine with the GPU)"
        )
    try:
        outcomes = await _narrate(missing, batch_id, settings, on_progress)
    finally:
        shutil.rmtree(audio_folder(settings, batch_id), ignore_errors=True)
    report = report_of(planned, outcomes, batch_id=batch_id, seconds=time.monotonic() - started_s)
    batches.write_report(settings, batch_id, report)
    return report


def report_of(
    planned: Sequence[PlannedPhrase],
    outcomes: Mapping[str, Mapping[str, Any]],
    *,
    batch_id: str | None = None,
    seconds: float = 0.0,
) -> dict[str, Any]:
    """Return what became of the phrases, JSON-ready.

    Args:
        planned: what was asked for.
        outcomes: what came of the runs, by the keys of ``missing_of``; where there is none, the
            phrase is ``missing``, as in a dry run.
        batch_id: the batch of the runs.
        seconds: how long it took.

    Returns:
        ``batch``, ``phrases`` (how many), ``voices`` (``provider voice``), how many phrases in
        voices were ``present``, ``synthesized``, ``failed`` and ``missing``, the ``audio_s`` that
        were synthesized, ``seconds``, and an item for each phrase in each voice.
    """
    items = []
    told: set[str] = set()
    for each in planned:
        item = _item(each, outcomes.get(each.script.key), is_told=each.script.key in told)
        told.add(each.script.key)
        items.append(item)

    def count(status: str) -> int:
        return sum(item["status"] == status for item in items)

    return {
        "batch": batch_id,
        "phrases": len({each.phrase for each in planned}),
        "voices": list(dict.fromkeys(f"{one['provider']} {one['voice']}" for one in items)),
        "present": count("present"),
        "synthesized": count("synthesized"),
        "failed": count("failed"),
        "missing": count("missing"),
        "audio_s": round(sum(item["audio_s"] for item in items), 3),
        "seconds": round(seconds, 3),
        "items": items,
    }


def _item(
    planned: PlannedPhrase, outcome: Mapping[str, Any] | None, *, is_told: bool
) -> dict[str, Any]:
    """Return what became of one phrase; what sounds like an earlier one was there by then."""
    item = {
        "phrase": planned.phrase,
        "provider": planned.script.provider,
        "voice": planned.script.voice,
        "key": planned.script.key,
        "audio_s": 0.0,
        "error": None,
    }
    if planned.is_present:
        return {**item, "status": "present"}
    if outcome is None:
        return {**item, "status": "missing"}
    if not outcome["success"]:
        return {**item, "status": "failed", "error": outcome["error"]}
    if is_told or not outcome["synthesized_chunks"]:
        return {**item, "status": "present"}
    return {**item, "status": "synthesized", "audio_s": outcome["synthesized_audio_s"]}


async def _narrate(
    missing: Mapping[str, PlannedPhrase],
    batch_id: str,
    settings: Settings,
    on_progress: OnProgress | None,
) -> dict[str, dict[str, Any]]:
    """Run what is missing, wave by wave, and return what came of it, by key."""
    from prefect.context import AsyncClientContext

    from flows.runs import wait_for

    items = list(missing.values())
    for each in items:
        batches.write_item(settings, batch_id, item_id(each), each.parameters)
    done: set[uuid.UUID] = set()

    def on_change(run: FlowRun) -> None:
        if run.state is not None and run.state.is_final():
            done.add(run.id)
            if on_progress:
                on_progress(len(done), len(items))

    runs: dict[str, FlowRun] = {}
    # One client for all runs: each of its own would cost a TLS context, 0.1 s of computing.
    async with AsyncClientContext.get_or_create():
        for first in range(0, len(items), WAVE_RUNS):
            wave = items[first : first + WAVE_RUNS]
            started = await _trigger(wave, batch_id)
            ended = await wait_for([run.id for run in started.values()], on_change=on_change)
            runs |= {key: ended[run.id] for key, run in started.items()}
    found = batches.read_outcomes(settings, batch_id)
    outcomes = {}
    for each in items:
        run, outcome = runs[each.script.key], found.get(item_id(each))
        if outcome is None or outcome["run_id"] != str(run.id):
            outcome = failure(_run_lost(run))
        outcomes[each.script.key] = outcome
    return outcomes


async def _trigger(wave: Sequence[PlannedPhrase], batch_id: str) -> dict[str, FlowRun]:
    """Return a run for each phrase, by key; when not all can be had, none is left going."""
    from flows.deploy import LOW_QUEUE
    from flows.runs import cancel, trigger

    started: dict[str, FlowRun] = {}
    places = asyncio.Semaphore(TRIGGERS_AT_ONCE)

    async def start(planned: PlannedPhrase) -> None:
        async with places:
            started[planned.script.key] = await trigger(
                f"narrate/{_pool(planned)}",
                {**planned.parameters, "batch": batch_id, "item": item_id(planned)},
                idempotency_key=f"{batch_id}:{item_id(planned)}",
                tags=["preload", batch_id],
                queue=LOW_QUEUE,
            )

    starting = [asyncio.ensure_future(start(each)) for each in wave]
    try:
        await asyncio.gather(*starting)
    except (asyncio.CancelledError, NarrationError):
        for each in starting:
            each.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        # A second cancel must not stop the first from reaching the runs.
        await asyncio.shield(cancel([run.id for run in started.values()]))
        raise
    return started


def _pool(planned: PlannedPhrase) -> str:
    from tts_tasks.engines.registry import load_engine

    return "gpu" if load_engine(planned.script.provider).needs_gpu else "cpu"


def _run_lost(run: FlowRun) -> RunLostError:
    """Return the error of a run that ended without an outcome."""
    state = run.state.name if run.state else "unknown"
    message = (run.state and run.state.message) or "no message"
    return RunLostError(
        f"the run {run.name!r} ended {state} ({message})",
        field="run",
        value=run.id,
        remedy="preload again: what was finished is kept",
    )
