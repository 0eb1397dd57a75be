"""Which jobs of a race are handed to the batch's engine, and when: row by row, a little ahead of the evidence.

Rule of this file: at most `lookahead` rows run beyond the last decided one, so that is the most that a race can pay for
and not need. Everything else (store, claims, limits, retries, the gate) is the engine's, which sees a batch whose jobs
come one row at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fh_notebook.batching.events import Event, Finished, KeptBack, Stopped
from fh_notebook.batching.job import Job
from fh_notebook.batching.names import UNKNOWN_NAME
from fh_notebook.batching.standing import BatchStatus
from fh_notebook.batching.windows import Windows
from fh_notebook.batching.worker import CANCELLED
from fh_notebook.racing.course import MOST_AHEAD, Course, calls_of

__all__ = ["Sender"]


class Sender:
    """Hands out the rows of one start of a race.

    Parameters
    ----------
    course : Course
        The rows.
    status : BatchStatus
        Of the batch: it knows how many calls may be out at once.
    lookahead : int, optional
        Rows beyond the last decided one; by default the concurrency limit divided by the jobs of a row, at most 8.
    """

    def __init__(self, course: Course, status: BatchStatus, *, lookahead: int | None) -> None:
        self._course = course
        self._status = status
        self._lookahead = lookahead
        self._changed: asyncio.Event | None = None
        self._sent: set[str] = set()
        self._out: set[str] = set()
        """Keys of jobs that were handed out and have no outcome, and are not kept back."""
        self._kept_back: set[str] = set()
        self._is_over = False

    def heard(self, event: Event) -> None:
        """Note what became of a job: its outcome, or that others are waited for. In the loop's thread."""
        match event:
            case Finished():
                self._course.heard(event.job, cut_off=event.run.error_code == CANCELLED, reused=event.reused)
                self._kept_back.discard(event.job.key)
            case KeptBack():
                self._kept_back.add(event.job.key)
            case Stopped(reason=reason) if reason == UNKNOWN_NAME:
                self._is_over = True  # without one of its variants nothing is decided
            case _:
                return
        if not isinstance(event, Stopped):
            self._out.discard(event.job.key)
        if self._changed is not None:
            self._changed.set()

    async def windows(self, opened: Windows) -> AsyncIterator[list[Job]]:
        """Yield the jobs of each row when its turn has come, until the race has ended.

        Parameters
        ----------
        opened : async iterator of Seen or list of Job
            What the batch would call, all at once.
        """
        self._changed = asyncio.Event()
        callable_now = await self._take_in(opened)
        course = self._course
        place = course.decided
        while True:
            self._changed.clear()
            if course.is_ready:
                await asyncio.to_thread(course.decide)
            if course.has_ended or self._is_over:
                return
            place = max(place, course.decided)
            # A row that is kept back is decided by what others are answered: they come before their turn.
            if place < min(len(course.order), course.decided + self.lookahead + len(self._kept_back)):
                if jobs := self._to_send(place, callable_now):
                    yield jobs
                place += 1
            elif self._kept_back and not self._out:
                return  # nothing will come that could say more of them
            elif not course.is_ready:
                await self._changed.wait()

    @property
    def lookahead(self) -> int:
        """Rows that may run beyond the last decided one, now."""
        if self._lookahead is not None:
            return self._lookahead
        row = max(1, len(calls_of(self._course.jobs_at(min(self._course.decided, len(self._course.order) - 1)))))
        return max(1, min(MOST_AHEAD, self._status.limit // row))

    async def _take_in(self, opened: Windows) -> dict[str, Job]:
        found: dict[str, Job] = {}
        async for window in opened:
            for job in self._course.take(window):
                found[job.key] = job
        self._course.begin(found.values())
        return found

    def _to_send(self, place: int, callable_now: dict[str, Job]) -> list[Job]:
        """Return the jobs of a row that are to be sent; those that ask the same as an earlier row's are out already."""
        jobs = {job.key: callable_now.get(job.key, job) for job in self._course.open_at(place)}
        fresh = [job for key, job in jobs.items() if key and key not in self._sent]
        self._sent |= {job.key for job in fresh}
        self._out |= {job.key for job in fresh}
        return fresh
