"""The ONNX boundary of Kokoro: one loaded model per process, one caller per core.

Everything that touches onnxruntime is in this module; which phonemes and which voice belongs to
``kokoro``.

One session with one thread, called by as many threads as there are cores, is the best use of them:
7.5 times real time on 2 cores for sentences of 68 tokens, against 6.6 for one caller with two
threads, 3.9 for one core, and 7.7 for two processes with a model each. Sentences of 504 tokens are
slower (6.1), so nothing is won by longer chunks. In float32 instead of int8 the convolutions, two
thirds of the work, are 15 % slower. Measured on an AMD EPYC with AVX512-VNNI, 2026-11-22, with
``python -m tests.benchmarks.kokoro``.
"""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tts_tasks.errors import EngineOutputError, EngineUnavailableError, ModelMissingError
from tts_tasks.values import Samples

MAX_CALLERS = 8
"""Threads that speak at once, at most: each needs 60 to 500 MB of its own."""

T = TypeVar("T")

Style = NDArray[np.float32]
"""A voice: float32, shape (510, 256); row n - 1 is for n tokens."""


class LoadedModel:
    """Kokoro in memory. Thread-safe."""

    def __init__(self, path: Path, *, callers: int | None = None, threads: int = 1) -> None:
        """Load the model.

        Args:
            path: the ONNX file.
            callers: sentences spoken at once; by default one per core, on a GPU one.
            threads: threads inside each of them.

        Raises:
            ModelMissingError: if onnxruntime is not installed, or cannot read the file.
        """
        ort = _import_onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Every sentence has another length: a plan of memory for each is never used again, and
        # kept (1.7 GB after long sentences, against 1.2 without; speed is the same or better).
        options.enable_mem_pattern = False
        options.log_severity_level = 4  # Fatal: errors are raised, and need not be printed too.
        providers = execution_providers(ort.get_available_providers())
        try:
            self._session = ort.InferenceSession(str(path), options, providers=providers)
        except runtime_errors() as error:
            raise ModelMissingError(
                f"onnxruntime {ort.__version__} cannot load {path} ({_first_line(error)})",
                field="models",
                value=path,
                remedy="run `narrate models verify kokoro`",
            ) from error
        self._inputs = [each.name for each in self._session.get_inputs()]
        self.device = "cuda" if self._session.get_providers()[0].startswith("CUDA") else "cpu"
        self.callers = callers or (1 if self.device == "cuda" else min(cores(), MAX_CALLERS))
        self._pool = ThreadPoolExecutor(self.callers, thread_name_prefix="kokoro")

    def speak_all(
        self, sentences: Sequence[tuple[Sequence[int], Style]], speed: Sequence[float]
    ) -> list[tuple[Samples, float]]:
        """Return the speech of each sentence (token ids and voice) and the seconds it took.

        The longest are begun first, so that no core waits for a long one at the end.

        Raises:
            EngineOutputError: if the model does not take a sentence.
            EngineUnavailableError: if the runtime fails.
        """
        return _longest_first(
            self._pool,
            [len(token_ids) for token_ids, _ in sentences],
            lambda index: self._speak(*sentences[index], speed[index]),
        )

    def _speak(self, token_ids: Sequence[int], style: Style, speed: float) -> tuple[Samples, float]:
        begun_s = time.perf_counter()
        given = (
            # The model was trained with a pad token at both ends.
            np.array([[0, *token_ids, 0]], dtype=np.int64),
            style[len(token_ids) - 1][None],
            np.array([speed], dtype=np.float32),
        )
        try:
            (audio,) = self._session.run(None, dict(zip(self._inputs, given, strict=True)))
        except runtime_errors() as error:
            kind = type(error).__name__
            refused = kind in ("InvalidArgument", "InvalidGraph", "NotImplemented")
            raise (EngineOutputError if refused else EngineUnavailableError)(
                f"onnxruntime failed on {len(token_ids)} phonemes: {kind}, {_first_line(error)}",
                field="provider",
                value="kokoro",
                remedy="run `narrate models verify kokoro`",
            ) from error
        samples = np.ascontiguousarray(audio, dtype=np.float32).reshape(-1)
        return samples, time.perf_counter() - begun_s


_loaded: dict[Path, LoadedModel] = {}
_loading = threading.Lock()


def loaded_model(path: Path) -> LoadedModel:
    """Return the one model of this process, loaded when it is first asked for (0.3 s).

    Another path replaces it: two of them are never kept.

    Raises:
        ModelMissingError: see ``LoadedModel``.
    """
    with _loading:
        if path not in _loaded:
            model = LoadedModel(path)
            _loaded.clear()
            _loaded[path] = model
        return _loaded[path]


def require_runtime() -> None:
    """Refuse to go on without onnxruntime.

    Raises:
        ModelMissingError: if it is not installed, or cannot be imported here.
    """
    _import_onnxruntime()


def execution_providers(available: Iterable[str]) -> list[str]:
    """Return where the model runs: on the GPU if this build of onnxruntime has CUDA, or the CPU."""
    gpu = [name for name in available if name == "CUDAExecutionProvider"]
    return [*gpu, "CPUExecutionProvider"]


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def runtime_errors() -> tuple[type[Exception], ...]:
    """Return every error that onnxruntime raises; they have no common base."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = (value for value in vars(state).values() if isinstance(value, type))
    # RuntimeError is what the extension makes of a C++ exception that it does not know.
    return (*(kind for kind in kinds if issubclass(kind, Exception)), RuntimeError)


def _longest_first(
    pool: ThreadPoolExecutor, lengths: Sequence[int], speak: Callable[[int], T]
) -> list[T]:
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    begun = {index: pool.submit(speak, index) for index in order}
    try:
        return [begun[index].result() for index in range(len(lengths))]
    finally:
        for future in begun.values():
            future.cancel()


def _import_onnxruntime() -> ModuleType:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise ModelMissingError(
            f"kokoro needs onnxruntime, which cannot be imported ({error})",
            field="provider",
            value="kokoro",
            remedy="run `pip install onnxruntime`, or install narration with its extra kokoro",
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else "no message"
