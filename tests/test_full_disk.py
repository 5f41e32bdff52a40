"""A full disk at every point at which the library writes: an error that helps, and nothing lost."""

import errno
import os
import subprocess
import sys
from contextlib import closing, suppress
from unittest import mock

import pytest

from tests.support.catalog import (
    contents,
    make_chunk,
    make_script,
    make_waveform,
    narrate,
    register_chunk,
)
from tts_tasks.catalog import reconcile as reconciling
from tts_tasks.catalog import sealed
from tts_tasks.catalog.claims import claims
from tts_tasks.catalog.evict import clear
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.journal import open_journal
from tts_tasks.catalog.library import Library, encode_flac
from tts_tasks.catalog.lookup import look_up
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.reconcile import is_damage, reconcile
from tts_tasks.catalog.selection import Selection
from tts_tasks.errors import StorageFullError
from tts_tasks.values import Quality


class FullDisk:
    """Lets the n-th call fail that needs room on the disk."""

    CALLS = ("write", "replace", "rename", "fsync", "fdatasync", "mkdir", "sendfile", "open")

    def __init__(self, patch, n):
        self.left = n
        for name in self.CALLS:
            patch.setattr(os, name, self.failing(name, getattr(os, name)))

    def failing(self, name, real):
        def call(*arguments, **options):
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **options)  # It only reads.
            self.left -= 1
            if self.left == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments, **options)

        return call


def put_away(library):
    open_journal(library.root / "journal").close()
    with mock.patch.object(sealed, "SEAL_BYTES", 1):
        index(library.root)


def claim(library):
    with claims(library.root) as mine:
        assert mine.take(make_chunk("um").key)


def refuse_take(library):
    quality = Quality(("too_quiet",), badness=1.0)
    library.refused.put(make_chunk("um").key, 1, encode_flac(make_waveform()), quality)


def check_again(library):
    quality = Quality(("too_quiet",), badness=1.0)
    library.note_quality(library.find_utterance(make_chunk("um")), quality)


OPERATIONS = {
    "register an utterance": lambda library: register_chunk(library, "novo"),
    "narrate": lambda library: narrate(library, "um", "outro"),
    "look up": lambda library: look_up(make_script("um", "dois"), library),
    "record": lambda library: library.record("narration_failed", None, code="empty_text"),
    "check again": check_again,
    "refuse a take": refuse_take,
    "claim": claim,
    "index": lambda library: index(library.root),
    "rebuild": lambda library: rebuild(library.root),
    "put journals away": put_away,
}


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "library")
    register_chunk(library, "um")
    narrate(library, "um", "dois")
    index(library.root)
    register_chunk(library, "três")
    return library


def known(library):
    """Return what the catalog knows: checksums by key, and who wrote which event."""
    with closing(connect(library.root)) as connection:
        objects = connection.execute(
            "select key, sha256 from utterances union all select key, sha256 from narrations"
        ).fetchall()
        events = connection.execute("select process, sequence from events").fetchall()
    assert len(events) == len(set(events))
    return dict(objects), set(events)


def temporaries(library):
    return [path for path in library.root.rglob("*") if path.name.endswith((".tmp", ".wal"))]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_full_disk_at_any_point_is_told_and_loses_nothing(library, monkeypatch, operation):
    objects, events = known(library)
    n_faults = n_told = 0
    while True:
        with monkeypatch.context() as patch:
            full = FullDisk(patch, n_faults + 1)
            try:
                OPERATIONS[operation](library)
            except StorageFullError as error:
                told = error
            else:
                told = None
        if full.left > 0:
            break
        n_faults += 1
        if told is not None:
            n_told += 1
            assert told.remedy
            assert "no space left" in told.message
        objects_now, events_now = known(library)
        assert objects.items() <= objects_now.items()
        assert events <= events_now
        assert all(library.objects.find(key) for key in objects)
        assert temporaries(library) == []
    assert n_told > 0
    index(library.root)
    live = contents(library.root)
    rebuild(library.root)
    assert contents(library.root) == live
    assert {row[0] for name in ("utterances", "narrations") for row in live[name]} == {
        key
        for key in library.objects.keys()  # noqa: SIM118 - no mapping
        if library.objects.find(key)
    }


def test_what_a_full_disk_keeps_an_eviction_from_writing_down_is_found(library, monkeypatch):
    monkeypatch.setattr(reconciling, "SETTLED_S", -1.0)
    n_faults = 0
    while True:
        for text in ("um", "dois", "três"):
            register_chunk(library, text)
        with monkeypatch.context() as patch:
            full = FullDisk(patch, n_faults + 1)
            with suppress(StorageFullError):
                clear(library, Selection())
        if full.left > 0:
            break
        n_faults += 1
        reconcile(library, repair=True)
        assert not any(map(is_damage, reconcile(library)))
    assert n_faults > 1
    assert contents(library.root)["utterances"] == []


ON_A_SMALL_DISK = """
import os, shutil, sys
from pathlib import Path
from unittest import mock
from tests.support.catalog import contents, narrate, register_chunk
from tts_tasks.catalog import sealed
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.journal import open_journal
from tts_tasks.catalog.library import Library
from tts_tasks.errors import StorageFullError

disk, operation = Path(sys.argv[1]), sys.argv[2]
library = Library(disk / "library")
for n in range(20):
    narrate(library, f"frase {n}", "fim")
index(library.root)
for n in range(20, 40):
    narrate(library, f"frase {n}", "fim")
open_journal(library.root / "journal").close()
expected = contents(library.root)
published = contents(library.root, live=False)
filler = disk / "filler"
n_full = 0
for free_kb in range(0, 100_000, 96):
    room = shutil.disk_usage(disk).free - free_kb * 1024
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(room, 1))
    try:
        if operation == "rebuild":
            rebuild(library.root)
        else:
            with mock.patch.object(sealed, "SEAL_BYTES", 1):
                index(library.root)
    except StorageFullError as error:
        assert error.remedy, error
        n_full += 1
        assert contents(library.root) == expected
        assert contents(library.root, live=False) == published
    else:
        break
    finally:
        filler.unlink(missing_ok=True)
assert contents(library.root, live=False) == expected
register_chunk(library, "mais uma")
index(library.root)
assert len(contents(library.root, live=False)["utterances"]) == len(expected["utterances"]) + 1
print(n_full)
"""


@pytest.mark.parametrize("operation", ["index", "rebuild"])
def test_a_really_full_disk_keeps_the_published_catalog(tmp_path, operation):
    mount = tmp_path / "disk"
    mount.mkdir()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    script = 'mount -t tmpfs -o size=24m none "$0" || exit 77; exec "$@"'
    command = [sys.executable, "-c", ON_A_SMALL_DISK, mount, operation]
    try:
        process = subprocess.run(
            [*unshare, "sh", "-c", script, mount, *command],
            capture_output=True,
            text=True,
            timeout=300,
        )
    except FileNotFoundError:
        pytest.skip("no unshare on this machine: cannot mount a small disk")
    if process.returncode == 77 or "unshare" in process.stderr:
        pytest.skip("this machine does not let tests mount a small disk")
    assert process.returncode == 0, process.stderr
    assert int(process.stdout) > 3
