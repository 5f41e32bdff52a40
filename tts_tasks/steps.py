"""The five steps of a narration, bound to one installation; plain functions, no Prefect.

    validate -> look_up -> synthesize -> post_process -> register

``narrate`` runs them in a row. ``tts_tasks.tasks`` wraps the same five as Prefect tasks.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tts_tasks.casting import cast, suffix_format
from tts_tasks.catalog import lookup
from tts_tasks.catalog import register as registration
from tts_tasks.catalog.claims import claims
from tts_tasks.catalog.courses import fingerprint
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.register import accept_all
from tts_tasks.catalog.scratch import scratch_folder
from tts_tasks.engines import synthesize as synthesis
from tts_tasks.engines.registry import load_engine
from tts_tasks.errors import CatalogError, NarrationError
from tts_tasks.fallback import is_the_providers, next_request
from tts_tasks.marks import without_phonemes
from tts_tasks.mastering import post_process as mastering
from tts_tasks.mastering.profile import find_format
from tts_tasks.mastering.publish import check_output_path, publish
from tts_tasks.request import NarrationRequest
from tts_tasks.review import refuse_flagged, review_of
from tts_tasks.script.written_words import words_as_written
from tts_tasks.settings import Settings
from tts_tasks.values import (
    Checkpoint,
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
    attempts = Attempts(request, settings)
    while True:
        try:
            script = attempts.script = validate(attempts.request, settings)
            plan = look_up(script, settings)
            spoken = synthesize(plan, settings, checkpoint)
            with scratch(settings) as folder:
                mastered = post_process(spoken, folder, checkpoint)
                return register(spoken, mastered, attempts.request, settings)
        except NarrationError as error:
            attempts.go_on_after(error)


@dataclass(slots=True)
class Attempts:
    """The providers that are tried for a narration, one after another."""

    request: NarrationRequest
    """What is tried now."""

    settings: Settings
    """The installation."""

    script: Script | None = None
    """Who speaks now; ``None`` while that is being found out."""

    failure: NarrationError | None = None
    """Why the provider before failed."""

    def go_on_after(self, error: NarrationError) -> None:
        """Record a failure, and go on to the request with which another provider is tried.

        Raises:
            NarrationError: why there is no narration: the failure itself when nobody else may
                speak, or the one before when the next provider cannot speak this text at all.
        """
        if self.script is not None and is_the_providers(error):
            _record(
                self.settings,
                "provider_failed",
                provider=self.script.provider,
                voice=self.script.voice,
                **_about(self.request),
                code=error.code,
                message=str(error),
            )
        another = next_request(self.request, self.script, error)
        if another is None:
            cause = self.failure if self.failure and self.script is None else error
            record_failure(cause, self.request, self.settings)
            raise cause
        self.request, self.script, self.failure = another, None, error


def validate(
    request: NarrationRequest, settings: Settings, *, gpu_online: bool | None = None
) -> Script:
    """Decide what will be said, by whom and in which format.

    Args:
        request: what the caller asks for.
        settings: the installation.
        gpu_online: whether a worker with a GPU is online, where workers will speak; ``None`` where
            this process does.

    Raises:
        InputError: names the field, the value and the remedy.
    """
    format = find_format(request.format or suffix_format(request.output_path)).name
    check_output_path(request.output_path, settings.allowed_output_roots, format)
    return cast(request, settings, gpu_online=gpu_online)


def look_up(script: Script, settings: Settings) -> Plan:
    """Ask the library for the narration, or else for each of its chunks."""
    return lookup.look_up(script, _library(settings))


def synthesize(plan: Plan, settings: Settings, checkpoint: Checkpoint = never_cancelled) -> Spoken:
    """Speak what is missing; every finished chunk is in the library before the next starts."""
    engine = load_engine(plan.script.provider, settings)
    library = _library(settings)
    review = review_of(plan.script, engine, library, settings)
    plan = review.complete(plan, checkpoint)
    with claims(library.root) as mine:
        return synthesis.synthesize(
            plan,
            engine,
            library.use_utterance,
            review.judge,
            review.keep,
            claims=mine,
            touch=library.objects.touch,
            checkpoint=checkpoint,
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
        ranking=scripted.ranking,
        is_downgrade=scripted.is_downgrade,
        fingerprint=fingerprint(scripted, request.tags),
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
    _record(
        settings,
        "narration_failed",
        provider=request.provider,
        voice=request.voice,
        characters=len(request.text),
        **_about(request),
        code=error.code,
        field=error.field,
        message=str(error),
    )


def _record(settings: Settings, kind: str, **fields: object) -> None:
    """Write an event that nothing depends on."""
    with suppress(CatalogError):
        _library(settings).record(kind, None, **fields)


def _about(request: NarrationRequest) -> dict[str, str | None]:
    """Return whose narration it is, for the events."""
    course, _, lesson = (request.lesson or "").partition("/")
    return {"run_id": request.run_id, "course": course or None, "lesson": lesson or None}


def _library(settings: Settings) -> Library:
    return Library(settings.library, durable=settings.durable)
