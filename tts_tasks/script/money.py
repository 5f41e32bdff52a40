"""Amounts of money: the currency after the amount, cents, "de" after a round million."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tts_tasks.script.numbers import (
    NUMBER,
    SCALE,
    START,
    Number,
    cardinal,
    parse_number,
    say_number,
    say_scaled,
    takes_de,
)
from tts_tasks.script.rules import DIGITS, Rule
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
_END = rf"(?:\s(?:{SCALE}))?(?:[.;:!?)]|,\s|$)"
_MONEY = re.compile(
    rf"(?=[-$€£¥BEGRU])(?<![\w$])(?P<sign>-\s?)?(?P<symbol>{_SYMBOL})\s?(?P<minus>-\s?)?(?P<low>{NUMBER})"
    rf"(?:(?:\s?[-–—]\s?(?:{_SYMBOL}\s?)?|\sa\s(?={NUMBER}{_END}))(?P<high>{NUMBER}))?"
    rf"(?:\s?(?P<scale>{SCALE}|k(?!\w))(?:\se\s(?P<rest>{NUMBER}\smil)(?!\w))?)?(?:/(?P<per>[^\W\d_]+))?"
)
_AFTER = re.compile(
    rf"{START}(?P<low>{NUMBER})(?:\s(?P<scale>{SCALE}))?"
    r"\s?(?P<symbol>[€£¥]|(?:R|US?)\$|\b(?:USD|EUR|GBP|BRL)\b)(?!\s?[0-9\w])"
)
_ENGLISH = re.compile(
    rf"({_SYMBOL})\s?([0-9]{{1,3}}(?:,[0-9]{{3}})+(?:\.[0-9]{{2}})?)(?![\w]|[.,][0-9])"
)
_SWAPPED = str.maketrans(",.", ".,")
_BARE_RATE = re.compile(r"(R|US?)\$/(?=[^\W\d_])([^\W\d_]+[²³]?)(?!\w)")


def _whose(currency: Currency) -> str:
    """Return what tells foreign cents from Brazilian ones: cinquenta centavos de dólar."""
    is_foreign = currency is not REAL and currency.cent == REAL.cent
    return f" de {currency.singular}" if is_foreign else ""


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
        name = currency.cent if cents == 1 else currency.cents
        parts.append(f"{cardinal(cents)} {name}{'' if parts else _whose(currency)}")
    return " e ".join(parts)


def _say(match: re.Match[str]) -> str:
    groups = match.groupdict()
    currency = CURRENCIES[match["symbol"]]
    scale = match["scale"]
    said = say_money(parse_number(match["low"]), currency, scale)
    if groups.get("rest"):  # R$ 1 milhão e 200 mil
        millions, _ = say_scaled(parse_number(match["low"]), scale, feminine=currency.feminine)
        thousands = parse_number(match["rest"].removesuffix("mil").rstrip())
        said = f"{millions} e {say_money(thousands, currency, 'mil')}"
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


def _bare_rate(match: re.Match[str]) -> str:
    return f"{CURRENCIES[f'{match[1]}$'].plural} por {per_unit(match[2])}"


def _english(match: re.Match[str]) -> str | None:
    """Write $1,299.00 as Brazilians do; R$ 5,899 is a price of fuel."""
    symbol, amount = match.groups()
    if symbol == "R$" and amount.count(",") == 1 and "." not in amount:
        return None
    return f"{symbol} {amount.translate(_SWAPPED)}"


RULES = (
    Rule("money in English", _ENGLISH, _english, needs=(DIGITS, "$€£¥BEGU")),
    Rule("money", _MONEY, _say, needs=(DIGITS, "$€£¥BEGU")),
    Rule("money after the amount", _AFTER, _say),
)
EARLY_RULES = (Rule("rate of money", _BARE_RATE, _bare_rate, needs="$"),)
"""Before the rules for code, which take /kg for a path."""
