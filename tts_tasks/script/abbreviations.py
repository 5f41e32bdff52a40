"""Abbreviations to the words they stand for, in the number and gender that they show."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tts_tasks.script.acronyms import NAMED_BY_LETTERS
from tts_tasks.script.letters import letter_name, spell
from tts_tasks.script.roman import QUEENS, RULERS
from tts_tasks.script.rules import CAPITALS, LOOKBACK_CHARS, Rule, kept_point
from tts_tasks.script.sentences import SENTENCE_STARTERS
from tts_tasks.script.tables import alternatives, pairs, words

ABBREVIATIONS = pairs(
    """
    # titles
    Dr. = doutor
    Drs. = doutores
    Dra. = doutora
    Dras. = doutoras
    Sr. = senhor
    Srs. = senhores
    Sra. = senhora
    Sr.ª = senhora
    Srª = senhora
    Dr.ª = doutora
    Drª = doutora
    D.ª = dona
    Sras. = senhoras
    Srta. = senhorita
    Srtas. = senhoritas
    Prof. = professor
    Profs. = professores
    Profa. = professora
    Prof.ª = professora
    Profª = professora
    Profª. = professora
    Profas. = professoras
    Eng. = engenheiro
    Enga. = engenheira
    Eng.ª = engenheira
    Engª = engenheira
    Engª. = engenheira
    Mr. = mister
    Revmo. = reverendíssimo
    Exmos. = excelentíssimos
    Exmas. = excelentíssimas
    Ilmos. = ilustríssimos
    Ilmas. = ilustríssimas
    V. Exas. = Vossas Excelências
    Exmo. = excelentíssimo
    Exma. = excelentíssima
    Ilmo. = ilustríssimo
    Ilma. = ilustríssima
    V. Exa. = Vossa Excelência
    V.Exa. = Vossa Excelência
    V. Exª. = Vossa Excelência
    V. Exª = Vossa Excelência
    V.Exª = Vossa Excelência
    V. Sa. = Vossa Senhoria
    V.Sa. = Vossa Senhoria
    V. Sª. = Vossa Senhoria
    V. Sª = Vossa Senhoria
    V.Sª = Vossa Senhoria
    S. Exa. = Sua Excelência
    Ph.D. = pê agá dê
    M.Sc. = mestre
    Jr. = júnior
    Cel. = coronel
    Gen. = general
    Cap. Ten. = capitão-tenente
    # references
    art. = artigo
    arts. = artigos
    cap. = capítulo
    caps. = capítulos
    pág. = página
    págs. = páginas
    pag. = página
    pp. = páginas
    fl. = folha
    fls. = folhas
    fig. = figura
    figs. = figuras
    tab. = tabela
    tabs. = tabelas
    vol. = volume
    vols. = volumes
    ed. = edição
    séc. = século
    sécs. = séculos
    sec. = século
    inc. = inciso
    seç. = seção
    ref. = referência
    refs. = referências
    n.º = número
    nº = número
    n.° = número
    n° = número
    nº. = número
    nr. = número
    n.os = números
    nºs = números
    núm. = número
    obs. = observação
    ex. = exemplo
    p. ex. = por exemplo
    p.ex. = por exemplo
    p. e. = por exemplo
    i.e. = isto é
    i. e. = isto é
    e.g. = por exemplo
    cf. = conforme
    vs. = versus
    vs = versus
    v.g. = por exemplo
    etc. = etcétera
    et al. = et alii
    e ss. = e seguintes
    ca. = cerca de
    cód. = código
    doc. = documento
    docs. = documentos
    tít. = título
    par. = parágrafo
    par. único = parágrafo único
    op. cit. = obra citada
    loc. cit. = local citado
    ibid. = ibidem
    trad. = tradução
    orgs. = organizadores
    coord. = coordenação
    próx. = próximo
    # places and companies
    adm. = administração
    univ. = universidade
    av. = avenida
    pç. = praça
    apto. = apartamento
    ap. = apartamento
    depto. = departamento
    dept. = departamento
    dpto. = departamento
    dep. = departamento
    tel. = telefone
    tels. = telefones
    cel. = celular
    end. = endereço
    bl. = bloco
    cj. = conjunto
    qd. = quadra
    lt. = lote
    Ltda. = limitada
    Cia. = companhia
    S.A. = esse a
    S/A = esse a
    Inc. = incorporated
    # amounts and time
    aprox. = aproximadamente
    máx. = máximo
    max. = máximo
    mín. = mínimo
    méd. = média
    qtd. = quantidade
    qtde. = quantidade
    tb. = também
    a.C. = antes de Cristo
    d.C. = depois de Cristo
    a. C. = antes de Cristo
    d. C. = depois de Cristo
    P.S. = pê esse
    Att. = atenciosamente
    E.U.A. = Estados Unidos
    # with a slash
    Sto. = Santo
    Sta. = Santa
    Pça. = praça
    c/ = com
    p/ = para
    s/ = sem
    s/n = sem número
    s/nº = sem número
    s/d = sem data
    a/c = aos cuidados de
    c/c = conta corrente
    e/ou = e ou
    """
)
"""Abbreviation to words. Capitals at the start carry over: "Art. 5º" gives "Artigo quinto"."""

CASE_SENSITIVE = words("Sto. Sta. Cel. cel. Cap. Inc. inc. a.C. d.C. S.A. P.S. Gen. Eng.")
"""Where capital and small letter differ in meaning, or the small one is a common word."""

NEEDS_NUMBER = words(
    """
    ""     ed. cap. caps. tab. tabs. fl. fls. inc. sec. ref. refs. nº n° ap. dep. end. cel. doc.
    docs.     par. max. nr. nº. ca. bl. cj. qd. lt.     ""
    """
)
"""Also words, or ambiguous at the end of a sentence: expanded only before what completes them."""

STREETS = pairs(
    """
    R. = rua
    Al. = alameda
    Trav. = travessa
    Rod. = rodovia
    Lgo. = largo
    Est. = estrada
    Jd. = jardim
    Vl. = vila
    Pq. = parque
    Bl. = bloco
    Ed. = edifício
    """
)
"""Kinds of streets, only before a name with a capital."""

PUBLISHER_BEFORE = words("a à na da pela")
"""Articles after which Ed. is editora and not edifício."""

OFFICES = pairs(
    """
    Pe. = padre
    Fr. = frei
    Pr. = pastor
    Gov. = governador
    Pres. = presidente
    Min. = ministro
    Des. = desembargador
    Dep. = deputado
    Sen. = senador
    Ver. = vereador
    Maj. = major
    Cap. = capitão
    Ten. = tenente
    Sgt. = sargento
    Me. = mestre
    Ma. = mestra
    Arq. = arquiteto
    Enf. = enfermeiro
    """
)
"""Titles that are one only before a name with a capital; in small letters most are words."""

COUNTED = pairs(
    """
    un. = unidade
    und. = unidade
    unid. = unidade
    cx. = caixa
    dz. = dúzia
    pct. = pacote
    pç. = peça
    """
)
"""What is counted, only after a number."""

WITHOUT_POINT = words("obs ex tel tels qtd qtde máx mín aprox cód ref end")
"""Abbreviations that many write without their point before a colon: Obs: leia."""

BEFORE_NUMBERS = words("pág págs pag fig figs cap caps art arts vol vols séc tab")
"""And before a number: pág 12."""

SAINTS = words(
    """
    Paulo Pedro João José Luís Luiz Francisco Sebastião Bernardo Caetano Carlos Gonçalo Vicente
    Lourenço Miguel Tomé Jorge Bento Cristóvão Mateus Marcos Lucas Judas Roque Gabriel Rafael Tiago
    Leopoldo Mamede Joaquim Domingos Félix Simão Raimundo Benedito
    """
)
"""Names after which S. is São, not somebody's initial."""

