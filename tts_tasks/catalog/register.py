"""Step 5, REGISTER, the library's half: the narration becomes an object and an event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from tts_tasks.catalog.library import FINISHED, Library
from tts_tasks.values import Mastered, Spoken


def accept_all(_: Mastered) -> None:
    """Refuse no narration."""


def register(
    spoken: Spoken,
    mastered: Mastered,
    library: Library,
    *,
    accept: Callable[[Mastered], None] = accept_all,
    **about: str | int | None,
) -> Mastered:
    """Keep a narration, and record that it was finished.

    A narration that was found in the library is only recorded.

    Args:
        spoken: what was said, and what it took.
        mastered: the encoded, untagged audio.
        library: where finished audio is kept.
        accept: called when the audio is safe, before the narration counts as finished; what it
            raises refuses it.
        **about: further fields of the event ``narration_finished``: ``run_id``, ``course``,
            ``lesson``.

    Returns:
        The same audio at its path in the library.

    Raises:
        StorageFullError: if the disk is full; the utterances are kept.
        CatalogError: if the library cannot be written.
    """
    script = spoken.plan.script
    finished = spoken.plan.finished
    kept = finished or library.register_narration(
        script,
        mastered,
        synthesis_s=spoken.synthesis_s,
        synthesized_chunks=spoken.synthesized_chunks,
    )
    accept(kept)
    facts: dict[str, object] = {
        "provider": script.provider,
        "voice": script.voice,
        "format": script.format,
        "characters": script.characters,
        "chunks": len(script.chunks),
        "synthesized_chunks": spoken.synthesized_chunks,
        "synthesis_s": spoken.synthesis_s,
        "synthesized_audio_s": spoken.synthesized_audio_s,
        "duration_s": kept.duration_s,
        "cached": finished is not None,
        "choice": script.choice,
        "ranking": [asdict(verdict) for verdict in script.ranking],
        "is_downgrade": script.is_downgrade,
    }
    library.record(FINISHED, script.key, **{**about, **facts})
    return kept
