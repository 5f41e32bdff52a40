"""The error of a file that is not what it says it is."""

from __future__ import annotations

from pathlib import Path

from tts_tasks.errors import MasteringError


def damaged(path: Path, problem: str) -> MasteringError:
    """Return the error that says what is wrong with a finished file.

    Args:
        path: the file.
        problem: what is wrong, as it follows the file's name in a sentence.
    """
    return MasteringError(
        f"{path.name} {problem}",
        field="audio",
        value=path,
        remedy="remove the file: it is then made again",
    )
