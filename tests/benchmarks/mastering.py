"""How fast mastering is, where the time goes, and how near the encoded file comes to its target.

    python -m tests.benchmarks.mastering [minutes]

Ten minutes of eSpeak NG in sentences, from the utterances in the library to tagged audio with
captions. CPU seconds of this process and of ffmpeg together: wall time says little on a busy
machine. Loudness and peak as ffmpeg's ``ebur128`` reads them.
"""

from __future__ import annotations

import datetime
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mutagen
import numpy
import scipy
import soundfile
import soxr

from tests.support.audio import ebur128, spoken, utterance
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.mastering import post_process as step
from tts_tasks.mastering.encode import find_ffmpeg
from tts_tasks.mastering.publish import publish
from tts_tasks.values import Chunk, Cue, Tags, Utterance

SENTENCES = (
    "Bem-vindo ao curso de programação em Python.",
    "Nesta aula vamos aprender o que é uma variável, como criar funções e por que os testes "
    "automatizados são importantes para a qualidade do código.",
    "O preço é de mil duzentos e trinta e quatro reais, e o prazo termina na sexta-feira, às "
    "catorze horas e trinta minutos.",
    "Faça uma pausa, respire fundo e experimente sozinho antes de continuar.",
)
STAGES = ("assemble", "measure", "find_gain", "encode", "check_audio")


def cpu_s() -> float:
    """Return the CPU seconds of this process and of the children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def speak(voice: str, duration_s: float, folder: Path) -> list[Utterance]:
    """Return utterances of a voice that last so long together."""
    engine = EspeakEngine()
    parameters = engine.parameters({})
    once = []
    for sentence in SENTENCES:
        chunk = Chunk(written=sentence, spoken=sentence, voice=voice, parameters=parameters)
        (waveform,) = engine.synthesize([chunk])
        samples, rate = waveform.samples, waveform.sample_rate
        once.append(utterance(folder, samples, rate, pause_s=0.35, text=sentence))
    repeats = round(duration_s / sum(one.duration_s for one in once))
    return once * max(1, repeats)


def timed(
    name: str, function: Callable[..., object], times: dict[str, float]
) -> Callable[..., object]:
    """Return the function, adding its CPU seconds to ``times``."""

    def run(*args: object, **kwargs: object) -> object:
        start = cpu_s()
        try:
            return function(*args, **kwargs)
        finally:
            times[name] = times.get(name, 0.0) + cpu_s() - start

    return run


def benchmark(voice: str, format: str, duration_s: float) -> None:
    """Master and publish once; print a line and, for MP3, the stages."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        work = spoken(speak(voice, duration_s, folder), format)
        times: dict[str, float] = {}
        originals = {name: getattr(step, name) for name in STAGES}
        for name, function in originals.items():
            setattr(step, name, timed(name, function, times))
        start, start_wall = cpu_s(), time.perf_counter()
        mastered = step.post_process(work, folder / "out")
        before_publish = cpu_s()
        pairs = zip(mastered.spans, work.plan.script.chunks, strict=True)
        cues = [Cue(*span, chunk.written) for span, chunk in pairs]
        tags = Tags("Variáveis", "Curso de Python", voice, 1, 6)
        published = publish(mastered, cues, tags, folder / f"aula.{format}")
        times["publish"] = cpu_s() - before_publish
        used_s, wall_s = cpu_s() - start, time.perf_counter() - start_wall
        for name, function in originals.items():
            setattr(step, name, function)
        loudness_lufs, peak_dbtp = ebur128(published.audio)
        print(
            f"{voice:<13} {format:<5} {mastered.duration_s:7.1f} s  {used_s:6.2f} CPU s = "
            f"{mastered.duration_s / used_s:4.0f}x  ({wall_s:.2f} s wall)  "
            f"{loudness_lufs:6.1f} LUFS  {peak_dbtp:5.1f} dBTP  "
            f"{published.audio.stat().st_size / 1e6:5.1f} MB"
        )
        if format == "mp3":
            stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in times.items())
            print(f"{'':19} CPU s: {stages}")


def describe_machine() -> str:
    """Return date, device and versions."""
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
    return f"{date}, {device}, " + ", ".join(f"{name} {one}" for name, one in versions.items())


def main() -> None:
    """Run every voice as MP3, and the first in every format."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    print(describe_machine())
    print("measure: the joined waveform, then the encoded file with its decoding")
    for voice in ("pt-br", "pt-br+f2", "pt-br+m3", "pt-br+klatt4", "pt-br+Andrea"):
        benchmark(voice, "mp3", minutes * 60)
    for format in ("flac", "wav"):
        benchmark("pt-br", format, minutes * 60)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak_mib:.0f} MiB")


if __name__ == "__main__":
    main()
