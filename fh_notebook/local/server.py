"""The hive on a socket: uvicorn in a thread of its own.

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
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from fh_notebook.errors import SettingsError
from fh_notebook.local.broken import LINE, disconnected

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["HiveServer"]

STOP_GRACE_S: Final = 1
"""Seconds that calls in flight get to end when the server is stopped; whole ones, as uvicorn takes them."""
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

    def __init__(self, app: ASGIApp, *, host: str, port: int, keep_alive_s: float) -> None:
        self._app = app
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
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._host, self._host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}/v1"

    def start(self) -> HiveServer:
        """Listen, and return when calls are answered.

        Raises
        ------
        SettingsError
            The address cannot be listened on, or the server runs already.
        """
        if self._running is not None:
            raise SettingsError(f"this server runs already, at {self.url}")
        sock = _listen(self._host, self._port)
        self._port = sock.getsockname()[1]
        self._running = server = _Uvicorn(self._app, self._keep_alive_s)
        self._thread = threading.Thread(target=server.run_on, args=(sock,), name="fh-hive-server", daemon=True)
        self._thread.start()
        server.up.wait()
        if server.trouble is not None:
            self.stop()
            raise server.trouble
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


def _listen(host: str, port: int) -> socket.socket:
    # The protocol is named: asyncio turns Nagle's algorithm off only for sockets that say that they are TCP, and with
    # it an answer in two writes (head, body) takes 40 ms. `socket.create_server` does not name it.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere the option would let two servers share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except (OSError, OverflowError) as refused:
        sock.close()
        raise SettingsError(f"cannot listen on {host}:{port}: {refused}; port=0 takes a free one") from refused
    return sock


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


class _Line:
    """The connection under one request (see ``broken.Line``)."""

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


class _Uvicorn(uvicorn.Server):
    """uvicorn on a socket that is bound already, and told to stop by an event in place of a look ten times a second."""

    def __init__(self, app: ASGIApp, keep_alive_s: float) -> None:
        connections: Connections = {}
        protocol: Any = type("TrackedProtocol", (_Tracked, AutoHTTPProtocol), {"_fh_connections": connections})
        super().__init__(
            uvicorn.Config(
                _with_lines(app, connections),
                http=protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=keep_alive_s,  # type: ignore[arg-type]  # whole seconds by its type only
                timeout_graceful_shutdown=STOP_GRACE_S,
            )
        )
        self.up = threading.Event()
        self.trouble: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def run_on(self, sock: socket.socket) -> None:
        """Serve until told to stop; the thread's whole life."""
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve_on(sock))
        except BaseException as trouble:
            self.trouble = trouble
        finally:
            sock.close()
            self.up.set()

    def ask_to_stop(self) -> None:
        """Let the server stop. May be called from any thread."""
        if self._loop is None or self._stopping is None:
            return
        with contextlib.suppress(RuntimeError):  # it ended by itself
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.up.set()

    async def main_loop(self) -> None:
        """Wait until told to stop."""
        assert self._stopping is not None  # noqa: S101 - set in _serve_on, which calls this
        await self._stopping.wait()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and only then close."""
        # A connection that asyncio accepts in the very round of the loop in which its server is closed is leaked (an
        # assertion in `Server._attach` of CPython 3.11). So: no more accepting, a round for what was accepted, close.
        for sock in sockets or []:
            with contextlib.suppress(NotImplementedError, ValueError, OSError):  # loops that have no readers
                asyncio.get_running_loop().remove_reader(sock)
        await asyncio.sleep(0)
        await super().shutdown(sockets)

    async def _serve_on(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
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
            scope.setdefault("extensions", {})[LINE] = _Line(transport)
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
