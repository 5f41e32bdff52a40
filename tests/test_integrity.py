from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.audio import RATE, blocks, speech
from tts_tasks.errors import MasteringError
from tts_tasks.mastering.encode import encode
from tts_tasks.mastering.integrity import check_audio
from tts_tasks.mastering.profile import FORMATS
from tts_tasks.mastering.tags import write_tags
from tts_tasks.values import Tags


@pytest.fixture(params=["mp3", "flac", "wav"])
def audio(request, tmp_path: Path) -> Path:
    path = tmp_path / f"aula.{request.param}"
    encode(blocks(speech(10)), RATE, path, FORMATS[request.param], bit_rate_kbps=80)
    return path


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda data: data[: len(data) // 2],
    "without its last 200 bytes": lambda data: data[:-200],
    "without its last byte": lambda data: data[:-1],
    "with zeros in the middle": lambda data: (
        data[: len(data) // 2] + bytes(2_000) + data[len(data) // 2 + 2_000 :]
    ),
    "without a piece of the middle": lambda data: data[:20_000] + data[20_500:],
    "with garbage behind": lambda data: data + b"garbage" * 10,
    "empty": lambda data: b"",
    "one byte": lambda data: data[:1],
    "an HTML page": lambda data: b"<!DOCTYPE html><html>" * 100,
    "with garbage in front": lambda data: b"garbage!" + data,
    "zeros": lambda data: bytes(len(data)),
}


def test_whole_files_pass(audio: Path) -> None:
    check_audio(audio)
    write_tags(audio, audio.suffix[1:], Tags(title="Ação", track=1))
    check_audio(audio)


INAUDIBLE_TO_A_DECODER = {
    (".wav", "with zeros in the middle"),  # A WAV file has no redundancy: these are samples.
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_flagged(audio: Path, damage: str) -> None:
    audio.write_bytes(DAMAGE[damage](audio.read_bytes()))
    if (audio.suffix, damage) in INAUDIBLE_TO_A_DECODER:
        check_audio(audio)
        return
    with pytest.raises(MasteringError, match=r"aula\.") as caught:
        check_audio(audio)
    assert caught.value.remedy


def test_mp3_cut_at_a_frame_is_flagged_by_its_own_count(tmp_path: Path) -> None:
    path = tmp_path / "aula.mp3"
    encode(blocks(speech(5)), RATE, path, FORMATS["mp3"], bit_rate_kbps=80)
    data = path.read_bytes()
    for size in range(len(data) - 1, 0, -1):
        path.write_bytes(data[:size])
        try:
            check_audio(path)
        except MasteringError as error:
            if "frames where its header says" in str(error):
                return
            continue
        pytest.fail(f"{size} of {len(data)} bytes passed")
    pytest.fail("no cut fell between two frames")


def test_mp3_stream_without_a_count_passes(tmp_path: Path) -> None:
    path = tmp_path / "aula.mp3"
    encode(blocks(speech(5)), RATE, path, FORMATS["mp3"], bit_rate_kbps=80)
    data = path.read_bytes()
    first_size = data.index(b"\xff\xf3", 4)
    path.write_bytes(data[first_size:] * 2)  # as a service sends it: frames, joined
    check_audio(path)


@pytest.mark.parametrize("name", ["missing.mp3", "missing.flac"])
def test_missing_file_is_flagged(tmp_path: Path, name: str) -> None:
    with pytest.raises(MasteringError, match="cannot be read"):
        check_audio(tmp_path / name)
