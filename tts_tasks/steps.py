"""The five steps of a narration, bound to one installation; plain functions, no Prefect.

    validate -> look_up -> synthesize -> post_process -> register

``narrate`` runs them in a row. ``tts_tasks.tasks`` wraps the same five as Prefect tasks.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

from tts_tasks.catalog import keys, lookup
from tts_tasks.catalog import register as registration
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.scratch import scratch_folder
from tts_tasks.engines import synthesize as synthesis
from tts_tasks.engines.choose import choose
from tts_tasks.engines.registry import load_engine
from tts_tasks.errors import CatalogError, NarrationError
from tts_tasks.mastering import post_process as mastering
from tts_tasks.mastering.profile import FORMATS, PROFILES, describe, find_format
from tts_tasks.mastering.publish import check_output_path, publish
from tts_tasks.request import NarrationRequest
from tts_tasks.script import validate as script
from tts_tasks.settings import Settings
from tts_tasks.values import (
    Checkpoint,
    Chunk,
    Cue,
    Mastered,
    Narration,
    Plan,
    Script,
    Spoken,
    Utterance,
    Waveform,
    never_cancelled,
)

PROFILE = PROFILES["course"]


def narrate(
    request: NarrationRequest, settings: Settings, *, checkpoint: Checkpoint = never_cancelled
) -> Narration:
    """Run the five steps.

    Raises:
        NarrationError: whatever is wrong with the request or the machine; what was synthesized
            before stays in the library.
    """
    try:
        script = validate(request, settings)
        plan = look_up(script, settings)
        spoken = synthesize(plan, settings, checkpoint)
        with scratch(settings) as folder:
            mastered = post_process(spoken, folder, checkpoint)
            return register(spoken, mastered, request, settings)
    except NarrationError as error:
        record_failure(error, request, settings)
        raise


def validate(request: NarrationRequest, settings: Settings) -> Script:
    """Decide what will be said, by whom and in which format.

    Raises:
        InputError: names the field, the value and the remedy.
    """
    format = find_format(request.format or _suffix_format(request.output_path)).name
    check_output_path(request.output_path, settings.allowed_output_roots, format)
    choice = choose(request.provider, request.voice, request.language, settings, request.parameters)
    engine, voice, parameters = choice.engine, choice.voice, choice.parameters
    revision = f"{engine.revision}+{voice.revision}" if voice.revision else engine.revision

    def fits(spoken: str) -> bool:
        return len(spoken) <= engine.max_chars and engine.fits(spoken, voice.name)

    lines = script.validate(
        request, language=voice.language, fits=fits, phonemes=engine.speaks_phonemes
    )
    chunks = tuple(
        Chunk(
            written=line.written,
            spoken=line.spoken,
            voice=voice.name,
            parameters=parameters,
            seed=request.seed,
            pause_s=line.pause_s,
            structure=line.structure,
            key=keys.chunk_key(
                spoken=line.spoken,
                provider=engine.name,
                revision=revision,
                voice=voice.name,
                parameters=parameters,
                seed=request.seed,
            ),
        )
        for line in lines
    )
    mastering_settings = describe(PROFILE, format)
    return Script(
        chunks=chunks,
        provider=engine.name,
        voice=voice.name,
        revision=revision,
        format=format,
        mastering=mastering_settings,
        characters=len(request.text),
        key=keys.narration_key(
            chunk_keys=[chunk.key for chunk in chunks],
            pauses_s=[chunk.pause_s for chunk in chunks],
            mastering=mastering_settings,
            format=format,
        ),
        choice=choice.reason,
    )


def look_up(script: Script, settings: Settings) -> Plan:
    """Ask the library for the narration, or else for each of its chunks."""
    return lookup.look_up(script, _library(settings))


def synthesize(plan: Plan, settings: Settings, checkpoint: Checkpoint = never_cancelled) -> Spoken:
    """Speak what is missing; every finished chunk is in the library before the next starts."""
    library = _library(settings)

    def keep(chunk: Chunk, waveform: Waveform, synthesis_s: float) -> Utterance:
        return library.register_utterance(
            chunk,
            waveform,
            provider=plan.script.provider,
            revision=plan.script.revision,
            synthesis_s=synthesis_s,
        )

    engine = load_engine(plan.script.provider, settings)
    return synthesis.synthesize(plan, engine, library.find_utterance, keep, checkpoint=checkpoint)


def scratch(settings: Settings) -> AbstractContextManager[Path]:
    """Return a folder that lasts as long as one run needs it."""
    return scratch_folder(settings.library / "scratch")


def post_process(
    spoken: Spoken, folder: Path, checkpoint: Checkpoint = never_cancelled
) -> Mastered:
    """Master the chunks into one file in the scratch folder, unless the library has it."""
    return mastering.post_process(spoken, folder, profile=PROFILE, checkpoint=checkpoint)


def register(
    spoken: Spoken, mastered: Mastered, request: NarrationRequest, settings: Settings
) -> Narration:
    """Put the narration into the library and publish it with tags and captions."""
    scripted = spoken.plan.script
    kept = registration.register(spoken, mastered, _library(settings), **_about(request))
    cues = tuple(
        Cue(start_s, end_s, chunk.written)
        for chunk, (start_s, end_s) in zip(scripted.chunks, kept.spans, strict=True)
    )
    output_path = check_output_path(
        request.output_path, settings.allowed_output_roots, scripted.format
    )
    speaker = request.tags.artist or f"{scripted.provider} {scripted.voice}"
    published = publish(kept, cues, replace(request.tags, artist=speaker), output_path)
    return Narration(
        key=scripted.key,
        audio=published.audio,
        captions=published.captions,
        duration_s=kept.duration_s,
        provider=scripted.provider,
        voice=scripted.voice,
        cached=spoken.plan.finished is not None,
        chunks=len(scripted.chunks),
        synthesized_chunks=spoken.synthesized_chunks,
        synthesis_s=spoken.synthesis_s,
        synthesized_audio_s=spoken.synthesized_audio_s,
        characters=scripted.characters,
        loudness_lufs=kept.loudness_lufs,
        true_peak_dbtp=kept.true_peak_dbtp,
        sha256=published.sha256,
        cues=cues,
        chunk_keys=tuple(chunk.key for chunk in scripted.chunks),
        choice=scripted.choice,
    )


def record_failure(error: NarrationError, request: NarrationRequest, settings: Settings) -> None:
    """Leave a failed narration in the journal, unless the library itself is what failed."""
    if isinstance(error, CatalogError):
        return
    with suppress(CatalogError):
        _library(settings).record(
            "narration_failed",
            provider=request.provider,
            voice=request.voice,
            characters=len(request.text),
            **_about(request),
            code=error.code,
            field=error.field,
            message=str(error),
        )


def _about(request: NarrationRequest) -> dict[str, str | None]:
    """Return whose narration it is, for the events."""
    course, _, lesson = (request.lesson or "").partition("/")
    return {"run_id": request.run_id, "course": course or None, "lesson": lesson or None}


def _suffix_format(path: Path) -> str:
    """Return the format that a file name asks for; ``mp3`` when it asks for none of ours."""
    suffix = path.suffix.lower()
    return next((name for name, known in FORMATS.items() if known.extension == suffix), "mp3")


def _library(settings: Settings) -> Library:
    return Library(settings.library, durable=settings.durable)
