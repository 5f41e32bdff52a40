"""Files are written whole or not at all."""

import errno
import threading
from pathlib import Path

import pytest

from tts_tasks.errors import CatalogError, StorageFullError
from tts_tasks.files import checksum, write_whole


def test_threads_that_write_one_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "new" / "course.json"
    faults = []

    def write_often(letter):
        try:
            for _ in range(200):
                write_whole(path, letter * 50_000)
        except CatalogError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=write_often, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(set(path.read_text())) == 1
    assert [entry.name for entry in path.parent.iterdir()] == ["course.json"]


def test_a_full_disk_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "course.json"
    write_whole(path, "before")

    def full(self, *_, **__):
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageFullError):
        write_whole(path, "after")
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["course.json"]


def test_the_checksum_is_sha_256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert checksum(tmp_path / "a").startswith("ba7816bf8f01cfea414140de5dae2223")
