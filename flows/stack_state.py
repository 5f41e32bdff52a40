"""What is known of the local stack: its processes, as they are now, and its environment.

Starts and stops nothing. The stack neither reads nor changes the user's own Prefect: ``PREFECT_*``
variables that point elsewhere (another server, a profile, a key) are dropped for its processes, and
``use_stack`` drops them for this one.

The supervisor writes ``data/stack/state.json``; everybody else asks here.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.processes import LOOPBACK, Identity
from tts_tasks.errors import StackError
from tts_tasks.settings import Settings

MARK = "_NARRATION_STACK"
"""Environment variable of the stack's processes, with the stack's home: proof that it is ours.
The underscore in front keeps it out of the settings."""


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
    state = read_state(settings)
    port = state["prefect_port"] if supervisor_of(state) else settings.prefect_port
    if port == 0:
        raise StackError(
            "the stack is to choose its own port, and does not run",
            field="NARRATION_PREFECT_PORT",
            value=0,
            remedy="run `narrate up` first",
        )
    return environment_at(settings, port)


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


def status(settings: Settings) -> StackStatus:
    """Return what runs, by looking at the processes themselves; starts and changes nothing."""
    state = read_state(settings)
    supervisor = supervisor_of(state)
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
    identity = identity_of(entry)
    alive = identity is not None and identity.is_alive()
    died = not alive and entry["state"] in ("starting", "ready", "stopping")
    return ProcessStatus(
        name=entry["name"],
        pid=entry["pid"] if alive else None,
        port=entry["port"],
        state="dead" if died else entry["state"],
        restarts=entry["restarts"],
        log=str(stack_folder(settings) / f"{entry['name']}.log"),
    )


def environment_at(settings: Settings, port: int) -> dict[str, str]:
    """Return the environment of a stack whose Prefect server has this port."""
    api = f"http://{LOOPBACK}:{port}/api"
    folder = stack_folder(settings)
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


def stack_folder(settings: Settings) -> Path:
    """Return the folder of everything that the stack keeps."""
    return settings.data / "stack"


def read_state(settings: Settings) -> dict[str, Any]:
    """Return what the supervisor wrote last; an empty stack when there is nothing readable."""
    empty: dict[str, Any] = {"phase": "stopped", "error": None, "processes": []}
    empty |= {"prefect_port": settings.prefect_port, "postgres_port": settings.postgres_port}
    try:
        state = json.loads((stack_folder(settings) / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return empty
    complete = isinstance(state, dict) and empty.keys() <= state.keys()
    return state if complete else empty


def identity_of(entry: dict[str, Any]) -> Identity | None:
    """Return the process of an entry of the state."""
    return None if entry["pid"] is None else Identity(entry["pid"], entry["started_at_s"])


def supervisor_of(state: dict[str, Any]) -> Identity | None:
    """Return the supervisor, if it is alive."""
    for entry in state["processes"]:
        if entry["name"] == "supervisor":
            identity = identity_of(entry)
            return identity if identity and identity.is_alive() else None
    return None
