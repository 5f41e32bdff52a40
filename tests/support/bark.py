"""Fixtures of Bark's tests: one tiny model for the session, and one thread for torch."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def bark_folder(tmp_path_factory):
    """Return the folder of a tiny model of random weights."""
    from tests.support.tiny_bark import write_tiny_bark

    return write_tiny_bark(tmp_path_factory.mktemp("bark") / "tiny")


@pytest.fixture
def one_torch_thread():
    """Compute in one thread: on a busy machine two are 20 times slower for a tiny model."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
