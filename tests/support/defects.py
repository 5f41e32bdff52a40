"""Takes that are wrong in a known way, made from good ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import soxr

from tts_tasks.values import Samples

RATE = 22_050
"""Sample rate of the takes, in hertz."""

GAP_S = 0.35
"""Silence between the sentences of a take."""

Rng = np.random.Generator
Defect = Callable[[Sequence[Samples], Rng], Samples]
"""Makes a wrong take of the sentences of a right one."""


def joined(sentences: Sequence[Samples]) -> Samples:
    """Return the sentences as one take."""
    gap = np.zeros(round(GAP_S * RATE), np.float32)
    return np.concatenate([part for one in sentences for part in (one, gap)][:-1])


def dropped_sentence(sentences: Sequence[Samples], rng: Rng) -> Samples:
    """Leave one sentence out."""
    left_out = int(rng.integers(len(sentences)))
    return joined([one for number, one in enumerate(sentences) if number != left_out])


def doubled_sentence(sentences: Sequence[Samples], rng: Rng) -> Samples:
    """Say one sentence twice."""
    twice = int(rng.integers(len(sentences)))
    return joined([*sentences[: twice + 1], *sentences[twice:]])


def long_silence(sentences: Sequence[Samples], rng: Rng) -> Samples:
    """Fall silent inside, for 1.5 to 4 s."""
    take = joined(sentences)
    at = round(len(take) * rng.uniform(0.3, 0.7))
    silence = np.zeros(round(rng.uniform(1.5, 4) * RATE), np.float32)
    return np.concatenate((take[:at], silence, take[at:]))


def noise_tail(level_db: float, kind: str = "white", *, leading: bool = False) -> Defect:
    """Return a defect: 1 to 3 s of noise, so far below the loud syllables of the speech."""

    def make(sentences: Sequence[Samples], rng: Rng) -> Samples:
        take = joined(sentences)
        n_samples = round(rng.uniform(1, 3) * RATE)
        if kind == "hum":
            noise = np.sin(2 * np.pi * 120 * np.arange(n_samples) / RATE)
        else:
            noise = rng.standard_normal(n_samples)
        level = np.quantile(np.abs(take), 0.95) * 10 ** (level_db / 20)
        noise = (noise / np.sqrt(np.mean(noise**2)) * level).clip(-1, 1).astype(np.float32)
        return np.concatenate((noise, take) if leading else (take, noise))

    return make


def clipping(gain: float) -> Defect:
    """Return a defect: the take, so many times as loud as full scale."""

    def make(sentences: Sequence[Samples], rng: Rng) -> Samples:
        take = joined(sentences)
        return np.clip(take / np.abs(take).max() * np.float32(gain), -1, 1)

    return make


def wrong_speed(speed: float) -> Defect:
    """Return a defect: played so many times as fast, with the pitch."""

    def make(sentences: Sequence[Samples], rng: Rng) -> Samples:
        return soxr.resample(joined(sentences), round(RATE * speed), RATE).clip(-1, 1)

    return make


def half_file(sentences: Sequence[Samples], rng: Rng) -> Samples:
    """Break off in the middle."""
    take = joined(sentences)
    return take[: len(take) // 2]


def cut_last_word(sentences: Sequence[Samples], rng: Rng) -> Samples:
    """Break off 0.4 s before the end."""
    return joined(sentences)[: -round(0.4 * RATE)]


def dc_offset(sentences: Sequence[Samples], rng: Rng) -> Samples:
    """Shift the take by a tenth of full scale."""
    return (joined(sentences) * np.float32(0.8) + np.float32(0.1)).clip(-1, 1)


def not_a_number(sentences: Sequence[Samples], rng: Rng) -> Samples:
    """Hold one value that is no number."""
    take = joined(sentences).copy()
    take[len(take) // 2] = np.nan
    return take


def near_silence(sentences: Sequence[Samples], rng: Rng) -> Samples:
    """Be 60 dB too soft."""
    return joined(sentences) * np.float32(0.001)


def tone(sentences: Sequence[Samples], rng: Rng) -> Samples:
    """Give a tone of the same length instead of speech."""
    time = np.arange(len(joined(sentences))) / RATE
    return (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


def noise(sentences: Sequence[Samples], rng: Rng) -> Samples:
    """Give noise of the same length instead of speech."""
    return (0.1 * rng.standard_normal(len(joined(sentences)))).clip(-1, 1).astype(np.float32)


DEFECTS: dict[str, Defect] = {
    "dropped sentence": dropped_sentence,
    "doubled sentence": doubled_sentence,
    "long silence, 1.5 to 4 s": long_silence,
    "noise after, -6 dB": noise_tail(-6),
    "noise after, -20 dB": noise_tail(-20),
    "noise after, -30 dB": noise_tail(-30),
    "hum after, -12 dB": noise_tail(-12, "hum"),
    "noise before, -20 dB": noise_tail(-20, leading=True),
    "clipping, gain 2": clipping(2),
    "clipping, gain 4": clipping(4),
    "clipping, gain 8": clipping(8),
    "speed 0.6": wrong_speed(0.6),
    "speed 0.75": wrong_speed(0.75),
    "speed 1.35": wrong_speed(1.35),
    "speed 1.7": wrong_speed(1.7),
    "half file": half_file,
    "last 0.4 s cut off": cut_last_word,
    "DC offset": dc_offset,
    "not a number": not_a_number,
    "60 dB too soft": near_silence,
    "tone for speech": tone,
    "noise for speech": noise,
}
"""What the checks should find, by name."""
