"""The author's own pronunciations: the file, and which entries concern a text."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tts_tasks.engines.registry import ENGINES
from tts_tasks.errors import SourceError
from tts_tasks.script.lexicon import (
    MAX_ENTRY_CHARS,
    MAX_LEXICON_CHARS,
    PROVIDERS,
    check_lexicon,
    entries_in,
    merged,
    phonemes_of,
    read_lexicon,
    resolved,
    spoken_by,
    system_lexicon,
)
from tts_tasks.script.whole_words import clean_key, whole_words


@pytest.fixture
def lexicon(tmp_path: Path):
    """Return a function that writes a lexicon and reads it."""

    def written(text: str) -> dict[str, str | Mapping[str, str]]:
        path = tmp_path / "lexicon.yaml"
        path.write_text(text, encoding="utf-8")
        return read_lexicon(path)

    return written


def test_words_and_phonemes(lexicon) -> None:
    text = '# nomes\ndeploy: diplói\nKaggle: /ˈkæɡəl/\n"2": dois\nPower BI: "páuer bi-ai"\n'
    assert lexicon(text) == {
        "deploy": "diplói",
        "Kaggle": "/ˈkæɡəl/",
        "2": "dois",
        "Power BI": "páuer bi-ai",
    }


def test_an_entry_may_differ_by_provider(lexicon) -> None:
    text = "GitHub:\n  say: ' guitirrâb '\n  kokoro: /ɡˈitʃ hˈɐb/\n  gtts: GitHub\n"
    assert lexicon(text + "a: &x\n  bark: b\nb: *x\n") == {
        "GitHub": {"say": "guitirrâb", "kokoro": "/ɡˈitʃ hˈɐb/", "gtts": "GitHub"},
        "a": {"bark": "b"},
        "b": {"bark": "b"},
    }


def test_every_engine_may_be_named() -> None:
    assert ENGINES.keys() <= set(PROVIDERS)


def test_circles_of_one_provider_concern_no_other(lexicon) -> None:
    text = "a:\n  gtts: b\nb:\n  espeak: a\n"
    assert lexicon(text) == {"a": {"gtts": "b"}, "b": {"espeak": "a"}}


@pytest.mark.parametrize("text", ["", "# nada\n", "---\n", "{}", "~"])
def test_a_lexicon_may_be_empty(lexicon, text: str) -> None:
    assert lexicon(text) == {}


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: b: c", 1, "broken YAML"),
        ("a: b\n  c: d\n", 2, "broken YAML"),
        ("a: [b", 1, "broken YAML"),
        ("a: b\n---\nc: d\n", 2, "broken YAML"),
        ("[" * 5_000, 0, "broken YAML"),
        ("\n- a\n- b\n", 2, "not a mapping"),
        ("deploy", 1, "not a mapping"),
        ("a: b\nc: d\na: e\n", 3, "'a' is given a second time, after line 1"),
        ("Power BI: b\n'Power  BI': e\n", 2, "a second time"),
        ('a: b\n"": c\n', 2, "a term is empty"),
        ('a: b\n"  ": c\n', 2, "a term is empty"),
        ("? \n: c\n", 1, "a term is empty"),
        ("a: b\nc:\n", 2, "'c' has nothing after it"),
        ('a: b\nc: ""\n', 2, "'c' has nothing after it"),
        ("a: b\n2: dois\n", 2, 'YAML reads 2 as a number.*quote it: "2"'),
        ("no: não\n", 1, 'YAML reads no as true or false.*quote it: "no"'),
        ("a: yes\n", 1, 'YAML reads yes as true or false.*quote it: "yes"'),
        ("a: 1.5\n", 1, "YAML reads 1.5 as a number"),
        ("a: 2026-01-02\n", 1, "as a date"),
        ("~: b\n", 1, "YAML reads ~ as nothing"),
        ("a: !!python/name:os.system x\n", 1, "python/name"),
        ("a: b\nc: [d]\n", 2, "how to say it is a sequence, not text"),
        ("c:\n  say:\n    d: e\n", 3, "how to say it is a mapping, not text"),
        ("c:\n  d: e\n", 2, "'c' has 'd', which is neither say nor a provider; use say, kokoro"),
        ("c:\n  say: e\n  kokorro: /e/\n", 3, "'kokorro'.*did you mean kokoro"),
        ("c:\n  gtts: e\n  gtts: f\n", 3, "'c' has 'gtts' a second time, after line 2"),
        ("c:\n  gtts:\n", 2, "'c': gtts has nothing after it"),
        ("c:\n  gtts: 7\n", 2, "YAML reads 7 as a number"),
        ("c:\n  no: x\n", 2, "YAML reads no as true or false"),
        ("c:\n  kokoro: /x\n", 2, "has a single slash"),
        ("c: {}\n", 1, "'c' has nothing after it"),
        ("a: &a [x]\nb: [*a, *a]\nc: [*a, *a]\n", 1, "how to say it is a sequence"),
        ("a: &a\n  say: *a\n", 1, "how to say it is a mapping"),
        ("a: &a {say: x}\nb:\n  <<: *a\n", 3, "a merge key|is a mapping"),
        ("a: x\x07\n", 0, "broken YAML"),
        ("x: 1\na: b\n", 1, "YAML reads 1 as a number"),
        ("o: c\na: b\nb: a\n", 2, "line 2: 'a' and line 3: 'b' say each other"),
        ("c: a\nA b: c\na: A b\n", 1, "line 1: 'c', line 3: 'a' and line 2: 'A b' say each other"),
        ("o: a\npix: o pix\n", 2, "line 2: 'pix' says itself among other words"),
        ("a:\n  say: x\n  gtts: b\nb: a\n", 1, "line 1: 'a' and line 4: 'b' say each other"),
        (f"a: {'b ' * 99}\nb: '{'c' * 9}'\n", 1, "'a' says over 200 characters when the terms"),
        ("? [a]\n: b\n", 1, "a term is a sequence"),
        ("a: b\nKaggle: /ˈkæɡəl\n", 2, "has a single slash"),
        ("Kaggle: ˈkæɡəl/\n", 1, "has a single slash"),
        ("Kaggle: /\n", 1, "has a single slash"),
        ("Kaggle: //\n", 1, "no phonemes between its slashes"),
        ("Kaggle: / /\n", 1, "no phonemes between its slashes"),
        ("Kaggle: /a/b/\n", 1, "cannot be a phoneme mark"),
        ("'a|b': /c/\n", 1, "cannot be a phoneme mark"),
        ("'...': /c/\n", 1, "cannot be a phoneme mark"),
        ("Kaggle: '[[Kaggle|/x/]]'\n", 1, r"has one of \[ \] \|"),
        ("a: '...'\n", 1, "has no letter or digit"),
        (f"a: {'b' * (MAX_ENTRY_CHARS + 1)}\n", 1, "the limit is 200"),
        (f"{'b' * (MAX_ENTRY_CHARS + 1)}x: a\n", 1, "the limit is 200"),
    ],
)
def test_a_broken_lexicon_names_its_file_and_line(lexicon, text, line, problem) -> None:
    with pytest.raises(SourceError, match=problem) as caught:
        lexicon(text)
    assert str(caught.value).startswith("lexicon.yaml: ")
    assert f"line {line or ''}" in str(caught.value) or not line
    assert caught.value.remedy


def test_a_lexicon_that_is_too_long_says_so(lexicon) -> None:
    with pytest.raises(SourceError, match="over the limit of 100,000") as caught:
        lexicon("a: b\n" + "#" * MAX_LEXICON_CHARS)
    assert caught.value.field == "lexicon.yaml"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a: b\n" * 2_000_000, "over the limit of 100,000"),
        (b"\x89PNG\0\0" * 10, "is a binary file"),
        (b"\0" * 10_000_000, "is a binary file"),
        ("a: b\n".encode("utf-16"), "is UTF-16"),
        (b"{" * 90_000, "broken YAML"),
        (b"&a " * 30_000, "broken YAML"),
        (b"a: &a b\n" + b"b: *a\n" * 9, "'b' is given a second time"),
        (b"a: *b\n", "broken YAML"),
        (b"%YAML 9.9\n---\na: b\n", "broken YAML"),
    ],
)
def test_whatever_is_no_lexicon_says_so(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "lexicon.yaml"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=problem):
        read_lexicon(path)


@given(st.text())
@example("a: {say: {}}")
@example("? {a: b}\n: c")
def test_any_text_is_a_lexicon_or_an_error(tmp_path_factory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8")
    with suppress(SourceError):
        check_lexicon(read_lexicon(path))


def test_a_lexicon_that_is_not_utf8_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "lexicon.yaml").write_bytes("lição: x".encode("latin-1"))
    with pytest.raises(SourceError, match=r"lexicon\.yaml is not UTF-8.*line 1"):
        read_lexicon(tmp_path / "lexicon.yaml")
    with pytest.raises(SourceError, match="does not exist"):
        read_lexicon(tmp_path / "nada.yaml")


def test_a_lexicon_given_as_a_parameter_is_checked_too() -> None:
    check_lexicon({"a": "b", "Kaggle": "/x/"})
    with pytest.raises(SourceError, match="single slash") as caught:
        check_lexicon({"a": "b", "Kaggle": "/x"})
    assert caught.value.field == "lexicon"
    with pytest.raises(SourceError, match="not text"):
        check_lexicon({"a": 2})
    with pytest.raises(SourceError, match="not text"):
        check_lexicon({"a": {"say": 2}})
    with pytest.raises(SourceError, match="neither say nor a provider; did you mean espeak"):
        check_lexicon({"a": {"espeek": "b"}})
    with pytest.raises(SourceError, match="neither say nor a provider"):
        check_lexicon({"a": {2: "b"}})
    with pytest.raises(SourceError, match="nothing after it"):
        check_lexicon({"a": {}})
    with pytest.raises(SourceError, match="a -> b -> a") as caught:
        check_lexicon({"a": {"say": "x", "bark": "b"}, "b": "a"})
    assert caught.value.field == "lexicon"
    check_lexicon({"a": {"say": "x", "bark": "y"}, "b": "a"})


def test_phonemes_are_between_slashes() -> None:
    assert phonemes_of("/ˈkæɡəl/") == "ˈkæɡəl"
    assert phonemes_of("diplói") is None
    assert phonemes_of("/") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Faça o Deploy.", ["deploy"]),
        ("DEPLOY", ["deploy"]),
        ("deployar, redeploy", []),
        ("O sql não é SQL.", ["SQL"]),
        ("sql", []),
        ("Power\nBI e power bi", ["Power BI", "bi"]),
        ("Power BI", ["Power BI", "bi"]),
        ("C++ e C+", ["C++"]),
        ("Power\u00a0BI", ["Power BI", "bi"]),
        ("dep\u00adloy", ["deploy"]),
        ("[[deploy|/x/]]", []),
        ("[[x|/deploy/]]", []),
        ("cafe\u0301", ["café"]),
        ("", []),
    ],
)
def test_only_the_entries_that_occur(text: str, found: list[str]) -> None:
    keys = ("deploy", "SQL", "Power BI", "bi", "C++", "café")
    assert list(entries_in(text, dict.fromkeys(keys, "x"))) == found


def test_thousands_of_entries_and_a_long_text_take_little_time() -> None:
    lexicon = {f"termo{n} x": "y" for n in range(4_000)}
    text = "termo1 x e termo2y " * 5_000
    assert list(entries_in(text, lexicon)) == ["termo1 x"]


@given(st.text(), st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_any_text_with_any_table(text: str, lexicon: dict[str, str]) -> None:
    assert entries_in(text, lexicon).items() <= lexicon.items()


def test_the_later_lexicon_wins() -> None:
    system = {"python": "páiton", "GitHub": "guitirrâb", "Power BI": "páuer", "a": "b"}
    assert merged(system, {"Python": "Python"}) == {**system, "Python": "Python"}
    assert merged(system, {"github": "git"}) == {
        "python": "páiton",
        "Power BI": "páuer",
        "a": "b",
        "github": "git",
    }
    assert merged(system, {"Power  BI": {"gtts": "x"}})["Power  BI"] == {"gtts": "x"}
    assert "Power BI" not in merged(system, {"Power  BI": "x"})
    assert merged(system, {"GITHUB": "x"}) == {**system, "GITHUB": "x"}
    assert merged({"a": "b"}, {}, {"a": "c"}) == {"a": "c"}
    assert merged() == {}


def test_each_provider_is_told_its_own() -> None:
    lexicon = {"a": "b", "c": {"say": "d", "kokoro": "/e/"}, "f": {"gtts": "g"}}
    assert spoken_by(lexicon, "kokoro") == {"a": "b", "c": "/e/"}
    assert spoken_by(lexicon, "gtts") == {"a": "b", "c": "d", "f": "g"}
    assert spoken_by(lexicon, "another") == {"a": "b", "c": "d"}


@pytest.mark.parametrize(
    ("lexicon", "expected"),
    [
        ({"a": "b", "b": "c"}, {"a": "c", "b": "c"}),
        ({"b": "c", "a": "um b e mais b"}, {"b": "c", "a": "um c e mais c"}),
        ({"a": "b", "b": "c", "c": "d"}, {"a": "d", "b": "d", "c": "d"}),
        ({"a": "b", "B": "c"}, {"a": "b", "B": "c"}),  # a capital means itself only
        ({"a": "B", "b": "c"}, {"a": "c", "b": "c"}),
        ({"a": "xb bx", "b": "c"}, {"a": "xb bx", "b": "c"}),  # whole words only
        ({"a": "x y", "x": "1", "x y": "2"}, {"a": "2", "x": "1", "x y": "2"}),  # the longest
        ({"GitHub": "github"}, {"GitHub": "github"}),
        ({"github": "GitHub", "a": "o GITHUB"}, {"github": "GitHub", "a": "o GitHub"}),
        ({"a": "/b/", "b": "c"}, {"a": "/b/", "b": "c"}),
        ({"a": "o b", "b": "/c/"}, {"a": "o b", "b": "/c/"}),
        ({"a": "o b x", "b x": "/c/", "b": "d"}, {"a": "o b x", "b x": "/c/", "b": "d"}),
        # Words that are a term only when they come together.
        ({"a": "x", "c": "a y", "x y": "z"}, {"a": "x", "c": "z", "x y": "z"}),
        ({}, {}),
    ],
)
def test_what_is_said_is_followed_to_its_end(lexicon, expected) -> None:
    assert resolved(lexicon) == expected


@pytest.mark.parametrize(
    ("lexicon", "circle"),
    [
        ({"a": "b", "b": "a"}, "a -> b -> a"),
        ({"o": "x", "b": "c", "c": "o a o", "a": "b o"}, "b -> c -> a -> b"),
        ({"pix": "o pix"}, "pix -> pix"),
        ({"pix": "o Pix"}, "pix -> pix"),
        ({"x y": "x x y y", "a": "x x y"}, "x y -> x y"),
        # A circle that only words show which come together on the way.
        ({"a": "x", "b": "a y z", "x y": "b"}, "x y -> x y"),
    ],
)
def test_terms_that_say_each_other_are_named_in_order(lexicon, circle) -> None:
    with pytest.raises(SourceError, match=f"terms say each other: {circle}") as caught:
        resolved(lexicon)
    assert caught.value.field == "lexicon"


def test_what_never_ends_is_refused() -> None:
    with pytest.raises(SourceError, match="over 200 characters"):
        resolved({f"t{n}": f"t{n + 1} t{n + 1}" for n in range(40)} | {"t40": "x"})
    with pytest.raises(SourceError, match="says"):
        resolved({"k": "a a b", "a b": "b b a a"})


def test_long_chains_and_large_lexicons_take_little_time() -> None:
    chain = resolved({f"t{n}": f"t{n + 1}" for n in range(4_000)})
    assert set(chain.values()) == {"t4000"}


_WORDS = st.lists(st.sampled_from(["a", "A", "b", "c", "x y", "/p/"]), min_size=1, max_size=3)


@given(st.dictionaries(_WORDS.map(" ".join), _WORDS.map(" ".join), max_size=5))
def test_a_resolved_lexicon_has_nothing_to_change_in_what_it_says(lexicon) -> None:
    try:
        done = resolved(lexicon)
    except SourceError:
        return
    words = whole_words(done)
    for said in done.values():
        if phonemes_of(said) is None:
            plain = clean_key(said)
            again = words.replace(
                plain, lambda key, as_is: as_is if phonemes_of(done[key]) else done[key]
            )
            assert again == plain


@pytest.mark.parametrize("tag", ["pt-br", "pt_BR", "pt", "PT-BR", "pt-BR"])
def test_the_system_lexicon_of_a_language(tmp_path: Path, tag: str) -> None:
    (tmp_path / "pt-BR.yaml").write_text("a: b\n", encoding="utf-8")
    assert system_lexicon(tmp_path, tag) == {"a": "b"}


@pytest.mark.parametrize("tag", ["en-us", "pt-PT", "", "../pt-BR", "pt-br/x", "x" * 99, "pt\0"])
def test_no_system_lexicon_is_an_empty_one(tmp_path: Path, tag: str) -> None:
    (tmp_path / "pt-BR.yaml").write_text("a: b\n", encoding="utf-8")
    assert system_lexicon(tmp_path, tag) == {}
    assert system_lexicon(tmp_path / "nada", tag) == {}
    assert system_lexicon(tmp_path / "pt-BR.yaml", "pt-BR") == {}


def test_a_changed_system_lexicon_is_read_again_and_an_unchanged_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "en-US.yaml"
    path.write_text("a: b\n", encoding="utf-8")
    system_lexicon(tmp_path, "en-us")["a"] = "mine"
    monkeypatch.setattr("tts_tasks.script.lexicon.read_lexicon", lambda _: {"read": "again"})
    assert system_lexicon(tmp_path, "en") == {"a": "b"}
    path.write_text("a: longer\n", encoding="utf-8")
    assert system_lexicon(tmp_path, "en") == {"read": "again"}


def test_a_broken_system_lexicon_says_so(tmp_path: Path) -> None:
    (tmp_path / "pt-BR.yaml").write_text("a: b\na: c\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"pt-BR\.yaml: line 2"):
        system_lexicon(tmp_path, "pt-br")
