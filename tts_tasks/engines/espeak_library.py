"""The C boundary of eSpeak NG: a freshly loaded library, one user at a time.

Everything that touches the GPL-3 library is in this module. It owns loading, unloading and the
lock, and the data files' tables of voices and variants; what a voice should say belongs to
``espeak``.

The library keeps its state in C globals. It is not thread-safe (four unlocked threads: double
free), and a second utterance in one process differs from the first by about 20 samples; neither a
new seed nor ``espeak_Terminate`` mends that, only loading it again does (0.5 to 2.6 ms; measured on
2 cores, 2026-11-22). So each use loads it, under a lock, and unloads it.
"""

from __future__ import annotations

import ctypes
import threading
from _ctypes import dlclose
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import (
    POINTER,
    Structure,
    Union,
    c_char,
    c_char_p,
    c_int,
    c_long,
    c_short,
    c_size_t,
    c_uint,
    c_void_p,
)
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from tts_tasks.errors import EngineUnavailableError
from tts_tasks.values import Samples

SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS, speak_lib.h
DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT: never call exit() because of bad data
TEXT_IS_UTF8 = 1  # espeakCHARS_UTF8
POSITION_IN_CHARACTERS = 1  # POS_CHARACTER
RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4  # espeak_PARAMETER
TIE = "\u0361"
IPA_WITH_TIES = 0x02 | 0x80 | ord(TIE) << 8  # phonememode: IPA, TIE inside phonemes of two symbols

END_OF_EVENTS, WORD, END_OF_CLAUSE = 0, 1, 5  # espeak_EVENT_TYPE


class _EventId(Union):
    """The union in ``espeak_EVENT``, which nothing here reads."""

    _fields_ = (("number", c_int), ("name", c_char_p), ("string", c_char * 8))


class _Event(Structure):
    """Something that happens at a place of the text. Source: speak_lib.h, ``espeak_EVENT``."""

    _fields_ = (
        ("type", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),  # from 1
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", _EventId),
    )


_AudioCallback = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """A language of eSpeak NG, as its data files describe it."""

    name: str
    """Readable name, e.g. ``Portuguese (Brazil)``."""

    language: str
    """Language code, lower case, e.g. ``pt-br``; what users call the voice."""

    identifier: str
    """Path below ``lang``, e.g. ``roa/pt-BR``. The library finds every voice by it; by language
    code it misses some (``en-gb``)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place of the text, and when the speech gets there."""

    sample: int
    """Samples from the start of the speech."""

    position: int | None
    """Where a word begins, in characters from 0; ``None`` for the end of a clause."""


class LoadedLibrary:
    """eSpeak NG between loading and unloading."""

    def __init__(self, handle: ctypes.CDLL) -> None:
        """Initialise the library for synchronous output into memory."""
        self._lib = handle
        handle.espeak_Initialize.argtypes = [c_int, c_int, c_char_p, c_int]
        handle.espeak_Synth.argtypes = [
            *(c_char_p, c_size_t, c_uint, c_int, c_uint, c_uint),
            *(POINTER(c_uint), c_void_p),
        ]
        handle.espeak_SetVoiceByName.argtypes = [c_char_p]
        handle.espeak_SetParameter.argtypes = [c_int, c_int, c_int]
        handle.espeak_TextToPhonemes.argtypes = [POINTER(c_char_p), c_int, c_int]
        handle.espeak_TextToPhonemes.restype = c_char_p
        self.sample_rate: int = handle.espeak_Initialize(
            SYNCHRONOUS, 0, str(data_folder()).encode(), DONT_EXIT
        )
        if self.sample_rate <= 0:
            raise EngineUnavailableError(
                f"eSpeak NG cannot read its data in {data_folder()}",
                field="provider",
                value="espeak",
                remedy="reinstall the package espeakng-loader",
            )
        # Seeded with the time otherwise: the voices with roughness (f2, f5) changed every second.
        handle.espeak_ng_SetRandSeed(c_long(1))
        self._blocks: list[bytes] = []
        self._marks: list[Mark] = []
        # Kept on self: the library calls it long after this line, and ctypes does not hold it.
        self._callback = _AudioCallback(self._receive)
        handle.espeak_SetSynthCallback(self._callback)

    def _receive(
        self,
        audio: ctypes._Pointer[c_short],
        n_samples: int,
        events: ctypes._Pointer[_Event],
    ) -> int:
        if n_samples > 0 and audio:
            self._blocks.append(ctypes.string_at(audio, n_samples * 2))
        index = 0
        while events and (event := events[index]).type != END_OF_EVENTS:
            if event.type == WORD:
                self._marks.append(Mark(event.sample, event.text_position - 1))
            elif event.type == END_OF_CLAUSE:
                self._marks.append(Mark(event.sample, None))
            index += 1
        return 0

    def set_voice(self, identifier: str) -> bool:
        """Select a voice by identifier, e.g. ``roa/pt-BR+f2``; return whether it exists."""
        return bool(self._lib.espeak_SetVoiceByName(identifier.encode()) == 0)

    def set_parameter(self, parameter: int, value: int) -> bool:
        """Set one of RATE, VOLUME, PITCH, RANGE; return whether the value was accepted."""
        return bool(self._lib.espeak_SetParameter(parameter, value, 0) == 0)

    def speak(self, text: str) -> tuple[Samples, list[Mark]]:
        """Return the speech as float32, shape (n_samples,), at ``sample_rate``, and its words."""
        self._blocks.clear()
        self._marks.clear()
        encoded = text.encode()
        failed = self._lib.espeak_Synth(
            encoded, len(encoded) + 1, 0, POSITION_IN_CHARACTERS, 0, TEXT_IS_UTF8, None, None
        )
        if failed:
            raise EngineUnavailableError(f"eSpeak NG failed with code {failed}", field="provider")
        pcm = np.frombuffer(b"".join(self._blocks), dtype=np.int16)
        return pcm.astype(np.float32) / np.float32(32768), list(self._marks)

    def phonemes(self, text: str) -> list[str]:
        """Return the phonemes of each clause of the text, in IPA, as the library writes them.

        Words are separated by spaces, the symbols of one phoneme joined by TIE, and changes of the
        language marked, e.g. ``(e͡n)…(p͡t͡-͡b͡r)``.
        """
        rest = c_char_p(text.encode())
        clauses = []
        while rest.value is not None:  # The library moves the pointer on, and in the end to null.
            clause = self._lib.espeak_TextToPhonemes(rest, TEXT_IS_UTF8, IPA_WITH_TIES)
            clauses.append((clause or b"").decode())
        return clauses


