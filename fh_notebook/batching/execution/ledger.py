"""`Ledger`: claims before calls and answers after them, in the store.

Rule of this file: a job is claimed before it is sent and its claim leaves with its answer. So what a killed process
leaves claimed may have run: it becomes `unknown`, and is called again only when the user says so. The claim of the job
that comes next is taken with the answer of the one before, in one commit, so that nobody waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from fh_notebook.batching.model import PROCESS_ENDED, Job, lost_run
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.client.polling import LookUpBudget
from fh_notebook.contract.run import Run
from fh_notebook.core.event_loop import finish_despite_cancel
from fh_notebook.store.owner_locks import Owner
from fh_notebook.store.tables.claims import Claim

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """Whether a job may be sent now."""

    go: bool = False
    answer: Run | None = None
    """Not needed any more: somebody else has this answer."""
    line: int = 0
    """Where that answer lies."""
    is_sent: bool = False
    """Where `go`: an earlier kernel has sent its call, and it is only waited for."""
    capped: bool = False
    """No: the daily cap is used up, by whatever kernel."""
    uploads: int = 0
    """Where `capped`: the uploads before the call, for which there is no room."""


GO: Final = ClaimResult(go=True)
REJOINED: Final = ClaimResult(go=True, is_sent=True)

HELD: Final = ClaimResult()
"""Somebody else is calling it; ask again later."""


class Ledger(Protocol):
    """What the engine needs of whatever keeps answers. A cancel breaks none of it: it is raised after the commit."""

    async def claim(self, job: Job) -> ClaimResult:
        """Ask whether `job` may be sent."""
        ...

    async def look(self, job: Job, *, room: int) -> ClaimResult:
        """Return whether `job` could be claimed, with room for so many requests; nothing is claimed."""
        ...

    async def release(self, job: Job, *, sent: bool) -> None:
        """Give back a job that was not sent, or (`sent`) was refused."""
        ...

    async def keep(
        self, job: Job, run: Run, then: Job | None = None, *, unsent: bool = False
    ) -> tuple[int, ClaimResult | None]:
        """Return when the answer is saved for good: where it lies, and whether `then` may be sent."""
        ...


class StoreLedger:
    """The ledger of one start of a batch.

    Parameters
    ----------
    stored : StoredBatch
        Where answers and claims lie, and of which batch.
    workspace : str
        Where it calls.
    owner : Owner
        Who claims; alive as long as this start.
    seen_id : int
        The store's newest line when the answers were looked up: later ones are somebody else's news.
    calls_anew : bool
        Whether what a batch that this one replaced, or that replaced it, has out, or has answered, is called all the
        same (``fresh=True``).
    anywhere : bool
        Whether what other batches have out, or have answered since, is not called again (``reuse="store"``).
    daily_cap : int, optional
        How many requests the workspace may get on one day, of all kernels.
    call_lost : bool
        Whether jobs of owners that ended are called again (``retry_unknown=True``, ``fresh=True``).
    budget : function
        Returns what holds the look-ups of the runs that are out, where the cap has to leave room for them.
    left : frozenset of str
        Keys of jobs that an owner that ended had submitted: they are taken over, since they are not called again.
    """

    def __init__(
        self,
        stored: StoredBatch,
        *,
        workspace: str,
        owner: Owner,
        seen_id: int,
        calls_anew: bool = False,
        anywhere: bool = False,
        daily_cap: int | None = None,
        call_lost: bool = False,
        budget: Callable[[], LookUpBudget | None] = lambda: None,
        left: frozenset[str] = frozenset(),
    ) -> None:
        self._stored = stored
        self._store = stored.store
        self._workspace = workspace
        self._owner = owner
        self._seen_id = seen_id
        self._calls_anew = calls_anew
        self._anywhere = anywhere
        self._daily_cap = daily_cap
        self._call_lost = call_lost
        self._budget = budget
        self._left = left
        self._settled: dict[str, int] = {}
        """The lines that say of jobs that they may have run, where that was said since the plan and they are to be
        called again."""

    async def claim(self, job: Job) -> ClaimResult:
        """Ask for a job; see :class:`ClaimResult`."""
        daily_cap, result = self._cap_with(job), HELD
        try:
            result = await self._turn(job, await _to_the_end(self._take(job, daily_cap)))
        finally:
            if not result.go:
                self._free(job)
        return result

    async def look(self, job: Job, *, room: int) -> ClaimResult:
        """Ask whether a job could be claimed: to be asked for before its files go up."""
        found = await self._take(job, self._cap_with(None), look_for=room)
        return ClaimResult(go=found.mine, capped=found.capped)

    def _cap_with(self, job: Job | None) -> int | None:
        """Hold a look-up for the run of `job`; return how many requests calls and made look-ups may use."""
        budget = self._budget()
        if budget is None or self._daily_cap is None:
            return self._daily_cap
        return max(0, self._daily_cap - (budget.hold(job.key) if job is not None else budget.held + 1))

    def _free(self, job: Job) -> None:
        if (budget := self._budget()) is not None:
            budget.free(job.key)

    def _take(self, job: Job, daily_cap: int | None, look_for: int = 0) -> Awaitable[Claim]:
        return self._store.claims.take(
            self._stored.id,
            job.key,
            self._owner,
            workspace=self._workspace,
            seen_id=self._seen_of(job),
            alone=self._calls_anew,
            anywhere=self._anywhere,
            call_lost=self._call_lost,
            daily_cap=daily_cap,
            is_sent=job.key in self._left,
            look_for=look_for,
        )

    def _seen_of(self, job: Job) -> int:
        """The newest line that says nothing new of a job."""
        return max(self._seen_id, self._settled.get(job.key, 0))

    async def _turn(self, job: Job, claim: Claim) -> ClaimResult:
        if claim.mine:
            return self._go(job)
        if claim.capped:
            return ClaimResult(capped=True)
        if (answer := claim.answered) is not None:
            if self._call_lost and answer.run.error_code == PROCESS_ENDED:  # another kernel was the first to say so
                return await self._claim_again(job, answer.id)
            if answer.batch != self._stored.id:
                await self._store.uses.keep(self._stored.id, [answer.id])
            return ClaimResult(answer=answer.run, line=answer.id)
        return await self._claim_from(job, claim.owner or "", claim.batch)

    def _go(self, job: Job) -> ClaimResult:
        return REJOINED if job.key in self._left else GO

    async def _claim_from(self, job: Job, holder: str, batch: int) -> ClaimResult:
        """Somebody has it: wait while they live, and else say that it may have run, which is called again or is not."""
        if holder == self._owner.name or self._store.owners.is_alive(holder):
            return HELD
        if batch == self._stored.id and job.key in self._left:
            is_taken = await self._store.claims.take_over(batch, job.key, from_owner=holder, owner=self._owner)
            return self._go(job) if is_taken else HELD
        run = lost_run(job)
        line = await self._store.claims.settle(
            run, key=job.key, batch=batch, workspace=self._workspace, from_owner=holder
        )
        if not line:  # another kernel was faster
            return HELD
        if self._call_lost:
            return await self._claim_again(job, line)
        if batch != self._stored.id:
            await self._store.uses.keep(self._stored.id, [line])
        return ClaimResult(answer=run, line=line)

    async def _claim_again(self, job: Job, line: int) -> ClaimResult:
        """Ask for a job of which a line says that it may have run: that stays so until it is answered."""
        self._settled[job.key] = line
        return await self.claim(job)

    async def release(self, job: Job, *, sent: bool) -> None:
        """Give a job back, committed."""
        self._free(job)
        sent = sent or job.key in self._left  # by the process that submitted it
        await _to_the_end(
            self._store.claims.release(self._stored.id, job.key, self._owner, workspace=self._workspace, sent=sent)
        )

    async def keep(
        self, job: Job, run: Run, then: Job | None = None, *, unsent: bool = False
    ) -> tuple[int, ClaimResult | None]:
        """Keep an answer, committed."""
        self._free(job)
        daily_cap = self._cap_with(then) if then is not None else None
        write = self._store.claims.answer(
            run,
            key=job.key,
            batch=self._stored.id,
            workspace=self._workspace,
            owner=self._owner,
            then=then.key if then is not None else None,
            seen_id=self._seen_of(then) if then is not None else 0,
            alone=self._calls_anew,
            anywhere=self._anywhere,
            call_lost=self._call_lost,
            daily_cap=daily_cap,
            is_sent=then is not None and then.key in self._left,
            unsent=unsent,
        )
        result = None
        try:
            line, claim = await _to_the_end(write)
            result = await self._turn(then, claim) if then is not None and claim is not None else None
        finally:
            if then is not None and not (result is not None and result.go):
                self._free(then)
        return line, result


async def _to_the_end(write: Awaitable[T]) -> T:
    """Await a commit that is on its way, also when the one who waits is cancelled; the cancel goes on afterwards."""
    try:
        return await write
    except asyncio.CancelledError:
        await finish_despite_cancel(_again(write))
        raise


async def _again(write: Awaitable[object]) -> None:
    await write
