"""The library beside SQLite and ``diskcache``: ``python -m tests.benchmarks.catalog --help``.

1. Lookups, registrations and events by 1, 4 and 8 processes, at the same durability.
2. Readers beside 8 writers and an indexer, at 100,000 and 1,000,000 entries (``catalog_readers``).
3. Upkeep of 100,000 objects: indexing, making the catalog again, evicting (``catalog_upkeep``).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np

from tests.benchmarks.catalog_rivals import DESIGNS

OPERATIONS = ("found", "missed", "register", "event")


def work(
    design: str,
    folder: Path,
    durable: bool,
    entries: int,
    seconds: float,
    number: int,
    barrier: Barrier,
    results: multiprocessing.Queue[tuple[str, list[float], float]],
) -> None:
    """Do each operation for some seconds, all processes at once; report how long each call took."""
    store = DESIGNS[design](folder, durable=durable)
    rng = random.Random(number)
    mine = f"{durable} {os.getpid()}"
    calls: dict[str, Callable[[int], object]] = {
        "found": lambda _: store.look_up(f"entry {rng.randrange(entries)}"),
        "missed": lambda n: store.look_up(f"absent {mine} {n}"),
        "register": lambda n: store.register(f"new {mine} {n}"),
        "event": lambda n: store.record(f"entry {n}"),
    }
    for operation in OPERATIONS:
        call = calls[operation]
        call(-1)
        barrier.wait()
        times_ms = []
        begun_s = now_s = time.perf_counter()
        n = 0
        while now_s - begun_s < seconds:
            before_s = time.perf_counter()
            call(n)
            now_s = time.perf_counter()
            times_ms.append((now_s - before_s) * 1e3)
            n += 1
        results.put((operation, times_ms, now_s - begun_s))
        barrier.wait()


def measure(
    design: str, folder: Path, durable: bool, entries: int, seconds: float, n_processes: int
) -> str:
    """Return one row of the table."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(n_processes), context.Queue()
    processes = [
        context.Process(
            target=work,
            args=(design, folder, durable, entries, seconds, number, barrier, results),
        )
        for number in range(n_processes)
    ]
    for process in processes:
        process.start()
    times_ms: dict[str, list[float]] = {operation: [] for operation in OPERATIONS}
    rates: dict[str, float] = dict.fromkeys(OPERATIONS, 0.0)
    for _ in range(n_processes * len(OPERATIONS)):
        operation, times, took_s = results.get()
        times_ms[operation] += times
        rates[operation] += len(times) / took_s
    for process in processes:
        process.join()
        assert process.exitcode == 0
    cells = [
        f"{np.percentile(times_ms[each], 50):.3f} / {np.percentile(times_ms[each], 99):.3f}"
        f" ({rates[each]:,.0f}/s)"
        for each in OPERATIONS
    ]
    return f"| {design} | {n_processes} | " + " | ".join(cells) + " |"


def compare(folder: Path, entries: int, seconds: float, processes: list[int]) -> None:
    """Print the tables of all designs."""
    for design, kind in DESIGNS.items():
        kind(folder / design, durable=False).fill(f"entry {n}" for n in range(entries))
    for durable in (True, False):
        print(f"\n{entries:,} entries, {'durable' if durable else 'not durable'}")
        print("milliseconds, p50 / p99, and calls per second of all processes together\n")
        print("| design | processes | found | missed | register | event |")
        print("|---|---|---|---|---|---|")
        for n_processes in processes:
            for design in DESIGNS:
                print(
                    measure(design, folder / design, durable, entries, seconds, n_processes),
                    flush=True,
                )


def machine(folder: Path) -> str:
    """Return what was measured on, and when."""
    model = platform.processor() or platform.machine()
    with Path("/proc/cpuinfo").open() as file:
        model = next((line.split(":")[1].strip() for line in file if "model name" in line), model)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    free_gb = shutil.disk_usage(folder).free / 1e9
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{model}, {os.cpu_count()} cores, load {load}, {free_gb:.0f} GB free, {now}"


def main() -> None:
    """Print the tables that were asked for."""
    from tests.benchmarks import catalog_readers, catalog_upkeep

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--seconds", type=float, default=2.0, help="of each phase")
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--out", type=Path, help="folder on the disk to measure")
    parser.add_argument("--only", choices=["rivals", "readers", "upkeep"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.out) as name:
        folder = Path(name)
        print(machine(folder), flush=True)
        if options.only in (None, "rivals"):
            compare(folder, options.entries, options.seconds, options.processes)
        if options.only in (None, "readers"):
            catalog_readers.compare(folder, options.sizes, options.writers, 10 * options.seconds)
        if options.only in (None, "upkeep"):
            catalog_upkeep.measure(folder, options.entries)


if __name__ == "__main__":
    main()
