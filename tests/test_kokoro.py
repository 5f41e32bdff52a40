"""The neural engine: voices, order, limits, and what is wrong with a model that is not right.

Most tests run a tiny model in the real onnxruntime; those marked ``needs_kokoro`` the real one.
"""

import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from tests.support.kokoro import needs_kokoro
from tests.support.tiny_kokoro import SAMPLES_PER_TOKEN, write_tiny_kokoro
from tts_tasks.engines import kokoro_runtime, phonemes
from tts_tasks.engines.kokoro import KokoroEngine
from tts_tasks.engines.kokoro_runtime import LoadedModel, execution_providers, runtime_errors
from tts_tasks.engines.models import ModelFile
from tts_tasks.errors import (
    EmptyTextError,
    EngineOutputError,
    EngineParameterError,
    EngineUnavailableError,
    ModelMissingError,
    TextTooLongError,
    UnknownPhonemeError,
    UnknownVoiceError,
)
from tts_tasks.settings import load_settings
from tts_tasks.values import Chunk, fault_of

SENTENCE = "Bem-vindo ao curso de programação, com vinte e duas aulas e nenhuma pressa."


@pytest.fixture
def engine(home):
    """The engine with the tiny model."""
    settings = load_settings()
    return KokoroEngine(settings, write_tiny_kokoro(settings.models))


@pytest.fixture
def folder(engine):
    """The folder of the tiny model."""
    return engine._folder


@pytest.fixture
def real(kokoro_models):
    """The engine with the real model."""
    return KokoroEngine(load_settings())


def chunk(text=SENTENCE, voice="pf_dora", **parameters):
    return Chunk(text, text, voice, {"speed": 1.0, **parameters})


def digest(waveform):
    return sha256(waveform.samples.tobytes()).hexdigest()


def test_waveforms_come_in_order_though_the_longest_is_spoken_first(engine):
    texts = ["Um.", "Dois, três e quatro.", "Cinco.", "E seis, sete, oito, nove e dez também."]
    together = engine.synthesize([chunk(text) for text in texts])
    alone = [engine.synthesize([chunk(text)])[0] for text in texts]
    assert list(map(digest, together)) == list(map(digest, alone))
    for text, waveform in zip(texts, together, strict=True):
        n_tokens = len(phonemes.tokens(phonemes.phonemize(text, "pt-br"))) + 2
        assert len(waveform.samples) == n_tokens * SAMPLES_PER_TOKEN
        assert waveform.sample_rate == engine.sample_rate == 24_000
        assert waveform.samples.dtype == np.float32
        assert waveform.samples.ndim == 1


def test_the_style_is_the_row_of_the_number_of_tokens(engine, folder):
    rows = np.repeat(np.arange(510, dtype=np.float32)[:, None], 256, axis=1)
    rows.tofile(folder / "voices" / "pm_minha.bin")
    take = engine.synthesize([chunk("Olá.", "pm_minha")])[0].samples
    ids = phonemes.tokens(phonemes.phonemize("Olá.", "pt-br"))
    step = (sum(ids) + len(ids) - 1) / 10_000
    expected = 0.3 * np.sin(np.arange(len(take)) * step)
    assert np.allclose(take[:500], expected[:500], atol=1e-3)


def test_speed_divides_the_length(engine):
    usual, fast = (engine.synthesize([chunk(speed=speed)])[0] for speed in (1.0, 2.0))
    assert len(fast.samples) == pytest.approx(len(usual.samples) / 2, abs=1)


def test_brazilian_voices_come_first_and_each_says_its_language(engine):
    assert engine.voices() == ["pf_dora", "pm_alex", "af_heart"]
    voice = engine.describe("af_heart")
    assert (voice.language, voice.gender) == ("en-us", "female")
    assert engine.describe("pm_alex").language == "pt-br"


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("pt-BR", "pf_dora"), ("pt", "pf_dora"), ("pt_BR", "pf_dora"), ("en", "af_heart"),
        ("en-GB", "bf_emma"), ("en-AU", "af_heart"), ("es-MX", "ef_dora"), ("fr-CA", "ff_siwis"),
        ("hi-IN", "hf_alpha"), ("it", "if_sara"),
    ],
)  # fmt: skip
def test_each_language_has_a_default_voice(engine, language, voice):
    assert engine.default_voice(language) == voice


@pytest.mark.parametrize("language", ["pt-PT", "ja", "zh", "de", ""])
def test_a_language_that_it_does_not_speak_is_an_error(engine, language):
    with pytest.raises(UnknownVoiceError, match="does not speak"):
        engine.default_voice(language)


