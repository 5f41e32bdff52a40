"""Abbreviations to the words they stand for, in the number and gender that they show."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tts_tasks.script.letters import spell
from tts_tasks.script.rules import CAPITALS, Rule, kept_point
from tts_tasks.script.short_forms import (
    ABBREVIATIONS,
    AFTER_ORDINAL,
    BEFORE_NUMBERS,
    CASE_SENSITIVE,
    COUNTED,
    COUNTED_OR_NUMBERED,
    NEEDS_NUMBER,
    WITHOUT_POINT,
)
from tts_tasks.script.tables import alternatives
from tts_tasks.script.titles import BEFORE_NAMES, INITIALS

LOOKBEHIND_CHARS = 60
"""How far a sentence is searched for a word of rise or fall."""


def cased(keys: Iterable[str]) -> set[str]:
    """Return the keys as they are, with a capital, and in capitals.

    A pattern of all three is searched faster than one that ignores case.
    """
    return {form for key in keys for form in (key, key.capitalize(), key.upper())}


_KEYS = {key.lower(): key for key in ABBREVIATIONS if key not in CASE_SENSITIVE}
_ABBREVIATION = re.compile(
    r"(?<![\w./@-])(?=[^\W\d_]{1,6}[./ªº°(]|vs|et al|e ss)"
    rf"(?:{alternatives(ABBREVIATIONS)})(?![\w@+#]|\.\w)",
    re.IGNORECASE,
)
_NUMBER_SIGN = re.compile(r"(?<!\w)([nN])\.?[º°](?=[0-9])")
_PERCENTAGE_POINTS = re.compile(
    r"\b(?:sub[ie]|ca[ií]|cresc|aument|reduz|recu|alta|queda|avanç|ganh|perd|diferença|juros|taxa)",
    re.IGNORECASE,
)
_PAGE = re.compile(r"(?<![\w.])p\.\s?(?=[0-9])")
_ORDINAL_BEFORE = re.compile(r"(?<=[0-9][ªaºo°.]\s)")
_NUMBER_NEXT = re.compile(r"\s?(?:$|[0-9:]|[IVXLC]+(?!\w)|[A-Z][0-9]{0,3}(?!\w))")
_BEFORE_COLON = re.compile(rf"({alternatives(cased(WITHOUT_POINT))})(?=:)")
_BEFORE_NUMBER = re.compile(rf"({alternatives(cased(BEFORE_NUMBERS))})(?=\s[0-9])")
_DOTTED_ACRONYM = re.compile(r"(?<![\w.])((?:[A-Z]\.){2,})(?!\w|\s[A-ZÀ-Ú])")
_VOLUME = re.compile(r"(?<![\w.])v\.\s(?=[0-9])")
_COUNTED = re.compile(rf"(?<=[0-9])\s?({alternatives(COUNTED)})(?!\w|\s?ex\.)")
_NUMBERED = re.compile(r"\s?(?:[0-9]|[IVXLC]+(?!\w))")
_COMPANY_NEXT = re.compile(r"\s(?:Ltda|S\.A|S/A|Cia|EPP|ME)\b")
_AND_BEFORE = re.compile(r"(?:(?<=&\s)|(?<=\se\s))")
_ITEM_OF_A_LAW = re.compile(r"[aA]l\.(?<![\w.]...)(?<!et\s...)\s(?=[\"'“‘]?[a-z][\"'”’]?(?!\w))")
_PHONE_NEXT = re.compile(r":|\s\(?[0-9+]")
_PARAGRAPH_SIGN = re.compile(r"§§?\s?")


def _abbreviation(match: re.Match[str]) -> str | None:
    written = match[0]
    text = match.string
    key = written if written in ABBREVIATIONS else _KEYS.get(written.lower())
    if key is None or written == "VS":  # VS Code
        return None
    words_for = ABBREVIATIONS[key]
    if written == "Cel." and _PHONE_NEXT.match(text, match.end()):
        words_for = "celular"
    following = text[match.end() : match.end() + 2].strip()
    if written == "pp." and _are_percentage_points(match, following):
        return None
    if key in AFTER_ORDINAL | NEEDS_NUMBER and not (
        (key in NEEDS_NUMBER and _NUMBER_NEXT.match(text, match.end()))
        or (key in AFTER_ORDINAL and _ORDINAL_BEFORE.match(text, match.start()))
    ):
        return None
    if key == "org." and not text.endswith("(", 0, match.start()):
        return None  # exemplo ponto org.
    if written.endswith("/") and not re.match(r"\s?\w", text[match.end() : match.end() + 2]):
        return None
    if written[0].isupper() and ABBREVIATIONS.get(written) is None and match.start() == 0:
        words_for = words_for[0].upper() + words_for[1:]
    return words_for + _kept_point(match)


def _are_percentage_points(match: re.Match[str], following: str) -> bool:
    """Return whether "2 pp." are percentage points, as in sentences on a rise, and not pages."""
    before = match.string[max(0, match.start() - LOOKBEHIND_CHARS) : match.start()]
    if not before[-2:-1].isdigit() or following[:1].isdigit():
        return False
    return bool(re.search(r"[0-9],[0-9]+\s$", before) or _PERCENTAGE_POINTS.search(before))


def _kept_point(match: re.Match[str]) -> str:
    """Return the point that also ends the sentence, unless the abbreviation is the whole text."""
    text, end = match.string, match.end()
    if match[0].endswith(".") and text.startswith("..", end):
        return "."  # etc...
    if not match[0].endswith(".") or match.start() == 0:
        return ""
    rest = text[end : end + 3]
    if not rest.strip():
        return "."
    if _COMPANY_NEXT.match(text, end):
        return ""
    if match[0].lower() == "cia." and not _AND_BEFORE.match(text, match.start()):
        return ""  # a Cia. Vale
    if match[0].lower() in ("etc.", "ltda.", "s.a.", "a.c.", "d.c.", "jr.", "cia."):
        return "." if re.match(r"\s[A-ZÀ-Ú]", rest) else ""
    return ""


def _pointless(match: re.Match[str]) -> str | None:
    if match.start() and match.string[match.start() - 1].isalnum():
        return None  # a lookbehind at the start of the pattern is searched several times slower
    said = ABBREVIATIONS[f"{match[0].lower()}."]
    return said[0].upper() + said[1:] if match[0][0].isupper() and match.start() == 0 else said


def _dotted_acronym(match: re.Match[str]) -> str:
    return spell(match[1]) + kept_point(match)


def _counted(match: re.Match[str]) -> str | None:
    text, start = match.string, match.start()
    if match[1] in COUNTED_OR_NUMBERED and _NUMBERED.match(text, match.end()):
        return None
    is_one = text[start - 1] == "1" and not text[max(0, start - 2) : start - 1].isdigit()
    return f" {COUNTED[match[1]]}{'' if is_one else 's'}{_kept_point(match)}"


RULES = (
    *BEFORE_NAMES,
    Rule(
        "number sign", _NUMBER_SIGN, lambda m: "número " if m[1] == "n" else "Número ", needs="º°"
    ),
    Rule("counted", _COUNTED, _counted),
    Rule("abbreviation", _ABBREVIATION, _abbreviation, needs=""),
    Rule("item of a law", _ITEM_OF_A_LAW, lambda _: "alínea ", needs="."),
    Rule("abbreviation", _BEFORE_COLON, _pointless, needs=":"),
    Rule("abbreviation", _BEFORE_NUMBER, _pointless),
    Rule("initials", _DOTTED_ACRONYM, _dotted_acronym, needs=(".", CAPITALS)),
    Rule("page", _PAGE, lambda _: "página "),
    Rule("volume", _VOLUME, lambda _: "volume "),
    Rule(
        "paragraph of a law",
        _PARAGRAPH_SIGN,
        lambda m: "parágrafos " if m[0].startswith("§§") else "parágrafo ",
        needs="§",
    ),
    *INITIALS,
)
