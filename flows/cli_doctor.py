"""``narrate doctor``: what works, what does not, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flows.cli_script import Json
from flows.console import show_json, show_table
from tts_tasks.settings import load_settings

if TYPE_CHECKING:
    from flows.health import Check


def doctor(json: Json = False) -> None:
    """Tell what works and what does not; exit 1 when nothing can be narrated."""
    from flows.health import Condition, as_dict, health, overall

    checks = health(load_settings())
    if json:
        show_json(as_dict(checks))
    else:
        show_table(
            ("part", "is", "because"),
            ((check.name, check.condition.value, _because(check)) for check in checks),
        )
    if overall(checks) is Condition.BROKEN:
        raise typer.Exit(1)


def _because(check: Check) -> str:
    """Return what was found, and the states behind it; the detail has the numbers."""
    states = (f"{name.replace('_', ' ')}: {value}" for name, value in check.facts.items())
    return "\n".join([check.detail, *states])
