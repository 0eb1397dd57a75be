"""Callback delivery: which responses announce a later outcome, what runs wait for, and which ids belong to a run.

Rules of this file:

1. What is UNKNOWN of it (CONTRACT sections 1, 3, 6 and 10) is read here, tolerantly, in one function each.
2. The words of a step are somebody else's. They are shortened here, and a display escapes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final, NamedTuple, Protocol

from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.response import Response, code_of, object_of
from fh_notebook.contract.run import Run
from fh_notebook.core.config.urls import LOCAL, hostname, is_loopback
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import one_line
from fh_notebook.core.text.messages import agreeing, counted

NOWHERE: Final = "https://no-receiver.invalid/fetchhive"
"""The callback URL of a run that is waited for by polling alone: the service wants one (CONTRACT section 1), and no
host can ever have a name under ``.invalid`` (RFC 6761), so nobody else gets the output."""

MOST_IN_A_LINE: Final = 2
MOST_IN_A_LIST: Final = 20
"""Steps that a text names."""

_ASYNC_CODES: Final = frozenset({"async_required", "callback_required", "human_in_the_loop_requires_async"})
"""UNKNOWN at the service; the first is the local hive's."""
_ASYNC_WORDS: Final = ("async", "callback delivery")
_NOT_IT: Final = ("callback_url", "async must be")
"""Words of refusals that speak of the `async` that was sent, and not of one that is missing."""

_ENDED: Final = {
    "success": "completed", "succeeded": "completed", "successful": "completed", "finished": "completed",
    "done": "completed", "error": "failed", "errored": "failed", "failure": "failed", "cancelled": "failed",
    "canceled": "failed", "timed_out": "failed", "expired": "failed", "rejected": "failed",
}  # fmt: skip
"""Other words for the two ends that a look-up may use: its values are UNKNOWN (CONTRACT section 3)."""

_WAITING_NAMES: Final = ("waiting_for", "approver", "approvers", "assignee", "assigned_to")
_QUESTION_NAMES: Final = ("question", "prompt", "instructions")


def needs_callback(response: Response) -> bool:
    """Whether the service refused a direct call because the workflow can only be run by callback delivery.

    A workflow with a human in the loop does so [D]; with which code and words is UNKNOWN. A 429 that names async mode
    is the concurrency cap, and is no such refusal.

    Examples
    --------
    >>> needs_callback(Response(status_code=422, body=b'{"error": "This workflow needs async mode."}'))
    True
    >>> needs_callback(Response(status_code=422, body=b'{"error": "callback_url is required when async is enabled"}'))
    False
    """
    if response.status_code not in (400, 405, 409, 422):
        return False
    body = object_of(response.body)
    if code_of(body) in _ASYNC_CODES:
        return True
    text = f"{body.get('error') or ''} {body.get('message') or ''}".lower()
    return any(word in text for word in _ASYNC_WORDS) and not any(word in text for word in _NOT_IT)


def was_refused_directly(run: Run) -> bool:
    """Whether a direct call was refused because it needs callback delivery: :func:`needs_callback` of its run."""
    return needs_callback(Response(status_code=run.status_code, body=json.dumps(run.raw, default=str).encode()))


def is_accepted(run: Run) -> bool:
    """Whether the response to a call announces an outcome that comes later."""
    return not run.done and (run.status_code or 0) // 100 == 2


class Identified(Protocol):
    """What has the ids of a run."""

    @property
    def request_id(self) -> str | None:
        """The service's id of the call."""
        ...

    @property
    def run_id(self) -> str | None:
        """The service's other id."""
        ...


def ids_of(run: Identified) -> tuple[str, ...]:
    """Return the ids under which the service may speak of a run."""
    return tuple(dict.fromkeys(i for i in (run.request_id, run.run_id) if i))


class RunIds(NamedTuple):
    """The ids of one run, as far as they are known.

    Examples
    --------
    >>> RunIds.of(Run(status="running", run_id="run_1"))
    RunIds(request_id=None, run_id='run_1')
    """

    request_id: str | None = None
    run_id: str | None = None

    @classmethod
    def of(cls, run: Identified) -> RunIds:
        """Return those of a run."""
        return cls(run.request_id, run.run_id)

    @property
    def first(self) -> str:
        """By which it is told apart from others."""
        return self.request_id or self.run_id or ""


def with_final_status(run: Run) -> Run:
    """Return a looked-up run with our status for an end that the service names differently.

    Examples
    --------
    >>> with_final_status(Run(status="succeeded", output="hi")).status
    'completed'
    """
    status = _ENDED.get(run.status.lower())
    if status is None and not run.done and _has_ended(run.raw):
        status = "failed" if run.error and run.output is None else "completed"
    return noting_missing_output(run if status is None else replace(run, status=status))


NO_OUTPUT_CODE: Final = "output_not_retrieved"
"""Our code of a completed run whose output is at the service alone."""

RUN_NOT_FOUND: Final = "not_found"
"""Our code of a submitted run that its look-ups did not find at the service."""


