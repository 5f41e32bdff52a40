import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from unittest import mock

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.catalog import (
    contents,
    finish,
    make_chunk,
    make_script,
    narrate,
    register_chunk,
    start,
)
from tts_tasks import catalog
from tts_tasks.catalog import schema, sealed
from tts_tasks.catalog.evict import clear, evict, measure_size
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.journal import Journal, open_journal
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.lookup import look_up
from tts_tasks.catalog.reading import connect, query
from tts_tasks.catalog.selection import Selection
from tts_tasks.errors import CatalogError, InputError, StorageFullError
from tts_tasks.values import Quality

KEY = "ab" * 32
EMPTY = {"events": [], "utterances": [], "narrations": []}


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library", durable=False)


def rows(library, sql):
    return query(library.root, sql)[1]


# Reading


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("state", ["absent", "empty", "indexed"])
def test_an_empty_library_has_empty_tables_with_the_right_columns(library, state, live):
    if state != "absent":
        library.root.mkdir()
    if state == "indexed":
        index(library.root)
    assert contents(library.root, live=live) == EMPTY
    with connect(library.root, live=live) as connection:
        names = [column[0] for column in connection.execute("from utterances").description]
    assert names[:4] == ["key", "provider", "revision", "voice"]
    assert names[-4:] == ["hits", "takes", "flags", "amended_at"]
    if state == "absent":
        assert not library.root.exists(), "reading writes nothing"


def test_what_was_just_registered_is_visible_at_once(library):
    register_chunk(library, "um")
    assert rows(library, "select spoken, hits from utterances") == [("um", 0)]
    index(library.root)
    narrate(library, "um", "dois")
    assert rows(library, "select spoken, hits from utterances order by all") == [
        ("dois", 0),
        ("um", 1),
    ]
    assert rows(library, "select chunks, chunk_keys[1] from narrations") == [
        (2, make_chunk("um").key)
    ]


def test_columns_hold_what_the_sidecar_says(library):
    made = register_chunk(library, "um")
    narrate(library, "um", run_id="r1", course="c", lesson="l")
    sidecar = json.loads(made.path.with_suffix(".json").read_text())
    ((key, parameters, rate_hz, duration_s, n_bytes, sha256, created),) = rows(
        library,
        "select key, parameters, sample_rate_hz, duration_s, bytes, sha256, epoch(created_at)"
        " from utterances",
    )
    assert (key, rate_hz, duration_s) == (made.chunk.key, 22050, 0.1)
    assert json.loads(parameters) == {"rate": 150}
    assert (n_bytes, sha256) == (made.path.stat().st_size, sidecar["sha256"])
    assert created == pytest.approx(sidecar["created_at"], abs=1e-5)
    assert rows(
        library,
        "select course, lesson, run_id, provider, voice, characters, cached, duration_s"
        " from events where kind = 'narration_finished'",
    ) == [("c", "l", "r1", "espeak", "pt-br+f2", 2, False, 1.0)]
    assert rows(library, "select loudness_lufs, true_peak_dbtp, format from narrations") == [
        (-16.0, -1.5, "mp3")
    ]


def test_last_use_is_registration_or_the_last_hit(library):
    register_chunk(library, "um")
    assert rows(library, "select last_used_at = created_at from utterances") == [(True,)]
    look_up(make_script("um"), library)
    assert rows(
        library,
        "select last_used_at = (select max(recorded_at) from events) from utterances",
    ) == [(True,)]


def test_anybody_may_read_the_published_file(library):
    narrate(library, "um")
    index(library.root)
    with closing(duckdb.connect(str(library.root / "catalog.duckdb"), read_only=True)) as plain:
        tables = [name for (name,) in plain.execute("show tables").fetchall()]
        assert tables == ["events", "narrations", "utterances"]
        assert plain.execute("select count(*) from utterances").fetchone() == (1,)
        # And nobody is in the way of anybody.
        narrate(library, "dois")
        assert index(library.root).published
        assert rows(library, "select count(*) from utterances") == [(2,)]
        assert plain.execute("select count(*) from utterances").fetchone() == (1,)


