"""The synthesize step, with a programmable engine: order, keeping, refusing, cancelling."""

from pathlib import Path

import numpy as np
import pytest

from tts_tasks.engines.synthesize import synthesize
from tts_tasks.errors import CancelledError, EngineOutputError, EngineUnavailableError
from tts_tasks.values import Chunk, Plan, Script, Utterance, Waveform

RATE_HZ = 8_000


class ScriptedEngine:
    """Speaks a tone per chunk, or does what the test tells it to do for a text."""

    name = "scripted"
    sample_rate = RATE_HZ
    max_chars = 100
    revision = "1"

    def __init__(self, batch_size=1, **surprises):
        self.batch_size = batch_size
        self.surprises = surprises
        self.batches = []

    def synthesize(self, chunks):
        self.batches.append([chunk.spoken for chunk in chunks])
        waveforms = []
        for chunk in chunks:
            surprise = self.surprises.get(chunk.spoken)
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

    def find(self, wanted):
        return self.kept.get(wanted.key)

    def keep(self, spoken, waveform, synthesis_s):
        self.order.append(spoken.key)
        self.kept[spoken.key] = utterance(spoken, synthesis_s, cached=False)
        return self.kept[spoken.key]


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
    spoken = synthesize(plan("abca"), ScriptedEngine(), shelf.find, shelf.keep)
    assert [u.chunk.key for u in spoken.utterances] == ["a", "b", "c", "a"]
    assert spoken.synthesized_chunks == 3
    assert spoken.synthesized_audio_s == 3.0


def test_only_missing_chunks_are_spoken():
    shelf, engine = Shelf("a", "c"), ScriptedEngine()
    spoken = synthesize(plan("abc", held="ac"), engine, shelf.find, shelf.keep)
    assert engine.batches == [["b"]]
    assert [u.cached for u in spoken.utterances] == [True, False, True]


def test_a_chunk_that_another_run_made_meanwhile_is_not_spoken_again():
    shelf, engine = Shelf("b"), ScriptedEngine()
    spoken = synthesize(plan("ab"), engine, shelf.find, shelf.keep)
    assert engine.batches == [["a"]]
    assert spoken.synthesized_chunks == 1


def test_batches_have_the_size_that_the_engine_takes_best():
    shelf, engine = Shelf(), ScriptedEngine(batch_size=2)
    synthesize(plan("abcde"), engine, shelf.find, shelf.keep)
    assert engine.batches == [["a", "b"], ["c", "d"], ["e"]]


def test_what_was_spoken_before_a_failure_is_kept():
    shelf = Shelf()
    engine = ScriptedEngine(c=EngineUnavailableError("down"))
    with pytest.raises(EngineUnavailableError):
        synthesize(plan("abcd"), engine, shelf.find, shelf.keep)
    assert shelf.order == ["a", "b"]


def test_a_retry_speaks_only_what_the_failure_left():
    shelf, engine = Shelf(), ScriptedEngine(c=EngineUnavailableError("down"))
    with pytest.raises(EngineUnavailableError):
        synthesize(plan("abcd"), engine, shelf.find, shelf.keep)
    engine.surprises.clear()
    engine.batches.clear()
    synthesize(plan("abcd"), engine, shelf.find, shelf.keep)
    assert engine.batches == [["c"], ["d"]]


def test_a_cancelled_run_stops_between_batches():
    shelf, calls = Shelf(), []

    def checkpoint():
        calls.append(1)
        if len(calls) == 3:
            raise CancelledError("stop")

    with pytest.raises(CancelledError):
        synthesize(plan("abcd"), ScriptedEngine(), shelf.find, shelf.keep, checkpoint=checkpoint)
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
        synthesize(plan("ab"), ScriptedEngine(b=take), shelf.find, shelf.keep)
    assert shelf.order == ["a"]


def test_an_engine_that_loses_a_chunk_is_an_error():
    class Forgetful(ScriptedEngine):
        def synthesize(self, chunks):
            return super().synthesize(chunks)[:-1]

    shelf = Shelf()
    with pytest.raises(EngineOutputError, match="1 takes for 2 chunks"):
        synthesize(plan("ab"), Forgetful(batch_size=2), shelf.find, shelf.keep)
