"""Presets: found by name or path, and refused with the reason when they are none."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tts_tasks.engines.bark.voices import (
    ARRAYS,
    INDEX,
    LANGUAGES,
    MAX_BYTES,
    MAX_TOKENS,
    PORTUGUESE,
    is_path,
    load_preset,
    preset_names,
    unknown_voice,
)
from tts_tasks.errors import UnknownVoiceError
from tts_tasks.settings import PROJECT

NAME = "v2/pt_speaker_3"
N_SEMANTIC, N_CODES = 10_000, 1024
REAL = sorted((PROJECT.parent / "shared/data/bark-voices").glob("*.npz"))
"""The presets of suno, where they are."""


def arrays(seed=0, n=320):
    random = np.random.default_rng(seed)
    n_frames = n * 750 // 499
    return {
        "semantic_prompt": random.integers(0, N_SEMANTIC, n),
        "coarse_prompt": random.integers(0, N_CODES, (2, n_frames)),
        "fine_prompt": random.integers(0, N_CODES, (8, n_frames)).astype(np.int32),
    }


def write_indexed(folder, names=(NAME,), **changed):
    """Write a folder as the hub's models have it: an index, and a file for each array."""
    index = {"repo_or_path": "suno/bark"}
    for name in names:
        index[name] = {}
        for key, array in (arrays() | changed).items():
            path = folder / "speaker_embeddings" / f"{name}_{key}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, array)
            index[name][key] = str(path.relative_to(folder))
    write_index(folder, index)
    return folder


def write_index(folder, index):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")


def write_archive(path, **changed):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **(arrays() | changed))
    return path


def assert_is(preset, expected):
    for found, name in zip((preset.semantic, preset.coarse, preset.fine), ARRAYS, strict=True):
        np.testing.assert_array_equal(found, expected[name])
        assert found.dtype == np.int64
        assert found.flags.c_contiguous


def refused(voice, folder, match, **options):
    """Assert that a voice is refused as every wrong input is: field, value, reason and remedy."""
    with pytest.raises(UnknownVoiceError, match=match) as caught:
        load_preset(str(voice), folder, **options)
    error = caught.value
    assert error.field == "voice"
    assert error.value == str(voice)[: len(error.value)] or error.value.rstrip("…") in str(voice)
    assert error.remedy
    assert error.__cause__ is None or not isinstance(error.__cause__, UnknownVoiceError)
    return error


# Found


def test_by_its_name_in_a_model_s_folder(tmp_path):
    preset = load_preset(NAME, write_indexed(tmp_path), n_semantic=N_SEMANTIC, n_codes=N_CODES)
    assert preset.name == NAME
    assert_is(preset, arrays())


def test_by_its_name_in_a_folder_without_index(tmp_path):
    """As suno's own repository has them."""
    write_archive(tmp_path / "speaker_embeddings" / f"{NAME}.npz")
    assert_is(load_preset(NAME, tmp_path), arrays())


def test_the_index_comes_before_the_archives(tmp_path):
    write_indexed(tmp_path)
    write_archive(tmp_path / "speaker_embeddings" / f"{NAME}.npz", **arrays(seed=1))
    assert_is(load_preset(NAME, tmp_path), arrays())


def test_by_the_path_of_its_file(tmp_path):
    path = write_archive(tmp_path / "vozes" / "minha voz.npz")
    preset = load_preset(str(path), tmp_path / "no model")
    assert preset.name == str(path)
    assert_is(preset, arrays())


def test_a_path_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_archive(tmp_path / "voz.npz")
    assert_is(load_preset("~/voz.npz", tmp_path / "no model"), arrays())


def test_a_path_may_be_relative(tmp_path, monkeypatch):
    write_archive(tmp_path / "voz.npz")
    monkeypatch.chdir(tmp_path)
    assert_is(load_preset("voz.npz", Path("no model")), arrays())


def test_in_the_hub_s_cache_every_file_is_a_link(tmp_path):
    """To a blob outside of the folder, named by its hash."""
    cache = tmp_path / "models--suno--bark-small"
    snapshot = write_indexed(cache / "snapshots" / "abc")
    (cache / "blobs").mkdir()
    for number, path in enumerate(sorted(snapshot.rglob("*.*"))):
        blob = path.rename(cache / "blobs" / f"{number:040x}")
        path.symlink_to(os.path.relpath(blob, path.parent))
    assert_is(load_preset(NAME, snapshot), arrays())
    # And the folder itself may be reached by a link.
    (tmp_path / "bark").symlink_to(snapshot)
    assert_is(load_preset(NAME, tmp_path / "bark"), arrays())


