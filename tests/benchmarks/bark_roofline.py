"""The least time that Bark's arithmetic and its memory traffic need on a device.

A stage takes at least as long as its operations at the device's rate, and as its bytes at the
memory's; the larger of the two is its floor. Nothing is assumed about how it is written, but that a
coarse window reads its prompt again, which the model's positions ask for.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

DATASHEETS = {
    "H100": (790e12, 3.0e12),
    "H200": (790e12, 4.4e12),
    "A100": (312e12, 1.9e12),
    "L40": (181e12, 0.8e12),
    "L4": (121e12, 0.3e12),
}
"""Operations (bfloat16, dense; the H100's as measured in large products) and bytes a second."""


@dataclass(frozen=True)
class Device:
    name: str
    flop_per_s: float
    bytes_per_s: float


@dataclass(frozen=True)
class Architecture:
    layers: int
    width: int
    n_semantic: int
    n_codes: int
    bytes_per_number: int

    @property
    def weights(self) -> int:
        """Numbers in the layers of one of the three transformers."""
        return 12 * self.layers * self.width**2


def floors_s(it: Architecture, device: Device, rows: int, audio_s: float) -> dict[str, float]:
    """Return the floor of each stage, in seconds for a second of audio of each row."""

    def decode(steps, context, head):
        numbers = it.weights + head * it.width
        flop = rows * (2 * numbers + 4 * it.layers * context * it.width)
        moved = (numbers + rows * context * 2 * it.layers * it.width) * it.bytes_per_number
        return steps * max(flop / device.flop_per_s, moved / device.bytes_per_s) / rows

    def read(n_positions, is_causal):
        seen = n_positions / 2 if is_causal else n_positions
        flop = n_positions * (2 * it.weights + 4 * it.layers * seen * it.width)
        return flop / device.flop_per_s

    n_semantic = 49.9 * audio_s
    windows = math.ceil(150 * audio_s / 60)
    fine_windows = max(0, math.ceil((75 * audio_s - 512) / 512)) + 1
    return {
        "semantic": (decode(n_semantic, 257 + n_semantic / 2, it.n_semantic) + read(257, True))
        / audio_s,
        "coarse": (decode(150 * audio_s, 917, it.n_codes) + windows * read(887, True)) / audio_s,
        "fine": 6 * fine_windows * read(1024, False) / audio_s,
    }


def measured_device(device: torch.device, dtype: torch.dtype) -> Device:
    """Return a device's rates: a GPU's by its datasheet, else measured here and now."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        known = next((rates for key, rates in DATASHEETS.items() if key in name), None)
        if known is not None:
            return Device(name, *known)
    else:
        name = f"CPU, {torch.get_num_threads()} threads"
    return Device(name, _product_rate(device, dtype), _copy_rate(device))


def _product_rate(device, dtype):
    from tts_tasks.engines.bark.dense import best_dense

    n = 2048 if device.type == "cpu" else 8192
    dense = best_dense(torch.randn(n, n, device=device).to(dtype))
    rows = torch.randn(n, n, device=device).to(dtype)
    return 2 * n**3 / _best_s(lambda: dense(rows), device)


def _copy_rate(device):
    source = torch.ones(1 << 26, device=device)
    return source.numel() * 4 / _best_s(source.sum, device)


def _best_s(call, device, times=5):
    best_s = math.inf
    for _ in range(times):
        begun_s = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best_s = min(best_s, time.perf_counter() - begun_s)
    return best_s
