"""Numbers to Brazilian Portuguese words: cardinals, ordinals, fractions, decimals, digits.

Conventions: catorze, dezesseis, dezessete, dezenove; no comma inside a number; decimals by
"vírgula", a dot by "ponto", each part as one number with its leading zeros said one by one.
Source for the conjunction "e": Manual de Redação da Presidência da República, 3rd edition,
"numerais": it stands between hundreds, tens and units, and before the last group when that group
is below one hundred or a whole number of hundreds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tts_tasks.script.tables import sequence

_UNITS = sequence(
    """
    zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze
    dezesseis dezessete dezoito dezenove
    """
)
_TENS = sequence(
    """
    _ _ vinte trinta quarenta cinquenta sessenta setenta oitenta noventa
    """
)
_HUNDREDS = sequence(
    """
    _ cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos
    novecentos
    """
)
_SCALES = sequence(
    """
    _ mil milhão bilhão trilhão quatrilhão quintilhão sextilhão septilhão octilhão nonilhão
    decilhão
    """
)
_FEMININE = {"um": "uma", "dois": "duas"}

_ORDINAL_UNITS = sequence(
    """
    _ primeiro segundo terceiro quarto quinto sexto sétimo oitavo nono
    """
)
_ORDINAL_TENS = sequence(
    """
    _ décimo vigésimo trigésimo quadragésimo quinquagésimo sexagésimo septuagésimo
    octogésimo nonagésimo
    """
)
_ORDINAL_HUNDREDS = sequence(
    """
    _ centésimo ducentésimo trecentésimo quadringentésimo quingentésimo sexcentésimo
    septingentésimo octingentésimo nongentésimo
    """
)
_DENOMINATORS = {
    2: "meio",
    3: "terço",
    100: "centésimo",
    1000: "milésimo",
    1_000_000: "milionésimo",
}

LARGEST_CARDINAL_DIGITS = 3 * len(_SCALES)
"""Numbers with more digits are said digit by digit."""

LONGEST_DECIMALS = 4
"""Decimals with more digits are said digit by digit."""

NUMBER = r"(?:[0-9]{1,3}(?:\.[0-9]{3})+(?![0-9])(?:,[0-9]++)?|[0-9]++(?:[.,][0-9]++)?)"
"""A number as Brazilians write it (1.234,5) or as programs do (3.14)."""

_ALONE = r"(?<![^\W_])(?<![0-9][.,])"
START = rf"(?=[0-9]){_ALONE}"
"""Before a number: not inside a word or another number. The look at the digit comes first because
it refuses most positions."""

SIGNED_START = rf"(?=[0-9-]){_ALONE}"
"""Before a number that may have a minus."""

SCALE_WORDS = {
    "mil": 1_000,
    "milhão": 10**6,
    "milhões": 10**6,
    "mi": 10**6,
    "bilhão": 10**9,
    "bilhões": 10**9,
    "bi": 10**9,
    "trilhão": 10**12,
    "trilhões": 10**12,
    "tri": 10**12,
}
SCALE = r"(?:mil(?:h(?:ão|ões))?|bilh(?:ão|ões)|trilh(?:ão|ões)|mi|bi|tri)(?!\w)"


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written."""

    whole: str
    """Digits before the separator."""

    decimals: str = ""
    """Digits after the separator, "" without one."""

    has_point: bool = False
    """Whether the separator was a dot, as in versions and in English."""

    @property
    def is_singular(self) -> bool:
        """Whether what is counted stands in the singular: below two (1,9 milhão, zero grau)."""
        return len(self.whole.lstrip("0")) < 2 and int(self.whole[-1:] or "0") < 2

    @property
    def value(self) -> int:
        """The whole part as an integer."""
        return int(self.whole.lstrip("0") or "0")

    @property
    def is_speakable(self) -> bool:
        """Whether the whole part has a name; longer numbers are said digit by digit."""
        return len(self.whole.lstrip("0")) <= LARGEST_CARDINAL_DIGITS


def parse_number(written: str) -> Number:
    """Read a number that matched ``NUMBER``."""
    if re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?", written):
        whole, _, decimals = written.replace(".", "").partition(",")
        return Number(whole, decimals)
    if "," in written:
        whole, _, decimals = written.partition(",")
        return Number(whole, decimals)
    whole, point, decimals = written.partition(".")
    return Number(whole, decimals, has_point=bool(point))


def say_number(number: Number, *, feminine: bool = False) -> str:
    """Return the words of a number, decimals included."""
    whole = say_digits_or_cardinal(number.whole, feminine=feminine)
    if not number.decimals:
        return whole
    separator = "ponto" if number.has_point else "vírgula"
    return f"{whole} {separator} {say_decimals(number.decimals)}"


def say_decimals(decimals: str) -> str:
    """Return the digits after a separator as one number, its leading zeros one by one."""
    rest = decimals.lstrip("0")
    if len(decimals) > LONGEST_DECIMALS:
        return say_digits(decimals)
    zeros = ["zero"] * (len(decimals) - len(rest))
    return " ".join([*zeros, *([cardinal(int(rest))] if rest else [])])


def say_digits_or_cardinal(written: str, *, feminine: bool = False) -> str:
    """Return a run of digits as a cardinal; codes such as 007 and 0800 digit by digit."""
    is_code = len(written) > 2 and written.startswith("0")
    if is_code or set(written) == {"0"} or len(written) > LARGEST_CARDINAL_DIGITS:
        return say_digits(written)
    return cardinal(int(written), feminine=feminine)


