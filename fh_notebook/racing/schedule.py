"""Schedule of a race: the seeded order of its rows, which rows are sent next, and which are decided.

Evidence is taken in the seeded order of the rows, never in the order in which responses arrive: fast responses would be
seen first, and fast may be wrong more often. It is taken of whole rows only. Which calls a row needs depends only on
the rows before it. Rows of the table with equal inputs share their answers, so they are one row of a race.

At most `lookahead` rows run beyond the last decided row. This is the most that a race can pay for without need.
Everything else (store, claims, limits, retries, the limiter) belongs to the batch engine, which receives a batch whose
jobs arrive row by row.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from fh_notebook.batching.batch_state import BatchState
from fh_notebook.batching.execution.unknown_names import UNKNOWN_NAME
from fh_notebook.batching.model import (
    AWAITS_DECISION,
    CANCELLED,
    PENDING,
    BatchStopped,
    Event,
    Finished,
    Job,
    KeptBack,
    Outcome,
    Retried,
    Started,
    Throttled,
    open_reason,
)
from fh_notebook.batching.planning.reader import BatchReader
from fh_notebook.batching.planning.work_queue import LookedUpWindow, Windows
from fh_notebook.batching.status import BatchStatus
from fh_notebook.comparing.stats.clusters import clusters_of
from fh_notebook.contract.run import Run, with_action
from fh_notebook.core.text.formatting import short
from fh_notebook.core.text.messages import RUN_AGAIN, Message, Phrase, option
from fh_notebook.errors import CallError, InputError
from fh_notebook.racing.scores import RowScorer, RowScores
from fh_notebook.racing.state import RaceState

MAX_LOOKAHEAD: Final = 8
"""Rows that may run beyond the last decided one, unless `lookahead` says otherwise."""

UNSCORED_ROWS: Final = 5
"""Rows after which a race ends whose scorer has no score of any: calls are scarce, and all would say nothing."""

UNSCORED_VARIANT_ROWS: Final = 10
"""Rows after which a race ends of which a variant has not had one score: of that one it could never decide."""

SCORED_AT_ONCE: Final = 64
"""Decided rows that are scored together."""


def seeded_order(positions: Sequence[int], seed: int) -> list[int]:
    """Return the positions in a random order that is the same for ever: by the SHA-256 of seed and position.

    Examples
    --------
    >>> seeded_order(range(6), 0), seeded_order(range(6), 1)
    ([4, 3, 2, 0, 5, 1], [4, 5, 2, 3, 0, 1])
    """
    return sorted(positions, key=lambda position: sha256(f"{seed}:{position}".encode()).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """The runs that evidence was taken of, up to some row."""

    failed: int = 0
    missing: int = 0
    """Without a score."""
    beyond: int = 0
    """With a score beyond the bounds."""
    reused: int = 0
    """Not paid for by us."""


class Schedule:
    """The rows of one race.

    Parameters
    ----------
    batch_state : BatchState
        Of the batch that holds them.
    reader : BatchReader
        Reads what came of them.
    tally : RaceState
        Takes what they say.
    scorer : RowScorer
        Scores them.
    seed : int
        Of their order.
    scored_at_once : int
        Decided rows that are scored together.
    """

    def __init__(
        self,
        batch_state: BatchState,
        reader: BatchReader,
        tally: RaceState,
        scorer: RowScorer,
        *,
        seed: int,
        scored_at_once: int = SCORED_AT_ONCE,
    ) -> None:
        self.tally = tally
        self.scorer = scorer
        self._batch_state = batch_state
        self._reader = reader
        self._at_once = scored_at_once
        self._lock = threading.Lock()
        jobs = [job for window in batch_state.work_queue.source.planned(len(batch_state.outcomes)) for job in window]
        self._row_of = _rows_of(jobs)
        """Of each position of the table, the row of the race: the first position that asks the same."""
        self._jobs: dict[int, list[Job]] = {}
        for job in jobs:
            self._jobs.setdefault(self._row_of[job.position], []).append(job)
        self.order = seeded_order(list(self._jobs), seed)
        self.all_calls = sum(len(distinct_calls(row)) for row in self._jobs.values())
        """Calls of all variants on all rows."""
        self._counts = [RunCounts()]
        """After each row: a display of a moment has the runs of its rows, whatever was taken since."""
        self._paid: set[str] = set()
        """Keys of the jobs that we have called."""
        self._counted_rows: dict[str, int] = {}
        """Keys of the jobs that evidence was taken of, and with which row."""
        self.is_cut = False
        """Whether a start was cut short: then rows whose calls were out wait for the next one, which may call again."""
        self.again: set[str] = set()
        """Keys of jobs that have an outcome and are called anew by the present start."""
        self._left: dict[str, set[str]] | None = None
        """Keys of jobs that may still be called, by variant: those whose call is out are among them."""
        self._out: dict[str, str] = {}
        """The variants of calls that are out, by the keys of their jobs: they are counted among the calls made."""

    @property
    def decided(self) -> int:
        """Rows that evidence was taken of."""
        return self.tally.rows

    @property
    def positions(self) -> int:
        """Rows of the table: more than the race has, where some ask the same."""
        return len(self._row_of)

    def counts(self, rows: int) -> RunCounts:
        """Return what the runs of the first `rows` were."""
        return self._counts[rows]

    def counted_calls(self, rows: int) -> int:
        """Return how many calls of ours have answers that are evidence of the first `rows`."""
        counted = self._counted_rows.copy().items()  # in any thread: rows are taken meanwhile
        return sum(row <= rows and key in self._paid for key, row in counted)

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to be sent: by its evidence, or because all rows are decided."""
        return bool(self.tally.ending) or self.decided == len(self.order)

    def jobs_at(self, index: int) -> list[Job]:
        """Return the jobs of the row at a place of the order, of the variants that are still in."""
        racing = set(self.tally.racing)
        return [job for job in self._jobs[self.order[index]] if job.label in racing]

    def open_at(self, index: int) -> list[Job]:
        """Return those of them that have no outcome, or are to get another one."""
        kind = self._batch_state.outcomes.kind
        return [job for job in self.jobs_at(index) if kind(job.number) == PENDING or job.key in self.again]

    def calls_left(self) -> int:
        """Return how many more calls all other rows would take, of who is still in; those that are out are made."""
        if self.has_ended:
            return 0
        if (left := self._left) is None:  # nothing was begun yet
            return sum(len(distinct_calls(self.open_at(index))) for index in range(self.decided, len(self.order)))
        racing, out = self.tally.racing, self._out.copy().items()  # in any thread: calls come and go meanwhile
        return sum(len(left[name]) for name in racing) - sum(name in racing and key in left[name] for key, name in out)

    @property
    def is_ready(self) -> bool:
        """Whether the next row has all its outcomes."""
        return not self.has_ended and not self.is_cut and not self.open_at(self.decided)

    def take(self, window: LookedUpWindow | list[Job]) -> list[Job]:
        """Count what was found of a window, and return its jobs that are to be called. In the loop's thread."""
        return self._batch_state.work_queue.take(window) if isinstance(window, LookedUpWindow) else window

    def begin(self, jobs: Iterable[Job]) -> None:
        """Note what the present start may call: also what failed on the way, or may have run and is called again."""
        kind = self._batch_state.outcomes.kind
        self.is_cut = False
        open_rows = set(self.order[self.decided :])
        self._left = {name: set() for name in self.tally.variants}
        self.again = set()
        for job in jobs:
            if kind(job.number) != PENDING:
                self.again.add(job.key)
            if self._row_of[job.position] in open_rows:
                self._left[job.label].add(job.key)

    def note_sent(self, job: Job) -> None:
        """Note that a call went out."""
        self._out[job.key] = job.label

    def note_back(self, job: Job) -> None:
        """Note that a call is out no more: its job has its outcome, or is called again later."""
        self._out.pop(job.key, None)

    def end(self) -> None:
        """Note that a start is over: no call is out."""
        self._out.clear()

    def note_outcome(self, job: Job, *, cut_off: bool, reused: bool) -> None:
        """Note that a job has its outcome, or that its call was cut off."""
        self.is_cut |= cut_off
        if not reused:
            self._paid.add(job.key)
        self.again.discard(job.key)
        if self._left is not None:
            self._left[job.label].discard(job.key)
        self.note_back(job)

    def decide(self) -> None:
        """Take the evidence of every row that has its outcomes, up to the first one that has not.

        In any thread: it reads the store, and a scorer may take its time.
        """
        with self._lock:
            while ready := self._ready():
                before = self.tally.racing
                for jobs, scores in zip(
                    ready, self.scorer.mark([self._read_outcomes(jobs) for jobs in ready]), strict=True
                ):
                    self._take(jobs, scores)
                    if self.tally.ending or self.tally.racing != before:
                        break  # the next rows are those of fewer variants

    def _ready(self) -> list[list[Job]]:
        if self.has_ended or self.is_cut:
            return []
        ready: list[list[Job]] = []
        for index in range(self.decided, min(len(self.order), self.decided + self._at_once)):
            if self.open_at(index):
                break
            ready.append(self.jobs_at(index))
        return ready

    def _read_outcomes(self, jobs: Sequence[Job]) -> list[tuple[Job, Outcome, Mapping[str, Any]]]:
        source = self._batch_state.work_queue.source
        pairs = [(job, outcome) for job, outcome in self._reader.of(list(jobs)) if outcome is not None]
        records = source.records_at([job.position for job, _ in pairs])
        return [(job, outcome, record) for (job, outcome), record in zip(pairs, records, strict=True)]

    def _take(self, jobs: Sequence[Job], scores: RowScores) -> None:
        tally = self.tally
        tally.scale.check(scores.scores, where=f"row {jobs[0].row if jobs else ''}")
        before = self._counts[tally.rows]
        self._counts.append(
            RunCounts(
                failed=before.failed + scores.failed,
                missing=before.missing + scores.missing,
                beyond=before.beyond + tally.scale.beyond(scores.scores),
                reused=before.reused + self._note_keys(jobs, row=tally.rows + 1),
            )
        )
        tally.take(scores.scores)
        self._check_scored()

    def _check_scored(self) -> None:
        """Raise where all further calls would be wasted."""
        if self.tally.rows not in (UNSCORED_ROWS, UNSCORED_VARIANT_ROWS):
            return
        scored = dict(zip(self.tally.variants, self.tally.scored(), strict=True))
        nothing = self.tally.rows == UNSCORED_ROWS and not any(scored.values())
        if nothing and not self.scorer.completed and self.scorer.unknown:
            raise self._no_answers()
        if nothing and (why := self._scorer_fault()):
            raise InputError(
                Message(
                    "no run of the first {} rows could be scored ({}); the answers are saved: correct {} and {}",
                    (str(UNSCORED_ROWS), why, Phrase("score=", command="--race"), RUN_AGAIN),
                )
            )
        if self.tally.rows == UNSCORED_VARIANT_ROWS and (
            lost := [name for name in self.tally.racing if not scored[name]]
        ):
            name, unknown = lost[0], self.scorer.unknown.get(lost[0])
            why = self.scorer.failures.get(name) or self.scorer.unknown_text(name) or self.scorer.error
            hint = Message("give {} to count failed runs as 0", (option("failed", "zero"),))
            if unknown is not None and name not in self.scorer.failures:
                again = Message("{} to call again what may have run", (option("retry_unknown", True),))
                hint = Message("{}", (self._ask_first(unknown),)) if open_reason(unknown) else again
            reason = short(why or "the scorer returned None", 240)
            left_out = Phrase("variants=", command="--variant")
            raise InputError(
                Message(
                    (
                        "{} has no score of any of the first {} rows ({}) and cannot be decided: leave it out of {}, "
                        "or {}; the answers are saved"
                    ),
                    (repr(name), str(UNSCORED_VARIANT_ROWS), reason, left_out, hint),
                )
            )

    def _no_answers(self) -> CallError:
        """Return that the service has answered no call, with what it said: there was nothing to be scored."""
        run = next(iter(self.scorer.unknown.values()))
        status = "" if run.status_code is None else f"HTTP {run.status_code}"
        error = with_action(short(run.error, 120), run.client_action)
        answer_text = ", ".join(part for part in (status, run.error_code, error) if part)
        cure = Message(
            ", and they may have run. When the service answers again, run the {} with {}",
            (Phrase("cell", command="command"), option("retry_unknown", True)),
        )
        if open_reason(run):
            cure = Message(": {}, and {}", (self._ask_first(run), RUN_AGAIN))
        return CallError(
            Message(
                "no run of the first {} rows was answered ({}), so the race has nothing to compare{}",
                (str(UNSCORED_ROWS), answer_text, cure),
            ),
            status_code=run.status_code,
            error_code=run.error_code,
            request_id=run.request_id,
            may_have_run=True,
        )

    def _ask_first(self, run: Run) -> str:
        """Return what brings the outcome of a run that the service took: it need not be called again."""
        decide = "decide what waits, then " if run.status == AWAITS_DECISION else ""
        return f"{decide}call fh.open_batch({self._batch_state.plan.name!r}).resolve_unknown()"

    def _scorer_fault(self) -> str:
        """Return why the scorer has no score of any run; empty where it is the runs that failed."""
        if self.scorer.error:
            return self.scorer.error
        is_at_fault = self.scorer.completed and not self._counts[-1].failed
        return "the scorer returned None for each; it must return a number" if is_at_fault else ""

    def _note_keys(self, jobs: Sequence[Job], *, row: int) -> int:
        """Count what was paid for once, whichever row that asks the same is taken first; return how many are reused."""
        is_reused = self._batch_state.outcomes.reused
        reused = sum(
            job.key in self._counted_rows if job.key in self._paid else is_reused(job.number)
            for job in distinct_calls(jobs)
        )
        for job in jobs:
            self._counted_rows.setdefault(job.key, row)
        return reused


