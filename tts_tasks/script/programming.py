"""What programmers write: languages, versions, protocols, identifiers, options."""

from __future__ import annotations

import re

from tts_tasks.script.acronyms import MODELS
from tts_tasks.script.files import FILES
from tts_tasks.script.letters import letter_name, spell
from tts_tasks.script.numbers import say_decimals, say_digits_or_cardinal
from tts_tasks.script.rules import Rule, word_before
from tts_tasks.script.tables import alternatives, pairs, words

TERMS = pairs(
    """
    C# = cê sharp
    F# = efe sharp
    C++ = cê mais mais
    C/C++ = cê cê mais mais
    .NET = dot net
    ASP.NET = a esse pê dot net
    # "c++" and "g++" reach these rules as increments
    c mais mais = cê mais mais
    g mais mais = gê mais mais
    Objective-C = objective cê
    k8s = kubernetes
    K8s = kubernetes
    i18n = internacionalização
    l10n = localização
    a11y = acessibilidade
    I18n = internacionalização
    L10n = localização
    N/A = não se aplica
    n/a = não se aplica
    N/D = não disponível
    I/O = i ó
    IPv4 = i pê vê quatro
    IPv6 = i pê vê seis
    MySQL = mai esse quê ele
    NoSQL = no esse quê ele
    PostgreSQL = postgres quê ele
    SQLite = esse quê ele lite
    GraphQL = graph quê ele
    T-SQL = tê esse quê ele
    MongoDB = mongo dê bê
    MariaDB = maria dê bê
    ChatGPT = chat gê pê tê
    IoT = i ó tê
    EaD = é a dê
    PcD = pê cê dê
    PMBOK = pê eme bók
    PMBoK = pê eme bók
    IgA = i gê a
    IgE = i gê é
    IgG = i gê gê
    IgM = i gê eme
    SpO2 = esse pê ó dois
    HbA1c = agá bê a um cê
    SARS-CoV-2 = sars cov dois
    iOS = ai ó esse
    macOS = mac ó esse
    Ctrl = control
    CTRL = control
    ctrl = control
    Cmd = command
    cd .. = cd ponto ponto
    x86-64 = xis oitenta e seis sessenta e quatro
    MLOps = eme ele ops
    pH = pê agá
    mRNA = eme erre ene a
    DevOps = dev ops
    PhD = pê agá dê
    Wi-Fi = wi-fi
    K-means = cá means
    k-means = cá means
    H.264 = agá duzentos e sessenta e quatro
    H.265 = agá duzentos e sessenta e cinco
    JPEG = jota peg
    IEEE = i três é
    CNPq = cê ene pê quê
    UnB = u ene bê
    LTDA = limitada
    Ltda = limitada
    24/7 = vinte e quatro por sete
    16:9 = dezesseis por nove
    4:3 = quatro por três
    9:16 = nove por dezesseis
    """
)
"""Names whose spelling misleads every voice, as they are said."""

SIGNS = {
    "+": "mais",
    "-": "menos",
    "*": "asterisco",
    "**": "asterisco asterisco",
    "/": "barra",
    "//": "barra barra",
    "%": "por cento",
    "#": "cerquilha",
    "&": "e comercial",
    "|": "barra vertical",
    "^": "circunflexo",
    "~": "til",
    "_": "underline",
    "\\": "barra invertida",
    "<": "menor que",
    ">": "maior que",
    "++": "mais mais",
    "--": "menos menos",
    "$": "cifrão",
    "!": "exclamação",
    "@": "arroba",
    "=": "igual",
    "==": "igual igual",
    "===": "igual igual igual",
    "!=": "diferente de",
    "<>": "diferente de",
    "<=": "menor ou igual",
    ">=": "maior ou igual",
    "+=": "mais igual",
    "-=": "menos igual",
    "*=": "vezes igual",
    "&&": "e",
    "||": "ou",
    "->": "seta",
    "=>": "seta",
}
"""The names of signs that are spoken of: o operador +, os símbolos * e #."""

PUNCTUATION = {
    ",": "vírgula",
    ";": "ponto e vírgula",
    ":": "dois pontos",
    ".": "ponto",
    "-": "hífen",
    "?": "interrogação",
}
"""The names of signs that stand alone between quotation marks: split(",")."""

NOTES = pairs(
    """
    Dó = dó
    Ré = ré
    Mi = mi
    Fá = fá
    Sol = sol
    Lá = lá
    Si = si
    A = a
    D = dê
    G = gê
    """
)
"""Notes that can be sharp; C# and F# are languages."""

