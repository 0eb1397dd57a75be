"""Reuse of answers: look up the saved answer for a job.

Rule of this file: the newest answer that counts, never a failure from before what may have run; and what a dead process
left claimed may have run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from fh_notebook.batching.model import (
    AWAITS_DECISION,
    DONE,
    FAILED,
    LOOK_UPS_CAPPED,
    NOT_ENDED,
    PENDING,
    UNKNOWN,
    Job,
    lost_run,
    open_reason,
)
from fh_notebook.batching.options import Reuse
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.core import hooks
from fh_notebook.session import session
from fh_notebook.store.store import Store
from fh_notebook.store.tables.answers import AnswerSummary, run_of_row, standing_answer
from fh_notebook.store.tables.pending import PendingRow
from fh_notebook.store.writer import IN_MEMORY


def encode_reuse(reuse: Reuse, now: datetime) -> str:
    """Return the stored form of a reuse option: ``store``, ``batch``, or for an age the time that it means `now`.

    A batch that is opened again needs it to find the answers of other batches.
    """
    return (now - reuse).isoformat() if isinstance(reuse, timedelta) else "store" if reuse == "store" else "batch"


def decode_reuse(stored: object, now: datetime) -> Reuse:
    """Return the reuse option of a stored form from :func:`encode_reuse`, relative to `now`.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    >>> stored = encode_reuse(timedelta(hours=2), noon)
    >>> decode_reuse(stored, noon + timedelta(hours=1)), decode_reuse("store", noon), decode_reuse(None, noon)
    (datetime.timedelta(seconds=10800), 'store', 'batch')
    """
    if stored in ("store", "batch") or not isinstance(stored, str):
        return "store" if stored == "store" else "batch"
    return now - datetime.fromisoformat(stored)


class KnownAnswer(NamedTuple):
    """The saved answer that stands for a job; a tuple, since a batch reads thousands before it begins."""

    kind: int
    line: int
    kept_at: float
    """Seconds since 1970, UTC."""
    is_own: bool
    """Whether the batch paid for it, rather than another one."""
    reused: bool = True
    copy: str = ""
    """The run as JSON, where the answer lies in a Parquet file or another store: then it has no line in this one."""
    goes_on: str = ""
    """Why the outcome is still to come; see :func:`~fh_notebook.batching.model.open_reason`."""


@dataclass(frozen=True, kw_only=True)
class AnswerLookup:
    """Looks jobs of one batch up.

    Parameters
    ----------
    stored : StoredBatch
        Where, and whose: the numbers of the batches whose answers are this one's.
    workspace : str
        Where it calls.
    reuse : {"batch", "store"}, timedelta or None
        Which answers count: of this batch, of any, any that young, or only this batch's since `after_id`.
    after_id : int
        Where a batch that calls anew began; 0 takes all.
    beside : function
        Returns the stores of other batches whose answers count, too: see :func:`beside_of`.
    over_partitions : bool
        Whether the jobs are those of a batch over partitions, which finds what lies in files itself, and of whose jobs
        only the keys are here: then nothing is settled, and what somebody else has out now is told as pending.
    """

    stored: StoredBatch
    workspace: str
    reuse: Reuse
    after_id: int = 0
    beside: Callable[[], Sequence[Store]] = field(default=tuple, repr=False)
    over_partitions: bool = False

    @property
    def anywhere(self) -> bool:
        """Whether what other batches and single runs have answered counts, too."""
        return self.reuse == "store" or isinstance(self.reuse, timedelta)

    def of(self, jobs: Mapping[str, Job], *, now: datetime, call_lost: bool = False) -> dict[str, KnownAnswer]:
        """Return what stands for each job, by key."""
        ids, later = self._ids, self._later_ids
        since = (now - self.reuse).timestamp() if isinstance(self.reuse, timedelta) else 0.0
        mine, beside = ids[:1] if self.stored.id else (), self.beside()
        # Claims first: one leaves with its answer, so that one of both is seen.
        claimed = self._store.claims.on_keys(jobs)
        answers: dict[str, KnownAnswer] = {}
        own: dict[str, list[AnswerSummary]] = {}
        left: Mapping[str, PendingRow] = {}
        not_called: set[str] = set()
        if not self.over_partitions:
            left = left_behind(self.stored)  # their outcomes are still to come: they are open, not unknown
            # What somebody waits for, after `fh.reattach()` say, is not called a second time; a kernel that runs the
            # batch holds the claim, too, and is waited for.
            not_called = _awaited(self.stored) - {key for _, key, _, _ in claimed} if call_lost else set()
        with self._store.decoding():
            for batches in dict.fromkeys((mine, (*ids, *later))):
                table = self._store.answers
                own = _by_key(table.of_jobs(jobs, batches=batches, after_id=self.after_id) if batches else [])
                self._add_from_elsewhere(own, jobs, jobs, since, batches=batches, beside=())
                for key, lines in own.items():
                    answer = None if key in answers else self._known_answer(lines, since)
                    if answer is not None and answer.kind != UNKNOWN:
                        answers[key] = answer
            unanswered = [key for key in jobs if key not in answers or answers[key].kind == FAILED]
            lines_of = own
            of_name, stands = {*ids, *later}, frozenset(answers)
            if self.anywhere or beside:
                among = None if self.anywhere else (*ids, *later)
                lines_of = _by_key(self._store.answers.of_jobs(unanswered, batches=among))
                self._add_from_elsewhere(lines_of, unanswered, jobs, since, batches=among, beside=beside)
            for key, lines in ((key, lines_of[key]) for key in unanswered if key in lines_of):
                answer = answers.pop(key, None)
                since_then = lines
                if answer is not None:  # a failure: a later call of somebody else does not change it
                    since_then = [s for s in lines if s.is_lost and s.batch in of_name and _is_since(s, answer)]
                if answer is None or since_then:
                    answer = self._known_answer(since_then, since)
                if answer is not None and not (
                    answer.kind == UNKNOWN
                    and (key in left or (call_lost and key not in not_called and answer.goes_on != AWAITS_DECISION))
                ):
                    answers[key] = answer
        lost = [
            claim
            for claim in claimed
            if claim[1] not in left and (claim[0] in of_name or (self.anywhere and claim[1] not in stands))
        ]
        settled_elsewhere = self._take_lost(answers, jobs, lost, now, call_lost=call_lost)
        return (
            answers | self.of({key: jobs[key] for key in settled_elsewhere}, now=now, call_lost=call_lost)
            if settled_elsewhere
            else answers
        )

    def _add_from_elsewhere(
        self,
        lines: dict[str, list[AnswerSummary]],
        keys: Iterable[str],
        jobs: Mapping[str, Job],
        since: float,
        *,
        batches: Sequence[int] | None,
        beside: Sequence[Store],
    ) -> None:
        """Add to `lines` of `keys`, in their order, what lies in no table of the store.

        That is in the Parquet files of these batches (``None``: of all), and in the stores `beside` this one.
        """
        with_files = (
            [] if self.over_partitions else [(self._store, batches), *((memory_store, None) for memory_store in beside)]
        )
        with_files = [(store, of) for store, of in with_files if of != () and store.parts.is_any(self.workspace)]
        if not (beside or with_files):
            return
        answered = {
            k
            for k, known_lines in lines.items()
            if any(s.status == "completed" and s.kept_at >= since for s in known_lines)
        }
        open_jobs = {key: jobs[key] for key in keys if key not in answered}
        summaries: list[AnswerSummary] = []
        for memory_store in beside:
            summaries += _seen_in(memory_store, open_jobs)
        for store, of in with_files:
            summaries += hooks.partitions().seen_in_files(store, self.workspace, open_jobs, of)
        for key, more in _by_key(summaries).items():
            lines[key] = sorted([*more, *lines.get(key, ())], key=lambda known_lines: known_lines.kept_at, reverse=True)

    @property
    def _store(self) -> Store:
        return self.stored.store

    @property
    def _ids(self) -> tuple[int, ...]:
        """The batches whose answers are this one's; those that it replaced only where it does not call anew."""
        return self.stored.ids if self.reuse is not None else self.stored.ids[:1] if self.stored.id else ()

    @property
    def _later_ids(self) -> tuple[int, ...]:
        """The batches that have had its name since, and answer what it has not."""
        return self.stored.later_ids if self.reuse is not None else ()

    def _known_answer(self, lines: Iterable[AnswerSummary], since: float) -> KnownAnswer | None:
        """Return what is known of a job by all of its lines, the newest first.

        Else than what stands it is a call that may have run, for which an answer that came too long ago to count says
        at least that no older one may still be out.
        """
        stands, may_have_run = standing_answer(lines)
        if stands is not None and stands.kept_at >= since:
            kind = DONE if stands.status == "completed" else FAILED
            return KnownAnswer(
                kind, stands.id, stands.kept_at, is_own=self._is_own(stands.batch), copy=_copy_of(stands)
            )
        if may_have_run is None:
            return None
        lost = may_have_run
        return KnownAnswer(
            UNKNOWN, lost.id, lost.kept_at, is_own=self._is_own(lost.batch), reused=False, copy=_copy_of(lost),
            goes_on=_open_reason(lost),
        )  # fmt: skip

    def _is_own(self, batch: int | None) -> bool:
        return bool(batch) and batch == self.stored.id

    def _take_lost(
        self,
        answers: dict[str, KnownAnswer],
        jobs: Mapping[str, Job],
        claimed: Iterable[tuple[int, str, str, float]],
        now: datetime,
        *,
        call_lost: bool,
    ) -> set[str]:
        """Settle the claims of owners that ended, in `answers`: those jobs may have run since an older failure, too.

        Return the jobs whose claims somebody else has settled meanwhile, or answered.
        """
        settled_elsewhere: set[str] = set()
        alive: dict[str, bool] = {}
        for batch, key, holder, claimed_at in claimed:
            answer = answers.get(key)
            if answer is not None and not (answer.kind == FAILED and answer.kept_at < claimed_at):
                continue
            if holder not in alive:
                alive[holder] = self._store.owners.is_alive(holder)
            if alive[holder]:
                if self.over_partitions:
                    answers[key] = KnownAnswer(PENDING, 0, claimed_at, is_own=False, reused=False)
                continue
            if call_lost:  # it is settled when it is claimed, and called again
                answers.pop(key, None)
                continue
            if self.over_partitions:
                answers[key] = KnownAnswer(UNKNOWN, 0, claimed_at, is_own=False, reused=False)
                continue
            settled = self._store.claims.settle(
                lost_run(jobs[key]), key=key, batch=batch, workspace=self.workspace, from_owner=holder
            ).result()
            if settled:
                answers[key] = KnownAnswer(UNKNOWN, settled, now.timestamp(), is_own=self._is_own(batch), reused=False)
            else:
                settled_elsewhere.add(key)
        return settled_elsewhere


