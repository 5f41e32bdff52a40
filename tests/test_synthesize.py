"""The synthesize step, with a programmable engine: order, keeping, refusing, cancelling."""

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tts_tasks.catalog.claims import claims as claims_of
from tts_tasks.engines.protocol import Engine
from tts_tasks.engines.synthesize import PATIENCE_S, RENEW_S, TURN_S, synthesize
from tts_tasks.errors import (
    BadAnswerError,
    CancelledError,
    EngineOutputError,
    EngineUnavailableError,
)
from tts_tasks.values import Chunk, Plan, Quality, Script, Utterance, Waveform

RATE_HZ = 8_000


class ScriptedEngine(Engine):
    """Speaks a tone per chunk, or does what the test tells it to do for a text."""

    name = "scripted"
    sample_rate = RATE_HZ
    max_chars = 100
    revision = "1"
    deterministic = True

    def __init__(self, batch_size=1, takes_differ=False, **surprises):
        self.batch_size = batch_size
        self.takes_differ = takes_differ
        self.surprises = surprises
        self.batches = []

    def catalogue(self):
        return []

    def synthesize(self, chunks, checkpoint=None):
        self.batches.append([chunk.spoken for chunk in chunks])
        waveforms = []
        for chunk in chunks:
            surprise = self.surprises.get(chunk.spoken)
            if isinstance(surprise, list):
                surprise = surprise[chunk.seed]
            if isinstance(surprise, Exception):
                raise surprise
            waveforms.append(tone() if surprise is None else surprise)
        return waveforms


def tone(rate_hz=RATE_HZ, dtype=np.float32):
    return Waveform(np.sin(np.arange(rate_hz) / 10).astype(dtype), rate_hz)


class Shelf:
    """A library of one test: keeps utterances by key."""

    def __init__(self, *already):
        self.kept = {key: utterance(chunk(key)) for key in already}
        self.order = []
        self.takes = {}

    def find(self, wanted):
        return self.kept.get(wanted.key)

    def keep(self, take, refused):
        key = take.chunk.key
        self.order.append(key)
        self.takes[key] = [take, *refused]
        self.kept[key] = utterance(take.chunk, take.synthesis_s, cached=False)
        return self.kept[key]


def judge(_, waveform):
    """Find every take good but those whose loudest sample is below a half: the less, the worse."""
    peak = float(np.abs(waveform.samples).max())
    return Quality() if peak > 0.5 else Quality(("too_quiet",), badness=1 - peak)


def quiet(level):
    return Waveform(tone().samples * np.float32(level), RATE_HZ)


def chunk(text):
    return Chunk(text, text, "v", key=text)


def utterance(spoken, synthesis_s=0.0, cached=True):
    return Utterance(spoken, Path(spoken.key), 1.0, RATE_HZ, synthesis_s, cached)


def plan(texts, held=()):
    chunks = tuple(chunk(text) for text in texts)
    script = Script(chunks, "scripted", "v", "1", "mp3", "", 10, "k")
    missing = tuple(dict.fromkeys(c for c in texts if c not in held))
    return Plan(
        script, None, {key: utterance(chunk(key)) for key in held}, tuple(map(chunk, missing))
    )


def test_utterances_come_in_the_order_of_the_script():
    shelf = Shelf()
    spoken = synthesize(plan("abca"), ScriptedEngine(), shelf.find, judge, shelf.keep)
    assert [u.chunk.key for u in spoken.utterances] == ["a", "b", "c", "a"]
    assert spoken.synthesized_chunks == 3
    assert spoken.synthesized_audio_s == 3.0


def test_only_missing_chunks_are_spoken():
    shelf, engine = Shelf("a", "c"), ScriptedEngine()
    spoken = synthesize(plan("abc", held="ac"), engine, shelf.find, judge, shelf.keep)
    assert engine.batches == [["b"]]
    assert [u.cached for u in spoken.utterances] == [True, False, True]


def test_a_chunk_that_another_run_made_meanwhile_is_not_spoken_again():
    shelf, engine = Shelf("b"), ScriptedEngine()
    spoken = synthesize(plan("ab"), engine, shelf.find, judge, shelf.keep)
    assert engine.batches == [["a"]]
    assert spoken.synthesized_chunks == 1


