"""Closed journals put away as Parquet: which ones, when, and that no event is lost or doubled."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

import pytest

from tests.support.catalog import (
    contents,
    finish,
    make_chunk,
    make_script,
    narrate,
    register_chunk,
    start,
)
from tts_tasks.catalog import index as index_module
from tts_tasks.catalog import reading, sealed
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.journal import open_journal
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.lookup import look_up
from tts_tasks.catalog.reading import connect, query


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library", durable=False)


@pytest.fixture
def at_once(monkeypatch):
    """Let every closed journal be put away."""
    monkeypatch.setattr(sealed, "SEAL_BYTES", 1)


def close(library):
    open_journal(library.root / "journal").close()


def journals(library):
    return sorted(path.name for path in (library.root / "journal").glob("*.jsonl"))


def parts(library):
    return sealed.sealed_files(library.root)


def fill(library):
    register_chunk(library, "um")
    narrate(library, "um", "fim")
    look_up(make_script("um", "fim"), library)
    library.record("narration_failed", None, code="empty_text", odd={"nested": ["ção", None]})


def lose_catalog(library):
    for path in (*library.root.glob("catalog.duckdb*"), *library.root.glob("index/build.duckdb*")):
        path.unlink()


@pytest.mark.usefixtures("at_once")
def test_a_closed_journal_is_put_away_and_nothing_changes(library):
    fill(library)
    close(library)
    live = contents(library.root)
    report = index(library.root)
    assert (report.sealed, report.published) == (1, True)
    assert journals(library) == []
    assert len(parts(library)) == 1
    assert contents(library.root) == live
    assert index(library.root).events == 0
    rebuild(library.root)
    assert contents(library.root) == live
    lose_catalog(library)
    assert contents(library.root) == live, "read from what was put away"
    assert index(library.root).events == len(live["events"])
    assert contents(library.root) == live


@pytest.mark.usefixtures("at_once")
def test_a_journal_in_use_stays_where_it_is(library):
    fill(library)
    assert index(library.root).sealed == 0
    library.record("narration_failed", None, code="late")
    close(library)
    live = contents(library.root)
    assert index(library.root).sealed == 1
    assert contents(library.root) == live


@pytest.mark.usefixtures("at_once")
def test_the_journals_of_other_processes_are_put_away_once_they_end(library):
    code = """
        import sys
        from pathlib import Path
        from tts_tasks.catalog.library import Library
        Library(Path(sys.argv[1]), durable=False).record("narration_failed", None, code="x")
        print("ready", flush=True)
        sys.stdin.read()
    """
    others = [start(code, library.root) for _ in range(3)]
    for other in others:
        assert other.stdout.readline() == "ready\n"
    assert index(library.root).sealed == 0
    others[0].kill()
    others[0].communicate()
    assert index(library.root).sealed == 1
    for other in others[1:]:
        finish(other)
    assert index(library.root).sealed == 2
    assert journals(library) == []
    assert query(library.root, "select count(*) from events")[1] == [(3,)]


def test_little_is_left_for_later_but_not_for_ever(library):
    fill(library)
    close(library)
    assert index(library.root).sealed == 0
    (name,) = journals(library)
    path = library.root / "journal" / name
    then_s = time.time() - sealed.SEAL_AGE_S - 1
    os.utime(path, (then_s, then_s))
    assert index(library.root).sealed == 1
    assert journals(library) == []


@pytest.mark.usefixtures("at_once")
def test_journals_are_put_away_in_parts(library, monkeypatch):
    monkeypatch.setattr(sealed, "PART_JOURNALS", 2)
    for n in range(5):
        library.record("narration_failed", None, code=str(n))
        close(library)
    live = contents(library.root)
    assert [index(library.root).sealed for _ in range(4)] == [2, 2, 1, 0]
    assert len(parts(library)) == 3
    assert contents(library.root) == live
    lose_catalog(library)
    assert contents(library.root) == live


@pytest.mark.usefixtures("at_once")
def test_a_number_of_its_own_at_every_new_file(library):
    for _ in range(3):
        library.record("narration_failed", None, code="x")
        close(library)
        index(library.root)
    assert query(library.root, "select count(*), max(sequence) from events")[1] == [(3, 1)]


# Whoever dies, and whoever reads meanwhile


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("point", ["write", "commit", "publish", "delete"])
def test_an_indexer_that_dies_at_any_point_loses_and_doubles_nothing(library, monkeypatch, point):
    fill(library)
    close(library)
    live = contents(library.root)

    class Died(BaseException):
        pass

    def die(*_, **__):
        raise Died

    unlink = Path.unlink

    def die_at_journals(path, **options):
        if path.suffix == ".jsonl":
            raise Died
        unlink(path, **options)

    with monkeypatch.context() as patch:
        match point:
            case "write":
                patch.setattr(sealed, "_write", die)
            case "commit":
                patch.setattr(index_module.schema, "forget_journals", die)
            case "publish":
                patch.setattr(index_module, "_publish", die)
            case "delete":
                patch.setattr("pathlib.Path.unlink", die_at_journals)
        with pytest.raises(Died):
            index(library.root)
    assert len(journals(library)) == 1
    assert contents(library.root) == live
    index(library.root)
    assert contents(library.root) == live
    assert journals(library) == []
    assert index(library.root).events == 0
    lose_catalog(library)
    assert contents(library.root) == live


@pytest.mark.usefixtures("at_once")
def test_whoever_reads_while_journals_are_put_away_misses_nothing(library, monkeypatch):
    fill(library)
    close(library)
    live = contents(library.root)
    real, seen = reading.load_tail, []

    def late(connection, root, *arguments):
        if not seen:
            # The old catalog is attached; now everything moves.
            seen.append(index(library.root))
            assert journals(library) == []
        return real(connection, root, *arguments)

    monkeypatch.setattr(reading, "load_tail", late)
    assert contents(library.root) == live
    assert seen[0].sealed == 1


@pytest.mark.usefixtures("at_once")
def test_a_journal_that_somebody_else_holds_is_not_put_away(library):
    fill(library)
    close(library)
    (name,) = journals(library)
    with (library.root / "journal" / name).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert index(library.root).sealed == 0
    assert index(library.root).sealed == 1


# Damage


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("at", ["middle", "end"])
def test_lines_that_are_no_events_are_kept_for_whoever_wants_to_look(library, at, caplog):
    fill(library)
    close(library)
    (name,) = journals(library)
    path = library.root / "journal" / name
    whole = path.read_bytes()
    cut = whole.index(b"\n") + 1
    path.write_bytes(
        whole[:cut] + b"\x00garbage\n" + whole[cut:] if at == "middle" else whole + b'{"proc'
    )
    live = contents(library.root)
    index(library.root)
    assert journals(library) == []
    damaged = path.with_name(path.name + sealed.DAMAGED)
    assert damaged.exists()
    assert "no events" in caplog.text
    assert contents(library.root) == live
    lose_catalog(library)
    assert contents(library.root) == live


@pytest.mark.usefixtures("at_once")
def test_a_file_that_cannot_be_read_costs_its_events_and_no_object(library, caplog):
    fill(library)
    close(library)
    index(library.root)
    (first,) = parts(library)
    library.record("narration_failed", None, code="late")
    close(library)
    index(library.root)
    first.write_bytes(first.read_bytes()[:100])
    lose_catalog(library)
    rebuild(library.root)
    assert "cannot be read" in caplog.text
    rows = contents(library.root)
    assert len(rows["events"]) == 1
    assert len(rows["utterances"]) == 2
    assert len(rows["narrations"]) == 1


@pytest.mark.usefixtures("at_once")
def test_empty_journals_go_after_a_while(library):
    folder = library.root / "journal"
    folder.mkdir(parents=True)
    (folder / "host-1-1.jsonl").touch()
    assert index(library.root).sealed == 0, "its writer is about to lock it"
    then_s = time.time() - sealed.SEAL_AGE_S - 1
    os.utime(folder / "host-1-1.jsonl", (then_s, then_s))
    index(library.root)
    assert journals(library) == []
    assert parts(library) == []


@pytest.mark.usefixtures("at_once")
def test_what_a_killed_indexer_began_is_deleted(library):
    fill(library)
    close(library)
    folder = library.root / "journal" / "sealed"
    folder.mkdir(parents=True)
    (folder / "20260101T000000Z-aa.parquet.tmp").write_bytes(b"PAR1")
    live = contents(library.root)
    index(library.root)
    assert [path.suffix for path in folder.iterdir()] == [".parquet"]
    assert contents(library.root) == live


@pytest.mark.usefixtures("at_once")
def test_a_connection_knows_what_is_put_away_without_reading_it(library, monkeypatch):
    fill(library)
    close(library)
    index(library.root)
    for part in parts(library):
        part.write_bytes(b"not read")
    with contextlib.closing(connect(library.root)) as connection:
        (count,) = connection.execute("select count(*) from events").fetchone()
    assert count > 0


@pytest.mark.usefixtures("at_once")
def test_events_of_an_evicted_and_remade_object_survive_all_of_it(library):
    from tts_tasks.catalog.evict import clear
    from tts_tasks.catalog.selection import Selection

    register_chunk(library, "um")
    close(library)
    index(library.root)
    clear(library, Selection())
    close(library)
    index(library.root)
    register_chunk(library, "um", seed=4)
    live = contents(library.root)
    assert len(live["utterances"]) == 1
    close(library)
    index(library.root)
    lose_catalog(library)
    assert contents(library.root) == live
    assert library.find_utterance(make_chunk("um"))
