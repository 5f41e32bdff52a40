"""Ages on the command line: ``90s``, ``30min``, ``12h``, ``7d``, ``2w``."""

from __future__ import annotations

import re

from tts_tasks.errors import InputError

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
"""Seconds of each unit."""

_AGE = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>s|min|h|d|w)", re.ASCII)


def parse_age(text: str, field: str) -> float:
    """Return an age in seconds.

    Args:
        text: a number and its unit.
        field: name of the option, for the error.

    Raises:
        InputError: if it is no age, or longer than a century.
    """
    found = _AGE.fullmatch(text.strip())
    age_s = float(found["number"]) * SECONDS[found["unit"]] if found else -1.0
    if not 0 <= age_s <= 100 * 365.25 * 86_400:
        raise InputError(
            f"{text!r:.80} is no age",
            field=field,
            value=text,
            remedy="give a number with its unit: 90s, 30min, 12h, 7d or 2w",
        )
    return age_s
