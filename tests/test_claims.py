"""Claims on chunks: who holds one, who waits, and what is left of a holder that died."""

import hashlib
import signal

import pytest

from tests.support.catalog import finish, start
from tts_tasks.catalog.claims import claims
from tts_tasks.errors import CatalogError, InputError

ONE = hashlib.sha256(b"one").hexdigest()
TWO = hashlib.sha256(b"two").hexdigest()

TRY = """
    import sys
    from pathlib import Path
    from tts_tasks.catalog.claims import claims
    with claims(Path(sys.argv[1])) as mine:
        print(*[mine.take(key) for key in sys.argv[2:]])
"""

HOLD = """
    import sys
    from pathlib import Path
    from tts_tasks.catalog.claims import claims
    with claims(Path(sys.argv[1])) as mine:
        print(mine.take(sys.argv[2]), flush=True)
        sys.stdin.read()
"""


def test_of_two_runs_in_one_process_one_gets_the_chunk(tmp_path):
    with claims(tmp_path) as first, claims(tmp_path) as second:
        assert first.take(ONE)
        assert not second.take(ONE)
        assert second.take(TWO)
        first.release(ONE)
        assert second.take(ONE)


def test_whoever_holds_a_chunk_may_take_it_again(tmp_path):
    with claims(tmp_path) as mine:
        assert mine.take(ONE)
        assert mine.take(ONE)


def test_what_a_run_holds_at_its_end_is_free(tmp_path):
    with claims(tmp_path) as mine:
        mine.take(ONE)
    with claims(tmp_path) as other:
        assert other.take(ONE)


def test_of_two_processes_one_gets_the_chunk(tmp_path):
    with claims(tmp_path) as mine:
        mine.take(ONE)
        assert finish(start(TRY, tmp_path, ONE, TWO)).split() == ["False", "True"]
    assert finish(start(TRY, tmp_path, ONE)).split() == ["True"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_claim_ends_with_its_holder(tmp_path, how):
    holder = start(HOLD, tmp_path, ONE)
    assert holder.stdout.readline().strip() == "True"
    with claims(tmp_path) as mine:
        assert not mine.take(ONE)
        holder.send_signal(how)
        holder.communicate(timeout=30)
        assert mine.take(ONE)


def test_keys_that_differ_late_are_different_chunks(tmp_path):
    # 15 of 64 digits name the place; SHA-256 leaves no structure to the rest.
    near = ONE[:14] + ("0" if ONE[14] != "0" else "1") + ONE[15:]
    with claims(tmp_path) as first, claims(tmp_path) as second:
        assert first.take(ONE)
        assert second.take(near)


@pytest.mark.parametrize("key", ["0" * 64, "f" * 64])
def test_the_outermost_places_can_be_claimed(tmp_path, key):
    with claims(tmp_path) as first, claims(tmp_path) as second:
        assert first.take(key)
        assert not second.take(key)


def test_a_claim_writes_nothing(tmp_path):
    with claims(tmp_path / "library") as mine:
        mine.take("f" * 64)
    assert [path.name for path in (tmp_path / "library").iterdir()] == ["claims"]
    assert (tmp_path / "library" / "claims").stat().st_size == 0


def test_thousands_of_claims_at_once(tmp_path):
    keys = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(5_000)]
    with claims(tmp_path) as mine, claims(tmp_path) as other:
        assert all(map(mine.take, keys))
        assert not any(map(other.take, keys))


def test_to_release_what_is_not_claimed_is_nothing(tmp_path):
    with claims(tmp_path) as mine, claims(tmp_path) as other:
        other.take(ONE)
        mine.release(ONE)
        assert not mine.take(ONE)


@pytest.mark.parametrize("key", ["../../etc/passwd", "", "AB" * 32, "a" * 63])
def test_what_is_no_key_is_refused(tmp_path, key):
    with claims(tmp_path) as mine, pytest.raises(InputError):
        mine.take(key)


def test_a_library_that_is_no_folder_is_a_clear_error(tmp_path):
    (tmp_path / "library").write_text("a file")
    with pytest.raises(CatalogError) as caught, claims(tmp_path / "library"):
        pass
    assert caught.value.remedy
