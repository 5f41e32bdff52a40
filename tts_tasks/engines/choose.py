"""Which engine and voice a request gets, and why.

The facts come from the engines and from what the caller knows; ``rank`` compares them. A provider
asked for by name is taken, whatever the facts are.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from tts_tasks.engines.protocol import Availability, Engine, Parameters, Voice
from tts_tasks.engines.rank import Facts, first_usable, obstacle_of, rank
from tts_tasks.engines.registry import KNOWN_VOICES, load_engine, providers
from tts_tasks.errors import (
    EngineParameterError,
    InputError,
    ModelMissingError,
    OtherProviderError,
    UnknownProviderError,
    UnknownVoiceError,
    UnspokenVoiceError,
)
from tts_tasks.request import AUTO, Policy, Preference
from tts_tasks.settings import Settings
from tts_tasks.values import History, Verdict


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine, one of its voices and its parameters."""

    engine: Engine
    """Who speaks."""

    voice: Voice
    """With which voice."""

    parameters: Parameters
    """Every parameter of the engine with its value."""

    reason: str = ""
    """Why, in one sentence; goes into the manifest."""

    ranking: tuple[Verdict, ...] = ()
    """Every provider, the preferred one first; empty where one was asked for by name."""

    is_downgrade: bool = False
    """Whether a better provider was passed over for a reason that may be over soon."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the caller knows and the engines do not."""

    characters: int = 0
    """Length of the text."""

    preference: Preference = field(default_factory=Preference)
    """What matters to whoever asks."""

    failed: Mapping[str, str] = field(default_factory=dict)
    """Provider -> what went wrong when it was tried for this narration."""

    refused: Mapping[str, str] = field(default_factory=dict)
    """Provider -> why it cannot speak this text: a voice or a pace inside it."""

    gpu_online: bool | None = None
    """Whether a worker with a GPU is online; ``None`` where there are no workers to ask for."""

    cached: Callable[[Choice], float] = lambda _: 0.0
    """Returns the share of the text that need not be spoken; asked only where it may decide."""

    history: Callable[[], Mapping[str, History]] = dict
    """Returns what came of the providers lately."""


def choose(
    provider: str,
    voice: str | None,
    language: str,
    settings: Settings | None = None,
    parameters: Mapping[str, object] | None = None,
    circumstances: Circumstances | None = None,
) -> Choice:
    """Return the engine, voice and parameters for a request.

    Args:
        provider: an engine's name, or ``auto``: the first in the ranking of those that have the
            voice asked for, or else speak the language, and take the parameters.
        voice: voice preset, or ``None`` for the engine's default.
        language: BCP 47 tag.
        settings: the installation; by default the one that the environment describes.
        parameters: engine parameters that were asked for.
        circumstances: what else decides.

    Raises:
        UnknownProviderError: if there is no such provider.
        UnknownVoiceError: if the provider (for ``auto``: every provider) lacks the voice or the
            language.
        OtherProviderError: if the voice is another provider's than the one asked for.
        EngineParameterError: if no provider with the voice takes the parameters.
        ModelMissingError: if only a provider whose model is not here would do.
    """
    given = parameters or {}
    circumstances = circumstances or Circumstances()
    refuse_unknown_providers(circumstances.preference)
    if provider != AUTO:
        engine = load_engine(provider, settings)
        _refuse_contradiction(engine, circumstances.preference)
        try:
            choice = _choice(engine, voice, language, given)
        except UnknownVoiceError as error:
            raise _of_other_provider(provider, voice, settings, error) from error
        return replace(choice, reason=f"{provider} was asked for")
    audition = _Audition(voice, language, settings, given, circumstances)
    return audition.winner()


