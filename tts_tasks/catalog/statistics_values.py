"""What ``statistics`` finds out about the library, as values. Counts nothing itself.

The words, as they are counted:

    hit           ``utterance_hit`` or ``narration_hit``: a request was answered from the library.
    miss          ``*_registered`` or ``*_duplicate`` of the same level: it had to be made. What
                  an archive brought in (``imported: true``) was not asked for, and is neither.
    in vain       ``*_duplicate``: made, while another process registered the same first. So is a
                  narration that was there, and is checked again for ``quality: asr``.
    chunks spared the different chunks of the narrations that were hit. ``look_up`` asks for none
                  of them then, so they are no hits of utterances: the rate of that level is that
                  of the chunks that were really looked for. ``overall`` adds them.
    saved         what would have been needed had nothing been kept: for a narration that was hit,
                  the synthesis of all of its chunks.

A request that failed before it was made is neither hit nor miss, and so is a chunk that another
run had made by the time that this one came to it. Days are UTC.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

UTTERANCE, NARRATION = "utterance", "narration"


@dataclass(frozen=True, slots=True)
class Rate:
    """How often the library had what was asked for."""

    level: str
    """``utterance`` (chunks) or ``narration``; ``overall``: all chunks that were needed."""

    provider: str | None
    """Whose voice; ``None`` in a total, and for events that do not say."""

    voice: str | None
    """Which voice; ``None`` unless it is a rate by voice."""

    day: str | None
    """Which day, UTC, as in 2026-03-01; ``None`` unless it is a rate by day."""

    hits: int
    """Requests that the library answered."""

    registered: int
    """Requests for which something was made and kept."""

    duplicates: int
    """Requests for which something was made in vain."""

    chunks_spared: int
    """Chunks of the narrations that were hit; 0 for utterances."""

    @property
    def misses(self) -> int:
        """Requests for which something had to be made."""
        return self.registered + self.duplicates

    @property
    def requests(self) -> int:
        """Hits and misses."""
        return self.hits + self.misses

    @property
    def hit_rate(self) -> float | None:
        """Share of the requests that were hits, 0 to 1; ``None`` if there were none."""
        return self.hits / self.requests if self.requests else None

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        derived = {"misses": self.misses, "requests": self.requests, "hit_rate": self.hit_rate}
        return {**asdict(self), **derived}


@dataclass(frozen=True, slots=True)
class Saved:
    """What was served without being made.

    Seconds of synthesis are those that were measured when each chunk was made, its refused takes
    included. Where they are not known, they are the seconds of audio times the provider's mean
    seconds of synthesis for a second of audio; the share is ``estimated_s``. For narrations the
    estimated audio is what their known chunks leave of their duration, pauses included.
    """

    level: str | None
    """``utterance`` or ``narration``; ``None`` in the total."""

    provider: str | None
    """Who would have spoken; ``None`` in the total, and for hits that do not say."""

    hits: int = 0
    """Requests that the library answered."""

    chunks: int = 0
    """Chunks that were not spoken; unknown ones of lost narrations are not in it."""

    audio_s: float = 0.0
    """Audio that was served: of an object that nobody knows any more, what its hit says."""

    bytes: int = 0
    """Size of what was served."""

    hits_of_unknown_size: int = 0
    """Hits that are not in ``bytes``: neither catalog nor journals know their objects."""

    gpu_s: float = 0.0
    """Synthesis on a GPU that was saved."""

    cpu_s: float = 0.0
    """Synthesis on this machine's processor that was saved."""

    network_s: float = 0.0
    """Waiting for a service that was saved."""

    estimated_s: float = 0.0
    """Share of the three that is an estimate."""

    unpriced_audio_s: float = 0.0
    """Audio of which nobody knows what it would have cost: it is in none of the three."""

    provider_requests: int = 0
    """Requests to a service that were saved: one a chunk."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What lies in the library now, of one level and provider."""

    level: str
    """``utterance`` or ``narration``."""

    provider: str | None
    """Who spoke; ``None`` in the total of a level."""

    objects: int
    """How many there are."""

    bytes: int
    """Size of their audio, sidecars left out; an unknown size counts as 0."""

    audio_s: float
    """Seconds of audio."""

    unused_objects: int
    """Objects that were never hit. A chunk whose narration is hit each day may be one."""

    unused_bytes: int
    """Size of these."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A part of a distribution."""

    level: str
    """``utterance`` or ``narration``."""

    at_least: int
    """Where it begins: days of age, or bytes."""

    below: int | None
    """Where it ends; ``None`` for the last."""

    objects: int
    """How many objects are in it."""

    bytes: int
    """Size of these."""


