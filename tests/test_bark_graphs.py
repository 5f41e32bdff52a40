"""CUDA graphs without CUDA: what is done when a step cannot be captured; and how much at once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from tts_tasks.engines.bark import sizes
from tts_tasks.engines.bark.graphs import CudaGraphs, eager
from tts_tasks.engines.bark.loading import Device, load
from tts_tasks.engines.bark.sizes import choose_sizes

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture
def cuda(monkeypatch):
    """A CUDA whose graphs do what the test says."""
    done = SimpleNamespace(error=None, captured=0, replayed=0)

    class Graph:
        def pool(self):
            return "pool"

        def replay(self):
            done.replayed += 1

    class Capturing:
        def __init__(self, graph, pool=None):
            pass

        def __enter__(self):
            done.captured += 1
            if done.error:
                raise done.error

        def __exit__(self, *_):
            pass

    stream = SimpleNamespace(wait_stream=lambda _: None)
    for name, value in {
        "Stream": lambda device: stream,
        "current_stream": lambda device: stream,
        "CUDAGraph": Graph,
        "graph": Capturing,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)

    class Beside:
        def __init__(self, stream):
            pass

        def __enter__(self):
            pass

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(torch.cuda, "stream", Beside)
    return done


def counted():
    state = SimpleNamespace(value=0, restored=0)

    def step():
        state.value += 1

    def restore():
        state.value, state.restored = 0, state.restored + 1

    return state, step, restore


def test_a_captured_step_is_replayed_and_leaves_nothing_behind(cuda):
    state, step, restore = counted()
    replay = CudaGraphs(torch.device("cpu"))(step, restore)
    assert state.value == 0, "what the capture did is undone"
    replay()
    replay()
    assert (cuda.captured, cuda.replayed, state.value) == (1, 2, 0)


def test_what_cannot_be_captured_is_run_and_said_once(cuda, caplog):
    cuda.error = RuntimeError("operation not permitted when stream is capturing\nmore")
    graphs = CudaGraphs(torch.device("cpu"))
    state, step, restore = counted()
    assert graphs(step, restore) is step
    assert state.value == 0
    assert graphs(step, restore) is step
    assert cuda.captured == 1
    assert caplog.text.count("without CUDA graphs from here on: operation not permitted") == 1


def test_memory_that_is_not_enough_is_not_hidden(cuda):
    cuda.error = torch.OutOfMemoryError("CUDA out of memory")
    state, step, restore = counted()
    with pytest.raises(torch.OutOfMemoryError):
        CudaGraphs(torch.device("cpu"))(step, restore)
    assert state.value == 0


def test_eager_is_the_step_itself():
    state, step, restore = counted()
    assert eager(step, restore) is step
    assert state.restored == 0


@pytest.mark.parametrize(
    ("free_gib", "slots"), [(78, 64), (9, 15), (6, 1), (2, 1)], ids=lambda value: str(value)
)
def test_slots_are_as_many_as_the_memory_is_good_for(bark_folder, monkeypatch, free_gib, slots):
    model = load(bark_folder, Device("cpu", "float32")).model
    on_gpu = SimpleNamespace(
        device=torch.device("cuda"),
        dtype=torch.bfloat16,
        layout=model.layout,
        semantic=model.semantic,
        coarse=model.coarse,
    )
    free = free_gib << 30
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 80 << 30))
    # The large model's: 24 layers of 1024 in bfloat16.
    monkeypatch.setattr(sizes, "slot_bytes", lambda _: 1972 * 24 * 2 * 1024 * 2 * 11 // 10)
    chosen = choose_sizes(on_gpu)
    assert chosen.slots == slots
    assert isinstance(chosen.capture, CudaGraphs)
    assert choose_sizes(on_gpu, 5, graphs=False).capture is eager
    assert choose_sizes(on_gpu, 5).slots == 5


def test_a_slot_s_memory_is_that_of_its_keys_and_values(bark_folder):
    model = load(bark_folder, Device("cpu", "float32")).model
    layout = model.layout
    assert (layout.semantic_positions, layout.coarse_positions) == (1024, 947)
    per_position = 2 * 2 * 32 * 4  # Layers, keys and values, width, bytes.
    assert sizes.slot_bytes(model) == (1024 + 947) * per_position


def test_halving_ends(bark_folder):
    model = load(bark_folder, Device("cpu", "float32")).model
    found, slots = choose_sizes(model), []
    while not found.are_least:
        slots.append(found.slots)
        found = found.halved()
    assert slots == [8, 4, 2]
    assert found.slots == 1