def beside_of(store: Store, name: str, workspace: str, *, reuse: Reuse, replaces: bool) -> Callable[[], list[Store]]:
    """Return what finds the other stores whose answers count for a batch, where nothing is saved (``store=None``).

    Then each batch has a store of its own in memory, which ends with it. With ``reuse="store"`` or a time all of this
    process count, with ``replace=True`` those of the batch's name; otherwise the same cell calls again.
    """
    anywhere = reuse == "store" or isinstance(reuse, timedelta)

    def find_stores() -> list[Store]:
        others = [other for other in session.stores_in_memory() if other is not store]
        return others if anywhere else [other for other in others if other.batches.find(name, workspace) is not None]

    return find_stores if store.path == IN_MEMORY and (anywhere or (replaces and reuse is not None)) else list


def _seen_in(store: Store, keys: Iterable[str]) -> list[AnswerSummary]:
    """Return what another store knows of jobs, each with its run, and without a number."""
    lines = store.answers.of_jobs(keys, batches=None)
    answers = store.answers.by_ids(line.id for line in lines)
    return [
        AnswerSummary(line.key, None, line.status, line.kept_at, 0, answers[line.id].json)
        for line in lines
        if line.id in answers
    ]


def _by_key(lines: Iterable[AnswerSummary]) -> dict[str, list[AnswerSummary]]:
    summaries: dict[str, list[AnswerSummary]] = {}
    for line in lines:
        summaries.setdefault(line.key, []).append(line)
    return summaries


