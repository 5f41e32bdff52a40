"""Archives of finished audio: what comes back, and what no archive can make a library do."""

import errno
import io
import json
import os
import shutil
import tarfile
import time
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.catalog import (
    PROVIDER,
    REVISION,
    contents,
    make_chunk,
    make_script,
    make_waveform,
    register_chunk,
)
from tts_tasks.catalog.archive import export_objects, import_objects
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.library import Library, encode_flac
from tts_tasks.catalog.reading import query
from tts_tasks.checks import check_content
from tts_tasks.errors import (
    ArchiveError,
    CancelledError,
    CatalogError,
    OutputPathError,
    StorageFullError,
)
from tts_tasks.values import Mastered, Quality, Waveform, Word

TEXTS = ("um", "dois", "três")


def open_library(folder):
    return Library(folder / "library", durable=False)


def fill(library):
    """Keep three utterances, one with everything that can be known, and a narration."""
    for seed, text in enumerate(TEXTS):
        register_chunk(library, text, seed=seed)
    waveform = make_waveform(seed=7)
    spoken = Waveform(waveform.samples, waveform.sample_rate, words=(Word(0, 3, 0.0, 0.05),))
    library.register_utterance(
        make_chunk("fim"),
        spoken,
        provider=PROVIDER,
        revision=REVISION,
        synthesis_s=0.5,
        quality=Quality(("too_quiet",), {"rms_db": -60.0, "none": None}, 1.5),
        seed=2,
        takes=3,
    )
    script = make_script("um", "fim", format="flac")
    path = library.root / "narration.flac"
    path.write_bytes(encode_flac(make_waveform(2 * 2205, seed=8)))
    library.register_narration(
        script,
        Mastered(
            path=path,
            format="flac",
            duration_s=0.2,
            sample_rate=22050,
            loudness_lufs=float("-inf"),
            true_peak_dbtp=-1.5,
            spans=((0.0, 0.1), (0.1, 0.2)),
            words=((), (Word(0, 3, 0.1, 0.15),)),
            flagged=("too_quiet",),
        ),
        synthesis_s=0.5,
        synthesized_chunks=2,
    )
    path.unlink()


def keys(library):
    return list(library.objects.keys())


def take_in(library, path, **options):
    return import_objects(library, path, check_audio=check_content, **options)


@pytest.fixture
def source(tmp_path):
    library = open_library(tmp_path / "source")
    fill(library)
    return library


@pytest.fixture
def archive(source, tmp_path):
    export_objects(source, keys(source), tmp_path / "voices.tar")
    return tmp_path / "voices.tar"


@pytest.fixture
def target(tmp_path):
    """A library with something in it."""
    library = open_library(tmp_path / "target")
    register_chunk(library, "já estava aqui", seed=9)
    return library


# There and back


def test_everything_that_is_known_comes_along(source, archive, target):
    before = time.time()
    done = take_in(target, archive)
    assert (done.new, done.present) == (5, 0)
    for key in keys(source):
        there, here = source.objects.find(key), target.objects.find(key)
        assert here.path.read_bytes() == there.path.read_bytes()
        facts = dict(here.facts)
        assert facts.pop("made_at") == there.facts["created_at"]
        assert before <= facts.pop("created_at") <= time.time(), "it counts as new here"
        assert facts == {name: there.facts[name] for name in facts}
        assert set(there.facts) - set(facts) == {"created_at"}
    found, original = (each.find_utterance(make_chunk("fim")) for each in (target, source))
    assert replace(found, path=None) == replace(original, path=None)
    assert (found.quality.flags, found.words[0].end) == (("too_quiet",), 3)
    script = make_script("um", "fim", format="flac")
    mastered, original = (each.find_narration(script.key, "flac") for each in (target, source))
    assert replace(mastered, path=None) == replace(original, path=None)


