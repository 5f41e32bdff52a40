"""How words are said that a voice would get wrong: what a lexicon means.

    deploy: diplói          # words: said instead of it
    Kaggle: /ˈkæɡəl/        # phonemes (IPA): for the engines that speak them
    GitHub:                 # one way for each provider
      say: guitirrâb        # ... and for all others; without it they get the term
      kokoro: /ɡˈitʃ hˈɐb/

A key in small letters means the word in any case, one with capitals only itself; always whole
words. ``lexicon_file`` reads the file; how an entry is applied to a text is ``validate``'s
business.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from tts_tasks.errors import SourceError
from tts_tasks.marks import PHONEME_MARK, mark
from tts_tasks.script.characters import clean_characters
from tts_tasks.script.hidden import hide
from tts_tasks.script.lexicon_chains import ChainError, CircleError, expanded
from tts_tasks.script.lexicon_file import written_entries, wrong
from tts_tasks.script.whole_words import clean_key, occurring

MAX_LEXICON_CHARS = 100_000
"""Longest lexicon, about 4,000 entries: those that a lesson needs travel in its run's parameters,
which Prefect limits to 512 KiB."""

MAX_ENTRY_CHARS = 200
"""Longest term, and longest way to say it."""

PROVIDERS = ("kokoro", "espeak", "gtts", "bark")
"""Engines that an entry may name, be they installed here or not."""

SAY = "say"
"""What an entry has for all providers that it does not name."""

Entry = str | Mapping[str, str]
"""How a term is said: one text, or ``say`` and providers with a text each."""

Lexicon = Mapping[str, Entry]

_E = TypeVar("_E", bound=Entry)
_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_REGIONS = {"pt": "BR", "en": "US"}  # of a language without one
_AS_IT_SOUNDS = "write it as it sounds"
_SAY_HOW = "say how it is said, or remove the line"


def read_lexicon(path: Path) -> dict[str, Entry]:
    """Read a lexicon.

    Args:
        path: a YAML file, a mapping from terms to how they are said.

    Returns:
        Term -> how it is said; in the order of the file, maybe none.

    Raises:
        SourceError: names the file, the line and the remedy.
    """
    entries: dict[str, Entry] = {}
    lines: dict[str, int] = {}
    for each in written_entries(path, max_chars=MAX_LEXICON_CHARS):
        problem = next(_problems(each.term, each.said), None)
        if problem:
            provider, what, remedy = problem
            line = each.lines.get(provider, each.line)
            raise wrong(path.name, line, what, remedy, each.term)
        term = clean_key(each.term)
        if term in lines:
            what = f"{each.term!r} is given a second time, after line {lines[term]}"
            raise wrong(path.name, each.line, what, "keep one of them", each.term)
        lines[term] = each.line
        entries[each.term.strip()] = _stripped(each.said)
    for view in _views(entries):
        try:
            _expanded(view)
        except ChainError as chain:
            what = _in_lines(chain, [lines[clean_key(term)] for term in chain.terms])
            raise SourceError(
                what, field=path.name, value=chain.terms[0], remedy=_AS_IT_SOUNDS
            ) from None
    return entries


def check_lexicon(lexicon: Mapping[str, object]) -> None:
    """Refuse entries that no file could hold, for a lexicon that came as a parameter.

    Raises:
        SourceError: names the entry and the remedy.
    """
    for term, said in lexicon.items():
        for _, what, remedy in _problems(term, said):
            raise SourceError(what, field="lexicon", value=term, remedy=remedy)
    for view in _views(lexicon):  # type: ignore[arg-type]  # as just checked
        resolved(view)


def entries_in(text: str, lexicon: Mapping[str, _E]) -> dict[str, _E]:
    """Return the entries that concern a text, so that others may change without touching it.

    Args:
        text: what a reader sees of it, as ``Segment.text`` is: no markup but phoneme marks, whose
            terms no entry concerns.
        lexicon: term -> how to say it.
    """
    if not lexicon:
        return {}
    plain = " ".join(clean_characters(hide(text).text).split())
    found = set(occurring(plain, lexicon))
    return {term: said for term, said in lexicon.items() if term in found}


def merged(*lexicons: Lexicon) -> dict[str, Entry]:
    """Return all entries of several lexicons; a later one overrides earlier ones.

    A term in small letters overrides every term that is the same ignoring case, one with capitals
    only itself.
    """
    entries: dict[str, Entry] = {}
    for lexicon in lexicons:
        small = {key for term in lexicon if (key := clean_key(term)) == key.lower()}
        exact = {clean_key(term) for term in lexicon}
        entries = {
            term: said
            for term, said in entries.items()
            if (key := clean_key(term)) not in exact and key.lower() not in small
        } | dict(lexicon)
    return entries


def spoken_by(lexicon: Lexicon, provider: str) -> dict[str, str]:
    """Return what one provider is told: its own text, else ``say``, else nothing of the term."""
    told = {
        term: said if isinstance(said, str) else said.get(provider, said.get(SAY))
        for term, said in lexicon.items()
    }
    return {term: said for term, said in told.items() if said is not None}


def resolved(lexicon: Mapping[str, str]) -> dict[str, str]:
    """Return the entries with every term inside their words said as its own entry has it.

    Of ``a: b`` and ``b: c`` the first becomes ``a: c``, so that the lexicon has nothing to change
    in what it has said. Entries in phonemes stay as they are, and so do their terms inside others'
    words; and a term that is said as itself, in whatever case.

    Raises:
        SourceError: if terms say each other, or one says itself among other words; names them in
            their order.
    """
    try:
        return _expanded(lexicon)
    except ChainError as chain:
        raise SourceError(
            str(chain), field="lexicon", value=chain.terms[0], remedy=_AS_IT_SOUNDS
        ) from None


def system_lexicon(folder: Path, language: str) -> dict[str, Entry]:
    """Return the entries that an installation has for a language.

    Args:
        folder: where ``pt-BR.yaml`` is; it may be missing.
        language: BCP 47 tag, in any case, with hyphens or underscores; ``pt`` is ``pt-BR``.

    Raises:
        SourceError: see ``read_lexicon``.
    """
    if not _TAG.fullmatch(language):
        return {}
    first, *rest = language.replace("_", "-").lower().split("-")
    subtags = [each.upper() if len(each) == 2 else each.title() for each in rest]
    if not subtags and first in _REGIONS:
        subtags = [_REGIONS[first]]
    path = folder / f"{'-'.join([first, *subtags])}.yaml"
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return dict(_read_once(path, status.st_mtime_ns, status.st_size))


def phonemes_of(said: str) -> str | None:
    """Return the phonemes of an entry: ``/ˈkæɡəl/`` -> ``ˈkæɡəl``; None where it is words."""
    said = said.strip()
    return said[1:-1] if len(said) > 1 and said[0] == said[-1] == "/" else None


@lru_cache(maxsize=8)
def _read_once(path: Path, _mtime_ns: int, _size_bytes: int) -> dict[str, Entry]:
    return read_lexicon(path)


def _stripped(said: Entry) -> Entry:
    if isinstance(said, str):
        return said.strip()
    return {provider: text.strip() for provider, text in said.items()}


def _views(lexicon: Lexicon) -> Iterator[dict[str, str]]:
    """Yield what each provider is told, each different lexicon once."""
    named = {
        provider for said in lexicon.values() if not isinstance(said, str) for provider in said
    }
    yield spoken_by(lexicon, SAY)
    for provider in sorted(named - {SAY}):
        yield spoken_by(lexicon, provider)


def _expanded(lexicon: Mapping[str, str]) -> dict[str, str]:
    words = {term: said for term, said in lexicon.items() if phonemes_of(said) is None}
    return {**lexicon, **expanded(words, lexicon.keys() - words.keys(), max_chars=MAX_ENTRY_CHARS)}


def _in_lines(chain: ChainError, lines: list[int]) -> str:
    """Return what is wrong with a chain, by the lines of its terms."""
    if not isinstance(chain, CircleError):
        return f"line {lines[0]}: {chain}"
    *others, last = (
        f"line {line}: {term!r}" for line, term in zip(lines, chain.terms, strict=True)
    )
    if not others:
        return f"{last} says itself among other words"
    return f"{', '.join(others)} and {last} say each other"


def _problems(term: object, said: object) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with an entry: the provider concerned, the problem, the remedy."""
    if not isinstance(term, str) or not isinstance(said, str | Mapping):
        yield SAY, f"{term!r}: {said!r} is not text to text", "give both as text"
        return
    if not clean_key(term):
        yield SAY, "a term is empty", "write the word, or remove the line"
        return
    if not said:
        yield SAY, f"{term!r} has nothing after it", _SAY_HOW
    for provider, text in {SAY: said}.items() if isinstance(said, str) else said.items():
        if provider not in (SAY, *PROVIDERS):
            near = difflib.get_close_matches(str(provider), (SAY, *PROVIDERS), n=1, cutoff=0.5)
            yield (
                str(provider),
                f"{term!r} has {provider!r}, which is neither {SAY} nor a provider",
                f"did you mean {near[0]}?" if near else f"use {SAY}, {', '.join(PROVIDERS)}",
            )
        elif not isinstance(text, str):
            yield provider, f"{term!r}: {text!r} is not text to text", "give both as text"
        elif problem := _text_problem(term, text.strip()):
            yield provider, *problem


def _text_problem(term: str, said: str) -> tuple[str, str] | None:
    """Return what is wrong with one way to say a term, and what to do; None if nothing is."""
    if not said:
        return f"{term!r} has nothing after it", _SAY_HOW
    longest = max(term, said, key=len)
    if len(longest) > MAX_ENTRY_CHARS:
        return (
            f"{term[:40]!r} has {len(longest)} characters in one field; the limit is "
            f"{MAX_ENTRY_CHARS}",
            "keep to single terms",
        )
    example = 'write phonemes between two slashes, with none of [ ] | / inside, e.g. "/ˈkæɡəl/"'
    phonemes = phonemes_of(said)
    if phonemes is not None:
        if not phonemes.strip():
            return f"{term!r} has no phonemes between its slashes", example
        if PHONEME_MARK.fullmatch(mark(term, phonemes)) is None:
            return f"{term!r}: {said} cannot be a phoneme mark", example
    elif said.startswith("/") or said.endswith("/"):
        return f"{term!r}: {said} has a single slash", example
    elif any(character in "[]|" for character in said):
        return f"{term!r}: {said} has one of [ ] |", "write words only"
    elif not any(map(str.isalnum, said)):
        return f"{term!r}: {said} has no letter or digit", "say how it is said"
    return None
