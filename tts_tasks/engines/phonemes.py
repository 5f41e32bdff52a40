"""Text to the phonemes of Kokoro-82M, as its training front end made them.

eSpeak NG makes the phonemes of what stands between the punctuation marks, the marks stay, and
``phoneme_table`` folds the phonemes into the model's symbols. An author may give the phonemes of a
term (``tts_tasks.marks``).

The token ids are those that hexgrad/misaki 0.9.4 over phonemizer-fork 3.3.2 leads to (English: its
way with words that its dictionary lacks), except where that loses something:

- A sound outside the vocabulary is approximated, or an error; there it was dropped.
- A dash between spaces (``–``, ``-``, ``--``) is the model's ``—``, and marks of other alphabets
  are their Latin counterparts; there they were dropped, and the pause with them.
- A mark between two digits (``3.14``) belongs to the number; there it ended a sentence.
- Hyphens that are neither inside a word nor a minus are gone.
- A word in two alphabets is two words.
- Composed and decomposed accents are one, and so are runs of spaces.
- English: angles are quotes, and flags of other languages go, both as elsewhere (there ``(ko)``
  stayed, as ``(kɔ)``). British ``eə`` is ``ɛː``, as in its dictionary (``hair``); there an earlier
  row of its table, meant for ``eɪ``, made ``Aə`` of it.

eSpeak NG drops what is over 200 bytes of codes in a word, in silence; and some hyphens before
foreign letters (``’-ह``, ``fह-हह``), in speech too, end the process. Neither gets to it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from tts_tasks import marks
from tts_tasks.engines import espeak_library as library
from tts_tasks.engines import phoneme_table as table
from tts_tasks.engines.espeak_text import MAX_WORD_CHARS, harmless
from tts_tasks.errors import EmptyTextError, TextTooLongError, UnknownPhonemeError, excerpt

VOCABULARY = table.VOCABULARY
REVISION = table.REVISION

MAX_TOKENS = 510
"""Longest utterance: the model's context is 512, with a border at each end. What eSpeak NG drops of
a clause (over 299 words, or 1000 phonemes) is far beyond it."""

SUSPICIOUS_SYMBOLS = 60
"""A word with fewer is whole. One that is spelled letter by letter may be cut much earlier than at
MAX_WORD_CHARS: ``ŵ``, dáblio circunflexo, at the 8th."""

_SPACES = re.compile(r"\s+")
_UNHEARD = ("Cc", "Co", "Cs")  # control (NUL ends a C string), private use, half a surrogate pair
_DASH = re.compile(  # Between two numbers it is the writer's minus.
    r"(?<=[^\s0-9]) (?:-+|[–‒]) (?=\S)|(?<=\S) (?:-+|[–‒]) (?=[^\s0-9])|(?<=\w)--+(?=\w)"
)
_TIGHT_DASH = re.compile("[–‒]")
_MARK = rf"(?:(?<![0-9])[.,:]|[.,:](?![0-9])|[{re.escape(re.sub('[.,:]', '', table.MARKS))}])"
_MARKS = re.compile(rf"((?: ?{_MARK})+ ?)")
_MEANT = str.maketrans(dict(table.PUNCTUATION))
_KEPT = str.maketrans("", "", table.NOT_SPOKEN)
_FLAG = re.compile(r"\(.+?\)")
_STRESS = re.compile("[ˈˌ]")
_SYLLABIC = re.compile(rf"(\S){table.SYLLABIC}")
_COLON_OF_LENGTH = re.compile(rf"(?<=[{table.VOWELS}{table.NASAL}]):")
_SILENT = frozenset(' ;:,.!?—…"()“”ˈˌː↓→↗↘' + table.NASAL)

# A nonsense word stands where a term has its own phonemes, so that the words around it sound as
# beside a word: alone, the article "o" is the letter ɔ. It begins as the term does, because that
# decides about the s before it. á keeps Portuguese from eliding its end; English would link an r.
_STAND_INS = {"vowel": "apafup", "voiced": "mafup", "voiceless": "pafup"}
_VOICELESS = "ptkqcfsʃʧʦʨxχhθɸçʈʂɕ"
_FIRST_SLOT = 0xE000  # Private use, which _clean takes out of the text.


def phonemize(spoken: str, language: str) -> str:
    """Return what is said, as symbols of ``VOCABULARY``.

    Args:
        spoken: the text, maybe with terms that have their phonemes: ``O [[Git|/ɡˈit/]] abre.``
        language: one of ``phoneme_table.LANGUAGES``.

    Raises:
        EmptyTextError: if nothing in it can be spoken.
        TextTooLongError: for a word whose end eSpeak NG would drop.
        UnknownPhonemeError: for a sound that the model does not know.
        EngineUnavailableError: if eSpeak NG cannot be loaded.
    """
    if language not in table.LANGUAGES:
        raise ValueError(f"{language!r} is none of {', '.join(table.LANGUAGES)}")
    parts = list(marks.pieces(spoken))
    own = [_fold_authors(sounds, term, language) for term, sounds in parts if sounds is not None]
    if not any(character.isalnum() for character in spoken):
        raise _empty(spoken)
    # Loaded anew for each text: its state leaks from one to the next.
    with library.fresh_library() as loaded:
        loaded.set_voice(library.voice_files()[language].identifier)
        said = _say_parts(loaded, parts, own, language)
    if all(symbol in _SILENT for symbol in said):
        raise _empty(spoken)
    return said


def tokens(phonemes: str) -> list[int]:
    """Return the token ids, one for each symbol, without the borders.

    Raises:
        KeyError: for a symbol that ``phonemize`` does not return.
    """
    return [VOCABULARY[symbol] for symbol in phonemes]


def _say_parts(
    loaded: library.LoadedLibrary,
    parts: Sequence[tuple[str, str | None]],
    own: Sequence[str],
    language: str,
) -> str:
    """Return the phonemes of texts and terms, these with their own ones."""
    stand_ins = [_stand_in(sounds, language) for sounds in own]
    waiting = iter(stand_ins)
    template = "".join(text if sounds is None else next(waiting) for text, sounds in parts)
    said = _say(loaded, template, language, stand_ins)
    if [ord(symbol) for symbol in said if _is_slot(symbol)] != _slots(own):
        # The text has the nonsense word itself, or wraps the term in letters that change it.
        numbers = iter(_slots(own))
        said = " ".join(
            _say(loaded, text, language, []) if sounds is None else chr(next(numbers))
            for text, sounds in parts
        )
    said = said.translate(dict(zip(_slots(own), own, strict=True)))
    return _SPACES.sub(" ", said).strip()


def _say(loaded: library.LoadedLibrary, text: str, language: str, stand_ins: Sequence[str]) -> str:
    """Return the phonemes of a text, and a slot for each stand-in that is heard in it."""
    heard = _heard(loaded, stand_ins)
    slot = _FIRST_SLOT
    said = []
    for number, piece in enumerate(_MARKS.split(_clean(text))):
        if number % 2:
            said.append(piece.translate(_KEPT))
            continue
        _refuse_long_words(piece)
        raw = _FLAG.sub("", " ".join(loaded.phonemes(piece)))
        _refuse_cut_words(loaded, piece, raw)
        before, *after = heard.split(raw)
        folded = _fold(before, language)
        for more in after:
            folded += chr(slot) + _fold(more, language)
            slot += 1
        _refuse_unknown(loaded, folded, piece, language)
        said.append(" ".join(folded.split()))
    return "".join(said)


def _clean(text: str) -> str:
    """Return the text as eSpeak NG gets it: one kind of each mark, and nothing that harms it."""
    text = unicodedata.normalize("NFC", text).translate(_MEANT)
    text = "".join(" " if unicodedata.category(each) in _UNHEARD else each for each in text)
    text = _DASH.sub(" — ", _SPACES.sub(" ", text))
    return _SPACES.sub(" ", harmless(_TIGHT_DASH.sub(" ", text))).strip()


def _fold(phonemes: str, language: str) -> str:
    """Return eSpeak NG's phonemes in the model's symbols; maybe some are outside its vocabulary."""
    if language not in table.ENGLISH:
        return _replace(phonemes, table.FOLD_COMMON + table.TONES + table.APPROXIMATIONS)
    british = language == "en-gb"
    if british:
        phonemes = _replace(phonemes, table.FOLD_BRITISH_FIRST)
    phonemes = _SYLLABIC.sub(r"ᵊ\1", _replace(phonemes, table.FOLD_ENGLISH))
    phonemes = _replace(phonemes, table.FOLD_BRITISH if british else table.FOLD_AMERICAN)
    return _replace(phonemes, table.FOLD_ENGLISH_LAST + table.TONES + table.APPROXIMATIONS)


def _fold_authors(phonemes: str, term: str, language: str) -> str:
    """Return an author's phonemes in the model's symbols.

    Raises:
        UnknownPhonemeError: for a symbol that the model does not know.
    """
    composed = unicodedata.normalize("NFC", phonemes)
    # Only the letters with a tilde are apart in the vocabulary; the ç is not.
    apart = (each if each == "ç" else unicodedata.normalize("NFD", each) for each in composed)
    folded = _replace("".join(apart), table.FOLD_AUTHORS)
    if language in table.ENGLISH:
        folded = _replace(folded, table.FOLD_AUTHORS_ENGLISH)
    if language == "en-us":
        folded = _replace(folded, table.FOLD_AUTHORS_AMERICAN)
    folded = _COLON_OF_LENGTH.sub("ː", _replace(folded, table.APPROXIMATIONS))
    for symbol in folded:
        if symbol not in VOCABULARY:
            raise UnknownPhonemeError(
                f"the model does not know {_shown(symbol)} in /{phonemes}/, "
                f"the phonemes of {term!r}",
                field="text",
                value=marks.mark(term, phonemes),
                remedy="write another symbol for that sound",
            )
    if all(symbol in _SILENT for symbol in folded):
        raise UnknownPhonemeError(
            f"the phonemes /{phonemes}/ of {term!r} have no sound",
            field="text",
            value=marks.mark(term, phonemes),
            remedy="write its phonemes, or the term alone",
        )
    return folded


def _stand_in(sounds: str, language: str) -> str:
    first = next(symbol for symbol in sounds if symbol not in _SILENT)
    kind = "voiceless" if first in _VOICELESS else "voiced"
    word = _STAND_INS["vowel" if first in table.VOWELS else kind]
    return word if language in table.SPOKEN_AS_ENGLISH else word + "á"


def _heard(loaded: library.LoadedLibrary, stand_ins: Sequence[str]) -> re.Pattern[str]:
    """Return what matches the phonemes of the stand-ins, wherever their stress falls."""
    sounds = {
        _STRESS.sub("", _FLAG.sub("", "".join(loaded.phonemes(word)))).strip() for word in stand_ins
    }
    longest_first = sorted(sounds, key=len, reverse=True)
    patterns = ("[ˈˌ]*" + "[ˈˌ]*".join(map(re.escape, each)) for each in longest_first)
    return re.compile("|".join(patterns) or "(?!)")


def _slots(own: Sequence[str]) -> list[int]:
    return list(range(_FIRST_SLOT, _FIRST_SLOT + len(own)))


def _is_slot(symbol: str) -> bool:
    return unicodedata.category(symbol) == "Co"


def _refuse_long_words(text: str) -> None:
    for word in re.split("[ -]", text):
        if len(word) > MAX_WORD_CHARS:
            raise _too_long(word, f"has {len(word)} characters, over the limit of {MAX_WORD_CHARS}")


def _refuse_cut_words(loaded: library.LoadedLibrary, text: str, phonemes: str) -> None:
    """Raise an error for a word that is cut: with more at its end it sounds the same."""
    if _length(phonemes) < SUSPICIOUS_SYMBOLS:
        return
    for word in text.split(" "):
        alone = _sounds(loaded, word)
        tail = word.rstrip("'’_")[-4:]
        if len(alone) >= SUSPICIOUS_SYMBOLS and alone == _sounds(loaded, word + 3 * tail):
            raise _too_long(word, "is spelled with more sounds than fit into a word")


def _sounds(loaded: library.LoadedLibrary, word: str) -> str:
    """Return the phonemes without stress and spaces, which depend on what is near."""
    return "".join(_STRESS.sub("", "".join(loaded.phonemes(word))).split())


def _length(phonemes: str) -> int:
    return len("".join(_STRESS.sub("", phonemes).split()))


def _refuse_unknown(loaded: library.LoadedLibrary, folded: str, text: str, language: str) -> None:
    unknown = [
        each for each in folded if not (each in VOCABULARY or each.isspace() or _is_slot(each))
    ]
    if not unknown:
        return
    words = (word for word in text.split(" ") if unknown[0] in _alone(loaded, word, language))
    word = next(words, text)
    raise UnknownPhonemeError(
        f"the model does not know {_shown(unknown[0])}, a sound of {word!r}",
        field="text",
        value=word,
        remedy=f"give its phonemes: {marks.mark(word, '…')}",
    )


def _alone(loaded: library.LoadedLibrary, word: str, language: str) -> str:
    return _fold(_FLAG.sub("", " ".join(loaded.phonemes(word))), language)


def _shown(symbol: str) -> str:
    name = unicodedata.name(symbol, "no name").lower()
    return f"{symbol!r} (U+{ord(symbol):04X}, {name})"


def _replace(text: str, fold: table.Fold) -> str:
    for old, new in fold:
        text = text.replace(old, new)
    return text


def _empty(text: str) -> EmptyTextError:
    return EmptyTextError("there is nothing to say in it", field="text", value=repr(text))


def _too_long(word: str, why: str) -> TextTooLongError:
    return TextTooLongError(
        f"the word {excerpt(word)!r} {why}; its end would be dropped",
        field="text",
        value=word,
        remedy="write it as several words",
    )
