"""The tables of the catalog, their migrations, and the SQL that fills them. Runs nothing itself.

Everybody may read ``events``, ``utterances`` and ``narrations``; the schema ``indexer`` is the
indexer's own. Times are UTC. ``utterances`` and ``narrations`` are mergeable: a row is the newest
facts of its key plus a sum (``hits``) and a maximum (``last_used_at``), so that taking the events
in at once, in pieces, or only for one connection gives the same rows. An eviction undoes the
registration of one moment, whichever of the two is read first; a later one stands.

Two databases take part: ``library`` is the catalog's file, and the schema ``live`` of the
connection's own memory holds the events that are being added.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from tts_tasks.catalog.journal import SUFFIX
from tts_tasks.catalog.tail import LAST_TIME_S

EVENT_FIELDS = {
    "run_id": "VARCHAR",
    "course": "VARCHAR",
    "lesson": "VARCHAR",
    "provider": "VARCHAR",
    "voice": "VARCHAR",
    "format": "VARCHAR",
    "characters": "BIGINT",
    "chunks": "BIGINT",
    "synthesized_chunks": "BIGINT",
    "duration_s": "DOUBLE",
    "synthesis_s": "DOUBLE",
    "cached": "BOOLEAN",
    "code": "VARCHAR",
}
"""Fields of events that have a column of their own; all are in the column ``fields``."""

UTTERANCE_FACTS = {
    "provider": "VARCHAR",
    "revision": "VARCHAR",
    "voice": "VARCHAR",
    "parameters": "JSON",
    "seed": "BIGINT",
    "takes": "BIGINT",
    "flags": ["VARCHAR"],
    "spoken": "VARCHAR",
    "written": "VARCHAR",
    "duration_s": "DOUBLE",
    "sample_rate": "INTEGER",
    "bytes": "BIGINT",
    "sha256": "VARCHAR",
    "synthesis_s": "DOUBLE",
    "created_at": "DOUBLE",
    "amended_at": "DOUBLE",
}
"""What the sidecar of an utterance tells the catalog."""

NARRATION_FACTS = {
    "provider": "VARCHAR",
    "revision": "VARCHAR",
    "voice": "VARCHAR",
    "format": "VARCHAR",
    "mastering": "VARCHAR",
    "profile": "VARCHAR",
    "flagged": ["VARCHAR"],
    "characters": "BIGINT",
    "chunks": "BIGINT",
    "synthesized_chunks": "BIGINT",
    "chunk_keys": ["VARCHAR"],
    "duration_s": "DOUBLE",
    "sample_rate": "INTEGER",
    "loudness_lufs": "DOUBLE",
    "true_peak_dbtp": "DOUBLE",
    "bytes": "BIGINT",
    "sha256": "VARCHAR",
    "synthesis_s": "DOUBLE",
    "created_at": "DOUBLE",
    "amended_at": "DOUBLE",
}
"""What the sidecar of a narration tells the catalog."""


@dataclass(frozen=True, slots=True)
class Level:
    """A table of objects."""

    table: str
    """Name of the table."""

    kind: str
    """What its objects are called in events and sidecars."""

    structure: str
    """The facts of a sidecar, as ``json_transform`` wants them."""


LEVELS = (
    Level("utterances", "utterance", json.dumps(UTTERANCE_FACTS)),
    Level("narrations", "narration", json.dumps(NARRATION_FACTS)),
)

MIGRATIONS = (
    # 1
    """
    create table library.main.events (
        process varchar, sequence bigint, recorded_at timestamp, kind varchar, key varchar,
        run_id varchar, course varchar, lesson varchar, provider varchar, voice varchar,
        format varchar, characters bigint, chunks bigint, synthesized_chunks bigint,
        duration_s double, synthesis_s double, cached boolean, code varchar, fields json
    );
    create table library.main.utterances (
        key varchar, provider varchar, revision varchar, voice varchar, parameters json,
        seed bigint, spoken varchar, written varchar, duration_s double, sample_rate_hz integer,
        bytes bigint, sha256 varchar, synthesis_s double, created_at timestamp,
        last_used_at timestamp, hits bigint
    );
    create table library.main.narrations (
        key varchar, provider varchar, revision varchar, voice varchar, format varchar,
        mastering varchar, characters bigint, chunks bigint, synthesized_chunks bigint,
        chunk_keys varchar[], duration_s double, sample_rate_hz integer, loudness_lufs double,
        true_peak_dbtp double, bytes bigint, sha256 varchar, synthesis_s double,
        created_at timestamp, last_used_at timestamp, hits bigint
    );
    -- How far each journal was taken in, and what in it was no event.
    create table library.indexer.journals (
        name varchar, dealt_with_bytes bigint, unparsable_lines bigint
    );
    -- The last event of each process: none is taken in twice, even from a copied journal.
    create table library.indexer.processes (process varchar, last_sequence bigint);
    -- Hits of objects whose registration has not been seen yet.
    create table library.indexer.unmatched_uses (
        level varchar, key varchar, hits bigint, last_used_at timestamp
    );
    -- Differs after every change: the published file is current if it has the same edition.
    create table library.indexer.state (edition uuid);
    insert into library.indexer.state values (uuid());
    """,
    # 2
    """
    alter table library.main.utterances add column takes bigint;
    alter table library.main.utterances add column flags varchar[];
    alter table library.main.narrations add column profile varchar;
    alter table library.main.narrations add column flagged varchar[];
    """,
    # 3
    """
    alter table library.main.utterances add column amended_at timestamp;
    alter table library.main.narrations add column amended_at timestamp;
    -- Registrations that were undone; kept for good, since either may be read first.
    create table library.indexer.evictions (level varchar, key varchar, created_at timestamp);
    -- Files of closed journals that were taken in, and what each was made of.
    create table library.indexer.sealed (name varchar, journal varchar);
    """,
    # 4
    """
    -- Objects that were taken from their sidecars: no event of theirs tells that they are new.
    alter table library.indexer.state add column found bigint;
    """,
)
"""Number n brings a catalog of version n - 1 to version n; never change one that was released."""

VERSION = len(MIGRATIONS)
"""Version of the schema that this code reads and writes."""

_IS_KEY = "regexp_full_match(key, '[0-9a-f]{64}')"
_EVENT_COLUMNS = (
    "{process: 'VARCHAR', sequence: 'BIGINT', time: 'DOUBLE',"
    " kind: 'VARCHAR', key: 'VARCHAR', fields: 'JSON'}"
)


def quote(text: object) -> str:
    """Return text as an SQL literal. DuckDB 1.5 imports pandas to bind a parameter (1.3 s)."""
    return "'" + str(text).replace("'", "''") + "'"


def load_lines(table: str, file: str) -> str:
    """Return SQL that loads a file of events into ``live.<table>``."""
    return f"""
    create or replace table live.{table} as
    select * from read_json(
        {quote(file)}, format = 'newline_delimited', columns = {_EVENT_COLUMNS},
        ignore_errors = true
    )
    """


def add_sealed(file: str) -> str:
    """Return SQL that adds a file of closed journals to the loaded events."""
    return f"""
    insert into live.lines
    select process, sequence, time, kind, key, fields::json from read_parquet({quote(file)})
    """


LOAD_BATCH = """
create or replace table live.batch as
with
unseen as (
    select lines.*
    from live.lines as lines
    left join library.indexer.processes as seen using (process)
    where lines.sequence > coalesce(seen.last_sequence, 0)
)
select
    process, sequence, make_timestamp((time * 1e6)::bigint) as recorded_at, kind, key, fields
