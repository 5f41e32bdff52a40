"""From a provider's name to its engine; an engine's module is imported when it is asked for.

Other packages add engines by an entry point in the group ``narration.engines``: its name is the
provider's, and it points at a class (or any callable) that makes an ``Engine`` from the settings.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from tts_tasks.engines.protocol import Engine
from tts_tasks.errors import ModelMissingError, UnknownProviderError
from tts_tasks.request import AUTO
from tts_tasks.settings import Settings, load_settings

ENGINES = {
    "bark": "tts_tasks.engines.bark.engine:BarkEngine",
    "kokoro": "tts_tasks.engines.kokoro:KokoroEngine",
    "gtts": "tts_tasks.engines.gtts:GttsEngine",
    "espeak": "tts_tasks.engines.espeak:EspeakEngine",
}
"""``module:class`` by provider, the most natural first."""

GROUP = "narration.engines"
"""Group of the entry points that add engines."""

KNOWN_VOICES = {"bark": re.compile(r"v2/[a-z]{2}_speaker_[0-9]|.+\.npz", re.DOTALL)}
"""Voices that imply a provider, also where its model is not here."""

logger = logging.getLogger(__name__)


def providers() -> list[str]:
    """Return the providers' names: ours, then those that other packages add, by name."""
    return [*ENGINES, *_added()]


def load_engine(provider: str, settings: Settings | None = None) -> Engine:
    """Return the one engine of this process for a provider and an installation.

    Args:
        provider: the engine's name.
        settings: the installation; by default the one that the environment describes.

    Raises:
        UnknownProviderError: if there is no such provider.
        ModelMissingError: if it is another package's, and cannot be loaded.
    """
    if provider not in providers():
        raise UnknownProviderError(
            f"there is no provider {provider!r}",
            field="provider",
            value=provider,
            remedy=f"use {', '.join([AUTO, *providers()])}",
        )
    return _make(provider, settings or load_settings())


@cache
def _make(provider: str, settings: Settings) -> Engine:
    if provider in ENGINES:
        kind: Callable[[Settings], Engine] = EntryPoint(provider, ENGINES[provider], GROUP).load()
        return kind(settings)
    entry = _added()[provider]
    try:
        engine: Engine = entry.load()(settings)
    except Exception as error:
        package = entry.dist.name if entry.dist else entry.value
        raise ModelMissingError(
            f"the engine {provider!r} of {package} cannot be loaded ({error!r})",
            field="provider",
            value=provider,
            remedy=f"mend or uninstall {package}",
        ) from error
    return engine


@cache
def _added() -> dict[str, EntryPoint]:
    """Return the engines that other packages add; one cannot take a name of ours."""
    added: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        if entry.name in (AUTO, *ENGINES):
            logger.warning("the engine %s of %s is ignored: the name is taken", entry.name, entry)
        else:
            added.setdefault(entry.name, entry)
    return added
