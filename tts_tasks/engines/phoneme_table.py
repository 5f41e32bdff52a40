"""The tables between eSpeak NG's phonemes and those that Kokoro-82M was trained on.

Data only: the model's vocabulary, what is folded into it for each language, what is approximated
and why, and which marks are kept. ``phonemes`` applies them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from tts_tasks.engines.espeak_library import TIE

NASAL = "\u0303"
SYLLABIC = "\u0329"

# Symbol and token id, alternately. Source: hexgrad/Kokoro-82M, config.json, "vocab".
_SYMBOLS_AND_IDS = """
    ; 1  : 2  , 3  . 4  ! 5  ? 6  — 9  … 10  " 11  ( 12  ) 13  “ 14  ” 15
    ʣ 18  ʥ 19  ʦ 20  ʨ 21  ᵝ 22  ꭧ 23
    A 24  I 25  O 31  Q 33  S 35  T 36  W 39  Y 41  ᵊ 42
    a 43  b 44  c 45  d 46  e 47  f 48  h 50  i 51  j 52  k 53  l 54  m 55  n 56  o 57  p 58  q 59
    r 60  s 61  t 62  u 63  v 64  w 65  x 66  y 67  z 68
    ɑ 69  ɐ 70  ɒ 71  æ 72  β 75  ɔ 76  ɕ 77  ç 78  ɖ 80  ð 81  ʤ 82  ə 83  ɚ 85  ɛ 86  ɜ 87  ɟ 90
    ɡ 92  ɥ 99  ɨ 101  ɪ 102  ʝ 103  ɯ 110  ɰ 111  ŋ 112  ɳ 113  ɲ 114  ɴ 115  ø 116  ɸ 118  θ 119
    œ 120  ɹ 123  ɾ 125  ɻ 126  ʁ 128  ɽ 129  ʂ 130  ʃ 131  ʈ 132  ʧ 133  ʊ 135  ʋ 136  ʌ 138
    ɣ 139  ɤ 140  χ 142  ʎ 143  ʒ 147  ʔ 148
    ˈ 156  ˌ 157  ː 158  ʰ 162  ʲ 164  ↓ 169  → 171  ↗ 172  ↘ 173  ᵻ 177
