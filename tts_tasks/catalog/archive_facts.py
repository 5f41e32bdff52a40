"""Is this the sidecar of an object? Every field that anything reads, with its type and range."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tts_tasks.catalog.journal import MAX_LINE_BYTES
from tts_tasks.catalog.keys import chunk_key, is_key
from tts_tasks.catalog.library import UTTERANCE_FORMAT, event_fields
from tts_tasks.catalog.tail import LAST_TIME_S

MAX_TAKES = 100
"""More takes of a chunk than anybody made."""

MAX_EVENT_BYTES = MAX_LINE_BYTES // 2
"""Largest registration; the rest of its line in the journal has less than 1 kB."""

Claim = Callable[[Any], bool]

_WORD = re.compile(r"[a-z0-9]{1,8}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_extension(value: Any) -> bool:
    return isinstance(value, str) and bool(_WORD.fullmatch(value)) and value != "json"


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e15


def _is_amount(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_time(value: Any) -> bool:
    return _is_number(value) and 0 <= value < LAST_TIME_S


def _or_null(claim: Claim) -> Claim:
    return lambda value: value is None or claim(value)


def _list_of(claim: Claim) -> Claim:
    return lambda value: isinstance(value, list) and all(map(claim, value))


def _numbers(count: int) -> Claim:
    return lambda value: (
        isinstance(value, list) and len(value) == count and all(map(_is_number, value))
    )


def _is_word(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 4
        and all(map(_is_count, value[:2]))
        and all(map(_is_amount, value[2:]))
    )


def _is_parameters(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(each, str) or _is_number(each) for each in value.values()
    )


def _is_heard(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"wer", "heard", "missing", "extra"}
        and _is_number(value["wer"])
        and _is_text(value["heard"])
        and all(_list_of(_is_text)(value[runs]) for runs in ("missing", "extra"))
    )


def _is_quality(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= {"flags", "scores", "badness", "asr"}
        and _list_of(_is_text)(value.get("flags"))
        and isinstance(value.get("scores"), dict)
        and all(_or_null(_is_number)(each) for each in value["scores"].values())
        and _is_number(value.get("badness"))
        and _or_null(_is_heard)(value.get("asr"))
    )


COMMON: Mapping[str, Claim] = {
    "key": is_key,
    "kind": lambda value: value in ("utterance", "narration"),
    "extension": _is_extension,
    "bytes": lambda value: _is_count(value) and value > 0,
    "sha256": is_key,
    "provider": _is_text,
    "revision": _is_text,
    "voice": _is_text,
    "duration_s": _is_amount,
    "sample_rate": lambda value: _is_count(value) and 0 < value < 1_000_000,
    "synthesis_s": _is_amount,
    "created_at": _is_time,
}

OF_KIND: Mapping[str, Mapping[str, Claim]] = {
    "utterance": {
        "parameters": _is_parameters,
        "seed": _is_whole,
        "spoken": _is_text,
        "written": _is_text,
    },
    "narration": {
        "format": _is_text,
        "mastering": _is_text,
        "characters": _is_count,
        "chunks": _is_count,
        "synthesized_chunks": _is_count,
        "loudness_lufs": _or_null(_is_number),
        "true_peak_dbtp": _or_null(_is_number),
        "chunk_keys": _list_of(is_key),
        "spans": _list_of(_numbers(2)),
    },
}

SOMETIMES: Mapping[str, Mapping[str, Claim]] = {
    "utterance": {
        "takes": lambda value: _is_count(value) and 1 <= value <= MAX_TAKES,
        "flags": _list_of(_is_text),
        "quality": _or_null(_is_quality),
        "words": _list_of(_is_word),
    },
    "narration": {
        "profile": _is_text,
        "checks": _is_text,
        "flagged": _list_of(_is_text),
        "words": _list_of(_list_of(_is_word)),
    },
}
"""Fields that sidecars from before them lack."""

TIMES: Mapping[str, Claim] = {"amended_at": _is_time, "made_at": _is_time}


def known_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what this version knows of a sidecar that was checked."""
    kind = facts["kind"]
    names = {*COMMON, *OF_KIND[kind], *SOMETIMES[kind], *TIMES}
    return {name: value for name, value in facts.items() if name in names}


def check_facts(facts: Mapping[str, Any], key: str) -> str | None:
    """Return what is wrong with a sidecar, ``None`` if it can be the one of this key."""
    required = dict(COMMON)
    kind = facts.get("kind")
    if isinstance(kind, str) and kind in OF_KIND:
        required |= OF_KIND[kind]
    for name, claim in required.items():
        if name not in facts or not claim(facts[name]):
            return f"{name} is {facts.get(name)!r:.60}"
    for name, claim in {**SOMETIMES[str(kind)], **TIMES}.items():
        if name in facts and not claim(facts[name]):
            return f"{name} is {facts[name]!r:.60}"
    if facts["key"] != key:
        return f"key is {facts['key']}"
    if facts["extension"] != (UTTERANCE_FORMAT if kind == "utterance" else facts["format"]):
        return f"extension is {facts['extension']!r:.60}"
    if len(json.dumps(event_fields(facts), ensure_ascii=False).encode()) > MAX_EVENT_BYTES:
        return "it is too long"
    if kind == "utterance" and key not in _possible_keys(facts):
        return "its key is not that of its text, voice and parameters"
    return None


def _possible_keys(facts: Mapping[str, Any]) -> set[str]:
    """Return the keys that an utterance can have.

    The key holds the seed of the first take, the sidecar that of the accepted one, which may be
    each of those that were made.
    """
    return {
        chunk_key(
            spoken=facts["spoken"],
            provider=facts["provider"],
            revision=facts["revision"],
            voice=facts["voice"],
            parameters=facts["parameters"],
            seed=facts["seed"] - earlier,
        )
        for earlier in range(facts.get("takes", 1))
    }