_TERM = re.compile(
    rf"(?<![\w./-])(?:(?:Ctrl|CTRL|ctrl|Cmd)(?=\+)|C\+\+(?=[0-9])|(?:{alternatives(TERMS)})(?![\w#]|[+/:-]\w))"
)
COMMANDS = words(
    """
    ls rm cp mv ps tar grep mkdir chmod chown du df ssh scp rsync sed awk find sort head tail cat wc
    docker git pip npm python curl wget unzip kill ln
    """
)
"""Commands after which letters behind one dash are options, each by its name: ls -la."""

STAGES = pairs(
    """
    alpha = alpha
    alfa = alfa
    beta = beta
    dev = dev
    rc = erre cê
    final = final
    preview = preview
    snapshot = snapshot
    lts = ele tê esse
    """
)
"""What follows a version: v1.2.3-beta."""

_STAGE = rf"(?:-(?P<stage>{alternatives(STAGES)})\.?(?P<build>[0-9]{{0,4}})(?!\w))?"
_DOT_JS = re.compile(r"\b([A-Z][A-Za-z0-9]+)\.js\b(?!\.\w)")
_PROTOCOL = re.compile(r"\b([A-Z]{2,6})/([0-9]+(?:\.[0-9]+)*)(?![\w/])")
_VERSION = re.compile(
    r"(?:\b(?P<word>vers(?:ão|ao|ões))\s)?(?<![\w.])[vV]\.?(?P<number>[0-9]++(?:\.[0-9]++)*)"
    rf"(?P<x>\.x)?{_STAGE}(?![\w]|[.,][0-9])"
)
_DOTTED = re.compile(rf"(?<![\w.,])([0-9]++(?:\.[0-9]++){{2,}}){_STAGE}(?![\w,]|[-/.][0-9])")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+")
_DOT_X = re.compile(r"(?<![\w.])([0-9]{1,3}(?:\.[0-9]{1,3})?)\.x(?!\w)")
_OPTION = re.compile(
    r"(?<![^\s(\"“'])(?:--([A-Za-z][\w-]*+)|-([A-Za-z])(?![\w$-])|-([a-zA-Z]{2,4})(?![\w$-]))"
)
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,20})((?:\s[^<>=]{1,40}=[^<>]{0,200})?)\s?/?>")
_SLICE = re.compile(r"\[(?<=\w\[)([^\[\]\s:]{0,20}):([^\[\]\s:]{0,20})\]")
_PROMPT = re.compile(r"^(?:(?:>>>|\$)\s(?=\S)|%%?(?=[a-z]))", re.MULTILINE)
_SHELL = re.compile(rf"!(?<![^\s`(\"“]!)(?=(?:{alternatives(COMMANDS)})\s)")
_NOT = re.compile(r"!(?:(?<=[&|=(]!)|(?<=[&|=]\s!))(?=[a-z_]{1,40}(?:[).\s;\[(]|$))")
_COLOUR = re.compile(r"#(?<![\w&]#)([0-9A-Fa-f]{3}(?:[0-9A-Fa-f]{3})?)(?!\w)")
_HEADER = re.compile(r"<([a-z][a-z0-9_/]{1,40}\.h)>")
_SHARP = re.compile(rf"\b({alternatives(NOTES)})#(?!\w)")
_COMMENT = re.compile(r"/(?<!\S/)\*{1,2}(?!\S)|\*/(?!\S)")
_SIGN = rf"[`\"'“]?(?:{alternatives(SIGNS)})[`\"'”]?(?=[\s,.;:)]|$)"
_SIGNS_NAMED = re.compile(
    r"\b((?:[Oo]perador(?:es)?|[Ss]ímbolos?|[Ss]ina(?:l|is)|[Cc]aractere?s?|[Tt]eclas?)"
    r"(?: são| é|:)?) "
    rf"({_SIGN}(?:(?:, | e | ou ){_SIGN}){{0,20}})"
)
_ONE_SIGN = re.compile(alternatives(SIGNS))
_QUOTED_SIGN = re.compile(rf"([`\"'])(?<!\w.)({alternatives([*SIGNS, *PUNCTUATION])})\1(?!\w)")
_SNAKE = re.compile(r"_++")
_CALL = re.compile(r"(?<=\w)\(\)")
_GROUPED = re.compile(r"_(?<=[0-9]_)(?=[0-9]{3}(?:_[0-9]{3}){0,5}(?!\w))")
_MEMBER = re.compile(
    r"\??\.(?<=[a-z_)\]]\?\.)(?=[a-z_]{2})"
    r"|(?<=[a-z_)])\.(?=[A-Z][a-z]{1,20}[A-Z(])|(?<=[a-z_)])\.(?=[a-z_]{2})|(?<=[A-Z][a-z])\.(?=[a-z]{2})|(?<=[A-Za-z])\.(?=[0-9])"
)
_LETTER_DIGITS = re.compile(r"(?<![^\W_])[a-z](?:[0-9]{1,3}|[0-9][a-z])(?![^\W_])")


