"""The local stack: ``up``, ``down``, ``status``, and the environment that all of it shares.

Embedded PostgreSQL, the Prefect server and its workers run below one supervisor, a process of its
own session (``python -m flows.stack``), and everything they keep lies in ``data/stack/``. The
stack neither reads nor changes the user's own Prefect: ``PREFECT_*`` variables that point
elsewhere (another server, a profile, a key) are dropped for its processes, and ``use_stack``
drops them for this one.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from tts_tasks.errors import PortTakenError, StackError, excerpt, storage_error
from tts_tasks.settings import Settings, load_settings

MARK = "_NARRATION_STACK"
"""Environment variable of the stack's processes, with the stack's home: proof that it is ours.
The underscore in front keeps it out of the settings."""

START_S = 120.0
"""Seconds that a stack gets to be ready; a cold start on 2 busy cores needs about 20."""

DRAIN_S = 60.0
"""Seconds that running runs may go on when the stack is stopped."""

STOP_S = 40.0
"""Seconds that the stack gets to stop, beyond the time to drain."""

OnProgress = Callable[[str], None]
"""Told, in a few words, what is being done."""


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process of the stack."""

    name: str
    """E.g. ``postgres``, ``worker-cpu``."""

    pid: int | None
    """Process id; none while it is not running."""

    port: int | None
    """Loopback port that it listens on; none for those that listen nowhere."""

    state: str
    """``waiting``, ``starting``, ``ready``, ``restarting``, ``failed``, ``stopping``, ``stopped``,
    or ``dead``: it should run, and does not."""

    restarts: int
    """Times that it died and was started again."""

    log: str
    """File that holds its output."""


@dataclass(frozen=True, slots=True)
class StackStatus:
    """The stack of one installation."""

    running: bool
    """Whether its supervisor runs."""

    ready: bool
    """Whether every process does its work."""

    ui: str
    """Address of the Prefect UI; empty while a stack that chooses its own port does not run."""

    api: str
    """Address of the Prefect API; empty when ``ui`` is."""

    processes: tuple[ProcessStatus, ...]
    """The supervisor and what it looks after; empty when there is no stack."""

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        names = ("name", "pid", "port", "state", "restarts", "log")
        return {
            "running": self.running,
            "ready": self.ready,
            "ui": self.ui,
            "api": self.api,
            "processes": [{n: getattr(one, n) for n in names} for one in self.processes],
        }


