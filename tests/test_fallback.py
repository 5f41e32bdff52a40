"""What happens when a provider fails: the next one speaks all of it, or nobody does."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from flows.contract import as_request
from flows.narrate import generate_narration_sync
from tests.support import moody
from tests.support.translate import StandIn, as_mp3
from tts_tasks import steps
from tts_tasks.catalog.library import Library
from tts_tasks.engines import breaker, gtts, registry
from tts_tasks.errors import (
    BadAnswerError,
    CancelledError,
    CatalogError,
    EmptyTextError,
    EngineError,
    EngineOutputError,
    EngineUnavailableError,
    FlaggedError,
    InputError,
    MasteringError,
    ModelMissingError,
    NarrationError,
    ProviderRefusedError,
)
from tts_tasks.fallback import is_the_providers, next_request
from tts_tasks.request import NarrationRequest, Policy, Preference, preference_of
from tts_tasks.settings import load_settings
from tts_tasks.values import Chunk, Script, Verdict

ONE = "A padaria da esquina abre às seis da manhã."
TWO = "O pão de queijo sai quente do forno às sete."
THREE = "Ninguém percebeu que o forno ficou ligado."
TEXT = f"{ONE} {TWO} {THREE}"
ORDER = "gtts,espeak"
ATTEMPTS = 2


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Let nobody wait, and gTTS try twice."""
    monkeypatch.setattr(gtts, "wait", lambda _, checkpoint: checkpoint())
    monkeypatch.setattr(gtts, "MAX_ATTEMPTS", ATTEMPTS)


@pytest.fixture
def service(monkeypatch):
    """gTTS with a service that answers."""
    gtts._is_reachable.cache_clear()
    with StandIn() as stand_in:
        monkeypatch.setenv("NARRATION_GTTS_URL", stand_in.url)
        monkeypatch.setenv("NARRATION_GTTS_REQUESTS_PER_S", "100")
        yield stand_in
    gtts._is_reachable.cache_clear()


def narrate(path, text=TEXT, policy=ORDER, **options):
    return generate_narration_sync(text, path, policy=policy, **options)


def library():
    settings = load_settings()
    return Library(settings.library, durable=False)


