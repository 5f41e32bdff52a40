"""Products with the model's weights: right, and each row's the same in any company."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from tts_tasks.engines.bark.dense import Int8Dense, PackedDense, PlainDense, best_dense

pytestmark = pytest.mark.usefixtures("one_torch_thread")

BATCH = 64
"""Rows of the largest step."""

SHAPES = [
    # Inputs and outputs of the layers of suno/bark-small: attention, projection, feed forward.
    (768, 2304),
    (768, 768),
    (768, 3072),
    (3072, 768),
    # Heads: semantic, one codebook.
    (768, 10_001),
    (768, 1024),
    # suno/bark.
    (1024, 3072),
    (1024, 4096),
    (4096, 1024),
    # The tiny model of the tests.
    (32, 96),
    (128, 32),
    (32, 201),
    (32, 64),
]

INT8_ERROR = 0.0135
"""Relative RMS of a product of normal inputs and weights: 0.007 for 32 inputs, 0.0123 for 4,096
(2026-11-23); a scale for the whole weight instead of each output would make it 0.02."""

SOME_SHAPES = [(768, 2304), (3072, 768), (32, 201)]
"""For what depends on the shape less."""

shapes = pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
some_shapes = pytest.mark.parametrize(("n_in", "n_out"), SOME_SHAPES)
biases = pytest.mark.parametrize("has_bias", [False, True], ids=["without bias", "with bias"])


def parts(n_in, n_out, has_bias, dtype=torch.float32):
    """Return a weight, a bias and a batch, as large as a model's."""
    generator = torch.Generator().manual_seed(n_in + n_out)
    weight = torch.randn(n_out, n_in, generator=generator) * n_in**-0.5
    bias = torch.randn(n_out, generator=generator) if has_bias else None
    inputs = torch.randn(BATCH, n_in, generator=generator)
    return weight.to(dtype), None if bias is None else bias.to(dtype), inputs.to(dtype)


def exact(inputs, weight, bias):
    bias = None if bias is None else bias.double()
    return F.linear(inputs.double(), weight.double(), bias)


def assert_the_same_in_any_batch(dense, inputs):
    whole = dense(inputs)
    for n_rows in range(1, len(inputs) + 1):
        first = 7 * n_rows % (BATCH - n_rows + 1)
        rows = slice(first, first + n_rows)
        assert torch.equal(dense(inputs[rows]), whole[rows]), f"{n_rows} rows from {first}"
    for row in range(BATCH):
        assert torch.equal(dense(inputs[row : row + 1]), whole[row : row + 1])
    order = torch.randperm(BATCH, generator=torch.Generator().manual_seed(0))
    assert torch.equal(dense(inputs[order]), whole[order])
    # As a prompt, (n_rows, n_positions, width), and as a single vector.
    assert torch.equal(dense(inputs.view(4, 16, -1)), whole.view(4, 16, -1))
    assert torch.equal(dense(inputs[3]), whole[3])


# Laid out for oneDNN


@shapes
@biases
def test_packed_it_is_the_product_up_to_rounding(n_in, n_out, has_bias):
    weight, bias, inputs = parts(n_in, n_out, has_bias)
    product = PackedDense(weight, bias)(inputs)
    assert product.dtype == torch.float32
    assert product.shape == (BATCH, n_out)
    expected = exact(inputs, weight, bias)
    torch.testing.assert_close(product.double(), expected, rtol=0, atol=5e-6)
    torch.testing.assert_close(product, F.linear(inputs, weight, bias), rtol=0, atol=1e-5)


@shapes
@biases
def test_packed_in_16_bits_the_sums_are_in_32(n_in, n_out, has_bias):
    weight, bias, inputs = parts(n_in, n_out, has_bias, torch.bfloat16)
    product = PackedDense(weight, bias)(inputs)
    assert product.dtype == torch.bfloat16
    # Only the result is rounded, to 8 bits: half a step is at most 2**-8 of it.
    expected = exact(inputs, weight, bias)
    torch.testing.assert_close(product.double(), expected, rtol=2**-8, atol=1e-5)


