"""How long a similar search takes, in catalogs of many sizes, and that it misses nothing.

python -m tests.benchmarks.similar --entries 100000 1000000
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from rapidfuzz.distance import Indel

from tests.support.catalog import register_chunk
from tts_tasks.catalog import schema
from tts_tasks.catalog.database import open_for_building
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.similar import similar

WORDS = 20_000
QUERIES = 40
VOICES = ("pt-br", "pt-br+f2", "pf_dora")


def make_texts(entries: int, seed: int = 0) -> list[str]:
    """Return sentences of about 85 characters, of words as frequent as words are."""
    chance = random.Random(seed)
    letters = "aeiouáéãçbcdfglmnprstv"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 10))) for _ in range(WORDS)]
    weights = [1 / rank for rank in range(1, WORDS + 1)]
    drawn = chance.choices(words, weights, k=entries * 13)
    return [
        " ".join(drawn[13 * n : 13 * n + chance.randint(8, 13)]).capitalize() + "."
        for n in range(entries)
    ]


def publish(root: Path, texts: list[str]) -> None:
    """Write a catalog of these texts, as an indexer would have published it."""
    root.mkdir(parents=True)
    lines = root / "texts.csv"
    with lines.open("w", encoding="utf-8") as file:
        file.writelines(f"{n}\t{text}\n" for n, text in enumerate(texts))
    with open_for_building(root / "catalog.duckdb") as connection:
        connection.execute(f"""
            insert into library.main.utterances by name
            select sha256(n::varchar) as key, 'espeak' as provider, 'r' as revision,
                case n % 3 when 0 then 'pt-br' when 1 then 'pt-br+f2' else 'pf_dora' end as voice,
                text as spoken, text as written, 3.0 as duration_s, 60000 as bytes,
                make_timestamp(1760000000000000 + n) as created_at,
                make_timestamp(1760000000000000 + n) as last_used_at, 0 as hits
            from read_csv({schema.quote(lines)}, delim = '\t', header = false, quote = '',
                columns = {{'n': 'BIGINT', 'text': 'VARCHAR'}})
        """)
    lines.unlink()


def mutate(text: str, chance: random.Random) -> str:
    """Return a text with a few letters and a word changed."""
    words = text.split()
    words[chance.randrange(len(words))] = "outra"
    letters = list(" ".join(words))
    for _ in range(3):
        letters[chance.randrange(len(letters))] = chance.choice("aeiou ")
    return "".join(letters)


def compared(text: str) -> str:
    """Return a text of these as it is compared."""
    return " ".join(text.lower().split())


def measure(entries: int) -> str:
    """Return one line of the table."""
    folder = Path(tempfile.mkdtemp(prefix="similar-"))
    try:
        texts = make_texts(entries)
        root = folder / "library"
        publish(root, texts)
        chance = random.Random(1)
        queries = [mutate(chance.choice(texts), chance) for _ in range(QUERIES)]
        begun_s = time.perf_counter()
        similar(root, queries[0])
        cold_s = time.perf_counter() - begun_s
        quiet_ms, beside_ms = [], []
        for query in queries:
            begun_s = time.perf_counter()
            found = similar(root, query, limit=entries)
            quiet_ms.append(1e3 * (time.perf_counter() - begun_s))
            if query in queries[:3]:
                wanted = compared(query)
                expected = sum(
                    Indel.similarity(wanted, text) / (len(wanted) + len(text)) >= 0.8
                    for text in map(compared, texts)
                )
                assert len(found) == expected, (len(found), expected)
        library = Library(root, durable=False)
        for n, query in enumerate(queries):
            register_chunk(library, f"nova frase {n}")
            begun_s = time.perf_counter()
            similar(root, query)
            beside_ms.append(1e3 * (time.perf_counter() - begun_s))
    finally:
        shutil.rmtree(folder)
    quiet, beside = statistics.quantiles(quiet_ms, n=100), statistics.quantiles(beside_ms, n=100)
    return (
        f"| {entries:,} | {cold_s:.1f} s | {quiet[49]:.0f} / {quiet[94]:.0f} ms"
        f" | {beside[49]:.0f} / {beside[94]:.0f} ms |"
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, nargs="+", default=[100_000, 1_000_000])
    arguments = parser.parse_args()
    print("| entries | first call | p50 / p95 | with a registration before each call |")
    print("|---|---|---|---|")
    for entries in arguments.entries:
        print(measure(entries), flush=True)


if __name__ == "__main__":
    main()
