"""ffmpeg: from samples to a file, and the way back to measure it.

No tags here: what is kept in the library knows nothing of courses and titles.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import mutagen
import mutagen.mp4
import numpy as np
import soundfile

from tts_tasks.errors import MasteringError, NarrationError, storage_error
from tts_tasks.mastering.profile import AudioFormat
from tts_tasks.values import Checkpoint, Samples, never_cancelled

BLOCK_SAMPLES = 1 << 16
"""Samples per block when a file is decoded."""

OPUS_RATE_HZ = 48_000
"""Sample rate of decoded Opus. Source: RFC 7845, section 5.1."""

# mutagen is annotated in part only, and strict type checking refuses calls of the rest.
open_mp4: Any = mutagen.mp4.MP4

MP4_SUFFIXES = (".m4a", ".m4b")
"""Files that soundfile cannot read."""

_WHO_SAYS_IT = re.compile(r"^(?:\[[^]]*\] *)+")
"""Components of ffmpeg and their addresses before a message: ``[aac @ 0x55bd]``."""

DETERMINISTIC = ("-fflags", "+bitexact", "-flags:a", "+bitexact")
"""No version, date or title from ffmpeg: the same samples give the same bytes."""

NO_ID3 = ("-id3v2_version", "0", "-write_id3v1", "0")
"""mutagen writes the tags when the file is published."""


def find_ffmpeg() -> Path:
    """Return the ffmpeg of the PATH, else the one in the wheel ``imageio-ffmpeg``.

    Raises:
        MasteringError: there is neither.
    """
    found = shutil.which("ffmpeg")
    if found is not None:
        return Path(found)
    try:
        import imageio_ffmpeg

        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise MasteringError(
            f"no ffmpeg to encode with ({error})",
            field="ffmpeg",
            remedy="pip install imageio-ffmpeg, or install ffmpeg and put it on the PATH",
        ) from error


def encode(
    blocks: Iterable[Samples],
    sample_rate: int,
    path: Path,
    audio_format: AudioFormat,
    *,
    bit_rate_kbps: int,
    chapters: Path | None = None,
    checkpoint: Checkpoint = never_cancelled,
) -> None:
    """Encode mono audio into a file, which appears under its name when it is complete.

    Args:
        blocks: consecutive mono float32 blocks of any size.
        sample_rate: in hertz; one that the format can hold.
        path: the file to write.
        audio_format: what to write.
        bit_rate_kbps: for lossy formats.
        chapters: a file of ffmpeg's own metadata format that lists chapters.
        checkpoint: called before each block.

    Raises:
        MasteringError: ffmpeg is missing or failed; gives its last line.
        StorageFullError: no space left for the file.
    """
    partial = path.with_name(f".{path.stem}.partial{audio_format.extension}")
    command = [
        str(find_ffmpeg()), "-hide_banner", "-loglevel", "error", "-y",
        "-f", "f32le" if sys.byteorder == "little" else "f32be",
        "-ar", str(sample_rate), "-ac", "1", "-i", "pipe:0",
        *(("-i", f"file:{chapters}", "-map", "0:a", "-map_chapters", "1") if chapters else ()),
        *audio_format.encoder,
        *(("-b:a", f"{bit_rate_kbps}k") if audio_format.codec else ()),
        "-map_metadata", "1" if chapters else "-1",
        *DETERMINISTIC,
        *(NO_ID3 if audio_format.name == "mp3" else ()),
        f"file:{partial}",
    ]  # fmt: skip
    try:
        with tempfile.TemporaryFile() as messages:
            _feed(command, blocks, messages, checkpoint, partial)
        if not partial.is_file():
            raise MasteringError(
                "ffmpeg ended without an error and wrote nothing",
                field="ffmpeg",
                value=command[0],
                remedy="check the ffmpeg that is used, or take it off the PATH",
            )
        os.replace(partial, path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        partial.unlink(missing_ok=True)


class SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
    """A file read from start to end.

    After each read of a seekable file soundfile seeks to where it already is. In an MP3 that costs
    time, and libmpg123 complains on standard error about frames whose beginning it has not seen
    (soundfile 0.14, libsndfile 1.2.2, 2026-11-22).
    """

    def seekable(self) -> bool:
        """Say no, so that nothing seeks."""
        return False


def decode(path: Path) -> tuple[int, Iterator[Samples]]:
    """Return the sample rate in hertz and the mono float32 blocks of an encoded file.

    Opus is decoded at 48 kHz, as every player does, whatever the encoder was given.

    Raises:
        MasteringError: while the blocks are read, if the file cannot be decoded.
    """
    suffix = path.suffix.lower()
    if suffix == ".opus":
        return OPUS_RATE_HZ, _decoded_by_ffmpeg(path, OPUS_RATE_HZ)
    try:
        if suffix in MP4_SUFFIXES:
            rate = int(open_mp4(path).info.sample_rate)
            return rate, _decoded_by_ffmpeg(path, rate)
        return soundfile.info(path).samplerate, _decoded_blocks(path)
    except (OSError, soundfile.LibsndfileError, mutagen.MutagenError) as error:
        raise _undecodable(path, error) from error


def _decoded_blocks(path: Path) -> Iterator[Samples]:
    try:
        with SequentialFile(path) as file:
            while len(block := file.read(BLOCK_SAMPLES, dtype="float32", always_2d=True)):
                yield block[:, 0]
    except (OSError, soundfile.LibsndfileError) as error:
        raise _undecodable(path, error) from error


def _decoded_by_ffmpeg(path: Path, sample_rate: int) -> Iterator[Samples]:
    """Yield what ffmpeg decodes; it leaves out the encoder's priming, as players do.

    ffmpeg does not look into the streams beforehand: it would complain about a strange cover.
    """
    byte_order = "le" if sys.byteorder == "little" else "be"
    command = [
        str(find_ffmpeg()), "-hide_banner", "-loglevel", "error", "-xerror",
        "-nofind_stream_info", "-i", f"file:{path}", "-map", "0:a:0",
        "-f", f"f32{byte_order}", "-ar", str(sample_rate), "-ac", "1", "pipe:1",
    ]  # fmt: skip
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages
        )
        assert process.stdout is not None
        try:
            while data := process.stdout.read(BLOCK_SAMPLES * 4):
                yield np.frombuffer(data, np.float32)
            status = process.wait()
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
        complaints = _last_message(messages)
        if status != 0 or complaints:
            raise _undecodable(path, complaints or f"ffmpeg ended with status {status}")


def _undecodable(path: Path, error: Exception | str) -> MasteringError:
    return MasteringError(f"{path.name} cannot be decoded ({error})", field="audio", value=path)


def _feed(
    command: list[str],
    blocks: Iterable[Samples],
    messages: IO[bytes],
    checkpoint: Checkpoint,
    path: Path,
) -> None:
    """Run ffmpeg, write the blocks to it, and judge how it ended.

    Its messages go to a file: a pipe that nobody reads meanwhile could fill up and stop both.
    """
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=messages
        )
    except OSError as error:
        raise MasteringError(
            f"ffmpeg cannot be started ({error.strerror or error})",
            field="ffmpeg",
            value=command[0],
            remedy="pip install imageio-ffmpeg, or install ffmpeg and put it on the PATH",
        ) from error
    assert process.stdin is not None
    try:
        try:
            for block in blocks:
                checkpoint()
                process.stdin.write(block.tobytes())
            process.stdin.close()
        except BrokenPipeError:
            pass  # ffmpeg gave up early; its exit status and last message say why
        status = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    if status != 0:
        raise _failure(status, messages, path)


def _failure(status: int, messages: IO[bytes], path: Path) -> NarrationError:
    messages.seek(0)
    if os.strerror(errno.ENOSPC) in messages.read().decode("utf-8", "replace"):
        return storage_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), path)
    return MasteringError(
        f"ffmpeg failed with status {status}: {_last_message(messages) or 'it gave no message'}",
        field="ffmpeg",
        remedy="check that this ffmpeg has the encoder (ffmpeg -encoders)",
    )


def _last_message(messages: IO[bytes]) -> str:
    """Return the last line that ffmpeg wrote, without who said it; empty if it wrote nothing."""
    messages.seek(0)
    lines = messages.read().decode("utf-8", "replace").strip().splitlines()
    return _WHO_SAYS_IT.sub("", lines[-1]) if lines else ""
