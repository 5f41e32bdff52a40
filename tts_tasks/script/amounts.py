"""Plain numbers in running text: ranges, multiples, fractions, ratios, cardinals with agreement."""

from __future__ import annotations

import re

from tts_tasks.script.agreement import counted_noun, counts_feminine, names
from tts_tasks.script.letters import letter_name
from tts_tasks.script.nouns import is_feminine, is_feminine_singular
from tts_tasks.script.numbers import (
    NUMBER,
    SCALE,
    START,
    Number,
    cardinal,
    fraction,
    parse_number,
    say_digits_or_cardinal,
    say_number,
    say_scaled,
    takes_de,
)
from tts_tasks.script.rules import DIGITS, Rule
from tts_tasks.script.tables import words

_RANGE = re.compile(
    rf"{START}(?<![-–/])({NUMBER})(\s?%)?(?:-|\s?[–—]\s?)(?=({NUMBER})(?![-\w]*[-/]))"
)
_BY = re.compile(rf"{START}({NUMBER}(?:[x×]{NUMBER}){{0,3}})[x×](?={NUMBER}(?P<equals>\s?=)?)")
_MEASURE_BY = re.compile(rf"{START}({NUMBER}\s?(?:mm|cm|km|m|px|pol))\s?[x×]\s?(?={NUMBER})")
_SPACED_BY = re.compile(rf"{START}({NUMBER})\s[x×]\s(?=({NUMBER})(\s?=)?)")
_BY_UNIT = re.compile(
    rf"{START}({NUMBER})\s[x×]\s(?={NUMBER}(?:\s[x×]\s{NUMBER})?\s?(?:mm|cm|km|m|px|pol|pixels)(?!\w))"
)
_SCORE = re.compile(rf"{START}([0-9]{{1,3}})(\s?)[x×]\2([0-9]{{1,3}})(?![\w×]|[.,][0-9]|\s[x×=])")
_SCORED = re.compile(
    r"\b(?:venc|perde|ganh|empat|golea|derrot|placar|terminou|acabou|resultado)[^.;:!?0-9]{0,40}$"
    r"|\bplacar:\s$",
    re.IGNORECASE,
)
_TEAM_BEFORE = re.compile(r"\b[A-ZÀ-Ú][\w-]{2,20}\s$")
_TEAM_AFTER = re.compile(r"\s[A-ZÀ-Ú][\w-]{2}")
SMALLEST_RESOLUTION = 100
"""Two numbers from here on, without an equals sign, are the sides of a picture: 800 x 600."""

_SHORT_SCALES = {"M": "milhões", "B": "bilhões"}
_MILLIONS = re.compile(rf"{START}([0-9]{{1,3}}(?:[.,][0-9]{{1,2}})?)([MB])(?=\sde\s[a-zà-ú])")
_TIMES = re.compile(rf"{START}({NUMBER})\s?[x×](?![\w×])")
_ENGLISH_THOUSANDS = re.compile(
    r"(?=[0-9])(?<![\w.,])[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]{1,2}(?!\w|[.,][0-9])"
)
_LIST = re.compile(r"(?=[0-9])(?<![\w.,])[0-9]++(?:,[0-9]++){2,}(?![\w.]|,[0-9])")
_MIXED = re.compile(
    r"(?=[0-9])(?<![\w.,/])([0-9]{1,4})\s(?:e\s)?([1-9])/([2-9]|10)(?![\w/,]|\.[0-9])"
)
_FRACTION = re.compile(
    r"(?=[0-9])(?<![\w.,/-])([0-9]{1,4})/([0-9]{1,3}(?:\.[0-9]{3}){1,2}|[0-9]{1,7})(?![\w/]|[.,][0-9])"
)
_MARK = re.compile(
    r"(?=[0-9])(?<![\w.,/-])([0-9]{1,2},[0-9]{1,2})/(?=(?:5|10|100)(?!\w|[.,][0-9]))"
)
PORTIONS = words(
    """
    xícara colher copo lata pacote dúzia tablete hora dia semana mês ano turno litro quilo tonelada
    metro quilômetro polegada página volta
    """
)
"""Nouns that may follow a fraction without "de", which is said: 3/4 xícara."""

PRESSURE = re.compile(r"\b(?:pressão|PA)(?:\sarterial)?(?:\s(?:de|em|era|foi|é))?\s$")
PRESSURE_CHARS = 24
"""How far ``PRESSURE`` looks."""

