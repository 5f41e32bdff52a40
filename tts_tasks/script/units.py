"""Units of measure: name, plural and gender, and "por" for a slash."""

from __future__ import annotations

import re

from tts_tasks.script.agreement import names
from tts_tasks.script.measures import (
    BARE,
    HALVES,
    PER,
    PRESSURES,
    RATES,
    SPACED,
    UNITS,
    Unit,
)
from tts_tasks.script.numbers import (
    NUMBER,
    SCALE,
    SIGNED_START,
    START,
    Number,
    cardinal,
    fraction,
    parse_number,
    say_digits_or_cardinal,
    say_number,
    say_scaled,
)
from tts_tasks.script.rules import DIGITS, Rule, kept_point, word_before
from tts_tasks.script.tables import alternatives, words

_SYMBOL = alternatives(UNITS)
_MEASURE = re.compile(
    rf"{SIGNED_START}(?P<minus>(?<![\w)])-)?(?P<number>{NUMBER})(?:\s(?P<scale>{SCALE})(?:\sde)?)?\s?"
    rf"(?P<unit>{_SYMBOL})(?:/(?P<per>{_SYMBOL}|[^\W\d_]+[²2]?))?(?![\w²³])(?!/\w)"
)
_FRACTION = re.compile(
    rf"(?=[0-9])(?<![\w.,/-])([0-9]{{1,3}})/([0-9]{{1,4}})\s?({_SYMBOL})(?![\w²³]|/\w)"
)
_MIXED = re.compile(
    rf"(?=[0-9])(?<![\w.,/-])([0-9]{{1,4}})\s{{1,2}}(?:e\s)?([1-9])/([2-9]|10)\s{{0,2}}({_SYMBOL})(?![\w²³]|/\w)"
)
_KILOMETRE = re.compile(r"km(?<![\w/]km)(?<![0-9]\skm)\s(?=[0-9])")
_RATE = re.compile(rf"(?<![\w/.-])({alternatives(RATES)})(?![\w²³/])")
_COORDINATE = re.compile(
    r"(?=[0-9])(?<![\w.,])([0-9]{1,3})°\s?([0-9]{1,2})['’′](?:\s?([0-9]{1,2})(?:''|[\"”″]))?"
    r"(?:\s?([NSLEOW])(?!\w))?"
)
_DIRECTIONS = {"N": "norte", "S": "sul", "L": "leste", "E": "leste", "O": "oeste", "W": "oeste"}
_PER_WORD = re.compile(
    rf"{START}({NUMBER}\s[^\W\d_]{{2,20}})/"
    r"(semana|mês|hora|dia|ano|pessoa|alun[oa]|minuto|segundo|usuário|turma|min|[hLs]|ha|kg|km)(?!\w)"
)
_RATE_PER = re.compile(
    rf"{START}(?P<measure>{NUMBER}\s?(?:{_SYMBOL}))/(?:(?={NUMBER}\s?(?:{_SYMBOL})(?!\w))"
    rf"|(?P<per>{_SYMBOL})/(?P<time>h|min|d|dia|dose|hora|minuto|semana)(?!\w))"
)
LARGEST_DENOMINATOR = 16
"""Beyond it a unit's fraction is a choice: 110/220 V; inches have halves of halves."""

_FEMININE = alternatives(symbol for symbol, unit in UNITS.items() if unit.feminine)
_FEMININE_RANGE = re.compile(
    rf"{START}({NUMBER})(?=\s(?:a|ou|e|até)\s{NUMBER}\s?(?:{_FEMININE})(?!\w))"
)
_INTEREST = re.compile(rf"{START}({NUMBER}\s?%)\s?a\.\s?([adms])\.(?!\w)")
_PERIODS = {"a": "ano", "d": "dia", "m": "mês", "s": "semestre"}
_BARE = re.compile(
    rf"\b([Ee]m|[Dd]e|[Pp]or|cada|o|do|no|ao|um)\s({alternatives(BARE)})(?![\w²³/-]|\s[0-9])"
)
_CURRENTS = words("de com corrente até a")


def per_unit(symbol: str) -> str:
    """Return what follows "por": the unit's singular name, or the word as it is."""
    if symbol in UNITS:
        return UNITS[symbol].singular
    if symbol[:-1] in UNITS and symbol[-1] in "²2":
        return f"{UNITS[symbol[:-1]].singular} ao quadrado"
    return PER.get(symbol.lower(), symbol)


def _is_code(match: re.Match[str], number: Number) -> bool:
    """Return whether a capital letter after a number is no unit: 4K, turma 2 A."""
    text, symbol = match.string, match["unit"]
    if symbol not in SPACED:
        return False
    if not text[match.start("unit") - 1].isspace() or names(text, match.start()):
        return True
    before = word_before(text, match.start()).lower()
    return symbol == "A" and not number.decimals and before not in _CURRENTS


