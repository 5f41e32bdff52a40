"""prefect.yaml and deploying: that every deployment is true, and that deploying twice is free."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.support.stack import Stack, until_async
from tts_tasks.errors import StackError
from tts_tasks.settings import PROJECT

FILE = PROJECT / "prefect.yaml"
NAMES = ["narrate/cpu", "narrate/gpu", "narrate-course/nightly", "upkeep/library"]


def configs() -> list[dict[str, Any]]:
    return list(yaml.safe_load(FILE.read_text())["deployments"])


async def read(name: str) -> Any:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        return await client.read_deployment_by_name(name)


def deploy(stack: Stack, **options: Any) -> list[str]:
    from flows.deploy import deploy

    return asyncio.run(deploy(stack.settings, file=FILE, **options))


@pytest.mark.parametrize("config", configs(), ids=lambda config: config["name"])
def test_every_entrypoint_is_a_flow_that_takes_the_parameters(config: dict[str, Any]) -> None:
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint(config["entrypoint"], use_placeholder_flow=False)
    given = config.get("parameters", {})
    assert given.keys() <= flow.parameters.properties.keys()
    if config.get("schedules"):
        flow.validate_parameters(given)


def test_the_file_holds_no_absolute_path() -> None:
    text = FILE.read_text()
    assert str(PROJECT) not in text
    assert ": /" not in text


@pytest.mark.stack
def test_deploying_creates_pools_and_deployments_once(stack: Stack) -> None:
    from prefect.client.orchestration import get_client

    assert deploy(stack) == NAMES

    async def pools() -> dict[str, str]:
        async with get_client() as client:
            return {pool.name: pool.type for pool in await client.read_work_pools()}

    assert {"gpu", "cpu", "control"} <= asyncio.run(pools()).keys()
    assert set(asyncio.run(pools()).values()) == {"warm"}
    before = [asyncio.run(read(name)) for name in NAMES]
    assert deploy(stack) == NAMES
    after = [asyncio.run(read(name)) for name in NAMES]
    assert [one.id for one in before] == [one.id for one in after]
    assert [one.work_pool_name for one in after] == ["cpu", "gpu", "control", "control"]


@pytest.mark.stack
def test_the_cron_yields_scheduled_runs(stack: Stack) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    deploy(stack)

    async def first() -> Any:
        async with get_client() as client:
            runs = await client.read_flow_runs(
                deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=["nightly"]))
            )
        return min((run for run in runs if run.auto_scheduled), default=None, key=when)

    def when(run: Any) -> Any:
        return run.expected_start_time

    run = asyncio.run(until_async(first, 60, "the scheduler made a run"))
    assert run.state_name == "Scheduled"
    # 03:00 in São Paulo, which has had no daylight saving time since 2019.
    assert (when(run).hour, when(run).minute, when(run).utcoffset().total_seconds()) == (6, 0, 0)


@pytest.mark.stack
def test_prefects_own_command_deploys_the_same_file(stack: Stack) -> None:
    deploy(stack)
    before = [asyncio.run(read(name)) for name in NAMES]
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=PROJECT,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    after = [asyncio.run(read(name)) for name in NAMES]
    for old, new in zip(before, after, strict=True):
        assert (old.id, old.entrypoint, old.parameters) == (new.id, new.entrypoint, new.parameters)
        assert not new.pull_steps
    assert [one.schedule.cron for one in after[2].schedules] == ["0 3 * * *"]
    assert deploy(stack) == NAMES


@pytest.mark.stack
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("deployments: [{name: x}]", "not a list of deployments"),
        ("deployments: 3", "not a list of deployments"),
        ("{[", "not a list of deployments"),
        (
            "deployments: [{name: x, entrypoint: flows.no_such.flow, work_pool: {name: cpu}}]",
            "no such flow",
        ),
    ],
)
def test_a_wrong_file_is_named(stack: Stack, text: str, said: str) -> None:
    from flows.deploy import deploy

    file = stack.settings.home / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(StackError, match=said) as raised:
        asyncio.run(deploy(stack.settings, file=file))
    assert raised.value.field == "wrong.yaml"


@pytest.mark.stack
def test_an_unknown_deployment_is_named(stack: Stack) -> None:
    from flows.runs import trigger

    with pytest.raises(StackError, match="no such deployment") as raised:
        asyncio.run(trigger("narrate/nowhere", {}))
    assert raised.value.value == "narrate/nowhere"


@pytest.mark.stack
def test_one_key_makes_one_run(stack: Stack) -> None:
    from flows.runs import trigger

    async def main() -> set[Any]:
        return {(await trigger("quick/cpu", {}, idempotency_key="once")).id for _ in range(2)}

    assert len(asyncio.run(main())) == 1
