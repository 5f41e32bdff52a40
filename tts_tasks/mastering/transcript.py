"""What is said and when, beside the audio: as JSON for programs, as Markdown and HTML for people.

``aula.sentences.json`` is one object::

    version      1; a reader refuses a number that it does not know
    audio        name of the audio file, which lies in the same folder
    title        of the lesson; "" where it has none
    album        title of the course; "" where it has none
    language     BCP 47 code, e.g. "pt"; "und" where it is not known
    speaker      who speaks: provider and voice, e.g. "kokoro pf_dora"; "" where it is not known
    duration_s   length of the audio
    sentences    in order, each an object:
        start_s, end_s   when it is heard, in seconds from the start of the audio, 3 decimals
        text             as written
        spoken           as the voice says it: numbers and abbreviations in words
        paragraph        number of its paragraph, from 0
        structure        heading, paragraph, list_item, quote, table_row or code
        words            in order, each with text, start_s and end_s; empty where the engine does
                         not tell when it says them

Later versions may add keys. The same narration gives the same bytes.

The page ``aula.transcript.html`` needs nothing but the audio beside it. A click on a sentence
plays it; the sentence that is heard is marked.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from tts_tasks.mastering.caption_text import one_line
from tts_tasks.request import LANGUAGE_CODES
from tts_tasks.values import Cue, Structure, Tags

SENTENCES_VERSION = 1
"""Version of ``.sentences.json``."""

UNKNOWN_LANGUAGE = "und"
"""ISO 639-2 code for a language that is not known."""

_BCP_47 = {code: short for short, code in LANGUAGE_CODES.items()}

_TOGETHER = (Structure.LIST_ITEM, Structure.TABLE_ROW, Structure.CODE, Structure.QUOTE)
"""Structures whose paragraphs follow each other as one list, one quotation, one block of code."""

_MARKDOWN_SIGNS = re.compile(
    r"[\\`*_{}\[\]<>&|~]|\$(?=\S)"  # anywhere; some readers take $x$ for a formula
    r"|^[#+=-]|^\d+(?=[.)])|(?<= )#(?=#*$)"  # where a line begins, or a heading ends
)

LABELS = {
    "pt": {
        "language": "pt-BR",
        "hint": "Clique em uma frase para ouvi-la.",
        "missing": "O áudio não está ao lado desta página",
    },
    "en": {
        "language": "en",
        "hint": "Click a sentence to hear it.",
        "missing": "The audio is not beside this page",
    },
}
"""What the page itself says, by language; in English where it does not speak the audio's."""


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph, a list, the rows of a table, a quotation or a block of code."""

    structure: Structure
    """What it is."""

    paragraphs: tuple[tuple[Cue, ...], ...]
    """Its paragraphs, items, rows or lines, each with its sentences."""


def to_sentences_json(cues: Sequence[Cue], duration_s: float, tags: Tags, audio_name: str) -> str:
    """Return when each sentence is heard, as described above.

    Args:
        cues: one per sentence, in order.
        duration_s: length of the audio.
        tags: title, course, speaker and language.
        audio_name: name of the audio file.
    """
    document = {
        "version": SENTENCES_VERSION,
        "audio": _readable(audio_name),
        "title": one_line(tags.title),
        "album": one_line(tags.album),
        "language": bcp_47(tags.language),
        "speaker": one_line(tags.artist),
        "duration_s": _seconds(duration_s),
        "sentences": [
            {
                "start_s": _seconds(cue.start_s),
                "end_s": _seconds(cue.end_s),
                "text": one_line(cue.text),
                "spoken": one_line(cue.spoken),
                "paragraph": cue.paragraph,
                "structure": cue.structure.value,
                "words": [
                    {
                        "text": one_line(cue.text[word.start : word.end]),
                        "start_s": _seconds(word.start_s),
                        "end_s": _seconds(word.end_s),
                    }
                    for word in cue.words
                ],
            }
            for cue in cues
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def to_markdown(cues: Sequence[Cue], tags: Tags, audio_name: str) -> str:
    """Return the transcript as CommonMark; every sign of the text is shown as it was written.

    Args:
        cues: one per sentence, in order.
        tags: title and language.
        audio_name: name of the audio file; its stem is the title where there is none.
    """
    title = _title(tags, audio_name)
    blocks, _ = _without_title(blocks_of(cues), title)
    parts = [f"# {escape_markdown(title)}"]
    for block in blocks:
        texts = [
            " ".join(one_line(cue.text) for cue in sentences) for sentences in block.paragraphs
        ]
        escaped = [escape_markdown(text) for text in texts]
        match block.structure:
            case Structure.HEADING:
                parts.append(f"## {escaped[0]}")
            case Structure.LIST_ITEM | Structure.TABLE_ROW:
                parts.append("\n".join(f"- {text}" for text in escaped))
            case Structure.QUOTE:
                parts.append("\n>\n".join(f"> {text}" for text in escaped))
            case Structure.CODE:
                parts.append(_fenced([one_line(c.text) for p in block.paragraphs for c in p]))
            case Structure.PARAGRAPH:
                parts.append(escaped[0])
    return "\n\n".join(parts) + "\n"


def to_html(cues: Sequence[Cue], tags: Tags, audio_name: str) -> str:
    """Return the transcript as a page that plays the audio beside it.

    Args:
        cues: one per sentence, in order.
        tags: title, course and language.
        audio_name: name of the audio file.
    """
    language = bcp_47(tags.language)
    title = _title(tags, audio_name)
    blocks, heading = _without_title(blocks_of(cues), title)
    return _template().render(
        language="" if language == UNKNOWN_LANGUAGE else language,
        title=title,
        album=one_line(tags.album),
        audio_name=_readable(audio_name),
        source=quote(os.fsencode(audio_name)),
        labels=LABELS.get(language, LABELS["en"]),
        heading=_sentences(heading),
        blocks=[
            {
                "structure": block.structure.value,
                "paragraphs": [_sentences(sentences) for sentences in block.paragraphs],
            }
            for block in blocks
        ],
    )


def blocks_of(cues: Sequence[Cue]) -> list[Block]:
    """Return the cues by paragraph, and neighbours of one list, quotation or code together."""
    paragraphs = [
        tuple(sentences)
        for _, sentences in groupby(
            (cue for cue in cues if one_line(cue.text)),
            key=lambda cue: (cue.paragraph, cue.structure),
        )
    ]
    blocks = []
    for structure, neighbours in groupby(paragraphs, key=lambda sentences: sentences[0].structure):
        if structure in _TOGETHER:
            blocks.append(Block(structure, tuple(neighbours)))
        else:
            blocks += [Block(structure, (sentences,)) for sentences in neighbours]
    return blocks


def escape_markdown(text: str) -> str:
    """Return one line that a reader of Markdown shows as it was, sign by sign."""
    return _MARKDOWN_SIGNS.sub(_escaped, text)


def bcp_47(language: str) -> str:
    """Return the BCP 47 code of an ISO 639-2 code: ``por`` -> ``pt``; unknown ones as they are."""
    return _BCP_47.get(language, one_line(language) or UNKNOWN_LANGUAGE)


def _escaped(match: re.Match[str]) -> str:
    sign = match[0]
    return f"{sign}\\" if sign.isdigit() else f"\\{sign}"


def _fenced(lines: Sequence[str]) -> str:
    """Return a block of code, its fence longer than any run of backticks in it."""
    runs = [len(run) for line in lines for run in re.findall(r"`+", line)]
    fence = "`" * max(3, *(run + 1 for run in runs), 3)
    return "\n".join([fence, *lines, fence])


def _title(tags: Tags, audio_name: str) -> str:
    return one_line(tags.title) or one_line(_readable(Path(audio_name).stem))


def _without_title(blocks: list[Block], title: str) -> tuple[list[Block], tuple[Cue, ...]]:
    """Return the blocks after the title, and the sentences that say it, if they do."""
    if blocks and blocks[0].structure is Structure.HEADING:
        sentences = blocks[0].paragraphs[0]
        said = " ".join(one_line(cue.text) for cue in sentences)
        if said.casefold() == title.casefold():
            return blocks[1:], sentences
    return blocks, ()


def _seconds(time_s: float) -> float:
    return round(float(time_s), 3)


def _sentences(cues: Sequence[Cue]) -> list[dict[str, str]]:
    return [{"start_s": f"{cue.start_s:.3f}", "text": one_line(cue.text)} for cue in cues]


def _readable(name: str) -> str:
    """Return a file name in valid Unicode, whatever its bytes are."""
    return os.fsencode(name).decode("utf-8", "replace")


@cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("transcript.html")
