"""The tiny Bark behaves like a model, and the reference is the library's own path."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers.models.bark.generation_configuration_bark import BarkSemanticGenerationConfig

from tests.support import tiny_bark
from tests.support.bark_library import Library
from tests.support.tiny_bark import AT_ONCE, LARGE, SMALL, TINY, write_real_size, write_tiny_bark

pytestmark = pytest.mark.usefixtures("one_torch_thread")

SENTENCES = [
    "Não.",
    "Olá, mundo!",
    "Isto é um teste de narração.",
    "A aula de hoje trata de funções.",
    "Bem-vindos ao curso de programação em Python.",
    "O coração bombeia sangue para todo o corpo.",
    "Em 1822, o Brasil tornou-se independente de Portugal.",
    "Você já ouviu falar em aprendizado de máquina?",
    "A água ferve a cem graus ao nível do mar, mas não na montanha.",
    "Para somar duas frações, é preciso que elas tenham o mesmo denominador.",
    "Quanto custa?",
    "Bom dia a todos!",
    "A média é a soma dos valores dividida pelo número deles.",
    "O laço percorre a lista e imprime cada item, um por linha.",
    "Vamos começar a aula de hoje com um exemplo simples.",
    "Abra o arquivo de dados e leia as primeiras linhas.",
    "A célula é a menor unidade viva, e dela se formam os tecidos.",
    "Cada aluno recebeu três exercícios; só um deles é difícil.",
    "Por que o céu é azul durante o dia e vermelho ao entardecer?",
    "No fim da lição, revise os pontos principais e faça o questionário.",
]
VOICES = [None, "v2/pt_speaker_0", "v2/pt_speaker_3"]


@pytest.fixture(scope="module")
def library(bark_folder):
    return Library(bark_folder)


@pytest.fixture(scope="module")
def spoken(library):
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # Module fixtures come before the mark's.
    try:
        pairs = itertools.product(SENTENCES[:6], VOICES)
        return {(text, voice): library.speak(text, voice) for text, voice in pairs}
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def count_semantic(library, text, voice, **options):
    """Return how many tokens the library's first stage gives, the others left out."""
    inputs = library.processor([text], **({"voice_preset": voice} if voice else {}))
    config = BarkSemanticGenerationConfig(**library.model.generation_config.semantic_config)
    tokens = library.model.semantic.generate(
        inputs["input_ids"],
        history_prompt=inputs.get("history_prompt"),
        semantic_generation_config=config,
        attention_mask=inputs["attention_mask"],
        **options,
    )[0]
    return int((tokens != config.eos_token_id).sum())


# The folder


def test_every_file_is_there(bark_folder):
    names = {path.relative_to(bark_folder).as_posix() for path in bark_folder.rglob("*.*")}
    assert names >= {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "processor_config.json",
        "speaker_embeddings_path.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    stages = ["semantic", "coarse", "fine"]
    for number, stage in itertools.product(range(10), stages):
        assert f"speaker_embeddings/v2/pt_speaker_{number}_{stage}_prompt.npy" in names


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    def contents(name, seed):
        folder = write_tiny_bark(tmp_path / name, seed=seed)
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder): path.read_bytes() for path in files}

    one, again, other = contents("one", 3), contents("again", 3), contents("other", 4)
    assert one == again
    assert {path.name for path in one if one[path] != other[path]} >= {
        "model.safetensors",
        "pt_speaker_0_fine_prompt.npy",
    }


def test_some_voices_are_shorter_than_a_fine_window_s_history(bark_folder):
    folder = bark_folder / "speaker_embeddings" / "v2"
    lengths = [
        np.load(folder / f"pt_speaker_{number}_fine_prompt.npy").shape[1] for number in range(10)
    ]
    assert len(set(lengths)) == 10
    assert min(lengths) < 512 < max(lengths)


