"""Ordinals in full, and articles and paragraphs of laws: ordinal up to nine, cardinal beyond."""

from __future__ import annotations

import re

from tts_tasks.script.agreement import names
from tts_tasks.script.dates import full_year
from tts_tasks.script.letters import letter_name
from tts_tasks.script.numbers import cardinal, ordinal
from tts_tasks.script.rules import DIGITS, Rule, kept_point
from tts_tasks.script.tables import words

LAST_ORDINAL_ARTICLE = 9

_WEEKDAYS = {2: "segunda", 3: "terça", 4: "quarta", 5: "quinta", 6: "sexta"}

_NOT_ORDERED = words("com para por das dos mas que são não sem foi tem")
_NEXT_WORD = re.compile(r"\s([^\W\d_]+)")

_NUMBERED = r"[0-9]{1,4}(?:\.?[ºo°])?(?:-[A-Z])?(?![\w]|[.,][0-9])"
_LAW = re.compile(
    rf"\b((?:artigos?|parágrafos?)\s)({_NUMBERED}(?:\s(?:e|a|ou|ao)\s{_NUMBERED}|[-–]{_NUMBERED})?)",
    re.IGNORECASE,
)
_LAWS = re.compile(
    rf"\b((?:artigos|parágrafos)\s)({_NUMBERED}(?:(?:,\s|\s(?:e|a|ou|ao)\s|[-–]){_NUMBERED}){{1,20}})",
    re.IGNORECASE,
)
_IN_LAW = re.compile(r"([0-9]+)(?:\.?[ºo°])?(?:-([A-Z]))?|[-–]")
_STATUTE = re.compile(
    r"(?=[0-9])(?<![\w.,/-])([0-9]{1,3}\.[0-9]{3}|[0-9]{1,6})/([0-9]{4}|[0-9]{2})(?![\w/]|[.,][0-9])"
)
STATUTE_CHARS = 40
"""How far the kind of a law is looked for before its number."""

_STATUTE_BEFORE = re.compile(
    r"\b(?:(?:lei(?:\s(?:complementar|federal|estadual|municipal))?|decreto(?:-lei)?|portaria"
    r"|resolução|edital|medida provisória|emenda(?:\sconstitucional)?|instrução normativa|norma"
    r"|súmula|processo|projeto de lei|MP|PL|PEC|EC|LC|IN)(?:\snúmero)?|(número))\s$",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(r"(?=[0-9])(?<![\w.,])([2-6])(?:\.?ª|a\.?)[-\s]feira")
_WEEKDAY_RANGE = re.compile(
    r"(?=[0-9])(?<![\w.,])([2-6])(?:\.?ª|a)\s(a|e|à|até)\s([2-6])(?:\.?ª|a)(?:(?:-|\s)feira)?(?!\w)"
    r"(?!\s(?!das|para|pelas?|entre|exceto|durante|sempre|apenas|todos)[a-zà-ú]{4})"
)
_ORDINAL = re.compile(
    r"(?=[0-9])(?<![\w.,])([0-9]{1,3}(?:\.[0-9]{3}){1,3}|[0-9]{1,6})\.?([ºª])(s?)(?!\w|\s[CF](?!\w))"
)
_ANGLE_BEFORE = re.compile(
    r"\b(?:ângulos?|gir(?:ar?|ou|e|os?|ando)|rotaç(?:ão|ões)|rotacion\w{1,6}|inclina\w{1,6}|temperaturas?"
    r"|latitude|longitude|sen|cos|tg|seno|cosseno|tangente)"
    r"(?:\s(?:de|em|com|a|até|é|são|entre|mede))?\s(?:[0-9]{1,3}º(?:,\s|\s(?:a|e|ou)\s)){0,4}$",
    re.IGNORECASE,
)
_LETTERED = re.compile(r"(?=[0-9])(?<![\w.,])([0-9]{1,3})([a-h])(?![\w])(?!\.\w)")
_TYPED = re.compile(
    r"(?=[0-9])(?<![\w.,])([0-9]{1,4})(?:(o)(s?)\.?(?![\w])|(a)(s?)\.?(?=\s(?:[^\W\d_]{3}|(?:e|a|à|ou)\s[0-9]+a)))"
)
_DEGREE_AS_ORDINAL = re.compile(
    r"(?=[0-9])(?<![\w.,])([0-9]{1,2})°(?=\s[a-zà-ú]{3,})(?!\s(?:em|no|na|de|do|da|com|para|por|dos|das)\b)"
)


def _law(match: re.Match[str]) -> str:
    def say(part: re.Match[str]) -> str:
        if part[1] is None:
            return " a "
        letter = f" {letter_name(part[2])}" if part[2] else ""
        return _article(int(part[1])) + letter

    return match[1] + _IN_LAW.sub(say, match[2])


def _statute(match: re.Match[str]) -> str | None:
    before = match.string[max(0, match.start() - STATUTE_CHARS) : match.start()]
    kind = _STATUTE_BEFORE.search(before)
    if kind is None or (kind[1] and len(match[2]) == 2):
        return None  # número 3/10
    number = cardinal(int(match[1].replace(".", "")))
    return f"{number} de {cardinal(full_year(match[2]))}"


def _article(n: int) -> str:
    return ordinal(n) if n <= LAST_ORDINAL_ARTICLE else cardinal(n)


def _weekday(match: re.Match[str]) -> str:
    return f"{_WEEKDAYS[int(match[1])]}-feira"


def _ordinal(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 50) : match.start()]
    if match[2] == "º" and not match[3] and _ANGLE_BEFORE.search(before):
        return f"{cardinal(int(match[1].replace('.', '')))} graus"
    said = ordinal(int(match[1].replace(".", "")), feminine=match[2] == "ª")
    return " ".join(word + "s" for word in said.split()) if match[3] else said


def _lettered(match: re.Match[str]) -> str | None:
    if not names(match.string, match.start()):
        return None
    return f"{cardinal(int(match[1]))} {letter_name(match[2])}"


def _typed(match: re.Match[str]) -> str | None:
    """Say 1o and 2a, typed without the raised letter; "exercício 2a" is a letter."""
    text = match.string
    feminine = match[4] is not None
    following = _NEXT_WORD.match(text, match.end())
    if feminine and (
        names(text, match.start())
        or (following is not None and following[1].lower() in _NOT_ORDERED)
    ):
        return None
    said = ordinal(int(match[1]), feminine=feminine)
    if match[3] or match[5]:
        said = " ".join(word + "s" for word in said.split())
    return said + (kept_point(match) if match[0].endswith(".") else "")


RULES = (
    Rule(
        "days of the week",
        _WEEKDAY_RANGE,
        lambda m: f"{_WEEKDAYS[int(m[1])]} {m[2]} {_WEEKDAYS[int(m[3])]}",
    ),
    Rule("day of the week", _WEEKDAY, _weekday),
    Rule("law and year", _STATUTE, _statute, needs=(DIGITS, "/")),
    Rule("articles of a law", _LAWS, _law),
    Rule("article of a law", _LAW, _law),
    Rule("ordinal", _ORDINAL, _ordinal, needs=(DIGITS, "ºª")),
    Rule("letter of an item", _LETTERED, _lettered),
    Rule("ordinal", _TYPED, _typed),
    Rule("ordinal", _DEGREE_AS_ORDINAL, lambda m: ordinal(int(m[1])), needs=(DIGITS, "°")),
)
