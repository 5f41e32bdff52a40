"""Written Portuguese to speakable Portuguese."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tts_tasks.script.normalise import normalise, tidy
from tts_tasks.settings import PROJECT

GOLDEN = Path(__file__).parent / "golden"


def read_cases(name: str) -> list[tuple[str, str]]:
    """Read (written, spoken) pairs; lines that start with "# " name a family."""
    lines = (GOLDEN / name).read_text(encoding="utf-8").splitlines()[1:]
    rows = (line.split("\t") for line in lines if line and not line.startswith("# "))
    return [(written, spoken) for written, spoken in rows]


GIVEN = read_cases("ptbr-cases.tsv")
OWN = [
    case
    for name in ("normalise.tsv", "quantities.tsv", "words.tsv")
    if (GOLDEN / name).exists()
    for case in read_cases(name)
]
WRITTEN = [written for written, _ in GIVEN + OWN]
TOKENS = [
    *WRITTEN, *"0123456789.,:;-–/%$€()[]\"“”ºª°²!?…@#&+=<>*_~|\\\n", "R$", "US$", "Dr.", "etc.",
    "km", "h", "http://", ".com", ".py", "mil", "milhões", "século", "XIV", "×", "½", "①", "👍",
    "^", "⁶", "2x", "D. ", "seg.", "min.", "p.m.", "pp", "1o", "2a", "0x", "I, II", "km/h", "às 0",
]  # fmt: skip
mixed_text = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(TOKENS), max_size=7).map("".join),
    st.lists(st.sampled_from(TOKENS), max_size=7).map(" ".join),
    st.text(alphabet="0123456789.,:-/hR$ %ºxkmABe'", max_size=25),
)
quick = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(("written", "spoken"), GIVEN + OWN)
def test_golden(written: str, spoken: str) -> None:
    assert normalise(written) == spoken


@pytest.mark.parametrize(("written", "spoken"), GIVEN + OWN)
def test_golden_words_are_left_alone(written: str, spoken: str) -> None:
    assert normalise(spoken) == spoken


def test_there_are_enough_golden_cases() -> None:
    assert len(OWN) >= 1_200


@quick
@given(mixed_text)
def test_is_idempotent(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@quick
@given(mixed_text)
def test_leaves_no_digit(text: str) -> None:
    assert not re.search(r"[0-9]", normalise(text))


@pytest.mark.parametrize("text", ["", " ", "\n", "...", "—", "👍", "\u0000\u200b"])
def test_nothing_to_say_stays_nothing(text: str) -> None:
    assert not any(map(str.isalnum, normalise(text)))


def test_sentence_punctuation_survives() -> None:
    assert normalise("São 10h. Custa R$ 5? Sim!") == "São dez horas. Custa cinco reais? Sim!"


def test_line_breaks_survive() -> None:
    assert normalise("2 aulas\n3 dias") == "duas aulas\ntrês dias"


@pytest.mark.parametrize("written", ["/a/³", "www.a³.com.br", "~/x²/b.py", "http://³/½"])
def test_raised_digits_in_a_path_or_address_are_no_numbers(written: str) -> None:
    assert normalise(normalise(written)) == normalise(written) != ""


def test_a_key_that_does_not_match_hides_no_shorter_one() -> None:
    assert normalise("sql server", {"SQL Server": "x", "sql": "síquel"}) == "síquel server"


def test_the_lexicon_wins_and_matches_whole_words() -> None:
    lexicon = {"git": "guit", "SQL": "síquel"}
    assert normalise("Git e GitHub usam SQL", lexicon) == "guit e GitHub usam síquel"


def test_a_lexicon_key_with_capitals_is_matched_exactly() -> None:
    assert normalise("ia e IA", {"IA": "inteligência artificial"}) == "ia e inteligência artificial"


@pytest.mark.parametrize(
    "unit",
    [
        "1", ".", "a.", "A.", "1.", "1,", ".000", "a/", "1/", "a-", "1-", "A ", "A", "_", "a_", "@",
        "a@", "http://", "R$ ", "R$1,", "(", '" ', " ", "1 ", "-", "1:", "1h", "www.", "a.com/",
        "M", "I ", "1º", "a\n", "--a ", "a+", "= ", "A1", "~/", "1x", "<", "e\u0301", "👩💻",
        "1 1/2", "^", "2^", "x^", "$", "$x", "2x + ", "2x", "1e", "|", "a|", "\\", "++", "--",
        "I, ", "I e ", "D. ", "R. A", "seg-", "seg. a ", "+1 ", "+1 (", "1o ", "2a ", "⁶", "1⁶",
        "%d", "km ", "km/", "0x", " / 1", "2 - ", "às 0", "liga 190 ",
    ],
)  # fmt: skip
def test_time_is_linear_on_hostile_text(unit: str) -> None:
    text = unit * (30_000 // len(unit))
    start = time.process_time()
    normalise(text)
    assert time.process_time() - start < 2.0


def test_a_hundred_kilobytes_of_lesson_take_under_a_second() -> None:
    text = (". ".join(WRITTEN) + ". O rato roeu a roupa do rei de Roma. ") * 20
    start = time.process_time()
    normalise(text[:100_000])
    # Measured 0.4 s on 2026-11-22 on a busy two-core machine; the margin is for slower ones.
    assert time.process_time() - start < 1.5


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**bold** and `code`", "bold and code"),
        ("one  two\nthree", "one two three"),
        ("10 km, $5", "10 km, $5"),
        ("snake_case", "snake case"),
        ("well-known — yes", "well-known — yes"),
        ("hi 👋", "hi"),
        ("---", ""),
    ],
)
def test_tidy_only_drops_what_no_voice_can_say(written: str, spoken: str) -> None:
    assert tidy(written) == spoken


def test_no_group_is_possessive() -> None:
    # Before Python 3.11.5 a possessive group may end in the middle of a repetition (gh-106052):
    # "1.200." was taken for "200.". On a character class it is right, and used.
    possessive_group = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+|\(\?>")
    for module in sorted((PROJECT / "tts_tasks").rglob("*.py")):
        for line in module.read_text(encoding="utf-8").splitlines():
            if line.lstrip().startswith(('r"', 'rf"')) or "re.compile(" in line:
                assert not possessive_group.search(line), f"{module.name}: {line}"


@pytest.mark.parametrize(
    ("written", "spoken"),
    [("ﬁcha ﬂor", "ficha flor"), ("Ｏｌａ ｍｕｎｄｏ", "Ola mundo")],
)
def test_letters_of_a_pdf_are_letters(written, spoken):
    assert normalise(written) == spoken
