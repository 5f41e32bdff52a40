"""What is cut behind the speech, and what never is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from tests.support.kokoro import needs_kokoro
from tts_tasks.engines.bark.tail import PAUSE_MS, without_tail
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.engines.kokoro import KokoroEngine
from tts_tasks.settings import load_settings
from tts_tasks.values import Chunk

RATE = 24_000

SENTENCES = [
    "Bem-vindo ao curso de programação.",
    "Sim.",
    "É.",
    "Você entendeu, sim.",
    "Quanto custa? Dez.",
    "Pronto: acabou.",
    "Espere... Já?",
    "Uma pausa longa: ah.",
    "Isto é... um teste.",
    "Ele parou, olhou, e saiu. Sim.",
    "Clique em salvar; depois, em ok.",
    "Qual é a resposta certa? Não.",
    "Hoje não, obrigado.",
    "São Paulo, Rio e Recife.",
    "Um, dois, três, quatro, cinco, seis, sete.",
    "A média é a soma dos valores dividida pelo número deles.",
    "Abra o arquivo, leia as linhas e feche.",
    "Use o Git.",
    "Ele disse que viria... e veio. Só.",
    "Vamos lá!",
]
ENDINGS = ["A.", "Há.", "Ó.", "E.", "Eu.", "Um.", "Bom.", "Lã.", "Zum.", "Som."]
"""After a question, in a voice that is slow: as steady as a word can be."""


def level(samples, db):
    """Return samples at a level relative to full scale, of their loudest 10 ms."""
    frames = samples[: len(samples) // 240 * 240].reshape(-1, 240)
    return samples * 10 ** (db / 20) / np.sqrt(np.mean(frames**2, axis=1).max())


def noise(seconds, seed=0, low=300, high=6000):
    random = np.random.default_rng(seed)
    sections = signal.butter(2, [low, high], "bandpass", fs=RATE, output="sos")
    return signal.sosfilt(sections, random.standard_normal(round(seconds * RATE)))


def vowel(seconds, pitch=120.0):
    """Return harmonics of a voice, without a beginning or an end."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.03 * np.sin(2 * np.pi * 4 * time))) / RATE
    return sum(np.sin(number * phase) / number for number in range(1, 20))


def syllable(seconds=0.2, db=-20.0, seed=0):
    """Return a vowel that swells and fades behind the noise of a consonant."""
    voiced = vowel(seconds, 120.0 + 7 * (seed % 5)) * np.hanning(round(seconds * RATE)) ** 0.5
    consonant = 0.2 * noise(0.05, seed) * np.hanning(round(0.05 * RATE))
    return level(np.concatenate([consonant, voiced]), db)


def words(n=8, db=-20.0):
    """Return speech: syllables, the gap of a plosive now and then, and it falls at the end."""
    parts = []
    for number in range(n):
        parts += [syllable(0.15 + 0.02 * (number % 4), db - number % 3, number)]
        parts += [pause(0.08 if number % 3 else 0.01)]
    return np.concatenate(parts[:-1])


def pause(seconds, db=-90.0):
    return noise(seconds, 9) * 10 ** (db / 20)


def take(*parts):
    return np.concatenate(parts).astype(np.float32)


def faded(samples, seconds=0.02):
    n = round(seconds * RATE)
    ramp = np.ones(len(samples))
    ramp[:n], ramp[-n:] = np.linspace(0, 1, n), np.linspace(1, 0, n)
    return samples * ramp


def plosive(db=-26.0):
    return level(noise(0.04) * np.exp(-np.arange(round(0.04 * RATE)) / 200), db)


BREATH = level(noise(0.5) * np.hanning(round(0.5 * RATE)), -48)
HUM = faded(level(vowel(0.7), -26))
HISS = faded(level(noise(0.7), -30))
CLICK = level(noise(0.02), -12)

NO_SPEECH = {
    "a breath": [BREATH],
    "a short breath": [BREATH[::3]],
    "a hum": [HUM],
    "a low hum": [faded(level(vowel(1.5, 90.0), -32))],
    "a hiss": [HISS],
    "a click": [CLICK],
    "a loud click": [level(noise(0.03), -3)],
    "a breath and a click": [BREATH, pause(0.4), CLICK],
    "a click and a hum and a breath": [CLICK, pause(0.3), HUM, pause(0.3), BREATH],
    "a second click": [CLICK, pause(0.5), CLICK],
}

