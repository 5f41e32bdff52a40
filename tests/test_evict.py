"""Eviction and clearing: what goes, what stays, and who may interfere while it happens."""

import json
import os
import time

import pytest

from tests.support.catalog import (
    contents,
    finish,
    make_chunk,
    make_script,
    make_waveform,
    narrate,
    register_chunk,
    start,
)
from tts_tasks.catalog import reconcile as reconcile_module
from tts_tasks.catalog.evict import GRACE_S, clear, evict, keep_in_budget, measure_size
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.library import Library, encode_flac
from tts_tasks.catalog.reading import query
from tts_tasks.catalog.reconcile import reconcile
from tts_tasks.catalog.selection import Selection
from tts_tasks.errors import CancelledError, InputError
from tts_tasks.settings import load_settings
from tts_tasks.values import Quality

TEXTS = ("um", "dois", "três", "quatro", "cinco")


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library", durable=False)


@pytest.fixture
def shelf(library, monkeypatch):
    """Five utterances of about one size, the first one unused for longest."""
    for hours, text in zip((50, 40, 30, 20, 10), TEXTS, strict=True):
        register_at(library, text, hours, monkeypatch)
    return library


def register_at(library, text, hours_ago, monkeypatch):
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() - hours_ago * 3600)
        register_chunk(library, text)
    set_used(library, text, hours_ago)


def set_used(library, text, hours_ago):
    then_s = time.time() - hours_ago * 3600
    os.utime(library.objects.sidecar_path(key(text)), (then_s, then_s))


def key(text):
    return make_chunk(text).key


def held(library):
    """Return what is there, which the catalog must say, too."""
    rows = query(library.root, "select spoken from utterances order by created_at")[1]
    spoken = [text for (text,) in rows]
    assert {key(text) for text in spoken} <= set(library.objects.keys())
    return spoken


def size_of(library, *texts):
    return sum(library.objects.measure(key(text)) for text in texts)


def all_but(library, n):
    """Return a budget that is met, to its low-water mark, once the first n texts are gone."""
    return int(size_of(library, *TEXTS[n:]) / 0.9) + 1


# What goes


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("is_indexed", [False, True])
def test_the_least_recently_used_go_until_there_is_room(shelf, n, is_indexed):
    if is_indexed:
        index(shelf.root)
    before = measure_size(shelf.root)
    done = evict(shelf, all_but(shelf, n))
    assert held(shelf) == list(TEXTS[n:])
    assert (done.objects, done.utterances, done.narrations) == (n, n, 0)
    assert done.audio_s == pytest.approx(n * 0.1)
    assert (done.size_before_bytes, done.size_after_bytes) == (before, measure_size(shelf.root))
    assert done.is_enough


def test_up_to_the_budget_nothing_happens(shelf):
    done = evict(shelf, measure_size(shelf.root))
    assert done.objects == 0
    assert done.is_enough
    assert evict(shelf, measure_size(shelf.root) - 1).objects == 1


def test_room_is_made_to_the_low_water_mark(shelf):
    budget = measure_size(shelf.root) - 1
    assert evict(shelf, budget, low_water=0.5).objects == 3
    assert measure_size(shelf.root) <= budget / 2


def test_use_is_what_counts_not_age(shelf, monkeypatch):
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() - 5 * 3600)
        shelf.use_utterance(make_chunk("um"))
    set_used(shelf, "um", 5)
    evict(shelf, all_but(shelf, 2))
    assert held(shelf) == ["um", "quatro", "cinco"]


def test_narrations_go_too(library, monkeypatch):
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() - 20 * 3600)
        narrate(library, "um", "fim")
    script = make_script("um", "fim")
    for each in library.objects.keys():  # noqa: SIM118 - no mapping
        os.utime(library.objects.sidecar_path(each), (1000, 1000))
    done = evict(library, 0)
    assert (done.utterances, done.narrations) == (2, 1)
    assert library.find_narration(script.key, "mp3") is None
    assert query(library.root, "from narrations")[1] == []
    assert measure_size(library.root) == 0


def test_refused_takes_go_with_their_utterance(shelf, tmp_path):
    quality = Quality(("too_quiet",), badness=1.0)
    shelf.refused.put(key("um"), 7, encode_flac(make_waveform()), quality)
    assert len(shelf.takes(key("um"))) == 2
    done = evict(shelf, all_but(shelf, 1))
    assert done.objects == 1
    assert shelf.refused.of(key("um")) == ()
    assert done.size_after_bytes == measure_size(shelf.root)


