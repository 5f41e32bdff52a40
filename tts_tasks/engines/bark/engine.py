"""Bark as an engine: what the rest of the system sees of it.

Nothing here imports torch before something is spoken: voices, limits and availability are asked of
machines that have neither a GPU nor the model.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tts_tasks.engines.bark import source as sources
from tts_tasks.engines.bark.loading import Device, has_gpu, load, require_runtime
from tts_tasks.engines.bark.parameters import CHARS_PER_S, checked_parameters, semantic_cap
from tts_tasks.engines.bark.requests import BarkRequest, BarkResult
from tts_tasks.engines.bark.tail import without_tail
from tts_tasks.engines.bark.voices import (
    LANGUAGES,
    NAME,
    PORTUGUESE,
    is_path,
    load_preset,
    preset_names,
    unknown_voice,
)
from tts_tasks.engines.protocol import Availability, Engine, Parameters, Voice
from tts_tasks.errors import EmptyTextError, ModelMissingError, TextTooLongError
from tts_tasks.values import Checkpoint, Chunk, Expected, Samples, Waveform, never_cancelled

if TYPE_CHECKING:
    from tts_tasks.engines.bark.job import Job
    from tts_tasks.engines.bark.scheduler import Report, Scheduler
    from tts_tasks.settings import Settings

SAMPLE_RATE = 24_000
"""Hertz of EnCodec's audio."""

MAX_SPEECH_S = 13.0
"""Beyond this Bark leaves the text. Source: suno-ai/bark, README."""

MAX_CHARS = int(MAX_SPEECH_S * CHARS_PER_S)
"""195. A token has a character at least, so that so many of them are never more than 256 tokens."""

EXPECTED = Expected(CHARS_PER_S, (8.0, 25.0), -20.0, (0.1, 0.3), 1.2)
"""Of a good take. Not measured, the weights were out of reach; wide enough for any voice."""

GPU_RTF, CPU_RTF = 0.05, 4.0
"""Seconds of work for a second of audio. Of a GPU an estimate, and of the large model; of two cores
with the small one measured (AMD EPYC, 2026-11-23, ``tests.benchmarks.bark``)."""

CUT_OFF = "cut_off"
"""Flag of a take that the cap ended."""

BATCH_SIZE = 64
"""Chunks that one call hands over at once; each is kept as soon as it is finished."""

TURN_S = 0.1
"""Seconds between two looks whether the run was cancelled."""


