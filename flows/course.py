"""A course folder becomes a published course; only its changed lessons are narrated.

Each changed lesson is one deployed ``narrate`` run, a child of the course's run in the Prefect UI:
it can be watched, cancelled and retried by itself, and when it fails the others go on.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow, runtime, task
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Completed, Failed

from flows import batches
from flows.audiobook import Watch, check_cover, make_book
from flows.contract import failure
from flows.course_plan import PlannedLesson, Wishes, as_wished, plan_lessons, published_folder
from flows.course_report import publish
from flows.runs import is_pool_online, trigger, wait_for
from tts_tasks.errors import CatalogError, NarrationError, RunLostError, storage_error
from tts_tasks.files import lock_now
from tts_tasks.settings import Settings, load_settings
from tts_tasks.values import Checkpoint

if TYPE_CHECKING:
    from tts_tasks.script.course import Course

logger = logging.getLogger(__name__)

TURN_S = 0.5
"""Seconds between two looks whether another run of the same course has ended."""


def run_name() -> str:
    """Return what the Prefect UI calls a run: the folder's name."""
    return Path(runtime.flow_run.get_parameters()["course"]).name


@flow(name="narrate-course", flow_run_name=run_name)
async def narrate_course(
    course: str,
    provider: str | None = None,
    voice: str | None = None,
    format: str | None = None,
    profile: str | None = None,
    accept_flagged: bool = False,
    policy: str | None = None,
    upgrade: bool = False,
) -> State[Any]:
    """Narrate the changed lessons of a course, and publish it in ``data/narrations/<course>/``.

    Args:
        course: folder of the course, relative to ``NARRATION_HOME`` unless absolute.
        provider: who speaks all of it, whatever the course says.
        voice: voice of all of it, whatever the course says.
        format: audio format, whatever the course says, e.g. ``m4a``.
        profile: mastering profile, whatever the course says.
        accept_flagged: publish lessons although the best take of a sentence failed its checks.
        policy: what matters when ``auto`` chooses, whatever the course says: ``quality``, ``fast``,
            ``offline``, ``cheapest``, or the only providers that may speak, as ``gtts,espeak``.
        upgrade: narrate lessons again that a lesser provider spoke in place of one that failed.

    Returns:
        Completed; Completed under the name CompletedWithErrors when some lessons failed; Failed
        when all did. The report is in ``data/batches/<flow run id>/report.json``.

    Raises:
        InputError: if the folder is not a course.
    """
    settings = load_settings()
    batch_id = str(runtime.flow_run.get_id())
    try:
        wishes = Wishes(provider, voice, format, profile, accept_flagged, policy, upgrade)
        report = await narrate_and_publish(settings.home / course, wishes, batch_id, settings)
    except NarrationError as error:
        batches.write_report(settings, batch_id, {"error": error.as_dict()})
        raise
    batches.write_report(settings, batch_id, report)
    await asyncio.to_thread(update_catalog, settings)
    await show_lessons(report["course"], report["lessons"])
    return final_state(report["totals"])


async def narrate_and_publish(
    folder: Path, wishes: Wishes, batch_id: str, settings: Settings
) -> dict[str, Any]:
    """Narrate what changed, publish the course, and return the report."""
    from tts_tasks.script.course import read_course

    def read() -> Course:
        course = read_course(folder, max_lesson_chars=settings.max_lesson_chars)
        check_cover(course)
        return as_wished(course, wishes, settings)

    course = await asyncio.to_thread(read)
    async with alone(published_folder(course, settings)):
        course = await asyncio.to_thread(read)  # It may have been edited while this run waited.
        gpu_online = await is_gpu_online()
        plan = partial(
            plan_lessons,
            course,
            folder,
            settings,
            upgrade=wishes.upgrade,
            gpu_online=gpu_online,
        )
        lessons = await asyncio.to_thread(plan)
        warn_of_waiting(lessons, gpu_online=gpu_online)
        outcomes = await narrate_changed(lessons, course.id, batch_id, settings)
        report = await asyncio.to_thread(publish, course, folder, lessons, outcomes, settings)
        if course.audiobook and not report["totals"]["failed"]:
            report["audiobook"] = await bind(course, folder, settings)
        return report


async def bind(course: Course, folder: Path, settings: Settings) -> dict[str, Any]:
    """Publish the course's audiobook, and return its part of the report.

    The course is no worse without it: what went wrong stands in the report.
    """
    from tts_tasks.tasks import in_thread

    @task(name="audiobook", cache_policy=NO_CACHE, persist_result=False)
    async def audiobook() -> dict[str, Any]:
        def make(checkpoint: Checkpoint) -> dict[str, Any]:
            # Planned again: what was published now says which flagged takes were accepted.
            lessons = plan_lessons(course, folder, settings)
            watch = Watch(checkpoint)
            return make_book(course, folder, lessons, settings, watch=watch).as_report()

        return await in_thread(make)

    try:
        return await audiobook()
    except NarrationError as error:
        logger.warning("the audiobook was not made: %s", error)
        return {"path": None, "status": "failed", "error": error.as_dict()}


