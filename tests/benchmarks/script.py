"""Measure the text front end: ``python -m tests.benchmarks.script``.

100,000 characters each of lessons (the sample course) and of dense text (the golden cases, a number
in every sentence). The ratio is against splitting the same text into sentences and words and
cleaning its characters, in the same run, so that a busy machine changes little.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tts_tasks import steps
from tts_tasks.request import Markup, NarrationRequest
from tts_tasks.script.characters import clean_characters
from tts_tasks.script.normalise import normalise
from tts_tasks.script.sentences import split_sentences
from tts_tasks.script.speaker import Speaker
from tts_tasks.settings import PROJECT, load_settings

CHARS = 100_000
ROUNDS = 5


def main() -> None:
    """Print seconds of one core, and the ratios."""
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M UTC}; {CHARS:,} characters, best of {ROUNDS}"
    )
    texts = {"lessons": lessons(), "dense": dense()}
    for name, text in texts.items():
        plain_s = best_s(partial(split_and_clean, text))
        measured = {
            "split and clean": plain_s,
            "normalise": best_s(partial(normalise, text)),
            "read with the map": best_s(partial(read_with_map, text)),
        }
        for what, seconds in measured.items():
            print(f"{name:8} {what:18} {seconds:.3f} s  {seconds / plain_s:5.1f}x")
    request = NarrationRequest(
        texts["lessons"],
        Path("x.mp3"),
        provider="espeak",
        markup=Markup.MARKDOWN,
        max_chars=CHARS,
    )
    settings = load_settings()
    print(
        f"lessons  validate (the step)  {best_s(lambda: steps.validate(request, settings)):.3f} s"
    )


def split_and_clean(text: str) -> object:
    """Do what nothing can be done without."""
    return [sentence.split() for sentence in split_sentences(clean_characters(text))]


def read_with_map(text: str) -> object:
    """Do what a narration does: sentence by sentence, with the map to what is written."""
    speaker = Speaker("pt-BR", {}, phonemes=False)
    sentences = (each for line in text.split("\n") for each in split_sentences(line))
    return [speaker.read(each) for each in sentences]


def best_s(act: Callable[[], object]) -> float:
    """Return the least processor time of a few rounds, in seconds."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        act()
        times.append(time.process_time() - started)
    return min(times)


def lessons() -> str:
    """Return lessons as their author wrote them, repeated."""
    files = sorted((PROJECT / "data" / "courses").rglob("*.md"))
    text = "\n\n".join(file.read_text(encoding="utf-8") for file in files)
    return (text * (CHARS // len(text) + 1))[:CHARS]


def dense() -> str:
    """Return what the golden files have to say, one sentence each."""
    cases = []
    for name in ("normalise.tsv", "quantities.tsv", "words.tsv"):
        rows = (PROJECT / "tests" / "golden" / name).read_text(encoding="utf-8").splitlines()[1:]
        cases += [row.split("\t")[0] for row in rows if row and not row.startswith("# ")]
    text = "\n".join(cases)
    return (text * (CHARS // len(text) + 1))[:CHARS]


if __name__ == "__main__":
    main()
