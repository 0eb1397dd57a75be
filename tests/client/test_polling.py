"""The one poller, in virtual time: how often it asks, and that it is gentle whatever the number of runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any, TypeVar

import pytest

from fh_notebook.client.polling import (
    AT_ONCE,
    EVERY_S,
    FEW,
    FIRST_BESIDE_RECEIVER_S,
    FIRST_S,
    LONGEST_PAUSED_S,
    LONGEST_S,
    SPREAD,
    Poller,
)
from tests import virtual_time

T = TypeVar("T")


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run `work`, and let what it left behind end: a poller that has nothing to do any more ends by itself."""

    async def to_the_end() -> T:
        done = await work
        await asyncio.sleep(2 * LONGEST_S)
        return done

    return virtual_time.run_virtually(to_the_end())[0]


class Run:
    """A run that is asked for, until it says that it is enough."""

    longest_s = LONGEST_S

    def __init__(
        self,
        answer: Callable[[int], float | None] = lambda looks: 0.0,
        takes_s: float = 0.0,
        service: str = "a service",
    ) -> None:
        self.service = service
        self.at: list[float] = []
        self.out = 0
        self._answer = answer
        self._takes_s = takes_s

    async def look(self) -> float | None:
        self.at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self._takes_s)
        return self._answer(len(self.at))


def _gaps(times: list[float]) -> list[float]:
    return [b - a for a, b in zip([0.0, *times], times, strict=False)]


def test_a_run_is_asked_for_after_a_second_and_then_ever_more_seldom() -> None:
    """1 s, growing to 30 s; without chance in it."""

    async def watch() -> list[float]:
        poller, run = Poller(jitter=lambda: 0.5), Run()
        begun = asyncio.get_running_loop().time()
        poller.watch(run)
        await asyncio.sleep(300)
        poller.forget(run)
        return [at - begun for at in run.at]

    gaps = _gaps(run_virtually(watch()))
    assert round(gaps[0], 6) == 1.0
    assert all(b >= a - 1e-6 for a, b in pairwise(gaps))
    assert round(gaps[-1], 6) == LONGEST_S
    assert len(gaps) < 20


def test_a_run_that_is_looked_up_at_once_is_asked_for_more_seldom_afterwards() -> None:
    """Each interval follows from the one before, and this one is 0."""

    async def watch() -> int:
        poller, run = Poller(jitter=lambda: 0.5), Run()
        poller.watch(run, first_s=0.0)
        await asyncio.sleep(300)
        poller.forget(run)
        return len(run.at)

    assert run_virtually(watch()) < 20


@pytest.mark.parametrize(("others", "first_s"), [(0, FIRST_S), (FEW - 1, FIRST_S), (FEW, FIRST_BESIDE_RECEIVER_S)])
def test_of_a_few_runs_beside_a_receiver_one_that_may_pause_is_asked_for_soon(others: int, first_s: float) -> None:
    """A person has an eye on a few; of a batch's many, a callback that was lost can wait."""

    async def watch() -> float:
        poller, run = Poller(jitter=lambda: 0.5), Run(lambda looks: None)
        begun = asyncio.get_running_loop().time()
        for waited_for in [Run(lambda looks: None) for _ in range(others)]:
            poller.watch(waited_for, first_s=100)
        poller.watch(run, first_s=FIRST_BESIDE_RECEIVER_S, soon=True)
        await asyncio.sleep(200)
        return run.at[0] - begun

    assert round(run_virtually(watch()), 6) == first_s


@pytest.mark.parametrize(("soon", "first_s"), [(False, 10.0), (True, 1 - SPREAD)])
def test_beside_a_receiver_chance_makes_no_look_up_earlier(soon: bool, first_s: float) -> None:
    """A plan counts none of a run that ends before; one that is made soon is spread as any other."""

    async def watch() -> float:
        poller, run = Poller(jitter=lambda: 0.0), Run(lambda looks: None)
        begun = asyncio.get_running_loop().time()
        poller.watch(run, first_s=10.0, earliest_s=10.0, soon=soon)
        await asyncio.sleep(20)
        return run.at[0] - begun

    assert round(run_virtually(watch()), 6) == first_s


