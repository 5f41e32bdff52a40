"""Word and PowerPoint files before they are opened: what they are, and whether that is safe.

They are zip archives of XML. What an archive declares of itself is checked before any part of it is
decompressed: ``zipfile`` reads no more of a part than its declared size.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from tts_tasks.errors import SourceError
from tts_tasks.script.sources import unreadable

MAX_TOTAL_BYTES = 200_000_000
"""Most that an archive may hold, decompressed."""

MAX_PART_BYTES = 100_000_000
"""Most that one part may hold, decompressed."""

MAX_PARTS = 10_000

MAX_RATIO = 200
"""How many times larger than compressed a part of over ``RATIO_FROM_BYTES`` may be. Text is some
10 times larger, a run of one byte 1,030 times."""

RATIO_FROM_BYTES = 1_000_000

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\0<", b"<\0", b"\0<")
_ENCRYPTED = 0x1


def check_archive(path: Path, program: str) -> None:
    """Raise unless a file is an archive that may be opened.

    Args:
        path: the file.
        program: whose file it should be, for the remedy, e.g. ``"Word"``.

    Raises:
        SourceError: if it is missing, unreadable, of another kind, cut off, or too large
            decompressed, or if its XML declares a document type.
    """
    suffix = path.suffix.lower()
    save_again = f"open it in {program} and save it again as {suffix}"
    try:
        if path.is_dir():
            raise unreadable(path, f"is a folder, not a {suffix} file", "give the path of a file")
        with path.open("rb") as file:
            start = file.read(len(_OLE))
            if start == _OLE:
                raise unreadable(
                    path,
                    f"is protected by a password, or is an old {suffix[:-1]} file",
                    f"open it in {program} and save it as {suffix} without a password",
                )
            if not start.startswith(b"PK"):
                raise another_kind(path)
            with zipfile.ZipFile(file) as archive:
                _refuse_bomb(path, archive.infolist())
                for part in archive.infolist():
                    with archive.open(part) as stream:
                        _refuse_document_type(path, part.filename, stream)
    except FileNotFoundError as error:
        raise unreadable(path, "does not exist", "check the path and the spelling") from error
    except (zipfile.BadZipFile, zlib.error, struct.error) as error:
        raise unreadable(
            path,
            f"is not a whole {suffix} file: {error}",
            f"it may have been cut off on its way; copy it again, or {save_again}",
        ) from error
    except (NotImplementedError, RuntimeError) as error:  # a compression that is not known
        raise unreadable(path, f"cannot be decompressed ({error})", save_again) from error
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise unreadable(
            path, f"cannot be read ({reason})", "check the path and its permissions"
        ) from error


def _refuse_bomb(path: Path, parts: list[zipfile.ZipInfo]) -> None:
    remedy = "remove large pictures, sound and video from it, or copy its text into a new file"
    if len(parts) > MAX_PARTS:
        raise unreadable(path, f"has {len(parts):,} parts; the limit is {MAX_PARTS:,}", remedy)
    total = sum(part.file_size for part in parts)
    if total > MAX_TOTAL_BYTES:
        raise unreadable(
            path,
            f"holds {total:,} bytes decompressed; the limit is {MAX_TOTAL_BYTES:,}",
            remedy,
        )
    for part in parts:
        if part.flag_bits & _ENCRYPTED:
            raise unreadable(
                path, f"is encrypted (its part {part.filename})", "save it without a password"
            )
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # Of the others zipfile decompresses more at a time than was asked for.
            raise unreadable(
                path,
                f"is compressed as Office never does ({part.filename})",
                "save it again with Office",
            )
        if part.file_size > MAX_PART_BYTES:
            raise unreadable(
                path,
                f"has a part of {part.file_size:,} bytes ({part.filename}); "
                f"the limit is {MAX_PART_BYTES:,}",
                remedy,
            )
        ratio = part.file_size / max(part.compress_size, 1)
        if part.file_size > RATIO_FROM_BYTES and ratio > MAX_RATIO:
            raise unreadable(
                path,
                f"has a part that is {ratio:,.0f} times larger decompressed ({part.filename}); "
                f"the limit is {MAX_RATIO}",
                remedy,
            )


def _refuse_document_type(path: Path, name: str, stream: IO[bytes]) -> None:
    """Raise if XML declares a document type or entities: Office writes none."""
    if not stream.read(8).lstrip(b" \t\r\n").startswith(_XML_STARTS):
        return
    stream.seek(0)
    try:
        # They stand before the first element, which is all that is parsed.
        next(iter(iterparse(stream, events=("start",), forbid_dtd=True)), None)
    except DefusedXmlException as error:
        raise unreadable(
            path,
            f"declares a document type or entities ({name}), which Word and PowerPoint never do",
            "copy its text into a new file",
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise broken_part(path, f"{name}: {error}") from error


def another_kind(path: Path) -> SourceError:
    """Return the error about a file that is not what its name says."""
    suffix = path.suffix.lower()
    return unreadable(
        path,
        f"is not a {suffix} file, whatever its name says",
        f"give it the suffix of what it is, or save it again as {suffix}",
    )


def broken_part(path: Path, reason: str) -> SourceError:
    """Return the error about a file whose parts are not what they should be."""
    suffix = path.suffix.lower()
    return unreadable(
        path,
        f"is not a whole {suffix} file ({reason})",
        f"it may be damaged; copy it again, or open it and save it again as {suffix}",
    )
