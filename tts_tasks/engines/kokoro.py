"""Kokoro-82M as an engine: a neural voice on the CPU, several times faster than real time.

A sentence becomes phonemes (``phonemes``), the phonemes tokens, and the model (``kokoro_runtime``)
speaks them in a voice: a file of style vectors, chosen by the number of tokens. There is no
randomness in it: its output is bit-identical for the same chunk, on one kind of processor.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from tts_tasks.engines import phonemes
from tts_tasks.engines.espeak_library import library_version
from tts_tasks.engines.kokoro_runtime import Style, loaded_model, require_runtime
from tts_tasks.engines.kokoro_voices import DEFAULTS, EXPECTED, LANGUAGES, UNSPOKEN_LANGUAGES
from tts_tasks.engines.models import KOKORO, Model, checksum, require
from tts_tasks.engines.protocol import Availability, Engine, Parameters, Voice
from tts_tasks.errors import (
    EngineParameterError,
    ModelMissingError,
    TextTooLongError,
    UnknownVoiceError,
    UnspokenVoiceError,
)
from tts_tasks.settings import Settings, load_settings
from tts_tasks.values import (
    Checkpoint,
    Chunk,
    Expected,
    Samples,
    Waveform,
    never_cancelled,
)

SPEED = (0.5, 1.0, 2.0)
"""Slowest, default and fastest pace, relative to the voice's own."""

STYLE_SHAPE = (510, 256)
"""One style vector for each number of tokens."""

MAX_STYLE = 1_000.0
"""No style vector has a larger number; those of the model's voices stay below 4."""

_ONE_WORD = re.compile(r"[\w'’-]+|\[\[[^]]+\]\]")
"""What no cut can make shorter: a word, or a mark."""

BATCH_SIZE = 4
"""Chunks of one call: 20 s of audio, 3 s of work on 2 cores. Then they are kept, and the run may be
cancelled. With 8 a run alone is 10 % faster, and runs that share the cores are not."""


TYPICAL_RTF = 0.165
TYPICAL_CHARS_PER_S = 15.5
"""Measured on an AMD EPYC, 2 cores, 2026-11-22 (``tests.benchmarks.kokoro`` and ``voices``)."""


