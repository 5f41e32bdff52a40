"""Gender and number of what is counted, as far as the written word shows it."""

from __future__ import annotations

import re

from tts_tasks.script.rules import word_before
from tts_tasks.script.tables import words

FEMININE_NOUNS = words(
    """
    alunas aulas horas páginas pessoas semanas linhas colunas tabelas vezes vez mãos mão mulheres
    mulher lições lição vozes voz redes rede noites noite tardes tarde manhã manhãs chaves chave
    classes classe bases base fases fase partes parte frases frase mães mãe atrizes atriz flores
    flor cores cor dores dor leis lei luzes luz matrizes matriz raízes raiz diretrizes diretriz
    nuvens nuvem ordens ordem viagens viagem vantagens vantagem metades metade cidades cidade
    telas tela etapas etapa questões questão sessões sessão versões versão opções opção
    aplicações aplicação palavras palavra letras letra perguntas pergunta respostas resposta
    dose doses overdose overdoses
    vagas vaga xícaras xícara colheres colher libras libra toneladas tonelada dúzias dúzia
    centenas centena hora aula página pessoa semana linha coluna tabela aluna professora
    professoras parcela parcelas vírgula barra barras câmera câmeras máquina máquinas branch
    branches tag tags issue issues string strings thread threads API APIs URL URLs IDE IDEs CPU
    CPUs GPU GPUs VM VMs ONG ONGs TV TVs query queries view views feature features release
    releases build builds stack stacks label labels task tasks interface interfaces fontes fonte
    árvores árvore imagens imagem mensagens mensagem séries série espécies espécie análises análise
    teses tese crises crise sínteses síntese hipóteses hipótese sedes sede paredes parede mentes
    gerações estações pontes ponte fontes artes arte mortes morte sortes cortesia gentes gente
    lentes lente sementes semente enchentes vertentes variável variáveis capital capitais
    catedral catedrais espiral espirais moral colheita libélula vogal vogais visões mil-folhas
    bibliotecas biblioteca funções função instruções instrução dependência dependências
    """
)
"""Feminine nouns that their ending does not give away, and singular ones worth knowing."""

MASCULINE_NOUNS = words(
    """
    dias problemas sistemas programas temas mapas idiomas poemas diagramas fonemas climas planetas
    cometas diplomas dilemas esquemas telegramas gramas quilogramas miligramas cinemas dramas
    traumas sintomas aromas axiomas teoremas lemas sofás carismas enigmas estigmas paradigmas
    pijamas plasmas prismas algoritmas panoramas anagramas fluxogramas cronogramas organogramas
    histogramas pentagramas hologramas programas subprogramas subsistemas ecossistemas morfemas
    telefonemas guarda-chuvas guardas-chuvas analistas artistas dentistas
    jornalistas cientistas programadores economistas especialistas turistas motoristas atletas
    colegas poetas pirata piratas pilotas autodidatas astronautas democratas terapeutas camaradas
    trompetistas corações brasões personagens sofistas Celsius pentas extras
    jotas deltas sigmas alfas betas xiitas karatecas judocas internautas
    """
)
"""Masculine or common nouns that look feminine."""

_NOT_NOUNS = words("mas nas pelas apenas atrás")
_BETWEEN = words(
    "grandes novas novos pequenas outras outros primeiras últimas próximas principais mil"
)
_FEMININE_ENDING = re.compile(
    r"(?:[^\W\d_]+(?:as|ções|sões|dades|gens|tudes|ices|ícies|trizes|ências|âncias|ãs|lheres)"
    r"|duas|umas)"
)
_MASCULINE_ENDING = re.compile(r"[^\W\d_]+(?:emas|omas|amas|istas)")
_FEMININE_IN_AMAS = words("camas damas ramas lamas tramas chamas famas mamas amas escamas")
_FEMININE_IN_ISTAS = words("listas vistas pistas revistas entrevistas conquistas cristas mistas")
_FEMININE_IN_OMAS = words("somas gomas comas")
_FEMININE_IN_EMAS = words("gemas algemas emas")

_FOLLOWING = re.compile(
    r"\s(?:(?:mil|grandes|novas|novos|pequenas|outras|primeiras|últimas)\s)?"
    r"(?:(?:a|ou|e|até)\s[0-9][0-9.,]*\s(?:mil\s)?)?([^\W\d_]+(?:-[^\W\d_]+)*)"
)

LABELS = words(
    """
    aula aulas capítulo capítulos página páginas módulo módulos versão seção seções figura figuras
    tabela tabelas exemplo exemplos item itens nível fase etapa passo passos semana unidade lição
    exercício exercícios questão linha linhas coluna colunas slide slides parte número números
    artigo artigos parágrafo inciso volume edição sala turma grupo tipo opção python java windows
    ano anos quilômetro quadro código porta nota quarto apartamento bloco lote ponto pontos
    """
)
"""Nouns that a number names instead of counting: página dois, aula vinte e um."""

_LOOKAHEAD_CHARS = 64


def is_feminine(word: str) -> bool:
    """Return whether a plural noun (or a known singular one) is feminine."""
    lower = word.lower()
    if word in FEMININE_NOUNS or lower in FEMININE_NOUNS:
        return True
    if lower in MASCULINE_NOUNS or lower in _NOT_NOUNS:
        return False
    if lower in _FEMININE_IN_AMAS | _FEMININE_IN_ISTAS | _FEMININE_IN_OMAS | _FEMININE_IN_EMAS:
        return True
    if _MASCULINE_ENDING.fullmatch(lower):
        return False
    return bool(_FEMININE_ENDING.fullmatch(lower))


def counts_feminine(text: str, start: int, end: int) -> bool:
    """Return whether the number at ``text[start:end]`` counts something feminine."""
    noun = counted_noun(text, end)
    if noun is None or names(text, start):
        return False
    return is_feminine(noun)


def counted_noun(text: str, end: int) -> str | None:
    """Return the word that a number ending at ``end`` counts, past "a 20", "mil" and adjectives."""
    match = _FOLLOWING.match(text, end, end + _LOOKAHEAD_CHARS)
    return match[1] if match else None


def names(text: str, start: int) -> bool:
    """Return whether the number at ``start`` follows a noun that it names: página 2."""
    return word_before(text, start).lower() in LABELS
