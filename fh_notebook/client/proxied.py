"""`ProxiedTransport`: httpx's own transport, which speaks to proxies, kept from becoming slow.

Rule of this file: each of the transports that it holds has one call at a time. httpx's pool looks through all its
connections for every request and every response, which is quadratic; through a pool of one there is nothing to look.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx

__all__ = ["ProxiedTransport"]


class ProxiedTransport(httpx.AsyncBaseTransport):
    """Carries each call over a transport of its own; the one that was used last is used again first.

    Parameters
    ----------
    new : callable
        Makes one transport. The first is made at once, so that settings that cannot work are told before any call.
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
        response.stream = _Body(response.stream, self, transport)
        return response

    def give_back(self, transport: httpx.AsyncBaseTransport) -> None:
        """Keep `transport` for the next call."""
        if transport in self._busy:
            self._busy.discard(transport)
            self._idle.append(transport)

    async def aclose(self) -> None:
        """Close every connection; what is under way on one breaks."""
        closing, self._idle, self._busy = [*self._idle, *self._busy], [], set()
        for transport in closing:
            await transport.aclose()


class _Body(httpx.AsyncByteStream):
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
