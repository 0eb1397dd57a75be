"""Connection: the service, key, limiter and store that a client uses; its check, and the callback URL of a run.

Rules of this file:

1. The answer is judged by the one table (`contract.retry`); the sentence says where to look.
2. Where callbacks cannot come, the service is given an address that nobody has, and the run is asked for.
3. Values and seams only. Who holds a connection needs neither settings, store nor hive.

The composition root (`session`) makes it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from fh_notebook.client.callbacks.receiver import CallbackReceiver
from fh_notebook.client.error_catalog import ErrorCatalogCache
from fh_notebook.client.polling import WorkspaceLookUps
from fh_notebook.client.profile import Profile
from fh_notebook.contract.callbacks import NOWHERE
from fh_notebook.contract.catalog.deployments import Deployments
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.response import Response
from fh_notebook.contract.retry import DEFAULT_POLICY, RetryAction, RetryDecision, RetryPolicy, decide, next_reset
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets
from fh_notebook.contract.signing import KnownForms
from fh_notebook.core.config.urls import LOCAL, is_loopback
from fh_notebook.core.redaction import Secret
from fh_notebook.core.slots import LimitedCall
from fh_notebook.core.text.formatting import type_text
from fh_notebook.errors import SettingsError

if TYPE_CHECKING:
    import httpx

WITHOUT_KEY: Final = "none needed on this machine"
"""The source where no key is set: a service on this machine may require one all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Whether the service is reached and accepts the key; the check runs no workflow.

    Examples
    --------
    >>> bool(Check(status="good", detail=""))
    True
    """

    status: str
    """``good``, ``bad`` (the key), ``limited`` (the daily cap) or ``unreachable``."""
    detail: str

    def __bool__(self) -> bool:
        return self.status == "good"

    def __str__(self) -> str:
        return f"{self.status}: {self.detail}" if self.detail else self.status


def check_of(answer: Response, origin: str, key_source: str) -> Check:
    """Return the check that the answer to ``GET /public/models`` means."""
    decision = decide(answer)
    if decision.action is RetryAction.DONE and _is_json(answer.body):
        return Check(status="good", detail=f"{origin} accepts the key ({key_source})")
    if decision.reason == "auth" and key_source == WITHOUT_KEY:
        return Check(status="bad", detail=f"{origin} requires a key, and none was found")
    if decision.reason == "auth":
        return Check(status="bad", detail=f"{origin} refused the key ({key_source})")
    if decision.reason == "daily_cap":
        return Check(status="limited", detail="the daily cap is used up; it is renewed at 00:00 UTC")
    if decision.action is RetryAction.THROTTLED:
        return Check(status="limited", detail=f"{origin} is busy; the key could not be tried now")
    if answer.status_code is not None and answer.status_code >= 500:
        return Check(status="unreachable", detail=f"{origin} answered HTTP {answer.status_code}: try again later")
    if answer.status_code is not None:
        content = "content that is not JSON" if decision.action is RetryAction.DONE else f"HTTP {answer.status_code}"
        return Check(status="unreachable", detail=f"{origin} answered {content}: check base_url, which ends in /v1")
    return Check(
        status="unreachable", detail=f"{origin} did not answer ({answer.detail or answer.broke or 'no answer'})"
    )


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


async def address_for(
    connection: Connection, callback: CallbackReceiver | str | None
) -> tuple[CallbackReceiver | None, str]:
    """Return the receiver, if any, and the callback URL for the service."""
    if isinstance(callback, str):
        return None, callback
    if callback is None:
        callback = connection.receiver() if connection.is_near else None
        if callback is None:
            _warn_of_missing_output(connection)
            return None, NOWHERE
    if not isinstance(callback, CallbackReceiver):
        raise SettingsError(
            f"callback is {type_text(callback)}; give fh.CallbackReceiver(), a URL, or None for polling"
        )
    await callback.astart()
    if isinstance(callback.scheme, KnownForms):
        profile = connection.find_profile()
        if profile is not None and profile.signature is not None:  # what another service has shown stays
            callback.scheme.expected = profile.signature
    if not connection.is_near and is_loopback(urlsplit(callback.url_now).hostname or ""):
        connection.tell(f"Callbacks cannot arrive: {callback.reach_now.told} This run is waited for by polling.")
        _warn_of_missing_output(connection)
        return None, NOWHERE
    return callback, callback.url_now


def _warn_of_missing_output(connection: Connection) -> None:
    """Tell the user, before a run that is waited for by polling alone, where look-ups are known to bring no output."""
    profile = connection.find_profile()
    if profile is not None and profile.look_up_has_output is False:
        connection.tell(
            "Look-ups of this service return no output (fh.probe has observed it): the outputs of runs that are "
            "waited for by polling are only in its logs. Give a receiver with a public URL, or call directly"
        )


class LimiterProtocol(Protocol):
    """The part of a limiter that a client uses."""

    @property
    def typical_s(self) -> float | None:
        """How long a recent admitted call took, in seconds."""
        ...

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Hold one slot."""
        ...

    def call(self) -> LimitedCall:
        """Count a call as in flight while the block runs."""
        ...

    def record_answer(self, decision: RetryDecision, *, call: LimitedCall | None = None) -> None:
        """Learn from one answer."""
        ...


