"""`LookUpBudget`: the look-ups of the runs of a batch, within what a daily cap leaves.

Rule of this file: each run that is out holds one look-up, so that no call begins whose answer nothing could fetch. A
look-up beyond that is made only where the cap leaves one that no run holds. Without one, a run is looked up when it has
surely ended.

Nobody knows at first how long runs take. So a few begin, and one look-up at each step of growing times is made for all
of them, until one finds the end of a run. From then on a run is looked up first when it has taken as long as others,
and :attr:`LookUpBudget.expected_s` follows what these look-ups find. Each run that had ended by then lets one more be
out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol
from weakref import WeakSet

from fh_notebook.client import polling

__all__ = ["FIRST_RUNS", "LookUpBudget", "PacedRun"]

FIRST_RUNS: Final = 4
"""As many runs are out at first."""
PLENTY: Final = 10
"""Where the cap leaves so many requests for each run, all may be out at once: that is enough for runs of a minute."""
LATER: Final = 1.25
EARLIER: Final = 0.98
"""What one first look-up changes of the expected time: too early, or not. So about one in 13 comes too early."""
SURELY: Final = 2.0
"""A last look-up is made after so many times the expected time, and so many times the age at the one before it."""
UNSURELY: Final = 4.0
"""The same where nobody knows how long runs take: times the age at which one was still running."""


class PacedRun(polling.PolledRun, Protocol):
    """A run whose look-ups are paid from a budget."""

    @property
    def age_s(self) -> float:
        """Seconds since its call was sent."""
        ...

    @property
    def polls(self) -> int:
        """Look-ups so far."""
        ...

    @property
    def status(self) -> str:
        """Its last known status."""
        ...


@dataclass(slots=True)
class _RunOut:
    run: PacedRun
    looked_s: float = 0.0
    """How old it was at its last look-up; 0: it was not looked up."""


class LookUpBudget:
    """What one start of a batch may spend on look-ups. Used on one loop.

    Parameters
    ----------
    left : function
        Returns how many requests the cap leaves; ``None``: any number.
    most : int
        How many runs are out at most.
    watch : function
        Has a run looked up after so many seconds (:func:`polling.watch <fh_notebook.client.polling.watch>`).
    """

    def __init__(
        self, left: Callable[[], int | None], *, most: int, watch: Callable[..., object] = polling.watch
    ) -> None:
        self._left = left
        self._watch = watch
        self._most = most
        self._planned = 0
        self._runs_out = FIRST_RUNS
        self._held: set[str] = set()
        self._out: dict[int, _RunOut] = {}
        self._looking: set[int] = set()
        """Runs whose look-up may not be counted yet."""
        self._paused = WeakSet[PacedRun]()
        """Runs that have waited for a person."""
        self._running_s = 0.0
        """The highest age at which a run was found running, until one was found that had ended."""
        self.expected_s: float | None = None
        """How old a run is at its first look-up; ``None``: nobody knows how long runs take."""
        self.on_change: Callable[[], object] = lambda: None
        """Called when :attr:`most_out` may have changed."""

    def begin(self, planned: int, expected_s: float | None) -> None:
        """Begin with so many jobs (0: nobody knows), and with what earlier runs took."""
        self._planned, self.expected_s = planned, expected_s

    @property
    def most_out(self) -> int:
        """How many runs may be out at once; those that wait for a person keep no other row from beginning."""
        left = self._left()
        is_plenty = left is None or (self._planned and left >= PLENTY * self._planned)
        waiting = sum(out.run.status == "awaiting_approval" for out in self._out.values())
        return self._most if is_plenty else min(self._most, self._runs_out + waiting)

    # --- the look-up that each run holds, by the key of its job

    def hold(self, key: str) -> int:
        """Hold a look-up for a run that is about to begin; return how many are held."""
        self._held.add(key)
        return len(self._held)

    def free(self, key: str) -> None:
        """Hold none for a run any more: it has ended, or did not begin."""
        self._held.discard(key)

    @property
    def held(self) -> int:
        """How many are held."""
        return len(self._held)

    # --- when a run is looked up

    def add(self, run: PacedRun) -> float:
        """Take a run that has begun; return after how many seconds it is looked up first."""
        self._out[id(run)] = _RunOut(run)
        return polling.FIRST_S if self.expected_s is None else max(0.0, self.expected_s - run.age_s)

    def remove(self, run: PacedRun) -> None:
        """Forget a run that is waited for no more."""
        self._out.pop(id(run), None)
        self._looking.discard(id(run))

    def wait_s(self, run: PacedRun) -> float:
        """Return for how many seconds more a look-up of a run is not worth its request; 0: it is made now."""
        out, left = self._out.get(id(run)), self._left()
        if out is None or left is None:
            return 0.0
        due_s = 0.0
        if run.status != "awaiting_approval":  # else it is looked up because somebody has decided, or after an hour
            due_s = polling.GROWTH * self._running_s if self.expected_s is None else self.expected_s
        if 0 < left <= len(self._held) + len(self._looking):
            due_s = max(due_s, self._surely_ended_s(out))
        wait_s = max(0.0, due_s - run.age_s)
        if not wait_s:
            self._looking.add(id(run))
        return wait_s

    def _surely_ended_s(self, out: _RunOut) -> float:
        if self.expected_s is not None:
            return SURELY * max(self.expected_s, out.looked_s)
        return UNSURELY * max(self._running_s, out.looked_s) or polling.LONGEST_S

    def looked(self, run: PacedRun, *, has_ended: bool) -> None:
        """Learn from a look-up."""
        self._looking.discard(id(run))
        is_first = run.polls == 1
        if (out := self._out.get(id(run))) is not None:
            out.looked_s = run.age_s
        if run.status == "awaiting_approval":
            self._paused.add(run)
        if run in self._paused:
            pass  # how long a person takes says nothing of others
        elif self.expected_s is None:
            if has_ended:
                self.expected_s = run.age_s
                for other in list(self._out.values()):
                    if other.run is not run:
                        self._watch(other.run, first_s=max(0.0, self.expected_s - other.run.age_s))
            else:
                self._running_s = max(self._running_s, run.age_s)
        elif is_first and has_ended:
            self.expected_s *= EARLIER
            self._runs_out = min(self._most, self._runs_out + 1)
        elif is_first:
            self.expected_s = max(self.expected_s, LATER * run.age_s)
            self._runs_out = max(FIRST_RUNS, self._runs_out * 3 // 4)
        self.on_change()
