"""One budget over all partitions: places, permits and the stop, as the calls see it; and its form in one process.

Rule of this file: a permit is taken before a call and never made up afterwards, so a ceiling is never exceeded,
whoever dies with permits in hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from fh_notebook.audience import RUN_AGAIN, Message, Phrase, Readable
from fh_notebook.batching.events import Stopped
from fh_notebook.contract.rate import Rate
from fh_notebook.contract.run import Run

__all__ = ["Budget", "LocalBudget", "cluster_lost", "stop_of", "told_of"]


class Budget(Protocol):
    """What the gate of a process asks of the budget that all processes share. Called on the background loop."""

    async def take_place(self) -> None:
        """Wait until one more call may be out over all processes."""
        ...

    def give_place(self) -> None:
        """Give a place back; returns at once."""
        ...

    async def permit(self) -> Stopped | None:
        """Wait until a call may go; a stop says that none may any more."""
        ...

    def refund(self) -> None:
        """Take back the last permit: nothing was sent."""
        ...

    async def give_back(self) -> None:
        """Let others have the permits that nobody here needs any more."""
        ...

    def end(self) -> None:
        """Hold nothing for longer than is told already; a second time it does nothing."""
        ...


class LocalBudget:
    """The budget of partitions that run in this process; the workspace's gate has the places.

    Parameters
    ----------
    calls : int, optional
        How many may be made.
    spent : Stopped, optional
        What is said when they are.
    rate : Rate, optional
        Paces them.
    """

    def __init__(self, *, calls: int | None = None, spent: Stopped | None = None, rate: Rate | None = None) -> None:
        self.left = calls
        self._spent = spent
        self._rate = rate
        self._due: float | None = None

    async def take_place(self) -> None:
        """Take none: the gate of this process has them."""

    def give_place(self) -> None:
        """Give none back."""

    async def permit(self) -> Stopped | None:
        """Take one of the calls that are left, and wait for its moment."""
        if self.left is not None:
            if self.left <= 0:
                return self._spent
            self.left -= 1
        if self._rate is not None:
            loop = asyncio.get_running_loop()
            self._due = self._rate.next_due(self._due, loop.time())
            try:
                await asyncio.sleep(self._due - loop.time())
            except asyncio.CancelledError:
                self.refund()
                raise
        return None

    def refund(self) -> None:
        """Count the last call as not made."""
        if self.left is not None:
            self.left += 1

    async def give_back(self) -> None:
        """Do nothing: they are not taken before they are needed."""

    def end(self) -> None:
        """Do nothing: what is left is known."""


def cluster_lost() -> Stopped:
    """Return the stop of a batch whose scheduler has gone."""
    return Stopped(
        reason="cluster",
        detail="the Dask scheduler was lost or restarted; what was merged is kept, and answers that were not lie on "
        "the workers' disks",
        resume=Message(
            "with a client that is connected: {resume}{}", (Phrase(f", or {RUN_AGAIN}", command="", cell=""),)
        ),
    )


def told_of(stopped: Stopped) -> dict[str, Any]:
    """Return a stop as JSON values; the answer behind it by its words."""
    run = stopped.run
    said = None
    if run is not None:
        said = {"status": run.status, "status_code": run.status_code, "error": run.error,
                "error_code": run.error_code, "request_id": run.request_id}  # fmt: skip
    return {"reason": stopped.reason, "detail": _told(stopped.detail), "resume": _told(stopped.resume), "run": said}


def _told(said: str | Readable) -> Any:
    """Return a text as a JSON value: of its type, and what it is made of."""
    if isinstance(said, Message):
        return {"template": said.template, "values": [_told(value) for value in said.values]}
    return {"python": str(said), "command": said.command, "cell": said.cell} if isinstance(said, Phrase) else str(said)


def _said(told: Any) -> str:
    """Return the text that :func:`_told` told."""
    if isinstance(told, str):
        return told
    if "template" in told:
        return Message(told["template"], tuple(map(_said, told["values"])))
    return Phrase(**told)


def stop_of(told: Mapping[str, Any]) -> Stopped:
    """Return the stop that :func:`told_of` told.

    Examples
    --------
    >>> stop_of(told_of(Stopped(reason="max_calls", detail="enough"))).reason
    'max_calls'
    """
    said = told.get("run")
    return Stopped(
        reason=told["reason"],
        detail=_said(told["detail"]),
        resume=_said(told["resume"]),
        run=Run(**said) if said else None,
    )
