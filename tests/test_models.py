"""What a model's files are, whether they are right, and what that costs."""

import json
import os
import re
import threading

import pytest

from tests.support.command import narrate, narrate_json
from tests.support.models import VOICES, WEIGHTS, install, tiny_model
from tts_tasks import files
from tts_tasks.engines import models
from tts_tasks.engines.models import KOKORO, MODELS, checksum, find_model, require, state
from tts_tasks.errors import InputError, ModelMissingError

TINY = tiny_model()


@pytest.fixture
def folder(tmp_path):
    return install(tmp_path / "tiny")


@pytest.fixture
def hashed(monkeypatch):
    """The names of the files that were read in full."""
    names = []
    true_checksum = files.checksum

    def counted(path):
        names.append(path.name)
        return true_checksum(path)

    monkeypatch.setattr(files, "checksum", counted)
    return names


def as_a_new_process(monkeypatch):
    monkeypatch.setattr(models, "_hashed", {})


def test_kokoro_is_one_model_and_54_voices_all_pinned():
    paths = [file.path for file in KOKORO.files]
    assert len(set(paths)) == len(paths) == 55
    assert paths[0] == "model.onnx"
    assert all(re.fullmatch(r"voices/[a-z]{2}_[a-z]+\.bin", path) for path in paths[1:])
    assert {file.size_bytes for file in KOKORO.files[1:]} == {522_240}
    checksums = {file.sha256 for file in KOKORO.files}
    assert len(checksums) == 55
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in checksums)


def test_each_file_of_kokoro_has_an_address_and_a_package():
    for file in KOKORO.files:
        assert file.urls
        assert file.parts
    packages = {part.package for file in KOKORO.files for part in file.parts}
    assert sorted(package.registry for package in packages) == ["PyPI"] * 4 + ["npm"]
    assert all(re.fullmatch("[0-9a-f]{64}", package.sha256) for package in packages)


def test_a_name_that_is_nearly_right_is_suggested():
    assert find_model("kokoro") is KOKORO
    with pytest.raises(InputError, match="did you mean kokoro"):
        find_model("kokor")
    with pytest.raises(InputError, match="use kokoro"):
        find_model("xyz")


def test_a_right_file_is_given(folder):
    assert require(TINY, "voices/pf_dora.bin", folder) == folder / "voices/pf_dora.bin"
    assert state(TINY, folder).condition == "present"
    assert state(TINY, folder).faults == ()


@pytest.mark.parametrize(
    ("spoil", "fault", "condition"),
    [
        pytest.param(lambda path: path.unlink(), "is missing", "partial", id="missing"),
        pytest.param(
            lambda path: path.write_bytes(WEIGHTS[:1_000]),
            "is partial: it has 1,000 of 300,000 bytes",
            "partial",
            id="partial",
        ),
        pytest.param(
            lambda path: path.write_bytes(WEIGHTS + b"x"),
            "is corrupt: it has 300,001 bytes instead of 300,000",
            "corrupt",
            id="too long",
        ),
        pytest.param(
            lambda path: path.write_bytes(b"x" + WEIGHTS[1:]),
            "is corrupt: its SHA-256 is ",
            "corrupt",
            id="corrupt",
        ),
        pytest.param(
            lambda path: (path.unlink(), path.mkdir()), "is no file", "corrupt", id="folder"
        ),
    ],
)
def test_a_wrong_file_is_named_with_its_fault_and_the_command_that_mends_it(
    folder, spoil, fault, condition
):
    spoil(folder / "model.onnx")
    with pytest.raises(ModelMissingError) as raised:
        require(TINY, "model.onnx", folder)
    assert fault in str(raised.value)
    assert str(folder / "model.onnx") in str(raised.value)
    assert "`narrate models pull tiny`" in raised.value.remedy
    assert raised.value.field == "models"
    assert not raised.value.retryable
    found = state(TINY, folder)
    assert found.condition == condition
    assert [each.path for each in found.faults] == ["model.onnx"]


def test_a_model_without_a_folder_is_missing(tmp_path):
    found = state(TINY, tmp_path / "nowhere")
    assert found.condition == "missing"
    assert len(found.faults) == 3


def test_an_unchanged_file_is_read_once_also_by_the_next_process(folder, hashed, monkeypatch):
    for _ in range(3):
        require(TINY, "model.onnx", folder)
    assert hashed == ["model.onnx"]
    as_a_new_process(monkeypatch)
    require(TINY, "model.onnx", folder)
    assert hashed == ["model.onnx"]


def test_a_touched_file_is_read_again(folder, hashed):
    require(TINY, "model.onnx", folder)
    os.utime(folder / "model.onnx", (1, 1))
    require(TINY, "model.onnx", folder)
    assert hashed == ["model.onnx"] * 2


