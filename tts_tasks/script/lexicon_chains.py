"""Entries whose words hold other entries' terms: followed to the end, or refused as a circle.

app: aplicativo do celular         app: aplicativo do telefone
celular: telefone             ->   celular: telefone
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from tts_tasks.script.whole_words import clean_key, occurring, whole_words

MAX_ROUNDS = 20
"""What entries say may bring words together that are a term only then. After so many times it is a
circle, although no entry says itself."""

_RUN = re.compile(r"\w+")


class ChainError(Exception):
    """An entry cannot be followed to its end."""

    def __init__(self, terms: list[str], problem: str) -> None:
        """Keep the terms concerned."""
        super().__init__(problem)
        self.terms = terms


class CircleError(ChainError):
    """Terms say each other: each says the next, and the last one the first."""

    def __init__(self, terms: list[str]) -> None:
        """Say them in their order."""
        super().__init__(terms, f"terms say each other: {' -> '.join([*terms, terms[0]])}")


def expanded(words: Mapping[str, str], fixed: Collection[str], *, max_chars: int) -> dict[str, str]:
    """Return the entries with the terms inside their words said as their own entries have it.

    Args:
        words: term -> how it is said, in words.
        fixed: terms that have no words: they stay, and so does what is inside them.
        max_chars: longest way to say a term.

    Raises:
        CircleError: if terms say each other, or one says itself among other words.
        ChainError: if an entry becomes too long, or never comes to an end.
    """
    said = dict(words)
    by_first_run = _by_first_run([*words, *fixed])
    concerned = list(words)
    for _ in range(MAX_ROUNDS):
        inside = {}
        for term in concerned:
            found = _terms_inside(said[term], by_first_run)
            if found == [term] and clean_key(said[term]).lower() == clean_key(term).lower():
                continue  # It is said as itself.
            if found := [each for each in found if each in words]:
                inside[term] = found
        before = dict(said)
        for term in _innermost_first(inside, list(words)):
            said[term] = _replaced(
                said[term], by_first_run, {key: said[key] for key in inside[term]}
            )
            if len(said[term]) > max_chars:
                raise _endless(term, f"over {max_chars} characters")
        if said == before:
            return said
        concerned = list(inside)
    raise _endless(concerned[0], "other terms again and again")


def _by_first_run(terms: list[str]) -> dict[str, list[str]]:
    """Return the terms by their first run of letters in small letters, "" where there is none."""
    by_first_run: dict[str, list[str]] = {}
    for term in terms:
        first = _RUN.search(clean_key(term))
        by_first_run.setdefault(first[0].lower() if first else "", []).append(term)
    return by_first_run


def _candidates(text: str, by_first_run: Mapping[str, list[str]]) -> list[str]:
    """Return the terms that occur in a text, be it inside a longer one."""
    runs = {run.lower() for run in _RUN.findall(text)}
    return occurring(
        text, [key for run in (*sorted(runs), "") for key in by_first_run.get(run, ())]
    )


def _terms_inside(text: str, by_first_run: Mapping[str, list[str]]) -> list[str]:
    """Return the terms that would be replaced in a text, in their order."""
    text = clean_key(text)
    candidates = _candidates(text, by_first_run)
    return [term for _, _, term in whole_words(candidates).hits(text)] if candidates else []


def _replaced(text: str, by_first_run: Mapping[str, list[str]], said: Mapping[str, str]) -> str:
    text = clean_key(text)
    words = whole_words(_candidates(text, by_first_run))
    return words.replace(text, lambda term, written: said.get(term, written))


def _innermost_first(inside: Mapping[str, list[str]], order: list[str]) -> Iterator[str]:
    """Yield the terms with others inside, each after those inside it."""
    sorter = TopologicalSorter(inside)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = error.args[1][:0:-1]  # It has the first one twice, and each inside the next.
        first = circle.index(min(circle, key=order.index))
        raise CircleError(circle[first:] + circle[:first]) from None
    yield from (term for term in TopologicalSorter(inside).static_order() if term in inside)


def _endless(term: str, what: str) -> ChainError:
    return ChainError([term], f"{term!r} says {what} when the terms inside it are said")
