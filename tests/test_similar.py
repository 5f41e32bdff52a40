import shutil
import threading
import unicodedata
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq

from tests.support.catalog import make_script, make_waveform, register_chunk
from tts_tasks.catalog import evict
from tts_tasks.catalog import similar as module
from tts_tasks.catalog.alike import MOST, PIECE, Packed, Texts, folded
from tts_tasks.catalog.index import index, rebuild
from tts_tasks.catalog.journal import Journal, open_journal
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.lookup import look_up
from tts_tasks.catalog.reading import connect
from tts_tasks.catalog.selection import Selection
from tts_tasks.catalog.similar import MAX_CHARS, Match, forget, similar
from tts_tasks.errors import CatalogError, EmptyTextError, InputError, TextTooLongError

COLUMNS = "key, written, spoken, provider, voice, duration_s"


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library", durable=False)


@pytest.fixture(autouse=True)
def _forgetting():
    forget()
    yield
    forget()


def score(one, other):
    """How like two texts are, from the definition: no percentage, no cutoff."""
    one, other = folded(one), folded(other)
    return 2 * LCSseq.similarity(one, other) / (len(one) + len(other))


def by_brute_force(root, text, threshold, voice=None, provider=None, limit=10):
    """Compare with every row, as the contract says."""
    with connect(root, live=True) as connection:
        rows = connection.execute(
            f"select {COLUMNS}, epoch_us(created_at) from utterances where written is not null"
        ).fetchall()
    matches = [
        (-score(text, row[1]), -row[-1], Match(*row[:-1], score=score(text, row[1])))
        for row in rows
        if voice in (None, row[4]) and provider in (None, row[3])
    ]
    near = [match for match in matches if match[2].score >= threshold]
    near.sort(key=lambda found: (*found[:2], found[2].key))
    return tuple(match for *_, match in near[:limit])


def written(matches):
    return [match.written for match in matches]


def keep(library, text, *, provider="espeak", voice="a", created_at=None, seed=0, spoken=None):
    """Write an event that registers an utterance, without the audio."""
    key = f"{abs(hash((text, provider, voice, seed))):064x}"[-64:]
    fields = {"written": text, "spoken": spoken or text, "provider": provider, "voice": voice}
    fields |= {"duration_s": 1.0, "created_at": created_at or 1.8e9, "sha256": "s"}
    library.record("utterance_registered", key, **fields)
    return key


# What is like what


words = st.text(st.sampled_from("aábcç o\u0301éÉ ßſİ😀,.1"), max_size=24)
sentences = st.lists(
    st.sampled_from(["a média", "soma", "É", "dos valores", "x²", "  ", "não", "MÉDIA", "1.000"]),
    min_size=1,
    max_size=9,
).map(" ".join)
thresholds = st.one_of(
    st.sampled_from([0.0, 1.0, 0.8, 0.5, 2 / 3, 0.1, 1e-9]),
    st.integers(0, 100).map(lambda n: n / 100),
    st.floats(0, 1),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(words | sentences, max_size=30), words | sentences, thresholds)
@example(["x" * 300 + "y" * 20, "x" * 700, "x" * MOST, "x" * (MOST + 1)], "x" * 600, 0.6)
@example(["ab" * 400], "ba" * 300, 0.5)
def test_no_text_is_missed_and_none_is_added(texts, text, threshold):
    texts = list({folded(each): None for each in texts})
    if not (text := folded(text)):
        return
    ids, scores = Texts(texts).like(text, threshold)
    expected = {n: score(text, each) for n, each in enumerate(texts)}
    assert dict(zip(ids.tolist(), scores.tolist(), strict=True)) == {
        n: s for n, s in expected.items() if s >= threshold
    }
    for n, each in enumerate(texts):
        assert expected[n] == pytest.approx(fuzz.ratio(text, each) / 100, abs=1e-12)


@pytest.mark.parametrize("wrong", range(1, 20))
def test_a_text_exactly_at_the_threshold_is_a_match(wrong):
    # Of 20 letters some differ: the score is a round decimal, which 1 - x / 20 is not always.
    text, other = "a" * 20, "a" * (20 - wrong) + "b" * wrong
    threshold = round((20 - wrong) / 20, 2)
    ids, scores = Texts([other]).like(text, threshold)
    assert (ids.tolist(), scores.tolist()) == ([0], [threshold])
    assert not len(Texts([other]).like(text, np.nextafter(threshold, 1))[0])


