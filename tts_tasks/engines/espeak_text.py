"""What eSpeak NG must not get: some texts end the process that speaks them.

Found by sending it random texts of several alphabets (eSpeak NG 1.52, 2026-11-22): ``’-हह`` and
``fस-सस`` crash it in every voice, and so do 400 characters of ``a.a.a.``, which are one word to it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from tts_tasks.engines import phoneme_table as table

MAX_WORD_CHARS = 60
"""Longest word, hyphens separate. Up to it eSpeak NG says all that can be pronounced to its end: it
drops from the 77th letter in Cyrillic, the 80th in Devanagari, the 99th in Latin (7 languages, 70
kinds of letters and syllables, 2026-11-22), in silence."""


def is_latin(text: str) -> bool:
    """Return whether every letter is Latin."""
    return text.isascii() or all(_script(each) in ("", "LATIN") for each in text)


def harmless(text: str) -> str:
    """Return the text without what ends the process.

    A word that goes on in another alphabet becomes two (``fस-सस``), and a hyphen stays only inside
    a word and before a number.
    """
    return re.sub("-", _hyphen, _apart(text))


def _apart(text: str) -> str:
    """Return the text with a space where a word goes on in another alphabet."""
    if text.isascii():
        return text
    pieces = []
    last = ""
    for character in text:
        if character == " ":
            last = ""
        elif script := _script(character):
            if last not in ("", script):
                pieces.append(" ")
            last = script
        pieces.append(character)
    return "".join(pieces)


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """Return e.g. ``LATIN`` or ``DEVANAGARI``; nothing for what all alphabets share."""
    if letter.isascii() and letter.isdigit():
        return ""
    if unicodedata.category(letter) not in ("Ll", "Lt", "Lu", "Lo", "Nd"):
        return ""
    if letter in "ªºµ":
        return "LATIN"
    return unicodedata.name(letter, "UNKNOWN").split()[0]


def _hyphen(found: re.Match[str]) -> str:
    """Return the hyphen where it is inside a word or a minus, else nothing or a border of words."""
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    if _is_letter(after) and (
        _is_letter(before) or (before in ("", " ") and after in "0123456789")
    ):
        return "-"
    return "" if {before, after} & {"", " ", *table.MARKS} else " "


def _is_letter(character: str) -> bool:
    """Return whether it is part of a word; Hindi words end in marks, which ``isalnum`` denies."""
    return character.isalnum() or unicodedata.category(character or " ")[0] == "M"
