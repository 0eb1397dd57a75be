"""The half of `AsyncClient` for runs whose outcome comes later: starting them, and asking what became of them.

Rule of this file: it says what is sent and asked; who waits, and how, is in `submitting` and `pending`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from fh_notebook import arguments
from fh_notebook.client.connection import Connection
from fh_notebook.client.raising import raise_for
from fh_notebook.contract.callbacks import trigger_body
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.retry import Decision, Verdict
from fh_notebook.contract.run import Run
from fh_notebook.contract.wire import Exchange, decode_answer, decode_retrieved
from fh_notebook.errors import InputError
from fh_notebook.loop import running_loop
from fh_notebook.values import Secret, as_secret

if TYPE_CHECKING:
    from fh_notebook.client.client import AsyncClient
    from fh_notebook.client.pending import PendingRun
    from fh_notebook.client.receiver import CallbackReceiver

__all__ = ["Attempt", "Delivered"]

Attempt = Callable[[InvokeRequest], Awaitable[Exchange]]
"""One exchange, which never retries."""


class Delivered:
    """Runs whose outcome comes later."""

    connection: Connection

    @property
    def _whole(self) -> AsyncClient:
        """The client that this is a half of."""
        return cast("AsyncClient", self)

    async def submit(
        self,
        deployment: Deployment | str,
        *,
        variant: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        user: str | None = None,
        tool_approval: str | None = None,
        callback: CallbackReceiver | str | None = None,
        poll: bool = True,
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
        arguments.check(Delivered.submit, locals())
        request = self._whole.request(
            deployment, variant=variant, inputs=inputs, metadata=metadata, user=user, tool_approval=tool_approval
        )
        return await self.submit_request(request, callback=callback, poll=poll)

    async def submit_request(
        self, request: InvokeRequest, *, callback: CallbackReceiver | str | None = None, poll: bool = True
    ) -> PendingRun:
        """Submit a request that is already made: :meth:`submit` without the checking, with its results and errors."""
        from fh_notebook.client.submitting import address_for, submit

        running_loop()  # before a receiver is opened
        receiver, url = await address_for(self._whole, callback)
        if isinstance(callback, str):
            url = InvokeRequest(deployment=request.deployment, callback_url=url).callback_url or url  # checks it
        return await submit(self._whole, request.delivered_to(url), receiver=receiver, poll=poll or receiver is None)

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
        """Start a run by its webhook endpoint (CONTRACT section 6): without the key, and always by callback delivery.

        Parameters
        ----------
        endpoint_id, variant_id : str
            From the webhook trigger's snippet.
        secret : str or Secret
            The endpoint's own; sent in a header, never in the address.
        inputs : mapping, optional
            The Start variables; which there are is not known here, so they are not checked.
        callback, poll
            As :meth:`submit` takes them. Look-ups do need the workspace key.

        Raises
        ------
        InputError, AuthError, ConnectFailed, LimitReached, SettingsError
            As :meth:`submit`.
        """
        secret = as_secret(secret)
        arguments.check(Delivered.trigger, locals())
        from fh_notebook.client.submitting import address_for, submit

        for name, value in (("endpoint_id", endpoint_id), ("variant_id", variant_id)):
            if not isinstance(value, str) or not value:
                raise InputError(f"{name} is {value!r}; it is in the webhook trigger's address")
        if not isinstance(secret, Secret) or not secret:
            raise InputError("there is no secret; it is shown beside the webhook trigger's address")
        running_loop()
        receiver, url = await address_for(self._whole, callback)
        request = InvokeRequest(deployment=endpoint_id, variant=variant_id, inputs=inputs or {}, callback_url=url)
        path = f"/workflow/webhooks/{_path_safe(endpoint_id)}/variants/{_path_safe(variant_id)}"
        attempt = partial(self._attempt_trigger, path, secret)
        return await submit(self._whole, request, receiver=receiver, poll=poll or receiver is None, attempt=attempt)

    async def _attempt_trigger(self, path: str, secret: Secret, request: InvokeRequest) -> Exchange:
        from fh_notebook.client.exchange import WebhookAuth

        started_at = datetime.now(UTC)
        self.connection.count("invoke", 1)
        answer = await self._whole._opened.exchange("POST", path, trigger_body(request), auth=WebhookAuth(secret))
        return Exchange(
            answer=answer, run=decode_answer(answer, request, started_at=started_at, origin=self.connection.origin)
        )

    async def retrieve(self, request_id: str, *, run_id: str | None = None) -> Run:
        """Ask the service what became of a call. Whether this counts against the daily cap is unknown.

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
            raise InputError("there is no request id to ask for; it is in Run.request_id of an answered call")
        arguments.check(Delivered.retrieve, locals())
        return await self.look_up(request_id, run_id)

    async def look_up(self, request_id: str | None, run_id: str | None) -> Run:
        """Ask by whichever ids there are: the first address by a request id, the older one by a run id.

        Raises
        ------
        AuthError
            The service refused the key.
        """
        run = Run(status="unknown", error="there is no id to ask for", error_code="no_id")
        if request_id:
            run = await self._look_up(f"/public/requests/{_path_safe(request_id)}", request_id)
        if run_id and (not request_id or (run.status == "unknown" and run.status_code == 404)):
            run = await self._look_up(f"/workflow_runs/{_path_safe(run_id)}", request_id or "")
        return run

    async def _look_up(self, path: str, request_id: str) -> Run:
        running_loop()
        self.connection.count("lookup", 1)
        answer = await self._whole._opened.exchange("GET", path)
        run = decode_retrieved(answer, request_id=request_id, origin=self.connection.origin)
        if answer.status_code == 401:
            raise_for(run, Decision(verdict=Verdict.STOP, reason="auth"))
        return run


def _path_safe(identifier: str) -> str:
    return quote(identifier, safe="")
