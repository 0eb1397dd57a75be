"""Polling of pending runs: one poller of all runs that are waited for, and the meaning of a look-up.

Rule of this file: a look-up counts against the daily cap (CONTRACT section 10). So each run is looked up after a second
and then at growing intervals, with jitter, up to half a minute, and up to an hour while it waits for a person; and at
most as often as whoever watches it allows. All runs together are looked up no more often than :data:`EVERY_S`. Where a
daily cap is configured, a `LookUpBudget` says which look-ups are worth their requests, of the runs of a batch and of
single ones. Where a callback is expected, the first look-up is later, unless the run may pause: only a look-up says who
a paused run waits for.

A look-up that fails, or cannot be read, is no evidence about the run, and the next one follows. Only a permanent error
ends the look-ups: a key that is refused, look-ups that are refused again and again, and a run that the service does not
know. A service that takes no look-up for a time holds up its own runs only.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import random
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Final, Protocol
from weakref import WeakKeyDictionary, WeakSet

from fh_notebook.contract.callbacks import NO_OUTPUT_CODE, with_final_status
from fh_notebook.contract.retry import NOT_FOUND_STATUSES, is_daily_cap
from fh_notebook.contract.run import Run, with_action
from fh_notebook.core import event_loop
from fh_notebook.core.event_loop import on_loop
from fh_notebook.core.redaction import log
from fh_notebook.core.text.formatting import one_line
from fh_notebook.errors import AuthError

FIRST_S: Final = 1.0
LONGEST_S: Final = 30.0
LONGEST_PAUSED_S: Final = 3_600.0
"""While a run waits for a person, who may take days: some twenty look-ups lead to it, then 24 a day follow."""
GROWTH: Final = 1.6
SPREAD: Final = 0.25
"""Each wait is up to this fraction shorter or longer, by chance."""
FIRST_BESIDE_RECEIVER_S: Final = 10.0
"""Where a callback is expected, the first look-up is for one that was lost."""
FEW: Final = 4
"""As many runs as a person may watch; more belong to a batch."""
EVERY_S: Final = 0.1
AT_ONCE: Final = 4

NOT_FOUND_LOOKS: Final = 6
"""As often (some 20 s) the service may answer that it does not know a run which it has just accepted."""
REFUSED_LOOKS: Final = 3
"""As often the service may answer that it does not allow a look-up (403) of a run which it has accepted: a single such
answer says little, and may come from what stands before the service."""
BUSY_PAUSE_S: Final = 5.0
"""After a look-up that was refused because there were too many."""

FIRST_RUNS: Final = 4
"""As many runs are out at first."""
PLENTY: Final = 10
"""Where the cap leaves so many requests for each run, or more where runs take more than a minute, none is saved."""
LATER: Final = 1.25
EARLIER: Final = 0.98
"""What one first look-up changes of the expected time: too early, or not. So about one in 13 comes too early."""
SURELY: Final = 2.0
"""A last look-up is made after so many times the expected time, and so many times the age at the one before it."""
UNSURELY: Final = 4.0
"""The same where nobody knows how long runs take: times the age at which one was still running."""

ONE_ADDRESS: Final = "one_address"
"""The error code of a look-up that the configured daily cap ended after the first of its two addresses."""


def expected_look_ups(took_s: float | None, *, has_callback: bool, is_looked_up: bool = False) -> int:
    """Return how many look-ups a run costs that takes `took_s` seconds, as a plan counts them.

    Examples
    --------
    >>> expected_look_ups(0.5, has_callback=False), expected_look_ups(60.0, has_callback=False)
    (1, 8)
    >>> expected_look_ups(0.5, has_callback=True), expected_look_ups(60.0, has_callback=True)
    (0, 3)
    >>> expected_look_ups(1.1, has_callback=False), expected_look_ups(1.1, has_callback=False, is_looked_up=True)
    (2, 1)
    """
    took_s = (took_s or 0.0) / (1 + SPREAD) if is_looked_up else took_s
    wait_s = FIRST_BESIDE_RECEIVER_S if has_callback else FIRST_S
    at_s, looks = wait_s, 0 if has_callback else 1
    while at_s < min(took_s or 0.0, 86_400.0):
        looks += 1
        wait_s = min(LONGEST_S, wait_s * GROWTH)
        at_s += wait_s
    return looks


def is_over_daily_cap(run: Run) -> bool:
    """Whether the service refused a look-up since its daily cap is used up."""
    return run.status_code == 429 and is_daily_cap(run.raw if isinstance(run.raw, Mapping) else {})


LookUp = Callable[[str | None, str | None], Awaitable[Run]]
"""Looks a run up by its request id and its run id, whichever it has."""


class PolledRun(Protocol):
    """A run that the poller looks up."""

    @property
    def longest_s(self) -> float:
        """Seconds that its intervals grow to, as it is now."""
        ...

    @property
    def service(self) -> Hashable:
        """Who is asked: the pause that one of its look-ups asks for holds for all runs of the same service."""
        ...

    async def look(self) -> float | None:
        """Look the run up once, and take the result; must not raise."""
        ...


@dataclass(eq=False, slots=True)
class _ScheduledLookUp:
    due: float
    run: PolledRun
    wait_s: float
    looks_left: int | None
    """How many look-ups are allowed still; ``None``: any number."""
    is_looking: bool = False
    again_s: float | None = None
    """After how long it is to be looked up again, where that was asked for during its look-up."""


class Poller:
    """Looks up one run after the other, in the loop that it is used in.

    Parameters
    ----------
    jitter : function
        A uniform random number in [0, 1).
    every_s : float, optional
        The shortest time between two look-ups, in place of :data:`EVERY_S`.
    """

    def __init__(self, *, jitter: Callable[[], float] | None = None, every_s: float | None = None) -> None:
        # A generator of its own: the numbers of a user who has seeded the global one stay the same.
        self._jitter = jitter or random.Random().random  # noqa: S311 - spreads look-ups, guards nothing
        self._every_s = every_s
        self._heap: list[tuple[float, int, _ScheduledLookUp]] = []  # plain ones, which are compared in C
        self._entries: dict[int, _ScheduledLookUp] = {}
        self._numbers = count()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._looking: set[asyncio.Task[None]] = set()
        self._not_before = 0.0
        self._paused: dict[Hashable, float] = {}
        """Until when the runs of a service are not looked up."""

    def __len__(self) -> int:
        return len(self._entries)

    def watch(
        self,
        run: PolledRun,
        *,
        first_s: float | None = None,
        earliest_s: float = 0.0,
        soon: bool = False,
        most_looks: int | None = None,
    ) -> None:
        """Look a run up from now on.

        Of one that is watched already, the next look-up is made no later than that, and never beside another one.
        """
        first_s = FIRST_S if first_s is None else first_s
        wait_s = first_s
        if soon and len(self) < FEW:
            wait_s, earliest_s = min(FIRST_S, first_s), 0.0
        entry = self._entries.get(id(run))
        if entry is not None and most_looks is not None:
            most_looks = None if entry.looks_left is None else max(most_looks, entry.looks_left)
        if entry is not None and entry.is_looking:
            entry.again_s, entry.looks_left = wait_s, most_looks
        elif entry is not None and entry.due <= asyncio.get_running_loop().time() + wait_s:
            entry.wait_s, entry.looks_left = wait_s, most_looks
        else:
            self._put(run, wait_s, most_looks, earliest_s)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._serve())

    def forget(self, run: PolledRun) -> None:
        """End the look-ups of a run."""
        self._entries.pop(id(run), None)
        if not self._entries:
            self._changed.set()

    def _put(self, run: PolledRun, wait_s: float, looks_left: int | None, earliest_s: float = 0.0) -> None:
        spread_s = max(earliest_s, wait_s * (1 + SPREAD * (2 * self._jitter() - 1)))
        entry = _ScheduledLookUp(asyncio.get_running_loop().time() + spread_s, run, wait_s, looks_left)
        self._entries[id(run)] = entry
        heapq.heappush(self._heap, (entry.due, next(self._numbers), entry))
        self._changed.set()

    async def _serve(self) -> None:
        while self._entries or self._looking:
            self._changed.clear()
            entry = self._next()
            if entry is not None and len(self._looking) < AT_ONCE:
                wait_s = max(entry.due, self._not_before) - asyncio.get_running_loop().time()
                if wait_s <= 0:
                    self._begin_or_put_off(heapq.heappop(self._heap)[2])
                    continue
            else:
                wait_s = LONGEST_S
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
        self._heap.clear()

    def _next(self) -> _ScheduledLookUp | None:
        """Return the entry that is due next; entries of runs that were forgotten are dropped."""
        while self._heap and self._entries.get(id(self._heap[0][2].run)) is not self._heap[0][2]:
            heapq.heappop(self._heap)
        return self._heap[0][2] if self._heap else None

    def _begin_or_put_off(self, entry: _ScheduledLookUp) -> None:
        paused_until = self._paused.get(entry.run.service, 0.0)
        if paused_until <= asyncio.get_running_loop().time():
            self._paused.pop(entry.run.service, None)
            self._begin(entry)
            return
        entry.due = paused_until
        heapq.heappush(self._heap, (entry.due, next(self._numbers), entry))

    def _begin(self, entry: _ScheduledLookUp) -> None:
        self._not_before = asyncio.get_running_loop().time() + (EVERY_S if self._every_s is None else self._every_s)
        task = asyncio.get_running_loop().create_task(self._look(entry))
        self._looking.add(task)
        task.add_done_callback(self._looked)

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._looking.discard(task)
        self._changed.set()

    async def _look(self, entry: _ScheduledLookUp) -> None:
        entry.is_looking = True
        if entry.looks_left is not None:
            entry.looks_left -= 1
        pause_s: float | None = 0.0
        try:
            pause_s = await entry.run.look()
        except Exception:  # a defect of ours must not end the polling of all others
            log.warning("a look-up failed", exc_info=True)
        loop = asyncio.get_running_loop()
        if pause_s:
            service = entry.run.service
            self._paused[service] = max(self._paused.get(service, 0.0), loop.time() + pause_s)
        if self._entries.get(id(entry.run)) is not entry:  # it was forgotten meanwhile
            return
        if entry.again_s is not None:
            self._put(entry.run, entry.again_s, entry.looks_left)
        elif pause_s is None or entry.looks_left == 0:
            self.forget(entry.run)
        else:
            self._put(entry.run, min(entry.run.longest_s, max(FIRST_S, entry.wait_s) * GROWTH), entry.looks_left)


# --- the look-ups of one run


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpResult:
    """The result of one look-up."""

    run: Run | None = None
    """The run as far as it is known; ``None``: the look-up is no evidence about it."""
    problem: str = ""
    """Why it is none, in words."""
    is_last: bool = False
    """Whether another look-up makes no sense."""
    error: AuthError | None = None
    """The service refuses the key, so that nothing is known of the run."""
    pause_s: float = 0.0
    """For how long no run of this service is to be looked up."""
    is_capped: bool = False
    """Whether the service refused it since the daily cap is used up."""


class StatusLookup:
    """The look-ups of one run.

    Parameters
    ----------
    look_up : async function
        Asks the service.
    request_id, run_id : str or None
        The ids of the run.
    has_callback : bool
        Whether a callback may bring the outcome, too.
    """

    def __init__(self, look_up: LookUp, request_id: str | None, run_id: str | None, *, has_callback: bool) -> None:
        self._look_up = look_up
        self._ids = request_id, run_id
        self._not_found = 0
        self._refused = 0
        self._awaits_output = has_callback
        self.count = 0
        """Look-ups so far."""

    async def ask(self) -> LookUpResult:
        """Look the run up once."""
        self.count += 1
        try:
            run = with_final_status(await self._look_up(*self._ids))
        except AuthError as exc:
            exc.may_have_run = True  # the call was accepted: only its look-up is refused
            self._refused += 1
            is_last = exc.status_code != 403 or self._refused >= REFUSED_LOOKS
            return LookUpResult(problem=one_line(str(exc)), is_last=is_last, error=exc if is_last else None)
        if (run.status_code or 0) // 100 == 2:
            self._not_found = self._refused = 0
            return LookUpResult(run=self._with_output(run))
        message = _message_of(run)
        if run.status_code in NOT_FOUND_STATUSES:
            self._not_found += 1
            if self._not_found >= NOT_FOUND_LOOKS:
                return LookUpResult(problem=no_record_text(run), is_last=True)
        is_capped = is_over_daily_cap(run)
        pause_s = BUSY_PAUSE_S if run.status_code == 429 and not is_capped else 0.0
        return LookUpResult(problem=message, is_capped=is_capped, pause_s=pause_s)

    def _with_output(self, run: Run) -> Run:
        """Return `run`; where a callback is expected and it has ended without an output, as still running, once.

        UNKNOWN whether a look-up has the output (CONTRACT section 3): so the callback gets time to bring it.
        """
        if run.error_code == NO_OUTPUT_CODE and self._awaits_output:
            self._awaits_output = False
            return replace(run, status="running", error=None, error_code=None)
        return run


def _message_of(run: Run) -> str:
    return with_action(one_line(run.error or run.error_code or "the look-up failed"), run.client_action)


def no_record_text(run: Run) -> str:
    """Return what a look-up says whose run the service does not know.

    Examples
    --------
    >>> no_record_text(Run(status="unknown", error="not found"))
    'the service has no record of this run (not found); it may have run'
    """
    return f"the service has no record of this run ({_message_of(run)}); it may have run"


# --- the poller of this process, on the background loop

_of_loop: tuple[asyncio.AbstractEventLoop, Poller] | None = None
"""Set on that loop alone; a reader on another thread gets a consistent pair."""


def _after_fork() -> None:
    global _of_loop
    _of_loop = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def watch(
    run: PolledRun,
    *,
    first_s: float | None = None,
    earliest_s: float = 0.0,
    soon: bool = False,
    most_looks: int | None = None,
) -> None:
    """Have this process's poller look a run up, from any thread; see :meth:`Poller.watch`."""
    loop = event_loop.background().loop

    def begin() -> None:
        global _of_loop
        if _of_loop is None or _of_loop[0] is not loop:
            _of_loop = loop, Poller()
        _of_loop[1].watch(run, first_s=first_s, earliest_s=earliest_s, soon=soon, most_looks=most_looks)

    on_loop(loop, begin)


