"""Addresses, and how much of them each policy says."""

from __future__ import annotations

import time

import pytest

from tts_tasks.request import UrlPolicy
from tts_tasks.script import web
from tts_tasks.script.normalise import normalise

SKIPPED = [
    ("Veja https://x.y.", "Veja."),
    ("Acesse https://exemplo.com e estude", "Acesse e estude"),
    ("Acesse www.exemplo.com.br, depois volte.", "Acesse, depois volte."),
    ("Leia em exemplo.com.br/aulas!", "Leia!"),
    ("Leia a documentação (https://docs.exemplo.org/a).", "Leia a documentação."),
    ("Leia: https://exemplo.org.", "Leia."),
    ("https://exemplo.org", ""),
    ("http://localhost:8000/docs", ""),
    ("Escreva para a@b.com.", "Escreva para a arroba bê ponto com."),
    ("Siga @ana em python.org", "Siga arroba ana"),
    ("Acesse: www.exemplo.com", "Acesse"),
    ("Links: https://a.com (grátis).", "Links: (grátis)."),
    ("Há mais em: https://exemplo.com; leia.", "Há mais; leia."),
    ("Baixe em https://exemplo.com/a.zip e instale.", "Baixe e instale."),
    ("Veja em https://a.com e em https://b.org/c.", "Veja."),
    ("Fontes: https://a.com, https://b.com e https://c.com.", "Fontes."),
    ("Fonte: FAO (https://fao.org/a, Roma).", "Fonte: fao (Roma)."),
    ("Leia “https://exemplo.com”.", "Leia."),
    ("Acesse <https://exemplo.com/a>.", "Acesse."),
    ("A rede é localhost:3000.", "A rede é."),
    ("O main.py usa Node.js.", "O main ponto pê ípsilon usa node jota esse."),
    ("O IP é 10.0.0.1.", "O i pê é dez ponto zero ponto zero ponto um."),
]
FULL = [
    ("https://exemplo.com.br", "exemplo ponto com ponto bê erre"),
    ("https://www.exemplo.com/", "exemplo ponto com"),
    ("https://exemplo.com/aula/1.", "exemplo ponto com barra aula barra um."),
    ("exemplo.com/guia-rapido", "exemplo ponto com barra guia hífen rapido"),
    ("exemplo.com/guia_rapido", "exemplo ponto com barra guia underline rapido"),
    (
        "https://exemplo.com/busca?q=sql&p=2#topo",
        "exemplo ponto com barra busca interrogação quê igual a sql e comercial pê igual a dois "
        "cerquilha topo",
    ),
    ("http://localhost:8000/docs", "localhost porta oito mil barra docs"),
    ("https://exemplo.org/main.py", "exemplo ponto org barra main ponto pê ípsilon"),
    ("https://exemplo.org/a%C3%A7%C3%A3o", "exemplo ponto org barra ação"),
    ("(https://github.com/ana/projeto)", "(github ponto com barra ana barra projeto)"),
    ("https://u:x@exemplo.com:8080/x", "exemplo ponto com porta oito mil e oitenta barra xis"),
    ("https://exemplo.com/100%", "exemplo ponto com barra cem por cento"),
    (
        "https://exemplo.com/v1.2/api?pag=10",
        "exemplo ponto com barra vê um ponto dois barra api interrogação pag igual a dez",
    ),
    ("ana@exemplo.com", "ana arroba exemplo ponto com"),
]


@pytest.mark.parametrize(("written", "spoken"), SKIPPED)
def test_skip_says_nothing_for_an_address(written: str, spoken: str) -> None:
    assert normalise(written, urls=UrlPolicy.SKIP) == spoken


@pytest.mark.parametrize(("written", "spoken"), FULL)
def test_full_says_the_path_sign_by_sign(written: str, spoken: str) -> None:
    assert normalise(written, urls=UrlPolicy.FULL) == spoken


@pytest.mark.parametrize("policy", UrlPolicy)
@pytest.mark.parametrize("written", [written for written, _ in SKIPPED + FULL])
def test_every_policy_is_idempotent_and_leaves_no_digit(written: str, policy: UrlPolicy) -> None:
    once = normalise(written, urls=policy)
    assert normalise(once, urls=policy) == once
    assert not any(map(str.isdigit, once))


@pytest.mark.parametrize("policy", UrlPolicy)
@pytest.mark.parametrize("unit", ["http://", "a.com/", "www.", "a@", "(", ":", "a.com/%", "?=&"])
def test_time_is_linear_on_hostile_addresses(unit: str, policy: UrlPolicy) -> None:
    text = unit * (30_000 // len(unit))
    start = time.process_time()
    normalise(text, urls=policy)
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("O IP ::1 é local.", "O i pê dois pontos dois pontos um é local."),
        ("fe80::a1", "efe é oito zero dois pontos dois pontos a um"),
        ("00:1A:2B:3C:4D:5E", "zero zero dois pontos um a dois pontos dois bê dois pontos três cê "
         "dois pontos quatro dê dois pontos cinco é"),
        ("std::cout", "std::cout"),
        ("10:30:45", "dez horas, trinta minutos e quarenta e cinco segundos"),
    ],
)  # fmt: skip
def test_hexadecimal_addresses_are_no_times(written: str, spoken: str) -> None:
    assert normalise(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("S&atilde;o Paulo &mdash; SP", "São Paulo — esse pê"),
        ("Tom &amp; Jerry &copy;", "Tom e Jerry"),
        ("&#8220;oi&#8221; &#x2264; 5", "“oi” menor ou igual a cinco"),
        ("5&nbsp;km", "cinco quilômetros"),
        ("P&D; R&D", "pê e dê; erre e dê"),
    ],
)
def test_entities_are_what_they_stand_for(written: str, spoken: str) -> None:
    assert normalise(written) == spoken


def test_the_host_is_what_is_said_by_default() -> None:
    assert web.rules(UrlPolicy.HOST) is web.RULES
    assert normalise("https://github.com/ana") == "github ponto com"
