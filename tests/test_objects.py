import errno
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.catalog import finish, start
from tts_tasks.catalog.objects import CLOCK_S, STALE_TEMPORARY_S, Objects
from tts_tasks.errors import CatalogError, InputError, StorageFullError, UnknownFormatError

KEY = "ab" * 32
OTHER = "cd" * 32


@pytest.fixture(params=[True, False], ids=["durable", "fast"])
def objects(request, tmp_path):
    return Objects(tmp_path / "objects", durable=request.param)


def files(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_an_object_and_its_sidecar_lie_under_their_key(objects):
    stored, is_new = objects.put(KEY, "flac", b"audio", {"voice": "pt-br"})
    assert is_new
    assert stored.path == objects.root / "ab" / "ab" / f"{KEY}.flac"
    assert json.loads(objects.sidecar_path(KEY).read_text()) == stored.facts
    assert stored.facts == {
        "voice": "pt-br",
        "key": KEY,
        "extension": "flac",
        "bytes": 5,
        "sha256": hashlib.sha256(b"audio").hexdigest(),
    }
    assert files(objects.root) == [f"{KEY}.flac", f"{KEY}.json"]


@given(audio=st.binary(min_size=1), facts=st.dictionaries(st.text("abc"), st.integers()))
def test_get_after_put(audio, facts, tmp_path_factory):
    objects = Objects(tmp_path_factory.mktemp("objects"), durable=False)
    assert objects.read(KEY, "mp3") is None
    assert not objects.has(KEY, "mp3")
    stored, _ = objects.put(KEY, "mp3", audio, facts)
    assert objects.has(KEY, "mp3")
    assert objects.read(KEY, "mp3") == objects.find(KEY) == stored
    assert stored.path.read_bytes() == audio
    assert facts.items() <= stored.facts.items()
    assert objects.read(OTHER, "mp3") is None


def test_a_file_is_copied_and_left_alone(objects, tmp_path):
    source = tmp_path / "lesson.mp3"
    source.write_bytes(os.urandom(3 << 20))
    stored, _ = objects.put(KEY, "mp3", source, {})
    assert stored.path.read_bytes() == source.read_bytes()
    assert not stored.path.samefile(source)


def test_the_first_object_of_a_key_stays(objects):
    first, _ = objects.put(KEY, "flac", b"first", {"take": 1})
    second, is_new = objects.put(KEY, "flac", b"second", {"take": 2})
    assert not is_new
    assert second == first
    assert first.path.read_bytes() == b"first"


@pytest.mark.parametrize("key", ["../../../etc/passwd", "/etc/passwd", "", "ab", "AB" * 32])
def test_a_key_that_is_a_path_is_refused(objects, key):
    for call in (objects.find, lambda k: objects.has(k, "mp3"), lambda k: objects.read(k, "mp3")):
        with pytest.raises(InputError, match="64 hexadecimal digits"):
            call(key)
    with pytest.raises(InputError):
        objects.put(key, "mp3", b"audio", {})
    assert not objects.root.exists()


@pytest.mark.parametrize("extension", ["json", "", "../mp3", "MP3", "tar.gz"])
def test_an_extension_that_is_not_one_of_audio_is_refused(objects, extension):
    with pytest.raises(UnknownFormatError):
        objects.put(KEY, extension, b"audio", {})


def test_empty_audio_is_a_mistake(objects):
    with pytest.raises(ValueError, match="empty"):
        objects.put(KEY, "flac", b"", {})
    assert files(objects.root) == []


@pytest.mark.parametrize(
    "damage", ["truncated", "emptied", "no sidecar", "torn sidecar", "alien", "astray"]
)
def test_a_damaged_object_counts_as_missing_and_is_replaced(objects, damage):
    stored, _ = objects.put(KEY, "flac", b"audio", {})
    sidecar = objects.sidecar_path(KEY)
    match damage:
        case "truncated":
            stored.path.write_bytes(b"aud")
        case "emptied":
            stored.path.write_bytes(b"")
        case "no sidecar":
            sidecar.unlink()
        case "torn sidecar":
            sidecar.write_bytes(sidecar.read_bytes()[:10])
        case "alien":
            sidecar.write_text(sidecar.read_text().replace(KEY, OTHER))
        case "astray":
            stored.path.write_bytes(b"aud")
            sidecar.write_text(sidecar.read_text().replace('"flac"', '"../flac"'))
    assert objects.find(KEY) is None
    assert objects.read(KEY, "flac") is None
    again, is_new = objects.put(KEY, "flac", b"audio 2", {})
    assert is_new
    assert objects.read(KEY, "flac") == again
    assert again.path.read_bytes() == b"audio 2"


KILLED_BETWEEN_THE_RENAMES = """
    import os, signal, sys
    from pathlib import Path
    from tts_tasks.catalog import objects

    rename, renamed = os.replace, []
    def stop_before_the_second(source, target):
        if renamed:
            print("half", flush=True)
            signal.pause()
        rename(source, target)
        renamed.append(target)
    os.replace = stop_before_the_second
    objects.Objects(Path(sys.argv[1])).put(sys.argv[2], "flac", b"killed", {"take": 1})
"""


def test_a_writer_killed_between_sidecar_and_audio_leaves_nothing_that_counts(objects):
    process = start(KILLED_BETWEEN_THE_RENAMES, objects.root, KEY)
    assert process.stdout.readline() == "half\n"
    process.kill()
    process.communicate()
    assert objects.sidecar_path(KEY).exists()
    assert not objects.has(KEY, "flac")
    assert objects.read(KEY, "flac") is None
    assert objects.find(KEY) is None

    stored, is_new = objects.put(KEY, "flac", b"alive", {"take": 2})
    assert is_new
    assert objects.read(KEY, "flac") == stored
    assert stored.path.read_bytes() == b"alive"


def test_a_writer_killed_while_it_holds_the_folder_does_not_block_the_next(objects):
    process = start(KILLED_BETWEEN_THE_RENAMES, objects.root, KEY)
    assert process.stdout.readline() == "half\n"
    waiting = start(
        """
        import sys
        from pathlib import Path
        from tts_tasks.catalog.objects import Objects
        print("ready", flush=True)
        print(Objects(Path(sys.argv[1])).put(sys.argv[2], "flac", b"alive", {})[1])
        """,
        objects.root,
        KEY,
    )
    assert waiting.stdout.readline() == "ready\n"
    process.kill()
    process.communicate()
    assert finish(waiting) == "True\n"


def test_what_killed_writers_leave_is_deleted_once_it_is_old(objects):
    objects.put(KEY, "flac", b"audio", {})
    folder = objects.path(KEY, "flac").parent
    old, young = folder / f"{KEY}.flac.1.tmp", folder / f"{KEY}.flac.2.tmp"
    for leftover in (old, young):
        leftover.write_bytes(b"half")
    past_s = time.time() - STALE_TEMPORARY_S - 60
    os.utime(old, (past_s, past_s))
    assert objects.remove_stale_temporaries() == 1
    assert not old.exists()
    assert young.exists()

    os.utime(young, (past_s, past_s))
    objects.put("abab" + "0" * 60, "flac", b"audio", {})
    assert not young.exists(), "the next put into the folder sweeps it"


def test_a_clock_that_jumps_ahead_while_it_is_written_takes_nothing_from_its_writer(
    objects, monkeypatch
):
    # Also what a machine meets that was suspended in the middle of it.
    ahead_s = time.time() + 10 * STALE_TEMPORARY_S
    monkeypatch.setattr(time, "time", lambda: ahead_s)
    assert objects.put(KEY, "flac", b"audio", {})[1]
    real = os.replace
    swept = []

    def replace(source, target):
        swept.append(objects.remove_stale_temporaries())
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    assert objects.put(OTHER, "flac", b"audio", {})[1]
    objects.amend(OTHER, {"more": 1})
    assert swept == [0, 0, 0]


# Use and removal


def used_s(objects, key=KEY):
    return objects.sidecar_path(key).stat().st_mtime


def test_a_touch_is_use_and_changes_nothing_else(objects):
    objects.put(KEY, "flac", b"audio", {"created_at": 5.0})
    os.utime(objects.sidecar_path(KEY), (1000, 1000))
    before = objects.find(KEY)
    assert objects.touch(KEY)
    assert time.time() - used_s(objects) < 60
    assert objects.find(KEY) == before
    assert not objects.touch(OTHER)
    assert not files(objects.root / OTHER[:2])


def test_putting_what_is_there_is_use(objects):
    objects.put(KEY, "flac", b"audio", {})
    os.utime(objects.sidecar_path(KEY), (1000, 1000))
    assert not objects.put(KEY, "flac", b"other", {})[1]
    assert time.time() - used_s(objects) < 60


def test_an_object_is_measured_and_removed_with_its_sidecar(objects):
    objects.put(KEY, "flac", b"audio", {"created_at": 5.0})
    objects.put(OTHER, "flac", b"audio", {"created_at": 5.0})
    path = objects.path(KEY, "flac")
    writing = path.with_name(f"{path.name}.1.tmp")
    writing.write_bytes(b"somebody is putting it again")
    size_bytes = len(b"audio") + objects.sidecar_path(KEY).stat().st_size
    assert objects.measure(KEY) == size_bytes
    assert objects.remove(KEY) == size_bytes
    assert objects.find(KEY) is None
    assert objects.find(OTHER) is not None
    assert writing.exists()
    assert objects.measure(KEY) == 0
    assert objects.remove(KEY) == 0


def test_another_object_of_the_key_is_not_meant(objects):
    objects.put(KEY, "flac", b"audio", {"created_at": 5.000002})
    assert objects.remove(KEY, created_at_s=5.0) is None
    assert objects.find(KEY) is not None
    assert objects.remove(KEY, created_at_s=5.000002)


def test_what_was_used_since_stays(objects):
    objects.put(KEY, "flac", b"audio", {"created_at": 5.0})
    os.utime(objects.sidecar_path(KEY), (1000, 1000))
    assert objects.remove(KEY, unused_since_s=999.0) is None
    assert objects.remove(KEY, unused_since_s=1000.0)


def test_a_use_in_the_future_protects_nothing(objects):
    objects.put(KEY, "flac", b"audio", {})
    ahead_s = time.time() + 10 * CLOCK_S
    os.utime(objects.sidecar_path(KEY), (ahead_s, ahead_s))
    assert objects.remove(KEY, unused_since_s=1000.0)


def test_a_sidecar_that_makes_no_sense_protects_nothing(objects):
    objects.put(KEY, "flac", b"audio", {"created_at": 5.0})
    objects.sidecar_path(KEY).write_text("{")
    assert objects.remove(KEY, created_at_s=5.0)
    assert files(objects.root) == []


def test_audio_without_a_sidecar_is_nobodys(objects):
    objects.put(KEY, "flac", b"audio", {})
    objects.sidecar_path(KEY).unlink()
    assert objects.remove(KEY) == 0
    assert not objects.touch(KEY)


def test_whoever_touches_waits_for_a_removal_and_sees_it(objects):
    objects.put(KEY, "flac", b"audio", {})
    code = """
        import sys
        from pathlib import Path
        from tts_tasks.catalog.objects import Objects
        print("ready", flush=True)
        print(Objects(Path(sys.argv[1])).touch(sys.argv[2]))
    """
    with objects.held(KEY):
        touching = start(code, objects.root, KEY)
        assert touching.stdout.readline() == "ready\n"
        objects.path(KEY, "flac").unlink()
        objects.sidecar_path(KEY).unlink()
    assert finish(touching) == "False\n"


@pytest.mark.parametrize("again", [True, False])
def test_what_is_evicted_while_it_is_read_is_no_damage(objects, monkeypatch, caplog, again):
    objects.put(KEY, "flac", b"audio", {})
    real = Objects.read_sidecar
    calls = []

    def late(self, key):
        facts = real(self, key)
        if not calls:
            calls.append(key)
            objects.remove(key)
            if again:
                objects.put(key, "flac", b"other audio", {})
        return facts

    monkeypatch.setattr(Objects, "read_sidecar", late)
    found = objects.read(KEY, "flac")
    assert calls
    assert caplog.text == ""
    assert (found is not None) == again
    assert not again or found.path.read_bytes() == b"other audio"


def test_an_amended_sidecar_keeps_the_rest(objects):
    objects.put(KEY, "flac", b"audio", {"a": 1, "b": 2})
    facts = objects.amend(KEY, {"b": 3})
    assert facts == objects.find(KEY).facts
    assert (facts["a"], facts["b"], facts["bytes"]) == (1, 3, 5)
    assert objects.amend(OTHER, {"b": 3}) is None


@pytest.mark.parametrize("call", ["touch", "measure", "remove", "find", "read_sidecar"])
@pytest.mark.parametrize("key", ["../../../etc/passwd", "/etc/passwd", "", "ab", "AB" * 32])
def test_a_key_that_is_a_path_is_refused_everywhere(objects, call, key):
    with pytest.raises(InputError):
        getattr(objects, call)(key)


def test_two_processes_that_register_one_key_at_once_both_succeed(objects):
    code = """
        import os, sys
        from pathlib import Path
        from tts_tasks.catalog.objects import Objects
        objects = Objects(Path(sys.argv[1]))
        print("ready", flush=True)
        sys.stdin.readline()
        for n in range(50):
            key = f"{n:064x}"
            audio = sys.argv[2].encode() * (n + 1)
            stored, is_new = objects.put(key, "flac", audio, {"writer": sys.argv[2]})
            print(stored.facts["writer"], int(is_new))
    """
    processes = [start(code, objects.root, name) for name in ("a", "bb", "ccc")]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [finish(process).splitlines() for process in processes]
    for n, answer in enumerate(zip(*answers, strict=True)):
        writers = {line.split()[0] for line in answer}
        assert len(writers) == 1, "all see the same object"
        assert sum(int(line.split()[1]) for line in answer) == 1, "one of them made it"
        stored = objects.read(f"{n:064x}", "flac")
        assert stored is not None
        assert stored.path.read_bytes() == writers.pop().encode() * (n + 1)
    assert len(files(objects.root)) == 100


class FullDisk:
    """Lets some bytes through, then there is no space."""

    def __init__(self, monkeypatch, left_bytes):
        self.left_bytes = left_bytes
        self.write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, fd, data):
        if not self.left_bytes:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = memoryview(data)[: self.left_bytes]
        self.left_bytes -= len(part)
        return self.write(fd, part)


