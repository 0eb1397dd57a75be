"""A batch's outcomes read back: jobs with their answers, a thousand at a time, so that nothing has to be held whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from fh_notebook.batching.feed import Feed
from fh_notebook.batching.job import Job
from fh_notebook.batching.outcomes import PENDING, Outcome, Outcomes, run_of_invalid

__all__ = ["Reader"]

WINDOW = 1_000


class Reader:
    """Reads what a feed has counted.

    Parameters
    ----------
    feed : Feed
        Knows the jobs and where their answers lie.
    outcomes : Outcomes
        What is known of each.
    """

    def __init__(self, feed: Feed, outcomes: Outcomes) -> None:
        self._feed = feed
        self._outcomes = outcomes

    def pairs(
        self, is_wanted: Callable[[int], bool] = lambda kind: True, *, limit: int | None = None
    ) -> Iterator[tuple[Job, Outcome | None]]:
        """Yield jobs with their outcomes (``None`` while pending), in the plan's order; none of a forgotten batch.

        Parameters
        ----------
        is_wanted : function of an outcome's kind
            Which jobs.
        limit : int, optional
            At most so many.
        """
        wanted = (
            job
            for window in self._feed.source.planned(len(self._outcomes))
            for job in window
            if is_wanted(self._outcomes.kind(job.number))
        )
        chosen = islice(wanted, limit) if not self._feed.stored.is_forgotten else iter(())
        while part := list(islice(chosen, WINDOW)):
            yield from self.of(part)

    def of(self, jobs: list[Job]) -> Iterator[tuple[Job, Outcome | None]]:
        """Yield these jobs with their outcomes; not those whose answer was forgotten meanwhile."""
        runs = self._feed.runs_of(jobs)
        for job in jobs:
            if self._outcomes.kind(job.number) == PENDING:
                yield job, None
            elif job.problems:
                yield job, Outcome(run=run_of_invalid(job))
            elif job.number in runs:
                number = job.number
                reused, line = self._outcomes.reused(number), self._outcomes.line(number)
                yield job, Outcome(run=runs[number], reused=reused, line=line)
            # else: its answer was forgotten meanwhile
