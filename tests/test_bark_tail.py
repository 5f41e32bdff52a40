"""What is cut off behind the speech is no speech; what is speech is never cut off."""

from __future__ import annotations

import numpy as np
import pytest

from tts_tasks.engines.bark.tail import without_tail
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.values import Chunk

RATE = 24_000


def syllables(n, level=0.3, seed=0):
    """Bursts of a voice-like sound, 150 ms each, with 50 ms between them."""
    random = np.random.default_rng(seed)
    parts = []
    for _ in range(n):
        t = np.arange(int(0.15 * RATE)) / RATE
        tone = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 12))
        shape = np.sin(np.pi * t / t[-1]) ** 0.7 * random.uniform(0.6, 1.0)
        parts += [level * shape * tone / 2, np.zeros(int(0.05 * RATE))]
    return np.concatenate(parts).astype(np.float32)


def silence(s):
    return np.zeros(int(s * RATE), np.float32)


def noise(s, level, seed=1):
    random = np.random.default_rng(seed)
    return (level * random.normal(0, 1, int(s * RATE))).astype(np.float32)


def hum(s, level):
    return (level * np.sin(2 * np.pi * 100 * np.arange(int(s * RATE)) / RATE)).astype(np.float32)


SPEECH = syllables(12)


@pytest.mark.parametrize(
    "tail",
    [noise(0.4, 0.004), hum(1.0, 0.05), noise(1.5, 0.05), noise(0.02, 0.2)],
    ids=["breath", "hum", "noise", "click"],
)
@pytest.mark.parametrize("pause_s", [0.3, 1.0])
def test_what_is_no_speech_goes(tail, pause_s):
    kept = without_tail(np.concatenate([SPEECH, silence(pause_s), tail, silence(0.2)]), RATE)
    assert len(SPEECH) - 0.06 * RATE <= len(kept) <= len(SPEECH) + pause_s * RATE
    assert np.array_equal(kept, np.concatenate([SPEECH, silence(pause_s)])[: len(kept)])


def test_several_of_them_go():
    parts = [SPEECH, silence(0.4), noise(0.4, 0.004), silence(0.4), noise(0.03, 0.2)]
    kept = without_tail(np.concatenate(parts), RATE)
    assert len(kept) <= len(SPEECH) + 0.4 * RATE


@pytest.mark.parametrize(
    "end",
    [syllables(1), syllables(1, level=0.08), syllables(3, level=0.1), SPEECH],
    ids=["a short word", "a soft syllable", "soft words", "a sentence"],
)
def test_speech_after_a_pause_stays(end):
    take = np.concatenate([SPEECH, silence(0.6), end, silence(0.2)])
    assert np.array_equal(without_tail(take, RATE), take)


@pytest.mark.parametrize(
    "take",
    [silence(0), silence(1), noise(0.005, 0.1), noise(2, 0.1), hum(2, 0.3), SPEECH],
    ids=["nothing", "silence", "less than a frame", "noise", "hum", "speech"],
)
def test_what_has_no_tail_stays(take):
    assert np.array_equal(without_tail(take, RATE), take)


@pytest.mark.parametrize("voice", ["pt-br", "pt-br+f2", "en-us"])
def test_real_speech_stays(voice):
    sentences = [
        "Sim, agora.",
        "A média é a soma dos valores, dividida pelo número deles.",
        "Pense bem: o que falta? Nada.",
        "Um, dois, três. E quatro.",
        "Abra o arquivo; leia as primeiras linhas; e pare.",
        "Isto é tudo, por hoje. Tchau.",
    ]
    engine = EspeakEngine()
    parameters = engine.parameters({"rate": 120})
    for take in engine.synthesize([Chunk(text, text, voice, parameters) for text in sentences]):
        kept = without_tail(take.samples, take.sample_rate)
        assert np.abs(take.samples[len(kept) :]).max(initial=0.0) < 0.01
