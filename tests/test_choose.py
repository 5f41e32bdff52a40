"""Which engine and voice a request gets, and why."""

from __future__ import annotations

import re

import pytest

from tests.support.tiny_kokoro import write_tiny_kokoro
from tests.support.translate import StandIn
from tts_tasks.engines import gtts, registry
from tts_tasks.engines.breaker import CircuitBreaker, Failure
from tts_tasks.engines.choose import Circumstances, choose, owner_of
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.engines.kokoro import KokoroEngine
from tts_tasks.engines.protocol import Availability
from tts_tasks.engines.registry import load_engine
from tts_tasks.errors import (
    EngineParameterError,
    ModelMissingError,
    OtherProviderError,
    UnknownProviderError,
    UnknownVoiceError,
    UnspokenVoiceError,
)
from tts_tasks.request import preference_of
from tts_tasks.settings import load_settings
from tts_tasks.values import History


class Bark(EspeakEngine):
    """Stands in for an engine on the workers with a GPU."""

    name = "bark"
    naturalness = 0.9
    needs_gpu = True
    computing = 10.0
    asked_here = 0

    def availability(self, *, ask=False):
        Bark.asked_here += 1
        return Availability("needs a GPU, and this machine has none")


@pytest.fixture
def kokoro(home, monkeypatch):
    """A tiny model in the place of Kokoro's."""
    model = write_tiny_kokoro(load_settings().models)
    monkeypatch.setattr(KokoroEngine.__init__, "__defaults__", (None, model))


@pytest.fixture
def service(monkeypatch):
    """gTTS with a service that answers."""
    gtts._is_reachable.cache_clear()
    with StandIn() as stand_in:
        monkeypatch.setenv("NARRATION_GTTS_URL", stand_in.url)
        monkeypatch.setenv("NARRATION_GTTS_REQUESTS_PER_S", "100")
        yield stand_in
    gtts._is_reachable.cache_clear()


@pytest.fixture
def bark(monkeypatch):
    """A fourth provider, which needs a GPU."""
    monkeypatch.setattr(registry, "ENGINES", {**registry.ENGINES, "bark": "tests.test_choose:Bark"})
    monkeypatch.setattr(Bark, "asked_here", 0)
    registry._make.cache_clear()
    yield
    registry._make.cache_clear()


def chosen(*request, **options):
    choice = choose(*request, **options)
    return choice.engine.name, choice.voice.name


def under(policy, deadline_s=None, **known):
    return Circumstances(preference=preference_of(policy, deadline_s), characters=1_000, **known)


def reason_of(choice, provider):
    [reason] = [each.reason for each in choice.ranking if each.provider == provider]
    return reason


def rest():
    """Open the breaker of gTTS."""
    CircuitBreaker("gtts", load_settings().providers).failed(Failure("503", is_final=True))


def test_auto_takes_the_most_natural_provider_that_can_speak(kokoro, service):
    choice = choose("auto", None, "pt-BR")
    assert (choice.engine.name, choice.voice.name) == ("kokoro", "pf_dora")
    assert choice.reason == "kokoro is the most natural one that can speak"
    assert [each.provider for each in choice.ranking] == ["bark", "kokoro", "gtts", "espeak"]
    assert [each.is_usable for each in choice.ranking] == [False, True, True, True]
    assert not choice.is_downgrade


@pytest.mark.parametrize(
    ("policy", "deadline_s", "provider", "reason"),
    [
        ("quality", None, "kokoro", "is the most natural one that can speak"),
        ("offline", None, "kokoro", "is the most natural one that can speak without the network"),
        ("quality", 60, "kokoro", "is the most natural one that can speak within 60 s"),
        ("quality", 9, "gtts", "is the most natural one that can speak within 9 s"),
        ("quality", 1, "espeak", "is the most natural one that can speak within 1 s"),
        ("fast", None, "espeak", r"is ready first \(needs about 0\.\d s\)"),
        ("cheapest", None, "gtts", r"is the cheapest \(needs about 0\.\d s of computing\)"),
        ("espeak,kokoro", None, "espeak", "is number 1 of the order asked for"),
    ],
)
def test_what_matters_decides(kokoro, service, policy, deadline_s, provider, reason):
    choice = choose("auto", None, "pt-BR", circumstances=under(policy, deadline_s))
    assert choice.engine.name == provider
    assert re.fullmatch(f"{provider} {reason}", choice.reason)
    assert not choice.is_downgrade


