"""Is every byte of this file audio? Strict checks that a truncated or garbled file does not pass.

Tag readers and decoders believe a file's header: half an MP3 still says 600 seconds, and plays
without an error until it stops. Here the bytes themselves are walked or decoded.
"""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path

import soundfile

from tts_tasks.errors import MasteringError
from tts_tasks.mastering.damage import damaged
from tts_tasks.mastering.encode import MP4_SUFFIXES, OPUS_RATE_HZ, SequentialFile, decode
from tts_tasks.mastering.mp4 import walk_mp4
from tts_tasks.mastering.ogg import walk_opus
from tts_tasks.mp3 import fault_of_mp3

TIME_UNIT_S = 0.002
"""Coarsest unit of time in which an MP4 from ffmpeg gives its length: a millisecond; twice that."""

BLOCK_FRAMES = 1 << 16
"""Samples per block when a file is decoded."""


def check_audio(path: Path) -> None:
    """Return if the file is whole.

    MP3: every byte belongs to a frame or a tag, and the first frame's count of frames and bytes
    and their checksum are right. FLAC: every sample decodes and their MD5 is the header's. WAV:
    the chunks fill the file, and the samples are as many as the header says. Opus: the pages are
    one stream with right checksums, and as many samples decode as the last page says. M4A and M4B:
    the tables describe audio that is there, and it decodes to the length that they say. Other
    kinds: every sample decodes.

    A flipped bit is found where the format has checksums: FLAC, Opus, MP3 from LAME. WAV and AAC
    have none: there it is found only where it breaks the structure or the decoder stumbles, which
    it does at one of three in AAC. Zeros in place of samples are a WAV file like any other.

    Raises:
        MasteringError: names what is wrong and where.
    """
    suffix = path.suffix.lower()
    md5: bytes | None = None
    promised_s: float | None = None
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise damaged(path, "is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                if suffix == ".mp3":
                    if fault := fault_of_mp3(data):
                        raise damaged(path, fault)
                    return
                if suffix == ".wav":
                    _walk_riff(path, data)
                elif suffix == ".flac":
                    md5 = _flac_md5(path, data)
                elif suffix == ".opus":
                    promised_s = walk_opus(path, data) / OPUS_RATE_HZ
                elif suffix in MP4_SUFFIXES:
                    promised_s = walk_mp4(path, data)
    except OSError as error:
        raise damaged(path, f"cannot be read ({error.strerror or error})") from error
    if promised_s is None:
        _decode_all(path, md5)
    else:
        _decode_for(path, promised_s)


def _walk_riff(path: Path, data: mmap.mmap) -> None:
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise damaged(path, "is no WAV file")
    promised = int.from_bytes(data[4:8], "little") + 8
    if promised != len(data):
        raise damaged(path, f"has {len(data)} bytes where its header says {promised}")
    position = 12
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        position += 8 + size + (size & 1)
    if position != len(data):
        raise damaged(path, "has a chunk that does not end where the file does")


def _flac_md5(path: Path, data: mmap.mmap) -> bytes | None:
    """Return the MD5 of the 16-bit samples, None where the file has none or other samples.

    Source: RFC 9639, section 8.2 (STREAMINFO).
    """
    if data[:4] != b"fLaC" or data[4] & 0x7F != 0 or len(data) < 42:
        raise damaged(path, "is no FLAC file")
    bits_per_sample = (int.from_bytes(data[20:22], "big") >> 4 & 0x1F) + 1
    md5 = data[26:42]
    return md5 if bits_per_sample == 16 and any(md5) else None


def _decode_all(path: Path, md5: bytes | None) -> None:
    n_read, digest = 0, hashlib.md5(usedforsecurity=False)
    try:
        with SequentialFile(path) as file:
            promised = file.frames
            while len(block := file.read(BLOCK_FRAMES, dtype="int16", always_2d=True)):
                n_read += len(block)
                if md5 is not None:
                    digest.update(block.astype("<i2", copy=False).tobytes())
    except (OSError, soundfile.LibsndfileError) as error:
        raise damaged(path, f"cannot be decoded ({error})") from error
    if n_read != promised or n_read == 0:
        raise damaged(path, f"has {n_read} samples where its header says {promised}")
    if md5 is not None and digest.digest() != md5:
        raise damaged(path, "decodes to other samples than were encoded")


def _decode_for(path: Path, promised_s: float) -> None:
    """Raise unless the file decodes without a complaint, to the length that it promises."""
    try:
        rate, blocks = decode(path)
        n_read = sum(map(len, blocks))
    except MasteringError as error:
        raise damaged(path, error.message.removeprefix(f"{path.name} ")) from error
    # The lengths in an MP4 are rounded to its own units of time.
    rounding_s = TIME_UNIT_S if path.suffix.lower() in MP4_SUFFIXES else 0.5 / rate
    if abs(n_read / rate - promised_s) > rounding_s:
        raise damaged(path, f"plays {n_read / rate:.3f} s where it says {promised_s:.3f} s")
