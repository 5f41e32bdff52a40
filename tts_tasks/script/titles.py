"""Short forms that stand before a name: R., Al., D., S., Gov., Inst., and initials."""

from __future__ import annotations

import re

from tts_tasks.script.acronyms import NAMED_BY_LETTERS
from tts_tasks.script.letters import letter_name
from tts_tasks.script.numbers import cardinal
from tts_tasks.script.roman import QUEENS, RULERS
from tts_tasks.script.rules import LOOKBACK_CHARS, Rule
from tts_tasks.script.sentences import SENTENCE_STARTERS
from tts_tasks.script.short_forms import (
    BODIES,
    EDUCATION,
    INSTITUTIONS,
    LEVELS,
    OFFICES,
    PUBLISHER_BEFORE,
    SAINTS,
    STREETS,
)
from tts_tasks.script.tables import alternatives, words

WOMEN = QUEENS | words("Ester Guiomar Socorro Consuelo Amparo Rosário Leonor Pilar Inês Raquel")
"""Names of women that their ending does not give away: D. is dona."""

_SHORT = {*STREETS, *OFFICES, *BODIES, *INSTITUTIONS, "D.", "S."}
_BEFORE_NAME = re.compile(
    rf"({alternatives(_SHORT)})\s"
    r"(?=(?:d[aeo]s?\s)?([A-ZÀ-Ú][\w-]*)(?:\s([IVX]+)(?!\w))?)"
)
_DAYS = alternatives([cardinal(day) for day in range(1, 32)] + ["primeiro"])
_BEFORE_DATE = re.compile(rf"(R|Al)\.(?<![\w.]R\.)(?<![\w.]Al\.)\s(?=(?:{_DAYS}) de )")
_WORD_BEFORE_SPACE = re.compile(r"([\w.]+)\s$")
_INITIALS = re.compile(
    r"[A-Z]\.(?:(?<![\w.]..)\s?(?:[A-Z]\.\s?)+(?=\s?[^\W\d_])"
    r"|(?<=[a-zà-ú]\s..)\s(?=([A-Z][\w-]*)))"
)
_AUTHOR = re.compile(r"[A-Z]\.(?<=[^\W\d_],\s..)(?:\s?[A-Z]\.){0,4}(?=[,;]|\s[(&])")


def _before_name(match: re.Match[str]) -> str | None:
    """Say R., Al., D. and S. before a name; elsewhere they are letters or initials."""
    # The pattern begins with letters, not with a lookbehind: that is searched three times faster.
    short, name = match[1], match[2]
    text = match.string
    if match.start() and (text[match.start() - 1].isalnum() or text[match.start() - 1] in "._"):
        return None
    if short not in ("D.", "S."):
        said = _street(match) if short in STREETS else _office(match)
        return said and f"{said} "
    if not _may_have_a_title(match) or text.startswith("d", match.end()):
        return None
    if short == "S.":
        return "São " if name in SAINTS else None
    is_man = name in RULERS or (name not in WOMEN and (match[3] or name[-1] in "orlu"))
    return "dom " if is_man else "dona "


def _office(match: re.Match[str]) -> str | None:
    short, name = match[1], match[2]
    if name.lower() in SENTENCE_STARTERS and name != "São":
        return None
    if short in INSTITUTIONS:
        return INSTITUTIONS[short]
    if match.string.startswith("d", match.end()) or name in LEVELS:
        return BODIES.get(short)
    return OFFICES.get(short)


def _street(match: re.Match[str]) -> str | None:
    short = match[1]
    if not _may_have_a_title(match):
        return None
    if short == "Ed.":
        if match[2] in EDUCATION:
            return "educação"
        # "São Paulo: Ed. Atlas" names the publisher of a book.
        of_a_book = match.string[max(0, match.start() - 2) : match.start()] == ": "
        if of_a_book or _word_before(match).lower() in PUBLISHER_BEFORE:
            return "editora"
    return STREETS[short]


def _may_have_a_title(match: re.Match[str]) -> bool:
    """Return whether a single letter is no initial, no letter, and not the end of a sentence."""
    name, text, word = match[2], match.string, _word_before(match)
    if word.lower() in NAMED_BY_LETTERS or (name.lower() in SENTENCE_STARTERS and name != "São"):
        return False
    if len(word) == 2 and word.endswith("."):
        return False  # J. R. R. Tolkien
    if word[:1].isupper() and not word.endswith(".") and word.lower() not in SENTENCE_STARTERS:
        return False  # João D. Silva
    return not (len(name) == 1 and text[match.end() + 1 : match.end() + 2] == ".")  # R. R. Soares


def _word_before(match: re.Match[str]) -> str:
    """Return the word before a match, with the point of an initial."""
    before = match.string[max(0, match.start() - LOOKBACK_CHARS) : match.start()]
    found = _WORD_BEFORE_SPACE.search(before)
    return found[1] if found else ""


def _initials(match: re.Match[str]) -> str | None:
    if match[1]:
        if match[1].lower() in SENTENCE_STARTERS or not re.search(
            r"[A-ZÀ-Ú][\w]*\s$", match.string[max(0, match.start() - 20) : match.start()]
        ):
            return None
        return f"{letter_name(match[0][0])} "
    return f"{_say_letters(match)} "


def _say_letters(match: re.Match[str]) -> str:
    return " ".join(map(letter_name, re.findall(r"[A-Z]", match[0])))


BEFORE_NAMES = (
    Rule("street, dom, dona, saint", _BEFORE_NAME, _before_name, needs="."),
    Rule("street, dom, dona, saint", _BEFORE_DATE, lambda m: f"{STREETS[m[1] + '.']} ", needs="."),
)
INITIALS = (
    Rule("initials", _INITIALS, _initials, needs="."),
    Rule("initials", _AUTHOR, _say_letters, needs=","),
)
"""Of people: J. R. R. Tolkien; SILVA, J. (2019)."""
