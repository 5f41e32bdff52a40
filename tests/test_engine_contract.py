"""Every engine keeps the contract; and engines that break it are found out."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.support.tiny_kokoro import write_tiny_kokoro
from tests.support.translate import StandIn
from tts_tasks.engines.contract import EngineContract
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.engines.gtts import GttsEngine
from tts_tasks.engines.kokoro import KokoroEngine
from tts_tasks.engines.protocol import Availability, Engine, Voice
from tts_tasks.errors import EmptyTextError, TextTooLongError
from tts_tasks.settings import PROJECT, load_settings
from tts_tasks.values import Waveform, never_cancelled

README = (PROJECT / "README.md").read_text(encoding="utf-8")
EXAMPLE = next(
    block
    for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    if "class MorseEngine" in block
)


class TestEspeak(EngineContract):
    def make_engine(self):
        return EspeakEngine()


class TestKokoro(EngineContract):
    """A tiny model of random weights, through the whole true path."""

    @pytest.fixture(autouse=True)
    def model(self, home):
        self.tiny = write_tiny_kokoro(load_settings().models)

    def make_engine(self):
        return KokoroEngine(load_settings(), self.tiny)


class TestGtts(EngineContract):
    @pytest.fixture(autouse=True)
    def google(self, monkeypatch):
        with StandIn() as stand_in:
            monkeypatch.setenv("NARRATION_GTTS_URL", stand_in.url)
            monkeypatch.setenv("NARRATION_GTTS_REQUESTS_PER_S", "100")
            yield

    def make_engine(self):
        return GttsEngine(load_settings())


class TestReadmeExample(EngineContract):
    texts = ("Oi.", "Bom dia a todos.")

    def make_engine(self):
        namespace = {}
        exec(compile(EXAMPLE, "README.md", "exec"), namespace)
        return namespace["MorseEngine"](load_settings())


def test_the_example_of_the_readme_has_sixty_lines_at_most():
    assert len([line for line in EXAMPLE.splitlines() if line.strip()]) <= 60


class Beeper(Engine):
    """A good engine, to be broken below: as many seconds of sound as there are characters / 20."""

    name = "beeper"
    sample_rate = 8_000
    max_chars = 80
    revision = "1"

    def catalogue(self):
        return [Voice("beep", "pt-br"), Voice("boop", "en")]

    def synthesize(self, chunks, checkpoint=never_cancelled):
        return [self.one(chunk, checkpoint) for chunk in chunks]

    def one(self, chunk, checkpoint):
        checkpoint()
        self.check(chunk)
        samples = np.sin(np.arange(400 * len(chunk.spoken)) / 5).astype(np.float32)
        return Waveform(samples, self.sample_rate)

    def check(self, chunk):
        self.describe(chunk.voice)
        if not any(map(str.isalnum, chunk.spoken)):
            raise EmptyTextError("nothing to say", field="text")
        if len(chunk.spoken) > self.max_chars:
            raise TextTooLongError("too long", field="text")


def changed(change):
    """Return an engine whose waveforms are changed."""

    class Changed(Beeper):
        def synthesize(self, chunks, checkpoint=never_cancelled):
            takes = super().synthesize(chunks, checkpoint)
            return [Waveform(change(take.samples), take.sample_rate) for take in takes]

    return Changed


class Reversed(Beeper):
    def synthesize(self, chunks, checkpoint=never_cancelled):
        order = sorted(chunks, key=lambda chunk: len(chunk.spoken))
        return super().synthesize(order, checkpoint)


class OneTooFew(Beeper):
    def synthesize(self, chunks, checkpoint=never_cancelled):
        return super().synthesize(chunks[: max(1, len(chunks) - 1)], checkpoint)


class NeedsAChunk(Beeper):
    def synthesize(self, chunks, checkpoint=never_cancelled):
        assert chunks, "nothing to do"
        return super().synthesize(chunks, checkpoint)


class OtherRate(Beeper):
    def one(self, chunk, checkpoint):
        return Waveform(super().one(chunk, checkpoint).samples, 16_000)


class AnyVoice(Beeper):
    def check(self, chunk):
        if chunk.voice not in self.voices():
            return
        super().check(chunk)


class AnyDescription(Beeper):
    def describe(self, voice):
        return Voice(voice, "pt-br")


class SaysNothing(Beeper):
    def check(self, chunk):
        if any(map(str.isalnum, chunk.spoken)):
            super().check(chunk)

    def one(self, chunk, checkpoint):
        take = super().one(chunk, checkpoint)
        return take if len(take.samples) else Waveform(np.zeros(80, np.float32), 8_000)


class CutsInSilence(Beeper):
    def check(self, chunk):
        if len(chunk.spoken) <= self.max_chars:
            super().check(chunk)


class NeverAsked(Beeper):
    def synthesize(self, chunks, checkpoint=never_cancelled):
        return super().synthesize(chunks)


class BreaksWhenCancelled(Beeper):
    def __init__(self):
        self.busy = False

    def one(self, chunk, checkpoint):
        assert not self.busy, "still speaking"
        self.busy = True
        take = super().one(chunk, checkpoint)
        self.busy = False
        return take


class Moody(Beeper):
    """Says that it is deterministic."""

    n_spoken = 0

    def one(self, chunk, checkpoint):
        self.n_spoken += 1
        take = super().one(chunk, checkpoint)
        return Waveform(take.samples * np.float32(1 / self.n_spoken), take.sample_rate)


class SharesItsVoice(Beeper):
    """Keeps what it says where other threads write as well."""

    def synthesize(self, chunks, checkpoint=never_cancelled):
        import time

        takes = []
        for chunk in chunks:
            checkpoint()
            self.check(chunk)
            self.said = chunk.spoken
            time.sleep(0.02)
            samples = np.sin(np.arange(400 * len(self.said)) / 5).astype(np.float32)
            takes.append(Waveform(samples, self.sample_rate))
        return takes


class TakesAnything(Beeper):
    def parameters(self, given):
        return dict(given)


class FitsAll(Beeper):
    def fits(self, spoken, voice):
        return True


class SpeaksAll(Beeper):
    def default_voice(self, language):
        return "beep"


class DefaultIsForeign(Beeper):
    def default_voice(self, language):
        if language == "tlh":
            return super().default_voice(language)
        return "boop"


class Twice(Beeper):
    def catalogue(self):
        return [*super().catalogue(), Voice("beep", "pt-br")]


class Nameless(Beeper):
    name = "Beeper 2.0"


class Drifts(Beeper):
    @property
    def revision(self):
        return str(id(self))


class Rests(Beeper):
    def availability(self, *, ask=False):
        return Availability("rests")


class Mumbles(Beeper):
    def describe(self, voice):
        try:
            return super().describe(voice)
        except Exception as error:
            raise type(error)("no", field="name") from error


@pytest.mark.parametrize(
    ("engine", "caught_by"),
    [
        (Nameless, "test_it_has_a_name_a_rate_and_a_revision"),
        (Drifts, "test_it_has_a_name_a_rate_and_a_revision"),
        (Rests, "test_it_can_speak_now"),
        (Twice, "test_its_catalogue_describes_each_voice_once"),
        (SpeaksAll, "test_the_default_voice_speaks_the_language"),
        (DefaultIsForeign, "test_the_default_voice_speaks_the_language"),
        (TakesAnything, "test_it_refuses_unknown_parameters_and_names_them"),
        (FitsAll, "test_it_says_what_fits"),
        (Reversed, "test_each_chunk_gets_its_waveform_in_order"),
        (OneTooFew, "test_each_chunk_gets_its_waveform_in_order"),
        (NeedsAChunk, "test_nothing_asked_is_nothing_spoken"),
        (OtherRate, "test_a_waveform_is_mono_float32_within_full_scale"),
        (changed(np.float64), "test_a_waveform_is_mono_float32_within_full_scale"),
        (changed(lambda s: np.stack([s, s])), "test_a_waveform_is_mono_float32_within_full_scale"),
        (changed(lambda s: s * 2), "test_a_waveform_is_mono_float32_within_full_scale"),
        (changed(lambda s: s * 0), "test_a_waveform_is_mono_float32_within_full_scale"),
        (changed(lambda s: s / np.float32(0)), "test_a_waveform_is_mono_float32_within_full_scale"),
        (Moody, "test_it_is_as_deterministic_as_it_says"),
        (SharesItsVoice, "test_threads_get_their_own_audio"),
        (AnyVoice, "test_an_unknown_voice_is_an_error"),
        (AnyDescription, "test_an_unknown_voice_is_an_error"),
        (SaysNothing, "test_a_text_without_words_is_an_error"),
        (CutsInSilence, "test_a_text_over_the_limit_is_an_error"),
        (Mumbles, "test_errors_say_what_to_do"),
        (NeverAsked, "test_a_cancelled_run_stops"),
        (BreaksWhenCancelled, "test_a_cancelled_run_stops"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_an_engine_that_breaks_the_contract_is_found_out(engine, caught_by):
    contract = EngineContract()
    contract.make_engine = engine
    with pytest.raises((AssertionError, NotImplementedError)), np.errstate(all="ignore"):
        getattr(contract, caught_by)()


@pytest.mark.parametrize("name", [each for each in dir(EngineContract) if each.startswith("test_")])
def test_a_good_engine_passes(name):
    contract = EngineContract()
    contract.make_engine = Beeper
    getattr(contract, name)()
