"""Whether a word in a Portuguese text is an English one: by its spelling, and by two tables.

Measured on 2026-11-23 with the word frequencies of wordfreq 3.1.1: of the running words that are at
least four times as frequent in Portuguese as in English it takes 0.1 % for English ones, and most
of these are names and acronyms in small letters.
"""

from __future__ import annotations

import re

from tts_tasks.script.tables import words

LOOKS_PORTUGUESE = words(
    """
    agile angular apache apis arduino automate average azure bitcoins border branches cache
    caches candidate canva cases change changes chrome claude close code codes color compliance
    constructor constructors customer customers database databases dataframe dataframes designer
    designers device devices django done double else engine engines ensemble evernote excel
    exchange experience false feature features figma file files firebase future game games
    gemini grafana guide guides home homepage homepages image images influencer influencers
    instagram instance instances integer integers intel interval issue issues java jira label
    labels laravel level levels license lifetime line linux live lives machine machines measure
    member members merge merges message messages milestone milestones mobile mode mouse name
    names netflix node nodes none number numbers onedrive onenote order orders page pages pair
    picture pixel pixels plugins pointer pointers postgres price promise queries queue queues
    quiz rails range rate rates redis reels refactor release releases resource resources
    response responses responsive restore retrospective returns sale sales secure selenium
    service services site sites source sources tableau template templates trade true uber ubuntu
    usage value values vector vectors vendor vendors vite vue zapier zoom
    """
)
"""English words and names of lessons whose spelling is possible in Portuguese, without those that
are Portuguese words too (case, time, interface, role, render)."""

NOT_ENGLISH = words(
    """
    abster adj aids alter alzheimer apartheid apud art bacon ballet bangcoc buffet cap
    champignon chef chopp clip club corinthiana corinthiano corinthians covid darwiniano
    darwinismo deficit dep edredon etc fan fest funk funkeira funkeiro funks gay gays habitat
    hein hip hiper hiv hobbies hobby hollywoodiana hollywoodiano hop humm iceberg impeachment
    internet jazz jeep jet kafkiano kantiana kantiano karaoke karma kart karts ketchup kibe
    kibes kilowatt kit kitnet kits kiwi kiwis kwh laser lider lobby med motoboy motoboys
    mozzarella neon newtoniana newtoniano nhac obs overdose ping pizza pizzaria pizzarias pizzas
    poker pong pop poster procon prof pub pubs punk punks quilowatt quilowatts rally rap rapper
    rappers resort resorts robot robots rock sec seg set sets sexy shakespeariano shampoo
    shopping shoppings show shows showzinho shoyu sic skate skates skatista skatistas slogan
    slogans sob spa spray sprays stalinismo stalinista stand stands status stress stressada
    stressado stressante stressar stricto strogonoff super superavit surf sushi sushis swing tac
    tchan tic van vip vodka watt watts whisky windsurf won yakisoba yang yen yin yoga zen
    """
)
"""Words that the spelling would take for English ones, and are not, or no longer."""

