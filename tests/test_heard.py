"""What of a text was heard: alignment, runs of words, error rate."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.mastering.heard import Heard, align, compare, words_of
from tts_tasks.script.normalise import normalise

SENTENCES = (
    "Nesta aula vamos aprender o que é uma variável e como criar funções.",
    "Os testes automatizados são importantes para a qualidade do código.",
    "O preço do livro é de mil duzentos e trinta e quatro reais.",
)
TEXT = " ".join(SENTENCES)

few_words = st.lists(st.sampled_from(["o", "de", "casa", "caso", "livro", "livros"]), max_size=12)


def test_the_same_words_are_heard_whatever_their_spelling():
    heard = compare("Olá, João: é amanhã, segunda-feira.", "ola joão É AMANHA segunda feira")
    assert heard == Heard(wer=0.0)


def test_what_is_written_in_digits_is_heard_as_words():
    assert compare("mil duzentos e trinta reais", "R$ 1.230,00", normalise=normalise).wer == 0.0
    assert compare("mil duzentos e trinta reais", "R$ 1.230,00").missing


@pytest.mark.parametrize(
    ("heard", "missing", "extra"),
    [
        (TEXT, (), ()),
        (" ".join(SENTENCES[::2]), (SENTENCES[1],), ()),
        (SENTENCES[0], (f"{SENTENCES[1]} {SENTENCES[2]}",), ()),
        ("", (TEXT,), ()),
        (f"{SENTENCES[0]} {TEXT}", (), (SENTENCES[0],)),
        (TEXT.replace("vamos aprender", "vão aprender"), (), ()),
        (TEXT.replace("automatizados são ", ""), (), ()),
    ],
    ids=["all", "sentence", "two sentences", "nothing", "twice", "a word wrong", "two words"],
)
def test_runs_of_words_are_found(heard, missing, extra):
    found = compare(TEXT, heard)
    assert found.missing == tuple(" ".join(words_of(run)) for run in missing)
    assert found.extra == tuple(" ".join(words_of(run)) for run in extra)


def test_babble_instead_of_a_sentence_is_missing_and_extra():
    babble = "quando chove muito ninguém sai cedo pela rua vazia hoje"
    found = compare(TEXT, f"{SENTENCES[0]} {babble} {SENTENCES[2]}")
    assert found.missing
    assert found.extra


def test_little_words_in_common_do_not_hide_another_text():
    said = "Ela anota o que vende, o que joga fora e como estava o tempo."
    heard = "Ele queria uma linguagem que se lesse quase como texto."
    found = compare(said, heard)
    assert found.missing or found.extra


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("Por que páiton", "Porque Python?"),
        ("contar o que descobrimos a quem decide", "contar o que descobrimos aqui em Decide"),
        ("machíni lêrnim com sáiquiti lêrni hoje", "machine learning com scikit-learn hoje"),
    ],
)
def test_words_that_are_only_misheard_fail_nothing(said, heard):
    found = compare(said, heard)
    assert (found.missing, found.extra) == ((), ())
    assert found.wer > 0.2


def test_a_short_text_is_missing_as_a_whole():
    assert compare("Vamos lá.", "").missing == ("vamos la",)
    assert compare("Vamos lá.", "vamos").missing == ()
    assert compare("Ok.", "okay").missing == ()
    assert compare("Resumo", "Dicas").missing == ("resumo",)


def test_the_error_rate_counts_every_word():
    assert compare("um dois três quatro", "um dos três").wer == 0.5
    assert compare("um", "um dois três").wer == 2.0
    assert compare("", "").wer == 0.0


@given(few_words, few_words)
def test_an_alignment_has_every_word_once_and_no_error_too_many(said, heard):
    pairs = align(said, heard)
    assert [one for one, _ in pairs if one] == said
    assert [other for _, other in pairs if other] == heard
    n_errors = sum(one != other for one, other in pairs)
    assert n_errors <= max(len(said), len(heard))
    assert n_errors >= abs(len(said) - len(heard))
    assert n_errors == sum(one != other for one, other in align(heard, said))


def test_errors_are_as_few_as_another_program_finds():
    jiwer = pytest.importorskip("jiwer", reason="pip install '.[asr]'")
    rng = random.Random(3)
    words = words_of(TEXT)
    for _ in range(50):
        heard = [word for word in words if rng.random() > 0.2]
        heard = [rng.choice(words) if rng.random() < 0.2 else word for word in heard]
        expected = jiwer.wer(" ".join(words), " ".join(heard))
        assert compare(TEXT, " ".join(heard)).wer == pytest.approx(expected, abs=1e-4)


def test_pairs_are_spelled_alike_where_there_is_a_choice():
    assert align(["livros", "novos"], ["livro"]) == [("livros", "livro"), ("novos", None)]
    assert align(["novos", "livros"], ["livro"]) == [("novos", None), ("livros", "livro")]
