"""The supervisor: keeps the processes of one local stack running, and stops them in order.

One thread, one loop: start what may start, ask what is starting whether it is ready, restart what
died, write down what changed. ``flows.stack`` starts it, ``flows.stack_state`` reads what it
writes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.postgres import Postgres
from flows.processes import LOOPBACK, Identity, die_with_parent
from flows.worker import runs_at_once
from tts_tasks.errors import CatalogError, NarrationError
from tts_tasks.files import write_whole
from tts_tasks.settings import Settings

TICK_S = 0.05
"""Seconds between two looks at the processes while one of them starts or stops."""

SETTLED_TICK_S = 0.25
"""The same while all of them work."""

MAX_DEATHS = 5
"""A process that died this often within ``DEATHS_WITHIN_S`` is given up."""

DEATHS_WITHIN_S = 60.0
LONGEST_PAUSE_S = 10.0
"""Longest pause, in seconds, before a process that died is started again."""

STOP_S = 15.0
"""Seconds that a process gets to end before it is killed, beyond a worker's time to drain."""

MAX_LOG_BYTES = 10_000_000
"""A log beyond this size is set aside (one older log is kept) when its process starts."""

logger = logging.getLogger(__name__)


@dataclass
class Service:
    """One process of the stack and what the supervisor knows about it."""

    name: str
    """As ``narrate status`` shows it, e.g. ``worker-cpu``."""

    command: list[str]
    """What starts it."""

    environment: dict[str, str]
    """Its whole environment."""

    is_ready: Callable[[int], bool]
    """Given its process id, whether it does its work."""

    may_start: Callable[[], bool]
    """Whether what it needs is there."""

    port: int | None = None
    """Loopback port that it listens on."""

    before_exec: Callable[[], None] | None = None
    """Called in the child before ``exec``."""

    stop_signal: int = signal.SIGTERM
    """Asks it to end cleanly."""

    stop_s: float = STOP_S
    """Seconds it gets for that."""

    process: subprocess.Popen[bytes] | None = None
    identity: Identity | None = None
    state: str = "waiting"
    """``waiting``, ``starting``, ``ready``, ``restarting``, ``failed``, ``stopping``, ``stopped``.
    """

    restarts: int = 0
    deaths_s: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_DEATHS))
    start_at_s: float = 0.0
    """Not to be started before this moment of the monotonic clock."""


