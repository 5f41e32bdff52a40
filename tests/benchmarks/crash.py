"""Kill everything at random: ``python -m tests.benchmarks.crash [--kills 200] [--seed 1]``.

Writers, indexers, evictors, claimants and a reader share a library and are killed with SIGKILL in
the middle of whatever they do. Now and then all of them die, and the disk loses something, too.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from tests.support.catalog import contents
from tests.support.crashing import (
    EVENT,
    N_CLAIMED,
    N_SENTENCES,
    STAYS,
    audio_of,
    read_ledgers,
    sentence,
)
from tts_tasks.catalog import reconcile as reconciling
from tts_tasks.catalog.claims import claims
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.library import UTTERANCE_FORMAT, Library
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.reconcile import is_damage, reconcile

CREW = {"writer": 3, "indexer": 2, "evictor": 1, "claimant": 2, "reader": 1}
"""How many of each run at once."""

MORTAL = ("writer", "writer", "indexer", "evictor", "claimant")
"""Who is killed; the reader sees it all."""

PAUSE_S = (0.05, 0.8)
"""Shortest and longest time between two kills."""

ROUND = 25
"""Kills after which everybody dies and the disk is damaged."""


@dataclass
class Account:
    """What happened, and what must not have."""

    kills: Counter[str] = field(default_factory=Counter)
    damage: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether nothing happened that must not."""
        return not (self.lost or self.doubled or self.corrupt or self.other)


class Crew:
    """The processes of one library."""

    def __init__(self, root: Path, rng: random.Random, crew: Mapping[str, int] = CREW) -> None:
        """Start everybody."""
        self.root, self.rng, self.crew = root, rng, crew
        self.running: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.started = 0
        self.start_all()

    def start_all(self) -> None:
        """Start everybody."""
        for role, count in self.crew.items():
            for _ in range(count):
                self.start(role)

    def start(self, role: str) -> None:
        """Start one process."""
        self.started += 1
        name = self.root.parent / f"{role}-{self.started}"
        with name.with_suffix(".err").open("wb") as errors:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.support.crashing", role, self.root),
                    *(name.with_suffix(".ledger"), str(self.rng.random())),
                ],
                stderr=errors,
                stdin=subprocess.DEVNULL,
            )
        self.running.append((role, process))

    def kill(self, role: str) -> None:
        """Kill one at random, and let another one take its place."""
        victim = self.rng.choice([each for each in self.running if each[0] == role])
        self.running.remove(victim)
        victim[1].kill()
        victim[1].wait()
        self.start(role)

    def kill_all(self) -> None:
        """Kill everybody."""
        for _, process in self.running:
            process.kill()
            process.wait()
        self.running.clear()

    def errors(self) -> list[str]:
        """Return what processes said before they ended by themselves."""
        found = []
        for path in sorted(self.root.parent.glob("*.err")):
            text = path.read_text(errors="replace").strip()
            if "Traceback" in text:
                found.append(f"{path.stem}: {text.splitlines()[-1]}")
        return found


def damage_disk(root: Path, rng: random.Random, account: Account) -> None:
    """Damage what a failing machine damages; nobody runs."""
    journals = sorted((root / "journal").glob("*.jsonl"))
    objects = sorted((root / "objects").rglob(f"*.{UTTERANCE_FORMAT}"))
    for what in rng.sample(["torn", "truncated", "catalog", "build", "part", "objects"], 4):
        account.damage[what] += 1
        match what:
            case "torn" if journals:
                with rng.choice(journals).open("ab") as file:
                    file.write(b'{"process": "x-1-1", "sequence": 1, "ti')
            case "truncated" if journals:
                # Its last line was never acknowledged: only then may a machine lose it.
                path = rng.choice(journals)
                with path.open("ab") as file:
                    file.write(b'{"process": "y"')
                os.truncate(path, path.stat().st_size - rng.randrange(1, 15))
            case "catalog":
                (root / "catalog.duckdb").write_bytes(rng.randbytes(rng.randrange(9000)))
            case "build":
                (root / "index" / "build.duckdb").write_bytes(rng.randbytes(rng.randrange(9000)))
            case "part":
                folder = root / "journal" / "sealed"
                folder.mkdir(exist_ok=True)
                (folder / "20260101T000000Z-aa.parquet.tmp").write_bytes(b"PAR1")
            case "objects":
                for path in rng.sample(objects, min(5, len(objects))):
                    content = bytearray(path.read_bytes())
                    if content and rng.random() < 0.5:
                        content[rng.randrange(len(content))] ^= 1 + rng.randrange(255)
                    else:
                        content = content[: rng.randrange(len(content) + 1)]
                    path.write_bytes(content)


def crash(folder: Path, kills: int, seed: int, round_kills: int = ROUND) -> Account:
    """Let a crew work on a library while it is killed, and say what is left of it."""
    rng = random.Random(seed)
    root = folder / "library"
    account = Account()
    with ExitStack() as cleanup:
        everybody = Crew(root, rng)
        cleanup.callback(everybody.kill_all)
        wait_for_work(folder)
        for n in range(1, kills + 1):
            time.sleep(rng.uniform(*PAUSE_S))
            role = rng.choice(MORTAL)
            everybody.kill(role)
            account.kills[role] += 1
            if n % round_kills == 0 and n < kills:
                everybody.kill_all()
                account.kills.update(CREW)
                damage_disk(root, rng, account)
                everybody.start_all()
        time.sleep(1.0)
        everybody.kill_all()
        account.other += everybody.errors()
    audit(folder, account)
    return account