WOMEN = QUEENS | words("Ester Guiomar Socorro Consuelo Amparo Rosário Leonor Pilar Inês Raquel")
"""Names of women that their ending does not give away: D. is dona."""

LOOKBEHIND_CHARS = 60
"""How far a sentence is searched for a word of rise or fall."""


def cased(keys: Iterable[str]) -> set[str]:
    """Return the keys as they are, with a capital, and in capitals.

    A pattern of all three is searched faster than one that ignores case.
    """
    return {form for key in keys for form in (key, key.capitalize(), key.upper())}


_KEYS = {key.lower(): key for key in ABBREVIATIONS if key not in CASE_SENSITIVE}
_ABBREVIATION = re.compile(
    r"(?<![\w./@-])(?=[^\W\d_]{1,6}[./ªº°]|vs|et al|e ss)"
    rf"(?:{alternatives(ABBREVIATIONS)})(?![\w@]|\.\w)",
    re.IGNORECASE,
)
_BEFORE_NAME = re.compile(
    rf"({alternatives([*STREETS, *OFFICES, 'D.', 'S.'])})\s"
    r"(?=(?:d[aeo]s?\s)?([A-ZÀ-Ú][\w-]*)(?:\s([IVX]+)(?!\w))?)"
)
_WORD_BEFORE_SPACE = re.compile(r"([\w.]+)\s$")
_NUMBER_SIGN = re.compile(r"(?<!\w)([nN])\.?[º°](?=[0-9])")
_PERCENTAGE_POINTS = re.compile(
    r"\b(?:sub[ie]|ca[ií]|cresc|aument|reduz|recu|alta|queda|avanç|ganh|perd|diferença|juros|taxa)",
    re.IGNORECASE,
)
_PAGE = re.compile(r"(?<![\w.])p\.\s?(?=[0-9])")
_ORDINAL_BEFORE = re.compile(r"(?<=[0-9][ªa.]\s)")
_NUMBER_NEXT = re.compile(r"\s?(?:$|[0-9:]|[IVXLC]+(?!\w)|[A-Z](?!\w))")
_BEFORE_COLON = re.compile(rf"({alternatives(cased(WITHOUT_POINT))})(?=:)")
_BEFORE_NUMBER = re.compile(rf"({alternatives(cased(BEFORE_NUMBERS))})(?=\s[0-9])")
_DOTTED_ACRONYM = re.compile(r"(?<![\w.])((?:[A-Z]\.){2,})(?!\w|\s[A-ZÀ-Ú])")
_VOLUME = re.compile(r"(?<![\w.])v\.\s(?=[0-9])")
_COUNTED = re.compile(rf"(?<=[0-9])\s?({alternatives(COUNTED)})(?!\w)")
_COMPANY_NEXT = re.compile(r"\s(?:Ltda|S\.A|S/A|Cia|EPP|ME)\b")
_PHONE_NEXT = re.compile(r":|\s\(?[0-9+]")
_PARAGRAPH_SIGN = re.compile(r"§§?\s?")
_INITIALS = re.compile(
    r"[A-Z]\.(?:(?<![\w.]..)\s?(?:[A-Z]\.\s?)+(?=\s?[^\W\d_])"
    r"|(?<=[a-zà-ú]\s..)\s(?=([A-Z][\w-]*)))"
)


