"""Concurrency limiter of a workspace, and a limiter with an upper limit.

One limiter per workspace and process: forms, cells and batches all go through it, so that a click during a batch
neither gets a 429 nor starves. The longest waiter goes first. A holder that makes one call after another in the same
slot asks after each call whether it must give the slot back (`wants_back`). The policy is `AdaptiveLimit`; the limiter
receives every decision of `contract.retry`. It may be used from any thread and any event loop.

    async with limiter.slot(group):                # waits
        while await limiter.wait_to_send():                # not too many at one moment
            job = next_job()
            with limiter.call() as call:           # what is out, and since when
                answer = await attempt(job)
            limiter.record_answer(decide(answer, typical_s=limiter.typical_s), call=call, left=jobs_left)
            if limiter.wants_back(group):          # somebody else waits, or the limit was cut
                break

Rules of this file:

1. A number that a caller gives is a ceiling and never fixes the limit, so it needs no reset. The engine of a batch
   holds the ceiling of that batch, a `BoundedLimiter` that of a client; both only `ask` the limiter to begin there.
2. A ceiling is held where the calls enter, and never set on the workspace's limiter. So it ends with its holder, in
   any order, and applies to nobody else.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from fh_notebook.contract.retry import RetryAction, RetryDecision, next_reset
from fh_notebook.core.adaptive_limit import AdaptiveLimit
from fh_notebook.core.config import settings
from fh_notebook.core.slots import LimitedCall, SendThrottle, Slot, Waiter, WaitQueue, clock
from fh_notebook.core.text.formatting import duration
from fh_notebook.core.values import utc_now
from fh_notebook.errors import LimitReached

UNANSWERED_S: Final = 0.35
"""So long somebody waits for a slot, before the first refusal, until one more call may go out beside those that are not
answered yet. A refusal is heard sooner, so that a call or two are refused, and no more."""

UNBOUNDED: Final = 2**31
"""The limit of a limiter that neither adapts nor has a ceiling."""


_limiters: WeakSet[ConcurrencyLimiter] = WeakSet()


def _after_fork() -> None:
    """Reset the limiters of a child: the parent's calls and waiters are not there; what was learned stays."""
    for limiter in list(_limiters):
        limiter._lock = threading.Lock()
        limiter._waiting = WaitQueue()
        limiter._requested, limiter._requested_total = {}, 0
        limiter.in_flight = limiter.out = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class ConcurrencyLimiter:
    """Admits calls: at most :attr:`limit` at once, none while the daily cap is used up.

    Parameters
    ----------
    max_concurrency : int, optional
        Its ceiling: it begins with this many at once, and never admits more. ``configure`` sets one for all limiters.
    adapts : bool
        Whether it learns from refusals what the service admits; if not, its ceiling is its limit.
    find_admits : callable, optional
        Returns how many calls at once the service is known to admit, ``None`` where that is not known. Called once,
        before the first slot is granted: the limit begins there, and goes on as if nothing were known.
    now : callable, optional
        The time in UTC.

    Raises
    ------
    SettingsError
        `max_concurrency` is less than 1.

    Examples
    --------
    >>> limiter = ConcurrencyLimiter(3)
    >>> async def one_call():
    ...     async with limiter.slot():
    ...         return limiter.in_flight
    >>> asyncio.run(one_call()), limiter
    (1, Limiter(0 of 3 in progress, 0 refused))
    """

    def __init__(
        self,
        max_concurrency: int | None = None,
        *,
        adapts: bool = True,
        find_admits: Callable[[], int | None] | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._lock = threading.Lock()
        self._waiting = WaitQueue()
        self._throttles: WeakKeyDictionary[asyncio.AbstractEventLoop, SendThrottle] = WeakKeyDictionary()
        self._now = now
        self._adaptive = AdaptiveLimit()
        self._adapts = adapts
        self._find_admits = find_admits
        self._requested: dict[Hashable, int] = {}
        self._requested_total = 0  # a number of its own, since the limit is read without the lock
        self.ceiling: int | None = None
        """The number that was given to this limiter, by `fix` too."""
        self.in_flight = 0
        """Slots that are held. A holder may be between two calls: `out` is not more than this."""
        self.out = 0
        """Calls that are out, of those that use `call`."""
        self.refused = 0
        """Calls that were answered 429 for too many at once."""
        self.closed_until: datetime | None = None
        """Set by the daily cap's 429: the next midnight in UTC."""
        if max_concurrency is not None:
            self.fix(max_concurrency)
        _limiters.add(self)

    @property
    def limit(self) -> int:
        """The calls that may be out at once now."""
        return self._limit_for(0)

    @property
    def most(self) -> int | None:
        """The ceiling that holds here, its own or that of ``configure``, whichever is lower; ``None``: none."""
        configured = settings.current().max_concurrency
        if self.ceiling is None or configured is None:
            return self.ceiling or configured
        return min(self.ceiling, configured)

    @property
    def learned(self) -> int | None:
        """How many calls at once the service admits, learned from its refusals; ``None`` before the first."""
        return self._adaptive.admits

    @property
    def adapted(self) -> int:
        """The limit learned from answers, without ceilings and requested numbers."""
        return self._adaptive.limit

    @property
    def shared(self) -> ConcurrencyLimiter:
        """The limiter itself (see `BoundedLimiter.shared`)."""
        return self

    def begins_at(self, number: int) -> int:
        """Return how many calls at once a caller begins with who asks for `number`."""
        return min(number, self._limit_for(number))

    def _limit_for(self, number: int) -> int:
        most = self.most
        if not self._adapts:
            return most or UNBOUNDED
        limit = self._adaptive.begins_at(max(number, self._requested_total, most or 0))
        return limit if most is None else min(limit, most)

    @property
    def typical_s(self) -> float | None:
        """What an admitted call of late took, in seconds; ``None`` before the first. For `contract.retry.decide`."""
        return self._adaptive.typical_s

    def fix(self, max_concurrency: int | None) -> None:
        """Set the ceiling of this limiter; ``None`` removes it.

        It applies at once: waiters get slots up to the new number, unless a refusal has taught a lower one; with a
        lower number slots come back as their calls end.
        """
        if max_concurrency is not None:
            settings.whole(max_concurrency, "max_concurrency")
        with self._lock:
            self.ceiling = max_concurrency
            self._grant()

    def ask(self, holder: Hashable, number: int | None) -> None:
        """Have the limit begin at `number` for the calls of `holder`; ``None`` ends that.

        The holder keeps to the number itself. The numbers of several holders add up, and end in any order. Once a
        refusal has taught what the service admits, the limit begins with no more than that.
        """
        if self._requested.get(holder) == number:
            return
        with self._lock:
            before = self.limit
            if number is None:
                self._requested.pop(holder, None)
            else:
                self._requested[holder] = number
            self._requested_total = sum(self._requested.values())
            if self.limit != before:
                self._grant()

    def taught(self, admits: int) -> None:
        """Take over a limit learned for the same workspace elsewhere, unless a lower one was learned here."""
        with self._lock:
            self._adaptive.taught(admits)

    def reopen(self) -> None:
        """Forget that the daily cap was used up, for example after a change of subscription."""
        with self._lock:
            self.closed_until = None

    def slot(self, group: Hashable = None) -> AbstractAsyncContextManager[None]:
        """Hold one slot: wait for it, and give it back at the end."""
        return Slot(self._enter, self._leave, group)

    async def wait_to_send(self) -> bool:
        """Wait until a call may be sent without too many at one moment; return whether the slot may still be used.

        Where a refusal may come, a few calls are sent and then the loop looks for answers, so that the refusal is read
        in time. The limit may be lower then: on ``False`` give the slot back and send nothing. No call is in flight
        here, so a cancel loses nothing.
        """
        if self._adapts and not self._adaptive.has_admitted(self.in_flight):
            loop = asyncio.get_running_loop()
            if (throttle := self._throttles.get(loop)) is None:
                throttle = self._throttles[loop] = SendThrottle()
            await throttle.take()
        return self.in_flight <= self.limit and self.closed_until is None

    def call(self) -> LimitedCall:
        """Count a call as in flight while the block runs; pass the value to `record_answer`.

        Without it the limit is learned from the slots that are held, and refused calls of one event are counted as
        several.
        """
        return LimitedCall(self._sent, self._returned)

    def wants_back(self, group: Hashable) -> bool:
        """Whether a holder that could go on in its slot must give it back first.

        ``True`` when the limit was cut, the limiter is closed, or somebody of another group waits; those who wait for
        more slots of the holder's own `group` do not count. ``None`` is nobody's own group.
        """
        # Without the lock: an answer that is a call too late or too early does no harm, and this is asked all the time.
        return self.in_flight > self.limit or self.closed_until is not None or self._waiting.has_others(group)

    def record_answer(
        self, decision: RetryDecision, *, call: LimitedCall | None = None, left: int | None = None, queued: bool = False
    ) -> None:
        """Learn from one answer. Call it while the slot is still held, so that the refused call counts itself."""
        with self._lock:
            throttled = decision.action is RetryAction.THROTTLED or (
                decision.action is RetryAction.FAILED and decision.reason in ("concurrency", "provider")
            )
            if throttled:
                self.refused += 1
            if decision.action is RetryAction.STOP and decision.reason == "daily_cap":
                self._close()
            elif queued or (throttled and decision.reason == "concurrency"):
                self._over_the_cap(call, decision.wait_s)
            elif throttled:
                out = min(self.limit, self.in_flight)
                self._adaptive.refused_by_provider(sent_at=call.sent_at if call else None, now=clock(), out=out)
            elif decision.action is RetryAction.DONE:
                self._admitted(call, left)

    def _over_the_cap(self, call: LimitedCall | None, wait_s: float) -> None:
        facts: dict[str, Any] = {"now": clock(), "wait_s": wait_s, "begun_at": self.limit}
        if call is None:
            self._adaptive.refused(out=self.in_flight, **facts)
        else:
            self._adaptive.refused(out=call.out, still_out=self.out, sent_at=call.sent_at, **facts)

    def _admitted(self, call: LimitedCall | None, left: int | None) -> None:
        # Only a run is evidence of the cap. A 5xx, a broken connection and an invalid request are not: an invalid
        # request is refused before it takes a slot.
        if call is not None:
            self._adaptive.timed(call.took_s)
        before = self._adaptive.limit
        self._adaptive.answered(in_flight=self.in_flight, left=left, sent_at=call.sent_at if call else None)
        if self._adaptive.limit > before:
            self._grant()

    def _sent(self) -> int:
        with self._lock:
            self.out += 1
            self._adaptive.sent()
            return self.out

    def _returned(self) -> None:
        with self._lock:
            self.out -= 1

    def _close(self) -> None:
        """Grant no slot until the daily cap is renewed, and wake the waiters. The lock is held."""
        self.closed_until = next_reset(self._now())
        while self._waiting:
            if not (waiter := self._waiting.next()).wake():
                self._waiting.settle(waiter)

    async def _enter(self, group: Hashable = None) -> None:
        find_admits, self._find_admits = self._find_admits, None
        if find_admits is not None and (admits := find_admits()) is not None:
            with self._lock:
                self._adaptive.expect(admits)
        while True:
            with self._lock:
                self._check_open()
                if self.in_flight < self.limit and not self._waiting:
                    self.in_flight += 1
                    return
                waiter = self._waiting.join(group)
                self._grant()
            try:
                await self._granted(waiter)
                with self._lock:
                    self._check_open()
                    self._waiting.settle(waiter)
            except BaseException:  # cancelled, or closed: a slot that was granted meanwhile goes to the next
                with self._lock:
                    self._waiting.settle(waiter)
                    self._give_back(waiter.granted)
                raise
            if waiter.granted:  # if not, the limiter was closed, and reopened before this waiter ran
                return

    async def _granted(self, waiter: Waiter) -> None:
        """Wait for a slot. Before the first refusal, one more is free each time that none was for a while."""
        while self._adapts and self._adaptive.admits is None:
            await asyncio.wait([waiter.future], timeout=UNANSWERED_S)
            if waiter.future.done():
                break
            with self._lock:
                if self._waiting.is_next(waiter) and self.out >= self.limit:
                    self._adaptive.unanswered()
                    self._grant()
        await waiter.future

    def _leave(self) -> None:
        with self._lock:
            self._give_back(1)

    def _give_back(self, slots: int) -> None:
        self.in_flight -= slots
        self._grant()

    def _grant(self) -> None:
        """Grant free slots to the longest waiters. The lock is held."""
        while self._waiting and self.in_flight < self.limit:
            waiter = self._waiting.next()
            if waiter.wake():
                waiter.granted = True
                self.in_flight += 1
            else:
                self._waiting.settle(waiter)

    def _check_open(self) -> None:
        """Raise while the daily cap is known to be used up. The lock is held."""
        if self.closed_until is None:
            return
        now = self._now()
        if now >= self.closed_until:
            self.closed_until = None
            return
        when = duration((self.closed_until - now).total_seconds())
        raise LimitReached(
            f"the daily cap of calls is used up; it is renewed at 00:00 UTC, in {when}. No call was made "
            "(if your subscription has changed: client.limiter.reopen())",
            status_code=429,
            error_code="api_rate_limit_exceeded",
        )

    def __repr__(self) -> str:
        closed = f", closed until {self.closed_until:%Y-%m-%d %H:%M} UTC" if self.closed_until else ""
        return f"Limiter({self.in_flight} of {self.limit} in progress, {self.refused} refused{closed})"


_bounded_limiters: WeakSet[BoundedLimiter] = WeakSet()


def _reset_bounded_after_fork() -> None:
    """Reset the limiters of a child: none of the parent's calls is in flight there."""
    for limiter in list(_bounded_limiters):
        limiter._lock, limiter._calls = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_bounded_after_fork)


