"""Where Bark's model comes from: folders, the hub through a stand-in, and what can go wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
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
    StorageFullError,
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


def edit_weights(folder):
    """Change a byte, and not the size."""
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)


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


@pytest.mark.parametrize("commit", ["main", "8" * 40, "v1.0", "refs/pr/1"])
def test_a_commit_may_be_asked_for(tmp_path, commit):
    it = find_source(f"suno/bark@{commit}", tmp_path, tmp_path)
    assert (it.repo, it.commit) == ("suno/bark", commit)


@pytest.mark.parametrize("model", ["suno/bark", "bark"])
def test_an_empty_folder_does_not_hide_the_hub(tmp_path, model):
    (tmp_path / model).mkdir(parents=True)
    assert find_source(model, tmp_path / "models", tmp_path).repo == "suno/bark"


@pytest.mark.parametrize("model", ["voz", "./voz", "a/b/voz", "voz/", "~nobody-here/voz"])
def test_a_folder_that_lacks_everything_is_a_folder(tmp_path, model):
    (tmp_path / "voz").mkdir()
    it = find_source(model, tmp_path / "models", tmp_path)
    assert (it.name, it.repo) == (model, None)
    assert found(it).condition == "missing"
    with pytest.raises(ModelMissingError, match=r"it lacks config\.json, generation_config"):
        require(it)


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


@pytest.mark.parametrize(
    "model",
    [
        "",
        "a b",
        "suno bark",
        "suno",
        "bark!",
        "a\0b",
        "-a/b",
        "a--b/c",
        "a../b",
        "ä/b",
        "suno/bark@",
    ],
)
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
    edit_weights(folders[1])
    assert revision(sources[0]) != revision(sources[1])


@pytest.mark.parametrize("module", ["pydantic", "huggingface_hub", "torch", "transformers"])
def test_looking_needs_no_library(tmp_path, module):
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from pathlib import Path\n"
        "from tts_tasks.engines.bark.source import find_source, found\n"
        "print(found(find_source('suno/bark', Path('models'), Path('.'))).condition)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("missing\n", "")


# What is there, and not as the pull left it


def test_a_model_of_another_commit_is_not_taken_for_the_one_asked_for(stand_in, wanted, tmp_path):
    hub.pull(wanted)
    same = find_source(f"{REPO}@{'7' * 40}", tmp_path / "models", tmp_path)
    assert require(same) == wanted.folder
    other = find_source(f"{REPO}@{'8' * 40}", tmp_path / "models", tmp_path)
    for look in (require, revision):
        with pytest.raises(ModelMissingError, match=r"777777777777 instead of .*@8888"):
            look(other)
    assert found(other).condition == "corrupt"
    with pytest.raises(InputError, match="has no commit"):
        hub.pull(other)


def test_weights_that_were_cut_are_no_model(stand_in, wanted):
    hub.pull(wanted)
    weights = wanted.folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1_000])
    with pytest.raises(ModelMissingError, match=r"model\.safetensors has 1,000 bytes instead of"):
        require(wanted)
    assert found(wanted).condition == "partial"
    hub.pull(wanted)
    assert require(wanted)


def test_weights_that_were_changed_do_not_keep_the_revision(stand_in, wanted):
    hub.pull(wanted)
    edit_weights(wanted.folder)
    with pytest.raises(
        ModelMissingError, match=r"model\.safetensors was changed since it was pulled"
    ):
        revision(wanted)
    assert found(wanted).condition == "corrupt"
    hub.pull(wanted)
    assert revision(wanted) == f"{REPO}@{'7' * 12}"


def test_what_was_pulled_keeps_its_revision_in_another_folder(stand_in, wanted, tmp_path):
    hub.pull(wanted)
    folder = shutil.copytree(wanted.folder, tmp_path / "voz")
    own = find_source(str(folder), tmp_path, tmp_path)
    assert revision(own) == revision(wanted)
    edit_weights(folder)
    assert "@" not in revision(own), "a model of one's own is known by its content"


def test_weights_in_a_second_format_are_not_those_of_the_pull(stand_in, wanted):
    stand_in.files["pytorch_model.bin"] = stand_in.files.pop("model.safetensors")
    hub.pull(wanted)
    assert require(wanted)
    (wanted.folder / "model.safetensors").write_bytes(b"converted")
    with pytest.raises(ModelMissingError, match=r"model\.safetensors is none of the files"):
        require(wanted)


def test_a_pull_that_broke_off_over_a_whole_model_is_finished_by_the_next(stand_in, wanted):
    hub.pull(wanted)
    (wanted.folder / source.PULLING).touch()
    assert found(wanted).condition == "partial"
    assert hub.pull(wanted) == [], "every file was right"
    assert require(wanted) == wanted.folder


def test_a_pull_that_fetched_nothing_leaves_a_missing_model(wanted, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EngineUnavailableError):
        hub.pull(wanted)
    assert found(wanted).condition == "missing"


def test_a_model_that_cannot_be_read_is_missing(bark_folder, tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(source, "checksum", refuse)
    with pytest.raises(ModelMissingError, match=r"cannot be read \(Permission denied\)"):
        revision(find_source(str(bark_folder), tmp_path, tmp_path))


# Fetching


def test_the_pinned_commit_is_asked_for(bark_folder, tmp_path, monkeypatch):
    it = find_source("suno/bark", tmp_path / "models", tmp_path)
    with StandInHub(bark_folder, commit=PINNED["suno/bark"]) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        hub.pull(it)
    asked = {path.split("?")[0] for _, path, _, _ in served.calls if path.startswith("/api/")}
    assert asked == {f"/api/models/suno/bark/revision/{PINNED['suno/bark']}"}
    assert revision(it) == "suno/bark@70a8a7d34168"


def test_two_pulls_at_once_fetch_everything_once(stand_in, wanted):
    fetched, faults = [], []

    def run():
        try:
            fetched.append(hub.pull(wanted))
        except NarrationError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(map(len, fetched)) == [0, 0, len(stand_in.files)]
    assert len(stand_in.fetched()) == len(stand_in.files)
    assert require(wanted)


def test_a_hub_that_stops_answering_is_given_up(stand_in, wanted, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.05)
    monkeypatch.setattr(hub, "ATTEMPTS", 1)
    stand_in.holds_files = True
    with pytest.raises(EngineUnavailableError, match="Timeout") as caught:
        hub.pull(wanted)
    assert "it goes on where it was" in caught.value.remedy
    assert found(wanted).condition != "present"


def test_a_folder_that_cannot_be_made_is_named_with_its_setting(stand_in, tmp_path):
    (tmp_path / "models").write_text("")
    with pytest.raises(InputError, match="NARRATION_MODELS: cannot write"):
        hub.pull(find_source(REPO, tmp_path / "models", tmp_path))


def test_a_gated_model_says_what_is_missing(stand_in, wanted):
    stand_in.status, stand_in.code = 403, "GatedRepo"
    with pytest.raises(InputError, match="not for you") as caught:
        hub.pull(wanted)
    assert "HF_TOKEN" in caught.value.remedy


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


def test_a_folder_replaces_a_pull_and_what_the_pull_wrote_down(
    stand_in, bark_folder, wanted, tmp_path
):
    hub.pull(wanted)
    other = shutil.copytree(bark_folder, tmp_path / "other")
    edit_weights(other)
    hub.copy(wanted, other)
    assert "@" not in revision(wanted)
    assert found(wanted).condition == "present"


def test_a_folder_of_another_model_is_refused(stand_in, wanted, tmp_path):
    hub.pull(wanted)
    with pytest.raises(ModelMissingError, match="holds estudio/voz instead of suno/bark"):
        hub.copy(find_source("suno/bark", tmp_path / "models", tmp_path), wanted.folder)
    assert hub.copy(wanted, wanted.folder) == []
    assert require(wanted)


def test_nothing_is_copied_into_a_folder_of_one_s_own(bark_folder, tmp_path):
    own = shutil.copytree(bark_folder, tmp_path / "voz")
    with pytest.raises(InputError, match="there is nothing to pull"):
        hub.copy(find_source(str(own), tmp_path, tmp_path), bark_folder)


def test_a_hub_that_goes_away_after_its_first_answer(stand_in, wanted, monkeypatch):
    monkeypatch.setattr(hub, "PAUSE_S", 0.0)
    real = hub._remove_wrong

    def leave(*arguments):
        stand_in.status = 503
        real(*arguments)

    monkeypatch.setattr(hub, "_remove_wrong", leave)
    with pytest.raises(EngineUnavailableError, match="does not answer any more"):
        hub.pull(wanted)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("I/O error: No space left on device (os error 28)"), StorageFullError),
        (OSError(28, "No space left on device"), StorageFullError),
        (PermissionError(13, "Permission denied"), InputError),
        (RuntimeError("xet"), EngineUnavailableError),
    ],
)
def test_what_fails_on_this_side(stand_in, wanted, monkeypatch, error, kind):
    def fail(*_):
        raise error

    monkeypatch.setattr(hub, "_fetch", fail)
    with pytest.raises(kind):
        hub.pull(wanted)


def test_a_name_that_the_hub_does_not_allow(stand_in, tmp_path):
    with pytest.raises(InputError, match="is no name on the hub"):
        hub.pull(find_source("estudio/voz.git", tmp_path / "models", tmp_path))


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


@pytest.fixture
def commands(stand_in, home):
    """Return the environment of the command; ``NARRATION_BARK_MODEL`` is the stand-in's."""
    return {"home": home, "HF_ENDPOINT": stand_in.url, "NARRATION_BARK_MODEL": REPO}


