"""Courses: folders of lessons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import docx
import pptx
import pytest

from tts_tasks.errors import (
    CourseError,
    EmptyTextError,
    InputError,
    SourceError,
    TextTooLongError,
)
from tts_tasks.request import Markup, Policies
from tts_tasks.script.chunks import Line, write_lines
from tts_tasks.script.course import Course, Lesson, read_course
from tts_tasks.script.course_fields import natural_key, slug
from tts_tasks.script.normalise import normalise
from tts_tasks.script.speaker import Said

SAMPLE = Path(__file__).parent.parent / "data" / "courses" / "python-para-analise-de-dados"


def make(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def read(folder: Path) -> Course:
    return read_course(folder, max_lesson_chars=1_000)


def test_a_folder_of_markdown_is_a_course(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "Meu Curso de Ação", **{"1-um.md": "# Início\n\nOi.", "2-dois.md": "Oi."}
    )
    course = read(folder)
    assert (course.id, course.title) == ("meu-curso-de-acao", "Meu Curso de Ação")
    assert (course.language, course.voice, course.provider) == ("pt-BR", None, "auto")
    assert (course.parameters, course.format) == ({}, "mp3")
    assert [(x.id, x.title, x.number) for x in course.lessons] == [
        ("um", "Início", 1),
        ("dois", "Dois", 2),
    ]


def test_lessons_are_in_natural_order(tmp_path: Path) -> None:
    names = ["aula-10.md", "aula-9.md", "aula-1.md", "README.md", ".oculto.md", "notas.txt"]
    folder = make(tmp_path / "c", **dict.fromkeys(names, "Oi."))
    assert [x.path.name for x in read(folder).lessons] == ["aula-1.md", "aula-9.md", "aula-10.md"]


def test_front_matter_orders_and_configures(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "c",
        a__md="---\nid: fim\ntitle: O fim\norder: 2\nvoice: pt-br+f2\ntags: [x]\n---\nOi.",
        b__md="---\norder: 1\nprovider: espeak\nparameters: {rate: 150}\n---\n# Começo\n\nOi.",
    )
    first, second = read(folder).lessons
    assert (first.id, first.title, first.provider) == ("b", "Começo", "espeak")
    assert first.parameters == {"rate": 150}
    assert (second.id, second.title, second.voice) == ("fim", "O fim", "pt-br+f2")
    assert second.text == "Oi."


def test_renaming_the_number_keeps_the_id(tmp_path: Path) -> None:
    one = read(make(tmp_path / "a", **{"01-intro.md": "Oi."})).lessons[0]
    two = read(make(tmp_path / "b", **{"07_intro.md": "Oi."})).lessons[0]
    assert one.id == two.id == "intro"


def test_course_yaml_decides(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "c",
        course__yaml=(
            "id: curso-x\ntitle: Curso X\nlanguage: en-us\nvoice: v\nprovider: kokoro\n"
            "parameters: {speed: 1.1}\nformat: opus\nlessons:\n"
            "  - 02-b.md\n  - a\n  - {id: ultima, file: c.txt, title: Última, voice: w}\n"
        ),
        **{"01-a.md": "Oi A.", "02-b.md": "Oi B.", "c.txt": "Oi.\n\n* C", "d.md": "fora"},
    )
    course = read(folder)
    assert (course.id, course.title, course.language) == ("curso-x", "Curso X", "en-us")
    assert (course.voice, course.provider, course.format) == ("v", "kokoro", "opus")
    assert course.parameters == {"speed": 1.1}
    assert [x.id for x in course.lessons] == ["b", "a", "ultima"]
    assert (course.lessons[2].title, course.lessons[2].voice) == ("Última", "w")
    assert [s.text for s in course.lessons[2].segments()] == ["Oi.", "* C"]


def test_course_yaml_overrides_front_matter(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "c",
        course__yaml="lessons:\n  - {file: a.md, title: Novo}\n",
        a__md="---\ntitle: Velho\nvoice: x\n---\nOi.",
    )
    lesson = read(folder).lessons[0]
    assert (lesson.title, lesson.voice) == ("Novo", "x")


def test_a_heading_that_repeats_the_title_is_said_once(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", a__md="---\ntitle: Olá\n---\n# Olá\n\nTexto.")
    lines = lines_of(read(folder).lessons[0])
    assert [line.written for line in lines] == ["Olá", "Texto."]


@dataclass(frozen=True)
class Voice:
    """A voice that the rules alone tell what to say."""

    def read(self, written: str) -> Said:
        return Said(normalise(written), ())

    def fits(self, spoken: str) -> bool:
        return len(spoken) <= 200


def lines_of(lesson: Lesson) -> list[Line]:
    return write_lines(lesson.segments(), lambda _: Voice())


def test_a_missing_folder_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no folder"):
        read(tmp_path / "nada")
    (tmp_path / "f.md").write_text("oi")
    with pytest.raises(SourceError, match="is a file, not a folder"):
        read(tmp_path / "f.md")


@pytest.mark.parametrize("files", [{}, {"README.md": "oi"}, {"course.yaml": "lessons: []"}])
def test_a_course_without_lessons(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(CourseError, match="has no lessons"):
        read(make(tmp_path / "c", **files))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("lessons: [a.md\ntitle: x", r"course\.yaml: broken YAML at line 2"),
        ("- a\n- b", "it is a list, not a mapping"),
        ("titel: x\nlessons: [a.md]", "unknown key 'titel'.*did you mean title"),
        ("lessons:\n  - {file: a.md, voz: x}", r"unknown key 'voz' in lessons\[1\]"),
        ("lessons: a.md", "lessons is text, not a list"),
        ("lessons: [[a.md]]", "needs a file name or an id"),
        ("lessons: [{title: x}]", "needs a file name or an id"),
        ("lessons: [null]", "needs a file name or an id, got empty"),
        ("title: [x]\nlessons: [a.md]", "title in course.yaml is a list, not text"),
        ("parameters: 3\nlessons: [a.md]", "not a mapping"),
        ("parameters: {rate: [1]}\nlessons: [a.md]", "the parameter rate"),
        ("id: Ação!\nlessons: [a.md]", "write it as acao"),
        ("lessons:\n  - {file: a.md, path: a.md}", "mean the same"),
    ],
)
def test_a_broken_course_yaml(tmp_path: Path, config: str, message: str) -> None:
    folder = make(tmp_path / "c", course__yaml=config, a__md="Oi.")
    with pytest.raises(InputError, match=message) as caught:
        read(folder)
    assert caught.value.field
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", EmptyTextError),
        (b"--- \n\n...", EmptyTextError),
        (b"```\ncode only\n```", EmptyTextError),
        (b"a\0b", SourceError),
        ("lição".encode("latin-1"), SourceError),
        (b"a" * 1_001, TextTooLongError),
        (b"---\na: b: c\n---\n", SourceError),
        (b"---\nid: A B\n---\nOi.", CourseError),
        (b"---\nvoce: x\n---\nOi.", CourseError),
        (b"---\norder: primeiro\n---\nOi.", CourseError),
        (b"---\nparameters: x\n---\nOi.", CourseError),
    ],
)
def test_a_bad_lesson_carries_its_error_and_the_others_stay(
    tmp_path: Path, data: bytes, kind: type[InputError]
) -> None:
    folder = make(tmp_path / "c", a__md="Oi A.", c__md="Oi C.")
    (folder / "b.md").write_bytes(data)
    lessons = {lesson.id: lesson for lesson in read(folder).lessons}
    error = lessons["b"].error
    assert isinstance(error, kind)
    assert error.field
    assert error.remedy
    assert "b.md" in str(error)
    assert lessons["b"].text == ""
    assert lessons["a"].error is None
    assert lessons["c"].error is None


def test_a_listed_file_that_is_missing(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", course__yaml="lessons: [a.md, introdusao.md]", a__md="Oi.",
                  introducao__md="Oi.")  # fmt: skip
    good, bad = read(folder).lessons
    assert good.error is None
    assert isinstance(bad.error, SourceError)
    assert "did you mean introducao.md?" in str(bad.error)


@pytest.mark.parametrize("name", ["../fora.md", "/etc/hostname", "sub/../../fora.md"])
def test_lessons_stay_inside_the_folder(tmp_path: Path, name: str) -> None:
    make(tmp_path, fora__md="segredo")
    folder = make(tmp_path / "c", course__yaml=f"lessons: [a.md, {name}]", a__md="Oi.")
    good, bad = read(folder).lessons
    assert good.error is None
    assert "outside the course's folder" in str(bad.error)
    assert bad.text == ""


@pytest.mark.parametrize("listed", [True, False])
def test_links_do_not_lead_outside(tmp_path: Path, listed: bool) -> None:
    make(tmp_path, fora__md="segredo")
    folder = make(tmp_path / "c", a__md="Oi.")
    (folder / "b.md").symlink_to(tmp_path / "fora.md")
    if listed:
        make(folder, course__yaml="lessons: [a.md, b.md]")
    good, bad = read(folder).lessons
    assert good.error is None
    assert "outside the course's folder" in str(bad.error)
    assert bad.text == ""


def test_lessons_that_share_an_id_all_carry_the_error(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", **{"1-x.md": "Oi.", "2-x.md": "Oi.", "3-y.md": "Oi."})
    first, second, third = read(folder).lessons
    for lesson in (first, second):
        assert isinstance(lesson.error, CourseError)
        assert "'x': 1-x.md, 2-x.md" in str(lesson.error)
    assert third.error is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Ação & Reação", "acao-reacao"), ("  A--b_c ", "a-b-c"), ("日本", ""), ("C#", "c")],
)
def test_slug(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_natural_key_survives_huge_numbers() -> None:
    names = ["a" + "9" * 5_000, "a10", "a9", "a"]
    assert sorted(names, key=natural_key) == ["a", "a9", "a10", "a" + "9" * 5_000]


def test_the_sample_course_is_whole() -> None:
    course = read_course(SAMPLE, max_lesson_chars=100_000)
    assert len(course.lessons) == 6
    assert [lesson.error for lesson in course.lessons] == [None] * 6
    lines = [line for lesson in course.lessons for line in lines_of(lesson)]
    words = [w for line in lines for w in line.written.split() if any(map(str.isalnum, w))]
    assert 1_350 <= len(words) <= 1_500
    for line in lines:
        assert not re.search(r"[0-9%$€#*_`|<>=+/\\@&°ºª]", line.spoken), line.spoken


def test_course_yml_is_read_like_course_yaml(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", course__yml="title: Curso\n", a__md="Oi.")
    assert read(folder).title == "Curso"


def test_both_endings_of_the_course_file_are_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", course__yml="title: a\n", course__yaml="title: b\n", a__md="Oi.")
    with pytest.raises(CourseError, match=r"course\.yaml and course\.yml"):
        read(folder)


def test_a_key_given_twice_in_the_course_file_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", course__yaml="title: a\ntitle: b\n", a__md="Oi.")
    with pytest.raises(SourceError, match="line 2: the key 'title' is given twice"):
        read(folder)


def test_a_lesson_has_its_own_language(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "c",
        course__yaml="lessons:\n- {file: a.md, language: es-ES}\n- b.md\n- c.md\n",
        a__md="Hola.",
        b__md="---\nlanguage: en-US\n---\nHi.",
        c__md="Oi.",
    )
    assert [x.language for x in read(folder).lessons] == ["es-ES", "en-US", None]


def test_a_lesson_language_that_is_not_text_is_its_error(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", a__md="---\nlanguage: [pt]\n---\nOi.", b__md="Oi.")
    first, second = read(folder).lessons
    assert isinstance(first.error, CourseError)
    assert second.error is None


def test_an_id_that_is_too_long_is_an_error_of_that_lesson(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "c",
        **{
            "a" * 100 + ".md": "Oi.",
            "b" * 101 + ".md": "Oi.",
            "c.md": f"---\nid: {'c' * 101}\n---\nOi.",
            "d" * 101 + ".md": "---\nid: d\n---\nOi.",
        },
    )
    fits, derived, given, shortened = read(folder).lessons
    assert fits.error is None
    assert shortened.error is None
    for lesson in (derived, given):
        assert isinstance(lesson.error, CourseError)
        assert "the limit is 100" in str(lesson.error)
        assert len(lesson.id) <= 100


def test_folders_without_a_latin_letter_have_different_ids(tmp_path: Path) -> None:
    ids = {read(make(tmp_path / name, a__md="Oi.")).id for name in ("日本語", "курс")}
    assert len(ids) == 2
    assert all(re.fullmatch(r"course-[0-9a-f]{8}", course_id) for course_id in ids)


def test_a_course_without_a_lexicon_has_an_empty_one(tmp_path: Path) -> None:
    assert read(make(tmp_path / "c", a__md="Oi.")).lexicon == {}


@pytest.mark.parametrize("name", ["lexicon.yaml", "lexicon.yml"])
def test_the_lexicon_in_the_folder_is_read_and_is_no_lesson(tmp_path: Path, name: str) -> None:
    course = read(make(tmp_path / "c", a__md="Oi.", **{name: "Kaggle: /ˈkæɡəl/\n"}))
    assert course.lexicon == {"Kaggle": "/ˈkæɡəl/"}
    assert [lesson.id for lesson in course.lessons] == ["a"]


def test_course_yaml_names_another_lexicon(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "c",
        course__yaml="lexicon: termos.yaml\n",
        a__md="Oi.",
        lexicon__yaml="a: b\n",
        termos__yaml="deploy: diplói\n",
    )
    course = read(folder)
    assert course.lexicon == {"deploy": "diplói"}
    assert len(course.lessons) == 1


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("../fora.yaml", "outside the course's folder"),
        ("/etc/hostname", "outside the course's folder"),
        ("a.md", "not named like a YAML file"),
        ("lexico.yaml", r"there is no file lexico\.yaml.*did you mean lexicon\.yaml\?"),
        ("[a]", "lexicon in course.yaml is a list"),
        ("true", "lexicon in course.yaml is true or false"),
    ],
)
def test_a_lexicon_that_cannot_be_used(tmp_path: Path, named: str, message: str) -> None:
    make(tmp_path, fora__yaml="a: b")
    folder = make(tmp_path / "c", a__md="Oi.", lexicon__yaml="a: b\n")
    make(folder, course__yaml=f"lexicon: {named}\n")
    with pytest.raises(InputError, match=message) as caught:
        read(folder)
    assert caught.value.remedy


def test_a_linked_lexicon_does_not_lead_outside(tmp_path: Path) -> None:
    make(tmp_path, fora__yaml="a: b")
    folder = make(tmp_path / "c", a__md="Oi.")
    (folder / "lexicon.yaml").symlink_to(tmp_path / "fora.yaml")
    with pytest.raises(SourceError, match="outside the course's folder"):
        read(folder)
    (folder / "lexicon.yaml").unlink()
    (folder / "lexicon.yaml").symlink_to(folder / "nada.yaml")
    with pytest.raises(SourceError, match="there is no file"):
        read(folder)


def test_two_lexicons_are_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", a__md="Oi.", lexicon__yaml="a: b", lexicon__yml="a: c")
    with pytest.raises(CourseError, match=r"lexicon\.yaml and lexicon\.yml"):
        read(folder)


def test_a_broken_lexicon_is_an_error_of_the_course(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", a__md="Oi.", lexicon__yaml="deploy: diplói\n2: dois\n")
    with pytest.raises(SourceError, match=r"lexicon\.yaml: line 2: YAML reads 2 as a number"):
        read(folder)


def test_a_listed_lexicon_is_no_lesson(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "c",
        course__yaml="lessons: [a.md, lexicon.yaml]",
        a__md="Oi.",
        lexicon__yaml="a: b",
    )
    good, bad = read(folder).lessons
    assert good.error is None
    assert "is a YAML file, not a lesson" in str(bad.error)


def test_a_title_shows_the_terms_of_marks(tmp_path: Path) -> None:
    course = read(make(tmp_path / "c", a__md="# O [[Kaggle|/ˈkæɡəl/]] hoje\n\nOi."))
    assert course.lessons[0].title == "O Kaggle hoje"


def test_a_lesson_of_one_mark_has_something_to_say(tmp_path: Path) -> None:
    [lesson] = read(make(tmp_path / "c", a__md="[[Kaggle|/ˈkæɡəl/]]")).lessons
    assert lesson.error is None


def test_a_course_takes_lessons_of_every_kind(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "c",
        **{
            "1-a.md": "# Um\n\nOi.",
            "2-b.srt": "1\n00:00:01,000 --> 00:00:02,000\nOi <i>dois</i>.\n",
            "3-c.vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\nOi três.\n",
            "4-d.ssml": "---\ntitle: Quatro\n---\n<speak>Oi <sub alias='x'>4</sub>.</speak>",
            "notas.txt": "fora",
            "~$5-e.docx": "fora",
        },
    )
    word = docx.Document()
    word.add_heading("Cinco", 1)
    word.add_paragraph("Oi *cinco*.")
    word.save(str(folder / "5-e.docx"))
    slides = pptx.Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[5])
    slide.shapes.title.text = "Seis"
    slide.notes_slide.notes_text_frame.text = "Oi seis."
    slides.save(str(folder / "6-f.pptx"))
    lessons = read(folder).lessons
    assert [(x.title, x.markup, x.error) for x in lessons] == [
        ("Um", Markup.MARKDOWN, None),
        ("B", Markup.TEXT, None),
        ("C", Markup.TEXT, None),
        ("Quatro", Markup.SSML, None),
        ("Cinco", Markup.MARKDOWN, None),
        ("Seis", Markup.MARKDOWN, None),
    ]
    assert [lesson.segments()[-1].text for lesson in lessons] == [
        "Oi.", "Oi dois.", "Oi três.", "Oi [[x|4]].", "Oi *cinco*.", "Oi seis.",
    ]  # fmt: skip


def test_a_lesson_and_its_captions_share_an_id(tmp_path: Path) -> None:
    captions = "1\n00:00:01,000 --> 00:00:02,000\nOi.\n"
    first, second = read(make(tmp_path / "c", aula__md="Oi.", aula__srt=captions)).lessons
    assert "'aula': aula.md, aula.srt" in str(first.error)
    assert "'aula': aula.md, aula.srt" in str(second.error)


def test_lessons_know_their_first_line(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "c",
        a__md="---\ntitle: x\nvoice: y\n---\n\n# Oi\n",
        b__md="# Oi\n",
        course__yaml="lessons: [a, b, c.txt]",
        c__txt="---\ntitle: x\n---\nOi.\n\nFim.",
    )
    lessons = read(folder).lessons
    assert [x.first_line for x in lessons] == [5, 1, 4]
    assert [[s.line for s in x.segments()] for x in lessons] == [[6], [1], [4, 6]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\ntitle: x\n---\n# Oi\n\n```py\nx\n", r"a\.md, line 6: the block of code"),
        ("Oi.\n\n<!-- nota\n\nfim", r"a\.md, line 3: <!-- is never closed"),
        ("Oi.\n\n[voz x]Fim.", r"a\.md, line 3: \[voz x\] is never closed"),
        ("---\ntitle: x: y\n---\nOi.", r"a\.md: broken YAML at line 2"),
    ],
)
def test_an_error_of_a_lesson_names_its_file_and_line(
    tmp_path: Path, text: str, message: str
) -> None:
    bad, good = read(make(tmp_path / "c", a__md=text, b__md="Oi.")).lessons
    assert good.error is None
    assert bad.text == ""
    assert bad.error
    assert re.search(message, str(bad.error))
    assert bad.error.remedy


def test_policies_are_overridden_key_by_key(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "c",
        course__yaml=(
            "policies: {code: announce, tables: skip}\nlessons:\n- a.md\n"
            "- {file: b.md, policies: {urls: full}}\n- {file: c.md, policies: {code: skip}}\n"
        ),
        a__md="Oi.",
        b__md="---\npolicies: {urls: skip, tables: read}\n---\nOi.\n\n```\nx\n```\n",
        c__md="---\npolicies: {code: read}\n---\nOi.\n\n```\nx\n```\n",
    )
    lessons = read(folder).lessons
    assert [(x.policies.code, x.policies.tables, x.policies.urls) for x in lessons] == [
        ("announce", "skip", "host"),
        ("announce", "read", "full"),
        ("skip", "skip", "host"),
    ]
    assert [s.text for s in lessons[1].segments()] == ["Oi.", "Veja o código na tela."]
    assert [s.text for s in lessons[2].segments()] == ["Oi."]
    [lesson] = read(make(tmp_path / "d", a__md="Oi.")).lessons
    assert lesson.policies == Policies()


@pytest.mark.parametrize(
    ("given", "field", "choices"),
    [
        ("{code: leia}", "policies.code", "use skip, announce, read"),
        ("{code: no}", "policies.code", "use skip, announce, read"),
        ("{tables: announce}", "policies.tables", "use read, skip"),
        ("{urls: [host]}", "policies.urls", "use host, skip, full"),
        ("{tabelas: skip}", "policies", "did you mean tables"),
        ("skip", "policies", "write it as"),
    ],
)
def test_wrong_policies_name_field_value_and_choices(
    tmp_path: Path, given: str, field: str, choices: str
) -> None:
    folder = make(tmp_path / "c", a__md=f"---\npolicies: {given}\n---\nOi.", b__md="Oi.")
    bad, good = read(folder).lessons
    assert good.error is None
    assert isinstance(bad.error, CourseError)
    assert (bad.error.field, "a.md" in str(bad.error)) == (field, True)
    assert choices in str(bad.error.remedy)
    assert bad.error.value
    make(folder, course__yaml=f"policies: {given}")
    with pytest.raises(CourseError, match=r"course\.yaml") as caught:
        read(folder)
    assert caught.value.field == field


def test_a_lexicon_may_say_a_term_by_provider(tmp_path: Path) -> None:
    lexicon = "GitHub:\n  say: guitirrâb\n  kokoro: /ɡˈitʃ hˈɐb/\n"
    course = read(make(tmp_path / "c", a__md="Oi.", lexicon__yaml=lexicon))
    assert course.lexicon == {"GitHub": {"say": "guitirrâb", "kokoro": "/ɡˈitʃ hˈɐb/"}}


def test_a_listed_file_of_a_kind_that_is_no_lesson(tmp_path: Path) -> None:
    folder = make(tmp_path / "c", course__yaml="lessons: [a.md, b.doc]", a__md="Oi.", b__doc="x")
    good, bad = read(folder).lessons
    assert good.error is None
    assert "b.doc is a .doc file, not a lesson" in str(bad.error)
    assert ".docx" in str(bad.error.remedy)


def test_documents_that_are_none_are_errors_of_their_lessons(tmp_path: Path) -> None:
    files = {
        "a.docx": "x",
        "b.pptx": "x",
        "c.srt": "x",
        "d.vtt": "x",
        "e.ssml": "<p>x",
        "f.md": "x",
    }
    *bad, good = read(make(tmp_path / "c", **files)).lessons
    assert good.error is None
    for lesson in bad:
        assert isinstance(lesson.error, InputError)
        assert lesson.path.name in str(lesson.error)
        assert lesson.error.remedy
