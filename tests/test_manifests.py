"""A course in one file: YAML with its lessons' texts, or a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.errors import CourseError, InputError, SourceError, TextTooLongError
from tts_tasks.request import Markup
from tts_tasks.script.course import Course, read_course


def make(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8", newline="")
    return folder


def read(folder: Path, name: str = "curso.csv") -> Course:
    return read_course(folder / name, max_lesson_chars=1_000)


def refused(path: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_course(path, max_lesson_chars=1_000)
    assert caught.value.field
    assert caught.value.remedy


TABLE = (
    "id,title,text,file,language,voice,provider,markup\n"
    'oi,Olá,"Um texto,\ncom ""aspas"".\n\nDois.",,,,,\n'
    "b,,,b.md,en-US,v,kokoro,\n"
    "c,Três,# Título,,,,,markdown\n"
)


def test_a_table_is_a_course(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", **{"Meu Curso.csv": TABLE}, b__md="# Lição B\n\nOi.")
    course = read(folder, "Meu Curso.csv")
    assert (course.id, course.title, course.language) == ("meu-curso", "Meu Curso", "pt-BR")
    first, second, third = course.lessons
    assert [(x.id, x.title, x.number, x.error) for x in course.lessons] == [
        ("oi", "Olá", 1, None),
        ("b", "Lição B", 2, None),
        ("c", "Três", 3, None),
    ]
    assert first.text == 'Um texto,\ncom "aspas".\n\nDois.'
    assert (first.markup, first.path.name, first.first_line) == (Markup.TEXT, "Meu Curso.csv", 2)
    assert [(s.text, s.line) for s in first.segments()] == [
        ('Um texto, com "aspas".', 2),
        ("Dois.", 5),
    ]
    assert (second.language, second.voice, second.provider) == ("en-US", "v", "kokoro")
    assert (second.path.name, second.markup) == ("b.md", Markup.MARKDOWN)
    assert (third.markup, third.first_line) == (Markup.MARKDOWN, 7)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_as_programs_save_tables(tmp_path: Path, delimiter: str, end: str, mark: str) -> None:
    rows = (("ID", " Title ", "text"), ("a", "A", '"x; y, z\tw"'), ("b", "B", "dois"), ("", "", ""))
    text = mark + "".join(delimiter.join(row) + end for row in rows)
    course = read(make(tmp_path / "c", curso__csv=text))
    assert [(x.id, x.text) for x in course.lessons] == [("a", "x; y, z\tw"), ("b", "dois")]


def test_the_column_order_decides(tmp_path: Path) -> None:
    text = 'id;text;order\na;Um.;10\nb;Dois.;\nc;Três.;2\nd;Quatro.;"2,5"\n'
    course = read(make(tmp_path / "c", curso__csv=text))
    assert [(x.id, x.number) for x in course.lessons] == [("c", 1), ("d", 2), ("a", 3), ("b", 4)]


def test_an_id_is_made_of_the_title(tmp_path: Path) -> None:
    course = read(make(tmp_path / "c", curso__csv="title,text\nBoas-vindas!,Oi.\n"))
    assert [(x.id, x.title) for x in course.lessons] == [("boas-vindas", "Boas-vindas!")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "curso.csv, line 1: it is empty"),
        ("id,titel,text\n", "curso.csv, line 1: there is no column 'titel'.*did you mean title"),
        ("id,text,text\n", "curso.csv, line 1: the column 'text' is there twice"),
        ("id,title\na,b\n", "curso.csv, line 1: there is no column for the text"),
        ("id|text\na|b\n", "curso.csv, line 1: there is no column"),
        ("id,text\na,b\nc,d,e\n", "curso.csv, line 3: it has 3 fields; the header has 2 columns"),
        ('id,text\na,"b\nc"\nd\n', "curso.csv, line 4: it has 1 fields"),
        ('id,text\na,"b\nc\n', "curso.csv, line 2: it is no CSV"),
        ('id,text\na,"b" c\n', "curso.csv, line 2: it is no CSV"),
        ("id,text,order\na,b,primeiro\n", "curso.csv, line 2: the order 'primeiro'"),
        ("id,text,order\na,b,nan\n", "curso.csv, line 2: the order 'nan'"),
        ("id,text\n", "has no lessons"),
        ("id,text\n,\n", "has no lessons"),
    ],
)
def test_a_table_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    refused(make(tmp_path / "c", curso__csv=text) / "curso.csv", message)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("b,,Dois.,b.md,", "line 3 has both a text and a file"),
        ("b,Título,,,", "line 3 has neither a text nor a file"),
        (",,Dois.,,", "line 3 has neither an id nor a title"),
        ("b,,,nada.md,", "there is no file nada.md"),
        ("b,,,../fora.md,", "outside the course's folder"),
        ("b,,,/etc/hostname,", "outside the course's folder"),
        ("b,,,b.exe,", "is a .exe file, not a lesson"),
        ("b,,Dois.,,html", "there is no markup 'html' in curso.csv, line 3"),
        ("b,,,b.md,text", "line 3 has a markup and a file"),
        ("Ação!,,Dois.,,", "write it as acao"),
        ("b,,...,,", "curso.csv, line 3 has nothing to say"),
        (f"b,,{'a' * 1_001},,", "curso.csv, line 3 has 1001 characters; the limit is 1000"),
        ('b,,"# x\n\n```\ny",,markdown', "curso.csv, line 5: the block of code"),
        ('b,,"<p>x</i>",,ssml', "curso.csv.* 3"),
    ],
)
def test_a_bad_row_is_the_error_of_its_lesson(tmp_path: Path, row: str, message: str) -> None:
    text = f"id,title,text,file,markup\na,,Um.,,\n{row}\nc,,Três.,,\n"
    make(tmp_path, fora__md="segredo")
    first, bad, last = read(make(tmp_path / "c", curso__csv=text, b__md="Oi.", b__exe="x")).lessons
    assert (first.error, last.error) == (None, None)
    assert (first.text, bad.text, last.text) == ("Um.", "", "Três.")
    with pytest.raises(InputError, match=message):
        raise bad.error
    assert bad.error.field
    assert bad.error.remedy


def test_ids_given_twice_name_their_lines(tmp_path: Path) -> None:
    text = 'id,text,file\na,"Um\ndois.",\nA,Três.,\nb,Quatro.,\na,,x.md\n'
    one, two, other, third = read(make(tmp_path / "c", curso__csv=text, x__md="Oi.")).lessons
    for lesson in (one, two, third):
        assert isinstance(lesson.error, CourseError)
        assert "curso.csv, line 2, curso.csv, line 4, x.md" in str(lesson.error)
    assert other.error is None


def test_a_manifest_over_the_limit_says_where_its_texts_belong(tmp_path: Path) -> None:
    for name in ("curso.csv", "curso.yaml"):
        path = make(tmp_path / "c", **{name: "a " * 600_000}) / name
        refused(path, "1200000 characters; the limit is 1000000.*files of their own")
    long = make(tmp_path / "c", curso__csv=f"id,text\na,{'a' * 140_000}\n") / "curso.csv"
    refused(long, "curso.csv, line 2: .*split a very long text")


def test_many_lessons_with_one_id_are_refused_fast(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", curso__csv="id,text\n" + "a,Oi.\n" * 5_000)
    assert "and 4995 more" in str(read(folder).lessons[-1].error)


def test_a_table_in_another_encoding_names_its_line(tmp_path: Path) -> None:
    path = make(tmp_path / "c") / "curso.csv"
    path.write_bytes(b"id,text\na,Um.\n" + "b,lição\n".encode("cp1252"))
    refused(path, "is not UTF-8: byte 0xe7 at offset 18, line 3")
    path.write_bytes("id,text\na,Um.\n".encode("utf-16"))
    refused(path, "UTF-16")


def test_a_table_has_the_lexicon_beside_it(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", curso__csv="id,text\na,Oi.\n", lexicon__yaml="deploy: diplói\n")
    assert read(folder).lexicon == {"deploy": "diplói"}


@given(st.text(alphabet='id,text;\n"a \tfle', max_size=80))
def test_any_table_is_read_or_refused(tmp_path_factory, text: str) -> None:
    folder = tmp_path_factory.mktemp("c")
    for source in (text, f"id,text,file\n{text}"):
        make(folder, curso__csv=source)
        try:
            read(folder)
        except (SourceError, CourseError) as error:
            message = str(error)
            assert "curso.csv" in message


MANIFEST = """\
title: Curso X
language: en-US
policies: {code: announce}
lessons:
  - id: oi
    text: |

      # Hi

      ```
      x
      ```
  - title: Segunda aula
    text: "Uma frase."
    markup: text
    policies: {tables: skip}
  - b.txt
