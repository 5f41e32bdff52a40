"""The warm worker, against a real server: what each run gets, and what one run may not do."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.stack import Stack, state_name, until, until_async

pytestmark = pytest.mark.stack


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the flows under test leave their traces; ends those that still wait."""
    yield tmp_path
    (tmp_path / "go").touch()


async def trigger_sleepers(folder: Path, count: int, deployment: str = "sleeper/cpu") -> list[UUID]:
    from flows.runs import trigger

    return [(await trigger(deployment, {"folder": str(folder)})).id for _ in range(count)]


async def until_state(run_id: UUID, name: str, within_s: float = 30.0) -> None:
    async def reached() -> bool:
        return await state_name(run_id) == name

    await until_async(reached, within_s, f"{name}, is {await state_name(run_id)}")


def test_a_triggered_run_is_running_soon(stack: Stack) -> None:
    stack.run("quick/cpu")  # The first run imports the flow.
    run = stack.run("quick/cpu", {"word": "olá"})
    assert run.state_name == "Completed"
    assert (run.start_time - run.created).total_seconds() < 10


def test_cancelling_one_run_leaves_its_neighbours_alone(stack: Stack, folder: Path) -> None:
    from flows.runs import cancel, wait_for

    async def main() -> tuple[float, list[str]]:
        runs = await trigger_sleepers(folder, 3)
        for run_id in runs:
            await until_state(run_id, "Running")
        asked_s = time.monotonic()
        await cancel([runs[1]])
        await wait_for([runs[1]], poll_s=0.05)
        took_s = time.monotonic() - asked_s
        names = [await state_name(run_id) for run_id in runs]
        assert (folder / f"cancelled-{runs[1]}").read_text() == "Cancelling"
        (folder / "go").touch()
        await wait_for(runs)
        return took_s, names + [await state_name(run_id) for run_id in runs]

    took_s, names = asyncio.run(main())
    assert names == ["Running", "Cancelled", "Running", "Completed", "Cancelled", "Completed"]
    assert took_s < 30, "the run would have slept for a minute"
    assert len(list(folder.glob("cancelled-*"))) == 1


def test_a_cancelled_run_was_never_crashed(stack: Stack, folder: Path) -> None:
    from prefect.client.orchestration import get_client

    from flows.runs import cancel, wait_for

    async def main() -> list[str]:
        [run_id] = await trigger_sleepers(folder, 1)
        await until_state(run_id, "Running")
        await cancel([run_id])
        await wait_for([run_id], poll_s=0.1)
        async with get_client() as client:
            return [state.name or "" for state in await client.read_flow_run_states(run_id)]

    assert asyncio.run(main())[-3:] == ["Running", "Cancelling", "Cancelled"]


def test_a_run_cancelled_in_the_moment_it_ends_is_cancelled(stack: Stack, folder: Path) -> None:
    from flows.runs import wait_for

    async def main() -> str:
        [run_id] = await trigger_sleepers(folder, 1, "late/cpu")
        ended = await asyncio.wait_for(wait_for([run_id], poll_s=0.1), timeout=20)
        return ended[run_id].state_name or ""

    assert asyncio.run(main()) == "Cancelled"
    assert len(list(folder.glob("cancelled-*"))) == 1


def test_cancelling_ends_subflows_and_threads_too(stack: Stack, folder: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    from flows.runs import cancel, wait_for

    async def main() -> set[str]:
        outer = (await trigger_sleepers(folder, 1, "nested/cpu"))[0]
        thread = (await trigger_sleepers(folder, 1, "busy-sync/cpu"))[0]

        async def both_started() -> bool:
            path = folder / "attempts"
            return path.exists() and len(path.read_text()) == 2

        await until_async(both_started)
        await cancel([outer, thread])
        ended = await wait_for([outer, thread], poll_s=0.1)
        async with get_client() as client:
            inner = await client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=["sleeper"]))
            )
        assert "Running" not in {run.state_name for run in inner}
        return {run.state_name or "" for run in ended.values()}

    assert asyncio.run(main()) == {"Cancelled"}


def test_a_waiter_that_is_cancelled_cancels_its_runs(stack: Stack, folder: Path) -> None:
    from flows.runs import wait_for

    async def main() -> None:
        runs = await trigger_sleepers(folder, 2)
        for run_id in runs:
            await until_state(run_id, "Running")
        waiter = asyncio.create_task(wait_for(runs))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        for run_id in runs:
            await until_state(run_id, "Cancelled")

    asyncio.run(main())


def test_a_flow_that_exits_is_crashed_and_the_worker_lives_on(stack: Stack) -> None:
    worker = stack.pid("worker-cpu")
    run = stack.run("exits/cpu")
    assert run.state_name == "Crashed"
    assert "exit" in run.state.message
    assert stack.run("quick/cpu").state_name == "Completed"
    assert stack.pid("worker-cpu") == worker


