"""One connection pool for each event loop, and one exchange over the pool of the running loop.

Rule of this file: connections belong to the loop that opened them, and are opened at its first exchange; what breaks
in other people's code is told without their frames, in which the key stands.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from fh_notebook.client.connection import Connection
from fh_notebook.contract.exchange import Answer
from fh_notebook.core.runtime.event_loop import running_loop
from fh_notebook.core.values import error_text, redact
from fh_notebook.errors import CallError, SettingsError

if TYPE_CHECKING:
    import httpx

    from fh_notebook.client.http.exchange import Auth

__all__ = ["ConnectionPools"]


class ConnectionPools:
    """What a client has open.

    Parameters
    ----------
    connection : Connection
        To whom, and how.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._transports: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncBaseTransport] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self._transports)

    async def exchange(
        self, method: str, path: str, content: bytes | None = None, *, auth: Auth | None = None
    ) -> Answer:
        """Return the answer to one request, or how it broke off.

        Raises
        ------
        CallError
            It broke in a way that nobody foresaw, and may have run.
        SettingsError
            No connection can be opened with these settings; nothing was sent.
        """
        from fh_notebook.client.http import exchange as edge

        here = self._connection
        transport = await self._transport()
        unforeseen = ""
        try:
            return await edge.exchange(
                transport,
                method,
                here.base_url + path,
                auth=auth or edge.BearerAuth(here.key),
                content=content,
                max_response_bytes=here.max_response_bytes,
                timeout_s=here.timeout_s,
                connect_timeout_s=here.connect_timeout_s,
            )
        except Exception as exc:
            unforeseen = error_text(exc)
        # Outside the block: a chained traceback would show the frames, and the headers, of other people's code.
        raise CallError(f"the call broke in an unforeseen way, and may have run: {unforeseen}", may_have_run=True)

    async def _transport(self) -> httpx.AsyncBaseTransport:
        here = running_loop()
        if (held := self._transports.get(here)) is not None:
            return held
        from fh_notebook.client.http.transport import open_for_loop

        trouble = ""
        try:
            self._transports[here] = opened = await open_for_loop(self._connection)
        except (OSError, ValueError, TypeError, ImportError) as exc:
            trouble = redact(str(exc))
        if trouble:  # a bad proxy or CA bundle: nothing was sent
            raise SettingsError(f"no connection can be opened with these settings: {trouble}")
        return opened

    async def close(self) -> None:
        """Close the connections of the running loop."""
        transport = self._transports.pop(running_loop(), None)
        if transport is not None:
            await transport.aclose()
