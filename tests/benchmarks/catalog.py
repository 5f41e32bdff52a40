"""Measure the library: ``python -m tests.benchmarks.catalog [--entries N] [--out FOLDER]``.

For 1 and 4 processes and for both settings of ``durable``: lookups of utterances that exist,
registrations (FLAC encoding included) and events; then connecting and indexing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tests.support.catalog import make_chunk, make_waveform, register_chunk
from tts_tasks.catalog.library import Library


def measure(root: Path, durable: bool, name: str, n_entries: int, results) -> None:
    library = Library(root, durable=durable)
    make_waveform()
    register_chunk(library, f"{name} warm")
    operations = {
        "register": lambda n: register_chunk(library, f"{name} {n}"),
        "lookup": lambda n: library.find_utterance(make_chunk(f"{name} {n}")),
        "event": lambda n: library.record("benchmark_event", None, n=n),
        "hit": lambda n: library.record("utterance_hit", make_chunk(f"{name} {n}").key, n=n),
    }
    for operation, act in operations.items():
        for n in range(n_entries):
            started = time.perf_counter()
            act(n)
            results.put((operation, (time.perf_counter() - started) * 1000))
    results.put(None)


def timed_ms(act) -> tuple[float, object]:
    started = time.perf_counter()
    value = act()
    return (time.perf_counter() - started) * 1000, value


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=500, help="per process")
    parser.add_argument("--out", type=Path, default=None, help="folder on the disk to measure")
    options = parser.parse_args()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load}, {now}")
    print("0.1 s of audio per entry; milliseconds, p50 / p99")
    for durable in (False, True):
        for n_processes in (1, 4):
            with tempfile.TemporaryDirectory(dir=options.out) as folder:
                run(Path(folder), durable, n_processes, options.entries)


def run(root: Path, durable: bool, n_processes: int, n_entries: int) -> None:
    from tts_tasks.catalog.index import connect, index, rebuild

    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    arguments = [(root, durable, f"p{n}", n_entries, results) for n in range(n_processes)]
    processes = [context.Process(target=measure, args=each) for each in arguments]
    for process in processes:
        process.start()
    times_ms: dict[str, list[float]] = {}
    left = n_processes
    while left:
        result = results.get()
        if result is None:
            left -= 1
        else:
            times_ms.setdefault(result[0], []).append(result[1])
    for process in processes:
        process.join()
    cells = [
        f"{name} {np.percentile(times, 50):.3f} / {np.percentile(times, 99):.3f}"
        for name, times in times_ms.items()
    ]
    print(f"durable={durable} processes={n_processes}: " + "; ".join(cells))
    live_ms, connection = timed_ms(lambda: connect(root))
    connection.close()
    index_ms, report = timed_ms(lambda: index(root))
    indexed_ms, connection = timed_ms(lambda: connect(root))
    connection.close()
    rebuild_ms, _ = timed_ms(lambda: rebuild(root))
    print(
        f"    {report.events} events: connect live {live_ms:.0f} ms, index {index_ms:.0f} ms,"
        f" connect indexed {indexed_ms:.0f} ms, rebuild {rebuild_ms:.0f} ms"
    )


if __name__ == "__main__":
    main()
