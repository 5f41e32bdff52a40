"""What is said, and who said so: the author, the lexicon, the rules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.test_normalise import WRITTEN, mixed_text
from tts_tasks.marks import without_phonemes
from tts_tasks.request import UrlPolicy
from tts_tasks.script.hidden import shown
from tts_tasks.script.normalise import normalise
from tts_tasks.script.speaker import Speaker

LEXICON = {"deploy": "diplói", "Kaggle": "/ˈkæɡəl/", "linhas": "/lˈiɲas/", "pull request": "pul"}


def read(text: str, *, phonemes: bool = True, language: str = "pt-BR", **options):
    """Return what is said, and (written, said, rules) of each reading."""
    said = Speaker(language, LEXICON, phonemes=phonemes, **options).read(text)
    written, plain = shown(text), without_phonemes(said.spoken)
    rows = [
        (written[r.start : r.end], plain[r.spoken_start : r.spoken_end], r.rules)
        for r in said.readings
    ]
    return said.spoken, rows


def test_every_reading_names_its_rule_and_its_place():
    spoken, rows = read("Dia 22/11, o Dr. Ivo pagou R$ 5 por 2 alunas no deploy.")
    assert (
        spoken == "Dia vinte e dois de novembro, o doutor Ivo pagou cinco reais por duas alunas "
        "no diplói."
    )
    assert rows == [
        ("22/11", "vinte e dois de novembro", ("day and month",)),
        ("Dr.", "doutor", ("abbreviation",)),
        ("R$ 5", "cinco reais", ("money",)),
        ("2", "duas", ("number",)),
        ("deploy", "diplói", ("lexicon",)),
    ]


def test_the_author_comes_before_the_lexicon_and_the_lexicon_before_the_rules():
    spoken, rows = read("O [[publicar|deploy]] de 2 deploy, e o [[Kaggle|/a/]] e o Kaggle.")
    assert spoken == "O publicar de dois diplói, e o [[Kaggle|/a/]] e o [[Kaggle|/ˈkæɡəl/]]."
    assert [(written, rules) for written, _, rules in rows] == [
        ("deploy", ("author",)),
        ("2", ("number",)),
        ("deploy", ("lexicon",)),
        ("Kaggle", ("author",)),
        ("Kaggle", ("lexicon",)),
    ]


@pytest.mark.parametrize("order", ["[[Kaggle|/a/]]", "[[/a/|Kaggle]]"])
def test_phonemes_may_stand_in_either_order(order):
    assert read(f"O {order}.")[0] == "O [[Kaggle|/a/]]."
    assert read(f"O {order}.", phonemes=False)[0] == "O Kaggle."


def test_numbers_agree_with_terms_that_stand_unmarked_too():
    spoken, _ = read("2 linhas, 2 [[linhas|/a/]] e 2 [[aulas|/b/]] de linhas.")
    assert spoken == (
        "duas [[linhas|/lˈiɲas/]], duas [[linhas|/a/]] e duas [[aulas|/b/]] de [[linhas|/lˈiɲas/]]."
    )


def test_a_term_that_a_rule_reads_with_its_neighbours_stays_marked():
    assert read("São 2 [[GB|/ʒ/]].")[0] == "São dois [[GB|/ʒ/]]."
    assert read("São 2 GB.")[0] == "São dois gigabytes."


def test_a_mark_in_words_does_not_need_letters_in_what_is_written():
    assert read("Veja [[seta|→]] ali")[0] == "Veja seta ali"


def test_an_engine_without_phonemes_reads_the_terms():
    spoken, rows = read("2 linhas do [[2ª via|/a/]] no Kaggle.", phonemes=False)
    assert spoken == "duas linhas do segunda via no Kaggle."
    assert [written for written, *_ in rows] == ["2", "2ª"]


def test_urls_are_said_as_the_policy_wants():
    text = "Veja https://exemplo.com.br/a."
    assert read(text, urls=UrlPolicy.HOST)[0] == "Veja exemplo ponto com ponto bê erre."
    assert read(text, urls=UrlPolicy.SKIP)[0] == "Veja."
    assert "barra a" in read(text, urls=UrlPolicy.FULL)[0]


def test_another_language_keeps_its_digits():
    spoken, rows = read("It costs $5 👍 at Kaggle", language="en-US")
    assert spoken == "It costs $5 at [[Kaggle|/ˈkæɡəl/]]"
    assert rows[-1] == ("Kaggle", "Kaggle", ("lexicon",))


@pytest.mark.parametrize("written", WRITTEN)
def test_says_what_the_normaliser_says(written):
    assert Speaker("pt", {}, phonemes=False).say(written) == normalise(" ".join(written.split()))


@settings(max_examples=200, deadline=None)
@given(mixed_text)
def test_is_the_normaliser_with_a_memory(text):
    one_line = " ".join(text.split())
    if "[[" in one_line:
        return
    said = Speaker("pt", {}, phonemes=False).read(one_line)
    assert said.spoken == normalise(one_line)
    rebuilt, end = [], 0
    for reading in said.readings:
        assert reading.start >= end
        end = reading.end
        rebuilt.append(said.spoken[reading.spoken_start : reading.spoken_end])
    assert all(piece in said.spoken for piece in rebuilt)
