"""One real stack for the whole test session: embedded PostgreSQL, Prefect server, workers."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from tts_tasks.settings import PROJECT, Settings

FLOWS = (
    "quick",
    "quick_sync",
    "talkative",
    "sleeper",
    "busy_sync",
    "nested",
    "parent",
    "exits",
    "fails",
    "late",
)


def until(condition: Callable[[], Any], within_s: float = 30.0, what: str = "") -> Any:
    """Poll until the condition is true, and return what it returned."""
    deadline_s = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {what or condition}"
        time.sleep(0.05)
    return value


async def until_async(
    condition: Callable[[], Awaitable[Any]], within_s: float = 30.0, what: str = ""
) -> Any:
    """Poll until the awaited condition is true, and return what it returned."""
    deadline_s = time.monotonic() + within_s
    while not (value := await condition()):
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {what or condition}"
        await asyncio.sleep(0.05)
    return value


def short_home() -> Path:
    """Return a new home with a short path, whatever the machine's folder for temporary files."""
    return Path(tempfile.mkdtemp(prefix="n-", dir="/tmp"))


def settings_in(home: Path) -> Settings:
    """Return settings of a stack that chooses its own ports."""
    return Settings(home=home, prefect_port=0, postgres_port=0, max_running=8)


def deployments_to(pool: str) -> str:
    """Return a ``prefect.yaml`` that deploys the flows under test, each as ``<flow>/<pool>``."""
    return yaml.safe_dump(
        {
            "deployments": [
                {
                    "name": pool,
                    "entrypoint": f"tests.support.flows_under_test.{name}",
                    "work_pool": {"name": pool},
                }
                for name in FLOWS
            ]
        }
    )


@dataclass(frozen=True)
class Stack:
    """A running stack, and this process's Prefect client pointed at it."""

    settings: Settings

    def pid(self, name: str) -> int:
        """Return the process id of one of its processes, once it is ready."""
        from flows.stack_state import status

        def ready() -> int | None:
            found = next(one for one in status(self.settings).processes if one.name == name)
            return found.pid if found.state == "ready" else None

        return int(until(ready, 60.0, f"{name} is ready"))

    def deploy(self, pool: str) -> list[str]:
        """Deploy the flows under test to a pool."""
        from flows.deploy import deploy

        file = self.settings.home / f"{pool}.yaml"
        file.write_text(deployments_to(pool))
        return asyncio.run(deploy(self.settings, file=file))

    def run(self, deployment: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Trigger a run and wait for its end."""
        from flows.runs import trigger, wait_for

        async def main() -> Any:
            run = await trigger(deployment, parameters or {})
            return (await wait_for([run.id], poll_s=0.1))[run.id]

        return asyncio.run(main())


async def state_name(run_id: UUID) -> str:
    """Return the name of a run's state."""
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        return (await client.read_flow_run(run_id)).state_name or ""


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Start a stack on free ports in a new home, and stop it after the last test."""
    from flows.stack import down, up
    from flows.stack_state import use_stack

    home = short_home()
    settings = settings_in(home)
    before = dict(os.environ)
    # Workers run in the home and import the flows under test from the checkout.
    os.environ["PYTHONPATH"] = str(PROJECT)
    os.environ["NARRATION_MAX_RUNNING"] = "8"
    try:
        up(settings)
        use_stack(settings)
        running = Stack(settings)
        running.deploy("cpu")
        yield running
    finally:
        down(settings, drain_s=0.0)
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(home)