def stack_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of everything that belongs to, or talks to, the local stack.

    The port is that of the running stack, or else the one in the settings.

    Raises:
        StackError: if the setting is 0 (any free port) and no stack runs to ask.
    """
    state = _read_state(settings)
    port = state["prefect_port"] if _supervisor(state) else settings.prefect_port
    if port == 0:
        raise StackError(
            "the stack is to choose its own port, and does not run",
            field="NARRATION_PREFECT_PORT",
            value=0,
            remedy="run `narrate up` first",
        )
    return _environment(settings, port)


def use_stack(settings: Settings) -> None:
    """Make Prefect in this process talk to the local stack and to nothing else.

    Best called before Prefect is imported; Prefect's settings are read again when it was.
    """
    environment = stack_environment(settings)
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ.update(environment)
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


def up(
    settings: Settings,
    *,
    gpu: bool = False,
    foreground: bool = False,
    drain_s: float = DRAIN_S,
    on_progress: OnProgress | None = None,
) -> StackStatus:
    """Start the stack, or find it running, and return once every process does its work.

    What a stack that was killed left behind is stopped first.

    Args:
        settings: the installation; a port of 0 means any free one.
        gpu: whether to run a worker for the ``gpu`` pool too; a running stack stays as it is.
        foreground: whether to return only when the stack is stopped (Ctrl-C, SIGTERM, ``down``).
        drain_s: seconds that running runs may go on when the stack is stopped.
        on_progress: told what is being done.

    Raises:
        PortTakenError: if another program listens on a port; nothing was started then.
        StackError: if a process cannot be started; everything was stopped again then.
        CatalogError: if the home cannot be written.
    """
    tell = on_progress or _nothing
    folder = _folder(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "up.lock").touch()
    except OSError as error:
        raise storage_error(error, folder) from error
    with _lock(folder / "up.lock"):
        if supervisor := _supervisor(_read_state(settings)):
            tell("the stack is already running")
        else:
            _end_leftovers(settings, tell)
            ports = _choose_ports(settings)
            tell("starting PostgreSQL, the Prefect server and the workers")
            supervisor = _start_supervisor(settings, ports, gpu=gpu, drain_s=drain_s)
        try:
            _wait_until_ready(settings, supervisor, tell)
        except BaseException:
            _stop(supervisor, settings, drain_s=0.0)
            raise
    found = status(settings)
    if foreground:
        _stay(settings, supervisor)
    return found


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
    folder = _folder(settings)
    if not folder.is_dir():
        return False
    supervisor = _supervisor(_read_state(settings))
    if supervisor:
        tell("stopping the workers, the Prefect server and PostgreSQL")
        _stop(supervisor, settings, drain_s=drain_s)
    found = _end_leftovers(settings, tell)
    return supervisor is not None or found


def status(settings: Settings) -> StackStatus:
    """Return what runs, by looking at the processes themselves; starts and changes nothing."""
    state = _read_state(settings)
    supervisor = _supervisor(state)
    port = state["prefect_port"] if supervisor else settings.prefect_port
    processes = tuple(_process_status(settings, entry) for entry in state["processes"])
    return StackStatus(
        running=supervisor is not None,
        ready=supervisor is not None and all(one.state == "ready" for one in processes),
        ui=f"http://{LOOPBACK}:{port}" if port else "",
        api=f"http://{LOOPBACK}:{port}/api" if port else "",
        processes=processes,
    )


def _process_status(settings: Settings, entry: dict[str, Any]) -> ProcessStatus:
    identity = _identity(entry)
    alive = identity is not None and identity.is_alive()
    died = not alive and entry["state"] in ("starting", "ready", "stopping")
    return ProcessStatus(
        name=entry["name"],
        pid=entry["pid"] if alive else None,
        port=entry["port"],
        state="dead" if died else entry["state"],
        restarts=entry["restarts"],
        log=str(_folder(settings) / f"{entry['name']}.log"),
    )


def _environment(settings: Settings, port: int) -> dict[str, str]:
    api = f"http://{LOOPBACK}:{port}/api"
    folder = _folder(settings)
    return {
        "NARRATION_HOME": str(settings.home),
        "PREFECT_API_URL": api,
        "PREFECT_UI_URL": f"http://{LOOPBACK}:{port}",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_PROFILES_PATH": str(folder / "prefect" / "profiles.toml"),
        # No certificate to check on plain http; loading them costs 0.1 s of CPU per API client.
        "PREFECT_API_TLS_INSECURE_SKIP_VERIFY": "true",
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "tts_tasks,flows",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        # The minimum: an automation can then call a run dead after 75 s instead of 7 minutes.
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_SERVER_API_HOST": LOOPBACK,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_UI_API_URL": api,
        # Beside the data: site-packages may not be writable, and several stacks share it.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(folder / "ui"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def _folder(settings: Settings) -> Path:
    return settings.data / "stack"


def _read_state(settings: Settings) -> dict[str, Any]:
    """Return what the supervisor wrote last; an empty stack when there is nothing readable."""
    empty: dict[str, Any] = {"phase": "stopped", "error": None, "processes": []}
    empty |= {"prefect_port": settings.prefect_port, "postgres_port": settings.postgres_port}
    try:
        state = json.loads((_folder(settings) / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return empty
    complete = isinstance(state, dict) and empty.keys() <= state.keys()
    return state if complete else empty


def _identity(entry: dict[str, Any]) -> Identity | None:
    return None if entry["pid"] is None else Identity(entry["pid"], entry["started_at_s"])


def _supervisor(state: dict[str, Any]) -> Identity | None:
    """Return the supervisor, if it is alive."""
    for entry in state["processes"]:
        if entry["name"] == "supervisor":
            identity = _identity(entry)
            return identity if identity and identity.is_alive() else None
    return None


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
    folder = _folder(settings)
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
        state = _read_state(settings)
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
    log = _folder(settings) / f"{name}.log"
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

    entries = _read_state(settings)["processes"]
    left = {one for entry in entries if (one := _identity(entry)) and one.is_alive()}
    left |= set(with_environment(MARK, str(settings.home)))
    mine = Identity.of(os.getpid())
    others = [one for one in left if mine is None or one.pid != mine.pid]
    if others:
        tell(f"stopping {len(others)} processes that an earlier stack left behind")
        # At once: without a supervisor there is nobody to drain for.
        end_all(others, number=signal.SIGKILL, grace_s=5.0)
    Postgres(_folder(settings) / "postgres", 0).end_leftover()
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
        _environment(settings, prefect_port),
        _folder(settings),
        ports=(prefect_port, postgres_port),
        gpu=given.gpu,
        drain_s=given.drain,
    ).run()


if __name__ == "__main__":
    main()
