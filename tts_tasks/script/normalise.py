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
from tts_tasks.script.characters import clean_characters
from tts_tasks.script.rules import Rule
from tts_tasks.script.whole_words import whole_words

RULES: tuple[Rule, ...] = (
    *web.RULES,
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
)

MAX_PASSES = 4
"""Passes over a text at most. One is enough for what people write; repeating until nothing
changes makes the result a fixed point, so that normalising twice is normalising once."""

_STRAY_MARKUP = re.compile(r"[*_`|~^\\]+|(?<!\S)(?:#+|[-–—]{2,})(?!\S)")
_SPACES = re.compile(r"[ \t]{2,}")
_SPACE_BEFORE_MARK = re.compile(r" (?=[,.;:!?…)](?!\w))")
_SPACES_AT_LINE_ENDS = re.compile(r" *\n *")
_DOUBLED_COMMA = re.compile(r",(?:\s*,)+")


def normalise(text: str, lexicon: Mapping[str, str] | None = None) -> str:
    """Return what the voice should say for a written text.

    Args:
        text: any text; markup is not expected, and what is left of it is dropped.
        lexicon: written word -> how to say it; whole words, any case for keys in small letters.

    Returns:
        The text with numbers, dates, money, units, abbreviations, acronyms and symbols in words.
        Normalising it again changes nothing. Words that no rule knows are unchanged.
    """
    text = _SPACES.sub(" ", clean_characters(text))
    if lexicon:
        text = whole_words(lexicon).replace(text, lambda key, _: lexicon[key])
    for _ in range(MAX_PASSES):
        said = _one_pass(text)
        if said == text:
            break
        text = said
    return text


def tidy(text: str) -> str:
    """Return a text in a language without rules here: no emoji, no stray markup, single spaces."""
    return " ".join(_STRAY_MARKUP.sub(" ", clean_characters(text)).split())


def _one_pass(text: str) -> str:
    characters = set(text)
    for rule in RULES:
        if rule.concerns(characters):
            text = rule.apply(text)
    return _tidy_spaces(text)


def _tidy_spaces(text: str) -> str:
    text = _SPACES.sub(" ", text)
    text = _SPACE_BEFORE_MARK.sub("", text)
    text = _DOUBLED_COMMA.sub(",", text)
    return _SPACES_AT_LINE_ENDS.sub("\n", text).strip()