def test_the_catalog_says_the_same_of_it(source, archive, target):
    take_in(target, archive)
    sql = "select * exclude (created_at, last_used_at, hits) from {} where key in ({}) order by key"
    listed = ", ".join(f"'{key}'" for key in keys(source))
    for table in ("utterances", "narrations"):
        question = sql.format(table, listed)
        assert query(target.root, question) == query(source.root, question)
    live = contents(target.root)
    rebuild(target.root)
    assert contents(target.root) == live
    imported = "select count(*) from events where (fields->>'imported') = 'true'"
    assert query(target.root, imported)[1] == [(5,)]


def test_what_is_there_stays_and_a_second_time_changes_nothing(source, archive, target):
    own = register_chunk(target, "um", seed=5)
    content = own.path.read_bytes()
    done = take_in(target, archive)
    assert (done.new, done.present) == (4, 1)
    assert own.path.read_bytes() == content
    before = contents(target.root)
    again = take_in(target, archive)
    assert (again.new, again.present, again.bytes) == (0, 5, 0)
    after = contents(target.root)
    assert (after["utterances"], after["narrations"]) == (
        before["utterances"],
        before["narrations"],
    )


def test_a_selection_and_what_is_missing_or_damaged(source, tmp_path, target):
    damaged = source.find_utterance(make_chunk("dois")).path
    damaged.write_bytes(damaged.read_bytes()[:-1])
    wanted = [make_chunk(text).key for text in ("um", "dois", "nie", "um")]
    done = export_objects(source, wanted, tmp_path / "some.tar")
    assert (done.objects, done.missing, done.damaged) == (1, 1, 1)
    assert take_in(target, tmp_path / "some.tar").new == 1
    assert target.find_utterance(make_chunk("um"))


def test_an_empty_selection_is_an_archive(source, tmp_path, target):
    assert export_objects(source, [], tmp_path / "none.tar").objects == 0
    assert take_in(target, tmp_path / "none.tar").new == 0


def test_an_exported_import_can_be_imported(archive, target, tmp_path):
    take_in(target, archive)
    export_objects(target, keys(target), tmp_path / "again.tar")
    third = open_library(tmp_path / "third")
    assert take_in(third, tmp_path / "again.tar").new == 6


def test_any_tar_lists_it_and_it_says_nothing_of_this_machine(archive, source):
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    assert [member.name for member in members[:2]] == [
        "archive.json",
        f"objects/{keys(source)[0]}.json",
    ]
    assert members[-1].name == "end.json"
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in members} == {
        (0, 0, "", 0)
    }


def test_a_file_that_is_there_is_replaced_only_when_asked(source, tmp_path):
    path = tmp_path / "mine.tar"
    path.write_text("mine")
    with pytest.raises(OutputPathError) as caught:
        export_objects(source, keys(source), path)
    assert "--replace" in caught.value.remedy
    assert path.read_text() == "mine"
    export_objects(source, keys(source), path, replace_existing=True)
    assert tarfile.is_tarfile(path)


def test_a_folder_that_is_not_there_is_a_clear_error(source, tmp_path):
    with pytest.raises(CatalogError) as caught:
        export_objects(source, keys(source), tmp_path / "none" / "voices.tar")
    assert caught.value.remedy


def cancel_at(n):
    calls = []

    def checkpoint():
        calls.append(n)
        if len(calls) == n:
            raise CancelledError("enough")

    return checkpoint


@pytest.mark.parametrize("n", [1, 3, 5])
def test_a_cancelled_export_leaves_nothing(source, tmp_path, n):
    with pytest.raises(CancelledError):
        export_objects(source, keys(source), tmp_path / "v.tar", checkpoint=cancel_at(n))
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize(("n", "kept"), [(1, 0), (5, 0), (6, 0), (7, 1), (10, 4)])
def test_a_cancelled_import_keeps_whole_objects_and_goes_on_later(archive, target, n, kept):
    with pytest.raises(CancelledError):
        take_in(target, archive, checkpoint=cancel_at(n))
    assert len(keys(target)) == 1 + kept
    assert leftovers(target) == []
    done = take_in(target, archive)
    assert (done.new, done.present) == (5 - kept, kept)


