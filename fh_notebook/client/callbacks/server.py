"""HTTP server of a callback receiver: uvicorn on the background loop, with connection limits.

Rule of this file: every limit is a named constant. uvicorn waits for the head of a request without a timeout, and
accepts a head of any size: so each connection has a timer for it. When the maximum of connections is reached, the one
that has sent no whole head for the longest time is closed: many silent connections keep no sender out.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fh_notebook.client.callbacks.delivery import WHOLE
from fh_notebook.core.asgi import MAX_HEAD_BYTES, EventServer, PlainHttp

MAX_CONNECTIONS: Final = 100
HEAD_S: Final = 5.0
"""Seconds from a connection, or from the first byte of its next request, to the end of the request's head."""
IDLE_S: Final = 75.0
"""How long a connection may rest between two requests: as nginx, and as the local hive's."""
BACKLOG: Final = 512


class _TimedProtocol(PlainHttp, HttpToolsProtocol):
    """uvicorn's protocol for one connection, with a timer for the head of each request."""

    # The prefix keeps these names apart from uvicorn's.
    fh_connections: dict[_TimedProtocol, None]
    """All connections of one server; those without a whole head in the order of their arrival."""
    fh_head_s: float
    _fh_timer: asyncio.TimerHandle | None = None
    _fh_head_bytes: int = 0
    _fh_in_head: bool = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn's annotation is narrower
        if len(self.fh_connections) >= MAX_CONNECTIONS and not self._make_room():
            self.transport.abort()
            return
        self.fh_connections[self] = None
        self._start_timer()

    def _make_room(self) -> bool:
        silent = next((other for other in self.fh_connections if other._fh_in_head), None)
        if silent is not None:
            self.fh_connections.pop(silent)
            silent.transport.abort()
        return silent is not None

    def connection_lost(self, exc: Exception | None) -> None:
        self.fh_connections.pop(self, None)
        self._cancel_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._fh_in_head:
            data = self.without_upgrade(data)
            self._fh_head_bytes += len(data)
        if self.parser is None or self.transport.is_closing():  # data that was read before the connection was closed
            return
        super().data_received(data)
        if not self._fh_in_head:
            return
        if self._fh_head_bytes > MAX_HEAD_BYTES:
            self.transport.abort()
        elif (
            self._fh_timer is None and self._fh_head_bytes
        ):  # a whole head needs no timer, which costs as much as the head
            self._start_timer()

    def on_headers_complete(self) -> None:
        self._fh_in_head, self._fh_head_bytes = False, 0
        self._cancel_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.scope[WHOLE] = True  # type: ignore[typeddict-unknown-key]  # ours
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._fh_in_head = True
        if self in self.fh_connections:  # moved to the end: it is idle since now
            self.fh_connections.pop(self)
            self.fh_connections[self] = None
        super().on_response_complete()

    def _start_timer(self) -> None:
        self._fh_timer = self.loop.call_later(self.fh_head_s, self._too_slow)

    def _cancel_timer(self) -> None:
        if self._fh_timer is not None:
            self._fh_timer.cancel()
            self._fh_timer = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()


class ReceiverServer(EventServer):
    """One server in the running loop, from `begin` to `end`.

    Parameters
    ----------
    app : ASGI application
        Answers the requests.
    head_s : float
        In place of :data:`HEAD_S`.
    """

    def __init__(self, app: Any, *, head_s: float = HEAD_S) -> None:
        self.connections: dict[_TimedProtocol, None] = {}
        protocol: Any = type(
            "ReceiverProtocol", (_TimedProtocol,), {"fh_connections": self.connections, "fh_head_s": head_s}
        )
        super().__init__(app, protocol=protocol, keep_alive_s=IDLE_S)
        self.stopping: asyncio.Event = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def begin(self, sock: socket.socket) -> None:
        """Answer requests to `sock`; return when it is served."""
        self._serving = asyncio.create_task(self._serve_on(sock))
        await asyncio.wait({self._up, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        if not self._up.done():
            await self._serving  # it raises the error

    async def end(self) -> None:
        """Stop listening, give requests in progress a second, and close all connections."""
        self.stopping.set()
        if self._serving is not None:
            await asyncio.wait({self._serving})

    def is_up(self) -> None:
        """Let `begin` return."""
        self._up.set_result(None)

    async def _serve_on(self, sock: socket.socket) -> None:
        try:
            await self.serve([sock])
        except asyncio.CancelledError:  # the loop ends: close without waiting
            for connection in list(self.connections):
                connection.transport.abort()
            for server in self.servers:
                server.close()
            raise
        finally:
            sock.close()
