"""What ``benchmarks/crash.py`` does two hundred times, a few times: kill -9 at random moments."""

from tests.benchmarks.crash import crash, overlaps, report


def test_nothing_acknowledged_is_lost_or_doubled_and_nothing_corrupt_is_served(tmp_path):
    account = crash(tmp_path, kills=16, seed=5, round_kills=8)
    assert account.is_good, report(account, 0.0)
    # It has been a test: everybody got to do something between two deaths.
    done = account.acknowledged
    for what in (
        "fica",
        "passa",
        "narration",
        "benchmark_event",
        "served",
        "claimed",
        "read",
        "indexed",
    ):
        assert done[what] > 0, report(account, 0.0)
    assert account.rows["events"] > 100


def test_two_who_hold_one_chunk_are_found():
    assert overlaps([["a", 0.0, 2.0], ["b", 1.0, 3.0], ["a", 2.0, 3.0]]) == []
    assert overlaps([["a", 2.0, 3.0], ["a", 0.0, 2.5]]) == ["claimed by two at once: a"]
