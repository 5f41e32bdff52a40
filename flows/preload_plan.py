"""Which phrases are to be preloaded: read from a file, each planned in each voice, and looked up.

Nothing is spoken here, and no server is needed.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import batches
from flows.contract import as_request
from tts_tasks.errors import EmptyTextError, InputError, SourceError, TextTooLongError
from tts_tasks.settings import Settings
from tts_tasks.values import Script

if TYPE_CHECKING:
    from tts_tasks.script.lexicon import Entry

MAX_ITEMS = 10_000
"""Phrases times voices, at most: a run costs 0.4 s of computing besides what it speaks, so that
these are more than an hour's work (2 cores, 2026-11-22)."""

FORMAT = "mp3"
"""Format of the narrations: that of a course that asks for no other."""

TITLE_CHARS = 60
"""Characters of a phrase in the name of its run."""

OnProgress = Callable[[int, int], None]
"""Told how many of how many are dealt with."""


@dataclass(frozen=True, slots=True)
class PlannedPhrase:
    """A phrase in one voice."""

    phrase: str
    """What is to be said."""

    script: Script
    """What will be said, and by whom."""

    parameters: dict[str, Any]
    """Parameters of its ``narrate`` run."""

    is_present: bool
    """Whether the library has every sentence of it, and nothing is wrong with them."""


