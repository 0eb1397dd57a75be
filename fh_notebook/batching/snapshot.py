"""What a progress display may ask of a running batch, and what its buttons may do to it.

Rule of this file: all of it may be asked for and called from any thread, costs next to nothing, and returns at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from fh_notebook.batching.outcomes import Counts

__all__ = ["Planned", "Snapshot"]


class Planned(Protocol):
    """What a display may ask of a plan; its text is the plan in one line."""

    @property
    def rows(self) -> int | None:
        """How many rows; ``None`` when nobody can know (an iterator)."""
        ...

    @property
    def variants(self) -> Sequence[object]:
        """One for each job of a row."""
        ...

    @property
    def repeats(self) -> int:
        """Of each job."""
        ...


class Snapshot(Protocol):
    """What a progress display may ask of a running batch, from any thread, and what its buttons may do."""

    @property
    def name(self) -> str:
        """The batch's name."""
        ...

    @property
    def counts(self) -> Counts:
        """How far it is."""
        ...

    @property
    def in_flight(self) -> int:
        """Calls that are out."""
        ...

    @property
    def limit(self) -> int:
        """Calls that may be out at once now."""
        ...

    @property
    def max_concurrency(self) -> int | None:
        """The ceiling that somebody chose for this batch; ``None``: none. It can be set while the batch runs."""
        ...

    @max_concurrency.setter
    def max_concurrency(self, number: int | None) -> None: ...

    @property
    def admits(self) -> int | None:
        """How many calls at once the service admits, as it told by refusing some; ``None``: it has not."""
        ...

    @property
    def falls_short(self) -> int | None:
        """:attr:`admits`, where somebody set a higher ceiling."""
        ...

    @property
    def calls_left(self) -> int | None:
        """Calls of this start without an answer yet, those in flight included; ``None`` when nobody can know."""
        ...

    @property
    def paused(self) -> bool:
        """Whether no further call is started until somebody goes on."""
        ...

    @property
    def waiting_until(self) -> datetime | None:
        """When it goes on by itself, in UTC, while it sleeps until the daily cap is renewed."""
        ...

    @property
    def blocks(self) -> bool:
        """Whether a cell or a program waits for it."""
        ...

    def plan(self) -> Planned:
        """What it was going to do when it was started."""
        ...

    def summary(self) -> str:
        """Say how far it is, or how it ended."""
        ...

    def pause(self) -> object:
        """Start no further call, from any thread, without waiting."""
        ...

    def unpause(self) -> object:
        """Go on after a pause, from any thread, without waiting."""
        ...

    def cancel(self) -> object:
        """End it at once, from any thread, without waiting."""
        ...
