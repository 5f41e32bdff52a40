"""The tests that every engine must pass, ours and those of other packages.

    from tts_tasks.engines.contract import EngineContract

    class TestMyEngine(EngineContract):
        def make_engine(self):
            return MyEngine(load_settings())

pytest collects the methods of ``TestMyEngine``. Nothing here imports pytest, so that the package
does not need it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ClassVar

import numpy as np

from tts_tasks.engines.protocol import Availability, Engine
from tts_tasks.errors import (
    CancelledError,
    EmptyTextError,
    EngineParameterError,
    NarrationError,
    TextTooLongError,
    UnknownVoiceError,
)
from tts_tasks.request import AUTO, Policy
from tts_tasks.values import Checkpoint, Chunk, Waveform, never_cancelled

NOBODY = "no-such-voice-anywhere"
NO_LANGUAGE = "tlh"
NO_PARAMETER = "no_such_parameter"

LEAST_S_PER_CHAR, MOST_S_PER_CHAR, SPARE_S = 1 / 60, 2.0, 5.0
"""Bounds of a take at any pace: outside of them it is not its text. Wide: no checks of quality."""


class EngineContract:
    """Subclass it, and return your engine from ``make_engine``."""

    language: ClassVar[str] = "pt-BR"
    """A language that the engine speaks."""

    texts: ClassVar[Sequence[str]] = ("Sim, agora.", "Bom dia a todos os alunos deste curso.")
    """Two texts in it, the second at least twice as long to say as the first."""

    voice: ClassVar[str | None] = None
    """The voice that speaks them; ``None`` for the engine's own for the language."""

    def make_engine(self) -> Engine:
        """Return a new engine, ready to speak."""
        raise NotImplementedError("return your engine from make_engine")

    def chunk(self, engine: Engine, text: str, voice: str | None = None) -> Chunk:
        """Return a chunk as ``validate`` would make it."""
        name = voice or self.voice or engine.default_voice(self.language)
        return Chunk(text, text, name, engine.parameters({}))

    def speak(
        self, engine: Engine, *texts: str, checkpoint: Checkpoint = never_cancelled
    ) -> list[Waveform]:
        """Return what the engine makes of some texts in one call."""
        return engine.synthesize([self.chunk(engine, text) for text in texts], checkpoint)

    def text_of(self, n_chars: int) -> str:
        """Return a text of exactly so many characters, the last one a letter."""
        text = self.texts[1]
        return (f"{text} " * n_chars)[: n_chars - 1] + next(filter(str.isalpha, text))

    # What it says of itself

    def test_it_has_a_name_a_rate_and_a_revision(self) -> None:
        """Its name goes into commands and keys; its revision is the same in each process."""
        engine = self.make_engine()
        assert re.fullmatch(r"[a-z][a-z0-9_]*", engine.name), f"odd name {engine.name!r}"
        assert engine.name not in (AUTO, *Policy), f"{engine.name!r} says how to choose an engine"
        assert 8_000 <= engine.sample_rate <= 192_000, "the sample rate is in hertz"
        assert min(engine.max_chars, engine.batch_size) >= 1, "it takes a character, and a chunk"
        assert 0 <= engine.naturalness <= 1, "naturalness is from 0 to 1"
        assert re.fullmatch(r".+", engine.revision), "the revision is part of the cache key"
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
        languages = {voice.name: voice.language for voice in catalogue}
        assert len(catalogue) == len(languages) > 0, "it has voices, and lists each once"
        for tag in languages.values():
            assert re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]+)*", tag), f"no language tag: {tag!r}"
        for name in engine.voices():
            assert name in languages, f"the catalogue lacks {name!r}, which voices() lists"
            voice = engine.describe(name)
            agrees = (voice.name, voice.language) == (name, languages[name])
            assert agrees, f"the catalogue has {name!r} otherwise than describe(): {voice}"

    def test_the_default_voice_speaks_the_language(self) -> None:
        """Each one that it has a voice for; a language that it does not speak has none."""
        engine = self.make_engine()
        languages = {name: engine.describe(name).language for name in engine.voices()}
        for language in {self.language, *languages.values()}:
            name = engine.default_voice(language)
            assert name in languages, f"the voice for {language}, {name!r}, is none of its voices"
            spoken, wanted = (tag.lower().split("-")[0] for tag in (languages[name], language))
            assert spoken == wanted, f"the voice for {language}, {name!r}, speaks {spoken}"
        ask = partial(engine.default_voice, NO_LANGUAGE)
        _raises(UnknownVoiceError, "language", ask, NO_LANGUAGE)

    def test_it_refuses_unknown_parameters_and_names_them(self) -> None:
        """What is left out has a default; checking twice changes nothing."""
        engine = self.make_engine()
        values = engine.parameters({})
        assert engine.parameters(values) == values, "parameters() of all parameters is the same"
        assert engine.at_pace(values, 1.0) == values, "a pace of 1.0 changes nothing"
        ask, field = partial(engine.parameters, {NO_PARAMETER: 1}), f"parameters.{NO_PARAMETER}"
        error = _raises(EngineParameterError, field, ask, NO_PARAMETER)
        assert error.value == NO_PARAMETER, f"the error's value is {error.value!r}, not the name"

    def test_it_says_what_fits(self) -> None:
        """What ``fits`` lets through is never too long for ``synthesize``."""
        engine = self.make_engine()
        voice = self.chunk(engine, self.texts[0]).voice
        longest, too_long = (self.text_of(engine.max_chars + more) for more in (0, 1))
        assert all(engine.fits(text, voice) for text in self.texts), "the texts of the test fit"
        assert not engine.fits(too_long, voice), "max_chars + 1 characters do not fit"
        if engine.fits(longest, voice):
            assert len(self.speak(engine, longest)) == 1, "what fits is spoken"

    # What it speaks

    def test_each_chunk_gets_its_waveform_in_order(self) -> None:
        """As many as asked for, in order, and none is half a sentence or half an hour."""
        short, long = self.texts
        texts = [long, short, short, long, short]  # No turning or shifting of it is the same.
        lasts_s = [take.duration_s for take in self.speak(self.make_engine(), *texts)]
        assert len(lasts_s) == len(texts), f"{len(lasts_s)} waveforms for {len(texts)} chunks"
        longest_short_s = max(lasts_s[1], lasts_s[2], lasts_s[4])
        assert min(lasts_s[0], lasts_s[3]) > longest_short_s, "they are not in the chunks' order"
        for n_chars, s in zip(map(len, texts), lasts_s, strict=True):
            is_plausible = n_chars * LEAST_S_PER_CHAR < s < n_chars * MOST_S_PER_CHAR + SPARE_S
            assert is_plausible, f"{s:.2f} s for {n_chars} characters of text"

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
            peak = np.abs(samples).max(initial=0.0)  # NaN where a sample is.
            assert 1e-3 < peak <= 1.0, f"samples are finite, within [-1, 1], and heard: {peak=}"

    def test_it_is_as_deterministic_as_it_says(self) -> None:
        """Bit for bit, whatever was spoken before, and by another instance too."""
        engine, other = self.make_engine(), self.make_engine()
        if not engine.deterministic:
            return
        short, long = self.texts
        [first], [again] = self.speak(engine, short), self.speak(engine, short)
        self.speak(engine, long)
        [later], [others] = self.speak(engine, short), self.speak(other, short)
        for take, when in ((again, "at once"), (later, "later"), (others, "by another instance")):
            assert np.array_equal(first.samples, take.samples), f"said again {when}, it differs"

    def test_threads_get_their_own_audio(self) -> None:
        """A worker speaks for several runs at once."""
        engine = self.make_engine()
        short, long = self.texts
        alone = [self.speak(engine, text)[0] for text in (short, long)]
        with ThreadPoolExecutor(4) as pool:
            takes = list(pool.map(lambda text: self.speak(engine, text)[0], [short, long] * 4))
        longest_short_s = max(take.duration_s for take in takes[::2])
        assert longest_short_s < min(take.duration_s for take in takes[1::2]), "audio was mixed up"
        for take, wanted in zip(takes, alone * 4, strict=True):
            same = not engine.deterministic or np.array_equal(take.samples, wanted.samples)
            assert same, "beside other threads the same text sounds different"

    # What it refuses

    def test_an_unknown_voice_is_an_error(self) -> None:
        """Never another voice in its place, nor that of the chunk before."""
        engine = self.make_engine()
        good, bad = (self.chunk(engine, self.texts[0], voice) for voice in (None, NOBODY))
        _raises(UnknownVoiceError, "voice", partial(engine.describe, NOBODY), NOBODY)
        _raises(UnknownVoiceError, "voice", lambda: engine.synthesize([bad]))
        _raises(UnknownVoiceError, "voice", lambda: engine.synthesize([good, bad]))

    def test_a_text_without_words_is_an_error(self) -> None:
        """Empty, blank, or punctuation alone."""
        engine = self.make_engine()
        for text in ("", "  ", "...", "?!"):
            _raises(EmptyTextError, "text", partial(self.speak, engine, text))

    def test_a_text_over_the_limit_is_an_error(self) -> None:
        """It is never cut in silence."""
        engine = self.make_engine()
        for n_chars in (engine.max_chars + 1, 2 * engine.max_chars + 1):
            _raises(TextTooLongError, "text", partial(self.speak, engine, self.text_of(n_chars)))

    def test_a_cancelled_run_stops(self) -> None:
        """The checkpoint is asked in every call, and what it raises passes, also in the middle."""
        engine = self.make_engine()
        for passes in (0, 1):
            asked = itertools.count()

            def stop(asked: Iterator[int] = asked, passes: int = passes) -> None:
                if next(asked) >= passes:
                    raise CancelledError("the run was cancelled")

            with suppress(CancelledError):
                self.speak(engine, *self.texts, checkpoint=stop)
                n_asked = next(asked)  # Once, if it speaks its batch at once.
                assert 0 < n_asked <= passes, f"asked {n_asked} times, and not stopped"
        assert len(self.speak(engine, self.texts[0])) == 1, "after a cancelled run it is stuck"


def _raises(
    kind: type[NarrationError], field: str, call: Callable[[], object], value: str = ""
) -> NarrationError:
    """Return the error of a call; it names the field, and says what to do about a value."""
    try:
        result = call()
    except kind as raised:
        error = raised
    except Exception as other:
        raise AssertionError(f"{other!r} was raised, not {kind.__name__}") from other
    else:
        raise AssertionError(f"{kind.__name__} was not raised; it returned {result!r}")
    assert error.field == field, f"the field of {error!r} is {error.field!r}, not {field!r}"
    assert value in error.message, f"{error!r} does not repeat {value!r}"
    assert error.remedy or not value, f"{error!r} has no remedy"
    return error
