"""The author's own pronunciations: the file, and which entries concern a text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.errors import SourceError
from tts_tasks.script.lexicon import (
    MAX_ENTRY_CHARS,
    MAX_LEXICON_CHARS,
    check_lexicon,
    entries_in,
    phonemes_of,
    read_lexicon,
)


@pytest.fixture
def lexicon(tmp_path: Path):
    """Return a function that writes a lexicon and reads it."""

    def written(text: str) -> dict[str, str]:
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
        ("c:\n  d: e\n", 2, "how to say it is a mapping, not text"),
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
        check_lexicon({"a": 2})  # type: ignore[dict-item]


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
