"""What every format keeps: level, length, bytes; and files of other encoders."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.apev2 import APEv2
from mutagen.id3 import APIC, ID3, TIT2

from tests.support.audio import ebur128, speech, spoken, utterance
from tests.support.browser import CHROMIUM, opened
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.errors import MasteringError
from tts_tasks.mastering.assemble import assemble
from tts_tasks.mastering.encode import decode, encode, find_ffmpeg
from tts_tasks.mastering.integrity import check_audio
from tts_tasks.mastering.post_process import level_and_encode, post_process
from tts_tasks.mastering.profile import AUDIOBOOK, FORMATS, PROFILES
from tts_tasks.values import Chunk, Samples, Utterance

TEXTS = (
    "Bem-vindo ao curso de programação em Python.",
    "Faça uma pausa, respire fundo e experimente sozinho antes de continuar.",
)


def said_by(voice: str, folder: Path, scale: float = 1.0) -> list[Utterance]:
    engine = EspeakEngine()
    found = []
    for text in TEXTS:
        [waveform] = engine.synthesize([Chunk(text, text, voice, engine.parameters({}))])
        samples = waveform.samples * np.float32(scale)
        take = utterance(folder, samples, waveform.sample_rate, text=text, suffix=".wav")
        found.append(take)
    return found


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("profile", ["course", "podcast", "broadcast"])
@pytest.mark.parametrize(("voice", "scale"), [("pt-br", 0.003), ("pt-br+f2", 1.0)])
def test_real_voices_reach_their_loudness_whatever_their_level(
    voice: str, scale: float, profile: str, format: str, tmp_path: Path
) -> None:
    asked = PROFILES[profile]
    work = spoken(said_by(voice, tmp_path, scale), format)
    mastered = post_process(work, tmp_path / "out", profile=asked)
    loudness_lufs, peak_dbtp = ebur128(mastered.path)
    assert asked.loudness_lufs is not None
    assert loudness_lufs == pytest.approx(asked.loudness_lufs, abs=0.3)
    assert peak_dbtp <= asked.ceiling_dbtp


@pytest.mark.parametrize("format", FORMATS)
def test_mastering_twice_gives_the_same_bytes(format: str, tmp_path: Path) -> None:
    work = spoken([utterance(tmp_path, speech(3))], format)
    one, two = (post_process(work, tmp_path / name) for name in ("one", "two"))
    assert one.path.read_bytes() == two.path.read_bytes()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("duration_s", [0.4, 3.217, 7.3])
def test_the_length_is_that_of_what_was_joined(
    format: str, duration_s: float, tmp_path: Path
) -> None:
    """No encoder's priming, and no padding of more than an MP3 frame at the end."""
    one = utterance(tmp_path, speech(duration_s))
    mastered = post_process(spoken([one], format), tmp_path / "out")
    [(_, end_s)] = mastered.spans
    wanted_s = end_s + 0.3
    surplus_s = FORMATS[format].surplus_samples / mastered.sample_rate
    assert -0.001 < mastered.duration_s - wanted_s < surplus_s + 0.001
    rate, read = decode(mastered.path)
    assert sum(map(len, read)) / rate == mastered.duration_s


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")
def test_a_browser_plays_as_long_as_the_narration_says(tmp_path: Path) -> None:
    one = utterance(tmp_path, speech(3.217))
    with opened("about:blank", tmp_path / "profile") as page:
        for name, audio_format in FORMATS.items():
            mastered = post_process(spoken([one], name), tmp_path / name)
            data = base64.b64encode(mastered.path.read_bytes()).decode()
            source = f"data:{audio_format.media_type};base64,{data}"
            played_s = page.evaluate(
                f"fetch('{source}').then(answer => answer.arrayBuffer())"
                ".then(bytes => new OfflineAudioContext(1, 1, 48000).decodeAudioData(bytes))"
                ".then(audio => audio.duration)"
            )
            assert played_s == pytest.approx(mastered.duration_s, abs=0.001), name


