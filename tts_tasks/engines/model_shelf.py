"""Every model that can be pulled, behind one face: with pinned files, or Bark from the hub."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tts_tasks.engines.bark import hub
from tts_tasks.engines.bark import source as bark
from tts_tasks.engines.model_intake import OnProgress
from tts_tasks.engines.model_sources import pull
from tts_tasks.engines.models import MODELS, Model, ModelState, state
from tts_tasks.errors import InputError
from tts_tasks.settings import Settings

BARK_BYTES = {"suno/bark": 4_490_000_000, "suno/bark-small": 1_680_000_000}
"""About, before they are here: the weights, and the presets of 13 languages."""


@dataclass(frozen=True, slots=True)
class Shelved:
    """A model, whether it is here or not."""

    name: str
    """For the command line."""

    title: str
    """Readable name."""

    licence: str
    """SPDX identifier."""

    size_bytes: int
    """Of all files; 0 where it is not known."""

    folder: Path
    """Where it is, or will be."""

    files: int
    """How many it has; 0 where that is not known."""

    look: Callable[[bool], ModelState]
    """Returns how it is found; ``True`` reads every file."""

    pull: Callable[[Path | None, OnProgress], dict[str, str]]
    """Fetches what is missing, from a folder or from where it is published; returns where each file
    came from, by path."""


def shelf(settings: Settings) -> list[Shelved]:
    """Return the models of an installation."""
    sources = {source.folder: source for source in _bark_sources(settings)}
    own = [_pinned(model, settings) for model in MODELS.values()]
    return [*own, *map(_bark, sources.values())]


def find_shelved(name: str, settings: Settings) -> Shelved:
    """Return the model with this name; Bark's also by their name on the hub.

    Raises:
        InputError: if there is none.
    """
    models = {model.name: model for model in shelf(settings)}
    short = {hub: short for short, hub in bark.SHORT_NAMES.items()}.get(name, name)
    for wanted in (name, short, short.replace("/", "--")):
        if wanted in models:
            return models[wanted]
    near = difflib.get_close_matches(name.lower(), models)
    raise InputError(
        f"there is no model {name!r}",
        field="name",
        value=name,
        remedy=f"did you mean {near[0]}?" if near else f"use {', '.join(models)}",
    )


def _pinned(model: Model, settings: Settings) -> Shelved:
    folder = settings.models / model.name

    def fetch(source: Path | None, on_progress: OnProgress) -> dict[str, str]:
        return pull(model, folder, source=source, on_progress=on_progress).origins

    return Shelved(
        name=model.name,
        title=model.title,
        licence=model.licence,
        size_bytes=model.size_bytes,
        folder=folder,
        files=len(model.files),
        look=lambda afresh: state(model, folder, afresh=afresh),
        pull=fetch,
    )


def _bark_sources(settings: Settings) -> list[bark.BarkSource]:
    """Return the model that the settings name, and suno's."""
    find = partial(bark.find_source, models=settings.models, home=settings.home)
    return [find(settings.bark_model), *map(find, bark.SHORT_NAMES.values())]


def _bark(source: bark.BarkSource) -> Shelved:
    def fetch(folder: Path | None, on_progress: OnProgress) -> dict[str, str]:
        if folder is not None:
            copied = hub.copy(source, folder, on_progress=on_progress)
            return dict.fromkeys(copied, str(folder))
        return dict.fromkeys(hub.pull(source, on_progress=on_progress), "the Hugging Face hub")

    pulled = bark.pulled_model(source.folder)
    return Shelved(
        # A folder of one's own may be called as any other: its path is its name.
        name=str(source.folder) if source.repo is None else source.folder.name,
        title=f"Bark, {source.name}",
        licence=bark.LICENCE,
        size_bytes=pulled.size_bytes if pulled else BARK_BYTES.get(source.repo or "", 0),
        folder=source.folder,
        files=len(pulled.files) if pulled else 0,
        look=lambda afresh: bark.found(source, afresh=afresh),
        pull=fetch,
    )
