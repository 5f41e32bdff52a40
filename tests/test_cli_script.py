"""``say-as``, ``script``, ``course --dry-run``: what will be said, why, and what it costs."""

from __future__ import annotations

import pytest

from flows.course_plan import Wishes
from flows.dry_run import dry_run
from tests.support.command import narrate, narrate_json
from tts_tasks import steps
from tts_tasks.engines.registry import providers
from tts_tasks.script.course import read_course
from tts_tasks.settings import load_settings

LESSONS = {
    "01-a.md": "# Dois preços\n\nCusta só R$ 5,00. Faça o deploy no Kubeflou.\n\n[pausa 2s]\n\n"
    "Até logo!",
    "02-b.md": "---\ntitle: Segunda\n---\n\nO [[esse quê ele|SQL]] roda no Kubeflou.\n",
}


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "curso"
    folder.mkdir()
    for name, text in LESSONS.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "lexicon.yaml").write_text("deploy: diplói\n", encoding="utf-8")
    return folder


def test_say_as_prints_the_text_alone_and_the_reasons_beside_it(home):
    done = narrate("say-as", "2 alunas pagam R$ 5 pelo deploy.", home=home)
    assert done.stdout == "duas alunas pagam cinco reais pelo diplói.\n"
    assert done.stderr.splitlines() == [
        "2 -> duas  [number]",
        "R$ 5 -> cinco reais  [money]",
        "deploy -> diplói  [lexicon]",
    ]


def test_say_as_tells_the_places_too(home):
    said = narrate_json("say-as", "Custa R$ 5, [[ou não|?]]", home=home)
    money, author = said["readings"]
    assert said["spoken"] == "Custa cinco reais, ou não"
    assert (money["written"], money["rule"]) == ("R$ 5", "money")
    assert said["spoken"][money["spoken_start"] : money["spoken_end"]] == "cinco reais"
    assert (author["written"], author["said"], author["rule"]) == ("?", "ou não", "author")


def test_say_as_says_urls_as_asked(home):
    text = "Veja https://exemplo.com/a agora."
    assert narrate("say-as", text, "--urls", "skip", home=home).stdout == "Veja agora.\n"
    done = narrate("say-as", text, "--urls", "all", home=home)
    assert done.returncode == 2
    assert "policies.urls" in done.stderr


def test_script_shows_every_lesson_line_by_line(home, course):
    done = narrate("script", course, home=home)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("01 Dois preços  espeak pt-br, 4 chunks")
    assert lines[2:6] == [
        "    3  Custa só R$ 5,00.",
        "       Custa só cinco reais.",
        "         R$ 5,00 -> cinco reais  [money]",
        "    3  Faça o deploy no Kubeflou.",
    ]
    assert "         SQL -> esse quê ele  [author]" in lines
    assert not (home / "data" / "library").exists()


def test_script_as_json(home, course):
    script = narrate_json("script", course, "--lesson", "b", home=home)
    [lesson] = script["lessons"]
    [chunk] = lesson["chunks"]
    assert (lesson["id"], lesson["title"], chunk["line"]) == ("b", "Segunda", 5)
    assert chunk["written"] == "O SQL roda no Kubeflou."
    assert chunk["spoken"] == "O esse quê ele roda no Kubeflou."


def test_script_of_no_such_lesson(home, course):
    done = narrate("script", course, "--lesson", "z", home=home)
    assert done.returncode == 2
    assert "its lessons are a, b" in done.stderr


def test_script_names_file_and_line_of_what_is_broken(home, course):
    (course / "02-b.md").write_text("---\ntitle: x\n---\n\nUm.\n\n[voz x]Dois.", encoding="utf-8")
    done = narrate("script", course, home=home)
    assert done.returncode == 2
    assert "02-b.md" in done.stderr
    assert "line 7" in done.stderr
    assert "never closed" in done.stderr


def test_terms_that_no_lexicon_covers_come_by_frequency(home, course):
    found = narrate_json("script", course, "--terms", home=home)
    assert [(term["term"], term["count"]) for term in found] == [("Kubeflou", 2)]
    (course / "lexicon.yaml").write_text("kubeflou: quiúbi flou\n", encoding="utf-8")
    assert "deploy" not in [t["term"] for t in narrate_json("script", course, "--terms", home=home)]


def test_a_dry_run_tells_what_is_missing_and_speaks_nothing(home, course):
    forecast = narrate_json("course", course, "--dry-run", home=home)
    first, second = forecast["lessons"]
    assert (first["status"], first["chunks"], first["to_synthesize"]) == ("changed", 4, 4)
    assert [text["written"] for text in second["texts"]] == ["O SQL roda no Kubeflou."]
    assert forecast["totals"]["chunks"] == 5
    assert forecast["totals"]["characters"] == first["characters"] + second["characters"]
    by_name = {each["provider"]: each for each in forecast["providers"]}
    assert list(by_name) == list(providers())
    assert 0 < by_name["espeak"]["synthesis_min"] <= by_name["espeak"]["audio_min"]
    assert "narrate models pull kokoro" in by_name["kokoro"]["error"]
    assert not list((home / "data").rglob("*.flac"))


def test_what_was_spoken_before_is_not_counted(home, course):
    settings = load_settings()
    source = read_course(course, max_lesson_chars=100_000)
    from flows.course_plan import validated

    planned = validated(source.lessons[0], source, settings)
    plan = steps.look_up(planned.script, settings)
    steps.synthesize(plan, settings)
    forecast = dry_run(source, course, Wishes(), settings)
    assert [lesson["to_synthesize"] for lesson in forecast["lessons"]] == [0, 1]


def test_a_dry_run_is_a_table_for_people(home, course):
    done = narrate("course", course, "--dry-run", home=home)
    assert done.returncode == 0, done.stderr
    assert "    3  Custa só R$ 5,00." in done.stdout
    assert "minutes of audio" in done.stdout


def test_say_as_leaves_out_what_is_not_heard_in_words(home):
    done = narrate("say-as", "[pausa 2s] [voz x]5 alunas[/voz]", home=home)
    assert done.stdout == "cinco alunas\n"


def test_a_text_file_keeps_its_front_matter_to_itself(home, tmp_path):
    file = tmp_path / "a.md"
    file.write_text(
        "---\ntitle: T\nvoice: pt-br+f2\npolicies: {code: announce}\n---\n\n"
        "Olá a todos.\n\n```\nx\n```\n",
        encoding="utf-8",
    )
    outcome = narrate_json("text", "-f", file, "-o", tmp_path / "a.mp3", home=home)
    assert outcome["voice"] == "pt-br+f2"
    said = [sentence["text"] for sentence in outcome["sentences"]]
    assert said == ["Olá a todos.", "Veja o código na tela."]
    skipped = narrate_json(
        "text", "-f", file, "--code", "skip", "-o", tmp_path / "b.mp3", home=home
    )
    assert skipped["chunks"] == 1


def test_files_that_look_like_lessons_are_named(home, course):
    (course / "03-c.html").write_text("x", encoding="utf-8")
    (course / "notas.txt").write_text("x", encoding="utf-8")
    assert "left out: 03-c.html, notas.txt" in narrate("script", course, home=home).stderr
