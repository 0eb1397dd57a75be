"""Writes to the store: one thread commits what has arrived in groups; many rows go in few statements.

Rules of this file:

1. Every step of SQLite releases the interpreter lock and waits for it again, which under load takes longer than writing
   a row. So a statement writes dozens of rows, not one as `executemany` does.
2. A future is done after the commit, never before. There is no timer: a single write is committed at once, and under
   load the groups form by themselves, so durability costs 1 to 2 % (SPEED: a commit per row costs 6.5 times a grouped
   one).
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, Protocol, TypeVar

from fh_notebook.core.event_loop import InterruptibleEvent
from fh_notebook.errors import StoreError
from fh_notebook.store.codec import store_errors

AT_ONCE: Final = 32
"""The most rows of one statement: Python caches the prepared statements of all sizes (128 of them)."""


def insert(
    connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[Any]], *, first: Sequence[Any] = ()
) -> int:
    """Write rows, and return the rowid of the last one."""
    last = 0
    for begin in range(0, len(rows), AT_ONCE):
        chunk = rows[begin : begin + AT_ONCE]
        values = [value for row in chunk for value in (*first, *row)]
        cursor = connection.execute(_statement(into, len(chunk), len(values) // len(chunk)), values)
        last = int(cursor.lastrowid or 0)
    return last


@cache
def _statement(into: str, rows: int, values: int) -> str:
    placeholders = f"({', '.join('?' * values)})"
    return f"{into} VALUES {', '.join([placeholders] * rows)}"


T = TypeVar("T")

Item = TypeVar("Item")


GROUP_MAX: Final = 1_000
"""The most writes of one commit: a larger one gains nothing, and other processes wait longer for the lock."""


class Committed(Generic[T]):
    """A write that is done after its commit. ``result()`` waits in a thread, ``await`` in any event loop.

    It cannot be cancelled: a write is committed also when its caller stops waiting. It is lighter than a
    `concurrent.futures.Future`, whose condition variable costs as much as the write itself.
    """

    __slots__ = ("_calls", "_done", "_error", "_outcome")

    def __init__(self) -> None:
        self._calls: list[Callable[[Committed[T]], object]] = []
        self._done = False
        self._error: BaseException | None = None
        self._outcome: T | None = None

    def finish(self, outcome: T | None = None, error: BaseException | None = None) -> None:
        """Set the result; called once, by the writer's thread."""
        self._outcome, self._error = outcome, error
        self._done = True
        self._call()

    def _call(self) -> None:
        # `list.pop` is atomic: of two threads here, one gets the callback.
        while self._calls:
            try:
                call = self._calls.pop(0)
            except IndexError:
                return
            call(self)

    def add_done_callback(self, call: Callable[[Committed[T]], object]) -> None:
        """Have `call` called when it is done, in the writer's thread; at once if it is done already."""
        self._calls.append(call)
        if self._done:
            self._call()

    def done(self) -> bool:
        """Whether it is committed, or failed."""
        return self._done

    def exception(self) -> BaseException | None:
        """Return the error of a write that is done, if any."""
        return self._error

    def result(self, timeout: float | None = None) -> T:
        """Wait for the commit, at most `timeout` seconds, and return what the function returned."""
        if not self._done:
            ended = InterruptibleEvent()
            self.add_done_callback(lambda _: ended.set())
            if not ended.wait(-1 if timeout is None else timeout):
                raise TimeoutError(f"not committed after {timeout} s")
        if self._error is not None:
            raise self._error
        return self._outcome  # type: ignore[return-value]  # done without an error: it is a T

    def __await__(self) -> Generator[Any, None, T]:
        if not self._done:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()
            self.add_done_callback(lambda _: _wake(loop, future))
            yield from future
        return self.result()


_wakes = threading.local()
"""In the writer's thread while it finishes a group: futures to wake, by loop. A wake-up writes to a pipe: this makes
one per loop and commit, not one per write."""


def _wake(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    gathered: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] | None = getattr(_wakes, "by_loop", None)
    if gathered is None:
        _wake_all(loop, [future])
    else:
        gathered.setdefault(loop, []).append(future)


def _wake_all(loop: asyncio.AbstractEventLoop, waiting: list[asyncio.Future[None]]) -> None:
    with suppress(RuntimeError):  # that loop has ended, and its waiters with it
        loop.call_soon_threadsafe(_set_all, waiting)


def _set_all(waiting: list[asyncio.Future[None]]) -> None:
    for future in waiting:
        if not future.done():  # not cancelled
            future.set_result(None)


@contextmanager
def _waking_together() -> Iterator[None]:
    _wakes.by_loop = {}
    try:
        yield
    finally:
        gathered, _wakes.by_loop = _wakes.by_loop, None
        for loop, waiting in gathered.items():
            _wake_all(loop, waiting)


WriteGroup = Callable[[sqlite3.Connection, Sequence[Item]], Sequence[T]]
"""Writes many items at once, and returns the result of each."""


IN_MEMORY: Final = Path(":memory:")
"""The path of a store without a file, which ends with its connection: SQLite's own name."""


