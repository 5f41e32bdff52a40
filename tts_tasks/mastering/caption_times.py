"""Captions in time: when each one appears, and how long it stays to be read.

A caption appears with its first word and stays until it was read, into the pause after it. Where
the voice is faster than a reader, a caption takes time from neighbours that have some to spare.
Two bounds can be exceeded, as text is never dropped: the reading speed, where the voice is too fast
for longer than that, and the longest duration, where a single word or amount takes longer to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from tts_tasks.errors import TextTooLongError
from tts_tasks.mastering.caption_text import LONGEST_S, SHORTEST_S, pieces_of, split_captions
from tts_tasks.values import Cue

READING_CHARS_PER_S = 17.0
"""What an adult reads. Source: Netflix timed text style guide, Brazilian Portuguese."""

MAX_SHIFT_S = 0.5
"""The most that a caption appears before or after its first word, where it or its neighbour needs
the time; it keeps what is read near what is heard."""

MAX_SWEEPS = 20
"""How often time is passed on from neighbour to neighbour."""

LEAST_SHIFT_S = 0.001
"""Sharing ends where no caption moves by more."""

PAUSE_CHARS = 3.0
"""How long a voice rests at a sign within a sentence, in characters of speech. With 2 to 4, half of
eSpeak NG's words are found within 0.07 s and 95 % within 0.20 s; without rests, 95 % within 0.26 s
(``tests/benchmarks/captions.py``, AMD EPYC, 2026-11-23)."""

PAUSE_SIGNS = ",;:.!?…—–"
"""Signs at which a voice rests, where white space follows."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What is on the screen for a while."""

    start_ms: int
    """When it appears, in milliseconds from the start of the audio."""

    end_ms: int
    """When it vanishes."""

    lines: tuple[str, ...]
    """At most ``CAPTION_LINES``, not empty."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A caption, and when its words are heard."""

    start_s: float
    """When its first word begins."""

    end_s: float
    """When its last word ends, or the next caption of its sentence begins."""

    lines: tuple[str, ...]
    """What it shows."""

    @property
    def needed_s(self) -> float:
        """How long it should be shown."""
        chars = len(" ".join(self.lines))
        return min(max(chars / READING_CHARS_PER_S, SHORTEST_S), LONGEST_S)


def time_captions(cues: Sequence[Cue], duration_s: float) -> list[Caption]:
    """Return the captions of the cues, in order.

    They never overlap, last at least a millisecond, and end within the audio.

    Args:
        cues: one per sentence, in order.
        duration_s: length of the audio.

    Raises:
        TextTooLongError: the audio has fewer milliseconds than captions.
    """
    captions = [caption for cue in cues for caption in _heard(cue)]
    if not captions:
        return []
    _refuse_too_many(len(captions), cues, duration_s)
    heard_s = _in_order([caption.start_s for caption in captions], duration_s)
    needed_s = [caption.needed_s for caption in captions]
    starts_s = share_time(heard_s, needed_s, duration_s)
    shown = []
    for caption, start_s, needs_s, next_s in zip(
        captions, starts_s, needed_s, [*starts_s[1:], duration_s], strict=True
    ):
        end_s = min(max(caption.end_s, start_s + needs_s), next_s)
        shown.append((start_s, end_s, caption.lines))
    return _whole_milliseconds(shown, duration_s)


def times_of(cue: Cue, places: Sequence[int]) -> list[float]:
    """Return when places of a sentence are heard, in seconds from the start of the audio.

    Exact where a word of ``cue.words`` begins or ends. Between, and without words, time is shared
    by what is said: the length of the spoken text, and a rest at each sign.

    Args:
        cue: the sentence.
        places: characters from the start of its text.
    """
    length, said = len(cue.text), _said_before(cue)
    end_s = max(cue.start_s, cue.end_s)
    at, seconds = [said[0]], [cue.start_s]
    for word in cue.words:
        at += [said[min(word.start, length)], said[min(word.end, length)]]
        seconds += [word.start_s, word.end_s]
    known_at = np.maximum.accumulate([*at, said[-1]])
    known_s = np.clip(np.maximum.accumulate([*seconds, end_s]), cue.start_s, end_s)
    return [float(time_s) for time_s in np.interp(said[list(places)], known_at, known_s)]


