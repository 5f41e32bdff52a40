from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.audio import RATE, speech, utterance
from tts_tasks.engines.espeak import RECOMMENDED_VOICES, EspeakEngine
from tts_tasks.errors import CatalogError, EngineOutputError, MasteringError
from tts_tasks.mastering.assemble import Assembled, assemble, fade, speech_bounds
from tts_tasks.mastering.profile import PROFILES, MasteringProfile
from tts_tasks.values import Chunk, Samples, Utterance

COURSE = PROFILES["course"]


def joined(assembled: Assembled) -> Samples:
    return np.concatenate(list(assembled.blocks())) * np.float32(assembled.peak)


def trim(samples: Samples, rate: int, profile: MasteringProfile) -> Samples:
    start, end = speech_bounds(samples, rate, profile)
    return samples[start:end]


def with_silence(samples: Samples, before_s: float = 0.5, after_s: float = 0.5) -> Samples:
    edges = [np.zeros(round(seconds * RATE), np.float32) for seconds in (before_s, after_s)]
    return np.concatenate((edges[0], samples, edges[1]))


def clicks(samples: Samples, at: list[int]) -> list[int]:
    """Return the positions where one step is far larger than the steps around it."""
    steps = np.abs(np.diff(samples, prepend=0.0))
    found = []
    for position in at:
        here = steps[max(0, position - 2) : position + 3].max()
        before, after = (
            steps[max(0, position - 60) : max(0, position - 3)],
            steps[position + 4 :][:60],
        )
        around = max(before.max(initial=0), after.max(initial=0))
        if here > 0.005 and here > 4 * around:
            found.append(position)
    return found


def test_silence_around_speech_is_trimmed_and_margins_are_kept() -> None:
    voice = speech(2)
    trimmed = trim(with_silence(voice), RATE, COURSE)
    margins_s = (COURSE.trim_lead_ms + COURSE.trim_tail_ms) / 1000
    assert 2.0 <= len(trimmed) / RATE <= 2.0 + margins_s + 0.02


@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_soft_final_consonant_is_kept_at_any_level(scale: float) -> None:
    rng = np.random.default_rng(1)
    fricative = (rng.standard_normal(round(0.15 * RATE)) * 0.002).astype(np.float32)  # -37 dB
    voice = np.concatenate((speech(1), fricative))
    trimmed = trim(with_silence(voice) * np.float32(scale), RATE, COURSE)
    assert len(trimmed) >= len(voice)


def test_fade_starts_and_ends_at_zero_and_leaves_the_middle() -> None:
    faded = fade(np.ones(RATE, np.float32), RATE, COURSE)
    assert faded[0] == faded[-1] == 0
    assert np.all(faded[200:-300] == 1)


def test_the_author_may_ask_for_silence_at_both_ends(tmp_path: Path) -> None:
    spoken = utterance(tmp_path, with_silence(speech(1, seed=1)), pause_s=2.0)
    asked = replace(spoken, chunk=replace(spoken.chunk, lead_s=1.5))
    assembled = assemble([asked], tmp_path / "joined.f32", profile=COURSE)
    [(start_s, end_s)] = assembled.spans
    assert start_s == pytest.approx(1.5, abs=0.001)
    assert assembled.duration_s - end_s == pytest.approx(2.0, abs=0.001)
    samples = joined(assembled)
    assert not samples[: int(1.4 * RATE)].any()


def test_spans_and_pauses_follow_the_chunks(tmp_path: Path) -> None:
    utterances = [
        utterance(tmp_path, with_silence(speech(1, seed=1)), pause_s=0.4),
        utterance(tmp_path, with_silence(speech(2, seed=2)), pause_s=0.0),
    ]
    assembled = assemble(utterances, tmp_path / "joined.f32", profile=COURSE)
    (start_1, end_1), (start_2, end_2) = assembled.spans
    assert start_1 == 0
    assert start_2 - end_1 == pytest.approx(0.4, abs=0.001)
    assert assembled.duration_s - end_2 == pytest.approx(0.3, abs=0.001)
    samples = joined(assembled)
    assert len(samples) == assembled.n_samples
    assert not samples[round(end_1 * RATE) : round(start_2 * RATE)].any()