def leftovers(library):
    return [
        path.name
        for path in library.root.rglob("*")
        if path.is_file() and (path.suffix == ".tmp" or "scratch" in path.parts)
    ]


# Hostile archives


class Forger:
    """Takes an archive apart, so that a test can put it together wrongly."""

    def __init__(self, path):
        self.path = path
        with tarfile.open(path) as tar:
            self.members = [[member, tar.extractfile(member).read()] for member in tar.getmembers()]

    def names(self):
        return [member.name for member, _ in self.members]

    def index(self, ending):
        return next(n for n, name in enumerate(self.names()) if name.endswith(ending))

    def facts(self, n):
        return json.loads(self.members[n][1])

    def say(self, n, /, **changes):
        """Change what a sidecar says; None takes a field out of it."""
        facts = {**self.facts(n), **changes}
        self.put(n, json.dumps({k: v for k, v in facts.items() if v is not ...}).encode())

    def put(self, n, content):
        self.members[n][1] = content
        self.members[n][0].size = len(content)

    def write(self, format=tarfile.USTAR_FORMAT):
        with tarfile.open(self.path, "w", format=format) as tar:
            for member, content in self.members:
                tar.addfile(member, io.BytesIO(content))


def plain(name, **header):
    member = tarfile.TarInfo(name)
    for field, value in header.items():
        setattr(member, field, value)
    return member


def insert(forger, member, content=b""):
    member.size = member.size or len(content)
    forger.members.insert(1, [member, content])


UTTERANCE = 1
"""Place of the first sidecar; its audio follows."""


def first_utterance(forger):
    return next(
        n
        for n, name in enumerate(forger.names())
        if n and name.endswith(".json") and forger.facts(n).get("kind") == "utterance"
    )


def narration(forger):
    return next(
        n
        for n, name in enumerate(forger.names())
        if n and name.endswith(".json") and forger.facts(n).get("kind") == "narration"
    )


def set_header(forger, n, **fields):
    for name, value in fields.items():
        setattr(forger.members[n][0], name, value)


def swap_audio(forger):
    """Give one sentence the audio of another, with true checksums."""
    places = [n for n in range(1, len(forger.members) - 2, 2)]
    one, other = [n for n in places if forger.facts(n)["kind"] == "utterance"][:2]
    facts = forger.facts(other)
    audio = forger.members[other + 1][1]
    own = forger.facts(one)
    forger.put(one, json.dumps({**facts, "key": own["key"]}).encode())
    forger.put(one + 1, audio)


KEY = "ab" * 32
DEEP = json.loads("[" * 500 + "]" * 500)
EVIL = b"evil"

