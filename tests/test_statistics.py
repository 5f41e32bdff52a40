import contextlib
import hashlib
import json
import math
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import asdict

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.cache_tables import duration, percent, size, statistics_tables
from flows.console import show_table
from tests.support.catalog import (
    make_chunk,
    make_mastered,
    make_script,
    make_waveform,
    register_chunk,
    spoken_of,
)
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.journal import Journal
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.lookup import look_up
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.register import register
from tts_tasks.catalog.statistics import measure_cache
from tts_tasks.catalog.statistics_values import Evicted, InVain, MadeAgain, Rate
from tts_tasks.errors import CatalogError, InputError

NOW_S = 1_800_000_000.0  # 2027-01-15, 08:00 UTC
DAY_S = 86400.0
KEYS = [f"{n:064x}" for n in range(8)]
VOICE = {"provider": "espeak", "voice": "pt-br+f2"}


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library", durable=False)


class Past:
    """A journal whose events happened when a test says so."""

    def __init__(self, root):
        self.journal = Journal(root / "journal")

    def add(self, kind, key, age_s=0.0, **fields):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tts_tasks.catalog.journal.time.time", lambda: NOW_S - age_s)
            self.journal.append(kind, key, fields)

    def register(self, level, key, age_s=0.0, **fields):
        created_at = NOW_S - age_s
        self.add(f"{level}_registered", key, age_s, **{**VOICE, "created_at": created_at, **fields})

    def hit(self, level, key, age_s=0.0, **fields):
        self.add(f"{level}_hit", key, age_s, **{**VOICE, **fields})


@pytest.fixture
def past(library):
    return Past(library.root)


def narrate(library, *texts):
    script = make_script(*texts)
    plan = look_up(script, library)
    spoken = spoken_of(plan, library)
    mastered = plan.finished or make_mastered(library.root / "out.mp3", script)
    return register(spoken, mastered, library)


def measure(library, **options):
    return measure_cache(library.root, now_s=NOW_S, **options)


def counts(rate):
    return (rate.hits, rate.registered, rate.duplicates, rate.chunks_spared)


# Rates


def test_an_empty_library_has_no_rate_and_makes_nothing(library):
    found = measure_cache(library.root)
    assert [rate.level for rate in found.totals] == ["utterance", "narration"]
    assert [rate.hit_rate for rate in (*found.totals, found.overall)] == [None] * 3
    assert found.by_provider == found.by_day == found.most_used == found.evicted == ()
    assert not library.root.exists()


def test_real_narrations_are_counted_at_both_levels(library):
    narrate(library, "um", "dois", "um")  # 2 chunks made, 1 narration made
    narrate(library, "um", "três")  # 1 found, 1 made, 1 narration made
    for _ in range(2):
        narrate(library, "um", "dois", "um")  # found as a whole: its 2 chunks are spared
    found = measure_cache(library.root)
    utterances, narrations = found.totals
    assert counts(utterances) == (1, 3, 0, 0)
    assert counts(narrations) == (2, 2, 0, 4)
    assert (utterances.hit_rate, narrations.hit_rate) == (0.25, 0.5)
    assert counts(found.overall) == (5, 3, 0, 4)
    assert found.overall.hit_rate == 5 / 8
    assert [counts(rate) for rate in found.by_provider] == [counts(rate) for rate in found.totals]
    assert {(rate.provider, rate.voice) for rate in found.by_voice} == {("espeak", "pt-br+f2")}
    # Two narrations of 3 s; the chunk of 0.1 s. Each chunk took 0.25 s.
    assert found.saved.audio_s == pytest.approx(2 * 3 + 0.1)
    assert found.saved.cpu_s == pytest.approx((4 + 1) * 0.25)
    assert (found.saved.hits, found.saved.chunks) == (3, 5)
    mp3 = library.find_narration(make_script("um", "dois", "um").key, "mp3").path.stat().st_size
    flac = library.find_utterance(make_chunk("um")).path.stat().st_size
    assert found.saved.bytes == 2 * mp3 + flac
    utterance, narration = found.holdings
    assert (utterance.objects, narration.objects) == (3, 2)
    assert (utterance.unused_objects, narration.unused_objects) == (2, 1)
    assert utterance.audio_s == pytest.approx(0.3)
    assert [(used.hits, used.level, used.text) for used in found.most_used] == [
        (2, "narration", None),
        (1, "utterance", "um"),
    ]
    on_disk = sum(
        path.stat().st_size
        for path in (library.root / "objects").rglob("*")
        if path.is_file() and path.suffix != ".json"
    )
    assert sum(holding.bytes for holding in found.holdings) == on_disk


