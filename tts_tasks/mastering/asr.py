"""The ASR round trip: does a speech recogniser hear what should have been said?

The recogniser is any Whisper model in a local folder, run by Hugging Face transformers; what it
writes down is compared in ``mastering.heard``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from tts_tasks.errors import ModelMissingError
from tts_tasks.mastering.heard import Heard, compare, words_of
from tts_tasks.values import SILENT_PEAK, Quality, Samples

WHISPER_RATE_HZ = 16_000
"""Sample rate that Whisper was trained with."""

MAX_WINDOW_S = 25.0
"""Longest piece that is recognised at once. Whisper's own window is 30 s, and in a longer file it
skips words by itself; in pieces that end in a pause it does not."""

PAUSE_FRAME_S = 0.05
"""Resolution of the search for pauses."""

PAUSE_RATIO = 0.03
"""A frame so quiet is a pause, relative to the loudest one (-30 dB)."""

MAX_TOKENS_PER_S = 25.0
"""More than any speech has: Kokoro's Portuguese had 7.1 at most, in Whisper base, 2026-11-23. A
recogniser that repeats itself without end is stopped there. Five beams instead of one do not help:
the same loops (2 of 36 chunks of eSpeak NG), in twice the time."""

MAX_PROMPT_TOKENS = 4
"""What Whisper's text begins with: start, language, task, no times."""

WHISPER_LANGUAGES = {"cmn": "zh", "fil": "tl", "jv": "jw", "nb": "no"}
"""Languages that Whisper calls by another code than BCP 47 does."""

_loading = threading.Lock()


class Recogniser:
    """A Whisper model; threads take turns."""

    def __init__(self, folder: Path, model: Any, features: Any, tokenizer: Any) -> None:
        """Take the parts of a model; ``load_recogniser`` reads them."""
        self._folder = folder
        self._model = model
        self._features = features
        self._tokenizer = tokenizer
        self._turn = threading.Lock()

    def transcribe(self, samples: Samples, sample_rate: int, language: str | None) -> str:
        """Return what is heard; nothing in silence, where Whisper alone hears whole sentences.

        Args:
            samples: shape (n_samples,).
            sample_rate: in hertz.
            language: BCP 47 tag; ``None`` lets a multilingual model guess.

        Raises:
            ModelMissingError: if the model does not know the language.
        """
        options = self._options(language)
        audio = soxr.resample(samples, sample_rate, WHISPER_RATE_HZ).astype(np.float32)
        audible = (window for window in windows(audio) if _is_audible(window))
        with self._turn:
            return " ".join(self._write_down(window, options) for window in audible).strip()

    def _options(self, language: str | None) -> dict[str, Any]:
        """Return what to tell a model about the language: nothing to one that has no choice."""
        settings = self._model.generation_config
        is_english_only = getattr(settings, "is_multilingual", None) is False
        known = {"<|en|>"} if is_english_only else getattr(settings, "lang_to_id", None)
        if known is None:
            return {}
        options = {} if is_english_only else {"task": "transcribe"}
        if language is None:
            return options
        code = language.lower().replace("_", "-").split("-")[0]
        code = WHISPER_LANGUAGES.get(code, code)
        if f"<|{code}|>" not in known:
            raise _missing(
                self._folder,
                f"does not know the language {language!r}",
                "set it to a Whisper that does, or ask for quality: signal",
            )
        return options if is_english_only else {**options, "language": code}

    def _write_down(self, window: Samples, options: dict[str, Any]) -> str:
        import torch

        inputs = self._features(window, sampling_rate=WHISPER_RATE_HZ, return_tensors="pt")
        needed = round(len(window) / WHISPER_RATE_HZ * MAX_TOKENS_PER_S) + MAX_PROMPT_TOKENS
        possible = self._model.config.max_target_positions - MAX_PROMPT_TOKENS
        with torch.inference_mode():
            ids = self._model.generate(
                inputs.input_features, max_new_tokens=min(needed, possible), **options
            )
        return str(self._tokenizer.batch_decode(ids, skip_special_tokens=True)[0]).strip()


def load_recogniser(folder: Path) -> Recogniser:
    """Return the recogniser in a folder; it is read once per process.

    Args:
        folder: a Whisper model as transformers saves it (``config.json``, weights, tokenizer).

    Raises:
        ModelMissingError: if transformers or torch is missing, or the folder holds no Whisper.
    """
    with _loading:
        return _load(folder)


