"""Scratch folders are gone with their owner, however it ends."""

import os
import signal
import subprocess
import sys

import pytest

from tts_tasks.catalog.scratch import scratch_folder


def test_a_folder_at_work_is_left_alone(tmp_path):
    with scratch_folder(tmp_path) as first, scratch_folder(tmp_path) as second:
        assert first.is_dir()
        assert second.is_dir()
    assert not list(tmp_path.iterdir())


def test_a_folder_is_gone_when_its_run_fails(tmp_path):
    def fail():
        with scratch_folder(tmp_path) as folder:
            (folder / "joined.f32").write_bytes(b"x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not list(tmp_path.iterdir())


def test_a_folder_of_a_killed_process_is_dropped(tmp_path):
    program = (
        "import sys, pathlib; from tts_tasks.catalog.scratch import scratch_folder\n"
        "with scratch_folder(pathlib.Path(sys.argv[1])) as folder:\n"
        "    (folder / 'joined.f32').write_bytes(b'x'); print(folder, flush=True)\n"
        "    sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        theirs = owner.stdout.readline().strip()
        with scratch_folder(tmp_path):
            assert os.path.isdir(theirs), "its owner lives"
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        with scratch_folder(tmp_path):
            assert not os.path.exists(theirs)
