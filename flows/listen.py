"""``narrate listen``: one page on which a person hears a course and decides.

The page needs no network. Its lessons' audio lies beside it, and what it shows from the library is
copied into a folder of its own name: both can be moved together.
"""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.course_plan import Wishes
from flows.listen_copies import Copies, url
from flows.listen_course import Found, find_course
from flows.listen_lessons import Doubt, Lesson, Sentence, Status, lessons_of
from flows.listen_words import (
    STATUSES,
    TONES,
    clock,
    counted,
    flag_in_words,
    score_in_words,
    verdict,
)
from flows.pages import template
from tts_tasks.catalog.library import Library
from tts_tasks.errors import MasteringError, NarrationError, OutputPathError
from tts_tasks.files import write_whole
from tts_tasks.mastering.picture import Envelope, outline, read_envelope
from tts_tasks.settings import Settings

PAGE = "listen.html"

LESSON_SIZE = (800, 96)
"""Width and height of a lesson's picture, in units of its view box."""

TAKE_SIZE = (240, 48)
"""Width and height of a take's picture."""

TOLERANCE_LU = 0.3
"""How far a published file may be from the loudness of its profile."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was written."""

    path: Path
    """The page."""

    course: str
    """Id of the course."""

    lessons: int
    """Lessons on it."""

    flagged: int
    """Sentences whose take failed a check."""

    waiting: int
    """Those among them that keep their lesson from being published."""


def write_page(
    given: str,
    wishes: Wishes,
    settings: Settings,
    *,
    output: Path | None = None,
    on_start: Callable[[int], None] = lambda n_lessons: None,
    on_lesson: Callable[[], None] = lambda: None,
) -> Page:
    """Write the page of a course.

    Args:
        given: folder of a published course, id of one, or the source of a course.
        wishes: what was asked for when it was narrated, other than its author wrote.
        settings: the installation.
        output: the page; ``listen.html`` in the published folder when omitted.
        on_start: called with the number of lessons.
        on_lesson: called after each lesson.

    Raises:
        SourceError: if there is no such course.
        OutputPathError: if the page cannot be written there.
        CatalogError: if the library cannot be read.
    """
    found = find_course(given, wishes, settings)
    path = _page_path(output, found)
    library = Library(settings.library, settings.durable)
    lessons = lessons_of(found, library)
    on_start(len(lessons))
    copies = Copies(path.with_suffix(""))

    def show(lesson: Lesson) -> dict[str, Any]:
        shown = _lesson(lesson, path, copies)
        on_lesson()
        return shown

    # Decoding leaves the interpreter's lock alone, so that all cores decode.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        shown = list(pool.map(show, lessons))
    n_missing = sum(each["is_missing"] for each in shown)
    tone, said = verdict(lessons, n_missing)
    page = Page(
        path=path,
        course=found.id,
        lessons=len(lessons),
        flagged=sum(lesson.n_flagged for lesson in lessons),
        waiting=sum(lesson.n_flagged for lesson in lessons if lesson.status is Status.REFUSED),
    )
    html = template(PAGE).render(
        course=found,
        lessons=shown,
        tone=tone,
        verdict=said,
        totals=_totals(lessons),
        page=page,
        accept_command=_accept_command(found, wishes),
        lesson_size=LESSON_SIZE,
        take_size=TAKE_SIZE,
    )
    copies.write()
    write_whole(path, html.encode("utf-8", "replace"))
    copies.remove_others()
    return page


def _page_path(output: Path | None, found: Found) -> Path:
    path = (output or found.folder / PAGE).expanduser().resolve()
    if path.suffix.lower() not in (".html", ".htm"):
        raise OutputPathError(
            f"{path.name!r} is no name of a page",
            field="output",
            value=output,
            remedy="give a name that ends in .html",
        )
    if path.is_dir():
        raise OutputPathError(
            f"{path} is a folder", field="output", value=output, remedy="give the name of a file"
        )
    return path


def _lesson(lesson: Lesson, page: Path, copies: Copies) -> dict[str, Any]:
    """Return what the page shows of a lesson."""
    envelope, problem = _envelope(lesson.audio, LESSON_SIZE[0])
    duration_s = envelope.duration_s if envelope else lesson.duration_s or 0.0
    source = None
    if lesson.audio and not problem:
        relative = os.path.relpath(lesson.audio, page.parent)
        source = copies.of_draft(lesson.audio) if lesson.is_draft else url(relative)
    n_words = sum(len(sentence.text.split()) for sentence in lesson.sentences)
    flagged = {doubt.key for doubt in lesson.doubts if doubt.is_flagged}
    doubts = [_doubt(doubt, copies) for doubt in lesson.doubts]
    return {
        "lesson": lesson,
        "status": STATUSES[lesson.status],
        "tone": TONES[lesson.status],
        "source": source,
        "is_missing": bool(problem),
        "problem": problem,
        "length": clock(duration_s) if lesson.audio else "",
        "words_per_min": round(n_words / duration_s * 60) if duration_s and n_words else None,
        "outline": _outline(envelope, LESSON_SIZE),
        "spans": _spans(lesson.sentences, flagged, duration_s),
        "levels": _levels(lesson),
        "flagged": [doubt for doubt in doubts if doubt["is_flagged"]],
        "retaken": [doubt for doubt in doubts if not doubt["is_flagged"]],
    }


