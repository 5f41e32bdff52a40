"""Numbers that identify: CPF, CNPJ, CEP, phones; digit by digit, in their written groups."""

from __future__ import annotations

import re

from tts_tasks.script.letters import spell
from tts_tasks.script.numbers import ordinal, say_digits
from tts_tasks.script.rules import CAPITALS, DIGITS, Rule, kept_point
from tts_tasks.script.tables import alternatives, words

_CPF = re.compile(
    r"(?=[0-9C])(?:\b(?P<label>CPF)(?::|\sn\.?º)?\s)?"
    r"(?<![\w.-])(?P<number>[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2})(?![\w-])"
)
_CNPJ = re.compile(
    r"(?=[0-9A-Z])(?:\b(?P<label>CNPJ)(?::|\sn\.?º)?\s)?"
    r"(?<![\w.-])(?P<number>[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-[0-9]{2})(?![\w-])"
)
_CEP = re.compile(
    r"(?=[0-9C])(?:\b(?P<label>CEP)(?::|\sn\.?º)?\s)?(?<![\w.-])(?P<number>[0-9]{2}\.?[0-9]{3}-[0-9]{3})(?![\w-])"
)
_RG = re.compile(
    r"\b(?P<label>RG)(?::|\sn\.?º)?\s(?P<number>[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}(?:-[0-9X])?)(?![\w-])"
)
_PIS = re.compile(
    r"\b(?P<label>PIS(?:/PASEP)?|PASEP|NI[ST])(?::|\sn\.?º)?\s(?P<number>[0-9]{3}\.[0-9]{5}\.[0-9]{2}-[0-9])(?![\w-])"
)
GROUPS = {"CPF": (3, 3, 3, 2), "CNPJ": (2, 3, 3, 4, 2), "CEP": (5, 3), "PIS": (3, 5, 2, 1)}
"""How many digits the groups of a document have, for numbers written without their signs."""

_UNSIGNED = re.compile(
    rf"\b({alternatives(GROUPS)})(?::|\sn\.?º)?\s([0-9]{{8,14}})(?![\w]|[.,/-][0-9])"
)
_LAWSUIT = re.compile(
    r"(?=[0-9])(?<![\w.-])[0-9]{7}-[0-9]{2}\.[0-9]{4}\.[0-9]\.[0-9]{2}\.[0-9]{4}(?![\w-])"
)
_BOLETO = re.compile(
    r"(?=[0-9])(?<![\w.-])[0-9]{5}\.[0-9]{5}(?: [0-9]{5}\.[0-9]{6}){2} [0-9] [0-9]{14}(?![\w-])"
)
_CARD = re.compile(r"(?=[0-9])(?<![\w.,-])(?<![0-9] )[0-9]{4}(?:[ -][0-9]{4}){3}(?![\w-]| [0-9])")
_YEARS = re.compile(r"(?:(?:19|20)[0-9]{2}\D?)+")
_PLATE = re.compile(r"\b([Pp]lacas?:?\s)([A-Z]{3})(-?)([0-9][0-9A-Z][0-9]{2})(?!\w)")
SHORT_CODES = words("senha agência pin issn")
"""Words after which even four digits are a code, said one by one."""

CODES = SHORT_CODES | words(
    """
    protocolo matrícula pedido inscrição código boleto processo cadastro registro passaporte pix
    conta renavam cnh rg
    """
)
"""Words after which a number of five digits or more, or one with a check digit, is a code."""