def test_a_pull_in_a_pipe_is_a_line_and_no_bar(commands):
    done = narrate("models", "pull", REPO, **commands, HF_TOKEN=TOKEN)
    assert done.returncode == 0
    assert done.stderr == f"fetching {REPO} from the Hugging Face hub\n"
    assert "from the Hugging Face hub; " in done.stdout
    assert TOKEN not in done.stdout + done.stderr


def test_the_command_takes_a_folder(commands, bark_folder, stand_in):
    pulled = narrate_json("models", "pull", REPO, "--from", bark_folder, **commands)
    assert set(pulled["fetched"].values()) == {str(bark_folder)}
    assert stand_in.calls == []
    failed = narrate("models", "pull", REPO, "--from", "nowhere", **commands)
    assert failed.returncode == 2
    assert "there is no folder nowhere" in failed.stderr


def test_offline_the_command_says_what_to_do(commands, stand_in):
    failed = narrate("models", "pull", REPO, **commands, HF_HUB_OFFLINE="1")
    assert failed.returncode == 1
    assert "connect to the internet" in failed.stderr
    assert stand_in.calls == []
    narrate_json("models", "pull", REPO, **commands)
    assert narrate_json("models", "pull", REPO, **commands, HF_HUB_OFFLINE="1")["fetched"] == {}