@pytest.mark.parametrize(
    ("voice", "provider"),
    [
        ("google-com.br", "gtts"),
        ("google-com.br-slow", "gtts"),
        ("google-fr", "gtts"),
        ("pf_dora", "kokoro"),
        ("pm_alex", "kokoro"),
        ("af_heart", "kokoro"),
        ("pt-br+f2", "espeak"),
        ("ru", "espeak"),
    ],
)
def test_a_voice_implies_its_provider(kokoro, service, voice, provider):
    choice = choose("auto", voice, "pt-BR")
    assert (choice.engine.name, choice.voice.name) == (provider, voice)
    assert choice.reason == f"{provider} has the voice {voice}"
    assert not choice.is_downgrade
    assert owner_of(voice) == provider


def test_a_voice_implies_its_provider_though_it_is_out_of_reach(kokoro):
    assert chosen("auto", "google-com.br", "pt-BR") == ("gtts", "google-com.br")


@pytest.mark.parametrize("provider", ["auto", "bark"])
def test_a_voice_of_a_provider_whose_model_is_not_here(kokoro, provider):
    with pytest.raises(ModelMissingError, match="narrate models pull bark"):
        choose(provider, "v2/pt_speaker_2", "pt-BR")


@pytest.mark.parametrize(
    ("provider", "voice", "owner"),
    [
        ("espeak", "google-com.br", "gtts"),
        ("espeak", "pf_dora", "kokoro"),
        ("gtts", "pt-br+f2", "espeak"),
        ("gtts", "pf_dora", "kokoro"),
        ("gtts", "v2/pt_speaker_2", "bark"),
        ("kokoro", "google-pt", "gtts"),
        ("kokoro", "pt-br", "espeak"),
    ],
)
def test_a_voice_of_another_provider_is_an_error_that_names_both(kokoro, provider, voice, owner):
    with pytest.raises(OtherProviderError) as refusal:
        choose(provider, voice, "pt-BR")
    assert f"{voice!r} is a voice of {owner}, and {provider} was asked for" in str(refusal.value)
    assert (refusal.value.field, refusal.value.value) == ("voice", voice)


@pytest.mark.parametrize("provider", ["espeak", "gtts"])
def test_a_voice_of_a_missing_model_is_known_to_be_its(provider):
    with pytest.raises(OtherProviderError, match="is a voice of kokoro"):
        choose(provider, "pf_dora", "pt-BR")


@pytest.mark.parametrize(("language", "voice"), [("pt-PT", "pt-pt"), ("de", "de"), ("ja", "ja")])
def test_auto_takes_a_provider_that_speaks_the_language(kokoro, language, voice):
    assert chosen("auto", None, language, circumstances=under("offline")) == ("espeak", voice)


def test_a_language_has_a_voice_of_the_service_too(kokoro, service):
    assert chosen("auto", None, "de") == ("gtts", "google-de")
    assert chosen("auto", None, "en-US") == ("kokoro", "af_heart")


def test_auto_takes_a_provider_that_takes_the_parameters(kokoro):
    choice = choose("auto", None, "pt-BR", parameters={"rate": 160})
    assert choice.engine.name == "espeak"
    assert choice.parameters["rate"] == 160
    assert choice.reason == "espeak is the most natural one that can speak and takes rate"
    assert not choice.is_downgrade, "who lacks the parameter was not passed over"
    assert chosen("auto", None, "pt-BR", parameters={"speed": 1.2}) == ("kokoro", "pf_dora")


def test_auto_passes_over_a_provider_without_its_model_and_says_so():
    choice = choose("auto", None, "pt-BR", circumstances=under("offline"))
    assert (choice.engine.name, choice.voice.name) == ("espeak", "pt-br")
    assert "; kokoro is not ready (" in choice.reason
    assert not choice.is_downgrade, "no model comes by itself"


def test_a_provider_without_its_model_keeps_its_place(service):
    choice = choose("auto", None, "pt-BR")
    assert [each.provider for each in choice.ranking] == ["bark", "kokoro", "gtts", "espeak"]
    assert choice.reason.startswith("gtts is the most natural one that can speak; kokoro is not")


def test_auto_passes_over_a_service_that_cannot_be_reached_and_says_so():
    choice = choose("auto", None, "pt-BR")
    assert choice.engine.name == "espeak"
    assert "; gtts cannot be reached at 127.0.0.1:9" in choice.reason
    assert choice.is_downgrade
    assert [each.is_passing for each in choice.ranking] == [False, False, True, False]


