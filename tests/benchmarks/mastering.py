"""How fast mastering is, where the time goes, how near the files come to their targets; and memory.

    python -m tests.benchmarks.mastering [minutes]
    python -m tests.benchmarks.mastering --memory

Ten minutes of eSpeak NG in sentences, from the utterances in the library to tagged audio with
captions and transcripts: every voice, every format and profile, and then the same utterances
through pydub and through ffmpeg's ``loudnorm`` in two passes (``mastering_ways``). CPU seconds of
this process and of ffmpeg together: wall time says little on a busy machine, and of two CPU times
only the ratio within one run. Loudness and peak as ffmpeg's ``ebur128`` reads them in the
encoded file. ``pip install '.[bench]'`` brings pydub.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mutagen
import numpy
import scipy
import soundfile
import soxr

from tests.benchmarks import mastering_memory
from tests.benchmarks.mastering_ways import (
    WAYS,
    Outcome,
    cpu_s,
    narrate_way,
    run,
    speak,
)
from tts_tasks.mastering import post_process as step
from tts_tasks.mastering.encode import find_ffmpeg
from tts_tasks.mastering.profile import FORMATS, PROFILES, find_profile

STAGES = ("assemble", "measure", "find_gain", "encode", "check_audio", "publish")
VOICES = ("pt-br", "pt-br+f2", "pt-br+m3", "pt-br+klatt4", "pt-br+Andrea")
CASES = (
    ("course", "pt-br", None),
    ("course", "pt-br, loud", 0.0),
    ("course", "pt-br, quiet", -34.0),
    ("course", "pt-br+whisper", None),
    ("podcast", "pt-br", None),
)
"""What every way masters: the profile, the voice, and the peak that it is scaled to, in dB FS."""

COLUMNS = f"{'':<30}{'audio s':>8}{'CPU s':>7}{'x real time':>13}{'LUFS':>8}{'off by':>8}"
COLUMNS += f"{'dBTP':>7}{'over':>6}{'MB':>6}"


def main() -> None:
    """Print every table, or that of memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=10.0)
    parser.add_argument("--memory", action="store_true", help="peak memory by length")
    parser.add_argument("--only", choices=("voices", "formats", "ways"), help="one of the tables")
    options = parser.parse_args()
    print(describe_machine())
    if options.memory:
        mastering_memory.print_table()
        return
    duration_s = options.minutes * 60
    if options.only in (None, "voices"):
        print_voices(duration_s)
    if options.only in (None, "formats"):
        print_formats(duration_s)
    if options.only in (None, "ways"):
        print_ways(duration_s)


def print_voices(duration_s: float) -> None:
    """Print a line for each voice, and where the time went."""
    print(f"\nMP3 by voice\n{COLUMNS}")
    for voice in VOICES:
        with tempfile.TemporaryDirectory() as scratch, stages_timed() as times:
            utterances = speak(voice, duration_s, Path(scratch))
            outcome = run(narrate_way, utterances, Path(scratch), find_profile("course"), "mp3")
        print_outcome(voice, outcome, "course")
        stages = ", ".join(
            f"{name} {100 * one / outcome.cpu_s:.0f}%" for name, one in times.items()
        )
        print(f"    {stages}")
    print("    measure: the joined waveform, then the encoded file with its decoding")


def print_formats(duration_s: float) -> None:
    """Print a line for each format and profile."""
    print(f"\nformats and profiles, voice pt-br\n{COLUMNS}")
    for format in FORMATS:
        for name, profile in PROFILES.items():
            with tempfile.TemporaryDirectory() as scratch:
                utterances = speak("pt-br", duration_s, Path(scratch))
                outcome = run(narrate_way, utterances, Path(scratch), profile, format)
            print_outcome(f"{format:<5} {name}", outcome, name)


def print_ways(duration_s: float) -> None:
    """Print a line for each way of mastering the same utterances, voice by voice."""
    print(f"\nthree ways to MP3\n{COLUMNS}")
    for profile, label, level_dbfs in CASES:
        with tempfile.TemporaryDirectory() as scratch:
            voice = label.partition(",")[0]
            utterances = speak(voice, duration_s, Path(scratch), level_dbfs)
            print(f"{label}, profile {profile}")
            for name, way in WAYS.items():
                outcome = run(way, utterances, Path(scratch), find_profile(profile), "mp3")
                print_outcome(f"    {name}", outcome, profile)


def print_outcome(label: str, outcome: Outcome, profile_name: str) -> None:
    """Print one line: what it cost, and how far it is from what the profile asks for."""
    profile = find_profile(profile_name)
    target_lufs = profile.loudness_lufs
    off = "" if target_lufs is None else f"{outcome.loudness_lufs - target_lufs:+.1f}"
    over_db = outcome.true_peak_dbtp - profile.ceiling_dbtp
    print(
        f"{label:<30}{outcome.audio_s:8.1f}{outcome.cpu_s:7.2f}"
        f"{outcome.audio_s / outcome.cpu_s:12.0f}x{outcome.loudness_lufs:8.1f}{off:>8}"
        f"{outcome.true_peak_dbtp:7.1f}{f'{over_db:+.1f}' if over_db > 0.05 else '':>6}"
        f"{outcome.size_bytes / 1e6:6.1f}  {outcome.note}"
    )


@contextmanager
def stages_timed() -> Iterator[dict[str, float]]:
    """Yield the CPU seconds of each stage, which grow while the block runs."""
    from tests.benchmarks import mastering_ways as ways

    times: dict[str, float] = {}
    places = [(ways if name == "publish" else step, name) for name in STAGES]
    originals = [getattr(place, name) for place, name in places]

    def timed(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def run_timed(*args: object, **kwargs: object) -> object:
            start_s = cpu_s()
            try:
                return function(*args, **kwargs)
            finally:
                times[name] = times.get(name, 0.0) + cpu_s() - start_s

        return run_timed

    for (place, name), original in zip(places, originals, strict=True):
        setattr(place, name, timed(name, original))
    try:
        yield times
    finally:
        for (place, name), original in zip(places, originals, strict=True):
            setattr(place, name, original)


def describe_machine() -> str:
    """Return date, device, load and versions."""
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    ffmpeg = subprocess.run([find_ffmpeg(), "-version"], capture_output=True, text=True, check=True)
    versions = {
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "soxr": soxr.__version__,
        "soundfile": soundfile.__version__,
        "mutagen": mutagen.version_string,
        "ffmpeg": ffmpeg.stdout.split()[2],
    }
    date = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    device = model[1] if model else platform.processor() or platform.machine()
    machine = f"{date}, {device}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    return f"{machine}\n" + ", ".join(f"{name} {one}" for name, one in versions.items())


if __name__ == "__main__":
    main()
