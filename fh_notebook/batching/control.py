"""Starting, waiting for, cancelling and going on with a batch.

Rule of this file: whatever ends a start (its last answer, a limit of the service, an interrupt, a full disk), what was
answered is kept and what was not is pending; and what may have run is called again only when the user says so.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fh_notebook import loop
from fh_notebook.batching.engine import CUT_OFF, Engine
from fh_notebook.batching.events import Event, Finished, Retried, Started, Stopped, Throttled
from fh_notebook.batching.ledger import Ledger, NoLedger, Reuse, StoreLedger, look_up
from fh_notebook.batching.outcomes import Counts, Outcome, Outcomes, is_reusable, kind_of
from fh_notebook.batching.plan import Plan
from fh_notebook.batching.progress import NoProgress, Progress, progress_of
from fh_notebook.batching.stopping import Limits, cut_short, going_on, worded
from fh_notebook.batching.wording import sentence
from fh_notebook.contract.retry import NOT_REACHED
from fh_notebook.errors import AuthError, SettingsError
from fh_notebook.log import log
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client

__all__ = ["Control", "Options"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a batch is started, each time that it is."""

    limits: Limits
    max_concurrency: int | None
    on_event: Callable[[Event], object] | None
    progress: Any
    reuse: Reuse
    retry_unknown: bool
    named: bool
    """Whether the user named it: then the answers of other names are not offered."""


SETTLE_S: Final = 2.0
"""How long an interrupted start is waited for after the door's own grace; a second interrupt ends that, too."""


