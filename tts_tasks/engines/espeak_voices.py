"""What good takes of eSpeak NG's voices are like.

Written by ``python -m tests.benchmarks.voices espeak``; an AMD EPYC, 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping

from tts_tasks.values import Expected

DEFAULT_RATE = 150
"""Words per minute at which the voices were measured."""

RATE_EXPONENT = 0.92
"""Twice the rate is 1.9 times the pace: measured from 80 (0.57 times) to 450 (2.8 times)."""

EXPECTED: Mapping[str, Expected] = {
    "pt-br": Expected(13.8, (10.6, 15.0), -20.4, (0.0, 0.0), 0.33),
    "pt-br+m3": Expected(14.3, (11.0, 15.2), -20.2, (0.0, 0.0), 0.33),
    "pt-br+f2": Expected(13.6, (10.1, 15.1), -18.6, (0.0, 0.02), 0.32),
    "pt-br+f5": Expected(13.6, (10.2, 15.0), -20.2, (0.0, 0.01), 0.32),
    "pt-br+Annie": Expected(13.9, (10.4, 15.1), -19.4, (0.0, 0.0), 0.33),
}
"""By voice: median pace, slowest and fastest (characters per second), loudness (LUFS), silence
before and after, longest pause inside (seconds)."""

UNMEASURED = Expected(15.0, (7.5, 30.0), -20.0, (0.0, 0.0), 0.5)
"""Of the other voices: 20 languages and variants have 12 to 22 characters a second."""


def expected_at(voice: str, rate: int) -> Expected:
    """Return what good takes of a voice are like at a rate in words per minute."""
    return EXPECTED.get(voice, UNMEASURED).at_pace((rate / DEFAULT_RATE) ** RATE_EXPONENT)
