"""Approvals: workflows that pause until a person decides.

Rules of this file:

1. A paused run has given its slot back, and takes one again, over the cap if need be, when it goes on: how the service
   counts a paused run is UNKNOWN.
2. The approval of a tool is decided by a caller with the key (CONTRACT section 10) or by the hive's owner
   (`LocalHive.decide`). A human-in-the-loop step is decided by its owner only: the service asks its recipient by e-mail
   or Telegram.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from fh_notebook.core import arguments
from fh_notebook.core.text.formatting import one_line
from fh_notebook.core.values import Seconds
from fh_notebook.errors import InputError, SettingsError

if TYPE_CHECKING:
    from fh_notebook.local.options import Options, ToolRule
    from fh_notebook.local.records import Record
    from fh_notebook.local.workflows import Workflow

KEEP_DECIDED: Final = 1_000
"""Decided approvals that are remembered: a second decision of one is a conflict."""
LEAST_WAIT_S: Final = 0.05
"""Of a timer that fires before the hive's time has come."""


@arguments.public
@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the choices that a human-in-the-loop step offers."""

    value: str
    label: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "label", "description"):
            arguments.check_one(name, getattr(self, name), "str")


@arguments.public
@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The decision of a person."""

    approved: bool
    note: str = ""
    by: str = ""
    text: str = ""
    """What was written, where the step asks for a text."""
    choice: Choice | None = None
    """What was chosen, where the step has choices."""
    timed_out: bool = False
    """Nobody decided in time."""

    @property
    def output(self) -> dict[str, Any]:
        """The output of a human-in-the-loop step: ``text``, ``choice`` (value, label, description) and ``raw``."""
        choice = None if self.choice is None else asdict(self.choice)
        raw = self.choice.value if self.choice is not None else self.text or ("approved" if self.approved else "denied")
        return {"text": self.text, "choice": choice, "raw": "" if self.timed_out else raw}


@arguments.public
@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A run that is paused until a person decides."""

    id: str
    request_id: str
    run_id: str
    deployment: str
    variant: str
    waiting_for: str
    question: str
    tool: str | None
    """The tool that is to be approved, where it is one."""
    asked_at: datetime
    """UTC, by the hive's clock."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What the tool is to be called with."""
    is_destructive: bool = False
    choices: tuple[Choice, ...] = ()
    """The answers to choose from; none: a text or an approval."""
    wants_text: bool = False
    expires_at: datetime | None = None
    """When nobody can decide any more; ``None``: never."""
    status: str = "pending"
    """``pending``, ``allowed``, ``denied`` or ``expired``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a workflow asks."""

    text: str
    approver: str | None = None
    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    wants_text: bool = False
    timeout_s: float | None = None
    on_timeout: Literal["fail", "continue"] = "fail"


class NobodyAnswered(Exception):
    """The wait of a human-in-the-loop step ended, and the step fails."""


@dataclass(frozen=True, slots=True)
class _Open:
    """An approval that waits for its decision."""

    approval: Approval
    record: Record
    answer: Future[Decision]
    on_timeout: Literal["fail", "continue"]


_run_of: ContextVar[_PausedRun | None] = ContextVar("fh_notebook_local_run", default=None)