HOSTILE = {
    "traversal": lambda f: insert(f, plain("../../evil.json"), EVIL),
    "traversal within": lambda f: insert(f, plain(f"objects/../../{KEY}.json"), EVIL),
    "absolute": lambda f: insert(f, plain("/tmp/evil.json"), EVIL),
    "absolute sidecar": lambda f: set_header(f, 1, name="/" + f.names()[1]),
    "dot": lambda f: set_header(f, 1, name="./" + f.names()[1]),
    "upper case": lambda f: set_header(f, 1, name=f.names()[1].upper()),
    "symbolic link": lambda f: insert(
        f, plain(f"objects/{KEY}.json", type=tarfile.SYMTYPE, linkname="/etc/passwd")
    ),
    "symbolic link for audio": lambda f: set_header(
        f, 2, type=tarfile.SYMTYPE, linkname="/etc/passwd"
    ),
    "hard link": lambda f: insert(
        f, plain(f"objects/{KEY}.json", type=tarfile.LNKTYPE, linkname="archive.json")
    ),
    "link name on a file": lambda f: set_header(f, 2, linkname="/etc/passwd"),
    "device": lambda f: insert(f, plain("objects/zero", type=tarfile.CHRTYPE)),
    "pipe": lambda f: insert(f, plain(f"objects/{KEY}.json", type=tarfile.FIFOTYPE)),
    "folder": lambda f: insert(f, plain("objects", type=tarfile.DIRTYPE)),
    "contiguous file": lambda f: set_header(f, 2, type=tarfile.CONTTYPE),
    "old file": lambda f: set_header(f, 2, type=tarfile.AREGTYPE),
    "unknown type": lambda f: set_header(f, 2, type=b"Z"),
    "something else": lambda f: insert(f, plain("objects/readme.txt"), EVIL),
    "twice": lambda f: f.members.__setitem__(slice(3, 3), f.members[1:3]),
    "audio twice": lambda f: f.members.insert(3, f.members[2]),
    "no audio": lambda f: f.members.pop(2),
    "no sidecar": lambda f: f.members.pop(1),
    "audio first": lambda f: f.members.insert(1, f.members.pop(2)),
    "no beginning": lambda f: f.members.pop(0),
    "no end": lambda f: f.members.pop(),
    "end in the middle": lambda f: f.members.insert(3, f.members.pop()),
    "an object less than it says": lambda f: f.members.__delitem__(slice(1, 3)),
    "another number of bytes": lambda f: f.say(len(f.members) - 1, bytes=1),
    "another format": lambda f: f.say(0, format="somebody's"),
    "no version": lambda f: f.say(0, version=...),
    "beginning is a list": lambda f: f.put(0, b"[]"),
    "beginning is no JSON": lambda f: f.put(0, b"{"),
    "sidecar is no JSON": lambda f: f.put(1, b"{"),
    "sidecar is a list": lambda f: f.put(1, b"[]"),
    "sidecar is deep": lambda f: f.put(1, b"[" * 200_000),
    "sidecar is no UTF-8": lambda f: f.put(1, b'{"key": "\xff"}'),
    "sidecar has half a pair": lambda f: f.put(1, b'{"key": "\\ud800"}'),
    "sidecar has NaN": lambda f: f.put(1, json.dumps({**f.facts(1), "x": float("nan")}).encode()),
    "sidecar is huge": lambda f: f.put(1, b" " * ((32 << 20) + 1)),
    "sidecar has infinity": lambda f: f.put(
        1, json.dumps({**f.facts(1), "x": 5}).replace('"x": 5', '"x": 1e999').encode()
    ),
    "sidecar is too long for an event": lambda f: f.say(narration(f), mastering="x" * (5 << 20)),
    "another checksum": lambda f: f.say(1, sha256="0" * 64),
    "another size": lambda f: f.say(1, bytes=f.facts(1)["bytes"] + 1),
    "another key": lambda f: f.say(1, key=KEY),
    "another text": lambda f: f.say(first_utterance(f), spoken="outra coisa"),
    "another voice": lambda f: f.say(first_utterance(f), voice="outra"),
    "another seed": lambda f: f.say(first_utterance(f), seed=4),
    "more takes than anybody makes": lambda f: f.say(first_utterance(f), takes=10**9),
    "another length": lambda f: f.say(first_utterance(f), duration_s=5.0),
    "audio of another sentence": swap_audio,
    "narration as utterance": lambda f: f.say(narration(f), kind="utterance"),
    "utterance as narration": lambda f: f.say(first_utterance(f), kind="narration"),
    "damaged audio": lambda f: f.put(2, f.members[2][1][:-10] + bytes(10)),
    "empty audio": lambda f: f.put(2, b""),
}


def snapshot(library):
    """Return every file of a library with its content, and what the disk around it holds."""
    return {
        str(path.relative_to(library.root)): path.read_bytes()
        for path in sorted(library.root.rglob("*"))
        if path.is_file()
    }


