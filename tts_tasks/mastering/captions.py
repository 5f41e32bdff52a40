"""Captions: the written sentences with their times, as WebVTT and SubRip.

``caption_text`` divides the sentences into captions and lines; ``caption_times`` says when each
one is shown.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from tts_tasks.mastering.caption_times import time_captions
from tts_tasks.values import Cue


def to_vtt(cues: Sequence[Cue], duration_s: float) -> str:
    """Return the captions as a WebVTT file.

    Args:
        cues: one per sentence, in order.
        duration_s: length of the audio; no caption ends later.

    Raises:
        TextTooLongError: the audio has fewer milliseconds than captions.

    Source: https://www.w3.org/TR/webvtt1/, sections 4.1 and 4.2.
    """
    blocks = ["WEBVTT"]
    for caption in time_captions(cues, duration_s):
        # "-->" would end the caption's text; with its ">" escaped it cannot occur.
        text = "\n".join(html.escape(line, quote=False) for line in caption.lines)
        blocks.append(f"{_clock(caption.start_ms, '.')} --> {_clock(caption.end_ms, '.')}\n{text}")
    return "\n\n".join(blocks) + "\n"


def to_srt(cues: Sequence[Cue], duration_s: float) -> str:
    """Return the captions as a SubRip file.

    SubRip has no escapes: ``<`` and ``&`` stand as they are.

    Args:
        cues: one per sentence, in order.
        duration_s: length of the audio; no caption ends later.

    Raises:
        TextTooLongError: the audio has fewer milliseconds than captions.
    """
    return "".join(
        f"{number}\n{_clock(caption.start_ms, ',')} --> {_clock(caption.end_ms, ',')}\n"
        + "\n".join(caption.lines)
        + "\n\n"
        for number, caption in enumerate(time_captions(cues, duration_s), start=1)
    )


def _clock(time_ms: int, decimal: str) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{decimal}{milliseconds:03}"
