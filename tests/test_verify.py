"""Every finished file, read again: damage is found, moved aside and made again."""

import json
import os
import shutil
import threading
import time

import pytest

from flows.narrate import generate_narration_sync
from tests.support.published import TEXT, publish_course
from tts_tasks import checks
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.objects import STALE_TEMPORARY_S
from tts_tasks.catalog.reading import query
from tts_tasks.errors import CancelledError
from tts_tasks.files import checksum
from tts_tasks.mastering.profile import FORMATS
from tts_tasks.settings import load_settings
from tts_tasks.verify import AHEAD, AT_ONCE, verify_library


@pytest.fixture(scope="module")
def narrated_home(tmp_path_factory):
    """A library of real narrations, one in each format, and a published course."""
    home = tmp_path_factory.mktemp("narrated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NARRATION_HOME", str(home))
        patch.setenv("NARRATION_DURABLE", "0")
        for extension in FORMATS:
            outcome = generate_narration_sync(TEXT, home / f"aula.{extension}")
            assert outcome["success"], outcome["error"]
        publish_course(home, "curso", TEXT)
    return home


@pytest.fixture
def settings(narrated_home, home):
    shutil.copytree(narrated_home, home, dirs_exist_ok=True)
    return load_settings()


@pytest.fixture
def published(settings):
    return settings.narrations / "curso"


def objects(settings, suffix, kind="narration"):
    """Return the audio of a kind, in order."""
    found = sorted((settings.library / "objects").rglob(f"*{suffix}"))
    return [path for path in found if sidecar_of(path)["kind"] == kind]


def sidecar_of(path):
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def keep(settings, path, audio):
    """Put other audio in the place of an object, as if it had been registered like that."""
    facts = sidecar_of(path)
    path.unlink()
    Library(settings.library).objects.put(facts["key"], path.suffix[1:], audio, facts)


def damages(settings, *arguments, **options):
    """Return what is wrong, by path."""
    found = verify_library(settings, *arguments, **options).damaged
    assert len({each.path for each in found}) == len(found)
    return {each.path: each for each in found}


