"""Bark as the library speaks it, a text at a time: what ours must equal."""

from __future__ import annotations

import warnings
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
from transformers.utils import logging


@dataclass(frozen=True)
class Spoken:
    semantic: np.ndarray
    codes: np.ndarray
    samples: np.ndarray


class Library:
    """The library's model and processor of a folder."""

    def __init__(self, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.model = BarkModel.from_pretrained(folder, dtype=dtype, local_files_only=True).eval()
        self.model.codec_model.float()
        self.processor = AutoProcessor.from_pretrained(folder, local_files_only=True)

    @torch.no_grad()
    def speak(self, text: str, voice: str | None) -> Spoken:
        """Return the likeliest tokens of every stage, as ``BarkModel.generate`` makes them."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._speak(text, voice)

    def _speak(self, text, voice):
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
            do_sample=False,
        )
        said = semantic[0].numpy()
        ends = np.flatnonzero(said == semantic_config.eos_token_id)
        said = said[: ends[0]] if len(ends) else said
        if not len(said):  # The library fails where there is nothing to say.
            return Spoken(said, np.zeros((8, 0), np.int64), np.zeros(0, np.float32))
        coarse = model.coarse_acoustics.generate(
            semantic,
            history_prompt=history,
            semantic_generation_config=semantic_config,
            coarse_generation_config=coarse_config,
            codebook_size=known.codebook_size,
            do_sample=False,
        )
        fine = model.fine_acoustics.generate(
            coarse,
            history_prompt=history,
            semantic_generation_config=semantic_config,
            coarse_generation_config=coarse_config,
            fine_generation_config=fine_config,
            codebook_size=known.codebook_size,
            temperature=None,
        )
        return Spoken(said, fine[0].numpy(), model.codec_decode(fine)[0].numpy())

    @torch.no_grad()
    def generate(self, text: str, voice: str | None, **options) -> np.ndarray:
        """Return the audio of ``BarkModel.generate``."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.model.generate(**self._inputs(text, voice), **options)[0].cpu().numpy()

    def _inputs(self, text, voice):
        given = {} if voice is None else {"voice_preset": voice}
        return self.processor([text], **given).to(self.model.device)
