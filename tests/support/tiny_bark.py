"""Bark checkpoints of random weights: a tiny one for tests, and the real sizes for benchmarks.

    python -m tests.support.tiny_bark FOLDER

They are whole folders as ``from_pretrained`` reads them, with tokenizer and voices. What random
weights need to behave like a model: spread logits, an end that is reachable, and ids outside the
codebooks that never win.
"""

from __future__ import annotations

import argparse
import json
import string
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from transformers import (
    BarkCoarseConfig,
    BarkConfig,
    BarkFineConfig,
    BarkModel,
    BarkSemanticConfig,
    BertTokenizerFast,
    EncodecConfig,
    GenerationConfig,
)
from transformers.models.bark.generation_configuration_bark import (
    BarkCoarseGenerationConfig,
    BarkFineGenerationConfig,
    BarkSemanticGenerationConfig,
)
from transformers.utils import logging

N_BOOKS = 8
N_PREFIX = 257
"""Positions before the first semantic token: 256 of text over history, and one that says start."""

AT_ONCE = 50.0
WORDS = "de que não uma para com por mais como mas foi ele das tem seu sua ser quando muito nos"


@dataclass(frozen=True)
class Size:
    """The numbers of an architecture."""

    layers: int = 2
    heads: int = 2
    width: int = 32
    n_semantic: int = 200
    n_codes: int = 64
    n_text: int | None = None
    """Ids of the text; ``None`` for as many as the tokenizer has."""

    codec: tuple[int, int, int] = (4, 16, 1)
    """Filters, hidden size and LSTM layers of the codec."""

    layer_std: float = 0.2
    head_std: float = 0.35
    end_scale: float = 2.5
    """Times the weights of the token that ends a text: 0.0 never ends it, ``AT_ONCE`` and more end
    any text at its first step."""

    max_semantic: int = 768


TINY = Size()
NEVER_ENDS = replace(TINY, end_scale=0.0)
ENDS_AT_ONCE = replace(TINY, end_scale=AT_ONCE)
SMALL = Size(12, 12, 768, 10_000, 1024, 119_547, (32, 128, 2), 0.02, 0.05, end_scale=0.0)
LARGE = replace(SMALL, layers=24, heads=16, width=1024)
REAL = {"small": SMALL, "large": LARGE}


def write_tiny_bark(
    folder: Path,
    size: Size = TINY,
    *,
    seed: int = 0,
    presets: Path | None = None,
    voices: int = 10,
    hidden: int | None = None,
    layers: int | None = None,
    heads: int | None = None,
    semantic_vocab: int | None = None,
    codebook: int | None = None,
    eos_scale: float | None = None,
    max_new_tokens: int | None = None,
) -> Path:
    """Write a checkpoint, and return its folder. The same seed gives the same bytes.

    Args:
        folder: where to.
        size: the architecture.
        seed: of the weights and the voices.
        presets: folder of ``.npz`` files that become the voices; by default they are random.
        voices: how many, ``v2/pt_speaker_0`` and on.
        hidden: the width, instead of that of ``size``; as all that follow.
        layers: of each of the three transformers.
        heads: of their attention.
        semantic_vocab: how many semantic tokens there are.
        codebook: how many codes a book has.
        eos_scale: ``end_scale`` of ``Size``.
        max_new_tokens: semantic tokens that a text may have.
    """
    given = {
        "width": hidden,
        "layers": layers,
        "heads": heads,
        "n_semantic": semantic_vocab,
        "n_codes": codebook,
        "end_scale": eos_scale,
        "max_semantic": max_new_tokens,
    }
    size = replace(size, **{name: value for name, value in given.items() if value is not None})
    folder.mkdir(parents=True, exist_ok=True)
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        vocabulary = _vocabulary()
        first_text = size.n_semantic + (48 if size.n_text else 8)
        n_text = size.n_text or len(vocabulary)
        model = _model(size, first_text, n_text, seed)
        model.generation_config = GenerationConfig()  # The library cannot save Bark's own.
        model.save_pretrained(folder)
        _write_json(folder / "generation_config.json", _generation(size, first_text, n_text))
        tokenizer = BertTokenizerFast(
            vocab={word: number for number, word in enumerate(vocabulary)},
            do_lower_case=False,
            strip_accents=False,
        )
        tokenizer.save_pretrained(folder)
        _write_json(folder / "processor_config.json", {"processor_class": "BarkProcessor"})
    finally:
        logging.set_verbosity(verbosity)
    _write_voices(folder, size, seed, presets, voices)
    return folder


def write_real_size(
    folder: Path, size: Literal["small", "large"], seed: int = 0, presets: Path | None = None
) -> Path:
    """Write random weights of the real architecture, which never end a text: cap the tokens."""
    return write_tiny_bark(folder, REAL[size], seed=seed, presets=presets)


def _vocabulary():
    letters = string.ascii_letters + string.digits + string.punctuation
    letters += "áàâãéêíóôõúüçÁÀÂÃÉÊÍÓÔÕÚÜÇ—–…“”‘’ºª°♪"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    return list(dict.fromkeys([*words, *(f"##{letter}" for letter in letters), *WORDS.split()]))