def test_texts_beyond_one_piece_are_compared():
    texts = [f"{n:06d}" for n in range(PIECE + 100)]
    ids, _ = Texts(texts).like(texts[-1], 1.0)
    assert ids.tolist() == [len(texts) - 1]
    ids, _ = Texts(texts).like(texts[-1], 0.0)
    assert sorted(ids.tolist()) == list(range(len(texts)))


def test_packed_strings_come_back():
    strings = ["", "ação", "😀", "a\0b", ""]
    packed = Packed(strings)
    assert [packed[n] for n in range(5)] == strings
    assert packed.take(np.array([3, 0])) == ["a\0b", ""]


@pytest.mark.parametrize(
    ("kept", "asked", "expected"),
    [
        ("A MÉDIA é a soma.", "a média É a SOMA.", 1.0),
        ("uma  linha\n e outra", " uma linha e\toutra ", 1.0),
        (unicodedata.normalize("NFD", "ação"), unicodedata.normalize("NFC", "ação"), 1.0),
        ("Straße", "STRASSE", 1.0),
        ("média", "media", 0.8),
        ("abcd", "wxyz", 0.0),
    ],
)
def test_case_blanks_and_the_form_of_unicode_make_no_difference(library, kept, asked, expected):
    register_chunk(library, kept)
    (match,) = similar(library.root, asked, threshold=0)
    assert match.score == expected
    assert match.written == kept, "it is returned as it was kept"


# The library


@pytest.mark.parametrize("state", ["absent", "empty", "indexed"])
def test_an_empty_library_has_no_match(library, state):
    if state != "absent":
        library.root.mkdir()
    if state == "indexed":
        index(library.root)
    assert similar(library.root, "um", threshold=0) == ()
    if state == "absent":
        assert not library.root.exists(), "reading writes nothing"


@pytest.mark.parametrize("indexed", [False, True])
def test_a_match_says_what_is_kept(library, indexed):
    made = register_chunk(library, "A soma dos valores.")
    register_chunk(library, "Outra coisa, bem diferente.")
    if indexed:
        index(library.root)
    assert similar(library.root, "a soma dos valores") == (
        Match(
            key=made.chunk.key,
            written="A soma dos valores.",
            spoken="A soma dos valores.",
            provider="espeak",
            voice="pt-br+f2",
            duration_s=0.1,
            score=score("a soma dos valores", "A soma dos valores."),
        ),
    )


def test_what_was_written_is_compared_not_what_is_spoken(library):
    keep(library, "São 25 km.", spoken="São vinte e cinco quilômetros.")
    index(library.root)
    (match,) = similar(library.root, "são 25 km")
    assert match.spoken == "São vinte e cinco quilômetros."
    assert similar(library.root, "São vinte e cinco quilômetros.") == ()


def test_the_best_come_first_then_the_newest_then_by_key(library):
    keys = {
        (text, voice, created): keep(library, text, voice=voice, created_at=created)
        for text, voice, created in [
            ("soma dos valores", "a", 1.8e9),
            ("soma dos valores", "b", 1.9e9),
            ("soma dos valores", "c", 1.8e9),
            ("soma dos valore", "a", 1.9e9),
        ]
    }
    expected = [
        keys["soma dos valores", "b", 1.9e9],
        *sorted([keys["soma dos valores", "a", 1.8e9], keys["soma dos valores", "c", 1.8e9]]),
        keys["soma dos valore", "a", 1.9e9],
    ]
    for _ in range(2):
        for limit in (1, 2, 3, 4, 10):
            found = similar(library.root, "soma dos valores", limit=limit)
            assert [match.key for match in found] == expected[:limit]
        index(library.root)


def test_voices_and_providers_can_be_chosen(library):
    for provider in ("p", "q"):
        for voice in ("a", "b"):
            keep(library, "a soma", provider=provider, voice=voice)
    index(library.root)
    keep(library, "a soma", provider="q", voice="c")

    def found(**chosen):
        return {(m.provider, m.voice) for m in similar(library.root, "a soma", **chosen)}

    assert len(found()) == 5
    assert found(voice="b") == {("p", "b"), ("q", "b")}
    assert found(provider="q") == {("q", "a"), ("q", "b"), ("q", "c")}
    assert found(provider="p", voice="a") == {("p", "a")}
    assert (
        found(voice="c", provider="p") == found(voice="d'água\0") == found(voice="\ud800") == set()
    )


