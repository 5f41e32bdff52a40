"""Step 3: speak the missing chunks of a plan, and keep each utterance as soon as it exists.

A take that fails its checks is spoken again with the next seed, where another take of the engine
may be better; of three that fail the best is kept, with its flags.

What another run on this machine is speaking is left for last, and waited for: no chunk is spoken
twice because two runs miss it at the same time.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from tts_tasks.engines.protocol import Engine
from tts_tasks.errors import BadAnswerError, EngineOutputError
from tts_tasks.values import (
    Checkpoint,
    Chunk,
    Plan,
    Quality,
    Spoken,
    Utterance,
    Waveform,
    fault_of,
    never_cancelled,
)

MAX_TAKES = 3
"""Takes of a chunk, the first included."""

TURN_S = 0.2
"""Pause, in seconds, between two looks at whether another run has finished a chunk."""

PATIENCE_S = 3600.0
"""Longest wait, in seconds, for chunks of others without one of them being finished."""

RENEW_S = 900.0
"""Seconds after which what a run needs is touched again; eviction spares an hour."""

UNUSABLE = float("inf")
"""Badness of a take that no further step could use."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TakeMade:
    """One attempt at a chunk, as the engine gave it."""

    chunk: Chunk
    """What was asked for, with the seed of the first take."""

    waveform: Waveform
    """What came."""

    synthesis_s: float
    """Seconds that the engine needed for this take."""

    quality: Quality
    """What was found out about it."""

    seed: int
    """Seed that it was spoken with."""


Find = Callable[[Chunk], Utterance | None]
"""Returns the utterance of a chunk when the library holds it by now."""

Judge = Callable[[Chunk, Waveform], Quality]
"""Checks a take."""

Keep = Callable[[TakeMade, Sequence[TakeMade]], Utterance]
"""Stores the accepted take, and beside it the rejected ones; returns the utterance."""


class Claims(Protocol):
    """Which chunks this run speaks, so that no other does."""

    def take(self, key: str) -> bool:
        """Claim a chunk; return False, at once, when another run holds it."""

    def release(self, key: str) -> None:
        """Give a chunk back."""


class NoClaims:
    """The claims of a run that nobody runs beside."""

    def take(self, key: str) -> bool:
        """Return True."""
        return True

    def release(self, key: str) -> None:
        """Do nothing."""


def synthesize(
    plan: Plan,
    engine: Engine,
    find: Find,
    judge: Judge,
    keep: Keep,
    *,
    claims: Claims | None = None,
    touch: Callable[[str], bool] = lambda _: True,
    checkpoint: Checkpoint = never_cancelled,
) -> Spoken:
    """Speak what is missing, ``engine.batch_size`` chunks at a time.

    Each take is kept as soon as the engine yields it, so that a crash, a full disk or a cancelled
    run loses no finished audio. A chunk that exists by now is not spoken: an earlier attempt of
    this run made it, or another run that needs the same sentence.

    Args:
        plan: what is there, and what is missing.
        engine: who speaks.
        find: asks the library again, before a chunk is spoken.
        judge: checks a take.
        keep: puts it into the library.
        claims: keep other runs from speaking the same chunk.
        touch: notes that an object of the library is still needed, and tells whether it is there;
            one that is gone is spoken again.
        checkpoint: called before each batch, and while another run is waited for.

    Raises:
        EngineError, InputError: from the engine, or for a chunk without a take that can be used.
        CancelledError: from the checkpoint.
    """
    claims = claims or NoClaims()
    utterances = dict(plan.utterances)
    wanted = {chunk.key: chunk for chunk in plan.script.chunks}
    missing = deque(plan.missing)
    synthesized: list[Utterance] = []
    touched_s = progress_s = time.monotonic()
    while missing:
        checkpoint()
        n_missing = len(missing)
        batch = _next_batch(missing, utterances, engine.batch_size, find, claims)
        if not batch and len(missing) == n_missing:
            if time.monotonic() - progress_s < PATIENCE_S:
                time.sleep(TURN_S)
                continue
            logger.warning("another run holds %d chunks for too long: spoken here", n_missing)
            claims = NoClaims()
        with _released(batch, claims):
            flagged = plan.script.accept_flagged
            for utterance in _speak(batch, engine, judge, keep, checkpoint, keep_flagged=flagged):
                utterances[utterance.chunk.key] = utterance
                synthesized.append(utterance)
                claims.release(utterance.chunk.key)
        progress_s = time.monotonic()
        if progress_s - touched_s > RENEW_S:
            gone = [key for key in utterances if not touch(key)]
            missing.extend(wanted[key] for key in gone)
            touched_s = progress_s
    chunks = () if plan.finished else plan.script.chunks
    return Spoken(
        plan=plan,
        utterances=tuple(replace(utterances[chunk.key], chunk=chunk) for chunk in chunks),
        synthesized_chunks=len(synthesized),
        synthesis_s=sum(utterance.synthesis_s for utterance in synthesized),
        synthesized_audio_s=sum(utterance.duration_s for utterance in synthesized),
    )


