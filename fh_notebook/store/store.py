"""Store: one file of stored answers and batches, used by any number of threads, processes and kernels at once.

Rule of this file: what concerns the whole file, or several tables in one transaction. What concerns a table is in its
repository (``store.tables.answers``, ``store.tables.claims``, ...), in the module of that table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from fh_notebook.core.values import utc_now
from fh_notebook.errors import StoreError
from fh_notebook.store import retention
from fh_notebook.store.codec import explained, is_damage
from fh_notebook.store.database import Database, make_private_file, make_single
from fh_notebook.store.owner_locks import Owners
from fh_notebook.store.retention import Forgotten, ForgottenJobs, Which
from fh_notebook.store.tables import claims, plans
from fh_notebook.store.tables.answers import Answers
from fh_notebook.store.tables.batches import Batches, Jobs, SourceRows
from fh_notebook.store.tables.claims import Claims
from fh_notebook.store.tables.partitions import Parts, PlannedRows
from fh_notebook.store.tables.pending import Pending
from fh_notebook.store.tables.plans import BatchPlan, Uses
from fh_notebook.store.tables.ratings import StoredRatings
from fh_notebook.store.tables.requests import Requests
from fh_notebook.store.tables.scores import PlainScores, Scores
from fh_notebook.store.workspace_copy import Workspaces
from fh_notebook.store.writer import IN_MEMORY, Committed

__all__ = ["Store"]

NEVER_ASKED = ("answers_by_deployment", "answers_by_time")
"""Indices by which history is listed and a day is counted."""


class Store:
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
    >>> from fh_notebook.contract.run import Run
    >>> store = Store(Path(tempfile.mkdtemp()) / "answers.sqlite3")
    >>> _ = store.answers.keep(Run(status="completed", output="hi", deployment="d"), "local#demo").result()
    >>> [kept.run.output for kept in store.answers.single_runs()]
    ['hi']
    >>> store.close()
    """

    def __init__(
        self, path: str | Path, *, busy_timeout_s: float = 10.0, now: Callable[[], datetime] = utc_now
    ) -> None:
        file = IN_MEMORY if Path(path) == IN_MEMORY else Path(path).expanduser().absolute()
        # The repositories hold the database and not the store: a store that nobody holds is closed at once.
        self.database = database = Database(file, busy_timeout_s=busy_timeout_s, now=now)
        """The open file: single transactions, for what no repository has."""
        self.owners = Owners(database)
        self.answers = Answers(database)
        self.batches = Batches(database)
        self.jobs = Jobs(database)
        self.rows = SourceRows(database)
        self.claims = Claims(database, self.owners)
        self.uses = Uses(database)
        self.pending = Pending(database)
        self.requests = Requests(database)
        self.scores = Scores(database)
        self.plain_scores = PlainScores(database)
        self.ratings = StoredRatings(database)
        self.forgotten = ForgottenJobs(database)
        self.parts = Parts(database)
        self.planned_rows = PlannedRows(database)
        self.workspaces = Workspaces(database)

    @classmethod
    def in_memory(cls) -> Store:
        """Return a store that nothing of is written anywhere: it ends with the object (``store=None``)."""
        return cls(IN_MEMORY)

    @property
    def path(self) -> Path:
        """The SQLite file; another one after :meth:`rescue`."""
        return self.database.path

    @property
    def rescued_from(self) -> Path | None:
        """Where its file was, when it goes on in another one."""
        return self.database.rescued_from

    # --- several tables in one transaction

    def keep_plan(self, plan: BatchPlan) -> Committed[int]:
        """Keep a batch's record, rows and jobs in one transaction; return its number.

        The number is 0 where the batch is another one than the plan was made for, and `plans.RUNNING` where it
        would replace one over partitions that is running: nothing was written then.
        """
        return self.database.put(partial(plans.write, plan=plan, is_alive=self.owners.is_alive))

    def keep_owed(self) -> None:
        """Write the answers that were paid for and could not be written; see `Database.keep_owed`."""
        self.database.keep_owed()

    def running(self, which: Which) -> dict[int, str]:
        """Return the batches in question that somebody who lives is running: number and name."""
        return self.database.read(lambda c: retention.running(c, which, self.owners.is_alive))

    def forget(self, which: Which) -> Forgotten:
        """Remove answers or a batch for good; return what was removed and what was kept.

        A batch that somebody who lives is running is left as it is.

        Raises
        ------
        StoreError
            The file cannot be written; nothing is removed then.
        """

        def write(connection: sqlite3.Connection) -> Forgotten:
            # Looked for in the same transaction: a batch that is started a moment before would be removed else.
            running = retention.running(connection, which, self.owners.is_alive)
            return retention.forget(connection, replace(which, spared=(*which.spared, *running)))

        gone = self.database.put(write).result()
        # The log holds the removed text until then.
        self.database.put_alone("PRAGMA wal_checkpoint(TRUNCATE)").result()
        return gone

    def parts_to_forget(self, which: Which) -> list[str]:
        """Return the paths of the files of answers in question.

        Those of a batch that another batch shows are given to that one first: they stay.
        """
        self.database.put(lambda c: retention.inherit_parts(c, which)).result()
        return self.database.read(lambda c: retention.part_paths(c, which))

    # --- the whole file

    def damage(self) -> str:
        """Return what SQLite finds wrong with the file, page by page, in a line; empty when it is whole."""
        found = self.database.read(lambda c: [str(line[0]) for line in c.execute("PRAGMA quick_check(3)")])
        return "" if found == ["ok"] else "; ".join(" ".join(line.split()) for line in found)

    def copy_to(self, path: Path) -> None:
        """Write a copy of the whole store to a new file, which only its owner can read from its first byte on.

        Raises
        ------
        StoreError
            It cannot be written, or the store is damaged.
        """
        here = self.database.opened()
        with here.lock:
            with explained(path):
                make_private_file(path)  # SQLite fills a file that is there and empty
            try:
                here.reading.execute("VACUUM INTO ?", (str(path),))
            except sqlite3.Error as exc:
                with explained(self.path if is_damage(exc) else path):
                    raise

    def drop_history_indices(self) -> None:
        """Drop the indices that nobody asks the store of a running partition: 10 µs an answer, measured."""

        def write(connection: sqlite3.Connection) -> None:
            for name in NEVER_ASKED:
                connection.execute(f"DROP INDEX IF EXISTS {name}")

        self.database.put(write).result()

    @property
    def is_lost(self) -> bool:
        """Whether its file was deleted or replaced while it is open here."""
        return self.database.is_lost

    @property
    def is_in_use(self) -> bool:
        """Whether a batch of this process that is kept here runs."""
        return self.owners.any_here

    def rescue(self, path: Path, put: Callable[[], Path]) -> None:
        """Write all that this process holds to a new file: the store as it has it open, and the answers that it owes.

        Claims of this process are not in it: its calls have ended, and what came of them is kept or owed. Where the
        store's own file was deleted or replaced, this store goes on in the new one.

        Parameters
        ----------
        path : Path
            The new file, which is not there yet.
        put : callable
            Called once it is whole: has it where it is to stay, and returns its path.

        Raises
        ------
        StoreError
            It cannot be written, or a batch of this process is not over.
        """
        if self.is_in_use:
            raise StoreError(f"a batch that is kept in {self.path} is not over; wait for it, or cancel it, then rescue")
        owed = dict(self.database.owed)
        self.copy_to(path)
        with Store(path, now=self.database.now).closing() as made:
            for write in owed.values():
                made.database.put(write).result()
            made.database.put(lambda c: claims.drop_of(c, self.owners.names_here)).result()
        with explained(path):
            make_single(path)
        self.database.go_on_in(put(), list(owed))

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Hold a block in which what was read is decoded: damage in it is an error of this store.

        Raises
        ------
        StoreError
            What was read is not what was written.
        """
        with explained(self.path):
            yield

    def close(self) -> None:
        """Commit what was put and close the file. A closed store opens again when it is used."""
        self.database.close()

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
        return {"path": self.path, "busy_timeout_s": self.database.busy_timeout_s}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Store.__init__(self, state["path"], busy_timeout_s=state["busy_timeout_s"])