_CODE = re.compile(
    r"(?=[0-9nN])(?<!\w)([nN]\.?[º°]\s?)?(?<![.,/-])([0-9]{3,20})(-[0-9]{0,3}[0-9X])?(?![\w/]|[.,-][0-9])"
)
_NUMBER_SIGN = re.compile(r"\bn(?:\.|º\.)\s?(?=[0-9])")
_EDITION = re.compile(r"(?=[0-9])(?<![\w.,])([0-9]{1,3})\.\s?ed\.(?!\w)")
_CODE_BEFORE = re.compile(rf"\b({alternatives(CODES)})(?:\snúmero)?:?\s$", re.IGNORECASE)
CODE_CHARS = 24
"""How far the word that makes a number a code is looked for."""
_PHONE = re.compile(
    r"(?=[0-9+(])(?<![\w.,/-])(?:(?P<country>\+[0-9]{1,3}|55(?=[\s-]\(?[1-9]{2}))[\s-]?)?(?:\((?P<area>0?[0-9]{2})\)\s?|"
    r"(?P<bare_area>[0-9]{2})[\s-])?(?P<first>9\s?[0-9]{4}|[2-9][0-9]{3})(?P<joint>[-.\s])"
    r"(?P<last>[0-9]{4})(?![\w/]|[-.,][0-9])"
)
_TOLL_FREE = re.compile(r"(?<![\w.,-])(0[3589]00)[\s-]?([0-9]{3})[\s-]?([0-9]{3,4})(?![\w-])")
_BARE_MOBILE = re.compile(r"(?=[1-9])(?<![\w.,+/-])[1-9]{2}9[0-9]{8}(?![\w/]|[.,-][0-9])")
_INTERNATIONAL = re.compile(
    r"(?<![\w+.,)/])\+([0-9]{1,3}(?:[\s.-]?\([0-9]{2,4}\))?(?:[\s.-][0-9]{2,5}){2,5}|[0-9]{10,14})"
    r"(?![\w]|[.,-][0-9])"
)
_BRAZILIAN = re.compile(r"(55)([0-9]{2})([0-9]{4,5})([0-9]{4})")
SERVICES = words(
    """
    100 128 135 136 147 150 151 152 153 154 155 156 158 160 162 180 181 185 188 190 191 192 193
    194 196 197 198 199
    """
)
"""Numbers of public services in Brazil, said digit by digit. Source: Anatel, códigos de acesso a
serviços de utilidade pública."""

_SERVICE = re.compile(
    r"(?=[0-9])(?:(?<=[^\W\d_]\s)|(?<=[^\W\d_]\s\())([0-9]{3})(?:(,\s|\s(?:ou|e)\s)(?:o\s)?([0-9]{3}))?(?![\w/]|[.,-][0-9])"
    r"(?!\s(?:vezes|pessoas|clientes|alunos|reais))"
)
_CALL = re.compile(
    r"\b(?:lig(?:ue|uem|ar|ando|a)|di(?:sque|squem|scar|scando|sca)|telefone|chame|acione)"
    r"(?:\s(?:já|agora|logo))?(?:\s(?:para|pro))?(?:\s(?:o|ao))?(?:\s(?:número|telefone|SAMU))?\s$"
    r"|\b(?:polícia(?:\smilitar)?|SAMU|bombeiros|CVV|emergência|defesa civil)\s\(?$",
    re.IGNORECASE,
)
_CHAIN = re.compile(r"(?=[0-9])(?<![\w.,-])[0-9]++(?:-[0-9]++){2,}(?![\w-])")


def say_groups(written: str) -> str:
    """Return digits by name, with a comma where the written groups end."""
    groups = re.findall(r"[0-9]+|[A-Za-z]+", written)
    return ", ".join(say_digits(g) if g.isdigit() else g.lower() for g in groups)


def _labelled(match: re.Match[str]) -> str:
    said = say_groups(match["number"])
    return f"{match['label'].lower()}, {said}" if match["label"] else said


def _unsigned(match: re.Match[str]) -> str | None:
    label, digits = match.groups()
    sizes = GROUPS[label]
    if len(digits) != sum(sizes):
        return None
    rest = iter(digits)
    groups = ("".join(next(rest) for _ in range(size)) for size in sizes)
    return ", ".join([label.lower(), *map(say_digits, groups)])


def _card(match: re.Match[str]) -> str | None:
    return None if _YEARS.fullmatch(match[0]) else say_groups(match[0])


def _plate(match: re.Match[str]) -> str:
    last = " ".join(say_digits(c) if c.isdigit() else spell(c) for c in match[4])
    return f"{match[1]}{spell(match[2])}, {last}"


def _code(match: re.Match[str]) -> str | None:
    sign, digits, check = match.groups()
    label = _CODE_BEFORE.search(match.string[max(0, match.start() - CODE_CHARS) : match.start()])
    if label is None:
        return None
    shortest = 4 if label[1].lower() in SHORT_CODES else 5
    if len(digits) < shortest and not check:
        return None
    said = say_groups(digits + check).replace(", x", " xis") if check else say_digits(digits)
    return f"número {said}" if sign else said


