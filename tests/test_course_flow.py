"""A course through the real stack: only what changed is narrated, and nothing is left behind."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from tests.support.command import NARRATE, narrate, narrate_json
from tests.support.stack import short_home, until
from tts_tasks.mastering.integrity import check_audio

pytestmark = pytest.mark.stack

LESSONS = {
    "01-abertura.md": "# Abertura\n\nBem-vindo ao curso. Vamos começar com calma.\n",
    "02-valores.md": "# Valores\n\nO plano custa R$ 30,00. São 12 aulas.\n\n- Um item.\n- Outro.\n",
    "03-fim.md": "# Fim\n\nAté a próxima aula.\n",
}


@pytest.fixture(scope="module")
def stack_home(tmp_path_factory):
    """Return a home whose stack runs for the tests of this module."""
    home = tmp_path_factory.mktemp("stack-home")
    ports = {"NARRATION_PREFECT_PORT": "0", "NARRATION_POSTGRES_PORT": "0"}
    started = narrate("up", home=home, **ports)
    assert started.returncode == 0, started.stderr
    yield home
    stopped = narrate("down", home=home, **ports)
    assert stopped.returncode == 0, stopped.stderr


@pytest.fixture
def course(request, tmp_path):
    """Return a fresh copy of the lessons, in a folder named like the test."""
    folder = tmp_path / request.node.name.removeprefix("test_")[:40].strip("_")
    folder.mkdir()
    for name, text in LESSONS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(course, home, status=0):
    return narrate_json("course", course, home=home, status=status)


def lesson(report, id):
    return next(row for row in report["lessons"] if row["id"] == id)


def published(report):
    return sorted(path.name for path in folder_of(report).iterdir() if path.is_file())


def files_of(*stems):
    """Return the names of what is published of these lessons."""
    kinds = ("mp3", "sentences.json", "srt", "transcript.html", "transcript.md", "vtt")
    return sorted(["course.json", *(f"{stem}.{kind}" for stem in stems for kind in kinds)])


def folder_of(report):
    from pathlib import Path

    return Path(next(row["audio"] for row in report["lessons"] if row["audio"])).parent


def test_a_course_is_published(stack_home, course):
    report = run(course, stack_home)
    assert set(report) == {"course", "lessons", "totals"}
    assert [row["id"] for row in report["lessons"]] == ["abertura", "valores", "fim"]
    for row in report["lessons"]:
        assert set(row) >= {
            "id", "title", "status", "provider", "voice", "duration_s", "chunks",
            "synthesized_chunks", "rtf", "audio", "captions", "transcripts", "error",
        }  # fmt: skip
        assert (row["status"], row["provider"], row["error"]) == ("narrated", "espeak", None)
        assert 0 < row["rtf"] < 1
    assert published(report) == files_of("01-abertura", "02-valores", "03-fim")
    check_audio(folder_of(report) / "02-valores.mp3")
    manifest = json.loads((folder_of(report) / "course.json").read_text(encoding="utf-8"))
    assert manifest["lessons"][1]["chunks"][0]["text"] == "Valores"
    assert len(manifest["lessons"][1]["chunks"]) == lesson(report, "valores")["chunks"]


def test_an_unchanged_course_costs_nothing(stack_home, course):
    run(course, stack_home)
    again = run(course, stack_home)
    assert {row["status"] for row in again["lessons"]} == {"unchanged"}
    assert again["totals"]["synthesized_chunks"] == 0


def test_editing_one_sentence_narrates_one_chunk_of_one_lesson(stack_home, course):
    run(course, stack_home)
    path = course / "02-valores.md"
    path.write_text(path.read_text(encoding="utf-8").replace("12 aulas", "15 aulas"))
    again = run(course, stack_home)
    assert [row["status"] for row in again["lessons"]] == ["unchanged", "narrated", "unchanged"]
    assert again["totals"]["synthesized_chunks"] == 1


def test_a_course_that_asks_for_an_audiobook_gets_one(stack_home, course):
    (course / "course.yaml").write_text("audiobook: true\n", encoding="utf-8")
    report = run(course, stack_home)
    book = report["audiobook"]
    assert (book["status"], book["error"]) == ("made", None)
    assert [chapter["title"] for chapter in book["chapters"]] == ["Abertura", "Valores", "Fim"]
    check_audio(folder_of(report) / f"{report['course']}.m4b")
    assert run(course, stack_home)["audiobook"] == {**book, "status": "unchanged"}
    path = course / "03-fim.md"
    path.write_text(path.read_text(encoding="utf-8").replace("Até", "Voltamos"), encoding="utf-8")
    again = run(course, stack_home)["audiobook"]
    assert again["status"] == "made"
    assert again["sha256"] != book["sha256"]


def test_a_deleted_lesson_is_moved_away(stack_home, course):
    run(course, stack_home)
    (course / "02-valores.md").unlink()
    again = run(course, stack_home)
    assert again["totals"]["synthesized_chunks"] == 0
    assert published(again) == files_of("01-abertura", "02-fim")
    moved = {path.name for path in (folder_of(again) / "removed").rglob("*.mp3")}
    assert "02-valores.mp3" in moved


def test_an_inserted_lesson_costs_only_itself(stack_home, course):
    before = run(course, stack_home)
    (course / "00-antes.md").write_text("# Antes\n\nUma aula nova de verdade.\n", encoding="utf-8")
    again = run(course, stack_home)
    assert [row["id"] for row in again["lessons"]] == ["antes", "abertura", "valores", "fim"]
    assert again["totals"]["synthesized_chunks"] == lesson(again, "antes")["chunks"]
    assert "02-abertura.mp3" in published(again)
    assert "01-abertura.mp3" in published(before) or "01-antes.mp3" in published(again)
    assert "01-abertura.mp3" not in published(again)


def test_two_runs_of_one_course_take_turns(stack_home, course):
    """The first has planned already when a lesson is inserted: it leaves the new files alone."""
    for path in course.glob("*.md"):
        sentences = " ".join(f"Frase {number} de {path.stem[3:]}." for number in range(80))
        path.write_text(f"# {path.stem[3:]}\n\n{sentences}\n", encoding="utf-8")
    batches = stack_home / "data" / "batches"
    known = set(batches.glob("*/items"))
    command = [NARRATE, "course", course, "--keep", "--json"]
    environment = {**os.environ, "NARRATION_HOME": str(stack_home)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as first:
        until(lambda: set(batches.glob("*/items")) - known, what="the first has planned")
        (course / "00-antes.md").write_text(
            "# Prefácio\n\nUm começo que ninguém esperava.\n", encoding="utf-8"
        )
        second = run(course, stack_home)
    assert first.returncode == 0
    assert [row["id"] for row in second["lessons"]] == ["antes", "abertura", "valores", "fim"]
    assert second["totals"]["synthesized_chunks"] == lesson(second, "antes")["chunks"]
    manifest = json.loads((folder_of(second) / "course.json").read_text(encoding="utf-8"))
    named = {name for entry in manifest["lessons"] for name in entry["files"]}
    assert set(published(second)) == named | {"course.json"}


def test_a_lost_file_comes_back_from_the_library(stack_home, course):
    report = run(course, stack_home)
    (folder_of(report) / "03-fim.mp3").unlink()
    again = run(course, stack_home)
    assert lesson(again, "fim")["status"] == "narrated"
    assert again["totals"]["synthesized_chunks"] == 0
    check_audio(folder_of(again) / "03-fim.mp3")


def test_a_damaged_file_comes_back_from_the_library(stack_home, course):
    report = run(course, stack_home)
    damaged = folder_of(report) / "03-fim.mp3"
    damaged.write_bytes(damaged.read_bytes()[:-200])
    assert run(course, stack_home)["totals"]["synthesized_chunks"] == 0
    check_audio(damaged)


def test_one_bad_lesson_does_not_stop_the_others(stack_home, course):
    (course / "02-valores.md").write_bytes("# Lição\n".encode("latin-1"))
    done = narrate("course", course, "--json", home=stack_home)
    assert done.returncode == 2
    report = json.loads(done.stdout)
    assert [row["status"] for row in report["lessons"]] == ["narrated", "failed", "narrated"]
    assert "UTF-8" in lesson(report, "valores")["error"]["message"]
    errors = [line for line in done.stderr.splitlines() if line.startswith("narrate: ")]
    assert len(errors) == 1
    assert "valores" in errors[0]
    assert not [name for name in published(report) if "valores" in name]


def test_a_lesson_that_became_bad_keeps_its_last_publication(stack_home, course):
    run(course, stack_home)
    (course / "02-valores.md").write_text("...", encoding="utf-8")
    report = run(course, stack_home, status=2)
    assert lesson(report, "valores")["error"]["type"] == "EmptyTextError"
    assert "02-valores.mp3" in published(report)


def test_an_unknown_voice_in_one_lesson_fails_that_lesson(stack_home, course):
    path = course / "03-fim.md"
    path.write_text("---\nvoice: ninguem\n---\n" + path.read_text(encoding="utf-8"))
    report = run(course, stack_home, status=2)
    assert [row["status"] for row in report["lessons"]] == ["narrated", "narrated", "failed"]
    assert "ninguem" in lesson(report, "fim")["error"]["message"]


def test_two_lessons_with_one_id_are_named_and_the_rest_is_narrated(stack_home, course):
    shutil.copy(course / "01-abertura.md", course / "04-abertura.md")
    done = narrate("course", course, "--json", home=stack_home)
    assert done.returncode == 2
    statuses = [row["status"] for row in json.loads(done.stdout)["lessons"]]
    assert sorted(statuses) == ["failed", "failed", "narrated", "narrated"]
    assert "abertura" in done.stderr


def test_lessons_are_runs_of_their_own_below_the_course(stack_home, course):
    report = run(course, stack_home)
    status = narrate_json("status", home=stack_home)

    import httpx

    runs = httpx.post(
        f"{status['api']}/flow_runs/filter",
        json={"flow_runs": {"tags": {"all_": [report["course"]]}}},
    ).json()
    assert sorted(run["name"] for run in runs) == [
        f"{report['course']} / 01 abertura",
        f"{report['course']} / 02 valores",
        f"{report['course']} / 03 fim",
    ]
    assert all(run["parent_task_run_id"] for run in runs)
    assert {run["state"]["type"] for run in runs} == {"COMPLETED"}


def run_from_the_ui(home, **parameters):
    """Run ``narrate/cpu`` as the UI's form does, and return the finished run."""
    import httpx

    api = narrate_json("status", home=home)["api"]
    deployment = httpx.get(f"{api}/deployments/name/narrate/cpu").json()["id"]
    created = httpx.post(
        f"{api}/deployments/{deployment}/create_flow_run", json={"parameters": parameters}
    ).json()["id"]

    def ended():
        run = httpx.get(f"{api}/flow_runs/{created}").json()
        return run if run["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED") else None

    return until(ended)


