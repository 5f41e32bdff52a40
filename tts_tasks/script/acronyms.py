"""Acronyms: known words are read, all others are spelled with the letters' names."""

from __future__ import annotations

import re

from tts_tasks.script.letters import letter_name, spell
from tts_tasks.script.rules import CAPITALS, DIGITS, LOOKBACK_CHARS, Rule, word_before
from tts_tasks.script.tables import alternatives, words

READ_AS_WORDS = words(
    """
    VIP ZIP ETEC FATEC PEC
    SUS ENEM NASA ONU OTAN UNESCO UNICEF FIFA UEFA COVID AIDS SIDA PIS COFINS FUNAI IBAMA ANVISA
    ANATEL ANEEL SENAI SENAC SESC SESI SEBRAE EMBRAPA PETROBRAS DETRAN PROUNI FIES CAPES SISU INEP
    PROCON CONAR MEC USP UNESP UNICAMP UNIFESP PIX CIPA FUNDEB LIBRAS MERCOSUL OPEP BRICS ISO JSON
    YAML TOML CRUD REST SOAP SOLID LAMP SCRUM AJAX RAM ROM BIOS WASM NUMA FIFO LIFO RAID LAN WAN
    WLAN SIM PIN GIF RADAR LASER LED OLED UNIX LINUX BASH ASCII SAAS PAAS IAAS DAX SPA POSIX ANSI
    CEO ROI PUC FIESP BID SELIC TAC UTI-MÓVEL VUNESP FUVEST BASIC COBOL FORTRAN LISP WYSIWYG
    CAPTCHA MOOC MOOCS PIB CREA SWOT EBITDA SMART CANVAS TED DOC RAG IPEA CADE SAC INCRA FUNASA
    FAPESP FIOCRUZ EMBRAER INPE INMETRO IMPA DENATRAN SUDENE SUFRAMA ENADE ENCCEJA ABIN CONTRAN
    CETESB COPOM SERASA UERJ CONAMA CONFAZ PRONATEC CACEX FEBRABAN FENABAN IBOPE IBOVESPA PASEP
    CEFET SENAR SUSEP PREVI MASP UNIP INTERPOL UNCTAD CEPAL ALCA IELTS TOEFL SADT DARF NAT
    # public life
    OPAS UPA CRAS CREAS APAE CAPS CID DATASUS SINAN CONASS SRAG SARS MERS TOC UNAIDS FAO NAFTA
    MEI CUT ECA DOPS CIA BACEN COAF CARF CAGED DIEESE RAIS DIRF CONAB ANAC IPHAN FUNARTE CONANDA
    COP DORT LOAS EVA TIR CAC
    # schools
    ITA IME EJA IDEB SAEB PISA PIBID PIBIC PARFOR UNDIME FAPERJ FAPEMIG SIGAA UFBA UFAM UFAL UFES
    UFOP UFAC UFMA
    # computing
    ACID OLAP CORS SASS CUDA VRAM DRAM SRAM SATA UEFI IMAP POP BERT LASSO ARIMA ANOVA GAN GANS SHAP
    ROC DAG CAD PET LIDAR SONAR
    """
) - words("CEO SAAS PAAS IAAS DAX BID UTI-MÓVEL")
"""Said as words; in small letters, because some engines spell whatever is in capitals."""

SPELLED = words(
    """
    SQL HTTP HTTPS HTML CSS XML API URL URI CPF CNPJ CEP RG IA TI PDF USB GPS CPU GPU SSD HD PC TV
    CD DVD CV IDE SDK CLI GUI UI UX IP TCP UDP DNS SSH FTP SSL TLS VPN AWS GCP MVP KPI CRM ERP B2B
    B2C LGPD RH PJ IPTU IPVA ICMS ISS INSS FGTS CLT IBGE BNDES STF STJ OAB UTI ONG EUA UFRJ
    UFMG PUC-RJ LLM NLP OCR TTS ASR CSV TSV SVG PNG JPG MP3 MP4 RGB DOM JWT ORM OOP POO TDD BDD CI
    PR QA VM LTS EOF ETL ELT BI AI ML EAD NFT DC MD CC CM MC AC PHP JVM JDK NPM PIP GIT-LFS UUID
    OCDE IEC UFPE UFPR UFSC UFMS UFPA UFPI UFPB UFCG UFRGS TDAH UCLA PNAE UEMG TDIC
    LGBT LGBTQ LGBTI LGBTQI LGBTQIA LGBTQIAP LGBTQIAPN
    CEO CTO CFO COO IoT iOS ID OK CNH IRPF IR OMS FMI ASCII-ART IPCA CDI CDB LCI BPM SEO FAQ
    """
) - words("PUC-RJ GIT-LFS ASCII-ART PIP iOS OK")
"""Spelled although their letters could be read as a word."""

