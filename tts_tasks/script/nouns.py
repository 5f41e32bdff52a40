"""The gender of nouns, as far as the written word shows it: endings, and the words that break them.

What a number counts, and whether it counts at all, is decided in ``agreement``.
"""

from __future__ import annotations

import re

from tts_tasks.script.tables import words

FEMININE_NOUNS = words(
    """
    # in the plural, and in the singular where its ending does not tell either
    vez vezes mão mãos mulher mulheres voz vozes rede redes noite noites tarde tardes chave chaves
    classe classes subclasse subclasses superclasse superclasses base bases fase fases parte partes
    frase frases mãe mães atriz atrizes flor flores cor cores dor dores lei leis luz luzes matriz
    matrizes raiz raízes diretriz diretrizes cicatriz cicatrizes nuvem nuvens ordem ordens dose
    doses overdose overdoses colher colheres árvore árvores série séries espécie espécies cárie
    cáries análise análises diálise diálises tese teses crise crises síntese sínteses hipótese
    hipóteses prótese próteses antítese antíteses mitose mitoses meiose meioses neurose neuroses
    psicose psicoses sede sedes parede paredes mente mentes ponte pontes fonte fontes arte artes
    morte mortes sorte sortes gente gentes lente lentes semente sementes enchente enchentes
    vertente vertentes corrente correntes frente frentes patente patentes nascente nascentes
    constante constantes variante variantes tangente tangentes secante secantes estante estantes
    serpente serpentes gestante gestantes torre torres ave aves nave naves chance chances greve
    greves neve febre febres pele peles haste hastes cruz cruzes noz nozes hélice hélices síndrome
    síndromes elite elites foto fotos moto motos tribo tribos variável variáveis capital capitais
    catedral catedrais espiral espirais vogal vogais credencial credenciais filial filiais diagonal
    diagonais perpendicular perpendiculares moral pás fé foz face faces interface interfaces posse
    posses messe prece preces metrópole metrópoles grade grades equipe equipes estrofe estrofes
    catástrofe catástrofes vitrine vitrines pirâmide pirâmides ênfase ênfases saúde celebridade
    metade metades reunião reuniões região regiões religião religiões opinião opiniões união uniões
    rebelião rebeliões legião legiões ocasião ocasiões paixão paixões razão razões multidão
    multidões certidão certidões aptidão aptidões conexão conexões reflexão reflexões flexão flexões
    # English ones, as Brazilians use them
    string strings thread threads branch branches tag tags issue issues query queries view views
    feature features release releases build builds stack stacks label labels task tasks sprint
    sprints startup startups live lives playlist playlists thumbnail thumbnails hashtag hashtags
    flag flags newsletter newsletters API APIs URL URLs IDE IDEs CPU CPUs GPU GPUs VM VMs ONG ONGs
    TV TVs
    """
)
"""Feminine nouns that their ending does not give away."""

MASCULINE_NOUNS = words(
    """
    dias planetas cometas mapas poetas atletas colegas guardas guias papas monarcas patriarcas
    acrobatas diplomatas burocratas aristocratas democratas autocratas tecnocratas psicopatas
    homeopatas internautas astronautas autodidatas terapeutas fisioterapeutas psiquiatras pediatras
    geriatras camaradas piratas dálmatas nômadas indígenas estrategistas xiitas karatecas judocas
    sósias gorilas pumas climas dogmas fantasmas estigmas enigmas paradigmas sintagmas magmas
    miasmas plasmas prismas carismas traumas pijamas diafragmas celtas vietnamitas israelitas
    jesuítas eremitas carmelitas parasitas canalhas recrutas sentinelas jotas deltas sigmas alfas
    betas gamas lambdas ômegas pentas extras Celsius coração corações calção calções cação cações
    brasão brasões personagem personagens
    guarda-chuvas guarda-roupas para-brisas porta-malas saca-rolhas salva-vidas ímãs fãs galãs
    talismãs sofás
    """
)
"""Masculine or common nouns that look feminine, in the plural where that tells the singular."""

_FEMININE_ENDING = re.compile(r"[^\W\d_]+(?:as|ções|sões|estões|dades|gens|tudes|ícies|trizes|ãs)")
_FEMININE_SINGULAR = re.compile(r"[^\W\d_]+(?:a|ção|são|estão|dade|gem|tude|ície|triz|ã)")
_MASCULINE_ENDING = re.compile(r"[^\W\d_]+(?:emas|omas|ramas|istas)")
_FEMININE_DESPITE_ENDING = words(
    """
    ramas tramas gemas algemas emas somas gomas comas redomas listas vistas pistas revistas
    entrevistas conquistas cristas mistas
    """
)

_NOT_COUNTED = words(
    """
    mas nas pelas apenas aliás amanhã está
    # small words in the singular, and verbs after a number that is a name: o bit 1 indica
    da na pela para cada era seja ela essa esta aquela dela nela toda nada agora ainda fora contra
    uma numa duma minha sua nossa
    indica representa significa mostra passa fica trata termina começa volta chega ganha resulta
    explica apresenta aborda ensina marca vira fala usa cria gera retorna liga desliga ativa
    desativa denota identifica aponta leva ocupa multiplica continua executa espera joga estuda
    inicia funciona trabalha fecha envia manda salva carrega calcula compara armazena processa acaba
    """
)


def is_feminine(word: str) -> bool:
    """Return whether a plural noun (or a singular one that a table holds) is feminine."""
    lower = word.lower()
    if word in FEMININE_NOUNS or lower in FEMININE_NOUNS or lower in _FEMININE_DESPITE_ENDING:
        return True
    if lower in MASCULINE_NOUNS or lower in _NOT_COUNTED or _MASCULINE_ENDING.fullmatch(lower):
        return False
    return bool(_FEMININE_ENDING.fullmatch(lower))


def is_feminine_singular(word: str) -> bool:
    """Return whether the singular noun after "1" is feminine: uma ideia, but um problema."""
    lower = word.lower()
    plural = f"{lower}s"
    if word in FEMININE_NOUNS or lower in FEMININE_NOUNS or plural in _FEMININE_DESPITE_ENDING:
        return True
    if (
        lower in _NOT_COUNTED
        or not MASCULINE_NOUNS.isdisjoint((lower, plural))
        or _MASCULINE_ENDING.fullmatch(plural)
    ):
        return False
    return word.islower() and bool(_FEMININE_SINGULAR.fullmatch(word))
