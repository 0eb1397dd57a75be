"""HTTP server of a callback receiver: uvicorn on the background loop, with connection limits.

Rule of this file: every limit has a name here. uvicorn waits for the head of a request as long as its sender likes, and
takes a head of any size: so each connection has a watch of its own. When all places are taken, the connection that has
sent no whole head for longest makes room: a crowd of silent ones keeps nobody out.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fh_notebook.client.callbacks.delivery import WHOLE
from fh_notebook.core.runtime.asgi import MAX_HEAD_BYTES, EventServer, PlainHttp

__all__ = ["BACKLOG", "HEAD_S", "IDLE_S", "MAX_CONNECTIONS", "MAX_HEAD_BYTES", "ReceiverServer"]

MAX_CONNECTIONS: Final = 100
HEAD_S: Final = 5.0
"""Seconds from a connection, or from the first byte of its next request, to the end of the request's head."""
IDLE_S: Final = 75.0
"""How long a connection may rest between two requests: as nginx, and as the local hive's."""
BACKLOG: Final = 512


class _Watched(PlainHttp, HttpToolsProtocol):
    """uvicorn's protocol for one connection, with a watch over the head of each request."""

    # Names that uvicorn will not have.
    fh_lines: dict[_Watched, None]
    """All connections of one server, those that have sent no whole head in the order in which they came."""
    fh_head_s: float
    _fh_watch: asyncio.TimerHandle | None = None
    _fh_head_bytes: int = 0
    _fh_in_head: bool = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn says only the kind that it gets
        if len(self.fh_lines) >= MAX_CONNECTIONS and not self._make_room():
            self.transport.abort()
            return
        self.fh_lines[self] = None
        self._begin_watch()

    def _make_room(self) -> bool:
        silent = next((line for line in self.fh_lines if line._fh_in_head), None)
        if silent is not None:
            self.fh_lines.pop(silent)
            silent.transport.abort()
        return silent is not None

    def connection_lost(self, exc: Exception | None) -> None:
        self.fh_lines.pop(self, None)
        self._end_watch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._fh_in_head:
            data = self.without_upgrade(data)
            self._fh_head_bytes += len(data)
        if self.parser is None or self.transport.is_closing():  # what was read before it was cut off
            return
        super().data_received(data)
        if not self._fh_in_head:
            return
        if self._fh_head_bytes > MAX_HEAD_BYTES:
            self.transport.abort()
        elif self._fh_watch is None and self._fh_head_bytes:  # a whole head needs no watch: a timer costs as much as it
            self._begin_watch()

    def on_headers_complete(self) -> None:
        self._fh_in_head, self._fh_head_bytes = False, 0
        self._end_watch()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.scope[WHOLE] = True  # type: ignore[typeddict-unknown-key]  # ours
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._fh_in_head = True
        if self in self.fh_lines:  # to the end: it rests since just now
            self.fh_lines.pop(self)
            self.fh_lines[self] = None
        super().on_response_complete()

    def _begin_watch(self) -> None:
        self._fh_watch = self.loop.call_later(self.fh_head_s, self._too_slow)

    def _end_watch(self) -> None:
        if self._fh_watch is not None:
            self._fh_watch.cancel()
            self._fh_watch = None

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
        self.lines: dict[_Watched, None] = {}
        protocol: Any = type("ReceiverProtocol", (_Watched,), {"fh_lines": self.lines, "fh_head_s": head_s})
        super().__init__(app, protocol=protocol, keep_alive_s=IDLE_S)
        self.stopping: asyncio.Event = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def begin(self, sock: socket.socket) -> None:
        """Answer what comes to `sock`; return when that is so."""
        self._serving = asyncio.create_task(self._serve_on(sock))
        await asyncio.wait({self._up, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        if not self._up.done():
            await self._serving  # it raises what went wrong

    async def end(self) -> None:
        """Stop listening, let requests in hand end for a second, and close all connections."""
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
            for line in list(self.lines):
                line.transport.abort()
            for server in self.servers:
                server.close()
            raise
        finally:
            sock.close()
