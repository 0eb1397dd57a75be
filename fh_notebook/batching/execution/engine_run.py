"""`EngineRun`: one start of a batch by the engine on the background loop, according to its `StartOptions`.

Rule of this file: whatever ends a start (its last answer, a limit of the service, an interrupt, a full disk), what was
answered is saved and what was not is pending.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.batching.execution.delivery import MAX_SUBMITTED, CallbackDelivery
from fh_notebook.batching.execution.engine import Engine
from fh_notebook.batching.execution.held_calls import HeldCalls
from fh_notebook.batching.execution.ledger import StoreLedger
from fh_notebook.batching.execution.stop_rules import StopLimits
from fh_notebook.batching.execution.unknown_names import Name, NameEvidence, hint_of
from fh_notebook.batching.model import (
    CANCELLED,
    Event,
    Finished,
    Job,
    OutcomeTable,
    OutputArrived,
    Throttled,
    kind_of,
)
from fh_notebook.batching.options import BatchOptions, DeliveryMode, Reuse
from fh_notebook.batching.planning.plan import Budget
from fh_notebook.batching.planning.stored_batch import StoredBatch, running_refused
from fh_notebook.batching.planning.work_queue import LookedUpWindow, WindowPrefetch, Windows, WorkQueue, chained_windows
from fh_notebook.batching.progress.unknown_outcomes import RESOLVE_CAPPED, WAIT_HELP, WaitHelp
from fh_notebook.batching.tables.row_sources import UNKNOWN_ROWS
from fh_notebook.contract.callbacks import NO_OUTPUT_CODE, RunIds, WaitingSteps, step_of
from fh_notebook.contract.retry import next_reset
from fh_notebook.contract.run import Run
from fh_notebook.core import event_loop
from fh_notebook.core.config import settings
from fh_notebook.core.rate import Rate
from fh_notebook.core.redaction import log, redact
from fh_notebook.core.text.messages import PYTHON, Audience, Message, option, text_for
from fh_notebook.core.values import utc_now
from fh_notebook.errors import InputError, SettingsError, StoreError
from fh_notebook.store.owner_locks import Owner
from fh_notebook.store.store import Store
from fh_notebook.store.writer import IN_MEMORY

if TYPE_CHECKING:
    from fh_notebook.client.callbacks.receiver import CallbackReceiver
    from fh_notebook.client.clients import Client
    from fh_notebook.client.pending_run import PendingRun


RESET_GRACE_S: Final = 2.0
"""After midnight UTC by this machine's clock: the service's may be behind."""
NAP_S: Final = 60.0
"""The longest sleep at once: a machine that was suspended must not sleep on."""


@dataclass(frozen=True, kw_only=True)
class StartOptions:
    """Options of each start of a batch: limits, rate, delivery and reuse."""

    limits: StopLimits
    max_concurrency: int | None
    rate: Rate | None
    wait_for_reset: bool
    on_event: Callable[[Event], object] | None
    progress: Any
    reuse: Reuse
    retry_unknown: bool
    delivery: DeliveryMode = "direct"
    receiver: CallbackReceiver | None = None
    """Who receives callbacks, where they come so."""
    audience: Audience = PYTHON
    """Who reads its messages."""
    decide: WaitHelp = WAIT_HELP
    """What to do about a row whose run waits for a decision."""
    offers_reuse: bool = False
    """Whether its plan names the answers of other batches: nobody has said that they do not count."""
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @classmethod
    def of(
        cls, options: BatchOptions, *, is_saved: bool = True, is_stream: bool = False, audience: Audience = PYTHON
    ) -> StartOptions:
        """Return how a batch with these options is started."""
        rule = options.fail_on_error
        if is_stream and not isinstance(rule, bool) and rule < 1:
            raise SettingsError(
                Message(
                    "{} as a fraction needs to know all rows, {}; give a count",
                    (option("fail_on_error"), UNKNOWN_ROWS),
                )
            )
        bounds = [calls for calls in (options.max_calls, _calls_for(options.max_cost)) if calls is not None]
        return cls(
            limits=StopLimits(
                max_calls=min(bounds, default=None),
                max_seconds=options.max_seconds,
                fail_on_error=options.fail_on_error,
            ),
            max_concurrency=options.max_concurrency,
            rate=None if options.rate is None else Rate.of(options.rate),
            wait_for_reset=options.wait_for_reset,
            on_event=options.on_event,
            progress=options.progress,
            delivery=options.delivery,
            receiver=options.receiver,
            reuse=_reuse_of(options, is_saved=is_saved),
            retry_unknown=options.retry_unknown,
            offers_reuse=options.reuse == "auto",
            audience=audience,
        )

    async def sleep_until(self, reset: datetime) -> None:
        """Sleep until the daily cap is renewed, and a little longer."""
        while (remaining_s := (reset - self.now()).total_seconds() + RESET_GRACE_S) > 0:
            await self.sleep(min(remaining_s, NAP_S))


def resume_options(reuse: Reuse) -> StartOptions:
    """Return the options with which a batch that was opened by its name is resumed."""
    return StartOptions(
        limits=StopLimits(),
        max_concurrency=None,
        rate=None,
        wait_for_reset=False,
        on_event=None,
        progress=True,
        reuse=reuse,
        retry_unknown=False,
    )


def _reuse_of(options: BatchOptions, *, is_saved: bool) -> Reuse:
    """Which saved answers count.

    A name of its own asks for answers of its own. Without one nothing that was answered is paid for again: not where a
    variant, a row or a repeat is added either, which makes another batch of it.
    """
    if options.fresh:
        return None
    if options.reuse == "auto":
        return "store" if is_saved and options.name is None else "batch"
    return options.reuse


def _calls_for(max_cost: float | None) -> int | None:
    """How many calls an amount pays for."""
    if max_cost is None:
        return None
    price = settings.current().price_per_call
    if price is None:
        price_given = option("price_per_call", 0.02, call="fh.configure({})")
        raise SettingsError(Message("{} needs the price of a call: {}", (option("max_cost"), price_given)))
    return int(max_cost / price + 1e-9)


class EngineRun:
    """One start of a batch, by the engine of this process: a `BatchRun`.

    Parameters
    ----------
    name : str
        The batch's.
    client : Client
        Whom to ask.
    work_queue : WorkQueue
        What is to be called, and where answers are saved.
    outcomes : OutcomeTable
        Takes what comes of it.
    options : StartOptions
        How.
    call_lost : bool
        Whether what may have run is called again.
    names : NameEvidence
        What is known of the deployments and variants that are called.
    look_ups_per_call : int
        Requests that wait for the answer to each call, for the daily cap.
    deployment : str
        Which, for the look-ups of runs that are polled.
    held_before : function
        Returns the jobs whose runs wait for a decision since an earlier start, with their answers; called in a thread.
    on_event : function of Event
        Called with every event once the counts have it.
    on_change : function
        Called when something to be shown has changed without an event.
    """

    def __init__(
        self,
        *,
        name: str,
        client: Client,
        work_queue: WorkQueue,
        outcomes: OutcomeTable,
        options: StartOptions,
        call_lost: bool,
        names: NameEvidence,
        look_ups_per_call: int = 0,
        deployment: str = "",
        held_before: Callable[[], Iterable[tuple[Job, Run]]] = tuple,
        on_event: Callable[[Event], None],
        on_change: Callable[[], object],
    ) -> None:
        self._name = name
        self._client = client
        self._stored = work_queue.stored
        self._store = work_queue.stored.store
        self._work_queue = work_queue
        self._outcomes = outcomes
        self._options = options
        self._call_lost = call_lost
        self._names = names
        self._look_ups_per_call = look_ups_per_call
        self._deployment = deployment
        self._on_event = on_event
        self._on_change = on_change
        self.engine: Engine | None = None
        """Of the present calls; a batch that waits for the renewal of a daily cap has a new one then."""
        self._limiter: Any = None
        """What its calls go through, while it runs."""
        self._delivery: CallbackDelivery | None = None
        self._held_before = held_before
        self._held = HeldCalls(
            client.aclient,
            name,
            ask_now=text_for(RESOLVE_CAPPED, options.audience),
            keep=self._complete,
            on_change=on_change,
        )
        self._was_refused = False
        self.max_concurrency = options.max_concurrency
        self.paused = False
        self.waiting_until: datetime | None = None
        """When it goes on, while it sleeps for the daily cap's renewal."""
        self._calls_before = 0
        """The calls of the batch before those of the present engine."""
        self.answered = 0
        self.cut = 0
        """Calls that were out when it was cut short."""

    @property
    def in_flight(self) -> int:
        """Calls that are out at this moment."""
        return self.engine.scheduler.in_flight if self.engine is not None else 0

    @property
    def _pending(self) -> list[PendingRun]:
        return self._delivery.pending if self._delivery is not None else []

    @property
    def waiting_runs(self) -> list[RunIds]:
        """The ids of each run that waits for a decision about a tool, as far as it is known."""
        return [*(run.ids for run in self._pending if run.may_wait_for_tool), *self._held.waiting]

    @property
    def waiting_steps(self) -> WaitingSteps:
        """The human-in-the-loop steps that runs wait for, as far as it is known."""
        pending = [(run.ids.first, run.mask.text(step)) for run in self._pending if (step := step_of(run.run))]
        questions = [*(step for _, step in pending), *self._held.steps]
        return WaitingSteps.of(questions, origin=self._client.aclient.origin, ids=(run for run, _ in pending))

    def look_soon(self, run: str) -> None:
        """Look a run up soon, by its first id: a decision about its tool was sent."""
        for pending in self._pending:
            if pending.ids.first == run:
                pending.look_soon()
        self._held.look_soon(run)

    @property
    def limit(self) -> int | None:
        """How many calls may be out at once now, while calls are made."""
        limiter, number = self._limiter, self.max_concurrency
        if limiter is None:
            return None
        return int(limiter.limit if number is None else limiter.begins_at(number))

    @property
    def admits(self) -> int | None:
        """How many calls at once the service admits, once it has refused one of this start."""
        learned: int | None = self._limiter.learned if self._was_refused and self._limiter is not None else None
        return learned

    async def run(self, windows: Windows, *, planned: int) -> None:
        """Call the jobs of `windows`."""
        async with owner_of_claims(self._stored) as owner:
            for job, run in await asyncio.to_thread(lambda: list(self._held_before())):
                self._held.note(Finished(job=job, run=run, line=self._outcomes.line(job.number)))
            while True:
                await self._run(windows, planned, owner)
                if not (self._options.wait_for_reset and self._waits_for_cap):
                    return
                await self._sleep_until_reset()
                self._work_queue.reopen_capped()
                self._work_queue.begin()
                # What the engine was given and did not call, or did not look up to its end, then the windows that it
                # did not take.
                windows = chained_windows(WindowPrefetch(self._work_queue.again()), windows)

    async def _run(self, windows: Windows, planned: int, owner: Owner) -> None:
        options = self._options
        deliver = self._delivery = CallbackDelivery(
            options.delivery,
            receiver=options.receiver,
            client=self._client.aclient,
            stored=self._stored,
            audience=options.audience,
        )
        deliver.on_change = self._on_change
        try:
            await self._deliver(windows, planned, owner, deliver)
        finally:
            self._limiter = None
            deliver.end()
        if self._was_stopped_by("store"):
            await asyncio.to_thread(self._keep_owed)  # while the claims are alive

    def _was_stopped_by(self, *reasons: str | None) -> bool:
        stopped = self.engine.scheduler.stopped if self.engine is not None else None
        return (stopped and stopped.reason) in reasons

    @property
    def _waits_for_cap(self) -> bool:
        """Whether the daily cap alone ended the calls, or the look-ups of runs that the service took."""
        return self._was_stopped_by("daily_cap") or (bool(self._outcomes.capped) and self._was_stopped_by(None))

    async def _deliver(self, windows: Windows, planned: int, owner: Owner, deliver: CallbackDelivery) -> None:
        attempt = await deliver.ready()
        limits = self._limits()
        ledger = StoreLedger(
            self._stored,
            workspace=self._client.workspace,
            owner=owner,
            seen_id=self._work_queue.seen_id,
            calls_anew=self._options.reuse is None,
            anywhere=self._work_queue.anywhere,
            daily_cap=limits.daily_cap,
            call_lost=self._call_lost,
            budget=lambda: deliver.budget,
            left=deliver.left,
        )
        deliver.begin(planned, self._deployment)
        limiter = self._limiter = deliver.limiter(self._client.limiter, self.max_concurrency)
        self._calls_before = self._outcomes.calls
        self.engine = Engine(
            attempt=attempt,
            explain=self._client.aclient.explained,
            limiter=limiter,
            ledger=ledger,
            prepare=self._client.aclient.prepare,
            uploads=self._client.aclient.uploads_of,
            emit=self._take,
            batch=self._name,
            audience=self._options.audience,
            decide=self._options.decide,
            limits=limits,
            planned=planned,
            max_in_flight=deliver.most_out(self.max_concurrency),
            rate=self._options.rate,
            names=self._names,
            hint=self._hint,
            now=self._options.now,
        )
        deliver.on_budget = self._bound_out
        self.engine.scheduler.pause(self.paused)
        try:
            limiter.ask(self, self.max_concurrency)
            await self.engine.run(self._jobs_of(windows))
        finally:
            limiter.ask(self, None)

    def _hint(self, name: Name) -> str:
        try:
            return hint_of(self._client.aclient.connection.known_deployments(), name)
        except InputError:  # the catalogue cannot be read; whoever needs it is told so
            return ""

    def _bound_out(self) -> None:
        """Bound what is out by a number, where slots are lent while the service has runs wait, or look-ups are few."""
        if self.engine is not None and self._delivery is not None:
            self.engine.scheduler.retune(self._delivery.most_out(self.max_concurrency))

    def _keep_owed(self) -> None:
        with suppress(Exception):  # it is told already that the store fails, and tried again at the next start
            self._store.keep_owed()

    async def _jobs_of(self, windows: Windows) -> AsyncIterator[list[Job]]:
        async for window in windows:
            if isinstance(window, LookedUpWindow):
                jobs = self._work_queue.take(window)
                # What is looked at again was planned as a call, and somebody else has answered it meanwhile.
                self._outcomes.settled += 0 if window.is_new else len(window.known)
            else:
                jobs = window
            if any(job.sealed for job in jobs):
                raise SettingsError(
                    "the inputs of this batch contain a password, which is not saved; run its cell again with its rows"
                )
            yield jobs

    # --- limits

    def _limits(self) -> StopLimits:
        """The limits of this start, with what the configured daily cap leaves now."""
        budget = budget_of(self._client.workspace, self._store, self._options.now())
        return replace(
            self._options.limits,
            left_today=budget.left_today,
            daily_cap=budget.daily_cap,
            look_ups_per_call=self._look_ups_per_call,
            holds_look_up=self._delivery is not None and self._delivery.budget is not None,
        )

    async def _sleep_until_reset(self) -> None:
        self.waiting_until = next_reset(self._options.now())
        self._on_change()
        try:
            await self._options.sleep_until(self.waiting_until)
        finally:
            self.waiting_until = None
            self._on_change()
        self._client.limiter.reopen()

    # --- while it runs: called in the loop's thread

    def retune(self, max_concurrency: int | None) -> None:
        """Change the ceiling of calls at once."""
        self.max_concurrency = max_concurrency
        if self.engine is not None and (limiter := self._limiter) is not None:
            if limiter is not self._client.limiter:  # one of this batch's own
                limiter.fix(max_concurrency or MAX_SUBMITTED)
            limiter.ask(self, max_concurrency)
            self._bound_out()

    def pause(self, paused: bool) -> None:
        """Start no further call, or go on."""
        self.paused = paused
        if self.engine is not None:
            self.engine.scheduler.pause(paused)

    def _take(self, event: Event) -> None:
        """Take an event into the counts, then tell it."""
        outcomes = self._outcomes
        if self.engine is not None:
            outcomes.calls = self._calls_before + self.engine.scheduler.calls
        if isinstance(event, Throttled):
            outcomes.refused += 1
            self._was_refused |= event.reason == "concurrency"
        elif isinstance(event, Finished):
            self.answered += not event.reused
            outcomes.settled += 1
            self.cut += event.run.error_code == CANCELLED
            self._work_queue.finished(event.job, event.run, line=event.line, reused=event.reused)
            self._held.note(event)
            if event.run.error_code == NO_OUTPUT_CODE and self._delivery is not None:
                self._delivery.on_output(event.job.key, partial(self._take_output, event))
        self._on_event(event)

    def _take_output(self, kept: Finished, run: Run) -> None:
        event_loop.background().submit(self._complete(kept, run))

    async def _complete(self, kept: Finished, run: Run) -> None:
        """Take what a saved answer lacked, its output or the outcome, unless the row has another answer by now."""
        if kind_of(run) == "unknown":
            return
        run, line = replace(run, inputs=kept.run.inputs, attempts=kept.run.attempts), kept.line
        if not self._work_queue.has(kept.job, kept.run, line=line):
            return
        if line:
            problem = "its answer was forgotten in the meantime"
            try:
                is_kept = await self._store.answers.complete(line, run)
            except StoreError as exc:
                is_kept, problem = False, redact(str(exc))
            if not is_kept:  # the row has it all the same, while this batch lives
                log.warning("The late answer of a run was not saved: %s", problem)
                line = 0
            if not self._work_queue.has(kept.job, kept.run, line=kept.line):
                return
        self._work_queue.finished(kept.job, run, line=line, reused=kept.reused)
        self._on_event(OutputArrived(job=kept.job, run=run, line=line))


