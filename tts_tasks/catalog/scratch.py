"""Scratch folders of running narrations: ``library/scratch/<random>/``, gone with their owner.

An owner holds a lock on its folder; what nobody holds was left by a process that died.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from tts_tasks.errors import storage_error

_locks: dict[Path, int] = {}
"""Descriptors that hold this process's locks, by folder."""


def make_scratch_folder(root: Path) -> Path:
    """Return a new folder for one run, after dropping those whose owners died.

    Args:
        root: ``library/scratch``.

    Raises:
        CatalogError: if the folder cannot be made.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        for leftover in root.iterdir():
            _drop_if_abandoned(leftover)
        while True:
            folder = Path(tempfile.mkdtemp(dir=root))
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                _locks[folder] = lock
                return folder
            # Another process took it for abandoned before it was locked.
            os.close(lock)
    except OSError as error:
        raise storage_error(error, root) from error


def drop_scratch_folder(folder: Path) -> None:
    """Delete a run's folder, and everything in it."""
    shutil.rmtree(folder, ignore_errors=True)
    if (lock := _locks.pop(folder, None)) is not None:
        os.close(lock)


def _drop_if_abandoned(folder: Path) -> None:
    try:
        lock = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return  # Its owner has just finished.
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # Its owner is at work.
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
