"""Preloading without a stack: what is read, planned, refused and proposed."""

import asyncio
import json
import os
from contextlib import nullcontext
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.context import AsyncClientContext
from prefect.states import Completed
from typer.testing import CliRunner

from flows import batches
from flows.cli import app
from flows.narrate import generate_narration_sync
from flows.preload import preload, report_of
from flows.preload_plan import (
    MAX_ITEMS,
    distinct_phrases,
    missing_of,
    plan_phrases,
    read_phrases,
)
from flows.preload_suggest import suggest
from tests.support.command import narrate, narrate_json
from tts_tasks.engines import registry
from tts_tasks.errors import InputError, NarrationError, SourceError, StackError
from tts_tasks.settings import PROJECT, load_settings

GREETING = "Bom dia a todos!"
LONG_GREETING = "Sejam muito bem-vindos a mais uma aula deste curso."
SAMPLE = PROJECT / "data/courses/python-para-analise-de-dados"


@pytest.fixture
def settings(home):
    return load_settings()


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a file of phrases."""

    def written(content):
        path = tmp_path / "frases.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def say(text, home, **options):
    outcome = generate_narration_sync(text, home / "fala.mp3", provider="espeak", **options)
    assert outcome["success"], outcome["error"]
    return outcome


def plan(phrases, settings, voices=(), provider="espeak", **options):
    return plan_phrases(phrases, voices, provider, settings, **options)


# Reading


@pytest.mark.parametrize(
    ("content", "phrases"),
    [
        ("Bom dia!\nAté logo.\n", ["Bom dia!", "Até logo."]),
        ("\n  Bom dia!  \r\n\r\n# nota\n #outra\nAté logo.", ["Bom dia!", "Até logo."]),
        ("Bom dia!\n".encode("utf-8-sig"), ["Bom dia!"]),
        ('["Bom dia!", "# não é nota"]', ["Bom dia!", "# não é nota"]),
        ('\n [{"phrase": "Bom dia!", "courses": ["a"]}]\n', ["Bom dia!"]),
        ("Vale [2, 3].\n", ["Vale [2, 3]."]),
        ("# nota\n[pausa]\n", ["[pausa]"]),
        ("", []),
    ],
)
def test_a_file_has_a_phrase_on_each_line_or_is_a_list(file, content, phrases):
    assert read_phrases(file(content)) == phrases


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Olá, João\n".encode("latin-1"), r"not UTF-8 \(byte 2\)"),
        ('["Bom dia!",', "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('["Bom dia!", 3]', "element 2 of frases.txt is no phrase"),
        ('[{"text": "Bom dia!"}]', "element 1 of frases.txt is no phrase"),
    ],
)
def test_a_file_that_is_neither_is_refused_with_the_remedy(file, content, said):
    with pytest.raises(SourceError, match=said) as raised:
        read_phrases(file(content))
    assert raised.value.field == "file"
    assert raised.value.remedy


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SourceError, match="No such file") as raised:
        read_phrases(tmp_path / "nenhum.txt")
    assert raised.value.value == str(tmp_path / "nenhum.txt")


def test_a_phrase_that_is_given_twice_is_one(settings):
    given = [" Bom dia!", "", "Até logo.", "Bom dia!\n"]
    assert distinct_phrases(given, settings) == ["Bom dia!", "Até logo."]


# Planning


def test_each_phrase_is_planned_in_each_voice(settings):
    planned = plan([GREETING, "Até logo."], settings, ["pt-br", "pt-br+f2", "pt-br"])
    assert [(each.phrase, each.script.voice) for each in planned] == [
        (GREETING, "pt-br"), ("Até logo.", "pt-br"),
        (GREETING, "pt-br+f2"), ("Até logo.", "pt-br+f2"),
    ]  # fmt: skip
    assert len({each.parameters["output_path"] for each in planned}) == 4
    for each in planned:
        assert not each.is_present
        assert "/data/batches/preload-" in each.parameters["output_path"]


def test_the_run_is_told_who_speaks(settings):
    [planned] = plan([GREETING], settings, provider="auto")
    given = planned.parameters
    assert (given["provider"], given["voice"]) == ("espeak", planned.script.voice)


def test_a_phrase_that_was_narrated_is_there_in_that_voice_only(home, settings):
    say(GREETING, home, voice="pt-br+f2")
    planned = plan([GREETING], settings, ["pt-br", "pt-br+f2"])
    assert [each.is_present for each in planned] == [False, True]
    other_pace = plan([GREETING], settings, ["pt-br+f2"], parameters={"rate": 120})
    assert not other_pace[0].is_present


def test_a_sentence_of_a_lesson_is_there(home, settings):
    say(f"{LONG_GREETING} {GREETING} E vamos à aula.", home)
    assert [each.is_present for each in plan([GREETING, "Até logo."], settings)] == [True, False]


def test_what_sounds_the_same_is_spoken_once_and_told_of_both(settings):
    planned = plan(["São 3 aulas.", "São três aulas.", GREETING], settings)
    missing = missing_of(planned)
    assert [each.phrase for each in missing.values()] == ["São 3 aulas.", GREETING]
    spoken = {"success": True, "synthesized_chunks": 1, "synthesized_audio_s": 1.25, "error": None}
    failed = {"success": False, "error": {"message": "não deu"}}
    first, last = missing
    report = report_of(planned, {first: spoken, last: failed}, batch_id="b", seconds=2.0)
    assert [item["status"] for item in report["items"]] == ["synthesized", "present", "failed"]
    counted = {
        "batch": "b", "phrases": 3, "present": 1, "synthesized": 1, "failed": 1, "missing": 0,
        "audio_s": 1.25, "seconds": 2.0,
    }  # fmt: skip
    assert counted.items() <= report.items()
    assert report["items"][2]["error"] == {"message": "não deu"}


def test_a_take_that_failed_its_checks_is_not_what_was_wanted(home, settings):
    outcome = say(GREETING, home)
    key = outcome["sentences"][0]["key"]
    [sidecar] = (settings.library / "objects").rglob(f"{key}.json")
    facts = json.loads(sidecar.read_text())
    facts["quality"]["flags"] = ["too_quiet"]
    assert plan([GREETING], settings)[0].is_present
    sidecar.write_text(json.dumps(facts))
    assert not plan([GREETING], settings)[0].is_present


def test_every_sentence_of_a_course_has_the_key_it_has_alone(settings):
    """What a preloaded phrase spares: the same text, parameters and seed, whatever stands near."""
    from flows.course_plan import plan_lessons
    from tts_tasks.script.course import read_course

    course = read_course(SAMPLE, max_lesson_chars=settings.max_lesson_chars)
    lessons = plan_lessons(course, SAMPLE, settings)
    assert sum(len(each.script.chunks) for each in lessons) > 50
    for lesson in lessons:
        said = {chunk.written: [chunk.key] for chunk in lesson.script.chunks}
        speaks = {"voices": [lesson.script.voice], "lexicon": lesson.parameters["lexicon"]}
        planned = plan(list(said), settings, **speaks)
        assert said == {each.phrase: [c.key for c in each.script.chunks] for each in planned}


def test_a_course_with_a_lexicon_of_its_own_has_other_chunks(settings):
    phrase = "Uma ferramenta de BI."
    [plain], [own] = plan([phrase], settings), plan([phrase], settings, lexicon={"BI": "bi-ai"})
    assert plain.script.chunks[0].key != own.script.chunks[0].key


def test_a_very_short_sentence_is_spoken_together_with_its_neighbour(settings):
    [alone, together] = plan(["Vamos lá.", "Vamos lá. A aula começa."], settings)
    assert [chunk.written for chunk in together.script.chunks] == ["Vamos lá. A aula começa."]
    assert alone.script.chunks[0].key != together.script.chunks[0].key


@pytest.mark.parametrize(
    ("phrases", "voices", "provider", "field", "said"),
    [
        ([], [], "espeak", "phrases", "there are no phrases"),
        (["  ", ""], [], "espeak", "phrases", "there are no phrases"),
        (["a" * 5_001], [], "espeak", "phrases", "5,001 characters are over the limit of 5,000"),
        (["Bom dia!", "..."], [], "espeak", "text", r"the phrase '\.\.\.': the text has no letter"),
        (["Bom dia!"], ["ninguem"], "espeak", "voice", "ninguem"),
        (["Bom dia!"], ["pt-br", "ninguem"], "auto", "voice", "ninguem"),
        (["Bom dia!"], [], "nenhum", "provider", "there is no provider 'nenhum'"),
        (["Bom dia!"], ["v2/pt_speaker_1"], "espeak", "voice", "is a voice of bark"),
        (
            [f"Frase {n}." for n in range(MAX_ITEMS // 2 + 1)], ["pt-br", "pt-br+f2"], "espeak",
            "phrases", r"5,001 phrases in 2 voice\(s\) are over the limit of 10,000",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_preloaded_is_named(settings, phrases, voices, provider, field, said):
    with pytest.raises(InputError, match=said) as raised:
        plan(phrases, settings, voices, provider)
    assert raised.value.field == field
    assert raised.value.remedy


# Proposing


@pytest.fixture
def two_courses(home, tmp_path):
    """Return the folders of two courses that greet alike; nothing is narrated."""
    folders = []
    for name, own in (("algebra", "Hoje, números."), ("biologia", "Hoje, células.")):
        folder = tmp_path / name
        folder.mkdir()
        text = f"# {name.title()}\n\n{LONG_GREETING} {own} {GREETING}\n"
        (folder / "01-aula.md").write_text(text, encoding="utf-8")
        folders.append(folder)
    return folders


def narrate_lessons(folders, settings, voice="pt-br+f2"):
    """Narrate the courses without a server."""
    from flows.contract import as_request
    from flows.course_plan import plan_lessons, spoken_by
    from tts_tasks import steps
    from tts_tasks.script.course import read_course

    for folder in folders:
        course = read_course(folder, max_lesson_chars=settings.max_lesson_chars)
        for each in plan_lessons(spoken_by(course, "espeak", voice, settings), folder, settings):
            steps.narrate(as_request(settings, **each.parameters), settings)


def phrases_of(found):
    return [each.recurring.written for each in found]


def test_what_narrated_courses_share_is_proposed_for_the_voices_that_lack_it(two_courses, settings):
    assert suggest(settings) == []
    narrate_lessons(two_courses, settings)
    assert phrases_of(suggest(settings)) == [LONG_GREETING, GREETING], "the longest first"
    assert suggest(settings, ["pt-br+f2"]) == []
    found = suggest(settings, ["pt-br+f2", "pt-br"])
    assert found[0].as_dict() == {
        "phrase": LONG_GREETING,
        "courses": ["algebra", "biologia"],
        "duration_s": pytest.approx(3.0, abs=2.0),
        "voices": ["espeak pt-br+f2"],
        "lacking": ["espeak pt-br"],
    }
    assert len(suggest(settings, ["pt-br"], limit=1)) == 1


def test_courses_that_are_not_narrated_yet_can_be_counted(two_courses, settings):
    first, second = two_courses
    found = suggest(settings, ["pt-br"], courses=two_courses)
    assert phrases_of(found) == [LONG_GREETING, GREETING]
    assert {each.as_dict()["lacking"][0] for each in found} == {"espeak pt-br"}
    assert [each.as_dict()["voices"] for each in found] == [[], []]
    assert suggest(settings, courses=[first]) == []
    narrate_lessons([first], settings)
    assert phrases_of(suggest(settings, courses=[second])) == [LONG_GREETING, GREETING]


def test_a_given_course_counts_as_it_is_written_now(two_courses, settings):
    narrate_lessons(two_courses, settings)
    (two_courses[1] / "01-aula.md").write_text("# Biologia\n\nOutra coisa inteira.\n")
    assert suggest(settings, courses=[two_courses[1]]) == []
    assert len(suggest(settings)) == 2


def test_a_lesson_that_cannot_be_read_is_told(two_courses, settings):
    (two_courses[1] / "02-nada.md").write_text("...")
    told = []
    assert suggest(settings, courses=two_courses, on_warning=told.append)
    assert len(told) == 1
    assert "nada of biologia" in told[0]


def test_a_phrase_that_its_courses_read_otherwise_is_left_out(two_courses, settings):
    for folder in two_courses:
        (folder / "lexicon.yaml").write_text("dia: noite\n", encoding="utf-8")
    narrate_lessons(two_courses, settings)
    assert phrases_of(suggest(settings)) == [LONG_GREETING]


# The command


def run(*arguments):
    return CliRunner().invoke(app, ["cache", "preload", *map(str, arguments)])


def test_what_is_all_there_needs_no_stack(home):
    say(GREETING, home)
    done = run(GREETING, "--provider", "espeak")
    assert done.exit_code == 0, done.output
    said = "1 phrase x 1 voice: 1 there already, 0 narrated (0.0 s of audio), 0 failed\n"
    assert done.stdout == said
    assert not (home / "data/stack").exists()
    assert not (home / "data/batches").exists()


def test_what_is_there_counts_as_used_unless_nothing_should_happen(home, settings):
    key = say(GREETING, home)["sentences"][0]["key"]
    [sidecar] = (settings.library / "objects").rglob(f"{key}.json")
    os.utime(sidecar, (0, 0))
    run(GREETING, "--provider", "espeak", "--dry-run")
    assert sidecar.stat().st_mtime == 0
    run(GREETING, "--provider", "espeak")
    assert sidecar.stat().st_mtime > 0


def test_a_dry_run_tells_what_is_missing(home, file):
    say(GREETING, home)
    phrases = file(f"{GREETING}\n# nota\nAté logo.\n")
    done = run("Boa tarde.", "--file", phrases, "--provider", "espeak", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "3 phrases x 1 voice: 1 there already, 2 to narrate" in done.stdout
    assert "Até logo." in done.stdout
    assert GREETING not in done.stdout
    assert not (home / "data/stack").exists()


def test_what_is_proposed_can_be_preloaded(two_courses, settings, file):
    narrate_lessons(two_courses, settings)
    table = run("--suggest", "--voice", "pt-br")
    assert table.exit_code == 0, table.output
    assert LONG_GREETING in table.stdout
    printed = run("--suggest", "--voice", "pt-br", "--json").stdout
    done = run("--file", file(printed), "--voice", "pt-br", "--dry-run", "--json")
    report = json.loads(done.stdout)
    assert [item["phrase"] for item in report["items"]] == [LONG_GREETING, GREETING]
    assert report["missing"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "there are no phrases"),
        (["Olá", "--suggest"], "leave out either"),
        (["Olá", "--voice", "ninguem"], "ninguem"),
        (["--file", "/nenhum.txt"], "cannot be read"),
    ],
)
def test_a_mistake_is_one_line_and_exits_2(home, arguments, said):
    done = narrate("cache", "preload", *arguments, home=home)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    report = narrate_json("cache", "preload", *arguments, home=home, status=2)
    assert not report["success"]
    assert not (home / "data/stack").exists()


def test_nothing_else_escapes(settings):
    """A voice in the text that there is not is the caller's mistake too."""
    with pytest.raises(NarrationError):
        plan(["[voz ninguem]Bom dia![/voz]", "\ud800"], settings)


