"""The indexer: journals -> ``library/catalog.duckdb``.

Journals that are closed and taken in are put away as Parquet (``sealed``) after the publication.

One indexer at a time (a file lock) works on ``index/build.duckdb`` and publishes a copy by rename:
nobody ever writes the file that readers open, so nobody waits. All of it can be made again from
the objects and the journals: a damaged or foreign file is replaced, with a warning.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import logging
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from tts_tasks.catalog import schema
from tts_tasks.catalog.database import (
    DamagedError,
    HeldError,
    beyond_reading,
    open_for_building,
    open_for_reading,
    storing,
)
from tts_tasks.catalog.live import load_events, merge, offsets_in, unseen_files
from tts_tasks.catalog.objects import Objects
from tts_tasks.catalog.sealed import sealing
from tts_tasks.catalog.tail import Tail, read_tail
from tts_tasks.files import flush

SIDECARS_PER_BATCH = 20_000

_EMPTY = Tail((), {}, {})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What one run of the indexer did."""

    events: int
    """Events taken in."""

    unparsable_lines: int
    """Journal lines that are no events: torn by a crash, or damaged."""

    journals: int
    """Journals that had something new."""

    sidecars: int
    """Objects that were taken from their sidecars."""

    sealed: int
    """Closed journals that were put away as Parquet."""

    rebuilt: bool
    """Whether the catalog was made again from nothing."""

    published: bool
    """Whether ``catalog.duckdb`` was replaced."""

    duration_s: float
    """Time it took."""


def index(library_root: Path | str) -> IndexReport | None:
    """Take new events into the catalog, each exactly once, and publish it.

    Returns:
        What was done, or None when another process is indexing.

    Raises:
        CatalogError: if the catalog was written by a newer version, or cannot be written.
        StorageFullError: if the disk is full; the published catalog stays.
    """
    root = Path(library_root).absolute()
    with _lead(root, wait=False) as leads:
        if not leads:
            return None
        try:
            return _update(root)
        except DamagedError as damage:
            logger.warning("%s; the catalog is made again from objects and journals", damage)
            return _make_again(root)


def rebuild(library_root: Path | str) -> IndexReport:
    """Make the catalog again from the objects' sidecars and the journals, and publish it.

    Waits for an indexer that is at work.

    Raises:
        CatalogError: if the library cannot be read, or the catalog not be written.
        StorageFullError: if the disk is full; the published catalog stays.
    """
    root = Path(library_root).absolute()
    with _lead(root, wait=True):
        return _make_again(root)


def _update(root: Path) -> IndexReport:
    started = time.monotonic()
    build = root / "index" / "build.duckdb"
    with contextlib.ExitStack() as until_published:
        with open_for_building(build) as connection:
            report = _take_in_everything(connection, root)
            report = replace(report, sealed=_seal(connection, root, until_published))
        published = _publish(root, build)
    return replace(report, published=published, duration_s=time.monotonic() - started)


def _make_again(root: Path) -> IndexReport:
    started = time.monotonic()
    fresh = root / "index" / "rebuild.duckdb"
    build = root / "index" / "build.duckdb"
    objects = Objects(root / "objects")
    objects.remove_stale_temporaries()
    try:
        with open_for_building(fresh) as connection:
            report = _take_in_everything(connection, root)
            sidecars = _registrations(objects, objects.keys())
            while lines := tuple(itertools.islice(sidecars, SIDECARS_PER_BATCH)):
                batch = _take_in(connection, root, _EMPTY, sidecars=lines)
                report = replace(report, sidecars=report.sidecars + batch.sidecars)
        with storing(build):
            # The log first: replayed into the new file it would damage it. What only the log
            # held is in the journals, too.
            build.with_name(build.name + ".wal").unlink(missing_ok=True)
            os.replace(fresh, build)
        published = _publish(root, build)
    except DamagedError as damage:
        raise beyond_reading(damage) from damage
    return replace(report, rebuilt=True, published=published, duration_s=time.monotonic() - started)


def _take_in_everything(connection: duckdb.DuckDBPyConnection, root: Path) -> IndexReport:
    """Take in the sealed files that the catalog does not hold (it was lost), and the journals."""
    total = IndexReport(0, 0, 0, 0, 0, rebuilt=False, published=False, duration_s=0.0)
    for file in unseen_files(connection, root):
        total = _sum(total, _take_in(connection, root, _EMPTY, sealed=(file,)))
    while True:
        tail = read_tail(root / "journal", offsets_in(connection))
        if not tail.offsets:
            return total
        total = _sum(total, _take_in(connection, root, tail))
        if tail.is_all:  # Writers never pause for long: "until nothing is new" may be never.
            return total


def _sum(total: IndexReport, batch: IndexReport) -> IndexReport:
    return replace(
        total,
        events=total.events + batch.events,
        unparsable_lines=total.unparsable_lines + batch.unparsable_lines,
        journals=total.journals + batch.journals,
        sidecars=total.sidecars + batch.sidecars,
    )


