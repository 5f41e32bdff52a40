"""Peak memory of mastering by length, each in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.mastering_ways import WAYS, import_pydub, speak
from tts_tasks.mastering.profile import find_profile

RUNS = (("this system", 10), ("this system", 60), ("this system", 180), ("pydub", 60))
"""Way and minutes, to MP3."""


def print_table() -> None:
    """Print the peak memory of every run."""
    print("\npeak memory of the process, MiB: before, with all imports; at the peak; the growth")
    for way, minutes in RUNS:
        command = [sys.executable, "-m", __name__, way, str(minutes)]
        told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        before, peak = map(float, told.split())
        print(f"{way:<14}{minutes:4d} min {before:7.0f}{peak:7.0f}{peak - before:+7.0f}")


def master(way: str, minutes: float) -> None:
    """Master so many minutes in this process, and print its memory before and at the peak."""
    if way == "pydub":
        import_pydub()
    with tempfile.TemporaryDirectory() as scratch:
        utterances = speak("pt-br", minutes * 60, Path(scratch))
        before_mib = peak_mib()
        WAYS[way](utterances, Path(scratch), find_profile("course"), "mp3")
        print(before_mib, peak_mib())


def peak_mib() -> float:
    """Return the most memory that this process had.

    Not ``ru_maxrss``, which starts with the memory of the process that started this one.
    """
    status = Path("/proc/self/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak
    return int(peak[1]) / 1024


if __name__ == "__main__":
    master(sys.argv[1], float(sys.argv[2]))