class Approvals:
    """The paused runs of one hive.

    Parameters
    ----------
    pause, resume : function of a run's record
        Told when a run gives its slot back, and when it takes one again.
    changed : function of a run's record
        Called when a decision about it can be made.
    now : function
        The hive's time.
    later : function of seconds and a function
        Calls the function after these seconds; what it returns calls that off.
    options : function
        Returns the hive's settings.
    """

    def __init__(
        self,
        *,
        pause: Callable[[Record], None],
        resume: Callable[[Record], None],
        changed: Callable[[Record], None],
        now: Callable[[], datetime],
        later: Callable[[float, Callable[[], object]], Callable[[], object]],
        options: Callable[[], Options],
    ) -> None:
        self._pause = pause
        self._resume = resume
        self._changed = changed
        self._now = now
        self._later = later
        self._options = options
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Forget what is open, as in a child after ``os.fork``."""
        self._lock = threading.Lock()
        self._open: dict[str, _Open] = {}
        self._asking: set[str] = set()
        """The requests whose workflow is asking at this moment."""
        self._decided: OrderedDict[str, Approval] = OrderedDict()

    def waiting(self) -> tuple[Approval, ...]:
        """Return what is open, the oldest first, after what is overdue has ended."""
        self.expire()
        return self.open_now()

    def open_now(self) -> tuple[Approval, ...]:
        """Return what is open, overdue or not, the oldest first. It calls nothing, so it may be called under a lock."""
        with self._lock:
            return tuple(paused.approval for paused in self._open.values())

    def of_tools(self) -> list[Approval]:
        """Return the approvals of tools, open and decided ones, the oldest first."""
        self.expire()
        with self._lock:
            known = [*self._decided.values(), *(paused.approval for paused in self._open.values())]
        return sorted((approval for approval in known if approval.tool is not None), key=lambda a: a.asked_at)

    def decide(self, request_id: str | None, decision: Decision | None) -> Approval:
        """Let a paused run go on."""
        self.expire()
        with self._lock:
            open_now = list(self._open)
            if request_id is None and len(open_now) == 1:
                request_id = open_now[0]
            if request_id is None or request_id not in self._open:
                which = "no run" if request_id is None else f"{request_id} is not paused; no run"
                listed = ", ".join(open_now) or "none"
                raise SettingsError(f"{which} to decide about; the paused runs are: {listed}")
            paused = self._open[request_id]
        offered = {choice.value: choice for choice in paused.approval.choices}
        if decision is None:
            answer = "text='...'" if paused.approval.wants_text else "choice=" + " or ".join(map(repr, offered))
            answer = f"{answer}, or " if offered or paused.approval.wants_text else "approve=True or "
            raise SettingsError(f"no decision about {request_id} is given; give {answer}approve=False")
        if decision.choice is not None:
            if decision.choice.value not in offered:
                listed = ", ".join(map(repr, offered)) or "none"
                raise SettingsError(f"{decision.choice.value!r} is not offered; the choices are: {listed}")
            decision = replace(decision, choice=offered[decision.choice.value])
        elif offered and decision.approved:
            raise SettingsError(f"which choice? Give choice={' or '.join(map(repr, offered))}")
        closed = self._close(paused, "allowed" if decision.approved else "denied", decision)
        if closed is None:
            raise SettingsError(f"{request_id} was decided elsewhere at the same time")
        return closed

    def decide_approval(self, approval: Approval, *, allow: bool) -> Approval | None:
        """Decide this approval, whatever its run asks by now; ``None`` where it is decided or expired already."""
        with self._lock:
            paused = self._open.get(approval.request_id)
        if paused is None or paused.approval.id != approval.id:
            return None
        return self._close(paused, "allowed" if allow else "denied", Decision(approved=allow))

    def expire(self) -> None:
        """End the approvals whose time is over by the hive's clock."""
        now = self._now()
        with self._lock:
            over = [p for p in self._open.values() if p.approval.expires_at and p.approval.expires_at <= now]
        for paused in over:
            self._close(paused, "expired", Decision(approved=False, timed_out=True))

    def _close(self, paused: _Open, status: str, decision: Decision) -> Approval | None:
        """Take an approval off the open ones and let its run go on; ``None`` where somebody else was first."""
        approval = replace(paused.approval, status=status)
        with self._lock:
            if self._open.get(approval.request_id) is not paused:
                return None
            del self._open[approval.request_id]
            self._decided[approval.id] = approval
            while len(self._decided) > KEEP_DECIDED:
                self._decided.popitem(last=False)
        self._resume(paused.record)
        with suppress(InvalidStateError):  # the workflow stopped waiting for it at the same time
            if decision.timed_out and paused.on_timeout == "fail":
                paused.answer.set_exception(NobodyAnswered(f"nobody answered in time: {approval.question}"))
            else:
                paused.answer.set_result(decision)
        return approval

    def _forget(self, record: Record, answer: Future[Decision]) -> None:
        """Take a question off the open ones whose workflow waits for it no more, and let the run go on."""
        with self._lock:
            paused = self._open.get(record.request_id)
            if not answer.cancelled() or paused is None or paused.answer is not answer:
                return
            del self._open[record.request_id]
        self._resume(record)

    @contextmanager
    def run(self, record: Record, workflow: Workflow) -> Iterator[None]:
        """Let the workflow of the block ask for decisions. An open question is cancelled at its end."""
        token = _run_of.set(_PausedRun(self, record, workflow))
        try:
            yield
        finally:
            with suppress(ValueError):  # closed from elsewhere, as what a parent leaves behind in a forked child is
                _run_of.reset(token)
            with self._lock:
                unanswered = self._open.pop(record.request_id, None)
            if unanswered is not None:
                self._resume(record)  # its slot is given back as every run's
                unanswered.answer.cancel()

    def ask(self, record: Record, question: Question, rule: ToolRule | None) -> Future[Decision]:
        """Pause a run, unless the rule of the tool, or what the call says of tools, decides (CONTRACT section 10)."""
        answer: Future[Decision] = Future()
        options = self._options()
        if question.tool is not None:
            rule = options.tools.get(question.tool, rule)
        timeout_s = options.wait_timeout_s if question.timeout_s is None else question.timeout_s
        if rule == "deny":
            answer.set_result(Decision(approved=False, note="a deny rule"))
            return answer
        is_automatic = rule == "ask" and json.loads(record.body).get("tool_approval") == "auto_approve"
        if is_automatic or rule == "allow":
            answer.set_result(Decision(approved=True, note="tool_approval: auto_approve" if is_automatic else ""))
            return answer
        now = self._now()
        approval = Approval(
            id=f"taa_{os.urandom(8).hex()}",
            request_id=record.request_id,
            run_id=record.run_id,
            deployment=record.deployment,
            variant=record.variant,
            waiting_for=question.approver or "",
            question=question.text,
            tool=question.tool,
            asked_at=now,
            arguments=question.arguments,
            is_destructive=rule == "destructive",
            choices=question.choices,
            wants_text=question.wants_text,
            expires_at=None if timeout_s is None else now + timedelta(seconds=timeout_s),
        )
        with self._lock:
            if record.request_id in self._open or record.request_id in self._asking:
                raise RuntimeError("a workflow can ask one thing at a time; wait for the answer first")
            self._asking.add(record.request_id)
        record.waiting_for, record.question = approval.waiting_for, question.text
        self._pause(record)  # before anybody can decide
        with self._lock:
            self._asking.discard(record.request_id)
            self._open[record.request_id] = _Open(approval, record, answer, question.on_timeout)
        answer.add_done_callback(partial(self._forget, record))
        self._changed(record)
        if timeout_s is not None:
            self._expire_later(approval, answer, timeout_s)
        return answer

    def _expire_later(self, approval: Approval, answer: Future[Decision], wait_s: float) -> None:
        """End an approval in time, unless it is decided before; the hive's clock may be behind that of the timer."""

        def expire() -> None:
            self.expire()
            if not answer.done() and approval.expires_at is not None:
                remaining_s = (approval.expires_at - self._now()).total_seconds()
                self._expire_later(approval, answer, max(remaining_s, LEAST_WAIT_S))

        call_off = self._later(wait_s, expire)
        answer.add_done_callback(lambda _: call_off())


