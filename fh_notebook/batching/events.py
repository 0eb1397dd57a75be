"""What happens in a batch, as values: one stream that drives the progress, `on_event=` and the counts.

Rule of this file: an event is told after it is true. `Finished` comes after the answer was committed.
"""

from __future__ import annotations

from dataclasses import dataclass

from fh_notebook.audience import PYTHON, Audience, text_for
from fh_notebook.batching.job import Job
from fh_notebook.contract.run import Run

__all__ = ["Event", "Finished", "KeptBack", "Retried", "Started", "Stopped", "Throttled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A call goes out."""

    job: Job
    attempt: int
    """Which exchange of this job it is, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A call did not run and is made again after `wait_s`."""

    job: Job
    run: Run
    reason: str
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """A call was refused for too many at once, and is made again after `wait_s`."""

    job: Job
    run: Run
    reason: str
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBack:
    """A call was answered with "not found", and others are to show whether that is said of its row or of its name.

    `Finished` follows where it is the row; else the job stays pending, and `Stopped` tells of the name.
    """

    job: Job
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A job has its outcome, and it is kept."""

    job: Job
    run: Run
    reused: bool = False
    """Whether somebody else called it: another kernel that runs the same batch."""
    line: int = 0
    """Where the answer lies in the store; 0 where it could not be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """No further call is started; what has no outcome stays pending.

    With the reason ``unknown_name`` that is said of the variants that the message names; others go on.
    """

    reason: str
    """``daily_cap``, ``credits``, ``auth``, ``unknown_name``, ``unreachable``, ``max_calls``, ``max_seconds``,
    ``fail_on_error``, ``store``, ``rows``, ``cancelled`` or ``defect``."""
    detail: str
    """What happened."""
    resume: str = ""
    """What to do next; empty where nothing can be done."""
    audience: Audience = PYTHON
    """Who reads it."""
    run: Run | None = None
    """The answer that stopped it, if one did."""

    @property
    def message(self) -> str:
        """What happened and what to do, in one line."""
        return "; ".join(filter(None, (text_for(said, self.audience) for said in (self.detail, self.resume))))


Event = Started | Retried | Throttled | KeptBack | Finished | Stopped
