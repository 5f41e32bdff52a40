"""The ranking of providers: a pure function of what is known of them, which asks nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tts_tasks.engines.protocol import Availability
from tts_tasks.request import Policy, Preference
from tts_tasks.values import History, Verdict

AVAILABLE, UNSEEN = Availability(), History()

SHAKY_ATTEMPTS = 5
"""Narrations after which a provider's failures count; more than half of them, and it comes last."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one provider for one request."""

    provider: str
    """Its name."""

    refusal: str = ""
    """Why it can never do this: it lacks the voice, the language, a parameter."""

    availability: Availability = AVAILABLE
    """Whether it can speak now."""

    failure: str = ""
    """What went wrong when it was tried for this narration."""

    naturalness: float = 0.5
    """See ``Engine.naturalness``."""

    needs_network: bool = False
    """See ``Engine.needs_network``."""

    needs_gpu: bool = False
    """See ``Engine.needs_gpu``."""

    gpu_online: bool | None = None
    """Whether a worker with a GPU is online; ``None`` where there are no workers to ask for."""

    rtf: float = 1.0
    """Seconds of synthesis per second of audio."""

    chars_per_s: float = 15.0
    """Characters per second of speech."""

    computing: float = 1.0
    """See ``Engine.computing``."""

    cached: float = 0.0
    """Share of the text that need not be spoken, from 0 to 1."""

    history: History = UNSEEN
    """What came of it lately."""

    def synthesis_s(self, characters: int) -> float:
        """Return how long a text of so many characters would take to speak."""
        return characters * (1 - self.cached) / self.chars_per_s * self.rtf

    @property
    def is_shaky(self) -> bool:
        """Return whether it failed more often than not."""
        seen = self.history
        return seen.narrations >= SHAKY_ATTEMPTS and 2 * seen.failures > seen.narrations


def rank(
    candidates: Sequence[Facts], preference: Preference, characters: int
) -> tuple[Verdict, ...]:
    """Return a verdict on each provider, the preferred one first, whether it can speak or not.

    Args:
        candidates: what is known of each.
        preference: what matters to whoever asks.
        characters: length of the text.
    """
    ordered = sorted(candidates, key=lambda each: _place(each, preference, characters))
    return tuple(_verdict(each, preference, characters) for each in ordered)


def first_usable(ranking: Sequence[Verdict]) -> Verdict | None:
    """Return who speaks: the first that can, or else the first that may be able to soon."""
    usable = (each for each in ranking if each.is_usable)
    passing = (each for each in ranking if each.is_passing)
    return next(usable, None) or next(passing, None)


def _place(facts: Facts, preference: Preference, characters: int) -> tuple[float, ...]:
    """Return where a provider stands; the least comes first."""
    if preference.order:
        order = preference.order
        known = facts.provider in order
        wish: tuple[float, ...] = (order.index(facts.provider) if known else len(order),)
    elif preference.policy is Policy.FAST:
        wish = (facts.synthesis_s(characters), -facts.naturalness)
    elif preference.policy is Policy.CHEAPEST:
        computing_s = facts.synthesis_s(characters) * facts.computing
        wish = (computing_s, -facts.naturalness)
    else:
        wish = (-facts.naturalness, facts.synthesis_s(characters))
    return (_is_late(facts, preference, characters), *wish)


def _is_late(facts: Facts, preference: Preference, characters: int) -> bool:
    deadline_s = preference.deadline_s
    return deadline_s is not None and facts.synthesis_s(characters) > deadline_s


def _verdict(facts: Facts, preference: Preference, characters: int) -> Verdict:
    obstacle = obstacle_of(facts, preference)
    if obstacle is not None:
        return Verdict(facts.provider, obstacle.reason or "", False, obstacle.is_passing)
    if preference.order:
        reason = f"is number {preference.order.index(facts.provider) + 1} of the order asked for"
    elif preference.policy is Policy.FAST:
        reason = f"needs about {facts.synthesis_s(characters):.1f} s"
    elif preference.policy is Policy.CHEAPEST:
        computing_s = facts.synthesis_s(characters) * facts.computing
        reason = f"needs about {computing_s:.1f} s of computing"
    else:
        reason = f"has a naturalness of {facts.naturalness:g}"
    if facts.cached:
        reason += f", {facts.cached:.0%} is cached"
    if _is_late(facts, preference, characters):
        reason += f", would take {facts.synthesis_s(characters):.0f} s: over the deadline"
    return Verdict(facts.provider, reason)


def obstacle_of(facts: Facts, preference: Preference) -> Availability | None:
    """Return why a provider cannot speak, the lasting reasons first; ``None`` if it can."""
    if facts.refusal:
        return Availability(facts.refusal)
    if preference.order and facts.provider not in preference.order:
        return Availability("is not in the order asked for")
    is_cached = facts.cached >= 1.0  # There is nothing to speak, or to send.
    if not (is_cached or facts.availability.now or facts.availability.is_passing):
        return facts.availability
    if facts.failure:
        return Availability(f"failed: {facts.failure}", is_passing=True)
    if is_cached:
        return None
    if facts.needs_network and preference.policy is Policy.OFFLINE and not preference.order:
        return Availability("would send the text over the network")
    if not facts.availability.now:
        return facts.availability
    if facts.is_shaky and not preference.order:
        seen = facts.history
        reason = f"failed {seen.failures} of its {seen.narrations} narrations of the last hour"
        return Availability(reason, is_passing=True)
    if facts.needs_gpu and facts.gpu_online is False:
        return Availability("needs a GPU, and no worker with one is online", is_passing=True)
    return None