steps = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), sentences, st.integers(0, 3)),
        st.tuples(st.just("hit"), sentences, st.integers(0, 3)),
        st.tuples(st.just("ask"), sentences, st.integers(0, 3)),
        *(
            st.tuples(st.just(step), st.just(""), st.just(0))
            for step in ("index", "rebuild", "clear", "lose the catalog")
        ),
    ),
    min_size=4,
    max_size=20,
)


@settings(max_examples=15, deadline=None)
@given(
    steps,
    thresholds,
    st.sampled_from([None, "v0", "v1"]),
    st.integers(1, 5),
    st.sampled_from([0, 3, 2_000]),
)
def test_every_answer_is_that_of_a_comparison_with_every_row(
    tmp_path_factory, steps, threshold, voice, limit, most_changes
):
    library = Library(tmp_path_factory.mktemp("home") / "library", durable=False)
    with mock.patch.object(module, "MOST_CHANGES", most_changes):
        check_every_answer(library, steps, threshold, voice, limit)


def check_every_answer(library, steps, threshold, voice, limit):
    for step, text, n in [*steps, ("ask", "a média dos valores", 0)]:
        about = {"provider": f"p{n // 2}", "voice": f"v{n % 2}"}
        match step:
            case "rebuild":
                rebuild(library.root)
            case "clear":
                evict.clear(library, Selection(voice="v0"))
            case "lose the catalog":
                (library.root / "catalog.duckdb").unlink(missing_ok=True)
            case "keep":
                keep(library, text, **about, created_at=1.8e9 + n)
            case "hit":
                key = f"{abs(hash((text, *about.values(), 0))):064x}"[-64:]
                library.record("utterance_hit", key)
            case "index":
                index(library.root)
            case "ask" if text.strip():
                given = (text, threshold, voice, "p0" if n == 3 else None, limit)
                assert similar(library.root, *given) == by_brute_force(library.root, *given)


def test_what_was_just_registered_is_found(library):
    register_chunk(library, "frase um")
    index(library.root)
    assert written(similar(library.root, "frase um", 0.7)) == ["frase um"]
    register_chunk(library, "frase dois")
    assert written(similar(library.root, "frase dois", 1)) == ["frase dois"]
    Journal(library.root / "journal").append(
        "utterance_registered",
        "ab" * 32,
        {"written": "de outro processo", "created_at": 1.8e9, "provider": "p", "voice": "v"},
    )
    assert similar(library.root, "de outro processo", 1)[0].duration_s is None


def test_an_entry_that_is_registered_again_is_found_as_it_is_now(library):
    key = keep(library, "a soma", created_at=1.8e9)
    index(library.root)
    assert written(similar(library.root, "a soma")) == ["a soma"]
    fields = {"written": "o produto", "spoken": "o produto", "created_at": 1.9e9}
    library.record("utterance_registered", key, **fields)
    assert similar(library.root, "a soma") == ()
    assert [match.key for match in similar(library.root, "o produto")] == [key]


@pytest.mark.parametrize("is_indexed", [False, True])
def test_what_was_evicted_is_not_found(library, is_indexed):
    register_chunk(library, "a soma")
    register_chunk(library, "a soma!")
    index(library.root)
    assert len(similar(library.root, "a soma")) == 2
    assert evict.clear(library, Selection()).objects == 2
    if is_indexed:
        index(library.root)
    assert similar(library.root, "a soma") == ()
    register_chunk(library, "a soma!")
    assert written(similar(library.root, "a soma")) == ["a soma!"]


def test_a_published_catalog_that_is_replaced_is_read_again(library):
    keep(library, "a soma")
    index(library.root)
    assert len(similar(library.root, "a soma")) == 1
    keep(library, "a soma", voice="b")
    index(library.root)
    shutil.rmtree(library.root / "journal")
    assert len(similar(library.root, "a soma")) == 2
    (library.root / "catalog.duckdb").unlink()
    assert similar(library.root, "a soma") == ()


def test_a_catalog_that_is_published_while_it_is_read_costs_no_match(library, monkeypatch):
    keep(library, "a soma", voice="a")
    index(library.root)

    def connect_late(root, *, live):
        index(root)
        connection = connect(root, live=live)
        keep(library, "a soma", voice=f"after {len(calls)}")
        calls.append(root)
        index(root)
        return connection

    calls = []
    monkeypatch.setattr(module, "connect", connect_late)
    for n in range(1, 4):
        assert len(similar(library.root, "a soma")) == n
    monkeypatch.setattr(module, "connect", connect)
    assert len(similar(library.root, "a soma")) == 4


