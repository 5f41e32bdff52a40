"""The author's marks inside a text: how one occurrence of a term is said.

    O [[Kaggle|/ˈkæɡəl/]] abre amanhã.        the term, its phonemes (IPA)
    Veja o [[esse quê ele|SQL]] da tela.      how it is said, how it is written

Captions show what is written. An engine that speaks phonemes gets the mark with phonemes, any
other one the term; a mark in words is settled before any engine sees the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

PHONEME_MARK = re.compile(r"\[\[((?:[^\w\[\]|]|_)*[^\W_][^\[\]|]*+)\|/([^\[\]|/]++)/\]\]")
"""A term that has a letter or digit, and its phonemes (IPA); linear in time."""

SAY_MARK = re.compile(r"\[\[([^\[\]|]++)\|((?!\s*/)[^\[\]|]++)\]\]")
"""How a term is said, in words, and how it is written; linear in time."""

LITERAL = str.maketrans("[]|", "\ue05b\ue05d\ue07c")
"""What stands for these signs inside of code, where they mark nothing; nobody writes it."""

AS_WRITTEN = str.maketrans("\ue05b\ue05d\ue07c", "[]|")
"""The way back."""


def mark(term: str, phonemes: str) -> str:
    """Return the mark: ``mark("Kaggle", "ˈkæɡəl")`` -> ``[[Kaggle|/ˈkæɡəl/]]``."""
    return f"[[{term}|/{phonemes}/]]"


def say_mark(said: str, written: str) -> str:
    """Return the mark: ``say_mark("esse quê ele", "SQL")`` -> ``[[esse quê ele|SQL]]``."""
    return f"[[{said}|{written}]]"


def term_of(whole: str) -> str:
    """Return what a mark shows to a reader."""
    if found := PHONEME_MARK.fullmatch(whole):
        return found[1]
    found = SAY_MARK.fullmatch(whole)
    return found[2] if found else whole


def said_of(whole: str) -> str | None:
    """Return how a mark is said, in words; None for one with phonemes."""
    if PHONEME_MARK.fullmatch(whole):
        return None
    found = SAY_MARK.fullmatch(whole)
    return found[1] if found else None


def without_phonemes(text: str) -> str:
    """Return the text with each phoneme mark replaced by its term."""
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
