"""Roman numerals where the context makes them numbers: centuries, chapters, kings, popes, wars."""

from __future__ import annotations

import re

from tts_tasks.script.numbers import cardinal, ordinal
from tts_tasks.script.rules import Rule, word_before
from tts_tasks.script.tables import alternatives, words

CARDINAL_CONTEXTS = words(
    """
    século séculos capítulo capítulos volume volumes tomo tomos título títulos livro livros ato atos
    cena cenas parte partes seção seções anexo anexos apêndice módulo módulos fase fases nível
    inciso incisos tipo tipos classe classes grupo grupos unidade unidades etapa aula lição item
    tabela figura quadro edição temporada episódio olimpíada canto
    """
)
"""Nouns after which a Roman numeral is a cardinal."""

RULERS = words(
    """
    Pedro João Luís Luiz Henrique Filipe Felipe Carlos Afonso Sancho Manuel Sebastião José Miguel
    Duarte Fernando Jorge Eduardo Guilherme Ricardo Jaime Frederico Francisco Napoleão Alexandre
    Ivan Nicolau Otto Leopoldo Humberto Vítor Amadeu Balduíno Alberto Gustavo Cristiano Haroldo
    Ramsés Tutmés Ptolomeu Dario Xerxes Artaxerxes Constantino Justiniano Teodósio Bento Paulo Pio
    Leão Gregório Inocêncio Clemente Urbano Bonifácio Sisto Júlio Adriano Martinho Eugênio Xisto
    Juan Rei Papa
    """
)
"""Kings, emperors and popes: ordinal up to ten, cardinal beyond."""

QUEENS = words("Maria Isabel Elizabeth Elisabete Catarina Cristina Margarida Joana Ana Beatriz")

_EVENTS = (
    "guerra|guerras|república|conferência|bienal|olimpíada|jornada|semana|mostra|edição|feira"
    "|congresso|encontro|simpósio|seminário|fórum|concurso|prêmio|festival|salão|concílio|reich"
)
_FEMININE_EVENTS = words(
    "guerra guerras república conferência bienal olimpíada jornada semana mostra edição feira"
)
_NUMERAL = r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}

_CARDINAL = re.compile(
    rf"(?<=[^\W\d_]\s)({_NUMERAL})(?!\w)"
    rf"(?:(,\s|\s?[-–]\s?|\se\s|\sa\s|\sao\s|\sou\s)({_NUMERAL})(?!\w))?"
)
_RULER = re.compile(rf"\b(?=[A-Z])({alternatives(RULERS | QUEENS)})\s({_NUMERAL})(?!\w)")
_EVENT = re.compile(rf"(?<!\w)({_NUMERAL})(?=\s((?i:{_EVENTS}))\b)")
_SERIES = re.compile(
    r"[IVX](?<![\w.&-].)[IVX]{0,6}(?:(?:,\s|,?\s(?:e|ou|a)\s)[IVX]{1,7}(?!\w)){1,40}(?![.&-]\w)"
)
_LETTERS = re.compile(r"[IVX]+")
_SMALL = re.compile(r"X{0,3}(?:IX|IV|V?I{0,3})")
_ALONE = re.compile(r"(?<![\w.&-])(?=[IVX]{2})((?:X{0,3})(?:IX|IV|V?I{0,3}))(?![\w.&-]\w|\w)")


def roman_value(numeral: str) -> int:
    """Return the value of a well-formed Roman numeral."""
    values = [_VALUES[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-v if v < after else v for v, after in zip(values, following, strict=True))


def _cardinal(match: re.Match[str]) -> str | None:
    if word_before(match.string, match.start()).lower() not in CARDINAL_CONTEXTS:
        return None
    said = cardinal(roman_value(match[1]))
    if not match[3]:
        return said
    joint = " a " if "-" in match[2] or "–" in match[2] else match[2]
    return f"{said}{joint}{cardinal(roman_value(match[3]))}"


def _ruler(match: re.Match[str]) -> str:
    value = roman_value(match[2])
    if value > 10:
        return f"{match[1]} {cardinal(value)}"
    return f"{match[1]} {ordinal(value, feminine=match[1] in QUEENS)}"


def _event(match: re.Match[str]) -> str:
    return ordinal(roman_value(match[1]), feminine=match[2].lower() in _FEMININE_EVENTS)


def _series(match: re.Match[str]) -> str | None:
    """Say "I, II e III": beside a number that cannot be a word or a letter, so is every other."""
    numerals = _LETTERS.findall(match[0])
    if not any(len(n) > 1 for n in numerals) or not all(map(_SMALL.fullmatch, numerals)):
        return None
    return _LETTERS.sub(lambda m: cardinal(roman_value(m[0])), match[0])


def _alone(match: re.Match[str]) -> str:
    # One letter is a letter, and "I" may be a word; two or more of I, V, X are a number.
    return cardinal(roman_value(match[1]))


RULES = (
    Rule("Roman numeral", _CARDINAL, _cardinal, needs="IVXLCDM"),
    Rule("ruler", _RULER, _ruler, needs="IVXLCDM"),
    Rule("Roman ordinal", _EVENT, _event, needs="IVXLCDM"),
    Rule("Roman numerals", _SERIES, _series, needs="IVX"),
    Rule("Roman numeral", _ALONE, _alone, needs="IVXLCDM"),
)