def test_a_folder_may_be_relative(tmp_path, monkeypatch):
    write_indexed(tmp_path / "bark")
    monkeypatch.chdir(tmp_path)
    assert_is(load_preset(NAME, Path("bark")), arrays())
    assert_is(load_preset(NAME, Path("./bark/../bark")), arrays())
    monkeypatch.chdir("bark")
    assert_is(load_preset(NAME, Path()), arrays())


@pytest.mark.parametrize(
    "dtype", [np.int16, np.uint16, np.int32, ">i4", np.int64, np.uint64], ids=str
)
def test_whole_numbers_of_any_size(tmp_path, dtype):
    cast = {name: array.astype(dtype) for name, array in arrays().items()}
    path = write_archive(tmp_path / "voz.npz", **cast)
    preset = load_preset(str(path), tmp_path)
    assert_is(preset, arrays())
    assert preset.digest == load_preset(str(write_archive(tmp_path / "b.npz")), tmp_path).digest


def test_arrays_written_column_by_column(tmp_path):
    turned = {name: np.asfortranarray(array) for name, array in arrays().items()}
    path = write_archive(tmp_path / "voz.npz", **turned)
    assert_is(load_preset(str(path), tmp_path), arrays())


def test_a_compressed_archive_and_further_arrays(tmp_path):
    path = tmp_path / "voz.npz"
    np.savez_compressed(path, **arrays(), notes=np.array(["text"]))
    assert_is(load_preset(str(path), tmp_path), arrays())


def test_the_longest_that_is_allowed(tmp_path):
    longest = np.zeros(MAX_TOKENS, np.int64)
    path = write_archive(tmp_path / "voz.npz", semantic_prompt=longest)
    assert load_preset(str(path), tmp_path).semantic.size == MAX_TOKENS


def test_no_file_stays_open(tmp_path):
    folder = write_indexed(tmp_path)
    path = write_archive(tmp_path / "voz.npz")
    before = os.listdir("/proc/self/fd")
    kept = [load_preset(voice, folder) for voice in (NAME, str(path)) for _ in range(5)]
    assert len(os.listdir("/proc/self/fd")) == len(before)
    assert len(kept) == 10


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_the_real_presets(path):
    preset = load_preset(str(path), path.parent, n_semantic=N_SEMANTIC, n_codes=N_CODES)
    assert preset.semantic.ndim == 1
    assert 320 <= preset.semantic.size <= 487
    n_frames = preset.coarse.shape[1]
    assert preset.coarse.shape == (2, n_frames)
    assert preset.fine.shape == (8, n_frames)
    assert n_frames / preset.semantic.size == pytest.approx(75 / 49.9, abs=0.01)
    np.testing.assert_array_equal(preset.fine[:2], preset.coarse)


def test_the_real_presets_differ():
    assert len({load_preset(str(path), path.parent).digest for path in REAL}) == len(REAL)


# Refused