"""


def test_a_yaml_file_is_a_course(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", **{"curso-x.yaml": MANIFEST}, b__txt="Oi.", d__md="fora")
    course = read(folder, "curso-x.yaml")
    assert (course.id, course.title, course.language) == ("curso-x", "Curso X", "en-US")
    first, second, third = course.lessons
    assert (first.id, first.title, first.markup) == ("oi", "Hi", Markup.MARKDOWN)
    heading, code = first.segments()
    assert (heading.text, heading.line, code.line) == ("Hi", 8, 11)
    assert (second.id, second.title, second.markup) == ("segunda-aula", "Segunda aula", Markup.TEXT)
    assert (second.first_line, second.policies.code, second.policies.tables) == (
        14,
        "announce",
        "skip",
    )
    assert (third.id, third.markup, third.path.name) == ("b", Markup.TEXT, "b.txt")
    assert all(lesson.error is None for lesson in course.lessons)


def test_the_id_of_a_manifest_may_be_given(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", a__yml="id: meu\nlessons: [{id: x, text: Oi.}]")
    assert read(folder, "a.yml").id == "meu"


def test_course_yaml_may_hold_texts_and_may_be_named_itself(tmp_path: Path) -> None:
    folder = make(tmp_path / "meu-curso", course__yaml="lessons: [{id: x, text: Oi.}]")
    by_folder = read_course(folder, max_lesson_chars=1_000)
    assert by_folder == read(folder, "course.yaml")
    assert (by_folder.id, by_folder.lessons[0].text) == ("meu-curso", "Oi.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: x", "has no lessons"),
        ("", "has no lessons"),
        ("lessons: []", "has no lessons"),
        ("lessons: [{id: a, text: b, file: c.md}]", "line 1 has both a text and a file"),
        ("lessons:\n- a.md\n- {file: a.md, markup: text}", "line 3 has a markup and a file"),
        ("lessons:\n- a.md\n- {titel: x}", r"unknown key 'titel' in lessons\[2\], line 3"),
        ("lessons:\n- a.md\n- {title: x}", "needs a file name or an id, got empty in line 3"),
        ("lessons: [a.md\n", "curso.yaml: broken YAML at line 2"),
        ("titel: x\nlessons: [a.md]", "unknown key 'titel' in curso.yaml"),
        ("policies: {code: leia}\nlessons: [a.md]", "policies.code: .*use skip, announce, read"),
        ("policies: {codes: skip}\nlessons: [a.md]", "no policy 'codes' in curso.yaml.*mean code"),
        ("policies: skip\nlessons: [a.md]", "not a mapping"),
    ],
)
def test_a_yaml_manifest_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    refused(make(tmp_path / "c", curso__yaml=text, a__md="Oi.") / "curso.yaml", message)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("{id: b, text: 5}", "the text in curso.yaml, line 3 is a int, not text"),
        ("{id: b, text: }", "the text in curso.yaml, line 3 is empty, not text"),
        ("{text: Oi.}", "curso.yaml, line 3 has neither an id nor a title"),
        ("{id: b, text: Oi., markup: html}", "no markup 'html' in curso.yaml, line 3"),
        ("{id: b, text: Oi., policies: {urls: tudo}}", "policies.urls.*curso.yaml, line 3"),
        ("{id: b, text: Oi., voice: [a]}", "voice in curso.yaml, line 3 is a list"),
        ("{id: b, text: '...'}", "curso.yaml, line 3 has nothing to say"),
        ('{id: b, text: "```\\nx"}', "curso.yaml, line 3: the block of code"),
        ("{id: b, text: '[pausa 5 dias]'}", "curso.yaml, line 3: .*no pause"),
    ],
)
def test_a_bad_lesson_of_a_manifest(tmp_path: Path, item: str, message: str) -> None:
    text = f"lessons:\n- {{id: a, text: Um.}}\n- {item}\n- {{id: c, text: Três.}}\n"
    first, bad, last = read(make(tmp_path / "c", curso__yaml=text), "curso.yaml").lessons
    assert (first.error, last.error) == (None, None)
    with pytest.raises(InputError, match=message):
        raise bad.error
    assert bad.error.remedy


def test_a_broken_lesson_in_ssml_has_no_segments(tmp_path: Path) -> None:
    item = "{id: a, markup: ssml, text: <p>Oi.}"
    [bad] = read(make(tmp_path / "c", curso__yaml=f"lessons: [{item}]"), "curso.yaml").lessons
    assert bad.error
    assert bad.visible_text() == ""
    item = item.replace("Oi.", "Oi.</p>")
    [good] = read(make(tmp_path / "c", curso__yaml=f"lessons: [{item}]"), "curso.yaml").lessons
    assert good.visible_text() == "Oi."


def test_lessons_that_a_merge_brings_in(tmp_path: Path) -> None:
    text = "<<: {lessons: [{id: a, text: Oi.}]}\ntitle: X\n"
    [lesson] = read(make(tmp_path / "c", curso__yaml=text), "curso.yaml").lessons
    assert (lesson.text, lesson.error) == ("Oi.", None)


def test_an_inline_text_over_the_limit(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", curso__yaml=f"lessons: [{{id: a, text: {'a' * 1_001}}}]")
    [lesson] = read(folder, "curso.yaml").lessons
    assert isinstance(lesson.error, TextTooLongError)


def test_a_file_that_is_no_manifest(tmp_path: Path) -> None:
    refused(make(tmp_path / "c", a__md="Oi.") / "a.md", "is a file, not a folder")
    for name in ("nada.csv", "a\0b.csv", "x" * 5_000):
        refused(tmp_path / name, "there is no folder")