def test_a_flow_that_cannot_be_imported_is_crashed_with_the_reason(stack: Stack) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentUpdate

    async def point_to(entrypoint: str) -> None:
        async with get_client() as client:
            found = await client.read_deployment_by_name("talkative/cpu")
            await client.update_deployment(
                found.id, DeploymentUpdate(entrypoint=entrypoint, version=entrypoint)
            )

    asyncio.run(point_to("tests.support.no_such_module.flow"))
    run = stack.run("talkative/cpu", {"word": "x"})
    asyncio.run(point_to("tests.support.flows_under_test.talkative"))
    assert run.state_name == "Crashed"
    assert "no_such_module" in run.state.message
    assert stack.run("talkative/cpu", {"word": "x"}).state_name == "Completed"


def test_a_failing_flow_is_failed_with_its_message(stack: Stack) -> None:
    run = stack.run("fails/cpu")
    assert run.state_name == "Failed"
    assert "seven is not a colour" in run.state.message


def test_logs_land_in_the_run_that_wrote_them(stack: Stack) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

    from flows.runs import trigger, wait_for

    async def main() -> None:
        words = ["um", "dois", "três"]
        runs = [(await trigger("talkative/cpu", {"word": word})).id for word in words]
        sync = (await trigger("quick-sync/cpu", {"word": "zero"})).id
        await wait_for([*runs, sync])

        async def messages(run_id: UUID) -> set[str]:
            async with get_client() as client:
                logs = await client.read_logs(
                    LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
                )
            return {log.message for log in logs if log.name == "tts_tasks.under_test"}

        said = {
            run_id: {f"{who} says {word}" for who in ("flow", "thread", "task")}
            for run_id, word in zip(runs, words, strict=True)
        }
        said[sync] = {"sync flow says zero"}

        # A run ends before the server has its last lines.
        async def arrived() -> bool:
            return {run_id: await messages(run_id) for run_id in said} == said

        await until_async(arrived, what="every run has its logs, and no other's")

    asyncio.run(main())


def start_worker(stack: Stack, pool: str, drain_s: float) -> subprocess.Popen[bytes]:
    ready = stack.settings.home / f"{pool}.ready"
    command = [sys.executable, "-m", "flows.worker", pool, "--limit", "4"]
    command += ["--drain", str(drain_s), "--ready-file", str(ready), "--slot", f"test:{pool}"]
    ready.unlink(missing_ok=True)
    worker = subprocess.Popen(command, cwd=stack.settings.home)
    until(lambda: ready.exists() and ready.read_text() == str(worker.pid), 30, "worker is ready")
    return worker


def test_sigterm_drains_hands_back_and_another_worker_takes_over(
    stack: Stack, folder: Path
) -> None:
    from flows.runs import wait_for

    stack.deploy("drained")
    worker = start_worker(stack, "drained", drain_s=0.5)

    async def interrupted() -> UUID:
        [run_id] = await trigger_sleepers(folder, 1, "sleeper/drained")
        await until_state(run_id, "Running")
        worker.send_signal(signal.SIGTERM)
        await until_state(run_id, "AwaitingRetry")
        return run_id

    run_id = asyncio.run(interrupted())
    assert worker.wait(20) == 0
    (folder / "go").touch()
    successor = start_worker(stack, "drained", drain_s=5)
    run = asyncio.run(wait_for([run_id]))[run_id]
    successor.terminate()
    assert successor.wait(20) == 0
    assert run.state_name == "Completed"
    assert run.run_count == 2
    assert (folder / "attempts").read_text() == "xx"


def test_a_run_that_ends_within_the_time_to_drain_is_completed(stack: Stack, folder: Path) -> None:
    stack.deploy("drained")
    worker = start_worker(stack, "drained", drain_s=30)

    async def main() -> str:
        [run_id] = await trigger_sleepers(folder, 1, "sleeper/drained")
        await until_state(run_id, "Running")
        worker.send_signal(signal.SIGTERM)
        (folder / "go").touch()
        await until_state(run_id, "Completed")
        return await state_name(run_id)

    assert asyncio.run(main()) == "Completed"
    assert worker.wait(20) == 0


def test_runs_of_a_killed_worker_are_taken_up_by_the_next_in_its_slot(
    stack: Stack, folder: Path
) -> None:
    from flows.runs import wait_for

    worker = stack.pid("worker-cpu")

    async def main() -> tuple[str, int]:
        [run_id] = await trigger_sleepers(folder, 1)
        await until_state(run_id, "Running")
        os.kill(worker, signal.SIGKILL)
        until(lambda: stack.pid("worker-cpu") != worker, 60, "the worker is replaced")
        (folder / "go").touch()
        run = (await wait_for([run_id]))[run_id]
        return run.state_name or "", run.run_count

    assert asyncio.run(main()) == ("Completed", 2)


