"""The scheduled upkeep: what it does, what it says, and that its deployment runs it."""

import asyncio
import os
import time

import pytest

from flows import upkeep
from tests.support.catalog import register_chunk
from tts_tasks.catalog.index import index
from tts_tasks.catalog.library import Library
from tts_tasks.catalog.reading import query
from tts_tasks.settings import PROJECT, load_settings


@pytest.fixture
def library():
    return Library(load_settings().library, durable=False)


def age(library, hours):
    """Let everything have been made, and used last, so long ago."""
    then_s = time.time() - hours * 3600
    for path in library.objects.root.rglob("*.json"):
        os.utime(path, (then_s, then_s))


def register_long_ago(library, text, monkeypatch, hours=2):
    """Register a chunk as it was two hours ago."""
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() - hours * 3600)
        register_chunk(library, text)
    age(library, hours)


def evict():
    return asyncio.run(upkeep.evict_beyond_budget.fn())


def test_a_library_within_its_budget_is_left_alone(library, monkeypatch):
    register_long_ago(library, "velha", monkeypatch)
    assert evict() == "0 object(s) evicted, 0.00 of 5 GB"


def test_what_is_beyond_the_budget_goes_and_what_was_just_used_stays(library, monkeypatch):
    monkeypatch.setenv("NARRATION_MAX_SIZE_GB", "1e-9")
    register_long_ago(library, "velha", monkeypatch)
    register_chunk(library, "nova")
    message = evict()
    assert message.startswith("1 object(s) evicted")
    assert "raise NARRATION_MAX_SIZE_GB" in message
    assert query(library.root, "select spoken from utterances")[1] == [("nova",)]


def test_events_are_taken_in(library):
    register_chunk(library, "uma")
    assert asyncio.run(upkeep.index_library.fn()) == "1 event(s) taken in, 0 journal(s) put away"
    assert index(library.root).events == 0


@pytest.mark.stack
def test_its_deployment_brings_the_catalog_up_to_date(stack):
    from flows.deploy import deploy

    asyncio.run(deploy(stack.settings, file=PROJECT / "prefect.yaml"))
    library = Library(stack.settings.library, durable=False)
    register_chunk(library, "da fila")
    run = stack.run("upkeep/library")
    assert run.state.is_completed(), run.state
    assert "event(s) taken in" in run.state.message
    assert "of 5 GB" in run.state.message
    assert index(stack.settings.library).events == 0