@pytest.mark.parametrize(
    "voice", ["nobody", "", "pf_", "xf_dora", "pf_../../x", "pt-br", "PF_DORA"]
)
def test_an_unknown_voice_is_an_error_that_names_others(engine, voice):
    with pytest.raises(UnknownVoiceError, match="pf_dora"):
        engine.describe(voice)


@pytest.mark.parametrize("voice", ["jf_alpha", "zm_yunxi"])
def test_a_voice_without_phonemes_says_so(engine, folder, voice):
    (folder / "voices" / f"{voice}.bin").write_bytes(bytes(522_240))
    with pytest.raises(UnknownVoiceError, match="phonemes cannot be made"):
        engine.describe(voice)
    assert voice not in engine.voices()


@pytest.mark.parametrize(
    "given", [{"speed": 0.4}, {"speed": 2.1}, {"speed": "1"}, {"speed": True}, {"speed": None},
              {"speed": float("nan")}, {"rate": 150}],
)  # fmt: skip
def test_a_wrong_parameter_is_an_error_that_names_it(engine, given):
    with pytest.raises(EngineParameterError, match=f"parameters.{next(iter(given))}"):
        engine.parameters(given)


def test_one_and_one_point_zero_are_the_same_speed(engine):
    assert engine.parameters({"speed": 1}) == engine.parameters({}) == {"speed": 1.0}


def test_a_sentence_over_the_limit_does_not_fit_and_is_refused(engine):
    long = "uma palavra e outra, " * 40
    assert engine.fits(SENTENCE, "pf_dora")
    assert not engine.fits(long, "pf_dora")
    with pytest.raises(TextTooLongError, match="510"):
        engine.synthesize([chunk(long)])


def test_a_word_over_the_limit_is_an_error_that_names_it(engine):
    with pytest.raises(TextTooLongError, match="babababa"):
        engine.fits("ba" * 300, "pf_dora")


def test_a_term_with_too_many_phonemes_is_an_error(engine):
    with pytest.raises(TextTooLongError, match="510"):
        engine.fits(f"[[termo|/{'a' * 511}/]]", "pf_dora")


def test_a_text_of_only_symbols_is_an_error(engine):
    with pytest.raises(EmptyTextError):
        engine.synthesize([chunk("?! … —")])


def test_a_symbol_outside_the_vocabulary_is_an_error_that_names_it(engine):
    with pytest.raises(UnknownPhonemeError, match="ʘ"):
        engine.fits("[[beijo|/ʘ/]]", "pf_dora")


def test_without_its_model_the_remedy_is_the_command(home):
    engine = KokoroEngine(load_settings())
    for ask in (engine.voices, lambda: engine.describe("pf_dora"), lambda: engine.revision):
        with pytest.raises(ModelMissingError, match="narrate models pull kokoro"):
            ask()


def test_without_a_voice_file_the_remedy_is_the_command(engine, folder):
    (folder / "voices" / "pm_alex.bin").unlink()
    with pytest.raises(ModelMissingError, match="narrate models pull kokoro"):
        engine.describe("pm_alex")
    assert engine.describe("pf_dora")


@pytest.mark.parametrize("name", ["model.onnx", "voices/pf_dora.bin"])
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_file_is_never_used(engine, folder, name, damage):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-4] if damage == "cut" else content[:-4] + b"\0\1\2\3")
    with pytest.raises(ModelMissingError, match="narrate models pull kokoro"):
        engine.synthesize([chunk()])


def test_an_own_voice_of_the_wrong_size_is_an_error_that_says_the_right_one(engine, folder):
    (folder / "voices" / "pf_minha.bin").write_bytes(bytes(522_236))
    with pytest.raises(ModelMissingError, match="522,240"):
        engine.describe("pf_minha")


def test_the_revision_changes_with_the_model_and_with_an_own_voice(engine, folder):
    own = folder / "voices" / "pf_minha.bin"
    own.write_bytes(bytes(522_240))
    before = engine.describe("pf_minha").revision
    own.write_bytes(b"\1" * 522_240)
    assert engine.describe("pf_minha").revision != before
    path = folder / "model.onnx"
    content = path.read_bytes()
    path.write_bytes(content + b"\0")
    model = replace(
        engine._model,
        files=(
            ModelFile("model.onnx", len(content) + 1, sha256(content + b"\0").hexdigest()),
            *(file for file in engine._model.files if file.path != "model.onnx"),
        ),
    )
    other = KokoroEngine(load_settings(), model).revision
    path.write_bytes(content)
    assert other != engine.revision


def test_without_onnxruntime_the_remedy_is_the_command(engine, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelMissingError, match="pip install onnxruntime"):
        engine.describe("pf_dora")


