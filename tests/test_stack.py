"""The local stack: starting, finding, mending and stopping it, whatever was left behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.processes import Identity, free_port, is_free, is_listening
from flows.stack import down, up
from flows.stack_loan import borrowed_stack, is_on_loan, kept_stack
from flows.stack_state import read_state, stack_environment, status
from tests.support.stack import Stack, settings_in, short_home, until
from tts_tasks.errors import PortTakenError, StackError
from tts_tasks.settings import PROJECT, Settings

NAMES = ["supervisor", "postgres", "prefect-server", "worker-cpu", "worker-control"]


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Return settings of a stack for one test alone; whatever of it still runs is stopped."""
    home = short_home()
    # A stack that is to be found by the CLI's rules and not by this session's environment.
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    yield settings_in(home)
    down(settings_in(home), drain_s=0.0)
    shutil.rmtree(home)


def pids(settings: Settings) -> list[int]:
    return [one.pid for one in status(settings).processes if one.pid is not None]


def nothing_runs(settings: Settings, *former: int) -> bool:
    from flows.processes import with_environment
    from flows.stack_state import MARK

    gone = all(Identity.of(pid) is None for pid in former)
    return gone and not list(with_environment(MARK, str(settings.home)))


@pytest.mark.stack
def test_status_lists_every_process(stack: Stack) -> None:
    found = status(stack.settings).as_dict()
    assert found["running"]
    assert found["ready"]
    assert [one["name"] for one in found["processes"]] == NAMES
    for one in found["processes"]:
        assert one["state"] == "ready"
        assert Identity.of(one["pid"]) is not None
        assert Path(one["log"]).is_file()
        if one["name"] in ("postgres", "prefect-server"):
            assert is_listening(one["port"])
    assert found["ui"] == f"http://127.0.0.1:{found['processes'][2]['port']}"


@pytest.mark.stack
def test_a_second_up_finds_the_first(stack: Stack) -> None:
    before = status(stack.settings)
    assert up(stack.settings) == before


@pytest.mark.stack
def test_the_server_keeps_its_runs_in_postgresql(stack: Stack) -> None:
    assert not list(stack.settings.home.rglob("*.db"))
    assert "sqlite" not in (stack.settings.data / "stack/prefect-server.log").read_text()


@pytest.mark.stack
def test_the_ui_is_served_and_asks_the_right_api(stack: Stack) -> None:
    import httpx

    found = status(stack.settings)
    page = httpx.get(found.ui, follow_redirects=True)
    assert page.status_code == 200
    assert "<html" in page.text.lower()
    assert httpx.get(f"{found.ui}/ui-settings").json()["api_url"] == found.api


@pytest.mark.stack
@pytest.mark.parametrize("name", ["worker-control", "prefect-server"])
def test_a_killed_process_is_started_again(stack: Stack, name: str) -> None:
    before = stack.pid(name)
    os.kill(before, signal.SIGKILL)
    until(lambda: stack.pid(name) != before, 60, f"{name} is replaced")
    entry = next(one for one in status(stack.settings).processes if one.name == name)
    assert entry.restarts >= 1
    until(lambda: status(stack.settings).ready, 60)
    assert stack.run("quick/cpu").state_name == "Completed"


@pytest.mark.stack
def test_leftovers_of_a_killed_stack_do_not_stop_a_new_one(own: Settings) -> None:
    first = up(own)
    former = pids(own)
    supervisor = first.processes[0].pid
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    # PostgreSQL and the rest get a signal from the kernel; the new stack must not rely on it.
    (own.data / "stack" / "state.json").write_text('{"phase": "rea')
    assert not status(own).running
    second = up(own)
    assert second.ready
    assert nothing_runs_of(former)
    # Once more, with everything killed and a postmaster.pid that names a living stranger.
    killed, *others = pids(own)
    # Stopped, it starts nothing again; dead, it would have the kernel end PostgreSQL in order.
    os.kill(killed, signal.SIGSTOP)
    for pid in (*others, killed):
        os.kill(pid, signal.SIGKILL)
    lock = own.data / "stack/postgres/postmaster.pid"
    until(lambda: not pids(own))
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    third = up(own)
    assert third.ready
    former = pids(own)
    assert down(own)
    until(lambda: nothing_runs(own, *former), 10, "everything has ended")
    assert not status(own).running
    assert not down(own)


