"""Roman numerals where the context makes them numbers: centuries, chapters, kings, popes, wars."""

from __future__ import annotations

import re

from tts_tasks.script.numbers import cardinal, ordinal
from tts_tasks.script.rules import LOOKBACK_CHARS, Rule, word_before
from tts_tasks.script.tables import alternatives, words

CARDINAL_CONTEXTS = words(
    """
    século séculos capítulo capítulos volume volumes tomo tomos título títulos livro livros ato atos
    cena cenas parte partes seção seções anexo anexos apêndice módulo módulos fase fases nível
    inciso incisos tipo tipos classe classes grupo grupos unidade unidades etapa aula lição item
    cálculo física química matemática álgebra geometria estatística programação fundamental
    história biologia economia anatomia estágio tabela figura quadro edição temporada episódio
    olimpíada canto
    """
)
"""Nouns after which a Roman numeral is a cardinal."""

LONG_SERIES = words("século séculos capítulo capítulos inciso incisos")
"""Nouns with numerals of all letters; after the others C and D are letters: tipo C, classe D."""

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

TITLES = words("rei papa imperador czar sultão faraó príncipe duque dom")
TITLES_OF_WOMEN = words("rainha imperatriz czarina princesa duquesa")
"""Words that make a ruler of any name."""

_EVENTS = (
    "guerra|guerras|república|conferência|bienal|olimpíada|jornada|semana|mostra|edição|feira|copa"
    "|cúpula|assembleia|reunião|gincana|internacional|revolução|dinastia"
    "|congresso|encontro|simpósio|seminário|fórum|concurso|prêmio|festival|salão|concílio|reich"
    "|reinado|império|plano|colóquio|workshop|ciclo|exame|exército|milênio"
)
_FEMININE_EVENTS = words(
    """
    guerra guerras república conferência bienal olimpíada jornada semana mostra edição feira copa
    cúpula assembleia reunião gincana internacional revolução dinastia
    """
)
_NUMERAL = r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}

_CARDINAL = re.compile(
    rf"(?<=[^\W\d_]\s)({_NUMERAL})(?!\w)"
    rf"(?:(,\s|\s?[-–]\s?|\se\s|\sa\s|\sao\s|\sou\s)({_NUMERAL})(?!\w))?"
)
_RULER = re.compile(rf"\b(?=[A-Z])({alternatives(RULERS | QUEENS)})\s({_NUMERAL})(?!\w)")
_TITLED = re.compile(rf"\b((?i:{alternatives(TITLES | TITLES_OF_WOMEN)}))\s[A-ZÀ-Ú][\w-]*\s$")
_ITEM = re.compile(r"(?<!\w)\((?=[ivx])(x{0,2}(?:ix|iv|v?i{0,3}))\)")
_NEIGHBOURS = {"i": "ii", "v": "iv", "vi": "v", "x": "ix"}
ITEMS_CHARS = 400
"""How far from "(i)" the "(ii)" may be that makes it a number and not a letter."""

_EVENT = re.compile(rf"(?<!\w)({_NUMERAL})(?=\s((?i:{_EVENTS}))\b)")
_SERIES = re.compile(
    r"[IVX](?<![\w.&-].)[IVX]{0,6}(?:(?:,\s|,?\s(?:e|ou|a)\s)[IVX]{1,7}(?!\w)){1,40}(?![.&-]\w)"
)
_LETTERS = re.compile(r"[IVX]+")
_SMALL = re.compile(r"X{0,3}(?:IX|IV|V?I{0,3})")
_ALONE = re.compile(rf"(?<![\w.&-])(?=[IVXLCDM]{{2}})({_NUMERAL})(?![\w.&-]\w|\w)")
_NUMBER_LETTERS = frozenset("IVX")
_OF_LAW = re.compile(r",\s([IVX])(?=[,;.)]|\s(?:e|a|ou|d[aeo])\s|$)")
_LAW_BEFORE = re.compile(r"\b(?:artigo|inciso|parágrafo)s?\s[^.;:!?]{0,40},\s$", re.IGNORECASE)
LONGEST_WORD = 3
"""Numerals with L, C, D or M up to this long may be acronyms: CD, DVI, MIX."""


