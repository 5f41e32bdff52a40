"""Symbols that are said, and those that are only for the eye."""

from __future__ import annotations

import re

from tts_tasks.script.rules import CAPITALS, Rule, word_before
from tts_tasks.script.tables import alternatives, pairs, words

SAID = pairs(
    """
    === = estritamente igual a
    !== = estritamente diferente de
    := = recebe
    += = mais igual a
    -= = menos igual a
    *= = vezes igual a
    && = e
    >= = maior ou igual a
    <= = menor ou igual a
    != = diferente de
    == = igual a
    ≥ = maior ou igual a
    ≤ = menor ou igual a
    ≠ = diferente de
    ≈ = aproximadamente
    ± = mais ou menos
    × = vezes
    ÷ = dividido por
    ∞ = infinito
    √ = raiz de
    π = pi
    µ = micro
    & = e
    = = igual a
    % = por cento
    ‰ = por mil
    ² = ao quadrado
    ³ = ao cubo
    @ = arroba
    ° = graus
    R$ = reais
    US$ = dólares
    $ = cifrão
    € = euros
    £ = libras
    ∈ = pertence a
    ∉ = não pertence a
    ∪ = união
    ∩ = interseção
    ⊂ = está contido em
    ∀ = para todo
    ∃ = existe
    ∅ = conjunto vazio
    ∑ = somatório de
    ∏ = produtório de
    ∫ = integral de
    ∂ = derivada parcial de
    ∇ = nabla
    ∝ = proporcional a
    ≡ = equivalente a
    ∴ = portanto
    """
)
"""Said wherever they stand."""

GREEK = pairs(
    """
    α = alfa
    β = beta
    γ = gama
    δ = delta
    ε = épsilon
    ζ = zeta
    η = eta
    θ = teta
    κ = capa
    λ = lambda
    μ = mi
    ν = ni
    ξ = csi
    ρ = rô
    σ = sigma
    τ = tau
    φ = fi
    χ = qui
    ψ = psi
    ω = ômega
    Γ = gama
    Δ = delta
    Θ = teta
    Λ = lambda
    Σ = sigma
    Φ = fi
    Ψ = psi
    Ω = ômega
    """
)
"""Letters of formulas; in a Greek word they stay."""

PERIODS = words("dia semana mês ano hora minuto segundo pessoa aluno turma habitante")
"""What a plural is counted by: aulas/semana."""

# Spaces before a sign are left to the tidying: a pattern that begins with the sign is searched
# several times faster than one that begins with an optional space or a lookbehind.
_SAID = re.compile(rf"(?:{alternatives(SAID)})\s?")
_SYMBOLS = "".join(sorted({sign[-1] for sign in SAID}))
_GREEK = re.compile(rf"[{''.join(GREEK)}](?<![α-ωΑ-Ωά-ώ].)(?![α-ωΑ-Ωά-ώ])(?:\s|(?=-\w))?")
_EMOTICON = re.compile(r"[:;](?<!\S.)-?[()](?!\w)")
_MINUS = re.compile(r"-(?<=\b[b-df-hj-np-z]\s-)\s(?=(?:[b-df-hj-np-z]|[0-9]++)(?![\w.]))")
_WORD_BEFORE = re.compile(r"(?:(?<=\w)|(?<=\w\s))")
_ARROW = re.compile(r"(?:<?[-=]{1,2}>|<[-=]{2,}|[→←↔⇒➜➔])\s?")
_PLUS = re.compile(
    r"\+(?:(?:(?<=[\w)]\+)|(?<=[\w)]\s\+)|(?<![\w+]\+))\s?(?=[\w(])|(?<=\w\+)(?![\w+]))"
)
_COMPARED = re.compile(r"[<>](?:(?<=[\w)]\s.)\s(?=[\w(-])|(?<![\w<].)\s?(?=(?:menos )?\w))")
_COMPARED_CLOSELY = re.compile(
    r"[<>](?:(?<=\b[A-Za-z].)|(?<=[0-9].))(?=(?:[A-Za-z]|[0-9]++)(?![\w>]))"
)
_HASH_NUMBER = re.compile(r"(?<![\w#])#\s?(?=[0-9])")
_HASHTAG = re.compile(r"(?<![\w#&])#(?=[^\W\d_])")
_ABOUT = re.compile(r"(?<![\w~])[~∼]\s?(?=[0-9])")
_SLASH = re.compile(r"(?<=\w)\s?/\s?(?=\w)")
_STAR_PRODUCT = re.compile(
    r"\*(?:(?:(?<=[0-9)]\*)|(?<=[0-9)]\s\*))\s?(?=[0-9(])|(?<=\b[a-z]\s\*)\s(?=[a-z0-9]\b)"
    r"|(?<=\b[a-z]\*)(?=[0-9(])|(?<=[0-9]\*)(?=[a-z](?!\w)))"
)
_POWER = re.compile(
    r"\*\*(?:(?<=[\w)]\s\*\*)\s(?=[\w(])|(?:(?<=[0-9]\*\*)|(?<=\b[a-z]\*\*))(?=[0-9]))"
)
_MODULO = re.compile(
    r"%(?:(?<=\b[a-z]\s%)|(?<=[0-9]\s%)(?<![.,][0-9]\s%))\s(?=(?:[0-9]++|[b-df-np-z])(?![\w,.]))"
)
_DOUBLE_SLASH = re.compile(
    r"//(?:(?<=[\w)]\s//)\s(?=(?:[0-9]++|[a-z])(?!\w))|(?<=[0-9]//)(?=[0-9]))"
)
_ASSIGNED = re.compile(r"<-(?<=[\w\])]\s<-)\s(?=\S)")
_TO = re.compile(r"\.\.(?<=[0-9]\.\.)(?=[0-9n](?!\.))")
_QUOTE = re.compile(r"^>+\s(?=[^\W\d_]{2})", re.MULTILINE)
_CHECKBOX = re.compile(r"^(\s?[-*•]\s)?\[[ xX]\]\s", re.MULTILINE)
_VERSUS = re.compile(r"x(?<=\w\w\sx)(?=\s[A-ZÀ-Ú]\w)")
_PER = re.compile(rf"/(?<=s/)(?=(?:{alternatives(PERIODS)})(?![\w/]))")
QUOTES = "\"'”’»"
_EYE_ONLY_CHARACTERS = "*_`|~^\\{}[]<>#•·●▪◦‣⁃†‡¦¬¨´¯¸ªº@/+§¶"
_EYE_ONLY = re.compile(rf"[{re.escape(_EYE_ONLY_CHARACTERS)}]+")
_IN_BRACKETS = re.compile(r" (?:(?<=\( )|(?=\)))")
_EMPTY_BRACKETS = re.compile(r"\((?<![\w)\]]\()\)")
_MENU = re.compile(r">(?<=\w\w\s>)\s(?=[A-ZÀ-Ú][a-zà-ú]|[A-ZÀ-Ú]{2}[A-ZÀ-Ú ])")
_RULE = re.compile(r"(?<!\S)(?:[-–—]{2,}|={4,}|^={3}|={3}$)(?!\S)", re.MULTILINE)


