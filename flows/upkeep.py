"""UPKEEP: the catalog is brought up to date, and the library into its budget.

Runs on a schedule in the control pool. A course does the same when it has finished, so that an
installation whose stack is only up while it narrates is kept, too.
"""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tts_tasks.settings import load_settings
from tts_tasks.tasks import in_thread


@flow(name="upkeep")
async def upkeep() -> State[Any]:
    """Take new events into the catalog, put closed journals away, and evict beyond the budget.

    Returns:
        Completed, with what was done as its message.

    Raises:
        CatalogError: if the library cannot be read or written.
    """
    return Completed(message=f"{await index_library()}; {await evict_beyond_budget()}")


@task(name="index", cache_policy=NO_CACHE, persist_result=False)
async def index_library() -> str:
    """Return what the indexer did, in words."""
    from tts_tasks.catalog.index import index

    report = await in_thread(lambda _: index(load_settings().library))
    if report is None:
        return "another process is indexing"
    return f"{report.events} event(s) taken in, {report.sealed} journal(s) put away"


@task(name="evict", cache_policy=NO_CACHE, persist_result=False)
async def evict_beyond_budget() -> str:
    """Return what was evicted, in words."""
    from tts_tasks.catalog.evict import keep_in_budget

    settings = load_settings()
    done = await in_thread(lambda checkpoint: keep_in_budget(settings, checkpoint=checkpoint))
    if done is None:
        return "another process is evicting"
    size = f"{done.size_after_bytes / 1e9:.2f} of {settings.max_size_gb:g} GB"
    if done.is_enough:
        return f"{done.objects} object(s) evicted, {size}"
    return (
        f"{done.objects} object(s) evicted, {size}: the rest belongs to published courses or open "
        "batches, or was used within the hour; raise NARRATION_MAX_SIZE_GB"
    )
