from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.support.audio import blocks, speech
from tts_tasks.mastering import limiter
from tts_tasks.mastering.limiter import apply_gain, gain_curve
from tts_tasks.mastering.loudness import CELL_SAMPLES, measure
from tts_tasks.values import Samples

SETTINGS = {"sample_rate": 24_000, "gain_db": 6.0, "ceiling_dbtp": -1.5, "hold_ms": 12.5}


@pytest.mark.parametrize("block_cells", [1, 7, 64, 999, 5_000])
def test_the_curve_is_the_same_however_it_is_cut(
    block_cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks = np.random.default_rng(2).uniform(0, 1.2, 3_001).astype(np.float32)
    whole = gain_curve(peaks, **SETTINGS)
    monkeypatch.setattr(limiter, "BLOCK_CELLS", block_cells)
    assert gain_curve(peaks, **SETTINGS) == pytest.approx(whole, abs=1e-6)


@given(
    peaks=arrays(np.float32, st.integers(1, 300), elements=st.floats(0, 4, width=32)),
    gain_db=st.floats(-20, 40),
)
@settings(max_examples=60, deadline=None)
def test_no_cell_gets_more_than_its_peak_and_the_target_allow(
    peaks: Samples, gain_db: float
) -> None:
    gains = gain_curve(peaks, **{**SETTINGS, "gain_db": gain_db})
    assert (gains * peaks).max() <= 10 ** (-1.5 / 20) * 1.0001
    assert gains.max() <= 10 ** (gain_db / 20) * 1.0001


def test_the_gain_is_down_before_a_peak_and_comes_back_after_it() -> None:
    peaks = np.full(400, 0.1, np.float32)
    peaks[200] = 2.0
    gains = gain_curve(peaks, **SETTINGS)
    lowest = np.flatnonzero(gains == gains.min())
    assert lowest.min() < 200 < lowest.max()
    assert gains[:150] == pytest.approx(10 ** (6 / 20))
    assert gains[250:] == pytest.approx(10 ** (6 / 20))
    assert np.all(np.diff(gains[:200]) <= 1e-6)
    assert np.all(np.diff(gains[201:]) >= -1e-6)


@pytest.mark.parametrize("position", [0, 31, 32, 4_000, 23_998, 23_999])
def test_a_peak_anywhere_stays_under_the_ceiling(position: int) -> None:
    voice = speech(1, 24_000) * np.float32(0.2)
    voice[position] = -1.0
    peaks = measure(blocks(voice), 24_000).cell_peaks
    assert len(peaks) == -(-len(voice) // CELL_SAMPLES)
    limited = list(apply_gain(blocks(voice), gain_curve(peaks, **SETTINGS)))
    assert measure(limited, 24_000).true_peak_dbtp <= -1.49


def test_nothing_is_limited_without_need() -> None:
    voice = speech(1, 24_000) * np.float32(0.1)
    peaks = measure(blocks(voice), 24_000).cell_peaks
    limited = np.concatenate(list(apply_gain(blocks(voice), gain_curve(peaks, **SETTINGS))))
    assert limited == pytest.approx(voice * 10 ** (6 / 20), rel=1e-5)
