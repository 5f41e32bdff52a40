"""Which objects of the library are meant, by age, use, provider, voice or course."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_tasks.catalog.courses import MANIFEST
from tts_tasks.catalog.keys import is_key
from tts_tasks.catalog.objects import CLOCK_S
from tts_tasks.catalog.schema import quote
from tts_tasks.errors import InputError

if TYPE_CHECKING:
    import duckdb

FETCHED_ROWS = 10_000

ABANDONED_S = 7 * 86_400.0
"""Seconds without an outcome after which an unfinished batch has been given up."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What an object must be like; whatever is left out does not matter."""

    provider: str | None = None
    """Name of the engine."""

    voice: str | None = None
    """Voice preset."""

    course: str | None = None
    """Id of a course: its narrations, and the utterances that they consist of."""

    is_shared: bool = False
    """Whether what is used elsewhere, too, belongs to the course."""

    older_than_s: float | None = None
    """Seconds since it was made."""

    unused_for_s: float | None = None
    """Seconds since it was used last; making it counts as use."""

    def __post_init__(self) -> None:
        """Refuse ages that are no durations.

        Raises:
            InputError: for a negative, infinite or undefined age.
        """
        for field in ("older_than_s", "unused_for_s"):
            age_s = getattr(self, field)
            if age_s is not None and not 0 <= age_s < 2**33:
                raise InputError(
                    f"an age is a number of seconds from 0 on, got {age_s}",
                    field=field,
                    value=age_s,
                    remedy="give how long ago, e.g. 30d",
                )


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered object, as the catalog knows it."""

    key: str
    """Content key."""

    kind: str
    """``utterance`` or ``narration``."""

    provider: str
    """Name of the engine."""

    voice: str
    """Voice preset."""

    bytes: int
    """Size of the audio; the sidecar's comes on top."""

    duration_s: float
    """Seconds of audio."""

    created_at_s: float
    """When it was registered, in seconds since 1970."""

    last_used_at_s: float
    """When it was used last."""


def entry_of(facts: Mapping[str, Any]) -> Entry | None:
    """Return the object that a sidecar describes, None if it does not say when it was made."""
    try:
        created_at_s = float(facts["created_at"])
        return Entry(
            key=str(facts["key"]),
            kind=str(facts["kind"]),
            provider=str(facts["provider"]),
            voice=str(facts["voice"]),
            bytes=int(facts["bytes"]),
            duration_s=float(facts["duration_s"]),
            created_at_s=created_at_s,
            last_used_at_s=created_at_s,
        )
    except (KeyError, TypeError, ValueError):
        return None


def select(
    connection: duckdb.DuckDBPyConnection, selection: Selection, now_s: float
) -> Iterator[Entry]:
    """Yield what a selection means, the least recently used first.

    Args:
        connection: to the catalog, as ``catalog.connect`` gives it.
        selection: which objects.
        now_s: the time from which ages are counted, in seconds since 1970.
    """
    conditions = ["true"]
    if selection.provider is not None:
        conditions.append(f"provider = {quote(selection.provider)}")
    if selection.voice is not None:
        conditions.append(f"voice = {quote(selection.voice)}")
    if selection.older_than_s is not None:
        conditions.append(f"created_at_s <= {now_s - selection.older_than_s!r}")
    if selection.unused_for_s is not None:
        # A time to come was written by a clock that has jumped back since: it says nothing.
        conditions.append(
            f"(last_used_at_s <= {now_s - selection.unused_for_s!r}"
            f" or last_used_at_s > {now_s + CLOCK_S!r})"
        )
    if selection.course is not None:
        conditions.append(f"key in ({_of_course(selection.course, selection.is_shared)})")
    answer = connection.execute(f"""
        with objects as (
            select key, 'utterance' as kind, provider, voice, bytes, duration_s,
                epoch_us(created_at) / 1e6 as created_at_s,
                epoch_us(last_used_at) / 1e6 as last_used_at_s
            from utterances
            union all
            select key, 'narration', provider, voice, bytes, duration_s,
                epoch_us(created_at) / 1e6, epoch_us(last_used_at) / 1e6
            from narrations
        )
        select key, kind, coalesce(provider, ''), coalesce(voice, ''), coalesce(bytes, 0),
            coalesce(duration_s, 0), created_at_s, last_used_at_s
        from objects
        where {" and ".join(conditions)}
        order by last_used_at_s, key
    """)
    while rows := answer.fetchmany(FETCHED_ROWS):
        yield from (Entry(*row) for row in rows)


def _of_course(course: str, is_shared: bool) -> str:
    """Return SQL for the keys of a course's narrations, and of what they consist of."""
    others = "false" if is_shared else f"course is distinct from {quote(course)}"
    return f"""
    with
    finished as (
        select distinct key, course from events
        where kind = 'narration_finished' and key is not null
    ),
    own as (select key from finished where course = {quote(course)}),
    others as (select key from finished where {others}),
    used as (
        select unnest(chunk_keys) as key, key in (from own) as is_own,
            key in (from others) as is_others
        from narrations
    )
    select key from own anti join others using (key)
    union
    select key from used group by key having bool_or(is_own) and not bool_or(is_others)
    """


def published_keys(narrations: Path) -> set[str]:
    """Return the keys that the published courses refer to: narrations and their chunks.

    Args:
        narrations: the folder of published courses.
    """
    keys: set[str] = set()
    for manifest in narrations.glob(f"*/{MANIFEST}"):
        # Of whatever version: to keep too much costs room, to keep too little costs audio.
        keys.update(_keys_in(_read_json(manifest)))
    return keys


def open_batch_keys(batches: Path, now_s: float) -> set[str]:
    """Return the keys that unfinished batches refer to: those without a report.

    What their runs are using at the moment was touched, and counts as used.

    Args:
        batches: the folder of batches, ``<id>/outcomes/*.json`` and ``<id>/report.json`` in it.
        now_s: the time, in seconds since 1970; what has not changed for a week is no longer open.
    """
    keys: set[str] = set()
    for folder in batches.glob("*/"):
        outcomes = folder / "outcomes"
        try:
            is_open = now_s - outcomes.stat().st_mtime < ABANDONED_S
        except OSError:
            continue  # Nothing has been finished yet.
        if not is_open or (folder / "report.json").exists():
            continue
        for outcome in outcomes.glob("*.json"):
            keys.update(_keys_in(_read_json(outcome)))
    return keys


def _keys_in(value: object) -> Iterator[str]:
    """Yield what looks like a key in a JSON value, wherever it stands; a checksum does, too."""
    pending = [value]
    while pending:
        match pending.pop():
            case str() as text if is_key(text):
                yield text
            case dict() as mapping:
                pending.extend(mapping.values())
            case list() as items:
                pending.extend(items)


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None  # Being written, or damaged: it names nothing.
