"""Captions to running text: SubRip (.srt) and WebVTT (.vtt).

The cues are told apart here, because a message needs their lines and because both libraries keep
silent about some of what is broken; each cue is then parsed by its library, strictly.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tts_tasks.errors import SourceError
from tts_tasks.script.sources import read_source, too_long

PARAGRAPH_GAP_S = 1.5
"""A new paragraph begins after a silence this long, where a sentence has ended."""

ROLLING_GAP_S = 0.1
"""Cues nearer than this to each other may roll: the next repeats what is on the screen."""

SOURCE_CHARS_PER_TEXT_CHAR = 8
"""How much longer than its text a file may be: times and tags around every word."""

MAX_LINE_CHARS = 5_000
"""Longest line; captions have some 40, and the libraries' patterns are slow on long ones."""

_TIMING = re.compile(
    r"\s*(?:[0-9]{1,4}:)?[0-9]{1,2}:[0-9]{1,2}[,.][0-9]{1,3}\s*-->\s*"
    r"(?:[0-9]{1,4}:)?[0-9]{1,2}:[0-9]{1,2}[,.][0-9]{1,3}(?:\s.*)?"
)
_LIKE_TIMING = re.compile(r"-{1,3}\s?-?>|\s*[0-9]{1,4}:[0-9]{1,2}:[0-9]{1,2}[,.:][0-9]{1,4}\s")
"""What no line of text has: an arrow between times, or a time at its beginning."""

_UNSAID_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
_TAG = re.compile(
    r"</?(?:i|b|u|s|c|v|font|ruby|rt|lang|span)(?:[.\s][^<>]*)?>|<[0-9:.]+>", re.IGNORECASE
)
_BREAK = re.compile(r"<br\s*/?>|\\[Nn]", re.IGNORECASE)
_OVERRIDE = re.compile(r"\{\\[^{}]*\}")
_DIALOGUE = re.compile(r"[-–—]\s*(?=[^\W\d_]|[¿¡\"“'\[])")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]*\Z")


@dataclass(frozen=True, slots=True)
class _Cue:
    """What is on the screen for a time."""

    start_s: float
    end_s: float

    lines: tuple[str, ...]
    """Without tags; none of them blank."""


def read_timed_text(path: Path, *, max_chars: int, limit_setting: str) -> str:
    """Read a file of captions.

    Args:
        path: the file, .srt or .vtt.
        max_chars: longest text allowed, in characters, without times and tags.
        limit_setting: the setting that holds this limit, for the remedy.

    Returns:
        Plain text, its paragraphs apart by blank lines.

    Raises:
        SourceError: if it is missing, unreadable or malformed; names the line.
        TextTooLongError: if its text has more than ``max_chars`` characters.
    """
    source = read_source(
        path, max_chars=max_chars * SOURCE_CHARS_PER_TEXT_CHAR, limit_setting=limit_setting
    )
    lines = source.split("\n")
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE_CHARS:
            raise _wrong(
                path,
                number,
                f"it has {len(line)} characters; no line of captions is over {MAX_LINE_CHARS}",
                "check that the file holds captions",
                line,
            )
    is_vtt = path.suffix.lower() == ".vtt"
    cues = list(_vtt_cues(path, lines) if is_vtt else _srt_cues(path, lines))
    if not cues:
        raise _wrong(path, 1, "there are no captions", "check that the file holds captions", "")
    text = "\n\n".join(_paragraphs(sorted(cues, key=lambda cue: cue.start_s)))
    if len(text) > max_chars:
        raise too_long(path, f"{len(text)} characters", max_chars, limit_setting)
    return text


def _srt_cues(path: Path, lines: Sequence[str]) -> Iterator[_Cue]:
    import srt

    starts = [number for number, line in enumerate(lines) if _TIMING.fullmatch(line)]
    first = starts[0] if starts else len(lines)
    head = lines[: first - 1 if first and lines[first - 1].strip().isdigit() else first]
    _refuse_broken_timing(path, head, 1)
    _refuse_text(path, head, "before the first caption")
    if not starts:
        return
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        content = list(lines[start + 1 : end])
        # The number of the next caption stands before its times.
        if end < len(lines) and content and content[-1].strip().isdigit():
            content.pop()
        _refuse_broken_timing(path, content, start + 2)
        said = "\n".join(line for line in content if line.strip())
        try:
            [cue] = srt.parse(f"1\n{lines[start].strip()}\n{said}\n\n")
        except (srt.SRTParseError, srt.TimestampParseError, ValueError) as error:
            raise _wrong(path, start + 1, "it is no SubRip", _SRT_REMEDY, lines[start]) from error
        times = cue.start.total_seconds(), cue.end.total_seconds()
        yield _cue(path, start + 1, *times, cue.content)


