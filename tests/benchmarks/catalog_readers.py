"""Readers of a catalog beside writers and an indexer: how long a question takes, and no error."""

from __future__ import annotations

import multiprocessing
import random
import time
from contextlib import closing
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from tests.benchmarks.catalog_rivals import OurLibrary
from tests.benchmarks.similar import make_texts, mutate, publish
from tts_tasks.catalog.index import index
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.similar import similar

WRITES_PER_S = 100
"""Registrations and events of one writer in a second: more than any engine speaks."""

BY_VOICE_AND_DAY = """
select voice, date_trunc('day', last_used_at) as day, count(*), sum(hits), sum(duration_s)
from utterances group by all order by all
"""


def write(folder: Path, number: int, stop: Event) -> None:
    """Register and record until told to stop."""
    store = OurLibrary(folder, durable=False)
    n = 0
    while not stop.is_set():
        n += 1
        store.register(f"writer {number} {n}")
        store.record(f"writer {number} {n}")
        time.sleep(2 / WRITES_PER_S)


def take_in(root: Path, stop: Event) -> None:
    """Index every second until told to stop."""
    while not stop.is_set():
        index(root)
        stop.wait(1.0)


def ask(root: Path, query: str) -> tuple[dict[str, float], int]:
    """Ask both questions; return the milliseconds of each, and the number of events."""
    begun_s = time.perf_counter()
    with closing(connect(root)) as connection:
        connected_s = time.perf_counter()
        connection.execute(BY_VOICE_AND_DAY).fetchall()
        answered_s = time.perf_counter()
        row = connection.execute("select count(*) from events").fetchone()
    before_s = time.perf_counter()
    similar(root, query)
    return {
        "connect": (connected_s - begun_s) * 1e3,
        "by voice and day": (answered_s - connected_s) * 1e3,
        "similar": (time.perf_counter() - before_s) * 1e3,
    }, int(row[0]) if row else 0


def measure(folder: Path, entries: int, n_writers: int, seconds: float) -> str:
    """Return one row of the table."""
    root = folder / "library"
    texts = make_texts(entries)
    publish(root, texts)
    (root / "index").mkdir()
    # The indexer goes on with what was published.
    (root / "index" / "build.duckdb").write_bytes((root / "catalog.duckdb").read_bytes())
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    running = [
        context.Process(target=write, args=(folder, number, stop)) for number in range(n_writers)
    ]
    running.append(context.Process(target=take_in, args=(root, stop)))
    rng = random.Random(0)
    ask(root, texts[0])
    for process in running:
        process.start()
    times_ms: dict[str, list[float]] = {}
    errors = last = 0
    begun_s = time.perf_counter()
    try:
        while time.perf_counter() - begun_s < seconds:
            try:
                took_ms, count = ask(root, mutate(rng.choice(texts), rng))
            except Exception as error:  # noqa: BLE001 - counted, whatever it is
                errors += 1
                print(f"error: {error!r}")
                continue
            errors += count < last
            last = count
            for name, took in took_ms.items():
                times_ms.setdefault(name, []).append(took)
    finally:
        stop.set()
        for process in running:
            process.join()
    cells = [
        f"{np.percentile(times, 50):.0f} / {np.percentile(times, 95):.0f} / {max(times):.0f}"
        for times in times_ms.values()
    ]
    n_asked = len(times_ms["connect"])
    return f"| {entries:,} | {last:,} | {n_asked} | {errors} | " + " | ".join(cells) + " |"


def compare(folder: Path, sizes: list[int], n_writers: int, seconds: float) -> None:
    """Print the table."""
    print(
        f"\nA reader beside {n_writers} writers and an indexer; milliseconds, p50 / p95 / longest\n"
    )
    print(
        "| entries | events written | questions | errors | connect | by voice and day | similar |"
    )
    print("|---|---|---|---|---|---|---|")
    for entries in sizes:
        print(measure(folder / f"readers {entries}", entries, n_writers, seconds), flush=True)