def test_a_connection_shows_one_moment(library):
    register_chunk(library, "um")
    with connect(library.root) as connection:
        register_chunk(library, "dois")
        index(library.root)
        assert connection.execute("select count(*) from utterances").fetchone() == (1,)
    assert rows(library, "select count(*) from utterances") == [(2,)]


def test_analysts_need_no_path(library, monkeypatch):
    monkeypatch.setenv("NARRATION_HOME", str(library.root.parent))
    installed = Library(library.root.parent / "data" / "library", durable=False)
    register_chunk(installed, "um")
    with catalog.connect() as connection:
        assert connection.execute("select spoken from utterances").fetchall() == [("um",)]


def test_a_quote_in_the_path_is_no_sql(tmp_path):
    library = Library(tmp_path / "d'água; drop", durable=False)
    register_chunk(library, "um")
    index(library.root)
    assert len(contents(library.root)["utterances"]) == 1


def test_a_query_returns_columns_and_rows(library):
    register_chunk(library, "um")
    sql = "with u as (from utterances) select spoken, duration_s from u"
    assert query(library.root, sql) == (["spoken", "duration_s"], [("um", 0.1)])
    assert query(library.root, "show tables")[1]
    assert query(library.root, "describe utterances")[1]


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "select",
        "select * from nope",
        "select 1; select 2",
        "drop view utterances",
        "create table t (i int)",
        "copy (select 1) to 'stolen.csv'",
        "attach 'other.duckdb'",
        "set threads = 1",
        "select * from read_text('/etc/passwd')",
        "from 'catalog.duckdb'",
        "install httpfs",
    ],
)
def test_a_query_that_is_not_one_question_is_refused(library, sql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    register_chunk(library, "um")
    with pytest.raises(InputError) as caught:
        query(library.root, sql)
    assert caught.value.field == "sql"
    assert "events, utterances and narrations" in str(caught.value)
    assert not (tmp_path / "stolen.csv").exists()


# Indexing


def test_live_and_indexed_answers_agree(library):
    narrate(library, "um", "dois", "um", course="c")
    narrate(library, "um", "dois", "um", course="c")
    live = contents(library.root)
    assert contents(library.root, live=False) == EMPTY
    report = index(library.root)
    assert (report.events, report.unparsable_lines, report.rebuilt) == (
        len(live["events"]),
        0,
        False,
    )
    assert contents(library.root) == contents(library.root, live=False) == live


def test_nothing_new_publishes_nothing(library):
    narrate(library, "um")
    assert index(library.root).published
    inode = (library.root / "catalog.duckdb").stat().st_ino
    report = index(library.root)
    assert (report.events, report.journals, report.published) == (0, 0, False)
    assert (library.root / "catalog.duckdb").stat().st_ino == inode


@pytest.mark.parametrize("read", [index, connect])
def test_a_writer_that_never_pauses_is_not_waited_for(library, monkeypatch, read):
    from tts_tasks.catalog import index as indexing
    from tts_tasks.catalog import live

    passes = 0
    usual = live.read_tail

    def read_tail(*arguments):
        nonlocal passes
        passes += 1
        assert passes < 10
        tail = usual(*arguments)
        library.record("utterance_hit", KEY)
        return tail

    for module in (indexing, live):
        monkeypatch.setattr(module, "read_tail", read_tail)
    library.record("utterance_hit", KEY)
    read(library.root)
    assert passes == 1


sentences = st.integers(0, 3)
nobody = st.just(0)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("register"), sentences),
        st.tuples(st.just("look up"), sentences),
        st.tuples(st.just("narrate"), sentences),
        st.tuples(st.just("check again"), sentences),
        st.tuples(st.just("evict one"), nobody),
        st.tuples(st.just("clear"), nobody),
        st.tuples(st.just("fail"), nobody),
        st.tuples(st.just("index"), nobody),
        st.tuples(st.just("close the journal"), nobody),
        st.tuples(st.just("lose the catalog"), nobody),
        st.tuples(st.just("lose what is built"), nobody),
    ),
    max_size=20,
)