def events(settings, kind):
    lines = [
        json.loads(line)
        for path in (settings.library / "journal").glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [event for event in lines if event["kind"] == kind]


def all_files(folder):
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_library_of_real_narrations_has_no_finding(settings):
    found = verify_library(settings)
    assert found.damaged == ()
    assert found.leftovers == ()
    assert found.objects == 3 + len(FORMATS), "three utterances, a narration in each format"
    assert found.published == 6, "audio, two kinds of captions, three of transcripts"
    kept = [path for path in (settings.library / "objects").rglob("*.*") if path.suffix != ".json"]
    shown = list((settings.narrations / "curso").glob("01-*"))
    assert found.bytes == sum(path.stat().st_size for path in (*kept, *shown))
    assert found.audio_s == pytest.approx(sum(sidecar_of(path)["duration_s"] for path in kept))


@pytest.mark.parametrize("extension", FORMATS)
def test_a_truncated_object_is_found(settings, extension):
    path = objects(settings, f".{extension}")[0]
    path.write_bytes(path.read_bytes()[:-100])
    found = damages(settings)
    assert list(found) == [path]
    assert "bytes where its sidecar says" in found[path].problem
    assert found[path].key == path.stem


@pytest.mark.parametrize("extension", FORMATS)
def test_a_flipped_bit_is_found(settings, extension):
    path = objects(settings, f".{extension}")[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = damages(settings)
    assert list(found) == [path]
    assert "checksum" in found[path].problem


@pytest.mark.parametrize("extension", FORMATS)
def test_audio_that_was_half_already_when_it_was_kept_is_found(settings, extension):
    """Size and checksum are right; an MP3 with its Xing header still claims its whole length."""
    path = objects(settings, f".{extension}")[0]
    keep(settings, path, path.read_bytes()[: path.stat().st_size // 2])
    assert checksum(path) == sidecar_of(path)["sha256"]
    assert list(damages(settings)) == [path]


def test_an_utterance_of_another_length_is_found(settings):
    first, second, *_ = objects(settings, ".flac", "utterance")
    keep(settings, first, second.read_bytes())
    found = damages(settings)
    assert list(found) == [first]
    assert "samples where its sidecar says" in found[first].problem


def test_swapped_files_are_found(settings):
    first, second, *_ = objects(settings, ".flac", "utterance")
    spare = first.with_suffix(".spare")
    for source, target in ((first, spare), (second, first), (spare, second)):
        source.rename(target)
    assert set(damages(settings)) == {first, second}


def test_a_sidecar_under_another_key_is_found(settings):
    first, second = (
        objects(settings, suffix)[0].with_suffix(".json") for suffix in (".flac", ".mp3")
    )
    first.write_bytes(second.read_bytes())
    found = damages(settings)
    assert list(found) == [first]
    assert second.stem in found[first].problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no JSON"),
        (b"[]", "no sidecar"),
        (b"\xff\xfe", "no JSON"),
        (b'{"key": "x"}', "'extension'"),
        (b'{"key": "x", "extension": 5}', "'extension'"),
    ],
)
def test_a_sidecar_that_says_nothing_is_found(settings, content, problem):
    sidecar = objects(settings, ".mp3")[0].with_suffix(".json")
    sidecar.write_bytes(content)
    found = damages(settings)
    assert list(found) == [sidecar]
    assert problem in found[sidecar].problem


@pytest.mark.parametrize("extension", ["../../x", "json", ""])
def test_a_sidecar_that_names_no_audio_file_is_found(settings, extension):
    sidecar = objects(settings, ".mp3")[0].with_suffix(".json")
    facts = json.loads(sidecar.read_text(encoding="utf-8"))
    sidecar.write_text(json.dumps({**facts, "extension": extension}), encoding="utf-8")
    assert list(damages(settings)) == [sidecar]


def test_files_without_their_other_half_are_orphans(settings):
    first, second, *_ = objects(settings, ".flac", "utterance")
    first.unlink()
    second.with_suffix(".json").unlink()
    found = damages(settings)
    assert set(found) == {first.with_suffix(".json"), second}
    assert {each.kind for each in found.values()} == {"orphan"}


def test_what_killed_writers_left_is_told_and_is_no_damage(settings):
    folder = objects(settings, ".mp3")[0].parent
    stale, fresh = (folder / f"{'a' * 64}.flac.{name}.tmp" for name in ("0123", "4567"))
    (folder / "README").write_bytes(b"no object")
    (folder / f"{'0' * 64}.flac").write_bytes(b"no object of this folder")
    for path in (stale, fresh):
        path.write_bytes(b"half")
    long_ago_s = time.time() - 2 * STALE_TEMPORARY_S
    os.utime(stale, (long_ago_s, long_ago_s))
    found = verify_library(settings)
    assert found.leftovers == (stale,)
    assert found.damaged == ()


def test_an_object_that_is_being_committed_is_no_damage(settings, monkeypatch):
    """A writer renames the sidecar first and the audio last; between them there is only half."""
    path = objects(settings, ".mp3")[0]
    whole = path.read_bytes()
    path.unlink()
    library = Library(settings.library)
    looked = threading.Event()
    once = checks._check_once

    def look(*arguments):
        try:
            return once(*arguments)
        finally:
            if arguments[1].stem == path.stem:
                looked.set()

    monkeypatch.setattr(checks, "_check_once", look)
    holding = threading.Event()

    def commit():
        with library.objects.held(path.stem):
            holding.set()
            looked.wait(60)
            path.write_bytes(whole)

    writer = threading.Thread(target=commit)
    writer.start()
    holding.wait(60)
    assert damages(settings) == {}
    writer.join()


def test_without_a_repair_nothing_changes(settings):
    objects(settings, ".mp3")[0].write_bytes(b"x")
    objects(settings, ".wav")[0].unlink()
    before = all_files(settings.home)
    assert len(damages(settings)) == 2
    assert all_files(settings.home) == before


def test_a_repair_moves_damage_aside_and_the_next_narration_makes_it_again(settings, tmp_path):
    cut, orphan, unread = (objects(settings, suffix)[0] for suffix in (".mp3", ".opus", ".m4a"))
    utterance = objects(settings, ".flac", "utterance")[0]
    for path in (cut, utterance):
        path.write_bytes(path.read_bytes()[:-10])
    orphan.with_suffix(".json").unlink()
    unread.with_suffix(".json").write_bytes(b"{")
    found = verify_library(settings, repair=True)
    assert {path.name for path in found.moved_to.iterdir()} == {
        path.name
        for moved in (cut, orphan, unread, utterance)
        for path in (moved, moved.with_suffix(".json"))
    } - {orphan.with_suffix(".json").name}
    assert sorted(event["key"] for event in events(settings, "object_damaged")) == sorted(
        path.stem for path in (cut, orphan, unread, utterance)
    )
    assert verify_library(settings).damaged == ()
    outcome = generate_narration_sync(TEXT, tmp_path / "aula.mp3")
    assert outcome["success"]
    assert (outcome["cached"], outcome["synthesized_chunks"]) == (False, 1)
    assert cut.is_file()
    assert utterance.is_file()
    assert verify_library(settings).damaged == ()
    _, [(n_objects,)] = query(settings.library, "SELECT count(*) FROM utterances")
    assert n_objects == 3, "the catalog counts what was made again once"


def test_a_repair_leaves_what_was_made_again_meanwhile(settings):
    path = objects(settings, ".mp3")[0]
    whole = path.read_bytes()
    path.write_bytes(b"x")

    def make_again(n_checked):
        if n_checked == len(FORMATS) + 3 + 6:
            path.write_bytes(whole)

    found = verify_library(settings, repair=True, on_progress=make_again)
    assert [each.path for each in found.damaged] == [path]
    assert found.moved_to is None
    assert path.read_bytes() == whole
    assert events(settings, "object_damaged") == []


def test_a_repair_of_a_whole_library_moves_nothing(settings):
    before = all_files(settings.home)
    assert verify_library(settings, repair=True).moved_to is None
    assert all_files(settings.home) == before


def test_it_can_be_cancelled_in_the_middle(settings, monkeypatch):
    checked = []
    once = checks._check_once
    monkeypatch.setattr(checks, "_check_once", lambda *a: checked.append(a) or once(*a))
    calls = []

    def checkpoint():
        calls.append(None)
        if len(calls) == 3:
            raise CancelledError("stop")

    with pytest.raises(CancelledError):
        verify_library(settings, checkpoint=checkpoint)
    assert len(checked) <= 2 < len(FORMATS) + 3
    assert not any(thread.name.startswith("verify") for thread in threading.enumerate())


def test_few_files_are_handed_out_before_their_results_are_taken(settings, monkeypatch):
    """What keeps memory constant: a library of any size has so many checks waiting."""
    folder = objects(settings, ".mp3")[0].parent
    prefix = folder.parent.name + folder.name
    for number in range(3 * AHEAD):
        (folder / f"{prefix}{number:060x}.flac").write_bytes(b"x")
    started, taken = [], []
    once = checks._check_once
    monkeypatch.setattr(checks, "_check_once", lambda *a: started.append(a) or once(*a))
    most = []
    verify_library(
        settings, on_progress=lambda n: (taken.append(n), most.append(len(started) - 2 * n))
    )
    assert len(taken) == 3 * AHEAD + len(FORMATS) + 3 + 6
    # Each of the orphans is read twice before it counts as one.
    assert max(most) <= 2 * (AHEAD + AT_ONCE)


def test_progress_counts_every_file(settings):
    seen = []
    found = verify_library(settings, on_progress=seen.append)
    assert seen == list(range(1, found.objects + found.published + 1))


def test_published_files_are_checked(settings, published):
    captions, audio = published / "01-aula.vtt", published / "01-aula.mp3"
    captions.write_text("WEBVTT", encoding="utf-8")
    audio.unlink()
    found = damages(settings)
    assert set(found) == {captions, audio}
    assert "checksum" in found[captions].problem
    assert {each.kind for each in found.values()} == {"published"}
    assert "curso" in found[audio].remedy


def test_published_audio_that_was_published_broken_is_found(settings, published):
    audio = published / "01-aula.mp3"
    audio.write_bytes(audio.read_bytes()[:-300])
    manifest = json.loads((published / "course.json").read_text(encoding="utf-8"))
    manifest["lessons"][0]["files"][audio.name] = checksum(audio)
    (published / "course.json").write_text(json.dumps(manifest), encoding="utf-8")
    found = damages(settings)
    assert list(found) == [audio]
    assert "truncated" in found[audio].problem


def test_the_audiobook_of_a_course_is_checked(settings, published):
    book = published / "curso.m4b"
    shutil.copyfile(objects(settings, ".m4a")[0], book)
    manifest = json.loads((published / "course.json").read_text(encoding="utf-8"))
    manifest["audiobook"] = {"file": book.name, "sha256": checksum(book)}
    (published / "course.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert verify_library(settings).damaged == ()
    book.write_bytes(book.read_bytes()[:-1])
    assert list(damages(settings)) == [book]


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"version": 1}',
        '{"version": 1, "lessons": 5}',
        '{"version": 1, "lessons": [{"files": {}}]}',
        '{"version": 1, "lessons": [{"files": {}, "key": "../x", "chunks": []}]}',
        '{"version": 1, "lessons": [], "audiobook": {"file": 5, "sha256": ""}}',
    ],
)
def test_a_manifest_that_makes_no_sense_is_damage(settings, published, content):
    (published / "course.json").write_text(content, encoding="utf-8")
    assert list(damages(settings)) == [published / "course.json"]
    assert list(damages(settings, published)) == [published / "course.json"]


def test_one_course_is_checked_with_the_objects_that_it_uses(settings, published):
    found = verify_library(settings, published)
    assert (found.objects, found.published) == (3 + 1, 6)
    objects(settings, ".opus")[0].write_bytes(b"of no lesson")
    assert verify_library(settings, published).damaged == ()
    utterance = objects(settings, ".flac", "utterance")[0]
    utterance.write_bytes(b"x")
    assert list(damages(settings, published)) == [utterance]


def test_an_object_that_the_library_gave_up_is_no_damage_of_the_course(settings, published):
    path = objects(settings, ".flac", "utterance")[0]
    path.unlink()
    path.with_suffix(".json").unlink()
    found = verify_library(settings, published)
    assert found.damaged == ()
    assert found.objects == 2 + 1


def test_an_empty_installation_is_whole(home):
    found = verify_library(load_settings())
    assert (found.objects, found.published, found.damaged) == (0, 0, ())