def noting_missing_output(run: Run) -> Run:
    """Return a looked-up run; one that completed, and of whose output nothing is said, with a note where to look.

    UNKNOWN whether a look-up has the output (CONTRACT sections 3 and 10). The run is completed all the same: it is
    saved and reused, and not called again. An output that is null is an output.

    Examples
    --------
    >>> print(noting_missing_output(Run(status="completed", request_id="req_1", raw={"status": "completed"})).error)
    the run completed, but the service did not send the output; look for req_1 in the logs of Fetch Hive
    """
    if run.status != "completed" or run.output is not None or run.error or _tells_output(run.raw):
        return run
    name = one_line(run.request_id or run.run_id or "it")
    note = f"the run completed, but the service did not send the output; look for {name} in the logs of Fetch Hive"
    return replace(run, error=note, error_code=NO_OUTPUT_CODE)


def _tells_output(raw: Any) -> bool:
    parts = [raw] if isinstance(raw, Mapping) else []
    for name in ("request", "workflow_run", "data"):
        parts += [part[name] for part in list(parts) if isinstance(part.get(name), Mapping)]
    return any(name in part for part in parts for name in ("output", "output_content", "response"))


def is_outcome(run: Run) -> bool:
    """Whether a callback or a look-up has the outcome of a run. An unreadable one, or one without a status, has none.

    Examples
    --------
    >>> is_outcome(Run(status="succeeded", output="hi")), is_outcome(Run(status="unknown", error="a web page"))
    (True, False)
    """
    return with_final_status(run).status in ("completed", "failed")


def _has_ended(raw: Any) -> bool:
    inner = raw if isinstance(raw, Mapping) else {}
    for wrapper in ("request", "workflow_run"):
        inner = inner[wrapper] if isinstance(inner.get(wrapper), Mapping) else inner
    return bool(inner.get("ended_at"))


def waits_for(run: Run) -> str:
    """Return who a paused run waits for and the question, in one line; empty when the service does not tell.

    Examples
    --------
    >>> waits_for(Run(status="awaiting_approval", raw={"data": {"waiting_for": "finance", "question": "Refund?"}}))
    'finance: Refund?'
    """
    return step_text(*approval_request_of(run))


def step_text(who: str, question: str) -> str:
    """Return who decides and the question, in one line."""
    return ": ".join(one_line(part) for part in (who, question) if part)


def waits_for_tool(run: Run) -> bool:
    """Whether a run waits for a decision and nobody is named who decides: then it may be one about a tool."""
    return run.status == "awaiting_approval" and not approval_request_of(run)[0]


def approval_request_of(run: Run) -> tuple[str, str]:
    """Return who a paused run waits for, and the full question; each is empty when the service does not tell it."""
    if run.status != "awaiting_approval":
        return "", ""
    objects = [run.raw] if isinstance(run.raw, Mapping) else []
    for name in ("request", "workflow_run", "data", "approval"):
        objects += [part[name] for part in list(objects) if isinstance(part.get(name), Mapping)]
    return _first_text(objects, _WAITING_NAMES), _first_text(objects, _QUESTION_NAMES)


def _first_text(objects: list[Mapping[str, Any]], names: tuple[str, ...]) -> str:
    for part in objects:
        for name in names:
            value = part.get(name)
            if isinstance(value, list):
                value = ", ".join(str(item) for item in value)
            if isinstance(value, str) and value.strip():
                return value.strip()
    return ""


def with_call_data(
    run: Run,
    request: InvokeRequest,
    *,
    inputs: Mapping[str, Any],
    first: Run,
    elapsed_s: float,
    attempts: int,
    started_at: datetime | None,
) -> Run:
    """Return the outcome of a run, from a callback or a look-up, with the data of its call."""
    return replace(
        run,
        deployment=request.deployment,
        variant=request.variant,
        inputs=inputs,
        metadata=dict(request.metadata or {}),
        request_id=first.request_id or run.request_id,
        run_id=first.run_id or run.run_id,
        origin=first.origin,
        status_code=first.status_code,
        started_at=started_at,
        elapsed_s=elapsed_s,
        attempts=attempts,
        webhook_secret=first.webhook_secret,
    )


def step_of(run: Run) -> str:
    """Return the person that a run waits for and the question, in one line; empty where it waits for no such step.

    Examples
    --------
    >>> raws = ({"waiting_for": "finance", "question": "Refund?"}, {"question": "Refund?"})
    >>> [step_of(Run(status="awaiting_approval", raw=raw)) for raw in raws]
    ['finance: Refund?', '']
    """
    return "" if waits_for_tool(run) else waits_for(run)


_MARKED: Final = "margin:8px 0;padding-left:10px;border-left:3px solid var(--jp-warn-color1,currentColor)"
"""Nothing else happens before a person has decided: it must be seen beside what runs by itself."""


_CALL_HIVE: Final = "call hive.decide(request_id, approve=True), or approve=False, where the local hive runs"


