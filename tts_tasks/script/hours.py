"""Times of day and durations, in full: 14h30 is catorze horas e trinta minutos."""

from __future__ import annotations

import re

from tts_tasks.script.numbers import cardinal
from tts_tasks.script.rules import DIGITS, Rule, kept_point

_H = r"[0-9]{1,2}h(?:[0-9]{2})?(?:min)?|[0-9]{1,2}:[0-9]{2}"
_RANGE = re.compile(rf"(?<![\w.,:/-])({_H})\s?[-–—]\s?({_H})(?![\w:-])")
_WITH_H = re.compile(
    r"(?=[0-9])(?<![\w.,:/])([0-9]{1,4})\s?(?:h|hs|hrs)"
    r"(?:\s?([0-5]?[0-9])(?:\s?(?:min|m)(?![^\W\d_])(?:\.(?=\s?[0-9]{1,2}\s?s))?(?:\s?([0-5]?[0-9])\s?s(?:eg)?)?|(?!\w|[.,][0-9])))?(?!\w)(?!/[^\W\d])"
)
_HOUR_BEFORE = re.compile(
    r"(?=[0-9])(?<![\w.,:/-])([0-9]{1,2})(?:\s?[-–]\s?|(\s(?:a|e|ou|às|até)\s))(?=[0-9]{1,2}\s?h(?!\w))"
)
_EVERY = re.compile(r"(?=[0-9])(?<![\w.,/-])([0-9]{1,2})/\1\s?h(?:s|oras)?(?!\w)")
_MINUTES_SECONDS = re.compile(
    r"(?=[0-9])(?<![\w.,:/])([0-9]{1,3})(?:\s?(?:min|m)\s?([0-5]?[0-9])\s?s(?:eg)?|min([0-5][0-9]))(?![\w:])"
)
_ZERO_OR_ONE = re.compile(
    r"(?<!\w)([Àà]|[Dd]a)s\s(?=(?:0?[01]|00)(?::[0-5][0-9](?![\w:])|\s?h(?![^\W\d_])))"
)
_PRIMES = re.compile(r"(?=[0-9])(?<![\w.,°])([0-9]{1,3})['’′]([0-5]?[0-9])(?:''|[\"”″])")
_AM_PM = re.compile(
    r"(?=[0-9])(?<![\w.,:/-])(1[0-2]|0?[1-9])\s?(?:([ap])\.m\.|([ap])m(?![\w])|([AP])(?:M(?![\w])|\.M\.))(?!\w)"
)
_CLOCK = re.compile(
    r"(?=[0-9])(?<![\w.,:/-])([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9])(?:[.,][0-9]+)?)?"
    r"(?:\s?(?:h|hs|hrs|horas)(?!\w)|Z(?!\w))?(?:\s?([AaPp])\.?[Mm](?!\w)\.?)?(?![\w:]|[.,][0-9])"
)

LAST_HOUR = 24
"""A clock time beyond it is a position in a recording: minutes and seconds."""


def say_time(hours: int, minutes: int = 0, seconds: int = 0) -> str:
    """Return a time or duration in words, parts that are zero left out."""
    parts = [f"{cardinal(hours, feminine=True)} {'hora' if hours < 2 else 'horas'}"]
    if minutes:
        parts.append(_minutes(minutes))
    if seconds:
        parts.append(_seconds(seconds))
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} e {parts[-1]}"


def _minutes(n: int) -> str:
    return f"{cardinal(n)} {'minuto' if n < 2 else 'minutos'}"


def _seconds(n: int) -> str:
    return f"{cardinal(n)} {'segundo' if n < 2 else 'segundos'}"


def _with_h(match: re.Match[str]) -> str:
    return say_time(int(match[1]), int(match[2] or 0), int(match[3] or 0))


def _clock(match: re.Match[str]) -> str:
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
    if hours > LAST_HOUR and not match[3]:
        return f"{_minutes(hours)} e {_seconds(minutes)}" if minutes else _minutes(hours)
    said = say_time(hours, minutes, seconds)
    return f"{said} {_part_of_day(hours, match[4])}{kept_point(match)}" if match[4] else said


def _part_of_day(hours: int, letter: str) -> str:
    """Return the part of the day of an hour on the 12-hour clock, from the a or p of a.m., p.m."""
    if letter in "aA":
        return "da manhã"
    return "da tarde" if hours in (12, 1, 2, 3, 4, 5) else "da noite"


def _am_pm(match: re.Match[str]) -> str:
    hours, letter = int(match[1]), (match[2] or match[3] or match[4]).lower()
    if hours == LAST_HOUR // 2:
        return f"{'meia-noite' if letter == 'a' else 'meio-dia'}{kept_point(match)}"
    return f"{cardinal(hours, feminine=True)} {_part_of_day(hours, letter)}{kept_point(match)}"


def _range(match: re.Match[str]) -> str:
    return f"{match[1]} {'à' if int(re.split('[h:]', match[2])[0]) == 1 else 'às'} {match[2]}"


def _hour_before(match: re.Match[str]) -> str:
    return f"{cardinal(int(match[1]), feminine=True)}{match[2] or ' a '}"


def _every(match: re.Match[str]) -> str:
    hours = cardinal(int(match[1]), feminine=True)
    return f"{hours} em {hours} {'hora' if hours == 'uma' else 'horas'}"


def _primes(match: re.Match[str]) -> str:
    return f"{_minutes(int(match[1]))} e {_seconds(int(match[2]))}"


def _minutes_seconds(match: re.Match[str]) -> str:
    seconds = int(match[2] or match[3])
    return f"{_minutes(int(match[1]))} e {_seconds(seconds)}"


RULES = (
    Rule("hours from and to", _RANGE, _range, needs=(DIGITS, "-–—")),
    Rule("hours from and to", _HOUR_BEFORE, _hour_before),
    Rule("every so many hours", _EVERY, _every, needs=(DIGITS, "/")),
    Rule("one hour", _ZERO_OR_ONE, lambda m: f"{m[1]} "),
    Rule("a.m. and p.m.", _AM_PM, _am_pm),
    Rule("hours", _WITH_H, _with_h),
    Rule("minutes and seconds", _MINUTES_SECONDS, _minutes_seconds),
    Rule("minutes and seconds", _PRIMES, _primes, needs=(DIGITS, "'’′")),
    Rule("clock time", _CLOCK, _clock, needs=(DIGITS, ":")),
)
