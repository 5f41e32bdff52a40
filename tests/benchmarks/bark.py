"""Bark beside the library, at the real sizes, with random weights: speed is that of any weights.

    python -m tests.benchmarks.bark                       # bark-small on this CPU, 10 minutes
    python -m tests.benchmarks.bark --size large          # on a machine with a GPU
    python -m tests.benchmarks.bark --workload            # lengths and arrivals as in real life

Both speak the same seconds of audio in one process: the end is out of reach, and a cap on the
semantic tokens ends each text. The library speaks one text at a time, as its ``generate`` does
rightly. With one thread on a CPU, the default there, the clock counts the seconds of the core,
which a busy machine changes little; else, and for the stages, it is that of the wall. Needs torch,
transformers and numpy, no more.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
import transformers

from tests.benchmarks.bark_roofline import Architecture, floors_s, measured_device
from tests.support.bark_library import Library
from tests.support.tiny_bark import LARGE, SMALL, write_tiny_bark
from tts_tasks.engines.bark import BarkEngine, BarkRequest

SIZES = {"small": SMALL, "large": LARGE}
VOICES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "bark-voices"
TEXT = "A média é a soma dos valores dividida pelo número deles."
SEMANTIC_RATE_HZ = 49.9


def main() -> None:
    given = arguments()
    device = "cuda" if given.device == "auto" and torch.cuda.is_available() else given.device
    device = "cpu" if device == "auto" else device
    on_gpu = device.startswith("cuda")
    if not on_gpu:
        torch.set_num_threads(given.threads)
    slots = given.slots or ([1, 8, 16, 32, 64, 128] if on_gpu else [1, 8])
    dtypes = given.dtype or (["bfloat16"] if on_gpu else ["float32", "int8"])
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary) / given.size
        if not (folder / "config.json").is_file():
            say(f"writing random weights of bark-{given.size} to {folder}")
            presets = VOICES if VOICES.is_dir() else None
            write_tiny_bark(folder, SIZES[given.size], presets=presets)
        rows = []
        reference = None
        if not given.ours:
            reference = library(folder, device, dtypes[0], given.seconds)
            rows.append(reference)
            report(reference, None)
        for dtype in dtypes:
            for n_slots in slots:
                for graphs in [True, False] if on_gpu else [None]:
                    row = ours(folder, device, dtype, n_slots, graphs, given)
                    rows.append(row)
                    report(row, reference)
        if given.workload:
            workload(folder, device, dtypes[0], given)
    table = markdown(rows, reference, device, given)
    print(table)
    if given.out:
        given.out.write_text(table + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=list(SIZES), default="small")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", nargs="+", help="of ours; the library gets the first")
    parser.add_argument("--slots", nargs="+", type=int)
    parser.add_argument("--seconds", type=float, default=4.0, help="of audio in a request")
    parser.add_argument("--threads", type=int, default=1, help="of torch on a CPU, for both")
    parser.add_argument("--folder", type=Path, help="where the weights are, or are written")
    parser.add_argument("--ours", action="store_true", help="without the library")
    parser.add_argument("--workload", action="store_true", help="lengths and arrivals, too")
    parser.add_argument("--out", type=Path, help="file for the table")
    return parser.parse_args()


def library(folder: Path, device: str, dtype: str, seconds: float) -> dict:
    """Return what the library does: one text at a time."""
    kind = torch.bfloat16 if dtype == "bfloat16" else torch.float32
    speaker = Library(folder, kind)
    speaker.model.to(device)
    n_tokens = round(seconds * SEMANTIC_RATE_HZ)
    if device != "cpu":
        speaker.generate(TEXT, "v2/pt_speaker_1", semantic_max_new_tokens=20)
    begun_s = clock_s()
    audio = speaker.generate(TEXT, "v2/pt_speaker_1", semantic_max_new_tokens=n_tokens)
    spent_s = clock_s() - begun_s
    audio_s = len(audio) / 24_000
    return {
        "what": f"transformers, {dtype}",
        "slots": 1,
        "speed": audio_s / spent_s,
        "seconds": {},
        "memory_gb": memory_gb(device),
    }


def ours(folder, device, dtype, n_slots, graphs, given) -> dict:
    """Return what the engine does with as many requests as slots."""
    engine = BarkEngine.from_pretrained(folder, device, dtype, n_slots, graphs=graphs)
    n_tokens = round(given.seconds * SEMANTIC_RATE_HZ)
    warm_up = [request(f"warm {n}", n, 12) for n in range(n_slots if device != "cpu" else 1)]
    list(engine.generate(warm_up))
    before = engine.report()
    begun_s = clock_s()
    results = list(engine.generate([request(str(n), n, n_tokens) for n in range(n_slots)]))
    spent_s = clock_s() - begun_s
    after = engine.report()
    audio_s = sum(len(result.samples) for result in results) / 24_000
    seconds = {
        stage: (after.seconds[stage] - before.seconds.get(stage, 0.0)) / audio_s
        for stage in after.seconds
    }
    mode = {True: ", CUDA graphs", False: ", eager", None: ""}[graphs]
    return {
        "what": f"ours, {dtype}{mode}",
        "slots": n_slots,
        "speed": audio_s / spent_s,
        "seconds": seconds,
        "tokens_per_s": sum(len(result.semantic_tokens) for result in results) / spent_s,
        "codes_per_s": sum(2 * result.codes.shape[1] for result in results) / spent_s,
        "occupancy": after.occupancy,
        "memory_gb": memory_gb(device),
        "roofline": share_of_roofline(engine, dtype, n_slots, given.seconds, seconds),
    }


def request(id: str, number: int, n_tokens: int) -> BarkRequest:
    voice = f"v2/pt_speaker_{number % 10}"
    return BarkRequest(id, TEXT, voice, number, min_eos_p=0.0, max_semantic_tokens=n_tokens)


def share_of_roofline(engine, dtype, rows, audio_s, seconds) -> float:
    """Return the floor of the three transformers as a share of what they took."""
    model = engine._scheduled().model
    device = measured_device(model.device, model.dtype)
    it = Architecture(
        model.semantic.n_layers,
        model.semantic.width,
        model.layout.n_semantic,
        model.layout.n_codes,
        1 if dtype == "int8" else model.dtype.itemsize,
    )
    floors = floors_s(it, device, rows, audio_s)
    return sum(floors.values()) / sum(seconds[stage] for stage in floors)


def workload(folder, device, dtype, given) -> None:
    """Print what runs that come and go get: Poisson arrivals, 2 to 12 s of audio each."""
    engine = BarkEngine.from_pretrained(folder, device, dtype, 0 if device != "cpu" else 8)
    list(engine.generate([request("warm", 0, 12)]))
    chance = random.Random(1)
    n_runs, scale = (64, 1.0) if device != "cpu" else (12, 0.25)
    latencies_s, threads = [], []
    begun_s = time.perf_counter()

    def run(number: int) -> None:
        n_tokens = round(chance.uniform(2, 12) * scale * SEMANTIC_RATE_HZ)
        submitted_s = time.perf_counter()
        list(engine.generate([request(str(number), number, n_tokens)]))
        latencies_s.append(time.perf_counter() - submitted_s)

    for number in range(n_runs):
        threads.append(threading.Thread(target=run, args=(number,)))
        threads[-1].start()
        time.sleep(chance.expovariate(20.0 if device != "cpu" else 1.0))
    for thread in threads:
        thread.join()
    spent_s, found = time.perf_counter() - begun_s, engine.report()
    say(
        f"{n_runs} arrivals, {found.audio_s:.0f} s of audio in {spent_s:.1f} s: "
        f"{found.audio_s / spent_s:.2f}x real time, slots {found.occupancy:.0%} full, "
        f"latency {np.median(latencies_s):.1f} s in the middle, "
        f"{np.quantile(latencies_s, 0.95):.1f} s for 95 %"
    )


def clock_s() -> float:
    alone = not torch.cuda.is_available() and torch.get_num_threads() == 1
    return time.process_time() if alone else time.perf_counter()


def memory_gb(device: str) -> float:
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def say(line: str) -> None:
    print(line, flush=True)


def report(row: dict, reference: dict | None) -> None:
    ratio = f", {row['speed'] / reference['speed']:.2f}x the library" if reference else ""
    say(f"{row['what']}, {row['slots']} slots: {row['speed']:.3f} audio s/s{ratio}")


def markdown(rows, reference, device, given) -> str:
    """Return the table."""
    name = torch.cuda.get_device_name() if device.startswith("cuda") else cpu_name()
    lines = [
        f"bark-{given.size}, {given.seconds:g} s of audio in each request, {name}, "
        f"torch {torch.__version__}, transformers {transformers.__version__}, "
        f"{datetime.now(UTC):%Y-%m-%d}",
        "",
        "| | slots | audio s/s | times the library | semantic, coarse, fine, codec: s per audio s "
        "| tokens/s | codes/s | of the roofline | occupancy "
        "| peak memory so far, GB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = f"{row['speed'] / reference['speed']:.2f}" if reference else ""
        stages = ("semantic", "coarse", "fine", "codec")
        parts = ", ".join(f"{row['seconds'][stage]:.3f}" for stage in stages if row["seconds"])
        lines.append(
            f"| {row['what']} | {row['slots']} | {row['speed']:.3f} | {ratio} | {parts} "
            f"| {row.get('tokens_per_s', 0):.1f} | {row.get('codes_per_s', 0):.1f} "
            f"| {row.get('roofline', 0):.0%} | {row.get('occupancy', 0):.0%} "
            f"| {row['memory_gb']:.1f} |"
        )
    return "\n".join(lines)


def cpu_name() -> str:
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{names[0] if names else 'CPU'}, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
