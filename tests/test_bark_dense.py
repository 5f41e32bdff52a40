"""Products and attention: right, and a row's bits do not depend on its company."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from tts_tasks.engines.bark.cache import Masked, Ragged
from tts_tasks.engines.bark.dense import Int8Dense, PackedDense, PlainDense, best_dense

pytestmark = pytest.mark.usefixtures("one_torch_thread")

SHAPES = [(32, 96), (128, 32), (768, 2304), (3072, 768), (1024, 4096), (768, 1024), (768, 10_001)]


def weight_of(n_in, n_out, dtype=torch.float32):
    return (torch.randn(n_out, n_in, generator=torch.Generator().manual_seed(1)) * 0.03).to(dtype)


def rows_of(n_rows, n_in, dtype=torch.float32):
    return torch.randn(n_rows, n_in, generator=torch.Generator().manual_seed(2)).to(dtype)


@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
def test_a_packed_product_is_the_product(n_in, n_out):
    weight, bias, rows = weight_of(n_in, n_out), torch.randn(n_out), rows_of(17, n_in)
    wanted = F.linear(rows.double(), weight.double())
    for dense in (PackedDense(weight), PlainDense(weight)):
        assert (dense(rows).double() - wanted).abs().max() < 2e-5
    with_bias = PackedDense(weight, bias)(rows)
    assert (with_bias.double() - wanted - bias.double()).abs().max() < 2e-5
    assert PackedDense(weight)(rows.view(1, 17, n_in)).shape == (1, 17, n_out)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "make", [PackedDense, Int8Dense, lambda weight: PackedDense(weight.bfloat16())]
)
@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
def test_a_row_gives_the_same_bits_among_any_number_of_rows(n_in, n_out, make, threads):
    torch.set_num_threads(threads)
    dense = make(weight_of(n_in, n_out))
    dtype = torch.float32 if make in (PackedDense, Int8Dense) else torch.bfloat16
    rows = rows_of(64, n_in, dtype)
    together = dense(rows)
    for n_rows in (1, 2, 3, 4, 5, 7, 8, 9, 16, 33):
        assert torch.equal(dense(rows[:n_rows].contiguous()), together[:n_rows]), n_rows
    assert torch.equal(dense(rows.roll(5, 0)).roll(-5, 0), together)


def test_8_bits_are_near(caplog):
    for n_in, n_out in SHAPES:
        weight, rows = weight_of(n_in, n_out), rows_of(16, n_in)
        rows[3] = 0.0
        rows[5] *= 1e4
        found, wanted = Int8Dense(weight)(rows), F.linear(rows, weight)
        assert torch.equal(found[3], torch.zeros(n_out))
        error = (found - wanted).norm(dim=1) / wanted.norm(dim=1).clamp_min(1e-9)
        assert error.max() < 0.02


def test_the_best_product_of_a_type():
    assert isinstance(best_dense(weight_of(32, 96)), PackedDense)
    assert isinstance(best_dense(weight_of(32, 96, torch.bfloat16)), PackedDense)
    assert isinstance(best_dense(weight_of(32, 96, torch.float64)), PlainDense)


# Attention


N_SLOTS, N_HEADS, N_POSITIONS, HEAD_DIM = 6, 3, 300, 16
LENGTHS = [1, 17, 17, 64, 250, 300]


def memory():
    generator = torch.Generator().manual_seed(4)
    shape = (N_SLOTS, N_HEADS, N_POSITIONS, HEAD_DIM)
    keys, values = (torch.randn(shape, generator=generator) for _ in range(2))
    return torch.randn(N_SLOTS, N_HEADS, 1, HEAD_DIM, generator=generator), keys, values


def wanted(queries, keys, values):
    rows = []
    for slot, length in enumerate(LENGTHS):
        scores = queries[slot].double() @ keys[slot, :, :length].double().transpose(1, 2)
        rows.append(torch.softmax(scores / HEAD_DIM**0.5, -1) @ values[slot, :, :length].double())
    return torch.stack(rows)


@pytest.mark.parametrize(
    "reach",
    [Ragged(range(N_SLOTS), LENGTHS), Masked(torch.tensor(LENGTHS) - 1, 300)],
    ids=["ragged", "masked"],
)
def test_a_row_sees_its_own_length(reach):
    queries, keys, values = memory()
    found = reach.attend(queries, keys, values)
    assert (found.double() - wanted(queries, keys, values)).abs().max() < 1e-5
    for slot, length in enumerate(LENGTHS):
        keys[slot, :, length:], values[slot, :, length:] = 1e6, -1e6
    assert torch.equal(reach.attend(queries, keys, values), found), "nothing beyond it counts"


def test_a_row_attends_alike_alone_and_beside_others():
    queries, keys, values = memory()
    together = Ragged(range(N_SLOTS), LENGTHS).attend(queries, keys, values)
    for slot, length in enumerate(LENGTHS):
        alone = Ragged([slot], [length]).attend(queries[slot : slot + 1], keys, values)
        assert torch.equal(alone[0], together[slot])
    some = Ragged([1, 2, 5], [17, 17, 300]).attend(queries[[1, 2, 5]], keys, values)
    assert torch.equal(some, together[[1, 2, 5]])


def test_neighbours_of_one_length_share_a_call(monkeypatch):
    calls = []
    attention = F.scaled_dot_product_attention

    def counted(*arguments, **options):
        calls.append(len(arguments[0]))
        return attention(*arguments, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", counted)
    queries, keys, values = memory()
    Ragged([0, 1, 2, 4, 5], [9, 9, 9, 9, 8]).attend(queries[:5], keys, values)
    assert calls == [3, 1, 1]