def test_joins_do_not_click_and_a_hard_cut_does(tmp_path: Path) -> None:
    # Vowels that begin and end at full amplitude, without a pause between them: the worst case.
    vowel = (0.5 * np.cos(2 * np.pi * 150 * np.arange(RATE) / RATE)).astype(np.float32)
    utterances = [utterance(tmp_path, vowel * sign, pause_s=0.0) for sign in (1, -1, 1)]
    assembled = assemble(utterances, tmp_path / "joined.f32", profile=COURSE)
    joins = [round(edge * RATE) for span in assembled.spans for edge in span]
    assert clicks(joined(assembled), joins) == []
    hard = np.concatenate([vowel, -vowel])
    assert clicks(hard, [0, RATE]) == [0, RATE]


def said_by(voice: str, texts: tuple[str, ...], folder: Path) -> list[Utterance]:
    engine = EspeakEngine()
    found = []
    for text in texts:
        [waveform] = engine.synthesize([Chunk(text, text, voice, engine.parameters({}))])
        one = utterance(folder, waveform.samples, waveform.sample_rate, pause_s=0.0, text=text)
        found.append(one)
    return found


@pytest.mark.parametrize("voice", [*RECOMMENDED_VOICES, "pt-br+whisper", "pt-br+klatt4"])
def test_no_voice_clicks_where_its_takes_are_joined(voice: str, tmp_path: Path) -> None:
    """Takes that begin with a vowel: eSpeak NG starts them at full amplitude."""
    texts = ("O chefe fez o tórax.", "É o duplex da Alice.", "Um golfe.", "Ela faz sofás fofos.")
    takes = said_by(voice, texts, tmp_path)
    assembled = assemble(takes, tmp_path / "joined.f32", profile=COURSE)
    joins = [round(edge * RATE) for span in assembled.spans for edge in span]
    assert clicks(joined(assembled), joins) == []


@pytest.mark.parametrize("offset", [0.05, -0.2])
def test_a_constant_offset_neither_thumps_nor_hides_the_silence(
    offset: float, tmp_path: Path
) -> None:
    voice = with_silence(speech(1)) * np.float32(0.5)
    takes = [
        utterance(tmp_path, samples + np.float32(shift), pause_s=0.3)
        for samples in (voice, with_silence(speech(1, seed=4)) * np.float32(0.5))
        for shift in (0.0, offset)
    ]
    assembled = assemble(takes, tmp_path / "joined.f32", profile=COURSE)
    lengths = [end - start for start, end in assembled.spans]
    assert lengths[1::2] == pytest.approx(lengths[::2], abs=0.021), "trimmed as without it"
    samples = joined(assembled)
    for (start_1, _), (start_2, _) in zip(assembled.spans[::2], assembled.spans[1::2], strict=True):
        n = round(0.9 * RATE)
        plain, shifted = (
            samples[round(start * RATE) + 1_000 :][:n] for start in (start_1, start_2)
        )
        lags = range(-500, 501)
        error = min(np.abs(plain[500:-500] - np.roll(shifted, lag)[500:-500]).max() for lag in lags)
        assert error < 0.01


def test_an_offset_alone_is_no_voice(tmp_path: Path) -> None:
    one = utterance(tmp_path, np.full(RATE, 0.3, np.float32))
    with pytest.raises(EngineOutputError, match="offset"):
        assemble([one], tmp_path / "x", profile=COURSE)


@pytest.mark.parametrize("voice", [*RECOMMENDED_VOICES, "pt-br+whisper"])
@pytest.mark.parametrize("word", ["Seis.", "Puf.", "Tórax.", "Faz.", "Chefe.", "Fofos."])
def test_soft_consonants_of_real_voices_are_kept(word: str, voice: str, tmp_path: Path) -> None:
    [take] = said_by(voice, (word,), tmp_path)
    samples, _ = soundfile.read(take.path, dtype="float32")
    start, end = speech_bounds(with_silence(samples), RATE, COURSE)
    before = round(0.5 * RATE)
    lost = np.concatenate((samples[: max(0, start - before)], samples[max(0, end - before) :]))
    assert np.abs(lost).max(initial=0.0) < 0.003 * np.abs(samples).max()  # 50 dB below


