"""Approvals of tools: what waits in a workspace of the service, and the decision about it (CONTRACT section 10).

Rules of this file:

1. What holds the list and the cursor in a body is UNKNOWN, and is read by `ask_list`, tolerantly. What a field
   holds is shown as it came; nothing follows from its words.
2. Model output is hostile: a display escapes it, and masks keys and the passwords of runs that this client submitted.
   The values themselves stay as they came.
3. A decision is sent once, and never repeated silently.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, get_args, overload
from urllib.parse import quote

from fh_notebook.client.connection import Connection
from fh_notebook.client.retry_loop import BeforePage, ask_list, ask_once, no_bound
from fh_notebook.contract.callbacks import NO_STEPS, RunIds, WaitingSteps
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.output import instant_of
from fh_notebook.contract.response import Response, text_in
from fh_notebook.contract.retry import may_have_run
from fh_notebook.contract.run import Explain
from fh_notebook.contract.secrets import Mask, mask_body
from fh_notebook.core import event_loop, hooks
from fh_notebook.core.json_values import pretty
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import moment_text, one_line, short
from fh_notebook.core.text.messages import WAITING_FOR_DECISION, counted
from fh_notebook.errors import ConnectFailed, InputError, SettingsError

if TYPE_CHECKING:
    import pandas as pd

ApprovalDecision = Literal["allow_once", "deny"]
DECISIONS: Final = get_args(ApprovalDecision)

NO_WORKSPACE_ID: Final = (
    "workspace_id is not set; give workspace_id=..., fh.configure(workspace_id=...) or FETCH_HIVE_WORKSPACE_ID. "
    "No endpoint of the service returns the id: ask the administrator of the workspace"
)


class ToolExchange(Protocol):
    """One exchange with the service."""

    def __call__(self, method: str, path: str, content: bytes | None = None) -> Awaitable[Response]:
        """Return the answer to one request."""
        ...


@dataclass(frozen=True, kw_only=True)
class ToolApproval:
    """A tool that a run wants to use, and that waits until somebody decides. ``client.approvals()`` lists them.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive()
    >>> @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    ... def refund(amount: int) -> str:
    ...     decision = fh.local.ask_human("Refund it?", tool="payments", tool_arguments={"amount": amount})
    ...     return "paid" if decision.approved else "refused"
    >>> client = hive.client()
    >>> pending = client.submit("refund", variant="v", inputs={"amount": 120})
    >>> _ = hive.wait_approval()
    >>> approval = client.approvals()[0]
    >>> approval.tool, approval.arguments
    ('payments', {'amount': 120})
    >>> approval.decide("allow_once").status
    'allowed'
    >>> pending.wait(timeout_s=30).output
    'paid'
    """

    id: str
    status: str = ""
    """``pending``, or the service's word for what was decided; empty where its answer to a decision has none."""
    summary: str = ""
    tool: str = ""
    action: str = ""
    arguments: Any = None
    """What the tool is to be called with, as the service lists it."""
    risk: str = ""
    expires_at: datetime | None = None
    """UTC; after it nobody can decide."""
    run_id: str | None = None
    request_id: str | None = None
    votes: int | None = None
    """Votes so far, where the service lists them."""
    votes_required: int | None = None
    """Votes that it needs."""
    batch_key: str | None = None
    workspace_id: str = ""
    """The service's id of the workspace."""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The service's fields, without keys."""
    _endpoint: ApprovalEndpoint | None = field(default=None, repr=False, compare=False)
    _mask: Mask = field(default_factory=Mask, repr=False, compare=False)
    _on_decision: Callable[[], object] | None = field(default=None, repr=False, compare=False)
    """Called when a decision was sent, whatever came of it."""

    def decide(self, decision: ApprovalDecision) -> ToolApproval:
        """Allow the tool this once, or deny it; the run goes on at the service.

        Parameters
        ----------
        decision : {"allow_once", "deny"}
            An approval that needs several votes may still be pending after this one.

        Returns
        -------
        ToolApproval
            As the service lists it after the decision.

        Raises
        ------
        InputError
            Another decision; nothing was sent.
        AuthError
            The service refused the key.
        CallError
            It was decided or has expired (409), is not in a workspace of this key (404), or the service does not take
            the decision (422).
        """
        return event_loop.run(self._decide(decision))

    async def adecide(self, decision: ApprovalDecision) -> ToolApproval:
        """Await :meth:`decide`."""
        return await event_loop.bridge(self._decide(decision))

    async def _decide(self, decision: ApprovalDecision) -> ToolApproval:
        if decision not in DECISIONS:
            raise InputError(f"decision is {short(decision)}; give 'allow_once' or 'deny'")
        if self._endpoint is None:
            raise SettingsError("this approval was not listed by a client; list it with client.approvals()")
        if not self.id:
            raise SettingsError("the service listed this approval without an id; decide it in Fetch Hive")
        was_sent = True
        try:
            return replace(await self._endpoint.decide(self, decision), _on_decision=self._on_decision)
        except ConnectFailed:
            was_sent = False
            raise
        finally:
            if was_sent and self._on_decision is not None:
                self._on_decision()

    def shown_arguments(self) -> str:
        """Return the arguments as text for a display: secrets are masked, and a long text is cut."""
        value = self._mask.value(self.arguments)
        text, is_whole = (value, True) if isinstance(value, str) else pretty(value, limit=html.TEXT_CAP)
        return "" if value is None else self._mask.text(text if is_whole else f"{text}…")

    def shown(self, text: str | None) -> str:
        """Return one of its texts as one line for a display, secrets masked."""
        return one_line(self._mask.text(text or ""))

    def __repr__(self) -> str:
        named = " ".join(x for x in (self.shown(self.tool), self.shown(self.action)) if x)
        parts = [self.shown(self.status), named, self.shown(self.summary), f"id={self.id!r}"]
        return f"ToolApproval({', '.join(p for p in parts if p)})"

    def _repr_html_(self) -> str:
        return ToolApprovals((self,))._repr_html_()