_RATIO = re.compile(
    r"(?=[0-9])(?<![\w.,:])([0-9]{1,6}):([0-9]{1,3}(?:\.[0-9]{3}){1,2}|[0-9]{1,6})(?![\w:]|[.,][0-9])"
)
_NEGATIVE = re.compile(r"(?<![\w.,)\]%-])(?:-\s?|–)(?=[0-9])")
_POSITIVE = re.compile(r"\+(?<![\w)\]+]\+)\s?(?=[0-9])")
_JOINED_WORD = re.compile(rf"{START}({NUMBER})-(?=[^\W\d_]{{2}})")
_MINUS = re.compile(r"(?<=[0-9])\s[-–]\s(?=[0-9])")
_COMPACT = re.compile(rf"{START}([0-9]{{1,3}}(?:[.,][0-9])?)k(?!\w)")
_SCALED = re.compile(rf"{START}({NUMBER})\s({SCALE})(\sde\s)?")
_LETTER = re.compile(rf"{START}([0-9]{{1,4}})([a-z])(?!\w)")
_CARDINAL = re.compile(rf"{START}({NUMBER})(?!\w)")
_WORD = re.compile(r"\s([^\W\d_]{3,12})(?!\w)")
_LEFT = re.compile(r"[0-9]++")


def _by(match: re.Match[str]) -> str:
    sides = re.split("[x×]", match[1])
    if match.groupdict().get("equals"):
        return "".join(f"{say_number(parse_number(side), feminine=True)} vezes " for side in sides)
    return "".join(f"{say_number(parse_number(side))} por " for side in sides)


def _score(match: re.Match[str]) -> str | None:
    """Say the score of a match with "a": after a word of winning, or between two teams."""
    text, start = match.string, match.start()
    before = text[max(0, start - 60) : start]
    between_teams = (
        match[2] and _TEAM_BEFORE.search(before) and _TEAM_AFTER.match(text, match.end())
    )
    if not between_teams and not _SCORED.search(before):
        return None
    return f"{cardinal(int(match[1]))} a {cardinal(int(match[3]))}"


def _spaced_by(match: re.Match[str]) -> str:
    factors = parse_number(match[1]), parse_number(match[2])
    if not match[3] and min(factor.value for factor in factors) >= SMALLEST_RESOLUTION:
        return _by(match)
    return f"{say_number(parse_number(match[1]), feminine=True)} vezes "


def _times(match: re.Match[str]) -> str:
    number = parse_number(match[1])
    return f"{say_number(number, feminine=True)} {'vez' if number.is_singular else 'vezes'}"


def _english(match: re.Match[str]) -> str:
    whole, _, decimals = match[0].replace(",", "").partition(".")
    return say_number(Number(whole, decimals))


def _list(match: re.Match[str]) -> str:
    parts = match[0].split(",")
    if len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:]):
        return say_digits_or_cardinal("".join(parts))
    return ", ".join(map(say_digits_or_cardinal, parts))


def _is_part_of_feminine(text: str, end: int) -> bool:
    """Return whether a feminine noun follows at once: meia xícara, uma e meia xícara."""
    noun = counted_noun(text, end)
    return noun is not None and (is_feminine(noun) or is_feminine_singular(noun))


def _next_word(match: re.Match[str]) -> str | None:
    noun = _WORD.match(match.string, match.end())
    return noun[1] if noun else None


def _mixed(match: re.Match[str]) -> str:
    feminine = _is_part_of_feminine(match.string, match.end())
    part = fraction(int(match[2]), int(match[3]), feminine=feminine)
    return f"{cardinal(int(match[1]), feminine=feminine)} e {part}"


def _fraction(match: re.Match[str]) -> str | None:
    numerator, denominator = int(match[1]), int(match[2].replace(".", ""))
    if denominator < 2 or numerator == 0 or len(match[1]) == 4 or match[2].startswith("0"):
        first, second = map(say_digits_or_cardinal, (match[1], match[2].replace(".", "")))
        return f"{first} barra {second}"
    if names(match.string, match.start()):
        return f"{cardinal(numerator)} de {cardinal(denominator)}"  # aula 3/10
    if PRESSURE.search(match.string[max(0, match.start() - PRESSURE_CHARS) : match.start()]):
        return f"{cardinal(numerator)} por {cardinal(denominator)}"
    if numerator + denominator == 100 and numerator >= denominator:
        return f"{cardinal(numerator)} {cardinal(denominator)}"  # the rule of 80/20
    feminine = _is_part_of_feminine(match.string, match.end())
    part = fraction(numerator, denominator, feminine=feminine)
    return f"{part} de" if denominator > 2 and _next_word(match) in PORTIONS else part


