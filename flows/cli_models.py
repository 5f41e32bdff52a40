"""``narrate models``: what neural models are here, fetching them, and checking them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from flows import console
from flows.console import show_error, show_json, show_step, show_table
from tts_tasks.errors import ModelMissingError, NarrationError
from tts_tasks.settings import Settings, load_settings

if TYPE_CHECKING:
    from tts_tasks.engines import model_intake
    from tts_tasks.engines.model_shelf import Shelved

models_app = typer.Typer(no_args_is_help=True, help="The models of the neural voices.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")]


@models_app.command("list")
def list_models(json: Json = False) -> None:
    """List the models that can be used, and whether they are here."""
    from tts_tasks.engines.model_shelf import shelf

    rows: list[dict[str, Any]] = []
    for model in shelf(load_settings()):
        found = model.look(False)
        rows.append(
            {
                "name": model.name,
                "title": model.title,
                "licence": model.licence,
                "size_bytes": model.size_bytes or None,
                "state": found.condition,
                "folder": str(model.folder),
                "files": model.files,
                "faults": {fault.path: fault.fault for fault in found.faults},
            }
        )
    if json:
        show_json(rows)
        return
    columns = ("name", "title", "licence", "size", "state", "missing or wrong", "folder")
    show_table(
        columns,
        (
            (
                *(row["name"], row["title"], row["licence"], _size(row["size_bytes"])),
                *(row["state"], _wrong(row), row["folder"]),
            )
            for row in rows
        ),
    )


@models_app.command()
def pull(
    name: Annotated[str, typer.Argument(help="Model; see 'narrate models list'.")],
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Take it from this folder, not from the internet."),
    ] = None,
    json: Json = False,
) -> None:
    """Fetch the files of a model that are missing or wrong; an interrupted pull goes on."""
    from tts_tasks.engines.model_shelf import find_shelved

    model = find_shelved(name, load_settings())
    started = time.monotonic()
    with _shown_progress() as on_progress:
        origins = model.pull(source and source.expanduser(), on_progress)
    seconds = round(time.monotonic() - started, 1)
    if json:
        show_json(
            {"model": model.name, "folder": str(model.folder), "fetched": origins, "s": seconds}
        )
    elif origins:
        places = Counter(origins.values())
        sources = ", ".join(f"{count} from {origin}" for origin, count in places.items())
        _say(f"{model.name} is complete in {model.folder}: {sources}; {seconds} s")
    else:
        _say(f"{model.name} is complete in {model.folder}: there was nothing to fetch")


@models_app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="Model; by default all.")] = None,
    json: Json = False,
) -> None:
    """Read every file of the models that are here; exit 2 when one is missing or wrong."""
    from tts_tasks.engines.model_shelf import find_shelved, shelf

    settings = load_settings()
    models = [find_shelved(name, settings)] if name else shelf(settings)
    found = [(model, model.look(True)) for model in models]
    if name and found[0][1].condition == "missing":
        raise _not_here(models[0])
    if json:
        show_json(
            {
                model.name: {
                    "state": each.condition,
                    "files": model.files,
                    "faults": {fault.path: fault.fault for fault in each.faults},
                }
                for model, each in found
            }
        )
    wrong = [(model, each) for model, each in found if each.condition in ("partial", "corrupt")]
    for model, each in found if not json else ():
        if each.condition == "missing":
            _say(f"{model.name} is not installed; `narrate models pull {model.name}` fetches it")
        elif each.condition == "present":
            count = f"all {model.files} files are right" if model.files else "it has what it needs"
            _say(f"{model.name}: {count}")
        else:
            for fault in each.faults:
                _say(f"{model.name}: {fault.path} {fault.fault}")
    for model, each in wrong:
        of = f" of its {model.files}" if model.files else ""
        show_error(
            f"models: {model.name} is {each.condition}, {len(each.faults)}{of} "
            f"files missing or wrong; run `narrate models pull {model.name}`"
        )
    if wrong:
        raise typer.Exit(2)


def pull_if_missing(settings: Settings, name: str) -> str | None:
    """Fetch a model unless it is here, and show how that goes.

    Returns:
        ``None`` if the model is here now, or else why not, in one line.

    Raises:
        InputError: if there is no such model.
    """
    from tts_tasks.engines.model_sources import pull as fetch
    from tts_tasks.engines.models import find_model, state

    model = find_model(name)
    folder = settings.models / model.name
    if state(model, folder).condition == "present":
        return None
    try:
        with _shown_progress() as on_progress:
            # A source that fails is in the reason, when all of them do.
            fetch(model, folder, on_progress=lambda each: on_progress(each) if each.total else None)
    except NarrationError as error:
        return error.message
    return None


class _Amount(ProgressColumn):
    """``12.1 / 120.6 MB, 5.2 MB/s``, or ``2 of 5 files``."""

    def render(self, task: Task) -> Text:
        """Return the text of one bar."""
        if task.fields["unit"] == "files":
            return Text(f"{task.completed:.0f} of {task.total:.0f} files")
        speed = f", {decimal(int(task.speed))}/s" if task.speed else ""
        return Text(f"{decimal(int(task.completed))} of {decimal(int(task.total or 0))}{speed}")


@contextmanager
def _shown_progress() -> Iterator[Callable[[model_intake.Progress], None]]:
    """Show a pull: a bar for what has an end, a line for the rest; lines only in a pipe."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        _Amount(),
        TimeElapsedColumn(),
        console=console.err,
        transient=True,
    )
    shown: set[str] = set()
    one_at_a_time = threading.Lock()

    def show(progress: model_intake.Progress) -> None:
        with one_at_a_time:
            show_one(progress)

    def show_one(progress: model_intake.Progress) -> None:
        is_news = progress.message not in shown
        shown.add(progress.message)
        if not progress.total:
            show_step(progress.message)
        elif not console.err.is_terminal:
            if is_news:
                show_step(progress.message)
        elif not bar.tasks or bar.tasks[-1].description != progress.message:
            for task in bar.tasks:
                bar.remove_task(task.id)
            bar.add_task(
                progress.message,
                total=progress.total,
                completed=progress.done,
                unit=progress.unit,
            )
        else:
            bar.update(bar.tasks[-1].id, completed=progress.done, total=progress.total)

    # In a pipe even an empty bar ends with an empty line.
    with bar if console.err.is_terminal else nullcontext():
        yield show


def _not_here(model: Shelved) -> ModelMissingError:
    return ModelMissingError(
        f"{model.name} is not installed in {model.folder}",
        field="models",
        value=model.folder,
        remedy=f"run `narrate models pull {model.name}`",
    )


def _size(size_bytes: int | None) -> str:
    return "unknown" if size_bytes is None else decimal(size_bytes)


def _wrong(row: dict[str, Any]) -> str:
    """Return which files of a listed model are missing or wrong, the first of them."""
    paths = list(row["faults"])
    if row["state"] == "missing" or (paths and len(paths) == row["files"]):
        return "all"
    shown = ", ".join(paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"


def _say(line: str) -> None:
    console.out.print(line, markup=False, highlight=False, soft_wrap=True)
