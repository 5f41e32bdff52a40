"""The Brazilian names of the letters."""

from __future__ import annotations

from tts_tasks.script.numbers import say_digits_or_cardinal
from tts_tasks.script.tables import sequence

_NAMES = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        sequence(
            """
    a bê cê dê é efe gê agá i jota cá ele eme ene ó pê quê erre esse tê u vê dáblio xis
    ípsilon zê
    """
        ),
        strict=True,
    )
)
_PLURALS = {"erre": "erres", "esse": "esses", "xis": "xis", "ípsilon": "ípsilons"}


def letter_name(letter: str) -> str:
    """Return a letter's name, or the character itself where it has none."""
    return _NAMES.get(letter.upper(), letter)


def spell(code: str, *, plural: bool = False) -> str:
    """Return letters by their names and runs of digits as numbers: MP3 -> "eme pê três"."""
    parts: list[str] = []
    digits = ""
    for character in code:
        if character.isascii() and character.isdigit():
            digits += character
            continue
        if digits:
            parts.append(say_digits_or_cardinal(digits))
            digits = ""
        if character.isalpha():
            parts.append(letter_name(character))
    if digits:
        parts.append(say_digits_or_cardinal(digits))
    if plural and parts:
        parts[-1] = _PLURALS.get(parts[-1], parts[-1] + "s")
    return " ".join(parts)
