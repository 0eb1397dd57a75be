"""Approvals: workflows that pause until a person decides.

Rule of this file: a paused run has given its slot back, and takes one again, over the cap if need be, when it goes on:
how the service counts a paused run is UNKNOWN. Who decides does so through the hive's owner (`LocalHive.decide`); no
address for it is known.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fh_notebook.core import arguments
from fh_notebook.errors import SettingsError

if TYPE_CHECKING:
    from fh_notebook.local.records import Record

__all__ = ["Approval", "Approvals", "Decision", "aask_human", "ask_human"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The decision of a person."""

    approved: bool
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A run that is paused until somebody decides."""

    request_id: str
    deployment: str
    variant: str
    waiting_for: str
    question: str
    tool: str | None
    """The tool that is to be approved, where it is one."""
    asked_at: datetime
    """UTC, by the hive's clock."""


_run_of: ContextVar[_PausedRun | None] = ContextVar("fh_notebook_local_run", default=None)


class Approvals:
    """The paused runs of one hive.

    Parameters
    ----------
    pause, resume : function of a run's record
        Told when a run gives its slot back, and when it takes one again.
    changed : function
        Called when a decision can be made.
    now : function
        The hive's time.
    """

    def __init__(
        self,
        *,
        pause: Callable[[Record], None],
        resume: Callable[[Record], None],
        changed: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._pause = pause
        self._resume = resume
        self._changed = changed
        self._now = now
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Forget what is open, as in a child after ``os.fork``."""
        self._lock = threading.Lock()
        self._open: dict[str, tuple[Approval, Record, Future[Decision]]] = {}

    def waiting(self) -> tuple[Approval, ...]:
        """Return what is open, the oldest first."""
        with self._lock:
            return tuple(approval for approval, _, _ in self._open.values())

    def decide(self, request_id: str | None, decision: Decision) -> Approval:
        """Let a paused run go on.

        Raises
        ------
        SettingsError
            No such run is paused; or none is named, and not exactly one is.
        """
        with self._lock:
            open_now = list(self._open)
            if request_id is None and len(open_now) == 1:
                request_id = open_now[0]
            if request_id is None or request_id not in self._open:
                which = "no run" if request_id is None else f"{request_id} is not paused; no run"
                listed = ", ".join(open_now) or "none"
                raise SettingsError(f"{which} to decide about; paused are: {listed}")
            approval, record, answer = self._open.pop(request_id)
        self._resume(record)
        answer.set_result(decision)
        return approval

    @contextmanager
    def run(self, record: Record, human: str | None) -> Iterator[None]:
        """Let the workflow of the block ask for decisions. An open question is cancelled at its end."""
        token = _run_of.set(_PausedRun(self, record, human))
        try:
            yield
        finally:
            with suppress(ValueError):  # closed from elsewhere, as what a parent leaves behind in a forked child is
                _run_of.reset(token)
            with self._lock:
                unanswered = self._open.pop(record.request_id, None)
            if unanswered is not None:
                self._resume(record)  # its slot is given back as every run's
                unanswered[2].cancel()

    def ask(self, record: Record, question: str, approver: str, tool: str | None) -> Future[Decision]:
        """Pause a run."""
        answer: Future[Decision] = Future()
        if tool is not None and json.loads(record.body).get("tool_approval") == "auto_approve":
            answer.set_result(Decision(approved=True, note="tool_approval: auto_approve"))
            return answer
        approval = Approval(
            request_id=record.request_id,
            deployment=record.deployment,
            variant=record.variant,
            waiting_for=approver,
            question=question,
            tool=tool,
            asked_at=self._now(),
        )
        record.waiting_for, record.question = approver, question
        with self._lock:
            if record.request_id in self._open:
                raise RuntimeError("a workflow asks one thing at a time, and waits for the answer")
        self._pause(record)  # before anybody can decide
        with self._lock:
            self._open[record.request_id] = approval, record, answer
        self._changed()
        return answer


@dataclass(frozen=True, slots=True)
class _PausedRun:
    """The run that a workflow belongs to."""

    approvals: Approvals
    record: Record
    human: str | None


def _request_decision(question: str, approver: str | None, tool: str | None) -> Future[Decision]:
    run = _run_of.get()
    if run is None:
        raise RuntimeError("ask_human is for a workflow that runs in a LocalHive")
    if run.human is None:
        raise RuntimeError('declare who is in the loop: @hive.workflow(name, variant=..., human="finance")')
    return run.approvals.ask(run.record, question, approver or run.human, tool)


def ask_human(question: str, *, who: str | None = None, tool: str | None = None) -> Decision:
    """Pause the workflow that calls this until ``hive.decide(...)``, and return what was decided.

    Parameters
    ----------
    question : str
        What is to be decided.
    who : str, optional
        Who decides; by default whom the workflow was declared with.
    tool : str, optional
        The tool that is to be approved: a call with ``tool_approval="auto_approve"`` does not pause for one.

    Raises
    ------
    RuntimeError
        Outside of a workflow, or in one that was declared without ``human=``.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive()
    >>> @hive.workflow("refund", variant="v", human="finance")
    ... def refund(amount: int) -> str:
    ...     return "paid" if fh.local.ask_human(f"Refund {amount}?").approved else "refused"
    >>> pending = hive.client().submit("refund", variant="v", inputs={"amount": 120})
    >>> hive.wait_approval().question
    'Refund 120?'
    >>> _ = hive.decide(pending.request_id, approve=False)
    >>> pending.wait(timeout_s=30).output
    'refused'
    """
    arguments.check(ask_human, locals())
    return _request_decision(question, who, tool).result()


async def aask_human(question: str, *, who: str | None = None, tool: str | None = None) -> Decision:
    """Await :func:`ask_human`, in an async workflow."""
    arguments.check(aask_human, locals())
    return await asyncio.wrap_future(_request_decision(question, who, tool))
