"""Every voice of every provider: what it is, whether it can speak now, and how it sounds."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_tasks.errors import InputError, ModelMissingError, NarrationError, storage_error
from tts_tasks.files import write_whole
from tts_tasks.settings import Settings

if TYPE_CHECKING:
    from tts_tasks.engines.protocol import Engine, Voice

SENTENCES = {
    "pt": "Olá! Eu sou uma das vozes deste curso: explico com calma, e às vezes pergunto. Vamos?",
    "en": "Hello! I am one of the voices of this course: I explain calmly, and I ask. Shall we?",
    "es": "¡Hola! Soy una de las voces de este curso: explico con calma y a veces pregunto.",
    "fr": "Bonjour ! Je suis une des voix de ce cours : j'explique avec calme, et je demande.",
    "it": "Ciao! Sono una delle voci di questo corso: spiego con calma, e a volte chiedo.",
    "de": "Hallo! Ich bin eine der Stimmen dieses Kurses: Ich erkläre ruhig, und ich frage.",
}
"""What a voice says of itself, by language; one of another language says the first one's."""

SAMPLE_FORMAT = "mp3"


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice and its provider."""

    provider: str
    """Name of the engine."""

    voice: Voice
    """What is known of it."""

    sample_rate: int
    """Hertz of what it speaks."""

    why_not: str | None
    """Why it cannot speak now; ``None`` when it can."""

    sample: Path | None = None
    """The standard sentence in this voice, once it was spoken."""

    duration_s: float = 0.0
    """Length of the sample."""

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        voice = {name: value for name, value in asdict(self.voice).items() if name != "expected"}
        return {
            "provider": self.provider,
            **voice,
            "sample_rate": self.sample_rate,
            "available": self.why_not is None,
            "why_not": self.why_not,
            "sample": str(self.sample) if self.sample else None,
        }


def list_voices(
    settings: Settings, *, provider: str | None = None, language: str | None = None
) -> list[ListedVoice]:
    """Return the voices, the most natural provider's first, each provider's default first.

    Args:
        settings: the installation.
        provider: only this one's.
        language: only those that speak it: ``pt`` for all Portuguese ones, ``pt-BR`` for some.

    Raises:
        UnknownProviderError: if there is no such provider.
        InputError: if nobody speaks the language.
    """
    listed = [
        voice
        for engine in _engines(settings, provider)
        for voice in _voices_of(engine)
        if language is None or _speaks(voice.voice, language)
    ]
    if language is not None and not listed:
        raise InputError(
            f"no voice speaks {language!r}",
            field="language",
            value=language,
            remedy="`narrate voices` lists all of them",
        )
    return listed


def _engines(settings: Settings, provider: str | None) -> list[Engine]:
    from tts_tasks.engines.registry import load_engine, providers

    if provider is not None:
        return [load_engine(provider, settings)]
    engines = []
    for name in providers():
        try:
            engines.append(load_engine(name, settings))
        except ModelMissingError:
            continue  # Another package's; `narrate doctor` says what is wrong with it.
    return sorted(engines, key=lambda engine: -engine.naturalness)


def _voices_of(engine: Engine) -> Iterator[ListedVoice]:
    availability = engine.availability(ask=True)
    for voice in engine.catalogue():
        why_not = availability.reason
        if why_not is None:
            try:
                voice = engine.describe(voice.name)
            except ModelMissingError as error:
                why_not = error.message
        yield ListedVoice(engine.name, voice, engine.sample_rate, why_not)


def _speaks(voice: Voice, language: str) -> bool:
    tag, wanted = voice.language.lower(), language.lower().replace("_", "-")
    return tag == wanted or tag.startswith(f"{wanted}-")


def preview(
    listed: Sequence[ListedVoice],
    settings: Settings,
    *,
    on_voice: Callable[[ListedVoice], None] = lambda _: None,
) -> Path:
    """Let every voice that can speak say its sentence, and write a page with players.

    A sample that was spoken before costs nothing: it is in the library.

    Args:
        listed: the voices.
        settings: the installation.
        on_voice: called when a voice has spoken.

    Returns:
        The page; the samples are beside it.
    """
    folder = settings.data / "previews"
    spoken = []
    for each in listed:
        heard = _with_sample(each, folder, settings) if each.why_not is None else each
        spoken.append(heard)
        on_voice(heard)
    page = folder / "voices.html"
    write_whole(page, render(spoken, folder))
    return page


def _with_sample(listed: ListedVoice, folder: Path, settings: Settings) -> ListedVoice:
    from flows.contract import as_request
    from tts_tasks import steps

    voice = listed.voice
    name = re.sub(r"[^A-Za-z0-9._+-]", "-", f"{listed.provider}-{voice.name}")
    try:
        # Captions and transcripts of a sample are of no use to anybody.
        with tempfile.TemporaryDirectory(dir=_made(settings.library)) as scratch:
            request = as_request(
                settings,
                text=sentence_in(voice.language),
                output_path=Path(scratch) / f"sample.{SAMPLE_FORMAT}",
                provider=listed.provider,
                voice=voice.name,
                language=voice.language,
                title=voice.name,
                accept_flagged=True,
            )
            narration = steps.narrate(request, settings)
            sample = _made(folder) / f"{name}.{SAMPLE_FORMAT}"
            os.replace(narration.audio, sample)
    except NarrationError as error:
        return replace(listed, why_not=str(error))
    except OSError as error:
        raise storage_error(error, folder) from error
    return replace(listed, sample=sample, duration_s=narration.duration_s)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sentence_in(language: str) -> str:
    """Return the standard sentence in a language, else in Portuguese."""
    return SENTENCES.get(language.lower().split("-")[0], SENTENCES["pt"])


def render(listed: Sequence[ListedVoice], folder: Path) -> str:
    """Return the page, its samples named relative to a folder."""
    from flows.pages import template

    groups: dict[str, list[dict[str, Any]]] = {}
    for each in listed:
        row = {**each.as_dict(), "duration_s": each.duration_s}
        row["sample"] = each.sample.relative_to(folder).as_posix() if each.sample else None
        groups.setdefault(each.provider, []).append(row)
    said = dict.fromkeys(sentence_in(each.voice.language) for each in listed if each.sample)
    return template("voices.html").render(groups=groups, sentences=list(said))