HEADS: Final = ("Summary", "Arguments")
"""The heads of the table."""
_DETAILS: Final = "display:flex;flex-wrap:wrap;gap:0 12px;margin-top:6px;font-size:12px;overflow-wrap:anywhere"
"""Below the summary: in a column of their own the ids would take the room of what a person reads."""
_ROOM: Final = ("min-width:10em;max-width:36em", "min-width:17em")
"""Of the cells by which a person decides."""


class ToolApprovals(Sequence[ToolApproval]):
    """The approvals that a client listed: a sequence, and a table in a notebook.

    Those of a batch also say in `steps` what its other runs wait for, which nobody decides here.

    Examples
    --------
    >>> ToolApprovals([ToolApproval(id="a1", tool="payments", summary="Refund 120?")])
    1 approval
    ToolApproval(payments, Refund 120?, id='a1')
    """

    def __init__(self, approvals: Sequence[ToolApproval] = (), *, steps: WaitingSteps = NO_STEPS) -> None:
        self._approvals = tuple(approvals)
        self.steps = steps
        """The human-in-the-loop steps that runs of the batch wait for."""

    @overload
    def __getitem__(self, index: int) -> ToolApproval: ...
    @overload
    def __getitem__(self, index: slice) -> ToolApprovals: ...
    def __getitem__(self, index: int | slice) -> ToolApproval | ToolApprovals:
        return (
            ToolApprovals(self._approvals[index], steps=self.steps)
            if isinstance(index, slice)
            else self._approvals[index]
        )

    def __len__(self) -> int:
        return len(self._approvals)

    def __iter__(self) -> Iterator[ToolApproval]:
        return iter(self._approvals)

    @property
    def frame(self) -> pd.DataFrame:
        """One row an approval, as a DataFrame; secrets are masked in it, as in the table."""
        import pandas as pd

        names = [f.name for f in fields(ToolApproval) if f.name != "raw" and not f.name.startswith("_")]
        rows = [
            {name: a._mask.value(value) if isinstance(value := getattr(a, name), str) else value for name in names}
            | {"arguments": a._mask.value(a.arguments)}
            for a in self
        ]
        return pd.DataFrame(rows, columns=names)

    def __repr__(self) -> str:
        return "\n".join(filter(None, [counted(len(self), "approval"), *map(repr, self), self.steps.as_list()]))

    def _ipython_display_(self) -> None:
        """Show it with buttons."""
        if not any(approval.status == "pending" for approval in self) or not hooks.frontend().show_approvals(self):
            raise NotImplementedError

    def _repr_html_(self) -> str:
        if not self:
            return html.el("div", html.STYLE, "" if self.steps else "No approvals.", self.steps.list_html(), cls="fh")
        table = html.stacked(HEADS, (cells_of(approval) for approval in self))
        how = html.el("div", 'approval.decide("allow_once") or approval.decide("deny")', cls="fh-dim")
        return html.el("div", html.STYLE, table, how, self.steps.list_html(), cls="fh")


