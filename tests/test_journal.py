import errno
import fcntl
import json
import os
import shutil
import threading

import pytest

from tests.support.catalog import finish, start
from tts_tasks.catalog import journal as module
from tts_tasks.catalog.journal import Journal, open_journal
from tts_tasks.catalog.tail import is_event, read_tail
from tts_tasks.errors import CatalogError, StorageFullError
from tts_tasks.files import lock_now

KEY = "ab" * 32


def events(folder):
    return [json.loads(line) for line in read_tail(folder, {}).lines]


def test_an_event_says_who_when_what(tmp_path):
    Journal(tmp_path).append("utterance_hit", KEY, {"voice": "pt-br", "text": "ação\n2"})
    (event,) = events(tmp_path)
    assert event["sequence"] == 1
    assert str(os.getpid()) in event["process"]
    assert event["time"] > 1.7e9
    assert (event["kind"], event["key"]) == ("utterance_hit", KEY)
    assert event["fields"] == {"voice": "pt-br", "text": "ação\n2"}


def test_an_event_is_one_write(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    writes = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(bytes(data)) or write(fd, data))
    for n in range(3):
        journal.append("utterance_hit", KEY, {"n": n})
    assert [data.count(b"\n") for data in writes] == [1, 1, 1]
    assert all(data.endswith(b"}\n") for data in writes)


def test_a_process_that_only_reads_leaves_no_file(tmp_path):
    Journal(tmp_path / "journal")
    assert not (tmp_path / "journal").exists()


def test_one_file_per_process_however_often_it_is_opened(tmp_path):
    assert open_journal(tmp_path) is open_journal(tmp_path)
    for _ in range(3):
        open_journal(tmp_path).append("utterance_hit")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("value", [object(), b"bytes", float("nan"), float("inf"), {1, 2}])
def test_an_event_that_is_not_json_is_a_mistake(tmp_path, value):
    journal = Journal(tmp_path)
    with pytest.raises((TypeError, ValueError)):
        journal.append("utterance_hit", KEY, {"value": value})
    journal.append("utterance_hit", KEY)
    assert len(events(tmp_path)) == 1


@pytest.mark.parametrize("kind", ["", "Hit", "a b", "_hit", "hit2"])
def test_a_kind_is_words(tmp_path, kind):
    with pytest.raises(ValueError, match="event kind"):
        Journal(tmp_path).append(kind)


def test_an_event_that_no_reader_could_take_is_a_mistake(tmp_path):
    journal = Journal(tmp_path)
    with pytest.raises(ValueError, match="at most"):
        journal.append("utterance_hit", KEY, {"text": "x" * (9 << 20)})
    journal.append("utterance_hit", KEY)
    assert len(events(tmp_path)) == 1


def test_threads_share_a_journal(tmp_path):
    journal = Journal(tmp_path)

    def work(name):
        for n in range(200):
            journal.append("utterance_hit", KEY, {"thread": name, "n": n})

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = events(tmp_path)
    assert [event["sequence"] for event in written] == list(range(1, 1601))
    for name in range(8):
        own = [e["fields"]["n"] for e in written if e["fields"]["thread"] == name]
        assert own == list(range(200))


