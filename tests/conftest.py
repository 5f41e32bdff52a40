"""Fixtures for every test: a home of its own, so that no test sees another's library."""

import pytest

pytest_plugins = ["tests.support.kokoro", "tests.support.stack"]


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """Return this test's NARRATION_HOME."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("NARRATION_HOME", str(folder))
    # Without models, so that ``auto`` is eSpeak NG: tests of Kokoro ask for ``kokoro_models``.
    monkeypatch.delenv("NARRATION_MODELS", raising=False)
    return folder
