"""What a course needs: each lesson validated and compared with what was published last time."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.contract import as_request
from tts_tasks.errors import EngineParameterError, NarrationError
from tts_tasks.request import AUTO, Preference, preference_of
from tts_tasks.settings import Settings
from tts_tasks.values import Script

if TYPE_CHECKING:
    from tts_tasks.engines.protocol import Parameters
    from tts_tasks.script.course import Course
    from tts_tasks.script.lessons import Lesson
    from tts_tasks.script.lexicon import Entry


@dataclass(frozen=True, slots=True)
class PlannedLesson:
    """A lesson of the course, and what has to be done for it."""

    lesson: Lesson
    """The lesson as its author wrote it."""

    parameters: dict[str, Any]
    """Parameters of its ``narrate`` run."""

    script: Script | None = None
    """What will be said; ``None`` when the lesson cannot be narrated."""

    fingerprint: str = ""
    """Digest of what its published files depend on (``catalog.courses.fingerprint``)."""

    published: dict[str, Any] | None = None
    """Its entry in the manifest of the last publication."""

    is_unchanged: bool = False
    """Whether its published files are already right."""

    error: NarrationError | None = None
    """Why it cannot be narrated."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever starts a course wants otherwise than its author wrote; ``None`` for nothing."""

    provider: str | None = None
    """Who speaks all of it."""

    voice: str | None = None
    """Voice of the lessons in its language."""

    format: str | None = None
    """Audio format."""

    profile: str | None = None
    """Mastering profile."""

    accept_flagged: bool = False
    """Whether lessons are published although a take of theirs failed its checks."""

    policy: str | None = None
    """What matters when ``auto`` chooses; see ``request.preference_of``."""

    upgrade: bool = False
    """Whether lessons are narrated again that a lesser provider spoke in place of another one."""


def as_wished(course: Course, wishes: Wishes, settings: Settings) -> Course:
    """Return the course as if its author had written what is wished.

    Raises:
        NarrationError: if there is no such speaker, format or profile.
    """
    from tts_tasks.engines.choose import refuse_unknown_providers
    from tts_tasks.mastering.profile import find_format, find_profile

    course = spoken_by(course, wishes.provider, wishes.voice, settings)
    preference = course.preference
    if wishes.policy is not None:
        preference = preference_of(wishes.policy)
    elif wishes.provider is not None and preference.order:
        preference = Preference()  # The author's order is overruled, too.
    refuse_unknown_providers(preference)
    return replace(
        course,
        preference=preference,
        format=find_format(wishes.format or course.format).name,
        profile=find_profile(wishes.profile or course.profile).name,
        accept_flagged=course.accept_flagged or wishes.accept_flagged,
    )


def published_folder(course: Course, settings: Settings) -> Path:
    """Return the folder that a course is published in."""
    return settings.narrations / course.id


def spoken_by(
    course: Course, provider: str | None, voice: str | None, settings: Settings
) -> Course:
    """Return the course as if its author had asked for this provider and voice throughout.

    Parameters that the provider does not take are for another one, and go. A lesson in another
    language than the course and the voice keeps its language's own voice.

    Raises:
        NarrationError: if there is no such speaker; see ``choose``.
    """
    from tts_tasks.engines.choose import choose

    if provider is None and voice is None:
        return course
    speaker = choose(provider or AUTO, voice, course.language, settings)

    def taken(parameters: Parameters) -> Parameters:
        try:
            speaker.engine.parameters(parameters)
        except EngineParameterError:
            return {}
        return parameters

    languages = {base_language(course.language), base_language(speaker.voice.language)}
    lessons = tuple(
        replace(
            lesson,
            provider=None,
            voice=voice if base_language(lesson.language or course.language) in languages else None,
            parameters=taken(lesson.parameters),
        )
        for lesson in course.lessons
    )
    return replace(
        course,
        provider=provider or AUTO,
        voice=voice,
        parameters=taken(course.parameters),
        lessons=lessons,
    )


def base_language(tag: str) -> str:
    """Return the language of a BCP 47 tag: ``pt-BR`` -> ``pt``."""
    return tag.lower().replace("_", "-").split("-")[0]


