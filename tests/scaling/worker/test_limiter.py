"""Places of one budget, passed from worker to worker: two limiters and their slots, by a clock of the test."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from fh_notebook.scaling.worker import limiter as shared_limiter
from fh_notebook.scaling.worker.limiter import LocalBudget, SharedLimiter
from fh_notebook.session.limiter import ConcurrencyLimiter

PLACES = 16


class _Budget(LocalBudget):
    """Places of two processes, given to whoever has waited longest."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        super().__init__()
        self._places = places

    async def take_place(self) -> None:
        await self._places.acquire()

    def give_place(self) -> None:
        self._places.release()


class _Worker:
    """Has more work than places: one slot after another is waited for, and each has its next call at once."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self.limiter = SharedLimiter(
            ConcurrencyLimiter(1_000), _Budget(places), lambda _: None, stopped=lambda: False, shares=True
        )  # fmt: skip
        self.held: list[AsyncExitStack] = []
        self.waits = asyncio.create_task(self._dispatch())

    async def _dispatch(self) -> None:
        while True:
            async with AsyncExitStack() as slot:
                await slot.enter_async_context(self.limiter.slot())
                self.held.append(slot.pop_all())

    async def call_ended(self) -> None:
        """Of each slot a call has ended."""
        for slot in list(self.held):
            if self.limiter.wants_back(None):
                self.held.remove(slot)
                await slot.aclose()

    async def end(self) -> None:
        self.waits.cancel()
        for slot in self.held:
            await slot.aclose()


def test_a_worker_that_comes_later_gets_its_share_of_the_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a few seconds, though the first one had all, and wants more; and it keeps it."""
    asyncio.run(_shared(monkeypatch))


async def _shared(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(shared_limiter, "clock", lambda: now)
    places = asyncio.Semaphore(PLACES)
    first = _Worker(places)
    await _settle()
    assert len(first.held) == PLACES
    second = _Worker(places)
    shares = []
    for _ in range(600):  # 30 s in steps of 50 ms, as long as a call
        now += 0.05
        for worker in (first, second):
            await worker.call_ended()
        await _settle()
        assert len(first.held) + len(second.held) == PLACES  # none lies idle
        shares.append(len(second.held))
    assert shares[199] >= PLACES // 4
    assert all(PLACES // 4 <= share <= 3 * PLACES // 4 for share in shares[300:])
    for worker in (first, second):
        await worker.end()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
