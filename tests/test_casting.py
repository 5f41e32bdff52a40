"""Who speaks a narration, with what the library and the catalog know."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import duckdb
import pytest

from flows.contract import as_request
from flows.narrate import generate_narration_sync
from tests.support import moody
from tests.support.catalog import make_chunk
from tests.support.translate import StandIn
from tts_tasks import casting
from tts_tasks.casting import cast
from tts_tasks.catalog import schema
from tts_tasks.catalog.history import LEAST_AUDIO_S, provider_history
from tts_tasks.catalog.index import index
from tts_tasks.catalog.library import Library
from tts_tasks.engines import gtts, registry
from tts_tasks.engines.choose import choose
from tts_tasks.errors import InputError, UnknownProviderError, UnknownVoiceError
from tts_tasks.settings import load_settings
from tts_tasks.values import History

ONE = "A padaria abre às seis da manhã."
TWO = "O pão sai quente do forno de lenha."
THREE = "Ninguém percebeu que o forno ficou ligado."


@pytest.fixture
def settings(home):
    return load_settings()


@pytest.fixture
def service(monkeypatch):
    """gTTS with a service that answers."""
    gtts._is_reachable.cache_clear()
    with StandIn() as stand_in:
        monkeypatch.setenv("NARRATION_GTTS_URL", stand_in.url)
        monkeypatch.setenv("NARRATION_GTTS_REQUESTS_PER_S", "100")
        yield stand_in
    gtts._is_reachable.cache_clear()


def request_of(settings, text, **options):
    return as_request(settings, text=text, output_path=settings.home / "a.mp3", **options)


def narrated(settings, text, provider="espeak"):
    outcome = generate_narration_sync(text, settings.home / "before.mp3", provider=provider)
    assert outcome["success"], outcome["error"]
    return outcome


# How much of a text need not be spoken


def cached_share(settings, text, provider="espeak", **options):
    request = request_of(settings, text, **options)
    return casting._cached_share(request, settings, choose(provider, None, "pt-BR", settings))


def test_of_a_text_that_was_never_spoken_nothing_is_cached(settings):
    assert cached_share(settings, ONE) == 0.0


def test_what_is_cached_counts_by_its_characters(settings):
    narrated(settings, ONE)
    spoken = [len(sentence) for sentence in (ONE, TWO, THREE)]
    assert cached_share(settings, f"{ONE} {TWO} {THREE}") == pytest.approx(spoken[0] / sum(spoken))


def test_a_sentence_that_is_said_twice_counts_once(settings):
    narrated(settings, ONE)
    expected = len(ONE) / (len(ONE) + len(TWO))
    assert cached_share(settings, f"{ONE} {TWO} {ONE}") == pytest.approx(expected)
    assert cached_share(settings, f"{ONE} {TWO} {TWO}") == pytest.approx(expected)


def test_of_sentences_that_were_all_spoken_everything_is_cached(settings):
    narrated(settings, ONE)
    narrated(settings, TWO)
    assert cached_share(settings, f"{TWO} {ONE}") == 1.0


def test_a_finished_narration_is_cached_without_its_sentences(settings):
    narrated(settings, f"{ONE} {TWO}")
    for path in (settings.library / "objects").rglob("*.flac"):
        path.unlink()
    assert cached_share(settings, f"{ONE} {TWO}") == 1.0
    assert cached_share(settings, ONE) == 0.0


def test_another_provider_voice_or_parameter_has_nothing_cached(service, settings):
    narrated(settings, ONE)
    assert cached_share(settings, ONE, "gtts") == 0.0
    other = choose("espeak", "pt-br+f2", "pt-BR", settings)
    assert casting._cached_share(request_of(settings, ONE), settings, other) == 0.0
    faster = choose("espeak", None, "pt-BR", settings, {"rate": 200})
    assert casting._cached_share(request_of(settings, ONE), settings, faster) == 0.0
    assert service.calls == []


@pytest.mark.parametrize("text", ["", "   ", "…"])
def test_of_a_text_that_cannot_be_spoken_nothing_is_cached(settings, text):
    assert cached_share(settings, text) == 0.0


def test_asking_how_much_is_cached_records_nothing(settings):
    narrated(settings, ONE)
    before = sorted(path.read_bytes() for path in settings.library.rglob("*.jsonl"))
    assert cached_share(settings, ONE) == 1.0
    assert sorted(path.read_bytes() for path in settings.library.rglob("*.jsonl")) == before


# What came of the providers lately


@pytest.fixture
def library(settings):
    return Library(settings.library, durable=False)


def fail(library, provider="gtts", **fields):
    library.record("provider_failed", provider=provider, code="engine_unavailable", **fields)


def speak(library, provider, text, *, synthesis_s, duration_s, at_s=None):
    """Register an utterance as long as is wanted, without its samples."""
    chunk = make_chunk(f"{provider} {text}")
    library.record(
        "utterance_registered",
        chunk.key,
        provider=provider,
        revision="1",
        voice="v",
        spoken=text,
        written=text,
        duration_s=duration_s,
        synthesis_s=synthesis_s,
        created_at=at_s or time.time(),
    )


def test_without_a_catalog_nothing_is_known(settings):
    assert provider_history(settings.library) == {}
    assert provider_history(settings.home / "nowhere") == {}


def test_an_empty_catalog_knows_nothing(library):
    library.root.mkdir(parents=True)
    index(library.root)
    assert provider_history(library.root) == {}


def test_narrations_and_failures_are_counted_by_provider(service, settings, library):
    narrated(settings, ONE)
    narrated(settings, TWO)
    narrated(settings, ONE, "gtts")
    for _ in range(3):
        fail(library)
    assert provider_history(library.root) == {}, "the catalog has not taken it in yet"
    index(library.root)
    known = provider_history(library.root)
    assert {name: (seen.narrations, seen.failures) for name, seen in known.items()} == {
        "espeak": (2, 0),
        "gtts": (4, 3),
    }


def test_what_was_found_in_the_library_is_no_narration_of_the_provider(settings, library):
    for _ in range(3):
        narrated(settings, ONE)
    index(library.root)
    assert provider_history(library.root)["espeak"].narrations == 1


def test_an_error_of_the_author_is_no_failure_of_the_provider(settings, library):
    assert not generate_narration_sync("", settings.home / "a.mp3", provider="espeak")["success"]
    assert not generate_narration_sync("…", settings.home / "a.mp3")["success"]
    index(library.root)
    assert all(seen.failures == 0 for seen in provider_history(library.root).values())


def test_the_speed_is_that_of_all_audio_together(library):
    speak(library, "kokoro", "um", synthesis_s=8.0, duration_s=10.0)
    speak(library, "kokoro", "dois", synthesis_s=1.0, duration_s=20.0)
    index(library.root)
    assert provider_history(library.root) == {"kokoro": History(0, 0, rtf=pytest.approx(0.3))}


def test_a_few_seconds_of_audio_say_nothing_about_speed(library):
    speak(library, "kokoro", "um", synthesis_s=8.0, duration_s=LEAST_AUDIO_S)
    fail(library, "kokoro")
    index(library.root)
    assert provider_history(library.root) == {"kokoro": History(1, 1, rtf=None)}


def make_older(library, seconds):
    """Let everything in the journal have happened earlier."""
    [journal] = (library.root / "journal").glob("*.jsonl")
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    older = [line | {"time": line["time"] - seconds} for line in lines]
    journal.write_text("".join(json.dumps(line) + "\n" for line in older), encoding="utf-8")


@pytest.mark.parametrize(("minutes", "counts"), [(1, True), (55, True), (65, False), (999, False)])
def test_failures_older_than_an_hour_do_not_count(library, minutes, counts):
    for _ in range(3):
        fail(library)
    make_older(library, minutes * 60)
    index(library.root)
    assert provider_history(library.root) == ({"gtts": History(3, 3)} if counts else {})


@pytest.mark.parametrize(("days", "counts"), [(2, True), (6, True), (8, False)])
def test_a_speed_older_than_a_week_does_not_count(library, days, counts):
    at_s = time.time() - days * 86_400
    speak(library, "kokoro", "um", synthesis_s=6.0, duration_s=60.0, at_s=at_s)
    index(library.root)
    known = provider_history(library.root).get("kokoro", History())
    assert known.rtf == (pytest.approx(0.1) if counts else None)


@pytest.mark.parametrize(("minutes", "counts"), [(50, True), (70, False)])
@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Tokyo"])
def test_an_hour_is_the_last_one_in_every_time_zone(library, monkeypatch, zone, minutes, counts):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        fail(library)
        make_older(library, minutes * 60)
        index(library.root)
        known = provider_history(library.root)
    time.tzset()
    assert known == ({"gtts": History(1, 1)} if counts else {})


def test_a_new_catalog_is_read_anew(library):
    fail(library)
    index(library.root)
    assert provider_history(library.root)["gtts"].failures == 1
    fail(library)
    index(library.root)
    assert provider_history(library.root)["gtts"].failures == 2


@pytest.mark.parametrize("damage", ["garbage", "empty", "cut", "foreign", "folder", "newer"])
def test_a_catalog_that_cannot_be_read_counts_as_none(library, damage):
    fail(library)
    index(library.root)
    path = library.root / "catalog.duckdb"
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage == "foreign":
        with duckdb.connect(path) as connection:
            connection.execute("create table main.events (a integer)")
    elif damage == "newer":
        path.write_bytes(content)
        with duckdb.connect(path) as connection:
            version = schema.VERSION + 1
            connection.execute(f"insert into indexer.migrations values ({version}, now())")
    else:
        made = {"garbage": b"no catalog " * 999, "empty": b"", "cut": content[: len(content) // 2]}
        path.write_bytes(made[damage])
    assert provider_history(library.root) == {}


# What reaches the ranking


def test_the_length_of_the_text_reaches_the_ranking(service, settings):
    def speaker(text):
        return cast(request_of(settings, text, policy="quality", deadline_s=3), settings)

    assert speaker(ONE).provider == "gtts"
    assert speaker(f"{ONE} {TWO} {THREE} " * 40).provider == "espeak"


@pytest.mark.parametrize(
    ("policy", "provider"),
    [
        ("quality", "gtts"),
        ("cheapest", "gtts"),
        ("fast", "espeak"),
        ("offline", "espeak"),
        ("espeak,gtts", "espeak"),
        (["gtts", "espeak"], "gtts"),
    ],
)
def test_the_policy_of_the_request_decides(service, settings, policy, provider):
    choice = cast(request_of(settings, f"{ONE} {TWO}", policy=policy), settings)
    assert choice.provider == provider
    assert provider in choice.choice
    assert [verdict.provider for verdict in choice.ranking]
    assert not choice.is_downgrade


@pytest.mark.parametrize("policy", ["offline", "espeak", "kokoro,espeak"])
def test_a_provider_and_a_policy_that_contradict_each_other_are_an_error(service, settings, policy):
    with pytest.raises(InputError, match="gtts was asked for"):
        cast(request_of(settings, ONE, provider="gtts", policy=policy), settings)
    assert service.calls == []


@pytest.mark.parametrize("policy", ["quality", "fast", "espeak,gtts"])
def test_a_provider_that_the_policy_allows_is_taken(service, settings, policy):
    request = request_of(settings, ONE, provider="gtts", policy=policy)
    assert cast(request, settings).provider == "gtts"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("ssml", '<speak>Olá. <prosody rate="slow">Devagar se vai.</prosody></speak>'),
        ("text", "Olá. [voz pt-br+f2]Sou outra.[/voz] Fim."),
    ],
)
def test_auto_takes_a_provider_that_can_say_all_of_the_text(service, settings, markup, text):
    request = as_request(settings, text=text, markup=markup, output_path=settings.home / "a.mp3")
    script = cast(request, settings)
    assert script.provider == "espeak"
    [gtts] = [verdict for verdict in script.ranking if verdict.provider == "gtts"]
    assert not gtts.is_usable
    assert not gtts.is_passing


def test_a_text_that_nobody_can_say_tells_what_the_best_one_lacks(service, settings):
    text = "Olá. [voz ninguem]Sou outra.[/voz] Fim."
    request = as_request(settings, text=text, output_path=settings.home / "a.mp3")
    with pytest.raises(UnknownVoiceError, match="gtts has no voice 'ninguem'"):
        cast(request, settings)


def test_an_unknown_name_in_the_order_is_an_error(settings):
    with pytest.raises(UnknownProviderError, match="polly"):
        cast(request_of(settings, ONE, policy="polly,espeak"), settings)


def test_what_the_library_has_makes_a_provider_the_fastest(service, settings):
    assert cast(request_of(settings, f"{ONE} {TWO}", policy="fast"), settings).provider == (
        "espeak"
    )
    narrated(settings, f"{ONE} {TWO}", "gtts")
    choice = cast(request_of(settings, f"{ONE} {TWO}", policy="fast"), settings)
    assert choice.provider == "gtts"
    assert "100% is cached" in choice.choice
    longer = cast(request_of(settings, f"{ONE} {TWO} {THREE}", policy="fast"), settings)
    assert longer.provider == "espeak"


def test_what_the_library_has_is_used_offline(service, settings):
    narrated(settings, f"{ONE} {TWO}", "gtts")
    sent = len(service.calls)
    assert cast(request_of(settings, ONE, policy="offline"), settings).provider == "gtts"
    assert cast(request_of(settings, THREE, policy="offline"), settings).provider == "espeak"
    assert len(service.calls) == sent


def test_a_shaky_provider_is_passed_over(service, settings, library):
    for _ in range(5):
        fail(library)
    assert cast(request_of(settings, ONE), settings).provider == "gtts", "nobody knows yet"
    index(library.root)
    choice = cast(request_of(settings, ONE), settings)
    assert choice.provider == "espeak"
    assert choice.is_downgrade
    assert "gtts failed 5 of its 5 narrations of the last hour" in choice.choice


def test_the_echo_of_a_failure_is_no_failure(service, settings, library):
    for _ in range(9):
        library.record("provider_failed", None, provider="gtts", code="provider_rests")
    index(library.root)
    assert provider_history(library.root) == {}
    assert cast(request_of(settings, ONE), settings).provider == "gtts"


def test_what_failed_in_this_narration_is_passed_over(service, settings):
    request = replace(request_of(settings, ONE), failed={"gtts": "503"})
    choice = cast(request, settings)
    assert (choice.provider, choice.is_downgrade) == ("espeak", True)
    assert "gtts failed: 503" in choice.choice


@pytest.fixture
def gpu_engine(monkeypatch):
    """An engine on the workers with a GPU."""
    monkeypatch.setitem(registry.ENGINES, "moody", "tests.support.moody:MoodyEngine")
    monkeypatch.setattr(moody.MoodyEngine, "needs_gpu", True)
    monkeypatch.setattr(moody.MoodyEngine, "naturalness", 0.9)
    registry._make.cache_clear()
    yield
    registry._make.cache_clear()


@pytest.mark.parametrize(("gpu_online", "provider"), [(True, "moody"), (False, "espeak")])
def test_whether_a_worker_has_a_gpu_reaches_the_ranking(settings, gpu_engine, gpu_online, provider):
    choice = cast(request_of(settings, ONE, policy="offline"), settings, gpu_online=gpu_online)
    assert choice.provider == provider
    narrated(settings, ONE, "moody")
    choice = cast(request_of(settings, ONE, policy="offline"), settings, gpu_online=gpu_online)
    assert choice.provider == "moody", "what is in the library needs no worker"
