"""What the published file says about itself: title, course, number, voice, language.

The same tags give the same bytes: no dates, no versions of the tagger.
"""

from __future__ import annotations

import base64
import mmap
import re
import unicodedata
from pathlib import Path
from typing import Any

import mutagen
import mutagen.flac
import mutagen.id3
import mutagen.mp4
import mutagen.oggopus
import mutagen.wave

from tts_tasks.errors import MasteringError, storage_error
from tts_tasks.mastering.mp4 import languages_at, packed_language
from tts_tasks.values import Tags

MAX_TAG_CHARS = 200
"""Longest text in a tag; players show far less, and ID3 readers exist that trust no more."""

# mutagen is annotated in part only, and strict type checking refuses calls of the rest.
id3: Any = mutagen.id3
open_wave: Any = mutagen.wave.WAVE
open_flac: Any = mutagen.flac.FLAC
open_opus: Any = mutagen.oggopus.OggOpus
open_mp4: Any = mutagen.mp4.MP4
flac_picture: Any = mutagen.flac.Picture
mp4_picture: Any = mutagen.mp4.MP4Cover

FRONT_COVER = 3
"""Kind of a picture. Source: ID3v2.4.0 native frames, section 4.14; FLAC uses the same numbers."""

AUDIOBOOK_KIND = 2
"""What ``stik`` says of an audiobook, as iTunes and its kin understand it."""

UTF_8 = 3
"""ID3v2.4 encoding byte. Source: ID3v2.4.0 structure, section 4."""


def write_tags(path: Path, format: str, tags: Tags, cover: bytes | None = None) -> None:
    """Write the tags into the file, in place of those that it has.

    Empty fields are left out. Texts become one line of at most ``MAX_TAG_CHARS`` characters;
    what was cut is marked by an ellipsis.

    Args:
        path: the audio; changed in place.
        format: ``mp3`` (ID3v2.4, UTF-8), ``wav`` (ID3 chunk), ``flac``, ``opus`` (Vorbis comments),
            ``m4a`` or ``m4b`` (iTunes' atoms; the language stands in the track's header).
        tags: what to say.
        cover: a picture, JPEG or PNG.

    Raises:
        MasteringError: the file is no such audio.
        StorageFullError: no space left.
    """
    writers = {
        "mp3": _write_mp3,
        "wav": _write_wav,
        "flac": _write_flac,
        "opus": _write_opus,
        "m4a": _write_mp4,
        "m4b": _write_mp4,
    }
    if format not in writers:
        raise ValueError(f"no tags are defined for {format!r}")
    try:
        writers[format](path, tags, cover)
    except mutagen.MutagenError as error:
        if error.args and isinstance(error.args[0], OSError):
            raise storage_error(error.args[0], path) from error
        raise MasteringError(
            f"{path.name} cannot be tagged as {format} ({error})", field="audio", value=path
        ) from error
    except OSError as error:
        raise storage_error(error, path) from error


def _write_mp3(path: Path, tags: Tags, cover: bytes | None) -> None:
    _id3(tags, cover).save(path, v1=0, v2_version=4, padding=_no_padding)


def _write_wav(path: Path, tags: Tags, cover: bytes | None) -> None:
    wave = open_wave(path)
    if wave.tags is None:
        wave.add_tags()
    wave.tags.clear()
    for frame in _id3(tags, cover).values():
        wave.tags.add(frame)
    wave.save(v2_version=4, padding=_no_padding)


def _write_flac(path: Path, tags: Tags, cover: bytes | None) -> None:
    flac = open_flac(path)
    if flac.tags is None:
        flac.add_tags()
    _set_comments(flac, tags)
    flac.clear_pictures()
    if cover is not None:
        flac.add_picture(_flac_picture(cover))
    flac.save(padding=_no_padding)


def _write_opus(path: Path, tags: Tags, cover: bytes | None) -> None:
    opus = open_opus(path)
    _set_comments(opus, tags)
    if cover is not None:
        # Source: https://wiki.xiph.org/VorbisComment, METADATA_BLOCK_PICTURE.
        encoded = base64.b64encode(_flac_picture(cover).write()).decode()
        opus.tags["METADATA_BLOCK_PICTURE"] = encoded
    opus.save(padding=_no_padding)


