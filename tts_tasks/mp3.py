"""MP3, frame by frame: is every byte of it audio, and the audio that was encoded?

A frame has no checksum of its own. The encoder writes one over all of them into the first frame,
which is no audio; decoders ignore it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from mmap import mmap

import numpy as np
from numpy.typing import NDArray

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

CRC_POLYNOMIAL = 0xA001
"""x^16 + x^15 + x^2 + 1 with its bits reversed. Source: Mp3 Info Tag revision 1, by LAME."""

LANE_BYTES, N_LANES = 1024, 1024
"""The checksum is worked out for so many runs of so many bytes at a time, side by side."""

ENCODERS = (b"LAME", b"Lavf", b"Lavc")
"""How the name of an encoder begins that writes LAME's extension of the first frame."""

HEADER_CRC_BYTES = 190
"""What ffmpeg takes into the checksum of the first frame: as much as lies before it in stereo."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """Header of an MPEG audio Layer III frame."""

    version: int
    sample_rate: int
    is_mono: bool
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Promise:
    """What the first frame says of the others; None where it does not say it."""

    n_frames: int | None = None
    """Frames behind it."""

    n_bytes: int | None = None
    """Bytes of all frames, its own too."""

    crc: int | None = None
    """Checksum of the frames behind it."""

    is_whole: bool = True
    """Whether it has the checksum of itself."""


def fault_of_mp3(data: mmap | bytes) -> str | None:
    """Return what is wrong with an MP3, as it follows the file's name in a sentence, or ``None``.

    Every byte must belong to a frame or a tag. If the first frame tells how many frames and bytes
    follow, and their checksum, then they must be as it says.
    """
    position, end = _skip_id3v2(data), _skip_tags_behind(data)
    start, n_frames = position, 0
    first: _Frame | None = None
    promised = _Promise()
    while position < end:
        frame = _frame_header(data[position : position + 4])
        if frame is None:
            return f"has no MP3 frame at byte {position} of {len(data)}"
        if position + frame.size_bytes > end:
            return f"is truncated: its last frame, at byte {position}, is cut off"
        if first is None:
            first = frame
            promised = _promise(data[position : position + frame.size_bytes], frame)
        elif (frame.version, frame.sample_rate) != (first.version, first.sample_rate):
            return f"changes its sample rate at byte {position}"
        position += frame.size_bytes
        n_frames += 1
    if first is None:
        return "holds no audio"
    if not promised.is_whole:
        return "has a wrong checksum in its first frame"
    # The frame that carries the counts is no audio and does not count itself.
    if promised.n_frames is not None and promised.n_frames != n_frames - 1:
        return f"has {n_frames - 1} frames where its header says {promised.n_frames}"
    if promised.n_bytes is not None and promised.n_bytes != end - start:
        return f"has {end - start} bytes where its header says {promised.n_bytes}"
    if promised.crc is not None and promised.crc != _crc_16(data, start + first.size_bytes, end):
        return "has a wrong checksum: a bit of it has changed"
    return None


def _skip_id3v2(data: mmap | bytes) -> int:
    """Return where the first frame should be. Source: ID3v2.4.0 structure, sections 3.1, 3.4."""
    position = 0
    while data[position : position + 3] == b"ID3" and position + 10 <= len(data):
        size = 0
        for byte in data[position + 6 : position + 10]:
            size = size << 7 | byte & 0x7F
        has_footer = bool(data[position + 5] & 0x10)
        position += 10 + size + (10 if has_footer else 0)
    return position


def _skip_tags_behind(data: mmap | bytes) -> int:
    """Return where the last frame should end. Source: ID3v1; APEv2, section "APE Tags Header"."""
    end = len(data)
    if data[max(0, end - 128) : end - 125] == b"TAG":
        end -= 128
    footer = data[max(0, end - 32) : end]
    if footer.startswith(b"APETAGEX") and len(footer) == 32:
        has_header = bool(footer[23] & 0x80)
        end -= int.from_bytes(footer[12:16], "little") + (32 if has_header else 0)
    return end


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


def _promise(frame: bytes, header: _Frame) -> _Promise:
    """Return what a Xing or Info header promises, with LAME's extension.

    Source: Xing VBR header; its place follows the side information, whose size is in
    ISO/IEC 13818-3, 2.4.1.7. Mp3 Info Tag revision 1: 36 bytes behind it.
    """
    if header.version == 3:
        offset = 4 + (17 if header.is_mono else 32)
    else:
        offset = 4 + (9 if header.is_mono else 17)
    if frame[offset : offset + 4] not in (b"Xing", b"Info"):
        return _Promise()
    flags = int.from_bytes(frame[offset + 4 : offset + 8], "big")
    position = offset + 8
    numbers: list[int | None] = []
    # Frames, bytes, table of contents, quality: each is there if its flag is.
    for bit, size in enumerate((4, 4, 100, 4)):
        is_there = flags >> bit & 1
        numbers.append(int.from_bytes(frame[position:][:size], "big") if is_there else None)
        position += size if is_there else 0
    extension = frame[position : position + 36]
    n_frames, n_bytes, _, _ = numbers
    music_bytes, crc, header_crc = struct.unpack(">IHH", extension[28:].ljust(8, b"\0"))
    if not extension.startswith(ENCODERS) and music_bytes != n_bytes:
        return _Promise(n_frames, n_bytes)
    before = frame[: position + 34]
    # LAME takes what lies before the checksum, ffmpeg always as much, with zeros in its place.
    as_ffmpeg = before + b"\0\0" + frame[position + 36 :]
    as_ffmpeg = as_ffmpeg[:HEADER_CRC_BYTES].ljust(HEADER_CRC_BYTES, b"\0")
    checksums = [_crc_16(one, 0, len(one)) for one in (before, as_ffmpeg)]
    return _Promise(n_frames, n_bytes, crc, header_crc in checksums)


def _crc_16(data: mmap | bytes, start: int, end: int) -> int:
    """Return the checksum of some bytes.

    One byte depends on the one before it, but long runs of bytes do not: their checksums are
    worked out side by side and joined, which is a thousand times as fast in NumPy.
    """
    table, high, low = _crc_tables()
    crc = 0
    while end - start >= LANE_BYTES:
        n_lanes = min(N_LANES, (end - start) // LANE_BYTES)
        taken = data[start : start + n_lanes * LANE_BYTES]
        lanes = np.frombuffer(taken, np.uint8).reshape(n_lanes, LANE_BYTES)
        states = np.zeros(n_lanes, np.uint16)
        for column in np.ascontiguousarray(lanes.T):
            states = states >> 8 ^ table[(states ^ column) & 0xFF]
        for state in states.tolist():
            crc = high[crc >> 8] ^ low[crc & 0xFF] ^ state
        start += lanes.size
    for byte in data[start:end]:
        crc = crc >> 8 ^ int(table[(crc ^ byte) & 0xFF])
    return crc


@lru_cache(maxsize=1)
def _crc_tables() -> tuple[NDArray[np.uint16], list[int], list[int]]:
    """Return the table for one byte, and what a run of zeros makes of a state's two bytes."""
    table = np.arange(256, dtype=np.uint16)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ CRC_POLYNOMIAL, table >> 1).astype(np.uint16)
    after = [np.arange(256, dtype=np.uint16) << 8, np.arange(256, dtype=np.uint16)]
    for _ in range(LANE_BYTES):
        after = [states >> 8 ^ table[states & 0xFF] for states in after]
    return table, after[0].tolist(), after[1].tolist()
