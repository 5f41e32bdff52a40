"""Reading files, Markdown and plain text."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.errors import SourceError, TextTooLongError
from tts_tasks.script.markdown import segments_from_markdown
from tts_tasks.script.segments import segments_from_text
from tts_tasks.script.sources import (
    read_source,
    split_front_matter,
)
from tts_tasks.values import Structure


def texts(markdown: str) -> list[str]:
    return [segment.text for segment in segments_from_markdown(markdown)]


def test_reads_utf8_without_its_mark_and_with_plain_newlines(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"\xef\xbb\xbf" + "cafe\u0301\r\nok\rfim".encode())
    assert read_source(path, max_chars=100) == "café\nok\nfim"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nada\.md does not exist") as caught:
        read_source(tmp_path / "nada.md", max_chars=10)
    assert caught.value.field == "source"
    assert caught.value.remedy


def test_a_folder_is_not_a_text(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a folder"):
        read_source(tmp_path, max_chars=10)


def test_a_path_that_no_system_takes_is_an_input_error() -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_source(Path("a\0b.md"), max_chars=10)
    with pytest.raises(SourceError, match="cannot be read"):
        read_source(Path("x" * 5_000), max_chars=10)


def test_binary_is_refused_with_the_offset(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"MP3\0\0\0")
    with pytest.raises(SourceError, match="NUL byte at offset 3"):
        read_source(path, max_chars=10)


def test_latin1_is_refused_with_byte_offset_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes("ok\nlição".encode("latin-1"))
    with pytest.raises(SourceError, match="byte 0xe7 at offset 5, line 2"):
        read_source(path, max_chars=10)


def test_utf16_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes("oi".encode("utf-16"))
    with pytest.raises(SourceError, match="UTF-16"):
        read_source(path, max_chars=10)


def test_the_limit_counts_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("ção" * 10, encoding="utf-8")
    assert len(read_source(path, max_chars=30)) == 30
    with pytest.raises(TextTooLongError, match="30 characters; the limit is 29"):
        read_source(path, max_chars=29)


def test_a_huge_file_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"a" * 1_000)
    with pytest.raises(TextTooLongError, match="1000 bytes"):
        read_source(path, max_chars=10)


def test_the_remedy_names_the_setting_that_holds_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("a" * 11, encoding="utf-8")
    with pytest.raises(TextTooLongError) as caught:
        read_source(path, max_chars=10)
    assert "NARRATION_MAX_LESSON_CHARS" in str(caught.value.remedy)
    with pytest.raises(TextTooLongError) as caught:
        read_source(path, max_chars=10, limit_setting="NARRATION_MAX_TEXT_CHARS")
    assert "NARRATION_MAX_TEXT_CHARS" in str(caught.value.remedy)


def test_a_big_binary_file_is_binary_not_too_long(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"ID3" + b"\0" * 1_000)
    with pytest.raises(SourceError, match="binary"):
        read_source(path, max_chars=10)


def test_toml_front_matter_asks_for_yaml() -> None:
    with pytest.raises(SourceError, match="TOML") as caught:
        split_front_matter('+++\ntitle = "a"\n+++\ncorpo')
    assert "YAML" in str(caught.value.remedy)
    assert split_front_matter("+++\nnunca fecha") == ({}, "+++\nnunca fecha")


def test_a_key_given_twice_names_the_key_and_the_line() -> None:
    with pytest.raises(SourceError, match="line 4: the key 'title' is given twice"):
        split_front_matter("---\ntitle: a\nvoice: b\ntitle: c\n---\n")


def test_front_matter_is_split_off() -> None:
    assert split_front_matter("---\ntitle: Olá\n---\ncorpo\n") == ({"title": "Olá"}, "corpo\n")


@pytest.mark.parametrize(
    "text",
    [
        "sem nada",
        "---\ntitle: nunca fecha\ncorpo",
        "--- \numa frase entre linhas\n---\nmais",
        "texto\n---\na: b\n---\n",
        "",
    ],
)
def test_text_without_front_matter_is_all_body(text: str) -> None:
    assert split_front_matter(text) == ({}, text)


def test_empty_front_matter() -> None:
    assert split_front_matter("---\n---\ncorpo") == ({}, "corpo")


def test_broken_front_matter_names_the_line() -> None:
    with pytest.raises(SourceError, match="broken YAML at line 3"):
        split_front_matter("---\ntitle: a\nvoice: b: c\n---\n")


def test_front_matter_that_is_a_list_is_refused() -> None:
    with pytest.raises(SourceError, match="not a mapping"):
        split_front_matter("---\n# lista\n- a: 1\n---\n")


def test_paragraphs_of_plain_text() -> None:
    segments = segments_from_text("um\ndois\n\n \n\ntrês # não é título\n")
    assert [s.text for s in segments] == ["um dois", "três # não é título"]
    assert {s.structure for s in segments} == {Structure.PARAGRAPH}


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


@pytest.mark.parametrize("unit", ["<p", "<!--", "<p ", "<script>", "<div>\n", "</", "<img alt='"])
def test_time_is_linear_on_hostile_html(unit: str) -> None:
    text = "<div>" + unit * (50_000 // len(unit))
    start = time.process_time()
    segments_from_markdown(text)
    assert time.process_time() - start < 2.0


@given(st.text(max_size=300))
def test_any_text_parses(text: str) -> None:
    for segment in segments_from_markdown(text):
        assert segment.text == " ".join(segment.text.split())
        assert segment.text


@given(st.text(alphabet="*_#>`-|[]()! \nab1.<", max_size=200))
def test_any_markup_parses(text: str) -> None:
    assert all(segment.text for segment in segments_from_markdown(text))
