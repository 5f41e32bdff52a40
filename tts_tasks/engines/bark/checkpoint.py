"""A Bark model in memory: the three transformers, the codec, the tokenizer, and their numbers.

The library loads the files; its modules are taken apart into ``Transformer`` and dropped. Ids and
lengths are those of the model's own ``generation_config.json``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tts_tasks.engines.bark.dense import Dense, Int8Dense, best_dense
from tts_tasks.engines.bark.requests import Tokens
from tts_tasks.engines.bark.transformer import Transformer
from tts_tasks.engines.bark.voices import Preset, load_preset
from tts_tasks.errors import EmptyTextError, ModelMissingError, TextTooLongError

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float64": torch.float64,
    "int8": torch.float32,
}
"""What the weights are held in; ``int8`` rounds those of the decoding steps, on a CPU."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Ids and lengths of a checkpoint."""

    n_semantic: int
    """Semantic tokens; the next id ends a text, and pads."""

    semantic_rate_hz: float
    """Semantic tokens of a second."""

    text_offset: int
    """Added to the tokenizer's ids."""

    text_pad: int
    """Behind a short text."""

    semantic_infer: int
    """Between the prompt and what is generated."""

    max_text: int
    """Tokens of a text, and of a voice's semantic history, at most."""

    max_semantic: int
    """Semantic tokens that are generated, at most."""

    n_codes: int
    """Codes of each codebook."""

    coarse_pad: int
    """Behind a short semantic part."""

    coarse_infer: int
    """Between the semantic part and the codes."""

    coarse_books: int
    """Codebooks that the coarse stage fills, in turn."""

    coarse_rate_hz: float
    """Frames of a second."""

    max_coarse_semantic: int
    """Semantic tokens of a coarse window."""

    max_coarse_history: int
    """Codes that a coarse window begins with, at most."""

    coarse_window: int
    """Codes that it adds."""

    fine_window: int
    """Frames of a fine window."""

    fine_history: int
    """Frames that a fine window begins with, at most; and its stride."""

    fine_books: int
    """Codebooks, all of them."""

    @property
    def end(self) -> int:
        """The token that ends a text."""
        return self.n_semantic

    @property
    def codes_per_semantic(self) -> float:
        """Coarse codes for each semantic token."""
        return self.coarse_rate_hz / self.semantic_rate_hz * self.coarse_books

    @property
    def max_history(self) -> int:
        """Semantic tokens of the history of a coarse window, at most."""
        return int(self.max_coarse_history // self.codes_per_semantic)

    @property
    def semantic_prompt(self) -> int:
        """Positions of a semantic prompt."""
        return self.max_text + 1

    @property
    def semantic_positions(self) -> int:
        """Positions of a semantic row, the last token excluded: nobody reads it."""
        return self.semantic_prompt + self.max_semantic - 1

    @property
    def coarse_positions(self) -> int:
        """Positions of a coarse row."""
        return self.max_coarse_semantic + 1 + self.max_coarse_history + self.coarse_window


class Checkpoint:
    """A loaded model. What it holds does not change; ``tokenize`` may be called from any thread."""

    def __init__(self, folder: Path, *, device: torch.device, dtype: str) -> None:
        """Load a model's folder.

        Args:
            folder: as ``save_pretrained`` writes it, with the tokenizer and the presets.
            device: where the weights go.
            dtype: one of ``DTYPES``.

        Raises:
            ModelMissingError: if the folder is not one of a Bark model, or cannot be read.
        """
        self.folder, self.device, self.dtype = folder, device, DTYPES[dtype]
        model, self._tokenizer = _load(folder)
        self.layout = _layout(folder, model)
        layout = self.layout
        for part in (model.semantic, model.coarse_acoustics, model.fine_acoustics):
            part.to(device=device, dtype=self.dtype)
        # It stays in float32: with 8 bits of mantissa its noise would be heard.
        self.codec = model.codec_model.to(device).eval()
        self.sample_rate = int(model.config.codec_config.sampling_rate)
        self.frame_samples = self.sample_rate // round(layout.coarse_rate_hz)
        steps = Int8Dense if dtype == "int8" else None
        self.semantic = Transformer(model.semantic, best_dense, steps)
        self.coarse = Transformer(model.coarse_acoustics, best_dense, steps)
        self.fine = Transformer(model.fine_acoustics, best_dense)
        self.semantic_embeddings = model.semantic.input_embeds_layer.weight.data
        self.coarse_embeddings = model.coarse_acoustics.input_embeds_layer.weight.data
        self.fine_embeddings = [
            each.weight.data for each in model.fine_acoustics.input_embeds_layers
        ]
        self.semantic_head = best_dense(model.semantic.lm_head.weight.data[: layout.end + 1])
        codes = model.coarse_acoustics.lm_head.weight.data[layout.n_semantic :]
        self.coarse_heads = [
            best_dense(codes[book * layout.n_codes : (book + 1) * layout.n_codes])
            for book in range(layout.coarse_books)
        ]
        self.fine_heads: dict[int, Dense] = {
            book: best_dense(
                model.fine_acoustics.lm_heads[
                    book - model.fine_acoustics.config.n_codes_given
                ].weight.data[: layout.n_codes]
            )
            for book in range(layout.coarse_books, layout.fine_books)
        }
        self.preset = lru_cache(maxsize=256)(self._preset)
        self._one_at_a_time = threading.Lock()

    def tokenize(self, text: str) -> Tokens:
        """Return the tokens of a text, shape (n,).

        Raises:
            EmptyTextError: if nothing in it can be spoken.
            TextTooLongError: if it has more tokens than the model reads: the library would cut it.
        """
        if not any(character.isalnum() for character in text):
            raise EmptyTextError(
                f"there is nothing to speak in {text!r}",
                field="text",
                value=text,
                remedy="give a text with words",
            )
        with self._one_at_a_time:  # It keeps its padding as a state.
            ids = self._tokenizer(" ".join(text.split()), add_special_tokens=False)["input_ids"]
        if len(ids) > self.layout.max_text:
            raise TextTooLongError(
                f"{len(ids)} tokens are over Bark's {self.layout.max_text}",
                field="text",
                value=text,
                remedy="split it into sentences",
            )
        return np.asarray(ids, dtype=np.int64)

    def _preset(self, voice: str) -> Preset:
        """Return a voice; see ``load_preset``."""
        layout = self.layout
        return load_preset(voice, self.folder, n_semantic=layout.n_semantic, n_codes=layout.n_codes)

    def tensor(self, values: object) -> Tensor:
        """Return whole numbers on the model's device."""
        return torch.as_tensor(values, dtype=torch.int64, device=self.device)


def _load(folder: Path) -> tuple[Any, Any]:
    """Return the library's model in float32 and the tokenizer, from the disk alone."""
    from transformers import AutoTokenizer, BarkModel
    from transformers.utils import logging

    verbosity, shows_progress = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model = BarkModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        return model.eval(), AutoTokenizer.from_pretrained(folder, local_files_only=True)
    # Broad on purpose: whatever the library and its parsers raise, these files are no model.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelMissingError(
            f"transformers cannot load Bark from {folder} ({reason})",
            field="NARRATION_BARK_MODEL",
            value=folder,
            remedy="run `narrate models pull bark`, or set it to the folder of a Bark model",
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if shows_progress:
            logging.enable_progress_bar()


def _layout(folder: Path, model: Any) -> Layout:
    """Return the numbers of a checkpoint, after a look whether they go together."""
    config = model.generation_config
    semantic, coarse, fine = (
        _section(config, name)
        for name in ("semantic_config", "coarse_acoustics_config", "fine_acoustics_config")
    )
    try:
        layout = Layout(
            n_semantic=semantic["semantic_vocab_size"],
            semantic_rate_hz=semantic["semantic_rate_hz"],
            text_offset=semantic["text_encoding_offset"],
            text_pad=semantic["text_pad_token"],
            semantic_infer=semantic["semantic_infer_token"],
            max_text=semantic["max_input_semantic_length"],
            max_semantic=semantic["max_new_tokens"],
            n_codes=config.codebook_size,
            coarse_pad=coarse["coarse_semantic_pad_token"],
            coarse_infer=coarse["coarse_infer_token"],
            coarse_books=coarse["n_coarse_codebooks"],
            coarse_rate_hz=coarse["coarse_rate_hz"],
            max_coarse_semantic=coarse["max_coarse_input_length"],
            max_coarse_history=coarse["max_coarse_history"],
            coarse_window=coarse["sliding_window_len"],
            fine_window=fine["max_fine_input_length"],
            fine_history=fine["max_fine_history_length"],
            fine_books=fine["n_fine_codebooks"],
        )
    except (KeyError, AttributeError) as error:
        raise _contradiction(folder, f"generation_config.json lacks {error}") from error
    contradictions = {
        "the token that ends a text is not the first after the semantic ones": (
            semantic["eos_token_id"] != layout.end
        ),
        "a text does not fit into the semantic model's positions": (
            layout.semantic_positions > model.semantic.config.block_size
        ),
        "a window does not fit into the coarse model's positions": (
            layout.coarse_positions - 1 > model.coarse_acoustics.config.block_size
        ),
        "a window does not fit into the fine model's positions": (
            layout.fine_window > model.fine_acoustics.config.block_size
        ),
        "the coarse model has fewer ids than codes": (
            layout.n_semantic + layout.coarse_books * layout.n_codes
            > model.coarse_acoustics.config.output_vocab_size
        ),
    }
    for fault, is_so in contradictions.items():
        if is_so:
            raise _contradiction(folder, fault)
    return layout


def _section(config: Any, name: str) -> Mapping[str, Any]:
    """Return a part of the configuration: defaults of the library, and what the file says."""
    from transformers.models.bark import generation_configuration_bark as kinds

    kind = {
        "semantic_config": kinds.BarkSemanticGenerationConfig,
        "coarse_acoustics_config": kinds.BarkCoarseGenerationConfig,
        "fine_acoustics_config": kinds.BarkFineGenerationConfig,
    }[name]
    given = getattr(config, name, None) or {}
    defaults: dict[str, Any] = kind().to_dict()
    return defaults | (given if isinstance(given, dict) else given.to_dict())


def _contradiction(folder: Path, fault: str) -> ModelMissingError:
    return ModelMissingError(
        f"{folder} is no Bark model that can be used: {fault}",
        field="NARRATION_BARK_MODEL",
        value=folder,
        remedy="run `narrate models pull bark`, or set it to the folder of a Bark model",
    )
