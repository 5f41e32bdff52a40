"""The audiobook of a course: made from the library, renewed when something changed, never holed."""

import json
import shutil

import mutagen.mp4
import pytest
from PIL import Image

from flows.audiobook import audiobook_of, checked_output
from flows.contract import as_request
from flows.course_plan import Wishes, plan_lessons, published_folder
from flows.course_report import publish
from tests.support.audio import ebur128
from tests.support.command import narrate, narrate_json
from tts_tasks import steps
from tts_tasks.catalog.courses import read_manifest
from tts_tasks.catalog.library import Library
from tts_tasks.errors import CourseError, CoverError, OutputPathError
from tts_tasks.files import checksum
from tts_tasks.mastering.integrity import check_audio
from tts_tasks.script.course import read_course
from tts_tasks.settings import load_settings
from tts_tasks.values import Quality

LESSONS = {
    "01-abertura.md": "# Abertura\n\nBem-vindo ao curso. Vamos começar com calma.\n",
    "02-valores.md": "# Valores\n\nO plano custa R$ 30,00.\n",
    "03-despedida.md": "# Despedida\n\nAté a próxima aula.\n",
}


@pytest.fixture
def settings(home):
    return load_settings()


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "curso"
    folder.mkdir()
    for name, text in LESSONS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def cover(tmp_path):
    path = tmp_path / "capa.jpg"
    Image.effect_noise((300, 300), 60).convert("RGB").save(path)
    return path


def narrate_all(source, settings, *, but=()):
    """Narrate and publish a course as its flow does, without a server; return its folder."""
    from flows.contract import success

    course = read_course(source, max_lesson_chars=100_000)
    lessons = plan_lessons(course, source, settings)
    outcomes = {}
    for planned in lessons:
        if planned.script is None or planned.is_unchanged or planned.lesson.id in but:
            continue
        # Whatever the checks of takes think of so short a sentence.
        parameters = {**planned.parameters, "accept_flagged": True}
        request = as_request(settings, **parameters, first_line=planned.lesson.first_line)
        outcomes[planned.lesson.id] = success(steps.narrate(request, settings))
    publish(course, source, lessons, outcomes, settings)
    return published_folder(course, settings)


def make(source, settings, **options):
    return audiobook_of(source, Wishes(), settings, **options)


@pytest.fixture
def narrated(source, settings):
    """Return the course's folder after it was narrated and published."""
    narrate_all(source, settings)
    return source


def test_a_narrated_course_becomes_an_audiobook(narrated, settings, cover):
    book = make(narrated, settings, cover=cover)
    folder = settings.narrations / "curso"
    assert book.path == folder / "curso.m4b"
    assert not book.is_kept
    check_audio(book.path)
    loudness_lufs, peak_dbtp = ebur128(book.path)
    assert loudness_lufs == pytest.approx(-16, abs=0.3)
    assert peak_dbtp <= -1.5
    file = mutagen.mp4.MP4(book.path)
    assert file["\xa9nam"] == ["Curso"]
    assert file["\xa9ART"] == ["espeak pt-br"]
    assert bytes(file["covr"][0]) == cover.read_bytes()
    assert [chapter.title for chapter in file.chapters] == ["Abertura", "Valores", "Despedida"]
    lessons = [entry["duration_s"] for entry in read_manifest(folder)["lessons"]]
    starts = [chapter["start_s"] for chapter in book.chapters]
    # A second between them; an MP3 may end up to a frame later than what was encoded.
    assert starts[1] == pytest.approx(lessons[0] + 1, abs=0.06)
    assert starts[2] == pytest.approx(starts[1] + lessons[1] + 1, abs=0.06)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_the_manifest_says_what_the_audiobook_is(narrated, settings):
    book = make(narrated, settings)
    entry = read_manifest(book.path.parent)["audiobook"]
    assert set(entry) == {"file", "sha256", "duration_s", "fingerprint", "chapters"}
    assert entry["file"] == "curso.m4b"
    assert entry["sha256"] == checksum(book.path) == book.sha256
    assert [chapter["title"] for chapter in entry["chapters"]] == [
        "Abertura",
        "Valores",
        "Despedida",
    ]
    assert entry["chapters"][-1]["end_s"] == entry["duration_s"] == book.duration_s


