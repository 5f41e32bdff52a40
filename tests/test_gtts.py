"""The gTTS engine against a stand-in of Google Translate: patience, haste, and giving up."""

import io
import sys
import threading
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import soundfile

from tests.support.translate import ACTIONS, OK, StandIn, mp3_of
from tts_tasks.engines import gtts as gtts_engine
from tts_tasks.engines import permits, token_bucket
from tts_tasks.engines.breaker import FAILURES_TO_OPEN, FIRST_REST_S, Circuit, Failure
from tts_tasks.engines.gtts import BURST, MAX_ATTEMPTS, PATIENCE_S, PORTUGUESE, GttsEngine
from tts_tasks.errors import (
    BadAnswerError,
    CancelledError,
    EmptyTextError,
    EngineParameterError,
    EngineUnavailableError,
    ModelMissingError,
    ProviderRefusedError,
    TextTooLongError,
    UnknownVoiceError,
)
from tts_tasks.settings import load_settings
from tts_tasks.values import Chunk, fault_of

SENTENCE = "Bem-vindo ao curso: hoje, na primeira aula, vamos falar de programação e de dados."
VOICE = "google-com.br"


@pytest.fixture(autouse=True)
def nothing_known_already(monkeypatch):
    """Forget what an earlier test found out, and the machine's own proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    forget()
    yield
    forget()


def forget():
    for cached in (gtts_engine._is_reachable, gtts_engine._languages, gtts_engine._accents):
        cached.cache_clear()


@pytest.fixture
def stand_in(monkeypatch):
    with StandIn() as stand_in:
        # Requests that come at once must not wait for a second in the system's queue of five.
        stand_in.server.socket.listen(128)
        monkeypatch.setenv("NARRATION_GTTS_URL", stand_in.url)
        monkeypatch.setenv("NARRATION_GTTS_REQUESTS_PER_S", "100")
        yield stand_in


@pytest.fixture
def engine(stand_in, waits):
    return GttsEngine(load_settings())


class Waits:
    """Every wait of the engine, over at once on a clock that they move."""

    def __init__(self):
        self.asked_s, self.slept_s = [], []

    def __call__(self, seconds, checkpoint):
        self.asked_s.append(seconds)
        token_bucket.wait(seconds, checkpoint, sleep=self.slept_s.append)

    def clock(self):
        return time.time() + sum(self.slept_s)

    @property
    def long_s(self):
        """Those that are not for the rate."""
        return [seconds for seconds in self.asked_s if seconds > 0.1]


@pytest.fixture
def waits(monkeypatch):
    """Make no wait last, and every delay as long as it can be."""
    waits = Waits()
    monkeypatch.setattr(gtts_engine, "wait", waits)
    breaker = partial(gtts_engine.CircuitBreaker, clock=waits.clock)
    monkeypatch.setattr(gtts_engine, "CircuitBreaker", breaker)
    monkeypatch.setattr(gtts_engine.random, "uniform", lambda _, longest: longest)
    return waits


def chunk(text=SENTENCE, voice=VOICE, **parameters):
    return Chunk(text, text, voice, parameters)


def speak(engine, text=SENTENCE, voice=VOICE, **more):
    [waveform] = engine.synthesize([chunk(text, voice)], **more)
    return waveform


def heard(text=SENTENCE, slow=False):
    return soundfile.read(io.BytesIO(mp3_of(text, slow)), dtype="float32")[0]


def test_a_sentence_becomes_mono_float32_at_24_khz(engine, stand_in):
    waveform = speak(engine)
    assert waveform.sample_rate == engine.sample_rate == 24_000
    assert fault_of(waveform.samples) is None
    assert np.abs(waveform.samples).max() > 0.05
    assert 0.5 < waveform.duration_s / (len(SENTENCE) / 14.0) < 2.0
    assert np.array_equal(waveform.samples, heard())
    assert stand_in.texts == [SENTENCE]


def test_the_time_of_the_request_is_told_without_the_waits(engine, stand_in, waits):
    stand_in.script.append("429:30")
    assert 0 < speak(engine).synthesis_s < 20


def test_waveforms_come_in_order_one_for_each_chunk(engine, stand_in, waits):
    texts = ["Um.", "Dois, três e quatro.", "Cinco.", "Um.", "Seis: sete; oito!"]
    waveforms = engine.synthesize([chunk(text) for text in texts])
    assert stand_in.texts == texts
    assert len(waveforms) == len(texts)
    for text, waveform in zip(texts, waveforms, strict=True):
        assert np.array_equal(waveform.samples, heard(text))


def test_nothing_to_speak_asks_nobody(engine, stand_in):
    assert engine.synthesize([]) == []
    assert stand_in.calls == []


@pytest.mark.parametrize("name", PORTUGUESE)
def test_each_portuguese_voice_asks_in_its_language_and_pace(engine, stand_in, name):
    waveform = speak(engine, voice=name)
    [call] = stand_in.calls
    assert call.language == ("pt-PT" if "-pt" in name else "pt")
    assert call.slow is name.endswith("-slow")
    assert np.array_equal(waveform.samples, heard(slow=call.slow))


def test_space_around_a_text_is_not_sent(engine, stand_in):
    speak(engine, f"  {SENTENCE}\n")
    assert stand_in.texts == [SENTENCE]


def test_a_text_at_the_limit_is_one_request(engine, stand_in):
    text = ("um, dois: três; " * 9)[:99] + "."
    assert len(text) == engine.max_chars
    assert engine.fits(text, VOICE)
    speak(engine, text)
    assert stand_in.texts == [text]


FAILURES = [action for action in ACTIONS if action != OK]
FINAL = {"400", "403", "404"}
PASSING = [action for action in FAILURES if action not in FINAL]
BAD_ANSWERS = {
    *("empty", "html", "no-result", "null", "no-audio", "bad-base64", "not-mp3", "cut-mp3"),
    *("half-mp3", "other-rate", "not-utf8", "truncated", "endless"),
}


def error_of(action):
    if action in FINAL:
        return ProviderRefusedError
    return BadAnswerError if action in BAD_ANSWERS else EngineUnavailableError


@pytest.fixture
def hasty(stand_in, waits, monkeypatch):
    """Return an engine that gives no request long: for a stand-in that is slow."""
    monkeypatch.setenv("NARRATION_GTTS_TIMEOUT_S", "0.2")
    return GttsEngine(load_settings())


def engine_for(action, request):
    return request.getfixturevalue("hasty" if action in ("slow", "trickle") else "engine")


@pytest.mark.parametrize("action", PASSING)
def test_after_a_passing_failure_the_audio_is_complete(request, stand_in, waits, action):
    mp3_of(SENTENCE)  # The stand-in is slow only when it is told to be.
    stand_in.script.append(action)
    waveform = speak(engine_for(action, request))
    assert np.array_equal(waveform.samples, heard())
    assert stand_in.texts == [SENTENCE] * 2


@pytest.mark.parametrize("action", PASSING)
def test_a_failure_that_stays_is_told_after_so_many_requests(request, stand_in, waits, action):
    mp3_of(SENTENCE)
    stand_in.always = action
    with pytest.raises(error_of(action)) as failed:
        speak(engine_for(action, request))
    assert type(failed.value) is error_of(action)
    assert failed.value.retryable
    assert failed.value.message.startswith("Google Translate ")
    assert failed.value.remedy
    assert len(stand_in.calls) == MAX_ATTEMPTS


@pytest.mark.parametrize("action", sorted(FINAL))
def test_a_failure_that_trying_does_not_mend_is_told_after_one_request(
    engine, stand_in, waits, action
):
    stand_in.script.append(action)
    with pytest.raises(ProviderRefusedError) as failed:
        speak(engine)
    assert not failed.value.retryable
    assert len(stand_in.calls) == 1
    assert waits.long_s == []


@pytest.mark.parametrize(("action", "circuit"), [("400", Circuit.CLOSED), ("403", Circuit.OPEN)])
def test_only_a_refusal_that_is_not_about_the_text_opens_the_breaker(
    engine, stand_in, waits, action, circuit
):
    stand_in.script.append(action)
    with pytest.raises(ProviderRefusedError):
        speak(engine)
    assert engine.breaker.read().circuit(engine.breaker.clock()) is circuit


def test_a_failure_in_the_middle_is_repeated_alone(engine, stand_in, waits):
    stand_in.script.extend([OK, "500", "reset", OK, OK])
    texts = ["Um.", "Dois.", "Três."]
    waveforms = engine.synthesize([chunk(text) for text in texts])
    assert stand_in.texts == ["Um.", "Dois.", "Dois.", "Dois.", "Três."]
    for text, waveform in zip(texts, waveforms, strict=True):
        assert np.array_equal(waveform.samples, heard(text))


def test_delays_are_twice_as_long_each_time(engine, stand_in, waits):
    stand_in.always = "503"
    with pytest.raises(EngineUnavailableError):
        speak(engine)
    assert waits.long_s == [0.5, 1.0, 2.0, 4.0]


def test_delays_differ_by_chance(engine, stand_in, waits, monkeypatch):
    monkeypatch.setattr(gtts_engine.random, "uniform", lambda least, _: least)
    stand_in.always = "503"
    with pytest.raises(EngineUnavailableError):
        speak(engine)
    assert waits.long_s == [0.25, 0.5, 1.0, 2.0]


def test_the_service_is_left_alone_for_as_long_as_it_asks(engine, stand_in, waits):
    stand_in.script.append("429:7")
    assert speak(engine).duration_s > 1
    assert waits.long_s == [7.0]
    assert len(stand_in.calls) == 2


def test_a_short_wish_does_not_shorten_the_delays(engine, stand_in, waits):
    stand_in.script.extend(["503:0"] * 4)
    speak(engine)
    assert waits.long_s == [0.5, 1.0, 2.0, 4.0]


def test_all_workers_leave_the_service_alone_when_one_was_asked_to(engine, stand_in, waits):
    stand_in.script.append("429:30")
    with pytest.raises(CancelledError):
        speak(engine, checkpoint=cancelled_when(lambda: waits.slept_s))
    waits.asked_s.clear()
    speak(GttsEngine(load_settings()))
    assert waits.long_s == pytest.approx([30.0], abs=3.0)


def test_a_wish_up_to_the_patience_is_waited_for(engine, stand_in, waits):
    stand_in.script.append(f"429:{PATIENCE_S:.0f}")
    speak(engine)
    assert waits.long_s == [PATIENCE_S]
    assert len(stand_in.calls) == 2


def test_a_wish_beyond_the_patience_opens_the_breaker(engine, stand_in, waits):
    stand_in.script.append(f"429:{PATIENCE_S + 1:.0f}")
    with pytest.raises(EngineUnavailableError, match=r"rests until .* 429 Too Many") as failed:
        speak(engine)
    assert failed.value.retryable
    assert len(stand_in.calls) == 1
    assert waits.long_s == []
    rest_s = engine.breaker.read().rests_until_s - engine.breaker.clock()
    assert PATIENCE_S - 9 < rest_s <= PATIENCE_S + 1


def opened(engine, rest_s=60.0):
    for _ in range(FAILURES_TO_OPEN):
        engine.breaker.failed(Failure("answered 503"))
    record = engine.breaker.read()
    engine.breaker._write(replace(record, rests_until_s=engine.breaker.clock() + rest_s))


def test_while_the_service_rests_nothing_is_asked(engine, stand_in, waits):
    opened(engine)
    with pytest.raises(EngineUnavailableError, match="rests until"):
        speak(engine)
    assert stand_in.calls == []
    assert waits.asked_s == []


def test_a_service_that_keeps_failing_is_left_alone_by_all(engine, stand_in, waits):
    stand_in.always = "503"
    for _ in range(4):
        with pytest.raises(EngineUnavailableError):
            speak(GttsEngine(load_settings()))
    assert len(stand_in.calls) == FAILURES_TO_OPEN
    stand_in.always = None
    with pytest.raises(EngineUnavailableError):
        speak(engine)
    assert len(stand_in.calls) == FAILURES_TO_OPEN


def test_after_the_rest_one_request_shows_that_the_service_works(engine, stand_in, waits):
    opened(engine, rest_s=0.0)
    engine.synthesize([chunk("Um."), chunk("Dois.")])
    assert stand_in.texts == ["Um.", "Dois."]
    assert engine.breaker.read().circuit(engine.breaker.clock()) is Circuit.CLOSED


@pytest.mark.parametrize("action", ["503", "403", "null", "429:3"])
def test_after_the_rest_one_request_shows_that_the_service_still_fails(
    engine, stand_in, waits, action
):
    opened(engine, rest_s=0.0)
    stand_in.always = action
    with pytest.raises((EngineUnavailableError, BadAnswerError)):
        engine.synthesize([chunk("Um."), chunk("Dois.")])
    assert stand_in.texts == ["Um."]
    rest_s = engine.breaker.read().rests_until_s - engine.breaker.clock()
    assert FIRST_REST_S < rest_s <= 2 * FIRST_REST_S


def in_any_window(calls, rate_per_s):
    """Return how many requests came beyond burst and rate, at most.

    A request may be late for reasons of the machine, and so be followed sooner by the next one.
    """
    late_s = 0.4
    at_s = sorted(call.at_s for call in calls)
    return max(
        count - BURST - rate_per_s * (until_s - from_s + late_s)
        for first, from_s in enumerate(at_s)
        for count, until_s in enumerate(at_s[first:], start=1)
    )


def speak_in_threads(engine, count, texts):
    failed = []

    def run():
        try:
            engine.synthesize([chunk(text) for text in texts])
        except BaseException as error:  # noqa: BLE001 - it is looked at in the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def engine_at(rate_per_s, monkeypatch):
    monkeypatch.setenv("NARRATION_GTTS_REQUESTS_PER_S", str(rate_per_s))
    return GttsEngine(load_settings())


def test_threads_keep_the_rate_together(stand_in, monkeypatch):
    mp3_of("Um.")
    speak_in_threads(engine_at(50, monkeypatch), 8, ["Um."] * 6)
    assert len(stand_in.calls) == 48
    assert in_any_window(stand_in.calls, 50) <= 0


def test_a_rate_that_is_not_kept_would_be_seen(stand_in, monkeypatch):
    mp3_of("Um.")
    speak_in_threads(engine_at(100, monkeypatch), 8, ["Um."] * 6)
    assert in_any_window(stand_in.calls, 5) > 0


def test_the_rate_is_kept_when_all_have_held_back(stand_in, monkeypatch):
    mp3_of("Um.")
    engine = engine_at(25, monkeypatch)
    engine.breaker.hold_back(0.9)
    speak_in_threads(engine, 24, ["Um."])
    assert len(stand_in.calls) == 24
    assert in_any_window(stand_in.calls, 25) <= 0


def cancelled_when(is_time):
    def checkpoint():
        if is_time():
            raise CancelledError("cancelled")

    return checkpoint


def cancelled_after(calls):
    """Return a checkpoint that raises when it was passed so many times."""
    passed = iter(range(calls))
    return cancelled_when(lambda: next(passed, None) is None)


def test_the_checkpoint_is_asked_before_each_chunk(engine, stand_in):
    asked_after = []
    engine.synthesize(
        [chunk("Um."), chunk("Dois.")], lambda: asked_after.append(len(stand_in.calls))
    )
    assert {0, 1} <= set(asked_after)


@pytest.mark.parametrize("action", ["503", "429:9"])
def test_cancelling_stops_a_wait(engine, stand_in, waits, action):
    stand_in.always = action
    with pytest.raises(CancelledError):
        speak(engine, checkpoint=cancelled_when(lambda: sum(waits.slept_s) > 0.3))
    assert len(stand_in.calls) == 1
    assert sum(waits.slept_s) < 0.7


def test_cancelling_at_any_point_leaves_no_probe_claimed(engine, stand_in, waits):
    for calls in range(100):
        opened(engine, rest_s=0.0)
        engine.breaker.hold_back(1.0)
        before = engine.breaker.read()
        try:
            speak(engine, checkpoint=cancelled_after(calls))
        except CancelledError:
            assert stand_in.calls == []
            assert engine.breaker.read() == before
            continue
        break
    assert calls > 5, "it waited, and was asked meanwhile"
    assert len(stand_in.calls) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_probe_that_is_interrupted_is_anybodys(engine, stand_in, waits, monkeypatch, error):
    from tts_tasks.engines.gtts_service import Service

    def interrupted(*_):
        raise error

    opened(engine, rest_s=0.0)
    with monkeypatch.context() as patch:
        patch.setattr(Service, "ask", interrupted)
        with pytest.raises(error):
            speak(engine)
    speak(GttsEngine(load_settings()))
    assert len(stand_in.calls) == 1


def test_an_interrupted_request_is_no_failure(engine, stand_in, waits, monkeypatch):
    from tts_tasks.engines.gtts_service import Service

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Service, "ask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        speak(engine)
    assert engine.breaker.read().failures == 0


@pytest.mark.parametrize("text", ["", "   ", "...", "—", "?!", "😀", "\n"])
def test_nothing_to_say_is_an_error_and_asks_nobody(engine, stand_in, text):
    with pytest.raises(EmptyTextError) as refusal:
        speak(engine, text)
    assert refusal.value.field == "text"
    assert stand_in.calls == []


def test_a_text_over_the_limit_is_an_error_not_a_cut(engine, stand_in):
    text = "a " * 50 + "b"
    assert len(text) == 101
    assert not engine.fits(text, VOICE)
    with pytest.raises(TextTooLongError, match="101 characters is over gTTS's 100") as refusal:
        speak(engine, text)
    assert refusal.value.remedy
    assert stand_in.calls == []


@pytest.mark.parametrize("voice", ["google-xx", "pt-br", "", "google-com.BR", "google-pt-BR"])
def test_an_unknown_voice_is_an_error_that_names_it(engine, stand_in, voice):
    with pytest.raises(UnknownVoiceError) as refusal:
        speak(engine, voice=voice)
    assert repr(voice) in str(refusal.value)
    assert refusal.value.field == "voice"
    assert "narrate voices --provider gtts" in refusal.value.remedy
    assert stand_in.calls == []


def test_there_are_no_parameters(engine, stand_in):
    assert engine.parameters({}) == {}
    with pytest.raises(EngineParameterError, match="'rate'") as refusal:
        engine.synthesize([chunk(rate=200)])
    assert refusal.value.field == "parameters.rate"
    assert stand_in.calls == []


def test_voices_are_portuguese_first_then_one_for_each_language(engine):
    names = engine.voices()
    assert names[:4] == list(PORTUGUESE)
    assert names[0] == VOICE
    assert {"google-en", "google-es", "google-fr-CA", "google-zh-CN"} <= set(names)
    assert len(names) == len(set(names)) > 40
    assert not {"google-pt-PT", "google-pt-BR"} & set(names), "they have the names of the accents"
    for voice in engine.catalogue():
        assert voice.name.startswith("google-")
        assert voice.language == voice.language.lower()
        assert voice.description.startswith("Google Translate, ")
        assert voice.licence


def test_another_language_speaks(engine, stand_in):
    assert engine.describe("google-en").language == "en"
    assert speak(engine, "hello", "google-en").duration_s > 0.2
    assert stand_in.calls[0].language == "en"


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("pt-BR", "google-com.br"),
        ("pt_BR", "google-com.br"),
        ("pt-PT", "google-pt"),
        ("pt", "google-com.br"),
        ("pt-AO", "google-com.br"),
        ("en-US", "google-en"),
        ("en", "google-en"),
        ("fr-CA", "google-fr-CA"),
        ("fr-BE", "google-fr"),
        ("zh-TW", "google-zh-TW"),
    ],
)
def test_default_voice_follows_the_language(engine, language, voice):
    assert engine.default_voice(language) == voice


@pytest.mark.parametrize("language", ["tlh", "xx-YY", ""])
def test_an_unknown_language_is_an_error_that_names_it(engine, language):
    with pytest.raises(UnknownVoiceError, match=f"does not speak '{language}'"):
        engine.default_voice(language)


def test_slow_voices_are_expected_to_be_slow(engine):
    usual, slow = engine.expects(chunk()), engine.expects(chunk(voice="google-pt-slow"))
    assert slow.chars_per_s < 0.8 * usual.chars_per_s


def test_it_is_available_without_asking_anybody(engine, stand_in):
    assert engine.availability().now
    assert stand_in.probes == 0
    assert stand_in.calls == []


def test_it_asks_whether_somebody_is_there_when_told_to_and_once_a_minute(
    engine, stand_in, monkeypatch
):
    monkeypatch.setattr(gtts_engine.time, "monotonic", lambda: 600.0)
    assert engine.availability(ask=True).now
    assert engine.availability(ask=True).now
    assert stand_in.probes == 1
    monkeypatch.setattr(gtts_engine.time, "monotonic", lambda: 660.0)
    assert engine.availability(ask=True).now
    assert stand_in.probes == 2
    assert stand_in.calls == [], "without a text"


def test_it_is_not_available_while_the_service_rests(engine, stand_in):
    opened(engine)
    for ask in (False, True):
        found = engine.availability(ask=ask)
        assert not found.now
        assert found.is_passing
        assert "rests until" in found.reason
    assert stand_in.probes == 0


def test_it_is_available_when_the_rest_is_over(engine, stand_in):
    opened(engine, rest_s=0.0)
    assert engine.availability(ask=True).now


def test_it_is_not_available_where_nobody_answers():
    # Where NARRATION_GTTS_URL leads in tests that do not say otherwise.
    engine = GttsEngine(load_settings())
    assert engine.availability().now, "not known without asking"
    found = engine.availability(ask=True)
    assert found.reason == "cannot be reached at 127.0.0.1:9"
    assert found.is_passing


def test_without_gtts_it_says_what_to_install(engine, stand_in, monkeypatch):
    for name in ("gtts", "gtts.lang"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "tts_tasks.engines.gtts_service", raising=False)
    found = engine.availability(ask=True)
    assert not found.now
    assert not found.is_passing
    assert "gTTS is not installed" in found.reason
    with pytest.raises(ModelMissingError, match="not installed") as missing:
        speak(engine)
    assert "narration[gtts]" in missing.value.remedy
    assert engine.default_voice("pt-BR") == VOICE
    assert engine.voices() == list(PORTUGUESE)
    assert stand_in.probes == 0


def test_a_permit_is_asked_for_before_each_request(engine, stand_in, waits):
    stand_in.script.extend(["500", "null", OK, OK])
    asked = []
    with permits.asking(lambda name, _: asked.append((name, len(stand_in.calls)))):
        engine.synthesize([chunk("Um."), chunk("Dois.")])
    assert asked == [("gtts", sent) for sent in range(4)]
    speak(engine)
    assert len(asked) == 4, "only as long as somebody keeps the limit"


def test_the_checkpoint_reaches_who_keeps_the_limit(engine, stand_in):
    def checkpoint():
        pass

    handed = []
    with permits.asking(lambda _, each: handed.append(each)):
        speak(engine, checkpoint=checkpoint)
    assert handed == [checkpoint]


@pytest.mark.parametrize("error", [CancelledError("cancelled"), RuntimeError("no server")])
def test_what_a_permit_raises_passes_and_nothing_is_sent(engine, stand_in, waits, error):
    opened(engine, rest_s=0.0)
    before = engine.breaker.read()

    def permit(*_):
        raise error

    with permits.asking(permit), pytest.raises(type(error)) as raised:
        speak(engine)
    assert raised.value is error
    assert stand_in.calls == []
    assert engine.breaker.read() == before


def test_no_permit_is_spent_while_the_service_rests(engine, stand_in):
    opened(engine)
    asked = []
    with permits.asking(lambda *_: asked.append(True)), pytest.raises(EngineUnavailableError):
        speak(engine)
    assert asked == []


def test_a_permit_is_its_threads_own(engine, stand_in):
    asked = []
    with permits.asking(lambda *_: asked.append(True)):
        speak_in_threads(engine, 1, ["Um."])
    assert asked == []
    assert stand_in.texts == ["Um."]


def test_importing_the_engine_does_not_load_the_library():
    import subprocess

    program = (
        "import sys, tts_tasks.engines.gtts as engine; engine.GttsEngine();"
        "print({'gtts', 'requests', 'urllib3'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.net
def test_the_real_service_speaks(monkeypatch):
    monkeypatch.setenv("NARRATION_GTTS_URL", "")
    waveform = speak(GttsEngine(load_settings()))
    assert fault_of(waveform.samples) is None
    expected = gtts_engine.EXPECTED.chars_per_s_range
    assert expected[0] < len(SENTENCE) / waveform.duration_s < expected[1]
