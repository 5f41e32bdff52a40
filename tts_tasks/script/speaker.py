"""How one voice reads a text: the author's marks first, then the lexicon, then the rules.

    written      O [[Kaggle|/ˈkæɡəl/]] tem 2 deploys.
    the author   Kaggle has phonemes
    the lexicon  deploys is said diplóis
    the rules    2 -> dois, and then the words of author and lexicon
    spoken       O [[Kaggle|/ˈkæɡəl/]] tem dois diplóis.

None of them looks at what an earlier one has settled, and all that is changed is known by place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tts_tasks.marks import PHONEME_MARK, mark, said_of
from tts_tasks.request import UrlPolicy
from tts_tasks.script.alignment import Alignment
from tts_tasks.script.characters import clean_characters
from tts_tasks.script.hidden import Hidden, hide
from tts_tasks.script.lexicon import phonemes_of
from tts_tasks.script.normalise import normalise, normalise_aligned, tidy
from tts_tasks.script.pins import Pin, Placed, pins_of, read_around
from tts_tasks.script.whole_words import whole_words
from tts_tasks.values import Reading

AUTHOR = "author"
CHARACTERS = "characters"
"""Names of what is no rule of the language, where a reading tells who said so."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a written text becomes."""

    spoken: str
    """For the engine: phoneme marks only if it speaks them."""

    readings: tuple[Reading, ...]
    """Where it is not what is written, in order; in the text as captions show it."""


class Speaker:
    """The reading of one voice."""

    def __init__(
        self,
        language: str,
        lexicon: Mapping[str, str],
        *,
        phonemes: bool,
        urls: UrlPolicy = UrlPolicy.HOST,
    ) -> None:
        """Know the language and how its words are said.

        Args:
            language: BCP 47 tag; the Portuguese rules apply to Portuguese.
            lexicon: term -> words, or phonemes between slashes.
            phonemes: whether marks may be spoken. If not, each becomes its term, which the rules
                read like any word, and the lexicon's phonemes are left out.
            urls: how much of a URL is said, in Portuguese.
        """
        self._is_portuguese = language.lower().startswith("pt")
        self._speaks_phonemes = phonemes
        self._urls = urls
        self._entries = {
            term: said for term, said in lexicon.items() if phonemes or phonemes_of(said) is None
        }
        self._words = whole_words(self._entries)

    def say(self, written: str) -> str:
        """Return what the engine gets for a written text with its marks."""
        return self.read(written).spoken

    def read(self, written: str) -> Said:
        """Return what the engine gets for a written text with its marks, and why."""
        hidden = hide(written)
        alignment, placed = read_around(lambda: self._begin(hidden), self._carry_out_rules)
        sounds = [each for each in placed if each.pin.phonemes is not None]
        return Said(_marked(alignment.text, sounds), _with_pins(alignment.readings(), sounds))

    def _begin(self, hidden: Hidden) -> tuple[Alignment, list[Pin]]:
        """Return the text before the rules, and the terms whose reading is settled, in order."""
        alignment = Alignment(hidden.with_terms(hidden.text))
        pins: list[Pin] = []
        settled: list[tuple[int, int]] = []
        position = 0
        for character in hidden.text:
            whole = hidden.marks.get(ord(character))
            length = 1 if whole is None else len(hidden.terms[ord(character)])
            start, position = position, position + length
            if whole is None:
                continue
            if (said := said_of(whole)) is not None:
                pins.append(Pin(start, position, AUTHOR, said=self._alone(said)))
                settled.append((start, position))
            elif self._speaks_phonemes and (found := PHONEME_MARK.fullmatch(whole)):
                pins.append(Pin(start, position, AUTHOR, phonemes=found[2]))
                settled.append((start, position))
        alignment.become(" ".join(clean_characters(alignment.text).split()), CHARACTERS)
        pins += pins_of(alignment, self._words, self._entries, settled)
        return alignment, sorted(pins, key=lambda pin: pin.start)

    def _alone(self, said: str) -> str:
        """Return the author's words as a voice can say them, whatever stands around them."""
        return normalise(said, urls=self._urls) if self._is_portuguese else tidy(said)

    def _carry_out_rules(self, alignment: Alignment) -> None:
        if self._is_portuguese:
            normalise_aligned(alignment, self._urls)
        else:
            alignment.become(tidy(alignment.text), CHARACTERS)


def _marked(text: str, placed: Iterable[Placed]) -> str:
    """Return the text with the phonemes of each term."""
    pieces = []
    end = 0
    for each in placed:
        pieces += [
            text[end : each.start],
            mark(text[each.start : each.end], each.pin.phonemes or ""),
        ]
        end = each.end
    return "".join([*pieces, text[end:]])


def _with_pins(readings: tuple[Reading, ...], placed: list[Placed]) -> tuple[Reading, ...]:
    """Return the readings with those of the pins, in the place of what the rules said there."""
    if not placed:
        return readings
    pins = [each.pin for each in placed]
    own = [
        Reading(each.pin.start, each.pin.end, each.start, each.end, (each.pin.rule,))
        for each in placed
    ]
    others = [
        reading
        for reading in readings
        if not any(pin.start <= reading.start and reading.end <= pin.end for pin in pins)
    ]
    return tuple(sorted([*own, *others], key=lambda reading: (reading.start, reading.end)))
