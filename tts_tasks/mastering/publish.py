"""Audio, captions, transcripts and tags under their final names, all or nothing.

The library's audio is untagged, so that one narration can be published under many titles; the
tags go into the copy.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tts_tasks.errors import CatalogError, OutputPathError, storage_error
from tts_tasks.files import checksum, held
from tts_tasks.mastering.captions import to_srt, to_vtt
from tts_tasks.mastering.profile import find_format
from tts_tasks.mastering.tags import write_tags
from tts_tasks.mastering.transcript import to_html, to_markdown, to_sentences_json
from tts_tasks.values import Cue, Mastered, Tags

CAPTION_SUFFIXES = (".vtt", ".srt")
"""Captions, beside the audio: ``aula.vtt`` for ``aula.mp3``."""

TRANSCRIPT_SUFFIXES = (".sentences.json", ".transcript.md", ".transcript.html")
"""Transcripts, beside the audio. Not ``aula.md``, which may be the author's own source."""

SIDECAR_SUFFIXES = CAPTION_SUFFIXES + TRANSCRIPT_SUFFIXES
"""All files that are written beside the audio; the last part of a suffix is the file's kind."""


@dataclass(frozen=True, slots=True)
class Published:
    """What lies under its final name."""

    audio: Path
    """The tagged audio."""

    captions: Mapping[str, Path]
    """Caption files by kind: ``vtt``, ``srt``."""

    transcripts: Mapping[str, Path]
    """Transcripts by kind: ``json`` (times of sentences and words), ``md``, ``html``."""

    sha256: str
    """Checksum of the tagged audio, 64 hexadecimal digits."""


def publish(mastered: Mastered, cues: Sequence[Cue], tags: Tags, output_path: Path) -> Published:
    """Put tagged audio, captions and transcripts where the caller asked for them.

    Everything is prepared in a hidden folder beside the target and then renamed, the audio last:
    who finds the audio finds its captions. Missing parent folders are made.

    Args:
        mastered: the finished, untagged audio; not changed.
        cues: one per sentence, in order.
        tags: what the file says about itself; transcripts take title, course, speaker and
            language from them.
        output_path: checked by ``check_output_path``.

    Raises:
        OutputPathError: the files cannot be written there.
        StorageFullError: no space left.
        CatalogError: the mastered audio is gone.
        MasteringError: the audio cannot be tagged.
    """
    name = output_path.name
    sidecars = {
        ".vtt": to_vtt(cues, mastered.duration_s),
        ".srt": to_srt(cues, mastered.duration_s),
        ".sentences.json": to_sentences_json(cues, mastered.duration_s, tags, name),
        ".transcript.md": to_markdown(cues, tags, name),
        ".transcript.html": to_html(cues, tags, name),
    }
    if not mastered.path.is_file():
        raise CatalogError(
            f"the mastered audio {mastered.path} is gone",
            field="library",
            value=mastered.path,
            remedy="run it again: it is then made again",
        )
    folder = output_path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".publish-", dir=folder) as hidden:
            audio = Path(hidden) / "audio"
            shutil.copyfile(mastered.path, audio)
            write_tags(audio, mastered.format, tags)
            sha256 = checksum(audio)
            for suffix, text in sidecars.items():
                (Path(hidden) / suffix).write_text(text, encoding="utf-8", newline="\n")
            # Of two runs with one target, one's files must not lie beside the other's.
            with held(folder / f".{output_path.stem}.lock"):
                for suffix in sidecars:
                    os.replace(Path(hidden) / suffix, output_path.with_suffix(suffix))
                os.replace(audio, output_path)
    except OSError as error:
        raise _write_error(error, output_path) from error
    return Published(
        output_path,
        captions=_by_kind(output_path, CAPTION_SUFFIXES),
        transcripts=_by_kind(output_path, TRANSCRIPT_SUFFIXES),
        sha256=sha256,
    )


def check_output_path(path: Path, roots: Sequence[Path], format: str) -> Path:
    """Return the path made absolute, symbolic links resolved, if audio may be written there.

    Nothing is created: missing parent folders are made when the audio is published.

    Args:
        path: where the caller wants the audio.
        roots: folders that audio may be written into.
        format: audio format, which the suffix must match.

    Raises:
        OutputPathError: names the path and what to do.
        UnknownFormatError: there is no such format.
    """
    extension = find_format(format).extension
    try:
        resolved = path.expanduser().resolve()
        _refuse_unsuitable(resolved, path, roots, extension)
        _refuse_unwritable(resolved, path)
    except (OSError, RuntimeError, ValueError) as error:
        # RuntimeError: a loop of links, or no home for "~"; ValueError: a null character.
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _refusal(path, f"cannot be used ({reason})", "choose another path") from error
    return resolved


def _by_kind(output_path: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    return {suffix.split(".")[-1]: output_path.with_suffix(suffix) for suffix in suffixes}


def _refuse_unsuitable(resolved: Path, path: Path, roots: Sequence[Path], extension: str) -> None:
    if resolved.is_dir():
        raise _refusal(path, "is a folder", f"name a file in it, such as aula{extension}")
    if resolved.suffix.lower() != extension:
        raise _refusal(
            path,
            f"ends in {resolved.suffix!r}, but the format is {extension[1:]}"
            if resolved.suffix
            else f"has no suffix, but the format is {extension[1:]}",
            f"end it in {extension}, or ask for another format",
        )
    if not any(resolved.is_relative_to(root.resolve()) for root in roots):
        raise _refusal(
            path,
            "lies outside the folders that audio may be written into",
            f"write below one of: {', '.join(map(str, roots))}; NARRATION_OUTPUT_ROOTS sets them",
        )
    if resolved.exists() and not resolved.is_file():
        raise _refusal(path, "is no ordinary file", "choose another path")
    for suffix in SIDECAR_SUFFIXES:
        if resolved.with_suffix(suffix).is_dir():
            raise _refusal(path, f"needs {suffix} beside it, which is a folder", "rename either")


def _refuse_unwritable(resolved: Path, path: Path) -> None:
    """Try to write: permissions alone mean nothing to root, nor on a read-only mount."""
    folder = resolved.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise _refusal(path, f"lies below {folder}, which is a file", "choose another path")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise storage_error(error, folder) from error
        raise _refusal(
            path,
            f"cannot be written: {folder} refuses new files ({error.strerror or error})",
            "choose another path, or make the folder writable",
        ) from error


def _refusal(path: Path, problem: str, remedy: str) -> OutputPathError:
    return OutputPathError(f"{path} {problem}", field="output_path", value=path, remedy=remedy)


def _write_error(error: OSError, path: Path) -> CatalogError | OutputPathError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return storage_error(error, path)
    return _refusal(
        path,
        f"cannot be written ({error.strerror or error})",
        "choose another path, or make the folder writable",
    )