def events(kind):
    lines = [
        json.loads(line)
        for path in (library().root / "journal").glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [event["fields"] for event in lines if event["kind"] == kind]


def speakers():
    """Return who spoke each utterance that was registered, in order."""
    return [(event["provider"], event["spoken"]) for event in events("utterance_registered")]


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def fail_after(service, n_answers, action="503"):
    """Answer so many requests, and fail from then on."""
    service.script.extend(["ok"] * n_answers)
    service.always = action


def recover(service):
    """Let the service work again, and everybody know it."""
    service.always = None
    gtts._is_reachable.cache_clear()
    (load_settings().providers / "gtts.json").unlink(missing_ok=True)


# A provider that fails on the way


def test_when_a_provider_fails_on_the_way_the_next_one_speaks_all_of_it(service, tmp_path):
    fail_after(service, 1)
    outcome = narrate(tmp_path / "a.mp3")
    assert outcome["success"], outcome["error"]
    assert service.texts == [ONE] + [TWO] * ATTEMPTS, "the third sentence is not even asked for"
    assert (outcome["provider"], outcome["voice"]) == ("espeak", "pt-br")
    assert speakers() == [("gtts", ONE), ("espeak", ONE), ("espeak", TWO), ("espeak", THREE)]
    keys = {sentence["key"] for sentence in outcome["sentences"]}
    voices = {library().objects.find(key).facts["voice"] for key in keys}
    assert voices == {"pt-br"}, "one voice from the first sentence to the last"
    assert (outcome["chunks"], outcome["synthesized_chunks"]) == (3, 3)


def test_the_outcome_says_who_spoke_and_why(service, tmp_path):
    fail_after(service, 1)
    outcome = narrate(tmp_path / "a.mp3")
    assert outcome["downgraded"] is True
    assert outcome["choice"].startswith("espeak is number 2 of the order asked for; gtts failed: ")
    assert "503" in outcome["choice"]
    assert [
        (verdict["provider"], verdict["is_usable"], verdict["is_passing"])
        for verdict in outcome["ranking"]
    ] == [
        ("gtts", False, True),
        ("espeak", True, False),
        ("bark", False, False),
        ("kokoro", False, False),
    ]
    assert json.loads(json.dumps(outcome)) == outcome
    tags = soundfile.info(outcome["audio_path"])
    assert tags.duration == pytest.approx(outcome["duration"], abs=0.1)


def test_the_events_say_who_failed_and_who_spoke(service, tmp_path):
    fail_after(service, 1)
    outcome = narrate(tmp_path / "a.mp3")
    [failed] = events("provider_failed")
    assert (failed["provider"], failed["voice"]) == ("gtts", "google-com.br")
    assert failed["code"] == "engine_unavailable"
    assert "503" in failed["message"]
    [finished] = events("narration_finished")
    assert (finished["provider"], finished["is_downgrade"]) == ("espeak", True)
    assert (finished["choice"], finished["ranking"]) == (outcome["choice"], outcome["ranking"])
    assert events("narration_failed") == [], "it did not, after all"


def test_the_events_say_whose_narration_it_was(service, tmp_path):
    service.always = "503"
    settings = load_settings()
    request = as_request(
        settings, text=ONE, output_path=tmp_path / "a.mp3", lesson="curso/aula", run_id="r1",
        policy=ORDER,
    )  # fmt: skip
    assert steps.narrate(request, settings).provider == "espeak"
    [failed] = events("provider_failed")
    assert (failed["course"], failed["lesson"], failed["run_id"]) == ("curso", "aula", "r1")


def test_what_was_spoken_before_the_failure_costs_nothing_afterwards(service, tmp_path):
    fail_after(service, 2)
    assert narrate(tmp_path / "a.mp3")["provider"] == "espeak"
    recover(service)
    service.calls.clear()
    outcome = narrate(tmp_path / "a.mp3")
    assert (outcome["provider"], outcome["downgraded"]) == ("gtts", False)
    assert service.texts == [THREE]
    assert (outcome["chunks"], outcome["synthesized_chunks"]) == (3, 1)


def test_a_second_narration_of_what_the_next_provider_spoke_is_cached(service, tmp_path):
    service.always = "503"
    first = narrate(tmp_path / "a.mp3")
    again = narrate(tmp_path / "b.mp3")
    assert (again["provider"], again["cached"], again["downgraded"]) == ("espeak", True, True)
    assert again["key"] == first["key"]


@pytest.mark.parametrize("action", ["500", "503", "429:0", "html", "null", "cut-mp3", "reset"])
def test_whatever_a_retry_may_mend_makes_the_next_provider_speak(service, tmp_path, action):
    service.always = action
    outcome = narrate(tmp_path / "a.mp3", ONE)
    assert outcome["success"], outcome["error"]
    assert (outcome["provider"], len(service.calls)) == ("espeak", ATTEMPTS)


@pytest.mark.parametrize("action", ["403", "404"])
def test_a_permanent_refusal_is_asked_for_once(service, tmp_path, action):
    service.always = action
    outcome = narrate(tmp_path / "a.mp3")
    assert (outcome["provider"], outcome["downgraded"]) == ("espeak", True)
    assert len(service.calls) == 1
    [failed] = events("provider_failed")
    assert failed["code"] == "provider_refused"


def test_after_a_permanent_refusal_the_next_narration_asks_nothing(service, tmp_path):
    service.always = "403"
    narrate(tmp_path / "a.mp3")
    outcome = narrate(tmp_path / "b.mp3", THREE)
    assert (outcome["provider"], outcome["downgraded"]) == ("espeak", True)
    assert "gtts rests until" in outcome["choice"]
    assert len(service.calls) == 1


def test_auto_by_quality_falls_back_too(service, tmp_path):
    service.always = "503"
    outcome = narrate(tmp_path / "a.mp3", policy="quality")
    assert (outcome["provider"], outcome["downgraded"]) == ("espeak", True)
    assert outcome["choice"].startswith("espeak is the most natural one that can speak; ")


def test_a_failure_that_heals_in_time_is_none(service, tmp_path):
    service.script.extend(["503", "ok", "html"])
    outcome = narrate(tmp_path / "a.mp3")
    assert (outcome["provider"], outcome["downgraded"]) == ("gtts", False)
    assert events("provider_failed") == []


def test_no_part_of_what_failed_is_published(service, tmp_path):
    fail_after(service, 1)
    folder = tmp_path / "out"
    outcome = narrate(folder / "a.mp3")
    assert {path.split(".", 1)[0] for path in files_in(folder)} == {"a"}
    captions = (folder / "a.srt").read_text(encoding="utf-8")
    assert captions.count("-->") >= 3
    assert outcome["sentences"][0]["text"] == ONE


# Where nobody else may speak


def test_a_provider_asked_for_by_name_is_not_replaced(service, tmp_path):
    fail_after(service, 1)
    folder = tmp_path / "out"
    outcome = narrate(folder / "a.mp3", provider="gtts")
    assert not outcome["success"]
    error = outcome["error"]
    assert (error["code"], error["retryable"]) == ("engine_unavailable", True)
    assert "503" in error["message"]
    assert "another provider" in error["remedy"]
    assert not folder.exists() or files_in(folder) == []
    assert speakers() == [("gtts", ONE)]
    assert len(events("narration_failed")) == len(events("provider_failed")) == 1
    recover(service)
    service.calls.clear()
    assert narrate(folder / "a.mp3", provider="gtts")["success"]
    assert service.texts == [TWO, THREE]


@pytest.mark.parametrize("voice", ["google-com.br", "google-pt"])
def test_a_voice_asked_for_is_not_replaced(service, tmp_path, voice):
    service.always = "503"
    outcome = narrate(tmp_path / "a.mp3", policy="quality", voice=voice)
    assert outcome["error"]["code"] == "engine_unavailable"
    assert list(tmp_path.glob("a.*")) == []
    assert speakers() == []


def test_an_order_of_one_has_no_next(service, tmp_path):
    service.always = "503"
    outcome = narrate(tmp_path / "a.mp3", policy="gtts")
    assert outcome["error"]["code"] == "engine_unavailable"
    assert speakers() == []


def test_a_provider_of_an_order_that_lacks_its_model_is_no_next(service, tmp_path):
    service.always = "503"
    outcome = narrate(tmp_path / "a.mp3", policy="gtts,kokoro")
    assert outcome["error"]["code"] == "engine_unavailable"


@pytest.mark.parametrize("text", ["", "   ", "…", "\n\n"])
def test_a_text_that_cannot_be_spoken_is_nobodys_failure(service, tmp_path, text):
    outcome = narrate(tmp_path / "a.mp3", text)
    assert outcome["error"]["code"] == "empty_text"
    assert (service.calls, events("provider_failed")) == ([], [])


def test_a_text_that_is_too_long_is_nobodys_failure(service, tmp_path):
    outcome = narrate(tmp_path / "a.mp3", "palavra " * 1_000)
    assert outcome["error"]["code"] == "text_too_long"
    assert (service.calls, events("provider_failed")) == ([], [])


class Broken(moody.MoodyEngine):
    """Always fails, as ``failure`` says."""

    name = "broken"
    naturalness = 0.9
    failure: NarrationError = EngineUnavailableError("no sound came")
    calls = 0

    def synthesize(self, chunks, checkpoint=None):
        type(self).calls += 1
        raise self.failure


@pytest.fixture
def broken(monkeypatch):
    monkeypatch.setattr(
        registry, "ENGINES", {"broken": "tests.test_fallback:Broken", **registry.ENGINES}
    )
    monkeypatch.setattr(Broken, "calls", 0)
    registry._make.cache_clear()
    yield monkeypatch
    registry._make.cache_clear()


def test_when_everybody_fails_the_last_failure_is_the_error(broken, service, tmp_path):
    fail_after(service, 1, "403")
    folder = tmp_path / "out"
    outcome = narrate(folder / "a.mp3", policy="broken,gtts")
    assert outcome["error"]["code"] == "provider_refused"
    assert not folder.exists() or files_in(folder) == []
    assert [event["provider"] for event in events("provider_failed")] == ["broken", "gtts"]
    assert len(events("narration_failed")) == 1
    assert events("narration_registered") == events("narration_finished") == []
    assert speakers() == [("gtts", ONE)], "only what is good is in the library"
    assert Broken.calls == 1


def test_two_failures_lead_to_the_third(broken, service, tmp_path):
    service.always = "503"
    outcome = narrate(tmp_path / "a.mp3", policy="broken,gtts,espeak")
    assert outcome["provider"] == "espeak"
    assert [verdict["provider"] for verdict in outcome["ranking"][:3]] == [
        "broken", "gtts", "espeak",
    ]  # fmt: skip
    assert "broken failed: no sound came; gtts failed: " in outcome["choice"]


def test_who_failed_once_is_not_tried_again_when_the_next_is_out_of_reach(broken, tmp_path):
    outcome = narrate(tmp_path / "a.mp3", policy="broken,gtts")
    assert not outcome["success"]
    assert Broken.calls == 1


@pytest.mark.parametrize(
    ("failure", "falls_back"),
    [
        (EngineUnavailableError("no sound came"), True),
        (ModelMissingError("the model is cut short"), True),
        (ProviderRefusedError("go away"), True),
        (BadAnswerError("half of it"), True),
        (EngineOutputError("silence"), False),
        (FlaggedError("doubtful"), False),
        (EngineError("what?"), False),
        (EmptyTextError("nothing to say"), False),
        (InputError("wrong"), False),
        (CatalogError("the disk is gone"), False),
        (MasteringError("no encoder"), False),
        (CancelledError("stopped"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_which_failures_make_another_provider_speak(broken, tmp_path, failure, falls_back):
    broken.setattr(Broken, "failure", failure)
    outcome = narrate(tmp_path / "a.mp3", policy="broken,espeak")
    assert outcome["success"] == falls_back
    assert is_the_providers(failure) == falls_back
    assert bool(events("provider_failed")) == falls_back
    assert Broken.calls == 1
    if not falls_back:
        assert outcome["error"]["code"] == failure.code
        assert speakers() == []


def test_a_mistake_in_an_engine_is_not_hidden_by_another(broken, tmp_path):
    broken.setattr(Broken, "failure", ZeroDivisionError("seven"))
    with pytest.raises(ZeroDivisionError):
        narrate(tmp_path / "a.mp3", policy="broken,espeak")
    assert speakers() == []


def test_who_cancels_wants_no_other_voice(service, tmp_path):
    def checkpoint():
        if len(service.calls) == 2:
            raise CancelledError("stopped")

    outcome = narrate(tmp_path / "a.mp3", checkpoint=checkpoint)
    assert outcome["error"]["code"] == "cancelled"
    assert {provider for provider, _ in speakers()} == {"gtts"}
    assert (events("provider_failed"), list(tmp_path.glob("a.*"))) == ([], [])


def test_a_flagged_take_waits_for_ears_and_not_for_another_voice(broken, monkeypatch, tmp_path):
    broken.setattr(Broken, "synthesize", moody.MoodyEngine.synthesize)
    monkeypatch.setattr(moody, "BAD_SEEDS", {0, 1, 2})
    text = "O abacaxi é uma fruta tropical, doce e cheia de espinhos na coroa."
    outcome = narrate(tmp_path / "a.mp3", text, policy="broken,espeak")
    assert outcome["error"]["code"] == "flagged"
    assert {provider for provider, _ in speakers()} == {"broken"}
    accepted = narrate(tmp_path / "a.mp3", text, policy="broken,espeak", accept_flagged=True)
    assert (accepted["provider"], accepted["downgraded"]) == ("broken", False)


def test_a_service_that_fails_again_and_again_is_left_alone(service, tmp_path):
    service.always = "503"
    for number in range(breaker.FAILURES_TO_OPEN // ATTEMPTS + 2):
        outcome = narrate(tmp_path / f"{number}.mp3", f"Esta é a frase número {number}.")
        assert (outcome["provider"], outcome["downgraded"]) == ("espeak", True)
    assert len(service.calls) == breaker.FAILURES_TO_OPEN
    assert "gtts rests until" in outcome["choice"]


# The next request


def request_with(tmp_path, **fields):
    return NarrationRequest(text=ONE, output_path=tmp_path / "a.mp3", **fields)


def script_with(*verdicts, provider="gtts"):
    chunk = Chunk(ONE, ONE, "v", key="c" * 64)
    script = Script((chunk,), provider, "v", "1", "mp3", "m", len(ONE), "k" * 64)
    return replace(script, ranking=verdicts)


GTTS, ESPEAK, RESTS = (
    Verdict("gtts", "is well"),
    Verdict("espeak", "is well"),
    Verdict("kokoro", "rests", False, True),
)
FAILURE = EngineUnavailableError("503")


def test_the_next_request_is_the_same_but_for_what_failed(tmp_path):
    request = request_with(tmp_path, failed={"kokoro": "no sound"}, seed=3)
    again = next_request(request, script_with(RESTS, GTTS, ESPEAK), FAILURE)
    assert again == replace(request, failed={"kokoro": "no sound", "gtts": "503"})


@pytest.mark.parametrize(
    ("provider", "script", "error"),
    [
        pytest.param("gtts", script_with(GTTS, ESPEAK), FAILURE, id="asked for by name"),
        pytest.param("auto", None, FAILURE, id="before anybody was chosen"),
        pytest.param("auto", script_with(GTTS), FAILURE, id="nobody else"),
        pytest.param("auto", script_with(GTTS, RESTS), FAILURE, id="nobody else can now"),
        pytest.param("auto", script_with(), FAILURE, id="no ranking"),
        pytest.param("auto", script_with(GTTS, ESPEAK), InputError("no"), id="not its fault"),
    ],
)
def test_there_is_no_next_request(tmp_path, provider, script, error):
    assert next_request(request_with(tmp_path, provider=provider), script, error) is None


# What matters when auto chooses


@pytest.mark.parametrize(
    ("policy", "deadline_s", "expected", "text"),
    [
        ("quality", None, Preference(), "quality"),
        ("fast", None, Preference(Policy.FAST), "fast"),
        (" offline ", None, Preference(Policy.OFFLINE), "offline"),
        (Policy.CHEAPEST, None, Preference(Policy.CHEAPEST), "cheapest"),
        (["fast"], None, Preference(Policy.FAST), "fast"),
        ("gtts", None, Preference(order=("gtts",)), "gtts"),
        ("gtts,espeak", None, Preference(order=("gtts", "espeak")), "gtts,espeak"),
        (" gtts , espeak ", None, Preference(order=("gtts", "espeak")), "gtts,espeak"),
        (["gtts", "espeak"], None, Preference(order=("gtts", "espeak")), "gtts,espeak"),
        (("gtts", "espeak"), None, Preference(order=("gtts", "espeak")), "gtts,espeak"),
        ("quality", 90, Preference(deadline_s=90), "quality"),
        ("gtts,espeak", 0.5, Preference(order=("gtts", "espeak"), deadline_s=0.5), "gtts,espeak"),
    ],
)
def test_what_matters_is_understood(policy, deadline_s, expected, text):
    preference = preference_of(policy, deadline_s)
    assert preference == expected
    assert str(preference) == text
    assert preference_of(str(preference), deadline_s) == preference


@pytest.mark.parametrize("policy", ["", " ", ",", "gtts,", ",gtts", "gtts,,espeak", [], [""], [7],
                                    ["gtts", None], [["gtts"]]])  # fmt: skip
def test_what_is_no_policy_is_refused(policy):
    with pytest.raises(InputError, match="is no policy") as refusal:
        preference_of(policy)
    assert refusal.value.field == "policy"
    assert "quality, fast, offline, cheapest" in str(refusal.value)
    assert "gtts,espeak" in str(refusal.value)


@pytest.mark.parametrize("policy", ["quality,espeak", "espeak,fast"])
def test_a_policy_among_providers_is_refused(policy, tmp_path):
    error = narrate(tmp_path / "a.mp3", policy=policy)["error"]
    assert error["field"] == "policy"


@pytest.mark.parametrize("policy", [None, 7, {"gtts": 1}, b"gtts"])
def test_a_policy_of_another_type_is_refused(policy, tmp_path):
    error = narrate(tmp_path / "a.mp3", policy=policy)["error"]
    assert (error["code"], error["field"]) == ("invalid_input", "policy")


@pytest.mark.parametrize(
    "deadline_s", [0, -1, float("nan"), float("inf"), -float("inf"), True, "60", [60]]
)
def test_what_is_no_deadline_is_refused(deadline_s):
    with pytest.raises(InputError, match="is not a number of seconds above 0") as refusal:
        preference_of("quality", deadline_s)
    assert refusal.value.field == "deadline_s"


@pytest.mark.parametrize("policy", ["polly", "gtts,polly", "Quality", "gtts;espeak"])
def test_an_unknown_name_is_an_error_even_beside_a_known_one(service, tmp_path, policy):
    error = narrate(tmp_path / "a.mp3", policy=policy)["error"]
    assert (error["code"], error["field"]) == ("unknown_provider", "policy")
    assert service.calls == []


def test_a_deadline_reaches_the_choice(service, tmp_path):
    outcome = narrate(tmp_path / "a.mp3", TEXT * 5, policy="quality", deadline_s=1)
    assert (outcome["provider"], outcome["downgraded"]) == ("espeak", False)
    assert service.calls == []


def test_a_text_with_a_voice_that_only_the_failed_provider_has_tells_of_its_failure(
    service, tmp_path
):
    service.always = "503"
    text = f"{ONE} [voz google-pt]{TWO}[/voz]"
    outcome = generate_narration_sync(text, tmp_path / "a.mp3", policy=ORDER)
    assert not outcome["success"]
    assert outcome["error"]["code"] == "engine_unavailable"
    assert "503" in outcome["error"]["message"]
    assert list(tmp_path.iterdir()) == []


def test_a_bad_answer_does_not_stay_in_the_library(service, tmp_path):
    service.script.extend(["half-mp3"] * 3)
    text = "Esta frase é longa o bastante para que a metade dela se note."
    outcome = generate_narration_sync(text, tmp_path / "a.mp3", provider="gtts")
    assert outcome["error"]["code"] == "bad_answer"
    again = generate_narration_sync(text, tmp_path / "a.mp3", provider="gtts")
    assert again["success"], again["error"]
    assert again["flagged"] == []


def test_silence_of_a_service_is_its_failure(service, tmp_path):
    service.render = lambda text, slow: as_mp3(np.zeros(48_000, np.float32), 24_000)
    outcome = generate_narration_sync(ONE, tmp_path / "a.mp3", policy=ORDER)
    assert (outcome["provider"], outcome["downgraded"]) == ("espeak", True)
