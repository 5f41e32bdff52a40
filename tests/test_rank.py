"""Who comes first, and why: a pure function of what is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_tasks.engines.protocol import Availability
from tts_tasks.engines.rank import SHAKY_ATTEMPTS, Facts, first_usable, rank
from tts_tasks.request import Policy, Preference, preference_of
from tts_tasks.values import History, Verdict

CHARACTERS = 1_400
"""A hundred seconds of speech."""

BASE = {
    facts.provider: facts
    for facts in (
        # On a GPU; 30 s for the text, worth 300 s of this machine's work.
        Facts("bark", naturalness=0.9, needs_gpu=True, rtf=0.3, chars_per_s=14.0, computing=10.0),
        # 50 s of work for the text.
        Facts("kokoro", naturalness=0.8, rtf=0.5, chars_per_s=14.0),
        # 10 s of waiting for the text, 0.1 s of work.
        Facts(
            "gtts", naturalness=0.6, needs_network=True, rtf=0.1, chars_per_s=14.0, computing=0.01
        ),
        # 0.2 s for the text.
        Facts("espeak", naturalness=0.2, rtf=0.002, chars_per_s=14.0),
    )
}

BY_QUALITY = "bark kokoro gtts espeak"
BY_SPEED = "espeak gtts bark kokoro"
BY_WORK = "gtts espeak kokoro bark"

RESTS = {"availability": Availability("rests until 12:00:00 after 8 failure(s): 503", True)}
LACKS_MODEL = {"availability": Availability("is not ready (its model is not here)")}
NO_GPU, A_GPU, NO_WORKERS = {"gpu_online": False}, {"gpu_online": True}, {"gpu_online": None}
LACKS_VOICE = {"refusal": "has no voice 'x'"}
FAILED = {"failure": "503 after 5 attempts"}
CACHED, HALF_CACHED = {"cached": 1.0}, {"cached": 0.5}
SHAKY = {"history": History(SHAKY_ATTEMPTS, 3)}


def situation(id, policy, expected, speaker, characters=CHARACTERS, deadline_s=None, **changes):
    """Return a row of the table.

    ``expected`` has every provider in its order; ``-`` before a name: it cannot speak, ``~``: it
    cannot now. ``changes`` are facts that are otherwise than in ``BASE``, by provider.
    """
    preference = preference_of(policy, deadline_s)
    return pytest.param(preference, characters, changes, expected, speaker, id=id)


def notation(verdict):
    return ("" if verdict.is_usable else "~" if verdict.is_passing else "-") + verdict.provider


def facts_with(changes):
    return [replace(facts, **changes.get(name, {})) for name, facts in BASE.items()]


# fmt: off
SITUATIONS = [
    # Every policy, when everything is well
    situation("quality", "quality", BY_QUALITY, "bark"),
    situation("fast", "fast", BY_SPEED, "espeak"),
    situation("cheapest", "cheapest", BY_WORK, "gtts"),
    situation("offline", "offline", "bark kokoro -gtts espeak", "bark"),
    situation("quality, one character", "quality", BY_QUALITY, "bark", characters=1),
    # Nothing to speak takes nobody any time: the more natural one.
    situation("fast, no text", "fast", BY_QUALITY, "bark", characters=0),
    situation("cheapest, no text", "cheapest", BY_QUALITY, "bark", characters=0),

    # Explicit orders
    situation("order of two", "gtts,espeak", "gtts espeak -bark -kokoro", "gtts"),
    situation("order of all", "espeak,gtts,kokoro,bark", "espeak gtts kokoro bark", "espeak"),
    situation("order of one", "espeak", "espeak -bark -kokoro -gtts", "espeak"),
    situation("order as a list", ["kokoro", "gtts"], "kokoro gtts -bark -espeak", "kokoro"),
    situation("order, the first rests", "gtts,espeak",
              "~gtts espeak -bark -kokoro", "espeak", gtts=RESTS),
    situation("order, the first lacks its model", "kokoro,gtts",
              "-kokoro gtts -bark -espeak", "gtts", kokoro=LACKS_MODEL),
    situation("order, the first lacks the voice", "kokoro,espeak",
              "-kokoro espeak -bark -gtts", "espeak", kokoro=LACKS_VOICE),
    situation("order, the second failed", "gtts,kokoro",
              "gtts ~kokoro -bark -espeak", "gtts", kokoro=FAILED),
    situation("order, the first has no GPU", "bark,espeak",
              "~bark espeak -kokoro -gtts", "espeak", bark=NO_GPU),
    situation("order, the only one rests", "gtts",
              "~gtts -bark -kokoro -espeak", "gtts", gtts=RESTS),
    situation("order, the only one lacks its model", "kokoro",
              "-kokoro -bark -gtts -espeak", None, kokoro=LACKS_MODEL),
    situation("order, a shaky one keeps its place", "gtts,espeak",
              "gtts espeak -bark -kokoro", "gtts", gtts=SHAKY),
    situation("order, a cached one keeps its place", "gtts,espeak",
              "gtts espeak -bark -kokoro", "gtts", espeak=CACHED),
    situation("order, a cached one outside of it", "gtts,espeak",
              "gtts espeak -bark -kokoro", "gtts", kokoro=CACHED),
    situation("order, the first rests and is cached", "gtts,espeak",
              "gtts espeak -bark -kokoro", "gtts", gtts=RESTS | CACHED),
    situation("order, the first misses the deadline", "kokoro,gtts",
              "gtts -espeak kokoro -bark", "gtts", deadline_s=20),

    # Deadlines
    situation("deadline, all make it", "quality", BY_QUALITY, "bark", deadline_s=60),
    situation("deadline, two make it", "quality", "gtts espeak bark kokoro", "gtts", deadline_s=20),
    situation("deadline, one makes it", "quality",
              "espeak bark kokoro gtts", "espeak", deadline_s=5),
    situation("deadline, nobody makes it", "quality", BY_QUALITY, "bark", deadline_s=0.1),
    situation("deadline, nobody makes it, fast", "fast", BY_SPEED, "espeak", deadline_s=0.1),
    situation("deadline, just made", "quality", BY_QUALITY, "bark", deadline_s=50),
    situation("deadline, just missed", "quality",
              "bark gtts espeak kokoro", "bark", deadline_s=49.9),
    situation("deadline, a short text", "quality", BY_QUALITY, "bark", 140, deadline_s=5),
    situation("deadline, made because half is cached", "quality",
              "kokoro gtts espeak bark", "kokoro", deadline_s=25, kokoro=HALF_CACHED),
    situation("deadline, cheapest", "cheapest", BY_WORK, "gtts", deadline_s=10),
    situation("deadline, offline", "offline", "-gtts espeak bark kokoro", "espeak", deadline_s=20),
    situation("deadline, who makes it rests", "quality",
              "~gtts espeak bark kokoro", "espeak", deadline_s=20, gtts=RESTS),
    situation("deadline, nobody who makes it can speak", "quality",
              "~gtts -espeak bark kokoro", "bark", deadline_s=20, gtts=RESTS, espeak=LACKS_VOICE),
    situation("deadline, a shaky one makes it", "quality",
              "~gtts espeak bark kokoro", "espeak", deadline_s=20, gtts=SHAKY),

    # Workers with a GPU
    situation("GPU online", "quality", BY_QUALITY, "bark", bark=A_GPU),
    situation("GPU offline", "quality", "~bark kokoro gtts espeak", "kokoro", bark=NO_GPU),
    situation("GPU unknown", "quality", BY_QUALITY, "bark", bark=NO_WORKERS),
    situation("GPU unknown, and none here", "quality", "-bark kokoro gtts espeak", "kokoro",
              bark={"availability": Availability("needs a GPU, and there is none")}),
    situation("GPU offline, wholly cached", "quality", BY_QUALITY, "bark", bark=NO_GPU | CACHED),
    situation("GPU offline, half cached", "quality",
              "~bark kokoro gtts espeak", "kokoro", bark=NO_GPU | HALF_CACHED),
    situation("GPU offline concerns nobody else", "quality",
              BY_QUALITY, "bark", kokoro=NO_GPU, gtts=NO_GPU, espeak=NO_GPU),
    situation("GPU offline, policy offline", "offline",
              "~bark kokoro -gtts espeak", "kokoro", bark=NO_GPU),

    # A service that rests, a model or a voice that is not there
    situation("breaker open", "quality", "bark kokoro ~gtts espeak", "bark", gtts=RESTS),
    situation("breaker open, cheapest", "cheapest",
              "~gtts espeak kokoro bark", "espeak", gtts=RESTS),
    situation("breaker open, wholly cached", "cheapest",
              BY_WORK, "gtts", gtts=RESTS | CACHED),
    situation("breaker open, all but a word cached", "cheapest",
              "~gtts espeak kokoro bark", "espeak", gtts=RESTS | {"cached": 0.999}),
    situation("breaker open, policy offline", "offline",
              "bark kokoro -gtts espeak", "bark", gtts=RESTS),
    situation("model missing", "quality",
              "bark -kokoro gtts espeak", "bark", kokoro=LACKS_MODEL),
    situation("model missing, the better one passing", "quality",
              "~bark -kokoro gtts espeak", "gtts", bark=NO_GPU, kokoro=LACKS_MODEL),
    situation("voice lacking", "quality",
              "-bark -kokoro gtts espeak", "gtts", bark=LACKS_VOICE, kokoro=LACKS_VOICE),
    situation("voice lacking, though cached", "quality",
              "-bark kokoro gtts espeak", "kokoro", bark=LACKS_VOICE | CACHED),
    situation("voice lacking, and it rests", "quality",
              "bark kokoro -gtts espeak", "bark", gtts=LACKS_VOICE | RESTS),
    situation("library missing, wholly cached", "cheapest",
              BY_WORK, "gtts", gtts=LACKS_MODEL | CACHED),

    # What is cached is ready, costs nothing and is not sent
    situation("fast, one cached", "fast", "kokoro espeak gtts bark", "kokoro", kokoro=CACHED),
    situation("fast, two cached", "fast",
              "bark kokoro espeak gtts", "bark", kokoro=CACHED, bark=CACHED),
    situation("fast, half cached", "fast",
              "espeak gtts kokoro bark", "espeak", kokoro=HALF_CACHED),
    situation("cheapest, one cached", "cheapest",
              "kokoro gtts espeak bark", "kokoro", kokoro=CACHED),
    situation("cheapest, the dearest cached", "cheapest",
              "bark gtts espeak kokoro", "bark", bark=CACHED | NO_GPU),
    situation("quality, a lesser one cached", "quality", BY_QUALITY, "bark", espeak=CACHED),
    situation("offline, wholly cached", "offline",
              "-bark -kokoro gtts espeak", "gtts",
              gtts=CACHED, bark=LACKS_VOICE, kokoro=LACKS_VOICE),
    situation("offline, half cached", "offline",
              "-bark -kokoro -gtts espeak", "espeak",
              gtts=HALF_CACHED, bark=LACKS_VOICE, kokoro=LACKS_VOICE),

    # History
    situation("more than half of five failed", "quality",
              "~bark kokoro gtts espeak", "kokoro", bark={"history": History(5, 3)}),
    situation("less than half of five failed", "quality",
              BY_QUALITY, "bark", bark={"history": History(5, 2)}),
    situation("half of six failed", "quality",
              BY_QUALITY, "bark", bark={"history": History(6, 3)}),
    situation("all of four failed", "quality",
              BY_QUALITY, "bark", bark={"history": History(4, 4)}),
    situation("all of many failed", "fast",
              "~espeak gtts bark kokoro", "gtts", espeak={"history": History(90, 90)}),
    situation("shaky, cheapest", "cheapest", "~gtts espeak kokoro bark", "espeak", gtts=SHAKY),
    situation("shaky, offline", "offline", "~bark kokoro -gtts espeak", "kokoro", bark=SHAKY),
    situation("shaky, the only one", "quality", "~bark -kokoro -gtts -espeak", "bark",
              bark=SHAKY, kokoro=LACKS_VOICE, gtts=LACKS_VOICE | SHAKY, espeak=LACKS_VOICE),
    situation("all shaky", "quality",
              "~bark ~kokoro ~gtts ~espeak", "bark",
              bark=SHAKY, kokoro=SHAKY, gtts=SHAKY, espeak=SHAKY),
    situation("slower than usual of late", "fast",
              "espeak bark kokoro gtts", "espeak", gtts={"rtf": 0.6}),

    # Failed in this narration
    situation("failed", "quality", "~bark kokoro gtts espeak", "kokoro", bark=FAILED),
    situation("failed, though cached", "quality",
              "~bark kokoro gtts espeak", "kokoro", bark=FAILED | CACHED),
    situation("failed, and rests", "cheapest",
              "~gtts espeak kokoro bark", "espeak", gtts=FAILED | RESTS),
    situation("failed, and lacks its model now", "quality",
              "bark -kokoro gtts espeak", "bark", kokoro=FAILED | LACKS_MODEL),
    situation("three failed", "quality",
              "~bark ~kokoro ~gtts espeak", "espeak", bark=FAILED, kokoro=FAILED, gtts=FAILED),

    # Ties
    situation("tie, the faster one", "quality",
              "gtts bark kokoro espeak", "gtts", bark={"naturalness": 0.6},
              kokoro={"naturalness": 0.6}),
    situation("tie, the more natural one", "fast",
              "espeak gtts kokoro bark", "espeak", kokoro={"rtf": 0.3}, bark={"naturalness": 0.1}),
    situation("tie in all, as given", "quality",
              "bark kokoro gtts espeak", "bark", kokoro={"naturalness": 0.9, "rtf": 0.3}),

    # Nobody, or nobody now
    situation("nobody can speak", "quality", "-bark -kokoro -gtts -espeak", None,
              bark=LACKS_VOICE, kokoro=LACKS_MODEL, gtts=LACKS_VOICE, espeak=LACKS_VOICE),
    situation("only one, not now", "quality", "-bark -kokoro ~gtts -espeak", "gtts",
              bark=LACKS_VOICE, kokoro=LACKS_MODEL, gtts=RESTS, espeak=LACKS_VOICE),
    situation("only two, not now", "quality", "~bark -kokoro ~gtts -espeak", "bark",
              bark=NO_GPU, kokoro=LACKS_MODEL, gtts=RESTS, espeak=LACKS_VOICE),
    situation("offline, nobody but the network", "offline", "-bark -kokoro -gtts -espeak", None,
              bark=LACKS_VOICE, kokoro=LACKS_MODEL, espeak=LACKS_VOICE),
]
# fmt: on


@pytest.mark.parametrize(("preference", "characters", "changes", "expected", "speaker"), SITUATIONS)
def test_who_comes_first_in(preference, characters, changes, expected, speaker):
    ranking = rank(facts_with(changes), preference, characters)
    assert " ".join(map(notation, ranking)) == expected
    first = first_usable(ranking)
    assert (first and first.provider) == speaker
    assert all(verdict.reason for verdict in ranking), "each says why"


@pytest.mark.parametrize(
    ("policy", "deadline_s", "changes", "reason"),
    [
        ("quality", None, {}, "has a naturalness of 0.6"),
        ("offline", None, CACHED, "has a naturalness of 0.6, 100% is cached"),
        ("fast", None, {}, "needs about 10.0 s"),
        ("fast", None, HALF_CACHED, "needs about 5.0 s, 50% is cached"),
        ("cheapest", None, {}, "needs about 0.1 s of computing"),
        ("espeak,gtts", None, {}, "is number 2 of the order asked for"),
        ("espeak", None, {}, "is not in the order asked for"),
        ("offline", None, {}, "would send the text over the network"),
        ("quality", None, SHAKY, "failed 3 of its 5 narrations of the last hour"),
        ("gtts", None, SHAKY, "is number 1 of the order asked for"),
        ("quality", 5, {}, "has a naturalness of 0.6, would take 10 s: over the deadline"),
        ("quality", None, RESTS, "rests until 12:00:00 after 8 failure(s): 503"),
        ("quality", None, LACKS_MODEL, "is not ready (its model is not here)"),
        ("quality", None, LACKS_VOICE | FAILED, "has no voice 'x'"),
        ("quality", None, FAILED | RESTS, "failed: 503 after 5 attempts"),
        (
            "quality",
            None,
            NO_GPU | {"needs_gpu": True},
            "needs a GPU, and no worker with one is online",
        ),
    ],
)
def test_a_verdict_says_why(policy, deadline_s, changes, reason):
    ranking = rank(facts_with({"gtts": changes}), preference_of(policy, deadline_s), CHARACTERS)
    [verdict] = [each for each in ranking if each.provider == "gtts"]
    assert verdict.reason == reason


def test_of_an_empty_ranking_nobody_speaks():
    assert first_usable(rank([], Preference(), 1)) is None


def test_whoever_can_speak_comes_before_who_may_be_able_to_soon():
    soon, never, now = (
        Verdict("soon", "rests", False, True), Verdict("never", "no", False), Verdict("now", "")
    )  # fmt: skip
    assert first_usable([soon, never, now]) == now
    assert first_usable([never, soon]) == soon
    assert first_usable([never]) is None


NAMES = list(BASE)
reasons = st.sampled_from(["", "a reason"])
shares = st.sampled_from([0.0, 0.25, 1.0])
some_facts = st.fixed_dictionaries(
    {
        "refusal": reasons,
        "failure": reasons,
        "availability": st.builds(Availability, st.sampled_from([None, "rests"]), st.booleans()),
        "naturalness": st.floats(0, 1),
        "needs_network": st.booleans(),
        "needs_gpu": st.booleans(),
        "gpu_online": st.sampled_from([None, True, False]),
        "rtf": st.floats(0, 100),
        "chars_per_s": st.floats(1, 40),
        "computing": st.floats(0, 10),
        "cached": shares,
        "history": st.builds(History, st.integers(0, 9), st.integers(0, 9)),
    }
)
candidates = st.permutations(NAMES).flatmap(
    lambda names: st.tuples(
        *(st.builds(lambda facts, name=name: Facts(name, **facts), some_facts) for name in names)
    )
)
orders = st.lists(st.sampled_from(NAMES), unique=True, min_size=1).map(tuple)
deadlines = st.none() | st.floats(0.1, 1_000)
preferences = st.builds(Preference, st.sampled_from(Policy), st.just(()), deadlines) | st.builds(
    Preference, st.just(Policy.QUALITY), orders, deadlines
)
lengths = st.integers(0, 100_000)


@given(candidates, preferences, lengths)
def test_a_ranking_has_each_provider_once_and_depends_on_nothing_else(facts, preference, length):
    ranking = rank(facts, preference, length)
    assert sorted(verdict.provider for verdict in ranking) == sorted(NAMES)
    assert rank(facts, preference, length) == ranking
    assert all(verdict.reason for verdict in ranking)


@given(candidates, orders, lengths)
def test_an_explicit_order_is_respected(facts, order, length):
    ranking = rank(facts, Preference(order=order), length)
    usable = [verdict.provider for verdict in ranking if verdict.is_usable]
    assert usable == [name for name in order if name in usable]


@given(
    candidates, preferences, lengths, st.sampled_from(NAMES), st.sampled_from([LACKS_VOICE, FAILED])
)
def test_who_drops_out_leaves_the_others_where_they_were(facts, preference, length, gone, why):
    def others(candidates):
        return [
            verdict for verdict in rank(candidates, preference, length) if verdict.provider != gone
        ]

    without = [replace(each, **why) if each.provider == gone else each for each in facts]
    assert others(without) == others(facts)


@given(candidates, lengths, st.sampled_from(Policy))
def test_whoever_makes_the_deadline_comes_before_who_does_not(facts, length, policy):
    deadline_s = 60.0
    by_name = {each.provider: each for each in facts}
    late = [
        by_name[verdict.provider].synthesis_s(length) > deadline_s
        for verdict in rank(facts, Preference(policy, deadline_s=deadline_s), length)
    ]
    assert late == sorted(late)


@given(candidates, lengths)
def test_offline_sends_no_text(facts, length):
    by_name = {each.provider: each for each in facts}
    first = first_usable(rank(facts, Preference(Policy.OFFLINE), length))
    if first is not None and by_name[first.provider].needs_network and not first.is_passing:
        assert by_name[first.provider].cached == 1.0
