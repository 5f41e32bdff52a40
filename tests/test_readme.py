"""What the README says exists: commands, files, settings, and the code of its examples."""

import re

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tts_tasks.settings import PREFIX, PROJECT, Settings

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_every_command_exists():
    commands = set(re.findall(r"^\$ narrate (\S+)", README, re.MULTILINE))
    assert len(commands) > 6
    for command in commands:
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0, command


def test_every_make_target_exists():
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^\$ make (\S+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"\b(?:flows|tts_tasks|tests)/[\w/]+\.py\b", README)))
)
def test_every_file_exists(path):
    assert (PROJECT / path).is_file()


def test_the_settings_are_those_of_the_code():
    documented = set(re.findall(rf"^\| `({PREFIX}\w+)`", README, re.MULTILINE))
    assert documented == {PREFIX + name.upper() for name in Settings.model_fields}


def test_the_say_as_example_is_true():
    from tts_tasks.script.normalise import normalise

    written, spoken = re.search(r"^\$ narrate say-as '(.+)'\n(.+)$", README, re.MULTILINE).groups()
    assert normalise(written) == spoken


def test_the_python_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = re.search(r"```python\n(from flows\.narrate.+?)```", README, re.DOTALL)[1]
    exec(compile(example, "README.md", "exec"), {})
    assert (tmp_path / "ola.mp3").is_file()


def test_the_analyst_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = re.search(r"```python\n(from tts_tasks import catalog.+?)```", README, re.DOTALL)[1]
    exec(compile(example, "README.md", "exec"), {})


def test_the_course_example_is_a_course(tmp_path):
    from tts_tasks.script.course import read_course

    example = re.search(r"```yaml\n(.+?)```", README, re.DOTALL)[1]
    (tmp_path / "course.yaml").write_text(example, encoding="utf-8")
    for name in ("01-boas-vindas.md", "faxina.md"):
        (tmp_path / name).write_text("# Aula\n\nOlá.\n", encoding="utf-8")
    course = read_course(tmp_path, max_lesson_chars=1_000)
    assert [lesson.id for lesson in course.lessons] == ["boas-vindas", "limpeza"]
    assert not any(lesson.error for lesson in course.lessons)