def test_batches_have_the_size_that_the_engine_takes_best():
    shelf, engine = Shelf(), ScriptedEngine(batch_size=2)
    synthesize(plan("abcde"), engine, shelf.find, judge, shelf.keep)
    assert engine.batches == [["a", "b"], ["c", "d"], ["e"]]


def test_what_was_spoken_before_a_failure_is_kept():
    shelf = Shelf()
    engine = ScriptedEngine(c=EngineUnavailableError("down"))
    with pytest.raises(EngineUnavailableError):
        synthesize(plan("abcd"), engine, shelf.find, judge, shelf.keep)
    assert shelf.order == ["a", "b"]


def test_a_retry_speaks_only_what_the_failure_left():
    shelf, engine = Shelf(), ScriptedEngine(c=EngineUnavailableError("down"))
    with pytest.raises(EngineUnavailableError):
        synthesize(plan("abcd"), engine, shelf.find, judge, shelf.keep)
    engine.surprises.clear()
    engine.batches.clear()
    synthesize(plan("abcd"), engine, shelf.find, judge, shelf.keep)
    assert engine.batches == [["c"], ["d"]]


def test_a_cancelled_run_stops_between_batches():
    shelf, calls = Shelf(), []

    def checkpoint():
        calls.append(1)
        if len(calls) == 3:
            raise CancelledError("stop")

    with pytest.raises(CancelledError):
        synthesize(
            plan("abcd"), ScriptedEngine(), shelf.find, judge, shelf.keep, checkpoint=checkpoint
        )
    assert shelf.order == ["a", "b"]


@pytest.mark.parametrize(
    "take",
    [
        pytest.param(Waveform(np.zeros(RATE_HZ, np.float32), RATE_HZ), id="silence"),
        pytest.param(Waveform(np.zeros(0, np.float32), RATE_HZ), id="nothing"),
        pytest.param(Waveform(np.full(9, np.nan, np.float32), RATE_HZ), id="not a number"),
        pytest.param(Waveform(np.ones((9, 2), np.float32), RATE_HZ), id="stereo"),
        pytest.param(tone(dtype=np.float64), id="double precision"),
        pytest.param(tone(rate_hz=RATE_HZ * 2), id="another sample rate"),
    ],
)
def test_a_take_that_cannot_be_right_is_never_kept(take):
    shelf = Shelf()
    with pytest.raises(EngineOutputError, match="'b'"):
        synthesize(plan("ab"), ScriptedEngine(b=take), shelf.find, judge, shelf.keep)
    assert shelf.order == ["a"]


def test_an_engine_that_loses_a_chunk_is_an_error():
    class Forgetful(ScriptedEngine):
        def synthesize(self, chunks, checkpoint=None):
            return super().synthesize(chunks)[:-1]

    shelf = Shelf()
    with pytest.raises(EngineOutputError, match="1 takes for 2 chunks"):
        synthesize(plan("ab"), Forgetful(batch_size=2), shelf.find, judge, shelf.keep)


def test_a_failed_take_is_spoken_again_with_the_next_seed():
    shelf = Shelf()
    engine = ScriptedEngine(takes_differ=True, b=[quiet(0.1), tone()])
    spoken = synthesize(plan("abc"), engine, shelf.find, judge, shelf.keep)
    assert engine.batches == [["a"], ["b"], ["b"], ["c"]]
    accepted, refused = shelf.takes["b"]
    assert (accepted.seed, accepted.quality.flags) == (1, ())
    assert (refused.seed, refused.quality.flags) == (0, ("too_quiet",))
    assert accepted.chunk.seed == 0, "the key is that of the first take"
    assert spoken.synthesized_chunks == 3


def test_of_three_failed_takes_the_best_is_kept_with_its_flags():
    shelf = Shelf()
    engine = ScriptedEngine(takes_differ=True, b=[quiet(0.1), quiet(0.3), quiet(0.2), tone()])
    synthesize(plan("b"), engine, shelf.find, judge, shelf.keep)
    assert len(engine.batches) == 3
    best, *refused = shelf.takes["b"]
    assert (best.seed, best.quality.flags) == (1, ("too_quiet",))
    assert [take.seed for take in refused] == [2, 0]