def _spans(
    sentences: Sequence[Sentence], flagged: set[str], duration_s: float
) -> list[dict[str, Any]]:
    """Return where the sentences lie in the picture."""
    if not duration_s:
        return []
    scale = LESSON_SIZE[0] / duration_s
    return [
        {
            "x": round(sentence.start_s * scale, 2),
            "width": round(max((sentence.end_s - sentence.start_s) * scale, 0.5), 2),
            "start_s": round(sentence.start_s, 3),
            "text": sentence.text,
            "is_flagged": sentence.key in flagged,
        }
        for sentence in sentences
        if sentence.start_s is not None and sentence.end_s is not None
    ]


def _doubt(doubt: Doubt, copies: Copies) -> dict[str, Any]:
    envelopes = [_envelope(take.path, TAKE_SIZE[0])[0] for take in doubt.takes]
    # One scale for all takes of a sentence: a quiet one looks quiet, a short one short.
    full_scale = max((envelope.peak for envelope in envelopes if envelope), default=1.0)
    longest_s = max((envelope.duration_s for envelope in envelopes if envelope), default=0.0)
    return {
        "text": doubt.text,
        "starts": [{"start_s": round(each, 3), "clock": clock(each)} for each in doubt.starts_s],
        "is_flagged": doubt.is_flagged,
        "takes": [
            {
                "source": copies.of_take(doubt.key, take) if envelope else None,
                "outline": _outline(envelope, TAKE_SIZE, full_scale),
                "width": round(100 * envelope.duration_s / longest_s) if envelope else 0,
                "length": f"{envelope.duration_s:.1f} s" if envelope else "",
                "seed": take.seed,
                "is_used": take.accepted,
                "flags": [flag_in_words(flag) for flag in take.quality.flags],
                "scores": [score_in_words(*score) for score in take.quality.scores.items()],
                "heard": take.quality.asr,
            }
            for take, envelope in zip(doubt.takes, envelopes, strict=True)
        ],
    }


def _envelope(path: Path | None, columns: int) -> tuple[Envelope | None, str]:
    """Return the picture of a file, or what is wrong with it."""
    if path is None:
        return None, ""
    if not path.is_file():
        return None, "The audio has been removed"
    try:
        envelope = read_envelope(path, columns)
    except MasteringError as error:
        return None, f"The audio is damaged: {error.message}"
    return (envelope, "") if envelope.duration_s else (None, "The audio is empty")


def _outline(envelope: Envelope | None, size: tuple[int, int], full_scale: float = 1.0) -> str:
    width, height = size
    if envelope is None:
        return ""
    return outline(envelope, width=width, height=height, full_scale=full_scale)


def _levels(lesson: Lesson) -> list[dict[str, Any]]:
    """Return loudness and true peak beside what the profile wants; ``is_ok`` where it is met."""
    from tts_tasks.mastering.profile import find_profile

    loudness_lufs, true_peak_dbtp = lesson.loudness_lufs, lesson.true_peak_dbtp
    if loudness_lufs is None or true_peak_dbtp is None:
        return []
    try:
        profile = find_profile(lesson.profile)
    except NarrationError:
        target_lufs, ceiling_dbtp = None, math.inf
    else:
        target_lufs, ceiling_dbtp = profile.loudness_lufs, profile.ceiling_dbtp
    is_loud_enough = target_lufs is None or abs(loudness_lufs - target_lufs) <= TOLERANCE_LU
    return [
        {
            "name": "Loudness",
            "value": f"{loudness_lufs:.1f} LUFS",
            "wanted": "as recorded" if target_lufs is None else f"target {target_lufs:g}",
            "is_ok": is_loud_enough,
        },
        {
            "name": "True peak",
            "value": f"{true_peak_dbtp:.1f} dBTP",
            "wanted": f"at most {ceiling_dbtp:g}" if math.isfinite(ceiling_dbtp) else "",
            "is_ok": true_peak_dbtp <= ceiling_dbtp,
        },
    ]


def _totals(lessons: Sequence[Lesson]) -> dict[str, str]:
    """Return the numbers at the top of the page."""
    levels = sorted(
        lesson.loudness_lufs
        for lesson in lessons
        if lesson.loudness_lufs is not None and math.isfinite(lesson.loudness_lufs)
    )
    ends = list(dict.fromkeys(f"{level:.1f}" for level in levels[:1] + levels[-1:]))
    return {
        "Lessons": str(len(lessons)),
        "Length": clock(sum(lesson.duration_s or 0.0 for lesson in lessons)),
        "Flagged": counted(sum(lesson.n_flagged for lesson in lessons), "sentence"),
        "Loudness": f"{' to '.join(ends)} LUFS" if ends else "unknown",
    }


def _accept_command(found: Found, wishes: Wishes) -> str:
    """Return the command that publishes what is flagged."""
    options = {
        "--provider": wishes.provider,
        "--voice": wishes.voice,
        "--format": wishes.format,
        "--profile": wishes.profile,
        "--policy": wishes.policy,
    }
    given = [part for name, value in options.items() if value for part in (name, value)]
    return shlex.join(
        ["narrate", "course", str(found.source or found.id), *given, "--accept-flagged"]
    )
