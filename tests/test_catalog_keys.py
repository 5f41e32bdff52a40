import hashlib
import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.catalog.keys import canonical_json, chunk_key, is_key, narration_key, require_key
from tts_tasks.errors import InputError

CHUNK = {
    "spoken": "Olá, mundo.",
    "provider": "espeak",
    "revision": "1.52",
    "voice": "pt-br",
    "parameters": {"rate": 150, "pitch": 50},
    "seed": 0,
}
A, B = "a" * 64, "b" * 64
NARRATION = {"chunk_keys": [A, B], "pauses_s": [0.2, 0], "mastering": "{}", "format": "mp3"}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)


def test_a_chunk_key_is_the_sha256_of_its_canonical_json():
    text = (
        '{"kind":"utterance/1","parameters":{"pitch":50,"rate":150},"provider":"espeak",'
        '"revision":"1.52","seed":0,"spoken":"Olá, mundo.","voice":"pt-br"}'
    )
    assert chunk_key(**CHUNK) == hashlib.sha256(text.encode()).hexdigest()


@given(json_values)
def test_canonical_json_says_the_same_value(value):
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers()))
def test_the_order_of_names_does_not_matter(value):
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_any_mapping_and_sequence_will_do():
    assert canonical_json(MappingProxyType({"b": (1, 2), "a": "ç"})) == '{"a":"ç","b":[1,2]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"x", {1: "a"}, [{2: 0}]])
def test_what_json_cannot_say_exactly_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        canonical_json(value)


@pytest.mark.parametrize(
    "change",
    [
        {"spoken": "Olá mundo."},
        {"provider": "kokoro"},
        {"revision": "1.53"},
        {"voice": "pt-br+f2"},
        {"parameters": {"rate": 151, "pitch": 50}},
        {"seed": 1},
    ],
)
def test_everything_that_is_heard_changes_the_chunk_key(change):
    assert chunk_key(**{**CHUNK, **change}) != chunk_key(**CHUNK)


@pytest.mark.parametrize(
    "change",
    [
        {"chunk_keys": [B, A]},
        {"chunk_keys": [A]},
        {"pauses_s": [0.3, 0]},
        {"mastering": '{"lufs":-16}'},
        {"format": "flac"},
    ],
)
def test_everything_that_is_heard_changes_the_narration_key(change):
    assert narration_key(**{**NARRATION, **change}) != narration_key(**NARRATION)


def test_a_pause_is_the_same_whether_whole_or_fractional():
    assert narration_key(**{**NARRATION, "pauses_s": [0.2, 0.0]}) == narration_key(**NARRATION)


@pytest.mark.parametrize(
    "value", ["", "../../etc/passwd", "a" * 63, "a" * 65, "A" * 64, "g" * 64, A + "\n", "/" + A, 7]
)
def test_what_is_no_key_is_refused(value):
    assert not is_key(value)
    with pytest.raises(InputError, match="64 hexadecimal digits") as caught:
        require_key(value)
    assert caught.value.field == "key"


def test_a_key_is_accepted():
    assert require_key(chunk_key(**CHUNK)) == chunk_key(**CHUNK)
