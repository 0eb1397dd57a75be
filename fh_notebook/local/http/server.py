"""HTTP server of a hive: uvicorn in a thread of its own.

uvicorn gives an application no way to its connection, and a scripted reset needs one. So each connection is noted by
the address of its other end when it is made (``asyncio.Protocol``'s own callbacks), and found again by the ``client``
of the ASGI scope: nothing of uvicorn's inside is used, whichever of its HTTP protocols is at work.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from fh_notebook.core import hooks
from fh_notebook.core.asgi import STOP_GRACE_S, EventServer, PlainHttp, listen
from fh_notebook.core.config.urls import EVERYWHERE, is_loopback, reachable_host
from fh_notebook.errors import SettingsError
from fh_notebook.local.http.app import LINE, disconnected

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

BACKLOG: Final = 2048

Connections = dict[tuple[str, int], asyncio.Transport]


class HiveServer:
    """A server of one hive, in a thread: running inside its ``with`` block, or between `start` and `stop`.

    Examples
    --------
    >>> from fh_notebook.local import LocalHive
    >>> with LocalHive().serve() as server:
    ...     server.url == f"http://127.0.0.1:{server.port}/v1"
    True
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, keep_alive_s: float, has_key: Callable[[], bool]) -> None:
        self._app = app
        self._has_key = has_key
        self._host = host
        self._port = port
        self._keep_alive_s = keep_alive_s
        self._running: _Uvicorn | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on; before it was started, the one that was asked for."""
        return self._port

    @property
    def url(self) -> str:
        """The base URL, ending in ``/v1``, as this machine reaches it."""
        return f"http://{reachable_host(self._host)}:{self._port}/v1"

    def start(self) -> HiveServer:
        """Listen, and return when calls are answered."""
        if self._running is not None:
            raise SettingsError(f"this server is already running at {self.url}")
        sock = listen(self._host, self._port, to="listen on", backlog=BACKLOG)
        listens, self._port = sock.getsockname()[:2]
        self._running = server = _Uvicorn(self._app, self._keep_alive_s)
        self._thread = threading.Thread(target=server.run_on, args=(sock,), name="fh-hive-server", daemon=True)
        self._thread.start()
        server.up.wait()
        if server.trouble is not None:
            self.stop()
            raise server.trouble
        if not is_loopback(listens) and not self._has_key():
            hooks.frontend().notice(
                (
                    f"The hive listens on {listens}:{self._port} without an API key: {_who(listens)} can run its "
                    "workflows. Give LocalHive(api_key=...), or listen on 127.0.0.1."
                ),
            )
        return self

    def stop(self) -> None:
        """Stop listening, give calls in flight a second to end, and close all connections."""
        server, thread = self._running, self._thread
        self._running = self._thread = None
        if server is not None and thread is not None:
            server.ask_to_stop()
            thread.join()

    def __enter__(self) -> HiveServer:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"HiveServer({self.url}, {'running' if self._running else 'not running'})"


def _who(host: str) -> str:
    """Say who reaches what listens at an address."""
    ways = "any of its addresses" if host in EVERYWHERE else "this address"
    return f"every computer and container that can reach this machine by {ways}"


class _Tracked(asyncio.Protocol):
    """Mixed into uvicorn's protocol: notes each connection while it is there."""

    # Names that uvicorn will not have: its protocols have attributes of their own.
    _fh_connections: ClassVar[Connections]
    _fh_other_end: tuple[str, int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        end = transport.get_extra_info("peername")
        if isinstance(end, tuple):
            self._fh_other_end = (str(end[0]), int(end[1]))
            # A stream's transport, though uvloop's is none by its class.
            self._fh_connections[self._fh_other_end] = cast("asyncio.Transport", transport)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._fh_other_end is not None:
            self._fh_connections.pop(self._fh_other_end, None)
        super().connection_lost(exc)


class _SocketLine:
    """The connection under one request (see ``app.ConnectionLine``)."""

    __slots__ = ("_transport",)

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def reset(self) -> None:
        """Close with a TCP reset: SO_LINGER of 0 s has the kernel send RST in place of FIN."""
        bare = self._transport.get_extra_info("socket")
        # A duplicate of the descriptor is the same socket, and a plain one: uvloop hands out something less.
        with socket.socket(fileno=os.dup(bare.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def cut(self) -> None:
        """Close after what has been written."""
        self._transport.close()


class _Uvicorn(EventServer):
    """uvicorn in the thread of a hive."""

    def __init__(self, app: ASGIApp, keep_alive_s: float) -> None:
        connections: Connections = {}
        bases = (_Tracked, PlainHttp, AutoHTTPProtocol)
        protocol: Any = type("TrackedProtocol", bases, {"_fh_connections": connections})
        super().__init__(_with_lines(app, connections), protocol=protocol, keep_alive_s=keep_alive_s)
        self.up = threading.Event()
        self.trouble: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def run_on(self, sock: socket.socket) -> None:
        """Serve until told to stop; the thread's whole life."""
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve_on(sock))
        except BaseException as exc:
            self.trouble = exc
        finally:
            sock.close()
            self.up.set()

    def ask_to_stop(self) -> None:
        """Let the server stop. May be called from any thread."""
        if self._loop is None or self.stopping is None:
            return
        with contextlib.suppress(RuntimeError):  # it ended by itself
            self._loop.call_soon_threadsafe(self.stopping.set)

    def is_up(self) -> None:
        """Let whoever started it go on."""
        self.up.set()

    async def _serve_on(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()
        await self.serve(sockets=[sock])
        if cancelled := list(self.server_state.tasks):
            await asyncio.wait(cancelled, timeout=STOP_GRACE_S)


def _loop_factory() -> Any:
    """Return what makes the event loop: uvloop's where it is installed. No policy is set for the whole process."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return None
    return uvloop.new_event_loop


def _with_lines(app: ASGIApp, connections: Connections) -> ASGIApp:
    """Return `app` with the line of each request in its scope."""

    async def with_line(scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        transport = connections.get((client[0], client[1])) if client else None
        if transport is not None:
            scope.setdefault("extensions", {})[LINE] = _SocketLine(transport)
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            # The server stops and the call had its second. Its caller sees the connection end; uvicorn, told of the
            # exception, would log a traceback.
            if transport is None:
                raise
            transport.abort()
            await disconnected(receive)

    return with_line
