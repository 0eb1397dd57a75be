"""AsyncClient: one workspace of the service, with async methods; Client: the same methods, blocking.

Rules of this file:

1. A new keyword is a field here, and its use in `AsyncClient.request`. Signatures, completion, checks and the
   reference follow.
2. `attempt` is one exchange and never retries; `invoke` and `submit` send through the client's `RetryLoop`. An
   `AsyncClient` works in whatever loop awaits it.
3. No logic of its own. Every method enters the background loop and does what its async twin does.
4. Open connections belong to the loop that opened them, and are opened at its first exchange; httpx is imported then,
   so that a client can be made without it. An error in other people's code is raised without their frames, which hold
   the key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack
from urllib.parse import quote
from weakref import WeakKeyDictionary

from fh_notebook.client.approvals import (
    SENT_PASSWORDS,
    ApprovalEndpoint,
    ToolApproval,
    ToolApprovals,
    checked_workspace_id,
)
from fh_notebook.client.connection import Check, Connection, Ticket, address_for, check_of
from fh_notebook.client.direct_runs import DIRECT_RUNS, ends_later
from fh_notebook.client.error_catalog import ADDRESS
from fh_notebook.client.pending_run import PendingRun, look_up_soon
from fh_notebook.client.polling import ONE_ADDRESS, is_over_daily_cap
from fh_notebook.client.profile import with_meaning
from fh_notebook.client.retry_loop import Attempt, BeforePage, RetryLoop, no_bound, raise_for
from fh_notebook.client.uploads import FileUploads, UploadFailed, files_of_body, list_files, read_local_file, send_file
from fh_notebook.contract.callbacks import RunIds, ids_of, is_accepted, is_outcome, with_final_status
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.output import Asset
from fh_notebook.contract.response import Response
from fh_notebook.contract.retry import NOT_FOUND_STATUSES, UPLOAD_FAILED, RetryAction, RetryDecision, is_general
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets
from fh_notebook.contract.wire import AttemptResult, decode_answer, decode_retrieved, encode_request, encode_trigger
from fh_notebook.core import arguments, event_loop, hooks
from fh_notebook.core.event_loop import finish_despite_cancel, running_loop
from fh_notebook.core.redaction import Secret, as_secret, error_text, log, redact
from fh_notebook.core.text.formatting import one_line, short, type_text, with_partial_repr
from fh_notebook.core.text.messages import Message, Phrase, flag, option
from fh_notebook.errors import CallError, InputError, SettingsError

if TYPE_CHECKING:
    import httpx

    from fh_notebook.client.callbacks.receiver import CallbackReceiver
    from fh_notebook.client.http.exchange import Auth, Sender


class CallOptions(TypedDict, total=False):
    """What every call takes beside the deployment."""

    variant: str | None
    """Which variant; left out only when the deployment has a single one."""
    inputs: Mapping[str, Any] | None
    """The Start variables; those with a default may be left out."""
    metadata: Mapping[str, Any] | None
    """Flat values for the service's logs."""
    user: str | None
    """An opaque id of the caller, for the service's audit."""
    tool_approval: str | None
    """``policy`` or ``auto_approve``, as the service takes it."""


class InvokeOptions(CallOptions, total=False):
    """What `invoke` takes: `submit` chooses the callback URL itself."""

    callback_url: str | None
    """Deliver the answer there; the call returns at once, ``running`` or ``queued``."""


class ApprovalFilter(TypedDict, total=False):
    """Which approvals `approvals` lists."""

    workspace_id: str | None
    """The service's id of the workspace."""
    status: str
    """As the service spells it."""
    run_id: str | None
    request_id: str | None
    agent_id: str | None
    """Only those of one run, call or agent."""
    limit: int | None
    """At most so many."""


FILTER_DEFAULTS: Final[Mapping[str, Any]] = {**dict.fromkeys(ApprovalFilter.__annotations__), "status": "pending"}

REQUESTS: Final = "/public/requests"
WORKFLOW_RUNS: Final = "/workflow_runs"
"""The two addresses of a look-up (CONTRACT section 3)."""

ONE_ADDRESS_TEXT: Final = (
    "one of the two addresses of a look-up does not know the run, and the daily cap leaves no request for the other; "
    "look it up after 00:00 UTC"
)

NO_ID: Final = "the service accepted it and gave no id, so it cannot be looked up; it runs, or has run"