@pytest.mark.parametrize("rates", [(24_000, RATE), (RATE, 24_000), (16_000, 48_000)])
def test_other_sample_rates_are_resampled_to_the_highest(rates, tmp_path: Path) -> None:
    utterances = [utterance(tmp_path, speech(1, rate), rate, pause_s=0.2) for rate in rates]
    assembled = assemble(utterances, tmp_path / "joined.f32", profile=COURSE)
    assert assembled.sample_rate == max(rates)
    lengths = [end - start for start, end in assembled.spans]
    assert lengths == pytest.approx([1.0, 1.0], abs=0.03)


def test_stereo_is_mixed_to_mono(tmp_path: Path) -> None:
    voice = speech(1)
    both = np.stack((voice * np.float32(0.5), voice), axis=1)
    stereo = assemble([utterance(tmp_path, both)], tmp_path / "stereo.f32", profile=COURSE)
    mono = assemble([utterance(tmp_path, voice)], tmp_path / "mono.f32", profile=COURSE)
    assert stereo.spans == mono.spans
    assert joined(stereo) == pytest.approx(joined(mono) * 0.75, abs=1e-4)


@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        (np.zeros(0, np.float32), "empty"),
        (np.zeros(RATE, np.float32), "silence"),
        (np.full(RATE, np.nan, np.float32), "not numbers"),
        (np.full(RATE, np.inf, np.float32), "not numbers"),
    ],
    ids=["empty", "silent", "nan", "infinite"],
)
def test_unusable_audio_names_the_text(samples: Samples, problem: str, tmp_path: Path) -> None:
    good = utterance(tmp_path, speech(1))
    bad = utterance(tmp_path, samples, suffix=".wav", text="A frase que falhou.")
    with pytest.raises(EngineOutputError, match=r"A frase que falhou\.") as caught:
        assemble([good, bad], tmp_path / "joined.f32", profile=COURSE)
    assert problem in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"<!DOCTYPE html>"])
def test_unreadable_object_is_an_error_that_names_it(content: bytes | None, tmp_path: Path) -> None:
    one = utterance(tmp_path, speech(1))
    one.path.unlink()
    if content is not None:
        one.path.write_bytes(content)
    with pytest.raises(MasteringError, match="Uma frase"):
        assemble([one], tmp_path / "joined.f32", profile=COURSE)


def test_scratch_that_cannot_be_written_is_a_catalog_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogError):
        assemble([utterance(tmp_path, speech(1))], tmp_path / "no" / "x", profile=COURSE)


def test_full_disk_is_storage_full(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(CatalogError) as caught:
        assemble([utterance(tmp_path, speech(1))], full, profile=COURSE)
    assert caught.value.code == "storage_full"


@pytest.mark.parametrize("n_samples", [2, 3, 50, 400])
def test_very_short_audio_is_assembled(n_samples: int, tmp_path: Path) -> None:
    one = utterance(tmp_path, speech(1)[2_000 : 2_000 + n_samples])
    assert assemble([one], tmp_path / "x", profile=COURSE).n_samples >= n_samples


MEMORY = """
import resource, sys
from pathlib import Path
from tests.support.audio import speech, utterance, spoken
from tts_tasks.mastering.post_process import post_process
folder = Path(sys.argv[1])
one = utterance(folder, speech(20), pause_s=0.5)
post_process(spoken([one]), folder / "warm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
mastered = post_process(spoken([one] * 90), folder / "long")
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sys.stdout.write(f"{mastered.duration_s} {(after - before) / 1024}")
"""


def test_half_an_hour_needs_hardly_more_memory_than_20_seconds(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MEMORY, str(tmp_path)]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    duration_s, grown_mib = map(float, report.split())
    assert duration_s > 1_700
    assert grown_mib < 60  # the waveform alone has 150
