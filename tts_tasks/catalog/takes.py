"""Takes that failed their checks, kept so that a person can hear what was refused, and why.

``takes/ab/<chunk key>/<seed>.flac`` is the audio and ``<seed>.json`` what was found out about it.
They are evidence, not stock: no narration uses them, and nothing is lost with them.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tts_tasks.catalog.keys import require_key
from tts_tasks.errors import storage_error
from tts_tasks.files import write_whole
from tts_tasks.values import Quality, Take


@dataclass(frozen=True, slots=True)
class Takes:
    """The refused takes of one library."""

    root: Path
    """The folder ``library/takes``."""

    def put(self, key: str, seed: int, audio: bytes, quality: Quality) -> None:
        """Keep a take; one of the same chunk and seed is replaced.

        Args:
            key: of the chunk.
            seed: that it was spoken with.
            audio: as FLAC.
            quality: what was found out about it.

        Raises:
            StorageFullError: if the disk is full.
            CatalogError: if the library cannot be written.
        """
        path = self._folder(key) / f"{seed}.flac"
        write_whole(path.with_suffix(".json"), json.dumps(as_facts(quality)))
        write_whole(path, audio)

    def of(self, key: str) -> tuple[Take, ...]:
        """Return the refused takes of a chunk, by seed; those that cannot be read are left out."""
        found = []
        for path in self._folder(key).glob("*.flac"):
            try:
                facts = json.loads(path.with_suffix(".json").read_bytes())
                take = Take(path, int(path.stem), from_facts(facts), accepted=False)
            except (OSError, ValueError, KeyError, TypeError):
                continue
            found.append(take)
        return tuple(sorted(found, key=lambda take: take.seed))

    def drop(self, key: str) -> int:
        """Delete the refused takes of a chunk; return their bytes.

        Raises:
            CatalogError: if the library cannot be written.
        """
        folder = f"{self.root}/{require_key(key)[:2]}/{key}"
        size_bytes = 0
        try:
            for entry in os.scandir(folder):
                size_bytes += entry.stat().st_size
                os.unlink(entry.path)
            os.rmdir(folder)
        except FileNotFoundError:
            return size_bytes
        except OSError as error:
            if error.errno == errno.ENOTEMPTY:  # a new take came meanwhile
                return size_bytes
            raise storage_error(error, Path(folder)) from error
        return size_bytes

    def _folder(self, key: str) -> Path:
        return self.root / require_key(key)[:2] / key


def as_facts(quality: Quality) -> dict[str, Any]:
    """Return what was found out, JSON-ready."""
    return asdict(quality)


def from_facts(facts: Mapping[str, Any]) -> Quality:
    """Return what ``as_facts`` described."""
    return Quality(
        flags=tuple(facts["flags"]),
        scores=facts["scores"],
        badness=float(facts["badness"]),
        asr=facts.get("asr"),
    )
