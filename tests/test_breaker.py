"""When a failing service is left alone, for how long, and who tries it again."""

import json
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_tasks.engines.breaker import (
    FAILURES_TO_OPEN,
    FIRST_REST_S,
    LONGEST_REST_S,
    LONGEST_WISH_S,
    PROBE_S,
    Circuit,
    CircuitBreaker,
    Failure,
    Record,
)
from tts_tasks.errors import CatalogError, EngineUnavailableError

NOW_S = 1_700_000_000.0


class Clock:
    def __init__(self):
        self.now_s = NOW_S

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(tmp_path, clock):
    return CircuitBreaker("gtts", tmp_path, clock)


def circuit(breaker):
    return breaker.read().circuit(breaker.clock())


def fail(breaker, times=1, **kind):
    for _ in range(times):
        breaker.failed(Failure("answered 503", **kind))


def opened(breaker, clock):
    """Open the breaker, and let its rest pass."""
    fail(breaker, FAILURES_TO_OPEN)
    clock.now_s = breaker.read().rests_until_s
    return breaker


def rest_s(breaker):
    return breaker.read().rests_until_s - breaker.clock()


def refused(breaker):
    try:
        breaker.admit()
    except EngineUnavailableError:
        return True
    return False


def test_a_new_breaker_is_closed_and_writes_nothing(breaker, tmp_path):
    breaker.refuse_while_open()
    assert breaker.admit() is False
    breaker.succeeded()
    assert circuit(breaker) is Circuit.CLOSED
    assert breaker.hold_back_s() == 0.0
    assert list(tmp_path.iterdir()) == []


def test_it_opens_after_so_many_failures_in_a_row(breaker):
    fail(breaker, FAILURES_TO_OPEN - 1)
    assert circuit(breaker) is Circuit.CLOSED
    assert breaker.admit() is False
    fail(breaker)
    assert circuit(breaker) is Circuit.OPEN
    assert rest_s(breaker) == FIRST_REST_S


def test_a_success_starts_the_count_anew(breaker):
    fail(breaker, FAILURES_TO_OPEN - 1)
    breaker.succeeded()
    fail(breaker, FAILURES_TO_OPEN - 1)
    assert circuit(breaker) is Circuit.CLOSED
    fail(breaker)
    assert circuit(breaker) is Circuit.OPEN


def test_an_open_breaker_refuses_and_says_why_and_until_when(breaker):
    fail(breaker, FAILURES_TO_OPEN)
    for refusing in (breaker.refuse_while_open, breaker.admit):
        with pytest.raises(EngineUnavailableError) as refusal:
            refusing()
        assert f"after {FAILURES_TO_OPEN} failure(s): answered 503" in str(refusal.value)
        assert "rests until" in str(refusal.value)
        assert refusal.value.retryable
        assert refusal.value.remedy


def test_it_refuses_to_the_end_of_the_rest_and_no_longer(breaker, clock):
    fail(breaker, FAILURES_TO_OPEN)
    clock.now_s += FIRST_REST_S - 0.001
    assert refused(breaker)
    clock.now_s += 0.001
    assert circuit(breaker) is Circuit.HALF_OPEN
    breaker.refuse_while_open()
    assert breaker.admit() is True


def test_only_one_probe_is_on_its_way(breaker, clock):
    other = replace(opened(breaker, clock))
    assert breaker.admit() is True
    assert refused(other)
    assert refused(breaker)


def test_only_one_of_many_threads_gets_the_probe(breaker, clock):
    opened(breaker, clock)
    start, probes = threading.Barrier(8), []

    def try_it():
        mine = replace(breaker)
        start.wait(timeout=60)
        probes.append(not refused(mine))

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(probes) == [False] * 7 + [True]


PROCESS = f"""
import sys
from pathlib import Path
from tts_tasks.engines.breaker import CircuitBreaker
from tts_tasks.errors import EngineUnavailableError
breaker = CircuitBreaker("gtts", Path(sys.argv[1]), lambda: {NOW_S + FIRST_REST_S})
print("ready", flush=True)
sys.stdin.readline()
try:
    print(breaker.admit())
except EngineUnavailableError as error:
    print("refused", "rests until" in str(error))
"""