@pytest.mark.parametrize(
    "content", [bytes(522_240), b"\xff" * 522_240, np.full(130_560, 1e6, np.float32).tobytes()]
)
def test_a_file_that_is_no_voice_is_an_error_that_names_it(engine, folder, content):
    (folder / "voices" / "pf_minha.bin").write_bytes(content)
    with pytest.raises(ModelMissingError, match=r"voice: .*pf_minha\.bin"):
        engine.synthesize([chunk(voice="pf_minha")])


def test_a_voice_that_cannot_be_read_is_an_error_that_names_it(engine, folder, monkeypatch):
    (folder / "voices" / "pf_minha.bin").write_bytes(bytes(522_240))

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("tts_tasks.engines.kokoro.checksum", refuse)
    with pytest.raises(ModelMissingError, match="Permission denied"):
        engine.describe("pf_minha")


def test_what_is_no_file_is_no_voice(engine, folder):
    (folder / "voices" / "pf_pasta.bin").mkdir()
    assert "pf_pasta" not in engine.voices()
    with pytest.raises(UnknownVoiceError, match="pf_dora"):
        engine.describe("pf_pasta")


def test_a_file_that_is_no_model_is_an_error(tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"not a model")
    with pytest.raises(ModelMissingError, match="narrate models"):
        LoadedModel(file)


def test_what_the_model_does_not_take_is_an_error_of_ours(folder):
    model = LoadedModel(folder / "model.onnx", callers=1)
    wrong = np.zeros((510, 7), dtype=np.float32)
    with pytest.raises(EngineOutputError, match="InvalidArgument"):
        model.speak_all([([1, 2], wrong)], [1.0])


def test_every_error_of_the_runtime_is_known():
    names = {kind.__name__ for kind in runtime_errors()}
    assert names == {
        "DeviceReset", "EPFail", "EngineError", "Fail", "InvalidArgument", "InvalidGraph",
        "InvalidProtobuf", "ModelLoadCanceled", "ModelLoaded", "ModelRequiresCompilation",
        "NoModel", "NoSuchFile", "NotFound", "NotImplemented", "RuntimeError", "RuntimeException",
    }  # fmt: skip


def test_a_failing_runtime_is_worth_another_try(folder, monkeypatch):
    model = LoadedModel(folder / "model.onnx", callers=1)

    class Broken:
        def run(self, *_):
            raise runtime_errors()[0]("out of memory")

    monkeypatch.setattr(model, "_session", Broken())
    with pytest.raises(EngineUnavailableError, match="out of memory") as caught:
        model.speak_all([([1], np.zeros((510, 256), np.float32))], [1.0])
    assert caught.value.retryable


def test_one_model_is_kept_per_process(folder):
    path = folder / "model.onnx"
    assert kokoro_runtime.loaded_model(path) is kokoro_runtime.loaded_model(path)
    assert len(kokoro_runtime._loaded) == 1


def test_the_gpu_is_used_where_onnxruntime_has_cuda():
    assert execution_providers(["CUDAExecutionProvider", "CPUExecutionProvider"]) == [
        "CUDAExecutionProvider",
        "CPUExecutionProvider",
    ]
    assert execution_providers(["AzureExecutionProvider", "CPUExecutionProvider"]) == [
        "CPUExecutionProvider"
    ]


@needs_kokoro
def test_the_real_model_speaks_at_a_natural_pace(real):
    take = real.synthesize([chunk()])[0]
    expected = real.describe("pf_dora").expected
    assert 0.8 * expected.chars_per_s_range[0] < len(SENTENCE) / take.duration_s
    assert len(SENTENCE) / take.duration_s < expected.chars_per_s_range[1]
    assert 0.1 < np.abs(take.samples).max() < 1.0


@needs_kokoro
def test_the_real_model_says_the_same_chunk_the_same_way_whatever_it_said_before(real):
    alone = digest(real.synthesize([chunk()])[0])
    others = [chunk("Outra coisa."), chunk("Something else.", "am_michael"), chunk(speed=1.3)]
    batch = real.synthesize([others[0], chunk(), *others, chunk()])
    assert [digest(batch[1]), digest(batch[5])] == [alone, alone]


@needs_kokoro
def test_a_loud_voice_stays_within_full_scale(real):
    take = real.synthesize([chunk("Benvenuto al corso.", "if_sara")])[0]
    assert fault_of(take.samples) is None
    assert np.abs(take.samples).max() == 1.0


@needs_kokoro
def test_every_voice_of_the_real_model_has_measured_expectations(real):
    voices = real.voices()
    assert voices[:3] == ["pf_dora", "pm_alex", "pm_santa"]
    for voice in map(real.describe, voices):
        assert voice.expected is not None
        assert 8 < voice.expected.chars_per_s < 25
        assert -40 < voice.expected.loudness_lufs < -10