@arguments.public
@with_partial_repr
class AsyncClient:
    """The asynchronous client of a workspace.

    Parameters
    ----------
    api_key : str, optional
        The API key. Else: ``configure()``, ``FETCH_HIVE_API_KEY``, the keyring, or the local hive.
    base_url : str or httpx.URL, optional
        The address, ending in ``/v1``; ``"local"`` is the hive inside this process.
    timeout : float, optional
        Seconds that one call may take; 120 by default.
    transport : httpx.AsyncBaseTransport, optional
        In place of the network, used in every loop: that of an awaited call, and the background loop of this package,
        which makes blocking calls and the look-ups of pending runs (after :func:`reattach`, too).
    proxy : str, httpx.URL or httpx.Proxy, optional
        As httpx takes it; without it the environment's proxies count, as httpx users expect.
    verify : bool, path or ssl.SSLContext, optional
        How the service's certificate is checked: ``True`` or ``None`` by the usual authorities, a path by those of a CA
        bundle. Only ``False`` turns the check off, with a warning.
    max_concurrency : int, optional
        A ceiling: at most this many calls through this client at once. Without it, as many as the service admits.
    workspace_id : str, optional
        The service's own id of the workspace, which approvals of tools and uploads need. One that is given to a call
        counts before it. Else: ``configure(workspace_id=...)``, ``FETCH_HIVE_WORKSPACE_ID`` in the environment or in a
        ``.env`` file that is read, or the local hive's own.

    Raises
    ------
    SettingsError
        A key or an address that cannot be used.
    """

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | httpx.URL | None = None,
        timeout: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        proxy: str | httpx.URL | httpx.Proxy | None = None,
        verify: Any = True,
        max_concurrency: int | None = None,
        workspace_id: str | None = None,
    ) -> None:
        api_key = as_secret(api_key)
        arguments.check(AsyncClient.__init__, locals())
        self._connect(
            hooks.session().connection(
                api_key=api_key,
                base_url=base_url,
                timeout=timeout,
                transport=transport,
                proxy=proxy,
                verify=verify,
                max_concurrency=max_concurrency,
                workspace_id=(workspace_id or "").strip() or None,
            )
        )

    @classmethod
    def over(cls, connection: Connection, *, retries: RetryLoop | None = None) -> AsyncClient:
        """Return a client of a connection that is already made; `retries` is for tests with virtual time."""
        client = cls.__new__(cls)
        client._connect(connection, retries)
        return client

    def _connect(self, connection: Connection, retries: RetryLoop | None = None) -> None:
        self.connection = connection
        self._pools = _ConnectionPools(connection)
        self.files = FileUploads(connection, self._pools.exchange, self.explained)
        """The uploads of files that inputs name."""
        self._retries = retries or RetryLoop(connection)

    @property
    def workspace(self) -> str:
        """The text that identifies this workspace in the keys of saved answers."""
        connection = self.connection
        return connection.find_workspace() if connection.find_workspace is not None else connection.workspace

    @property
    def origin(self) -> str:
        """The host that calls go to, or ``local``."""
        return self.connection.origin

    @property
    def limiter(self) -> Any:
        """The limiter of the workspace: ``limit``, ``in_flight``, ``refused``, ``reopen()``."""
        return self.connection.limiter

    # --- a request

    @arguments.explicit_signature(InvokeOptions)
    def request(self, deployment: Deployment | str, **options: Unpack[InvokeOptions]) -> InvokeRequest:
        """Return the request that :meth:`invoke` would send, checked and with declared defaults filled in.

        Raises
        ------
        InputError
            The inputs do not fit the deployment's Start variables; every problem is listed. Or `deployment` is none.
        """
        arguments.check(AsyncClient.request, locals())
        if isinstance(deployment, str):
            dep = self.connection.find_deployment(deployment) or Deployment(deployment)
        elif isinstance(deployment, Deployment):
            dep = deployment
        else:
            raise InputError(f"deployment is {short(deployment)}; give a Deployment or its name")
        variant, inputs = options.get("variant"), options.get("inputs")
        if variant is None and len(dep.variants) > 1:
            names = " or ".join(map(repr, dep.variants))
            given = Phrase(f"variant={names}", command=f"{flag('variant')} {names}")
            raise InputError(Message("{} is not set; give {}", (option("variant"), given)), where=dep.name)
        if variant is not None and (problem := dep.variant_problem([variant])):
            raise InputError(problem, where=dep.name)
        if inputs is not None and not isinstance(inputs, Mapping):
            raise InputError(f"inputs is {type_text(inputs)}; give a mapping of names to values", where=dep.name)
        request = InvokeRequest(
            deployment=dep.name,
            variant=variant or (dep.variants[0] if len(dep.variants) == 1 else None),
            inputs=dep.complete(inputs or {}),
            metadata=options.get("metadata"),
            user=options.get("user"),
            callback_url=options.get("callback_url"),
            tool_approval=options.get("tool_approval"),
            secrets=Secrets.of(dep.inputs),
        )
        self.files.check(encode_request(request))
        return request

    # --- calls

    async def exchange(self, method: str, path: str, content: bytes | None = None) -> Response:
        """Make one exchange at a path below the base URL, uncounted and outside any limiter; return the response.

        Raises
        ------
        CallError
            An unforeseen error.
        SettingsError
            No connection can be opened with this proxy or CA bundle; nothing was sent.
        """
        return await self._pools.exchange(method, path, content)

    async def prepare(self, request: InvokeRequest) -> AttemptResult | None:
        """Upload the files that a request names and that have no valid address, before the call counts as sent.

        Returns
        -------
        AttemptResult or None
            Where a file has no address: what came of it, in place of the call's own exchange.
        """
        started_at = datetime.now(UTC)
        try:
            await self.upload_files(request)
        except UploadFailed as exc:
            return self._without_file(request, exc, started_at)
        return None

    def uploads_of(self, request: InvokeRequest) -> int:
        """Return how many uploads :meth:`prepare` makes for a request; none where it fails before the first."""
        try:
            return self.files.missing(files_of_body(encode_request(request)))
        except SettingsError:
            return 0

    async def upload_files(self, request: InvokeRequest) -> None:
        """Upload the files that a request names and that have no valid address.

        Raises
        ------
        UploadFailed
            One has no address.
        """
        await self.files.addressed(encode_request(request))

    async def attempt(self, request: InvokeRequest) -> AttemptResult:
        """Make one exchange, outside any limiter, and return the answer with its run, which is not :meth:`explained`.

        Raises
        ------
        CallError
            An unforeseen error only; a failure of the service or the network is an `AttemptResult`.
        SettingsError
            No connection can be opened with this proxy or CA bundle; nothing was sent.
        """
        started_at = datetime.now(UTC)
        SENT_PASSWORDS.add(request)
        try:
            content = await self.files.addressed(encode_request(request))
        except UploadFailed as exc:
            return self._without_file(request, exc, started_at)
        answer = self._understood(await self._pools.exchange("POST", "/workflow/invoke", content))
        run = decode_answer(answer, request, started_at=started_at, origin=self.origin)
        if log.isEnabledFor(logging.DEBUG):  # the summary costs as much as the run itself
            log.debug("%s in %.3f s", run.summary(), run.elapsed_s)
        return AttemptResult(response=answer, run=run)

    def _understood(self, answer: Response) -> Response:
        """Return an answer; a refusal with what this service was observed to mean by it."""
        if answer.status_code is None or answer.status_code // 100 != 4:  # the profile is in the store
            return answer
        profile = self.connection.find_profile()
        return answer if profile is None else with_meaning(profile, answer)

    def _without_file(self, request: InvokeRequest, failed: UploadFailed, started_at: datetime) -> AttemptResult:
        """Return the result of a call that was not made: the answer to the upload, unless that is of the file alone."""
        general = failed.answer if failed.answer is not None and is_general(failed.answer) else None
        # What is said of the file, or of the workspace's id, says nothing of the deployment's name (404, 422).
        response = general or Response(status_code=400)
        run = decode_answer(response, request, started_at=started_at, origin=self.origin)
        run = replace(run, error=one_line(str(failed), 500))
        if general is None:
            run = replace(run, status_code=None, error_code=UPLOAD_FAILED)
        return AttemptResult(response=response, run=run)

    @arguments.explicit_signature(InvokeOptions)
    async def invoke(self, deployment: Deployment | str, **options: Unpack[InvokeOptions]) -> Run:
        """Run a deployment's variant with `inputs`, and return the run.

        Parameters
        ----------
        deployment : Deployment or str
            What to run; a name alone is sent unchecked unless it is known.
        variant : str, optional
            Which variant; left out only when the deployment has a single one.
        inputs : mapping, optional
            The Start variables.
        metadata : mapping, optional
            Flat values for the service's logs.
        user : str, optional
            An opaque id of the caller, for the service's audit.
        callback_url : str, optional
            Deliver the answer there; the call returns at once, ``running`` or ``queued``.
        tool_approval : {"policy", "auto_approve"}, optional
            As the service takes it. ``auto_approve`` does not guarantee that a run never waits: destructive actions
            still ask (the run is ``awaiting_approval`` then, see :meth:`approvals`), and deny rules still block.

        Returns
        -------
        Run
            Completed, failed, or unknown when it may have run. What did not run is called again as CONTRACT section 2
            says; what may have run never is.

        Raises
        ------
        InputError
            The inputs do not fit; no call was made.
        AuthError
            The service refused the key.
        ConnectFailed
            The service was not reached in 3 attempts and 5 s; nothing was sent.
        LimitReached
            The daily cap or the credits are used up.
        SettingsError
            No connection can be opened with this proxy or CA bundle; nothing was sent.
        """
        arguments.check_names(AsyncClient.invoke, options)
        return await self.send(self.request(deployment, **options))

    async def send(self, request: InvokeRequest, *, on_attempt: Callable[[], object] | None = None) -> Run:
        """Send a request that is already made: :meth:`invoke` without the checking, with its results and errors.

        Parameters
        ----------
        request : InvokeRequest
            What is sent.
        on_attempt : callable, optional
            Called before each exchange, when the limiter has admitted it.
        """

        async def attempt(request: InvokeRequest) -> AttemptResult:
            if on_attempt is not None:
                on_attempt()
            return await self.attempt(request)

        run = await self._retries.send(request, attempt, self.prepare, self.explained)
        if ends_later(run, request):
            await finish_despite_cancel(self._register(request, run))
        else:
            await self.connection.keep(run, request.secrets)
        return run

    async def _register(self, request: InvokeRequest, run: Run) -> None:
        """Store the answer to a direct call that ends later, and register its run as pending: nobody waits for it yet.

        The outcome takes the place of the answer in the store.
        """
        self.connection.pausing.add(request.deployment)
        try:
            await self.connection.keep(run, request.secrets)
            ticket = await self.connection.pending().open(request, request.secrets)
            await ticket.accepted(run)
            ticket.let_go()
        except Exception as exc:
            # Any error: the answer is paid for, so it is returned, and the error is shown once.
            self.connection.tell(f"A run that is waited for was not saved: {redact(str(exc))}")
            return
        first = replace(run)  # DIRECT_RUNS remembers it as long as `run` itself is held
        DIRECT_RUNS.add(run, partial(self._pending_of, request, first, ticket, is_direct=True), ticket)

    def _pending_of(
        self,
        request: InvokeRequest,
        first: Run,
        ticket: Ticket,
        receiver: CallbackReceiver | None = None,
        *,
        is_direct: bool = False,
    ) -> PendingRun:
        """Return the pending run of a registered call, which the service answered with `first`."""
        return PendingRun(
            client=self,
            request=request,
            first=first,
            receiver=receiver,
            keep=ticket.answered,
            let_go=ticket.let_go,
            is_direct=is_direct,
        )

    if not TYPE_CHECKING:  # type checkers do not know the names
        __dir__ = arguments.current_names
        drive = arguments.RemovedName(
            "AsyncClient.drive was removed; await client.send(request) retries as client.invoke does, "
            "await client.attempt(request) makes one exchange"
        )
        gate = arguments.RenamedName("limiter", "AsyncClient.gate was renamed; use AsyncClient.limiter")

    # --- runs whose outcome comes later

    @arguments.explicit_signature(CallOptions)
    async def submit(
        self,
        deployment: Deployment | str,
        *,
        callback: CallbackReceiver | str | None = None,
        poll: bool = True,
        **options: Unpack[CallOptions],
    ) -> PendingRun:
        """Start a run by callback delivery and return at once: the only way for a workflow with a human in the loop.

        Parameters
        ----------
        deployment, variant, inputs, metadata, user, tool_approval
            As :meth:`invoke` takes them.
        callback : CallbackReceiver or str, optional
            Who receives the outcome: a receiver of this process, or a URL of somebody else's. By default this process's
            own receiver where the service is on this machine; else nobody, and the service is asked.
        poll : bool
            Ask the service as well, gently; what comes first counts. Look-ups are counted in ``run.attempts``.

        Returns
        -------
        PendingRun
            Done already where the service refused the call (a failed run), or may have run it (an unknown one).

        Raises
        ------
        InputError, AuthError, ConnectFailed, LimitReached
            As :meth:`invoke`.
        SettingsError
            The receiver cannot listen, or `callback` is something else.
        """
        arguments.check(AsyncClient.submit, locals())
        return await self.submit_request(self.request(deployment, **options), callback=callback, poll=poll)

    async def submit_request(
        self, request: InvokeRequest, *, callback: CallbackReceiver | str | None = None, poll: bool = True
    ) -> PendingRun:
        """Submit a request that is already made: :meth:`submit` without the checking, with its results and errors."""
        running_loop()  # before a receiver is opened
        receiver, url = await address_for(self.connection, callback)
        if isinstance(callback, str):
            url = InvokeRequest(deployment=request.deployment, callback_url=url).callback_url or url  # checks it
        return await self._start(request.delivered_to(url), self.attempt, receiver, poll=poll or receiver is None)

    async def trigger(
        self,
        endpoint_id: str,
        variant_id: str,
        *,
        secret: str | Secret,
        inputs: Mapping[str, Any] | None = None,
        callback: CallbackReceiver | str | None = None,
        poll: bool = True,
    ) -> PendingRun:
        """Start a run by a webhook endpoint (CONTRACT section 6): without the API key, and always by callback delivery.

        Parameters
        ----------
        endpoint_id, variant_id : str
            From the webhook trigger's snippet.
        secret : str or Secret
            The endpoint's own; sent in a header, never in the address.
        inputs : mapping, optional
            The Start variables; which there are is not known here, so they are not checked.
        callback, poll
            As :meth:`submit` takes them. Look-ups do need the API key.

        Raises
        ------
        InputError, AuthError, ConnectFailed, LimitReached, SettingsError
            As :meth:`submit`.
        """
        secret = as_secret(secret)
        arguments.check(AsyncClient.trigger, locals())

        for name, value in (("endpoint_id", endpoint_id), ("variant_id", variant_id)):
            if not isinstance(value, str) or not value:
                raise InputError(f"{name} is {value!r}; copy it from the webhook trigger's address")
        if not isinstance(secret, Secret) or not secret:
            raise InputError("secret= is empty; give the secret that is shown beside the webhook trigger's address")
        running_loop()
        receiver, url = await address_for(self.connection, callback)
        request = InvokeRequest(deployment=endpoint_id, variant=variant_id, inputs=inputs or {}, callback_url=url)
        path = f"/workflow/webhooks/{_path_safe(endpoint_id)}/variants/{_path_safe(variant_id)}"
        attempt = partial(self._attempt_trigger, path, secret)
        return await self._start(request, attempt, receiver, poll=poll or receiver is None)

    async def _attempt_trigger(self, path: str, secret: Secret, request: InvokeRequest) -> AttemptResult:
        from fh_notebook.client.http.exchange import WebhookAuth

        started_at = datetime.now(UTC)
        SENT_PASSWORDS.add(request)
        try:
            content = await self.files.addressed(encode_trigger(request))
        except UploadFailed as exc:
            return self._without_file(request, exc, started_at)
        answer = self._understood(await self._pools.exchange("POST", path, content, auth=WebhookAuth(secret)))
        run = decode_answer(answer, request, started_at=started_at, origin=self.origin)
        return AttemptResult(response=answer, run=run)

    async def _start(
        self, request: InvokeRequest, attempt_once: Attempt, receiver: CallbackReceiver | None, *, poll: bool
    ) -> PendingRun:
        """Send a request with callback delivery, and return the pending run.

        The run is registered before it is sent, so that the end of the kernel does not lose it.
        """
        ticket = await self.connection.pending().open(request, request.secrets)
        try:
            async with receiver.expecting() if receiver is not None else nullcontext():
                run = await self._retries.send(request, attempt_once, self.prepare, self.explained)
                if receiver is not None:
                    receiver.learn(run.webhook_secret, f"{self.workspace}/{request.deployment}")
        except BaseException:  # it was not sent, or was cut off and is stored as unknown
            await finish_despite_cancel(ticket.drop())
            raise
        pending = self._pending_of(request, run, ticket, receiver)
        if is_accepted(run) and ids_of(run):
            pending.begin(poll=poll)
            await ticket.accepted(run)
        else:
            outcome = run if run.done else replace(run, status="unknown", error=NO_ID, error_code="no_id")
            await ticket.answered(outcome)
            pending.settled(outcome)
        return pending

    # --- look-ups

    async def retrieve(self, request_id: str, *, run_id: str | None = None) -> Run:
        """Ask the service for the outcome of a call. This counts against the daily cap, as a call does.

        The outcome of a run that is among ``fh.pending()``, and that no process waits for, is saved.

        Parameters
        ----------
        request_id : str
            From ``Run.request_id``.
        run_id : str, optional
            From ``Run.run_id``: the older address is asked too when the first does not know the request.

        Returns
        -------
        Run
            Status ``unknown`` when the look-up itself failed, with the reason as its error.

        Raises
        ------
        InputError
            There is no request id.
        AuthError
            The service refused the key.
        """
        if not isinstance(request_id, str) or not request_id:
            raise InputError("the request id is not set; it is in Run.request_id of an answered call")
        arguments.check(AsyncClient.retrieve, locals())
        run = await self.look_up(request_id, run_id)
        if (run.status_code or 0) // 100 == 2 and is_outcome(run):
            pending = DIRECT_RUNS.wait_again(self.connection.workspace, RunIds(request_id, run_id), poll=False)
            if pending is not None:
                await pending.take_looked_up(run)
            else:
                await self.connection.pending().settle(with_final_status(run), self.origin)
        return run

    async def look_up(self, request_id: str | None, run_id: str | None) -> Run:
        """Ask by the ids that are given: the first address by a request id, the older one by a run id.

        Where only a run id came, the first address is asked by it, too, when the older one does not know it: the two
        ids of a run can be the same (CONTRACT section 10). The address at which `fh.probe` has found a run is asked
        first. Where the configured daily cap leaves one request, one address is asked.

        Raises
        ------
        AuthError
            The service refused the key.
        """
        run = Run(status="unknown", error="no id is set", error_code="no_id")
        asked = [(REQUESTS, request_id), (WORKFLOW_RUNS, run_id)]
        if not request_id:
            asked = [(WORKFLOW_RUNS, run_id), (REQUESTS, run_id)]
        if request_id and run_id and (profile := self.connection.find_profile()) is not None:
            asked.sort(key=lambda address: address[0] != profile.look_up_path)
        is_within_cap = self.connection.left_for("lookup") != 0  # else somebody asks all the same
        for path, identity in asked:
            if not identity or not (run.error_code == "no_id" or run.status_code in NOT_FOUND_STATUSES):
                continue
            if run.error_code != "no_id" and is_within_cap and not await self.connection.has_room_for("lookup"):
                return Run(status="unknown", error=ONE_ADDRESS_TEXT, error_code=ONE_ADDRESS)  # no evidence of the run
            found = await self._look_up(f"{path}/{_path_safe(identity)}", request_id or "")
            says = found.status_code in NOT_FOUND_STATUSES or (found.status_code or 0) // 100 == 2
            if run.error_code == "no_id" or says:
                run = found  # else what the first address has said stands: that it does not know the run
        return run

    async def _look_up(self, path: str, request_id: str) -> Run:
        running_loop()
        self.connection.count_sent("lookup", 1)
        answer = await self._pools.exchange("GET", path)
        run = await self.explained(decode_retrieved(answer, request_id=request_id, origin=self.origin))
        if answer.status_code in (401, 403):
            raise_for(run, RetryDecision(action=RetryAction.STOP, reason="auth"))
        is_capped = is_over_daily_cap(run)
        if is_capped or (run.status_code or 0) // 100 == 2:
            self.connection.look_up_cap.learn(is_used_up=is_capped)
        return run

    async def explained(self, run: Run) -> Run:
        """Return a run with what the service's error catalogue says to do about its error.

        A first error waits while the catalogue is fetched; a service on this machine is not asked
        (``client/error_catalog.py`` has the rules).
        """
        fetch = None if self.connection.is_near else self._fetch_error_catalog
        return await self.connection.error_catalog.explained(run, fetch)

    async def _fetch_error_catalog(self) -> bytes:
        from fh_notebook.client.http.exchange import NoAuth

        answer = await self._pools.exchange("GET", ADDRESS, auth=NoAuth())
        return answer.body if answer.status_code == 200 else b""

    async def known_error_codes(self) -> int:
        """Return the number of error codes with a known remedy, fetched once a day without the API key.

        Raises
        ------
        CallError
            An unforeseen error.
        TimeoutError
            The service did not answer in time.
        """
        running_loop()
        catalog = self.connection.error_catalog
        if await asyncio.to_thread(lambda: catalog.is_of_today):
            return len(catalog.actions())
        return await catalog.fetch(self._fetch_error_catalog)

    async def check(self) -> Check:
        """Check whether the service can be reached and accepts the key, without running anything.

        Asks for the list of models, the one look-up that needs a key (CONTRACT section 4); it counts against the
        daily cap, as a call does.
        """
        running_loop()
        self.connection.count("probe", 1)
        answer = await self._pools.exchange("GET", "/public/models")
        return check_of(answer, self.origin, self.connection.key_source)

    # --- approvals of tools

    @arguments.explicit_signature(ApprovalFilter, FILTER_DEFAULTS)
    async def approvals(self, **options: Unpack[ApprovalFilter]) -> ToolApprovals:
        """List the tools that runs want to use and that wait for a decision (CONTRACT section 10).

        Each page of the list is one request, which may count against the daily cap. A run can wait although it was
        called with ``tool_approval="auto_approve"``: destructive actions still ask, and deny rules still block.

        Parameters
        ----------
        workspace_id : str, optional
            The service's id of the workspace. Else: the client's, ``configure(workspace_id=...)``,
            ``FETCH_HIVE_WORKSPACE_ID`` in the environment or in a ``.env`` file that is read, or the local hive's own.
        status : str
            As the service spells it.
        run_id, request_id, agent_id : str, optional
            Only those of one run, call or agent.
        limit : int, optional
            At most so many. The service is asked for pages of that size, and for no further one; it may refuse a large
            number.

        Returns
        -------
        ToolApprovals
            A sequence of `ToolApproval`, each with ``decide("allow_once")`` and ``decide("deny")``.

        Raises
        ------
        InputError
            The limit is not from 1; nothing was sent.
        SettingsError
            No workspace id is known; nothing was sent.
        AuthError, ConnectFailed, LimitReached
            As :meth:`invoke`.
        CallError
            The key does not reach the workspace (404), or the service answered otherwise.
        """
        arguments.check(AsyncClient.approvals, locals())
        wanted: dict[str, Any] = {**FILTER_DEFAULTS, **options}
        workspace_id, limit = wanted.pop("workspace_id"), wanted.pop("limit")
        if limit is not None and limit < 1:
            raise InputError(f"limit is {limit}; give a number, at least 1, or nothing for all")
        return await self._approval_endpoint(workspace_id).list(wanted, limit=limit)

    async def approval(self, approval_id: str, *, workspace_id: str | None = None) -> ToolApproval:
        """Return one approval by its id, whatever its status: to see what a decision led to (CONTRACT section 10).

        One request, which may count against the daily cap.

        Parameters
        ----------
        approval_id : str
            From ``ToolApproval.id``.
        workspace_id : str, optional
            As in :meth:`approvals`.

        Raises
        ------
        InputError
            There is no id; nothing was sent.
        SettingsError, AuthError, ConnectFailed, LimitReached, CallError
            As :meth:`approvals`; 404 where the approval is not in this workspace.
        """
        arguments.check(AsyncClient.approval, locals())
        if not approval_id:
            raise InputError("approval_id is empty; ToolApproval.id has it")
        return await self._approval_endpoint(workspace_id).get(approval_id)

    async def list_approvals(
        self,
        query: Mapping[str, str | None],
        *,
        workspace_id: str | None = None,
        before_page: BeforePage = no_bound,
    ) -> ToolApprovals:
        """List approvals as :meth:`approvals`, with its errors.

        Parameters
        ----------
        query : mapping of str
            As the service takes it.
        workspace_id : str, optional
            As in :meth:`approvals`.
        before_page : async function
            Awaited before each request; what it raises ends the list.
        """
        return await self._approval_endpoint(workspace_id).list(query, before_page=before_page)

    def _approval_endpoint(self, workspace_id: str | None) -> ApprovalEndpoint:
        """Return the approvals of a workspace; the run of each decision is looked up soon, where it is waited for."""
        return ApprovalEndpoint(
            self.connection,
            self._pools.exchange,
            self.explained,
            checked_workspace_id(workspace_id or self.connection.find_workspace_id()),
            SENT_PASSWORDS.mask(),
            on_decision=partial(look_up_soon, self.connection.workspace),
        )

    # --- files

    async def upload(self, path: str | PathLike[str], *, workspace_id: str | None = None) -> Asset:
        """Send a file to the workspace, and return the stored file: its address and when that expires.

        One request, which may count against the daily cap (CONTRACT section 10). It is sent once and never repeated. A
        workflow can be given ``asset.file_url`` as a text: that it reads the file then is inferred, not documented.

        Parameters
        ----------
        path : path
            A file of at most 100 MiB; the service may take less.
        workspace_id : str, optional
            As in :meth:`approvals`.

        Returns
        -------
        Asset
            ``file_url``, ``expires_at``, ``file_name``, ``file_size``, ``file_type``.

        Raises
        ------
        InputError
            There is no such file, it cannot be read, or it is too large; nothing was sent.
        SettingsError
            No workspace id is known; nothing was sent.
        AuthError, ConnectFailed, LimitReached
            As :meth:`invoke`.
        CallError
            The key does not reach the workspace (404), or the service did not take the file.
        """
        arguments.check(AsyncClient.upload, locals())
        wanted = checked_workspace_id(workspace_id or self.connection.find_workspace_id())
        file = await asyncio.to_thread(read_local_file, path)
        return await send_file(self.connection, self._pools.exchange, self.explained, file, wanted)

    async def assets(self, *, workspace_id: str | None = None) -> list[Asset]:
        """List the files of the workspace, as the service has them (CONTRACT section 10).

        One request, which may count against the daily cap; more where the service gives the list in pages. An address
        that has ended may be a new one there.

        Parameters
        ----------
        workspace_id : str, optional
            As in :meth:`approvals`.

        Returns
        -------
        list of Asset
            In the order of the service, each with ``file_url``, ``expires_at``, ``file_name``, ``file_size``,
            ``file_type``.

        Raises
        ------
        SettingsError, AuthError, ConnectFailed, LimitReached, CallError
            As :meth:`approvals`.
        """
        arguments.check(AsyncClient.assets, locals())
        wanted = checked_workspace_id(workspace_id or self.connection.find_workspace_id())
        return await list_files(self.connection, self._pools.exchange, self.explained, wanted)

    # --- its end

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._pools.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        connection = self.connection
        return f"{type(self).__name__}({connection.base_url}, key={connection.key} from {connection.key_source})"


