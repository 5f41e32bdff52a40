"""Fixtures for every test: a home of its own, so that no test sees another's library."""

import os

import pytest

# Nobody listens there: no test, and no worker of one, may reach the real service. Tests of gTTS set
# their own.
os.environ["NARRATION_GTTS_URL"] = "http://127.0.0.1:9"

pytest_plugins = ["tests.support.kokoro", "tests.support.stack"]


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """Return this test's NARRATION_HOME."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("NARRATION_HOME", str(folder))
    # Without models, so that ``auto`` is eSpeak NG: tests of Kokoro ask for ``kokoro_models``.
    monkeypatch.delenv("NARRATION_MODELS", raising=False)
    return folder


def pytest_collection_modifyitems(config, items):
    """Leave out what needs the internet, unless ``-m`` speaks of it."""
    if "net" in (config.option.markexpr or "").split():
        return
    left_out = [item for item in items if item.get_closest_marker("net")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
