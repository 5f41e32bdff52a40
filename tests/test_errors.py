"""The error tree: what programs and people get from it."""

import errno
import json
import pickle

import pytest

from tts_tasks import errors
from tts_tasks.errors import (
    CatalogError,
    NarrationError,
    StorageFullError,
    UnknownVoiceError,
    error_from_dict,
    storage_error,
)

TREE = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, NarrationError)
]
ERROR = UnknownVoiceError("no voice 'x'", field="voice", value="x", remedy="use pt-br")


def test_every_code_is_its_own():
    codes = [kind.code for kind in TREE]
    assert len(set(codes)) == len(codes)


def test_the_tree_is_drawn_in_the_docstring():
    for kind in TREE:
        assert kind.__name__ in errors.__doc__


def test_a_message_is_field_fault_and_remedy_on_one_line():
    assert str(ERROR) == "voice: no voice 'x'; use pt-br"


@pytest.mark.parametrize("kind", TREE)
def test_errors_survive_pickling_between_processes(kind):
    error = kind("fault", field="field", value="value", remedy="remedy")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.as_dict()) == (kind, error.as_dict())


def test_errors_survive_json():
    again = error_from_dict(json.loads(json.dumps(ERROR.as_dict())))
    assert (type(again), str(again)) == (UnknownVoiceError, str(ERROR))


def test_a_long_value_is_shown_in_part():
    assert len(NarrationError("x", value="y" * 10_000).as_dict()["value"]) <= 80


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.EROFS, CatalogError),
        (errno.EACCES, CatalogError),
    ],
)
def test_the_systems_errors_are_translated(number, kind):
    error = storage_error(OSError(number, "because"), "/somewhere")
    assert type(error) is kind
    assert "/somewhere" in str(error)
