"""How Kokoro uses the cores best: processes, callers, threads, lengths, batches, cold start.

    python -m tests.benchmarks.kokoro

Needs the model (``narrate models pull kokoro``, ``NARRATION_MODELS``). Each row is a process of its
own, so that its memory is its own; speeds are seconds of audio per second of wall time, and are
compared within one run only.
"""

from __future__ import annotations

import json
import multiprocessing
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.course import SAMPLE
from tts_tasks.engines import phonemes
from tts_tasks.engines.kokoro import STYLE_SHAPE, KokoroEngine
from tts_tasks.engines.kokoro_runtime import LoadedModel, Style, cores
from tts_tasks.request import NarrationRequest
from tts_tasks.script.course import read_course
from tts_tasks.script.validate import Narrator, validate
from tts_tasks.settings import load_settings

WORDS = [
    *("a", "análise", "de", "dados", "começa", "quando", "alguém", "faz", "uma", "pergunta"),
    *("simples", "sobre", "as", "vendas", "da", "padaria", "e", "termina", "quando", "outra"),
    *("pessoa", "entende", "a", "resposta", "sem", "precisar", "de", "ajuda", "nenhuma", "pois"),
] * 3
LENGTHS = (3, 10, 20, 40, 72)
"""Words of the chunks measured; the last is near the limit of 510 phonemes."""

CONFIGURATIONS = ((1, 1, 1), (1, 1, 2), (1, 2, 1), (1, 2, 2), (2, 1, 1))
"""Processes, callers in each, threads in each caller."""

MIN_S = 2.0
"""Shortest measurement of one cell, in seconds."""


def main() -> None:
    """Print the tables."""
    print(
        f"{platform.processor() or platform.machine()}, {cores()} cores, {datetime.now(UTC):%F}\n"
    )
    lengths = " | ".join(f"{n_tokens(words)} tokens" for words in LENGTHS)
    print(f"| processes x callers x threads | {lengths} | peak memory, MB |")
    print("|---|" + "---|" * (len(LENGTHS) + 1))
    for processes, callers, threads in CONFIGURATIONS:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            found = pool.starmap(measure, [(callers, threads)] * processes, chunksize=1)
        speeds = [sum(each) for each in zip(*(speeds for speeds, _ in found), strict=True)]
        memory = sum(peak_mb for _, peak_mb in found)
        row = " | ".join(f"{speed:.1f}" for speed in speeds)
        print(f"| {processes} x {callers} x {threads} | {row} | {memory:.0f} |", flush=True)

    print("\n| first lesson of the sample course, chunks a call | longest first | as written |")
    print("|---|---|---|")
    for batch in (1, 2, 4, 8, 16):
        print(f"| {batch} | {lesson(batch, True):.1f} | {lesson(batch, False):.1f} |", flush=True)

    program = (
        "import json, time; begun = time.perf_counter();"
        "from tests.benchmarks.kokoro import cold; print(json.dumps(cold(begun)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    imported_s, loaded_s, spoken_s = json.loads(out.stdout)
    print(
        f"\ncold start: {imported_s:.2f} s to import, {loaded_s:.2f} s to load, "
        f"{spoken_s:.2f} s for the first sentence of 68 tokens"
    )


def model_file() -> Path:
    """Return the ONNX file."""
    return load_settings().models / "kokoro" / "model.onnx"


def style() -> Style:
    """Return the default voice."""
    import numpy as np

    path = load_settings().models / "kokoro" / "voices" / "pf_dora.bin"
    return np.fromfile(path, dtype=np.float32).reshape(STYLE_SHAPE)


def token_ids(n_words: int) -> list[int]:
    """Return the tokens of a sentence."""
    return phonemes.tokens(phonemes.phonemize(" ".join(WORDS[:n_words]) + ".", "pt-br"))


def n_tokens(n_words: int) -> int:
    """Return how many tokens a sentence has."""
    return len(token_ids(n_words))


def measure(callers: int, threads: int) -> tuple[list[float], float]:
    """Return the speed for each length, and this process's peak memory in MB."""
    model = LoadedModel(model_file(), callers=callers, threads=threads)
    voice = style()
    model.speak_all([(token_ids(10), voice)] * callers, [1.0] * callers)
    speeds = []
    for words in LENGTHS:
        batch = [(token_ids(words), voice)] * (4 * callers)
        spoken_s, begun = 0.0, time.perf_counter()
        while time.perf_counter() - begun < MIN_S:
            takes = model.speak_all(batch, [1.0] * len(batch))
            spoken_s += sum(len(samples) for samples, _ in takes) / 24_000
        speeds.append(spoken_s / (time.perf_counter() - begun))
    return speeds, peak_memory_mb()


def peak_memory_mb() -> float:
    """Return the largest resident memory that this process had, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def lesson(batch: int, is_sorted: bool) -> float:
    """Return how many times faster than real time a lesson is spoken, ``batch`` chunks a call."""
    text = read_course(SAMPLE, max_lesson_chars=100_000).lessons[0].text
    request = NarrationRequest(text, Path("-"), max_chars=100_000)
    engine = KokoroEngine(load_settings())
    narrator = Narrator("pt-br", lambda said: engine.fits(said, "pf_dora"), phonemes=True)
    lines = validate(request, lambda _: narrator)
    spoken = [phonemes.tokens(phonemes.phonemize(line.spoken, "pt-br")) for line in lines]
    model, voice = LoadedModel(model_file()), style()
    spoken_s, begun = 0.0, time.perf_counter()
    for start in range(0, len(spoken), batch):
        sentences = [(ids, voice) for ids in spoken[start : start + batch]]
        if is_sorted:
            takes = model.speak_all(sentences, [1.0] * len(sentences))
        else:
            takes = list(model._pool.map(lambda one: model._speak(*one, 1.0), sentences))
        spoken_s += sum(len(samples) for samples, _ in takes) / 24_000
    return spoken_s / (time.perf_counter() - begun)


def cold(begun: float) -> tuple[float, float, float]:
    """Return seconds to import, to load, and to speak the first sentence."""
    import onnxruntime

    assert onnxruntime
    imported = time.perf_counter()
    model = LoadedModel(model_file())
    loaded = time.perf_counter()
    model.speak_all([(token_ids(10), style())], [1.0])
    return imported - begun, loaded - imported, time.perf_counter() - loaded


if __name__ == "__main__":
    main()
