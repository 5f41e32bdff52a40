"""Which engine and voice a request gets."""

import pytest

from tts_tasks.engines.choose import choose
from tts_tasks.engines.registry import load_engine, providers
from tts_tasks.errors import UnknownProviderError, UnknownVoiceError


def test_auto_takes_the_first_provider_that_speaks_the_language():
    choice = choose("auto", None, "pt-BR")
    assert choice.engine.name == providers()[0]
    assert choice.voice.language == "pt-br"
    assert "pt-BR" in choice.reason


def test_auto_takes_a_provider_that_has_the_voice():
    choice = choose("auto", "pt-br+f2", "pt-BR")
    assert (choice.engine.name, choice.voice.name) == ("espeak", "pt-br+f2")


def test_an_explicit_provider_is_that_provider():
    assert choose("espeak", None, "en-US").voice.name == "en-us"


@pytest.mark.parametrize("provider", ["", "polly", "Espeak", "auto "])
def test_an_unknown_provider_names_the_known_ones(provider):
    with pytest.raises(UnknownProviderError, match="auto, espeak"):
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
