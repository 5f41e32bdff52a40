"""The languages of Kokoro's voices, and what good takes in each voice are like."""

from __future__ import annotations

from dataclasses import dataclass

from tts_tasks.engines.protocol import Expected


@dataclass(frozen=True, slots=True)
class Language:
    """A language that the first letter of a voice's name stands for."""

    code: str
    """BCP 47 tag, in small letters."""

    espeak: str
    """Code of the eSpeak NG voice that makes the phonemes, as in the model's training."""

    name: str
    """Readable name."""


# Source: hexgrad/kokoro, kokoro/pipeline.py, LANG_CODES.
LANGUAGES = {
    "a": Language("en-us", "en-us", "English (America)"),
    "b": Language("en-gb", "en-gb", "English (Great Britain)"),
    "e": Language("es", "es", "Spanish"),
    "f": Language("fr-fr", "fr-fr", "French"),
    "h": Language("hi", "hi", "Hindi"),
    "i": Language("it", "it", "Italian"),
    "p": Language("pt-br", "pt-br", "Portuguese (Brazil)"),
}

UNSPOKEN_LANGUAGES = {"j": "Japanese", "z": "Mandarin"}
"""Their phonemes came from dictionaries in the model's training; eSpeak NG's are others."""

DEFAULTS = {
    "pt-br": "pf_dora",
    "pt": "pf_dora",
    "en": "af_heart",
    "en-us": "af_heart",
    "en-gb": "bf_emma",
    "es": "ef_dora",
    "fr": "ff_siwis",
    "hi": "hf_alpha",
    "it": "if_sara",
}
"""The voice of each language when none was asked for."""

EXPECTED: dict[str, Expected] = {}
