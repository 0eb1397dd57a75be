"""PendingRun: a run started by callback delivery, until its outcome arrives.

Rule of this file: the first outcome counts, by callback or look-up, and is stored before anybody sees it; later ones
are ignored, but for a callback that brings the output which the first one lacked. A caller who stops waiting ends
nothing at the service, and nothing here submits a run.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from fh_notebook.client import polling
from fh_notebook.client.approvals import ToolApprovals
from fh_notebook.client.connection import Connection
from fh_notebook.client.retry_loop import BeforePage
from fh_notebook.client.waiting_tools import RunApprovals
from fh_notebook.contract import output as output_view
from fh_notebook.contract.callbacks import (
    NO_OUTPUT_CODE,
    RUN_NOT_FOUND,
    Identified,
    RunIds,
    WaitingSteps,
    approval_request_of,
    ids_of,
    is_outcome,
    waits_for,
    waits_for_tool,
    with_call_data,
    with_final_status,
)
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.run import Run, card_head, identity_text, with_action
from fh_notebook.contract.secrets import Mask
from fh_notebook.core import arguments, event_loop, hooks
from fh_notebook.core.event_loop import on_loop
from fh_notebook.core.redaction import log
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import moment_text, one_line, with_partial_repr
from fh_notebook.core.text.messages import counted
from fh_notebook.core.values import Seconds

if TYPE_CHECKING:
    from fh_notebook.client.callbacks.receiver import CallbackReceiver

ASKED: Final = "fh-asked"
"""The class of a question about a tool, which a table of approvals repeats."""
TO_TYPE: Final = "fh-to-type"
"""The CSS class of what is to be typed where there are no buttons for it."""

TOOL_HINT: Final = '{}.approvals() lists the tools that wait; approval.decide("allow_once") or "deny" decides'
"""What to type, where a run waits for a decision about a tool."""
CAP_USED: Final = "The daily cap is used up: runs are not looked up before 00:00 UTC; {}"
NO_WORKSPACE_HINT: Final = "to decide here, set fh.configure(workspace_id=...), the service's id of the workspace"

Keep = Callable[[Run], Awaitable[None]]


def runs_waited_for(workspace: str) -> list[PendingRun]:
    """Return the runs of a workspace that this process waits for: they go on at the service, and may be looked up."""
    with _WAITED_FOR.lock:
        runs = list(_WAITED_FOR.runs)
    return [run for run in runs if run.service == workspace and run.may_end]


def look_up_soon(workspace: str, ids: Identified) -> None:
    """Look up soon the run with one of these ids that this process waits for: a decision about it was sent."""
    wanted = frozenset(ids_of(ids))
    with _WAITED_FOR.lock:
        held = list(_WAITED_FOR.held)
    for runs in held:
        runs.note_decision(workspace, wanted)
    for run in runs_waited_for(workspace):
        if wanted.intersection(run.ids):
            run.look_soon()


class HeldRuns(Protocol):
    """Runs that are looked up once somebody has decided about them, and not before."""

    def note_decision(self, workspace: str, ids: frozenset[str]) -> None:
        """Note that a decision was sent about the run of a workspace with one of these ids, from any thread."""
        ...


def tell_decisions(runs: HeldRuns) -> None:
    """Have `runs` told of each decision that this process sends, as long as somebody holds them."""
    with _WAITED_FOR.lock:
        _WAITED_FOR.held.add(runs)


class _WaitedFor:
    """The runs whose outcome somebody waits for; one that nobody holds any more is none of them."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget them: nothing in the child of a fork waits, and the lock may have been held."""
        self.lock = threading.Lock()
        self.runs = weakref.WeakSet[PendingRun]()
        self.held = weakref.WeakSet[HeldRuns]()

    def add(self, run: PendingRun) -> None:
        with self.lock:
            self.runs.add(run)

    def discard(self, run: PendingRun) -> None:
        with self.lock:
            self.runs.discard(run)


