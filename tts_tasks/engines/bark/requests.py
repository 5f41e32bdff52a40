"""What is asked of Bark, and what comes back; no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tts_tasks.values import Samples

Tokens = NDArray[np.int64]
"""Token ids, shape (n,), or codes, shape (books, frames)."""

SEMANTIC_TEMPERATURE, COARSE_TEMPERATURE, FINE_TEMPERATURE, MIN_EOS_P = 0.6, 0.7, 0.5, 0.05
"""For narration. Source: suno-ai/bark, notebooks/long_form_generation.ipynb. The library's own
``generate`` ignores ``min_eos_p`` in the model's configuration, and cuts to the 50 likeliest
tokens (``top_k``), which suno does not."""


@dataclass(frozen=True, slots=True)
class BarkRequest:
    """A text that is spoken at once: a chunk."""

    id: str
    """Names it in the results; unique in a batch."""

    text: str
    """What is said; at most 256 tokens, good up to 13 s of speech."""

    voice: str | None
    """A preset, e.g. ``v2/pt_speaker_2``, or the path of an ``.npz`` file; ``None`` for whichever
    voice comes."""

    seed: int = 0
    """Names the take: text, voice, temperatures and seed decide every token."""

    semantic_temperature: float = SEMANTIC_TEMPERATURE
    """Of the text's delivery; 0 takes the likeliest token each time."""

    coarse_temperature: float = COARSE_TEMPERATURE
    """Of the first two codebooks."""

    fine_temperature: float = FINE_TEMPERATURE
    """Of the other codebooks."""

    min_eos_p: float = MIN_EOS_P
    """The text is over as soon as its end is at least so probable, after the temperature; 0 waits
    until the end is drawn. Ignored without temperature."""

    max_semantic_tokens: int | None = None
    """Cap, 49.9 a second; ``None`` for the model's own, 768 or 15.4 s."""


@dataclass(frozen=True, slots=True)
class BarkResult:
    """What a request became."""

    id: str
    """Id of the request."""

    samples: Samples
    """Shape (n_samples,), float32, as the codec gives it: beyond ±1 where it is too loud, empty
    where the model had nothing to say."""

    sample_rate: int
    """Hertz."""

    seed: int
    """Seed of the request."""

    semantic_tokens: Tokens
    """Shape (n,), without the token that ends them."""

    codes: Tokens
    """Codes of the codec, shape (8, n_frames), 75 frames a second."""

    hit_cap: bool
    """Whether it was cut off: the cap came before the end."""

    synthesis_s: float
    """Its share of the device's time, in seconds."""