@contextmanager
def fresh_library() -> Iterator[LoadedLibrary]:
    """Load the library, lend it, unload it; other threads wait.

    Raises:
        EngineUnavailableError: if the shared object or its data cannot be loaded.
    """
    with _one_at_a_time:
        try:
            handle = ctypes.CDLL(str(library_file()))
        except OSError as error:
            raise EngineUnavailableError(
                f"the eSpeak NG library cannot be loaded ({error})",
                field="provider",
                value="espeak",
                remedy="reinstall the package espeakng-loader",
            ) from error
        try:
            yield LoadedLibrary(handle)
        finally:
            handle.espeak_Terminate()
            dlclose(handle._handle)


def library_file() -> Path:
    """Return the shared object that the wheel carries."""
    import espeakng_loader

    return Path(espeakng_loader.get_library_path())


def data_folder() -> Path:
    """Return the folder with dictionaries, languages and variants."""
    import espeakng_loader

    return Path(espeakng_loader.get_data_path())


@cache
def library_version() -> str:
    """Return the version of eSpeak NG and of the wheel, e.g. ``1.52.0-loader-0.2.4``."""
    with _one_at_a_time:
        handle = ctypes.CDLL(str(library_file()))
        handle.espeak_Info.restype = c_char_p
        handle.espeak_Info.argtypes = [c_void_p]
        number = handle.espeak_Info(None).decode().split()[0]
        dlclose(handle._handle)
    return f"{number}-loader-{version('espeakng-loader')}"


@cache
def voice_files() -> dict[str, VoiceFile]:
    """Return the languages that can be spoken, by language code.

    A language without its dictionary (the wheel lacks three) is left out: the library would
    mumble.
    """
    ranked: dict[str, tuple[int, VoiceFile]] = {}
    root = data_folder() / "lang"
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        fields = _fields(path)
        codes = [line.split() for line in fields.get("language", [])]
        if not codes or not _has_dictionary(fields, codes[0][0]):
            continue
        for code, *priority in codes:
            rank = int(priority[0]) if priority else 5  # the library's own default
            voice = VoiceFile(
                name=fields["name"][0],
                language=code.lower(),
                identifier=path.relative_to(root).as_posix(),
            )
            if code.lower() not in ranked or rank < ranked[code.lower()][0]:
                ranked[code.lower()] = (rank, voice)
    return {code: voice for code, (_, voice) in sorted(ranked.items())}


@cache
def variants() -> dict[str, str | None]:
    """Return the voice variants (``f2``, ``Annie``) with the gender their files state."""
    genders: dict[str, str | None] = {}
    for path in sorted((data_folder() / "voices" / "!v").iterdir()):
        gender = _fields(path).get("gender", [""])[0].split()
        genders[path.name] = gender[0].lower() if gender else None
    return genders


def _fields(path: Path) -> dict[str, list[str]]:
    """Read the ``keyword value`` lines of a voice file."""
    fields: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        keyword, _, value = line.partition("//")[0].strip().partition(" ")
        if value:
            fields.setdefault(keyword, []).append(value.strip())
    return fields


def _has_dictionary(fields: dict[str, list[str]], language: str) -> bool:
    name = fields.get("dictionary", [language.split("-")[0]])[0]
    return (data_folder() / f"{name}_dict").is_file()