def forget(run: PolledRun) -> None:
    """End the look-ups of a run by this process's poller, from any thread."""
    if (current := _of_loop) is not None:
        loop, poller = current
        on_loop(loop, lambda: poller.forget(run))


class PacedRun(PolledRun, Protocol):
    """A run whose look-ups are paid from a budget."""

    @property
    def age_s(self) -> float:
        """Seconds since its call was sent, or since it last waited for a person."""
        ...

    @property
    def status(self) -> str:
        """Its last known status."""
        ...


def is_plenty(left: int, runs: int, took_s: float | None) -> bool:
    """Whether a cap that leaves so many requests pays for the calls of so many runs and for all their look-ups.

    Examples
    --------
    >>> is_plenty(400, 40, 2.0), is_plenty(399, 40, 2.0), is_plenty(400, 40, 600.0), is_plenty(400, 0, 2.0)
    (True, False, False, False)
    """
    return runs > 0 and left >= runs * _plenty_each(took_s)


def _plenty_each(took_s: float | None) -> int:
    return max(PLENTY, 1 + expected_look_ups(took_s, has_callback=False))


class WorkspaceLookUps:
    """What the runs of a workspace share in this process: the look-ups that they hold, and what they have learned.

    What another kernel holds is not known here.
    """

    def __init__(self) -> None:
        self.expected_s: dict[str, float] = {}
        """By deployment, how old a run is at its first look-up; without those of which nobody knows how long they take.
        A look-up that found a run running has made it higher, and none that merely came late."""
        self._budgets = os.getpid(), WeakSet[LookUpBudget](), dict[str, SingleRunsBudget]()

    @property
    def _of_process(self) -> tuple[WeakSet[LookUpBudget], dict[str, SingleRunsBudget]]:
        """Those that hold look-ups, and those of single runs by deployment."""
        if self._budgets[0] != os.getpid():  # a child after a fork: those of its parent are none
            self._budgets = os.getpid(), WeakSet(), {}
        return self._budgets[1:]

    @property
    def budgets(self) -> set[LookUpBudget]:
        """Those that hold look-ups."""
        while True:
            with suppress(RuntimeError):  # a batch on another loop began or ended meanwhile
                return set(self._of_process[0])

    def of_single_runs(self, deployment: str, left: Callable[[], int | None]) -> SingleRunsBudget:
        """Return what pays for the look-ups of the runs of a deployment that belong to no batch.

        `left` is as `LookUpBudget` takes it: what the newest client knows.
        """
        budgets = self._of_process[1]
        if (budget := budgets.get(deployment)) is None:
            budget = budgets[deployment] = SingleRunsBudget(left, most=FIRST_RUNS, shared=self)
            budget.begin(FIRST_RUNS, deployment)
        budget._left = left
        return budget

    def add(self, budget: LookUpBudget) -> None:
        """Count what one holds."""
        self._of_process[0].add(budget)

    def remove(self, budget: LookUpBudget) -> None:
        """Count it no more."""
        self._of_process[0].discard(budget)


