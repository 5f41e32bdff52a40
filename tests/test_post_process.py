from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.support.audio import RATE, ebur128, speech, spoken, utterance
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.errors import CancelledError, EngineOutputError, MasteringError, UnknownFormatError
from tts_tasks.mastering import encode as encode_module
from tts_tasks.mastering.integrity import check_audio
from tts_tasks.mastering.post_process import post_process
from tts_tasks.mastering.profile import FORMATS, PROFILES
from tts_tasks.values import Chunk, Mastered, Quality, Samples, Utterance, Word


def clipped() -> Samples:
    return np.clip(speech(12) * 8, -1, 1)


def peaky() -> Samples:
    voice = speech(12) * np.float32(0.1)
    voice[8_000::15_000] = 1.0
    return voice


def bright() -> Samples:
    """Fricatives up to the top of the band: the most peaks between samples."""
    rng = np.random.default_rng(3)
    return speech(12) + (rng.standard_normal(12 * RATE) * 0.2).astype(np.float32)


VOICES: dict[str, Callable[[], Samples]] = {
    "plain": lambda: speech(12),
    "quiet": lambda: speech(12) * np.float32(0.005),
    "loud": lambda: speech(12) * np.float32(2),
    "clipped": clipped,
    "peaky": peaky,
    "bright": bright,
    "bright and peaky": lambda: np.where(peaky() == 1, peaky(), bright() * np.float32(0.2)),
    "high": lambda: speech(12, pitch_hz=230),
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("voice", VOICES)
def test_encoded_file_has_its_loudness_and_stays_under_its_ceiling(
    voice: str, format: str, tmp_path: Path
) -> None:
    one = utterance(tmp_path, np.clip(VOICES[voice](), -1, 1))
    mastered = post_process(spoken([one, one], format), tmp_path / "out")
    loudness_lufs, peak_dbtp = ebur128(mastered.path)
    assert loudness_lufs == pytest.approx(-16, abs=0.3)
    assert peak_dbtp <= -1.5
    assert mastered.loudness_lufs == pytest.approx(loudness_lufs, abs=0.1)
    if peak_dbtp > -3:  # Two meters agree less on the noise of a signal far below its ceiling.
        assert mastered.true_peak_dbtp == pytest.approx(peak_dbtp, abs=0.15)
    check_audio(mastered.path)


def test_speech_is_encoded_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="tts_tasks.mastering.post_process")
    post_process(spoken([utterance(tmp_path, speech(12))]), tmp_path / "out")
    assert sum("encode " in message for message in caplog.messages) == 1


def test_an_encoder_that_behaves_unlike_lame_is_corrected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = replace(FORMATS["wav"], encoder_gain_db=-0.8, peak_margin_db=0.0)
    monkeypatch.setattr("tts_tasks.mastering.post_process.find_format", lambda name: straight)
    one = utterance(tmp_path, clipped())
    mastered = post_process(spoken([one], "wav"), tmp_path / "out")
    assert mastered.loudness_lufs == pytest.approx(-16, abs=0.15)
    assert mastered.true_peak_dbtp <= -1.5


def test_a_second_run_gives_the_same_bytes(tmp_path: Path) -> None:
    utterances = [utterance(tmp_path, speech(2, seed=seed)) for seed in range(3)]
    one = post_process(spoken(utterances), tmp_path / "one")
    two = post_process(spoken(utterances), tmp_path / "two")
    assert one.path.read_bytes() == two.path.read_bytes()
    assert replace(one, path=two.path) == two


