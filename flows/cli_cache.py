"""``narrate cache``: the finished audio of this installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows import cli_archive, cli_eviction, cli_library, cli_preload, console
from flows.cli_script import Json
from flows.console import show_error, show_json, show_step
from tts_tasks.settings import Settings, load_settings

cache_app = typer.Typer(help="The finished audio of this installation.", no_args_is_help=True)
cache_app.command()(cli_library.stats)
cache_app.command()(cli_library.similar)
cache_app.command()(cli_preload.preload)
cache_app.command()(cli_eviction.evict)
cache_app.command()(cli_eviction.clear)
cache_app.command()(cli_archive.export)
cache_app.command("import")(cli_archive.import_)


@cache_app.command()
def verify(
    course: Annotated[
        str | None, typer.Argument(help="Only this published course: its id, or its folder.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Move damaged objects aside; they are made again.")
    ] = False,
    json: Json = False,
) -> None:
    """Check every finished file strictly; exit 2 when one is damaged.

    Reads the whole library and every published course: sizes, checksums, and the audio itself.
    """
    from tts_tasks.verify import verify_library

    settings = load_settings()
    folder = None if course is None else _published(course, settings)
    with console.progress_bar() as progress:
        bar = progress.add_task("checking", total=None)
        found = verify_library(
            settings,
            folder,
            repair=repair,
            on_progress=lambda files: progress.update(bar, completed=files),
        )
    if json:
        show_json(found.as_dict())
    else:
        console.out.print(
            f"{found.objects} object(s), {found.audio_s / 60:.1f} min of audio; "
            f"{found.published} published file(s); {found.bytes / 1e6:.1f} MB: "
            f"{len(found.damaged)} damaged",
            highlight=False,
        )
    for damage in found.damaged:
        show_error(f"{damage.path}: {damage.problem}; {damage.remedy}")
    for path in found.leftovers:
        show_step(f"{path}: left by a writer that was killed; `narrate catalog rebuild` removes it")
    if found.moved_to:
        show_step(f"what was damaged in the library lies in {found.moved_to}")
    if found.damaged:
        raise typer.Exit(2)


def _published(course: str, settings: Settings) -> Path:
    """Return the folder that a course is published in.

    Args:
        course: its id, that folder, or the folder of its lessons.
        settings: the installation.

    Raises:
        InputError: if there is none.
    """
    from flows.course_plan import published_folder
    from tts_tasks.catalog.courses import MANIFEST
    from tts_tasks.errors import CourseError
    from tts_tasks.script.course import read_course

    given = Path(course).expanduser()
    folders = [given, settings.narrations / course]
    if given.is_dir() and not any((folder / MANIFEST).is_file() for folder in folders):
        source = read_course(given.resolve(), max_lesson_chars=settings.max_lesson_chars)
        folders.append(published_folder(source, settings))
    for folder in folders:
        if (folder / MANIFEST).is_file():
            return folder
    raise CourseError(
        f"no course is published as {course!r}",
        field="course",
        value=course,
        remedy=f"give an id in {settings.narrations}, or the folder of a {MANIFEST}",
    )
