"""Numbers that identify: CPF, CNPJ, CEP, phones; digit by digit, in their written groups."""

from __future__ import annotations

import re

from tts_tasks.script.numbers import say_digits
from tts_tasks.script.rules import Rule

_CPF = re.compile(
    r"(?:\b(?P<label>CPF)(?::|\sn\.?º)?\s)?"
    r"(?<![\w.-])(?P<number>[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2})(?![\w-])"
)
_CNPJ = re.compile(
    r"(?:\b(?P<label>CNPJ)(?::|\sn\.?º)?\s)?"
    r"(?<![\w.-])(?P<number>[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-[0-9]{2})(?![\w-])"
)
_CEP = re.compile(
    r"(?:\b(?P<label>CEP)(?::|\sn\.?º)?\s)?(?<![\w.-])(?P<number>[0-9]{2}\.?[0-9]{3}-[0-9]{3})(?![\w-])"
)
_RG = re.compile(
    r"\b(?P<label>RG)(?::|\sn\.?º)?\s(?P<number>[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9X])(?![\w-])"
)
_PHONE = re.compile(
    r"(?<![\w.,/-])(?:(?P<country>\+[0-9]{1,3})[\s-]?)?(?:\((?P<area>0?[0-9]{2})\)\s?|"
    r"(?P<bare_area>[0-9]{2})[\s-])?(?P<first>9\s?[0-9]{4}|[2-9][0-9]{3})(?P<joint>[-.\s])"
    r"(?P<last>[0-9]{4})(?![\w/]|[-.,][0-9])"
)
_TOLL_FREE = re.compile(r"(?<![\w.,-])(0[3589]00)[\s-]([0-9]{3})[\s-]?([0-9]{3,4})(?![\w-])")
_CHAIN = re.compile(r"(?<![\w.,-])[0-9]++(?:-[0-9]++){2,}+(?![\w-])")


def say_groups(written: str) -> str:
    """Return digits by name, with a comma where the written groups end."""
    groups = re.findall(r"[0-9]+|[A-Z]+", written)
    return ", ".join(say_digits(g) if g.isdigit() else g.lower() for g in groups)


def _labelled(match: re.Match[str]) -> str:
    said = say_groups(match["number"])
    return f"{match['label'].lower()}, {said}" if match["label"] else said


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
    return f"mais {say_digits(match['country'][1:])}, {said}" if match["country"] else said


def _is_landline(match: re.Match[str]) -> bool:
    """Return whether 3333-4444 is a phone rather than a range of years or of round numbers."""
    first, last = match["first"], match["last"]
    round_numbers = first.endswith("00") and last.endswith("00")
    years = first[:2] == last[:2] == "20"
    return first[0] in "2345" and match["joint"] == "-" and not (round_numbers or years)


RULES = (
    Rule("CPF", _CPF, _labelled),
    Rule("CNPJ", _CNPJ, _labelled),
    Rule("CEP", _CEP, _labelled),
    Rule("RG", _RG, _labelled),
    Rule("toll-free phone", _TOLL_FREE, lambda match: say_groups(match[0])),
    Rule("phone", _PHONE, _phone),
    Rule("code in groups", _CHAIN, lambda match: say_groups(match[0])),
)
