"""What the checks of takes find, and what they find fault with wrongly.

    python -m tests.benchmarks.quality

Takes of two to four sentences of the sample course by eSpeak NG, in five voices, each made wrong in
every way of ``tests/support/defects.py``; then the same takes, and many single sentences more, as
they are: every flag there is a false alarm. The seed is fixed.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path

import numpy as np

from tests.benchmarks.mastering import describe_machine
from tests.support.defects import DEFECTS, joined
from tts_tasks.engines.espeak import RECOMMENDED_VOICES, EspeakEngine
from tts_tasks.mastering.quality import check_take
from tts_tasks.script.normalise import normalise
from tts_tasks.script.sentences import split_sentences
from tts_tasks.settings import PROJECT
from tts_tasks.values import Chunk, Quality, Samples

N_TAKES = 100
"""Takes of several sentences for each voice."""

GOLDEN = PROJECT / "tests" / "golden"


def sentences_of_lessons() -> list[str]:
    """Return the spoken sentences of the sample course, without its markup."""
    found = []
    for path in sorted((PROJECT / "data" / "courses").glob("*/*.md")):
        for paragraph in path.read_text(encoding="utf-8").split("\n\n"):
            if not paragraph.startswith(("---", "```", "|", "#")):
                text = re.sub(r"[*`>\[\]]|\(.*?\)", "", paragraph)
                found += [normalise(one) for one in split_sentences(text)]
    return [one for one in dict.fromkeys(found) if any(map(str.isalpha, one))]


def spoken_forms(file: Path) -> list[str]:
    """Return the spoken forms of a table of golden cases."""
    lines = file.read_text(encoding="utf-8").splitlines()
    forms = [line.split("\t")[1] for line in lines if "\t" in line and not line.startswith("#")]
    return [form for form in forms if any(map(str.isalnum, form))]


class Speaker:
    """One voice, and how its takes are judged."""

    def __init__(self, voice: str) -> None:
        self.engine = EspeakEngine()
        self.voice = voice

    def chunk(self, text: str) -> Chunk:
        return Chunk(text, text, self.voice, self.engine.parameters({}))

    def say(self, text: str) -> Samples:
        [waveform] = self.engine.synthesize([self.chunk(text)])
        return waveform.samples

    def judge(self, samples: Samples, text: str) -> Quality:
        expected = self.engine.expects(self.chunk(text))
        return check_take(samples, self.engine.sample_rate, spoken=text, expected=expected)


def main() -> None:
    """Print the tables."""
    print(describe_machine())
    lessons = sentences_of_lessons()
    golden = [one for name in ("normalise", "quantities", "words")
              for one in spoken_forms(GOLDEN / f"{name}.tsv")]  # fmt: skip
    print(f"{N_TAKES} takes of 2 to 4 sentences in each of {len(RECOMMENDED_VOICES)} voices\n")
    found: Counter[tuple[str, str]] = Counter()
    alarms: Counter[str] = Counter()
    n_single = checked_s = used_s = 0.0
    for voice in RECOMMENDED_VOICES:
        speaker, rng = Speaker(voice), np.random.default_rng(11)
        for _ in range(N_TAKES):
            texts = list(rng.choice(lessons, int(rng.integers(2, 5)), replace=False))
            parts, text = [speaker.say(one) for one in texts], " ".join(texts)
            alarms[voice] += not speaker.judge(joined(parts), text).is_good
            for name, defect in DEFECTS.items():
                found[name, voice] += not speaker.judge(defect(parts, rng), text).is_good
        for text in (*lessons, *golden):
            take = speaker.say(text)
            start = time.process_time()
            quality = speaker.judge(take, text)
            used_s += time.process_time() - start
            checked_s += len(take) / speaker.engine.sample_rate
            n_single += 1
            if not quality.is_good:
                alarms[voice] += 1
                print(f"false alarm: {voice} {quality.flags} {text!r}")
    print(f"{'found, %':<26}" + "".join(f"{voice:>14}" for voice in RECOMMENDED_VOICES))
    for name in DEFECTS:
        rates = (100 * found[name, voice] / N_TAKES for voice in RECOMMENDED_VOICES)
        print(f"{name:<26}" + "".join(f"{rate:14.0f}" for rate in rates))
    n_good = n_single + N_TAKES * len(RECOMMENDED_VOICES)
    print(f"false alarms: {alarms.total()} of {n_good:.0f} good takes")
    print(f"speed: {checked_s / used_s:.0f}x real time on one core")


if __name__ == "__main__":
    main()
