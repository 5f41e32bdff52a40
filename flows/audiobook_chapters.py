"""What an audiobook is made of: the lessons of a course with their utterances, its tags.

A lesson that lacks a sentence, or that may not be published, is an error: no book has a hole.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from flows.course_plan import PlannedLesson
from tts_tasks.errors import CourseError, excerpt
from tts_tasks.request import language_code
from tts_tasks.settings import Settings
from tts_tasks.values import Plan, Spoken, Tags, Utterance

if TYPE_CHECKING:
    from tts_tasks.catalog.library import Library
    from tts_tasks.mastering.audiobook import Chapter
    from tts_tasks.mastering.profile import MasteringProfile
    from tts_tasks.script.course import Course

SHOWN_LESSONS = 5
"""How many of the lessons that are not ready a message names."""


def chapters_of(
    lessons: Sequence[PlannedLesson], library: Library, source: Path, settings: Settings
) -> list[Chapter]:
    """Return the lessons with their utterances.

    What a published lesson was made of and the library has lost is spoken again.

    Raises:
        CourseError: names the lessons that are not ready, and what each one lacks.
    """
    from tts_tasks.mastering.audiobook import Chapter

    chapters, lacking = [], []
    for planned in lessons:
        try:
            chapters.append(Chapter(planned.lesson.title, _spoken(planned, library, settings)))
        except CourseError as error:
            lacking.append(f"{planned.lesson.id} ({error.message})")
    if lacking:
        n_more = len(lacking) - SHOWN_LESSONS
        more = f" and {n_more} more" if n_more > 0 else ""
        raise CourseError(
            f"{len(lacking)} of {len(lessons)} lessons are not ready for an audiobook: "
            f"{'; '.join(lacking[:SHOWN_LESSONS])}{more}",
            field="lessons",
            value=source,
            remedy=f"narrate them first: narrate course {shlex.quote(str(source))}",
        )
    return chapters


def _spoken(planned: PlannedLesson, library: Library, settings: Settings) -> Spoken:
    """Return a lesson's utterances.

    Raises:
        CourseError: says what it lacks.
    """
    from tts_tasks import steps

    script = planned.script
    if script is None:
        raise CourseError(planned.error.message if planned.error else "it has no script")
    found = {chunk.key: library.find_utterance(chunk) for chunk in script.chunks}
    held = {key: utterance for key, utterance in found.items() if utterance is not None}
    missing = {chunk.key: chunk for chunk in script.chunks if chunk.key not in held}
    was_made = library.find_narration(script.key, script.format) is not None
    if missing and not (was_made or planned.is_unchanged):
        raise CourseError(f"{len(missing)} of {len(found)} sentences are not spoken yet")
    plan = Plan(script, finished=None, utterances=held, missing=tuple(missing.values()))
    spoken = steps.synthesize(plan, settings)
    utterances = spoken.utterances
    if not planned.parameters["accept_flagged"]:
        accepted = (planned.published or {}).get("flagged", ())
        flagged = [one for one in utterances if _is_flagged(one) and one.chunk.key not in accepted]
        if flagged:
            raise CourseError(
                f"{len(flagged)} sentence(s) failed their checks, and nobody accepted them: "
                f"{excerpt(flagged[0].chunk.written)!r}"
            )
    return spoken


def _is_flagged(utterance: Utterance) -> bool:
    return utterance.quality is not None and not utterance.quality.is_good


def tags_of(course: Course, chapters: Sequence[Chapter]) -> Tags:
    """Return what the audiobook says about itself: title, speakers and language of the course."""
    scripts = [chapter.spoken.plan.script for chapter in chapters]
    speakers = dict.fromkeys(f"{script.provider} {script.voice}" for script in scripts)
    return Tags(
        title=course.title,
        album=course.title,
        artist=", ".join(speakers),
        language=language_code(course.language),
    )


def fingerprint(
    chapters: Sequence[Chapter], tags: Tags, picture: bytes, profile: MasteringProfile
) -> str:
    """Return a digest of everything that the file depends on."""
    from tts_tasks.catalog.keys import canonical_json
    from tts_tasks.mastering.audiobook import describe

    lessons = [
        [chapter.title]
        + [
            [one.chunk.key, one.chunk.lead_s, one.chunk.pause_s]
            for one in chapter.spoken.utterances
        ]
        for chapter in chapters
    ]
    content = {
        "lessons": lessons,
        "tags": [tags.title, tags.artist, tags.language],
        "cover": sha256(picture).hexdigest(),
        "sound": describe(profile),
    }
    return sha256(canonical_json(content).encode()).hexdigest()
