"""Preloading through the real stack, where one text is narrated at a time: who goes first."""

import os
import signal
import subprocess

import httpx
import pytest

from flows.preload_plan import plan_phrases
from tests.support.command import NARRATE, narrate, narrate_json
from tests.support.stack import until
from tts_tasks.catalog.library import Library
from tts_tasks.settings import Settings

pytestmark = pytest.mark.stack

PORTS = {"NARRATION_PREFECT_PORT": "0", "NARRATION_POSTGRES_PORT": "0"}


@pytest.fixture(scope="module")
def stack_home(tmp_path_factory):
    """Return a home whose stack narrates one text at a time."""
    home = tmp_path_factory.mktemp("preload-home")
    started = narrate("up", home=home, NARRATION_MAX_RUNNING="1", **PORTS)
    assert started.returncode == 0, started.stderr
    yield home
    stopped = narrate("down", home=home, **PORTS)
    assert stopped.returncode == 0, stopped.stderr


@pytest.fixture(scope="module")
def api(stack_home):
    """Return an HTTP client of the stack's Prefect server."""
    with httpx.Client(base_url=narrate_json("status", home=stack_home)["api"] + "/") as client:
        yield client


def preload(home, *arguments, status=0):
    options = ("--provider", "espeak", *arguments)
    return narrate_json("cache", "preload", *options, home=home, status=status)


def start(home, phrases):
    command = [NARRATE, "cache", "preload", "--provider", "espeak", "--json", *phrases]
    environment = {**os.environ, "NARRATION_HOME": str(home)}
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        # A script's background jobs ignore it, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def runs_of(api, **flow_runs):
    return api.post("flow_runs/filter", json={"flow_runs": flow_runs}).json()


def preloaded(api):
    return runs_of(api, tags={"all_": ["preload"]})


def batches_of(home):
    return set((home / "data/batches").glob("preload-*"))


def finished_of(home, known):
    return [path for batch in batches_of(home) - known for path in batch.glob("outcomes/*.json")]


def published(home):
    return [*(home / "data").glob("narrations/**/*"), *(home / "data").glob("batches/*/audio/**/*")]


def test_what_was_preloaded_is_there_the_second_time_and_needs_no_run(stack_home, api):
    phrases = ["Bom dia a todos!", "Vamos começar a aula.", "Bom dia a todos!"]
    voices = ["--voice", "pt-br+f2", "--voice", "pt-br"]
    first = preload(stack_home, *phrases, *voices)
    assert (first["phrases"], first["voices"]) == (2, ["espeak pt-br+f2", "espeak pt-br"])
    counts = {"present": 0, "synthesized": 4, "failed": 0, "missing": 0}
    assert counts.items() <= first.items()
    assert first["audio_s"] == pytest.approx(sum(item["audio_s"] for item in first["items"]), 1e-3)
    assert first["audio_s"] > 2
    assert not published(stack_home), "the library is what counts"

    before = preloaded(api)
    assert {run["work_queue_name"] for run in before} == {"low"}
    batches = batches_of(stack_home)
    again = preload(stack_home, *phrases, *voices)
    assert {"batch": None, "present": 4, "synthesized": 0, "audio_s": 0}.items() <= again.items()
    assert len(preloaded(api)) == len(before)
    assert batches_of(stack_home) == batches

    course = stack_home / "saudações"
    course.mkdir()
    text = "# Aula\n\nVamos começar a aula. Uma frase que ninguém previu.\n"
    (course / "01-aula.md").write_text(text, encoding="utf-8")
    options = ("--provider", "espeak", "--voice", "pt-br+f2")
    report = narrate_json("course", course, *options, home=stack_home)
    assert (report["totals"]["chunks"], report["totals"]["synthesized_chunks"]) == (3, 2)


