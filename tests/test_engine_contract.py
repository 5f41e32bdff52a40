"""Every engine keeps the contract; and engines that break it are found out."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import threading
import time
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from tests.support.tiny_kokoro import write_tiny_kokoro
from tests.support.translate import StandIn
from tts_tasks.engines.contract import EngineContract
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.engines.gtts import GttsEngine
from tts_tasks.engines.kokoro import KokoroEngine
from tts_tasks.engines.kokoro_voices import DEFAULTS
from tts_tasks.engines.protocol import Availability, Engine, Voice
from tts_tasks.engines.registry import GROUP
from tts_tasks.errors import (
    CancelledError,
    EmptyTextError,
    EngineParameterError,
    TextTooLongError,
    UnknownVoiceError,
)
from tts_tasks.settings import PROJECT, load_settings
from tts_tasks.values import Waveform, never_cancelled

README = (PROJECT / "README.md").read_text(encoding="utf-8")
EXAMPLE = next(
    block
    for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    if "class MorseEngine" in block
)
"""A whole engine, as other packages have it."""

MANIFEST = re.search(r"```toml\n(.*?narration\.engines.*?)```", README, flags=re.DOTALL)[1]
"""What its ``pyproject.toml`` says."""

OWN_TESTS = re.search(r"```python\n(class TestMorse.*?)```", README, flags=re.DOTALL)[1]
"""What its tests say."""


METHODS = tuple(name for name in vars(EngineContract) if name.startswith("test_"))


class TestEspeak(EngineContract):
    def make_engine(self):
        return EspeakEngine()


class TestEspeakInAnotherVoice(EngineContract):
    language = "fr"
    voice = "fr-be"
    texts = ("Bonjour.", "Bienvenue à toutes et à tous dans ce cours.")

    def make_engine(self):
        return EspeakEngine()


class TestKokoro(EngineContract):
    """A tiny model that hums, with a voice for each language, through the whole true path."""

    @pytest.fixture(autouse=True)
    def model(self, home):
        voices = sorted({*DEFAULTS.values(), "pm_alex"})
        self.tiny = write_tiny_kokoro(load_settings().models, voices)

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


def test_another_package_can_run_the_contract(tmp_path):
    """With what the README says, and nothing else."""
    [(name, target)] = tomllib.loads(MANIFEST)["project"]["entry-points"][GROUP].items()
    module, kind = target.split(":")
    (tmp_path / f"{module}.py").write_text(EXAMPLE, encoding="utf-8")
    imports = (
        f"from {module} import {kind}\n"
        "from tts_tasks.engines.contract import EngineContract\n"
        "from tts_tasks.settings import load_settings\n"
    )
    (tmp_path / f"test_{name}.py").write_text(imports + OWN_TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert re.search(rf"^{len(METHODS)} passed in ", done.stdout, re.MULTILINE), done.stdout


def test_the_contract_does_not_need_pytest():
    program = "import sys, tts_tasks.engines.contract; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


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


def changed(name, change):
    """Return an engine whose waveforms are changed."""

    class Changed(Beeper):
        def synthesize(self, chunks, checkpoint=never_cancelled):
            takes = super().synthesize(chunks, checkpoint)
            return [Waveform(change(take.samples), take.sample_rate) for take in takes]

    Changed.__name__ = name
    return Changed


class Sorted(Beeper):
    def synthesize(self, chunks, checkpoint=never_cancelled):
        order = sorted(chunks, key=lambda chunk: len(chunk.spoken))
        return super().synthesize(order, checkpoint)


class Reversed(Beeper):
    def synthesize(self, chunks, checkpoint=never_cancelled):
        return super().synthesize(chunks, checkpoint)[::-1]


class OneBehind(Beeper):
    def synthesize(self, chunks, checkpoint=never_cancelled):
        takes = super().synthesize(chunks, checkpoint)
        return [*takes[1:], *takes[:1]]


class OneTooFew(Beeper):
    """Of a batch of more than two."""

    def synthesize(self, chunks, checkpoint=never_cancelled):
        return super().synthesize(chunks[: max(2, len(chunks) - 1)], checkpoint)


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
        return super().describe(voice) if voice in self.voices() else Voice(voice, "pt-br")


class LooksAtTheFirst(Beeper):
    """Speaks a whole batch in the voice of its first chunk."""

    def synthesize(self, chunks, checkpoint=never_cancelled):
        same = [replace(chunk, voice=chunks[0].voice) for chunk in chunks]
        return super().synthesize(same, checkpoint)


class LeaksItsKeys(Beeper):
    """An error of Python, not one of ours."""

    def describe(self, voice):
        return {each.name: each for each in self.catalogue()}[voice]


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


class OneTooMany(Beeper):
    """Takes a character more than it says."""

    def check(self, chunk):
        if len(chunk.spoken) != self.max_chars + 1:
            super().check(chunk)


class SharperThanItSays(Beeper):
    """Refuses what it says would fit."""

    def check(self, chunk):
        super().check(chunk)
        if len(chunk.spoken) > self.max_chars - 5:
            raise TextTooLongError("too long", field="text")


class OneTooManyFits(Beeper):
    def fits(self, spoken, voice):
        return len(spoken) <= self.max_chars + 1


class EmptyWithoutAField(Beeper):
    def check(self, chunk):
        try:
            super().check(chunk)
        except EmptyTextError as error:
            raise EmptyTextError(error.message) from error


class TooLongWithoutAField(Beeper):
    def check(self, chunk):
        try:
            super().check(chunk)
        except TextTooLongError as error:
            raise TextTooLongError(error.message) from error


class NeverAsked(Beeper):
    def synthesize(self, chunks, checkpoint=never_cancelled):
        return super().synthesize(chunks)


class BreaksOffInSilence(Beeper):
    """Returns what it has when it is cancelled in the middle."""

    def synthesize(self, chunks, checkpoint=never_cancelled):
        takes = []
        for chunk in chunks:
            try:
                takes.append(self.one(chunk, checkpoint))
            except CancelledError:
                if not takes:
                    raise
                break
        return takes


class StuckWhenCancelled(Beeper):
    is_stuck = False

    def one(self, chunk, checkpoint):
        assert not self.is_stuck, "still speaking"
        try:
            return super().one(chunk, checkpoint)
        except CancelledError:
            self.is_stuck = True
            raise


class Remembers(Beeper):
    """What it says depends on what it said before; not in a pool, to fail in one test alone."""

    said = ""

    def one(self, chunk, checkpoint):
        take = super().one(chunk, checkpoint)
        if threading.current_thread() is not threading.main_thread():
            return take
        level, self.said = 0.5 if self.minds(chunk.spoken) else 1.0, chunk.spoken
        return Waveform(take.samples * np.float32(level), take.sample_rate)


class NeverTheSameTwice(Remembers):
    def minds(self, text):
        return text == self.said


class LeaksTheSentenceBefore(Remembers):
    """As eSpeak NG would if it were not loaded anew."""

    def minds(self, text):
        return len(text) < len(self.said)


class OfItsInstance(Beeper):
    """Draws a voice when it is made."""

    made = itertools.count(1)

    def __init__(self):
        self.level = np.float32(1 / next(self.made))

    def one(self, chunk, checkpoint):
        take = super().one(chunk, checkpoint)
        return Waveform(take.samples * self.level, take.sample_rate)


class SharesItsVoice(Beeper):
    """Keeps what it says where other threads write as well."""

    def synthesize(self, chunks, checkpoint=never_cancelled):
        takes = []
        for chunk in chunks:
            checkpoint()
            self.check(chunk)
            self.said = chunk.spoken
            time.sleep(0.02)
            samples = np.sin(np.arange(400 * len(self.said)) / 5).astype(np.float32)
            takes.append(Waveform(samples, self.sample_rate))
        return takes


class SharesItsLevel(Beeper):
    """The right text, at the level of whoever speaks besides."""

    busy = 0

    def one(self, chunk, checkpoint):
        self.busy += 1
        time.sleep(0.02)
        take, level = super().one(chunk, checkpoint), np.float32(1 / self.busy)
        self.busy -= 1
        return Waveform(take.samples * level, take.sample_rate)


class TakesAnything(Beeper):
    def parameters(self, given):
        return dict(given)


class NamesNoParameter(Beeper):
    def parameters(self, given):
        if given:
            raise EngineParameterError("one of them is unknown", remedy="leave it out")
        return {}


class ForgetsItsDefaults(Beeper):
    """Each check adds to what it checked."""

    def parameters(self, given):
        super().parameters({name: 1 for name in given if name != "level"})
        return {"level": int(given.get("level", 0)) + 1}


class AlwaysFaster(Beeper):
    def parameters(self, given):
        super().parameters({name: 1 for name in given if name != "speed"})
        return {"speed": float(given.get("speed", 1.0))}

    def at_pace(self, parameters, pace):
        return {"speed": 1.1 * pace}


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


class DefaultIsNobody(Beeper):
    """For another language than that of the test."""

    def default_voice(self, language):
        return "ghost" if language == "en" else super().default_voice(language)


class ListsNothing(Beeper):
    """Has voices all the same."""

    def catalogue(self):
        return []

    def voices(self):
        return ["beep"]

    def describe(self, voice):
        return Voice("beep", "pt-br") if voice == "beep" else super().describe(voice)

    def default_voice(self, language):
        return "beep" if language.lower() == "pt-br" else super().default_voice(language)


class NoTags(Beeper):
    def catalogue(self):
        return [*super().catalogue(), Voice("bip", "Brazilian Portuguese")]


class DescribesOtherwise(Beeper):
    def describe(self, voice):
        return replace(super().describe(voice), language="pt-br")


class HidesAVoice(Beeper):
    def voices(self):
        return [*super().voices(), "bip"]

    def describe(self, voice):
        return Voice("bip", "pt-br") if voice == "bip" else super().describe(voice)


class Twice(Beeper):
    def catalogue(self):
        return [*super().catalogue(), Voice("beep", "pt-br")]


class Nameless(Beeper):
    name = "Beeper 2.0"


class NamedLikeAPolicy(Beeper):
    name = "fast"


class NoRevision(Beeper):
    revision = ""


class Drifts(Beeper):
    @property
    def revision(self):
        return str(id(self))


class Rests(Beeper):
    def availability(self, *, ask=False):
        return Availability("rests")


class BlamesTheName(Beeper):
    def describe(self, voice):
        try:
            return super().describe(voice)
        except UnknownVoiceError as error:
            raise UnknownVoiceError(error.message, field="name", remedy=error.remedy) from error


class Mumbles(Beeper):
    def describe(self, voice):
        try:
            return super().describe(voice)
        except UnknownVoiceError as error:
            raise UnknownVoiceError("no", field="voice", remedy=error.remedy) from error


class KnowsNoRemedy(Beeper):
    def default_voice(self, language):
        try:
            return super().default_voice(language)
        except UnknownVoiceError as error:
            raise UnknownVoiceError(error.message, field="language") from error


class NotANumber(changed("", lambda samples: samples * np.float32(np.nan))):
    deterministic = False  # It is not even equal to itself.


BROKEN = {
    "it_has_a_name_a_rate_and_a_revision": [Nameless, NamedLikeAPolicy, NoRevision, Drifts],
    "it_can_speak_now": [Rests],
    "its_catalogue_describes_each_voice_once": [
        ListsNothing,
        Twice,
        NoTags,
        HidesAVoice,
        DescribesOtherwise,
    ],
    "the_default_voice_speaks_the_language": [
        SpeaksAll,
        DefaultIsForeign,
        DefaultIsNobody,
        KnowsNoRemedy,
    ],
    "it_refuses_unknown_parameters_and_names_them": [
        TakesAnything,
        NamesNoParameter,
        ForgetsItsDefaults,
        AlwaysFaster,
    ],
    "it_says_what_fits": [FitsAll, OneTooManyFits, SharperThanItSays],
    "each_chunk_gets_its_waveform_in_order": [
        Sorted,
        Reversed,
        OneBehind,
        OneTooFew,
        changed("CutShort", lambda samples: samples[: len(samples) // 10]),
        changed("Endless", lambda samples: np.tile(samples, 100)),
    ],
    "nothing_asked_is_nothing_spoken": [NeedsAChunk],
    "a_waveform_is_mono_float32_within_full_scale": [
        OtherRate,
        NotANumber,
        changed("Doubles", np.float64),
        changed("Stereo", lambda samples: np.stack([samples, samples], axis=1)),
        changed("TooLoud", lambda samples: samples * 2),
        changed("Infinite", lambda samples: np.where(samples > 0.9, np.inf, samples)),
        changed("Silent", lambda samples: samples * 0),
    ],
    "it_is_as_deterministic_as_it_says": [
        NeverTheSameTwice,
        LeaksTheSentenceBefore,
        OfItsInstance,
    ],
    "threads_get_their_own_audio": [SharesItsVoice, SharesItsLevel],
    "an_unknown_voice_is_an_error": [
        AnyVoice,
        AnyDescription,
        LooksAtTheFirst,
        LeaksItsKeys,
        BlamesTheName,
        Mumbles,
    ],
    "a_text_without_words_is_an_error": [SaysNothing, EmptyWithoutAField],
    "a_text_over_the_limit_is_an_error": [CutsInSilence, OneTooMany, TooLongWithoutAField],
    "a_cancelled_run_stops": [NeverAsked, BreaksOffInSilence, StuckWhenCancelled],
}
"""Engines that break one promise each, by the test that is there to find it out."""


def failures(engine):
    """Return the tests of the contract that an engine does not pass."""
    contract = EngineContract()
    contract.make_engine = engine
    failed = []
    for name in METHODS:
        try:
            getattr(contract, name)()
        except Exception:  # noqa: BLE001 - pytest would count any as a failure
            failed.append(name.removeprefix("test_"))
    return failed


@pytest.mark.parametrize(
    ("engine", "caught_by"),
    [(engine, name) for name, engines in BROKEN.items() for engine in engines],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_an_engine_that_breaks_a_promise_fails_the_test_of_it_and_no_other(engine, caught_by):
    assert failures(engine) == [caught_by]


def test_no_test_of_the_contract_is_without_an_engine_that_fails_it():
    assert {f"test_{name}" for name in BROKEN} == set(METHODS)


def test_a_good_engine_passes():
    assert failures(Beeper) == []


def test_one_that_does_not_claim_to_be_deterministic_need_not_be():
    class Honest(OfItsInstance):
        deterministic = False

    assert failures(Honest) == []
