"""The main path without a server: contract, cache, bad input; real engine, real encoder."""

import asyncio
import json
import os
import subprocess
import sys

import pytest
import soundfile
import srt
import webvtt

from flows.narrate import generate_narration, generate_narration_sync
from tts_tasks.mastering.integrity import check_audio

TEXT = "Bom dia a todos! Esta aula tem duas partes. A primeira custa R$ 10,00 e dura 45 minutos."
CONTRACT = {
    "success", "audio_path", "duration", "cached", "provider", "voice", "chunks",
    "synthesized_chunks", "characters", "captions", "error",
}  # fmt: skip


def narrated(text, path, **options):
    outcome = generate_narration_sync(text, path, **options)
    assert outcome["success"], outcome["error"]
    return outcome


def refused(text, path, **options):
    outcome = generate_narration_sync(text, path, **options)
    assert outcome["success"] is False
    assert set(outcome) >= CONTRACT
    assert outcome["audio_path"] is None
    return outcome["error"]


def files_below(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_text_becomes_audio_with_captions(tmp_path):
    outcome = narrated(TEXT, tmp_path / "aula.mp3")
    assert set(outcome) >= CONTRACT
    assert (outcome["provider"], outcome["voice"]) == ("espeak", "pt-br")
    assert outcome["chunks"] == outcome["synthesized_chunks"] == 3
    assert outcome["characters"] == len(TEXT)
    assert outcome["cached"] is False
    check_audio(tmp_path / "aula.mp3")
    assert soundfile.info(tmp_path / "aula.mp3").duration == pytest.approx(
        outcome["duration"], abs=0.1
    )
    assert outcome["loudness_lufs"] == pytest.approx(-16, abs=0.3)
    assert outcome["true_peak_dbtp"] <= -1.5
    assert files_below(tmp_path) == [
        "aula.mp3", "aula.sentences.json", "aula.srt", "aula.transcript.html",
        "aula.transcript.md", "aula.vtt",
    ]  # fmt: skip
    assert set(outcome["transcripts"]) == {"json", "md", "html"}


def test_captions_show_the_written_text_in_time(tmp_path):
    outcome = narrated(TEXT, tmp_path / "aula.mp3")
    cues = list(webvtt.read(outcome["captions"]["vtt"]))
    subtitles = list(srt.parse((tmp_path / "aula.srt").read_text(encoding="utf-8")))
    assert len(cues) == len(subtitles)
    assert "R$ 10,00" in " ".join(" ".join(cue.text.split()) for cue in cues)
    assert cues[-1].end_in_seconds <= outcome["duration"]
    starts = [subtitle.start.total_seconds() for subtitle in subtitles]
    assert starts == sorted(starts)


def test_the_outcome_is_json(tmp_path):
    assert json.loads(json.dumps(narrated(TEXT, tmp_path / "aula.mp3")))["success"] is True


def test_the_same_text_again_costs_nothing(tmp_path):
    first = narrated(TEXT, tmp_path / "a.mp3", title="x")
    second = narrated(TEXT, tmp_path / "b.mp3", title="x")
    assert (second["cached"], second["synthesized_chunks"]) == (True, 0)
    assert second["sha256"] == first["sha256"]
    assert (tmp_path / "a.mp3").read_bytes() == (tmp_path / "b.mp3").read_bytes()


def test_editing_one_sentence_synthesizes_one_chunk(tmp_path):
    narrated(TEXT, tmp_path / "a.mp3")
    edited = narrated(TEXT.replace("duas partes", "três partes"), tmp_path / "a.mp3")
    assert (edited["cached"], edited["synthesized_chunks"], edited["chunks"]) == (False, 1, 3)


def test_inserting_a_sentence_invalidates_nothing_else(tmp_path):
    narrated(TEXT, tmp_path / "a.mp3")
    longer = narrated("Primeiro, bom dia a todos. " + TEXT, tmp_path / "a.mp3")
    assert (longer["synthesized_chunks"], longer["chunks"]) == (1, 4)


def test_a_repeated_sentence_is_spoken_once(tmp_path):
    outcome = narrated("Repita comigo. " * 5, tmp_path / "a.mp3")
    assert (outcome["synthesized_chunks"], outcome["chunks"]) == (1, 5)


def test_another_voice_is_another_recording(tmp_path):
    first = narrated(TEXT, tmp_path / "a.mp3")
    other = narrated(TEXT, tmp_path / "b.mp3", voice="pt-br+f2")
    assert other["synthesized_chunks"] == 3
    assert other["sha256"] != first["sha256"]


def test_a_rate_is_another_recording(tmp_path):
    slow = narrated(TEXT, tmp_path / "a.mp3", parameters={"rate": 120})
    fast = narrated(TEXT, tmp_path / "b.mp3", parameters={"rate": 180})
    assert fast["synthesized_chunks"] == 3
    assert fast["duration"] < slow["duration"]


def test_a_new_title_is_written_without_speaking_again(tmp_path):
    narrated(TEXT, tmp_path / "a.mp3", title="Antes")
    again = narrated(TEXT, tmp_path / "a.mp3", title="Depois")
    assert again["cached"] is True
    assert b"Depois" in (tmp_path / "a.mp3").read_bytes()


def test_portuguese_rules_leave_other_languages_alone(tmp_path):
    outcome = narrated("It costs $5.", tmp_path / "a.mp3", language="en-US")
    assert outcome["voice"] == "en-us"
    assert outcome["sentences"][0]["text"] == "It costs $5."


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.flac"])
def test_the_format_follows_the_suffix(tmp_path, name):
    narrated(TEXT, tmp_path / name)
    check_audio(tmp_path / name)


def test_missing_folders_are_made(tmp_path):
    narrated(TEXT, tmp_path / "curso" / "módulo 1" / "a.mp3")
    assert (tmp_path / "curso" / "módulo 1" / "a.vtt").is_file()


def test_markdown_marks_are_not_spoken(tmp_path):
    outcome = narrated("# Título\n\nUm *texto* [aqui](http://x.y).", tmp_path / "a.mp3",
                       markup="markdown")  # fmt: skip
    assert [sentence["text"] for sentence in outcome["sentences"]] == ["Título", "Um texto aqui."]


@pytest.mark.parametrize("call", [generate_narration_sync, generate_narration])
def test_the_lexicon_says_how_a_word_is_said(tmp_path, call):
    def narrated_by(text, **options):
        outcome = call(text, tmp_path / "a.mp3", **options)
        return asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome

    said = narrated_by("O diplói.")
    outcome = narrated_by("O deploy.", lexicon={"deploy": "diplói"})
    assert outcome["key"] == said["key"]
    assert [one["text"] for one in outcome["sentences"]] == ["O deploy."]
    broken = narrated_by("O deploy.", lexicon={"deploy": "/diˈploj"})
    assert broken["error"]["field"] == "lexicon"


def test_a_phoneme_mark_is_read_as_its_term_by_a_voice_without_phonemes(tmp_path):
    plain = narrated("O Kaggle abre.", tmp_path / "a.mp3")
    marked = narrated("O [[Kaggle|/ˈkæɡəl/]] abre.", tmp_path / "b.mp3")
    assert marked["key"] == plain["key"]
    assert marked["sentences"][0]["text"] == "O Kaggle abre."
    error = refused("O [[Kaggle|/ˈkæɡəl]] abre.", tmp_path / "c.mp3")
    assert error["code"] == "unreadable_source"
    assert "[[Kaggle|/ˈkæɡəl]]" in error["message"]


def test_async_calls_run_beside_each_other(tmp_path):
    async def narrate_all():
        return await asyncio.gather(
            *(generate_narration(f"Texto número {i}.", tmp_path / f"{i}.mp3") for i in range(4))
        )

    outcomes = asyncio.run(narrate_all())
    assert all(outcome["success"] for outcome in outcomes)
    assert {"0.mp3", "1.mp3", "2.mp3", "3.mp3"} <= set(files_below(tmp_path))


def test_positional_arguments_keep_their_order(tmp_path):
    outcome = asyncio.run(generate_narration("Olá.", tmp_path / "a.mp3", "pt-br+m3", "espeak"))
    assert (outcome["voice"], outcome["provider"]) == ("pt-br+m3", "espeak")


@pytest.mark.parametrize(
    ("text", "options", "kind", "field"),
    [
        pytest.param("", {}, "EmptyTextError", "text", id="empty"),
        pytest.param(" \n\t ", {}, "EmptyTextError", "text", id="blank"),
        pytest.param("... !? — ;", {}, "EmptyTextError", "text", id="punctuation"),
        pytest.param("🙂🎉", {}, "EmptyTextError", "text", id="emoji"),
        pytest.param("a" * 5_001, {}, "TextTooLongError", "text", id="over the limit"),
        pytest.param("Olá \ud800.", {}, "SourceError", "text", id="half a surrogate pair"),
        pytest.param("Olá.", {"voice": "x"}, "UnknownVoiceError", "voice", id="voice"),
        pytest.param("Olá.", {"voice": "pt-br+x"}, "UnknownVoiceError", "voice", id="variant"),
        pytest.param("Olá.", {"provider": "x"}, "UnknownProviderError", "provider", id="provider"),
        pytest.param("Olá.", {"format": "xyz"}, "UnknownFormatError", "format", id="format"),
        pytest.param("Olá.", {"language": "tlh"}, "UnknownVoiceError", "language", id="language"),
        pytest.param("Olá.", {"parameters": {"rate": 1}}, "EngineParameterError",
                     "parameters.rate", id="rate"),
        pytest.param("Olá.", {"parameters": {"x": 1}}, "EngineParameterError",
                     "parameters.x", id="parameter"),
    ],
)  # fmt: skip
def test_bad_input_names_field_value_and_remedy(tmp_path, home, text, options, kind, field):
    error = refused(text, tmp_path / "out" / "a.mp3", **options)
    assert error["type"] == kind
    assert error["field"] == field
    assert error["remedy"]
    assert field in error["message"]
    assert not (tmp_path / "out").exists()


def test_a_text_at_the_limit_is_narrated(tmp_path):
    narrated(("Uma frase de teste, com vinte e seis letras. " * 200)[:5_000], tmp_path / "a.mp3")


@pytest.mark.parametrize("path", ["/etc/narration.mp3", "/narration.mp3", "/proc/a.mp3"])
def test_a_path_outside_the_allowed_folders_is_refused(path):
    error = refused("Olá.", path)
    assert (error["type"], error["field"]) == ("OutputPathError", "output_path")
    assert path in error["message"]


def test_a_folder_is_not_an_output_path(tmp_path):
    (tmp_path / "a.mp3").mkdir()
    assert refused("Olá.", tmp_path / "a.mp3")["type"] == "OutputPathError"


def test_a_file_is_not_a_parent_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    assert refused("Olá.", tmp_path / "file" / "a.mp3")["type"] == "OutputPathError"


def test_a_link_does_not_lead_out_of_the_allowed_folders(tmp_path):
    (tmp_path / "link").symlink_to("/etc")
    assert refused("Olá.", tmp_path / "link" / "a.mp3")["type"] == "OutputPathError"


def test_a_setting_narrows_the_allowed_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("NARRATION_OUTPUT_ROOTS", f"{tmp_path / 'inside'}:/nowhere")
    assert refused("Olá.", tmp_path / "outside.mp3")["type"] == "OutputPathError"
    narrated("Olá.", tmp_path / "inside" / "a.mp3")


def test_a_text_that_is_no_text_is_a_programming_mistake(tmp_path):
    with pytest.raises(TypeError):
        generate_narration_sync(None, tmp_path / "a.mp3")


def test_a_failed_narration_leaves_the_published_one(tmp_path):
    narrated(TEXT, tmp_path / "a.mp3")
    before = (tmp_path / "a.mp3").read_bytes()
    refused("", tmp_path / "a.mp3")
    assert (tmp_path / "a.mp3").read_bytes() == before


def test_failures_and_successes_are_events(tmp_path, home):
    from tts_tasks import catalog

    narrated(TEXT, tmp_path / "a.mp3")
    refused("Olá.", tmp_path / "a.mp3", voice="x")
    with catalog.connect() as db:
        kinds = dict(db.execute("select kind, count(*) from events group by kind").fetchall())
    assert kinds["narration_finished"] == 1
    assert kinds["narration_failed"] == 1


def test_nothing_is_left_in_the_scratch_folder(tmp_path, home):
    narrated(TEXT, tmp_path / "a.mp3")
    assert not list((home / "data" / "library" / "scratch").iterdir())


def test_importing_the_flow_loads_nothing_heavy():
    program = (
        "import sys, flows.narrate;"
        "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'duckdb', 'scipy')"
        " or m.startswith('prefect.server')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("suffix", ["flac", "mp3"])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[: len(data) // 2], id="half"),
        pytest.param(lambda data: bytes(len(data)), id="zeros"),
        pytest.param(lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], id="one bit"),
    ],
)
def test_a_damaged_object_is_made_again_and_never_published(tmp_path, home, suffix, damage):
    first = narrated(TEXT, tmp_path / "a.mp3")
    for path in (home / "data" / "library" / "objects").rglob(f"*.{suffix}"):
        path.write_bytes(damage(path.read_bytes()))
    edited = narrated(TEXT + " Este é o fim.", tmp_path / "b.mp3")
    again = narrated(TEXT, tmp_path / "a.mp3")
    assert again["sha256"] == first["sha256"]
    check_audio(tmp_path / "a.mp3")
    assert edited["synthesized_chunks"] == (4 if suffix == "flac" else 1)
