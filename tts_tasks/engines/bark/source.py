"""Where Bark's model comes from. (A placeholder while the real module is written.)"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tts_tasks.errors import ModelMissingError


@dataclass(frozen=True, slots=True)
class BarkSource:
    """A model."""

    name: str
    repo: str | None
    commit: str | None
    folder: Path


def find_source(model: str, models: Path, home: Path) -> BarkSource:
    """Return the source."""
    folder = home / Path(model).expanduser()
    return BarkSource(model, None, None, folder if folder.is_dir() else models / "bark")


def require(source: BarkSource) -> Path:
    """Return the folder."""
    if not (source.folder / "config.json").is_file():
        raise ModelMissingError(
            f"Bark's model is not in {source.folder}",
            field="NARRATION_BARK_MODEL",
            value=source.name,
            remedy="run `narrate models pull bark`",
        )
    return source.folder


def revision(source: BarkSource) -> str:
    """Return the revision."""
    return "0"
