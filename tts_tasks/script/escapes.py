"""Plain text to Markdown that shows it as it is."""

from __future__ import annotations

import re

_ANYWHERE = re.compile(r"[\\`*_\[~]|<(?=\S)|&(?=#?[A-Za-z0-9]+;)|(?<!\S)#")
_AT_START = re.compile(r"\A([0-9]{1,9}(?=[.)](?:\s|\Z))|(?=[-+>]))(.)")
_BACKTICKS = re.compile(r"`+")


def one_line(text: str) -> str:
    """Return a text with each white space a single space."""
    return " ".join(text.split())


def escaped(text: str, *, in_table: bool = False) -> str:
    r"""Return Markdown that shows a text as it is: ``* [pausa 2s]`` -> ``\* \[pausa 2s]``.

    Args:
        text: one line.
        in_table: whether it stands in a table, where a bar would end the cell.
    """
    safe = _ANYWHERE.sub(lambda found: "\\" + found[0], text)
    safe = _AT_START.sub(r"\1\\\2", safe)
    return safe.replace("|", r"\|") if in_table else safe


def fenced(code: list[str]) -> str:
    """Return lines of code as a block of Markdown."""
    lines = "\n".join(code)
    longest = max(map(len, _BACKTICKS.findall(lines)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{lines}\n{fence}"
