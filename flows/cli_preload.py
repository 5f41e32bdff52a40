"""``narrate cache preload``: phrases spoken before a lesson needs them, and which ones to."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows import console
from flows.cli_script import Json, Lexicon
from flows.console import show_error, show_json, show_step, show_table
from tts_tasks.errors import InputError
from tts_tasks.request import AUTO
from tts_tasks.settings import Settings, load_settings

if TYPE_CHECKING:
    from flows.preload_suggest import Suggestion


def preload(
    phrases: Annotated[list[str] | None, typer.Argument(help="What to say.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="A phrase on each line (# comments), or a JSON list."),
    ] = None,
    voice: Annotated[
        list[str] | None,
        typer.Option("--voice", "-v", help="With this voice; again for more of them."),
    ] = None,
    provider: Annotated[str, typer.Option("--provider", "-p", help="Engine, or 'auto'.")] = AUTO,
    language: Annotated[str, typer.Option(help="Language of the phrases.")] = "pt-BR",
    rate: Annotated[int | None, typer.Option(help="eSpeak NG: words per minute.")] = None,
    pitch: Annotated[int | None, typer.Option(help="eSpeak NG: 0 to 99.")] = None,
    speed: Annotated[float | None, typer.Option(help="Kokoro: 0.5 to 2 times its pace.")] = None,
    lexicon: Lexicon = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Only list the phrases that recur across courses.")
    ] = False,
    course: Annotated[
        list[Path] | None,
        typer.Option("--course", help="--suggest: count this folder too, narrated or not."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="--suggest: phrases at most.")] = 50,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be narrated.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,
    json: Json = False,
) -> None:
    """Narrate phrases into the library, at low priority: lessons that come meanwhile go first.

    What is there already costs nothing. A lesson finds the phrase if it has it as a sentence, in
    the same voice and with the same parameters.
    """
    from flows.preload import report_of
    from flows.preload_plan import plan_phrases, read_phrases, renew

    settings = load_settings()
    voices: list[str | None] = [*(voice or [])]
    if suggest:
        _refuse_phrases(phrases, file)
        _show_suggestions(settings, voices, provider, course or [], limit, json=json)
        return
    given = {"rate": rate, "pitch": pitch, "speed": speed}
    asked: dict[str, Any] = {
        "phrases": [*(phrases or []), *(read_phrases(file) if file else [])],
        "voices": voices,
        "provider": provider,
        "language": language,
        "parameters": {name: value for name, value in given.items() if value is not None},
        "lexicon": _read_lexicon(lexicon),
    }
    # Planned here first: what is wrong, or there already, should not cost the start of a stack.
    with console.progress_bar() as progress:
        bar = progress.add_task("looking up", total=None)
        planned = plan_phrases(
            settings=settings,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
            **asked,
        )
    missing = sum(not each.is_present for each in planned)
    if dry_run:
        report = report_of(planned, {})
    elif not missing:
        renew(planned, settings)
        report = report_of(planned, {})
    else:
        report = _narrate(asked, missing, settings, keep=keep)
    if json:
        show_json(report)
    else:
        _show_report(report)
    failures = [item for item in report["items"] if item["error"]]
    for item in failures:
        show_error(f"{item['phrase']!r} by {item['voice']}: {item['error']['message']}")
    if failures:
        lasting = any(not item["error"].get("retryable") for item in failures)
        raise typer.Exit(2 if lasting else 1)


def _narrate(
    asked: dict[str, Any], missing: int, settings: Settings, *, keep: bool
) -> dict[str, Any]:
    """Preload with the stack that runs, or one that is started for it."""
    from flows.stack_loan import borrowed_stack, kept_stack
    from flows.stack_state import use_stack

    kept = kept_stack(settings) if keep else nullcontext()
    with kept, borrowed_stack(settings, show_step) as stack:
        use_stack(settings)
        show_step(f"the runs can be watched at {stack.ui}/runs")
        return asyncio.run(_deploy_and_preload(asked, missing, settings))


async def _deploy_and_preload(
    asked: dict[str, Any], missing: int, settings: Settings
) -> dict[str, Any]:
    from flows.deploy import deploy
    from flows.preload import preload as preload_phrases

    await deploy(settings)
    with console.progress_bar() as progress:
        bar = progress.add_task("narrating", total=missing)
        return await preload_phrases(
            settings=settings,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
            on_warning=show_step,
            **asked,
        )


def _show_report(report: dict[str, Any]) -> None:
    waiting = [item for item in report["items"] if item["status"] == "missing"]
    if waiting:
        rows = ((item["phrase"], f"{item['provider']} {item['voice']}") for item in waiting)
        show_table(("to narrate", "voice"), rows)
    phrases, voices = report["phrases"], len(report["voices"])
    counted = [
        f"{phrases} {'phrase' if phrases == 1 else 'phrases'} x "
        f"{voices} {'voice' if voices == 1 else 'voices'}: {report['present']} there already"
    ]
    if waiting:
        counted.append(f"{report['missing']} to narrate")
    else:
        counted.append(f"{report['synthesized']} narrated ({report['audio_s']:.1f} s of audio)")
        counted.append(f"{report['failed']} failed")
    console.out.print(", ".join(counted), highlight=False)


def _show_suggestions(
    settings: Settings,
    voices: list[str | None],
    provider: str,
    courses: list[Path],
    limit: int,
    *,
    json: bool,
) -> None:
    from flows.preload_suggest import suggest

    folders = [folder.expanduser().resolve() for folder in courses]
    found = suggest(settings, voices, provider, courses=folders, limit=limit, on_warning=show_step)
    if json:
        show_json([each.as_dict() for each in found])
        return
    if not found:
        show_step("no phrase that two courses say is lacking")
        return
    show_table(("phrase", "courses", "seconds", "there in", "lacking in"), map(_row, found))


def _row(suggestion: Suggestion) -> tuple[object, ...]:
    shown = suggestion.as_dict()
    return (
        shown["phrase"],
        len(shown["courses"]),
        f"{shown['duration_s']:.1f}",
        ", ".join(shown["voices"]) or "–",
        ", ".join(shown["lacking"]) or "–",
    )


def _refuse_phrases(phrases: list[str] | None, file: Path | None) -> None:
    if phrases or file:
        raise InputError(
            "phrases are given, and --suggest proposes some",
            field="phrases",
            value=file or (phrases or [""])[0],
            remedy="leave out either",
        )


def _read_lexicon(path: Path | None) -> dict[str, Any]:
    from tts_tasks.script.lexicon import read_lexicon

    return {**read_lexicon(path)} if path else {}
