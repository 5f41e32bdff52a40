from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.support.audio import spoken, utterance
from tests.support.browser import CHROMIUM, Page, opened
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.mastering.post_process import post_process
from tts_tasks.mastering.publish import publish
from tts_tasks.mastering.transcript import (
    bcp_47,
    escape_markdown,
    to_html,
    to_markdown,
    to_sentences_json,
)
from tts_tasks.values import Chunk, Cue, Structure, Tags, Word

TAGS = Tags("Lendo as vendas", "Python", "espeak pt-br")
HOSTILE = "</script><script>alert(1)</script> \"'`& {{ 7 * 7 }} \u2028\u2029 <b> &amp; \\"

LESSON = [
    Cue(0.0, 1.27, "Lendo as vendas", "Lendo as vendas", structure=Structure.HEADING),
    Cue(2.1701, 4, "Custa R$ 5.", "Custa cinco reais.", (Word(6, 10, 3, 4.00049),), paragraph=1),
    Cue(4.3, 5, "É caro?", "É caro?", paragraph=1),
    Cue(6, 7, "Uma lista", structure=Structure.HEADING, paragraph=2),
    Cue(8, 9, "O primeiro.", structure=Structure.LIST_ITEM, paragraph=3),
    Cue(9, 9.5, "Mais dele.", structure=Structure.LIST_ITEM, paragraph=3),
    Cue(10, 11, "O segundo.", structure=Structure.LIST_ITEM, paragraph=4),
    Cue(12, 13, "Produto: Pão; Preço: R$ 1,20.", structure=Structure.TABLE_ROW, paragraph=5),
    Cue(14, 15, "for i in y:", structure=Structure.CODE, paragraph=6),
    Cue(15, 16, "print(`i`)", structure=Structure.CODE, paragraph=7),
    Cue(17, 18, "Disse alguém.", structure=Structure.QUOTE, paragraph=8),
    Cue(18, 19, "E saiu.", structure=Structure.QUOTE, paragraph=9),
    Cue(20, 21, "Fim.", paragraph=10),
]

lines = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1).map(
    lambda text: " ".join(text.split()) or "x"
)


class Reader(HTMLParser):
    """Collects what a page holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.opened: list[tuple[str, dict[str, str | None]]] = []
        self.sentences: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.opened.append((tag, found))
        if tag != "meta":
            self.open.append(tag)
        if tag == "span":
            self.sentences.append((str(found["data-start"]), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        inner = self.open[-1] if self.open else ""
        self.texts[inner] = self.texts.get(inner, "") + data
        if inner == "span":
            start, text = self.sentences[-1]
            self.sentences[-1] = (start, text + data)


def attributes(page: str, tag: str) -> dict[str, str | None]:
    return next(found for name, found in Reader(page).opened if name == tag)


def test_sentences_are_listed_with_their_times() -> None:
    document = json.loads(to_sentences_json(LESSON, 21.50049, TAGS, "01-aula.mp3"))
    sentences = document.pop("sentences")
    assert document == {
        "version": 1,
        "audio": "01-aula.mp3",
        "title": "Lendo as vendas",
        "album": "Python",
        "language": "pt",
        "speaker": "espeak pt-br",
        "duration_s": 21.5,
    }
    assert len(sentences) == len(LESSON)
    assert sentences[1] == {
        "start_s": 2.17,
        "end_s": 4.0,
        "text": "Custa R$ 5.",
        "spoken": "Custa cinco reais.",
        "paragraph": 1,
        "structure": "paragraph",
        "words": [{"text": "R$ 5", "start_s": 3.0, "end_s": 4.0}],
    }
    assert to_sentences_json(LESSON, 21.5, TAGS, "a") == to_sentences_json(LESSON, 21.5, TAGS, "a")


def test_times_are_numbers_with_a_point_also_where_they_are_whole() -> None:
    assert '"start_s": 0.0,' in to_sentences_json([Cue(0, 1, "Oi.")], 1, TAGS, "a.mp3")


@pytest.mark.parametrize(
    ("code", "expected"),
    [("por", "pt"), ("eng", "en"), ("tlh", "tlh"), ("und", "und"), ("", "und")],
)
def test_languages_are_named_as_the_web_names_them(code: str, expected: str) -> None:
    assert bcp_47(code) == expected


def test_the_markdown_shows_the_structure_of_the_lesson() -> None:
    assert to_markdown(LESSON, TAGS, "01-aula.mp3") == (
        "# Lendo as vendas\n\nCusta R$ 5. É caro?\n\n## Uma lista\n\n"
        "- O primeiro. Mais dele.\n- O segundo.\n\n- Produto: Pão; Preço: R$ 1,20.\n\n"
        "```\nfor i in y:\nprint(`i`)\n```\n\n> Disse alguém.\n>\n> E saiu.\n\nFim.\n"
    )


def test_a_title_that_is_not_said_stands_above_the_first_heading() -> None:
    text = to_markdown(LESSON, replace(TAGS, title="Aula 2"), "x.mp3")
    assert text.startswith("# Aula 2\n\n## Lendo as vendas\n\n")
    assert to_markdown(LESSON, Tags(), "02 café.mp3").startswith("# 02 café\n\n")


def markdown_texts(markdown: str) -> list[str]:
    """Return the texts of the blocks as a reader of Markdown understands them."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    found = []
    for token in tokens:
        if token.type == "inline":
            assert {child.type for child in token.children or []} <= {"text", "text_special"}
            found.append("".join(child.content for child in token.children or []))
        elif token.type in ("fence", "code_block"):
            found.append(token.content.rstrip("\n"))
        else:
            assert token.type not in ("html_block", "hr"), markdown
    return found