def test_a_text_can_be_narrated_from_the_ui(stack_home):
    run = run_from_the_ui(stack_home, text="Um texto solto.", output_path="avulsos/um.mp3")
    assert (run["state"]["type"], run["name"]) == ("COMPLETED", "narration")
    check_audio(stack_home / "data" / "narrations" / "avulsos" / "um.mp3")


def test_a_run_that_cannot_narrate_fails_with_the_reason(stack_home):
    run = run_from_the_ui(stack_home, text="Um texto solto.", voice="ninguem")
    assert run["state"]["type"] == "FAILED"
    assert "no voice 'ninguem'" in run["state"]["message"]


@pytest.mark.parametrize(
    ("number", "inherited"),
    [
        pytest.param(signal.SIGTERM, signal.SIG_DFL, id="terminated"),
        pytest.param(signal.SIGINT, signal.SIG_DFL, id="interrupted"),
        # So a shell starts the background jobs of a script.
        pytest.param(signal.SIGTERM, signal.SIG_IGN, id="terminated in the background"),
    ],
)
def test_a_command_that_is_stopped_stops_what_it_started(course, tmp_path, number, inherited):
    home = short_home()
    ports = {"NARRATION_PREFECT_PORT": "0", "NARRATION_POSTGRES_PORT": "0"}
    command = subprocess.Popen(
        [NARRATE, "course", course],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NARRATION_HOME": str(home), **ports},
        preexec_fn=lambda: signal.signal(signal.SIGINT, inherited),
    )
    try:
        with command:
            while "can be watched" not in command.stderr.readline():
                assert command.poll() is None
            command.send_signal(number)
        assert command.returncode not in (0, 2)
        assert not narrate_json("status", home=home, status=1)["running"]
    finally:
        narrate("down", home=home)
        shutil.rmtree(home)
