"""What a course needs, without a server: each lesson's request, and what is refused."""

import asyncio

import pytest

from flows.course import is_gpu_online
from flows.course_plan import plan_lessons, spoken_by
from flows.narrate import narrate
from tts_tasks.engines import registry
from tts_tasks.errors import CourseError, SourceError, UnknownProviderError, UnknownVoiceError
from tts_tasks.script.course import read_course
from tts_tasks.settings import load_settings


@pytest.fixture
def plan(home, tmp_path):
    """Return a function that plans a course of the given lessons."""

    def planned(course_yaml="", *, lexicon="", speaker=(None, None), **lessons):
        folder = tmp_path / "curso"
        folder.mkdir(exist_ok=True)
        if course_yaml:
            (folder / "course.yaml").write_text(course_yaml, encoding="utf-8")
        if lexicon:
            (folder / "lexicon.yaml").write_text(lexicon, encoding="utf-8")
        for name, text in lessons.items():
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
        course = read_course(folder, max_lesson_chars=100_000)
        settings = load_settings()
        return plan_lessons(spoken_by(course, *speaker, settings), folder, settings)

    return planned


def test_lessons_go_to_numbered_files_of_the_course(plan, home):
    first, second = plan(a="# Um\n\nOlá.", b="# Dois\n\nTchau.")
    folder = home / "data" / "narrations" / "curso"
    assert first.parameters["output_path"] == str(folder / "01-a.mp3")
    assert second.parameters["output_path"] == str(folder / "02-b.mp3")
    assert (first.parameters["title"], first.parameters["lesson"]) == ("Um", "curso/a")


def test_a_lesson_overrides_the_course(plan):
    [lesson] = plan(
        "voice: pt-br+f2\nparameters: {rate: 120, pitch: 40}\nlessons: [a.md]",
        a="---\nvoice: pt-br+m3\nparameters: {rate: 180}\n---\nOlá.",
    )
    assert lesson.script.voice == "pt-br+m3"
    assert lesson.parameters["parameters"] == {"rate": 180, "pitch": 40}


@pytest.mark.parametrize(
    ("online", "provider", "is_downgrade"), [(True, "studio", False), (False, "espeak", True)]
)
def test_a_provider_that_needs_a_gpu_speaks_while_a_worker_with_one_is_online(
    tmp_path, monkeypatch, online, provider, is_downgrade
):
    monkeypatch.setitem(registry.ENGINES, "studio", "tests.support.studio:StudioEngine")
    (tmp_path / "a.md").write_text("Olá.")
    course = read_course(tmp_path, max_lesson_chars=100_000)
    [planned] = plan_lessons(course, tmp_path, load_settings(), gpu_online=online)
    assert (planned.script.provider, planned.script.is_downgrade) == (provider, is_downgrade)


def test_nobody_asks_for_workers_with_a_gpu_that_nobody_needs(monkeypatch):
    async def online(pool):
        assert pool == "gpu"
        return True

    monkeypatch.setattr("flows.course.is_pool_online", online)
    here = {name: engine for name, engine in registry.ENGINES.items() if name != "bark"}
    monkeypatch.setattr(registry, "ENGINES", here)
    assert asyncio.run(is_gpu_online()) is None
    here["studio"] = "tests.support.studio:StudioEngine"
    assert asyncio.run(is_gpu_online()) is True


def test_a_course_says_how_its_speaker_is_chosen(plan):
    [lesson] = plan("policy: [espeak, kokoro]\nlessons: [a.md]", a="Olá.")
    assert lesson.parameters["policy"] == "espeak,kokoro"
    assert lesson.script.provider == "espeak"
    [lesson] = plan("policy: offline\nlessons: [a.md]", a="Olá.")
    assert "offline" in lesson.parameters["policy"]


def test_a_provider_of_the_order_that_there_is_not_is_an_error_of_the_lesson(plan):
    [lesson] = plan("policy: best\nlessons: [a.md]", a="Olá.")
    assert isinstance(lesson.error, UnknownProviderError)
    assert "best" in str(lesson.error)
    assert "quality, fast, offline, cheapest" in str(lesson.error)


@pytest.mark.parametrize("policy", ["[]", "{a: b}", "7", "[espeak, espeak]"])
def test_a_policy_that_is_none_is_refused(plan, policy):
    with pytest.raises(CourseError, match=r"policy.*course\.yaml"):
        plan(f"policy: {policy}\nlessons: [a.md]", a="Olá.")


def test_a_lesson_in_another_language_gets_a_voice_of_that_language(plan):
    [portuguese, english] = plan(
        "voice: pt-br+f2\nlessons: [a.md, b.md]",
        a="Custa R$ 2,00.",
        b="---\nlanguage: en-US\n---\nIt costs $2.00.",
    )
    assert portuguese.script.chunks[0].spoken == "Custa dois reais."
    assert english.script.voice == "en-us"
    assert english.script.chunks[0].spoken == "It costs $2.00."


