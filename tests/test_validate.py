"""A request to lines: marks and the lexicon, with engines that speak phonemes and others."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_tasks.errors import EmptyTextError, SourceError, TextTooLongError
from tts_tasks.marks import PHONEME_MARK, mark, without_phonemes
from tts_tasks.request import CodePolicy, Markup, NarrationRequest, Policies
from tts_tasks.script.chunks import Line
from tts_tasks.script.speaker import Speaker
from tts_tasks.script.validate import Narrator, validate

LEXICON = {"deploy": "diplói", "Kaggle": "/ˈkæɡəl/", "SQL": "/ɛskjuːˈɛl/"}


def lines_of(
    text: str,
    *,
    markdown: bool = False,
    language: str = "pt-BR",
    lexicon: Mapping[str, str] | None = None,
    phonemes: bool = True,
    max_chars: int = 500,
) -> list[Line]:
    request = NarrationRequest(
        text,
        Path("x.mp3"),
        markup=Markup.MARKDOWN if markdown else Markup.TEXT,
        lexicon=lexicon or {},
        max_chars=200_000,
    )
    narrator = Narrator(language, lambda spoken: len(spoken) <= max_chars, phonemes=phonemes)
    return validate(request, lambda _: narrator)


def spoken(text: str, **options) -> list[str]:
    return [line.spoken for line in lines_of(text, **options)]


def test_numbers_agree_with_a_term_that_has_phonemes() -> None:
    said = spoken("2 [[xícaras|/ʃˈikaɾas/]] e 21 linhas.", lexicon={"linhas": "/lˈiɲas/"})
    assert said == ["duas [[xícaras|/ʃˈikaɾas/]] e vinte e uma [[linhas|/lˈiɲas/]]."]


def test_a_mark_stays_the_one_that_the_author_meant() -> None:
    assert spoken("Abra o git, o [[git|/ɡˈit/]] e a [[2ª via|/seɡˈũdɐ/]].") == [
        "Abra o git, o [[git|/ɡˈit/]] e a [[2ª via|/seɡˈũdɐ/]]."
    ]


@pytest.mark.parametrize("markdown", [False, True])
def test_a_mark_is_spoken_by_engines_with_phonemes_and_read_by_others(markdown: bool) -> None:
    text = "O [[Kaggle|/ˈkæɡəl/]] custa R$ 2,00. É o fim dela."
    [with_phonemes, _] = lines_of(text, markdown=markdown)
    assert with_phonemes.written == "O Kaggle custa R$ 2,00."
    assert with_phonemes.spoken == "O [[Kaggle|/ˈkæɡəl/]] custa dois reais."
    [without, _] = lines_of(text, markdown=markdown, phonemes=False)
    assert without.written == "O Kaggle custa R$ 2,00."
    assert without.spoken == "O Kaggle custa dois reais."


def test_without_phonemes_a_term_is_normalised_like_any_word() -> None:
    assert spoken("São [[R$ 5|/x/]].", phonemes=False) == spoken("São R$ 5.", phonemes=False)
    assert spoken("São [[2|/x/]] aulas.", phonemes=False) == ["São duas aulas."]


AS_MARKDOWN = [
    ("# O {}", ["O {}"]),
    ("- um {}\n- dois", ["um {}", "dois"]),
    ("> O {} abre.", ["O {} abre."]),
    ("**{}** e *{}*", ["{} e {}"]),
    ("| a | b |\n|---|---|\n| {} | c |", ["a: {}; b: c."]),
    ("| {} | b |\n|---|---|\n| a | c |\n| d | e |", ["{}: a; b: c.", "{}: d; b: e."]),
    ("[o {} aqui](http://x.y)", ["o {} aqui"]),
    ("[{}](http://x.y)", ["{}"]),
    ("![{}](x.png)", ["{}"]),
    ("<div>O {} abre</div>", ["O {} abre"]),
    ("O `{}` abre", ["O {} abre"]),
    ("um\n{}\ndois", ["um {} dois"]),
    ("- [ ] {}", ["{}"]),
]


@pytest.mark.parametrize(("source", "said"), AS_MARKDOWN)
@pytest.mark.parametrize("phonemes", ["ˈkæɡəl", "a. B: *c* _d_ <e> `f` ~~g~~ &amp; \\"])
def test_marks_in_markdown(source: str, said: list[str], phonemes: str) -> None:
    whole = mark("Kaggle", phonemes)
    lines = lines_of(source.replace("{}", whole), markdown=True, language="en")
    assert [line.spoken for line in lines] == [one.replace("{}", whole) for one in said]
    assert [line.written for line in lines] == [one.replace("{}", "Kaggle") for one in said]


@pytest.mark.parametrize(
    ("source", "spoken_as"),
    [
        ("[[**Kaggle**|/a/]]", "[[Kaggle|/a/]]"),
        ("[[R&amp;D|/a/]]", "[[R&D|/a/]]"),
        ("| x |\n|---|\n| [[Kaggle\\|/a/]] |", "x: [[Kaggle|/a/]]."),
        ("[[Google\nColab|/a\nb/]]", "[[Google Colab|/a b/]]"),
    ],
)
def test_a_term_is_shown_without_its_markup(source: str, spoken_as: str) -> None:
    assert spoken(source, markdown=True) == [spoken_as]


def test_marks_in_code_are_left_out_with_it() -> None:
    assert spoken("Oi.\n\n```\n[[a|/b/]] [[c|/d\n```\n", markdown=True) == ["Oi."]


def test_a_text_of_one_mark_is_speech() -> None:
    assert spoken("[[Kaggle|/a/]]") == ["[[Kaggle|/a/]]"]
    assert spoken("[[Kaggle|/a/]]", phonemes=False) == ["Kaggle"]


@pytest.mark.parametrize("markdown", [False, True])
@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ("[[term|/abc]]", "not between two slashes"),
        ("[[term|/abc/ ]]", "not between two slashes"),
        ("[[term| /abc/]]", "not between two slashes"),
        ("[[term|/a/b/]]", "not between two slashes"),
        ("[[a [b] c|/d/]]", "not between two slashes"),
        ("[[term|//]]", "not between two slashes"),
        ("[[term|/ /]]", "has no phonemes"),
        ("[[|/a/]]", "its term has no letter or digit"),
        ("[[!|/a/]]", "its term has no letter or digit"),
        ("[[term|/a/", 'its "]]" is missing'),
        ("[[term|/a/] e", 'its "]]" is missing'),
        ("[[term|\u200b/a/]]", "not between two slashes"),
    ],
)
def test_a_broken_mark_is_named(broken: str, problem: str, markdown: bool) -> None:
    for text in (f"O {broken}", f"O [[bom|/b/]] e {broken} abre."):
        with pytest.raises(SourceError, match=problem) as caught:
            lines_of(text, markdown=markdown)
        assert " ".join(broken.replace("\u200b", "").split())[:9] in str(caught.value)
        assert "[[term|/phonemes/]]" in str(caught.value)


def test_a_broken_mark_in_a_table_is_named() -> None:
    with pytest.raises(SourceError, match="begins like a mark"):
        lines_of("| a | b |\n|---|---|\n| [[term|/a/ | c |", markdown=True)


def test_a_mark_does_not_reach_over_paragraphs() -> None:
    for markdown in (False, True):
        with pytest.raises(SourceError, match="is missing"):
            lines_of("Um [[a|/b\n\nc/]] dois", markdown=markdown)


@pytest.mark.parametrize(
    "text", ["[[1, 2], [3, 4]]", "Veja [[x]].", "a[[0]]", "[[", "a]] | /b/",
             "[[a]] | /b", "[a|/b/]"]
)  # fmt: skip
@pytest.mark.parametrize("markdown", [False, True])
def test_other_double_brackets_are_ordinary_text(text: str, markdown: bool) -> None:
    [line] = lines_of(f"Oi {text}", markdown=markdown)
    assert line.written == f"Oi {text}"
    assert PHONEME_MARK.search(line.spoken) is None


def test_the_limit_counts_the_text_as_the_author_wrote_it() -> None:
    text = "[[a|/b/]]"
    request = NarrationRequest(text, Path("x.mp3"), max_chars=len(text))
    narrator = Narrator("pt-BR", lambda spoken: True, phonemes=True)
    assert validate(request, lambda _: narrator)
    too_long = NarrationRequest(text + ".", Path("x.mp3"), max_chars=len(text))
    with pytest.raises(TextTooLongError):
        validate(too_long, lambda _: narrator)
    with pytest.raises(EmptyTextError):
        validate(NarrationRequest("[[]]", Path("x.mp3")), lambda _: narrator)


@pytest.mark.parametrize("language", ["pt-BR", "en-US"])
def test_the_lexicon_is_applied_in_every_language(language: str) -> None:
    options = {"lexicon": LEXICON, "language": language}
    [line] = lines_of("Deploy, Kaggle, kaggle, SQLite, redeploy.", **options)
    assert line.written == "Deploy, Kaggle, kaggle, SQLite, redeploy."
    assert line.spoken.startswith("diplói, [[Kaggle|/ˈkæɡəl/]], kaggle, ")
    assert "redeploy" in line.spoken
    assert "[[SQL" not in line.spoken
    assert spoken("Kaggle deploy.", **options, phonemes=False) == ["Kaggle diplói."]


def test_a_small_key_marks_the_term_as_written() -> None:
    assert spoken("KAGGLE", lexicon={"kaggle": "/x/"}) == ["[[KAGGLE|/x/]]"]


def test_phonemes_that_cannot_be_spoken_leave_the_term_as_usual() -> None:
    said = spoken("O SQL.", lexicon=LEXICON, phonemes=False)
    assert said == spoken("O SQL.", phonemes=False)


@pytest.mark.parametrize("phonemes", [False, True])
def test_marks_win_over_the_lexicon(phonemes: bool) -> None:
    lexicon = {"kaggle": "quégou", "google kaggle": "x", "b": "bê"}
    [said] = spoken("[[Kaggle|/a b/]] e kaggle", lexicon=lexicon, phonemes=phonemes)
    assert said == ("[[Kaggle|/a b/]] e quégou" if phonemes else "quégou e quégou")


def test_the_lexicon_moves_no_caption() -> None:
    text = "Veja o Yahoo! Finance. Depois o Dr. Silva, etc. deploy. Fim."
    lexicon = {"Yahoo! Finance": "/a. b/", "deploy": "Diplói. Ei", "Dr.": "/x/"}
    assert [line.written for line in lines_of(text, lexicon=lexicon)] == [
        line.written for line in lines_of(text)
    ]


def test_the_longest_entry_wins() -> None:
    lexicon = {"power bi": "/x/", "BI": "bi-ai", "Power BI Pro": "pro"}
    said = spoken("Power BI, BI, Power BI Pro, bi.", lexicon=lexicon)
    assert said == ["[[Power BI|/x/]], bi-ai, pro, bi."]


def test_editing_an_entry_changes_only_the_sentences_with_its_word() -> None:
    text = "Faça o deploy. Abra o Kaggle. É o fim dela. Outro deploy aqui."
    before = spoken(text, lexicon=LEXICON)
    after = spoken(text, lexicon={**LEXICON, "deploy": "/x/"})
    assert [old == new for old, new in zip(before, after, strict=True)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_broken_lexicon_is_refused() -> None:
    with pytest.raises(SourceError, match="single slash"):
        lines_of("Oi.", lexicon={"Kaggle": "/x"})


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="[]|/a1 ,.\\*\u200b", max_size=30), st.sampled_from(["pt", "en"]))
def test_no_other_text_becomes_a_mark(text: str, language: str) -> None:
    text = " ".join(f"[[b|/c/]] {text} [[d|/e/]]".split())
    try:
        lines = lines_of(text, language=language)
    except SourceError:
        return
    marks = [found[0] for line in lines for found in PHONEME_MARK.finditer(line.spoken)]
    assert marks == [found[0] for found in PHONEME_MARK.finditer(text)]
    assert not any(PHONEME_MARK.search(line.written) for line in lines)


WORDS = st.sampled_from(["casa", "deploy,", "Kaggle", "R$ 5", "2", "km.", "Fim.", "(SQL)", "etc.",
                         "[[Kaggle|/a. b: c/]]", "[[etc.|/x/]]", "Dr.", "é!"])  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, min_size=1), st.booleans(), st.sampled_from(["pt-BR", "en"]))
def test_captions_are_the_text_without_marks(words: list[str], phonemes: bool, tag: str) -> None:
    text = " ".join(words)
    lines = lines_of(text, lexicon=LEXICON, phonemes=phonemes, language=tag, max_chars=60)
    assert " ".join(line.written for line in lines).split() == without_phonemes(text).split()
    assert all(len(line.spoken) <= 60 for line in lines)
    said = " ".join(line.spoken for line in lines)
    marks = [found[0] for found in PHONEME_MARK.finditer(said)]
    if not phonemes:
        assert "|" not in said
        return
    authors = [word for word in words if word.startswith("[[")]
    assert [one for one in marks if one in authors] == authors
    assert len(marks) == len(authors) + words.count("Kaggle") + words.count("(SQL)")


def test_a_long_lesson_with_marks_and_a_lexicon_takes_little_time() -> None:
    text = "O [[Kaggle|/ˈkæɡəl/]] custa R$ 2,00 e o deploy do SQL também. " * 1_500
    started = time.process_time()
    lines = lines_of(text, markdown=True, lexicon={**LEXICON, **{f"x{n}": "y" for n in range(999)}})
    assert len(lines) == 1_500
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("text", "captions", "said"),
    [
        ("Use `vozes[voice]` aqui.", ["Use vozes[voice] aqui."], "Use vozes voice aqui."),
        ("Escreva `[pausa 2s]` no texto.", ["Escreva [pausa 2s] no texto."], None),
        ("Texto [pausa 2s](risos) fim.", ["Texto", "(risos) fim."], None),
        ("[pausa 2s]: https://a.com x", [": https://a.com x"], None),
        ("[voz x](Aplausos)[/voz] e fim.", ["(Aplausos)", "e fim."], None),
        ("Pergunta [pausa 1s]? Resposta.", ["Pergunta?", "Resposta."], None),
    ],
)
def test_code_and_links_are_not_taken_for_directives(text, captions, said) -> None:
    lines = lines_of(text, markdown=True)
    assert [line.written for line in lines] == captions
    assert said is None or lines[0].spoken == said


def test_code_that_is_read_is_read_as_it_stands() -> None:
    request = NarrationRequest(
        "```\nx = vozes[voice] | a[[0|1]]\n```\n",
        Path("x.mp3"),
        markup=Markup.MARKDOWN,
        policies=Policies(code=CodePolicy.READ),
    )
    narrator = Narrator("pt-BR", lambda spoken: True)
    [line] = validate(request, lambda _: narrator)
    assert line.written == "x = vozes[voice] | a[[0|1]]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3 [[m|emes]] aqui", "três m aqui"),
        ("linha 2 [[h|agá]] fim", "linha dois h fim"),
        ("5 [[ka gê|kg]] de pão", "cinco ka gê de pão"),
        ("Veja [[seta|→]] ali", "Veja seta ali"),
        ("Custa R$ 5, [[ou não|?]]", "Custa cinco reais, ou não"),
    ],
)
def test_the_authors_words_are_said_as_they_are(text: str, said: str) -> None:
    assert spoken(text, phonemes=False) == [said]


@pytest.mark.parametrize("unit", ["deploy ", "deploy-", "1,5 ", "SQL/", "👍 a ", "[[a|b]] "])
def test_time_is_linear_in_what_the_lexicon_knows(unit: str) -> None:
    speaker = Speaker("pt", {"deploy": "diplói"}, phonemes=False)
    start = time.process_time()
    speaker.say(unit * (60_000 // len(unit)))
    assert time.process_time() - start < 4.0
