"""The fourth step: from utterances to one finished, untagged audio file.

The loudness that counts is that of the *encoded* file: it is decoded and measured, and encoded
once more where the encoder moved it out of tolerance.
"""

from __future__ import annotations

import logging
import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tts_tasks.errors import MasteringError, storage_error
from tts_tasks.mastering.assemble import Assembled, assemble
from tts_tasks.mastering.encode import decode, encode
from tts_tasks.mastering.integrity import check_audio
from tts_tasks.mastering.limiter import apply_gain, find_gain, gain_curve
from tts_tasks.mastering.loudness import Measurement, measure
from tts_tasks.mastering.profile import (
    AudioFormat,
    MasteringProfile,
    find_format,
    find_profile,
    sample_rate_for,
)
from tts_tasks.values import Checkpoint, Mastered, Samples, Spoken, never_cancelled

TOLERANCE_LU = 0.15
"""Half of what a listener is promised (0.3 LU); beyond it the file is encoded again."""

MAX_ENCODES = 6
"""One is the rule, a second after a correction; a whisper in Opus, which is noise, needs more."""

HEADROOM_SHARE = 0.6
"""How much of the room under the ceiling is used at a time where the loudness needs it."""

MAX_CORRECTION_LU = 1.0
"""The most that an encoder moves the loudness; what misses more could not be made that loud."""

PEAK_STEP_DB = 0.25
"""How much more than the excess the ceiling is lowered by for the next encode."""

logger = logging.getLogger(__name__)


def post_process(
    spoken: Spoken,
    folder: Path,
    *,
    profile: MasteringProfile | None = None,
    checkpoint: Checkpoint = never_cancelled,
) -> Mastered:
    """Master a narration, or return the one that the library already holds.

    Args:
        spoken: the utterances, in the library.
        folder: scratch folder of the caller; the audio is left in it, and nothing else.
        profile: targets and settings; by default the one that the script names.
        checkpoint: called between units of work.

    Raises:
        EngineOutputError: an utterance is empty, silent or not finite.
        MasteringError: the encoder is missing or failed.
        CatalogError: the folder cannot be written.
        CancelledError: from the checkpoint.
    """
    if spoken.plan.finished is not None:
        return spoken.plan.finished
    audio_format = find_format(spoken.plan.script.format)
    profile = profile or find_profile(spoken.plan.script.profile)
    voice_rate = max(one.sample_rate for one in spoken.utterances)
    rate = sample_rate_for(audio_format, voice_rate, profile)
    target = folder / f"narration{audio_format.extension}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mastering-", dir=folder) as scratch:
            assembled = assemble(
                spoken.utterances,
                Path(scratch) / "joined.f32",
                profile=profile,
                sample_rate=rate,
                checkpoint=checkpoint,
            )
            encoded = Path(scratch) / target.name
            measured = level_and_encode(assembled, encoded, audio_format, profile, checkpoint)
            os.replace(encoded, target)
    except OSError as error:
        raise storage_error(error, folder) from error
    return Mastered(
        path=target,
        format=audio_format.name,
        duration_s=measured.duration_s,
        sample_rate=measured.sample_rate,
        loudness_lufs=measured.loudness_lufs,
        true_peak_dbtp=measured.true_peak_dbtp,
        spans=assembled.spans,
        words=assembled.words,
        flagged=_flagged(spoken),
        checks=spoken.plan.script.quality,
    )


def _flagged(spoken: Spoken) -> tuple[str, ...]:
    """Return the keys of the chunks whose take failed a check, each once, in order."""
    keys = (
        utterance.chunk.key
        for utterance in spoken.utterances
        if utterance.quality is not None and utterance.quality.flags
    )
    return tuple(dict.fromkeys(keys))


