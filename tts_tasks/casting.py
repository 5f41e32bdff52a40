"""Who speaks a narration: the choice with all that is known, and the script for whoever it is.

The engines know their voices, the library what was spoken before and what came of whom; here they
meet.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from tts_tasks.catalog import keys
from tts_tasks.catalog.history import provider_history
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.lookup import missing_chunks
from tts_tasks.engines.choose import Choice, Circumstances, choose
from tts_tasks.engines.protocol import Voice
from tts_tasks.errors import (
    EngineParameterError,
    InputError,
    ModelMissingError,
    NarrationError,
    UnknownVoiceError,
)
from tts_tasks.mastering.profile import FORMATS, describe, find_format, find_profile
from tts_tasks.request import AUTO, NarrationRequest
from tts_tasks.script import validate as script
from tts_tasks.script.chunks import Line
from tts_tasks.script.lexicon import system_lexicon
from tts_tasks.settings import Settings
from tts_tasks.values import Chunk, Script


def cast(
    request: NarrationRequest, settings: Settings, *, gpu_online: bool | None = None
) -> Script:
    """Return what will be said, by whoever is the best that can say it.

    Args:
        request: what the caller asks for.
        settings: the installation.
        gpu_online: whether a worker with a GPU is online; ``None`` where this process speaks.

    Raises:
        InputError, ModelMissingError: see ``choose`` and ``compose``.
    """
    circumstances = Circumstances(
        characters=len(request.text),
        preference=request.preference,
        failed=request.failed,
        gpu_online=gpu_online,
        cached=partial(_cached_share, request, settings),
        history=partial(provider_history, settings.library),
    )
    refused: dict[str, str] = {}
    refusal: NarrationError | None = None
    while True:
        try:
            choice = choose(
                request.provider,
                request.voice,
                request.language,
                settings,
                request.parameters,
                replace(circumstances, refused=refused),
            )
        except (InputError, ModelMissingError) as error:
            # Nobody is left: what the first one could not do says most.
            raise refusal or error from None
        try:
            return compose(request, choice, settings)
        except (UnknownVoiceError, EngineParameterError) as error:
            # A voice or a pace inside the text, which another provider may have.
            if request.provider != AUTO or choice.engine.name in refused:
                raise
            refusal = refusal or error
            refused[choice.engine.name] = error.message


def _cached_share(request: NarrationRequest, settings: Settings, choice: Choice) -> float:
    """Return how much of a text the library has in a voice, from 0 to 1, by its characters."""
    try:
        script = compose(request, choice, settings)
    except InputError:
        return 0.0  # Whoever is chosen will say what is wrong with it.
    missing = missing_chunks(script, Library(settings.library))
    distinct = {chunk.key: len(chunk.spoken) for chunk in script.chunks}
    return 1 - sum(distinct[chunk.key] for chunk in missing) / sum(distinct.values())


def compose(request: NarrationRequest, choice: Choice, settings: Settings) -> Script:
    """Return what will be said, when it is known by whom.

    Raises:
        InputError: names the field, the value and the remedy.
    """
    format = find_format(request.format or suffix_format(request.output_path)).name
    profile = find_profile(request.profile)
    cast = _Cast(choice, settings)
    chunks = tuple(
        cast.chunk(line, request.seed) for line in script.validate(request, cast.narrator)
    )
    mastering = describe(profile, format)
    return Script(
        chunks=chunks,
        provider=choice.engine.name,
        voice=choice.voice.name,
        revision=cast.revision(choice.voice),
        format=format,
        mastering=mastering,
        characters=len(request.text),
        key=keys.narration_key(
            chunk_keys=[chunk.key for chunk in chunks],
            pauses_s=[chunk.pause_s for chunk in chunks],
            lead_s=chunks[0].lead_s,
            mastering=mastering,
            format=format,
        ),
        choice=choice.reason,
        ranking=choice.ranking,
        is_downgrade=choice.is_downgrade,
        accept_flagged=request.accept_flagged,
        profile=profile.name,
        quality=request.quality.value,
    )


class _Cast:
    """Who speaks a narration: its voice, and those that its author asks for here and there."""

    def __init__(self, choice: Choice, settings: Settings) -> None:
        """Begin with the narration's own voice."""
        self._choice = choice
        self._settings = settings
        self._voices: dict[str | None, Voice] = {None: choice.voice}

    def narrator(self, voice: str | None) -> script.Narrator:
        """Return a voice of the narration's engine, as far as the text is concerned.

        Raises:
            UnknownVoiceError: if the engine has no such voice.
        """
        engine = self._choice.engine
        speaks = self._voices[voice] = self._voices.get(voice) or engine.describe(str(voice))

        def fits(spoken: str) -> bool:
            return len(spoken) <= engine.max_chars and engine.fits(spoken, speaks.name)

        return script.Narrator(
            language=speaks.language,
            fits=fits,
            provider=engine.name,
            phonemes=engine.speaks_phonemes,
            lexicon=system_lexicon(self._settings.lexicons, speaks.language),
        )

    def chunk(self, line: Line, seed: int) -> Chunk:
        """Return a line with all that decides how it sounds.

        Raises:
            EngineParameterError: if the engine cannot speak at the pace of the line.
        """
        engine, voice = self._choice.engine, self._voices[line.voice]
        parameters = self._choice.parameters
        if line.pace != 1.0:
            try:
                parameters = engine.at_pace(parameters, line.pace)
            except EngineParameterError as error:
                raise EngineParameterError(
                    f"{line.pace:g} times the pace is more than {engine.name} can do "
                    f"({error.message})",
                    field="pace",
                    value=line.pace,
                    remedy="ask <prosody rate> for a rate nearer to 100%",
                ).at_line(line.number) from error
        return Chunk(
            written=line.written,
            spoken=line.spoken,
            voice=voice.name,
            parameters=parameters,
            seed=seed,
            pause_s=line.pause_s,
            lead_s=line.lead_s,
            structure=line.structure,
            line=line.number,
            paragraph=line.paragraph,
            readings=line.readings,
            revision=self.revision(voice),
            key=keys.chunk_key(
                spoken=line.spoken,
                provider=engine.name,
                revision=self.revision(voice),
                voice=voice.name,
                parameters=parameters,
                seed=seed,
            ),
        )

    def revision(self, voice: Voice) -> str:
        """Return the revision of the engine with a voice."""
        revision = self._choice.engine.revision
        return f"{revision}+{voice.revision}" if voice.revision else revision


def suffix_format(path: Path) -> str:
    """Return the format that a file name asks for; ``mp3`` when it asks for none of ours."""
    suffix = path.suffix.lower()
    return next((name for name, known in FORMATS.items() if known.extension == suffix), "mp3")
