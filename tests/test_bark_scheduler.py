"""The queue before Bark's device: fair, bounded, cancellable, and nothing is lost."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest
import torch

from tests.support.stack import until
from tts_tasks.engines.bark import BarkEngine, BarkRequest, scheduler
from tts_tasks.engines.bark.job import make_job
from tts_tasks.engines.bark.loading import Device, load
from tts_tasks.engines.bark.pipeline import Pipeline
from tts_tasks.engines.bark.scheduler import Scheduler
from tts_tasks.engines.bark.sizes import choose_sizes
from tts_tasks.errors import CancelledError, EngineUnavailableError
from tts_tasks.values import Chunk

pytestmark = pytest.mark.usefixtures("one_torch_thread")

WORDS = [
    "a",
    "aula",
    "começa",
    "com",
    "um",
    "exemplo",
    "simples",
    "e",
    "termina",
    "com",
    "uma",
    "pergunta",
    "para",
    "todos",
]


@pytest.fixture(scope="module")
def model(bark_folder):
    return load(bark_folder, Device("cpu", "float32")).model


@pytest.fixture(scope="module")
def alone(model):
    """Return what a request gives by itself."""
    queue, known = Scheduler(model, choose_sizes(model, 1)), {}

    def speak(request):
        key = (request.text, request.voice, request.seed)
        if key not in known:
            known[key] = queue.submit(make_job(request, model)).result(60)
        return known[key]

    return speak


def request_of(number, n_words=4):
    text = " ".join(WORDS[(number + each) % len(WORDS)] for each in range(n_words))
    return BarkRequest(str(number), text, f"v2/pt_speaker_{number % 10}", seed=number)


class Watched:
    """A queue whose pipeline begins when the test lets it, and does what the test says."""

    def __init__(self, model, slots, **options):
        self.model = model
        self.gate = threading.Event()
        self.admitted = []
        self.pipelines = []
        self.before = lambda pipeline: None
        watched = self

        class Observed(Pipeline):
            def __init__(self, *arguments):
                assert watched.gate.wait(30)
                super().__init__(*arguments)
                watched.pipelines.append(self)

            def admit(self, jobs):
                watched.admitted.extend(jobs)
                return super().admit(jobs)

            def advance(self):
                watched.before(self)
                return super().advance()

        sizes = choose_sizes(model, slots)
        self.queue = Scheduler(model, sizes, make_pipeline=Observed, **options)

    def submit(self, requests, run=None, **options):
        return [
            self.queue.submit(make_job(request, self.model, run), **options) for request in requests
        ]


def assert_equal_alone(futures, requests, alone):
    for future, request in zip(futures, requests, strict=True):
        result, wanted = future.result(60), alone(request)
        assert result.id == request.id
        np.testing.assert_array_equal(result.semantic_tokens, wanted.semantic_tokens)
        np.testing.assert_array_equal(result.samples, wanted.samples)


def test_a_late_run_need_not_wait_for_all_of_an_early_one(model, alone):
    watched = Watched(model, slots=2)
    many = [request_of(number) for number in range(20)]
    few = [request_of(number) for number in range(20, 23)]
    futures = watched.submit(many, run="early") + watched.submit(few, run="late")
    watched.gate.set()
    assert_equal_alone(futures, [*many, *few], alone)
    order = [job.run for job in watched.admitted]
    assert len(order) == 23
    assert "late" in order[:2], "of two slots each run gets one"
    assert [place for place, run in enumerate(order) if run == "late"][-1] < 12


def test_the_longest_of_a_run_come_first(model):
    watched = Watched(model, slots=1)
    futures = watched.submit([request_of(number, n_words=number + 1) for number in range(6)])
    watched.gate.set()
    wait(futures, 60)
    lengths = [len(job.text_ids) for job in watched.admitted]
    assert lengths == sorted(lengths, reverse=True)


def test_who_submits_too_much_waits(model):
    watched = Watched(model, slots=1, capacity=3)
    first = watched.submit([request_of(number) for number in range(3)])
    with ThreadPoolExecutor(1) as pool:
        more = pool.submit(watched.submit, [request_of(number) for number in range(3, 6)])
        time.sleep(0.2)
        assert watched.queue.report().waiting == 3
        assert not more.done()
        watched.gate.set()
        assert all(future.result(60) for future in [*first, *more.result(60)])


def test_who_waits_to_submit_can_be_cancelled(model):
    watched = Watched(model, slots=1, capacity=1)
    watched.submit([request_of(0)])

    def stop():
        raise CancelledError("the run was cancelled")

    with pytest.raises(CancelledError):
        watched.submit([request_of(1)], checkpoint=stop)
    watched.gate.set()
    until(lambda: watched.queue.report().finished == 1)
    assert watched.queue.report().waiting == 0


def test_a_cancelled_request_leaves_its_slot_and_the_others_stay(model, alone):
    watched = Watched(model, slots=3)
    requests = [request_of(number, n_words=8) for number in range(9)]
    futures = watched.submit(requests)
    turns = []

    def cancel_some(pipeline):
        turns.append([job.request.id for job in pipeline.jobs])
        if len(turns) == 4:
            # One in a slot, and one that waits.
            in_slot = {job.request.id for job in watched.admitted}
            waiting = next(number for number in range(9) if str(number) not in in_slot)
            cancelled.update({int(turns[-1][0]), waiting})
            for number in cancelled:
                assert futures[number].cancel()

    cancelled = set()
    watched.before = cancel_some
    watched.gate.set()
    until(lambda: watched.queue.report().finished == 7, 60)
    kept = [number for number in range(9) if number not in cancelled]
    assert len(cancelled) == 2
    assert_equal_alone([futures[n] for n in kept], [requests[n] for n in kept], alone)
    for number in cancelled:
        with pytest.raises(FutureCancelled):
            futures[number].result(0)
        assert not any(str(number) in jobs for jobs in turns[4:]), "it left at once"
    report = watched.queue.report()
    assert (report.in_work, report.waiting, report.finished) == (0, 0, 7)


@pytest.mark.parametrize("turn", [0, 1, 7, 60, 75, 90, 110])
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 GB"),
    ],
    ids=["GPU", "CPU"],
)
def test_without_memory_it_goes_on_with_half_of_everything(model, alone, turn, error):
    watched = Watched(model, slots=8)
    requests = [request_of(number, n_words=2 + number % 5) for number in range(20)]
    turns = []

    def fail_once(_):
        turns.append(None)
        if len(turns) == turn + 1:
            raise error

    watched.before = fail_once
    futures = watched.submit(requests)
    watched.gate.set()
    assert_equal_alone(futures, requests, alone)
    report = watched.queue.report()
    assert (report.shrunk, report.slots, report.finished) == (1, 4, 20)
    assert [pipeline.sizes.slots for pipeline in watched.pipelines] == [8, 4]


def test_after_a_while_without_work_all_slots_are_tried_again(model, alone, monkeypatch):
    monkeypatch.setattr(scheduler, "IDLE_S", 0.01)
    watched = Watched(model, slots=8)
    requests = [request_of(number) for number in range(9)]

    def fail_once(_):
        watched.before = lambda _: None
        raise torch.OutOfMemoryError("CUDA out of memory")

    watched.before = fail_once
    watched.gate.set()
    assert_equal_alone(watched.submit(requests), requests, alone)
    deadline = time.monotonic() + 60
    while watched.queue.report().slots != 8 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert_equal_alone(watched.submit(requests), requests, alone)
    assert [pipeline.sizes.slots for pipeline in watched.pipelines] == [8, 4, 8]


def test_memory_that_is_not_enough_for_one_is_an_error_that_says_what_to_do(model, alone):
    watched = Watched(model, slots=4)

    def fail(_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    watched.before = fail
    watched.gate.set()
    futures = watched.submit([request_of(number) for number in range(6)])
    for future in futures:
        with pytest.raises(EngineUnavailableError, match="not enough for a single chunk") as caught:
            future.result(60)
        assert "suno/bark-small" in caught.value.remedy
    watched.before = lambda _: None
    assert_equal_alone(watched.submit([request_of(7)]), [request_of(7)], alone)


def test_no_memory_for_the_slots_at_the_start(model, alone):
    attempts = []

    class Big(Pipeline):
        def __init__(self, checkpoint, sizes, counters):
            attempts.append(sizes.slots)
            if sizes.slots > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            super().__init__(checkpoint, sizes, counters)

    queue = Scheduler(model, choose_sizes(model, 16), make_pipeline=Big)
    requests = [request_of(number) for number in range(5)]
    futures = [queue.submit(make_job(request, model)) for request in requests]
    assert_equal_alone(futures, requests, alone)
    assert attempts == [16, 8, 4, 2]


def test_an_error_of_the_device_fails_what_was_in_work_and_no_more(model, alone, caplog):
    watched = Watched(model, slots=2)
    requests = [request_of(number) for number in range(6)]
    failed = []

    def fail_once(pipeline):
        if not failed:
            failed.extend(job.request.id for job in pipeline.jobs)
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    watched.before = fail_once
    futures = watched.submit(requests)
    watched.gate.set()
    wait(futures, 60)
    assert len(failed) == 2
    for future, request in zip(futures, requests, strict=True):
        if request.id in failed:
            with pytest.raises(EngineUnavailableError, match="illegal memory access"):
                future.result(0)
        else:
            assert_equal_alone([future], [request], alone)
    assert "Bark failed" in caplog.text


def test_the_thread_ends_when_there_is_nothing_to_do_and_comes_back(model, alone, monkeypatch):
    monkeypatch.setattr(scheduler, "IDLE_S", 0.05)
    queue = Scheduler(model, choose_sizes(model, 2))
    for number in range(3):
        request = request_of(number)
        assert_equal_alone([queue.submit(make_job(request, model))], [request], alone)
        until(lambda: queue._thread is None)
    assert queue.report().finished == 3


def test_the_slots_are_full_while_there_is_work(model):
    queue = Scheduler(model, choose_sizes(model, 8))
    requests = [request_of(number, n_words=1 + number % 12) for number in range(120)]
    wait(
        [
            queue.submit(make_job(request, model, number % 7))
            for number, request in enumerate(requests)
        ],
        120,
    )
    report = queue.report()
    assert report.finished == 120
    assert report.occupancy > 0.8
    assert set(report.seconds) == {"semantic", "coarse", "fine", "codec"}


# The engine on top


@pytest.fixture(scope="module")
def engine(bark_folder):
    return BarkEngine.from_pretrained(bark_folder, slots=4)


def chunks_of(engine, numbers):
    return [
        Chunk(
            text := request_of(number).text,
            text,
            f"v2/pt_speaker_{number % 10}",
            engine.parameters({}),
            seed=number,
        )
        for number in numbers
    ]


def test_threads_share_batches_and_get_their_own_audio(engine):
    alone = {number: engine.synthesize(chunks_of(engine, [number]))[0] for number in range(12)}

    def speak(first):
        numbers = [(first + step) % 12 for step in range(5)]
        takes = engine.synthesize(chunks_of(engine, numbers))
        return list(zip(numbers, takes, strict=True))

    with ThreadPoolExecutor(12) as pool:
        for spoken in pool.map(speak, range(12)):
            for number, take in spoken:
                np.testing.assert_array_equal(take.samples, alone[number].samples)


def test_takes_come_as_they_are_finished(engine):
    chunks = chunks_of(engine, range(8))
    order = [index for index, _ in engine.takes(chunks)]
    assert sorted(order) == list(range(8))
    whole = engine.synthesize(chunks)
    for index, take in engine.takes(chunks):
        np.testing.assert_array_equal(take.samples, whole[index].samples)


def test_a_cancelled_run_leaves_at_once_and_nothing_is_left_of_it(engine):
    asked = []

    def stop():
        asked.append(None)
        if len(asked) > 20:
            raise CancelledError("the run was cancelled")

    with pytest.raises(CancelledError):
        engine.synthesize(chunks_of(engine, range(60)), stop)
    until(lambda: engine.report().in_work == 0)
    assert engine.report().waiting == 0


def test_who_stops_listening_cancels_the_rest(engine):
    results = engine.generate([request_of(number) for number in range(40)])
    before = engine.report().finished
    next(results)
    results.close()
    until(lambda: engine.report().in_work == 0)
    assert engine.report().finished - before < 40


def test_the_status_says_how_the_device_is_doing(engine):
    engine.synthesize(chunks_of(engine, range(3)))
    status = engine.status()
    assert status["slots"] == 4
    assert 0 < status["occupancy"] <= 1
    assert (status["waiting"], status["in_work"]) == (0, 0)
    assert status["finished"] >= 3