def act(library, action, n):
    """Do something to a library, as its users, its upkeep or its disk would."""
    match action:
        case "register":
            register_chunk(library, f"frase {n}")
        case "look up":
            look_up(make_script(f"frase {n}"), library)
        case "narrate":
            narrate(library, f"frase {n}", "fim")
        case "check again":
            if utterance := library.find_utterance(make_chunk(f"frase {n}")):
                library.note_quality(utterance, Quality(("too_quiet",), badness=1.0))
        case "evict one":
            budget_bytes = max(0, measure_size(library.root) - 1)
            evict(library, budget_bytes, low_water=1.0, grace_s=0.0)
        case "clear":
            clear(library, Selection())
        case "fail":
            library.record("narration_failed", KEY, code="empty_text", field="text")
        case "index":
            index(library.root)
        case "close the journal":
            open_journal(library.root / "journal").close()
        case "lose the catalog":
            (library.root / "catalog.duckdb").unlink(missing_ok=True)
        case "lose what is built":
            (library.root / "index" / "build.duckdb").unlink(missing_ok=True)


@settings(max_examples=20, deadline=None)
@given(actions)
def test_pieces_whole_and_rebuilt_agree(tmp_path_factory, steps):
    library = Library(tmp_path_factory.mktemp("home") / "library", durable=False)
    with mock.patch.object(sealed, "SEAL_BYTES", 1):
        for action, n in steps:
            act(library, action, n)
        live = contents(library.root)
        index(library.root)
        incremental = contents(library.root)
        assert incremental == live
        rebuild(library.root)
        assert contents(library.root) == incremental
        assert index(library.root).events == 0
    keys = {row[0] for table in ("utterances", "narrations") for row in live[table]}
    assert keys == set(library.objects.keys())


def test_a_hit_may_be_taken_in_before_its_registration(library):
    chunk = make_chunk("um")
    fields = {"provider": "espeak", "duration_s": 1.0, "created_at": 1.8e9, "sha256": "s"}
    hits, registrations = (Journal(library.root / "journal") for _ in range(2))
    hits.append("utterance_hit", chunk.key)
    index(library.root)
    assert contents(library.root)["utterances"] == []
    registrations.append("utterance_registered", chunk.key, fields)
    assert rows(library, "select hits from utterances") == [(1,)]
    live = contents(library.root)
    index(library.root)
    hits.append("utterance_hit", chunk.key)
    assert rows(library, "select hits from utterances") == [(2,)]
    index(library.root)
    assert rows(library, "select hits from utterances") == [(2,)]
    assert live["utterances"] != contents(library.root)["utterances"]


def test_an_object_whose_registration_died_with_its_writer_is_found_by_its_first_hit(library):
    register_chunk(library, "um")
    shutil.rmtree(library.root / "journal")
    look_up(make_script("um"), library)
    report = index(library.root)
    assert (report.events, report.sidecars) == (1, 1)
    assert rows(library, "select spoken, hits from utterances") == [("um", 1)]


def test_a_torn_line_is_taken_in_once_it_is_whole(library):
    register_chunk(library, "um")
    (path,) = (library.root / "journal").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    assert contents(library.root) == EMPTY
    assert index(library.root).events == 0
    path.write_bytes(whole)
    assert len(contents(library.root)["utterances"]) == 1
    assert index(library.root).events == 1