def test_numbers_can_be_given_by_name(tmp_path):
    folder = write_tiny_bark(
        tmp_path / "other",
        hidden=16,
        layers=1,
        heads=4,
        semantic_vocab=120,
        codebook=32,
        max_new_tokens=40,
        voices=2,
    )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    semantic = config["semantic_config"]
    assert (semantic["hidden_size"], semantic["num_layers"], semantic["num_heads"]) == (16, 1, 4)
    library = Library(folder)
    assert library.processor.available_voice_presets == ["v2/pt_speaker_0", "v2/pt_speaker_1"]
    said = library.speak("Olá!", "v2/pt_speaker_1")
    assert len(said.semantic) <= 40
    assert said.fine.max(initial=0) < 32


def test_the_tokenizer_knows_portuguese(library):
    for sentence in [*SENTENCES, "ÀÁÂÃÇÉÊÍÓÔÕÚÜ àáâãçéêíóôõúü — “aspas” … 1º 2ª"]:
        tokens = library.processor.tokenizer.tokenize(sentence)
        assert tokens
        assert "[UNK]" not in tokens
    assert "[UNK]" in library.processor.tokenizer.tokenize("語")  # Control.


@pytest.mark.parametrize(("size", "width", "n_layers"), [("small", 768, 12), ("large", 1024, 24)])
def test_real_sizes_have_the_real_numbers(tmp_path, monkeypatch, size, width, n_layers):
    """With one layer and narrow, as the whole are gigabytes: what is replaced is asserted first."""
    real = {"small": SMALL, "large": LARGE}[size]
    assert (real.width, real.layers) == (width, n_layers)
    narrow = replace(real, width=16, heads=1, layers=1)
    monkeypatch.setitem(tiny_bark.REAL, size, narrow)
    presets = tmp_path / "presets"
    presets.mkdir()
    for number in range(10):
        arrays = {
            "semantic_prompt": np.full(300 + number, number),
            "coarse_prompt": np.full((2, 450), number),
            "fine_prompt": np.full((8, 450), number, np.int32),
        }
        np.savez(presets / f"pt_speaker_{number}.npz", **arrays)
    folder = write_real_size(tmp_path / size, size, presets=presets)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    vocabularies = [
        (config[name]["input_vocab_size"], config[name]["output_vocab_size"])
        for name in ("semantic_config", "coarse_acoustics_config", "fine_acoustics_config")
    ]
    assert vocabularies == [(129_600, 10_048), (12_096, 12_096), (1_056, 1_056)]
    known = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    semantic, coarse = known["semantic_config"], known["coarse_acoustics_config"]
    assert (semantic["eos_token_id"], semantic["text_encoding_offset"]) == (10_000, 10_048)
    assert (semantic["text_pad_token"], semantic["semantic_infer_token"]) == (129_595, 129_599)
    assert coarse["coarse_semantic_pad_token"] == 12_048
    assert coarse["coarse_infer_token"] == 12_050
    copied = np.load(folder / "speaker_embeddings" / "v2" / "pt_speaker_7_semantic_prompt.npy")
    np.testing.assert_array_equal(copied, np.full(307, 7))


