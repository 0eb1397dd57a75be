"""What a partition is fed with, where that differs from a batch on one machine.

Rule of this file: it only leaves out what was done already: inputs were checked when all partitions were looked at, and
answers are held until their part is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from fh_notebook.batching.feed import Feed
from fh_notebook.batching.job import Job
from fh_notebook.batching.source import TableSource
from fh_notebook.contract.run import Run

__all__ = ["HeldSource", "HoldingFeed"]


class HeldSource(TableSource):
    """The rows of a partition; they were all looked at before the first call."""

    def __init__(self, *given: Any, checked: bool) -> None:
        super().__init__(*given)
        self._checked = checked

    def checked(self, jobs: Sequence[Job]) -> list[Job]:
        """Return `jobs` as they are, where all inputs were found to fit."""
        return list(jobs) if self._checked else super().checked(jobs)

    def let_go(self) -> None:
        """Hold no row any more: a scheduler and its queue know each other, and the collector comes late."""
        self._jobs = self._whole = []
        self._rows = replace(self._rows, labels=(), records=(), make_frame=pd.DataFrame)


class HoldingFeed(Feed):
    """A feed that holds the answers that come: a part is made of all of them, so none is read back from the store."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.held: dict[int, Run] = {}

    def finished(self, job: Job, run: Run, *, line: int, reused: bool) -> None:
        """Count the outcome of a job, and hold its answer."""
        super().finished(job, run, line=line, reused=reused)
        self.held[job.number] = run

    def runs_of(self, jobs: Iterable[Job]) -> dict[int, Run]:
        """Return the answers of jobs, by the job's number; those that are not held are read."""
        held, rest = {}, []
        for job in jobs:
            if (run := self.held.get(job.number)) is not None:
                held[job.number] = run
            else:
                rest.append(job)
        return held | super().runs_of(rest) if rest else held

    def let_go(self) -> None:
        """Hold no answer any more."""
        self.held.clear()
