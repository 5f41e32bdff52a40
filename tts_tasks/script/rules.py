"""What a text rule is: a name, a pattern, and what to say instead of what it matched."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tts_tasks.script.alignment import Edit

DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

LOOKBACK_CHARS = 24
"""How far ``word_before`` looks: the longest word that any table holds, and a space."""

_WORD_AND_SPACE = re.compile(r"([^\W\d_]+)\s$")

_CAPITAL_NEXT = re.compile(r"\s[A-ZÀ-Ú]")


def word_before(text: str, position: int) -> str:
    """Return the word that ends one space before ``position``, "" if there is none."""
    match = _WORD_AND_SPACE.search(text[max(0, position - LOOKBACK_CHARS) : position])
    return match[1] if match else ""


def kept_point(match: re.Match[str]) -> str:
    """Return the point of a match that also ends the sentence, "" if it is only its own.

    It does at the end of the text, unless the match is the whole text, and before a capital.
    """
    rest = match.string[match.end() : match.end() + 3]
    if not match[0].endswith("."):
        return ""
    if not rest.strip():
        return "." if match.start() else ""
    return "." if _CAPITAL_NEXT.match(rest) else ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One way of reading.

    Patterns must be linear: no nested quantifiers, possessive runs, and a lookbehind that keeps
    the search from starting again inside a run that it has already refused.
    """

    name: str
    """What the author sees when asking why something is said so, e.g. ``money``."""

    pattern: re.Pattern[str]
    """What it looks for."""

    say: Callable[[re.Match[str]], str | None]
    """The words for one match, or None to leave it as it is."""

    needs: str | tuple[str, ...] = DIGITS
    """Characters of which a text must hold at least one for the pattern to match, "" for any; a
    tuple of such, for one of each. No small letters: nearly every text has them."""

    def concerns(self, characters: frozenset[str]) -> bool:
        """Return whether a text of these characters can match."""
        groups = (self.needs,) if isinstance(self.needs, str) else self.needs
        return all(not group or not characters.isdisjoint(group) for group in groups)

    def edits(self, text: str) -> list[Edit]:
        """Return what ``apply`` would change."""
        if self.pattern.search(text) is None:
            return []  # Nearly always: most rules have nothing to say about a sentence.
        said = ((match, self.say(match)) for match in self.pattern.finditer(text))
        return [
            Edit(match.start(), match.end(), words)
            for match, words in said
            if words is not None and words != match[0]
        ]

    def apply(self, text: str) -> str:
        """Return the text with every match said."""
        if self.pattern.search(text) is None:
            return text

        def say(match: re.Match[str]) -> str:
            said = self.say(match)
            return match[0] if said is None else said

        return self.pattern.sub(say, text)
