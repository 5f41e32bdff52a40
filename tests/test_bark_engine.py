"""What the rest of the system sees of Bark: limits, parameters, availability, flags."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from flows.course import warn_of_waiting
from flows.stack import is_gpu_of_use
from flows.worker import CONTROL_RUNS, GPU_RUNS, runs_at_once
from tests.support.tiny_bark import NEVER_ENDS, write_tiny_bark
from tts_tasks import casting
from tts_tasks.engines.bark import BarkEngine
from tts_tasks.engines.bark.engine import CUT_OFF, MAX_CHARS
from tts_tasks.engines.bark.parameters import RANGES, semantic_cap
from tts_tasks.engines.bark.voices import PORTUGUESE
from tts_tasks.engines.choose import choose
from tts_tasks.engines.registry import _make, load_engine
from tts_tasks.errors import EngineParameterError, TextTooLongError, UnknownVoiceError
from tts_tasks.request import NarrationRequest
from tts_tasks.review import with_flags
from tts_tasks.settings import load_settings
from tts_tasks.values import Chunk, Quality

pytestmark = pytest.mark.usefixtures("one_torch_thread")

has_gpu = torch.cuda.is_available()


@pytest.fixture
def bark(bark_folder, monkeypatch):
    monkeypatch.setenv("NARRATION_BARK_MODEL", str(bark_folder))
    monkeypatch.setenv("NARRATION_BARK_DEVICE", "cpu")
    _make.cache_clear()
    yield load_engine("bark")
    _make.cache_clear()


def chunk(engine, text, **changes):
    return Chunk(text, text, "v2/pt_speaker_2", engine.parameters({}), **changes)


# Voices


def test_the_ten_voices_are_listed_without_the_model():
    engine = BarkEngine(load_settings())
    voices = engine.catalogue()
    assert tuple(voice.name for voice in voices) == PORTUGUESE
    assert {voice.language for voice in voices} == {"pt-br"}
    assert {voice.licence for voice in voices} == {"MIT"}


def test_a_voice_that_there_is_not_names_those_that_there_are(bark):
    with pytest.raises(UnknownVoiceError, match="v2/pt_speaker_22") as caught:
        bark.describe("v2/pt_speaker_22")
    assert "v2/pt_speaker_2" in caught.value.remedy
    with pytest.raises(UnknownVoiceError):
        bark.describe("pf_dora")


def test_a_voice_implies_bark(bark, bark_folder, tmp_path):
    assert choose("auto", "v2/pt_speaker_4", "pt-BR").engine.name == "bark"
    arrays = {
        name: np.load(bark_folder / f"speaker_embeddings/v2/pt_speaker_1_{name}.npy")
        for name in ("semantic_prompt", "coarse_prompt", "fine_prompt")
    }
    np.savez(tmp_path / "minha.npz", **arrays)
    choice = choose("auto", str(tmp_path / "minha.npz"), "pt-BR")
    assert choice.engine.name == "bark"
    assert choice.voice.revision


# Limits


def test_what_fits_has_never_more_tokens_than_the_model_reads(bark):
    assert MAX_CHARS == 195
    assert bark.fits("a" * MAX_CHARS, PORTUGUESE[0])
    assert not bark.fits("a" * (MAX_CHARS + 1), PORTUGUESE[0])
    model = bark._scheduled().model
    for text in ("ã" * MAX_CHARS, "x " * 97, "ﷺ" * MAX_CHARS, "…?!" * 64 + "fim", "字" * MAX_CHARS):
        assert len(model.tokenize(text)) <= 256


def test_a_text_gets_tokens_for_nearly_twice_its_time():
    assert semantic_cap("") == math.ceil(49.9)
    assert semantic_cap("x" * 75) == math.ceil(49.9 * 10)
    assert semantic_cap("x" * MAX_CHARS) > 768, "the longest chunk gets all that the model has"


def test_a_take_that_the_cap_ends_says_so_and_is_flagged(tmp_path):
    folder = write_tiny_bark(tmp_path / "endless", NEVER_ENDS)
    engine = BarkEngine.from_pretrained(folder)
    [take] = engine.synthesize([chunk(engine, "Um exemplo.")])
    assert take.flags == (CUT_OFF,)
    assert take.duration_s == pytest.approx(semantic_cap("Um exemplo.") / 49.9, abs=0.05)
    good = Quality(scores={"speech_s": 1.0})
    flagged = with_flags(good, take.flags)
    assert flagged.flags == (CUT_OFF,)
    assert not flagged.is_good
    assert flagged.badness > good.badness
    assert with_flags(flagged, take.flags) == flagged, "once"
    assert with_flags(good, ()) is good


def test_a_take_is_within_full_scale(bark):
    for take in bark.synthesize([chunk(bark, "Um exemplo.", seed=seed) for seed in range(6)]):
        assert np.abs(take.samples).max(initial=0.0) <= 1.0
        assert take.synthesis_s > 0


def test_more_characters_than_a_chunk_may_have(bark):
    with pytest.raises(TextTooLongError, match="196 characters are over Bark's 195"):
        bark.synthesize([chunk(bark, "a" * 196)])


@pytest.mark.parametrize("name", RANGES)
def test_a_parameter_has_a_range(bark, name):
    least, default, most = RANGES[name]
    assert bark.parameters({})[name] == default
    assert bark.parameters({name: least})[name] == least
    for value in (least - 0.1, most + 0.1, math.nan, "0.6", True, None):
        with pytest.raises(EngineParameterError) as caught:
            bark.parameters({name: value})
        assert caught.value.field == f"parameters.{name}"


def test_temperatures_reach_the_model(bark):
    def spoken(**parameters):
        text = "A turma aprende a somar duas listas de números."
        [take] = bark.synthesize(
            [Chunk(text, text, "v2/pt_speaker_0", bark.parameters(parameters))]
        )
        return take.samples

    usual = spoken()
    for name in ("semantic_temperature", "coarse_temperature", "fine_temperature"):
        other = spoken(**{name: 1.4})
        assert other.shape != usual.shape or not np.array_equal(other, usual)
    early = spoken(min_eos_p=0.001)
    assert len(early) <= len(usual)


# Availability


def test_without_the_model_it_is_not_ready_and_not_worth_a_word(tmp_path):
    found = BarkEngine(load_settings()).availability()
    assert found.reason.startswith("is not ready (Bark's model suno/bark is not in")
    assert not found.is_installed
    assert not found.is_passing


@pytest.mark.skipif(has_gpu, reason="there is one")
def test_without_a_gpu_it_waits_for_one_unless_the_processor_is_asked_for(bark_folder, monkeypatch):
    monkeypatch.setenv("NARRATION_BARK_MODEL", str(bark_folder))
    engine = BarkEngine(load_settings())
    assert engine.needs_gpu
    found = engine.availability()
    assert "NARRATION_BARK_DEVICE=cpu" in found.reason
    assert found.is_passing
    monkeypatch.setenv("NARRATION_BARK_DEVICE", "cpu")
    on_cpu = BarkEngine(load_settings())
    assert on_cpu.availability().now
    assert not on_cpu.needs_gpu
    assert on_cpu.typical_rtf > engine.typical_rtf
    assert on_cpu.revision == engine.revision, "a device is no part of a key"


def test_a_retake_is_another_take(bark):
    takes = bark.synthesize([chunk(bark, "Um exemplo simples.", seed=seed) for seed in range(3)])
    assert len({take.samples.tobytes() for take in takes}) == 3


def test_a_script_for_bark(bark):
    text = "Bom dia. " + "Esta é uma frase que é longa demais para uma chamada só, " * 6 + "fim."
    request = NarrationRequest(
        text=text, provider="bark", output_path=load_settings().home / "a.mp3"
    )
    script = casting.cast(request, load_settings())
    assert len(script.chunks) > 2
    assert all(len(each.spoken) <= MAX_CHARS for each in script.chunks)
    assert {each.voice for each in script.chunks} == {PORTUGUESE[0]}


# Workers


def test_a_worker_s_runs_at_once_are_those_of_its_pool():
    settings = load_settings()
    assert runs_at_once("cpu", settings) == settings.max_running
    assert runs_at_once("gpu", settings) == GPU_RUNS
    assert runs_at_once("control", settings) == CONTROL_RUNS


def test_a_stack_has_a_gpu_worker_where_an_engine_has_its_gpu(bark_folder, monkeypatch):
    monkeypatch.setenv("NARRATION_BARK_MODEL", str(bark_folder))
    _make.cache_clear()
    assert is_gpu_of_use(load_settings()) == has_gpu
    monkeypatch.setattr("tts_tasks.engines.bark.engine.has_gpu", lambda: True)
    assert is_gpu_of_use(load_settings())
    monkeypatch.setenv("NARRATION_BARK_DEVICE", "cpu")
    assert not is_gpu_of_use(load_settings()), "then it speaks in the pool of the others"
    _make.cache_clear()


def test_lessons_that_nobody_will_take_for_now_are_told(bark_folder, monkeypatch, caplog, tmp_path):
    from flows.course_plan import plan_lessons
    from tts_tasks.script.course import read_course

    monkeypatch.setenv("NARRATION_BARK_MODEL", str(bark_folder))
    _make.cache_clear()
    (tmp_path / "curso").mkdir()
    (tmp_path / "curso" / "a.md").write_text("Um exemplo.")
    (tmp_path / "curso" / "course.yaml").write_text("provider: bark\nlessons: [a.md]\n")
    course = read_course(tmp_path / "curso", max_lesson_chars=1_000)
    lessons = plan_lessons(course, tmp_path / "curso", load_settings(), gpu_online=False)
    assert lessons[0].error is None
    for gpu_online, told in ((True, 0), (None, 0), (False, 1)):
        caplog.clear()
        warn_of_waiting(lessons, gpu_online=gpu_online)
        assert caplog.text.count("narrate worker gpu") == told
    _make.cache_clear()
