"""Bark through its true path: equal to the library, and to itself in any company."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.bark_library import Library
from tests.support.tiny_bark import NEVER_ENDS, TINY, write_tiny_bark
from tts_tasks.engines.bark import BarkEngine, BarkRequest
from tts_tasks.errors import (
    EmptyTextError,
    EngineParameterError,
    ModelMissingError,
    TextTooLongError,
    UnknownVoiceError,
)

pytestmark = pytest.mark.usefixtures("one_torch_thread")

TEXTS = [
    "Olá, isto é um teste de narração.",
    "Não.",
    "A média é a soma dos valores dividida pelo número deles.",
    "Bom dia a todos!",
    "O laço percorre a lista e imprime cada item, um por linha.",
    "Vamos começar a aula de hoje com um exemplo simples.",
    "Quanto custa?",
    "Abra o arquivo de dados e leia as primeiras linhas.",
]
VOICES = [None, "v2/pt_speaker_0", "v2/pt_speaker_3", "v2/pt_speaker_9"]


@pytest.fixture(scope="module")
def folder(bark_folder):
    return bark_folder


@pytest.fixture(scope="module")
def engine(folder):
    return BarkEngine.from_pretrained(folder, slots=4)


@pytest.fixture(scope="module")
def requests():
    return [
        BarkRequest(f"{number}", text, voice, seed=number % 3)
        for number, (text, voice) in enumerate(itertools.product(TEXTS, VOICES))
    ]


@pytest.fixture(scope="module")
def alone(folder, requests):
    """What each request gives by itself, with a single slot."""
    engine = BarkEngine.from_pretrained(folder, slots=1)
    return {request.id: next(engine.generate([request])) for request in requests}


def by_id(results):
    found = {}
    for result in results:
        assert result.id not in found, "each request is answered once"
        found[result.id] = result
    return found


def assert_same(result, other):
    np.testing.assert_array_equal(result.semantic_tokens, other.semantic_tokens)
    np.testing.assert_array_equal(result.codes, other.codes)
    np.testing.assert_array_equal(result.samples, other.samples)
    assert (result.id, result.seed, result.hit_cap) == (other.id, other.seed, other.hit_cap)


# Equal to the library


def test_the_reference_is_the_library_s_own_generate(folder):
    library = Library(folder)
    for text, voice in zip(TEXTS[:4], VOICES, strict=True):
        whole = library.generate(
            text,
            voice,
            semantic_do_sample=False,
            coarse_do_sample=False,
            fine_temperature=1.0,  # The library takes the likeliest code then.
        )
        np.testing.assert_array_equal(library.speak(text, voice).samples, whole)


@pytest.mark.parametrize("slots", [1, 3, 8])
def test_greedy_it_says_what_the_library_says(folder, requests, library_said, slots):
    """In float64: a window has 6,144 argmaxes, and in float32 one of them is a tie now and then."""
    engine = BarkEngine.from_pretrained(folder, dtype="float64", slots=slots)
    found = by_id(engine.generate(requests, greedy=True))
    assert set(found) == {request.id for request in requests}
    for request in requests:
        result, wanted = found[request.id], library_said[request.text, request.voice]
        np.testing.assert_array_equal(result.semantic_tokens, wanted.semantic)
        np.testing.assert_array_equal(result.codes, wanted.codes)
        assert result.samples.shape == wanted.samples.shape
        np.testing.assert_allclose(result.samples, wanted.samples, atol=1e-6)


@pytest.fixture(scope="module")
def library_said(folder):
    library = Library(folder, torch.float64)
    pairs = itertools.product(TEXTS, VOICES)
    return {(text, voice): library.speak(text, voice) for text, voice in pairs}


def test_as_long_as_the_model_goes(tmp_path):
    """15.4 s: a dozen coarse windows and more, and several fine ones that reach into each other."""
    folder = write_tiny_bark(tmp_path / "endless", NEVER_ENDS)
    library = Library(folder, torch.float64)
    engine = BarkEngine.from_pretrained(folder, dtype="float64", slots=3)
    requests = [BarkRequest(str(number), TEXTS[0], voice) for number, voice in enumerate(VOICES)]
    found = by_id(engine.generate(requests, greedy=True))
    for request in requests:
        wanted = library.speak(request.text, request.voice)
        assert wanted.codes.shape == (8, 1154)
        np.testing.assert_array_equal(found[request.id].semantic_tokens, wanted.semantic)
        np.testing.assert_array_equal(found[request.id].codes, wanted.codes)


def test_greedy_in_float32_too_up_to_ties(engine, folder, requests):
    library = Library(folder)
    found = by_id(engine.generate(requests, greedy=True))
    n_codes, n_equal = 0, 0
    for request in requests:
        result, wanted = found[request.id], library.speak(request.text, request.voice)
        np.testing.assert_array_equal(result.semantic_tokens, wanted.semantic)
        np.testing.assert_array_equal(result.codes[:2], wanted.codes[:2])
        n_codes += wanted.codes.size
        n_equal += int((result.codes == wanted.codes).sum())
    assert n_equal / n_codes > 0.999


def test_the_texts_are_a_test(alone, library_said):
    """Lengths differ, none is empty, and none is cut."""
    lengths = [len(said.semantic) for said in library_said.values()]
    assert min(lengths) >= 1
    assert len(set(lengths)) > 8
    assert max(lengths) < TINY.max_semantic
    assert len({tuple(result.semantic_tokens) for result in alone.values()}) > 15


# Equal to itself


@pytest.mark.parametrize(
    ("slots", "order"), [(1, 1), (2, -1), (5, 1), (8, -1), (64, 1)], ids=lambda value: str(value)
)
def test_a_request_gives_bit_for_bit_the_same_in_any_batch(folder, requests, alone, slots, order):
    engine = BarkEngine.from_pretrained(folder, slots=slots)
    found = by_id(engine.generate(requests[::order]))
    for request in requests:
        assert_same(found[request.id], alone[request.id])


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "int8"])
def test_in_every_type(folder, requests, dtype):
    some = requests[:9]
    single = BarkEngine.from_pretrained(folder, dtype=dtype, slots=1)
    alone = {request.id: next(single.generate([request])) for request in some}
    together = by_id(BarkEngine.from_pretrained(folder, dtype=dtype, slots=5).generate(some))
    for request in some:
        assert_same(together[request.id], alone[request.id])


def test_steps_of_fixed_shapes_give_the_same(folder, requests, alone):
    """What a GPU does, and a CUDA graph repeats, run step by step on the processor."""
    engine = BarkEngine.from_pretrained(folder, slots=5, graphs=True)
    found = by_id(engine.generate(requests))
    for request in requests:
        np.testing.assert_array_equal(
            found[request.id].semantic_tokens, alone[request.id].semantic_tokens
        )
        np.testing.assert_array_equal(found[request.id].codes, alone[request.id].codes)


def test_seed_text_voice_and_temperature_each_matter(engine):
    request = BarkRequest("a", TEXTS[0], VOICES[1])
    others = [
        replace(request, seed=1),
        replace(request, text=TEXTS[2]),
        replace(request, voice=VOICES[2]),
        replace(request, coarse_temperature=1.0),
        replace(request, fine_temperature=1.0),
    ]
    codes = [next(engine.generate([each])).codes for each in [request, *others]]
    distinct = {(each.shape, each.tobytes()) for each in codes}
    assert len(distinct) == len(codes)
    again = next(engine.generate([request])).codes
    np.testing.assert_array_equal(again, codes[0])


def test_a_mixture_of_greedy_and_sampled_requests(engine, requests, alone):
    greedy = [
        replace(
            each,
            id=f"greedy {each.id}",
            semantic_temperature=0.0,
            coarse_temperature=0.0,
            fine_temperature=0.0,
        )
        for each in requests[:6]
    ]
    mixed = by_id(engine.generate([*requests[:6], *greedy]))
    wanted = by_id(engine.generate(requests[:6], greedy=True))
    for request in requests[:6]:
        assert_same(mixed[request.id], alone[request.id])
        np.testing.assert_array_equal(mixed[f"greedy {request.id}"].codes, wanted[request.id].codes)


def test_every_token_is_one(engine, requests):
    for result in engine.generate([replace(each, coarse_temperature=1.5) for each in requests]):
        assert result.semantic_tokens.max(initial=0) < TINY.n_semantic
        assert result.codes.min() >= 0
        assert result.codes.max() < TINY.n_codes
        assert result.codes.shape == (8, len(result.samples) // 320)
        assert result.sample_rate == 24_000
        assert result.samples.dtype == np.float32
        assert np.isfinite(result.samples).all()


# Edges


def test_a_text_that_is_over_at_the_first_step(tmp_path):
    folder = write_tiny_bark(tmp_path / "silent", replace(TINY, end_scale=50.0), seed=1)
    engine = BarkEngine.from_pretrained(folder, slots=2)
    results = list(engine.generate([BarkRequest(f"{n}", TEXTS[n], VOICES[n]) for n in range(4)]))
    assert [len(result.samples) for result in results] == [0] * 4
    assert [len(result.semantic_tokens) for result in results] == [0] * 4
    assert not any(result.hit_cap for result in results)
    assert results[0].codes.shape == (8, 0)


@pytest.mark.parametrize("graphs", [False, True])
def test_a_text_that_never_ends_is_cut_and_says_so(tmp_path, graphs):
    folder = write_tiny_bark(tmp_path / "endless", replace(NEVER_ENDS, max_semantic=90))
    engine = BarkEngine.from_pretrained(folder, slots=2, graphs=graphs)
    requests = [
        BarkRequest("model's", TEXTS[0], None),
        BarkRequest("mine", TEXTS[1], None, max_semantic_tokens=37),
        BarkRequest("over", TEXTS[2], None, max_semantic_tokens=5_000),
        BarkRequest("least", TEXTS[3], VOICES[1], max_semantic_tokens=1),
    ]
    found = by_id(engine.generate(requests))
    lengths = {name: len(result.semantic_tokens) for name, result in found.items()}
    assert lengths == {"model's": 90, "mine": 37, "over": 90, "least": 1}
    assert all(result.hit_cap for result in found.values())
    wanted = Library(folder).speak(TEXTS[0], None)
    [greedy] = engine.generate(requests[:1], greedy=True)
    np.testing.assert_array_equal(greedy.semantic_tokens, wanted.semantic)
    np.testing.assert_array_equal(greedy.codes[:2], wanted.codes[:2])


def test_the_longest_text(engine):
    letters = "a " * 256
    [result] = engine.generate([BarkRequest("long", letters, None)])
    assert result.id == "long"
    with pytest.raises(TextTooLongError, match="257 tokens are over Bark's 256") as caught:
        engine.generate([BarkRequest("longer", letters + "b", None)])
    assert caught.value.field == "text"


def test_more_requests_than_slots_and_fewer(engine, requests, alone):
    assert list(engine.generate([])) == []
    [result] = engine.generate(requests[3:4])
    assert_same(result, alone[requests[3].id])


def test_a_bad_request_is_refused_before_any_is_spoken(engine):
    good = BarkRequest("good", TEXTS[0], None)
    before = engine.report().finished
    for bad, kind in [
        (BarkRequest("bad", TEXTS[0], "v2/pt_speaker_77"), UnknownVoiceError),
        (BarkRequest("bad", " ... ", None), EmptyTextError),
        (BarkRequest("bad", "", None), EmptyTextError),
        (BarkRequest("bad", TEXTS[0], "/no/such/voice.npz"), UnknownVoiceError),
    ]:
        with pytest.raises(kind):
            engine.generate([good, bad])
    assert engine.report().finished == before


def test_weights_that_are_no_numbers_are_an_error_and_not_noise(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = write_tiny_bark(tmp_path / "broken")
    for stage, name in {
        "semantic": "semantic.lm_head.weight",
        "coarse": "coarse_acoustics.lm_head.weight",
        "fine": "fine_acoustics.layernorm_final.weight",
    }.items():
        weights = load_file(folder / "model.safetensors")
        kept = weights[name].clone()
        weights[name][:] = float("nan")
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        engine = BarkEngine.from_pretrained(folder, slots=2)
        with pytest.raises(Exception, match=f"the {stage} model returns what is no number"):
            list(engine.generate([BarkRequest("a", TEXTS[0], VOICES[1])]))
        weights[name][:] = kept
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_voice_of_one_s_own_by_its_path(engine, folder, tmp_path):
    arrays = {
        name: np.load(folder / f"speaker_embeddings/v2/pt_speaker_3_{name}.npy")
        for name in ("semantic_prompt", "coarse_prompt", "fine_prompt")
    }
    path = tmp_path / "minha voz.npz"
    np.savez(path, **arrays)
    own, preset = (
        next(engine.generate([BarkRequest("a", TEXTS[0], voice)]))
        for voice in (str(path), "v2/pt_speaker_3")
    )
    assert_same(own, preset)
    described = engine.describe(str(path))
    assert described.revision == engine.describe("v2/pt_speaker_3").revision
    assert described.revision != engine.describe("v2/pt_speaker_4").revision


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ModelMissingError, match="NARRATION_BARK_MODEL"):
        BarkEngine.from_pretrained(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelMissingError):
        BarkEngine.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("eos_token_id", 7, "ends a text"),
        ("max_new_tokens", 5_000, "semantic model's positions"),
    ],
)
def test_a_model_that_contradicts_itself(folder, tmp_path, name, value, fault):
    import json
    import shutil

    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / "generation_config.json"
    config = json.loads(path.read_text())
    config["semantic_config"][name] = value
    path.write_text(json.dumps(config))
    with pytest.raises(ModelMissingError, match=fault):
        BarkEngine.from_pretrained(copy)


def test_a_device_that_is_not_there_and_a_type_that_there_is_not(folder):
    if not torch.cuda.is_available():
        with pytest.raises(ModelMissingError, match="finds no GPU"):
            BarkEngine.from_pretrained(folder, device="cuda")
    with pytest.raises(EngineParameterError, match="'float8'"):
        BarkEngine.from_pretrained(folder, dtype="float8")


def test_it_needs_torch_transformers_and_numpy_and_nothing_else(folder):
    """So that engine and benchmark run on a GPU machine that has nothing else."""
    program = f"""
import sys
import torch
torch.set_num_threads(1)
from tts_tasks.engines.bark import BarkEngine, BarkRequest
engine = BarkEngine.from_pretrained({str(folder)!r}, device="cpu", dtype="float32", slots=8)
[result] = engine.generate([BarkRequest("a", "Bom dia.", "v2/pt_speaker_2", 0)], greedy=True)
print(result.id, result.sample_rate, len(result.samples) > 0)
others = ["prefect", "duckdb", "pydantic_settings", "fastapi", "typer", "flows"]
print([name for name in others if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "a 24000 True\n[]\n", done.stderr


def test_importing_it_does_not_import_torch():
    program = "import sys, tts_tasks.engines.bark; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
