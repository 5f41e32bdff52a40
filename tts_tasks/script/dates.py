"""Dates in the forms that Brazilians write, and ISO 8601; the first of a month is "primeiro"."""

from __future__ import annotations

import re

from tts_tasks.script.numbers import cardinal
from tts_tasks.script.rules import Rule, kept_point
from tts_tasks.script.tables import sequence

MONTHS = sequence(
    """
    janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
    """
)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SHORT = {name[:3]: name for name in MONTHS}
_WEEKDAYS = {
    "seg": "segunda", "ter": "terça", "qua": "quarta", "qui": "quinta", "sex": "sexta",
    "sáb": "sábado", "sab": "sábado", "dom": "domingo",
}  # fmt: skip
_MONTH_NAME = "|".join(MONTHS)

PIVOT_YEAR = 50
"""Two-digit years below it belong to this century."""

_ISO = re.compile(
    r"(?=[12])(?<![\w.-])([12][0-9]{3})-([0-9]{2})-([0-9]{2})(?:T(?=[0-9]{2}:)|(?![\w-]))"
)
_YEAR_MONTH = re.compile(r"(?<![\w.-])((?:19|20)[0-9]{2})-(0[1-9]|1[0-2])(?![\w-]|[.,][0-9])")
_FULL = re.compile(
    r"(?=[0-9])(?<![\w/.,-])([0-9]{1,2})[ºo]?([/.-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})(?![\w/]|[.,-][0-9])"
)
_DAY_MONTH = re.compile(r"(?=[0-9])(?<![\w/.,-])([0-9]{1,2})/([0-9]{1,2})(?![\w/%]|[.,][0-9])")
_MONTH_YEAR = re.compile(
    r"(?=[0-9])(?<![\w/.,-])(0?[1-9]|1[0-2])/([12][0-9]{3})(?![\w/]|[.,][0-9])"
)
_NAMED_MONTH_YEAR = re.compile(
    rf"(?<!\w)(?:([0-9]{{1,2}})/)?({'|'.join(_SHORT)}|{_MONTH_NAME})\.?/([0-9]{{4}}|[0-9]{{2}})(?!\w)",
    re.IGNORECASE,
)
_SHORT_MONTH = re.compile(
    rf"(?<=\bde )({'|'.join(_SHORT)})"
    r"(?:\.(?=\sde\s[0-9])|(?<=[0-9]\sde\s...)\.|(?<=[0-9][º°o]\sde\s...)\.|(?=\sde\s[0-9]))(?!\w)",
    re.IGNORECASE,
)
_MONTH_OF_YEAR = re.compile(
    rf"(?<![\w.])({'|'.join(_SHORT)})\.\s(?=de\s[12][0-9]{{3}}(?!\w))", re.IGNORECASE
)
_DAY = r"[sS](?:eg|ex|[áa]b)|[tT]er|[qQ]u[ai]|[dD]om"
# A pattern that begins with letters is searched faster than one that begins with a lookbehind.
_WEEKDAYS_RANGE = re.compile(
    rf"({_DAY})(?<![\w.-]...)(\.?)(\s(?:a|à|até|e|ou)\s|\s?[-–]\s?)({_DAY})(?:\.|(?!\w))(?!\w)"
)
_DAY_OF_MONTH = re.compile(
    rf"(?<![\w.,])(0?[0-9]|[12][0-9]|3[01])[º°]?(?=\s(?:(?:a|e|ou|até)\s[0-9]{{1,2}}\s)?"
    rf"de\s(?:{_MONTH_NAME})\b)",
    re.IGNORECASE,
)
_DATE_CONTEXT = re.compile(
    r"\b(?:dia|dias|data|em|até|desde|prazo|no|de|a partir de|antes de|depois de|entre)\s$",
    re.IGNORECASE,
)


def say_day(day: int) -> str:
    """Return the day of a month in words."""
    return "primeiro" if day == 1 else cardinal(day)


