"""What is known of each job of a batch, and the counts of it.

Rule of this file: the rule of what is reused stands here once. Completed answers are, and what the service itself
answered with a failure (it would answer so again); what never reached it, or was refused for the moment or for
the way to it, is not, and what may have run is neither reused nor called again by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fh_notebook.batching.plan import Job
from fh_notebook.contract.run import Run

__all__ = ["INVALID_INPUT", "Counts", "Outcome", "Outcomes", "is_reusable", "kind_of"]

INVALID_INPUT: Final = "invalid_input"
"""The error code of a row whose inputs do not fit (``on_invalid="skip"``): ours, no call was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one job."""

    run: Run
    reused: bool = False
    """Whether no call of this batch object brought it."""
    kept_at: datetime | None = None
    """When a reused answer was kept, UTC."""


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


TOO_LARGE: Final = "response_too_large"
"""The error code of an answer that was larger than may be read: the workflow ran."""
NOT_OF_THE_JOB: Final = frozenset({401, 403, 408, 425, 429})
"""Refusals of the key, and of the moment: they say nothing of the job."""


def kind_of(run: Run) -> str:
    """Return ``done``, ``failed`` or ``unknown``: the last is also a run that the service took and has not ended.

    Examples
    --------
    >>> [kind_of(Run(status=s)) for s in ("completed", "failed", "unknown", "running")]
    ['done', 'failed', 'unknown', 'unknown']
    """
    return {"completed": "done", "failed": "failed"}.get(run.status, "unknown")


def is_reusable(run: Run) -> bool:
    """Whether `run` stands for its job from now on, so that the job is not called again.

    Examples
    --------
    >>> is_reusable(Run(status="completed")), is_reusable(Run(status="failed", status_code=422))
    (True, True)
    >>> is_reusable(Run(status="failed", status_code=None)), is_reusable(Run(status="failed", status_code=503))
    (False, False)
    """
    if run.status == "completed":
        return True
    if run.status != "failed":
        return False
    if run.status_code is None:
        return run.error_code == TOO_LARGE  # it ran and was paid for: only `retry_failed` calls it again
    # A run that failed, or a refusal of what was asked. A redirect and a 5xx say nothing of the job.
    return run.status_code // 100 in (2, 4) and run.status_code not in NOT_OF_THE_JOB


class Outcomes:
    """The outcomes of a plan's jobs by key, with counts that cost nothing to ask for.

    Parameters
    ----------
    jobs : iterable of Job
        All jobs of the plan; those without a key have failed already.
    """

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.jobs = tuple(jobs)
        self.calls = 0
        self.refused = 0
        self._of_key: dict[str, Outcome] = {}
        self._times = Counter(job.key for job in self.jobs if job.key)
        self._kinds: Counter[str] = Counter()
        self._reused = 0
        self._invalid = sum(not job.key for job in self.jobs)

    def put(self, key: str, outcome: Outcome) -> None:
        """Set the outcome of all jobs with this key, in place of the one that they had."""
        if before := self._of_key.get(key):
            self._count(key, before, -1)
        self._of_key[key] = outcome
        self._count(key, outcome, +1)

    def get(self, key: str) -> Outcome | None:
        """Return the outcome of a key, if there is one."""
        return self._of_key.get(key)

    def _count(self, key: str, outcome: Outcome, step: int) -> None:
        times = self._times[key]
        kind = kind_of(outcome.run)
        self._kinds[kind] += step * times
        if kind != "unknown":
            # Of equal jobs one is called; the others share its answer.
            self._reused += step * (times if outcome.reused else times - 1)

    def of_jobs(self) -> Iterator[tuple[Job, Outcome | None]]:
        """Yield every job with its outcome, in the plan's order; of equal jobs the later ones are reused."""
        known = dict(self._of_key)  # a copy: calls may be coming in
        seen: set[str] = set()
        for job in self.jobs:
            outcome = known.get(job.key) if job.key else _invalid(job)
            if outcome and job.key in seen and not outcome.reused:
                outcome = Outcome(run=outcome.run, reused=True)
            if job.key:
                seen.add(job.key)
            yield job, outcome

    def unique_jobs(self) -> dict[str, Job]:
        """Return the jobs that can be called, one a key, in the plan's order."""
        unique: dict[str, Job] = {}
        for job in self.jobs:
            if job.key:
                unique.setdefault(job.key, job)
        return unique

    def counts(self) -> Counts:
        """Return the counts of this moment."""
        kinds = dict(self._kinds)
        done, failed, unknown = (kinds.get(k, 0) for k in ("done", "failed", "unknown"))
        failed += self._invalid
        return Counts(
            planned=len(self.jobs),
            done=done,
            failed=failed,
            unknown=unknown,
            pending=len(self.jobs) - done - failed - unknown,
            reused=self._reused,
            calls=self.calls,
            refused=self.refused,
        )


def _invalid(job: Job) -> Outcome:
    return Outcome(
        run=Run(
            status="failed",
            error="; ".join(job.problems),
            error_code=INVALID_INPUT,
            attempts=0,
            deployment=job.deployment,
            variant=job.variant,
            inputs=job.shown_inputs,
            metadata=job.metadata,
        )
    )