WORDS_IN_CAPITALS = words(
    """
    A E O AS OS AO AOS DA DAS DE DO DOS EM NA NAS NO NOS UM UMA UNS OU SE SEM SIM SER SOU SUA SEU
    TEM TER TEU TUA ELA ELE ELES MAS MAIS MEU MIM NEM POR PRO PRA QUE QUEM COM COMO CADA BOM BOA BEM
    DIA DOIS DUAS EU ISSO ISTO JÁ LÁ LHE ME MÃE NÓS NOVO PAI PAZ FIM FOI FOR VAI VER VEZ VEM VOU
    VOZ VIU USE USO USA UMA TU TE TUDO TODO TODA SOL SAL SOB RUA REI RIO RÉU PÉ MÊS MAR MAL LUZ LEI
    LER IR IDA HOJE GOL GÁS FÉ DOR DEZ DEU DAR COR CÉU CEM BAR AVE ATÉ ASA ANO AI AH OI OK OLÁ OBA
    OFF UAU UFA EI EH IH OH UÉ ONDE AQUI ALI ATO ETC NOTA DICA TIP VIA SÓ SÃO TÃO MAU FAZ FEZ DIZ
    PÔR SUL NORTE OBS SEI SAI VÃO ANTES AND NOT FOR ALL NEW ADD GET PUT SET END RUN TO BY OF IN ON
    IS IT OR ASC INT MAX MIN SUM LOG ASK DIR KEY SUB MIX BOX BUS DUO ECO ERA FAN FIO GÊ HÁ IRA LAR
    MIL NÃO NU NUA OVO PÓ PUS QUÊ RIR SETE SEIS SUCO TIO TIA TOM TRÊS UVA VÉU VIL VÔ VÓ XÔ
    WEB APP BUG BIT HUB JOB KIT LAB NET ROW TAB TAG TOP VAR LET DEF TRY XOR NAN NIL FAX GAP CHÁ CRU
    DÓ GIZ MEL PIA PRÉ PÓS RIM RUM SOM VÁ DÁ ORA ELO ICE PAU VIR VOA
    ZOO ÁS ÉS ÓS NÓ NÓS PÃO CÃO MÃO GRÃO DOM FÃ LÃ RÃ SÃ VÃ MÁ MÁS BOAS BONS MEIO MEIA NEM TAL TAIS
    QUAL QUAIS NUM NUNS AQUI AÍ ATA AZUL
    """
) - words("AI IR")
"""Common words that authors write in capitals for emphasis; never spelled."""

NAMED_BY_LETTERS = words(
    """
    letra opção plano vitamina alternativa turma grupo tipo classe linguagem hepatite coluna ponto
    nota variável eixo item etapa fase parte bloco drive disco tecla categoria geração vogal
    """
)
"""Nouns after which A, E, I, O, U are letters, not words."""

STATES = words("AC AL AP AM BA CE DF ES GO MA MT MS MG PA PB PR PE PI RJ RN RS RO RR SC SP SE TO")
"""Behind the name of a city: Campinas/SP, Recife-PE."""

