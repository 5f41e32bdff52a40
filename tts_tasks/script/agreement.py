"""What a number counts, and whether it counts at all: duas alunas, but página dois."""

from __future__ import annotations

import re

from tts_tasks.script.nouns import is_feminine, is_feminine_singular
from tts_tasks.script.rules import word_before
from tts_tasks.script.tables import alternatives, words

LABELS = words(
    """
    aula aulas capítulo capítulos página páginas módulo módulos versão seção seções figura figuras
    tabela tabelas exemplo exemplos item itens nível fase etapa passo passos semana unidade lição
    exercício exercícios questão linha linhas coluna colunas slide slides parte número números
    artigo artigos parágrafo inciso volume edição sala turma grupo tipo opção python java windows
    ano anos quilômetro quadro código porta nota quarto apartamento bloco lote ponto pontos
    questões lições unidades semanas etapas fases partes versões turmas salas notas tópico tópicos
    alternativa alternativas
    """
)
"""Nouns that a number names instead of counting: página dois, aula vinte e um."""

_NAMES_TOO = words(
    """
    índice índices bit valor valores casa canal rua avenida série nº erro andar mesa fila
    faixa rodada bimestre trimestre semestre turno súmula enunciado lei norma decreto portaria
    processo posição anexo cláusula título livro tema jogador jogadora aluno aluna usuário cliente
    servidor nó vértice elemento objeto vetor caso time equipe candidato personagem thread sensor
    motor botão arquivo imagem foto vídeo episódio cena pessoa variável produto loja filial problema
    pergunta resposta prova teste cenário participante o ao do no um
    """
)
"""Words before a number that is no count either, although a fraction may follow them."""

_FEMININE_BEFORE = words(
    """
    as às das nas pelas essas estas aquelas dessas destas nessas nestas outras últimas primeiras
    próximas minhas suas nossas
    """
)
_MASCULINE_BEFORE = words(
    """
    os aos dos nos pelos esses estes aqueles desses destes nesses nestes outros últimos primeiros
    próximos meus seus nossos
    """
)

_TIMES = words("vez vezes")
"""Counted whatever stands before: aula duas vezes por semana."""

_BETWEEN = words(
    """
    mil grandes pequenas novas outras primeiras últimas próximas principais melhores piores maiores
    menores simples diferentes possíveis importantes enormes excelentes breves recentes atuais reais
    comuns especiais iguais fortes
    """
)
"""What stands between a number and its noun without telling the gender."""

_FOLLOWING = re.compile(
    rf"\s(?:(?:{alternatives(_BETWEEN)})\s){{0,2}}"
    r"(?:(?:a|ou|e|até|em|(?:em|de|para) cada)\s[0-9][0-9.,]*\s(?:mil\s)?|ou (?:mais|menos)\s)?"
    r"([^\W\d_]+(?:-[^\W\d_]+)*)"
)
_LOOKAHEAD_CHARS = 64


def counts_feminine(text: str, start: int, end: int, *, is_one: bool = False) -> bool:
    """Return whether the number at ``text[start:end]`` counts something feminine.

    Args:
        text: the text.
        start: where the number starts.
        end: where it ends.
        is_one: whether it is 1, whose noun stands in the singular.
    """
    noun = counted_noun(text, end)
    before = word_before(text, start).lower()
    if before in _FEMININE_BEFORE or noun in _TIMES:
        return True
    if before in LABELS or before in _NAMES_TOO or before in _MASCULINE_BEFORE:
        return False
    if noun is None:
        return False
    return is_feminine(noun) or (is_one and is_feminine_singular(noun))


def counted_noun(text: str, end: int) -> str | None:
    """Return the word that a number ending at ``end`` counts, past "a 20", "mil" and adjectives."""
    match = _FOLLOWING.match(text, end, end + _LOOKAHEAD_CHARS)
    return match[1] if match else None


def names(text: str, start: int) -> bool:
    """Return whether the number at ``start`` follows a noun that it names: página 2."""
    return word_before(text, start).lower() in LABELS