def say_digits(written: str) -> str:
    """Return each digit by its name."""
    return " ".join(_UNITS[int(digit)] for digit in written)


def cardinal(n: int, *, feminine: bool = False) -> str:
    """Return a whole number in words.

    Args:
        n: below 10 ** ``LARGEST_CARDINAL_DIGITS``; negative ones start with "menos".
        feminine: agree with a feminine noun: duas, duzentas, vinte e uma mil.

    Raises:
        ValueError: if the number is larger than the largest scale word.
    """
    if n < 0:
        return f"menos {cardinal(-n, feminine=feminine)}"
    if n == 0:
        return _UNITS[0]
    if n >= 10**LARGEST_CARDINAL_DIGITS:
        raise ValueError(f"{n} has no name in words")
    groups: list[tuple[int, int]] = []
    scale = 0
    rest = n
    while rest:
        rest, group = divmod(rest, 1000)
        if group:
            groups.append((scale, group))
        scale += 1
    said = [_group(group, scale, feminine) for scale, group in reversed(groups)]
    last = groups[0][1]
    if len(said) > 1 and (last < 100 or last % 100 == 0):
        return f"{' '.join(said[:-1])} e {said[-1]}"
    return " ".join(said)


def _group(group: int, scale: int, feminine: bool) -> str:
    """Return one group of three digits with its scale word."""
    if scale == 0:
        return _below_thousand(group, feminine)
    if scale == 1:
        return "mil" if group == 1 else f"{_below_thousand(group, feminine)} mil"
    # Milhão, bilhão... are masculine themselves, whatever is counted.
    name = _SCALES[scale]
    words = _below_thousand(group, feminine=False)
    return f"{words} {name if group == 1 else name.replace('ão', 'ões')}"


def _below_thousand(n: int, feminine: bool) -> str:
    if n == 100:
        return "cem"
    parts = []
    hundreds, rest = divmod(n, 100)
    if hundreds:
        name = _HUNDREDS[hundreds]
        parts.append(name.replace("entos", "entas") if feminine else name)
        if feminine and hundreds in (2, 3):
            parts[-1] = name.replace("zentos", "zentas")
    if rest >= 20:
        tens, rest = divmod(rest, 10)
        parts.append(_TENS[tens])
    if rest:
        unit = _UNITS[rest]
        parts.append(_FEMININE.get(unit, unit) if feminine else unit)
    return " e ".join(parts)


def takes_de(n: int) -> bool:
    """Return whether "de" stands before what is counted: dois milhões de reais."""
    return n >= 10**6 and n % 10**6 == 0


def ordinal(n: int, *, feminine: bool = False) -> str:
    """Return an ordinal in full: 15 -> "décimo quinto". Zero and beyond a million: the cardinal."""
    if not 0 < n < 10**6:
        return cardinal(n, feminine=feminine)
    thousands, below = divmod(n, 1000)
    parts = []
    if thousands:
        parts.append("milésimo" if thousands == 1 else f"{cardinal(thousands)} milésimo")
    hundreds, below = divmod(below, 100)
    tens, units = divmod(below, 10)
    for table, index in (
        (_ORDINAL_HUNDREDS, hundreds),
        (_ORDINAL_TENS, tens),
        (_ORDINAL_UNITS, units),
    ):
        if index:
            parts.append(table[index])
    said = " ".join(parts)
    if not feminine:
        return said
    return " ".join(
        w[:-1] + "a" if w.endswith("o") and w not in _UNITS else w for w in said.split()
    )


def fraction(numerator: int, denominator: int, *, feminine: bool = False) -> str:
    """Return a fraction: meio, três quartos, cinco dezesseis avos; "meia" with a feminine noun."""
    if (numerator, denominator) == (1, 2):
        return "meia" if feminine else "meio"
    if denominator in _DENOMINATORS:
        name = _DENOMINATORS[denominator]
    elif denominator <= 10:
        name = ordinal(denominator)
    else:
        return f"{cardinal(numerator)} {cardinal(denominator)} avos"
    return f"{cardinal(numerator)} {name}{'' if numerator == 1 else 's'}"


def say_scaled(number: Number, scale: str, *, feminine: bool = False) -> tuple[str, bool]:
    """Return the words of "1,5 milhão", and whether "de" stands before what is counted.

    Half a scale is said so: um milhão e meio, dois milhões e meio. Thousands become one number:
    1,5 mil is mil e quinhentos.
    """
    factor = SCALE_WORDS[scale]
    if factor == 1_000:
        digits = number.decimals.ljust(3, "0")
        if len(digits) == 3 and number.is_speakable and number.value < 10**6:
            value = number.value * 1_000 + int(digits)
            return cardinal(value, feminine=feminine), takes_de(value)
        return f"{say_number(number, feminine=feminine)} mil", False
    name = {10**6: "milh", 10**9: "bilh", 10**12: "trilh"}[factor]
    name += "ão" if number.is_singular else "ões"
    if number.decimals.rstrip("0") == "5" and number.value > 0:
        return f"{say_digits_or_cardinal(number.whole)} {name} e meio", True
    return f"{say_number(number)} {name}", True
