"""CUDA graphs: a decoding step has some 300 kernels, and a graph starts them all at once.

A capture makes a function that can be repeated: it works on memory that stays in place, and takes
no arguments. Where there is no CUDA, or a graph cannot be captured, the function itself is called.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

import torch

WARM_UPS = 3
"""Calls before a capture: in the first ones libraries choose kernels and take memory."""

logger = logging.getLogger(__name__)


class Capture(Protocol):
    """Makes a step repeatable."""

    def __call__(self, step: Callable[[], None], restore: Callable[[], None]) -> Callable[[], None]:
        """Return what does the same as ``step``.

        Args:
            step: works on memory that stays in place.
            restore: undoes what calls of ``step`` have changed.
        """
        ...


def eager(step: Callable[[], None], restore: Callable[[], None]) -> Callable[[], None]:
    """Return the step itself."""
    return step


class CudaGraphs:
    """Captures steps of one device as CUDA graphs, which share their memory."""

    def __init__(self, device: torch.device) -> None:
        """Note the device; nothing is captured yet."""
        self._device = device
        self._pool: Any = None
        self._is_broken = False

    def __call__(self, step: Callable[[], None], restore: Callable[[], None]) -> Callable[[], None]:
        """See ``Capture``."""
        if self._is_broken:
            return step
        try:
            return self._captured(step, restore)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            # What a driver or a version cannot capture, it can still run.
            first_line = str(error).partition("\n")[0]
            logger.warning("without CUDA graphs from here on: %s", first_line)
            self._is_broken = True
            return step
        finally:
            restore()

    def _captured(
        self, step: Callable[[], None], restore: Callable[[], None]
    ) -> Callable[[], None]:
        beside = torch.cuda.Stream(self._device)
        beside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(beside):
            for _ in range(WARM_UPS):
                restore()
                step()
        torch.cuda.current_stream(self._device).wait_stream(beside)
        restore()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            step()
        self._pool = graph.pool()
        replay: Callable[[], None] = graph.replay
        return replay
