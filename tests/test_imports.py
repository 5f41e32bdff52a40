"""What importing a module may load: heavy libraries only where they are used."""

import os
import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "duckdb", "scipy", "soundfile", "espeakng_loader", "pandas"}


def loaded_by(module):
    """Return the heavy top-level packages that a fresh interpreter loads for a module."""
    program = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["flows.narrate", "flows.course", "flows.cli", "flows.runs"])
def test_a_flow_loads_no_engine_and_no_database(module):
    assert not loaded_by(module) & HEAVY


@pytest.mark.parametrize(
    "module",
    [
        "tts_tasks.steps",
        "tts_tasks.script.course",
        "tts_tasks.engines.espeak",
        "tts_tasks.catalog.library",
        "tts_tasks.mastering.post_process",
    ],
)
def test_the_steps_know_nothing_of_prefect(module):
    assert not loaded_by(module) & {"prefect", "torch", "duckdb"}


def test_the_command_starts_without_prefect():
    assert "prefect" not in loaded_by("flows.cli")
