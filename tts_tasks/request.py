"""What a caller asks for. Checking a whole request is validation's business, not this module's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tts_tasks.errors import InputError
from tts_tasks.values import Tags

AUTO = "auto"
"""The provider that means: choose one for me."""


class Markup(StrEnum):
    """How the text is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    SSML = "ssml"


class CodePolicy(StrEnum):
    """What the voice does at a block of code."""

    SKIP = "skip"
    """Nothing: it is on the screen."""

    ANNOUNCE = "announce"
    """It says that there is code on the screen."""

    READ = "read"
    """It reads the code, line by line."""


class TablePolicy(StrEnum):
    """What the voice does at a table."""

    READ = "read"
    """It reads it row by row, each value after its column's header."""

    SKIP = "skip"
    """Nothing."""


class UrlPolicy(StrEnum):
    """How much of a URL is said."""

    HOST = "host"
    """Its host, which is what a listener can remember."""

    SKIP = "skip"
    """Nothing."""

    FULL = "full"
    """All of it, sign by sign where need be."""


@dataclass(frozen=True, slots=True)
class Policies:
    """What the voice does with what is written for the eye."""

    code: CodePolicy = CodePolicy.SKIP
    """Blocks of code."""

    tables: TablePolicy = TablePolicy.READ
    """Tables."""

    urls: UrlPolicy = UrlPolicy.HOST
    """Addresses in the text; the text of a link is always read."""


class QualityChecks(StrEnum):
    """What every take must pass before it is accepted."""

    SIGNAL = "signal"
    """Checks of the audio itself: length, silence, level, clipping, repetition."""

    ASR = "asr"
    """Those, and a speech recogniser must hear the words (``NARRATION_ASR_MODEL``)."""


class Policy(StrEnum):
    """By what ``auto`` prefers one provider to another."""

    QUALITY = "quality"
    """The most natural voice that can be had."""

    FAST = "fast"
    """The one that is ready first; what is cached is ready."""

    OFFLINE = "offline"
    """The most natural voice to which no text is sent over a network."""

    CHEAPEST = "cheapest"
    """The one that needs the least computing; what is cached needs none."""


@dataclass(frozen=True, slots=True)
class Preference:
    """What matters to the caller when ``auto`` chooses."""

    policy: Policy = Policy.QUALITY
    """By what providers are compared."""

    order: tuple[str, ...] = ()
    """Names of the only providers that may speak, the best first; in place of a policy."""

    deadline_s: float | None = None
    """Seconds in which the audio should be there; who cannot make it comes after who can."""

    def __str__(self) -> str:
        """Return what requests and courses call it: ``quality``, or ``gtts,espeak``."""
        return ",".join(self.order) or self.policy


def preference_of(policy: str | Sequence[str], deadline_s: float | None = None) -> Preference:
    """Return what matters when ``auto`` chooses.

    Args:
        policy: ``quality``, ``fast``, ``offline``, ``cheapest``, or providers in the order in which
            they may speak: ``gtts,espeak`` or a list.
        deadline_s: seconds in which the audio should be there.

    Raises:
        InputError: if it is neither, or the deadline is not a positive number.
    """
    given = policy.split(",") if isinstance(policy, str) else policy
    names = list(given) if isinstance(given, list | tuple) else [None]
    order = tuple(name.strip() for name in names if isinstance(name, str))
    is_number = isinstance(deadline_s, int | float) and not isinstance(deadline_s, bool)
    if deadline_s is not None and not (is_number and 0 < deadline_s < math.inf):
        raise InputError(
            f"{deadline_s!r} is not a number of seconds above 0",
            field="deadline_s",
            value=deadline_s,
            remedy="give the seconds in which the audio should be there, or leave it out",
        )
    if len(order) == 1 and order[0] in tuple(Policy):
        return Preference(Policy(order[0]), deadline_s=deadline_s)
    if not order or len(order) < len(names) or not all(order):
        raise InputError(
            f"{policy!r} is no policy",
            field="policy",
            value=policy,
            remedy=f"use {', '.join(Policy)}, or providers in their order, as gtts,espeak",
        )
    twice = [name for name in order if order.count(name) > 1]
    if twice:
        raise InputError(
            f"{twice[0]!r} stands twice in {','.join(order)}",
            field="policy",
            value=policy,
            remedy="name each provider once",
        )
    return Preference(order=order, deadline_s=deadline_s)


@dataclass(frozen=True, slots=True)
class NarrationRequest:
    """One text to be narrated into one file."""

    text: str
    """What the author wrote."""

    output_path: Path
    """Where the audio goes; captions are written beside it."""

    provider: str = AUTO
    """An engine's name, or ``auto``."""

    preference: Preference = field(default_factory=Preference)
    """What matters when the provider is ``auto``."""

    failed: Mapping[str, str] = field(default_factory=dict)
    """Provider -> what went wrong when it was tried for this narration: ``auto`` passes it over."""

    voice: str | None = None
    """Voice preset; ``None`` is the engine's default for the language."""

    format: str | None = None
    """Audio format; ``None`` follows the suffix of ``output_path``, or is ``mp3``."""

    language: str = "pt-BR"
    """BCP 47 tag; decides the default voice."""

    markup: Markup = Markup.TEXT
    """How the text is written."""

    parameters: Mapping[str, object] = field(default_factory=dict)
    """Engine parameters, e.g. ``{"rate": 160}``."""

    lexicon: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)
    """Term -> how to say it: words, or phonemes between slashes, for all providers or by provider
    (``script.lexicon``)."""

    policies: Policies = field(default_factory=Policies)
    """What the voice does with code, tables and addresses."""

    seed: int = 0
    """Seed of the first take, for engines with randomness."""

    profile: str = "course"
    """Mastering profile: ``course``, ``podcast``, ``broadcast`` or ``none``."""

    quality: QualityChecks = QualityChecks.SIGNAL
    """What every take must pass."""

    accept_flagged: bool = False
    """Whether a narration is published although a take of it failed a check three times."""

    tags: Tags = field(default_factory=Tags)
    """What the published file says about itself."""

    max_chars: int = 5_000
    """Longest text accepted, in characters."""

    lesson: str | None = None
    """``course/lesson`` of the events this narration records, when it belongs to a course."""

    first_line: int | None = 1
    """Number of the text's first line in its file, for messages; None where there are no lines."""

    run_id: str | None = None
    """Id of the flow run, for the events this narration records."""


LANGUAGE_CODES = {
    "ca": "cat", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "en": "eng", "es": "spa",
    "fi": "fin", "fr": "fra", "gl": "glg", "hi": "hin", "hu": "hun", "it": "ita", "ja": "jpn",
    "ko": "kor", "la": "lat", "nl": "nld", "no": "nor", "pl": "pol", "pt": "por", "ro": "ron",
    "ru": "rus", "sv": "swe", "tr": "tur", "uk": "ukr", "zh": "zho",
}  # fmt: skip
"""ISO 639-2 codes, which ID3 wants (frame TLAN), by ISO 639-1 code."""


def language_code(language: str) -> str:
    """Return the ISO 639-2 code of a BCP 47 tag: ``pt-BR`` -> ``por``; ``und`` if unknown."""
    return LANGUAGE_CODES.get(language.lower().replace("_", "-").split("-")[0], "und")
