from __future__ import annotations

from pathlib import Path

import mutagen
import pytest
from mutagen.id3 import ID3

from tests.support.audio import RATE, blocks, speech
from tts_tasks.errors import MasteringError
from tts_tasks.mastering.encode import encode
from tts_tasks.mastering.integrity import check_audio
from tts_tasks.mastering.profile import FORMATS
from tts_tasks.mastering.tags import MAX_TAG_CHARS, clean_tag, write_tags
from tts_tasks.values import Tags

TAGS = Tags("Introdução à programação", "Curso de Python – básico", "espeak pt-br+f2", 3, 12)


@pytest.fixture(params=["mp3", "flac", "wav"])
def audio(request, tmp_path: Path) -> Path:
    path = tmp_path / f"aula.{request.param}"
    encode(blocks(speech(1)), RATE, path, FORMATS[request.param], bit_rate_kbps=80)
    return path


def read(path: Path) -> dict[str, str]:
    found = mutagen.File(path).tags
    if isinstance(found, ID3):
        return {name: str(found[name]) for name in found}
    return {name.upper(): value for name, value in found}


def test_tags_read_back_with_their_accents_and_audio_stays_whole(audio: Path) -> None:
    write_tags(audio, audio.suffix[1:], TAGS)
    found = read(audio)
    if audio.suffix == ".flac":
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
    assert set(read(audio)) in ({"TIT2", "TLAN"}, {"TITLE", "LANGUAGE"})


def test_a_monstrous_title_becomes_one_bounded_line(audio: Path) -> None:
    write_tags(audio, audio.suffix[1:], Tags(title="Linha um\nlinha dois\x00\t" + "á" * 10_000))
    title = read(audio).get("TIT2") or read(audio)["TITLE"]
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
