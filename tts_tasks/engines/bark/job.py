"""One request on its way through the stages; what each stage made of it so far."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from tts_tasks.engines.bark.checkpoint import Checkpoint
from tts_tasks.engines.bark.requests import BarkRequest, BarkResult, Tokens
from tts_tasks.engines.bark.sampling import request_key
from tts_tasks.engines.bark.voices import Preset
from tts_tasks.values import Samples


@dataclass(slots=True, eq=False)
class Job:
    """A request in work."""

    request: BarkRequest
    """What is asked for."""

    text_ids: Tokens
    """Its text."""

    preset: Preset | None
    """Its voice."""

    key: int
    """Key of its randomness."""

    cap: int
    """Semantic tokens, at most."""

    run: Hashable = None
    """Whose it is: runs share the device fairly."""

    semantic: list[int] = field(default_factory=list)
    """Tokens so far, without the end."""

    hit_cap: bool = False
    """Whether the cap came before the end."""

    n_coarse: int = 0
    """Codes that the coarse stage has to make, both codebooks together."""

    coarse: list[int] = field(default_factory=list)
    """Codes so far, from both codebooks in turn."""

    frames: Tensor | None = None
    """All codes, history first and padded to a window: shape (n_frames, 8), on the device."""

    n_history: int = 0
    """Frames of them that are history."""

    window: int = 0
    """Fine windows that are done."""

    samples: Samples | None = None
    """The audio."""

    codes: Tokens | None = None
    """The codes that it was made of."""

    fault: str = ""
    """Why there will be none."""

    synthesis_s: float = 0.0
    """Its share of the device's time so far, in seconds."""

    @property
    def n_frames(self) -> int:
        """Frames of its audio."""
        return self.n_coarse // 2

    def start_again(self) -> None:
        """Forget the tokens of a stage that was broken off in the middle of a row."""
        self.semantic.clear()
        self.hit_cap = False

    def result(self, sample_rate: int) -> BarkResult:
        """Return what it became."""
        assert self.samples is not None
        assert self.codes is not None
        return BarkResult(
            id=self.request.id,
            samples=self.samples,
            sample_rate=sample_rate,
            seed=self.request.seed,
            semantic_tokens=np.asarray(self.semantic, dtype=np.int64),
            codes=self.codes,
            hit_cap=self.hit_cap,
            synthesis_s=self.synthesis_s,
        )


def make_job(request: BarkRequest, checkpoint: Checkpoint, run: Hashable = None) -> Job:
    """Return the job of a request.

    Raises:
        EmptyTextError, TextTooLongError, UnknownVoiceError: it cannot be spoken.
    """
    most = checkpoint.layout.max_semantic
    wanted = most if request.max_semantic_tokens is None else request.max_semantic_tokens
    return Job(
        request=request,
        text_ids=checkpoint.tokenize(request.text),
        preset=None if request.voice is None else checkpoint.preset(request.voice),
        key=request_key(request.seed, request.text),
        cap=max(1, min(wanted, most)),
        run=run,
    )
