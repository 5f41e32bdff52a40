"""From a provider's name to its engine; an engine's module is imported when it is asked for."""

from __future__ import annotations

import importlib
from functools import cache

from tts_tasks.engines.protocol import Engine
from tts_tasks.errors import UnknownProviderError
from tts_tasks.request import AUTO
from tts_tasks.settings import Settings, load_settings

ENGINES = {
    "kokoro": "tts_tasks.engines.kokoro:KokoroEngine",
    "espeak": "tts_tasks.engines.espeak:EspeakEngine",
}
"""``module:class`` by provider, in the order in which ``auto`` prefers them."""


def providers() -> list[str]:
    """Return the providers' names, in the order in which ``auto`` prefers them."""
    return list(ENGINES)


def load_engine(provider: str, settings: Settings | None = None) -> Engine:
    """Return the one engine of this process for a provider and an installation.

    Args:
        provider: the engine's name.
        settings: the installation; by default the one that the environment describes.

    Raises:
        UnknownProviderError: if there is no such provider.
    """
    if provider not in ENGINES:
        raise UnknownProviderError(
            f"there is no provider {provider!r}",
            field="provider",
            value=provider,
            remedy=f"use {', '.join([AUTO, *ENGINES])}",
        )
    return _make(provider, settings or load_settings())


@cache
def _make(provider: str, settings: Settings) -> Engine:
    module, _, name = ENGINES[provider].partition(":")
    engine: Engine = getattr(importlib.import_module(module), name)(settings)
    return engine
