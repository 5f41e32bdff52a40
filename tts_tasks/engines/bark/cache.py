"""What a causal transformer remembers of its rows: keys and values in slots that stay in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class Cache:
    """Keys and values, shape (n_layers, n_slots, n_heads, n_positions, head_dim)."""

    def __init__(
        self,
        shape: tuple[int, int, int, int, int],
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """Take the memory."""
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)

    @property
    def n_positions(self) -> int:
        """How long a row may grow."""
        return int(self.keys.shape[3])

    @staticmethod
    def slot_bytes(shape: tuple[int, int, int, int, int], dtype: torch.dtype) -> int:
        """Return the bytes of one slot of such a cache."""
        layers, _, heads, positions, head_dim = shape
        return 2 * layers * heads * positions * head_dim * int(dtype.itemsize)


class Reach(Protocol):
    """Which positions of its slot each row of a step sees: its own and those before."""

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Return what each row finds.

        Args:
            queries: shape (n_rows, n_heads, 1, head_dim).
            keys: of one layer, shape (n_slots, n_heads, n_positions, head_dim).
            values: the same.

        Returns:
            Shape (n_rows, n_heads, 1, head_dim).
        """
        ...


class Ragged:
    """Each row by its own length, known to the host: for a CPU.

    Nothing is computed for what a row does not see, and its sums do not depend on longer rows
    beside it. Neighbouring slots of one length share a call.
    """

    def __init__(self, slots: Sequence[int], lengths: Sequence[int]) -> None:
        """Note the rows.

        Args:
            slots: slot of each row, ascending.
            lengths: how many positions it sees.
        """
        self._runs: list[tuple[int, int, int, int]] = []  # First row, first slot, rows, length.
        for row, (slot, length) in enumerate(zip(slots, lengths, strict=True)):
            if self._runs:
                first_row, first_slot, n_rows, run_length = self._runs[-1]
                if slot == first_slot + n_rows and length == run_length:
                    self._runs[-1] = (first_row, first_slot, n_rows + 1, length)
                    continue
            self._runs.append((row, slot, 1, length))

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """See ``Reach.attend``."""
        found = [
            _attention(
                queries[row : row + n_rows],
                keys[slot : slot + n_rows, :, :length],
                values[slot : slot + n_rows, :, :length],
            )
            for row, slot, n_rows, length in self._runs
        ]
        return found[0] if len(found) == 1 else torch.cat(found)


class Masked:
    """Every slot at once, as far as the longest row, behind a mask: for a GPU.

    Shapes stay as they are from step to step, and the host need not know the positions: such a
    step can be captured in a CUDA graph.
    """

    def __init__(self, positions: Tensor, length: int) -> None:
        """Note the rows.

        Args:
            positions: the last position that each slot's row sees, shape (n_slots,).
            length: more than any of them.
        """
        seen = torch.arange(length, device=positions.device) <= positions[:, None]
        self._mask, self._length = seen[:, None, None], length

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """See ``Reach.attend``."""
        return F.scaled_dot_product_attention(
            queries,
            keys[:, :, : self._length],
            values[:, :, : self._length],
            attn_mask=self._mask,
        )


def _attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return the attention of one query a row, computed in float32 at least.

    In several threads ``scaled_dot_product_attention`` gives a row other last bits on another
    thread, that is, in another batch. This gives the same, is as fast in float32, and twice as fast
    in bfloat16 (AMD EPYC, one thread, 2026-11-23).
    """
    dtype = torch.promote_types(queries.dtype, torch.float32)
    scores = queries.to(dtype) @ keys.to(dtype).transpose(-1, -2)
    weights = torch.softmax(scores * queries.shape[-1] ** -0.5, -1)
    return (weights @ values.to(dtype)).to(values.dtype)
