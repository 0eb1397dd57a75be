"""The open file of one process: what is closed at its exit, and what a fork must not break.

Rule of this file: SQLite's connections and the writer's thread belong to the process that made them (sqlite.org, "How
To Corrupt An SQLite Database File", 2.6), so a fork waits until no thread is inside SQLite, and a child begins afresh.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from weakref import WeakSet, finalize

from fh_notebook.clock import utc_now
from fh_notebook.errors import StoreError
from fh_notebook.store.connection import open_connection
from fh_notebook.store.damage import explained
from fh_notebook.store.place import IN_MEMORY, Place
from fh_notebook.store.writer import Committed, Together, Writer

__all__ = ["Database", "Opened"]

T = TypeVar("T")
Item = TypeVar("Item")


class Opened:
    """The two connections of one process: one that reads, under a lock, and the writer's own."""

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.reading = open_connection(path, busy_timeout_s=busy_timeout_s)
        self.is_open = True
        """Until it is closed: its writer may still commit what was put before."""
        self.place: Place | None = None
        """Of a store in a file."""
        try:
            if path == IN_MEMORY:  # there is only the one connection, so reading waits for writing
                self.writer = Writer(self.reading, path, at_work=self.lock)
            else:
                self.place = Place(path)
                writing = open_connection(path, busy_timeout_s=busy_timeout_s)
                self.writer = Writer(writing, path, check=self.place.check)
        except BaseException:
            self.reading.close()
            raise

    def close(self, *, wait: bool = True) -> None:
        """Commit what was put and close; in a forked child the parent's connections are left alone.

        Garbage is collected in any thread at any instant, also in one that holds the interpreter's import lock, which
        the writer may need: there, nothing may be waited for (``wait=False``).
        """
        self.is_open = False
        if self.pid == os.getpid():
            self.writer.close(wait=wait)
            with self.lock:
                if self.place is not None and self.place.trouble:
                    # Where it was moved away it is whole then, without the log that stayed at its old place.
                    with suppress(sqlite3.Error):
                        self.reading.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self.reading.close()
            if self.place is not None:
                self.place.clear()