def _path_safe(identifier: str) -> str:
    return quote(identifier, safe="")


@arguments.public
@with_partial_repr
class Client:
    """The blocking client: the same methods, and their async versions with an ``a`` before the name.

    Works in a script, in a notebook cell, inside somebody's own running loop, from several threads at once, and in a
    child after ``os.fork``. A kernel interrupt ends a blocking call within 0.3 s and cancels what is in flight.

    Parameters
    ----------
    api_key, base_url, timeout, transport, proxy, verify, max_concurrency, workspace_id
        As :class:`AsyncClient` takes them.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> from fh_notebook.local.demo import demo_hive
    >>> with demo_hive().client() as hive:
    ...     run = hive.invoke("support-triage", variant="keywords", inputs={"ticket": "My parcel is late."})
    >>> run.status, run.output
    ('completed', 'delivery')
    """

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | httpx.URL | None = None,
        timeout: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        proxy: str | httpx.URL | httpx.Proxy | None = None,
        verify: Any = True,
        max_concurrency: int | None = None,
        workspace_id: str | None = None,
    ) -> None:
        api_key = as_secret(api_key)
        self.aclient = AsyncClient(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            transport=transport,
            proxy=proxy,
            verify=verify,
            max_concurrency=max_concurrency,
            workspace_id=workspace_id,
        )

    @classmethod
    def over(cls, client: AsyncClient) -> Client:
        """Return a blocking client over an async one."""
        sync_client = cls.__new__(cls)
        sync_client.aclient = client
        return sync_client

    @property
    def workspace(self) -> str:
        """The text that identifies this workspace in the keys of saved answers."""
        return self.aclient.workspace

    @property
    def origin(self) -> str:
        """The host that calls go to, or ``local``."""
        return self.aclient.origin

    @property
    def limiter(self) -> Any:
        """The limiter of the workspace: ``limit``, ``in_flight``, ``refused``, ``reopen()``."""
        return self.aclient.limiter

    if not TYPE_CHECKING:  # type checkers do not know the name
        __dir__ = arguments.current_names
        gate = arguments.RenamedName("limiter", "Client.gate was renamed; use Client.limiter")

    @arguments.explicit_signature(InvokeOptions)
    def invoke(self, deployment: Deployment | str, **options: Unpack[InvokeOptions]) -> Run:
        """Run a deployment's variant: :meth:`AsyncClient.invoke`, with the same arguments, results and errors."""
        arguments.check_names(Client.invoke, options)
        return event_loop.run(self.aclient.invoke(deployment, **options))

    @arguments.explicit_signature(InvokeOptions)
    async def ainvoke(self, deployment: Deployment | str, **options: Unpack[InvokeOptions]) -> Run:
        """Await :meth:`invoke`."""
        arguments.check_names(Client.ainvoke, options)
        return await event_loop.bridge(self.aclient.invoke(deployment, **options))

    @arguments.explicit_signature(CallOptions)
    def submit(
        self,
        deployment: Deployment | str,
        *,
        callback: CallbackReceiver | str | None = None,
        poll: bool = True,
        **options: Unpack[CallOptions],
    ) -> PendingRun:
        """Start a run by callback delivery: :meth:`AsyncClient.submit`, with the same arguments, results and errors."""
        arguments.check_names(Client.submit, options)
        return event_loop.run(self.aclient.submit(deployment, callback=callback, poll=poll, **options))

    @arguments.explicit_signature(CallOptions)
    async def asubmit(
        self,
        deployment: Deployment | str,
        *,
        callback: CallbackReceiver | str | None = None,
        poll: bool = True,
        **options: Unpack[CallOptions],
    ) -> PendingRun:
        """Await :meth:`submit`."""
        arguments.check_names(Client.asubmit, options)
        return await event_loop.bridge(self.aclient.submit(deployment, callback=callback, poll=poll, **options))

    def trigger(
        self,
        endpoint_id: str,
        variant_id: str,
        *,
        secret: str | Secret,
        inputs: Mapping[str, Any] | None = None,
        callback: CallbackReceiver | str | None = None,
        poll: bool = True,
    ) -> PendingRun:
        """Start a run by a webhook endpoint: :meth:`AsyncClient.trigger`."""
        secret = as_secret(secret)
        work = self.aclient.trigger(endpoint_id, variant_id, secret=secret, inputs=inputs, callback=callback, poll=poll)
        return event_loop.run(work)

    async def atrigger(
        self,
        endpoint_id: str,
        variant_id: str,
        *,
        secret: str | Secret,
        inputs: Mapping[str, Any] | None = None,
        callback: CallbackReceiver | str | None = None,
        poll: bool = True,
    ) -> PendingRun:
        """Await :meth:`trigger`."""
        secret = as_secret(secret)
        work = self.aclient.trigger(endpoint_id, variant_id, secret=secret, inputs=inputs, callback=callback, poll=poll)
        return await event_loop.bridge(work)

    def retrieve(self, request_id: str, *, run_id: str | None = None) -> Run:
        """Ask for the outcome of a call: :meth:`AsyncClient.retrieve`."""
        return event_loop.run(self.aclient.retrieve(request_id, run_id=run_id))

    async def aretrieve(self, request_id: str, *, run_id: str | None = None) -> Run:
        """Await :meth:`retrieve`."""
        return await event_loop.bridge(self.aclient.retrieve(request_id, run_id=run_id))

    def check(self) -> Check:
        """Check whether the service can be reached and accepts the key: :meth:`AsyncClient.check`."""
        return event_loop.run(self.aclient.check())

    async def acheck(self) -> Check:
        """Await :meth:`check`."""
        return await event_loop.bridge(self.aclient.check())

    @arguments.explicit_signature(ApprovalFilter, FILTER_DEFAULTS)
    def approvals(self, **options: Unpack[ApprovalFilter]) -> ToolApprovals:
        """List the tools that wait for a decision: :meth:`AsyncClient.approvals`."""
        arguments.check(Client.approvals, locals())
        return event_loop.run(self.aclient.approvals(**options))

    @arguments.explicit_signature(ApprovalFilter, FILTER_DEFAULTS)
    async def aapprovals(self, **options: Unpack[ApprovalFilter]) -> ToolApprovals:
        """Await :meth:`approvals`."""
        arguments.check(Client.aapprovals, locals())
        return await event_loop.bridge(self.aclient.approvals(**options))

    def approval(self, approval_id: str, *, workspace_id: str | None = None) -> ToolApproval:
        """Return one approval by its id, whatever its status: :meth:`AsyncClient.approval`."""
        arguments.check(Client.approval, locals())
        return event_loop.run(self.aclient.approval(approval_id, workspace_id=workspace_id))

    async def aapproval(self, approval_id: str, *, workspace_id: str | None = None) -> ToolApproval:
        """Await :meth:`approval`."""
        arguments.check(Client.aapproval, locals())
        return await event_loop.bridge(self.aclient.approval(approval_id, workspace_id=workspace_id))

    def upload(self, path: str | PathLike[str], *, workspace_id: str | None = None) -> Asset:
        """Send a file to the workspace, and return the stored file: :meth:`AsyncClient.upload`."""
        arguments.check(Client.upload, locals())
        return event_loop.run(self.aclient.upload(path, workspace_id=workspace_id))

    async def aupload(self, path: str | PathLike[str], *, workspace_id: str | None = None) -> Asset:
        """Await :meth:`upload`."""
        arguments.check(Client.aupload, locals())
        return await event_loop.bridge(self.aclient.upload(path, workspace_id=workspace_id))

    def assets(self, *, workspace_id: str | None = None) -> list[Asset]:
        """List the files of the workspace: :meth:`AsyncClient.assets`."""
        arguments.check(Client.assets, locals())
        return event_loop.run(self.aclient.assets(workspace_id=workspace_id))

    async def aassets(self, *, workspace_id: str | None = None) -> list[Asset]:
        """Await :meth:`assets`."""
        arguments.check(Client.aassets, locals())
        return await event_loop.bridge(self.aclient.assets(workspace_id=workspace_id))

    def close(self) -> None:
        """Close the connections. A closed client opens new ones when it is used again."""
        event_loop.run(self.aclient.aclose())

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self.aclient).replace("AsyncClient", "Client", 1)


