"""The five steps of a narration, bound to one installation; plain functions, no Prefect.

    validate -> look_up -> synthesize -> post_process -> register

``narrate`` runs them in a row. ``tts_tasks.tasks`` wraps the same five as Prefect tasks.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from tts_tasks.catalog import keys, lookup
from tts_tasks.catalog import register as registration
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.register import accept_all
from tts_tasks.catalog.scratch import scratch_folder
from tts_tasks.engines import synthesize as synthesis
from tts_tasks.engines.choose import Choice, choose
from tts_tasks.engines.protocol import Voice
from tts_tasks.engines.registry import load_engine
from tts_tasks.errors import CatalogError, EngineParameterError, NarrationError
from tts_tasks.marks import without_phonemes
from tts_tasks.mastering import post_process as mastering
from tts_tasks.mastering.profile import FORMATS, describe, find_format, find_profile
from tts_tasks.mastering.publish import check_output_path, publish
from tts_tasks.request import NarrationRequest
from tts_tasks.review import refuse_flagged, review_of
from tts_tasks.script import validate as script
from tts_tasks.script.chunks import Line
from tts_tasks.script.lexicon import system_lexicon
from tts_tasks.script.written_words import words_as_written
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
    never_cancelled,
)


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
    profile = find_profile(request.profile)
    choice = choose(request.provider, request.voice, request.language, settings, request.parameters)
    cast = _Cast(choice, settings)
    chunks = tuple(
        cast.chunk(line, request.seed) for line in script.validate(request, cast.narrator)
    )
    mastering_settings = describe(profile, format)
    return Script(
        chunks=chunks,
        provider=choice.engine.name,
        voice=choice.voice.name,
        revision=cast.revision(choice.voice),
        format=format,
        mastering=mastering_settings,
        characters=len(request.text),
        key=keys.narration_key(
            chunk_keys=[chunk.key for chunk in chunks],
            pauses_s=[chunk.pause_s for chunk in chunks],
            lead_s=chunks[0].lead_s,
            mastering=mastering_settings,
            format=format,
        ),
        choice=choice.reason,
        profile=profile.name,
        quality=request.quality.value,
    )


class _Cast:
    """Who speaks a narration: its voice, and those that its author asks for here and there."""

    def __init__(self, choice: Choice, settings: Settings) -> None:
        """Begin with the narration's own voice."""
        self._choice = choice
        self._settings = settings
        self._voices: dict[str | None, Voice] = {None: choice.voice}

    def narrator(self, voice: str | None) -> script.Narrator:
        """Return a voice of the narration's engine, as far as the text is concerned.

        Raises:
            UnknownVoiceError: if the engine has no such voice.
        """
        engine = self._choice.engine
        speaks = self._voices[voice] = self._voices.get(voice) or engine.describe(str(voice))

        def fits(spoken: str) -> bool:
            return len(spoken) <= engine.max_chars and engine.fits(spoken, speaks.name)

        return script.Narrator(
            language=speaks.language,
            fits=fits,
            provider=engine.name,
            phonemes=engine.speaks_phonemes,
            lexicon=system_lexicon(self._settings.lexicons, speaks.language),
        )

    def chunk(self, line: Line, seed: int) -> Chunk:
        """Return a line with all that decides how it sounds.

        Raises:
            EngineParameterError: if the engine cannot speak at the pace of the line.
        """
        engine, voice = self._choice.engine, self._voices[line.voice]
        parameters = self._choice.parameters
        if line.pace != 1.0:
            try:
                parameters = engine.at_pace(parameters, line.pace)
            except EngineParameterError as error:
                raise EngineParameterError(
                    f"{line.pace:g} times the pace is more than {engine.name} can do "
                    f"({error.message})",
                    field="pace",
                    value=line.pace,
                    remedy="ask <prosody rate> for a rate nearer to 100%",
                ).at_line(line.number) from error
        return Chunk(
            written=line.written,
            spoken=line.spoken,
            voice=voice.name,
            parameters=parameters,
            seed=seed,
            pause_s=line.pause_s,
            lead_s=line.lead_s,
            structure=line.structure,
            line=line.number,
            paragraph=line.paragraph,
            readings=line.readings,
            revision=self.revision(voice),
            key=keys.chunk_key(
                spoken=line.spoken,
                provider=engine.name,
                revision=self.revision(voice),
                voice=voice.name,
                parameters=parameters,
                seed=seed,
            ),
        )

    def revision(self, voice: Voice) -> str:
        """Return the revision of the engine with a voice."""
        revision = self._choice.engine.revision
        return f"{revision}+{voice.revision}" if voice.revision else revision


def look_up(script: Script, settings: Settings) -> Plan:
    """Ask the library for the narration, or else for each of its chunks."""
    return lookup.look_up(script, _library(settings))


def synthesize(plan: Plan, settings: Settings, checkpoint: Checkpoint = never_cancelled) -> Spoken:
    """Speak what is missing; every finished chunk is in the library before the next starts."""
    engine = load_engine(plan.script.provider, settings)
    library = _library(settings)
    review = review_of(plan.script, engine, library, settings)
    plan = review.complete(plan, checkpoint)
    return synthesis.synthesize(
        plan, engine, library.find_utterance, review.judge, review.keep, checkpoint=checkpoint
    )


def scratch(settings: Settings) -> AbstractContextManager[Path]:
    """Return a folder that lasts as long as one run needs it."""
    return scratch_folder(settings.library / "scratch")


def post_process(
    spoken: Spoken, folder: Path, checkpoint: Checkpoint = never_cancelled
) -> Mastered:
    """Master the chunks into one file in the scratch folder, unless the library has it."""
    return mastering.post_process(spoken, folder, checkpoint=checkpoint)


def register(
    spoken: Spoken, mastered: Mastered, request: NarrationRequest, settings: Settings
) -> Narration:
    """Put the narration into the library and publish it with tags, captions and transcripts.

    Raises:
        FlaggedError: if a take failed its checks, and the request does not accept that. The audio
            is in the library then, and accepting it costs nothing more.
    """
    scripted = spoken.plan.script
    kept = registration.register(
        spoken,
        mastered,
        _library(settings),
        accept=accept_all if request.accept_flagged else partial(refuse_flagged, spoken),
        **_about(request),
    )
    cues = _cues(scripted, kept)
    output_path = check_output_path(
        request.output_path, settings.allowed_output_roots, scripted.format
    )
    speaker = request.tags.artist or f"{scripted.provider} {scripted.voice}"
    published = publish(kept, cues, replace(request.tags, artist=speaker), output_path)
    return Narration(
        key=scripted.key,
        audio=published.audio,
        captions=published.captions,
        transcripts=published.transcripts,
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
        profile=scripted.profile,
        flagged=kept.flagged,
    )


def _cues(scripted: Script, mastered: Mastered) -> tuple[Cue, ...]:
    """Return when each chunk is heard, as written."""
    words = mastered.words or ((),) * len(scripted.chunks)
    return tuple(
        Cue(
            start_s=start_s,
            end_s=end_s,
            text=chunk.written,
            spoken=without_phonemes(chunk.spoken),
            words=words_as_written(timed, chunk.readings, chunk.written),
            structure=chunk.structure,
            paragraph=chunk.paragraph,
            readings=chunk.readings,
        )
        for chunk, (start_s, end_s), timed in zip(
            scripted.chunks, mastered.spans, words, strict=True
        )
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
