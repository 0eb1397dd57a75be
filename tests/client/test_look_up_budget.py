"""`LookUpBudget`: which look-ups of a batch's runs are worth a request of the daily cap."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from fh_notebook.client import polling
from fh_notebook.client.polling import FIRST_RUNS, LookUpBudget


@dataclass(eq=False)
class OneRun:
    """A run as old as the test says."""

    age_s: float = 0.0
    status: str = "running"
    polls: int = 0
    longest_s: float = polling.LONGEST_S
    service: str = "w"

    async def look(self) -> float | None:
        return None


def _looked(budget: LookUpBudget, run: OneRun, age_s: float, *, has_ended: bool) -> None:
    run.age_s = age_s
    assert budget.wait_s(run) == 0.0
    run.polls += 1
    budget.looked(run, has_ended=has_ended)


def test_at_first_one_look_up_a_step_is_made_for_all_runs() -> None:
    """The end that one of them finds tells when the others are due; each that had ended by then lets one more out."""
    watched: list[object] = []
    budget = LookUpBudget(lambda: 50, most=200, watch=lambda run, first_s: watched.append(run))
    budget.begin(40, None)
    first, second, third = runs = [OneRun(), OneRun(), OneRun()]
    assert [budget.add(run) for run in runs] == [polling.FIRST_S] * 3
    _looked(budget, first, 1.0, has_ended=False)
    second.age_s = third.age_s = 1.0
    assert budget.wait_s(second) == pytest.approx(0.6)
    _looked(budget, second, 2.0, has_ended=True)
    assert budget.expected_s == 2.0
    assert watched == [first, third]
    third.age_s = 1.5
    assert budget.wait_s(third) == 0.5
    assert budget.most_out == FIRST_RUNS
    _looked(budget, third, 2.0, has_ended=True)
    assert (budget.expected_s, budget.most_out) == (pytest.approx(1.96), FIRST_RUNS + 1)


def test_a_look_up_that_comes_too_early_makes_the_others_later() -> None:
    """A run that waits for a person says nothing of how long others take, and keeps none from beginning."""
    budget = LookUpBudget(lambda: 50, most=200)
    budget.begin(40, 2.0)
    early, paused = OneRun(), OneRun(status="awaiting_approval")
    assert [budget.add(run) for run in (early, paused)] == [2.0, 2.0]
    changes: list[int] = []
    budget.on_change = lambda: changes.append(budget.most_out)
    _looked(budget, paused, 4.0, has_ended=False)
    assert (budget.expected_s, changes) == (2.0, [FIRST_RUNS + 1])
    paused.status = "completed"
    _looked(budget, paused, 3600.0, has_ended=True)
    assert budget.expected_s == 2.0
    _looked(budget, early, 2.0, has_ended=False)
    assert budget.expected_s == 2.5


def test_the_last_look_up_of_a_run_is_made_when_it_has_surely_ended() -> None:
    """Where the cap leaves no request that no run holds."""
    left = 3
    budget = LookUpBudget(lambda: left, most=200)
    budget.begin(40, 2.0)
    runs = [OneRun(age_s=2.0), OneRun(age_s=2.0)]
    for number, run in enumerate(runs):
        budget.add(run)
        budget.hold(str(number))
    assert budget.wait_s(runs[0]) == 0.0
    left = 2
    assert budget.wait_s(runs[1]) == 2.0
    budget.free("0")
    budget.remove(runs[0])
    assert budget.wait_s(runs[1]) == 0.0


def test_all_runs_may_be_out_where_the_cap_is_plenty() -> None:
    """And where it does not count look-ups; of an iterator nobody knows."""
    outs = []
    for left, planned in ((400, 40), (399, 40), (None, 40), (400, 0)):
        budget = LookUpBudget(lambda left=left: left, most=200)  # type: ignore[misc]
        budget.begin(planned, None)
        outs.append(budget.most_out)
    assert outs == [200, FIRST_RUNS, 200, FIRST_RUNS]