_PORTUGUESE_VOWELS = frozenset("AEIOUÁÉÍÓÚÂÊÔÃÕÀ")
_VOWELS_OF_ANY_WORD = _PORTUGUESE_VOWELS | {"Y"}
_TOKEN = re.compile(
    r"(?<![^\W_])([A-Z]{2,}(?:[0-9]+[A-Z]*)*)((?:['’]?s)?)(?![^\W_]|\$)"
    r"(?:([/&](?=[A-Z]{2})|-(?=[A-Z]{1,5}(?!\w))))?"
)
_CODE = re.compile(
    r"(?<![^\W_])((?:[A-Z]+[0-9]+)+[A-Z]*|[0-9]{1,2}[A-Z]{1,3})(?![^\W_])(?:/(?=[A-Z]+[0-9]))?"
)
_LETTERS_OF_CODE = re.compile(r"([A-Z]{3,})([0-9]+)/?")
_PLURAL_LETTER = re.compile(
    r"([BCDFGHJKLMNPQRSTVWXYZ])s(?:(?<=\b[0-9]\s..)|(?<=\b[dn]os\s..)|(?<=\bos\s..))(?!\w)"
)
_STATE = re.compile(rf"[/-](?=(?:{alternatives(STATES)})(?![\w/-]))")
_CAPITALIZED_BEFORE = re.compile(r"(?<![\w/-])[A-ZÀ-Ú][\w'’]*[a-zà-ú]$")
_BESIDE_SIGN = re.compile(
    r"[AEIOU](?:(?<![\w.'’].)(?=\s?[≠≤≥∪∩×÷]\s?\w|\s[<>]\s\w|\s\+\s[A-Za-z](?!\w))"
    r"|(?<=[=≠≤≥∪∩×÷]\s.)(?![\w.'’]|\s[^\W\d_]{2})|(?<=\b[A-Za-z]\s\+\s.)(?![\w.'’]))"
)
_AMPERSAND = re.compile(r"([A-Z])&([A-Z])(?<![\w&]...)(?![\w&])")
_BLOOD = re.compile(r"(AB|[A-FO])-(?=[.,;:!?)]|\s(?:e|ou|em)\s|$)")
_HYPHENATED = re.compile(
    r"(?<![^\W_])([A-Z]{1,6}|[A-Z][a-z]+|covid)-([0-9]{1,4})(?![\w-]|[.,][0-9])"
)
_MODEL = re.compile(
    r"(?<![^\W_])([A-Z][A-Za-z]{1,9})-([0-9]{1,2}\.[0-9]{1,2}|(?<=[A-Z]-)[0-9]{1,2}[a-z])(?![\w-]|[.,][0-9])"
)
_VOWEL_AFTER = re.compile(r"(?<=[^\W\d_]\s)([AEIOU])(?![\w#+'’]|\.\w|/)")
_VOWEL_BESIDE = re.compile(
    r"([AEIOU])(?=(?:, | e | ou )[BCDFGHJKLMNPQRSTVWXYZ](?![\w'’]|\.\w))(?<![\w.'’].)"
)
_HYPHEN_LETTER = re.compile(r"-(?<=[a-zà-ú]-)([BCDFGHJKLMNPQRSTVWXYZ])(?![\w'’#+&$-]|[./]\w)")
_CONSONANT = re.compile(r"(?<![\w.'’/&-])([BCDFGHJKLMNPQRSTVWXYZ])(?![\w'’#+&$-]|[./]\w)")
_SLASH_LETTERS = re.compile(r"(?<![\w/])([A-Z](?:/[A-Z])+)(?![\w/])")
_CLUSTER = re.compile(r"[BCDFGHJKLMNPQRSTVWXZ]{3}")
_SAID_TOGETHER = re.compile(
    r"S?[PBTDCGFV][LR](?=[AEIOUYÁÉÍÓÚÂÊÔÃÕ])|[CLNSTPWG]H|QU|NG(?=T|H|S?$)|CK|ST(?=S?$)|(?<=[LMNR])S$"
)
"""Consonants that a voice reads as one: SEMPRE, RIGHT, but not FNDE."""

LONGEST_SPELLED = 6
"""Unknown words in capitals that are longer are read: they are emphasis."""


def is_spelled(token: str) -> bool:
    """Return whether a word in capitals is spelled; unknown ones by whether they can be read."""
    if token in SPELLED:
        return True
    if token in READ_AS_WORDS or token in WORDS_IN_CAPITALS:
        return False
    if len(token) > LONGEST_SPELLED:
        return False
    if not _PORTUGUESE_VOWELS & set(token):
        return True
    return len(token) <= 3 or bool(_CLUSTER.search(_SAID_TOGETHER.sub("B", token)))


