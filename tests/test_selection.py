"""Which objects a selection means, and which keys are still referred to."""

import contextlib
import json
import os
import time
from dataclasses import replace

import pytest

from tests.support.catalog import make_chunk, make_mastered, make_script, make_waveform, narrate
from tts_tasks.catalog.index import index
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.selection import (
    ABANDONED_S,
    Selection,
    entry_of,
    open_batch_keys,
    published_keys,
    select,
)
from tts_tasks.errors import InputError

DAY_S = 86_400.0
NOW_S = 1_800_000_000.0


class Clock:
    """The time of the library under test."""

    def __init__(self, monkeypatch):
        self.now_s = NOW_S
        monkeypatch.setattr(time, "time", lambda: self.now_s)

    def at(self, days_ago):
        self.now_s = NOW_S - days_ago * DAY_S


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library", durable=False)


def keep(library, text, provider="espeak", voice="pt-br+f2"):
    library.register_utterance(
        replace(make_chunk(text), voice=voice),
        make_waveform(),
        provider=provider,
        revision="1",
        synthesis_s=0.1,
    )


def chosen(library, **selection):
    with contextlib.closing(connect(library.root)) as connection:
        entries = list(select(connection, Selection(**selection), NOW_S))
    names = {make_chunk(text).key: text for text in ("um", "dois", "três", "fim")}
    return [names.get(entry.key, entry.kind) for entry in entries]


@pytest.mark.parametrize("is_indexed", [False, True])
def test_by_provider_voice_and_both(library, clock, is_indexed):
    for days_ago, text, provider, voice in (
        (3, "um", "espeak", "pt-br+f2"),
        (2, "dois", "gtts", "google-pt"),
        (1, "três", "espeak", "pt-br+m1"),
    ):
        clock.at(days_ago)
        keep(library, text, provider, voice)
    if is_indexed:
        index(library.root)
    assert chosen(library) == ["um", "dois", "três"]
    assert chosen(library, provider="espeak") == ["um", "três"]
    assert chosen(library, voice="google-pt") == ["dois"]
    assert chosen(library, provider="espeak", voice="google-pt") == []
    assert chosen(library, provider="'; drop table x; --") == []


def test_the_least_recently_used_come_first_and_a_hit_is_use(library, clock):
    for days_ago, text in ((9, "um"), (8, "dois"), (7, "três")):
        clock.at(days_ago)
        keep(library, text)
    clock.at(1)
    library.use_utterance(make_chunk("um"))
    assert chosen(library) == ["dois", "três", "um"]
    assert chosen(library, older_than_s=8.5 * DAY_S) == ["um"]
    assert chosen(library, unused_for_s=7.5 * DAY_S) == ["dois"]
    assert chosen(library, older_than_s=0.0) == ["dois", "três", "um"]


def test_a_use_in_the_future_says_nothing(library, clock):
    clock.at(-300)  # The clock was wrong, and jumped back.
    keep(library, "um")
    clock.at(0)
    keep(library, "dois")
    assert chosen(library, unused_for_s=DAY_S) == ["um"]


def test_a_course_is_its_narrations_and_what_only_they_need(library):
    narrate(library, "um", "dois", course="a")
    narrate(library, "dois", "três", course="b")
    narrate(library, "fim")
    assert sorted(chosen(library, course="a")) == ["narration", "um"]
    assert sorted(chosen(library, course="b")) == ["narration", "três"]
    assert chosen(library, course="c") == []
    assert sorted(chosen(library, course="a", is_shared=True)) == ["dois", "narration", "um"]
    assert chosen(library, course="c", is_shared=True) == []


def test_a_narration_that_two_courses_share_is_no_ones_alone(library):
    narrate(library, "um", course="a")
    narrate(library, "um", course="b")
    assert chosen(library, course="a") == []
    assert sorted(chosen(library, course="a", is_shared=True)) == ["narration", "um"]


@pytest.mark.parametrize("age_s", [-1.0, float("nan"), float("inf"), 2.0**40])
@pytest.mark.parametrize("field", ["older_than_s", "unused_for_s"])
def test_an_age_that_is_none_is_refused(field, age_s):
    with pytest.raises(InputError) as caught:
        Selection(**{field: age_s})
    assert caught.value.field == field


def test_a_sidecar_is_an_entry(library, tmp_path):
    script = make_script("um")
    mastered = make_mastered(tmp_path / "um.mp3", script)
    library.register_narration(script, mastered, synthesis_s=0.1, synthesized_chunks=1)
    with contextlib.closing(connect(library.root)) as connection:
        (told,) = select(connection, Selection(), time.time())
    assert entry_of(library.objects.read_sidecar(script.key)) == told
    assert entry_of({"key": script.key}) is None


# What is referred to

KEYS = [f"{n:064x}" for n in range(6)]


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def test_keys_of_published_courses(tmp_path):
    write(tmp_path / "a" / "course.json", {"lessons": [{"key": KEYS[0], "chunks": [KEYS[1]]}]})
    write(tmp_path / "b" / "course.json", {"lessons": [{"narration": {"key": KEYS[2]}}]})
    write(tmp_path / "c" / "notes.json", {"key": KEYS[3]})
    write(tmp_path / "damaged" / "course.json", '{"lessons": [')
    (tmp_path / "d").mkdir()
    assert published_keys(tmp_path) == set(KEYS[:3])
    assert published_keys(tmp_path / "absent") == set()


def test_keys_of_open_batches(tmp_path):
    write(tmp_path / "open" / "outcomes" / "1.json", {"key": KEYS[0], "chunks": [KEYS[1]]})
    write(tmp_path / "open" / "outcomes" / "2.json", '{"half')
    write(tmp_path / "done" / "outcomes" / "1.json", {"key": KEYS[2]})
    write(tmp_path / "done" / "report.json", {})
    write(tmp_path / "given up" / "outcomes" / "1.json", {"key": KEYS[3]})
    (tmp_path / "begun").mkdir()
    now_s = time.time()
    then_s = now_s - ABANDONED_S - 1
    os.utime(tmp_path / "given up" / "outcomes", (then_s, then_s))
    assert open_batch_keys(tmp_path, now_s) == set(KEYS[:2])
    assert open_batch_keys(tmp_path / "absent", now_s) == set()
