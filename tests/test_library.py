import hashlib
import io
import json
import math
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.support.catalog import (
    PROVIDER,
    REVISION,
    finish,
    make_chunk,
    make_mastered,
    make_script,
    make_waveform,
    register_chunk,
    spoken_of,
    start,
)
from tts_tasks.catalog.library import Library, encode_flac
from tts_tasks.catalog.lookup import look_up
from tts_tasks.catalog.register import register
from tts_tasks.catalog.tail import read_tail
from tts_tasks.errors import EngineOutputError, InputError, StorageFullError
from tts_tasks.values import Waveform


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library", durable=False)


def events(library):
    return [json.loads(line) for line in read_tail(library.root / "journal", {}).lines]


def kinds(library):
    return [event["kind"] for event in events(library)]


# Utterances


def test_a_registered_utterance_is_found(library):
    chunk = make_chunk("Olá, mundo.")
    assert library.find_utterance(chunk) is None
    made = register_chunk(library, "Olá, mundo.")
    found = library.find_utterance(chunk)
    assert (made.cached, made.synthesis_s) == (False, 0.25)
    assert (found.cached, found.synthesis_s) == (True, 0.0)
    assert found == replace(made, cached=True, synthesis_s=0.0)
    assert found.duration_s == pytest.approx(0.1)
    assert found.path.suffix == ".flac"
    info = soundfile.info(found.path)
    assert (info.format, info.subtype, info.channels) == ("FLAC", "PCM_16", 1)


def test_the_sidecar_says_where_the_audio_came_from(library):
    made = register_chunk(library, "Olá, mundo.")
    sidecar = json.loads(made.path.with_suffix(".json").read_text())
    assert sidecar.pop("created_at") > 1.7e9
    assert len(sidecar.pop("sha256")) == 64
    assert sidecar == {
        "key": made.chunk.key,
        "extension": "flac",
        "kind": "utterance",
        "provider": PROVIDER,
        "revision": REVISION,
        "voice": "pt-br+f2",
        "parameters": {"rate": 150},
        "seed": 0,
        "takes": 1,
        "flags": [],
        "quality": None,
        "words": [],
        "spoken": "Olá, mundo.",
        "written": "Olá, mundo.",
        "duration_s": 0.1,
        "sample_rate": 22050,
        "bytes": made.path.stat().st_size,
        "synthesis_s": 0.25,
    }


@given(
    pcm=arrays.arrays(np.int16, st.integers(1, 400)),
    sample_rate=st.sampled_from([8000, 22050, 24000, 44100, 48000]),
)
def test_sixteen_bit_audio_survives_exactly(pcm, sample_rate, tmp_path_factory):
    waveform = Waveform(pcm.astype(np.float32) / np.float32(32768), sample_rate)
    library = Library(tmp_path_factory.mktemp("library"), durable=False)
    kept = library.register_utterance(
        make_chunk("x"), waveform, provider=PROVIDER, revision=REVISION, synthesis_s=0.0
    )
    samples, rate_hz = soundfile.read(kept.path, dtype="float32")
    assert rate_hz == kept.sample_rate == sample_rate
    np.testing.assert_array_equal(samples, waveform.samples)


@given(arrays.arrays(np.float32, 64, elements=st.floats(-1, 1, width=32)))
def test_other_audio_is_off_by_at_most_one_step(samples):
    flac = encode_flac(Waveform(samples, 22050))
    assert flac == encode_flac(Waveform(samples.copy(), 22050)), "deterministic"
    read, _ = soundfile.read(io.BytesIO(flac), dtype="float32")
    assert np.max(np.abs(read - samples)) <= 1 / 32768


@pytest.mark.parametrize(
    "samples",
    [[], [[0.0, 0.0]], [math.nan], [math.inf], [0.0, 1.01], [-2.0]],
    ids=["empty", "two channels", "nan", "inf", "over", "under"],
)
def test_audio_that_cannot_be_right_is_refused(library, samples):
    waveform = Waveform(np.array(samples, dtype=np.float32), 22050)
    with pytest.raises(EngineOutputError):
        library.register_utterance(
            make_chunk("x"), waveform, provider=PROVIDER, revision=REVISION, synthesis_s=0.0
        )
    assert not library.root.exists()


def test_a_chunk_without_a_key_is_refused(library):
    chunk = replace(make_chunk("x"), key="../../x")
    with pytest.raises(InputError):
        library.find_utterance(chunk)
    with pytest.raises(InputError):
        library.register_utterance(
            chunk, make_waveform(), provider=PROVIDER, revision=REVISION, synthesis_s=0.0
        )


def test_a_second_take_changes_nothing_and_is_recorded_as_a_duplicate(library):
    first = register_chunk(library, "Olá.", seed=1)
    audio = first.path.read_bytes()
    second = register_chunk(library, "Olá.", seed=2)
    assert second == first
    assert second.path.read_bytes() == audio
    assert kinds(library) == ["utterance_registered", "utterance_duplicate"]


