"""What narrating a course would cost: chunks, characters and minutes. Nothing is spoken or kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.course_plan import PlannedLesson, Wishes, as_wished, plan_lessons
from tts_tasks.errors import NarrationError
from tts_tasks.settings import Settings

if TYPE_CHECKING:
    from tts_tasks.script.course import Course
    from tts_tasks.values import Chunk


def dry_run(course: Course, source: Path, wishes: Wishes, settings: Settings) -> dict[str, Any]:
    """Return what would be synthesized, JSON-ready.

    Args:
        course: the course as its author wrote it.
        source: where it is.
        wishes: what is wanted otherwise than the course says.
        settings: the installation.

    Raises:
        NarrationError: if there is no such speaker, or another course is published under the id.
    """
    from tts_tasks.engines.registry import providers

    asked = _Forecast(as_wished(course, wishes, settings), source, settings)
    estimates: list[dict[str, Any]] = []
    for name in providers():
        try:
            spoken = as_wished(course, replace(wishes, provider=name, voice=None), settings)
            forecast = _Forecast(spoken, source, settings)
        except NarrationError as error:
            estimates.append({"provider": name, "error": str(error)})
        else:
            estimates.append({"provider": name, **forecast.estimate(), "error": None})
    return {
        "course": course.id,
        "lessons": [asked.as_json(lesson) for lesson in asked.lessons],
        "totals": asked.estimate(),
        "providers": estimates,
    }


class _Forecast:
    """What one way of narrating a course has still to do."""

    def __init__(self, course: Course, source: Path, settings: Settings) -> None:
        """Plan the course, and look up its chunks."""
        from tts_tasks.catalog.library import Library
        from tts_tasks.catalog.lookup import missing_chunks

        self.lessons = plan_lessons(course, source, settings)
        self._settings = settings
        library = Library(settings.library, durable=settings.durable)
        self.missing: dict[str, tuple[Chunk, ...]] = {}
        known: set[str] = set()
        for lesson in self.lessons:
            chunks: tuple[Chunk, ...] = ()
            if lesson.script is not None and not lesson.is_unchanged:
                chunks = missing_chunks(lesson.script, library)
            # What two lessons share is spoken once.
            self.missing[lesson.lesson.id] = tuple(c for c in chunks if c.key not in known)
            known.update(chunk.key for chunk in chunks)

    def estimate(self) -> dict[str, Any]:
        """Return how much is to be spoken, and how long that takes."""
        chunks = sum(len(each) for each in self.missing.values())
        audio_s = synthesis_s = 0.0
        for lesson in self.lessons:
            speech_s, rtf = self._speech_s(lesson)
            audio_s += speech_s + sum(c.pause_s for c in self.missing[lesson.lesson.id])
            synthesis_s += speech_s * rtf
        return {
            "chunks": chunks,
            "characters": sum(len(c.spoken) for each in self.missing.values() for c in each),
            "audio_min": round(audio_s / 60, 3),
            "synthesis_min": round(synthesis_s / 60, 4),
        }

    def as_json(self, planned: PlannedLesson) -> dict[str, Any]:
        """Return one lesson's part."""
        missing = self.missing[planned.lesson.id]
        script = planned.script
        status = "failed" if script is None else "unchanged" if planned.is_unchanged else "changed"
        return {
            "id": planned.lesson.id,
            "title": planned.lesson.title,
            "status": status,
            "provider": script and script.provider,
            "voice": script and script.voice,
            "chunks": len(script.chunks) if script else 0,
            "to_synthesize": len(missing),
            "characters": sum(len(chunk.spoken) for chunk in missing),
            "texts": [{"line": chunk.line, "written": chunk.written} for chunk in missing],
            "error": planned.error.as_dict() if planned.error else None,
        }

    def _speech_s(self, planned: PlannedLesson) -> tuple[float, float]:
        """Return seconds of speech that a lesson still needs, and the engine's real-time factor."""
        from tts_tasks.engines.registry import load_engine

        missing = self.missing[planned.lesson.id]
        if planned.script is None or not missing:
            return 0.0, 0.0
        engine = load_engine(planned.script.provider, self._settings)
        speech_s = 0.0
        for chunk in missing:
            expected = engine.describe(chunk.voice).expected
            pace = expected.chars_per_s if expected else engine.typical_chars_per_s
            speech_s += len(chunk.spoken) / pace
        return speech_s, engine.typical_rtf
