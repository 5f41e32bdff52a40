"""One worker process: what the stack starts for each pool (``python -m flows.worker cpu``)."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tts_tasks.settings import Settings

PRELOADED = {
    "cpu": ("flows.narrate", "tts_tasks.tasks", "tts_tasks.engines.kokoro"),
    "gpu": ("flows.narrate", "tts_tasks.tasks"),
    "control": ("flows.course", "tts_tasks.steps", "tts_tasks.script.course", "duckdb"),
}
"""What a pool's runs import, loaded before the first one arrives: it would wait 2 s for it."""


CONTROL_RUNS = 16
"""Runs that the control worker has in flight: they only wait for runs in other pools."""

GPU_RUNS = 64
"""Runs that a worker with a GPU has in flight: their chunks share its batches, and one run's alone
rarely fill them."""


def preload(pool: str) -> None:
    """Import what the runs of a pool will need."""
    for module in PRELOADED.get(pool, ()):
        importlib.import_module(module)


def runs_at_once(pool: str, settings: Settings) -> int:
    """Return how many flow runs a worker of a pool has in flight, unless somebody says."""
    return {"control": CONTROL_RUNS, "gpu": GPU_RUNS}.get(pool, settings.max_running)


def main(arguments: list[str] | None = None) -> None:
    """Serve a pool in this process until SIGTERM; see ``tts_tasks.worker.run_worker``."""
    parser = argparse.ArgumentParser(prog="python -m flows.worker", description=__doc__)
    parser.add_argument("pool")
    parser.add_argument("--limit", type=int, required=True, help="runs in flight at once")
    parser.add_argument("--name", default=None, help="shown in the UI")
    parser.add_argument("--drain", type=float, default=60.0, help="seconds to finish in")
    parser.add_argument("--slot", default="", help="place that this worker has to itself")
    parser.add_argument("--ready-file", type=Path, default=None)
    given = parser.parse_args(arguments)
    from tts_tasks.worker import run_worker_sync

    preload(given.pool)
    run_worker_sync(
        given.pool,
        limit=given.limit,
        name=given.name,
        drain_s=given.drain,
        slot=given.slot,
        ready_file=given.ready_file,
    )


if __name__ == "__main__":
    main()