def test_a_forked_child_writes_its_own_file_even_if_a_thread_held_the_lock(tmp_path):
    code = """
        import os, sys, threading
        from pathlib import Path
        from tts_tasks.catalog.journal import open_journal
        journal = open_journal(Path(sys.argv[1]))
        journal.append("parent_before")
        held, free = threading.Event(), threading.Event()
        def hold():
            with journal._lock:
                held.set()
                free.wait()
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        pid = os.fork()
        if not pid:
            open_journal(Path(sys.argv[1])).append("child")
            journal.append("child")
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        free.set()
        thread.join()
        journal.append("parent_after")
    """
    finish(start(code, tmp_path))
    by_process = {}
    for event in events(tmp_path):
        by_process.setdefault(event["process"], []).append((event["sequence"], event["kind"]))
    assert sorted(by_process.values()) == [
        [(1, "child"), (2, "child")],
        [(1, "parent_before"), (2, "parent_after")],
    ]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_deleted_library_swallows_no_events(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.append("utterance_hit")
    shutil.rmtree(tmp_path / "journal")
    journal.append("utterance_hit", KEY)
    assert [event["key"] for event in events(tmp_path / "journal")] == [KEY]


@pytest.mark.parametrize("limit", ["SEGMENT_BYTES", "SEGMENT_S"])
def test_a_journal_that_has_grown_or_aged_goes_on_in_a_new_file(tmp_path, monkeypatch, limit):
    journal = open_journal(tmp_path)
    journal.append("first_event")
    (first,) = tmp_path.iterdir()
    assert is_locked(first)
    monkeypatch.setattr(module, limit, 0)
    journal.append("second_event")
    (second,) = set(tmp_path.iterdir()) - {first}
    assert not is_locked(first)
    assert is_locked(second)
    assert [(event["kind"], event["sequence"]) for event in events(tmp_path)] == [
        ("first_event", 1),
        ("second_event", 1),
    ]
    assert len({event["process"] for event in events(tmp_path)}) == 2


def is_locked(path):
    with path.open("rb") as file:
        return not lock_now(file.fileno())


def test_a_new_file_that_is_put_away_before_it_is_locked_is_not_written(tmp_path, monkeypatch):
    real, put_away = fcntl.flock, []

    def slow_flock(fd, kind):
        if not put_away:
            (path,) = tmp_path.iterdir()
            put_away.append(path)
            path.unlink()
        real(fd, kind)

    monkeypatch.setattr(module.fcntl, "flock", slow_flock)
    open_journal(tmp_path).append("first_event")
    assert len(events(tmp_path)) == 1


def test_a_flushed_event_has_its_file_listed_even_if_an_unflushed_one_came_first(
    tmp_path, monkeypatch
):
    flushed = []
    monkeypatch.setattr(module, "flush_path", flushed.append)
    journal = open_journal(tmp_path / "journal")
    journal.append("hit_event")
    assert flushed == []
    journal.append("first_event", flush=True)
    journal.append("second_event", flush=True)
    assert flushed == [tmp_path / "journal", tmp_path]
    monkeypatch.setattr(module, "SEGMENT_S", 0.0)
    journal.append("third_event", flush=True)
    assert len(flushed) == 4


@pytest.mark.parametrize("left_bytes", [0, 1, 50])
def test_a_full_disk_costs_one_event_and_damages_no_other(tmp_path, monkeypatch, left_bytes):
    journal = Journal(tmp_path)
    journal.append("utterance_hit", KEY, {"n": 1})
    write = os.write
    left = left_bytes

    def full(fd, data):
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = write(fd, memoryview(data)[:left])
        left -= done
        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for _ in range(2):
            with pytest.raises(StorageFullError):
                journal.append("utterance_hit", KEY, {"n": 2})
    journal.append("utterance_hit", KEY, {"n": 3})
    journal.append("utterance_hit", KEY, {"n": 4})
    assert [event["fields"]["n"] for event in events(tmp_path)] == [1, 3, 4]
    numbers = [event["sequence"] for event in events(tmp_path)]
    assert len(set(numbers)) == 3
    assert sum(read_tail(tmp_path, {}).unparsable.values()) == (left_bytes > 0)


def test_a_write_cut_short_is_completed(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, memoryview(data)[:7]))
    journal.append("utterance_hit", KEY, {"n": 1})
    assert len(events(tmp_path)) == 1


