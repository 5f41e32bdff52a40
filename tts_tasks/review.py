"""Which takes are good enough: the checks of mastering, bound to an engine and the library.

Every take is judged before it is kept, and what was found out is an event. A narration with a
flagged take is made, but not published, until somebody accepts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import soundfile

from tts_tasks.catalog.library import Library, encode_flac
from tts_tasks.engines.protocol import Engine
from tts_tasks.engines.synthesize import UNUSABLE, TakeMade
from tts_tasks.errors import CatalogError, FlaggedError, ModelMissingError, excerpt
from tts_tasks.marks import without_phonemes
from tts_tasks.mastering.asr import Recogniser, check_with_asr, load_recogniser
from tts_tasks.mastering.quality import check_take
from tts_tasks.request import QualityChecks
from tts_tasks.script.normalise import normalise
from tts_tasks.settings import Settings
from tts_tasks.values import (
    Checkpoint,
    Chunk,
    Mastered,
    Plan,
    Quality,
    Script,
    Spoken,
    Utterance,
    Waveform,
)

SHOWN_SENTENCES = 3
"""How many flagged sentences a message repeats."""


@dataclass(frozen=True, slots=True)
class Review:
    """The checks of one narration."""

    script: Script
    """What is said."""

    engine: Engine
    """Who says it."""

    library: Library
    """Where takes are kept."""

    recogniser: Recogniser | None = None
    """Who writes the takes down, where the request asks for that."""

    def judge(self, chunk: Chunk, waveform: Waveform) -> Quality:
        """Return what is found out about a take that further steps can use."""
        spoken = without_phonemes(chunk.spoken)
        quality = check_take(
            waveform.samples,
            waveform.sample_rate,
            spoken=spoken,
            expected=self.engine.expects(chunk),
        )
        quality = with_flags(quality, waveform.flags)
        if self.recogniser is None:
            return quality
        language = self.engine.describe(chunk.voice).language
        return check_with_asr(
            quality,
            waveform.samples,
            waveform.sample_rate,
            spoken=spoken,
            language=language,
            recogniser=self.recogniser,
            written=chunk.written,
            normalise=partial(normalise, lexicon=None) if language.startswith("pt") else None,
        )

    def keep(self, take: TakeMade, refused: Sequence[TakeMade]) -> Utterance:
        """Put the accepted take of a chunk into the library, and the refused ones beside it."""
        for other in refused:
            self._record(other.chunk, other.quality, other.seed, other, accepted=False)
            if other.quality.badness < UNUSABLE:
                audio = encode_flac(other.waveform)
                self.library.refused.put(other.chunk.key, other.seed, audio, other.quality)
        self._record(take.chunk, take.quality, take.seed, take, accepted=True)
        return self.library.register_utterance(
            take.chunk,
            take.waveform,
            provider=self.script.provider,
            revision=take.chunk.revision or self.script.revision,
            synthesis_s=take.synthesis_s + sum(other.synthesis_s for other in refused),
            quality=take.quality,
            seed=take.seed,
            takes=1 + len(refused),
        )

    def complete(self, plan: Plan, checkpoint: Checkpoint) -> Plan:
        """Return the plan, its utterances checked that the library has from before such checks.

        Raises:
            CatalogError: if an utterance cannot be read.
        """
        checked = {}
        for key, utterance in plan.utterances.items():
            checkpoint()
            checked[key] = utterance if self._is_checked(utterance) else self._check(utterance)
        return replace(plan, utterances=checked)

    def _is_checked(self, utterance: Utterance) -> bool:
        quality = utterance.quality
        return quality is not None and (self.recogniser is None or quality.asr is not None)

    def _check(self, utterance: Utterance) -> Utterance:
        try:
            samples, sample_rate = soundfile.read(utterance.path, dtype="float32")
        except (OSError, soundfile.LibsndfileError) as error:
            raise CatalogError(
                f"cannot read the audio of {excerpt(utterance.chunk.written)!r} ({error})",
                field="utterance",
                value=utterance.path,
                remedy="remove the file: the chunk is then spoken again",
            ) from error
        quality = self.judge(utterance.chunk, Waveform(samples, sample_rate))
        self.library.note_quality(utterance, quality)
        self._record(utterance.chunk, quality, None, utterance, accepted=True)
        return replace(utterance, quality=quality)

    def _record(
        self,
        chunk: Chunk,
        quality: Quality,
        seed: int | None,
        take: TakeMade | Utterance,
        *,
        accepted: bool,
    ) -> None:
        audio = take.waveform if isinstance(take, TakeMade) else take
        self.library.record(
            "take_checked",
            chunk.key,
            provider=self.script.provider,
            voice=chunk.voice,
            seed=seed,
            accepted=accepted,
            flags=list(quality.flags),
            badness=quality.badness if quality.badness < UNUSABLE else None,
            scores=dict(quality.scores),
            asr=quality.asr,
            duration_s=audio.duration_s,
            synthesis_s=take.synthesis_s,
        )


def with_flags(quality: Quality, flags: Sequence[str]) -> Quality:
    """Return a quality with what the engine itself found wrong; each flag counts as a limit hit."""
    more = tuple(flag for flag in flags if flag not in quality.flags)
    if not more:
        return quality
    return replace(
        quality, flags=(*more, *quality.flags), badness=quality.badness + float(len(more))
    )


def review_of(script: Script, engine: Engine, library: Library, settings: Settings) -> Review:
    """Return the checks that a narration asks for.

    Raises:
        ModelMissingError: if a recogniser is asked for and there is none.
    """
    if script.quality != QualityChecks.ASR:
        return Review(script, engine, library)
    if settings.asr_model is None:
        raise ModelMissingError(
            "quality: asr needs a speech recogniser, and none is set",
            field="NARRATION_ASR_MODEL",
            remedy="set it to the folder of a Whisper model",
        )
    return Review(script, engine, library, load_recogniser(settings.asr_model))


def refuse_flagged(spoken: Spoken, mastered: Mastered) -> None:
    """Refuse to publish a narration with a flagged take.

    Args:
        spoken: what was said.
        mastered: the finished audio; it stays in the library.

    Raises:
        FlaggedError: names the sentences, and what is wrong with each.
    """
    if not mastered.flagged:
        return
    flags = {
        utterance.chunk.key: utterance.quality.flags
        for utterance in spoken.utterances
        if utterance.quality is not None
    }
    written = {chunk.key: chunk.written for chunk in spoken.plan.script.chunks}
    named = [
        f"{excerpt(written.get(key, key))!r}"
        + (f" ({', '.join(each.replace('_', ' ') for each in flags[key])})" if key in flags else "")
        for key in mastered.flagged[:SHOWN_SENTENCES]
    ]
    n_more = len(mastered.flagged) - len(named)
    more = f" and {n_more} more" if n_more else ""
    raise FlaggedError(
        f"{len(mastered.flagged)} sentence(s) failed the quality checks: {', '.join(named)}{more}",
        field="text",
        value=written.get(mastered.flagged[0]),
        remedy="hear them with `narrate listen`, then reword them, or publish with accept_flagged",
    )
