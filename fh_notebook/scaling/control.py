"""The running side of a batch over many partitions: what people do with it, from any thread.

Rule of this file: it is the control of every batch; only where jobs come from and where they run is another thing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from fh_notebook.batching.control import Control
from fh_notebook.batching.outcomes import Counts
from fh_notebook.batching.plan import Plan
from fh_notebook.batching.run_settings import RunSettings
from fh_notebook.batching.running import budget_of
from fh_notebook.batching.stopping import Limits
from fh_notebook.batching.stored import Stored
from fh_notebook.batching.windows import Windows, at_once
from fh_notebook.errors import SettingsError
from fh_notebook.scaling.book import Book
from fh_notebook.scaling.coming import COME_IN_S
from fh_notebook.scaling.rounds import Ask, Rounds
from fh_notebook.scaling.spec import Spec
from fh_notebook.scaling.tally import Tally
from fh_notebook.scaling.threads import Place
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client

__all__ = ["ScaledControl"]


@dataclass
class _Agenda:
    """What `Control` asks of an agenda, over partitions."""

    plan: Plan
    outcomes: Tally
    stored: Stored
    feed: Any = None


class ScaledControl(Control):
    """The control of a batch over many partitions.

    Parameters
    ----------
    plan : Plan
        As it is before the first start.
    book : Book
        The partitions.
    place : function
        Makes the place where they run.
    spec : Spec
        What holds for all of them.
    client : Client
        Whom to ask.
    store : Store
        Where keys are kept.
    options : RunSettings
        How it is started.
    stored : Stored
        Which batch of the store it is.
    register : function
        Keeps what the batch's name stands for, in any thread.
    """

    settle_s = COME_IN_S

    def __init__(
        self,
        plan: Plan,
        book: Book,
        place: Callable[[], Place],
        spec: Spec,
        *,
        client: Client,
        store: Store,
        options: RunSettings,
        stored: Stored,
        register: Callable[[], None] = lambda: None,
    ) -> None:
        self._register = register
        self.book = book
        self.spec = spec
        self._make_place = place
        self._tally = Tally(book.jobs)
        self._ask = Ask()
        self._mine: tuple[str, ...] = ()
        agenda = _Agenda(plan, self._tally, stored)
        super().__init__(cast(Any, agenda), client=client, store=store, options=options)
        for number, page in enumerate(book.pages):
            line = page.line
            if line is not None:
                self._tally.put(
                    number, done=line.done, failed=line.failed, unknown=line.unknown, reused=line.done + line.failed
                )

    @property
    def paths(self) -> list[tuple[str, bool]]:
        """The parts, each with whether it was there before this batch object; none of a forgotten batch."""
        mine = tuple(f"-{run}.parquet" for run in self._mine)
        return [] if self.is_forgotten else [(path, not path.endswith(mine)) for path in self.book.paths]

    @property
    def counts(self) -> Counts:
        """How far it is, over all workers, by what was last heard."""
        return self._tally.counts()

    @property
    def in_flight(self) -> int:
        """Calls that are out, by what was last heard."""
        return self._tally.in_flight if self._active else 0

    def _calls_open(self) -> int:
        return self.counts.pending

    @property
    def limit(self) -> int:
        """How many calls may be out at once over all workers: as it is learned, within the ceiling."""
        start: Any = self._start
        if start is not None and start.limit is not None:
            return int(start.limit)
        return max(super().limit, self.in_flight)

    def first_windows(self) -> Windows:
        """Return nothing: partitions make their own windows. What is to be called is noted."""
        fresh = self._options.reuse is None
        return self._asked(Ask(fresh=fresh, call_lost=self._options.retry_unknown or fresh))

    def open_windows(self, *, retry_unknown: bool) -> Windows:
        """Note that what is pending is to be called."""
        self.refuse_while_running()
        return self._asked(Ask(call_lost=retry_unknown))

    def failed_windows(self, error_code: str | None) -> Windows:
        """Note that what failed is to be called again."""
        self.refuse_while_running()
        return self._asked(Ask(retry=True, error_code=error_code))

    def _asked(self, ask: Ask) -> Windows:
        self._ask = ask
        counts = self.counts
        answered, unknown = self.book.foreseen
        calls = counts.failed if ask.retry else counts.pending - answered - unknown
        if ask.call_lost and not ask.retry:
            calls += counts.unknown + unknown
        if ask.fresh:
            calls = counts.planned
        plan = self.agenda.plan
        if plan.calls != calls:
            self.agenda.plan = replace(plan, calls=calls)
        return at_once([])

    def _new_start(self) -> Any:
        spec = replace(
            self.spec, mine=self._mine, max_concurrency=self._max_concurrency, tells=self._on_event is not None
        )
        start = Rounds(
            book=self.book,
            place=self._make_place(),
            spec=spec,
            ask=self._ask,
            tally=self._tally,
            options=self._options,
            limits=self._limits,
            hear=self._hear,
            changed=self._changed,
            stored=self.stored,
            register=self._register,
        )
        start.rounds = _Noted(self)
        return start

    def _changed(self) -> None:
        start: Any = self._start
        if start is not None and self._tally.counts().refused:
            self._admits = start.admits or self._client.gate.learned
        self._safely(self._progress.update, self)

    def _limits(self) -> Limits:
        """The limits of this start, with what the configured daily cap leaves now."""
        budget = budget_of(self._client, self._store, datetime.now(UTC))
        return replace(self._options.limits, left_today=budget.left_today, daily_cap=budget.daily_cap)

    def resolve_unknown(self) -> str:
        """Refuse: where the answers of partitions lie, nothing is changed in place.

        Raises
        ------
        SettingsError
            Always, with what to do.
        """
        raise SettingsError("a batch over partitions cannot ask for single runs; batch.resume(retry_unknown=True)")


class _Noted(list[str]):
    """The rounds of a start, which are the batch object's own from then on."""

    def __init__(self, control: ScaledControl) -> None:
        super().__init__()
        self._control = control

    def append(self, run: str) -> None:
        """Note one."""
        super().append(run)
        self._control._mine = (*self._control._mine, run)
