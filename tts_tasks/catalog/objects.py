"""Content-addressed audio files with their sidecars. Knows no engines and keeps no index.

``objects/ab/cd/<key>.<extension>`` is the audio and ``objects/ab/cd/<key>.json`` its sidecar.
The sidecar is renamed into place first and the audio last, so the audio file's existence is the
commit. An object never changes: when two processes register one key, the first one's stays. It
was last used when its sidecar was last touched.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from tts_tasks.catalog.keys import is_key, require_key
from tts_tasks.errors import CatalogError, UnknownFormatError, storage_error
from tts_tasks.files import checksum, flush, lock_now

COPY_BYTES = 1 << 20
"""Piece in which a file is copied into the library."""

STALE_TEMPORARY_S = 3600.0
"""Age after which a temporary file has lost its writer: writing one takes milliseconds."""

CLOCK_S = 60.0
"""How far clocks may be apart."""

logger = logging.getLogger(__name__)

SIDECAR = "json"
TEMPORARY = ".tmp"

_EXTENSION = re.compile(r"[a-z0-9]{1,8}")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A committed object."""

    key: str
    """Content key."""

    path: Path
    """The audio file."""

    facts: Mapping[str, object]
    """The sidecar: ``key``, ``extension``, ``bytes``, ``sha256`` and what its writer knew."""


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of one library."""

    root: Path
    """The folder ``library/objects``."""

    durable: bool = True
    """Whether files and folders are flushed to the disk before an object counts (fsync)."""

    def path(self, key: str, extension: str) -> Path:
        """Return where the audio of a key is, or would be.

        Raises:
            InputError: if the key is not a key, or the extension not one of audio.
        """
        require_key(key)
        if not _is_extension(extension):
            raise UnknownFormatError(
                f"{extension!r} cannot be the extension of an audio file",
                field="format",
                value=extension,
                remedy="use one like mp3 or flac",
            )
        return self.root / key[:2] / key[2:4] / f"{key}.{extension}"

    def find_audio(self, key: str, facts: Mapping[str, object] | None) -> Path | None:
        """Return the audio that a sidecar belongs to, or None if it names none that is there."""
        extension = facts.get("extension") if facts else None
        if not _is_extension(extension) or not self.has(key, extension):
            return None
        return self.path(key, extension)

    def sidecar_path(self, key: str) -> Path:
        """Return where the sidecar of a key is, or would be."""
        require_key(key)
        return self.root / key[:2] / key[2:4] / f"{key}.{SIDECAR}"

    def has(self, key: str, extension: str) -> bool:
        """Return whether the object was committed: one ``stat``, the sidecar unread."""
        return _size_bytes(self.path(key, extension)) > 0

    def read(self, key: str, extension: str) -> StoredObject | None:
        """Return the object, or None if there is none that can be used.

        Audio that is not what its sidecar says (cut short by a power failure, damaged on the
        disk), and audio without a readable sidecar, count as missing: the next ``put`` replaces
        them. The checksum costs 0.1 ms per 100 kB; a stat alone would publish the damage.

        Raises:
            CatalogError: if the library may not be read.
        """
        path = self.path(key, extension)
        stored, is_whole = self._look_at(path, key)
        if is_whole:
            return stored
        # Or it was evicted and made again while it was looked at, which nobody can do now.
        try:
            with _locked(path.parent, fcntl.LOCK_SH):
                stored, is_whole = self._look_at(path, key)
        except OSError as error:
            raise _unreadable(error, path) from error
        if not is_whole:
            logger.warning("%s is damaged: it counts as missing, and is made again", path)
        return stored

    def _look_at(self, path: Path, key: str) -> tuple[StoredObject | None, bool]:
        """Return the object, None if there is none, and whether it is what its sidecar says."""
        size_bytes = _size_bytes(path)
        facts = self.read_sidecar(key) if size_bytes else None
        if facts is None:
            return None, True
        if facts.get("bytes") != size_bytes or facts.get("sha256") != _sha256(path):
            return None, False
        return StoredObject(key, path, facts), True

    def _held(self, key: str) -> StoredObject | None:
        """Return the object of a key, whatever its extension; its folder is locked."""
        path = self.find_audio(key, self.read_sidecar(key))
        return self._look_at(path, key)[0] if path else None

    def find(self, key: str) -> StoredObject | None:
        """Return the object of a key, whatever its extension, or None if none can be used.

        Raises:
            CatalogError: if the library may not be read.
        """
        path = self.find_audio(key, self.read_sidecar(key))
        return self.read(key, path.suffix[1:]) if path else None

    def read_sidecar(self, key: str) -> Mapping[str, object] | None:
        """Return the sidecar of a key, or None if there is none, or none that makes sense.

        Raises:
            CatalogError: if the library may not be read.
        """
        path = self.sidecar_path(key)
        try:
            return _parsed(path.read_bytes(), key)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unreadable(error, path) from error

    def put(
        self, key: str, extension: str, audio: bytes | Path, facts: Mapping[str, object]
    ) -> tuple[StoredObject, bool]:
        """Commit an object, unless the key is taken.

        Args:
            key: content key.
            extension: of the audio file, e.g. ``flac``.
            audio: the encoded audio, or the file to copy it from.
            facts: JSON-ready fields of the sidecar, to which ``key``, ``extension``, ``bytes`` and
                ``sha256`` are added.

        Returns:
            The object that the library holds now, and whether it is this one.

        Raises:
            StorageFullError: if the disk is full; nothing is left of the attempt.
            CatalogError: if the library cannot be written.
            ValueError: if the audio is empty.
        """
        target = self.path(key, extension)
        existing = self.find(key)
        if existing is not None and self.touch(key):
            return existing, False
        with contextlib.ExitStack() as cleanup:
            pieces = [audio] if isinstance(audio, bytes) else _pieces(audio, cleanup)
            try:
                self._make_folder(target.parent)
                audio_temp = self._reserve(target, cleanup)
                size_bytes, sha256 = self._write(audio_temp, pieces, cleanup)
                if not size_bytes:
                    raise ValueError(f"the audio of {key} is empty")
                complete = {
                    **facts,
                    "key": key,
                    "extension": extension,
                    "bytes": size_bytes,
                    "sha256": sha256,
                }
                sidecar = self.sidecar_path(key)
                sidecar_temp = self._reserve(sidecar, cleanup)
                text = json.dumps(complete, ensure_ascii=False, allow_nan=False, indent=1)
                self._write(sidecar_temp, [text.encode()], cleanup)
                with _locked(target.parent) as folder_fd:
                    existing = self._held(key)
                    if existing is not None:
                        return existing, False
                    _remove_stale(target.parent, STALE_TEMPORARY_S)
                    # Damaged audio goes first: with the new sidecar it could pass for whole.
                    target.unlink(missing_ok=True)
                    os.replace(sidecar_temp, sidecar)
                    os.replace(audio_temp, target)
                    if self.durable:
                        os.fsync(folder_fd)
            except OSError as error:
                raise storage_error(error, target) from error
        return StoredObject(key, target, complete), True

    def amend(self, key: str, changes: Mapping[str, object]) -> Mapping[str, object] | None:
        """Change what a sidecar says; the audio, its size and checksum stay.

        Returns:
            The sidecar as it is now, or None, and nothing was done, if there is none.

        Raises:
            CatalogError: if the library cannot be read or written.
        """
        sidecar = self.sidecar_path(key)
        if not sidecar.parent.is_dir():
            return None
        try:
            with contextlib.ExitStack() as cleanup, _locked(sidecar.parent) as folder_fd:
                facts = self.read_sidecar(key)
                if facts is None:
                    return None
                amended = {**facts, **changes}
                temporary = self._reserve(sidecar, cleanup)
                text = json.dumps(amended, ensure_ascii=False, allow_nan=False, indent=1)
                self._write(temporary, [text.encode()], cleanup)
                os.replace(temporary, sidecar)
                if self.durable:
                    os.fsync(folder_fd)
        except OSError as error:
            raise storage_error(error, sidecar) from error
        return amended

    def touch(self, key: str) -> bool:
        """Note that an object is used now; return whether it is there.

        Whoever removes what was not used for long waits for this, and then sees the new time.

        Raises:
            CatalogError: if the library may not be read.
        """
        folder, stem = self._stem(key)
        sidecar = stem + SIDECAR
        try:
            with _locked(folder, fcntl.LOCK_SH):
                os.utime(sidecar)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError:
            # Of another user, or on a read-only disk: nobody can evict it from here, either.
            return os.path.exists(sidecar)
        except OSError as error:
            if error.errno == errno.EROFS:
                return os.path.exists(sidecar)
            raise _unreadable(error, Path(sidecar)) from error
        return True

    def measure(self, key: str) -> int:
        """Return the bytes of an object's audio and sidecar, 0 if there is none.

        Raises:
            CatalogError: if the library may not be read.
        """
        folder, stem = self._stem(key)
        try:
            return sum(entry.stat().st_size for entry in _files_of(folder, stem))
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as error:
            raise _unreadable(error, Path(folder)) from error

    def remove(
        self, key: str, *, created_at_s: float | None = None, unused_since_s: float | None = None
    ) -> int | None:
        """Delete an object, unless it is another one by now, or was used meanwhile.

        Args:
            key: content key.
            created_at_s: ``created_at`` of the object that is meant; by default any.
            unused_since_s: when it must have been used last, or before, in seconds since 1970.

        Returns:
            The bytes of the audio and sidecar, 0 if there was nothing, None if it stays.

        Raises:
            CatalogError: if the library cannot be written.
        """
        folder, stem = self._stem(key)
        sidecar = stem + SIDECAR
        try:
            with _locked(folder):
                used_s = os.stat(sidecar).st_mtime
                # A time to come was written by a clock that has jumped back since: it says nothing.
                if unused_since_s is not None and unused_since_s < used_s <= time.time() + CLOCK_S:
                    return None
                with open(sidecar, "rb") as file:
                    facts = _parsed(file.read(), key)
                # With a sidecar that makes no sense it is nobody's object.
                if facts and created_at_s is not None and not _is_moment(facts, created_at_s):
                    return None
                return _unlink_object(folder, stem)
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as error:
            raise storage_error(error, Path(folder)) from error

    def keys(self) -> Iterator[str]:
        """Yield the key of every sidecar, in order; whether its audio exists is not checked."""
        for folder in _folders(self.root):
            for entry in sorted(os.listdir(folder)):
                key, _, extension = entry.partition(".")
                if extension == SIDECAR and is_key(key):
                    yield key

    def folders(self) -> Iterator[tuple[Path, list[str]]]:
        """Yield every folder of objects with the names of its files, both in order.

        Raises:
            CatalogError: if the library may not be read.
        """
        try:
            for folder in _folders(self.root):
                yield folder, sorted(os.listdir(folder))
        except OSError as error:
            raise _unreadable(error, self.root) from error

    @contextlib.contextmanager
    def held(self, key: str) -> Iterator[None]:
        """Let no other process commit the object of a key meanwhile; its folder must exist.

        Raises:
            CatalogError: if the library may not be read, or the block met an error of the system.
        """
        folder = self.sidecar_path(key).parent
        try:
            with _locked(folder):
                yield
        except OSError as error:
            raise storage_error(error, folder) from error

    def remove_stale_temporaries(self, older_than_s: float = STALE_TEMPORARY_S) -> int:
        """Delete what killed writers left behind, and return how many files it was.

        Raises:
            CatalogError: if the library cannot be written.
        """
        try:
            return sum(_remove_stale(folder, older_than_s) for folder in _folders(self.root))
        except OSError as error:
            raise storage_error(error, self.root) from error

    def _stem(self, key: str) -> tuple[str, str]:
        """Return the folder of an object, and what the paths of its files begin with.

        Strings: 100,000 objects are evicted in seconds, and pathlib doubles that.
        """
        require_key(key)
        folder = f"{self.root}/{key[:2]}/{key[2:4]}"
        return folder, f"{folder}/{key}."

    def _make_folder(self, folder: Path) -> None:
        made: list[Path] = []
        missing = folder
        while not missing.is_dir():
            made.append(missing)
            missing = missing.parent
        folder.mkdir(parents=True, exist_ok=True)
        if self.durable:
            # A new folder survives a power failure only once the one it is in was flushed too.
            for new in made:
                flush(new.parent)

    def _reserve(self, target: Path, cleanup: contextlib.ExitStack) -> Path:
        """Return a temporary path beside the target, which is deleted if it is not renamed."""
        temporary = target.with_name(f"{target.name}.{secrets.token_hex(6)}{TEMPORARY}")
        cleanup.callback(temporary.unlink, missing_ok=True)
        return temporary

    def _write(
        self, path: Path, pieces: Iterable[bytes], cleanup: contextlib.ExitStack
    ) -> tuple[int, str]:
        """Write a new file; return its size in bytes and its SHA-256.

        It stays locked until the cleanup: however old the clock says it is, it has its writer.
        """
        digest = hashlib.sha256()
        size_bytes = 0
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        cleanup.callback(os.close, fd)
        fcntl.flock(fd, fcntl.LOCK_EX)
        for piece in pieces:
            digest.update(piece)
            size_bytes += len(piece)
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(fd, rest) :]
        if self.durable:
            os.fsync(fd)
        return size_bytes, digest.hexdigest()


def _pieces(source: Path, cleanup: contextlib.ExitStack) -> Iterator[bytes]:
    file = cleanup.enter_context(source.open("rb"))
    return iter(lambda: file.read(COPY_BYTES), b"")


@contextlib.contextmanager
def _locked(folder: Path | str, kind: int = fcntl.LOCK_EX) -> Iterator[int]:
    """Let one process at a time change a folder; yield the folder's descriptor.

    Without it the sidecar of one writer could end up beside the audio of another. The lock is on
    the folder itself: no lock file to leave behind, and the system drops it when a holder dies.
    """
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, kind)
        yield fd
    finally:
        os.close(fd)


def _parsed(text: bytes, key: str) -> dict[str, object] | None:
    """Return what a sidecar says, None if it makes no sense."""
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) and facts.get("key") == key else None


def _is_extension(word: object) -> TypeGuard[str]:
    return isinstance(word, str) and bool(_EXTENSION.fullmatch(word)) and word != SIDECAR


def _is_moment(facts: Mapping[str, object], created_at_s: float) -> bool:
    """Return whether a sidecar was written at a time, to the microsecond of the catalog."""
    created_at = facts.get("created_at")
    return isinstance(created_at, float | int) and abs(created_at - created_at_s) < 1e-6


def _unlink_object(folder: str, stem: str) -> int:
    """Delete the files ``<stem>*`` of a locked folder, audio first; return their bytes."""
    size_bytes = 0
    # The audio's existence is the commit: without it the sidecar alone is no object.
    for entry in sorted(_files_of(folder, stem), key=lambda each: each.name.endswith(SIDECAR)):
        size_bytes += entry.stat().st_size
        os.unlink(entry.path)
    return size_bytes


def _files_of(folder: str, stem: str) -> list[os.DirEntry[str]]:
    """Return the files ``<stem>*`` of a folder, but for those that are being written."""
    with os.scandir(folder) as entries:
        return [
            entry
            for entry in entries
            if entry.path.startswith(stem) and not entry.name.endswith(TEMPORARY)
        ]


def _folders(root: Path) -> Iterator[Path]:
    for first in sorted(root.glob("[0-9a-f][0-9a-f]")):
        yield from sorted(first.glob("[0-9a-f][0-9a-f]"))


def _remove_stale(folder: Path, older_than_s: float) -> int:
    removed = 0
    for entry in os.scandir(folder):
        if not entry.name.endswith(TEMPORARY):
            continue
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if time.time() - entry.stat().st_mtime >= older_than_s and not _has_writer(entry.path):
                os.unlink(entry.path)
                removed += 1
    return removed


def _has_writer(temporary: str) -> bool:
    """Return whether a process holds a temporary file: one that sleeps is no dead one."""
    fd = os.open(temporary, os.O_RDONLY)
    try:
        return not lock_now(fd)
    finally:
        os.close(fd)


def _sha256(path: Path) -> str | None:
    """Return the checksum of a file in hexadecimal, None if it is gone."""
    try:
        return checksum(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(error, path) from error


def _size_bytes(path: Path) -> int:
    """Return the size of a file, 0 if there is none."""
    try:
        return os.stat(path).st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        raise _unreadable(error, path) from error


def _unreadable(error: OSError, path: Path) -> CatalogError:
    return CatalogError(
        f"cannot read {path} ({error.strerror or error})",
        field="library",
        value=path,
        remedy="check that the library's folder may be read",
    )
