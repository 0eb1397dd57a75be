"""Leases of a round over all workers, and what a worker tells of a refusal: values, no cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from fh_notebook.contract.retry import RetryAction, RetryDecision
from fh_notebook.scaling.cluster.limits import leases_of, lower_leases
from fh_notebook.scaling.worker.limiter import LocalBudget, SharedLimiter
from fh_notebook.session.limiter import ConcurrencyLimiter


@pytest.mark.parametrize("admits", [1, 2, 3, 5, 20, 60])
def test_after_a_few_rounds_the_leases_are_what_the_service_admits(admits: int) -> None:
    """From ten times as many: at least two thirds of them, never more than before, and never none."""
    leases, rounds = 10 * admits, 0
    while leases > admits:
        assert 1 <= lower_leases(leases) < leases
        leases, rounds = lower_leases(leases), rounds + 1
    assert rounds <= 9
    assert 2 / 3 * admits <= leases <= admits


def test_what_a_round_was_refused_lowers_the_next_one_and_calls_of_this_process() -> None:
    """By the workspace's limiter: a lower number is taken over, a higher one is not."""
    limiter = ConcurrencyLimiter()
    assert leases_of(10, limiter.learned) == 10
    for taught, learned in ((7, 7), (5, 5), (6, 5)):
        limiter.taught(taught)
        assert limiter.learned == limiter.limit == learned
        assert leases_of(10, limiter.learned) == learned
    assert leases_of(2, limiter.learned) == 2


def test_a_worker_tells_of_each_call_that_was_refused_for_concurrency() -> None:
    """And of no other refusal, and of no answer."""
    asyncio.run(_told())


async def _told() -> None:
    told: list[int] = []
    limiter = SharedLimiter(
        ConcurrencyLimiter(9),
        LocalBudget(),
        lambda _: None,
        stopped=lambda: False,
        shares=True,
        over_cap=lambda: told.append(1),
    )
    for action, reason, count in (
        (RetryAction.DONE, "", 0), (RetryAction.THROTTLED, "provider", 0), (RetryAction.THROTTLED, "concurrency", 1),
        (RetryAction.FAILED, "concurrency", 2),
    ):  # fmt: skip
        async with limiter.slot():
            with limiter.call() as call:
                pass
            limiter.record_answer(RetryDecision(action=action, reason=reason, wait_s=0.1), call=call)
        assert len(told) == count


class _Places(LocalBudget):
    """Counts the places that are given back."""

    given = 0

    def give_place(self) -> None:
        self.given += 1


def test_a_worker_that_was_stopped_keeps_its_places() -> None:
    """What it had out may still run at the service: another worker, which has not heard yet, must
    not take the place.
    """
    asyncio.run(_stopped())


async def _stopped() -> None:
    budget, stops = _Places(), [False, True]
    limiter = SharedLimiter(ConcurrencyLimiter(9), budget, lambda _: None, stopped=lambda: stops[0], shares=True)
    async with limiter.slot():
        pass
    assert budget.given == 1
    async with limiter.slot():
        stops.reverse()
    assert budget.given == 1


def test_the_place_of_a_refused_call_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the notebook may have heard of it, since the next call would be refused, too; that of another call does not."""
    asyncio.run(_rested(monkeypatch))


async def _rested(monkeypatch: pytest.MonkeyPatch) -> None:
    due: list[Callable[[], None]] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", lambda _, then: due.append(then))
    budget = _Places()
    limiter = SharedLimiter(ConcurrencyLimiter(9), budget, lambda _: None, stopped=lambda: False, shares=True)
    async with limiter.slot():
        limiter.record_answer(RetryDecision(action=RetryAction.THROTTLED, reason="concurrency", wait_s=0.1))
    assert (budget.given, len(due)) == (0, 1)
    async with limiter.slot():
        limiter.record_answer(RetryDecision(action=RetryAction.DONE))
    assert (budget.given, len(due)) == (1, 1)
    due[0]()
    assert budget.given == 2
