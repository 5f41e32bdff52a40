"""The audiobook: the lessons of a course in one file with chapters, tags and a cover.

It is made from the utterances, which the library keeps lossless, and encoded once: the published
lessons are not used. Each lesson is made as loud as the profile wants before they are joined, so
that a quiet voice is no quieter between two loud ones.

The samples lie on disk, not in memory: an hour of float32 takes 318 MB of scratch at 22.05 kHz,
346 MB at 24 kHz and 691 MB at 48 kHz, and the encoded file beside it some 40 MB.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from tts_tasks.errors import storage_error
from tts_tasks.mastering.assemble import Assembled, assemble
from tts_tasks.mastering.cover import read_cover
from tts_tasks.mastering.limiter import apply_gain, find_gain
from tts_tasks.mastering.loudness import measure
from tts_tasks.mastering.post_process import level_and_encode
from tts_tasks.mastering.profile import AUDIOBOOK, REVISION, MasteringProfile, sample_rate_for
from tts_tasks.mastering.tags import clean_tag, write_tags
from tts_tasks.values import Checkpoint, Samples, Spoken, Tags, never_cancelled

GAP_S = 1.0
"""Silence between two chapters, in seconds; it belongs to the chapter before it."""

MAX_TITLE_BYTES = 255
"""Longest title of a chapter in UTF-8: the box ``chpl`` gives its length in one byte. It holds
255 chapters at most; the track of chapters beside it, which players prefer, holds them all."""

_SPECIAL = re.compile(r"[=;#\\\n]")
"""What means something in ffmpeg's metadata format."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A lesson of the audiobook."""

    title: str
    """What players call it; its number where it has none."""

    spoken: Spoken
    """Its utterances, in the library."""


class Mark(NamedTuple):
    """Where a chapter is heard."""

    title: str
    """Its title, one line of at most ``MAX_TITLE_BYTES``."""

    start_s: float
    """Where it begins, in seconds."""

    end_s: float
    """Where the next one begins, or where the audio ends."""


@dataclass(frozen=True, slots=True)
class Audiobook:
    """The finished file."""

    path: Path
    """The tagged file."""

    duration_s: float
    """Length in seconds."""

    sample_rate: int
    """In hertz."""

    loudness_lufs: float
    """Integrated loudness of the encoded file (ITU-R BS.1770-4)."""

    true_peak_dbtp: float
    """True peak of the encoded file."""

    chapters: tuple[Mark, ...]
    """Title, start and end of each chapter, in order."""


@dataclass(frozen=True, slots=True)
class _Book(Assembled):
    """All chapters in a scratch file, which can be cancelled while they are read."""

    checkpoint: Checkpoint = never_cancelled
    """Called before each block."""

    def blocks(self) -> Iterator[Samples]:
        """Yield the waveform from its start, scaled to a peak of full scale."""
        for block in Assembled.blocks(self):
            self.checkpoint()
            yield block


def ignore_chapter(_: int) -> None:
    """Do nothing: for who does not watch."""


def make_audiobook(
    chapters: Sequence[Chapter],
    folder: Path,
    *,
    profile: MasteringProfile,
    tags: Tags,
    cover: Path | None = None,
    checkpoint: Checkpoint = never_cancelled,
    on_chapter: Callable[[int], None] = ignore_chapter,
) -> Audiobook:
    """Make one file of all chapters.

    Args:
        chapters: in order; at least one, each with its utterances.
        folder: scratch folder of the caller; the file is left in it, and nothing else.
        profile: targets and settings.
        tags: title, speakers and language of the book.
        cover: its picture, a JPEG or PNG.
        checkpoint: called between units of work.
        on_chapter: called with the number of chapters that are joined, from 1.

    Raises:
        CoverError: the cover is no picture that players show.
        EngineOutputError: an utterance is empty, silent or not finite.
        MasteringError: an utterance cannot be read, or the encoder is missing or failed.
        CatalogError: the folder cannot be written.
        CancelledError: from the checkpoint.
    """
    if not chapters:
        raise ValueError("no chapters to make an audiobook of")
    picture = read_cover(cover) if cover else None
    target = folder / f"audiobook{AUDIOBOOK.extension}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".audiobook-", dir=folder) as hidden:
            scratch = Path(hidden)
            book, marks = _join(chapters, scratch, profile, checkpoint, on_chapter)
            listed = scratch / "chapters.txt"
            listed.write_text(
                to_ffmetadata(marks, book.sample_rate), encoding="utf-8", newline="\n"
            )
            encoded = scratch / target.name
            measured = level_and_encode(
                book, encoded, AUDIOBOOK, profile, checkpoint, chapters=listed
            )
            write_tags(encoded, AUDIOBOOK.name, tags, picture)
            os.replace(encoded, target)
    except OSError as error:
        raise storage_error(error, folder) from error
    return Audiobook(
        path=target,
        duration_s=measured.n_samples / book.sample_rate,
        sample_rate=book.sample_rate,
        loudness_lufs=measured.loudness_lufs,
        true_peak_dbtp=measured.true_peak_dbtp,
        chapters=marks,
    )


