"""Reading files as an author saved them, and plain text."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tts_tasks.errors import InputError, SourceError, TextTooLongError
from tts_tasks.request import Markup
from tts_tasks.script.readers import Document, read_document
from tts_tasks.script.segments import segments_from_text
from tts_tasks.script.sources import (
    load_yaml,
    read_source,
    split_front_matter,
)
from tts_tasks.values import Structure


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
        "---\nNota: nunca fecha\ncorpo",
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


def test_a_wrong_byte_late_in_the_file_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes("lição\n".encode() * 40 + "lição".encode("latin-1"))
    with pytest.raises(SourceError, match="byte 0xe7 at offset 322, line 41"):
        read_source(path, max_chars=1_000)
    path.write_bytes("lição\n".encode() * 41)
    assert read_source(path, max_chars=1_000).count("\n") == 41


def test_ten_megabytes_in_one_line_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"a " * 5_000_000)
    start = time.process_time()
    with pytest.raises(TextTooLongError, match="10000000 bytes"):
        read_source(path, max_chars=100_000)
    assert time.process_time() - start < 1.0


def test_yaml_that_grows_through_its_aliases_is_refused() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    with pytest.raises(SourceError, match="aliases stand for more than 200,000 values"):
        load_yaml(laughs, "course.yaml")
    with pytest.raises(SourceError, match="aliases"):
        load_yaml("a: &a [*a]", "course.yaml")
    assert load_yaml("a: &a [x]\nb: *a", "course.yaml") == {"a": ["x"], "b": ["x"]}


@pytest.mark.parametrize("escape", [r"\0", r"\ud83d"])
def test_yaml_that_escapes_what_is_no_character(escape: str) -> None:
    with pytest.raises(SourceError, match=r"U\+.* at line 3 is no character"):
        split_front_matter(f'---\na: b\ntitle: "x {escape}"\n---\n')
    assert split_front_matter('---\ntitle: "x \\u00e9"\n---\n') == ({"title": "x é"}, "")


@pytest.mark.parametrize(
    ("name", "markup"),
    [
        ("a.md", Markup.MARKDOWN),
        ("a.MARKDOWN", Markup.MARKDOWN),
        ("a.txt", Markup.TEXT),
        ("a.ssml", Markup.SSML),
        ("a.py", Markup.TEXT),
        ("LEIAME", Markup.TEXT),
    ],
)
def test_the_suffix_says_how_a_file_is_written(tmp_path: Path, name: str, markup: Markup) -> None:
    (tmp_path / name).write_text("---\na: b\n---\nOi.", encoding="utf-8")
    read = read_document(tmp_path / name, max_chars=100)
    assert read == Document("---\na: b\n---\nOi.", markup, 1)


@pytest.mark.parametrize("name", ["a.md", "a.docx", "a.pptx", "a.srt", "a.vtt", "a.ssml"])
def test_a_file_of_any_kind_that_is_missing_or_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        read_document(tmp_path / name, max_chars=100)
    (tmp_path / name).mkdir()
    with pytest.raises(SourceError, match="is a folder"):
        read_document(tmp_path / name, max_chars=100)


@pytest.mark.parametrize("name", ["a.md", "a.docx", "a.pptx", "a.srt", "a.vtt", "a.ssml", "a"])
@pytest.mark.parametrize("data", [b"", b"a\0b", b"PK\x03\x04\0", b"\xe9", b"\xff\xfea\0"])
def test_no_bytes_crash_a_reader(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    if not data and name in ("a.md", "a.ssml", "a"):
        assert read_document(tmp_path / name, max_chars=100).text == ""
        return
    with pytest.raises(InputError, match=name) as caught:
        read_document(tmp_path / name, max_chars=100)
    assert caught.value.remedy


def test_front_matter_that_is_never_closed_is_named() -> None:
    with pytest.raises(SourceError, match="never closed"):
        split_front_matter("---\ntitle: nunca fecha\n\nOi.")
