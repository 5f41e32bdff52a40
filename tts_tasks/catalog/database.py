"""Files of the catalog as DuckDB databases: opening, migrating, and what their errors mean.

Every connection is in memory, with the file attached as ``library``. Knows no journals.
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from tts_tasks.catalog import schema
from tts_tasks.errors import CatalogError, storage_error

THREADS = 2
"""Threads of a connection: workers and readers share the machine."""

MEMORY_LIMIT = "1GB"
"""Memory of a connection before it spills to the disk."""


class DamagedError(Exception):
    """A catalog file that cannot be used, and can be made again."""


class HeldError(CatalogError):
    """Another program has the file open in a way that shuts everybody else out."""


def open_memory(spill: Path) -> duckdb.DuckDBPyConnection:
    """Open a database in memory that spills into a folder and downloads nothing."""
    connection = duckdb.connect(
        config={
            "threads": THREADS,
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(spill / "duckdb-spill"),
            # A file of another kind must be an error, not a download.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    # In logs, and beside JSON on standard output, a bar has no place.
    connection.execute("set enable_progress_bar = false; create schema memory.live")
    return connection


@contextlib.contextmanager
def open_for_building(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a catalog for writing, brought to this version; leave it whole in its one file."""
    with contextlib.closing(open_memory(path.parent)) as connection, translated(path):
        is_new = not path.exists()
        connection.execute(f"attach {schema.quote(path)} as library")
        migrate(connection, path, is_new=is_new)
        yield connection
        connection.execute("checkpoint library; detach library")


@contextlib.contextmanager
def open_for_reading(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a catalog's file for reading.

    Raises:
        FileNotFoundError: if there is none.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    with contextlib.closing(open_memory(path.parent)) as connection, translated(path):
        connection.execute(f"attach {schema.quote(path)} as library (read_only)")
        read_version(connection, path)
        yield connection


def migrate(connection: duckdb.DuckDBPyConnection, path: Path, *, is_new: bool) -> None:
    """Bring the attached catalog to this version of the schema, each step in a transaction.

    Raises:
        DamagedError: if it is a database of something else.
        CatalogError: if it was written by a newer version.
    """
    # A killed indexer can leave a file without a schema: empty is as good as new.
    has_tables = connection.execute(
        "select count(*) > 0 from duckdb_tables() where database_name = 'library'"
    ).fetchone()
    if is_new or has_tables == (False,):
        connection.execute("begin")
        connection.execute("create schema if not exists library.indexer")
        connection.execute(
            "create table library.indexer.migrations (version integer, applied_at timestamp)"
        )
        connection.execute("commit")
    version = read_version(connection, path)
    for number in range(version + 1, schema.VERSION + 1):
        connection.execute("begin")
        connection.execute(schema.MIGRATIONS[number - 1])
        connection.execute(
            "insert into library.indexer.migrations"
            f" values ({number}, make_timestamp({time.time_ns() // 1000}))"
        )
        connection.execute("commit")


def read_version(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Return the schema version of the attached catalog.

    Raises:
        DamagedError: if it is a database of something else.
        CatalogError: if it was written by a newer version.
    """
    try:
        row = connection.execute(
            "select coalesce(max(version), 0) from library.indexer.migrations"
        ).fetchone()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise DamagedError(f"{path} is not a catalog of this system") from error
    version = int(row[0]) if row else 0
    if version > schema.VERSION:
        raise _newer(path, f"its schema is version {version}, this is version {schema.VERSION}")
    return version


def attach_published(connection: duckdb.DuckDBPyConnection, path: Path | None) -> None:
    """Attach the published catalog for reading, or an empty one if there is none.

    Raises:
        DamagedError: if it is damaged, foreign or of an older version.
        CatalogError: if it was written by a newer version, or may not be read.
    """
    if path is not None and path.exists():
        connection.execute(f"attach {schema.quote(path)} as library (read_only)")
        version = read_version(connection, path)
        if version < schema.VERSION:
            raise DamagedError(f"{path} has the old schema version {version}")
    else:
        connection.execute("attach ':memory:' as library")
        migrate(connection, Path(":memory:"), is_new=True)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what DuckDB raises while it works on a file into what it means."""
    try:
        yield
    except duckdb.Error as error:
        message = str(error).partition("\n")[0]
        if "No space left" in message or "Disk quota" in message:
            raise storage_error(OSError(errno.ENOSPC, message), path) from error
        if "version number" in message:
            raise _newer(path, message) from error
        if "Could not set lock" in message:
            raise HeldError(
                f"another program writes to {path} ({message})",
                field="catalog",
                value=path,
                remedy="close it, and open the catalog read-only",
            ) from error
        if "Permission denied" in message or "Read-only file system" in message:
            raise CatalogError(
                f"cannot open {path} ({message})",
                field="catalog",
                value=path,
                remedy="check that the library's folder may be used",
            ) from error
        if isinstance(error, duckdb.OutOfMemoryException):
            raise CatalogError(message, field="catalog", value=path) from error
        raise DamagedError(f"{path} is damaged ({message})") from error


def beyond_reading(damage: DamagedError) -> CatalogError:
    """Return the error of somebody who cannot make it again."""
    return CatalogError(str(damage), field="catalog", remedy="run `narrate catalog rebuild`")


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn the system's errors in writing a file of the catalog into errors that help."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, path) from error


def _newer(path: Path, why: str) -> CatalogError:
    return CatalogError(
        f"{path} was written by a newer version of this system ({why})",
        field="catalog",
        value=path,
        remedy="update this installation",
    )
