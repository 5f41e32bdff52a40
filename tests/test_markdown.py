"""Markdown: what a reader sees of it, with its lines; what would swallow text."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.errors import SourceError
from tts_tasks.request import CodePolicy, Policies, TablePolicy
from tts_tasks.script.markdown import segments_from_markdown
from tts_tasks.values import Structure


def texts(markdown: str) -> list[str]:
    return [segment.text for segment in segments_from_markdown(markdown)]


def test_structures_of_markdown() -> None:
    markdown = "# Título\n\nTexto\n\n- item\n  - dentro\n\n1. número\n\n> citação\n"
    assert [(s.text, s.structure) for s in segments_from_markdown(markdown)] == [
        ("Título", Structure.HEADING),
        ("Texto", Structure.PARAGRAPH),
        ("item", Structure.LIST_ITEM),
        ("dentro", Structure.LIST_ITEM),
        ("número", Structure.LIST_ITEM),
        ("citação", Structure.QUOTE),
    ]


def test_underlined_headings() -> None:
    assert segments_from_markdown("Título\n======\n")[0].structure is Structure.HEADING


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("**negrito** e *itálico* e ~~riscado~~", "negrito e itálico e riscado"),
        ("___tudo___", "tudo"),
        ("um [link](http://a.com 'x') aqui", "um link aqui"),
        ("[ref][1]\n\n[1]: http://a.com", "ref"),
        ("![uma foto](a.png)", "uma foto"),
        ("<https://a.com/b>", "https://a.com/b"),
        ("veja https://a.com/b_c_d.", "veja https://a.com/b_c_d."),
        ("use `git add`", "use git add"),
        ("duas\nlinhas  \ntrês", "duas linhas três"),
        ("a<br>b", "a b"),
        ("um <b>forte</b> <!-- nota --> fim", "um forte fim"),
        (r"2 \* 3 \_x\_", "2 * 3 _x_"),
        ("caf&eacute; &amp; p&atilde;o", "café & pão"),
        ("texto[^1] segue", "texto segue"),
        ("- [ ] tarefa", "tarefa"),
        ("- [x] feita", "feita"),
        ("### Título ###", "Título"),
    ],
)
def test_markup_does_not_survive(markdown: str, expected: str) -> None:
    assert texts(markdown)[0] == expected


def test_footnotes_are_read_where_they_stand() -> None:
    assert texts("Frase[^1].\n\n[^1]: A nota.") == ["Frase.", "A nota."]


@pytest.mark.parametrize(
    "markdown",
    [
        "```python\nx = 1\n```",
        "~~~\nx\n~~~",
        "    recuado",
        "<!-- comentário -->",
        "<script>\nvar x = 1;\n</script>",
        "<style>\np { color: red }\n</style>",
        "<pre>\nx = 1\n</pre>",
        "---",
        "",
        "[1]: http://a.com",
    ],
)
def test_what_is_not_for_the_voice_is_left_out(markdown: str) -> None:
    assert texts(markdown) == []


def test_code_inside_a_list_is_left_out() -> None:
    assert texts("- passo\n\n  ```sh\n  ls\n  ```\n\n  depois\n") == ["passo", "depois"]


def test_table_rows_carry_their_headers() -> None:
    table = "| Plano | Preço |\n|---|---:|\n| **Pro** | R$ 10 |\n| Livre | |\n"
    segments = segments_from_markdown(table)
    assert [s.text for s in segments] == ["Plano: Pro; Preço: R$ 10.", "Plano: Livre."]
    assert {s.structure for s in segments} == {Structure.TABLE_ROW}


def test_table_of_headers_only_and_of_empty_headers() -> None:
    assert texts("| a | b |\n|---|---|\n") == ["a; b."]
    assert texts("| | Preço |\n|---|---|\n| Pro | 5 |\n") == ["Pro; Preço: 5."]


def test_text_in_deep_nesting_is_kept() -> None:
    assert texts("> " * 30 + "fundo") == ["fundo"]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("<div>\nbloco\n</div>", ["bloco"]),
        ("<p>um <b>forte</b> &amp; caf&eacute;</p>", ["um forte & café"]),
        (
            "<details>\n<summary>Dica</summary>\n\nUm **texto**.\n\n</details>",
            ["Dica", "Um texto."],
        ),
        ("<p>um<!-- nota --> dois</p>\n<script>x()</script>\n<p>três</p>", ["um dois", "três"]),
        ('<p><img src="a.png" alt="uma foto"></p>', ["uma foto"]),
        ("um <script>x = 1</script> fim", ["um fim"]),
        ("um <span class='a'>dois</span> fim", ["um dois fim"]),
        ("2 < 3 e 4 > 1", ["2 < 3 e 4 > 1"]),
    ],
)
def test_the_text_of_html_is_kept(markdown: str, expected: list[str]) -> None:
    assert texts(markdown) == expected


def test_html_headings_and_list_items_have_their_structure() -> None:
    segments = segments_from_markdown("<h2>Título</h2>\n<ul><li>um</li><li>dois</li></ul>\n")
    assert [(s.text, s.structure) for s in segments] == [
        ("Título", Structure.HEADING),
        ("um", Structure.LIST_ITEM),
        ("dois", Structure.LIST_ITEM),
    ]


@pytest.mark.parametrize(
    "unit",
    [
        "<p",
        "<!--",
        "<p ",
        "<script>",
        "<div>\n",
        "</",
        "<img alt='",
        "<div><pre>\n\n",
        "[^",
        "[^a ",
    ],
)
def test_time_is_linear_on_hostile_html(unit: str) -> None:
    text = "<div>" + unit * (50_000 // len(unit)) + "\n\n</pre>"
    start = time.process_time()
    with suppress(SourceError):
        segments_from_markdown(text)
    assert time.process_time() - start < 2.0


@given(st.text(max_size=300))
def test_any_text_parses(text: str) -> None:
    with suppress(SourceError):
        for segment in segments_from_markdown(text):
            assert segment.text == " ".join(segment.text.split())
            assert segment.text


@given(st.text(alphabet="*_#>`-|[]()! \nab1.<~^:&", max_size=200), st.sampled_from(CodePolicy))
def test_any_markup_parses(text: str, code: CodePolicy) -> None:
    try:
        segments = segments_from_markdown(text, Policies(code=code), first_line=3)
    except SourceError as error:
        problem = error
    else:
        problem = None
    if problem:
        assert problem.message.startswith("line ")
        assert problem.remedy
        return
    assert all(segment.text for segment in segments)
    lines = [segment.line or 0 for segment in segments]
    assert lines == sorted(lines)
    assert all(3 <= line <= 3 + text.count("\n") for line in lines)


def test_every_segment_knows_its_line() -> None:
    text = (
        "# Título\n\num\ndois\n\n- a\n- b\n  c\n\n> citado\n\n"
        "| x | y |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n"
        "<div>\n\n<p>um</p>\n<p>\ndois</p>\n\nFim[^1].\n"
    )
    found = [(s.line, s.text) for s in segments_from_markdown(text)]
    assert found == [
        (1, "Título"),
        (3, "um dois"),
        (6, "a"),
        (7, "b c"),
        (10, "citado"),
        (14, "x: 1; y: 2."),
        (15, "x: 3; y: 4."),
        (19, "um"),
        (21, "dois"),
        (23, "Fim."),
    ]
    assert [s.line for s in segments_from_markdown(text, first_line=5)] == [n + 4 for n, _ in found]


CODE = "Antes.\n\n```python\n# soma\n\ntotal = 1  + 2\n```\n\n    recuado\n\n"
CODE += "Meio.\n\n<pre>\n&lt;b&gt;\n</pre>\n"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (CodePolicy.SKIP, []),
        (
            CodePolicy.ANNOUNCE,
            [(4, "Veja o código na tela."), (13, "Veja o código na tela.")],
        ),
        (CodePolicy.READ, [(4, "# soma"), (6, "total = 1 + 2"), (9, "recuado"), (14, "<b>")]),
    ],
)
def test_policies_for_code(policy: CodePolicy, expected: list[tuple[int, str]]) -> None:
    segments = segments_from_markdown(CODE, Policies(code=policy))
    assert [s.text for s in segments if s.structure is not Structure.CODE] == ["Antes.", "Meio."]
    assert [(s.line, s.text) for s in segments if s.structure is Structure.CODE] == expected


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("pt-PT", "Veja o código na tela."),
        ("en_US", "See the code on the screen."),
        ("es", "Vea el código en la pantalla."),
        ("fr-FR", "See the code on the screen."),
    ],
)
def test_code_is_announced_in_the_language_of_the_text(language: str, said: str) -> None:
    policies = Policies(code=CodePolicy.ANNOUNCE)
    [segment] = segments_from_markdown("```\nx\n```\n", policies, language=language)
    assert segment.text == said


def test_tables_can_be_left_out() -> None:
    text = "Antes.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nDepois.\n\n"
    text += "<table><tr><td>3</td></tr></table>\n"
    assert texts(text) == ["Antes.", "a: 1; b: 2.", "Depois.", "3"]
    skipped = segments_from_markdown(text, Policies(tables=TablePolicy.SKIP))
    assert [s.text for s in skipped] == ["Antes.", "Depois."]


@pytest.mark.parametrize(
    ("broken", "whole", "line"),
    [
        ("a\n\n```py\nx\n\nfim", "a\n\n```py\nx\n```\n\nfim", 3),
        ("~~~\n", "~~~\n~~~", 1),
        ("````\nx\n```\n", "````\nx\n````", 1),
        ("- a\n\n  ```\n  x\n\nfim", "- a\n\n  ```\n  x\n  ```\n\nfim", 3),
        ("1. a\n   ```\n   x\n```\n\nfim", "1. a\n   ```\n   x\n   ```\n\nfim", 2),
        ("> ```\n> x\n\nfim", "> ```\n> x\n> ```\n\nfim", 1),
        ("```py\nx\n\nmeio\n\n```py\ny\n```", "```py\nx\n```\n\nmeio\n\n```py\ny\n```", 1),
        ("a\n\n<!-- nota\n\nfim", "a\n\n<!-- nota -->\n\nfim", 3),
        ("<!-- a\n\nmeio\n\n<!-- b -->", "<!-- a -->\n\nmeio\n\n<!-- b -->", 1),
        ("<div>\n<script>\nx()", "<div>\n<script>\nx()</script>", 2),
        ("<style>\np {}\n\nfim", "<style>\np {}\n</style>\n\nfim", 1),
        ("<pre>\nx\n\nfim", "<pre>\nx\n</pre>\n\nfim", 1),
        ("a\n\num <script> dois", "a\n\num <script></script> dois", 3),
        ("| a |\n|---|\n| 1 | 2 |", "| a |\n|---|\n| 1 \\| 2 |", 3),
        ("> | a |\n> |---|\n> | 1 | 2 |", "> | a |\n> |---|\n> | 1 | |", 3),
        ("> " * 150 + "fundo", "> " * 50 + "fundo", 1),
    ],
)
def test_what_would_swallow_text_is_refused(broken: str, whole: str, line: int) -> None:
    segments_from_markdown(whole)
    with pytest.raises(SourceError, match=rf"^text: line {line + 6}: ") as caught:
        segments_from_markdown(broken, first_line=7)
    assert caught.value.remedy


def test_a_longer_fence_may_hold_a_shorter_one() -> None:
    text = "````md\n```py\nx\n```\n````\n\nfim"
    assert texts(text) == ["fim"]


def test_an_escaped_sign_is_no_footnote_and_no_box() -> None:
    assert texts(r"Veja \[^1] e [^1].") == ["Veja [^1] e ."]
    assert texts("- \\[x] feito\n- [x] feito") == ["[x] feito", "feito"]


def test_marks_and_directives_survive_the_parse() -> None:
    text = "Um [[Kaggle|/ˈkæɡəl/]] [pausa 2s] e [voz x]dois[/voz].\n\n| a |\n|---|\n| [[b|c]] |\n"
    assert texts(text) == [
        "Um [[Kaggle|/ˈkæɡəl/]] [pausa 2s] e [voz x]dois[/voz].",
        "a: [[b|c]].",
    ]
