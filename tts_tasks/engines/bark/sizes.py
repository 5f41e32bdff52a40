"""How much is done at once, by device and free memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from tts_tasks.engines.bark.cache import Cache
from tts_tasks.engines.bark.checkpoint import Checkpoint
from tts_tasks.engines.bark.graphs import Capture, CudaGraphs, eager

CPU_SLOTS = 8
"""A step of 8 rows takes a CPU 1.2 times as long as one of a single row; more rows mostly add their
own attention (AMD EPYC, one thread, 2026-11-23)."""

GPU_SLOTS = 64
"""From here on a step takes as long as its rows' keys and values are read: 128 slots would add 3 %
by the roofline."""

GPU_WORKSPACE_BYTES = 6 << 30
"""Kept free on a GPU for prompts and windows in work, and for CUDA graphs."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the stages do at once."""

    slots: int
    """Rows of the semantic stage, and of the coarse one."""

    prefill_rows: int
    """Prompts that are read at once."""

    fine_rows: int
    """Fine windows at once."""

    codec_rows: int
    """Requests that the codec decodes at once."""

    semantic_steps: int
    """Steps before the host looks whose text is over."""

    capture: Capture | None
    """Makes steps of fixed shapes, repeatable; ``None`` for steps of the rows that are there."""

    def halved(self) -> Sizes:
        """Return half of everything, for a device whose memory was not enough."""
        return replace(
            self,
            slots=max(1, self.slots // 2),
            prefill_rows=max(1, self.prefill_rows // 2),
            fine_rows=max(1, self.fine_rows // 2),
            codec_rows=max(1, self.codec_rows // 2),
        )

    @property
    def are_least(self) -> bool:
        """Return whether nothing can be halved any more."""
        return self.halved() == self


def choose_sizes(checkpoint: Checkpoint, slots: int = 0, *, graphs: bool | None = None) -> Sizes:
    """Return what suits a device.

    On a CPU whatever has many rows anyway, prompts, windows and audio, is done one by one: that is
    as fast, and its bits do not depend on company.

    Args:
        checkpoint: the model, on its device.
        slots: rows at once; 0 chooses.
        graphs: whether to use CUDA graphs; ``None`` where there is CUDA.
    """
    if checkpoint.device.type != "cuda":
        # Asked for without CUDA, the same steps run one by one: slow, and good for tests.
        capture = eager if graphs else None
        steps = 16 if graphs else 1
        return Sizes(slots or CPU_SLOTS, 1, 1, 1, steps, capture)
    capture = eager if graphs is False else CudaGraphs(checkpoint.device)
    return Sizes(slots or _slots_that_fit(checkpoint), 16, 16, 16, 16, capture)


def slot_bytes(checkpoint: Checkpoint) -> int:
    """Return the memory of one slot of both stages."""
    layout = checkpoint.layout
    semantic = checkpoint.semantic.cache_shape(1, layout.semantic_positions)
    coarse = checkpoint.coarse.cache_shape(1, layout.coarse_positions)
    return sum(Cache.slot_bytes(shape, checkpoint.dtype) for shape in (semantic, coarse))


def _slots_that_fit(checkpoint: Checkpoint) -> int:
    free_bytes, _ = torch.cuda.mem_get_info(checkpoint.device)
    fitting = (free_bytes - GPU_WORKSPACE_BYTES) // slot_bytes(checkpoint)
    return max(1, min(GPU_SLOTS, int(fitting)))