WRONG = {
    "a missing array": ({"fine_prompt": None}, "lacks the array fine_prompt|names no file"),
    "semantic of two dimensions": ({"semantic_prompt": np.zeros((1, 320), int)}, r"\(1, 320\)"),
    "a single number": ({"semantic_prompt": np.int64(5)}, "semantic_prompt"),
    "coarse of one book": ({"coarse_prompt": np.zeros((1, 480), int)}, r"\(1, 480\), not \(2, n\)"),
    "coarse in a row": ({"coarse_prompt": np.zeros(480, int)}, r"\(480,\), not \(2, n\)"),
    "coarse of all books": ({"coarse_prompt": np.zeros((8, 480), int)}, r"\(8, 480\)"),
    "fine of two books": ({"fine_prompt": np.zeros((2, 480), int)}, r"\(2, 480\), not \(8, n\)"),
    "fine that lies on its side": ({"fine_prompt": np.zeros((480, 8), int)}, r"\(480, 8\)"),
    "floats": ({"coarse_prompt": np.zeros((2, 480))}, "coarse_prompt is no array of .* whole"),
    "truth values": ({"coarse_prompt": np.zeros((2, 480), bool)}, "whole numbers"),
    "text": ({"semantic_prompt": np.array(["a", "b"])}, "whole numbers"),
    "dates": ({"semantic_prompt": np.zeros(320, "M8[s]")}, "whole numbers"),
    "records": ({"semantic_prompt": np.zeros(320, [("a", "i8")])}, "whole numbers"),
    "negative values": ({"fine_prompt": np.full((8, 480), -1)}, "values -1 to -1, not 0 to 1023"),
    "beyond int64": ({"semantic_prompt": np.full(320, 2**64 - 1, np.uint64)}, "not 0 to 9999"),
    "a semantic token too many": (
        {"semantic_prompt": np.full(320, N_SEMANTIC)},
        "semantic_prompt has the values 10000 to 10000, not 0 to 9999",
    ),
    "a coarse code too many": ({"coarse_prompt": np.full((2, 480), N_CODES)}, "not 0 to 1023"),
    "a fine code too many": ({"fine_prompt": np.full((8, 480), N_CODES)}, "not 0 to 1023"),
    "empty": ({"semantic_prompt": np.zeros(0, int)}, "semantic_prompt is empty"),
    "no frames": ({"coarse_prompt": np.zeros((2, 0), int)}, "coarse_prompt is empty"),
    "too long": ({"semantic_prompt": np.zeros(MAX_TOKENS + 1, np.int8)}, "at most 100,000"),
    "far too long": ({"semantic_prompt": np.zeros(10**7, np.int64)}, "80,000,128 bytes are over"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("kind", ["files", "archive"])
def test_arrays_that_are_none_of_a_voice(tmp_path, case, kind):
    changed, match = WRONG[case]
    limits = {"n_semantic": N_SEMANTIC, "n_codes": N_CODES}
    present = {name: array for name, array in (arrays() | changed).items() if array is not None}
    if kind == "archive":
        np.savez_compressed(tmp_path / "voz.npz", **present)
        refused(tmp_path / "voz.npz", tmp_path, match, **limits)
    else:
        files = {}
        for name, array in present.items():
            np.save(tmp_path / name, array)
            files[name] = f"{name}.npy"
        write_index(tmp_path, {NAME: files})
        refused(NAME, tmp_path, match, **limits)


def test_without_a_model_only_negative_values_are_known_to_be_wrong(tmp_path):
    path = write_archive(tmp_path / "voz.npz", semantic_prompt=np.full(320, 10**6))
    assert load_preset(str(path), tmp_path).semantic.max() == 10**6
    refused(path, tmp_path, "10000", n_semantic=N_SEMANTIC)
    path = write_archive(tmp_path / "b.npz", semantic_prompt=np.full(320, -1))
    refused(path, tmp_path, "values -1 to -1, not 0 and more")


class Trap:
    """Makes a file as soon as it is unpickled."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return open, (str(self._path), "w")


@pytest.mark.parametrize("kind", ["files", "archive"])
def test_nothing_is_unpickled(tmp_path, kind):
    sprung = tmp_path / "sprung"
    trap = np.array([Trap(sprung)], dtype=object)
    if kind == "archive":
        np.savez(tmp_path / "voz.npz", **(arrays() | {"semantic_prompt": trap}))
        refused(tmp_path / "voz.npz", tmp_path, "cannot be read")
        raw = tmp_path / "voz.npz"
        read = lambda: np.load(raw, allow_pickle=True)["semantic_prompt"]  # noqa: E731
    else:
        write_indexed(tmp_path)
        raw = tmp_path / "speaker_embeddings" / f"{NAME}_semantic_prompt.npy"
        np.save(raw, trap, allow_pickle=True)
        refused(NAME, tmp_path, "cannot be read")
        read = lambda: np.load(raw, allow_pickle=True)  # noqa: E731
    assert not sprung.exists()
    read()[0].close()
    assert sprung.exists(), "the control: it is a trap"


def test_a_pickle_by_itself(tmp_path):
    import pickle

    path = tmp_path / "voz.npz"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    refused(path, tmp_path, "cannot be read")
    assert not (tmp_path / "sprung").exists()


def whole_archive(tmp_path):
    return write_archive(tmp_path / "whole.npz").read_bytes()


BROKEN = {
    "nothing": lambda whole: b"",
    "text": lambda whole: "isto não é uma voz".encode(),
    "an array": lambda whole: npy(np.zeros(320, np.int64)),
    "half of it": lambda whole: whole[: len(whole) // 2],
    "all but the end": lambda whole: whole[:-30],
    "damaged": lambda whole: whole[:500] + bytes(500) + whole[1000:],
    "zeros": lambda whole: bytes(5000),
}


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_archive(tmp_path, case):
    path = tmp_path / "voz.npz"
    path.write_bytes(BROKEN[case](whole_archive(tmp_path)))
    refused(path, tmp_path, "cannot be read")


def test_cut_anywhere_an_archive_is_no_voice(tmp_path):
    whole = whole_archive(tmp_path)
    path = tmp_path / "voz.npz"
    for size in range(0, len(whole), 997):
        path.write_bytes(whole[:size])
        refused(path, tmp_path, "cannot be read")


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x09\x09aaaa"])
def test_a_broken_file_of_an_array(tmp_path, content):
    write_indexed(tmp_path)
    (tmp_path / "speaker_embeddings" / f"{NAME}_coarse_prompt.npy").write_bytes(content)
    refused(NAME, tmp_path, "cannot be read")


def test_an_archive_with_a_password_or_an_array_that_is_none(tmp_path):
    path = tmp_path / "voz.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ARRAYS:
            archive.writestr(f"{name}.npy", b"no array")
    refused(path, tmp_path, "cannot be read")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", b"no voice")
    refused(path, tmp_path, "lacks the array semantic_prompt")


def test_what_is_not_there(tmp_path):
    refused(tmp_path / "voz.npz", tmp_path, "there is no file")
    refused("~nobody-of-that-name/voz.npz", tmp_path, "there is no file")
    refused(tmp_path / "file.npz" / "voz.npz", tmp_path, "there is no file")
    refused("a\0b.npz", tmp_path, "no voice")
    refused(f"{'a' * 5000}.npz", tmp_path, "no voice")
    write_indexed(tmp_path)
    (tmp_path / "speaker_embeddings" / f"{NAME}_fine_prompt.npy").unlink()
    refused(NAME, tmp_path, "there is no file .*fine_prompt")


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "voz.npz").mkdir()
    refused(tmp_path / "voz.npz", tmp_path, "there is no file")
    write_indexed(tmp_path)
    path = tmp_path / "speaker_embeddings" / f"{NAME}_fine_prompt.npy"
    path.unlink()
    path.mkdir()
    refused(NAME, tmp_path, "there is no file")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "voz.npz")
    refused(tmp_path / "voz.npz", tmp_path, "there is no file")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = write_archive(tmp_path / "voz.npz")
    folder = write_indexed(tmp_path)

    def forbid(*given, **options):
        raise PermissionError(13, "Permission denied")

    # Root may read everything: so the system's answer is made up.
    monkeypatch.setattr("io.open", forbid)
    monkeypatch.setattr("zipfile.io.open", forbid)
    monkeypatch.setattr(Path, "open", forbid)
    refused(path, tmp_path, r"cannot be read \(.*Permission denied")
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: json.dumps(index_of(NAME)))
    refused(NAME, folder, r"cannot be read \(.*Permission denied")


def index_of(name):
    return {name: {key: f"speaker_embeddings/{name}_{key}.npy" for key in ARRAYS}}


def header(shape, descr="<i8"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


@pytest.mark.parametrize("shape", [(10**11,), (2, 10**15), (2**32, 2**32), (10**30,), (-1, 4)])
@pytest.mark.parametrize("kind", ["file", "archive"])
def test_a_header_that_lies_about_the_size(tmp_path, shape, kind):
    lie = header(shape, "|i1") + bytes(800)
    if kind == "archive":
        with zipfile.ZipFile(tmp_path / "voz.npz", "w") as archive:
            archive.writestr("semantic_prompt.npy", lie)
        refused(tmp_path / "voz.npz", tmp_path, "no voice")
    else:
        write_indexed(tmp_path)
        (tmp_path / "speaker_embeddings" / f"{NAME}_semantic_prompt.npy").write_bytes(lie)
        refused(NAME, tmp_path, "no voice")


BOMB = """
import sys
from pathlib import Path
from tts_tasks.engines.bark.voices import load_preset
from tts_tasks.errors import UnknownVoiceError
import resource
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_preset(sys.argv[1], Path("."))
except UnknownVoiceError as error:
    assert "bytes are over" in str(error), error
else:
    raise SystemExit("it was taken")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("where", ["numbers", "header"])
def test_a_small_file_that_stands_for_a_large_one_is_not_expanded(tmp_path, where):
    """300 MB of zeros in 0.3 MB: as numbers, or as the description before them."""
    size = 300_000_000
    if where == "numbers":
        begin = header((2, size // 16))
    else:
        begin = b"\x93NUMPY\x02\x00" + size.to_bytes(4, "little")
    path = tmp_path / "voz.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("semantic_prompt.npy", "w") as file,
    ):
        file.write(begin)
        for _ in range(size // 1_000_000):
            file.write(bytes(1_000_000))
    assert path.stat().st_size < 1_000_000
    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 20_000, "KB"


def test_an_archive_that_lies_about_the_size_is_not_expanded_either(tmp_path):
    """What is claimed in its directory is all that is read."""
    path = tmp_path / "voz.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("semantic_prompt.npy", header((40_000_000,)) + bytes(320_000_000))
        claimed = archive.getinfo("semantic_prompt.npy").file_size
    raw = path.read_bytes()
    # Both in the file's header and in the directory.
    assert raw.count(claimed.to_bytes(4, "little")) == 2
    path.write_bytes(raw.replace(claimed.to_bytes(4, "little"), (5000).to_bytes(4, "little")))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(path, tmp_path, "cannot be read")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "KB"


def test_the_limit_of_a_file_is_that_of_its_numbers():
    assert len(npy(np.zeros(MAX_TOKENS, np.int64))) <= MAX_BYTES


# The index


@pytest.mark.parametrize(
    "outside",
    [
        "../{}",
        "speaker_embeddings/../../{}",
        "/{}",
        "a/../../{}",
        "..",
        ".",
        "",
        "speaker_embeddings/..",
    ],
)
def test_an_index_names_no_file_outside_of_the_folder(tmp_path, outside):
    for name, array in arrays().items():
        np.save(tmp_path / name, array)
    named = {
        name: outside.format(
            str(tmp_path)[1:] + f"/{name}.npy" if outside[:1] == "/" else f"{name}.npy"
        )
        for name in ARRAYS
    }
    folder = tmp_path / "bark"
    write_index(folder, {NAME: named})
    refused(NAME, folder, f"{INDEX} names no file of the model")
    # The control: the same files inside.
    for name, array in arrays().items():
        np.save(folder / name, array)
    write_index(folder, {NAME: {name: f"a/../{name}.npy" for name in ARRAYS}})
    assert_is(load_preset(NAME, folder), arrays())


def test_a_folder_beside_it_with_a_longer_name_is_outside(tmp_path):
    write_indexed(tmp_path / "bark-small")
    index = index_of(NAME)[NAME]
    files = {name: f"../bark-small/{path}" for name, path in index.items()}
    write_index(tmp_path / "bark", {NAME: files})
    refused(NAME, tmp_path / "bark", "names no file of the model")


@pytest.mark.parametrize("missing", ARRAYS)
def test_an_index_without_one_of_the_files(tmp_path, missing):
    write_indexed(tmp_path)
    index = index_of(NAME)
    del index[NAME][missing]
    write_index(tmp_path, index)
    refused(NAME, tmp_path, f"names no file of the model for its {missing}")


@pytest.mark.parametrize("value", [None, 5, [], {}, True])
def test_an_index_that_names_something_else(tmp_path, value):
    write_indexed(tmp_path)
    write_index(tmp_path, {NAME: dict.fromkeys(ARRAYS, value)})
    refused(NAME, tmp_path, "no voice")


@pytest.mark.parametrize(
    "content", [None, "", "[]", "5", "null", "{", '"v2/pt_speaker_3"', '{"v2/pt_speaker_3": "a"}']
)
def test_a_folder_without_a_readable_index_has_no_presets(tmp_path, content):
    if content is not None:
        (tmp_path / INDEX).write_text(content)
    assert preset_names(tmp_path) == []
    error = refused(NAME, tmp_path, f"Bark has no voice '{NAME}'")
    assert "v2/pt_speaker_0" in error.remedy


def test_an_index_that_is_no_text_or_no_file(tmp_path):
    (tmp_path / INDEX).write_bytes(b"\xff\xfe\x00")
    assert preset_names(tmp_path) == []
    (tmp_path / INDEX).unlink()
    (tmp_path / INDEX).mkdir()
    assert preset_names(tmp_path) == []
    assert preset_names(tmp_path / "no folder") == []


# Names


def test_the_portuguese_ones_come_first(tmp_path):
    names = [f"v2/{code}_speaker_{n}" for code in ("zh", "pt", "en") for n in (9, 1, 0)]
    write_index(tmp_path, {"repo_or_path": ".", **{name: {} for name in names}})
    assert preset_names(tmp_path) == [
        *(f"v2/pt_speaker_{n}" for n in (0, 1, 9)),
        *(f"v2/en_speaker_{n}" for n in (0, 1, 9)),
        *(f"v2/zh_speaker_{n}" for n in (0, 1, 9)),
    ]


def test_only_presets_are_presets(tmp_path):
    names = ["v2/pt_speaker_1", "v2/pt_speaker_10", "pt_speaker_1", "v1/pt_speaker_1", "announcer"]
    names += ["v2/pt_speaker_1 ", "v2/PT_speaker_1", "../v2/pt_speaker_1", "speaker_0"]
    write_index(tmp_path, {name: {} for name in names})
    assert preset_names(tmp_path) == ["v2/pt_speaker_1"]


def test_all_of_suno_s_names(tmp_path):
    names = [f"v2/{code}_speaker_{n}" for code in LANGUAGES for n in range(10)]
    write_index(tmp_path, {name: {} for name in names})
    found = preset_names(tmp_path)
    assert len(found) == 130
    assert tuple(found[:10]) == PORTUGUESE
    assert found[10:] == sorted(found[10:])


@pytest.mark.parametrize(
    "voice", ["", "v2/pt_speaker_12", "v2/../../etc/passwd", "pt_speaker_3", "../voz", "v2/pt"]
)
def test_a_name_that_is_none(tmp_path, voice):
    write_archive(tmp_path / "voz.npz")
    write_indexed(tmp_path / "bark")
    with pytest.raises(UnknownVoiceError) as caught:
        load_preset(voice, tmp_path / "bark")
    assert (caught.value.field, caught.value.value) == ("voice", voice)
    assert NAME in caught.value.remedy
    assert ".npz" in caught.value.remedy


def test_a_name_without_index_does_not_leave_the_folder(tmp_path):
    write_archive(tmp_path / "voz.npz")
    (tmp_path / "bark" / "speaker_embeddings").mkdir(parents=True)
    refused("../../voz", tmp_path / "bark", "Bark has no voice")


def test_the_remedy_names_what_is_near():
    known = [f"v2/{code}_speaker_{n}" for code in ("pt", "en", "zh") for n in range(10)]
    assert "v2/en_speaker_4" in unknown_voice("v2/en_speeker_4", known).remedy
    assert "v2/pt_speaker_0" in unknown_voice("Maria", known).remedy
    assert "v2/pt_speaker_0 to v2/pt_speaker_9" in unknown_voice("Maria", []).remedy


def test_a_path_is_known_by_its_ending():
    assert is_path("/vozes/a.npz")
    assert is_path("a.npz")
    assert not is_path(NAME)
    assert not is_path("a.npy")


# The digest


def test_the_digest_is_that_of_the_content(tmp_path):
    folder = write_indexed(tmp_path / "bark", names=PORTUGUESE[:2])
    here = load_preset(PORTUGUESE[0], folder).digest
    assert load_preset(PORTUGUESE[1], folder).digest == here
    paths = [write_archive(tmp_path / name) for name in ("a.npz", "b/c.npz")]
    assert {load_preset(str(path), tmp_path).digest for path in paths} == {here}
    assert len(here) == 16


@pytest.mark.parametrize("name", ARRAYS)
def test_the_digest_changes_with_every_number(tmp_path, name):
    path = write_archive(tmp_path / "voz.npz")
    digests = {load_preset(str(path), tmp_path).digest}
    for place in (0, -1):
        changed = arrays()[name]
        changed.flat[place] ^= 1
        write_archive(path, **{name: changed})
        digests.add(load_preset(str(path), tmp_path).digest)
    shorter = arrays()[name][..., :-1]
    write_archive(path, **{name: shorter})
    digests.add(load_preset(str(path), tmp_path).digest)
    assert len(digests) == 4


def test_the_digest_never_changes_for_the_same_numbers(tmp_path):
    """Takes that are kept would be other ones."""
    given = {
        "semantic_prompt": np.arange(320),
        "coarse_prompt": np.arange(960).reshape(2, 480),
        "fine_prompt": np.arange(3840).reshape(8, 480) % 1024,
    }
    path = write_archive(tmp_path / "voz.npz", **given)
    assert load_preset(str(path), tmp_path).digest == "1bc195c85183a978"
