"""What of a text was heard: the words that a recogniser wrote down, against those to be said.

The word error rate alone says little: a recogniser mishears names and foreign words. What counts
are runs of words that it did not hear at all, or heard and should not have.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

import numpy as np

MIN_RUN_WORDS = 4
"""A run of so many words fails a take; shorter ones are the recogniser's own mistakes.

Measured with Whisper base and Kokoro on a 2-core CPU, 2026-11-23: of 66 good chunks of lessons
(``pf_dora`` and ``pm_alex``, 7.2 % and 5.3 % of the words wrong) none fails. Joined in threes, with
the middle one left out of what was heard, 229 of 229 fail where it has 8 words or more, and 121 of
122 where it has 4 to 7; so do 221 of 222 chunks that were compared with what was heard of another.
eSpeak NG is another matter: Whisper base mishears its Portuguese, and 21 of 36 good chunks fail.
"""

SIMILAR = 0.5
"""Two words that share so much of their spelling are the same word, misheard."""

MAX_SHORT_WORD = 3
"""Words of so few letters resemble too many others: only the same one is the same."""

SIMILAR_RUN = 0.6
"""Two runs of words that share so much of their spelling are the same: ``por que Python`` is heard
``porque Python``."""

_WORD = re.compile(r"[^\W_]+")
_TIE = 2.0**-12  # exact in sums, and less than one error in texts of up to 4,000 words


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard, compared with what should have been said."""

    wer: float
    """Word error rate: words wrong, missing or too many, per word that should have been said."""

    missing: tuple[str, ...] = ()
    """Runs of words that were not heard; of a text shorter than a run, all of it."""

    extra: tuple[str, ...] = ()
    """Runs of words that were heard and should not have been."""


def compare(spoken: str, heard: str, *, normalise: Callable[[str], str] | None = None) -> Heard:
    """Return what of a text was heard.

    Case, accents and punctuation do not count; runs of words that are only misheard are no runs.

    Args:
        spoken: what should have been said.
        heard: what a recogniser wrote down.
        normalise: makes speakable text of what was heard, and of what should have been said.
    """
    if normalise is not None:
        spoken, heard = normalise(spoken), normalise(heard)
    said, written = words_of(spoken), words_of(heard)
    pairs = align(said, written)
    n_wrong = sum(one != other for one, other in pairs)
    runs = list(_differing_runs(pairs))
    shortest = max(1, min(MIN_RUN_WORDS, len(said)))
    return Heard(
        wer=round(n_wrong / max(1, len(said)), 4),
        missing=tuple(" ".join(lost) for lost, _ in runs if len(lost) >= shortest),
        extra=tuple(" ".join(added) for _, added in runs if len(added) >= MIN_RUN_WORDS),
    )


def words_of(text: str) -> list[str]:
    """Return the words of a text, without case, accents and punctuation."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(one for one in plain if not unicodedata.combining(one)))


def align(said: Sequence[str], heard: Sequence[str]) -> list[tuple[str | None, str | None]]:
    """Return the pairs of an alignment with the fewest errors; ``None`` where one has no word.

    Among several such (Levenshtein) it prefers one whose pairs are spelled alike.
    """
    costs = np.zeros((len(said) + 1, len(heard) + 1))
    costs[:, 0], costs[0, :] = np.arange(len(said) + 1), np.arange(len(heard) + 1)
    for i, one in enumerate(said, start=1):
        for j, other in enumerate(heard, start=1):
            costs[i, j] = min(
                costs[i - 1, j - 1] + _difference(one, other),
                costs[i - 1, j] + 1,
                costs[i, j - 1] + 1,
            )
    pairs: list[tuple[str | None, str | None]] = []
    i, j = len(said), len(heard)
    while i or j:
        is_pair = i and j
        if is_pair and costs[i, j] == costs[i - 1, j - 1] + _difference(said[i - 1], heard[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((said[i], heard[j]))
        elif i and costs[i, j] == costs[i - 1, j] + 1:
            i -= 1
            pairs.append((said[i], None))
        else:
            j -= 1
            pairs.append((None, heard[j]))
    return pairs[::-1]


def _difference(one: str, other: str) -> float:
    """Return the cost of hearing a word for another: less for one that is spelled alike."""
    if one == other:
        return 0.0
    return 1 - _TIE if _is_similar(one, other) else 1 + _TIE


@lru_cache(maxsize=1 << 14)
def _is_similar(one: str, other: str) -> bool:
    if one == other or min(len(one), len(other)) <= MAX_SHORT_WORD:
        return one == other
    return _shared(one, other) >= SIMILAR


def _shared(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _differing_runs(
    pairs: Sequence[tuple[str | None, str | None]],
) -> Iterator[tuple[list[str], list[str]]]:
    """Yield what was said and what was heard, wherever these are not the same words."""
    lost: list[str] = []
    added: list[str] = []
    for one, other in (*pairs, ("", "")):
        if one is None or other is None or not _is_similar(one, other):
            lost += [one] if one else []
            added += [other] if other else []
            continue
        if _shared("".join(lost), "".join(added)) < SIMILAR_RUN:
            yield lost, added
        lost, added = [], []
