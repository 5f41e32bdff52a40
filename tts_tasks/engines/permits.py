"""A limit that all workers share, where there is somebody who keeps it.

A process can hold back only its own requests. Who runs an engine beside others of its kind sets a
permit for its thread: ``tasks.synthesize`` asks the Prefect server. Without one, as in
``generate_narration``, the engine's own bucket is all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tts_tasks.values import Checkpoint

Permit = Callable[[str, Checkpoint], None]
"""Provider, checkpoint -> returns when the provider may send one more request."""

_permit: ContextVar[Permit | None] = ContextVar("permit", default=None)


@contextmanager
def asking(permit: Permit) -> Iterator[None]:
    """Make every request of this thread ask for permission."""
    token = _permit.set(permit)
    try:
        yield
    finally:
        _permit.reset(token)


def await_permit(provider: str, checkpoint: Checkpoint) -> None:
    """Return when one more request may be sent.

    Raises:
        CancelledError: from the checkpoint.
        NarrationError: if whoever keeps the limit cannot be asked.
    """
    if permit := _permit.get():
        permit(provider, checkpoint)