def test_a_real_limit_on_file_size_never_glues_events_together(tmp_path):
    code = """
        import resource, sys
        from pathlib import Path
        from tts_tasks.catalog.journal import Journal
        from tts_tasks.errors import CatalogError
        journal = Journal(Path(sys.argv[1]))
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        done = failed = 0
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
        for n in range(100):
            try:
                journal.append("utterance_hit", None, {"n": n}, flush=True)
                done += 1
            except CatalogError:
                failed += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        journal.append("utterance_hit", None, {"n": 100})
        print(done, failed)
    """
    done, failed = map(int, finish(start(code, tmp_path)).split())
    assert done
    assert failed
    written = [event["fields"]["n"] for event in events(tmp_path)]
    assert written == [*range(done), 100]
    assert sum(read_tail(tmp_path, {}).unparsable.values()) == 1


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "journal").write_text("a file")
    with pytest.raises(CatalogError, match="cannot write"):
        Journal(tmp_path / "journal").append("utterance_hit")


# The tail


def test_a_torn_tail_is_left_for_later(tmp_path):
    Journal(tmp_path).append("utterance_hit", KEY, {"n": 1})
    (path,) = tmp_path.iterdir()
    whole_bytes = path.stat().st_size
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(whole[:40])
    tail = read_tail(tmp_path, {})
    assert len(tail.lines) == 1
    assert tail.offsets == {path.name: whole_bytes}
    assert not tail.unparsable
    assert not read_tail(tmp_path, tail.offsets).lines
    with path.open("ab") as file:
        file.write(whole[40:])
    assert len(read_tail(tmp_path, tail.offsets).lines) == 1


def test_a_journal_that_shrank_is_read_again(tmp_path):
    journal = Journal(tmp_path)
    for n in range(3):
        journal.append("utterance_hit", KEY, {"n": n})
    offsets = read_tail(tmp_path, {}).offsets
    (path,) = tmp_path.iterdir()
    os.truncate(path, path.stat().st_size - 10)
    tail = read_tail(tmp_path, offsets)
    assert len(tail.lines) == 2
    assert not read_tail(tmp_path, tail.offsets).offsets


def test_a_long_journal_is_read_in_pieces(tmp_path):
    journal = Journal(tmp_path)
    for n in range(20):
        journal.append("utterance_hit", KEY, {"n": n, "text": "x" * (2 << 20)})
    offsets, n_lines, n_pieces = {}, 0, 0
    while (tail := read_tail(tmp_path, offsets, limit_bytes=1)).offsets:
        offsets.update(tail.offsets)
        n_lines += len(tail.lines)
        n_pieces += 1
    assert n_lines == 20
    assert n_pieces > 2


def test_megabytes_without_a_newline_do_not_hide_what_follows(tmp_path):
    Journal(tmp_path).append("utterance_hit", KEY)
    (path,) = tmp_path.iterdir()
    good = path.read_bytes()
    path.write_bytes(b"\0" * (40 << 20) + b"\n" + good)
    offsets, found = {}, 0
    while (tail := read_tail(tmp_path, offsets, limit_bytes=1)).offsets:
        offsets.update(tail.offsets)
        found += len(tail.lines)
    assert found == 1


GOOD = {"process": "p", "sequence": 1, "time": 1.8e9, "kind": "x", "key": None, "fields": {}}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b'{"process": "p"',
        b"\xff\xfe",
        json.dumps({**GOOD, "sequence": 2**63}).encode(),
        json.dumps({**GOOD, "sequence": "1"}).encode(),
        json.dumps({**GOOD, "sequence": True}).encode(),
        json.dumps({**GOOD, "time": 1e18}).encode(),
        json.dumps({**GOOD, "time": None}).encode(),
        json.dumps({**GOOD, "key": 7}).encode(),
        json.dumps({**GOOD, "fields": []}).encode(),
        json.dumps({**GOOD, "fields": {"a": float("nan")}}).encode(),
        json.dumps({**GOOD, "fields": {"a": "\ud800"}}).encode(),
        b"[" * 100_000,
    ],
)
def test_what_is_no_event_is_recognised(line):
    assert not is_event(line)


def test_an_event_is_recognised():
    assert is_event(json.dumps(GOOD).encode())
    assert is_event(json.dumps({**GOOD, "key": KEY, "time": 0}).encode())
