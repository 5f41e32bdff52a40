from __future__ import annotations

import math

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.audio import blocks, ebur128, sine, speech
from tts_tasks.mastering.limiter import apply_gain, find_gain, gain_curve
from tts_tasks.mastering.loudness import CELL_SAMPLES, k_weighting, measure
from tts_tasks.values import Samples

# Mono counts as one channel here and in ffmpeg: EBU Tech 3341 gives its cases for stereo, where
# the same sine in both channels reads 3.01 LU more.
MONO_LU = -10 * math.log10(2)


def loudness_of(samples: Samples, sample_rate: int = 48_000) -> float:
    return measure(blocks(samples), sample_rate).loudness_lufs


def test_k_weighting_at_48_khz_is_the_table_of_the_recommendation() -> None:
    shelf, high_pass = k_weighting(48_000)
    table_1 = [1.53512485958697, -2.69169618940638, 1.19839281085285]
    table_1 += [1.0, -1.69065929318241, 0.73248077421585]
    table_2 = [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]
    assert shelf == pytest.approx(table_1, abs=1e-7)
    assert high_pass == pytest.approx(table_2, abs=1e-7)


@pytest.mark.parametrize("sample_rate", [16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("level_dbfs", [-23.0, -33.0])
def test_tech_3341_cases_1_and_2_sine_reads_its_level(level_dbfs: float, sample_rate: int) -> None:
    reading = loudness_of(sine(level_dbfs, 20, sample_rate), sample_rate)
    assert reading == pytest.approx(level_dbfs + MONO_LU, abs=0.1)


@pytest.mark.parametrize(
    "steps",
    [
        [(-36, 10), (-23, 60), (-36, 10)],
        [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)],
        [(-26, 20), (-20, 20.1), (-26, 20)],
    ],
    ids=["case 3", "case 4", "case 5"],
)
def test_tech_3341_gating_cases_read_minus_23(steps: list[tuple[float, float]]) -> None:
    signal = np.concatenate([sine(level, duration) for level, duration in steps])
    assert loudness_of(signal) == pytest.approx(-23 + MONO_LU, abs=0.1)


def test_tech_3341_case_6_channel_by_channel() -> None:
    """Five channels at once are beyond a mono meter; their powers are added as BS.1770 does.

    Cases 7 and 8 are recorded programmes, and 9 to 14 ask for momentary and short-term loudness,
    which nothing here needs.
    """
    levels_dbfs = {"L": -28, "R": -28, "C": -24, "Ls": -30, "Rs": -30}
    power = sum(
        (1.41 if name in ("Ls", "Rs") else 1.0) * 10 ** (loudness_of(sine(level, 20)) / 10)
        for name, level in levels_dbfs.items()
    )
    assert 10 * math.log10(power) == pytest.approx(-23.0, abs=0.1)


def tapered(tone: np.ndarray, sample_rate: int) -> np.ndarray:
    n = np.arange(len(tone))
    return tone * np.minimum(1, np.minimum(n, n[::-1]) / (0.01 * sample_rate))


@pytest.mark.parametrize("sample_rate", [22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("case", [15, 16, 17, 18, 19])
def test_tech_3341_true_peaks_between_samples(case: int, sample_rate: int) -> None:
    divisor, amplitude, phase_deg, expected_dbtp = {
        15: (4, 0.50, 0.0, -6.0),
        16: (4, 0.50, 45.0, -6.0),
        17: (6, 0.50, 60.0, -6.0),
        18: (8, 0.50, 67.5, -6.0),
        19: (4, 1.41, 45.0, 3.0),
    }[case]
    n = np.arange(sample_rate)
    tone = amplitude * np.sin(2 * np.pi * n / divisor + np.radians(phase_deg))
    signal = tapered(tone, sample_rate).astype(np.float32)
    reading = measure(blocks(signal), sample_rate).true_peak_dbtp
    assert expected_dbtp - 0.4 <= reading <= expected_dbtp + 0.2


@pytest.mark.parametrize("sample_rate", [22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("case", [20, 21, 22, 23])
def test_tech_3341_true_peak_of_one_period(case: int, sample_rate: int) -> None:
    """One period at a quarter of the rate inside a tone at a sixth, made at four times the rate."""
    dense_rate = 4 * sample_rate
    n = np.arange(dense_rate // 2)
    tone = 0.5 * np.sin(2 * np.pi * n / 24)
    start = len(n) // 48 * 24  # a zero of the tone, rising, where a period can be put in
    period = np.sin(2 * np.pi * np.arange(16) / 16)
    dense = np.concatenate((tone[:start], period, tone[start:]))
    cut = tapered(dense, dense_rate)[case - 20 :]
    signal = soxr.resample(cut, dense_rate, sample_rate, "VHQ").astype(np.float32)
    reading = measure(blocks(signal), sample_rate).true_peak_dbtp
    assert -0.4 <= reading <= 0.2
    if case == 22:
        assert 20 * math.log10(np.abs(signal).max()) < -2, "no sample is near the peak"


@pytest.mark.parametrize("change_db", [-1.0, 1.0])
def test_one_decibel_is_one_loudness_unit(change_db: float) -> None:
    voice = speech(10)
    louder = voice * np.float32(10 ** (change_db / 20))
    assert loudness_of(louder, 22_050) - loudness_of(voice, 22_050) == pytest.approx(change_db)


@pytest.mark.parametrize("sample_rate", [16_000, 22_050, 24_000, 48_000])
def test_readings_agree_with_ffmpeg(sample_rate: int, tmp_path) -> None:
    voice = speech(12, sample_rate)
    soundfile.write(tmp_path / "voice.wav", voice, sample_rate, subtype="FLOAT")
    loudness_lufs, peak_dbtp = ebur128(tmp_path / "voice.wav")
    own = measure(blocks(voice), sample_rate)
    assert own.loudness_lufs == pytest.approx(loudness_lufs, abs=0.1)
    assert own.true_peak_dbtp == pytest.approx(peak_dbtp, abs=0.1)


@given(size=st.integers(1, 40_000))
@settings(max_examples=15, deadline=None)
def test_block_size_changes_nothing(size: int) -> None:
    voice = speech(1)
    whole, parts = measure([voice], 22_050), measure(blocks(voice, size), 22_050)
    assert parts.loudness_lufs == pytest.approx(whole.loudness_lufs, abs=1e-6)
    assert parts.cell_peaks == pytest.approx(whole.cell_peaks, abs=1e-4)
    assert len(whole.cell_peaks) == math.ceil(len(voice) / CELL_SAMPLES)


@pytest.mark.parametrize("n_samples", [1, 100, 2_205, 8_000])
def test_audio_shorter_than_a_gating_block_has_a_loudness(n_samples: int) -> None:
    short = speech(1)[2_000 : 2_000 + n_samples]
    assert -60 < loudness_of(short, 22_050) < 0


def test_silence_and_nothing_have_none() -> None:
    assert loudness_of(np.zeros(48_000, np.float32)) == -math.inf
    assert measure([], 48_000).loudness_lufs == -math.inf
    assert measure([], 48_000).true_peak_dbtp == -math.inf


def peaky_voice() -> Samples:
    voice = speech(8)
    voice[5_000::20_000] = 0.99
    return voice


@pytest.mark.parametrize("scale", [0.05, 1.0, 3.0])
@pytest.mark.parametrize("make", [lambda: speech(8), peaky_voice], ids=["plain", "peaky"])
def test_limited_signal_reaches_its_loudness_under_the_ceiling(make, scale: float) -> None:
    voice = make() * np.float32(scale)
    measured = measure(blocks(voice), 22_050)
    gains = find_gain(
        lambda: blocks(voice),
        22_050,
        measured,
        loudness_lufs=-16.0,
        ceiling_dbtp=-1.5,
        hold_ms=12.5,
    )
    limited = measure(apply_gain(blocks(voice), gains), 22_050)
    assert limited.loudness_lufs == pytest.approx(-16, abs=0.06)
    assert limited.true_peak_dbtp <= -1.49


def test_bare_clicks_stay_soft_rather_than_be_ruined() -> None:
    clicks = np.zeros(220_500, np.float32)
    clicks[::22_050] = 0.9
    measured = measure(blocks(clicks), 22_050)
    settings = {"loudness_lufs": -16.0, "ceiling_dbtp": -1.5, "hold_ms": 12.5}
    gains = find_gain(lambda: blocks(clicks), 22_050, measured, **settings)
    limited = measure(apply_gain(blocks(clicks), gains), 22_050)
    assert limited.true_peak_dbtp <= -1.49
    assert limited.loudness_lufs < -16


def test_samples_far_from_any_peak_pass_untouched() -> None:
    voice = sine(-20, 2, 22_050, hz=200)
    voice[22_050] = 0.95
    peaks = measure(blocks(voice), 22_050).cell_peaks
    gains = gain_curve(peaks, 22_050, gain_db=0, ceiling_dbtp=-6, hold_ms=12.5)
    limited = np.concatenate(list(apply_gain(blocks(voice), gains)))
    near = round(0.04 * 22_050)
    assert np.array_equal(limited[: 22_050 - near], voice[: 22_050 - near])
    assert np.array_equal(limited[22_050 + near :], voice[22_050 + near :])
    assert np.abs(limited).max() < 0.51


@given(size=st.integers(50, 30_000))
@settings(max_examples=15, deadline=None)
def test_gain_curve_is_applied_alike_in_blocks_of_any_size(size: int) -> None:
    voice = peaky_voice()[:40_000]
    peaks = measure(blocks(voice), 22_050).cell_peaks
    gains = gain_curve(peaks, 22_050, gain_db=6, ceiling_dbtp=-6, hold_ms=12.5)
    whole = np.concatenate(list(apply_gain([voice], gains)))
    assert np.concatenate(list(apply_gain(blocks(voice, size), gains))) == pytest.approx(whole)
