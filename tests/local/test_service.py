"""The subscription's limits as pure state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.local.service import Admission, SubscriptionLimits

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
RUN, QUEUE, BUSY, CAPPED = Admission


@pytest.mark.parametrize(
    ("concurrency", "daily_cap", "can_wait", "verdicts"),
    [
        (None, None, False, [RUN] * 4),
        (2, None, False, [RUN, RUN, BUSY, BUSY]),
        (2, None, True, [RUN, RUN, QUEUE, QUEUE]),
        (None, 2, False, [RUN, RUN, CAPPED, CAPPED]),
        (None, 0, False, [CAPPED] * 4),
        (1, 2, True, [RUN, QUEUE, CAPPED, CAPPED]),
        (1, 2, False, [RUN, BUSY, BUSY, BUSY]),  # refused calls do not count against the day
        (1, 1, False, [RUN, CAPPED, CAPPED, CAPPED]),  # both reached: the day is told, since waiting would not help
    ],
)
def test_a_plan_lets_in_what_it_has_room_for(
    concurrency: int | None, daily_cap: int | None, can_wait: bool, verdicts: list[Admission]
) -> None:
    """Four calls at one moment, none of which ends."""
    limits = SubscriptionLimits(concurrency, daily_cap)
    assert [limits.admit(NOON, can_wait=can_wait) for _ in verdicts] == verdicts


@pytest.mark.parametrize(
    ("later", "renewed"),
    [
        (datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 25, 0, 0, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 25, 0, 30, tzinfo=timezone(timedelta(hours=1))), False),  # 23:30 UTC of the same day
        (datetime(2026, 11, 24, 22, 0, tzinfo=timezone(timedelta(hours=-3))), True),  # 01:00 UTC of the next day
        (datetime(2026, 11, 23, 12, tzinfo=UTC), False),  # the clock was put back
    ],
)
def test_the_day_is_renewed_at_midnight_utc(later: datetime, renewed: bool) -> None:
    """By UTC, whatever zone the clock names; going back renews nothing."""
    limits = SubscriptionLimits(daily_cap=1)
    limits.admit(NOON, can_wait=False)
    assert limits.admit(later, can_wait=False) is (RUN if renewed else CAPPED)


def test_a_look_up_counts_and_takes_no_slot() -> None:
    """Up to the cap, also beside a run that has the only slot; what is refused is not counted."""
    limits = SubscriptionLimits(concurrency=1, daily_cap=2)
    assert limits.admit(NOON, can_wait=False) is RUN
    assert [limits.admit_look_up(NOON) for _ in range(3)] == [True, False, False]
    assert (limits.used_today, limits.in_flight) == (2, 1)
    assert limits.admit_look_up(NOON + timedelta(days=1))
    assert limits.used_today == 1


def test_who_waits_goes_before_a_newcomer() -> None:
    """A slot that is free for a moment is not given to a sync call while an async one waits for it."""
    limits = SubscriptionLimits(concurrency=1)
    assert [limits.admit(NOON, can_wait=True) for _ in range(2)] == [RUN, QUEUE]
    limits.release()
    assert limits.admit(NOON, can_wait=False) is BUSY
    assert limits.start_waiting()
    assert not limits.start_waiting()
    assert (limits.in_flight, limits.waiting) == (1, 0)


def test_a_lower_cap_lets_what_runs_end() -> None:
    """With 5 in flight and a cap lowered to 2, the next is let in when fewer than 2 are left."""
    limits = SubscriptionLimits(concurrency=5)
    for _ in range(5):
        limits.admit(NOON, can_wait=False)
    limits.concurrency = 2
    for left in (4, 3, 2):
        limits.release()
        assert limits.in_flight == left
        assert limits.admit(NOON, can_wait=False) is BUSY
    limits.release()
    assert limits.admit(NOON, can_wait=False) is RUN


@given(st.integers(1, 4), st.lists(st.sampled_from(["sync", "async", "end"]), max_size=60))
def test_never_more_in_flight_than_the_cap_and_nobody_waits_beside_a_free_slot(cap: int, steps: list[str]) -> None:
    """Whatever comes in whatever order."""
    limits = SubscriptionLimits(concurrency=cap)
    for step in steps:
        if step != "end":
            limits.admit(NOON, can_wait=step == "async")
        elif limits.in_flight:
            limits.release()
            limits.start_waiting()
        assert limits.in_flight <= cap
        assert not limits.waiting or limits.in_flight == cap
        assert limits.peak_in_flight <= cap
