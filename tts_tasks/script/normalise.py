"""Written Brazilian Portuguese to speakable Portuguese: the families of rules, in order.

Each family is a module with a table of named rules; this module only decides their order. What no
rule knows passes through unchanged.

    clean characters -> lexicon -> addresses -> dates -> documents -> formulas
    -> abbreviations -> programming
    -> hours -> ordinals -> money -> ranges -> units -> Roman numerals -> plain numbers -> acronyms
    -> symbols
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from tts_tasks.request import UrlPolicy
from tts_tasks.script import (
    abbreviations,
    acronyms,
    amounts,
    dates,
    documents,
    formulas,
    hours,
    money,
    ordinals,
    programming,
    roman,
    symbols,
    units,
    web,
)
from tts_tasks.script.alignment import Alignment
from tts_tasks.script.characters import clean_characters
from tts_tasks.script.lexicon import phonemes_of
from tts_tasks.script.pins import Pin, pins_of, read_around
from tts_tasks.script.rules import Rule
from tts_tasks.script.sentences import split_sentences
from tts_tasks.script.whole_words import whole_words


@cache
def rules_for(urls: UrlPolicy = UrlPolicy.HOST) -> tuple[Rule, ...]:
    """Return all rules in their order, with those for addresses that the policy wants."""
    return (
        *(web.rules(urls) if hasattr(web, "rules") else web.RULES),
        *dates.RULES,
        *documents.RULES,
        *formulas.RULES,
        *abbreviations.RULES,
        *programming.RULES,
        *hours.RULES,
        *symbols.EARLY_RULES,
        *ordinals.RULES,
        *money.RULES,
        *amounts.RANGES,
        *amounts.DIMENSIONS,
        *units.RULES,
        *roman.RULES,
        *acronyms.CODES,
        *programming.LATE_RULES,
        *amounts.RULES,
        *acronyms.RULES,
        *amounts.LEFT_OVERS,
        *symbols.RULES,
        *SPACES,
    )


MAX_PASSES = 4
"""Passes over a text at most. One is enough for what people write; repeating until nothing
changes makes the result a fixed point, so that normalising twice is normalising once."""

LONG_TEXT_CHARS = 2_000
"""A longer text is said sentence by sentence, because most sentences need few of the rules."""

_STRAY_MARKUP = re.compile(r"[*_`|~^\\]+|(?<!\S)(?:#+|[-–—]{2,})(?!\S)")

_SPACES = re.compile(r"[ \t]{2,}")

SPACES = (
    Rule("", _SPACES, lambda _: " ", needs=" \t"),
    Rule("", re.compile(r" (?=[,.;:!?…](?!\w))"), lambda _: "", needs=" "),
    Rule("", re.compile(r",(?:\s*,)+"), lambda _: ",", needs=","),
    Rule("", re.compile(r" *\n *"), lambda _: "\n", needs="\n"),
)
"""The spaces that the other rules leave; nameless, because nobody hears them."""


def normalise(
    text: str, lexicon: Mapping[str, str] | None = None, *, urls: UrlPolicy = UrlPolicy.HOST
) -> str:
    """Return what the voice should say for a written text.

    Args:
        text: any text; markup is not expected, and what is left of it is dropped.
        lexicon: written word -> how to say it, in words; whole words, any case for keys in small
            letters. Entries in phonemes are for ``speaker``, and left out here.
        urls: how much of a URL is said.

    Returns:
        The text with numbers, dates, money, units, abbreviations, acronyms and symbols in words.
        Normalising it again changes nothing. Words that no rule knows are unchanged.
    """
    text = _SPACES.sub(" ", clean_characters(text))
    words = {term: said for term, said in (lexicon or {}).items() if phonemes_of(said) is None}
    if words:
        return "\n".join(_with_words(line, words, urls) for line in text.split("\n")).strip()
    if len(text) <= LONG_TEXT_CHARS:
        return _said(text, urls)
    lines = (split_sentences(line) for line in text.split("\n"))
    return "\n".join(" ".join(_said(one, urls) for one in line) for line in lines).strip()


def _with_words(line: str, words: Mapping[str, str], urls: UrlPolicy) -> str:
    """Return what is said for a line, its terms as a lexicon has them."""
    finder = whole_words(words)

    def begin() -> tuple[Alignment, list[Pin]]:
        alignment = Alignment(line)
        return alignment, pins_of(alignment, finder, words)

    alignment, _ = read_around(begin, lambda text: normalise_aligned(text, urls))
    return alignment.text


def normalise_aligned(alignment: Alignment, urls: UrlPolicy = UrlPolicy.HOST) -> None:
    """Do what ``normalise`` does to a text of clean characters, rule by rule with its name."""
    alignment.edit(SPACES[0].edits(alignment.text))
    for _ in range(MAX_PASSES):
        before = alignment.text
        for rule in _concerned(before, urls):
            if edits := rule.edits(alignment.text):
                alignment.edit(edits, rule.name)
        alignment.strip()
        if alignment.text == before:
            break


def tidy(text: str) -> str:
    """Return a text in a language without rules here: no emoji, no stray markup, single spaces."""
    return " ".join(_STRAY_MARKUP.sub(" ", clean_characters(text)).split())


def _said(text: str, urls: UrlPolicy) -> str:
    """Return a text after as many passes as change something."""
    for _ in range(MAX_PASSES):
        before = text
        for rule in _concerned(text, urls):
            text = rule.apply(text)
        text = text.strip()
        if text == before:
            break
    return text


def _concerned(text: str, urls: UrlPolicy) -> tuple[Rule, ...]:
    """Return the rules that may have something to say about a text."""
    # Nearly every sentence ends with a point; only one inside it tells something.
    return _concerned_by(_TELLING.intersection(text.removesuffix(".")), urls)


@lru_cache(maxsize=4096)
def _concerned_by(characters: frozenset[str], urls: UrlPolicy) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules_for(urls) if rule.concerns(characters))


_TELLING = frozenset("".join("".join(rule.needs) for each in UrlPolicy for rule in rules_for(each)))
"""The characters that some rule needs."""
