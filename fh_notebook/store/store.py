"""`Store`: what the rooms above hold. One file, used by any number of threads, processes and kernels at once.

Rule of this file: opened at first use, and opened again in a child after ``os.fork`` (SQLite's connections and the
writer's thread belong to the process that made them: sqlite.org, "How To Corrupt An SQLite Database File", 2.6).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet, finalize

from fh_notebook.clock import utc_now
from fh_notebook.errors import StoreError
from fh_notebook.store import claims, forgetting, owners
from fh_notebook.store.connection import IN_MEMORY, explained, is_damage, make_private_file, make_single
from fh_notebook.store.forgetting import Forgotten, Which
from fh_notebook.store.opening import Opened, begin, end, enrol, leak
from fh_notebook.store.owners import Owner
from fh_notebook.store.writing import Writing

__all__ = ["Store"]

T = TypeVar("T")


class Store(Writing):
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
    >>> _ = store.keep_run(Run(status="completed", output="hi", deployment="d"), "local#demo").result()
    >>> [kept.run.output for kept in store.runs()]
    ['hi']
    >>> store.close()
    """

    def __init__(
        self, path: str | Path, *, busy_timeout_s: float = 10.0, now: Callable[[], datetime] = utc_now
    ) -> None:
        self.path = IN_MEMORY if Path(path) == IN_MEMORY else Path(path).expanduser().absolute()
        self.rescued_from: Path | None = None
        """Where its file was, when it goes on in another one."""
        self._busy_timeout_s = busy_timeout_s
        self._now = now
        self._lock = threading.Lock()
        self._open: Opened | None = None
        self._closing: finalize[..., Store] | None = None
        self._owners: WeakSet[Owner] = WeakSet()
        self._own: set[str] = set()
        """The names of all owners of this process, also of those that have ended."""
        self._owed: dict[tuple[int, str], Callable[[sqlite3.Connection], object]] = {}
        enrol(self)

    @classmethod
    def in_memory(cls) -> Store:
        """Return a store that nothing of is written anywhere: it ends with the object (``store=None``)."""
        return cls(IN_MEMORY)

    # --- removing, and copying

    def running(self, which: Which) -> dict[int, str]:
        """Return the batches in question that somebody who lives is running: number and name."""
        return self._read(lambda c: forgetting.running(c, which, self.is_alive))

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
            running = forgetting.running(connection, which, self.is_alive)
            return forgetting.forget(connection, replace(which, spared=(*which.spared, *running)))

        gone = self.put(write).result()
        self.put_alone("PRAGMA wal_checkpoint(TRUNCATE)").result()  # the log holds the removed text until then
        return gone

    def copy_to(self, path: Path) -> None:
        """Write a copy of the whole store to a new file, which only its owner can read from its first byte on.

        Raises
        ------
        StoreError
            It cannot be written, or the store is damaged.
        """
        here = self._opened()
        with here.lock:
            with explained(path):
                make_private_file(path)  # SQLite fills a file that is there and empty
            try:
                here.reading.execute("VACUUM INTO ?", (str(path),))
            except sqlite3.Error as broken:
                with explained(self.path if is_damage(broken) else path):
                    raise

    @property
    def is_lost(self) -> bool:
        """Whether its file was deleted or replaced while it is open here."""
        here = self._open
        return here is not None and here.place is not None and bool(here.place.trouble)

    @property
    def is_in_use(self) -> bool:
        """Whether a batch of this process that is kept here runs."""
        return any(owner.lives for owner in list(self._owners))

    def rescue(self, path: Path, put: Callable[[], object]) -> None:
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
        owed = dict(self._owed)
        self.copy_to(path)
        with Store(path, now=self._now).closing() as made:
            for write in owed.values():
                made.put(write).result()
            made.put(lambda c: claims.drop_of(c, self._own)).result()
        with explained(path):
            make_single(path)
        self._go_on_in(put(), owed)

    def _go_on_in(self, path: Any, owed: Mapping[tuple[int, str], object]) -> None:
        with self._lock:
            here = self._open
            if here is None or here.place is None or not here.place.trouble:
                return
            opened = begin(path, self._busy_timeout_s)
            if self._closing is not None:
                self._closing.detach()
            end(here)
            self.rescued_from, self.path = self.rescued_from or self.path, path
            self._hold(opened)
            for place in owed:
                self._owed.pop(place, None)

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
        self._own.add(owner.name)
        return owner

    def is_alive(self, owner_name: str) -> bool:
        """Whether the owner of a claim still runs, in whatever process."""
        if self.path == IN_MEMORY:
            return any(owner.name == owner_name and owner.lives for owner in list(self._owners))
        with explained(self.path):
            return owners.is_alive(self._owners_folder, owner_name)

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
                self._hold(opened := begin(self.path, self._busy_timeout_s))
                return opened
            return self._open

    def _hold(self, opened: Opened) -> None:
        self._open = opened
        self._closing = finalize(self, opened.close, wait=False)
        self._closing.atexit = False

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
        self._own = set()
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
