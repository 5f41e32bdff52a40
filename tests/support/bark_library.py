"""Bark as the library speaks it, a text at a time: what ours must equal."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import AutoProcessor, BarkModel
from transformers.models.bark.generation_configuration_bark import (
    BarkCoarseGenerationConfig,
    BarkFineGenerationConfig,
    BarkSemanticGenerationConfig,
)
from transformers.utils import logging as library_logging


@dataclass(frozen=True)
class Spoken:
    """What the stages made of a text.

    Attributes:
        semantic: (n,) int64, without the token that ends the text and what follows it.
        coarse: (2, n_frames) int64, as the coarse model gave them, less their offsets.
        fine: (8, n_frames) int64; the first two books are the coarse ones.
        audio: (320 n_frames,) float32.
    """

    semantic: np.ndarray
    coarse: np.ndarray
    fine: np.ndarray
    audio: np.ndarray

    @property
    def codes(self) -> np.ndarray:
        """The engine's name for ``fine``."""
        return self.fine

    @property
    def samples(self) -> np.ndarray:
        """The engine's name for ``audio``."""
        return self.audio


class Library:
    """The library's model and processor of a folder."""

    def __init__(self, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        with _quiet():
            model = BarkModel.from_pretrained(folder, dtype=dtype, local_files_only=True)
            self.processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        self.model = model.eval()
        self.model.codec_model.float()

    @torch.no_grad()
    def speak(self, text: str, voice: str | None, *, fine_float64: bool = False) -> Spoken:
        """Return the likeliest tokens of every stage, as ``BarkModel.generate`` makes them.

        ``fine_float64`` runs the fine model in float64, where near ties have one winner.
        """
        with _quiet():
            return self._speak(text, voice, fine_float64)

    def _speak(self, text, voice, fine_float64):
        model, known = self.model, self.model.generation_config
        semantic_config = BarkSemanticGenerationConfig(**known.semantic_config)
        coarse_config = BarkCoarseGenerationConfig(**known.coarse_acoustics_config)
        fine_config = BarkFineGenerationConfig(**known.fine_acoustics_config)
        inputs = self._inputs(text, voice)
        history = inputs.get("history_prompt")
        semantic = model.semantic.generate(
            inputs["input_ids"],
            history_prompt=history,
            semantic_generation_config=semantic_config,
            attention_mask=inputs["attention_mask"],
            min_eos_p=None,
            do_sample=False,
        )
        # A copy: the coarse model writes its own pad into the tensor.
        said = semantic[0].cpu().numpy().astype(np.int64)
        ends = np.flatnonzero(said == semantic_config.eos_token_id)
        said = said[: ends[0]] if len(ends) else said
        if not len(said):  # The library fails where there is nothing to say.
            none = np.zeros((8, 0), np.int64)
            return Spoken(said, none[:2], none, np.zeros(0, np.float32))
        coarse = model.coarse_acoustics.generate(
            semantic,
            history_prompt=history,
            semantic_generation_config=semantic_config,
            coarse_generation_config=coarse_config,
            codebook_size=known.codebook_size,
            do_sample=False,
        )
        fine_model = model.fine_acoustics
        if fine_float64:
            fine_model = copy.deepcopy(fine_model).double()
        fine = fine_model.generate(
            coarse,
            history_prompt=history,
            semantic_generation_config=semantic_config,
            coarse_generation_config=coarse_config,
            fine_generation_config=fine_config,
            codebook_size=known.codebook_size,
            temperature=1.0,  # The library takes the likeliest code then.
        )
        offsets = semantic_config.semantic_vocab_size + known.codebook_size * np.arange(2)
        books = coarse[0].cpu().numpy().astype(np.int64).reshape(-1, 2) - offsets
        audio = model.codec_decode(fine)[0].cpu().numpy()
        return Spoken(said, books.T, fine[0].cpu().numpy().astype(np.int64), audio)

    @torch.no_grad()
    def generate(self, text: str, voice: str | None, **options) -> np.ndarray:
        """Return the audio of ``BarkModel.generate``."""
        with _quiet():
            return self.model.generate(**self._inputs(text, voice), **options)[0].cpu().numpy()

    def naive(self, texts: Sequence[str], voice: str | None, **options) -> list[np.ndarray]:
        """Return the audio of each text: sampled, as the library does it, one after the other."""
        return [self.generate(text, voice, **options) for text in texts]

    def _inputs(self, text, voice):
        given = {} if voice is None else {"voice_preset": voice}
        return self.processor([text], **given).to(self.model.device)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the one message that every call logs, and the bar of loading; nothing else.

    The library's own Bark passes a ``generation_config`` together with arguments.
    """

    def is_news(record):
        return not record.getMessage().startswith("Passing `generation_config` together")

    logger = logging.getLogger("transformers.generation.utils")
    had_bar = library_logging.is_progress_bar_enabled()
    library_logging.disable_progress_bar()
    logger.addFilter(is_news)
    try:
        yield
    finally:
        logger.removeFilter(is_news)
        if had_bar:
            library_logging.enable_progress_bar()
