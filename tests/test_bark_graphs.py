"""CUDA graphs with a CUDA that is made up, and how much is done at once."""

from __future__ import annotations

import contextlib
import logging
from types import SimpleNamespace

import pytest
import torch

from tts_tasks.engines.bark.graphs import WARM_UPS, CudaGraphs, eager
from tts_tasks.engines.bark.sizes import (
    CPU_SLOTS,
    GPU_SLOTS,
    GPU_WORKSPACE_BYTES,
    Sizes,
    choose_sizes,
    slot_bytes,
)

CUDA = torch.device("cuda", 0)


class Counted:
    """A step on memory that stays in place, and what undoes it."""

    def __init__(self, error=None, at=1):
        self.value, self.before = 7, 7
        self.steps, self.restores = 0, 0
        self._error, self._at = error, at

    def step(self):
        self.steps += 1
        self.value += 1
        if self._error is not None and self.steps == self._at:
            raise self._error

    def restore(self):
        self.restores += 1
        self.value = self.before


class FakeCuda:
    """What a capture uses of ``torch.cuda``."""

    def __init__(self, monkeypatch, error=None):
        self.pools, self.captured = [], []
        self.is_capturing = False
        fake = self

        class Stream:
            def __init__(self, device):
                if error is not None:
                    raise error

            def wait_stream(self, _):
                pass

        class Graph:
            def __init__(self):
                self.replays = 0

            def replay(self):
                self.replays += 1

            def pool(self):
                return f"pool of {fake.captured.index(self)}"

        @contextlib.contextmanager
        def graph(graph, pool=None):
            fake.pools.append(pool)
            fake.captured.append(graph)
            yield

        @contextlib.contextmanager
        def stream(_):
            yield

        current = SimpleNamespace(wait_stream=lambda _: None)
        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda _: current)
        monkeypatch.setattr(torch.cuda, "stream", stream)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
        monkeypatch.setattr(torch.cuda, "graph", graph)


def test_eager_is_the_step_itself():
    work = Counted()
    step = eager(work.step, work.restore)
    assert (work.steps, work.restores) == (0, 0)
    step()
    assert work.value == 8


def test_what_is_captured_is_repeated(monkeypatch, caplog):
    cuda, work = FakeCuda(monkeypatch), Counted()
    replay = CudaGraphs(CUDA)(work.step, work.restore)
    assert work.steps == WARM_UPS + 1
    assert work.value == work.before, "as if nothing had been done"
    replay()
    replay()
    assert cuda.captured[0].replays == 2
    assert work.steps == WARM_UPS + 1, "the host does nothing any more"
    assert not caplog.records


def test_each_call_before_the_capture_begins_with_the_same_memory(monkeypatch):
    """Of the state that was there: a position must not run away while libraries warm up."""
    FakeCuda(monkeypatch)
    work, seen = Counted(), []

    def step():
        seen.append(work.value)
        work.step()

    CudaGraphs(CUDA)(step, work.restore)
    assert seen == [work.before] * (WARM_UPS + 1)


def test_graphs_share_their_memory(monkeypatch):
    cuda, graphs = FakeCuda(monkeypatch), CudaGraphs(CUDA)
    for _ in range(3):
        work = Counted()
        graphs(work.step, work.restore)
    assert cuda.pools == [None, "pool of 0", "pool of 1"]


@pytest.mark.parametrize("message", ["CUDA error: not permitted\nwhen capturing", "no driver", ""])
def test_what_cannot_be_captured_is_run_step_by_step(monkeypatch, caplog, message):
    FakeCuda(monkeypatch, RuntimeError(message))
    graphs, work = CudaGraphs(CUDA), Counted()
    step = graphs(work.step, work.restore)
    assert step == work.step
    assert (work.steps, work.restores) == (0, 1)
    assert work.value == work.before
    step()
    assert work.value == work.before + 1
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert message.partition("\n")[0] in record.message
    assert "\n" not in record.message


