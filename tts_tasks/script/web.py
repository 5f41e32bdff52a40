"""Addresses: URLs (the host only), e-mails, handles, IP addresses."""

from __future__ import annotations

import re

from tts_tasks.script.letters import letter_name, spell
from tts_tasks.script.numbers import say_digits_or_cardinal
from tts_tasks.script.rules import Rule
from tts_tasks.script.tables import words

URL_POLICY = "host"
"""How much of a URL is said: its host, which is what a listener can remember."""

SPOKEN_TLDS = words(
    """
    com org net gov edu mil info blog site online app dev art adv eng wiki cloud store shop tech
    page academy live news pro local
    """
)
"""Domain endings said as words; all others are spelled."""

COUNTRY_TLDS = words("br pt us uk ar cl co de es fr it jp io ai me tv eu so sh gg to ly in")
"""Domain endings that mark a bare host such as exemplo.com.br beside ``SPOKEN_TLDS``."""

_CERTAIN_TLDS = words("com org net gov edu") | {"com.br", "app", "dev"}
_PUNCTUATION = {".": "ponto", "-": "hífen", "_": "underline", "+": "mais"}

_URL = re.compile(r"(?<!\w)(?:https?|ftp|ssh|git)://([^\s<>\"“”«»]++)", re.IGNORECASE)
_EMAIL = re.compile(
    r"(?<![\w.+@-])(?:mailto:)?([A-Za-z0-9][\w.+-]{0,63})@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8})"
)
_HOST = re.compile(
    r"(?<![\w.@/:-])(?:www\.)?((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,6}([a-z]{2,10}))"
    r"(:[0-9]{1,5})?((?:/[^\s<>\"“”«»]*+)?)(?![\w@-])",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<![\w.@/])@([A-Za-z][\w.]*\w|[A-Za-z])")
_IP = re.compile(
    r"(?<![\w.])([0-9]{1,3}(?:\.[0-9]{1,3}){3})(?:/([0-9]{1,2})|:([0-9]{1,5}))?(?![\w]|\.[0-9])"
)


def say_host(host: str) -> str:
    """Return a host in words: exemplo.com.br -> "exemplo ponto com ponto bê erre"."""
    labels = [label for label in host.lower().split(".") if label]
    if len(labels) > 1 and labels[0] == "www":
        labels = labels[1:]
    if len(labels) > 1:
        *front, last = labels
        said = [_say_name(label) for label in front]
        said.append(last if last in SPOKEN_TLDS or len(last) > 4 else spell(last))
        return " ponto ".join(said)
    return " ".join(_say_name(label) for label in labels)


def _say_name(name: str) -> str:
    """Return one part of an address in words; single letters by name."""
    parts = []
    for piece in re.findall(r"[0-9]+|[._+-]|[^0-9._+-]+", name):
        if piece.isdecimal():
            parts.append(say_digits_or_cardinal(piece))
        elif piece in _PUNCTUATION:
            parts.append(_PUNCTUATION[piece])
        else:
            parts.append(letter_name(piece) if len(piece) == 1 else piece)
    return " ".join(parts)


def _split_trailing(address: str) -> tuple[str, str]:
    """Split the sentence's own punctuation from the end of an address."""
    bare = address.rstrip(".,;:!?…'\"*_`|)]}")
    # A closing bracket belongs to the address when it was opened inside it.
    while address[len(bare) : len(bare) + 1] == ")" and bare.count("(") > bare.count(")"):
        bare += ")"
    return bare, address[len(bare) :]


def _url(match: re.Match[str]) -> str | None:
    address, trailing = _split_trailing(match[1])
    authority = re.split(r"[/?#]", address, maxsplit=1)[0].rpartition("@")[2]
    host = re.sub(r":[0-9]*$", "", authority)
    said = say_host(host)
    return said + trailing if said else None


def _host(match: re.Match[str]) -> str | None:
    host, last = match[1].lower(), match[2].lower()
    labels = host.split(".")
    has_www = match[0].lower().startswith("www.")
    known = last in _CERTAIN_TLDS or (
        last in COUNTRY_TLDS and len(labels) > 2 and labels[-2] in SPOKEN_TLDS
    )
    with_path = bool(match[4]) and (last in SPOKEN_TLDS or last in COUNTRY_TLDS)
    if not (has_www or known or with_path) or labels == ["asp", "net"]:
        return None
    _, trailing = _split_trailing(match[4])
    return say_host(host) + trailing


def _email(match: re.Match[str]) -> str:
    return f"{_say_name(match[1].lower())} arroba {say_host(match[2])}"


def _handle(match: re.Match[str]) -> str:
    return f"arroba {_say_name(match[1])}"


def _ip(match: re.Match[str]) -> str | None:
    if any(int(part) > 255 or part != str(int(part)) for part in match[1].split(".")):
        return None  # 1.000.000.000
    said = " ponto ".join(say_digits_or_cardinal(part) for part in match[1].split("."))
    if match[2]:
        return f"{said} barra {say_digits_or_cardinal(match[2])}"
    return f"{said} porta {say_digits_or_cardinal(match[3])}" if match[3] else said


RULES = (
    Rule("URL", _URL, _url, needs="/"),
    Rule("e-mail", _EMAIL, _email, needs="@"),
    Rule("IP address", _IP, _ip),
    Rule("host", _HOST, _host, needs="."),
    Rule("handle", _HANDLE, _handle, needs="@"),
)