def test_lines_that_are_no_events_are_counted_and_reported(library, caplog):
    register_chunk(library, "um")
    (path,) = (library.root / "journal").iterdir()
    damage = [
        b'{"process": "p", "seq',
        b"\xff\x00\xfe",
        b'{"process": "p", "sequence": 99999999999999999999, "time": 1, "kind": "x", "fields": {}}',
        b'{"process": "p", "sequence": 1, "time": 1e300, "kind": "x", "fields": {}}',
        b'{"process": "p", "sequence": 2, "time": 1, "kind": "x", "fields": {"a": "\\ud800"}}',
        b"[1]",
    ]
    path.write_bytes(b"\n".join(damage) + b"\n\n" + path.read_bytes())
    assert len(contents(library.root)["events"]) == 1
    report = index(library.root)
    assert (report.events, report.unparsable_lines) == (1, len(damage))
    assert path.name in caplog.text
    assert len(contents(library.root)["utterances"]) == 1
    assert index(library.root).unparsable_lines == 0, "reported once"


def test_nonsense_in_an_event_stops_nothing(library):
    journal = Journal(library.root / "journal")
    journal.append("utterance_registered", "../../etc/passwd", {"created_at": 1.0})
    journal.append("utterance_registered", KEY, {"created_at": 1e300, "bytes": "many"})
    journal.append("utterance_registered", KEY, {"parameters": [1, {}], "seed": 1e300})
    journal.append("narration_hit", "x")
    journal.append("narration_finished", None, {"characters": "many", "cached": 7, "course": 3})
    live = contents(library.root)
    assert len(live["events"]) == 5
    assert live["utterances"] == live["narrations"] == []
    index(library.root)
    assert contents(library.root) == live


def test_a_copied_journal_is_taken_in_once(library):
    narrate(library, "um")
    (path,) = (library.root / "journal").iterdir()
    shutil.copy(path, path.with_name("copy.jsonl"))
    live = contents(library.root)
    index(library.root)
    shutil.copy(path, path.with_name("another.jsonl"))
    assert contents(library.root) == live
    assert index(library.root).events == 0
    assert len(live["events"]) == len(path.read_bytes().splitlines())


