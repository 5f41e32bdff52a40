"""The command without the stack: what it prints, where, and how it ends."""

import json
import signal
import subprocess
import sys

import pytest

from tests.support.command import narrate, narrate_json


def test_text_becomes_a_file(home, tmp_path):
    outcome = narrate_json("text", "Olá, mundo.", "-o", tmp_path / "a.mp3", home=home)
    assert outcome["success"] is True
    assert (tmp_path / "a.mp3").stat().st_size > 1_000


def test_text_comes_from_standard_input(home, tmp_path):
    done = narrate("text", "-", "-o", tmp_path / "a.mp3", home=home, stdin="Olá, mundo.\n")
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "a.mp3") in done.stdout


def test_text_without_an_output_lands_in_the_home(home):
    outcome = narrate_json("text", "Olá, mundo.", home=home)
    assert outcome["audio_path"].startswith(str(home))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        pytest.param(["", "-o", "a.mp3"], "text", id="empty"),
        pytest.param(["Olá.", "-o", "a.mp3", "-v", "nobody"], "voice", id="voice"),
        pytest.param(["Olá.", "-o", "a.mp3", "-p", "nobody"], "provider", id="provider"),
        pytest.param(["Olá.", "-o", "a.mp3", "--format", "xyz"], "format", id="format"),
        pytest.param(["Olá.", "-o", "a.mp3", "--rate", "9999"], "rate", id="rate"),
        pytest.param(["Olá.", "-o", "/etc/a.mp3"], "output_path", id="outside"),
        pytest.param(["-f", "missing.txt"], "missing.txt", id="missing file"),
        pytest.param([], "text", id="no text"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_status_2(
    home, tmp_path, monkeypatch, arguments, field
):
    monkeypatch.chdir(tmp_path)
    done = narrate("text", *arguments, home=home)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("narrate: ")
    assert field in lines[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0", id="binary"),
        pytest.param("Lição".encode("latin-1"), id="latin-1"),
        pytest.param(b"", id="empty"),
    ],
)
def test_a_file_that_is_no_text_is_refused(home, tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    done = narrate("text", "-f", tmp_path / "a.txt", "-o", tmp_path / "a.mp3", home=home)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "a.mp3").exists()


def test_json_failures_are_json_too(home):
    done = narrate("text", "Olá.", "-v", "nobody", "--json", home=home)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["type"] == "UnknownVoiceError"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda folder: None, id="missing"),
        pytest.param(lambda folder: folder.write_text("x"), id="a file"),
        pytest.param(lambda folder: folder.mkdir(), id="no lessons"),
        pytest.param(
            lambda folder: (folder.mkdir(), (folder / "course.yaml").write_text("title: [")),
            id="broken course.yaml",
        ),
    ],
)
def test_a_folder_that_is_no_course_starts_nothing(home, tmp_path, make):
    make(tmp_path / "course")
    done = narrate("course", tmp_path / "course", home=home)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (home / "data" / "stack").exists()


def test_voices_are_listed_with_the_default_first(home):
    voices = narrate_json("voices", home=home)
    voices = [voice for voice in voices if voice["available"]]
    assert (voices[0]["provider"], voices[0]["name"]) == ("espeak", "pt-br")
    assert {"pt-br+f2", "en-us", "es"} <= {voice["name"] for voice in voices}


def test_say_as_prints_what_will_be_said(home):
    done = narrate("say-as", "São R$ 2,00.", home=home)
    assert done.stdout.strip() == "São dois reais."


def test_the_catalog_answers_sql(home, tmp_path):
    narrate_json("text", "Bom dia, mundo. Até logo mais.", "-o", tmp_path / "a.mp3", home=home)
    before = narrate_json("catalog", "query", "select count(*) as n from utterances", home=home)
    narrate_json("catalog", "index", home=home)
    after = narrate_json("catalog", "query", "select count(*) as n from utterances", home=home)
    assert before == after == [{"n": 2}]


def test_a_setting_that_is_no_number_names_the_variable(home):
    done = narrate("text", "Olá.", home=home, NARRATION_MAX_TEXT_CHARS="many")
    assert done.returncode == 2
    assert "NARRATION_MAX_TEXT_CHARS" in done.stderr


@pytest.mark.parametrize(
    "command", ["text", "course", "voices", "say-as", "up", "down", "status", "worker", "deploy"]
)
def test_every_command_explains_itself(home, command):
    done = narrate(command, "--help", home=home)
    assert done.returncode == 0
    assert "Usage" in done.stdout


@pytest.mark.parametrize(
    ("number", "ignored", "ends"),
    [
        pytest.param(signal.SIGTERM, None, True, id="kill"),
        pytest.param(signal.SIGHUP, None, True, id="the terminal closes"),
        pytest.param(signal.SIGTERM, signal.SIGINT, True, id="kill a script's background job"),
        pytest.param(signal.SIGINT, signal.SIGINT, False, id="Ctrl-C beside a background job"),
        pytest.param(signal.SIGHUP, signal.SIGHUP, False, id="the terminal closes under nohup"),
    ],
)
def test_signals_end_a_command_unless_its_starter_ignores_them(number, ignored, ends):
    program = (
        "import asyncio, sys, flows.cli as cli\n"
        "async def wait():\n"
        "    print('waits', flush=True); await asyncio.sleep(float(sys.argv[1])); print('done')\n"
        "cli.app = lambda: asyncio.run(wait())\n"
        "try: cli.main()\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )

    def inherit():
        for every in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(every, signal.SIG_IGN if every == ignored else signal.SIG_DFL)

    waits_s = "60" if ends else "0.5"
    with subprocess.Popen(
        [sys.executable, "-c", program, waits_s],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=inherit,
    ) as command:
        assert command.stdout.readline() == "waits\n"
        command.send_signal(number)
        assert command.stdout.read() == ("interrupted\n" if ends else "done\n")