@dataclass(frozen=True, slots=True)
class _PausedRun:
    """The run that a workflow belongs to."""

    approvals: Approvals
    record: Record
    workflow: Workflow


def _request_decision(question: Question) -> Future[Decision]:
    run = _run_of.get()
    if run is None:
        raise RuntimeError("ask_human is for a workflow that runs in a LocalHive")
    workflow = run.workflow
    if question.tool is None and workflow.human is None:
        raise RuntimeError('declare who is in the loop: @hive.workflow(name, variant=..., human="finance")')
    if question.tool is not None and workflow.human is None and question.tool not in workflow.tools:
        raise RuntimeError(f'declare the tool: @hive.workflow(name, variant=..., tools={{"{question.tool}": "ask"}})')
    rule = None if question.tool is None else workflow.tools.get(question.tool, "ask")
    return run.approvals.ask(run.record, replace(question, approver=question.approver or workflow.human), rule)


def _question(
    question: str,
    who: str | None,
    tool: str | None,
    arguments_: Mapping[str, Any] | None,
    choices: Iterable[str | Choice],
    text: bool,
    timeout_s: float | None,
    on_timeout: Literal["fail", "continue"],
) -> Question:
    choices = list(choices)
    for number, choice in enumerate(choices):
        if not isinstance(choice, Choice):
            arguments.check_one(f"choices[{number}]", choice, "str")
    offered = tuple(choice if isinstance(choice, Choice) else Choice(value=choice, label=choice) for choice in choices)
    return Question(
        text=question,
        approver=who,
        tool=tool,
        arguments=_json_copy(arguments_ or {}),
        choices=offered,
        wants_text=text,
        timeout_s=timeout_s,
        on_timeout=on_timeout,
    )


