"""Step 3: speak the missing chunks of a plan, and hand over each utterance as soon as it exists."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from tts_tasks.engines.protocol import Engine
from tts_tasks.errors import EngineOutputError
from tts_tasks.values import (
    Checkpoint,
    Chunk,
    Plan,
    Spoken,
    Utterance,
    Waveform,
    fault_of,
    never_cancelled,
)

Find = Callable[[Chunk], Utterance | None]
"""Returns the utterance of a chunk when the library holds it by now."""

Keep = Callable[[Chunk, Waveform, float], Utterance]
"""Stores an accepted take (chunk, waveform, synthesis seconds) and returns the utterance."""


def synthesize(
    plan: Plan, engine: Engine, find: Find, keep: Keep, *, checkpoint: Checkpoint = never_cancelled
) -> Spoken:
    """Speak what is missing, ``engine.batch_size`` chunks at a time.

    Each batch is kept before the next one starts, so that a crash, a full disk or a cancelled run
    loses no finished audio. A chunk that exists by now is not spoken: an earlier attempt of this
    run made it, or another run that needs the same sentence.

    Raises:
        EngineError, InputError: from the engine, or for a take that cannot be right.
        CancelledError: from the checkpoint.
    """
    utterances = dict(plan.utterances)
    synthesized: list[Utterance] = []
    for start in range(0, len(plan.missing), engine.batch_size):
        checkpoint()
        batch = []
        for chunk in plan.missing[start : start + engine.batch_size]:
            if existing := find(chunk):
                utterances[chunk.key] = existing
            else:
                batch.append(chunk)
        for utterance in _speak(batch, engine, keep):
            utterances[utterance.chunk.key] = utterance
            synthesized.append(utterance)
    chunks = () if plan.finished else plan.script.chunks
    return Spoken(
        plan=plan,
        utterances=tuple(replace(utterances[chunk.key], chunk=chunk) for chunk in chunks),
        synthesized_chunks=len(synthesized),
        synthesis_s=sum(utterance.synthesis_s for utterance in synthesized),
        synthesized_audio_s=sum(utterance.duration_s for utterance in synthesized),
    )


def _speak(batch: list[Chunk], engine: Engine, keep: Keep) -> Iterator[Utterance]:
    if not batch:
        return
    started = time.perf_counter()
    waveforms = engine.synthesize(batch)
    share_s = (time.perf_counter() - started) / len(batch)
    if len(waveforms) != len(batch):
        raise EngineOutputError(
            f"{engine.name} returned {len(waveforms)} takes for {len(batch)} chunks",
            field="provider",
            value=engine.name,
        )
    for chunk, waveform in zip(batch, waveforms, strict=True):
        check_take(chunk, waveform, engine)
        synthesis_s = waveform.synthesis_s
        yield keep(chunk, waveform, share_s if synthesis_s is None else synthesis_s)


def check_take(chunk: Chunk, waveform: Waveform, engine: Engine) -> None:
    """Refuse a take that no further step could use.

    Raises:
        EngineOutputError: for a wrong rate, or samples that ``values.fault_of`` finds fault with.
    """
    fault = fault_of(waveform.samples)
    if waveform.sample_rate != engine.sample_rate:
        fault = f"{waveform.sample_rate} Hz, not {engine.sample_rate} Hz"
    if fault is None:
        return
    raise EngineOutputError(
        f"{engine.name} returned {fault} for {chunk.spoken!r}",
        field="text",
        value=chunk.spoken,
        remedy="run it again; if it stays, rephrase the sentence or choose another voice",
    )
