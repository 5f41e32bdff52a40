"""What an installation can be told from outside."""

import logging
from pathlib import Path

import pytest

from tts_tasks.errors import InputError
from tts_tasks.settings import load_settings


def test_everything_lies_below_the_home(home):
    settings = load_settings()
    assert settings.library == home / "data" / "library"
    assert settings.narrations == home / "data" / "narrations"


def test_a_relative_home_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NARRATION_HOME", "here")
    assert load_settings().home == tmp_path / "here"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NARRATION_MAX_TEXT_CHARS", "many"),
        ("NARRATION_MAX_TEXT_CHARS", "0"),
        ("NARRATION_PREFECT_PORT", "70000"),
        ("NARRATION_DURABLE", "perhaps"),
    ],
)
def test_a_wrong_value_names_the_variable(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=name) as refusal:
        load_settings()
    assert refusal.value.value == value


def test_an_unknown_setting_is_reported_with_its_nearest_name(monkeypatch, caplog):
    monkeypatch.setenv("NARRATION_MAX_TEXT_CHAR", "10")
    with caplog.at_level(logging.WARNING):
        load_settings()
    assert "did you mean NARRATION_MAX_TEXT_CHARS?" in caplog.text


def test_output_roots_are_written_like_a_path(monkeypatch):
    monkeypatch.setenv("NARRATION_OUTPUT_ROOTS", "/a:/b")
    assert load_settings().allowed_output_roots == (Path("/a"), Path("/b"))


def test_a_service_started_in_the_root_folder_may_not_write_everywhere(monkeypatch):
    monkeypatch.chdir("/")
    assert Path("/") not in load_settings().allowed_output_roots


@pytest.mark.parametrize(
    "url",
    [
        "http://[bad",
        "http://127.0.0.1:abc",
        "http://127.0.0.1:99999",
        "ftp://a",
        "a.b",
        "http://a b",
        "http://",
        "http://a/?q",
    ],
)
def test_an_address_that_is_none_is_refused(monkeypatch, url):
    monkeypatch.setenv("NARRATION_GTTS_URL", url)
    with pytest.raises(InputError, match=r"NARRATION_GTTS_URL: it is no address") as refusal:
        load_settings()
    assert url in str(refusal.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8765/", "https://tts.example/base", "http://[::1]:80"]
)
def test_an_address_is_taken_without_its_last_slash(monkeypatch, url):
    monkeypatch.setenv("NARRATION_GTTS_URL", url)
    assert load_settings().gtts_url == url.rstrip("/")
