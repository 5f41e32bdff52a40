"""A batch on disk: what was asked for and what came of each item.

A batch is data first. ``data/batches/<id>/items/`` holds one JSON file per item and
``outcomes/`` receives one per finished item, written whole by the run that narrated it, so that
neither the size of Prefect's parameters nor a lost process limits or loses anything.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tts_tasks.errors import InputError
from tts_tasks.files import write_whole
from tts_tasks.settings import Settings

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def batch_folder(settings: Settings, batch_id: str) -> Path:
    """Return the folder of a batch.

    Raises:
        InputError: if the id could leave the folder of all batches.
    """
    return settings.batches / checked_id(batch_id, "batch")


def write_item(settings: Settings, batch_id: str, item_id: str, item: dict[str, Any]) -> None:
    """Store what was asked for."""
    _write(batch_folder(settings, batch_id) / "items" / f"{checked_id(item_id, 'item')}.json", item)


def read_items(settings: Settings, batch_id: str) -> dict[str, dict[str, Any]]:
    """Return what was asked for, by item id, in the order of the ids."""
    return _read_all(batch_folder(settings, batch_id) / "items")


def write_outcome(settings: Settings, batch_id: str, item_id: str, outcome: dict[str, Any]) -> None:
    """Store what came of an item; a later attempt replaces it."""
    folder = batch_folder(settings, batch_id) / "outcomes"
    _write(folder / f"{checked_id(item_id, 'item')}.json", outcome)


def read_outcomes(settings: Settings, batch_id: str) -> dict[str, dict[str, Any]]:
    """Return what came of the items that have finished so far, by item id."""
    return _read_all(batch_folder(settings, batch_id) / "outcomes")


def write_report(settings: Settings, batch_id: str, report: dict[str, Any]) -> None:
    """Store the summary of the whole batch."""
    _write(batch_folder(settings, batch_id) / "report.json", report)


def read_report(settings: Settings, batch_id: str) -> dict[str, Any] | None:
    """Return the summary of the whole batch, or ``None`` while it runs."""
    path = batch_folder(settings, batch_id) / "report.json"
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return report


def checked_id(value: str, field: str) -> str:
    """Return an id that is safe as a file name.

    Raises:
        InputError: for anything else.
    """
    if not _ID.fullmatch(value):
        raise InputError(
            f"{value!r} is not an id",
            field=field,
            value=value,
            remedy="use up to 128 letters, digits, '-', '_' and '.', a letter or digit first",
        )
    return value


def _read_all(folder: Path) -> dict[str, dict[str, Any]]:
    if not folder.is_dir():
        return {}
    return {path.stem: json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))}


def _write(path: Path, value: dict[str, Any]) -> None:
    write_whole(path, json.dumps(value, ensure_ascii=False))
