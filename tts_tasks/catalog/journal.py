"""What happened, one append-only file of JSON lines per process. Keeps no state but its end.

A writer holds a lock on its file, and starts a new one (under a new process name) when it has
grown or aged: the indexer may put away a file that nobody holds (``sealed``).

Each line is ``{"process", "sequence", "time", "kind", "key", "fields"}``: the pair (process,
sequence) is unique, and ``time`` is UTC in seconds since 1970. The events of this system:

    kind                  key        fields
    utterance_registered  chunk      the sidecar: provider, voice, spoken, duration_s, bytes, ...
    utterance_duplicate   chunk      provider, voice, duration_s, synthesis_s: spoken in vain,
                                     another process registered it first
    utterance_hit         chunk      provider, voice, duration_s: found in the library
    take_checked          chunk      provider, voice, seed, accepted, flags, badness, scores, asr,
                                     duration_s, synthesis_s: one for each take, also the refused
    utterance_amended     chunk      the sidecar as it is now, with amended_at
    utterance_evicted     chunk      provider, voice, bytes, duration_s, created_at, reason: the
                                     registration of that moment is undone, no later one
    utterance_imported    chunk      none: an archive has it, and the library had it already
    narration_registered  narration  the sidecar, without spans: provider, voice, format, ...
    narration_amended     narration  like utterance_amended
    narration_evicted     narration  like utterance_evicted
    narration_imported    narration  like utterance_imported
    narration_duplicate   narration  provider, voice, duration_s, synthesis_s
    narration_hit         narration  provider, voice, duration_s, characters
    narration_finished    narration  provider, voice, format, characters, chunks,
                                     synthesized_chunks, synthesis_s, synthesized_audio_s,
                                     duration_s, cached, choice, ranking, is_downgrade; run_id,
                                     course, lesson where there are
    narration_failed      narration  type, code, field, message; run_id, course, lesson
                          or none
    provider_failed       none       provider, voice, code, message; run_id, course, lesson:
                                     another one is tried, if it may be
    object_damaged        object     problem: it was moved aside, and is made again

Later kinds are free to come: a kind is lower-case words joined by underscores.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path

from tts_tasks.errors import storage_error
from tts_tasks.files import flush as flush_path

SUFFIX = ".jsonl"

MAX_LINE_BYTES = 8 << 20
"""Longest event; DuckDB's JSON reader stops at objects of 16 MiB."""

SEGMENT_BYTES = 16 << 20
"""Size from which on a process goes on in a new file."""

SEGMENT_S = 600.0
"""Age from which on a process goes on in a new file."""

MAX_OPEN = 32
"""Journals that a process keeps open at once: one per library, and few have two."""

_KIND = re.compile(r"[a-z]+(_[a-z]+)*")