def _vtt_cues(path: Path, lines: Sequence[str]) -> Iterator[_Cue]:
    from webvtt import WebVTT
    from webvtt.errors import MalformedCaptionError, MalformedFileError

    if not re.fullmatch(r"WEBVTT(?:[ \t].*)?", lines[0]):
        what = "a WebVTT file begins with the line WEBVTT"
        raise _wrong(path, 1, what, "write that line, or name the file .srt", lines[0])
    blocks = _vtt_blocks(lines)
    first, header = next(blocks)
    _refuse_broken_timing(path, header, first)
    for first, block in blocks:
        if _UNSAID_BLOCK.match(block[0]):
            continue
        timing = next((n for n, line in enumerate(block[:2]) if "-->" in line), None)
        if timing is None or not _TIMING.fullmatch(block[timing]):
            bad = timing or 0
            raise _wrong(path, first + bad, "it is no caption of WebVTT", _VTT_REMEDY, block[bad])
        _refuse_broken_timing(path, block[timing + 1 :], first + timing + 1)
        try:
            [cue] = WebVTT.from_string("WEBVTT\n\n" + "\n".join(block), strict=True).captions
        except (MalformedCaptionError, MalformedFileError, ValueError) as error:
            line = first + timing
            raise _wrong(path, line, "it is no caption of WebVTT", _VTT_REMEDY, block[timing]) \
                from error  # fmt: skip
        yield _cue(path, first + timing, cue.start_in_seconds, cue.end_in_seconds, cue.raw_text)


def _vtt_blocks(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield what empty lines separate, each with the number of its first line.

    A line of spaces may belong to a caption; before the times of another one it does not.
    """
    block: list[str] = []
    for number, line in enumerate([*lines, ""], start=1):
        nearby = lines[number : number + 2]
        if line and (line.strip() or not any(map(_TIMING.fullmatch, nearby))):
            block.append(line)
        else:
            if any(each.strip() for each in block):
                yield number - len(block), block
            block = []


_SRT_REMEDY = "write a caption as: its number, a line 00:00:01,000 --> 00:00:02,500, its text"
_VTT_REMEDY = "write a caption as: a line 00:01.000 --> 00:02.500, its text, a blank line"


def _cue(path: Path, line: int, start_s: float, end_s: float, content: str) -> _Cue:
    if end_s < start_s:
        raise _wrong(
            path, line, f"the caption ends at {end_s:g} s, before it begins at {start_s:g} s",
            "correct its times", content,
        )  # fmt: skip
    plain = _TAG.sub("", _OVERRIDE.sub("", _BREAK.sub("\n", content)))
    shown = (" ".join(html.unescape(each).split()) for each in plain.split("\n"))
    return _Cue(start_s, end_s, tuple(each for each in shown if each))


def _paragraphs(cues: Sequence[_Cue]) -> Iterator[str]:
    """Yield the text of cues in their order, with what rolls over the screen said once."""
    said: list[str] = []
    previous: _Cue | None = None
    for cue in cues:
        gap_s = cue.start_s - previous.end_s if previous else 0.0
        lines = cue.lines
        if previous and gap_s < ROLLING_GAP_S:
            lines = lines[_repeated(previous.lines, lines) :]
        for position, line in enumerate(lines):
            is_apart = position == 0 and gap_s >= PARAGRAPH_GAP_S
            speaks = _DIALOGUE.match(line)
            if said and (speaks or (is_apart and _SENTENCE_END.search(said[-1]))):
                yield " ".join(said)
                said = []
            said.append(line[speaks.end() :] if speaks else line)
        previous = cue
    if said:
        yield " ".join(said)


def _repeated(before: Sequence[str], after: Sequence[str]) -> int:
    """Return how many of the first lines of a cue were the last of the one before it."""
    longest = min(len(before), len(after))
    return next((n for n in range(longest, 0, -1) if before[-n:] == after[:n]), 0)


def _refuse_text(path: Path, lines: Sequence[str], where: str) -> None:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            raise _wrong(path, number, f"there is text {where}", _SRT_REMEDY, line)


def _refuse_broken_timing(path: Path, lines: Sequence[str], first: int) -> None:
    """Raise for a line of text that was meant to be a caption's times: it would be said."""
    for number, line in enumerate(lines, start=first):
        if _LIKE_TIMING.match(line) or "-->" in line:
            what = "the times of the caption are malformed"
            remedy = "write them as 00:00:01,000 --> 00:00:02,500"
            raise _wrong(path, number, what, remedy, line)


def _wrong(path: Path, line: int, problem: str, remedy: str, value: str) -> SourceError:
    return SourceError(
        f"{path.name}, line {line}: {problem}", field="source", value=value, remedy=remedy
    )
