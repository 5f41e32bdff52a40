"""The rate that is kept: how often, how many at once, who is next, and a wait that can end."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_tasks.engines.token_bucket import SLICE_S, TokenBucket, wait
from tts_tasks.errors import CancelledError
from tts_tasks.values import never_cancelled


class Clock:
    def __init__(self, now_s=1_000.0):
        self.now_s = now_s

    def __call__(self):
        return self.now_s


def delays(bucket, count):
    return [bucket.take() for _ in range(count)]


def test_a_full_bucket_serves_a_burst_at_once_and_then_the_rate():
    bucket = TokenBucket(2.0, 4, clock=Clock())
    assert delays(bucket, 7) == [0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.5]


def test_a_burst_of_one_is_a_steady_rate():
    bucket = TokenBucket(10.0, 1, clock=Clock())
    assert delays(bucket, 3) == pytest.approx([0.0, 0.1, 0.2])


@pytest.mark.parametrize("now_s", [0.0, 0.3, 5.0, 3e6])
def test_the_bucket_is_full_at_first_whatever_the_clock_shows(now_s):
    assert delays(TokenBucket(2.0, 4, clock=Clock(now_s)), 4) == pytest.approx([0.0] * 4)


def test_who_takes_no_faster_than_the_rate_never_waits():
    clock = Clock()
    bucket = TokenBucket(4.0, 1, clock=clock)
    for _ in range(50):
        assert bucket.take() == 0.0
        clock.now_s += 0.25


@pytest.mark.parametrize(
    ("pause_s", "at_once"), [(0.0, 0), (0.4, 0), (0.5, 1), (1.2, 2), (2.0, 4), (3_600.0, 4)]
)
def test_a_pause_saves_tokens_up_to_the_burst(pause_s, at_once):
    clock = Clock()
    bucket = TokenBucket(2.0, 4, clock=clock)
    delays(bucket, 4)
    clock.now_s += pause_s
    assert delays(bucket, 6).count(0.0) == at_once


def test_reservations_are_kept_while_nobody_asks():
    clock = Clock()
    bucket = TokenBucket(2.0, 1, clock=clock)
    assert delays(bucket, 3) == [0.0, 0.5, 1.0]
    clock.now_s += 0.75
    assert bucket.take() == pytest.approx(0.75), "1.5 s after the first, as the third in line"


requests_in_time = st.lists(st.floats(0.0, 5.0), min_size=1, max_size=60)
rates = st.floats(0.1, 100.0)


@settings(deadline=None)
@given(pauses_s=requests_in_time, rate_per_s=rates, burst=st.integers(1, 8))
def test_no_window_holds_more_than_the_burst_and_the_rate(pauses_s, rate_per_s, burst):
    clock = Clock()
    bucket = TokenBucket(rate_per_s, burst, clock=clock)
    used_s = []
    for pause_s in pauses_s:
        clock.now_s += pause_s
        used_s.append(clock.now_s + bucket.take())
    assert used_s == sorted(used_s), "who asks first is served first"
    for first, from_s in enumerate(used_s):
        for count, until_s in enumerate(used_s[first:], start=1):
            assert count <= burst + rate_per_s * (until_s - from_s) + 1e-6


@settings(deadline=None)
@given(pauses_s=requests_in_time, rate_per_s=rates, burst=st.integers(1, 8))
def test_nobody_waits_longer_than_a_bucket_that_counts_its_tokens_says(pauses_s, rate_per_s, burst):
    clock = Clock()
    bucket = TokenBucket(rate_per_s, burst, clock=clock)
    tokens = float(burst)
    for pause_s in pauses_s:
        clock.now_s += pause_s
        tokens = min(float(burst), tokens + pause_s * rate_per_s) - 1
        assert bucket.take() == pytest.approx(max(0.0, -tokens / rate_per_s), abs=1e-6)


def test_threads_share_one_rate():
    bucket = TokenBucket(50.0, 4, clock=Clock())
    taken, start = [], threading.Barrier(20)

    def take_often():
        start.wait(timeout=60)
        mine = delays(bucket, 50)
        assert mine == sorted(mine)
        taken.extend(mine)

    threads = [threading.Thread(target=take_often) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Each place in the line is given once.
    assert sorted(taken) == pytest.approx([0.0] * 4 + [place * 0.02 for place in range(1, 997)])


def test_threads_are_served_in_the_order_in_which_they_ask():
    bucket = TokenBucket(2.0, 1, clock=Clock())
    turns = {}
    for name in range(10):
        thread = threading.Thread(target=lambda name=name: turns.update({name: bucket.take()}))
        thread.start()
        thread.join()
    assert list(turns.values()) == pytest.approx([name * 0.5 for name in range(10)])


@pytest.mark.parametrize("seconds", [0.01, SLICE_S, 0.5, 1.0, 61.3])
def test_a_wait_sleeps_as_long_as_told_in_slices(seconds):
    slept_s = []
    wait(seconds, never_cancelled, sleep=slept_s.append)
    assert sum(slept_s) == pytest.approx(seconds)
    assert max(slept_s) <= SLICE_S


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_wait_sleeps_not_but_asks_whether_to_go_on(seconds):
    slept_s, asked = [], []
    wait(seconds, lambda: asked.append(True), sleep=slept_s.append)
    assert slept_s == []
    assert asked == [True]


def test_the_checkpoint_is_asked_before_the_first_slice_and_after_each():
    events = []
    wait(0.5, lambda: events.append("ask"), sleep=lambda _: events.append("sleep"))
    assert events == ["ask", "sleep", "ask", "sleep", "ask", "sleep", "ask"]


@pytest.mark.parametrize("slices", [0, 1, 7])
def test_a_wait_ends_when_the_checkpoint_raises(slices):
    slept_s = []

    def checkpoint():
        if len(slept_s) == slices:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        wait(60.0, checkpoint, sleep=slept_s.append)
    assert len(slept_s) == slices