@given(lines)
def test_a_reader_of_markdown_shows_every_sign_as_it_was(text: str) -> None:
    assert markdown_texts(escape_markdown(text)) == [text]


@given(st.lists(st.tuples(lines, st.sampled_from(Structure)), min_size=1, max_size=6))
def test_markdown_keeps_every_sentence(raw: list[tuple[str, Structure]]) -> None:
    cues = [
        Cue(n, n + 1, text, structure=structure, paragraph=n)
        for n, (text, structure) in enumerate(raw)
    ]
    shown = "\n".join(markdown_texts(to_markdown(cues, Tags("Um título #"), "a.mp3")))
    assert shown == "\n".join(["Um título #", *(text for text, _ in raw)])


@pytest.mark.parametrize(
    "text", ["# a", "- a", "+ a", "12. a", "1) a", "=", "a & b &amp;", "<i>", "![x](y)", "__a__"]
)
def test_signs_of_markdown_are_only_signs(text: str) -> None:
    assert markdown_texts(escape_markdown(text)) == [text]
    assert escape_markdown("Custa R$ 7,20 - ou nº 3.") == "Custa R$ 7,20 - ou nº 3."


def test_the_page_shows_the_structure_of_the_lesson() -> None:
    page = to_html(LESSON, TAGS, "01-aula.mp3")
    reader = Reader(page)
    assert [text for _, text in reader.sentences] == [cue.text for cue in LESSON]
    assert [float(start) for start, _ in reader.sentences] == [
        pytest.approx(cue.start_s, abs=0.0005) for cue in LESSON
    ]
    tags = [tag for tag, _ in reader.opened]
    assert {tag: tags.count(tag) for tag in ("h1", "h2", "ul", "li", "pre", "blockquote")} == {
        "h1": 1, "h2": 1, "ul": 2, "li": 3, "pre": 1, "blockquote": 1,
    }  # fmt: skip
    assert attributes(page, "html")["lang"] == "pt"
    assert reader.texts["title"] == "Lendo as vendas · Python"
    assert all(
        found["role"] == "button" and found["tabindex"] == "0"
        for tag, found in reader.opened
        if tag == "span"
    )


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = to_html(LESSON, TAGS, "01-aula.mp3")
    for tag, found in Reader(page).opened:
        assert tag not in ("link", "img", "iframe")
        assert "href" not in found
        assert "src" not in found or (tag, found["src"]) == ("audio", "01-aula.mp3")
    assert "http" not in page
    assert "url(" not in page


@pytest.mark.parametrize(
    "name", ["a b.mp3", "100%25 #1?.mp3", "ação.mp3", "a:b.mp3", "a'\"<b>.mp3", "\udc80.mp3"]
)
def test_the_player_finds_audio_of_any_name(name: str) -> None:
    page = to_html([], TAGS, name)
    source = str(attributes(page, "audio")["src"])
    assert unquote(source, errors="surrogateescape") == name
    assert not set(source) & set(" #?:\"'<>")
    page.encode()
    json.loads(to_sentences_json([], 1, TAGS, name))


def test_hostile_texts_are_only_texts() -> None:
    cue = Cue(0, 1, HOSTILE, HOSTILE)
    page = to_html([cue], Tags(HOSTILE, HOSTILE, HOSTILE, language='"><x'), "a.mp3")
    reader = Reader(page)
    shown = " ".join(HOSTILE.split())
    assert [text for _, text in reader.sentences] == [shown]
    assert reader.texts["title"] == f"{shown} · {shown}"
    assert [tag for tag, _ in reader.opened].count("script") == 1
    assert attributes(page, "audio")["aria-label"] == shown
    assert "\u2028" not in page


@given(lines)
def test_the_page_shows_every_sign_as_it_was(text: str) -> None:
    page = to_html([Cue(0, 1, text)], Tags(text), "a.mp3")
    assert [said for _, said in Reader(page).sentences] == [text]


def test_the_page_speaks_portuguese_to_portuguese_listeners() -> None:
    assert "Clique em uma frase" in to_html(LESSON, TAGS, "a.mp3")
    assert "Click a sentence" in to_html(LESSON, replace(TAGS, language="spa"), "a.mp3")


def test_the_template_is_published_with_the_package() -> None:
    import tts_tasks.mastering

    folder = Path(str(tts_tasks.mastering.__file__)).parent
    assert (folder / "templates" / "transcript.html").is_file()