@dataclass(frozen=True, slots=True)
class WaitingSteps:
    """Human-in-the-loop steps that runs wait for, which nobody decides here (CONTRACT section 10).

    Examples
    --------
    >>> print(WaitingSteps(("finance: Refund 7?", "finance: Refund 8?", "legal: Send it?")))
    3 wait for a decision by e-mail or Telegram, not here (finance: Refund 7?; finance: Refund 8?; 1 other)
    >>> print(WaitingSteps(("finance: Refund 7?",), is_local=True, ids=("req_7",)).as_list())
    1 waits for a decision: call hive.decide(request_id, approve=True), or approve=False, where the local hive runs:
      finance: Refund 7? (req_7)
    """

    questions: tuple[str, ...] = ()
    """Of each run: who decides, and the question."""
    is_local: bool = False
    """Whether they are of a local hive."""
    ids: tuple[str, ...] = ()
    """The service's ids of the first of these runs, as far as they are known."""

    @classmethod
    def of(cls, questions: Iterable[str], *, origin: str, ids: Iterable[str] = ()) -> WaitingSteps:
        """Return these steps of a service, which is told by its host and port.

        Examples
        --------
        >>> [WaitingSteps.of((), origin=x).is_local for x in ("local", "127.0.0.1:8000", "[::1]:80", "api.test")]
        [True, True, True, False]
        """
        is_local = origin == LOCAL or is_loopback(hostname(f"//{origin}"))
        return cls(tuple(one_line(question) for question in questions), is_local=is_local, ids=tuple(ids))

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def where(self) -> str:
        """Where such a decision is made."""
        return "by hive.decide(...)" if self.is_local else "by e-mail or Telegram"

    @property
    def asked(self) -> str:
        """What stands behind a question to a person: how it is answered, which is not done where this is read."""
        return f". To answer it, {_CALL_HIVE}" if self.is_local else f", to be answered {self.where}, not here"

    @property
    def head(self) -> str:
        """How many wait, and where the decision is made."""
        how = f": {_CALL_HIVE}" if self.is_local else f" {self.where}, not here"
        return f"{len(self):,} {agreeing(len(self), 'wait')} for a decision{how}"

    def __str__(self) -> str:
        return f"{self.head} ({'; '.join(self.first(MOST_IN_A_LINE))})" if self.questions else ""

    def as_list(self) -> str:
        """Return all in lines of text; of very many the first ones."""
        return "\n  ".join([f"{self.head}:", *self._lines()]) if self.questions else ""

    def _lines(self) -> list[str]:
        """Return the first questions; where a call decides, with the id that it takes."""
        first = self.first()
        ids = self.ids[:MOST_IN_A_LIST] if self.is_local else ()
        return [f"{text} ({run})" if run else text for text, run in zip_longest(first, ids, fillvalue="")]

    def approvals(self, open_here: Mapping[tuple[str, str], str]) -> list[str]:
        """Return the id of the approval of each step that is listed, empty where it cannot be decided here."""
        listed = zip_longest(self.ids[:MOST_IN_A_LIST], self.questions[:MOST_IN_A_LIST], fillvalue="")
        return [open_here.get(step, "") for step in listed]

    def list_html(self, open_here: Mapping[tuple[str, str], str] | None = None) -> html.Html | None:
        """Return the same as a part of a page; nothing where none waits.

        Those that :meth:`approvals` finds have buttons, whose clicks a page tells by ``data-act``:
        ``step:yes:APPROVAL``.
        """
        if not self.questions:
            return None
        first, approvals = self.first(), self.approvals(open_here or {})
        # The line of the others has no approval: they get their buttons when they are among the first.
        acts = [
            _step_buttons(text, approval) if approval else "" for text, approval in zip(first, approvals, strict=False)
        ]
        are_all = all(approvals)
        head = f"{len(self):,} {agreeing(len(self), 'wait')} for a decision" if are_all else self.head
        lines = (
            html.el("div", act, " " if act else "", text if act else line, style="margin:6px 0" if act else None)
            for text, line, act in zip_longest(first, self._lines(), acts, fillvalue="")
        )
        return html.el("div", html.el("div", html.el("strong", f"{head}:")), *lines, cls="fh-steps", style=_MARKED)

    def first(self, most: int = MOST_IN_A_LIST) -> list[str]:
        """Return the first questions, and how many others there are."""
        others = len(self.questions) - most
        return [*self.questions[:most], *([counted(others, "other")] if others > 0 else [])]


def _step_buttons(question: str, approval: str) -> html.Html:
    """Return the buttons that decide about a step."""
    words = {"yes": ("Approve", "fh-act fh-decides"), "no": ("Deny", "fh-act fh-ends fh-decides")}
    buttons = (
        html.el(
            "button", word, type="button", cls=cls, data_act=f"step:{act}:{approval}", aria_label=f"{word}: {question}"
        )
        for act, (word, cls) in words.items()
    )
    return html.join(buttons, " ")


NO_STEPS: Final = WaitingSteps()