# What stays


def test_what_was_just_used_stays_even_beyond_the_budget(shelf):
    register_chunk(shelf, "nova")
    shelf.use_utterance(make_chunk("um"))
    done = evict(shelf, 0)
    assert held(shelf) == ["um", "nova"]
    assert not done.is_enough
    assert done.size_after_bytes == measure_size(shelf.root)


def test_what_is_referred_to_stays(shelf):
    done = evict(shelf, 0, pinned={key("um"), key("três")})
    assert held(shelf) == ["um", "três"]
    assert not done.is_enough


def test_an_installation_keeps_its_published_courses_and_open_batches(home, monkeypatch):
    settings = load_settings()
    library = Library(settings.library, durable=False)
    for text in TEXTS:
        register_at(library, text, 20, monkeypatch)
    published = settings.narrations / "curso" / "course.json"
    outcome = settings.batches / "noite" / "outcomes" / "1.json"
    for path, value in (
        (published, {"version": 1, "lessons": [{"chunks": [{"key": key("um")}]}]}),
        (outcome, {"chunks": [key("dois")]}),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(value))
    keep_in_budget(settings, max_bytes=0)
    assert held(library) == ["um", "dois"]
    (outcome.parent.parent / "report.json").write_text("{}")
    keep_in_budget(settings, max_bytes=0)
    assert held(library) == ["um"]
    published.unlink()
    keep_in_budget(settings, max_bytes=0)
    assert held(library) == []


def test_a_clock_that_jumped_back_protects_nothing_for_ever(shelf):
    ahead_s = time.time() + 400 * 86_400
    os.utime(shelf.objects.sidecar_path(key("um")), (ahead_s, ahead_s))
    shelf.record("utterance_hit", key("um"))
    evict(shelf, all_but(shelf, 2))
    assert "um" in held(shelf), "it was used last"
    evict(shelf, 0, grace_s=0.0)
    assert held(shelf) == []


# Who interferes


class Interference:
    """Does something before the n-th object is dealt with."""

    def __init__(self, n, act):
        self.n, self.act, self.calls = n, act, 0

    def __call__(self):
        self.calls += 1
        if self.calls == self.n:
            self.act()


def test_what_is_used_while_it_is_about_to_go_stays(shelf):
    using = Interference(1, lambda: shelf.use_utterance(make_chunk("um")))
    done = evict(shelf, all_but(shelf, 1), checkpoint=using)
    assert held(shelf) == ["um", *TEXTS[2:]]
    assert (done.objects, done.kept) == (1, 1)


def test_what_is_made_again_while_it_is_about_to_go_stays(shelf):
    def make_again():
        shelf.objects.remove(key("um"))
        register_chunk(shelf, "um", seed=9)
        # Even if its use went unseen: it is another object.
        os.utime(shelf.objects.sidecar_path(key("um")), (1000, 1000))

    done = evict(shelf, all_but(shelf, 1), checkpoint=Interference(1, make_again))
    assert done.kept == 1
    assert held(shelf) == [*TEXTS[2:], "um"]
    assert shelf.find_utterance(make_chunk("um")) is not None
    rebuild(shelf.root)
    assert held(shelf) == [*TEXTS[2:], "um"]


def test_what_somebody_deleted_by_hand_is_taken_out_of_the_catalog(shelf):
    shelf.objects.path(key("um"), "flac").unlink()
    shelf.objects.sidecar_path(key("um")).unlink()
    evict(shelf, measure_size(shelf.root) - 1)
    assert held(shelf) == list(TEXTS[2:])
    reasons = query(
        shelf.root, "select fields->>'reason' from events where kind = 'utterance_evicted'"
    )
    assert sorted(reasons[1]) == [("missing",), ("size",)]


def test_of_two_who_evict_one_does(shelf):
    code = """
        import sys
        from pathlib import Path
        from tts_tasks.catalog.evict import evict
        from tts_tasks.catalog.library import Library
        print(evict(Library(Path(sys.argv[1]), durable=False), 0))
    """
    seen = []

    def other():
        seen.append(finish(start(code, shelf.root)).strip())

    evict(shelf, all_but(shelf, 1), checkpoint=Interference(1, other))
    assert seen == ["None"]
    assert held(shelf) == list(TEXTS[1:])


def test_what_was_done_before_a_cancellation_is_recorded(shelf):
    def cancel():
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        evict(shelf, 0, checkpoint=Interference(3, cancel))
    assert held(shelf) == list(TEXTS[2:])
    assert evict(shelf, 0).objects == 3