def test_an_engine_without_seeds_is_not_asked_again():
    shelf = Shelf()
    engine = ScriptedEngine(b=quiet(0.1))
    synthesize(plan("b"), engine, shelf.find, judge, shelf.keep)
    assert engine.batches == [["b"]]
    assert shelf.takes["b"][0].quality.flags == ("too_quiet",)


def test_failed_takes_of_a_batch_are_spoken_again_together():
    shelf = Shelf()
    engine = ScriptedEngine(
        batch_size=4, takes_differ=True, a=[quiet(0.1), tone()], c=[quiet(0.1), quiet(0.1), tone()]
    )
    spoken = synthesize(plan("abcd"), engine, shelf.find, judge, shelf.keep)
    assert engine.batches == [["a", "b", "c", "d"], ["a", "c"], ["c"]]
    assert [u.chunk.key for u in spoken.utterances] == ["a", "b", "c", "d"]


def test_a_take_that_cannot_be_used_is_spoken_again_too():
    silence = Waveform(np.zeros(RATE_HZ, np.float32), RATE_HZ)
    shelf = Shelf()
    engine = ScriptedEngine(takes_differ=True, b=[silence, quiet(0.1), silence])
    synthesize(plan("b"), engine, shelf.find, judge, shelf.keep)
    assert shelf.takes["b"][0].seed == 1, "a faint voice is better than none"


def test_a_run_can_be_cancelled_between_takes():
    def checkpoint():
        if engine.batches:
            raise CancelledError("stop")

    shelf, engine = Shelf(), ScriptedEngine(takes_differ=True, b=[quiet(0.1)] * 3)
    with pytest.raises(CancelledError):
        synthesize(plan("b"), engine, shelf.find, judge, shelf.keep, checkpoint=checkpoint)
    assert engine.batches == [["b"]]


def test_what_a_service_answered_wrongly_is_not_kept_unless_that_is_accepted():
    service = ScriptedEngine(takes_differ=True, b=[quiet(0.1), quiet(0.3), quiet(0.2)])
    service.deterministic = False
    shelf = Shelf()
    with pytest.raises(BadAnswerError, match="too quiet"):
        synthesize(plan("ab"), service, shelf.find, judge, shelf.keep)
    assert shelf.order == ["a"], "what was right is kept"
    asked = plan("ab")
    asked = replace(asked, script=replace(asked.script, accept_flagged=True))
    synthesize(asked, service, shelf.find, judge, shelf.keep)
    assert shelf.kept.keys() == {"a", "b"}


# Beside other runs


class OthersClaims:
    """Claims of a machine on which other runs hold some chunks until told otherwise."""

    def __init__(self, *held):
        self.held = set(held)
        self.mine = set()
        self.asked = []

    def take(self, key):
        self.asked.append(key)
        if key in self.held:
            return False
        self.mine.add(key)
        return True

    def release(self, key):
        self.mine.discard(key)


@pytest.fixture
def time_passes(monkeypatch):
    """Let waiting take no time; return the list of pauses, and what happens in each."""
    acts, pauses = [], []
    now_s = time.monotonic()

    def sleep(pause_s):
        pauses.append(pause_s)
        assert len(pauses) < 100_000
        if acts:
            acts.pop(0)()

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now_s + sum(pauses))
    return SimpleNamespace(acts=acts, pauses=pauses)


def test_what_another_run_speaks_is_left_for_last_and_taken_from_the_library(time_passes):
    engine, shelf, claims = ScriptedEngine(), Shelf(), OthersClaims("a", "c")

    def others_finish():
        for key in ("a", "c"):
            shelf.kept[key] = utterance(chunk(key))

    time_passes.acts += [lambda: None, others_finish]
    spoken = synthesize(plan("abcd"), engine, shelf.find, judge, shelf.keep, claims=claims)
    assert engine.batches == [["b"], ["d"]]
    assert [each.chunk.key for each in spoken.utterances] == list("abcd")
    assert spoken.synthesized_chunks == 2
    assert len(time_passes.pauses) == 2
    assert claims.mine == set()


def test_what_another_run_gave_up_is_spoken_here(time_passes):
    engine, shelf, claims = ScriptedEngine(), Shelf(), OthersClaims("a")
    time_passes.acts.append(lambda: claims.held.clear())
    synthesize(plan("ab"), engine, shelf.find, judge, shelf.keep, claims=claims)
    assert engine.batches == [["b"], ["a"]]


