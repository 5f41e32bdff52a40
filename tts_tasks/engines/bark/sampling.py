"""Choosing tokens, with randomness that belongs to a request and not to its batch.

Every draw is a hash of (request, stage, step, token): the Gumbel-max trick makes a sample of it,
``argmax(logits / T + g)``. So a request gets the same tokens alone and in any batch, whatever slot
it has and whoever left the batch before. Temperature 0 is the plain argmax.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

import torch
from torch import Tensor

GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
MIX_2 = 0x94D049BB133111EB - (1 << 64)
"""Constants of SplitMix64, as signed integers. Source: Steele, Lea, Flood, "Fast Splittable
Pseudorandom Number Generators", 2014."""

LANES = 64
"""Rows of noise are this wide or a multiple: a CPU computes the rest of a row by another formula
than its vectors, with another last bit."""

UNIFORM_BITS = 23
"""All that float32 can tell from 1.0."""

NOT_A_NUMBER = -1
"""Chosen where the model has no answer: its weights or its input are broken."""


class Stage(IntEnum):
    """Where a draw belongs."""

    SEMANTIC = 0
    COARSE = 1
    FINE = 2


def request_key(seed: int, text: str) -> int:
    """Return the 64 bits that a request's randomness begins with, signed."""
    digest = hashlib.blake2b(
        f"{seed}\0{text}".encode("utf-8", "surrogatepass"), digest_size=8
    ).digest()
    return int.from_bytes(digest, "little", signed=True)


def step_keys(keys: Tensor, stage: Stage, steps: Tensor | int) -> Tensor:
    """Return the key of one step of each row.

    Args:
        keys: keys of the requests, shape (n,), int64.
        stage: what is being generated.
        steps: number of the step in its stage, shape (n,) or one for all; below 2**32.
    """
    numbers = torch.as_tensor(steps, device=keys.device) + (1 + int(stage) * (1 << 32))
    return _mix(keys + GOLDEN * numbers)


def choose(
    logits: Tensor, temperatures: Tensor | None, keys: Tensor | None, *, check: bool = True
) -> Tensor:
    """Return one token of each row.

    Args:
        logits: shape (n, n_tokens), float32.
        temperatures: shape (n,), float32; 0 takes the likeliest. ``None`` if all of them do.
        keys: keys of the steps, shape (n,), int64; ``None`` like the temperatures.
        check: return ``NOT_A_NUMBER`` for a row with a logit that is none, or without any above
            minus infinity.

    Returns:
        Shape (n,), int64.
    """
    scores = logits
    if temperatures is not None and keys is not None:
        scores = logits + temperatures[:, None] * gumbel(keys, logits.shape[-1])
    best, tokens = scores.max(-1)
    return torch.where(best > -torch.inf, tokens, NOT_A_NUMBER) if check else tokens


def wide(logits: Tensor) -> Tensor:
    """Return logits in float32 at least: what is drawn must not be rounded to 8 bits."""
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def gumbel(keys: Tensor, n_tokens: int) -> Tensor:
    """Return Gumbel noise, shape (n, n_tokens), float32, from -2.8 to 16.6.

    Args:
        keys: keys of the steps, shape (n,), int64.
        n_tokens: width of a row.
    """
    width = -(-n_tokens // LANES) * LANES
    counters = torch.arange(1, width + 1, device=keys.device)
    bits = _shifted(_mix(keys[:, None] + GOLDEN * counters), 64 - UNIFORM_BITS)
    uniform = (bits.float() + 0.5) * 2.0**-UNIFORM_BITS
    return -torch.log(-torch.log(uniform))[:, :n_tokens]


def _mix(state: Tensor) -> Tensor:
    state = (state ^ _shifted(state, 30)) * MIX_1
    state = (state ^ _shifted(state, 27)) * MIX_2
    return state ^ _shifted(state, 31)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Return bits shifted to the right, zeros coming in: int64 has a sign, and would copy it."""
    return (bits >> by) & ((1 << (64 - by)) - 1)