@lru_cache(maxsize=1)
def _load(folder: Path) -> Recogniser:
    remedy = "set it to a folder with a Whisper model of Hugging Face transformers"
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError) as error:
        raise _missing(folder, f"has no config.json that can be read ({error})", remedy) from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "whisper":
        raise _missing(folder, f"is no Whisper: its config.json says model_type {kind}", remedy)
    try:
        import torch
        from transformers import (
            AutoTokenizer,
            WhisperFeatureExtractor,
            WhisperForConditionalGeneration,
        )
        from transformers.utils import logging
    except ImportError as error:
        raise _missing(
            folder, f"needs transformers and torch ({error})", "pip install '.[recognise]'"
        ) from error
    logging.disable_progress_bar()
    # Whisper's own generation warns of how it calls itself.
    logging.set_verbosity_error()
    try:
        # Large models are saved in half precision, which a CPU hardly computes with.
        model, report = WhisperForConditionalGeneration.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
        features = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    # Whatever is wrong with somebody's files, transformers has another exception for it.
    except Exception as error:
        raise _missing(folder, f"cannot be read as a Whisper model ({error})", remedy) from error
    # Without this, transformers goes on with random numbers in their place.
    if lost := report["missing_keys"]:
        raise _missing(folder, f"lacks {len(lost)} weights, e.g. {min(lost)}", remedy)
    return Recogniser(folder, model.eval(), features, tokenizer)


def check_with_asr(
    quality: Quality,
    samples: Samples,
    sample_rate: int,
    *,
    spoken: str,
    language: str | None,
    recogniser: Recogniser,
    normalise: Callable[[str], str] | None = None,
    written: str | None = None,
) -> Quality:
    """Return what is known of a take, and whether a recogniser hears its words.

    Args:
        quality: what the other checks found.
        samples: shape (n_samples,).
        sample_rate: in hertz.
        spoken: what should have been said, without phoneme marks.
        language: BCP 47 tag.
        recogniser: who listens.
        normalise: makes speakable text of written text: a recogniser writes ``42``.
        written: the same as its author wrote it, where a recogniser may write so too: ``Kaggle``,
            which the voice needs as ``cágou``. What is like one of the two was heard.

    Returns:
        The same with ``asr``, and the flags ``missing_words`` and ``extra_words``.

    Raises:
        ModelMissingError: if the recogniser does not know the language.
    """
    text = recogniser.transcribe(samples, sample_rate, language)
    likely = [spoken] if written is None else [spoken, written]
    heard = min((compare(one, text, normalise=normalise) for one in likely), key=_mistakes)
    flags, badness = list(quality.flags), quality.badness
    for flag, runs in (("missing_words", heard.missing), ("extra_words", heard.extra)):
        if runs:
            n_words = sum(len(run.split()) for run in runs)
            flags.append(flag)
            badness += 1 + round(n_words / max(1, len(words_of(spoken))), 4)
    return replace(
        quality,
        flags=tuple(flags),
        badness=badness,
        asr={**asdict(heard), "heard": text},
    )


def windows(audio: Samples) -> Iterator[Samples]:
    """Yield the audio in pieces of at most ``MAX_WINDOW_S``, cut in its longest pauses.

    Args:
        audio: at ``WHISPER_RATE_HZ``, shape (n_samples,).
    """
    longest = round(MAX_WINDOW_S * WHISPER_RATE_HZ)
    frame = round(PAUSE_FRAME_S * WHISPER_RATE_HZ)
    while len(audio) > longest:
        # In the second half of the window, so that no piece is a word.
        late = audio[longest // 2 : longest]
        frames = late[: len(late) // frame * frame].reshape(-1, frame)
        cut = longest // 2 + round((_longest_pause(np.abs(frames).max(axis=1)) + 0.5) * frame)
        yield audio[:cut]
        audio = audio[cut:]
    yield audio


def _longest_pause(peaks: Samples) -> int:
    """Return the frame in the middle of the longest pause; the quietest one where there is none."""
    is_quiet = np.concatenate(([False], peaks <= peaks.max() * PAUSE_RATIO, [False]))
    starts, ends = np.flatnonzero(np.diff(is_quiet)).reshape(-1, 2).T
    if not len(starts):
        return int(peaks.argmin())
    longest = int((ends - starts).argmax())
    return int(starts[longest] + ends[longest]) // 2


def _is_audible(audio: Samples) -> bool:
    return bool(SILENT_PEAK <= np.abs(audio).max(initial=0.0) < np.inf)


def _mistakes(heard: Heard) -> tuple[int, float]:
    return sum(len(run.split()) for run in heard.missing + heard.extra), heard.wer


def _missing(folder: Path, problem: str, remedy: str) -> ModelMissingError:
    return ModelMissingError(
        f"the recogniser in {folder} {problem}",
        field="NARRATION_ASR_MODEL",
        value=folder,
        remedy=remedy,
    )