def test_a_run_that_waits_for_a_person_is_asked_for_more_and_more_seldom() -> None:
    """Up to an hour, and as often as any other from when it goes on."""

    async def watch() -> list[float]:
        poller, run = Poller(jitter=lambda: 0.5), Run()
        run.longest_s = LONGEST_PAUSED_S
        begun = asyncio.get_running_loop().time()
        poller.watch(run)
        await asyncio.sleep(86_400)
        run.longest_s = LONGEST_S
        await asyncio.sleep(2 * LONGEST_PAUSED_S)
        poller.forget(run)
        return [at - begun for at in run.at if at - begun < 86_400] + [run.at[-1] - run.at[-2]]

    *times, last = run_virtually(watch())
    assert round(times[-1] - times[-2]) == LONGEST_PAUSED_S
    assert len(times) < 24 + 20
    assert round(last) == LONGEST_S


def test_chance_spreads_the_waits() -> None:
    """Within a quarter, on both sides."""

    async def watch(jitter: float) -> float:
        poller, run = Poller(jitter=lambda: jitter), Run(lambda looks: None)
        begun = asyncio.get_running_loop().time()
        poller.watch(run)
        await asyncio.sleep(10)
        return run.at[0] - begun

    assert round(run_virtually(watch(0.0)), 6) == 1 - SPREAD
    assert round(run_virtually(watch(1.0)), 6) == 1 + SPREAD


def test_a_run_that_has_ended_or_was_forgotten_is_asked_for_no_more() -> None:
    """And the poller's own task ends with the last of them."""

    async def watch() -> tuple[int, int, bool, int]:
        poller = Poller()
        ends, forgotten = Run(lambda looks: None if looks == 2 else 0.0), Run()
        poller.watch(ends)
        poller.watch(forgotten)
        await asyncio.sleep(2)
        poller.forget(forgotten)
        before = len(forgotten.at)
        await asyncio.sleep(500)
        assert poller._task is not None
        return len(ends.at), len(forgotten.at) - before, poller._task.done(), len(poller)

    assert run_virtually(watch()) == (2, 0, True, 0)


def test_a_thousand_runs_are_asked_for_no_faster_than_the_limit() -> None:
    """Ten look-ups a second, all together, and few at once."""

    async def watch() -> tuple[int, int]:
        poller, most = Poller(), 0
        runs = [Run(takes_s=0.3) for _ in range(1_000)]
        for run in runs:
            poller.watch(run)
        for _ in range(100):
            await asyncio.sleep(0.25)
            most = max(most, len(poller._looking))
        asked = sum(len(run.at) for run in runs)
        for run in runs:
            poller.forget(run)
        return asked, most

    asked, most = run_virtually(watch())
    assert asked <= 25 / EVERY_S
    assert asked >= 0.9 * 24 / EVERY_S
    assert most <= AT_ONCE


def test_a_pause_holds_for_all_runs_of_the_service() -> None:
    """A refused look-up stops the others, too; runs of another service are looked up all the same."""

    async def watch() -> list[list[float]]:
        poller, one = Poller(jitter=lambda: 0.5), Run(lambda looks: 60.0 if looks == 1 else None)
        same, elsewhere = Run(), Run(service="another service")
        begun = asyncio.get_running_loop().time()
        poller.watch(one)
        await asyncio.sleep(0.5)
        poller.watch(same)
        poller.watch(elsewhere)
        await asyncio.sleep(62)
        poller.forget(same)
        poller.forget(elsewhere)
        return [[at - begun for at in run.at] for run in (same, elsewhere)]

    same_at, elsewhere_at = run_virtually(watch())
    assert 61.0 <= min(same_at) <= 62.0
    assert min(elsewhere_at) == pytest.approx(1.5, abs=0.2)


def test_a_look_up_that_breaks_ends_nothing() -> None:
    """A defect in one is logged, and all are asked for again."""

    async def watch() -> int:
        def broken(looks: int) -> float | None:
            if looks == 1:
                raise ValueError("a defect")
            return None

        poller, run = Poller(), Run(broken)
        poller.watch(run)
        await asyncio.sleep(20)
        return len(run.at)

    assert run_virtually(watch()) == 2