@shapes
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_packed_a_row_is_bit_for_bit_the_same_in_any_batch(n_in, n_out, dtype):
    """The reason why it exists."""
    weight, _, inputs = parts(n_in, n_out, False, dtype)
    assert_the_same_in_any_batch(PackedDense(weight), inputs)


@some_shapes
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_packed_with_bias_and_two_threads_as_well(n_in, n_out, dtype, n_threads):
    weight, bias, inputs = parts(n_in, n_out, True, dtype)
    torch.set_num_threads(n_threads)
    assert_the_same_in_any_batch(PackedDense(weight, bias), inputs)


def test_packed_the_number_of_threads_does_not_matter_either():
    weight, bias, inputs = parts(768, 2304, True)
    dense = PackedDense(weight, bias)
    whole = dense(inputs)
    for n_threads in (2, 3, 8):
        torch.set_num_threads(n_threads)
        for n_rows in (1, 2, 7, BATCH):
            assert torch.equal(dense(inputs[:n_rows]), whole[:n_rows])


def test_packed_a_row_that_is_no_number_stays_alone():
    weight, bias, inputs = parts(768, 768, True)
    dense = PackedDense(weight, bias)
    expected = dense(inputs)
    inputs[5, 17] = float("nan")
    product = dense(inputs)
    assert product[5].isnan().all()
    kept = torch.arange(BATCH) != 5
    assert torch.equal(product[kept], expected[kept])


def test_packed_it_keeps_what_it_is_given():
    weight, bias, inputs = parts(768, 768, True)
    before = weight.clone(), bias.clone(), inputs.clone()
    PackedDense(weight, bias)(inputs)
    assert all(map(torch.equal, (weight, bias, inputs), before))


def test_packed_it_takes_what_lies_scattered():
    """Weights that are a transposed view, and inputs that are every other column."""
    weight, _, inputs = parts(768, 1024, False)
    scattered = torch.stack([inputs, inputs], -1).flatten(1)[:, ::2]
    assert not scattered.is_contiguous()
    transposed = weight.t().contiguous().t()
    assert not transposed.is_contiguous()
    assert torch.equal(PackedDense(transposed)(scattered), PackedDense(weight)(inputs))


def test_packed_many_rows_are_a_prompt():
    weight, bias, _ = parts(768, 2304, True)
    prompt = torch.randn(2, 257, 768, generator=torch.Generator().manual_seed(1))
    dense = PackedDense(weight, bias)
    product = dense(prompt)
    assert product.shape == (2, 257, 2304)
    assert torch.equal(dense(prompt[1:]), product[1:])
    torch.testing.assert_close(product.double(), exact(prompt, weight, bias), rtol=0, atol=5e-6)


# In 8 bits


def relative_rms(product, expected, bias):
    signal = expected if bias is None else expected - bias.double()
    return float((product - expected).pow(2).mean().sqrt() / signal.pow(2).mean().sqrt())


@shapes
@biases
def test_in_8_bits_the_error_is_that_of_rounding(n_in, n_out, has_bias):
    weight, bias, inputs = parts(n_in, n_out, has_bias)
    product = Int8Dense(weight, bias)(inputs)
    assert product.dtype == torch.float32
    assert product.shape == (BATCH, n_out)
    assert relative_rms(product, exact(inputs, weight, bias), bias) < INT8_ERROR


def test_in_8_bits_each_row_and_each_output_has_its_own_scale():
    """One large one must not hide the others; powers of 2 leave the rounding as it is."""
    weight, _, inputs = parts(768, 768, False)
    rows = 2.0 ** (torch.arange(BATCH) % 41 - 20)
    outputs = 2.0 ** (torch.arange(768) % 31 - 15)
    product = Int8Dense(weight * outputs[:, None])(inputs * rows[:, None])
    assert torch.equal(product, Int8Dense(weight)(inputs) * rows[:, None] * outputs)


