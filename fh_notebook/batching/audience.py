"""`Audience`: who reads the messages of a batch, and what that person can do. Pure.

Rule of this file: a message is made for whoever reads it. Whoever wrote ``fh.batch(...)`` has its options; a cell and a
form have not, and a command has options of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from fh_notebook.batching.events import RESUME

__all__ = ["CELL", "COMMAND", "PYTHON", "Audience"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """What a reader of messages can do, in the reader's words; empty where nothing can be done."""

    skip_invalid: str
    """About rows whose inputs do not fit."""
    retry_unknown: str
    """About jobs that may have run."""
    reuse_store: str
    """About answers of other batches."""
    join: str
    """About answers under another key, which ``{command}`` copies."""
    name_workspace: str
    """About answers under another key, which ``{command}`` lets this key use."""
    resume: str
    """How to go on with a batch that was stopped."""


PYTHON: Final = Audience(
    skip_invalid="fh.batch(..., on_invalid='skip') leaves such rows out",
    retry_unknown="retry_unknown=True calls again",
    reuse_store="reuse='store' takes them",
    join="{command} copies them",
    name_workspace="{command} before this finds them, where both keys are of one workspace",
    resume=RESUME,
)
CELL: Final = replace(
    PYTHON,
    skip_invalid="correct such rows, or leave them out of the table",
    retry_unknown="fh.last_batch().resume(retry_unknown=True) calls again",
    reuse_store="",
    join="{command} copies them, and %fetchhive login asks whether to",
    resume="run the cell again, or fh.last_batch().resume()",
)
COMMAND: Final = replace(
    PYTHON,
    skip_invalid="--on-invalid skip leaves such rows out",
    retry_unknown="--retry-unknown calls again",
    reuse_store="--reuse store takes them",
)
