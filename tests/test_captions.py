from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest
import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.errors import TextTooLongError
from tts_tasks.mastering.caption_text import one_line, pieces_of, split_captions
from tts_tasks.mastering.caption_times import Caption, time_captions, times_of
from tts_tasks.mastering.captions import to_srt, to_vtt
from tts_tasks.values import Chunk, Cue, Reading, Word

texts_of_any_kind = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    st.lists(st.sampled_from(["a", "casa", "R$ 5", "x" * 50, "fim.", "de", "—"])).map(" ".join),
)

LONG = (
    "Uma variável é um nome que aponta para um valor; quando o valor muda, o nome continua o "
    "mesmo, e é por isso que escolher bons nomes importa tanto: quem lê o código depois de você, "
    "talvez você mesmo, agradece."
)


def texts(captions) -> str:
    return " ".join(" ".join(caption.text.split()) for caption in captions)


def split_caption(text: str) -> list[list[str]]:
    return [lines for _, _, lines in split_captions(pieces_of(text))]


def read_vtt(text: str) -> list:
    return list(webvtt.from_string(text))


def test_a_short_sentence_is_one_caption_in_both_formats() -> None:
    cues = [Cue(0.0, 1.5, "Olá, mundo."), Cue(1.9, 3.0, "Preço: R$ 1.234,56!")]
    assert to_vtt(cues, 3.3).startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOlá, mundo.\n")
    (first, second) = srt.parse(to_srt(cues, 3.3))
    assert (first.index, first.content) == (1, "Olá, mundo.")
    assert (second.index, second.content) == (2, "Preço: R$ 1.234,56!")
    assert second.start == timedelta(seconds=1.9)


def test_a_long_sentence_becomes_captions_of_two_lines_that_share_its_time() -> None:
    captions = read_vtt(to_vtt([Cue(2.0, 16.0, LONG)], 20))
    assert texts(captions) == LONG
    assert len(captions) >= 3
    for caption in captions:
        assert len(caption.lines) <= 2
        assert all(len(line) <= 42 for line in caption.lines)
    for caption in srt.parse(to_srt([Cue(2.0, 16.0, LONG)], 20)):
        seconds = (caption.end - caption.start).total_seconds()
        assert seconds == pytest.approx(14 * len(caption.content) / len(LONG), rel=0.1)
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


def spans(captions: list[Caption]) -> list[tuple[float, float]]:
    return [(caption.start_ms / 1000, caption.end_ms / 1000) for caption in captions]


def test_what_takes_long_to_say_is_shown_for_long() -> None:
    text = "A padaria faturou R$ 1.234.567,89 no ano passado, e as vendas crescem mais a cada mês."
    said = (
        "um milhão duzentos e trinta e quatro mil quinhentos e sessenta e sete reais e oitenta e "
        "nove centavos"
    )
    start = text.index("R$")
    end = text.index(" no ano")
    spoken = text[:start] + said + text[end:]
    reading = Reading(start, end, start, start + len(said), ("money",))
    cue = Cue(0, 12, text, spoken, readings=(reading,))
    place = text.index("no ano")
    assert times_of(replace(cue, spoken="", readings=()), [place])[0] < 5
    assert times_of(cue, [place])[0] == pytest.approx(
        12 * spoken.index("no ano") / len(spoken), 0.05
    )
    (amount,) = [one for one in time_captions([cue], 12) if "R$" in " ".join(one.lines)]
    assert amount.end_ms - amount.start_ms > 5_500


def test_a_voice_rests_at_a_comma() -> None:
    written = Cue(0, 10, "uma coisa, outra coisa e mais coisas depois")
    place = written.text.index("outra")
    unpunctuated = replace(written, text=written.text.replace(",", "x"))
    assert times_of(written, [place])[0] > times_of(unpunctuated, [place])[0] + 0.3


