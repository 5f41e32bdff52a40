from __future__ import annotations

import io
from datetime import timedelta

import pytest
import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.errors import TextTooLongError
from tts_tasks.mastering.captions import split_caption, to_srt, to_vtt
from tts_tasks.values import Cue

LONG = (
    "Uma variável é um nome que aponta para um valor; quando o valor muda, o nome continua o "
    "mesmo, e é por isso que escolher bons nomes importa tanto: quem lê o código depois de você, "
    "talvez você mesmo, agradece."
)


def texts(captions) -> str:
    return " ".join(" ".join(caption.text.split()) for caption in captions)


def read_vtt(text: str) -> list:
    return list(webvtt.from_string(text))


def test_a_short_sentence_is_one_caption_in_both_formats() -> None:
    cues = [Cue(0.0, 1.5, "Olá, mundo."), Cue(1.9, 3.0, "Preço: R$ 1.234,56!")]
    assert to_vtt(cues, 3.3).startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOlá, mundo.\n")
    (first, second) = srt.parse(to_srt(cues, 3.3))
    assert (first.index, first.content) == (1, "Olá, mundo.")
    assert second.start == timedelta(seconds=1.9)
    assert second.end == timedelta(seconds=3)


def test_a_long_sentence_becomes_captions_of_two_lines_that_share_its_time() -> None:
    captions = read_vtt(to_vtt([Cue(2.0, 16.0, LONG)], 20))
    assert texts(captions) == LONG
    assert len(captions) >= 3
    for caption in captions:
        assert len(caption.lines) <= 2
        assert all(len(line) <= 42 for line in caption.lines)
    for caption in srt.parse(to_srt([Cue(2.0, 16.0, LONG)], 20)):
        seconds = (caption.end - caption.start).total_seconds()
        assert seconds == pytest.approx(14 * len(caption.content) / len(LONG), rel=0.05)
    assert captions[0].start == "00:00:02.000"
    assert captions[-1].end == "00:00:16.000"


def test_breaks_lie_at_sentences_and_clauses() -> None:
    text = "Primeiro, abra o terminal na pasta do projeto. Depois, ative o ambiente e instale tudo."
    assert [" ".join(lines) for lines in split_caption(text)] == [
        "Primeiro, abra o terminal na pasta do projeto.",
        "Depois, ative o ambiente e instale tudo.",
    ]


def test_markup_and_arrows_are_escaped_in_vtt() -> None:
    cues = [Cue(0, 2, "List<int> a & b --> c"), Cue(2, 3, "fim")]
    text = to_vtt(cues, 4)
    assert "List&lt;int&gt; a &amp; b --&gt; c" in text
    assert len(read_vtt(text)) == 2
    assert next(srt.parse(to_srt(cues, 4))).content == "List<int> a & b --> c"


def test_blank_lines_and_control_characters_cannot_break_the_file() -> None:
    cues = [Cue(0, 2, "um\n\n00:00:01.000 --> 00:00:02.000\n\x00dois\r\n\u2028três")]
    (caption,) = read_vtt(to_vtt(cues, 4))
    assert texts([caption]) == "um 00:00:01.000 --&gt; 00:00:02.000 dois três"
    assert len(list(srt.parse(to_srt(cues, 4)))) == 1


def test_a_word_longer_than_a_line_is_broken() -> None:
    parts = split_caption("https://" + "a" * 200)
    assert all(len(line) <= 42 for lines in parts for line in lines)
    assert "".join("".join(lines) for lines in parts) == "https://" + "a" * 200


def test_hours_are_written() -> None:
    assert "01:00:00.000 --> 01:00:01.250" in to_vtt([Cue(3600, 3601.25, "x")], 4000)


cue_lists = st.lists(
    st.tuples(
        st.floats(0, 20), st.floats(0, 20), st.text(st.characters(exclude_categories=["Cs"]))
    ),
    max_size=8,
)


@given(cue_lists)
def test_captions_never_overlap_nor_vanish_nor_outlast_the_audio(raw) -> None:
    cues = [Cue(min(a, b), max(a, b), text) for a, b, text in sorted(raw, key=lambda one: one[0])]
    captions = list(srt.parse(to_srt(cues, 15.0)))
    previous = timedelta(0)
    for caption in captions:
        assert previous <= caption.start < caption.end <= timedelta(seconds=15)
        previous = caption.end


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=600))
def test_no_character_is_lost(text: str) -> None:
    parts = split_caption(text)
    assert "".join("".join("".join(lines).split()) for lines in parts) == "".join(text.split())
    assert all(len(lines) <= 2 and all(0 < len(line) <= 42 for line in lines) for lines in parts)


def test_audio_shorter_than_its_captions_is_refused() -> None:
    with pytest.raises(TextTooLongError, match="do not fit"):
        to_srt([Cue(0, 0, "a"), Cue(0, 0, "b")], 0.001)


def test_vtt_is_read_from_a_file_too() -> None:
    buffer = io.StringIO(to_vtt([Cue(0, 1, "Ação")], 1))
    assert webvtt.from_buffer(buffer)[0].text == "Ação"


@pytest.mark.parametrize(
    "together",
    ["R$ 7,20", "US$ 70", "art. 6º", "8 GB", "2 milhões", "nº 13.709", "30 %", "12 km"],
)
def test_a_number_stays_with_its_currency_or_unit(together: str) -> None:
    for before in range(20, 45):
        text = f"{'a' * 9} {'b' * (before - 10)} {together} e mais algumas palavras para o fim."
        lines = [line for caption in split_caption(text) for line in caption]
        assert sum(together in line for line in lines) == 1, lines
        assert " ".join(lines) == text


def test_an_ordinary_number_may_begin_a_line() -> None:
    text = f"{'a' * 38} sobre 12 pessoas que vieram de longe para a aula de hoje."
    assert "12 pessoas" in " ".join(line for caption in split_caption(text) for line in caption)
