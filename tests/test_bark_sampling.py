"""Randomness that belongs to a request: the right one, and the same in any company."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from tts_tasks.engines.bark.sampling import (
    NOT_A_NUMBER,
    UNIFORM_BITS,
    Stage,
    choose,
    gumbel,
    request_key,
    step_keys,
    wide,
)

pytestmark = pytest.mark.usefixtures("one_torch_thread")

WORD = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15

SPLITMIX64 = {
    0: [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F],
    1234567: [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ],
}
"""First outputs by seed. Source: S. Vigna's reference implementation, splitmix64.c; for 1234567
also rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64."""

IMPROBABLE = 1e-4
"""Seeds are fixed: a test that passes does so always, and a wrong distribution is at 1e-30."""


def splitmix64(seed, number):
    """Return an output of the generator, from 1 on, in Python's whole numbers."""
    state = (seed + number * GOLDEN) & WORD
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & WORD
    return state ^ (state >> 31)


def signed(word):
    return word - (1 << 64) if word >> 63 else word


def keys_of(n, *, seed=0, text="Olá.", stage=Stage.SEMANTIC, first=0):
    """Return the keys of so many steps of a request."""
    return step_keys(torch.tensor([request_key(seed, text)]), stage, torch.arange(first, first + n))


def many_keys(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-(2**63), 2**63 - 1, (n,), generator=generator)


def drawn(logits, temperature, n, first=0):
    """Return so many draws from the same logits."""
    tokens = []
    for begin in range(first, first + n, 100):
        keys = keys_of(100, first=begin)
        rows = logits.expand(len(keys), -1)
        tokens.append(choose(rows, torch.full((len(keys),), temperature), keys))
    return torch.cat(tokens).numpy()


# The generator


@pytest.mark.parametrize("seed", SPLITMIX64)
def test_the_reference_is_splitmix64(seed):
    outputs = [splitmix64(seed, number) for number in range(1, len(SPLITMIX64[seed]) + 1)]
    assert outputs == SPLITMIX64[seed]


@pytest.mark.parametrize("seed", SPLITMIX64)
def test_keys_of_steps_are_outputs_of_splitmix64(seed):
    expected = [signed(word) for word in SPLITMIX64[seed]]
    steps = torch.arange(len(expected))
    assert step_keys(torch.tensor([seed]), Stage.SEMANTIC, steps).tolist() == expected


@pytest.mark.parametrize("key", [0, 1, -1, 2**63 - 1, -(2**63), request_key(7, "Olá.")])
@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("step", [0, 1, 767, 2**31, 2**32 - 1])
def test_each_stage_has_outputs_of_its_own(key, stage, step):
    expected = signed(splitmix64(key, step + 1 + int(stage) * 2**32))
    assert step_keys(torch.tensor([key]), stage, step).tolist() == [expected]
    assert step_keys(torch.tensor([key]), stage, torch.tensor([step])).tolist() == [expected]