def test_what_another_process_registered_first_is_a_miss_and_made_in_vain(library):
    register_chunk(library, "um")
    library.register_utterance(
        make_chunk("um"),
        make_waveform(4410),
        provider="espeak",
        revision="espeak-ng-1.52",
        synthesis_s=0.75,
    )
    narrate(library, "um")
    script = make_script("um")
    mastered = make_mastered(library.root / "out.mp3", script)
    library.register_narration(script, mastered, synthesis_s=0.5, synthesized_chunks=1)
    found = measure_cache(library.root)
    assert [counts(rate) for rate in found.totals] == [(1, 1, 1, 0), (0, 1, 1, 0)]
    assert found.totals[0].hit_rate == 1 / 3
    assert found.in_vain == (
        InVain("utterance", 1, 0.2, 0.75),
        InVain("narration", 1, 1.0, 0.5),
    )


def test_what_came_out_of_an_archive_was_neither_found_nor_made(library, past):
    past.register("utterance", KEYS[0], imported=True, bytes=10, duration_s=2.0, synthesis_s=1.0)
    past.register("utterance", KEYS[1], imported=False, spoken='a palavra "imported": true')
    past.register("narration", KEYS[2], imported=True, chunks=1, chunk_keys=[KEYS[0]])
    past.add("narration_duplicate", KEYS[2], imported=True)
    past.hit("utterance", KEYS[0])
    past.hit("narration", KEYS[2], duration_s=3.0)
    found = measure(library)
    assert [counts(rate) for rate in found.totals] == [(1, 1, 0, 0), (1, 0, 0, 1)]
    assert found.in_vain[1].objects == 0
    assert found.holdings[0].objects == 2, "it is there all the same"
    assert found.saved.cpu_s == 2.0, "and what it cost elsewhere is saved here"


def test_rates_are_by_provider_voice_and_utc_day(library, past):
    past.hit("utterance", KEYS[0], 0)  # 15 January, 08:00 UTC
    past.hit("utterance", KEYS[0], 8 * 3600 + 1)  # the 14th, 23:59:59 UTC, whatever Brazil says
    past.register("utterance", KEYS[1], 8 * 3600, provider="bark", voice="v2/pt_1")
    past.register("utterance", KEYS[2], DAY_S, provider="bark", voice="v2/pt_2")
    past.add("utterance_hit", KEYS[3])
    found = measure(library)
    assert [(rate.provider, rate.hits, rate.misses) for rate in found.by_provider] == [
        ("bark", 0, 2),
        ("espeak", 2, 0),
        (None, 1, 0),
    ]
    assert [(rate.voice, rate.requests) for rate in found.by_voice] == [
        ("v2/pt_1", 1),
        ("v2/pt_2", 1),
        ("pt-br+f2", 2),
        (None, 1),
    ]
    assert [(rate.day, rate.hits, rate.misses) for rate in found.by_day] == [
        ("2027-01-14", 1, 1),
        ("2027-01-15", 2, 1),
    ]


def test_since_counts_the_events_of_that_time_only(library, past):
    past.register("utterance", KEYS[0], 9 * DAY_S, duration_s=1.0, synthesis_s=2.0, bytes=5)
    past.hit("utterance", KEYS[0], 8 * DAY_S)
    past.hit("utterance", KEYS[0], 6 * DAY_S)
    past.hit("utterance", KEYS[0], -DAY_S)  # by a clock that was ahead
    found = measure(library, since_s=7 * DAY_S)
    assert counts(found.totals[0]) == (2, 0, 0, 0)
    assert (found.saved.audio_s, found.saved.bytes, found.saved.cpu_s) == (2.0, 10, 4.0)
    assert found.most_used[0].hits == 3, "what lies there is told of all times"
    assert counts(measure(library).totals[0]) == (3, 1, 0, 0)
    assert counts(measure(library, since_s=1e300).totals[0]) == (3, 1, 0, 0)


