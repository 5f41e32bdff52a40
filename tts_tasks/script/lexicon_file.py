"""A lexicon's file as YAML: its terms, what is written after each, and the lines of both.

Whether that can be said is ``lexicon``'s business. Nothing is constructed from the YAML nodes, so
that every complaint has its line, and an alias costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tts_tasks.errors import SourceError, TextTooLongError
from tts_tasks.script.sources import broken_yaml, read_source

_YAML_TYPES = {
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:timestamp": "a date",
    "tag:yaml.org,2002:null": "nothing",
    "tag:yaml.org,2002:merge": "a merge key",
}

_ONE_PER_LINE = 'write one "term: how to say it" per line'


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """An entry as it stands in the file."""

    term: str
    """What it is about."""

    said: str | dict[str, str]
    """One text, or provider -> text."""

    line: int
    """Line of the term, from 1."""

    lines: dict[str, int] = field(default_factory=dict)
    """Provider -> its line."""


def written_entries(path: Path, *, max_chars: int) -> Iterator[WrittenEntry]:
    """Yield the entries of a file in its order; none where it is empty.

    Args:
        path: a YAML file, a mapping from terms to texts or to mappings from providers to texts.
        max_chars: longest file allowed.

    Raises:
        SourceError: names the file, the line and the remedy.
    """
    try:
        source = read_source(path, max_chars=max_chars)
    except TextTooLongError as error:
        raise SourceError(
            f"the lexicon is over the limit of {max_chars:,} characters",
            field=path.name,
            value=path,
            remedy="keep the terms that the lessons contain",
        ) from error
    document = _compose(source, path.name)
    if document is None or document.tag == "tag:yaml.org,2002:null":
        return
    if not isinstance(document, yaml.MappingNode):
        raise wrong(
            path.name,
            document.start_mark.line + 1,
            "the lexicon is not a mapping",
            _ONE_PER_LINE,
            document.value,
        )
    for key, value in document.value:
        yield _entry(key, value, path.name)


def wrong(name: str, line: int, problem: str, remedy: str, value: object) -> SourceError:
    """Return the error about a line of a file."""
    return SourceError(f"line {line}: {problem}", field=name, value=value, remedy=remedy)


def _compose(source: str, name: str) -> yaml.Node | None:
    try:
        return yaml.compose(source, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise broken_yaml(error, source, name) from error


def _entry(key: yaml.Node, value: yaml.Node, name: str) -> WrittenEntry:
    term = _text(key, name, "a term", "a term is empty")
    line = key.start_mark.line + 1
    nothing = f"{term!r} has nothing after it"
    if not isinstance(value, yaml.MappingNode):
        return WrittenEntry(term, _text(value, name, "how to say it", nothing, line), line)
    said: dict[str, str] = {}
    lines: dict[str, int] = {}
    for provider_node, text_node in value.value:
        provider = _text(provider_node, name, "a provider", "a provider is empty")
        provider_line = provider_node.start_mark.line + 1
        if provider in said:
            problem = f"{term!r} has {provider!r} a second time, after line {lines[provider]}"
            raise wrong(name, provider_line, problem, "keep one of them", term)
        empty = f"{term!r}: {provider} has nothing after it"
        said[provider] = _text(text_node, name, "how to say it", empty, provider_line)
        lines[provider] = provider_line
    if not said:
        raise wrong(name, line, nothing, "say how it is said, or remove the line", term)
    return WrittenEntry(term, said, line, lines)


def _text(node: yaml.Node, name: str, role: str, empty: str, line: int | None = None) -> str:
    """Return a node's text; refuse whatever YAML does not read as one.

    Args:
        node: the node.
        name: the file's name.
        role: what the node is.
        empty: what to say where there is nothing.
        line: where to say so; by default the node's line.
    """
    own_line = node.start_mark.line + 1
    if not isinstance(node, yaml.ScalarNode):
        kind = "mapping" if isinstance(node, yaml.MappingNode) else "sequence"
        raise wrong(name, own_line, f"{role} is a {kind}, not text", _ONE_PER_LINE, role)
    text = str(node.value)
    if node.tag == "tag:yaml.org,2002:null" and not text:
        raise wrong(name, line or own_line, empty, "say how it is said, or remove the line", role)
    if node.tag != "tag:yaml.org,2002:str":
        read_as = _YAML_TYPES.get(node.tag, node.tag)
        raise wrong(
            name,
            own_line,
            f"YAML reads {text} as {read_as}, not as text",
            f'quote it: "{text}"',
            text,
        )
    return text