def _arrow(match: re.Match[str]) -> str:
    """Return a pause between what an arrow joins, nothing for the arrow of a list item."""
    text = match.string
    before = text[max(0, match.start() - 3) : match.start()].rpartition("\n")[2]
    joins = before.strip() and text[match.end() : match.end() + 1].strip()
    return ", " if joins else " "


def _greek(match: re.Match[str]) -> str:
    glued = match.string.startswith("-", match.end()) and len(match[0]) == 1
    return f" {GREEK[match[0][0]]}{'' if glued else ' '}"


def _said(match: re.Match[str]) -> str:
    if match[0][0] == "≈" and _WORD_BEFORE.match(match.string, match.start()):
        return " aproximadamente igual a "
    return f" {SAID[match[0].strip()]} "


def _times(match: re.Match[str]) -> str:
    # One space before: the rules for numbers look past exactly one.
    return "vezes " if match.string[match.start() - 1] == " " else " vezes "


def _power(match: re.Match[str]) -> str:
    before = "" if match.string[match.start() - 1] == " " else " "
    return f"{before}elevado a "


def _double_slash(match: re.Match[str]) -> str:
    before = "" if match.string[match.start() - 1] == " " else " "
    return f"{before}barra barra "


def _menu(match: re.Match[str]) -> str | None:
    """Return a pause for Arquivo > Salvar, where both are names."""
    return ", " if word_before(match.string, match.start())[:1].isupper() else None


def _compared(match: re.Match[str]) -> str:
    return " menor que " if "<" in match[0] else " maior que "


def _not_said(match: re.Match[str]) -> str:
    """Return a space, but nothing inside the edge of a quotation: "Total: {total}"."""
    text, run = match.string, match[0]
    if text[match.start() - 1 : match.start()] in QUOTES and set(run) <= set("{["):
        return ""
    if text[match.end() : match.end() + 1] in QUOTES and set(run) <= set("}]"):
        return ""
    return " "


def _versus(match: re.Match[str]) -> str | None:
    return "versus" if word_before(match.string, match.start())[:1].isupper() else None


EARLY_RULES = (
    Rule("number sign", _HASH_NUMBER, lambda _: "número "),
    Rule("about", _ABOUT, lambda _: "cerca de "),
    Rule("", _QUOTE, lambda _: "", needs=">"),
    Rule("", _CHECKBOX, lambda m: m[1] or "", needs="["),
    Rule("comparison", _COMPARED_CLOSELY, _compared, needs="<>"),
    Rule("power", _POWER, _power, needs="*"),
    Rule("remainder", _MODULO, lambda _: "módulo ", needs="%"),
    Rule("double slash", _DOUBLE_SLASH, _double_slash, needs="/"),
    Rule("assignment", _ASSIGNED, lambda _: "recebe ", needs="<"),
    Rule("versus", _VERSUS, _versus, needs=CAPITALS),
    Rule("to", _TO, lambda _: " a "),
    Rule("minus", _MINUS, lambda _: "menos ", needs="-"),
    Rule("times", _STAR_PRODUCT, _times, needs="*"),
)
"""Before numbers, which they look at."""

RULES = (
    Rule("hashtag", _HASHTAG, lambda _: "hashtag ", needs="#"),
    Rule("arrow", _ARROW, _arrow, needs="<>→←↔⇒➜➔"),
    Rule("line", _RULE, lambda _: " ", needs="-–—="),
    Rule("menu", _MENU, _menu, needs=">"),
    Rule("comparison", _COMPARED, _compared, needs="<>"),
    Rule("emoticon", _EMOTICON, lambda _: "", needs="()"),
    Rule("Greek letter", _GREEK, _greek, needs="".join(GREEK)),
    Rule("symbol", _SAID, _said, needs=_SYMBOLS),
    Rule("plus", _PLUS, lambda _: " mais ", needs="+"),
    Rule("slash", _PER, lambda _: " por ", needs="/"),
    Rule("slash", _SLASH, lambda _: " barra ", needs="/"),
    Rule("not said", _EYE_ONLY, _not_said, needs=_EYE_ONLY_CHARACTERS),
    Rule("", _IN_BRACKETS, lambda _: "", needs="()"),
    Rule("", _EMPTY_BRACKETS, lambda _: "", needs="("),
)
