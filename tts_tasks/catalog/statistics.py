"""What the library is worth: what it was asked for, what it spared, what lies in it. Reads only.

What the words mean is in ``statistics_values``, the questions in SQL are in ``statistics_sql``.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import duckdb

from tts_tasks.catalog import statistics_sql as sql
from tts_tasks.catalog.database import DamagedError, translated
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.statistics_values import (
    NARRATION,
    UTTERANCE,
    Bucket,
    CacheStatistics,
    Evicted,
    Holding,
    InVain,
    MadeAgain,
    Rate,
    Saved,
    UsedObject,
)
from tts_tasks.errors import CatalogError, InputError

GPU_PROVIDERS = frozenset({"bark"})
"""Providers that compute on a GPU, unless the caller knows better (``Engine.needs_gpu``)."""

NETWORK_PROVIDERS = frozenset({"gtts"})
"""Providers that somebody else computes for (``Engine.needs_network``): a request a chunk."""

_Row = Mapping[str, Any]


def measure_cache(
    library_root: Path | str,
    *,
    since_s: float | None = None,
    gpu_providers: Collection[str] = GPU_PROVIDERS,
    network_providers: Collection[str] = NETWORK_PROVIDERS,
    now_s: float | None = None,
) -> CacheStatistics:
    """Measure what a library is worth; what was just recorded counts.

    Args:
        library_root: the library's folder; may be empty or absent.
        since_s: count only events of the last so many seconds; all of them when omitted. Events
            dated after now, by a clock that was wrong, are always counted.
        gpu_providers: those whose synthesis runs on a GPU.
        network_providers: those whose synthesis is a request to a service. All others compute
            on a processor.
        now_s: the moment to measure from, UTC in seconds since 1970; the present when omitted.

    Raises:
        InputError: if ``since_s`` is not a number of seconds.
        CatalogError: if the catalog cannot be read.
    """
    if since_s is not None and not (math.isfinite(since_s) and since_s >= 0):
        raise InputError(
            "how far back to look is a number of seconds, 0 or more",
            field="since_s",
            value=since_s,
            remedy="leave it out to count everything",
        )
    now_s = time.time() if now_s is None else now_s
    published = Path(library_root).absolute() / "catalog.duckdb"
    with contextlib.closing(connect(library_root)) as connection:
        try:
            with translated(published):
                answers = _Answers(connection, now_s, since_s)
        except DamagedError as damage:
            raise CatalogError(
                str(damage), field="catalog", remedy="run `narrate catalog rebuild`"
            ) from damage
    saved = tuple(
        _saved(group, rows, answers.speeds, gpu_providers, network_providers)
        for group, rows in _grouped(answers.found, ("provider",))
    )
    requests = answers.found + answers.made
    totals = _rates(requests, ())
    return CacheStatistics(
        now_s=now_s,
        since_s=since_s,
        overall=_overall(*totals),
        totals=totals,
        by_provider=_rates(requests, ("provider",)),
        by_voice=_rates(requests, ("provider", "voice")),
        by_day=_rates(requests, ("day",)),
        saved=_total(saved),
        saved_by_provider=saved,
        holdings=_holdings(answers.holdings, ()),
        holdings_by_provider=_holdings(answers.holdings, ("provider",)),
        ages_since_use=_buckets(answers.distributions, "last_used", sql.AGE_BOUNDS_DAYS),
        ages=_buckets(answers.distributions, "created", sql.AGE_BOUNDS_DAYS),
        sizes=_buckets(answers.distributions, "size", sql.SIZE_BOUNDS_BYTES),
        most_used=tuple(_used(row) for row in answers.used_most),
        in_vain=_in_vain(answers.made),
        evicted=tuple(
            Evicted(
                row["level"], row["reason"], row["objects"], row["bytes"], _seconds(row["audio_us"])
            )
            for row in answers.evictions
        ),
        made_again=_made_again(answers.made_again),
    )


class _Answers:
    """The rows that answer each question, all of the same moment."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, now_s: float, since_s: float | None
    ) -> None:
        """Ask them all."""

        def ask(question: str) -> list[dict[str, Any]]:
            answer = connection.execute(question)
            names = [column[0] for column in answer.description or ()]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

        connection.execute(sql.moments(now_s, since_s))
        for preparation in (sql.HITS, sql.UTTERANCE_FACTS, sql.NARRATION_FACTS, sql.KEPT):
            connection.execute(preparation)
        self.speeds: dict[str | None, float] = {
            row["provider"]: row["rtf"] for row in ask(sql.SPEEDS)
        }
        self.found = ask(sql.FOUND_UTTERANCES) + ask(sql.FOUND_NARRATIONS)
        self.made = ask(sql.MADE)
        self.holdings = ask(sql.HOLDINGS)
        self.distributions = ask(sql.DISTRIBUTIONS)
        self.used_most = ask(sql.USED_MOST)
        self.evictions = sorted(ask(sql.EVICTIONS), key=_in_order)
        self.made_again = ask(sql.MADE_AGAIN)


def _in_order(row: _Row) -> list[Any]:
    """Return what to sort rows by: utterances first, then names, unknown ones last."""
    names = (row.get(name) for name in ("provider", "voice", "day", "reason", "key"))
    return [row["level"] != UTTERANCE, *((name is None, name or "") for name in names)]


def _seconds(microseconds: int) -> float:
    return float(microseconds / 1_000_000)