def describe(profile: MasteringProfile) -> str:
    """Return the canonical text of everything that changes the sound of an audiobook."""
    settings = {
        "revision": REVISION,
        "profile": asdict(profile),
        "encoder": AUDIOBOOK.encoder,
        "gap_s": GAP_S,
    }
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))


def chapter_title(title: str, number: int) -> str:
    """Return a title as one line that fits, or the chapter's number where there is none."""
    line = clean_tag(title) or str(number)
    if len(line.encode()) <= MAX_TITLE_BYTES:
        return line
    kept = line.encode()[: MAX_TITLE_BYTES - len("…".encode())]
    return kept.decode("utf-8", "ignore").rstrip() + "…"


def to_ffmetadata(marks: Sequence[Mark], sample_rate: int) -> str:
    r"""Return the chapters as ffmpeg reads them, their times in samples.

    Source: ffmpeg-formats, "Metadata": ``=``, ``;``, ``#``, ``\`` and line ends are escaped. ffmpeg
    9.0 overlooks the end of a line whose last sign is an escaped backslash; a null before it ends
    the title all the same.
    """
    parts = [";FFMETADATA1\n"]
    for mark in marks:
        start, end = (round(time_s * sample_rate) for time_s in (mark.start_s, mark.end_s))
        title = _SPECIAL.sub(r"\\\g<0>", mark.title)
        parts.append(
            f"[CHAPTER]\nTIMEBASE=1/{sample_rate}\nSTART={start}\nEND={end}\ntitle={title}\0\n"
        )
    return "".join(parts)


def _join(
    chapters: Sequence[Chapter],
    scratch: Path,
    profile: MasteringProfile,
    checkpoint: Checkpoint,
    on_chapter: Callable[[int], None],
) -> tuple[_Book, tuple[Mark, ...]]:
    """Write all chapters into one scratch file, each at the profile's loudness."""
    voice_rate = max(one.sample_rate for each in chapters for one in each.spoken.utterances)
    rate = sample_rate_for(AUDIOBOOK, voice_rate, profile)
    path, position, peak = scratch / "book.f32", 0, 0.0
    starts = []
    with path.open("wb") as file:
        for number, chapter in enumerate(chapters, start=1):
            if number > 1:
                position += _write(file, [np.zeros(round(GAP_S * rate), np.float32)])[0]
            starts.append(position)
            assembled = assemble(
                chapter.spoken.utterances,
                scratch / "chapter.f32",
                profile=profile,
                sample_rate=rate,
                checkpoint=checkpoint,
            )
            n_samples, highest = _write(file, _levelled(assembled, profile, checkpoint))
            position, peak = position + n_samples, max(peak, highest)
            on_chapter(number)
    marks = tuple(
        Mark(chapter_title(chapter.title, number), start / rate, end / rate)
        for number, (chapter, start, end) in enumerate(
            zip(chapters, starts, [*starts[1:], position], strict=True), start=1
        )
    )
    return _Book(path, rate, position, peak, spans=(), checkpoint=checkpoint), marks


def _levelled(
    assembled: Assembled, profile: MasteringProfile, checkpoint: Checkpoint
) -> Iterator[Samples]:
    """Yield a chapter at the loudness and under the ceiling that the whole book will have.

    What is limited here passes the limiter of the whole book untouched.
    """

    def blocks() -> Iterator[Samples]:
        for block in assembled.blocks():
            checkpoint()
            yield block

    if profile.loudness_lufs is None:
        # The blocks are scaled to full scale; this is the level that they had.
        yield from (block * np.float32(assembled.peak) for block in blocks())
        return
    gains = find_gain(
        blocks,
        assembled.sample_rate,
        measure(blocks(), assembled.sample_rate),
        loudness_lufs=profile.loudness_lufs - AUDIOBOOK.encoder_gain_db,
        ceiling_dbtp=profile.ceiling_dbtp - AUDIOBOOK.encoder_gain_db - AUDIOBOOK.peak_margin_db,
        hold_ms=profile.limiter_hold_ms,
    )
    yield from apply_gain(blocks(), gains)


def _write(file: IO[bytes], blocks: Iterable[Samples]) -> tuple[int, float]:
    """Write samples, and return how many they were and their largest amplitude."""
    n_samples, peak = 0, 0.0
    for block in blocks:
        file.write(block.tobytes())
        n_samples += len(block)
        peak = max(peak, float(np.abs(block).max()))
    return n_samples, peak
