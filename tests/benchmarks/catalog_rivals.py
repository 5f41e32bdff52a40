"""Three ways to keep FLAC with its facts under a key, each as its own documentation would have it.

``full``: acknowledged means on the disk. The library syncs the audio, the sidecar, their folder and
the journal; SQLite and ``diskcache`` (a SQLite of its own) sync their log at each commit, and
``diskcache`` syncs the files of values from 32 KiB on, which it does not by itself. A hit is synced
by none. ``normal``: SQLite syncs at checkpoints, the default of ``diskcache``. ``off``: nobody
syncs; after a power failure the library takes what is not whole for missing, SQLite may be damaged.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import diskcache

from tests.benchmarks.catalog_entries import (
    AUDIO_BYTES,
    audio_of,
    chunk_of,
    facts_of,
    facts_with_sum,
    key_of,
)
from tts_tasks.catalog.index import index
from tts_tasks.catalog.library import UTTERANCE_FORMAT, Library
from tts_tasks.catalog.reading import query
from tts_tasks.files import flush

TIMEOUT_S = 60

HIT = "utterance_hit"
OTHER = "benchmark_event"

ELSEWHERE = ("key", "kind", "extension", "words")
"""Facts that the event of a registration has in another place, or not at all."""


class Design(Protocol):
    """A store of audio and facts."""

    def fill(self, names: Iterable[str]) -> None:
        """Register entries, fast and without a word about durability, and tidy up."""

    def find(self, name: str) -> bytes | None:
        """Return the audio of an entry, whose facts were read, too."""

    def use(self, name: str) -> bytes | None:
        """Return the same, and write down that it was used, as a narration does."""

    def register(self, name: str) -> None:
        """Keep an entry, unless it is there, and write down that it was registered."""

    def record(self, name: str) -> None:
        """Write down that something happened."""

    def count(self) -> tuple[int, int]:
        """Return how many entries there are, and how many uses and recorded events."""


class OurLibrary:
    """This system's."""

    def __init__(self, folder: Path, *, synchronous: str, size_bytes: int = AUDIO_BYTES) -> None:
        """Open it."""
        self.library = Library(folder / "library", durable=synchronous == "full")
        self.size_bytes = size_bytes

    def fill(self, names: Iterable[str]) -> None:
        """See ``Design``."""
        for name in names:
            self.register(name)
        index(self.library.root)

    def find(self, name: str) -> bytes | None:
        """See ``Design``. The checksum is compared, which the others do not."""
        found = self.library.find_utterance(chunk_of(name))
        return None if found is None else found.path.read_bytes()

    def use(self, name: str) -> bytes | None:
        """See ``Design``."""
        found = self.library.use_utterance(chunk_of(name))
        return None if found is None else found.path.read_bytes()

    def register(self, name: str) -> None:
        """See ``Design``: what ``register_utterance`` does once the audio is encoded."""
        key, audio = key_of(name), audio_of(name, self.size_bytes)
        stored, is_new = self.library.objects.put(key, UTTERANCE_FORMAT, audio, facts_of(name))
        if is_new:
            fields = {each: fact for each, fact in stored.facts.items() if each not in ELSEWHERE}
            self.library.record("utterance_registered", key, **fields)

    def record(self, name: str) -> None:
        """See ``Design``."""
        self.library.record(OTHER, key_of(name), provider="espeak", voice="pt-br+f2")

    def count(self) -> tuple[int, int]:
        """See ``Design``."""
        index(self.library.root)
        entries = sum(1 for _ in self.library.objects.keys())  # noqa: SIM118 - no mapping
        sql = f"""
            select (select count(*) from utterances),
                   (select count(*) from events where kind in ('{HIT}', '{OTHER}'))
        """
        ((known, events),) = query(self.library.root, sql)[1]
        assert known == entries, "the catalog knows what is there"
        return entries, int(events)


