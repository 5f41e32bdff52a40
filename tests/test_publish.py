from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from threading import Thread

import mutagen
import pytest

from tests.support.audio import speech, spoken, utterance
from tts_tasks.errors import CatalogError, OutputPathError, StorageFullError, UnknownFormatError
from tts_tasks.files import held
from tts_tasks.mastering.integrity import check_audio
from tts_tasks.mastering.post_process import post_process
from tts_tasks.mastering.publish import (
    CAPTION_SUFFIXES,
    TRANSCRIPT_SUFFIXES,
    check_output_path,
    publish,
)
from tts_tasks.values import Cue, Mastered, Tags

TAGS = Tags("Ação", "Curso", "espeak", 1, 6)


@pytest.fixture(scope="module")
def mastered(tmp_path_factory: pytest.TempPathFactory) -> Mastered:
    folder = tmp_path_factory.mktemp("mastered")
    return post_process(spoken([utterance(folder, speech(2))]), folder / "out")


def cues(mastered: Mastered) -> list[Cue]:
    return [Cue(start, end, "Uma frase com acentuação.") for start, end in mastered.spans]


def test_audio_and_captions_appear_together(mastered: Mastered, tmp_path: Path) -> None:
    before = mastered.path.read_bytes()
    target = tmp_path / "new" / "folder" / "01-aula.mp3"
    published = publish(mastered, cues(mastered), TAGS, target)
    assert sorted(one.name for one in target.parent.iterdir()) == [
        "01-aula.mp3",
        "01-aula.sentences.json",
        "01-aula.srt",
        "01-aula.transcript.html",
        "01-aula.transcript.md",
        "01-aula.vtt",
    ]
    assert published.captions == {
        "vtt": target.with_name("01-aula.vtt"),
        "srt": target.with_name("01-aula.srt"),
    }
    assert published.transcripts == {
        "json": target.with_name("01-aula.sentences.json"),
        "md": target.with_name("01-aula.transcript.md"),
        "html": target.with_name("01-aula.transcript.html"),
    }
    for path in published.transcripts.values():
        assert "Uma frase com acentuação." in path.read_text(encoding="utf-8")
    described = json.loads(published.transcripts["json"].read_text(encoding="utf-8"))
    assert described["audio"] == "01-aula.mp3"
    assert described["duration_s"] == pytest.approx(mastered.duration_s, abs=0.001)
    assert 'src="01-aula.mp3"' in published.transcripts["html"].read_text(encoding="utf-8")
    assert published.audio == target
    assert published.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    assert "acentuação" in published.captions["vtt"].read_text(encoding="utf-8")
    assert str(mutagen.File(target).tags["TIT2"]) == "Ação"
    check_audio(target)
    assert mastered.path.read_bytes() == before