@dataclass(frozen=True, slots=True)
class UsedObject:
    """An object that was used often."""

    level: str
    """``utterance`` or ``narration``."""

    key: str
    """Its key."""

    provider: str | None
    """Who spoke."""

    voice: str | None
    """With which voice."""

    hits: int
    """How often it was found, ever."""

    audio_s: float | None
    """Its duration."""

    bytes: int | None
    """Its size."""

    text: str | None
    """What an utterance says, as it was spoken; ``None`` for narrations."""


@dataclass(frozen=True, slots=True)
class InVain:
    """What was made although somebody else had just made it.

    A narration counts with the synthesis of its run, which its utterances count as well: do not
    add the two levels.
    """

    level: str
    """``utterance`` or ``narration``."""

    objects: int
    """How often."""

    audio_s: float
    """Seconds of audio."""

    synthesis_s: float
    """Seconds that the engines needed."""


@dataclass(frozen=True, slots=True)
class Evicted:
    """What was removed to make room, for one reason."""

    level: str
    """``utterance`` or ``narration``."""

    reason: str | None
    """Why, as the event says it."""

    objects: int
    """How many."""

    bytes: int
    """The room that this made."""

    audio_s: float
    """Seconds of audio."""


@dataclass(frozen=True, slots=True)
class MadeAgain:
    """What was evicted and then had to be made again: much of it says that the limit is too low."""

    level: str
    """``utterance`` or ``narration``."""

    objects: int
    """How often something was made whose last eviction came after it was made before."""

    audio_s: float
    """Seconds of audio."""

    synthesis_s: float
    """Seconds that the engines needed for it."""


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """What the library is worth: events of a time, and what lies in it now."""

    now_s: float
    """When it was measured: UTC in seconds since 1970."""

    since_s: float | None
    """How far back events count, in seconds before ``now_s``; ``None`` for all there are.

    It limits rates, savings, what was made in vain or again, and evictions. The rest is about
    what lies there now, and about all of its hits.
    """

    overall: Rate
    """All chunks that were needed: hits are those found or spared."""

    totals: tuple[Rate, ...]
    """By level: utterances, then narrations."""

    by_provider: tuple[Rate, ...]
    """By level and provider."""

    by_voice: tuple[Rate, ...]
    """By level, provider and voice."""

    by_day: tuple[Rate, ...]
    """By level and day, UTC; days without requests are left out."""

    saved: Saved
    """What was served without being made."""

    saved_by_provider: tuple[Saved, ...]
    """The same by level and provider."""

    holdings: tuple[Holding, ...]
    """What lies there, by level: utterances, then narrations."""

    holdings_by_provider: tuple[Holding, ...]
    """The same by level and provider."""

    ages_since_use: tuple[Bucket, ...]
    """Days since the last use, by level; what was never hit was used when it was made."""

    ages: tuple[Bucket, ...]
    """Days since the objects were made, by level."""

    sizes: tuple[Bucket, ...]
    """Bytes of the objects, by level."""

    most_used: tuple[UsedObject, ...]
    """The objects with the most hits, at most ten."""

    in_vain: tuple[InVain, ...]
    """By level: utterances, then narrations."""

    evicted: tuple[Evicted, ...]
    """By level and reason."""

    made_again: tuple[MadeAgain, ...]
    """By level: utterances, then narrations."""

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        rates = {
            name: [rate.as_dict() for rate in getattr(self, name)]
            for name in ("totals", "by_provider", "by_voice", "by_day")
        }
        return {**asdict(self), **rates, "overall": self.overall.as_dict()}
