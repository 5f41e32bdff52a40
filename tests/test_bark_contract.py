"""Bark keeps what every engine promises; a tiny model of random weights, through the true path."""

from __future__ import annotations

import pytest

from tts_tasks.engines.bark import BarkEngine
from tts_tasks.engines.contract import EngineContract
from tts_tasks.settings import load_settings


class TestBark(EngineContract):
    texts = ("Olá, turma.", "A turma aprende a somar duas listas de números.")

    @pytest.fixture(autouse=True)
    def model(self, bark_folder, one_torch_thread, monkeypatch):
        monkeypatch.setenv("NARRATION_BARK_MODEL", str(bark_folder))
        monkeypatch.setenv("NARRATION_BARK_DEVICE", "cpu")

    def make_engine(self):
        return BarkEngine(load_settings())
