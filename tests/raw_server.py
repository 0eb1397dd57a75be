"""A server that answers with exactly the bytes of a script, or breaks the connection: what no real server does on demand."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

Script = Callable[[socket.socket], None]


class RawServer:
    """Accepts connections one after the other, reads one request from each, and lets the next script answer it."""

    def __init__(self, *scripts: Script) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._scripts = list(scripts)
        self.requests: list[bytes] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for script in self._scripts:
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                with connection:
                    self.requests.append(read_request(connection))
                    script(connection)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes an accept that still waits
        self._listener.close()
        self._thread.join(60)


def read_request(connection: socket.socket) -> bytes:
    """Read one request with its whole body."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextlib.contextmanager
def serving(*scripts: Script) -> Iterator[RawServer]:
    """Serve one connection a script."""
    server = RawServer(*scripts)
    try:
        yield server
    finally:
        server.close()


def says(status: int, body: bytes = b"{}", *headers: bytes, declared: int | None = None) -> Script:
    """Answer with a status and a body; `declared` is a content-length that need not be true."""
    length = len(body) if declared is None else declared
    lines = [b"HTTP/1.1 %d X" % status, b"content-length: %d" % length, b"connection: close", *headers]

    def script(connection: socket.socket) -> None:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    return script


def resets(connection: socket.socket) -> None:
    """Break the connection with a TCP reset, after the request was read."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hangs_up(connection: socket.socket) -> None:
    """Close the connection without a word."""


def garbles(connection: socket.socket) -> None:
    """Answer with something that is not HTTP."""
    connection.sendall(b"\x00\x01\x02 nothing like HTTP\r\n\r\n")


def waits_until(event: threading.Event) -> Script:
    """Say nothing until `event` is set."""

    def script(connection: socket.socket) -> None:
        event.wait(30)

    return script
