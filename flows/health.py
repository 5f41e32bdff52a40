"""Is everything there that narrating needs? What ``narrate doctor`` prints, and health is.

Looks only; starts, mends and fetches nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from tts_tasks.errors import NarrationError
from tts_tasks.settings import Settings

LEAST_FREE_BYTES = 1_000_000_000
"""Below this much free disk a night of lessons may not end."""


class Condition(StrEnum):
    """How a part of the system is."""

    OK = "ok"
    """It works."""

    LIMITED = "limited"
    """Something is missing or rests; narrating goes on without it."""

    BROKEN = "broken"
    """Nothing can be narrated."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was found out about a part of the system."""

    name: str
    """The part, e.g. ``provider gtts``."""

    condition: Condition
    """How it is."""

    detail: str
    """What was found, in one line, with the remedy."""

    facts: dict[str, Any] = field(default_factory=dict)
    """Numbers and states behind it, by name."""


def health(settings: Settings, *, ask: bool = True) -> list[Check]:
    """Return the checks of an installation.

    Args:
        settings: the installation.
        ask: whether services are asked whether they are there; without, what is known counts.
    """
    providers = list(_providers(settings, ask=ask))
    if not any(check.condition is Condition.OK for check in providers):
        silent = Check("providers", Condition.BROKEN, "nobody can speak: see the providers")
        providers.append(silent)
    return [_data(settings), _encoder(), *providers, _stack(settings)]


def overall(checks: list[Check]) -> Condition:
    """Return how the system is: as its worst part."""
    found = {check.condition for check in checks}
    return next(each for each in reversed(Condition) if each in found)


def as_dict(checks: list[Check]) -> dict[str, Any]:
    """Return the checks JSON-ready."""
    return {"status": overall(checks).value, "checks": [asdict(check) for check in checks]}


def _data(settings: Settings) -> Check:
    folder = settings.data
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        detail = f"{folder} cannot be written ({error.strerror}); set NARRATION_HOME"
        return Check("data", Condition.BROKEN, detail)
    is_full = free_bytes < LEAST_FREE_BYTES
    condition = Condition.LIMITED if is_full else Condition.OK
    detail = f"{folder}, {free_bytes / 1e9:.1f} GB free"
    return Check("data", condition, detail)


def _encoder() -> Check:
    from tts_tasks.mastering.encode import find_ffmpeg

    try:
        return Check("encoder", Condition.OK, str(find_ffmpeg()))
    except NarrationError as error:
        return Check("encoder", Condition.BROKEN, str(error))


def _providers(settings: Settings, *, ask: bool) -> Iterator[Check]:
    from tts_tasks.engines.registry import load_engine, providers

    for name in providers():
        title = f"provider {name}"
        try:
            engine = load_engine(name, settings)
        except NarrationError as error:
            yield Check(title, Condition.LIMITED, str(error))
            continue
        availability = engine.availability(ask=ask)
        condition = Condition.OK if availability.now else Condition.LIMITED
        yield Check(title, condition, availability.reason or "can speak", dict(engine.status()))


def _stack(settings: Settings) -> Check:
    from flows.stack_state import status

    found = status(settings)
    if not found.running:
        # `narrate course` borrows one; a service that is meant to run says so elsewhere.
        return Check("stack", Condition.OK, "does not run; `narrate up` starts it")
    wrong = [f"{each.name} is {each.state}" for each in found.processes if each.state != "ready"]
    condition = Condition.LIMITED if wrong else Condition.OK
    return Check("stack", condition, "; ".join(wrong) or f"runs at {found.ui}")
