"""Where a sentence is cut that one engine call cannot speak."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.contract import as_request
from tts_tasks.errors import TextTooLongError
from tts_tasks.script.cuts import cut
from tts_tasks.script.hidden import hide
from tts_tasks.settings import load_settings
from tts_tasks.steps import validate


class Limited:
    """A mouth that says so many characters at once."""

    def __init__(self, text, limit=100):
        self.hidden = hide(text)
        self.limit = limit

    def can_say(self, part):
        return len(part) <= self.limit


def parts(text, limit=100):
    return [part for part, _ in cut(text, Limited(text, limit))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (  # After the colon: a comma before it would leave a scrap of the next clause behind it.
            "A sigla CSV quer dizer valores separados por vírgula, mas aqui há uma pegadinha: "
            "no Brasil, a vírgula já tem emprego.",
            [
                "A sigla CSV quer dizer valores separados por vírgula, mas aqui há uma pegadinha:",
                "no Brasil, a vírgula já tem emprego.",
            ],
        ),
        (  # A label stays with its value.
            "Produto: Pão de queijo; Unidades: 1.240; Preço unitário: R$ 5,00; Receita do mês de "
            "março: R$ 6.200,00, que é 29,2% do total da padaria.",
            [
                "Produto: Pão de queijo; Unidades: 1.240; Preço unitário: R$ 5,00;",
                "Receita do mês de março: R$ 6.200,00, que é 29,2% do total da padaria.",
            ],
        ),
        (  # Two commas are better than a clause that has to be cut inside.
            "Apague antes de copiar o arquivo, antes de enviar por e-mail e, principalmente, antes "
            "de mostrar a tela em uma reunião.",
            [
                "Apague antes de copiar o arquivo, antes de enviar por e-mail e, principalmente,",
                "antes de mostrar a tela em uma reunião.",
            ],
        ),
        (  # Without a sign: in the middle, before a word that begins a group; no scrap at the end.
            "Este parágrafo foi escrito sem nenhuma vírgula para que o sistema tenha de escolher "
            "um lugar bom para respirar fim.",
            [
                "Este parágrafo foi escrito sem nenhuma vírgula",
                "para que o sistema tenha de escolher um lugar bom para respirar fim.",
            ],
        ),
        (
            "A análise exploratória de dados começa quando o analista abre o arquivo pela primeira "
            "vez e percebe que quase nada está como deveria estar naquela planilha antiga",
            [
                "A análise exploratória de dados começa quando o analista abre o arquivo pela "
                "primeira vez",
                "e percebe que quase nada está como deveria estar naquela planilha antiga",
            ],
        ),
        ("x" * 250, ["x" * 100, "x" * 100, "x" * 50]),
    ],
)
def test_a_speaker_breathes_there(text, expected):
    assert parts(text) == expected


def test_a_clause_that_fits_stays_whole_beside_one_that_does_not():
    long = "que foi escrito sem nenhum sinal para ser longo demais e ter de ser cortado " * 2
    found = parts(f"Este é o começo de tudo, {long.strip()}, e este é o fim.", limit=90)
    assert found[0] == "Este é o começo de tudo,"
    assert found[-1] == "e este é o fim."


@pytest.mark.parametrize("opener", ["de", "a", "para", "com", "que"])
def test_nobody_breathes_after_a_word_that_begins_a_group(opener):
    words = " ".join(["palavra", "outra", opener, "coisa", "maior"] * 9)
    found = parts(words)
    assert len(found) > 1
    assert not any(part.endswith(f" {opener}") for part in found)


def test_the_pause_after_a_clause_is_longer_than_between_words():
    text = "um dois três quatro cinco seis sete oito nove dez onze doze treze, e mais catorze"
    pauses = [pause_s for _, pause_s in cut(text, Limited(text, 40))]
    assert len(set(pauses[:-1])) == 2
    assert min(pauses) < pauses[-1]


@given(
    st.text("ab e,;:()—R$5.", min_size=1, max_size=400).map(lambda text: " ".join(text.split())),
    st.integers(3, 60),
)
def test_the_parts_are_the_text_and_fit(text, limit):
    mouth = Limited(text, limit)
    if not text or mouth.can_say(text):
        return
    found = parts(text, limit)
    assert "".join(found).replace(" ", "") == text.replace(" ", "")
    assert all(found)
    assert all(mouth.can_say(part) or "5" in part for part in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("O lucro foi de R$ 123.456.789,87 no ano.", "oitenta e sete centavos no ano."),
        ("Ela vendeu -987.654.321,12%.", "trezentos e vinte e um vírgula doze por cento."),
        ("Ligue: (11) 98765-4321, (21) 91234-5678, (31) 93456-7890.", "dois um, nove um dois três"),
        ("São 987.654.321,12 km.", "vinte e um vírgula doze quilômetros"),
        ("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24", "vinte e três vinte e"),
    ],
)
def test_a_number_is_read_as_one_however_long_its_reading(text, said):
    request = as_request(
        load_settings(), text=text, provider="gtts", output_path=load_settings().home / "a.mp3"
    )
    chunks = validate(request, load_settings()).chunks
    assert all(0 < len(chunk.spoken) <= 100 for chunk in chunks)
    assert said in " ".join(chunk.spoken for chunk in chunks)
    assert " ".join(chunk.written for chunk in chunks if chunk.written) == text


def test_many_clauses_cost_little():
    asked = 0

    class Counting(Limited):
        def can_say(self, part):
            nonlocal asked
            asked += 1
            return super().can_say(part)

    text = ", ".join(["palavra"] * 2_000)
    found = list(cut(text, Counting(text)))
    assert asked < 25 * len(found)


def test_a_mark_that_does_not_fit_is_named():
    text = "[[Kaggle|/ˈkæɡəl/]]"

    class Nobody(Limited):
        def can_say(self, part):
            return False

    mouth = Nobody(text)
    with pytest.raises(TextTooLongError, match="Kaggle"):
        list(cut(mouth.hidden.text, mouth))
