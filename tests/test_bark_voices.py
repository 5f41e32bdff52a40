"""Presets: found by name or path, and nothing that is none becomes a voice."""

from __future__ import annotations

import io
import json
import shutil
import zipfile

import numpy as np
import pytest

from tts_tasks.engines.bark.voices import (
    ARRAYS,
    INDEX,
    PORTUGUESE,
    is_path,
    load_preset,
    preset_names,
)
from tts_tasks.errors import UnknownVoiceError
from tts_tasks.settings import PROJECT

REAL = PROJECT.parent / "shared" / "data" / "bark-voices"


def arrays(**changes):
    random = np.random.default_rng(1)
    voice = {
        "semantic_prompt": random.integers(0, 10_000, 320),
        "coarse_prompt": random.integers(0, 1024, (2, 480)),
        "fine_prompt": random.integers(0, 1024, (8, 480)).astype(np.int32),
    }
    return {name: array for name, array in (voice | changes).items() if array is not None}


def npz(path, **changes):
    np.savez(path, **arrays(**changes))
    return str(path)


def bad(voice, folder, match):
    with pytest.raises(UnknownVoiceError, match=match) as caught:
        load_preset(str(voice), folder, n_semantic=10_000, n_codes=1024)
    assert caught.value.field == "voice"
    assert caught.value.remedy


def test_by_the_index_of_the_model(bark_folder):
    assert preset_names(bark_folder) == list(PORTUGUESE)
    preset = load_preset("v2/pt_speaker_3", bark_folder)
    assert preset.semantic.shape == (368,)
    assert preset.coarse.shape[0] == 2
    assert preset.fine.shape[0] == 8
    assert preset.semantic.dtype == preset.coarse.dtype == preset.fine.dtype == np.int64


def test_portuguese_voices_come_first(tmp_path):
    names = ["v2/en_speaker_0", "v2/pt_speaker_9", "v2/de_speaker_1", "v2/pt_speaker_0"]
    index = {"repo_or_path": ".", **{name: {} for name in names}, "announcer": {}}
    (tmp_path / INDEX).write_text(json.dumps(index))
    assert preset_names(tmp_path) == [
        "v2/pt_speaker_0", "v2/pt_speaker_9", "v2/de_speaker_1", "v2/en_speaker_0",
    ]  # fmt: skip


def test_without_an_index_as_in_suno_s_own_repository(tmp_path):
    folder = tmp_path / "speaker_embeddings" / "v2"
    folder.mkdir(parents=True)
    npz(folder / "pt_speaker_4.npz")
    assert load_preset("v2/pt_speaker_4", tmp_path).semantic.shape == (320,)
    bad("v2/pt_speaker_5", tmp_path, "Bark has no voice")


def test_by_its_path_and_known_by_its_content(tmp_path):
    one, two = npz(tmp_path / "um.npz"), npz(tmp_path / "dois.npz")
    other = npz(tmp_path / "outra.npz", semantic_prompt=np.arange(300))
    digests = [load_preset(voice, tmp_path).digest for voice in (one, two, other)]
    assert digests[0] == digests[1] != digests[2]
    assert is_path(one)
    assert not is_path("v2/pt_speaker_1")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"fine_prompt": None}, "lacks the array fine_prompt"),
        ({"semantic_prompt": np.zeros((2, 300), int)}, r"has the shape \(2, 300\), not \(n\)"),
        ({"coarse_prompt": np.zeros((3, 300), int)}, r"not \(2, n\)"),
        ({"fine_prompt": np.zeros((2, 300), int)}, r"not \(8, n\)"),
        ({"semantic_prompt": np.zeros(0, int)}, "is empty"),
        ({"semantic_prompt": np.ones(300)}, "whole numbers"),
        ({"semantic_prompt": np.full(300, -1)}, "values -1 to -1, not 0 to 9999"),
        ({"coarse_prompt": np.full((2, 300), 1024)}, "1024 to 1024, not 0 to 1023"),
        ({"fine_prompt": np.zeros((8, 50_000), int)}, "is no voice of Bark"),
        ({"semantic_prompt": np.array([{"a": 1}], dtype=object)}, "cannot be read"),
    ],
)
def test_arrays_that_are_no_voice(tmp_path, changes, match):
    bad(npz(tmp_path / "voz.npz", **changes), tmp_path, match)


def test_files_that_are_no_voice(tmp_path):
    whole = (tmp_path / "voz.npz", npz(tmp_path / "voz.npz"))[0].read_bytes()
    for name, content in {
        "half.npz": whole[: len(whole) // 2],
        "text.npz": b"no zip at all",
        "empty.npz": b"",
        "damaged.npz": whole[:300] + bytes(200) + whole[500:],
    }.items():
        (tmp_path / name).write_bytes(content)
        bad(tmp_path / name, tmp_path, "is no voice of Bark")
    (tmp_path / "folder.npz").mkdir()
    bad(tmp_path / "folder.npz", tmp_path, "is no voice of Bark")
    bad(tmp_path / "nowhere.npz", tmp_path, "there is no file")


def test_a_small_file_with_a_huge_array_is_not_expanded(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<i8", "fortran_order": False, "shape": (10**10,)}
    )
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("semantic_prompt.npy", header.getvalue() + bytes(1 << 20))
    bad(path, tmp_path, "is no voice of Bark")


def test_the_index_names_files_of_the_model_only(bark_folder, tmp_path):
    folder = shutil.copytree(bark_folder, tmp_path / "model")
    np.save(tmp_path / "outside.npy", np.zeros(300, int))
    index = json.loads((folder / INDEX).read_text())
    for path in ("../outside.npy", str(tmp_path / "outside.npy"), ""):
        index["v2/pt_speaker_0"]["semantic_prompt"] = path
        (folder / INDEX).write_text(json.dumps(index))
        bad("v2/pt_speaker_0", folder, "names no file of the model")


def test_a_name_that_is_nearly_one(bark_folder):
    with pytest.raises(UnknownVoiceError) as caught:
        load_preset("v2/pt_speaker_33", bark_folder)
    assert "v2/pt_speaker_3" in caught.value.remedy


def test_the_real_presets_are_presets(tmp_path):
    """Where they are at hand; they are not part of the project."""
    for path in sorted(REAL.glob("*.npz")):
        preset = load_preset(str(path), tmp_path, n_semantic=10_000, n_codes=1024)
        assert set(ARRAYS) <= set(np.load(path))
        assert 320 <= len(preset.semantic) <= 487
