"""`Client`: the sync door of `AsyncClient`.

Rule of this file: no logic of its own. Every method enters the background loop and does what its async twin does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from fh_notebook import arguments, loop
from fh_notebook.client.call_options import CallOptions, InvokeOptions
from fh_notebook.client.client import AsyncClient, Check
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.run import Run
from fh_notebook.half_made import shows_half_made
from fh_notebook.values import Secret, as_secret

if TYPE_CHECKING:
    import httpx

    from fh_notebook.client.pending import PendingRun
    from fh_notebook.client.receiver import CallbackReceiver

__all__ = ["Client"]


@shows_half_made
class Client:
    """The blocking client: the same methods, and their async twins with an ``a`` before the name.

    Works in a script, in a notebook cell, inside somebody's own running loop, from several threads at once, and in a
    child after ``os.fork``. A kernel interrupt ends a blocking call within 0.3 s and cancels what is in flight.

    Parameters
    ----------
    api_key, base_url, timeout, transport, proxy, verify, max_concurrency
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
        )

    @classmethod
    def over(cls, client: AsyncClient) -> Client:
        """Return the sync door of an async client."""
        door = cls.__new__(cls)
        door.aclient = client
        return door

    @property
    def workspace(self) -> str:
        """What tells this workspace from others in the keys of kept answers."""
        return self.aclient.workspace

    @property
    def origin(self) -> str:
        """The host that is asked, or ``local``."""
        return self.aclient.origin

    @property
    def gate(self) -> Any:
        """The gate of the workspace: ``limit``, ``in_flight``, ``refused``, ``reopen()``."""
        return self.aclient.gate

    @arguments.explicit_signature(InvokeOptions)
    def invoke(self, deployment: Deployment | str, **options: Unpack[InvokeOptions]) -> Run:
        """Run a deployment's variant: :meth:`AsyncClient.invoke`, with the same arguments, results and errors."""
        arguments.check_names(Client.invoke, options)
        return loop.run(self.aclient.invoke(deployment, **options))

    @arguments.explicit_signature(InvokeOptions)
    async def ainvoke(self, deployment: Deployment | str, **options: Unpack[InvokeOptions]) -> Run:
        """Await :meth:`invoke`."""
        arguments.check_names(Client.ainvoke, options)
        return await loop.bridge(self.aclient.invoke(deployment, **options))

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
        return loop.run(self.aclient.submit(deployment, callback=callback, poll=poll, **options))

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
        return await loop.bridge(self.aclient.submit(deployment, callback=callback, poll=poll, **options))

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
        """Start a run by its webhook endpoint: :meth:`AsyncClient.trigger`."""
        secret = as_secret(secret)
        work = self.aclient.trigger(endpoint_id, variant_id, secret=secret, inputs=inputs, callback=callback, poll=poll)
        return loop.run(work)

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
        return await loop.bridge(work)

    def retrieve(self, request_id: str, *, run_id: str | None = None) -> Run:
        """Ask what became of a call: :meth:`AsyncClient.retrieve`."""
        return loop.run(self.aclient.retrieve(request_id, run_id=run_id))

    async def aretrieve(self, request_id: str, *, run_id: str | None = None) -> Run:
        """Await :meth:`retrieve`."""
        return await loop.bridge(self.aclient.retrieve(request_id, run_id=run_id))

    def check(self) -> Check:
        """Say whether the service is reached and takes the key: :meth:`AsyncClient.check`."""
        return loop.run(self.aclient.check())

    async def acheck(self) -> Check:
        """Await :meth:`check`."""
        return await loop.bridge(self.aclient.check())

    def close(self) -> None:
        """Close the connections. A closed client opens new ones when it is used again."""
        loop.run(self.aclient.aclose())

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self.aclient).replace("AsyncClient", "Client", 1)