def _id_html(text: str) -> html.Html | str:
    return html.unbroken(text, most=html.ID_UNBROKEN) if text else ""


def cells_of(approval: ToolApproval, *, is_decided_here: bool = False) -> list[object]:
    """Return the cells of one line of the table, under :data:`HEADS`, escaped and with secrets masked.

    `is_decided_here`: whether buttons beside them show that it waits.
    """
    whole = "approval.arguments has everything"
    votes = "" if approval.votes is None else str(approval.votes)
    if approval.votes_required is not None:
        votes = f"{votes or '?'} of {approval.votes_required} needed"
    summary = html.folded(
        approval.shown(approval.summary), whole="approval.summary has everything", open_chars=300, cls=""
    )
    arguments = html.folded(html.printable(approval.shown_arguments()), whole=whole, open_chars=300)
    waits = "" if is_decided_here else WAITING_FOR_DECISION
    details = {
        "Tool": approval.shown(approval.tool),
        "Action": approval.shown(approval.action) if approval.action != approval.summary else "",
        "Risk (by the service)": approval.shown(approval.risk),
        "Status": waits if approval.status == "pending" else approval.shown(approval.status),
        "Expires": moment_text(approval.expires_at) if approval.expires_at else "",
        "Votes": votes,
        "Run": _id_html(approval.shown(approval.run_id or approval.request_id)),
        "Id": _id_html(approval.shown(approval.id)),
    }
    lines = [
        html.el("span", html.el("span", f"{name}: ", cls="fh-dim"), html.el("bdi", text))
        for name, text in details.items()
        if text
    ]
    about = html.join([summary, html.el("div", html.join(lines, "\n"), style=_DETAILS)])
    return [html.el("div", cell, style=room) for cell, room in zip((about, arguments), _ROOM, strict=True)]


class SentPasswords:
    """The passwords that this process has sent, for the display of what the service says of its runs.

    Those of all runs, since an approval need not name its run by an id that the answer to the call had.
    """

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}

    def add(self, request: InvokeRequest) -> None:
        """Remember the passwords of a request that is about to be sent; the oldest beyond 10,000 are forgotten."""
        secrets = request.secrets
        if not (secrets.all or secrets.names):
            return
        texts = Mask.of(*(value for name, value in request.inputs.items() if secrets.cover([name]))).texts
        self._texts |= dict.fromkeys(texts)
        while len(self._texts) > MOST_PASSWORDS:
            self._texts.pop(next(iter(self._texts)), None)

    def mask(self) -> Mask:
        """Return a mask of them."""
        return Mask(frozenset([*self._texts]))


MOST_PASSWORDS: Final = 10_000

SENT_PASSWORDS: Final = SentPasswords()


