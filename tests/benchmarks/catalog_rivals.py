"""Three ways to keep 12 kB of audio with its facts under a key, as equal as they can be made.

Durable: acknowledged means on the disk. The library syncs the audio, the sidecar, their folder and
the journal; SQLite runs in WAL mode with ``synchronous=FULL``, which syncs the log at each commit.
Not durable: the library syncs nothing; SQLite runs with ``synchronous=OFF``. ``diskcache`` is a
SQLite of its own in WAL mode, and keeps values of this size in it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import diskcache

from tts_tasks.catalog.library import UTTERANCE_FORMAT, Library

AUDIO_BYTES = 12_000

ELSEWHERE = ("key", "kind", "extension", "words")
"""Facts that the event of a registration has in another place, or not at all."""


def key_of(name: str) -> str:
    """Return the key of an entry."""
    return hashlib.sha256(name.encode()).hexdigest()


def audio_of(name: str) -> bytes:
    """Return what is kept under it: bytes that do not compress, as those of FLAC."""
    seed = hashlib.sha256(name.encode()).digest()
    return (seed * (AUDIO_BYTES // len(seed) + 1))[:AUDIO_BYTES]


def facts_of(name: str) -> dict[str, Any]:
    """Return what is known of it: the sidecar of an utterance."""
    return {
        "kind": "utterance",
        "provider": "espeak",
        "revision": "espeak-ng-1.52",
        "voice": "pt-br+f2",
        "parameters": {"rate": 150},
        "seed": 0,
        "takes": 1,
        "flags": [],
        "quality": None,
        "spoken": f"A frase {name} é uma de muitas.",
        "written": f"A frase {name} é uma de muitas.",
        "duration_s": 3.0,
        "sample_rate": 22050,
        "synthesis_s": 0.25,
        "words": [],
        "created_at": round(time.time(), 6),
    }


class Design(Protocol):
    """A store of audio and facts."""

    def fill(self, names: Iterable[str]) -> None:
        """Register entries, fast and without a word about durability."""

    def look_up(self, name: str) -> bytes | None:
        """Return the audio of an entry, whose facts were read, too."""

    def register(self, name: str) -> None:
        """Keep an entry, unless it is there, and write down that it was registered."""

    def record(self, name: str) -> None:
        """Write down that something happened."""

    def count(self) -> tuple[int, int]:
        """Return how many entries and events there are."""


class OurLibrary:
    """This system's."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        """Open it."""
        self.library = Library(folder / "library", durable=durable)

    def fill(self, names: Iterable[str]) -> None:
        """See ``Design``."""
        self.library = Library(self.library.root, durable=False)
        for name in names:
            self.register(name)

    def look_up(self, name: str) -> bytes | None:
        """See ``Design``. The checksum is compared, which the others do not."""
        found = self.library.objects.read(key_of(name), UTTERANCE_FORMAT)
        return None if found is None else found.path.read_bytes()

    def register(self, name: str) -> None:
        """See ``Design``."""
        key, audio = key_of(name), audio_of(name)
        stored, _ = self.library.objects.put(key, UTTERANCE_FORMAT, audio, facts_of(name))
        fields = {field: value for field, value in stored.facts.items() if field not in ELSEWHERE}
        self.library.record("utterance_registered", key, **fields)

    def record(self, name: str) -> None:
        """See ``Design``."""
        self.library.record("benchmark_event", key_of(name), provider="espeak", voice="pt-br+f2")

    def count(self) -> tuple[int, int]:
        """See ``Design``."""
        from tts_tasks.catalog.reading import query

        entries = sum(1 for _ in self.library.objects.keys())  # noqa: SIM118 - no mapping
        sql = "select count(*) from events where kind = 'benchmark_event'"
        return entries, int(query(self.library.root, sql)[1][0][0])


class Sqlite:
    """One SQLite file, in WAL mode."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        """Open it."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "rival.sqlite"
        self.database = sqlite3.connect(path, timeout=60, isolation_level=None)
        self.database.execute("pragma journal_mode = wal")
        self.database.execute(f"pragma synchronous = {'full' if durable else 'off'}")
        self.database.executescript("""
            create table if not exists entries (key text primary key, facts text, audio blob)
                without rowid;
            create table if not exists events (at real, kind text, key text, fields text);
        """)

    def fill(self, names: Iterable[str]) -> None:
        """See ``Design``."""
        self.database.execute("begin")
        for name in names:
            self._insert(name)
        self.database.execute("commit")

    def look_up(self, name: str) -> bytes | None:
        """See ``Design``."""
        row = self.database.execute(
            "select facts, audio from entries where key = ?", (key_of(name),)
        ).fetchone()
        if row is None:
            return None
        json.loads(row[0])
        return bytes(row[1])

    def _insert(self, name: str) -> None:
        facts = facts_of(name)
        audio = audio_of(name)
        facts["sha256"] = hashlib.sha256(audio).hexdigest()
        text = json.dumps(facts)
        self.database.execute(
            "insert or ignore into entries values (?, ?, ?)", (key_of(name), text, audio)
        )
        self._event("utterance_registered", name, text)

    def _event(self, kind: str, name: str, fields: str) -> None:
        event = (time.time(), kind, key_of(name), fields)
        self.database.execute("insert into events values (?, ?, ?, ?)", event)

    def register(self, name: str) -> None:
        """See ``Design``."""
        self.database.execute("begin immediate")
        self._insert(name)
        self.database.execute("commit")

    def record(self, name: str) -> None:
        """See ``Design``."""
        self._event("benchmark_event", name, '{"provider": "espeak", "voice": "pt-br+f2"}')

    def count(self) -> tuple[int, int]:
        """See ``Design``."""
        (entries,) = self.database.execute("select count(*) from entries").fetchone()
        (events,) = self.database.execute(
            "select count(*) from events where kind = 'benchmark_event'"
        ).fetchone()
        return int(entries), int(events)


class Diskcache:
    """The package ``diskcache``."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        """Open it."""
        self.cache = diskcache.Cache(
            str(folder / "diskcache"),
            size_limit=1 << 40,
            timeout=60,
            sqlite_synchronous=2 if durable else 0,
        )

    def fill(self, names: Iterable[str]) -> None:
        """See ``Design``."""
        with self.cache.transact():
            for name in names:
                self.cache.add(key_of(name), self._value(name))

    def look_up(self, name: str) -> bytes | None:
        """See ``Design``."""
        found: tuple[str, bytes] | None = self.cache.get(key_of(name))
        if found is None:
            return None
        json.loads(found[0])
        return found[1]

    def _value(self, name: str) -> tuple[str, bytes]:
        facts = facts_of(name)
        audio = audio_of(name)
        facts["sha256"] = hashlib.sha256(audio).hexdigest()
        return json.dumps(facts), audio

    def register(self, name: str) -> None:
        """See ``Design``."""
        value = self._value(name)
        with self.cache.transact():
            self.cache.add(key_of(name), value)
            self.cache.push(("utterance_registered", name, value[0]), prefix="registrations")

    def record(self, name: str) -> None:
        """See ``Design``."""
        self.cache.push(("benchmark_event", key_of(name), "espeak", "pt-br+f2"), prefix="events")

    def count(self) -> tuple[int, int]:
        """See ``Design``."""
        keys = list(self.cache)
        events = sum(1 for key in keys if str(key).startswith("events"))
        entries = sum(1 for key in keys if len(str(key)) == 64)
        return entries, events


DESIGNS: dict[str, type[OurLibrary] | type[Sqlite] | type[Diskcache]] = {
    "library": OurLibrary,
    "SQLite WAL": Sqlite,
    "diskcache": Diskcache,
}