def _next_batch(
    missing: deque[Chunk],
    utterances: dict[str, Utterance],
    size: int,
    find: Find,
    claims: Claims,
) -> list[Chunk]:
    """Take from what is missing the chunks to speak now, claimed; what exists becomes known.

    What others are speaking stays, behind all the rest. Whoever gets no chunk waits with no claim
    in hand, so that two runs never wait for each other.
    """
    batch: list[Chunk] = []
    for _ in range(len(missing)):
        if len(batch) == size:
            break
        chunk = missing.popleft()
        is_mine = claims.take(chunk.key)
        # Asked with the claim in hand: its last holder may have finished just before.
        if existing := find(chunk):
            utterances[chunk.key] = existing
            if is_mine:
                claims.release(chunk.key)
        elif is_mine:
            batch.append(chunk)
        else:
            missing.append(chunk)
    return batch


@contextmanager
def _released(batch: Sequence[Chunk], claims: Claims) -> Iterator[None]:
    """Give the claims of a batch back, whatever happens to it."""
    try:
        yield
    finally:
        for chunk in batch:
            claims.release(chunk.key)


def _speak(
    batch: Sequence[Chunk],
    engine: Engine,
    judge: Judge,
    keep: Keep,
    checkpoint: Checkpoint,
    *,
    keep_flagged: bool,
) -> Iterator[Utterance]:
    """Yield the utterance of each chunk; those that fail are taken again together."""
    rejected: dict[str, list[TakeMade]] = {}
    pending = list(batch)
    while pending:
        failed = []
        for take in _takes(pending, rejected, engine, judge, checkpoint):
            earlier = rejected.setdefault(take.chunk.key, [])
            if take.quality.is_good:
                yield keep(take, earlier)
            elif engine.takes_differ and len(earlier) + 1 < MAX_TAKES:
                earlier.append(take)
                failed.append(take.chunk)
            else:
                best, *others = sorted([*earlier, take], key=lambda each: each.quality.badness)
                _refuse_unusable(best, engine, keep_flagged=keep_flagged)
                yield keep(best, others)
        if failed:
            checkpoint()
        pending = failed


def _takes(
    chunks: Sequence[Chunk],
    rejected: dict[str, list[TakeMade]],
    engine: Engine,
    judge: Judge,
    checkpoint: Checkpoint,
) -> Iterator[TakeMade]:
    """Yield one take of each chunk as it is finished, each with its next seed."""
    if not chunks:
        return
    seeds = [chunk.seed + len(rejected.get(chunk.key, ())) for chunk in chunks]
    seeded = [replace(chunk, seed=seed) for chunk, seed in zip(chunks, seeds, strict=True)]
    pending = set(range(len(chunks)))
    begun_s, share_s = time.perf_counter(), None
    for index, waveform in engine.takes(seeded, checkpoint):
        if share_s is None:  # An engine that does not say has spoken them all by now.
            share_s = (time.perf_counter() - begun_s) / len(chunks)
        if index not in pending:
            raise _miscounted(engine, len(chunks), f"take {index}, which nobody waits for")
        pending.remove(index)
        synthesis_s = share_s if waveform.synthesis_s is None else waveform.synthesis_s
        unusable = fault_of_take(waveform, engine) is not None
        bad = Quality(("unusable",), badness=UNUSABLE)
        quality = bad if unusable else judge(chunks[index], waveform)
        yield TakeMade(chunks[index], waveform, synthesis_s, quality, seeds[index])
    if pending:
        raise _miscounted(engine, len(chunks), f"{len(chunks) - len(pending)} takes")


def _miscounted(engine: Engine, n_chunks: int, returned: str) -> EngineOutputError:
    return EngineOutputError(
        f"{engine.name} returned {returned} for {n_chunks} chunks",
        field="provider",
        value=engine.name,
    )


def fault_of_take(waveform: Waveform, engine: Engine) -> str | None:
    """Return why no further step could use a take, in a few words; ``None`` if they can."""
    if waveform.sample_rate != engine.sample_rate:
        return f"{waveform.sample_rate} Hz, not {engine.sample_rate} Hz"
    return fault_of(waveform.samples)


def _refuse_unusable(take: TakeMade, engine: Engine, *, keep_flagged: bool) -> None:
    """Raise if not even the best take of a chunk can be kept.

    What a service answered wrongly today it may answer rightly tomorrow: unless the caller accepts
    flagged takes, none of it goes into the library, where it would stay.

    Raises:
        BadAnswerError: for a take of a service that failed its checks.
        EngineOutputError: for a wrong rate, or samples that ``values.fault_of`` finds fault with.
    """
    fault = fault_of_take(take.waveform, engine)
    if fault is None and (keep_flagged or engine.deterministic or take.quality.is_good):
        return
    what = fault or "audio that is " + ", ".join(
        flag.replace("_", " ") for flag in take.quality.flags
    )
    kind = EngineOutputError if engine.deterministic else BadAnswerError
    raise kind(
        f"{engine.name} returned {what} for {take.chunk.spoken!r}",
        field="text",
        value=take.chunk.spoken,
        remedy="run it again; if it stays, rephrase the sentence or choose another voice",
    )
