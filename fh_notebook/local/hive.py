"""LocalHive: a hive on this machine, its settings and its controls.

Rule of this file: it only hands on. What happens to a call is in ``service``; Starlette, uvicorn and httpx are imported
when the hive is first asked for an address or a transport. What is for its owner alone (settings, faults on demand,
decisions, looking) is no part of the service's contract: no caller over HTTP can reach it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from fh_notebook.core import arguments, hooks
from fh_notebook.core.redaction import Secret, as_secret
from fh_notebook.core.text.formatting import with_partial_repr
from fh_notebook.core.values import Seconds, utc_now
from fh_notebook.errors import SettingsError
from fh_notebook.local.approvals import Approval, Choice, Decision
from fh_notebook.local.callback_sender import Delivery
from fh_notebook.local.faults import Fault, FaultPoint
from fh_notebook.local.options import (
    ASSET_EXPIRY_S,
    CALLBACK_BACKOFF_S,
    CALLBACK_TIMEOUT_S,
    KEEP,
    KEEP_ALIVE_S,
    MAX_BODY_BYTES,
    WORKSPACE_ID,
    Latency,
    NotFoundStatus,
    QueueStatus,
    Spelling,
    ToolRule,
    options_from,
)
from fh_notebook.local.records import Call, Counts, view
from fh_notebook.local.requests import Refusal
from fh_notebook.local.service import Service
from fh_notebook.local.workflows import WebhookEndpoint, new_secret

if TYPE_CHECKING:
    import httpx
    from starlette.applications import Starlette

    from fh_notebook.contract.deployment import Deployment
    from fh_notebook.local.http.server import HiveServer

F = TypeVar("F", bound=Callable[..., Any])


def _new_instance() -> str:
    return secrets.token_hex(6)


@arguments.public
@with_partial_repr
class LocalHive:
    """A server on this machine that runs Python functions as workflows and answers as Fetch Hive does.

    A workflow may be called on several event loops: on that of a client in process, of a server, and of the hive itself
    (callback delivery). An async one must not hold on to things of one loop, such as an ``asyncio.Event``. A workflow
    gets the inputs as JSON values, by name. What it returns is the output and must be JSON; what it raises makes the
    run a failed one.

    Parameters
    ----------
    name : str, optional
        A lasting name: saved answers of a named hive are found again by the next one of that name. Else every hive is
        a workspace of its own, and another one once a workflow was replaced.
    api_key : str, optional
        The key that callers must send. ``None``: any key that is not empty.
    seed : int
        Of the latencies: the same calls in the same order get the same ones.
    latency_s : float, (float, float) or callable
        Seconds that each run takes before its workflow starts, its slot held: fixed, drawn from a range, or by a
        function of a ``random.Random``.
    concurrency : int, optional
        Runs at once. A sync call over it is refused, one with callback delivery is queued.
    daily_cap : int, optional
        Requests a day, renewed at midnight UTC by `clock`: calls that were let in, and everything else that needs the
        key, such as look-ups, approvals and uploads.
    look_ups_count : bool
        Whether those others count, too. The documentation says "public API requests"; how the service counts is not
        known.
    may_auto_approve : bool
        Whether the key may have ``tool_approval="auto_approve"``; otherwise such a call is refused with 403, as every
        webhook trigger that asks for it.
    spelling : {"docs", "sdk"}
        Whose spelling the answers have: the documentation's or the SDKs'.
    clock : callable, optional
        Returns now, UTC. Decides the day, and the times of records.
    sleep : async callable, optional
        Waits: for latencies, slow bodies, and between attempts of a callback.
    allow_callbacks : iterable of str
        Hosts to which callbacks may go beside this machine itself, without a port. Deliveries to any other are recorded
        as not delivered; nothing is resolved or connected to.
    callback_backoff_s : sequence of float
        Seconds before each further attempt of a callback; as many further attempts as there are numbers.
    callback_timeout_s : float
        Seconds that one attempt may take.
    max_body_bytes : int
        Larger requests are answered 413.
    retry_after_s : float, optional
        What a refusal by the concurrency cap names in ``Retry-After``; the service documents none, so none is sent.
    not_found_status : {404, 422}
        The status for an unknown deployment or variant; as 422 the answer has a text and no code.
    queue_status : {"queued", "pending"}
        The status of a run that waits for its slot.
    retrieves_output : bool
        Whether a look-up of a run has its output, which is not known of the service.
    keep : int
        Finished runs and deliveries that are remembered (:attr:`calls`, retrieving a run). Counters count all.
    scheduled_runs : int
        Slots of `concurrency` that runs of schedules hold: a caller meets refusals that are not its own.
    tools : mapping of str to {"allow", "ask", "destructive", "deny"}, optional
        Rules of tools, over those that workflows are declared with.
    wait_timeout_s : float, optional
        Seconds after which nobody can decide about a step that names no `timeout_s` of its own; then it fails.
    workspace_id : str
        The id under which approvals of tools are asked for and files are uploaded; its own clients know it.
    asset_expiry_s : float
        Seconds for which the address of a file is answered; after them it is a 403.

    Raises
    ------
    SettingsError
        With every problem of the settings.

    Examples
    --------
    >>> hive = LocalHive(concurrency=3)
    >>> @hive.workflow("shout", variant="plain")
    ... def shout(text: str, times: int = 1) -> str:
    ...     return text.upper() * times
    >>> [(d.name, d.variants) for d in hive.deployments()]
    [('shout', ('plain',))]
    >>> with hive.serve() as server:
    ...     server.url.startswith("http://127.0.0.1:"), server.url.endswith("/v1")
    (True, True)
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        api_key: str | Secret | None = None,
        seed: int | str | None = 0,
        latency_s: Latency = 0.0,
        concurrency: int | None = None,
        daily_cap: int | None = None,
        look_ups_count: bool = True,
        may_auto_approve: bool = True,
        spelling: Spelling = "docs",
        clock: Callable[[], datetime] | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        allow_callbacks: str | Iterable[str] = (),
        callback_backoff_s: Iterable[float] = CALLBACK_BACKOFF_S,
        callback_timeout_s: float = CALLBACK_TIMEOUT_S,
        max_body_bytes: int = MAX_BODY_BYTES,
        retry_after_s: float | None = None,
        not_found_status: NotFoundStatus = 404,
        queue_status: QueueStatus = "queued",
        retrieves_output: bool = True,
        keep: int = KEEP,
        scheduled_runs: int = 0,
        tools: Mapping[str, ToolRule] | None = None,
        wait_timeout_s: float | None = None,
        workspace_id: str = WORKSPACE_ID,
        asset_expiry_s: float = ASSET_EXPIRY_S,
    ) -> None:
        api_key = as_secret(api_key)
        arguments.check(LocalHive.__init__, locals())
        options = options_from(
            {
                "api_key": api_key,
                "seed": seed,
                "latency_s": latency_s,
                "concurrency": concurrency,
                "daily_cap": daily_cap,
                "look_ups_count": look_ups_count,
                "may_auto_approve": may_auto_approve,
                "spelling": spelling,
                "allow_callbacks": allow_callbacks,
                "callback_backoff_s": tuple(callback_backoff_s),
                "callback_timeout_s": callback_timeout_s,
                "max_body_bytes": max_body_bytes,
                "retry_after_s": retry_after_s,
                "not_found_status": not_found_status,
                "queue_status": queue_status,
                "retrieves_output": retrieves_output,
                "keep": keep,
                "scheduled_runs": scheduled_runs,
                "tools": dict(tools or {}),
                "wait_timeout_s": wait_timeout_s,
                "workspace_id": workspace_id,
                "asset_expiry_s": asset_expiry_s,
            }
        )
        self._name = name
        self._instance = _new_instance()
        self._service = Service(options, clock=clock or utc_now, sleep=sleep or asyncio.sleep)

    # Workflows ---------------------------------------------------------------

    def workflow(
        self,
        deployment: str,
        *,
        variant: str,
        human: str | None = None,
        tools: Mapping[str, ToolRule] | None = None,
    ) -> Callable[[F], F]:
        """Return a decorator that registers a function as the workflow of a variant, and returns it unchanged.

        The function's signature declares the Start variables (annotations, defaults, ``Literal``, ``Annotated``).
        Declared again, the name means the new function, as re-running a cell should; a hive without a lasting name has
        another :attr:`instance` then, so that the old function's saved answers are not taken for the new one's.

        Parameters
        ----------
        deployment, variant : str
            Its names.
        human : str, optional
            Who is in the loop: the workflow may pause with ``fh.local.ask_human(...)`` until :meth:`decide`. A direct
            call of it is refused, as the service does.
        tools : mapping of str to {"allow", "ask", "destructive", "deny"}, optional
            The tools for which it calls ``fh.local.ask_human(..., tool="name")``. ``ask`` waits for a decision unless
            the call says ``tool_approval="auto_approve"``; ``destructive`` always waits; ``deny`` is denied without a
            question. A direct call that waits is answered ``awaiting_approval``, and the run goes on later.

        Raises
        ------
        SettingsError
            A name is empty, or what is decorated cannot be called.
        InputError
            The signature cannot be read as Start variables.
        """
        arguments.check(LocalHive.workflow, locals())

        def declare(func: F) -> F:
            with self._service.runs.lock:
                if self._service.registry.add(deployment, variant, func, human=human, tools=tools):
                    self._instance = _new_instance()
            return func

        return declare

    def deployments(self) -> list[Deployment]:
        """Return the deployments with their variants and Start variables, in the order of their declaration.

        Where the variants of one deployment take different variables, ``inputs`` has all of them, and requires what
        every variant requires; the hive itself checks each call against its own variant.
        """
        with self._service.runs.lock:
            return self._service.registry.deployments()

    def inputs_of(self, deployment: str, variant: str) -> dict[str, Any]:
        """Return the Start variables of one variant as the JSON Schema that checks its calls.

        Raises
        ------
        SettingsError
            There is no such workflow.
        """
        arguments.check(LocalHive.inputs_of, locals())
        try:
            return dict(self._service.registry.find(deployment, variant).schema)
        except Refusal as exc:
            raise SettingsError(f"{deployment}/{variant}: {exc.message}") from None

    def webhook(self, deployment: str, variant: str, *, secret: str | Secret | None = None) -> WebhookEndpoint:
        """Open a webhook endpoint: an address that starts a workflow without an API key.

        Parameters
        ----------
        deployment, variant : str
            Which workflow; it must be declared.
        secret : str, optional
            What a caller must send as ``X-Fetch-Hive-Webhook-Secret`` or ``?secret=``. Else a random one.

        Returns
        -------
        WebhookEndpoint
            With its ids, its ``path`` under the hive's URL, and its secret.

        Raises
        ------
        SettingsError
            There is no such workflow, or the secret is empty.
        """
        secret = as_secret(secret)
        arguments.check(LocalHive.webhook, locals())
        with self._service.runs.lock:
            return self._service.registry.add_endpoint(deployment, variant, secret)

    def webhook_secret(self, deployment: str) -> Secret:
        """Return the secret that callbacks of a deployment are signed with (the dialog's "Signing secret").

        Raises
        ------
        SettingsError
            There is no such deployment.
        """
        arguments.check(LocalHive.webhook_secret, locals())
        try:
            return self._service.registry.signing_secrets[deployment]
        except KeyError:
            raise SettingsError(f"this hive has no deployment {deployment!r}") from None

    def rotate_webhook_secret(self, deployment: str, secret: str | Secret | None = None) -> Secret:
        """Replace the signing secret of a deployment with `secret` or a random one, and return it.

        Raises
        ------
        SettingsError
            There is no such deployment, or the secret is empty.
        """
        secret = as_secret(secret)
        arguments.check(LocalHive.rotate_webhook_secret, locals())
        self.webhook_secret(deployment)
        fresh = secret if isinstance(secret, Secret) else new_secret()
        if not fresh:
            raise SettingsError("secret= must not be empty: an empty one signs nothing")
        self._service.registry.signing_secrets[deployment] = fresh
        return fresh

    def asset(self, name: str, content: bytes, file_type: str = "application/octet-stream") -> dict[str, Any]:
        """Store a file, and return its entry in an image result: ``id, file_url, file_url_expires_at, ...``.

        A workflow returns it in ``{"settings": {...}, "assets": [hive.asset(...)]}``; the answer then has the whole
        address, under which the hive was asked. Whoever knows it may fetch the file without a key, until it expires.
        """
        arguments.check(LocalHive.asset, locals())
        return self._service.assets.add(name, content, file_type)

    # Ways in -----------------------------------------------------------------

    @property
    def app(self) -> Starlette:
        """The hive as an ASGI application, for a server of your own."""
        from fh_notebook.local.http.app import app_of

        return app_of(self._service)

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return a transport for ``httpx.AsyncClient`` that reaches the hive in process, from any event loop."""
        from fh_notebook.local.http.transport import HiveTransport

        return HiveTransport(self.app)

    def client(self) -> Any:
        """Return an :class:`fh_notebook.Client` of this hive in process, with its key."""
        return hooks.session().client_of_hive(self)

    def serve(self, *, host: str = "127.0.0.1", port: int = 0, keep_alive_s: Seconds = KEEP_ALIVE_S) -> HiveServer:
        """Return a server of this hive, which runs during its ``with`` block.

        Parameters
        ----------
        host : str
            The address to listen on. With another than this machine's, anybody who reaches it may run the workflows:
            give the hive an `api_key`; without one, a line says so when the server starts.
        port : int
            0 takes a free one; ``server.port`` says which.
        keep_alive_s : float
            Seconds after which an idle connection is closed.

        Returns
        -------
        HiveServer
            ``url`` (ends in ``/v1``), ``port``, ``start()``, ``stop()``.
        """
        arguments.check(LocalHive.serve, locals())
        from fh_notebook.local.http.server import HiveServer

        return HiveServer(
            self.app, host=host, port=port, keep_alive_s=keep_alive_s, has_key=lambda: self.api_key is not None
        )

    def close(self) -> None:
        """Stop what runs for callback delivery. Optional: a hive that is no longer referenced closes itself."""
        self._service.runs.loop.stop()

    def __enter__(self) -> LocalHive:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def name(self) -> str | None:
        """The name by which another process finds the answers of this hive, if the hive has one."""
        return self._name

    @property
    def instance(self) -> str:
        """A random id of this hive, which changes when a workflow is replaced."""
        return self._instance

    # Settings ----------------------------------------------------------------

    def configure(self, **changes: Any) -> None:
        """Change settings of a running hive, by the names of the constructor's parameters.

        A higher `concurrency` starts calls that wait at once; a lower one lets what runs end.

        Raises
        ------
        SettingsError
            With every problem; nothing is changed then.

        Examples
        --------
        >>> from fh_notebook.local import LocalHive
        >>> hive = LocalHive(concurrency=100)
        >>> hive.configure(concurrency=30, spelling="sdk")
        >>> hive.concurrency
        30
        """
        if "api_key" in changes:
            changes["api_key"] = as_secret(changes["api_key"])
        arguments.check(LocalHive.__init__, changes)
        self._service.runs.set_options(options_from(changes, self._service.runs.options))

    @property
    def api_key(self) -> Secret | None:
        """The API key that callers must send; ``None`` if any is accepted."""
        return self._service.runs.options.api_key

    @property
    def spelling(self) -> Spelling:
        """The spelling of the names of fields in answers."""
        return self._service.runs.options.spelling

    @property
    def allow_callbacks(self) -> frozenset[str]:
        """The hosts to which callbacks may go, in addition to this machine."""
        return self._service.runs.options.allow_callbacks

    @property
    def workspace_id(self) -> str:
        """The workspace id under which tool approvals are listed."""
        return self._service.runs.options.workspace_id

    @property
    def concurrency(self) -> int | None:
        """The concurrency cap; can be set."""
        return self._service.runs.options.concurrency

    @concurrency.setter
    def concurrency(self, cap: int | None) -> None:
        self.configure(concurrency=cap)

    @property
    def daily_cap(self) -> int | None:
        """The daily cap; can be set."""
        return self._service.runs.options.daily_cap

    @daily_cap.setter
    def daily_cap(self, cap: int | None) -> None:
        self.configure(daily_cap=cap)

    # Faults ------------------------------------------------------------------

    def fail_next(
        self,
        n: int = 1,
        *,
        status: int | None = None,
        error_code: str | None = None,
        message: str | None = None,
        slow_body_s: float | None = None,
        cut_body: bool = False,
        reset: bool = False,
        html: bool = False,
        legacy: bool = False,
        body: bytes | None = None,
        content_type: str | None = None,
        retry_after: float | str | None = None,
        after_running: bool = False,
        deployment: str | None = None,
        variant: str | None = None,
        on: FaultPoint = "invoke",
    ) -> None:
        """Make the next `n` valid calls fail, over a socket and in process.

        A valid call has the right API key, known names and inputs that fit. Faults are met in the order in which they
        were asked for. A fault before the run takes no slot and no call of the day; a look-up that meets one is
        counted.

        Parameters
        ----------
        n : int
            How many calls.
        status, error_code, message : optional
            An error answer; what is not given follows from the rest (:mod:`fh_notebook.local.requests`), and with
            nothing given at all it is a 500.
        slow_body_s : float, optional
            The second half of the body comes so many seconds after the first.
        cut_body : bool
            The connection is closed after half of the body that was announced.
        reset : bool
            The connection is reset (TCP RST) instead of an answer.
        html : bool
            The answer is a web page, as of a proxy before the service; its status is 502 unless given.
        legacy : bool
            The body has ``error`` alone, as older ones do.
        body, content_type : optional
            These bytes, whatever they are; the status is 500 unless given.
        retry_after : float or str, optional
            The header ``Retry-After``: seconds, or a date as text.
        after_running : bool
            The workflow runs first, and its answer is lost. A slow or cut body without an answer of its own is the
            run's own one, so the workflow runs then, too.
        deployment, variant : str, optional
            Only calls of these.
        on : {"invoke", "retrieve"}
            Calls that run a workflow (by key or by webhook), or those that ask for a run.

        Raises
        ------
        SettingsError
            With every contradiction.
        """
        arguments.check(LocalHive.fail_next, locals())
        if not isinstance(n, int) or n < 1:
            raise SettingsError(f"fail_next takes a number of calls, at least 1, not {n!r}")
        fault = Fault(
            status=status,
            error_code=error_code,
            message=message,
            slow_body_s=slow_body_s,
            cut_body=cut_body,
            reset=reset,
            html=html,
            legacy=legacy,
            body=body,
            content_type=content_type,
            retry_after=retry_after,
            after_running=after_running,
            deployment=deployment,
            variant=variant,
            on=on,
        )
        with self._service.runs.lock:
            self._service.faults.add(fault, n)

    def clear_faults(self) -> int:
        """Remove the faults that no call has met yet, and return their number."""
        with self._service.runs.lock:
            left = len(self._service.faults)
            self._service.faults.clear()
            return left

    # A human in the loop -------------------------------------------------------

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """The runs that are paused until a person decides, the oldest first."""
        return self._service.runs.approvals.waiting()

    def wait_approval(self, timeout_s: Seconds | None = 60.0) -> Approval:
        """Wait until a run is paused, and return its question; of several, the oldest one.

        Raises
        ------
        SettingsError
            None was in time.
        """
        arguments.check(LocalHive.wait_approval, locals())
        paused = self._service.runs.wait_approval(timeout_s)
        if not paused:
            raise SettingsError(f"no run was paused within {timeout_s} s")
        return paused[0]

    def decide(
        self,
        request_id: Any = None,
        approve: bool | None = None,
        *,
        note: str = "",
        by: str = "",
        text: str = "",
        choice: str | None = None,
    ) -> Approval:
        """Let a paused run continue, with a yes or a no.

        Parameters
        ----------
        request_id : str or PendingRun, optional
            Which run; the only one that is paused by default.
        approve : bool
            Yes or no; `text` or `choice` alone is a yes. The workflow gets it as ``decision.approved``, with `note` and
            `by`.
        text : str
            The answer to a step that asks for a text.
        choice : str, optional
            The value of the chosen one, where the step has choices.

        Raises
        ------
        SettingsError
            No such run is paused, it does not offer that choice, or no decision is given: nothing is decided.
        """
        arguments.check(LocalHive.decide, locals())
        identifier = getattr(request_id, "request_id", request_id)
        arguments.check_one("request_id", identifier, "str | None")
        chosen = None if choice is None else Choice(value=choice)
        is_answered = bool(text) or chosen is not None
        decision = None
        if approve is not None or is_answered:
            approved = is_answered if approve is None else approve
            decision = Decision(approved=bool(approved), note=note, by=by, text=text, choice=chosen)
        return self._service.runs.approvals.decide(identifier, decision)

    # What happened -----------------------------------------------------------

    @property
    def calls(self) -> tuple[Call, ...]:
        """The admitted calls in their current state, the oldest first; of finished ones the last `keep`."""
        with self._service.runs.lock:
            return tuple(view(r) for r in self._service.runs.records.all())

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """The results of the last `keep` callbacks, the oldest first."""
        return self._service.runs.callback_sender.remembered()

    @property
    def counts(self) -> Counts:
        """The counters of the hive since it began."""
        return self._service.counts()

    @property
    def in_flight(self) -> int:
        """The number of runs that hold a slot now."""
        return self._service.runs.limits.in_flight

    @property
    def peak_in_flight(self) -> int:
        """The highest number of runs that held a slot at once."""
        return self._service.runs.limits.peak_in_flight

    @property
    def refused(self) -> int:
        """The number of calls that were answered with 429; refused look-ups are not among them."""
        return self._service.runs.records.refused

    def wait_idle(self, timeout_s: Seconds | None = 10.0) -> bool:
        """Wait until nothing runs, is queued or is being delivered; return whether this happened in time."""
        arguments.check(LocalHive.wait_idle, locals())
        return self._service.runs.wait_idle(timeout_s)

    def __repr__(self) -> str:
        named = f"{self._name!r}, " if self._name else ""
        names = ", ".join(self._service.registry.workflows) or "no workflow yet"
        return f"LocalHive({named}{names})"
