"""The typed door to the library: utterances and narrations in and out, and events.

Knows the values of the steps, the sidecars' fields and the FLAC of utterances; how files and
events are written is in ``objects`` and ``journal``. Imports no DuckDB.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tts_tasks.catalog.journal import open_journal
from tts_tasks.catalog.objects import Objects, StoredObject
from tts_tasks.catalog.takes import Takes, as_facts, from_facts
from tts_tasks.errors import EngineOutputError
from tts_tasks.values import (
    Chunk,
    Mastered,
    Quality,
    Script,
    Take,
    Utterance,
    Waveform,
    Word,
)

UTTERANCE_FORMAT = "flac"

INT16_STEPS = 32768.0
"""Amplitude 1.0 in 16-bit samples; libsndfile divides by it when it reads."""

FINISHED = "narration_finished"


@dataclass(frozen=True, slots=True)
class Library:
    """The finished audio of an installation; a value, cheap to make and to pass on."""

    root: Path
    """The folder that holds ``objects/``, ``journal/`` and ``catalog.duckdb``."""

    durable: bool = True
    """Whether writes are flushed to the disk before they count; hits never are."""

    @property
    def objects(self) -> Objects:
        """The audio files."""
        return Objects(self.root / "objects", self.durable)

    @property
    def refused(self) -> Takes:
        """The takes that failed their checks."""
        return Takes(self.root / "takes")

    def find_utterance(self, chunk: Chunk) -> Utterance | None:
        """Return the utterance of a chunk, if the library holds it. Records nothing.

        Raises:
            InputError: if the chunk's key is not a key.
            CatalogError: if the library may not be read.
        """
        found = self.objects.read(chunk.key, UTTERANCE_FORMAT)
        return None if found is None else _utterance(chunk, found, synthesis_s=0.0, cached=True)

    def use_utterance(self, chunk: Chunk) -> Utterance | None:
        """Return the utterance of a chunk for a narration: it counts as a hit, and as used now.

        Raises:
            InputError: if the chunk's key is not a key.
            CatalogError: if the library may not be read, or the journal not be written.
        """
        # Touched first: what is touched is not evicted while it is read.
        if not self.objects.touch(chunk.key):
            return None
        found = self.objects.read(chunk.key, UTTERANCE_FORMAT)
        if found is None:
            return None
        utterance = _utterance(chunk, found, synthesis_s=0.0, cached=True)
        self.record(
            "utterance_hit",
            chunk.key,
            provider=found.facts.get("provider"),
            voice=chunk.voice,
            duration_s=utterance.duration_s,
        )
        return utterance

    def register_utterance(
        self,
        chunk: Chunk,
        waveform: Waveform,
        *,
        provider: str,
        revision: str,
        synthesis_s: float,
        quality: Quality | None = None,
        seed: int | None = None,
        takes: int = 1,
    ) -> Utterance:
        """Keep the accepted take of a chunk as 16-bit FLAC.

        When another process registered the chunk meanwhile, its take stays and is returned.

        Args:
            chunk: what was spoken.
            waveform: the audio, untrimmed.
            provider: name of the engine.
            revision: revision of the engine.
            synthesis_s: seconds that the engine needed.
            quality: what was found out about the take.
            seed: that it was spoken with; the chunk's own when omitted.
            takes: how many were made, this one included.

        Raises:
            EngineOutputError: if the waveform is empty, not mono, not finite or beyond [-1, 1].
            StorageFullError: if the disk is full; nothing is left of the attempt.
            CatalogError: if the library cannot be written.
        """
        facts: dict[str, Any] = {
            "kind": "utterance",
            "provider": provider,
            "revision": revision,
            "voice": chunk.voice,
            "parameters": dict(chunk.parameters),
            "seed": chunk.seed if seed is None else seed,
            "takes": takes,
            "flags": list(quality.flags) if quality else [],
            "quality": as_facts(quality) if quality else None,
            "spoken": chunk.spoken,
            "written": chunk.written,
            "duration_s": waveform.duration_s,
            "sample_rate": waveform.sample_rate,
            "synthesis_s": synthesis_s,
            "words": [_word_facts(word) for word in waveform.words],
            "created_at": _now_s(),
        }
        audio = encode_flac(waveform)
        stored, is_new = self.objects.put(chunk.key, UTTERANCE_FORMAT, audio, facts)
        if is_new:
            self.record("utterance_registered", chunk.key, **event_fields(stored.facts))
        else:
            self.record(
                "utterance_duplicate",
                chunk.key,
                provider=provider,
                voice=chunk.voice,
                duration_s=waveform.duration_s,
                synthesis_s=synthesis_s,
            )
        return _utterance(chunk, stored, synthesis_s=synthesis_s, cached=False)

    def note_quality(self, utterance: Utterance, quality: Quality) -> None:
        """Write down what was found out about an utterance after it was kept.

        Raises:
            CatalogError: if the library cannot be written.
        """
        self._amend(
            utterance.chunk.key, {"quality": as_facts(quality), "flags": list(quality.flags)}
        )

    def takes(self, key: str) -> tuple[Take, ...]:
        """Return the takes of a chunk that are kept, by seed; none for an unknown chunk.

        Raises:
            InputError: if the key is not a key.
            CatalogError: if the library may not be read.
        """
        found = self.objects.read(key, UTTERANCE_FORMAT)
        if found is None:
            return ()
        facts: Mapping[str, Any] = found.facts
        accepted = Take(found.path, int(facts["seed"]), _quality(facts) or Quality(), accepted=True)
        others = [take for take in self.refused.of(key) if take.seed != accepted.seed]
        return tuple(sorted([accepted, *others], key=lambda take: take.seed))

    def find_narration(self, key: str, format: str) -> Mastered | None:
        """Return the mastered audio of a narration, if the library holds it. Records nothing.

        Raises:
            InputError: if the key is not a key, or the format not one of audio.
            CatalogError: if the library may not be read.
        """
        found = self.objects.read(key, format)
        return None if found is None else _mastered(found)

    def register_narration(
        self, script: Script, mastered: Mastered, *, synthesis_s: float, synthesized_chunks: int
    ) -> Mastered:
        """Copy mastered audio into the library; the file it came from is left alone.

        Args:
            script: what was said.
            mastered: the encoded, untagged file and its measurements.
            synthesis_s: seconds that the engine needed in this run.
            synthesized_chunks: chunks that the engine spoke in this run.

        Returns:
            The same audio at its path in the library.

        Raises:
            FileNotFoundError: if the encoded file does not exist.
            StorageFullError: if the disk is full; nothing is left of the attempt.
            CatalogError: if the library cannot be written.
        """
        facts: dict[str, Any] = {
            "kind": "narration",
            "provider": script.provider,
            "revision": script.revision,
            "voice": script.voice,
            "format": mastered.format,
            "mastering": script.mastering,
            "characters": script.characters,
            "chunks": len(script.chunks),
            "synthesized_chunks": synthesized_chunks,
            "synthesis_s": synthesis_s,
            "duration_s": mastered.duration_s,
            "sample_rate": mastered.sample_rate,
            "loudness_lufs": _finite(mastered.loudness_lufs),
            "true_peak_dbtp": _finite(mastered.true_peak_dbtp),
            "profile": script.profile,
            "checks": script.quality,
            "flagged": list(mastered.flagged),
            "chunk_keys": [chunk.key for chunk in script.chunks],
            "spans": [list(span) for span in mastered.spans],
            "words": [[_word_facts(word) for word in words] for words in mastered.words],
            "created_at": _now_s(),
        }
        stored, is_new = self.objects.put(script.key, mastered.format, mastered.path, facts)
        if is_new:
            self.record("narration_registered", script.key, **event_fields(stored.facts))
        else:
            if script.quality == "asr":
                # The audio is the same; what is known about it is more than before.
                changes = {name: facts[name] for name in ("checks", "flagged")}
                self._amend(script.key, changes)
                stored = replace(stored, facts={**stored.facts, **changes})
            self.record(
                "narration_duplicate",
                script.key,
                provider=script.provider,
                voice=script.voice,
                duration_s=mastered.duration_s,
                synthesis_s=synthesis_s,
            )
        return _mastered(stored)

    def keep_imported(self, facts: Mapping[str, Any], audio: Path) -> bool:
        """Commit an object that another library made; return whether it is new here.

        Args:
            facts: its sidecar, checked.
            audio: the file, copied.

        Raises:
            StorageFullError: if the disk is full; nothing is left of the attempt.
            CatalogError: if the library cannot be written.
        """
        stored, is_new = self.objects.put(facts["key"], facts["extension"], audio, facts)
        if is_new:
            fields = event_fields(stored.facts)
            self.record(f"{facts['kind']}_registered", facts["key"], **fields, imported=True)
        else:
            # Should its registration have been lost, the catalog looks at it now.
            self.record(f"{facts['kind']}_imported", facts["key"])
        return is_new

    def register_again(self, key: str, *, renew: bool) -> None:
        """Tell the catalog what the sidecar of an object says; does nothing without a sidecar.

        Args:
            key: of the object.
            renew: whether it counts as registered now: its old registration may have been undone.

        Raises:
            CatalogError: if the library cannot be read or written.
        """
        if not renew:
            self._amend(key, {})
            return
        facts = self.objects.amend(key, {"created_at": _now_s()})
        if facts is not None:
            self.record(f"{facts['kind']}_registered", key, **event_fields(facts))

    def _amend(self, key: str, changes: Mapping[str, object]) -> None:
        """Change what a sidecar says, and tell the catalog; does nothing without a sidecar."""
        facts = self.objects.amend(key, {**changes, "amended_at": _now_s()})
        if facts is not None:
            self.record(f"{facts['kind']}_amended", key, **event_fields(facts))

    def record(self, kind: str, key: str | None = None, **fields: object) -> None:
        """Write an event into this process's journal; the kinds are listed in ``journal``.

        Raises:
            TypeError, ValueError: if a field is not JSON: a mistake in the program.
            StorageFullError: if the disk is full.
            CatalogError: if the journal cannot be written.
        """
        # A hit lost to a power failure costs nothing, and a lesson has hundreds of them; a lost
        # eviction is found by `narrate catalog verify`, and 100,000 of them come in a row.
        flush = self.durable and not kind.endswith(("_hit", "_checked", "_evicted", "_imported"))
        open_journal(self.root / "journal").append(kind, key, fields, flush=flush)


def encode_flac(waveform: Waveform) -> bytes:
    """Return a waveform as 16-bit mono FLAC; the same samples give the same bytes.

    Raises:
        EngineOutputError: if the waveform is empty, not mono, not finite or beyond [-1, 1].
    """
    samples = waveform.samples
    if samples.ndim != 1 or not len(samples):
        raise _wrong_audio(f"expected mono audio with samples, got shape {samples.shape}")
    peak = float(np.max(np.abs(samples)))
    if not peak <= 1.0:  # NaN is not, either
        raise _wrong_audio(f"samples must be finite and within [-1, 1], the peak is {peak}")
    # libsndfile's own conversion scales by 32767 but reads by 32768: a round trip would drift.
    steps = np.rint(samples.astype(np.float64) * INT16_STEPS)
    pcm = np.clip(steps, -INT16_STEPS, INT16_STEPS - 1).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, pcm, waveform.sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _wrong_audio(message: str) -> EngineOutputError:
    return EngineOutputError(message, field="waveform")


def _utterance(
    chunk: Chunk, stored: StoredObject, *, synthesis_s: float, cached: bool
) -> Utterance:
    facts: Mapping[str, Any] = stored.facts
    return Utterance(
        chunk=chunk,
        path=stored.path,
        duration_s=float(facts["duration_s"]),
        sample_rate=int(facts["sample_rate"]),
        synthesis_s=synthesis_s,
        cached=cached,
        words=tuple(_word(word) for word in facts.get("words", ())),
        quality=_quality(facts),
    )


def _quality(facts: Mapping[str, Any]) -> Quality | None:
    """Return what was found out; ``None`` for an utterance from before there were checks."""
    return from_facts(facts["quality"]) if facts.get("quality") else None


def _word_facts(word: Word) -> list[float]:
    return [word.start, word.end, round(word.start_s, 4), round(word.end_s, 4)]


def _word(facts: list[float]) -> Word:
    start, end, start_s, end_s = facts
    return Word(int(start), int(end), float(start_s), float(end_s))


def _mastered(stored: StoredObject) -> Mastered:
    facts: Mapping[str, Any] = stored.facts
    return Mastered(
        path=stored.path,
        format=facts["format"],
        duration_s=float(facts["duration_s"]),
        sample_rate=int(facts["sample_rate"]),
        loudness_lufs=_level(facts["loudness_lufs"]),
        true_peak_dbtp=_level(facts["true_peak_dbtp"]),
        spans=tuple((float(start_s), float(end_s)) for start_s, end_s in facts["spans"]),
        words=tuple(tuple(map(_word, words)) for words in facts.get("words", ())),
        flagged=tuple(facts.get("flagged", ())),
        checks=facts.get("checks", ""),
    )


def event_fields(facts: Mapping[str, object]) -> dict[str, object]:
    """Return a sidecar as an event's fields; what the event says elsewhere is left out."""
    elsewhere = ("key", "kind", "extension", "spans", "words")
    return {name: value for name, value in facts.items() if name not in elsewhere}


def _finite(level_db: float) -> float | None:
    """Return a level as JSON knows it: silence, at minus infinity, becomes null."""
    return level_db if math.isfinite(level_db) else None


def _level(level_db: float | None) -> float:
    return -math.inf if level_db is None else float(level_db)


def _now_s() -> float:
    """Return UTC in seconds since 1970, to the microsecond that the catalog keeps."""
    return round(time.time(), 6)
