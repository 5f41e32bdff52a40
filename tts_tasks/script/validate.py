"""Step 1, the text's half: a request becomes lines of speakable text, or an error says why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from tts_tasks.errors import EmptyTextError, SourceError, TextTooLongError
from tts_tasks.marks import mark, without_phonemes
from tts_tasks.request import Markup, NarrationRequest
from tts_tasks.script.characters import clean_characters
from tts_tasks.script.chunks import Line, write_lines
from tts_tasks.script.hidden import hide, refuse_broken_marks
from tts_tasks.script.lexicon import check_lexicon, entries_in, phonemes_of
from tts_tasks.script.markdown import segments_from_markdown
from tts_tasks.script.normalise import normalise, tidy
from tts_tasks.script.segments import segments_from_text
from tts_tasks.script.whole_words import whole_words


def validate(
    request: NarrationRequest, *, language: str, fits: Callable[[str], bool], phonemes: bool
) -> list[Line]:
    """Return what will be said, line by line.

    Args:
        request: what the caller asks for; its text, markup, lexicon and limit are looked at.
        language: BCP 47 tag of the voice; the Portuguese text rules apply to Portuguese voices.
        fits: spoken text -> whether one call of the engine can speak it; what it raises passes.
        phonemes: whether the engine speaks phoneme marks; if not, it gets their terms.

    Raises:
        EmptyTextError: if nothing in the text can be spoken.
        TextTooLongError: if the text is over ``request.max_chars``, or a single character or mark
            does not fit.
        SourceError: if the text is not valid Unicode, or a phoneme mark or an entry of the lexicon
            is malformed.
    """
    check_text(request.text, request.max_chars)
    check_lexicon(request.lexicon)
    parse = segments_from_markdown if request.markup is Markup.MARKDOWN else segments_from_text
    segments = parse(request.text)
    for segment in segments:
        refuse_broken_marks(segment.text)
    lexicon = entries_in("\n".join(segment.text for segment in segments), request.lexicon)
    lines = write_lines(segments, fits, speaker(language, lexicon, phonemes=phonemes))
    if not lines:
        raise _empty(request.text)
    return lines


def speaker(language: str, lexicon: Mapping[str, str], *, phonemes: bool) -> Callable[[str], str]:
    """Return what turns a written text, with its author's marks, into a spoken one.

    The author's marks come first, then the lexicon, then the rules of the language; none of them
    looks at what an earlier one has settled.

    Args:
        language: BCP 47 tag.
        lexicon: term -> words, or phonemes between slashes.
        phonemes: whether marks may be spoken. If not, each becomes its term, which the rules of
            the language read like any word, and the lexicon's phonemes are left out.
    """
    rules = normalise if language.lower().startswith("pt") else tidy
    if phonemes:
        entries = dict(lexicon)
    else:
        entries = {term: said for term, said in lexicon.items() if phonemes_of(said) is None}
    words = whole_words(entries)

    def say_entry(term: str, written: str) -> str:
        sounds = phonemes_of(entries[term])
        return entries[term] if sounds is None else mark(written, sounds)

    def speak(written: str) -> str:
        authors = hide(written)
        text = words.replace(" ".join(clean_characters(authors.text).split()), say_entry)
        if not phonemes:
            return rules(authors.with_terms(text))
        lexicons = hide(text)
        marks = {**authors.marks, **lexicons.marks}
        # With its terms in place, so that the numbers before them agree: duas [[xícaras|/…/]].
        said = rules(without_phonemes(lexicons.text.translate(marks)))
        in_order = [marks[ord(each)] for each in lexicons.text if ord(each) in marks]
        marked = _mark_terms(said, in_order)
        return rules(lexicons.text).translate(marks) if marked is None else marked

    return speak


def _mark_terms(said: str, marks: Sequence[str]) -> str | None:
    """Return the text with its terms marked again; ``None`` unless each of them is found as it was.

    A term that the rules have changed (``2ª``), or that stands elsewhere too, is not found.
    """
    pieces = []
    for number, each in enumerate(marks):
        term = without_phonemes(each)
        places = list(re.finditer(rf"(?<!\w){re.escape(term)}(?!\w)", said))
        if len(places) != [without_phonemes(other) for other in marks[number:]].count(term):
            return None
        pieces += [said[: places[0].start()], each]
        said = said[places[0].end() :]
    return "".join([*pieces, said])


def check_text(text: str, max_chars: int) -> None:
    """Refuse a text that is empty, too long or not valid Unicode.

    Raises:
        EmptyTextError, TextTooLongError, SourceError: see ``validate``.
    """
    if not any(character.isalnum() for character in text):
        raise _empty(text)
    if len(text) > max_chars:
        raise TextTooLongError(
            f"{len(text):,} characters are over the limit of {max_chars:,}",
            field="text",
            value=text,
            remedy="split it into several lessons or texts",
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SourceError(
            f"the character at position {error.start} is half of a surrogate pair",
            field="text",
            value=repr(text[error.start : error.end]),
            remedy="save the text as UTF-8",
        ) from error


def _empty(text: str) -> EmptyTextError:
    what = "has no letter or digit" if text.strip() else "is empty"
    return EmptyTextError(
        f"the text {what}, so there is nothing to say",
        field="text",
        value=repr(text),
        remedy="give at least one word",
    )