class _ConnectionPools:
    """The open connections of a client.

    Parameters
    ----------
    connection : Connection
        The service, and how to reach it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._senders: WeakKeyDictionary[asyncio.AbstractEventLoop, Sender] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self._senders)

    async def exchange(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        content_type: str = "application/json",
        auth: Auth | None = None,
    ) -> Response:
        """Return the answer to one request; an answer that broke off says how."""
        from fh_notebook.client.http import exchange as edge

        connection = self._connection
        sender = self._senders.get(running_loop()) or await self._opened()
        message = ""
        try:
            return await edge.exchange(
                sender,
                method,
                connection.base_url + path,
                auth=auth or edge.BearerAuth(connection.key),
                content=content,
                content_type=content_type,
                max_response_bytes=connection.max_response_bytes,
                timeout_s=connection.timeout_s,
                connect_timeout_s=connection.connect_timeout_s,
            )
        except Exception as exc:
            message = error_text(exc)
        # Outside the block: a chained traceback would show the frames, and the headers, of other people's code.
        raise CallError(f"the call failed with an unexpected error, and may have run: {message}", may_have_run=True)

    async def _opened(self) -> Sender:
        from fh_notebook.client.http.transport import open_for_loop

        message = ""
        try:
            self._senders[running_loop()] = opened = await open_for_loop(self._connection)
        except (OSError, ValueError, TypeError, ImportError) as exc:
            message = redact(str(exc))
        if message:  # a bad proxy or CA bundle: nothing was sent
            raise SettingsError(f"no connection can be opened with these settings: {message}")
        return opened

    async def close(self) -> None:
        """Close the connections of the running loop."""
        sender = self._senders.pop(running_loop(), None)
        if sender is not None:
            await sender.aclose()
