"""Check a published course from outside: files against manifest, audio, loudness, captions."""

import argparse
import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import webvtt

from tts_tasks.mastering.encode import find_ffmpeg
from tts_tasks.mastering.integrity import check_audio


def measured(path: Path) -> tuple[float, float]:
    """Return integrated loudness (LUFS) and true peak (dBTP) as ffmpeg's ebur128 reads them."""
    command = [find_ffmpeg(), "-nostats", "-i", path, "-af", "ebur128=peak=true", "-f", "null", "-"]
    log = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    summary = log[log.rindex("Summary:") :]
    loudness = re.search(r"I:\s+(-?[\d.]+) LUFS", summary)
    peak = re.search(r"Peak:\s+(-?[\d.]+) dBFS", summary)
    assert loudness is not None, summary
    assert peak is not None, summary
    return float(loudness[1]), float(peak[1])


def check(folder: Path) -> dict:
    """Check every lesson of a published course, and return its manifest."""
    manifest = json.loads((folder / "course.json").read_text(encoding="utf-8"))
    assert len(manifest["lessons"]) >= 6, "the sample course has at least six lessons"
    for lesson in manifest["lessons"]:
        for name, checksum in lesson["files"].items():
            assert sha256((folder / name).read_bytes()).hexdigest() == checksum, name
        audio = folder / f"{lesson['number']:02d}-{lesson['id']}.mp3"
        check_audio(audio)
        loudness, peak = measured(audio)
        assert abs(loudness + 16) <= 0.5, f"{audio.name}: {loudness} LUFS"
        assert peak <= -1.4, f"{audio.name}: {peak} dBTP"
        sentences = json.loads(audio.with_suffix(".sentences.json").read_text(encoding="utf-8"))
        assert len(sentences["sentences"]) == len(lesson["chunks"]), audio.name
        assert not lesson["flagged"], f"{audio.name}: {lesson['flagged']}"
        for suffix in (".transcript.md", ".transcript.html"):
            assert lesson["title"] in audio.with_suffix(suffix).read_text(encoding="utf-8")
        cues = list(webvtt.read(audio.with_suffix(".vtt")))
        assert cues[-1].end_in_seconds <= lesson["duration_s"] + 0.01
        print(f"{audio.name}: {lesson['duration_s']:.1f} s, {loudness} LUFS, {peak} dBTP")
    return manifest


def main() -> None:
    """Run the checks that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--provider", help="who must have spoken every lesson")
    parser.add_argument("--unchanged", type=Path, metavar="REPORT")
    options = parser.parse_args()
    manifest = check(options.folder)
    if options.provider:
        assert {lesson["provider"] for lesson in manifest["lessons"]} == {options.provider}
    if options.unchanged:
        report = json.loads(options.unchanged.read_text(encoding="utf-8"))
        assert report["totals"]["synthesized_chunks"] == 0, report["totals"]
        assert {lesson["status"] for lesson in report["lessons"]} == {"unchanged"}
    print(f"{manifest['title']}: {manifest['duration_s'] / 60:.1f} minutes of audio are right")


if __name__ == "__main__":
    sys.exit(main())