# Running, without a server


class Server:
    """In the place of ``flows.runs``: runs that end as they are told to."""

    def __init__(self, monkeypatch, settings, lost=(), refuse=None):
        from flows import course, runs

        self.settings, self.lost, self.refuse = settings, lost, refuse
        self.triggered, self.cancelled = [], []
        monkeypatch.setattr(runs, "trigger", self.trigger)
        monkeypatch.setattr(runs, "wait_for", self.wait_for)
        monkeypatch.setattr(runs, "cancel", self.cancel)
        monkeypatch.setattr(course, "is_gpu_online", self.is_gpu_online)
        # Prefect's would start a server of its own.
        monkeypatch.setattr(AsyncClientContext, "get_or_create", nullcontext)

    async def is_gpu_online(self):
        return False

    async def trigger(self, deployment, parameters, **options):
        if parameters["text"] == self.refuse:
            raise StackError("there is no such deployment")
        run = SimpleNamespace(id=uuid4(), name=parameters["title"], state=None)
        self.triggered.append((deployment, parameters["text"], options["queue"], run.id))
        if parameters["text"] not in self.lost:
            done = {"success": True, "synthesized_chunks": 1, "synthesized_audio_s": 1.0}
            outcome = {"run_id": str(run.id), **done}
            batches.write_outcome(self.settings, parameters["batch"], parameters["item"], outcome)
        self.runs = {**getattr(self, "runs", {}), run.id: run}
        return run

    async def wait_for(self, run_ids, *, on_change):
        for run_id in run_ids:
            self.runs[run_id].state = Completed()
            on_change(self.runs[run_id])
        return {run_id: self.runs[run_id] for run_id in run_ids}

    async def cancel(self, run_ids):
        self.cancelled += run_ids