class BarkEngine(Engine):
    """Bark by Suno, decoded by loops of our own over the weights of transformers' model."""

    name = "bark"
    sample_rate = SAMPLE_RATE
    max_chars = MAX_CHARS
    naturalness = 0.9
    batch_size = BATCH_SIZE
    typical_chars_per_s = CHARS_PER_S
    takes_differ = True

    def __init__(self, settings: Settings | None = None) -> None:
        """Note where the model is; nothing is loaded yet."""
        if settings is None:
            from tts_tasks.settings import load_settings

            settings = load_settings()
        self._source = sources.find_source(settings.bark_model, settings.models, settings.home)
        self._device = Device(settings.bark_device, settings.bark_dtype, settings.bark_slots)
        self._begin()

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        device: str = "cpu",
        dtype: str = "float32",
        slots: int = 8,
        *,
        graphs: bool | None = None,
    ) -> BarkEngine:
        """Load a model's folder.

        Args:
            folder: as ``save_pretrained`` writes it, with the tokenizer and the presets.
            device: ``cpu``, ``cuda``, ``cuda:1``, or ``auto``.
            dtype: ``float32``, ``bfloat16``, ``float64``, ``int8``, or ``auto``.
            slots: requests in the decoding stages at once; 0 chooses by the memory that is free.
            graphs: whether to use CUDA graphs; by default where there is CUDA.

        Raises:
            ModelMissingError: if it cannot be loaded.
        """
        engine = cls.__new__(cls)
        path = Path(folder).expanduser().resolve()
        engine._source = sources.BarkSource(str(path), None, None, path)
        # A torch.device and a torch.dtype will do too.
        engine._device = Device(str(device), str(dtype).removeprefix("torch."), slots, graphs)
        engine._begin()
        engine._scheduled()
        return engine

    def _begin(self) -> None:
        # A processor is used only where somebody asks for it: it is many times slower.
        self.needs_gpu = self._device.name != "cpu"
        self.typical_rtf, self.computing = (GPU_RTF, 10.0) if self.needs_gpu else (CPU_RTF, 1.0)
        self._scheduler: Scheduler | None = None
        self._loading = threading.Lock()
        self._described = lru_cache(maxsize=256)(self._describe)

    # What it is

    @property
    def revision(self) -> str:
        """Content of the model, and of what makes tokens of its logits.

        Device and type are left out: a chunk spoken with bfloat16 is not spoken again elsewhere.
        """
        return f"bark-{sources.revision(self._source)}-decoding-1"

    def catalogue(self) -> list[Voice]:
        """Return the ten Portuguese voices, and whatever presets the model's folder has besides."""
        names = dict.fromkeys([*PORTUGUESE, *preset_names(self._source.folder)])
        return [_voice(name) for name in names]

    def voices(self) -> list[str]:
        """Return the presets of the model's folder, the Portuguese ones first.

        Raises:
            ModelMissingError: if the model is not here.
        """
        return preset_names(sources.require(self._source))

    def describe(self, voice: str) -> Voice:
        """Return what is known about a preset, or about the file that a path names.

        Raises:
            UnknownVoiceError: if there is no such preset, or it is none.
            ModelMissingError: if the model is not here.
        """
        if not is_path(voice) and not NAME.fullmatch(voice):
            raise unknown_voice(voice, [each.name for each in self.catalogue()])
        stamp = _path(voice).stat().st_mtime_ns if _is_file(voice) else 0
        return self._described(voice, stamp)

    def _describe(self, voice: str, _stamp: int) -> Voice:
        preset = load_preset(voice, sources.require(self._source))
        return replace(_voice(voice), revision=preset.digest)

    def parameters(self, given: Mapping[str, object]) -> Parameters:
        """Return the temperatures and ``min_eos_p``; see ``BarkRequest``.

        Raises:
            EngineParameterError: for an unknown name or a value outside its range.
        """
        return checked_parameters(given)

    def fits(self, spoken: str, voice: str) -> bool:
        """Return whether a text lasts at most 13 s, by its characters; see ``Engine.fits``."""
        return len(spoken) <= self.max_chars

    def availability(self, *, ask: bool = False) -> Availability:
        """Return whether the model, torch and a GPU are here; see ``Engine.availability``."""
        try:
            require_runtime()
            sources.require(self._source)
        except ModelMissingError as error:
            is_installed = self._source.folder.exists()
            return Availability(f"is not ready ({error.message})", is_installed=is_installed)
        if self.needs_gpu and not has_gpu():
            return Availability(
                "has no GPU here (NARRATION_BARK_DEVICE=cpu lets the processor speak, slowly)",
                is_passing=True,
            )
        return Availability()

    def status(self) -> dict[str, str | float]:
        """Return the model, and how its slots are doing once it is loaded."""
        known: dict[str, str | float] = {"model": self._source.name}
        if self._scheduler is None:
            return known
        report = self._scheduler.report()
        return known | {
            "slots": report.slots,
            "waiting": report.waiting,
            "in_work": report.in_work,
            "finished": report.finished,
            "occupancy": round(report.occupancy, 3),
            "shrunk": report.shrunk,
        }

    def report(self) -> Report:
        """Return how the device is doing; loads the model."""
        return self._scheduled().report()

    # What it speaks

    def generate(
        self, requests: Iterable[BarkRequest], greedy: bool = False
    ) -> Iterator[BarkResult]:
        """Speak requests side by side, and yield each as it is finished.

        Args:
            requests: any texts and voices.
            greedy: take the likeliest token everywhere: temperatures 0.

        Raises:
            EmptyTextError, TextTooLongError, UnknownVoiceError: for a request that cannot be
                spoken, before any is.
            EngineOutputError: if the model returns what is no number.
            EngineUnavailableError: if the model or its memory is missing.
        """
        if greedy:
            requests = [
                replace(
                    each, semantic_temperature=0.0, coarse_temperature=0.0, fine_temperature=0.0
                )
                for each in requests
            ]
        # Checked here, and not when the first result is asked for.
        return self._spoken(list(requests), never_cancelled)

    def synthesize(
        self, chunks: Sequence[Chunk], checkpoint: Checkpoint = never_cancelled
    ) -> list[Waveform]:
        """Speak each chunk; see ``Engine.synthesize``."""
        return [waveform for _, waveform in sorted(self.takes(chunks, checkpoint), key=_index)]

    def takes(
        self, chunks: Sequence[Chunk], checkpoint: Checkpoint = never_cancelled
    ) -> Iterator[tuple[int, Waveform]]:
        """Speak chunks side by side, and yield each as it is finished; see ``Engine.takes``."""
        checkpoint()
        requests = [self._request(index, chunk) for index, chunk in enumerate(chunks)]
        for result in self._spoken(requests, checkpoint):
            flags = (CUT_OFF,) if result.hit_cap else ()
            yield (
                int(result.id),
                Waveform(
                    _within_full_scale(without_tail(result.samples, result.sample_rate)),
                    result.sample_rate,
                    result.synthesis_s,
                    flags=flags,
                ),
            )

    def _request(self, index: int, chunk: Chunk) -> BarkRequest:
        self.describe(chunk.voice)
        if not any(map(str.isalnum, chunk.spoken)):
            raise EmptyTextError(
                f"there is nothing to speak in {chunk.spoken!r}",
                field="text",
                value=chunk.spoken,
                remedy="give a text with words",
            )
        if len(chunk.spoken) > self.max_chars:
            raise TextTooLongError(
                f"{len(chunk.spoken)} characters are over Bark's {self.max_chars}",
                field="text",
                value=chunk.spoken,
                remedy="split it into sentences",
            )
        values = {name: float(each) for name, each in self.parameters(chunk.parameters).items()}
        return BarkRequest(
            id=str(index),
            text=chunk.spoken,
            voice=chunk.voice,
            seed=chunk.seed,
            max_semantic_tokens=semantic_cap(chunk.spoken),
            **values,
        )

    def _spoken(
        self, requests: Sequence[BarkRequest], checkpoint: Checkpoint
    ) -> Iterator[BarkResult]:
        """Submit requests as one run; return the results as they come."""
        from tts_tasks.engines.bark.job import make_job

        scheduler = self._scheduled()
        run = object()
        jobs = [make_job(request, scheduler.model, run) for request in requests]
        return _results(scheduler, jobs, checkpoint)

    def _scheduled(self) -> Scheduler:
        """Return the queue before this engine's model, which is loaded when it is first asked for.

        Raises:
            ModelMissingError: if torch, transformers or the model is missing, or cannot be loaded.
        """
        with self._loading:
            if self._scheduler is None:
                self._scheduler = load(sources.require(self._source), self._device)
            return self._scheduler