def test_looking_afresh_finds_what_a_receipt_hides(folder):
    path = folder / "model.onnx"
    before = path.stat()
    require(TINY, "model.onnx", folder)
    path.write_bytes(b"x" + WEIGHTS[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert state(TINY, folder).condition == "present"
    assert state(TINY, folder, afresh=True).condition == "corrupt"
    with pytest.raises(ModelMissingError, match="corrupt"):
        require(TINY, "model.onnx", folder)


def test_a_folder_that_cannot_be_written_is_read_once_per_process(folder, hashed, monkeypatch):
    # A folder in the receipt's place: also root, who runs these tests in CI, cannot write it.
    (folder / models.RECEIPT).mkdir()
    for _ in range(3):
        require(TINY, "model.onnx", folder)
    assert hashed == ["model.onnx"]
    as_a_new_process(monkeypatch)
    require(TINY, "model.onnx", folder)
    assert hashed == ["model.onnx"] * 2


@pytest.mark.parametrize(
    "receipt", ["", "[]", "{", '{"model.onnx": 1}', '{"model.onnx": {"size_bytes": 1}}', "\x00"]
)
def test_a_damaged_receipt_counts_as_none(folder, receipt):
    (folder / models.RECEIPT).write_text(receipt)
    assert require(TINY, "model.onnx", folder).is_file()
    written = json.loads((folder / models.RECEIPT).read_text())
    assert written["model.onnx"]["sha256"] == TINY.file("model.onnx").sha256


def test_a_receipt_forgets_files_that_are_gone(folder):
    state(TINY, folder)
    (folder / "voices/pf_dora.bin").unlink()
    os.utime(folder / "voices/pm_alex.bin", (1, 1))
    state(TINY, folder)
    assert list(json.loads((folder / "voices" / models.RECEIPT).read_text())) == ["pm_alex.bin"]


def test_a_file_of_the_user_is_hashed_once_too(folder, hashed):
    own = folder / "voices/pf_own.bin"
    own.write_bytes(b"own")
    assert checksum(own) == checksum(own) == files.checksum(own)
    assert hashed == ["pf_own.bin"] * 2  # The second one is the line above.


def test_threads_that_ask_at_once_read_a_file_once(folder, hashed):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(require(TINY, "model.onnx", folder)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert hashed == ["model.onnx"]


# The command. Kokoro itself is too large for a test; a wrong file of it is not.


@pytest.fixture
def kokoro(tmp_path):
    """A folder of models in which a voice of Kokoro is too short."""
    voice = tmp_path / "models/kokoro/voices/pf_dora.bin"
    voice.parent.mkdir(parents=True)
    voice.write_bytes(VOICES["pf_dora"])
    return tmp_path / "models"


def test_list_says_what_is_here(home, kokoro):
    row, *_ = narrate_json("models", "list", home=home, NARRATION_MODELS=str(kokoro))
    assert row["name"] == "kokoro"
    assert row["licence"] == "Apache-2.0"
    assert row["size_bytes"] == KOKORO.size_bytes
    assert row["state"] == "partial"
    assert row["folder"] == str(kokoro / "kokoro")
    assert row["faults"]["voices/pf_dora.bin"] == "is partial: it has 4,000 of 522,240 bytes"
    assert row["faults"]["model.onnx"] == "is missing"
    done = narrate("models", "list", home=home)
    assert done.returncode == 0
    assert set(MODELS) <= set(re.findall(r"\w+", done.stdout))
    assert "missing" in done.stdout


def test_verify_names_each_wrong_file_and_ends_with_2(home, kokoro):
    done = narrate("models", "verify", home=home, NARRATION_MODELS=str(kokoro))
    assert done.returncode == 2
    assert "kokoro: model.onnx is missing\n" in done.stdout
    assert "voices/pf_dora.bin is partial: it has 4,000 of 522,240 bytes\n" in done.stdout
    assert len(done.stderr.strip().splitlines()) == 1
    assert "`narrate models pull kokoro`" in done.stderr
    found = narrate_json("models", "verify", home=home, status=2, NARRATION_MODELS=str(kokoro))
    assert found["kokoro"]["state"] == "partial"
    assert len(found["kokoro"]["faults"]) == 55


def test_verify_says_when_nothing_is_installed(home):
    done = narrate("models", "verify", home=home)
    assert done.returncode == 0, done.stderr
    assert "kokoro is not installed" in done.stdout
    done = narrate("models", "verify", "kokoro", home=home)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "not installed" in done.stderr
    failure = narrate_json("models", "verify", "kokoro", home=home, status=2)
    assert failure["error"]["type"] == "ModelMissingError"


@pytest.mark.parametrize("command", ["pull", "verify"])
def test_an_unknown_model_is_one_line_on_stderr(home, command):
    done = narrate("models", command, "kokor", home=home)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "did you mean kokoro?" in done.stderr
