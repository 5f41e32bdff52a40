"""The author's directives: pauses, and voices for a part of the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.errors import SourceError
from tts_tasks.request import Markup
from tts_tasks.script.markup import LONGEST_PAUSE_S, PAUSE_S, carry_out, pause_of
from tts_tasks.script.pauses import AFTER_CLAUSE_S, AFTER_SENTENCE_S
from tts_tasks.script.segments import segments_of
from tts_tasks.values import Segment, Structure


def carried(text: str) -> list[tuple[str, str | None, float | None]]:
    return [(s.text, s.voice, s.pause_s) for s in segments_of(text, Markup.TEXT)]


@pytest.mark.parametrize(
    ("written", "pause_s"),
    [
        ("2s", 2.0), ("2 s", 2.0), ("1,5s", 1.5), ("0.5 s", 0.5), ("500ms", 0.5), ("3", 3.0),
        ("2 segundos", 2.0), ("0s", 0.0), ("60s", 60.0),
        ("61s", None), ("dois", None), ("-1s", None), ("2h", None), ("", None), ("1,2,3s", None),
    ],
)  # fmt: skip
def test_pauses(written, pause_s):
    assert pause_of(written) == pause_s


def test_a_pause_parts_a_paragraph_and_replaces_the_silence_there():
    assert carried("Pense um pouco. [pausa 2s] Pensou?\n\nFim.") == [
        ("Pense um pouco.", None, 2.0),
        ("Pensou?", None, None),
        ("Fim.", None, None),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a [pausa] b", [("a", None, PAUSE_S), ("b", None, None)]),
        ("a [PAUSA 1s] b", [("a", None, 1.0), ("b", None, None)]),
        ("a [pause 1s] b", [("a", None, 1.0), ("b", None, None)]),
        ("a [pausa 1s][pausa 1s] b", [("a", None, 2.0), ("b", None, None)]),
        ("[pausa 2s] a", [("", None, 2.0), ("a", None, None)]),
        ("a\n\n[pausa 2s]\n\nb", [("a", None, 2.0), ("b", None, None)]),
        ("a [pausa 2s]", [("a", None, 2.0)]),
        ("a [pausa 2s].", [("a.", None, 2.0)]),
        ("a [pausado] b", [("a [pausado] b", None, None)]),
        ("Aperte [Pause] agora", [("Aperte [Pause] agora", None, None)]),
        ("Use a[voice] e b", [("Use a[voice] e b", None, None)]),
        (
            "Um [voz x]dois[/voz]. Três.",
            [("Um", None, 0.15), ("dois.", "x", 0.35), ("Três.", None, None)],
        ),
        ("lista[0] e [vozes]", [("lista[0] e [vozes]", None, None)]),
    ],
)
def test_where_a_pause_may_stand(text, expected):
    assert carried(text) == expected


def test_a_voice_reaches_over_paragraphs_and_may_hold_another():
    text = "Eu. [voz x]Ele.\n\nEle ainda, [voz v2/pt_speaker_4]ela,[/voz] ele.[/voz] Eu."
    assert carried(text) == [
        ("Eu.", None, AFTER_SENTENCE_S),
        ("Ele.", "x", None),
        ("Ele ainda,", "x", AFTER_CLAUSE_S),
        ("ela,", "v2/pt_speaker_4", AFTER_CLAUSE_S),
        ("ele.", "x", AFTER_SENTENCE_S),
        ("Eu.", None, None),
    ]


def test_the_structure_stays():
    [first, second] = carry_out([Segment("um [pausa 1s] dois", Structure.LIST_ITEM, line=7)])
    assert first.structure is second.structure is Structure.LIST_ITEM
    assert (first.line, second.line) == (7, 7)


def test_nothing_is_looked_for_inside_a_mark():
    assert carried("O [[a|b]] e [[c|/d/]] aqui") == [("O [[a|b]] e [[c|/d/]] aqui", None, None)]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("um\n\ndois [pausa 2", 3, "does not end"),
        ("um\n\n[pausa dois] x", 3, "is no pause"),
        ("[pausa 90s] x", 1, f"0 to {LONGEST_PAUSE_S:.0f} seconds"),
        ("um\n\n\n[voz x] dois", 4, "is never closed"),
        ("um\n\n[voz ] dois[/voz]", 3, "names no voice"),
        ("um [/voz] dois", 1, "closes no voice"),
        ("um [voz x dois", 1, "does not end"),
        ("[pausa: 2s] x", 1, "does not end"),
        ("um\n\n[pausa2s] x", 3, "does not end"),
        ("[pausas 2s] x", 1, "does not end"),
        ("a [pausa 40s][pausa 40s] b", 1, "more than 60 seconds at one place"),
        ("a [pausa 60s] " * 31, 1, "30 minutes in all"),
    ],
)
def test_a_broken_directive_is_named_with_its_line(text, line, problem):
    with pytest.raises(SourceError, match=problem) as caught:
        carried(text)
    assert caught.value.message.startswith(f"line {line}: [")
    assert caught.value.remedy


@given(
    st.lists(st.sampled_from(["a", "b c.", "[pausa 1s]", "[voz x]", "[/voz]", "[", "]", "\n\n"]))
)
def test_no_word_is_lost_or_doubled(pieces):
    text = " ".join(pieces)
    try:
        done = segments_of(text, Markup.TEXT)
    except SourceError:
        return
    words = [piece for piece in pieces if piece in ("a", "b c.")]
    kept = " ".join(segment.text for segment in done).split()
    assert [word.strip("[]") for word in kept if word.strip("[]")] == " ".join(words).split()