def assert_refused(library, path):
    before = snapshot(library)
    with pytest.raises(ArchiveError) as caught:
        take_in(library, path)
    assert caught.value.field == "archive"
    assert caught.value.remedy
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert snapshot(library) == before
    return str(caught.value)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_changes_nothing(archive, target, tmp_path, name):
    forger = Forger(archive)
    HOSTILE[name](forger)
    forger.write()
    around = sorted(path.name for path in tmp_path.iterdir())
    assert_refused(target, archive)
    assert sorted(path.name for path in tmp_path.iterdir()) == around


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_name_that_needs_an_extended_header_is_refused(archive, target, format):
    forger = Forger(archive)
    set_header(forger, 1, name="a" * 200 + "/" + forger.names()[1])
    forger.write(format)
    assert_refused(target, archive)


@pytest.mark.parametrize(
    "headers",
    [{"comment": "x"}, {"path": f"objects/{KEY}.json"}, {"size": "5"}, {"GNU.sparse.size": "9"}],
)
def test_attributes_are_refused(archive, target, headers):
    forger = Forger(archive)
    forger.members[1][0].pax_headers = headers
    forger.write(tarfile.PAX_FORMAT)
    assert_refused(target, archive)


@pytest.mark.parametrize("headers", [{"comment": "x"}, {"size": "5"}])
def test_attributes_of_the_whole_archive_are_refused(archive, target, headers):
    forger = Forger(archive)
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT, pax_headers=headers) as tar:
        for member, content in forger.members:
            tar.addfile(member, io.BytesIO(content))
    assert_refused(target, archive)


def test_a_newer_version_says_so(archive, target):
    forger = Forger(archive)
    forger.say(0, version=2)
    forger.write()
    assert "update" in assert_refused(target, archive)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_compressed_archive_is_refused(archive, target, mode):
    forger = Forger(archive)
    with tarfile.open(archive, mode) as tar:
        for member, content in forger.members:
            tar.addfile(member, io.BytesIO(content))
    assert_refused(target, archive)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 10_240, b"no tar" * 1000, b"PK\x03\x04" + bytes(600)]
)
def test_a_file_of_another_kind_is_refused(target, tmp_path, content):
    path = tmp_path / "other.tar"
    path.write_bytes(content)
    assert_refused(target, path)


def test_what_is_no_file_is_refused(target, tmp_path):
    assert_refused(target, tmp_path)
    assert_refused(target, tmp_path / "absent.tar")


def test_an_archive_says_how_large_it_is_and_is_not_believed(archive, target):
    content = bytearray(archive.read_bytes())
    at = content.index(b"objects/")
    for size in (
        b"77777777777",
        b"00000000000",
        b"\x80" + b"\xff" * 10,
        b"-0000000001",
        b"99999999999",
    ):
        content[at + 124 : at + 135] = size
        checksum = 256 + sum(content[at : at + 512]) - sum(content[at + 148 : at + 156])
        content[at + 148 : at + 156] = b"%06o\0 " % checksum
        archive.write_bytes(content)
        assert_refused(target, archive)


@pytest.mark.parametrize("extra", [b"x", b"\0" * 511 + b"x", b"\0" * 5000 + b"{}"])
def test_nothing_may_follow(archive, target, extra):
    archive.write_bytes(archive.read_bytes() + extra)
    assert_refused(target, archive)


