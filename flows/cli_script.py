"""``narrate say-as`` and ``narrate script``: what will be said, and which rule said so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows import console
from flows.console import show_error, show_json, show_step, show_table
from tts_tasks.request import AUTO, Markup
from tts_tasks.settings import Settings, load_settings

if TYPE_CHECKING:
    from flows.course_plan import PlannedLesson
    from tts_tasks.script.course import Course
    from tts_tasks.values import Chunk, Reading

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")]
CourseProvider = Annotated[
    str | None, typer.Option("--provider", "-p", help="Engine of all lessons.")
]
CourseVoice = Annotated[
    str | None, typer.Option("--voice", "-v", help="Voice of all lessons in its language.")
]
CourseFormat = Annotated[
    str | None, typer.Option("--format", help="Audio format of all lessons: see 'narrate text'.")
]
Profile = Annotated[
    str | None,
    typer.Option(help="Loudness and bit rate: course (default), podcast, broadcast or none."),
]
AcceptFlagged = Annotated[
    bool, typer.Option("--accept-flagged", help="Publish takes that failed their checks too.")
]
HowToChoose = Annotated[
    str | None,
    typer.Option(
        help="How 'auto' chooses: quality (default), fast, offline, cheapest, or providers in "
        "their order: gtts,espeak."
    ),
]
Lexicon = Annotated[
    Path | None, typer.Option(help="How words are said: 'term: words' or 'term: /phonemes/'.")
]


def say_as(
    text: Annotated[str, typer.Argument(help="Written text.")],
    lexicon: Lexicon = None,
    provider: Annotated[
        str, typer.Option("--provider", "-p", help="Whose lexicon entries count; an engine.")
    ] = AUTO,
    urls: Annotated[str, typer.Option(help="URLs: host, skip or full.")] = "host",
    phonemes: Annotated[
        bool, typer.Option("--phonemes", help="Print the phonemes that Kokoro gets.")
    ] = False,
    json: Json = False,
) -> None:
    """Print how a Portuguese text will be said (stdout), and which rule said so (stderr)."""
    from tts_tasks.marks import without_phonemes
    from tts_tasks.script.hidden import refuse_broken_marks, shown
    from tts_tasks.script.lexicon import merged, read_lexicon, resolved, spoken_by, system_lexicon
    from tts_tasks.script.policies import policies_of
    from tts_tasks.script.segments import segments_of
    from tts_tasks.script.speaker import Speaker

    settings = load_settings()
    refuse_broken_marks(text)
    # Its pauses and changes of voice are not heard in words.
    text = " ".join(segment.text for segment in segments_of(text, Markup.TEXT))
    entries = merged(
        system_lexicon(settings.lexicons, "pt-BR"), read_lexicon(lexicon) if lexicon else {}
    )
    speaker = Speaker(
        "pt-BR",
        resolved(spoken_by(entries, _engine_name(provider, settings))),
        phonemes=True,
        urls=policies_of({"urls": urls}).urls,
    )
    said = speaker.read(text)
    spoken = without_phonemes(said.spoken)
    readings = list(_as_rows(shown(text), said.spoken, said.readings))
    result: dict[str, Any] = {"written": shown(text), "spoken": spoken, "readings": readings}
    if phonemes:
        from tts_tasks.engines.phonemes import phonemize

        result["phonemes"] = phonemize(said.spoken, "pt-br")
    if json:
        show_json(result)
        return
    _print(result["phonemes"] if phonemes else spoken)
    for row in readings:
        show_step(_as_line(row))


def script(
    path: Annotated[Path, typer.Argument(help="Folder of the course, or its manifest.")],
    lesson: Annotated[str | None, typer.Option(help="Only the lesson with this id.")] = None,
    provider: CourseProvider = None,
    voice: CourseVoice = None,
    terms: Annotated[
        bool,
        typer.Option("--terms", help="List the English terms and acronyms that no lexicon covers."),
    ] = False,
    json: Json = False,
) -> None:
    """Print what will be said, lesson by lesson, and which rule said so; narrate nothing."""
    from flows.course_plan import spoken_by, validated
    from tts_tasks.script.course import read_course

    settings = load_settings()
    source = path.expanduser().resolve()
    course = read_course(source, max_lesson_chars=settings.max_lesson_chars)
    course = _only(spoken_by(course, provider, voice, settings), lesson)
    tell_what_is_left_out(source)
    if terms:
        _show_terms(course, settings, json)
        return
    lessons = [validated(one, course, settings) for one in course.lessons]
    if json:
        show_json({"course": course.id, "lessons": [_as_json(one) for one in lessons]})
    else:
        for one in lessons:
            _show_lesson(one)
    failures = [one for one in lessons if one.error]
    for one in failures:
        show_error(f"lesson {one.lesson.id}: {one.error}")
    if failures:
        raise typer.Exit(2)


def tell_what_is_left_out(folder: Path) -> None:
    """Name the files of a folder that look like lessons and are none."""
    from tts_tasks.script.course_files import left_out

    if names := left_out(folder):
        show_step(f"left out: {', '.join(names)}; a course.yaml may list text files as lessons")


def _show_lesson(planned: PlannedLesson) -> None:
    lesson, script = planned.lesson, planned.script
    if script is None:
        _print(f"{lesson.number:02d} {lesson.title}  cannot be narrated\n")
        return
    _print(
        f"{lesson.number:02d} {lesson.title}  {script.provider} {script.voice}, "
        f"{len(script.chunks)} chunks, {script.characters:,} characters"
    )
    for chunk in script.chunks:
        line = "" if chunk.line is None else str(chunk.line)
        rows = list(_rows_of(chunk))
        _print(f"{line:>5}  {chunk.written}")
        if rows:
            _print(f"       {_spoken(chunk)}")
        for row in rows:
            console.out.print(
                f"         {_as_line(row)}",
                style="dim",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
    _print("")


def _as_json(planned: PlannedLesson) -> dict[str, Any]:
    lesson, script = planned.lesson, planned.script
    return {
        "id": lesson.id,
        "title": lesson.title,
        "number": lesson.number,
        "file": lesson.path.name,
        "provider": script and script.provider,
        "voice": script and script.voice,
        "characters": script.characters if script else 0,
        "chunks": [
            {
                "line": chunk.line,
                "written": chunk.written,
                "spoken": _spoken(chunk),
                "voice": chunk.voice,
                "pause_s": chunk.pause_s,
                "readings": list(_rows_of(chunk)),
            }
            for chunk in (script.chunks if script else ())
        ],
        "error": planned.error.as_dict() if planned.error else None,
    }


def _show_terms(course: Course, settings: Settings, json: bool) -> None:
    from tts_tasks.script.lexicon import merged, system_lexicon
    from tts_tasks.script.terms import uncovered_terms

    known = merged(system_lexicon(settings.lexicons, course.language), course.lexicon)
    texts = [lesson.visible_text() for lesson in course.lessons if not lesson.error]
    found = uncovered_terms(texts, known)
    rows = [
        {"term": term.written, "count": term.count, "kind": term.kind, "said": term.said}
        for term in found
    ]
    if json:
        show_json(rows)
    elif rows:
        show_table(rows[0].keys(), (row.values() for row in rows))
    else:
        _print("every English term and acronym is in a lexicon or known to the rules")


def _rows_of(chunk: Chunk) -> Iterable[dict[str, Any]]:
    return _as_rows(chunk.written, chunk.spoken, chunk.readings)


def _as_rows(written: str, spoken: str, readings: Iterable[Reading]) -> Iterable[dict[str, Any]]:
    """Yield one row per reading: what is written, what is said, in which place, by which rule."""
    from tts_tasks.marks import pieces

    plain, sounds = "", {}
    for text, phonemes in pieces(spoken):
        if phonemes is not None:
            sounds[len(plain)] = f"/{phonemes}/"
        plain += text
    for reading in readings:
        said = plain[reading.spoken_start : reading.spoken_end]
        yield {
            "written": written[reading.start : reading.end],
            "said": sounds.get(reading.spoken_start, said),
            "rule": ", ".join(reading.rules),
            "start": reading.start,
            "end": reading.end,
            "spoken_start": reading.spoken_start,
            "spoken_end": reading.spoken_end,
        }


def _as_line(row: dict[str, Any]) -> str:
    written, said = row["written"].strip(), row["said"].strip()
    return f"{written} -> {said or '(nothing)'}  [{row['rule']}]"


def _spoken(chunk: Chunk) -> str:
    from tts_tasks.marks import without_phonemes

    return without_phonemes(chunk.spoken)


def _only(course: Course, lesson: str | None) -> Course:
    """Return the course with one lesson only, if one is asked for."""
    from dataclasses import replace

    from tts_tasks.errors import CourseError

    if lesson is None:
        return course
    found = tuple(one for one in course.lessons if one.id == lesson)
    if not found:
        raise CourseError(
            f"the course has no lesson {lesson!r}",
            field="lesson",
            value=lesson,
            remedy=f"its lessons are {', '.join(one.id for one in course.lessons)}",
        )
    return replace(course, lessons=found)


def _engine_name(provider: str, settings: Settings) -> str:
    from tts_tasks.engines.choose import Circumstances, choose
    from tts_tasks.engines.registry import load_engine
    from tts_tasks.request import Policy, Preference

    if provider == AUTO:
        # Only its name and words are needed: no service need be asked whether it is there.
        here = Circumstances(preference=Preference(Policy.OFFLINE))
        return choose(AUTO, None, "pt-BR", settings, circumstances=here).engine.name
    return load_engine(provider, settings).name


def _print(text: str) -> None:
    console.out.print(text, markup=False, highlight=False, soft_wrap=True)
