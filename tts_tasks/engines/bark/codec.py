"""Stage 4: codes become audio, by the library's EnCodec decoder, in float32.

Its convolutions and its LSTM look back and never ahead, so rows may be padded at their ends, and
cut afterwards, without changing what comes before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from tts_tasks.engines.bark.checkpoint import Checkpoint
from tts_tasks.engines.bark.job import Job


class CodecStage:
    """The decoder of the codec."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Note the model."""
        self._checkpoint = checkpoint

    def advance(self, jobs: Sequence[Job]) -> None:
        """Decode jobs into samples, float32, shape (n_samples,); a loud voice is beyond ±1."""
        codec, frame_samples = self._checkpoint.codec, self._checkpoint.frame_samples
        longest = max(job.n_frames for job in jobs)
        padded = np.zeros((self._checkpoint.layout.fine_books, len(jobs), longest), dtype=np.int64)
        for row, job in enumerate(jobs):
            assert job.codes is not None
            padded[:, row, : job.n_frames] = job.codes
        audio = codec.decoder(codec.quantizer.decode(self._checkpoint.tensor(padded)))[:, 0]
        if not torch.isfinite(audio).all():
            for job in jobs:
                job.fault = "the codec returns what is no number"
        for row, job in zip(audio.cpu().numpy(), jobs, strict=True):
            job.samples = row[: job.n_frames * frame_samples].astype(np.float32, copy=True)