@pytest.mark.parametrize("since_s", [-1.0, math.nan, math.inf])
def test_a_time_that_is_none_is_refused(library, since_s):
    with pytest.raises(InputError) as caught:
        measure(library, since_s=since_s)
    assert caught.value.field == "since_s"


# Savings


def test_seconds_are_saved_where_they_would_have_been_spent(library, past):
    for n, provider in enumerate(("bark", "gtts", "kokoro")):
        past.register(
            "utterance", KEYS[n], provider=provider, duration_s=4.0, synthesis_s=n + 1.0, bytes=100
        )
        past.hit("utterance", KEYS[n], provider=provider, duration_s=4.0)
        past.register(
            "narration",
            KEYS[n + 3],
            provider=provider,
            duration_s=9.0,
            bytes=1000,
            chunks=3,
            chunk_keys=[KEYS[n], KEYS[n]],
        )
        past.hit("narration", KEYS[n + 3], provider=provider, duration_s=9.0)
    saved = measure(library).saved
    assert (saved.gpu_s, saved.network_s, saved.cpu_s) == (2.0, 4.0, 6.0)
    assert (saved.provider_requests, saved.estimated_s) == (2, 0.0)
    assert (saved.audio_s, saved.bytes, saved.hits, saved.chunks) == (39.0, 3300, 6, 6)
    elsewhere = measure(library, gpu_providers=(), network_providers={"bark", "gtts"}).saved
    assert (elsewhere.gpu_s, elsewhere.network_s, elsewhere.cpu_s) == (0.0, 6.0, 6.0)
    assert elsewhere.provider_requests == 4


def test_what_is_not_known_is_estimated_by_its_duration(library, past):
    # bark: 6 s of synthesis for 4 s of audio.
    past.register("utterance", KEYS[0], provider="bark", duration_s=4.0, synthesis_s=6.0, bytes=1)
    past.hit("utterance", KEYS[1], provider="bark", duration_s=2.0)  # lost: 3 s
    past.register(
        "narration", KEYS[2], provider="bark", duration_s=10.0, chunk_keys=[KEYS[0], KEYS[1]]
    )
    past.hit("narration", KEYS[2], provider="bark", duration_s=10.0)  # 6 s, and 6 s of audio: 9 s
    past.hit("narration", KEYS[3], provider="bark", duration_s=2.0)  # lost: 3 s
    past.hit("utterance", KEYS[4], provider="kokoro", duration_s=5.0)  # nobody knows
    saved = measure(library).saved
    assert saved.gpu_s == pytest.approx(3 + 6 + 9 + 3)
    assert saved.estimated_s == pytest.approx(15)
    assert (saved.unpriced_audio_s, saved.cpu_s) == (5.0, 0.0)
    assert saved.audio_s == 2 + 10 + 2 + 5
    assert (saved.bytes, saved.hits_of_unknown_size) == (0, 4)
    assert saved.chunks == 1 + 2 + 0 + 1


# What is there


def test_ages_and_sizes_are_distributed(library, past):
    for n, (age_days, n_bytes) in enumerate([(0.5, 9_999), (1, 10_000), (29, 0), (90, 20_000_000)]):
        past.register("utterance", KEYS[n], age_days * DAY_S, bytes=n_bytes)
    past.hit("utterance", KEYS[3], 2 * DAY_S)
    past.register("narration", KEYS[5], -5 * DAY_S)  # from the future, of unknown size
    found = measure(library)
    assert [each.objects for each in found.ages] == [1, 1, 1, 0, 1, *(1, 0, 0, 0, 0)]
    assert [each.objects for each in found.ages_since_use] == [1, 2, 1, 0, 0, *(1, 0, 0, 0, 0)]
    assert [each.bytes for each in found.ages_since_use[:3]] == [9_999, 20_010_000, 0]
    assert [each.objects for each in found.sizes] == [2, 1, 0, 0, 0, 0, 0, 1, 1, *[0] * 7]
    assert [(each.at_least, each.below) for each in found.ages[3:6]] == [
        (30, 90),
        (90, None),
        (0, 1),
    ]
    utterances, narrations = found.holdings
    assert (utterances.bytes, utterances.unused_objects, utterances.unused_bytes) == (
        20_019_999,
        3,
        19_999,
    )
    assert (narrations.objects, narrations.bytes, narrations.audio_s) == (1, 0, 0.0)


