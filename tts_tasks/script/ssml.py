"""A subset of SSML to segments: what courses need of it, and an error for all the rest.

    <speak> <p> <s>                          the text and its parts
    <break time strength>                    a pause
    <sub alias>  <say-as interpret-as>       how something is said
    <phoneme alphabet="ipa" ph>              its sounds
    <voice name>  <prosody rate>             by whom, and how fast

Source: Speech Synthesis Markup Language (SSML) Version 1.1, W3C Recommendation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from defusedxml.sax import parseString

from tts_tasks.errors import SourceError
from tts_tasks.marks import mark, say_mark
from tts_tasks.script.interpret import INTERPRETATIONS, interpret
from tts_tasks.script.markup import CLOSING, LONGEST_PAUSE_S, pause_of
from tts_tasks.script.pauses import AFTER_SENTENCE_S, pause_after_part
from tts_tasks.values import Segment

TAGS: Mapping[str, tuple[str, ...]] = {
    "speak": ("version", "xmlns", "xml:lang", "xmlns:xsi", "xsi:schemaLocation"),
    "p": ("xml:lang",),
    "s": ("xml:lang",),
    "break": ("time", "strength"),
    "sub": ("alias",),
    "say-as": ("interpret-as", "format", "detail"),
    "phoneme": ("alphabet", "ph"),
    "voice": ("name",),
    "prosody": ("rate",),
}
"""The tags that are understood, with their attributes."""

STRENGTHS_S = {
    "none": 0.0,
    "x-weak": 0.15,
    "weak": 0.25,
    "medium": 0.5,
    "strong": 0.9,
    "x-strong": 1.5,
}
"""Silence of a break by its strength, in seconds; in step with ``pauses``."""

RATES = {
    "x-slow": 0.6,
    "slow": 0.75,
    "medium": 1.0,
    "default": 1.0,
    "fast": 1.25,
    "x-fast": 1.75,
}
"""Pace by the name of a rate, times the voice's own."""

_PERCENT = re.compile(r"([+-]?)([0-9]{1,3}(?:\.[0-9]{1,2})?)%")
_FACTOR = re.compile(r"[0-9](?:\.[0-9]{1,3})?")
_WITHOUT_TEXT = ("break",)
_TERMS = ("sub", "say-as", "phoneme")
_XML_DECLARATION = re.compile(r"\A\s*<\?xml\b[^>]*\?>")
_DECLARED = re.compile(r"(?:\s|<!--(?:(?!-->).)*-->)*<!(?:DOCTYPE|ENTITY)\b", re.DOTALL)
_ROOT = re.compile(r"(?:\s|<!--(?:(?!-->).)*-->)*<speak\b", re.DOTALL)


def segments_from_ssml(text: str, *, language: str = "pt-BR", first_line: int = 1) -> list[Segment]:
    """Return the segments of a text in SSML; the root ``<speak>`` may be left out.

    Args:
        text: the SSML.
        language: BCP 47 tag; what ``<say-as>`` makes of its text is Portuguese.
        first_line: number of the text's first line in its file.

    Raises:
        SourceError: if it is not well-formed, or has a tag, an attribute or a value that is not
            understood; names it and its line.
    """
    # The text is decoded already, whatever the declaration says of its encoding.
    text = _XML_DECLARATION.sub(lambda found: "\n" * found[0].count("\n"), text, count=1)
    if declared := _DECLARED.match(text):
        line = text.count("\n", 0, declared.end()) + first_line
        raise SourceError(
            f"line {line}: the SSML declares a document type or entities",
            field="text",
            value=declared[0].strip(),
            remedy="remove it",
        )
    handler = _Handler(first_line, language.lower().replace("_", "-").split("-")[0])
    source = text if _ROOT.match(text) else f"<speak>{text}</speak>"
    try:
        parseString(source.encode(), handler, forbid_dtd=True)
    except SAXParseException as error:
        line = (error.getLineNumber() or 1) + first_line - 1
        raise SourceError(
            f"line {line}: broken SSML: {error.getMessage()}",
            field="text",
            value=_line(source, error.getLineNumber()),
            remedy="close every tag, and write & as &amp; and < as &lt;",
        ) from error
    return handler.finish()


@dataclass(frozen=True, slots=True)
class _Open:
    """A tag that is open."""

    name: str
    line: int
    attributes: Mapping[str, str]
    voice: str | None
    pace: float


