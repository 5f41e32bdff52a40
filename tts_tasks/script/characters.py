"""Characters that no voice can say: emoji, control characters, odd digits; and exponents."""

from __future__ import annotations

import re
import unicodedata

_SPACES = "\t\v\f\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
_SPACES += "\u200a\u202f\u205f\u3000\u2028\u2029"
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "So", "Me"})
_KEPT = frozenset("\n°©®™№")
_FOLDED = {
    "\u2212": "-",  # minus sign
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2215": "/",
    "\u2044": "/",  # the slash of vulgar fractions
    "\u02bc": "'",
    "\ufe0f": "",
    "\ufe0e": "",
    "©": "",
    "®": "",
    "™": "",
    "№": "nº",
    "ⁿ": "n",  # an exponent has been raised before
}


class _Characters(dict[int, str]):
    """A translation table that fills itself: each character is looked up once per process."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = said = _fold(character)
        return said


def _fold(character: str) -> str:
    if character in _FOLDED:
        return _FOLDED[character]
    if character in _SPACES or character == "\r":
        return " "
    if "\ufb00" <= character <= "\ufb06" or "\uff01" <= character <= "\uff5e":
        return unicodedata.normalize("NFKC", character)  # ligatures of a PDF, full-width letters
    category = unicodedata.category(character)
    if category == "Sk" and ord(character) > 0x7F:  # skin tones and stray accents
        return ""
    if category in ("Nd", "No", "Nl") and not character.isascii():
        return _fold_number(character)
    if category in _INVISIBLE and character not in _KEPT:
        return _fold_symbol(character) if category == "So" else ""
    return character


def _fold_number(character: str) -> str:
    """Return ASCII digits for digits of other scripts, ``Ⅳ``, ``½`` and ``①``."""
    if character in "²³":
        return character  # said "ao quadrado" and "ao cubo", or belong to a unit
    decomposed = unicodedata.normalize("NFKC", character).replace("\u2044", "/")
    if "/" in decomposed:
        return f" {decomposed} "
    if decomposed.isascii():
        return decomposed
    value = unicodedata.digit(character, None)
    return character if value is None else str(value)


def _fold_symbol(character: str) -> str:
    """Return letters and digits for ``①``-like symbols, nothing for pictures."""
    decomposed = unicodedata.normalize("NFKC", character)
    return decomposed if decomposed != character and decomposed.isalnum() else " "


_TABLE = _Characters()
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
_RAISED = re.compile(r"(?:(?<=[0-9)])|(?<=\b[A-Za-z]))[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ]+")


def _raise(match: re.Match[str]) -> str:
    """Return an exponent as ``^23``; a lone ² or ³ is also part of units, and stays."""
    raised = match[0]
    return (
        raised if raised in ("²", "³") else f"^{raised.translate(_SUPERSCRIPTS).replace('+', '')}"
    )


def clean_characters(text: str) -> str:
    """Return the text in Unicode NFC, with plain spaces, and without what cannot be said."""
    text = _RAISED.sub(_raise, unicodedata.normalize("NFC", text))
    return unicodedata.normalize("NFC", text.translate(_TABLE))