@pytest.mark.parametrize("at", [1, WARM_UPS, WARM_UPS + 1])
def test_a_step_that_fails_in_the_attempt_leaves_no_trace(monkeypatch, at):
    """In the warm up, or in the capture itself."""
    FakeCuda(monkeypatch)
    work = Counted(RuntimeError("operation not permitted when stream is capturing"), at)
    step = CudaGraphs(CUDA)(work.step, work.restore)
    assert step == work.step
    assert work.value == work.before
    assert work.steps == at
    # Once before each call, and once after the failure.
    assert work.restores == at + 1


def test_it_is_not_tried_again(monkeypatch, caplog):
    FakeCuda(monkeypatch, RuntimeError("no driver"))
    graphs, first, second = CudaGraphs(CUDA), Counted(), Counted()
    graphs(first.step, first.restore)
    caplog.clear()
    assert graphs(second.step, second.restore) == second.step
    assert (second.steps, second.restores) == (0, 0), "nothing was touched"
    assert not caplog.records, "said once is enough"


def test_other_graphs_are_not_affected(monkeypatch):
    with monkeypatch.context() as context:
        FakeCuda(context, RuntimeError("no driver"))
        work = Counted()
        CudaGraphs(CUDA)(work.step, work.restore)
    cuda, work = FakeCuda(monkeypatch), Counted()
    CudaGraphs(CUDA)(work.step, work.restore)
    assert len(cuda.captured) == 1


def test_a_capture_without_memory_is_no_fault_of_graphs(monkeypatch):
    """The queue halves the slots then, and tries again."""
    FakeCuda(monkeypatch)
    graphs = CudaGraphs(CUDA)
    work = Counted(torch.OutOfMemoryError("CUDA out of memory"), WARM_UPS + 1)
    with pytest.raises(torch.OutOfMemoryError):
        graphs(work.step, work.restore)
    assert work.value == work.before
    again = Counted()
    assert graphs(again.step, again.restore) != again.step


def test_a_mistake_in_a_step_is_not_hidden(monkeypatch):
    FakeCuda(monkeypatch)
    work = Counted(TypeError("a mistake"))
    with pytest.raises(TypeError):
        CudaGraphs(CUDA)(work.step, work.restore)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_where_there_is_no_cuda_the_step_itself_is_called():
    """Nothing is made up here: what torch says without a driver is understood."""
    work = Counted()
    assert CudaGraphs(CUDA)(work.step, work.restore) == work.step
    assert work.value == work.before


# How much is done at once


class FakeTransformer:
    """As large as one of Bark's."""

    def __init__(self, n_layers, n_heads):
        self._size = n_layers, n_heads

    def cache_shape(self, n_slots, n_positions):
        n_layers, n_heads = self._size
        return n_layers, n_slots, n_heads, n_positions, 64


def checkpoint(device="cpu", n_layers=24, n_heads=16, dtype=torch.bfloat16):
    return SimpleNamespace(
        device=torch.device(device),
        dtype=dtype,
        layout=SimpleNamespace(semantic_positions=1025, coarse_positions=947),
        semantic=FakeTransformer(n_layers, n_heads),
        coarse=FakeTransformer(n_layers, n_heads),
    )


SLOT_BYTES = 2 * 24 * 16 * 64 * 2 * (1025 + 947)
"""Of suno/bark in 16 bits: both stages, 194 MB."""


def free(monkeypatch, n_bytes):
    asked = []

    def mem_get_info(device):
        asked.append(device)
        return n_bytes, 80 << 30

    monkeypatch.setattr(torch.cuda, "mem_get_info", mem_get_info)
    return asked


def test_on_a_processor_only_rows_of_steps_are_batched():
    sizes = choose_sizes(checkpoint())
    assert sizes == Sizes(CPU_SLOTS, 1, 1, 1, 1, None)
    assert choose_sizes(checkpoint(), graphs=False) == sizes
    assert choose_sizes(checkpoint(), 3).slots == 3