class _Handler(ContentHandler):
    """Collects text under the tags that are open, and a segment where one ends."""

    def __init__(self, first_line: int, language: str) -> None:
        super().__init__()
        self._first_line = first_line
        self._language = language
        self._open: list[_Open] = []
        self._segments: list[Segment] = []
        self._last_is_part = False
        """Whether the pause of the last segment is only that of a part."""
        self._goes_on = False
        """Whether the paragraph of the last segment goes on."""
        self._text: list[str] = []
        self._term: list[str] = []
        self._line: int | None = None
        self._locator: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        attributes = dict(attrs.items())
        self._check(name, attributes)
        voice, pace = self._speaker()
        if name in ("speak", "p", "s", "voice", "prosody"):
            self._end_segment(is_part=name in ("s", "voice", "prosody"))
        if name == "voice":
            voice = self._required(name, attributes, "name")
        elif name == "prosody":
            pace *= self._pace(self._required(name, attributes, "rate"))
        elif name == "break":
            self._pause(self._break_s(attributes))
        self._open.append(_Open(name, self._here(), attributes, voice, pace))

    def endElement(self, name: str) -> None:
        closed = self._open[-1]
        if name in _TERMS:
            written = " ".join("".join(self._term).split())
            self._term = []
            if not written:
                raise self._wrong(
                    f"<{name}> has no text in it", name, f"write it as <{name} ...>text</{name}>"
                )
            self._open.pop()
            self._add(self._said(closed, written))
            return
        if name in ("p", "speak"):
            self._end_segment()
            self._goes_on = False
            if self._segments and self._last_is_part:
                # The last sentence of a paragraph ends the paragraph too.
                self._segments[-1] = replace(self._segments[-1], pause_s=None)
                self._last_is_part = False
        elif name in ("s", "voice", "prosody"):
            self._end_segment(is_part=True, is_sentence=name == "s")
        self._open.pop()

    def characters(self, content: str) -> None:
        if self._open and self._open[-1].name in _TERMS:
            self._term.append(content)
        elif self._open and self._open[-1].name in _WITHOUT_TEXT and content.strip():
            raise self._wrong(f"<{self._open[-1].name}> cannot hold text", content, "close it: />")
        else:
            self._add(content)

    def finish(self) -> list[Segment]:
        """Return what was collected."""
        self._end_segment()
        return self._segments

    def _add(self, text: str) -> None:
        if text.strip() and self._line is None:
            self._line = self._here()
        self._text.append(text)

    def _end_segment(self, *, is_part: bool = False, is_sentence: bool = False) -> None:
        """End the segment whose text was collected, if there is any.

        Args:
            is_part: whether its paragraph goes on.
            is_sentence: whether it is a whole sentence, whatever it ends with.
        """
        text = " ".join("".join(self._text).split())
        self._text = []
        if self._goes_on and (closing := CLOSING.match(text)):
            # The full stop after a tag belongs to what stands before it.
            last = self._segments[-1]
            whole = last.text + closing[0]
            pause_s = pause_after_part(whole) if self._last_is_part else last.pause_s
            self._segments[-1] = replace(last, text=whole, pause_s=pause_s)
            text = text[closing.end() :].strip()
        line, self._line = self._line, None
        if not text:
            return
        voice, pace = self._speaker()
        self._segments.append(Segment(text, line=line, voice=voice, pace=pace))
        self._last_is_part = self._goes_on = is_part
        if is_part:
            last = self._segments[-1]
            pause_s = AFTER_SENTENCE_S if is_sentence else pause_after_part(last.text)
            self._segments[-1] = replace(last, pause_s=pause_s)

    def _pause(self, pause_s: float) -> None:
        self._end_segment(is_part=True)
        if not self._segments:
            self._segments.append(Segment("", line=self._here(), pause_s=pause_s))
            return
        last = self._segments[-1]
        before_s = 0.0 if self._last_is_part else last.pause_s or 0.0
        self._segments[-1] = replace(last, pause_s=before_s + pause_s)
        self._last_is_part = False

    def _speaker(self) -> tuple[str | None, float]:
        return (self._open[-1].voice, self._open[-1].pace) if self._open else (None, 1.0)

    def _check(self, name: str, attributes: Mapping[str, str]) -> None:
        """Refuse what is not understood."""
        if name not in TAGS:
            raise self._wrong(
                f"the tag <{name}> is not understood", name, f"the tags are {', '.join(TAGS)}"
            )
        for attribute in attributes:
            if attribute not in TAGS[name]:
                raise self._wrong(
                    f"the attribute {attribute} of <{name}> is not understood",
                    attribute,
                    f"it has {', '.join(TAGS[name])}",
                )
        spoken = attributes.get("xml:lang", self._language).lower().replace("_", "-")
        if spoken.split("-")[0] != self._language:
            raise self._wrong(
                f"<{name}> is in {spoken!r}, and this text is narrated in {self._language!r}",
                spoken,
                "give it to <voice name> with a voice of that language, or to a text of its own",
            )
        if self._open and self._open[-1].name in (*_TERMS, *_WITHOUT_TEXT):
            raise self._wrong(
                f"<{name}> stands inside <{self._open[-1].name}>", name, "put it before or after"
            )

    def _required(self, name: str, attributes: Mapping[str, str], attribute: str) -> str:
        value = attributes.get(attribute, "").strip()
        if not value:
            raise self._wrong(
                f"<{name}> has no {attribute}", name, f'write it as <{name} {attribute}="...">'
            )
        return value

    def _break_s(self, attributes: Mapping[str, str]) -> float:
        strength = attributes.get("strength", "medium")
        if strength not in STRENGTHS_S:
            raise self._wrong(
                f"<break> has no strength {strength!r}",
                strength,
                f"the strengths are {', '.join(STRENGTHS_S)}",
            )
        if "time" in attributes:
            pause_s = pause_of(attributes["time"])
            if pause_s is None:
                raise self._wrong(
                    f"the time {attributes['time']!r} of <break> is no pause from 0 to "
                    f"{LONGEST_PAUSE_S:.0f} seconds",
                    attributes["time"],
                    'write it as time="2s" or time="500ms"',
                )
            return pause_s
        return STRENGTHS_S[strength]

    def _pace(self, rate: str) -> float:
        """Return how fast a rate is: slow, 80%, +10%, 1.2."""
        if rate in RATES:
            return RATES[rate]
        pace = 0.0
        if found := _PERCENT.fullmatch(rate):
            share = float(found[2]) / 100
            pace = {"": share, "+": 1 + share, "-": 1 - share}[found[1]]
        elif _FACTOR.fullmatch(rate):
            pace = float(rate)
        if pace <= 0:
            raise self._wrong(
                f"<prosody> has no rate {rate!r}", rate, f"use {', '.join(RATES)}, 80% or +10%"
            )
        return pace

    def _said(self, term: _Open, written: str) -> str:
        """Return the mark for a term."""
        if term.name == "phoneme":
            alphabet = term.attributes.get("alphabet", "ipa")
            if alphabet != "ipa":
                raise self._wrong(
                    f"<phoneme> has no alphabet {alphabet!r}", alphabet, 'use alphabet="ipa"'
                )
            sounds = self._required("phoneme", term.attributes, "ph")
            return self._marked(mark, written, sounds, term)
        if term.name == "sub":
            said = self._required("sub", term.attributes, "alias")
        else:
            said = self._interpreted(term, written)
        return self._marked(lambda shown, words: say_mark(words, shown), written, said, term)

    def _interpreted(self, term: _Open, written: str) -> str:
        kind = self._required("say-as", term.attributes, "interpret-as")
        if self._language != "pt":
            raise self._wrong("<say-as> speaks Portuguese only", kind, "use <sub alias>")
        if kind not in INTERPRETATIONS:
            raise self._wrong(
                f"<say-as> does not interpret as {kind!r}",
                kind,
                f"it interprets as {', '.join(INTERPRETATIONS)}",
            )
        format = term.attributes.get("format") or term.attributes.get("detail") or ""
        said = interpret(written, kind, format)
        if said is None:
            shown = f" in the format {format!r}" if format else ""
            raise self._wrong(
                f"{written!r} is no {kind}{shown}", written, "correct it, or use <sub alias>"
            )
        return said

    def _marked(self, make: Callable[[str, str], str], written: str, said: str, term: _Open) -> str:
        if any(sign in written + said for sign in "[]|"):
            raise self._wrong(
                f"<{term.name}> has one of [ ] | in it", written, "write it without them"
            )
        return make(written, said)

    def _here(self) -> int:
        line = self._locator.getLineNumber() if self._locator else None
        return (line or 1) + self._first_line - 1

    def _wrong(self, problem: str, value: str, remedy: str) -> SourceError:
        return SourceError(
            f"line {self._here()}: {problem}", field="text", value=value, remedy=remedy
        )


def _line(text: str, number: int | None) -> str:
    lines = text.splitlines()
    return lines[number - 1] if number and number <= len(lines) else text
