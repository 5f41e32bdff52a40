"""LOOKUP and REGISTER: the library of finished audio. Files are the truth, DuckDB is the catalog.

    keys       what makes two requests the same: content, never position
    objects    content-addressed audio files with their sidecars
    journal    what happened, one append-only file per process
    library    the typed door that the steps use
    lookup     step 2: which chunks of a script are missing
    register   step 5: the finished narration becomes an object
    claims     single flight: which run speaks a chunk that several miss
    takes      takes that failed their checks
    scratch    folders of running narrations
    courses    published courses and what changed since
    archive    a selection of objects as one file, and back

    tail       the journal lines that the catalog does not hold yet
    schema     the tables, their migrations and the SQL that fills them
    database   files of the catalog: opening, migrating, what their errors mean
    sealed     closed journals, put away as Parquet
    live       what the catalog does not hold yet, beside it
    index      the indexer: journals -> library/catalog.duckdb
    reading    connections to it
    history    what came of each provider lately
    selection  objects by age, use, provider, voice or course
    evict      the least recently used goes, to a budget
    reconcile  rows against objects against journals
    statistics what the library saved
    similar    sentences that read alike
    alike      the comparison: in memory, without the catalog
    recurring  sentences that recur across courses

The second group knows DuckDB, and nothing on the way of a narration imports it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def connect(library: Path | str | None = None, *, live: bool = True) -> duckdb.DuckDBPyConnection:
    """Open the catalog for reading: views ``events``, ``utterances`` and ``narrations``.

    Args:
        library: the library's folder; by default the one of this installation's settings.
        live: whether to add what the indexer has not seen yet.

    Raises:
        CatalogError: if the catalog was written by a newer version, or cannot be read.
    """
    from tts_tasks.catalog.reading import connect as open_catalog
    from tts_tasks.settings import load_settings

    root = load_settings().library if library is None else Path(library)
    return open_catalog(root, live=live)
