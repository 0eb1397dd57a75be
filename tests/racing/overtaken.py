"""A race whose next row is always taken between two reads of it: the worst that another thread can do to a reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fh_notebook.racing.scores import ScoreScale
from fh_notebook.racing.state import RaceState


class OvertakenState(RaceState):
    """A state that takes the next of `coming` as soon as somebody has read how many rows it has."""

    coming: tuple[Any, ...] = ()

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name == "rows" and self.coming and not self._lock.locked():
            row, *rest = self.coming
            self.coming = ()  # taking a row reads it, too
            self.take(np.asarray(row, dtype=float))
            self.coming = tuple(rest)
        return value

    def snapshot(self) -> RaceState:
        """Return the state of this moment, which takes no more rows."""
        state = super().snapshot()
        state.coming = ()  # type: ignore[attr-defined]
        return state


def overtaken(rows: Sequence[Any], coming: Sequence[Any]) -> OvertakenState:
    """Return the state after `rows`, which takes one of `coming` at each look at it."""
    state = OvertakenState([f"v{n}" for n in range(len(rows[0]))], scale=ScoreScale(), alpha=0.05)
    for row in rows:
        state.take(np.asarray(row, dtype=float))
    state.coming = tuple(coming)
    return state
