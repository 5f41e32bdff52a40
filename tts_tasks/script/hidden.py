"""Marks hidden behind single letters, so that no rule looks inside one and no cut goes through one.

    O [[Kaggle|/ˈkæɡəl/]] abre.  ->  O 𠀀 abre.  ->  whatever is done with text  ->  back again

What a mark is, ``tts_tasks.marks`` says; what begins like one and is none is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tts_tasks.errors import SourceError, TextTooLongError, excerpt
from tts_tasks.marks import AS_WRITTEN, PHONEME_MARK, SAY_MARK, mark, term_of
from tts_tasks.script.characters import clean_characters

_SHAPE = re.compile(r"\[\[[^\[\]|]*+\|[^\[\]|]*+\]\]")
"""Every mark and little else, in linear time; ``_mark_in`` decides about each."""

_PHONEMES_FIRST = re.compile(r"\[\[/([^\[\]|/]++)/\|([^\[\]|]++)\]\]")
"""A phoneme mark in the order of the marks in words; both are understood."""

_DIRECTIVE = re.compile(
    r"(?<![\[\\])(\[[ ]?/?(?:pausa|pause|voz|voice)\b[^\[\]\n]{0,80}\])(?=[(:\[])"
)
"""A directive that Markdown would take for a link."""

_BEGUN = re.compile(r"\[\[(?!\[)((?:(?!\]\]|\[\[)[^|])*)\|(?!\|)")
"""What begins like a mark; the two bars of ``[[ a || b ]]`` are a shell's."""

_IN_MARKDOWN = re.compile(
    r"(?<!\\)(?:\[\[[^\[\]|\n]*+\|[^\[\]|\n]++\]\]|\[\[(?!\[)(?:(?!\]\]|\[\[)[^|\n])*\|/)"
)
"""A mark on one line, or the beginning of one. A mark over two lines is whole after parsing."""

_LOWER = (0x1D400, 0x1D7CC)
"""Mathematical letters; those in small letters stand for terms that begin with a small letter,
because a sentence may begin at any other letter."""

_CASELESS = (0x20000, 0x2EBE1)
"""Rare Chinese characters: letters to every rule, 60,000 of them, and normalised they are as they
were."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A text whose marks are single letters that it does not hold otherwise."""

    text: str
    """The text with its letters."""

    marks: Mapping[int, str] = field(default_factory=dict)
    """Code point of the letter -> the mark that it stands for."""

    terms: Mapping[int, str] = field(default_factory=dict)
    """Code point of the letter -> the mark's term."""

    def with_marks(self, part: str) -> str:
        """Return a part of the text, or what became of it, with its marks."""
        return part.translate(self.marks) if self.marks else part

    def with_terms(self, part: str) -> str:
        """Return a part of the text, or what became of it, with the marks' terms."""
        return (part.translate(self.terms) if self.terms else part).translate(AS_WRITTEN)


def hide(text: str) -> Hidden:
    """Return the text with each of its marks behind a letter."""
    if "[[" not in text:
        return Hidden(text)
    return hide_matches(text, _SHAPE, lambda found: _mark_in(found[0]))


def hide_in_markdown(source: str, render: Callable[[str], str]) -> Hidden:
    """Return a Markdown text with its marks hidden from the parser.

    The bar inside a mark would split a table's cell, and phonemes may look like emphasis or HTML.
    What only begins like a mark is hidden as far as it goes, to be found again after parsing.

    Args:
        source: the Markdown text.
        render: Markdown -> what a reader sees; for the terms, which may hold markup.
    """
    source = _DIRECTIVE.sub(r"\1 ", source)
    if "[[" not in source:
        return Hidden(source)

    def mark_of(found: re.Match[str]) -> str:
        first, _, rest = found[0].removeprefix("[[").partition("|")
        # "\|" is how a table's cell holds a bar.
        first = first.removesuffix(chr(92))
        if SAY_MARK.fullmatch(found[0]) and not _PHONEMES_FIRST.fullmatch(found[0]):
            return f"[[{first}|{render(rest.removesuffix(']]'))}]]"
        if first.startswith("/"):
            return f"[[{first}|{rest}"
        return f"[[{render(first)}|{rest}"

    return hide_matches(source, _IN_MARKDOWN, mark_of)


