"""Cures in the words of who reads them: whoever wrote ``fh.batch(...)``, or a ``%%fetchhive --over`` cell. Pure.

Rule of this file: messages are written with Python's words. A cell has not their options, so inside :func:`in_a_cell`
each becomes what its person can do, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["JOIN", "NAME", "RETRY", "REUSE", "SKIP", "in_a_cell", "persons"]

SKIP: Final = "; fh.batch(..., on_invalid='skip') leaves such rows out"
RETRY: Final = "; retry_unknown=True calls again"
REUSE: Final = ": reuse='store' takes them"
JOIN: Final = ": {command} copies them"
"""With the call that joins the two workspaces, which a person of a cell may also be asked about by a login."""
NAME: Final = ": {command} before this finds them, where both keys are of one workspace"
"""With the call that names the workspace: answers that lie in files are not copied by a join."""

_IN_A_CELL: Final = {
    SKIP: "; correct such rows, or leave them out of the table",
    RETRY: "; fh.last_batch().resume(retry_unknown=True) calls again",
    REUSE: "",
    JOIN: ": {command} copies them, and %fetchhive login asks whether to",
    NAME: NAME,
}

_is_cell: ContextVar[bool] = ContextVar("fh_notebook_is_cell", default=False)


@contextmanager
def in_a_cell() -> Iterator[None]:
    """Have every message that is made inside speak to the person of a cell.

    Examples
    --------
    >>> with in_a_cell():
    ...     persons(RETRY)
    '; fh.last_batch().resume(retry_unknown=True) calls again'
    """
    before = _is_cell.set(True)
    try:
        yield
    finally:
        _is_cell.reset(before)


def persons(cure: str) -> str:
    """Return `cure` as the person has it who reads the message."""
    return _IN_A_CELL[cure] if _is_cell.get() else cure
