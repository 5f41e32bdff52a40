"""Every voice of every provider, and how it sounds."""

import json
import re
import time
from dataclasses import replace

import pytest
import soundfile

from flows.voice_list import SENTENCES, list_voices, preview, render, sentence_in
from tests.support.browser import CHROMIUM, opened
from tests.support.command import narrate, narrate_json
from tests.support.tiny_kokoro import write_tiny_kokoro
from tests.support.translate import StandIn
from tts_tasks.engines import registry
from tts_tasks.engines.kokoro import KokoroEngine
from tts_tasks.errors import InputError, UnknownProviderError
from tts_tasks.settings import load_settings


@pytest.fixture
def google(monkeypatch):
    with StandIn() as stand_in:
        monkeypatch.setenv("NARRATION_GTTS_URL", stand_in.url)
        monkeypatch.setenv("NARRATION_GTTS_REQUESTS_PER_S", "100")
        yield stand_in


def names(listed):
    return [each.voice.name for each in listed]


def test_the_most_natural_provider_comes_first_and_its_default_voice(google):
    listed = list_voices(load_settings())
    order = ["bark", "kokoro", "gtts", "espeak"]
    assert list(dict.fromkeys(each.provider for each in listed)) == order
    firsts = {}
    for each in listed:
        firsts.setdefault(each.provider, each.voice.name)
    assert firsts == {
        "bark": "v2/pt_speaker_0",
        "kokoro": "pf_dora",
        "gtts": "google-com.br",
        "espeak": "pt-br",
    }


def test_a_voice_says_what_it_is(google):
    [voice] = [v for v in list_voices(load_settings()) if v.voice.name == "google-pt-slow"]
    row = voice.as_dict()
    assert json.loads(json.dumps(row)) == row
    assert row["provider"] == "gtts"
    assert row["language"] == "pt-pt"
    assert row["sample_rate"] == 24_000
    assert "Google" in row["licence"]
    assert (row["available"], row["why_not"]) == (True, None)


def test_every_voice_has_a_licence_and_a_language():
    for each in list_voices(load_settings()):
        assert each.voice.licence, each
        assert re.fullmatch(r"[a-z]{2,4}(-[a-z0-9]+)*", each.voice.language), each


def test_who_cannot_speak_now_is_listed_with_the_reason():
    listed = list_voices(load_settings())
    why = {each.provider: each.why_not for each in listed}
    assert "models pull kokoro" in why["kokoro"] or "not ready" in why["kokoro"]
    assert "cannot be reached" in why["gtts"]
    assert why["espeak"] is None


def test_a_model_that_is_here_makes_its_voices_available(monkeypatch):
    model = write_tiny_kokoro(load_settings().models)
    monkeypatch.setattr(KokoroEngine.__init__, "__defaults__", (None, model))
    registry._make.cache_clear()
    listed = list_voices(load_settings(), provider="kokoro")
    assert "pf_dora" in [each.voice.name for each in listed if each.why_not is None]


@pytest.mark.parametrize(
    ("language", "some"), [("pt", "pt-br+f2"), ("pt-BR", "pt-br"), ("en", "en-us"), ("ja", "ja")]
)
def test_only_those_that_speak_a_language(language, some):
    listed = list_voices(load_settings(), language=language)
    assert some in names(listed)
    wanted = language.lower()
    assert all(each.voice.language.lower().startswith(wanted) for each in listed)


def test_a_language_or_provider_that_there_is_not_is_an_error():
    with pytest.raises(InputError, match="tlh"):
        list_voices(load_settings(), language="tlh")
    with pytest.raises(UnknownProviderError, match="polly"):
        list_voices(load_settings(), provider="polly")


def test_the_sentence_is_in_the_language_of_the_voice():
    assert sentence_in("en-us") == SENTENCES["en"]
    assert sentence_in("pt-br") == sentence_in("tlh") == SENTENCES["pt"]


def test_a_preview_has_a_player_for_each_voice_that_can_speak(google):
    settings = load_settings()
    heard = []
    listed = list_voices(settings, language="pt")
    page = preview(listed, settings, on_voice=heard.append)
    html = page.read_text(encoding="utf-8")
    able = [each for each in heard if each.sample]
    assert {each.provider for each in able} == {"gtts", "espeak"}
    assert html.count("<audio") == len(able) >= 10
    assert "models pull kokoro" in html or "not ready" in html
    for each in able:
        assert soundfile.info(str(each.sample)).duration == pytest.approx(each.duration_s, abs=0.1)
    assert {path.suffix for path in page.parent.iterdir()} == {".html", ".mp3"}


def test_a_second_preview_costs_nothing(google):
    settings = load_settings()
    listed = list_voices(settings, provider="gtts", language="pt")
    preview(listed, settings)
    n_requests = len(google.calls)
    assert n_requests > 0
    preview(listed, settings)
    assert len(google.calls) == n_requests


def test_a_voice_that_fails_says_why_and_the_others_go_on(google, monkeypatch):
    monkeypatch.setattr("tts_tasks.engines.gtts.wait", lambda *_: None)
    settings = load_settings()
    listed = list_voices(settings, language="pt-BR")
    google.always = "403"
    page = preview([each for each in listed if each.provider != "kokoro"], settings)
    html = page.read_text(encoding="utf-8")
    assert "403 Forbidden" in html
    assert 'aria-label="pt-br+f2"' in html


def test_a_page_escapes_what_it_is_told(tmp_path):
    [voice] = [v for v in list_voices(load_settings(), provider="gtts") if "slow" in v.voice.name][
        :1
    ]

    html = render([replace(voice, why_not="<script>alert(1)</script>")], tmp_path)
    assert "<script>alert" not in html


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")
@pytest.mark.browser
def test_the_samples_play_in_a_browser(google, tmp_path):
    settings = load_settings()
    page = preview(list_voices(settings, provider="espeak", language="pt-BR"), settings)
    with opened(page.as_uri(), tmp_path / "profile") as shown:
        durations = "[...document.querySelectorAll('audio')].map((player) => player.duration)"
        deadline_s = time.monotonic() + 20
        while not all(found := shown.evaluate(durations)) and time.monotonic() < deadline_s:
            shown.evaluate("new Promise((done) => setTimeout(done, 100))")
        assert len(found) == 5
        assert all(duration > 3 for duration in found)


def test_the_command_prints_a_table_and_json(home, google):
    assert "google-com.br" in narrate("voices", "-l", "pt", home=home).stdout
    rows = narrate_json("voices", "-p", "gtts", "-l", "pt", home=home)
    assert rows[0]["name"] == "google-com.br"
    page = narrate_json("voices", "--preview", "-p", "espeak", home=home)["page"]
    assert page.endswith("voices.html")
