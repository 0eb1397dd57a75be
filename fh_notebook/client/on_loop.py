"""A call on a loop, from any thread: at once where this is that loop, since waking one costs a system call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

__all__ = ["on_loop"]


def on_loop(here: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Have `call` called on the loop `here`; nothing happens when that loop has ended."""
    try:
        is_here = asyncio.get_running_loop() is here
    except RuntimeError:  # no loop runs in this thread
        is_here = False
    if is_here:
        call()
        return
    with suppress(RuntimeError):
        here.call_soon_threadsafe(call)