RACE = """
    import sys, time
    from pathlib import Path
    from tests.support.catalog import make_chunk, register_chunk
    from tts_tasks.catalog.library import Library

    library, stop, n = Library(Path(sys.argv[1]), durable=False), Path(sys.argv[2]), 0
    while not stop.exists():
        n += 1
        if library.use_utterance(make_chunk(f"frase {n % 5}")) is None:
            register_chunk(library, f"frase {n % 5}")
        time.sleep(0.001)
"""


def test_what_is_made_again_during_an_eviction_is_in_the_library_and_in_the_catalog(
    library, monkeypatch, tmp_path
):
    stop = tmp_path / "stop"
    writers = [start(RACE, library.root, stop) for _ in range(2)]
    try:
        n_removed = 0
        while n_removed < 100:
            assert all(writer.poll() is None for writer in writers)
            # An eviction meets little that nobody used since: clearing does not ask.
            n_removed += evict(library, 0, grace_s=0.0).objects
            n_removed += clear(library, Selection()).objects
            index(library.root)
    finally:
        stop.touch()
        errors = [writer.communicate(timeout=60)[1] for writer in writers]
    assert errors == ["", ""]
    monkeypatch.setattr(reconcile_module, "SETTLED_S", -1.0)
    assert reconcile(library) == ()
    before = contents(library.root)
    rebuild(library.root)
    assert contents(library.root) == before


# Dry runs, the catalog, bad input


def test_a_dry_run_tells_what_an_eviction_would_do_and_does_nothing(shelf):
    before = contents(shelf.root)
    told = evict(shelf, all_but(shelf, 2), dry_run=True)
    assert contents(shelf.root) == before
    assert held(shelf) == list(TEXTS)
    assert evict(shelf, all_but(shelf, 2)) == told


def test_a_rebuilt_catalog_knows_what_was_evicted_and_made_again(shelf):
    evict(shelf, all_but(shelf, 2))
    register_chunk(shelf, "um", seed=3)
    live = contents(shelf.root)
    index(shelf.root)
    assert contents(shelf.root) == live
    rebuild(shelf.root)
    assert contents(shelf.root) == live
    assert held(shelf) == ["três", "quatro", "cinco", "um"]


def test_an_evicted_sentence_is_spoken_again_and_hits_are_kept(shelf):
    shelf.use_utterance(make_chunk("um"))
    clear(shelf, Selection())
    assert shelf.find_utterance(make_chunk("um")) is None
    assert shelf.use_utterance(make_chunk("um")) is None
    register_chunk(shelf, "um")
    assert held(shelf) == ["um"]
    assert query(shelf.root, "select count(*) from events where kind = 'utterance_hit'")[1] == [
        (1,)
    ]


@pytest.mark.parametrize(
    ("budget", "low_water", "field"),
    [(-1, 0.9, "max_bytes"), (0, 1.1, "low_water"), (0, -0.1, "low_water")],
)
def test_a_budget_that_is_none_is_refused(shelf, budget, low_water, field):
    with pytest.raises(InputError) as caught:
        evict(shelf, budget, low_water=low_water)
    assert caught.value.field == field
    assert held(shelf) == list(TEXTS)


def test_an_empty_library_has_room(tmp_path):
    assert evict(Library(tmp_path / "none", durable=False), 0).objects == 0


# Clearing


def test_clearing_takes_what_a_selection_means_however_fresh(shelf):
    register_chunk(shelf, "nova")
    done = clear(shelf, Selection(older_than_s=25 * 3600.0))
    assert held(shelf) == ["quatro", "cinco", "nova"]
    assert (done.objects, done.published) == (3, 0)
    done = clear(shelf, Selection(), pinned={key("nova"), key("um")})
    assert held(shelf) == []
    assert (done.objects, done.published) == (3, 1)
    assert measure_size(shelf.root) == 0


def test_clearing_can_be_tried_first(shelf):
    selection = Selection(unused_for_s=GRACE_S)
    told = clear(shelf, selection, pinned={key("um")}, dry_run=True)
    assert held(shelf) == list(TEXTS)
    assert clear(shelf, selection, pinned={key("um")}) == told


def test_clearing_what_is_made_again_meanwhile_takes_the_old_one_only(shelf):
    def make_again():
        shelf.objects.remove(key("um"))
        register_chunk(shelf, "um", seed=9)

    done = clear(shelf, Selection(), checkpoint=Interference(1, make_again))
    assert held(shelf) == ["um"]
    assert done.kept == 1
