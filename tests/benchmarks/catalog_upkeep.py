"""What upkeep costs: taking events in, making the catalog again, connecting, evicting."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.catalog_rivals import OurLibrary
from tts_tasks.catalog.evict import evict, measure_size
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.reading import connect

TAIL = 1_000
"""Events that the catalog does not hold yet, in a busy minute."""


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that passed, and those of this process on a processor."""
    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - begun_s, time.process_time() - begun_cpu_s


def measure(folder: Path, entries: int) -> None:
    """Print the table."""
    store = OurLibrary(folder / "upkeep", synchronous="off")
    library = store.library
    for n in range(entries):
        store.register(f"entry {n}")

    def open_and_close() -> None:
        connect(library.root).close()

    def write_tail() -> None:
        for n in range(min(TAIL, entries)):
            store.record(f"entry {n}")

    def evict_down_to(share: float) -> int:
        # Below a budget of one byte less there is always something to do.
        budget_bytes = measure_size(library.root) - 1
        done = evict(library, budget_bytes, low_water=share, grace_s=0.0)
        assert done is not None
        assert done.is_enough
        assert not done.kept
        return done.objects

    steps: dict[str, tuple[Callable[[], object], int]] = {
        "connect, nothing indexed": (open_and_close, entries),
        "index": (lambda: index(library.root), entries),
        "connect, all indexed": (open_and_close, 0),
        f"write {TAIL:,} events": (write_tail, TAIL),
        f"connect, {TAIL:,} events not indexed": (open_and_close, TAIL),
        f"index {TAIL:,} events": (lambda: index(library.root), TAIL),
        "rebuild": (lambda: rebuild(library.root), entries),
        "evict half": (lambda: evict_down_to(0.5), entries // 2),
        "evict the rest": (lambda: evict_down_to(0.0), entries - entries // 2),
        "index the evictions": (lambda: index(library.root), entries),
    }
    print(f"\nUpkeep of {entries:,} objects; seconds, and objects or events of each second\n")
    print("| what | wall | CPU | per second |")
    print("|---|---|---|---|")
    for what, (call, amount) in steps.items():
        wall_s, cpu_s = timed(call)
        rate = f"{amount / wall_s:,.0f}" if amount else ""
        print(f"| {what} | {wall_s:.2f} | {cpu_s:.2f} | {rate} |", flush=True)
    assert not list(library.objects.keys())
