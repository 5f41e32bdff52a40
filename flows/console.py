"""What the terminal shows: tables, progress and error lines. No decisions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
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

out = Console()
err = Console(stderr=True)


def show_json(value: object) -> None:
    """Write JSON, and nothing else, to standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def show_error(message: str) -> None:
    """Write one error line to standard error."""
    err.print(f"narrate: {message}", style="red", markup=False, highlight=False, soft_wrap=True)


def show_step(message: str) -> None:
    """Write what is being done to standard error."""
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
    """Write a plain table to standard output."""
    table = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(table)


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
    line = (
        f"{_minutes(totals['duration_s'])} of audio, {totals['chunks']} chunks, "
        f"{totals['synthesized_chunks']} synthesized; {totals['narrated']} lessons narrated, "
        f"{totals['unchanged']} unchanged, {totals['failed']} failed"
    )
    if totals["narrated_s"]:
        line += (
            f"; {totals['wall_s']:.1f} s, {totals['narrated_s'] / totals['wall_s']:.0f}x real time"
        )
    out.print(line, highlight=False, soft_wrap=True)
    out.print(f"files  {report['folder']}", markup=False, highlight=False, soft_wrap=True)
    hint = "" if stays_up else "  (with --keep, or KEEP=1, the stack stays up)"
    out.print(f"runs   {ui_url}{hint}", markup=False, highlight=False, soft_wrap=True)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
