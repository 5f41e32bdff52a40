"""The English terms and acronyms of Portuguese lessons that no lexicon says.

For an author's eyes: a false alarm costs more than a missed term. What an English word looks like
is ``english``'s business.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tts_tasks.script.acronyms import (
    LONGEST_SPELLED,
    READ_AS_WORDS,
    SPELLED,
    WORDS_IN_CAPITALS,
    is_spelled,
)
from tts_tasks.script.characters import clean_characters
from tts_tasks.script.english import is_english
from tts_tasks.script.hidden import hide
from tts_tasks.script.lexicon import Entry
from tts_tasks.script.measures import UNITS
from tts_tasks.script.normalise import normalise
from tts_tasks.script.programming import TERMS
from tts_tasks.script.whole_words import occurring, whole_words

Kind = Literal["english", "acronym", "code"]

LONGEST_PHRASE = 4
"""English words in a row that are one term; of more, each is one."""

_INSIDE = frozenset({"to", "of", "in", "on", "by"})
_BESIDE = frozenset({"data", "up"})
"""Words that belong to a term if they are between two English ones, or beside one."""

_HOLE = "|"
"""What stands where nothing is to be found; no word goes across it."""

_ADDRESS = re.compile(
    r"(?<![\w@])(?:[a-z]{2,9}+://|www\.|(?<![.+-])[\w.+-]++@|@\w)[^\s<>\"“”|]*+"
    r"|(?<![\w.-])[\w-]++(?:\.[A-Za-z0-9-]++)+(?![\w(])(?:/\S*+)?"
    r"|(?<![\w.~])[~.]{0,2}/\w[\w./-]*+|(?<![\w/.-])[\w-]++(?:/[\w.-]++){2,}"
)
"""URL, e-mail, handle; host, file or member; path."""

_CODE = re.compile(
    r"(?<![\w.-])(?:"
    r"(?:[A-Za-z_]\w*+\.)*[A-Za-z_]\w*+(?=\(\))"
    r"|(?:[A-Za-z_]\w*+\.)+[A-Za-z_]\w*+(?=\()"
    r"|(?:[A-Za-z_]\w*\.)*(?:_*[A-Za-z][A-Za-z0-9]*_\w++|_+[A-Za-z]\w*+)"
    r"|[a-z]{2,40}[0-9]{0,9}(?:[A-Z]{1,9}[a-z0-9]++)+"
    r")(?![\w-]|\.\w)"
)
_ACRONYM = re.compile(r"(?<![^\W_])([A-Z]{2,})(s?)(?![^\W_]|\$)")
_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_WORD = re.compile(r"(?<![\w'’])[^\W\d_]++(?:['’](?:s|t|re|ll|ve)(?!\w))?(?![\w'’])")


@dataclass(frozen=True, slots=True)
class Term:
    """A term that the voice is left alone with."""

    written: str
    """As it is first written."""

    count: int
    """How often it occurs."""

    kind: Kind
    """English word or words, acronym, or identifier of a program."""

    said: str
    """What the rules make of it now."""


def uncovered_terms(texts: Iterable[str], lexicon: Mapping[str, Entry]) -> list[Term]:
    """Return what an author may want to put into a lexicon, the most frequent first.

    Args:
        texts: what a reader sees of the lessons, in Portuguese: no markup but the author's marks,
            whose terms are covered.
        lexicon: term -> how to say it.
    """
    counts: Counter[tuple[Kind, str]] = Counter()
    written: dict[tuple[Kind, str], str] = {}
    for text in texts:
        for _, kind, found in sorted(_found(_uncovered(text, lexicon))):
            same = (kind, found.lower() if kind == "english" else found)
            counts[same] += 1
            written.setdefault(same, found)
    return [
        Term(written[same], count, same[0], normalise(written[same]))
        for same, count in counts.most_common()  # Of equal ones, the one that came first.
    ]


def _uncovered(text: str, lexicon: Mapping[str, Entry]) -> str:
    """Return a text with holes for marks, addresses, and whatever lexicon and rules know."""
    hidden = hide(text)
    plain = clean_characters(hidden.text).translate(dict.fromkeys(hidden.marks, _HOLE))
    plain = _ADDRESS.sub(_HOLE, plain)
    on_one_line = plain.replace("\n", " ")
    known = occurring(on_one_line, [*lexicon, *TERMS])
    pieces = []
    after = 0
    for start, end, _ in whole_words(known).hits(on_one_line):
        pieces.append(plain[after:start])
        after = end
    return _HOLE.join([*pieces, plain[after:]])


def _found(plain: str) -> Iterator[tuple[int, Kind, str]]:
    """Yield place, kind and term, each kind in its order."""
    for match in _CODE.finditer(plain):
        yield match.start(), "code", match[0]
    plain = _CODE.sub(lambda match: _HOLE * len(match[0]), plain)
    for match in _ACRONYM.finditer(plain):
        if _is_unknown_acronym(match):
            yield match.start(), "acronym", match[1]
    yield from _english(plain)


def _is_unknown_acronym(match: re.Match[str]) -> bool:
    token = match[1]
    if (
        token in READ_AS_WORDS | SPELLED | WORDS_IN_CAPITALS
        or token in UNITS
        or len(token) > LONGEST_SPELLED
        or _ROMAN.fullmatch(token)
    ):
        return False
    if not (is_spelled(token) or is_english(token.lower())):
        return False  # Read as a word, which a Portuguese one may well be: emphasis.
    text = match.string
    before = text[max(0, match.start() - 24) : match.start()].split()[-1:]
    after = text[match.end() : match.end() + 24].split()[:1]
    return not any(
        len(word) > 3 and word.isupper() and word not in SPELLED
        for word in (neighbour.strip(".,;:!?()") for neighbour in (*before, *after))
    )


def _english(plain: str) -> Iterator[tuple[int, Kind, str]]:
    """Yield English words, those in a row as one term."""
    row: list[re.Match[str]] = []
    for match in _WORD.finditer(plain):
        if row and plain[row[-1].end() : match.start()] not in (" ", "-"):
            yield from _terms_of(row)
            row = []
        if _is_english(match[0]) or match[0] in _INSIDE | _BESIDE:
            row.append(match)
        else:
            yield from _terms_of(row)
            row = []
    yield from _terms_of(row)


def _is_english(word: str) -> bool:
    return not word.isupper() and is_english(word)


def _terms_of(row: list[re.Match[str]]) -> Iterator[tuple[int, Kind, str]]:
    row = list(row)
    while row and row[-1][0] in _INSIDE:
        row.pop()
    while row and row[0][0] in _INSIDE:
        row.pop(0)
    if not any(_is_english(match[0]) for match in row):
        return
    if len(row) <= LONGEST_PHRASE:
        yield row[0].start(), "english", row[0].string[row[0].start() : row[-1].end()]
        return
    for match in row:
        if _is_english(match[0]):
            yield match.start(), "english", match[0]
