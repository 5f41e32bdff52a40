"""Published courses: ``course.json``, what changed since, and what must be moved away.

A course's folder holds ``NN-<lesson-id>.<ext>`` and ``course.json``; the manifest says which key,
tags and captions each lesson was published with, so that an unchanged lesson costs nothing.
"""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from tts_tasks.catalog.keys import canonical_json
from tts_tasks.errors import CourseError, storage_error
from tts_tasks.files import checksum, write_whole
from tts_tasks.values import Script, Tags

MANIFEST = "course.json"
MANIFEST_VERSION = 1
_PUBLISHED = re.compile(
    r"\d{2,}-(?P<id>[A-Za-z0-9_-]+)"
    r"\.(mp3|flac|wav|opus|m4a|vtt|srt|sentences\.json|transcript\.(md|html))"
)


def fingerprint(script: Script, tags: Tags) -> str:
    """Return a digest of everything that a lesson's published files depend on.

    The narration key alone would miss a new title, a new number, and a caption whose written form
    changed while the spoken one did not.
    """
    tagged = [tags.title, tags.album, tags.artist, tags.track, tags.language]
    written = [chunk.written for chunk in script.chunks]
    return sha256(canonical_json([script.key, tagged, written]).encode()).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a published course; an empty one if there is none to be trusted."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Without a manifest every lesson counts as changed, and the library makes that cheap.
        return {}
    known = isinstance(manifest, dict) and manifest.get("version") == MANIFEST_VERSION
    return manifest if known else {}


def is_unchanged(folder: Path, published: dict[str, Any] | None, wanted: str) -> bool:
    """Return whether a lesson's files are all there and say what they should say.

    Args:
        folder: the course's folder.
        published: the lesson's entry in the manifest, if it has one.
        wanted: the fingerprint of the lesson as it is now.
    """
    if not published or published.get("fingerprint") != wanted:
        return False
    files: dict[str, str] = published["files"]
    try:
        return all(checksum(folder / name) == expected for name, expected in files.items())
    except OSError:
        return False


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write ``course.json``, whole or not at all."""
    text = json.dumps({"version": MANIFEST_VERSION, **manifest}, ensure_ascii=False, indent=1)
    write_whole(folder / MANIFEST, text + "\n")


def refuse_another_course(folder: Path, source: Path, lesson_ids: set[str]) -> None:
    """Refuse to publish a course over another one that happens to have the same id.

    A course that was copied or moved keeps its lessons, and is the same course.

    Args:
        folder: the folder that the course is published in.
        source: the folder of its lessons.
        lesson_ids: ids of its lessons.

    Raises:
        CourseError: if the folder holds a course from elsewhere, without a common lesson.
    """
    manifest = read_manifest(folder)
    other = Path(manifest.get("source", source))
    published = {entry["id"] for entry in manifest.get("lessons", [])}
    if other != source and other.is_dir() and published and not published & lesson_ids:
        raise CourseError(
            f"{folder.name!r} is the id of another course already, the one in {other}",
            field="id",
            value=folder.name,
            remedy='give one of them another "id" in its course.yaml',
        )


def clear_away_stale(folder: Path, keep: set[str], lesson_ids: set[str]) -> list[str]:
    """Remove published files that no lesson owns any more.

    What a lesson left behind when its number changed is deleted: the same audio has a new name.
    Files of a lesson that is gone are moved into ``removed/<time>/``.

    Args:
        folder: the course's folder.
        keep: names of the files that belong to a lesson of the course.
        lesson_ids: ids of the lessons that have files.

    Returns:
        The names that were moved.
    """
    moved = []
    attic = folder / "removed" / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    try:
        for path in sorted(folder.glob("*")):
            name = _PUBLISHED.fullmatch(path.name)
            if name is None or path.name in keep:
                continue
            if name["id"] in lesson_ids:
                path.unlink()
                continue
            attic.mkdir(parents=True, exist_ok=True)
            shutil.move(path, attic / path.name)
            moved.append(path.name)
    except OSError as error:
        raise storage_error(error, attic) from error
    return moved