@some_shapes
@biases
@pytest.mark.parametrize("n_threads", [1, 2])
def test_in_8_bits_a_row_is_bit_for_bit_the_same_in_any_batch(n_in, n_out, has_bias, n_threads):
    weight, bias, inputs = parts(n_in, n_out, has_bias)
    torch.set_num_threads(n_threads)
    assert_the_same_in_any_batch(Int8Dense(weight, bias), inputs)


def test_in_8_bits_whole_numbers_are_exact():
    """127 times 127 times 4,096 is beyond what float32 could sum."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randint(-127, 128, (64, 4096), generator=generator).float()
    inputs = torch.randint(-127, 128, (8, 4096), generator=generator).float()
    weight[:, 0], inputs[:, 0] = 127, 127
    product = Int8Dense(weight)(inputs)
    torch.testing.assert_close(product.double(), exact(inputs, weight, None), rtol=1e-6, atol=0)


def test_in_8_bits_rows_of_zeros_are_zeros():
    weight, bias, inputs = parts(768, 768, True)
    expected = Int8Dense(weight, bias)(inputs)
    inputs[3] = 0
    product = Int8Dense(weight, bias)(inputs)
    assert torch.equal(product[3], bias)
    kept = torch.arange(BATCH) != 3
    assert torch.equal(product[kept], expected[kept])
    weight[9] = 0
    assert torch.equal(Int8Dense(weight, bias)(inputs)[:, 9], bias[9].expand(BATCH))
    assert not Int8Dense(torch.zeros(8, 768))(inputs).any()


@pytest.mark.parametrize("factor", [1e-30, 1e-6, 1e6, 1e30])
def test_in_8_bits_the_size_of_a_row_does_not_matter(factor):
    weight, _, inputs = parts(768, 768, False)
    product = Int8Dense(weight)(inputs * factor)
    assert product.isfinite().all()
    assert relative_rms(product.double(), exact(inputs * factor, weight, None), None) < INT8_ERROR


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_in_8_bits_what_is_no_number_stays_none_and_alone(value):
    """Rounded to 8 bits it would be one: that the model is broken must not be lost."""
    weight, bias, inputs = parts(768, 768, True)
    dense = Int8Dense(weight, bias)
    expected = dense(inputs)
    inputs[5, 17] = value
    product = dense(inputs)
    assert not product[5].isfinite().any()
    kept = torch.arange(BATCH) != 5
    assert torch.equal(product[kept], expected[kept])


# As torch does it, and which it is


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@biases
def test_plain_it_is_torch_s_own(dtype, has_bias):
    weight, bias, inputs = parts(768, 1024, has_bias, dtype)
    product = PlainDense(weight, bias)(inputs.view(8, 8, -1))
    assert torch.equal(product, F.linear(inputs.view(8, 8, -1), weight, bias))
    assert product.dtype == dtype


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (torch.float32, PackedDense),
        (torch.bfloat16, PackedDense),
        (torch.float64, PlainDense),
        (torch.float16, PlainDense),
    ],
    ids=str,
)
def test_on_a_processor_what_can_be_packed_is(dtype, kind):
    assert type(best_dense(torch.zeros(32, 32, dtype=dtype))) is kind


def test_without_onednn_it_is_plain(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert type(best_dense(torch.zeros(32, 32))) is PlainDense


def test_elsewhere_it_is_plain():
    assert type(best_dense(torch.zeros(32, 32, device="meta"))) is PlainDense


def test_the_bias_comes_along():
    weight, bias, inputs = parts(32, 64, True)
    difference = best_dense(weight, bias)(inputs) - best_dense(weight)(inputs)
    torch.testing.assert_close(difference, bias.expand(BATCH, -1), rtol=0, atol=1e-5)