def test_patience_has_an_end(time_passes, caplog):
    engine, shelf, claims = ScriptedEngine(), Shelf(), OthersClaims("a")
    synthesize(plan("ab"), engine, shelf.find, judge, shelf.keep, claims=claims)
    assert engine.batches == [["b"], ["a"]]
    assert sum(time_passes.pauses) == pytest.approx(PATIENCE_S, rel=0.01)
    assert "for too long" in caplog.text


def test_progress_of_others_renews_the_patience(time_passes):
    shelf, claims = Shelf(), OthersClaims("a", "b")

    def finish(key):
        return lambda: shelf.kept.update({key: utterance(chunk(key))})

    turns = int(PATIENCE_S / TURN_S) - 10
    waiting = [lambda: None] * turns
    time_passes.acts += [*waiting, finish("a"), *waiting, finish("b")]
    engine = ScriptedEngine()
    synthesize(plan("ab"), engine, shelf.find, judge, shelf.keep, claims=claims)
    assert engine.batches == []


def test_a_run_that_waits_can_be_cancelled(time_passes):
    shelf, claims = Shelf(), OthersClaims("a")

    def checkpoint():
        if len(time_passes.pauses) == 3:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        synthesize(
            plan("a"),
            ScriptedEngine(),
            shelf.find,
            judge,
            shelf.keep,
            claims=claims,
            checkpoint=checkpoint,
        )


@pytest.mark.usefixtures("time_passes")
@pytest.mark.parametrize("size", [1, 2, 3])
def test_after_an_error_nothing_is_claimed(size):
    engine = ScriptedEngine(batch_size=size, b=EngineUnavailableError("gone"))
    claims, shelf = OthersClaims(), Shelf()
    with pytest.raises(EngineUnavailableError):
        synthesize(plan("abc"), engine, shelf.find, judge, shelf.keep, claims=claims)
    assert claims.mine == set()


def test_a_chunk_is_given_back_as_soon_as_it_is_kept():
    claims, shelf = OthersClaims(), Shelf()
    seen = []

    class Streaming(ScriptedEngine):
        def takes(self, chunks, checkpoint=None):
            for index, each in enumerate(chunks):
                yield index, tone()
                seen.append((each.key, set(claims.mine)))

    engine = Streaming(batch_size=3)
    synthesize(plan("abc"), engine, shelf.find, judge, shelf.keep, claims=claims)
    assert seen == [("a", {"b", "c"}), ("b", {"c"}), ("c", set())]


def test_two_runs_that_need_the_same_in_opposite_order_speak_each_chunk_once(tmp_path):
    texts = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(12)]
    shelf = Shelf()
    barrier = threading.Barrier(2)

    def run(order, batch_size):
        with claims_of(tmp_path) as claims:
            barrier.wait(timeout=30)
            return synthesize(
                plan(order),
                ScriptedEngine(batch_size),
                shelf.find,
                judge,
                shelf.keep,
                claims=claims,
            )

    with ThreadPoolExecutor(2) as pool:
        there = pool.submit(run, texts, 2)
        back = pool.submit(run, texts[::-1], 3)
        runs = there.result(timeout=60), back.result(timeout=60)
    assert sorted(shelf.order) == sorted(texts)
    assert sum(run.synthesized_chunks for run in runs) == len(texts)
    assert [each.chunk.key for each in runs[1].utterances] == texts[::-1]


def test_what_a_long_run_needs_is_renewed_and_what_went_is_spoken_again(time_passes):
    shelf, touched = Shelf("a"), []

    class Slow(ScriptedEngine):
        def synthesize(self, chunks, checkpoint=None):
            time_passes.pauses.append(RENEW_S + 1)
            return super().synthesize(chunks, checkpoint)

    def touch(key):
        touched.append(key)
        if key == "a" and touched.count("a") == 1:
            del shelf.kept["a"]  # Somebody cleared the library.
            return False
        return True

    engine = Slow()
    spoken = synthesize(plan("abc", "a"), engine, shelf.find, judge, shelf.keep, touch=touch)
    assert engine.batches == [["b"], ["c"], ["a"]]
    assert touched[:2] == ["a", "b"]
    assert [each.chunk.key for each in spoken.utterances] == list("abc")
