"""How well captions can be read, and how exact their times are.

    python -m tests.benchmarks.captions [provider] [parameter=value ...]

Speaks the sample course. Where the engine tells when it says each word, a second row shows the
captions without that, and a table how far they are from the words then, for each length of a rest.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from tests.benchmarks.course import SAMPLE
from tests.benchmarks.mastering import describe_machine
from tts_tasks.engines.registry import load_engine
from tts_tasks.marks import without_phonemes
from tts_tasks.mastering import caption_times
from tts_tasks.mastering.assemble import speech_bounds
from tts_tasks.mastering.caption_text import LONGEST_S, SHORTEST_S, pieces_of
from tts_tasks.mastering.profile import PROFILES
from tts_tasks.request import Markup, NarrationRequest
from tts_tasks.script.lexicon import system_lexicon
from tts_tasks.script.validate import Narrator, validate
from tts_tasks.script.written_words import words_as_written
from tts_tasks.settings import load_settings
from tts_tasks.values import Chunk, Cue, Waveform, Word

RESTS_CHARS = (0, 2, 4, 6, 8, 10)
END_SILENCE_S = 0.5


def main(provider: str = "espeak", *given: str) -> None:
    """Print the tables."""
    parameters = {name: float(value) for name, value in (each.split("=") for each in given)}
    if provider == "espeak":
        parameters = {name: int(value) for name, value in parameters.items()}
    print(describe_machine(), provider, *given)
    lessons = [
        narrated(path.read_text().split("---\n", 2)[2], provider, parameters)
        for path in sorted(SAMPLE.glob("*.md"))
    ]
    plain = [[replace(cue, words=()) for cue in cues] for cues in lessons]
    if plain != lessons:
        report("with word times", lessons)
    report("without", plain)
    if plain == lessons:
        return
    for rest in RESTS_CHARS:
        caption_times.PAUSE_CHARS = float(rest)
        off_s = np.concatenate([errors_s(cue) for cues in lessons for cue in cues])
        median, late = np.quantile(off_s, (0.5, 0.95))
        print(f"a rest of {rest:2} characters: median {median:.3f} s, 95 % within {late:.3f} s")


def narrated(text: str, provider: str, parameters: dict[str, float]) -> list[Cue]:
    """Speak a lesson and return its cues."""
    settings = load_settings()
    engine = load_engine(provider, settings)
    voice = engine.describe(engine.default_voice("pt-BR"))

    def narrator(_: str | None) -> Narrator:
        lexicon = system_lexicon(settings.lexicons, voice.language)
        fits = partial(engine.fits, voice=voice.name)
        return Narrator(voice.language, fits, provider, engine.speaks_phonemes, lexicon)

    lines = validate(NarrationRequest(text, SAMPLE, markup=Markup.MARKDOWN), narrator)
    position_s = 0.0
    cues = []
    for line in lines:
        spoken = Chunk(line.written, line.spoken, voice.name, engine.parameters(parameters))
        (waveform,) = engine.synthesize([spoken])
        before_s, duration_s = trimmed_s(waveform)
        start_s, end_s = position_s, position_s + duration_s
        words = [
            Word(
                word.start,
                word.end,
                min(max(start_s, start_s + word.start_s - before_s), end_s),
                min(max(start_s, start_s + word.end_s - before_s), end_s),
            )
            for word in waveform.words
        ]
        cue = Cue(start_s, end_s, line.written, without_phonemes(line.spoken))
        words_written = words_as_written(words, line.readings, line.written)
        cues.append(replace(cue, words=words_written, readings=line.readings))
        position_s = end_s + line.pause_s
    return cues


def trimmed_s(waveform: Waveform) -> tuple[float, float]:
    """Return the seconds that are cut off before the speech, and those that are left."""
    rate = waveform.sample_rate
    start, end = speech_bounds(waveform.samples, rate, PROFILES["course"])
    return start / rate, (end - start) / rate


def errors_s(cue: Cue) -> list[float]:
    """Return how far each word of a sentence but the first is from its estimated start."""
    places = [piece.start for piece in pieces_of(cue.text)[1:]]
    exact = {word.start: word.start_s for word in cue.words}
    estimated = caption_times.times_of(replace(cue, words=()), places)
    pairs = zip(places, estimated, strict=True)
    return [abs(time_s - exact[place]) for place, time_s in pairs if place in exact]


def report(name: str, lessons: Sequence[Sequence[Cue]]) -> None:
    """Print how many captions are too fast, too short and too long."""
    captions = [
        caption
        for cues in lessons
        for caption in caption_times.time_captions(cues, cues[-1].end_s + END_SILENCE_S)
    ]
    shown_s = np.array([(caption.end_ms - caption.start_ms) / 1000 for caption in captions])
    pace = np.array([len(" ".join(caption.lines)) for caption in captions]) / shown_s
    print(
        f"{name}: {len(captions)} captions, over 17 cps {np.mean(pace > 17.05):.1%}, "
        f"over 20 cps {np.mean(pace > 20.05):.1%}, fastest {pace.max():.1f}, "
        f"under 5/6 s {np.mean(shown_s < SHORTEST_S - 0.002):.1%}, "
        f"over 7 s {np.mean(shown_s > LONGEST_S + 0.002):.1%}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
