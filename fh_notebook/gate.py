"""The gate of a workspace: how many calls are out at once, and whether any may go out at all.

Rule of this file: one gate a workspace and process. Forms, cells and batches all go through it, so that a click during
a batch neither gets a 429 nor starves: who waits longest goes first. It waits by the policy of `contract.pacing` and
hears every decision of `contract.retry`. It may be used from any thread and any event loop.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from weakref import WeakSet

from fh_notebook import settings
from fh_notebook.contract.pacing import Pace
from fh_notebook.contract.retry import Decision, Verdict, next_reset
from fh_notebook.errors import LimitReached, SettingsError

__all__ = ["Gate"]

_gates: WeakSet[Gate] = WeakSet()


def _after_fork() -> None:
    """In a child nothing of the parent's is in flight, and who waited is not there; what was learned stays."""
    for gate in list(_gates):
        gate._lock = threading.Lock()
        gate._waiting = deque()
        gate.in_flight = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Waiter:
    """One call that waits, on the loop that it waits in."""

    __slots__ = ("future", "granted", "group", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()
        self.granted = False
        self.group: object = None

    def wake(self) -> bool:
        """Tell the waiter, in its own loop, that the slot is its; ``False`` when that loop is gone."""
        try:
            self.loop.call_soon_threadsafe(self._set)
        except RuntimeError:
            return False
        return True

    def _set(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class Gate:
    """Admits calls: at most :attr:`limit` at once, none while the daily cap is used up.

    Parameters
    ----------
    max_concurrency : int, optional
        Exactly this many at once; without it the limit adapts to what the service admits.
    now : callable, optional
        The time in UTC.

    Raises
    ------
    SettingsError
        `max_concurrency` is less than 1.
    """

    def __init__(self, max_concurrency: int | None = None, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Waiter] = deque()
        self._now = now
        self._pace = Pace.adaptive()
        self.fixed_at: int | None = None
        """The number that `fix` was given; ``None`` while the limit adapts, or is what ``configure`` says."""
        self.in_flight = 0
        self.refused = 0
        """Calls that were answered 429 for concurrency."""
        self.closed_until: datetime | None = None
        """Set by the daily cap's 429: the next midnight in UTC."""
        if max_concurrency is not None:
            self.fix(max_concurrency)
        _gates.add(self)

    @property
    def limit(self) -> int:
        """The calls that may be out at once now."""
        return self._held_at or self._pace.limit

    @property
    def _held_at(self) -> int | None:
        """The number that somebody chose: of a client or batch, else of ``configure``, as it is now."""
        return self.fixed_at or settings.current().max_concurrency

    def fix(self, max_concurrency: int | None) -> None:
        """Hold the limit at `max_concurrency`; ``None`` lets it adapt, from what it has learned before it was fixed."""
        whole = isinstance(max_concurrency, int) and not isinstance(max_concurrency, bool)
        if max_concurrency is not None and (not whole or max_concurrency < 1):
            raise SettingsError(f"max_concurrency is {max_concurrency!r}; give a whole number from 1, or None to adapt")
        with self._lock:
            self.fixed_at = max_concurrency
            self._grant()

    def reopen(self) -> None:
        """Forget that the daily cap was used up, for example after a change of plan."""
        with self._lock:
            self.closed_until = None

    @asynccontextmanager
    async def slot(self, group: object = None) -> AsyncIterator[None]:
        """Hold one slot: wait for it, and give it back at the end.

        Raises
        ------
        LimitReached
            The daily cap is used up; no call was made.
        """
        await self._enter(group)
        try:
            yield
        finally:
            self._leave()

    def wants_back(self, group: object) -> bool:
        """Whether a slot must be given back before its next job: the limit fell, or others wait."""
        with self._lock:
            if self.in_flight > self.limit or self.closed_until is not None:
                return True
            return any(w.group is not group or group is None for w in self._waiting)

    def hear(self, decision: Decision) -> None:
        """Learn from one answer. Call it while the slot is still held, so that the refused call counts itself."""
        with self._lock:
            if decision.verdict is Verdict.THROTTLED or (
                decision.verdict is Verdict.FAILED and decision.reason in ("concurrency", "provider")
            ):
                self.refused += 1
                if decision.reason == "concurrency" and self._held_at is None:
                    self._pace = self._pace.refused(in_flight=self.in_flight)
            elif decision.verdict is Verdict.STOP and decision.reason == "daily_cap":
                self.closed_until = next_reset(self._now())
            elif decision.verdict in (Verdict.DONE, Verdict.FAILED) and self._held_at is None:
                # A 5xx or a broken connection says nothing of the cap: it neither cuts the limit nor raises it.
                self._pace = self._pace.answered(in_flight=self.in_flight)
                self._grant()

    async def _enter(self, group: object) -> None:
        with self._lock:
            self._check_open()
            if self.in_flight < self.limit and not self._waiting:
                self.in_flight += 1
                return
            waiter = _Waiter()
            waiter.group = group
            self._waiting.append(waiter)
            self._grant()
        try:
            await waiter.future
        except BaseException:  # cancelled: a slot that was granted meanwhile goes to the next
            with self._lock:
                if waiter.granted:
                    self.in_flight -= 1
                    self._grant()
                else:
                    self._waiting.remove(waiter)
            raise
        try:
            with self._lock:
                self._check_open()
        except LimitReached:
            self._leave()
            raise

    def _leave(self) -> None:
        with self._lock:
            self.in_flight -= 1
            self._grant()

    def _grant(self) -> None:
        """Give free slots to those who wait longest. The lock is held."""
        while self._waiting and self.in_flight < self.limit:
            waiter = self._waiting.popleft()
            waiter.granted = True
            if waiter.wake():
                self.in_flight += 1

    def _check_open(self) -> None:
        """Raise while the daily cap is known to be used up. The lock is held."""
        if self.closed_until is None:
            return
        now = self._now()
        if now >= self.closed_until:
            self.closed_until = None
            return
        minutes = max(1, round((self.closed_until - now).total_seconds() / 60))
        when = f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
        raise LimitReached(
            f"the daily cap of calls is used up; it is renewed at 00:00 UTC, in {when}. No call was made "
            "(if your plan has changed: client.gate.reopen())",
            status_code=429,
            error_code="api_rate_limit_exceeded",
        )

    def __repr__(self) -> str:
        closed = f", closed until {self.closed_until:%Y-%m-%d %H:%M} UTC" if self.closed_until else ""
        return f"Gate({self.in_flight} of {self.limit} in flight, {self.refused} refused{closed})"
