"""The author's marks inside a text: today one, a term with its phonemes.

    O [[Kaggle|/ˈkæɡəl/]] abre amanhã.

Captions show the term; an engine that speaks phonemes gets the mark, any other one the term.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

PHONEME_MARK = re.compile(r"\[\[((?:[^\w\[\]|]|_)*[^\W_][^\[\]|]*+)\|/([^\[\]|/]++)/\]\]")
"""A term that has a letter or digit, and its phonemes (IPA); linear in time."""


def mark(term: str, phonemes: str) -> str:
    """Return the mark: ``mark("Kaggle", "ˈkæɡəl")`` -> ``[[Kaggle|/ˈkæɡəl/]]``."""
    return f"[[{term}|/{phonemes}/]]"


def without_phonemes(text: str) -> str:
    """Return the text with each mark replaced by its term."""
    return PHONEME_MARK.sub(r"\1", text)


def pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield the text piece by piece: plain text with ``None``, or a term with its phonemes."""
    end = 0
    for found in PHONEME_MARK.finditer(text):
        if found.start() > end:
            yield text[end : found.start()], None
        yield found[1], found[2]
        end = found.end()
    if end < len(text):
        yield text[end:], None
