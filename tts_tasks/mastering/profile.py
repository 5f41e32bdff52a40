"""What the narration should sound like, and in which formats: what belongs to its key.

Changing a number here, or the signal path of this package, changes the sound of every narration;
``describe`` makes it part of the narration key, so that old audio is not mistaken for new.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from tts_tasks.errors import UnknownFormatError

REVISION = "1"
"""Revision of this package's signal path; raise it with every change that can be heard."""


@dataclass(frozen=True, slots=True)
class MasteringProfile:
    """Targets and settings of the signal path."""

    loudness_lufs: float = -16.0
    """Integrated loudness of the encoded file, mono measured as one channel,
    as ffmpeg's ``ebur128`` does."""

    ceiling_dbtp: float = -1.5
    """Highest true peak of the encoded file."""

    trim_threshold_db: float = -45.0
    """Silence is what lies this far below the chunk's own speech level. A final s lies
    at -13 to -19 dB, a final f at -23 to -32 dB (five eSpeak NG voices, 2026-11-22)."""

    trim_lead_ms: float = 25.0
    """Kept before the first sound of a chunk: the closure of a stop consonant."""

    trim_tail_ms: float = 60.0
    """Kept after the last sound of a chunk: the decay of a soft consonant."""

    fade_in_ms: float = 5.0
    """Raised-cosine fade at the start of each chunk, inside the kept lead."""

    fade_out_ms: float = 10.0
    """Raised-cosine fade at the end of each chunk, inside the kept tail."""

    end_silence_ms: float = 300.0
    """Silence after the last chunk."""

    limiter_hold_ms: float = 12.5
    """Half-width of the limiter's window: one period of the lowest voice (80 Hz), so that the
    gain does not ripple within a period, which would be heard as roughness."""

    bit_rate_kbps: int = 80
    """Bit rate of lossy formats. 80 kb/s mono at 22.05 kHz keeps LAME's noise 35 dB below the
    speech; 64 kb/s only 31 dB (eSpeak NG, 2026-11-22)."""


PROFILES: Mapping[str, MasteringProfile] = {"course": MasteringProfile()}
"""Profiles by name."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A file format that narrations can be published in."""

    name: str
    """What requests call it."""

    extension: str
    """File suffix with its dot."""

    media_type: str
    """For HTTP and feeds."""

    encoder: tuple[str, ...]
    """ffmpeg's output arguments, without the bit rate."""

    lossy: bool
    """Whether the profile's bit rate applies, and the audio differs from what was encoded."""

    sample_rates_hz: tuple[int, ...] = ()
    """Sample rates that the format can hold, rising; empty means any."""

    encoder_gain_db: float = 0.0
    """What the encoder does to the level."""

    surplus_samples: int = 0
    """How much longer than its input the encoded audio may be."""

    peak_margin_db: float = 0.05
    """How far below the ceiling the limiter must stay for the encoded file to be under it."""


FORMATS: Mapping[str, AudioFormat] = {
    "mp3": AudioFormat(
        name="mp3",
        extension=".mp3",
        media_type="audio/mpeg",
        # LAME's quality 7 spends the bits on plain accuracy. Its default, 5, shapes the noise up
        # to its idea of the mask: on speech at 80 kb/s that is 13 dB more noise, 1 dB more peak
        # and twice the CPU (22.05 kHz, eSpeak NG and ffmpeg 9.0, 2026-11-22).
        encoder=("-c:a", "libmp3lame", "-compression_level", "7"),
        lossy=True,
        sample_rates_hz=(8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
        # LAME scales its input by 0.95: measured -0.446 to -0.451 dB at 48 to 128 kb/s and
        # 22.05 to 44.1 kHz (ffmpeg 9.0, 2026-11-22). What else encodes is corrected afterwards.
        surplus_samples=1_152,
        encoder_gain_db=20 * math.log10(0.95),
        peak_margin_db=0.45,
    ),
    "wav": AudioFormat(
        name="wav",
        extension=".wav",
        media_type="audio/wav",
        encoder=("-c:a", "pcm_s16le"),
        lossy=False,
    ),
    "flac": AudioFormat(
        name="flac",
        extension=".flac",
        media_type="audio/flac",
        encoder=("-c:a", "flac", "-sample_fmt", "s16"),
        lossy=False,
    ),
}
"""Formats by name."""


def find_format(name: str) -> AudioFormat:
    """Return the format of that name.

    Raises:
        UnknownFormatError: if there is none; the message names those there are.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise UnknownFormatError(
            f"no audio format {name!r}",
            field="format",
            value=name,
            remedy=f"use one of: {', '.join(FORMATS)}",
        ) from None


def sample_rate_for(audio_format: AudioFormat, rate_hz: int) -> int:
    """Return the sample rate to master at: the voice's own where the format can hold it.

    Args:
        audio_format: the format of the finished file.
        rate_hz: sample rate of the utterances, in hertz.

    Returns:
        ``rate_hz``, or the next higher rate that the format holds, or its highest.
    """
    rates = audio_format.sample_rates_hz
    if not rates:
        return rate_hz
    return next((rate for rate in rates if rate >= rate_hz), rates[-1])


def describe(profile: MasteringProfile, format: str) -> str:
    """Return the canonical text of everything that changes the sound, for the narration key.

    Raises:
        UnknownFormatError: if there is no such format.
    """
    audio_format = find_format(format)
    settings = {
        "revision": REVISION,
        "profile": asdict(profile),
        "format": {"name": audio_format.name, "encoder": audio_format.encoder},
    }
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))
