"""Closed journals, put away as Parquet: ``journal/sealed/<time>-<random>.parquet``.

A journal is closed when nobody holds its lock: its writer went on in another file, or is gone. One
whose events are all in the catalog is written to Parquet, and goes once the catalog that knows this
was published: a reader finds every event in the catalog, in a journal or in a sealed file, and the
catalog can always be made again from the last two.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tts_tasks.catalog import schema
from tts_tasks.catalog.database import storing, translated
from tts_tasks.catalog.journal import SUFFIX
from tts_tasks.catalog.tail import is_event
from tts_tasks.files import flush, lock_now

SEAL_BYTES = 1 << 20
"""Closed journals are put away when they have so many bytes together ..."""

SEAL_AGE_S = 900.0
"""... or when one of them was closed so many seconds ago."""

PART_BYTES = 64 << 20
"""About the most that goes into one file."""

PART_JOURNALS = 500
"""Journals that are open at once: each costs a descriptor, of which a process has 1,024."""

DAMAGED = ".damaged"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Closed:
    """A journal without a writer, locked against everybody else."""

    path: Path
    """The file."""

    size_bytes: int
    """Its size."""

    is_whole: bool
    """Whether it consists of events that are all in the catalog."""


@dataclass(frozen=True, slots=True)
class Part:
    """What was put away together."""

    name: str | None
    """The sealed file, None if there was no event in the journals."""

    journals: tuple[Closed, ...]
    """What it was made of, still there."""


def sealed_files(root: Path) -> list[Path]:
    """Return the sealed files of a library, oldest first."""
    return sorted((root / "journal" / "sealed").glob("*.parquet"))


@contextlib.contextmanager
def sealing(
    root: Path, offsets: Mapping[str, int], damaged: Sequence[str], known: Mapping[str, str]
) -> Iterator[Part | None]:
    """Put closed journals away; yield what became of them, None if there is nothing to do yet.

    At the end of the block the journals are deleted: by then the catalog that was published must
    know of the part. One with lines that are no events is renamed, for whoever wants to look at
    it. When the block fails, the journals stay.

    Args:
        root: the library.
        offsets: bytes of each journal that are in the catalog.
        damaged: journals in which lines were no events.
        known: journals that were put away before, with the file that they are in.

    Raises:
        CatalogError: if the library cannot be written.
        StorageFullError: if the disk is full; the journals stay.
    """
    with contextlib.ExitStack() as held:
        closed = tuple(_closed_journals(root / "journal", offsets, damaged, held))
        size_bytes = sum(each.size_bytes for each in closed)
        oldest_s = min((each.path.stat().st_mtime for each in closed), default=time.time())
        if not closed or (size_bytes < SEAL_BYTES and time.time() - oldest_s < SEAL_AGE_S):
            yield None
            return
        folder = root / "journal" / "sealed"
        # An indexer that was killed left these: the catalog has the file that they went into.
        unknown = [
            each for each in closed if not (folder / known.get(each.path.name, "/")).is_file()
        ]
        part = Part(_write(root, unknown), closed)
        yield part
        with storing(folder):
            for each in part.journals:
                if each.is_whole:
                    each.path.unlink()
                else:
                    logger.warning("journal %s has lines that are no events", each.path.name)
                    each.path.rename(each.path.with_name(each.path.name + DAMAGED))


def _closed_journals(
    folder: Path, offsets: Mapping[str, int], damaged: Sequence[str], held: contextlib.ExitStack
) -> Iterator[Closed]:
    """Yield journals that nobody writes and the catalog holds, each locked until the stack ends."""
    n_journals = size_bytes = 0
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if n_journals == PART_JOURNALS or size_bytes >= PART_BYTES:
            return
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError:
            continue  # Not ours to put away.
        with contextlib.ExitStack() as unless_taken:
            unless_taken.callback(os.close, fd)
            if not lock_now(fd):
                continue
            status = os.fstat(fd)
            dealt_with = offsets.get(path.name, 0)
            torn = os.pread(fd, status.st_size - dealt_with, dealt_with)
            # What a killed writer began is no event; a whole line is, and comes first.
            if b"\n" in torn or (not status.st_size and time.time() - status.st_mtime < SEAL_AGE_S):
                continue
            held.push(unless_taken.pop_all())
            n_journals += 1
            size_bytes += status.st_size
            yield Closed(path, status.st_size, not torn and path.name not in damaged)


def _write(root: Path, journals: Sequence[Closed]) -> str | None:
    """Write the events of journals into one sealed file, whole or not at all; return its name."""
    folder = root / "journal" / "sealed"
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(4)}.parquet"
    target, temporary = folder / name, folder / f"{name}.tmp"
    n_lines = 0
    with (
        storing(folder),
        tempfile.NamedTemporaryFile(dir=root / "index", suffix=SUFFIX) as lines,
        contextlib.closing(duckdb.connect()) as connection,
    ):
        for each in journals:
            for line in each.path.read_bytes().split(b"\n"):
                if is_event(line):
                    lines.write(line + b"\n")
                    n_lines += 1
        if not n_lines:
            return None
        lines.flush()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with translated(target):
                connection.execute(schema.write_sealed(lines.name, str(temporary)))
            flush(temporary)
            os.replace(temporary, target)
            flush(folder)
        finally:
            temporary.unlink(missing_ok=True)
    return name
