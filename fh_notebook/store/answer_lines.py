"""A run as the line that keeps it, and such a line read back. No SQL here.

Rule of this file: an answer that came is never refused: what is nested too deep to be kept of it is left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from fh_notebook.contract.run import Run
from fh_notebook.store.spelling import spelt

__all__ = ["Kept", "Line", "kept_of", "line_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line to be written, everything encoded already: the writer's thread only writes."""

    key: str
    batch: int | None
    """The number of its batch; a single run has none."""
    workspace: str
    deployment: str
    variant: str | None
    status: str
    run: str
    kept_at: float
    calls: int = 1
    """Requests that it cost, refused ones included."""


@dataclass(frozen=True)
class Kept:
    """One line as it was kept. The run is decoded when it is asked for."""

    id: int
    """The number of the line: later lines have higher ones, and no other line ever has it."""
    key: str
    batch: int | None
    """The number of its batch; a single run has none."""
    workspace: str
    status: str
    kept_at: datetime
    """UTC."""
    json: str

    @cached_property
    def run(self) -> Run:
        """The run as it was kept."""
        return Run.from_dict(json.loads(self.json))


def kept_of(line: tuple[int, str, int | None, str, str, float, str]) -> Kept:
    """Return a line as it was read: id, key, batch, workspace, status, kept_at, run."""
    number, key, batch, workspace, status, kept_at, run = line
    when = datetime.fromtimestamp(kept_at, UTC)
    return Kept(id=number, key=key, batch=batch, workspace=workspace, status=status, kept_at=when, json=run)


def line_of(run: Run, *, key: str, workspace: str, batch: int | None, kept_at: datetime) -> Line:
    """Return the line that keeps `run`. Its signing secret is not in it."""
    return Line(
        key=key,
        batch=batch,
        workspace=workspace,
        deployment=run.deployment,
        variant=run.variant,
        status=run.status,
        run=_encoded(run),
        kept_at=kept_at.timestamp(),
        calls=run.attempts,
    )


def _encoded(run: Run) -> str:
    values = run.to_dict()
    try:
        return spelt(values)
    except RecursionError:
        # Nested as deep as Python reads and deeper than it writes: the answer is not kept whole, but it is kept.
        return spelt({**values, "output": None, "raw": None, "error": "the output is nested too deep to be kept"})
