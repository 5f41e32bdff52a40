"""``narrate cache verify``: what it prints, and its exit status."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tests.support.command import narrate, narrate_json
from tests.support.published import TEXT, publish_course


@pytest.fixture
def published(home):
    return publish_course(home, "curso", TEXT)


def run(*arguments):
    return CliRunner().invoke(app, ["cache", "verify", *map(str, arguments)])


def damage(folder):
    (folder / "01-aula.mp3").write_bytes(b"half")


def test_a_whole_library_exits_0_and_a_damaged_one_2(published):
    whole = run()
    assert whole.exit_code == 0, whole.output
    assert "4 object(s)" in whole.stdout
    assert "6 published file(s)" in whole.stdout
    assert "0 damaged" in whole.stdout
    damage(published)
    broken = run()
    assert broken.exit_code == 2
    assert "1 damaged" in broken.stdout
    assert "01-aula.mp3: has another checksum" in broken.stderr
    assert "narrate the course curso again" in broken.stderr


def test_json_is_all_that_stdout_gets(published):
    damage(published)
    result = run("--json")
    assert result.exit_code == 2
    report = json.loads(result.stdout)
    assert {
        "objects": 4,
        "published": 6,
        "leftovers": [],
        "moved_to": None,
    }.items() <= report.items()
    [found] = report["damaged"]
    assert set(found) == {"path", "kind", "problem", "remedy", "key"}
    assert (found["path"], found["kind"]) == (str(published / "01-aula.mp3"), "published")


def test_a_repair_says_where_the_damage_lies(home, published):
    audio = next((home / "data/library/objects").rglob("*.mp3"))
    audio.write_bytes(b"half")
    result = run("--repair", "--json")
    assert result.exit_code == 2, "there was damage, and it should be narrated again"
    moved_to = Path(json.loads(result.stdout)["moved_to"])
    assert moved_to.parent == home / "data/library/damaged"
    assert (moved_to / audio.name).is_file()
    assert str(moved_to) in result.stderr
    assert run().exit_code == 0


def test_a_course_is_named_by_its_id_its_folder_or_that_of_its_lessons(home, published, tmp_path):
    source = tmp_path / "lessons"
    source.mkdir()
    (source / "course.yaml").write_text("id: curso\ntitle: Curso\n", encoding="utf-8")
    (source / "01-aula.md").write_text(TEXT, encoding="utf-8")
    publish_course(home, "outro", TEXT)
    damage(home / "data/narrations/outro")
    for course in ("curso", published, source):
        result = run(course, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["published"] == 6
    assert run("outro").exit_code == 2


def test_a_course_that_is_not_published_is_refused_with_the_remedy(home, tmp_path):
    refused = narrate("cache", "verify", "nenhum", home=home)
    assert refused.returncode == 2
    assert "no course is published as 'nenhum'" in refused.stderr
    assert "course.json" in refused.stderr
    report = narrate_json("cache", "verify", "nenhum", home=home, status=2)
    assert report["error"]["field"] == "course"