SENTENCES = [
    ("Uma aula curta", Structure.HEADING),
    ("Esta é a primeira frase da aula de hoje.", Structure.PARAGRAPH),
    ("A terceira frase é a que queremos ouvir agora.", Structure.PARAGRAPH),
    *[(f"E mais uma frase, a de número {n}.", Structure.LIST_ITEM) for n in range(4, 40)],
]


@pytest.fixture(scope="module")
def cues_of_page(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Cue], Path]:
    """Publish a lesson under a name that a URL must quote."""
    folder = tmp_path_factory.mktemp("lesson")
    engine = EspeakEngine()
    chunks = [Chunk(text, text, "pt-br", engine.parameters({})) for text, _ in SENTENCES]
    utterances = [
        utterance(folder, waveform.samples, waveform.sample_rate)
        for waveform in engine.synthesize(chunks)
    ]
    mastered = post_process(spoken(utterances), folder / "mastered")
    cues = [
        Cue(start_s, end_s, text, structure=structure, paragraph=number)
        for number, ((text, structure), (start_s, end_s)) in enumerate(
            zip(SENTENCES, mastered.spans, strict=True)
        )
    ]
    target = folder / "published" / "01 ação #1 100%?.mp3"
    published = publish(mastered, cues, Tags("Uma aula curta", "Curso"), target)
    return cues, published.transcripts["html"]


@pytest.fixture
def page(cues_of_page: tuple[list[Cue], Path], tmp_path: Path) -> Iterator[Page]:
    with opened(cues_of_page[1].as_uri(), tmp_path / "profile", "--window-size=500,700") as page:
        page.evaluate("audio.readyState || new Promise((go) => { audio.onloadedmetadata = go })")
        yield page


def sentence(page: Page, number: int, expression: str) -> object:
    return page.evaluate(f"(() => {{ const it = sentences[{number}]; return {expression} }})()")


def starts_playing(page: Page) -> None:
    """Prepare ``started``: the time at which the audio is heard next."""
    page.evaluate(
        "void (window.started = new Promise((tell) => audio.addEventListener("
        "'playing', () => tell(audio.currentTime), { once: true })))"
    )


def marked(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('[aria-current=true]')].map((it) => it.textContent)"
    )
    return found


browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")


@browser
@pytest.mark.browser
def test_a_click_plays_the_sentence_and_marks_it(
    cues_of_page: tuple[list[Cue], Path], page: Page
) -> None:
    cues, _ = cues_of_page
    assert page.evaluate("audio.duration") > cues[-1].end_s
    assert marked(page) == []
    box = sentence(page, 2, "[it.getBoundingClientRect().x, it.getBoundingClientRect().y]")
    x, y = box
    starts_playing(page)
    page.click(x + 20, y + 10)
    assert page.evaluate("started") == pytest.approx(cues[2].start_s, abs=0.3)
    assert marked(page) == [cues[2].text]
    assert not page.evaluate("audio.paused")


@browser
@pytest.mark.browser
@pytest.mark.parametrize(("key", "text"), [("Enter", "\r"), (" ", " ")])
def test_a_key_plays_the_sentence(
    cues_of_page: tuple[list[Cue], Path], page: Page, key: str, text: str
) -> None:
    cues, _ = cues_of_page
    sentence(page, 1, "it.focus()")
    starts_playing(page)
    page.press(key, text)
    assert page.evaluate("started") == pytest.approx(cues[1].start_s, abs=0.3)
    assert marked(page) == [cues[1].text]


@browser
@pytest.mark.browser
def test_the_heard_sentence_is_marked_and_in_sight_below_the_player(
    cues_of_page: tuple[list[Cue], Path], page: Page
) -> None:
    cues, _ = cues_of_page
    page.send(
        "Emulation.setEmulatedMedia",
        features=[{"name": "prefers-reduced-motion", "value": "reduce"}],
    )
    for number in (30, 4):
        seconds = (cues[number].start_s + cues[number].end_s) / 2
        page.evaluate(
            "new Promise((go) => { audio.onseeked = () => requestAnimationFrame(go);"
            f" audio.currentTime = {seconds} }})"
        )
        assert marked(page) == [cues[number].text]
        top, bottom, player = sentence(
            page,
            number,
            "[it.getBoundingClientRect().top, it.getBoundingClientRect().bottom,"
            " document.querySelector('.player').getBoundingClientRect().bottom]",
        )
        assert 40 < player <= top < bottom <= page.evaluate("innerHeight")


@browser
@pytest.mark.browser
def test_a_page_without_its_audio_says_so(tmp_path: Path) -> None:
    lonely = tmp_path / "lonely.html"
    lonely.write_text(to_html(LESSON, TAGS, "01-aula.mp3"), encoding="utf-8")
    with opened(lonely.as_uri(), tmp_path / "profile") as page:
        page.evaluate("audio.error || new Promise((go) => { audio.onerror = go })")
        shown = page.evaluate(
            "(() => { const alert = document.querySelector('[role=alert]');"
            " return alert.offsetHeight && alert.innerText })()"
        )
        assert shown == "O áudio não está ao lado desta página: 01-aula.mp3"
