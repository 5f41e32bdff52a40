"""Three ways from the same utterances to a file: this system's, pydub's and ffmpeg's loudnorm."""

from __future__ import annotations

import json
import resource
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.support.audio import ebur128, spoken, utterance
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.mastering.encode import decode, find_ffmpeg
from tts_tasks.mastering.post_process import post_process
from tts_tasks.mastering.profile import MasteringProfile
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one way cost, and what its file measures."""

    audio_s: float
    """Length of the encoded file."""

    cpu_s: float
    """CPU seconds, of ffmpeg too."""

    loudness_lufs: float
    """Integrated loudness of the encoded file."""

    true_peak_dbtp: float
    """True peak of the encoded file."""

    size_bytes: int
    """Size of the encoded file."""

    note: str
    """What else there is to know."""


Way = Callable[[list[Utterance], Path, MasteringProfile, str], tuple[Path, str]]
"""From utterances, a scratch folder, a profile and a format to the file, and a note."""


def cpu_s() -> float:
    """Return the CPU seconds of this process and of the children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def speak(
    voice: str, duration_s: float, folder: Path, peak_dbfs: float | None = None
) -> list[Utterance]:
    """Return utterances of a voice that last so long together.

    Args:
        voice: of eSpeak NG.
        duration_s: of all of them.
        folder: to write them into.
        peak_dbfs: that the samples are scaled to; by default they stay as they are.
    """
    engine = EspeakEngine()
    parameters = engine.parameters({})
    once = []
    for sentence in SENTENCES:
        chunk = Chunk(written=sentence, spoken=sentence, voice=voice, parameters=parameters)
        (waveform,) = engine.synthesize([chunk])
        samples, rate = waveform.samples, waveform.sample_rate
        if peak_dbfs is not None:
            # A step of 16 bits below full scale, which they do not reach.
            samples = samples * np.float32(10 ** (peak_dbfs / 20) * 0.9999 / np.abs(samples).max())
        once.append(utterance(folder, samples, rate, pause_s=0.35, text=sentence))
    repeats = round(duration_s / sum(one.duration_s for one in once))
    return once * max(1, repeats)


def run(
    way: Way, utterances: list[Utterance], folder: Path, profile: MasteringProfile, format: str
) -> Outcome:
    """Go one way, and measure what came of it."""
    start_s = cpu_s()
    path, note = way(utterances, folder, profile, format)
    used_s = cpu_s() - start_s
    loudness_lufs, peak_dbtp = ebur128(path)
    rate, blocks = decode(path)
    length_s = sum(map(len, blocks)) / rate
    return Outcome(length_s, used_s, loudness_lufs, peak_dbtp, path.stat().st_size, note)


def narrate_way(
    utterances: list[Utterance], folder: Path, profile: MasteringProfile, format: str
) -> tuple[Path, str]:
    """Master and publish: tagged audio, captions and transcripts."""
    work = spoken(utterances, format)
    mastered = post_process(work, folder / "out", profile=profile)
    pairs = zip(mastered.spans, work.plan.script.chunks, strict=True)
    cues = [Cue(*span, chunk.written) for span, chunk in pairs]
    tags = Tags("Variáveis", "Curso de Python", "eSpeak NG", 1, 6)
    return publish(mastered, cues, tags, folder / f"aula.{format}").audio, ""


def import_pydub() -> Any:
    """Return pydub's class of audio, told where ffmpeg is."""
    with warnings.catch_warnings():
        # It looks for ffmpeg on the PATH, and has escapes that Python 3.12 warns of.
        warnings.simplefilter("ignore")
        from pydub import AudioSegment
    AudioSegment.converter = str(find_ffmpeg())
    return AudioSegment


def pydub_way(
    utterances: list[Utterance], folder: Path, profile: MasteringProfile, format: str
) -> tuple[Path, str]:
    """Join, level, resample and encode with pydub alone."""
    audio_segment = import_pydub()
    joined = audio_segment.empty()
    for one in utterances:
        samples, rate = soundfile.read(one.path, dtype="int16")
        speech = audio_segment(samples.tobytes(), frame_rate=rate, sample_width=2, channels=1)
        joined += speech.fade_in(5).fade_out(10)
        joined += audio_segment.silent(round(one.chunk.pause_s * 1000), frame_rate=rate)
    # Its only measure is the RMS of everything, pauses included; its gain clips.
    joined = joined.apply_gain((profile.loudness_lufs or joined.dBFS) - joined.dBFS)
    joined = joined.set_frame_rate(profile.sample_rate_hz or joined.frame_rate)
    path = folder / f"pydub.{format}"
    joined.export(path, format=format, bitrate=f"{profile.bit_rate_kbps(format)}k")
    return path, ""


def loudnorm_way(
    utterances: list[Utterance], folder: Path, profile: MasteringProfile, format: str
) -> tuple[Path, str]:
    """Join the files and let ffmpeg's loudnorm measure them, then change their level."""
    lines = []
    for one in utterances:
        silence = folder / f"silence-{one.chunk.pause_s}.flac"
        if not silence.exists():
            samples = np.zeros(round(one.chunk.pause_s * one.sample_rate), np.int16)
            soundfile.write(silence, samples, one.sample_rate)
        lines += [f"file '{one.path}'", f"file '{silence}'"]
    parts = folder / "parts.txt"
    parts.write_text("\n".join(lines), encoding="utf-8")
    source = ["-f", "concat", "-safe", "0", "-i", parts]
    target = f"loudnorm=I={profile.loudness_lufs}:TP={profile.ceiling_dbtp}:print_format=json"
    first = _loudnorm([*source, "-af", target, "-f", "null", "-"])
    measured = ":".join(
        f"measured_{name}={first[f'input_{key}']}"
        for name, key in (("I", "i"), ("TP", "tp"), ("LRA", "lra"), ("thresh", "thresh"))
    )
    path = folder / f"loudnorm.{format}"
    second = f"{target}:{measured}:offset={first['target_offset']}:linear=true"
    rate = ["-ar", str(profile.sample_rate_hz or utterances[0].sample_rate)]
    bit_rate = ["-b:a", f"{profile.bit_rate_kbps(format)}k"]
    done = _loudnorm([*source, "-af", second, *rate, *bit_rate, path])
    return path, done["normalization_type"]


def _loudnorm(arguments: list[str | Path]) -> dict[str, str]:
    """Run ffmpeg, and return what the filter says at its end."""
    command = [find_ffmpeg(), "-hide_banner", "-nostats", "-y", *arguments]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    summary: dict[str, str] = json.loads(told[told.rindex("{") : told.rindex("}") + 1])
    return summary


WAYS: dict[str, Way] = {
    "this system": narrate_way,
    "pydub": pydub_way,
    "loudnorm, twice": loudnorm_way,
}