def test_a_journal_that_lost_its_end_and_grew_again_loses_nothing_new(library):
    journal = Journal(library.root / "journal")
    for n in range(5):
        journal.append("utterance_hit", KEY, {"n": n})
    index(library.root)
    (path,) = (library.root / "journal").iterdir()
    os.truncate(path, path.stat().st_size // 2)
    assert index(library.root).events == 0
    journal.append("utterance_hit", KEY, {"n": 5})
    journal.append("utterance_hit", KEY, {"n": 6})
    index(library.root)
    numbers = rows(library, "select (fields->>'n')::int from events order by all")
    assert numbers[:5] == [(n,) for n in range(5)]
    assert (6,) in numbers
    assert len(numbers) == len(set(numbers))


def test_one_indexer_at_a_time(library):
    narrate(library, "um")
    leader = start(
        """
        import sys
        from pathlib import Path
        from tts_tasks.catalog.index import _lead
        with _lead(Path(sys.argv[1]), wait=False) as leads:
            print(leads, flush=True)
            sys.stdin.readline()
        """,
        library.root,
    )
    assert leader.stdout.readline() == "True\n"
    assert index(library.root) is None
    assert len(contents(library.root)["utterances"]) == 1, "readers do not care"
    leader.kill()
    leader.communicate()
    assert index(library.root).events == 3


# Rebuilding


def test_a_lost_catalog_loses_nothing(library):
    narrate(library, "um", "dois")
    index(library.root)
    before = contents(library.root)
    shutil.rmtree(library.root / "index")
    (library.root / "catalog.duckdb").unlink()
    assert contents(library.root) == before
    assert index(library.root).published
    assert contents(library.root) == before


def test_lost_journals_lose_no_objects(library):
    narrate(library, "um", "dois")
    before = contents(library.root)
    shutil.rmtree(library.root / "journal")
    report = rebuild(library.root)
    assert (report.rebuilt, report.events, report.sidecars) == (True, 0, 3)
    after = contents(library.root)
    assert after["utterances"] == before["utterances"]
    assert after["narrations"] == before["narrations"]


def test_half_an_object_is_not_rebuilt(library):
    register_chunk(library, "um")
    register_chunk(library, "dois").path.unlink()
    sidecar = register_chunk(library, "três").path.with_suffix(".json")
    sidecar.write_text('{"torn')
    shutil.rmtree(library.root / "journal")
    rebuild(library.root)
    assert rows(library, "select spoken from utterances") == [("um",)]


def damage_with(path, kind):
    match kind:
        case "junk":
            path.write_bytes(b"this is not a database" * 1000)
        case "empty":
            path.write_bytes(b"")
        case "truncated":
            os.truncate(path, path.stat().st_size // 2)
        case "header":
            with path.open("r+b") as file:
                file.seek(4096)
                file.write(os.urandom(8192))
        case "everywhere":
            with path.open("r+b") as file:
                file.seek(3 * 4096)
                file.write(random.Random(0).randbytes(path.stat().st_size - 3 * 4096))
        case "foreign":
            path.unlink()
            with closing(duckdb.connect(str(path))) as other:
                other.execute("create table somebody_elses as select 42 as answer")
        case "sqlite":
            path.unlink()
            import sqlite3

            with closing(sqlite3.connect(path)) as other:
                other.execute("create table somebody_elses (answer int)")
                other.commit()
        case "wal":
            path.with_name(path.name + ".wal").write_bytes(os.urandom(4096))


DAMAGE = ["junk", "empty", "truncated", "header", "everywhere", "foreign", "sqlite", "wal"]


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_build_file_is_made_again_with_a_warning(library, kind, caplog):
    narrate(library, "um", "dois")
    index(library.root)
    damage_with(library.root / "index" / "build.duckdb", kind)
    narrate(library, "um", "dois", "três")
    before = contents(library.root)
    with caplog.at_level(logging.WARNING):
        report = index(library.root)
    assert contents(library.root) == contents(library.root, live=False) == before
    assert report.published
    # An empty file is a fresh start, and DuckDB itself ignores a log that is not of its file.
    assert report.rebuilt or kind in ("empty", "wal")
    assert "made again" in caplog.text or not report.rebuilt
    assert index(library.root).events == 0


@pytest.mark.parametrize("kind", [kind for kind in DAMAGE if kind != "wal"])
def test_a_damaged_published_file_is_read_around_and_replaced(library, kind, caplog):
    narrate(library, "um", "dois")
    index(library.root)
    before = contents(library.root)
    damage_with(library.root / "catalog.duckdb", kind)
    with caplog.at_level(logging.WARNING):
        assert contents(library.root) == before
    assert "reading the journals instead" in caplog.text
    if kind == "truncated":  # opens; the first query that needs what is gone fails
        with pytest.raises(duckdb.Error):
            contents(library.root, live=False)
    else:
        with pytest.raises(CatalogError, match="catalog rebuild"):
            connect(library.root, live=False)
    assert index(library.root).published
    assert contents(library.root, live=False) == before
    put_aside = library.root / "catalog.duckdb.broken"
    assert put_aside.exists() or kind == "truncated", "nobody's own file is deleted"


@pytest.mark.parametrize("name", ["catalog.duckdb", "index/build.duckdb"])
def test_a_newer_catalog_is_left_alone(library, name):
    narrate(library, "um")
    index(library.root)
    path = library.root / name
    with closing(duckdb.connect(str(path))) as newer:
        newer.execute(f"insert into indexer.migrations values ({schema.VERSION + 1}, null)")
    content = path.read_bytes()
    with pytest.raises(CatalogError, match="newer version") as caught:
        index(library.root)
    assert "update" in str(caught.value)
    if name == "catalog.duckdb":
        for live in (True, False):
            with pytest.raises(CatalogError, match="newer version"):
                connect(library.root, live=live)
    assert path.read_bytes() == content


DOWNGRADES = {
    2: """
        alter table main.utterances drop column takes;
        alter table main.utterances drop column flags;
        alter table main.narrations drop column profile;
        alter table main.narrations drop column flagged;
    """,
    3: """
        alter table main.utterances drop column amended_at;
        alter table main.narrations drop column amended_at;
        drop table indexer.evictions;
        drop table indexer.sealed;
    """,
    4: "alter table indexer.state drop column found",
}
"""How to undo each migration."""


def columns(library):
    with closing(connect(library.root)) as connection:
        return {
            table: sorted(connection.execute(f"describe {table}").fetchall())
            for table in ("events", "utterances", "narrations")
        }


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_a_catalog_of_an_older_version_is_brought_up_to_date(library, version):
    narrate(library, "um", "dois")
    index(library.root)
    expected, expected_columns = contents(library.root), columns(library)
    for name in ("catalog.duckdb", "index/build.duckdb"):
        with closing(duckdb.connect(str(library.root / name))) as older:
            for number in range(schema.VERSION, version, -1):
                older.execute(DOWNGRADES[number])
            older.execute(f"delete from indexer.migrations where version > {version}")
    assert contents(library.root) == expected, "read from the journals until it is"
    narrate(library, "um", "três")
    report = index(library.root)
    assert (report.rebuilt, report.published) == (False, True)
    assert columns(library) == expected_columns
    after = contents(library.root, live=False)
    assert len(after["utterances"]) == 3
    # What the older version did not write is filled in by `rebuild` alone.
    rebuild(library.root)
    assert len(contents(library.root)["events"]) == len(after["events"])
    clear(library, Selection())
    index(library.root)
    assert contents(library.root, live=False)["utterances"] == []


def test_somebody_who_writes_to_the_published_file_does_not_stop_the_indexer(library):
    narrate(library, "um")
    index(library.root)
    holder = start(
        """
        import duckdb, sys
        held = duckdb.connect(sys.argv[1])
        print("held", flush=True)
        sys.stdin.readline()
        """,
        library.root / "catalog.duckdb",
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(CatalogError, match="another program"):
        connect(library.root)
    narrate(library, "dois")
    assert index(library.root).published
    assert len(contents(library.root)["utterances"]) == 2
    finish(holder)


def test_a_full_disk_while_publishing_keeps_the_published_catalog(library, monkeypatch):
    narrate(library, "um")
    index(library.root)
    before = contents(library.root, live=False)
    narrate(library, "dois")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(StorageFullError):
            index(library.root)
    assert contents(library.root, live=False) == before
    assert len(contents(library.root)["utterances"]) == 2
    report = index(library.root)
    assert (report.events, report.published) == (0, True), "what was built is published later"
    assert len(contents(library.root, live=False)["utterances"]) == 2


def test_an_indexer_that_died_before_publishing_is_made_up_for(library):
    narrate(library, "um")
    index(library.root)
    (library.root / "catalog.duckdb").unlink()
    report = index(library.root)
    assert (report.events, report.published) == (0, True)


# Many processes

WRITE = """
    import sys
    from pathlib import Path
    from tests.support.catalog import make_script, register_chunk
    from tts_tasks.catalog.library import Library
    from tts_tasks.catalog.lookup import look_up
    library = Library(Path(sys.argv[1]), durable=False)
    for n in range(100_000):
        text = f"{sys.argv[2]} {n}"
        made = register_chunk(library, text)
        look_up(make_script(text), library)
        print(made.chunk.key, flush=True)
"""

INDEX = """
    import sys
    from tts_tasks.catalog.index import index, rebuild
    while True:
        index(sys.argv[1])
        print("indexed", flush=True)
"""


def test_kill_9_of_writers_and_indexers_loses_and_repeats_nothing(library):
    moments = random.Random(2)
    acknowledged: list[str] = []
    writers_done = threading.Event()

    def read():
        n_reads = 0
        while not writers_done.is_set():
            (row,) = rows(
                library,
                "select count(*), count(distinct (process, sequence)),"
                " (select count(*) from utterances),"
                " (select count(distinct key) from utterances) from events",
            )
            assert row[0] == row[1]
            assert row[2] == row[3]
            n_reads += 1
        return n_reads

    with ThreadPoolExecutor(1) as pool, ExitStack() as at_end:
        reader = pool.submit(read)
        at_end.callback(writers_done.set)
        for turn in range(4):
            writers = [start(WRITE, library.root, f"{turn}-{name}") for name in "ab"]
            indexer = start(INDEX, library.root)
            assert indexer.stdout.readline()
            for _ in range(moments.randrange(3)):
                indexer.stdout.readline()
            # Anywhere between two acknowledged writes, and anywhere in an index run.
            lines = [writers[0].stdout.readline() for _ in range(moments.randrange(5, 40))]
            for process in (*writers, indexer):
                process.send_signal(signal.SIGKILL)
            lines += [line for writer in writers for line in writer.communicate()[0].splitlines()]
            indexer.communicate()
            acknowledged += [line.strip() for line in lines if len(line.strip()) == 64]
            (library.root / "journal" / f"torn{turn}.jsonl").write_text('{"process": "torn", "se')
    assert reader.result() > 5, "no read failed or waited"

    index(library.root)
    incremental = contents(library.root, live=False)
    written = [
        (event["process"], event["sequence"])
        for path in (library.root / "journal").iterdir()
        for line in path.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n")
        for event in [json.loads(line)]
    ]
    assert Counter((row[0], row[1]) for row in incremental["events"]) == Counter(written)
    known = {row[0] for row in incremental["utterances"]}
    assert len(acknowledged) > 50
    assert set(acknowledged) <= known
    assert all(library.objects.find(key) for key in acknowledged)
    rebuild(library.root)
    rebuilt = contents(library.root, live=False)
    assert rebuilt["events"] == incremental["events"]
    # A writer killed between object and event leaves an object that only a rebuild finds.
    assert set(map(repr, incremental["utterances"])) <= set(map(repr, rebuilt["utterances"]))
    assert len(rebuilt["utterances"]) - len(incremental["utterances"]) <= 8
    assert not list((library.root / "index").glob("*.jsonl"))
    assert not list((library.root / "index").glob("rebuild*"))


def test_kill_9_of_a_rebuild_at_any_moment_leaves_a_working_catalog(library):
    for n in range(30):
        register_chunk(library, f"frase {n}")
    index(library.root)
    before = contents(library.root, live=False)
    code = """
        import sys
        from tts_tasks.catalog.index import rebuild
        print("ready", flush=True)
        rebuild(sys.argv[1])
    """
    moments = random.Random(3)
    for _ in range(8):
        process = start(code, library.root)
        assert process.stdout.readline() == "ready\n"
        try:
            process.wait(timeout=moments.uniform(0.0, 0.12))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        assert contents(library.root, live=False) == before
        index(library.root)
        assert contents(library.root, live=False) == before


def test_opening_the_catalog_imports_neither_pandas_nor_numpy_heavily():
    code = (
        "import sys, tempfile; from tts_tasks import catalog;"
        "assert 'duckdb' not in sys.modules;"
        "catalog.connect(tempfile.mkdtemp()).execute('from events').fetchall();"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_times_are_utc(library, monkeypatch):
    monkeypatch.setenv("TZ", "America/Sao_Paulo")
    time.tzset()
    try:
        before_s = time.time()
        register_chunk(library, "um")
        ((epoch_s,),) = rows(library, "select epoch(recorded_at) from events")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert before_s - 1 < epoch_s < time.time() + 1