def test_a_second_archive_behind_the_first_is_refused(archive, target):
    archive.write_bytes(archive.read_bytes() * 2)
    assert_refused(target, archive)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (field, value)
        for field, values in {
            "kind": ["thing", None, 5, ...],
            "extension": ["../x", "json", "a/b", "", None, "FLAC", "wav", ...],
            "bytes": [0, -1, 1.5, True, "5", 2**70],
            "sha256": ["", "zz" * 32, None, ...],
            "provider": [None, 5, ["espeak"], ...],
            "revision": [None, ...],
            "voice": [None, {}, ...],
            "duration_s": [-1, "1", None, 1e300, 10**400, True, ...],
            "sample_rate": [0, -1, 2.5, 10**9, ...],
            "synthesis_s": [-1.0, "0", ...],
            "created_at": [-1, 1e12, None, "now", ...],
            "parameters": [None, [], {"rate": [1]}, {"rate": None}, ...],
            "seed": [1.5, None, 2**80, "0", ...],
            "spoken": [None, 5, ...],
            "written": [None, 5, ...],
            "takes": [0, -1, 1.5, 101],
            "flags": ["too_quiet", [1], None],
            "quality": [
                [],
                {"flags": []},
                {"flags": 1, "scores": {}, "badness": 0.0},
                {"flags": [], "scores": {}, "badness": -(10**400)},
                {"flags": [], "scores": {}, "badness": 0.0, "more": 1},
                {"flags": [], "scores": {}, "badness": 0.0, "asr": {"heard": "x"}},
                {
                    "flags": [],
                    "scores": {},
                    "badness": 0.0,
                    "asr": json.loads("[" * 500 + "]" * 500),
                },
            ],
            "words": [5, [[1, 2, 3]], [[1, 2, 3, "4"]], [None], [[1, 2.5, 3, 4]], [[-1, 2, 3, 4]]],
            "amended_at": [-1, "now"],
            "made_at": [1e12],
        }.items()
        for value in values
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_sidecar_that_says_nonsense_is_refused(archive, target, field, value):
    forger = Forger(archive)
    forger.say(first_utterance(forger), **{field: value})
    forger.write()
    assert_refused(target, archive)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", None),
        ("format", "wav"),
        ("extension", "wav"),
        ("mastering", ...),
        ("characters", -1),
        ("chunks", "2"),
        ("loudness_lufs", "loud"),
        ("chunk_keys", ["../../x"]),
        ("chunk_keys", ...),
        ("spans", [[0.0]]),
        ("spans", None),
        ("words", [[[0, 1, 2]]]),
        ("flagged", [None]),
    ],
)
def test_a_narration_that_says_nonsense_is_refused(archive, target, field, value):
    forger = Forger(archive)
    forger.say(narration(forger), **{field: value})
    forger.write()
    assert_refused(target, archive)


@pytest.mark.parametrize("name", ["self", "imported", "process", "sequence", "fields", "none"])
def test_what_this_version_does_not_know_does_not_come_along(archive, target, name):
    forger = Forger(archive)
    here = first_utterance(forger)
    forger.say(here, **{name: ["anything"]})
    forger.write()
    assert take_in(target, archive).new == 5
    assert name not in target.objects.find(forger.facts(here)["key"]).facts
    live = contents(target.root)
    rebuild(target.root)
    assert contents(target.root) == live


def test_what_is_here_in_another_format_stays(archive, target):
    forger = Forger(archive)
    here = narration(forger)
    key = forger.facts(here)["key"]
    facts = {**forger.facts(here), "format": "wav", "extension": "wav"}
    audio = forger.members[here + 1][1]
    assert target.objects.put(key, "wav", audio, facts)[1]
    assert take_in(target, archive).present == 1
    assert target.objects.find(key).path.suffix == ".wav"
    assert target.objects.find(key).path.read_bytes() == audio


def test_one_bad_object_at_the_end_keeps_out_all_that_came_before(archive, target):
    forger = Forger(archive)
    last = len(forger.members) - 2
    content = forger.members[last][1]
    forger.put(last, content[:-1] + bytes([content[-1] ^ 1]))
    forger.write()
    assert_refused(target, archive)


