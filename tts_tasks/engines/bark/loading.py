"""Where a model is loaded, and in which type; torch is imported when that happens."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_tasks.errors import EngineParameterError, ModelMissingError

if TYPE_CHECKING:
    from tts_tasks.engines.bark.scheduler import Scheduler

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Device:
    """What was asked for."""

    name: str = AUTO
    """``cpu``, ``cuda``, ``cuda:1``; ``auto`` is CUDA where there is a GPU."""

    dtype: str = AUTO
    """``float32``, ``bfloat16``, ``float64``, ``int8``; ``auto`` is bfloat16 where a GPU has it."""

    slots: int = 0
    """Chunks at once; 0 chooses."""

    graphs: bool | None = None
    """Whether to use CUDA graphs; ``None`` where there is CUDA."""


def require_runtime() -> None:
    """Refuse to go on without the libraries that run the model.

    Raises:
        ModelMissingError: if torch or transformers is not installed.
    """
    for library in ("torch", "transformers"):
        if importlib.util.find_spec(library) is None:
            raise ModelMissingError(
                f"bark needs {library}, which is not installed",
                field="provider",
                value="bark",
                remedy="install narration with its extra bark",
            )


def has_gpu() -> bool:
    """Return whether torch finds a GPU."""
    import torch

    return bool(torch.cuda.is_available())


def load(folder: Path, device: Device) -> Scheduler:
    """Load a model, and return the queue before it.

    Raises:
        ModelMissingError: if torch or transformers is missing, the model cannot be loaded, or there
            is no such device.
        EngineParameterError: if the type does not go with the device.
    """
    require_runtime()
    from tts_tasks.engines.bark.checkpoint import Checkpoint
    from tts_tasks.engines.bark.scheduler import Scheduler
    from tts_tasks.engines.bark.sizes import choose_sizes

    where, dtype = _resolved(device)
    model = Checkpoint(folder, device=where, dtype=dtype)
    return Scheduler(model, choose_sizes(model, device.slots, graphs=device.graphs))


def _resolved(wanted: Device) -> tuple[Any, str]:
    """Return the torch device and the type of the weights."""
    import torch

    from tts_tasks.engines.bark.checkpoint import DTYPES

    name = wanted.name if wanted.name != AUTO else "cuda" if has_gpu() else "cpu"
    if name.startswith("cuda") and not has_gpu():
        raise ModelMissingError(
            f"torch {torch.__version__} finds no GPU",
            field="NARRATION_BARK_DEVICE",
            value=name,
            remedy="install a build of torch for the GPU's driver, or set it to cpu",
        )
    device = torch.device(name)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    half = "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"
    dtype = half if wanted.dtype == AUTO else wanted.dtype
    if dtype not in DTYPES or (dtype == "int8" and device.type != "cpu"):
        raise EngineParameterError(
            f"Bark cannot compute in {dtype!r} on {name}",
            field="NARRATION_BARK_DTYPE",
            value=dtype,
            remedy=f"use {', '.join(DTYPES)}; int8 only on a CPU",
        )
    return device, dtype
