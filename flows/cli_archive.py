"""``narrate cache export`` and ``import``: finished audio, carried from one machine to another."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flows import console
from flows.cli_eviction import OlderThan, Provider, UnusedFor, Voice, selection_of
from flows.cli_script import Json
from flows.console import show_json, show_step
from tts_tasks.settings import load_settings

CourseId = Annotated[
    str | None,
    typer.Option("--course", help="Only what this course uses: its id, or its folder."),
]


def export(
    archive: Annotated[Path, typer.Argument(help="File to write, e.g. voices.tar.")],
    provider: Provider = None,
    voice: Voice = None,
    course: CourseId = None,
    older_than: OlderThan = None,
    unused_for: UnusedFor = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over a file that is there.")
    ] = False,
    json: Json = False,
) -> None:
    """Write finished audio, with all that is known of it, into one archive.

    The options narrow the choice together; without one it is everything.
    """
    import contextlib
    import time

    from tts_tasks.catalog.archive import export_objects
    from tts_tasks.catalog.library import Library
    from tts_tasks.catalog.reading import connect
    from tts_tasks.catalog.selection import select

    settings = load_settings()
    selection = selection_of(
        settings, provider, voice, course, older_than, unused_for, is_shared=True
    )
    library = Library(settings.library, durable=settings.durable)
    with contextlib.closing(connect(library.root)) as connection:
        keys = [entry.key for entry in select(connection, selection, time.time())]
    with console.progress_bar() as progress:
        bar = progress.add_task("exporting", total=len(keys))
        done = export_objects(
            library,
            keys,
            archive,
            replace_existing=replace,
            on_progress=lambda objects: progress.update(bar, completed=objects),
        )
    if json:
        show_json(asdict(done))
        return
    console.out.print(
        f"{archive}: {done.objects} object(s), {done.bytes / 1e6:.1f} MB", highlight=False
    )
    if done.missing or done.damaged:
        show_step(f"left out: {done.missing} that are gone, {done.damaged} that are damaged")


def import_(
    archive: Annotated[Path, typer.Argument(help="What `narrate cache export` wrote.")],
    json: Json = False,
) -> None:
    """Take the audio of an archive into the library; what is there already stays.

    Everything in it is checked first: an archive with one wrong byte changes nothing.
    """
    from tts_tasks.catalog.archive import import_objects
    from tts_tasks.catalog.library import Library
    from tts_tasks.checks import check_content

    settings = load_settings()
    library = Library(settings.library, durable=settings.durable)
    with console.progress_bar() as progress:
        bar = progress.add_task("importing", total=None)
        done = import_objects(
            library,
            archive,
            check_audio=check_content,
            on_progress=lambda objects: progress.update(bar, completed=objects),
        )
    if json:
        show_json(asdict(done))
        return
    console.out.print(
        f"{done.new} object(s) are new here, {done.present} were there already; "
        f"{done.bytes / 1e6:.1f} MB",
        highlight=False,
    )
