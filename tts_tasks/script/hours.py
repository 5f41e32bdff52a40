"""Times of day and durations, in full: 14h30 is catorze horas e trinta minutos."""

from __future__ import annotations

import re

from tts_tasks.script.numbers import cardinal
from tts_tasks.script.rules import Rule

_H = r"[0-9]{1,2}h(?:[0-9]{2})?(?:min)?|[0-9]{1,2}:[0-9]{2}"
_RANGE = re.compile(rf"(?<![\w.,:/-])({_H})\s?[-–—]\s?({_H})(?![\w:-])")
_WITH_H = re.compile(
    r"(?<![\w.,:/])([0-9]{1,4})\s?(?:h|hs|hrs)"
    r"(?:\s?([0-5]?[0-9])(?:\s?(?:min|m)(?![^\W\d_])\.?(?:\s?([0-5]?[0-9])\s?s(?:eg)?)?|(?!\w|[.,][0-9])))?(?!\w)(?!/\w)"
)
_MINUTES_SECONDS = re.compile(
    r"(?<![\w.,:/])([0-9]{1,3})\s?(?:min|m)\s?([0-5]?[0-9])\s?s(?:eg)?(?!\w)"
)
_CLOCK = re.compile(
    r"(?<![\w.,:/-])([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9])(?:[.,][0-9]+)?)?"
    r"(?:\s?(?:h|hs|hrs|horas)(?!\w)|Z(?!\w))?(?:\s?([AaPp])\.?[Mm](?!\w)\.?)?(?![\w:])"
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
    if match[4] in ("a", "A"):
        return f"{said} da manhã"
    if match[4]:
        return f"{said} {'da tarde' if hours in (12, 1, 2, 3, 4, 5) else 'da noite'}"
    return said


def _range(match: re.Match[str]) -> str:
    return f"{match[1]} {'à' if int(re.split('[h:]', match[2])[0]) == 1 else 'às'} {match[2]}"


def _minutes_seconds(match: re.Match[str]) -> str:
    return f"{_minutes(int(match[1]))} e {_seconds(int(match[2]))}"


RULES = (
    Rule("hours from and to", _RANGE, _range),
    Rule("hours", _WITH_H, _with_h),
    Rule("minutes and seconds", _MINUTES_SECONDS, _minutes_seconds),
    Rule("clock time", _CLOCK, _clock),
)