def level_and_encode(
    assembled: Assembled,
    path: Path,
    audio_format: AudioFormat,
    profile: MasteringProfile,
    checkpoint: Checkpoint = never_cancelled,
    *,
    chapters: Path | None = None,
) -> Measurement:
    """Write the waveform at its loudness into ``path`` and return what the file measures.

    Raises:
        MasteringError: the encoder is missing or failed, or the file stays over the ceiling.
    """
    unlimited = measure(assembled.blocks(), assembled.sample_rate)
    target = Target(
        profile.loudness_lufs and profile.loudness_lufs - audio_format.encoder_gain_db,
        profile.ceiling_dbtp - audio_format.encoder_gain_db - audio_format.peak_margin_db,
    )
    for attempt in range(1, MAX_ENCODES + 1):
        checkpoint()
        encode(
            apply_gain(assembled.blocks(), _gains(assembled, unlimited, target, profile)),
            assembled.sample_rate,
            path,
            audio_format,
            bit_rate_kbps=profile.bit_rate_kbps(audio_format.codec),
            chapters=chapters,
            checkpoint=checkpoint,
        )
        measured = _verify(path, assembled, audio_format)
        missing_lu = (profile.loudness_lufs or measured.loudness_lufs) - measured.loudness_lufs
        excess_db = measured.true_peak_dbtp - profile.ceiling_dbtp
        logger.debug(
            "encode %d: %.2f LUFS, %.2f dBTP",
            attempt,
            measured.loudness_lufs,
            measured.true_peak_dbtp,
        )
        is_off = TOLERANCE_LU < abs(missing_lu) <= MAX_CORRECTION_LU
        if excess_db <= 0 and not is_off:
            break
        change_db = 0.0
        if excess_db > 0:
            change_db = -(excess_db + PEAK_STEP_DB)
        elif missing_lu > TOLERANCE_LU:
            # The margin was more than this encoder needs here: give back most of what is left.
            change_db = -HEADROOM_SHARE * excess_db
        target = Target(
            target.loudness_lufs and target.loudness_lufs + (missing_lu if is_off else 0.0),
            target.ceiling_dbtp + change_db,
        )
    if excess_db > 0:
        raise MasteringError(
            f"the encoded audio peaks at {measured.true_peak_dbtp:.2f} dBTP, above "
            f"{profile.ceiling_dbtp} dBTP, after {MAX_ENCODES} attempts",
            field="audio",
            value=audio_format.name,
            remedy="use another format, or report the text: speech does not do this",
        )
    if abs(missing_lu) > TOLERANCE_LU:
        logger.warning(
            "the narration measures %.1f LUFS instead of %.1f: its peaks are too high for more",
            measured.loudness_lufs,
            profile.loudness_lufs,
        )
    return measured


@dataclass(frozen=True, slots=True)
class Target:
    """What the encoder must be given, so that what it gives back is right."""

    loudness_lufs: float | None
    """Integrated loudness; ``None`` leaves the level as it is."""

    ceiling_dbtp: float
    """Highest true peak."""


def _gains(
    assembled: Assembled, unlimited: Measurement, target: Target, profile: MasteringProfile
) -> Samples:
    """Return the gain curve of the assembled waveform, whose blocks are scaled to full scale."""
    if target.loudness_lufs is None:
        return gain_curve(
            unlimited.cell_peaks,
            assembled.sample_rate,
            gain_db=20 * math.log10(assembled.peak),
            ceiling_dbtp=target.ceiling_dbtp,
            hold_ms=profile.limiter_hold_ms,
        )
    return find_gain(
        assembled.blocks,
        assembled.sample_rate,
        unlimited,
        loudness_lufs=target.loudness_lufs,
        ceiling_dbtp=target.ceiling_dbtp,
        hold_ms=profile.limiter_hold_ms,
    )


def _verify(path: Path, assembled: Assembled, audio_format: AudioFormat) -> Measurement:
    """Return what the encoded file measures.

    Raises:
        MasteringError: the file is damaged, or not as long as what was encoded. ffmpeg leaves
            up to a frame of silence at the end of an MP3.
    """
    surplus_samples = audio_format.surplus_samples
    check_audio(path)
    rate, blocks = decode(path)
    measured = measure(blocks, rate, keeps_cells=False)
    expected_rate = audio_format.decoded_rate_hz or assembled.sample_rate
    expected = assembled.duration_s * expected_rate
    # Half a sample is lost or won where the encoder works at another sample rate.
    if rate != expected_rate or not (
        math.floor(expected) <= measured.n_samples <= math.ceil(expected + surplus_samples)
    ):
        raise MasteringError(
            f"{assembled.n_samples} samples at {assembled.sample_rate} Hz became "
            f"{measured.n_samples} at {rate} Hz in the encoded file",
            field="audio",
            value=path.name,
            remedy="check the ffmpeg that is used",
        )
    return measured
