"""Checks of takes: defects are found, good speech passes; with real speech."""

import math

import numpy as np
import pytest

from tests.support import defects
from tests.support.defects import DEFECTS, joined
from tts_tasks.engines.espeak import RECOMMENDED_VOICES, EspeakEngine
from tts_tasks.mastering.quality import check_take
from tts_tasks.mastering.speech_time import speech_time
from tts_tasks.script.normalise import normalise
from tts_tasks.values import Chunk, Expected

ENGINE = EspeakEngine()
SENTENCES = (
    "Nesta aula vamos aprender o que é uma variável e como criar funções.",
    "Os testes automatizados são importantes para a qualidade do código.",
    "Faça uma pausa, respire fundo e experimente sozinho antes de continuar.",
)
VOICES = ("pt-br", "pt-br+f2", "pt-br+Annie")


def chunk(text, voice="pt-br", **parameters):
    return Chunk(text, text, voice, ENGINE.parameters(parameters))


def say(text, voice="pt-br", **parameters):
    [waveform] = ENGINE.synthesize([chunk(text, voice, **parameters)])
    return waveform.samples


def judged(samples, text, voice="pt-br", **parameters):
    expected = ENGINE.expects(chunk(text, voice, **parameters))
    return check_take(samples, ENGINE.sample_rate, spoken=text, expected=expected)


@pytest.fixture(scope="module", params=VOICES)
def voice(request):
    return request.param


@pytest.fixture(scope="module")
def spoken(voice):
    return [say(one, voice) for one in SENTENCES]


FLAGS = {
    "dropped sentence": {"too_short"},
    "doubled sentence": {"too_long", "repetition"},
    "long silence, 1.5 to 4 s": {"long_silence"},
    "noise after, -6 dB": {"steady_noise"},
    "noise after, -20 dB": {"steady_noise"},
    "hum after, -12 dB": {"steady_noise"},
    "noise before, -20 dB": {"steady_noise"},
    "clipping, gain 4": {"clipping"},
    "clipping, gain 8": {"clipping"},
    "speed 0.6": {"too_long"},
    "speed 1.7": {"too_short"},
    "half file": {"too_short"},
    "DC offset": {"dc_offset"},
    "not a number": {"unusable"},
    "60 dB too soft": {"too_quiet"},
    "tone for speech": {"steady_noise"},
    "noise for speech": {"steady_noise"},
}


@pytest.mark.parametrize("name", FLAGS)
def test_a_defect_is_found(name, voice, spoken):
    take = DEFECTS[name](spoken, np.random.default_rng(5))
    quality = judged(take, " ".join(SENTENCES), voice)
    assert FLAGS[name] & set(quality.flags), quality
    assert quality.badness > 0


def test_good_takes_pass(voice, spoken):
    assert judged(joined(spoken), " ".join(SENTENCES), voice).flags == ()
    for take, text in zip(spoken, SENTENCES, strict=True):
        quality = judged(take, text, voice)
        assert quality.is_good, quality
        assert quality.badness == 0


ODD = (
    "Sim.", "Ok", "A", "Um", "É.", "etc", "42", "Olá!", "Por quê?", "x e y", "blá blá blá",
    "Muito, muito, muito bom!", "Um, dois, um, dois.", "Sim, sim, sim, sim, sim, sim, sim, sim.",
    "São R$ 1.234,56 (ou US$ 200) em 22/11/2026, às 14h30.", "CPF 123.456.789-09",
    "O SQL, o HTML, o CSS e o JSON.", "Acesse https://exemplo.com.br/a/b?c=1.", "E então… nada.",
    "— Sim. — Não. — Talvez.", "Primeiro, abrimos; depois, lemos; por fim, somamos.",
    "Nesta aula vamos somar. Nesta aula vamos somar.", "k = 3 * (i + 1)", "C++ e C#", "1º e 2ª",
)  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_are_no_defects(text):
    said = normalise(text)
    for one in VOICES:
        quality = judged(say(said, one), said, one)
        assert quality.is_good, (one, said, quality)


@pytest.mark.parametrize("rate", [80, 120, 200, 300, 450])
@pytest.mark.parametrize("text", [*SENTENCES, "Sim.", "O preço subiu."])
def test_the_rate_is_taken_into_account(text, rate):
    assert judged(say(text, rate=rate), text, rate=rate).flags == ()