def _results(
    scheduler: Scheduler, jobs: Sequence[Job], checkpoint: Checkpoint
) -> Iterator[BarkResult]:
    finished: queue.SimpleQueue[Future[BarkResult]] = queue.SimpleQueue()
    futures: list[Future[BarkResult]] = []
    try:
        for job in jobs:
            future = scheduler.submit(job, checkpoint)
            futures.append(future)
            future.add_done_callback(finished.put)
        for _ in jobs:
            yield _next(finished, checkpoint).result()
    finally:
        for future in futures:
            future.cancel()


def _next(
    finished: queue.SimpleQueue[Future[BarkResult]], checkpoint: Checkpoint
) -> Future[BarkResult]:
    while True:
        checkpoint()
        try:
            return finished.get(timeout=TURN_S)
        except queue.Empty:
            continue


def _path(voice: str) -> Path:
    return Path(os.path.expanduser(voice))  # Path.expanduser raises for ~nobody.


def _is_file(voice: str) -> bool:
    return is_path(voice) and _path(voice).is_file()


def _voice(name: str) -> Voice:
    match = NAME.fullmatch(name)
    code = match["language"] if match else "pt"
    return Voice(
        name=name,
        language="pt-br" if code == "pt" else code,
        description=(
            f"{LANGUAGES.get(code, code)}, neural, with moods" if match else "a preset of your own"
        ),
        expected=EXPECTED,
        licence="MIT" if match else "your own",
    )


def _within_full_scale(samples: Samples) -> Samples:
    """Return the take at most at full scale: all of it turned down, so that nothing clips."""
    peak = float(np.abs(samples).max(initial=0.0))
    return samples / np.float32(peak) if peak > 1.0 else samples


def _index(take: tuple[int, Waveform]) -> int:
    return take[0]
