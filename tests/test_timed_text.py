"""Captions to running text."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.errors import InputError, SourceError, TextTooLongError
from tts_tasks.request import Markup
from tts_tasks.script.readers import read_document
from tts_tasks.script.segments import segments_of


def srt(*cues: tuple[float, float, str]) -> str:
    return "\n".join(
        f"{number}\n{stamp(start)} --> {stamp(end)}\n{text}\n"
        for number, (start, end, text) in enumerate(cues, start=1)
    )


def stamp(s: float) -> str:
    return f"{int(s // 3600):02d}:{int(s // 60) % 60:02d}:{s % 60:06.3f}".replace(".", ",")


def vtt(*cues: tuple[float, float, str]) -> str:
    return "WEBVTT\n\n" + re.sub(r"(?<=:[0-9]{2}),(?=[0-9]{3})", ".", srt(*cues))


def read(folder: Path, text: str, name: str = "a.srt", max_chars: int = 10_000) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    document = read_document(folder / name, max_chars=max_chars)
    assert (document.markup, document.first_line) == (Markup.TEXT, None)
    return document.text


@pytest.mark.parametrize(("name", "made"), [("a.srt", srt), ("a.vtt", vtt)])
def test_cues_become_running_text_in_the_order_of_time(tmp_path: Path, name: str, made) -> None:
    text = made((4, 5, "mundo."), (1, 2, "Olá,\nvasto"), (6, 7, "E depois."), (9, 10, "Fim."))
    assert read(tmp_path, text, name) == "Olá, vasto mundo. E depois.\n\nFim."


def test_a_silence_parts_paragraphs_only_after_a_sentence(tmp_path: Path) -> None:
    cues = ((0, 1, "Um."), (2.4, 3, "dois"), (6, 7, "três!”"), (8.5, 9, "Quatro."))
    assert read(tmp_path, srt(*cues)) == "Um. dois três!”\n\nQuatro."


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("<i>Olá</i> <b>mundo</b>", "Olá mundo"),
        ("{\\an8}Olá", "Olá"),
        ('<font color="#fff">Olá</font>', "Olá"),
        ("um<br>dois\\Ntrês", "um dois três"),
        ("<v Ana Lima>Olá</v>", "Olá"),
        ("<c.amarelo>Olá</c> <lang pt>mundo</lang>", "Olá mundo"),
        ("olá<00:00:01.500><c> mundo</c>", "olá mundo"),
        ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
        ("List<String> e 2 < 3", "List<String> e 2 < 3"),
        ("São -5 graus", "São -5 graus"),
        ("-5 graus", "-5 graus"),
        ("10\n20", "10 20"),
        ("Às 10:20 [pausa 2s] acaba", "Às 10:20 [pausa 2s] acaba"),
    ],
)
def test_tags_and_entities_are_not_said(tmp_path: Path, shown: str, said: str) -> None:
    assert read(tmp_path, srt((1, 2, shown), (3, 4, "fim"))) == f"{said} fim"
    assert read(tmp_path, vtt((1, 2, shown), (3, 4, "fim")), "a.vtt") == f"{said} fim"


def test_each_turn_of_a_dialogue_is_a_paragraph(tmp_path: Path) -> None:
    text = srt((0, 1, "Ele disse:"), (1, 2, "- Oi\n– Olá!"), (2, 3, "— Tudo bem?"))
    assert read(tmp_path, text) == "Ele disse:\n\nOi\n\nOlá!\n\nTudo bem?"


def test_what_rolls_over_the_screen_is_said_once(tmp_path: Path) -> None:
    rolling = (
        (0, 2, " \nbem<00:00:01.000><c> vindos</c>"),
        (2, 2.01, "bem vindos\n "),
        (2.01, 4, "bem vindos\nà<00:00:03.000><c> aula</c>"),
        (4, 4.01, "à aula\n "),
        (4.01, 6, "à aula\nde hoje"),
    )
    assert read(tmp_path, vtt(*rolling), "a.vtt") == "bem vindos à aula de hoje"


def test_what_is_said_twice_with_a_silence_between_stays(tmp_path: Path) -> None:
    assert read(tmp_path, srt((0, 1, "Não!"), (1.5, 2, "Não!"))) == "Não! Não!"
    assert read(tmp_path, srt((0, 1, "Não!"), (1, 2, "Não!"))) == "Não!"


def test_notes_styles_and_regions_of_webvtt_are_left_out(tmp_path: Path) -> None:
    text = (
        "\ufeffWEBVTT - aula\r\nKind: captions\r\nLanguage: pt\r\n\r\nNOTE\r\numa nota\r\n\r\n"
        "STYLE\r\n::cue { color: red }\r\n\r\nREGION\r\nid:a\r\n\r\n"
        "abertura\r\n00:01.000 --> 00:02.000 align:start\r\nOlá.\r\n\r\nNOTE fim\r\n"
    )
    assert read(tmp_path, text, "a.vtt") == "Olá."


@pytest.mark.parametrize(
    ("name", "text", "line", "problem"),
    [
        ("a.srt", "", 1, "no captions"),
        ("a.srt", "só um texto\n", 1, "text before the first"),
        ("a.srt", "título\n\n" + srt((1, 2, "a")), 1, "text before the first"),
        ("a.srt", "1\n00:00:01,000 -> 00:00:02,000\na\n", 2, "times of the caption"),
        ("a.srt", srt((1, 2, "a")) + "\n2\n00:00:03,000 -> 00:00:04,000\nb\n", 6, "times of"),
        ("a.srt", srt((1, 2, "a")) + "\n2\n00:00:03 --> 00:00:04\nb\n", 6, "times of"),
        ("a.srt", srt((1, 2, "a"), (4, 3, "b")), 6, "ends at 3 s, before it begins at 4 s"),
        ("a.vtt", "", 1, "begins with the line WEBVTT"),
        ("a.vtt", srt((1, 2, "a")), 1, "begins with the line WEBVTT"),
        ("a.vtt", "WEBVTT\n", 1, "no captions"),
        ("a.vtt", "WEBVTT\n00:01.000 --> 00:02.000\na\n", 2, "times of the caption"),
        ("a.vtt", "WEBVTT\n\n00:01.000 -> 00:02.000\na\n", 3, "no caption of WebVTT"),
        ("a.vtt", "WEBVTT\n\nsolto\n\n00:01.000 --> 00:02.000\na\n", 3, "no caption of WebVTT"),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\na\n00:03.000 --> 00:04.000\nb\n", 5,
         "times of the caption"),
        ("a.vtt", "WEBVTT\n\nx\n00:61.000 --> 00:99.000\na\n", 4, "no caption of WebVTT"),
        ("a.vtt", vtt((2, 1, "a")), 4, "before it begins"),
    ],
)  # fmt: skip
def test_malformed_captions(tmp_path: Path, name: str, text: str, line: int, problem: str) -> None:
    with pytest.raises(SourceError, match=rf"{name}, line {line}: .*{problem}") as caught:
        read(tmp_path, text, name)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["a.srt", "a.vtt"])
def test_a_blank_line_inside_a_cue_and_spaces_between_cues(tmp_path: Path, name: str) -> None:
    text = (srt if name == "a.srt" else vtt)((1, 2, "um"), (3, 4, "dois"))
    spaced = text.replace("um\n\n", "um\n \n")
    assert read(tmp_path, spaced, name) == "um dois"
    if name == "a.srt":
        assert read(tmp_path, text.replace("um\n", "um\n\nmeio\n"), name) == "um meio dois"


def test_the_limit_counts_what_is_said(tmp_path: Path) -> None:
    text = srt(*((n, n + 1, "<i>palavra</i>") for n in range(0, 40, 2)))
    assert len(text) > 800
    assert len(read(tmp_path, text, max_chars=159)) == 159
    with pytest.raises(TextTooLongError, match="159 characters; the limit is 158"):
        read(tmp_path, text, max_chars=158)


@pytest.mark.parametrize("name", ["a.srt", "a.vtt"])
@pytest.mark.parametrize("unit", ["1", "\n", " ", "1\n", "a ", "00:00:01,000 --> ", "<", "- "])
def test_time_is_short_on_hostile_captions(tmp_path: Path, name: str, unit: str) -> None:
    start = time.process_time()
    for head in ("", "WEBVTT\n\n", "1\n00:00:01,000 --> 00:00:02,000\n"):
        with suppress(InputError):
            read(tmp_path, head + unit * (700_000 // len(unit)), name, max_chars=100_000)
    assert time.process_time() - start < 5.0


@given(st.text(alphabet="1:0,.-> \nab<>{}\\&;", max_size=120), st.sampled_from(["a.srt", "a.vtt"]))
def test_any_captions_are_read_or_refused(tmp_path_factory, text: str, name: str) -> None:
    folder = tmp_path_factory.mktemp("captions")
    whole = (srt if name == "a.srt" else vtt)((1, 2, "a"))
    for source in (text, f"{whole}\n{text}", f"{whole[:-1]}{text}"):
        try:
            said = read(folder, source, name)
        except SourceError as error:
            message = str(error)
            assert "line " in message
        else:
            segments_of(said, Markup.TEXT)
