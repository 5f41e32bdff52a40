"""Terms whose reading is settled: in their place while the rules run, replaced after them.

    written   2 branches em 3/5        pinned: branches, said brêntchis
    rules     duas branches em três de maio
    said      duas brêntchis em três de maio

So a number agrees with the word that the author wrote, and an address that holds a term stays an
address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tts_tasks.script import programming, web
from tts_tasks.script.alignment import Alignment, Edit
from tts_tasks.script.hidden import free_letters
from tts_tasks.script.lexicon import phonemes_of
from tts_tasks.script.whole_words import WholeWords

LEXICON = "lexicon"
"""Who settled the reading of a term that a lexicon holds."""

_SETTLED = "\U00020000"
"""A letter that no key holds, in place of what the lexicon must not look at."""

_NAMES = {rule.name for rule in (*web.RULES, *programming.RULES)}
"""Rules for addresses, files and products: a term inside a longer name is a part of it, no word."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A term of the written text."""

    start: int
    end: int
    rule: str
    """Who settled its reading."""

    said: str | None = None
    """How it is said; None to leave it as it is written, for its phonemes."""

    phonemes: str | None = None
    """Its phonemes (IPA)."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A pin, and where it stands in the spoken text."""

    pin: Pin
    start: int
    end: int


def pins_of(
    alignment: Alignment,
    words: WholeWords,
    entries: Mapping[str, str],
    settled: Iterable[tuple[int, int]] = (),
) -> list[Pin]:
    """Return a pin for each term of a lexicon in a text.

    Args:
        alignment: a text of clean characters.
        words: finds the lexicon's terms.
        entries: term -> words, or phonemes between slashes.
        settled: parts of the written text that the lexicon must not look at, in order.
    """
    pieces, kept = [], 0
    for span in alignment.spans_of(settled):
        if span:
            start, end = span
            pieces += [alignment.text[kept:start], _SETTLED * (end - start)]
            kept = end
    text = "".join([*pieces, alignment.text[kept:]])
    hits = list(words.hits(text))
    places = alignment.all_written_at([place for start, end, _ in hits for place in (start, end)])
    pins = []
    for (_, _, term), start_at, end_at in zip(hits, places[::2], places[1::2], strict=True):
        if start_at is not None and end_at is not None:
            sounds = phonemes_of(entries[term])
            said = entries[term] if sounds is None else None
            pins.append(Pin(start_at, end_at, LEXICON, said, sounds))
    return pins


def read_around(
    begin: Callable[[], tuple[Alignment, list[Pin]]], rules: Callable[[Alignment], None]
) -> tuple[Alignment, list[Placed]]:
    """Carry out the rules on a text, around its pins.

    Args:
        begin: returns the text before the rules, and its pins in order; called twice where a rule
            reads a term together with its neighbours (2 GB), which then must not see it.
        rules: what the language does to a text.

    Returns:
        The text with its pins said, and where they stand; a pin inside a longer name is dropped.
    """
    alignment, pins = begin()
    if not pins:
        rules(alignment)
        return alignment, []
    terms = _standing(alignment, pins)
    rules(alignment)
    spans = alignment.spans_of((pin.start, pin.end) for pin in pins)
    hidden = [
        pin
        for pin, span, term in zip(pins, spans, terms, strict=True)
        # A sign is no word to the rules: they would draw it to its neighbour.
        if not any(map(str.isalnum, term)) or (span is None and not _is_in_name(alignment, pin))
    ]
    if hidden:
        alignment, pins = begin()
        letters = _hide(alignment, hidden)
        rules(alignment)
        _show(alignment, letters)
    _say(alignment, pins, terms)
    return alignment, _placed(alignment, pins)


def _say(alignment: Alignment, pins: Iterable[Pin], terms: Iterable[str]) -> None:
    """Replace the terms by what they are said as; those with phonemes by themselves.

    What the rules made of such a term nobody hears.
    """
    spans = alignment.spans_of((pin.start, pin.end) for pin in pins)
    edits: dict[str, list[Edit]] = {}
    for pin, term, span in zip(pins, terms, spans, strict=True):
        if span is not None:
            said = term if pin.said is None else pin.said
            edits.setdefault("" if pin.said is None else pin.rule, []).append(Edit(*span, said))
    alignment.edit_all(edits, settles=True)


def _placed(alignment: Alignment, pins: Iterable[Pin]) -> list[Placed]:
    spans = alignment.spans_of((pin.start, pin.end) for pin in pins)
    return [Placed(pin, *span) for pin, span in zip(pins, spans, strict=True) if span is not None]


def _standing(alignment: Alignment, pins: Iterable[Pin]) -> list[str]:
    """Return the terms of pins as they stand in the text now."""
    spans = alignment.spans_of((pin.start, pin.end) for pin in pins)
    return [alignment.text[slice(*span)] if span else "" for span in spans]


def _is_in_name(alignment: Alignment, pin: Pin) -> bool:
    return not _NAMES.isdisjoint(alignment.rules_at(pin.start, pin.end))


def _hide(alignment: Alignment, pins: Iterable[Pin]) -> dict[str, str]:
    """Put a letter in the place of each term; return letter -> term."""
    caseless, _ = free_letters(alignment.text)
    terms: dict[str, str] = {}
    edits = []
    for span in alignment.spans_of((pin.start, pin.end) for pin in pins):
        if span:
            letter = next(caseless)
            terms[letter] = alignment.text[slice(*span)]
            edits.append(Edit(*span, letter))
    alignment.edit(edits)
    return terms


def _show(alignment: Alignment, terms: Mapping[str, str]) -> None:
    alignment.edit(
        Edit(place, place + 1, terms[letter])
        for place, letter in enumerate(alignment.text)
        if letter in terms
    )