def _set_comments(file: Any, tags: Tags) -> None:
    file.tags.clear()
    file.tags.vendor = "narration"
    for name, value in _vorbis_comments(tags):
        file.tags[name] = value


def _write_mp4(path: Path, tags: Tags, cover: bytes | None) -> None:
    mp4 = open_mp4(path)
    if mp4.tags is None:
        mp4.add_tags()
    mp4.tags.clear()
    texts = {"\xa9nam": tags.title, "\xa9alb": tags.album, "\xa9ART": tags.artist}
    for name, text in texts.items():
        if value := clean_tag(text):
            mp4.tags[name] = [value]
    if tags.track is not None:
        mp4.tags["trkn"] = [(tags.track, tags.track_total or 0)]
    if path.suffix == ".m4b":
        mp4.tags["stik"] = [AUDIOBOOK_KIND]
    if cover is not None:
        kind = mp4_picture.FORMAT_PNG if is_png(cover) else mp4_picture.FORMAT_JPEG
        mp4.tags["covr"] = [mp4_picture(cover, kind)]
    mp4.save(padding=_no_padding)
    _set_language(path, tags.language)


def _set_language(path: Path, language: str) -> None:
    """Write an ISO 639-2 code into the header of each track."""
    code = language if re.fullmatch("[a-z]{3}", language) else "und"
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        for position in languages_at(path, data):
            data[position : position + 2] = packed_language(code)


def is_png(picture: bytes) -> bool:
    """Return whether a picture is PNG; covers are PNG or JPEG."""
    return picture.startswith(b"\x89PNG\r\n\x1a\n")


def _media_type(picture: bytes) -> str:
    return "image/png" if is_png(picture) else "image/jpeg"


def _flac_picture(cover: bytes) -> Any:
    picture = flac_picture()
    picture.type = FRONT_COVER
    picture.mime = _media_type(cover)
    picture.data = cover
    return picture


def clean_tag(text: str) -> str:
    """Return the text as one line, composed (NFC), without control characters, bounded."""
    visible = "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") else character
        for character in unicodedata.normalize("NFC", text)
    )
    line = " ".join(visible.split())
    return line if len(line) <= MAX_TAG_CHARS else line[: MAX_TAG_CHARS - 1].rstrip() + "…"


def _track(tags: Tags) -> str:
    if tags.track is None:
        return ""
    return f"{tags.track}/{tags.track_total}" if tags.track_total else str(tags.track)


def _id3(tags: Tags, cover: bytes | None) -> Any:
    frames = id3.ID3()
    texts = (
        (id3.TIT2, clean_tag(tags.title)),
        (id3.TALB, clean_tag(tags.album)),
        (id3.TPE1, clean_tag(tags.artist)),
        (id3.TRCK, _track(tags)),
        (id3.TLAN, clean_tag(tags.language)),
    )
    for frame, text in texts:
        if text:
            frames.add(frame(encoding=UTF_8, text=text))
    if cover is not None:
        frames.add(id3.APIC(encoding=UTF_8, mime=_media_type(cover), type=FRONT_COVER, data=cover))
    return frames


def _vorbis_comments(tags: Tags) -> list[tuple[str, str]]:
    """Return names and values. Source: https://www.xiph.org/vorbis/doc/v-comment.html."""
    comments = (
        ("TITLE", clean_tag(tags.title)),
        ("ALBUM", clean_tag(tags.album)),
        ("ARTIST", clean_tag(tags.artist)),
        ("TRACKNUMBER", "" if tags.track is None else str(tags.track)),
        ("TRACKTOTAL", "" if tags.track_total is None else str(tags.track_total)),
        ("LANGUAGE", clean_tag(tags.language)),
    )
    return [(name, value) for name, value in comments if value]


def _no_padding(info: object) -> int:
    """Return the bytes that mutagen should leave free after the tags."""
    return 0
