"""What makes two requests the same: keys of content, never of position. Knows no files.

A key is the SHA-256 of a canonical JSON text, so that editing one sentence changes one chunk's
key, and inserting one changes no other's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from tts_tasks.errors import InputError

# The kind is hashed with the content, so that an utterance and a narration never share a key.
UTTERANCE = "utterance/1"
NARRATION = "narration/1"

_KEY = re.compile(r"[0-9a-f]{64}")


def canonical_json(value: object) -> str:
    """Return the one JSON text of a value: keys sorted, no white space, text as it is.

    Text is not brought to one Unicode form here: an engine may speak the two forms differently,
    and a key stands for exactly what the engine gets.

    Raises:
        TypeError: for a value that JSON has no form for, or a name that is not a string.
        ValueError: for NaN or an infinite number.
    """
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def chunk_key(
    *,
    spoken: str,
    provider: str,
    revision: str,
    voice: str,
    parameters: Mapping[str, int | float | str],
    seed: int,
) -> str:
    """Return the key of an utterance: everything that decides how a chunk sounds.

    Args:
        spoken: the text as the engine gets it.
        provider: name of the engine.
        revision: revision of the engine.
        voice: voice preset.
        parameters: every engine parameter, defaults filled in.
        seed: seed of the first take.

    Returns:
        64 lower-case hexadecimal digits.
    """
    return _digest(
        {
            "kind": UTTERANCE,
            "spoken": spoken,
            "provider": provider,
            "revision": revision,
            "voice": voice,
            "parameters": parameters,
            "seed": seed,
        }
    )


def narration_key(
    *,
    chunk_keys: Sequence[str],
    pauses_s: Sequence[float],
    mastering: str,
    format: str,
    lead_s: float = 0.0,
) -> str:
    """Return the key of a narration: its utterances in order and how they are mastered.

    Args:
        chunk_keys: keys of the utterances, in order.
        pauses_s: silence after each utterance, in seconds.
        mastering: canonical description of the mastering settings and their revision.
        format: audio format.
        lead_s: silence before the first utterance, in seconds.

    Returns:
        64 lower-case hexadecimal digits.
    """
    return _digest(
        {
            "kind": NARRATION,
            **({"lead_s": float(lead_s)} if lead_s else {}),
            "chunk_keys": [require_key(key) for key in chunk_keys],
            "pauses_s": [float(pause) for pause in pauses_s],
            "mastering": mastering,
            "format": format,
        }
    )


def is_key(value: object) -> bool:
    """Return whether the value is 64 lower-case hexadecimal digits."""
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def require_key(value: str) -> str:
    """Return the key, or refuse what would escape the library as a file name.

    Raises:
        InputError: if the value is not a key.
    """
    if not is_key(value):
        raise InputError(
            f"a key is 64 hexadecimal digits (0-9, a-f), got {value!r:.80}",
            field="key",
            value=value,
            remedy="use a key as the catalog shows it",
        )
    return value


def _digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _plain(value: object) -> object:
    """Return mappings as dicts; ``json`` alone would turn the name ``1`` into ``"1"``."""
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise TypeError(f"names in a key must be strings, got {name!r}")
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
