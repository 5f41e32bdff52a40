"""The journal lines that the catalog does not hold yet. Reads files; knows neither SQL nor DuckDB.

Every line is screened here, so that one damaged line costs one event and never the whole catalog.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tts_tasks.catalog.journal import MAX_LINE_BYTES, SUFFIX
from tts_tasks.errors import CatalogError

BATCH_BYTES = 64 << 20
"""Journal bytes that are held in memory and taken into the catalog at once."""

LAST_TIME_S = 2.0**33
"""Times beyond the year 2242 come from damage, and would overflow DuckDB's timestamps."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Whole lines from the ends of some journals."""

    lines: tuple[bytes, ...]
    """Events as JSON, without newlines."""

    offsets: Mapping[str, int]
    """For each journal that was read: its file name and the bytes that are dealt with now."""

    unparsable: Mapping[str, int]
    """For each journal with damage: its file name and the number of lines that are no events."""

    is_all: bool = True
    """Whether it is everything that was there; what is appended meanwhile is the next reader's."""


def read_tail(folder: Path, offsets: Mapping[str, int], limit_bytes: int = BATCH_BYTES) -> Tail:
    """Read what was appended to the journals, never a line that is still being written.

    Args:
        folder: ``library/journal``; may be absent.
        offsets: bytes dealt with before, by file name.
        limit_bytes: about how much to read; call again until ``is_all``.

    Raises:
        CatalogError: if a journal may not be read.
    """
    lines: list[bytes] = []
    dealt_with: dict[str, int] = {}
    unparsable: dict[str, int] = {}
    left_bytes = limit_bytes
    try:
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if left_bytes <= 0:
                break
            start = offsets.get(path.name, 0)
            try:
                size_bytes = path.stat().st_size
            except FileNotFoundError:
                continue  # it was put away, and is in the catalog that was published before
            if size_bytes == start:
                continue
            # A journal that shrank lost its end in a power failure: read it all again, the
            # numbers of its events tell which are known.
            start = 0 if size_bytes < start else start
            try:
                with path.open("rb") as file:
                    file.seek(start)
                    piece = file.read(max(left_bytes, 2 * MAX_LINE_BYTES))
            except FileNotFoundError:
                continue
            whole = piece[: piece.rfind(b"\n") + 1]
            if not whole and len(piece) > MAX_LINE_BYTES:
                whole = piece
            left_bytes -= len(piece)
            if whole or size_bytes < offsets.get(path.name, 0):
                dealt_with[path.name] = start + len(whole)
            for line in whole.split(b"\n"):
                if is_event(line):
                    lines.append(line)
                elif line.strip():
                    unparsable[path.name] = unparsable.get(path.name, 0) + 1
    except OSError as error:
        raise CatalogError(
            f"cannot read the journals in {folder} ({error.strerror or error})",
            field="library",
            value=folder,
            remedy="check that the library's folder may be read",
        ) from error
    return Tail(tuple(lines), dealt_with, unparsable, is_all=left_bytes > 0)


def is_event(line: bytes) -> bool:
    """Return whether a line is an event that the catalog can take."""
    if len(line) > MAX_LINE_BYTES:
        return False
    try:
        # DuckDB refuses NaN, and half a surrogate pair.
        event = json.loads(line.decode(), parse_constant=_refuse)
        json.dumps(event, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(event, dict)
        and isinstance(event.get("process"), str)
        and type(event.get("sequence")) is int
        and 0 < event["sequence"] < 2**63
        and type(event.get("time")) in (int, float)
        and 0 <= event["time"] < LAST_TIME_S
        and isinstance(event.get("kind"), str)
        and isinstance(event.get("key"), str | None)
        and isinstance(event.get("fields"), dict)
    )


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
