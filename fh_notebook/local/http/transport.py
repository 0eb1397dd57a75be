"""In-process transport: httpx calls the application of a hive without a socket.

Why not ``httpx.ASGITransport``: it gives the client nothing before the application has ended, knows no timeout, ends
the run when the client goes away, and cannot break off. A service goes on when its client gives up; so does this.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from fh_notebook.local.http.app import LINE

if TYPE_CHECKING:
    from starlette.types import ASGIApp

T = TypeVar("T")

# A loop holds its tasks weakly; a run whose client went away is held by nobody else.
_tasks: set[asyncio.Task[None]] = set()


class HiveTransport(httpx.AsyncBaseTransport):
    """Reaches an ASGI application in process, from any event loop.

    Parameters
    ----------
    app : ASGI application
        The hive's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer as soon as its head is there."""
        call = _AsgiCall(request, await request.aread())
        task = asyncio.get_running_loop().create_task(call.run(self._app))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        head = await call.next_message()
        if head is None:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        return httpx.Response(head["status"], headers=head["headers"], stream=_ResponseStream(call))


class _AsgiCall:
    """One request to the ASGI application, and the messages of its response in their order."""

    def __init__(self, request: httpx.Request, body: bytes) -> None:
        self._request = request
        self._body: bytes | None = body
        self._messages: deque[dict[str, Any]] = deque()
        self._arrived = asyncio.Event()
        self._gone = asyncio.Event()
        """The connection is no more: broken off by the hive, or the answer is complete."""
        self._error: Exception | None = None
        self._read_timeout_s: float | None = request.extensions.get("timeout", {}).get("read")

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer."""
        try:
            await app(self._scope(), self._receive, self._send)
        except Exception as exc:  # raised again where the client reads the response
            self._error = self._error or exc
        finally:
            self._gone.set()
            self._arrived.set()

    async def next_message(self) -> dict[str, Any] | None:
        """Return the next part of the answer; ``None`` when there will be none."""
        if not self._messages and not self._gone.is_set():
            self._arrived.clear()
            await self._within_timeout(self._arrived.wait())
        if self._messages:
            return self._messages.popleft()
        if self._error is not None:
            raise self._error
        return None

    # The two ways in which a connection can break off (`ConnectionLine`).

    def reset(self) -> None:
        """End the connection at once: what was sent and not read is lost."""
        self._messages.clear()
        self._break(httpx.ReadError("Connection reset by peer", request=self._request))

    def cut(self) -> None:
        """Close the connection after what has been sent."""
        message = "peer closed connection without sending complete message body"
        self._break(httpx.RemoteProtocolError(message, request=self._request))

    def _break(self, exc: Exception) -> None:
        self._error = exc
        self._gone.set()
        self._arrived.set()

    async def _within_timeout(self, arrival: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._read_timeout_s):
                return await arrival
        except TimeoutError:
            raise httpx.ReadTimeout("nothing was read in time", request=self._request) from None

    def _scope(self) -> dict[str, Any]:
        url = self._request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self._request.method,
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port),
            "client": ("in process", 0),
            "root_path": "",
            "extensions": {LINE: self},
        }

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if self._gone.is_set():
            return
        if message["type"] == "http.response.body":
            if not message.get("more_body", False):
                self._gone.set()
            if self._request.method == "HEAD":
                message = {**message, "body": b""}
        self._messages.append(message)
        self._arrived.set()


class _ResponseStream(httpx.AsyncByteStream):
    """The body of an answer, part by part."""

    def __init__(self, call: _AsgiCall) -> None:
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self._call.next_message()) is not None:
            yield message.get("body", b"")
