"""What mathematics and code write with signs: powers, variables, hexadecimals, pipes, asterisks.

And what the rules for code, which come next, would take for theirs: rates, thousands with spaces.
"""

from __future__ import annotations

import re

from tts_tasks.script import money, units
from tts_tasks.script.agreement import names
from tts_tasks.script.letters import letter_name, spell
from tts_tasks.script.measures import UNITS
from tts_tasks.script.numbers import (
    NUMBER,
    SIGNED_START,
    START,
    parse_number,
    say_digits,
    say_digits_or_cardinal,
    say_number,
)
from tts_tasks.script.rules import DIGITS, Rule
from tts_tasks.script.tables import alternatives, pairs, words

LATEX = pairs(
    r"""
    \times = ×
    \cdot = ×
    \div = ÷
    \leq = ≤
    \le = ≤
    \geq = ≥
    \ge = ≥
    \neq = ≠
    \ne = ≠
    \approx = ≈
    \pm = ±
    \infty = ∞
    \pi = π
    """
)
"""Commands of LaTeX that have a sign; of any other, the name is said."""

POWERS = {"2": "ao quadrado", "3": "ao cubo"}
"""Exponents of a variable that have a name of their own; a number is "elevado a" any of them."""

BEFORE_ASTERISK = words("SELECT DISTINCT DELETE RETURNING import export select")
"""Words after which an asterisk means "all", and is said."""

_LETTER_OR_NUMBER = r"(?:[0-9]++|[A-Za-z](?![\w$]))"
_EXPONENT = r"(?:\{\s?(-?[0-9]{1,6}|-?[A-Za-z])\s?\}|(-?[0-9]{1,6}|-?[A-Za-z](?![^\W\d_])))"
_DOLLARS = re.compile(r"(?<![\w$])\$(\$?)(?=[^\s$])([^$\n]{1,200})(?<![\sRSUA])\$\1(?![\w$])")
_IS_FORMULA = re.compile(r"[\^_=+<>\\×]|[A-Za-z]")
_COMMAND = re.compile(r"\\([A-Za-z]{1,20})")
_FRACTION = re.compile(r"\\frac\{([^{}]{1,60})\}\{([^{}]{1,60})\}")
_IN_FORMULA_X = re.compile(r"(?<=[0-9])x(?![^\W\d_])")
_VARIABLE_X = re.compile(
    rf"{SIGNED_START}((?<![\w)\]])-)?({NUMBER})x(?:(?P<operand>)(?=\s?[+=*<>≤≥]\s?{_LETTER_OR_NUMBER}|\s[-–]\s{_LETTER_OR_NUMBER}|[\^²³])"
    r"|(?![\w²³])(?!\s?[\w$€£]))"
)
_BEFORE_VARIABLE = re.compile(
    r"(?:[0-9²³)]|(?<![^\W_])[a-zA-Z])(?:\s?[+=*]\s?|\s(?:[-–]|menos)\s)$"
)
_BEFORE_MINUS = re.compile(r"[-–](?<=[0-9²³x)]\s.)\s(?=[0-9]++x(?!\w))")
_UNIT = rf"(?:\s(?P<unit>{alternatives(UNITS)})(?![\w²³/]))?"
_SCIENTIFIC = re.compile(
    rf"{START}({NUMBER})\s?[×x*·]\s?10(?:\s?\^\s?{_EXPONENT}|(?P<raised>[²³])(?!\w)){_UNIT}"
)
_PROGRAMMED = re.compile(
    rf"{START}({NUMBER})(?:e([+-]?[0-9]{{1,3}})|E([+-][0-9]{{1,3}}))(?![\w]|[.,][0-9]){_UNIT}"
)
_POWER = re.compile(rf"(?<=[\w)\]])\s?\^\s?{_EXPONENT}")
_BASED = re.compile(r"(?<![\w.,])0(?:([xX])([0-9A-Fa-f]{2,32}|[A-Fa-f])|([bB])([01]{2,64}))(?!\w)")
_GROUPED = re.compile(
    r"(?=[1-9])(?<![\w.,/+()-])(?<![0-9] )([1-9][0-9]{0,2}(?: [0-9]{3}){1,5})"
    r"(?![\w/]|[.-][0-9]| [0-9])"
)
_UNIT_NEXT = re.compile(rf"(?:,[0-9]+)? (?:{alternatives(UNITS)})(?!\w)")
_EQUATION_DASH = re.compile(r"–(?<=[0-9] –)(?= [0-9])")
_GLUED_MINUS = re.compile(
    r"-(?:(?<=[0-9]-)(?=[0-9.,]{1,20}\s?=)|(?<=\b[ijkmntxyz]-)(?<![\w-].-)(?=[0-9]+(?![\w-])))"
)
_DIVIDED = re.compile(r"/(?<=[0-9)]\s/)\s(?=[0-9(])")
_OF_GROUP = re.compile(r"/(?<=\)/)(?=[0-9(]|[a-z](?!\w))")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_DRIVE = re.compile(r":(?<=\b[A-Za-z]:)(?=\\)")
_BACKSLASH = re.compile(r"\\(?<!\\\\)\\*+(?=[^\W_])")
_PIPE = re.compile(r"(?<=[a-z0-9_)])(\s?)\|{1,2}\1(?=[a-z0-9_(])")
_INCREMENT = re.compile(r"(?<=[a-z0-9_\])])\+\+(?![\w+])")
_DECREMENT = re.compile(r"--(?<=[a-z]--)(?<!\w[a-z]--)(?![\w-])")
_ASTERISK = re.compile(rf"({alternatives(BEFORE_ASTERISK)})\s\*(?!\w)|\(\*\)|\*(?<!\S\*)(?=\.\w)")
_PERCENT_CODE = re.compile(
    r"%(?<![0-9)%]%)(?<![0-9]\s%)(\.?[0-9]{0,2})([dsfiuxXegcrYmHMSyBb])(?!\w)"
)