SPEECH = {
    "nothing": [],
    "a syllable 12 dB below": [pause(0.05), syllable(0.15, -32)],
    "a syllable 12 dB below, behind a pause": [pause(0.4), syllable(0.15, -32)],
    "a short word behind a comma": [pause(0.35), syllable(0.12, -24)],
    "a word of two syllables behind a comma": [pause(0.35), syllable(0.12), syllable(0.1, -28)],
    "a short word behind a full stop": [pause(0.8), syllable(0.14, -26)],
    "a long vowel behind a pause": [pause(0.5), syllable(0.45)],
    "a plosive behind its gap": [pause(0.12), plosive()],
    "a soft plosive behind its gap": [pause(0.15), plosive(-44)],
    "a fricative that fades": [level(noise(0.2, 0, 3000, 9000), -38) * np.linspace(1, 0, 4800)],
    "a whole sentence behind a pause": [pause(1.0), words(5, -26)],
}


@pytest.mark.parametrize("case", NO_SPEECH)
@pytest.mark.parametrize("floor_db", [-120.0, -75.0])
@pytest.mark.parametrize("gap_s", [0.3, 0.6, 1.5])
def test_what_is_no_speech_is_cut(case, floor_db, gap_s):
    spoken = words()
    whole = take(spoken, pause(gap_s, floor_db), *NO_SPEECH[case], pause(0.3, floor_db))
    kept = without_tail(whole, RATE)
    assert len(spoken) <= len(kept) <= len(spoken) + gap_s * RATE
    np.testing.assert_array_equal(kept, whole[: len(kept)])
    # Half of the pause stays.
    assert len(kept) - len(spoken) == pytest.approx(gap_s * RATE / 2, abs=0.06 * RATE)


@pytest.mark.parametrize("case", SPEECH)
@pytest.mark.parametrize("floor_db", [-120.0, -75.0])
def test_speech_is_kept(case, floor_db):
    whole = take(words(), *SPEECH[case], pause(0.5, floor_db))
    assert without_tail(whole, RATE) is whole


@pytest.mark.parametrize("case", SPEECH)
def test_behind_speech_only_what_is_no_speech_is_cut(case):
    spoken = take(words(), *SPEECH[case])
    whole = take(spoken, pause(0.6), BREATH, pause(0.3))
    kept = without_tail(whole, RATE)
    assert len(kept) - len(spoken) == pytest.approx(0.3 * RATE, abs=0.06 * RATE)


@pytest.mark.parametrize("case", NO_SPEECH)
def test_before_speech_and_within_it_nothing_is_cut(case):
    for parts in (
        [*NO_SPEECH[case], pause(0.5), words()],
        [words(), pause(0.5), *NO_SPEECH[case], pause(0.5), words(3)],
    ):
        whole = take(*parts)
        assert without_tail(whole, RATE) is whole


@pytest.mark.parametrize("case", ["a breath", "a click"])
def test_close_to_the_speech_nothing_is_cut(case):
    """It may be the end of a word."""
    gap_s = (PAUSE_MS - 120) / 1000  # It swells below what is audible.
    whole = take(words(), pause(gap_s), *NO_SPEECH[case], pause(0.3))
    assert without_tail(whole, RATE) is whole


@pytest.mark.parametrize("db", [-40.0, -20.0, 10.0])
def test_the_level_of_the_take_does_not_matter(db):
    spoken = words()
    whole = take(spoken, pause(0.6), BREATH, pause(0.3))
    kept = len(without_tail(whole, RATE))
    assert kept < len(whole)
    assert len(without_tail(whole * np.float32(10 ** (db / 20)), RATE)) == kept


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_nor_does_the_sample_rate(rate):
    n = round(3.1 * rate)
    time = np.arange(n) / rate
    syllables = np.sin(2 * np.pi * 200 * time) * np.abs(np.sin(2 * np.pi * 2 * time))
    whole = np.where(time < 2, 0.3 * syllables, 0.0)
    whole[round(2.6 * rate) : round(2.62 * rate)] = 0.5
    kept = without_tail(whole.astype(np.float32), rate)
    assert len(kept) / rate == pytest.approx(2.3, abs=0.06)


