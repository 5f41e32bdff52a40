"""What the library is worth, as tables in the units that people read. Counts and prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tts_tasks.catalog.statistics_values import Bucket, CacheStatistics, Holding, Rate, Saved

Cells = Sequence[object]
Shown = tuple[str, Sequence[str], list[Cells]]

DAYS_SHOWN = 14
"""Days in the table of days; the JSON has all."""

TEXT_CHARACTERS = 60
"""Characters of a text in the list of the most used."""

NAMES = {"utterance": "chunks", "narration": "narrations", "overall": "all chunks needed"}

_SAVED = (
    *("level", "provider", "hits", "chunks", "audio", "size", "GPU", "CPU", "waiting"),
    *("of it estimated", "service requests"),
)
_COUNTS = ("requests", "hits", "made", "in vain", "hit rate", "chunks spared")


def statistics_tables(statistics: CacheStatistics) -> list[Shown]:
    """Return what to show of the statistics: the title, the columns and the rows of each table.

    Tables without rows are left out.
    """
    lately = "" if statistics.since_s is None else f", last {duration(statistics.since_s)}"
    saved = (*statistics.saved_by_provider, statistics.saved)
    tables: list[Shown] = [
        (
            f"asked of the library{lately}",
            ("level", *_COUNTS),
            [_rate(each, _level(each)) for each in (*statistics.totals, statistics.overall)],
        ),
        (
            f"by provider{lately}",
            ("level", "provider", *_COUNTS),
            [_rate(each, _level(each), name(each.provider)) for each in statistics.by_provider],
        ),
        (
            f"by voice{lately}",
            ("level", "provider", "voice", *_COUNTS),
            [
                _rate(each, _level(each), name(each.provider), name(each.voice))
                for each in statistics.by_voice
            ],
        ),
        _days(statistics.by_day, lately),
        (
            f"saved{lately}",
            _SAVED,
            [_saved(each) for each in saved if each.hits or each.level is None],
        ),
        (
            "in the library",
            ("level", "provider", "objects", "size", "audio", "never used", "their size"),
            [
                *(_holding(each, name(each.provider)) for each in statistics.holdings_by_provider),
                *(_holding(each, "total") for each in statistics.holdings),
            ],
        ),
        (
            "ages in days",
            ("level", "days", "made so long ago", "size", "used so long ago", "size"),
            [
                (
                    *(NAMES[made.level], _range(made, str), made.objects, size(made.bytes)),
                    *(used.objects, size(used.bytes)),
                )
                for made, used in zip(statistics.ages, statistics.ages_since_use, strict=True)
            ],
        ),
        (
            "sizes",
            ("level", "bytes", "objects", "size"),
            [
                (NAMES[each.level], _range(each, size), each.objects, size(each.bytes))
                for each in statistics.sizes
                if each.objects
            ],
        ),
        (
            "used most",
            ("hits", "level", "provider", "voice", "audio", "size", "what"),
            [
                (
                    *(each.hits, NAMES[each.level], name(each.provider), name(each.voice)),
                    *(duration(each.audio_s), size(each.bytes), _excerpt(each.text or each.key)),
                )
                for each in statistics.most_used
            ],
        ),
        (
            f"made in vain{lately}",
            ("level", "objects", "audio", "synthesis"),
            [
                (
                    *(NAMES[each.level], each.objects, duration(each.audio_s)),
                    *(duration(each.synthesis_s),),
                )
                for each in statistics.in_vain
                if each.objects
            ],
        ),
        (
            f"evicted{lately}",
            ("level", "reason", "objects", "size", "audio"),
            [
                (
                    *(NAMES.get(each.level, name(each.level)), name(each.reason), each.objects),
                    *(size(each.bytes), duration(each.audio_s)),
                )
                for each in statistics.evicted
            ],
        ),
        (
            f"evicted and made again{lately}",
            ("level", "objects", "audio", "synthesis"),
            [
                (
                    *(NAMES[each.level], each.objects, duration(each.audio_s)),
                    *(duration(each.synthesis_s),),
                )
                for each in statistics.made_again
                if each.objects
            ],
        ),
    ]
    return [table for table in tables if table[2]]


def duration(seconds: float | None) -> str:
    """Return seconds as people say them: 7.5 s, 42.0 min, 12.3 h, 3.1 days."""
    if seconds is None:
        return "–"
    for unit, length_s, below_s in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 48 * 3600)):
        # What would be rounded to the next unit's size is said in that unit.
        if round(seconds / length_s, 1) * length_s < below_s:
            return f"{seconds / length_s:.1f} {unit}"
    return f"{seconds / 86400:,.1f} days"


def size(n_bytes: int | None) -> str:
    """Return bytes in decimal units: 512 B, 20.5 kB, 1.4 GB."""
    if n_bytes is None:
        return "–"
    if n_bytes < 1000:
        return f"{n_bytes} B"
    for power, unit in enumerate(("kB", "MB", "GB"), start=1):
        if round(n_bytes / 1000**power, 1) < 1000:
            return f"{n_bytes / 1000**power:.1f} {unit}"
    return f"{n_bytes / 1000**4:,.1f} TB"


def percent(share: float | None) -> str:
    """Return a share of 1 in percent: 87.5 %."""
    return "–" if share is None else f"{share * 100:.1f} %"


def name(given: str | None) -> str:
    """Return a name as rich may show it; a dash where there is none."""
    return "–" if given is None else (given)


def _level(rate: Rate) -> str:
    return NAMES[rate.level]


def _rate(rate: Rate, *heading: str) -> Cells:
    return (
        *(*heading, rate.requests, rate.hits, rate.registered, rate.duplicates),
        *(percent(rate.hit_rate), "" if rate.level == "utterance" else rate.chunks_spared),
    )


def _days(rates: Iterable[Rate], lately: str) -> Shown:
    rates = list(rates)
    days = sorted({rate.day for rate in rates if rate.day is not None})
    shown = days[-DAYS_SHOWN:]
    cut = f"; the last {len(shown)} of {len(days)}" if len(shown) < len(days) else ""
    rows = [_rate(rate, rate.day, _level(rate)) for rate in rates if rate.day in shown and rate.day]
    # One after another, and each day's levels beside each other.
    rows.sort(key=lambda row: str(row[0]))
    return f"by day, UTC{lately}{cut}", ("day", "level", *_COUNTS), rows


def _saved(saved: Saved) -> Cells:
    unknown = " + ?" if saved.hits_of_unknown_size else ""
    return (
        "total" if saved.level is None else NAMES[saved.level],
        "" if saved.level is None else name(saved.provider),
        *(saved.hits, saved.chunks, duration(saved.audio_s), size(saved.bytes) + unknown),
        *(duration(each) for each in (saved.gpu_s, saved.cpu_s, saved.network_s)),
        duration(saved.estimated_s) + (" + ?" if saved.unpriced_audio_s else ""),
        saved.provider_requests,
    )


def _holding(holding: Holding, provider: str) -> Cells:
    return (
        *(NAMES[holding.level], provider, holding.objects, size(holding.bytes)),
        *(duration(holding.audio_s), holding.unused_objects, size(holding.unused_bytes)),
    )


def _range(bucket: Bucket, say: Callable[[int], str]) -> str:
    if bucket.below is None:
        return f"{say(bucket.at_least)} and more"
    if bucket.at_least == 0:
        return f"below {say(bucket.below)}"
    return f"{say(bucket.at_least)} to {say(bucket.below)}"


def _excerpt(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS else text[: TEXT_CHARACTERS - 1] + "…"