def _abbreviation(match: re.Match[str]) -> str | None:
    written = match[0]
    text = match.string
    key = written if written in ABBREVIATIONS else _KEYS.get(written.lower())
    if key is None or written == "VS":  # VS Code
        return None
    words_for = ABBREVIATIONS[key]
    if written == "Cel." and _PHONE_NEXT.match(text, match.end()):
        words_for = "celular"
    following = text[match.end() : match.end() + 2].strip()
    if written == "pp." and _are_percentage_points(match, following):
        return None
    if key in NEEDS_NUMBER and not _NUMBER_NEXT.match(text, match.end()):
        is_edition = key == "ed." and _ORDINAL_BEFORE.match(text, match.start())
        if not is_edition:
            return None
    if written.endswith("/") and not re.match(r"\s?\w", text[match.end() : match.end() + 2]):
        return None
    if written[0].isupper() and ABBREVIATIONS.get(written) is None and match.start() == 0:
        words_for = words_for[0].upper() + words_for[1:]
    return words_for + _kept_point(match)


def _are_percentage_points(match: re.Match[str], following: str) -> bool:
    """Return whether "2 pp." are percentage points, as in sentences on a rise, and not pages."""
    before = match.string[max(0, match.start() - LOOKBEHIND_CHARS) : match.start()]
    if not before[-2:-1].isdigit() or following[:1].isdigit():
        return False
    return bool(re.search(r"[0-9],[0-9]+\s$", before) or _PERCENTAGE_POINTS.search(before))


