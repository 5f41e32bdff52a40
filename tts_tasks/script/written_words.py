"""From the words that a voice says back to those that the author wrote, with their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tts_tasks.values import Reading, Word


def words_as_written(
    words: Sequence[Word], readings: Sequence[Reading], written: str
) -> tuple[Word, ...]:
    """Return when each written word is heard.

    What is said in several words is one word here: ``R$ 5`` from the start of ``cinco`` to the end
    of ``reais``.

    Args:
        words: of the spoken text, in order.
        readings: where it is not the written text, in order.
        written: the written text.
    """
    found: list[Word] = []
    for word in words:
        start = _as_written(word.start, readings, at_end=False)
        end = min(_as_written(word.end, readings, at_end=True), len(written))
        if start >= end:
            continue
        if found and start < found[-1].end:
            last = found[-1]
            found[-1] = replace(last, end=max(end, last.end), end_s=word.end_s)
        else:
            found.append(Word(start, end, word.start_s, word.end_s))
    return tuple(found)


def _as_written(position: int, readings: Sequence[Reading], *, at_end: bool) -> int:
    """Return the place in the written text; inside a reading, where the reading starts or ends."""
    shift = 0
    for reading in readings:
        if at_end and reading.spoken_start < position <= reading.spoken_end:
            return reading.end
        if not at_end and reading.spoken_start <= position < reading.spoken_end:
            return reading.start
        if position < reading.spoken_end or position <= reading.spoken_start:
            break
        shift = reading.end - reading.spoken_end
    return position + shift