def read_phrases(path: Path) -> list[str]:
    """Return the phrases of a file: one on each line, or a JSON list.

    Blank lines, and lines that begin with ``#``, are no phrases. An element of the list is a
    phrase, or an object with the field ``phrase``, as ``narrate cache preload --suggest --json``
    prints it.

    Raises:
        SourceError: if the file cannot be read, is not UTF-8 or no such list.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SourceError(
            f"cannot be read ({error.strerror})",
            field="file",
            value=path,
            remedy="give a text file with a phrase on each line, or a JSON list",
        ) from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path.name} is not UTF-8 (byte {error.start})",
            field="file",
            value=path,
            remedy="convert it, e.g. with `iconv -f latin1 -t utf-8`",
        ) from error
    if text.lstrip().startswith("["):
        return _phrases_of_json(text, path)
    lines = map(str.strip, text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _phrases_of_json(text: str, path: Path) -> list[str]:
    remedy = 'write ["Bom dia!", "Vamos lá."], or a phrase on each line, the first line a # comment'
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"{path.name} begins with '[' and is no JSON ({error})",
            field="file",
            value=path,
            remedy=remedy,
        ) from error
    phrases: list[str] = []
    for number, each in enumerate(found, start=1):
        phrase = each.get("phrase") if isinstance(each, dict) else each
        if not isinstance(phrase, str):
            raise SourceError(
                f"element {number} of {path.name} is no phrase",
                field="file",
                value=each,
                remedy=remedy,
            )
        phrases.append(phrase)
    return phrases


def distinct_phrases(phrases: Iterable[str], settings: Settings) -> list[str]:
    """Return the phrases without white space around them, each once.

    Raises:
        InputError: if there is none, or one is too long.
    """
    found = [phrase for phrase in dict.fromkeys(map(str.strip, phrases)) if phrase]
    if not found:
        raise InputError(
            "there are no phrases",
            field="phrases",
            remedy="give them as arguments, or as --file FILE with a phrase on each line",
        )
    for phrase in found:
        if len(phrase) > settings.max_text_chars:
            raise TextTooLongError(
                f"{len(phrase):,} characters are over the limit of {settings.max_text_chars:,}",
                field="phrases",
                value=phrase,
                remedy="preload the sentences that recur, not whole lessons",
            )
    return found


def plan_phrases(
    phrases: Iterable[str],
    voices: Sequence[str | None],
    provider: str,
    settings: Settings,
    *,
    language: str = "pt-BR",
    parameters: Mapping[str, object] | None = None,
    lexicon: Mapping[str, Entry] | None = None,
    gpu_online: bool | None = None,
    batch_id: str | None = None,
    on_progress: OnProgress | None = None,
) -> list[PlannedPhrase]:
    """Return each phrase in each voice, and whether the library has it. Nothing is spoken.

    Args:
        phrases: what is to be said.
        voices: with which voices; ``None`` and an empty list mean the provider's own.
        provider: an engine's name, or ``auto``.
        settings: the installation.
        language: BCP 47 tag of the phrases.
        parameters: engine parameters, as the lessons will have them.
        lexicon: term -> how to say it, as the lessons will have it.
        gpu_online: whether a worker with a GPU is online; ``None`` where this process speaks.
        batch_id: the batch that they belong to.
        on_progress: told how many are planned: one takes 4 ms, with ``auto`` 9 ms (2 cores,
            2026-11-24).

    Raises:
        NarrationError: if there is no such voice or provider, or there is nothing to say in a
            phrase; it names the phrase.
        InputError: if there are too many of them, or none.
    """
    found = distinct_phrases(phrases, settings)
    asked = list(dict.fromkeys(voices or [None]))
    if len(found) * len(asked) > MAX_ITEMS:
        raise InputError(
            f"{len(found):,} phrases in {len(asked)} voice(s) are over the limit of {MAX_ITEMS:,}",
            field="phrases",
            value=len(found) * len(asked),
            remedy="give them in several parts; what is there already costs nothing",
        )
    folder = audio_folder(settings, batch_id or new_batch_id())
    spoken: dict[str, Any] = {
        "language": language,
        "parameters": dict(parameters or {}),
        "lexicon": dict(lexicon or {}),
        "format": FORMAT,
    }
    planned: list[PlannedPhrase] = []
    for voice in asked:
        for phrase in found:
            given = {
                **spoken,
                "text": phrase,
                "output_path": str(folder / f"{len(planned) + 1:05d}.{FORMAT}"),
                "provider": provider,
                "voice": voice,
                "title": f"preload: {phrase[:TITLE_CHARS]}",
            }
            planned.append(_planned(phrase, given, settings, gpu_online))
            if on_progress:
                on_progress(len(planned), len(found) * len(asked))
    return planned


def _planned(
    phrase: str, given: dict[str, Any], settings: Settings, gpu_online: bool | None
) -> PlannedPhrase:
    from tts_tasks import steps

    request = as_request(settings, **given, first_line=None)
    try:
        script = steps.validate(request, settings, gpu_online=gpu_online)
    except (EmptyTextError, TextTooLongError, SourceError) as error:
        raise error.in_file(f"the phrase {phrase[:TITLE_CHARS]!r}") from error
    # Whoever was chosen speaks: with ``auto``, the run might end in a voice that nobody asked for.
    named = {**given, "provider": script.provider, "voice": script.voice}
    return PlannedPhrase(phrase, script, named, is_present=_is_present(script, settings))


def _is_present(script: Script, settings: Settings) -> bool:
    """Return whether nothing is missing; takes that failed their checks are not what was wanted."""
    from tts_tasks.catalog.library import Library
    from tts_tasks.catalog.lookup import missing_chunks

    library = Library(settings.library)
    if missing_chunks(script, library):
        return False
    found = (library.find_utterance(chunk) for chunk in script.chunks)
    return not any(each.quality.flags for each in found if each and each.quality)


def renew(planned: Iterable[PlannedPhrase], settings: Settings) -> None:
    """Count what is present as used now: whoever asks for it wants it not to be evicted next.

    Raises:
        CatalogError: if the library may not be read.
    """
    from tts_tasks.catalog.library import Library

    objects = Library(settings.library).objects
    for each in planned:
        if each.is_present:
            for key in [each.script.key, *(chunk.key for chunk in each.script.chunks)]:
                objects.touch(key)


def new_batch_id() -> str:
    """Return an id that sorts by time."""
    return f"preload-{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


def missing_of(planned: Iterable[PlannedPhrase]) -> dict[str, PlannedPhrase]:
    """Return what is to be spoken, by the key of its narration: what sounds the same, once."""
    missing: dict[str, PlannedPhrase] = {}
    for each in planned:
        if not each.is_present:
            missing.setdefault(each.script.key, each)
    return missing


def item_id(planned: PlannedPhrase) -> str:
    """Return what a phrase is called in its batch."""
    return Path(planned.parameters["output_path"]).stem


def audio_folder(settings: Settings, batch_id: str) -> Path:
    """Return where the runs leave their files until the batch has ended."""
    return batches.batch_folder(settings, batch_id) / "audio"
