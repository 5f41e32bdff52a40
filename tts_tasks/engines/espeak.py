"""eSpeak NG as an engine: embedded, offline, hundreds of times faster than real time, robotic.

Its output is bit-identical for the same chunk, whatever was spoken before.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from tts_tasks.engines import espeak_library as library
from tts_tasks.engines.espeak_text import MAX_WORD_CHARS, harmless, is_latin
from tts_tasks.engines.espeak_voices import EXPECTED, expected_at
from tts_tasks.engines.protocol import Engine, Parameters, Voice
from tts_tasks.errors import (
    EmptyTextError,
    EngineOutputError,
    EngineParameterError,
    TextTooLongError,
    UnknownVoiceError,
)
from tts_tasks.settings import Settings
from tts_tasks.values import Checkpoint, Chunk, Expected, Waveform, Word, never_cancelled

RECOMMENDED_VOICES = ("pt-br", "pt-br+m3", "pt-br+f2", "pt-br+f5", "pt-br+Annie")
"""The Brazilian voices worth offering; the first is the default. Others of the 90 variants clip
(klatt4) or swing by 10 LU."""

MAX_DIGITS = 30
"""Longest run of digits: it drops from the 36th, in silence (2026-11-22)."""

TYPICAL_RTF = 0.002
TYPICAL_CHARS_PER_S = 14.5
"""Of the default voice at its default rate; measured on an AMD EPYC, 2 cores, 2026-11-23."""

_LONG_WORD = re.compile(rf"[^\s-]{{{MAX_WORD_CHARS + 1}}}|[0-9]{{{MAX_DIGITS + 1}}}")

PARAMETERS: dict[str, tuple[int, int, int, int]] = {
    # name: (library's number, default, lowest, highest); Source: speak_lib.h, espeak_PARAMETER
    "rate": (library.RATE, 150, 80, 450),  # words per minute
    "pitch": (library.PITCH, 50, 0, 99),
    "range": (library.RANGE, 50, 0, 99),  # of the intonation
}


class EspeakEngine(Engine):
    """The embedded eSpeak NG."""

    name = "espeak"
    sample_rate = 22_050
    max_chars = 1_000
    naturalness = 0.2
    typical_rtf = TYPICAL_RTF
    typical_chars_per_s = TYPICAL_CHARS_PER_S

    def __init__(self, settings: Settings | None = None) -> None:
        """Read the version; nothing stays loaded, and no setting matters."""
        self._revision = f"espeak-ng-{library.library_version()}"

    @property
    def revision(self) -> str:
        """Version of the library, whose voices are part of it."""
        return self._revision

    def catalogue(self) -> list[Voice]:
        """Return the recommended voices, then every other language's plain one."""
        return [self.describe(name) for name in self.voices()]

    def voices(self) -> list[str]:
        """Return the recommended voices, then every other language by its code."""
        others = [code for code in library.voice_files() if code not in RECOMMENDED_VOICES]
        return [*RECOMMENDED_VOICES, *others]

    def describe(self, voice: str) -> Voice:
        """Return what is known about a voice: a language code, or one with ``+variant``.

        Raises:
            UnknownVoiceError: for a language or a variant that eSpeak NG lacks. The library
                itself takes an unknown variant in silence and speaks with the plain voice.
        """
        code, plus, variant = voice.partition("+")
        file = library.voice_files().get(code.lower())
        if file is None or (plus and variant not in library.variants()):
            raise self._unknown(voice)
        return Voice(
            name=file.language + plus + variant,
            language=file.language,
            gender=library.variants()[variant] if plus else "male",
            description=f"{file.name}, variant {variant}" if plus else file.name,
            expected=EXPECTED.get(file.language + plus + variant),
            licence="GPL-3.0-or-later",
        )

    def default_voice(self, language: str) -> str:
        """Return the plain voice of the language, e.g. ``pt-BR`` -> ``pt-br``.

        Raises:
            UnknownVoiceError: if eSpeak NG does not speak the language.
        """
        code = language.lower().replace("_", "-")
        known = library.voice_files()
        for candidate in (code, code.split("-")[0]):
            if candidate in known:
                return candidate
        raise UnknownVoiceError(
            f"eSpeak NG does not speak {language!r}",
            field="language",
            value=language,
            remedy="give a language code such as pt-BR, en-US or es",
        )

    def parameters(self, given: Mapping[str, object]) -> Parameters:
        """Return rate (words per minute), pitch and range (0 to 99) as whole numbers.

        Raises:
            EngineParameterError: for an unknown name or a value outside its range.
        """
        for name in given:
            if name not in PARAMETERS:
                raise EngineParameterError(
                    f"eSpeak NG has no parameter {name!r}",
                    field=f"parameters.{name}",
                    value=name,
                    remedy=f"use {', '.join(PARAMETERS)}",
                )
        values: Parameters = {}
        for name, (_, default, lowest, highest) in PARAMETERS.items():
            value = given.get(name, default)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not lowest <= int(str(value)) <= highest:
                raise EngineParameterError(
                    f"{value!r} is not a whole number from {lowest} to {highest}",
                    field=f"parameters.{name}",
                    value=value,
                    remedy=f"the default is {default}",
                )
            values[name] = int(str(value))
        return values

    def at_pace(self, parameters: Parameters, pace: float) -> Parameters:
        """Return the parameters with another rate; see ``Engine.at_pace``."""
        return self.parameters({**parameters, "rate": round(float(parameters["rate"]) * pace)})

    def expects(self, chunk: Chunk) -> Expected | None:
        """Return what a good take is like at the chunk's rate; see ``Engine.expects``."""
        return expected_at(chunk.voice, int(self.parameters(chunk.parameters)["rate"]))

    def fits(self, spoken: str, voice: str) -> bool:
        """Return whether the text is short enough, and no word would be cut in silence."""
        return len(spoken) <= self.max_chars and not _LONG_WORD.search(spoken)

    def synthesize(
        self, chunks: Sequence[Chunk], checkpoint: Checkpoint = never_cancelled
    ) -> list[Waveform]:
        """Speak each chunk; see ``Engine.synthesize``."""
        waveforms = []
        for chunk in chunks:
            checkpoint()
            waveforms.append(self._speak(chunk))
        return waveforms

    def _speak(self, chunk: Chunk) -> Waveform:
        if not any(character.isalnum() for character in chunk.spoken):
            raise EmptyTextError(
                "there is nothing to say in it", field="text", value=repr(chunk.spoken)
            )
        if len(chunk.spoken) > self.max_chars:
            raise TextTooLongError(
                f"a chunk of {len(chunk.spoken)} characters is over eSpeak NG's {self.max_chars}",
                field="text",
                value=chunk.spoken,
                remedy="split it into sentences",
            )
        if found := _LONG_WORD.search(chunk.spoken):
            raise TextTooLongError(
                f"the word {found[0]!r}… is longer than eSpeak NG says",
                field="text",
                value=found[0],
                remedy=f"write at most {MAX_WORD_CHARS} letters or {MAX_DIGITS} digits in a row",
            )
        # A NUL would end the C string, and with it the sentence.
        text = chunk.spoken.replace("\0", " ")
        voice = self.describe(chunk.voice).name
        code, plus, variant = voice.partition("+")
        identifier = library.voice_files()[code].identifier + plus + variant
        with library.fresh_library() as loaded:
            if not loaded.set_voice(identifier):
                raise self._unknown(chunk.voice)
            for name, value in self.parameters(chunk.parameters).items():
                loaded.set_parameter(PARAMETERS[name][0], int(value))
            said = text if is_latin(text) else harmless(text)
            samples, marks = loaded.speak(said)
        if not len(samples):
            raise EngineOutputError("eSpeak NG returned no audio", field="text", value=chunk.spoken)
        # Where the text had to be changed, the places are not those of the chunk's text.
        words = timed_words(text, marks, self.sample_rate) if said == text else ()
        return Waveform(samples, self.sample_rate, words=words)

    def _unknown(self, voice: str) -> UnknownVoiceError:
        code, plus, variant = voice.partition("+")
        if plus and code.lower() in library.voice_files():
            near = difflib.get_close_matches(variant, library.variants(), n=3, cutoff=0.3)
            remedy = f"known variants are e.g. {', '.join(near or ['f2', 'm3', 'Annie'])}"
        else:
            remedy = f"use one of {', '.join(RECOMMENDED_VOICES)}, or another language's code"
        return UnknownVoiceError(
            f"eSpeak NG has no voice {voice!r}", field="voice", value=voice, remedy=remedy
        )


def timed_words(text: str, marks: Sequence[library.Mark], sample_rate: int) -> tuple[Word, ...]:
    """Return the words of a text with their times.

    A word lasts until the next one begins, or its clause ends; what eSpeak NG does not announce by
    itself (the second half of ``guarda-chuva``) belongs to the word before.

    Args:
        text: what was spoken.
        marks: what the library told, in order.
        sample_rate: of the marks, in hertz.
    """
    words = []
    limit = len(text)
    following: library.Mark | None = None
    for mark in reversed(marks):
        if mark.position is not None and following is not None:
            end = _end_of_letters(text, mark.position, limit)
            if end > mark.position and following.sample > mark.sample:
                times = (mark.sample / sample_rate, following.sample / sample_rate)
                words.append(Word(mark.position, end, *times))
            limit = mark.position
        following = mark
    return tuple(reversed(words))


def _end_of_letters(text: str, start: int, limit: int) -> int:
    """Return where the last letter or digit before ``limit`` ends; ``start`` if there is none."""
    return next((end for end in range(limit, start, -1) if text[end - 1].isalnum()), start)
