"""The cover of an audiobook: a JPEG or PNG that decodes, and that every player can show."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from tts_tasks.errors import CoverError

MAX_BYTES = 10_000_000
"""Largest file: it is part of every copy of the audiobook."""

MAX_PIXELS = 100_000_000
"""Most pixels: decoding so many takes 300 MB of memory. Screens and shops want 9 million."""

SHOWN_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
"""Pillow's names of the colours that players show: grey, palette and RGB, but not CMYK."""

JPEG = b"\xff\xd8\xff"
"""How a JPEG begins. Source: ITU-T T.81, B.2.1: marker SOI, then another marker."""

PNG = b"\x89PNG\r\n\x1a\n"
"""How a PNG begins. Source: W3C Portable Network Graphics, section 5.2."""

_KINDS = {
    b"GIF8": "a GIF",
    b"RIFF": "a WebP",
    b"BM": "a BMP",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"\0\0\0": "a HEIC or AVIF",
    b"%PDF": "a PDF",
    b"<": "an SVG or a web page",
}
"""What else is taken for a cover, by how it begins."""

_SAVE_IT = "save it as JPEG or PNG"


def read_cover(path: Path) -> bytes:
    """Return the bytes of a picture, as they are, after it was decoded to be sure of it.

    Args:
        path: a JPEG or PNG of at most ``MAX_BYTES`` and ``MAX_PIXELS``.

    Raises:
        CoverError: names the file, what is wrong with it and the remedy.
    """
    content = _content(path)
    try:
        # What it is decides, not its name. Pillow's own ``open`` would only warn of huge pictures.
        if content.startswith(JPEG):
            picture: ImageFile = JpegImageFile(io.BytesIO(content))
        elif content.startswith(PNG):
            picture = PngImageFile(io.BytesIO(content))
        else:
            found = next((kind for start, kind in _KINDS.items() if content.startswith(start)), "")
            raise _refusal(path, f"is {found or 'no picture'}, not a JPEG or PNG", _SAVE_IT)
        _refuse_unsuitable(path, picture)
        picture.load()
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error) as error:
        raise _refusal(path, f"is damaged ({error})", f"{_SAVE_IT} again") from error
    return content


def _content(path: Path) -> bytes:
    try:
        if not path.exists():
            raise _refusal(path, "does not exist", "add the file or correct its name")
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "is no ordinary file"
            raise _refusal(path, what, "name a JPEG or PNG")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _refusal(path, f"cannot be read ({reason})", "name a file that can") from error
    if not content:
        raise _refusal(path, "is empty", _SAVE_IT)
    if len(content) > MAX_BYTES:
        raise _refusal(
            path,
            f"is larger than {MAX_BYTES // 1_000_000} MB",
            "save it smaller, e.g. with 3000 x 3000 pixels as JPEG",
        )
    return content


def _refuse_unsuitable(path: Path, picture: ImageFile) -> None:
    """Raise for a picture that is not worth decoding."""
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise _refusal(
            path,
            f"has {width} x {height} pixels, more than {MAX_PIXELS // 1_000_000} million",
            "save it smaller, e.g. with 3000 x 3000 pixels",
        )
    if picture.mode not in SHOWN_MODES:
        raise _refusal(
            path,
            f"has the colours {picture.mode}, which players do not show",
            "save it with RGB colours and 8 bits each",
        )


def _refusal(path: Path, problem: str, remedy: str) -> CoverError:
    return CoverError(f"{path} {problem}", field="cover", value=path, remedy=remedy)
