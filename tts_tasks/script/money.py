"""Amounts of money: the currency after the amount, cents, "de" after a round million."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tts_tasks.script.numbers import (
    NUMBER,
    SCALE,
    Number,
    cardinal,
    parse_number,
    say_number,
    say_scaled,
    takes_de,
)
from tts_tasks.script.rules import Rule
from tts_tasks.script.tables import alternatives
from tts_tasks.script.units import per_unit


@dataclass(frozen=True, slots=True)
class Currency:
    """How a currency is said."""

    singular: str
    plural: str
    cent: str = "centavo"
    cents: str = "centavos"
    feminine: bool = False


REAL = Currency("real", "reais")
DOLLAR = Currency("dólar", "dólares")
EURO = Currency("euro", "euros")
POUND = Currency("libra", "libras", "penny", "pence", feminine=True)
YEN = Currency("iene", "ienes")

CURRENCIES = {
    "R$": REAL,
    "BRL": REAL,
    "US$": DOLLAR,
    "U$": DOLLAR,
    "USD": DOLLAR,
    "$": DOLLAR,
    "€": EURO,
    "EUR": EURO,
    "£": POUND,
    "GBP": POUND,
    "¥": YEN,
}

_SYMBOL = rf"(?:{alternatives(CURRENCIES)})"
_MONEY = re.compile(
    rf"(?<![\w$])(?P<sign>-\s?)?(?P<symbol>{_SYMBOL})\s?(?P<minus>-\s?)?(?P<low>{NUMBER})"
    rf"(?:(?P<range>\s?[-–—]\s?)(?:{_SYMBOL}\s?)?(?P<high>{NUMBER}))?"
    rf"(?:\s?(?P<scale>{SCALE}|k(?!\w)))?(?:/(?P<per>[^\W\d_]+))?"
)
_AFTER = re.compile(
    rf"(?<![\w.,])(?P<low>{NUMBER})(?:\s(?P<scale>{SCALE}))?\s?(?P<symbol>[€£]|R\$)(?!\s?[0-9\w])"
)


def say_money(number: Number, currency: Currency, scale: str | None = None) -> str:
    """Return an amount in words, e.g. "um milhão e meio de reais"."""
    if scale is not None:
        said, with_de = say_scaled(
            number, "mil" if scale == "k" else scale, feminine=currency.feminine
        )
        return f"{said} {'de ' if with_de else ''}{currency.plural}"
    if not number.is_speakable or len(number.decimals) > 2:
        unit = currency.singular if number.is_singular else currency.plural
        return f"{say_number(number, feminine=currency.feminine)} {unit}"
    cents = int(number.decimals.ljust(2, "0"))
    parts = []
    if number.value or not cents:
        unit = currency.singular if number.is_singular else currency.plural
        de = "de " if takes_de(number.value) else ""
        parts.append(f"{cardinal(number.value, feminine=currency.feminine)} {de}{unit}")
    if cents:
        parts.append(f"{cardinal(cents)} {currency.cent if cents == 1 else currency.cents}")
    return " e ".join(parts)


def _say(match: re.Match[str]) -> str:
    groups = match.groupdict()
    currency = CURRENCIES[match["symbol"]]
    scale = match["scale"]
    said = say_money(parse_number(match["low"]), currency, scale)
    if groups.get("high"):
        low = say_number(parse_number(match["low"]), feminine=currency.feminine)
        high = parse_number(match["high"])
        if parse_number(match["low"]).decimals:
            low = said
        said = f"{low} a {say_money(high, currency, scale)}"
    if groups.get("sign") or groups.get("minus"):
        said = f"menos {said}"
    if groups.get("per"):
        said = f"{said} por {per_unit(match['per'])}"
    return said


RULES = (
    Rule("money", _MONEY, _say),
    Rule("money after the amount", _AFTER, _say),
)
