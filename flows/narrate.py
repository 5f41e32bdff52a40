"""MAIN PATH: one text becomes one narration: validate, look up, synthesize, post-process, register.

``narrate`` is the Prefect flow; ``generate_narration`` and ``generate_narration_sync`` run the same
five steps with no server.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, runtime

from flows import batches
from flows.contract import as_request, failure, success
from tts_tasks.errors import CancelledError, NarrationError
from tts_tasks.request import AUTO, Markup, NarrationRequest, Policy, QualityChecks
from tts_tasks.script.lexicon import Entry
from tts_tasks.settings import Settings, load_settings
from tts_tasks.values import Checkpoint, Narration, never_cancelled

logger = logging.getLogger(__name__)


def run_name() -> str:
    """Return what the Prefect UI calls a run: its lesson, or else its title."""
    given = runtime.flow_run.get_parameters()
    if not given.get("lesson"):
        return str(given["title"])
    course, _, lesson = given["lesson"].partition("/")
    return f"{course} / {given.get('track') or 0:02d} {lesson}"


@flow(name="narrate", flow_run_name=run_name)
async def narrate(
    text: str,
    output_path: str | None = None,
    provider: str = AUTO,
    voice: str | None = None,
    format: str | None = None,
    language: str = "pt-BR",
    markup: Markup = Markup.TEXT,
    parameters: dict[str, Any] | None = None,
    lexicon: dict[str, Any] | None = None,
    policies: dict[str, str] | None = None,
    profile: str = "course",
    quality: QualityChecks = QualityChecks.SIGNAL,
    accept_flagged: bool = False,
    policy: str | list[str] = Policy.QUALITY.value,
    deadline_s: float | None = None,
    title: str = "narration",
    course: str = "",
    track: int | None = None,
    lesson: str | None = None,
    batch: str | None = None,
    item: str | None = None,
) -> dict[str, Any]:
    """Narrate one text.

    Args:
        text: what the author wrote.
        output_path: audio file to write, relative to ``data/narrations`` unless absolute; by
            default one named by the text's content, in ``data/narrations/single``.
        provider: an engine's name, or ``auto``.
        voice: voice preset; by default the engine's for the language.
        format: ``mp3``, ``m4a``, ``opus``, ``flac`` or ``wav``; by default as the output path
            says, or ``mp3``.
        language: BCP 47 tag of the text.
        markup: ``text``, ``markdown`` or ``ssml``.
        parameters: engine parameters, e.g. ``{"rate": 160}``.
        lexicon: term -> how to say it, in words (``diplói``) or, for engines that speak them, in
            phonemes between slashes (``/ˈkæɡəl/``); or a mapping from providers to that. It
            overrides the system's lexicon.
        policies: what the voice does with ``code`` (``skip``, ``announce``, ``read``), ``tables``
            (``read``, ``skip``) and ``urls`` (``host``, ``skip``, ``full``).
        profile: how it is mastered: ``course`` (-16 LUFS), ``podcast``, ``broadcast`` (-23 LUFS) or
            ``none`` (as loud as it was spoken).
        quality: what every take must pass: ``signal``, or ``asr`` for a speech recogniser too.
        accept_flagged: publish although the best take of a sentence failed its checks.
        policy: what matters when ``auto`` chooses: ``quality``, ``fast``, ``offline``,
            ``cheapest``, or the only providers that may speak, in their order: ``gtts,espeak``.
        deadline_s: seconds in which the audio should be there; who cannot make it comes last.
        title: title of the file, and of the flow run.
        course: title of the course.
        track: number of the lesson in its course, from 1.
        lesson: ``course/lesson`` id; lifts the length limit to a lesson's.
        batch: id of the batch that mapped this run and waits for its outcome.
        item: id of this text in the batch.

    Returns:
        What ``generate_narration`` returns.

    Raises:
        NarrationError: the reason why there is no narration.
    """
    settings = load_settings()
    run_id = runtime.flow_run.get_id()
    request = as_request(
        settings,
        text=text,
        output_path=settings.narrations / output_path if output_path else None,
        provider=provider,
        voice=voice,
        format=format,
        language=language,
        markup=markup,
        parameters=parameters,
        lexicon=lexicon,
        policies=policies,
        profile=profile,
        quality=quality,
        accept_flagged=accept_flagged,
        policy=policy,
        deadline_s=deadline_s,
        title=title,
        course=course,
        track=track,
        lesson=lesson,
        run_id=run_id,
    )
    try:
        narration = await _narrated(request, settings)
    except NarrationError as error:
        if batch and item:
            batches.write_outcome(settings, batch, item, {"run_id": run_id, **failure(error)})
        raise
    logger.info(
        "%d chunks, %d synthesized, %.1f s of audio at %.1f LUFS: %s",
        narration.chunks,
        narration.synthesized_chunks,
        narration.duration_s,
        narration.loudness_lufs,
        narration.audio,
    )
    outcome = success(narration)
    if batch and item:
        batches.write_outcome(settings, batch, item, {"run_id": run_id, **outcome})
    return outcome


async def _narrated(request: NarrationRequest, settings: Settings) -> Narration:
    """Run the five tasks, with one provider after another where several may speak.

    Raises:
        NarrationError: the reason why there is no narration.
    """
    from tts_tasks import steps, tasks

    attempts = steps.Attempts(request, settings)
    while True:
        try:
            script = attempts.script = await tasks.validate(attempts.request, settings)
            plan = await tasks.look_up(script, settings)
            spoken = await tasks.synthesize(plan, settings)
            with steps.scratch(settings) as folder:
                mastered = await tasks.post_process(spoken, folder)
                return await tasks.register(spoken, mastered, attempts.request, settings)
        except NarrationError as error:
            attempts.go_on_after(error)


async def generate_narration(
    text: str,
    output_path: str | os.PathLike[str],
    voice: str | None = None,
    provider: str = AUTO,
    *,
    format: str | None = None,
    language: str = "pt-BR",
    markup: Markup = Markup.TEXT,
    parameters: Mapping[str, object] | None = None,
    lexicon: Mapping[str, Entry] | None = None,
    policies: Mapping[str, str] | None = None,
    profile: str = "course",
    quality: QualityChecks | str = QualityChecks.SIGNAL,
    accept_flagged: bool = False,
    policy: str | Sequence[str] = Policy.QUALITY,
    deadline_s: float | None = None,
    title: str = "",
) -> dict[str, Any]:
    """Narrate one text in this process, without a Prefect server.

    Args:
        text: what should be said; at most ``NARRATION_MAX_TEXT_CHARS`` (5,000) characters.
        output_path: audio file to write; captions go beside it.
        voice: voice preset; by default the engine's for the language.
        provider: an engine's name, or ``auto``.
        format: ``mp3``, ``m4a``, ``opus``, ``flac`` or ``wav``; by default as the output path
            says, or ``mp3``.
        language: BCP 47 tag of the text.
        markup: ``text``, ``markdown`` or ``ssml``.
        parameters: engine parameters, e.g. ``{"rate": 160}``.
        lexicon: term -> how to say it, in words (``diplói``) or, for engines that speak them, in
            phonemes between slashes (``/ˈkæɡəl/``); or a mapping from providers to that. It
            overrides the system's lexicon.
        policies: what the voice does with ``code`` (``skip``, ``announce``, ``read``), ``tables``
            (``read``, ``skip``) and ``urls`` (``host``, ``skip``, ``full``).
        profile: how it is mastered: ``course`` (-16 LUFS), ``podcast``, ``broadcast`` (-23 LUFS) or
            ``none`` (as loud as it was spoken).
        quality: what every take must pass: ``signal``, or ``asr`` for a speech recogniser too.
        accept_flagged: publish although the best take of a sentence failed its checks.
        policy: what matters when ``auto`` chooses: ``quality``, ``fast``, ``offline``,
            ``cheapest``, or the only providers that may speak, in their order: ``gtts,espeak``.
        deadline_s: seconds in which the audio should be there; who cannot make it comes last.
        title: title written into the file; by default the file's name.

    Returns:
        ``success``, ``audio_path``, ``duration`` (seconds), ``cached`` (nothing was synthesized
        or mastered), ``provider``, ``voice``, ``chunks``, ``synthesized_chunks``, ``characters``,
        ``captions`` (paths by ``vtt`` and ``srt``), ``transcripts`` (by ``json``, ``md`` and
        ``html``), ``choice`` (why this provider), ``ranking`` (what became of each one),
        ``downgraded`` (a better one was passed over for now) and ``error``. An expected failure has
        ``success: False`` and an ``error`` with ``type``, ``code``, ``message``, ``field``,
        ``value`` and ``remedy``; programming mistakes raise.
    """
    cancelled = threading.Event()

    def checkpoint() -> None:
        if cancelled.is_set():
            raise CancelledError("the narration was cancelled")

    narration = partial(
        generate_narration_sync,
        text,
        output_path,
        voice,
        provider,
        format=format,
        language=language,
        markup=markup,
        parameters=parameters,
        lexicon=lexicon,
        policies=policies,
        profile=profile,
        quality=quality,
        accept_flagged=accept_flagged,
        policy=policy,
        deadline_s=deadline_s,
        title=title,
        checkpoint=checkpoint,
    )
    try:
        return await asyncio.to_thread(narration)
    finally:
        cancelled.set()


def generate_narration_sync(
    text: str,
    output_path: str | os.PathLike[str],
    voice: str | None = None,
    provider: str = AUTO,
    *,
    format: str | None = None,
    language: str = "pt-BR",
    markup: Markup = Markup.TEXT,
    parameters: Mapping[str, object] | None = None,
    lexicon: Mapping[str, Entry] | None = None,
    policies: Mapping[str, str] | None = None,
    profile: str = "course",
    quality: QualityChecks | str = QualityChecks.SIGNAL,
    accept_flagged: bool = False,
    policy: str | Sequence[str] = Policy.QUALITY,
    deadline_s: float | None = None,
    title: str = "",
    checkpoint: Checkpoint = never_cancelled,
) -> dict[str, Any]:
    """Narrate one text in this thread; see ``generate_narration``."""
    from tts_tasks import steps

    if not isinstance(text, str):
        raise TypeError(f"text must be a str, not {type(text).__name__}")
    path = Path(output_path)
    try:
        settings = load_settings()
        request = as_request(
            settings,
            text=text,
            output_path=path,
            provider=provider,
            voice=voice,
            format=format,
            language=language,
            markup=markup,
            parameters=parameters,
            lexicon=lexicon,
            policies=policies,
            profile=profile,
            quality=quality,
            accept_flagged=accept_flagged,
            policy=policy,
            deadline_s=deadline_s,
            title=title or path.stem,
        )
        return success(steps.narrate(request, settings, checkpoint=checkpoint))
    except NarrationError as error:
        return failure(error)