def say_version(written: str) -> str:
    """Return a dotted number, each part as a number: 3.12.1 -> "três ponto doze ponto um"."""
    first, *rest = written.split(".")
    return " ponto ".join([say_digits_or_cardinal(first), *map(say_decimals, rest)])


def _term(match: re.Match[str]) -> str:
    said = TERMS[match[0]]
    return f"{said} " if match.string[match.end() : match.end() + 1].isdigit() else said


def _version(match: re.Match[str]) -> str:
    said = say_version(match["number"]) + (" ponto xis" if match["x"] else "") + _say_stage(match)
    return f"{match['word'] or 'versão'} {said}"


def _dotted(match: re.Match[str]) -> str | None:
    if _THOUSANDS.fullmatch(match[1]) and not match["stage"]:
        return None
    return say_version(match[1]) + _say_stage(match)


def _say_stage(match: re.Match[str]) -> str:
    if not match["stage"]:
        return ""
    build = f" {say_digits_or_cardinal(match['build'])}" if match["build"] else ""
    return f" {STAGES[match['stage']]}{build}"


def _signs_named(match: re.Match[str]) -> str:
    names = SIGNS if match[1][:1] in "oOsS" else SIGNS | {"-": "hífen"}
    return f"{match[1]} {_ONE_SIGN.sub(lambda sign: names[sign[0]], match[2])}"


def _quoted_sign(match: re.Match[str]) -> str:
    return f"{match[1]}{(SIGNS | PUNCTUATION)[match[2]]}{match[1]}"


def _colour(match: re.Match[str]) -> str | None:
    """Return #FF5733 digit by digit; #123 is a number and #fada a word."""
    code = match[1].upper()
    is_mixed = any(map(str.isdigit, code)) and not code.isdigit()
    if not (is_mixed or (len(set(code)) == 1 and (len(code) == 6 or code.isalpha()))):
        return None
    return "cerquilha " + " ".join(map(spell, code))


def _tag(match: re.Match[str]) -> str:
    closing, name, attributes = match[1], match[2], match[3]
    said = letter_name(name) if len(name) == 1 else name
    return f" {'barra ' if closing else ''}{said}{attributes} "


def _slice(match: re.Match[str]) -> str:
    return f" {match[1]} dois pontos {match[2]} "


def _snake(match: re.Match[str]) -> str:
    """Open the joints of an identifier; the marks around it are only for the eye."""
    text = match.string
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    return " " if (before.isalnum() or before == ".") and after.isalnum() else ""


def _option(match: re.Match[str]) -> str | None:
    if match[3]:
        text, start = match.string, match.start()
        command = word_before(text, start).lower()
        return f"traço {spell(match[3])}" if command in COMMANDS else None
    if match[1]:
        return f"traço traço {match[1].replace('-', ' ').replace('_', ' ')}"
    return f"traço {letter_name(match[2])}"


RULES = (
    Rule("thousands", _GROUPED, lambda _: ".", needs="_"),
    Rule("prompt", _PROMPT, lambda _: "", needs=">$%"),
    Rule("prompt", _SHELL, lambda _: "", needs="!"),
    Rule("not", _NOT, lambda _: "não ", needs="!"),
    Rule("sharp note", _SHARP, lambda m: f"{NOTES[m[1]]} sustenido", needs="#"),
    Rule("colour", _COLOUR, _colour, needs="#"),
    Rule("header", _HEADER, lambda m: m[1], needs="<"),
    Rule("comment", _COMMENT, lambda _: "", needs="*"),
    Rule("signs by name", _SIGNS_NAMED, _signs_named, needs="".join({s[0] for s in SIGNS})),
    Rule("signs by name", _QUOTED_SIGN, _quoted_sign, needs="\"'`"),
    Rule("tag", _TAG, _tag, needs="<"),
    Rule("slice", _SLICE, _slice, needs="["),
    *MODELS,
    Rule("programming term", _TERM, _term, needs=""),
    Rule("JavaScript library", _DOT_JS, lambda m: f"{m[1].lower()} jota esse", needs="."),
    Rule("protocol", _PROTOCOL, lambda m: f"{spell(m[1])} {say_version(m[2])}"),
    Rule("version", _VERSION, _version),
    Rule("version", _DOTTED, _dotted),
    Rule("version", _DOT_X, lambda m: f"{say_version(m[1])} ponto xis"),
    *FILES,
    Rule("option", _OPTION, _option, needs="-"),
    Rule("member", _MEMBER, lambda _: " ponto ", needs="."),
    Rule("identifier", _SNAKE, _snake, needs="_"),
    Rule("call", _CALL, lambda _: "", needs="("),
)
LATE_RULES = (
    Rule(
        "letter and digits",
        _LETTER_DIGITS,
        lambda m: spell(m[0]),
    ),
)
"""Only after units and hours had their turn: h1, x86."""