class Control:
    """The running side of one batch.

    Parameters
    ----------
    plan : Plan
        All its jobs.
    client : Client
        Whom to ask.
    store : Store or None
        Where answers are kept.
    options : Options
        How it is started.
    """

    def __init__(self, plan: Plan, client: Client, store: Store | None, options: Options) -> None:
        self.name = plan.name
        self.outcomes = Outcomes(plan.jobs)
        self.stopped: Stopped | None = None
        self.engine: Engine | None = None
        self._plan = plan
        self._jobs = self.outcomes.unique_jobs()
        self._client = client
        self._store = store
        self._options = options
        self._call_lost = options.retry_unknown or options.reuse is None
        # A batch that calls anew must not find the answers that were there before it.
        self._after_id = store.newest_id() if store is not None and options.reuse is None else 0
        self._seen_id = 0
        self._answered = 0
        self._cut = 0
        """Calls of this start that were out when it was cut short."""
        self._job: loop.Job[None] | None = None
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
        self._cancel_asked = False
        self.blocks = True  # whether somebody waits for the present start
        self._ended = threading.Event()
        self._progress: Progress = NoProgress()
        self._on_event = options.on_event
        self._going_on = going_on()

    # --- what progress and people see

    @property
    def counts(self) -> Counts:
        """How far it is; a value of this moment."""
        return self.outcomes.counts()

    @property
    def in_flight(self) -> int:
        """Calls that are out at this moment."""
        engine = self.engine
        return engine.in_flight if engine is not None else 0

    @property
    def running(self) -> bool:
        """Whether calls are being made, or about to be."""
        return self.engine is not None or (self._job is not None and not self._job.finished.is_set())

    def plan(self) -> Plan:
        """What the last start was going to do."""
        return self._plan

    def summary(self) -> str:
        """How far it is in one line, and why it stopped if it did."""
        return sentence(self.name, self.counts, running=self.running, stopped=self.stopped)

    # --- what is to be called

    def callable_keys(self, *, retry_unknown: bool) -> list[str]:
        """Return the keys that have no outcome which stands, in the plan's order."""

        def is_open(outcome: Outcome | None) -> bool:
            if outcome is None:
                return True
            if kind_of(outcome.run) == "unknown":
                return retry_unknown
            return outcome.run.status == "failed" and not is_reusable(outcome.run)

        return [key for key in self._jobs if is_open(self.outcomes.get(key))]

    def failed_keys(self, error_code: str | None) -> list[str]:
        """Return the keys that failed, or failed with `error_code`."""

        def is_meant(outcome: Outcome | None) -> bool:
            return bool(outcome and outcome.run.status == "failed" and error_code in (None, outcome.run.error_code))

        return [key for key in self._jobs if is_meant(self.outcomes.get(key))]

    def look_up(self) -> None:
        """Take the answers that are kept already, for every key without an outcome that stands."""
        if self._store is None:
            return
        self._seen_id = self._store.newest_id()
        found = look_up(
            self._store,
            [self._jobs[key] for key in self.callable_keys(retry_unknown=False)],
            batch=self.name,
            workspace=self._client.workspace,
            reuse=self._options.reuse,
            after_id=self._after_id,
            now=datetime.now(UTC),
            call_lost=self._call_lost,
        )
        for key, outcome in found.items():
            self.outcomes.put(key, outcome)

    def prepare(self) -> list[str]:
        """Look up what is known before the first start, keep the batch's record, and return what is to be called."""
        self._keep_owed()
        self.look_up()
        keys = self.callable_keys(retry_unknown=self._call_lost)
        self._replan(keys)
        self._look_elsewhere(keys)
        if self._store is not None:
            self._store.keep_batch(self._record()).result()
        return keys

    def refreshed(self, *, retry_unknown: bool) -> list[str]:
        """Return what is to be called now, after looking for what others have answered meanwhile."""
        self.refuse_while_running()
        self._keep_owed()
        self._call_lost = retry_unknown
        self.look_up()
        return self.callable_keys(retry_unknown=retry_unknown)

    def failed(self, error_code: str | None) -> list[str]:
        """Return the failed jobs that are to be called again."""
        self.refuse_while_running()
        self._keep_owed()
        if self._store is not None:
            self._seen_id = self._store.newest_id()
        return self.failed_keys(error_code)

    def _keep_owed(self) -> None:
        """Keep what was answered before and could not be kept then; without it, nothing is called.

        Raises
        ------
        StoreError
            The store is still in trouble.
        """
        if self._store is not None:
            self._store.keep_owed()

    def _look_elsewhere(self, keys: list[str]) -> None:
        """Note in the plan what a batch that begins could take from other names: it is about to pay for it again."""
        begins = not (self._options.named or self._plan.answered or self._plan.unknown)
        if self._store is not None and begins and self._options.reuse == "batch":
            self._plan = replace(self._plan, elsewhere=self._store.count_completed(keys))

    def _replan(self, keys: Iterable[str]) -> None:
        to_call = set(keys)
        known = [o for job, o in self.outcomes.of_jobs() if o and job.key and job.key not in to_call]
        answered = [o for o in known if kind_of(o.run) != "unknown"]
        self._plan = replace(
            self._plan,
            answered=len(answered),
            answered_at=max((o.kept_at for o in answered if o.kept_at), default=None),
            unknown=len(known) - len(answered),
            calls=len(to_call),
        )

    def _record(self) -> BatchRecord:
        plan = self._plan
        return BatchRecord(
            name=self.name,
            workspace=self._client.workspace,
            deployment=plan.deployment,
            variants=plan.variants,
            created_at=datetime.now(UTC),
            plan={"rows": plan.rows, "repeats": plan.repeats, "jobs": len(plan.jobs)},
        )

    # --- starting and ending

    def refuse_while_running(self) -> None:
        """Raise when calls are being made.

        Raises
        ------
        SettingsError
            With what to do.
        """
        if self.running:
            raise SettingsError(f"{self.name} is running; batch.wait() for it, or batch.cancel() it first")

    def start(self, keys: list[str], *, wait: bool) -> None:
        """Call the jobs of `keys`, on the background loop."""
        self._begin(keys, blocks=wait)
        work = self._go(keys, progress_of(self._options.progress))
        if not wait:
            self._job = loop.background().submit(work)
            return
        try:
            loop.run(work)
        except KeyboardInterrupt:
            # Milliseconds; longer only where the machine or the disk is busy. What was out is being kept as unknown.
            self._ended.wait(SETTLE_S)
            self._stop(cut_short("interrupted", self._cut + self.in_flight))

    async def astart(self, keys: list[str]) -> None:
        """Await :meth:`start`, from any running loop."""
        self._begin(keys, blocks=True)
        await loop.bridge(self._go(keys, progress_of(self._options.progress)))

    def _begin(self, keys: list[str], *, blocks: bool) -> None:
        self.refuse_while_running()
        self.blocks = blocks
        self._replan(keys)
        # Here and not in `_go`, which runs later: a cancel may come between the two.
        self.stopped, self._answered, self._cut, self._cancel_asked = None, 0, 0, False
        self._ended.clear()

    def wait(self) -> None:
        """Wait for a start in the background, and raise what it raised."""
        job = self._job
        if job is not None:
            while not job.finished.wait(loop.POLL_S):
                pass
            self._take_result(job)

    async def await_(self) -> None:
        """Await :meth:`wait`."""
        job = self._job
        if job is not None:
            while not job.finished.is_set():  # noqa: ASYNC110 - of another loop, and this one must look up for an interrupt
                await asyncio.sleep(loop.POLL_S)
            self._take_result(job)

    def _take_result(self, job: loop.Job[None]) -> None:
        self._job = None
        job.result()

    def cancel(self) -> None:
        """End a running start at once, from any thread, without waiting."""
        self._cancel_asked = True  # first: a start that has no task yet looks at it as soon as it has
        if (running := self._task) is not None:
            of_loop, task = running
            with suppress(RuntimeError):  # that loop has ended, and the start with it
                of_loop.call_soon_threadsafe(task.cancel)

    async def _go(self, keys: list[str], progress: Progress) -> None:
        task = asyncio.current_task()
        self._task = (asyncio.get_running_loop(), task) if task else None
        self._progress = progress
        self._safely(progress.begin, self)
        try:
            if self._cancel_asked:
                raise asyncio.CancelledError
            with self._open_ledger() as ledger, self._fixed_gate() as gate:
                self.engine = Engine(
                    attempt=self._client.aclient.attempt,
                    gate=gate,
                    ledger=ledger,
                    emit=self._hear,
                    batch=self.name,
                    limits=self._options.limits,
                    planned=len(keys),
                    max_in_flight=self._options.max_concurrency,
                )
                await self.engine.run(self._jobs[key] for key in keys)
                if self._store is not None and self.stopped is not None and self.stopped.reason == "store":
                    await asyncio.to_thread(self._safely, self._store.keep_owed)  # while the claims are alive
        except asyncio.CancelledError:
            self._stop(cut_short("cancelled" if self._cancel_asked else "interrupted", self._cut))
            if not self._cancel_asked:
                raise
        finally:
            self.engine = self._task = None
            self._safely(progress.end, self)
            self._ended.set()
        self._raise_if_refused()

    @contextmanager
    def _open_ledger(self) -> Iterator[Ledger]:
        if self._store is None:
            yield NoLedger()
            return
        owner = self._store.new_owner()
        try:
            yield StoreLedger(
                self._store,
                batch=self.name,
                workspace=self._client.workspace,
                owner=owner,
                seen_id=self._seen_id,
                call_lost=self._call_lost,
            )
        finally:
            owner.end()

    @contextmanager
    def _fixed_gate(self) -> Iterator[Any]:
        """Hold the workspace's gate at the batch's own number, where it has one, while the batch runs."""
        gate = self._client.gate
        if self._options.max_concurrency is None:
            yield gate
            return
        before = gate.fixed_at
        gate.fix(self._options.max_concurrency)
        try:
            yield gate
        finally:
            gate.fix(before)

    def _hear(self, event: Event) -> None:
        """Take an event into the counts, then tell the progress and the user's function."""
        if isinstance(event, Started):
            self.outcomes.calls += 1
        elif isinstance(event, Retried) and event.run.error_code in NOT_REACHED:
            self.outcomes.calls -= 1  # an attempt to connect is no request sent
        elif isinstance(event, Throttled):
            self.outcomes.refused += 1
        elif isinstance(event, Finished):
            self._answered += not event.reused
            self.outcomes.calls -= not event.reused and event.run.error_code in NOT_REACHED
            self._cut += event.run.error_code == CUT_OFF
            self.outcomes.put(event.job.key, Outcome(run=event.run, reused=event.reused))
        elif isinstance(event, Stopped):
            self._stop(event)
        self._safely(self._progress.update, self)
        if self._on_event is not None and not self._safely(self._on_event, event):
            self._on_event = None  # it would raise for every event

    def _stop(self, stopped: Stopped) -> None:
        self.stopped = worded(stopped, self._going_on)

    def _safely(self, call: Callable[..., object], *arguments: Any) -> bool:
        """Call somebody else's function; what it raises is logged, and never ends paid work."""
        try:
            call(*arguments)
        except Exception:
            log.warning("%s raised; it is not called again where it can be left out", call, exc_info=True)
            return False
        return True

    def _raise_if_refused(self) -> None:
        """Raise when the service refused the key at the very first call: nothing came, and nothing will."""
        stopped = self.stopped
        if stopped is None or stopped.reason != "auth" or self._answered or stopped.run is None:
            return
        run, told = stopped.run, stopped.message
        raise AuthError(told, status_code=run.status_code, error_code=run.error_code, request_id=run.request_id)
