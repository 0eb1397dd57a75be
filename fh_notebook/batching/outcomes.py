"""What is known of each job of a batch, and the counts of it.

Rule of this file: what may have run is neither reused nor called again by itself. What else is reused is said in
`contract/reuse.py`.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Final

from fh_notebook.batching.job import Job
from fh_notebook.contract.run import Run

__all__ = [
    "CODE_OF",
    "DONE",
    "FAILED",
    "INVALID_INPUT",
    "PENDING",
    "UNKNOWN",
    "Counts",
    "Outcome",
    "Outcomes",
    "kind_of",
    "run_of_invalid",
]

INVALID_INPUT: Final = "invalid_input"
"""The error code of a row whose inputs do not fit (``on_invalid="skip"``): ours, no call was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one job."""

    run: Run
    reused: bool = False
    """Whether no call of this batch object brought it."""
    line: int = 0
    """Of the answer in the store; 0 where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How far a batch is: ``planned == done + failed + unknown + pending``."""

    planned: int = 0
    """Jobs: rows x variants x repeats."""
    done: int = 0
    """Completed."""
    failed: int = 0
    unknown: int = 0
    """May have run; not called again by itself."""
    pending: int = 0
    """Without an outcome yet."""
    reused: int = 0
    """Of done and failed: those that cost no call of this batch object."""
    calls: int = 0
    """Requests sent, refused ones included."""
    refused: int = 0
    """Requests that were answered 429."""
    reused_failed: int = field(default=0, compare=False, repr=False)
    """Of reused: those that failed. Not known of partitions, where it is 0."""


def kind_of(run: Run) -> str:
    """Return ``done``, ``failed`` or ``unknown``: the last is also a run that the service took and has not ended.

    Examples
    --------
    >>> [kind_of(Run(status=s)) for s in ("completed", "failed", "unknown", "running")]
    ['done', 'failed', 'unknown', 'unknown']
    """
    return {"completed": "done", "failed": "failed"}.get(run.status, "unknown")


PENDING, DONE, FAILED, UNKNOWN = range(4)
KINDS: Final = ("pending", "done", "failed", "unknown")
CODE_OF: Final = {kind: code for code, kind in enumerate(KINDS)}


class Outcomes:
    """What is known of each job of one batch, by its number: some 10 bytes a job, whatever the answers.

    The answers themselves lie in the store; `line` says where.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.refused = 0
        self.settled = 0
        """Calls that starts were to make and need not make any more: answered, by whomever, or failed. Jobs that are
        the same are one."""
        self._kinds = bytearray()
        self._reused = bytearray()
        self._lines = array("q")
        self._runs: dict[int, Run] = {}
        self._counted = [0, 0, 0, 0]
        self._reused_counts = [0, 0, 0, 0]

    def __len__(self) -> int:
        return len(self._kinds)

    def extend(self, jobs: int) -> None:
        """Take so many more jobs in; they are pending."""
        self._kinds.extend(bytes(jobs))
        self._reused.extend(bytes(jobs))
        self._lines.frombytes(bytes(jobs * self._lines.itemsize))
        self._counted[PENDING] += jobs

    def put(self, number: int, kind: int, *, line: int = 0, reused: bool = False, run: Run | None = None) -> None:
        """Set the outcome of a job, in place of the one that it had.

        Parameters
        ----------
        number : int
            Of the job.
        kind : int
            One of ``PENDING, DONE, FAILED, UNKNOWN``.
        line : int
            Of the answer in the store.
        reused : bool
            Whether no call of this batch object brought it; of an outcome that may have run, it is not asked.
        run : Run, optional
            The answer itself, where it could not be kept.
        """
        self._counted[self._kinds[number]] -= 1
        self._reused_counts[self._kinds[number]] -= self._reused[number]
        # What may have run answers nothing, so nothing was reused: so the column says what the counts say.
        self._kinds[number], self._lines[number], self._reused[number] = kind, line, reused and kind in (DONE, FAILED)
        self._counted[kind] += 1
        self._reused_counts[kind] += self._reused[number]
        if run is not None:
            self._runs[number] = run
        else:
            self._runs.pop(number, None)

    def kind(self, number: int) -> int:
        """Return the kind of a job's outcome."""
        return self._kinds[number]

    def line(self, number: int) -> int:
        """Return the answer's line in the store; 0 where it has none."""
        return self._lines[number]

    def reused(self, number: int) -> bool:
        """Whether no call of this batch object brought a job's outcome."""
        return bool(self._reused[number])

    def run(self, number: int) -> Run | None:
        """Return an answer that could not be kept."""
        return self._runs.get(number)

    def counts(self) -> Counts:
        """Return the counts of this moment."""
        pending, done, failed, unknown = self._counted
        return Counts(
            planned=len(self._kinds),
            done=done,
            failed=failed,
            unknown=unknown,
            pending=pending,
            reused=sum(self._reused_counts),
            calls=self.calls,
            refused=self.refused,
            reused_failed=self._reused_counts[FAILED],
        )


def run_of_invalid(job: Job) -> Run:
    """Return the run of a job whose inputs do not fit: it failed without a call."""
    return Run(
        status="failed",
        error="; ".join(map(str, job.problems)),
        error_code=INVALID_INPUT,
        attempts=0,
        deployment=job.deployment,
        variant=job.variant,
        inputs=job.shown_inputs,
        metadata=job.metadata,
    )
