"""The contract of a narration: from parameters to a request, from its outcome to JSON.

Flows, ``generate_narration``, the command and the API share it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from tts_tasks.errors import InputError, NarrationError
from tts_tasks.request import (
    AUTO,
    Markup,
    NarrationRequest,
    Policies,
    Policy,
    QualityChecks,
    language_code,
    preference_of,
)
from tts_tasks.script.lexicon import Entry
from tts_tasks.script.policies import policies_of
from tts_tasks.settings import Settings
from tts_tasks.values import Narration, Tags


def as_request(
    settings: Settings,
    *,
    text: str,
    output_path: str | os.PathLike[str] | None = None,
    provider: str = AUTO,
    voice: str | None = None,
    format: str | None = None,
    language: str = "pt-BR",
    markup: Markup | str = Markup.TEXT,
    parameters: Mapping[str, object] | None = None,
    lexicon: Mapping[str, Entry] | None = None,
    policies: Mapping[str, str] | Policies | None = None,
    profile: str = "course",
    quality: QualityChecks | str = QualityChecks.SIGNAL,
    accept_flagged: bool = False,
    title: str = "",
    course: str = "",
    track: int | None = None,
    lesson: str | None = None,
    policy: str | Sequence[str] = Policy.QUALITY,
    deadline_s: float | None = None,
    first_line: int | None = 1,
    run_id: str | None = None,
) -> NarrationRequest:
    """Return the request that the parameters of ``narrate`` describe.

    Raises:
        InputError: if there is no such markup, policy or quality, or the deadline is no time.
    """
    return NarrationRequest(
        text=text,
        output_path=Path(output_path or _single_path(text, format, settings)),
        provider=provider,
        preference=preference_of(policy, deadline_s),
        voice=voice,
        format=format,
        language=language,
        markup=_markup(markup),
        parameters=parameters or {},
        lexicon=lexicon or {},
        policies=policies if isinstance(policies, Policies) else policies_of(policies),
        profile=profile,
        quality=_quality(quality),
        accept_flagged=_switch(accept_flagged, "accept_flagged"),
        tags=Tags(title=title, album=course, track=track, language=language_code(language)),
        max_chars=settings.max_lesson_chars if lesson else settings.max_text_chars,
        lesson=lesson,
        first_line=first_line,
        run_id=run_id,
    )


def success(narration: Narration) -> dict[str, Any]:
    """Return a narration as the JSON-ready contract of ``generate_narration``."""
    return {
        "success": True,
        "audio_path": str(narration.audio),
        "duration": narration.duration_s,
        "cached": narration.cached,
        "provider": narration.provider,
        "voice": narration.voice,
        "chunks": narration.chunks,
        "synthesized_chunks": narration.synthesized_chunks,
        "characters": narration.characters,
        "captions": {kind: str(path) for kind, path in narration.captions.items()},
        "transcripts": {kind: str(path) for kind, path in narration.transcripts.items()},
        "error": None,
        "key": narration.key,
        "rtf": narration.rtf,
        "synthesis_s": narration.synthesis_s,
        "synthesized_audio_s": narration.synthesized_audio_s,
        "loudness_lufs": narration.loudness_lufs,
        "true_peak_dbtp": narration.true_peak_dbtp,
        "sha256": narration.sha256,
        "choice": narration.choice,
        "ranking": [asdict(verdict) for verdict in narration.ranking],
        "downgraded": narration.is_downgrade,
        "fingerprint": narration.fingerprint,
        "profile": narration.profile,
        "flagged": list(narration.flagged),
        "sentences": [
            {
                "start_s": cue.start_s,
                "end_s": cue.end_s,
                "text": cue.text,
                "spoken": cue.spoken,
                "key": key,
            }
            for cue, key in zip(narration.cues, narration.chunk_keys, strict=True)
        ],
    }


def failure(error: NarrationError) -> dict[str, Any]:
    """Return a failure as the JSON-ready contract of ``generate_narration``."""
    return {
        "success": False,
        "audio_path": None,
        "duration": 0.0,
        "cached": False,
        "provider": None,
        "voice": None,
        "chunks": 0,
        "synthesized_chunks": 0,
        "characters": 0,
        "captions": {},
        "transcripts": {},
        "error": error.as_dict(),
    }


def _markup(given: Markup | str) -> Markup:
    try:
        return Markup(given)
    except ValueError as error:
        raise InputError(
            f"there is no markup {given!r}",
            field="markup",
            value=given,
            remedy=f"use {', '.join(Markup)}",
        ) from error


def _switch(given: object, field: str) -> bool:
    """Return a switch; what only counts as true, as the text ``"no"``, must not open a gate."""
    if not isinstance(given, bool):
        raise InputError(
            f"{given!r} is neither true nor false",
            field=field,
            value=given,
            remedy="give True or False",
        )
    return given


def _quality(given: QualityChecks | str) -> QualityChecks:
    try:
        return QualityChecks(given)
    except ValueError as error:
        raise InputError(
            f"there are no quality checks {given!r}",
            field="quality",
            value=given,
            remedy=f"use {' or '.join(QualityChecks)}",
        ) from error


def _single_path(text: str, format: str | None, settings: Settings) -> Path:
    name = sha256(text.encode(errors="replace")).hexdigest()[:16]
    return settings.narrations / "single" / f"{name}.{format or 'mp3'}"
