"""Callback delivery of a hive: signed, retried a bounded number of times, and only to allowed hosts.

Rule of this file: nothing is sent, resolved or connected to unless the host is this machine or was allowed by name.
Whoever may start a run could otherwise make this machine call any address that it can reach.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from fh_notebook.contract.signing import sign
from fh_notebook.core.arguments import public
from fh_notebook.core.redaction import Secret, error_text
from fh_notebook.local.options import Options
from fh_notebook.version import __version__

if TYPE_CHECKING:
    import httpx

SIGNATURE_HEADER: Final = "X-Fetch-Hive-Signature"

AT_ONCE: Final = 32
"""Concurrent deliveries: a few slow receivers must not delay all others."""

ANSWER_BYTES: Final = 64 * 1024
"""The hive reads only the status of a response; the connection of a longer response is not reused."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The result of one callback."""

    request_id: str
    url: str
    delivered: bool
    attempts: int
    """0: the host is not allowed, nothing was connected to."""
    status_code: int | None
    """The last answer's; ``None`` when there was none."""
    reason: str
    """Why it was not delivered; empty when it was."""


def may_deliver(host: str, allowed: frozenset[str]) -> bool:
    """Whether callbacks may go to `host`: this machine (``localhost`` or a loopback address), or an allowed name.

    Other spellings of a loopback address (``127.1``, ``0x7f000001``) are not read, and so not allowed.

    Examples
    --------
    >>> [may_deliver(h, frozenset({"hooks.test"})) for h in ("127.0.0.1", "::1", "Hooks.test", "10.0.0.1")]
    [True, True, True, False]
    """
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host in allowed:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@cache
def _tls_context() -> ssl.SSLContext:
    """Return the TLS context of every connection: creating one takes 20 ms."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


class CallbackSender:
    """Delivers callbacks. Lives on the hive's own event loop, but for :meth:`keep` and :meth:`remembered`.

    Parameters
    ----------
    sleep : async callable
        Waits between attempts.
    keep : int
        Deliveries that are remembered.
    """

    def __init__(self, *, sleep: Callable[[float], Awaitable[None]], keep: int) -> None:
        self._deliveries: deque[Delivery] = deque(maxlen=keep)
        self._sleep = sleep
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Forget the connections, as in a child after ``os.fork``: they are the parent's."""
        self._lock = threading.Lock()
        self._idle: list[httpx.AsyncHTTPTransport] = []
        self._slots: asyncio.Semaphore | None = None

    async def deliver(self, request_id: str, url: str, body: bytes, secret: Secret, options: Options) -> None:
        """Post `body` to `url` until it is accepted (2xx) or all attempts are used up, and store the result."""
        import httpx

        try:
            target = httpx.URL(url)
            refusal = "" if may_deliver(target.host, options.allow_callbacks) else f"{target.host} is not allowed"
        except (httpx.InvalidURL, UnicodeError) as exc:
            refusal = f"the address cannot be read: {exc}"
        if refusal:
            self._store_delivery(request_id, url, 0, None, refusal)
            return
        headers = {
            "content-type": "application/json",
            SIGNATURE_HEADER: sign(body, secret.reveal()),
            "user-agent": f"fh-notebook-hive/{__version__}",
        }
        request = httpx.Request("POST", target, headers=headers, content=body)
        attempts = 1
        status, reason = await self._attempt(request, options.callback_timeout_s)
        for wait_s in options.callback_backoff_s:
            if not reason:
                break
            await self._sleep(wait_s)
            attempts += 1
            status, reason = await self._attempt(request, options.callback_timeout_s)
        self._store_delivery(request_id, url, attempts, status, reason)

    async def close(self) -> None:
        """Close the connections; the next delivery opens new ones."""
        transports, self._idle, self._slots = self._idle, [], None
        for transport in transports:
            await transport.aclose()

    async def _attempt(self, request: httpx.Request, timeout_s: float) -> tuple[int | None, str]:
        import httpx

        self._slots = self._slots or asyncio.Semaphore(AT_ONCE)
        async with self._slots:
            transport = self._idle.pop() if self._idle else self._open_transport()
            try:
                async with asyncio.timeout(timeout_s):
                    response = await transport.handle_async_request(request)
                    await _drain(response)
            except TimeoutError:
                return None, f"no answer within {timeout_s:g} s"
            except httpx.HTTPError as exc:
                return None, error_text(exc)
            finally:
                self._idle.append(transport)
        # A redirect is not followed: it could lead to a host that is not allowed.
        return response.status_code, "" if response.is_success else f"answered {response.status_code}"

    def _open_transport(self) -> httpx.AsyncHTTPTransport:
        """Return a transport with a single connection, for any host.

        One pool for all would look at every connection for every request; a stack of single ones looks at one. A
        transport follows no redirects and uses no proxy of the environment (which would be for other machines).
        """
        import httpx

        return httpx.AsyncHTTPTransport(verify=_tls_context(), trust_env=False, limits=httpx.Limits(max_connections=1))

    def keep(self, number: int) -> None:
        """Remember another number of deliveries from now on; the last ones stay. May be called from any thread."""
        with self._lock:
            self._deliveries = deque(self._deliveries, maxlen=number)

    def remembered(self) -> tuple[Delivery, ...]:
        """Return the results of the callbacks, the oldest first. May be called from any thread."""
        with self._lock:
            return tuple(self._deliveries)

    def _store_delivery(self, request_id: str, url: str, attempts: int, status_code: int | None, reason: str) -> None:
        delivery = Delivery(
            request_id=request_id,
            url=url,
            delivered=not reason,
            attempts=attempts,
            status_code=status_code,
            reason=reason,
        )
        with self._lock:
            self._deliveries.append(delivery)


async def _drain(response: httpx.Response) -> None:
    """Read a short response to its end, so that its connection can be reused; stop in a long one."""
    received = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        if received > ANSWER_BYTES:
            break
    await response.aclose()
