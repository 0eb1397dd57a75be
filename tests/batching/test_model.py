"""Jobs, their outcomes, and the counts of them."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.batching.model import DONE, FAILED, PENDING, UNKNOWN, Job, OutcomeTable, run_of_invalid
from fh_notebook.contract.job_key import is_reusable
from fh_notebook.contract.run import Run


@pytest.mark.parametrize(
    ("run", "reused"),
    [
        ({"status": "completed", "status_code": 200}, True),
        ({"status": "failed", "status_code": 200}, True),
        ({"status": "failed", "status_code": 400}, True),
        ({"status": "failed", "status_code": 402}, True),
        ({"status": "failed", "status_code": 404}, True),
        ({"status": "failed", "status_code": 422}, True),
        ({"status": "failed", "status_code": None, "error_code": "response_too_large"}, True),
        ({"status": "failed", "status_code": 302}, False),
        ({"status": "failed", "status_code": 401}, False),
        ({"status": "failed", "status_code": 403}, False),
        ({"status": "failed", "status_code": 408}, False),
        ({"status": "failed", "status_code": 425}, False),
        ({"status": "failed", "status_code": 429}, False),
        ({"status": "failed", "status_code": 503}, False),
        ({"status": "failed", "status_code": 502}, False),
        ({"status": "failed", "status_code": None, "error_code": "connect"}, False),
        ({"status": "unknown", "status_code": 500}, False),
        ({"status": "running", "status_code": 200}, False),
        ({"status": "queued", "status_code": 202}, False),
    ],
)
def test_what_the_service_answered_is_reused_and_what_never_reached_it_not(run: dict[str, Any], reused: bool) -> None:
    """A refusal as invalid would come again; a broken way to the service would not."""
    assert is_reusable(Run(**run)) is reused


numbers = st.integers(0, 7)


@given(st.lists(st.tuples(numbers, st.sampled_from([PENDING, DONE, FAILED, UNKNOWN]), st.booleans()), max_size=30))
def test_the_counts_add_up_whatever_comes(coming: list[tuple[int, int, bool]]) -> None:
    """planned = done + failed + unknown + pending; and each number is what a count of the jobs would say."""
    outcomes = OutcomeTable()
    outcomes.extend(5)
    outcomes.extend(3)
    last: dict[int, tuple[int, bool]] = {}
    for line, (number, kind, reused) in enumerate(coming, 1):
        outcomes.put(number, kind, line=line, reused=reused)
        last[number] = (kind, reused and kind in (DONE, FAILED))
        assert (outcomes.kind(number), outcomes.line(number)) == (kind, line)
    counts = outcomes.counts()
    kinds = [last.get(number, (PENDING, False))[0] for number in range(8)]
    assert counts.planned == 8 == counts.done + counts.failed + counts.unknown + counts.pending
    assert (counts.pending, counts.done, counts.failed, counts.unknown) == tuple(map(kinds.count, range(4)))
    assert counts.reused == sum(reused for _, reused in last.values()) == sum(map(outcomes.reused, range(8)))
    assert counts.reused_failed == sum(reused and kind == FAILED for kind, reused in last.values())


def test_an_answer_that_could_not_be_kept_is_in_memory() -> None:
    """Until one that is kept takes its place."""
    outcomes = OutcomeTable()
    outcomes.extend(1)
    outcomes.put(0, DONE, run=Run(status="completed", output="paid"))
    held = outcomes.run(0)
    assert held is not None
    assert held.output == "paid"
    outcomes.put(0, DONE, line=7)
    assert (outcomes.run(0), outcomes.line(0)) == (None, 7)


def test_a_million_jobs_take_some_ten_bytes_each() -> None:
    """So that an iterator of millions fits beside everything else."""
    outcomes = OutcomeTable()
    outcomes.extend(1_000_000)
    held = (outcomes._kinds, outcomes._reused, outcomes._lines)
    assert sum(map(sys.getsizeof, held)) < 12_000_000


def test_a_job_whose_inputs_do_not_fit_has_failed_without_a_call() -> None:
    """Its line says why; nothing was sent for it."""
    run = run_of_invalid(
        Job(
            position=0,
            row=0,
            deployment="d",
            variant="v",
            repeat=1,
            inputs={},
            metadata={},
            problems=("text: is missing",),
        )
    )
    assert (run.status, run.error_code, run.attempts) == ("failed", "invalid_input", 0)
    assert run.error == "text: is missing"
