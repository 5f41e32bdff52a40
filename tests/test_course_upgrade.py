"""Courses keep their voices, whether a service rests tonight or works again."""

from __future__ import annotations

import json
import shutil

import pytest

from flows.contract import as_request, failure, success
from flows.course_plan import Wishes, as_wished, plan_lessons
from flows.course_report import publish
from tests.support import moody
from tests.support.tiny_kokoro import write_tiny_kokoro
from tests.support.translate import StandIn
from tts_tasks import casting, steps
from tts_tasks.engines import gtts, registry
from tts_tasks.engines.breaker import CircuitBreaker, Failure
from tts_tasks.engines.kokoro import KokoroEngine
from tts_tasks.errors import NarrationError
from tts_tasks.script.course import read_course
from tts_tasks.settings import load_settings
from tts_tasks.values import History

TEXTS = {
    "um": "# Um\n\nA padaria da esquina abre às seis da manhã.",
    "dois": "# Dois\n\nO pão de queijo sai quente do forno às sete.",
    "tres": "# Três\n\nNinguém percebeu que o forno ficou ligado.",
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Let nobody wait, and gTTS try once."""
    monkeypatch.setattr(gtts, "wait", lambda _, checkpoint: checkpoint())
    monkeypatch.setattr(gtts, "MAX_ATTEMPTS", 1)


@pytest.fixture
def service(home, monkeypatch):
    """gTTS with a service that answers."""
    gtts._is_reachable.cache_clear()
    with StandIn() as stand_in:
        monkeypatch.setenv("NARRATION_GTTS_URL", stand_in.url)
        monkeypatch.setenv("NARRATION_GTTS_REQUESTS_PER_S", "100")
        yield stand_in
    gtts._is_reachable.cache_clear()


@pytest.fixture
def source(home, tmp_path):
    """A course of three lessons; nobody is asked for by name."""
    folder = tmp_path / "curso"
    folder.mkdir()
    describe(folder)
    for name, text in TEXTS.items():
        write(folder, name, text)
    return folder


def describe(source, lines=""):
    lessons = ", ".join(f"{name}.md" for name in TEXTS)
    (source / "course.yaml").write_text(f"lessons: [{lessons}]\n{lines}", encoding="utf-8")


def write(source, name, text):
    (source / f"{name}.md").write_text(text, encoding="utf-8")


def course_in(source, wishes):
    return as_wished(read_course(source, max_lesson_chars=10_000), wishes, load_settings())


def plan(source, wishes=None, gpu_online=None):
    """Return the plan of each lesson by its id."""
    wishes = wishes or Wishes()
    lessons = plan_lessons(
        course_in(source, wishes),
        source,
        load_settings(),
        upgrade=wishes.upgrade,
        gpu_online=gpu_online,
    )
    return {planned.lesson.id: planned for planned in lessons}


def changed(source, wishes=None, gpu_online=None):
    """Return what would be narrated anew: the provider by lesson."""
    return {
        name: planned.script.provider
        for name, planned in plan(source, wishes, gpu_online).items()
        if not planned.is_unchanged
    }


UPGRADE = Wishes(upgrade=True)


def narrate_all(source, wishes=None, before=lambda name: None):
    """Do what ``narrate course`` does, without the stack; return the report."""
    wishes = wishes or Wishes()
    settings = load_settings()
    lessons = plan(source, wishes)
    outcomes = {}
    for name, planned in lessons.items():
        if planned.script is None or planned.is_unchanged:
            continue
        before(name)
        try:
            done = success(steps.narrate(as_request(settings, **planned.parameters), settings))
        except NarrationError as error:
            done = failure(error)
        outcomes[name] = done
    return publish(course_in(source, wishes), source, [*lessons.values()], outcomes, settings)


def manifest_path():
    return load_settings().narrations / "curso" / "course.json"


def entries():
    return {each["id"]: each for each in json.loads(manifest_path().read_bytes())["lessons"]}


def rows(report, *names):
    return {row["id"]: tuple(row[name] for name in names) for row in report["lessons"]}


def recover(service):
    """Let the service work again, and everybody know it."""
    service.always = None
    gtts._is_reachable.cache_clear()
    (load_settings().providers / "gtts.json").unlink(missing_ok=True)


def rest():
    """Open the breaker of gTTS."""
    CircuitBreaker("gtts", load_settings().providers).failed(Failure("503", is_final=True))


def forget_audio():
    """Empty the library, as ``narrate cache clean`` may."""
    shutil.rmtree(load_settings().library)


@pytest.fixture
def downgraded(service, source):
    """A course whose second lesson was spoken by eSpeak, since gTTS failed; it works again."""

    def before(name):
        service.always = "503" if name == "dois" else None

    report = narrate_all(source, before=before)
    recover(service)
    service.calls.clear()
    return report


# A lesson that a lesser provider spoke


def test_a_lesson_whose_provider_failed_is_spoken_by_the_next(downgraded):
    assert rows(downgraded, "status", "provider", "downgraded") == {
        "um": ("narrated", "gtts", False),
        "dois": ("narrated", "espeak", True),
        "tres": ("narrated", "gtts", False),
    }


def test_it_stays_as_it_is_when_the_better_one_works_again(downgraded, service, source):
    assert changed(source) == {}
    report = narrate_all(source)
    assert rows(report, "status", "provider", "downgraded") == {
        "um": ("unchanged", "gtts", False),
        "dois": ("unchanged", "espeak", True),
        "tres": ("unchanged", "gtts", False),
    }
    assert service.calls == []


def test_an_upgrade_changes_exactly_the_lessons_of_a_lesser_voice(downgraded, service, source):
    assert changed(source, UPGRADE) == {"dois": "gtts"}
    report = narrate_all(source, UPGRADE)
    assert rows(report, "status", "provider", "downgraded") == {
        "um": ("unchanged", "gtts", False),
        "dois": ("narrated", "gtts", False),
        "tres": ("unchanged", "gtts", False),
    }
    assert service.texts == ["Dois", "O pão de queijo sai quente do forno às sete."]
    assert report["totals"]["downgraded"] == 0
    assert changed(source, UPGRADE) == {}, "once is enough"


@pytest.mark.parametrize("state", ["rests", "out of reach"])
def test_an_upgrade_changes_nothing_while_the_better_one_cannot_speak(
    downgraded, service, source, monkeypatch, state
):
    if state == "rests":
        rest()
    else:
        monkeypatch.setenv("NARRATION_GTTS_URL", "http://127.0.0.1:9")
    assert changed(source, UPGRADE) == {}


def test_an_upgrade_that_fails_again_stays_downgraded(downgraded, service, source):
    service.always = "503"
    report = narrate_all(source, UPGRADE)
    assert rows(report, "status", "provider", "downgraded")["dois"] == ("narrated", "espeak", True)
    assert report["totals"]["downgraded"] == 1
    assert report["totals"]["synthesized_chunks"] == 0, "it is in the library"
    recover(service)
    assert changed(source) == {}
    assert changed(source, UPGRADE) == {"dois": "gtts"}


def test_editing_it_lets_todays_ranking_decide(downgraded, source):
    write(source, "dois", f"{TEXTS['dois']} E acaba às oito.")
    assert changed(source) == {"dois": "gtts"}
    rest()
    assert changed(source) == {"dois": "espeak"}


def test_losing_its_files_lets_todays_ranking_decide(downgraded, source):
    next(manifest_path().parent.glob("*-dois.mp3")).unlink()
    assert changed(source) == {"dois": "gtts"}


def test_an_author_who_excludes_the_lesser_voice_gets_the_other(downgraded, source):
    describe(source, "policy: gtts\n")
    assert changed(source) == {"dois": "gtts"}


def test_an_author_who_asks_for_the_better_voice_gets_it(downgraded, source):
    assert changed(source, Wishes(voice="google-com.br")) == {"dois": "gtts"}
    assert changed(source, Wishes(provider="gtts")) == {"dois": "gtts"}


# A lesson that the better provider spoke


@pytest.mark.parametrize("state", ["rests", "out of reach"])
@pytest.mark.parametrize("in_library", [True, False])
@pytest.mark.parametrize("wishes", [Wishes(), UPGRADE], ids=["as ever", "upgrade"])
def test_it_stays_while_its_provider_cannot_speak(
    service, source, monkeypatch, state, in_library, wishes
):
    narrate_all(source)
    sent = len(service.calls)
    if not in_library:
        forget_audio()
    if state == "rests":
        rest()
    else:
        monkeypatch.setenv("NARRATION_GTTS_URL", "http://127.0.0.1:9")
    assert changed(source, wishes) == {}
    report = narrate_all(source, wishes)
    assert report["totals"]["unchanged"] == 3
    assert report["totals"]["downgraded"] == 0
    assert len(service.calls) == sent


def test_editing_a_lesson_while_its_provider_rests_downgrades_that_lesson_only(service, source):
    narrate_all(source)
    rest()
    write(source, "tres", f"{TEXTS['tres']} Foi por pouco.")
    assert changed(source) == {"tres": "espeak"}
    report = narrate_all(source)
    assert rows(report, "status", "provider", "downgraded") == {
        "um": ("unchanged", "gtts", False),
        "dois": ("unchanged", "gtts", False),
        "tres": ("narrated", "espeak", True),
    }
    recover(service)
    assert changed(source) == {}
    assert changed(source, UPGRADE) == {"tres": "gtts"}


def test_a_new_lesson_is_spoken_by_todays_ranking(service, source):
    narrate_all(source)
    rest()
    write(source, "quatro", "# Quatro\n\nO fim da história.")
    lessons = ", ".join(f"{name}.md" for name in [*TEXTS, "quatro"])
    (source / "course.yaml").write_text(f"lessons: [{lessons}]\n", encoding="utf-8")
    assert changed(source) == {"quatro": "espeak"}


@pytest.fixture
def failed_often(monkeypatch):
    """Return a function that says how many of the last ten narrations gTTS failed."""

    def say(failures):
        known = {"gtts": History(10, failures)}
        monkeypatch.setattr(casting, "provider_history", lambda root: known)

    return say


@pytest.mark.parametrize("in_library", [True, False])
def test_a_lesson_stays_when_its_provider_fails_more_often_of_late(
    service, source, failed_often, in_library
):
    narrate_all(source)
    if not in_library:
        forget_audio()
    failed_often(9)
    assert changed(source) == {}
    write(source, "tres", f"{TEXTS['tres']} Foi por pouco.")
    assert changed(source) == {"tres": "espeak"}


def test_a_lesson_stays_when_a_better_provider_fails_less_often_again(
    service, source, failed_often
):
    failed_often(9)
    narrate_all(source)
    assert {entry["provider"] for entry in entries().values()} == {"espeak"}
    failed_often(0)
    assert changed(source) == {}


# Reasons that do change a lesson


@pytest.fixture
def kokoro_comes(monkeypatch):
    """Return a function that puts a tiny model in the place of Kokoro's."""

    def comes():
        model = write_tiny_kokoro(load_settings().models)
        monkeypatch.setattr(KokoroEngine.__init__, "__defaults__", (None, model))
        registry._make.cache_clear()

    yield comes
    registry._make.cache_clear()


@pytest.mark.parametrize("wishes", [Wishes(), UPGRADE], ids=["as ever", "upgrade"])
def test_a_model_that_has_come_changes_all_lessons(downgraded, source, kokoro_comes, wishes):
    kokoro_comes()
    assert changed(source, wishes) == dict.fromkeys(TEXTS, "kokoro")


@pytest.mark.parametrize("in_library", [True, False])
@pytest.mark.parametrize("state", ["works", "rests"])
def test_a_model_that_has_come_changes_them_whatever_a_service_does(
    downgraded, source, kokoro_comes, state, in_library
):
    if not in_library:
        forget_audio()
    if state == "rests":
        rest()
    kokoro_comes()
    assert changed(source) == dict.fromkeys(TEXTS, "kokoro")


def test_a_model_that_has_gone_changes_all_lessons(service, source, kokoro_comes):
    kokoro_comes()
    narrate_all(source, Wishes(accept_flagged=True))
    assert {entry["provider"] for entry in entries().values()} == {"kokoro"}
    assert changed(source) == {}
    shutil.rmtree(load_settings().models)
    registry._make.cache_clear()
    assert changed(source) == dict.fromkeys(TEXTS, "gtts")


def test_a_better_service_is_no_reason_without_a_failure(service, source):
    describe(source, "policy: espeak,gtts\n")
    narrate_all(source)
    assert {entry["provider"] for entry in entries().values()} == {"espeak"}
    assert changed(source, UPGRADE) == {}
    describe(source)
    assert changed(source) == dict.fromkeys(TEXTS, "gtts"), "the author wants another one now"


# Lessons whose provider was asked for


def test_a_provider_asked_for_by_name_stays(service, source):
    describe(source, "provider: espeak\n")
    report = narrate_all(source)
    assert {row["provider"] for row in report["lessons"]} == {"espeak"}
    assert report["totals"]["downgraded"] == 0
    assert changed(source) == changed(source, UPGRADE) == {}
    assert {entry["choice"] for entry in entries().values()} == {"espeak was asked for"}
    assert service.calls == []


def test_a_provider_asked_for_by_name_stays_while_it_rests(service, source):
    describe(source, "provider: gtts\n")
    narrate_all(source)
    rest()
    assert changed(source) == changed(source, UPGRADE) == {}


def test_a_lesson_with_its_own_provider_is_not_upgraded(service, source):
    write(source, "dois", f"---\nprovider: espeak\n---\n{TEXTS['dois']}")
    narrate_all(source)
    assert [entry["provider"] for entry in entries().values()] == ["gtts", "espeak", "gtts"]
    assert changed(source) == changed(source, UPGRADE) == {}


def test_a_lesson_whose_provider_was_asked_for_fails_alone(service, source):
    write(source, "dois", f"---\nprovider: gtts\n---\n{TEXTS['dois']}")
    service.always = "503"
    report = narrate_all(source)
    assert rows(report, "status", "provider", "downgraded") == {
        "um": ("narrated", "espeak", True),
        "dois": ("failed", None, False),
        "tres": ("narrated", "espeak", True),
    }
    assert report["lessons"][1]["error"]["code"] == "engine_unavailable"
    assert (report["totals"]["failed"], report["totals"]["downgraded"]) == (1, 2)
    assert set(entries()) == {"um", "tres"}


# Workers with a GPU


@pytest.fixture
def gpu_engine(monkeypatch):
    """The most natural voice of all, on the workers with a GPU."""
    monkeypatch.setitem(registry.ENGINES, "moody", "tests.support.moody:MoodyEngine")
    monkeypatch.setattr(moody.MoodyEngine, "needs_gpu", True)
    monkeypatch.setattr(moody.MoodyEngine, "naturalness", 0.9)
    registry._make.cache_clear()
    yield
    registry._make.cache_clear()


def test_a_lesson_stays_while_no_worker_has_a_gpu(gpu_engine, source):
    narrate_all(source)
    forget_audio()
    assert changed(source, gpu_online=True) == {}
    assert changed(source, gpu_online=False) == {}
    write(source, "um", f"{TEXTS['um']} E fecha às oito.")
    assert changed(source, gpu_online=False) == {"um": "espeak"}
    assert changed(source, gpu_online=True) == {"um": "moody"}


# What is told and kept


def test_the_report_tells_who_spoke_and_why(downgraded):
    assert downgraded["totals"]["downgraded"] == 1
    choices = rows(downgraded, "choice")
    assert choices["um"][0].startswith("gtts is the most natural one that can speak")
    assert choices["dois"][0].startswith("espeak is the most natural one that can speak; ")
    assert "gtts failed: " in choices["dois"][0]
    assert json.loads(json.dumps(downgraded)) == downgraded


def test_an_unchanged_lesson_is_told_as_it_was_published(downgraded, source):
    again = narrate_all(source)
    names = ("provider", "voice", "choice", "downgraded", "duration_s", "audio", "chunks")
    assert rows(again, *names) == rows(downgraded, *names)
    assert again["totals"]["downgraded"] == 1


def test_the_manifest_keeps_who_spoke_and_why(downgraded):
    kept = entries()
    assert {name: entry["downgraded"] for name, entry in kept.items()} == {
        "um": False,
        "dois": True,
        "tres": False,
    }
    assert "gtts failed: " in kept["dois"]["choice"]
    passing = [each["provider"] for each in kept["dois"]["ranking"] if each["is_passing"]]
    assert passing == ["gtts"]
    assert {each["provider"] for each in kept["um"]["ranking"]} == {
        "bark",
        "kokoro",
        "gtts",
        "espeak",
    }
    assert not any(each["is_passing"] for each in kept["um"]["ranking"])


def test_the_fingerprint_of_a_downgraded_lesson_is_that_of_who_spoke_it(downgraded, source):
    planned = plan(source)
    assert {name: entry["fingerprint"] for name, entry in entries().items()} == {
        name: lesson.fingerprint for name, lesson in planned.items()
    }
    assert planned["dois"].script.provider == "espeak"


def test_a_course_that_is_planned_unchanged_stays_so_after_its_report(downgraded, source):
    before = manifest_path().read_bytes()
    narrate_all(source)
    narrate_all(source)
    assert manifest_path().read_bytes() == before


# Manifests of older versions


def make_older(*names):
    """Let the manifest be from a version that did not write these keys."""
    manifest = json.loads(manifest_path().read_bytes())
    for entry in manifest["lessons"]:
        for name in names:
            del entry[name]
    manifest_path().write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize(
    "names", [("downgraded", "ranking"), ("downgraded", "ranking", "choice")], ids=" ".join
)
@pytest.mark.parametrize("wishes", [Wishes(), UPGRADE], ids=["as ever", "upgrade"])
def test_a_manifest_of_an_older_version_still_works(source, names, wishes):
    describe(source, "provider: espeak\n")
    narrate_all(source)
    make_older(*names)
    report = narrate_all(source, wishes)
    assert rows(report, "status", "downgraded") == dict.fromkeys(TEXTS, ("unchanged", False))
    assert report["totals"]["downgraded"] == 0


def test_lessons_of_an_older_version_stay_while_the_new_provider_cannot_speak(source):
    narrate_all(source)  # gTTS is out of reach, as if there were none.
    make_older("downgraded", "ranking")
    assert changed(source) == changed(source, UPGRADE) == {}


def test_lessons_of_an_older_version_stay_while_their_provider_rests(service, source):
    narrate_all(source)
    make_older("downgraded", "ranking")
    forget_audio()
    rest()
    assert changed(source) == changed(source, UPGRADE) == {}
