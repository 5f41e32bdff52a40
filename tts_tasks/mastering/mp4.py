"""AAC in MP4, box by box: do its tables describe audio that is there?

Source: ISO/IEC 14496-12, sections 4.2 (boxes), 8.2 to 8.7 (movie, track, sample table).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from mmap import mmap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts_tasks.mastering.damage import damaged

LANGUAGE_OFFSET = {0: 20, 1: 32}
"""Where the language stands in the content of ``mdhd``, after version and flags, by version."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box of the file."""

    kind: str
    """Its four letters."""

    start: int
    """Where its content begins."""

    end: int
    """Where it ends."""


def walk_mp4(path: Path, data: mmap) -> float:
    """Return how many seconds of audio the file plays.

    The boxes must fill the file, the tables of the audio track agree with each other, and every
    sample lie in the media data. AAC has no checksums: a flipped bit inside a sample is found only
    when the decoder stumbles over it.

    Raises:
        MasteringError: names what is wrong and where.
    """
    try:
        return _walk(path, data)
    except (struct.error, IndexError, ValueError, ZeroDivisionError) as error:
        raise damaged(path, f"has a box that makes no sense ({error})") from error


def _walk(path: Path, data: mmap) -> float:
    top = list(_boxes(path, data, 0, len(data)))
    media = [box for box in top if box.kind == "mdat"]
    movie = next((box for box in top if box.kind == "moov"), None)
    if not top or top[0].kind != "ftyp":
        raise damaged(path, "is no MP4 file")
    if movie is None or not media:
        raise damaged(path, "is truncated: it has no " + ("media data" if movie else "movie box"))
    for track in _children(path, data, movie, "trak"):
        handler = _only(path, data, track, "mdia", "hdlr").start + 8
        if data[handler : handler + 4] == b"soun":
            _check_samples(path, data, track, media)
            return _played_s(path, data, movie, track)
    raise damaged(path, "has no audio track")


def languages_at(path: Path, data: mmap) -> list[int]:
    """Return where the two bytes of each track's language lie."""
    [movie] = [box for box in _boxes(path, data, 0, len(data)) if box.kind == "moov"]
    headers = [
        _only(path, data, track, "mdia", "mdhd") for track in _children(path, data, movie, "trak")
    ]
    return [header.start + LANGUAGE_OFFSET[data[header.start]] for header in headers]


def packed_language(code: str) -> bytes:
    """Return an ISO 639-2 code as ``mdhd`` holds it: three letters of five bits."""
    first, second, third = (ord(letter) - 0x60 for letter in code)
    return struct.pack(">H", first << 10 | second << 5 | third)


def _boxes(path: Path, data: mmap, start: int, end: int) -> Iterator[Box]:
    position = start
    while position < end:
        if end - position < 8:
            raise damaged(path, f"is truncated in the box at byte {position}")
        size, kind = struct.unpack_from(">I4s", data, position)
        content = position + 8
        if size == 1:
            if end - position < 16:
                raise damaged(path, f"is truncated in the box at byte {position}")
            [size] = struct.unpack_from(">Q", data, content)
            content += 8
        elif size == 0:
            size = end - position
        if size < content - position or position + size > end:
            raise damaged(path, f"is truncated in the box at byte {position}")
        yield Box(kind.decode("latin-1"), content, position + size)
        position += size


def _children(path: Path, data: mmap, box: Box, kind: str) -> list[Box]:
    inside = _boxes(path, data, box.start, box.end)
    return [child for child in inside if child.kind == kind]


def _only(path: Path, data: mmap, box: Box, *kinds: str) -> Box:
    """Return the box that is reached by these kinds, one inside the other."""
    for kind in kinds:
        found = _children(path, data, box, kind)
        if not found:
            raise damaged(path, f"has no box {kind!r} where it must have one")
        box = found[0]
    return box


