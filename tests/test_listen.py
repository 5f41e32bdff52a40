"""The listening page: everything to hear is on it, can be played, and says what is wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from flows.contract import as_request, failure, success
from flows.course_plan import Wishes, as_wished, plan_lessons
from flows.course_report import publish
from flows.listen import write_page
from flows.listen_copies import url
from flows.listen_lessons import Status
from flows.listen_words import FLAGS, STATUSES, TONES, clock, flag_in_words, score_in_words
from tests.support.browser import CHROMIUM, opened
from tests.support.command import narrate, narrate_json
from tts_tasks import steps
from tts_tasks.catalog.library import Library, encode_flac
from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.errors import FlaggedError, NarrationError, OutputPathError, SourceError
from tts_tasks.script.course import read_course
from tts_tasks.settings import load_settings
from tts_tasks.values import Quality

AS_WRITTEN = Wishes()
HOSTILE = "</title><script>alert(1)</script> \"'&amp; {{ 7 * 7 }} \u2028 #1?"
TEXTS = {
    "01-um.md": "# Primeira aula\n\nA padaria abre às seis.\n\nO pão sai quente.",
    "02-dois.md": "# Segunda aula\n\nO forno ficou ligado.\n\nNinguém percebeu.\n\nAté amanhã.",
}
ANY = "*"
SPOILED = "O forno ficou ligado."
TOO_SHORT = Quality(("too_short",), {"duration_s": 0.61, "chars_per_s": 31.0}, 2.0)
BABBLE = Quality(
    ("noise_tail", "missing_words"),
    {"duration_s": 1.9},
    1.0,
    {"wer": 0.5, "heard": "o forno", "missing": ["ficou ligado"], "extra": ["e mais"]},
)
GOOD = Quality((), {"duration_s": 1.2}, 0.0)


class Reader(HTMLParser):
    """Collects what a page holds."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.folder = page.parent
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._in = ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in = tag

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, data):
        if self._in not in ("style", "script"):
            self.text += data + " "

    def all(self, tag, **wanted):
        return [has for name, has in self.tags if name == tag and wanted.items() <= has.items()]

    def of_class(self, name):
        return [has for _, has in self.tags if name in (has.get("class") or "").split()]

    def sources(self):
        return [self.folder / unquote(has["src"]) for has in self.all("audio")]

    @property
    def said(self):
        return " ".join(self.text.split())


