"""Readers beside eight writers, an indexer and an evictor: never an error, never a step back."""

import fcntl
import os
import random
from contextlib import ExitStack, closing

import pytest

from tests.benchmarks.crash import Crew
from tests.support.catalog import narrate, register_chunk
from tests.support.crashing import EVENT, read_ledgers
from tts_tasks.catalog.evict import evict
from tts_tasks.catalog.index import index
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.reading import connect, query
from tts_tasks.catalog.similar import similar
from tts_tasks.catalog.statistics import measure_cache

CREW = {"writer": 8, "indexer": 1, "evictor": 1}

N_QUESTIONS = 8


@pytest.fixture
def crew(tmp_path):
    crew = Crew(tmp_path / "library", random.Random(0), CREW)
    yield crew
    crew.kill_all()


def ask(root):
    """Ask what analysts ask; return the numbers of the events that must never disappear."""
    with closing(connect(root)) as connection:
        rows = connection.execute(
            f"select fields->>'number' from events where kind = '{EVENT}'"
        ).fetchall()
        # One connection shows one moment: what follows agrees with what came before.
        (again,) = connection.execute(
            f"select count(*) from events where kind = '{EVENT}'"
        ).fetchone()
        (n_rows, n_keys) = connection.execute(
            "select count(*), count(distinct key) from utterances"
        ).fetchone()
    assert again == len(rows)
    assert n_rows == n_keys
    numbers = {number for (number,) in rows}
    assert len(numbers) == len(rows)
    return numbers


def test_a_reader_beside_eight_writers_never_fails_and_never_misses_what_it_saw(crew, tmp_path):
    seen = set()
    n_asked = n_indexed = 0
    while n_indexed < 3 or n_asked < N_QUESTIONS:
        acknowledged = set(read_ledgers(tmp_path).get(EVENT, ()))
        now = ask(crew.root)
        assert seen | acknowledged <= now
        seen = now
        similar(crew.root, "fica 12")
        measure_cache(crew.root)
        n_indexed = len(read_ledgers(tmp_path).get("indexed", ()))
        n_asked += 1
    assert all(process.poll() is None for _, process in crew.running)
    crew.kill_all()
    assert crew.errors() == []
    assert set(read_ledgers(tmp_path)[EVENT]) <= ask(crew.root)


def test_a_reader_waits_for_no_lock(tmp_path):
    library = Library(tmp_path / "library", durable=False)
    narrate(library, "um", "dois")
    index(library.root)
    evict(library, 10**12)
    register_chunk(library, "três")
    with ExitStack() as held:
        for path in [library.root, *library.root.rglob("*")]:
            if path.suffix == ".jsonl":
                continue  # This process holds it already.
            fd = os.open(path, os.O_RDONLY)
            held.callback(os.close, fd)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert query(library.root, "select count(*) from utterances")[1] == [(3,)]
        assert similar(library.root, "dois")
        assert measure_cache(library.root)
        assert index(library.root) is None, "whoever indexes is not waited for, either"