class _Audition:
    """One choice among all providers."""

    def __init__(
        self,
        voice: str | None,
        language: str,
        settings: Settings | None,
        given: Mapping[str, object],
        circumstances: Circumstances,
    ) -> None:
        """Hear every provider; none is asked yet whether its service can be reached."""
        self._voice, self._language, self._given = voice, language, given
        self._settings = settings
        self._known = circumstances
        self._choices: dict[str, Choice] = {}
        self._missing: list[ModelMissingError] = []
        self._refusals: list[InputError] = []
        self._facts = {name: self._hear(name) for name in providers()}

    def winner(self) -> Choice:
        """Return who speaks.

        Raises:
            InputError, ModelMissingError: see ``choose``.
        """
        asked: set[str] = set()
        while True:
            facts = list(self._facts.values())
            ranking = rank(facts, self._known.preference, self._known.characters)
            untried = [each for each in ranking if each.provider not in self._known.failed]
            verdict = first_usable(untried) or first_usable(ranking)
            if verdict is None:
                raise self._nobody()
            choice = self._choices[verdict.provider]
            # Only whoever would speak is asked whether its service is there: that takes a while.
            is_cached = self._facts[verdict.provider].cached >= 1.0
            if is_cached or not choice.engine.needs_network or verdict.provider in asked:
                break
            asked.add(verdict.provider)
            self._facts[verdict.provider] = self._with_answer(verdict.provider)
        before = ranking[: ranking.index(verdict)]
        return replace(
            choice,
            reason=self._reason(verdict, before),
            ranking=ranking,
            is_downgrade=any(each.is_passing for each in before),
        )

    def _hear(self, name: str) -> Facts:
        """Return what is known of a provider."""
        facts = Facts(
            name,
            refusal=self._known.refused.get(name, ""),
            failure=self._known.failed.get(name, ""),
        )
        try:
            engine = load_engine(name, self._settings)
        except ModelMissingError as error:
            # Another package's. Whether it has what is asked for cannot be known.
            return replace(facts, availability=Availability(f"is not ready ({error.message})"))
        facts = replace(
            facts,
            naturalness=engine.naturalness,
            needs_network=engine.needs_network,
            needs_gpu=engine.needs_gpu,
            rtf=engine.typical_rtf,
            chars_per_s=engine.typical_chars_per_s,
            computing=engine.computing,
        )
        try:
            choice = _choice(engine, self._voice, self._language, self._given)
        except ModelMissingError as error:
            self._missing.append(error)
            why_not = f"is not ready ({error.message})"
            return replace(facts, availability=replace(engine.availability(), reason=why_not))
        except (UnknownVoiceError, EngineParameterError) as refusal:
            self._refusals.append(refusal)
            return replace(facts, refusal=refusal.message)
        self._choices[name] = choice
        seen = self._known.history().get(name, History())
        pace = choice.voice.expected.chars_per_s if choice.voice.expected else None
        facts = replace(
            facts,
            availability=self._availability(engine),
            gpu_online=self._known.gpu_online,
            rtf=facts.rtf if seen.rtf is None else seen.rtf,
            chars_per_s=pace or facts.chars_per_s,
            history=seen,
        )
        return replace(facts, cached=self._cached(facts, choice))

    def _availability(self, engine: Engine) -> Availability:
        # A worker somewhere else will speak; what this process lacks does not matter.
        elsewhere = engine.needs_gpu and self._known.gpu_online is not None
        return Availability() if elsewhere else engine.availability()

    def _with_answer(self, name: str) -> Facts:
        """Return the facts with the answer of the provider's service."""
        facts, choice = self._facts[name], self._choices[name]
        facts = replace(facts, availability=choice.engine.availability(ask=True))
        return replace(facts, cached=facts.cached or self._cached(facts, choice))

    def _cached(self, facts: Facts, choice: Choice) -> float:
        """Return how much of the text need not be spoken, where that may decide."""
        preference = self._known.preference
        saves = preference.policy in (Policy.FAST, Policy.CHEAPEST) and not preference.order
        is_kept_from_speaking = obstacle_of(facts, preference) is not None
        in_a_hurry = preference.deadline_s is not None
        helps = obstacle_of(replace(facts, cached=1.0), preference) is None
        decides = helps and (saves or in_a_hurry or is_kept_from_speaking)
        return self._known.cached(choice) if decides else 0.0

    def _reason(self, verdict: Verdict, before: Sequence[Verdict]) -> str:
        preference = self._known.preference
        if self._voice:
            why = f"has the voice {self._voice}"
        elif preference.order:
            why = verdict.reason
        elif preference.policy is Policy.FAST:
            why = f"is ready first ({verdict.reason})"
        elif preference.policy is Policy.CHEAPEST:
            why = f"is the cheapest ({verdict.reason})"
        else:
            why = "is the most natural one that can speak"
            if preference.policy is Policy.OFFLINE:
                why += " without the network"
            if preference.deadline_s is not None:
                why += f" within {preference.deadline_s:g} s"
        if self._given:
            why += f" and takes {' and '.join(self._given)}"
        lacking = {
            name
            for name, facts in self._facts.items()
            if facts.refusal or not facts.availability.is_installed
        }
        passed_over = [
            f"{each.provider} {each.reason}"
            for each in before
            if not each.is_usable and each.provider not in lacking
        ]
        return "; ".join([f"{verdict.provider} {why}", *passed_over])

    def _nobody(self) -> InputError | ModelMissingError:
        """Return the error that tells most about why there is nobody."""
        if self._missing:
            return self._missing[0]
        if not self._choices:
            for each in sorted(self._refusals, key=_says_little):
                if self._voice is None or isinstance(
                    each, EngineParameterError | UnspokenVoiceError
                ):
                    return each
            return _nobody_has(str(self._voice), self._settings)
        ranking = rank(list(self._facts.values()), self._known.preference, self._known.characters)
        why = "; ".join(f"{each.provider} {each.reason}" for each in ranking)
        return UnknownProviderError(
            f"no provider may speak under {self._known.preference} ({why})",
            field="policy",
            value=self._known.preference,
            remedy="allow another provider",
        )


