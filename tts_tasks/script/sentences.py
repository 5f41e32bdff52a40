"""Text to sentences, by rules for Brazilian Portuguese; needs no model and runs in linear time."""

from __future__ import annotations

import re

from tts_tasks.script.tables import words

TITLES_AND_REFERENCES = words(
    """
    a/c abr. adm. ago. al. ap. apto. aprox. art. arts. av. cap. caps. cel. cf. cit. cód. cel.
    comp. coord. d. dep. depto. dez. dir. doc. docs. dr. dra. drs. dras. e.g. eng. engª. enga. est.
    ex. exa. exma. exmas. exmo. exmos. fev. fig. figs. fl. fls. gen. gov. i.e. ilma. ilmo. inc.
    inf. jan. jul. jun. leg. loc. máx. méd. mín. mons. mr. mrs. ms. n. n.º n.os n.ª nº. nov. núm.
    num. obs. op. org. orgs. out. p. p.ex. pág. págs. par. pe. pp. pç. pref. pres. prof. profª.
    profa. profas. profs. prox. próx. ref. refs. rel. res. s. sec. séc. sécs. seç. sen. set. sr.
    sra. sras. srs. srta. srtas. st. sta. sto. sup. tab. tabs. tb. tel. tels. ten. tít. trad. v.
    v.a. v.exa. v.s. v.sa. vd. ver. vol. vols. vs.
    """
)
"""Abbreviations that something always follows: no sentence ends after them."""

MAYBE_FINAL = words(
    """
    a.c. a.m. anon. cia. d.c. e.c. e.u.a. ed. etc. h. jr. kg. km. ltda. m. min. neto. p.m. p.s.
    r.g. s.a. seg. ss. u.s.a. u.s. un. univ.
    """
)
"""Abbreviations that may end a sentence: they do when a capital follows."""

OPENERS = "\"'“‘«‹([{—–-¡¿*_"
CLOSERS = "\"'”’»›)]}*_"
LONGEST_QUOTATION_CHARS = 2_000
"""A quotation mark whose partner is farther away than this is taken for a stray one."""

SENTENCE_STARTERS = words(
    """
    a as ao aos à às agora ainda algumas alguns além antes aqui assim cada como com da das de depois
    do dos e ela elas ele eles em enquanto então era essa essas esse esses esta estas este estes
    eu foi há isso isto já mas na nas nessa nesse nesta neste ninguém no nos não nunca nós o os
    onde ou outra outro para pela pelo pode pois por porque portanto primeiro quando que quem se
    sem sempre seu sua são só também tudo um uma vamos veja você vocês é
    """
)
"""Words that begin sentences far more often than they are surnames."""

_ENDING = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»›)\]}*_]*+(?= )")
_INITIAL = re.compile(r"(?:[^\W\d_]\.)+", re.UNICODE)
_ENUMERATOR = re.compile(r"[(\[]?(?:[0-9]{1,3}(?:\.[0-9]{1,2})*|[a-zA-Z]|[IVXLC]{1,6})\.")
_PAIRS = {"“": "”", "«": "»", "(": ")", "[": "]"}
_PARTNERS = {closing: opening for opening, closing in _PAIRS.items()}


def split_sentences(text: str) -> list[str]:
    """Split a text into its sentences.

    Never breaks after an abbreviation that something follows (``Dr.``, ``p. ex.``, ``art.``), nor
    inside a number, a time, an address, a file name, a quotation or brackets. Closing quotes and
    brackets stay with their sentence.

    Args:
        text: any text; runs of whitespace count as one space.

    Returns:
        The sentences in order. Joined by single spaces they are the text again.
    """
    text = " ".join(text.split())
    if not text:
        return []
    enclosed = _enclosed_spans(text)
    sentences: list[str] = []
    start = 0
    span = 0
    for ending in _ENDING.finditer(text):
        position = ending.end()
        while span < len(enclosed) and enclosed[span][1] <= position:
            span += 1
        if span < len(enclosed) and enclosed[span][0] < position:
            continue
        if _ends_sentence(text, start, ending):
            sentences.append(text[start:position])
            start = position + 1
    sentences.append(text[start:])
    return sentences


def _ends_sentence(text: str, start: int, ending: re.Match[str]) -> bool:
    """Return whether a sentence that began at ``start`` ends at this punctuation."""
    following = _next_word(text, ending.end() + 1)
    if following[:1].islower():
        return False
    if not ending[0].startswith(".") or ending[0].startswith(".."):
        return True
    before = text.rfind(" ", start, ending.start()) + 1
    token = text[max(before, start) : ending.start() + 1]
    if before <= start and _ENUMERATOR.fullmatch(token):
        return False  # the number of a list item: "1. Abra o terminal."
    word = token.lstrip(OPENERS).lower()
    if word in TITLES_AND_REFERENCES:
        return word == "p." and not following[:1].isdigit() and following[:1] != ""
    if word in MAYBE_FINAL:
        return not (word == "ed." and following[:1].isdigit())
    if _INITIAL.fullmatch(word):
        return _ends_after_initial(text, start, max(before, start), following)
    return True


def _ends_after_initial(text: str, start: int, before: int, following: str) -> bool:
    """Return whether a sentence ends after ``J.``: initials of a name go on, ``plano B.`` ends."""
    if following[:1].isdigit():
        return True
    if _INITIAL.fullmatch(following):
        return False
    if following.lower().rstrip(",.:;") in SENTENCE_STARTERS:
        # "vitamina C. O corpo", but "J. A. Silva" and "D. João" go on.
        previous = text[max(start, text.rfind(" ", start, max(before - 1, start)) + 1) : before]
        return not _INITIAL.fullmatch(previous.strip()) or len(following) > 2
    return False


def _next_word(text: str, position: int) -> str:
    """Return the word at ``position`` without opening quotes, brackets and dashes."""
    end = len(text)
    while position < end and (text[position] in OPENERS or text[position] == " "):
        position += 1
    stop = text.find(" ", position, position + 60)
    return text[position : stop if stop >= 0 else min(end, position + 60)]


def _enclosed_spans(text: str) -> list[tuple[int, int]]:
    """Return the outermost quotations and brackets as sorted (start, end) pairs.

    Marks without a partner are ignored, so that one stray quote cannot swallow a lesson.
    """
    spans: list[tuple[int, int]] = []
    open_marks: dict[str, list[int]] = {mark: [] for mark in (*_PAIRS, '"')}
    for match in re.finditer(r"[“”«»()\[\]\"]", text):
        mark, position = match[0], match.start()
        if mark == '"':
            opens = position == 0 or text[position - 1] in " ([—–-“"
            opening = '"'
        else:
            opens = mark in _PAIRS
            opening = mark if opens else _PARTNERS[mark]
        if opens:
            open_marks[opening].append(position)
        elif open_marks[opening]:
            start = open_marks[opening].pop()
            if position - start <= LONGEST_QUOTATION_CHARS:
                spans.append((start, position + 1))
    spans.sort()
    outermost: list[tuple[int, int]] = []
    for start, end in spans:
        if outermost and start < outermost[-1][1]:
            outermost[-1] = (outermost[-1][0], max(end, outermost[-1][1]))
        else:
            outermost.append((start, end))
    return outermost
