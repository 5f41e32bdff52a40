"""How long a voice needs for a text: from the letters, words and signs of what is spoken.

A model of five numbers, fitted to eSpeak NG's Brazilian voice on 2,107 sentences (2026-11-23): all
but 2 % last 0.79 to 1.21 times as long as it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tts_tasks.values import Expected

UNMEASURED_CHARS_PER_S = (7.5, 30.0)
"""Slowest and fastest sentence of a voice that nobody measured."""

SENTENCE_SPREAD = 1.25
"""How far the slowest and the fastest sentence of a voice lie from its pace, only because a short
one is slower: the model knows that."""

PER_TEXT, PER_LETTER, PER_COMMA, PER_STOP = 1.2, 1.0, 4.5, 6.5
"""Time of a text, of each letter, pause and full stop inside, in letters."""

PER_WORD = (0.3, 0.65)
"""Least and most letters' time of a word beyond its letters; the letters' names have the least."""

SPELLED = 4.5
"""Most letters' time that a letter takes which is said by its name: ``x``, ``TCP``."""

DIGIT = (2.5, 11.0)
"""Least and most letters' time of a digit; engines read numbers themselves in other languages."""

SIGN = (0.0, 14.0)
"""The same of a sign that is neither letter nor punctuation, as ``$`` or an emoji."""

FOREIGN = (0.6, 16.0)
"""The same of a letter of another alphabet than the Latin one; a voice that does not know it says
its name."""

DENSE = (1.0, 30.0)
"""The same of a character that stands for a syllable or a word, and of mathematical letters: 水,
か, हि, 𝒳."""

_WORD = re.compile(r"[^\W\d_]+")
_VOWEL = re.compile(r"[aeiouyáéíóúàèìòùâêîôûãõäëïöüæœøå]", re.IGNORECASE)
_COMMA = re.compile(r"[,;:–—()…]+(?=\s)")
_STOP = re.compile(r"[.!?]+(?=\s)")
_SIGN = re.compile(r"[^\w\s.,;:!?…'’\"“”«»()\[\]{}–—-]|_")
_FIRST_FOREIGN = "\N{GREEK CAPITAL LETTER HETA}"
_FIRST_DENSE = "\N{DEVANAGARI SIGN INVERTED CANDRABINDU}"


@dataclass(frozen=True, slots=True)
class Load:
    """What there is to say, in letters' time."""

    least: float
    most: float


def load_of(spoken: str) -> Load:
    """Return how much there is to say, least and most."""
    inner = spoken.rstrip(" .!?…;:,")
    least = PER_TEXT + PER_COMMA * len(_COMMA.findall(inner)) + PER_STOP * len(_STOP.findall(inner))
    most = least
    for word in _WORD.findall(spoken):
        dense = sum(letter >= _FIRST_DENSE for letter in word)
        foreign = sum(_FIRST_FOREIGN <= letter < _FIRST_DENSE for letter in word)
        latin = len(word) - dense - foreign
        is_spelled = len(word) == 1 or word.isupper() or not _VOWEL.search(word)
        least += PER_WORD[0] + PER_LETTER * latin + FOREIGN[0] * foreign + DENSE[0] * dense
        most += PER_WORD[1] + (SPELLED if is_spelled else PER_LETTER) * latin
        most += FOREIGN[1] * foreign + DENSE[1] * dense
    digits = sum(map(str.isdigit, spoken))
    signs = len(_SIGN.findall(spoken))
    return Load(
        least + DIGIT[0] * digits + SIGN[0] * signs, most + DIGIT[1] * digits + SIGN[1] * signs
    )


def has_dense_script(spoken: str) -> bool:
    """Return whether a character of the text stands for a syllable or a word."""
    return any(character >= _FIRST_DENSE and character.isalpha() for character in spoken)


def speech_time(spoken: str, expected: Expected | None) -> tuple[float, float]:
    """Return the shortest and the longest time that a good take may last, in seconds.

    Args:
        spoken: what is said.
        expected: what is known of the voice, at its parameters.
    """
    load = load_of(spoken)
    slowest, fastest = UNMEASURED_CHARS_PER_S
    if expected is not None:
        slowest, fastest = expected.chars_per_s_range
        slowest = min(expected.chars_per_s, slowest * SENTENCE_SPREAD)
        fastest = max(expected.chars_per_s, fastest / SENTENCE_SPREAD)
    return load.least / fastest, load.most / slowest
