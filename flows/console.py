"""What the terminal shows: tables, progress and error lines. No decisions."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

PIPE_COLUMNS = 400
"""Width of tables that no terminal shows, so that nothing is cut."""


class StderrConsole(Console):
    """Standard error, which may be closed before the command has stopped what it started."""

    def on_broken_pipe(self) -> None:
        """Be quiet from now on; rich would end the process."""
        self.quiet = True


out = Console(emoji=False, width=None if sys.stdout.isatty() else PIPE_COLUMNS)
err = StderrConsole(stderr=True, emoji=False)


def show_json(value: object) -> None:
    """Write JSON, and nothing else, to standard output; JSON has no NaN, so it becomes null."""
    text = json.dumps(_finite(value), ensure_ascii=False, indent=2, default=str, allow_nan=False)
    sys.stdout.write(text + "\n")


def show_error(message: str) -> None:
    """Write one error line to standard error."""
    err.print(f"narrate: {message}", style="red", markup=False, highlight=False, soft_wrap=True)


def show_step(message: str) -> None:
    """Write what is being done to standard error."""
    with suppress(OSError):  # The terminal was closed.
        err.print(message, style="dim", markup=False, highlight=False, soft_wrap=True)


def progress_bar() -> Progress:
    """Return a progress bar on standard error."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    )


def show_table(columns: Iterable[str], rows: Iterable[Iterable[object]], title: str = "") -> None:
    """Write a plain table to standard output; brackets in it are brackets, not rich's markup."""
    table = Table(title=Text(title) if title else None, title_justify="left")
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    out.print(table)


def show_forecast(forecast: dict[str, Any]) -> None:
    """Write what a course would need: its chunks by lesson, and the minutes by provider."""
    for lesson in forecast["lessons"]:
        if not lesson["to_synthesize"]:
            continue
        out.print(lesson["title"], markup=False, highlight=False)
        for text in lesson["texts"]:
            line = "" if text["line"] is None else str(text["line"])
            out.print(f"{line:>5}  {text['written']}", style="dim", markup=False, highlight=False)
    columns = ("lesson", "status", "voice", "chunks", "to_synthesize", "characters")
    rows = (
        [lesson["id"], *(lesson[name] for name in columns[1:])] for lesson in forecast["lessons"]
    )
    show_table((*columns[:4], "to synthesize", "characters"), rows)
    show_table(
        ("provider", "to synthesize", "characters", "minutes of audio", "minutes of work"),
        (
            [
                each["provider"],
                *(
                    [
                        each["chunks"],
                        each["characters"],
                        f"{each['audio_min']:.1f}",
                        f"{each['synthesis_min']:.1f}",
                    ]
                    if each["error"] is None
                    else [each["error"]]
                ),
            ]
            for each in forecast["providers"]
        ),
    )


def show_course(report: dict[str, Any], ui_url: str, *, stays_up: bool) -> None:
    """Write the table of a course's lessons, its totals and where to look."""
    table = Table(title=report["title"], title_justify="left", box=SIMPLE)
    table.add_column("file", overflow="fold")
    table.add_column("status", no_wrap=True)
    for heading in ("duration", "spoken", "cached", "RTF"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in report["lessons"]:
        table.add_row(
            row["audio"].rsplit("/", 1)[-1] if row["audio"] else row["id"],
            row["status"],
            _minutes(row["duration_s"]),
            str(row["synthesized_chunks"]),
            str(row["chunks"] - row["synthesized_chunks"]),
            "–" if row["rtf"] is None else f"{row['rtf']:.4f}",
        )
    out.print(table)
    totals = report["totals"]
    out.print(
        f"{_minutes(totals['duration_s'])} of audio in {totals['chunks']} chunks, "
        f"{totals['synthesized_chunks']} synthesized",
        highlight=False,
    )
    speakers = dict.fromkeys(
        f"{row['provider']} {row['voice']}" for row in report["lessons"] if row["voice"]
    )
    out.print(f"spoken by {', '.join(speakers) or 'nobody'}", markup=False, highlight=False)
    lessons = (
        f"lessons: {totals['narrated']} narrated, {totals['unchanged']} unchanged, "
        f"{totals['failed']} failed"
    )
    if totals["narrated_s"]:
        speed = totals["narrated_s"] / totals["wall_s"]
        lessons += f"; {totals['wall_s']:.1f} s, {speed:.0f}x real time"
    out.print(lessons, highlight=False)
    lesser = [row for row in report["lessons"] if row["downgraded"]]
    for choice in dict.fromkeys(row["choice"] for row in lesser):
        named = ", ".join(row["id"] for row in lesser if row["choice"] == choice)
        out.print(f"lesser voice  {named}: {choice}", markup=False, highlight=False, soft_wrap=True)
    if lesser:
        again = "`narrate course --upgrade` narrates them again when the better one can speak"
        out.print(f"              {again}", highlight=False, soft_wrap=True)
    out.print(f"files  {report['folder']}", markup=False, highlight=False, soft_wrap=True)
    if book := report.get("audiobook"):
        made = book["error"]["message"] if book["error"] else book["path"]
        out.print(f"book   {made}", markup=False, highlight=False, soft_wrap=True)
    elif stale := report.get("stale_audiobook"):
        again = "`narrate audiobook` makes it again"
        out.print(f"book   {stale} is older than its lessons; {again}", highlight=False)
    hint = "" if stays_up else "  (with --keep, or KEEP=1, the stack stays up)"
    out.print(f"runs   {ui_url}{hint}", markup=False, highlight=False, soft_wrap=True)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
