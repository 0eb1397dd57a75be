"""`AsyncClient`: attempt, invoke, retrieve, check.

Rule of this file: `attempt` is one exchange and never retries; `invoke` is a small loop over it that does what
`contract.retry.decide` says, with every call inside the gate. An `AsyncClient` works in whatever loop awaits it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from fh_notebook import arguments, views
from fh_notebook.client.check import Check, check_of
from fh_notebook.client.connection import Connection
from fh_notebook.client.delivered import Attempt, Delivered
from fh_notebook.client.per_loop import PerLoop
from fh_notebook.client.raising import raise_for
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.hidden import Secrets
from fh_notebook.contract.models import Answer, InvokeRequest
from fh_notebook.contract.retry import CUT_OFF, NOT_REACHED, Decision, Verdict, decide
from fh_notebook.contract.run import Run
from fh_notebook.contract.spell import short, type_text
from fh_notebook.contract.wire import Exchange, decode_answer, encode_request
from fh_notebook.errors import CallError, InputError
from fh_notebook.half_made import shows_half_made
from fh_notebook.log import log
from fh_notebook.loop import briefly, running_loop, tell_in_short, unbroken
from fh_notebook.values import Secret, as_secret

if TYPE_CHECKING:
    import httpx

__all__ = ["AsyncClient", "Check"]

KEEP_S: Final = 0.1
"""How long a cancelled call stays for the store: a person waits for Stop. What is not kept by then is kept later."""


@shows_half_made
class AsyncClient(Delivered):
    """The client to await.

    Parameters
    ----------
    api_key : str, optional
        The workspace key. Else: ``configure()``, ``FETCH_HIVE_API_KEY``, the keyring, or the local hive.
    base_url : str or httpx.URL, optional
        The address, ending in ``/v1``; ``"local"`` is the hive inside this process.
    timeout : float, optional
        Seconds that one call may take; 120 by default.
    transport : httpx.AsyncBaseTransport, optional
        In place of the network, used in every loop.
    proxy : str, httpx.URL or httpx.Proxy, optional
        As httpx takes it; without it the environment's proxies count, as httpx users expect.
    verify : bool, path or ssl.SSLContext, optional
        How the service's certificate is checked: ``True`` or ``None`` by the usual authorities, a path by those of a CA
        bundle. Only ``False`` turns the check off, with a warning.
    max_concurrency : int, optional
        A ceiling: at most this many calls through this client at once. Without it, as many as the service admits.

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
    ) -> None:
        api_key = as_secret(api_key)
        arguments.check(AsyncClient.__init__, locals())
        self._connect(
            views.knock(
                "Client.connection",
                api_key=api_key,
                base_url=base_url,
                timeout=timeout,
                transport=transport,
                proxy=proxy,
                verify=verify,
                max_concurrency=max_concurrency,
            )
        )

    @classmethod
    def over(cls, connection: Connection) -> AsyncClient:
        """Return a client of a connection that is already made."""
        client = cls.__new__(cls)
        client._connect(connection)
        return client

    def _connect(self, connection: Connection) -> None:
        self.connection = connection
        self._opened = PerLoop(connection)
        self._rng = random.Random()  # noqa: S311 - spreads retries, guards nothing
        # Seams for tests with virtual time.
        self._sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        self._clock: Callable[[], float] = time.monotonic

    @property
    def workspace(self) -> str:
        """What tells this workspace from others in the keys of kept answers."""
        here = self.connection
        return here.find_workspace() if here.find_workspace is not None else here.workspace

    @property
    def origin(self) -> str:
        """The host that is asked, or ``local``."""
        return self.connection.origin

    @property
    def gate(self) -> Any:
        """The gate of the workspace: ``limit``, ``in_flight``, ``refused``, ``reopen()``."""
        return self.connection.gate

    def request(
        self,
        deployment: Deployment | str,
        *,
        variant: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        user: str | None = None,
        callback_url: str | None = None,
        tool_approval: str | None = None,
    ) -> InvokeRequest:
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
        if variant is None and len(dep.variants) > 1:
            raise InputError(f"which variant? Give variant={' or '.join(map(repr, dep.variants))}", where=dep.name)
        if variant is not None and (problem := dep.variant_problem([variant])):
            raise InputError(problem, where=dep.name)
        if inputs is not None and not isinstance(inputs, Mapping):
            raise InputError(f"inputs is {type_text(inputs)}; give a mapping of names to values", where=dep.name)
        return InvokeRequest(
            deployment=dep.name,
            variant=variant or (dep.variants[0] if len(dep.variants) == 1 else None),
            inputs=dep.complete(inputs or {}),
            metadata=metadata,
            user=user,
            callback_url=callback_url,
            tool_approval=tool_approval,
            secrets=Secrets.of(dep.inputs),
        )

    async def attempt(self, request: InvokeRequest) -> Exchange:
        """Make one exchange, outside any gate, and return the answer with the run that it reads as.

        Raises
        ------
        CallError
            Only for what nobody foresaw; what a service or a network does is an `Exchange`.
        SettingsError
            No connection can be opened with this proxy or CA bundle; nothing was sent.
        """
        started_at = datetime.now(UTC)
        answer = await self._opened.exchange("POST", "/workflow/invoke", encode_request(request))
        run = decode_answer(answer, request, started_at=started_at, origin=self.origin)
        log.debug("%s in %.3f s", run.summary(), run.elapsed_s)
        return Exchange(answer=answer, run=run)

    async def invoke(
        self,
        deployment: Deployment | str,
        *,
        variant: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        user: str | None = None,
        callback_url: str | None = None,
        tool_approval: str | None = None,
    ) -> Run:
        """Run a deployment's variant with `inputs`, and return what came of it.

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
            As the service takes it.

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
        request = self.request(
            deployment,
            variant=variant,
            inputs=inputs,
            metadata=metadata,
            user=user,
            callback_url=callback_url,
            tool_approval=tool_approval,
        )
        return await self.send(request)

    async def send(self, request: InvokeRequest) -> Run:
        """Send a request that is already made: :meth:`invoke` without the checking, with its results and errors."""
        run, decision = await self.drive(request, self.attempt)
        if decision.verdict is Verdict.STOP or decision.reason in NOT_REACHED:
            raise_for(run, decision)
        await self.connection.keep(run, request.secrets)
        return run

    async def drive(self, request: InvokeRequest, attempt_once: Attempt) -> tuple[Run, Decision]:
        """Attempt, inside the gate, until `decide` says that it is enough; what ends without an exchange is kept."""
        running_loop()  # before anything is counted as sent
        begun: float | None = None
        for attempt in count(1):
            async with self.connection.gate.slot():
                begun = self._clock() if begun is None else begun  # the queue before the first attempt is no retry
                counted_at = datetime.now(UTC)
                self.connection.count("invoke", 1, counted_at)
                with self.connection.gate.call() as call:
                    exchange = await self._attempt_or_keep(request, attempt_once, attempt)
                if exchange.run.error_code in NOT_REACHED:
                    self.connection.count("invoke", -1, counted_at)
                decision = decide(
                    exchange.answer,
                    attempt=attempt,
                    jitter=self._rng.random(),
                    now=datetime.now(UTC),
                    spent_s=self._clock() - begun,
                    typical_s=self.connection.gate.typical_s,
                    policy=self.connection.policy,
                )
                self.connection.gate.hear(decision, call=call)
            if not decision.again:
                break
            log.info("%s; again in %.1f s", exchange.run.summary(), decision.wait_s)
            await self._sleep(decision.wait_s)
        return replace(exchange.run, attempts=attempt), decision

    async def _attempt_or_keep(self, request: InvokeRequest, attempt_once: Attempt, attempt: int) -> Exchange:
        """Attempt once. A call that ends otherwise than by an exchange may have run, and is kept as such."""
        started_at, begun = datetime.now(UTC), time.perf_counter()

        def unknown(broke: str, why: str) -> Run:
            answer = Answer(broke=broke, elapsed_s=time.perf_counter() - begun)
            run = decode_answer(answer, request, started_at=started_at, origin=self.origin, attempts=attempt)
            return replace(run, error=why)

        try:
            return await attempt_once(request)
        except asyncio.CancelledError as cancelled:
            run = unknown("cancelled", CUT_OFF)
            await unbroken(briefly(self.connection.keep(run, request.secrets), KEEP_S))
            tell_in_short(cancelled, "the call was out and may have run at the service all the same")
            raise
        except CallError as unforeseen:
            await self.connection.keep(unknown("unforeseen", str(unforeseen)), request.secrets)
            raise

    async def check(self) -> Check:
        """Say whether the service is reached and takes the key, without running anything.

        Asks for the list of models, the one look-up that needs a key (CONTRACT section 4); it may count against the
        daily cap.
        """
        running_loop()
        self.connection.count("probe", 1)
        answer = await self._opened.exchange("GET", "/public/models")
        return check_of(answer, self.origin, self.connection.key_source)

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._opened.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        here = self.connection
        return f"{type(self).__name__}({here.base_url}, key={here.key} from {here.key_source})"
