"""Transports that nobody closed are closed with the event loop that they were opened in.

Rule of this file: only what every loop's end does already is used. ``asyncio.run`` and our background loop end with
``loop.shutdown_asyncgens()``, which ends every generator that was begun in the loop and has not ended; one waits here
for each loop. It holds transports weakly: what is garbage is none of its business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    import httpx

__all__ = ["close_with_loop"]

_Ending = tuple[AsyncGenerator[None, None], "WeakSet[httpx.AsyncBaseTransport]"]
_of_loop: dict[asyncio.AbstractEventLoop, _Ending] = {}


async def close_with_loop(transport: httpx.AsyncBaseTransport) -> None:
    """Have `transport` closed when the running loop ends, if it is still there.

    A loop that is closed without ``shutdown_asyncgens`` closes nothing.
    """
    here = asyncio.get_running_loop()
    if here not in _of_loop:
        for loop in [loop for loop in list(_of_loop) if loop.is_closed()]:
            _of_loop.pop(loop, None)
        opened: WeakSet[httpx.AsyncBaseTransport] = WeakSet()
        waiting = _until_the_end(here, opened, _of_loop)
        _of_loop[here] = waiting, opened
        await anext(waiting)
    _of_loop[here][1].add(transport)


async def _until_the_end(
    here: asyncio.AbstractEventLoop,
    opened: WeakSet[httpx.AsyncBaseTransport],
    of_loop: dict[asyncio.AbstractEventLoop, _Ending],
) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        of_loop.pop(here, None)  # given, because where nobody closed the loop, this ends after the module's globals
        for transport in list(opened):
            await transport.aclose()
