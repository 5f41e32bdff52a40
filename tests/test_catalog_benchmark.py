"""The catalog's benchmark measures what it says: every design keeps and finds the same."""

import re
import sys

import pytest

from tests.benchmarks import catalog
from tests.benchmarks.catalog_rivals import DESIGNS, audio_of


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("design", DESIGNS)
def test_a_design_keeps_what_it_is_given(design, durable, tmp_path):
    store = DESIGNS[design](tmp_path, durable=durable)
    store.fill(["one", "two"])
    store = DESIGNS[design](tmp_path, durable=durable)
    store.register("three")
    store.register("three")
    store.record("one")
    store.record("one")
    assert store.look_up("one") == audio_of("one")
    assert store.look_up("three") == audio_of("three")
    assert store.look_up("four") is None
    assert store.count() == (3, 2)


def test_every_row_is_measured(monkeypatch, capsys):
    options = "--entries 30 --sizes 40 --processes 1 2 --seconds 0.05 --writers 1"
    monkeypatch.setattr(sys, "argv", ["catalog", *options.split()])
    catalog.main()
    printed = capsys.readouterr().out
    for design in DESIGNS:
        assert len(re.findall(rf"^\| {design} \| [12] \|", printed, re.MULTILINE)) == 4
    assert re.search(r"^\| 40 \| [\d,]+ \| \d+ \| 0 \|", printed, re.MULTILINE)
    for row in ("index", "rebuild", "evict all"):
        assert f"| {row} |" in printed
