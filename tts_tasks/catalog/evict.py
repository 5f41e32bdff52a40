"""Making room: the least recently used objects go, to a budget in bytes, or by selection.

Eviction starts above the budget (the high-water mark) and stops at a share of it (the low-water
mark), so that not every run of it finds a little to do. What the catalog says chooses the order;
whether an object may go is decided at its files, under the lock of their folder: one that was used
or made again meanwhile stays. The event comes after the deletion: a crash between the two leaves a
row without a file, which ``narrate catalog verify`` finds, and never a file without a row.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tts_tasks.catalog.library import Library
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.selection import (
    Entry,
    Selection,
    open_batch_keys,
    published_keys,
    select,
)
from tts_tasks.errors import InputError, storage_error
from tts_tasks.files import lock_now
from tts_tasks.settings import Settings
from tts_tasks.values import Checkpoint, never_cancelled

LOW_WATER = 0.9
"""Share of the budget that is left when eviction has ended."""

GRACE_S = 3600.0
"""Seconds since its last use in which an object is never evicted: a run may be about to read it."""


@dataclass(frozen=True, slots=True)
class Eviction:
    """What was removed, or would be."""

    size_before_bytes: int
    """Size of the library's audio and sidecars before."""

    size_after_bytes: int
    """Size of it now."""

    utterances: int = 0
    """Utterances that were removed."""

    narrations: int = 0
    """Narrations that were removed."""

    audio_s: float = 0.0
    """Seconds of audio in them."""

    published: int = 0
    """Removed objects that published courses or open batches refer to: only ``clear`` does that."""

    kept: int = 0
    """Objects that stay although they were chosen: used meanwhile, or made again."""

    is_enough: bool = True
    """Whether the library is within its budget now."""

    @property
    def objects(self) -> int:
        """Objects that were removed."""
        return self.utterances + self.narrations

    def after(self, entry: Entry, freed_bytes: int) -> Eviction:
        """Return the account after one more removal."""
        return replace(
            self,
            size_after_bytes=self.size_after_bytes - freed_bytes,
            utterances=self.utterances + (entry.kind == "utterance"),
            narrations=self.narrations + (entry.kind == "narration"),
            audio_s=self.audio_s + entry.duration_s,
        )


def evict(
    library: Library,
    max_bytes: int,
    *,
    pinned: Collection[str] = (),
    low_water: float = LOW_WATER,
    grace_s: float = GRACE_S,
    dry_run: bool = False,
    checkpoint: Checkpoint = never_cancelled,
) -> Eviction | None:
    """Remove the least recently used objects, if the library is larger than its budget.

    Args:
        library: where finished audio is kept.
        max_bytes: the budget; up to it nothing happens.
        pinned: keys that stay: those of published courses and open batches.
        low_water: share of the budget to get below.
        grace_s: seconds since its last use in which an object stays.
        dry_run: only tell what would go.
        checkpoint: called between objects.

    Returns:
        What was done, or None when another process is evicting.

    Raises:
        InputError: for a negative budget, or a mark that is no share.
        CatalogError: if the library cannot be read or written.
    """
    _check(max_bytes, low_water)
    with _alone(library.root) as is_alone:
        if not is_alone:
            return None
        size_bytes = measure_size(library.root)
        done = Eviction(size_bytes, size_bytes)
        if size_bytes <= max_bytes:
            return done
        since_s = time.time() - grace_s
        for entry in _entries(library, Selection(unused_for_s=grace_s)):
            checkpoint()
            if entry.key not in pinned:
                done = _after_removing(library, entry, "size", done, since_s, dry_run=dry_run)
            if done.size_after_bytes <= low_water * max_bytes:
                break
        return replace(done, is_enough=done.size_after_bytes <= max_bytes)


def keep_in_budget(
    settings: Settings,
    *,
    max_bytes: int | None = None,
    dry_run: bool = False,
    checkpoint: Checkpoint = never_cancelled,
) -> Eviction | None:
    """Evict what an installation has no room for, and nothing that it still refers to.

    Args:
        settings: the installation: its library, published courses, batches and budget.
        max_bytes: another budget than the one of the settings.
        dry_run: only tell what would go.
        checkpoint: called between objects.

    Returns:
        What was done, or None when another process is evicting.

    Raises:
        InputError: for a negative budget.
        CatalogError: if the library cannot be read or written.
    """
    return evict(
        Library(settings.library, durable=settings.durable),
        settings.max_size_bytes if max_bytes is None else max_bytes,
        pinned=pinned_keys(settings),
        dry_run=dry_run,
        checkpoint=checkpoint,
    )


