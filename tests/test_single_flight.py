"""Two runs that miss the same sentences at the same time: one pays, all narrate."""

import os
import signal
import subprocess

import pytest

from tests.support.command import NARRATE
from tests.support.stack import until
from tests.support.translate import StandIn

TEXT = "A primeira frase é comum. A segunda também é comum a todos. A terceira encerra a aula."


@pytest.fixture
def google():
    with StandIn(latency_s=0.3) as stand_in:
        yield stand_in


@pytest.fixture
def start(home, google, tmp_path):
    """Start ``narrate text`` of the common text with an ending of its own."""
    processes = []

    def start(ending):
        process = subprocess.Popen(
            [NARRATE, "text", f"{TEXT} {ending}", "-p", "gtts", "-o", tmp_path / f"{ending}.mp3"],
            env={
                **os.environ,
                "NARRATION_HOME": str(home),
                "NARRATION_GTTS_URL": google.url,
                "NARRATION_GTTS_REQUESTS_PER_S": "100",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_what_several_runs_miss_is_asked_for_once(start, google, tmp_path):
    running = [start(ending) for ending in ("Um.", "Dois.", "Três.")]
    for process in running:
        _, err = process.communicate(timeout=90)
        assert process.returncode == 0, err
    assert len(list(tmp_path.glob("*.mp3"))) == 3
    assert sorted(google.texts) == sorted(set(google.texts))


def test_a_run_that_is_killed_while_it_speaks_leaves_its_sentence_to_the_others(start, google):
    google.always = "slow"
    first = start("Um.")
    until(lambda: google.calls, 60, "the first run asks")
    second = start("Dois.")
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    google.always = None
    _, err = second.communicate(timeout=90)
    assert second.returncode == 0, err
