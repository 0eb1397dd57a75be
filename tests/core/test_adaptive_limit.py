"""The policy of the limiter, as a pure state machine: what a limit becomes of what was answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.core.adaptive_limit import BOUND, START, AdaptiveLimit, Phase


def held_at(limit: int) -> AdaptiveLimit:
    """A pace that has found a cap of `limit`."""
    pace = AdaptiveLimit(limit=limit + 1)
    pace.refused(out=limit + 1, still_out=limit, sent_at=0.0, now=1.0)
    assert (pace.limit, pace.phase) == (limit, Phase.HOLDING)
    return pace


def answer(pace: AdaptiveLimit, calls: int, *, sent_at: float = 2.0, left: int | None = None) -> None:
    """So many admitted calls, each sent after the last cut, with the limit in full use."""
    for _ in range(calls):
        pace.sent()
        pace.answered(in_flight=pace.limit, sent_at=sent_at, left=left)


@pytest.mark.parametrize(("round_trips", "limit"), [(0, 2), (1, 4), (2, 8), (3, 16), (4, 32), (5, 48), (6, 72)])
def test_it_doubles_each_round_trip_and_adds_half_from_32_on(round_trips: int, limit: int) -> None:
    """Until the first refusal; the overshoot of a large limit stays small."""
    pace = AdaptiveLimit()
    for _ in range(round_trips):
        answer(pace, pace.limit)
    assert pace.limit == limit
    assert START == 2


@pytest.mark.parametrize(
    ("sent_at", "in_flight", "grows"),
    [(2.0, 10, True), (2.0, 9, True), (2.0, 8, False), (2.0, 1, False), (0.5, 10, False), (None, 10, True)],
)
def test_only_an_answer_of_the_present_limit_in_full_use_raises_it(
    sent_at: float | None, in_flight: int, grows: bool
) -> None:
    """With under 0.9 of the limit in use, and from before the last cut (at 1.0), an answer tells nothing of it."""
    pace = held_at(10)
    pace.phase = Phase.SEEKING
    pace.answered(in_flight=in_flight, sent_at=sent_at)
    assert pace.limit == (11 if grows else 10)


@pytest.mark.parametrize("cap", [1, 3, 5, 29, 50, 700])
def test_what_was_out_besides_the_first_refused_call_is_the_cap(cap: int) -> None:
    """One refused call is enough to know it."""
    assert held_at(cap).limit == cap


def test_refusals_of_calls_that_were_sent_before_the_cut_belong_to_the_same_event() -> None:
    """Four of 54 are refused: the first cuts, the others say that they were not admitted either; it never halves."""
    pace = AdaptiveLimit(limit=60)
    for heard in range(4):
        pace.refused(out=51 + heard, still_out=53 - heard, sent_at=0.0, now=1.0 + heard / 1000)
    assert (pace.limit, pace.phase) == (50, Phase.HOLDING)


def test_refused_calls_may_have_overtaken_others() -> None:
    """Eight were sent at once and five admitted: which of them are refused, and in what order, makes no difference."""
    pace = AdaptiveLimit(limit=8)
    for out, still_out in ((4, 7), (8, 6), (5, 5)):
        pace.refused(out=out, still_out=still_out, sent_at=0.0, now=1.0)
    assert pace.limit == 5


def test_slots_that_wait_for_their_commit_do_not_make_the_cap_look_small() -> None:
    """Of 51 that were out at sending, 30 were answered before the refusal was heard: not less than three quarters."""
    pace = AdaptiveLimit(limit=51)
    pace.refused(out=51, still_out=20, sent_at=0.0, now=1.0)
    assert pace.limit == 38


def test_two_refusals_in_close_succession_correct_the_estimate_and_the_third_halves_it() -> None:
    """The cap fell from 100 to 30: each call that goes out is refused, so it is cut by half, and by half again."""
    pace = held_at(100)
    answer(pace, 150)
    limits = []
    for event in range(3):
        now = 10.0 + event / 100
        pace.sent()
        pace.refused(out=pace.limit, still_out=pace.limit - 1, sent_at=now, now=now + 0.001)
        limits.append((pace.limit, pace.phase))
    assert limits == [(99, Phase.HOLDING), (98, Phase.HOLDING), (49, Phase.REGROWING)]
    pace.sent()
    pace.refused(out=49, still_out=48, sent_at=10.2, now=10.201)
    assert pace.limit == 24


def test_more_refusals_in_one_event_than_an_estimate_can_be_wrong_by_halve_it_at_once() -> None:
    """At a cap of 100 that is known, ten calls that were sent together are refused: the cap itself fell."""
    pace = held_at(100)
    answer(pace, 150)
    for heard in range(10):
        pace.refused(out=91 + heard, still_out=99 - heard, sent_at=10.0, now=10.1)
    assert pace.phase is Phase.REGROWING
    assert pace.limit <= 50


def test_a_refusal_now_and_then_takes_one_and_never_half() -> None:
    """A service that frees a place a little later than it answers refuses one call in fifty."""
    pace = held_at(50)
    for event in range(5):
        now = 10.0 + event
        answer(pace, 49, sent_at=now)
        pace.refused(out=pace.limit, still_out=pace.limit - 1, sent_at=now, now=now + 0.001)
    assert (pace.limit, pace.phase) == (45, Phase.HOLDING)


def test_a_call_that_went_out_over_the_limit_tells_nothing_of_it() -> None:
    """It was on its way when the limit was cut to 24; 60 were out, and the next refusal is no news."""
    pace = held_at(24)
    pace.refused(out=60, still_out=59, sent_at=5.0, now=5.1)
    assert pace.limit == 24


def test_after_a_fall_it_is_back_within_three_round_trips() -> None:
    """A quarter a round trip, up to what was refused; then it holds."""
    pace = held_at(40)
    answer(pace, 60)
    for event in range(3):
        pace.refused(out=pace.limit, still_out=pace.limit - 1, sent_at=10.0 + event, now=10.5 + event)
    assert (pace.limit, pace.phase) == (19, Phase.REGROWING)
    for _ in range(3):
        answer(pace, pace.limit, sent_at=20.0)
    assert pace.limit >= 36
    answer(pace, pace.limit, sent_at=20.0)
    assert (pace.limit, pace.phase) == (38, Phase.HOLDING)


def test_a_known_cap_is_probed_ever_more_seldom() -> None:
    """After 8 clean round trips, then every 64, where each probe is refused."""
    pace = held_at(10)
    waited = []
    for event in range(4):
        now = 10.0 * (event + 1)
        answers = 0
        while pace.limit == 10:
            answer(pace, 1, sent_at=now)
            answers += 1
        waited.append(answers // 10)
        pace.refused(out=11, still_out=10, sent_at=now, now=now + 1)
    assert waited == [8, 64, 64, 64]


def test_a_probe_that_is_admitted_is_followed_by_larger_ones() -> None:
    """A plan that grew from 20 to 200 is found in some 25 round trips and not in 180 times 8."""
    pace = held_at(20)
    round_trips = 0
    while pace.limit < 200:
        answer(pace, pace.limit)
        round_trips += 1
    assert round_trips < 30


@pytest.mark.parametrize(
    ("left", "wait_s", "probes"),
    [(None, 1.0, True), (10_000, 1.0, True), (30, 0.1, False), (50, 0.1, True), (50, 1.0, False), (150, 1.0, True)],
)
def test_near_the_end_nothing_is_probed(left: int | None, wait_s: float, probes: bool) -> None:
    """With few round trips left, or with less time than twice the wait of a refused call, no probe can win."""
    pace = AdaptiveLimit(limit=11)
    pace.timed(0.2)
    pace.refused(out=11, still_out=10, sent_at=0.0, now=1.0, wait_s=wait_s)
    answer(pace, 81, left=left)
    assert (pace.limit > 10) is probes


def test_a_refusal_while_little_was_out_is_somebody_elses_and_passes() -> None:
    """Another process fills the service: the limit goes down to what was admitted, and comes back when it may."""
    pace = held_at(50)
    pace.refused(out=6, still_out=5, sent_at=5.0, now=5.1)
    assert (pace.limit, pace.phase) == (5, Phase.REGROWING)
    for _ in range(12):
        answer(pace, pace.limit, sent_at=6.0)
    assert pace.limit >= 45


def test_a_providers_429_eases_off_and_is_not_taken_for_the_plans_cap() -> None:
    """Once for all calls of the moment; a few round trips later the limit is what it was."""
    pace = held_at(40)
    for _ in range(20):
        pace.refused_by_provider(sent_at=5.0, now=5.1)
    assert (pace.limit, pace.phase) == (30, Phase.REGROWING)
    pace.refused_by_provider(sent_at=5.2, now=5.3)
    assert pace.limit == 22
    for _ in range(12):
        answer(pace, pace.limit, sent_at=6.0)
    assert (pace.limit, pace.phase) == (40, Phase.HOLDING)


def test_without_the_facts_of_a_call_a_round_trip_has_one_event() -> None:
    """Who only says that a call was refused: all refusals until a round trip has been answered are one event."""
    pace = AdaptiveLimit(limit=16)
    for in_flight in (12, 11, 10):
        pace.refused(out=in_flight)
    assert (pace.limit, pace.phase) == (9, Phase.HOLDING)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["answered", "refused", "straggler", "provider"]),
            st.integers(1, 1200),
            st.integers(0, 1200),
            st.booleans(),
        ),
        max_size=300,
    ),
    st.sampled_from([START, 31, 400, BOUND]),
)
def test_whatever_a_service_answers_the_limit_is_sound(history: list[tuple[str, int, int, bool]], start: int) -> None:
    """Never under 1 or over the bound; a refusal never raises it over what it was before its event; an answer raises it
    by one at most, and not when the limit is not used."""
    pace = AdaptiveLimit(limit=start)
    of_event = pace.limit
    for now, (what, number, other, blind) in enumerate(history, 1):
        before = pace.limit
        pace.sent()
        if what == "answered":
            pace.answered(in_flight=number, sent_at=None if blind else now, left=other)
            assert before <= pace.limit <= before + 1
            if number < 0.45 * before:  # a limit at most doubles within a round trip, so this is not in use for sure
                assert pace.limit == before
            of_event = max(of_event, pace.limit)
        elif what == "provider":
            pace.refused_by_provider(sent_at=now, now=now)
            assert pace.limit <= before
        else:
            sent_at = None if blind else now - 2.0 if what == "straggler" else now
            pace.refused(out=number, still_out=min(other, number), sent_at=sent_at, now=now, wait_s=1.0)
            assert pace.limit <= of_event
        assert 1 <= pace.limit <= BOUND


@given(st.integers(2, 900), st.integers(1, 40))
def test_an_event_cuts_once_however_many_calls_it_refuses(cap: int, over: int) -> None:
    """While the cap is sought, `over` calls too many go out together: the limit is the cap afterwards, exactly."""
    over = min(over, cap)
    pace = AdaptiveLimit(limit=cap + over)
    for heard in range(over):
        pace.refused(out=cap + 1 + heard, still_out=cap + over - 1 - heard, sent_at=0.0, now=1.0 + heard)
    assert pace.limit == cap


def test_a_cap_of_one_that_somebody_else_used_up_for_a_while_is_held_afterwards() -> None:
    """Refusals in close succession while nothing else was out do not leave a limit of two, refused each round trip."""
    pace, now = AdaptiveLimit(), 0.0
    for _ in range(7):
        pace.sent()
        pace.refused(out=1, still_out=0, sent_at=now, now=now + 0.1)
        now += 1.0
    refused = 0
    for _ in range(100):
        two = pace.limit > 1
        for _ in range(pace.limit):
            pace.sent()
        if two:
            refused += 1
            pace.refused(out=2, still_out=1, sent_at=now, now=now + 0.1)
        pace.answered(in_flight=2 if two else 1, sent_at=now)
        now += 1.0
    assert refused <= 8
