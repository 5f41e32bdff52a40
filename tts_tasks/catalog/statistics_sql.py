"""The questions behind ``statistics``, as SQL over the views of the catalog. Runs nothing itself.

Seconds are summed as whole microseconds: exact, and the same in whatever order the rows come.
Journals may hold nonsense: a duration or a size out of its range counts as not known.
"""

from __future__ import annotations

from tts_tasks.catalog.tail import LAST_TIME_S

LONGEST_S = 1e9
"""A duration beyond 31 years comes from damage; below it no sum overflows."""

LARGEST_BYTES = 2**50
"""A size beyond a pebibyte comes from damage."""

AGE_BOUNDS_DAYS = (1, 7, 30, 90)
"""Where a bucket of ages ends and the next begins; the last has no end."""

SIZE_BOUNDS_BYTES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
"""The same for sizes: half decades around a sentence in FLAC and a lesson in MP3."""

MOST_USED = 10
"""Objects in the list of those that were used most."""

_MADE = (
    "'utterance_registered', 'utterance_duplicate', 'narration_registered', 'narration_duplicate'"
)
_LEVEL = "split_part(kind, '_', 1)"

_IS_IMPORTED = (
    # Most events cost one search for a word, and no JSON is read.
    "coalesce(contains(fields::varchar, '\"imported\"') and (fields->>'imported') = 'true', false)"
)


def _us(column: str) -> str:
    return f"case when {column} between 0 and {LONGEST_S} then round({column} * 1e6)::bigint end"


def _bytes(column: str) -> str:
    return f"case when {column} between 0 and {LARGEST_BYTES} then {column} end"


def _bucket(value: str, bounds: tuple[int, ...]) -> str:
    """Return SQL for the number of bounds that a value has reached."""
    return " + ".join(f"({value} >= {bound})::integer" for bound in bounds)


def moments(now_s: float, since_s: float | None) -> str:
    """Return SQL that keeps what "now" and "lately" mean for the questions that follow.

    Args:
        now_s: seconds since 1970, UTC.
        since_s: how far back events count; ``None`` for all of them.
    """
    start_s = 0.0 if since_s is None else min(max(now_s - since_s, 0.0), LAST_TIME_S)
    return f"""
    create temp table moments as
    select make_timestamp({round(now_s * 1e6)}) as now,
        make_timestamp({round(start_s * 1e6)}) as start
    """


HITS = f"""
create temp view hits as
select kind, key, provider, voice, recorded_at::date as day, {_us("duration_s")} as audio_us
from events
where kind in ('utterance_hit', 'narration_hit') and recorded_at >= (select start from moments)
"""
"""What was asked of the library and found."""

MADE = f"""
select {_LEVEL} as level, provider, voice, day::varchar as day, split_part(kind, '_', 2) as outcome,
    count(*) as requests, coalesce(sum(audio_us), 0) as audio_us,
    coalesce(sum(synthesis_us), 0) as synthesis_us
from (
    select kind, provider, voice, recorded_at::date as day, {_us("duration_s")} as audio_us,
        {_us("synthesis_s")} as synthesis_us
    from events
    where kind in ({_MADE})
        and recorded_at >= (select start from moments)
        and not {_IS_IMPORTED}
)
group by kind, provider, voice, day
"""
"""What was asked for and made. What came out of an archive was neither found nor made."""


def _facts(level: str) -> str:
    """Return SQL for what is known of each object of a level, also of those that are gone.

    The journal still tells what an object was like that is no longer in the catalog.
    """
    is_narration = level == "narration"
    return f"""
    select key, provider, {_us("duration_s")} as audio_us, {_us("synthesis_s")} as synthesis_us,
        {_bytes("bytes")} as bytes {", chunks, chunk_keys" if is_narration else ""}
    from {level}s
    union all
    select key, provider, {_us("duration_s")}, {_us("synthesis_s")},
        {_BYTES_OF_EVENT} {_CHUNKS_OF_EVENT if is_narration else ""}
    from events anti join {level}s using (key)
    where kind = '{level}_registered' and key is not null
    qualify row_number() over (partition by key order by recorded_at desc, process, sequence) = 1
    """


_BYTES_OF_EVENT = _bytes("try_cast((fields->>'bytes') as bigint)")
_CHUNKS_OF_EVENT = """, chunks, json_transform((fields->'chunk_keys'), '["VARCHAR"]')"""

UTTERANCE_FACTS = f"create temp table utterance_facts as {_facts('utterance')}"

SPEEDS = """
select provider, sum(synthesis_us) / sum(audio_us) as rtf
from utterance_facts
where synthesis_us is not null and audio_us > 0
group by provider
"""
"""Seconds of synthesis for a second of audio, by provider."""

NARRATION_FACTS = f"""
create temp table narration_facts as
with
used as (select distinct key from hits where kind = 'narration_hit'),
narrated as materialized (
    select * from (
        {_facts("narration")}
    ) semi join used using (key)
),
chunks as (select key, unnest(list_distinct(chunk_keys)) as chunk from narrated),
parts as (
    select chunks.key, count(*) as chunks,
        sum(spoken.synthesis_us)::hugeint as measured_us,
        sum(spoken.audio_us) filter (spoken.synthesis_us is not null)::hugeint as measured_audio_us,
        count(*) filter (spoken.synthesis_us is null) as unmeasured
    from chunks left join utterance_facts as spoken on spoken.key = chunks.chunk
    group by chunks.key
)
select narrated.key, narrated.audio_us, narrated.bytes,
    coalesce(parts.chunks, greatest(narrated.chunks, 0), 0) as chunks,
    coalesce(parts.measured_us, 0) as measured_us,
    coalesce(parts.measured_audio_us, 0) as measured_audio_us,
    coalesce(parts.unmeasured, 1) > 0 as is_estimated
from narrated left join parts using (key)
"""
"""The narrations that were hit, with what their chunks cost."""