class Ticket(Protocol):
    """One run in a registry of pending runs."""

    async def accepted(self, run: Run) -> None:
        """Store the ids that the service gave it."""
        ...

    async def answered(self, run: Run) -> None:
        """Store the outcome, and remove the run from the registry, in one transaction."""
        ...

    async def drop(self) -> None:
        """Remove it: it was not sent, or is stored elsewhere."""
        ...

    def let_go(self) -> None:
        """Record that this process does not wait for it any more."""
        ...

    def hold(self) -> bool:
        """Record that this process waits for it again; return whether that is so, and nobody else does."""
        ...


class PendingRegistry(Protocol):
    """A registry of the runs that a process waits for; no method raises."""

    async def open(self, request: InvokeRequest, secrets: Secrets) -> Ticket:
        """Register a run that is about to be sent."""
        ...

    async def settle(self, run: Run, origin: str) -> None:
        """Store an outcome that somebody has asked for, of a run that nobody waits for."""
        ...


class NoTicket:
    """The ticket of a registry that stores nothing: an outcome is stored like that of any single run."""

    def __init__(self, keep: Callable[[Run], Awaitable[None]]) -> None:
        self._keep = keep

    async def accepted(self, run: Run) -> None:
        """Do nothing."""

    async def answered(self, run: Run) -> None:
        """Store the outcome."""
        await self._keep(run)

    async def drop(self) -> None:
        """Do nothing."""

    def let_go(self) -> None:
        """Do nothing."""

    def hold(self) -> bool:
        """Return that nobody else waits for it."""
        return True


class NoRegistry:
    """A registry that stores nothing."""

    def __init__(self, keep: Callable[[Run, Secrets], Awaitable[None]]) -> None:
        self._keep = keep

    async def open(self, request: InvokeRequest, secrets: Secrets) -> NoTicket:
        """Return a ticket that stores the outcome only."""

        async def keep(run: Run) -> None:
            await self._keep(run, secrets)

        return NoTicket(keep)

    async def settle(self, run: Run, origin: str) -> None:
        """Do nothing."""


async def _count_nothing() -> None:
    """Write no count."""


async def _keep_nothing(run: Run, secrets: Secrets) -> None:
    """Store no answer."""


