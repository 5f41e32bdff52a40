"""Which engine and voice a request gets, and why."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from tts_tasks.engines.protocol import Engine, Parameters, Voice
from tts_tasks.engines.registry import load_engine, providers
from tts_tasks.errors import (
    EngineParameterError,
    InputError,
    ModelMissingError,
    UnknownVoiceError,
    UnspokenVoiceError,
)
from tts_tasks.request import AUTO
from tts_tasks.settings import Settings


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine, one of its voices and its parameters."""

    engine: Engine
    """Who speaks."""

    voice: Voice
    """With which voice."""

    parameters: Parameters
    """Every parameter of the engine with its value."""

    reason: str
    """Why, in one sentence; goes into the manifest."""


def choose(
    provider: str,
    voice: str | None,
    language: str,
    settings: Settings | None = None,
    parameters: Mapping[str, object] | None = None,
) -> Choice:
    """Return the engine, voice and parameters for a request.

    Args:
        provider: an engine's name, or ``auto``: the first provider that has the voice asked for,
            or else the first that speaks the language, and takes the parameters. One whose model
            is not here is passed over, and the reason says so.
        voice: voice preset, or ``None`` for the engine's default.
        language: BCP 47 tag.
        settings: the installation; by default the one that the environment describes.
        parameters: engine parameters that were asked for.

    Raises:
        UnknownProviderError: if there is no such provider.
        UnknownVoiceError: if the provider (for ``auto``: every provider) lacks the voice or the
            language.
        EngineParameterError: if no provider with the voice takes the parameters.
        ModelMissingError: if only a provider whose model is not here would do.
    """
    given = parameters or {}
    if provider != AUTO:
        engine = load_engine(provider, settings)
        return _choice(engine, voice, language, given, f"{provider} was asked for")
    wanted = [f"voice {voice}" if voice else f"the language {language}", *given]
    reason = f"the first provider with {' and '.join(wanted)}"
    missing: dict[str, ModelMissingError] = {}
    refusals: list[InputError] = []
    for name in providers():
        without = "".join(f"; the model of {other} is not ready" for other in missing)
        try:
            return _choice(
                load_engine(name, settings), voice, language, given, f"{name} is {reason}{without}"
            )
        except ModelMissingError as error:
            missing[name] = error
        except (UnknownVoiceError, EngineParameterError) as refusal:
            refusals.append(refusal)
    if missing:
        raise next(iter(missing.values()))
    for each in sorted(refusals, key=_says_little):
        if voice is None or isinstance(each, EngineParameterError | UnspokenVoiceError):
            raise each
    raise _nobody_has(str(voice), settings)


def _says_little(refusal: InputError) -> bool:
    """Return whether an engine does not even know the parameter that it refuses."""
    return refusal.field == f"parameters.{refusal.value}"


def _choice(
    engine: Engine, voice: str | None, language: str, given: Mapping[str, object], reason: str
) -> Choice:
    parameters = engine.parameters(given)
    chosen = engine.describe(voice or engine.default_voice(language))
    return Choice(engine, chosen, parameters, reason)


def _nobody_has(voice: str, settings: Settings | None) -> UnknownVoiceError:
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