def _take_in(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    tail: Tail,
    *,
    sealed: Sequence[Path] = (),
    sidecars: Sequence[bytes] = (),
) -> IndexReport:
    """Add events, and objects known by their sidecars, to the catalog in one transaction."""
    folder = root / "index"
    n_lines = load_events(connection, tail.lines, sealed, folder)
    connection.execute(schema.LOAD_BATCH)
    unknown = [key for (key,) in connection.execute(schema.UNKNOWN_KEYS).fetchall()]
    sidecars = (*sidecars, *_registrations(Objects(root / "objects"), unknown))
    merge(connection, sidecars, folder)
    (n_events,) = connection.execute("select count(*) from live.batch").fetchone() or (0,)
    connection.execute("begin")
    connection.execute(schema.KEEP_EVENTS)
    for level in schema.LEVELS:
        connection.execute(schema.keep(level))
    for name, dealt_with_bytes in tail.offsets.items():
        unparsable = tail.unparsable.get(name, 0)
        connection.execute(schema.keep_progress(name, dealt_with_bytes, unparsable))
    for file in sealed:
        connection.execute(schema.keep_sealed(file.name))
    if sidecars:
        connection.execute(schema.note_found(len(sidecars)))
    connection.execute(schema.NEW_EDITION)
    connection.execute("commit")
    for name, count in tail.unparsable.items():
        logger.warning("journal %s: %d lines are no events and were left out", name, count)
    return IndexReport(
        events=n_events,
        unparsable_lines=sum(tail.unparsable.values()) + len(tail.lines) - n_lines,
        journals=len(tail.offsets),
        sidecars=len(sidecars),
        sealed=0,
        rebuilt=False,
        published=False,
        duration_s=0.0,
    )


def _seal(
    connection: duckdb.DuckDBPyConnection, root: Path, until_published: contextlib.ExitStack
) -> int:
    """Put closed journals away; they are deleted when the stack ends. Return how many."""
    damaged = connection.execute(schema.DAMAGED_JOURNALS).fetchall()
    part = until_published.enter_context(
        sealing(
            root,
            offsets_in(connection),
            [name for (name,) in damaged],
            dict(connection.execute(schema.SEALED_JOURNALS).fetchall()),
        )
    )
    if part is None:
        return 0
    if part.name:
        # Every event of it is known; what is noted is the file, and what is in it.
        load_events(connection, (), (root / "journal" / "sealed" / part.name,), root / "index")
    connection.execute("begin")
    if part.name:
        connection.execute(schema.keep_sealed(part.name))
    connection.execute(schema.forget_journals(each.path.name for each in part.journals))
    connection.execute(schema.NEW_EDITION)
    connection.execute("commit")
    return len(part.journals)


def _registrations(objects: Objects, keys: Iterable[str]) -> Iterator[bytes]:
    """Yield for each object that can be used the event that registered it, as a JSON line."""
    for key in keys:
        stored = objects.find(key)
        if stored is not None:
            kind = f"{stored.facts.get('kind')}_registered"
            event = {"kind": kind, "key": key, "fields": stored.facts}
            yield json.dumps(event).encode()


def _publish(root: Path, build: Path) -> bool:
    """Copy what was built to where readers look, unless it is there already."""
    published = root / "catalog.duckdb"
    try:
        with open_for_reading(published) as connection:
            published_edition = _edition(connection)
    except (FileNotFoundError, HeldError):
        published_edition = None
    except DamagedError as damage:
        logger.warning("%s; it is put aside and replaced", damage)
        _put_aside(published)
        published_edition = None
    with open_for_reading(build) as connection:
        # The size tells a copy that was cut short; what else may be damaged, its readers meet.
        is_current = _edition(connection) == published_edition
        if is_current and build.stat().st_size == published.stat().st_size:
            return False
    temporary = root / "catalog.duckdb.tmp"
    with storing(published):
        try:
            shutil.copyfile(build, temporary)
            flush(temporary)
            os.replace(temporary, published)
            flush(root)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    return True


@contextlib.contextmanager
def _lead(root: Path, *, wait: bool) -> Iterator[bool]:
    """Be the only indexer, or yield False; the system drops the lock when the holder dies."""
    folder = root / "index"
    with contextlib.ExitStack() as held:
        with storing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock_fd = os.open(folder / "build.lock", os.O_RDWR | os.O_CREAT, 0o644)
            held.callback(os.close, lock_fd)
            try:
                fcntl.flock(lock_fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            sealed = root / "journal" / "sealed"
            for leftover in (
                *folder.glob("*.jsonl"),
                *folder.glob("rebuild.duckdb*"),
                *sealed.glob("*.tmp"),
            ):
                leftover.unlink(missing_ok=True)
        yield True


def _edition(connection: duckdb.DuckDBPyConnection) -> object:
    return connection.execute("select edition from library.indexer.state").fetchone()


def _put_aside(path: Path) -> None:
    with storing(path):
        os.replace(path, path.with_name(path.name + ".broken"))
