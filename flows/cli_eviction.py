"""``narrate cache evict`` and ``clear``: what the library keeps no longer."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import console
from flows.ages import parse_age
from flows.cli_script import Json
from flows.console import show_json, show_step
from tts_tasks.errors import InputError
from tts_tasks.settings import Settings, load_settings

if TYPE_CHECKING:
    from tts_tasks.catalog.evict import Eviction
    from tts_tasks.catalog.selection import Selection

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")]
Provider = Annotated[
    str | None, typer.Option("--provider", "-p", help="Only what this engine spoke.")
]
Voice = Annotated[str | None, typer.Option("--voice", "-v", help="Only this voice.")]
CourseId = Annotated[
    str | None,
    typer.Option("--course", help="Only what this course alone uses: its id, or its folder."),
]
OlderThan = Annotated[
    str | None, typer.Option("--older-than", help="Only what was made so long ago, e.g. 30d.")
]
UnusedFor = Annotated[
    str | None, typer.Option("--unused-for", help="Only what was not used for so long, e.g. 2w.")
]


def evict(
    max_size_gb: Annotated[
        float | None,
        typer.Option(help="Budget in 10^9 bytes; by default NARRATION_MAX_SIZE_GB."),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Remove the least recently used audio beyond the budget.

    What published courses and open batches use stays, and what was used within the hour.
    """
    from tts_tasks.catalog.evict import keep_in_budget

    settings = load_settings()
    if max_size_gb is not None and not 0 <= max_size_gb < 1e9:
        raise InputError(
            f"the budget is a number of gigabytes from 0 on, got {max_size_gb}",
            field="max_size_gb",
            value=max_size_gb,
            remedy="give a size such as 5.0",
        )
    max_bytes = settings.max_size_bytes if max_size_gb is None else int(max_size_gb * 1e9)
    done = keep_in_budget(settings, max_bytes=max_bytes, dry_run=dry_run)
    if done is None:
        show_step("another process is evicting")
        raise typer.Exit(1)
    _show(done, dry_run=dry_run, json=json)
    if not done.is_enough:
        show_step(
            f"still above the budget of {max_bytes / 1e9:g} GB: the rest is used by published "
            "courses or open batches, or was used within the hour"
        )


def clear(
    provider: Provider = None,
    voice: Voice = None,
    course: CourseId = None,
    older_than: OlderThan = None,
    unused_for: UnusedFor = None,
    all: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Remove finished audio from the library; published files stay as they are.

    The options narrow the choice together. Needs a choice, or --all, and asks before it removes.
    """
    from tts_tasks.catalog import evict as eviction
    from tts_tasks.catalog.library import Library
    from tts_tasks.catalog.selection import Selection

    settings = load_settings()
    selection = selection_of(settings, provider, voice, course, older_than, unused_for)
    if not all and selection == Selection():
        raise InputError(
            "nothing was chosen",
            field="selection",
            remedy="narrow it by --provider, --voice, --course, --older-than or --unused-for, "
            "or give --all",
        )
    library = Library(settings.library, durable=settings.durable)
    pinned = eviction.pinned_keys(settings)
    planned = eviction.clear(library, selection, pinned=pinned, dry_run=True)
    if dry_run or not planned.objects:
        _show(planned, dry_run=True, json=json)
        return
    if not yes:
        _show(planned, dry_run=True, json=False, to_stderr=True)
        if not typer.confirm("remove all this?", err=True):
            raise typer.Exit(1)
    _show(eviction.clear(library, selection, pinned=pinned), dry_run=False, json=json)


def selection_of(
    settings: Settings,
    provider: str | None,
    voice: str | None,
    course: str | None,
    older_than: str | None,
    unused_for: str | None,
    *,
    is_shared: bool = False,
) -> Selection:
    """Return what the options of a command choose.

    Args:
        settings: of this installation.
        provider: name of an engine.
        voice: a voice preset.
        course: id of a course, or the folder of its lessons.
        older_than: an age such as ``30d``.
        unused_for: an age such as ``2w``.
        is_shared: whether what other courses use, too, belongs to the course.

    Raises:
        InputError: for an age that is none.
    """
    from tts_tasks.catalog.selection import Selection

    return Selection(
        provider=provider,
        voice=voice,
        course=None if course is None else course_id(course, settings),
        is_shared=is_shared,
        older_than_s=None if older_than is None else parse_age(older_than, "older-than"),
        unused_for_s=None if unused_for is None else parse_age(unused_for, "unused-for"),
    )


def course_id(course: str, settings: Settings) -> str:
    """Return the id of a course that is given by its id, or by the folder of its lessons."""
    from tts_tasks.script.course import read_course

    folder = Path(course).expanduser()
    if (folder / "course.yaml").is_file():
        return read_course(folder.resolve(), max_lesson_chars=settings.max_lesson_chars).id
    return course


def _show(done: Eviction, *, dry_run: bool, json: bool, to_stderr: bool = False) -> None:
    if json:
        show_json({**asdict(done), "objects": done.objects, "dry_run": dry_run})
        return
    freed_bytes = done.size_before_bytes - done.size_after_bytes
    would = "would be removed" if dry_run else "removed"
    text = (
        f"{done.utterances} utterances and {done.narrations} narrations {would}: "
        f"{freed_bytes / 1e6:.1f} MB, {done.audio_s / 60:.1f} min of audio; "
        f"{done.size_after_bytes / 1e9:.3f} GB stay"
    )
    if done.published:
        text += f"; {done.published} of them belong to published courses or open batches"
    if to_stderr:
        show_step(text)
    else:
        console.out.print(text, highlight=False)
