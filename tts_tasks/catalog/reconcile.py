"""Do the catalog, the files and the journals agree? Rows against objects, in both directions.

Audio is not decoded here: whether an object is what its sidecar says is ``tts_tasks.checks``.
Nothing is changed unless a repair is asked for, and what a repair does is written as events, so
that a catalog made again from the journals agrees as well.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tts_tasks.catalog.evict import record_eviction
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.sealed import DAMAGED
from tts_tasks.catalog.selection import Selection, select
from tts_tasks.values import Checkpoint, never_cancelled

SETTLED_S = 60.0
"""Age of an object whose registration must be in a journal by now; it takes milliseconds."""

LOST_EVENTS = """
select process, max(sequence) - count(*) as lost
from events
group by process
having lost > 0
order by process
"""

SAYS = """
select key, bytes, sha256, epoch_us(created_at), epoch_us(amended_at) from utterances
union all
select key, bytes, sha256, epoch_us(created_at), epoch_us(amended_at) from narrations
"""

Kind = Literal["missing", "unregistered", "different", "lost_events", "damaged_journal"]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing that the catalog, the files and the journals say differently."""

    kind: Kind
    """``missing``: a row without its object. ``unregistered``: an object without a row.
    ``different``: a row that does not say what the sidecar says. ``lost_events``: numbers that are
    missing in a journal. ``damaged_journal``: lines that are no events, put aside."""

    about: str
    """Key of the object, or name of the journal."""

    problem: str
    """What is wrong, as it follows the name."""

    is_repaired: bool = False
    """Whether the repair that was asked for mended it; what a journal lost stays lost."""


def reconcile(
    library: Library, *, repair: bool = False, checkpoint: Checkpoint = never_cancelled
) -> tuple[Disagreement, ...]:
    """Compare the catalog with the objects and the journals.

    Safe while others work: what is registered, used or evicted meanwhile is no disagreement.

    Args:
        library: where finished audio is kept.
        repair: undo registrations without an object, register objects without one, and correct
            what the catalog says of the others.
        checkpoint: called between objects.

    Raises:
        CatalogError: if the library cannot be read, or a repair not be recorded.
    """
    found = []
    with contextlib.closing(connect(library.root)) as connection:
        rows = {entry.key: entry for entry in select(connection, Selection(), time.time())}
        told = {key: says for key, *says in connection.execute(SAYS).fetchall()}
        lost = connection.execute(LOST_EVENTS).fetchall()
    for key, entry in rows.items():
        checkpoint()
        facts = library.objects.read_sidecar(key)
        if facts is None or library.objects.find_audio(key, facts) is None:
            if repair:
                record_eviction(library, entry, "missing")
            found.append(
                Disagreement("missing", key, f"the {entry.kind} is not in the library", repair)
            )
        elif _says(facts) != told[key]:
            if repair:
                library.register_again(key, renew=False)
            found.append(
                Disagreement("different", key, "the catalog says something else of it", repair)
            )
    for key in _settled_keys(library):
        checkpoint()
        if key not in rows:
            is_whole = library.objects.find(key) is not None
            if repair and is_whole:
                library.register_again(key, renew=True)
            problem = "is in the library, but not in the catalog"
            found.append(Disagreement("unregistered", key, problem, repair and is_whole))
    found += [
        Disagreement("lost_events", process, f"lacks {count} of its events")
        for process, count in lost
    ]
    found += [
        Disagreement("damaged_journal", path.name, "had lines that are no events")
        for path in sorted((library.root / "journal").glob(f"*{DAMAGED}"))
    ]
    return tuple(found)


def _says(facts: Mapping[str, object]) -> list[object]:
    """Return of a sidecar what ``SAYS`` asks the catalog for."""
    moments = (facts.get("created_at"), facts.get("amended_at"))
    return [
        facts.get("bytes"),
        facts.get("sha256"),
        *(round(at * 1e6) if isinstance(at, float | int) else None for at in moments),
    ]


def _settled_keys(library: Library) -> Iterator[str]:
    """Yield the keys of objects that were there before the rows were read."""
    now_s = time.time()
    for key in library.objects.keys():  # noqa: SIM118 - no mapping
        with contextlib.suppress(FileNotFoundError):
            if now_s - library.objects.sidecar_path(key).stat().st_ctime > SETTLED_S:
                yield key


def is_damage(disagreement: Disagreement) -> bool:
    """Return whether it matters: events that a power failure took are told, and no damage."""
    return not disagreement.is_repaired and disagreement.kind in (
        "missing",
        "unregistered",
        "different",
    )
