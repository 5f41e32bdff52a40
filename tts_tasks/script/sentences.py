"""Text to sentences, by rules for Brazilian Portuguese; needs no model and runs in linear time."""

from __future__ import annotations

import re

from tts_tasks.script.acronyms import NAMED_BY_LETTERS
from tts_tasks.script.roman import RULERS, TITLES, TITLES_OF_WOMEN
from tts_tasks.script.short_forms import BODIES, INSTITUTIONS, OFFICES, STREETS
from tts_tasks.script.tables import words

TITLES_AND_REFERENCES = words(
    """
    a/c abr. adm. ago. al. ap. apto. aprox. art. arts. av. cap. caps. cel. cf. cit. cód. cel. comp.
    coord. d. dep. depto. des. dez. dir. doc. docs. dr. dra. drs. dras. e.g. eng. engª. enga. est.
    ex. exa. exma. exmas. exmo. exmos. fev. fig. figs. fl. fls. gen. gov. i.e. ibid. id. ilma.
    ilmo. inc. inf. jan. jul. jun. leg. lgo. loc. máx. méd. mín. mons. mr. mrs. ms. n. n.º n.os n.ª
    nº. nov. núm. num. obs. op. org. orgs. out. p. p.ex. pág. págs. par. pe. pp. pç. pref. pres.
    prof. profª. profa. profas. profs. prox. próx. ref. refs. rel. res. rod. s. sec. séc. sécs.
    seç. sen. set. sr. sra. sras. srs. srta. srtas. st. sta. sto. sup. tab. tabs. tb. tel. tels.
    ten. tít. trad. trav. v. v.a. v.exa. v.s. v.sa. vd. ver. vol. vols. vs.
    sr(a). dr(a). prof(a).
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
ALSO_NOUNS = words(
    """
    jan. fev. abr. jun. jul. ago. set. out. nov. dez. dr. dra. drs. sr. sra. srs. prof. profa.
    profs. tel. tels. ap. apto. depto.
    """
)
"""Abbreviations that, in small letters and before a word that begins sentences, end one."""

BEFORE_NAMES = frozenset({*BODIES, *INSTITUTIONS, *OFFICES, *STREETS, "Esp."}) - {"R."}
"""Short forms that, with this capital and before a name, end nothing: O Mal. Deodoro."""

ALSO_ACRONYMS = words("AL. AP. CF. MS. PE. PP. SET. ST.")
"""Abbreviations that in capitals are states and laws, unless all is in capitals."""

COUNTED = words("p. pág. págs. vol. vols. fls.")
"""Abbreviations that end a sentence after a number: 350 p."""

TITLES_IN_CAPITALS = words("Min. Univ. Ed. Neto.")
"""Titles that in small letters, or before a common word, are something else: 30 min. Depois."""

LOOKBACK_CHARS = 40
"""How far back it is asked whether a capital is an initial."""

LONGEST_QUOTATION_CHARS = 2_000
"""A quotation mark whose partner is farther away than this is taken for a stray one."""

SENTENCE_STARTERS = words(
    """
    a as ao aos à às agora ainda algumas alguns além antes aqui assim até cada como com da das de
    depois do dos e ela elas ele eles em enquanto então era essa essas esse esses esta estas este
    estes eu foi há isso isto já mas na nas nessa nesse nesta neste ninguém no nos não nunca nós o
    os onde ou outra outro para pela pelo pode pois por porque portanto primeiro quando que quem se
    sem sempre seu sua são só também tudo um uma vamos veja você vocês é
    """
)
"""Words that begin sentences far more often than they are surnames."""

_ENDING = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»›)\]}*_]*+(?= )")
_INITIAL = re.compile(r"(?:[^\W\d_]\.)+", re.UNICODE)
_BRAND = re.compile(r"[a-z]{1,4}[A-Z]")
_ITEM = re.compile(r"(?:[a-z]|[ivx]{2,4})\)$")
_LETTERED_ITEM = re.compile(r"[a-z]\.$")
_LETTERS_BEFORE = re.compile(r"(?<!\w)[A-Z] (?:a|à|ao|e|ou|até|com|por) $")
_RULER_BEFORE = re.compile(r"(\w+\.?) (\w+) $")
_ENUMERATOR = re.compile(r"[(\[]?(?:[0-9]{1,3}(?:\.[0-9]{1,2})*|[a-zA-Z]|[IVXLC]{1,6})\.")
_STREET_OF_A_DAY_OR_SAINT = re.compile(r"[0-9]{1,2}º? de |São [A-ZÀ-Ú]")
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
    starts = following.lower().rstrip(",.:;!?") in SENTENCE_STARTERS
    if following[:1].islower() and not _begins_in_small_letters(following, text[start : start + 2]):
        return False
    if not ending[0].startswith(".") or ending[0].startswith(".."):
        return True
    before = text.rfind(" ", start, ending.start()) + 1
    token = text[max(before, start) : ending.start() + 1]
    if before <= start and _ENUMERATOR.fullmatch(token):
        return False  # the number of a list item: "1. Abra o terminal."
    token = token.lstrip(OPENERS)
    word = token.lower()
    if len(token) == 2 and token[0].isupper():
        if following[:1].isdigit() and word in TITLES_AND_REFERENCES:
            return False  # N. 5, P. 12
        if token == "R." and _STREET_OF_A_DAY_OR_SAINT.match(text, ending.end() + 1):
            return False
        return _ends_after_initial(text, start, max(before, start), following)
    if token in BEFORE_NAMES and (following == "São" or not (starts or following[:1].isdigit())):
        return False
    if word in TITLES_AND_REFERENCES:
        if token in ALSO_ACRONYMS and (starts or not following.isupper()):
            return True
        if word in COUNTED and text[max(start, before - 2) : before - 1].isdigit():
            return not following[:1].isdigit()
        if token in ALSO_NOUNS and starts and not _INITIAL.fullmatch(following):
            return True
        return word == "p." and not following[:1].isdigit() and following[:1] != ""
    if word in MAYBE_FINAL:
        if word == "cia." and not text.endswith(("& ", " e "), start, before):
            return starts  # a Cia. Vale
        if token in TITLES_IN_CAPITALS or following.lower() in MAYBE_FINAL:
            return starts  # O Min. Barroso, Silva & Cia. Ltda.
        return not (word == "ed." and following[:1].isdigit())
    if _INITIAL.fullmatch(word):
        return _ends_after_initial(text, start, max(before, start), following)
    return True


def _begins_in_small_letters(word: str, beginning: str) -> bool:
    """Return whether a word begins a sentence all the same: iPhone, "b)", "b." after "a."."""
    if _BRAND.match(word) or _ITEM.match(word):
        return True
    return bool(_LETTERED_ITEM.match(word) and _LETTERED_ITEM.match(beginning))


def _ends_after_initial(text: str, start: int, before: int, following: str) -> bool:
    """Return whether a sentence ends after ``J.``: initials of a name go on, ``plano B.`` ends."""
    if following[:1].isdigit():
        return True
    if _is_a_letter(text[max(start, before - LOOKBACK_CHARS) : before], text[before]):
        return True
    if _INITIAL.fullmatch(following):
        return False
    if following.lower().rstrip(",.:;") in SENTENCE_STARTERS:
        # "vitamina C. O corpo", but "J. A. Silva" and "D. João" go on.
        previous = text[max(start, text.rfind(" ", start, max(before - 1, start)) + 1) : before]
        return not _INITIAL.fullmatch(previous.strip()) or len(following) > 2
    return False


def _is_a_letter(before: str, letter: str) -> bool:
    """Return whether a capital is no initial: plano B, de A a Z, Dom Pedro I."""
    if before.rstrip().rpartition(" ")[2].lower() in NAMED_BY_LETTERS:
        return True
    if _LETTERS_BEFORE.search(before):
        return True
    ruler = _RULER_BEFORE.search(before) if letter in "IVX" else None
    return (
        ruler is not None
        and ruler[2] in RULERS
        and ruler[1].lower() in TITLES | TITLES_OF_WOMEN | {"d."}
    )


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
