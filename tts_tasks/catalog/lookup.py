"""Step 2, LOOKUP: what the library already holds of a script. Reads files, never DuckDB."""

from __future__ import annotations

from tts_tasks.catalog.library import Library
from tts_tasks.values import Chunk, Mastered, Plan, Script, Utterance


def look_up(script: Script, library: Library) -> Plan:
    """Find the finished narration, or else the utterances of a script; record each hit.

    Args:
        script: the validated request.
        library: where finished audio is kept.

    Returns:
        The plan: each missing key once, in order of first use.

    Raises:
        CatalogError: if the library cannot be read, or its journal not be written.
    """
    finished = _finished(script, library)
    # Touched while it is there: what is touched is not evicted before it is published.
    if finished is not None and library.objects.touch(script.key):
        library.record(
            "narration_hit",
            script.key,
            provider=script.provider,
            voice=script.voice,
            duration_s=finished.duration_s,
            characters=script.characters,
        )
        return Plan(script=script, finished=finished, utterances={}, missing=())

    utterances: dict[str, Utterance] = {}
    missing: dict[str, Chunk] = {}
    for chunk in script.chunks:
        if chunk.key in utterances or chunk.key in missing:
            continue
        utterance = library.use_utterance(chunk)
        if utterance is None:
            missing[chunk.key] = chunk
        else:
            utterances[chunk.key] = utterance
    return Plan(
        script=script, finished=None, utterances=utterances, missing=tuple(missing.values())
    )


def _finished(script: Script, library: Library) -> Mastered | None:
    """Return the finished narration, if its takes passed the checks that are asked for now."""
    finished = library.find_narration(script.key, script.format)
    if finished is not None and script.quality == "asr" and finished.checks != "asr":
        return None
    return finished


def missing_chunks(script: Script, library: Library) -> tuple[Chunk, ...]:
    """Return the chunks that would have to be synthesized, each once; record nothing.

    Raises:
        CatalogError: if the library cannot be read.
    """
    if _finished(script, library) is not None:
        return ()
    chunks = {chunk.key: chunk for chunk in script.chunks}
    return tuple(chunk for chunk in chunks.values() if library.find_utterance(chunk) is None)
