"""Ordinals in full, and articles and paragraphs of laws: ordinal up to nine, cardinal beyond."""

from __future__ import annotations

import re

from tts_tasks.script.numbers import cardinal, ordinal
from tts_tasks.script.rules import Rule

LAST_ORDINAL_ARTICLE = 9

_WEEKDAYS = {2: "segunda", 3: "terça", 4: "quarta", 5: "quinta", 6: "sexta"}

_LAW = re.compile(
    r"\b(artigos?|parágrafos?)\s([0-9]{1,4})(?:\.?[ºo°])?(?![\w]|[.,][0-9])"
    r"(?:(,\s|\se\s|\sa\s|\sou\s|\sao\s|[-–])([0-9]{1,4})(?:\.?[ºo°])?(?![\w]|[.,][0-9]))?",
    re.IGNORECASE,
)
_STATUTE = re.compile(
    r"\b(lei(?:\scomplementar)?|decreto(?:-lei)?|portaria|resolução|medida provisória|emenda|norma)"
    r"(\snúmero)?\s([0-9]{1,3}(?:\.[0-9]{3})?|[0-9]{1,6})/([0-9]{4})(?![\w/]|[.,][0-9])",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(r"(?<![\w.,])([2-6])\.?ª[-\s]feira")
_WEEKDAY_RANGE = re.compile(
    r"(?<![\w.,])([2-6])\.?ª\s(a|e|à|até)\s([2-6])\.?ª(?:(?:-|\s)feira)?(?!\w)"
)
_ORDINAL = re.compile(r"(?<![\w.,])([0-9]{1,3}(?:\.[0-9]{3}){1,3}|[0-9]{1,6})\.?([ºª])(s?)(?!\w)")
_DEGREE_AS_ORDINAL = re.compile(
    r"(?<![\w.,])([0-9]{1,2})°(?=\s[a-zà-ú]{3,})(?!\s(?:em|no|na|de|do|da|com|para|por|dos|das)\b)"
)


def _law(match: re.Match[str]) -> str:
    said = f"{match[1]} {_article(int(match[2]))}"
    if not match[4]:
        return said
    joint = " a " if match[3] in "-–" else match[3]
    return f"{said}{joint}{_article(int(match[4]))}"


def _statute(match: re.Match[str]) -> str:
    number = cardinal(int(match[3].replace(".", "")))
    return f"{match[1]}{match[2] or ''} {number} de {cardinal(int(match[4]))}"


def _article(n: int) -> str:
    return ordinal(n) if n <= LAST_ORDINAL_ARTICLE else cardinal(n)


def _weekday(match: re.Match[str]) -> str:
    return f"{_WEEKDAYS[int(match[1])]}-feira"


def _ordinal(match: re.Match[str]) -> str:
    said = ordinal(int(match[1].replace(".", "")), feminine=match[2] == "ª")
    return " ".join(word + "s" for word in said.split()) if match[3] else said


RULES = (
    Rule(
        "days of the week",
        _WEEKDAY_RANGE,
        lambda m: f"{_WEEKDAYS[int(m[1])]} {m[2]} {_WEEKDAYS[int(m[3])]}",
    ),
    Rule("day of the week", _WEEKDAY, _weekday),
    Rule("law and year", _STATUTE, _statute),
    Rule("article of a law", _LAW, _law),
    Rule("ordinal", _ORDINAL, _ordinal),
    Rule("ordinal", _DEGREE_AS_ORDINAL, lambda m: ordinal(int(m[1]))),
)
