"""Sentence splitting."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.script.sentences import split_sentences

GOLDEN = Path(__file__).parent / "golden" / "sentences.tsv"
CASES = [
    line
    for line in GOLDEN.read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("# ")
]
PIECES = ["Dr.", "etc.", "Ana", "1.000", "3.14", '"', "“", "”", "(", ")", "...", "!", "?", ".", " "]


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    expected = [" ".join(sentence.split()) for sentence in case.split("¦")]
    assert split_sentences(case.replace("¦", " ")) == expected


def test_there_are_enough_golden_cases() -> None:
    assert len(CASES) >= 460


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_nothing_gives_no_sentence(text: str) -> None:
    assert split_sentences(text) == []


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map(" ".join)))
def test_sentences_rejoin_to_the_text(text: str) -> None:
    assert " ".join(split_sentences(text)) == " ".join(text.split())


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_sentence_is_blank(text: str) -> None:
    assert all(sentence.strip() for sentence in split_sentences(text))


@pytest.mark.parametrize(
    "unit", ["1", ".", "a.", "A. ", "“", '" ', "(", "Dr. ", "a. B", "!? ", "... "]
)
def test_time_is_linear_on_hostile_text(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    start = time.process_time()
    split_sentences(text)
    assert time.process_time() - start < 2.0


def test_a_stray_quotation_mark_does_not_swallow_the_lesson() -> None:
    text = "Ele disse “oi. " + "Uma frase inteira. " * 50
    assert len(split_sentences(text)) == 51
