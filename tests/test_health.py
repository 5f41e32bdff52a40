"""What works, what does not, and what to do about it."""

import json

import pytest

from flows.health import Condition, as_dict, health, overall
from tests.support.command import narrate, narrate_json
from tests.support.translate import StandIn
from tts_tasks.engines import registry
from tts_tasks.engines.breaker import CircuitBreaker, Failure
from tts_tasks.errors import MasteringError
from tts_tasks.settings import load_settings


def found(settings, **options):
    return {check.name: check for check in health(settings, **options)}


def test_a_bare_machine_can_narrate_and_is_told_what_is_missing():
    checks = found(load_settings())
    assert checks["provider espeak"].condition is Condition.OK
    assert checks["provider kokoro"].condition is Condition.LIMITED
    assert checks["provider gtts"].condition is Condition.LIMITED
    assert "cannot be reached" in checks["provider gtts"].detail
    assert overall(list(checks.values())) is Condition.LIMITED


def test_the_breaker_is_visible(monkeypatch):
    settings = load_settings()
    breaker = CircuitBreaker("gtts", settings.providers)
    assert found(settings)["provider gtts"].facts["circuit"] == "closed"
    breaker.failed(Failure("it answered 503", is_final=True))
    check = found(settings)["provider gtts"]
    assert check.condition is Condition.LIMITED
    assert check.facts["circuit"] == "open"
    assert check.facts["last_failure"] == "it answered 503"
    assert "rests_until" in check.facts
    breaker.succeeded()
    assert found(settings)["provider gtts"].facts["circuit"] == "closed"


def test_a_service_is_asked_only_when_that_is_wanted(monkeypatch):
    with StandIn() as google:
        monkeypatch.setenv("NARRATION_GTTS_URL", google.url)
        assert found(load_settings(), ask=False)["provider gtts"].condition is Condition.OK
        assert google.probes == 0
        assert found(load_settings())["provider gtts"].condition is Condition.OK
        assert google.probes == 1
        assert google.calls == []


def test_without_an_encoder_or_anybody_to_speak_it_is_broken(monkeypatch):
    def none():
        raise MasteringError("no ffmpeg to encode with", field="ffmpeg", remedy="install it")

    monkeypatch.setattr("tts_tasks.mastering.encode.find_ffmpeg", none)
    checks = health(load_settings())
    assert overall(checks) is Condition.BROKEN
    assert "install it" in found(load_settings())["encoder"].detail


def test_without_anybody_to_speak_it_is_broken(monkeypatch):
    # A copy: an entry that is put back comes last, and the order of this table counts.
    others = {name: engine for name, engine in registry.ENGINES.items() if name != "espeak"}
    monkeypatch.setattr(registry, "ENGINES", others)
    checks = found(load_settings())
    assert checks["providers"].condition is Condition.BROKEN


def test_a_folder_that_cannot_be_written_is_named(home):
    (home / "data").write_text("a file in its place")
    check = found(load_settings())["data"]
    assert check.condition is Condition.BROKEN
    assert "NARRATION_HOME" in check.detail


def test_it_is_json():
    told = as_dict(health(load_settings()))
    assert json.loads(json.dumps(told)) == told
    assert told["status"] == "limited"


@pytest.mark.parametrize(("broken", "status"), [(False, 0), (True, 1)])
def test_the_command_says_by_its_status_whether_narrating_is_possible(home, broken, status):
    if broken:
        (home / "data").write_text("a file in its place")
    report = narrate_json("doctor", home=home, status=status)
    assert report["status"] == ("broken" if broken else "limited")
    assert "espeak" in narrate("doctor", home=home).stdout
