"""Which job of an engine is called next, and whether any: what its dispatcher and its workers share.

Rule of this file: it decides and counts, waits for nothing and sends nothing. All of it happens in the loop's thread,
so that what one has taken no other takes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fh_notebook.batching.events import Event, Finished, KeptBack, Stopped
from fh_notebook.batching.job import Job
from fh_notebook.batching.names import UNKNOWN_NAME, Name, Names, name_of, unknown_name
from fh_notebook.batching.outcomes import kind_of
from fh_notebook.batching.queue import Entry, Queue
from fh_notebook.batching.reach import Reach
from fh_notebook.batching.seams import GateLike
from fh_notebook.batching.spacing import Spacing
from fh_notebook.batching.stopping import Limits, unreached
from fh_notebook.contract.rate import Rate
from fh_notebook.contract.retry import Absence
from fh_notebook.contract.run import Run

__all__ = ["Choosing"]


class Choosing:
    """The state of an engine, and what follows from it for the next call.

    Parameters
    ----------
    gate, emit, limits, planned, max_in_flight, rate, names, hint
        As :class:`~fh_notebook.batching.engine.Engine` has them.
    """

    _loop: asyncio.AbstractEventLoop
    """Of the engine, from its start on."""
    _began: float
    """When that was, by the loop."""

    def __init__(
        self,
        *,
        gate: GateLike,
        emit: Callable[[Event], None],
        limits: Limits | None,
        planned: int,
        max_in_flight: int | None,
        rate: Rate | None,
        names: Names | None,
        hint: Callable[[Name], str],
    ) -> None:
        self._gate = gate
        self._emit = emit
        self._limits = limits or Limits()
        self._planned = planned
        self.max_in_flight = max_in_flight
        self._spacing = Spacing(rate)
        self._ended_jobs = 0
        self.calls = 0
        """Requests sent."""
        self.refused = 0
        """Requests that were answered 429 for too many at once."""
        self.stopped: Stopped | None = None
        """Why no further call was started, if that was so."""
        self.paused = False
        self._errors = 0
        self._reach = Reach()
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._names = names or Names(arms=0)
        self._hint = hint
        self._out: Counter[Name] = Counter()
        self._doubted: dict[Name, list[Entry]] = {}
        """What was answered "not found" and is kept back, by the name that may be unknown."""
        self._unknown: dict[Name, list[Any]] = {}
        """The names that were told to be unknown, each with the rows that may be at fault in its place."""
        self._queue = Queue(self._changed.set, drops=self.is_over)
        self._at_gate: asyncio.Timeout | None = None
        """While the dispatcher waits for a slot: what lets it not wait on."""

    # --- whether one may be sent, and which

    def _take(self) -> Entry | None:
        """Return the next job that is due, if one may be sent now; it counts as about to be sent."""
        now = self._loop.time()
        if self.stopped is not None or not self._is_ready(now) or self._must_stop() or not self._may_start(now):
            return None
        self._spacing.sent(now)
        entry = self._queue.take(now)
        self._taken(entry)
        return entry

    def _taken(self, entry: Entry) -> None:
        """Count a job as about to be sent."""
        self._opening += 1
        self._out[name_of(entry.job)] += 1

    def _is_ready(self, now: float) -> bool:
        """Whether the next job is due; one of a name in doubt waits for the answers that settle it."""
        entry = self._queue.next(now)
        if entry is None or entry.answer is not None:
            return entry is not None
        name = name_of(entry.job)
        return self._names.may_try(name, out=self._out[name])

    def _paced_until(self, now: float) -> float:
        """When the next call may go: by the rate, and since the last ones have met nobody, or no free place."""
        return max(self._reach.rests_until, self._spacing.next_call(now))

    def _may_start(self, now: float) -> bool:
        if self.paused or self._paced_until(now) > now:
            return False
        most_calls = self._limits.most_calls
        # Those that are opening may yet find their answer elsewhere: wait for what they do.
        return most_calls is None or self.calls + self._opening < most_calls

    def _has_room(self) -> bool:
        most = 1 if self._reach.asks else self.max_in_flight
        return most is None or len(self._tasks) < most

    def _must_stop(self) -> bool:
        if self.stopped is None:
            reached = self._limits.reached(
                calls=self.calls,
                elapsed_s=self._loop.time() - self._began,
                errors=self._errors,
                planned=self._planned,
            )
            if reached is not None:
                self.stop(reached)
        return self.stopped is not None

    # --- what workers ask and tell

    @property
    def left(self) -> int | None:
        """How many jobs have no outcome yet; ``None`` where the number of jobs is not known."""
        return self._planned - self._ended_jobs if self._planned else None

    def following(self) -> Entry | None:
        """Return the job that a worker's slot takes next, unless the slot must be given back."""
        too_many = self.max_in_flight is not None and len(self._tasks) > self.max_in_flight
        entry = None if too_many or self._gate.wants_back(self) else self._take()
        self._leave_gate_without_work()
        return entry

    @property
    def has_calls_left(self) -> bool:
        """Whether one more request may be sent: a job that is claimed and waits for its turn is not counted."""
        most_calls = self._limits.most_calls
        return most_calls is None or self.calls < most_calls

    def opened(self) -> None:
        """Note that a job which was taken is claimed, or is not to be."""
        self._opening -= 1

    def failed(self, run: Run) -> bool:
        """Count the run of a job, and say whether it is one error too many."""
        self._errors += kind_of(run) != "done"
        return self._limits.errors_reached(self._errors, self._planned)

    def finished(self, job: Job, run: Run, *, line: int, reused: bool = False) -> None:
        """Tell that a job has its outcome."""
        self._ended_jobs += 1
        self._emit(Finished(job=job, run=run, line=line, reused=reused))
        if self._at_gate is not None:  # nobody else would look whether this was one error too many
            self._must_stop()

    def ended(self, entry: Entry) -> None:
        """Note that a job which was taken is on its way no more, whatever became of it."""
        self._out[name_of(entry.job)] -= 1

    def put_off(self, entry: Entry, wait_s: float) -> None:
        """Have a job come again."""
        self._queue.put_off(entry, self._loop.time() + wait_s)

    def missed(self, run: Run) -> bool:
        """Note a call that reached nobody, and say whether its row may be to blame; it may be one too many."""
        self.calls -= 1  # an attempt to connect is no request sent
        may_be_the_row = self._reach.missed(self._loop.time())
        stopped = unreached(run, in_a_row=self._reach.in_a_row, lasted_s=self._reach.lasted_s)
        if stopped is not None:
            self.stop(stopped)
        return may_be_the_row and self.stopped is None

    def heard(self) -> None:
        """Note a call that somebody answered, or may have run."""
        if self._reach.in_a_row:
            self._reach.heard()
            self._changed.set()

    def refused_one(self, wait_s: float) -> None:
        """Note a call that was refused for too many at once, and is to wait."""
        self.refused += 1
        if len(self._tasks) <= 1:
            self._reach.refused_alone(self._loop.time(), wait_s)

    # --- names that the service does not know

    def is_over(self, job: Job) -> bool:
        """Whether no call of this job's variant is made any more."""
        return self._names.is_unknown(name_of(job))

    def known(self, job: Job) -> None:
        """Note an answer which shows that the service knows the variant of `job`."""
        self._names.note_known(name_of(job))
        if self._doubted:
            self._changed.set()

    def kept_back(self, entry: Entry, run: Run, absence: Absence) -> bool:
        """Take an answer that says "not found" and return whether it is kept back, as the name may be unknown."""
        name = name_of(entry.job)
        if not self._names.note_absent(name, run, absence):
            return False
        entry.answer = run
        self._doubted.setdefault(name, []).append(entry)
        self._emit(KeptBack(job=entry.job, run=run))
        self._settle_doubts()
        self._changed.set()
        return True

    def _settle_doubts(self) -> None:
        """Have jobs that were kept back fail where others have shown the name, and be pending where it is unknown."""
        for name in list(self._doubted):
            if self._names.is_known(name):
                for entry in self._doubted.pop(name):
                    self.put_off(entry, 0.0)
            elif self._names.is_unknown(name):
                self._tell_unknown(name)

    def _gives_up_doubts(self) -> bool:
        """Take names in doubt to be unknown, since no more answers will come; return whether there were any."""
        doubted = list(self._doubted)
        for name in doubted:
            if not self._names.is_shared:
                self._names.settle(name)
            self._tell_unknown(name)
        return bool(doubted)

    def _tell_unknown(self, name: Name) -> None:
        entries = self._doubted.pop(name)
        if name in self._unknown:  # calls that were out when it was told
            return
        self._unknown[name] = [] if self._names.is_certain(name) else [entry.job.row for entry in entries]
        told = self._unknown_told()
        if self._names.none_left:
            self.stop(told)
        elif self.stopped is None:
            self._emit(told)

    def _unknown_told(self) -> Stopped:
        return unknown_name(self._unknown, self._names, hint=self._hint(next(iter(self._unknown))))

    # --- the end

    def capped(self) -> None:
        """Start no further call: the daily cap is used up, perhaps by another kernel."""
        self.stop(self._limits.used_up())

    def stop(self, stopped: Stopped) -> None:
        """Start no further call."""
        if self.stopped is None:
            if self._unknown and stopped.reason != UNKNOWN_NAME:  # both are to be known before one goes on
                unknown = self._unknown_told()
                stopped = replace(stopped, detail=f"{stopped.detail}; {unknown.detail}", resume=unknown.resume)
            self.stopped = stopped
            self._changed.set()
            self._leave_gate()
            self._emit(stopped)

    def _leave_gate_without_work(self) -> None:
        """Let the dispatcher not wait for a slot that it has no job for: others may hold them all for long."""
        if self._at_gate is not None and not self._is_ready(self._loop.time()):
            self._leave_gate()

    def _leave_gate(self) -> None:
        if self._at_gate is not None and not self._at_gate.expired():
            self._at_gate.reschedule(self._loop.time())
