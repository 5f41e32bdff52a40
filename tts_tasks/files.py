"""Files as wholes: written all or nothing, their checksums and their locks.

Audio in the library has its own way in (``catalog.objects``): it is flushed to the disk, and comes
with a sidecar.
"""

from __future__ import annotations

import fcntl
import hashlib
import secrets
from pathlib import Path

from tts_tasks.errors import storage_error


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old text or the new one, never a part.

    Missing folders are made. The temporary name is random: threads of one worker may write the
    same file at once, and the last one wins.

    Raises:
        StorageFullError: if the disk is full; what was there before is kept.
        CatalogError: if the file cannot be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file: 64 hexadecimal digits.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
