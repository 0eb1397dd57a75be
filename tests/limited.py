"""A service that admits so many calls at once, and a batch of jobs through a limiter, both in virtual time."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import count

from fh_notebook.contract.response import Response
from fh_notebook.contract.retry import RetryDecision, decide
from fh_notebook.session.limiter import ConcurrencyLimiter
from tests.virtual_time import run_virtually

OVER_THE_CAP = b'{"error": "You have reached your concurrency limit", "error_code": "concurrency_limit_reached"}'


@dataclass
class Service:
    """Answers after some `call_s`, give or take `spread`, and refuses at once what is over the cap."""

    admits: Callable[[int], int]
    """How many at once, after so many calls were answered."""
    rng: random.Random
    call_s: float = 0.2
    spread: float = 0.1
    """A call takes up to this part more or less."""
    way_s: float = 0.001
    """One way over the network."""
    frees_late_s: float = 0.0
    """A place is free so long after the answer was sent."""
    retry_after: str | None = None
    running: int = 0
    answered: int = 0
    refused: int = 0

    async def call(self) -> Response:
        await asyncio.sleep(self.way_s)
        if self.running >= self.admits(self.answered):
            self.refused += 1
            await asyncio.sleep(self.way_s)
            headers = {} if self.retry_after is None else {"retry-after": self.retry_after}
            return Response(status_code=429, body=OVER_THE_CAP, headers=headers)
        self.running += 1
        await asyncio.sleep(self.call_s * (1 + self.spread * self.rng.uniform(-1, 1)))
        self.answered += 1
        if self.frees_late_s:
            asyncio.get_running_loop().call_later(self.frees_late_s, self._free)
        else:
            self._free()
        await asyncio.sleep(self.way_s)
        return Response(status_code=200, body=b'{"run_status": "completed", "output": "x"}')

    def _free(self) -> None:
        self.running -= 1


@dataclass(eq=False)
class Jobs:
    """So many jobs through a limiter, as the engine does it: a slot goes on from job to job, a refused job waits in a
    heap.
    """

    limiter: ConcurrencyLimiter
    service: Service
    jobs: int
    commit_s: float = 0.0
    """How long a slot is held after the answer."""
    done: int = 0
    _new: int = 0
    _later: list[tuple[float, int, int]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        self._new = self.jobs
        async with asyncio.TaskGroup() as workers:
            while self.done < self.jobs:
                if self._due():
                    await self._start(workers)
                else:
                    await self._wait()

    async def _start(self, workers: asyncio.TaskGroup) -> None:
        slot = self.limiter.slot(self)
        await slot.__aenter__()
        workers.create_task(self._work(slot))
        await asyncio.sleep(0)

    async def _wait(self) -> None:
        self._changed.clear()
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._later[0][0] - now if self._later else None):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _work(self, slot: AbstractAsyncContextManager[None]) -> None:
        try:
            while await self.limiter.wait_to_send() and (refusals := self._take()) is not None:
                await self._one(refusals)
                if self.limiter.wants_back(self):
                    break
        finally:
            await slot.__aexit__(None, None, None)
            self._changed.set()

    async def _one(self, refusals: int) -> None:
        with self.limiter.call() as call:
            answer = await self.service.call()
        decision = self._decide(answer, refusals + 1)
        self.limiter.record_answer(decision, call=call, left=self.jobs - self.done)
        if self.commit_s:
            await asyncio.sleep(self.commit_s)
        if decision.again:
            due = asyncio.get_running_loop().time() + decision.wait_s
            heapq.heappush(self._later, (due, next(self._numbers), refusals + 1))
        else:
            self.done += 1
        self._changed.set()

    def _decide(self, answer: Response, attempt: int) -> RetryDecision:
        jitter = self.service.rng.random()
        return decide(answer, attempt=attempt, jitter=jitter, typical_s=self.limiter.typical_s)

    def _due(self) -> bool:
        return self._new > 0 or bool(self._later and self._later[0][0] <= asyncio.get_running_loop().time())

    def _take(self) -> int | None:
        if self._later and self._later[0][0] <= asyncio.get_running_loop().time():
            return heapq.heappop(self._later)[2]
        if self._new:
            self._new -= 1
            return 0
        return None


@dataclass(frozen=True)
class Outcome:
    refused: int
    seconds: float
    limit: int


def run_limited(
    service: Service, jobs: int, limiter: ConcurrencyLimiter | None = None, *, commit_s: float = 0.0
) -> Outcome:
    """Run so many jobs to their end."""
    limiter = limiter or ConcurrencyLimiter()
    _, seconds = run_virtually(Jobs(limiter, service, jobs, commit_s).run())
    assert limiter.in_flight == limiter.out == 0
    assert limiter.refused == service.refused
    return Outcome(service.refused, seconds, limiter.limit)
