"""Sentences that read almost like one: every utterance is compared, none is missed.

The similarity of two texts is that of ``rapidfuzz.fuzz.ratio``: twice the length of their longest
common subsequence, over the sum of their lengths. Compared is what the author wrote, in lower case,
with single spaces and in Unicode's composed form.

The texts of a published catalog are kept in memory with the number of each letter, for two choices
of provider and voice (1,000,000 of 85 characters take about 350 MB each). What the journals add is
read at every call.
"""

from __future__ import annotations

import heapq
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process
from rapidfuzz.distance import Indel

from tts_tasks.catalog.index import ATTEMPTS, connect, identity, load_tail
from tts_tasks.catalog.schema import LEVELS, quote
from tts_tasks.catalog.tail import read_sizes
from tts_tasks.errors import InputError

MAX_CHARS = 10_000
"""Longest text that is compared; a chunk has a few hundred characters."""

CHOICES_KEPT = 2
"""Choices of provider and voice whose texts stay in memory."""

LOOSENED = 1e-6
"""How far below the threshold candidates are taken, in percent: the score is then computed exactly,
so that a text that lies on the threshold is not lost to rounding."""

LETTERS = "abcdefghijklmnopqrstuvwxyzáàâãéêíóôõúüç 0123456789.,;:?!-"
"""Characters that are counted one by one; all others share seven counts."""

N_LETTERS = len(LETTERS) + 7

MOST_COUNTED = 255
"""Largest count in a byte."""

COMPARABLE = "lower(nfc_normalize(trim(regexp_replace({text}, '\\s+', ' ', 'g'))))"
"""SQL of a text as it is compared."""

FETCHED_ROWS = 50_000

_LETTER_OF = np.array(
    [
        LETTERS.find(chr(code)) if chr(code) in LETTERS else len(LETTERS) + code % 7
        for code in range(256)
    ]
)


@dataclass(frozen=True, slots=True)
class Match:
    """An utterance whose text is similar."""

    key: str
    """Content key."""

    written: str
    """What the author wrote."""

    spoken: str
    """What the engine said."""

    provider: str
    """Name of the engine."""

    voice: str
    """Voice preset."""

    duration_s: float
    """Seconds of audio."""

    score: float
    """Similarity, from 0 to 1, where 1 is the same text."""


def similar(
    library_root: Path | str,
    text: str,
    threshold: float = 0.8,
    voice: str | None = None,
    provider: str | None = None,
    limit: int = 10,
) -> tuple[Match, ...]:
    """Return the utterances whose text is at least so similar, the most similar first.

    Equally similar ones come in the order of their keys. What was just registered is found, and
    what was evicted is not.

    Args:
        library_root: the library's folder.
        text: what to compare with.
        threshold: the least similarity, from 0 to 1.
        voice: only utterances of this voice.
        provider: only utterances of this engine.
        limit: how many at most.

    Raises:
        InputError: if the text is empty or too long, or a number outside of its range.
        CatalogError: if the catalog cannot be read.
    """
    _check(text, threshold, limit)
    with _lock:
        corpus = _corpus_of(Path(library_root).absolute())
        return corpus.find(text, threshold, voice, provider, limit)


def _check(text: str, threshold: float, limit: int) -> None:
    wrong: tuple[str, object, str] | None = None
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_CHARS:
        wrong = "text", text, f"give 1 to {MAX_CHARS} characters"
    elif isinstance(threshold, bool) or not (
        isinstance(threshold, float | int) and 0 <= threshold <= 1
    ):
        wrong = "threshold", threshold, "give a similarity from 0 to 1, such as 0.8"
    elif type(limit) is not int or limit < 1:
        wrong = "limit", limit, "give a number from 1 on"
    if wrong:
        name, value, remedy = wrong
        raise InputError(f"{value!r:.80} is no {name}", field=name, value=value, remedy=remedy)


