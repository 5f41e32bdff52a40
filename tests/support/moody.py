"""An engine with seeds that make a difference: eSpeak NG, whose takes fail as the test wants."""

from __future__ import annotations

from dataclasses import replace

from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.values import never_cancelled

BAD_WORD = "abacaxi"
"""A text with this word fails in the takes of ``BAD_SEEDS``."""

BAD_SEEDS: set[int] = set()


class MoodyEngine(EspeakEngine):
    """Breaks off in the middle of some takes."""

    name = "moody"
    takes_differ = True

    def synthesize(self, chunks, checkpoint=never_cancelled):
        return [
            broken_off(waveform)
            if BAD_WORD in chunk.spoken and chunk.seed in BAD_SEEDS
            else waveform
            for chunk, waveform in zip(chunks, super().synthesize(chunks, checkpoint), strict=True)
        ]


def broken_off(waveform):
    """Keep a third of a take."""
    return replace(waveform, samples=waveform.samples[: len(waveform.samples) // 3], words=())
