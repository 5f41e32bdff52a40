"""Which engine and voice a request gets."""

import pytest

from tests.support.tiny_kokoro import write_tiny_kokoro
from tts_tasks.engines.choose import choose
from tts_tasks.engines.kokoro import KokoroEngine
from tts_tasks.engines.registry import load_engine, providers
from tts_tasks.errors import (
    EngineParameterError,
    ModelMissingError,
    UnknownProviderError,
    UnknownVoiceError,
)
from tts_tasks.settings import load_settings


@pytest.fixture
def kokoro(home, monkeypatch):
    """A tiny model in the place of Kokoro's."""
    model = write_tiny_kokoro(load_settings().models)
    monkeypatch.setattr(KokoroEngine.__init__, "__defaults__", (None, model))


def chosen(*request, **options):
    choice = choose(*request, **options)
    return choice.engine.name, choice.voice.name


def test_auto_takes_the_first_provider_that_speaks_the_language(kokoro):
    choice = choose("auto", None, "pt-BR")
    assert (choice.engine.name, choice.voice.name) == (providers()[0], "pf_dora")
    assert choice.reason == "kokoro is the first provider with the language pt-BR"


@pytest.mark.parametrize(
    ("voice", "provider"),
    [("pt-br+f2", "espeak"), ("pm_alex", "kokoro"), ("af_heart", "kokoro"), ("ru", "espeak")],
)
def test_auto_takes_a_provider_that_has_the_voice(kokoro, voice, provider):
    assert chosen("auto", voice, "pt-BR") == (provider, voice)


@pytest.mark.parametrize(("language", "voice"), [("pt-PT", "pt-pt"), ("de", "de"), ("ja", "ja")])
def test_auto_takes_a_provider_that_speaks_the_language(kokoro, language, voice):
    assert chosen("auto", None, language) == ("espeak", voice)


def test_auto_takes_a_provider_that_takes_the_parameters(kokoro):
    choice = choose("auto", None, "pt-BR", parameters={"rate": 160})
    assert choice.engine.name == "espeak"
    assert choice.parameters["rate"] == 160
    assert choice.reason == "espeak is the first provider with the language pt-BR and rate"
    assert chosen("auto", None, "pt-BR", parameters={"speed": 1.2}) == ("kokoro", "pf_dora")


def test_auto_passes_over_a_provider_without_its_model_and_says_so():
    choice = choose("auto", None, "pt-BR")
    assert (choice.engine.name, choice.voice.name) == ("espeak", "pt-br")
    assert choice.reason.endswith("; the model of kokoro is not ready")


@pytest.mark.parametrize(
    ("voice", "parameters"), [("pf_dora", {}), (None, {"speed": 1.2}), ("pm_alex", {"speed": 1.2})]
)
def test_what_only_a_missing_model_can_do_is_an_error_with_the_command(voice, parameters):
    with pytest.raises(ModelMissingError, match="narrate models pull kokoro"):
        choose("auto", voice, "pt-BR", parameters=parameters)


def test_an_explicit_provider_without_its_model_is_an_error():
    with pytest.raises(ModelMissingError, match="narrate models pull kokoro"):
        choose("kokoro", None, "pt-BR")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"rate": 9_999}, "9999 is not"), ({"speed": 3.0}, "3.0 is not"), ({"volume": 1}, "volume")],
)
def test_a_parameter_that_nobody_takes_is_an_error_that_names_it(kokoro, parameters, message):
    with pytest.raises(EngineParameterError, match=message):
        choose("auto", None, "pt-BR", parameters=parameters)


def test_a_voice_that_cannot_be_spoken_says_why(kokoro):
    with pytest.raises(UnknownVoiceError, match="Japanese"):
        choose("auto", "jf_alpha", "pt-BR")


def test_a_misspelled_voice_gets_a_suggestion_from_all_providers(kokoro):
    with pytest.raises(UnknownVoiceError, match="did you mean pf_dora"):
        choose("auto", "pf_dorra", "pt-BR")
    with pytest.raises(UnknownVoiceError, match=r"pt-br\+f2"):
        choose("auto", "pt-br+f22", "pt-BR")


def test_an_explicit_provider_is_that_provider():
    assert choose("espeak", None, "en-US").voice.name == "en-us"


@pytest.mark.parametrize("provider", ["", "polly", "Espeak", "auto "])
def test_an_unknown_provider_names_the_known_ones(provider):
    with pytest.raises(UnknownProviderError, match="auto, kokoro, espeak"):
        choose(provider, None, "pt-BR")


@pytest.mark.parametrize("provider", ["auto", "espeak"])
def test_an_unknown_voice_is_an_error_for_auto_too(provider):
    with pytest.raises(UnknownVoiceError, match="nobody"):
        choose(provider, "nobody", "pt-BR")


def test_a_language_that_nobody_speaks_is_an_error():
    with pytest.raises(UnknownVoiceError, match="tlh"):
        choose("auto", None, "tlh")


def test_one_engine_per_process():
    assert load_engine("espeak") is load_engine("espeak")