def test_an_unchanged_course_keeps_its_audiobook(narrated, settings, cover):
    first = make(narrated, settings, cover=cover)
    before = first.path.stat()
    again = make(narrated, settings, cover=cover)
    after = again.path.stat()
    assert again.is_kept
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert again.as_entry() == first.as_entry()


def edit_title(source, cover):
    text = (source / "02-valores.md").read_text(encoding="utf-8")
    (source / "02-valores.md").write_text(f"---\ntitle: Preços\n---\n{text}", encoding="utf-8")


def edit_text(source, cover):
    (source / "03-despedida.md").write_text("# Despedida\n\nAté mais.\n", encoding="utf-8")


def edit_course_title(source, cover):
    (source / "course.yaml").write_text("title: Outro título\n", encoding="utf-8")


def edit_cover(source, cover):
    Image.effect_noise((310, 310), 60).convert("RGB").save(cover)


def edit_profile(source, cover):
    (source / "course.yaml").write_text("profile: broadcast\n", encoding="utf-8")


def edit_order(source, cover):
    (source / "02-valores.md").rename(source / "09-valores.md")


@pytest.mark.parametrize(
    "edit", [edit_title, edit_text, edit_course_title, edit_cover, edit_profile, edit_order]
)
def test_whatever_it_depends_on_renews_it(edit, narrated, settings, cover):
    first = make(narrated, settings, cover=cover)
    edit(narrated, cover)
    narrate_all(narrated, settings)
    again = make(narrated, settings, cover=cover)
    assert not again.is_kept
    assert again.sha256 != first.sha256
    assert read_manifest(again.path.parent)["audiobook"] == again.as_entry()
    assert make(narrated, settings, cover=cover).is_kept


def test_a_damaged_audiobook_is_made_again(narrated, settings):
    first = make(narrated, settings)
    with first.path.open("r+b") as file:
        file.seek(5_000)
        file.write(b"damage")
    again = make(narrated, settings)
    assert not again.is_kept
    assert again.sha256 == first.sha256 == checksum(again.path)


def test_narrating_the_course_again_keeps_the_audiobook(narrated, settings):
    book = make(narrated, settings)
    folder = narrate_all(narrated, settings)
    assert read_manifest(folder)["audiobook"] == book.as_entry()
    assert make(narrated, settings).is_kept


def test_a_lesson_that_is_not_narrated_is_named(source, settings):
    narrate_all(source, settings, but=("valores",))
    with pytest.raises(CourseError) as refused:
        make(source, settings)
    assert "1 of 3 lessons" in refused.value.message
    assert "valores (" in refused.value.message
    assert "abertura" not in refused.value.message
    assert refused.value.remedy == f"narrate them first: narrate course {source}"
    assert not list((settings.narrations / "curso").glob("*.m4b"))


def test_a_lesson_that_cannot_be_narrated_is_named(narrated, settings):
    (narrated / "04-nada.md").write_text("---\nvoice: ninguem\n---\nOlá.", encoding="utf-8")
    with pytest.raises(CourseError, match=r"nada \(.*ninguem"):
        make(narrated, settings)


def test_a_flagged_lesson_waits_for_somebody_to_accept_it(narrated, settings):
    course = read_course(narrated, max_lesson_chars=100_000)
    library = Library(settings.library)
    chunk = plan_lessons(course, narrated, settings)[1].script.chunks[-1]
    library.note_quality(library.find_utterance(chunk), Quality(("too_short",), {}, 2.0))
    with pytest.raises(CourseError, match=r"valores \(1 sentence\(s\) failed .*O plano custa"):
        make(narrated, settings)
    (narrated / "course.yaml").write_text("accept_flagged: true\n", encoding="utf-8")
    assert make(narrated, settings).path.is_file()


def test_a_flagged_lesson_that_was_published_was_accepted(narrated, settings):
    course = read_course(narrated, max_lesson_chars=100_000)
    library = Library(settings.library)
    chunk = plan_lessons(course, narrated, settings)[1].script.chunks[-1]
    library.note_quality(library.find_utterance(chunk), Quality(("too_short",), {}, 2.0))
    path = settings.narrations / "curso" / "course.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["lessons"][1]["flagged"] += [chunk.key]
    path.write_text(json.dumps(manifest), encoding="utf-8")
    assert make(narrated, settings).path.is_file()


