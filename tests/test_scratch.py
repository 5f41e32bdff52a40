"""Scratch folders are gone with their owner, however it ends."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

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


def test_runs_that_start_at_once_leave_each_other_s_folders(tmp_path):
    """A folder exists before it is locked; in between, another run may drop it."""

    def use(number):
        with scratch_folder(tmp_path / "scratch") as folder:
            (folder / "joined.f32").write_text(f"{number}")
            return (folder / "joined.f32").read_text()

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(use, range(1_000))) == [f"{n}" for n in range(1_000)]
    finally:
        sys.setswitchinterval(usual)
    assert not list((tmp_path / "scratch").iterdir())
