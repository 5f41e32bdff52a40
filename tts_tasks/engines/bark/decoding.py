"""Rows of a causal transformer that grow side by side, a token a step, each in its slot.

Two ways through the same step. Compact, for a CPU: the rows that are there, each by its own length.
Static, for a GPU: every slot in every step, shapes that never change, and nothing asked of the
device in between, so that a step can be a CUDA graph (``graphs``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tts_tasks.engines.bark.cache import Cache, Masked, Ragged
from tts_tasks.engines.bark.graphs import Capture
from tts_tasks.engines.bark.transformer import Transformer

BUCKET = 128
"""Static steps read their slots up to the next multiple of so many positions: each has a graph of
its own."""

ALIGNED = 64
"""Static slots are as long as a multiple of this."""

Draw = Callable[[Tensor, "Rows", int], Tensor]
"""From what the rows know, shape (n_rows, width), the rows and the phase to a token of each."""


@dataclass(slots=True)
class Rows:
    """What the device knows of each slot; shape (n_slots,) each."""

    tokens: Tensor
    """The last token, which no step has read yet; int64."""

    positions: Tensor
    """Where it stands in its row; int64."""

    steps: Tensor
    """Number of the next draw, for its randomness; int64."""

    keys: Tensor
    """Keys of the requests (``sampling.request_key``); int64."""

    temperatures: Tensor
    """0 takes the likeliest token; float32."""

    min_eos_p: Tensor
    """See ``BarkRequest.min_eos_p``; float32."""

    def __getitem__(self, slots: Tensor) -> Rows:
        """Return a copy of some rows."""
        return Rows(*(getattr(self, name)[slots] for name in self.__slots__))

    def __setitem__(self, slots: Tensor, rows: Rows) -> None:
        """Write rows into slots."""
        for name in self.__slots__:
            getattr(self, name)[slots] = getattr(rows, name)

    def copy_(self, rows: Rows) -> None:
        """Take over the values of other rows, in place."""
        for name in self.__slots__:
            getattr(self, name).copy_(getattr(rows, name))

    def clone(self) -> Rows:
        """Return a copy of all rows."""
        return Rows(*(getattr(self, name).clone() for name in self.__slots__))


def new_rows(
    device: torch.device,
    *,
    keys: Sequence[int],
    steps: Sequence[int],
    temperatures: Sequence[float],
    min_eos_p: Sequence[float],
) -> Rows:
    """Return rows that have no token yet."""
    none = torch.zeros(len(keys), dtype=torch.int64, device=device)
    return Rows(
        tokens=none,
        positions=none.clone(),
        steps=torch.tensor(steps, device=device),
        keys=torch.tensor(keys, device=device),
        temperatures=torch.tensor(temperatures, device=device, dtype=torch.float32),
        min_eos_p=torch.tensor(min_eos_p, device=device, dtype=torch.float32),
    )


class Decoder:
    """The slots of one causal transformer."""

    def __init__(
        self,
        transformer: Transformer,
        embeddings: Tensor,
        draw: Draw,
        *,
        n_slots: int,
        n_positions: int,
        max_steps: int,
        capture: Capture | None = None,
    ) -> None:
        """Take the memory.

        Args:
            transformer: the layers.
            embeddings: of the tokens, shape (n_tokens, width).
            draw: chooses the next token.
            n_slots: rows at once.
            n_positions: how long a row may grow.
            max_steps: steps of one ``advance``, at most.
            capture: makes a static step repeatable (``graphs``); ``None`` goes compactly.
        """
        self._transformer, self._embeddings, self._draw = transformer, embeddings, draw
        self.n_slots, self._capture = n_slots, capture
        device = transformer.device
        if capture is not None:  # Kernels want lengths that are multiples of 8.
            n_positions = -(-n_positions // ALIGNED) * ALIGNED
        self._cache = Cache(
            transformer.cache_shape(n_slots, n_positions), dtype=transformer.dtype, device=device
        )
        nothing = [0] * n_slots
        self._rows = new_rows(
            device, keys=nothing, steps=nothing, temperatures=nothing, min_eos_p=nothing
        )
        self._all = torch.arange(n_slots, device=device)
        self._drawn = torch.zeros(n_slots, max_steps, dtype=torch.int64, device=device)
        self._column = torch.zeros(1, dtype=torch.int64, device=device)
        self._lengths = [0] * n_slots
        self._steps: dict[tuple[int, int], Callable[[], None]] = {}

    def enter(
        self, slots: Sequence[int], prompts: Tensor, lengths: Sequence[int], rows: Rows
    ) -> Tensor:
        """Read prompts into slots and draw the first token of each, in phase 0.

        Args:
            slots: where to.
            prompts: embedded, shape (n_rows, n_positions, width).
            lengths: positions of each prompt.
            rows: how each is to be drawn; tokens and positions are set here.

        Returns:
            The tokens, shape (n_rows,).
        """
        where = torch.tensor(slots, device=prompts.device)
        reached = torch.tensor(lengths, device=prompts.device)
        hidden = self._transformer.prefill(prompts, reached, self._cache, where)
        rows.tokens = self._draw(hidden, rows, 0)
        rows.positions = reached
        rows.steps = rows.steps + 1
        self._rows[where] = rows
        for slot, length in zip(slots, lengths, strict=True):
            self._lengths[slot] = length
        return rows.tokens

    def advance(self, slots: Sequence[int], n_steps: int, phases: Sequence[int] = (0,)) -> Tensor:
        """Add tokens to rows.

        Args:
            slots: the rows, ascending; the other slots hold nothing that is wanted.
            n_steps: how many tokens.
            phases: phase of each step, in turn.

        Returns:
            The tokens, shape (n_rows, n_steps).
        """
        self._column.zero_()
        where = torch.tensor(slots, device=self._all.device)
        for step in range(n_steps):
            phase = phases[step % len(phases)]
            if self._capture is None:
                self._compact_step(slots, where, phase)
            else:
                reached = max(self._lengths[slot] for slot in slots) + 1
                length = min(-(-reached // BUCKET) * BUCKET, self._cache.n_positions)
                self._static_step(phase, length, self._capture)
            for slot in slots:
                self._lengths[slot] += 1
        return self._drawn[where, :n_steps]

    def _compact_step(self, slots: Sequence[int], where: Tensor, phase: int) -> None:
        reach = Ragged(slots, [self._lengths[slot] + 1 for slot in slots])
        rows = self._rows[where]
        inputs = self._embeddings[rows.tokens.clamp_min(0)]
        hidden = self._transformer.step(inputs, rows.positions, self._cache, where, reach)
        rows.tokens = self._draw(hidden, rows, phase)
        rows.positions += 1
        rows.steps += 1
        self._rows[where] = rows
        self._drawn[where, self._column] = rows.tokens
        self._column += 1

    def _static_step(self, phase: int, length: int, capture: Capture) -> None:
        if (phase, length) not in self._steps:
            before = self._rows.clone(), self._drawn.clone(), self._column.clone()

            def step() -> None:
                self._step_all(phase, length)

            def restore() -> None:
                self._rows.copy_(before[0])
                self._drawn.copy_(before[1])
                self._column.copy_(before[2])

            self._steps[phase, length] = capture(step, restore)
        self._steps[phase, length]()

    def _step_all(self, phase: int, length: int) -> None:
        """One step of every slot; touches nothing but memory that stays in place."""
        rows = self._rows
        inputs = self._embeddings[rows.tokens.clamp_min(0)]
        reach = Masked(rows.positions, length)
        hidden = self._transformer.step(inputs, rows.positions, self._cache, self._all, reach)
        rows.tokens.copy_(self._draw(hidden, rows, phase))
        # Of an empty slot, or one whose row is over: it must not run out of its memory.
        rows.positions.add_(1).clamp_(max=self._cache.n_positions - 1)
        rows.steps.add_(1)
        self._drawn.scatter_(1, self._column.expand(self.n_slots, 1), rows.tokens[:, None])
        self._column.add_(1)
