"""What the published file says about itself: title, course, number, voice, language.

The same tags give the same bytes: no dates, no versions of the tagger.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import mutagen
import mutagen.flac
import mutagen.id3
import mutagen.wave

from tts_tasks.errors import MasteringError, storage_error
from tts_tasks.values import Tags

MAX_TAG_CHARS = 200
"""Longest text in a tag; players show far less, and ID3 readers exist that trust no more."""

# mutagen is annotated in part only, and strict type checking refuses calls of the rest.
id3: Any = mutagen.id3
open_wave: Any = mutagen.wave.WAVE
open_flac: Any = mutagen.flac.FLAC

UTF_8 = 3
"""ID3v2.4 encoding byte. Source: ID3v2.4.0 structure, section 4."""


def write_tags(path: Path, format: str, tags: Tags) -> None:
    """Write the tags into the file, in place of those that it has.

    Empty fields are left out. Texts become one line of at most ``MAX_TAG_CHARS`` characters;
    what was cut is marked by an ellipsis.

    Args:
        path: the audio; changed in place.
        format: ``mp3`` (ID3v2.4, UTF-8), ``flac`` (Vorbis comments) or ``wav`` (ID3 chunk).
        tags: what to say.

    Raises:
        MasteringError: the file is no such audio.
        StorageFullError: no space left.
    """
    try:
        if format == "mp3":
            _id3(tags).save(path, v1=0, v2_version=4, padding=_no_padding)
        elif format == "wav":
            wave = open_wave(path)
            if wave.tags is None:
                wave.add_tags()
            wave.tags.clear()
            for frame in _id3(tags).values():
                wave.tags.add(frame)
            wave.save(v2_version=4, padding=_no_padding)
        elif format == "flac":
            flac = open_flac(path)
            if flac.tags is None:
                flac.add_tags()
            flac.tags.clear()
            flac.tags.vendor = "narration"
            for name, value in _vorbis_comments(tags):
                flac.tags[name] = value
            flac.save(padding=_no_padding)
        else:
            raise ValueError(f"no tags are defined for {format!r}")
    except mutagen.MutagenError as error:
        if error.args and isinstance(error.args[0], OSError):
            raise storage_error(error.args[0], path) from error
        raise MasteringError(
            f"{path.name} cannot be tagged as {format} ({error})", field="audio", value=path
        ) from error


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


def _id3(tags: Tags) -> Any:
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
