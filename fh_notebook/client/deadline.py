"""`Deadline`: a timeout that first takes what lies in the socket.

Rule of this file: a timer that is due says that time has passed, not that nothing came. While a process is stopped
(SIGSTOP, a suspended machine) the clock goes on and the kernel receives: then the timer and the answer are due in the
same round of the event loop, and the timer may come first. So the loop looks into its sockets again, without waiting,
and the deadline passes only after rounds in which nothing came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ["ROUNDS", "Deadline"]

ROUNDS: Final = 16
"""Rounds of the loop without anything new, after which nothing lies in the socket. From the socket to its reader takes
up to 4, over TLS in a tunnel through httpx, measured (``tests/client/test_stopped.py`` fails with 2)."""


class Deadline:
    """Calls `pass_` once `seconds` have passed and nothing more is to be had at once; never after :meth:`cancel`.

    Parameters
    ----------
    seconds : float
        From now on.
    came : callable
        How much has come so far, in any unit: it grows with what comes.
    pass_ : callable
        Called in the loop's thread.
    """

    def __init__(self, seconds: float, *, came: Callable[[], int], pass_: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._came = came
        self._pass = pass_
        self.is_due = False
        """Whether the time has passed, if not the deadline."""
        self._handle: asyncio.Handle = self._loop.call_later(seconds, self._look)

    def cancel(self) -> None:
        """End it: what was waited for has come, or nobody waits any more."""
        self._handle.cancel()

    def _look(self, seen: int = -1, rounds: int = 0) -> None:
        self.is_due = True
        came = self._came()
        if came != seen:
            rounds = 0
        if rounds >= ROUNDS:
            self._pass()
        else:  # the loop asks its sockets before each round, and does not wait where something is to be called
            self._handle = self._loop.call_soon(self._look, came, rounds + 1)