class _Texts:
    """Different texts, by length, each with the rows that have it."""

    def __init__(self, pairs: Iterable[tuple[str, int]]) -> None:
        """Group the numbers of rows by their text."""
        by_text: dict[str, list[int]] = {}
        for text, row in pairs:
            by_text.setdefault(text, []).append(row)
        self._texts = sorted(by_text, key=len)
        self._rows = [by_text[text] for text in self._texts]
        self._lengths = np.array([len(text) for text in self._texts], np.int32)
        self._letters = _count_letters(self._texts)

    def above(self, wanted: str, threshold: float) -> Iterator[tuple[float, list[int]]]:
        """Yield the score and the rows of every text that is similar enough."""
        candidates = self._candidates(wanted, threshold)
        found = process.extract(
            wanted,
            [self._texts[index] for index in candidates],
            scorer=fuzz.ratio,
            score_cutoff=max(0.0, 100 * threshold - LOOSENED),
            limit=None,
        )
        for text, _, place in found:
            score = _score(wanted, text)
            if score >= threshold:
                yield score, self._rows[candidates[place]]

    def _candidates(self, wanted: str, threshold: float) -> list[int]:
        """Return which texts may be similar enough, by their lengths and letters alone.

        The longest common subsequence takes no letter more often than either text has it. Texts of
        lengths a <= b therefore reach at most 2 a / (a + b), which bounds the lengths; those of the
        right length are looked at letter by letter. Of 100,000 sentences 1 to 6 % are left.
        """
        length = len(wanted)
        first, last = 0, len(self._texts)
        if threshold > 0:
            shortest = length * threshold / (2 - threshold) - 1e-6
            longest = length * (2 - threshold) / threshold + 1e-6
            first = int(np.searchsorted(self._lengths, shortest, side="left"))
            last = int(np.searchsorted(self._lengths, longest, side="right"))
        common = np.zeros(last - first, np.uint16)
        for letter, count in enumerate(_count_letters([wanted], np.uint16)[:, 0]):
            if count >= MOST_COUNTED:
                common += count
            elif count:
                common += np.minimum(self._letters[letter, first:last], np.uint8(count))
        total = self._lengths[first:last] + length
        is_candidate = 2.0 * common >= threshold * total - 1e-6
        return (first + np.nonzero(is_candidate)[0]).tolist()


def _count_letters(texts: Sequence[str], kind: type = np.uint8) -> NDArray[Any]:
    """Return how often each text has each letter: one row a letter, one column a text.

    Counts end at ``MOST_COUNTED`` in bytes; rare characters share letters: both can only make texts
    look more alike than they are.
    """
    counted: NDArray[Any] = np.zeros((N_LETTERS, len(texts)), kind)
    for start in range(0, len(texts), FETCHED_ROWS):
        part = texts[start : start + FETCHED_ROWS]
        codes = np.frombuffer("".join(part).encode("utf-32-le", "surrogatepass"), np.uint32)
        letters = np.where(
            codes < len(_LETTER_OF), _LETTER_OF[codes % len(_LETTER_OF)], len(LETTERS) + codes % 7
        )
        columns = np.repeat(np.arange(len(part)), [len(text) for text in part])
        places = letters * len(part) + columns
        counts = np.bincount(places, minlength=N_LETTERS * len(part))
        most = MOST_COUNTED if kind is np.uint8 else MAX_CHARS
        counted[:, start : start + len(part)] = np.minimum(counts, most).reshape(N_LETTERS, -1)
    return counted


def _score(one: str, other: str) -> float:
    """Return the similarity of two texts as the quotient of two whole numbers."""
    total = len(one) + len(other)
    return Indel.similarity(one, other) / total if total else 1.0