class BoundedLimiter:
    """A limiter within a ceiling: that of a client, of ``configure``, or of a batch whose partitions run on threads.

    The ceiling counts the calls that go through here. A call that waits for it does not wait at the limiter behind it,
    and takes no slot there from others. While calls are out here, it asks that limiter to begin with as many as the
    ceiling.

    Parameters
    ----------
    inner : ConcurrencyLimiter or BoundedLimiter
        The limiter behind the ceiling.
    ceiling : ConcurrencyLimiter
        One that does not adapt; several bounded limiters may share it.

    Examples
    --------
    >>> workspace = ConcurrencyLimiter()
    >>> five = BoundedLimiter(workspace, ConcurrencyLimiter(5, adapts=False))
    >>> five.limit, workspace.limit
    (5, 2)
    """

    def __init__(self, inner: ConcurrencyLimiter | BoundedLimiter, ceiling: ConcurrencyLimiter) -> None:
        self._inner = inner
        self._ceiling = ceiling
        self._lock = threading.Lock()
        self._calls = 0
        """Calls that are in flight or wait here: other limiters may share the ceiling."""
        _bounded_limiters.add(self)
        # Bound methods of the inner limiter, since they are called for every call.
        self.call: Callable[[], LimitedCall] = inner.call
        self.record_answer: Callable[..., None] = inner.record_answer

    def __getattr__(self, name: str) -> Any:
        if name == "_inner":  # of a copy that is being made
            raise AttributeError(name)
        return getattr(self._inner, name)

    @property
    def limit(self) -> int:
        """The calls that may be out at once now, through here."""
        most = self._ceiling.most
        return self._inner.limit if most is None else self._inner.begins_at(most)

    @property
    def most(self) -> int | None:
        """The lowest of all ceilings that hold here; ``None``: there is none."""
        return min((most for most in (self._ceiling.most, self._inner.most) if most is not None), default=None)

    @property
    def typical_s(self) -> float | None:
        """What an admitted call of late took, in seconds; ``None`` before the first."""
        return self._inner.typical_s

    @property
    def shared(self) -> ConcurrencyLimiter:
        """The limiter behind all ceilings: that of the workspace."""
        return self._inner.shared

    def past(self, limiter: ConcurrencyLimiter) -> BoundedLimiter:
        """Return the same ceilings before another limiter: for calls that the workspace's limiter does not count."""
        return BoundedLimiter(
            self._inner.past(limiter) if isinstance(self._inner, BoundedLimiter) else limiter, self._ceiling
        )

    def begins_at(self, number: int) -> int:
        """Return how many calls at once a caller begins with who asks for `number`."""
        most = self._ceiling.most
        return self._inner.begins_at(number if most is None else min(number, most))

    def ask(self, holder: Hashable, number: int | None) -> None:
        """Have the limit begin at `number` for the calls of `holder`, unless the ceiling is requested already."""
        if self._ceiling.ceiling is None or number is None:
            self._inner.ask(holder, number)

    def slot(self, group: Hashable = None) -> AbstractAsyncContextManager[None]:
        """Hold one slot here, then one of the limiter behind. Raises as `ConcurrencyLimiter.slot` does."""
        return _BoundedSlot(self, group)

    async def wait_to_send(self) -> bool:
        """Wait until a call may be sent; return whether the slot may still be used."""
        return await self._inner.wait_to_send() and self._ceiling.in_flight <= self._ceiling.limit

    def wants_back(self, group: Hashable) -> bool:
        """Whether a holder that could go on in its slot must give it back first (`ConcurrencyLimiter.wants_back`)."""
        return self._ceiling.wants_back(group) or self._inner.wants_back(group)

    def _begin(self) -> None:
        with self._lock:
            self._calls += 1

    def _end(self) -> None:
        """Withdraw the request to the limiter behind with the last call."""
        with self._lock:
            self._calls -= 1
            if not self._calls:
                self._inner.ask(self, None)

    def __repr__(self) -> str:
        return repr(self.shared)


class _BoundedSlot(AbstractAsyncContextManager[None]):
    """One slot within a ceiling and one of the limiter behind it."""

    def __init__(self, limiter: BoundedLimiter, group: Hashable) -> None:
        self._limiter = limiter
        self._held = limiter._ceiling.slot(group)
        self._behind = limiter._inner.slot(group)

    async def __aenter__(self) -> None:
        limiter = self._limiter
        limiter._begin()
        try:
            await self._held.__aenter__()
            try:
                if (number := limiter._ceiling.ceiling) is not None:
                    limiter._inner.ask(limiter, number)
                await self._behind.__aenter__()
            except BaseException:
                await self._held.__aexit__(None, None, None)
                raise
        except BaseException:
            limiter._end()
            raise

    async def __aexit__(self, *exc: object) -> None:
        await self._behind.__aexit__(None, None, None)
        await self._held.__aexit__(None, None, None)
        self._limiter._end()
