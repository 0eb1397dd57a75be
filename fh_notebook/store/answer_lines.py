"""A run as the line that keeps it, and such a line read back. No SQL here.

Rule of this file: an answer that came is never refused: what is nested too deep to be kept of it is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from fh_notebook.contract.run import Run
from fh_notebook.errors import StoreError
from fh_notebook.store.damage import (
    INT,
    INT_OR_NONE,
    REAL,
    TEXT,
    Damaged,
    check_kinds,
    json_of,
    moment_of,
    told,
)
from fh_notebook.store.spelling import spelt

__all__ = ["Kept", "Line", "kept_of", "line_of", "run_of"]


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
    store: Path | None = None
    """The file that it was read from, for errors."""

    @cached_property
    def run(self) -> Run:
        """The run as it was kept.

        Raises
        ------
        StoreError
            It is not what was written.
        """
        try:
            return run_of(self.json)
        except Damaged as broken:
            if self.store is None:
                raise
            raise StoreError(told(self.store, broken), path=self.store) from broken


_KINDS: Final = (INT, TEXT, INT_OR_NONE, TEXT, TEXT, REAL, TEXT)


def kept_of(line: tuple[Any, ...], store: Path | None = None) -> Kept:
    """Return a line as it was read: id, key, batch, workspace, status, kept_at, run.

    Raises
    ------
    Damaged
        It is not what was written.
    """
    check_kinds(line, _KINDS, "an answer")
    number, key, batch, workspace, status, kept_at, run = line
    return Kept(
        id=number, key=key, batch=batch, workspace=workspace, status=status, kept_at=moment_of(kept_at, "an answer"),
        json=run, store=store,
    )  # fmt: skip


_NONE: Final = type(None)
_RUN_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(("status", "deployment", "origin"), (str,)),
    **dict.fromkeys(("error", "error_code", "request_id", "run_id", "variant"), (str, _NONE)),
    **dict.fromkeys(("inputs", "metadata"), (dict,)),
    "status_code": (int, _NONE),
    "elapsed_s": (float, int),
    "attempts": (int,),
}
"""What the fields of a run are; an output may be anything."""


def run_of(text: str | None) -> Run:
    """Return the run that was kept as `text`.

    Raises
    ------
    Damaged
        It is none.
    """
    values = json_of(text, dict, "the run of an answer")
    try:
        run = Run.from_dict(values)
    except (TypeError, ValueError) as broken:
        raise Damaged(f"the run of an answer is none ({broken})") from broken
    for name, kinds in _RUN_KINDS.items():
        if type(getattr(run, name)) not in kinds:
            raise Damaged(f"{name} of an answer's run is not what was written")
    return run


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