def say_date(day: int, month: int, year: int | None = None) -> str | None:
    """Return a date in words, or None if there is no such day."""
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return None
    said = f"{say_day(day)} de {MONTHS[month - 1]}"
    return said if year is None else f"{said} de {cardinal(year)}"


def full_year(written: str) -> int:
    """Return a year with its century."""
    year = int(written)
    if len(written) > 2:
        return year
    return year + (2000 if year < PIVOT_YEAR else 1900)


def _iso(match: re.Match[str]) -> str | None:
    said = say_date(int(match[3]), int(match[2]), int(match[1]))
    return f"{said}, " if said and match[0].endswith("T") else said


def _full(match: re.Match[str]) -> str | None:
    if match[2] != "/" and len(match[4]) == 2:
        return None  # 10.0.26 is a version, 10-11-12 a code
    return say_date(int(match[1]), int(match[3]), full_year(match[4]))


def _day_month(match: re.Match[str]) -> str | None:
    padded = len(match[1]) == len(match[2]) == 2
    before = match.string[max(0, match.start() - 20) : match.start()]
    is_date = padded or (_DATE_CONTEXT.search(before) and int(match[1]) > int(match[2]))
    if padded and int(match[2]) > 12 and 1 <= int(match[1]) <= 12 and not match[1].startswith("1"):
        return f"{MONTHS[int(match[1]) - 1]} de {cardinal(full_year(match[2]))}"  # 03/26
    explicit = re.search(r"\bdias?\s$", before, re.IGNORECASE)
    return say_date(int(match[1]), int(match[2])) if is_date or explicit else None


def _year_month(match: re.Match[str]) -> str:
    return f"{MONTHS[int(match[2]) - 1]} de {cardinal(int(match[1]))}"


def _month_year(match: re.Match[str]) -> str:
    return f"{MONTHS[int(match[1]) - 1]} de {cardinal(int(match[2]))}"


def _named_month_year(match: re.Match[str]) -> str:
    month = _SHORT[match[2].lower()[:3]]
    month = month.capitalize() if match[2][0].isupper() else month
    day = f"{say_day(int(match[1]))} de " if match[1] else ""
    return f"{day}{month} de {cardinal(full_year(match[3]))}"


def _short_month(match: re.Match[str]) -> str:
    return _SHORT[match[1].lower()] + kept_point(match)


def _month_of_year(match: re.Match[str]) -> str:
    month = _SHORT[match[1].lower()]
    return f"{month.capitalize() if match[1][0].isupper() else month} "


def _weekdays(match: re.Match[str]) -> str | None:
    first, point, joint, last = match.groups()
    hyphen = "-" in joint or "–" in joint
    if not point and joint.strip() in ("e", "ou"):
        return None  # "ter e dom" may be words
    said = _WEEKDAYS[first.lower()]
    said = said.capitalize() if first[0].isupper() else said
    joint = (" e " if first.lower() in ("sáb", "sab") else " a ") if hyphen else joint
    return f"{said}{joint}{_WEEKDAYS[last.lower()]}{kept_point(match)}"


def _day_of_month(match: re.Match[str]) -> str | None:
    return say_day(int(match[1])) if int(match[1]) else None


RULES = (
    Rule("date", _ISO, _iso),
    Rule(
        "month and year", _YEAR_MONTH, lambda m: f"{MONTHS[int(m[2]) - 1]} de {cardinal(int(m[1]))}"
    ),
    Rule("date", _FULL, _full),
    Rule("month and year", _MONTH_YEAR, _month_year),
    Rule("date", _NAMED_MONTH_YEAR, _named_month_year),
    Rule("day and month", _DAY_MONTH, _day_month),
    Rule("month", _SHORT_MONTH, _short_month),
    Rule("month", _MONTH_OF_YEAR, _month_of_year),
    Rule("days of the week", _WEEKDAYS_RANGE, _weekdays, needs=".-–"),
    Rule("day of a month", _DAY_OF_MONTH, _day_of_month),
)