class _Corpus:
    """The texts of one published catalog, and of the journals' ends. For one thread at a time."""

    def __init__(self, root: Path) -> None:
        """Open the catalog as it is now."""
        self.root = root
        self.identity = identity(root)
        self._connection = connect(root)
        self._published: OrderedDict[str, _Texts] = OrderedDict()
        self._sizes = read_sizes(root / "journal")
        self._changed = self._changed_rows()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def refresh(self) -> None:
        """Read what the journals hold by now, unless they are as they were."""
        sizes = read_sizes(self.root / "journal")
        if sizes != self._sizes:
            load_tail(self._connection, self.root, LEVELS[:1])
            self._sizes = sizes
            self._changed = self._changed_rows()

    def find(
        self, text: str, threshold: float, voice: str | None, provider: str | None, limit: int
    ) -> tuple[Match, ...]:
        """See ``similar``."""
        wanted = self._rows(f"select {COMPARABLE.format(text=quote(text))}")[0][0]
        chosen = "true"
        if voice is not None:
            chosen += f" and voice = {quote(voice)}"
        if provider is not None:
            chosen += f" and provider = {quote(provider)}"
        published = self._texts(chosen)
        added = _Texts(self._pairs("live.utterances", f"created_at is not null and {chosen}"))
        scored = [
            ("library.main.utterances", row, score)
            for score, rows in published.above(wanted, threshold)
            for row in rows
            if row not in self._changed
        ]
        scored += [
            ("live.utterances", row, score)
            for score, rows in added.above(wanted, threshold)
            for row in rows
        ]
        return self._matches(scored, limit)

    def _matches(self, scored: Sequence[tuple[str, int, float]], limit: int) -> tuple[Match, ...]:
        """Return the best of the rows, with all that is told of them."""
        if len(scored) > limit:
            # Those as good as the last that fits are all looked at: their keys decide.
            least = heapq.nlargest(limit, (score for _, _, score in scored))[-1]
            scored = [each for each in scored if each[2] >= least]
        matches = []
        for table in dict.fromkeys(table for table, _, _ in scored):
            scores = {row: score for name, row, score in scored if name == table}
            listed = ", ".join(map(str, scores))
            found = self._rows(
                f"select rowid, key, written, spoken, provider, voice, duration_s"
                f" from {table} where rowid in ({listed})"
            )
            for row, key, written, spoken, provider, voice, duration_s in found:
                score = scores[row]
                matches.append(Match(key, written, spoken, provider, voice, duration_s, score))
        return tuple(heapq.nsmallest(limit, matches, key=lambda each: (-each.score, each.key)))

    def _texts(self, chosen: str) -> _Texts:
        texts = self._published.get(chosen)
        if texts is None:
            texts = _Texts(self._pairs("library.main.utterances", chosen))
            self._published[chosen] = texts
            if len(self._published) > CHOICES_KEPT:
                self._published.popitem(last=False)
        self._published.move_to_end(chosen)
        return texts

    def _pairs(self, table: str, chosen: str) -> Iterator[tuple[str, int]]:
        compared = COMPARABLE.format(text="coalesce(written, '')")
        answer = self._connection.execute(f"select {compared}, rowid from {table} where {chosen}")
        while rows := answer.fetchmany(FETCHED_ROWS):
            yield from rows

    def _changed_rows(self) -> set[int]:
        """Return the published rows in whose place the journals have others, or none."""
        rows = self._rows(
            "select rowid from library.main.utterances"
            " where key in (select key from live.utterances)"
        )
        return {row for (row,) in rows}

    def _rows(self, sql: str) -> list[Any]:
        return self._connection.execute(sql).fetchall()


_lock = threading.Lock()
_corpora: dict[Path, _Corpus] = {}
"""The last library that was asked for: an installation has one."""


def _corpus_of(root: Path) -> _Corpus:
    """Return the corpus of the catalog as it is published now, its journals read."""
    for _ in range(ATTEMPTS):
        if root not in _corpora or _corpora[root].identity != identity(root):
            for other in _corpora.values():
                other.close()
            _corpora.clear()
            _corpora[root] = _Corpus(root)
        corpus = _corpora[root]
        corpus.refresh()
        # What was put away meanwhile is in the catalog that was published meanwhile.
        if identity(root) == corpus.identity:
            break
    return corpus
