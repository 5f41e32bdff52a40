"""The fourth step: from utterances to one finished, untagged audio file.

The loudness that counts is that of the *encoded* file: it is decoded and measured, and encoded
once more where the encoder moved it out of tolerance.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

from tts_tasks.errors import MasteringError, storage_error
from tts_tasks.mastering.assemble import Assembled, assemble
from tts_tasks.mastering.encode import decode, encode
from tts_tasks.mastering.integrity import check_audio
from tts_tasks.mastering.limiter import apply_gain, find_gain
from tts_tasks.mastering.loudness import Measurement, measure
from tts_tasks.mastering.profile import (
    PROFILES,
    AudioFormat,
    MasteringProfile,
    find_format,
    sample_rate_for,
)
from tts_tasks.values import Checkpoint, Mastered, Spoken, never_cancelled

TOLERANCE_LU = 0.15
"""Half of what a listener is promised (0.3 LU); beyond it the file is encoded again."""

MAX_ENCODES = 3
"""One is the rule; a second after a correction; a third where that was not enough."""

MAX_CORRECTION_LU = 1.0
"""The most that an encoder moves the loudness; what misses more could not be made that loud."""

logger = logging.getLogger(__name__)


def post_process(
    spoken: Spoken,
    folder: Path,
    *,
    profile: MasteringProfile = PROFILES["course"],
    checkpoint: Checkpoint = never_cancelled,
) -> Mastered:
    """Master a narration, or return the one that the library already holds.

    Args:
        spoken: the utterances, in the library.
        folder: scratch folder of the caller; the audio is left in it, and nothing else.
        profile: targets and settings.
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
    rate = sample_rate_for(audio_format, max(one.sample_rate for one in spoken.utterances))
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
        duration_s=measured.n_samples / rate,
        sample_rate=rate,
        loudness_lufs=measured.loudness_lufs,
        true_peak_dbtp=measured.true_peak_dbtp,
        spans=assembled.spans,
    )


def level_and_encode(
    assembled: Assembled,
    path: Path,
    audio_format: AudioFormat,
    profile: MasteringProfile,
    checkpoint: Checkpoint = never_cancelled,
) -> Measurement:
    """Write the waveform at its loudness into ``path`` and return what the file measures.

    Raises:
        MasteringError: the encoder is missing or failed, or the file stays over the ceiling.
    """
    rate = assembled.sample_rate
    unlimited = measure(assembled.blocks(), rate)
    loudness_lufs = profile.loudness_lufs - audio_format.encoder_gain_db
    ceiling_dbtp = profile.ceiling_dbtp - audio_format.encoder_gain_db - audio_format.peak_margin_db
    for attempt in range(1, MAX_ENCODES + 1):
        checkpoint()
        gains = find_gain(
            assembled.blocks,
            rate,
            unlimited,
            loudness_lufs=loudness_lufs,
            ceiling_dbtp=ceiling_dbtp,
            hold_ms=profile.limiter_hold_ms,
        )
        encode(
            apply_gain(assembled.blocks(), gains),
            rate,
            path,
            audio_format,
            bit_rate_kbps=profile.bit_rate_kbps,
            checkpoint=checkpoint,
        )
        measured = _verify(path, assembled, audio_format)
        missing_lu = profile.loudness_lufs - measured.loudness_lufs
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
        if is_off:
            loudness_lufs += missing_lu
        if excess_db > 0:
            ceiling_dbtp -= excess_db + audio_format.peak_margin_db / 2
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


def _verify(path: Path, assembled: Assembled, audio_format: AudioFormat) -> Measurement:
    """Return what the encoded file measures.

    Raises:
        MasteringError: the file is damaged, or not as long as what was encoded. ffmpeg leaves
            up to a frame of silence at the end of an MP3.
    """
    check_audio(path)
    rate, blocks = decode(path)
    measured = measure(blocks, rate)
    surplus = measured.n_samples - assembled.n_samples
    if rate != assembled.sample_rate or not 0 <= surplus <= audio_format.surplus_samples:
        raise MasteringError(
            f"{assembled.n_samples} samples at {assembled.sample_rate} Hz became "
            f"{measured.n_samples} at {rate} Hz in the encoded file",
            field="audio",
            value=path.name,
            remedy="check the ffmpeg that is used",
        )
    return measured
