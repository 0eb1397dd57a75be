"""Transport of one event loop's calls: FastTransport, or httpx's own behind a proxy; closed with its loop.

Rules of this file:

1. Transports are closed by a means that the end of every loop has. ``asyncio.run`` and the background loop end with
   ``loop.shutdown_asyncgens()``, which ends every unfinished generator of the loop; one generator waits here for each
   loop. It holds transports weakly, so that they can be collected before.
2. Each transport of a `ProxiedTransport` has one call at a time. httpx's pool searches all its connections for every
   request and every response, which is quadratic; a pool of one has nothing to search.

The choice, by ``python -m tests.benchmarks transports`` (25 November 2026, two cores, Python 3.11): calls of 200 ms,
the client's CPU a call, and ideal / actual makespan at 500 in flight; each asked by ``handle_async_request``. Through
`httpx.AsyncClient.stream` every one of them costs some 100 us more, so `exchange` asks the transport itself.

==================================================  ===========  ===========  =============
transport                                           100 at once  500 at once  ratio at 500
==================================================  ===========  ===========  =============
httpx's own, one client, limits raised (quadratic)  11,172 us                 (0.14 at 100)
LIFO stack of ``httpcore.AsyncHTTPConnection``      307 us       337 us       0.63
the same over bare asyncio                          240 us       224 us       0.84
``httpx-aiohttp``                                   173 us       201 us
`FastTransport` with h11 as its parser              161 us       155 us       0.90
`FastTransport` with httptools                      94 us        87 us        0.91
==================================================  ===========  ===========  =============

At 500 in flight a core has 400 us for a call, and engine, store, encoding and decoding take some 300 of them: only the
last two leave that. ``httpx-aiohttp`` is out for what it says, too: it maps every `aiohttp.ClientConnectionError`, also
that of a server which hangs up after it has read the request, to `httpx.ConnectTimeout`, which here means "nothing was
sent, call again". httptools over h11: 65 us a call, a tenth of the budget, for one small dependency.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import httpx

from fh_notebook.client.connection import Connection
from fh_notebook.client.http.fast_transport import KEEP_ALIVE_S, FastTransport, HttpResponse
from fh_notebook.core.config.urls import hostname, is_loopback
from fh_notebook.version import __version__

_Ending = tuple[AsyncGenerator[None, None], "WeakSet[httpx.AsyncBaseTransport]"]

_of_loop: dict[asyncio.AbstractEventLoop, _Ending] = {}


async def close_with_loop(transport: httpx.AsyncBaseTransport) -> None:
    """Have `transport` closed when the running loop ends, if it still exists.

    A loop that is closed without ``shutdown_asyncgens`` does not close it.
    """
    running = asyncio.get_running_loop()
    if running not in _of_loop:
        for loop in [loop for loop in list(_of_loop) if loop.is_closed()]:
            _of_loop.pop(loop, None)
        opened: WeakSet[httpx.AsyncBaseTransport] = WeakSet()
        closer = _close_at_end(running, opened, _of_loop)
        _of_loop[running] = closer, opened
        await anext(closer)
    _of_loop[running][1].add(transport)


async def _close_at_end(
    loop: asyncio.AbstractEventLoop,
    opened: WeakSet[httpx.AsyncBaseTransport],
    of_loop: dict[asyncio.AbstractEventLoop, _Ending],
) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        of_loop.pop(loop, None)  # a parameter: where nobody closed the loop, this ends after the module's globals
        for transport in list(opened):
            await transport.aclose()


class ProxiedTransport(httpx.AsyncBaseTransport):
    """Carries each call over a transport of its own; the one that was used last is used again first.

    Parameters
    ----------
    new : callable
        Makes one transport. The first is made at once, so that wrong settings raise before any call.
    """

    def __init__(self, new: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._new = new
        self._idle = [new()]
        self._busy: set[httpx.AsyncBaseTransport] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` as httpx does, with its errors."""
        transport = self._idle.pop() if self._idle else self._new()
        self._busy.add(transport)
        try:
            response = await transport.handle_async_request(request)
        except BaseException:
            self.give_back(transport)
            raise
        response.stream = _PooledBody(response.stream, self, transport)
        return response

    def give_back(self, transport: httpx.AsyncBaseTransport) -> None:
        """Keep `transport` for the next call."""
        if transport in self._busy:
            self._busy.discard(transport)
            self._idle.append(transport)

    async def aclose(self) -> None:
        """Close every connection; exchanges in progress break off."""
        closing, self._idle, self._busy = [*self._idle, *self._busy], [], set()
        for transport in closing:
            await transport.aclose()


