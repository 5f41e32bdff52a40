"""The entries that the catalog's benchmarks keep: names, keys, audio and facts."""

from __future__ import annotations

import hashlib
import json
import time
from functools import cache
from typing import Any

from tests.support.catalog import make_waveform
from tts_tasks.catalog.library import encode_flac
from tts_tasks.values import Chunk

AUDIO_BYTES = 12_000
SOUNDS = 64
"""Different ones that were encoded beforehand."""


def key_of(name: str) -> str:
    """Return the key of an entry."""
    return hashlib.sha256(name.encode()).hexdigest()


@cache
def _sound(number: int, size_bytes: int) -> bytes:
    # Noise: 16 bits a sample, and FLAC cannot make it smaller.
    return encode_flac(make_waveform(size_bytes // 2, seed=number))


def encode_sounds(size_bytes: int) -> None:
    """Encode all audio now, so that nothing that is measured does."""
    for number in range(SOUNDS):
        _sound(number, size_bytes)


def audio_of(name: str, size_bytes: int = AUDIO_BYTES) -> bytes:
    """Return the FLAC that is kept under it, of about this size."""
    return _sound(int(key_of(name)[:8], 16) % SOUNDS, size_bytes)


def facts_of(name: str) -> dict[str, Any]:
    """Return what is known of it: the sidecar of an utterance."""
    return {
        "kind": "utterance",
        "provider": "espeak",
        "revision": "espeak-ng-1.52",
        "voice": "pt-br+f2",
        "parameters": {"rate": 150},
        "seed": 0,
        "takes": 1,
        "flags": [],
        "quality": None,
        "spoken": f"A frase {name} é uma de muitas.",
        "written": f"A frase {name} é uma de muitas.",
        "duration_s": 3.0,
        "sample_rate": 22050,
        "synthesis_s": 0.25,
        "words": [],
        "created_at": round(time.time(), 6),
    }


def facts_with_sum(name: str, size_bytes: int) -> str:
    """Return the same as JSON, with the checksum of the audio, as the library keeps it."""
    checksum = hashlib.sha256(audio_of(name, size_bytes)).hexdigest()
    return json.dumps({**facts_of(name), "sha256": checksum}, ensure_ascii=False)


def chunk_of(name: str) -> Chunk:
    """Return what a narration asks for."""
    text = f"A frase {name} é uma de muitas."
    return Chunk(
        written=text, spoken=text, voice="pt-br+f2", parameters={"rate": 150}, key=key_of(name)
    )