class LookUpClient(Protocol):
    """What a pending run needs of the client that submitted it."""

    @property
    def connection(self) -> Connection:
        """Says whether a look-up has a cost, and which deployments are known to wait for a person."""
        ...

    async def look_up(self, request_id: str | None, run_id: str | None) -> Run:
        """Ask the service for the status of a run."""
        ...

    async def explained(self, run: Run) -> Run:
        """Return a run with what the service's error catalogue says to do about its error."""
        ...

    async def list_approvals(
        self,
        query: Mapping[str, str | None],
        *,
        workspace_id: str | None = None,
        before_page: BeforePage = ...,
    ) -> ToolApprovals:
        """List approvals; `before_page` is awaited before each request, and what it raises ends the list."""
        ...


@arguments.public
@with_partial_repr
class PendingRun:
    """A run that is in progress at the service. ``submit`` returns it, and ``fh.reattach()`` in a new kernel.

    It can be awaited, waited for, and shown: in a notebook its display changes when the outcome comes.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.demo_hive().client()
    >>> pending = hive.submit("support-triage", variant="keywords", inputs={"ticket": "I was charged twice."})
    >>> pending.wait(timeout_s=30).output
    'billing'
    >>> pending.done, pending.run.status
    (True, 'completed')
    """

    def __init__(
        self,
        *,
        client: LookUpClient,
        request: InvokeRequest,
        first: Run,
        receiver: CallbackReceiver | None,
        keep: Keep | None,
        let_go: Callable[[], None] | None = None,
        is_direct: bool = False,
        ask_now: str = "",
        budget: polling.LookUpBudget | None = None,
        is_left: bool = False,
    ) -> None:
        self._connection = client.connection
        self._client = client
        self._lookup = polling.StatusLookup(
            client.look_up, first.request_id, first.run_id, has_callback=receiver is not None
        )
        self._request = request
        self._first = first
        self._receiver = receiver
        self._keep = keep
        self._let_go = let_go
        self._is_direct = is_direct
        """Whether it is the run of a direct call, of which the caller has a `Run` and no `PendingRun`."""
        caller = "client.retrieve(run.request_id)" if is_direct else "pending.refresh()"
        self._ask_now = ask_now or f"{caller} asks now"
        """What its caller can do where the daily cap delays look-ups, or has ended them."""
        self._batch_budget = budget
        self._budget: polling.LookUpBudget | None = None
        """What pays for its look-ups, where nothing else brings the outcome: that of its batch, or of single runs."""
        self._is_left = is_left
        """Whether an earlier kernel has submitted it."""
        self._is_capped = False
        self._began = self._aged_from = time.perf_counter() - first.elapsed_s
        self._lock = threading.Lock()
        self._run = self._first
        self._taken = False
        self._outcome: Run | None = None
        """The newest outcome; it is stored before :attr:`run` has it."""
        self._settling = asyncio.Lock()
        self._ended = False
        self.is_begun = False
        """Whether the outcome was ever waited for."""
        self._polls = False
        self._error: BaseException | None = None
        self._at_end: list[Callable[[], None]] = []
        self._at_change: list[Callable[[PendingRun], None]] = []
        self._at_look: list[Callable[[PendingRun], None]] = []
        self._tools: RunApprovals | None = None
        """What is known of the service's list of tools, once it was asked for."""
        self.came_by = ""
        """``callback`` or ``polling``: what brought the outcome."""
        self.trouble = ""
        """Why look-ups say nothing, in words, while that is so."""

    # --- its state as far as it is known, from any thread: nothing here waits or asks the service

    @property
    def status(self) -> str:
        """The last known status of the run: ``queued``, ``running``, ``completed``, ..."""
        return self._run.status

    @property
    def done(self) -> bool:
        """Whether the outcome has arrived."""
        return self._ended and self._run.done

    @property
    def waiting(self) -> bool:
        """Whether the outcome is waited for: false after its arrival, and after :meth:`cancel_waiting`."""
        return not self._ended

    @property
    def _is_waited_for(self) -> bool:
        """Whether it is waited for by this process, and not only shown."""
        return self.waiting and self.is_begun

    @property
    def run(self) -> Run:
        """The last known state of the run; the outcome, once it has arrived."""
        return self._run

    @property
    def request_id(self) -> str | None:
        """The service's id of the call."""
        return self._first.request_id

    @property
    def run_id(self) -> str | None:
        """The service's other id, where it gave one."""
        return self._first.run_id

    @property
    def deployment(self) -> str:
        """The deployment."""
        return self._request.deployment

    @property
    def variant(self) -> str | None:
        """The variant."""
        return self._request.variant

    @property
    def started_at(self) -> datetime | None:
        """The time when the call was sent, UTC."""
        return self._first.started_at

    @property
    def callback_url(self) -> str | None:
        """The address to which the service delivers the outcome."""
        return self._request.callback_url

    @property
    def by_callback(self) -> bool:
        """Whether a receiver of this process takes the callback; otherwise the service is polled."""
        return self._receiver is not None

    @property
    def waits_for(self) -> str:
        """The person that a paused run waits for, and the question; empty when it waits for nobody, or unknown."""
        return waits_for(self._run)

    @property
    def mask(self) -> Mask:
        """The values of its passwords, which are masked in displays of the service's answers."""
        inputs, secrets = self._request.inputs, self._request.secrets
        return Mask.of(*(value for name, value in inputs.items() if secrets.cover([name])))

    @property
    def polls(self) -> int:
        """Look-ups so far; they count as requests of this run."""
        return self._lookup.count

    # --- waiting

    def wait(self, timeout_s: Seconds | None = None) -> Run:
        """Wait for the outcome and return it; after `timeout_s` seconds, return the last known state of the run.

        An interrupt ends the wait and nothing else: the run goes on, and so does the waiting behind the scenes.

        Raises
        ------
        AuthError
            The service refuses the key for look-ups, and no callback can come.
        """
        arguments.check(PendingRun.wait, locals())
        return event_loop.run(self.outcome(timeout_s))

    def __await__(self) -> Generator[Any, None, Run]:
        return event_loop.bridge(self.outcome()).__await__()

    async def outcome(self, timeout_s: float | None = None) -> Run:
        """Await :meth:`wait`, in the running loop."""
        if not self._ended:
            loop = asyncio.get_running_loop()
            woken: asyncio.Future[None] = loop.create_future()

            def set_woken() -> None:
                if not woken.done():
                    woken.set_result(None)

            self._call_at_end(lambda: on_loop(loop, set_woken))
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await woken
        if self._ended and self._error is not None:
            raise self._error
        if not self._ended and self._outcome is not None:  # it came in time, and is being saved
            return self._outcome
        return self._run

    def cancel_waiting(self) -> None:
        """Stop waiting here. The run continues at the service; ``fh.reattach()`` waits for it again."""
        with self._lock:
            if self._taken:
                return
            self._taken = True
        if self._let_go is not None:
            self._let_go()
        self._finish(self._run, ended=False)

    def refresh(self) -> Run:
        """Ask the service once, now, and return the last known state of the run."""
        return event_loop.run(self.arefresh())

    async def arefresh(self) -> Run:
        """Await :meth:`refresh`."""
        if not self._ended:
            await event_loop.bridge(self._look_now())
            if self._taken and not self._ended:  # its outcome came, and is being saved
                return await self.outcome()
        return self._run

    def approvals(self, *, workspace_id: str | None = None) -> ToolApprovals:
        """List the tools that it wants to use and that wait for a decision: `Client.approvals` for this run."""
        arguments.check(PendingRun.approvals, locals())
        return event_loop.run(self._approvals(workspace_id))

    async def aapprovals(self, *, workspace_id: str | None = None) -> ToolApprovals:
        """Await :meth:`approvals`."""
        arguments.check(PendingRun.aapprovals, locals())
        return await event_loop.bridge(self._approvals(workspace_id))

    async def _approvals(self, workspace_id: str | None) -> ToolApprovals:
        self._tools = self._tools or RunApprovals(self._client)
        listed = await self._tools.of_one(self.ids, workspace_id)
        return listed.approvals(lambda run: self.look_soon())

    @property
    def ids(self) -> RunIds:
        """All ids that the service may use for it, including those from look-ups."""
        return RunIds(self.request_id or self._run.request_id, self.run_id or self._run.run_id)

    @property
    def lister(self) -> LookUpClient:
        """The source of the list of tools that it waits for."""
        return self._client

    @property
    def tool_hint(self) -> str:
        """The code to type when it may wait for a decision about a tool; otherwise empty."""
        if not self.may_wait_for_tool:
            return ""
        hint = TOOL_HINT.format("client" if self._is_direct else "pending")
        return hint if self._connection.find_workspace_id() is not None else f"{hint}; {NO_WORKSPACE_HINT}"

    @property
    def may_wait_for_tool(self) -> bool:
        """Whether it waits for a decision without naming who decides: it may wait for a tool."""
        return self.waiting and waits_for_tool(self._run)

    def on_change(self, call: Callable[[PendingRun], None]) -> None:
        """Call `call` on the background loop at each change of the status, and at once when the run has ended.

        It is called once more when a callback brings an output that the outcome lacked.
        """
        arguments.check(PendingRun.on_change, locals())
        with self._lock:
            if not self._ended or self._may_change:
                self._at_change.append(call)
            if not self._ended:
                return
        call(self)

    def on_look(self, call: Callable[[PendingRun], None]) -> None:
        """Call `call` on the background loop after each look-up that brought no outcome."""
        self._at_look.append(call)

    @property
    def _lacks_output(self) -> bool:
        """Whether the outcome came without its output, and a callback may bring it."""
        outcome = self._outcome
        return self._receiver is not None and outcome is not None and outcome.error_code == NO_OUTPUT_CODE

    @property
    def _may_change(self) -> bool:
        """Whether a callback may complete the outcome, or has brought an output that is being stored."""
        return self._lacks_output or (self._outcome is not None and self._outcome is not self._run)

    # --- callbacks and look-ups

    def begin(self, *, poll: bool, known: bool = True) -> None:
        """Wait for the outcome from now on: by callback if there is a receiver, by look-ups as `poll` specifies."""
        with self._lock:
            self.is_begun = True
            if not self._ended:
                _WAITED_FOR.add(self)
        if self._receiver is not None:
            self._receiver.claim(ids_of(self._first), self.take)
        self._polls = poll
        if poll and not self._taken:
            if self._receiver is not None and known:
                first_s = polling.FIRST_BESIDE_RECEIVER_S  # and no sooner by chance: a plan counts none before it
                polling.watch(self, first_s=first_s, earliest_s=first_s, soon=self._may_pause_unseen)
            else:
                on_loop(event_loop.background().loop, self._begin_look_ups)

    def _begin_look_ups(self) -> None:
        if self._taken:
            return
        budget = self._batch_budget
        if budget is None:
            left = partial(self._connection.left_for, "lookup")
            budget = self._connection.look_ups.of_single_runs(self._request.deployment, left)
        if self._is_left or self.status == "awaiting_approval":
            budget.leave_out(self)
        self._budget = budget
        polling.watch(self, first_s=budget.add(self))

    def look_soon(self) -> None:
        """Look it up soon, if it is looked up at all: something that it waited for has happened."""
        if self._polls and not self._taken:
            polling.watch(self)

    @property
    def may_end(self) -> bool:
        """Whether an outcome can come: it is looked up, or its receiver listens."""
        return self.waiting and (self._polls or (self._receiver is not None and self._receiver.running))

    @property
    def _may_pause_unseen(self) -> bool:
        """Whether a look-up is worth its cost beside a receiver: that a run waits for a person, no callback tells.

        Near the service it is, where no daily cap counts it: of one that does, plans count no such look-up.
        """
        connection = self._connection
        return self._request.deployment in connection.pausing or (
            connection.is_near and connection.left_for("lookup") is None
        )

    @property
    def longest_s(self) -> float:
        """The longest interval between its look-ups, in seconds; see :class:`~fh_notebook.client.polling.PolledRun`."""
        return polling.LONGEST_PAUSED_S if self.status == "awaiting_approval" else polling.LONGEST_S

    @property
    def age_s(self) -> float:
        """Seconds since its call was sent, or since it last waited for a person, as far as look-ups have shown.

        See :class:`~fh_notebook.client.polling.PacedRun`.
        """
        return time.perf_counter() - self._aged_from

    @property
    def service(self) -> str:
        """The workspace of the run, where it is looked up; see :class:`~fh_notebook.client.polling.PolledRun`."""
        return self._connection.workspace

    @property
    def is_capped(self) -> bool:
        """Whether it has no outcome, and the daily cap, the configured or the service's own, ended its look-ups."""
        return self._is_capped and not self.done

    def _set_trouble(self, trouble: str, *, is_capped: bool = False) -> None:
        self.trouble, self._is_capped = trouble, is_capped

    async def look(self) -> float | None:
        """Look the run up once, and take the result; see :class:`~fh_notebook.client.polling.PolledRun`."""
        budget = self._budget
        if not self._taken and budget is not None and (wait_s := budget.wait_s(self)):
            polling.watch(self, first_s=wait_s)
            return 0.0
        if not self._taken and not await self._connection.has_room_for("lookup"):
            if budget is not None:
                budget.looked(self, age_s=self.age_s, has_ended=None)
            self._note_cap()
            return 0.0
        asked_s = self.age_s  # an answer that comes late says how the run was then
        result = await self._look_now()
        if budget is not None:
            says_how_it_is = result is not None and result.run is not None and result.run.status != "unknown"
            asked_s = min(asked_s, self.age_s)  # it counts anew where the run has waited for a person until now
            budget.looked(self, age_s=asked_s, has_ended=self._taken if says_how_it_is else None)
        return None if result is None or result.is_last or self._taken else result.pause_s

    def _note_cap(self) -> None:
        if not self._is_capped:
            text = CAP_USED.format(self._ask_now)
            self._connection.tell(text)
            self._set_trouble(text, is_capped=True)
            self._call_on_change()

    async def _look_now(self) -> polling.LookUpResult | None:
        """Look it up and take the result; ``None``: its outcome was taken before."""
        if self._taken:
            return None
        result = await self._lookup.ask()
        if result.is_capped:
            self._note_cap()
        elif result.run is not None:
            self._set_trouble("")
            self._take(result.run, by="polling")
        else:
            self._set_trouble(result.problem)
            if result.is_last:
                self._end_look_ups(result)
        if not self._taken:
            self._call(self._at_look)
        return result

    def _end_look_ups(self, last: polling.LookUpResult) -> None:
        """End look-ups; where no callback can come either, end the waiting."""
        if self._receiver is not None:
            self._call_on_change()
            return
        with self._lock:
            if self._taken:
                return
            self._taken = True
        if last.error is not None:  # nothing is known of the run: it stays among the pending ones
            if self._let_go is not None:
                self._let_go()
            self._finish(self._run, ended=False, error=last.error)
            return
        outcome = replace(self._first, status="unknown", error=last.problem, error_code=RUN_NOT_FOUND)
        self._settle_or_finish(replace(outcome, attempts=self._first.attempts + self.polls))

    def take(self, run: Run) -> None:
        """Take the run of a callback, from any thread."""
        self._take(with_final_status(run), by="callback")

    async def take_looked_up(self, run: Run) -> None:
        """Take the run of another caller's look-up; if it is the outcome, return after it is stored."""
        self._lookup.count += 1
        if self._take(with_final_status(run), by="polling"):
            await self.outcome()

    def _take_output(self, run: Run) -> bool:
        """Take a callback that came after the outcome; return whether it brought an output that was missing."""
        return self._take(with_final_status(run), by="callback")

    def _take(self, run: Run, *, by: str) -> bool:
        """Take what a callback or a look-up says; return whether it is the outcome, or completes it."""
        if not is_outcome(run):
            self._record_status(run)
            return False
        with self._lock:
            completes = self._lacks_output and run.status == "completed" and run.error_code != NO_OUTPUT_CODE
            if self._taken and not completes:
                return False
            self._taken = True
            self._outcome = outcome = self._with_call_data(run)
        self.came_by = by
        self._set_trouble("")
        self._settle_or_finish(outcome)
        return True

    def _with_call_data(self, run: Run) -> Run:
        return with_call_data(
            run,
            self._request,
            inputs=self._first.inputs,
            first=self._first,
            elapsed_s=time.perf_counter() - self._began,
            attempts=self._first.attempts + self.polls,
            started_at=self._first.started_at,
        )

    def settled(self, outcome: Run) -> None:
        """End with an outcome that is stored already: the service's answer to the call itself."""
        self._taken = True
        self._finish(outcome)

    def _settle_or_finish(self, outcome: Run) -> None:
        """Store an outcome, and end with it."""
        if self._keep is None:
            self._finish(outcome)
        else:
            event_loop.background().submit(self._settle(outcome, self._keep))

    async def _settle(self, outcome: Run, keep: Keep) -> None:
        try:
            async with self._settling:  # the outcome is stored before the output that completes it
                try:
                    outcome = await self._client.explained(outcome)
                finally:  # also when this process ends meanwhile
                    await keep(outcome)
        finally:
            self._finish(outcome)

    def _record_status(self, run: Run) -> None:
        """Record a status that is not an outcome."""
        with self._lock:
            if self._taken:
                return
            if run.status == "unknown":  # no evidence about the run: its last known status stays
                has_changed = True
                problem = one_line(run.error or "the service's answer does not mention the run")
                self._set_trouble(with_action(problem, run.client_action))
            else:
                has_changed = (run.status, waits_for(run)) != (self._run.status, self.waits_for)
                request_id, run_id = self.request_id or run.request_id, self.run_id or run.run_id
                if "awaiting_approval" in (self.status, run.status):
                    self._aged_from = time.perf_counter()
                self._run = replace(self._first, status=run.status, raw=run.raw, request_id=request_id, run_id=run_id)
                if run.status == "awaiting_approval" or self.waits_for:
                    self._connection.pausing.add(self._request.deployment)
        if has_changed:
            self._call_on_change()

    def _finish(self, outcome: Run, *, ended: bool = True, error: BaseException | None = None) -> None:
        with self._lock:
            if not (self._ended and outcome.error_code == NO_OUTPUT_CODE):  # a callback has completed it meanwhile
                self._run, self._error = outcome, error
            self._ended, may_change = True, ended and self._may_change
            at_end, self._at_end = self._at_end, []
            _WAITED_FOR.discard(self)
        polling.forget(self)
        if self._budget is not None:
            on_loop(event_loop.background().loop, partial(self._budget.remove, self))
        if self._receiver is not None:
            take_output = self._take_output if may_change else None
            self._receiver.claims.disclaim(ids_of(self._first), ended=ended, take_output=take_output)
        for call in at_end:
            call()
        self._call_on_change()
        self._at_look.clear()
        if not may_change:
            self._at_change.clear()

    def _call_at_end(self, call: Callable[[], None]) -> None:
        with self._lock:
            if not self._ended:
                self._at_end.append(call)
                return
        call()

    def _call_on_change(self) -> None:
        self._call(self._at_change)

    def _call(self, calls: list[Callable[[PendingRun], None]]) -> None:
        for call in list(calls):
            try:
                call(self)
            except Exception:  # a closed page must not end the waiting
                log.warning("the display of a pending run failed", exc_info=True)

    # --- display

    def __repr__(self) -> str:
        if self.done:
            return f"PendingRun({self._run!r})"
        name = "/".join(x for x in (self.deployment, self.variant) if x)
        parts = [one_line(self.status), name, one_line(self.request_id or self.run_id or "")]
        parts += [f"waits for {self.waits_for}"] if self.waits_for else []
        parts += [self.tool_hint] if self.tool_hint else []
        parts += ["not waited for"] if not self._is_waited_for else []
        parts += [self._look_ups_text] if self._look_ups_text else []
        parts += [self.trouble] if self.trouble else []
        return f"PendingRun({', '.join(p for p in parts if p)})"

    def html_card(self, *, colour: str | None = None, **options: Any) -> html.Html:
        """Return the run as a card: its own card after its outcome has arrived, with the options of `Run.html_card`."""
        if self.done:
            return self._run.html_card(colour=colour, **options)
        head = card_head(self.status, self.deployment, self.variant, colour=colour)
        since = f" since {moment_text(self.started_at)}" if self.started_at else ""
        most = "an hour while it waits for a person" if self.longest_s == polling.LONGEST_PAUSED_S else "half a minute"
        often = f"at growing intervals of up to {most}"
        if self._budget is not None and self._budget.saves:
            often = f"rarely, since the daily cap leaves few requests ({self._ask_now})"
        asked = (
            f"the service is asked {often}, and each look-up counts against the daily cap; this card is updated by"
            " the look-up that finds the result"
        )
        sent = "the service sends it to this kernel (a callback), and this card is updated when it arrives"
        state = f"Waiting for the result{since}: {sent if self.by_callback else asked}"
        if not self._is_waited_for:
            others = "Not waited for here; fh.pending() says who waits for it"
            state = others if self.waiting else "No longer waited for; fh.reattach() continues"
        if self._is_direct and self.request_id:
            state += "; in code: client.retrieve(run.request_id)"
        problem = html.el("div", self.trouble, cls="fh-dim") if self.trouble else None
        parts = [state, self._look_ups_text, identity_text(self._first)]
        foot = html.el("div", " · ".join(part for part in parts if part), cls="fh-dim fh-foot")
        return html.el("div", head, *self._question_lines(), problem, foot, cls="fh-card")

    @property
    def _look_ups_text(self) -> str:
        """How many look-ups were made, and how many requests a cap that counts them leaves; empty without look-ups."""
        if not self.polls and self._budget is None:
            return ""
        left = self._connection.left_for("lookup")
        asked = counted(self.polls, "time")
        text = f"also looked up {asked}" if self.by_callback else f"looked up {asked} so far"
        return text if left is None else f"{text}; {counted(left, 'request')} left today"

    def _question_lines(self) -> list[html.Html]:
        """Return lines with the person who decides, and with the whole question to them."""
        who, question = approval_request_of(self._run)
        asked = html.el("strong", one_line(who)) if who else ""
        hint = [html.el("div", self.tool_hint, cls=f"fh-dim {TO_TYPE}")] if self.tool_hint else []
        if not question:
            return [html.el("div", "Waiting for the decision of ", asked)] if who else hint
        state = WaitingSteps.of((), origin=self._first.origin or "").asked if who else ", not answered yet"
        label = html.el("div", *(("Question to ", asked) if who else ("Question",)), f"{state}:")
        whole = (
            "client.retrieve(run.request_id).raw has everything"
            if self._is_direct
            else "pending.run.raw has everything"
        )
        asks = html.el("div", label, html.folded(question, whole=whole), cls="" if who else ASKED)
        return [asks, *hint]

    def _repr_html_(self) -> str:
        return html.el("div", html.STYLE, output_view.STYLE, self.html_card(), cls="fh")

    def _ipython_display_(self) -> None:
        hooks.frontend().show_pending(self)


_WAITED_FOR: Final = _WaitedFor()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_WAITED_FOR.reset)
