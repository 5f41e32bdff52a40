"""What recurs across courses, asked of libraries that were narrated by hand."""

import pytest

from tests.support.catalog import VOICE, make_mastered, make_script, register_chunk, spoken_of
from tts_tasks.catalog.index import index
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.lookup import look_up
from tts_tasks.catalog.recurring import recurring_phrases
from tts_tasks.catalog.register import register


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library", durable=False)


@pytest.fixture
def narrate(library, tmp_path):
    """Return a function that narrates a lesson of a course."""

    def narrated(lesson, *texts):
        course, _, name = lesson.partition("/")
        script = make_script(*texts)
        spoken = spoken_of(look_up(script, library), library)
        mastered = make_mastered(tmp_path / "mastered.mp3", script)
        register(spoken, mastered, library, course=course or None, lesson=name or None)

    return narrated


def written(library, *arguments, **options):
    found = recurring_phrases(library.root, *arguments, **options)
    return [(each.written, each.courses) for each in found]


def test_what_two_courses_say_recurs(library, narrate):
    narrate("a/1", "Bom dia!", "Só em A.")
    narrate("b/1", "Só em B.", "Bom dia!")
    [phrase] = recurring_phrases(library.root)
    assert (phrase.written, phrase.courses) == ("Bom dia!", ("a", "b"))
    assert phrase.duration_s == pytest.approx(0.1)
    assert phrase.weight_s == pytest.approx(0.2)
    [said] = phrase.renditions
    assert (said.provider, said.voice, said.spoken) == ("espeak", VOICE, "Bom dia!")


@pytest.mark.parametrize("indexed", [False, True])
def test_what_the_index_has_not_seen_counts_too(library, narrate, indexed):
    narrate("a/1", "Bom dia!")
    if indexed:
        index(library.root)
    narrate("b/1", "Bom dia!")
    assert written(library) == [("Bom dia!", ("a", "b"))]


def test_what_one_course_says_twice_does_not(library, narrate):
    narrate("a/1", "Bom dia!")
    narrate("a/2", "Bom dia!")
    narrate("", "Bom dia!")
    assert written(library) == []
    assert written(library, 1) == [("Bom dia!", ("a",))]


def test_what_was_edited_away_does_not_count(library, narrate):
    narrate("a/1", "Bom dia!")
    narrate("b/1", "Bom dia!")
    narrate("b/1", "Boa tarde!")
    assert written(library) == []
    narrate("b/1", "Bom dia!")
    assert written(library) == [("Bom dia!", ("a", "b"))]


def test_the_phrase_of_more_courses_comes_first(library, narrate):
    narrate("a/1", "De dois.", "De três.")
    narrate("b/1", "De três.", "De dois.")
    narrate("c/1", "De três.")
    assert written(library) == [("De três.", ("a", "b", "c")), ("De dois.", ("a", "b"))]
    assert written(library, limit=1) == [("De três.", ("a", "b", "c"))]
    assert written(library, 3) == [("De três.", ("a", "b", "c"))]
    assert written(library, without={"c"})[0][1] == ("a", "b")


def test_an_id_is_no_sql(library, narrate):
    narrate("d'água/1", "Bom dia!")
    narrate("b/1", "Bom dia!")
    assert written(library) == [("Bom dia!", ("b", "d'água"))]
    assert written(library, without=["d'água"]) == []


def test_audio_that_was_removed_is_not_there(library, narrate):
    narrate("a/1", "Bom dia!")
    narrate("b/1", "Bom dia!")
    register_chunk(library, "Bom dia!").path.unlink()
    [phrase] = recurring_phrases(library.root)
    assert phrase.renditions == ()


def test_an_empty_library_has_none(library):
    assert recurring_phrases(library.root) == []
