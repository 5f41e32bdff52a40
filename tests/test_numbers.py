"""Number words."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from tts_tasks.script.numbers import (
    LARGEST_CARDINAL_DIGITS,
    cardinal,
    fraction,
    ordinal,
    parse_number,
    say_number,
    takes_de,
)

VALUES = {
    "zero": 0, "um": 1, "uma": 1, "dois": 2, "duas": 2, "três": 3, "quatro": 4, "cinco": 5,
    "seis": 6, "sete": 7, "oito": 8, "nove": 9, "dez": 10, "onze": 11, "doze": 12, "treze": 13,
    "catorze": 14, "quinze": 15, "dezesseis": 16, "dezessete": 17, "dezoito": 18, "dezenove": 19,
    "vinte": 20, "trinta": 30, "quarenta": 40, "cinquenta": 50, "sessenta": 60, "setenta": 70,
    "oitenta": 80, "noventa": 90, "cem": 100, "cento": 100, "duzentos": 200, "trezentos": 300,
    "quatrocentos": 400, "quinhentos": 500, "seiscentos": 600, "setecentos": 700,
    "oitocentos": 800, "novecentos": 900,
}  # fmt: skip
SCALES = ["mil", "milh", "bilh", "trilh", "quatrilh", "quintilh", "sextilh", "septilh"]


def read_back(words: str) -> int:
    """Read a cardinal by another road than the one that wrote it."""
    total = group = 0
    for word in words.split():
        stem = re.sub(r"(ão|ões)$", "", word)
        if word == "e":
            continue
        if stem in SCALES:
            total += max(group, 1) * 1000 ** (SCALES.index(stem) + 1)
            group = 0
        else:
            group += VALUES[re.sub(r"entas$", "entos", word)]
    return total + group


@given(st.integers(0, 10**24 - 1))
def test_cardinals_read_back(n: int) -> None:
    assert read_back(cardinal(n)) == n


def test_every_cardinal_below_ten_thousand_reads_back() -> None:
    assert [read_back(cardinal(n)) for n in range(10_000)] == list(range(10_000))


@given(st.integers(0, 10**24 - 1))
def test_cardinals_hold_no_comma_and_single_spaces(n: int) -> None:
    words = cardinal(n)
    assert "," not in words
    assert words == " ".join(words.split())


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (14, "catorze"),
        (16, "dezesseis"),
        (100, "cem"),
        (110, "cento e dez"),
        (999, "novecentos e noventa e nove"),
        (1_000, "mil"),
        (1_001, "mil e um"),
        (1_100, "mil e cem"),
        (1_101, "mil cento e um"),
        (2_200, "dois mil e duzentos"),
        (2_210, "dois mil duzentos e dez"),
        (100_000, "cem mil"),
        (101_000, "cento e um mil"),
        (1_000_000, "um milhão"),
        (1_000_100, "um milhão e cem"),
        (1_000_101, "um milhão cento e um"),
        (1_200_000, "um milhão e duzentos mil"),
        (1_200_300, "um milhão duzentos mil e trezentos"),
        (2_000_000_000, "dois bilhões"),
        (10**15, "um quatrilhão"),
        (-7, "menos sete"),
    ],
)
def test_cardinal(n: int, words: str) -> None:
    assert cardinal(n) == words


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (1, "uma"),
        (2, "duas"),
        (12, "doze"),
        (21, "vinte e uma"),
        (200, "duzentas"),
        (302, "trezentas e duas"),
        (500, "quinhentas"),
        (1_900, "mil e novecentas"),
        (2_000, "duas mil"),
        (2_000_000, "dois milhões"),
        (2_002_002, "dois milhões duas mil e duas"),
    ],
)
def test_feminine_cardinal(n: int, words: str) -> None:
    assert cardinal(n, feminine=True) == words


@pytest.mark.parametrize(
    ("n", "masculine", "feminine"),
    [
        (1, "primeiro", "primeira"),
        (8, "oitavo", "oitava"),
        (10, "décimo", "décima"),
        (15, "décimo quinto", "décima quinta"),
        (22, "vigésimo segundo", "vigésima segunda"),
        (50, "quinquagésimo", "quinquagésima"),
        (99, "nonagésimo nono", "nonagésima nona"),
        (100, "centésimo", "centésima"),
        (345, "trecentésimo quadragésimo quinto", "trecentésima quadragésima quinta"),
        (1_000, "milésimo", "milésima"),
        (1_500, "milésimo quingentésimo", "milésima quingentésima"),
    ],
)
def test_ordinal(n: int, masculine: str, feminine: str) -> None:
    assert ordinal(n) == masculine
    assert ordinal(n, feminine=True) == feminine


@pytest.mark.parametrize(
    ("numerator", "denominator", "words"),
    [
        (1, 2, "um meio"),
        (3, 2, "três meios"),
        (1, 3, "um terço"),
        (2, 3, "dois terços"),
        (3, 4, "três quartos"),
        (7, 10, "sete décimos"),
        (1, 12, "um doze avos"),
        (5, 16, "cinco dezesseis avos"),
        (3, 20, "três vinte avos"),
        (1, 100, "um centésimo"),
        (9, 1000, "nove milésimos"),
    ],
)
def test_fraction(numerator: int, denominator: int, words: str) -> None:
    expected = "meio" if words == "um meio" else words
    assert fraction(numerator, denominator) == expected


def test_half_agrees() -> None:
    assert fraction(1, 2, feminine=True) == "meia"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("1.234,05", "mil duzentos e trinta e quatro vírgula zero cinco"),
        ("3.14", "três ponto catorze"),
        ("0,10", "zero vírgula dez"),
        ("2,00", "dois vírgula zero zero"),
        ("007", "zero zero sete"),
        ("1,1234567", "um vírgula um dois três quatro cinco seis sete"),
    ],
)
def test_written_numbers(written: str, words: str) -> None:
    assert say_number(parse_number(written)) == words


def test_round_millions_take_de() -> None:
    assert takes_de(2_000_000)
    assert not takes_de(2_000_001)
    assert not takes_de(500_000)
    assert not takes_de(0)


def test_numbers_without_a_name_are_said_digit_by_digit() -> None:
    digits = "1" * (LARGEST_CARDINAL_DIGITS + 1)
    assert say_number(parse_number(digits)) == " ".join(["um"] * len(digits))
    with pytest.raises(ValueError, match="has no name"):
        cardinal(int(digits))


_SCALE = r"(?:mil(?:h(?:ão|ões))?|(?:b|tr|quatr)ilh(?:ão|ões))"

_HUNDREDS = r"(?:cem|duzentos|trezentos|quinhentos|\w+centos)"

NUM2WORDS_FAULTS: dict[str, tuple[int, Callable[[str], str]]] = {
    "a comma between groups": (1_101, lambda said: said.replace(",", "")),
    "e before a group that is not the last": (
        1_001_101,
        lambda said: re.sub(rf"({_SCALE}) e (?=(?:(?!{_SCALE}\b)\w+ )*{_SCALE} \w)", r"\1 ", said),
    ),
    "no e before a last group of hundreds of millions": (
        1_200_000_000,
        lambda said: re.sub(rf"({_SCALE}) (?={_HUNDREDS} {_SCALE}$)", r"\1 e ", said),
    ),
}
"""What num2words 0.5.14 says otherwise in cardinals: a number that shows it, and what mends it.

