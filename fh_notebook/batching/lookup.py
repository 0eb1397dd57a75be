"""What is known of jobs before they are called: which kept answer stands for each.

Rule of this file: the newest answer that counts, never a failure from before what may have run; and what a dead process
left claimed may have run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from fh_notebook.batching.delivery import left_behind
from fh_notebook.batching.job import Job
from fh_notebook.batching.ledger import lost_run
from fh_notebook.batching.outcomes import DONE, FAILED, UNKNOWN, is_reusable
from fh_notebook.store.answer_lines import run_of
from fh_notebook.store.answers import Seen
from fh_notebook.store.store import Store

__all__ = ["Known", "LookUp", "Reuse", "kept_reuse", "read_reuse"]

Reuse = Literal["batch", "store"] | timedelta | None


def kept_reuse(reuse: Reuse, now: datetime) -> str:
    """Return which answers count, as it is kept of a batch: an age as the moment that it means `now`.

    Answers that others had paid for lie under their names, and a batch that is opened again is to find them there.
    """
    return (now - reuse).isoformat() if isinstance(reuse, timedelta) else "store" if reuse == "store" else "batch"


def read_reuse(kept: object, now: datetime) -> Reuse:
    """Return what :func:`kept_reuse` kept, as it is to be understood `now`.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    >>> kept = kept_reuse(timedelta(hours=2), noon)
    >>> read_reuse(kept, noon + timedelta(hours=1)), read_reuse("store", noon), read_reuse(None, noon)
    (datetime.timedelta(seconds=10800), 'store', 'batch')
    """
    if kept in ("store", "batch") or not isinstance(kept, str):
        return "store" if kept == "store" else "batch"
    return now - datetime.fromisoformat(kept)


@dataclass(frozen=True, slots=True)
class Known:
    """The kept answer that stands for a job."""

    kind: int
    line: int
    kept_at: float
    """Seconds since 1970, UTC."""
    reused: bool = True


@dataclass(frozen=True, kw_only=True)
class LookUp:
    """Looks jobs of one batch up.

    Parameters
    ----------
    store : Store
        Where.
    batch, workspace : str
        Whose.
    reuse : {"batch", "store"}, timedelta or None
        Which answers count: of this batch, of any, any that young, or only this batch's since `after_id`.
    after_id : int
        Where a batch that calls anew began; 0 takes all.
    """

    store: Store
    batch: str
    workspace: str
    reuse: Reuse
    after_id: int = 0

    def of(self, jobs: Iterable[Job], *, now: datetime, call_lost: bool = False) -> dict[str, Known]:
        """Return what stands for each job, by key.

        Parameters
        ----------
        jobs : iterable of Job
            With keys.
        now : datetime
            UTC.
        call_lost : bool
            Whether what may have run is to be called again, so that it is no outcome.

        Returns
        -------
        dict of str to Known
            For each key the newest answer that is reused; else, where this batch's newest is unknown, that. A failure
            that is older than this batch's unknown is not reused: what may have run since would be called again.
        """
        wanted = {job.key: job for job in jobs}
        own = self.store.seen(wanted, batch=self.batch, after_id=self.after_id)
        since = now - self.reuse if isinstance(self.reuse, timedelta) else None
        found = self._newest_reusable(s for s in own if since is None or s.kept_at >= since.timestamp())
        if self.reuse == "store" or since is not None:
            others = self.store.seen([key for key in wanted if key not in found], batch=None, since=since)
            found |= self._newest_reusable(others)
        if call_lost:
            return found
        left = left_behind(self.store, self.batch)  # their outcomes are still to come: they are open, not unknown
        newest: dict[str, Seen] = {}
        for seen in own:
            newest.setdefault(seen.key, seen)
        for key, seen in newest.items():
            if key not in found and key not in left and seen.status not in ("completed", "failed"):
                found[key] = Known(UNKNOWN, seen.id, seen.kept_at, reused=False)
        return found | self._lost({key: job for key, job in wanted.items() if key not in left}, found, now)

    def _newest_reusable(self, lines: Iterable[Seen]) -> dict[str, Known]:
        with self.store.decoding():
            return _newest_reusable(lines, self.batch)

    def _lost(self, wanted: Mapping[str, Job], found: Mapping[str, Known], now: datetime) -> dict[str, Known]:
        """Settle the claims of owners that ended: those jobs may have run."""
        alive: dict[str, bool] = {}
        lost: dict[str, Known] = {}
        for key, holder in self.store.claims_of_batch(self.batch).items():
            if key not in wanted or key in found:
                continue
            if holder not in alive:
                alive[holder] = self.store.is_alive(holder)
            if not alive[holder]:
                settled = self.store.settle(
                    lost_run(wanted[key]), key=key, batch=self.batch, workspace=self.workspace, from_owner=holder
                ).result()
                if settled:
                    lost[key] = Known(UNKNOWN, settled, now.timestamp(), reused=False)
        return lost


def _newest_reusable(lines: Iterable[Seen], batch: str) -> dict[str, Known]:
    """Return the newest answer of each key that is reused, from lines that come newest first."""
    found: dict[str, Known] = {}
    may_have_run: set[str] = set()
    for seen in lines:
        if seen.key in found:
            continue
        if seen.status == "completed":
            found[seen.key] = Known(DONE, seen.id, seen.kept_at)
        elif seen.status != "failed":
            may_have_run |= {seen.key} if seen.batch == batch else set()
        elif seen.key not in may_have_run and _stands(seen):
            found[seen.key] = Known(FAILED, seen.id, seen.kept_at)
    return found


def _stands(seen: Seen) -> bool:
    return is_reusable(run_of(seen.run))
