"""When an outage is recognized, how long calls pause, and what ends it: values, no clock."""

from __future__ import annotations

import pytest

from fh_notebook.batching.execution.outage_detector import MAX_PAUSE_S, OUTAGE_FROM, PROBE_EVERY_S, OutageDetector


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