def test_a_run_whose_worker_died_before_it_began_is_taken_up_by_the_next(stack: Stack) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Pending

    from flows.runs import wait_for

    worker = stack.pid("worker-cpu")
    run_id = stack.run("quick/cpu").id

    async def main() -> str:
        async with get_client() as client:
            states = await client.read_flow_run_states(run_id)
            [taken] = [state for state in states if state.name == "Pending"]
            assert taken.message, "who took a run stands in the state that takes it"
            deployment = await client.read_deployment_by_name("quick/cpu")
            left = await client.create_flow_run_from_deployment(
                deployment.id, state=Pending(message=taken.message)
            )
            os.kill(worker, signal.SIGKILL)
            until(lambda: stack.pid("worker-cpu") != worker, 60, "the worker is replaced")
            return (await wait_for([left.id], poll_s=0.1))[left.id].state_name or ""

    assert asyncio.run(asyncio.wait_for(main(), 90)) == "Completed"


@pytest.mark.parametrize(
    ("owner", "is_taken", "ends"),
    [
        pytest.param("mine", True, "Crashed", id="its own"),
        pytest.param("another:1:2", False, "Pending", id="another worker's"),
    ],
)
def test_a_run_whose_taking_was_not_answered_belongs_to_who_stands_in_it(
    stack: Stack, owner: str, is_taken: bool, ends: str
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Pending

    from tts_tasks.worker import WarmWorker

    stack.deploy("unserved")

    async def main() -> None:
        async with get_client() as client, WarmWorker("unserved", slot="test:unserved") as worker:
            deployment = await client.read_deployment_by_name("quick/unserved")
            message = worker.identifier if owner == "mine" else owner
            run = await client.create_flow_run_from_deployment(
                deployment.id, state=Pending(message=message)
            )
            assert await worker._take(run) is is_taken
            worker._crashed[run.id] = "no answer"
            await worker._report_crashes()
            assert await state_name(run.id) == ends
            assert not worker._crashed

    asyncio.run(main())


def test_a_worker_without_a_server_says_what_it_waits_for() -> None:
    command = [sys.executable, "-m", "flows.worker", "cpu", "--limit", "1"]
    nowhere = {**os.environ, "PREFECT_API_URL": "http://127.0.0.1:1/api"}
    with subprocess.Popen(command, env=nowhere, stderr=subprocess.PIPE, text=True) as worker:
        patience = threading.Timer(60, worker.kill)
        patience.start()
        assert worker.stderr is not None
        said = next((line for line in worker.stderr if "waiting" in line), "")
        patience.cancel()
        worker.kill()
    assert "http://127.0.0.1:1/api" in said


def test_a_redeployed_flow_is_loaded_again(stack: Stack) -> None:
    from flows.deploy import deploy

    module = stack.settings.home / "redeployed.py"
    file = stack.settings.home / "redeployed.yaml"
    file.write_text(
        "deployments: [{name: cpu, entrypoint: redeployed.greet, work_pool: {name: cpu}}]"
    )

    def deploy_and_run(greeting: str) -> str:
        module.write_text(
            "from prefect import flow\nfrom prefect.states import Completed\n"
            f"@flow\nasync def greet():\n    return Completed(message={greeting!r})\n"
        )
        sys.modules.pop("redeployed", None)
        importlib.invalidate_caches()
        asyncio.run(deploy(stack.settings, file=file))
        return str(stack.run("greet/cpu").state.message)

    sys.path.insert(0, str(stack.settings.home))
    try:
        assert deploy_and_run("bom dia") == "bom dia"
        assert deploy_and_run("boa noite a todos") == "boa noite a todos"
    finally:
        sys.path.remove(str(stack.settings.home))
        sys.modules.pop("redeployed", None)


def test_a_handed_back_waiter_leaves_its_runs_alone(stack: Stack, folder: Path) -> None:
    from flows.runs import wait_for

    stack.deploy("parents")
    worker = start_worker(stack, "parents", drain_s=0)

    async def interrupted() -> tuple[UUID, UUID]:
        [parent] = await trigger_sleepers(folder, 1, "parent/parents")
        child = folder / "child"
        await until_async(lambda: asyncio.to_thread(child.exists))
        child_id = UUID(child.read_text())
        await until_state(child_id, "Running")
        worker.send_signal(signal.SIGTERM)
        await until_state(parent, "AwaitingRetry")
        assert await state_name(child_id) == "Running"
        return parent, child_id

    parent, child_id = asyncio.run(interrupted())
    assert worker.wait(20) == 0
    successor = start_worker(stack, "parents", drain_s=5)
    (folder / "go").touch()
    ended = asyncio.run(wait_for([parent, child_id]))
    successor.terminate()
    assert successor.wait(20) == 0
    assert {run.state_name for run in ended.values()} == {"Completed"}
    assert (folder / "attempts").read_text() == "x"


def test_the_engine_still_has_what_the_worker_adapts() -> None:
    import prefect.flow_engine

    source = Path(prefect.flow_engine.__file__).read_text()
    for use in (
        "with capture_sigterm():",
        "observe_flow_run_suspension(",
        "_termination_intent()",
        "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS",
    ):
        assert use in source, f"Prefect changed {use}: read adapt_engine() again"