def _before_name(match: re.Match[str]) -> str | None:
    """Say R., Al., D. and S. before a name; elsewhere they are letters or initials."""
    # The pattern begins with letters, not with a lookbehind: that is searched three times faster.
    short, name = match[1], match[2]
    text = match.string
    if match.start() and (text[match.start() - 1].isalnum() or text[match.start() - 1] in "._"):
        return None
    before = _WORD_BEFORE_SPACE.search(text[max(0, match.start() - LOOKBACK_CHARS) : match.start()])
    word = before[1] if before else ""
    if text.startswith("d", match.end()) and short not in STREETS:
        return None
    if short in OFFICES:
        return None if name.lower() in SENTENCE_STARTERS else f"{OFFICES[short]} "
    if word.lower() in NAMED_BY_LETTERS or name.lower() in SENTENCE_STARTERS:
        return None
    if len(word) == 2 and word.endswith("."):
        return None  # J. R. R. Tolkien
    if word[:1].isupper() and not word.endswith(".") and word.lower() not in SENTENCE_STARTERS:
        return None  # João D. Silva
    if len(name) == 1 and text[match.end() + 1 : match.end() + 2] == ".":
        return None  # R. R. Soares
    if short == "Ed." and word.lower() in PUBLISHER_BEFORE:
        return "editora "
    if short in STREETS:
        return f"{STREETS[short]} "
    if short == "S.":
        return "São " if name in SAINTS else None
    is_man = name in RULERS or (name not in WOMEN and (match[3] or name[-1] in "orlu"))
    return "dom " if is_man else "dona "


def _kept_point(match: re.Match[str]) -> str:
    """Return the point that also ends the sentence, unless the abbreviation is the whole text."""
    text, end = match.string, match.end()
    if match[0].endswith(".") and text.startswith("..", end):
        return "."  # etc...
    if not match[0].endswith(".") or match.start() == 0:
        return ""
    rest = text[end : end + 3]
    if not rest.strip():
        return "."
    if _COMPANY_NEXT.match(text, end):
        return ""
    if match[0].lower() in ("etc.", "ltda.", "s.a.", "a.c.", "d.c.", "jr.", "cia."):
        return "." if re.match(r"\s[A-ZÀ-Ú]", rest) else ""
    return ""


def _pointless(match: re.Match[str]) -> str | None:
    if match.start() and match.string[match.start() - 1].isalnum():
        return None  # a lookbehind at the start of the pattern is searched several times slower
    said = ABBREVIATIONS[f"{match[0].lower()}."]
    return said[0].upper() + said[1:] if match[0][0].isupper() and match.start() == 0 else said


def _dotted_acronym(match: re.Match[str]) -> str:
    return spell(match[1]) + kept_point(match)


def _counted(match: re.Match[str]) -> str:
    text, start = match.string, match.start()
    is_one = text[start - 1] == "1" and not text[max(0, start - 2) : start - 1].isdigit()
    return f" {COUNTED[match[1]]}{'' if is_one else 's'}{_kept_point(match)}"


def _initials(match: re.Match[str]) -> str | None:
    if match[1]:
        if match[1].lower() in SENTENCE_STARTERS or not re.search(
            r"[A-ZÀ-Ú][\w]*\s$", match.string[max(0, match.start() - 20) : match.start()]
        ):
            return None
        return f"{letter_name(match[0][0])} "
    letters = re.findall(r"[A-Z]", match[0])
    return " ".join(map(letter_name, letters)) + " "


RULES = (
    Rule("street, dom, dona, saint", _BEFORE_NAME, _before_name, needs="."),
    Rule(
        "number sign", _NUMBER_SIGN, lambda m: "número " if m[1] == "n" else "Número ", needs="º°"
    ),
    Rule("abbreviation", _ABBREVIATION, _abbreviation, needs=""),
    Rule("abbreviation", _BEFORE_COLON, _pointless, needs=":"),
    Rule("abbreviation", _BEFORE_NUMBER, _pointless),
    Rule("initials", _DOTTED_ACRONYM, _dotted_acronym, needs=(".", CAPITALS)),
    Rule("page", _PAGE, lambda _: "página "),
    Rule("volume", _VOLUME, lambda _: "volume "),
    Rule("counted", _COUNTED, _counted),
    Rule(
        "paragraph of a law",
        _PARAGRAPH_SIGN,
        lambda m: "parágrafos " if m[0].startswith("§§") else "parágrafo ",
        needs="§",
    ),
    Rule("initials", _INITIALS, _initials, needs="."),
)