def test_an_archive_that_changes_while_it_is_read_is_refused(archive, target):
    content = archive.read_bytes()
    at = content.rindex(b"fLaC") + 200
    n = 0

    def flip():
        nonlocal n
        n += 1
        if n == 6:  # Everything was checked; now each object is read again, and kept.
            with archive.open("r+b") as file:
                file.seek(at)
                file.write(bytes([content[at] ^ 255]))

    with pytest.raises(ArchiveError, match="checksum"):
        take_in(target, archive, checkpoint=flip)
    for key in keys(target):
        assert target.objects.find(key) is not None
    assert leftovers(target) == []


def test_an_archive_that_is_cut_short_is_refused(archive, target):
    content = archive.read_bytes()
    end = content.rindex(b"end.json") + 512 + 40
    cuts = {*range(0, end, 512), 1, 511, 513, end - 1, end - 40}
    for cut in sorted(cuts):
        archive.write_bytes(content[:cut])
        assert_refused(target, archive)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_flipped_byte_is_found_or_does_no_harm(source, archive, tmp_path, data):
    content = archive.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    value = data.draw(st.integers(1, 255))
    forged = tmp_path / "forged.tar"
    forged.write_bytes(content[:at] + bytes([content[at] ^ value]) + content[at + 1 :])
    folder = tmp_path / "fresh"
    shutil.rmtree(folder, ignore_errors=True)
    library = open_library(folder)
    try:
        take_in(library, forged)
    except ArchiveError:
        assert keys(library) == []
        return
    # What is served is what was exported: only what is said about it may differ.
    for key in keys(library):
        assert library.objects.find(key).path.read_bytes() == (
            source.objects.find(key).path.read_bytes()
        )


# A full disk


class FullDisk:
    """Lets the n-th call that writes fail, as a full disk does."""

    def __init__(self, patch, n):
        self.left = n
        for name in ("write", "replace", "fsync", "open"):
            patch.setattr(os, name, self.failing(getattr(os, name)))

    def failing(self, real):
        def call(*arguments, **options):
            if real.__name__ == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **options)  # It only reads.
            self.left -= 1
            if self.left == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments, **options)

        return call


def test_a_full_disk_at_any_point_of_an_import_loses_nothing(archive, target, monkeypatch):
    own = rows_by_key(target)
    n_faults = 0
    while True:
        with monkeypatch.context() as patch:
            full = FullDisk(patch, n_faults + 1)
            with suppress(StorageFullError):
                take_in(target, archive)
            if full.left > 0:
                break
        n_faults += 1
        assert leftovers(target) == []
        assert own.items() <= rows_by_key(target).items()
    assert n_faults > 5
    assert len(keys(target)) == 6
    index(target.root)  # Knows by now what the journal had no room for.
    assert set(rows_by_key(target)) == set(keys(target))


def rows_by_key(library):
    sql = "select key, sha256 from utterances union all select key, sha256 from narrations"
    return dict(query(library.root, sql)[1])


def test_a_full_disk_at_any_point_of_an_export_leaves_nothing(source, tmp_path, monkeypatch):
    import pathlib

    class Full(io.FileIO):
        left_bytes = 0

        def write(self, data):
            if len(data) > Full.left_bytes:
                raise OSError(errno.ENOSPC, "No space left on device")
            Full.left_bytes -= len(data)
            return super().write(data)

    real = pathlib.Path.open

    def opened(path, mode="r", *arguments, **options):
        if mode == "xb":
            return io.BufferedWriter(Full(path, "xb"))
        return real(path, mode, *arguments, **options)

    monkeypatch.setattr(pathlib.Path, "open", opened)
    path = tmp_path / "voices.tar"
    for left_bytes in (0, 1, 600, 5_000, 20_000):
        Full.left_bytes = left_bytes
        with pytest.raises(StorageFullError):
            export_objects(source, keys(source), path)
        assert [each.name for each in tmp_path.iterdir()] == ["source"]
    Full.left_bytes = 10**9
    assert export_objects(source, keys(source), path).objects == 5