class KokoroEngine(Engine):
    """Kokoro-82M over onnxruntime."""

    name = "kokoro"
    sample_rate = 24_000
    max_chars = 2 * phonemes.MAX_TOKENS  # No text of that length has so few phonemes.
    naturalness = 0.8
    speaks_phonemes = True
    batch_size = BATCH_SIZE
    typical_rtf = TYPICAL_RTF
    typical_chars_per_s = TYPICAL_CHARS_PER_S

    def __init__(self, settings: Settings | None = None, model: Model = KOKORO) -> None:
        """Note where the model is; nothing is read or loaded yet."""
        self._model = model
        self._folder = (settings or load_settings()).models / model.name

    @property
    def revision(self) -> str:
        """Version of the model, of the table of phonemes and of the library that makes them."""
        model = checksum(self._model_file())
        return f"kokoro-{model[:16]}-phonemes-{phonemes.REVISION}-espeak-ng-{library_version()}"

    def catalogue(self) -> list[Voice]:
        """Return the voices that are here, and those that come with the model."""
        pinned = {Path(file.path).stem for file in self._model.files if "voices/" in file.path}
        names = pinned | self._present()
        return [self._described(name) for name in _in_order(names)]

    def availability(self, *, ask: bool = False) -> Availability:
        """Return whether onnxruntime and the model are here; see ``Engine.availability``."""
        try:
            require_runtime()
            self._model_file()
        except ModelMissingError as error:
            return Availability(f"is not ready ({error.message})")
        return Availability()

    def voices(self) -> list[str]:
        """Return the voices whose files are here, the Brazilian ones first.

        Raises:
            ModelMissingError: if the model or onnxruntime is missing or wrong.
        """
        require_runtime()
        self._model_file()
        return self._voices()

    def _voices(self) -> list[str]:
        return _in_order(self._present())

    def _present(self) -> set[str]:
        files = (self._folder / "voices").glob("*.bin")
        return {file.stem for file in files if file.is_file()}

    def describe(self, voice: str) -> Voice:
        """Return what is known about a voice.

        Raises:
            UnknownVoiceError: if there is no such voice, or its language cannot be spoken.
            ModelMissingError: if the voice's file, the model or onnxruntime is missing or wrong.
        """
        if not _is_voice(voice):
            raise self._unknown(voice)
        if voice[0] in UNSPOKEN_LANGUAGES:
            raise UnspokenVoiceError(
                f"Kokoro's voice {voice!r} speaks {UNSPOKEN_LANGUAGES[voice[0]]}, whose phonemes "
                "cannot be made here",
                field="voice",
                value=voice,
                remedy=f"use a voice of another language, e.g. {DEFAULTS['pt-br']}",
            )
        file = self._voice_file(voice)
        return replace(self._described(voice), revision=_digest(file)[:16])

    def _described(self, voice: str) -> Voice:
        """Return what is known about a voice without its file."""
        language = LANGUAGES[voice[0]]
        return Voice(
            name=voice,
            language=language.code,
            gender="female" if voice[1] == "f" else "male",
            description=f"{language.name}, neural",
            expected=EXPECTED.get(voice),
            licence="Apache-2.0",
        )

    def default_voice(self, language: str) -> str:
        """Return the voice for a language, e.g. ``pt-BR`` -> ``pf_dora``.

        Raises:
            UnknownVoiceError: if Kokoro does not speak the language.
        """
        code = language.lower().replace("_", "-")
        for candidate in (code, code.split("-")[0]):
            # European Portuguese is not what the Brazilian voices speak.
            if candidate in DEFAULTS and code != "pt-pt":
                return DEFAULTS[candidate]
        raise UnknownVoiceError(
            f"Kokoro does not speak {language!r}",
            field="language",
            value=language,
            remedy=f"it speaks {', '.join(each.code for each in LANGUAGES.values())}",
        )

    def parameters(self, given: Mapping[str, object]) -> Parameters:
        """Return the speed, 0.5 to 2.0 times the voice's own pace.

        Raises:
            EngineParameterError: for an unknown name or a value outside its range.
        """
        for name in given:
            if name != "speed":
                raise EngineParameterError(
                    f"Kokoro has no parameter {name!r}",
                    field=f"parameters.{name}",
                    value=name,
                    remedy="use speed",
                )
        slowest, default, fastest = SPEED
        value = given.get("speed", default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # NaN is not between anything.
        if not is_number or not slowest <= float(str(value)) <= fastest:
            raise EngineParameterError(
                f"{value!r} is not a number from {slowest} to {fastest}",
                field="parameters.speed",
                value=value,
                remedy=f"the default is {default}",
            )
        return {"speed": float(str(value))}

    def at_pace(self, parameters: Parameters, pace: float) -> Parameters:
        """Return the parameters with another speed; see ``Engine.at_pace``."""
        return self.parameters({"speed": round(float(parameters["speed"]) * pace, 3)})

    def expects(self, chunk: Chunk) -> Expected | None:
        """Return what a good take is like at the chunk's speed; see ``Engine.expects``."""
        expected = EXPECTED.get(chunk.voice)
        speed = float(self.parameters(chunk.parameters)["speed"])
        return expected and expected.at_pace(speed)

    def fits(self, spoken: str, voice: str) -> bool:
        """Return whether the text has at most 510 phonemes; see ``Engine.fits``."""
        count = len(_phonemes(spoken, LANGUAGES[voice[0]].espeak))
        if count > phonemes.MAX_TOKENS and _ONE_WORD.fullmatch(spoken):
            raise self._too_long(spoken, count)
        return count <= phonemes.MAX_TOKENS

    def synthesize(
        self, chunks: Sequence[Chunk], checkpoint: Checkpoint = never_cancelled
    ) -> list[Waveform]:
        """Speak each chunk; see ``Engine.synthesize``."""
        checkpoint()
        sentences = [(self._token_ids(chunk), self._style(chunk.voice)) for chunk in chunks]
        speeds = [float(self.parameters(chunk.parameters)["speed"]) for chunk in chunks]
        takes = loaded_model(self._model_file()).speak_all(sentences, speeds)
        return [
            Waveform(_within_full_scale(samples), self.sample_rate, synthesis_s)
            for samples, synthesis_s in takes
        ]

    def _token_ids(self, chunk: Chunk) -> list[int]:
        self.describe(chunk.voice)
        said = _phonemes(chunk.spoken, LANGUAGES[chunk.voice[0]].espeak)
        if len(said) > phonemes.MAX_TOKENS:
            raise self._too_long(chunk.spoken, len(said))
        return phonemes.tokens(said)

    def _style(self, voice: str) -> Style:
        file = self._voice_file(voice)
        return _read_style(file, _digest(file))

    def _model_file(self) -> Path:
        return require(self._model, "model.onnx", self._folder)

    def _voice_file(self, voice: str) -> Path:
        path = f"voices/{voice}.bin"
        own = self._folder / path
        is_pinned = any(file.path == path for file in self._model.files)
        if not is_pinned and not own.is_file():
            raise self._unknown(voice)
        require_runtime()
        self._model_file()
        if is_pinned:
            return require(self._model, path, self._folder)
        if own.stat().st_size != math.prod(STYLE_SHAPE) * 4:
            raise _bad_voice(
                own,
                f"has {own.stat().st_size:,} bytes; a voice of Kokoro has "
                f"{math.prod(STYLE_SHAPE) * 4:,} (float32, {STYLE_SHAPE[0]} x {STYLE_SHAPE[1]})",
            )
        return own

    def _too_long(self, text: str, count: int) -> TextTooLongError:
        return TextTooLongError(
            f"{count} phonemes are over Kokoro's {phonemes.MAX_TOKENS}",
            field="text",
            value=text,
            remedy="split it into sentences and words",
        )

    def _unknown(self, voice: str) -> UnknownVoiceError:
        near = difflib.get_close_matches(voice, self._voices() or DEFAULTS.values(), n=3)
        return UnknownVoiceError(
            f"Kokoro has no voice {voice!r}",
            field="voice",
            value=voice,
            remedy=f"use {', '.join(near or ['pf_dora', 'pm_alex', 'pm_santa'])}",
        )


def _digest(voice: Path) -> str:
    """Return the checksum of a voice's file."""
    try:
        return checksum(voice)
    except OSError as error:
        raise _bad_voice(voice, f"cannot be read ({error.strerror or error})") from error


def _bad_voice(file: Path, fault: str) -> ModelMissingError:
    return ModelMissingError(
        f"{file} {fault}", field="voice", value=file.stem, remedy="replace the file, or remove it"
    )


def _in_order(names: Iterable[str]) -> list[str]:
    """Return the voices that can be spoken, the Brazilian ones first."""
    spoken = [name for name in sorted(names) if _is_voice(name) and name[0] in LANGUAGES]
    return sorted(spoken, key=lambda name: (name[0] != "p", name != DEFAULTS["pt-br"]))


def _is_voice(name: str) -> bool:
    """Return whether a name is formed as Kokoro's are: language, gender, ``_``, name."""
    known = {*LANGUAGES, *UNSPOKEN_LANGUAGES}
    return name[:1] in known and name[1:3] in ("f_", "m_") and name.isidentifier()


def _within_full_scale(samples: Samples) -> Samples:
    """Return the take at most at full scale: the loud voices reach 1.23 (``if_sara``).

    The whole take is turned down, so that nothing clips; mastering makes all of them equally loud.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    return samples / np.float32(peak) if peak > 1.0 else samples


@lru_cache(maxsize=4096)
def _phonemes(spoken: str, language: str) -> str:
    """Return the phonemes; validation asks for them, and synthesis again."""
    return phonemes.phonemize(spoken, language)


@lru_cache(maxsize=64)
def _read_style(path: Path, _checksum: str) -> Style:
    try:
        style = np.fromfile(path, dtype=np.float32).reshape(STYLE_SHAPE)
    except (OSError, ValueError) as error:
        raise _bad_voice(path, f"cannot be read ({error})") from error
    largest = float(np.abs(style).max())
    if not 0.0 < largest < MAX_STYLE:
        raise _bad_voice(path, f"is no voice: its largest number is {largest:g}")
    return style
