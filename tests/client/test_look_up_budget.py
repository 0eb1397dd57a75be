"""`LookUpBudget`: which look-ups of runs are worth a request of the daily cap."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from fh_notebook.client import polling
from fh_notebook.client.polling import FIRST_RUNS, LookUpBudget, WorkspaceLookUps


@dataclass(eq=False)
class OneRun:
    """A run as old as the test says."""

    age_s: float = 0.0
    status: str = "running"
    longest_s: float = polling.LONGEST_S
    service: str = "w"

    async def look(self) -> float | None:
        return None


def _looked(budget: LookUpBudget, run: OneRun, age_s: float, *, has_ended: bool | None) -> None:
    run.age_s = age_s
    assert budget.wait_s(run) == 0.0
    if has_ended:
        budget.remove(run)
    budget.looked(run, age_s=age_s, has_ended=has_ended)


def _knowing(expected_s: float, left: int = 50) -> LookUpBudget:
    """A budget of 40 jobs in a workspace where it is known how long runs take."""
    shared = WorkspaceLookUps()
    shared.expected_s["d"] = expected_s
    budget = LookUpBudget(lambda: left, most=200, shared=shared)
    budget.begin(40, "d")
    return budget


def test_at_first_one_look_up_a_step_is_made_for_all_runs() -> None:
    """The end that one of them finds tells when the others are due; each that had ended by then lets one more out."""
    watched: list[object] = []
    budget = LookUpBudget(lambda: 50, most=200, watch=lambda run, first_s: watched.append(run))
    budget.begin(40, "d")
    first, second, third = runs = [OneRun(), OneRun(), OneRun()]
    assert [budget.add(run) for run in runs] == [polling.FIRST_S] * 3
    _looked(budget, first, 1.0, has_ended=False)
    second.age_s = third.age_s = 1.0
    assert budget.wait_s(second) == pytest.approx(0.6)
    _looked(budget, second, 1.6, has_ended=True)
    assert budget.expected_s == 1.6
    assert set(watched) == {first, third}
    third.age_s = 1.5
    assert budget.wait_s(third) == pytest.approx(0.1)
    assert budget.most_out == FIRST_RUNS
    _looked(budget, third, 1.6, has_ended=True)
    assert (budget.expected_s, budget.most_out) == (pytest.approx(1.6 * 0.98), FIRST_RUNS + 1)


def test_a_look_up_that_comes_too_early_makes_the_others_later() -> None:
    """One that comes late, or fails, does not, in no batch of the workspace."""
    budget = _knowing(2.0)
    early, late, failing = runs = [OneRun(), OneRun(), OneRun()]
    assert [budget.add(run) for run in runs] == [2.0] * 3
    for _ in range(6):
        _looked(budget, failing, 60.0, has_ended=None)
    assert budget.expected_s == 2.0
    _looked(budget, late, 60.0, has_ended=True)
    assert budget.expected_s == pytest.approx(1.96)
    _looked(budget, early, 2.0, has_ended=False)
    assert budget.expected_s == 2.5
    assert budget.wait_s(early) == pytest.approx(1.6 * 2.0 - 2.0)
    following = LookUpBudget(lambda: 50, most=200, shared=budget._shared)
    following.begin(40, "d")
    assert following.add(OneRun()) == 2.5


def test_look_ups_of_a_plentiful_cap_say_not_that_runs_end_earlier() -> None:
    """They are made as soon as ever, so that each finds its run ended: a batch with little left looked up too early."""
    shared = WorkspaceLookUps()
    plentiful = LookUpBudget(lambda: 100_000, most=200, shared=shared)
    plentiful.begin(300, "d")
    for _ in range(300):
        run = OneRun()
        plentiful.add(run)
        _looked(plentiful, run, polling.FIRST_S, has_ended=True)
    assert shared.expected_s["d"] == polling.FIRST_S


def test_the_first_end_that_is_found_late_is_expected_at_the_step_that_was_due() -> None:
    """How long look-ups failed, or waited for their turn, is no part of the time that others take."""
    budget = LookUpBudget(lambda: 50, most=200, watch=lambda run, first_s: None)
    budget.begin(40, "d")
    run = OneRun()
    budget.add(run)
    _looked(budget, run, 60.0, has_ended=True)
    assert budget.expected_s == pytest.approx(1.6 * polling.FIRST_S)


@pytest.mark.parametrize("expected_s", [None, 2.0])
@pytest.mark.parametrize("why", ["it has paused", "an earlier kernel has submitted it"])
def test_a_run_that_somebody_kept_waiting_says_nothing_of_others(expected_s: float | None, why: str) -> None:
    """And it keeps no other one from beginning."""
    budget = LookUpBudget(lambda: 50, most=200) if expected_s is None else _knowing(expected_s)
    budget.begin(40, "d")
    run = OneRun()
    if why == "it has paused":
        run.status = "awaiting_approval"
    else:
        budget.leave_out(run)
    budget.add(run)
    _looked(budget, run, 100.0, has_ended=False)
    assert (budget.expected_s, budget.most_out) == (expected_s, FIRST_RUNS + 1)
    run.status = "completed"
    _looked(budget, run, 3600.0, has_ended=True)
    assert (budget.expected_s, budget.most_out) == (expected_s, FIRST_RUNS)
    other = OneRun(age_s=2.0)
    budget.add(other)
    assert budget.wait_s(other) == 0.0


def test_the_last_look_up_of_a_run_is_made_when_it_has_surely_ended() -> None:
    """Where the cap leaves no request that no run holds, of whatever batch of the workspace."""
    left = 4
    shared = WorkspaceLookUps()
    shared.expected_s["d"] = 2.0
    budget, beside = (LookUpBudget(lambda: left, most=200, shared=shared) for _ in range(2))
    budget.begin(40, "d")
    runs = [OneRun(age_s=2.0), OneRun(age_s=2.0)]
    for number, run in enumerate(runs):
        budget.add(run)
        budget.hold(str(number))
    assert beside.hold("0") == 3
    assert budget.wait_s(runs[0]) == 0.0
    left = 3
    assert budget.wait_s(runs[1]) == 2.0
    budget.free("0")
    budget.remove(runs[0])
    assert budget.wait_s(runs[1]) == 0.0
    beside.end()
    assert budget.held == 1


def test_no_look_up_is_delayed_and_all_runs_may_be_out_where_the_cap_is_plenty() -> None:
    """And where it does not count look-ups; of an iterator nobody knows."""
    found = []
    for left, planned in ((400, 40), (399, 40), (None, 40), (400, 0)):
        budget = _knowing(30.0, left)  # type: ignore[arg-type]
        budget.begin(planned, "d")
        run = OneRun(age_s=1.0)
        found.append((budget.most_out, budget.add(run), budget.wait_s(run)))
    plenty, scarce = (200, polling.FIRST_S, 0.0), (FIRST_RUNS, 29.0, 29.0)
    assert found == [plenty, scarce, plenty, scarce]


def test_what_the_batches_of_a_workspace_need_together_is_plenty_or_not() -> None:
    """Until one of them ends."""
    shared = WorkspaceLookUps()
    first, second = (LookUpBudget(lambda: 400, most=200, shared=shared) for _ in range(2))
    for budget, key in ((first, "a"), (second, "b")):
        budget.begin(21, "d")
        budget.hold(key)
    assert second.most_out == FIRST_RUNS
    first.end()
    assert second.most_out == 200


def test_batches_on_other_loops_begin_and_end_while_one_counts() -> None:
    """Each loop has a thread of its own; what the others hold is read while they come and go."""
    shared = WorkspaceLookUps()
    budgets = [LookUpBudget(lambda: 50, most=200, shared=shared) for _ in range(400)]

    def come_and_go() -> None:
        for _ in range(20):
            for budget in budgets[1:]:
                budget.hold("k")
            for budget in budgets[1:]:
                budget.end()

    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(come_and_go)
        held = {budgets[0].held for _ in iter(others.done, True)}
        others.result()
    assert held <= set(range(400))
    assert budgets[0].held == 0


@pytest.mark.parametrize(("left", "delayed"), [(49, True), (50, False), (None, False)])
def test_single_runs_share_a_budget_which_expects_a_few_more(left: int | None, delayed: bool) -> None:
    """Those of one deployment: what one of them shows is for the others, and nothing is held once none is out."""
    shared = WorkspaceLookUps()
    first, second, other = OneRun(), OneRun(), OneRun()
    budget = shared.of_single_runs("d", lambda: left)
    budget.add(first)
    assert (budget.saves, budget.wait_s(first)) == (delayed, 0.0)
    budget.looked(first, age_s=first.age_s, has_ended=False)
    first.age_s = 10.0
    assert budget.wait_s(first) == 0.0
    budget.looked(first, age_s=first.age_s, has_ended=False)
    assert shared.of_single_runs("d", lambda: 30) is budget
    budget.add(second)
    assert budget.wait_s(second) == pytest.approx(16.0)
    elsewhere = shared.of_single_runs("e", lambda: 30)
    elsewhere.add(other)
    assert (elsewhere.wait_s(other), elsewhere.held) == (0.0, 3)
    batch = LookUpBudget(lambda: 400, most=200, shared=shared)
    batch.begin(35, "d")
    assert batch.hold("0") == 4
    assert batch.most_out == FIRST_RUNS
    for one, of in ((first, budget), (second, budget), (other, elsewhere)):
        of.remove(one)
    assert (batch.held, batch.most_out) == (1, 200)


def test_the_age_of_runs_says_how_many_look_ups_are_usual_until_one_has_ended() -> None:
    """A cap that pays for those of runs of a minute does not for those of runs that are ten minutes old.

    How old a run was that nobody waited for to the end delays no later one.
    """
    shared = WorkspaceLookUps()
    budget = shared.of_single_runs("d", lambda: 100)
    run = OneRun()
    budget.add(run)
    _looked(budget, run, 60.0, has_ended=False)
    assert not budget.saves
    _looked(budget, run, 600.0, has_ended=False)
    assert budget.saves
    budget.remove(run)
    following = OneRun(age_s=1.0)
    budget.add(following)
    assert (budget.saves, budget.wait_s(following)) == (False, 0.0)