def refuse_unknown_providers(preference: Preference) -> None:
    """Return if all providers of an explicit order are there.

    Raises:
        UnknownProviderError: names the first that is not.
    """
    for name in preference.order:
        if name not in providers():
            raise UnknownProviderError(
                f"there is no provider {name!r}",
                field="policy",
                value=name,
                remedy=f"use {', '.join(Policy)}, or an order of {', '.join(providers())}",
            )


def _refuse_contradiction(engine: Engine, preference: Preference) -> None:
    """Return if a provider that was asked for by name may speak under a policy."""
    if preference.order and engine.name not in preference.order:
        why = f"the policy lets only {', '.join(preference.order)} speak"
    elif preference.policy is Policy.OFFLINE and not preference.order and engine.needs_network:
        why = "the policy is to send no text over a network"
    else:
        return
    raise InputError(
        f"{engine.name} was asked for, and {why}",
        field="policy",
        value=preference,
        remedy="leave out one of them",
    )


def _says_little(refusal: InputError) -> bool:
    """Return whether an engine does not even know the parameter that it refuses."""
    return refusal.field == f"parameters.{refusal.value}"


def _choice(
    engine: Engine, voice: str | None, language: str, given: Mapping[str, object]
) -> Choice:
    parameters = engine.parameters(given)
    chosen = engine.describe(voice or engine.default_voice(language))
    return Choice(engine, chosen, parameters)


def _of_other_provider(
    provider: str, voice: str | None, settings: Settings | None, error: UnknownVoiceError
) -> UnknownVoiceError:
    """Return the error of a provider without the voice; it names the one that has it."""
    owner = owner_of(voice, settings) if voice else None
    if owner is None or owner == provider or isinstance(error, UnspokenVoiceError):
        return error
    return OtherProviderError(
        f"{voice!r} is a voice of {owner}, and {provider} was asked for",
        field="voice",
        value=voice,
        remedy=f"ask for {owner}, or for a voice of {provider}, or for neither",
    )


def owner_of(voice: str, settings: Settings | None = None) -> str | None:
    """Return the provider that a voice implies, installed or not; ``None`` if nobody has it."""
    for name, voices in KNOWN_VOICES.items():
        if voices.fullmatch(voice):
            return name
    for name in providers():
        try:
            load_engine(name, settings).describe(voice)
        except UnspokenVoiceError:
            return name
        except ModelMissingError:
            with suppress(ModelMissingError):
                if voice in {each.name for each in load_engine(name, settings).catalogue()}:
                    return name
        except UnknownVoiceError:
            continue
        else:
            return name
    return None


def _nobody_has(voice: str, settings: Settings | None) -> UnknownVoiceError:
    owner = owner_of(voice, settings)
    if owner is not None:
        return UnknownVoiceError(
            f"{voice!r} is a voice of {owner}, which is not installed here",
            field="voice",
            value=voice,
            remedy="choose another voice; `narrate voices` lists all of them",
        )
    known: list[str] = []
    for name in providers():
        with suppress(ModelMissingError):
            known += load_engine(name, settings).voices()
    near = difflib.get_close_matches(voice, known)
    return UnknownVoiceError(
        f"there is no voice {voice!r} with any provider ({', '.join(providers())})",
        field="voice",
        value=voice,
        remedy=(f"did you mean {' or '.join(near)}? " if near else "")
        + "`narrate voices` lists all of them",
    )
