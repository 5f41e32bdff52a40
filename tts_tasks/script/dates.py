"""Dates in the forms that Brazilians write, and ISO 8601; the first of a month is "primeiro"."""

from __future__ import annotations

import re

from tts_tasks.script.amounts import PRESSURE
from tts_tasks.script.numbers import cardinal
from tts_tasks.script.rules import DIGITS, Rule, kept_point
from tts_tasks.script.tables import sequence

MONTHS = sequence(
    """
    janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
    """
)
_MONTHS = range(1, 13)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SHORT = {name[:3]: name for name in MONTHS}
_WEEKDAYS = {
    "seg": "segunda", "ter": "terça", "qua": "quarta", "qui": "quinta", "sex": "sexta",
    "sáb": "sábado", "sab": "sábado", "dom": "domingo",
}  # fmt: skip
_MONTH_NAME = "|".join(MONTHS)

PIVOT_YEAR = 50
"""Two-digit years below it belong to this century."""

CONTEXT_CHARS = 24
"""How far before a date the words are looked for that make it one."""

_ISO = re.compile(
    r"(?=[12])(?<![\w.-])([12][0-9]{3})-([0-9]{2})-([0-9]{2})(?:T(?=[0-9]{2}:)|(?![\w-]))"
)
_YEAR_MONTH = re.compile(r"(?<![\w.-])((?:19|20)[0-9]{2})-(0[1-9]|1[0-2])(?![\w-]|[.,][0-9])")
_FULL = re.compile(
    r"(?=[0-9])(?<![\w/.,-])([0-9]{1,2})[ºo]?([/.-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})(?![\w/]|[.,-][0-9])"
)
_DAY_MONTH = re.compile(
    r"(?=[0-9])(?<![\w/.,-])([0-9]{1,2})(?P<ordinal>º)?/([0-9]{1,2})"
    r"(?![\w/%]|[.,][0-9]|\s?h(?:oras)?(?!\w))"
)
_DAYS_OF_MONTH = re.compile(
    r"\b(de|entre|dias)\s([0-3]?[0-9])º?\s(a|e|até)\s([0-3]?[0-9])/([01]?[0-9])(?:/([0-9]{4}|[0-9]{2}))?"
    r"(?![\w%/]|[.,][0-9])",
    re.IGNORECASE,
)
_DATES_BETWEEN = re.compile(
    r"\b(de|entre)\s([0-3]?[0-9])/([01]?[0-9])\s(a|e|até)\s([0-3]?[0-9])/([01]?[0-9])(?![\w%/]|[.,][0-9])",
    re.IGNORECASE,
)
_PADDED_DAYS = re.compile(
    r"(?=[0-9])(?<![\w.,/-])([0-3][0-9])\s?[-–]\s?(?=[0-3][0-9]/[01][0-9](?![\w%]|[.,][0-9]))"
)
_MONTHS_BETWEEN = re.compile(
    rf"[-–](?<=/[0-9]{{2}}.)(?=(?:{'|'.join(_SHORT)})\.?/[0-9]{{2}})", re.IGNORECASE
)
_DAY_RANGE = re.compile(
    rf"(?=[0-9])(?<![\w.,/-])([0-3]?[0-9])º?\s?[-–]\s?(?=[0-3]?[0-9]º?\sde\s(?:{_MONTH_NAME})\b)",
    re.IGNORECASE,
)
_DAY_SHORT_MONTH = re.compile(
    rf"(?=[0-9])(?<![\w/.,-])([0-3]?[0-9])/({'|'.join(_SHORT)})(?![\w/])", re.IGNORECASE
)
_REFERENCE = re.compile(
    rf"(?=[0-9])(?<![\w/.,-])([0-3]?[0-9])º?\s({'|'.join(_SHORT)}|{_MONTH_NAME})\.?\s(?=[12][0-9]{{3}}(?![\w/]))",
    re.IGNORECASE,
)
_MONTH_RANGE = re.compile(
    rf"(?<![\w.])({'|'.join(_SHORT)})(\.?)(?:\s?[-–/]\s?|\sa\s)({'|'.join(_SHORT)})\.?"
    r"(?:(?:/|\s|\sde\s)([0-9]{4}|[0-9]{2})(?![\w/])|(?!\w))",
    re.IGNORECASE,
)
_MONTH_YEAR = re.compile(
    r"(?=[0-9])(?<![\w/.,-])(0?[1-9]|1[0-2])/((?:1[4-9]|2[01])[0-9]{2})(?![\w/]|[.,][0-9])"
)
_NAMED_MONTH_YEAR = re.compile(
    rf"(?<!\w)(?=[0-9a-s])(?:([0-9]{{1,2}})/)?({'|'.join(_SHORT)}|{_MONTH_NAME})\.?/([0-9]{{4}}|[0-9]{{2}})(?!\w)",
    re.IGNORECASE,
)
_SHORT_MONTH = re.compile(
    rf"(?<=\bde )({'|'.join(_SHORT)})"
    r"(?:\.(?=\sde\s[0-9])|(?<=[0-9]\sde\s...)\.|(?<=[0-9][º°o]\sde\s...)\.|(?=\sde\s[0-9]))(?!\w)",
    re.IGNORECASE,
)
_MONTH_OF_YEAR = re.compile(
    rf"(?<![\w.])({'|'.join(_SHORT)})\.\s(?:de\s)?(?=[12][0-9]{{3}}(?!\w))", re.IGNORECASE
)
_DAY = r"[sS](?:eg|ex|[áa]b)|[tT]er|[qQ]u[ai]|[dD]om"
# A pattern that begins with letters is searched faster than one that begins with a lookbehind.
_WEEKDAYS_RANGE = re.compile(
    rf"({_DAY})(?<![\w.-]...)(\.?)(\s(?:a|à|até|e|ou)\s|\s?[-–]\s?)({_DAY})(?:\.|(?!\w))(?!\w)"
)
_DAY_OF_MONTH = re.compile(
    rf"(?<![\w.,])(0?[0-9]|[12][0-9]|3[01])[º°]?"
    rf"(?=(?:(?:,|\s(?:a|e|ou|até))\s[0-9]{{1,2}}){{0,8}}\sde\s(?:{_MONTH_NAME})\b)",
    re.IGNORECASE,
)
_ERAS = re.compile(r"[-–](?<=[ad]\.C\..)\s?(?=[0-9])")
_WEEKDAY_DATE = re.compile(rf"\b({_DAY})(?:\.,?|,)\s(?=[0-3]?[0-9]/[01]?[0-9](?![\w%]|[.,][0-9]))")
_DAY_BEFORE = re.compile(
    r"\bdias?\s$|(?:\b(?:segunda|terça|quarta|quinta|sexta|sábado|domingo)|-feira)(?:,\s|\s\()$",
    re.IGNORECASE,
)
_LAW_BEFORE = re.compile(
    r"(?:\bnúmero|\bn\.?[º°]|\b(?:lei|decreto|portaria|resolução|edital|processo|ofício|contrato"
    r"|MP|PL|PEC|EC|LC|IN))\s?$",
    re.IGNORECASE,
)
_DATE_CONTEXT = re.compile(
    r"\b(?:dias?|em|até|desde|no|de|entre|(?:data|prazo|entrega|prova|vencimento):?)\s$",
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


def _days_of_month(match: re.Match[str]) -> str | None:
    """Say the first day of "de 1 a 5/3"; "de 1 a 3/4" may be a fraction."""
    last, month = int(match[4]), int(match[5])
    certain = match[1].lower() == "dias" or last > month or len(match[4]) == len(match[5]) == 2
    said = say_date(last, month, full_year(match[6]) if match[6] else None)
    if not (certain or match[6]) or said is None or not 0 < int(match[2]) < last:
        return None
    return f"{match[1]} {say_day(int(match[2]))} {match[3]} {said}"


def _dates_between(match: re.Match[str]) -> str | None:
    days, months = (int(match[2]), int(match[5])), (int(match[3]), int(match[6]))
    first, last = map(say_date, days, months)
    if first is None or last is None or days[0] <= months[0] or days[1] <= months[1]:
        return None  # de 1/2 a 3/4 de xícara
    return f"{match[1]} {first} {match[4]} {last}"


def _reference(match: re.Match[str]) -> str | None:
    """Say the month of a bibliographic date: 10 mar. 2024."""
    month = _SHORT[match[2].lower()[:3]]
    day = int(match[1])
    return f"{say_day(day)} de {month} de " if 0 < day <= max(_DAYS) else None


def _day_short_month(match: re.Match[str]) -> str | None:
    day = int(match[1])
    return f"{say_day(day)} de {_SHORT[match[2].lower()]}" if 0 < day <= max(_DAYS) else None


def _month_range(match: re.Match[str]) -> str | None:
    if not (match[2] or match[4]):
        return None  # set a dez
    first, last = _SHORT[match[1].lower()], _SHORT[match[3].lower()]
    first = first.capitalize() if match[1][0].isupper() else first
    said = f"{first} a {last}"
    return f"{said} de {cardinal(full_year(match[4]))}" if match[4] else said + kept_point(match)


def _full(match: re.Match[str]) -> str | None:
    if match[2] != "/" and len(match[4]) == 2:
        return None  # 10.0.26 is a version, 10-11-12 a code
    return say_date(int(match[1]), int(match[3]), full_year(match[4]))


def _day_month(match: re.Match[str]) -> str | None:
    first, second = int(match[1]), int(match[3])
    before = match.string[max(0, match.start() - CONTEXT_CHARS) : match.start()]
    if PRESSURE.search(before):
        return None
    padded = len(match[1]) == len(match[3]) == 2
    if padded and second > max(_MONTHS) and first in _MONTHS and match[1][0] == "0":
        return f"{MONTHS[first - 1]} de {cardinal(full_year(match[3]))}"  # 03/26
    in_context = _DATE_CONTEXT.search(before) and first > second
    if padded or in_context or match["ordinal"] or _DAY_BEFORE.search(before):
        return say_date(first, second)
    return None


def _month_year(match: re.Match[str]) -> str | None:
    before = match.string[max(0, match.start() - CONTEXT_CHARS) : match.start()]
    if _LAW_BEFORE.search(before):
        return None  # Portaria nº 5/2020
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
    return f"{month.capitalize() if match[1][0].isupper() else month} de "


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


def _weekday_date(match: re.Match[str]) -> str:
    said = _WEEKDAYS[match[1].lower()]
    return f"{said.capitalize() if match[1][0].isupper() else said}, "


RULES = (
    Rule("date", _ISO, _iso, needs=(DIGITS, "-")),
    Rule("day of the week", _WEEKDAY_DATE, _weekday_date, needs=(DIGITS, "/")),
    Rule("days of a month", _DAYS_OF_MONTH, _days_of_month, needs=(DIGITS, "/")),
    Rule("days of a month", _DAY_RANGE, lambda m: f"{say_day(int(m[1]))} a ", needs=(DIGITS, "-–")),
    Rule(
        "days of a month", _PADDED_DAYS, lambda m: f"{say_day(int(m[1]))} a ", needs=(DIGITS, "-–")
    ),
    Rule("from date to date", _DATES_BETWEEN, _dates_between, needs=(DIGITS, "/")),
    Rule("from month to month", _MONTHS_BETWEEN, lambda _: " a ", needs=(DIGITS, "-–")),
    Rule("months of a year", _MONTH_RANGE, _month_range, needs=".-–/"),
    Rule("date", _REFERENCE, _reference),
    Rule("years from and to", _ERAS, lambda _: " a ", needs=(DIGITS, "-–")),
    Rule(
        "month and year",
        _YEAR_MONTH,
        lambda m: f"{MONTHS[int(m[2]) - 1]} de {cardinal(int(m[1]))}",
        needs=(DIGITS, "-"),
    ),
    Rule("date", _FULL, _full, needs=(DIGITS, "/.-")),
    Rule("month and year", _MONTH_YEAR, _month_year, needs=(DIGITS, "/")),
    Rule("date", _NAMED_MONTH_YEAR, _named_month_year, needs=(DIGITS, "/")),
    Rule("day and month", _DAY_MONTH, _day_month, needs=(DIGITS, "/")),
    Rule("day and month", _DAY_SHORT_MONTH, _day_short_month, needs=(DIGITS, "/")),
    Rule("month", _SHORT_MONTH, _short_month),
    Rule("month", _MONTH_OF_YEAR, _month_of_year, needs=(DIGITS, ".")),
    Rule("days of the week", _WEEKDAYS_RANGE, _weekdays, needs=".-–"),
    Rule("day of a month", _DAY_OF_MONTH, _day_of_month),
)
