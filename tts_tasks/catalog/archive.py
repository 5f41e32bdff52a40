"""A selection of objects as one file, and back: finished audio carried to another machine.

A plain tar, whose members are ``archive.json``, then for each object ``objects/<key>.json`` and
``objects/<key>.<extension>``, then ``end.json`` with their number. Nothing is compressed: FLAC and
MP3 would not shrink, and an archive cannot unpack to more than its own size.

An archive may come from anywhere. It is read twice: first every byte is checked, and nothing is
kept; then each object is checked again, and committed like one that was made here.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import secrets
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from tts_tasks.catalog.archive_facts import check_facts, known_facts
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.objects import COPY_BYTES, SIDECAR
from tts_tasks.catalog.scratch import scratch_folder
from tts_tasks.errors import ArchiveError, NarrationError, OutputPathError, storage_error
from tts_tasks.files import flush
from tts_tasks.values import Checkpoint, never_cancelled

FORMAT = "narration-library"
VERSION = 1

FIRST, LAST = "archive.json", "end.json"
BLOCK_BYTES = tarfile.BLOCKSIZE

MAX_SIDECAR_BYTES = 32 << 20
"""Largest sidecar; that of a lesson of 100,000 characters, with each word's time, has 1 MB."""

_SIDECAR_NAME = re.compile(r"objects/(?P<key>[0-9a-f]{64})\.json")

CheckAudio = Callable[[Path, Mapping[str, Any]], None]
"""Raises a NarrationError unless a file is whole, and what its sidecar says."""

Progress = Callable[[int], None]
"""Told how many objects were dealt with."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What became an archive."""

    objects: int = 0
    """Objects in it."""

    bytes: int = 0
    """Size of their audio."""

    missing: int = 0
    """Keys that the library does not hold any more."""

    damaged: int = 0
    """Objects that were left out because they are not what their sidecars say."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an archive."""

    new: int = 0
    """Objects that the library did not have."""

    present: int = 0
    """Objects that it had."""

    bytes: int = 0
    """Size of the new audio."""


def export_objects(
    library: Library,
    keys: Iterable[str],
    path: Path,
    *,
    replace_existing: bool = False,
    checkpoint: Checkpoint = never_cancelled,
    on_progress: Progress = lambda _: None,
) -> Exported:
    """Write objects, with all that is known of them, into one archive.

    Args:
        library: where they are kept.
        keys: which ones; what is gone or damaged is left out, and counted.
        path: the file, whole or not there.
        replace_existing: whether a file that is there may be replaced.
        checkpoint: called between objects.
        on_progress: told how many keys were dealt with.

    Raises:
        OutputPathError: if the file is there already.
        StorageFullError: if the disk is full; nothing is left of the attempt.
        CatalogError: if the library cannot be read, or the archive not be written.
    """
    if path.exists() and not replace_existing:
        raise OutputPathError(
            f"{path} is there already",
            field="archive",
            value=path,
            remedy="choose another name, or replace it by --replace",
        )
    done = Exported()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with (
            temporary.open("xb") as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar,
        ):
            _add(tar, FIRST, {"format": FORMAT, "version": VERSION, "created_at": time.time()})
            for number, key in enumerate(dict.fromkeys(keys), start=1):
                checkpoint()
                done = _add_object(tar, library, key, done)
                on_progress(number)
            _add(tar, LAST, {"objects": done.objects, "bytes": done.bytes})
        flush(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)
    return done


def _add_object(tar: tarfile.TarFile, library: Library, key: str, done: Exported) -> Exported:
    stored = library.objects.find(key)
    if stored is None:
        if library.objects.read_sidecar(key) is None:
            return replace(done, missing=done.missing + 1)
        return replace(done, damaged=done.damaged + 1)
    try:
        audio = stored.path.open("rb")
    except FileNotFoundError:  # It was evicted since; from now on an eviction does not matter.
        return replace(done, missing=done.missing + 1)
    with audio:
        size_bytes = os.fstat(audio.fileno()).st_size
        _add(tar, f"objects/{key}.{SIDECAR}", stored.facts)
        tar.addfile(_member(f"objects/{stored.path.name}", size_bytes), audio)
    return replace(done, objects=done.objects + 1, bytes=done.bytes + size_bytes)