def roman_value(numeral: str) -> int:
    """Return the value of a well-formed Roman numeral."""
    values = [_VALUES[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-v if v < after else v for v, after in zip(values, following, strict=True))


def _titled(match: re.Match[str]) -> str | None:
    """Say the numeral of a ruler of any name: o imperador Meiji II."""
    text, start = match.string, match.start()
    title = _TITLED.search(text[max(0, start - LOOKBACK_CHARS) : start])
    if title is None or match[3]:
        return None
    return _of_ruler(match[1], feminine=title[1].lower() in TITLES_OF_WOMEN)


def _cardinal(match: re.Match[str]) -> str | None:
    noun = word_before(match.string, match.start()).lower()
    if noun not in CARDINAL_CONTEXTS:
        return _titled(match)
    if noun not in LONG_SERIES and _NUMBER_LETTERS.isdisjoint(match[1]):
        return None
    said = cardinal(roman_value(match[1]))
    if not match[3]:
        return said
    joint = " a " if "-" in match[2] or "–" in match[2] else match[2]
    return f"{said}{joint}{cardinal(roman_value(match[3]))}"


def _ruler(match: re.Match[str]) -> str:
    return f"{match[1]} {_of_ruler(match[2], feminine=match[1] in QUEENS)}"


def _of_ruler(numeral: str, *, feminine: bool) -> str:
    value = roman_value(numeral)
    return ordinal(value, feminine=feminine) if value <= 10 else cardinal(value)


def _item(match: re.Match[str]) -> str | None:
    """Say (ii) as a number; (i), (v), (vi) and (x), letters or words too, only in a list."""
    text, numeral = match.string, match[1]
    if numeral in _NEIGHBOURS and word_before(text, match.start()).lower() not in CARDINAL_CONTEXTS:
        around = text[max(0, match.start() - ITEMS_CHARS) : match.end() + ITEMS_CHARS]
        if f"({_NEIGHBOURS[numeral]})" not in around:
            return None
    return f"({cardinal(roman_value(numeral.upper()))})"


def _event(match: re.Match[str]) -> str:
    return ordinal(roman_value(match[1]), feminine=match[2].lower() in _FEMININE_EVENTS)


def _series(match: re.Match[str]) -> str | None:
    """Say "I, II e III": beside a number that cannot be a word or a letter, so is every other."""
    numerals = _LETTERS.findall(match[0])
    if not any(len(n) > 1 for n in numerals) or not all(map(_SMALL.fullmatch, numerals)):
        return None
    return _LETTERS.sub(lambda m: cardinal(roman_value(m[0])), match[0])


def _of_law(match: re.Match[str]) -> str | None:
    """Say the one letter of an item of a law: artigo quinto, I."""
    text, end = match.string, match.start(1)
    if not _LAW_BEFORE.search(text[max(0, end - 60) : end]):
        return None
    return f", {cardinal(roman_value(match[1]))}"


def _alone(match: re.Match[str]) -> str | None:
    # One letter is a letter, and "I" may be a word; two or more of I, V, X are a number.
    text, start, numeral = match.string, match.start(), match[1]
    is_certain = _NUMBER_LETTERS.issuperset(numeral) or len(numeral) > LONGEST_WORD
    if not is_certain and not _LAW_BEFORE.search(text[max(0, start - 60) : start]):
        return None
    return cardinal(roman_value(match[1]))


RULES = (
    Rule("Roman numeral", _CARDINAL, _cardinal, needs="IVXLCDM"),
    Rule("item", _ITEM, _item, needs="("),
    Rule("ruler", _RULER, _ruler, needs="IVXLCDM"),
    Rule("Roman ordinal", _EVENT, _event, needs="IVXLCDM"),
    Rule("Roman numeral", _OF_LAW, _of_law, needs="IVX"),
    Rule("Roman numerals", _SERIES, _series, needs="IVX"),
    Rule("Roman numeral", _ALONE, _alone, needs="IVXLCDM"),
)
