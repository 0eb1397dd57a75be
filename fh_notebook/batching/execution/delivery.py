"""`CallbackDelivery`: calls whose answers are delivered by callback or polling; the second kind of `attempt` of the
engine.

A direct call does not use it. Runs of this batch that an earlier kernel submitted, and that no process waits for any
more, are waited for again and not submitted twice.

Here, runs that the service has accepted and not ended are in flight. The service queues what is over the subscription's
cap, so a batch submits up to :data:`MAX_SUBMITTED`, regardless of the workspace's limiter, which is for calls that
would be refused. The ceilings of the client and of ``configure`` apply nevertheless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from fh_notebook.batching.model import AWAITS_DECISION, CANCELLED, LOOK_UPS_CAPPED, CancelledRun
from fh_notebook.batching.options import DeliveryMode
from fh_notebook.batching.planning.reuse import left_behind
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.batching.progress.unknown_outcomes import ASK, RESOLVE_CAPPED
from fh_notebook.client.connection import address_for
from fh_notebook.client.pending_run import PendingRun
from fh_notebook.client.polling import LookUpBudget
from fh_notebook.contract.callbacks import NO_OUTPUT_CODE, NOWHERE, RUN_NOT_FOUND, ids_of, is_accepted
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.response import Response
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import mask_inputs
from fh_notebook.contract.wire import AttemptResult
from fh_notebook.core.text.formatting import one_line
from fh_notebook.core.text.messages import PYTHON, Audience, Message, Phrase, option, text_for
from fh_notebook.errors import AuthError, SettingsError, StoreError
from fh_notebook.session.limiter import ConcurrencyLimiter
from fh_notebook.store.pending_runs import PendingRuns, PendingTicket, first_run
from fh_notebook.store.tables.pending import PendingRow

if TYPE_CHECKING:
    from fh_notebook.client.callbacks.receiver import CallbackReceiver
    from fh_notebook.client.clients import AsyncClient

MAX_SUBMITTED: Final = 200
"""Runs of a batch that are out at once, unless ``max_concurrency=`` says otherwise."""

WRITE_S: Final = 0.02
"""So long after the service took a run it is written down, together with those that it took meanwhile. Until then the
job's claim says that it may have run: a kernel that is killed then finds it unknown, and calls it no second time."""


CAPPED: Final = Message("it had not ended when the daily cap was used up; {}", (RESOLVE_CAPPED,))

CUT_OFF: Final = Message("it was cancelled while its run continued; {}", (ASK,))
REFUSED: Final = "the service accepted it, but refuses to say how it ended ({}); {}"

_PREFIX: Final = uuid4().hex

_NUMBERS: Final = count()
"""Names of lines: a random one for each process, then a number. A random one for each line costs a system call."""


Attempt = Callable[[InvokeRequest], Awaitable[AttemptResult]]


