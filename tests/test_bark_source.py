"""Where Bark's model comes from: folders, the hub through a stand-in, and what can go wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.command import narrate, narrate_json
from tests.support.hub import StandInHub
from tts_tasks.engines.bark import hub, source
from tts_tasks.engines.bark.source import PINNED, find_source, found, require, revision
from tts_tasks.errors import (
    EngineUnavailableError,
    InputError,
    ModelMissingError,
    NarrationError,
    SourceError,
)

REPO = "estudio/voz"
TOKEN = "hf_secret_of_the_test"


@pytest.fixture
def stand_in(bark_folder, monkeypatch):
    for name in (*hub.TOKENS, "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with StandInHub(bark_folder, REPO) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


@pytest.fixture
def wanted(tmp_path):
    return find_source(REPO, tmp_path / "models", tmp_path)


# Finding


@pytest.mark.parametrize(
    ("model", "repo", "folder"),
    [
        ("suno/bark", "suno/bark", "bark"),
        ("bark", "suno/bark", "bark"),
        ("suno/bark-small", "suno/bark-small", "bark-small"),
        ("estudio/voz", "estudio/voz", "estudio--voz"),
    ],
)
def test_a_name_on_the_hub(tmp_path, model, repo, folder):
    it = find_source(model, tmp_path / "models", tmp_path)
    assert (it.repo, it.folder) == (repo, tmp_path / "models" / folder)
    assert it.commit == PINNED.get(repo)


def test_a_commit_may_be_asked_for(tmp_path):
    it = find_source("suno/bark@main", tmp_path, tmp_path)
    assert (it.repo, it.commit) == ("suno/bark", "main")


@pytest.mark.parametrize("how", ["absolute", "relative", "dot"])
def test_a_folder(bark_folder, tmp_path, how):
    shutil.copytree(bark_folder, tmp_path / "minha" / "voz")
    model = {
        "absolute": str(tmp_path / "minha" / "voz"),
        "relative": "minha/voz",  # As a name on the hub would be: what is there wins.
        "dot": "./minha/voz",
    }[how]
    it = find_source(model, tmp_path / "models", tmp_path)
    assert (it.repo, it.folder) == (None, tmp_path / "minha" / "voz")
    assert require(it) == it.folder
    assert found(it).condition == "present"


@pytest.mark.parametrize("model", ["", "a b", "suno bark", "suno", "bark!"])
def test_neither(tmp_path, model):
    with pytest.raises(InputError, match="neither a folder nor a name") as caught:
        find_source(model, tmp_path, tmp_path)
    assert caught.value.field == "NARRATION_BARK_MODEL"
    assert "suno/bark" in caught.value.remedy


# What is there


@pytest.mark.parametrize(
    "name", ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"]
)
def test_a_folder_that_lacks_something_says_what(bark_folder, tmp_path, name):
    folder = shutil.copytree(bark_folder, tmp_path / "voz")
    (folder / name).unlink()
    it = find_source(str(folder), tmp_path, tmp_path)
    assert found(it).condition == "partial"
    with pytest.raises(ModelMissingError, match=name):
        require(it)


def test_shards_are_weights_and_one_may_not_be_missing(bark_folder, tmp_path):
    folder = shutil.copytree(bark_folder, tmp_path / "voz")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "two.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    it = find_source(str(folder), tmp_path, tmp_path)
    with pytest.raises(ModelMissingError):
        require(it)
    (folder / "two.safetensors").write_bytes(b"")
    assert require(it) == folder


def test_missing_and_offline_is_an_error_that_says_what_to_do(wanted):
    with pytest.raises(EngineUnavailableError, match="is not in") as caught:
        require(wanted)
    assert "narrate models pull estudio--voz" in caught.value.remedy
    assert "connect to the internet" in caught.value.remedy
    assert found(wanted).condition == "missing"


def test_the_revision_is_that_of_the_content(bark_folder, tmp_path):
    folders = [shutil.copytree(bark_folder, tmp_path / name) for name in ("um", "dois")]
    sources = [find_source(str(folder), tmp_path, tmp_path) for folder in folders]
    assert revision(sources[0]) == revision(sources[1])
    weights = bytearray((folders[1] / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folders[1] / "model.safetensors").write_bytes(weights)
    assert revision(sources[0]) != revision(sources[1])


# Fetching


def test_a_pull_brings_what_is_needed_and_nothing_else(stand_in, wanted):
    stand_in.files["pytorch_model.bin"] = b"the same weights again"
    stand_in.files["README.md"] = b"# Bark"
    seen = []
    fetched = hub.pull(wanted, on_progress=seen.append)
    assert set(stand_in.files) - set(fetched) == {"pytorch_model.bin", "README.md"}
    for name in fetched:
        assert (wanted.folder / name).read_bytes() == stand_in.files[name]
    assert require(wanted) == wanted.folder
    assert found(wanted, afresh=True).condition == "present"
    assert revision(wanted) == f"{REPO}@{'7' * 12}"
    bars = [each for each in seen if each.total]
    assert bars, "a pull shows how far it is"
    assert bars[-1].done == bars[-1].total


def test_a_second_pull_asks_nobody(stand_in, wanted):
    hub.pull(wanted)
    stand_in.calls.clear()
    assert hub.pull(wanted) == []
    assert stand_in.calls == []


def test_what_is_damaged_is_fetched_again(stand_in, wanted):
    hub.pull(wanted)
    (wanted.folder / "config.json").write_bytes(b"{}")
    (wanted.folder / "vocab.txt").unlink(missing_ok=True)
    assert found(wanted).condition in ("corrupt", "partial")
    hub.pull(wanted)
    assert found(wanted, afresh=True).condition == "present"


def test_a_pull_that_broke_off_goes_on(stand_in, wanted, monkeypatch):
    monkeypatch.setattr(hub, "PAUSE_S", 0.0)
    stand_in.files["model.safetensors"] += bytes(32 << 20)  # The client writes 10 MiB at a time.
    stand_in.cut_after = 25 << 20
    hub.pull(wanted)
    ranges = [part for _, path, _, part in stand_in.calls if "model.safetensors" in path and part]
    assert any(not part.startswith("bytes=0-") for part in ranges)
    assert found(wanted, afresh=True).condition == "present"


def test_half_a_pull_is_no_model(stand_in, wanted, monkeypatch):
    hub.pull(wanted)
    (wanted.folder / source.RECEIPT).unlink()
    (wanted.folder / source.PULLING).touch()
    with pytest.raises(ModelMissingError, match="the end of a pull"):
        require(wanted)
    hub.pull(wanted)
    assert require(wanted)


def test_other_bytes_than_the_hub_promised_do_not_stay(stand_in, wanted):
    stand_in.lies.add("model.safetensors")
    with pytest.raises(EngineUnavailableError, match=r"sent model\.safetensors otherwise"):
        hub.pull(wanted)
    assert not (wanted.folder / "model.safetensors").exists()
    with pytest.raises(ModelMissingError):
        require(wanted)
    stand_in.lies.clear()
    hub.pull(wanted)
    assert require(wanted)


@pytest.mark.parametrize("name", hub.TOKENS)
def test_the_token_is_sent_and_never_shown(stand_in, wanted, monkeypatch, name):
    monkeypatch.setenv(name, TOKEN)
    hub.pull(wanted)
    assert {token for _, _, token, _ in stand_in.calls} == {f"Bearer {TOKEN}"}
    shutil.rmtree(wanted.folder)
    stand_in.status = 401
    with pytest.raises(NarrationError) as caught:
        hub.pull(wanted)
    assert TOKEN not in str(caught.value)


def test_without_a_token_none_is_sent(stand_in, wanted):
    hub.pull(wanted)
    assert {token for _, _, token, _ in stand_in.calls} == {None}


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (404, InputError, "no model"),
        (401, InputError, "not for you"),
        (403, InputError, "not for you"),
        (503, EngineUnavailableError, "cannot be fetched"),
    ],
)
def test_what_the_hub_refuses(stand_in, wanted, status, kind, says):
    stand_in.status = status
    with pytest.raises(kind, match=says) as caught:
        hub.pull(wanted)
    assert caught.value.remedy


def test_a_commit_that_there_is_not(stand_in, tmp_path):
    it = find_source(f"{REPO}@nirgendwo", tmp_path / "models", tmp_path)
    with pytest.raises(InputError, match="has no commit 'nirgendwo'"):
        hub.pull(it)


def test_no_hub_in_reach(wanted, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EngineUnavailableError, match="cannot be fetched") as caught:
        hub.pull(wanted)
    assert "connect to the internet" in caught.value.remedy


def test_the_first_commit_that_was_found_stays(stand_in, wanted):
    hub.pull(wanted)
    (wanted.folder / "config.json").unlink()
    hub.pull(wanted)
    asked = [path for _, path, _, _ in stand_in.calls if path.startswith("/api/")]
    assert "/revision/" + "7" * 40 in asked[-1]


def test_from_a_folder(stand_in, bark_folder, wanted, tmp_path):
    copied = hub.copy(wanted, bark_folder)
    assert "model.safetensors" in copied
    assert require(wanted) == wanted.folder
    with pytest.raises(SourceError, match="there is no folder"):
        hub.copy(wanted, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelMissingError, match="holds no whole Bark model"):
        hub.copy(wanted, tmp_path / "empty")


def test_a_folder_of_one_s_own_is_not_pulled(bark_folder, tmp_path):
    it = find_source(str(bark_folder), tmp_path, tmp_path)
    with pytest.raises(InputError, match="there is nothing to pull"):
        hub.pull(it)


# The commands


def test_the_commands(stand_in, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HF_ENDPOINT": stand_in.url, "NARRATION_BARK_MODEL": REPO}
    rows = narrate_json("models", "list", home=home, **environment)
    names = {row["name"]: row["state"] for row in rows}
    assert names == dict.fromkeys(("kokoro", "estudio--voz", "bark", "bark-small"), "missing")
    pulled = narrate_json("models", "pull", REPO, home=home, **environment)
    assert set(pulled["fetched"].values()) == {"the Hugging Face hub"}
    assert Path(pulled["folder"]) == home / "data" / "models" / "estudio--voz"
    again = narrate("models", "pull", "estudio--voz", home=home, **environment)
    assert "there was nothing to fetch" in again.stdout
    verified = narrate("models", "verify", "estudio--voz", home=home, **environment)
    assert (verified.returncode, verified.stdout.count("files are right")) == (0, 1)
    (home / "data/models/estudio--voz/config.json").write_text("{}")
    verified = narrate("models", "verify", "estudio--voz", home=home, **environment)
    assert verified.returncode == 2
    assert "config.json is" in verified.stdout
    stand_in.status = 503
    failed = narrate("models", "pull", "bark", home=home, **environment)
    assert failed.returncode in (1, 2)
    assert "connect to the internet" in failed.stderr