def test_the_list_knows_the_size_of_sunos_models_and_of_what_is_here(commands, stand_in):
    rows = {row["name"]: row for row in narrate_json("models", "list", **commands)}
    assert rows["bark"]["size_bytes"] // 10**8 == 44
    assert rows["bark-small"]["size_bytes"] // 10**8 == 16
    assert rows["estudio--voz"]["size_bytes"] is None
    assert {rows[name]["licence"] for name in ("bark", "bark-small", "estudio--voz")} == {"MIT"}
    table = narrate("models", "list", **commands, COLUMNS="200").stdout
    assert [line.count("unknown") for line in table.splitlines() if "voz" in line] == [1]
    narrate_json("models", "pull", REPO, **commands)
    rows = {row["name"]: row for row in narrate_json("models", "list", **commands)}
    assert rows["estudio--voz"]["size_bytes"] == sum(map(len, stand_in.files.values()))


def test_what_is_wrong_is_found_in_json_too(commands, home):
    narrate_json("models", "pull", REPO, **commands)
    edit_weights(home / "data/models/estudio--voz")
    found = narrate_json("models", "verify", "estudio--voz", status=2, **commands)
    assert found["estudio--voz"]["state"] == "corrupt"
    assert list(found["estudio--voz"]["faults"]) == ["model.safetensors"]
    missing = narrate_json("models", "verify", "bark-small", status=2, **commands)
    assert missing["error"]["type"] == "ModelMissingError"


def test_a_folder_of_one_s_own_and_sunos_model_are_told_apart(commands, bark_folder):
    commands["NARRATION_BARK_MODEL"] = str(bark_folder)
    rows = {row["name"]: row["state"] for row in narrate_json("models", "list", **commands)}
    assert rows == {
        "kokoro": "missing",
        str(bark_folder): "present",
        "bark": "missing",
        "bark-small": "missing",
    }
    verified = narrate_json("models", "verify", bark_folder, **commands)
    assert verified[str(bark_folder)]["state"] == "present"
