"""The map between what is written and what is said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.script.alignment import Alignment, Edit

texts = st.text(alphabet="abcd ", max_size=20)


@st.composite
def edits(draw: st.DrawFn, length: int) -> list[Edit]:
    """Draw edits of a text that do not overlap, in order."""
    points = sorted(draw(st.lists(st.integers(0, length), max_size=6)))
    pairs = zip(points[::2], points[1::2], strict=False)
    return [Edit(start, end, draw(st.text(alphabet="XY", max_size=3))) for start, end in pairs]


def plainly(text: str, changes: list[Edit]) -> str:
    for edit in reversed(changes):
        text = text[: edit.start] + edit.said + text[edit.end :]
    return text


@given(st.data())
def test_the_text_is_what_the_edits_make_of_it_one_after_the_other(data: st.DataObject) -> None:
    text = data.draw(texts)
    alignment = Alignment(text)
    for number in range(4):
        changes = data.draw(edits(len(text)))
        text = plainly(text, changes)
        alignment.edit(changes, f"rule {number}")
        assert alignment.text == text


@given(st.data())
def test_outside_the_readings_what_is_said_is_what_is_written(data: st.DataObject) -> None:
    alignment = Alignment(data.draw(texts))
    for number in range(4):
        alignment.edit(data.draw(edits(len(alignment.text))), f"rule {number}")
    pieces, end = [], 0
    spoken_end = 0
    for reading in alignment.readings():
        assert end <= reading.start <= reading.end
        assert spoken_end <= reading.spoken_start <= reading.spoken_end
        pieces += [
            alignment.written[end : reading.start],
            alignment.text[reading.spoken_start : reading.spoken_end],
        ]
        end, spoken_end = reading.end, reading.spoken_end
    assert "".join([*pieces, alignment.written[end:]]) == alignment.text


@given(st.data())
def test_untouched_letters_are_found_again(data: st.DataObject) -> None:
    written = "".join(map(chr, range(0x4E00, 0x4E00 + data.draw(st.integers(0, 20)))))
    alignment = Alignment(written)
    for _ in range(3):
        alignment.edit(data.draw(edits(len(alignment.text))))
    for position, letter in enumerate(written):
        span = alignment.span_of(position, position + 1)
        if letter in alignment.text and span is not None and span[1] - span[0] == 1:
            assert alignment.text[slice(*span)] in (letter, "X", "Y")
        if (now := alignment.text.find(letter)) >= 0 and span is not None:
            assert span[0] <= now < span[1]


def test_an_edit_of_an_edit_is_one_reading_with_both_rules() -> None:
    alignment = Alignment("Custa R$ 5 mil.")
    alignment.edit([Edit(9, 14, "5000")], "thousands")
    alignment.edit([Edit(6, 13, "cinco mil reais")], "money")
    [reading] = alignment.readings()
    assert alignment.text == "Custa cinco mil reais."
    assert alignment.written[reading.start : reading.end] == "R$ 5 mil"
    assert reading.rules == ("thousands", "money")


def test_a_change_that_is_taken_back_is_no_reading() -> None:
    alignment = Alignment("abc")
    alignment.edit([Edit(1, 2, "X")], "one")
    alignment.edit([Edit(1, 2, "b")], "two")
    assert (alignment.text, alignment.readings()) == ("abc", ())


def test_becoming_another_text_finds_the_edits() -> None:
    alignment = Alignment("Olá 👍 mundo")
    alignment.become("Olá mundo", "characters")
    [reading] = alignment.readings()
    assert alignment.written[reading.start : reading.end].strip() == "👍"
