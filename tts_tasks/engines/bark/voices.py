"""Bark's voice presets: what was said before, as tokens of all three stages; no torch.

A preset is found by its name in the model's folder (``speaker_embeddings_path.json`` names its
files, as the hub's models do), or by the path of an ``.npz`` file with the three arrays.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from tts_tasks.engines.bark.requests import Tokens
from tts_tasks.errors import UnknownVoiceError

PORTUGUESE = tuple(f"v2/pt_speaker_{number}" for number in range(10))
"""The voices of the original platform."""

NAME = re.compile(r"v2/(?P<language>[a-z]{2})_speaker_[0-9]")
"""How suno names its presets; there are ten of each of 13 languages."""

LANGUAGES = {
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "tr": "Turkish",
    "zh": "Chinese",
}
"""By the code in a preset's name."""

SUFFIX = ".npz"
"""Of a preset that is named by its path."""

INDEX = "speaker_embeddings_path.json"
"""In the model's folder: preset -> the files of its arrays."""

ARRAYS = ("semantic_prompt", "coarse_prompt", "fine_prompt")
"""Of a preset."""

COARSE_BOOKS, FINE_BOOKS = 2, 8
"""Codebooks of two of the arrays."""

MAX_TOKENS = 100_000
"""Longest array of a preset, half an hour: of a longer one only the end would count."""

MAX_BYTES = 8 * MAX_TOKENS + 1024
"""Of its file: so many whole numbers, and what is written before them. A larger one is not read: in
an archive 0.2 MB can stand for gigabytes."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A voice."""

    name: str
    """As it was asked for."""

    semantic: Tokens
    """Shape (n,), 49.9 a second."""

    coarse: Tokens
    """Shape (2, n_frames), 75 frames a second."""

    fine: Tokens
    """Shape (8, n_frames)."""

    digest: str
    """Changes whenever the arrays do."""


def is_path(voice: str) -> bool:
    """Return whether a voice is named by the path of its file."""
    return voice.endswith(SUFFIX)


def preset_names(folder: Path) -> list[str]:
    """Return the presets of a model's folder, the Portuguese ones first; none without an index."""
    names = [name for name in _index(folder) if NAME.fullmatch(name)]
    return sorted(names, key=lambda name: (name not in PORTUGUESE, name))


def load_preset(
    voice: str, folder: Path, *, n_semantic: int | None = None, n_codes: int | None = None
) -> Preset:
    """Return a voice.

    Args:
        voice: name or path.
        folder: the model's folder.
        n_semantic: semantic tokens that the model has; a preset with another one is refused.
        n_codes: codes of each codebook.

    Raises:
        UnknownVoiceError: if there is no such preset, or its arrays are not those of a voice.
    """
    if is_path(voice):
        path = Path(os.path.expanduser(voice))  # Path.expanduser raises for ~nobody.
        arrays = _read(voice, {name: path for name in ARRAYS})
    else:
        arrays = _read(voice, _files(voice, folder))
    semantic, coarse, fine = (arrays[name] for name in ARRAYS)
    _check(voice, "semantic_prompt", semantic, (None,), n_semantic)
    _check(voice, "coarse_prompt", coarse, (COARSE_BOOKS, None), n_codes)
    _check(voice, "fine_prompt", fine, (FINE_BOOKS, None), n_codes)
    digest = hashlib.sha256()
    for array in (semantic, coarse, fine):
        digest.update(repr(array.shape).encode() + array.tobytes())
    return Preset(voice, semantic, coarse, fine, digest.hexdigest()[:16])


def unknown_voice(voice: str, known: list[str]) -> UnknownVoiceError:
    """Return the error for a voice that is not there."""
    near = difflib.get_close_matches(voice, known, n=3, cutoff=0.6) or known[:3]
    wanted = " or ".join(near) if near else "v2/pt_speaker_0 to v2/pt_speaker_9"
    return UnknownVoiceError(
        f"Bark has no voice {voice!r}",
        field="voice",
        value=voice,
        remedy=f"use {wanted}, or the path of a preset ({SUFFIX})",
    )


def _index(folder: Path) -> dict[str, Mapping[str, str]]:
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(index, dict):
        return {}
    return {name: files for name, files in index.items() if isinstance(files, dict)}


def _files(voice: str, folder: Path) -> dict[str, Path]:
    """Return the files of a preset's arrays; they lie inside the folder."""
    index = _index(folder)
    # A folder may have the presets without their index, as suno's own repository does.
    if voice not in index:
        whole = folder / "speaker_embeddings" / f"{voice}{SUFFIX}"
        if NAME.fullmatch(voice) and whole.is_file():
            return {name: whole for name in ARRAYS}
        raise unknown_voice(voice, preset_names(folder))
    inside = Path(os.path.normpath(folder))
    files = {}
    for name in ARRAYS:
        # Links are not followed here: in the hub's cache every file is one, to outside the folder.
        path = Path(os.path.normpath(inside / str(index[voice].get(name, ""))))
        if inside not in path.parents:
            raise _bad(voice, f"{INDEX} names no file of the model for its {name}")
        files[name] = path
    return files


def _read(voice: str, files: Mapping[str, Path]) -> dict[str, Tokens]:
    arrays = {}
    for name, path in files.items():
        try:
            array = _load(path, name)
        except FileNotFoundError as error:
            raise _bad(voice, f"there is no file {path}") from error
        except KeyError as error:
            raise _bad(voice, f"{path} lacks the array {name}") from error
        # Broad on purpose: numpy raises whatever zipfile, zlib and its own parser do.
        except Exception as error:
            raise _bad(voice, f"{path} cannot be read ({error})") from error
        if not np.issubdtype(array.dtype, np.integer) or array.size > MAX_TOKENS:
            raise _bad(voice, f"its {name} is no array of at most {MAX_TOKENS:,} whole numbers")
        arrays[name] = np.ascontiguousarray(array, dtype=np.int64)
    return arrays


def _load(path: Path, name: str) -> Tokens:
    """Return the array of a file, or the one of that name in an archive."""
    if not path.is_file():  # A pipe would wait for a writer.
        raise FileNotFoundError(path)
    if path.suffix != SUFFIX:
        with path.open("rb") as file:
            return _array(file, path.stat().st_size)
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        with archive.open(member) as file:
            return _array(file, member.file_size)


def _array(file: IO[bytes], n_bytes: int) -> Tokens:
    if n_bytes > MAX_BYTES:
        raise ValueError(f"{n_bytes:,} bytes are over {MAX_BYTES:,}")
    array: Tokens = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _check(
    voice: str, name: str, array: Tokens, shape: tuple[int | None, ...], n_tokens: int | None
) -> None:
    wanted = f"({', '.join('n' if size is None else str(size) for size in shape)})"
    fits = array.ndim == len(shape) and all(
        want is None or want == size for want, size in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise _bad(voice, f"its {name} has the shape {array.shape}, not {wanted}")
    if array.shape[-1] < 2:
        raise _bad(voice, f"its {name} is empty")
    if array.min() < 0 or (n_tokens is not None and array.max() >= n_tokens):
        limits = f"0 to {n_tokens - 1}" if n_tokens else "0 and more"
        raise _bad(voice, f"its {name} has the values {array.min()} to {array.max()}, not {limits}")


def _bad(voice: str, fault: str) -> UnknownVoiceError:
    return UnknownVoiceError(
        f"{voice!r} is no voice of Bark: {fault}",
        field="voice",
        value=voice,
        remedy="use a preset made for Bark, with the arrays " + ", ".join(ARRAYS),
    )