def test_nothing_but_the_audio_is_left(tmp_path: Path) -> None:
    mastered = post_process(spoken([utterance(tmp_path, speech(1))]), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == [mastered.path]
    assert mastered.duration_s == pytest.approx(1.3, abs=0.1)
    assert len(mastered.spans) == 1


@pytest.mark.parametrize("n_samples", [2, 200, 2_000, 8_000])
def test_a_very_short_narration_is_mastered(n_samples: int, tmp_path: Path) -> None:
    one = utterance(tmp_path, speech(1)[3_000 : 3_000 + n_samples])
    mastered = post_process(spoken([one]), tmp_path / "out")
    assert mastered.true_peak_dbtp <= -1.5
    check_audio(mastered.path)


def test_a_finished_narration_is_returned_as_it_is(tmp_path: Path) -> None:
    finished = Mastered(tmp_path / "x.mp3", "mp3", 1.0, RATE, -16.0, -2.0, ((0.0, 1.0),))
    work = spoken([])
    work = replace(work, plan=replace(work.plan, finished=finished))
    assert post_process(work, tmp_path / "out") is finished
    assert not (tmp_path / "out").exists()


def test_cancelling_anywhere_leaves_nothing(tmp_path: Path) -> None:
    utterances = [utterance(tmp_path, speech(2, seed=seed)) for seed in range(3)]
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    post_process(spoken(utterances), tmp_path / "whole", checkpoint=count)
    for cancel_at in range(1, calls + 1):
        left = cancel_at

        def checkpoint() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise CancelledError("cancelled")

        with pytest.raises(CancelledError):
            post_process(spoken(utterances), tmp_path / "out", checkpoint=checkpoint)
        assert list((tmp_path / "out").iterdir()) == []


def test_failing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = utterance(tmp_path, np.zeros(RATE, np.float32))
    with pytest.raises(EngineOutputError):
        post_process(spoken([silent]), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    monkeypatch.setattr(encode_module, "find_ffmpeg", lambda: tmp_path / "nothing")
    with pytest.raises(MasteringError):
        post_process(spoken([utterance(tmp_path, speech(1))]), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormatError):
        post_process(spoken([utterance(tmp_path, speech(1))], "ogg"), tmp_path / "out")


SAID = (
    "Bem-vindo ao curso de programação em Python.",
    "O preço é de mil duzentos e trinta e quatro reais, e o prazo termina na sexta-feira.",
    "Faça uma pausa, respire fundo e experimente sozinho antes de continuar.",
)


def said_by(voice: str, folder: Path, rate: int = RATE) -> list[Utterance]:
    engine = EspeakEngine()
    found = []
    for text in SAID:
        [waveform] = engine.synthesize([Chunk(text, text, voice, engine.parameters({}))])
        samples = soxr.resample(waveform.samples, waveform.sample_rate, rate).clip(-1, 1)
        found.append(utterance(folder, samples, rate, pause_s=0.35, text=text))
    return found


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    ("voice", "rate"),
    [("pt-br+whisper", 22_050), ("pt-br+klatt4", 24_000), ("pt-br+Andrea", 22_050)],
)
def test_every_profile_is_kept_in_every_format(
    voice: str, rate: int, profile: str, format: str, tmp_path: Path
) -> None:
    """A soft voice, one that clips, and one that peaks at full scale."""
    asked = PROFILES[profile]
    mastered = post_process(
        spoken(said_by(voice, tmp_path, rate), format), tmp_path / "out", profile=asked
    )
    loudness_lufs, peak_dbtp = ebur128(mastered.path)
    if asked.loudness_lufs is not None:
        assert loudness_lufs == pytest.approx(asked.loudness_lufs, abs=0.3)
    assert peak_dbtp <= asked.ceiling_dbtp
    if asked.sample_rate_hz and format != "opus":
        assert mastered.sample_rate == asked.sample_rate_hz
    check_audio(mastered.path)


def test_without_a_target_the_level_stays_as_it_was(tmp_path: Path) -> None:
    voice = speech(12) * np.float32(0.2)
    one = utterance(tmp_path, voice)
    mastered = post_process(spoken([one], "wav"), tmp_path / "out", profile=PROFILES["none"])
    before_lufs, _ = ebur128(one.path)
    assert mastered.loudness_lufs == pytest.approx(before_lufs, abs=0.1)


def test_the_script_names_the_profile(tmp_path: Path) -> None:
    work = spoken([utterance(tmp_path, speech(12))])
    plan = replace(work.plan, script=replace(work.plan.script, profile="broadcast"))
    mastered = post_process(replace(work, plan=plan), tmp_path / "out")
    assert mastered.loudness_lufs == pytest.approx(-23, abs=0.15)


def test_words_and_flags_come_along(tmp_path: Path) -> None:
    silence = np.zeros(RATE, np.float32)
    samples = np.concatenate((silence, speech(2), silence))
    words = (Word(0, 3, 1.0, 2.0), Word(4, 9, 2.0, 4.0))
    bad = Quality(("too_short",), badness=1.0)
    one = replace(utterance(tmp_path, samples), words=words)
    one = replace(one, chunk=replace(one.chunk, key="a" * 64))
    other = replace(one, quality=bad, chunk=replace(one.chunk, key="b" * 64))
    mastered = post_process(spoken([one, other, other]), tmp_path / "out")
    assert mastered.flagged == ("b" * 64,)
    for (start_s, end_s), [first, second] in zip(mastered.spans, mastered.words, strict=True):
        assert first.start_s == pytest.approx(start_s + 0.025, abs=0.011)
        assert second.end_s == pytest.approx(end_s), "the silence after it was cut off"
        assert (first.end_s, second.start_s) == (second.start_s, first.end_s)


def test_another_profile_is_followed(tmp_path: Path) -> None:
    broadcast = replace(PROFILES["course"], loudness_lufs=-23.0, ceiling_dbtp=-3.0)
    one = utterance(tmp_path, speech(12))
    mastered = post_process(spoken([one]), tmp_path / "out", profile=broadcast)
    assert mastered.loudness_lufs == pytest.approx(-23, abs=0.15)
    assert mastered.true_peak_dbtp <= -3