def test_two_processes_that_register_the_same_chunks_agree(library):
    code = """
        import sys
        from pathlib import Path
        from tests.support.catalog import register_chunk
        from tts_tasks.catalog.library import Library
        library = Library(Path(sys.argv[1]))
        print("ready", flush=True)
        sys.stdin.readline()
        for n in range(40):
            made = register_chunk(library, f"frase {n}", seed=int(sys.argv[2]))
            assert made.path.exists()
    """
    processes = [start(code, library.root, seed) for seed in (1, 2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        finish(process)
    assert sorted(kinds(library)) == ["utterance_duplicate"] * 40 + ["utterance_registered"] * 40
    for n in range(40):
        found = library.find_utterance(make_chunk(f"frase {n}"))
        sidecar = json.loads(found.path.with_suffix(".json").read_text())
        assert hashlib.sha256(found.path.read_bytes()).hexdigest() == sidecar["sha256"]


def test_a_full_disk_is_a_clear_error_and_keeps_what_was_there(library, monkeypatch):
    earlier = register_chunk(library, "antes")
    write = os.write

    def full(fd, data):
        if len(data) > 1000:
            raise OSError(28, "No space left on device")
        return write(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StorageFullError) as caught:
            register_chunk(library, "depois")
    assert caught.value.field == "disk"
    assert library.find_utterance(make_chunk("depois")) is None
    assert library.find_utterance(earlier.chunk) is not None
    assert kinds(library) == ["utterance_registered"]


def test_a_library_is_a_value(library):
    assert pickle.loads(pickle.dumps(library)) == library
    assert hash(library) == hash(Library(library.root, durable=False))


# The steps


def narrate(library, script, tmp_path, **about):
    plan = look_up(script, library)
    spoken = spoken_of(plan, library)
    mastered = plan.finished or make_mastered(tmp_path / "out.mp3", script)
    return plan, register(spoken, mastered, library, **about)


def test_each_missing_chunk_is_listed_once_in_order_of_first_use(library):
    register_chunk(library, "b")
    plan = look_up(make_script("c", "a", "b", "c", "a", "b"), library)
    assert [chunk.spoken for chunk in plan.missing] == ["c", "a"]
    assert list(plan.utterances) == [make_chunk("b").key]
    assert plan.finished is None
    hits = [event for event in events(library) if event["kind"] == "utterance_hit"]
    assert [hit["key"] for hit in hits] == [make_chunk("b").key]
    assert hits[0]["fields"] == {"provider": PROVIDER, "voice": "pt-br+f2", "duration_s": 0.1}


def test_editing_one_sentence_synthesizes_one_chunk(library, tmp_path):
    narrate(library, make_script("um", "dois", "três"), tmp_path)
    plan = look_up(make_script("um", "2", "três"), library)
    assert [chunk.spoken for chunk in plan.missing] == ["2"]


def test_a_narration_is_made_once(library, tmp_path):
    script = make_script("um", "dois")
    plan, kept = narrate(library, script, tmp_path, course="c", lesson="l", run_id="r")
    assert plan.finished is None
    assert kept.path == library.objects.path(script.key, "mp3")
    assert kept.path.read_bytes() == (tmp_path / "out.mp3").read_bytes()

    plan, again = narrate(library, script, tmp_path)
    assert plan.finished == again == kept
    assert not plan.missing
    assert kinds(library) == [
        "utterance_registered",
        "utterance_registered",
        "narration_registered",
        "narration_finished",
        "narration_hit",
        "narration_finished",
    ]
    first, second = [e["fields"] for e in events(library) if e["kind"] == "narration_finished"]
    assert (first["cached"], first["synthesized_chunks"], first["course"]) == (False, 2, "c")
    assert (second["cached"], second["synthesized_chunks"]) == (True, 0)


def test_the_format_belongs_to_the_narration(library, tmp_path):
    narrate(library, make_script("um"), tmp_path)
    assert look_up(make_script("um", format="flac"), library).finished is None


def test_a_silent_narration_comes_back_as_silent(library, tmp_path):
    script = make_script("um")
    mastered = make_mastered(tmp_path / "out.mp3", script)
    silent = replace(mastered, loudness_lufs=-math.inf, true_peak_dbtp=-math.inf)
    kept = library.register_narration(script, silent, synthesis_s=0.0, synthesized_chunks=0)
    assert kept == replace(silent, path=kept.path)
    assert library.find_narration(script.key, "mp3") == kept


def test_a_second_narration_changes_nothing(library, tmp_path):
    script = make_script("um")
    for content in (b"first", b"second"):
        mastered = make_mastered(tmp_path / "out.mp3", script, content)
        kept = library.register_narration(script, mastered, synthesis_s=0.0, synthesized_chunks=0)
    assert kept.path.read_bytes() == b"first"
    assert kinds(library) == ["narration_registered", "narration_duplicate"]


def test_the_way_of_a_narration_does_not_load_duckdb():
    code = (
        "import sys, tts_tasks.catalog, tts_tasks.catalog.library, tts_tasks.catalog.lookup,"
        " tts_tasks.catalog.register; sys.exit('duckdb' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
