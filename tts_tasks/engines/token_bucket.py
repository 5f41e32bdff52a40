"""A rate that is kept: so many requests a second, a few of them at once after a pause."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tts_tasks.values import Checkpoint

SLICE_S = 0.2
"""Longest sleep between two checkpoints: a cancelled run waits no longer."""


class TokenBucket:
    """Tokens that come at a steady rate; who takes one when there is none waits for it.

    Source: the generic cell rate algorithm (ITU-T I.371), which is a token bucket without a clock
    of its own. One object serves all threads of a process; whoever asks first is served first.
    """

    def __init__(
        self, rate_per_s: float, burst: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with a full bucket.

        Args:
            rate_per_s: tokens a second.
            burst: tokens that a full bucket holds.
            clock: seconds, never backwards.
        """
        self._interval_s = 1 / rate_per_s
        self._saved_s = (burst - 1) * self._interval_s
        self._clock = clock
        self._due_s = -float("inf")
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take a token, and return the seconds after which it may be used; the caller waits."""
        with self._lock:
            now_s = self._clock()
            due_s = max(self._due_s, now_s - self._saved_s)
            self._due_s = due_s + self._interval_s
            return max(0.0, due_s - now_s)


def wait(
    seconds: float, checkpoint: Checkpoint, *, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Wait, and stop waiting when the run is cancelled.

    Raises:
        CancelledError: from the checkpoint.
    """
    checkpoint()
    while seconds > 0:
        sleep(min(seconds, SLICE_S))
        seconds -= SLICE_S
        checkpoint()
