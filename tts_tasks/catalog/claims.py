"""Single flight: of all runs on this machine that miss a chunk, one speaks it, the others wait.

A claim is a lock on one byte of ``library/claims``, at the place that the key names. The system
drops it when its holder ends, however that happens: no claim outlives a crash, and none has to
expire. The file stays empty. Between machines nothing is claimed: there a chunk may be spoken
twice, and the library keeps the first.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tts_tasks.catalog.keys import require_key
from tts_tasks.errors import storage_error

PLACE_DIGITS = 15
"""Hexadecimal digits of a key that make its place in the file: below 2^63, the largest offset.

Two chunks at one place (one pair in 2^60) would only wait for each other.
"""

_FLOCK = "hhqqi4x"
"""``struct flock``: type, whence, start, length, and a process id that must be 0."""


class Claims:
    """The chunks that one run is speaking now. For one thread at a time."""

    def __init__(self, fd: int, path: Path) -> None:
        """Take an open lock file; use ``claims``."""
        self._fd = fd
        self._path = path

    def take(self, key: str) -> bool:
        """Claim a chunk; return False, at once, when another run holds it.

        Raises:
            CatalogError: if the system has no locks left.
        """
        try:
            self._lock(key, fcntl.F_WRLCK)
        except (BlockingIOError, PermissionError):
            return False
        except OSError as error:
            raise storage_error(error, self._path) from error
        return True

    def release(self, key: str) -> None:
        """Give a chunk back; one that is not claimed stays so."""
        self._lock(key, fcntl.F_UNLCK)

    def _lock(self, key: str, kind: int) -> None:
        place = int(require_key(key)[:PLACE_DIGITS], 16)
        # A lock of the open file, not of the process: two runs in one worker exclude each other.
        wanted = struct.pack(_FLOCK, kind, os.SEEK_SET, place, 1, 0)
        fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, wanted)


@contextmanager
def claims(library_root: Path) -> Iterator[Claims]:
    """Lend the claims of one run; whatever it holds at the end is given back.

    Raises:
        CatalogError: if the library cannot be written.
    """
    path = library_root / "claims"
    try:
        library_root.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        yield Claims(fd, path)
    finally:
        os.close(fd)
