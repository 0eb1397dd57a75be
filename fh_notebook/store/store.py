"""`Store`: what the rooms above hold. One file, used by any number of threads, processes and kernels at once.

Rule of this file: opened at first use, and opened again in a child after ``os.fork`` (SQLite's connections and the
writer's thread belong to the process that made them: sqlite.org, "How To Corrupt An SQLite Database File", 2.6).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
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
from fh_notebook.store import answers, batches, claims, owners
from fh_notebook.store.answers import Kept
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.claims import Claim
from fh_notebook.store.connection import explained
from fh_notebook.store.keys import job_key
from fh_notebook.store.masking import masked
from fh_notebook.store.opening import Opened, begin, end, enrol, leak
from fh_notebook.store.owners import Owner
from fh_notebook.store.writer import Committed

__all__ = ["Store"]

T = TypeVar("T")

NO_SECRETS: Final = Secrets()


def _utc_now() -> datetime:
    return datetime.now(UTC)


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
    >>> store = Store(Path(tempfile.mkdtemp()) / "answers.sqlite3")
    >>> _ = store.keep_run(Run(status="completed", output="hi", deployment="d"), "local#demo").result()
    >>> [kept.run.output for kept in store.runs()]
    ['hi']
    >>> store.close()
    """

    def __init__(
        self, path: str | Path, *, busy_timeout_s: float = 10.0, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self.path = Path(path).expanduser().absolute()
        self._busy_timeout_s = busy_timeout_s
        self._now = now
        self._lock = threading.Lock()
        self._open: Opened | None = None
        self._closing: finalize[..., Store] | None = None
        self._owners: WeakSet[Owner] = WeakSet()
        self._owed: dict[tuple[str, str], Callable[[sqlite3.Connection], None]] = {}
        enrol(self)

    # --- writing: every method returns a future that is done after the commit

    def put(self, function: Callable[[sqlite3.Connection], T]) -> Committed[T]:
        """Have `function` run in the writer's next transaction.

        Raises
        ------
        StoreError
            The file cannot be opened. What goes wrong later is raised by the future.
        """
        return self._opened().writer.put(function)

    def keep_run(self, run: Run, workspace: str, *, secrets: Secrets = NO_SECRETS) -> Committed[None]:
        """Keep a single run: of a cell, a form, or `invoke`; inputs that `secrets` covers are masked."""
        key = job_key(workspace, run.deployment, run.variant, run.inputs)
        run = replace(run, inputs=masked(run.inputs, secrets))
        line = answers.line_of(run, key=key, workspace=workspace, batch=None, kept_at=self._now())
        return self.put(partial(answers.append, line=line))

    def keep_answer(
        self, run: Run, *, key: str, batch: str, workspace: str, owner: Owner | None = None
    ) -> Committed[None]:
        """Keep the answer of one job of a batch, and give its claim back in the same transaction.

        Where the store fails, the answer is not forgotten: :meth:`keep_owed` writes it later.
        """
        line = answers.line_of(run, key=key, workspace=workspace, batch=batch, kept_at=self._now())

        def write(connection: sqlite3.Connection) -> None:
            answers.append(connection, line)
            if owner is not None:
                claims.drop(connection, batch, key, owner.name)

        def note(done: Future[None]) -> None:
            if isinstance(done.exception(), StoreError):
                self._owed[batch, key] = write

        committed = self.put(write)
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

    def settle(self, run: Run, *, key: str, batch: str, workspace: str, from_owner: str) -> Committed[bool]:
        """Keep `run` as the answer of a job whose owner ended, and say whether the claim was still there.

        Of several processes that find the same claim, one settles it.
        """
        line = answers.line_of(run, key=key, workspace=workspace, batch=batch, kept_at=self._now())

        def write(connection: sqlite3.Connection) -> bool:
            if not claims.drop(connection, batch, key, from_owner):
                return False
            answers.append(connection, line)
            return True

        return self.put(write)

    def keep_batch(self, record: BatchRecord) -> Committed[None]:
        """Keep what a batch's name stands for."""
        return self.put(partial(batches.write, record=record))

    def claim(self, batch: str, key: str, owner: Owner, *, seen_id: int) -> Committed[Claim]:
        """Ask for one job before it is sent; `seen_id` is the :meth:`newest_id` at the time of the plan."""
        now = self._now().timestamp()
        return self.put(lambda c: claims.take(c, batch, key, owner.name, seen_id=seen_id, now=now))

    def take_over(self, batch: str, key: str, *, from_owner: str, owner: Owner) -> Committed[bool]:
        """Take a job over from an owner that has ended, and say whether it was still there."""
        now = self._now().timestamp()
        return self.put(lambda c: claims.replace_owner(c, batch, key, old=from_owner, new=owner.name, now=now))

    def release(self, batch: str, key: str, owner: Owner) -> Committed[bool]:
        """Give one job back that was not sent, or was refused."""
        return self.put(lambda c: claims.drop(c, batch, key, owner.name))

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
            owner = Owner(self._owners_folder)
        self._owners.add(owner)
        return owner

    def is_alive(self, owner_name: str) -> bool:
        """Whether the owner of a claim still runs, in whatever process."""
        with explained(self.path):
            return owners.is_alive(self._owners_folder, owner_name)

    # --- reading

    def answers_of_batch(self, batch: str, *, after_id: int = 0) -> list[Kept]:
        """Return the answers that were kept under a batch's name after line `after_id`, the newest first."""
        return self._read(lambda c: list(answers.of_batch(c, batch, after_id=after_id)))

    def answers_of_keys(self, keys: Iterable[str], *, since: datetime | None = None) -> list[Kept]:
        """Return all answers of these jobs, of any batch or none, the newest first."""
        return self._read(lambda c: list(answers.of_keys(c, keys, since=since)))

    def count_completed(self, keys: Iterable[str]) -> int:
        """Return how many of these jobs have a completed answer, of any batch or none."""
        return self._read(lambda c: answers.count_completed(c, keys))

    def claims_of_batch(self, batch: str) -> dict[str, str]:
        """Return the jobs of a batch that somebody claims: key -> owner."""
        return self._read(lambda c: claims.of_batch(c, batch))

    def newest_id(self) -> int:
        """Return the number of the last line that was kept; 0 when there is none."""
        return self._read(answers.newest_id)

    def batch(self, name: str, workspace: str) -> BatchRecord | None:
        """Return what a batch's name stands for, if it is known."""
        return self._read(lambda c: batches.find(c, name, workspace))

    def batches(self) -> list[BatchRecord]:
        """Return all batches, the newest first."""
        return self._read(lambda c: list(batches.every(c)))

    def newest_batches(self, limit: int = 100, *, deployment: str | None = None) -> list[tuple[BatchRecord, datetime]]:
        """Return the last batches, each with the time of its last answer (UTC), the newest first."""
        return self._read(lambda c: list(batches.newest(c, limit, deployment=deployment)))

    def counts_of_batch(self, name: str, workspace: str) -> dict[str, int]:
        """Return how many jobs of a batch have which status, each by its newest answer."""
        return self._read(lambda c: answers.counts_of_batch(c, name, workspace))

    def runs(self, limit: int = 100, *, deployment: str | None = None, workspace: str | None = None) -> list[Kept]:
        """Return the last single runs, of one deployment, one workspace or all, the newest first."""
        return self._read(lambda c: list(answers.single_runs(c, limit, deployment=deployment, workspace=workspace)))

    def answers_of_deployment(self, workspace: str, deployment: str, limit: int) -> list[Kept]:
        """Return the last answers of one deployment in one workspace, of batches and of none, the newest first."""
        return self._read(lambda c: list(answers.of_deployment(c, workspace, deployment, limit)))

    def deployment_names(self) -> list[tuple[str, str]]:
        """Return every (deployment, workspace) of which an answer is kept, by name."""
        return self._read(answers.deployment_names)

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
            yield self._open.lock
            yield self._open.writer.at_work

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
