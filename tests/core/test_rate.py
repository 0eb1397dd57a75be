"""`rate=`: what is understood, and when calls may go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.core.rate import Rate
from fh_notebook.errors import SettingsError
from tests.told import facts


@pytest.mark.parametrize(
    ("value", "interval_s", "text"),
    [
        (2, 0.5, "2 a second"),
        (0.5, 2.0, "30 a minute"),
        ("2/s", 0.5, "2 a second"),
        ("30/min", 2.0, "30 a minute"),
        (" 30 / Minutes ", 2.0, "30 a minute"),
        ("30 per minute", 2.0, "30 a minute"),
        ("100/hour", 36.0, "1.66667 a minute"),
        ("1/min", 60.0, "1 a minute"),
        ("10/h", 360.0, "10 a hour"),
        ("1.5/sec", 1 / 1.5, "1.5 a second"),
        (".5/s", 2.0, "30 a minute"),
        ("50/day", 1728.0, "2.08333 a hour"),
        ("1/d", 86400.0, "1 a day"),
        (Rate(3.0), 3.0, "20 a minute"),
    ],
)
def test_numbers_are_calls_a_second_and_texts_name_their_unit(value: object, interval_s: float, text: str) -> None:
    """Each way to say a rate gives the seconds from call to call, and reads well."""
    rate = Rate.of(value)
    assert rate.interval_s == pytest.approx(interval_s)
    assert str(rate) == text.replace("a hour", "an hour")


@pytest.mark.parametrize(
    "value",
    [0, -1, 0.0, float("nan"), float("inf"), 10**400, 5e-324, True, False, None, "", "fast", "30", "30/", "/min", "-3/s",
     "0/s", "30/fortnight", "30/ss/s", "1e3/s", "nan/s", "٣/foo", "9" * 400 + "/s", [3], b"2/s", {"calls": 3}],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_one_line_with_the_cure(value: object) -> None:
    """Before any call, with what was given and what to give."""
    with pytest.raises(SettingsError, match=facts("rate", "2", "0.5")) as caught:
        Rate.of(value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("interval_s", [0, -1.0, float("inf"), float("nan")])
def test_an_interval_that_is_none_is_refused(interval_s: float) -> None:
    """A `Rate` that is made by hand is checked as well."""
    with pytest.raises(SettingsError, match="rate means"):
        Rate(interval_s)


@pytest.mark.parametrize(
    ("due", "now", "next_due"),
    [
        # the last one was due, it is, the next one may go
        (None, 7.0, 7.0),
        (10.0, 10.0, 12.0),
        (10.0, 11.9, 12.0),
        (10.0, 12.0, 12.0),
        (10.0, 12.5, 12.5),
        (10.0, 99.0, 99.0),
    ],
)
def test_the_next_call_is_an_interval_after_the_last_one_was_due(
    due: float | None, now: float, next_due: float
) -> None:
    """At two seconds from call to call; never earlier than now, and after a pause nothing is made up for."""
    assert Rate(2.0).next_due(due, now) == next_due


@given(
    interval_s=st.floats(0.001, 100),
    steps=st.lists(st.tuples(st.floats(0, 500), st.floats(0, 0.5)), min_size=2, max_size=50),
)
def test_in_no_time_go_more_calls_than_the_rate_allows(interval_s: float, steps: list[tuple[float, float]]) -> None:
    """However a caller pauses and however late it wakes: over any stretch, calls are at most one more than the rate."""
    rate, due, now, starts = Rate(interval_s), None, 0.0, []
    for pause_s, late in steps:
        due = rate.next_due(due, now)
        starts.append(due + late * interval_s)  # it wakes up to half an interval late
        now = starts[-1] + pause_s
    for i, first in enumerate(starts):
        for j in range(i + 1, len(starts)):
            assert starts[j] - first >= (j - i - 0.5) * interval_s - 1e-6


def test_who_always_wakes_a_little_late_keeps_the_rate() -> None:
    """A thousand calls, each a twentieth of an interval late, take as long as the rate says."""
    rate, due, now = Rate.of("20/s"), None, 0.0
    for _ in range(1001):
        due = rate.next_due(due, now)
        now = due + 0.0025
    assert now == pytest.approx(rate.least_s(1001), abs=0.01)