def _check_samples(path: Path, data: mmap, track: Box, media: list[Box]) -> None:
    """Raise unless every sample of the track lies in the media data, and they last as they say."""
    table = _only(path, data, track, "mdia", "minf", "stbl")
    sizes = _sample_sizes(path, data, _only(path, data, table, "stsz"))
    durations = _numbers(path, data, _only(path, data, table, "stts"), skip=4)
    counts, deltas = durations[1:].reshape(-1, 2).T
    if not len(sizes) or int(counts.sum()) != len(sizes):
        raise damaged(path, f"has {len(sizes)} samples where its times are for {counts.sum()}")
    header = _only(path, data, track, "mdia", "mdhd")
    long = data[header.start] == 1
    [duration] = struct.unpack_from(
        ">Q" if long else ">I", data, header.start + (24 if long else 16)
    )
    if int(counts @ deltas) != duration:
        raise damaged(path, "lasts otherwise than its samples do")
    used = 0
    for start, length in _chunks(path, data, table, sizes):
        inside = any(box.start <= start and start + length <= box.end for box in media)
        if not inside:
            raise damaged(path, f"lacks the audio at byte {start}")
        used += length
    if used != int(sizes.sum()):
        raise damaged(path, "has samples that are in no chunk")


def _sample_sizes(path: Path, data: mmap, box: Box) -> NDArray[np.int64]:
    fixed, count, *_ = _numbers(path, data, box, skip=4, n=2)
    if fixed:
        if int(fixed) * int(count) > len(data):
            raise damaged(path, "lacks most of its audio")
        return np.full(int(count), fixed, np.int64)
    sizes = _numbers(path, data, box, skip=12)
    if len(sizes) != count:
        raise damaged(path, "has a table of sizes that is cut off")
    return sizes


def _chunks(
    path: Path, data: mmap, table: Box, sizes: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    """Yield where each chunk of samples begins, and its length in bytes."""
    offsets_64 = _children(path, data, table, "co64")
    box = offsets_64[0] if offsets_64 else _only(path, data, table, "stco")
    offsets = np.frombuffer(data[box.start + 8 : box.end], ">u8" if offsets_64 else ">u4").astype(
        np.int64
    )
    runs = _numbers(path, data, _only(path, data, table, "stsc"), skip=8).reshape(-1, 3)
    firsts = [*(int(run[0]) for run in runs), len(offsets) + 1]
    starts = np.concatenate(([0], np.cumsum(sizes)))
    sample = 0
    for (first, following), run in zip(pairwise(firsts), runs, strict=True):
        for chunk in range(first, following):
            last = sample + int(run[1])
            if last > len(sizes) or not 1 <= chunk <= len(offsets):
                raise damaged(path, "has a chunk of more samples than there are")
            yield int(offsets[chunk - 1]), int(starts[last] - starts[sample])
            sample = last


def _played_s(path: Path, data: mmap, movie: Box, track: Box) -> float:
    """Return the length of the edit list, or else of the track's media, in seconds."""
    header = _only(path, data, track, "mdia", "mdhd")
    long = data[header.start] == 1
    layout = ">IQ" if long else ">II"
    timescale, duration = struct.unpack_from(layout, data, header.start + (20 if long else 12))
    if not _children(path, data, track, "edts"):
        return float(duration / timescale)
    edits = _only(path, data, track, "edts", "elst")
    whole = _only(path, data, movie, "mvhd")
    [movie_timescale] = struct.unpack_from(
        ">I", data, whole.start + (20 if data[whole.start] == 1 else 12)
    )
    [count] = struct.unpack_from(">I", data, edits.start + 4)
    wide = data[edits.start] == 1
    entry = struct.Struct(">QqI" if wide else ">IiI")
    entries = (entry.unpack_from(data, edits.start + 8 + n * entry.size) for n in range(count))
    played = sum(length for length, media_time, _ in entries if media_time >= 0)
    return float(played / movie_timescale)


def _numbers(path: Path, data: mmap, box: Box, *, skip: int, n: int = -1) -> NDArray[np.int64]:
    """Return the 32-bit numbers of a box after version, flags and ``skip - 4`` further bytes."""
    content = data[box.start + skip : box.end]
    if len(content) % 4 or len(content) < 4 * n:
        raise damaged(path, f"has a box {box.kind!r} that is cut off")
    return np.frombuffer(content, ">u4", n).astype(np.int64)