def _said_before(cue: Cue) -> NDArray[np.float64]:
    """Return how much is said before each place of a text, in characters of speech.

    Returns:
        Shape (len(text) + 1,), never decreasing.
    """
    length = len(cue.text)
    known = [(0, 0), (length, len(cue.spoken) or length)]
    known += [(reading.start, reading.spoken_start) for reading in cue.readings]
    known += [(reading.end, reading.spoken_end) for reading in cue.readings]
    written, spoken = zip(*sorted(known), strict=True)
    said = np.interp(np.arange(length + 1), written, np.maximum.accumulate(spoken))
    rests = [sign in PAUSE_SIGNS and following.isspace() for sign, following in pairwise(cue.text)]
    return said + PAUSE_CHARS * np.cumsum([False, *rests, False])[: length + 1]


def share_time(
    heard_s: Sequence[float], needed_s: Sequence[float], duration_s: float
) -> list[float]:
    """Return when captions appear, so that as many as possible can be read.

    Args:
        heard_s: when the first word of each is heard; never decreasing.
        needed_s: how long each should be shown.
        duration_s: when the audio ends.

    Returns:
        One start per caption, in order, at most ``MAX_SHIFT_S`` from where it is heard.
    """
    starts_s = list(heard_s)
    for _ in range(MAX_SWEEPS):
        before_s = starts_s.copy()
        for index, at_s in enumerate(heard_s):
            fair_s = _fair_start(
                previous_s=starts_s[index - 1] if index else 0.0,
                start_s=starts_s[index],
                next_s=starts_s[index + 1] if index + 1 < len(starts_s) else duration_s,
                previous_needs_s=needed_s[index - 1] if index else 0.0,
                needs_s=needed_s[index],
            )
            starts_s[index] = min(max(fair_s, at_s - MAX_SHIFT_S), at_s + MAX_SHIFT_S)
        moved_s = max(abs(one - other) for one, other in zip(starts_s, before_s, strict=True))
        if moved_s < LEAST_SHIFT_S:
            break
    return starts_s


def _fair_start(
    *, previous_s: float, start_s: float, next_s: float, previous_needs_s: float, needs_s: float
) -> float:
    """Return when a caption should appear between the one before it and the one after it.

    One that has time to spare gives what the other lacks; two that lack time share what there is.
    """
    previous_lacks_s = previous_needs_s - (start_s - previous_s)
    lacks_s = needs_s - (next_s - start_s)
    if previous_lacks_s > 0 and lacks_s > 0:
        share = previous_needs_s / (previous_needs_s + needs_s)
        return previous_s + (next_s - previous_s) * share
    if lacks_s > 0:
        return start_s - min(lacks_s, -previous_lacks_s)
    if previous_lacks_s > 0:
        return start_s + min(previous_lacks_s, -lacks_s)
    return start_s


def _heard(cue: Cue) -> list[_Heard]:
    pieces = pieces_of(cue.text)
    if not pieces:
        return []
    times_s = times_of(cue, [*(piece.start for piece in pieces), len(cue.text)])
    times_s[0] = cue.start_s
    return [
        _Heard(times_s[first], times_s[end], tuple(lines))
        for first, end, lines in split_captions(pieces, times_s)
    ]


def _in_order(times_s: Sequence[float], duration_s: float) -> list[float]:
    return list(accumulate((min(max(time_s, 0.0), duration_s) for time_s in times_s), max))


def _refuse_too_many(count: int, cues: Sequence[Cue], duration_s: float) -> None:
    if int(duration_s * 1000) < count:
        raise TextTooLongError(
            f"{count:,} captions do not fit into {int(duration_s * 1000)} ms of audio",
            field="text",
            value=max((cue.text for cue in cues), key=len),
            remedy="leave out the signs that nobody says",
        )


def _whole_milliseconds(
    captions: Sequence[tuple[float, float, tuple[str, ...]]], duration_s: float
) -> list[Caption]:
    timed = []
    limit_ms = int(duration_s * 1000)
    earliest_ms = 0
    for number, (start_s, end_s, lines) in enumerate(captions, start=1):
        # Each later caption keeps a millisecond of the audio for itself.
        latest_end_ms = limit_ms - (len(captions) - number)
        start_ms = min(max(round(start_s * 1000), earliest_ms), latest_end_ms - 1)
        end_ms = min(max(round(end_s * 1000), start_ms + 1), latest_end_ms)
        timed.append(Caption(start_ms, end_ms, lines))
        earliest_ms = end_ms
    return timed