def test_only_one_of_several_processes_gets_the_probe(breaker, tmp_path):
    fail(breaker, FAILURES_TO_OPEN)
    command = [sys.executable, "-c", PROCESS, str(tmp_path)]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
    said = sorted(process.communicate(timeout=60)[0] for process in processes)
    assert said == ["True\n"] + ["refused True\n"] * 3


def test_failures_of_several_objects_count_together(breaker):
    for _ in range(FAILURES_TO_OPEN):
        fail(replace(breaker))
    assert refused(replace(breaker))


def test_no_failure_of_many_threads_is_lost(breaker):
    threads = [threading.Thread(target=fail, args=(replace(breaker), 5)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breaker.read().failures == 40
    assert breaker.read().openings == 1


def test_a_probe_that_succeeds_closes_it_for_everybody(breaker, clock):
    other = replace(opened(breaker, clock))
    breaker.admit()
    breaker.succeeded()
    assert circuit(other) is Circuit.CLOSED
    assert other.admit() is False
    assert other.read() == Record()


def test_each_probe_that_fails_doubles_the_rest_up_to_the_longest(breaker, clock):
    opened(breaker, clock)
    rests_s = []
    for _ in range(30):
        assert breaker.admit() is True
        fail(breaker, was_probe=True)
        rests_s.append(rest_s(breaker))
        clock.now_s += rests_s[-1]
    doubled = [min(FIRST_REST_S * 2**n, LONGEST_REST_S) for n in range(1, 31)]
    assert rests_s == doubled
    assert rests_s[-1] == LONGEST_REST_S


def test_after_a_success_the_first_rest_is_short_again(breaker, clock):
    opened(breaker, clock)
    breaker.admit()
    fail(breaker, was_probe=True)
    breaker.succeeded()
    fail(breaker, FAILURES_TO_OPEN)
    assert rest_s(breaker) == FIRST_REST_S


def test_failures_that_were_on_their_way_when_it_opened_do_not_lengthen_the_rest(breaker, clock):
    fail(breaker, FAILURES_TO_OPEN)
    until_s = breaker.read().rests_until_s
    clock.now_s += 1.0
    fail(breaker, 3)
    fail(breaker, is_final=True)
    assert breaker.read().rests_until_s == until_s
    assert breaker.read().openings == 1


def test_a_late_failure_takes_the_probe_from_nobody(breaker, clock):
    opened(breaker, clock)
    fail(breaker)
    assert circuit(breaker) is Circuit.HALF_OPEN
    assert breaker.admit() is True


def test_a_late_success_closes_it(breaker):
    fail(breaker, FAILURES_TO_OPEN)
    breaker.succeeded()
    assert breaker.admit() is False


def test_a_final_failure_opens_at_once(breaker):
    fail(breaker)
    assert circuit(breaker) is Circuit.CLOSED
    fail(breaker, is_final=True)
    assert rest_s(breaker) == FIRST_REST_S


@pytest.mark.parametrize(
    ("wish_s", "rests_s"),
    [
        (0.0, FIRST_REST_S),
        (FIRST_REST_S - 1, FIRST_REST_S),
        (90.0, 90.0),
        (LONGEST_REST_S * 2, LONGEST_REST_S * 2),
        (LONGEST_WISH_S * 2, LONGEST_WISH_S),
        (float("inf"), LONGEST_WISH_S),
    ],
)
def test_a_wish_for_rest_is_granted_up_to_a_day(breaker, wish_s, rests_s):
    fail(breaker, is_final=True, rest_s=wish_s)
    assert rest_s(breaker) == rests_s
    assert refused(breaker)


def test_a_wish_does_not_shorten_the_rest(breaker, clock):
    opened(breaker, clock)
    breaker.admit()
    fail(breaker, was_probe=True, rest_s=1.0)
    assert rest_s(breaker) == 2 * FIRST_REST_S


def test_a_wish_opens_nothing_by_itself(breaker):
    fail(breaker, rest_s=30.0)
    assert circuit(breaker) is Circuit.CLOSED


def test_all_hold_back_as_long_as_asked(breaker, clock):
    other = replace(breaker)
    breaker.hold_back(30.0)
    assert other.hold_back_s() == 30.0
    assert other.admit() is False, "it is closed: it only waits"
    clock.now_s += 29.0
    assert other.hold_back_s() == 1.0
    clock.now_s += 2.0
    assert other.hold_back_s() == 0.0


def test_the_longest_of_several_wishes_holds(breaker, clock):
    breaker.hold_back(30.0)
    clock.now_s += 10.0
    breaker.hold_back(5.0)
    assert breaker.hold_back_s() == 20.0
    breaker.hold_back(40.0)
    assert breaker.hold_back_s() == 40.0


def test_a_success_of_another_request_does_not_end_the_holding_back(breaker):
    fail(breaker)
    breaker.hold_back(30.0)
    breaker.succeeded()
    assert breaker.hold_back_s() == 30.0
    assert breaker.read().failures == 0


def test_failures_keep_the_holding_back(breaker):
    breaker.hold_back(30.0)
    fail(breaker, FAILURES_TO_OPEN)
    assert breaker.hold_back_s() == 30.0


def test_a_released_probe_is_anybodys(breaker, clock):
    other = replace(opened(breaker, clock))
    before = breaker.read()
    assert breaker.admit() is True
    breaker.released()
    assert other.read() == before, "nothing was learnt"
    assert other.admit() is True
    assert refused(breaker)


def test_releasing_after_somebody_closed_it_leaves_it_closed(breaker, clock):
    opened(breaker, clock)
    breaker.admit()
    replace(breaker).succeeded()
    breaker.released()
    assert breaker.read() == Record()


def test_a_probe_that_nobody_reports_about_is_given_to_another(breaker, clock):
    other = replace(opened(breaker, clock))
    breaker.admit()
    clock.now_s += PROBE_S - 1
    assert refused(other)
    clock.now_s += 1
    assert other.admit() is True


RESTING = {"failures": 8, "openings": 1, "rests_until_s": NOW_S + 5, "why": "answered 503"}


def test_a_record_outlives_the_process_that_wrote_it(breaker, tmp_path):
    (tmp_path / "gtts.json").write_text(json.dumps(RESTING))
    assert refused(breaker)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"12",
        b'"open"',
        b'{"state": "open"}',
        json.dumps(RESTING | {"state": "open"}).encode(),
        json.dumps(RESTING)[:-9].encode(),
        json.dumps(RESTING | {"failures": "eight"}).encode(),
        json.dumps(RESTING | {"openings": None}).encode(),
        json.dumps(RESTING | {"rests_until_s": "tomorrow"}).encode(),
        json.dumps(RESTING | {"not_before_s": None}).encode(),
        json.dumps(RESTING | {"rests_until_s": float("inf")}).encode(),
        json.dumps(RESTING | {"rests_until_s": 1e30}).encode(),
        json.dumps(RESTING | {"why": 503}).encode(),
    ],
    ids=lambda content: content.decode(errors="replace"),
)
def test_an_unreadable_or_foreign_record_is_a_new_one(breaker, tmp_path, content):
    path = tmp_path / "gtts.json"
    path.write_bytes(content)
    assert breaker.read() == Record()
    breaker.refuse_while_open()
    assert breaker.admit() is False
    assert breaker.hold_back_s() == 0.0
    fail(breaker)
    assert breaker.read().failures == 1
    assert json.loads(path.read_text())["failures"] == 1


