"""What a narration may change about Bark's delivery; no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tts_tasks.engines.bark.requests import (
    COARSE_TEMPERATURE,
    FINE_TEMPERATURE,
    MIN_EOS_P,
    SEMANTIC_TEMPERATURE,
)
from tts_tasks.engines.protocol import Parameters
from tts_tasks.errors import EngineParameterError

RANGES = {
    "semantic_temperature": (0.0, SEMANTIC_TEMPERATURE, 1.5),
    "coarse_temperature": (0.0, COARSE_TEMPERATURE, 1.5),
    "fine_temperature": (0.0, FINE_TEMPERATURE, 1.5),
    "min_eos_p": (0.0, MIN_EOS_P, 1.0),
}
"""Least, default and most of each; see ``BarkRequest``."""

CHARS_PER_S = 15.0
"""Characters of Portuguese text in a second of speech, about; no voice was measured."""

SEMANTIC_RATE_HZ = 49.9
"""Semantic tokens of a second."""

CAP_FACTOR, CAP_SPARE_S = 1.8, 1.0
"""A chunk gets semantic tokens for 1.8 times its expected duration and a second more: what is not
over by then has left the text, and would go on to the model's own limit of 15.4 s."""


def checked_parameters(given: Mapping[str, object]) -> Parameters:
    """Return all parameters, the given ones checked, the others by default.

    Raises:
        EngineParameterError: for an unknown name or a value outside its range.
    """
    for name in given:
        if name not in RANGES:
            raise EngineParameterError(
                f"Bark has no parameter {name!r}",
                field=f"parameters.{name}",
                value=name,
                remedy=f"use {', '.join(RANGES)}",
            )
    return {name: _within(name, given.get(name, RANGES[name][1])) for name in RANGES}


def semantic_cap(text: str) -> int:
    """Return how many semantic tokens a text may take."""
    expected_s = len(text) / CHARS_PER_S
    return math.ceil(SEMANTIC_RATE_HZ * (CAP_FACTOR * expected_s + CAP_SPARE_S))


def _within(name: str, value: object) -> float:
    least, default, most = RANGES[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # NaN is not between anything.
    if not is_number or not least <= float(str(value)) <= most:
        raise EngineParameterError(
            f"{value!r} is not a number from {least:g} to {most:g}",
            field=f"parameters.{name}",
            value=value,
            remedy=f"the default is {default:g}",
        )
    return float(str(value))
