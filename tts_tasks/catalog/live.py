"""What the catalog does not hold yet, as tables of the schema ``live`` of a connection's memory.

The indexer writes them into the catalog; a reader looks at them beside it.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb

from tts_tasks.catalog import schema
from tts_tasks.catalog.database import storing
from tts_tasks.catalog.sealed import sealed_files
from tts_tasks.catalog.tail import read_tail

logger = logging.getLogger(__name__)


def load_tail(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    levels: Sequence[schema.Level] = schema.LEVELS,
) -> None:
    """Make the tables of ``live`` from what the attached catalog does not hold yet.

    Args:
        connection: with a published catalog attached; the file was opened first, so that journals
            read after it can only hold more.
        root: the library.
        levels: the tables of objects that are made.

    Raises:
        CatalogError: if the journals may not be read.
    """
    offsets = dict(offsets_in(connection))
    lines: list[bytes] = []
    is_all = False
    while not is_all:
        tail = read_tail(root / "journal", offsets)
        offsets.update(tail.offsets)
        lines.extend(tail.lines)
        is_all = tail.is_all
    load_events(connection, lines, unseen_files(connection, root), None)
    connection.execute(schema.LOAD_BATCH)
    merge(connection, (), None, levels)


def load_events(
    connection: duckdb.DuckDBPyConnection,
    lines: Sequence[bytes],
    sealed: Iterable[Path],
    folder: Path | None,
) -> int:
    """Load the events of journals and of sealed files; return how many of the lines it were."""
    _load(connection, "lines", lines, folder)
    (n_lines,) = connection.execute("select count(*) from live.lines").fetchone() or (0,)
    for file in sealed:
        try:
            connection.execute(schema.add_sealed(str(file)))
        except duckdb.Error as error:
            # The rest must not be lost with it. The objects' sidecars know what is there.
            logger.warning("%s cannot be read, its events are left out (%s)", file, error)
    return int(n_lines)


def merge(
    connection: duckdb.DuckDBPyConnection,
    sidecars: Iterable[bytes],
    folder: Path | None,
    levels: Sequence[schema.Level] = schema.LEVELS,
) -> None:
    """Make the tables of ``live`` from ``live.batch``: the rows that change, as they will be."""
    _load(connection, "sidecars", sidecars, folder)
    connection.execute(schema.NEW_EVICTIONS)
    for level in levels:
        connection.execute(schema.merge(level))


def _load(
    connection: duckdb.DuckDBPyConnection, table: str, lines: Iterable[bytes], folder: Path | None
) -> None:
    with (
        storing(folder or Path(tempfile.gettempdir())),
        tempfile.NamedTemporaryFile(dir=folder, suffix=".jsonl") as file,
    ):
        file.writelines(line + b"\n" for line in lines)
        file.flush()
        connection.execute(schema.load_lines(table, file.name))


def offsets_in(connection: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    """Return how many bytes of each journal the attached catalog holds."""
    rows = connection.execute("select name, dealt_with_bytes from library.indexer.journals")
    return dict(rows.fetchall())


def unseen_files(connection: duckdb.DuckDBPyConnection, root: Path) -> list[Path]:
    """Return the sealed files that the catalog does not hold."""
    rows = connection.execute("select distinct name from library.indexer.sealed").fetchall()
    seen = {name for (name,) in rows}
    return [file for file in sealed_files(root) if file.name not in seen]