@pytest.mark.parametrize("format", [*FORMATS.values(), AUDIOBOOK], ids=lambda one: one.name)
def test_chapters_do_not_change_the_audio_of_what_has_none(format, tmp_path: Path) -> None:
    """An audiobook is made by the same function, and only its format has chapters."""
    takes = [utterance(tmp_path, speech(2))]
    rate = format.sample_rates_hz[-1] if format.sample_rates_hz else 22_050
    joined = assemble(takes, tmp_path / "x.f32", profile=PROFILES["course"], sample_rate=rate)
    path = tmp_path / f"a{format.extension}"
    measured = level_and_encode(joined, path, format, PROFILES["course"])
    assert measured.duration_s == pytest.approx(joined.duration_s, abs=0.06)
    if format is not AUDIOBOOK:
        return
    chapters = tmp_path / "chapters.txt"
    chapters.write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=900\ntitle=Introdução\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=900\nEND=2000\ntitle=Funções\n"
    )
    with_chapters = tmp_path / "b.m4b"
    again = level_and_encode(joined, with_chapters, format, PROFILES["course"], chapters=chapters)
    assert again.n_samples == measured.n_samples
    check_audio(with_chapters)
    told = said_by_ffmpeg(with_chapters)
    assert told.count("Chapter #") == 2
    assert "Introdução" in told
    assert "Funções" in told


def said_by_ffmpeg(path: Path) -> str:
    command = [find_ffmpeg(), "-hide_banner", "-i", path]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


OTHER_ENCODERS = {
    "average.mp3": ("-abr", "1", "-b:a", "96k"),
    "variable.mp3": ("-q:a", "4"),
    "without-a-count.mp3": ("-b:a", "96k", "-write_xing", "0"),
    "without-a-reservoir.mp3": ("-b:a", "96k", "-reservoir", "0"),
    "tagged-twice.mp3": ("-b:a", "96k", "-metadata", "title=Ação", "-write_id3v1", "1"),
    "moov-behind.m4a": ("-c:a", "aac", "-b:a", "96k"),
    "without-edits.m4a": ("-c:a", "aac", "-use_editlist", "0"),
    "lossless.m4a": ("-c:a", "alac"),
    "telephone.opus": ("-c:a", "libopus", "-application", "voip", "-frame_duration", "60"),
    "24-bit.flac": ("-sample_fmt", "s32"),
    "float.wav": ("-c:a", "pcm_f32le"),
}


@pytest.mark.parametrize(("rate", "n_channels"), [(24_000, 1), (48_000, 2)])
@pytest.mark.parametrize("name", OTHER_ENCODERS)
def test_whole_files_of_ffmpeg_pass(name: str, rate: int, n_channels: int, tmp_path: Path) -> None:
    source = tmp_path / "source.wav"
    soundfile.write(source, np.stack([speech(3, rate)] * n_channels, axis=1), rate)
    command = [find_ffmpeg(), "-loglevel", "error", "-i", source, *OTHER_ENCODERS[name]]
    subprocess.run([*command, tmp_path / name], check=True)
    check_audio(tmp_path / name)


@pytest.mark.parametrize("rate", [24_000, 48_000])
@pytest.mark.parametrize("mode", ["CONSTANT", "AVERAGE", "VARIABLE"])
def test_whole_mp3s_of_libsndfile_pass(mode: str, rate: int, tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, speech(3, rate), rate, bitrate_mode=mode, compression_level=0.5)
    check_audio(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 + 40] ^= 1  # inside a frame
    path.write_bytes(data)
    with pytest.raises(MasteringError, match="checksum"):
        check_audio(path)


def an_mp3(path: Path, samples: Samples) -> bytes:
    encode([samples], 22_050, path, FORMATS["mp3"], bit_rate_kbps=80)
    return path.read_bytes()


def test_an_mp3_may_have_tags_of_every_kind(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    audio = an_mp3(path, speech(3))
    tags = ID3()
    tags.add(TIT2(3, "Ação"))
    tags.add(APIC(3, "image/png", 3, "", b"\x89PNG" + b"\xff\xfb\x90" * 5_000))
    tags.save(path, v1=2)
    check_audio(path)
    with_tags = path.read_bytes()
    size = with_tags.index(audio)
    header = bytearray(with_tags[:10])
    header[5] |= 0x10  # a footer follows
    path.write_bytes(header + with_tags[10:size] + b"3DI" + header[3:] + audio)
    check_audio(path)
    path.write_bytes(audio)
    ape = APEv2()
    ape["Title"] = "Ação"
    ape.save(path)
    check_audio(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MasteringError):
        check_audio(path)
