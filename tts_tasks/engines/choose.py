"""Which engine and voice a request gets, and why."""

from __future__ import annotations

from dataclasses import dataclass

from tts_tasks.engines.protocol import Engine, Voice
from tts_tasks.engines.registry import load_engine, providers
from tts_tasks.errors import UnknownVoiceError
from tts_tasks.request import AUTO


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine and one of its voices."""

    engine: Engine
    """Who speaks."""

    voice: Voice
    """With which voice."""

    reason: str
    """Why, in one sentence; goes into the manifest."""


def choose(provider: str, voice: str | None, language: str) -> Choice:
    """Return the engine and voice for a request.

    Args:
        provider: an engine's name, or ``auto``: the first provider that has the voice asked for,
            or else the first that speaks the language.
        voice: voice preset, or ``None`` for the engine's default.
        language: BCP 47 tag.

    Raises:
        UnknownProviderError: if there is no such provider.
        UnknownVoiceError: if the provider (for ``auto``: every provider) lacks the voice or the
            language.
    """
    if provider != AUTO:
        return _choice(load_engine(provider), voice, language, f"{provider} was asked for")
    refusals: list[UnknownVoiceError] = []
    for name in providers():
        wanted = f"voice {voice}" if voice else f"the language {language}"
        try:
            return _choice(
                load_engine(name), voice, language, f"{name} is the first provider with {wanted}"
            )
        except UnknownVoiceError as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _choice(engine: Engine, voice: str | None, language: str, reason: str) -> Choice:
    return Choice(engine, engine.describe(voice or engine.default_voice(language)), reason)