def test_a_bad_cover_is_refused_before_any_work(source, settings, cover):
    cover.write_text("nada")
    with pytest.raises(CoverError):
        make(source, settings, cover=cover)


def test_the_course_names_its_cover(narrated, settings, cover):
    shutil.copy(cover, narrated / "capa.jpg")
    (narrated / "course.yaml").write_text("cover: capa.jpg\n", encoding="utf-8")
    book = make(narrated, settings)
    assert bytes(mutagen.mp4.MP4(book.path)["covr"][0]) == cover.read_bytes()


@pytest.mark.parametrize("named", ["../capa.jpg", "/capa.jpg"])
def test_a_cover_outside_the_course_is_refused(source, named):
    (source / "course.yaml").write_text(f"cover: {named}\n", encoding="utf-8")
    with pytest.raises(CourseError, match="outside"):
        read_course(source, max_lesson_chars=100_000)


def test_an_output_elsewhere_leaves_the_course_alone(narrated, settings, tmp_path):
    elsewhere = make(narrated, settings, output=tmp_path / "fora" / "livro.m4b")
    folder = settings.narrations / "curso"
    assert "audiobook" not in read_manifest(folder)
    assert not list(folder.glob("*.m4b"))
    published = make(narrated, settings)
    assert published.sha256 == elsewhere.sha256
    copied = make(narrated, settings, output=tmp_path / "copia.m4b")
    assert (tmp_path / "copia.m4b").read_bytes() == published.path.read_bytes()
    assert copied.path == tmp_path / "copia.m4b"


def test_an_output_that_cannot_be_is_refused(settings, tmp_path):
    for path in (tmp_path, tmp_path / "livro.mp3", tmp_path / "livro"):
        with pytest.raises(OutputPathError):
            checked_output(path, settings)
    with pytest.raises(OutputPathError, match="outside"):
        checked_output(tmp_path.parent.parent.parent.parent / "etc" / "livro.m4b", settings)


def test_the_command_prints_path_duration_and_chapters(narrated, home, cover):
    done = narrate("audiobook", narrated, "--cover", cover, home=home)
    assert done.returncode == 0, done.stderr
    assert str(home / "data" / "narrations" / "curso" / "curso.m4b") in done.stdout
    assert "3 chapter(s)" in done.stdout
    assert all(title in done.stdout for title in ("Abertura", "Valores", "Despedida"))
    again = narrate_json("audiobook", narrated, "--cover", cover, home=home)
    assert again["status"] == "unchanged"
    assert [chapter["title"] for chapter in again["chapters"]] == [
        "Abertura",
        "Valores",
        "Despedida",
    ]


def test_the_command_refuses_in_one_line(source, home, cover):
    done = narrate("audiobook", source, home=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "narrate course" in done.stderr
    cover.write_text("nada")
    refused = narrate_json("audiobook", source, "--cover", cover, home=home, status=2)
    assert refused["error"]["field"] == "cover"


def test_a_book_is_stale_until_it_is_made_again(narrated, settings):
    make(narrated, settings)
    folder = settings.narrations / "curso"
    assert "is_stale" not in read_manifest(folder)["audiobook"]
    lesson = narrated / "02-valores.md"
    lesson.write_text("# Valores\n\nO plano custa R$ 40,00.\n", encoding="utf-8")
    narrate_all(narrated, settings)
    assert read_manifest(folder)["audiobook"]["is_stale"]
    make(narrated, settings)
    assert "is_stale" not in read_manifest(folder)["audiobook"]


def test_a_take_that_the_library_lost_is_spoken_again(narrated, settings):
    lost = [
        path
        for path in (settings.library / "objects").rglob("*.json")
        if json.loads(path.read_text(encoding="utf-8"))["kind"] == "utterance"
    ]
    for path in lost:
        path.with_suffix(".flac").unlink()
    assert make(narrated, settings).duration_s > 5
