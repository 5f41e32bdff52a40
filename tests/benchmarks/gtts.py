"""200 texts through a Google Translate that fails 3 requests of 10: what arrives, and how fast.

    python -m tests.benchmarks.gtts [--texts 200] [--fail 0.3] [--rate 10] [--latency 0.2]
    python -m tests.benchmarks.gtts --stack --rate 2     # as one course, through Prefect

The server counts: how many requests it got, how many texts it said twice, and the most requests in
any window beside what the rate allows. The ideal time is that of the requests at the rate.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.command import narrate_json
from tests.support.translate import StandIn
from tts_tasks.engines.gtts import BURST

PLACES = ("Belém", "Recife", "Manaus", "Santos", "Natal", "Campinas", "Vitória", "Palmas")
THINGS = ("a conta", "o relatório", "a tabela", "o gráfico", "a pesquisa")


def text(number):
    """Return one sentence, another for each number."""
    place, thing = PLACES[number % 8], THINGS[number // 8 % 5]
    return f"Em {place}, a equipe {number + 1} termina {thing} antes do almoço de sexta-feira."


def narrate_in_threads(texts, home, at_once):
    """Narrate each text by ``generate_narration_sync``; return what came of each."""
    from flows.narrate import generate_narration_sync

    def one(number):
        path = home / "out" / f"{number}.mp3"
        for _ in range(4):  # As often as the task in a flow: three retries.
            outcome = generate_narration_sync(texts[number], path, provider="gtts")
            if outcome["success"] or not outcome["error"]["retryable"]:
                break
            time.sleep(2)
        return outcome["success"], outcome["synthesized_chunks"], outcome["error"]

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, range(len(texts))))


def narrate_as_course(texts, home):
    """Narrate the texts as the lessons of a course, through the stack."""
    course = home / "curso"
    course.mkdir()
    for number, each in enumerate(texts):
        (course / f"{number + 1:03d}.md").write_text(each + "\n", encoding="utf-8")
    report = narrate_json("course", course, "--provider", "gtts", home=home, timeout_s=3_000)
    lessons = report["lessons"]
    return [
        (lesson["status"] == "narrated", lesson["synthesized_chunks"], lesson["error"])
        for lesson in lessons
    ]


def excess(times_s, rate):
    """Return the window in which most requests came beyond the rate: requests, allowed, seconds."""
    worst = (0.0, 0, 0.0, 0.0)
    for first in range(len(times_s)):
        for last in range(first, len(times_s)):
            window_s = times_s[last] - times_s[first]
            n, allowed = last - first + 1, BURST + rate * window_s
            worst = max(worst, (n / allowed, n, allowed, window_s))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--fail", type=float, default=0.3)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--stack", action="store_true")
    given = parser.parse_args()
    texts = [text(number) for number in range(given.texts)]
    with (
        tempfile.TemporaryDirectory() as folder,
        StandIn(fail=given.fail, latency_s=given.latency) as server,
    ):
        home = Path(folder)
        os.environ |= {
            "NARRATION_HOME": folder,
            "NARRATION_GTTS_URL": server.url,
            "NARRATION_GTTS_REQUESTS_PER_S": str(given.rate),
            "NARRATION_PREFECT_PORT": "0",
            "NARRATION_POSTGRES_PORT": "0",
            "NARRATION_OUTPUT_ROOTS": folder,
        }
        for each in texts:
            server.render(each, False)  # The server's own work is not what is measured.
        started_s = time.monotonic()
        if given.stack:
            outcomes = narrate_as_course(texts, home)
        else:
            outcomes = narrate_in_threads(texts, home, given.at_once)
        wall_s = time.monotonic() - started_s
        times_s = sorted(call.at_s for call in server.calls)
        said = Counter(server.answered)
        _, n, allowed, window_s = excess(times_s, given.rate)
        span_s = times_s[-1] - times_s[0]
        print(
            f"narrated {sum(ok for ok, _, _ in outcomes)} of {given.texts}; "
            f"{len(times_s)} requests, {len(times_s) - len(server.answered)} failed; "
            f"said twice: {sum(count > 1 for count in said.values())}\n"
            f"rate at the server {len(times_s) / span_s:.2f}/s of {given.rate:g}/s; "
            f"worst window: {n} requests in {window_s:.2f} s, {allowed:.1f} allowed\n"
            f"{wall_s:.1f} s (requests {span_s:.1f} s); "
            f"ideal {len(times_s) / given.rate:.1f} s at the rate"
        )
        for ok, _, error in outcomes:
            if not ok:
                print("  failed:", error["message"])


if __name__ == "__main__":
    main()