class CallbackDelivery:
    """How the calls of one start are made and answered.

    Parameters
    ----------
    delivery : {"direct", "callback", "poll"}
        The way.
    receiver : CallbackReceiver, optional
        Who receives; by default this process's own, where the service is on this machine.
    client : AsyncClient
        Whom to ask.
    stored : StoredBatch
        Where runs are written down while they are out, and for which batch.
    audience : Audience
        Who reads its messages.
    """

    def __init__(
        self,
        delivery: DeliveryMode,
        *,
        receiver: CallbackReceiver | None,
        client: AsyncClient,
        stored: StoredBatch,
        audience: Audience = PYTHON,
    ) -> None:
        self._delivery = delivery
        self._receiver = receiver
        self._client = client
        self._stored = stored
        self._audience = audience
        self._url = NOWHERE
        self._pending_runs = PendingRuns(stored.store, client.workspace)
        self._left = left_behind(stored)
        self._owner = self._pending_runs.owner.name if delivery != "direct" else ""
        self._unwritten: dict[str, PendingRow] = {}
        self._pending: dict[int, PendingRun] = {}
        self._without_output: dict[str, PendingRun] = {}
        """By the key of the job, until its answer is saved."""
        self._learned: set[str] = set()
        self._budget = LookUpBudget(
            lambda: client.connection.left_for("lookup"), most=MAX_SUBMITTED, shared=client.connection.look_ups
        )
        self.on_change: Callable[[], object] = lambda: None
        """Called on the loop when a run that is waited for says something new."""
        self.on_budget: Callable[[], None] = lambda: None
        """Called when look-ups have shown how many runs may be out."""

    @property
    def left(self) -> frozenset[str]:
        """The keys of jobs that were submitted before, and are waited for again."""
        return frozenset(self._left)

    @property
    def pending(self) -> list[PendingRun]:
        """The runs that are waited for."""
        return list(self._pending.values())

    @property
    def budget(self) -> LookUpBudget | None:
        """What pays for look-ups, where nothing else brings the answers and a daily cap counts them."""
        is_polled = self._delivery == "poll"
        return self._budget if is_polled and self._client.connection.left_for("lookup") is not None else None

    def begin(self, planned: int, deployment: str) -> None:
        """Begin with so many jobs of a deployment; see :meth:`LookUpBudget.begin`."""
        self._budget.begin(planned, deployment)
        self._budget.on_change = lambda: self.on_budget()

    def most_out(self, number: int | None) -> int | None:
        """Return how many runs may be out at once, where the user allows `number`; ``None``: the limiter says it."""
        budget = self.budget
        return number if budget is None else min(budget.most_out, number or MAX_SUBMITTED)

    def limiter(self, shared: Any, max_concurrency: int | None) -> Any:
        """Return the limiter of the calls: the client's, or its ceilings before a limiter of this batch's own."""
        if self._delivery == "direct":
            return shared
        return shared.past(ConcurrencyLimiter(max_concurrency or MAX_SUBMITTED))

    async def ready(self) -> Attempt:
        """Return how one call is made; a receiver listens by then."""
        if self._delivery == "callback":
            await self._receive()
            if self._receiver is None:
                receiver = Phrase("receiver=fh.CallbackReceiver(public_url=...)", command="--public-url")
                template = "callbacks cannot arrive: give {}, an address that Fetch Hive can reach; or {}"
                raise SettingsError(Message(template, (receiver, option("delivery", "poll", in_cell=True))))
        attempt = self._client.attempt if self._delivery == "direct" else self._deliver
        return partial(self._unless_left, attempt) if self._left else attempt

    async def _receive(self) -> None:
        """Have the receiver listen, if callbacks can come to one."""
        receiver = self._receiver
        if receiver is None and not self._client.connection.is_near:
            return
        self._receiver, self._url = await address_for(self._client.connection, receiver)

    def end(self) -> None:
        """Take out of the book what is saved as answered."""
        self._budget.end()
        self._write()
        if self._delivery != "direct" or self._left:
            with suppress(StoreError):  # it is taken out when somebody looks
                self._pending_runs.table.prune(self._stored.id)

    # --- one call

    async def _deliver(self, request: InvokeRequest) -> AttemptResult:
        """Submit, and wait for the outcome."""
        receiver, learns = self._receiver, request.deployment not in self._learned
        async with receiver.expecting() if receiver is not None and learns else nullcontext():
            exchange = await self._client.attempt(request.delivered_to(self._url))
            run = exchange.run
            if receiver is not None and run.webhook_secret is not None:
                receiver.learn(run.webhook_secret, f"{self._client.workspace}/{request.deployment}")
                self._learned.add(request.deployment)
        if not (is_accepted(run) and ids_of(run)):
            return exchange
        ticket = self._write_down(request, run)
        outcome = await self._outcome(request, run, ticket)
        self._unwritten.pop(ticket.row.id, None)
        return AttemptResult(response=exchange.response, run=outcome)

    async def _outcome(
        self, request: InvokeRequest, first: Run, ticket: PendingTicket, *, is_left: bool = False
    ) -> Run:
        pending = PendingRun(
            client=self._client,
            request=request,
            first=first,
            receiver=self._receiver,
            keep=None,
            let_go=ticket.let_go,
            ask_now=text_for(RESOLVE_CAPPED, self._audience),
            budget=self._budget,
            is_left=is_left,
        )
        self._pending[id(pending)] = pending
        pending.on_change(partial(self._changed, ticket))
        if pending.may_wait_for_tool:  # from the beginning: an earlier kernel has submitted it
            self.on_change()
        pending.begin(poll=True)
        try:
            try:
                run = await pending.outcome()
            except AuthError as exc:
                self._write()
                ticket.let_go()  # now that it is written down
                error = text_for(Message(REFUSED, (one_line(str(exc)), ASK)), self._audience)
                run = replace(pending.run, status="unknown", error=error, error_code="look_up_refused")
            if pending.is_capped:
                run = replace(run, status="unknown", error=text_for(CAPPED, self._audience), error_code=LOOK_UPS_CAPPED)
            if run.status == "unknown" and run.error_code == RUN_NOT_FOUND:
                self._write()
                await ticket.drop()  # nobody can wait for it: `retry_unknown` calls the row
            if run.error_code == NO_OUTPUT_CODE and self._receiver is not None:
                self._without_output[_key_of(request)] = pending
            return run
        except asyncio.CancelledError as exc:
            self._write()
            pending.cancel_waiting()
            run = pending.run
            if run.status != AWAITS_DECISION:
                error = text_for(CUT_OFF, self._audience)
                run = replace(run, status="unknown", error=error, error_code=CANCELLED)
            raise CancelledRun(run) from exc
        finally:
            del self._pending[id(pending)]

    def on_output(self, key: str, call: Callable[[Run], None]) -> None:
        """Call `call` with the run of a job whose answer was saved without its output, once a callback brings it.

        It is called on the background loop.
        """

        def tell(pending: PendingRun) -> None:
            if pending.run.error_code != NO_OUTPUT_CODE:
                call(pending.run)

        if (pending := self._without_output.pop(key, None)) is not None:
            pending.on_change(tell)

    def _changed(self, ticket: PendingTicket, pending: PendingRun) -> None:
        if pending.waiting and pending.is_capped and not pending.by_callback:  # nothing would end it before tomorrow
            self._write()
            pending.cancel_waiting()
        if pending.waiting and (pending.status == AWAITS_DECISION) != (ticket.row.status == AWAITS_DECISION):
            self._write_status(ticket, pending.run)
        self.on_change()

    def _write_status(self, ticket: PendingTicket, run: Run) -> None:
        """Write down that a run waits for a decision, or goes on: whoever opens the batch asks for those that wait."""
        row = ticket.row
        request_id, run_id = row.request_id or run.request_id, row.run_id or run.run_id
        ticket.row = row = replace(row, status=run.status, request_id=request_id, run_id=run_id)
        if row.id in self._unwritten:
            self._unwritten[row.id] = row
        else:
            with suppress(StoreError):  # it is asked for the less
                self._pending_runs.table.accept(row)

    def _write_down(self, request: InvokeRequest, run: Run) -> PendingTicket:
        line = PendingRow(
            id=f"{_PREFIX}{next(_NUMBERS)}",
            workspace=self._pending_runs.workspace,
            key=_key_of(request),
            batch=self._stored.id or None,
            deployment=request.deployment,
            variant=request.variant,
            inputs=mask_inputs(request.inputs, request.secrets),
            metadata=request.metadata or {},
            callback_url=self._url,
            status=run.status,
            request_id=run.request_id,
            run_id=run.run_id,
            calls=run.attempts,
            owner=self._owner,
            submitted_at=run.started_at or datetime.now(UTC),
        )
        if not self._unwritten:
            asyncio.get_running_loop().call_later(WRITE_S, self._write)
        self._unwritten[line.id] = line
        return PendingTicket(self._pending_runs, line)

    def _write(self) -> None:
        """Write down, in one, the runs that have not ended meanwhile."""
        lines, self._unwritten = list(self._unwritten.values()), {}
        if lines:
            with suppress(StoreError):  # the answers cannot be saved either then, and that is told
                self._pending_runs.table.add(lines)

    # --- runs of an earlier kernel

    async def _unless_left(self, otherwise: Attempt, request: InvokeRequest) -> AttemptResult:
        """Wait for a run that was submitted before, and call the others."""
        line = self._left.pop(_key_of(request), None)
        if line is None:
            return await otherwise(request)
        first = first_run(line, self._client.origin)
        first = replace(first, inputs=request.inputs, metadata=dict(request.metadata or {}))
        answer = Response(status_code=202)
        ticket = self._pending_runs.take_over(line)
        if ticket is None:
            message = "it was submitted before, and its answer is awaited elsewhere; batch.resume() waits for it"
            status = first.status if first.status == AWAITS_DECISION else "unknown"
            return AttemptResult(
                response=answer, run=replace(first, status=status, error=message, error_code="elsewhere")
            )
        return AttemptResult(response=answer, run=await self._outcome(request, first, ticket, is_left=True))


def _key_of(request: InvokeRequest) -> str:
    """The key of the job that a request of a batch is stamped with."""
    return str((request.metadata or {}).get("fh_job", ""))
