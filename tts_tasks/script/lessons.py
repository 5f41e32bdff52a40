"""One lesson: what its file or its manifest says, and what is wrong with it.

Whatever is wrong with a lesson becomes its error, so that the others stay usable.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tts_tasks.errors import CourseError, EmptyTextError, InputError, SourceError, TextTooLongError
from tts_tasks.request import Markup, Policies
from tts_tasks.script.chunks import has_speech
from tts_tasks.script.course_fields import (
    MAX_ID_CHARS,
    Parameters,
    given_id,
    hashed_id,
    id_from_name,
    optional_text,
    order_of,
    parameters_of,
    policies_of,
    prettify,
    refuse_long_id,
    slug,
    switch_of,
)
from tts_tasks.script.course_files import LessonEntry
from tts_tasks.script.hidden import shown
from tts_tasks.script.readers import WITH_FRONT_MATTER, Document, read_document
from tts_tasks.script.segments import segments_of
from tts_tasks.script.sources import split_front_matter
from tts_tasks.values import Segment, Structure

FRONT_MATTER_KEYS = (
    "id",
    "title",
    "language",
    "voice",
    "provider",
    "parameters",
    "policies",
    "accept_flagged",
    "order",
    "number",
)


COURSE_ONLY_KEYS = ("policy", "profile", "quality", "format", "audiobook", "cover")
"""Keys of course.yaml that a lesson cannot have."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson as read from its file."""

    id: str
    """Stable name within the course: lower-case letters, digits and hyphens."""

    title: str
    """From the manifest or front matter, else the first heading, else the file name."""

    number: int
    """Position in the course, from 1."""

    path: Path
    """The source file; the manifest, for a lesson whose text stands there."""

    text: str
    """Body without front matter; empty on error."""

    language: str | None = None
    """The lesson's own language, a BCP 47 tag, None for the course's."""

    voice: str | None = None
    """The lesson's own voice, None for the course's."""

    provider: str | None = None
    """The lesson's own provider, None for the course's."""

    parameters: Parameters = field(default_factory=dict)
    """The lesson's own engine parameters; they override the course's."""

    markup: Markup = Markup.MARKDOWN
    """How the text is written."""

    policies: Policies = field(default_factory=Policies)
    """What the voice does with code, tables and addresses: the lesson's own wishes, else the
    course's."""

    accept_flagged: bool = False
    """Whether it is published although a take of it failed its checks."""

    first_line: int | None = 1
    """Number of the text's first line in its file; None for documents, which have no lines."""

    error: InputError | None = None
    """Why the lesson cannot be narrated, None when it can."""

    def segments(self) -> list[Segment]:
        """Return the segments of the text; none of one that could not be read."""
        if not self.text:
            return []
        return segments_of(
            self.text,
            self.markup,
            self.policies,
            language=self.language or "pt-BR",
            first_line=self.first_line,
        )

    def visible_text(self) -> str:
        """Return what a reader sees of the lesson: no markup but marks."""
        return "\n".join(segment.text for segment in self.segments())


def read_lesson(
    entry: LessonEntry, policies: Policies, max_chars: int
) -> tuple[Lesson, float | None]:
    """Read one lesson; whatever is wrong with it becomes its error.

    Args:
        entry: the lesson as the course lists it.
        policies: the course's.
        max_chars: longest lesson, in characters.

    Returns:
        The lesson, without its number, and its place in the order, if its front matter gives one.
    """
    where = entry.where
    front: Mapping[str, Any] = {}
    document = Document("", Markup.MARKDOWN, 1)
    error = entry.error
    if error is None:
        try:
            front, document = _read_body(entry, max_chars)
        except InputError as problem:
            error = problem
    settings = {**front, **entry.listed}
    lesson = _unnamed(entry)
    order: float | None = None
    try:
        given = given_id(settings, where, lesson.id)
        if given is None:
            refuse_long_id(_derived_id(entry), where)
        lesson = replace(lesson, id=given or lesson.id)
        order = order_of(front, where)
        own = policies_of(front.get("policies"), where, policies)
        title = optional_text(settings, "title", where)
        lesson = replace(
            lesson,
            title=title or lesson.title,
            language=optional_text(settings, "language", where),
            voice=optional_text(settings, "voice", where),
            provider=optional_text(settings, "provider", where),
            parameters=parameters_of(settings, where),
            policies=policies_of(entry.listed.get("policies"), where, own),
            accept_flagged=switch_of(settings, "accept_flagged", where),
            markup=document.markup,
            first_line=document.first_line,
        )
        if error is None:
            lesson = replace(lesson, text=document.text)
            segments = _parsed(lesson)
            _refuse_silence(segments, where)
            if title is None:
                lesson = replace(lesson, title=_first_heading(segments) or lesson.title)
    except InputError as problem:
        lesson = replace(lesson, text="")
        error = error or problem
    return replace(lesson, error=error), order