def test_a_folder_in_the_place_of_the_record_is_an_error_of_the_library(breaker, tmp_path):
    (tmp_path / "gtts.json").mkdir()
    assert breaker.read() == Record()
    with pytest.raises(CatalogError, match=r"gtts\.json"):
        fail(breaker)


def changes(breaker):
    return (lambda: fail(breaker), lambda: breaker.hold_back(1.0), breaker.released)


def test_a_folder_that_cannot_be_made_is_an_error_of_the_library(tmp_path):
    (tmp_path / "providers").write_text("a file")
    breaker = CircuitBreaker("gtts", tmp_path / "providers")
    assert breaker.read() == Record()
    for change in changes(breaker):
        with pytest.raises(CatalogError, match="providers"):
            change()


def test_a_lock_that_cannot_be_made_is_an_error_of_the_library(breaker, tmp_path):
    # A folder that may not be written to fails so as well, but not for root.
    (tmp_path / ".gtts.lock").mkdir()
    for change in changes(breaker):
        with pytest.raises(CatalogError, match="lock"):
            change()


def test_the_folder_is_made_and_holds_nothing_but_the_record(tmp_path):
    folder = tmp_path / "data" / "providers"
    breaker = CircuitBreaker("gtts", folder)
    fail(breaker)
    assert [path.name for path in folder.iterdir()] == ["gtts.json"]


