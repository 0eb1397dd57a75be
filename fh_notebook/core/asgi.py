"""ASGI server: uvicorn on a listening socket, stopped by an event.

Rule of this file: it is imported when something listens, and never by importing the package. It knows no application;
what a server limits or notes of its connections is the business of whoever serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn

from fh_notebook.core.redaction import log
from fh_notebook.core.text.messages import Message, option
from fh_notebook.errors import SettingsError

STOP_GRACE_S: Final = 1
"""Seconds that requests in hand get to end when a server is stopped; whole ones, as uvicorn takes them."""
ACCEPT_ROUNDS: Final = 3
"""Of the event loop, from the event of a new connection to its protocol."""
CLOSE_INTERVAL_S: Final = 0.002
"""Between two checks whether connections are closed: it takes one round of the loop, unless a peer does not read."""
MAX_HEAD_BYTES: Final = 16 * 1024

_UPGRADE: Final = re.compile(rb"\r\nupgrade[ \t]*:", re.IGNORECASE)


def listen(host: str, port: int, *, to: str, backlog: int) -> socket.socket:
    """Return a socket that listens."""
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
        sock.listen(backlog)
        sock.setblocking(False)
    except (OSError, OverflowError) as exc:
        sock.close()
        template = "cannot {} {}:{}: {}; {} chooses a free port"
        raise SettingsError(Message(template, (to, host, str(port), str(exc), option("port", 0)))) from exc
    return sock


class PlainHttp:
    """Mixed into one of uvicorn's protocols: what is no plain request is nobody's warning, and no upgrade is begun."""

    logger: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # uvicorn's own logger has no handler here, and Python then prints its warnings: whoever sends garbage to a port
        # would write into the cell that runs at the moment.
        self.logger = log

    def without_upgrade(self, data: bytes) -> bytes:
        """Return the beginning of a request without its wish to speak HTTP/2 instead.

        Java's client asks so by default with ``Upgrade: h2c``, and httptools then takes the body for another protocol.
        A server may ignore the wish (RFC 9110, section 7.8), so the header gets another name.
        """
        if b"upgrade" not in data[:MAX_HEAD_BYTES].lower():
            return data
        head, blank, body = data.partition(b"\r\n\r\n")
        return _UPGRADE.sub(b"\r\nx-upgrade:", head) + blank + body


class EventServer(uvicorn.Server):
    """uvicorn on one socket, in the running loop, until `stopping` is set."""

    def __init__(self, app: Any, *, protocol: Any, keep_alive_s: float) -> None:
        super().__init__(
            uvicorn.Config(
                app,
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
        self.stopping: asyncio.Event | None = None
        """Made in the loop that serves."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: they are the program's, of which the server is a part."""
        yield

    def is_up(self) -> None:
        """Take note that requests are answered from now on."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.is_up()

    async def main_loop(self) -> None:
        """Wait until told to stop, in place of a look ten times a second."""
        assert self.stopping is not None  # noqa: S101 - whoever serves has set it
        await self.stopping.wait()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, give requests in progress a second, and close; without uvicorn's wait of 0.1 s."""
        # A connection that asyncio accepts in the very round of the loop in which its server is closed is leaked (an
        # assertion in `Server._attach` of CPython 3.11). So: accept no more, let the accepted ones arrive, then close.
        for sock in sockets or []:
            with contextlib.suppress(NotImplementedError, ValueError, OSError):  # loops that have no readers
                asyncio.get_running_loop().remove_reader(sock)
        for _ in range(ACCEPT_ROUNDS):
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(STOP_GRACE_S):
                await self._wait_for_connections()
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()

    async def _wait_for_connections(self) -> None:
        """Wait for the end of all requests, then of all connections."""
        while tasks := set(self.server_state.tasks):
            await asyncio.wait(tasks)
        while self.server_state.connections:  # noqa: ASYNC110 - uvicorn has no event for the end of a connection
            await asyncio.sleep(CLOSE_INTERVAL_S)
        for server in self.servers:
            await server.wait_closed()
