"""Starting and stopping the local stack: ``up`` and ``down``.

Embedded PostgreSQL, the Prefect server and its workers run below one supervisor, a process of its
own session (``python -m flows.stack``), and everything they keep lies in ``data/stack/``. What is
known of them, and the environment they share, is ``stack_state``'s.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flows.processes import (
    LOOPBACK,
    Identity,
    end_all,
    free_port,
    is_free,
    wait_until,
    with_environment,
)
from flows.stack_state import (
    MARK,
    StackStatus,
    environment_at,
    identity_of,
    read_state,
    stack_folder,
    status,
    supervisor_of,
)
from tts_tasks.errors import (
    NarrationError,
    PortTakenError,
    StackError,
    excerpt,
    storage_error,
)
from tts_tasks.settings import Settings, load_settings

START_S = 120.0
"""Seconds that a stack gets to be ready; a cold start on 2 busy cores needs about 20."""

DRAIN_S = 60.0
"""Seconds that running runs may go on when the stack is stopped."""

STOP_S = 40.0
"""Seconds that the stack gets to stop, beyond the time to drain."""

OnProgress = Callable[[str], None]
"""Told, in a few words, what is being done."""


def up(
    settings: Settings,
    *,
    gpu: bool | None = None,
    foreground: bool = False,
    drain_s: float = DRAIN_S,
    on_progress: OnProgress | None = None,
) -> StackStatus:
    """Start the stack, or find it running, and return once every process does its work.

    What a stack that was killed left behind is stopped first.

    Args:
        settings: the installation; a port of 0 means any free one.
        gpu: whether to run a worker for the ``gpu`` pool too; by default where an engine has the
            GPU that it needs. A running stack stays as it is.
        foreground: whether to return only when the stack is stopped (Ctrl-C, SIGTERM, ``down``).
        drain_s: seconds that running runs may go on when the stack is stopped.
        on_progress: told what is being done.

    Raises:
        PortTakenError: if another program listens on a port; nothing was started then.
        StackError: if a process cannot be started; everything was stopped again then.
        CatalogError: if the home cannot be written.
    """
    tell = on_progress or _nothing
    folder = stack_folder(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "up.lock").touch()
    except OSError as error:
        raise storage_error(error, folder) from error
    with _lock(folder / "up.lock"):
        if supervisor := supervisor_of(read_state(settings)):
            tell("the stack is already running")
        else:
            _end_leftovers(settings, tell)
            ports = _choose_ports(settings)
            tell("starting PostgreSQL, the Prefect server and the workers")
            has_gpu = is_gpu_of_use(settings) if gpu is None else gpu
            supervisor = _start_supervisor(settings, ports, gpu=has_gpu, drain_s=drain_s)
        try:
            _wait_until_ready(settings, supervisor, tell)
        except BaseException:
            _stop(supervisor, settings, drain_s=0.0)
            raise
    found = status(settings)
    if foreground:
        _stay(settings, supervisor)
    return found


def is_gpu_of_use(settings: Settings) -> bool:
    """Return whether an engine that needs a GPU can speak on this machine."""
    from tts_tasks.engines.registry import load_engine, providers

    for name in providers():
        with suppress(NarrationError):
            engine = load_engine(name, settings)
            if engine.needs_gpu and engine.availability().now:
                return True
    return False


def down(
    settings: Settings,
    *,
    drain_s: float = DRAIN_S,
    on_progress: OnProgress | None = None,
) -> bool:
    """Stop the stack and whatever a killed one left behind.

    Args:
        settings: the installation.
        drain_s: seconds that running runs may go on; those that need longer are handed back and
            go on when the stack is up again.
        on_progress: told what is being done.

    Returns:
        Whether there was anything to stop.
    """
    tell = on_progress or _nothing
    folder = stack_folder(settings)
    if not folder.is_dir():
        return False
    # An `up` meanwhile would find a stack that ends, or have its new one taken for a leftover.
    with _lock(folder / "up.lock"):
        supervisor = supervisor_of(read_state(settings))
        if supervisor:
            tell("stopping the workers, the Prefect server and PostgreSQL")
            _stop(supervisor, settings, drain_s=drain_s)
        found = _end_leftovers(settings, tell)
    return supervisor is not None or found


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a lock that the system releases when this process ends, however it ends."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _choose_ports(settings: Settings) -> tuple[int, int]:
    """Return the ports of the Prefect server and of PostgreSQL.

    Raises:
        PortTakenError: if one is in use.
    """
    wanted = {
        "NARRATION_PREFECT_PORT": settings.prefect_port,
        "NARRATION_POSTGRES_PORT": settings.postgres_port,
    }
    chosen: list[int] = []
    for name, port in wanted.items():
        if port != 0 and port in chosen:
            raise PortTakenError(
                f"the Prefect server and PostgreSQL cannot both have port {port}",
                field=name,
                value=port,
                remedy=f"set {name} to another port, or to 0 to have one chosen",
            )
        if port != 0 and not is_free(port):
            raise PortTakenError(
                f"another program listens on {LOOPBACK}:{port}",
                field=name,
                value=port,
                remedy=f"set {name} to a free port, or to 0 to have one chosen",
            )
        while port == 0 or port in chosen:
            port = free_port()
        chosen.append(port)
    return chosen[0], chosen[1]


def _start_supervisor(
    settings: Settings, ports: tuple[int, int], *, gpu: bool, drain_s: float
) -> Identity:
    folder = stack_folder(settings)
    (folder / "state.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", "flows.stack", "--ports", *map(str, ports)]
    command += ["--drain", str(drain_s), *(["--gpu"] if gpu else [])]
    environment = {**os.environ, MARK: str(settings.home), "NARRATION_HOME": str(settings.home)}
    with (folder / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    identity = Identity.of(process.pid)
    # It outlives this process on purpose; without this, Python would warn that it does.
    process.returncode = 0
    return identity or Identity(process.pid, time.time())


def _wait_until_ready(settings: Settings, supervisor: Identity, tell: OnProgress) -> None:
    deadline_s = time.monotonic() + START_S
    told: set[str] = set()
    while True:
        state = read_state(settings)
        for entry in state["processes"]:
            if entry["state"] == "failed" and entry["name"] != "supervisor":
                raise _failed(settings, entry["name"])
            if entry["state"] == "ready" and entry["name"] not in told | {"supervisor"}:
                told.add(entry["name"])
                tell(f"{entry['name']} is ready")
        if state["error"]:
            error = state["error"]
            raise StackError(error["message"], field=error["field"], remedy=error["remedy"])
        if state["phase"] == "ready":
            return
        if not supervisor.is_alive():
            raise _failed(settings, "supervisor")
        if time.monotonic() > deadline_s:
            slow = [entry["name"] for entry in state["processes"] if entry["state"] != "ready"]
            raise _failed(settings, (slow or ["supervisor"])[-1])
        time.sleep(0.05)


def _failed(settings: Settings, name: str) -> StackError:
    log = stack_folder(settings) / f"{name}.log"
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return StackError(
        f"cannot be started: {excerpt(lines[-1]) if lines else 'it left no message'}",
        field=name,
        value=name,
        remedy=f"read {log}",
    )


def _stop(supervisor: Identity, settings: Settings, *, drain_s: float) -> None:
    """Stop the supervisor with all it looks after; it is asked twice when time is short."""
    supervisor.send(signal.SIGTERM)
    if not wait_until(lambda: not supervisor.is_alive(), drain_s + 5.0):
        supervisor.send(signal.SIGTERM)
    if not wait_until(lambda: not supervisor.is_alive(), STOP_S):
        supervisor.send(signal.SIGKILL)
    _end_leftovers(settings, _nothing)


def _end_leftovers(settings: Settings, tell: OnProgress) -> bool:
    """Stop what a killed stack left running; only what is proven to be this stack's."""
    from flows.postgres import Postgres

    entries = read_state(settings)["processes"]
    left = {one for entry in entries if (one := identity_of(entry)) and one.is_alive()}
    left |= set(with_environment(MARK, str(settings.home)))
    mine = Identity.of(os.getpid())
    others = [one for one in left if mine is None or one.pid != mine.pid]
    if others:
        tell(f"stopping {len(others)} processes that an earlier stack left behind")
        # At once: without a supervisor there is nobody to drain for.
        end_all(others, number=signal.SIGKILL, grace_s=5.0)
    Postgres(stack_folder(settings) / "postgres", 0).end_leftover()
    return bool(others)


def _stay(settings: Settings, supervisor: Identity) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        while supervisor.is_alive():
            time.sleep(0.2)
    except KeyboardInterrupt:
        down(settings)
    finally:
        signal.signal(signal.SIGTERM, before)


def _nothing(_: str) -> None:
    return None


def main(arguments: list[str] | None = None) -> None:
    """Be the supervisor: what ``up`` starts."""
    import argparse

    from flows.supervisor import Supervisor

    parser = argparse.ArgumentParser(prog="python -m flows.stack", description="The supervisor.")
    parser.add_argument("--ports", type=int, nargs=2, required=True)
    parser.add_argument("--drain", type=float, default=DRAIN_S)
    parser.add_argument("--gpu", action="store_true")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = load_settings()
    prefect_port, postgres_port = given.ports
    Supervisor(
        settings,
        environment_at(settings, prefect_port),
        stack_folder(settings),
        ports=(prefect_port, postgres_port),
        gpu=given.gpu,
        drain_s=given.drain,
    ).run()


if __name__ == "__main__":
    main()
