"""The library beside SQLite and ``diskcache``: ``python -m tests.benchmarks.catalog --help``.

1. Lookups, registrations and events by 1, 4 and 8 processes, at the same durability.
2. Readers beside 8 writers and an indexer, at 100,000 and 1,000,000 entries (``catalog_readers``).
3. Upkeep of 100,000 objects: indexing, making the catalog again, evicting (``catalog_upkeep``).
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import platform
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.benchmarks.catalog_entries import AUDIO_BYTES, encode_sounds
from tests.benchmarks.catalog_rivals import DESIGNS, DURABILITIES
from tests.support.catalog import make_waveform
from tts_tasks.catalog.library import encode_flac

OPERATIONS = ("found", "used", "missed", "register", "event")

WARM_UP = 0.25
"""Share of the seconds of a phase that comes before it."""

PATIENCE_S = 300.0
"""How long anybody waits for the others, who may have failed."""


@dataclass(frozen=True, slots=True)
class Task:
    """What each process of one row does."""

    design: str
    folder: Path
    synchronous: str
    entries: int
    audio_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Phase:
    """What one process measured of one operation."""

    times_ms: npt.NDArray[np.float64]
    begun_s: float
    ended_s: float
    n_warm_up: int
    """Calls before it."""


def run(call: Callable[[str], object], names: itertools.count[int], seconds: float) -> Phase:
    """Call something for some seconds."""
    times_ms = []
    begun_s = now_s = time.perf_counter()
    while now_s - begun_s < seconds:
        before_s = time.perf_counter()
        call(str(next(names)))
        now_s = time.perf_counter()
        times_ms.append((now_s - before_s) * 1e3)
    return Phase(np.array(times_ms), begun_s, now_s, 0)


def work(
    task: Task,
    number: int,
    barrier: Barrier,
    results: multiprocessing.Queue[Mapping[str, Phase]],
) -> None:
    """Do each operation for some seconds, all processes at once; report how long each call took."""
    store = DESIGNS[task.design](
        task.folder, synchronous=task.synchronous, size_bytes=task.audio_bytes
    )
    rng = random.Random(number)
    mine = f"{task.synchronous} {os.getpid()}"

    def is_found(audio: bytes | None) -> None:
        assert audio is not None

    def is_missed(audio: bytes | None) -> None:
        assert audio is None

    calls: dict[str, Callable[[str], object]] = {
        "found": lambda _: is_found(store.find(f"entry {rng.randrange(task.entries)}")),
        "used": lambda _: is_found(store.use(f"entry {rng.randrange(task.entries)}")),
        "missed": lambda n: is_missed(store.find(f"absent {mine} {n}")),
        "register": lambda n: store.register(f"new {mine} {n}"),
        "event": lambda n: store.record(f"entry {n}"),
    }
    measured = {}
    encode_sounds(task.audio_bytes)
    for operation in OPERATIONS:
        names = itertools.count()
        barrier.wait(PATIENCE_S)
        warm_up = run(calls[operation], names, WARM_UP * task.seconds)
        barrier.wait(PATIENCE_S)
        phase = run(calls[operation], names, task.seconds)
        measured[operation] = Phase(
            phase.times_ms, phase.begun_s, phase.ended_s, len(warm_up.times_ms)
        )
    # To report earlier would take the processor from those who still measure.
    barrier.wait(PATIENCE_S)
    results.put(measured)


def measure(task: Task, n_processes: int) -> tuple[list[str], dict[str, int]]:
    """Return the cells of one row, and how often each operation was done."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(n_processes), context.Queue()
    processes = [
        context.Process(target=work, args=(task, number, barrier, results))
        for number in range(n_processes)
    ]
    os.sync()  # What the row before wrote is not this one's burden.
    for process in processes:
        process.start()
    measured = [results.get(timeout=PATIENCE_S) for _ in processes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    cells, counts = [], {}
    for operation in OPERATIONS:
        phases = [each[operation] for each in measured]
        times_ms = np.concatenate([phase.times_ms for phase in phases])
        wall_s = max(p.ended_s for p in phases) - min(p.begun_s for p in phases)
        p50, p99 = np.percentile(times_ms, [50, 99])
        longest, per_s = times_ms.max(), len(times_ms) / wall_s
        cells.append(f"{p50:.3f} / {p99:.3f} / {longest:.0f} ({per_s:,.0f}/s)")
        counts[operation] = len(times_ms) + sum(phase.n_warm_up for phase in phases)
    return cells, counts


def compare(
    folder: Path, entries: int, audio_bytes: int, seconds: float, processes: list[int]
) -> None:
    """Print the tables of all designs, and see that nothing is missing in the end."""
    expected = {}
    for design, kind in DESIGNS.items():
        store = kind(folder / design, synchronous="off", size_bytes=audio_bytes)
        store.fill(f"entry {n}" for n in range(entries))
        expected[design] = [entries, 0]
    encoding_ms = time_encoding(audio_bytes)
    for durability, rivals in DURABILITIES.items():
        print(f"\n{entries:,} entries of {audio_bytes:,} bytes, {durability}; {load()}")
        print("milliseconds, p50 / p99 / longest, and calls per second of all processes together;")
        print(f"encoding the FLAC, {encoding_ms:.2f} ms, is in none of them\n")
        print("| design | sync | processes | " + " | ".join(OPERATIONS) + " |")
        print("|---|---|---" + "|---" * len(OPERATIONS) + "|")
        for n_processes in processes:
            for design, synchronous in rivals:
                task = Task(design, folder / design, synchronous, entries, audio_bytes, seconds)
                cells, counts = measure(task, n_processes)
                expected[design][0] += counts["register"]
                expected[design][1] += counts["used"] + counts["event"]
                print(
                    f"| {design} | {synchronous} | {n_processes} | {' | '.join(cells)} |",
                    flush=True,
                )
    print()
    for design, kind in DESIGNS.items():
        counted = kind(folder / design, synchronous="off").count()
        assert counted == tuple(expected[design]), (design, counted, expected[design])
        entries, events = counted
        print(f"{design}: {entries:,} entries and {events:,} events, all that were written")


def time_encoding(audio_bytes: int) -> float:
    """Return the milliseconds in which the audio of an entry becomes FLAC: the median."""
    waveform = make_waveform(audio_bytes // 2)
    phase = run(lambda _: encode_flac(waveform), itertools.count(), 0.2)
    return float(np.median(phase.times_ms))


def load() -> str:
    """Return the load averages."""
    return "load " + ", ".join(f"{value:.1f}" for value in os.getloadavg())


def machine(folder: Path) -> str:
    """Return what was measured on, and when."""
    model = platform.processor() or platform.machine()
    with Path("/proc/cpuinfo").open() as file:
        model = next((line.split(":")[1].strip() for line in file if "model name" in line), model)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{now}; {model}, {os.cpu_count()} cores, {load()}; {disk(folder)}"


def disk(folder: Path) -> str:
    """Return the device and the file system below a folder."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    above = [str(folder.resolve()), *map(str, folder.resolve().parents)]
    # The longest one holds it; of those at one place, the last one mounted.
    device, _, kind, *_ = max(
        (mount for mount in mounts if mount[1] in above), key=lambda mount: len(mount[1])
    )
    return f"{kind} on {device}"


def main() -> None:
    """Print the tables that were asked for."""
    from tests.benchmarks import catalog_readers, catalog_upkeep

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--audio-bytes", type=int, default=AUDIO_BYTES)
    parser.add_argument("--processes", type=numbers, default=[1, 4, 8], help="e.g. 1,4,8")
    parser.add_argument("--sizes", type=numbers, default=[100_000, 1_000_000], help="of readers")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each phase")
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--out", type=Path, help="folder on the disk to measure")
    parser.add_argument("--only", choices=["rivals", "readers", "upkeep"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.out) as name:
        folder = Path(name)
        print(machine(folder), flush=True)
        if options.only in (None, "rivals"):
            compare(
                folder, options.entries, options.audio_bytes, options.seconds, options.processes
            )
        if options.only in (None, "readers"):
            catalog_readers.compare(folder, options.sizes, options.writers, 15 * options.seconds)
        if options.only in (None, "upkeep"):
            catalog_upkeep.measure(folder, options.entries)


if __name__ == "__main__":
    main()
