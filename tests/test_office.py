"""Word documents and PowerPoint's speaker notes."""

from __future__ import annotations

import io
import struct
import time
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import pptx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_tasks.errors import InputError, SourceError, TextTooLongError
from tts_tasks.request import Markup
from tts_tasks.script import archives
from tts_tasks.script.escapes import escaped, fenced, one_line
from tts_tasks.script.markdown import segments_from_markdown
from tts_tasks.script.readers import read_document
from tts_tasks.script.segments import segments_of
from tts_tasks.values import Segment, Structure

W = nsdecls("w")


def saved(document: Any, path: Path) -> Path:
    document.save(str(path))
    return path


def markdown_of(path: Path) -> str:
    document = read_document(path, max_chars=100_000)
    assert (document.markup, document.first_line) == (Markup.MARKDOWN, None)
    return document.text


def segments(path: Path) -> list[Segment]:
    return segments_from_markdown(markdown_of(path))


def texts(path: Path) -> list[str]:
    return [segment.text for segment in segments(path)]


def body_of(xml: str) -> Any:
    """Return a document whose body is the XML."""
    document = docx.Document()
    for element in parse_xml(f"<w:body {W}>{xml}</w:body>"):
        document.element.body.insert(len(document.element.body) - 1, element)
    return document


def p(*runs: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{''.join(runs)}</w:p>"


def r(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def presentation(*slides: tuple[str | None, str | None]) -> Any:
    """Return a presentation of slides with a title and notes each, None for none."""
    made = pptx.Presentation()
    for title, notes in slides:
        slide = made.slides.add_slide(made.slide_layouts[6 if title is None else 5])
        if title is not None:
            slide.shapes.title.text = title
        if notes is not None:
            slide.notes_slide.notes_text_frame.text = notes
    return made


def test_a_document_is_markdown_in_its_order(tmp_path: Path) -> None:
    made = docx.Document()
    made.add_heading("Curso de Python", 0)
    made.add_heading("Começo #1", 2)
    made.add_paragraph("Um *texto*\ncom quebra.")
    made.add_paragraph("um", style="List Bullet")
    made.add_paragraph("dois", style="List Number 2")
    table = made.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ("Plano", "Preço", "Pro", "R$ 5|mês"), strict=True):
        cell.text = text
    made.add_paragraph("citado", style="Intense Quote")
    made.add_paragraph("")
    path = saved(made, tmp_path / "a.docx")
    assert markdown_of(path) == (
        "# Curso de Python\n\n## Começo \\#1\n\nUm \\*texto\\* com quebra.\n\n- um\n- dois\n\n"
        "| Plano | Preço |\n| --- | --- |\n| Pro | R$ 5\\|mês |\n\n> citado"
    )
    assert [(s.text, s.structure) for s in segments(path)] == [
        ("Curso de Python", Structure.HEADING),
        ("Começo #1", Structure.HEADING),
        ("Um *texto* com quebra.", Structure.PARAGRAPH),
        ("um", Structure.LIST_ITEM),
        ("dois", Structure.LIST_ITEM),
        ("Plano: Pro; Preço: R$ 5|mês.", Structure.TABLE_ROW),
        ("citado", Structure.QUOTE),
    ]


def test_styles_of_the_authors_own_mean_what_they_are_based_on(tmp_path: Path) -> None:
    made = docx.Document()
    for name, base in (("Minha Aula", "Heading 3"), ("Marcador", "List Bullet"), ("Fala", "Quote")):
        made.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH).base_style = made.styles[base]
        made.add_paragraph(name, style=name)
    path = saved(made, tmp_path / "a.docx")
    assert markdown_of(path) == "### Minha Aula\n\n- Marcador\n\n> Fala"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ("", "Oi"),
        ('<w:outlineLvl w:val="1"/>', "## Oi"),
        ('<w:outlineLvl w:val="9"/>', "Oi"),
        ('<w:pStyle w:val="Heading1"/>', "# Oi"),
        ('<w:pStyle w:val="Heading1"/><w:outlineLvl w:val="9"/>', "Oi"),
        ('<w:numPr><w:ilvl w:val="0"/><w:numId w:val="3"/></w:numPr>', "- Oi"),
        ('<w:pStyle w:val="ListBullet"/>', "- Oi"),
        ('<w:pStyle w:val="ListBullet"/><w:numPr><w:numId w:val="0"/></w:numPr>', "Oi"),
        ('<w:pStyle w:val="ListParagraph"/>', "Oi"),
        ('<w:pStyle w:val="NaoExiste"/>', "Oi"),
    ],
)
def test_what_a_paragraph_is(tmp_path: Path, properties: str, expected: str) -> None:
    path = saved(body_of(p(r("Oi"), properties=properties)), tmp_path / "a.docx")
    assert markdown_of(path) == expected


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (r("a ") + f"<w:del>{r('b').replace('w:t', 'w:delText')}</w:del>" + r("c"), "a c"),
        (r("a ") + f"<w:ins>{r('b ')}</w:ins>" + r("c"), "a b c"),
        (f"<w:moveFrom>{r('a')}</w:moveFrom><w:moveTo>{r('b')}</w:moveTo>", "b"),
        (r("a ") + r("b", "<w:vanish/>") + r("c"), "a c"),
        (r("a ") + r("b ", '<w:vanish w:val="0"/>') + r("c"), "a b c"),
        (r("a ") + f'<w:hyperlink w:anchor="x">{r("b")}</w:hyperlink>' + r(" c"), "a b c"),
        (r("a") + '<w:r><w:footnoteReference w:id="1"/></w:r>' + r("."), "a."),
        ('<w:r><w:instrText>PAGE</w:instrText></w:r>' + r("3"), "3"),
        ('<w:r><w:t>a</w:t><w:br/><w:t>b</w:t><w:tab/><w:t>c</w:t></w:r>', "a b c"),
        ('<w:r><w:t>guarda</w:t><w:noBreakHyphen/><w:t>chuva</w:t></w:r>', "guarda-chuva"),
        (f"<w:sdt><w:sdtContent>{r('a')}</w:sdtContent></w:sdt>", "a"),
    ],
)  # fmt: skip
def test_what_of_a_paragraph_is_read(tmp_path: Path, runs: str, expected: str) -> None:
    assert texts(saved(body_of(p(runs)), tmp_path / "a.docx")) == [expected]


