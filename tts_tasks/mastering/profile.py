"""What the narration should sound like, and in which formats: what belongs to its key.

Changing a number here, or the signal path of this package, changes the sound of every narration;
``describe`` makes it part of the narration key, so that old audio is not mistaken for new.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from tts_tasks.errors import UnknownFormatError, UnknownProfileError

REVISION = "2"
"""Revision of this package's signal path; raise it with every change that can be heard."""


@dataclass(frozen=True, slots=True)
class MasteringProfile:
    """Targets and settings of the signal path."""

    name: str = "course"
    """What requests call it."""

    loudness_lufs: float | None = -16.0
    """Integrated loudness of the encoded file, mono measured as one channel, as ffmpeg's
    ``ebur128`` does; ``None`` leaves the level as it is."""

    ceiling_dbtp: float = -1.5
    """Highest true peak of the encoded file."""

    sample_rate_hz: int | None = None
    """Sample rate of the file; ``None`` for the voice's own, where the format can hold it."""

    high_pass_hz: float = 20.0
    """What lies lower in a take is no voice: an offset would thump where the take is cut. At the
    lower limit of hearing it moves the loudness by less than 0.01 LU (eight eSpeak NG voices,
    2026-11-23)."""

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

    mp3_kbps: int = 80
    """Bit rate of MP3. 80 kb/s mono at 22.05 kHz keeps LAME's noise 35 dB below the speech; 64 kb/s
    only 31 dB (eSpeak NG, 2026-11-22)."""

    m4a_kbps: int = 80
    """Bit rate of AAC."""

    opus_kbps: int = 56
    """Mean bit rate of Opus. With less, libopus codes speech in its hybrid mode, which takes 0.3 LU
    and adds 1 dB of peaks (ffmpeg 9.0, 2026-11-23)."""

    def bit_rate_kbps(self, codec: str | None) -> int:
        """Return the bit rate of a lossy codec: ``mp3``, ``m4a`` or ``opus``; 0 for lossless."""
        rates = {"mp3": self.mp3_kbps, "m4a": self.m4a_kbps, "opus": self.opus_kbps, None: 0}
        return rates[codec]


PROFILES: Mapping[str, MasteringProfile] = {
    "course": MasteringProfile(),
    # Source: Apple Podcasts for Creators, "Audio requirements": around -16 LKFS, +/- 1 dB, and a
    # true peak of at most -1 dB FS.
    "podcast": MasteringProfile(
        name="podcast",
        ceiling_dbtp=-1.0,
        sample_rate_hz=44_100,
        mp3_kbps=128,
        m4a_kbps=128,
        opus_kbps=64,
    ),
    # EBU R 128 (2020): -23.0 LUFS, at most -1 dBTP. 48 kHz is broadcasting's sample rate.
    "broadcast": MasteringProfile(
        name="broadcast",
        loudness_lufs=-23.0,
        ceiling_dbtp=-1.0,
        sample_rate_hz=48_000,
        mp3_kbps=160,
        m4a_kbps=192,
        opus_kbps=96,
    ),
    # For who masters elsewhere: peaks are limited only because a decoder would clip them.
    "none": MasteringProfile(
        name="none",
        loudness_lufs=None,
        ceiling_dbtp=-1.0,
        mp3_kbps=128,
        m4a_kbps=128,
        opus_kbps=64,
    ),
}
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

    codec: str | None = None
    """Which of the profile's bit rates applies; ``None`` for a lossless format."""

    sample_rates_hz: tuple[int, ...] = ()
    """Sample rates that the format can hold, rising; empty means any."""

    decoded_rate_hz: int | None = None
    """Sample rate that every decoder gives; ``None`` for that of the file."""

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
        codec="mp3",
        sample_rates_hz=(8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
        # LAME scales its input by 0.95: measured -0.446 to -0.474 dB at 64 to 160 kb/s and 22.05
        # to 48 kHz; at 192 kb/s by 0.97 (ffmpeg 9.0, 2026-11-23). What else encodes is corrected
        # afterwards.
        surplus_samples=1_152,
        encoder_gain_db=20 * math.log10(0.95),
        peak_margin_db=0.45,
    ),
    "m4a": AudioFormat(
        name="m4a",
        extension=".m4a",
        media_type="audio/mp4",
        # The "fast" coder spends the bits on plain accuracy. The default, "twoloop", follows its
        # idea of the mask: on speech at 80 kb/s that is 7 dB more noise, 0.5 dB more peak and five
        # times the CPU (22.05 kHz, eSpeak NG and ffmpeg 9.0, 2026-11-23).
        encoder=("-c:a", "aac", "-aac_coder", "fast", "-movflags", "+faststart"),
        codec="m4a",
        sample_rates_hz=(8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
        peak_margin_db=0.5,
    ),
    "opus": AudioFormat(
        name="opus",
        extension=".opus",
        media_type="audio/ogg",
        # "voip" raises the peaks by 1 dB: it emphasises what makes words clear on a telephone.
        encoder=("-c:a", "libopus", "-application", "audio"),
        codec="opus",
        sample_rates_hz=(8_000, 12_000, 16_000, 24_000, 48_000),
        decoded_rate_hz=48_000,
        peak_margin_db=0.8,
    ),
    "wav": AudioFormat(
        name="wav",
        extension=".wav",
        media_type="audio/wav",
        encoder=("-c:a", "pcm_s16le"),
    ),
    "flac": AudioFormat(
        name="flac",
        extension=".flac",
        media_type="audio/flac",
        encoder=("-c:a", "flac", "-sample_fmt", "s16"),
    ),
}
"""Formats by name."""

AUDIOBOOK = replace(FORMATS["m4a"], name="m4b", extension=".m4b")
"""The format of a whole course in one file with chapters; no single narration has it."""


def find_profile(name: str) -> MasteringProfile:
    """Return the profile of that name.

    Raises:
        UnknownProfileError: if there is none; the message names those there are.
    """
    try:
        return PROFILES[name]
    except KeyError:
        raise UnknownProfileError(
            f"no mastering profile {name!r}",
            field="profile",
            value=name,
            remedy=f"use one of: {', '.join(PROFILES)}",
        ) from None


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


def sample_rate_for(audio_format: AudioFormat, rate_hz: int, profile: MasteringProfile) -> int:
    """Return the sample rate to master at: the profile's, or the voice's own.

    Args:
        audio_format: the format of the finished file.
        rate_hz: sample rate of the utterances, in hertz.
        profile: what is asked for.

    Returns:
        That rate, or the next higher one that the format holds, or its highest.
    """
    wanted = profile.sample_rate_hz or rate_hz
    rates = audio_format.sample_rates_hz or (wanted,)
    return next((rate for rate in rates if rate >= wanted), rates[-1])


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