from unseen
qualify row_number() over (partition by process, sequence order by time) = 1
"""

UNKNOWN_KEYS = f"""
with
mentioned as (
    select distinct key from live.batch
    where {_IS_KEY} and (starts_with(kind, 'utterance_') or starts_with(kind, 'narration_'))
),
registered as (
    select key from live.batch where kind in ('utterance_registered', 'narration_registered')
    union all select key from library.main.utterances
    union all select key from library.main.narrations
)
select key from mentioned anti join registered using (key)
"""
"""Objects that events speak of, but whose registration was lost with its writer, or is to come."""

NEW_EVICTIONS = f"""
create or replace table live.evictions as
select case when starts_with(kind, 'utterance') then 'utterances' else 'narrations' end as level,
    key, make_timestamp((try_cast(fields->>'created_at' as double) * 1e6)::bigint) as created_at
from live.batch
where kind in ('utterance_evicted', 'narration_evicted')
    and try_cast(fields->>'created_at' as double) between 0 and {LAST_TIME_S}
"""

NEW_EVENTS = f"""
select process, sequence, recorded_at, kind, key,
    unnest(json_transform(fields, {quote(json.dumps(EVENT_FIELDS))})), fields
from live.batch
"""


def merge(level: Level) -> str:
    """Return SQL that makes ``live.<table>``: the rows that change, as they will be.

    A row without ``created_at`` has hits and no facts: they are to come, or were evicted.
    """
    return f"""
    create or replace table live.{level.table} as
    with
    registrations as (
        select kind, key, fields from live.batch
        union all
        select kind, key, fields from live.sidecars
    ),
    facts as (
        select key, unnest(json_transform(fields, {quote(level.structure)}))
        from registrations
        where kind in ('{level.kind}_registered', '{level.kind}_amended') and {_IS_KEY}
    ),
    registered as (
        select * exclude (sample_rate, created_at, amended_at),
            sample_rate as sample_rate_hz,
            make_timestamp((created_at * 1e6)::bigint) as created_at,
            make_timestamp((amended_at * 1e6)::bigint) as amended_at,
            make_timestamp((created_at * 1e6)::bigint) as last_used_at,
            0::bigint as hits
        from facts
        where created_at between 0 and {LAST_TIME_S}
            and coalesce(amended_at, 0) between 0 and {LAST_TIME_S}
    ),
    used as (
        select key, max(recorded_at) as last_used_at, count(*) as hits
        from live.batch
        where kind = '{level.kind}_hit' and {_IS_KEY}
        group by key
    ),
    changes as (
        select * from registered
        union all by name
        select * from used
    ),
    changed as (
        select key from changes
        union
        select key from live.evictions where level = '{level.table}' and {_IS_KEY}
    ),
    states as (
        select * from changes
        union all by name
        select * from library.main.{level.table} where key in (from changed)
        union all by name
        select key, hits, last_used_at from library.indexer.unmatched_uses
        where level = '{level.table}' and key in (from changed)
    ),
    evicted as (
        select key, created_at from live.evictions where level = '{level.table}'
        union all
        select key, created_at from library.indexer.evictions
        where level = '{level.table}' and key in (from changed)
    ),
    newest as (
        select * exclude (hits, last_used_at) from states
        anti join evicted using (key, created_at)
        where created_at is not null
        qualify row_number() over (
            partition by key order by created_at desc, amended_at desc nulls last, sha256
        ) = 1
    ),
    totals as (
        select key, coalesce(max(last_used_at), make_timestamp(0)) as last_used_at,
            coalesce(sum(hits), 0)::bigint as hits
        from states
        group by key
    )
    select * from totals left join newest using (key)
    """


def keep(level: Level) -> str:
    """Return SQL that writes the merged rows into the catalog."""
    return f"""
    delete from library.main.{level.table} where key in (select key from live.{level.table});
    insert into library.main.{level.table} by name
        select * from live.{level.table} where created_at is not null;
    delete from library.indexer.unmatched_uses
        where level = '{level.table}' and key in (select key from live.{level.table});
    insert into library.indexer.unmatched_uses by name
        select '{level.table}' as level, key, hits, last_used_at
        from live.{level.table} where created_at is null;
    """


KEEP_EVENTS = f"""
insert into library.main.events by name {NEW_EVENTS};
insert into library.indexer.evictions by name
    select * from live.evictions except select * from library.indexer.evictions;
