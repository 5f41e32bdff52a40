"""One finished file, read again: is it what its sidecar or its course's manifest says?

Finds damage, and changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from tts_tasks.catalog.courses import MANIFEST
from tts_tasks.catalog.objects import SIDECAR, TEMPORARY, Objects
from tts_tasks.errors import NarrationError
from tts_tasks.files import checksum
from tts_tasks.mastering.damage import damaged
from tts_tasks.mastering.integrity import check_audio
from tts_tasks.mastering.profile import AUDIOBOOK, FORMATS

AUDIO_SUFFIXES = {one.extension for one in (*FORMATS.values(), AUDIOBOOK)}
"""Published files that are audio; the others have checksums only."""

SIDECAR_FIELDS: dict[str, type | tuple[type, ...]] = {
    "key": str,
    "extension": str,
    "bytes": int,
    "sha256": str,
    "kind": str,
    "duration_s": (int, float),
}
"""What every sidecar says, with its types in JSON."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not what it should be."""

    path: Path
    """Where it is, or should be."""

    kind: str
    """``object``: audio of the library, or its sidecar; ``orphan``: one of the two without the
    other; ``published``: a file of a course."""

    problem: str
    """What is wrong with it, as it follows its name."""

    remedy: str
    """What to do about it."""

    key: str | None = None
    """Key of the object."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one check."""

    is_object: bool
    """Whether it was an object of the library, and not a file of a course."""

    size_bytes: int = 0
    """Size of the audio or of the published file."""

    audio_s: float = 0.0
    """Length of an object that is whole."""

    damage: Damage | None = None
    """What is wrong with it."""


def check_object(objects: Objects, path: Path) -> Checked:
    """Check an object; what looks damaged is read again, while no process may commit it.

    Args:
        objects: of the library.
        path: the sidecar, or audio that has none.

    Raises:
        CatalogError: if the library may not be read.
    """
    checked = _check_once(objects, path)
    if checked.damage is None:
        return checked
    key = path.name.partition(".")[0]
    with objects.held(key):
        return check_again(objects, key)


def check_again(objects: Objects, key: str) -> Checked:
    """Check the object of a key, which the caller holds; one that is gone is no damage."""
    files = files_of(objects.sidecar_path(key))
    return _check_once(objects, files[-1]) if files else Checked(True)


def _check_once(objects: Objects, path: Path) -> Checked:
    """Check an object: its sidecar, its size and checksum, its container, its length."""
    key = path.name.partition(".")[0]
    size_bytes, audio_s, kind = 0, 0.0, "object"
    problem = None
    try:
        if path.suffix != f".{SIDECAR}":
            kind = "orphan"
            size_bytes = path.stat().st_size
            raise damaged(path, "has no sidecar, so nobody knows what it says")
        facts = _read_sidecar(path)
        sidecar, path = path, objects.path(key, facts["extension"])
        if not path.exists():
            kind, path = "orphan", sidecar
            raise damaged(path, f"is left without its audio ({facts['extension']})")
        size_bytes = path.stat().st_size
        if size_bytes != facts["bytes"]:
            raise damaged(path, f"has {size_bytes} bytes where its sidecar says {facts['bytes']}")
        if checksum(path) != facts["sha256"]:
            raise damaged(path, "has another checksum than its sidecar says")
        check_content(path, facts)
        audio_s = float(facts["duration_s"])
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
    except NarrationError as error:
        problem = error.message.removeprefix(f"{path.name} ")
    remedy = "it counts as missing and is made again when needed; --repair moves it aside"
    damage = Damage(path, kind, problem, remedy, key) if problem else None
    return Checked(True, size_bytes, audio_s, damage)


def _read_sidecar(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_bytes())
    except ValueError as error:
        raise damaged(path, f"is no JSON ({error})") from error
    if not isinstance(facts, dict):
        raise damaged(path, "is no sidecar")
    for name, kind in SIDECAR_FIELDS.items():
        if not isinstance(facts.get(name), kind):
            raise damaged(path, f"has no usable {name!r}")
    if facts["key"] != path.stem:
        raise damaged(path, f"is the sidecar of another object, {facts['key']}")
    return facts


def check_content(path: Path, facts: Mapping[str, Any]) -> None:
    """Return if a file is whole, and an utterance as long as its sidecar says.

    Raises:
        MasteringError: names what is wrong.
    """
    check_audio(path)
    if facts["kind"] != "utterance":
        return
    info = soundfile.info(path)
    expected = round(facts["duration_s"] * info.samplerate)
    if info.frames != expected:
        raise damaged(path, f"has {info.frames} samples where its sidecar says {expected}")


def files_of(sidecar: Path) -> list[Path]:
    """Return the files of an object that exist, the sidecar last."""
    files = [path for path in sidecar.parent.glob(f"{sidecar.stem}.*") if path.suffix != TEMPORARY]
    return sorted(files, key=lambda path: (path == sidecar, path))


def check_published(path: Path, expected: str) -> Checked:
    """Check a published file: its checksum and, if it is audio, its container."""
    size_bytes, problem = 0, None
    try:
        size_bytes = path.stat().st_size
        if checksum(path) != expected:
            raise damaged(path, f"has another checksum than {MANIFEST} says")
        if path.suffix.lower() in AUDIO_SUFFIXES:
            check_audio(path)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
    except NarrationError as error:
        problem = error.message.removeprefix(f"{path.name} ")
    return Checked(False, size_bytes, damage=_published_damage(path, problem))


def unreadable_manifest(path: Path) -> Checked:
    """Return what came of a course whose manifest does not say what it consists of."""
    return Checked(False, damage=_published_damage(path, "cannot be read"))


def _published_damage(path: Path, problem: str | None) -> Damage | None:
    remedy = f"narrate the course {path.parent.name} again: it is published from the library"
    return Damage(path, "published", problem, remedy) if problem else None
