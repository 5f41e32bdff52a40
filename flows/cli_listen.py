"""``narrate listen``: the page on which a person hears a course and decides."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flows import console
from flows.cli_script import CourseFormat, CourseProvider, CourseVoice, HowToChoose, Json, Profile
from flows.console import show_json
from tts_tasks.settings import load_settings


def listen(
    course: Annotated[
        str, typer.Argument(help="Folder of the course, its manifest, or a published course's id.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page; by default beside the audio.")
    ] = None,
    provider: CourseProvider = None,
    voice: CourseVoice = None,
    format: CourseFormat = None,
    profile: Profile = None,
    policy: HowToChoose = None,
    open: Annotated[
        bool, typer.Option("--open/--no-open", help="Show the page in the browser.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a page with players, pictures and doubtful takes of a course.

    A course that was narrated with other options than its author wrote needs the same ones here.
    """
    from flows.course_plan import Wishes
    from flows.listen import write_page

    with console.progress_bar() as progress:
        bar = progress.add_task("reading the course", total=None)
        page = write_page(
            course,
            Wishes(provider, voice, format, profile, policy=policy),
            load_settings(),
            output=output,
            on_start=lambda n: progress.update(bar, total=n, description="drawing"),
            on_lesson=lambda: progress.advance(bar),
        )
    if json:
        show_json(asdict(page))
    else:
        waiting = f", {page.waiting} unpublished" if page.waiting else ""
        console.out.print(
            f"{page.path}  {page.lessons} lesson(s), {page.flagged} flagged sentence(s){waiting}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if open:
        import webbrowser

        webbrowser.open(page.path.as_uri())