def tables_read(monkeypatch):
    """Return the list of what entries are read from."""
    tables, real = [], module._read_entries
    monkeypatch.setattr(
        module,
        "_read_entries",
        lambda connection, table: tables.append(table) or real(connection, table),
    )
    return tables


def test_of_a_later_catalog_only_what_changed_is_read(library, monkeypatch):
    for n in range(4):
        keep(library, f"a frase de número {n}")
    index(library.root)
    assert similar(library.root, "a frase de número 1")
    tables = tables_read(monkeypatch)
    for n in range(4, 8):
        keep(library, f"a frase de número {n}")
        if n % 2:
            index(library.root)
        (best, *_) = similar(library.root, f"a frase de número {n}")
        assert best.score == 1
    assert "library.main.utterances" not in tables
    evict.clear(library, Selection(voice="a"))
    index(library.root)
    assert similar(library.root, "a frase de número 1") == ()


def test_after_many_changes_everything_is_read_again(library, monkeypatch):
    monkeypatch.setattr(module, "MOST_CHANGES", 2)
    tables = tables_read(monkeypatch)
    for n in range(6):
        keep(library, f"a frase de número {n}")
        index(library.root)
        assert len(similar(library.root, f"a frase de número {n}", limit=50)) == n + 1
    assert tables.count("library.main.utterances") == 2


def test_hits_are_no_changes_and_what_a_hit_finds_is_one(library, monkeypatch):
    monkeypatch.setattr(module, "MOST_CHANGES", 2)
    chunks = [register_chunk(library, f"a frase de número {n}").chunk for n in range(5)]
    index(library.root)
    assert len(similar(library.root, "a frase de número 1", limit=50)) == 5
    tables = tables_read(monkeypatch)
    for chunk in chunks:
        library.use_utterance(chunk)
    index(library.root)
    assert len(similar(library.root, "a frase de número 1", limit=50)) == 5
    assert "library.main.utterances" not in tables
    # Its registration was lost with its writer: it is known from its first hit on.
    late = register_chunk(library, "a frase de número 9").chunk
    for path in (library.root / "journal").glob("*.jsonl"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if late.key not in line))
    library.use_utterance(late)
    index(library.root)
    assert len(similar(library.root, "a frase de número 1", limit=50)) == 6
    assert "library.main.utterances" in tables


def test_a_catalog_that_was_made_again_is_read_again(library, monkeypatch):
    """What no event tells, a rebuild finds."""
    register_chunk(library, "a soma")
    index(library.root)
    assert len(similar(library.root, "a soma")) == 1
    register_chunk(library, "a soma!")
    open_journal(library.root / "journal").close()
    shutil.rmtree(library.root / "journal")
    assert len(similar(library.root, "a soma")) == 1
    rebuild(library.root)
    tables = tables_read(monkeypatch)
    assert len(similar(library.root, "a soma")) == 2
    assert "library.main.utterances" in tables


def test_what_is_known_is_not_read_again(library, monkeypatch):
    chunk = register_chunk(library, "a soma").chunk
    index(library.root)
    register_chunk(library, "o produto")
    for _ in range(2):
        assert len(similar(library.root, "a soma")) == 1
    monkeypatch.setattr(module, "connect", None)
    monkeypatch.setattr(module, "load_tail", None)
    look_up(make_script("a soma"), library)
    library.record("narration_failed", chunk.key, code="empty_text")
    register_again = (chunk, make_waveform())
    library.register_utterance(*register_again, provider="p", revision="r", synthesis_s=0.0)
    assert len(similar(library.root, "a soma")) == len(similar(library.root, "o produto")) == 1
    register_chunk(library, "a média")
    with pytest.raises(TypeError):
        similar(library.root, "a soma")


def test_a_lost_journal_takes_its_entries_along(library):
    keep(library, "a soma")
    index(library.root)
    keep(library, "a soma", voice="b")
    for _ in range(2):
        assert len(similar(library.root, "a soma")) == 2
    shutil.rmtree(library.root / "journal")
    for _ in range(2):
        assert len(similar(library.root, "a soma")) == 1
    keep(library, "a soma", voice="c")
    assert len(similar(library.root, "a soma")) == 2


