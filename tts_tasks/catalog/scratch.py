"""Scratch folders of running narrations: ``library/scratch/<random>/``, gone with their owner.

An owner holds a lock on its folder; what nobody holds was left by a process that died.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tts_tasks.errors import storage_error
from tts_tasks.files import lock_now


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """Lend a new folder for one run; first drop those whose owners died.

    It is gone when the run leaves, also when a thread of a cancelled run still writes into it.

    Args:
        root: ``library/scratch``.

    Raises:
        CatalogError: if the folder cannot be made.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        for leftover in root.iterdir():
            _drop_if_abandoned(leftover)
        folder, lock = _make_locked(root)
    except OSError as error:
        raise storage_error(error, root) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _make_locked(root: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(dir=root))
        # Until it is locked, another run takes it for abandoned, and may drop it.
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        os.close(lock)


def _drop_if_abandoned(folder: Path) -> None:
    try:
        lock = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return  # Its owner has just finished.
    try:
        if lock_now(lock):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