def test_the_most_used_are_ten_at_most(library, past):
    for n in range(12):
        past.register("utterance", f"{n:064x}", spoken=f"frase {n}", duration_s=1.0)
        for _ in range(n):
            past.hit("utterance", f"{n:064x}")
    assert [(used.hits, used.text) for used in measure(library).most_used] == [
        (n, f"frase {n}") for n in range(11, 1, -1)
    ]


# Evictions


def test_evictions_and_what_had_to_be_made_again(library, past):
    about = {**VOICE, "duration_s": 2.0, "bytes": 100, "created_at": NOW_S}
    past.register("utterance", KEYS[0], 9 * DAY_S, duration_s=2.0, synthesis_s=3.0)
    past.add("utterance_evicted", KEYS[0], 8 * DAY_S, **about, reason="size")
    past.register("utterance", KEYS[0], 3 * DAY_S, duration_s=2.0, synthesis_s=4.0)
    past.add("utterance_evicted", KEYS[0], 2 * DAY_S, **about, reason="size")
    past.register("utterance", KEYS[0], 1 * DAY_S, duration_s=2.0, synthesis_s=5.0)
    past.register("utterance", KEYS[1], 3 * DAY_S)
    past.add("utterance_evicted", KEYS[1], 2 * DAY_S, **about, reason="age")
    past.register("utterance", KEYS[1], 1 * DAY_S, imported=True)
    past.add("narration_evicted", KEYS[2], 1 * DAY_S, bytes="many")
    found = measure(library)
    assert found.evicted == (
        Evicted("utterance", "age", 1, 100, 2.0),
        Evicted("utterance", "size", 2, 200, 4.0),
        Evicted("narration", None, 1, 0, 0.0),
    )
    assert found.made_again == (
        MadeAgain("utterance", 2, 4.0, 9.0),
        MadeAgain("narration", 0, 0.0, 0.0),
    )
    lately = measure(library, since_s=2.5 * DAY_S)
    assert [each.objects for each in lately.evicted] == [1, 1, 1]
    assert lately.made_again[0] == MadeAgain("utterance", 1, 2.0, 5.0)
    assert measure(library, since_s=5 * DAY_S).made_again[0].objects == 2, "evicted before that"


def test_the_journal_still_knows_what_was_evicted(library, past):
    """A row that is gone from the catalog costs what its last registration says."""
    past.register("utterance", KEYS[0], 60, duration_s=2.0, synthesis_s=1.0, bytes=1)
    past.register("utterance", KEYS[0], duration_s=2.0, synthesis_s=7.0, bytes=30)
    past.register("narration", KEYS[1], duration_s=2.0, bytes=40, chunks=1, chunk_keys=[KEYS[0]])
    past.hit("utterance", KEYS[0], duration_s=2.0)
    past.hit("narration", KEYS[1], duration_s=2.0)
    before = measure(library)
    index(library.root)
    with duckdb.connect(str(library.root / "catalog.duckdb")) as connection:
        connection.execute("delete from utterances; delete from narrations")
    after = measure(library)
    assert after.holdings[0].objects == after.holdings[1].objects == 0
    assert (after.saved, after.totals) == (before.saved, before.totals)
    assert (after.saved.cpu_s, after.saved.bytes, after.saved.chunks) == (14.0, 70, 2)


# Nonsense, damage


def test_nonsense_in_events_stops_nothing(library, past):
    huge = {"bytes": 2**63 - 1, "duration_s": 1e300, "synthesis_s": 1e308, "chunks": 2**63 - 1}
    for level in ("utterance", "narration"):
        past.register(level, KEYS[0], **huge, chunk_keys="none")
        past.register(level, KEYS[1], bytes=-5, duration_s=-1.0, synthesis_s="long", chunks=-1)
        past.register(level, "../../etc/passwd", chunk_keys=[None, 7, {"a": []}], bytes=1.5)
        for key in (*KEYS[:3], "x", None):
            for _ in range(3):
                past.add(f"{level}_hit", key, duration_s=1e300)
                past.add(f"{level}_hit", key, -1e9, provider=["no"], voice={}, imported=True)
        past.add(f"{level}_evicted", None, bytes=[1], reason={"a": 1})
    past.add("_evicted".strip("_"), KEYS[0])
    past.hit("narration", "../../etc/passwd")
    found = measure(library)
    assert found.totals[0].hits == 30
    assert found.saved.audio_s == 0.0
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert statistics_tables(found)


