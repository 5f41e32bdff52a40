"""What came of a course: its manifest, its stale files, and the report that the command prints."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.course_plan import PlannedLesson, published_folder
from tts_tasks.files import checksum
from tts_tasks.settings import Settings

if TYPE_CHECKING:
    from tts_tasks.script.course import Course

CAPTION_KINDS = ("vtt", "srt")
"""Suffixes of caption files; what else lies beside the audio is a transcript."""

Outcome = dict[str, Any]
"""What ``generate_narration`` returns, for one lesson."""


def publish(
    course: Course,
    source: Path,
    lessons: list[PlannedLesson],
    outcomes: dict[str, Outcome],
    settings: Settings,
) -> dict[str, Any]:
    """Write ``course.json``, move stale files away, and return the report.

    Args:
        course: the course as its author wrote it.
        source: the folder of its lessons.
        lessons: every lesson with its plan.
        outcomes: what came of the lessons that were narrated, by lesson id.
        settings: the installation.

    A lesson that failed keeps the files and the entry of its last publication.
    """
    from tts_tasks.catalog.courses import clear_away_stale, read_manifest, write_manifest

    folder = published_folder(course, settings)
    # By id: two lessons that share one are both refused, and keep the one publication.
    published = {
        planned.lesson.id: _entry(planned, outcomes.get(planned.lesson.id)) for planned in lessons
    }
    entries = [entry for entry in published.values() if entry]
    book = read_manifest(folder).get("audiobook")
    if book and any(outcome["success"] for outcome in outcomes.values()):
        book = {**book, "is_stale": True}
    if entries:
        write_manifest(
            folder,
            {
                "id": course.id,
                "title": course.title,
                "source": str(source),
                "language": course.language,
                "duration_s": round(sum(entry["duration_s"] for entry in entries), 3),
                "lessons": entries,
                # What it was made of stands in it: it is renewed when that has changed.
                **({"audiobook": book} if book else {}),
            },
        )
    moved = clear_away_stale(
        folder,
        keep={name for entry in entries for name in entry["files"]},
        lesson_ids={entry["id"] for entry in entries},
    )
    rows = [_row(planned, outcomes.get(planned.lesson.id), folder) for planned in lessons]
    return {
        "course": course.id,
        "title": course.title,
        "folder": str(folder),
        "lessons": rows,
        "totals": _totals(rows, outcomes),
        "removed": moved,
        "stale_audiobook": book["file"] if book and book.get("is_stale") else None,
    }


def _entry(planned: PlannedLesson, outcome: Outcome | None) -> dict[str, Any] | None:
    """Return the lesson's entry in ``course.json``."""
    if outcome is None or not outcome["success"]:
        return planned.published
    beside = [*outcome["captions"].values(), *outcome["transcripts"].values()]
    files = [Path(outcome["audio_path"]), *map(Path, beside)]
    return {
        "id": planned.lesson.id,
        "title": planned.lesson.title,
        "number": planned.lesson.number,
        "fingerprint": outcome["fingerprint"],
        "key": outcome["key"],
        "provider": outcome["provider"],
        "voice": outcome["voice"],
        "choice": outcome["choice"],
        "ranking": outcome["ranking"],
        "downgraded": outcome["downgraded"],
        "duration_s": round(outcome["duration"], 3),
        "characters": outcome["characters"],
        "profile": outcome["profile"],
        "flagged": outcome["flagged"],
        "loudness_lufs": outcome["loudness_lufs"],
        "true_peak_dbtp": outcome["true_peak_dbtp"],
        "narrated_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {path.name: checksum(path) for path in files},
        "chunks": outcome["sentences"],
    }


def _row(planned: PlannedLesson, outcome: Outcome | None, folder: Path) -> dict[str, Any]:
    """Return the lesson's row of the report."""
    row: dict[str, Any] = {
        "id": planned.lesson.id,
        "title": planned.lesson.title,
        "status": "failed",
        "provider": None,
        "voice": None,
        "duration_s": 0.0,
        "chunks": 0,
        "synthesized_chunks": 0,
        "rtf": None,
        "audio": None,
        "captions": {},
        "transcripts": {},
        "choice": None,
        "downgraded": False,
        "error": None,
    }
    if planned.is_unchanged and planned.published:
        return row | _unchanged(planned.published, folder)
    if outcome is None or not outcome["success"]:
        refusal = planned.error.as_dict() if planned.error else None
        return row | {"error": outcome["error"] if outcome else refusal}
    return row | {
        "status": "narrated",
        "provider": outcome["provider"],
        "voice": outcome["voice"],
        "duration_s": round(outcome["duration"], 3),
        "chunks": outcome["chunks"],
        "synthesized_chunks": outcome["synthesized_chunks"],
        "rtf": outcome["rtf"],
        "audio": outcome["audio_path"],
        "captions": outcome["captions"],
        "transcripts": outcome["transcripts"],
        "choice": outcome["choice"],
        "downgraded": outcome["downgraded"],
    }


def _unchanged(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    audio, *beside = entry["files"]
    files = {Path(name).suffix[1:]: str(folder / name) for name in beside}
    captions = {kind: path for kind, path in files.items() if kind in CAPTION_KINDS}
    transcripts = {kind: path for kind, path in files.items() if kind not in CAPTION_KINDS}
    return {
        "status": "unchanged",
        "provider": entry["provider"],
        "voice": entry["voice"],
        "duration_s": entry["duration_s"],
        "chunks": len(entry["chunks"]),
        "audio": str(folder / audio),
        "captions": captions,
        "transcripts": transcripts,
        "choice": entry.get("choice"),
        "downgraded": entry.get("downgraded", False),
    }


def _totals(rows: list[dict[str, Any]], outcomes: dict[str, Outcome]) -> dict[str, Any]:
    statuses = [row["status"] for row in rows]
    spoken = [outcome for outcome in outcomes.values() if outcome["success"]]
    synthesis_s = sum(outcome["synthesis_s"] for outcome in spoken)
    synthesized_s = sum(outcome["synthesized_audio_s"] for outcome in spoken)
    return {
        "lessons": len(rows),
        "narrated": statuses.count("narrated"),
        "unchanged": statuses.count("unchanged"),
        "failed": statuses.count("failed"),
        "downgraded": sum(row["downgraded"] for row in rows),
        "duration_s": round(sum(row["duration_s"] for row in rows), 3),
        "narrated_s": round(sum(outcome["duration"] for outcome in spoken), 3),
        "chunks": sum(row["chunks"] for row in rows),
        "synthesized_chunks": sum(row["synthesized_chunks"] for row in rows),
        "characters": sum(outcome["characters"] for outcome in spoken),
        "synthesis_s": round(synthesis_s, 3),
        "rtf": synthesis_s / synthesized_s if synthesized_s else None,
    }
