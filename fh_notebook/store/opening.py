"""The open file of one process: what is closed at its exit, and what a fork must not break.

Rule of this file: SQLite's connections and the writer's thread belong to the process that made them (sqlite.org, "How
To Corrupt An SQLite Database File", 2.6), so a fork waits until no thread is inside SQLite, and a child begins afresh.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol
from weakref import WeakSet

from fh_notebook.errors import StoreError
from fh_notebook.store.connection import IN_MEMORY, open_connection
from fh_notebook.store.place import Place
from fh_notebook.store.writer import Writer

__all__ = ["Opened", "begin", "end", "enrol", "leak"]


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


class Enrolled(Protocol):
    """What a store lets be done to it at a fork and at the exit."""

    def keep_owed(self) -> None:
        """Write what could not be written before."""
        ...

    def locks(self) -> Iterator[threading.Lock]:
        """Yield the locks under which SQLite is at work."""
        ...

    def begin_afresh(self) -> None:
        """Forget, in a child, what is the parent's."""
        ...


_open_now: Final[set[Opened]] = set()
_stores: Final[WeakSet[Enrolled]] = WeakSet()
_held: Final[list[threading.Lock]] = []
"""Between `_before_fork` and what follows it: every lock under which SQLite may be at work."""
_leaked: Final[list[Opened]] = []
"""In a child: the parent's connections, which must be neither used nor closed there, so never collected."""


def enrol(store: Enrolled) -> None:
    """Have `store` told of forks and of the exit, as long as it lives."""
    _stores.add(store)


def begin(path: Path, busy_timeout_s: float) -> Opened:
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


def end(here: Opened) -> None:
    """Commit what was put and close."""
    here.close()
    _open_now.discard(here)


def leak(here: Opened) -> None:
    """Never touch the parent's connections in this child again."""
    _leaked.append(here)


@atexit.register
def _close_at_exit() -> None:
    """Commit what was put and not waited for, and try once more to write what could not be written."""
    for store in list(_stores):
        with suppress(StoreError):
            store.keep_owed()
    for here in list(_open_now):
        here.close()


def _before_fork() -> None:
    """Wait until no thread is inside SQLite: its global locks, held at a fork, would be held in the child for ever."""
    for store in list(_stores):
        for lock in store.locks():
            lock.acquire()
            _held.append(lock)


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().release()


def _after_fork_in_child() -> None:
    _held.clear()
    for store in list(_stores):
        store.begin_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
