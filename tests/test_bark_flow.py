"""Bark through the real stack: fifty runs in one warm worker share the batches of one model."""

from __future__ import annotations

import io
import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from flows.course_plan import plan_lessons
from tests.support.command import narrate, narrate_json
from tts_tasks.catalog.library import Library, encode_flac
from tts_tasks.engines.bark import BarkEngine
from tts_tasks.script.course import read_course
from tts_tasks.settings import Settings

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(420),
    pytest.mark.usefixtures("one_torch_thread"),
]

N_RUNS = 50
SENTENCES = (
    "A padaria {} abre às seis da manhã.",
    "O café da sala {} fica pronto em dez minutos.",
    "A coluna {} tem um nome, e cada linha é uma venda.",
    "Some os {} valores e divida pelo número deles.",
)


@pytest.fixture(scope="module")
def stack_home(tmp_path_factory, bark_folder):
    home = tmp_path_factory.mktemp("bark-home")
    # Its workers get what the stack was started with.
    environment = {
        "NARRATION_PREFECT_PORT": "0",
        "NARRATION_POSTGRES_PORT": "0",
        "NARRATION_MODELS": str(home / "none"),
        "NARRATION_BARK_MODEL": str(bark_folder),
        "NARRATION_BARK_DEVICE": "cpu",
        "NARRATION_MAX_RUNNING": str(N_RUNS),
        "OMP_NUM_THREADS": "1",
    }
    before = dict(os.environ)
    os.environ |= environment
    try:
        started = narrate("up", home=home)
        assert started.returncode == 0, started.stderr
        yield home
        assert narrate("down", home=home).returncode == 0
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "cinquenta"
    folder.mkdir()
    voices = [f"v2/pt_speaker_{number}" for number in range(10)]
    for number in range(N_RUNS):
        # No sentence twice: each is then spoken once, whoever comes first.
        spoken = " ".join(SENTENCES[(number + step) % 4] for step in range(1 + number % 3))
        spoken = spoken.format(*[number + 2] * 3)
        text = f"---\nvoice: {voices[number % 10]}\n---\n{spoken} Fim da parte {number}.\n"
        (folder / f"{number:02d}.md").write_text(text)
    (folder / "course.yaml").write_text("provider: bark\naccept_flagged: true\n")
    return folder


def test_fifty_runs_share_the_slots_and_each_gets_its_own_audio(stack_home, course, bark_folder):
    report = narrate_json("course", course, home=stack_home, timeout_s=300)
    assert [row["status"] for row in report["lessons"]] == ["narrated"] * N_RUNS
    assert {row["provider"] for row in report["lessons"]} == {"bark"}
    settings = Settings(home=stack_home, bark_model=str(bark_folder), bark_device="cpu")
    library = Library(settings.library)
    seeds = accepted_seeds(library)
    alone = BarkEngine.from_pretrained(bark_folder, slots=1)
    chunks = [
        chunk
        for lesson in plan_lessons(read_course(course, max_lesson_chars=10_000), course, settings)
        for chunk in lesson.script.chunks
    ]
    assert len({chunk.key for chunk in chunks}) == report["totals"]["synthesized_chunks"] > N_RUNS
    for chunk in {chunk.key: chunk for chunk in chunks}.values():
        kept = library.find_utterance(chunk)
        assert kept is not None, f"{chunk.spoken!r} was lost"
        [solo] = alone.synthesize([replace(chunk, seed=seeds[chunk.key])])
        wanted, _ = soundfile.read(io.BytesIO(encode_flac(solo)), dtype="float32")
        found, _ = soundfile.read(kept.path, dtype="float32")
        np.testing.assert_array_equal(found, wanted)
    assert occupancy(stack_home) > 0.8


def accepted_seeds(library):
    """Return the seed of the take that was kept, by chunk."""
    events = (
        json.loads(line)
        for path in (library.root / "journal").glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    )
    return {
        event["key"]: event["fields"]["seed"]
        for event in events
        if event["kind"] == "take_checked" and event["fields"]["accepted"]
    }


def occupancy(home):
    """Return how full the slots were, by the worker's log; the longest shift counts."""
    log = (home / "data" / "stack" / "worker-cpu.log").read_text(encoding="utf-8")
    shifts = re.findall(r"Bark spoke (\d+) chunks, .*slots were (\d+) % full", log)
    _, percent = max((int(n_chunks), int(percent)) for n_chunks, percent in shifts)
    return percent / 100