@asynccontextmanager
async def owner_of_claims(stored: StoredBatch) -> AsyncIterator[Owner]:
    """Give an owner of claims; while the block runs the store knows that it runs the batch."""
    store = stored.store
    stored.owner = owner = store.owners.new()
    try:
        if stored.id:  # else it is said with the batch's first window
            is_there, beside = True, ""
            with suppress(StoreError):  # the first claim tells it, with the rest pending
                is_there, beside = await store.claims.begin_start(stored.id, owner)
            if beside:
                raise running_refused(beside)
            if not is_there:
                raise SettingsError("the batch was forgotten before its first call; run its cell again")
        yield owner
    finally:
        stored.owner = None
        if stored.id:
            with suppress(StoreError):
                store.claims.end_start(stored.id, owner)
        owner.end()


def budget_of(workspace: str, store: Store, now: datetime) -> Budget:
    """Return the configured price and daily cap, and how many requests were sent today."""
    configured = settings.current()
    if configured.daily_cap is None:
        return Budget(price_per_call=configured.price_per_call)
    used = store.requests.on_day(workspace, now)
    return Budget(
        price_per_call=configured.price_per_call,
        daily_cap=configured.daily_cap,
        used_today=used,
        is_saved=store.database.path != IN_MEMORY,
    )
