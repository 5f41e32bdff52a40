"""The subset of SSML."""

from __future__ import annotations

import pytest

from tts_tasks.errors import SourceError
from tts_tasks.script.interpret import interpret
from tts_tasks.script.pauses import AFTER_CLAUSE_S, AFTER_SENTENCE_S
from tts_tasks.script.ssml import STRENGTHS_S, TAGS, segments_from_ssml


def parts(text: str) -> list[tuple[str, float | None]]:
    return [(segment.text, segment.pause_s) for segment in segments_from_ssml(text)]


def test_paragraphs_and_sentences():
    assert parts("<speak><p>Um. Dois.</p><p><s>Três</s><s>Quatro</s></p>Cinco</speak>") == [
        ("Um. Dois.", None),
        ("Três", AFTER_SENTENCE_S),
        ("Quatro", None),
        ("Cinco", None),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a<break time="2s"/>b', [("a", 2.0), ("b", None)]),
        ('a <break time="500ms"/> b', [("a", 0.5), ("b", None)]),
        ("a<break/>b", [("a", STRENGTHS_S["medium"]), ("b", None)]),
        ('a<break strength="none"/>b', [("a", 0.0), ("b", None)]),
        ('<break time="1s"/>a', [("", 1.0), ("a", None)]),
        ('<p>a</p><break time="3s"/><p>b</p>', [("a", 3.0), ("b", None)]),
        ('a<break time="1s"/><break time="1s"/>b', [("a", 2.0), ("b", None)]),
        ('a<break time="1s"/>.', [("a.", 1.0)]),
    ],
)
def test_breaks(text, expected):
    assert parts(text) == expected


def test_how_terms_are_said():
    [segment] = segments_from_ssml(
        '<sub alias="esse quê ele">SQL</sub>, <phoneme ph="ˈkæɡəl">Kaggle</phoneme> e '
        '<say-as interpret-as="characters">AB-1</say-as> &amp; mais'
    )
    assert (
        segment.text == "[[esse quê ele|SQL]], [[Kaggle|/ˈkæɡəl/]] e [[a bê hífen um|AB-1]] & mais"
    )


def test_voices_and_rates_hold_for_what_they_enclose():
    segments = segments_from_ssml(
        'Eu, <voice name="pm_alex">ele <prosody rate="slow">devagar</prosody>.</voice> Eu.'
    )
    assert [(s.text, s.voice, s.pace) for s in segments] == [
        ("Eu,", None, 1.0),
        ("ele", "pm_alex", 1.0),
        ("devagar.", "pm_alex", 0.75),
        ("Eu.", None, 1.0),
    ]
    assert [s.pause_s for s in segments] == [AFTER_CLAUSE_S, AFTER_CLAUSE_S, AFTER_SENTENCE_S, None]


@pytest.mark.parametrize(
    ("rate", "pace"), [("80%", 0.8), ("+10%", 1.1), ("-20%", 0.8), ("1.2", 1.2), ("x-fast", 1.75)]
)
def test_rates(rate, pace):
    [segment] = segments_from_ssml(f'<prosody rate="{rate}">a</prosody>')
    assert segment.pace == pytest.approx(pace)


