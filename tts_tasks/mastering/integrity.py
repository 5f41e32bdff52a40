"""Is every byte of this file audio? Strict checks that a truncated or garbled file does not pass.

Tag readers and decoders believe a file's header: half an MP3 still says 600 seconds, and plays
without an error until it stops. Here the bytes themselves are walked or decoded.
"""

from __future__ import annotations

import hashlib
import mmap
from dataclasses import dataclass
from pathlib import Path

import soundfile

from tts_tasks.errors import MasteringError
from tts_tasks.mastering.encode import SequentialFile

BIT_RATES_KBPS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Layer III bit rates by MPEG version and header index. Source: ISO/IEC 11172-3, 13818-3."""

SAMPLE_RATES_HZ = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
"""Sample rates by version bits (3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5) and header index."""

BLOCK_FRAMES = 1 << 16
"""Samples per block when a file is decoded."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """Header of an MPEG audio Layer III frame."""

    version: int
    sample_rate: int
    is_mono: bool
    size_bytes: int


def check_audio(path: Path) -> None:
    """Return if the file is whole.

    MP3: every byte belongs to a frame or a tag, and the first frame's count of frames and bytes
    is right. FLAC: every sample decodes and their MD5 is the header's. WAV: the chunks fill the
    file, and the samples are as many as the header says. Other kinds: every sample decodes.

    Raises:
        MasteringError: names what is wrong and where.
    """
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise _damaged(path, "is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                if path.suffix.lower() == ".mp3":
                    _walk_mp3(path, data)
                    return
                if path.suffix.lower() == ".wav":
                    _walk_riff(path, data)
                md5 = _flac_md5(path, data) if path.suffix.lower() == ".flac" else None
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror or error})") from error
    _decode_all(path, md5)


def _damaged(path: Path, problem: str) -> MasteringError:
    return MasteringError(
        f"{path.name} {problem}",
        field="audio",
        value=path,
        remedy="remove the file: it is then made again",
    )


def _walk_mp3(path: Path, data: mmap.mmap) -> None:
    position, end = _skip_id3v2(data), len(data)
    if data[max(0, end - 128) :][:3] == b"TAG":
        end -= 128
    start, n_frames = position, 0
    first: _Frame | None = None
    promised: tuple[int | None, int | None] = (None, None)
    while position < end:
        frame = _frame_header(data[position : position + 4])
        if frame is None:
            raise _damaged(path, f"has no MP3 frame at byte {position} of {len(data)}")
        if position + frame.size_bytes > end:
            raise _damaged(path, f"is truncated: its last frame, at byte {position}, is cut off")
        if first is None:
            first = frame
            promised = _info_counts(data[position : position + frame.size_bytes], frame)
        elif (frame.version, frame.sample_rate) != (first.version, first.sample_rate):
            raise _damaged(path, f"changes its sample rate at byte {position}")
        position += frame.size_bytes
        n_frames += 1
    if first is None:
        raise _damaged(path, "holds no audio")
    promised_frames, promised_bytes = promised
    # The frame that carries the counts is no audio and does not count itself.
    if promised_frames is not None and promised_frames != n_frames - 1:
        raise _damaged(path, f"has {n_frames - 1} frames where its header says {promised_frames}")
    if promised_bytes is not None and promised_bytes != end - start:
        raise _damaged(path, f"has {end - start} bytes where its header says {promised_bytes}")


def _skip_id3v2(data: mmap.mmap) -> int:
    """Return where the first frame should be. Source: ID3v2.4.0 structure, sections 3.1, 3.4."""
    position = 0
    while data[position : position + 3] == b"ID3" and position + 10 <= len(data):
        size = 0
        for byte in data[position + 6 : position + 10]:
            size = size << 7 | byte & 0x7F
        has_footer = bool(data[position + 5] & 0x10)
        position += 10 + size + (10 if has_footer else 0)
    return position


def _frame_header(header: bytes) -> _Frame | None:
    """Return what a frame's four bytes say, or None where they are no Layer III frame."""
    word = int.from_bytes(header, "big")
    version, layer = word >> 19 & 3, word >> 17 & 3
    bit_rate_index, sample_rate_index = word >> 12 & 15, word >> 10 & 3
    if len(header) < 4 or word >> 21 != 0x7FF or version == 1 or layer != 1:
        return None
    if bit_rate_index in (0, 15) or sample_rate_index == 3:
        return None
    generation = 1 if version == 3 else 2
    sample_rate = SAMPLE_RATES_HZ[version][sample_rate_index]
    bits = BIT_RATES_KBPS[generation][bit_rate_index] * 1000
    # 1152 samples per frame in MPEG-1, 576 in MPEG-2 and 2.5; divided by 8 bits per byte.
    size_bytes = (144 if generation == 1 else 72) * bits // sample_rate + (word >> 9 & 1)
    return _Frame(version, sample_rate, word >> 6 & 3 == 3, size_bytes)


def _info_counts(frame: bytes, header: _Frame) -> tuple[int | None, int | None]:
    """Return the frames and bytes that a Xing or Info header promises, None where it does not.

    Source: Xing VBR header; its place follows the side information, whose size is in
    ISO/IEC 13818-3, 2.4.1.7.
    """
    if header.version == 3:
        offset = 4 + (17 if header.is_mono else 32)
    else:
        offset = 4 + (9 if header.is_mono else 17)
    if frame[offset : offset + 4] not in (b"Xing", b"Info"):
        return None, None
    flags = int.from_bytes(frame[offset + 4 : offset + 8], "big")
    fields = offset + 8
    n_frames = int.from_bytes(frame[fields : fields + 4], "big") if flags & 1 else None
    fields += 4 if flags & 1 else 0
    n_bytes = int.from_bytes(frame[fields : fields + 4], "big") if flags & 2 else None
    return n_frames, n_bytes


def _walk_riff(path: Path, data: mmap.mmap) -> None:
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise _damaged(path, "is no WAV file")
    promised = int.from_bytes(data[4:8], "little") + 8
    if promised != len(data):
        raise _damaged(path, f"has {len(data)} bytes where its header says {promised}")
    position = 12
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        position += 8 + size + (size & 1)
    if position != len(data):
        raise _damaged(path, "has a chunk that does not end where the file does")


def _flac_md5(path: Path, data: mmap.mmap) -> bytes | None:
    """Return the MD5 of the 16-bit samples, None where the file has none or other samples.

    Source: RFC 9639, section 8.2 (STREAMINFO).
    """
    if data[:4] != b"fLaC" or data[4] & 0x7F != 0 or len(data) < 42:
        raise _damaged(path, "is no FLAC file")
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
        raise _damaged(path, f"cannot be decoded ({error})") from error
    if n_read != promised or n_read == 0:
        raise _damaged(path, f"has {n_read} samples where its header says {promised}")
    if md5 is not None and digest.digest() != md5:
        raise _damaged(path, "decodes to other samples than were encoded")
