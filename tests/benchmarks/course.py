"""The sample course, end to end, as the README's table states it.

    python -m tests.benchmarks.course [provider]

A stack of its own on free ports; the course from nothing, again unchanged, and with one sentence
edited. Times are those of the command's report: from the trigger to the end of the course's run.
"""

import platform
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.support.command import narrate, narrate_json
from tts_tasks.settings import PROJECT, load_settings

STACK = {
    "NARRATION_PREFECT_PORT": "0",
    "NARRATION_POSTGRES_PORT": "0",
    "NARRATION_MODELS": str(load_settings().models),
}
SAMPLE = PROJECT / "data" / "courses" / "python-para-analise-de-dados"
SENTENCE = ("Traga o seu café.", "Traga o seu café e um caderno.")


def main(provider: str = "auto") -> None:
    """Run the three cases and print a table."""
    home = Path(tempfile.mkdtemp(prefix="narration-"))
    course = Path(shutil.copytree(SAMPLE, home / SAMPLE.name))
    edited = course / "01-boas-vindas.md"
    started = time.monotonic()
    try:
        up = narrate("up", home=home, **STACK)
        assert up.returncode == 0, up.stderr
        print(f"{platform.processor() or platform.machine()}, {datetime.now(UTC):%Y-%m-%d}")
        print(f"stack up and deployed, new home: {time.monotonic() - started:.1f} s")
        print("| case | lessons narrated | chunks synthesized | audio, s | wall, s | x real time |")
        print("|---|---|---|---|---|---|")
        show("from nothing", course, home, provider)
        show("unchanged", course, home, provider)
        text = edited.read_text(encoding="utf-8")
        assert SENTENCE[0] in text
        edited.write_text(text.replace(*SENTENCE), encoding="utf-8")
        show("one sentence edited", course, home, provider)
    finally:
        narrate("down", home=home)
        shutil.rmtree(home)


def show(case: str, course: Path, home: Path, provider: str) -> None:
    """Narrate the course and print one row."""
    asked = ("course", course, "--provider", provider)
    totals = narrate_json(*asked, home=home, timeout_s=1800, **STACK)["totals"]
    speed = totals["narrated_s"] / totals["wall_s"]
    print(
        f"| {case} | {totals['narrated']} | {totals['synthesized_chunks']} "
        f"| {totals['narrated_s']:.0f} | {totals['wall_s']:.1f} | {speed:.0f} |"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