class Supervisor:
    """Keeps one stack running.

    Args:
        settings: the installation.
        environment: ``PREFECT_*`` variables of the stack.
        folder: ``data/stack``.
        ports: of the Prefect server and of PostgreSQL.
        gpu: whether to run a worker for the ``gpu`` pool too.
        drain_s: seconds that running runs may go on when the stack is stopped.
    """

    def __init__(
        self,
        settings: Settings,
        environment: dict[str, str],
        folder: Path,
        *,
        ports: tuple[int, int],
        gpu: bool,
        drain_s: float,
    ) -> None:
        """Describe the processes; start nothing."""
        self.folder = folder
        self.home = settings.home
        self.prefect_port, postgres_port = ports
        self.postgres = Postgres(folder / "postgres", postgres_port)
        self.stop_requests = 0
        self.error: NarrationError | None = None
        self._written = ""
        self._identity = Identity.of(os.getpid())
        self._base = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        self._base |= environment
        pools = ["cpu", "control", *(["gpu"] if gpu else [])]
        limits = {pool: runs_at_once(pool, settings) for pool in pools}
        self.services = [self._postgres_service(), self._server_service()]
        self.services += [self._worker_service(pool, limits[pool], drain_s) for pool in limits]

    def _postgres_service(self) -> Service:
        # It gets no PREFECT_ variables, and nothing of the user's own that it does not need.
        keep = ("PATH", "TZ", "LD_LIBRARY_PATH")
        return Service(
            name="postgres",
            command=self.postgres.command(),
            environment={k: os.environ[k] for k in keep if k in os.environ},
            is_ready=lambda _: self._database_exists(),
            may_start=lambda: True,
            port=self.postgres.port,
            before_exec=self.postgres.before_exec(),
            stop_signal=signal.SIGINT,  # "Fast": ends sessions, writes a checkpoint.
        )

    def _server_service(self) -> Service:
        # uvicorn itself, not `prefect server start`: that is a second Python, which imports all
        # of Prefect (1.5 s of CPU) to start this very process.
        command = [sys.executable, "-m", "uvicorn", "--factory"]
        command += ["prefect.server.api.server:create_app", "--host", LOOPBACK]
        command += ["--port", str(self.prefect_port), "--log-level", "warning"]
        command += ["--timeout-keep-alive", "30", "--timeout-graceful-shutdown", "3"]
        return Service(
            name="prefect-server",
            command=command,
            environment={**self._base},
            is_ready=lambda _: self._server_answers(),
            may_start=lambda: self._is("postgres", "ready"),
            port=self.prefect_port,
            before_exec=die_with_parent(signal.SIGKILL),
        )

    def _server(self) -> Service:
        return next(one for one in self.services if one.name == "prefect-server")

    def _worker_service(self, pool: str, limit: int, drain_s: float) -> Service:
        name = f"worker-{pool}"
        ready_file = self.folder / f"{name}.ready"
        command = [sys.executable, "-m", "flows.worker", pool, "--limit", str(limit)]
        command += ["--drain", str(drain_s), "--slot", f"{self.home}:{name}"]
        command += ["--ready-file", str(ready_file)]
        return Service(
            name=name,
            command=command,
            environment={**self._base},
            is_ready=lambda pid: _content(ready_file) == str(pid),
            # Side by side with the server: both spend their first second importing Prefect, and
            # the worker waits for the server by itself.
            may_start=lambda: self._is("prefect-server", "starting", "ready"),
            # Not SIGTERM: without its server it could not hand its runs back.
            before_exec=die_with_parent(signal.SIGKILL),
            stop_s=drain_s + STOP_S,
        )

    def run(self) -> None:
        """Run the stack until it is told to stop; returns when nothing is left running."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request_stop)
        try:
            self.postgres.prepare()
        except NarrationError as error:
            self.error = error
            self._write("failed")
            return
        # Only now: the password in it is as old as the cluster.
        self._server().environment["PREFECT_API_DATABASE_CONNECTION_URL"] = self.postgres.url
        try:
            while not self.stop_requests:
                for service in self.services:
                    self._look_after(service)
                settled = self._all_settled()
                self._write("ready" if settled else "starting")
                time.sleep(SETTLED_TICK_S if settled else TICK_S)
        finally:
            self._stop_all()

    def _request_stop(self, *_: Any) -> None:
        self.stop_requests += 1

    def _all_settled(self) -> bool:
        return all(service.state in ("ready", "failed") for service in self.services)

    def _is(self, name: str, *states: str) -> bool:
        return any(one.name == name and one.state in states for one in self.services)

    def _look_after(self, service: Service) -> None:
        if service.process is not None and service.process.poll() is not None:
            self._note_death(service)
        if service.state in ("waiting", "restarting"):
            if service.may_start() and time.monotonic() >= service.start_at_s:
                self._start(service)
        elif service.process is not None and service.state == "starting":
            self._ask(service, service.process.pid)

    def _ask(self, service: Service, pid: int) -> None:
        if service.is_ready(pid):
            service.state = "ready"
            logger.info("%s is ready", service.name)

    def _start(self, service: Service) -> None:
        log = self.folder / f"{service.name}.log"
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        (self.folder / f"{service.name}.ready").unlink(missing_ok=True)
        with log.open("ab") as output:
            service.process = subprocess.Popen(
                service.command,
                env=service.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/" if service.name == "postgres" else self.home,
                # Ctrl-C in the terminal of a foreground stack must reach the supervisor alone.
                start_new_session=True,
                # One thread, no locks held: what makes preexec_fn risky is not here.
                preexec_fn=service.before_exec,
            )
        service.identity = Identity.of(service.process.pid)
        service.state = "starting"
        logger.info("%s starts as process %d", service.name, service.process.pid)

    def _note_death(self, service: Service) -> None:
        assert service.process is not None
        code = service.process.returncode
        service.process = service.identity = None
        now_s = time.monotonic()
        service.deaths_s.append(now_s)
        if len(service.deaths_s) == MAX_DEATHS and now_s - service.deaths_s[0] < DEATHS_WITHIN_S:
            service.state = "failed"
            logger.error("%s ended with code %s and is given up", service.name, code)
            return
        recent = sum(1 for death_s in service.deaths_s if now_s - death_s < DEATHS_WITHIN_S)
        pause_s = min(0.1 * 3 ** (recent - 1), LONGEST_PAUSE_S)
        service.restarts += 1
        service.state = "restarting"
        service.start_at_s = now_s + pause_s
        logger.warning("%s ended with code %s; again in %.1f s", service.name, code, pause_s)

    def _stop_all(self) -> None:
        """Workers first, which hand their runs back; then their server; then its database."""
        workers = [one for one in self.services if one.name.startswith("worker-")]
        others = [one for one in reversed(self.services) if one not in workers]
        self._stop(workers)
        for service in others:
            self._stop([service])
        self._write("stopped")

    def _stop(self, services: list[Service]) -> None:
        stopping = [one for one in services if one.process is not None]
        for service in stopping:
            assert service.process is not None
            service.state = "stopping"
            service.process.send_signal(service.stop_signal)
        self._write("stopping")
        sent = self.stop_requests
        deadline_s = time.monotonic() + max((one.stop_s for one in stopping), default=0.0)
        while any(one.process and one.process.poll() is None for one in stopping):
            if self.stop_requests > sent:  # Asked again: no time to drain.
                sent = self.stop_requests
                deadline_s = min(deadline_s, time.monotonic() + STOP_S)
                for service in stopping:
                    if service.process:
                        service.process.send_signal(service.stop_signal)
            if time.monotonic() > deadline_s:
                for service in stopping:
                    if service.process:
                        service.process.kill()
            time.sleep(TICK_S)
        for service in services:
            service.state, service.process, service.identity = "stopped", None, None

    def _database_exists(self) -> bool:
        try:
            asyncio.run(self.postgres.create_database())
        except OSError:
            return False
        except Exception as error:
            # asyncpg has no common base for "not yet": starting up, recovering, refusing.
            if type(error).__module__.startswith("asyncpg"):
                return False
            raise
        return True

    def _server_answers(self) -> bool:
        url = f"http://{LOOPBACK}:{self.prefect_port}/api/health"
        try:
            with urllib.request.urlopen(url, timeout=1.0) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _write(self, phase: str) -> None:
        """Replace the state file when something changed."""
        content = {
            "phase": phase,
            "error": self.error.as_dict() if self.error else None,
            "prefect_port": self.prefect_port,
            "postgres_port": self.postgres.port,
            "processes": [
                _entry(
                    "supervisor", self._identity, None, "ready" if phase == "ready" else phase, 0
                ),
                *(
                    _entry(one.name, one.identity, one.port, one.state, one.restarts)
                    for one in self.services
                ),
            ],
        }
        text = json.dumps(content, indent=2)
        if text == self._written:
            return
        try:
            write_whole(self.folder / "state.json", text)
        except CatalogError as error:
            # A full disk must not end what runs; it is written as soon as there is room.
            logger.warning("%s", error)
            return
        self._written = text


def _entry(
    name: str, identity: Identity | None, port: int | None, state: str, restarts: int
) -> dict[str, Any]:
    return {
        "name": name,
        "pid": identity.pid if identity else None,
        "started_at_s": identity.started_at_s if identity else None,
        "port": port,
        "state": state,
        "restarts": restarts,
    }


def _content(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
