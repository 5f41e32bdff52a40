"""What rows remember, and that none sees another's memory."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from tts_tasks.engines.bark import cache as cache_module
from tts_tasks.engines.bark.cache import Cache, Masked, Ragged

pytestmark = pytest.mark.usefixtures("one_torch_thread")

N_SLOTS, N_HEADS, N_POSITIONS, HEAD_DIM = 8, 12, 200, 64
LENGTHS = [
    [1] * 8,
    [1, 2, 3, 4, 5, 6, 7, 8],
    [200, 1, 200, 1, 64, 65, 63, 128],
    [17, 17, 17, 90, 90, 17, 17, 200],
    [150] * 8,
]
DTYPES = {torch.float32: 2e-6, torch.float64: 1e-12, torch.bfloat16: 2e-2}
"""Of each type, the largest error of a result whose size is about 1."""


def memory(dtype=torch.float32, n_slots=N_SLOTS, seed=0):
    """Return queries, keys and values, as a layer has them: the queries are part of a product."""
    generator = torch.Generator().manual_seed(seed)
    product = torch.randn(n_slots, 1, 3, N_HEADS, HEAD_DIM, generator=generator)
    queries = product.permute(2, 0, 3, 1, 4)[0]
    shape = (n_slots, N_HEADS, N_POSITIONS, HEAD_DIM)
    keys, values = (torch.randn(shape, generator=generator) for _ in range(2))
    return queries.to(dtype), keys.to(dtype), values.to(dtype)


def plainly(queries, keys, values, slots, lengths):
    """Attention as it is written in a book, in float64, row by row."""
    found = []
    for query, slot, length in zip(queries.double(), slots, lengths, strict=True):
        seen, told = keys[slot, :, :length].double(), values[slot, :, :length].double()
        scores = (query @ seen.transpose(1, 2)) / HEAD_DIM**0.5
        weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
        found.append(weights @ told)
    return torch.stack(found)


def masked(lengths):
    return Masked(torch.tensor(lengths) - 1, max(lengths))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_each_row_sees_its_own_positions(lengths, dtype):
    queries, keys, values = memory(dtype)
    slots = range(N_SLOTS)
    expected = plainly(queries, keys, values, slots, lengths)
    for reach in (Ragged(slots, lengths), masked(lengths)):
        found = reach.attend(queries, keys, values)
        assert found.dtype == dtype
        assert found.shape == queries.shape
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=DTYPES[dtype])


@pytest.mark.parametrize(
    ("slots", "lengths"),
    [([3], [40]), ([0, 7], [40, 40]), ([1, 2, 5, 6], [9, 9, 9, 9]), ([0, 1, 2, 7], [9, 8, 8, 200])],
    ids=str,
)
def test_some_slots_are_empty(slots, lengths):
    _, keys, values = memory()
    queries = memory(n_slots=len(slots), seed=1)[0]
    found = Ragged(slots, lengths).attend(queries, keys, values)
    expected = plainly(queries, keys, values, slots, lengths)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=2e-6)


def test_a_mask_may_reach_further_than_any_row():
    """Up to the next multiple of 128: that is how graphs keep their shapes."""
    queries, keys, values = memory()
    lengths = LENGTHS[1]
    found = Masked(torch.tensor(lengths) - 1, 128).attend(queries, keys, values)
    expected = plainly(queries, keys, values, range(N_SLOTS), lengths)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("make", [Ragged, None], ids=["ragged", "masked"])
def test_what_lies_behind_a_row_does_not_matter(make):
    """An earlier row's memory is still there."""
    queries, keys, values = memory()
    lengths = LENGTHS[3]
    reach = make(range(N_SLOTS), lengths) if make else masked(lengths)
    found = reach.attend(queries, keys, values)
    for slot, length in enumerate(lengths):
        keys[slot, :, length:], values[slot, :, length:] = 1e4, -1e4
    assert torch.equal(reach.attend(queries, keys, values), found)
    keys[3, :, 0] += 1
    assert not torch.equal(reach.attend(queries, keys, values)[3], found[3]), "the control"


# Neighbours of one length share a call