@pytest.fixture
def settings(home):
    return load_settings()


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "curso"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def keep_takes(settings, source, used, *refused, wishes=AS_WRITTEN, text=SPOILED):
    """Put takes of a sentence into the library, as if an engine with seeds had spoken it."""
    library = Library(settings.library)
    course = as_wished(read_course(source, max_lesson_chars=10_000), wishes, settings)
    chunk = next(
        chunk
        for planned in plan_lessons(course, source, settings)
        for chunk in planned.script.chunks
        if text in (ANY, chunk.written)
    )
    [waveform] = EspeakEngine().synthesize([chunk])
    half = replace(waveform, samples=waveform.samples[: len(waveform.samples) // 2])
    for seed, quality in enumerate(refused, start=1):
        library.refused.put(chunk.key, seed, encode_flac(half), quality)
    library.register_utterance(
        chunk,
        waveform,
        provider="espeak",
        revision=chunk.revision,
        synthesis_s=0.1,
        quality=used,
        takes=1 + len(refused),
    )
    return chunk.key


def narrate_all(settings, source, wishes=AS_WRITTEN):
    """Do what ``narrate course`` does, without the stack; return the report."""
    course = as_wished(read_course(source, max_lesson_chars=10_000), wishes, settings)
    lessons = plan_lessons(course, source, settings)
    outcomes = {}
    for planned in lessons:
        if planned.script is None or planned.is_unchanged:
            continue
        try:
            done = success(steps.narrate(as_request(settings, **planned.parameters), settings))
        except NarrationError as error:
            done = failure(error)
        outcomes[planned.lesson.id] = done
    return publish(course, source, lessons, outcomes, settings)


def read_page(settings, given, wishes=AS_WRITTEN, **options):
    page = write_page(str(given), wishes, settings, **options)
    return page, Reader(page.path)


def test_a_course_without_doubts_is_well(settings, source):
    narrate_all(settings, source)
    page, shown = read_page(settings, source)
    assert page.path == settings.narrations / "curso" / "listen.html"
    assert (page.lessons, page.flagged, page.waiting) == (2, 0, 0)
    assert "All is well" in shown.said
    assert "good" in shown.of_class("verdict")[0]["class"]
    assert not shown.of_class("doubt")
    assert not page.path.with_suffix("").exists()
    assert [path.name for path in shown.sources()] == ["01-um.mp3", "02-dois.mp3"]
    assert all(path.is_file() for path in shown.sources())
    for words in (
        "1 Primeira aula published",
        "2 Segunda aula published",
        "target -16",
        "espeak pt-br",
        "words/min",
    ):
        assert words in shown.said
    assert shown.said.count("LUFS ok") == shown.said.count("dBTP ok") == 2


def test_the_sentences_are_marked_where_they_are_heard(settings, source):
    narrate_all(settings, source)
    _, shown = read_page(settings, source)
    manifest = json.loads((settings.narrations / "curso" / "course.json").read_bytes())
    chunks = [chunk for lesson in manifest["lessons"] for chunk in lesson["chunks"]]
    starts = [float(has["data-start"]) for has in shown.all("rect")]
    assert starts == [round(chunk["start_s"], 3) for chunk in chunks]
    assert not shown.all("rect", **{"class": "flagged"})
    [first, second] = [path["d"] for path in shown.all("path")]
    assert first != second
    assert first.startswith("M")
    assert first.endswith("Z")


def test_a_refused_lesson_waits_for_ears(settings, source):
    key = keep_takes(settings, source, TOO_SHORT, BABBLE)
    report = narrate_all(settings, source)
    assert report["lessons"][1]["error"]["code"] == FlaggedError.code
    page, shown = read_page(settings, source)
    assert (page.flagged, page.waiting) == (1, 1)
    assert "1 sentence in 1 lesson waits for your ears" in shown.said
    assert "Segunda aula refused: waits for your ears" in shown.said
    assert f"narrate course {source} --accept-flagged" in shown.said
    assert len(shown.of_class("doubt")) == len(shown.all("rect", **{"class": "flagged"})) == 1
    for words in (
        SPOILED,
        FLAGS["too_short"],
        FLAGS["noise_tail"],
        "ficou ligado",
        "e mais",
        "31.0 chars/s",
    ):
        assert words in shown.said
    # The lesson as it would be published can be heard before it is.
    lesson, draft, used, other = shown.sources()
    assert lesson.name == "01-um.mp3"
    assert draft.name.startswith("draft-")
    assert [used.name, other.name] == [f"{key[:16]}-0.flac", f"{key[:16]}-1.flac"]
    assert [take.path.read_bytes() for take in Library(settings.library).takes(key)] == [
        used.read_bytes(),
        other.read_bytes(),
    ]


def test_the_page_can_be_moved_with_its_course(settings, source, tmp_path):
    keep_takes(settings, source, TOO_SHORT, BABBLE)
    narrate_all(settings, source)
    page, _ = read_page(settings, source)
    moved = tmp_path / "outro lugar #1"
    shutil.move(page.path.parent, moved)
    shutil.rmtree(settings.library)
    shown = Reader(moved / "listen.html")
    assert len(shown.sources()) == 4
    assert all(path.is_file() for path in shown.sources())
    links = {has["href"][1:] for has in shown.all("a")}
    assert links == {has["id"] for has in shown.all("section") if "id" in has}
    assert "http" not in (moved / "listen.html").read_text(encoding="utf-8")


def test_an_accepted_take_stays_flagged(settings, source):
    keep_takes(settings, source, TOO_SHORT)
    narrate_all(settings, source, Wishes(accept_flagged=True))
    page, shown = read_page(settings, source)
    assert (page.flagged, page.waiting) == (1, 0)
    assert "1 flagged sentence was published all the same" in shown.said
    assert "Segunda aula published" in shown.said
    assert "--accept-flagged" not in shown.said
    assert len(shown.of_class("flagged")) == 2  # the card, and its place in the picture


def test_what_its_author_accepted_waits_for_nobody(settings, source):
    keep_takes(settings, source, TOO_SHORT)
    narrate_all(settings, source)
    (source / "course.yaml").write_text("accept_flagged: true\n", encoding="utf-8")
    page, shown = read_page(settings, source)
    assert (page.flagged, page.waiting) == (1, 0)
    assert f"Segunda aula {STATUSES[Status.NEW]}" in shown.said
    assert "1 lesson is not narrated yet" in shown.said
    assert "published all the same" not in shown.said
    assert "fair" in shown.of_class("verdict")[0]["class"]


def test_good_retakes_are_folded_away(settings, source):
    keep_takes(settings, source, GOOD, TOO_SHORT, BABBLE)
    narrate_all(settings, source)
    page, shown = read_page(settings, source)
    assert page.flagged == 0
    assert "1 sentence was spoken more than once; a good take is in use" in shown.said
    assert "passed all checks" in shown.said
    # The one in use comes first, the others from good to bad.
    assert [path.stem[-2:] for path in shown.sources()[2:]] == ["-0", "-2", "-1"]


def test_takes_share_the_scales_of_their_pictures(settings, source):
    keep_takes(settings, source, GOOD, TOO_SHORT)
    narrate_all(settings, source)
    _, shown = read_page(settings, source)
    waves = shown.of_class("wave")
    assert [wave.get("style") for wave in waves] == [None, None, None, "width: 50%"]


def test_what_authors_write_cannot_break_the_page(settings, source):
    title = json.dumps(HOSTILE)
    (source / "course.yaml").write_text(f"title: {title}\nlessons: [01-um.md]\n", encoding="utf-8")
    (source / "01-um.md").write_text(
        f"---\ntitle: {title}\n---\n\nUm `</script><script>x` & dois.", encoding="utf-8"
    )
    keep_takes(settings, source, BABBLE, text=ANY)
    narrate_all(settings, source)
    _, shown = read_page(settings, source)
    assert len(shown.all("script")) == 1
    assert shown.said.count("<script>alert(1)</script>") >= 3
    assert "{{ 7 * 7 }}" in shown.said
    assert shown.all("audio")[0]["aria-label"] == HOSTILE


def test_the_page_may_be_written_elsewhere(settings, source, tmp_path):
    keep_takes(settings, source, TOO_SHORT)
    narrate_all(settings, source)
    output = tmp_path / "páginas #1 ?" / "ouvir isto.html"
    page, shown = read_page(settings, source, output=output)
    assert page.path == output
    assert len(shown.sources()) == 3
    assert all(path.resolve().is_file() for path in shown.sources())
    assert {path.parent for path in shown.sources()[1:]} == {output.with_suffix("")}
    with pytest.raises(OutputPathError, match=r"\.html"):
        write_page(str(source), AS_WRITTEN, settings, output=source / "01-um.md")


def test_a_second_page_replaces_the_first(settings, source):
    keep_takes(settings, source, TOO_SHORT)
    narrate_all(settings, source)
    page, _ = read_page(settings, source)
    folder = page.path.with_suffix("")
    (folder / "notas.txt").write_text("minhas", encoding="utf-8")
    assert len(list(folder.iterdir())) == 3
    (source / "02-dois.md").write_text("# Segunda aula\n\nTudo bem.", encoding="utf-8")
    narrate_all(settings, source)
    read_page(settings, source)
    assert [path.name for path in folder.iterdir()] == ["notas.txt"]


def test_lost_audio_is_told(settings, source):
    narrate_all(settings, source)
    folder = settings.narrations / "curso"
    (folder / "01-um.mp3").unlink()
    (folder / "02-dois.mp3").write_bytes(b"<html>")
    _, shown = read_page(settings, source)
    assert "2 lessons have lost the audio" in shown.said
    assert "The audio has been removed" in shown.said
    assert "The audio is damaged" in shown.said
    assert not shown.sources()


@pytest.mark.parametrize("audio", [b"fLaC", b""])
def test_a_damaged_take_is_told(settings, source, audio):
    key = keep_takes(settings, source, TOO_SHORT, BABBLE)
    narrate_all(settings, source)
    (settings.library / "takes" / key[:2] / key / "1.flac").write_bytes(audio)
    page, shown = read_page(settings, source)
    assert page.flagged == 1
    assert "The audio of this take is missing or damaged" in shown.said
    assert len(shown.sources()) == 3


def test_folder_id_and_source_give_the_same_page(settings, source):
    narrate_all(settings, source)
    pages = [
        write_page(given, AS_WRITTEN, settings).path.read_bytes()
        for given in (str(source), "curso", str(settings.narrations / "curso"))
    ]
    assert len(set(pages)) == 1


def test_without_its_source_a_course_is_what_was_published(settings, source):
    keep_takes(settings, source, TOO_SHORT)
    narrate_all(settings, source, Wishes(accept_flagged=True))
    shutil.rmtree(source)
    page, shown = read_page(settings, "curso")
    assert (page.lessons, page.flagged) == (2, 1)
    assert len(shown.sources()) == 3


def test_a_broken_source_is_told(settings, source):
    narrate_all(settings, source)
    (source / "course.yaml").write_text("lessons: 7\n", encoding="utf-8")
    page, shown = read_page(settings, "curso")
    assert page.lessons == 2
    assert "The source of the course cannot be read" in shown.said
    with pytest.raises(NarrationError):
        write_page(str(source), AS_WRITTEN, settings)


def test_lessons_that_are_not_as_published_say_so(settings, source):
    narrate_all(settings, source)
    (source / "01-um.md").write_text("# Primeira aula\n\nOutro texto.", encoding="utf-8")
    (source / "02-dois.md").write_text("# Segunda aula\n\n[voz x]Nada.", encoding="utf-8")
    (source / "03-tres.md").write_text("# Três\n\nMais uma.", encoding="utf-8")
    (source / "04-quatro.md").write_text("[voz x]Nada.", encoding="utf-8")
    _, shown = read_page(settings, source)
    assert f"Primeira aula {STATUSES[Status.CHANGED]}" in shown.said
    assert f"Segunda aula {STATUSES[Status.BROKEN]}" in shown.said
    assert f"Três {STATUSES[Status.NEW]}" in shown.said
    assert "never closed" in shown.said
    assert "Nothing was flagged." in shown.said
    assert [path.name for path in shown.sources()] == ["01-um.mp3", "02-dois.mp3"]


def test_another_speaker_than_the_author_wrote_is_no_change(settings, source):
    wishes = Wishes(voice="pt-br+f2")
    keep_takes(settings, source, TOO_SHORT, wishes=wishes)
    narrate_all(settings, source, wishes)
    _, shown = read_page(settings, source)
    assert "Primeira aula published" in shown.said
    assert "espeak pt-br+f2" in shown.said
    # The refused lesson is found when the same voice is asked for.
    assert f"Segunda aula {STATUSES[Status.NEW]}" in shown.said
    page, shown = read_page(settings, source, wishes)
    assert page.waiting == 1
    assert f"narrate course {source} --voice pt-br+f2 --accept-flagged" in shown.said


def test_a_sentence_said_twice_is_one_doubt_in_two_places(settings, source):
    (source / "02-dois.md").write_text(f"# Segunda aula\n\n{SPOILED}\n\nSim.\n\n{SPOILED}")
    keep_takes(settings, source, TOO_SHORT)
    narrate_all(settings, source)
    page, shown = read_page(settings, source)
    assert page.flagged == 1
    assert len([has for has in shown.all("button") if "data-seek" in has]) == 2
    assert len(shown.all("rect", **{"class": "flagged"})) == 2


def test_a_course_that_there_is_not(settings, tmp_path):
    with pytest.raises(SourceError, match="nenhum"):
        write_page("nenhum", AS_WRITTEN, settings)
    with pytest.raises(SourceError, match="curso"):
        write_page(str(tmp_path / "curso"), AS_WRITTEN, settings)


def test_the_command_prints_page_and_count(settings, source, home):
    keep_takes(settings, source, TOO_SHORT)
    narrate_all(settings, source)
    told = narrate_json("listen", source, home=home)
    assert Path(told["path"]).is_file()
    assert (told["flagged"], told["waiting"], told["lessons"]) == (1, 1, 2)
    done = narrate("listen", "curso", home=home)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{told['path']}  2 lesson(s), 1 flagged sentence(s), 1 unpublished\n"
    assert narrate("listen", "nenhum", home=home).returncode == 2


def test_names_become_urls():
    assert url("01-a b#c?d%é:e.mp3") == "01-a%20b%23c%3Fd%25%C3%A9%3Ae.mp3"
    assert url("../x/y.mp3") == "../x/y.mp3"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("duration_s", 1.234, ("duration", "1.234 s")),
        ("longest_pause_s", 2.0, ("longest pause", "2 s")),
        ("chars_per_s", 14.26, ("pace", "14.3 chars/s")),
        ("loudness_lufs", -20.25, ("loudness", "-20.25 LUFS")),
        ("similarity", 0.987, ("similarity", "0.987")),
        ("dc_offset", 1.2e-5, ("dc offset", "0")),
        ("s", 3.0, ("s", "3")),
    ],
)
def test_measurements_have_units(name, value, words):
    assert score_in_words(name, value) == words


