"""The author's directives inside a text, carried out: pauses, and voices for a part of it.

    Pense um pouco. [pausa 2s] Pensou?
    [voz pm_alex]Boa noite.[/voz] Boa noite!

The marks ``[[…|…]]`` stay in the text; they belong to ``hidden`` and ``speaker``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tts_tasks.errors import SourceError
from tts_tasks.script.hidden import hide
from tts_tasks.script.pauses import pause_after_part
from tts_tasks.values import Segment

LONGEST_PAUSE_S = 60.0
"""A longer silence is a slip of the pen, or belongs between two lessons."""

LONGEST_SILENCE_S = 1_800.0
"""All the silence that one text may ask for."""

PAUSE_S = 1.0
"""What ``[pausa]`` alone means."""

_DIRECTIVE = re.compile(
    r"\[[ ]?(?:(?P<pause>pausa(?!\w)|pause(?=\s[0-9]))(?P<length>(?:\s[^\[\]]*+)?)"
    r"|(?P<voice>voz(?!\w)|voice(?=\s\w))(?P<name>(?:\s[^\[\]]*+)?)"
    r"|(?P<end>/(?:voz|voice)))[ ]?\]",
    re.IGNORECASE,
)
"""In Portuguese, and in English where they say how long or who: a key may be called [Pause]."""

_BEGUN = re.compile(
    r"\[[ ]?/?(?:pausas?(?=[\s:=0-9\[]|$)|voz(?=[\s:=\[]|$))[^\]]{0,40}+", re.IGNORECASE
)
CLOSING = re.compile(r"[.,;:!?…)\]}”’»]+(?=\s|$)")
"""What belongs to the text before a directive, when it stands right after it."""
_LENGTH = re.compile(
    r"(?P<number>[0-9]{1,6}(?:[.,][0-9]{1,3})?)\s?(?P<unit>ms|s|seg|segundos?|seconds?)?",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Reader:
    """What is known while the segments are read in order."""

    done: list[Segment] = field(default_factory=list)
    """Segments without directives."""

    voices: list[tuple[str, int | None]] = field(default_factory=list)
    """Voices that are open here, the innermost last, and the line of each."""

    fresh: bool = True
    """Whether nothing of the present segment is done yet."""

    silence_s: float = 0.0
    """All the silence that was asked for until here."""


def carry_out(segments: Iterable[Segment]) -> list[Segment]:
    """Return segments without directives: parted where one stands, with their voice and pause.

    A pause that the author asks for takes the place of the one that the structure deserves;
    several in a row add up. One before any text is a segment without text.

    Args:
        segments: of the whole text, in order; a voice may begin in one and end in a later one.

    Raises:
        SourceError: for a directive that is malformed, not opened or not closed; names its line.
    """
    reader = _Reader()
    for segment in segments:
        if not segment.text:
            _pause(reader, segment, segment.pause_s or 0.0)
            continue
        if "[" not in segment.text:
            _add(reader, segment, segment.text)
            reader.fresh = True
            continue
        hidden = hide(segment.text)
        end = 0
        for found in _DIRECTIVE.finditer(hidden.text):
            _add(reader, segment, hidden.with_marks(hidden.text[end : found.start()]))
            _obey(reader, segment, found)
            end = found.end()
        rest = hidden.text[end:]
        _refuse_begun(hidden.text[:end], segment)
        _refuse_begun(rest, segment)
        _add(reader, segment, hidden.with_marks(rest))
        reader.fresh = True
    if reader.voices:
        name, line = reader.voices[-1]
        raise _wrong(f"[voz {name}]", line, "is never closed", "write [/voz] where the voice ends")
    return reader.done


def pause_of(length: str) -> float | None:
    """Return a pause in seconds: ``2s``, ``1,5 s``, ``500ms``, ``3``; None if it is none."""
    found = _LENGTH.fullmatch(length.strip())
    if found is None:
        return None
    number = float(found["number"].replace(",", "."))
    pause_s = number / 1000 if (found["unit"] or "").lower() == "ms" else number
    return pause_s if pause_s <= LONGEST_PAUSE_S else None


def _obey(reader: _Reader, segment: Segment, found: re.Match[str]) -> None:
    """Carry out one directive."""
    if found["pause"]:
        length = found["length"].strip()
        pause_s = pause_of(length) if length else PAUSE_S
        if pause_s is None:
            raise _wrong(
                found[0],
                segment.line,
                f"is no pause from 0 to {LONGEST_PAUSE_S:.0f} seconds",
                "write it as [pausa 2s], [pausa 1,5s] or [pausa 500ms]",
            )
        _pause(reader, segment, pause_s)
    elif found["voice"]:
        name = found["name"].strip()
        if not name:
            raise _wrong(
                found[0], segment.line, "names no voice", "write it as [voz pm_alex]...[/voz]"
            )
        reader.voices.append((name, segment.line))
    elif reader.voices:
        reader.voices.pop()
    else:
        raise _wrong(found[0], segment.line, "closes no voice", "open it before with [voz name]")


def _add(reader: _Reader, segment: Segment, text: str) -> None:
    """Add a part of a segment, in the voice that is open here."""
    done = reader.done
    if not reader.fresh and done and (closing := CLOSING.match(text)):
        done[-1] = replace(done[-1], text=done[-1].text + closing[0])
        text = text[closing.end() :]
    text = text.strip()
    if not text:
        return
    voice = reader.voices[-1][0] if reader.voices else segment.voice
    if not reader.fresh and done and done[-1].pause_s is None:
        done[-1] = replace(done[-1], pause_s=pause_after_part(done[-1].text))
    done.append(replace(segment, text=text, voice=voice))
    reader.fresh = False


def _pause(reader: _Reader, segment: Segment, pause_s: float) -> None:
    last_s = (reader.done[-1].pause_s or 0.0) if reader.done else 0.0
    reader.silence_s += pause_s
    if last_s + pause_s > LONGEST_PAUSE_S or reader.silence_s > LONGEST_SILENCE_S:
        raise _wrong(
            f"[pausa {pause_s:g}s]",
            segment.line,
            f"makes it more than {LONGEST_PAUSE_S:.0f} seconds at one place, or "
            f"{LONGEST_SILENCE_S / 60:.0f} minutes in all",
            "make the pauses shorter",
        )
    if not reader.done:
        reader.done.append(replace(segment, text="", pause_s=pause_s))
        return
    last = reader.done[-1]
    reader.done[-1] = replace(last, pause_s=(last.pause_s or 0.0) + pause_s)


def _refuse_begun(text: str, segment: Segment) -> None:
    """Raise for what begins like a directive and is none."""
    rest = _DIRECTIVE.sub("", text)
    if begun := _BEGUN.search(rest):
        raise _wrong(
            begun[0],
            segment.line,
            "begins like a pause or a voice and does not end",
            "write it as [pausa 2s] or [voz pm_alex]...[/voz]",
        )


def _wrong(directive: str, line: int | None, problem: str, remedy: str) -> SourceError:
    where = f"line {line}: " if line is not None else ""
    return SourceError(
        f"{where}{directive} {problem}", field="text", value=directive, remedy=remedy
    )
