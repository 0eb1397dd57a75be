"""`Store`: what the rooms above hold. One file, used by any number of threads, processes and kernels at once.

Rule of this file: opened at first use, and opened again in a child after ``os.fork`` (SQLite's connections and the
writer's thread belong to the process that made them: sqlite.org, "How To Corrupt An SQLite Database File", 2.6).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from weakref import WeakSet, finalize

from fh_notebook.contract.hidden import Secrets
from fh_notebook.contract.run import Run
from fh_notebook.errors import StoreError
from fh_notebook.store import answers, batches, claims, forgetting, jobs, owners, ratings, rows, scores, scores_plain
from fh_notebook.store.answered import Answered, write_all
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.claims import Asked, Claim
from fh_notebook.store.connection import IN_MEMORY, explained
from fh_notebook.store.forgetting import Which
from fh_notebook.store.jobs import JobLine
from fh_notebook.store.keys import job_key
from fh_notebook.store.masking import masked
from fh_notebook.store.opening import Opened, begin, end, enrol, leak
from fh_notebook.store.owners import Owner
from fh_notebook.store.ratings import RatingLine
from fh_notebook.store.reading import Reading
from fh_notebook.store.rows import RowLine
from fh_notebook.store.scores import ScoreLine
from fh_notebook.store.scores_plain import PlainScore
from fh_notebook.store.writer import Committed

__all__ = ["Store"]

T = TypeVar("T")

NO_SECRETS: Final = Secrets()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Store(Reading):
    """Keeps every answer, before it counts.

    Parameters
    ----------
    path : str or Path
        The SQLite file; it and its folder are made at first use, for their owner only.
    busy_timeout_s : float
        How long a write waits while another process writes, in seconds.
    now : callable
        The time in UTC.

    Examples
    --------
    >>> import tempfile
    >>> store = Store(Path(tempfile.mkdtemp()) / "answers.sqlite3")
    >>> _ = store.keep_run(Run(status="completed", output="hi", deployment="d"), "local#demo").result()
    >>> [kept.run.output for kept in store.runs()]
    ['hi']
    >>> store.close()
    """

    def __init__(
        self, path: str | Path, *, busy_timeout_s: float = 10.0, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self.path = IN_MEMORY if Path(path) == IN_MEMORY else Path(path).expanduser().absolute()
        self._busy_timeout_s = busy_timeout_s
        self._now = now
        self._lock = threading.Lock()
        self._open: Opened | None = None
        self._closing: finalize[..., Store] | None = None
        self._owners: WeakSet[Owner] = WeakSet()
        self._owed: dict[tuple[str, str], Callable[[sqlite3.Connection], object]] = {}
        enrol(self)

    @classmethod
    def in_memory(cls) -> Store:
        """Return a store that nothing of is written anywhere: it ends with the object (``store=None``)."""
        return cls(IN_MEMORY)

    # --- writing: every method returns a future that is done after the commit

    def put(self, function: Callable[[sqlite3.Connection], T]) -> Committed[T]:
        """Have `function` run in the writer's next transaction.

        Raises
        ------
        StoreError
            The file cannot be opened. What goes wrong later is raised by the future.
        """
        return self._opened().writer.put(function)

    def keep_run(self, run: Run, workspace: str, *, secrets: Secrets = NO_SECRETS) -> Committed[int]:
        """Keep a single run: of a cell, a form, or `invoke`; inputs that `secrets` covers are masked."""
        key = job_key(workspace, run.deployment, run.variant, run.inputs)
        run = replace(run, inputs=masked(run.inputs, secrets))
        line = answers.line_of(run, key=key, workspace=workspace, batch=None, kept_at=self._now())
        return self.put(partial(answers.append, line=line))

    def keep_answer(
        self,
        run: Run,
        *,
        key: str,
        batch: str,
        workspace: str,
        owner: Owner | None = None,
        then: str | None = None,
        seen_id: int = 0,
    ) -> Committed[tuple[int, Claim | None]]:
        """Keep the answer of one job of a batch, and give its claim back in the same transaction.

        Where the store fails, the answer is not forgotten: :meth:`keep_owed` writes it later.

        Parameters
        ----------
        then : str, optional
            The key of the job that the caller would send next: it is claimed in the same transaction, so that a slot
            waits for one commit and not for two.

        Returns
        -------
        (int, Claim or None)
            The number of the answer's line, and what came of asking for `then`.
        """
        now = self._now()
        line = answers.line_of(run, key=key, workspace=workspace, batch=batch, kept_at=now)
        name = owner.name if owner is not None else ""

        item = Answered(batch=batch, line=line, owner=name, then=then, seen_id=seen_id)

        def note(done: Committed[Any]) -> None:
            if isinstance(done.exception(), StoreError):
                self._owed[batch, key] = lambda c: write_all(c, [replace(item, then=None)])

        committed = self._opened().writer.put_together(write_all, item)
        committed.add_done_callback(note)
        return committed

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

    def settle(self, run: Run, *, key: str, batch: str, workspace: str, from_owner: str) -> Committed[int]:
        """Keep `run` as the answer of a job whose owner ended; return its line, or 0 when the claim was gone.

        Of several processes that find the same claim, one settles it.
        """
        line = answers.line_of(run, key=key, workspace=workspace, batch=batch, kept_at=self._now())

        def write(connection: sqlite3.Connection) -> int:
            if not claims.drop(connection, batch, key, from_owner):
                return 0
            return answers.append(connection, line)

        return self.put(write)

    def keep_batch(self, record: BatchRecord) -> Committed[int]:
        """Keep what a batch's name stands for, and return its number."""
        return self.put(partial(batches.write, record=record))

    def keep_plan(self, batch_id: int, job_lines: Sequence[JobLine], row_lines: Sequence[RowLine]) -> Committed[None]:
        """Keep jobs and rows of a batch, in the place of what stood for the same places."""

        def write(connection: sqlite3.Connection) -> None:
            rows.write(connection, batch_id, row_lines)
            jobs.write(connection, batch_id, job_lines)

        return self.put(write)

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

    def claim(self, batch: str, key: str, owner: Owner, *, seen_id: int) -> Committed[Claim]:
        """Ask for one job before it is sent; `seen_id` is the :meth:`newest_id` at the time of the plan."""
        now = self._now().timestamp()
        asked = Asked(batch=batch, key=key, owner=owner.name, seen_id=seen_id, now=now)
        return self._opened().writer.put_together(claims.take_each, asked)

    def begin_start(self, batch: str, owner: Owner) -> Committed[Claim]:
        """Say that `owner` runs a batch, also while none of its jobs is out, until :meth:`end_start`.

        What owners said that have ended since is taken back.
        """
        for other in self._read(lambda c: claims.starters(c, batch)):
            if not self.is_alive(other):
                self._drop_start(batch, other)
        return self.claim(batch, claims.start_key(owner.name), owner, seen_id=0)

    def end_start(self, batch: str, owner: Owner) -> Committed[bool]:
        """Take back what :meth:`begin_start` said."""
        return self._drop_start(batch, owner.name)

    def _drop_start(self, batch: str, owner_name: str) -> Committed[bool]:
        return self.put(lambda c: claims.drop(c, batch, claims.start_key(owner_name), owner_name))

    def take_over(self, batch: str, key: str, *, from_owner: str, owner: Owner) -> Committed[bool]:
        """Take a job over from an owner that has ended, and say whether it was still there."""
        now = self._now().timestamp()
        return self.put(lambda c: claims.replace_owner(c, batch, key, old=from_owner, new=owner.name, now=now))

    def release(self, batch: str, key: str, owner: Owner) -> Committed[bool]:
        """Give one job back that was not sent, or was refused."""
        return self.put(lambda c: claims.drop(c, batch, key, owner.name))

    # --- removing, and copying

    def running(self, which: Which) -> list[str]:
        """Return the names of the batches in question that somebody who lives is running."""
        return self._read(lambda c: forgetting.running(c, which, self.is_alive))

    def forget(self, which: Which) -> int:
        """Remove answers for good, with the batches of which none is left; return how many answers there were.

        Raises
        ------
        StoreError
            The file cannot be written; nothing is removed then.
        """
        gone = self.put(lambda c: forgetting.forget(c, which)).result()
        self.put_alone("PRAGMA wal_checkpoint(TRUNCATE)").result()  # the log holds the removed text until then
        return gone

    def put_alone(self, statement: str) -> Committed[None]:
        """Have one statement run by itself, since SQLite refuses it inside of a transaction."""
        return self._opened().writer.put_alone(statement)

    def copy_to(self, path: Path) -> None:
        """Write a copy of the whole store to a new file.

        Raises
        ------
        StoreError
            It cannot be written.
        """
        with explained(path):
            self._read(lambda c: c.execute("VACUUM INTO ?", (str(path),)))

    # --- owners of claims

    @property
    def _owners_folder(self) -> Path:
        return self.path.with_name(f"{self.path.name}-owners")

    def new_owner(self) -> Owner:
        """Return a new owner of claims. Its `end()` is called when it calls nothing any more.

        Raises
        ------
        StoreError
            The store cannot be opened, or the lock file cannot be made.
        """
        self._opened()
        with explained(self.path):
            owner = Owner(None if self.path == IN_MEMORY else self._owners_folder)
        self._owners.add(owner)
        return owner

    def is_alive(self, owner_name: str) -> bool:
        """Whether the owner of a claim still runs, in whatever process."""
        if self.path == IN_MEMORY:
            return any(owner.name == owner_name and owner.lives for owner in list(self._owners))
        with explained(self.path):
            return owners.is_alive(self._owners_folder, owner_name)

    def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `function` reads, for the rest of this room."""
        return self._read(function)

    def _read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        here = self._opened()
        with here.lock, explained(self.path):
            return function(here.reading)

    # --- open and closed

    def _opened(self) -> Opened:
        with self._lock:
            if self._open is None:
                self._open = begin(self.path, self._busy_timeout_s)
                self._closing = finalize(self, self._open.close, wait=False)
                self._closing.atexit = False
            return self._open

    def locks(self) -> Iterator[threading.Lock]:
        """Yield the locks under which SQLite is at work; one is asked for after the one before it is held."""
        yield self._lock
        if self._open is not None:
            yield from dict.fromkeys((self._open.lock, self._open.writer.at_work))  # of a store in memory they are one

    def begin_afresh(self) -> None:
        """In a child after a fork: the locks are held, and the threads that would give them back are not there."""
        self._lock = threading.Lock()
        if self._open is not None:
            leak(self._open)
            self._open = None
        for owner in list(self._owners):
            owner.let_go()
        self._owners = WeakSet()
        self._owed = {}  # the parent writes them

    def close(self) -> None:
        """Commit what was put and close the file. A closed store opens again when it is used."""
        with suppress(StoreError):
            self.keep_owed()
        with self._lock:
            closing, self._closing, here, self._open = self._closing, None, self._open, None
        if closing is not None and here is not None:
            closing.detach()
            end(here)

    @contextmanager
    def closing(self) -> Iterator[Store]:
        """Hold the store for a block, and close it at the end."""
        try:
            yield self
        finally:
            self.close()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "busy_timeout_s": self._busy_timeout_s}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Store.__init__(self, state["path"], busy_timeout_s=state["busy_timeout_s"])
