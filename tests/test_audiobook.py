"""The audiobook: one file of all lessons, with its chapters where they are heard."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import mutagen.mp4
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.support.audio import ebur128, speech, spoken, utterance
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.errors import CancelledError, CoverError, EngineOutputError
from tts_tasks.mastering.audiobook import (
    GAP_S,
    MAX_TITLE_BYTES,
    Audiobook,
    Chapter,
    chapter_title,
    describe,
    make_audiobook,
)
from tts_tasks.mastering.encode import decode, find_ffmpeg
from tts_tasks.mastering.integrity import check_audio
from tts_tasks.mastering.loudness import measure
from tts_tasks.mastering.profile import PROFILES, find_profile
from tts_tasks.values import Chunk, Samples, Tags

COURSE = find_profile("course")
TAGS = Tags(title="Curso de Pão = teste; nº 1", artist="espeak pt-br, espeak pt-br+f2")
LESSONS = {
    "Abertura": ("pt-br", 1.0, ("Bem-vindo ao curso.", "Vamos começar com calma.")),
    "Valores": ("pt-br+f2", 0.1, ("O plano custa trinta reais.", "São doze aulas de pão.")),
    "Fim": ("pt-br+m3", 0.6, ("Até a próxima aula!",)),
}


@cache
def say(text: str, voice: str) -> tuple[Samples, int]:
    engine = EspeakEngine()
    chunk = Chunk(written=text, spoken=text, voice=voice, parameters=engine.parameters({}))
    (waveform,) = engine.synthesize([chunk])
    return waveform.samples, waveform.sample_rate


@pytest.fixture
def lessons(tmp_path: Path) -> list[Chapter]:
    """Return three lessons by three voices, one of them at a tenth of its level."""
    folder = tmp_path / "library"
    folder.mkdir()
    chapters = []
    for title, (voice, level, texts) in LESSONS.items():
        said = [say(text, voice) for text in texts]
        utterances = [utterance(folder, samples * level, rate) for samples, rate in said]
        chapters.append(Chapter(title, spoken(utterances)))
    return chapters


@pytest.fixture
def cover(tmp_path: Path) -> Path:
    path = tmp_path / "capa.jpg"
    Image.effect_noise((600, 600), 60).convert("RGB").save(path)
    return path


def make(chapters: Sequence[Chapter], folder: Path, **options: object) -> Audiobook:
    wanted = {"profile": COURSE, "tags": TAGS, **options}
    return make_audiobook(chapters, folder, **wanted)  # type: ignore[arg-type]


def ffmpeg(*arguments: object) -> str:
    command = [find_ffmpeg(), "-hide_banner", "-nostdin", *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, check=True)
    return done.stdout.decode() + done.stderr.decode()


def listed(path: Path) -> list[tuple[str, float, float]]:
    """Return the chapters that ffmpeg finds."""
    text = ffmpeg("-loglevel", "error", "-i", path, "-f", "ffmetadata", "-")
    chapters = []
    for part in re.split(r"\n\[CHAPTER\]\n(?=TIMEBASE)", text)[1:]:
        base = re.search(r"TIMEBASE=1/(\d+)", part)
        start, end = re.search(r"START=(\d+)", part), re.search(r"END=(\d+)", part)
        title = re.search(r"title=((?:\\.|[^\n\\])*)", part, re.DOTALL)
        assert base and start and end and title, part  # noqa: PT018
        unescaped = re.sub(r"\\(.)", r"\1", title[1], flags=re.DOTALL)
        unit = int(base[1])
        chapters.append((unescaped, int(start[1]) / unit, int(end[1]) / unit))
    return chapters


def samples_of(path: Path) -> tuple[Samples, int]:
    rate, blocks = decode(path)
    return np.concatenate(list(blocks)), rate


def test_chapters_begin_where_their_lessons_are_heard(
    lessons: list[Chapter], tmp_path: Path
) -> None:
    book = make(lessons, tmp_path / "out")
    samples, rate = samples_of(book.path)
    found = listed(book.path)
    assert [title for title, _, _ in found] == list(LESSONS)
    assert found[0][1] == 0
    assert found[-1][2] == pytest.approx(book.duration_s, abs=0.002)
    assert len(samples) == round(book.duration_s * rate)
    for (_, start_s, end_s), mark in zip(found, book.chapters, strict=True):
        assert (start_s, end_s) == pytest.approx((mark.start_s, mark.end_s), abs=0.002)
    for (_, start_s, end_s), (_, next_s, _) in pairwise(found):
        assert end_s == next_s
        border = round(next_s * rate)
        level = np.abs(samples[round(start_s * rate) : border]).max()
        # Silent for the gap and the silence after the last sentence, then heard within 50 ms.
        silence_s = GAP_S + COURSE.end_silence_ms / 1000
        before = samples[border - round((silence_s - 0.04) * rate) : border - round(0.04 * rate)]
        assert np.abs(before).max() < level * 0.001
        after = samples[border : border + round(0.05 * rate)]
        assert np.abs(after).max() > level * 0.01


def test_the_book_has_its_loudness_and_every_lesson_too(
    lessons: list[Chapter], tmp_path: Path
) -> None:
    book = make(lessons, tmp_path / "out")
    loudness_lufs, peak_dbtp = ebur128(book.path)
    assert loudness_lufs == pytest.approx(COURSE.loudness_lufs, abs=0.3)
    assert peak_dbtp <= COURSE.ceiling_dbtp
    assert book.loudness_lufs == pytest.approx(loudness_lufs, abs=0.1)
    assert book.true_peak_dbtp == pytest.approx(peak_dbtp, abs=0.15)
    samples, rate = samples_of(book.path)
    for mark in book.chapters:
        lesson = samples[round(mark.start_s * rate) : round(mark.end_s * rate)]
        assert measure([lesson], rate).loudness_lufs == pytest.approx(loudness_lufs, abs=0.7)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_is_followed(name: str, lessons: list[Chapter], tmp_path: Path) -> None:
    profile = find_profile(name)
    book = make(lessons, tmp_path / "out", profile=profile)
    loudness_lufs, peak_dbtp = ebur128(book.path)
    assert peak_dbtp <= profile.ceiling_dbtp
    assert book.sample_rate == (profile.sample_rate_hz or 22_050)
    if profile.loudness_lufs is not None:
        assert loudness_lufs == pytest.approx(profile.loudness_lufs, abs=0.3)
        return
    samples, rate = samples_of(book.path)
    opening, quiet, _ = book.chapters
    levels = [
        measure([samples[round(m.start_s * rate) : round(m.end_s * rate)]], rate).loudness_lufs
        for m in (opening, quiet)
    ]
    assert levels[0] - levels[1] > 12


def test_cover_and_tags_read_back_and_chapters_stay(
    lessons: list[Chapter], cover: Path, tmp_path: Path
) -> None:
    book = make(lessons, tmp_path / "out", cover=cover)
    found = mutagen.mp4.MP4(book.path)
    assert bytes(found["covr"][0]) == cover.read_bytes()
    assert found["covr"][0].imageformat == mutagen.mp4.AtomDataType.JPEG
    assert found["\xa9nam"] == [TAGS.title]
    assert found["\xa9ART"] == [TAGS.artist]
    assert found["stik"] == [2]
    assert [chapter.title for chapter in found.chapters] == list(LESSONS)
    assert [title for title, _, _ in listed(book.path)] == list(LESSONS)
    check_audio(book.path)
    report = ffmpeg("-i", book.path, "-map", "0:v", "-c", "copy", "-f", "null", "-")
    assert re.search(r"Stream #0:\d+\S*: Video: mjpeg.* 600x600", report)
    assert re.search(r"Stream #0:0\S*\(por\): Audio: aac", report)


def test_a_png_is_a_cover_too(lessons: list[Chapter], tmp_path: Path) -> None:
    path = tmp_path / "capa.png"
    Image.effect_noise((60, 60), 60).save(path)
    book = make(lessons[:1], tmp_path / "out", cover=path)
    [found] = mutagen.mp4.MP4(book.path)["covr"]
    assert bytes(found) == path.read_bytes()
    assert found.imageformat == mutagen.mp4.AtomDataType.PNG


def test_the_same_book_gives_the_same_bytes(
    lessons: list[Chapter], cover: Path, tmp_path: Path
) -> None:
    one, two = (make(lessons, tmp_path / name, cover=cover) for name in ("one", "two"))
    assert one.path.read_bytes() == two.path.read_bytes()
    assert replace(one, path=two.path) == two


TITLES = [
    "a = b; c # d \\ e",
    "\\",
    "Linha um\nlinha dois\r\n\ttrês",
    "🎉 Parabéns 👩🏽‍💻",
    "",
    " \n ",
    "[CHAPTER]",
    ";FFMETADATA1",
    "título " * 1_500,
    "🎉" * 10_000,
]


def test_any_title_is_a_chapter(tmp_path: Path) -> None:
    one = utterance(tmp_path, speech(0.6))
    book = make([Chapter(title, spoken([one])) for title in TITLES], tmp_path / "out")
    titles = [mark.title for mark in book.chapters]
    assert titles[:8] == [
        "a = b; c # d \\ e", "\\", "Linha um linha dois três", "🎉 Parabéns 👩🏽‍💻",
        "5", "6", "[CHAPTER]", ";FFMETADATA1",
    ]  # fmt: skip
    assert titles[8].startswith("título título")
    assert titles[9].startswith("🎉🎉")
    assert [title for title, _, _ in listed(book.path)] == titles
    assert [chapter.title for chapter in mutagen.mp4.MP4(book.path).chapters] == titles


@given(st.text(), st.integers(1, 999))
def test_a_title_is_one_line_that_fits(title: str, number: int) -> None:
    line = chapter_title(title, number)
    assert 0 < len(line.encode()) <= MAX_TITLE_BYTES
    assert line.splitlines() == [line]


def test_more_chapters_than_a_byte_can_count(tmp_path: Path) -> None:
    one = utterance(tmp_path, speech(0.3), pause_s=0)
    book = make([Chapter(f"Aula {n}", spoken([one])) for n in range(1, 301)], tmp_path / "out")
    found = listed(book.path)
    assert [title for title, _, _ in found] == [f"Aula {n}" for n in range(1, 301)]
    assert found[-1][1] == pytest.approx(book.chapters[-1].start_s, abs=0.002)


def test_voices_of_different_sample_rates_share_a_book(tmp_path: Path) -> None:
    low = utterance(tmp_path, speech(2, 22_050), 22_050)
    high = utterance(tmp_path, speech(2, 24_000, seed=1), 24_000)
    book = make([Chapter("a", spoken([low])), Chapter("b", spoken([high]))], tmp_path / "out")
    assert book.sample_rate == 24_000
    assert book.chapters[1].start_s == pytest.approx(2 + 0.3 + GAP_S, abs=0.2)


def test_nothing_but_the_book_is_left(lessons: list[Chapter], tmp_path: Path) -> None:
    book = make(lessons, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == [book.path]
    assert book.path.name == "audiobook.m4b"


def test_cancelling_anywhere_leaves_nothing(lessons: list[Chapter], tmp_path: Path) -> None:
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    make(lessons, tmp_path / "whole", checkpoint=count)
    for cancel_at in {1, 2, calls // 3, calls // 2, calls - 1, calls}:
        left = cancel_at

        def checkpoint() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise CancelledError("cancelled")

        with pytest.raises(CancelledError):
            make(lessons, tmp_path / "out", checkpoint=checkpoint)
        assert list((tmp_path / "out").iterdir()) == []


def test_a_bad_cover_is_refused_before_any_work(lessons: list[Chapter], tmp_path: Path) -> None:
    path = tmp_path / "capa.jpg"
    path.write_text("capa")

    def checkpoint() -> None:
        raise AssertionError("work was begun")

    with pytest.raises(CoverError):
        make(lessons, tmp_path / "out", cover=path, checkpoint=checkpoint)
    assert not (tmp_path / "out").exists()


def test_a_silent_lesson_leaves_nothing(lessons: list[Chapter], tmp_path: Path) -> None:
    silent = utterance(tmp_path, np.zeros(22_050, np.float32))
    with pytest.raises(EngineOutputError):
        make([*lessons, Chapter("Nada", spoken([silent]))], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_no_chapters_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no chapters"):
        make([], tmp_path / "out")


def test_progress_counts_the_chapters(lessons: list[Chapter], tmp_path: Path) -> None:
    seen: list[int] = []
    make(lessons, tmp_path / "out", on_chapter=seen.append)
    assert seen == [1, 2, 3]


def test_what_changes_the_sound_is_described() -> None:
    assert describe(COURSE) == describe(find_profile("course"))
    assert describe(COURSE) != describe(replace(COURSE, m4a_kbps=96))


def test_the_cover_may_be_large(lessons: list[Chapter], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1_700, 1_700, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=1)
    path = tmp_path / "capa.png"
    path.write_bytes(file.getvalue())
    assert len(file.getvalue()) > 8_000_000
    book = make(lessons, tmp_path / "out", cover=path)
    plain = make(lessons, tmp_path / "plain")
    assert (samples_of(book.path)[0] == samples_of(plain.path)[0]).all()
    assert listed(book.path) == listed(plain.path)
