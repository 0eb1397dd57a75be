"""Store: one file of saved answers and batches, used by any number of threads, processes and kernels at once.

Rule of this file: it has the operations on the whole file, or on several tables in one transaction. The operations on
one table are in its repository, in the module of that table (``store.tables.answers``, ``store.tables.claims``, ...).
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
from fh_notebook.store.codec import is_damage, store_errors
from fh_notebook.store.database import Database, make_private_file, make_single
from fh_notebook.store.owner_locks import Owners
from fh_notebook.store.retention import ForgetFilter, Forgotten, ForgottenJobs
from fh_notebook.store.tables import claims, plans
from fh_notebook.store.tables.answers import Answers
from fh_notebook.store.tables.batches import Batches, Jobs, SourceRows
from fh_notebook.store.tables.claims import Claims
from fh_notebook.store.tables.corrections import StoredCorrections
from fh_notebook.store.tables.partitions import Parts, PlannedRows
from fh_notebook.store.tables.pending import Pending
from fh_notebook.store.tables.plans import BatchPlan, Uses
from fh_notebook.store.tables.profiles import Profiles
from fh_notebook.store.tables.ratings import StoredRatings
from fh_notebook.store.tables.requests import Requests
from fh_notebook.store.tables.scores import PlainScores, Scores
from fh_notebook.store.workspace_copy import Workspaces
from fh_notebook.store.writer import IN_MEMORY, Committed

HISTORY_INDICES = ("answers_by_deployment", "answers_by_time")
"""Indices by which history is listed and a day is counted."""


class Store:
    """Stores every answer before it counts.

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
        """The open file, for transactions that no repository has."""
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
        self.profiles = Profiles(database)
        self.corrections = StoredCorrections(database)
        self.forgotten = ForgottenJobs(database)
        self.parts = Parts(database)
        self.planned_rows = PlannedRows(database)
        self.workspaces = Workspaces(database)

    @classmethod
    def in_memory(cls) -> Store:
        """Return a store without a file: it ends with the object (``store=None``)."""
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

    def running(self, criteria: ForgetFilter) -> dict[int, str]:
        """Return the matching batches that a live process runs: id -> name."""
        return self.database.read(lambda c: retention.running(c, criteria, self.owners.is_alive))

    def forget(self, criteria: ForgetFilter) -> Forgotten:
        """Remove answers or a batch for good; return counts of what was removed and what was left.

        A batch that a live process runs is left as it is.
        """

        def write(connection: sqlite3.Connection) -> Forgotten:
            # In the same transaction, so that a batch that has just been started is not removed.
            running = retention.running(connection, criteria, self.owners.is_alive)
            return retention.forget(connection, replace(criteria, spared=(*criteria.spared, *running)))

        forgotten = self.database.put(write).result()
        # The log holds the removed text until this checkpoint.
        self.database.put_alone("PRAGMA wal_checkpoint(TRUNCATE)").result()
        return forgotten

    def parts_to_forget(self, criteria: ForgetFilter) -> list[str]:
        """Return the paths of the matching files of answers.

        Files of a batch that another batch uses are assigned to that one first, and stay.
        """
        self.database.put(lambda c: retention.inherit_parts(c, criteria)).result()
        return self.database.read(lambda c: retention.part_paths(c, criteria))

    # --- the whole file

    def damage(self) -> str:
        """Return the problems that SQLite detects in the file's pages, in one line; empty when it has none."""
        findings = self.database.read(lambda c: [str(row[0]) for row in c.execute("PRAGMA quick_check(3)")])
        return "" if findings == ["ok"] else "; ".join(" ".join(finding.split()) for finding in findings)

    def copy_to(self, path: Path) -> None:
        """Write a copy of the whole store to a new file, which only its owner can read from its first byte on."""
        connections = self.database.connect()
        with connections.lock:
            with store_errors(path):
                make_private_file(path)  # SQLite writes into an existing empty file
            try:
                connections.reading.execute("VACUUM INTO ?", (str(path),))
            except sqlite3.Error as exc:
                with store_errors(self.path if is_damage(exc) else path):
                    raise

    def drop_history_indices(self) -> None:
        """Drop the indices that the store of a running partition does not need: 10 µs an answer, measured."""

        def write(connection: sqlite3.Connection) -> None:
            for name in HISTORY_INDICES:
                connection.execute(f"DROP INDEX IF EXISTS {name}")

        self.database.put(write).result()

    @property
    def is_lost(self) -> bool:
        """Whether its file was deleted or replaced while it is open here."""
        return self.database.is_lost

    @property
    def is_in_use(self) -> bool:
        """Whether a batch of this process that is saved here runs."""
        return self.owners.any_here

    def rescue(self, path: Path, move: Callable[[], Path]) -> None:
        """Write everything that this process holds to a new file: the open store, and the answers not written yet.

        Claims of this process are not in it: its calls have ended, and their answers are stored or owed. Where the
        store's own file was deleted or replaced, this store goes on in the new one.
        """
        if self.is_in_use:
            raise StoreError(
                f"a batch that is saved in {self.path} has not ended; wait for it, or cancel it, then rescue"
            )
        owed = dict(self.database.owed)
        self.copy_to(path)
        with Store(path, now=self.database.now).closing() as rescued:
            for write in owed.values():
                rescued.database.put(write).result()
            rescued.database.put(lambda c: claims.drop_of(c, self.owners.names_here)).result()
        with store_errors(path):
            make_single(path)
        self.database.go_on_in(move(), list(owed))

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Hold a block that decodes stored values: damage in them is an error of this store."""
        with store_errors(self.path):
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