NAMES = words(
    """
    Adilson Ailton Airton Alan Alisson Allan Alysson Amilton Anderson Andrey Anitta Anna Anne
    Annita Anthony Arthur Ayrton Bahrein Bangladesh Barcellos Becker Belford Ben Berlin Beth
    Bethania Betty Bitencourt Bittar Bittencourt Botswana Brenno Brian Britto Brooklyn Bryan
    Camilla Castello Charlotte Christian Clayton Cleiton Cleyton Cristian Cyro Dallagnol Dalton
    Daniella Darwin David Davidson Davison Dayana Dayane Dayse Denilson Denner Dorothy Drummond
    Drumond Dublin Dumont Ederson Edilson Edith Edmilson Edson Elizabeth Ellen Elliott Elton
    Emanuelle Emerson Emilly Emmanuel Enderson Evelyn Everton Ewerton Felippe Fiat Fittipaldi
    Frank Franklin Fred Freyre Gabriella Gabrielly Gelson Gerson Gilson Giovanna Giovanni
    Giselle Goulart Gullar Haddad Hamilton Hanna Harry Hawaii Helen Hellen Henry Hilton
    Hiroshima Hoffmann Hollanda Isaac Isabella Isabelle Itamaraty Ivan Izabella Jackson Jacquin
    Jailson Jaqueline Jason Jayme Jean Jeff Jefferson Jenifer Jennifer Jhonatan Jhonny Joelson
    Johann John Johnny Joinville Jonatan Jonathan Josy Joyce Juan Judith Kaio Kaique Kamila
    Kardec Karen Karim Karin Karina Karine Karol Karolina Karoline Kassab Katarina Katia Kauan
    Kayke Keila Kelly Kelvin Kennedy Kevin Keyla Kiev Kimura Kleber Klein Kobayashi Koch Kosovo
    Kramer Krenak Kubitschek Kuwait Kyoto Laryssa Leblon Lemann Lenny Lincoln Lorenzetti Luan
    Lucca Lucy Ludmilla Luizianne Lya Lygia Mackenzie Madrid Maggi Maicon Maikon Malawi Manuella
    Marcella Marcello Margareth Marielle Marilyn Martinelli Mary Matarazzo Matheus Matthaeus
    Mattos Mattoso Mayara Maykon Mayra Maysa Meirelles Mello Meneghel Michelle Michelly Milton
    Mirella Mirian Moacyr Moretti Motta Muller Muricy Myanmar Myriam Nakamura Natan Nathalia
    Nathan Nayara Neilton Nelson Netto Newton Ney Neymar Niemeyer Nilson Nilton Odebrecht
    Olympio Oswaldo Othon Paraty Paysandu Perrella Phelipe Philipe Philippe Pitty Pollyana
    Rafaella Ramon Raphael Raphaela Rayane Rayssa Renan Richard Robson Rodolpho Rondon Rony
    Rosemberg Rosenberg Rossetto Rousseff Ruan Ruth Ruy Ryan Saboya Salles Sammy Sampson Sarney
    Scheidt Schmidt Schmitt Schneider Schwarcz Selton Senna Sheila Shirley Simon Sophia Soraya
    Stefani Stefany Stella Stephanie Suelen Suellen Suplicy Suzuki Sylvia Sylvio Taiwan
    Takahashi Tanaka Telles Thais Thales Thalita Thaynara Thays Theo Theodoro Thereza Thiago
    Thomas Thomaz Toddynho Toffoli Tokyo Trevisan Valter Vanderson Vasconcellos Velloso Vianna
    Villa Villar Vivianne Wagner Waldemar Waldir Waldomiro Wallace Walmir Walmor Walter Walther
    Wanda Wanderlei Wanderley Wanderson Wanessa Washington Watanabe Weber Welington Wellington
    Wenceslau Wendel Werneck Werner Wesley Weslley Weverton Wilian Wilker William Willian
    Willians Wilma Wilmar Wilson Wilton Winston Witzel Wladimir Yago Yamada Yamamoto Yan Yanna
    Yara Yasmim Yasmin Yeda Ygor York Yoshida Ypiranga Yudi Yuri Zagallo Zanatta Zanetti
    Zimbabwe
    """
)
"""Names of people and places in Brazil that are spelled like English words."""

_NAMES_IN_SMALL_LETTERS = frozenset(name.lower() for name in NAMES)

_SPELLING = re.compile(
    r"""
    [kwy] | th | sh | ph | gh | dge
    | bb | cc(?!i) | dd | ff | gg | ll | mm | nn | pp | tt | zz
    | (?<![cvzl])(?<!micr)oo(?!s?$|u)                  # not voo, coordenar, zoologia, enjoou
    | (?<!^r)(?<!^[ap]r)(?<![aeiou]pr)(?<![lvcdr])ee(?!i|nse)   # not reescrever, preencher, leem
    | (?<!^r)ee[dklpt] | een$ | ees?$
    | ^s[bcdfghjklmnpqrtv] | ^wr | q(?!u)
    | ^(?:over|up|out)[bcdfghjklmnpqstv]
    | n$ | ss$ | ions$ | .box$ | ..ex$ | [bcdfgjpqtv]$ | (?<![aeo])h$ | [bcdfgjpqtv]s$
    | (?:ing|tion|able|ful|ous|ics|eam|gle|tle|dle|uage|osure|[bgkn]age)s?$
    | (?:(?<!^[pf])[aio]der|[bdgtpu]ler|iler|[aeiou]ner|[iu]ter|[aeioumnl]izer|(?<![vt])iver)s?$
    | (?:[aor]ser|(?<!p)user|server|[lpw]inter|(?<![hmr])over|[^enu]ger|[aeiou]per|fer)s?$
    | (?:ster|l[dt]er|[aiur]mer)s?$
    | [defnmt]lines?$
    """,
    re.VERBOSE,
)
"""Spellings that no Portuguese word has, in a word of small letters without accents."""

_ENGLISH_LETTERS = re.compile(r"[A-Za-z]{3,}(?:['’](?:s|t|re|ll|ve))?")


def is_english(word: str) -> bool:
    """Return whether a word, without hyphens and digits, is an English one."""
    if not _ENGLISH_LETTERS.fullmatch(word):
        return False
    small = re.split("['’]", word.lower())[0]
    if small in LOOKS_PORTUGUESE:
        return True
    if small in NOT_ENGLISH or (small in _NAMES_IN_SMALL_LETTERS and not word.islower()):
        return False
    return _SPELLING.search(small) is not None
