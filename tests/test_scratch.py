"""Scratch folders are gone with their owner, however it ends."""

import os
import signal
import subprocess
import sys

from tts_tasks.catalog.scratch import drop_scratch_folder, make_scratch_folder


def test_a_folder_at_work_is_left_alone(tmp_path):
    first = make_scratch_folder(tmp_path)
    second = make_scratch_folder(tmp_path)
    assert first.is_dir()
    assert second.is_dir()
    drop_scratch_folder(first)
    drop_scratch_folder(second)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_a_killed_process_is_dropped(tmp_path):
    program = (
        "import sys, pathlib; from tts_tasks.catalog.scratch import make_scratch_folder;"
        "folder = make_scratch_folder(pathlib.Path(sys.argv[1]));"
        "(folder / 'joined.f32').write_bytes(b'x'); print(folder, flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        theirs = owner.stdout.readline().strip()
        drop_scratch_folder(make_scratch_folder(tmp_path))
        assert os.path.isdir(theirs), "its owner lives"
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        drop_scratch_folder(make_scratch_folder(tmp_path))
    assert not os.path.exists(theirs)