def _say(match: re.Match[str]) -> str | None:
    unit = UNITS[match["unit"]]
    number = parse_number(match["number"])
    if _is_code(match, number):
        return None
    said = _say_measure(number, unit, match["unit"], match["scale"])
    if match["per"]:
        said = f"{said} por {per_unit(match['per'])}"
    if match["minus"]:
        said = f"menos {said}"
    return said if match["per"] else said + kept_point(match)


def _say_measure(number: Number, unit: Unit, symbol: str, scale: str | None) -> str:
    if scale is not None:
        said, with_de = say_scaled(number, scale, feminine=unit.feminine)
        return f"{said} {'de ' if with_de and not symbol.startswith('%') else ''}{unit.plural}"
    name = unit.singular if number.is_singular else unit.plural
    if symbol in HALVES and number.decimals.rstrip("0") == "5" and number.whole.strip("0"):
        whole = say_digits_or_cardinal(number.whole, feminine=True)
        return f"{whole} {name} e meia"
    return f"{say_number(number, feminine=unit.feminine)} {name}"


def _rate(match: re.Match[str]) -> str:
    """Say a rate without a number, or after one whose unit the measures do not have."""
    above, below = match[1].split("/")
    name = UNITS[above].plural if above in UNITS else "habitantes"
    return f"{name} por {per_unit(below)}"


def _joint(denominator: int, symbol: str) -> str | None:
    """Return what joins two numbers that are no fraction: 120/80 mmHg, 110/220 V."""
    if symbol in PRESSURES:
        return "por"
    return "barra" if denominator > LARGEST_DENOMINATOR and symbol != "pol" else None


def _fraction(match: re.Match[str]) -> str | None:
    unit = UNITS[match[3]]
    numerator, denominator = int(match[1]), int(match[2])
    if not numerator > 0 or denominator < 2 or match[3].startswith(("%", "p.p")):
        return None
    joint = _joint(denominator, match[3])
    if joint:
        return f"{cardinal(numerator)} {joint} {cardinal(denominator)} {unit.plural}"
    part = fraction(numerator, denominator, feminine=unit.feminine)
    joint = " " if part in ("meio", "meia") else " de "
    return f"{part}{joint}{unit.singular}"


def _mixed(match: re.Match[str]) -> str:
    """Say two and a half of a unit: dois quilos e meio."""
    unit, number = UNITS[match[4]], Number(match[1])
    part = fraction(int(match[2]), int(match[3]), feminine=unit.feminine)
    name = unit.singular if number.is_singular else unit.plural
    return f"{say_number(number, feminine=unit.feminine)} {name} e {part}"


def _per(match: re.Match[str]) -> str:
    return f"{match[1]} por {per_unit(match[2])}"


def _rate_per(match: re.Match[str]) -> str | None:
    if match["per"] is None and match["measure"].rstrip("h")[-1:] in f"{DIGITS} ":
        return None  # 10h/12h
    if match["per"] is None:
        return f"{match['measure']} por "  # 250 mg/5 mL
    return f"{match['measure']}/{match['per']} por {per_unit(match['time'])}"


def _feminine(match: re.Match[str]) -> str:
    return say_number(parse_number(match[1]), feminine=True)


def _coordinate(match: re.Match[str]) -> str:
    names_of = (("grau", "graus"), ("minuto", "minutos"), ("segundo", "segundos"))
    said = [
        f"{cardinal(int(written))} {names[int(written) > 1]}"
        for written, names in zip(match.group(1, 2, 3), names_of, strict=True)
        if written
    ]
    direction = f" {_DIRECTIONS[match[4]]}" if match[4] else ""
    return f"{', '.join(said[:-1])} e {said[-1]}{direction}"


def _interest(match: re.Match[str]) -> str:
    return f"{match[1]} ao {_PERIODS[match[2]]}{kept_point(match)}"


def _bare(match: re.Match[str]) -> str:
    unit = UNITS[match[2]]
    is_plural = match[1].lower() in ("em", "de")
    return f"{match[1]} {unit.plural if is_plural else unit.singular}"


EARLY_RULES = (
    Rule("rate", _RATE_PER, _rate_per, needs=(DIGITS, "/")),
    Rule("rate of interest", _INTEREST, _interest, needs=(DIGITS, "%")),
)
"""Before the rules for code and abbreviations, which take kg/dia for a path and a.m. for a word."""

RULES = (
    Rule("coordinate", _COORDINATE, _coordinate, needs=(DIGITS, "°")),
    Rule("feminine range", _FEMININE_RANGE, _feminine),
    Rule("fraction of a unit", _MIXED, _mixed, needs=(DIGITS, "/")),
    Rule("fraction of a unit", _FRACTION, _fraction, needs=(DIGITS, "/")),
    Rule("unit", _MEASURE, _say),
    Rule("kilometre of a road", _KILOMETRE, lambda _: "quilômetro "),
    Rule("bare unit", _BARE, _bare, needs=""),
    Rule("bare rate", _RATE, _rate, needs="/"),
    Rule("rate", _PER_WORD, _per, needs=(DIGITS, "/")),
)
