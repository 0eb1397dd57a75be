"""How a batch stands: what progress and people may ask of it at any moment, from any thread.

Rule of this file: it reads, and begins and ends nothing: what people do with a batch is in `control.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from fh_notebook.batching.agenda import Agenda
from fh_notebook.batching.delivery import AT_ONCE
from fh_notebook.batching.events import Stopped
from fh_notebook.batching.options import Options
from fh_notebook.batching.outcomes import Counts
from fh_notebook.batching.plan import Plan
from fh_notebook.batching.reader import Reader
from fh_notebook.batching.running import Start
from fh_notebook.batching.wording import sentence
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
    options : Options
        How it is started.
    """

    def __init__(self, agenda: Agenda, *, client: Client, options: Options) -> None:
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
        self._calls_before = 0
        self._max_concurrency = options.max_concurrency

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
        return start.engine.in_flight if start is not None and start.engine is not None else 0

    @property
    def running(self) -> bool:
        """Whether calls are being made, or about to be."""
        return self._active

    @property
    def limit(self) -> int:
        """How many calls may be out at once now."""
        start = self._start
        if start is not None and start.gate is not None:
            return int(start.gate.limit)
        return AT_ONCE if self._options.delivery in ("callback", "poll") else int(self._client.gate.limit)

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
        counts, most = self.counts, self.agenda.plan.max_calls
        left = counts.pending
        return left if most is None else min(left, max(0, most - (counts.calls - self._calls_before)))

    @property
    def waiting_until(self) -> datetime | None:
        """Until when it sleeps for the daily cap's renewal, UTC."""
        start = self._start
        return start.waiting_until if start is not None else None

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
        return sentence(self.name, self.counts, running=self.running, stopped=self.stopped)

    @property
    def expected_concurrency(self) -> int:
        """How many calls will be out at once, as far as that is known."""
        return self._max_concurrency or self.limit