class Sqlite:
    """One SQLite file, in WAL mode, with the memory that ``diskcache`` gives it."""

    def __init__(self, folder: Path, *, synchronous: str, size_bytes: int = AUDIO_BYTES) -> None:
        """Open it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "rival.sqlite"
        self.size_bytes = size_bytes
        self.database = self._open(synchronous)
        self.for_hits = self._open("normal" if synchronous == "full" else synchronous)
        # With rowids: a B-tree of keys alone is small, one of keys with their audio is not.
        self.database.executescript("""
            create table if not exists entries (key text primary key, facts text, audio blob);
            create table if not exists events (at real, kind text, key text, fields text);
        """)

    def _open(self, synchronous: str) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=TIMEOUT_S, isolation_level=None)
        database.execute("pragma journal_mode = wal")
        database.execute(f"pragma synchronous = {synchronous}")
        database.execute("pragma cache_size = 8192")
        database.execute(f"pragma mmap_size = {64 << 20}")
        return database

    def fill(self, names: Iterable[str]) -> None:
        """See ``Design``."""
        self.database.execute("begin")
        for name in names:
            self._insert(name)
        self.database.execute("commit")
        # A log as large as all entries would be read beside the file ever after.
        self.database.execute("pragma wal_checkpoint(truncate)")

    def find(self, name: str) -> bytes | None:
        """See ``Design``."""
        row = self.database.execute(
            "select facts, audio from entries where key = ?", (key_of(name),)
        ).fetchone()
        if row is None:
            return None
        json.loads(row[0])
        return bytes(row[1])

    def use(self, name: str) -> bytes | None:
        """See ``Design``."""
        found = self.find(name)
        if found is not None:
            self._event(self.for_hits, HIT, name, '{"provider": "espeak", "voice": "pt-br+f2"}')
        return found

    def _insert(self, name: str) -> None:
        audio, text = audio_of(name, self.size_bytes), facts_with_sum(name, self.size_bytes)
        done = self.database.execute(
            "insert or ignore into entries values (?, ?, ?)", (key_of(name), text, audio)
        )
        if done.rowcount:
            self._event(self.database, "utterance_registered", name, text)

    @staticmethod
    def _event(database: sqlite3.Connection, kind: str, name: str, fields: str) -> None:
        event = (time.time(), kind, key_of(name), fields)
        database.execute("insert into events values (?, ?, ?, ?)", event)

    def register(self, name: str) -> None:
        """See ``Design``."""
        self.database.execute("begin immediate")
        self._insert(name)
        self.database.execute("commit")

    def record(self, name: str) -> None:
        """See ``Design``."""
        self._event(self.database, OTHER, name, '{"provider": "espeak", "voice": "pt-br+f2"}')

    def count(self) -> tuple[int, int]:
        """See ``Design``."""
        row = self.database.execute(
            "select (select count(*) from entries),"
            " (select count(*) from events where kind in (?, ?))",
            (HIT, OTHER),
        ).fetchone()
        return int(row[0]), int(row[1])


class SyncingDisk(diskcache.Disk):  # type: ignore[misc]
    """Values that are files are on the disk before their row is written."""

    def _write(self, full_path: str, *arguments: Any, **options: Any) -> Any:
        written = super()._write(full_path, *arguments, **options)
        flush(Path(full_path))
        flush(Path(full_path).parent)
        return written


class Diskcache:
    """The package ``diskcache``; a list that others append to is what it calls a queue."""

    def __init__(self, folder: Path, *, synchronous: str, size_bytes: int = AUDIO_BYTES) -> None:
        """Open it."""
        self.size_bytes = size_bytes
        levels = {"off": 0, "normal": 1, "full": 2}
        self.cache, self.for_hits = (
            diskcache.Cache(
                str(folder / "diskcache"),
                size_limit=1 << 40,
                timeout=TIMEOUT_S,
                disk=SyncingDisk if synchronous == "full" else diskcache.Disk,
                sqlite_synchronous=levels[synchronous],
            )
            for _ in range(2)
        )
        # Of this connection alone.
        hits_level = min(levels[synchronous], levels["normal"])
        self.for_hits.reset("sqlite_synchronous", hits_level, update=False)

    def fill(self, names: Iterable[str]) -> None:
        """See ``Design``."""
        with self.cache.transact():
            for name in names:
                self.register(name)
        self.cache._sql("pragma wal_checkpoint(truncate)").fetchall()

    def find(self, name: str) -> bytes | None:
        """See ``Design``."""
        found: tuple[str, bytes] | None = self.cache.get(key_of(name))
        if found is None:
            return None
        json.loads(found[0])
        return found[1]

    def use(self, name: str) -> bytes | None:
        """See ``Design``."""
        found = self.find(name)
        if found is not None:
            self.for_hits.push((HIT, key_of(name), "espeak", "pt-br+f2"), prefix="events")
        return found

    def register(self, name: str) -> None:
        """See ``Design``."""
        text = facts_with_sum(name, self.size_bytes)
        with self.cache.transact():
            if self.cache.add(key_of(name), (text, audio_of(name, self.size_bytes))):
                event = ("utterance_registered", key_of(name), text)
                self.cache.push(event, prefix="registrations")

    def record(self, name: str) -> None:
        """See ``Design``."""
        self.cache.push((OTHER, key_of(name), "espeak", "pt-br+f2"), prefix="events")

    def count(self) -> tuple[int, int]:
        """See ``Design``."""
        keys = [str(key) for key in self.cache]
        return sum(len(key) == 64 for key in keys), sum(key.startswith("events") for key in keys)


DESIGNS: dict[str, type[OurLibrary] | type[Sqlite] | type[Diskcache]] = {
    "library": OurLibrary,
    "SQLite WAL": Sqlite,
    "diskcache": Diskcache,
}

DURABILITIES = {
    "durable": (("library", "full"), ("SQLite WAL", "full"), ("diskcache", "full")),
    "not durable": (
        ("library", "off"),
        ("SQLite WAL", "off"),
        ("SQLite WAL", "normal"),
        ("diskcache", "normal"),
    ),
}
"""What is compared with what; ``off`` is like ours, ``normal`` is what most would run."""