def distinct_calls(jobs: Iterable[Job]) -> list[Job]:
    """Return one of the jobs that ask the same, which are called once; those that cannot be called each by itself."""
    return list({job.key or job.number: job for job in jobs}.values())


def _rows_of(jobs: Sequence[Job]) -> dict[int, int]:
    """Return of each position the first one that asks the same."""
    clusters = clusters_of(
        [job.position for job in jobs], variants=[job.label for job in jobs], keys=[job.key for job in jobs]
    ).tolist()
    first: dict[int, int] = {}
    return {job.position: first.setdefault(row, job.position) for job, row in zip(jobs, clusters, strict=True)}


class RowFeeder:
    """Hands out the rows of one start of a race.

    Parameters
    ----------
    schedule : Schedule
        The rows.
    status : BatchStatus
        Of the batch: it knows how many calls may be out at once.
    lookahead : int, optional
        Rows beyond the last decided one; by default the concurrency limit divided by the jobs of a row, at most 8.
    """

    def __init__(self, schedule: Schedule, status: BatchStatus, *, lookahead: int | None) -> None:
        self._schedule = schedule
        self._status = status
        self._lookahead = lookahead
        self._changed: asyncio.Event | None = None
        self._sent: set[str] = set()
        self._out: set[str] = set()
        """Keys of jobs that were handed out and have no outcome, and are not kept back."""
        self._kept_back: set[str] = set()
        self._is_over = False

    def take_event(self, event: Event) -> None:
        """Note what becomes of a job: its call, its outcome, or that others are waited for. In the loop's thread."""
        match event:
            case Started():
                self._schedule.note_sent(event.job)
                return
            case Retried() | Throttled():
                self._schedule.note_back(event.job)
                return
            case Finished():
                self._schedule.note_outcome(event.job, cut_off=event.run.error_code == CANCELLED, reused=event.reused)
                self._kept_back.discard(event.job.key)
            case KeptBack():
                self._kept_back.add(event.job.key)
            case BatchStopped(reason=reason) if reason == UNKNOWN_NAME:
                self._is_over = True  # without one of its variants nothing is decided
            case _:
                return
        if not isinstance(event, BatchStopped):
            self._out.discard(event.job.key)
        if self._changed is not None:
            self._changed.set()

    async def windows(self, opened: Windows) -> AsyncIterator[list[Job]]:
        """Yield the jobs of each row when its turn has come, until the race has ended."""
        self._changed = asyncio.Event()
        callable_now = await self._take_jobs(opened)
        schedule = self._schedule
        index = schedule.decided
        while True:
            self._changed.clear()
            if schedule.is_ready:
                await asyncio.to_thread(schedule.decide)
            if schedule.has_ended or self._is_over:
                return
            index = max(index, schedule.decided)
            # A row that is kept back is decided by what others are answered: they come before their turn.
            if index < min(len(schedule.order), schedule.decided + self.lookahead + len(self._kept_back)):
                if jobs := self._to_send(index, callable_now):
                    yield jobs
                index += 1
            elif self._kept_back and not self._out:
                return  # nothing will come that could say more of them
            elif not schedule.is_ready:
                await self._changed.wait()

    @property
    def lookahead(self) -> int:
        """Rows that may run beyond the last decided one, now."""
        if self._lookahead is not None:
            return self._lookahead
        row = max(
            1, len(distinct_calls(self._schedule.jobs_at(min(self._schedule.decided, len(self._schedule.order) - 1))))
        )
        return max(1, min(MAX_LOOKAHEAD, self._status.limit // row))

    async def _take_jobs(self, opened: Windows) -> dict[str, Job]:
        by_key: dict[str, Job] = {}
        async for window in opened:
            for job in self._schedule.take(window):
                by_key[job.key] = job
        self._schedule.begin(by_key.values())
        return by_key

    def _to_send(self, index: int, callable_now: dict[str, Job]) -> list[Job]:
        """Return the jobs of a row that are to be sent; those that ask the same as an earlier row's are out already."""
        jobs = {job.key: callable_now.get(job.key, job) for job in self._schedule.open_at(index)}
        fresh = [job for key, job in jobs.items() if key and key not in self._sent]
        self._sent |= {job.key for job in fresh}
        self._out |= {job.key for job in fresh}
        return fresh