@pytest.mark.parametrize("left_bytes", [0, 3, 5, 6, 40], ids=lambda n: f"after {n} bytes")
def test_a_full_disk_at_each_write_is_a_clear_error(objects, monkeypatch, left_bytes):
    earlier, _ = objects.put(OTHER, "flac", b"earlier", {})
    with monkeypatch.context() as patch:
        FullDisk(patch, left_bytes)
        with pytest.raises(StorageFullError, match="no space left"):
            objects.put(KEY, "flac", b"audio", {})
    assert files(objects.root) == [f"{OTHER}.flac", f"{OTHER}.json"]
    assert objects.read(OTHER, "flac") == earlier
    assert objects.put(KEY, "flac", b"audio", {})[1], "there is space again"


@pytest.mark.parametrize("call", ["replace", "fsync", "open"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_full_disk_at_each_other_call_is_a_clear_error(tmp_path, monkeypatch, call, at):
    objects = Objects(tmp_path / "objects")
    objects.put("abab" + "0" * 60, "flac", b"earlier", {})
    real, calls = getattr(os, call), []

    def full(*arguments, **options):
        calls.append(arguments)
        if len(calls) == at:
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(StorageFullError):
            objects.put(KEY, "flac", b"audio", {})
    assert not [name for name in files(objects.root) if name.endswith(".tmp")]
    assert objects.read(KEY, "flac") is None
    assert objects.read("abab" + "0" * 60, "flac") is not None
    assert objects.put(KEY, "flac", b"audio", {})[1]


def test_a_real_limit_on_file_size_leaves_nothing_half_written(tmp_path):
    code = """
        import resource, sys
        from pathlib import Path
        from tts_tasks.catalog.objects import Objects
        from tts_tasks.errors import CatalogError
        objects = Objects(Path(sys.argv[1]))
        objects.put("cd" * 32, "flac", b"x" * 1000, {})
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            objects.put("ab" * 32, "flac", b"x" * 10_000, {})
        except CatalogError as error:
            print(error.code)
    """
    assert finish(start(code, tmp_path)) == "catalog_error\n"
    assert files(tmp_path) == [f"{OTHER}.flac", f"{OTHER}.json"]


ON_A_TINY_DISK = """
import os, sys
from pathlib import Path
from tests.support.catalog import contents, register_chunk
from tts_tasks.catalog.library import Library
from tts_tasks.errors import StorageFullError

library = Library(Path(sys.argv[1]) / "library")
kept = []
try:
    for n in range(10_000):
        register_chunk(library, f"frase {n}", seed=n)
        kept.append(f"frase {n}")
except StorageFullError as error:
    print(error)
from tests.support.catalog import make_chunk
for text in kept:
    found = library.find_utterance(make_chunk(text))
    assert found is not None and found.path.stat().st_size > 0
assert not list(library.root.rglob("*.tmp"))
from tts_tasks.catalog.index import index
try:
    index(library.root)
except StorageFullError as error:
    print("index:", error)
registered = {row[6] for row in contents(library.root)["utterances"]}
assert set(kept) <= registered, set(kept) - registered
print("kept", len(kept))
"""


@pytest.mark.parametrize("size_kb", [256, 300, 333])
def test_a_really_full_disk_keeps_everything_earlier(tmp_path, size_kb):
    mount = tmp_path / "disk"
    mount.mkdir()
    # A mount of one's own, in a user namespace where one is not root.
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    script = f'mount -t tmpfs -o size={size_kb}k none "$0" || exit 77; exec "$@"'
    try:
        process = subprocess.run(
            [*unshare, "sh", "-c", script, mount, sys.executable, "-c", ON_A_TINY_DISK, mount],
            capture_output=True,
            text=True,
            timeout=60,
        )
    except FileNotFoundError:
        pytest.skip("no unshare on this machine: cannot mount a tiny disk")
    if process.returncode == 77 or "unshare" in process.stderr:
        pytest.skip("this machine does not let tests mount a tiny disk")
    assert process.returncode == 0, process.stderr
    assert "no space left" in process.stdout
    kept = int(process.stdout.split()[-1])
    assert 5 < kept < 200


def test_a_library_that_is_no_folder_is_a_clear_error(tmp_path):
    (tmp_path / "objects").write_text("a file")
    objects = Objects(tmp_path / "objects")
    assert objects.read(KEY, "flac") is None
    with pytest.raises(CatalogError, match="cannot write"):
        objects.put(KEY, "flac", b"audio", {})


def test_a_read_only_library_is_a_clear_error(objects, monkeypatch):
    stored, _ = objects.put(OTHER, "flac", b"audio", {})
    opened = os.open

    def read_only(path, flags, *mode, **options):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return opened(path, flags, *mode, **options)

    monkeypatch.setattr(os, "open", read_only)
    assert objects.read(OTHER, "flac") == stored
    with pytest.raises(CatalogError, match="Read-only file system"):
        objects.put(KEY, "flac", b"audio", {})


def test_a_library_that_may_not_be_read_is_not_taken_for_an_empty_one(objects, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "stat", forbidden)
    with pytest.raises(CatalogError, match="cannot read"):
        objects.read(KEY, "flac")


def test_keys_are_listed_in_order(objects):
    for key in (OTHER, KEY, "abab" + "0" * 60):
        objects.put(key, "flac", b"audio", {})
    assert list(objects.keys()) == sorted([OTHER, KEY, "abab" + "0" * 60])
