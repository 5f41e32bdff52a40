"""How fetched bytes become files of a model: complete and right, or not at all.

Everything is fetched into ``.partial`` in the model's folder. A file gets its final name when its
size and checksum are right; what is incomplete stays there, and the next pull goes on with it.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tts_tasks import files
from tts_tasks.engines.models import Model, ModelFile, remember, state
from tts_tasks.errors import InputError, NarrationError, StorageFullError, storage_error

PARTIAL = ".partial"

OFF_THE_DISK = ("No space left on device", "ENOSPC")
"""How the packages' clients say that the disk is full."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a pull is doing."""

    message: str
    """One line."""

    done: int = 0
    """How much of ``total`` is done."""

    total: int = 0
    """How much there is to do; 0 for a line that tells something and has no end to wait for."""

    unit: Literal["bytes", "files"] = "bytes"
    """What ``done`` and ``total`` count."""


OnProgress = Callable[[Progress], None]


class SourceFailedError(Exception):
    """A source does not have a file, or not the right one; another one may.

    The message is the end of a sentence that begins with the source.
    """


class SourceUnreachableError(SourceFailedError):
    """A source does not answer; it need not be asked again."""


class Intake:
    """The files that one pull still wants, and the way to their final names. Thread-safe."""

    def __init__(self, model: Model, folder: Path, on_progress: OnProgress) -> None:
        """Find out what is missing; the caller holds the lock of the folder."""
        self.model = model
        self.folder = folder
        self.on_progress = on_progress
        self.reasons: dict[str, str] = {}
        """Why a source failed, by source: the end of a sentence that begins with it."""
        self.origins: dict[str, str] = {}
        """Where each file came from, by path."""
        wrong = {fault.path for fault in state(model, folder).faults}
        self._files = tuple(file for file in model.files if file.path in wrong)
        self._lock = threading.Lock()

    @property
    def wanted(self) -> list[ModelFile]:
        """The files that are still missing or wrong."""
        return [file for file in self._files if file.path not in self.origins]

    @property
    def archives(self) -> Path:
        """Folder for archives; made if it is missing."""
        return make_folder(self.folder / PARTIAL / "archives")

    def partial(self, file: ModelFile) -> Path:
        """Return where a file is put together; its folder is there."""
        return make_folder(self.folder / PARTIAL) / file.path.replace("/", "__")

    def accept(self, file: ModelFile, origin: str) -> None:
        """Give a file that was put together its final name.

        Raises:
            SourceFailedError: if its content is wrong; it is removed.
            StorageFullError, InputError: if it cannot be written.
        """
        partial = self.partial(file)
        path = self.folder / file.path
        try:
            size_bytes, sha256 = partial.stat().st_size, files.checksum(partial)
            if (size_bytes, sha256) != (file.size_bytes, file.sha256):
                partial.unlink()
                raise SourceFailedError(
                    f"has another {file.path} (SHA-256 {sha256[:12]}… instead of "
                    f"{file.sha256[:12]}…)"
                    if size_bytes == file.size_bytes
                    else f"has a {file.path} of {size_bytes:,} bytes instead of {file.size_bytes:,}"
                )
            make_folder(path.parent)
            partial.replace(path)
            remember(path, sha256)
        except OSError as error:
            raise cannot_write(error, path) from error
        with self._lock:
            self.origins[file.path] = origin

    def failed(self, source: str, reason: str) -> None:
        """Note why a source failed, and say so the first time."""
        with self._lock:
            is_news = source not in self.reasons
            self.reasons.setdefault(source, reason)
        if is_news:
            self.on_progress(Progress(f"{source} {reason}"))

    def clear(self) -> None:
        """Remove what was fetched and is not needed any more."""
        if not self.wanted:
            shutil.rmtree(self.folder / PARTIAL, ignore_errors=True)


def make_folder(path: Path) -> Path:
    """Make a folder and those above it, and return it.

    Raises:
        StorageFullError, InputError: if it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(error, path) from error
    return path


def cannot_write(error: OSError, path: Path) -> NarrationError:
    """Translate an operating-system error met while writing into a model's folder."""
    translated = storage_error(error, path)
    if isinstance(translated, StorageFullError):
        return translated
    return InputError(
        f"cannot write {path} ({error.strerror or error})",
        field="NARRATION_MODELS",
        value=path,
        remedy="set it to a folder that may be written to",
    )
