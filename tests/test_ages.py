"""Ages on the command line."""

import pytest

from flows.ages import parse_age
from tts_tasks.errors import InputError


@pytest.mark.parametrize(
    ("text", "age_s"),
    [("0s", 0), ("90s", 90), ("30min", 1800), ("12h", 43_200), ("1.5d", 129_600), ("2w", 1_209_600),
     (" 7 d ", 604_800)],
)  # fmt: skip
def test_an_age_is_a_number_and_a_unit(text, age_s):
    assert parse_age(text, "older-than") == age_s


@pytest.mark.parametrize(
    "text", ["", "7", "d", "-1d", "1m", "1e9d", "inf d", "nan", "٣d", "1.d", "9999999999999w"]
)
def test_anything_else_is_refused_by_name(text):
    with pytest.raises(InputError, match="is no age") as caught:
        parse_age(text, "older-than")
    assert caught.value.field == "older-than"
    assert "7d" in str(caught.value)
