"""Matrix products with the model's weights, each for another device.

On a CPU the weights are laid out once for oneDNN: on an AMD EPYC with AVX-512 (2026-11-23, one
thread) 240 GFLOP/s instead of the 108 of ``torch.nn.functional.linear``, which lays them out in
every call, and 2.4 times as fast for the few rows of a decoding step. And a row's result does not
depend on the number of rows beside it (except that one row alone takes another path, so it gets a
companion): that is why a batch gives bit for bit what each request gives alone.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Dense = Callable[[Tensor], Tensor]
"""From shape (..., n_in) to (..., n_out)."""


class PlainDense:
    """As torch does it."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        """Keep the weight, shape (n_out, n_in)."""
        self._weight, self._bias = weight, bias

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the product."""
        return F.linear(inputs, self._weight, self._bias)


class PackedDense:
    """Laid out for oneDNN; float32 or bfloat16 on a CPU."""

    ROWS = 8
    """Rows that the layout is made for; it serves any number about as well."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        """Lay out the weight, shape (n_out, n_in)."""
        self._n_out = weight.shape[0]
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), self.ROWS)
        self._bias = bias

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the product."""
        rows = inputs.reshape(-1, inputs.shape[-1])
        n_rows = len(rows)
        if n_rows == 1:
            rows = rows.expand(2, -1).contiguous()
        product = torch.ops.mkldnn._linear_pointwise(rows, self._weight, self._bias, "none", [], "")
        return product[:n_rows].view(*inputs.shape[:-1], self._n_out)


class Int8Dense:
    """Weights in 8 bits, a scale for each output; inputs rounded to 8 bits, a scale for each row.

    The sums are whole numbers, so a row's result depends on that row alone.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        """Round the weight, shape (n_out, n_in)."""
        scales = weight.abs().amax(1).clamp_min(torch.finfo(weight.dtype).tiny) / 127
        self._weight = torch.round(weight / scales[:, None]).to(torch.int8).contiguous().t()
        self._scales, self._bias = scales, bias

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the product."""
        rows = inputs.reshape(-1, inputs.shape[-1])
        scales = rows.abs().amax(1, keepdim=True).clamp_min(torch.finfo(rows.dtype).tiny) / 127
        sums = torch._int_mm(torch.round(rows / scales).to(torch.int8), self._weight)
        product = sums.to(inputs.dtype) * scales * self._scales
        if self._bias is not None:
            product = product + self._bias
        return product.view(*inputs.shape[:-1], len(self._scales))


MakeDense = Callable[[Tensor, Tensor | None], Dense]
"""Makes one of them from weight and bias."""


def best_dense(weight: Tensor, bias: Tensor | None = None) -> Dense:
    """Return the product that suits the weight's device and type."""
    can_pack = weight.device.type == "cpu" and weight.dtype in (torch.float32, torch.bfloat16)
    if can_pack and torch.backends.mkldnn.is_available():
        return PackedDense(weight, bias)
    return PlainDense(weight, bias)
