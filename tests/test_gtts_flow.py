"""gTTS through the real stack: failures on the way, the rate of all workers, another provider."""

import os
import subprocess
import sys

import pytest
import soundfile

from tests.support.command import narrate, narrate_json
from tests.support.translate import StandIn
from tts_tasks.engines.gtts import BURST
from tts_tasks.tasks import SLOTS_PER_REQUEST

pytestmark = pytest.mark.stack

RATE = 5.0
TEXTS = (
    "A padaria abre às seis da manhã, e o café fica pronto em dez minutos.",
    "O pandas lê a planilha em um segundo.",
    "Cada coluna tem um nome. Cada linha é uma venda.",
    "Até a próxima aula, com mais perguntas e menos pressa.",
)


@pytest.fixture(scope="module")
def google():
    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def stack_home(tmp_path_factory, google):
    home = tmp_path_factory.mktemp("gtts-home")
    # Its workers get what the stack was started with.
    environment = {
        "NARRATION_PREFECT_PORT": "0",
        "NARRATION_POSTGRES_PORT": "0",
        "NARRATION_GTTS_URL": google.url,
        "NARRATION_GTTS_REQUESTS_PER_S": str(RATE),
        "NARRATION_MODELS": str(home / "none"),
    }
    os.environ |= environment
    try:
        started = narrate("up", home=home)
        assert started.returncode == 0, started.stderr
        yield home
        assert narrate("down", home=home).returncode == 0
    finally:
        for name in environment:
            del os.environ[name]
        os.environ["NARRATION_GTTS_URL"] = "http://127.0.0.1:9"


@pytest.fixture
def course(request, tmp_path, google):
    google.script.clear()
    google.calls.clear()
    google.fail, google.always = 0.0, None
    folder = tmp_path / request.node.name.removeprefix("test_")[:40].strip("_")
    folder.mkdir()
    for number, text in enumerate(TEXTS, start=1):
        # A course of its own has sentences of its own: nothing comes from another test's library.
        (folder / f"{number:02d}.md").write_text(f"{text} {request.node.name[5:12]}.\n")
    return folder


def rested(home):
    """Forget what the breaker knows: the next test begins with a service in good standing."""
    (home / "data" / "providers" / "gtts.json").unlink(missing_ok=True)


def test_a_service_that_fails_three_times_of_ten_loses_and_doubles_nothing(
    stack_home, course, google
):
    google.fail = 0.3
    report = narrate_json("course", course, "--provider", "gtts", home=stack_home)
    assert [row["status"] for row in report["lessons"]] == ["narrated"] * len(TEXTS)
    assert len(google.answered) == len(set(google.answered)) == report["totals"]["chunks"]
    assert len(google.calls) > len(google.answered), "control: something did fail"
    for row in report["lessons"]:
        assert soundfile.info(row["audio"]).duration == pytest.approx(row["duration_s"], abs=0.1)
    times_s = [call.at_s for call in google.calls]
    for first, at_s in enumerate(times_s):
        for last in range(first, len(times_s)):
            # A fifth of a second for the way there, which is not always as long.
            allowed = BURST + RATE * (times_s[last] - at_s + 0.2)
            assert last - first + 1 <= allowed


def test_another_provider_speaks_whole_lessons_and_upgrade_brings_the_better_one_back(
    stack_home, course, google
):
    google.always = "503"
    asked = ("course", course, "--policy", "gtts,espeak")
    report = narrate_json(*asked, home=stack_home)
    assert {row["provider"] for row in report["lessons"]} == {"espeak"}
    assert all(row["downgraded"] for row in report["lessons"])
    assert report["totals"]["downgraded"] == len(TEXTS)
    assert "gtts" in report["lessons"][0]["choice"]
    # Eight failures in a row open the breaker; what was on its way then is no more than the runs.
    assert len(google.calls) <= 8 + 3
    google.always = None
    rested(stack_home)
    again = narrate_json(*asked, home=stack_home)
    assert {row["status"] for row in again["lessons"]} == {"unchanged"}
    better = narrate_json(*asked, "--upgrade", home=stack_home)
    assert {row["provider"] for row in better["lessons"]} == {"gtts"}
    assert better["totals"]["downgraded"] == 0
    last = narrate_json(*asked, "--upgrade", home=stack_home)
    assert {row["status"] for row in last["lessons"]} == {"unchanged"}


def test_a_provider_that_was_asked_for_is_that_one_or_a_clear_failure(stack_home, course, google):
    google.always = "403"
    report = narrate_json("course", course, "--provider", "gtts", home=stack_home, status=2)
    assert {row["status"] for row in report["lessons"]} == {"failed"}
    codes = {row["error"]["code"] for row in report["lessons"]}
    assert codes <= {"provider_refused", "provider_rests"}
    # Refused for good, each of the runs that are in flight at once asks but once.
    assert len(google.calls) <= 3
    rested(stack_home)


LIMIT = """
import asyncio
from flows.stack_state import use_stack
from tts_tasks.settings import load_settings

use_stack(load_settings())
from prefect.client.orchestration import get_client
from flows.deploy import ensure_rate_limit
from tts_tasks.errors import StackError
from tts_tasks.tasks import take_permit
from tts_tasks.values import never_cancelled

async def limit():
    async with get_client() as client:
        found = await client.read_global_concurrency_limit_by_name("gtts")
        print(found.limit, found.slot_decay_per_second, found.active)

async def ensure(rate):
    async with get_client() as client:
        await ensure_rate_limit(client, "gtts", rate)

async def delete():
    async with get_client() as client:
        await client.delete_global_concurrency_limit_by_name("gtts")
"""


def said_by(code, home):
    """Return what a program prints that talks to the stack."""
    environment = {**os.environ, "NARRATION_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", LIMIT + code],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_rate_limit_of_all_workers_is_as_the_settings_say(stack_home):
    slots = SLOTS_PER_REQUEST
    code = "asyncio.run(limit()); asyncio.run(ensure(3.0)); asyncio.run(limit())"
    code += f"; asyncio.run(ensure({RATE})); asyncio.run(limit())"
    assert said_by(code, stack_home) == [
        f"{BURST * slots} {RATE * slots} True",
        f"{BURST * slots} {3.0 * slots} True",
        f"{BURST * slots} {RATE * slots} True",
    ]


def test_without_the_rate_limit_nothing_is_sent_and_the_error_says_what_to_do(stack_home):
    code = f"""
take_permit("gtts", never_cancelled)
print("granted")
asyncio.run(delete())
try:
    take_permit("gtts", never_cancelled)
except StackError as error:
    print(error)
asyncio.run(ensure({RATE}))
take_permit("gtts", never_cancelled)
"""
    granted, refused = said_by(code, stack_home)
    assert granted == "granted"
    assert "gtts" in refused
    assert "narrate deploy" in refused
