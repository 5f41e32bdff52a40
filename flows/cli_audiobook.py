"""``narrate audiobook``: a whole course in one file with chapters and a cover."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows import console
from flows.cli_script import CourseProvider, CourseVoice, HowToChoose, Json, Profile
from flows.console import show_json, show_step, show_table
from tts_tasks.settings import load_settings


def audiobook(
    course: Annotated[Path, typer.Argument(help="Folder of the course, or its manifest.")],
    cover: Annotated[
        Path | None, typer.Option("--cover", help="JPEG or PNG; by default as the course says.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The .m4b; by default in the published course."),
    ] = None,
    provider: CourseProvider = None,
    voice: CourseVoice = None,
    profile: Profile = None,
    policy: HowToChoose = None,
    json: Json = False,
) -> None:
    """Make an audiobook (m4b) of a narrated course, with a chapter for each lesson.

    A course that was narrated with other options than its author wrote needs the same ones here.
    """
    from flows.audiobook import Watch, audiobook_of
    from flows.course_plan import Wishes

    progress = console.progress_bar()
    bar = progress.add_task("joining", total=None)

    def wait() -> None:
        show_step("waiting for a run of this course to end")

    def start(n_chapters: int) -> None:
        progress.update(bar, total=n_chapters)
        progress.start()

    def advance(n_joined: int) -> None:
        is_last = n_joined == progress.tasks[bar].total
        progress.update(bar, completed=n_joined, description="encoding" if is_last else "joining")

    try:
        book = audiobook_of(
            course.expanduser().resolve(),
            Wishes(provider, voice, profile=profile, policy=policy),
            load_settings(),
            cover=cover,
            output=output,
            watch=Watch(on_wait=wait, on_start=start, on_chapter=advance),
        )
    finally:
        if progress.live.is_started:
            progress.stop()
    if json:
        show_json(book.as_report())
        return
    show_table(
        ("chapter", "title", "start"),
        (
            (number, chapter["title"], _clock(chapter["start_s"]))
            for number, chapter in enumerate(book.chapters, start=1)
        ),
    )
    unchanged = ", unchanged" if book.is_kept else ""
    console.out.print(
        f"{book.path}  {_clock(book.duration_s)}, {len(book.chapters)} chapter(s)" + unchanged,
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _clock(time_s: float) -> str:
    """Return a time as hours, minutes and seconds: ``1:02:03``."""
    minutes, seconds = divmod(int(time_s), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