def hide_matches(
    text: str, pattern: re.Pattern[str], mark_of: Callable[[re.Match[str]], str | None]
) -> Hidden:
    """Return the text with a letter for each match; equal marks have the same letter.

    Args:
        text: the text.
        pattern: what to hide.
        mark_of: match -> what the letter stands for, or None to leave the match as it is.

    Raises:
        TextTooLongError: if there are more different marks than letters, about 60,000.
    """
    caseless, small = free_letters(text)
    letters: dict[str, str] = {}

    def letter_of(found: re.Match[str]) -> str:
        mark = mark_of(found)
        if mark is None:
            return found[0]
        if mark not in letters:
            is_small = term_of(mark).removeprefix("[[")[:1].islower()
            letter = (next(small, None) if is_small else None) or next(caseless, None)
            if letter is None:
                raise TextTooLongError(
                    f"it has more than {len(letters):,} different marks",
                    field="text",
                    value=found[0],
                    remedy="split it into several lessons or texts",
                )
            letters[mark] = letter
        return letters[mark]

    hidden = pattern.sub(letter_of, text)
    return Hidden(
        hidden,
        {ord(letter): mark for mark, letter in letters.items()},
        {ord(letter): term_of(mark) for mark, letter in letters.items()},
    )


def shown(text: str) -> str:
    """Return what a reader sees of a text: the terms of its marks."""
    hidden = hide(text)
    return hidden.with_terms(hidden.text)


def refuse_broken_marks(text: str) -> None:
    """Raise for the first thing in a text that begins like a mark and is none.

    Raises:
        SourceError: names the mark and how it is written.
    """
    if "|" not in text:
        return
    hidden = hide(text)
    for whole in hidden.marks.values():
        if (found := PHONEME_MARK.fullmatch(whole)) and not found[2].strip():
            raise _broken(whole, "it has no phonemes")
    # Cleaned, because a character that nobody sees may sit between the signs.
    rest = hidden.with_terms(clean_characters(hidden.text))
    begun = _BEGUN.search(rest)
    if begun is None:
        return
    end = rest.find("]]", begun.end())
    shown = excerpt(rest[begun.start() : end + 2 if end >= 0 else len(rest)])
    raise _broken(shown, _problem(begun[1], rest[begun.end() : end] if end >= 0 else None))


def _problem(first: str, second: str | None) -> str:
    """Return what is wrong with a mark, part by part; ``None`` for a part that does not end."""
    if second is None:
        return 'its "]]" is missing'
    if second.lstrip().startswith("/"):
        if not any(map(str.isalnum, first)):
            return "its term has no letter or digit"
        return "its phonemes are not between two slashes"
    if not any(map(str.isalnum, first)):
        return "it says nothing before its |"
    if not second.strip():
        return "it shows nothing after its |"
    return "it has one of [ ] | inside"


def _mark_in(text: str) -> str | None:
    """Return the mark that a text is, its parts in their order; ``None`` if it is none."""
    if found := _PHONEMES_FIRST.fullmatch(text):
        text = mark(found[2], found[1])
    if PHONEME_MARK.fullmatch(text):
        return text
    found = SAY_MARK.fullmatch(text)
    if found is None or not any(map(str.isalnum, found[1])):
        return None
    # Cleaned, because a character that nobody sees may stand before the slash of phonemes.
    shown = clean_characters(found[2]).strip()
    return text if shown and not shown.startswith("/") else None


def _broken(mark: str, problem: str) -> SourceError:
    return SourceError(
        f"{mark} begins like a mark, but {problem}",
        field="text",
        value=mark,
        remedy="write it as [[term|/phonemes/]] or [[how it is said|how it is written]], with none "
        "of [ ] | inside, or the term alone",
    )


def free_letters(text: str) -> tuple[Iterator[str], Iterator[str]]:
    """Return the letters without case and the small ones that a text leaves free."""
    taken = set(text)
    caseless = (c for c in map(chr, range(*_CASELESS)) if c not in taken and c.isalpha())
    small = (c for c in map(chr, range(*_LOWER)) if c not in taken and c.islower())
    return caseless, small