def test_a_lesson_that_names_the_courses_language_gets_its_voice(plan):
    [lesson] = plan("voice: pt-br+f2\n", a="---\nlanguage: pt-BR\n---\nOlá.")
    assert lesson.script.voice == "pt-br+f2"


def test_another_speaker_speaks_every_lesson_in_its_language(plan):
    lessons = {
        "a": "---\nlanguage: pt-BR\nvoice: pt-br+f5\nparameters: {pitch: 40}\n---\nOlá.",
        "b": "Olá.",
        "c": "---\nlanguage: en-US\n---\nHello.",
    }
    written = "parameters: {rate: 170}\n"
    planned = plan(written, speaker=(None, "pt-br+m3"), **lessons)
    assert [one.script.voice for one in planned] == ["pt-br+m3", "pt-br+m3", "en-us"]
    assert [one.parameters["parameters"] for one in planned] == [
        {"rate": 170, "pitch": 40},
        {"rate": 170},
        {"rate": 170},
    ]
    planned = plan(written, speaker=("espeak", None), **lessons)
    assert [one.script.voice for one in planned] == ["pt-br", "pt-br", "en-us"]


def test_parameters_of_another_provider_go_with_it(plan):
    [lesson] = plan("parameters: {speed: 1.2}\n", speaker=("espeak", None), a="Olá.")
    assert lesson.parameters["parameters"] == {}
    assert lesson.script.provider == "espeak"


def test_a_speaker_that_there_is_not_stops_the_course(plan):
    with pytest.raises(UnknownVoiceError, match="nobody"):
        plan(speaker=(None, "nobody"), a="Olá.")


def test_a_lesson_that_cannot_be_narrated_carries_its_error(plan):
    bad, good = plan(a="---\nvoice: ninguem\n---\nOlá.", b="Olá.")
    assert "ninguem" in str(bad.error)
    assert bad.script is None
    assert good.error is None


def test_an_id_that_is_too_long_for_a_file_name_fails_that_lesson(plan):
    bad, good = plan(a=f"---\nid: {'n' * 129}\n---\nOlá.", b="Olá.")
    assert isinstance(bad.error, CourseError)
    assert good.error is None


LEXICON = "deploy: diplói\nPower BI: páuer bi-ai\nKaggle: /ˈkæɡəl/\n"


def test_a_lesson_gets_only_the_entries_of_its_words(plan):
    one, two, three = plan(
        lexicon=LEXICON, a="Faça o **De**ploy.", b="O Power\nBI e o [[Kaggle|/x/]].", c="Olá."
    )
    assert one.parameters["lexicon"] == {"deploy": "diplói"}
    # A voice without phonemes reads the term of a mark, so the term's entry goes along.
    assert two.parameters["lexicon"] == {"Power BI": "páuer bi-ai", "Kaggle": "/ˈkæɡəl/"}
    assert three.parameters["lexicon"] == {}
    assert one.script.chunks[0].spoken == "Faça o diplói."
    assert two.script.chunks[0].spoken == "O páuer bi-ai e o Kaggle."
    assert two.script.chunks[0].written == "O Power BI e o Kaggle."


def test_editing_one_entry_changes_only_the_chunks_of_its_word(plan):
    lessons = {"a": "Faça o deploy. Abra o Power BI.", "b": "O Power BI. É o fim da aula."}
    before = plan(lexicon=LEXICON, **lessons)
    after = plan(lexicon=LEXICON.replace("diplói", "deplói"), **lessons)
    keys = [[chunk.key for one in planned for chunk in one.script.chunks]
            for planned in (before, after)]  # fmt: skip
    assert [old == new for old, new in zip(*keys, strict=True)] == [False, True, True, True]
    assert before[0].fingerprint != after[0].fingerprint
    assert before[1].fingerprint == after[1].fingerprint
    assert before[1].parameters == after[1].parameters


def test_a_broken_mark_fails_its_lesson_only(plan):
    bad, good = plan(a="O [[Kaggle|/ˈkæɡəl]] abre.", b="Olá.")
    assert "[[Kaggle|/ˈkæɡəl]] begins like a mark" in str(bad.error)
    assert good.error is None


def test_a_broken_lexicon_stops_the_course(plan):
    with pytest.raises(SourceError, match=r"lexicon\.yaml: line 1"):
        plan(lexicon="no: não", a="Olá.")


def test_the_parameters_of_a_lesson_are_those_of_the_flow(plan):
    [lesson] = plan(lexicon=LEXICON, a="Faça o deploy.")
    assert narrate.validate_parameters(lesson.parameters)["lexicon"] == {"deploy": "diplói"}
