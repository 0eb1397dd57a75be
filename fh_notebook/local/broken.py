"""Answers that go wrong on the line: slow, cut short, or reset.

Rule of this file: the wish is the app's, the doing is the way in's. A server on a socket and the transport in process
each put a `Line` into the ASGI scope, which can break off their own kind of connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

from starlette.responses import Response

from fh_notebook.local.faults import Fault

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["LINE", "BrokenResponse", "Line", "disconnected"]

LINE: Final = "fh_notebook.line"
"""The name of the ASGI extension."""


class Line(Protocol):
    """The connection under one request."""

    def reset(self) -> None:
        """End it at once, with a reset."""

    def cut(self) -> None:
        """Close it after what has been sent."""


class BrokenResponse(Response):
    """An answer that goes wrong on the line as a fault says.

    On a server that puts no `Line` into the scope, the application raises `ConnectionResetError` in place of a reset
    or a cut; what that looks like to a client is then the server's business.
    """

    def __init__(
        self,
        fault: Fault,
        content: bytes,
        *,
        status_code: int,
        headers: dict[str, str],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        super().__init__(content, status_code=status_code, headers=headers)
        self._fault = fault
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as far as it goes."""
        line: Line | None = scope.get("extensions", {}).get(LINE)
        if self._fault.reset:
            _there(line).reset()
            await disconnected(receive)
            return
        content = bytes(self.body)
        half = len(content) // 2
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": content[:half], "more_body": True})
        if self._fault.slow_body_s:
            await self._sleep(self._fault.slow_body_s)
        if self._fault.cut_body:
            _there(line).cut()
            await disconnected(receive)
            return
        await send({"type": "http.response.body", "body": content[half:], "more_body": False})


def _there(line: Line | None) -> Line:
    if line is None:
        raise ConnectionResetError("a scripted fault; this server has no way to break off a connection")
    return line


async def disconnected(receive: Receive) -> None:
    """Wait until the server has noticed that a connection ended; else it would complain of an unfinished answer."""
    while (await receive())["type"] != "http.disconnect":
        pass