In this order. "E" joins the last group only, when it is below one hundred or a whole number of
hundreds. Source: Manual de Redação da Presidência da República, 3rd edition, "numerais".
"""

NUM2WORDS_ORDINALS = {
    "tricentésimo": "trecentésimo",
    "quadrigentésimo": "quadringentésimo",
    "seiscentésimo": "sexcentésimo",
    "septigentésimo": "septingentésimo",
    "octigentésimo": "octingentésimo",
}
"""Its spellings of hundreds that are rarer than those of the grammars, or wrong."""


def mended(n: int) -> str:
    """Return num2words' cardinal without its known faults."""
    said: str = num2words(n, lang="pt_BR")
    for _, mend in NUM2WORDS_FAULTS.values():
        said = mend(said)
    return said


def many_cardinals() -> list[int]:
    """Return all numbers up to a million, and 2,000 larger ones."""
    rng = random.Random(20261122)
    larger = [rng.randrange(10**6, 10 ** rng.randrange(7, 16)) for _ in range(1_000)]
    groups = (0, 0, 1, 7, 21, 99, 100, 101, 200, 999)
    with_round_groups = [
        sum(rng.choice(groups) * 1_000**scale for scale in range(5)) for _ in range(1_000)
    ]
    return [*range(10**6 + 1), *larger, *with_round_groups]


def test_cardinals_agree_with_num2words() -> None:
    differences = {
        n: (cardinal(n), mended(n)) for n in many_cardinals() if cardinal(n) != mended(n)
    }
    assert not differences


def test_num2words_still_has_its_faults() -> None:
    for position, (n, mend) in enumerate(NUM2WORDS_FAULTS.values()):
        said = num2words(n, lang="pt_BR")
        for _, earlier in list(NUM2WORDS_FAULTS.values())[:position]:
            said = earlier(said)
        assert mend(said) != said


def test_ordinals_agree_with_num2words() -> None:
    for n in range(1, 1_000):
        said = num2words(n, lang="pt_BR", to="ordinal")
        hundreds, *rest = said.split()
        assert ordinal(n) == " ".join([NUM2WORDS_ORDINALS.get(hundreds, hundreds), *rest])


@pytest.mark.parametrize("spelling", NUM2WORDS_ORDINALS)
def test_num2words_still_has_its_spellings(spelling: str) -> None:
    said = {num2words(n, lang="pt_BR", to="ordinal") for n in range(100, 1_000, 100)}
    assert spelling in said