def _ratio(match: re.Match[str]) -> str:
    first, second = map(say_digits_or_cardinal, (match[1], match[2].replace(".", "")))
    return (
        f"{first} para {second}" if len(match[2]) < 4 or match[1] == "1" else f"{first}, {second}"
    )


def _compact(match: re.Match[str]) -> str:
    said, _ = say_scaled(parse_number(match[1].replace(".", ",")), "mil")
    return said


def _scaled(match: re.Match[str]) -> str:
    feminine = counts_feminine(match.string, match.start(), match.end(2))
    said, with_de = say_scaled(parse_number(match[1]), match[2], feminine=feminine)
    noun = counted_noun(match.string, match.end(2))
    goes_on = match.string.startswith(" e ", match.end(2))  # 2 milhões e 300 mil pessoas
    if match[3] or not with_de or noun is None or not noun.endswith("s") or goes_on:
        return said + (match[3] or "")
    return f"{said} de"


def _cardinal(match: re.Match[str]) -> str:
    text, start, end = match.string, match.start(), match.end()
    number = parse_number(match[1])
    is_one = number.is_singular and number.value == 1
    said = say_number(number, feminine=counts_feminine(text, start, end, is_one=is_one))
    if not number.decimals and number.is_speakable and takes_de(number.value):
        noun = counted_noun(text, end)
        if noun and noun.endswith("s") and noun.islower() and not names(text, start):
            return f"{said} de" if noun not in ("as", "os", "das", "dos", "nas", "nos") else said
    return said


def _left(match: re.Match[str]) -> str:
    """Say digits inside what no rule knew, with spaces around them."""
    text, start, end = match.string, match.start(), match.end()
    before = " " if start and text[start - 1].isalnum() else ""
    after = " " if end < len(text) and text[end].isalnum() else ""
    return f"{before}{say_digits_or_cardinal(match[0])}{after}"


RANGES = (Rule("range", _RANGE, lambda m: f"{m[1]}{m[2] or ''} a ", needs=(DIGITS, "-–—")),)
"""Before money and units, so that these see their last number: 10-20 km."""

DIMENSIONS = (
    Rule("millions", _MILLIONS, lambda m: f"{m[1]} {_SHORT_SCALES[m[2]]}", needs=(DIGITS, "MB")),
    Rule("score", _SCORE, _score),
    Rule("dimensions", _BY, _by),
    Rule("dimensions", _BY_UNIT, _by),
    Rule("dimensions", _MEASURE_BY, lambda m: f"{m[1]} por "),
    Rule("multiplication", _SPACED_BY, _spaced_by),
    Rule("multiple", _TIMES, _times),
    Rule("minus", _MINUS, lambda _: " menos ", needs=(DIGITS, "-–")),
    Rule("positive number", _POSITIVE, lambda _: "mais ", needs="+"),
    Rule("negative number", _NEGATIVE, lambda _: "menos ", needs=(DIGITS, "-–")),
)
RULES = (
    Rule("mark", _MARK, lambda m: f"{m[1]} de ", needs=(DIGITS, "/")),
    Rule("fraction", _MIXED, _mixed, needs=(DIGITS, "/")),
    Rule("fraction", _FRACTION, _fraction, needs=(DIGITS, "/")),
    Rule("ratio", _RATIO, _ratio, needs=(DIGITS, ":")),
    Rule("thousands in English", _ENGLISH_THOUSANDS, _english, needs=(DIGITS, ",")),
    Rule("list of numbers", _LIST, _list, needs=(DIGITS, ",")),
    Rule("thousands", _COMPACT, _compact),
    Rule("large number", _SCALED, _scaled),
    Rule("number and word", _JOINED_WORD, lambda m: f"{m[1]} ", needs=(DIGITS, "-")),
    Rule("number and letter", _LETTER, lambda m: f"{cardinal(int(m[1]))} {letter_name(m[2])}"),
    Rule("number", _CARDINAL, _cardinal),
)
LEFT_OVERS = (Rule("digits", _LEFT, _left),)
