"""The times of the voice's words, given to the author's."""

from itertools import pairwise

import pytest

from tts_tasks.script.speaker import Speaker
from tts_tasks.script.written_words import words_as_written
from tts_tasks.values import Word


def heard(text):
    """Return the words of a text, one second each."""
    words, at = [], 0
    for n, word in enumerate(text.split()):
        start = text.index(word, at)
        at = start + len(word)
        words.append(Word(start, at, float(n), n + 1.0))
    return words


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Um dia bom.", [("Um", 0, 1), ("dia", 1, 2), ("bom.", 2, 3)]),
        ("São R$ 5, e só.", [("São", 0, 1), ("R$ 5,", 1, 3), ("e", 3, 4), ("só.", 4, 5)]),
        ("A 2ª turma", [("A", 0, 1), ("2ª", 1, 2), ("turma", 2, 3)]),
        (
            "Em 1/2/2024, 3 kg!",
            [("Em", 0, 1), ("1/2/2024,", 1, 11), ("3 kg!", 11, 13)],
        ),
    ],
)
def test_what_is_said_in_several_words_is_one_written_word(written, expected):
    said = Speaker("pt-BR", {}, phonemes=False).read(written)
    timed = words_as_written(heard(said.spoken), said.readings, written)
    shown = [(written[word.start : word.end], word.start_s, word.end_s) for word in timed]
    assert [word for word, *_ in shown] == [word for word, *_ in expected]
    assert [times for _, *times in shown] == [list(times) for _, *times in expected]


def test_words_are_in_order_and_inside_the_text():
    written = "Custa R$ 1.234,56 (ou US$ 200) às 14h30, no 3º andar da Av. Brasil, nº 7; a@b.com."
    said = Speaker("pt-BR", {}, phonemes=False).read(written)
    timed = words_as_written(heard(said.spoken), said.readings, written)
    assert all(a.end <= b.start and a.end_s <= b.start_s for a, b in pairwise(timed))
    assert timed[0].start >= 0
    assert timed[-1].end <= len(written)


def test_no_words_no_times():
    assert words_as_written((), (), "Olá.") == ()