class _PooledBody(httpx.AsyncByteStream):
    """The body of one response; its end sets the transport free."""

    def __init__(
        self, inner: httpx.AsyncByteStream | httpx.SyncByteStream, pool: ProxiedTransport,
        transport: httpx.AsyncBaseTransport,
    ) -> None:  # fmt: skip
        self._inner = inner
        self._pool = pool
        self._transport = transport

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inner.__aiter__()  # type: ignore[union-attr]  # a transport of AsyncBaseTransport gives the async one

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()  # type: ignore[union-attr]  # as above
        finally:
            self._pool.give_back(self._transport)


class _TakenBody(httpx.AsyncByteStream):
    """The body of one request, taken when a transport sends it."""

    def __init__(self, take: Callable[[], bytes]) -> None:
        self._take = take

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._take()


class HttpxSender:
    """Sends by any transport of httpx: a proxy's, the local hive's, or one that the user gave.

    Parameters
    ----------
    transport : httpx.AsyncBaseTransport
        Of the running loop.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def send(
        self,
        method: str,
        url: httpx.URL,
        headers: Sequence[tuple[bytes, bytes]],
        take_body: Callable[[], bytes],
        *,
        connect_s: float | None,
    ) -> HttpResponse:
        """Send a request; a new connection may take `connect_s`. It raises what the transport raises."""
        extensions = {"timeout": {"connect": connect_s}}
        request = httpx.Request(method, url, headers=list(headers), stream=_TakenBody(take_body), extensions=extensions)
        response = await self._transport.handle_async_request(request)
        stream = response.stream
        return HttpResponse(response.status_code, response.headers.raw, stream)  # type: ignore[arg-type]  # an async one

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()


_PROXIED = httpx.Limits(keepalive_expiry=KEEP_ALIVE_S)


def user_agent() -> str:
    """Return the ``User-Agent`` of every request."""
    return f"fh-notebook/{__version__}"


def open_transport(connection: Connection) -> httpx.AsyncBaseTransport:
    """Return a new transport for the running loop.

    The environment's proxies count, but not for this machine's own addresses: there the key would leave it, in the
    clear.
    """
    if connection.open_transport is not None:
        return connection.open_transport()
    tls = _tls(connection.verify)
    proxy = connection.proxy or _proxy_of_environment(connection.base_url)
    if proxy is None:
        return FastTransport(tls=tls)
    return ProxiedTransport(lambda: httpx.AsyncHTTPTransport(proxy=proxy, verify=tls(), limits=_PROXIED))


async def open_for_loop(connection: Connection) -> FastTransport | HttpxSender:
    """Return a new transport that is closed with the running loop, at the latest.

    A transport of the user's is not: it may be in use elsewhere.
    """
    opened = open_transport(connection)
    if connection.open_transport is None:
        await close_with_loop(opened)
    return opened if isinstance(opened, FastTransport) else HttpxSender(opened)


def _proxy_of_environment(base_url: str) -> str | None:
    """Return the proxy that the environment (on macOS and Windows: the system) names for `base_url`."""
    host = hostname(base_url)
    if is_loopback(host) or proxy_bypass(urlsplit(base_url).netloc):
        return None
    proxies = getproxies()
    proxy = proxies.get(base_url.partition(":")[0]) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _tls(verify: Any) -> Callable[[], ssl.SSLContext]:
    """Return a function that returns the one context of `verify`: making one takes 20 ms."""
    if isinstance(verify, ssl.SSLContext):
        return lambda: verify
    if isinstance(verify, str | os.PathLike):
        bundle = _context_of_bundle(os.fspath(verify))
        return lambda: bundle
    return partial(
        _system_context, verify is not False, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    )


@lru_cache(maxsize=4)
def _context_of_bundle(path: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=path)


@lru_cache(maxsize=4)
def _system_context(verify: bool, *environment: str | None) -> ssl.SSLContext:
    """Return a context as httpx makes it: from certifi's store, or from the paths in these two variables."""
    return httpx.create_ssl_context(verify=verify)