def _json_copy(tool_arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of what a tool is to be called with, as the service would list it."""
    problem = ""
    try:
        copy: dict[str, Any] = json.loads(json.dumps(dict(tool_arguments), allow_nan=False))
        return copy
    except (TypeError, ValueError, RecursionError) as exc:
        problem = one_line(str(exc), 200)
    raise InputError(
        f"tool_arguments cannot be sent as JSON ({problem}); give strings, numbers, lists and dicts of them"
    )


@arguments.public
def ask_human(
    question: str,
    *,
    who: str | None = None,
    tool: str | None = None,
    tool_arguments: Mapping[str, Any] | None = None,
    choices: Sequence[str | Choice] = (),
    text: bool = False,
    timeout_s: Seconds | None = None,
    on_timeout: Literal["fail", "continue"] = "fail",
) -> Decision:
    """Pause the calling workflow until a person decides, and return the decision.

    Parameters
    ----------
    question : str
        What is to be decided.
    who : str, optional
        Who decides; by default whom the workflow was declared with.
    tool : str, optional
        The tool that is to be approved. The workflow's ``tools=`` says whether it asks; one that is not listed there
        asks, unless the call says ``tool_approval="auto_approve"``.
    tool_arguments : mapping, optional
        What the tool is to be called with.
    choices : sequence of str or Choice
        The answers to choose from: the step responds with choices, and ``decision.choice`` is the chosen one.
    text : bool
        The step asks for a text, ``decision.text``.
    timeout_s : float, optional
        Seconds after which nobody can decide any more, by the hive's clock.
    on_timeout : {"fail", "continue"}
        Then the step fails, and with it the run, or goes on with a decision that is ``timed_out`` and not approved.

    Raises
    ------
    RuntimeError
        Outside of a workflow, or in one that was declared without ``human=``, and without the tool in ``tools=``.

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
    asked = _question(question, who, tool, tool_arguments, choices, text, timeout_s, on_timeout)
    return _request_decision(asked).result()


@arguments.public
async def aask_human(
    question: str,
    *,
    who: str | None = None,
    tool: str | None = None,
    tool_arguments: Mapping[str, Any] | None = None,
    choices: Sequence[str | Choice] = (),
    text: bool = False,
    timeout_s: Seconds | None = None,
    on_timeout: Literal["fail", "continue"] = "fail",
) -> Decision:
    """Await :func:`ask_human`, in an async workflow."""
    arguments.check(aask_human, locals())
    asked = _question(question, who, tool, tool_arguments, choices, text, timeout_s, on_timeout)
    return await asyncio.wrap_future(_request_decision(asked))