@pytest.mark.parametrize(
    ("written", "kind", "format", "said"),
    [
        ("ABC-12", "spell-out", "", "a bê cê hífen um dois"),
        ("1234", "cardinal", "", "mil duzentos e trinta e quatro"),
        ("-2,5", "number", "", "menos dois vírgula cinco"),
        ("2", "cardinal", "f", "duas"),
        ("3", "ordinal", "", "terceiro"),
        ("3", "ordinal", "f", "terceira"),
        ("10ª", "ordinal", "", "décima"),
        ("2024", "digits", "", "dois zero dois quatro"),
        ("3/4", "fraction", "", "três quartos"),
        ("1 1/2", "fraction", "", "um e meio"),
        ("1/2/2024", "date", "", "primeiro de fevereiro de dois mil e vinte e quatro"),
        ("2/1/2024", "date", "mdy", "primeiro de fevereiro de dois mil e vinte e quatro"),
        ("2024-02-01", "date", "", "primeiro de fevereiro de dois mil e vinte e quatro"),
        ("5/3", "date", "dm", "cinco de março"),
        ("3/2024", "date", "my", "março de dois mil e vinte e quatro"),
        ("14:30", "time", "", "catorze horas e trinta minutos"),
        ("1h01", "time", "", "uma hora e um minuto"),
        ("14:30:05", "time", "", "catorze horas, trinta minutos e cinco segundos"),
        (
            "(11) 98765-4321",
            "telephone",
            "",
            "um um, nove oito sete seis cinco, quatro três dois um",
        ),
        ("R$ 2,50", "currency", "", "dois reais e cinquenta centavos"),
        ("5 km", "unit", "", "cinco quilômetros"),
        ("doze", "cardinal", "", None),
        ("31/2/2024", "date", "", None),
        ("1/2/2024", "date", "dm", None),
        ("25:00", "time", "", None),
        ("1/0", "fraction", "", None),
        ("abc", "telephone", "", None),
    ],
)
def test_what_a_text_is_said_as(written, kind, format, said):
    assert interpret(written, kind, format) == said


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a\n<emphasis>b</emphasis>", 2, "the tag <emphasis> is not understood"),
        ("a\n\n<audio src='x'/>", 3, "the tag <audio>"),
        ("<p>a", 1, "broken SSML"),
        ("a\n</p>", 2, "broken SSML"),
        ("a & b", 1, "broken SSML"),
        ("a\n<break time='2 h'/>", 2, "the time '2 h' of <break>"),
        ("<break strength='huge'/>a", 1, "no strength 'huge'"),
        ("<prosody pitch='high'>a</prosody>", 1, "the attribute pitch of <prosody>"),
        ("<prosody rate='0%'>a</prosody>", 1, "no rate '0%'"),
        ("<prosody>a</prosody>", 1, "<prosody> has no rate"),
        ("<sub>a</sub>", 1, "<sub> has no alias"),
        ("a\n<sub alias='x'/>", 2, "<sub> has no text"),
        ("<s xml:lang='en-US'>a</s>", 1, "<s> is in 'en-us'"),
        ("<break time='1s' strength='x'/>a", 1, "no strength 'x'"),
        ("<sub alias='x'><s>a</s></sub>", 1, "<s> stands inside <sub>"),
        ("<sub alias='x|y'>a</sub>", 1, r"one of \[ \] \|"),
        ("<say-as interpret-as='poem'>a</say-as>", 1, "does not interpret as 'poem'"),
        ("<say-as interpret-as='date'>99/99</say-as>", 1, "'99/99' is no date"),
        ("<phoneme alphabet='x-sampa' ph='a'>a</phoneme>", 1, "no alphabet 'x-sampa'"),
        ("<!DOCTYPE speak [<!ENTITY a 'b'>]><speak>&a;</speak>", 1, "document type or entities"),
    ],
)
def test_what_is_not_understood_is_named_with_its_line(text, line, problem):
    with pytest.raises(SourceError, match=problem) as caught:
        segments_from_ssml(text)
    assert caught.value.message.startswith(f"line {line}: ")
    assert caught.value.remedy


def test_the_lines_are_those_of_the_file():
    with pytest.raises(SourceError, match="line 12: "):
        segments_from_ssml("a\n\n<x/>", first_line=10)


def test_say_as_is_for_portuguese():
    with pytest.raises(SourceError, match="speaks Portuguese only"):
        segments_from_ssml('<say-as interpret-as="date">1/2/2024</say-as>', language="en-US")


def test_every_tag_is_told_in_the_module():
    from tts_tasks.script import ssml

    assert all(f"<{tag}" in (ssml.__doc__ or "") for tag in TAGS)


@pytest.mark.parametrize(
    "text",
    [
        "<?xml version='1.0' encoding='ISO-8859-1'?><speak>é ação</speak>",
        "\n\n<?xml version='1.0'?>\n<speak>é ação</speak>",
        "<!-- <!DOCTYPE x> --><speak xml:lang='pt-BR'>é ação</speak>",
    ],
)
def test_what_stands_before_the_text_is_no_text(text):
    assert parts(text) == [("é ação", None)]


def test_a_doctype_that_is_shown_is_text():
    assert parts("<![CDATA[<!DOCTYPE html>]]> a") == [("<!DOCTYPE html> a", None)]


def test_a_pause_before_any_text_is_kept():
    from tts_tasks.request import Markup
    from tts_tasks.script.segments import segments_of

    first, second = segments_of("<p><break time='2s'/>Olá.</p>", Markup.SSML)
    assert (first.text, first.pause_s, second.text) == ("", 2.0, "Olá.")