def test_a_run_without_an_outcome_failed(monkeypatch, settings):
    server = Server(monkeypatch, settings, lost=["Perdida."])
    told = []
    report = asyncio.run(
        preload(
            ["Perdida.", "Achada."], [], "espeak", settings,
            on_progress=lambda *counted: told.append(counted),
        )
    )  # fmt: skip
    assert [item["status"] for item in report["items"]] == ["failed", "synthesized"]
    assert report["items"][0]["error"]["type"] == "RunLostError"
    assert "preload again" in report["items"][0]["error"]["remedy"]
    assert {run[0] for run in server.triggered} == {"narrate/cpu"}
    assert {run[2] for run in server.triggered} == {"low"}
    assert told == [(1, 2), (2, 2)]
    assert batches.read_report(settings, report["batch"]) == report
    assert len(batches.read_items(settings, report["batch"])) == 2


def test_more_phrases_than_one_query_tells_of_come_in_waves(monkeypatch, settings):
    monkeypatch.setattr("flows.preload.WAVE_RUNS", 2)
    Server(monkeypatch, settings)
    phrases = [f"Frase de número {n}." for n in range(5)]
    report = asyncio.run(preload(phrases, [], "espeak", settings))
    assert report["synthesized"] == 5


def test_when_not_all_runs_can_be_had_none_is_left_going(monkeypatch, settings):
    server = Server(monkeypatch, settings, refuse="Recusada.")
    with pytest.raises(StackError):
        asyncio.run(preload(["Uma.", "Outra.", "Recusada."], [], "espeak", settings))
    assert len(server.triggered) == 2
    assert sorted(server.cancelled) == sorted(run[3] for run in server.triggered)


def test_phrases_for_a_gpu_that_is_offline_are_said_to_wait(monkeypatch, settings):
    monkeypatch.setitem(registry.ENGINES, "studio", "tests.support.studio:StudioEngine")
    server = Server(monkeypatch, settings)
    told = []
    asyncio.run(preload(["Bom dia!"], [], "studio", settings, on_warning=told.append))
    assert [run[0] for run in server.triggered] == ["narrate/gpu"]
    assert len(told) == 1
    assert "narrate up --gpu" in told[0]
