"""Rows against files against journals, and what a repair makes of their disagreements."""

import json
import os
import time

import pytest

from tests.support.catalog import contents, make_chunk, narrate, register_chunk
from tts_tasks.catalog import reconcile as module
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.journal import open_journal
from tts_tasks.catalog.library import UTTERANCE_FORMAT, Library
from tts_tasks.catalog.reconcile import is_damage, reconcile


@pytest.fixture
def library(tmp_path, monkeypatch):
    # An object of this moment would still be on its way into the journal.
    monkeypatch.setattr(module, "SETTLED_S", -1.0)
    library = Library(tmp_path / "library", durable=False)
    register_chunk(library, "um")
    register_chunk(library, "dois", seed=2)
    narrate(library, "um", "fim")
    return library


def key(text):
    return make_chunk(text).key


def audio(library, text):
    return library.objects.path(key(text), UTTERANCE_FORMAT)


def found(library, **options):
    """Return what matters; that events were lost is another matter."""
    told = reconcile(library, **options)
    return [(each.kind, each.about) for each in told if each.kind != "lost_events"]


def forget(library, text):
    """Take a registration out of the journal, as a power failure might have."""
    open_journal(library.root / "journal").close()
    for path in (library.root / "journal").glob("*.jsonl"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if key(text) not in line))


def agrees_after_repair(library):
    before = contents(library.root)
    assert found(library) == []
    index(library.root)
    assert contents(library.root) == before
    rebuild(library.root)
    return contents(library.root) == before


@pytest.mark.parametrize("is_indexed", [False, True])
def test_a_library_that_agrees(library, is_indexed):
    if is_indexed:
        index(library.root)
    assert found(library) == []


@pytest.mark.parametrize("what", ["audio", "sidecar", "both"])
def test_a_row_whose_object_is_gone_is_undone(library, what):
    index(library.root)
    if what != "sidecar":
        audio(library, "dois").unlink()
    if what != "audio":
        library.objects.sidecar_path(key("dois")).unlink()
    assert ("missing", key("dois")) in found(library)
    assert ("missing", key("dois")) in found(library, repair=True)
    if what == "both":
        assert agrees_after_repair(library)
    again = register_chunk(library, "dois")
    assert found(library) == []
    assert again.duration_s > 0


@pytest.mark.parametrize("extension", ['"../flac"', "null", "5", '"json"'])
def test_a_sidecar_that_names_no_audio_is_no_object(library, extension):
    index(library.root)
    sidecar = library.objects.sidecar_path(key("dois"))
    sidecar.write_text(sidecar.read_text().replace('"flac"', extension))
    assert found(library, repair=True) == [("missing", key("dois"))]
    assert register_chunk(library, "dois").duration_s > 0
    assert found(library) == []


def test_an_object_without_a_row_is_registered(library):
    forget(library, "dois")
    assert found(library) == [("unregistered", key("dois"))]
    told = reconcile(library, repair=True)
    assert [each.is_repaired for each in told] == [True, False]
    assert not any(map(is_damage, told))
    assert agrees_after_repair(library)


def test_an_object_that_came_back_after_its_eviction_is_registered(library):
    # As a backup of the objects brings it back, sidecar and all.
    kept = {path: path.read_bytes() for path in audio(library, "dois").parent.iterdir()}
    [entry] = [each for each in entries(library) if each.key == key("dois")]
    remove(library, entry)
    for path, content in kept.items():
        path.write_bytes(content)
    assert found(library) == [("unregistered", key("dois"))]
    reconcile(library, repair=True)
    assert agrees_after_repair(library)


def entries(library):
    from tts_tasks.catalog.reading import connect
    from tts_tasks.catalog.selection import Selection, select

    with connect(library.root) as connection:
        return list(select(connection, Selection(), time.time()))


def remove(library, entry):
    from tts_tasks.catalog.evict import remove

    assert remove(library, entry, "size")


def test_a_row_that_says_something_else_is_corrected(library):
    index(library.root)
    sidecar = library.objects.sidecar_path(key("dois"))
    facts = json.loads(sidecar.read_bytes())
    content = audio(library, "um").read_bytes()
    audio(library, "dois").write_bytes(content)
    other = json.loads(library.objects.sidecar_path(key("um")).read_bytes())
    sidecar.write_text(json.dumps({**facts, "bytes": other["bytes"], "sha256": other["sha256"]}))
    assert found(library) == [("different", key("dois"))]
    reconcile(library, repair=True)
    assert agrees_after_repair(library)


def test_a_check_whose_event_was_lost_is_told_to_the_catalog(library):
    index(library.root)
    library.objects.amend(key("um"), {"flags": ["too_quiet"], "amended_at": 1.9e9})
    assert found(library) == [("different", key("um"))]
    assert found(library, repair=True) == [("different", key("um"))]
    assert agrees_after_repair(library)


def test_lost_events_are_told_and_are_no_damage(library):
    library.record("narration_failed", None, code="empty_text")
    open_journal(library.root / "journal").close()
    [path] = (library.root / "journal").glob("*.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    hit = next(n for n, line in enumerate(lines) if "narration_finished" in line)
    path.write_text("".join(lines[:hit] + lines[hit + 1 :]))
    [told] = reconcile(library)
    assert (told.kind, told.problem) == ("lost_events", "lacks 1 of its events")
    assert not is_damage(told)


def test_what_is_being_registered_is_no_disagreement(library, monkeypatch):
    forget(library, "dois")
    monkeypatch.setattr(module, "SETTLED_S", 60.0)
    assert found(library) == []
    old = time.time() - 120
    os.utime(library.objects.sidecar_path(key("dois")), (old, old))
    # A touch is no sign of age: the time of the last change is.
    assert found(library) == []
