"""Engines of other packages."""

import logging
import sys

import pytest
import soundfile

from flows.narrate import generate_narration_sync
from tests.test_engine_contract import EXAMPLE
from tts_tasks.engines import registry
from tts_tasks.engines.choose import choose
from tts_tasks.errors import ModelMissingError

MODULE = "narration_morse"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package with an engine."""

    def installed(entry, source=EXAMPLE, package="narration-morse"):
        (tmp_path / f"{MODULE}.py").write_text(source, encoding="utf-8")
        info = tmp_path / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{entry}\n")
        registry._added.cache_clear()
        registry._make.cache_clear()

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    yield installed
    monkeypatch.undo()
    sys.modules.pop(MODULE, None)
    registry._added.cache_clear()
    registry._make.cache_clear()


def test_an_engine_of_another_package_speaks(install, tmp_path):
    install(f"morse = {MODULE}:MorseEngine")
    assert registry.providers()[-1] == "morse"
    text = "A estação responde às dez. Até logo."
    outcome = generate_narration_sync(text, tmp_path / "sos.mp3", provider="morse")
    assert outcome["success"], outcome["error"]
    assert (outcome["provider"], outcome["voice"]) == ("morse", "low")
    assert soundfile.info(str(tmp_path / "sos.mp3")).duration > 10


def test_its_voices_imply_it_and_its_naturalness_ranks_it(install):
    install(
        f"morse = {MODULE}:MorseEngine", EXAMPLE.replace("naturalness = 0.01", "naturalness = 1")
    )
    assert choose("auto", "high", "pt-BR").engine.name == "morse"
    assert choose("auto", None, "pt-BR").engine.name == "morse"


def test_one_that_sounds_worse_does_not_speak_unasked(install):
    install(f"morse = {MODULE}:MorseEngine")
    assert choose("auto", None, "pt-BR").engine.name == "espeak"


def test_one_that_cannot_be_loaded_is_named_and_the_others_go_on(install, tmp_path):
    install(f"morse = {MODULE}:MorseEngine", "raise RuntimeError('no sound card')")
    with pytest.raises(ModelMissingError, match=r"narration-morse.*no sound card"):
        registry.load_engine("morse")
    outcome = generate_narration_sync("Olá.", tmp_path / "a.mp3")
    assert outcome["provider"] == "espeak"
    verdicts = {verdict["provider"]: verdict for verdict in outcome["ranking"]}
    assert "no sound card" in verdicts["morse"]["reason"]


@pytest.mark.parametrize("name", ["espeak", "auto"])
def test_a_name_that_is_taken_is_not_given_again(install, caplog, name):
    install(f"{name} = {MODULE}:MorseEngine")
    with caplog.at_level(logging.WARNING):
        assert "morse" not in registry.providers()
    assert "name is taken" in caplog.text
    assert registry.load_engine("espeak").sample_rate == 22_050


def test_one_engine_per_process_and_installation(install):
    install(f"morse = {MODULE}:MorseEngine")
    assert registry.load_engine("morse") is registry.load_engine("morse")