def test_captions_of_a_long_sentence_begin_with_their_first_words() -> None:
    chunk = Chunk(LONG, LONG, "pt-br", EspeakEngine().parameters({}))
    (waveform,) = EspeakEngine().synthesize([chunk])
    cue = Cue(5, 5 + waveform.duration_s, LONG, LONG)
    heard_s = {word.start: 5 + word.start_s for word in waveform.words}
    shifted = [replace(w, start_s=5 + w.start_s, end_s=5 + w.end_s) for w in waveform.words]
    captions = time_captions([replace(cue, words=tuple(shifted))], 5 + waveform.duration_s)
    assert len(captions) >= 3
    for caption in captions[1:]:
        place = LONG.index(" ".join(caption.lines)[:10])
        assert caption.start_ms / 1000 == pytest.approx(heard_s[place], abs=0.001)


def test_a_caption_stays_into_the_pause_until_it_was_read() -> None:
    text = "Uma frase com exatamente cinquenta e um caracteres."
    assert len(text) == 51
    fast = Cue(1, 2, text)
    assert spans(time_captions([fast], 10)) == [(1, 4)]
    assert spans(time_captions([fast, Cue(2.4, 9, "Outra.")], 10))[0][1] <= 2.9
    assert spans(time_captions([fast], 2.2)) == [(0.5, 2.2)]
    assert spans(time_captions([Cue(1, 1.2, "Oi.")], 10)) == [(1, pytest.approx(1.833, abs=0.001))]


def test_what_is_slow_enough_is_shown_while_it_is_heard() -> None:
    cues = [Cue(1, 3, "Uma frase."), Cue(4, 6, "Outra frase.")]
    assert spans(time_captions(cues, 10)) == [(1, 3), (4, 6)]


def test_a_fast_caption_borrows_from_slow_neighbours() -> None:
    slow, fast = "Pouco texto.", "Este texto tem cinquenta caracteres, ditos à toda."
    cues = [Cue(0, 4, slow), Cue(4, 6.3, fast), Cue(6.3, 10, slow)]
    (_, first_end), (start, end), (third_start, _) = spans(time_captions(cues, 10))
    assert end - start == pytest.approx(len(fast) / 17, abs=0.002)
    assert (first_end, third_start) == (start, end)
    assert 3.5 <= start < 4 or 6.3 < end <= 6.8


def test_no_more_than_half_a_second_is_borrowed() -> None:
    slow, fast = "Pouco texto.", "Este texto tem sessenta caracteres e é dito em um segundo só"
    cues = [Cue(0, 4, slow), Cue(4, 5, fast), Cue(5, 10, slow)]
    assert spans(time_captions(cues, 10)) == [(0, 3.5), (3.5, 5.5), (5.5, 10)]


def test_fast_neighbours_share_the_time_by_what_they_need() -> None:
    cues = [
        Cue(0, 2, "Quarenta sinais em dois segundos, certo."),
        Cue(2, 3, "Vinte sinais num só."),
    ]
    assert [len(cue.text) for cue in cues] == [40, 20]
    cues[1] = replace(cues[1], text=cues[1].text + " Mais dez.")
    assert spans(time_captions(cues, 3)) == [(0, 1.714), (1.714, 3)]


def test_fast_captions_take_nothing_from_each_other() -> None:
    fast = "Este texto tem sessenta caracteres e é dito em um segundo só"
    cues = [Cue(second, second + 1, fast) for second in range(4)]
    assert spans(time_captions(cues, 4)) == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_a_caption_of_more_than_seven_seconds_is_divided() -> None:
    text = "São 1.234.567,89 reais e 9.876.543,21 dólares."
    assert len(time_captions([Cue(0, 6.9, text)], 10)) == 1
    divided = time_captions([Cue(0, 13, text)], 13)
    assert len(divided) == 2
    assert all(caption.end_ms - caption.start_ms <= 7_000 for caption in divided)
    assert spans(time_captions([Cue(0, 9, "123.456.789.012")], 10)) == [(0, 9)]


