"""The manifest of a published course: what changed, what is stale, whose folder it is."""

from hashlib import sha256

import pytest

from tts_tasks.catalog.courses import (
    clear_away_stale,
    fingerprint,
    is_unchanged,
    read_manifest,
    refuse_another_course,
    write_manifest,
)
from tts_tasks.errors import CourseError
from tts_tasks.values import Chunk, Script, Tags


def script(written="Olá.", key="k" * 64):
    chunk = Chunk(written, "olá", "pt-br", key="c" * 64)
    return Script((chunk,), "espeak", "pt-br", "1", "mp3", "m", 4, key)


@pytest.mark.parametrize(
    ("other_script", "other_tags"),
    [
        pytest.param(script(key="l" * 64), Tags("Título", track=1), id="audio"),
        pytest.param(script(written="Olá!"), Tags("Título", track=1), id="caption"),
        pytest.param(script(), Tags("Outro", track=1), id="title"),
        pytest.param(script(), Tags("Título", track=2), id="number"),
        pytest.param(script(), Tags("Título", "Curso", track=1), id="course"),
    ],
)
def test_a_fingerprint_changes_with_all_that_is_published(other_script, other_tags):
    assert fingerprint(script(), Tags("Título", track=1)) != fingerprint(other_script, other_tags)


def test_a_lesson_is_unchanged_while_its_files_say_so(tmp_path):
    (tmp_path / "01-a.mp3").write_bytes(b"audio")
    published = {
        "fingerprint": "f",
        "files": {"01-a.mp3": sha256(b"audio").hexdigest()},
    }
    assert is_unchanged(tmp_path, published, "f")
    assert not is_unchanged(tmp_path, published, "g")
    assert not is_unchanged(tmp_path, None, "f")
    (tmp_path / "01-a.mp3").write_bytes(b"damage")
    assert not is_unchanged(tmp_path, published, "f")
    (tmp_path / "01-a.mp3").unlink()
    assert not is_unchanged(tmp_path, published, "f")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 99}', "\ud800"])
def test_a_manifest_that_makes_no_sense_counts_as_none(tmp_path, content):
    (tmp_path / "course.json").write_bytes(content.encode(errors="surrogatepass"))
    assert read_manifest(tmp_path) == {}


def test_a_renumbered_lesson_leaves_nothing_and_a_deleted_one_is_moved(tmp_path):
    for name in ("01-a.mp3", "02-a.mp3", "03-gone.mp3", "03-gone.vtt", "notes.txt", "course.json"):
        (tmp_path / name).write_text("x")
    moved = clear_away_stale(tmp_path, keep={"02-a.mp3"}, lesson_ids={"a"})
    assert moved == ["03-gone.mp3", "03-gone.vtt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "02-a.mp3",
        "course.json",
        "notes.txt",
        "removed",
    ]
    assert {path.name for path in (tmp_path / "removed").rglob("*.*") if path.is_file()} == {
        "03-gone.mp3",
        "03-gone.vtt",
    }


def test_every_kind_of_published_file_is_cleared_away(tmp_path):
    kinds = (
        "mp3", "flac", "wav", "opus", "m4a", "vtt", "srt",
        "sentences.json", "transcript.md", "transcript.html",
    )  # fmt: skip
    for kind in kinds:
        (tmp_path / f"01-a.{kind}").write_text("x")
    own = ["01-a.html", "01-a.json", "01-a.md", "01-a.txt"]
    for name in own:
        (tmp_path / name).write_text("x")
    assert clear_away_stale(tmp_path, keep=set(), lesson_ids={"a"}) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == own


@pytest.fixture
def published(tmp_path):
    """Return the published folder of a course whose lessons lie in ``tmp_path / 'source'``."""
    (tmp_path / "source").mkdir()
    folder = tmp_path / "published"
    lessons = [{"id": "a"}, {"id": "b"}]
    write_manifest(folder, {"source": str(tmp_path / "source"), "lessons": lessons})
    return folder


def test_another_course_of_the_same_name_is_refused(published, tmp_path):
    with pytest.raises(CourseError, match="another course already") as refusal:
        refuse_another_course(published, tmp_path / "elsewhere", {"x"})
    assert str(tmp_path / "source") in str(refusal.value)


def test_a_copied_course_is_the_same_course(published, tmp_path):
    refuse_another_course(published, tmp_path / "copy", {"b", "c"})


def test_a_moved_course_may_change_completely(published, tmp_path):
    (tmp_path / "source").rmdir()
    refuse_another_course(published, tmp_path / "moved", {"x"})


def test_the_same_folder_may_change_completely(published, tmp_path):
    refuse_another_course(published, tmp_path / "source", {"x"})
