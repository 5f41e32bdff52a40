"""Takes that fail: spoken again, flagged, refused, accepted; with the real checks."""

import json

import pytest

from flows.narrate import generate_narration_sync
from tests.support import moody
from tts_tasks.catalog.library import Library
from tts_tasks.engines import registry
from tts_tasks.settings import load_settings

GOOD = "Esta frase não tem nada de especial, e qualquer voz a diz bem."
BAD = "O abacaxi é uma fruta tropical, doce e cheia de espinhos na coroa."


@pytest.fixture
def moody_engine(monkeypatch):
    monkeypatch.setitem(registry.ENGINES, "moody", "tests.support.moody:MoodyEngine")
    monkeypatch.setattr(moody, "BAD_SEEDS", set())
    registry._make.cache_clear()
    yield moody
    registry._make.cache_clear()


def narrate(path, text=f"{GOOD} {BAD}", **options):
    return generate_narration_sync(text, path, provider="moody", **options)


def library():
    settings = load_settings()
    return Library(settings.library, durable=False)


def events(kind):
    lines = [
        json.loads(line)
        for path in (library().root / "journal").glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [event for event in lines if event["kind"] == kind]


def chunk_key(word):
    [found] = {
        event["key"]
        for event in events("utterance_registered")
        if word in event["fields"]["written"]
    }
    return found


def test_a_good_narration_is_checked_and_not_flagged(moody_engine, tmp_path):
    outcome = narrate(tmp_path / "a.mp3")
    assert outcome["success"], outcome["error"]
    assert outcome["flagged"] == []
    checked = events("take_checked")
    assert len(checked) == 2
    assert all(event["fields"]["accepted"] and not event["fields"]["flags"] for event in checked)
    assert all(event["fields"]["scores"] for event in checked)


def test_a_failed_take_is_replaced_by_a_good_one(moody_engine, monkeypatch, tmp_path):
    monkeypatch.setattr(moody_engine, "BAD_SEEDS", {0, 1})
    outcome = narrate(tmp_path / "a.mp3")
    assert outcome["success"], outcome["error"]
    assert outcome["flagged"] == []
    takes = library().takes(chunk_key("abacaxi"))
    assert [(take.seed, take.accepted, take.quality.is_good) for take in takes] == [
        (0, False, False), (1, False, False), (2, True, True),
    ]  # fmt: skip
    assert all(take.path.is_file() for take in takes)
    seeds = [event["fields"]["seed"] for event in events("take_checked")]
    assert sorted(seeds) == [0, 0, 1, 2]
    [good] = library().takes(chunk_key("especial"))
    assert (good.seed, good.accepted) == (0, True)


def test_a_flagged_narration_is_made_but_not_published(moody_engine, monkeypatch, tmp_path):
    monkeypatch.setattr(moody_engine, "BAD_SEEDS", {0, 1, 2})
    outcome = narrate(tmp_path / "a.mp3")
    assert not outcome["success"]
    error = outcome["error"]
    assert (error["code"], error["retryable"]) == ("flagged", False)
    assert "O abacaxi" in error["message"]
    assert "accept_flagged" in error["remedy"]
    assert list(tmp_path.glob("a.*")) == []

    again = narrate(tmp_path / "a.mp3")
    assert again["error"]["code"] == "flagged", "a second run changes nothing"
    assert len(events("utterance_registered")) == 2, "and speaks nothing"

    accepted = narrate(tmp_path / "a.mp3", accept_flagged=True)
    assert accepted["success"], accepted["error"]
    assert accepted["cached"], "accepting costs nothing more"
    assert accepted["flagged"] == [chunk_key("abacaxi")]
    assert (tmp_path / "a.mp3").is_file()


def test_other_sentences_keep_their_audio_when_the_flagged_one_is_reworded(
    moody_engine, monkeypatch, tmp_path
):
    monkeypatch.setattr(moody_engine, "BAD_SEEDS", {0, 1, 2})
    assert not narrate(tmp_path / "a.mp3")["success"]
    outcome = narrate(tmp_path / "a.mp3", text=f"{GOOD} {BAD.replace('abacaxi', 'ananás')}")
    assert outcome["success"], outcome["error"]
    assert (outcome["chunks"], outcome["synthesized_chunks"]) == (2, 1)


def test_an_utterance_from_before_there_were_checks_is_checked_once(moody_engine, tmp_path):
    narrate(tmp_path / "a.mp3")
    key = chunk_key("abacaxi")
    library().objects.amend(key, {"quality": None})
    assert narrate(tmp_path / "b.flac")["success"]
    assert len(events("take_checked")) == 3
    assert narrate(tmp_path / "c.wav")["success"]
    assert len(events("take_checked")) == 3


def test_a_recogniser_that_is_asked_for_must_be_there(moody_engine, monkeypatch, tmp_path):
    monkeypatch.delenv("NARRATION_ASR_MODEL", raising=False)
    error = narrate(tmp_path / "a.mp3", quality="asr")["error"]
    assert (error["code"], error["field"]) == ("model_missing", "NARRATION_ASR_MODEL")


@pytest.mark.parametrize("given", ["yes", "no", 1, None])
def test_only_true_accepts_what_was_flagged(given, tmp_path):
    error = narrate(tmp_path / "a.mp3", accept_flagged=given)["error"]
    assert (error["code"], error["field"]) == ("invalid_input", "accept_flagged")


def test_unknown_checks_are_refused(tmp_path):
    error = narrate(tmp_path / "a.mp3", quality="perfect")["error"]
    assert (error["field"], error["value"]) == ("quality", "perfect")
