"""Phrases that several courses say: what is worth speaking in another voice before it is needed.

Asks the catalog alone. What a phrase sounds like by itself, and what a voice lacks, is not known
here (``flows.preload_suggest``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tts_tasks.catalog.library import FINISHED, UTTERANCE_FORMAT, Library
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.schema import quote


@dataclass(frozen=True, slots=True)
class Rendition:
    """A phrase in one voice, as a lesson has it."""

    provider: str
    """Who speaks."""

    voice: str
    """With which voice."""

    spoken: str
    """What the engine gets."""

    key: str
    """Key of the utterance."""


@dataclass(frozen=True, slots=True)
class RecurringPhrase:
    """A chunk that several courses have."""

    written: str
    """As its authors wrote it."""

    courses: tuple[str, ...]
    """Ids of the courses that say it now, in their alphabetical order."""

    duration_s: float
    """How long it is, on average over its voices."""

    renditions: tuple[Rendition, ...]
    """What the library has of it."""

    @property
    def weight_s(self) -> float:
        """What is heard of it over all courses, in seconds: the more, the sooner it is proposed."""
        return len(self.courses) * self.duration_s


def recurring_phrases(
    library_root: Path | str,
    min_courses: int = 2,
    limit: int | None = 50,
    *,
    without: Collection[str] = (),
) -> list[RecurringPhrase]:
    """Return the phrases that several narrated courses say, those heard longest first.

    A lesson says what it said when it was last narrated; what was edited away does not count.

    Args:
        library_root: the library's folder; may be empty or absent.
        min_courses: courses that must say it, at least.
        limit: phrases returned at most; ``None`` for all.
        without: ids of courses that do not count.

    Raises:
        CatalogError: if the catalog cannot be read.
    """
    objects = Library(Path(library_root)).objects
    with connect(library_root) as connection:
        rows = connection.execute(_sql(min_courses, limit, without)).fetchall()
    return [
        RecurringPhrase(
            written,
            tuple(courses),
            duration_s,
            tuple(
                Rendition(**each)
                for each in renditions
                # The catalog may know audio that was removed since.
                if objects.path(each["key"], UTTERANCE_FORMAT).is_file()
            ),
        )
        for written, courses, duration_s, renditions in rows
    ]


def _sql(min_courses: int, limit: int | None, without: Collection[str]) -> str:
    left_out = ", ".join(map(quote, [*without, ""]))
    return f"""
    with
    lessons as (
        select course, lesson, key from events
        where kind = {quote(FINISHED)} and course not in ({left_out})
        qualify row_number() over (
            partition by course, lesson order by recorded_at desc, process, sequence desc
        ) = 1
    ),
    said as (
        select distinct course, unnest(chunk_keys) as key
        from lessons join narrations using (key)
    ),
    recurring as (
        select written, list_sort(list(distinct course)) as courses
        from said join utterances using (key)
        where written <> ''
        group by written
        having count(distinct course) >= {int(min_courses)}
    )
    select written, any_value(courses), avg(duration_s) as duration_s,
        list({{provider: provider, voice: voice, spoken: spoken, key: key}}
            order by provider, voice, key)
    from recurring join utterances using (written)
    group by written
    order by len(any_value(courses)) * avg(duration_s) desc, written
    {"" if limit is None else f"limit {int(limit)}"}
    """