def _model(size, first_text, n_text, seed):
    shared = {
        "num_layers": size.layers,
        "num_heads": size.heads,
        "hidden_size": size.width,
        "block_size": 1024,
        "dropout": 0.0,
        "bias": False,
    }
    n_coarse = size.n_semantic + 2 * size.n_codes
    filters, hidden, lstm_layers = size.codec
    kbps = N_BOOKS * 75 * np.log2(size.n_codes) / 1000
    config = BarkConfig(
        semantic_config=BarkSemanticConfig(
            input_vocab_size=first_text + n_text + 5, output_vocab_size=first_text, **shared
        ).to_dict(),
        coarse_acoustics_config=BarkCoarseConfig(
            input_vocab_size=n_coarse + 48, output_vocab_size=n_coarse + 48, **shared
        ).to_dict(),
        fine_acoustics_config=BarkFineConfig(
            input_vocab_size=size.n_codes + 32,
            output_vocab_size=size.n_codes + 32,
            n_codes_total=N_BOOKS,
            n_codes_given=1,
            **shared,
        ).to_dict(),
        codec_config=EncodecConfig(
            num_filters=filters,
            hidden_size=hidden,
            codebook_size=size.n_codes,
            codebook_dim=hidden,
            num_lstm_layers=lstm_layers,
            target_bandwidths=[float(kbps)],
        ).to_dict(),
    )
    torch.manual_seed(seed)
    model = BarkModel(config).eval()
    with torch.no_grad():
        for part in (model.semantic, model.coarse_acoustics, model.fine_acoustics):
            for name, weight in part.named_parameters():
                if weight.ndim == 2:
                    is_head = "lm_head" in name or "embed" in name
                    weight.normal_(0, size.head_std if is_head else size.layer_std)
        end = model.semantic.lm_head.weight[size.n_semantic]
        end *= size.end_scale
        if size.end_scale >= AT_ONCE:
            # The scale alone can make the end the least likely: its logit may be negative.
            model.semantic.position_embeds_layer.weight[N_PREFIX - 1] += 100 * end / end.norm()
        # A logit of 0 never wins: of all the others some are positive.
        model.coarse_acoustics.lm_head.weight[n_coarse:] = 0.0
        model.fine_acoustics.tie_weights()
        for layer in model.codec_model.quantizer.layers:
            layer.codebook.embed.normal_(0, 1)
    return model


def _generation(size, first_text, n_text):
    n_coarse = size.n_semantic + 2 * size.n_codes
    sections = {
        "semantic_config": BarkSemanticGenerationConfig(
            eos_token_id=size.n_semantic,
            text_encoding_offset=first_text,
            text_pad_token=first_text + n_text,
            semantic_infer_token=first_text + n_text + 4,
            semantic_vocab_size=size.n_semantic,
            max_new_tokens=size.max_semantic,
            do_sample=True,
            temperature=0.7,
        ),
        "coarse_acoustics_config": BarkCoarseGenerationConfig(
            coarse_semantic_pad_token=n_coarse,
            coarse_infer_token=n_coarse + 2,
            do_sample=True,
            temperature=0.7,
        ),
        "fine_acoustics_config": BarkFineGenerationConfig(temperature=0.5),
    }
    written = {
        name: {
            key: value
            for key, value in section.to_dict().items()
            if value is not None and not key.startswith("_")
        }
        for name, section in sections.items()
    }
    return {"model_type": "bark", "codebook_size": size.n_codes, **written}


def _write_voices(folder, size, seed, presets, voices):
    """Write voices of differing lengths; some have less history than a fine window takes."""
    random = np.random.default_rng(seed)
    index = {"repo_or_path": "."}
    for number in range(voices):
        n_semantic = 320 + 16 * number
        n_frames = n_semantic * 75 * 10 // 499
        voice = {
            "semantic_prompt": random.integers(0, size.n_semantic, n_semantic),
            "coarse_prompt": random.integers(0, size.n_codes, (2, n_frames)),
            "fine_prompt": random.integers(0, size.n_codes, (N_BOOKS, n_frames)).astype(np.int32),
        }
        voice["fine_prompt"][:2] = voice["coarse_prompt"]
        name = f"v2/pt_speaker_{number}"
        if presets is not None:
            voice = dict(np.load(presets / f"pt_speaker_{number}.npz"))
        index[name] = {}
        for key, array in voice.items():
            path = folder / "speaker_embeddings" / f"{name}_{key}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, array)
            index[name][key] = str(path.relative_to(folder))
    _write_json(folder / "speaker_embeddings_path.json", index)


def _write_json(path, value):
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description="Write a Bark checkpoint of random weights.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=["tiny", "small", "large"], default="tiny")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.folder.exists() and (not given.folder.is_dir() or any(given.folder.iterdir())):
        parser.error(f"{given.folder} is not an empty folder: give another, or remove it first")
    size = {"tiny": TINY, **REAL}[given.size]
    print(write_tiny_bark(given.folder, size, seed=given.seed))


if __name__ == "__main__":
    main()