def test_a_paragraph_whose_end_was_deleted_goes_on_in_the_next(tmp_path: Path) -> None:
    deleted = "<w:rPr><w:del w:id='1' w:author='a'/></w:rPr>"
    made = body_of(p(r("um "), properties=deleted) + p(r("dois")) + p(r("três")))
    assert texts(saved(made, tmp_path / "a.docx")) == ["um dois", "três"]


def test_text_boxes_and_the_table_of_contents_are_left_out(tmp_path: Path) -> None:
    box = (
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/'
        f'2006"><mc:Choice Requires="wps"><w:drawing>{p(r("caixa"))}</w:drawing></mc:Choice>'
        "</mc:AlternateContent>"
    )
    made = body_of(p(f"<w:r>{box}</w:r>", r("texto")))
    made.styles.add_style("toc 1", WD_STYLE_TYPE.PARAGRAPH)
    made.add_paragraph("Capítulo 1 ..... 3", style="toc 1")
    assert texts(saved(made, tmp_path / "a.docx")) == ["texto"]


def test_code_is_a_fence_that_the_policies_are_asked_about(tmp_path: Path) -> None:
    made = docx.Document()
    made.styles.add_style("Código", WD_STYLE_TYPE.PARAGRAPH)
    made.add_paragraph("Antes.")
    for line in ("def f():", "    return '```'", "", "f()"):
        made.add_paragraph(line, style="Código")
    made.add_paragraph("Depois.")
    path = saved(made, tmp_path / "a.docx")
    assert markdown_of(path) == (
        "Antes.\n\n````\ndef f():\n    return '```'\n\nf()\n````\n\nDepois."
    )
    assert texts(path) == ["Antes.", "Depois."]


def test_merged_cells_are_said_once(tmp_path: Path) -> None:
    made = docx.Document()
    table = made.add_table(rows=3, cols=3)
    for number, cell in enumerate(table._cells):
        cell.text = f"c{number}"
    table.cell(1, 0).merge(table.cell(2, 0)).text = "alto"
    table.cell(1, 1).merge(table.cell(1, 2)).text = "largo"
    assert texts(saved(made, tmp_path / "a.docx")) == ["c0: alto; c1: largo.", "c1: c7; c2: c8."]


def test_a_table_of_one_cell_is_a_frame(tmp_path: Path) -> None:
    made = docx.Document()
    cell = made.add_table(rows=1, cols=1).cell(0, 0)
    cell.text = "um"
    cell.add_paragraph("dois", style="List Bullet")
    assert markdown_of(saved(made, tmp_path / "a.docx")) == "um\n\n- dois"


def test_what_an_author_types_as_marks_is_found(tmp_path: Path) -> None:
    made = docx.Document()
    typed = "O [[Kaggle|/ˈkæɡəl/]] abre. [pausa 2s] [voz pm_alex]Boa noite.[/voz]"
    made.add_paragraph(typed)
    made.add_table(rows=2, cols=1).cell(1, 0).text = "[[esse quê ele|SQL]]"
    path = saved(made, tmp_path / "a.docx")
    assert texts(path) == [typed, "[[esse quê ele|SQL]]."]
    first, second, _ = segments_of(markdown_of(path), Markup.MARKDOWN)
    assert (first.text, first.pause_s) == ("O [[Kaggle|/ˈkæɡəl/]] abre.", 2.0)
    assert (second.text, second.voice) == ("Boa noite.", "pm_alex")