def test_noise_is_made_of_the_outputs_of_the_step_s_key():
    keys = many_keys(20)
    uniform = np.array(
        [
            [(splitmix64(key, token + 1) >> (64 - UNIFORM_BITS)) + 0.5 for token in range(130)]
            for key in keys.tolist()
        ]
    ) / (1 << UNIFORM_BITS)
    expected = -np.log(-np.log(uniform))
    np.testing.assert_allclose(gumbel(keys, 130).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_the_key_of_a_request_never_changes():
    """Takes that are kept would be other ones."""
    assert request_key(0, "") == -7045630142176772655
    assert request_key(0, "Olá, mundo.") == -1207337764127903486
    assert request_key(1, "Olá, mundo.") == -587285354374934482
    assert request_key(-1, "Olá, mundo.") == 906627615154091570
    assert request_key(2**63, "日本語 ♪") == -6831454867728926401


def test_keys_differ_by_seed_and_by_text():
    texts = ["", "0", "1", "Olá.", "Olá", "olá.", " Olá.", "Ola."]
    requests = [(seed, text) for seed in range(-5, 200) for text in texts]
    assert len({request_key(*request) for request in requests}) == len(requests)
    assert request_key(1, "1 a") != request_key(11, " a"), "the seed ends where the text begins"


def test_no_key_of_a_step_comes_twice():
    keys = [
        keys_of(5000, seed=seed, text=text, stage=stage)
        for seed in (0, 1)
        for text in ("a", "b")
        for stage in Stage
    ]
    assert torch.cat(keys).unique().numel() == 5000 * len(keys)


# The distribution


def test_noise_is_gumbel_s():
    noise = gumbel(many_keys(1000), 1000).numpy().ravel()
    assert stats.kstest(noise, "gumbel_r").pvalue > IMPROBABLE
    assert noise.mean() == pytest.approx(np.euler_gamma, abs=0.005)
    assert noise.var() == pytest.approx(np.pi**2 / 6, abs=0.02)
    # Its ends, where the likely tokens are decided.
    for level in (4.0, 7.0, 10.0):
        expected = noise.size * -np.expm1(-np.exp(-level))
        assert abs((noise > level).sum() - expected) < 4 * np.sqrt(expected)


@pytest.mark.parametrize("column", [0, 1, 63, 64, 9_984, 9_999, 10_000])
def test_noise_is_gumbel_s_in_every_column(column):
    keys = keys_of(20_000)
    noise = torch.cat([gumbel(part, 10_001)[:, column] for part in keys.split(100)[:40]])
    assert stats.kstest(noise.numpy(), "gumbel_r").pvalue > IMPROBABLE


def test_noise_is_finite_at_the_ends_of_the_uniform_numbers(monkeypatch):
    """All zeros and all ones come once in 8 million draws: here they come at once."""
    from tts_tasks.engines.bark import sampling

    ends = torch.tensor([0, 1, (1 << UNIFORM_BITS) - 2, (1 << UNIFORM_BITS) - 1])
    bits = (ends << (64 - UNIFORM_BITS)).repeat(16)[None]
    monkeypatch.setattr(sampling, "_mix", lambda state: bits)
    noise = gumbel(torch.tensor([0]), 64)[0, :4]
    uniform = (ends.double() + 0.5) / (1 << UNIFORM_BITS)
    torch.testing.assert_close(noise.double(), -torch.log(-torch.log(uniform)), rtol=1e-6, atol=0)
    assert noise.tolist() == sorted(noise.tolist())


@pytest.mark.parametrize("temperature", [0.5, 1.0])
@pytest.mark.parametrize("n_tokens", [50, 10_001])
def test_tokens_come_as_often_as_softmax_says(temperature, n_tokens):
    n = 20_000
    logits = 2 * torch.randn(1, n_tokens, generator=torch.Generator().manual_seed(1))
    # Those at the ends come often enough to be counted alone.
    logits[0, [0, -1]] = logits.max() - 0.5
    probabilities = torch.softmax(logits[0].double() / temperature, -1).numpy()
    tokens = drawn(logits, temperature, n)
    assert_as_probable(np.bincount(tokens, minlength=n_tokens), n * probabilities)
    # By place: neighbours together, so that the rare ones count as well.
    places = np.array_split(np.arange(n_tokens), min(n_tokens, 40))
    counts = np.bincount(tokens, minlength=n_tokens)
    assert_as_probable(
        [counts[place].sum() for place in places], [n * probabilities[p].sum() for p in places]
    )
    # By rank: the rarest together.
    ranks = np.array_split(np.argsort(probabilities), min(n_tokens, 40))
    assert_as_probable(
        [counts[rank].sum() for rank in ranks], [n * probabilities[r].sum() for r in ranks]
    )


def test_without_a_preference_every_token_is_as_likely():
    n_tokens, n = 10_001, 20_000
    tokens = drawn(torch.zeros(1, n_tokens), 1.0, n, first=100_000)
    assert stats.kstest((tokens + 0.5) / n_tokens, "uniform").pvalue > IMPROBABLE
    assert tokens.min() < 10
    assert tokens.max() > n_tokens - 10


def assert_as_probable(counts, expected):
    """Chi-square; what is expected less than five times is taken together."""
    counts, expected = np.asarray(counts, float), np.asarray(expected, float)
    rare = expected < 5
    if rare.any():
        counts = np.append(counts[~rare], counts[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    if expected[-1] < 5:
        counts = np.append(counts[:-2], counts[-2:].sum())
        expected = np.append(expected[:-2], expected[-2:].sum())
    assert len(counts) > 5
    assert stats.chisquare(counts, expected).pvalue > IMPROBABLE


def test_a_wrong_distribution_would_be_noticed():
    """The control: the same draws against a temperature that is 6 % off."""
    logits = 2 * torch.randn(1, 50, generator=torch.Generator().manual_seed(1))
    counts = np.bincount(drawn(logits, 1.0, 20_000), minlength=50)
    wrong = torch.softmax(logits[0].double() / 1.06, -1).numpy()
    with pytest.raises(AssertionError):
        assert_as_probable(counts, 20_000 * wrong)


# Independent


def noise_of(**options):
    return gumbel(keys_of(200, **options), 1024)


@pytest.mark.parametrize(
    "other",
    [
        {"first": 1},
        {"first": 2},
        {"first": 256},
        {"stage": Stage.COARSE},
        {"stage": Stage.FINE},
        {"seed": 1},
        {"seed": -1},
        {"seed": 1 << 32},
        {"text": "Olá!"},
        {"text": "Olá. "},
    ],
    ids=str,
)
def test_noise_of_another_draw_is_independent(other):
    here, there = noise_of().flatten(), noise_of(**other).flatten()
    assert_uncorrelated(here, there)
    # Nor does one run after the other: the streams of two keys must not be one, shifted.
    row_here, row_there = noise_of()[0], noise_of(**other)[0]
    common = np.intersect1d(row_here.numpy(), row_there.numpy()).size
    assert common < 10, "of 2**23 values two rows of 1,024 share 0.1 by chance"


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 8, 16, 32, 63, 64, 65, 128, 256, 512])
def test_tokens_of_one_draw_are_independent(lag):
    noise = noise_of()
    assert_uncorrelated(noise[:, lag:].flatten(), noise[:, :-lag].flatten())


def assert_uncorrelated(here, there):
    pair = torch.stack([here, there]).double()
    limit = 4.5 / here.numel() ** 0.5
    assert abs(float(torch.corrcoef(pair)[0, 1])) < limit
    # Neither what is far out.
    assert abs(float(torch.corrcoef((pair > 3).double())[0, 1])) < limit


# The same in any company


@pytest.mark.parametrize("n_threads", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("n_tokens", [1, 50, 63, 64, 65, 1000, 1024, 10_001, 10_048])
def test_noise_of_a_row_is_the_same_in_any_batch(n_threads, n_tokens):
    keys = many_keys(64)
    alone = torch.cat([gumbel(key[None], n_tokens) for key in keys])
    torch.set_num_threads(n_threads)
    for n_rows in (1, 2, 3, 5, 7, 13, 33, 64):
        for first in {0, (64 - n_rows) // 2, 64 - n_rows}:
            rows = slice(first, first + n_rows)
            assert torch.equal(gumbel(keys[rows], n_tokens), alone[rows])


@pytest.mark.parametrize("n_tokens", [1, 50, 64, 10_001])
def test_rows_of_noise_are_as_wide_as_vectors_are(monkeypatch, n_tokens):
    """Not every build of torch has another last bit at the end of a row: this one has not."""
    widths = []
    log = torch.log
    monkeypatch.setattr(torch, "log", lambda given: widths.append(given.shape[-1]) or log(given))
    gumbel(many_keys(3), n_tokens)
    assert len(widths) == 2
    assert all(width % 64 == 0 for width in widths)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("n_tokens", [50, 1000, 10_001])
def test_a_token_is_the_same_in_any_batch(n_threads, n_tokens):
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(64, n_tokens, generator=generator)
    temperatures = torch.rand(64, generator=generator).masked_fill(torch.arange(64) % 5 == 0, 0.0)
    keys = many_keys(64)
    rows = zip(logits.split(1), temperatures.split(1), keys.split(1), strict=True)
    alone = torch.cat([choose(*row) for row in rows])
    torch.set_num_threads(n_threads)
    order = torch.randperm(64, generator=generator)
    for n_rows in (1, 2, 3, 17, 64):
        some = order[:n_rows]
        found = choose(logits[some], temperatures[some], keys[some])
        assert torch.equal(found, alone[some])


def test_a_narrower_vocabulary_has_the_same_noise():
    keys = many_keys(3)
    assert torch.equal(gumbel(keys, 10_001)[:, :77], gumbel(keys, 77))


# Choosing


def test_without_temperature_the_likeliest_is_taken():
    logits = torch.randn(64, 10_001, generator=torch.Generator().manual_seed(2))
    best = logits.argmax(-1)
    assert torch.equal(choose(logits, None, None), best)
    assert torch.equal(choose(logits, torch.zeros(64), many_keys(64)), best)
    doubled = torch.cat([logits, logits], -1)
    assert torch.equal(choose(doubled, torch.zeros(64), many_keys(64)), best), "the first of two"


def test_rows_with_and_without_temperature_side_by_side():
    logits = torch.randn(64, 1000, generator=torch.Generator().manual_seed(3))
    temperatures = torch.tensor([0.0, 0.7, 5.0, 0.0]).repeat(16)
    chosen = choose(logits, temperatures, many_keys(64))
    best = logits.argmax(-1)
    greedy = temperatures == 0
    assert torch.equal(chosen[greedy], best[greedy])
    assert (chosen[~greedy] != best[~greedy]).float().mean() > 0.5


def test_the_warmer_the_more_varied():
    logits = 3 * torch.randn(1, 50, generator=torch.Generator().manual_seed(4))
    kinds = [len(set(drawn(logits, temperature, 2000).tolist())) for temperature in (0.1, 0.5, 2.0)]
    assert kinds == sorted(kinds)
    assert len(set(kinds)) == 3


@pytest.mark.parametrize("place", [0, 31, 49])
@pytest.mark.parametrize("temperature", [None, 0.0, 0.7])
def test_a_logit_that_is_no_number_spoils_its_row_alone(place, temperature):
    logits = torch.randn(5, 50, generator=torch.Generator().manual_seed(6))
    keys = many_keys(5)
    given = (None, None) if temperature is None else (torch.full((5,), temperature), keys)
    expected = choose(logits, *given)
    logits[2, place] = float("nan")
    chosen = choose(logits, *given)
    assert chosen[2] == NOT_A_NUMBER
    kept = [0, 1, 3, 4]
    assert torch.equal(chosen[kept], expected[kept])
    assert (expected >= 0).all()
    unchecked = choose(logits, *given, check=False)
    assert torch.equal(unchecked[kept], expected[kept])
    assert 0 <= unchecked[2] < 50, "an index is an index"


@pytest.mark.parametrize("temperature", [None, 0.0, 0.7])
def test_a_row_in_which_everything_is_impossible_has_no_answer(temperature):
    logits = torch.zeros(3, 50)
    logits[1] = -torch.inf
    given = (None, None) if temperature is None else (torch.full((3,), temperature), many_keys(3))
    assert (choose(logits, *given) == NOT_A_NUMBER).tolist() == [False, True, False]


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 100.0])
def test_what_is_impossible_is_never_chosen(temperature):
    logits = torch.full((1, 300), -torch.inf)
    possible = [7, 8, 250]
    logits[0, possible] = torch.tensor([0.0, 1.0, -1.0])
    chosen = set(drawn(logits, temperature, 3000).tolist())
    assert chosen <= set(possible)
    assert len(chosen) == (1 if temperature == 0 else 3)


def test_logits_of_64_bits_are_not_rounded():
    logits = torch.zeros(1, 64, dtype=torch.float64)
    logits[0, 9] = 1e-12
    assert choose(logits, torch.zeros(1), torch.zeros(1, dtype=torch.int64)).item() == 9


def test_logits_are_drawn_from_in_32_bits_at_least():
    assert wide(torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.float32
    assert wide(torch.zeros(1, dtype=torch.float16)).dtype == torch.float32
    for dtype in (torch.float32, torch.float64):
        logits = torch.zeros(1, dtype=dtype)
        assert wide(logits) is logits
