"""Opus in Ogg, page by page: is every byte of it part of one whole stream?

Source: RFC 3533, section 6 (pages); RFC 7845, sections 3 to 5 (Opus in Ogg).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path

from tts_tasks.mastering.damage import damaged

HEADER = struct.Struct("<4sBBqIIIB")
"""Capture pattern, version, flags, granule position, serial, sequence, checksum, segments."""

FIRST, LAST = 2, 4
"""Flags of the first and the last page of a stream."""

NO_GRANULE = -1
"""Granule position of a page on which no packet ends."""

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an Ogg file."""

    flags: int
    granule: int
    serial: int
    sequence: int
    payload: bytes


def walk_opus(path: Path, data: mmap) -> int:
    """Return how many samples at 48 kHz the file plays.

    Every byte must belong to a page of one stream, with the right checksum, in sequence, from the
    page that begins the stream to the one that ends it.

    Raises:
        MasteringError: names what is wrong and where.
    """
    pre_skip = granule = 0
    serial: int | None = None
    last: Page | None = None
    for sequence, page in enumerate(_pages(path, data)):
        if last is None:
            pre_skip, serial = _pre_skip(path, page), page.serial
        elif last.flags & LAST:
            raise damaged(path, "goes on after the page that ends its stream")
        if page.serial != serial or page.sequence != sequence:
            raise damaged(path, f"has page {page.sequence} where page {sequence} should be")
        if page.granule != NO_GRANULE:
            if page.granule < granule:
                raise damaged(path, f"runs backwards in time on page {sequence}")
            granule = page.granule
        last = page
    if last is None or not last.flags & LAST:
        raise damaged(path, "is truncated: no page ends its stream")
    if granule <= pre_skip:
        raise damaged(path, "holds no audio")
    return granule - pre_skip


def _pages(path: Path, data: mmap) -> Iterator[Page]:
    position = 0
    while position < len(data):
        if len(data) - position < HEADER.size:
            raise damaged(path, f"is truncated in the page at byte {position}")
        pattern, version, flags, granule, serial, sequence, checksum, n_segments = (
            HEADER.unpack_from(data, position)
        )
        if pattern != b"OggS" or version != 0:
            raise damaged(path, f"has no Ogg page at byte {position} of {len(data)}")
        body = position + HEADER.size + n_segments
        end = body + sum(data[position + HEADER.size : body])
        if end > len(data):
            raise damaged(path, f"is truncated in the page at byte {position}")
        page = bytearray(data[position:end])
        page[22:26] = bytes(4)
        if _checksum(page) != checksum:
            raise damaged(path, f"has a wrong checksum in the page at byte {position}")
        yield Page(flags, granule, serial, sequence, data[body:end])
        position = end


def _pre_skip(path: Path, page: Page) -> int:
    """Return the samples at 48 kHz that players leave out at the start."""
    if not page.flags & FIRST or not page.payload.startswith(b"OpusHead"):
        raise damaged(path, "is no Opus file")
    if len(page.payload) < 19:
        raise damaged(path, "has a header that is too short")
    return int.from_bytes(page.payload[10:12], "little")


def _checksum(page: bytes | bytearray) -> int:
    """Return the CRC of a page: the polynomial of zlib, the bits the other way round, from 0."""
    reflected = zlib.crc32(bytes(page).translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
