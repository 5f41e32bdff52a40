"""``narrate cache evict``, ``clear``, ``stats`` and ``similar`` as a user meets them."""

import json
import os
import time

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tests.support.catalog import make_chunk, narrate, register_chunk
from tests.support.published import TEXT, publish_course
from tts_tasks.catalog.library import Library
from tts_tasks.errors import InputError
from tts_tasks.settings import load_settings


@pytest.fixture
def library():
    library = Library(load_settings().library, durable=False)
    register_chunk(library, "A primeira frase desta aula.")
    register_chunk(library, "A segunda frase desta aula.")
    return library


def run(*arguments, answer=None):
    return CliRunner().invoke(app, ["cache", *map(str, arguments)], input=answer)


def as_json(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refused(*arguments):
    """Return the error that the command ends with; ``narrate`` prints it and exits with 2."""
    error = run(*arguments).exception
    assert isinstance(error, InputError), error
    assert error.field
    return error


def count(library):
    return len(list(library.objects.keys()))


def let_age(library, hours):
    """Say that everything was made, and used last, so long ago."""
    then_s = time.time() - hours * 3600
    for key in library.objects.keys():  # noqa: SIM118 - no mapping
        library.objects.amend(key, {"created_at": then_s})
        os.utime(library.objects.sidecar_path(key), (then_s, then_s))
    # The journals said otherwise: the catalog is made again from the sidecars.
    for path in (library.root / "journal").glob("*.jsonl"):
        path.unlink()
    from tts_tasks.catalog.index import rebuild

    rebuild(library.root)


# Clear


def test_clearing_asks_first_and_takes_no_for_an_answer(library):
    refused = run("clear", "--all", answer="n\n")
    assert refused.exit_code == 1
    assert "2 utterances and 0 narrations would be removed" in refused.stderr
    assert count(library) == 2
    agreed = run("clear", "--all", answer="y\n")
    assert agreed.exit_code == 0
    assert "2 utterances and 0 narrations removed" in agreed.stdout
    assert count(library) == 0


def test_without_an_answer_nothing_is_removed(library):
    assert run("clear", "--all", answer="").exit_code == 1
    assert count(library) == 2


def test_a_dry_run_neither_asks_nor_removes(library):
    told = as_json("clear", "--all", "--dry-run")
    assert (told["objects"], told["dry_run"]) == (2, True)
    assert count(library) == 2
    done = as_json("clear", "--all", "--yes")
    assert {**done, "dry_run": True} == told
    assert count(library) == 0


def test_something_must_be_chosen(library):
    assert "--all" in refused("clear", "--yes").remedy
    assert count(library) == 2


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--provider", "gtts"], 2),
        (["--provider", "espeak"], 0),
        (["--voice", "pt-br+f2", "--provider", "espeak"], 0),
        (["--voice", "another"], 2),
        (["--older-than", "1h"], 2),
        (["--older-than", "0s"], 0),
        (["--unused-for", "2w"], 2),
        (["--course", "nenhum"], 2),
    ],
)
def test_the_options_narrow_the_choice(library, options, left):
    assert run("clear", "--yes", *options).exit_code == 0
    assert count(library) == left


@pytest.mark.parametrize("age", ["soon", "-3d", "3", "", "1e9d", "3 months", "999999w"])
@pytest.mark.parametrize("option", ["--older-than", "--unused-for"])
def test_an_age_that_is_none_is_refused(library, option, age):
    error = refused("clear", "--yes", f"{option}={age}")
    assert (error.field, error.value) == (option.strip("-"), age)
    assert "7d" in error.remedy
    assert count(library) == 2


def test_what_a_published_course_uses_is_told_and_its_files_stay(home):
    folder = publish_course(home, "curso", TEXT)
    files = sorted(folder.iterdir())
    told = as_json("clear", "--all", "--dry-run")
    assert told["published"] == told["objects"] > 0
    result = run("clear", "--all", "--yes")
    assert "belong to published courses" in result.stdout
    assert sorted(folder.iterdir()) == files
    library = Library(load_settings().library)
    assert count(library) == 0


def test_a_course_is_also_named_by_the_folder_of_its_lessons(library, tmp_path):
    (tmp_path / "aulas").mkdir()
    (tmp_path / "aulas" / "course.yaml").write_text("id: meu-curso\ntitle: Meu curso\n")
    (tmp_path / "aulas" / "01-um.md").write_text("# Um\n\nFrase.\n")
    narrate(library, "só deste curso", course="meu-curso")
    assert as_json("clear", "--course", tmp_path / "aulas", "--dry-run")["objects"] == 2


# Evict


def test_evicting_takes_what_is_beyond_the_budget(library):
    let_age(library, hours=3)
    told = as_json("evict", "--max-size-gb", "0", "--dry-run")
    assert (told["objects"], told["dry_run"]) == (2, True)
    assert count(library) == 2
    assert as_json("evict")["objects"] == 0, "five gigabytes are the budget"
    result = run("evict", "--max-size-gb", "0")
    assert "2 utterances and 0 narrations removed" in result.stdout
    assert count(library) == 0


def test_what_has_to_stay_is_explained(library):
    result = run("evict", "--max-size-gb", "0")
    assert result.exit_code == 0
    assert count(library) == 2
    assert "within the hour" in result.stderr


def test_a_published_course_is_not_evicted(home):
    publish_course(home, "curso", TEXT)
    library = Library(load_settings().library)
    before = count(library)
    let_age(library, hours=3)
    result = run("evict", "--max-size-gb", "0")
    assert count(library) == before
    assert "published" in result.stderr


@pytest.mark.parametrize("size", ["-1", "nan", "inf", "1e12"])
def test_a_budget_that_is_none_is_refused(library, size):
    assert "5.0" in refused("evict", f"--max-size-gb={size}").remedy
    assert count(library) == 2


# Stats and similar


def test_statistics_are_tables_or_json(library):
    library.use_utterance(make_chunk("A primeira frase desta aula."))
    tables = run("stats")
    assert tables.exit_code == 0, tables.stderr
    assert "espeak" in tables.stdout
    assert "A primeira frase" in tables.stdout
    assert as_json("stats")
    assert as_json("stats", "--since", "7d")
    assert refused("stats", "--since", "yesterday").field == "since"


def test_similar_sentences_are_found_or_said_to_be_none(library):
    found = run("similar", "A primeira frase desta aula!")
    assert found.exit_code == 0
    assert "A primeira frase desta aula." in found.stdout
    (best, *_) = as_json("similar", "a primeira frase desta aula")
    assert best["written"] == "A primeira frase desta aula."
    none = run("similar", "Nada disto existe por aqui, com certeza.")
    assert none.exit_code == 0
    assert "nothing is at least 0.8 similar" in none.stderr
    assert as_json("similar", "Nada disto existe por aqui, com certeza.") == []


@pytest.mark.parametrize(
    "options",
    [["", "--limit", "3"], ["frase", "--threshold", "1.5"], ["frase", "--limit", "0"]],
)
def test_a_question_that_makes_no_sense_is_refused(library, options):
    assert refused("similar", *options).remedy
