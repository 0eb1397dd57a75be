"""One connection pool for each event loop, and one exchange over the pool of the running loop.

Rule of this file: connections belong to the loop that opened them, and are opened at its first exchange. An error in
other people's code is raised without their frames, which hold the key. httpx is imported at the first exchange, so that
a client can be made without it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from fh_notebook.client.connection import Connection
from fh_notebook.contract.response import Response
from fh_notebook.core.event_loop import running_loop
from fh_notebook.core.redaction import error_text, redact
from fh_notebook.errors import CallError, SettingsError

if TYPE_CHECKING:
    from fh_notebook.client.http.exchange import Auth, Sender

__all__ = ["ConnectionPools"]


class ConnectionPools:
    """The open connections of a client.

    Parameters
    ----------
    connection : Connection
        The service, and how to reach it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._senders: WeakKeyDictionary[asyncio.AbstractEventLoop, Sender] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self._senders)

    async def exchange(
        self, method: str, path: str, content: bytes | None = None, *, auth: Auth | None = None
    ) -> Response:
        """Return the answer to one request; an answer that broke off says how.

        Raises
        ------
        CallError
            An unforeseen error; the request may have run.
        SettingsError
            No connection can be opened with these settings; nothing was sent.
        """
        from fh_notebook.client.http import exchange as edge

        connection = self._connection
        sender = await self._sender()
        message = ""
        try:
            return await edge.exchange(
                sender,
                method,
                connection.base_url + path,
                auth=auth or edge.BearerAuth(connection.key),
                content=content,
                max_response_bytes=connection.max_response_bytes,
                timeout_s=connection.timeout_s,
                connect_timeout_s=connection.connect_timeout_s,
            )
        except Exception as exc:
            message = error_text(exc)
        # Outside the block: a chained traceback would show the frames, and the headers, of other people's code.
        raise CallError(f"the call broke in an unforeseen way, and may have run: {message}", may_have_run=True)

    async def _sender(self) -> Sender:
        loop = running_loop()
        if (sender := self._senders.get(loop)) is not None:
            return sender
        from fh_notebook.client.http.transport import open_for_loop

        message = ""
        try:
            self._senders[loop] = opened = await open_for_loop(self._connection)
        except (OSError, ValueError, TypeError, ImportError) as exc:
            message = redact(str(exc))
        if message:  # a bad proxy or CA bundle: nothing was sent
            raise SettingsError(f"no connection can be opened with these settings: {message}")
        return opened

    async def close(self) -> None:
        """Close the connections of the running loop."""
        sender = self._senders.pop(running_loop(), None)
        if sender is not None:
            await sender.aclose()