def test_auto_passes_over_a_service_that_rests_and_says_so(service):
    rest()
    choice = choose("auto", None, "pt-BR")
    assert choice.engine.name == "espeak"
    assert re.search(r"; gtts rests until [0-9:]+ after 1 failure\(s\): 503", choice.reason)
    assert choice.is_downgrade
    assert service.probes == 0, "it is known already"


def test_auto_passes_over_what_failed_in_this_narration(kokoro, service):
    circumstances = under("quality", failed={"kokoro": "no sound came"})
    choice = choose("auto", None, "pt-BR", circumstances=circumstances)
    assert choice.engine.name == "gtts"
    assert choice.reason.endswith("; kokoro failed: no sound came")
    assert choice.is_downgrade


def test_who_is_worse_than_the_speaker_makes_no_downgrade(kokoro):
    choice = choose("auto", None, "pt-BR")
    assert choice.engine.name == "kokoro"
    assert not choice.is_downgrade
    choice = choose("auto", None, "pt-BR", circumstances=under("espeak,gtts"))
    assert not choice.is_downgrade


def test_who_failed_more_often_than_not_is_passed_over(kokoro, service):
    history = {"kokoro": History(10, 9)}
    choice = choose("auto", None, "pt-BR", circumstances=under("quality", history=lambda: history))
    assert choice.engine.name == "gtts"
    assert [each.provider for each in choice.ranking] == ["bark", "kokoro", "gtts", "espeak"]
    assert reason_of(choice, "kokoro") == "failed 9 of its 10 narrations of the last hour"
    assert choice.is_downgrade


def test_a_measured_speed_counts_more_than_the_typical_one(kokoro, service):
    def at(rtf):
        history = {"kokoro": History(3, 0, rtf=rtf)}
        circumstances = under("quality", 10, history=lambda: history)
        return choose("auto", None, "pt-BR", circumstances=circumstances).engine.name

    assert (at(0.01), at(5.0)) == ("kokoro", "gtts")


# The service is asked, and only when it would speak


def test_the_service_is_asked_once_when_it_would_speak(service):
    assert chosen("auto", None, "pt-BR") == ("gtts", "google-com.br")
    assert (service.probes, service.calls) == (1, [])


@pytest.mark.parametrize("policy", ["quality", "fast", "offline", "kokoro,gtts", "espeak"])
def test_the_service_is_not_asked_when_another_one_speaks(kokoro, service, policy):
    assert choose("auto", None, "pt-BR", circumstances=under(policy)).engine.name != "gtts"
    assert (service.probes, service.calls) == (0, [])


def test_a_provider_asked_for_by_name_is_not_asked(service):
    assert chosen("gtts", None, "pt-BR") == ("gtts", "google-com.br")
    assert (service.probes, service.calls) == (0, [])


@pytest.mark.parametrize("voice", ["google-com.br", "google-fr"])
def test_offline_sends_nothing_not_even_for_a_voice_of_the_service(kokoro, service, voice):
    with pytest.raises(UnknownProviderError, match="may speak under offline") as refusal:
        choose("auto", voice, "pt-BR", circumstances=under("offline"))
    assert "gtts would send the text over the network" in str(refusal.value)
    assert refusal.value.field == "policy"
    assert (service.probes, service.calls) == (0, [])


def test_offline_may_use_what_the_library_has(service):
    def cached(choice):
        return 1.0 if choice.engine.name == "gtts" else 0.0

    choice = choose("auto", None, "pt-BR", circumstances=under("offline", cached=cached))
    assert choice.engine.name == "gtts"
    assert (service.probes, service.calls) == (0, []), "there is nothing to send"


def test_a_service_of_which_everything_is_cached_is_not_asked(service):
    circumstances = under("cheapest", cached=lambda _: 1.0)
    assert choose("auto", None, "pt-BR", circumstances=circumstances).engine.name == "gtts"
    assert (service.probes, service.calls) == (0, [])


# What is cached


@pytest.mark.parametrize(
    ("policy", "deadline_s", "asked"),
    [
        ("quality", None, set()),
        ("kokoro,gtts,espeak", None, set()),
        ("quality", 60, {"kokoro", "gtts", "espeak"}),
        ("fast", None, {"kokoro", "gtts", "espeak"}),
        ("cheapest", None, {"kokoro", "gtts", "espeak"}),
        ("offline", None, {"gtts"}),
        ("kokoro,espeak", None, set()),
    ],
)
def test_the_library_is_asked_only_where_it_may_decide(kokoro, service, policy, deadline_s, asked):
    seen = set()

    def cached(choice):
        seen.add(choice.engine.name)
        return 0.0

    choose("auto", None, "pt-BR", circumstances=under(policy, deadline_s, cached=cached))
    assert seen == asked


