"""The catalog's benchmark measures what it says: every design keeps and finds the same."""

import re
import sys
from pathlib import Path

import pytest

from tests.benchmarks import catalog
from tests.benchmarks.catalog_entries import AUDIO_BYTES, audio_of
from tests.benchmarks.catalog_rivals import DESIGNS, DURABILITIES

ALL = [(design, level) for rivals in DURABILITIES.values() for design, level in rivals]


@pytest.mark.parametrize("size_bytes", [AUDIO_BYTES, 50_000])
@pytest.mark.parametrize(("design", "synchronous"), ALL)
def test_a_design_keeps_what_it_is_given(design, synchronous, size_bytes, tmp_path):
    def reopen():
        return DESIGNS[design](tmp_path, synchronous=synchronous, size_bytes=size_bytes)

    reopen().fill(["one", "two"])
    store = reopen()
    store.register("three")
    store.register("three")
    store.record("one")
    assert store.use("two") == audio_of("two", size_bytes)
    assert store.use("four") is None
    assert store.find("one") == audio_of("one", size_bytes)
    assert store.find("three") == audio_of("three", size_bytes)
    assert store.find("four") is None
    assert reopen().count() == (3, 2)


@pytest.mark.parametrize(("synchronous", "level"), [("off", 0), ("normal", 1), ("full", 2)])
def test_the_rivals_sync_as_the_table_says(synchronous, level, tmp_path):
    rivals = {name: DESIGNS[name](tmp_path, synchronous=synchronous) for name in DESIGNS}
    ask = "pragma synchronous"
    assert rivals["library"].library.durable is (synchronous == "full")
    assert rivals["SQLite WAL"].database.execute(ask).fetchone() == (level,)
    assert rivals["SQLite WAL"].for_hits.execute(ask).fetchone() == (min(level, 1),)
    assert rivals["diskcache"].cache._sql(ask).fetchall() == [(level,)]
    assert rivals["diskcache"].for_hits._sql(ask).fetchall() == [(min(level, 1),)]


def test_audio_is_of_the_size_that_was_asked_for():
    assert len(audio_of("one")) == pytest.approx(AUDIO_BYTES, rel=0.1)
    assert len(audio_of("one", 60_000)) == pytest.approx(60_000, rel=0.1)
    assert len({audio_of(str(n)) for n in range(50)}) > 20


def test_every_row_is_measured(monkeypatch, capsys):
    options = "--entries 30 --sizes 40,50 --processes 2 --seconds 0.05 --writers 2"
    monkeypatch.setattr(sys, "argv", ["catalog", *options.split()])
    catalog.main()
    printed = capsys.readouterr().out
    cell = r"\| [\d.]+ / [\d.]+ / \d+ \([\d,]+/s\) "
    for design, synchronous in ALL:
        row = rf"^\| {design} \| {synchronous} \| 2 ({cell}){{5}}\|$"
        assert len(re.findall(row, printed, re.MULTILINE)) == 1
    for design in DESIGNS:
        assert re.search(rf"^{design}: [\d,]+ entries and [\d,]+ events, all", printed, re.M)
    for size in (40, 50):
        row = rf"^\| {size} \| [\d,]+ \([\d,]+/s\) \| [1-9]\d* \+ [1-9]\d* \| 0 \|"
        assert re.search(row, printed, re.MULTILINE)
    for what in ("index", "connect, all indexed", "rebuild", "evict half", "evict the rest"):
        assert f"| {what} |" in printed


def test_the_disk_is_the_one_of_the_folder(tmp_path):
    assert catalog.disk(Path("/proc")) == "proc on proc"
    assert " on " in catalog.disk(tmp_path)