def test_the_rate_of_another_chunk_is_a_wrong_speed():
    assert "too_long" in judged(say(SENTENCES[0], rate=90), SENTENCES[0], rate=150).flags
    assert "too_short" in judged(say(SENTENCES[0], rate=260), SENTENCES[0], rate=150).flags


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("en-us", "It costs $5, or 12.50 for 2 at the USA store."),
        ("es", "Hoy es lunes, y la clase empieza a las 14:30."),
        ("de", "Das kostet 3,50 Euro."),
        ("ru", "Привет, как дела сегодня?"),
        ("cmn", "今天天气很好，我们去公园。"),
        ("hi", "पाठ्यक्रम में आपका स्वागत है।"),
        ("pt-br+whisper", SENTENCES[0]),
        ("pt-br+klatt4", SENTENCES[1]),
        ("pt-br+Andrea", SENTENCES[2]),
    ],
)
def test_voices_that_nobody_measured_pass(name, text):
    assert judged(say(text, name), text, name).flags == ()


def test_without_any_expectation_gross_defects_are_still_found(spoken):
    text = " ".join(SENTENCES)
    good = check_take(joined(spoken), ENGINE.sample_rate, spoken=text, expected=None)
    assert good.is_good, good
    third = joined(spoken)[: len(joined(spoken)) // 4]
    assert check_take(third, ENGINE.sample_rate, spoken=text, expected=None).flags


def test_what_the_author_repeats_is_no_repetition():
    once = "Vamos somar os números da tabela. "
    assert judged(say(once * 2), once * 2).flags == ()


def test_a_phrase_that_is_said_twice_is_a_repetition(voice, spoken):
    longer = [*spoken, *[say(one, voice) for one in ("Depois disso, compare os resultados.",)]]
    text = " ".join((*SENTENCES, "Depois disso, compare os resultados."))
    twice = joined([longer[0], longer[0], *longer[1:]])
    assert "repetition" in judged(twice, text, voice).flags


def test_a_voice_that_falls_silent_before_the_end_was_cut_off_if_it_does_not():
    expected = Expected(14.0, (10.0, 16.0), -20.0, (0.2, 0.2), 0.3)
    take = np.concatenate((say(SENTENCES[0]), np.zeros(4_000, np.float32)))
    whole = check_take(take, 22_050, spoken=SENTENCES[0], expected=expected)
    assert whole.flags == ()
    cut = take[: round(3.13 * 22_050)]
    assert "cut_off" in check_take(cut, 22_050, spoken=SENTENCES[0], expected=expected).flags


def test_the_worse_take_has_more_badness(spoken):
    text, take = " ".join(SENTENCES), joined(spoken)
    slightly = judged(take[: round(len(take) * 0.6)], text)
    badly = judged(take[: round(len(take) * 0.3)], text)
    unusable = judged(np.full(100, np.nan, np.float32), text)
    assert 0 < slightly.badness < badly.badness < unusable.badness


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32), np.zeros(22_050, np.float32), np.full(9, np.nan, np.float32),
        np.full(9, np.inf, np.float32), np.ones((9, 2), np.float32), np.full(99, 2, np.float32),
    ],
    ids=["empty", "silence", "nan", "infinite", "stereo", "beyond full scale"],
)  # fmt: skip
def test_what_no_step_can_use_is_said_to_be_so(samples):
    quality = judged(samples, "Olá.")
    assert quality.flags == ("unusable",)
    assert math.isinf(quality.badness)


@pytest.mark.parametrize("n_samples", [1, 2, 50, 221, 1_000])
def test_very_short_audio_is_judged(n_samples):
    quality = judged(np.full(n_samples, 0.1, np.float32), SENTENCES[0])
    assert "too_short" in quality.flags
    assert all(map(math.isfinite, quality.scores.values()))


def test_a_long_take_is_judged():
    text = " ".join(SENTENCES)
    take = np.tile(np.concatenate((joined([say(one) for one in SENTENCES]), np.zeros(9_000))), 40)
    quality = judged(take.astype(np.float32), text)
    assert "too_long" in quality.flags


@pytest.mark.parametrize("position", [100, 22_100])
def test_a_single_click_is_no_speech(position):
    click = np.zeros(22_150, np.float32)
    click[position] = 0.5
    assert judged(click, SENTENCES[0]).flags
    click[position] = 1.2e-4
    assert "too_quiet" in judged(click, SENTENCES[0]).flags


def test_scores_are_json(spoken):
    scores = judged(joined(spoken), " ".join(SENTENCES)).scores
    assert all(type(value) is float and math.isfinite(value) for value in scores.values())


@pytest.mark.parametrize(
    ("short", "long"),
    [("Olá.", "Olá, pessoal."), ("Sim.", "Sim. Não."), ("PDF", "O PDF da aula")],
)
def test_more_text_takes_more_time(short, long):
    expected = Expected(14.0, (10.0, 16.0), -20.0, (0.0, 0.0), 0.3)
    assert speech_time(short, expected)[0] < speech_time(long, expected)[0]
    assert speech_time(long, expected)[0] <= speech_time(long, expected)[1]


def test_there_are_defects_for_every_recommended_voice():
    assert set(VOICES) < set(RECOMMENDED_VOICES)
    assert set(FLAGS) < set(defects.DEFECTS)