@asynccontextmanager
async def alone(folder: Path) -> AsyncIterator[None]:
    """Be the only run that plans and publishes a course; the others wait for their turn.

    Otherwise the run with the older plan takes the other's new files for stale ones. The system
    drops the lock when its holder dies.

    Args:
        folder: where the course is published; made if it is missing.

    Raises:
        CatalogError: if the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise storage_error(error, folder) from error
    try:
        while not lock_now(fd):
            # Asked again and again: waiting in the kernel, the run could not be cancelled.
            await asyncio.sleep(TURN_S)
        yield
    finally:
        os.close(fd)


async def narrate_changed(
    lessons: list[PlannedLesson], course_id: str, batch_id: str, settings: Settings
) -> dict[str, dict[str, Any]]:
    """Map one deployed run per changed lesson, and return what came of each, by lesson id."""
    changed = [lesson for lesson in lessons if lesson.script and not lesson.is_unchanged]
    logger.info("%d of %d lessons have changed", len(changed), len(lessons))
    for planned in changed:
        batches.write_item(settings, batch_id, planned.lesson.id, planned.parameters)
    started = await asyncio.gather(*(start(planned, course_id, batch_id) for planned in changed))
    ended = await wait_for([run.id for run in started])
    found = batches.read_outcomes(settings, batch_id)
    outcomes = {}
    for planned, run in zip(changed, started, strict=True):
        outcome = found.get(planned.lesson.id)
        if outcome is None or outcome["run_id"] != str(run.id):
            outcome = failure(run_lost(ended[run.id]))
        outcomes[planned.lesson.id] = outcome
    return outcomes


async def start(planned: PlannedLesson, course_id: str, batch_id: str) -> FlowRun:
    """Return the lesson's run: a new one, or one that an earlier attempt of this run left going.

    The control worker may be stopped while lessons are narrated; its successor must find the runs
    that go on, not begin them again. One that has ended is begun again: if it failed, that is what
    a retry is for; if not, the library makes it cheap, and its files are surely there.
    """
    from tts_tasks.engines.registry import load_engine

    assert planned.script is not None
    pool = "gpu" if load_engine(planned.script.provider).needs_gpu else "cpu"
    for attempt in itertools.count(1):
        run = await trigger(
            f"narrate/{pool}",
            {**planned.parameters, "batch": batch_id, "item": planned.lesson.id},
            idempotency_key=f"{batch_id}:{planned.lesson.id}:{planned.fingerprint}:{attempt}",
            parent=True,
            tags=[course_id],
        )
        if run.state is None or not run.state.is_final():
            return run
    raise AssertionError("unreachable")


def warn_of_waiting(lessons: list[PlannedLesson], *, gpu_online: bool | None) -> None:
    """Tell the operator about runs that nobody will take for now."""
    from tts_tasks.engines.registry import load_engine

    if gpu_online is not False:
        return
    waiting = {
        lesson.script.provider
        for lesson in lessons
        if lesson.script
        and not lesson.is_unchanged
        and load_engine(lesson.script.provider).needs_gpu
    }
    for provider in sorted(waiting):
        logger.warning(
            "%s speaks in the gpu pool, and no worker of it is online: its lessons wait until one "
            "is (`narrate up --gpu`, or `narrate worker gpu` on the machine with the GPU)",
            provider,
        )


async def is_gpu_online() -> bool | None:
    """Return whether a worker of the ``gpu`` pool is online; ``None`` if nobody would need it."""
    from tts_tasks.engines.registry import load_engine, providers

    if not any(load_engine(name).needs_gpu for name in providers()):
        return None
    return await is_pool_online("gpu")


def run_lost(run: FlowRun) -> RunLostError:
    """Return the error of a run that ended without an outcome."""
    state = run.state.name if run.state else "unknown"
    message = (run.state and run.state.message) or "no message"
    return RunLostError(
        f"the run {run.name!r} ended {state} ({message})",
        field="run",
        value=run.id,
        remedy="narrate the course again: what was finished is kept",
    )


async def show_lessons(course_id: str, rows: list[dict[str, Any]]) -> None:
    """Leave the table of lessons on the run's page in the Prefect UI."""
    await acreate_table_artifact(
        key=f"course-{course_id}",
        table=[
            {
                "lesson": row["id"],
                "status": row["status"],
                "minutes": round(row["duration_s"] / 60, 1),
                "chunks": row["chunks"],
                "synthesized": row["synthesized_chunks"],
                "voice": row["voice"],
                "downgraded": row["choice"] if row["downgraded"] else "",
                "error": (row["error"] or {}).get("message", ""),
            }
            for row in rows
        ],
        description=f"Lessons of {course_id}",
    )


def update_catalog(settings: Settings) -> None:
    """Take the events of this course into the catalog, and make room for the next one.

    A course is no worse without it.
    """
    from tts_tasks.catalog.evict import keep_in_budget
    from tts_tasks.catalog.index import index

    try:
        index(settings.library)
        keep_in_budget(settings)
    except CatalogError as error:
        logger.warning("the catalog was not updated: %s", error)


def final_state(totals: dict[str, Any]) -> State[Any]:
    """Return the state that tells the operator how much of the course is there."""
    message = (
        f"{totals['narrated']} narrated, {totals['unchanged']} unchanged, {totals['failed']} failed"
    )
    if totals["downgraded"]:
        message += f", {totals['downgraded']} by a lesser voice than wished"
    if not totals["failed"]:
        return Completed(message=message)
    if totals["failed"] < totals["lessons"]:
        return Completed(name="CompletedWithErrors", message=message)
    return Failed(message=message)