"""
_pairs = _SYMBOLS_AND_IDS.split()
VOCABULARY: Mapping[str, int] = MappingProxyType(
    {
        " ": 16,
        NASAL: 17,
        **dict(zip(_pairs[::2], map(int, _pairs[1::2]), strict=True)),
    }
)
"""The model's 114 symbols and their token ids. ``A I O Q W Y`` are diphthongs, ``T`` is the
American tap, ``S`` a long s."""

ENGLISH = ("en-us", "en-gb")
LANGUAGES = (*ENGLISH, "es", "fr-fr", "hi", "it", "pt-br")
"""The eSpeak NG voices that make phonemes for this model."""

SPOKEN_AS_ENGLISH = (*ENGLISH, "hi")
"""The voices that read unknown words in Latin letters as English ones."""

Fold = tuple[tuple[str, str], ...]

# Source of both: hexgrad/misaki 0.9.4, EspeakG2P and EspeakFallback, as for Kokoro v1.0. Applied
# from top to bottom.
FOLD_COMMON: Fold = (
    (f"a{TIE}ɪ", "I"),
    (f"a{TIE}ʊ", "W"),
    (f"d{TIE}z", "ʣ"),
    (f"d{TIE}ʒ", "ʤ"),
    (f"e{TIE}ɪ", "A"),
    (f"o{TIE}ʊ", "O"),
    (f"s{TIE}s", "S"),
    (f"t{TIE}s", "ʦ"),
    (f"t{TIE}ʃ", "ʧ"),
    (f"ɔ{TIE}ɪ", "Y"),
    (f"ə{TIE}ʊ", "Q"),
    (TIE, ""),
    ("-", ""),  # eSpeak NG's stress of some compounds; no sound of its own
)
FOLD_ENGLISH: Fold = (
    (f"ʔˌn{SYLLABIC}", "ʔn"),
    (f"ʔn{SYLLABIC}", "ʔn"),
    (f"a{TIE}ɪ", "I"),
    (f"a{TIE}ʊ", "W"),
    (f"d{TIE}ʒ", "ʤ"),
    (f"e{TIE}ɪ", "A"),
    (f"t{TIE}ʃ", "ʧ"),
    (f"ɔ{TIE}ɪ", "Y"),
    (f"ə{TIE}l", "ᵊl"),
    ("ʲo", "jo"),
    ("ʲə", "jə"),
    ("ʲ", ""),
    ("e", "A"),
    ("ɚ", "əɹ"),
    ("r", "ɹ"),
    ("x", "k"),
    ("ç", "k"),
    ("ɐ", "ə"),
    ("ɬ", "l"),
    (NASAL, ""),
)
FOLD_BRITISH_FIRST: Fold = ((f"e{TIE}ə", "ɛː"), ("eə", "ɛː"))
FOLD_BRITISH: Fold = (("iə", "ɪə"), (f"ə{TIE}ʊ", "Q"))
FOLD_AMERICAN: Fold = (
    (f"o{TIE}ʊ", "O"),
    ("ɜːɹ", "ɜɹ"),
    ("ɜː", "ɜɹ"),
    ("ɪə", "iə"),
    ("ː", ""),
)
FOLD_ENGLISH_LAST: Fold = (("o", "ɔ"), ("ɾ", "T"), ("ʔ", "t"), (TIE, ""), ("-", ""))

TONES: Fold = tuple((digit, "") for digit in "0123456789")
"""Tones, and variants of a phoneme (l1), as eSpeak NG writes them."""

APPROXIMATIONS: Fold = (
    # What eSpeak NG 1.52 was seen to write beyond the vocabulary, when each of LANGUAGES read its
    # 40,000 most frequent words, 33,000 of 21 other languages and the characters of Unicode's first
    # plane (of Chinese and Korean a sample). The training front end lost these symbols in silence.
    # Left out are + and F, which it writes for a letter of Gurmukhi or Georgian: no sounds at all.
    ("dʑ", "ʥ"),  # Korean and Polish affricate
    ("ʑ", "ʒ"),  # alveolo-palatal: the postalveolar is next to it
    ("ɫ", "l"),  # dark l; the models' English has it as l
    ("ɬ", "l"),  # as in the English table
    ("ɭ", "l"),  # retroflex l
    ("ɵ", "ø"),  # rounded mid vowel
    ("ʍ", "w"),  # voiceless w
    *zip("ᵐⁿᵑ", "mnŋ", strict=True),  # nasal onset of Sinhala's d, b and g
    ("\u032a", ""),  # dental d and t of Italian: an exact place, no other sound
    (SYLLABIC, ""),  # a consonant without a vowel; the training had the consonant alone
    # What only an author writes.
    ("ɝ", "ɜɹ"),
    ("ʏ", "y"),
    ("ʉ", "u"),
    ("ɘ", "ə"),
    ("ɞ", "ɜ"),
    ("ɶ", "œ"),
    ("ħ", "h"),
    ("ɦ", "h"),
    ("ʀ", "ʁ"),
    ("ɱ", "m"),
    ("ɢ", "ɡ"),
    ("ʐ", "ʒ"),
    ("ʕ", "ʔ"),
    ("ʱ", "ʰ"),
    ("ʷ", "w"),
    ("ˑ", "ː"),  # half long
)
"""Sounds that the model lacks, and the nearest that it has."""

FOLD_AUTHORS: Fold = (
    # Notation without a sound of its own: borders of syllables, links, exact places.
    *(
        (mark, "")
        for mark in ".‿|\u032f\u0325\u030a\u032c\u031a\u031d\u031e\u031f\u0320\u033a\u033b"
    ),
    ("\u035c", TIE),  # the tie below
    *FOLD_COMMON,
    ("tʃ", "ʧ"),
    ("dʒ", "ʤ"),
    ("eɪ", "A"),
    ("aɪ", "I"),
    ("oʊ", "O"),
    ("əʊ", "Q"),
    ("aʊ", "W"),
    ("ɔɪ", "Y"),
    ("g", "ɡ"),
    ("'", "ˈ"),
    ("’", "ˈ"),
)
"""Ordinary IPA, as authors write it."""

FOLD_AUTHORS_ENGLISH: Fold = (("r", "ɹ"), ("ɚ", "əɹ"), ("ɐ", "ə"))
FOLD_AUTHORS_AMERICAN: Fold = (("ɾ", "T"), *FOLD_AMERICAN)

VOWELS = "aeiouyæɐɑɒɔəɚɛɜɨɪøœɯɤʊʌᵻAIOQWY"

MARKS = ';:,.!?¡¿—…"«»“”(){}[]'
"""The marks that stood for themselves in the training; all else is eSpeak NG's business, which
speaks it (``%``, ``@``) or passes over it (``'``)."""

PUNCTUATION: Mapping[str, str] = MappingProxyType(
    {
        # Angles became curly quotes in the training; the others are quotes of other alphabets.
        **dict.fromkeys("«„‟「『", "“"),
        **dict.fromkeys("»」』", "”"),
        # Marks of other alphabets; the training lost them, and with them the pause.
        **dict.fromkeys("।॥。｡", "."),
        **dict.fromkeys("،，、､", ","),
        **dict.fromkeys("؛；", ";"),
        **dict.fromkeys("？؟", "?"),
        "：": ":",
        "！": "!",
        "（": "(",
        "）": ")",
        "―": "—",
        # Hyphens: one is enough.
        **dict.fromkeys("‐‑", "-"),
        # Nothing that sounds: soft hyphen, zero-width space, directions, joiner, byte order mark.
        **dict.fromkeys("\u00ad\u200b\u200e\u200f\u2060\ufeff", ""),
    }
)
"""Marks of the text -> the same in the model's alphabet."""

NOT_SPOKEN = "¡¿[]{}"
"""Marks that are kept from eSpeak NG, as in the training, but that the model does not know."""

CODE_REVISION = 1
"""To be raised when ``phonemes`` makes other phonemes from the same tables."""

_TABLES = (
    *(dict(VOCABULARY), FOLD_COMMON, FOLD_ENGLISH, FOLD_ENGLISH_LAST),
    *(FOLD_BRITISH_FIRST, FOLD_BRITISH, FOLD_AMERICAN),
    *(TONES, APPROXIMATIONS, FOLD_AUTHORS, FOLD_AUTHORS_ENGLISH, FOLD_AUTHORS_AMERICAN, VOWELS),
    *(MARKS, dict(PUNCTUATION), NOT_SPOKEN),
)
REVISION = f"{CODE_REVISION}-{hashlib.sha256(repr(_TABLES).encode()).hexdigest()[:8]}"
"""Changes with every table above; part of the cache key."""
