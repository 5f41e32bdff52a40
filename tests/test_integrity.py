from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.audio import RATE, blocks, speech
from tts_tasks.errors import MasteringError
from tts_tasks.mastering.encode import encode
from tts_tasks.mastering.integrity import check_audio
from tts_tasks.mastering.profile import FORMATS, PROFILES, sample_rate_for
from tts_tasks.mastering.tags import write_tags
from tts_tasks.values import Tags


@pytest.fixture(params=FORMATS)
def audio(request, tmp_path: Path) -> Path:
    path = tmp_path / f"aula.{request.param}"
    audio_format = FORMATS[request.param]
    rate = sample_rate_for(audio_format, RATE, PROFILES["course"])
    encode(blocks(speech(10, rate)), rate, path, audio_format, bit_rate_kbps=80)
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


@pytest.mark.parametrize("audio", ["flac", "opus", "mp3"], indirect=True)
def test_a_flipped_bit_is_found_where_there_are_checksums(audio: Path) -> None:
    data = bytearray(audio.read_bytes())
    for position in range(len(data) // 10, len(data), len(data) // 7):
        flipped = bytearray(data)
        flipped[position] ^= 4
        audio.write_bytes(flipped)
        with pytest.raises(MasteringError):
            check_audio(audio)


@pytest.mark.parametrize("audio", ["opus"], indirect=True)
def test_opus_cut_between_two_pages_is_found(audio: Path) -> None:
    data = audio.read_bytes()
    for end in range(data.rindex(b"OggS"), 0, -1):
        if data[end : end + 4] == b"OggS":
            audio.write_bytes(data[:end])
            with pytest.raises(MasteringError, match=r"truncated|is empty"):
                check_audio(audio)


@pytest.mark.parametrize("audio", ["opus"], indirect=True)
def test_a_lost_page_and_another_stream_behind_are_found(audio: Path) -> None:
    data = audio.read_bytes()
    pages = [n for n in range(len(data)) if data[n : n + 4] == b"OggS"]
    audio.write_bytes(data[: pages[3]] + data[pages[4] :])
    with pytest.raises(MasteringError, match="page 4 where page 3"):
        check_audio(audio)
    audio.write_bytes(data + data)
    with pytest.raises(MasteringError, match="goes on after"):
        check_audio(audio)


@pytest.mark.parametrize("audio", ["m4a"], indirect=True)
def test_an_mp4_whose_tables_point_elsewhere_is_found(audio: Path) -> None:
    data = audio.read_bytes()
    for box, offset in ((b"stco", 12), (b"stsz", 12), (b"stts", 12), (b"mdhd", 20)):
        position = data.index(box) + offset
        [number] = struct.unpack_from(">I", data, position)
        wrong = data[:position] + struct.pack(">I", number + 77) + data[position + 4 :]
        audio.write_bytes(wrong)
        with pytest.raises(MasteringError):
            check_audio(audio)
    audio.write_bytes(data)
    check_audio(audio)


@pytest.mark.parametrize("audio", ["m4a", "opus", "mp3"], indirect=True)
def test_whatever_is_written_into_a_header_the_error_is_the_same(audio: Path) -> None:
    data = audio.read_bytes()
    chance = random.Random(5)
    for _ in range(60):
        garbled = bytearray(data)
        position = chance.randrange(1_000)
        garbled[position : position + 4] = chance.choice((b"", bytes(4), b"\xff" * 4, b"moov"))
        audio.write_bytes(garbled)
        if garbled == data:
            continue
        # MP4 has no checksums, and the first frame of an MP3 ends in bytes that mean nothing.
        may_pass = contextlib.suppress(MasteringError)
        with pytest.raises(MasteringError) if audio.suffix == ".opus" else may_pass:
            check_audio(audio)


@pytest.mark.parametrize("audio", FORMATS, indirect=True)
def test_a_cover_that_is_no_picture_does_not_damage_the_audio(audio: Path) -> None:
    cover = b"\x89PNG\r\n\x1a\n" + b"\xff\xfb\x90\x00" * 20_000
    write_tags(audio, audio.suffix[1:], Tags(title="Aula"), cover)
    check_audio(audio)