def test_the_catalog_made_again_has_the_same_matches(library):
    for n in range(5):
        register_chunk(library, f"frase {n}")
    live = similar(library.root, "frase 3", 0.5)
    index(library.root)
    indexed = similar(library.root, "frase 3", 0.5)
    rebuild(library.root)
    assert similar(library.root, "frase 3", 0.5) == indexed == live
    assert len(live) == 5


def test_a_damaged_catalog_is_read_from_the_journals(library, caplog):
    keep(library, "a soma")
    index(library.root)
    assert len(similar(library.root, "a soma")) == 1
    (library.root / "catalog.duckdb").write_bytes(b"no catalog")
    assert len(similar(library.root, "a soma")) == 1
    assert "reading the journals instead" in caplog.text


def test_damage_that_only_reading_meets_says_what_to_do(library, monkeypatch):
    keep(library, "a soma")
    index(library.root)

    def connect_to_damage(root, *, live):
        connection = connect(root, live=live)
        connection.execute("drop view memory.main.utterances; drop table live.utterances")
        return connection

    monkeypatch.setattr(module, "connect", connect_to_damage)
    with pytest.raises(CatalogError, match="narrate catalog rebuild"):
        similar(library.root, "a soma")


def test_the_memory_is_bounded_and_the_last_library_stays(tmp_path, monkeypatch):
    libraries = [Library(tmp_path / name, durable=False) for name in "abc"]
    for library in libraries:
        keep(library, "a soma")
        assert len(similar(library.root, "a soma")) == 1
    assert list(module._kept) == [library.root for library in libraries]
    assert len(similar(libraries[0].root, "a soma")) == 1
    sizes = [state.size_bytes for state in module._kept.values()]
    monkeypatch.setattr(module, "KEPT_BYTES", sum(sizes[1:]))
    similar(libraries[0].root, "a soma")
    assert list(module._kept) == [libraries[2].root, libraries[0].root]
    monkeypatch.setattr(module, "KEPT_BYTES", 0)
    assert len(similar(libraries[1].root, "a soma")) == 1
    assert list(module._kept) == [libraries[1].root]


def test_threads_may_ask_at_once(library):
    for n in range(20):
        keep(library, f"frase {n}", created_at=1.8e9 + n)
    index(library.root)
    answers = []

    def ask():
        answers.append(similar(library.root, "frase 7", 0.5, limit=20))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert set(answers) == {by_brute_force(library.root, "frase 7", 0.5, limit=20)}


def test_pandas_is_not_imported_for_an_answer(library):
    from tests.support.catalog import finish, start

    keep(library, "a soma")
    index(library.root)
    code = """
        import sys
        from tts_tasks.catalog.similar import similar
        print(len(similar(sys.argv[1], "a soma")), "pandas" in sys.modules)
    """
    assert finish(start(code, library.root)) == "1 False\n"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"text": ""}, EmptyTextError),
        ({"text": " \n\t"}, EmptyTextError),
        ({"text": None}, InputError),
        ({"text": b"um"}, InputError),
        ({"text": "a" * (MAX_CHARS + 1)}, TextTooLongError),
        ({"threshold": -0.1}, InputError),
        ({"threshold": 1.01}, InputError),
        ({"threshold": 80}, InputError),
        ({"threshold": float("nan")}, InputError),
        ({"threshold": "0.8"}, InputError),
        ({"threshold": True}, InputError),
        ({"threshold": None}, InputError),
        ({"limit": 0}, InputError),
        ({"limit": -1}, InputError),
        ({"limit": True}, InputError),
        ({"limit": 2.0}, InputError),
        ({"limit": "10"}, InputError),
        ({"voice": ""}, InputError),
        ({"provider": 7}, InputError),
    ],
)
def test_bad_input_is_named_with_a_remedy(library, given, error):
    ((field, value),) = given.items()
    with pytest.raises(error) as caught:
        similar(library.root, **({"text": "um"} | given))
    assert caught.value.field == field
    assert caught.value.remedy
    assert caught.value.value == (None if value is None else caught.value.value)


def test_a_text_of_the_greatest_length_is_looked_for(library):
    text = "a b" * (MAX_CHARS // 3)
    register_chunk(library, "um")
    keep(library, text)
    for threshold in (0.8, 0):
        assert similar(library.root, text, threshold)[0].score == 1
