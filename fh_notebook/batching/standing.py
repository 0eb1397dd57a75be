"""How a batch stands: what progress and people may ask of it at any moment, from any thread.

Rule of this file: it reads, and begins and ends nothing: what people do with a batch is in `control.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from fh_notebook.batching.agenda import Agenda
from fh_notebook.batching.delivery import AT_ONCE
from fh_notebook.batching.events import Stopped
from fh_notebook.batching.outcomes import Counts
from fh_notebook.batching.plan import Plan
from fh_notebook.batching.progress_state import resting
from fh_notebook.batching.reader import Reader
from fh_notebook.batching.run_settings import RunSettings
from fh_notebook.batching.running import Start
from fh_notebook.batching.wording import sentence
from fh_notebook.gate import Gate
from fh_notebook.moments import Moment

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client

__all__ = ["Standing"]


class Standing:
    """What can be told of one batch object.

    Parameters
    ----------
    agenda : Agenda
        What it calls.
    client : Client
        Whom it asks.
    options : RunSettings
        How it is started.
    """

    def __init__(self, agenda: Agenda, *, client: Client, options: RunSettings) -> None:
        self.name = agenda.plan.name
        self.agenda = agenda
        self.feed = agenda.feed
        self.stored = agenda.stored
        self.reader = Reader(agenda.feed, agenda.outcomes)
        self.stopped: Stopped | None = None
        self._outcomes = agenda.outcomes
        self._client = client
        self._options = options
        self._start: Start | None = None
        self._active = False
        self._paused = False
        self._calls_before = self._settled_before = 0
        self._max_concurrency = options.max_concurrency
        self._admits: int | None = None

    @property
    def workspace(self) -> str:
        """Whose its answers are."""
        return self._client.workspace

    @property
    def counts(self) -> Counts:
        """How far it is; a value of this moment."""
        return self._outcomes.counts()

    @property
    def in_flight(self) -> int:
        """Calls that are out at this moment."""
        start = self._start
        return start.engine.scheduler.in_flight if start is not None and start.engine is not None else 0

    @property
    def running(self) -> bool:
        """Whether calls are being made, or about to be."""
        return self._active

    @property
    def paused(self) -> bool:
        """Whether no call is started until it goes on."""
        return self._paused

    @property
    def limit(self) -> int:
        """How many calls may be out at once now: the workspace's limit, within the ceilings that hold for the batch.

        Before a start it is how many it will begin with.
        """
        start, number = self._start, self._max_concurrency
        gate: Any = start.gate if start is not None else None
        if gate is None:
            gate = self._client.gate
            if self._options.delivery in ("callback", "poll"):
                gate = gate.past(Gate(number or AT_ONCE))
        return int(gate.limit if number is None else gate.begins_at(number))

    @property
    def admits(self) -> int | None:
        """How many calls at once the service admits, as it told this process by refusing calls; ``None``: it has not.

        Of the last start, as it was last heard while that ran.
        """
        return self._admits if self._admits is not None else self._client.gate.learned

    @property
    def falls_short(self) -> int | None:
        """:attr:`admits`, where somebody set a higher ceiling for the calls of this batch."""
        ceilings = (self._max_concurrency, self._client.gate.most)
        ceiling = min((most for most in ceilings if most is not None), default=None)
        admits = self.admits
        return admits if ceiling is not None and admits is not None and admits < ceiling else None

    @property
    def moments(self) -> tuple[Moment, ...]:
        """What the workspace's gate remembers of its limit, in this process."""
        moments: tuple[Moment, ...] = self._client.gate.memory.moments()
        return moments

    @property
    def calls_left(self) -> int | None:
        """How many calls this start still has to make; ``None`` where the rows are not known."""
        if self.agenda.plan.rows is None:
            return None
        left, most = self._calls_open(), self.agenda.plan.max_calls
        return left if most is None else min(left, max(0, most - (self.counts.calls - self._calls_before)))

    def _calls_open(self) -> int:
        """Return how many calls of the plan are not made; a plan counts jobs that are the same as one call."""
        return max(0, self.agenda.plan.calls - (self._outcomes.settled - self._settled_before))

    @property
    def waiting_until(self) -> datetime | None:
        """Until when it sleeps for the daily cap's renewal, UTC."""
        start = self._start
        return start.waiting_until if start is not None else None

    @property
    def current_name(self) -> str:
        """Its name: another one than at its start where another table has taken that since."""
        return self.stored.current_name or self.name

    @property
    def is_forgotten(self) -> bool:
        """Whether it was kept, and was removed (``fh.forget``)."""
        return self.stored.is_forgotten

    def plan(self) -> Plan:
        """What the last start was going to do."""
        return self.agenda.plan

    def summary(self) -> str:
        """How far it is in one line, and why it stopped if it did."""
        if self.is_forgotten:
            return f"{self.name}: forgotten. Its rows and answers were removed (fh.forget)"
        return sentence(
            self.name,
            self.counts,
            doing=self._doing(),
            stopped=self.stopped,
            admits=self.falls_short,
            audience=self._options.audience,
        )

    def _doing(self) -> str:
        if not self.running:
            return ""
        return resting(paused=self.paused, until=self.waiting_until) or "running"
