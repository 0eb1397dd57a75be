"""FastTransport: an httpx transport for high concurrency, over HTTP/1.1 connections of one event loop.

A timer that is due shows that time has passed, not that no data was received. While a process is stopped (SIGSTOP, a
suspended machine) the clock goes on and the kernel receives: then the timer and the answer are due in the same round of
the event loop, and the timer may run first. So the loop reads its sockets again, without waiting, and the deadline
expires only after rounds without new data.

Rules of this file:

1. An exchange ends in exactly one of two ways: the whole answer, or an httpx error that says how far it got. Before
   the first byte of a request is written nothing can have run; from then on everything may have.
2. A connection is used again only after a whole answer, if both sides keep it alive and no byte followed. In every
   other case (a cancel, a timeout, half an answer, an early answer) it is closed.
3. Data from a server is bounded: the head and everything that is not body by `MAX_HEAD_BYTES`, the body by a pause in
   reading while nobody takes it.

The parsing is llhttp's, the parser of Node.js, through ``httptools``; sockets and TLS are asyncio's.

A request is written once. A connection that was closed while it was idle is detected before that, and another one is
used; after it, the caller decides about any error.

Idle connections form a stack, and the one that was used last is used first: so connections that are not needed any more
expire and are closed, and taking one costs the same for any number of them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import select
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httptools
import httpx

ROUNDS: Final = 16
"""Rounds of the loop without new data, after which the socket is empty. From the socket to its reader it takes up to
4, over TLS in a tunnel through httpx, measured (``tests/client/test_suspended.py`` fails with 2)."""


class Deadline:
    """Calls `on_expired` once `seconds` have passed and the sockets have no more data; never after :meth:`cancel`.

    Parameters
    ----------
    seconds : float
        From now on.
    received : callable
        How much has been received so far, in any unit: it grows with each piece.
    on_expired : callable
        Called in the loop's thread.
    """

    def __init__(self, seconds: float, *, received: Callable[[], int], on_expired: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = received
        self._on_expired = on_expired
        self.is_due = False
        """Whether the time has passed, if not the deadline."""
        self._handle: asyncio.Handle = self._loop.call_later(seconds, self._check)

    def cancel(self) -> None:
        """End it: the data has been received, or nobody waits any more."""
        self._handle.cancel()

    def _check(self, before: int = -1, rounds: int = 0) -> None:
        self.is_due = True
        received = self._received()
        if received != before:
            rounds = 0
        if rounds >= ROUNDS:
            self._on_expired()
        else:  # the loop asks its sockets before each round, and does not wait where something is to be called
            self._handle = self._loop.call_soon(self._check, received, rounds + 1)


MAX_HEAD_BYTES: Final = 100 * 1024
"""Of a head, of trailers, of anything between two bytes of a body: what httpcore allows."""

MAX_WAITING_BYTES: Final = 256 * 1024
"""Of a body that was received and not taken yet; above it, reading from the socket pauses."""

PIECE_BYTES: Final = 64 * 1024
"""A piece of a body is no larger: it may be packed a thousandfold, and is unpacked as one."""


RECEIVED_BYTES: Final = 64 * 1024
"""The most that is read from a socket at once. asyncio reads four times as much, and an allocator with thresholds that
are set (Dask sets them for its workers: ``MALLOC_TRIM_THRESHOLD_``) fetches 128 kB and more from the system each time,
and gives it back: 9 µs an answer, measured."""


class Http1(asyncio.Protocol):
    """One connection; asyncio calls the lower half of the methods, the parser those that begin with ``on_``."""

    def __init__(self, parser: Any = httptools.HttpResponseParser) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = parser(self)
        # "Dangerous" between a proxy and its many clients. Here an answer is paid for, and httpx takes it: one with a
        # length beside its chunks (its connection is not used again), one with bare line feeds.
        self._parser.set_dangerous_leniencies(lenient_chunked_length=True, lenient_optional_cr_before_lf=True)
        self._transport: Any = None
        self._waiter: asyncio.Future[None] | None = None
        self._busy = self._lost = self._unwritten = False
        self._received_bytes = 0
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.idle_until = 0.0

    def _begin(self, method: str) -> None:
        self._busy, self._bodiless = True, method == "HEAD"
        self.headers: list[tuple[bytes, bytes]] = []
        self.status = 0
        self.reason = b""
        self._begun = self._whole = self._reusable = self._until_closed = False
        self._broken: httpx.TransportError | None = None
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = self._idle_bytes = self._head_bytes = 0
        self._paused = False

    # Called by the transport.

    def is_fresh(self) -> bool:
        """Whether the other end has neither closed the connection nor sent a byte since the last answer."""
        if self._lost or self._transport.is_closing():
            return False
        return not _is_readable(self._transport.get_extra_info("socket").fileno())

    async def ask(self, method: str, message: bytes, *, write_s: float | None, read_s: float | None) -> None:
        """Send `message` and wait for the head of the answer: `status`, `reason` and `headers` are set then."""
        self._begin(method)
        self._transport.write(message)
        while not self.status and self._broken is None:
            # The answer may arrive before the whole request was accepted, so this does not wait for the writing.
            if self._unwritten:
                await self._wait(write_s, httpx.WriteTimeout)
            else:
                await self._wait(read_s, httpx.ReadTimeout)
        if not self.status:
            raise self._broken  # type: ignore[misc]  # the loop ended with one of the two

    async def next_piece(self, read_s: float | None) -> bytes | None:
        """Return the next piece of the body; ``None`` after the last."""
        while not self._pieces:
            if self._whole:
                return None
            if self._broken is not None:
                raise self._broken
            await self._wait(read_s, httpx.ReadTimeout)
        piece = self._pieces.popleft()
        if len(piece) > PIECE_BYTES:
            self._pieces.appendleft(piece[PIECE_BYTES:])
            piece = piece[:PIECE_BYTES]
        self._waiting_bytes -= len(piece)
        if self._paused and self._waiting_bytes < MAX_WAITING_BYTES // 2:
            self._paused = False
            self._transport.resume_reading()
        return piece

    def release(self) -> bool:
        """End the exchange; return whether the connection may be used again. If not, it is closed."""
        self._busy = False
        if self._whole and self._reusable and not self._unwritten and not self._paused and not self._lost:
            return True
        self.abort()
        return False

    def abort(self) -> None:
        """Close the connection at once; an exchange in progress breaks off."""
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self, seconds: float | None, late: type[httpx.TimeoutException]) -> None:
        self._waiter = self._loop.create_future()
        timer = None
        if seconds is not None:
            timer = Deadline(seconds, received=lambda: self._received_bytes, on_expired=lambda: self._break(late, ""))
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _break(self, kind: type[httpx.TransportError], message: str) -> None:
        if self._busy and not self._whole and self._broken is None:
            self._broken = kind(message)
        self._wake()

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hold the connection's transport."""
        self._transport = transport
        parts: tuple[Any, ...] = (transport, getattr(transport, "_ssl_protocol", None))
        for part in parts:
            if hasattr(part, "max_size"):  # asyncio's own, of sockets and of TLS; others have no such number
                part.max_size = RECEIVED_BYTES

    def pause_writing(self) -> None:
        """Note that the other end reads the request more slowly than it is written."""
        self._unwritten = True

    def resume_writing(self) -> None:
        """Note that the request is written, and wait for the answer from now on."""
        self._unwritten = False
        self._wake()

    def data_received(self, data: bytes) -> None:
        """Parse received data."""
        if not self._busy:
            self.abort()  # no request is in progress, so these bytes belong to none
            return
        self._idle_bytes += len(data)
        self._received_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            self._reusable = False
            self._break(httpx.RemoteProtocolError, f"not HTTP as requested: {exc.__context__ or exc}")
        if self._idle_bytes > MAX_HEAD_BYTES:
            self._break(httpx.RemoteProtocolError, "too many headers")
        if self._waiting_bytes > MAX_WAITING_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        if self.status or self._broken is not None:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange in progress: with a whole answer, if the end of the connection marks the end of the body."""
        self._lost = True
        if not self.closed.done():
            self.closed.set_result(None)
        if not self._busy:
            return
        if exc is not None:
            self._break(httpx.ReadError, str(exc))
        elif self._until_closed:
            self._whole = True
        elif self._begun:
            self._break(httpx.RemoteProtocolError, "the connection was closed before the end of the answer")
        else:
            self._break(httpx.ReadError, "the connection was closed before an answer")
        self._wake()

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Note that an answer begins; a second one after the whole first has no request."""
        if self._whole:
            self._reusable = False
        else:
            self._begun, self.reason = True, b""

    def on_status(self, reason: bytes) -> None:
        """Add to the reason phrase of the status, which arrives in pieces."""
        if not self._whole:
            self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header; trailers, which follow the body, are not stored."""
        if self.status:
            return
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise ValueError("too many headers")
        self.headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Take the head as the answer's; 100 Continue and 103 Early Hints only announce one."""
        status = self._parser.get_status_code()
        if status < 200:
            self.headers = []
        elif not self.status:
            self.status = status
            length, chunked = _framing(self.headers)
            self._reusable = self._parser.should_keep_alive() and not (length and chunked)
            self._until_closed = not (length or chunked)
            if self._bodiless:  # the parser does not know the request's method, and waits for a body
                self._whole, self._reusable = True, False

    def on_body(self, piece: bytes) -> None:
        """Store a piece of the body until it is taken."""
        self._idle_bytes = 0
        if not self._whole:
            self._pieces.append(piece)
            self._waiting_bytes += len(piece)

    def on_message_complete(self) -> None:
        """Note the end of the answer."""
        if self.status:
            self._whole = True


