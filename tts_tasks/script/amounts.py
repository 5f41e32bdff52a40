"""Plain numbers in running text: ranges, multiples, fractions, ratios, cardinals with agreement."""

from __future__ import annotations

import re

from tts_tasks.script.agreement import counted_noun, counts_feminine, is_feminine, names
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
from tts_tasks.script.rules import Rule

_RANGE = re.compile(
    rf"{START}(?<![-–/])({NUMBER})(\s?%)?(?:-|\s?[–—]\s?)(?=({NUMBER})(?![-\w]*[-/]))"
)
_BY = re.compile(rf"{START}({NUMBER})[x×](?={NUMBER})")
_MEASURE_BY = re.compile(rf"{START}({NUMBER}\s?(?:mm|cm|km|m|px|pol))\s?[x×]\s?(?={NUMBER})")
_SPACED_BY = re.compile(rf"{START}({NUMBER})\s[x×]\s(?={NUMBER})")
_TIMES = re.compile(rf"{START}({NUMBER})\s?[x×](?![\w×])")
_ENGLISH_THOUSANDS = re.compile(r"(?<![\w.,])[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]{1,2}(?!\w|[.,][0-9])")
_LIST = re.compile(r"(?<![\w.,])[0-9]++(?:,[0-9]++){2,}(?![\w.]|,[0-9])")
_MIXED = re.compile(r"(?<![\w.,/])([0-9]{1,4})\s([1-9])/([2-9]|10)(?![\w/,]|\.[0-9])")
_FRACTION = re.compile(r"(?<![\w.,/-])([0-9]{1,4})/([0-9]{1,7})(?![\w/]|[.,][0-9])")
_RATIO = re.compile(r"(?<![\w.,:])([0-9]{1,6}):([0-9]{1,6})(?![\w:]|[.,][0-9])")
_NEGATIVE = re.compile(r"(?<![\w.,)\]%-])-\s?(?=[0-9])")
_MINUS = re.compile(r"(?<=[0-9])\s[-–]\s(?=[0-9])")
_COMPACT = re.compile(rf"{START}([0-9]{{1,3}}(?:[.,][0-9])?)k(?!\w)")
_SCALED = re.compile(rf"{START}({NUMBER})\s({SCALE})(\sde\s)?")
_CARDINAL = re.compile(rf"{START}({NUMBER})(?![0-9])")
_LEFT = re.compile(r"[0-9]++")


def _by(match: re.Match[str]) -> str:
    return f"{say_number(parse_number(match[1]))} por "


def _spaced_by(match: re.Match[str]) -> str:
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


def _mixed(match: re.Match[str]) -> str:
    noun = counted_noun(match.string, match.end())
    feminine = noun is not None and is_feminine(noun)
    part = fraction(int(match[2]), int(match[3]), feminine=feminine)
    return f"{cardinal(int(match[1]), feminine=feminine)} e {part}"


def _fraction(match: re.Match[str]) -> str | None:
    numerator, denominator = int(match[1]), int(match[2])
    if denominator < 2 or numerator == 0 or len(match[1]) == 4 or match[2].startswith("0"):
        first, second = map(say_digits_or_cardinal, (match[1], match[2]))
        return f"{first} barra {second}"
    if names(match.string, match.start()):
        return f"{cardinal(numerator)} de {cardinal(denominator)}"  # aula 3/10
    noun = re.match(r"\s([^\W\d_]+)", match.string[match.end() : match.end() + 30])
    return fraction(numerator, denominator, feminine=noun is not None and is_feminine(noun[1]))


def _ratio(match: re.Match[str]) -> str:
    first, second = map(say_digits_or_cardinal, (match[1], match[2]))
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
    if match[3] or not with_de or noun is None or not noun.endswith("s"):
        return said + (match[3] or "")
    return f"{said} de"


def _cardinal(match: re.Match[str]) -> str:
    text, start, end = match.string, match.start(), match.end()
    number = parse_number(match[1])
    said = say_number(number, feminine=counts_feminine(text, start, end))
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


RANGES = (Rule("range", _RANGE, lambda m: f"{m[1]}{m[2] or ''} a "),)
"""Before money and units, so that these see their last number: 10-20 km."""

DIMENSIONS = (
    Rule("dimensions", _BY, _by),
    Rule("dimensions", _MEASURE_BY, lambda m: f"{m[1]} por "),
    Rule("multiplication", _SPACED_BY, _spaced_by),
    Rule("multiple", _TIMES, _times),
    Rule("minus", _MINUS, lambda _: " menos "),
    Rule("negative number", _NEGATIVE, lambda _: "menos "),
)
RULES = (
    Rule("fraction", _MIXED, _mixed),
    Rule("fraction", _FRACTION, _fraction),
    Rule("ratio", _RATIO, _ratio),
    Rule("thousands in English", _ENGLISH_THOUSANDS, _english),
    Rule("list of numbers", _LIST, _list),
    Rule("thousands", _COMPACT, _compact),
    Rule("large number", _SCALED, _scaled),
    Rule("number", _CARDINAL, _cardinal),
)
LEFT_OVERS = (Rule("digits", _LEFT, _left),)
