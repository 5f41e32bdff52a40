"""The terms that are said right without an author's help: data/lexicon/pt-BR.yaml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.test_normalise import GIVEN
from tts_tasks.engines.phoneme_table import VOCABULARY
from tts_tasks.engines.phonemes import phonemize
from tts_tasks.script.lexicon import (
    PROVIDERS,
    entries_in,
    phonemes_of,
    resolved,
    spoken_by,
    system_lexicon,
)
from tts_tasks.script.normalise import normalise
from tts_tasks.script.speaker import Speaker
from tts_tasks.script.tables import sequence
from tts_tasks.script.whole_words import clean_key, occurring, whole_words
from tts_tasks.settings import PROJECT

FOLDER = PROJECT / "data" / "lexicon"
LEXICON = system_lexicon(FOLDER, "pt-br")
SPOKEN = spoken_by(LEXICON, "kokoro")
WORDS = {term: said for term, said in SPOKEN.items() if phonemes_of(said) is None}
GOLDEN_FILE = Path(__file__).parent / "golden" / "lexicon-phonemes.tsv"
GOLDEN = [
    tuple(line.split("\t")) for line in GOLDEN_FILE.read_text(encoding="utf-8").splitlines()[1:]
]
UNSTRESSED = {"a", "tu"}
"""Words of one syllable that eSpeak NG leans on the next one."""

PROSE = [
    FOLDER.parent.parent / "tests" / "golden" / "lesson-pt.md",
    *sorted((PROJECT / "data" / "courses").glob("*/*.md")),
]
ORDINARY = sequence(
    """
    a à as ao até base bom cada case casa come como data de dado do dose e é ela ele em era essa
    for foi gente há hora if ir isso já lá lei ler mais mas me mesmo mate mole muito na nem no
    nota note nós o on os ou pai par para pare pede pela pelo pode pois por pose pote pra qual
    que real sai sala se sem ser sete sob sol some sua sul tal tão tem ter time tire toda todo
    tom tu um uma use vai vale vem ver vez via vida vive você volume vote modelo teste código
    linha livro lição curso tabela coluna campo ponto número função classe objeto método índice
    lista chave valor rede nuvem porta senha página tela botão texto fonte cor imagem vídeo
    áudio voz som
    """
)


def test_most_entries_are_plain_words() -> None:
    loaded = yaml.safe_load((FOLDER / "pt-BR.yaml").read_text(encoding="utf-8"))
    plain = {term for term, said in loaded.items() if isinstance(said, str)}
    assert all(isinstance(term, str) for term in loaded)
    assert len(plain) >= 600
    assert len(plain) > 0.9 * len(loaded)
    required = {"deploy", "machine learning", "framework", "cache", "Python", "API", "JSON"}
    assert required | {"GitHub", "python", "json", "github"} <= plain


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nothing_that_is_said_is_a_term_again(provider: str) -> None:
    told = spoken_by(LEXICON, provider)
    assert resolved(told) == told
    for term, said in told.items():
        assert [key for key in occurring(said, told) if key.lower() != said.lower()] == [], term


def test_every_entry_is_portuguese_that_the_rules_leave_alone() -> None:
    assert {said: normalise(said) for said in WORDS.values() if normalise(said) != said} == {}
    letters = re.compile(r"[a-zà-ú]+(?: [a-zà-ú]+)*")
    assert [said for said in WORDS.values() if not letters.fullmatch(said)] == []
    assert [term for term in LEXICON if term != clean_key(term)] == []


def test_the_rules_would_change_other_values() -> None:
    assert normalise("SQL 2") != "SQL 2"  # control


def test_golden() -> None:
    """A row that changes is to be heard again: ``narrate say-as --phonemes TERM``."""
    said = {term: (said, phonemize(said, "pt-br")) for term, said in WORDS.items()}
    assert said == {term: (respelling, phonemes) for term, respelling, phonemes in GOLDEN}
    assert {symbol for _, _, phonemes in GOLDEN for symbol in phonemes} <= set(VOCABULARY)


def test_the_golden_file_has_the_order_of_the_lexicon() -> None:
    assert [term for term, _, _ in GOLDEN] == list(WORDS)


def test_each_word_has_one_stress() -> None:
    for term, said, phonemes in GOLDEN:
        for word, sounds in zip(said.split(), phonemes.split(), strict=True):
            assert sounds.count("ˈ") == (word not in UNSTRESSED), (term, word)


@pytest.mark.parametrize(
    ("term", "phonemes"),
    [
        ("deploy", "ʤiplˈY"),
        ("cache", "kˈɛʃi"),
        ("machine learning", "mˌaʃˈini lˈeɾəniŋ"),
        ("API", "a pˈe ˈi"),
        ("site", "sˈIʧi"),
        ("hash", "xˈɛʃi"),
        ("GitHub", "ɡˈiʧi xˈæbi"),
    ],
)
def test_some_entries_as_brazilians_say_them(term: str, phonemes: str) -> None:
    assert phonemize(WORDS[term], "pt-br") == phonemes


def test_ordinary_portuguese_is_left_alone() -> None:
    assert occurring(" ".join(ORDINARY), WORDS) == []
    assert occurring(" ".join(ORDINARY).title(), WORDS) == []
    assert occurring(" ".join(ORDINARY).upper(), WORDS) == []
    assert occurring("o deploy", WORDS) == ["deploy"]  # control


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.stem)
def test_a_lesson_has_only_the_terms_that_are_meant(path: Path) -> None:
    meant = {"groupby", "matplotlib", "python", "Python", "plot", "pandas", "e-mail", "pip", "BI"}
    assert entries_in(path.read_text(encoding="utf-8"), LEXICON).keys() <= meant


def test_a_sentence_with_terms() -> None:
    text = "Faça o Deploy da API: git commit, pull request e cache do site. O time vai."
    assert whole_words(WORDS).replace(text, lambda term, _: WORDS[term]) == (
        "Faça o diplói da a pê i: guíti comíti, púu riquésti e quéchi do sáiti. O time vai."
    )


@pytest.mark.parametrize(("written", "spoken"), GIVEN)
def test_the_given_readings_hold_with_the_lexicon_too(written: str, spoken: str) -> None:
    entries = resolved(spoken_by(LEXICON, "espeak"))
    assert Speaker("pt-BR", entries, phonemes=False).say(written) == spoken