def plan_lessons(
    course: Course,
    source: Path,
    settings: Settings,
    *,
    upgrade: bool = False,
    gpu_online: bool | None = None,
) -> list[PlannedLesson]:
    """Return every lesson of the course, in order, with what has to be done for it.

    Args:
        course: the course as its author wrote it.
        source: the folder of its lessons.
        settings: the installation.
        upgrade: whether lessons are narrated again that a lesser provider spoke.
        gpu_online: whether a worker with a GPU is online; ``None`` where this process speaks.

    Raises:
        CourseError: if another course is published under this one's id.
    """
    from tts_tasks.catalog.courses import read_manifest, refuse_another_course

    ids = {lesson.id for lesson in course.lessons}
    refuse_another_course(published_folder(course, settings), source, ids)
    manifest = read_manifest(published_folder(course, settings))
    published = {entry["id"]: entry for entry in manifest.get("lessons", [])}
    planner = _Planner(course, settings, upgrade=upgrade, gpu_online=gpu_online)
    return [planner.plan(lesson, published.get(lesson.id)) for lesson in course.lessons]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    """Compares the lessons of a course with what was published of them."""

    course: Course = field(kw_only=False)
    settings: Settings = field(kw_only=False)
    upgrade: bool
    gpu_online: bool | None

    def plan(self, lesson: Lesson, published: dict[str, Any] | None) -> PlannedLesson:
        """Return a lesson with what has to be done for it."""
        planned = self._compared(lesson, published)
        if planned.script is None or planned.is_unchanged or not published:
            return planned
        if not _keeps_its_voice(planned.script, published, upgrade=self.upgrade):
            return planned
        as_published = self._compared(replace(lesson, provider=published["provider"]), published)
        return as_published if as_published.is_unchanged else planned

    def _compared(self, lesson: Lesson, published: dict[str, Any] | None) -> PlannedLesson:
        from tts_tasks.catalog.courses import is_unchanged

        found = validated(lesson, self.course, self.settings, gpu_online=self.gpu_online)
        planned = replace(found, published=published)
        if planned.script is None:
            return planned
        folder = published_folder(self.course, self.settings)
        return replace(planned, is_unchanged=is_unchanged(folder, published, planned.fingerprint))


def _keeps_its_voice(script: Script, published: dict[str, Any], *, upgrade: bool) -> bool:
    """Return whether a lesson, if its text is the same, keeps the provider that spoke it.

    ``auto`` may choose another one tonight than last night, only because a service rests, or works
    again: that is no reason to speak a lesson anew, for the worse or, unasked, for the better.
    """
    now = {verdict.provider: verdict for verdict in script.ranking}
    spoke = now.get(published["provider"])
    if spoke is None or spoke.provider == script.provider:
        return False
    before = {each["provider"]: each for each in published.get("ranking", ())}
    then = before.get(script.provider)
    if then and not then["is_usable"] and not then["is_passing"]:
        return False  # It could not speak at all then: its model has come, or its author wants it.
    if not spoke.is_usable and not spoke.is_passing:
        return False  # It cannot speak any more: its model is gone, or its author excludes it.
    was_passed_over = bool(then and then["is_passing"])
    return spoke.is_passing or (was_passed_over and not upgrade)


def validated(
    lesson: Lesson, course: Course, settings: Settings, *, gpu_online: bool | None = None
) -> PlannedLesson:
    """Return a lesson with what will be said, whatever was published before."""
    from tts_tasks import steps
    from tts_tasks.catalog.courses import fingerprint

    folder = published_folder(course, settings)
    language = lesson.language or course.language
    preference = course.preference
    is_courses = base_language(language) == base_language(course.language)
    parameters: dict[str, Any] = {
        "text": lesson.text,
        "output_path": str(folder / f"{lesson.number:02d}-{lesson.id}.{course.format}"),
        "provider": lesson.provider or course.provider,
        # A lesson in another language does not get the course's voice by default.
        "voice": lesson.voice or (course.voice if is_courses else None),
        "format": course.format,
        "language": language,
        "markup": lesson.markup.value,
        "parameters": {**course.parameters, **lesson.parameters},
        "lexicon": _lexicon_of(lesson, course),
        "policies": asdict(lesson.policies),
        "profile": course.profile,
        "quality": course.quality.value,
        # A lesson's own provider counts more than the course's order.
        "policy": str(Preference() if lesson.provider and course.preference.order else preference),
        "accept_flagged": course.accept_flagged or lesson.accept_flagged,
        "title": lesson.title,
        "course": course.title,
        "track": lesson.number,
        "lesson": f"{course.id}/{lesson.id}",
    }
    if lesson.error:
        return PlannedLesson(lesson, parameters, error=lesson.error)
    try:
        request = as_request(settings, **parameters, first_line=lesson.first_line)
        script = steps.validate(request, settings, gpu_online=gpu_online)
    except NarrationError as error:
        return PlannedLesson(lesson, parameters, error=error.in_file(lesson.path.name))
    return PlannedLesson(
        lesson, parameters, script=script, fingerprint=fingerprint(script, request.tags)
    )


def _lexicon_of(lesson: Lesson, course: Course) -> dict[str, Entry]:
    """Return the course's entries that concern a lesson, and those that concern what they say."""
    from tts_tasks.script.hidden import shown
    from tts_tasks.script.lexicon import entries_in

    text = shown(lesson.visible_text())
    found: dict[str, Entry] = {}
    while (more := entries_in(text, course.lexicon)).keys() - found.keys():
        found = more
        words = (
            said if isinstance(said, str) else " ".join(said.values()) for said in more.values()
        )
        text = "\n".join([text, *words])
    return found
