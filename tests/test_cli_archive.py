"""``narrate cache export`` and ``import``: from one installation to another."""

import json

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tests.support.catalog import make_chunk, narrate, register_chunk
from tests.support.command import narrate as narrate_command
from tts_tasks.catalog.library import Library
from tts_tasks.errors import ArchiveError, InputError
from tts_tasks.settings import load_settings


@pytest.fixture
def library():
    library = Library(load_settings().library, durable=False)
    register_chunk(library, "um")
    register_chunk(library, "dois")
    narrate(library, "três", course="curso")
    return library


def run(*arguments):
    return CliRunner().invoke(app, ["cache", *map(str, arguments)])


def as_json(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def move(monkeypatch, tmp_path):
    """Go on in another installation."""
    monkeypatch.setenv("NARRATION_HOME", str(tmp_path / "another"))
    return Library(load_settings().library)


def test_what_one_machine_spoke_another_one_has(library, tmp_path, monkeypatch):
    archive = tmp_path / "vozes.tar"
    options = ("--provider", "espeak", "--voice", "pt-br+f2", "--older-than", "0s")
    written = run("export", archive, "--course", "nenhum", *options)
    assert "0 object(s)" in written.stdout
    written = run("export", archive, "--replace", *options)
    assert "4 object(s)" in written.stdout
    there = move(monkeypatch, tmp_path)
    # The narration of this test is no audio: only what can be played is taken.
    assert isinstance(run("import", archive).exception, ArchiveError)
    assert there.find_utterance(make_chunk("um")) is None


def test_json_counts(library, tmp_path, monkeypatch):
    library.objects.remove(next(iter(narration_keys(library))))
    archive = tmp_path / "vozes.tar"
    told = as_json("export", archive)
    assert (told["objects"], told["missing"], told["damaged"]) == (3, 1, 0)
    there = move(monkeypatch, tmp_path)
    told = as_json("import", archive)
    assert (told["new"], told["present"]) == (3, 0)
    assert there.find_utterance(make_chunk("dois"))
    again = run("import", archive)
    assert "0 object(s) are new here, 3 were there already" in again.stdout


def narration_keys(library):
    for key in library.objects.keys():  # noqa: SIM118 - no mapping
        if library.objects.find(key).facts["kind"] == "narration":
            yield key


def test_a_file_that_is_there_is_not_written_over(library, tmp_path):
    (tmp_path / "meu.txt").write_text("meu")
    error = run("export", tmp_path / "meu.txt").exception
    assert isinstance(error, InputError)
    assert "--replace" in error.remedy
    assert (tmp_path / "meu.txt").read_text() == "meu"


def test_what_is_no_archive_is_refused_with_the_field_and_the_remedy(home, tmp_path):
    (tmp_path / "x.tar").write_text("not an archive")
    refused = narrate_command("cache", "import", tmp_path / "x.tar", home=home)
    assert refused.returncode == 2
    assert "archive" in refused.stderr
    assert "narrate cache export" in refused.stderr