def test_a_processor_can_do_the_steps_of_a_gpu():
    sizes = choose_sizes(checkpoint(), 5, graphs=True)
    assert sizes == Sizes(5, 1, 1, 1, 16, eager)


def test_on_a_gpu_steps_are_captured(monkeypatch):
    free(monkeypatch, 80 << 30)
    assert isinstance(choose_sizes(checkpoint("cuda")).capture, CudaGraphs)
    assert isinstance(choose_sizes(checkpoint("cuda"), graphs=True).capture, CudaGraphs)
    assert choose_sizes(checkpoint("cuda"), graphs=False).capture is eager


def test_a_slot_is_the_memory_of_both_stages():
    assert slot_bytes(checkpoint()) == SLOT_BYTES
    assert slot_bytes(checkpoint(dtype=torch.float32)) == 2 * SLOT_BYTES
    assert slot_bytes(checkpoint(n_layers=12, n_heads=12)) == SLOT_BYTES * 3 // 8


@pytest.mark.parametrize(
    ("free_bytes", "slots"),
    [
        (80 << 30, GPU_SLOTS),
        (GPU_WORKSPACE_BYTES + GPU_SLOTS * SLOT_BYTES, GPU_SLOTS),
        (GPU_WORKSPACE_BYTES + GPU_SLOTS * SLOT_BYTES - 1, GPU_SLOTS - 1),
        (GPU_WORKSPACE_BYTES + 5 * SLOT_BYTES + 7, 5),
        (GPU_WORKSPACE_BYTES + SLOT_BYTES, 1),
        (GPU_WORKSPACE_BYTES, 1),
        (1 << 30, 1),
        (0, 1),
    ],
)
def test_as_many_slots_as_there_is_memory_for(monkeypatch, free_bytes, slots):
    asked = free(monkeypatch, free_bytes)
    sizes = choose_sizes(checkpoint("cuda:1"))
    assert sizes.slots == slots
    assert asked == [torch.device("cuda:1")], "of the model's own device"
    assert (sizes.prefill_rows, sizes.fine_rows, sizes.codec_rows, sizes.semantic_steps) == (
        (16,) * 4
    )


def test_who_says_how_many_gets_as_many(monkeypatch):
    asked = free(monkeypatch, 0)
    assert choose_sizes(checkpoint("cuda"), 100).slots == 100
    assert not asked


def test_everything_is_halved_until_nothing_can_be():
    sizes = Sizes(64, 16, 16, 8, 16, eager)
    halves = [sizes]
    while not halves[-1].are_least:
        halves.append(halves[-1].halved())
    assert [each.slots for each in halves] == [64, 32, 16, 8, 4, 2, 1]
    assert [each.fine_rows for each in halves] == [16, 8, 4, 2, 1, 1, 1]
    assert [each.prefill_rows for each in halves] == [16, 8, 4, 2, 1, 1, 1]
    assert [each.codec_rows for each in halves] == [8, 4, 2, 1, 1, 1, 1]
    assert all((each.semantic_steps, each.capture) == (16, eager) for each in halves)
    assert halves[-1].halved() == halves[-1]


@pytest.mark.parametrize("one", ["slots", "prefill_rows", "fine_rows", "codec_rows"])
def test_they_are_least_only_when_each_is(one):
    least = Sizes(1, 1, 1, 1, 16, None)
    assert least.are_least
    names = ("slots", "prefill_rows", "fine_rows", "codec_rows")
    more = Sizes(*(2 if name == one else 1 for name in names), 16, None)
    assert not more.are_least
    assert more.halved() == least


def test_an_odd_number_is_halved_downwards():
    assert Sizes(5, 3, 1, 7, 1, None).halved() == Sizes(2, 1, 1, 3, 1, None)
