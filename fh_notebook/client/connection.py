"""`Connection`: everything a client needs to know of its other end. The composition root (`session`) makes it.

Rule of this file: values and seams only. Who holds a connection needs neither settings, store nor hive.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from fh_notebook.addresses import LOCAL, is_loopback
from fh_notebook.contract.catalog import Deployments
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.retry import DEFAULT_POLICY, Decision, RetryPolicy
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets
from fh_notebook.slots import Call
from fh_notebook.values import Secret

if TYPE_CHECKING:
    import httpx

    from fh_notebook.client.receiver import CallbackReceiver

__all__ = ["Connection", "GateLike", "NoBook", "PendingBook", "Ticket"]


class GateLike(Protocol):
    """What a client asks of a gate."""

    @property
    def typical_s(self) -> float | None:
        """What an admitted call of late took, in seconds."""
        ...

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Hold one slot."""
        ...

    def call(self) -> Call:
        """Say that a call is out while the block runs."""
        ...

    def hear(self, decision: Decision, *, call: Call | None = None) -> None:
        """Learn from one answer."""
        ...


class Ticket(Protocol):
    """One run as it is written down."""

    async def accepted(self, run: Run) -> None:
        """Note the ids that the service gave it."""
        ...

    async def answered(self, run: Run) -> None:
        """Keep the outcome, and take the run out of the book, in one."""
        ...

    async def drop(self) -> None:
        """Take it out: it was not sent, or is kept elsewhere."""
        ...

    def let_go(self) -> None:
        """Say that this process waits for it no more."""
        ...


class PendingBook(Protocol):
    """Where runs that are waited for are written down; nothing of it raises."""

    async def open(self, request: InvokeRequest, secrets: Secrets) -> Ticket:
        """Write a run down that is about to be sent."""
        ...


class NoTicket:
    """Of a book that nothing is written into: what is answered is kept as any single run."""

    def __init__(self, keep: Callable[[Run], Awaitable[None]]) -> None:
        self._keep = keep

    async def accepted(self, run: Run) -> None:
        """Note nothing."""

    async def answered(self, run: Run) -> None:
        """Keep the outcome."""
        await self._keep(run)

    async def drop(self) -> None:
        """Do nothing."""

    def let_go(self) -> None:
        """Do nothing."""


class NoBook:
    """Writes no pending run down."""

    def __init__(self, keep: Callable[[Run, Secrets], Awaitable[None]]) -> None:
        self._keep = keep

    async def open(self, request: InvokeRequest, secrets: Secrets) -> NoTicket:
        """Return a ticket of nothing."""

        async def keep(run: Run) -> None:
            await self._keep(run, secrets)

        return NoTicket(keep)


async def _keep_nothing(run: Run, secrets: Secrets) -> None:
    """Keep no answer."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One workspace of one service, and how to reach it."""

    base_url: str
    key: Secret
    key_source: str
    """Where the key came from, for people: ``argument``, ``keyring``, ..."""
    origin: str
    """The host, or ``local``."""
    workspace: str
    """What tells this workspace from others in the keys of kept answers; the key itself is not in it."""
    find_workspace: Callable[[], str] | None = None
    """Asked in place of :attr:`workspace` where it may change: a hive in process whose workflow was declared again."""
    gate: GateLike
    timeout_s: float = 120.0
    connect_timeout_s: float = 5.0
    """A person waits: CONTRACT section 2 allows 5 s for all connect attempts of a single run."""
    max_response_bytes: int = 64 * 1024 * 1024
    policy: RetryPolicy = DEFAULT_POLICY
    proxy: str | httpx.URL | httpx.Proxy | None = field(default=None, repr=False)
    verify: Any = True
    """As httpx takes it: ``True``, ``False`` or an ``ssl.SSLContext``; a path to a CA bundle becomes a context."""
    open_transport: Callable[[], httpx.AsyncBaseTransport] | None = None
    """Makes the transport, once for each event loop; ``None`` is the one that client/transport.py chooses."""
    keep: Callable[[Run, Secrets], Awaitable[None]] = _keep_nothing
    """Called with every finished run of `invoke`, before it is returned, and with which of its inputs to mask."""
    count: Callable[..., None] = lambda kind, requests, at=None: None
    """Counts requests that are about to be sent, by kind (``invoke``, ``lookup``, ``probe``): they may count against
    the plan's daily cap. A negative number takes back what reached nobody, of the moment `at` that it was counted at.
    Returns at once. Not called by `attempt`: whoever calls that repeatedly counts with what it keeps anyway."""
    find_deployment: Callable[[str], Deployment | None] = lambda name: None
    """Looks a name up where deployments are known: the hive in process, then the catalogue. ``None``: not known, sent
    unchecked; a name that is near to a known one raises `InputError`."""
    known_deployments: Callable[[], Deployments] = Deployments
    """Every deployment that is known where the names are looked up."""
    pending_book: Callable[[], PendingBook | None] = lambda: None
    """Where runs that are waited for are written down; ``None``: nowhere."""
    receiver: Callable[[], CallbackReceiver | None] = lambda: None
    """This process's own receiver of callbacks."""
    tell: Callable[[str], None] = lambda text: None
    """Tells the user something, once."""
    pausing: set[str] = field(default_factory=set, repr=False)
    """Deployments of which a run was seen to wait for a person, through this connection."""

    @property
    def is_near(self) -> bool:
        """Whether the service is on this machine: it reaches every receiver here, and look-ups cost nothing."""
        return self.origin == LOCAL or is_loopback(urlsplit(self.base_url).hostname or "")

    def pending(self) -> PendingBook:
        """Return where runs that are waited for are written down."""
        return self.pending_book() or NoBook(self.keep)
