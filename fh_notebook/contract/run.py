"""Run: one call and its outcome.

Rule of this file: a failed run is a value. Reading it never raises (but `json()` and `raise_for_status()`, which ask
for a thing that may not be there), and showing it never runs anything of the model's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from fh_notebook.contract.output import STYLE, Asset, OutputOptions, ShownOutput, assets_of, output_view
from fh_notebook.core import arguments, hooks
from fh_notebook.core.json_values import inside_fence
from fh_notebook.core.redaction import Secret
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import one_line, seconds_text, short, with_partial_repr
from fh_notebook.errors import AuthError, CallError, InputError, LimitReached, RunFailed

STATUSES: Final = ("completed", "failed", "queued", "running", "awaiting_approval", "unknown")
"""The words that a run's status is known to take; ``unknown`` is ours, for a call that may or may not have run.
A word of the service that is not listed here is kept as it is."""

FINAL_STATUSES: Final = frozenset({"completed", "failed", "unknown"})
"""The statuses after which nothing more will come by itself."""

DAILY_CODE: Final = "api_rate_limit_exceeded"
CREDIT_CODES: Final = frozenset({"insufficient_hosted_llm_credits", "account_credit_cap_reached"})
"""The codes after which nothing will run until something is renewed (CONTRACT section 2)."""

_TEXT_OR_NONE: Final = frozenset({str, type(None)})

_CHECKED: Final = (
    "status",
    "error",
    "error_code",
    "request_id",
    "run_id",
    "deployment",
    "variant",
    "elapsed_s",
    "client_action",
)
"""What of a `Run` is shown as a text or a number, and so must be one."""

WHOLE: Final = "run.text has everything"
WHOLE_ERROR: Final = "run.error has everything"
"""Where all of a long text is, beside what a card shows of it."""


@arguments.public
@with_partial_repr
@dataclass(frozen=True, slots=True, weakref_slot=True, kw_only=True, repr=False)
class Run:
    """One call of a deployment and its outcome.

    Examples
    --------
    >>> run = Run(status="completed", output={"label": "billing"}, deployment="support-triage", variant="nearest")
    >>> run.ok, run.json()["label"]
    (True, 'billing')
    >>> run
    Run(completed, support-triage/nearest, output={"label": "billing"})
    """

    status: str
    """One of :data:`STATUSES`, or another word of the service, as it is."""
    output: Any = None
    """The service's output as it came: text, or parsed JSON."""
    error: str | None = None
    """What went wrong, in words (the service's own where it gave any; they may be in the user's language)."""
    error_code: str | None = None
    """A stable code, to decide by: the service's, or one of ours (``response_too_large``, ``read_timeout``, ...)."""
    status_code: int | None = None
    """The HTTP status of the last answer; ``None`` when none came."""
    request_id: str | None = None
    run_id: str | None = None
    elapsed_s: float = 0.0
    """Seconds of the last exchange, from sending to the last byte. Waiting for a slot or a retry is not in it."""
    attempts: int = 1
    """Exchanges tried, refused ones included."""
    started_at: datetime | None = None
    """UTC; when the last exchange began."""
    deployment: str = ""
    variant: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    origin: str = ""
    """The host that was asked, or ``local``; of a run out of a ``.fhb`` file the name of no host."""
    raw: Any = None
    """The whole body as it came (parsed when it is JSON, else text), secrets masked."""
    webhook_secret: Secret | None = None
    """The signing secret that a callback answer carries. In memory only."""
    client_action: str | None = None
    """What the service's error catalogue says to do about :attr:`error_code`; ``None``: nothing, or it could not be
    fetched, or the service is on this machine, which is not asked for it."""

    def __post_init__(self) -> None:
        # Many thousands of runs are made in a batch, and all of them of texts: only another kind is looked at closely.
        texts = (self.error, self.error_code, self.request_id, self.run_id, self.variant, self.client_action)
        if (
            type(self.status) is type(self.deployment) is str
            and type(self.elapsed_s) is float
            and _TEXT_OR_NONE.issuperset(map(type, texts))
        ):
            return
        arguments.check(Run.__init__, {name: getattr(self, name) for name in _CHECKED})

    @property
    def ok(self) -> bool:
        """Whether the run completed."""
        return self.status == "completed"

    @property
    def done(self) -> bool:
        """Whether the status no longer changes by itself: completed, failed or unknown."""
        return self.status in FINAL_STATUSES

    @property
    def may_have_run(self) -> bool:
        """Whether the workflow ran or may have run; false for a call that was refused or never sent."""
        answered = (self.status_code or 0) // 100 == 2
        return self.status != "failed" or answered or self.error_code == "response_too_large"

    @property
    def text(self) -> str:
        """The output as text: a string as it is, any other value as indented JSON, no output as an empty string."""
        if self.output is None:
            return ""
        if isinstance(self.output, str):
            return self.output
        return _to_json(self.output, 2, None)

    def json(self) -> Any:
        """Return the output as a JSON value; a string is parsed, also from inside a ```` ```json ```` fence.

        Raises
        ------
        ValueError
            The output is text that is not JSON, or is nested too deeply; or there is none.
        """
        if self.output is None:
            raise ValueError(f"this run has no output (it is {self.status})")
        return json_of(self.output)

    @property
    def identity(self) -> str:
        """The identity of the run: the service's id with its host, or the start time if it has no id."""
        began = self.started_at.isoformat() if self.started_at is not None else ""
        return f"{self.origin} {self.request_id or self.run_id or began}"

    @property
    def assets(self) -> tuple[Asset, ...]:
        """The files that the run made, if it made any."""
        return assets_of(self.output)

    def save_assets(self, folder: str | Path) -> list[Path]:
        """Download the assets into `folder` and return the files, in the order of :attr:`assets`.

        The API key is not sent. Names are made safe and never overwrite a file. Addresses of this machine and of
        private networks are not asked, but for the service's own.

        Raises
        ------
        CallError
            An asset has no address that may be fetched, or did not come whole.
        """
        arguments.check(Run.save_assets, locals())
        return hooks.assets().save_assets(self, Path(folder))

    def raise_for_status(self) -> Run:
        """Return the run itself when it completed, and raise otherwise.

        Raises
        ------
        AuthError, LimitReached, RunFailed
            By status and code, each with the request id and whether it may have run.
        """
        if self.ok:
            return self
        kind: type[CallError] = RunFailed
        if self.status_code in (401, 403):
            kind = AuthError
        elif self.error_code in {DAILY_CODE, *CREDIT_CODES}:
            kind = LimitReached
        raise kind(
            self.summary(),
            status_code=self.status_code,
            error_code=self.error_code,
            request_id=self.request_id,
            may_have_run=self.may_have_run,
        )

    def _where(self, between: str) -> str:
        """The names of the deployment and the variant."""
        return between.join(name for name in (self.deployment, self.variant) if name)

    @property
    def action_text(self) -> str:
        """The action that the service's error catalogue gives for the error, in one line; empty if it gives none."""
        return action_text(self.client_action)

    def summary(self) -> str:
        """Return the run in one line: where it ran, its status, and any error."""
        where = self._where("/") or "run"
        parts = [f"{one_line(where)}: {one_line(self.status)}"]
        if self.error or self.error_code:
            name = one_line(self.error_code or "")
            parts.append(f"{one_line(self.error)} ({name})" if name and self.error else one_line(self.error or name))
        if self.client_action:
            parts.append(self.action_text)
        if self.request_id and not self.ok:
            parts.append(f"request {one_line(self.request_id)}")
        return " - ".join(parts)

    def __repr__(self) -> str:
        where = self._where("/")
        parts = [one_line(self.status), one_line(where)]
        if self.elapsed_s:
            parts.append(seconds_text(self.elapsed_s))
        parts.append(one_line(self.request_id or self.run_id or ""))
        if self.error or self.error_code:
            parts.append(f"error={one_line(self.error or self.error_code or '')!r}")
            parts.append(self.action_text)
        elif self.output is not None:
            text = self.output if isinstance(self.output, str) else _to_json(self.output, None)
            parts.append(f"output={one_line(text)}")
        return f"Run({', '.join(s for s in parts if s)})"

    def _repr_html_(self) -> str:
        return self._page("")

    def _page(self, key: str) -> html.Html:
        return html.el("div", html.STYLE, STYLE, self.html_card(key=key), cls="fh")

    def _ipython_display_(self) -> None:
        """Show what comes of it, where it waits for a decision and somebody could decide."""
        if self.done or not hooks.frontend().show_direct_run(self):
            raise NotImplementedError

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return it with what can be clicked; nothing where nobody could click, so IPython asks for HTML."""
        return hooks.frontend().outputs_bundle(lambda prefix: self._page(f"{prefix}0"), [shown_output(self)])

    def html_card(
        self,
        *,
        key: str = "",
        whole: str = WHOLE,
        cap: int = html.TEXT_CAP,
        open_chars: int = html.CHARS_OPEN,
        form: str = "",
        is_headed: bool = True,
        colour: str | None = None,
        seconds: str = "",
        is_app: bool = False,
    ) -> html.Html:
        """Return the run as one card of HTML, escaped, folded and capped, for this object and for those that hold many.

        Parameters
        ----------
        key : str
            The name by which a script asks for all of the output: :attr:`OutputOptions.key`.
        whole : str
            Where all of a long output is, in words.
        cap : int
            Characters of the output that are in the card at most.
        open_chars : int
            Characters of it that are open to the eye; the rest is folded.
        form : str
            The form in which the output is shown first, of ``output.view.FORMS``; by default the one that fits it.
        is_headed : bool
            Whether its status and its names are above the output.
        colour : str, optional
            The variant's, in front of the names.
        seconds : str
            How long it has been out; by default how long it took.
        is_app : bool
            Whether it is for the users of an app: :attr:`OutputOptions.is_app`.
        """
        seconds = seconds or (seconds_text(self.elapsed_s) if self.elapsed_s else "")
        head = card_head(self.status, self.deployment, self.variant, colour=colour, seconds=seconds)
        parts: list[html.Html | None] = [head if is_headed else None]
        if self.error or self.error_code:
            code = f" ({self.error_code})" if self.error_code else ""
            text = f"{self.error or ''}{code}".strip()
            parts.append(html.folded(text, whole=WHOLE_ERROR, cap=cap, open_chars=open_chars, cls="fh-error"))
        if self.client_action:
            parts.append(html.el("div", f"→ {self.action_text}", cls="fh-cure"))
        if self.output is not None:
            options = OutputOptions(
                whole=whole, cap=cap, open_chars=open_chars, form=form, key=key, run=self.identity, is_app=is_app
            )
            parts.append(output_view(self.output, options))
        return html.el("div", *parts, technical_line(self), cls="fh-card")

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON values, without the signing secret; :meth:`from_dict` reads them back."""
        values = dict(zip(_STORED_FIELDS, _stored_values(self), strict=True))
        values["started_at"] = self.started_at.isoformat() if self.started_at else None
        if self.client_action is None:  # most runs of a store have none
            del values["client_action"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Run:
        """Return the run that :meth:`to_dict` wrote; keys unknown to this version are left out."""
        arguments.check(Run.from_dict, locals())
        return run_of_values(values)


def card_head(
    status: str, deployment: str | None, variant: str | None, *, colour: str | None = None, seconds: str = ""
) -> html.Html:
    """Return what is above the output of a run, or stands for one: status, names, and how long it took."""
    name = call_name(deployment, variant)
    return html.el(
        "div",
        html.badge(one_line(status, 40)),
        " ",  # for a page that leaves out the style
        html.el("span", html.swatch(colour), name) if colour else name,
        " ",
        html.el("span", seconds, cls="fh-dim", title=ELAPSED_TITLE) if seconds else None,
        cls="fh-head",
    )


def action_text(client_action: str | None) -> str:
    """Return what the service's error catalogue says to do, in one line with who says it; empty if it says nothing.

    Examples
    --------
    >>> action_text("Choose an active model."), action_text(None)
    ('Fetch Hive: Choose an active model.', '')
    """
    return f"Fetch Hive: {one_line(client_action)}" if client_action else ""


def with_action(error: str, client_action: str | None) -> str:
    """Return an error with what the service's error catalogue says to do about it, for the inside of a sentence.

    Examples
    --------
    >>> with_action("Model is gone", "Choose an active model."), with_action("Model is gone", None)
    ('Model is gone (Fetch Hive: Choose an active model)', 'Model is gone')
    """
    action = action_text(client_action).rstrip(".")
    return f"{error} ({action})" if error and action else error or action


def shown_output(run: Run) -> ShownOutput:
    """Return what the view of a run's output is of."""
    return ShownOutput(run.output, OutputOptions(whole=WHOLE, run=run.identity))


def json_of(output: Any) -> Any:
    """Return an output as a JSON value; a text is parsed, also from inside a ```` ```json ```` fence."""
    if not isinstance(output, str):
        return output
    try:
        return json.loads(inside_fence(output))
    except ValueError as exc:
        raise ValueError(f"the output is not JSON ({exc}); it is in .text") from None
    except RecursionError:
        raise ValueError("the output is nested too deeply to be read as JSON; it is in .text") from None


def run_of_values(values: Mapping[str, Any]) -> Run:
    """Return what :meth:`Run.from_dict` does, of values whose type is known: a store has many of them."""
    known = {k: v for k, v in values.items() if k in _FIELDS}
    if "status" not in known:
        raise InputError("values have no status; give what run.to_dict() returned")
    if known.get("started_at") is not None:
        known["started_at"] = datetime.fromisoformat(known["started_at"])
    return Run(**known)


_FIELDS: Final = frozenset(part.name for part in fields(Run))
_STORED_FIELDS: Final = tuple(part.name for part in fields(Run) if part.name != "webhook_secret")
"""The names of :meth:`Run.to_dict`."""
_stored_values: Final = attrgetter(*_STORED_FIELDS)


def call_name(deployment: str | None, variant: str | None) -> html.Html:
    """Return what was called, as the head of a card has it: the deployment, and its variant with that word.

    Examples
    --------
    >>> call_name("refund", "v1")
    '<span><strong><bdi>refund</bdi></strong>, variant <strong><bdi>v1</bdi></strong></span>'
    """
    names = [html.el("strong", html.el("bdi", name)) for name in (deployment, variant) if name]
    return html.el("span", *(html.join(names, ", variant "),) if deployment else names)


def identity_text(run: Run) -> str:
    """Return the service's id of a call, and what it is; empty where none is known.

    Examples
    --------
    >>> identity_text(Run(status="completed", request_id="req_7", run_id="run_7")), identity_text(Run(status="queued"))
    ('Request id: req_7', '')
    """
    name = "Request" if run.request_id else "Run"
    identity = one_line(run.request_id or run.run_id or "", 200)
    return f"{name} id: {identity}" if identity else ""


def technical_line(run: Run) -> html.Html | None:
    """Return what identifies a call at the service, in the small line below its answer."""
    facts = [identity] if (identity := identity_text(run)) else []
    if isinstance(run.attempts, int) and run.attempts > 1:
        # A call is repeated only where it did not run (`contract.retry`); look-ups count, too.
        facts.append(f"{short(run.attempts)} requests were sent{', of which one ran' if run.ok else ''}")
    return html.el("div", " · ".join(facts), cls="fh-dim fh-foot", title=ID_TITLE) if facts else None


Explain = Callable[[Run], Awaitable[Run]]
"""Returns a run with what can be done about its error (`Run.client_action`)."""

ID_TITLE: Final = "the service's id of this call"
ELAPSED_TITLE: Final = "from the call to its answer"


def _to_json(output: Any, *indents: int | None) -> str:
    """Return `output` as JSON, by the first of `indents` at which Python follows its depth: flat, it goes deeper."""
    for indent in indents:
        with suppress(RecursionError, ValueError, TypeError):  # what is no JSON, in a run that somebody made by hand
            return json.dumps(output, ensure_ascii=False, indent=indent, default=short)
    return "(nested too deeply to be written out; run.output has everything)"
