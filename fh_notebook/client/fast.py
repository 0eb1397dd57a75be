"""`FastTransport`: an httpx transport that holds at high concurrency, over connections of one event loop.

Rule of this file: a request is written once. A connection that was closed while it was idle is found before that, and
another is taken; after it, whatever happens is the caller's to judge.

Idle connections lie on a stack, and the last one that was used is taken first: so the ones that are not needed any more
grow old and are closed, and finding one costs the same however many there are.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import httpx

from fh_notebook.client.http1 import Http1

__all__ = ["FastTransport"]

KEEP_ALIVE_S: Final = 4.0
"""Shorter than the shortest limit that servers are known to have (uvicorn and Node.js: 5 s), so that it is we who
close an idle connection: a request that meets the server's close half-way may have run, and nobody can say."""
CLOSING_S: Final = 1.0
"""Closing waits for the loop's next rounds, and no longer than this."""
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})

_Origin = tuple[str, str, int | None]


class FastTransport(httpx.AsyncBaseTransport):
    """Sends requests over HTTP/1.1 connections that are kept and used again; no proxy, no redirects, no cookies.

    Parameters
    ----------
    tls : callable
        Returns the `ssl.SSLContext` for https; asked at the first such connection, because making one takes 20 ms.
    keep_alive_s : float
        How long a connection may be idle and still be used.
    new : callable
        Makes one connection; a seam for the benchmark of parsers.
    """

    def __init__(
        self,
        *,
        tls: Callable[[], ssl.SSLContext] = httpx.create_ssl_context,
        keep_alive_s: float = KEEP_ALIVE_S,
        new: Callable[[], Http1] = Http1,
    ) -> None:
        self._tls = tls
        self._keep_alive_s = keep_alive_s
        self._new = new
        self._idle: dict[_Origin, list[Http1]] = {}
        self._open: set[Http1] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`, and return the response as soon as its head is there; its body is streamed.

        Raises
        ------
        httpx.ConnectError, httpx.ConnectTimeout, httpx.LocalProtocolError, httpx.UnsupportedProtocol
            Nothing was sent.
        httpx.TransportError
            Any other: it was, at least in part.
        """
        head = _head(request)
        limits = request.extensions.get("timeout", {})
        origin = (request.url.scheme, request.url.raw_host.decode("ascii"), request.url.port)
        line = self._take(origin) or await self._connect(origin, request.extensions, limits.get("connect"))
        try:
            message = await _message(head, request)
            await line.ask(request.method, message, write_s=limits.get("write"), read_s=limits.get("read"))
        except BaseException:
            line.abort()
            raise
        return httpx.Response(
            line.status,
            headers=line.headers,
            stream=_Body(self, line, origin, limits.get("read")),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": line.reason},
        )

    def _take(self, origin: _Origin) -> Http1 | None:
        idle = self._idle.get(origin)
        now = asyncio.get_running_loop().time() if idle else 0.0
        while idle:
            line = idle.pop()
            if line.idle_until >= now and line.is_fresh():
                return line
            line.abort()
        return None

    async def _connect(self, origin: _Origin, options: Any, seconds: float | None) -> Http1:
        scheme, host, port = origin
        if scheme not in ("http", "https") or not host:
            raise httpx.UnsupportedProtocol(f"not an address of http or https: {scheme}://{host}")
        secure: dict[str, Any] = {}
        if scheme == "https":
            context = self._tls()
            context.set_alpn_protocols(["http/1.1"])
            name = options.get("sni_hostname") or host
            secure = {"ssl": context, "server_hostname": name}
        try:
            async with asyncio.timeout(seconds):
                _, line = await asyncio.get_running_loop().create_connection(
                    self._new, host, port or {"http": 80, "https": 443}[scheme], happy_eyeballs_delay=0.25, **secure
                )
        except TimeoutError as late:
            raise httpx.ConnectTimeout(f"no connection within {seconds} s") from late
        except OSError as broken:
            raise httpx.ConnectError(str(broken)) from broken
        self._open.add(line)
        line.closed.add_done_callback(lambda _: self._open.discard(line))
        return line

    def give_back(self, line: Http1, origin: _Origin) -> None:
        """End the exchange on `line`, and keep it for the next if it can be used again."""
        if line not in self._open:  # closed with the transport
            line.abort()
        elif line.release():
            loop = asyncio.get_running_loop()
            line.idle_until = loop.time() + self._keep_alive_s
            self._idle.setdefault(origin, []).append(line)
            if self._sweep is None:
                self._sweep = loop.call_later(self._keep_alive_s, self._close_old)

    def _close_old(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep = None
        for idle in self._idle.values():
            kept = [line for line in idle if line.idle_until > loop.time() and line in self._open]
            for line in set(idle).difference(kept):
                line.abort()
            idle[:] = kept
        if due := [idle[0].idle_until for idle in self._idle.values() if idle]:
            self._sweep = loop.call_at(min(due), self._close_old)

    async def aclose(self) -> None:
        """Close every connection; what is under way on one breaks."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._idle.clear()
        closing, self._open = self._open, set()
        for line in closing:
            line.abort()
        if closing:
            await asyncio.wait([line.closed for line in closing], timeout=CLOSING_S)


class _Body(httpx.AsyncByteStream):
    """The body of one response, as it comes."""

    def __init__(self, transport: FastTransport, line: Http1, origin: _Origin, read_s: float | None) -> None:
        self._transport = transport
        self._line: Http1 | None = line
        self._origin = origin
        self._read_s = read_s

    # No generator: the loop would have to end one that is left half-way.
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._line.next_piece(self._read_s) if self._line is not None else None
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            self._transport.give_back(line, self._origin)


def _head(request: httpx.Request) -> bytes:
    """Return the request's first line and headers, but for how long its body is."""
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%b: %b" % (name, value) for name, value in request.headers.raw if name.lower() not in _FRAMING]
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1 or b"\0" in head:
        raise httpx.LocalProtocolError("a header of the request has a line break in it")
    return head


async def _message(head: bytes, request: httpx.Request) -> bytes:
    """Return the whole request: ours have bodies that are small, and in memory anyway."""
    body = b"".join([piece async for piece in request.stream])  # type: ignore[union-attr]  # an async one, by the seam
    if body or request.method not in _BODILESS:
        return b"%b\r\ncontent-length: %d\r\n\r\n%b" % (head, len(body), body)
    return head + b"\r\n\r\n"
