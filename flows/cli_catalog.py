"""``narrate catalog``: the DuckDB index of the library, updated, made again, asked."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flows.console import show_json, show_step, show_table
from tts_tasks.settings import load_settings

catalog_app = typer.Typer(no_args_is_help=True, help="The DuckDB index of the library.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")]


@catalog_app.command()
def index(json: Json = False) -> None:
    """Take new events into the catalog, and publish it."""
    from tts_tasks.catalog.index import index as update

    _show_index(update(load_settings().library), json)


@catalog_app.command()
def rebuild(json: Json = False) -> None:
    """Make the catalog again from the objects and the journals."""
    from tts_tasks.catalog.index import rebuild as make_again

    _show_index(make_again(load_settings().library), json)


@catalog_app.command()
def query(sql: Annotated[str, typer.Argument(help="A SELECT.")], json: Json = False) -> None:
    """Ask the catalog in SQL; what was just registered is visible."""
    from tts_tasks.catalog.index import query as ask

    columns, rows = ask(load_settings().library, sql)
    if json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table(columns, rows)


def _show_index(report: Any, json: bool) -> None:
    from dataclasses import asdict

    if report is None:
        show_step("another process is indexing")
    elif json:
        show_json(asdict(report))
    else:
        show_table(asdict(report), [asdict(report).values()])
