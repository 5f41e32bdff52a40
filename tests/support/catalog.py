"""Small scripts and waveforms for the tests of the catalog, and processes that use it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np

from tts_tasks.catalog.keys import chunk_key, narration_key
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.lookup import look_up
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.register import register
from tts_tasks.values import Chunk, Mastered, Plan, Script, Spoken, Utterance, Waveform

PROVIDER = "espeak"
REVISION = "espeak-ng-1.52"
VOICE = "pt-br+f2"
PARAMETERS = {"rate": 150}


def make_chunk(text: str) -> Chunk:
    key = chunk_key(
        spoken=text,
        provider=PROVIDER,
        revision=REVISION,
        voice=VOICE,
        parameters=PARAMETERS,
        seed=0,
    )
    return Chunk(written=text, spoken=text, voice=VOICE, parameters=PARAMETERS, key=key)


def make_script(*texts: str, format: str = "mp3") -> Script:
    chunks = tuple(make_chunk(text) for text in texts)
    key = narration_key(
        chunk_keys=[chunk.key for chunk in chunks],
        pauses_s=[chunk.pause_s for chunk in chunks],
        mastering="{}",
        format=format,
    )
    return Script(
        chunks=chunks,
        provider=PROVIDER,
        voice=VOICE,
        revision=REVISION,
        format=format,
        mastering="{}",
        characters=sum(len(text) for text in texts),
        key=key,
    )


def make_waveform(n_samples: int = 2205, seed: int = 0) -> Waveform:
    noise = np.random.default_rng(seed).uniform(-1, 1, n_samples)
    return Waveform(noise.astype(np.float32), 22050)


def make_mastered(path: Path, script: Script, content: bytes = b"audio " * 100) -> Mastered:
    path.write_bytes(content)
    return Mastered(
        path=path,
        format=script.format,
        duration_s=float(len(script.chunks)),
        sample_rate=44100,
        loudness_lufs=-16.0,
        true_peak_dbtp=-1.5,
        spans=tuple((float(n), n + 0.5) for n in range(len(script.chunks))),
        checks=script.quality,
    )


def register_chunk(library: Library, text: str, seed: int = 0) -> Utterance:
    return library.register_utterance(
        make_chunk(text),
        make_waveform(seed=seed),
        provider=PROVIDER,
        revision=REVISION,
        synthesis_s=0.25,
    )


def spoken_of(plan: Plan, library: Library) -> Spoken:
    """Speak what is missing, as the steps do."""
    for chunk in plan.missing:
        register_chunk(library, chunk.spoken)
    utterances = [] if plan.finished else [library.find_utterance(c) for c in plan.script.chunks]
    return Spoken(
        plan=plan,
        utterances=tuple(utterance for utterance in utterances if utterance),
        synthesized_chunks=len(plan.missing),
        synthesis_s=0.25 * len(plan.missing),
        synthesized_audio_s=0.1 * len(plan.missing),
    )


def narrate(library: Library, *texts: str, **about: str | int | None) -> Mastered:
    """Do what the steps do, with tones."""
    script = make_script(*texts)
    plan = look_up(script, library)
    spoken = spoken_of(plan, library)
    mastered = plan.finished or make_mastered(library.root / f"out-{os.getpid()}.mp3", script)
    return register(spoken, mastered, library, **about)


def contents(root: Path, *, live: bool = True) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of the three tables, in one order."""
    with connect(root, live=live) as connection:
        return {
            table: sorted(connection.execute(f"from {table}").fetchall(), key=repr)
            for table in ("events", "utterances", "narrations")
        }


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python process that runs the code, with ``sys.argv[1:]`` as given."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a process that must succeed, and return what it printed."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out