WHOLE = {
    "nothing": np.zeros(0),
    "a sample": np.ones(1),
    "less than a frame": np.ones(239),
    "a frame": np.ones(240),
    "silence": np.zeros(RATE),
    "nearly silence": 1e-7 * noise(1.0),
    "a constant": np.full(RATE, 0.3),
    "noise": level(noise(3.0), -20),
    "soft noise": level(noise(3.0), -70),
    "a hum": level(vowel(3.0), -20),
    "a breath alone": BREATH,
    "a click alone": CLICK,
    "a click in silence": take(np.zeros(RATE), CLICK, np.zeros(RATE)),
    "what is no number": np.full(RATE, np.nan),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_take_without_speech_comes_back_whole(case):
    """It is for the checks of takes to refuse it."""
    whole = WHOLE[case].astype(np.float32)
    assert without_tail(whole, RATE) is whole


@pytest.mark.parametrize("silence_s", [0.3, 1.0, 3.0, 10.0])
def test_how_much_silence_there_is_does_not_matter(silence_s):
    """Now and then Bark fills its time with it."""
    silence = np.zeros(round(silence_s * RATE))
    whole = take(syllable(), silence, BREATH, silence)
    kept = without_tail(whole, RATE)
    assert len(kept) == pytest.approx(0.25 * RATE + len(silence) / 2, abs=0.06 * RATE)
    whole = take(syllable(), silence, syllable(0.12, -34), silence)
    assert without_tail(whole, RATE) is whole


def test_the_first_sound_stays_whatever_it_is():
    whole = take(HUM, pause(0.5), HUM, pause(0.5), CLICK)
    kept = without_tail(whole, RATE)
    assert len(HUM) < len(kept) < len(HUM) + 0.5 * RATE


def test_the_take_is_not_changed():
    whole = take(words(), pause(0.6), BREATH)
    before = whole.copy()
    kept = without_tail(whole, RATE)
    np.testing.assert_array_equal(whole, before)
    assert kept.dtype == np.float32


# Real speech


def waveforms(engine, texts, voice, **parameters):
    chunks = [Chunk(text, text, voice, engine.parameters(parameters)) for text in texts]
    return engine.synthesize(chunks)


@pytest.mark.parametrize("voice", ["pt-br", "pt-br+f2", "pt-br+Annie"])
def test_of_espeak_s_takes_nothing_is_cut(voice):
    takes = waveforms(EspeakEngine(), SENTENCES, voice)
    for text, each in zip(SENTENCES, takes, strict=True):
        assert without_tail(each.samples, each.sample_rate) is each.samples, text


@pytest.mark.parametrize("voice", ["pt-br", "pt-br+f2", "pt-br+Annie"])
@pytest.mark.parametrize("rate", [80, 110, 150])
def test_of_single_vowels_behind_a_question_nothing_is_cut(voice, rate):
    texts = [f"Qual é a resposta certa? {ending}" for ending in ENDINGS]
    takes = waveforms(EspeakEngine(), texts, voice, rate=rate)
    for text, each in zip(texts, takes, strict=True):
        assert without_tail(each.samples, each.sample_rate) is each.samples, text


@pytest.mark.parametrize("voice", ["pt-br", "pt-br+f2", "pt-br+Annie"])
def test_behind_espeak_s_takes_a_breath_is_cut(voice):
    """The control."""
    for each in waveforms(EspeakEngine(), SENTENCES, voice):
        rate = each.sample_rate
        breath = signal.resample_poly(BREATH, rate, RATE) * np.abs(each.samples).max()
        silence = np.zeros(rate // 2)
        whole = np.concatenate([each.samples, silence, breath]).astype(np.float32)
        kept = without_tail(whole, rate)
        audible = np.flatnonzero(np.abs(each.samples) > 0.01 * np.abs(each.samples).max())[-1]
        assert audible < len(kept) < len(each.samples) + len(silence)


@needs_kokoro
@pytest.mark.parametrize("voice", ["pf_dora", "pm_alex", "pm_santa"])
def test_of_kokoro_s_takes_nothing_is_cut(kokoro_models, voice):
    engine = KokoroEngine(load_settings())
    question, *answers = waveforms(engine, ["Qual é a certa?", "É.", "Não.", "Sim.", "Ah."], voice)
    silence = np.zeros(engine.sample_rate * 3 // 10, np.float32)
    takes = [np.concatenate([question.samples, silence, each.samples]) for each in answers]
    takes += [each.samples for each in waveforms(engine, SENTENCES[:8], voice)]
    for samples in takes:
        assert without_tail(samples, engine.sample_rate) is samples
