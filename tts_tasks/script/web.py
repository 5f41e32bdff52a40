"""Addresses: URLs (as much as the policy wants), e-mails, handles, IP addresses."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from functools import cache
from urllib.parse import unquote

from tts_tasks.request import UrlPolicy
from tts_tasks.script.characters import clean_characters
from tts_tasks.script.files import SPELLED_EXTENSIONS
from tts_tasks.script.letters import letter_name, spell
from tts_tasks.script.numbers import say_digits_or_cardinal
from tts_tasks.script.rules import Rule
from tts_tasks.script.tables import words

SPOKEN_TLDS = words(
    """
    com org net gov edu mil info blog site online app dev art adv eng wiki cloud store shop tech
    page academy live news pro local
    """
)
"""Domain endings said as words; all others are spelled."""

COUNTRY_TLDS = words("br pt us uk ar cl co de be es fr it jp io ai me tv eu so sh gg to ly in")
"""Domain endings that mark a bare host such as exemplo.com.br beside ``SPOKEN_TLDS``."""

_CERTAIN_TLDS = words("com org net gov edu") | {"app", "dev", "br", "io", "tv"}
_PUNCTUATION = {".": "ponto", "-": "hífen", "_": "underline", "+": "mais"}
_SIGNS = _PUNCTUATION | {
    "/": "barra",
    "?": "interrogação",
    "=": "igual a",
    "&": "e comercial",
    "#": "cerquilha",
    "%": "por cento",
    "~": "til",
    "@": "arroba",
    ":": "dois pontos",
    ",": "vírgula",
    ";": "ponto e vírgula",
    "*": "asterisco",
    "!": "exclamação",
    "$": "cifrão",
}
"""The names of the signs in the whole of an address."""

LONGEST_FULL_CHARS = 300
"""Addresses that are longer are cut: nobody writes them down."""


_ADDRESS = (
    r"(?:https?|s?ftp|ssh|git|wss?|s3|gs|postgres(?:ql)?|mysql|mongodb|redis)://"
    r"([^\s<>\"“”«»]++)"
)
_CLOSING = ("", *'.,;:!?)]”»"')
_BEFORE_SKIPPED = r"(?P<before>:\s|\b(?:em|via)\b:?\s)?"
_URL = re.compile(rf"(?<!\w){_ADDRESS}", re.IGNORECASE)
_SKIPPED_URLS = re.compile(
    rf"{_BEFORE_SKIPPED}(?<!\w){_ADDRESS}(?:\s(?:(?:e|ou)\s)?(?:em\s)?{_ADDRESS})*", re.IGNORECASE
)
_EMAIL = re.compile(
    r"(?<![\w.+@-])(?:mailto:)?([A-Za-z0-9][\w.+-]{0,63})@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8})"
)
_HOST = re.compile(
    r"(?<![\w.@/:-])(?P<www>www\.)?"
    r"(?P<host>(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,6}(?P<last>[a-z]{2,10}))"
    r"(?P<port>:[0-9]{1,5})?(?P<path>(?:/[^\s<>\"“”«»]*+)?)(?![\w@-])",
    re.IGNORECASE,
)
_SKIPPED_HOST = re.compile(_BEFORE_SKIPPED + _HOST.pattern, re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w.@/])@([A-Za-z][\w.]*\w|[A-Za-z])")
_LOCAL = re.compile(r"localhost(?<![\w.@/-]localhost):([0-9]{1,5})(?![\w])(/[^\s<>\"“”«»]*+)?")
_ENTITY = re.compile(r"&(?:#[0-9]{1,6}|#[xX][0-9A-Fa-f]{1,5}|[A-Za-z]{2,8}[0-9]{0,2});")
_IPV6 = re.compile(r"(?<![\w:.\[])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:]|\.[0-9])")
_MAC = re.compile(r"[0-9A-F]{2}(?::[0-9A-F]{2}){5}")
_BRACKET = re.compile(r"<(?=(?:https?|ftp|mailto):|[\w.+-]{1,64}@)", re.IGNORECASE)
_ENDING = re.compile(r"\.(?<![\w.)]\.)(com|org|net|gov|edu|br)(\.br)?(?![\w.]*\w)")
_PIECE = re.compile(r"[0-9]++|[^\W\d_]++|[-_.+/?=&#%~@:,;*!$]")
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
    return " ".join(spell(label) if label == "br" else _say_name(label) for label in labels)


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


def _say_path(path: str) -> str:
    """Return the path and the query of a URL, sign by sign: /a-1?x=2 -> "barra a hífen um ..."."""
    parts: list[str] = []
    path = unquote(path[:LONGEST_FULL_CHARS].rstrip("/"), errors="ignore")
    pieces: list[str] = _PIECE.findall(path.lower())
    for before, piece in zip(["", *pieces], pieces, strict=False):
        if piece in _SIGNS:
            parts.append(_SIGNS[piece])
        elif before == "." and piece in SPELLED_EXTENSIONS:
            parts.append(spell(piece))
        else:
            parts.append(_say_name(piece))
    return " ".join(parts)


def _full(host: str, port: str, path: str) -> str:
    """Return a whole address: exemplo.com/aula -> "exemplo ponto com barra aula"."""
    said = [say_host(host)]
    if port:
        said.append(f"porta {say_digits_or_cardinal(port)}")
    if path := _say_path(path):
        said.append(path)
    return " ".join(said)


_ADDRESSES: dict[UrlPolicy, Callable[[str, str, str], str]] = {
    UrlPolicy.HOST: lambda host, _port, _path: say_host(host),
    UrlPolicy.SKIP: lambda _host, _port, _path: "",
    UrlPolicy.FULL: _full,
}
"""What each policy says for a host, a port and a path."""


def _url(match: re.Match[str], policy: UrlPolicy) -> str | None:
    address, trailing = _split_trailing(match[1])
    authority = re.split(r"[/?#]", address, maxsplit=1)[0]
    host, port = _split_port(authority.rpartition("@")[2])
    if not say_host(host):
        return None
    return _ADDRESSES[policy](host, port, address[len(authority) :]) + trailing


def _split_port(authority: str) -> tuple[str, str]:
    """Split localhost:8000 into its host and its port."""
    host, colon, port = authority.rpartition(":")
    return (host, port) if colon and (port.isdecimal() or not port) else (authority, "")


def _host(match: re.Match[str], policy: UrlPolicy) -> str | None:
    host, last = match["host"].lower(), match["last"].lower()
    labels = host.split(".")
    known = last in _CERTAIN_TLDS or (
        last in COUNTRY_TLDS and len(labels) > 2 and labels[-2] in SPOKEN_TLDS
    )
    with_path = bool(match["path"]) and (last in SPOKEN_TLDS or last in COUNTRY_TLDS)
    if not (match["www"] or known or with_path) or labels == ["asp", "net"]:
        return None
    path, trailing = _split_trailing(match["path"])
    if policy is UrlPolicy.SKIP:
        return _left(match, trailing)
    return _ADDRESSES[policy](host, (match["port"] or "")[1:], path) + trailing


def _skipped_urls(match: re.Match[str]) -> str | None:
    """Return what is left of "em https://a.com e https://b.com."."""
    address, trailing = _split_trailing(match[0].rpartition("://")[2])
    return _left(match, trailing) if any(map(str.isalnum, address)) else None


def _left(match: re.Match[str], trailing: str) -> str:
    """Return what a skipped address leaves: its punctuation, a colon only if more is announced."""
    follows = match.string[match.end() : match.end() + 2].strip()
    announces = (match["before"] or "").startswith(":") and follows[:1] not in _CLOSING
    return f": {trailing}" if announces and not trailing else trailing


def _local(match: re.Match[str], policy: UrlPolicy) -> str:
    path, trailing = _split_trailing(match[2] or "")
    if policy is UrlPolicy.HOST:
        return _full("localhost", match[1], "") + trailing  # the port is all that tells it apart
    return _ADDRESSES[policy]("localhost", match[1], path) + trailing


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


def _hexadecimal_address(match: re.Match[str]) -> str | None:
    """Return ::1, 2001:db8::1 and 00:1A:2B:3C:4D:5E sign by sign; 10:30:45 is a time."""
    address = match[0]
    groups = address.count(":")
    is_short = "::" in address and any(map(str.isdigit, address))
    if not (is_short or groups == 7 or _MAC.fullmatch(address.upper())):
        return None
    said = (_SIGNS[sign] if sign == ":" else spell(sign.upper()) for sign in address)
    return " ".join(said)


def _entity(match: re.Match[str]) -> str | None:
    said = html.unescape(match[0])
    return None if said == match[0] else clean_characters(said)


@cache
def rules(policy: UrlPolicy) -> tuple[Rule, ...]:
    """Return the rules for addresses, of which a policy says so much."""
    hosts = _SKIPPED_HOST if policy is UrlPolicy.SKIP else _HOST
    return (
        Rule("entity", _ENTITY, _entity, needs="&"),
        Rule("", _BRACKET, lambda _: "", needs="<"),
        Rule("URL", _SKIPPED_URLS, _skipped_urls, needs="/")
        if policy is UrlPolicy.SKIP
        else Rule("URL", _URL, lambda match: _url(match, policy), needs="/"),
        Rule("host", _LOCAL, lambda match: _local(match, policy), needs=":"),
        Rule("IP address", _IPV6, _hexadecimal_address, needs=":"),
        Rule("e-mail", _EMAIL, _email, needs="@"),
        Rule("IP address", _IP, _ip),
        Rule("host", hosts, lambda match: _host(match, policy), needs="."),
        Rule("domain ending", _ENDING, lambda m: f"ponto {say_host(m[0][1:])}", needs="."),
        Rule("handle", _HANDLE, _handle, needs="@"),
        *(_LEFT_BY_SKIPPING if policy is UrlPolicy.SKIP else ()),
    )


_LEFT_BY_SKIPPING = (
    Rule("", re.compile(r"\((?<![\w)\]]\()\s?\)|\[(?<![\w)\]]\[)\s?\]"), lambda _: "", needs="(["),
    Rule("", re.compile(r"\"(?<!\w.)\s?\"(?!\w)|“\s?”|«\s?»"), lambda _: "", needs='"“«'),
    Rule("", re.compile(r"\(\s?[,;]\s?"), lambda _: "(", needs="("),
    Rule("", re.compile(r":(?=\s?[.!?](?![\w.!?/]))"), lambda _: "", needs=":"),
)
"""Empty brackets and quotation marks, and a colon that announces nothing more.

Nameless, because nobody hears them.
"""

RULES = rules(UrlPolicy.HOST)
"""The rules as they are where nobody asks for another policy."""