FOUND_UTTERANCES = """
select 'utterance' as level, hits.provider, voice, day::varchar as day, count(*) as requests,
    count(*) as chunks, 0 as chunks_spared,
    coalesce(sum(coalesce(facts.audio_us, hits.audio_us)), 0) as audio_us,
    coalesce(sum(facts.bytes), 0) as bytes,
    count(*) filter (facts.bytes is null) as hits_of_unknown_size,
    coalesce(sum(facts.synthesis_us), 0) as measured_us,
    coalesce(
        sum(coalesce(facts.audio_us, hits.audio_us)) filter (facts.synthesis_us is null), 0
    ) as unmeasured_audio_us
from hits left join utterance_facts as facts using (key)
where kind = 'utterance_hit'
group by hits.provider, voice, day
"""

FOUND_NARRATIONS = """
with served as (
    select hits.provider, voice, day, facts.bytes, facts.chunks, measured_us, measured_audio_us,
        coalesce(facts.audio_us, hits.audio_us, 0) as served_us,
        coalesce(is_estimated, true) as is_estimated
    from hits left join narration_facts as facts using (key)
    where kind = 'narration_hit'
)
select 'narration' as level, provider, voice, day::varchar as day, count(*) as requests,
    coalesce(sum(chunks), 0) as chunks, coalesce(sum(chunks), 0) as chunks_spared,
    sum(served_us) as audio_us, coalesce(sum(bytes), 0) as bytes,
    count(*) filter (bytes is null) as hits_of_unknown_size,
    coalesce(sum(measured_us), 0) as measured_us,
    coalesce(
        sum(greatest(served_us - coalesce(measured_audio_us, 0), 0)) filter (is_estimated), 0
    ) as unmeasured_audio_us
from served
group by provider, voice, day
"""

_KEPT = ("key", "provider", "voice", "duration_s", "bytes", "hits", "created_at", "last_used_at")

KEPT = f"""
create temp view kept as
select 'utterance' as level, {", ".join(_KEPT)}, spoken as text from utterances
union all
select 'narration' as level, {", ".join(_KEPT)}, null as text from narrations
"""

HOLDINGS = f"""
select level, provider, count(*) as objects, coalesce(sum({_bytes("bytes")}), 0) as bytes,
    coalesce(sum({_us("duration_s")}), 0) as audio_us,
    count(*) filter (hits = 0) as unused_objects,
    coalesce(sum({_bytes("bytes")}) filter (hits = 0), 0) as unused_bytes
from kept
group by level, provider
"""


def _aged(what: str) -> str:
    """Return SQL for a distribution of ages; what is dated after now has the age 0."""
    days = "greatest(epoch(now) - epoch(moment), 0) / 86400"
    return f"""
    select '{what}' as what, level, {_bucket(days, AGE_BOUNDS_DAYS)} as bucket,
        count(*) as objects, coalesce(sum({_bytes("bytes")}), 0) as bytes
    from (select *, coalesce({what}_at, created_at) as moment from kept), moments
    group by level, bucket
    """


DISTRIBUTIONS = f"""
{_aged("created")} union all {_aged("last_used")} union all
select 'size' as what, level,
    {_bucket(f"coalesce({_bytes('bytes')}, 0)", SIZE_BOUNDS_BYTES)} as bucket,
    count(*) as objects, coalesce(sum({_bytes("bytes")}), 0) as bytes
from kept
group by level, bucket
"""

USED_MOST = f"""
select level, key, provider, voice, hits, {_us("duration_s")} as audio_us,
    {_bytes("bytes")} as bytes, text
from kept
where hits > 0
order by hits desc, level desc, key
limit {MOST_USED}
"""

EVICTIONS = f"""
select {_LEVEL} as level, (fields->>'reason') as reason, count(*) as objects,
    coalesce(sum({_BYTES_OF_EVENT}), 0) as bytes,
    coalesce(sum({_us("duration_s")}), 0) as audio_us
from events
where ends_with(kind, '_evicted') and recorded_at >= (select start from moments)
group by all
"""

MADE_AGAIN = f"""
with
evicted as (select distinct key from events where ends_with(kind, '_evicted')),
told as (
    select kind, recorded_at, duration_s, synthesis_s, {_IS_IMPORTED} as is_imported,
        -- At the same moment an eviction comes first: the kinds are sorted by their names.
        lag(kind) over (
            partition by {_LEVEL}, key order by recorded_at, kind, process, sequence
        ) as kind_before
    from events semi join evicted using (key)
    where kind in ('utterance_registered', 'narration_registered') or ends_with(kind, '_evicted')
)
select {_LEVEL} as level, count(*) as objects,
    coalesce(sum({_us("duration_s")}), 0) as audio_us,
    coalesce(sum({_us("synthesis_s")}), 0) as synthesis_us
from told
where ends_with(kind, '_registered') and ends_with(kind_before, '_evicted')
    and not is_imported and recorded_at >= (select start from moments)
group by all
"""
