"""What upkeep costs: taking events in, making the catalog again, connecting, evicting."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.catalog_rivals import OurLibrary
from tts_tasks.catalog.evict import evict, measure_size
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.reading import connect


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that passed, and those of this process on a processor."""
    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - begun_s, time.process_time() - begun_cpu_s


def measure(folder: Path, entries: int) -> None:
    """Print the table."""
    store = OurLibrary(folder / "upkeep", durable=False)
    library = store.library
    store.fill(f"entry {n}" for n in range(entries))
    long_ago_s = time.time() - 86_400
    for path in library.objects.root.rglob("*.json"):
        os.utime(path, (long_ago_s, long_ago_s))

    def open_and_close() -> None:
        connect(library.root).close()

    def evict_all() -> None:
        # All was made just now, as far as the catalog knows.
        done = evict(library, measure_size(library.root) // 100, low_water=0.0, grace_s=0.0)
        assert done is not None
        assert done.objects == entries

    print(f"\nUpkeep of {entries:,} objects; seconds\n")
    print("| what | wall | CPU |")
    print("|---|---|---|")
    for what, call in {
        "connect, nothing indexed": open_and_close,
        "index": lambda: index(library.root),
        "connect, all indexed": open_and_close,
        "rebuild": lambda: rebuild(library.root),
        "evict all": evict_all,
        "index the evictions": lambda: index(library.root),
    }.items():
        wall_s, cpu_s = timed(call)
        print(f"| {what} | {wall_s:.2f} | {cpu_s:.2f} |", flush=True)