def _derived_id(entry: LessonEntry) -> str:
    """Return the id of a lesson that gives none: from its file's name, or from its title."""
    if entry.line is None:
        return id_from_name(entry.path) or "lesson"
    return slug(str(entry.listed.get("title") or "")) or f"line-{entry.line}"


def _unnamed(entry: LessonEntry) -> Lesson:
    """Return a lesson with the id and the title that it has before anything is read."""
    derived = _derived_id(entry)
    if len(derived) > MAX_ID_CHARS:
        # A lesson whose id is refused still needs one that fits where its error is kept.
        derived = hashed_id(derived[: MAX_ID_CHARS // 2].rstrip("-"), entry.where)
    stem = entry.path.stem if entry.line is None else str(entry.listed.get("id") or derived)
    return Lesson(derived, prettify(stem), 0, entry.path, "")


def _read_body(entry: LessonEntry, max_chars: int) -> tuple[dict[str, Any], Document]:
    path = entry.path
    if entry.inline is not None:
        if len(entry.inline.text) > max_chars:
            raise TextTooLongError(
                f"the lesson in {entry.where} has {len(entry.inline.text)} characters; "
                f"the limit is {max_chars} characters",
                field="text",
                value=entry.inline.text,
                remedy="split it into several lessons, or raise NARRATION_MAX_LESSON_CHARS",
            )
        return {}, entry.inline
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise SourceError(
            f"{path.name} is a link to a file outside the course's folder",
            field="source",
            value=path.name,
            remedy=f"copy the lesson into {path.parent}",
        )
    document = read_document(path, max_chars=max_chars)
    if path.suffix.lower() not in WITH_FRONT_MATTER:
        return {}, document
    try:
        front, body = split_front_matter(document.text)
    except SourceError as problem:
        raise SourceError(
            f"{path.name}: {problem.message}",
            field="front matter",
            value=problem.value,
            remedy=problem.remedy,
        ) from problem
    _refuse_misspelt_keys(front, path.name)
    first_line = 1 + document.text.count("\n", 0, len(document.text) - len(body))
    return front, replace(document, text=body, first_line=first_line)


def _refuse_misspelt_keys(front: Mapping[str, Any], name: str) -> None:
    for key in front:
        if key in COURSE_ONLY_KEYS:
            raise CourseError(
                f"{key} in the front matter of {name} concerns the whole course",
                field=key,
                value=front[key],
                remedy="write it in course.yaml",
            )
        near = difflib.get_close_matches(key, FRONT_MATTER_KEYS, n=1, cutoff=0.8)
        # Other programs keep their own keys here (date, tags); a slip of the pen is an error.
        if key not in FRONT_MATTER_KEYS and near:
            raise CourseError(
                f"{name} has an unknown key {key!r} in its front matter",
                field=key,
                value=front[key],
                remedy=f"did you mean {near[0]}?",
            )


def _parsed(lesson: Lesson) -> list[Segment]:
    """Return the lesson's segments; an error names its file."""
    try:
        return lesson.segments()
    except InputError as problem:
        raise problem.in_file(lesson.path.name) from problem


def _refuse_silence(segments: Sequence[Segment], where: str) -> None:
    if not any(has_speech(segment.text) for segment in segments):
        raise EmptyTextError(
            f"{where} has nothing to say: it is empty, or only code and punctuation",
            field="source",
            value=where,
            remedy="write some text in it, or remove it from the course",
        )


def _first_heading(segments: Sequence[Segment]) -> str | None:
    headings = (shown(s.text) for s in segments if s.structure is Structure.HEADING)
    return next(headings, None)
