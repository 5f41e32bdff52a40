"""Audio from the library beside the listening page, so that the page can be moved with it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tts_tasks.errors import storage_error
from tts_tasks.files import write_whole
from tts_tasks.values import Take

KEY_DIGITS = 16
"""Digits of a key in the name of a copy: 64 bits."""

_COPIED = re.compile(r"[0-9a-f]{16}-\d+\.flac|draft-[0-9a-f]{16}\.[a-z0-9]+")


@dataclass(slots=True)
class Copies:
    """Audio from the library that the page shows, and its folder beside the page."""

    folder: Path
    """Named as the page, without ``.html``."""

    sources: dict[str, Path] = field(default_factory=dict)
    """Where each comes from, by its name in the folder."""

    def of_take(self, key: str, take: Take) -> str:
        """Return the URL of a take on the page."""
        return self._add(f"{key[:KEY_DIGITS]}-{take.seed}.flac", take.path)

    def of_draft(self, draft: Path) -> str:
        """Return the URL of a lesson that is finished and not published."""
        return self._add(f"draft-{draft.stem[:KEY_DIGITS]}{draft.suffix}", draft)

    def write(self) -> None:
        """Copy everything.

        Raises:
            StorageFullError: if the disk is full.
            CatalogError: if something cannot be read or written.
        """
        for name, source in self.sources.items():
            try:
                content = source.read_bytes()
            except FileNotFoundError:
                continue  # Gone since it was found: the page says so when it is opened.
            except OSError as error:
                raise storage_error(error, source) from error
            write_whole(self.folder / name, content)

    def remove_others(self) -> None:
        """Remove what earlier pages showed and this one does not.

        Raises:
            CatalogError: if the folder cannot be written.
        """
        try:
            for path in self.folder.glob("*"):
                if _COPIED.fullmatch(path.name) and path.name not in self.sources:
                    path.unlink(missing_ok=True)
            if self.folder.is_dir() and not any(self.folder.iterdir()):
                self.folder.rmdir()
        except OSError as error:
            raise storage_error(error, self.folder) from error

    def _add(self, name: str, source: Path) -> str:
        self.sources[name] = source
        return f"{url(self.folder.name)}/{url(name)}"


def url(name: str) -> str:
    """Return a relative path as a URL, whatever its characters."""
    return quote(os.fsencode(name), safe="/")