def test_the_audio_appears_last(
    mastered: Mastered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.mp3"
    replace = os.replace
    before: list[set[str]] = []

    def watch(source: Path, to: Path) -> None:
        if to == target:
            before.append({path.suffix for path in tmp_path.iterdir() if path.is_file()})
        replace(source, to)

    monkeypatch.setattr(os, "replace", watch)
    publish(mastered, cues(mastered), TAGS, target)
    assert before == [{".vtt", ".srt", ".json", ".md", ".html", ".lock"}]


def test_the_authors_own_source_is_left_alone(mastered: Mastered, tmp_path: Path) -> None:
    for name in ("aula.md", "aula.html", "aula.json"):
        (tmp_path / name).write_text("do autor")
    publish(mastered, cues(mastered), TAGS, tmp_path / "aula.mp3")
    for name in ("aula.md", "aula.html", "aula.json"):
        assert (tmp_path / name).read_text() == "do autor"


def test_publishing_again_gives_the_same_bytes(mastered: Mastered, tmp_path: Path) -> None:
    one = publish(mastered, cues(mastered), TAGS, tmp_path / "a.mp3")
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    two = publish(mastered, cues(mastered), TAGS, tmp_path / "a.mp3")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    assert one == two


@pytest.mark.parametrize(
    ("code", "error"), [(errno.ENOSPC, StorageFullError), (errno.EACCES, OutputPathError)]
)
@pytest.mark.parametrize("step", ["copyfile", "replace"])
def test_failing_leaves_nothing(
    mastered: Mastered, tmp_path: Path, monkeypatch, step: str, code: int, error: type[Exception]
) -> None:
    def fail(*args: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(shutil if step == "copyfile" else os, step, fail)
    with pytest.raises(error):
        publish(mastered, cues(mastered), TAGS, tmp_path / "a.mp3")
    assert list(tmp_path.iterdir()) == []


def test_audio_that_the_library_lost_is_a_catalog_error(tmp_path: Path) -> None:
    lost = Mastered(tmp_path / "x.mp3", "mp3", 1.0, 22_050, -16.0, -2.0, ())
    with pytest.raises(CatalogError, match="gone"):
        publish(lost, [], TAGS, tmp_path / "out" / "a.mp3")
    assert list(tmp_path.iterdir()) == []


def test_a_good_path_is_resolved_and_nothing_is_made(tmp_path: Path) -> None:
    path = check_output_path(tmp_path / "x" / ".." / "y" / "aula.MP3", [tmp_path], "mp3")
    assert path == tmp_path / "y" / "aula.MP3"
    assert list(tmp_path.iterdir()) == []


def refused(path: Path, root: Path, format: str = "mp3") -> str:
    with pytest.raises(OutputPathError) as caught:
        check_output_path(path, [root], format)
    assert caught.value.field == "output_path"
    assert caught.value.value
    assert caught.value.remedy
    return str(caught.value)


def test_unsuitable_paths_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.mp3").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "captions.vtt").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.mp3", tmp_path)
    assert "is a folder" in refused(tmp_path, tmp_path)
    assert "'.wav'" in refused(tmp_path / "a.wav", tmp_path)
    assert "no suffix" in refused(tmp_path / "a", tmp_path)
    assert "is a file" in refused(tmp_path / "file" / "a.mp3", tmp_path)
    assert "is a file" in refused(tmp_path / "file" / "b" / "a.mp3", tmp_path)
    assert ".vtt" in refused(tmp_path / "captions.mp3", tmp_path)
    assert "cannot be used" in refused(tmp_path / ("a" * 300 + ".mp3"), tmp_path)
    assert "cannot be used" in refused(tmp_path / "a\0.mp3", tmp_path)


@pytest.mark.parametrize("suffix", [*CAPTION_SUFFIXES, *TRANSCRIPT_SUFFIXES])
def test_a_folder_where_a_file_beside_the_audio_goes_is_refused(
    tmp_path: Path, suffix: str
) -> None:
    assert check_output_path(tmp_path / "aula.v2.mp3", [tmp_path], "mp3")
    (tmp_path / f"aula.v2{suffix}").mkdir()
    assert suffix in refused(tmp_path / "aula.v2.mp3", tmp_path)


def test_a_name_too_long_for_the_files_beside_the_audio_is_refused(tmp_path: Path) -> None:
    longest = 255 - len(".transcript.html")
    assert check_output_path(tmp_path / f"{'a' * longest}.mp3", [tmp_path], "mp3")
    assert "too long" in refused(tmp_path / f"{'a' * (longest + 1)}.mp3", tmp_path)


def test_paths_outside_the_roots_are_refused(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (root / "link").symlink_to(other)
    (root / "loop").symlink_to(root / "loop")
    (root / "a.mp3").symlink_to(other / "a.mp3")
    assert "outside" in refused(other / "a.mp3", root)
    assert "outside" in refused(root / ".." / "other" / "a.mp3", root)
    assert "outside" in refused(root / "link" / "a.mp3", root)
    assert "outside" in refused(root / "a.mp3", root)
    assert "outside" in refused(tmp_path / "root-2" / "a.mp3", root)
    refused(root / "loop" / "a.mp3", root)


def test_folders_that_take_no_files_are_refused_for_root_too(tmp_path: Path) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("no /proc here")
    assert "refuses new files" in refused(Path("/proc/a.mp3"), Path("/proc"))
    assert "refuses new files" in refused(Path("/proc/new/folder/a.mp3"), Path("/proc"))
    if os.geteuid() != 0:
        tmp_path.chmod(0o555)
        assert "refuses new files" in refused(tmp_path / "a.mp3", tmp_path)


def test_special_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    assert "no ordinary file" in refused(tmp_path / "pipe.mp3", tmp_path)


def test_unknown_format_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormatError):
        check_output_path(tmp_path / "a.ogg", [tmp_path], "ogg")


def test_files_of_two_runs_with_one_target_are_never_mixed(tmp_path: Path) -> None:
    """Each run renames all its files before the next one begins."""
    order = []

    def publish_as(name: str) -> None:
        with held(tmp_path / ".aula.lock"):
            order.append((name, "begins"))
            time.sleep(0.05)
            order.append((name, "ends"))

    threads = [Thread(target=publish_as, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [what for _, what in order] == ["begins", "ends"] * 4
    pairs = zip(order[::2], order[1::2], strict=True)
    assert all(first == second for (first, _), (second, _) in pairs)
    assert list(tmp_path.iterdir()) == []