@pytest.mark.parametrize(
    ("slots", "lengths", "n_calls"),
    [
        ([0, 1, 2, 3], [5, 5, 5, 5], 1),
        ([0, 1, 2, 3], [5, 6, 7, 8], 4),
        ([0, 1, 2, 3], [5, 5, 6, 6], 2),
        ([0, 1, 2, 3], [5, 6, 5, 6], 4),
        ([0, 1, 3, 4], [5, 5, 5, 5], 2),  # An empty slot between.
        ([2, 3, 4, 5, 6, 7], [9, 9, 9, 4, 9, 9], 3),
        ([6], [200], 1),
    ],
    ids=str,
)
def test_neighbours_of_one_length_share_a_call(monkeypatch, slots, lengths, n_calls):
    queries, keys, values = memory()
    reach = Ragged(slots, lengths)
    calls = []
    softmax = F.softmax, torch.softmax

    def counted(function):
        def call(*given, **options):
            calls.append(given)
            return function(*given, **options)

        return call

    # Whatever attention is made of, each call has one of these.
    sdpa = cache_module.F.scaled_dot_product_attention
    monkeypatch.setattr(cache_module.F, "scaled_dot_product_attention", counted(sdpa))
    monkeypatch.setattr(torch, "softmax", counted(softmax[1]))
    monkeypatch.setattr(F, "softmax", counted(softmax[0]))
    reach.attend(queries[: len(slots)], keys, values)
    assert len(calls) == n_calls


# Bit for bit the same in any company


def alone(queries, keys, values, slots, lengths):
    return torch.cat(
        [
            Ragged([0], [length]).attend(
                queries[row : row + 1],
                keys[slot : slot + 1].clone(),
                values[slot : slot + 1].clone(),
            )
            for row, (slot, length) in enumerate(zip(slots, lengths, strict=True))
        ]
    )


@pytest.mark.parametrize("n_threads", [1, 2, 3, 8])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_a_row_is_bit_for_bit_the_same_in_any_company(lengths, dtype, n_threads):
    """And with any number of threads."""
    queries, keys, values = memory(dtype)
    slots = range(N_SLOTS)
    expected = alone(queries, keys, values, slots, lengths)
    torch.set_num_threads(n_threads)
    assert torch.equal(Ragged(slots, lengths).attend(queries, keys, values), expected)
    for some in ([0], [7], [0, 1], [2, 5, 6], [1, 2, 3, 4, 5]):
        found = Ragged(some, [lengths[slot] for slot in some]).attend(queries[some], keys, values)
        assert torch.equal(found, expected[some])


def test_a_row_is_the_same_in_every_slot_and_among_64():
    queries, keys, values = memory()
    one = queries[:1], keys[:1], values[:1]
    many = [part.repeat(64, 1, 1, 1) for part in one]
    for length in (1, 7, 64, 65, 199):
        expected = alone(*one, [0], [length])
        found = Ragged(range(64), [length] * 64).attend(*many)
        assert torch.equal(found, expected.expand(64, -1, -1, -1))


def test_a_row_that_is_no_number_stays_alone():
    queries, keys, values = memory()
    lengths = LENGTHS[4]
    expected = Ragged(range(N_SLOTS), lengths).attend(queries, keys, values)
    queries[3] = float("nan")
    kept = torch.arange(N_SLOTS) != 3
    for reach in (Ragged(range(N_SLOTS), lengths), masked(lengths)):
        found = reach.attend(queries, keys, values)
        assert found[3].isnan().all()
        torch.testing.assert_close(found[kept], expected[kept], rtol=0, atol=1e-5)


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_behind_a_mask_company_does_not_matter_either(lengths):
    """The shapes are the same with every company: what the others are must not matter."""
    queries, keys, values = memory()
    expected = masked(lengths).attend(queries, keys, values)
    others = memory(seed=1)
    generator = torch.Generator().manual_seed(2)
    for slot in range(N_SLOTS):
        mixed = [other.clone() for other in others]
        for part, own in zip(mixed, (queries, keys, values), strict=True):
            part[slot] = own[slot]
        positions = torch.randint(0, max(lengths), (N_SLOTS,), generator=generator)
        positions[slot] = lengths[slot] - 1
        found = Masked(positions, max(lengths)).attend(*mixed)
        assert torch.equal(found[slot], expected[slot])


# The memory


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_bytes_of_a_slot_are_those_that_it_takes(dtype):
    shape = (2, 3, 4, 50, 16)
    cache = Cache(shape, dtype=dtype, device=torch.device("cpu"))
    n_bytes = sum(part.numel() * part.element_size() for part in (cache.keys, cache.values))
    assert Cache.slot_bytes(shape, dtype) * 3 == n_bytes
    assert cache.n_positions == 50
    assert not cache.keys.any()
    assert not cache.values.any()
    assert cache.keys.data_ptr() != cache.values.data_ptr()


def test_a_slot_of_the_large_model_has_100_mb():
    """16 bits, 1,025 positions; the number that the slots of a GPU are planned with."""
    shape = (24, 1, 16, 1025, 64)
    assert Cache.slot_bytes(shape, torch.bfloat16) == 100_761_600
    assert Cache.slot_bytes(shape, torch.float32) == 2 * 100_761_600