WRITTEN = st.text(
    st.one_of(
        st.sampled_from("\\`*_[](){}<>#+-.!|&;:~^=\"'/ 1aé"),
        st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"),
    ),
    max_size=60,
)


@given(WRITTEN, st.sampled_from(["Normal", "Heading 1", "List Bullet", "Quote"]))
@settings(max_examples=150, deadline=None)
def test_what_is_written_in_word_comes_back_as_it_was(text: str, style: str) -> None:
    from tts_tasks.script.word import blocks_of

    made = docx.Document()
    made.add_paragraph(text, style=style)
    markdown = unicodedata.normalize("NFC", "\n\n".join(blocks_of(made)))
    expected = one_line(unicodedata.normalize("NFC", text))
    assert "".join(s.text for s in segments_from_markdown(markdown)) == expected


@given(WRITTEN)
def test_escaped_text_comes_back_alone_and_in_a_table(text: str) -> None:
    text = one_line(text)
    assert [s.text for s in segments_from_markdown(escaped(text))] == [text] * bool(text)
    table = f"| a |\n| --- |\n| x{escaped(text, in_table=True)}x |\n"
    assert [s.text for s in segments_from_markdown(table)] == [f"a: x{text}x."]


@given(st.lists(st.text(alphabet="`~ a#\t", max_size=10), max_size=5))
def test_fenced_code_is_closed(code: list[str]) -> None:
    assert [s.text for s in segments_from_markdown(f"{fenced(code)}\n\nfim")] == ["fim"]


def test_slides_give_their_titles_and_notes(tmp_path: Path) -> None:
    made = presentation(
        ("Abertura", "Olá!\nBem-vindos."),
        ("Abertura", "Continuando."),
        ("Só título", None),
        (None, "Sem *título*."),
        (None, None),
        ("Oculto", "Segredo."),
        ("Fim", "- tchau\vaté"),
    )
    made.slides[5].element.set("show", "0")
    path = saved(made, tmp_path / "a.pptx")
    assert markdown_of(path) == (
        "# Abertura\n\nOlá!\n\nBem-vindos.\n\nContinuando.\n\n# Só título\n\nSem \\*título\\*.\n\n"
        "# Fim\n\n\\- tchau até"
    )
    assert texts(path)[-1] == "- tchau até"


@pytest.mark.parametrize("notes", [None, "", "  "])
def test_a_presentation_without_notes_says_what_to_do(tmp_path: Path, notes: str | None) -> None:
    path = saved(presentation(("Título", notes)), tmp_path / "a.pptx")
    with pytest.raises(SourceError, match="no speaker notes") as caught:
        read_document(path, max_chars=100)
    assert "notes" in str(caught.value.remedy)
    hidden = presentation(("Título", None), ("Oculto", "Oi."))
    hidden.slides[1].element.set("show", "0")
    with pytest.raises(SourceError, match="no speaker notes"):
        read_document(saved(hidden, path), max_chars=100)


def word(path: Path) -> Path:
    made = docx.Document()
    made.add_paragraph("Um texto.")
    return saved(made, path)


def slides(path: Path) -> Path:
    return saved(presentation(("Título", "Um texto.")), path)


KINDS: tuple[tuple[str, Callable[[Path], Path]], ...] = (("a.docx", word), ("a.pptx", slides))


def refused(path: Path, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        read_document(path, max_chars=1_000)
    assert path.name in str(caught.value)
    assert caught.value.field == "source"
    assert caught.value.remedy


@pytest.mark.parametrize(("name", "make"), KINDS)
def test_a_file_that_is_something_else(
    tmp_path: Path, name: str, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path / name)
    assert "Um texto." in markdown_of(path)
    whole = path.read_bytes()
    path.write_bytes(b"")
    refused(path, "is not a")
    path.write_bytes(b"# Um texto em Markdown\n")
    refused(path, "whatever its name says")
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 512)
    refused(path, "protected by a password, or is an old")
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "not a whole")
    other = slides if make is word else word
    other(path)
    refused(path, "whatever its name says")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "oi")
    refused(path, "not a whole")


