"""A text and what has become of it, kept aligned through any number of edits.

    written   Custa R$ 5 hoje.
    edits     "R$ 5" -> "cinco reais" (money)
    text      Custa cinco reais hoje.

Where an edit touches what an earlier one has changed, the two become one change, with the names
of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from tts_tasks.values import Reading

LONGEST_COMPARED_CHARS = 2_000
"""Where two texts differ over more than this, they are not compared letter by letter, which takes
the square of the length; the whole part is one change."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement in the text as it is now."""

    start: int
    end: int
    said: str
    """What stands there from now on."""


@dataclass(slots=True)
class _Change:
    """One place where the text is no longer what was written."""

    written_start: int
    written_end: int
    start: int
    end: int
    rules: tuple[str, ...]

    @property
    def grown(self) -> int:
        """How many characters longer the text is than what was written here."""
        return (self.end - self.start) - (self.written_end - self.written_start)


class Alignment:
    """A text that remembers where each of its parts came from."""

    def __init__(self, written: str) -> None:
        """Begin with the text as it was written."""
        self.written = written
        self.text = written
        self._changes: list[_Change] = []

    def edit(self, edits: Iterable[Edit], rule: str = "", *, settles: bool = False) -> None:
        """Carry out edits that do not overlap, in order of their position.

        Args:
            edits: in positions of ``text`` as it is before all of them.
            rule: name of the rule that wants them; "" for what is no reading, such as spaces.
            settles: whether nothing is left of what earlier rules have said there.
        """
        wanted = list(edits)
        if not wanted:
            return
        clusters = list(self._clusters(wanted))
        pieces: list[str] = []
        changes: list[_Change] = []
        end = written_end = length = 0
        for old, new in clusters:
            start = min([c.start for c in old] + [e.start for e in new])
            kept = self.text[end:start]
            pieces.append(kept)
            length += len(kept)
            # Between two changes the text is as it was written.
            written_start = written_end + len(kept)
            stop = max([c.end for c in old] + [e.end for e in new])
            grown = sum(change.grown for change in old)
            end, written_end = stop, written_start + (stop - start) - grown
            said = _replaced(self.text, start, stop, new)
            pieces.append(said)
            rules = [name for change in old for name in change.rules if not (settles and new)]
            if new and rule and rule not in rules:
                rules.append(rule)
            changes.append(
                _Change(written_start, written_end, length, length + len(said), tuple(rules))
            )
            length += len(said)
        pieces.append(self.text[end:])
        self.text = "".join(pieces)
        self._changes = changes

    def edit_all(self, edits: Mapping[str, Sequence[Edit]], *, settles: bool = False) -> None:
        """Carry out the edits of several rules, none of which overlap; see ``edit``.

        Args:
            edits: rule -> its edits, all in positions of ``text`` as it is before any of them.
            settles: see ``edit``.
        """
        left = [(rule, edit) for rule, wanted in edits.items() for edit in wanted]
        left.sort(key=lambda pair: pair[1].start)
        for rule in edits:
            self.edit([edit for of, edit in left if of == rule], rule, settles=settles)
            grown = 0
            moved = []
            for of, edit in left:
                if of == rule:
                    grown += len(edit.said) - (edit.end - edit.start)
                else:
                    moved.append((of, Edit(edit.start + grown, edit.end + grown, edit.said)))
            left = moved

    def become(self, text: str, rule: str = "") -> None:
        """Carry out the edits that turn the text into another one."""
        before = self.text
        start = _common(before, text)
        end = _common(before[start:][::-1], text[start:][::-1])
        old, new = before[start : len(before) - end], text[start : len(text) - end]
        if len(old) > LONGEST_COMPARED_CHARS:
            edits = [Edit(start, start + len(old), new)]
        else:
            matcher = SequenceMatcher(None, old, new, autojunk=False)
            edits = [
                Edit(start + old_start, start + old_end, new[new_start:new_end])
                for kind, old_start, old_end, new_start, new_end in matcher.get_opcodes()
                if kind != "equal"
            ]
        self.edit(edits, rule)

    def strip(self) -> None:
        """Drop the white space at both ends."""
        left = len(self.text) - len(self.text.lstrip())
        right = max(left, len(self.text.rstrip()))
        ends = (Edit(0, left, ""), Edit(right, len(self.text), ""))
        self.edit(each for each in ends if each.start < each.end)

    def readings(self) -> tuple[Reading, ...]:
        """Return the changes that rules have made, in order."""
        return tuple(
            Reading(c.written_start, c.written_end, c.start, c.end, c.rules)
            for c in self._changes
            if c.rules
            and self.written[c.written_start : c.written_end] != self.text[c.start : c.end]
        )

    def all_written_at(self, positions: Iterable[int]) -> list[int | None]:
        """Return positions in the written text; None inside of what an edit has changed.

        Args:
            positions: in ``text``, in order.
        """
        found: list[int | None] = []
        grown = index = 0
        for position in positions:
            while index < len(self._changes) and self._changes[index].end <= position:
                if self._changes[index].start == position:
                    break
                grown += self._changes[index].grown
                index += 1
            inside = index < len(self._changes) and self._changes[index].start < position
            found.append(None if inside else position - grown)
        return found

    def spans_of(self, parts: Iterable[tuple[int, int]]) -> list[tuple[int, int] | None]:
        """Return where parts of the written text stand now, whatever was changed inside them.

        Args:
            parts: start and end in the written text, in order, none overlapping.

        Returns:
            Start and end in ``text``; None where a change reaches beyond the part.
        """
        spans: list[tuple[int, int] | None] = []
        before = index = 0
        changes = self._changes
        for start, end in parts:
            while (
                index < len(changes)
                and changes[index].written_end <= start
                and changes[index].written_start < start
            ):
                before += changes[index].grown
                index += 1
            inside, ahead, is_whole = 0, index, True
            while ahead < len(changes) and changes[ahead].written_start < end:
                is_whole = is_whole and start <= changes[ahead].written_start
                is_whole = is_whole and changes[ahead].written_end <= end
                inside += changes[ahead].grown
                ahead += 1
            spans.append((start + before, end + before + inside) if is_whole else None)
        return spans

    def span_of(self, written_start: int, written_end: int) -> tuple[int, int] | None:
        """Return where one part of the written text stands now; see ``spans_of``."""
        return self.spans_of([(written_start, written_end)])[0]

    def rules_at(self, written_start: int, written_end: int) -> set[str]:
        """Return the rules that have touched a part of the written text."""
        return {
            rule
            for change in self._changes
            if change.written_start < written_end and written_start < change.written_end
            for rule in change.rules
        }

    def _clusters(self, edits: list[Edit]) -> Iterator[tuple[list[_Change], list[Edit]]]:
        """Yield (changes, edits) that overlap, in order; most have only one or the other."""
        changes = self._changes
        c = e = 0
        while c < len(changes) or e < len(edits):
            if e == len(edits) or (c < len(changes) and _precedes(changes[c], edits[e])):
                yield [changes[c]], []
                c += 1
                continue
            old: list[_Change] = []
            new = [edits[e]]
            end = edits[e].end
            e += 1
            while True:
                if c < len(changes) and changes[c].start < end:
                    old.append(changes[c])
                    end = max(end, changes[c].end)
                    c += 1
                elif e < len(edits) and edits[e].start < end:
                    new.append(edits[e])
                    end = max(end, edits[e].end)
                    e += 1
                else:
                    break
            yield old, new


def _precedes(change: _Change, edit: Edit) -> bool:
    return change.end <= edit.start or change.start == change.end <= edit.start


def _replaced(text: str, start: int, end: int, edits: Iterable[Edit]) -> str:
    pieces = []
    for edit in edits:
        pieces += [text[start : edit.start], edit.said]
        start = edit.end
    return "".join([*pieces, text[start:end]])


def _common(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))
