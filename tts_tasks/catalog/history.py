"""What came of each provider lately: read from the published catalog, for the choice of one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from tts_tasks.errors import CatalogError
from tts_tasks.values import History

HOURS = 1
"""A provider's failures are forgotten after so many hours: it may have recovered, and is tried."""

DAYS = 7
"""Its speed is that of so many days."""

LEAST_AUDIO_S = 10.0
"""Audio from which on a measured speed says anything."""

OUTCOMES = f"""
select provider,
    count(*) filter (kind <> 'provider_failed')::bigint as finished,
    count(*) filter (kind = 'provider_failed')::bigint as failed
from library.main.events
where kind in ('narration_registered', 'narration_duplicate', 'provider_failed')
    -- That a service rests is one failure's echo, in every narration that was on its way.
    and code is distinct from 'provider_rests'
    and recorded_at > now()::timestamp - interval {HOURS} hours
group by provider
"""

SPEEDS = f"""
select provider, sum(synthesis_s) / sum(duration_s) as rtf
from library.main.utterances
where created_at > now()::timestamp - interval {DAYS} days
group by provider
having sum(duration_s) > {LEAST_AUDIO_S}
"""


def provider_history(root: Path) -> Mapping[str, History]:
    """Return what came of each provider, by name; empty where there is no catalog to be read.

    Args:
        root: the library. What the catalog has not taken in yet does not count.
    """
    path = root / "catalog.duckdb"
    try:
        changed = path.stat()
    except OSError:
        return {}
    return _read(path, changed.st_mtime_ns, changed.st_ino, int(time.time() / 300))


@lru_cache(maxsize=8)
def _read(path: Path, changed_ns: int, inode: int, period: int) -> Mapping[str, History]:
    """Read a catalog once as it is, and again after five minutes: what it says grows old."""
    from tts_tasks.catalog.database import DamagedError, open_for_reading

    try:
        with open_for_reading(path) as connection:
            # The catalog's times are UTC without saying so.
            connection.execute("set timezone = 'UTC'")
            outcomes = connection.execute(OUTCOMES).fetchall()
            speeds = dict(connection.execute(SPEEDS).fetchall())
    except (CatalogError, DamagedError, FileNotFoundError):
        # A choice is no worse for not knowing: `narrate catalog index` says what is wrong.
        return {}
    seen = {name: (finished + failed, failed) for name, finished, failed in outcomes}
    return {
        name: History(*seen.get(name, (0, 0)), rtf=speeds.get(name))
        for name in {*seen, *speeds}
        if name
    }
