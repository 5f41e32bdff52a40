"""``narrate catalog``: the DuckDB index of the library, updated, made again, asked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from flows import console
from flows.console import show_error, show_json, show_step, show_table
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
def verify(
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Move damaged objects aside, and correct what the catalog says."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Check the catalog against the files and the journals, and every file; exit 2 if they differ.

    Whatever `narrate cache verify` finds, and: rows without an object, objects without a row, rows
    that say something else, events that were lost, files that killed writers left.
    """
    from tts_tasks.catalog import reconcile
    from tts_tasks.catalog.index import index as update
    from tts_tasks.catalog.library import Library
    from tts_tasks.verify import verify_library

    settings = load_settings()
    library = Library(settings.library, durable=settings.durable)
    with console.progress_bar() as progress:
        bar = progress.add_task("checking", total=None)
        files = verify_library(
            settings,
            repair=fix,
            on_progress=lambda checked: progress.update(bar, completed=checked),
        )
    found = reconcile.reconcile(library, repair=fix)
    removed = library.objects.remove_stale_temporaries() if fix and files.leftovers else 0
    if fix:
        update(settings.library)
    # What was moved aside is made again when it is needed; a published file needs its course.
    left = [damage for damage in files.damaged if not fix or damage.key is None]
    is_damaged = bool(left) or any(map(reconcile.is_damage, found))
    if json:
        show_json(
            {
                **files.as_dict(),
                "disagreements": [asdict(each) for each in found],
                "removed_leftovers": removed,
            }
        )
    else:
        console.out.print(
            f"{files.objects} object(s), {files.published} published file(s): "
            f"{len(files.damaged)} damaged; {len(found)} disagreement(s) with the catalog",
            highlight=False,
        )
    for damage in files.damaged:
        show_error(f"{damage.path}: {damage.problem}; {damage.remedy}")
    for each in found:
        ending = "; repaired" if each.is_repaired else ""
        (show_error if reconcile.is_damage(each) else show_step)(
            f"{each.about} {each.problem}{ending}"
        )
    if not fix and is_damaged:
        show_step("`narrate catalog verify --fix` repairs what can be repaired")
    if is_damaged:
        raise typer.Exit(2)


@catalog_app.command()
def query(sql: Annotated[str, typer.Argument(help="A SELECT.")], json: Json = False) -> None:
    """Ask the catalog in SQL; what was just registered is visible."""
    from tts_tasks.catalog.reading import query as ask

    columns, rows = ask(load_settings().library, sql)
    if json:
        show_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table(columns, rows)


def _show_index(report: Any, json: bool) -> None:
    if report is None:
        show_step("another process is indexing")
    elif json:
        show_json(asdict(report))
    else:
        show_table(asdict(report), [asdict(report).values()])
