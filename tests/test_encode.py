from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.support.audio import RATE, blocks, speech
from tts_tasks.errors import (
    CancelledError,
    MasteringError,
    StorageFullError,
    UnknownFormatError,
)
from tts_tasks.mastering import encode as encode_module
from tts_tasks.mastering.encode import decode, encode, find_ffmpeg
from tts_tasks.mastering.profile import FORMATS, PROFILES, describe, find_format, sample_rate_for
from tts_tasks.values import Samples


def encoded(path: Path, samples: Samples, rate: int = RATE) -> Path:
    encode(blocks(samples), rate, path, FORMATS[path.suffix[1:]], bit_rate_kbps=80)
    return path


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_what_is_encoded_decodes_to_the_same_length_and_rate(
    name: str, rate: int, tmp_path: Path
) -> None:
    audio_format = FORMATS[name]
    rate = sample_rate_for(audio_format, rate, PROFILES["course"])
    voice = speech(1.234, rate)
    rate_back, decoded = decode(encoded(tmp_path / f"a.{name}", voice, rate))
    samples = np.concatenate(list(decoded))
    assert rate_back == (audio_format.decoded_rate_hz or rate)
    if rate_back != rate:
        voice = soxr.resample(voice, rate, rate_back)[: len(samples)]
    assert 0 <= len(samples) - len(voice) <= FORMATS[name].surplus_samples
    gain = 10 ** (FORMATS[name].encoder_gain_db / 20)
    error = samples[: len(voice)] - voice * np.float32(gain)
    assert np.dot(error, error) < 0.03 * np.dot(voice, voice)
    assert [one.name for one in tmp_path.iterdir()] == [f"a.{name}"]


def test_reading_in_blocks_is_reading_at_once(tmp_path: Path) -> None:
    import soundfile

    path = encoded(tmp_path / "a.mp3", speech(30))
    at_once, _ = soundfile.read(path, dtype="float32")
    assert np.concatenate(list(decode(path)[1])) == pytest.approx(at_once, abs=1e-6)


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_samples_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    one = encoded(tmp_path / f"a.{name}", speech(2)).read_bytes()
    assert encoded(tmp_path / f"b.{name}", speech(2)).read_bytes() == one
    assert b"Lavf6" not in one
    assert b"Lavc6" not in one


@pytest.mark.parametrize("n_samples", [1, 10, 1_000])
def test_very_short_audio_is_encoded(n_samples: int, tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.mp3", np.full(n_samples, 0.1, np.float32))
    surplus = sum(map(len, decode(path)[1])) - n_samples
    assert 0 <= surplus <= FORMATS["mp3"].surplus_samples


def test_ffmpeg_comes_from_the_path_then_from_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "imageio_ffmpeg" in str(find_ffmpeg())
    own = tmp_path / "ffmpeg"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    assert find_ffmpeg() == own


def test_no_ffmpeg_at_all_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import imageio_ffmpeg

    def fail() -> str:
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", fail)
    with pytest.raises(MasteringError, match="pip install imageio-ffmpeg"):
        find_ffmpeg()


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        (
            "cat >/dev/null; echo one >&2; echo 'Unknown encoder' >&2; exit 8",
            MasteringError,
            "Unkn",
        ),
        ("exit 1", MasteringError, "status 1: it gave no message"),
        ("echo 'a.mp3: No space left on device' >&2; exit 228", StorageFullError, "no space left"),
    ],
)
def test_ffmpeg_failing_is_an_error_with_its_last_line(
    script: str, error: type[Exception], message: str, tmp_path: Path, monkeypatch
) -> None:
    fake = tmp_path / "bin" / "ffmpeg"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(encode_module, "find_ffmpeg", lambda: fake)
    with pytest.raises(error, match=message):
        encoded(tmp_path / "a.mp3", speech(20))
    assert [one.name for one in tmp_path.iterdir()] == ["bin"]


def test_ffmpeg_that_does_not_start_is_an_error(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(encode_module, "find_ffmpeg", lambda: tmp_path / "nothing")
    with pytest.raises(MasteringError, match="cannot be started"):
        encoded(tmp_path / "a.mp3", speech(1))


def test_cancelling_leaves_no_file_and_no_process(tmp_path: Path) -> None:
    calls = 0

    def cancel_at_the_third() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        encode(
            blocks(speech(10)),
            RATE,
            tmp_path / "a.mp3",
            FORMATS["mp3"],
            bit_rate_kbps=80,
            checkpoint=cancel_at_the_third,
        )
    assert list(tmp_path.iterdir()) == []


def test_failing_leaves_the_earlier_file_alone(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"earlier")
    with pytest.raises(MasteringError):
        encoded(tmp_path / "a.mp3", speech(1), rate=-1)
    assert (tmp_path / "a.mp3").read_bytes() == b"earlier"


def test_undecodable_file_is_a_mastering_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(MasteringError, match=r"a\.mp3 cannot be decoded"):
        decode(tmp_path / "a.mp3")


def test_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(UnknownFormatError, match="mp3, m4a, opus, wav, flac") as caught:
        find_format("ogg")
    assert caught.value.field == "format"
    with pytest.raises(UnknownFormatError):
        describe(PROFILES["course"], "MP3")


def test_description_changes_with_everything_that_is_heard() -> None:
    from dataclasses import replace

    course = PROFILES["course"]
    one = describe(course, "mp3")
    assert one == describe(course, "mp3")
    assert "\n" not in one
    assert len({one, describe(course, "wav"), describe(replace(course, fade_in_ms=6), "mp3")}) == 3


def test_mp3_takes_the_next_sample_rate_it_can_hold() -> None:
    rates = [
        sample_rate_for(FORMATS["mp3"], rate, PROFILES["course"])
        for rate in (7_000, 22_050, 23_000, 96_000)
    ]
    assert rates == [8_000, 22_050, 24_000, 48_000]
    assert sample_rate_for(FORMATS["wav"], 23_000, PROFILES["course"]) == 23_000