def _open_reason(line: AnswerSummary) -> str:
    """Why the outcome of a call is still to come, as it was saved: the daily cap of that time holds no longer."""
    reason = open_reason(run_of_row(line.run)) if line.run else ""
    return NOT_ENDED if reason == LOOK_UPS_CAPPED else reason


def _copy_of(line: AnswerSummary) -> str:
    return "" if line.id else line.run or ""


def _is_since(line: AnswerSummary, answer: KnownAnswer) -> bool:
    """Whether a line is newer than what is known; what lies elsewhere has no number."""
    return line.id > answer.line if line.id and answer.line else line.kept_at > answer.kept_at


def left_behind(stored: StoredBatch) -> dict[str, PendingRow]:
    """Return the runs of a batch that the service took and that no living process waits for, by the key of the job."""
    return {row.key: row for row, is_awaited in _submitted(stored) if not is_awaited}


def _awaited(stored: StoredBatch) -> set[str]:
    """Return the keys of the jobs whose runs the service took and a living process waits for, this one included."""
    return {row.key for row, is_awaited in _submitted(stored) if is_awaited}


def _submitted(stored: StoredBatch) -> Iterator[tuple[PendingRow, bool]]:
    """Yield the runs of a batch that the service took, each with whether a living process waits for it."""
    alive: dict[str, bool] = {"": False}
    for row in stored.store.pending.of_batches(stored.ids):
        if row.owner not in alive:
            alive[row.owner] = stored.store.owners.is_alive(row.owner)
        if row.request_id or row.run_id:
            yield row, alive[row.owner]
