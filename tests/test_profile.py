from __future__ import annotations

import json

import pytest

from tts_tasks.errors import UnknownProfileError
from tts_tasks.mastering.profile import (
    AUDIOBOOK,
    FORMATS,
    PROFILES,
    describe,
    find_profile,
    sample_rate_for,
)
from tts_tasks.request import NarrationRequest

LOSSY = [name for name, audio_format in FORMATS.items() if audio_format.codec]


def test_the_profiles_have_the_targets_of_their_sources() -> None:
    targets = {
        name: (profile.loudness_lufs, profile.ceiling_dbtp) for name, profile in PROFILES.items()
    }
    assert targets == {
        "course": (-16.0, -1.5),
        "podcast": (-16.0, -1.0),
        "broadcast": (-23.0, -1.0),
        "none": (None, -1.0),
    }
    assert all(find_profile(name).name == name for name in PROFILES)


def test_a_request_that_names_none_is_mastered_as_a_course(tmp_path) -> None:
    assert find_profile(NarrationRequest("Olá.", tmp_path / "a.mp3").profile) == PROFILES["course"]


@pytest.mark.parametrize("name", ["radio", "Course", "", "None"])
def test_an_unknown_profile_names_the_choices(name: str) -> None:
    with pytest.raises(UnknownProfileError, match="course, podcast, broadcast, none") as caught:
        find_profile(name)
    assert (caught.value.field, caught.value.value) == ("profile", name)


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize("profile", ["podcast", "broadcast"])
def test_what_is_broadcast_has_more_bits_than_a_course(profile: str, name: str) -> None:
    codec = FORMATS[name].codec
    assert PROFILES[profile].bit_rate_kbps(codec) > PROFILES["course"].bit_rate_kbps(codec)


@pytest.mark.parametrize("format", FORMATS)
def test_each_profile_has_a_description_of_its_own(format: str) -> None:
    descriptions = {describe(profile, format) for profile in PROFILES.values()}
    assert len(descriptions) == len(PROFILES)
    assert all(json.loads(one)["format"]["name"] == format for one in descriptions)


def test_no_single_narration_can_ask_for_an_audiobook() -> None:
    assert AUDIOBOOK.name not in FORMATS
    assert (AUDIOBOOK.extension, AUDIOBOOK.encoder) == (".m4b", FORMATS["m4a"].encoder)


@pytest.mark.parametrize(
    ("format", "profile", "voice_rate_hz", "expected_hz"),
    [
        ("mp3", "course", 22_050, 22_050),
        ("mp3", "podcast", 22_050, 44_100),
        ("m4a", "podcast", 24_000, 44_100),
        ("opus", "course", 22_050, 24_000),
        ("opus", "podcast", 22_050, 48_000),
        ("opus", "course", 44_100, 48_000),
        ("wav", "broadcast", 22_050, 48_000),
        ("flac", "none", 22_050, 22_050),
        ("flac", "course", 96_000, 96_000),
    ],
)
def test_the_sample_rate_is_the_profiles_or_the_voices_where_the_format_holds_it(
    format: str, profile: str, voice_rate_hz: int, expected_hz: int
) -> None:
    assert sample_rate_for(FORMATS[format], voice_rate_hz, PROFILES[profile]) == expected_hz