def nothing_runs_of(former: list[int]) -> bool:
    return all(Identity.of(pid) is None for pid in former)


@pytest.mark.stack
def test_an_up_while_the_stack_stops_starts_a_new_one(own: Settings) -> None:
    former = up(own)
    stopping = threading.Thread(target=lambda: down(own, drain_s=0.0))
    stopping.start()
    until(lambda: read_state(own)["phase"] == "stopping", what="the supervisor stops")
    found = up(own)
    stopping.join()
    assert found.ready
    assert found.processes[0].pid != former.processes[0].pid
    assert status(own).ready


@pytest.mark.stack
def test_the_last_borrower_stops_a_stack_on_loan(own: Settings) -> None:
    with borrowed_stack(own, print) as stack:
        with borrowed_stack(own, print) as same:
            assert same.processes[0].pid == stack.processes[0].pid
        assert status(own).ready
        assert is_on_loan(own)
    assert not status(own).running
    assert not is_on_loan(own)


@pytest.mark.stack
def test_a_kept_stack_outlives_its_borrowers(own: Settings) -> None:
    with kept_stack(own), borrowed_stack(own, print):
        pass
    assert status(own).ready
    with borrowed_stack(own, print):
        pass
    assert status(own).ready


@pytest.mark.stack
def test_two_concurrent_ups_make_one_stack(own: Settings) -> None:
    found = []
    threads = [threading.Thread(target=lambda: found.append(up(own))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.processes[0].pid for one in found}) == 1
    assert all(one.ready for one in found)


@pytest.mark.stack
def test_a_process_that_keeps_dying_is_reported_and_nothing_is_left(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setenv("UVICORN_HTTP", "no-such-protocol")
    with pytest.raises(StackError, match="prefect-server: cannot be started") as raised:
        up(own)
    assert "prefect-server.log" in (raised.value.remedy or "")
    until(lambda: nothing_runs(own), 10)


@pytest.mark.parametrize("which", ["prefect_port", "postgres_port"])
def test_a_taken_port_is_named_before_anything_starts(own: Settings, which: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = own.model_copy(update={which: port})
        with pytest.raises(PortTakenError) as raised:
            up(settings)
    assert raised.value.field == f"NARRATION_{which.upper()}"
    assert raised.value.value == str(port)
    assert "free port" in (raised.value.remedy or "")
    assert nothing_runs(own)
    assert not (own.data / "stack/postgres").exists()


def test_one_port_for_two_servers_is_refused(own: Settings) -> None:
    port = free_port()
    with pytest.raises(PortTakenError, match="NARRATION_POSTGRES_PORT"):
        up(own.model_copy(update={"prefect_port": port, "postgres_port": port}))


def test_the_environment_points_at_the_stack_alone(own: Settings) -> None:
    environment = stack_environment(own.model_copy(update={"prefect_port": 4321}))
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:4321/api"
    assert environment["PREFECT_HOME"].startswith(str(own.home))
    assert environment["PREFECT_PROFILES_PATH"].startswith(str(own.home))
    assert environment["NARRATION_HOME"] == str(own.home)
    with pytest.raises(StackError, match="NARRATION_PREFECT_PORT"):
        stack_environment(own)


def test_status_without_a_stack(own: Settings) -> None:
    assert not status(own).running
    assert not status(own).processes
    assert not down(own)


def test_a_recycled_process_id_is_not_the_same_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        mine = Identity.of(process.pid)
        assert mine is not None
        assert mine.is_alive()
        other = Identity(process.pid, mine.started_at_s - 60)
        assert not other.is_alive()
        other.send(signal.SIGKILL)
        assert mine.is_alive()
        process.communicate(b"\n")
    assert not mine.is_alive()


def test_a_port_is_free_until_somebody_listens() -> None:
    port = free_port()
    assert is_free(port)
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        server.listen()
        assert not is_free(port)
        assert is_listening(port)
    assert not is_listening(port)


def test_importing_the_stack_does_not_import_prefect() -> None:
    code = "import sys, flows.stack, flows.runs; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