class Database:
    """The file of a store: opened at first use, and opened again in a child after ``os.fork``.

    Parameters
    ----------
    path : Path
        The SQLite file; it and its folder are made at first use, for their owner only.
    busy_timeout_s : float
        How long a write waits while another process writes, in seconds.
    now : callable
        The time in UTC.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = 10.0, now: Callable[[], datetime] = utc_now) -> None:
        self.path = path
        self.rescued_from: Path | None = None
        """Where its file was, when it goes on in another one."""
        self.busy_timeout_s = busy_timeout_s
        """How long a write waits, of the connections that are opened from now on."""
        self._now = now
        self._lock = threading.Lock()
        self._open: Opened | None = None
        self._closing: finalize[..., Database] | None = None
        self._owed: dict[tuple[int, str], Callable[[sqlite3.Connection], object]] = {}
        """Answers that could not be written, by batch and key; of single runs by no batch (0) and a number."""
        _databases.add(self)

    def now(self) -> datetime:
        """Return the time, UTC."""
        return self._now()

    # --- read and written

    def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `function` reads.

        Raises
        ------
        StoreError
            The file cannot be opened or read, or is damaged.
        """
        here = self.opened()
        with here.lock, explained(self.path):
            return function(here.reading)

    def put(self, function: Callable[[sqlite3.Connection], T]) -> Committed[T]:
        """Have `function` run in the writer's next transaction.

        Raises
        ------
        StoreError
            The file cannot be opened. What goes wrong later is raised by the future.
        """
        return self.opened().writer.put(function)

    def put_together(self, function: Together[Item, T], item: Item) -> Committed[T]:
        """Have `function` write `item` in the next transaction, together with those that come just before and after."""
        return self.opened().writer.put_together(function, item)

    def put_alone(self, statement: str) -> Committed[None]:
        """Have one statement run by itself, since SQLite refuses it inside of a transaction."""
        return self.opened().writer.put_alone(statement)

    # --- answers that were paid for and could not be written

    def owe(self, done: Committed[Any], place: tuple[int, str], write: Callable[[sqlite3.Connection], object]) -> None:
        """Have `write` run with :meth:`keep_owed` where `done`, which wrote an answer that was paid for, has failed."""
        if isinstance(done.exception(), StoreError):
            self._owed[place] = write

    @property
    def owed(self) -> Mapping[tuple[int, str], Callable[[sqlite3.Connection], object]]:
        """The writes that are owed, by batch and key."""
        return self._owed

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

    # --- open and closed

    def opened(self) -> Opened:
        """Return the connections; the file is opened unless it is open.

        Raises
        ------
        StoreError
            The file cannot be used.
        """
        with self._lock:
            if self._open is None:
                self._hold(opened := _begin(self.path, self.busy_timeout_s))
                return opened
            return self._open

    @property
    def is_lost(self) -> bool:
        """Whether its file was deleted or replaced while it is open here."""
        here = self._open
        return here is not None and here.place is not None and bool(here.place.trouble)

    def go_on_in(self, path: Path, written: Sequence[tuple[int, str]]) -> None:
        """Go on in another file, which has all of this one, where its own was deleted or replaced.

        Parameters
        ----------
        path : Path
            The new file.
        written : sequence of (int, str)
            The places of what was owed and is in it.
        """
        with self._lock:
            here = self._open
            if here is None or here.place is None or not here.place.trouble:
                return
            opened = _begin(path, self.busy_timeout_s)
            if self._closing is not None:
                self._closing.detach()
            _end(here)
            self.rescued_from, self.path = self.rescued_from or self.path, path
            self._hold(opened)
            for place in written:
                self._owed.pop(place, None)

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
            _leak(self._open)
            self._open = None
        self._owed = {}  # the parent writes them

    def close(self) -> None:
        """Commit what was put and close the file; it opens again when it is used."""
        with suppress(StoreError):
            self.keep_owed()
        with self._lock:
            closing, self._closing, here, self._open = self._closing, None, self._open, None
        if closing is not None and here is not None:
            closing.detach()
            _end(here)


_open_now: Final[set[Opened]] = set()
_databases: Final[WeakSet[Database]] = WeakSet()
_held: Final[list[threading.Lock]] = []
"""Between `_before_fork` and what follows it: every lock under which SQLite may be at work."""
_leaked: Final[list[Opened]] = []
"""In a child: the parent's connections, which must be neither used nor closed there, so never collected."""


def _begin(path: Path, busy_timeout_s: float) -> Opened:
    """Open the file; it is closed at the exit of the process.

    Raises
    ------
    StoreError
        The file cannot be used, or this process has it open and it is not there any more.
    """
    _open_now.difference_update([o for o in _open_now if not o.writer.is_alive])
    for other in list(_open_now):
        # An empty file in its place would hide that this process still holds what was in it.
        if other.place is not None and other.place.path == path and other.is_open and other.pid == os.getpid():
            other.place.check()
    here = Opened(path, busy_timeout_s)
    _open_now.add(here)
    return here


def _end(here: Opened) -> None:
    """Commit what was put and close."""
    here.close()
    _open_now.discard(here)


def _leak(here: Opened) -> None:
    """Never touch the parent's connections in this child again."""
    _leaked.append(here)


@atexit.register
def _close_at_exit() -> None:
    """Commit what was put and not waited for, and try once more to write what could not be written."""
    for database in list(_databases):
        with suppress(StoreError):
            database.keep_owed()
    for here in list(_open_now):
        here.close()


def _before_fork() -> None:
    """Wait until no thread is inside SQLite: its global locks, held at a fork, would be held in the child for ever."""
    for database in list(_databases):
        for lock in database.locks():
            lock.acquire()
            _held.append(lock)


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().release()


def _after_fork_in_child() -> None:
    _held.clear()
    for database in list(_databases):
        database.begin_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
