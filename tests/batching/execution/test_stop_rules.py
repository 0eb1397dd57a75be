"""Rules to stop starting calls, for good or for the time of an outage: values, no clock."""

from __future__ import annotations

from typing import Any

import pytest

from fh_notebook.batching.execution.stop_rules import (
    MAX_PAUSE_S,
    OUTAGE_FROM,
    PROBE_EVERY_S,
    OutageDetector,
    StopLimits,
    stop_of_answer,
)
from fh_notebook.contract.run import Run
from fh_notebook.errors import SettingsError
from tests.told import tells

NOTHING = {"calls": 0, "elapsed_s": 0.0, "errors": 0, "planned": 10}


@pytest.mark.parametrize(
    ("limits", "state", "reason"),
    [
        ({}, {"calls": 10**6, "elapsed_s": 1e6, "errors": 10}, None),
        ({"max_calls": 3}, {"calls": 2}, None),
        ({"max_calls": 3}, {"calls": 3}, "max_calls"),
        ({"max_calls": 0}, {}, "max_calls"),
        ({"max_seconds": 1.5}, {"elapsed_s": 1.4}, None),
        ({"max_seconds": 1.5}, {"elapsed_s": 1.5}, "max_seconds"),
        ({"fail_on_error": True}, {"errors": 0}, None),
        ({"fail_on_error": True}, {"errors": 1}, "fail_on_error"),
        ({"fail_on_error": False}, {"errors": 10}, None),
        ({"fail_on_error": 3}, {"errors": 2}, None),
        ({"fail_on_error": 3}, {"errors": 3}, "fail_on_error"),
        ({"fail_on_error": 1}, {"errors": 1}, "fail_on_error"),
        ({"fail_on_error": 0.25}, {"errors": 2}, None),
        ({"fail_on_error": 0.25}, {"errors": 3}, "fail_on_error"),
        ({"fail_on_error": 0.01}, {"errors": 0}, None),
    ],
)
def test_a_limit_is_reached_or_not(limits: dict[str, Any], state: dict[str, Any], reason: str | None) -> None:
    """The whole table: which limit, by which numbers."""
    reached = StopLimits(**limits).reached(**{**NOTHING, **state})
    assert (reached.reason if reached else None) == reason
    if reached:
        assert "batch.resume()" in reached.message


def test_one_call_is_said_as_one() -> None:
    """And more as more."""
    one, more = (StopLimits(max_calls=n).reached(**{**NOTHING, "calls": n}) for n in (1, 2000))
    assert one is not None
    assert one.detail.startswith("1 call was ")
    assert more is not None
    assert tells(more.detail, "2,000", "max_calls")


@pytest.mark.parametrize(
    "limits",
    [
        {"max_calls": -1},
        {"max_calls": True},
        {"max_calls": "5"},
        {"max_calls": 2.5},
        {"max_calls": float("nan")},
        {"max_seconds": -1},
        {"max_seconds": True},
        {"max_seconds": float("inf")},
        {"max_seconds": 0},
        {"max_seconds": float("nan")},
        {"fail_on_error": 0},
        {"fail_on_error": -0.5},
        {"fail_on_error": 1.5},
        {"fail_on_error": float("inf")},
        {"fail_on_error": "yes"},
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused(limits: dict[str, Any]) -> None:
    """With its value and what to give."""
    [(name, value)] = limits.items()
    with pytest.raises(SettingsError, match=f"{name} is {value!r}; give"):
        StopLimits(**limits)


@pytest.mark.parametrize(
    ("reason", "facts", "cure"),
    [
        ("daily_cap", [], ["00:00 UTC", "batch.resume()"]),
        ("credits", [], ["batch.resume()"]),
        ("auth", ["api.fetchhive.com"], []),
        ("other", ["other"], None),
    ],
)
def test_a_stop_of_the_services_says_what_to_do_next(reason: str, facts: list[str], cure: list[str] | None) -> None:
    """In one line, with the service's own words."""
    run = Run(status="failed", error="No more today.", origin="api.fetchhive.com")
    stopped = stop_of_answer(reason, run)
    assert tells(stopped.detail, "(No more today)", *facts)
    assert (stopped.reason, stopped.run) == (reason, run)
    assert "\n" not in stopped.message
    what_to_do = stopped.message.removeprefix(stopped.detail)
    assert bool(what_to_do.strip("; ")) == (cure is not None)
    for value in cure or ():
        assert tells(what_to_do, value)
    others = {stop_of_answer(other, run).message for other in ("daily_cap", "credits", "auth", "other")}
    assert len(others) == 4


def test_a_service_that_says_more_than_a_line_is_told_in_one() -> None:
    """Nothing in it reaches the terminal as a control character."""
    stopped = stop_of_answer("auth", Run(status="failed", error="No.\n\x1b[2JGone"))
    assert tells(stopped.message, "No. \\x1b[2JGone")


def test_the_first_calls_that_reach_nobody_may_be_the_fault_of_their_rows() -> None:
    """Only from the tenth on nobody blames a row, and calls pause."""
    detector = OutageDetector()
    may_be_the_row = [detector.note_unreached(float(second)) for second in range(OUTAGE_FROM)]
    assert may_be_the_row == [True] * (OUTAGE_FROM - 1) + [False]
    assert detector.is_outage
    assert detector.paused_until == OUTAGE_FROM - 1 + PROBE_EVERY_S
    assert detector.lasted_s == OUTAGE_FROM - 1


def test_one_answer_ends_an_outage() -> None:
    """The count begins anew, and so does the time of the next outage."""
    detector = OutageDetector()
    for second in range(OUTAGE_FROM):
        detector.note_unreached(float(second))
    detector.note_answer()
    assert (detector.is_outage, detector.in_a_row, detector.paused_until) == (False, 0, 0.0)
    assert detector.note_unreached(100.0)
    assert detector.lasted_s == 0.0


@pytest.mark.parametrize(("wait_s", "pause_s"), [(1.0, 1.0), (60.0, MAX_PAUSE_S)])
def test_a_refusal_while_others_use_all_slots_pauses_calls(wait_s: float, pause_s: float) -> None:
    """For as long as the refusal asks, but never for long: the others may end at once."""
    detector = OutageDetector()
    detector.note_refusal(10.0, wait_s)
    assert detector.paused_until == 10.0 + pause_s
    assert not detector.is_outage