class Journal:
    """The journal of this process in one folder; safe for threads and across a fork.

    Args:
        folder: ``library/journal``; made when the first event is written.
    """

    def __init__(self, folder: Path) -> None:
        """Open nothing yet: a process that only reads leaves no file."""
        self.folder = folder
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._process = ""
        self._sequence = 0
        self._size_bytes = 0
        self._opened_s = 0.0
        self._is_torn = self._is_listed = False
        _alive.add(self)

    def append(
        self,
        kind: str,
        key: str | None = None,
        fields: Mapping[str, object] | None = None,
        *,
        flush: bool = False,
    ) -> None:
        """Write one event with one system call.

        Args:
            kind: what happened, e.g. ``utterance_hit``.
            key: the object it happened to.
            fields: JSON-ready details.
            flush: whether to return only when the event is on the disk (fdatasync).

        Raises:
            TypeError, ValueError: if the event is not JSON: a mistake in the program.
            StorageFullError: if the disk is full; the event is lost, earlier ones are intact.
            CatalogError: if the journal cannot be written.
        """
        if not _KIND.fullmatch(kind):
            raise ValueError(f"an event kind is words joined by underscores, got {kind!r}")
        details = json.dumps(dict(fields or {}), ensure_ascii=False, allow_nan=False)
        with self._lock:
            try:
                fd = self._open()
                if flush and not self._is_listed:
                    self._list()
                # A number is never used twice, not even after a failed write: the line may be
                # complete but for its newline, which the next event then supplies.
                self._sequence += 1
                head = {
                    "process": self._process,
                    "sequence": self._sequence,
                    "time": round(time.time(), 6),
                    "kind": kind,
                    "key": key,
                }
                line = f'{json.dumps(head, ensure_ascii=False)[:-1]}, "fields": {details}}}\n'
                self._write(fd, line.encode(), flush=flush)
            except OSError as error:
                raise storage_error(error, self.folder) from error

    def _write(self, fd: int, line: bytes, *, flush: bool) -> None:
        if len(line) > MAX_LINE_BYTES:
            raise ValueError(f"an event has at most {MAX_LINE_BYTES} bytes, got {len(line)}")
        rest = memoryview(b"\n" + line if self._is_torn else line)
        self._is_torn = True
        while rest:
            written = os.write(fd, rest)
            self._size_bytes += written
            rest = rest[written:]
        self._is_torn = False
        if flush:
            os.fdatasync(fd)

    def _open(self) -> int:
        if self._fd is not None and not self._is_over(self._fd):
            return self._fd
        self._close()
        self.folder.mkdir(parents=True, exist_ok=True)
        host = re.sub(r"[^A-Za-z0-9]+", "_", socket.gethostname())[:40] or "host"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        while self._fd is None:
            process = f"{host}-{os.getpid()}-{time.time_ns()}"
            fd = os.open(self.folder / f"{process}{SUFFIX}", flags, 0o644)
            fcntl.flock(fd, fcntl.LOCK_EX)
            # Between the two calls it belonged to nobody, and may have been put away.
            if os.fstat(fd).st_nlink:
                self._fd = fd
            else:
                os.close(fd)
        self._process, self._sequence = process, 0
        self._is_torn = self._is_listed = False
        self._size_bytes, self._opened_s = 0, time.monotonic()
        return self._fd

    def _list(self) -> None:
        """Return when the file's name is on the disk: flushed without it, a file can be lost."""
        flush_path(self.folder)
        flush_path(self.folder.parent)
        self._is_listed = True

    def _is_over(self, fd: int) -> bool:
        """Return whether the next event belongs into a new file."""
        return (
            self._size_bytes >= SEGMENT_BYTES
            or time.monotonic() - self._opened_s >= SEGMENT_S
            # A library that was deleted and made again must not swallow events.
            or not os.fstat(fd).st_nlink
        )

    def close(self) -> None:
        """Close the file; the next event starts a new one."""
        with self._lock:
            self._close()

    def after_fork(self) -> None:
        """Give the parent's file up: the child starts its own with its first event."""
        # Another thread of the parent may have held the lock; nobody here would release it.
        self._lock = threading.Lock()
        self._close()

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


_alive: weakref.WeakSet[Journal] = weakref.WeakSet()
_by_folder: dict[str, Journal] = {}
_by_folder_lock = threading.Lock()


def open_journal(folder: Path) -> Journal:
    """Return this process's journal in a folder, the same one at every call."""
    name = os.path.abspath(folder)
    journal = _by_folder.get(name)
    if journal is None:
        with _by_folder_lock:
            if len(_by_folder) >= MAX_OPEN:
                # Whoever still holds it starts a new file with the next event.
                _by_folder.pop(next(iter(_by_folder))).close()
            journal = _by_folder.setdefault(name, Journal(Path(name)))
    return journal


def _after_fork() -> None:
    global _by_folder_lock
    _by_folder_lock = threading.Lock()
    for journal in list(_alive):
        journal.after_fork()


os.register_at_fork(after_in_child=_after_fork)
