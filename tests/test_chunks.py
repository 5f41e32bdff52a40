"""Segments to lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_tasks.errors import TextTooLongError, UnknownPhonemeError
from tts_tasks.marks import PHONEME_MARK, mark, without_phonemes
from tts_tasks.script import chunks
from tts_tasks.script.chunks import Line, has_speech
from tts_tasks.script.normalise import normalise, tidy
from tts_tasks.script.pauses import (
    AFTER_SEGMENT_S,
    AFTER_SENTENCE_S,
    BEFORE_HEADING_S,
    pause_between,
)
from tts_tasks.script.speaker import Said
from tts_tasks.values import Segment, Structure


def at_most(max_chars: int) -> Callable[[str], bool]:
    return lambda spoken: len(spoken) <= max_chars


@dataclass(frozen=True)
class Voice:
    """A voice made of two functions."""

    fits: Callable[[str], bool]
    speak: Callable[[str], str]

    def read(self, written: str) -> Said:
        return Said(self.speak(written), ())


def write_lines(
    segments: list[Segment], fits: Callable[[str], bool], speak: Callable[[str], str]
) -> list[Line]:
    return chunks.write_lines(segments, lambda _: Voice(fits, speak))


def lines_of(*texts: str, max_chars: int = 200) -> list[Line]:
    return write_lines([Segment(text) for text in texts], at_most(max_chars), normalise)


def without_spaces(text: str) -> str:
    return "".join(text.split())


def test_one_sentence_per_line_with_both_texts() -> None:
    lines = lines_of("Custa só R$ 5. Leva 2 aulas.")
    assert [(line.written, line.spoken) for line in lines] == [
        ("Custa só R$ 5.", "Custa só cinco reais."),
        ("Leva 2 aulas.", "Leva duas aulas."),
    ]


def test_editing_one_sentence_changes_one_line() -> None:
    before = {
        line.spoken
        for line in lines_of("Um gato dorme. Dois cães correm. Três aves cantam.", "Fim da aula.")
    }
    after = {
        line.spoken
        for line in lines_of("Um gato dorme. Dois ratos correm. Três aves cantam.", "Fim da aula.")
    }
    assert after - before == {"Dois ratos correm."}
    assert before - after == {"Dois cães correm."}


def test_inserting_a_sentence_changes_no_other_line() -> None:
    before = [line.spoken for line in lines_of("Um gato dorme. Três aves cantam.")]
    after = [line.spoken for line in lines_of("Um gato dorme. Dois cães correm. Três aves cantam.")]
    assert [line for line in after if line != "Dois cães correm."] == before


def test_a_heading_without_a_full_stop_is_a_line() -> None:
    lines = write_lines([Segment("Introdução", Structure.HEADING)], at_most(200), normalise)
    assert [(line.written, line.structure) for line in lines] == [("Introdução", Structure.HEADING)]


def test_pauses_follow_the_structure() -> None:
    segments = [
        Segment("Título", Structure.HEADING),
        Segment("Um gato dorme. Dois cães correm."),
        Segment("item", Structure.LIST_ITEM),
        Segment("último", Structure.LIST_ITEM),
        Segment("Outro", Structure.HEADING),
        Segment("Fim."),
    ]
    assert [line.pause_s for line in write_lines(segments, at_most(200), normalise)] == [
        AFTER_SEGMENT_S[Structure.HEADING],
        AFTER_SENTENCE_S,
        AFTER_SEGMENT_S[Structure.PARAGRAPH],
        AFTER_SEGMENT_S[Structure.LIST_ITEM],
        BEFORE_HEADING_S,
        AFTER_SEGMENT_S[Structure.HEADING],
        0.0,
    ]


def test_a_list_ends_with_the_pause_of_a_paragraph() -> None:
    paragraph_s = AFTER_SEGMENT_S[Structure.PARAGRAPH]
    assert pause_between(Structure.LIST_ITEM, Structure.PARAGRAPH) == paragraph_s
    assert pause_between(Structure.LIST_ITEM, Structure.LIST_ITEM) < paragraph_s


@pytest.mark.parametrize("silent", ["---", "...", "***", "👍", "“”"])
def test_what_cannot_be_said_gives_no_line_but_keeps_the_longer_pause(silent: str) -> None:
    segments = [
        Segment("item", Structure.LIST_ITEM),
        Segment(silent),
        Segment("item", Structure.LIST_ITEM),
    ]
    lines = write_lines(segments, at_most(200), normalise)
    assert [line.written for line in lines] == ["item", "item"]
    assert lines[0].pause_s == AFTER_SEGMENT_S[Structure.PARAGRAPH]


def test_only_silence_gives_no_lines() -> None:
    assert lines_of("---", "...") == []
    assert lines_of() == []


def test_long_sentences_are_cut_at_clauses() -> None:
    lines = lines_of("Primeiro abra o terminal, depois digite o comando, e por fim espere.",
                     max_chars=40)  # fmt: skip
    assert [line.written for line in lines] == [
        "Primeiro abra o terminal,",
        "depois digite o comando,",
        "e por fim espere.",
    ]


def test_semicolons_come_before_commas() -> None:
    lines = lines_of("um, dois e três bois; quatro, cinco e seis.", max_chars=30)
    assert [line.written for line in lines] == ["um, dois e três bois;", "quatro, cinco e seis."]


def test_without_clauses_words_are_kept_whole() -> None:
    lines = lines_of("palavra " * 20, max_chars=40)
    assert all(len(line.spoken) <= 40 for line in lines)
    assert all(set(line.written.split()) == {"palavra"} for line in lines)


def test_a_price_is_not_torn_apart() -> None:
    lines = lines_of("o curso completo sai por R$ 10 para todos os alunos", max_chars=30)
    assert any("dez reais" in line.spoken for line in lines)


def test_a_word_longer_than_the_limit_is_cut_hard() -> None:
    lines = lines_of("a" * 100, max_chars=30)
    assert [len(line.written) for line in lines] == [30, 30, 30, 10]


def test_the_limit_is_about_the_spoken_text() -> None:
    lines = lines_of("são 1.234.567 e 7.654.321 e 1.234.567 pessoas aqui hoje", max_chars=100)
    assert len(lines) > 1
    assert all(len(line.spoken) <= 100 for line in lines)


def test_a_character_that_does_not_fit_is_named() -> None:
    with pytest.raises(TextTooLongError, match="% alone is more") as caught:
        lines_of("x %", max_chars=8)
    assert caught.value.remedy


def test_a_limit_that_nothing_fits_ends() -> None:
    with pytest.raises(TextTooLongError, match="a alone is more than the voice can speak"):
        write_lines([Segment("abc")], lambda spoken: False, str)


def test_another_language_keeps_its_digits() -> None:
    lines = write_lines([Segment("It costs about $5. **Very cheap**!")], at_most(200), tidy)
    assert [line.spoken for line in lines] == ["It costs about $5.", "Very cheap !"]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abc ,;:.!?—1é", max_size=300), st.integers(1, 60))
def test_nothing_speakable_is_lost_or_doubled(text: str, max_chars: int) -> None:
    lines = write_lines([Segment(text)], at_most(max_chars), str)
    said = [character for line in lines for character in line.written if character.isalnum()]
    assert said == [character for character in text if character.isalnum()]
    assert all(len(line.spoken) <= max_chars for line in lines)
    assert all(has_speech(line.spoken) for line in lines)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["uma", "casa,", "bela;", "1.234", "R$ 9,90", "km/h", "e"])))
def test_written_parts_rejoin_to_the_text(words: list[str]) -> None:
    text = " ".join(words)
    lines = lines_of(text, max_chars=120)
    assert without_spaces("".join(line.written for line in lines)) == without_spaces(text)
    assert all(len(line.spoken) <= 120 for line in lines)


def test_a_long_text_without_any_mark_is_cut_in_little_time() -> None:
    calls = 0

    def count(text: str) -> str:
        nonlocal calls
        calls += 1
        return text

    lines = write_lines([Segment("palavra " * 12_000)], at_most(200), count)
    assert all(len(line.spoken) <= 200 for line in lines)
    assert calls < 20 * len(lines)


@pytest.mark.parametrize(("text", "expected"), [("a", True), ("1", True), ("é", True), ("", False),
                                                ("--- …", False), ("👍", False)])  # fmt: skip
def test_has_speech(text: str, expected: bool) -> None:
    assert has_speech(text) is expected


def test_a_sentence_that_fits_is_asked_about_once() -> None:
    asked: list[str] = []

    def fits(spoken: str) -> bool:
        asked.append(spoken)
        return True

    write_lines(
        [Segment("Um gato dorme. Dois cães correm."), Segment("---"), Segment("Fim")],
        fits,
        normalise,
    )
    assert asked == ["Um gato dorme.", "Dois cães correm.", "Fim"]


def test_what_fits_raises_passes() -> None:
    def fits(spoken: str) -> bool:
        raise UnknownPhonemeError("no such sound")

    with pytest.raises(UnknownPhonemeError):
        write_lines([Segment("Olá.")], fits, normalise)


@pytest.mark.parametrize("text", ["a" * 100_000, "ab " * 33_000, "ab, " * 25_000, 
                                  "[[a|/b. c/]]" * 8_000, "[[" * 50_000, "[[a" * 33_000,
                                  "[[" + "a" * 99_000])  # fmt: skip
def test_one_sentence_of_100_kb_costs_little(text: str) -> None:
    asked = said = 0

    def fits(spoken: str) -> bool:
        nonlocal asked
        asked += 1
        return len(spoken) <= 300

    def speak(written: str) -> str:
        nonlocal said
        said += len(written)
        return written

    lines = write_lines([Segment(text)], fits, speak)
    assert asked <= 25 * len(lines)
    assert said <= 30 * len(text)


def test_a_mark_shows_its_term_and_is_spoken_verbatim() -> None:
    text = "Use o [[Kaggle|/ˈkæɡ. əl: x/]] hoje. Depois descanse."
    lines = write_lines([Segment(text)], at_most(200), str)
    assert [(line.written, line.spoken) for line in lines] == [
        ("Use o Kaggle hoje.", "Use o [[Kaggle|/ˈkæɡ. əl: x/]] hoje."),
        ("Depois descanse.", "Depois descanse."),
    ]


def test_a_mark_alone_is_speech() -> None:
    [line] = write_lines([Segment("[[Kaggle|/ˈkæɡəl/]]")], at_most(200), str)
    assert (line.written, line.spoken) == ("Kaggle", "[[Kaggle|/ˈkæɡəl/]]")


@pytest.mark.parametrize("term", ["pandas", "Pandas"])
def test_a_mark_does_not_move_the_end_of_a_sentence(term: str) -> None:
    plain = f"Usamos numpy, etc. {term} é outro. Fim."
    marked = plain.replace(term, mark(term, "a. B"))
    shown = [line.written for line in write_lines([Segment(marked)], at_most(200), str)]
    assert shown == [line.written for line in write_lines([Segment(plain)], at_most(200), str)]


def test_a_mark_too_long_by_itself_is_named() -> None:
    long = mark("Kaggle", "a" * 300)
    with pytest.raises(TextTooLongError, match="Kaggle"):
        write_lines([Segment(f"O {long} abre.")], at_most(100), str)


def test_fits_sees_the_marks() -> None:
    lines = write_lines([Segment("um [[dois|/abcdefghij/]] três")], at_most(28), str)
    assert [line.spoken for line in lines] == ["um [[dois|/abcdefghij/]]", "três"]


def test_a_segment_may_hold_thousands_of_different_marks() -> None:
    marks = [mark(f"t{n}", f"f{n}") for n in range(3_000)]
    lines = write_lines([Segment(" ".join(marks))], at_most(100), str)
    assert " ".join(line.spoken for line in lines).split() == marks
    assert " ".join(line.written for line in lines).split() == [f"t{n}" for n in range(3_000)]


def test_a_text_may_hold_the_letters_that_stand_for_marks() -> None:
    text = f"{chr(0x20000)} [[A|/b/]] {chr(0x1D41A)} [[c|/d/]]"
    [line] = write_lines([Segment(text)], at_most(100), str)
    assert line.spoken == text
    assert line.written == without_phonemes(text)


TERMS = st.text(alphabet="aB1 .,:-é", min_size=1, max_size=8).filter(has_speech)
PHONEMES = st.text(alphabet='aˈə .:,;…!?—"(', min_size=1, max_size=12).filter(str.strip)
PIECES = st.one_of(
    st.text(alphabet='abC ,;:.!?—1é()["', max_size=30), st.builds(mark, TERMS, PHONEMES)
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=12).map(" ".join), st.integers(40, 90))
def test_marks_survive_whole_and_nothing_is_lost(text: str, max_chars: int) -> None:
    text = " ".join(text.split())
    lines = write_lines([Segment(text)], at_most(max_chars), str)
    wanted = [found[0] for found in PHONEME_MARK.finditer(text)]
    assert [m[0] for line in lines for m in PHONEME_MARK.finditer(line.spoken)] == wanted
    shown = [c for line in lines for c in line.written if c.isalnum()]
    assert shown == [c for c in without_phonemes(text) if c.isalnum()]
    for line in lines:
        assert line.written == without_phonemes(line.spoken)
        assert len(line.spoken) <= max_chars