class ServiceCap:
    """Whether the service has refused a look-up since its daily cap is used up: it refuses all before 00:00 UTC."""

    def __init__(self) -> None:
        self._until: datetime | None = None

    @property
    def is_used_up(self) -> bool:
        """Whether it is, as far as is known."""
        return self._until is not None and datetime.now(UTC) < self._until

    def learn(self, *, is_used_up: bool) -> None:
        """Take what an answer says."""
        self._until = next_reset(datetime.now(UTC)) if is_used_up else None


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One workspace of one service, and how to reach it."""

    base_url: str
    key: Secret
    key_source: str
    """The source of the key, for the user: ``argument``, ``keyring``, ..."""
    origin: str
    """The host, or ``local``."""
    workspace: str
    """The workspace's name in the keys of stored answers; it does not contain the API key."""
    find_workspace: Callable[[], str] | None = None
    """Used in place of :attr:`workspace` where it may change: a hive in process whose workflow was declared again."""
    limiter: LimiterProtocol
    timeout_s: float = 120.0
    connect_timeout_s: float = 5.0
    """A person waits: CONTRACT section 2 allows 5 s for all connect attempts of a single run."""
    max_response_bytes: int = 64 * 1024 * 1024
    policy: RetryPolicy = DEFAULT_POLICY
    proxy: str | httpx.URL | httpx.Proxy | None = field(default=None, repr=False)
    verify: Any = True
    """As httpx takes it: ``True``, ``False`` or an ``ssl.SSLContext``; a path to a CA bundle becomes a context."""
    open_transport: Callable[[], httpx.AsyncBaseTransport] | None = None
    """Makes the transport, once for each event loop; ``None`` is the one that client/http/transport.py chooses."""
    keep: Callable[[Run, Secrets], Awaitable[None]] = _keep_nothing
    """Called with every finished run of `invoke`, before it is returned, and with its secrets to mask."""
    count: Callable[..., None] = lambda kind, requests, at=None: None
    """Counts requests that are about to be sent, by kind (``invoke``, ``lookup``, ``probe``, ``upload``): they may
    count against the subscription's daily cap. A negative number takes requests back that reached nobody, counted at
    the time `at`. Returns at once. Not called by `attempt`: a caller that repeats it counts its requests with the rows
    that it stores. :meth:`count_sent` leaves out what does not count."""
    left_today: Callable[[], int | None] = lambda: None
    """Returns how many requests the configured daily cap leaves; ``None``: there is none, or nothing is counted."""
    counted: Callable[[], Awaitable[None]] = _count_nothing
    """Returns when everything that was counted is written."""
    error_catalog: ErrorCatalogCache = field(default_factory=lambda: ErrorCatalogCache(""), repr=False)
    """What the service says that can be done about each error code."""
    find_profile: Callable[[], Profile | None] = lambda: None
    """Returns what `fh.probe` has observed of the service; ``None``: it has not been asked."""
    find_workspace_id: Callable[[], str | None] = lambda: None
    """Returns the service's own id of the workspace, where the user gave it: no endpoint tells it."""
    find_deployment: Callable[[str], Deployment | None] = lambda name: None
    """Looks a name up: in the hive in process, then in the catalogue. ``None``: not known, sent unchecked; a name that
    is close to a known one raises `InputError`."""
    known_deployments: Callable[[], Deployments] = Deployments
    """Returns every known deployment."""
    pending_registry: Callable[[], PendingRegistry | None] = lambda: None
    """Returns the registry of pending runs; ``None``: there is none."""
    receiver: Callable[[], CallbackReceiver | None] = lambda: None
    """This process's own receiver of callbacks."""
    tell: Callable[[str], None] = lambda text: None
    """Shows the user a message, once."""
    pausing: set[str] = field(default_factory=set, repr=False)
    """Deployments with a run that waited for a person, through this connection."""
    look_ups: WorkspaceLookUps = field(default_factory=WorkspaceLookUps, repr=False)
    """What the runs of the workspace that are polled share, of all connections of this process."""
    look_up_cap: ServiceCap = field(default_factory=ServiceCap, repr=False)
    """What the service itself has said of its daily cap, to look-ups through this connection."""

    @property
    def is_near(self) -> bool:
        """Whether the service is on this machine: it reaches every receiver here."""
        return self.origin == LOCAL or is_loopback(urlsplit(self.base_url).hostname or "")

    def counts(self, kind: str) -> bool:
        """Whether requests of a kind count against the daily cap: all, unless look-ups do not, as `fh.probe` saw."""
        profile = self.find_profile() if kind == "lookup" else None
        return profile is None or profile.look_up_counts is not False

    def count_sent(self, kind: str, requests: int, at: datetime | None = None) -> None:
        """Count requests that are about to be sent, if those of this kind count; see :attr:`count`."""
        if self.counts(kind):
            self.count(kind, requests, at)

    def left_for(self, kind: str) -> int | None:
        """Return how many requests of a kind the configured daily cap or the service's own leaves; ``None``: any."""
        if kind == "lookup" and self.look_up_cap.is_used_up:
            return 0
        left = self.left_today()  # first: whether a kind counts is read from the store
        return left if left is not None and self.counts(kind) else None

    async def has_room_for(self, kind: str) -> bool:
        """Whether the daily cap leaves a request of a kind, once what was counted before is written."""
        if self.left_for(kind) == 0:
            await self.counted()
        return self.left_for(kind) != 0

    def pending(self) -> PendingRegistry:
        """Return the registry of pending runs."""
        return self.pending_registry() or NoRegistry(self.keep)