def _formula(match: re.Match[str]) -> str | None:
    formula = match[2]
    if not _IS_FORMULA.search(formula):
        return None
    formula = _FRACTION.sub(r"\1 sobre \2", formula)
    formula = formula.replace("\\sqrt", "√")
    formula = _COMMAND.sub(lambda m: f" {LATEX.get(m[0], m[1])} ", formula)
    return _IN_FORMULA_X.sub(" xis", formula)


def _variable(match: re.Match[str]) -> str | None:
    text, start = match.string, match.start()
    if match["operand"] is None and not _BEFORE_VARIABLE.search(text[max(0, start - 10) : start]):
        return None
    return f"{'menos ' if match[1] else ''}{say_number(parse_number(match[2]))} xis"


def _say_exponent(written: str) -> str:
    sign = "menos " if written.startswith("-") else ""
    bare = written.lstrip("+-")
    return sign + (say_digits_or_cardinal(bare) if bare.isdigit() else bare)


def _say_mantissa(written: str) -> str:
    number = parse_number(written)
    feminine = not number.decimals and not number.is_singular  # duas vezes dez elevado a seis
    return say_number(number, feminine=feminine)


def _scientific(match: re.Match[str]) -> str:
    raised = match.groupdict().get("raised")
    exponent = _say_exponent(match[2] or match[3] or {"²": "2", "³": "3"}[raised or "²"])
    unit = f" {UNITS[match['unit']].plural}" if match["unit"] else ""
    return f"{_say_mantissa(match[1])} vezes dez elevado a {exponent}{unit}"


def _power(match: re.Match[str]) -> str:
    exponent = match[1] or match[2]
    if exponent in POWERS and not match.string[match.start() - 1].isdigit():
        return f" {POWERS[exponent]}"
    return f" elevado a {_say_exponent(exponent)}"


def _based(match: re.Match[str]) -> str:
    base, digits = (match[1], match[2]) if match[1] else (match[3], match[4])
    said = (say_digits(d) if d.isdigit() else letter_name(d) for d in digits)
    return f"zero {letter_name(base)} {' '.join(said)}"


def _divided(match: re.Match[str]) -> str | None:
    text, start, end = match.string, match.start() - 1, match.end()
    left = re.search(r"[0-9.,]*$", text[max(0, start - 20) : start])
    first = start - len(left[0]) if left else start
    if names(text, first):
        return None  # aula 3 / 10
    if _YEAR.fullmatch(text, first, start) and _YEAR.match(text, end):
        return None
    return "dividido por "


def _grouped(match: re.Match[str]) -> str | None:
    """Join thousands that stand in groups (10 000 km), where these cannot be numbers of a list."""
    if match[1].endswith(" 000") or _UNIT_NEXT.match(match.string, match.end()):
        return match[1].replace(" ", ".")
    return None


def _equation_dash(match: re.Match[str]) -> str | None:
    text, start = match.string, match.start()
    around = text[max(0, start - 20) : start], text[start : start + 20]
    return "-" if any("=" in part for part in around) else None


def _pipe(match: re.Match[str]) -> str | None:
    # A plain text may hold the rows of a table, whose lines are only for the eye.
    return None if match.string.startswith("|") else " barra vertical "


def _asterisk(match: re.Match[str]) -> str:
    return f"{match[1]} asterisco" if match[1] else " asterisco "


def _percent_code(match: re.Match[str]) -> str:
    width = match[1].replace(".", "ponto ")
    width = f" {width}" if width else ""
    before = " " if match.string[match.start() - 1 : match.start()].isalnum() else ""
    return f"{before}percentual{width} {spell(match[2])}"


RULES = (
    *money.EARLY_RULES,
    *units.EARLY_RULES,
    Rule("thousands", _GROUPED, _grouped, needs=(DIGITS, " ")),
    Rule("minus", _GLUED_MINUS, lambda _: " menos ", needs=(DIGITS, "-")),
    Rule("minus", _EQUATION_DASH, _equation_dash, needs=(DIGITS, "–")),
    Rule("formula", _DOLLARS, _formula, needs="$"),
    Rule("hexadecimal or binary", _BASED, _based, needs=(DIGITS, "0")),
    Rule("minus a variable", _BEFORE_MINUS, lambda _: "menos ", needs=(DIGITS, "-–")),
    Rule("variable", _VARIABLE_X, _variable),
    Rule("scientific notation", _SCIENTIFIC, _scientific, needs=(DIGITS, "^²³")),
    Rule("scientific notation", _PROGRAMMED, _scientific),
    Rule("power", _POWER, _power, needs="^"),
    Rule("division", _OF_GROUP, lambda _: " dividido por ", needs="/"),
    Rule("division", _DIVIDED, _divided, needs=(DIGITS, "/")),
    Rule("drive", _DRIVE, lambda _: " dois pontos", needs="\\"),
    Rule("backslash", _BACKSLASH, lambda _: " barra invertida ", needs="\\"),
    Rule("pipe", _PIPE, _pipe, needs="|"),
    Rule("increment", _INCREMENT, lambda _: " mais mais", needs="+"),
    Rule("decrement", _DECREMENT, lambda _: " menos menos", needs="-"),
    Rule("asterisk", _ASTERISK, _asterisk, needs="*"),
    Rule("format code", _PERCENT_CODE, _percent_code, needs="%"),
)