def _add(tar: tarfile.TarFile, name: str, facts: Mapping[str, object]) -> None:
    text = json.dumps(facts, ensure_ascii=False, allow_nan=False).encode()
    tar.addfile(_member(name, len(text)), io.BytesIO(text))


def _member(name: str, size_bytes: int) -> tarfile.TarInfo:
    """Return a member that says nothing of this machine and its users."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size_bytes, 0o644
    return member


def import_objects(
    library: Library,
    path: Path,
    *,
    check_audio: CheckAudio,
    checkpoint: Checkpoint = never_cancelled,
    on_progress: Progress = lambda _: None,
) -> Imported:
    """Take the objects of an archive into the library, if there is nothing wrong with any.

    Each counts as registered now; when it was made is kept as ``made_at``. What this version does
    not know of an object does not come along. The key of an utterance is that of its text, voice
    and parameters. That of a narration cannot be computed again: its pauses are not in its sidecar.

    Args:
        library: where they will be kept.
        path: what ``export_objects`` wrote.
        check_audio: checks each file strictly (``tts_tasks.checks.check_content``).
        checkpoint: called between objects.
        on_progress: told how many objects were dealt with; the checks come first, and count too.

    Raises:
        ArchiveError: if it is no archive of this system, of a newer version, cut short or
            otherwise not what it says; the library is as it was.
        StorageFullError: if the disk is full; what was imported before stays, and counts as
            present the next time.
        CatalogError: if the library cannot be written.
    """
    done, number = Imported(), 0
    with _opened(path) as file, scratch_folder(library.root / "scratch") as folder:
        for is_checked in (False, True):
            for facts, member in _objects_in(file, path):
                checkpoint()
                audio = folder / f"audio.{facts['extension']}"
                _extract(file, member, audio, facts, path)
                if is_checked:
                    done = _keep(library, facts, audio, done)
                else:
                    _check(facts, audio, check_audio, path)
                number += 1
                on_progress(number)
    return done


def _keep(library: Library, facts: dict[str, Any], audio: Path, done: Imported) -> Imported:
    now_s = round(time.time(), 6)
    kept = {"made_at": facts["created_at"], **facts, "created_at": now_s}
    is_new = library.keep_imported(kept, audio)
    if not is_new:
        return replace(done, present=done.present + 1)
    return replace(done, new=done.new + 1, bytes=done.bytes + facts["bytes"])


def _check(facts: Mapping[str, Any], audio: Path, check_audio: CheckAudio, path: Path) -> None:
    try:
        check_audio(audio, facts)
    except NarrationError as error:
        what = error.message.removeprefix(f"{audio.name} ")
        raise _wrong(path, f"the audio of {facts['key']} {what}") from error


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        if not path.is_file():
            raise _wrong(path, "there is no such file")
        with path.open("rb") as file:
            yield file
    except PermissionError as error:
        if error.filename != str(path):
            raise
        raise _wrong(path, "it may not be read") from error


def _objects_in(file: IO[bytes], path: Path) -> Iterator[tuple[dict[str, Any], tarfile.TarInfo]]:
    """Yield the sidecar and the audio's member of each object; whatever else is there is refused.

    Raises:
        ArchiveError: for the first thing that is wrong.
    """
    members = _members(file, path)
    begin = _parsed(file, next(members, None), FIRST, path)
    if begin.get("format") != FORMAT or not isinstance(begin.get("version"), int):
        raise _wrong(path, "it does not begin like an archive of this system")
    if begin["version"] != VERSION:
        raise _wrong(
            path, f"it has version {begin['version']}, this is version {VERSION}", "update this"
        )
    seen: set[str] = set()
    size_bytes = 0
    for member in members:
        if member.name == LAST:
            end = _parsed(file, member, LAST, path)
            if (end.get("objects"), end.get("bytes")) != (len(seen), size_bytes):
                raise _wrong(path, "it does not hold as many objects as it says")
            break
        named = _SIDECAR_NAME.fullmatch(member.name)
        if not named or named["key"] in seen:
            raise _wrong(path, f"{member.name!r:.100} does not belong there")
        key = named["key"]
        facts = _parsed(file, member, member.name, path)
        if fault := check_facts(facts, key):
            raise _wrong(path, f"what it says of {key} is wrong: {fault}")
        facts = known_facts(facts)
        audio = next(members, None)
        if audio is None or audio.name != f"objects/{key}.{facts['extension']}":
            raise _wrong(path, f"the audio of {key} does not follow")
        if audio.size != facts["bytes"]:
            raise _wrong(path, f"the audio of {key} has {audio.size} bytes, not {facts['bytes']}")
        seen.add(key)
        size_bytes += audio.size
        yield facts, audio
    else:
        raise _wrong(path, "it ends too early")
    if next(members, None) is not None:
        raise _wrong(path, "something follows its end")
    file.seek(_end_bytes(member))
    while rest := file.read(COPY_BYTES):
        if rest.strip(b"\0"):
            raise _wrong(path, "something follows its end")


def _end_bytes(member: tarfile.TarInfo) -> int:
    """Return where the block after a member begins."""
    return member.offset_data + -(-member.size // BLOCK_BYTES) * BLOCK_BYTES


def _members(file: IO[bytes], path: Path) -> Iterator[tarfile.TarInfo]:
    """Yield the members: plain files with a plain header, one right after the other."""
    file.seek(0, os.SEEK_END)
    n_bytes = file.tell()
    file.seek(0)
    expected_offset = 0
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # It would remember them all.
                # What sets a member off (a long name, attributes, a sparse file) is not written
                # here, and is a way to make a reader see another file than a checker.
                is_plain = (
                    member.type == tarfile.REGTYPE
                    and member.offset == expected_offset
                    and member.offset_data == member.offset + BLOCK_BYTES
                    and not member.pax_headers
                    and not member.linkname
                )
                if not is_plain:
                    raise _wrong(path, f"{member.name!r:.100} is no plain file")
                if not 0 <= member.size <= n_bytes - member.offset_data:
                    raise _wrong(path, f"{member.name!r:.100} is cut short")
                expected_offset = _end_bytes(member)
                yield member
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise _wrong(path, f"it is no tar file, or a damaged one ({error})") from error
    if expected_offset >= n_bytes:
        raise _wrong(path, "it ends too early")


def _parsed(
    file: IO[bytes], member: tarfile.TarInfo | None, name: str, path: Path
) -> dict[str, Any]:
    if member is None or member.name != name:
        raise _wrong(path, f"{name} is missing")
    if member.size > MAX_SIDECAR_BYTES:
        raise _wrong(path, f"{name} has {member.size} bytes, of {MAX_SIDECAR_BYTES} at most")
    file.seek(member.offset_data)
    try:
        facts = json.loads(file.read(member.size).decode(), parse_constant=_refuse)
        # What Python's reader takes and no file may hold: half a surrogate pair, 1e999.
        json.dumps(facts, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise _wrong(path, f"{name} is no JSON ({error!s:.80})") from error
    if not isinstance(facts, dict):
        raise _wrong(path, f"{name} is no mapping")
    return facts


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _extract(
    file: IO[bytes],
    member: tarfile.TarInfo,
    target: Path,
    facts: Mapping[str, Any],
    path: Path,
) -> None:
    """Write the audio of an object into a file.

    Raises:
        ArchiveError: if its checksum is not the one that its sidecar says.
    """
    file.seek(member.offset_data)
    digest = hashlib.sha256()
    left_bytes = member.size
    try:
        with target.open("wb") as out:
            while left_bytes and (piece := file.read(min(left_bytes, COPY_BYTES))):
                digest.update(piece)
                out.write(piece)
                left_bytes -= len(piece)
    except OSError as error:
        with suppress(OSError):
            target.unlink()
        raise storage_error(error, target) from error
    if left_bytes or digest.hexdigest() != facts["sha256"]:
        raise _wrong(path, f"the audio of {facts['key']} has another checksum than it should")


def _wrong(path: Path, what: str, remedy: str = "") -> ArchiveError:
    return ArchiveError(
        f"{path}: {what}",
        field="archive",
        value=path,
        remedy=remedy or "make it again by `narrate cache export`; the library is as it was",
    )