def test_wherever_a_catalog_is_damaged_it_is_said_or_read_around(library):
    for n in range(2000):
        noise = hashlib.sha256(bytes([n % 256, n // 256])).hexdigest()
        library.record("utterance_registered", noise, **VOICE, created_at=NOW_S, noise=noise * 3)
    index(library.root)
    expected = measure(library)
    path = library.root / "catalog.duckdb"
    whole = path.read_bytes()
    outcomes = set()
    for block in range(12288, len(whole), 262144):
        path.write_bytes(whole[:block] + bytes(64) + whole[block + 64 :])
        with contextlib.suppress(CatalogError):
            outcomes.add(measure(library) == expected)
            continue
        with pytest.raises(CatalogError, match="narrate catalog rebuild"):
            measure(library)
        outcomes.add("said")
    assert outcomes == {True, "said"}


# Everywhere the same


def test_live_indexed_and_rebuilt_statistics_agree(library):
    for texts in (("um", "dois"), ("um", "três"), ("um", "dois"), ("quatro",)):
        narrate(library, *texts)
    register_chunk(library, "um")
    now_s = time.time()
    live = measure_cache(library.root, now_s=now_s)
    index(library.root)
    assert measure_cache(library.root, now_s=now_s) == live
    rebuild(library.root)
    assert measure_cache(library.root, now_s=now_s) == live
    narrate(library, "um", "dois")
    assert measure_cache(library.root, now_s=now_s).totals[1].hits == live.totals[1].hits + 1


def test_statistics_are_json_and_need_no_pandas(library):
    narrate(library, "um")
    narrate(library, "um")
    code = (
        "import json, sys; from tts_tasks.catalog.statistics import measure_cache;"
        "print(json.dumps(measure_cache(sys.argv[1]).as_dict(), allow_nan=False));"
        "sys.exit('pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(library.root)], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert told["totals"][1]["hit_rate"] == 0.5
    assert told["overall"]["requests"] == 2
    assert told["saved"]["hits"] == 1


eighths = st.integers(0, 80).map(lambda n: n / 8)
events = st.lists(
    st.tuples(
        st.sampled_from(["utterance", "narration"]),
        st.sampled_from(["registered", "duplicate", "hit", "hit", "evicted"]),
        st.sampled_from(KEYS[:4]),
        st.integers(-2, 12),  # days ago
        st.fixed_dictionaries(
            {},
            optional={
                "provider": st.sampled_from(["bark", "gtts", "espeak"]),
                "voice": st.sampled_from(["a", "b"]),
                "duration_s": eighths,
                "synthesis_s": eighths,
                "bytes": st.integers(0, 2**40),
                "imported": st.booleans(),
                "reason": st.sampled_from(["size", "age"]),
                "chunk_keys": st.lists(st.sampled_from(KEYS[:4]), max_size=3),
            },
        ),
    ),
    max_size=25,
)


def saved_according_to(lines, utterance_hits, narration_hits):
    """What the hits saved, computed without any SQL."""
    facts = {"utterance": {}, "narration": {}}
    for line in sorted(lines, key=lambda each: each["time"]):
        level, outcome = line["kind"].split("_")
        if outcome == "registered":
            facts[level][line["key"]] = line["fields"]
    spoken, heard = defaultdict(float), defaultdict(float)
    for each in facts["utterance"].values():
        if "synthesis_s" in each and each.get("duration_s"):
            spoken[each.get("provider")] += each["synthesis_s"]
            heard[each.get("provider")] += each["duration_s"]
    sums = defaultdict(float)

    def save(hit, known, measured_s, unmeasured_s, chunks):
        provider = hit["fields"].get("provider")
        sums["audio_s"] += known.get("duration_s", hit["fields"].get("duration_s", 0))
        sums["bytes"] += known.get("bytes", 0)
        sums["hits_of_unknown_size"] += "bytes" not in known
        sums["chunks"] += chunks
        where = {"bark": "gpu_s", "gtts": "network_s"}.get(provider, "cpu_s")
        sums["provider_requests"] += chunks if provider == "gtts" else 0
        sums[where] += measured_s
        if provider in heard:
            estimate_s = unmeasured_s * spoken[provider] / heard[provider]
            sums[where] += estimate_s
            sums["estimated_s"] += estimate_s
        else:
            sums["unpriced_audio_s"] += unmeasured_s

    for hit in utterance_hits:
        known = facts["utterance"].get(hit["key"], {})
        audio_s = known.get("duration_s", hit["fields"].get("duration_s", 0))
        is_measured = "synthesis_s" in known
        save(hit, known, known.get("synthesis_s", 0), 0 if is_measured else audio_s, 1)
    for hit in narration_hits:
        known = facts["narration"].get(hit["key"], {})
        audio_s = known.get("duration_s", hit["fields"].get("duration_s", 0))
        chunks = [facts["utterance"].get(key, {}) for key in set(known.get("chunk_keys", ()))]
        measured = [each for each in chunks if "synthesis_s" in each]
        left_s = max(audio_s - sum(each.get("duration_s", 0) for each in measured), 0)
        is_all = chunks and len(measured) == len(chunks)
        measured_s = sum(each["synthesis_s"] for each in measured)
        save(hit, known, measured_s, 0 if is_all else left_s, len(chunks))
    return {name: sums[name] for name in NAMES_OF_SAVED}


NAMES_OF_SAVED = (
    *("audio_s", "bytes", "hits_of_unknown_size", "chunks", "gpu_s", "cpu_s", "network_s"),
    *("estimated_s", "unpriced_audio_s", "provider_requests"),
)


@settings(max_examples=20, deadline=None)
@given(events, st.sampled_from([None, 3.5 * DAY_S]), st.booleans())
def test_totals_are_those_of_the_journal_lines(tmp_path_factory, told, since_s, is_indexed):
    library = Library(tmp_path_factory.mktemp("home") / "library", durable=False)
    past = Past(library.root)
    for n, (level, outcome, key, days, fields) in enumerate(told):
        age_s = days * DAY_S - n / 8  # no two at once: of several registrations the newest tells
        more = {"created_at": NOW_S - age_s} if outcome == "registered" else {}
        past.add(f"{level}_{outcome}", key, age_s, **fields, **more)
    past.journal.close()
    if is_indexed:
        index(library.root)
    found = measure(library, since_s=since_s)

    lines = [
        json.loads(line)
        for path in sorted((library.root / "journal").glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    lately = [line for line in lines if since_s is None or line["time"] >= NOW_S - since_s]

    def of(*kinds, lines=lately):
        asked = [line for line in lines if line["kind"] in kinds]
        return [
            line
            for line in asked
            if line["kind"].endswith(("_hit", "_evicted")) or not line["fields"].get("imported")
        ]

    def seconds(lines, name="duration_s"):
        return sum(line["fields"].get(name, 0) for line in lines)

    rates = {rate.level: rate for rate in found.totals}
    for level in ("utterance", "narration"):
        rate = rates[level]
        expected = [len(of(f"{level}_{kind}")) for kind in ("hit", "registered", "duplicate")]
        assert [rate.hits, rate.registered, rate.duplicates] == expected
        vain = of(f"{level}_duplicate")
        assert found.in_vain[level == "narration"] == InVain(
            level, len(vain), seconds(vain), seconds(vain, "synthesis_s")
        )
        evicted = of(f"{level}_evicted")
        told_of = [each for each in found.evicted if each.level == level]
        assert sum(each.objects for each in told_of) == len(evicted)
        assert sum(each.bytes for each in told_of) == seconds(evicted, "bytes")
        again = 0
        for key in KEYS:
            gone = False
            story = [line for line in lines if line["key"] == key]
            for line in sorted(story, key=lambda each: (each["time"], each["kind"])):
                if line["kind"] == f"{level}_evicted":
                    gone = True
                elif line["kind"] == f"{level}_registered":
                    again += gone and line in of(f"{level}_registered")
                    gone = False
        assert found.made_again[level == "narration"].objects == again
    assert counts(found.overall)[:3] == (
        rates["utterance"].hits + rates["narration"].chunks_spared,
        rates["utterance"].registered,
        rates["utterance"].duplicates,
    )
    for parts in (found.by_provider, found.by_voice, found.by_day):
        for level in ("utterance", "narration"):
            mine = [counts(rate) for rate in parts if rate.level == level]
            assert tuple(map(sum, zip(*mine, strict=True))) == (
                counts(rates[level]) if mine else ()
            )
    assert {rate.day for rate in found.by_day} == {
        time.strftime("%Y-%m-%d", time.gmtime(line["time"]))
        for line in of(*(f"{a}_{b}" for a in rates for b in ("hit", "registered", "duplicate")))
    }
    # Of what the library holds now the catalog's own rows are the judge.
    with connect(library.root) as connection:
        held = connection.execute(
            "select count(*), coalesce(sum(bytes), 0)::bigint, coalesce(sum(duration_s), 0),"
            " count(*) filter (hits = 0) from utterances"
        ).fetchone()
    utterances = found.holdings[0]
    assert held == (
        utterances.objects,
        utterances.bytes,
        utterances.audio_s,
        utterances.unused_objects,
    )
    for level, holding in zip(rates, found.holdings, strict=True):
        for distribution in (found.ages, found.ages_since_use, found.sizes):
            buckets = [each for each in distribution if each.level == level]
            assert sum(each.objects for each in buckets) == holding.objects
            assert sum(each.bytes for each in buckets) == holding.bytes
    saved = found.saved
    expected = saved_according_to(lines, of("utterance_hit"), of("narration_hit"))
    assert {name: getattr(saved, name) for name in expected} == pytest.approx(expected)
    assert saved.hits == sum(rate.hits for rate in found.totals)
    assert saved.chunks == found.overall.hits
    assert saved.estimated_s <= saved.gpu_s + saved.cpu_s + saved.network_s + 1e-9


# Tables


def test_tables_are_in_the_units_of_people(library, past, capsys):
    past.register(
        "utterance", KEYS[0], 2 * DAY_S, duration_s=5.0, bytes=1_400_000_000, spoken="[/b] um"
    )
    for _ in range(7):
        past.hit("utterance", KEYS[0], duration_s=5.0)
    past.add("utterance_evicted", KEYS[1], reason="size", bytes=2048, duration_s=90.0)
    tables = {
        title: (columns, rows)
        for title, columns, rows in statistics_tables(measure(library, since_s=7 * DAY_S))
    }
    for columns, rows in tables.values():
        assert rows
        assert {len(row) for row in rows} == {len(columns)}
    assert tables["asked of the library, last 7.0 days"][1][0] == (
        *("chunks", 8, 7, 1, 0, "87.5 %"),
        "",
    )
    assert tables["evicted, last 7.0 days"][1] == [("chunks", "size", 1, "2.0 kB", "1.5 min")]
    assert "made in vain, last 7.0 days" not in tables
    for title, (columns, rows) in tables.items():
        show_table(columns, rows, title)
    shown = capsys.readouterr().out
    assert "[/b] um" in shown
    assert "1.4 GB" in shown


def test_a_table_of_many_days_says_what_it_leaves_out(library, past):
    for day in range(20):
        past.hit("utterance", KEYS[0], day * DAY_S)
    (days,) = [table for table in statistics_tables(measure(library)) if "by day" in table[0]]
    assert days[0] == "by day, UTC; the last 14 of 20"
    assert days[2][0][0] == "2027-01-02"
    assert len(days[2]) == 14


def test_units():
    assert [duration(each) for each in (None, 0, 59.94, 59.96, 3599, 44280, 200000, 1e9)] == [
        *("–", "0.0 s", "59.9 s", "1.0 min", "1.0 h", "12.3 h", "2.3 days", "11,574.1 days")
    ]
    assert [size(each) for each in (None, 999, 1000, 999_949, 999_950, 1.4e9, 2e15)] == [
        *("–", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "1.4 GB", "2,000.0 TB")
    ]
    assert [percent(each) for each in (None, 0.0, 0.875, 1.0)] == [
        "–",
        "0.0 %",
        "87.5 %",
        "100.0 %",
    ]
    rate = Rate("utterance", None, None, None, 0, 0, 0, 0)
    assert rate.as_dict() == {**asdict(rate), "misses": 0, "requests": 0, "hit_rate": None}