class ApprovalEndpoint:
    """The approvals of one workspace at the service.

    Parameters
    ----------
    connection : Connection
        Counts the requests.
    exchange : ToolExchange
        Sends one.
    explain : Explain
        Adds what can be done about an error.
    workspace_id : str
        The service's id of the workspace.
    mask : Mask
        The passwords that a display masks, beside keys.
    on_decision : function of RunIds
        Called when a decision was sent, with the ids of its run, where the approval has no function of its own.
    """

    def __init__(
        self,
        connection: Connection,
        exchange: ToolExchange,
        explain: Explain,
        workspace_id: str,
        mask: Mask,
        *,
        on_decision: Callable[[RunIds], object] = lambda run: None,
    ) -> None:
        self._connection = connection
        self._exchange = exchange
        self._explain = explain
        self._workspace_id = workspace_id
        self._path = f"/public/workspaces/{quote(workspace_id, safe='')}/tool_action_approvals"
        self._mask = mask
        self._on_decision = on_decision

    async def list(
        self, query: Mapping[str, str | None], *, limit: int | None = None, before_page: BeforePage = no_bound
    ) -> ToolApprovals:
        """Return all approvals that fit a query, of all pages."""

        async def ask(words: str) -> Any:
            return await self._ask("GET", f"{self._path}?{words}", is_decision=False)

        words = {**query, "limit": None if limit is None else str(limit)}
        entries = await ask_list(
            ask, words, holders=_LISTS, nouns="approvals", ids=_IDS, limit=limit, before_page=before_page
        )
        return ToolApprovals(tuple(map(self._approval_of, entries)))

    async def get(self, approval_id: str) -> ToolApproval:
        """Return one approval, whatever its status."""
        body = await ask_once(
            self._connection,
            "lookup",
            lambda: self._exchange("GET", f"{self._path}/{quote(approval_id, safe='')}"),
            explain=self._explain,
            hint=lambda answer: self._hint(answer, is_of_one=True),
        )
        return self._approval_of({"id": approval_id, **_object_in(body)})

    async def decide(self, approval: ToolApproval, decision: ApprovalDecision) -> ToolApproval:
        """Send one decision, and return the approval after it."""
        content = json.dumps({"decision": decision}).encode()
        path = f"{self._path}/{quote(approval.id, safe='')}/decide"
        fields_ = _object_in(await self._ask("POST", path, content, is_decision=True))
        # Whether it still waits, for more votes say, an answer without a status does not tell.
        decided = self._approval_of({**approval.raw, "status": "", **fields_, "id": approval.id})
        # What the answer does not repeat stays as it came: `raw` is masked.
        kept = {name: getattr(approval, name) for name in ("summary", "arguments") if name not in fields_}
        return replace(decided, **kept)

    async def _ask(self, method: str, path: str, content: bytes | None = None, *, is_decision: bool) -> Any:
        return await ask_once(
            self._connection,
            "lookup",
            lambda: self._exchange(method, path, content),
            explain=self._explain,
            hint=lambda answer: self._hint(answer, is_decision),
            changes=is_decision,
        )

    def _hint(self, answer: Response, is_decision: bool = False, *, is_of_one: bool = False) -> str:
        """Return what to do after a refusal."""
        workspace = repr(self._workspace_id)
        if answer.status_code == 404:
            what = f"this approval, or workspace {workspace}" if is_of_one or is_decision else f"workspace {workspace}"
            arguments = "approval_id, workspace_id" if is_of_one else "workspace_id"
            return f"the key has no access to {what}: check {arguments} and the key"
        if answer.status_code == 409:
            lists = "client.approvals() lists what still waits"
            # The service's own message stands before it, and says as a rule which of both it is.
            said = answer.body.lower()
            return lists if b"already" in said or b"expired" in said else f"it was decided or has expired; {lists}"
        if answer.status_code == 422 and is_decision:
            return (
                "the decision was not accepted (a destructive action cannot be allowed for a whole run, for "
                "example); decide it in Fetch Hive"
            )
        if not is_decision and answer.status_code in (400, 422):
            return "check workspace_id and the other arguments"
        if is_decision and may_have_run(answer):
            return "the decision may have arrived; client.approvals() lists what still waits"
        return "try again later"

    def _approval_of(self, entry: Mapping[str, Any]) -> ToolApproval:
        """Return the approval of a service's object, whatever it lacks."""
        votes = entry.get("approval_votes")
        required = entry.get("approvals_required")
        run = RunIds(text_in(entry, "request_id"), text_in(entry, "prompt_workflow_run_id", "run_id"))
        return ToolApproval(
            id=text_in(entry, *_IDS) or "",
            status=text_in(entry, "status") or "",
            summary=text_in(entry, "summary") or "",
            tool=text_in(entry, "tool_label") or "",
            action=text_in(entry, "action_label") or "",
            arguments=entry.get("arguments"),
            risk=text_in(entry, "risk_level") or "",
            expires_at=instant_of(entry.get("expires_at")),
            run_id=run.run_id,
            request_id=run.request_id,
            votes=len(votes) if isinstance(votes, list | dict) else votes if _is_count(votes) else None,
            votes_required=required if _is_count(required) else None,
            batch_key=text_in(entry, "batch_key"),
            workspace_id=self._workspace_id,
            raw=mask_body(dict(entry)),
            _endpoint=self,
            _mask=self._mask,
            _on_decision=partial(self._on_decision, run),
        )


def checked_workspace_id(value: str | None) -> str:
    """Return a workspace id that can be asked for."""
    if value is None or not value.strip():
        raise SettingsError(NO_WORKSPACE_ID)
    return value.strip()


_IDS: Final = ("id", "approval_id")
_LISTS: Final = ("tool_action_approvals", "approvals", "data", "items", "results")
_WRAPPERS: Final = ("tool_action_approval", "approval", "data")


def _object_in(body: Any) -> Mapping[str, Any]:
    """Return the approval in the answer to a decision; UNKNOWN whether something wraps it, or it is there at all."""
    fields_ = body if isinstance(body, dict) else {}
    for name in _WRAPPERS:
        if isinstance(inner := fields_.get(name), dict):
            return inner
    return fields_ if "id" in fields_ else {}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