def test_words_for_everything():
    assert flag_in_words("never_heard_of") == "never heard of"
    assert set(STATUSES) == set(TONES) == set(Status)
    assert [clock(seconds) for seconds in (0, 59.9, 65, 3725)] == [
        "0:00",
        "0:59",
        "1:05",
        "1:02:05",
    ]


@pytest.fixture
def page_in_browser(settings, source, tmp_path):
    """Return the page of a course with two doubts, open, with a list of what went wrong on it."""
    keep_takes(settings, source, TOO_SHORT, BABBLE)
    keep_takes(settings, source, BABBLE, text="O pão sai quente.")
    narrate_all(settings, source)
    path = write_page(str(source), AS_WRITTEN, settings).path
    watched = path.with_name("watched.html")
    watch = (
        "<head><script>window.failures = [];"
        "addEventListener('error', (event) => failures.push(event.message ?? 'resource'), true);"
        "addEventListener('unhandledrejection', (event) => failures.push(String(event.reason)));"
        "console.error = (...said) => failures.push(said.join(' '));</script>"
    )
    watched.write_text(path.read_text(encoding="utf-8").replace("<head>", watch), encoding="utf-8")
    autoplay = "--autoplay-policy=no-user-gesture-required"
    with opened(watched.as_uri(), tmp_path / "profile", autoplay) as page:
        yield page
        assert page.evaluate("failures") == []


browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")

PLAYING = "players.filter(({ audio }) => !audio.paused).map((player) => players.indexOf(player))"


def click_wave(page, number, part):
    """Click on the picture of a player, at a part of its width; return when it has moved."""
    page.evaluate(f"players[{number}].wave.scrollIntoView({{ block: 'center' }})")
    x, y, width = page.evaluate(
        f"(({{ x, y, width }}) => [x, y, width])(players[{number}].wave.getBoundingClientRect())"
    )
    page.evaluate(
        f"window.moved = new Promise((go) => {{ const {{ audio }} = players[{number}];"
        " audio.addEventListener('seeked', () => go(audio.currentTime), { once: true }) }); 0"
    )
    page.click(x + part * width, y + 10)
    return page.evaluate("moved")


@browser
@pytest.mark.browser
def test_a_click_on_the_picture_plays_from_there(page_in_browser):
    page = page_in_browser
    duration_s, start_s = page.evaluate(
        "[players[0].audio.duration, Number(players[0].sentences.at(-1).dataset.start)]"
    )
    wanted_s = start_s + 0.2
    assert click_wave(page, 0, wanted_s / duration_s) == pytest.approx(wanted_s, abs=0.1)
    assert page.evaluate(PLAYING) == [0]
    assert page.evaluate("players[0].labels[1].textContent") == "O pão sai quente."


