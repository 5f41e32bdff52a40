"""One pass through the layers of Bark's transformers: a prompt, a step, or a window.

The weights are the library's; its modules are read once, and not kept. All three transformers have
the same layers (pre-norm, no dropout at inference, exact GELU); two are causal.
Source: transformers 5.17, models/bark/modeling_bark.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tts_tasks.engines.bark.cache import Cache, Reach
from tts_tasks.engines.bark.dense import Dense, MakeDense


class Norm:
    """Layer normalisation; torch computes its mean and variance in float32 whatever comes in."""

    def __init__(self, module: Any) -> None:
        """Read the library's module."""
        self._weight, self._bias, self._eps = module.weight.data, module.bias, module.eps

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the normalised rows."""
        return F.layer_norm(inputs, self._weight.shape, self._weight, self._bias, self._eps)


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one layer."""

    norm_1: Norm
    """Before the attention."""

    attend: Dense
    """To queries, keys and values, one after another."""

    project: Dense
    """From what the attention found."""

    norm_2: Norm
    """Before the two below."""

    expand: Dense
    """To four times the width."""

    contract: Dense
    """And back."""

    def feed_forward(self, inputs: Tensor) -> Tensor:
        """Return the inputs with what the second half of the layer adds."""
        return inputs + self.contract(F.gelu(self.expand(self.norm_2(inputs))))


class Transformer:
    """The layers of one of Bark's transformers."""

    def __init__(
        self, module: Any, make_dense: MakeDense, make_step_dense: MakeDense | None = None
    ) -> None:
        """Read the library's module.

        Args:
            module: ``BarkCausalModel`` or ``BarkFineModel``.
            make_dense: lays out the weights for many rows.
            make_step_dense: lays them out for the few rows of a step; by default the same.
        """
        self.n_heads = int(module.config.num_heads)
        self.width = int(module.config.hidden_size)
        self.head_dim = self.width // self.n_heads
        self.n_positions = int(module.config.block_size)
        self._positions = module.position_embeds_layer.weight.data
        self._layers = [_layer(block, make_dense) for block in module.layers]
        self._step_layers = (
            [_layer(block, make_step_dense) for block in module.layers]
            if make_step_dense is not None
            else self._layers
        )
        self._final = Norm(module.layernorm_final)

    @property
    def n_layers(self) -> int:
        """How many layers there are."""
        return len(self._layers)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights."""
        return self._positions.dtype

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self._positions.device

    def cache_shape(self, n_slots: int, n_positions: int) -> tuple[int, int, int, int, int]:
        """Return the shape of the memory for so many rows."""
        return self.n_layers, n_slots, self.n_heads, n_positions, self.head_dim

    def prefill(self, inputs: Tensor, lengths: Tensor, cache: Cache, slots: Tensor) -> Tensor:
        """Read prompts into slots.

        Args:
            inputs: embedded prompts, shape (n_rows, n_positions, width); what lies behind a shorter
                one does not matter: nobody looks ahead, and its own tokens overwrite it.
            lengths: of the prompts, shape (n_rows,).
            cache: gets their keys and values.
            slots: where to, shape (n_rows,).

        Returns:
            What the last position of each knows, normalised, shape (n_rows, width).
        """
        n_rows, n_positions, _ = inputs.shape
        hidden = inputs + self._positions[:n_positions]
        for index, layer in enumerate(self._layers[:-1]):
            queries, keys, values = self._split(layer.attend(layer.norm_1(hidden)))
            cache.keys[index, slots, :, :n_positions] = keys
            cache.values[index, slots, :, :n_positions] = values
            found = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
            hidden = layer.feed_forward(hidden + layer.project(_merged(found)))
        # Of the last layer only one position is asked for: 1/12 of the work less.
        layer = self._layers[-1]
        queries, keys, values = self._split(layer.attend(layer.norm_1(hidden)))
        cache.keys[-1, slots, :, :n_positions] = keys
        cache.values[-1, slots, :, :n_positions] = values
        rows, last = torch.arange(n_rows, device=hidden.device), lengths - 1
        seen = torch.arange(n_positions, device=hidden.device) <= last[:, None]
        found = F.scaled_dot_product_attention(
            queries[rows, :, last][:, :, None], keys, values, attn_mask=seen[:, None, None]
        )
        hidden = layer.feed_forward(hidden[rows, last] + layer.project(_merged(found)[:, 0]))
        return self._final(hidden)

    def step(
        self, inputs: Tensor, positions: Tensor, cache: Cache, slots: Tensor, reach: Reach
    ) -> Tensor:
        """Add a token to rows.

        Args:
            inputs: embedded tokens, shape (n_rows, width).
            positions: where they stand in their rows, shape (n_rows,).
            cache: keys and values of the rows so far; gets those of the tokens.
            slots: of the rows, shape (n_rows,).
            reach: what each row sees, the new token included.

        Returns:
            What each token's position knows, normalised, shape (n_rows, width).
        """
        hidden = inputs + self._positions[positions]
        for index, layer in enumerate(self._step_layers):
            queries, keys, values = self._split(layer.attend(layer.norm_1(hidden))[:, None])
            layer_keys, layer_values = cache.keys[index], cache.values[index]
            layer_keys[slots, :, positions] = keys[:, :, 0]
            layer_values[slots, :, positions] = values[:, :, 0]
            found = reach.attend(queries, layer_keys, layer_values)
            hidden = layer.feed_forward(hidden + layer.project(_merged(found)[:, 0]))
        return self._final(hidden)

    def encode(self, inputs: Tensor, begin: int) -> Tensor:
        """Read windows in which every position sees all others.

        Args:
            inputs: embedded, shape (n_rows, n_positions, width).
            begin: first position that is asked for.

        Returns:
            What the positions from ``begin`` on know, normalised.
        """
        hidden = inputs + self._positions[: inputs.shape[1]]
        for index, layer in enumerate(self._layers):
            queries, keys, values = self._split(layer.attend(layer.norm_1(hidden)))
            if index == self.n_layers - 1:
                queries, hidden = queries[:, :, begin:], hidden[:, begin:]
            found = F.scaled_dot_product_attention(queries, keys, values)
            hidden = layer.feed_forward(hidden + layer.project(_merged(found)))
        return self._final(hidden)

    def _split(self, projected: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, shape (n_rows, n_heads, n_positions, head_dim) each."""
        n_rows, n_positions, _ = projected.shape
        parts = projected.view(n_rows, n_positions, 3, self.n_heads, self.head_dim)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        return queries, keys, values


def _merged(found: Tensor) -> Tensor:
    """Return the heads side by side again: (n_rows, n_positions, width)."""
    n_rows, n_heads, n_positions, head_dim = found.shape
    return found.transpose(1, 2).reshape(n_rows, n_positions, n_heads * head_dim)


def _layer(block: Any, make_dense: MakeDense) -> Layer:
    def dense(linear: Any) -> Dense:
        bias = None if linear.bias is None else linear.bias.data
        return make_dense(linear.weight.data, bias)

    return Layer(
        norm_1=Norm(block.layernorm_1),
        attend=dense(block.attn.att_proj),
        project=dense(block.attn.out_proj),
        norm_2=Norm(block.layernorm_2),
        expand=dense(block.mlp.in_proj),
        contract=dense(block.mlp.out_proj),
    )