class Transactions(Protocol):
    """The reads and writes of one file, as the repository of a table uses them."""

    @property
    def path(self) -> Path:
        """The SQLite file, or `IN_MEMORY`."""
        ...

    def now(self) -> datetime:
        """Return the time, UTC."""
        ...

    def connect(self) -> object:
        """Open the file unless it is open."""
        ...

    def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `function` reads."""
        ...

    def put(self, function: Callable[[sqlite3.Connection], T]) -> Committed[T]:
        """Have `function` run in the next transaction."""
        ...

    def put_together(self, function: WriteGroup[Item, T], item: Item) -> Committed[T]:
        """Have `function` write `item` in the next transaction, together with its neighbours."""
        ...

    def owe(self, done: Committed[Any], key: tuple[int, str], write: Callable[[sqlite3.Connection], object]) -> None:
        """Register `write` for later where `done`, the write of an answer, has failed."""
        ...


class _Write(Generic[T]):
    """One function of a connection, or one item of a function that takes many, with the future of its result."""

    __slots__ = ("alone", "function", "future", "item", "outcome", "together")

    def __init__(
        self,
        function: Callable[[sqlite3.Connection], T] | None = None,
        *,
        together: WriteGroup[Any, T] | None = None,
        item: Any = None,
        alone: str = "",
    ) -> None:
        self.function = function
        self.together = together
        self.item = item
        self.alone = alone
        self.future: Committed[T] = Committed()
        self.outcome: T | None = None


def _write_nothing(connection: sqlite3.Connection) -> None:
    """Write nothing."""


def _allow() -> None:
    """Allow a commit."""


class Writer:
    """Runs functions of a connection on a thread of its own, in grouped transactions.

    Parameters
    ----------
    connection : sqlite3.Connection
        Used by no other code, unless under `at_work`.
    path : Path
        Of the file, for errors.
    at_work : threading.Lock, optional
        Held while SQLite works, in place of a new lock: for a connection that other code uses, too.
    check : callable, optional
        Called before each commit; raises `StoreError` to prevent it.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        at_work: threading.Lock | None = None,
        check: Callable[[], None] = _allow,
    ) -> None:
        self._connection = connection
        self._path = path
        self._check = check
        self._queue: SimpleQueue[_Write[Any] | None] = SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self.at_work = at_work or threading.Lock()
        """Held while SQLite works: a fork waits for it."""
        self._thread = threading.Thread(target=self._serve, name="fetchhive-store", daemon=True)
        self._thread.start()

    def put(self, function: Callable[[sqlite3.Connection], T]) -> Committed[T]:
        """Have `function` run in the next transaction; return the future of its result.

        The future raises `StoreError` when the transaction could not be committed: nothing of it is stored then.
        """
        return self._put(_Write(function))

    def put_together(self, function: WriteGroup[Item, T], item: Item) -> Committed[T]:
        """Have `function` write `item` in the next transaction, in one group with its neighbours."""
        return self._put(_Write(together=function, item=item))

    def _put(self, write: _Write[T]) -> Committed[T]:
        with self._lock:
            if self._closed:
                raise StoreError(f"the store {self._path} was closed")
            self._queue.put(write)
        return write.future

    def put_alone(self, statement: str) -> Committed[None]:
        """Have a statement run outside any transaction, before the next one."""
        return self._put(_Write(_write_nothing, alone=statement))

    def close(self, *, wait: bool = True) -> None:
        """Commit pending writes, and end the thread and the connection; without `wait`, return before that."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        if wait:
            self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether the thread has not ended yet."""
        return self._thread.is_alive()

    def _serve(self) -> None:
        try:
            self._write_groups()
        finally:
            self._connection.close()

    def _write_groups(self) -> None:
        while group := self._next_group():
            try:
                with store_errors(self._path):
                    self._commit(group)
            except StoreError as exc:
                for write in group:
                    write.future.finish(error=exc)
            except Exception as exc:
                self._write_one_by_one(group, exc)
            else:
                with _waking_together():
                    for write in group:
                        write.future.finish(write.outcome)

    def _next_group(self) -> list[_Write[Any]]:
        """Wait for a write, and return it with all others in the queue; an empty list when the writer is closed."""
        first = self._queue.get()
        if first is None:
            return []
        group = [first]
        with suppress(Empty):
            while len(group) < GROUP_MAX:
                write = self._queue.get_nowait()
                if write is None:
                    self._queue.put(None)  # the last item of the queue: this group first, then the end
                    break
                group.append(write)
        return group

    def _commit(self, group: list[_Write[Any]]) -> None:
        with self.at_work:
            self._check()
            if any(write.alone for write in group):
                self._run_alone(group)
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._run(group)
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has already rolled back
                    self._connection.execute("ROLLBACK")
                raise

    def _run(self, group: list[_Write[Any]]) -> None:
        """Run the writes in order; adjacent items of one function are one call."""
        for together, part in groupby(group, key=lambda write: write.together):
            writes = list(part)
            if together is None:
                for write in writes:
                    write.outcome = write.function(self._connection) if write.function is not None else None
            else:
                for write, outcome in zip(
                    writes, together(self._connection, [write.item for write in writes]), strict=True
                ):
                    write.outcome = outcome

    def _run_alone(self, group: list[_Write[Any]]) -> None:
        """Run the statements outside a transaction; the group's other writes follow."""
        for write in group:
            if write.alone:
                with suppress(
                    sqlite3.OperationalError
                ):  # another process reads now: the next statement of this kind does it
                    self._connection.execute(write.alone).fetchall()

    def _write_one_by_one(self, group: list[_Write[Any]], error: Exception) -> None:
        """Write a group one by one after one function raised: only the future of that one gets the error."""
        if len(group) == 1:
            group[0].future.finish(error=error)
            return
        for write in group:
            try:
                with store_errors(self._path):
                    self._commit([write])
            except Exception as exc:
                write.future.finish(error=exc)
            else:
                write.future.finish(write.outcome)