def _grouped(rows: Iterable[_Row], names: tuple[str, ...]) -> Iterator[tuple[_Row, list[_Row]]]:
    """Yield each level with each combination of names, in order, and the rows that have it.

    Without names there are both levels, also where there is no row.
    """
    groups: dict[tuple[Any, ...], list[_Row]] = {}
    if not names:
        groups = {(UTTERANCE,): [], (NARRATION,): []}
    for row in rows:
        groups.setdefault((row["level"], *(row[name] for name in names)), []).append(row)
    named = [
        (dict(zip(("level", *names), group, strict=True)), members)
        for group, members in groups.items()
    ]
    yield from sorted(named, key=lambda each: _in_order(each[0]))


def _rates(rows: Iterable[_Row], names: tuple[str, ...]) -> tuple[Rate, ...]:
    return tuple(_rate(group, members) for group, members in _grouped(rows, names))


def _rate(group: _Row, rows: Iterable[_Row]) -> Rate:
    counts = {"hit": 0, "registered": 0, "duplicate": 0}
    chunks = 0
    for row in rows:
        counts[row.get("outcome", "hit")] += row["requests"]
        chunks += row.get("chunks_spared", 0)
    return Rate(
        level=group["level"],
        provider=group.get("provider"),
        voice=group.get("voice"),
        day=group.get("day"),
        hits=counts["hit"],
        registered=counts["registered"],
        duplicates=counts["duplicate"],
        chunks_spared=chunks,
    )


def _overall(utterances: Rate, narrations: Rate) -> Rate:
    return Rate(
        level="overall",
        provider=None,
        voice=None,
        day=None,
        hits=utterances.hits + narrations.chunks_spared,
        registered=utterances.registered,
        duplicates=utterances.duplicates,
        chunks_spared=narrations.chunks_spared,
    )


def _saved(
    group: _Row,
    rows: Iterable[_Row],
    speeds: Mapping[str | None, float],
    gpu_providers: Collection[str],
    network_providers: Collection[str],
) -> Saved:
    total: Counter[str] = Counter()
    for row in rows:
        total.update({name: row[name] for name in _SUMMED})
    provider = group["provider"]
    rtf = speeds.get(provider)
    unmeasured_s = _seconds(total["unmeasured_audio_us"])
    estimated_s = 0.0 if rtf is None else unmeasured_s * rtf
    synthesis_s = _seconds(total["measured_us"]) + estimated_s
    is_network = provider in network_providers
    is_gpu = provider in gpu_providers and not is_network
    return Saved(
        level=group["level"],
        provider=provider,
        hits=total["requests"],
        chunks=total["chunks"],
        audio_s=_seconds(total["audio_us"]),
        bytes=total["bytes"],
        hits_of_unknown_size=total["hits_of_unknown_size"],
        gpu_s=synthesis_s if is_gpu else 0.0,
        cpu_s=0.0 if is_gpu or is_network else synthesis_s,
        network_s=synthesis_s if is_network else 0.0,
        estimated_s=estimated_s,
        unpriced_audio_s=unmeasured_s if rtf is None else 0.0,
        provider_requests=total["chunks"] if is_network else 0,
    )


_SUMMED = (
    *("requests", "chunks", "audio_us", "bytes", "hits_of_unknown_size"),
    *("measured_us", "unmeasured_audio_us"),
)


def _total(parts: Sequence[Saved]) -> Saved:
    nothing = Saved(level=None, provider=None)
    sums = {
        field.name: sum((getattr(each, field.name) for each in parts), getattr(nothing, field.name))
        for field in fields(Saved)
        if field.name not in ("level", "provider")
    }
    return replace(nothing, **sums)


def _holdings(rows: Iterable[_Row], names: tuple[str, ...]) -> tuple[Holding, ...]:
    return tuple(
        Holding(
            level=group["level"],
            provider=group.get("provider"),
            audio_s=_seconds(sum(row["audio_us"] for row in members)),
            **{
                name: sum(row[name] for row in members)
                for name in ("objects", "bytes", "unused_objects", "unused_bytes")
            },
        )
        for group, members in _grouped(rows, names)
    )


def _buckets(rows: Iterable[_Row], what: str, bounds: tuple[int, ...]) -> tuple[Bucket, ...]:
    """Return all buckets of both levels, also those that are empty."""
    found = {(row["level"], row["bucket"]): row for row in rows if row["what"] == what}
    ends: list[int | None] = [*bounds, None]
    return tuple(
        Bucket(level, at_least, below, row.get("objects", 0), row.get("bytes", 0))
        for level in (UTTERANCE, NARRATION)
        for number, (at_least, below) in enumerate(zip((0, *bounds), ends, strict=True))
        for row in [found.get((level, number), {})]
    )


def _used(row: _Row) -> UsedObject:
    audio_us = row["audio_us"]
    return UsedObject(
        audio_s=None if audio_us is None else _seconds(audio_us),
        **{
            name: row[name]
            for name in ("level", "key", "provider", "voice", "hits", "bytes", "text")
        },
    )


def _in_vain(rows: Iterable[_Row]) -> tuple[InVain, ...]:
    duplicates = [row for row in rows if row["outcome"] == "duplicate"]
    return tuple(
        InVain(group["level"], *_sums(members, "requests"))
        for group, members in _grouped(duplicates, ())
    )


def _made_again(rows: Iterable[_Row]) -> tuple[MadeAgain, ...]:
    return tuple(
        MadeAgain(group["level"], *_sums(members, "objects"))
        for group, members in _grouped(rows, ())
    )


def _sums(rows: Iterable[_Row], count: str) -> tuple[int, float, float]:
    """Return how many, the seconds of audio and those of synthesis."""
    rows = tuple(rows)
    return (
        sum(row[count] for row in rows),
        _seconds(sum(row["audio_us"] for row in rows)),
        _seconds(sum(row["synthesis_us"] for row in rows)),
    )