@pytest.mark.parametrize("is_open", [True, False])
def test_a_cached_narration_of_a_service_out_of_reach_is_used(is_open):
    if is_open:
        rest()

    def cached(choice):
        return 1.0 if choice.engine.name == "gtts" else 0.0

    choice = choose("auto", None, "pt-BR", circumstances=under("quality", cached=cached))
    assert choice.engine.name == "gtts"
    assert reason_of(choice, "gtts") == "has a naturalness of 0.6, 100% is cached"
    assert not choice.is_downgrade
    half = choose("auto", None, "pt-BR", circumstances=under("quality", cached=lambda _: 0.5))
    assert half.engine.name == "espeak"
    assert half.is_downgrade


# Who may speak as a last resort


def test_an_order_of_one_that_rests_is_tried_all_the_same(service):
    rest()
    choice = choose("auto", None, "pt-BR", circumstances=under("gtts"))
    assert choice.engine.name == "gtts"
    assert "rests until" in choice.reason or "rests until" in reason_of(choice, "gtts")


def test_a_service_out_of_reach_is_tried_where_nobody_else_may_speak():
    for policy in ("gtts", "gtts,kokoro"):
        choice = choose("auto", None, "pt-BR", circumstances=under(policy))
        assert choice.engine.name == "gtts"
        assert "cannot be reached" in reason_of(choice, "gtts")


def test_what_failed_and_lacks_its_model_by_now_is_not_tried_again():
    circumstances = under("kokoro,gtts", failed={"kokoro": "its model is damaged"})
    choice = choose("auto", None, "pt-BR", circumstances=circumstances)
    assert choice.engine.name == "gtts"


# Workers with a GPU


@pytest.mark.parametrize(
    ("gpu_online", "provider", "is_downgrade"),
    [(True, "bark", False), (False, "kokoro", True), (None, "kokoro", False)],
)
def test_a_provider_on_the_workers_with_a_gpu(bark, kokoro, gpu_online, provider, is_downgrade):
    circumstances = under("quality", gpu_online=gpu_online)
    choice = choose("auto", None, "pt-BR", circumstances=circumstances)
    assert (choice.engine.name, choice.is_downgrade) == (provider, is_downgrade)
    assert bool(Bark.asked_here) == (gpu_online is None), "this machine matters if it speaks"


# Errors


def test_an_order_with_an_unknown_name_is_an_error():
    with pytest.raises(UnknownProviderError, match="there is no provider 'polly'") as refusal:
        choose("auto", None, "pt-BR", circumstances=under("espeak,polly"))
    assert refusal.value.field == "policy"
    assert "quality, fast, offline, cheapest" in str(refusal.value)
    assert "kokoro, gtts, espeak" in str(refusal.value)


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
    with pytest.raises(UnspokenVoiceError, match="Japanese"):
        choose("auto", "jf_alpha", "pt-BR")


def test_a_misspelled_voice_gets_a_suggestion_from_all_providers(kokoro):
    with pytest.raises(UnknownVoiceError, match="did you mean pf_dora"):
        choose("auto", "pf_dorra", "pt-BR")
    with pytest.raises(UnknownVoiceError, match=r"pt-br\+f2"):
        choose("auto", "pt-br+f22", "pt-BR")
    with pytest.raises(UnknownVoiceError, match=r"did you mean google-com\.br"):
        choose("auto", "google-com.brr", "pt-BR")


def test_an_explicit_provider_is_that_provider():
    choice = choose("espeak", None, "en-US", circumstances=under("gtts,espeak"))
    assert choice.voice.name == "en-us"
    assert choice.reason == "espeak was asked for"
    assert choice.ranking == ()


@pytest.mark.parametrize("provider", ["", "polly", "Espeak", "auto "])
def test_an_unknown_provider_names_the_known_ones(provider):
    with pytest.raises(UnknownProviderError, match="auto, bark, kokoro, gtts, espeak"):
        choose(provider, None, "pt-BR")


@pytest.mark.parametrize("provider", ["auto", "espeak", "gtts"])
def test_an_unknown_voice_is_an_error_for_auto_too(provider):
    with pytest.raises(UnknownVoiceError, match="nobody"):
        choose(provider, "nobody", "pt-BR")


def test_a_language_that_nobody_speaks_is_an_error():
    with pytest.raises(UnknownVoiceError, match="tlh"):
        choose("auto", None, "tlh")


def test_one_engine_per_process():
    assert load_engine("espeak") is load_engine("espeak")