def _phone(match: re.Match[str]) -> str | None:
    area = match["area"] or match["bare_area"]
    # "2019-2024" and "3000 4000" are no phones: without an area code only 9 digits are certain.
    mobile = len(match["first"].replace(" ", "")) == 5
    certain = mobile or match["area"] or match["country"] or _is_landline(match)
    if not certain or (match["joint"] == " " and not (match["area"] or match["country"])):
        return None
    groups = [match["first"].replace(" ", ""), match["last"]]
    groups[:0] = [area] if area else []
    said = ", ".join(map(say_digits, groups))
    if not match["country"]:
        return said
    plus = "mais " if match["country"].startswith("+") else ""
    return f"{plus}{say_digits(match['country'].lstrip('+'))}, {said}"


def _edition(match: re.Match[str]) -> str:
    """Say the edition of a bibliography: 2. ed."""
    return f"{ordinal(int(match[1]), feminine=True)} edição{kept_point(match)}"


def _digit_groups(*groups: str) -> str:
    return ", ".join(map(say_digits, groups))


def _bare_mobile(match: re.Match[str]) -> str:
    digits = match[0]
    return _digit_groups(digits[:2], digits[2:7], digits[7:])


def _international(match: re.Match[str]) -> str | None:
    if sum(map(str.isdigit, match[1])) < 8:
        return None  # +10 20 30
    brazilian = _BRAZILIAN.fullmatch(match[1])
    return f"mais {_digit_groups(*brazilian.groups()) if brazilian else say_groups(match[1])}"


def _service(match: re.Match[str]) -> str | None:
    text, start = match.string, match.start()
    if match[1] not in SERVICES or not _CALL.search(text[max(0, start - 40) : start]):
        return None
    if match[3] is None:
        return say_digits(match[1])
    if match[3] not in SERVICES:
        return None
    return f"{say_digits(match[1])}{match[2]}{say_digits(match[3])}"


def _is_landline(match: re.Match[str]) -> bool:
    """Return whether 3333-4444 is a phone rather than a range of years or of round numbers."""
    first, last = match["first"], match["last"]
    round_numbers = first.endswith("00") and last.endswith("00")
    years = first[:2] == last[:2] == "20"
    return first[0] in "2345" and match["joint"] == "-" and not (round_numbers or years)


RULES = (
    Rule("CPF", _CPF, _labelled, needs=(DIGITS, "-")),
    Rule("CNPJ", _CNPJ, _labelled, needs=(DIGITS, "/")),
    Rule("CEP", _CEP, _labelled, needs=(DIGITS, "-")),
    Rule("RG", _RG, _labelled, needs=(DIGITS, "G")),
    Rule("PIS", _PIS, _labelled, needs=(DIGITS, "-")),
    Rule("document without signs", _UNSIGNED, _unsigned, needs=(DIGITS, "P")),
    Rule("lawsuit", _LAWSUIT, lambda match: say_groups(match[0]), needs=(DIGITS, "-")),
    Rule("boleto", _BOLETO, lambda match: say_groups(match[0]), needs=(DIGITS, ".")),
    Rule("card", _CARD, _card),
    Rule("number plate", _PLATE, _plate, needs=(DIGITS, CAPITALS)),
    Rule("code", _CODE, _code),
    Rule("edition", _EDITION, _edition, needs=(DIGITS, ".")),
    Rule("number sign", _NUMBER_SIGN, lambda _: "número ", needs=(DIGITS, ".")),
    Rule("toll-free phone", _TOLL_FREE, lambda m: _digit_groups(*m.groups()), needs=(DIGITS, "0")),
    Rule("phone", _PHONE, _phone),
    Rule("phone", _BARE_MOBILE, _bare_mobile),
    Rule("phone", _INTERNATIONAL, _international, needs="+"),
    Rule("public service", _SERVICE, _service),
    Rule("code in groups", _CHAIN, lambda match: say_groups(match[0]), needs=(DIGITS, "-")),
)
