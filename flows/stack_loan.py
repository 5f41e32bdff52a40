"""A stack for as long as somebody needs it: the last one to leave stops it.

A stack that a command started for its own work is marked as on loan. Each command that works with
it holds a shared lock; the one that can have the lock for itself is the last, and stops the stack.
``narrate up`` and ``--keep`` take the mark away: that stack stays.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.stack import OnProgress, down, up
from flows.stack_state import StackStatus, stack_folder, status
from tts_tasks.errors import storage_error
from tts_tasks.files import lock_now
from tts_tasks.settings import Settings


@contextmanager
def borrowed_stack(settings: Settings, on_progress: OnProgress) -> Iterator[StackStatus]:
    """Lend the stack, started if none runs; the last to leave stops it if it is on loan.

    Args:
        settings: the installation.
        on_progress: told what is being done.

    Raises:
        PortTakenError: if another program listens on a port; nothing was started then.
        StackError: if a process cannot be started; everything was stopped again then.
        CatalogError: if the home cannot be written.
    """
    with _in_use(settings) as users:
        if not status(settings).running:
            _mark(settings).touch()
        try:
            yield up(settings, on_progress=on_progress)
        finally:
            if is_on_loan(settings) and lock_now(users):
                down(settings, on_progress=on_progress)
                _mark(settings).unlink(missing_ok=True)


@contextmanager
def kept_stack(settings: Settings) -> Iterator[None]:
    """Let a stack that runs now, or is started meanwhile, stay until ``narrate down``.

    Raises:
        CatalogError: if the home cannot be written.
    """
    with _in_use(settings):
        _mark(settings).unlink(missing_ok=True)
        yield
        # A borrower that found no stack yet may have marked the one that was being started.
        _mark(settings).unlink(missing_ok=True)


def is_on_loan(settings: Settings) -> bool:
    """Return whether the stack ends when nobody needs it any more."""
    return _mark(settings).exists()


@contextmanager
def _in_use(settings: Settings) -> Iterator[int]:
    """Hold the lock that says so, and lend its descriptor."""
    path = _users(settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise storage_error(error, path) from error
    with path.open() as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield users.fileno()


def _users(settings: Settings) -> Path:
    return stack_folder(settings) / "users.lock"


def _mark(settings: Settings) -> Path:
    return stack_folder(settings) / "on-loan"
