"""Names and paths of files: relatorio.csv, ~/projetos/app.py, .gitignore, C:/dados."""

from __future__ import annotations

import re

from tts_tasks.script.letters import letter_name, spell
from tts_tasks.script.numbers import say_digits_or_cardinal
from tts_tasks.script.rules import Rule
from tts_tasks.script.tables import alternatives, words

SPELLED_EXTENSIONS = words(
    """
    py js ts jsx tsx md rb rs go cs cpp php sql css scss html htm xml csv tsv yml txt pdf png jpg
    jpeg svg gif mp3 mp4 wav exe dll sh bat cfg ini env db sqlite gz tgz 7z iso apk ipynb lock
    xlsx xls docx doc pptx ppt h c r kt vue ps1 psd srt vtt ogg webp
    """
)
WORD_EXTENSIONS = words("json zip rar toml log tar java yaml swift conf bak tmp docker")
EXTENSIONS = SPELLED_EXTENSIONS | WORD_EXTENSIONS

_DRIVE = re.compile(r"[A-Z]:(?<![\w/]..)(?=/\w)")
_PATH = re.compile(
    r"(?<![\w/.~@])((?:~|\.{1,2})?/[^\s\"“”'()<>\[\],;]++|[\w.-]{1,80}(?:/[\w.-]{1,80})+/?)"
)
_FILE = re.compile(
    rf"(?<![\w.@/-])((?:[\w-]{{1,80}}|(?=\.))(?:\.[\w-]{{1,40}}){{0,4}}"
    rf"\.(?:{alternatives(EXTENSIONS)}))(?![\w@]|\.\w)"
)
_DOTFILE = re.compile(r"(?<![\w./)\]\"'?])\.([a-z][a-z_-]{2,30})(?![\w.])")


def say_file(name: str) -> str:
    """Return a file name in words: relatorio_final.csv -> "relatorio final ponto cê esse vê"."""
    parts = []
    for position, piece in enumerate(name.split(".")):
        if position == 0 or piece in WORD_EXTENSIONS or piece not in EXTENSIONS:
            parts.append(_say_identifier(piece))
        else:
            parts.append(spell(piece))
    return " ponto ".join(parts).strip()


def _say_identifier(name: str) -> str:
    """Return an identifier with its joints opened: main_v2 -> "main v dois"."""
    pieces = re.findall(r"[0-9]+|[^\W\d_]+|-", name)
    said = (
        say_digits_or_cardinal(piece)
        if piece[0].isdecimal()
        else "hífen"
        if piece == "-"
        else letter_name(piece)
        if len(piece) == 1
        else piece
        for piece in pieces
    )
    return " ".join(said)


def _path(match: re.Match[str]) -> str | None:
    path = match[1].rstrip(".:!?…")
    trailing = match[1][len(path) :]
    segments = path.split("/")
    certain = path[:1] in "/~." or len(segments) > 2 or path.endswith("/")
    is_file = "." in segments[-1] and segments[-1].rpartition(".")[2] in EXTENSIONS
    if not (certain or is_file) or len(path) > 300 or not any(s.strip(".~") for s in segments):
        return None
    if all(re.fullmatch(r"[0-9.,]*", s) for s in segments):
        return None
    if not is_file and path[:1] not in "/~." and (path != path.lower()):
        return None  # "E/S/M": alternatives, not a path
    said = [
        {"~": "til", ".": "ponto", "..": "ponto ponto"}.get(s) or say_file(s) for s in segments if s
    ]
    head = "barra " if path.startswith("/") else ""
    return head + " barra ".join(said) + trailing


FILES = (
    Rule("drive", _DRIVE, lambda m: f"{letter_name(m[0][0])} dois pontos ", needs=":"),
    Rule("file path", _PATH, _path, needs="/"),
    Rule("file name", _FILE, lambda m: say_file(m[1]), needs="."),
    Rule("file name", _DOTFILE, lambda m: f"ponto {_say_identifier(m[1])}", needs="."),
)
"""Before members of objects: main.py is a file, df.head is none."""
