"""Processes and ports of this machine: who is who, who listens where, and how to end one.

A process is only ever ended by its id together with its start time, so that a recycled id is
never hit. Knows nothing of Prefect or of what the processes do.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

LOOPBACK = "127.0.0.1"

START_TOLERANCE_S = 1.5
"""Two readings of one process's start time differ by less, in seconds: the clock is adjusted."""

PR_SET_PDEATHSIG = 1
"""Linux ``prctl`` option: signal to get when the parent dies (``man 2 prctl``)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that can be told apart from a later one with the same id."""

    pid: int
    """Process id."""

    started_at_s: float
    """Start, in seconds since the epoch."""

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """Return who has this id now, or none when nobody has."""
        process = _process(pid)
        return None if process is None else cls(pid, process.create_time())

    def is_alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        now = Identity.of(self.pid)
        return now is not None and abs(now.started_at_s - self.started_at_s) < START_TOLERANCE_S

    def send(self, number: int) -> None:
        """Send a signal to this very process; nothing happens when it has ended."""
        if self.is_alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def _process(pid: int) -> Any:
    import psutil  # type: ignore[import-untyped]

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.Error:
        return None


def end_all(identities: list[Identity], *, number: int = signal.SIGTERM, grace_s: float) -> None:
    """Signal all, wait for them up to ``grace_s`` seconds, then kill what is left."""
    for identity in identities:
        identity.send(number)
    if not wait_until(lambda: not any(one.is_alive() for one in identities), grace_s):
        for identity in identities:
            identity.send(signal.SIGKILL)
        wait_until(lambda: not any(one.is_alive() for one in identities), 5.0)


def with_environment(name: str, value: str) -> Iterator[Identity]:
    """Yield the processes whose environment holds ``name=value``, as far as we may look."""
    import psutil

    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(name) == value:
                yield Identity(process.pid, process.create_time())
        except psutil.Error:
            continue


def working_in(pid: int, folder: str) -> bool:
    """Whether this process's working folder is ``folder``; false when we may not look."""
    import psutil

    try:
        return bool(os.path.realpath(psutil.Process(pid).cwd()) == os.path.realpath(folder))
    except psutil.Error:
        return False


def wait_until(condition: Callable[[], bool], within_s: float) -> bool:
    """Return whether the condition became true within so many seconds."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections on this loopback port."""
    with closing(socket.socket()) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port."""
    with closing(socket.socket()) as probe:
        # As servers do: a connection of a server that has ended, in TIME_WAIT, is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Return a loopback port on which nobody listens."""
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def die_with_parent(number: int) -> Callable[[], None]:
    """Return what a child calls before ``exec`` to get this signal when its parent dies (Linux).

    Must come after any change of user, which clears the setting.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def before_exec() -> None:
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # It died before we asked.
            os.kill(os.getpid(), number)

    return before_exec