delete from library.indexer.processes where process in (select process from live.batch);
insert into library.indexer.processes
    select process, max(sequence) as last_sequence from live.batch group by process;
"""

NEW_EDITION = "update library.indexer.state set edition = uuid()"


def note_found(count: int) -> str:
    """Return SQL that notes how many objects were taken from their sidecars."""
    return f"update library.indexer.state set found = coalesce(found, 0) + {count}"


def keep_progress(name: str, dealt_with_bytes: int, unparsable_lines: int) -> str:
    """Return SQL that notes how far a journal was taken in."""
    return f"""
    insert into library.indexer.journals
        select {quote(name)}, {dealt_with_bytes},
            {unparsable_lines} + coalesce(max(unparsable_lines), 0)
        from library.indexer.journals where name = {quote(name)};
    delete from library.indexer.journals
        where name = {quote(name)} and dealt_with_bytes <> {dealt_with_bytes};
    """


def keep_sealed(name: str) -> str:
    """Return SQL that notes that a file of closed journals was taken in, just loaded alone.

    A file that could not be read is noted without journals, and not read again.
    """
    return f"""
    insert into library.indexer.sealed
        select {quote(name)}, process || {quote(SUFFIX)}
        from (select distinct process from live.lines)
        union all
        select {quote(name)}, null;
    """


SEALED_JOURNALS = "select journal, name from library.indexer.sealed where journal is not null"

DAMAGED_JOURNALS = "select name from library.indexer.journals where unparsable_lines > 0"


def forget_journals(names: Iterable[str]) -> str:
    """Return SQL that drops the progress of journals that were put away."""
    listed = ", ".join(map(quote, names))
    return f"delete from library.indexer.journals where name in ({listed})"


def write_sealed(lines: str, target: str) -> str:
    """Return SQL that writes a file of events as the Parquet file of closed journals."""
    return f"""
    copy (
        select * from read_json(
            {quote(lines)}, format = 'newline_delimited', columns = {_EVENT_COLUMNS}
        )
        order by process, sequence
    )
    to {quote(target)} (format parquet, compression zstd)
    """


def live_view(level: Level) -> str:
    """Return SQL of the view that adds what the published catalog does not hold yet."""
    return f"""
    create view memory.main.{level.table} as
    select * from library.main.{level.table} anti join live.{level.table} using (key)
    union all by name
    select * from live.{level.table} where created_at is not null
    """


LIVE_EVENTS = f"""
create view memory.main.events as
select * from library.main.events
union all by name
{NEW_EVENTS}
"""


def published_view(table: str) -> str:
    """Return SQL of the view that shows a table as it was published."""
    return f"create view memory.main.{table} as select * from library.main.{table}"
