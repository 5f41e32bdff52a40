"""The tests that every engine must pass, ours and those of other packages.

    from tts_tasks.engines.contract import EngineContract

    class TestMyEngine(EngineContract):
        def make_engine(self):
            return MyEngine(load_settings())

pytest collects the methods of ``TestMyEngine``. Nothing here imports pytest, so that the package
does not need it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ClassVar, TypeVar

import numpy as np

from tts_tasks.engines.protocol import Availability, Engine, Voice
from tts_tasks.errors import (
    CancelledError,
    EmptyTextError,
    EngineParameterError,
    NarrationError,
    TextTooLongError,
    UnknownVoiceError,
)
from tts_tasks.values import Checkpoint, Chunk, Waveform, never_cancelled

E = TypeVar("E", bound=NarrationError)

NOBODY = "no-such-voice-anywhere"
NO_LANGUAGE = "tlh"
NO_PARAMETER = "no_such_parameter"


class EngineContract:
    """Subclass it, and return your engine from ``make_engine``."""

    language: ClassVar[str] = "pt-BR"
    """A language that the engine speaks."""

    texts: ClassVar[Sequence[str]] = ("Sim, agora.", "Bom dia a todos os alunos deste curso.")
    """Two texts in it, the second at least twice as long to say as the first."""

    def make_engine(self) -> Engine:
        """Return a new engine, ready to speak."""
        raise NotImplementedError("return your engine from make_engine")

    def chunk(self, engine: Engine, text: str, voice: str | None = None) -> Chunk:
        """Return a chunk as ``validate`` would make it."""
        name = voice or engine.default_voice(self.language)
        return Chunk(written=text, spoken=text, voice=name, parameters=engine.parameters({}))

    def speak(
        self, engine: Engine, *texts: str, checkpoint: Checkpoint = never_cancelled
    ) -> list[Waveform]:
        """Return what the engine makes of some texts in one call."""
        return engine.synthesize([self.chunk(engine, text) for text in texts], checkpoint)

    # What it says of itself

    def test_it_has_a_name_a_rate_and_a_revision(self) -> None:
        """Its name goes into commands and keys; its revision is the same in each process."""
        engine = self.make_engine()
        assert re.fullmatch(r"[a-z][a-z0-9_-]*", engine.name), f"odd name {engine.name!r}"
        assert engine.name != "auto", "'auto' means: choose one for me"
        assert 8_000 <= engine.sample_rate <= 192_000, "the sample rate is in hertz"
        assert engine.max_chars >= 1, "it must take at least a character"
        assert engine.batch_size >= 1, "a batch has at least one chunk"
        assert 0 <= engine.naturalness <= 1, "naturalness is from 0 to 1"
        assert engine.revision, "the revision is part of the cache key"
        assert engine.revision == self.make_engine().revision, "the revision must not vary"

    def test_it_can_speak_now(self) -> None:
        """Otherwise the other tests would say nothing."""
        found = self.make_engine().availability(ask=True)
        assert isinstance(found, Availability), f"availability() returns {type(found).__name__}"
        assert found.now, f"make_engine() must return one that can speak: it {found.reason}"

    def test_its_catalogue_describes_each_voice_once(self) -> None:
        """Names are unique, languages are tags, and ``describe`` agrees."""
        engine = self.make_engine()
        catalogue = engine.catalogue()
        names = [voice.name for voice in catalogue]
        assert names, "an engine has at least one voice"
        assert len(names) == len(set(names)), "a voice is listed twice"
        assert set(engine.voices()) <= set(names), "voices() lists one that the catalogue lacks"
        for voice in catalogue:
            assert isinstance(voice, Voice), "the catalogue holds Voice values"
            tag = voice.language
            assert re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]+)*", tag), f"no language tag: {tag!r}"
        for name in engine.voices():
            assert engine.describe(name).name == name, f"describe({name!r}) is another voice"

    def test_the_default_voice_speaks_the_language(self) -> None:
        """And a language that it does not speak has none."""
        engine = self.make_engine()
        voice = engine.describe(engine.default_voice(self.language))
        assert _base(voice.language) == _base(self.language), (
            f"{voice.name} speaks {voice.language}"
        )
        _raises(UnknownVoiceError, lambda: engine.default_voice(NO_LANGUAGE))

    def test_it_refuses_unknown_parameters_and_names_them(self) -> None:
        """What is left out has a default; checking twice changes nothing."""
        engine = self.make_engine()
        values = engine.parameters({})
        assert engine.parameters(values) == values, "parameters() of all parameters is the same"
        assert engine.at_pace(values, 1.0) == values, "a pace of 1.0 changes nothing"
        error = _raises(EngineParameterError, lambda: engine.parameters({NO_PARAMETER: 1}))
        assert NO_PARAMETER in str(error), "the error must name the parameter"

    def test_it_says_what_fits(self) -> None:
        """``fits`` never lets through what ``synthesize`` refuses for its length."""
        engine = self.make_engine()
        voice = engine.default_voice(self.language)
        assert all(engine.fits(text, voice) for text in self.texts), "the texts of the test fit"
        assert _does_not_fit(engine, voice), "a text over max_chars does not fit"

    # What it speaks

    def test_each_chunk_gets_its_waveform_in_order(self) -> None:
        """As many as asked for; the longer text takes longer."""
        engine = self.make_engine()
        short, long = self.texts
        takes = self.speak(engine, long, short, long)
        assert len(takes) == 3, f"{len(takes)} waveforms for 3 chunks"
        first, second, third = (take.duration_s for take in takes)
        assert min(first, third) > second, "the waveforms are not in the order of the chunks"

    def test_nothing_asked_is_nothing_spoken(self) -> None:
        """An empty batch is no error."""
        assert self.make_engine().synthesize([]) == [], "no chunks, no waveforms"

    def test_a_waveform_is_mono_float32_within_full_scale(self) -> None:
        """Shape (n_samples,), finite, at the engine's rate, and not silent."""
        engine = self.make_engine()
        for take in self.speak(engine, *self.texts):
            samples = take.samples
            assert take.sample_rate == engine.sample_rate, f"it is at {take.sample_rate} Hz"
            assert samples.dtype == np.float32, f"samples are float32, not {samples.dtype}"
            assert samples.ndim == 1, f"mono has the shape (n_samples,), not {samples.shape}"
            assert np.isfinite(samples).all(), "samples are finite"
            assert np.abs(samples).max() <= 1.0, "samples are within [-1, 1]"
            assert np.abs(samples).max() > 1e-3, "it is silent"

    def test_it_is_as_deterministic_as_it_says(self) -> None:
        """Bit for bit, whatever was spoken before, and by another instance too."""
        engine, other = self.make_engine(), self.make_engine()
        if not engine.deterministic:
            return
        short, long = self.texts
        [first] = self.speak(engine, short)
        self.speak(engine, long)
        for again in (self.speak(engine, short), self.speak(other, short)):
            same = np.array_equal(first.samples, again[0].samples)
            assert same, "it says that it is deterministic, and is not"

    def test_threads_get_their_own_audio(self) -> None:
        """A worker speaks for several runs at once."""
        engine = self.make_engine()
        short, long = self.texts
        with ThreadPoolExecutor(4) as pool:
            takes = list(pool.map(lambda text: self.speak(engine, text)[0], [short, long] * 4))
        longest_short_s = max(take.duration_s for take in takes[::2])
        assert longest_short_s < min(take.duration_s for take in takes[1::2]), "audio was mixed up"

    # What it refuses

    def test_an_unknown_voice_is_an_error(self) -> None:
        """Never another voice in its place."""
        engine = self.make_engine()
        _raises(UnknownVoiceError, lambda: engine.describe(NOBODY))
        chunk = self.chunk(engine, self.texts[0], voice=NOBODY)
        _raises(UnknownVoiceError, lambda: engine.synthesize([chunk]))

    def test_a_text_without_words_is_an_error(self) -> None:
        """Empty, blank, or punctuation alone."""
        engine = self.make_engine()
        for text in ("", "  ", "...", "?!"):
            _raises(EmptyTextError, partial(self.speak, engine, text))

    def test_a_text_over_the_limit_is_an_error(self) -> None:
        """It is never cut in silence."""
        engine = self.make_engine()
        _raises(TextTooLongError, lambda: self.speak(engine, _too_long(engine)))

    def test_errors_say_what_to_do(self) -> None:
        """They name the field and the value."""
        engine = self.make_engine()
        error = _raises(UnknownVoiceError, lambda: engine.describe(NOBODY))
        assert error.field == "voice", f"the field is {error.field!r}, not 'voice'"
        assert NOBODY in str(error), "the message repeats the value"
        assert error.remedy, "the error says what to do instead"

    def test_a_cancelled_run_stops(self) -> None:
        """The checkpoint is asked before anything is spoken, and what it raises passes."""
        engine = self.make_engine()

        def cancelled() -> None:
            raise CancelledError("the run was cancelled")

        _raises(CancelledError, lambda: self.speak(engine, *self.texts, checkpoint=cancelled))
        # And the engine can go on with the next run.
        assert len(self.speak(engine, self.texts[0])) == 1


def _base(tag: str) -> str:
    return tag.lower().replace("_", "-").split("-")[0]


def _too_long(engine: Engine) -> str:
    return ("palavra " * (engine.max_chars // 8 + 2))[: engine.max_chars + 8].strip()


def _does_not_fit(engine: Engine, voice: str) -> bool:
    try:
        return not engine.fits(_too_long(engine), voice)
    except TextTooLongError:
        return True


def _raises(kind: type[E], call: Callable[[], object]) -> E:
    try:
        result = call()
    except kind as error:
        return error
    except Exception as error:
        raise AssertionError(f"{error!r} was raised, not {kind.__name__}") from error
    raise AssertionError(f"{kind.__name__} was not raised; it returned {result!r}")
