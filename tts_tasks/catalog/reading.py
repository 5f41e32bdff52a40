"""Connections to the catalog for readers: one moment of it, without waiting for anybody."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from tts_tasks.catalog import schema
from tts_tasks.catalog.database import (
    DamagedError,
    attach_published,
    beyond_reading,
    open_memory,
    translated,
)
from tts_tasks.catalog.live import load_tail
from tts_tasks.errors import InputError

ATTEMPTS = 20
"""How often a reader looks again when a catalog was published while it was reading."""

TABLES = ("events", "utterances", "narrations")

logger = logging.getLogger(__name__)


def connect(library_root: Path | str, *, live: bool = True) -> duckdb.DuckDBPyConnection:
    """Open the catalog for reading: views ``events``, ``utterances`` and ``narrations``.

    A connection shows one moment, so that its queries agree with each other: connect again to see
    what came later. It waits for nobody, and nobody waits for it. An absent or damaged catalog
    is read from the journals instead.

    Args:
        library_root: the library's folder; may be empty or absent.
        live: whether to add the events that the indexer has not seen yet.

    Raises:
        CatalogError: if the catalog was written by a newer version or cannot be read, or, unless
            ``live``, if it is damaged.
    """
    root = Path(library_root).absolute()
    for attempt in range(1, ATTEMPTS + 1):
        before = identity(root)
        connection = _connect_to(root, live=live)
        # What was put away meanwhile is in the catalog that was published meanwhile.
        if identity(root) == before or attempt == ATTEMPTS:
            break
        connection.close()
    return connection


def identity(library_root: Path) -> tuple[int, int] | None:
    """Return what differs between two published catalogs, None if there is none."""
    try:
        status = (library_root / "catalog.duckdb").stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def query(library_root: Path | str, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer one question in SQL; what was just registered is visible.

    Args:
        library_root: the library's folder.
        sql: one SELECT, WITH, FROM, VALUES, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN. It can neither
            read nor write other files.

    Returns:
        The names of the columns, and the rows.

    Raises:
        InputError: if it is not one such statement, or DuckDB refuses it.
        CatalogError: if the catalog cannot be read.
    """
    remedy = "ask with one SELECT; the tables are events, utterances and narrations"
    with contextlib.closing(connect(library_root)) as connection:
        connection.execute("set enable_external_access = false; set lock_configuration = true")
        try:
            statements = connection.extract_statements(sql)
            asking = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
            if len(statements) != 1 or statements[0].type not in asking:
                raise InputError(
                    "the catalog answers one question and changes nothing",
                    field="sql",
                    value=sql,
                    remedy=remedy,
                )
            answer = connection.execute(statements[0])
            rows = answer.fetchall()
        except duckdb.Error as error:
            message = str(error).partition("\n")[0]
            raise InputError(message, field="sql", value=sql, remedy=remedy) from error
        return [column[0] for column in answer.description or ()], rows


def _connect_to(root: Path, *, live: bool) -> duckdb.DuckDBPyConnection:
    try:
        return _connect(root, root / "catalog.duckdb", live=live)
    except DamagedError as damage:
        if not live:
            raise beyond_reading(damage) from damage
        logger.warning("%s; reading the journals instead", damage)
        return _connect(root, None, live=True)


def _connect(root: Path, published: Path | None, *, live: bool) -> duckdb.DuckDBPyConnection:
    with contextlib.ExitStack() as on_error:
        connection = open_memory(Path(tempfile.gettempdir()))
        on_error.callback(connection.close)
        with translated(root / "catalog.duckdb"):
            attach_published(connection, published)
            if live:
                _add_tail(connection, root)
            else:
                for table in TABLES:
                    connection.execute(schema.published_view(table))
        on_error.pop_all()
    return connection


def _add_tail(connection: duckdb.DuckDBPyConnection, root: Path) -> None:
    load_tail(connection, root)
    connection.execute(schema.LIVE_EVENTS)
    for level in schema.LEVELS:
        connection.execute(schema.live_view(level))
