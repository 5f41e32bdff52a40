"""Processes of one library that are killed at random, and what must be true of it afterwards.

``python -m tests.support.crashing ROLE LIBRARY LEDGER SEED`` is one of them. What it has finished
it writes into its ledger, a file outside the library, after the library has said so.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.catalog import PROVIDER, REVISION, make_chunk, make_waveform, narrate
from tts_tasks.catalog import journal, sealed
from tts_tasks.catalog.claims import claims
from tts_tasks.catalog.evict import clear, evict, measure_size
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.library import Library, encode_flac
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.selection import Selection
from tts_tasks.values import Chunk, Quality

STAYS, GOES = "fica", "passa"
"""Voices: what is never evicted, and what is all the time."""

EVENT = "benchmark_event"

N_SENTENCES = 300
"""Sentences of each voice that the writers choose from."""

N_CLAIMED = 4
"""Sentences that all claimants want."""


class Ledger:
    """What a process has finished: JSON lines, each written at once."""

    def __init__(self, path: Path) -> None:
        """Open it for appending."""
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, what: str, value: object) -> None:
        """Write one line down."""
        os.write(self._fd, (json.dumps([what, value]) + "\n").encode())


def read_ledgers(folder: Path) -> dict[str, list[Any]]:
    """Return everything that was noted, by what it is about."""
    noted: dict[str, list[Any]] = {}
    for path in folder.glob("*.ledger"):
        for line in path.read_text().split("\n")[:-1]:
            what, value = json.loads(line)
            noted.setdefault(what, []).append(value)
    return noted


def sentence(voice: str, n: int) -> Chunk:
    """Return the chunk number n of a voice."""
    return replace(make_chunk(f"{voice} {n}"), voice=voice)


def audio_of(chunk: Chunk) -> bytes:
    """Return the only audio that may ever be served for a chunk."""
    seed = int(hashlib.sha256(chunk.spoken.encode()).hexdigest()[:8], 16)
    return encode_flac(make_waveform(400, seed=seed))


# The processes


def write(library: Library, ledger: Ledger, rng: random.Random) -> None:
    """Register, look up, narrate, amend and record, one thing after the other."""
    time.sleep(0.004)  # The others want a processor, too.
    chunk = sentence(rng.choice([STAYS, STAYS, GOES]), rng.randrange(N_SENTENCES))
    match rng.randrange(6):
        case 0 | 1:
            seed = int(hashlib.sha256(chunk.spoken.encode()).hexdigest()[:8], 16)
            library.register_utterance(
                chunk,
                make_waveform(400, seed=seed),
                provider=PROVIDER,
                revision=REVISION,
                synthesis_s=0.1,
            )
            ledger.note(chunk.voice, chunk.key)
        case 2:
            found = library.use_utterance(chunk)
            if found is not None:
                # It may be evicted while it is read: then nothing is served.
                with contextlib.suppress(FileNotFoundError):
                    if found.path.read_bytes() != audio_of(chunk):
                        ledger.note("corrupt", chunk.key)
                ledger.note("served", chunk.key)
        case 3:
            number = uuid.UUID(int=rng.getrandbits(128)).hex
            library.record(EVENT, None, number=number)
            ledger.note(EVENT, number)
        case 4:
            found = library.find_utterance(chunk)
            if found is not None:
                library.note_quality(found, Quality(("too_quiet",), {}, rng.random()))
        case 5 if rng.random() < 0.2:
            mastered = narrate(library, f"lição {rng.randrange(30)}")
            ledger.note("narration", mastered.path.stem)


def take_in(library: Library, ledger: Ledger, rng: random.Random) -> None:
    """Index, or now and then make everything again."""
    if index(library.root) is not None:
        ledger.note("indexed", 1)
        if rng.random() < 0.1:
            rebuild(library.root)
            ledger.note("rebuilt", 1)
    time.sleep(0.02)


class Staying:
    """The keys that nothing may evict: all but those of the passing voice."""

    def __init__(self, library: Library) -> None:
        """Look at sidecars."""
        self.library = library

    def __contains__(self, key: object) -> bool:
        """Return whether an object stays; one that is just being made does, too."""
        facts = self.library.objects.read_sidecar(str(key))
        return facts is None or facts.get("voice") != GOES

    def __len__(self) -> int:
        """Return nothing of interest."""
        return 0

    def __iter__(self) -> Iterator[str]:
        """Yield nothing."""
        return iter(())


def remove(library: Library, ledger: Ledger, rng: random.Random) -> None:
    """Evict or clear what is not to stay."""
    if rng.random() < 0.5:
        done = clear(library, Selection(voice=GOES))
    else:
        budget = measure_size(library.root) // 2
        done = evict(library, budget, pinned=Staying(library), grace_s=0.0)
    if done is not None:
        ledger.note("removed", done.objects)
    time.sleep(0.2)


def claim(library: Library, ledger: Ledger, rng: random.Random) -> None:
    """Hold one of a few chunks for a moment, and note from when to when."""
    key = sentence(STAYS, rng.randrange(N_CLAIMED)).key
    with claims(library.root) as mine:
        if not mine.take(key):
            ledger.note("waited", key)
            time.sleep(0.001)
            return
        since_s = time.monotonic()
        time.sleep(rng.random() * 0.01)
        until_s = time.monotonic()
    ledger.note("claimed", [key, since_s, until_s])


class Reader:
    """Somebody who asks all the time, and whose answers never shrink."""

    def __init__(self) -> None:
        """Have seen nothing."""
        self.seen = 0

    def __call__(self, library: Library, ledger: Ledger, rng: random.Random) -> None:
        """Count the events of which none may disappear."""
        try:
            with contextlib.closing(connect(library.root)) as connection:
                row = connection.execute(
                    f"select count(*) from events where kind = '{EVENT}'"
                ).fetchone()
                connection.execute("select voice, sum(hits) from utterances group by voice")
        except Exception as error:  # noqa: BLE001 - whatever it is, the account tells it
            ledger.note("reader error", repr(error))
            return
        count = int(row[0]) if row else 0
        if count < self.seen:
            ledger.note("reader error", f"{count} events after {self.seen}")
        self.seen = count
        ledger.note("read", count)
        time.sleep(0.2)


ROLES: dict[str, Callable[[Library, Ledger, random.Random], None]] = {
    "writer": write,
    "indexer": take_in,
    "evictor": remove,
    "claimant": claim,
    "reader": Reader(),
}


def main() -> None:
    """Do one thing after the other until killed."""
    role, root, ledger, seed = sys.argv[1:]
    # Small, so that files rotate and are put away in the middle of it.
    journal.SEGMENT_BYTES, sealed.SEAL_BYTES = 40_000, 100_000
    # Whoever kills is lost without us: no process outlives it.
    parent = os.getppid()
    rng = random.Random(seed)
    library, noted = Library(Path(root), durable=False), Ledger(Path(ledger))
    while os.getppid() == parent:
        ROLES[role](library, noted, rng)


if __name__ == "__main__":
    main()
