"""Fixtures for every test: a home of its own, so that no test sees another's library."""

import importlib.util
import os

import pytest

# Nobody listens there: no test, and no worker of one, may reach the real service. Tests of gTTS set
# their own.
os.environ["NARRATION_GTTS_URL"] = "http://127.0.0.1:9"

pytest_plugins = ["tests.support.bark", "tests.support.kokoro", "tests.support.stack"]


NEEDS_TORCH = ["test_bark*.py", "test_tiny_bark.py"]
"""`make asr` and `make bark` install it, CI does the former; `make test` alone does without."""

collect_ignore_glob = [] if importlib.util.find_spec("torch") else NEEDS_TORCH


def pytest_report_header():
    """Say what is left out."""
    return "without torch: Bark is not tested (make bark)" if collect_ignore_glob else None


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
