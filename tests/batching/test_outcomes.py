"""What is known of each job, and the counts of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.batching.outcomes import Outcome, Outcomes, is_reusable, kind_of
from fh_notebook.batching.plan import Job
from fh_notebook.contract.run import Run


def _job(key: str, position: int = 0) -> Job:
    problems = () if key else ("text: is missing",)
    return Job(
        position=position,
        row=position,
        deployment="d",
        variant="v",
        repeat=1,
        inputs={},
        metadata={},
        key=key,
        problems=problems,
    )


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


runs = st.sampled_from(
    [Run(status=s, status_code=200) for s in ("completed", "failed", "unknown", "awaiting_approval")]
)
keys = st.sampled_from(["", "a", "b", "c", "d"])


@given(
    st.lists(keys, max_size=12),
    st.lists(st.tuples(st.sampled_from("abcd"), runs, st.booleans()), max_size=20),
)
def test_the_counts_add_up_whatever_comes(jobs: list[str], coming: list[tuple[str, Run, bool]]) -> None:
    """planned = done + failed + unknown + pending; and each number is what a count of the jobs would say."""
    outcomes = Outcomes([_job(key, i) for i, key in enumerate(jobs)])
    for key, run, reused in coming:
        if key in jobs:
            outcomes.put(key, Outcome(run=run, reused=reused))
    counts = outcomes.counts()
    listed = [outcome for _, outcome in outcomes.of_jobs()]
    kinds = [kind_of(outcome.run) if outcome else "pending" for outcome in listed]
    assert counts.planned == len(jobs) == counts.done + counts.failed + counts.unknown + counts.pending
    assert (counts.done, counts.failed, counts.unknown, counts.pending) == tuple(
        kinds.count(kind) for kind in ("done", "failed", "unknown", "pending")
    )
    assert counts.reused == sum(
        bool(outcome and outcome.reused and kind_of(outcome.run) != "unknown") for outcome in listed
    )


def test_of_equal_jobs_the_first_is_the_call_and_the_others_reuse_it() -> None:
    """One call was made, and the frame says for which line."""
    outcomes = Outcomes([_job("a", 0), _job("b", 1), _job("a", 2)])
    outcomes.put("a", Outcome(run=Run(status="completed")))
    assert [outcome.reused if outcome else None for _, outcome in outcomes.of_jobs()] == [False, None, True]
    assert list(outcomes.unique_jobs()) == ["a", "b"]


def test_a_job_whose_inputs_do_not_fit_has_failed_without_a_call() -> None:
    """Its line says why; nothing was sent for it."""
    outcomes = Outcomes([_job("")])
    [(_, outcome)] = outcomes.of_jobs()
    assert outcome is not None
    assert (outcome.run.status, outcome.run.error_code, outcome.run.attempts) == ("failed", "invalid_input", 0)
    assert outcome.run.error == "text: is missing"
    assert outcomes.unique_jobs() == {}
    assert outcomes.counts().failed == 1