def pinned_keys(settings: Settings) -> set[str]:
    """Return what is never evicted: what published courses and open batches refer to."""
    open_batches = open_batch_keys(settings.batches, time.time())
    return published_keys(settings.narrations) | open_batches


def clear(
    library: Library,
    selection: Selection,
    *,
    pinned: Collection[str] = (),
    dry_run: bool = False,
    checkpoint: Checkpoint = never_cancelled,
) -> Eviction:
    """Remove all that a selection means, however recently it was used.

    A narration that is being made may miss an utterance then; its retry speaks it again. Files of
    published courses stay as they are.

    Args:
        library: where finished audio is kept.
        selection: what goes.
        pinned: keys that are counted when they go: those of published courses and open batches.
        dry_run: only tell what would go.
        checkpoint: called between objects.

    Raises:
        CatalogError: if the library cannot be read or written.
    """
    size_bytes = measure_size(library.root)
    done = Eviction(size_bytes, size_bytes)
    for entry in _entries(library, selection):
        checkpoint()
        before = done
        done = _after_removing(library, entry, "clear", done, None, dry_run=dry_run)
        if entry.key in pinned and done.objects > before.objects:
            done = replace(done, published=done.published + 1)
    return done


def measure_size(library_root: Path) -> int:
    """Return the bytes of all files below ``objects/`` and ``takes/``.

    Raises:
        CatalogError: if the library may not be read.
    """
    size_bytes = 0
    pending = [str(library_root / "objects"), str(library_root / "takes")]
    while pending:
        folder = pending.pop()
        try:
            for entry in os.scandir(folder):
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        size_bytes += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            continue
        except OSError as error:
            raise storage_error(error, Path(folder)) from error
    return size_bytes


def _entries(library: Library, selection: Selection) -> Iterator[Entry]:
    with contextlib.closing(connect(library.root)) as connection:
        yield from select(connection, selection, time.time())


def _after_removing(
    library: Library,
    entry: Entry,
    reason: str,
    done: Eviction,
    unused_since_s: float | None,
    *,
    dry_run: bool,
) -> Eviction:
    """Remove one object, or only count it; return the account."""
    if dry_run:
        return done.after(entry, library.objects.measure(entry.key))
    freed_bytes = remove(library, entry, reason, unused_since_s=unused_since_s)
    if freed_bytes is None:
        return replace(done, kept=done.kept + 1)
    return done.after(entry, freed_bytes)


def remove(
    library: Library, entry: Entry, reason: str, *, unused_since_s: float | None = None
) -> int | None:
    """Delete one object, with the refused takes of an utterance, and record it.

    Args:
        library: where it is kept.
        entry: which one; the same key registered again is another one, and stays.
        reason: why, as the event says: ``size``, ``clear``, ``missing``, ``damaged``.
        unused_since_s: when it must have been used last, or before, in seconds since 1970.

    Returns:
        The bytes that it took, or None if it stays.

    Raises:
        CatalogError: if the library cannot be written.
        StorageFullError: if the journal cannot take the event; the next verification records it.
    """
    freed_bytes = library.objects.remove(
        entry.key, created_at_s=entry.created_at_s, unused_since_s=unused_since_s
    )
    if freed_bytes is None:
        return None
    record_eviction(library, entry, reason if freed_bytes else "missing")
    if entry.kind == "utterance":
        freed_bytes += library.refused.drop(entry.key)
    return freed_bytes


def record_eviction(library: Library, entry: Entry, reason: str) -> None:
    """Tell the catalog that the registration of an object is undone.

    Raises:
        CatalogError: if the journal cannot be written.
    """
    library.record(
        f"{entry.kind}_evicted",
        entry.key,
        provider=entry.provider,
        voice=entry.voice,
        bytes=entry.bytes,
        duration_s=entry.duration_s,
        created_at=entry.created_at_s,
        reason=reason,
    )


def _check(max_bytes: int, low_water: float) -> None:
    if max_bytes < 0:
        raise InputError(
            f"the budget is a number of bytes from 0 on, got {max_bytes}",
            field="max_bytes",
            value=max_bytes,
            remedy="set NARRATION_MAX_SIZE_GB, e.g. to 5.0",
        )
    if not 0 <= low_water <= 1:
        raise InputError(
            f"the low-water mark is a share from 0 to 1, got {low_water}",
            field="low_water",
            value=low_water,
            remedy="use 0.9",
        )


@contextlib.contextmanager
def _alone(library_root: Path) -> Iterator[bool]:
    """Be the only one who evicts, or yield False: two would free twice as much as is needed."""
    path = library_root / "index" / "evict.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        yield lock_now(fd)
    finally:
        os.close(fd)
