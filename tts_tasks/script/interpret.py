"""What ``<say-as interpret-as>`` means: a text said as characters, a number, a date, a time...

The kinds are those of the W3C's note on say-as values and of the cloud services that follow it;
the words are the normaliser's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tts_tasks.script.dates import MONTHS, full_year, say_date
from tts_tasks.script.documents import say_groups
from tts_tasks.script.letters import letter_name
from tts_tasks.script.normalise import normalise
from tts_tasks.script.numbers import (
    LARGEST_CARDINAL_DIGITS,
    cardinal,
    fraction,
    ordinal,
    parse_number,
    say_digits,
    say_number,
)

SIGNS: Mapping[str, str] = {
    ".": "ponto",
    ",": "vírgula",
    ":": "dois pontos",
    ";": "ponto e vírgula",
    "-": "hífen",
    "_": "underline",
    "/": "barra",
    "\\": "barra invertida",
    "@": "arroba",
    "#": "cerquilha",
    "$": "cifrão",
    "%": "por cento",
    "&": "e comercial",
    "*": "asterisco",
    "+": "mais",
    "=": "igual",
    "(": "abre parênteses",
    ")": "fecha parênteses",
    "!": "exclamação",
    "?": "interrogação",
    '"': "aspas",
    "'": "apóstrofo",
    "<": "menor que",
    ">": "maior que",
    "~": "til",
    "^": "circunflexo",
}

_DATE_FORMATS = ("dmy", "mdy", "ymd", "dm", "md", "my", "ym", "d", "m", "y")
_NUMBER = re.compile(r"(-?)([0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?|[0-9]+(?:[.,][0-9]+)?)")
_FRACTION = re.compile(r"(?:([0-9]{1,6})[\s+])?([0-9]{1,6})\s?/\s?([0-9]{1,6})")
_TIME = re.compile(r"([01]?[0-9]|2[0-4])[:h]([0-5][0-9])(?:[:m]([0-5][0-9])s?)?", re.IGNORECASE)
_FEMININE = ("f", "feminine", "feminino")


def interpret(written: str, kind: str, format: str = "") -> str | None:
    """Return how a text is said as something.

    Args:
        written: the text, on one line.
        kind: one of ``INTERPRETATIONS``.
        format: a date's order (``dmy``, ``ymd``, ...), or ``f`` for a feminine number.

    Returns:
        The words; None if the text is no such thing, or the kind has no such format.
    """
    return INTERPRETATIONS[kind](written, format)


def _characters(written: str, _: str) -> str | None:
    said = (
        say_digits(sign)
        if sign.isascii() and sign.isdigit()
        else SIGNS.get(sign, letter_name(sign))
        for sign in written
        if not sign.isspace()
    )
    return " ".join(said) or None


def _cardinal(written: str, format: str) -> str | None:
    found = _NUMBER.fullmatch(written)
    if found is None:
        return None
    said = say_number(parse_number(found[2]), feminine=format in _FEMININE)
    return f"menos {said}" if found[1] else said


def _ordinal(written: str, format: str) -> str | None:
    digits = written.rstrip("ºª°.").replace(".", "")
    if not digits.isascii() or not digits.isdigit() or len(digits) > LARGEST_CARDINAL_DIGITS:
        return None
    return ordinal(int(digits), feminine=format in _FEMININE or written.endswith("ª"))


def _digits(written: str, _: str) -> str | None:
    return say_groups(written) if re.fullmatch(r"[0-9][0-9\s.,/-]*", written) else None


def _fraction(written: str, format: str) -> str | None:
    found = _FRACTION.fullmatch(written)
    if found is None or int(found[3]) < 2 or not int(found[2]):
        return None
    feminine = format in _FEMININE
    part = fraction(int(found[2]), int(found[3]), feminine=feminine)
    return f"{cardinal(int(found[1]), feminine=feminine)} e {part}" if found[1] else part


def _date(written: str, format: str) -> str | None:
    numbers = re.findall(r"[0-9]+", written)
    order = format or ("ymd" if numbers and len(numbers[0]) == 4 else "dmy")[: len(numbers)]
    if order not in _DATE_FORMATS or len(order) != len(numbers):
        return None
    parts = dict(zip(order, numbers, strict=True))
    if any(len(number) > 4 for number in numbers):
        return None
    year = full_year(parts["y"]) if "y" in parts else None
    if "d" in parts and "m" in parts:
        return say_date(int(parts["d"]), int(parts["m"]), year)
    if "m" in parts:
        if not 1 <= int(parts["m"]) <= len(MONTHS):
            return None
        month = MONTHS[int(parts["m"]) - 1]
        return month if year is None else f"{month} de {cardinal(year)}"
    if "d" in parts:
        day = int(parts["d"])
        return ("primeiro" if day == 1 else cardinal(day)) if 1 <= day <= 31 else None
    return None if year is None else cardinal(year)


def _time(written: str, _: str) -> str | None:
    found = _TIME.fullmatch(written.replace(" ", ""))
    if found is None:
        return None
    said = [_counted(int(found[1]), "hora", feminine=True)]
    minutes, seconds = int(found[2]), int(found[3] or 0)
    if minutes:
        said.append(_counted(minutes, "minuto"))
    if seconds:
        said.append(_counted(seconds, "segundo"))
    return " e ".join(said) if len(said) < 3 else f"{said[0]}, {said[1]} e {said[2]}"


def _counted(n: int, noun: str, *, feminine: bool = False) -> str:
    plural = "" if n < 2 else "s"
    return f"{cardinal(n, feminine=feminine)} {noun}{plural}"


def _telephone(written: str, _: str) -> str | None:
    return say_groups(written) if re.fullmatch(r"\+?[0-9()\s.-]{3,30}", written) else None


def _as_normalised(written: str, _: str) -> str | None:
    said = normalise(written)
    return said if said != written else None


INTERPRETATIONS: Mapping[str, Callable[[str, str], str | None]] = {
    "characters": _characters,
    "spell-out": _characters,
    "verbatim": _characters,
    "cardinal": _cardinal,
    "number": _cardinal,
    "ordinal": _ordinal,
    "digits": _digits,
    "fraction": _fraction,
    "date": _date,
    "time": _time,
    "telephone": _telephone,
    "currency": _as_normalised,
    "unit": _as_normalised,
}
"""Kind -> how it is said."""
