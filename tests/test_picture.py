"""The picture of audio: every sample counts, whatever the length, and nothing else."""

import re

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tests.support.audio import RATE, blocks, speech
from tts_tasks.errors import MasteringError
from tts_tasks.mastering.encode import encode
from tts_tasks.mastering.picture import MAX_CELLS, measure_envelope, outline, read_envelope
from tts_tasks.mastering.profile import find_format


def points_of(path):
    """Return the points of an outline as rows of x and y."""
    assert re.fullmatch(r"M[-\d., e]+Z", path), path
    return np.array([[float(n) for n in point.split(",")] for point in path[1:-1].split()])


@given(
    n_samples=st.integers(1, 4 * MAX_CELLS),
    n_block=st.integers(50, 70_000),
    columns=st.integers(1, 900),
    seed=st.integers(0, 9),
)
def test_the_columns_hold_the_extremes_of_the_audio(n_samples, n_block, columns, seed):
    samples = np.random.default_rng(seed).uniform(-1, 1, n_samples).astype(np.float32)
    envelope = measure_envelope(blocks(samples, n_block), 1000, columns)
    assert len(envelope.lowest) == len(envelope.highest) == min(columns, n_samples)
    assert envelope.lowest.min() == samples.min()
    assert envelope.highest.max() == samples.max()
    assert envelope.duration_s == n_samples / 1000
    assert envelope.peak == np.abs(samples).max()


@given(place=st.floats(0, 0.999), n_samples=st.integers(100, 5 * MAX_CELLS))
def test_a_click_is_drawn_where_it_is_heard(place, n_samples):
    samples = np.zeros(n_samples, np.float32)
    samples[int(place * n_samples)] = 0.9
    envelope = measure_envelope(blocks(samples, 7_000), RATE, 100)
    [column] = np.flatnonzero(envelope.highest > 0.5)
    assert abs(column - place * 100) <= 1.1


def test_a_short_file_is_drawn_sample_by_sample():
    samples = np.array([0.1, -0.2, 0.3], np.float32)
    envelope = measure_envelope([samples], 1000)
    assert envelope.lowest.tolist() == envelope.highest.tolist() == samples.tolist()


def test_no_audio_has_no_picture():
    envelope = measure_envelope([], RATE)
    assert (envelope.duration_s, envelope.peak) == (0.0, 0.0)
    assert outline(envelope, width=800, height=100) == ""


@pytest.mark.parametrize("name", ["mp3", "m4a", "opus", "flac", "wav"])
def test_every_published_format_has_a_picture(tmp_path, name):
    samples = speech(3.0) * 0.5
    samples[RATE : 2 * RATE] = 0
    path = tmp_path / f"aula.{name}"
    encode([samples], RATE, path, find_format(name), bit_rate_kbps=80)
    envelope = read_envelope(path, 300)
    assert envelope.duration_s == pytest.approx(3.0, abs=0.06)
    loud = envelope.highest - envelope.lowest
    assert loud[5:95].mean() > 0.1
    assert loud[110:190].max() < 0.02


def test_the_outline_is_closed_and_stays_inside():
    envelope = measure_envelope([speech(2.0)], RATE, 200)
    points = points_of(outline(envelope, width=800, height=100))
    assert len(points) == 400
    assert points.min() >= 0
    assert points[:, 0].max() <= 800
    assert points[:, 1].max() <= 100
    top, bottom = points[:200], points[200:][::-1]
    assert (top[:, 0] == bottom[:, 0]).all()
    assert (top[:, 1] < bottom[:, 1]).all()


def test_silence_is_a_line():
    envelope = measure_envelope([np.zeros(RATE, np.float32)], RATE, 50)
    points = points_of(outline(envelope, width=100, height=20, full_scale=0.0))
    assert set(points[:, 1]) == {9.5, 10.5}


def test_pictures_that_share_a_scale_can_be_compared():
    quiet = measure_envelope([speech(1.0) * 0.25], RATE, 50)
    heights = [
        np.ptp(points_of(outline(quiet, width=100, height=100, full_scale=scale))[:, 1])
        for scale in (quiet.peak, 4 * quiet.peak)
    ]
    assert heights[0] > 3 * heights[1]


def test_a_missing_file_is_an_error_of_mastering(tmp_path):
    with pytest.raises(MasteringError, match=r"nada\.mp3"):
        read_envelope(tmp_path / "nada.mp3")
    (tmp_path / "broken.flac").write_bytes(b"fLaC nothing")
    with pytest.raises(MasteringError, match=r"broken\.flac"):
        read_envelope(tmp_path / "broken.flac")


def test_a_stereo_file_is_drawn_by_its_first_channel(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.column_stack([speech(1.0), np.zeros(RATE)]), RATE)
    assert read_envelope(path).peak > 0.1


def test_too_many_columns_are_a_mistake():
    with pytest.raises(ValueError, match="columns"):
        measure_envelope([], RATE, MAX_CELLS)
