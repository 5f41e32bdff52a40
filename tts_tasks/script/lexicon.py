"""How an author's words are said: the file that tells it, and the texts it concerns.

    deploy: diplói          # words: said instead of it
    Kaggle: /ˈkæɡəl/        # phonemes (IPA): for the engines that speak them

A key in small letters means the word in any case, one with capitals only itself; always whole
words. How an entry is applied to a text is ``validate``'s business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from tts_tasks.errors import SourceError, TextTooLongError
from tts_tasks.marks import PHONEME_MARK, mark
from tts_tasks.script.characters import clean_characters
from tts_tasks.script.hidden import hide
from tts_tasks.script.sources import broken_yaml, read_source
from tts_tasks.script.whole_words import clean_key, occurring

MAX_LEXICON_CHARS = 100_000
"""Longest lexicon, about 4,000 entries: those that a lesson needs travel in its run's parameters,
which Prefect limits to 512 KiB."""

MAX_ENTRY_CHARS = 200
"""Longest term, and longest way to say it."""

_YAML_TYPES = {
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:timestamp": "a date",
    "tag:yaml.org,2002:null": "nothing",
    "tag:yaml.org,2002:merge": "a merge key",
}


def read_lexicon(path: Path) -> dict[str, str]:
    """Read a lexicon.

    Args:
        path: a YAML file, a mapping from terms to how they are said.

    Returns:
        Term -> words, or phonemes between slashes; in the order of the file, maybe none.

    Raises:
        SourceError: names the file, the line and the remedy.
    """
    try:
        source = read_source(path, max_chars=MAX_LEXICON_CHARS)
    except TextTooLongError as error:
        raise SourceError(
            f"the lexicon is over the limit of {MAX_LEXICON_CHARS:,} characters",
            field=path.name,
            value=path,
            remedy="keep the terms that the lessons contain",
        ) from error
    entries: dict[str, str] = {}
    lines: dict[str, int] = {}
    for term, said, line in _entries(_compose(source, path.name), path.name):
        problem = _problem(term, said)
        if problem:
            raise _wrong(path.name, line, *problem, term)
        same = clean_key(term)
        if same in lines:
            raise _wrong(
                path.name,
                line,
                f"{term!r} is given a second time, after line {lines[same]}",
                "keep one of them",
                term,
            )
        lines[same] = line
        entries[term.strip()] = said.strip()
    return entries


def entries_in(text: str, lexicon: Mapping[str, str]) -> dict[str, str]:
    """Return the entries that concern a text, so that others may change without touching it.

    Args:
        text: what a reader sees of it, as ``Segment.text`` is: no markup but phoneme marks, whose
            terms no entry concerns.
        lexicon: term -> how to say it.
    """
    if not lexicon:
        return {}
    plain = " ".join(clean_characters(hide(text).text).split())
    found = set(occurring(plain, lexicon))
    return {term: said for term, said in lexicon.items() if term in found}


def check_lexicon(lexicon: Mapping[str, str]) -> None:
    """Refuse entries that no file could hold, for a lexicon that came as a parameter.

    Raises:
        SourceError: names the entry and the remedy.
    """
    for term, said in lexicon.items():
        problem = _problem(term, said)
        if problem:
            raise SourceError(problem[0], field="lexicon", value=term, remedy=problem[1])


def phonemes_of(said: str) -> str | None:
    """Return the phonemes of an entry: ``/ˈkæɡəl/`` -> ``ˈkæɡəl``; None where it is words."""
    said = said.strip()
    return said[1:-1] if len(said) > 1 and said[0] == said[-1] == "/" else None


def _compose(source: str, name: str) -> yaml.Node | None:
    """Return the document's nodes, which know their lines; nothing is constructed from them."""
    try:
        return yaml.compose(source, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise broken_yaml(error, source, name) from error


def _entries(document: yaml.Node | None, name: str) -> Iterator[tuple[str, str, int]]:
    """Yield (term, how to say it, line from 1); refuse whatever is not text."""
    if document is None or document.tag == "tag:yaml.org,2002:null":
        return
    if not isinstance(document, yaml.MappingNode):
        raise _wrong(
            name,
            document.start_mark.line + 1,
            "the lexicon is not a mapping",
            'write one "term: how to say it" per line',
            document.value,
        )
    for key, value in document.value:
        line = key.start_mark.line + 1
        for node, role in ((key, "a term"), (value, "how to say it")):
            if not isinstance(node, yaml.ScalarNode):
                raise _wrong(
                    name,
                    node.start_mark.line + 1,
                    f"{role} is a {node.id}, not text",
                    'write one "term: how to say it" per line',
                    key.value,
                )
            if node.tag == "tag:yaml.org,2002:null" and not node.value:
                raise _wrong(
                    name,
                    line,
                    f"{key.value!r} has nothing after it" if node is value else "a term is empty",
                    "say how it is said, or remove the line",
                    key.value,
                )
            if node.tag != "tag:yaml.org,2002:str":
                read_as = _YAML_TYPES.get(node.tag, node.tag)
                raise _wrong(
                    name,
                    node.start_mark.line + 1,
                    f"YAML reads {node.value} as {read_as}, not as text",
                    f'quote it: "{node.value}"',
                    node.value,
                )
        yield key.value, value.value, line


def _problem(term: object, said: object) -> tuple[str, str] | None:
    """Return what is wrong with an entry and what to do about it, None if nothing is."""
    if not isinstance(term, str) or not isinstance(said, str):
        return f"{term!r}: {said!r} is not text to text", "give both as text"
    said = said.strip()
    if not clean_key(term):
        return "a term is empty", "write the word, or remove the line"
    if not said:
        return f"{term!r} has nothing after it", "say how it is said, or remove the line"
    longest = max(term, said, key=len)
    if len(longest) > MAX_ENTRY_CHARS:
        return (
            f"{term[:40]!r} has {len(longest)} characters in one field; the limit is "
            f"{MAX_ENTRY_CHARS}",
            "keep to single terms",
        )
    example = 'write phonemes between two slashes, with none of [ ] | / inside, e.g. "/ˈkæɡəl/"'
    phonemes = phonemes_of(said)
    if phonemes is not None:
        if not phonemes.strip():
            return f"{term!r} has no phonemes between its slashes", example
        if PHONEME_MARK.fullmatch(mark(term, phonemes)) is None:
            return f"{term!r}: {said} cannot be a phoneme mark", example
    elif said.startswith("/") or said.endswith("/"):
        return f"{term!r}: {said} has a single slash", example
    elif any(character in "[]|" for character in said):
        return f"{term!r}: {said} has one of [ ] |", "write words only"
    elif not any(map(str.isalnum, said)):
        return f"{term!r}: {said} has no letter or digit", "say how it is said"
    return None


def _wrong(name: str, line: int, problem: str, remedy: str, value: object) -> SourceError:
    return SourceError(f"line {line}: {problem}", field=name, value=value, remedy=remedy)