class LookUpBudget:
    """What the runs of one start of a batch may spend on look-ups, within what a daily cap leaves.

    Its runs are used on one loop.

    Where the cap pays for as many look-ups as the usual intervals need, it delays none. Otherwise:

    Each run that is out holds one look-up, so that no call begins whose answer nothing could fetch. A look-up beyond
    that is made only where the cap leaves one that no run of the workspace holds. Without one, a run is looked up when
    it has surely ended.

    Nobody knows at first how long runs take. So a few begin, and one look-up at each step of growing times is made for
    all of them, until one finds the end of a run. From then on a run is looked up first when it has taken as long as
    others, and :attr:`expected_s` follows what these look-ups find. Each run that had ended by then lets one more be
    out. A run that has waited for a person, or that an earlier kernel has submitted, says nothing of how long others
    take.

    Parameters
    ----------
    left : function
        Returns how many requests the cap leaves; ``None``: any number.
    most : int
        How many runs are out at most.
    shared : WorkspaceLookUps, optional
        What it shares with the other runs of the workspace.
    watch : function
        Has a run looked up after so many seconds (:func:`watch`).
    """

    def __init__(
        self,
        left: Callable[[], int | None],
        *,
        most: int,
        shared: WorkspaceLookUps | None = None,
        watch: Callable[..., object] = watch,
    ) -> None:
        self._left = left
        self._watch = watch
        self._most = most
        self._shared = shared or WorkspaceLookUps()
        self._deployment = ""
        self._planned = 0
        self._ended = 0
        self._runs_out = FIRST_RUNS
        self._held: set[str] = set()
        self._out: set[PacedRun] = set()
        self._looking: set[PacedRun] = set()
        """Runs whose look-up may not be counted yet."""
        self._looked_s = WeakKeyDictionary[PacedRun, float]()
        """How old a run was when a look-up last said how it is."""
        self._left_out = WeakSet[PacedRun]()
        """Runs that say nothing of how long others take."""
        self._running_s = 0.0
        """The highest age at which a run was found running, until one was found that had ended."""
        self.on_change: Callable[[], object] = lambda: None
        """Called when :attr:`most_out` may have changed."""

    def begin(self, planned: int, deployment: str) -> None:
        """Begin with so many jobs (0: nobody knows) of a deployment."""
        self._planned, self._deployment = planned, deployment

    def end(self) -> None:
        """Hold nothing any more."""
        self._held.clear()
        self._shared.remove(self)

    @property
    def expected_s(self) -> float | None:
        """How old a run is at its first look-up; ``None``: nobody knows how long runs take."""
        return self._shared.expected_s.get(self._deployment)

    @property
    def most_out(self) -> int:
        """How many runs may be out at once; one that says nothing of others keeps no row from beginning."""
        left_out = sum(run in self._left_out for run in self._out)
        return self._most if self._is_plenty(self._left()) else min(self._most, self._runs_out + left_out)

    def _is_plenty(self, left: int | None) -> bool:
        """Whether what is left of the cap pays for all look-ups of all runs of the workspace, out or to begin."""
        if left is None:
            return True
        budgets = self._shared.budgets | {self}
        return all(b._planned for b in budgets) and left >= sum(b._needed for b in budgets)

    @property
    def saves(self) -> bool:
        """Whether it delays look-ups, since the cap does not pay for all that are usual."""
        return not self._is_plenty(self._left())

    @property
    def _needed(self) -> int:
        return self._to_come * _plenty_each(self.expected_s or self._running_s)

    @property
    def _to_come(self) -> int:
        """How many runs are out or to begin."""
        return max(0, self._planned - self._ended)

    # --- the look-up that each run holds: from before its call by the key of its job, or while it is out

    def hold(self, key: str) -> int:
        """Hold a look-up for a run that is about to begin; return how many the runs of the workspace hold."""
        self._shared.add(self)
        self._held.add(key)
        return self.held

    def free(self, key: str) -> None:
        """Hold none for a run any more: it has ended, or did not begin."""
        self._held.discard(key)

    @property
    def held(self) -> int:
        """How many the runs of the workspace hold."""
        return sum(max(len(budget._held), len(budget._out)) for budget in self._shared.budgets)

    # --- when a run is looked up

    def leave_out(self, run: PacedRun) -> None:
        """Learn nothing from a run: nobody knows here how long it was looked after by none."""
        self._left_out.add(run)

    def add(self, run: PacedRun) -> float:
        """Take a run that has begun; return after how many seconds it is looked up first."""
        self._shared.add(self)
        self._out.add(run)
        if self.expected_s is None or self._is_plenty(self._left()):
            return FIRST_S
        return max(0.0, self.expected_s - run.age_s)

    def remove(self, run: PacedRun) -> None:
        """Forget a run that is waited for no more."""
        self._ended += run in self._out
        self._out.discard(run)
        self._looking.discard(run)

    def wait_s(self, run: PacedRun) -> float:
        """Return for how many seconds more a look-up of a run is not worth its request; 0: it is made now."""
        left = self._left()
        if run not in self._out or left is None:
            return 0.0
        due_s = 0.0
        # One that waits for a person is looked up because somebody has decided, or after an hour.
        if run.status != "awaiting_approval" and not self._is_plenty(left):
            due_s = GROWTH * self._running_s if self.expected_s is None else self.expected_s
            due_s = max(due_s, GROWTH * self._looked_s.get(run, 0.0))
        if 0 < left <= self.held + sum(len(budget._looking) for budget in self._shared.budgets | {self}):
            due_s = max(due_s, self._surely_ended_s(run))
        wait_s = max(0.0, due_s - run.age_s)
        if not wait_s:
            self._looking.add(run)
        return wait_s

    def _surely_ended_s(self, run: PacedRun) -> float:
        looked_s = self._looked_s.get(run, 0.0)
        if self.expected_s is not None:
            return SURELY * max(self.expected_s, looked_s)
        return UNSURELY * max(self._running_s, looked_s) or LONGEST_S

    def looked(self, run: PacedRun, *, age_s: float, has_ended: bool | None) -> None:
        """Learn from a look-up that was sent when the run was `age_s` old; ``None``: it failed, and says nothing."""
        self._looking.discard(run)
        if has_ended is not None:
            is_first = run not in self._looked_s
            self._looked_s[run] = age_s
            if run.status == "awaiting_approval":
                self._left_out.add(run)
            if run not in self._left_out:
                self._learn(age_s, has_ended=has_ended, is_first=is_first)
        self.on_change()

    def _learn(self, age_s: float, *, has_ended: bool, is_first: bool) -> None:
        expected_s, learned = self.expected_s, self._shared.expected_s
        if expected_s is None:
            if not has_ended:
                self._running_s = max(self._running_s, age_s)
                return
            # Not later than the next step was due: how much later it was made says nothing of the run.
            learned[self._deployment] = expected_s = min(age_s, GROWTH * max(FIRST_S, self._running_s))
            for other in () if self._is_plenty(self._left()) else self._out.difference(self._left_out):
                self._watch(other, first_s=max(0.0, expected_s - other.age_s))
        elif is_first and has_ended:
            # With a plentiful cap it was looked up as soon as ever: each would say that runs end earlier.
            if not self._is_plenty(self._left()):
                learned[self._deployment] = expected_s * EARLIER
                self._runs_out = min(self._most, self._runs_out + 1)
        elif is_first and age_s >= expected_s:
            learned[self._deployment] = LATER * age_s
            self._runs_out = max(FIRST_RUNS, self._runs_out * 3 // 4)


class SingleRunsBudget(LookUpBudget):
    """What the runs of a deployment that belong to no batch may spend: nobody knows how many follow.

    So as many are expected beside those that are out as a batch begins with, and none while none is out.
    """

    @property
    def _to_come(self) -> int:
        return len(self._out) + FIRST_RUNS

    def add(self, run: PacedRun) -> float:
        """Take a run that has begun; return after how many seconds it is looked up first."""
        if not self._out:  # how old others were that nobody waited for to the end delays no later one
            self._running_s = 0.0
        return super().add(run)

    def remove(self, run: PacedRun) -> None:
        """Forget a run that is waited for no more."""
        super().remove(run)
        if not self._out:
            self.end()