@browser
@pytest.mark.browser
def test_a_second_player_stops_the_first(page_in_browser):
    page = page_in_browser
    click_wave(page, 0, 0.1)
    assert page.evaluate("players[1].audio.readyState") == 0  # a take, not loaded before
    click_wave(page, 1, 0.1)
    assert page.evaluate(PLAYING) == [1]


@browser
@pytest.mark.browser
def test_keys_go_through_the_doubts_and_play_them(page_in_browser):
    page = page_in_browser
    shown = "document.activeElement.querySelector('.text').textContent"
    page.press("n", "n")
    assert page.evaluate(shown) == "O pão sai quente."
    page.press("n", "n")
    assert page.evaluate(shown) == SPOILED
    page.press("p", "p")
    assert page.evaluate(shown) == "O pão sai quente."
    page.press(" ", " ")
    [playing] = page.evaluate(PLAYING)
    assert page.evaluate(
        f"document.activeElement.contains(players[{playing}].audio)"
        f" && players[{playing}].box.classList.contains('used')"
    )
    page.press(" ", " ")
    assert page.evaluate(PLAYING) == []


@browser
@pytest.mark.browser
def test_a_doubt_is_heard_in_its_lesson(page_in_browser):
    page = page_in_browser
    start_s = float(page.evaluate("document.querySelector('[data-seek]').dataset.seek"))
    moved = page.evaluate(
        "new Promise((go) => { const { audio } = players[0];"
        " audio.addEventListener('seeked', () => go(audio.currentTime), { once: true });"
        " document.querySelector('[data-seek]').click(); })"
    )
    assert moved == pytest.approx(start_s, abs=0.15)
    assert page.evaluate(PLAYING) == [0]
