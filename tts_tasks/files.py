"""Files as wholes: written all or nothing, their checksums and their locks.

Audio in the library has its own way in (``catalog.objects``): it is flushed to the disk, and comes
with a sidecar.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from tts_tasks.errors import storage_error


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part.

    Text is written in UTF-8. Missing folders are made. The temporary name is random: threads of one
    worker may write the same file at once, and the last one wins.

    Raises:
        StorageFullError: if the disk is full; what was there before is kept.
        CatalogError: if the file cannot be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(content if isinstance(content, bytes) else content.encode())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error


def flush(path: Path) -> None:
    """Return when a file or folder is on the disk (fsync).

    Raises:
        OSError: if it cannot be written.
    """
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file: 64 hexadecimal digits.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Be the only one, among all processes, who holds a lock file; the others wait.

    The file is made for the time that somebody holds it.

    Raises:
        OSError: if it cannot be made.
    """
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                # Who held it before may have removed it: then a new file is the lock.
                if os.path.samestat(os.fstat(fd), os.stat(path)):
                    break
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)


def lock_now(fd: int) -> bool:
    """Lock an open file or folder for its holder alone, unless somebody else has locked it.

    The system drops the lock when the descriptor is closed, also when its holder is killed.

    Returns:
        Whether it is locked now.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