def _framing(headers: list[tuple[bytes, bytes]]) -> tuple[bool, bool]:
    """Return whether the head has the body's length, and whether the body is chunked."""
    length = chunked = False
    for name, value in headers:
        lower = name.lower()
        if lower == b"content-length":
            length = True
        elif lower == b"transfer-encoding":
            chunked = True
            if value.lower() != b"chunked":
                raise ValueError("a transfer encoding that is not chunked")
    return length, chunked


def _is_readable(descriptor: int) -> bool:
    """Whether reading `descriptor` would return at once: for an idle connection, that it was closed."""
    if descriptor < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


KEEP_ALIVE_S: Final = 4.0
"""Shorter than the shortest limit of known servers (uvicorn and Node.js: 5 s), so that this side closes an idle
connection: a request that crosses the server's close may or may not have run."""

CLOSING_S: Final = 1.0
"""Closing waits for the loop's next rounds, and no longer than this."""

HAPPY_EYEBALLS_S: Final = 0.25
"""A name's second address is tried when the first has not answered by then (RFC 8305, section 5)."""

_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})

_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


_Origin = tuple[str, str, int | None]


@dataclass(slots=True)
class HttpResponse:
    """What came of one request: a head, and a body that is still to be read, and to be closed."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    stream: httpx.AsyncByteStream
    reason: bytes = b""


class FastTransport(httpx.AsyncBaseTransport):
    """Sends requests over HTTP/1.1 connections that are kept and used again; no proxy, no redirects, no cookies.

    Parameters
    ----------
    tls : callable
        Returns the `ssl.SSLContext` for https; called at the first such connection, since making one takes 20 ms.
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
        """Send `request`, and return the response as soon as its head is there; its body is streamed."""
        timeouts = request.extensions.get("timeout", {})
        content = await request.aread()
        answer = await self.send(
            request.method,
            request.url,
            request.headers.raw,
            lambda: content,
            connect_s=timeouts.get("connect"),
            write_s=timeouts.get("write"),
            read_s=timeouts.get("read"),
            server_name=request.extensions.get("sni_hostname"),
        )
        return httpx.Response(
            answer.status,
            headers=list(answer.headers),
            stream=answer.stream,
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": answer.reason},
        )

    async def send(
        self,
        method: str,
        url: httpx.URL,
        headers: Sequence[tuple[bytes, bytes]],
        take_body: Callable[[], bytes],
        *,
        connect_s: float | None = None,
        write_s: float | None = None,
        read_s: float | None = None,
        server_name: str | None = None,
    ) -> HttpResponse:
        """Send a request without httpx's objects, which cost a third of an exchange."""
        head = _head(method, url, headers)
        origin = (url.scheme, url.raw_host.decode("ascii"), url.port)
        connection = self._take(origin) or await self._connect(origin, server_name, connect_s)
        try:
            message = _message(head, method, take_body())
            await connection.ask(method, message, write_s=write_s, read_s=read_s)
        except BaseException:
            connection.abort()
            raise
        stream = _ResponseBody(self, connection, origin, read_s)
        return HttpResponse(connection.status, connection.headers, stream, connection.reason)

    def _take(self, origin: _Origin) -> Http1 | None:
        idle = self._idle.get(origin)
        now = asyncio.get_running_loop().time() if idle else 0.0
        while idle:
            connection = idle.pop()
            if connection.idle_until >= now and connection.is_fresh():
                return connection
            connection.abort()
        return None

    async def _connect(self, origin: _Origin, server_name: str | None, seconds: float | None) -> Http1:
        scheme, host, port = origin
        if scheme not in ("http", "https") or not host:
            raise httpx.UnsupportedProtocol(f"not an address of http or https: {scheme}://{host}")
        parameters: dict[str, Any] = {}
        if scheme == "https":
            context = self._tls()
            context.set_alpn_protocols(["http/1.1"])
            parameters = {"ssl": context, "server_hostname": server_name or host}
        loop = asyncio.get_running_loop()
        # Of a name's addresses; uvloop tries them one after the other. The race costs as much as a call.
        if isinstance(loop, asyncio.BaseEventLoop) and not _is_address(host):
            parameters["happy_eyeballs_delay"] = HAPPY_EYEBALLS_S
        try:
            async with asyncio.timeout(seconds):
                _, connection = await loop.create_connection(
                    self._new, host, port or {"http": 80, "https": 443}[scheme], **parameters
                )
        except TimeoutError as exc:
            raise httpx.ConnectTimeout(f"no connection within {seconds} s") from exc
        except OSError as exc:
            raise httpx.ConnectError(str(exc)) from exc
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._open.discard(connection))
        return connection

    def give_back(self, connection: Http1, origin: _Origin) -> None:
        """End the exchange on `connection`, and keep it for the next one if it can be used again."""
        if connection not in self._open:  # closed with the transport
            connection.abort()
        elif connection.release():
            loop = asyncio.get_running_loop()
            connection.idle_until = loop.time() + self._keep_alive_s
            self._idle.setdefault(origin, []).append(connection)
            if self._sweep is None:
                self._sweep = loop.call_later(self._keep_alive_s, self._close_old)

    def _close_old(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep = None
        for idle in self._idle.values():
            usable = [
                connection for connection in idle if connection.idle_until > loop.time() and connection in self._open
            ]
            for connection in set(idle).difference(usable):
                connection.abort()
            idle[:] = usable
        if due := [idle[0].idle_until for idle in self._idle.values() if idle]:
            self._sweep = loop.call_at(min(due), self._close_old)

    async def aclose(self) -> None:
        """Close every connection; exchanges in progress break off."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._idle.clear()
        closing, self._open = self._open, set()
        for connection in closing:
            connection.abort()
        if closing:
            await asyncio.wait([connection.closed for connection in closing], timeout=CLOSING_S)


def _is_address(host: str) -> bool:
    """Whether a host is an IP address, and no name that may have several."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class _ResponseBody(httpx.AsyncByteStream):
    """The body of one response, streamed."""

    def __init__(self, transport: FastTransport, connection: Http1, origin: _Origin, read_s: float | None) -> None:
        self._transport = transport
        self._connection: Http1 | None = connection
        self._origin = origin
        self._read_s = read_s

    # Not a generator: the loop would have to end one that is abandoned half-way.
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._connection.next_piece(self._read_s) if self._connection is not None else None
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._transport.give_back(connection, self._origin)


def _head(method: str, url: httpx.URL, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return the request's first line and headers, without the length of its body."""
    lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), url.raw_path)]
    lines += [b"%b: %b" % header for header in headers if header[0].lower() not in _FRAMING]
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1 or b"\0" in head:
        raise httpx.LocalProtocolError("a header of the request has a line break in it")
    return head


def _message(head: bytes, method: str, content: bytes) -> bytes:
    """Return the whole request: its body is small, and in memory already."""
    if content or method not in _BODILESS:
        return b"%b\r\ncontent-length: %d\r\n\r\n%b" % (head, len(content), content)
    return head + b"\r\n\r\n"
