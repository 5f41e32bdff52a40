"""What good takes in each voice are like: pace, loudness, silence.

    python -m tests.benchmarks.voices [provider] [voice ...]

Prints the table ``EXPECTED`` of ``tts_tasks/engines/kokoro_voices.py``: one sentence of each kind
that lessons have, in the voice's own language, at the default parameters.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import astuple

import numpy as np

from tts_tasks.engines.protocol import Engine
from tts_tasks.engines.registry import load_engine
from tts_tasks.mastering.loudness import measure as measure_loudness
from tts_tasks.script.normalise import normalise
from tts_tasks.values import Chunk, Expected, Samples

SENTENCES = {
    "pt": (
        "Bem-vindo ao curso.",
        "Nesta aula vamos aprender o que é uma variável e como criar funções.",
        "Os alunos perguntaram por que os testes automatizados são tão importantes para a "
        "manutenção do código.",
        "Atenção: a avaliação final será na segunda-feira, às quatorze horas e trinta minutos.",
        "Você já pensou em quantas decisões são tomadas, todos os dias, com base em números que "
        "ninguém conferiu?",
        "Primeiro, abrimos o arquivo; depois, lemos as linhas; por fim, somamos os valores.",
        "Parabéns!",
        "O pão de queijo custa três reais e cinquenta centavos, e o café, dois reais.",
        "A média, a mediana e a moda contam histórias diferentes sobre os mesmos dados, e escolher "
        "entre elas é uma decisão de quem conhece o assunto.",
        "Até a próxima aula.",
    ),
    "en": (
        "Welcome to the course.",
        "In this lesson we learn what a variable is and how to write functions.",
        "The students asked why automated tests matter so much for the maintenance of the code.",
        "Please note: the final exam is on Monday, at half past two in the afternoon.",
        "Have you ever wondered how many decisions are made, every day, on numbers that nobody has "
        "checked?",
        "First we open the file; then we read the lines; at last we add up the values.",
        "Well done!",
        "The bread costs three fifty, and the coffee, two dollars.",
        "The mean, the median and the mode tell different stories about the same data, and "
        "choosing among them is up to those who know the subject.",
        "See you in the next lesson.",
    ),
    "es": (
        "Bienvenido al curso.",
        "En esta clase vamos a aprender qué es una variable y cómo crear funciones.",
        "Los alumnos preguntaron por qué las pruebas automatizadas son tan importantes.",
        "Atención: el examen final será el lunes, a las dos y media de la tarde.",
        "¿Has pensado alguna vez en cuántas decisiones se toman con números que nadie revisó?",
        "Primero abrimos el archivo; después leemos las líneas; al final sumamos los valores.",
        "¡Enhorabuena!",
        "Hasta la próxima clase.",
    ),
    "fr": (
        "Bienvenue dans ce cours.",
        "Dans cette leçon, nous allons apprendre ce qu'est une variable et comment écrire des "
        "fonctions.",
        "Les élèves ont demandé pourquoi les tests automatisés sont si importants.",
        "Attention : l'examen final aura lieu lundi, à quatorze heures trente.",
        "Avez-vous déjà pensé au nombre de décisions prises sur des chiffres que personne n'a "
        "vérifiés ?",
        "D'abord, nous ouvrons le fichier ; ensuite, nous lisons les lignes ; enfin, nous "
        "additionnons les valeurs.",
        "Bravo !",
        "À la prochaine leçon.",
    ),
    "it": (
        "Benvenuto al corso.",
        "In questa lezione impariamo che cos'è una variabile e come scrivere funzioni.",
        "Gli studenti hanno chiesto perché le prove automatiche sono così importanti.",
        "Attenzione: l'esame finale sarà lunedì, alle quattordici e trenta.",
        "Hai mai pensato a quante decisioni si prendono su numeri che nessuno ha controllato?",
        "Prima apriamo il file; poi leggiamo le righe; infine sommiamo i valori.",
        "Complimenti!",
        "Alla prossima lezione.",
    ),
    "hi": (
        "पाठ्यक्रम में आपका स्वागत है।",
        "इस पाठ में हम सीखेंगे कि चर क्या होता है और फलन कैसे लिखते हैं।",
        "छात्रों ने पूछा कि परीक्षण इतने महत्वपूर्ण क्यों हैं।",
        "ध्यान दें: अंतिम परीक्षा सोमवार को दोपहर ढाई बजे होगी।",
        "पहले हम फ़ाइल खोलते हैं, फिर पंक्तियाँ पढ़ते हैं, और अंत में संख्याएँ जोड़ते हैं।",
        "बधाई हो!",
        "अगले पाठ में मिलते हैं।",
    ),
}

FRAME_S = 0.01
SILENT_DB = -40.0
"""A frame this far below the loud ones (95th percentile) is silence."""


def main(provider: str = "kokoro", *voices: str) -> None:
    """Measure each voice, and print its line."""
    engine = load_engine(provider)
    for name in voices or engine.voices():
        values = ", ".join(str(value) for value in astuple(measure(engine, name)))
        print(f'    "{name}": Expected({values}),', flush=True)


def measure(engine: Engine, name: str) -> Expected:
    """Speak the sentences of the voice's language, and measure."""
    voice = engine.describe(name)
    language = voice.language[:2]
    texts = [normalise(text) if language == "pt" else text for text in SENTENCES[language]]
    chunks = [Chunk(text, text, name, engine.parameters({})) for text in texts]
    takes = [waveform.samples for waveform in engine.synthesize(chunks)]
    found = [silences(take, engine.sample_rate) for take in takes]
    pace = [
        len(text) / (len(take) / engine.sample_rate - before_s - after_s)
        for text, take, (before_s, after_s, _) in zip(texts, takes, found, strict=True)
    ]
    loudness = [
        measure_loudness([take], engine.sample_rate).loudness_lufs
        for take in takes
        if len(take) > engine.sample_rate
    ]
    return Expected(
        chars_per_s=round(statistics.median(pace), 1),
        chars_per_s_range=(round(min(pace), 1), round(max(pace), 1)),
        loudness_lufs=round(statistics.median(loudness), 1),
        silence_s=(
            round(statistics.median(before_s for before_s, _, _ in found), 2),
            round(statistics.median(after_s for _, after_s, _ in found), 2),
        ),
        longest_pause_s=round(max(pause_s for _, _, pause_s in found), 2),
    )


def silences(samples: Samples, sample_rate: int) -> tuple[float, float, float]:
    """Return the silence before and after the speech, and the longest inside it, in seconds."""
    size = round(FRAME_S * sample_rate)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    level_db = 10 * np.log10(np.mean(frames.astype(np.float64) ** 2, axis=1) + 1e-12)
    loud = np.flatnonzero(level_db > np.percentile(level_db, 95) + SILENT_DB)
    longest = int(np.diff(loud).max(initial=1)) - 1
    before, after = int(loud[0]), len(frames) - 1 - int(loud[-1])
    return before * FRAME_S, after * FRAME_S, longest * FRAME_S


if __name__ == "__main__":
    main(*sys.argv[1:])