def test_fast_speech_can_be_read() -> None:
    engine = EspeakEngine()
    cues = []
    position_s = 0.0
    for text in [*LONG.replace("; ", ".|").replace(": ", ".|").split("|"), "Sim.", "Vamos lá."]:
        chunk = Chunk(text, text, "pt-br", engine.parameters({"rate": 185}))
        (waveform,) = engine.synthesize([chunk])
        cues.append(Cue(position_s, position_s + waveform.duration_s, text))
        position_s += waveform.duration_s + 0.35
    assert max(len(cue.text) / (cue.end_s - cue.start_s) for cue in cues) > 18
    for caption in time_captions(cues, position_s + 0.5):
        seconds = (caption.end_ms - caption.start_ms) / 1000
        assert 0.83 <= seconds <= 7
        assert len(" ".join(caption.lines)) / seconds <= 17.1


def test_what_belongs_to_the_next_word_stands_in_its_line() -> None:
    assert split_caption("Ele queria uma linguagem que se lesse quase como texto.") == [
        ["Ele queria uma linguagem", "que se lesse quase como texto."]
    ]


def test_captions_of_one_sentence_are_of_similar_length() -> None:
    text = (
        "Nesta semana vamos estudar juntos como funcionam todos os relatórios mensais, linha por "
        "linha."
    )
    lengths = [len(" ".join(lines)) for lines in split_caption(text)]
    assert len(lengths) == 2
    assert min(lengths) > 30


def test_no_word_stands_alone() -> None:
    text = "Tudo, hoje funciona números hoje números gente gente produto semana semana, cliente."
    for lines in split_caption(text):
        assert len(" ".join(lines).split()) > 4


def test_hours_are_written() -> None:
    assert "01:00:00.000 --> 01:00:01.250" in to_vtt([Cue(3600, 3601.25, "x")], 4000)


@st.composite
def cue_lists(draw: st.DrawFn) -> list[Cue]:
    """Cues as bad as can be: out of time, out of the audio, words and readings out of the text."""
    cues = []
    for _ in range(draw(st.integers(0, 6))):
        text, spoken = draw(texts_of_any_kind), draw(texts_of_any_kind)
        start_s, end_s = sorted(draw(st.tuples(st.floats(0, 20), st.floats(0, 20))))
        places = st.lists(st.integers(0, len(text) + 3), max_size=6).map(sorted)
        words = [
            Word(place, place + 2, *sorted(draw(st.tuples(st.floats(0, 20), st.floats(0, 20)))))
            for place in draw(places)
        ]
        at = [min(place, len(text)) for place in draw(places)]
        said = sorted(draw(st.integers(0, len(spoken))) for _ in at)
        readings = [
            Reading(*at[n : n + 2], *said[n : n + 2], ("x",)) for n in range(0, len(at) - 1, 2)
        ]
        cues.append(Cue(start_s, end_s, text, spoken, words=tuple(words), readings=tuple(readings)))
    return cues


@given(cue_lists())
def test_any_captions_are_valid_in_order_and_complete(cues: list[Cue]) -> None:
    captions = list(srt.parse(to_srt(cues, 15.0)))
    previous = timedelta(0)
    for number, caption in enumerate(captions, start=1):
        assert caption.index == number
        assert previous <= caption.start < caption.end <= timedelta(seconds=15)
        previous = caption.end
    shown = time_captions(cues, 15.0)
    assert len(shown) == len(captions) == len(read_vtt(to_vtt(cues, 15.0)))
    for caption in shown:
        assert 1 <= len(caption.lines) <= 2
        assert all(0 < len(line) <= 42 and line == line.strip() for line in caption.lines)
    letters = "".join("".join(caption.lines) for caption in shown)
    assert "".join(letters.split()) == "".join("".join(one_line(c.text) for c in cues).split())


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
