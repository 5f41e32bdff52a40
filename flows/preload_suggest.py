"""Which phrases to preload: those that recur across courses, and sound the same by themselves."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.preload_plan import plan_phrases
from tts_tasks.catalog.recurring import RecurringPhrase, Rendition, recurring_phrases
from tts_tasks.errors import (
    EngineError,
    InputError,
    UnknownProviderError,
    UnknownVoiceError,
)
from tts_tasks.request import AUTO
from tts_tasks.settings import Settings

if TYPE_CHECKING:
    from tts_tasks.script.course import Course
    from tts_tasks.values import Chunk

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A phrase that is worth preloading."""

    recurring: RecurringPhrase
    """The phrase, and who says it."""

    lacking: tuple[str, ...]
    """Those of the voices asked for that the library lacks, as ``provider voice``."""

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready; ``preload_plan.read_phrases`` reads it again."""
        return {
            "phrase": self.recurring.written,
            "courses": list(self.recurring.courses),
            "duration_s": round(self.recurring.duration_s, 3),
            "voices": voices_of(self.recurring),
            "lacking": list(self.lacking),
        }


def voices_of(recurring: RecurringPhrase) -> list[str]:
    """Return the voices in which the library has a phrase, as ``provider voice``."""
    return list(dict.fromkeys(f"{one.provider} {one.voice}" for one in recurring.renditions))


def suggest(
    settings: Settings,
    voices: Sequence[str | None] = (),
    provider: str = AUTO,
    *,
    courses: Iterable[Path] = (),
    min_courses: int = 2,
    limit: int = 50,
    on_warning: Callable[[str], None] = logger.warning,
) -> list[Suggestion]:
    """Return the phrases that recur across courses, those heard longest first.

    A phrase that is read otherwise alone than in its lessons, because a course has a lexicon of
    its own, or a sentence was cut, is left out: preloading it would spare nothing.

    Args:
        settings: the installation.
        voices: the voices to preload; phrases that all of them have are left out.
        provider: whose voice, if none is named; with ``auto`` and no voice, every recurring phrase
            is returned, whoever lacks it.
        courses: folders of courses that count as they are written now, narrated or not.
        min_courses: courses that must say a phrase, at least.
        limit: phrases returned at most.
        on_warning: told of lessons that cannot be read.

    Raises:
        NarrationError: if there is no such course, voice or provider, or the catalog cannot be
            read.
    """
    candidates = _recurring(settings, courses, min_courses, on_warning)
    is_asked = bool([*filter(None, voices)]) or provider != AUTO
    found: list[Suggestion] = []
    for recurring in candidates:
        if len(found) == limit:
            break
        if not _says_the_same_alone(recurring, settings):
            continue
        recurring = replace(recurring, renditions=_kept(recurring.renditions, settings))
        lacking: tuple[str, ...] = ()
        if is_asked:
            planned = plan_phrases([recurring.written], voices, provider, settings)
            lacking = tuple(
                f"{each.script.provider} {each.script.voice}"
                for each in planned
                if not each.is_present
            )
        if lacking or not is_asked:
            found.append(Suggestion(recurring, lacking))
    return found


def _recurring(
    settings: Settings,
    courses: Iterable[Path],
    min_courses: int,
    on_warning: Callable[[str], None],
) -> list[RecurringPhrase]:
    """Return what recurs in the narrated courses and in those that are given, heaviest first."""
    from tts_tasks.script.course import read_course

    sources = [read_course(each, max_lesson_chars=settings.max_lesson_chars) for each in courses]
    if not sources:
        return recurring_phrases(settings.library, min_courses, None)
    ids = {source.id for source in sources}
    found = {
        each.written: each for each in recurring_phrases(settings.library, 1, None, without=ids)
    }
    for source in sources:
        for written, recurring in _phrases_of(source, settings, on_warning).items():
            known = found.get(written)
            found[written] = recurring if known is None else _merged(known, recurring)
    enough = [each for each in found.values() if len(each.courses) >= min_courses]
    return sorted(enough, key=lambda each: (-each.weight_s, each.written))


def _merged(one: RecurringPhrase, other: RecurringPhrase) -> RecurringPhrase:
    return RecurringPhrase(
        one.written,
        tuple(sorted({*one.courses, *other.courses})),
        one.duration_s,
        tuple(dict.fromkeys([*one.renditions, *other.renditions])),
    )


def _phrases_of(
    course: Course, settings: Settings, on_warning: Callable[[str], None]
) -> dict[str, RecurringPhrase]:
    """Return what a course says, as it is written now; how long it will be, is estimated."""
    from flows.course_plan import validated

    durations_s: dict[str, float] = {}
    renditions: dict[str, dict[Rendition, None]] = defaultdict(dict)
    for lesson in course.lessons:
        planned = validated(lesson, course, settings)
        if planned.script is None:
            on_warning(f"lesson {lesson.id} of {course.id} is left out: {planned.error}")
            continue
        provider = planned.script.provider
        for chunk in planned.script.chunks:
            if not chunk.written:
                continue
            durations_s.setdefault(chunk.written, _duration_s(chunk, provider, settings))
            said = Rendition(provider, chunk.voice, chunk.spoken, chunk.key)
            renditions[chunk.written][said] = None
    return {
        written: RecurringPhrase(written, (course.id,), duration_s, tuple(renditions[written]))
        for written, duration_s in durations_s.items()
    }


def _duration_s(chunk: Chunk, provider: str, settings: Settings) -> float:
    from tts_tasks.engines.registry import load_engine

    engine = load_engine(provider, settings)
    expected = engine.describe(chunk.voice).expected
    return len(chunk.spoken) / (expected.chars_per_s if expected else engine.typical_chars_per_s)


def _says_the_same_alone(recurring: RecurringPhrase, settings: Settings) -> bool:
    """Return whether a phrase is one chunk by itself, and read as in one of its lessons.

    If no voice that spoke it is here to tell, it is taken to be.
    """
    heard: list[str] = []
    for said in recurring.renditions:
        try:
            [alone] = plan_phrases([recurring.written], [said.voice], said.provider, settings)
        except (UnknownVoiceError, UnknownProviderError, EngineError):
            continue  # A voice that is not here any more says nothing about the text.
        except InputError:
            return False  # What was a part of a text is none by itself.
        heard = [chunk.spoken for chunk in alone.script.chunks]
        if heard == [said.spoken]:
            return True
    return not heard


def _kept(renditions: Iterable[Rendition], settings: Settings) -> tuple[Rendition, ...]:
    """Return what the library has."""
    from tts_tasks.catalog.library import UTTERANCE_FORMAT, Library

    objects = Library(settings.library).objects
    return tuple(one for one in renditions if objects.path(one.key, UTTERANCE_FORMAT).is_file())