def test_services_do_not_disturb_each_other(breaker, tmp_path, clock):
    fail(breaker, FAILURES_TO_OPEN)
    assert CircuitBreaker("another", tmp_path, clock).admit() is False


kinds = st.builds(
    Failure,
    why=st.text(max_size=9),
    is_final=st.booleans(),
    rest_s=st.floats(0.0, allow_nan=False),
    was_probe=st.booleans(),
)


@settings(deadline=None)
@given(events=st.lists(st.tuples(st.floats(0.0, 1e5), kinds), max_size=60))
def test_a_rest_is_never_longer_than_its_limits_and_the_wish(events):
    record, now_s = Record(), NOW_S
    for pause_s, failure in events:
        now_s += pause_s
        before, record = record, record.after_failure(now_s, failure)
        assert record.failures == before.failures + 1
        if record.openings == before.openings:
            assert record.rests_until_s == before.rests_until_s
            continue
        rests_s = record.rests_until_s - now_s
        wish_s = min(failure.rest_s, LONGEST_WISH_S)
        assert max(FIRST_REST_S, wish_s) <= rests_s + 1e-6
        assert rests_s <= max(LONGEST_REST_S, wish_s) + 1e-6


class ServiceDown:
    """Callers of a service that answers nothing, in any order of asking, failing and giving up."""

    def __init__(self, breaker, clock):
        self.breaker, self.clock = breaker, clock
        self.probe_since_s = None

    def ask(self):
        was = circuit(self.breaker)
        if refused(replace(self.breaker)):
            assert was is Circuit.OPEN
        elif was is Circuit.HALF_OPEN:
            in_flight_s = self.clock.now_s - (self.probe_since_s or 0.0)
            assert in_flight_s >= PROBE_S, "two probes at once"
            self.probe_since_s = self.clock.now_s

    def fail_late(self):
        fail(self.breaker)

    def fail_probe(self):
        if self.probe_since_s is not None:
            fail(self.breaker, was_probe=True)
            self.probe_since_s = None

    def release_probe(self):
        if self.probe_since_s is not None:
            self.breaker.released()
            self.probe_since_s = None


STEPS = ("ask", "fail_late", "fail_probe", "release_probe")


@settings(deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from([0.0, 5.0, 30.0, 700.0]))))
def test_whatever_fails_in_whatever_order_there_is_one_probe_at_a_time(tmp_path_factory, steps):
    clock = Clock()
    breaker = CircuitBreaker("gtts", tmp_path_factory.mktemp("providers"), clock)
    fail(breaker, FAILURES_TO_OPEN)
    callers = ServiceDown(breaker, clock)
    for step, pause_s in steps:
        getattr(callers, step)()
        clock.now_s += pause_s


def test_a_wait_that_nobody_can_have_meant_is_shortened(tmp_path):
    """The clock was set back, or somebody else wrote the record."""
    breaker = CircuitBreaker("gtts", tmp_path, clock=lambda: 1_000.0)
    for field in ("rests_until_s", "not_before_s"):
        record = {"failures": 9, "openings": 1, "rests_until_s": None, "not_before_s": 0.0}
        (tmp_path / "gtts.json").write_text(json.dumps({**record, field: 9.9e10, "why": "x"}))
        assert breaker.hold_back_s() <= 60.0
        assert (breaker.read().rests_until_s or 0.0) <= 1_000.0 + 86_400.0