def test_the_program_writes_a_folder_and_removes_none(tmp_path):
    def run(folder):
        command = [sys.executable, "-m", "tests.support.tiny_bark", str(folder), "--seed", "2"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run(tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new" / "model.safetensors").is_file()
    precious = tmp_path / "mine" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("years of work", encoding="utf-8")
    refused = run(precious.parent)
    assert refused.returncode == 2
    assert "not an empty folder" in refused.stderr
    assert precious.read_text(encoding="utf-8") == "years of work"


# How it speaks


def test_lengths_vary_and_stay_below_the_cap(library):
    lengths = np.array(
        [[count_semantic(library, t, v, do_sample=False) for t in SENTENCES] for v in VOICES]
    )
    assert 60 <= lengths.mean() <= 200
    assert lengths.max() < TINY.max_semantic
    assert lengths.min() > 0
    assert len(np.unique(lengths)) >= 10
    assert (lengths < 50).any()
    assert (lengths > 200).any()


@pytest.mark.parametrize("temperature", [0.6, 0.7])
def test_sampled_texts_end_by_themselves(library, temperature):
    torch.manual_seed(0)
    lengths = [
        count_semantic(library, text, voice, do_sample=True, temperature=temperature, top_k=0)
        for text, voice in itertools.product(SENTENCES[:8], VOICES[:2])
    ]
    assert sum(length < TINY.max_semantic for length in lengths) >= 14


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_text_can_end_at_the_first_step(tmp_path, seed):
    library = Library(write_tiny_bark(tmp_path / "silent", eos_scale=AT_ONCE, seed=seed))
    for text, voice in itertools.product(SENTENCES, VOICES):
        assert count_semantic(library, text, voice, do_sample=False) == 0
    silence = library.speak(SENTENCES[0], None)
    assert silence.coarse.shape == (2, 0)
    assert silence.fine.shape == (8, 0)
    assert silence.audio.shape == (0,)


def test_a_text_can_go_on_to_the_cap(tmp_path):
    library = Library(write_tiny_bark(tmp_path / "endless", eos_scale=0.0))
    for voice in VOICES[:2]:
        assert count_semantic(library, SENTENCES[2], voice, do_sample=False) == 768


def test_ids_stay_in_range_and_shapes_agree(spoken):
    for said in spoken.values():
        assert said.semantic.dtype == said.coarse.dtype == said.fine.dtype == np.int64
        assert 0 <= said.semantic.min() <= said.semantic.max() < TINY.n_semantic
        for codes in (said.coarse, said.fine):
            assert 0 <= codes.min() <= codes.max() < TINY.n_codes
        n_frames = int(len(said.semantic) * 75 / 49.9)
        assert said.fine.shape == (8, n_frames)
        assert said.audio.shape == (320 * n_frames,)
        np.testing.assert_array_equal(said.coarse, said.fine[:2])


def test_no_state_makes_an_id_outside_the_codebooks_win(library):
    """The rows outside are zero: a code of either book must always have a positive logit."""
    head = library.model.coarse_acoustics.lm_head.weight.detach()
    states = torch.randn(50_000, TINY.width, generator=torch.Generator().manual_seed(0))
    states = torch.nn.functional.layer_norm(states, (TINY.width,))
    first = TINY.n_semantic
    for book in (head[first : first + TINY.n_codes], head[first + TINY.n_codes :][: TINY.n_codes]):
        assert (states @ book.T).max(dim=1).values.min() > 0.5
    assert not head[first + 2 * TINY.n_codes :].any()


def test_it_is_audible_and_finite(spoken):
    for said in spoken.values():
        assert said.audio.dtype == np.float32
        assert np.isfinite(said.audio).all()
        assert 0.01 < np.abs(said.audio).max() < 1.0


# The reference


@pytest.mark.parametrize("voice", VOICES)
def test_the_reference_is_generate_of_the_library(library, spoken, voice):
    options = {"semantic_do_sample": False, "coarse_do_sample": False, "fine_temperature": 1.0}
    for text in SENTENCES[:3]:
        whole = library.generate(text, voice, **options)
        np.testing.assert_array_equal(spoken[text, voice].audio, whole)


def test_the_fine_model_in_float64_changes_ties_at_most(library, spoken):
    text, voice = SENTENCES[3], VOICES[1]
    exact, usual = library.speak(text, voice, fine_float64=True), spoken[text, voice]
    np.testing.assert_array_equal(exact.coarse, usual.coarse)
    assert (exact.fine == usual.fine).mean() > 0.98
    assert next(library.model.fine_acoustics.parameters()).dtype == torch.float32


def test_naive_speaks_each_text_by_itself(library):
    torch.manual_seed(0)
    takes = library.naive(SENTENCES[:2], "v2/pt_speaker_3", semantic_max_new_tokens=20)
    assert len(takes) == 2
    assert all(len(take) % 320 == 0 and len(take) > 0 for take in takes)