def _token(match: re.Match[str]) -> str | None:
    token, plural, joint = match[1], match[2], match[3]
    trailing = {"/": " ", "-": " ", "&": " e "}.get(joint or "", "")
    if token in READ_AS_WORDS:
        return token.lower() + plural.lstrip("'’") + trailing
    if any(character.isdigit() for character in token):
        return spell(token, plural=bool(plural)) + trailing
    if not is_spelled(token) or (token not in SPELLED and _is_shouted(match)):
        return None
    return spell(token, plural=bool(plural)) + trailing


def _is_shouted(match: re.Match[str]) -> bool:
    """Return whether the neighbours are in capitals too: a heading in capitals, not an acronym."""
    if not _VOWELS_OF_ANY_WORD & set(match[1]):
        return False  # AULA DE RPG
    text = match.string
    before = text[max(0, match.start() - 24) : match.start()].split()[-2:]
    after = text[match.end() : match.end() + 24].split()[:2]
    return any(
        len(word) > 3 and word.isupper() and word not in SPELLED | READ_AS_WORDS
        for word in (word.strip(".,;:!?()") for word in (*before, *after))
    )


def _vowel(match: re.Match[str]) -> str | None:
    named = word_before(match.string, match.start()).lower() in NAMED_BY_LETTERS
    return letter_name(match[1]) if named else None


def _code(match: re.Match[str]) -> str:
    joint = " " if match[0].endswith("/") else ""
    parts = _LETTERS_OF_CODE.fullmatch(match[0])
    if parts and parts[1] in READ_AS_WORDS:
        return f"{parts[1].lower()} {spell(parts[2])}{joint}"
    return spell(match[1]) + joint


def _state(match: re.Match[str]) -> str | None:
    before = match.string[max(0, match.start() - LOOKBACK_CHARS) : match.start()]
    return " " if _CAPITALIZED_BEFORE.search(before) else None


def _blood(match: re.Match[str]) -> str | None:
    before = match.string[max(0, match.start() - 2) : match.start()]
    return f"{spell(match[1])} menos" if before[:1].isalpha() and before[1:] == " " else None


def _hyphenated(match: re.Match[str]) -> str:
    name, number = match[1], match[2].replace(".", " ponto ")
    said = name
    if name.isupper():
        said = name.lower() if name in READ_AS_WORDS else spell(name) if is_spelled(name) else name
        said = letter_name(name) if len(name) == 1 else said
    return f"{said} {' '.join(map(_say_part, number.split()))}"


def _say_part(part: str) -> str:
    return part if part == "ponto" else spell(part)


MODELS = (Rule("acronym and number", _MODEL, _hyphenated, needs="-"),)
"""Before ordinals, for which the "4o" of GPT-4o is one."""

CODES = (
    Rule("acronym and number", _HYPHENATED, _hyphenated),
    Rule("code", _CODE, _code, needs=(DIGITS, CAPITALS)),
    Rule("letter", _PLURAL_LETTER, lambda m: spell(m[1], plural=True), needs=CAPITALS),
)
"""Before plain numbers, which are part of them: GPT-4, MP3."""

RULES = (
    Rule("letters", _SLASH_LETTERS, lambda m: spell(m[1].replace("/", " ")), needs="/"),
    Rule("state", _STATE, _state, needs=("/-", CAPITALS)),
    Rule("blood type", _BLOOD, _blood, needs=("-", CAPITALS)),
    Rule("letters", _AMPERSAND, lambda m: f"{letter_name(m[1])} e {letter_name(m[2])}", needs="&"),
    Rule("acronym", _TOKEN, _token, needs=CAPITALS),
    Rule("letter", _HYPHEN_LETTER, lambda m: f" {letter_name(m[1])}", needs=("-", CAPITALS)),
    Rule("letter", _BESIDE_SIGN, lambda m: letter_name(m[0]), needs="=≠≤≥∪∩×÷<>+"),
    Rule("letter", _VOWEL_AFTER, _vowel, needs=CAPITALS),
    Rule("letter", _VOWEL_BESIDE, lambda m: letter_name(m[1]), needs=CAPITALS),
    Rule("letter", _CONSONANT, lambda m: letter_name(m[1]), needs=CAPITALS),
)