def wait_for_work(folder: Path) -> None:
    """Return when every writer has finished something."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        noted = read_ledgers(folder)
        if len(noted.get(EVENT, ())) > 50 and noted.get("indexed") and noted.get("read"):
            return
        time.sleep(0.05)
    raise TimeoutError("nothing was done in a minute")


def audit(folder: Path, account: Account) -> None:
    """Compare the library with what was acknowledged."""
    library = Library(folder / "library", durable=False)
    noted = read_ledgers(folder)
    account.acknowledged.update({what: len(values) for what, values in noted.items()})
    account.corrupt += [str(key) for key in noted.get("corrupt", ())]
    account.other += [str(each) for each in noted.get("reader error", ())]
    account.other += overlaps(noted.get("claimed", []))

    # There, and known to be damaged: it is not served, and made again. Gone is lost.
    there = set(library.objects.keys())
    damaged = {key for key in there if library.objects.find(key) is None}
    account.damage["objects not served"] += len(damaged)
    account.lost += sorted({*noted.get(STAYS, ()), *noted.get("narration", ())} - there)
    for n in range(N_SENTENCES):
        chunk = sentence(STAYS, n)
        found = library.find_utterance(chunk)
        if found is not None and found.path.read_bytes() != audio_of(chunk):
            account.corrupt.append(chunk.key)

    with closing(connect(library.root)) as connection:
        numbers = Counter(
            number
            for (number,) in connection.execute(
                f"select fields->>'number' from events where kind = '{EVENT}'"
            ).fetchall()
        )
        pairs = connection.execute(
            "select count(*) - count(distinct (process, sequence)) from events"
        ).fetchone()
    account.lost += [str(each) for each in noted.get(EVENT, ()) if each not in numbers]
    account.doubled += [number for number, count in numbers.items() if count > 1]
    if pairs != (0,):
        account.doubled.append(f"{pairs} pairs of process and sequence")

    # What a kill between a file and its event left, and what the disk lost, is found and mended.
    with mock.patch.object(reconciling, "SETTLED_S", -1.0):
        reconcile(library, repair=True)
        left = [each for each in reconcile(library) if is_damage(each)]
    account.other += [f"{each.about} {each.problem}" for each in left if each.about not in damaged]
    live = contents(library.root)
    index(library.root)
    if contents(library.root) != live:
        account.other.append("the live catalog differs from the indexed one")
    rebuild(library.root)
    rebuilt = contents(library.root)
    if rebuilt != live:
        account.other.append("the rebuilt catalog differs from the incremental one")
    account.rows.update({table: len(rows) for table, rows in live.items()})

    with claims(library.root) as mine:
        held = [n for n in range(N_CLAIMED) if not mine.take(sentence(STAYS, n).key)]
    account.other += [f"sentence {n} is claimed by nobody who lives" for n in held]


def overlaps(claimed: list[Any]) -> list[str]:
    """Return the chunks that two runs held at the same time."""
    found = []
    last_s: dict[str, float] = {}
    for key, since_s, until_s in sorted(claimed, key=lambda each: float(each[1])):
        if since_s < last_s.get(key, 0.0):
            found.append(f"claimed by two at once: {key}")
        last_s[key] = max(until_s, last_s.get(key, 0.0))
    return found


def report(account: Account, duration_s: float) -> str:
    """Return the account as Markdown."""
    acknowledged = account.acknowledged
    kills = ", ".join(f"{count} {role}s" for role, count in sorted(account.kills.items()))
    damage = ", ".join(f"{count} {what}" for what, count in sorted(account.damage.items()))
    lines = [
        f"{sum(account.kills.values())} processes killed ({kills}) in {duration_s:.0f} s",
        f"damage to the disk: {damage or 'none'}",
        "",
        "| what | number |",
        "|---|---|",
        f"| utterances acknowledged, that stay | {acknowledged[STAYS]} |",
        f"| narrations acknowledged | {acknowledged['narration']} |",
        f"| events acknowledged | {acknowledged[EVENT]} |",
        f"| utterances served, each compared | {acknowledged['served']} |",
        f"| chunks claimed | {acknowledged['claimed']} |",
        f"| runs of the indexer | {acknowledged['indexed']} |",
        f"| catalogs made again | {acknowledged['rebuilt']} |",
        f"| questions of the reader | {acknowledged['read']} |",
        *(f"| rows of {table} | {count} |" for table, count in account.rows.items()),
        f"| **lost** | {len(account.lost)} |",
        f"| **doubled** | {len(account.doubled)} |",
        f"| **corrupt audio served** | {len(account.corrupt)} |",
        f"| **other** | {len(account.other)} |",
    ]
    for name in ("lost", "doubled", "corrupt", "other"):
        lines += [f"- {name}: {each}" for each in getattr(account, name)[:10]]
    return "\n".join(lines)


def main() -> None:
    """Run it and print the account."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder to work in, which is kept")
    options = parser.parse_args()
    with ExitStack() as cleanup:
        folder = options.out or Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        account = crash(folder, options.kills, options.seed)
        print(report(account, time.monotonic() - started))
    sys.exit(0 if account.is_good else 1)


if __name__ == "__main__":
    main()
