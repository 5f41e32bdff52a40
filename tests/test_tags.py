from __future__ import annotations

import base64
import subprocess
from dataclasses import replace
from pathlib import Path

import mutagen
import pytest
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

from tests.support.audio import RATE, blocks, speech
from tts_tasks.errors import MasteringError
from tts_tasks.mastering.encode import encode, find_ffmpeg
from tts_tasks.mastering.integrity import check_audio
from tts_tasks.mastering.profile import FORMATS, PROFILES, sample_rate_for
from tts_tasks.mastering.tags import MAX_TAG_CHARS, clean_tag, write_tags
from tts_tasks.values import Tags

TAGS = Tags("Introdução à programação", "Curso de Python – básico", "espeak pt-br+f2", 3, 12)


@pytest.fixture(params=FORMATS)
def audio(request, tmp_path: Path) -> Path:
    path = tmp_path / f"aula.{request.param}"
    audio_format = FORMATS[request.param]
    rate = sample_rate_for(audio_format, RATE, PROFILES["course"])
    encode(blocks(speech(1, rate)), rate, path, audio_format, bit_rate_kbps=80)
    return path


def read(path: Path) -> dict[str, str]:
    found = mutagen.File(path).tags
    if isinstance(found, ID3):
        return {name: str(found[name]) for name in found}
    if isinstance(found, MP4Tags):
        return {name: value[0] for name, value in found.items()}
    return {name.upper(): value for name, value in found}


def said_by_ffmpeg(path: Path) -> str:
    command = [find_ffmpeg(), "-hide_banner", "-i", path]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


def test_a_cover_is_kept_byte_for_byte(audio: Path) -> None:
    write_tags(audio, audio.suffix[1:], TAGS, PNG)
    check_audio(audio)
    if audio.suffix == ".opus":
        [block] = mutagen.File(audio).tags["METADATA_BLOCK_PICTURE"]
        assert PNG in base64.b64decode(block)
    else:
        assert PNG in audio.read_bytes()
    if audio.suffix != ".wav":  # ffmpeg shows no picture of a WAV file
        assert "png" in said_by_ffmpeg(audio)
    once = audio.read_bytes()
    write_tags(audio, audio.suffix[1:], TAGS, PNG)
    assert audio.read_bytes() == once
    write_tags(audio, audio.suffix[1:], TAGS)
    assert PNG not in audio.read_bytes()


@pytest.mark.parametrize(
    ("language", "shown"), [("por", "(por)"), ("eng", "(eng)"), ("?", "(und)")]
)
@pytest.mark.parametrize("audio", ["m4a"], indirect=True)
def test_the_language_of_an_mp4_is_that_of_its_track(
    audio: Path, language: str, shown: str
) -> None:
    write_tags(audio, "m4a", replace(TAGS, language=language))
    told = said_by_ffmpeg(audio)
    assert shown in told or (shown == "(und)" and "(por)" not in told)
    check_audio(audio)


def test_tags_read_back_with_their_accents_and_audio_stays_whole(audio: Path) -> None:
    write_tags(audio, audio.suffix[1:], TAGS)
    found = read(audio)
    if audio.suffix == ".m4a":
        assert found == {
            "\xa9nam": TAGS.title,
            "\xa9alb": TAGS.album,
            "\xa9ART": TAGS.artist,
            "trkn": (3, 12),
        }
        assert "(por)" in said_by_ffmpeg(audio)
    elif audio.suffix in (".flac", ".opus"):
        assert found == {
            "TITLE": TAGS.title,
            "ALBUM": TAGS.album,
            "ARTIST": TAGS.artist,
            "TRACKNUMBER": "3",
            "TRACKTOTAL": "12",
            "LANGUAGE": "por",
        }
    else:
        assert found == {
            "TIT2": TAGS.title,
            "TALB": TAGS.album,
            "TPE1": TAGS.artist,
            "TRCK": "3/12",
            "TLAN": "por",
        }
    check_audio(audio)


@pytest.mark.parametrize("audio", ["mp3"], indirect=True)
def test_mp3_tags_are_id3v2_4_in_utf_8(audio: Path) -> None:
    write_tags(audio, "mp3", TAGS)
    id3 = ID3(audio)
    assert id3.version == (2, 4, 0)
    assert {frame.encoding for frame in id3.values()} == {3}


def test_the_same_tags_give_the_same_bytes_and_replace_others(audio: Path) -> None:
    write_tags(audio, audio.suffix[1:], TAGS)
    once = audio.read_bytes()
    write_tags(audio, audio.suffix[1:], Tags(title="x" * 500, artist="outro", track=9))
    write_tags(audio, audio.suffix[1:], TAGS)
    assert audio.read_bytes() == once


def test_empty_fields_are_left_out(audio: Path) -> None:
    write_tags(audio, audio.suffix[1:], Tags(title="Só o título"))
    assert set(read(audio)) in ({"TIT2", "TLAN"}, {"TITLE", "LANGUAGE"}, {"\xa9nam"})


def test_a_monstrous_title_becomes_one_bounded_line(audio: Path) -> None:
    write_tags(audio, audio.suffix[1:], Tags(title="Linha um\nlinha dois\x00\t" + "á" * 10_000))
    found = read(audio)
    title = found.get("TIT2") or found.get("TITLE") or found["\xa9nam"]
    assert title.startswith("Linha um linha dois á")
    assert len(title) == MAX_TAG_CHARS
    assert title.endswith("…")


def test_lone_surrogates_and_decomposed_accents_are_cleaned() -> None:
    assert clean_tag("c\u0327a\udc80 o") == "ça o"


def test_a_file_that_is_no_audio_is_a_mastering_error(tmp_path: Path) -> None:
    path = tmp_path / "page.flac"
    path.write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(MasteringError, match="tagged"):
        write_tags(path, "flac", TAGS)
