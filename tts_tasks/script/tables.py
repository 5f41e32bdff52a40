"""Tables that people can read and extend: words in a block of text, and "key = value" lines."""

from __future__ import annotations

import re
from collections.abc import Iterable


def sequence(block: str) -> tuple[str, ...]:
    """Return the words of a block of text in order; ``#`` starts a comment."""
    return tuple(word for line in _lines(block) for word in line.split())


def words(block: str) -> frozenset[str]:
    """Return the words of a block of text as a set; ``#`` starts a comment."""
    return frozenset(sequence(block))


def pairs(block: str) -> dict[str, str]:
    """Return the ``key = value`` lines of a block of text as a mapping; ``#`` starts a comment."""
    split = (line.split(" = ", 1) for line in _lines(block))
    return {key.strip(): value.strip() for key, value in split}


def alternatives(keys: Iterable[str]) -> str:
    """Return a regular expression for any of the keys, the longest first."""
    return "|".join(map(re.escape, sorted(keys, key=lambda key: (-len(key), key))))


def _lines(block: str) -> Iterable[str]:
    stripped = (re.sub(r"(?:^|\s)# .*", "", line).strip() for line in block.splitlines())
    return (line for line in stripped if line)