def test_the_queue_of_preloaded_phrases_comes_after_all_others(stack_home, api):
    narrate_json("deploy", home=stack_home)
    for pool in ("cpu", "gpu"):
        queues = api.post(f"work_pools/{pool}/queues/filter", json={}).json()
        assert [queue["name"] for queue in queues] == ["default", "low"]
        assert [queue["priority"] for queue in queues] == [1, 100]


def test_lessons_that_come_later_go_first(stack_home, api):
    narrate_json("deploy", home=stack_home)
    known, runs_before = batches_of(stack_home), {run["id"] for run in preloaded(api)}
    phrases = [f"Esta frase espera por sua vez, e é a de número {n}." for n in range(10)]
    with start(stack_home, phrases) as command:
        until(lambda: len(preloaded(api)) == len(runs_before) + 10, what="all phrases are runs")
        until(lambda: finished_of(stack_home, known), what="one of the phrases is there")
        deployment = api.get("deployments/name/narrate/cpu").json()["id"]
        lessons = [
            api.post(
                f"deployments/{deployment}/create_flow_run",
                json={"parameters": {"text": f"Aula {n}.", "lesson": f"curso/aula-{n}"}},
            ).json()
            for n in range(3)
        ]
    assert command.returncode == 0
    ids = [lesson["id"] for lesson in lessons]
    narrated = until(
        lambda: (
            (found := runs_of(api, id={"any_": ids}))
            and all(run["state_type"] == "COMPLETED" for run in found)
            and found
        )
    )
    waiting = [run for run in preloaded(api) if run["id"] not in runs_before]
    assert len(waiting) == 10
    assert {run["state_type"] for run in waiting} == {"COMPLETED"}
    last_lesson = max(run["start_time"] for run in narrated)
    came = max(lesson["created"] for lesson in lessons)
    in_between = [run for run in waiting if came < run["start_time"] < last_lesson]
    # The one place may have been given to a phrase just before the lessons came.
    assert len(in_between) <= 1
    assert sum(run["start_time"] > last_lesson for run in waiting) >= 3


def test_one_phrase_that_fails_does_not_stop_the_others(stack_home):
    phrases = ["Esta se perde.", "Esta fica na biblioteca.", "Esta também fica lá."]
    settings = Settings(home=stack_home)
    [lost, *_] = plan_phrases(phrases, ["pt-br+m3"], "espeak", settings)
    [chunk] = lost.script.chunks
    shelf = Library(settings.library).objects.path(chunk.key, "flac").parent
    shelf.parent.mkdir(parents=True, exist_ok=True)
    shelf.write_text("a file where a folder should be")
    report = preload(stack_home, *phrases, "--voice", "pt-br+m3", status=2)
    assert [item["status"] for item in report["items"]] == ["failed", "synthesized", "synthesized"]
    assert (report["synthesized"], report["failed"]) == (2, 1)
    error = report["items"][0]["error"]
    assert (error["type"], report["items"][0]["phrase"]) == ("CatalogError", "Esta se perde.")
    assert error["remedy"]
    shelf.unlink()
    again = preload(stack_home, *phrases, "--voice", "pt-br+m3")
    assert (again["present"], again["synthesized"]) == (2, 1)


def test_what_is_interrupted_goes_on_the_next_time(stack_home, api):
    known, runs_before = batches_of(stack_home), {run["id"] for run in preloaded(api)}
    phrases = [f"Uma frase interrompida, a de número {n}, nada mais." for n in range(12)]
    with start(stack_home, phrases) as command:
        until(lambda: finished_of(stack_home, known), what="one of the phrases is there")
        command.send_signal(signal.SIGINT)
    assert command.returncode not in (0, 2)

    def ended():
        runs = [run for run in preloaded(api) if run["id"] not in runs_before]
        states = {run["state_type"] for run in runs}
        return states <= {"COMPLETED", "CANCELLED"} and states

    assert until(ended) == {"COMPLETED", "CANCELLED"}
    done = len(finished_of(stack_home, known))
    again = preload(stack_home, *phrases)
    assert again["present"] >= done >= 1
    assert again["present"] + again["synthesized"] == 12