def rewritten(path: Path, change: Callable[[str, bytes], bytes], **more: bytes) -> Path:
    """Change the parts of an archive, and add some."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: change(name, archive.read(name)) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**parts, **more}.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_office_does_not_use(tmp_path: Path, method: int) -> None:
    path = word(tmp_path / "a.docx")
    with zipfile.ZipFile(path, "a", method) as archive:
        archive.writestr("media", b"a" * 100)
    refused(path, "compressed as Office never does")


def as_it_is(_: str, data: bytes) -> bytes:
    return data


@pytest.mark.parametrize(("name", "make"), KINDS)
def test_zip_bombs_are_refused_before_they_are_opened(
    tmp_path: Path, name: str, make: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    harmless = rewritten(make(tmp_path / name), as_it_is, media=b"\0" * 900_000)
    assert "Um texto." in markdown_of(harmless)
    bomb = rewritten(make(tmp_path / f"bomb-{name}"), as_it_is, media=b"\0" * 2_000_000)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    refused(bomb, "times larger decompressed")
    for limit, value, message in (
        ("MAX_TOTAL_BYTES", 10_000, "decompressed; the limit is 10,000"),
        ("MAX_PART_BYTES", 900, "has a part of"),
        ("MAX_PARTS", 3, "parts; the limit is 3"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(archives, limit, value)
            refused(harmless, message)


def test_sizes_that_lie_give_no_more_than_they_say(tmp_path: Path) -> None:
    path = rewritten(word(tmp_path / "a.docx"), as_it_is, media=b"\0" * 50_000_000)
    data = path.read_bytes()
    declared = struct.pack("<I", 50_000_000)
    assert data.count(declared) == 2
    path.write_bytes(data.replace(declared, struct.pack("<I", 1_000)))
    refused(path, "not a whole|cannot be read")


@pytest.mark.parametrize(("name", "make"), KINDS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_declared_document_types_are_refused(
    tmp_path: Path, name: str, make: Callable[[Path], Path], encoding: str
) -> None:
    entity = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'

    def declared(part: str, data: bytes) -> bytes:
        if part not in ("word/document.xml", "ppt/presentation.xml"):
            return data
        head, _, rest = data.decode().partition("?>")
        head = head.replace("UTF-8", encoding.upper())
        return f"{head}?>{entity}{rest}".encode(encoding)

    refused(rewritten(make(tmp_path / name), declared), "declares a document type or entities")


@pytest.mark.parametrize(("name", "make"), KINDS)
def test_an_encrypted_archive(tmp_path: Path, name: str, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path / name)
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 8] |= 1
        at = data.find(b"PK\x01\x02", at + 4)
    path.write_bytes(data)
    refused(path, "is encrypted")


@pytest.mark.parametrize(("name", "make"), KINDS)
def test_no_damage_crashes_the_reader(
    tmp_path: Path, name: str, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path / name)
    whole = path.read_bytes()
    for at in range(0, len(whole), len(whole) // 60):
        damaged = bytearray(whole)
        damaged[at : at + 6] = b"\xff\0<\xf0&;"
        for data in (bytes(damaged), whole[:at]):
            path.write_bytes(data)
            try:
                read_document(path, max_chars=1_000)
            except InputError as error:
                message = str(error)
                assert name in message


@pytest.mark.parametrize(("name", "make"), KINDS)
@pytest.mark.parametrize("mode", ["empty", "text", "other root"])
def test_parts_that_are_not_what_their_names_say(
    tmp_path: Path, name: str, make: Callable[[Path], Path], mode: str
) -> None:
    contents = {"empty": b"", "text": b"oi", "other root": b"<a/>"}
    with zipfile.ZipFile(io.BytesIO(make(tmp_path / name).read_bytes())) as archive:
        parts = archive.namelist()
    for victim in parts:
        path = rewritten(
            make(tmp_path / name),
            lambda part, data, v=victim: contents[mode] if part == v else data,
        )
        try:
            read_document(path, max_chars=1_000)
        except InputError as error:
            message = str(error)
            assert name in message


@pytest.mark.parametrize(("name", "make"), KINDS)
def test_ten_megabytes_in_one_line(tmp_path: Path, name: str, make: Callable[[Path], Path]) -> None:
    def long(part: str, data: bytes) -> bytes:
        return data.replace(b"Um texto.", b"".join(b"%d " % n for n in range(1_500_000)))

    start = time.process_time()
    refused(rewritten(make(tmp_path / name), long), "a paragraph of over 10,000,000 characters")
    assert time.process_time() - start < 10.0


def test_a_text_over_the_limit(tmp_path: Path) -> None:
    made = docx.Document()
    made.add_paragraph("a" * 50)
    path = saved(made, tmp_path / "a.docx")
    assert read_document(path, max_chars=50).text == "a" * 50
    with pytest.raises(TextTooLongError, match="50 characters; the limit is 49") as caught:
        read_document(path, max_chars=49, limit_setting="NARRATION_MAX_TEXT_CHARS")
    assert "NARRATION_MAX_TEXT_CHARS" in str(caught.value.remedy)
