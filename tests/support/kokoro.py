"""The real Kokoro model, for the tests that need it."""

import os

import pytest

from tts_tasks.engines.kokoro_runtime import require_runtime
from tts_tasks.engines.models import KOKORO, require
from tts_tasks.errors import ModelMissingError
from tts_tasks.settings import PROJECT

MODELS = os.environ.get("NARRATION_MODELS") or str(PROJECT / "data" / "models")
"""Read before any test changes the environment."""


def _is_here() -> bool:
    try:
        require_runtime()
        require(KOKORO, "model.onnx", PROJECT / MODELS / KOKORO.name)
    except ModelMissingError:
        return False
    return True


needs_kokoro = pytest.mark.skipif(
    not _is_here(), reason="Kokoro is not here: `narrate models pull kokoro`"
)


@pytest.fixture
def kokoro_models(monkeypatch):
    """Let this test use the models that this machine has."""
    monkeypatch.setenv("NARRATION_MODELS", str(PROJECT / MODELS))
    return PROJECT / MODELS
