"""What is written into the store: every method returns a future that is done after the commit.

Rule of this file: an answer that was paid for is not forgotten where the file fails; it is owed, and written before
anything is looked up or called again.
"""

from __future__ import annotations

import sqlite3
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar
from uuid import uuid4

from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets, mask_inputs
from fh_notebook.errors import StoreError
from fh_notebook.store import (
    answers,
    batch_plan,
    batches,
    claims,
    ratings,
    request_ledger,
    scores,
    scores_plain,
    uses,
    workspace_copy,
)
from fh_notebook.store.answer_lines import Line, line_of
from fh_notebook.store.answered import Answered, write_all
from fh_notebook.store.batch_plan import BatchPlan
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.claims import Asked, Claim
from fh_notebook.store.keys import job_key
from fh_notebook.store.opening import Opened
from fh_notebook.store.owners import Owner
from fh_notebook.store.ratings import RatingLine
from fh_notebook.store.reading import Reading
from fh_notebook.store.request_ledger import Kind
from fh_notebook.store.scores import ScoreLine
from fh_notebook.store.scores_plain import PlainScore
from fh_notebook.store.workspace_copy import BatchCopy, Copied
from fh_notebook.store.writer import Committed

__all__ = ["Writing"]

T = TypeVar("T")

NO_SECRETS: Final = Secrets()


