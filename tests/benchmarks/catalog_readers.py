"""Readers of a catalog beside writers and an indexer: how long a question takes, and no error."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from tests.benchmarks.catalog_entries import key_of
from tests.benchmarks.catalog_rivals import HIT, OurLibrary
from tests.benchmarks.similar import make_texts, mutate, publish
from tts_tasks.catalog.index import index
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.similar import similar

WRITES_PER_S = 100
"""Registrations and hits of one writer in a second: more than any engine speaks."""

BY_VOICE_AND_DAY = """
select voice, date_trunc('day', last_used_at) as day, count(*), sum(hits), sum(duration_s)
from utterances group by all order by all
"""

COUNTS = """
select (select count(*) from events), (select count(*) from utterances),
       (select sum(hits) from utterances)::bigint
"""


def goes_on(stop: Event, pause_s: float) -> bool:
    """Pause; return whether to go on: not when told to stop, nor when the reader died."""
    reader = multiprocessing.parent_process()
    return not stop.wait(pause_s) and reader is not None and reader.is_alive()


def write(
    folder: Path,
    number: int,
    entries: int,
    stop: Event,
    written: multiprocessing.Queue[int],
) -> None:
    """Register entries, and use published ones, until told to stop."""
    store = OurLibrary(folder, synchronous="off")
    rng = random.Random(number)
    n = 0
    while goes_on(stop, 2 / WRITES_PER_S):
        n += 1
        store.register(f"writer {number} {n}")
        # The name is that of ``publish``.
        key = key_of(str(rng.randrange(entries)))
        store.library.record(HIT, key, provider="espeak", voice="pt-br+f2", duration_s=3.0)
    written.put(n)


def take_in(root: Path, stop: Event) -> None:
    """Index every second until told to stop."""
    while goes_on(stop, 1.0):
        index(root)


class Reader:
    """Asks, and remembers how long it took and what it saw."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.times_ms: dict[str, list[float]] = {}
        self.n_asked = self.n_errors = 0
        self.counts: tuple[int, ...] = (0, 0, 0)

    def _time(self, name: str, call: Callable[[], object]) -> None:
        begun_s = time.perf_counter()
        call()
        self.times_ms.setdefault(name, []).append((time.perf_counter() - begun_s) * 1e3)

    def ask_for_days(self) -> None:
        """Connect, and ask for hits by voice and day; what was counted before must be there."""
        begun_s = time.perf_counter()
        with closing(connect(self.root)) as connection:
            self.times_ms.setdefault("connect", []).append((time.perf_counter() - begun_s) * 1e3)
            self._time("days", lambda: connection.execute(BY_VOICE_AND_DAY).fetchall())
            counts = connection.execute(COUNTS).fetchone()
        assert counts is not None
        if any(now < before for now, before in zip(counts, self.counts, strict=True)):
            raise AssertionError(f"{counts} after {self.counts}")
        self.counts = counts

    def ask_for(self, text: str) -> None:
        """Ask what is like a text."""
        self._time("similar", lambda: similar(self.root, text))

    def ask_until(self, end_s: float, ask: Callable[[], None]) -> None:
        """Ask until a time; errors are counted, whatever they are."""
        while time.perf_counter() < end_s:
            self.n_asked += 1
            try:
                ask()
            except Exception as error:  # noqa: BLE001 - counted, whatever it is
                self.n_errors += 1
                print(f"error: {error!r}", flush=True)


def measure(folder: Path, entries: int, n_writers: int, seconds: float) -> str:
    """Return one row of the table."""
    root = folder / "library"
    texts = make_texts(entries)
    publish(root, texts)
    (root / "index").mkdir()
    # The indexer goes on with what was published.
    (root / "index" / "build.duckdb").write_bytes((root / "catalog.duckdb").read_bytes())
    context = multiprocessing.get_context("spawn")
    stop, written = context.Event(), context.Queue()
    running = [
        context.Process(target=write, args=(folder, number, entries, stop, written))
        for number in range(n_writers)
    ]
    running.append(context.Process(target=take_in, args=(root, stop)))
    rng = random.Random(0)
    reader = Reader(root)
    similar(root, texts[0])  # The first question of a process reads the texts.
    for process in running:
        process.start()
    begun_s = time.perf_counter()
    try:
        reader.ask_until(begun_s + seconds, reader.ask_for_days)
        reader.ask_until(
            begun_s + 2 * seconds, lambda: reader.ask_for(mutate(rng.choice(texts), rng))
        )
    finally:
        took_s = time.perf_counter() - begun_s
        stop.set()
        n_written = sum(written.get(timeout=60) for _ in range(n_writers))
        for process in running:
            process.join()
    reader.n_errors += sum(process.exitcode != 0 for process in running)
    reader.ask_for_days()
    assert reader.counts == (2 * n_written, entries + n_written, n_written), reader.counts
    cells = [
        f"{np.percentile(times, 50):.0f} / {np.percentile(times, 99):.0f} / {max(times):.0f}"
        for times in reader.times_ms.values()
    ]
    asked = f"{len(reader.times_ms['days']) - 1} + {len(reader.times_ms['similar'])}"
    return (
        f"| {entries:,} | {2 * n_written:,} ({2 * n_written / took_s:,.0f}/s) | {asked}"
        f" | {reader.n_errors} | " + " | ".join(cells) + " |"
    )


def compare(folder: Path, sizes: list[int], n_writers: int, seconds: float) -> None:
    """Print the table."""
    print(
        f"\nA reader beside {n_writers} writers and an indexer; milliseconds, p50 / p99 / longest"
    )
    print("of the questions asked: first all by day, then all similar ones\n")
    print("| entries | events written | questions | errors | connect | hits by day | similar |")
    print("|---|---|---|---|---|---|---|")
    for entries in sizes:
        print(measure(folder / f"readers {entries}", entries, n_writers, seconds), flush=True)
