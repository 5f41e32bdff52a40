"""Is every finished second of audio still whole? The library and the published courses, read again.

Nothing is changed unless a repair is asked for; a repair moves what is damaged aside, and the next
narration makes it again.
"""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tts_tasks.catalog.courses import MANIFEST, read_manifest
from tts_tasks.catalog.evict import record_eviction
from tts_tasks.catalog.keys import is_key
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.objects import SIDECAR, STALE_TEMPORARY_S, TEMPORARY, Objects
from tts_tasks.catalog.selection import entry_of
from tts_tasks.checks import (
    Checked,
    Damage,
    check_again,
    check_object,
    check_published,
    files_of,
    unreadable_manifest,
)
from tts_tasks.settings import Settings
from tts_tasks.values import Checkpoint, never_cancelled

AT_ONCE = 2
"""Files that are checked at the same time: decoders and checksums leave Python's lock alone."""

AHEAD = 16
"""Files that are handed out before their results are taken: a bound on memory."""

_Check = Callable[[], Checked]


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, and what was found."""

    objects: int
    """Objects of the library that were read."""

    published: int
    """Files of published courses that were read."""

    bytes: int
    """Size of all these, sidecars left out."""

    audio_s: float
    """Seconds of audio in the objects that are whole."""

    damaged: tuple[Damage, ...]
    """What is wrong, in the order of the paths."""

    leftovers: tuple[Path, ...] = ()
    """Temporary files of killed writers: no damage, and no use either."""

    moved_to: Path | None = None
    """Where a repair put the damaged objects."""

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            **asdict(self),
            "audio_s": round(self.audio_s, 3),
            "damaged": [{**asdict(each), "path": str(each.path)} for each in self.damaged],
            "leftovers": [str(path) for path in self.leftovers],
            "moved_to": str(self.moved_to) if self.moved_to else None,
        }


def verify_library(
    settings: Settings,
    course: Path | None = None,
    *,
    repair: bool = False,
    checkpoint: Checkpoint = never_cancelled,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Read every object of the library and every published file, and check each strictly.

    Args:
        settings: the installation.
        course: folder of the one published course to check, with the objects that it uses; by
            default everything.
        repair: move damaged objects to ``library/damaged/``, so that they are made again.
        checkpoint: called between files.
        on_progress: told how many files were checked.

    Raises:
        CancelledError: from the checkpoint.
        CatalogError: if the library may not be read, or a repair cannot move or record something.
    """
    library = Library(settings.library, durable=settings.durable)
    folders = [course] if course else _published_folders(settings)
    leftovers: list[Path] = []
    objects = (
        _used_objects(library.objects, course)
        if course
        else _all_objects(library.objects, leftovers)
    )
    counts = {True: 0, False: 0}
    size_bytes, audio_s = 0, 0.0
    damages: list[Damage] = []
    for checked in _results(_checks(library.objects, objects, folders), checkpoint):
        counts[checked.is_object] += 1
        size_bytes += checked.size_bytes
        audio_s += checked.audio_s
        if checked.damage:
            damages.append(checked.damage)
        on_progress(sum(counts.values()))
    moved_to = _move_aside(library, damages) if repair else None
    return Verification(
        objects=counts[True],
        published=counts[False],
        bytes=size_bytes,
        audio_s=audio_s,
        damaged=tuple(sorted(damages, key=lambda each: each.path)),
        leftovers=tuple(leftovers),
        moved_to=moved_to,
    )


def _published_folders(settings: Settings) -> list[Path]:
    return sorted(path.parent for path in settings.narrations.glob(f"*/{MANIFEST}"))


def _all_objects(objects: Objects, leftovers: list[Path]) -> Iterator[Path]:
    """Yield every sidecar, and the audio that has none; add what killed writers left."""
    for folder, names in objects.folders():
        present = set(names)
        for name in names:
            path = folder / name
            key, _, extension = name.partition(".")
            # Anything else was put there by others, and nobody takes it for an object.
            is_object = is_key(key) and objects.sidecar_path(key).parent == folder
            if name.endswith(TEMPORARY):
                if _is_stale(path):
                    leftovers.append(path)
            elif is_object and (extension == SIDECAR or f"{key}.{SIDECAR}" not in present):
                yield path


def _is_stale(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime >= STALE_TEMPORARY_S
    except OSError:
        return False  # its writer has just renamed it


def _used_objects(objects: Objects, folder: Path) -> Iterator[Path]:
    """Yield the sidecars, or the orphaned audio, of what a published course was made of.

    What the library does not hold any more is no damage: it is made again when it is needed.
    """
    published = _read_published(folder)
    for key in published[0] if published else ():
        sidecar = objects.sidecar_path(key)
        if sidecar.exists():
            yield sidecar
        else:
            yield from files_of(sidecar)


def _checks(objects: Objects, paths: Iterable[Path], folders: Iterable[Path]) -> Iterator[_Check]:
    """Yield one check for each object and for each published file."""
    for path in paths:
        yield partial(check_object, objects, path)
    for folder in folders:
        published = _read_published(folder)
        if published is None:
            yield partial(unreadable_manifest, folder / MANIFEST)
            continue
        for file, expected in published[1].items():
            yield partial(check_published, file, expected)


def _results(checks: Iterator[_Check], checkpoint: Checkpoint) -> Iterator[Checked]:
    """Yield the results in the order of the checks; a few of them run ahead."""
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="verify")
    running: deque[Future[Checked]] = deque()
    try:
        for check in checks:
            checkpoint()
            running.append(pool.submit(check))
            if len(running) > AHEAD:
                yield running.popleft().result()
        while running:
            checkpoint()
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read_published(folder: Path) -> tuple[list[str], dict[Path, str]] | None:
    """Return the keys that a published course was made of, and the checksums of its files.

    None if its manifest does not say so.
    """
    manifest = read_manifest(folder)
    try:
        lessons = manifest["lessons"]
        files = {folder / name: sha for one in lessons for name, sha in one["files"].items()}
        if book := manifest.get("audiobook"):
            files[folder / book["file"]] = book["sha256"]
        chunks = [chunk for lesson in lessons for chunk in lesson["chunks"]]
        keys = list(dict.fromkeys(part["key"] for part in (*lessons, *chunks)))
    except (AttributeError, KeyError, TypeError):
        return None  # whoever edited it by hand left out what a course has
    return (keys, files) if all(map(is_key, keys)) else None


def _move_aside(library: Library, damages: Iterable[Damage]) -> Path | None:
    """Move damaged objects, with their sidecars, out of the way, and record each.

    Returns:
        The folder that they are in, None if there was nothing to move.
    """
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    folder = library.root / "damaged" / now
    for each in damages:
        if each.key is None:
            continue
        files = []
        facts = library.objects.read_sidecar(each.key)
        with library.objects.held(each.key):
            # Somebody may have made it again since it was read.
            if check_again(library.objects, each.key).damage:
                folder.mkdir(parents=True, exist_ok=True)
                files = files_of(library.objects.sidecar_path(each.key))
            for path in files:
                shutil.move(path, folder / path.name)
        if files:
            library.record("object_damaged", each.key, problem=each.problem)
            if facts is not None and (entry := entry_of(facts)):
                record_eviction(library, entry, "damaged")
    return folder if folder.exists() else None