class Writing(Reading):
    """What can be kept, claimed and given back; whoever does it has a writer."""

    _now: Callable[[], datetime]
    _owed: dict[tuple[int, str], Callable[[sqlite3.Connection], object]]
    """Answers that could not be written, by batch and key; of single runs by no batch (0) and a number of their own."""

    @abstractmethod
    def _opened(self) -> Opened: ...

    @abstractmethod
    def is_alive(self, owner_name: str) -> bool:
        """Whether the owner of a claim still runs, in whatever process."""

    def put(self, function: Callable[[sqlite3.Connection], T]) -> Committed[T]:
        """Have `function` run in the writer's next transaction.

        Raises
        ------
        StoreError
            The file cannot be opened. What goes wrong later is raised by the future.
        """
        return self._opened().writer.put(function)

    def put_alone(self, statement: str) -> Committed[None]:
        """Have one statement run by itself, since SQLite refuses it inside of a transaction."""
        return self._opened().writer.put_alone(statement)

    # --- answers

    def keep_run(self, run: Run, workspace: str, *, secrets: Secrets = NO_SECRETS) -> Committed[int]:
        """Keep a single run: of a cell, a form, or `invoke`; inputs that `secrets` covers are masked."""
        key = job_key(workspace, run.deployment, run.variant, run.inputs)
        run = replace(run, inputs=mask_inputs(run.inputs, secrets))
        line = line_of(run, key=key, workspace=workspace, batch=None, kept_at=self._now())
        write = partial(answers.append, line=line)
        kept = self.put(write)
        kept.add_done_callback(lambda done: self._owe(done, (0, uuid4().hex), write))  # equal runs are two
        return kept

    def keep_answer(
        self,
        run: Run,
        *,
        key: str,
        batch: int,
        workspace: str,
        owner: Owner | None = None,
        then: str | None = None,
        seen_id: int = 0,
        alone: bool = False,
        anywhere: bool = False,
        call_lost: bool = False,
        daily_cap: int | None = None,
        unsent: bool = False,
    ) -> Committed[tuple[int, Claim | None]]:
        """Keep the answer of one job of a batch, and give its claim back in the same transaction.

        Where the store fails, the answer is not forgotten: :meth:`keep_owed` writes it later.

        Parameters
        ----------
        then : str, optional
            The key of the job that the caller would send next: it is claimed in the same transaction, so that a slot
            waits for one commit and not for two.
        seen_id, alone, anywhere, call_lost, daily_cap
            As :meth:`claim` takes them, for `then`.
        unsent : bool
            Whether its last attempt reached nobody: then it was no request.

        Returns
        -------
        (int, Claim or None)
            The number of the answer's line, and what came of asking for `then`.
        """
        now = self._now()
        line = line_of(run, key=key, workspace=workspace, batch=batch, kept_at=now)
        name = owner.name if owner is not None else ""
        asked = None
        if then is not None:
            asked = Asked(
                batch=batch,
                key=then,
                owner=name,
                seen_id=seen_id,
                now=line.kept_at,
                workspace=workspace,
                alone=alone,
                anywhere=anywhere,
                call_lost=call_lost,
                daily_cap=daily_cap,
            )
        item = Answered(batch=batch, line=line, owner=name, then=asked, unsent=unsent)

        def owe(done: Committed[Any]) -> None:
            self._owe(done, (batch, key), lambda c: write_all(c, [replace(item, then=None)]))

        committed = self._opened().writer.put_together(write_all, item)
        committed.add_done_callback(owe)
        return committed

    def _owe(self, done: Committed[Any], place: tuple[int, str], write: Callable[[sqlite3.Connection], object]) -> None:
        if isinstance(done.exception(), StoreError):
            self._owed[place] = write

    def keep_owed(self) -> None:
        """Write the answers that were paid for and could not be written, as the answers of their claims.

        To be called before anything is looked up or called: their claims would else be taken for calls that a dead
        process left behind.

        Raises
        ------
        StoreError
            It cannot be written still; nothing is forgotten.
        """
        for place in list(self._owed):
            write = self._owed.pop(place, None)  # taken out first: of two threads, one writes it
            if write is None:
                continue
            try:
                self.put(write).result()
            except StoreError:
                self._owed[place] = write
                raise

    def settle(self, run: Run, *, key: str, batch: int, workspace: str, from_owner: str) -> Committed[int]:
        """Keep `run` as the answer of a job whose owner ended; return its line, or 0 when the claim was gone.

        Of several processes that find the same claim, one settles it.
        """
        line = line_of(run, key=key, workspace=workspace, batch=batch, kept_at=self._now())

        def write(connection: sqlite3.Connection) -> int:
            if not claims.drop(connection, batch, key, from_owner):
                return 0
            return answers.append(connection, line)

        return self.put(write)

    # --- batches

    def keep_batch(self, record: BatchRecord) -> Committed[int]:
        """Keep the record of a batch whose rows lie elsewhere, and return its number."""
        return self.put(partial(batches.write, record=record))

    def keep_plan(self, plan: BatchPlan) -> Committed[int]:
        """Keep a batch's record, rows and jobs in one transaction; return its number.

        The number is 0 where the batch is another one than the plan was made for, and `batch_plan.RUNNING` where it
        would replace one over partitions that is running: nothing was written then.
        """
        return self.put(partial(batch_plan.write, plan=plan, is_alive=self.is_alive))

    def keep_uses(self, batch: int, lines: Sequence[int], copies: Sequence[Line] = ()) -> Committed[None]:
        """Keep that a batch shows these answers of others; of those that lie in Parquet files it has copies."""

        def write(connection: sqlite3.Connection) -> None:
            uses.write(connection, batch, lines)
            answers.append_all(connection, [replace(line, batch=batch) for line in copies])

        return self.put(write)

    def rename_batch(self, batch: int, name: str) -> Committed[None]:
        """Give a batch another name; what it has stays its own."""
        return self.put(partial(batches.rename, batch_id=batch, name=name))

    # --- workspaces

    def copy_batch(self, copy: BatchCopy) -> Committed[Copied | None]:
        """Copy one batch into another workspace in one transaction; ``None`` where it was planned for another state."""
        return self.put(partial(workspace_copy.copy_batch, copy=copy))

    def link_copies(self, copies: Mapping[int, int]) -> Committed[None]:
        """Have copied batches replace each other as their sources do; see `workspace_copy.link_copies`."""
        return self.put(partial(workspace_copy.link_copies, copies=copies))

    def copy_runs(self, source: str, target: str, after: int) -> Committed[Copied]:
        """Copy the next single runs of a workspace, those behind the answer of that number."""
        return self.put(partial(workspace_copy.copy_runs, source=source, target=target, after=after))

    # --- requests

    def count_requests(
        self, workspace: str, requests: int, *, kind: Kind = "invoke", at: datetime | None = None
    ) -> Committed[None]:
        """Count requests that are sent now; a negative number takes back what was counted `at` a moment, not sent."""
        now = at or self._now()
        return self.put(partial(request_ledger.add, workspace=workspace, now=now, requests=requests, kind=kind))

    # --- what was said of answers

    def keep_scores(self, scorer: str, lines: Sequence[ScoreLine]) -> Committed[None]:
        """Keep what one version of a scorer said of answers."""
        now = self._now().timestamp()
        return self.put(lambda c: scores.write(c, scorer, lines, now=now))

    def keep_plain_scores(self, scorer: str, lines: Sequence[PlainScore]) -> Committed[None]:
        """Keep what one version of a scorer said of lines of tables."""
        now = self._now().timestamp()
        return self.put(lambda c: scores_plain.write(c, scorer, lines, now=now))

    def keep_ratings(self, lines: Sequence[RatingLine], undone: Sequence[str] = ()) -> Committed[None]:
        """Keep what a person said of outputs, and take back the ratings of these uids, in one transaction."""
        now = self._now().timestamp()

        def write(connection: sqlite3.Connection) -> None:
            ratings.write(connection, lines)
            ratings.undo(connection, undone, now=now)

        return self.put(write)

    def merge_ratings(self, lines: Sequence[RatingLine]) -> Committed[tuple[int, int]]:
        """Take ratings of another store over; the future has how many were new, and how many it took back."""
        return self.put(lambda c: ratings.merge(c, lines))

    # --- claims

    def claim(
        self,
        batch: int,
        key: str,
        owner: Owner,
        *,
        workspace: str,
        seen_id: int,
        alone: bool = False,
        anywhere: bool = False,
        call_lost: bool = False,
        daily_cap: int | None = None,
    ) -> Committed[Claim]:
        """Ask for one job before it is sent, and count the request.

        Parameters
        ----------
        batch, key, owner, workspace
            Who asks for which job.
        seen_id : int
            The :meth:`newest_id` at the time of the plan.
        alone : bool
            Whether what the batches have out, or have answered since, that this one replaced or that replaced it does
            not count.
        anywhere : bool
            Whether what any other batches have out, or have answered since, counts too.
        call_lost : bool
            Whether a call of theirs that may have run does not.
        daily_cap : int, optional
            How many requests the workspace may get on one day.
        """
        asked = Asked(
            batch=batch,
            key=key,
            owner=owner.name,
            seen_id=seen_id,
            now=self._now().timestamp(),
            workspace=workspace,
            alone=alone,
            anywhere=anywhere,
            call_lost=call_lost,
            daily_cap=daily_cap,
        )
        return self._opened().writer.put_together(claims.take_each, asked)

    def begin_start(self, batch: int, owner: Owner) -> Committed[tuple[bool, str]]:
        """Say that `owner` runs a batch, also while none of its jobs is out, until :meth:`end_start`.

        The future says whether the batch is there: from then on it is not forgotten. What owners said that have ended
        since is taken back. Where a batch is running that must not run beside this one (`claims.running_beside`), the
        future says its name, and nothing else was said.
        """
        for other in self._read(lambda c: claims.starters(c, batch)):
            if not self.is_alive(other):
                self._drop_start(batch, other)
        now = self._now().timestamp()

        def write(connection: sqlite3.Connection) -> tuple[bool, str]:
            # In the same transaction: of two kernels that begin at one moment, the second one finds the first.
            if beside := claims.running_beside(connection, batch, self.is_alive):
                return True, beside
            return claims.start(connection, batch, owner.name, now=now), ""

        return self.put(write)

    def end_start(self, batch: int, owner: Owner) -> Committed[bool]:
        """Take back what :meth:`begin_start` said."""
        return self._drop_start(batch, owner.name)

    def _drop_start(self, batch: int, owner_name: str) -> Committed[bool]:
        return self.put(lambda c: claims.drop(c, batch, claims.start_key(owner_name), owner_name))

    def take_over(
        self,
        batch: int,
        key: str,
        *,
        from_owner: str,
        owner: Owner,
    ) -> Committed[bool]:
        """Take a job over that an owner which has ended had submitted: it is waited for, and no request is sent.

        The future says whether it was still there to be taken.
        """
        now = self._now().timestamp()
        return self.put(lambda c: claims.replace_owner(c, batch, key, old=from_owner, new=owner.name, now=now))

    def release(self, batch: int, key: str, owner: Owner, *, workspace: str, sent: bool) -> Committed[bool]:
        """Give one job back that was not sent, or (`sent`) was refused: only the first takes its request back."""

        def write(connection: sqlite3.Connection) -> bool:
            if not sent:
                claims.uncount(connection, batch, key, owner.name, workspace=workspace)
            return claims.drop(connection, batch, key, owner.name)

        return self.put(write)
