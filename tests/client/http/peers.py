"""Servers in the test's own event loop, which say exactly what a test wants said, connection by connection."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx

Talk = Callable[["Line"], Awaitable[None]]


class Line:
    """One connection, as the server holds it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader, self.writer, self.number = reader, writer, number

    async def request(self) -> bytes:
        """Return the next request, with its body; empty at the connection's end."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
        return head + await self.reader.readexactly(length)

    def says(self, *pieces: bytes) -> None:
        """Send the bytes as they are."""
        self.writer.write(b"".join(pieces))

    def answers(self, body: bytes = b'{"output": "hi"}', *headers: bytes, status: int = 200) -> None:
        """Send a whole answer; the connection stays."""
        lines = [b"HTTP/1.1 %d X" % status, b"content-length: %d" % len(body), *headers]
        self.says(b"\r\n".join(lines), b"\r\n\r\n", body)

    async def ended(self) -> bool:
        """Wait until the client has closed the connection, and say whether it did so without another request."""
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True

    def resets(self) -> None:
        """Break the connection with a TCP reset."""
        self.writer.transport.abort()


class Peer:
    """What the server saw."""

    def __init__(self) -> None:
        self.url = ""
        self.lines: list[Line] = []
        self.requests: list[bytes] = []

    async def wait(self, count: int) -> None:
        """Wait until that many connections were made."""
        while len(self.lines) < count:  # noqa: ASYNC110 - many waits in one test, and none takes long
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def peer(talk: Talk, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Peer]:
    """Serve every connection by `talk`; what it leaves open is closed at its end."""
    seen = Peer()
    broken: list[BaseException] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer, len(seen.lines))
        seen.lines.append(line)
        try:
            await talk(line)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except Exception as trouble:
            broken.append(trouble)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, backlog=4096)
    scheme = "https" if tls else "http"
    seen.url = f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield seen
    finally:
        server.close()
        for line in seen.lines:
            line.writer.transport.abort()
        for _ in range(10):  # the aborted connections end in the loop's next rounds
            await asyncio.sleep(0)
    assert not broken, broken


async def ask(
    transport: httpx.AsyncBaseTransport, url: str, *, method: str = "POST", content: bytes = b"{}", **limits: float
) -> tuple[int, bytes]:
    """Make one request of `transport` and return the status and the whole body."""
    headers = {"Host": httpx.URL(url).netloc.decode()}
    request = httpx.Request(method, url, headers=headers, content=content, extensions={"timeout": limits})
    response = await transport.handle_async_request(request)
    try:
        return response.status_code, b"".join([piece async for piece in response.aiter_bytes()])
    finally:
        await response.aclose()
