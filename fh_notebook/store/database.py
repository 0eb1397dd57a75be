"""The store's SQLite file in this process: opened with its pragmas, migrated, closed at exit, safe across a fork.

Rules of this file:

1. SQLite's write lock decides which process migrates a file. It holds a lock file among those of the store's owners
   meanwhile, so that the others know that a live process migrates, and wait as long as that takes.
2. A file that cannot be read as a store is never written to, moved or deleted.
3. SQLite's connections and the writer's thread belong to the process that made them (sqlite.org, "How To Corrupt An
   SQLite Database File", 2.6), so a fork waits until no thread is inside SQLite, and a child begins afresh.
4. A file is identified by its device and inode, never by its name alone, and so is its log, which holds the last
   commits. On POSIX an open file can be deleted or replaced (a cleaned folder, a git checkout, a program that
   synchronises): SQLite goes on in the file that has no name any more, and what is committed there ends with the
   process (the same document, 4.2).

Facts: in WAL mode with ``synchronous=NORMAL`` a killed process loses nothing that was committed; a power cut may lose
the last commits and never corrupts (sqlite.org, "Write-Ahead Logging", section 3; "PRAGMA synchronous"). The ``-wal``
and ``-shm`` files take the mode of the main file.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import datetime
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeVar
from weakref import WeakSet, finalize

from fh_notebook.core.values import utc_now
from fh_notebook.errors import StoreError
from fh_notebook.store import retention
from fh_notebook.store.codec import HINT, store_errors
from fh_notebook.store.owner_locks import Owner, is_alive
from fh_notebook.store.tables import (
    answers,
    batches,
    claims,
    corrections,
    partitions,
    pending,
    plans,
    profiles,
    ratings,
    requests,
    scores,
)
from fh_notebook.store.writer import IN_MEMORY, Committed, WriteGroup, Writer

Tell = Callable[[str], None]
"""Shows one line to the user."""


TELL_AFTER_S: Final = 1.0
"""How long a migration may take without a message."""

LOOK_EVERY: Final = 50_000
"""Steps of SQLite's virtual machine between two reads of the clock: some milliseconds."""

ASK_EVERY_MS: Final = 500
"""How long one attempt at the write lock waits, before the lock file is checked."""

LOCK: Final = "migration"
"""The name of the lock file."""


def on_stderr(line: str) -> None:
    """Write a line to stderr, so that the output of a command does not change."""
    if sys.stderr is not None:  # a program without a console
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _owners_folder(path: Path) -> Path:
    return path.with_name(f"{path.name}-owners")


def begin(connection: sqlite3.Connection, path: Path, tell: Tell) -> None:
    """Begin a write transaction.

    Where another process has the write lock because it migrates the file, this one waits until that has ended, for any
    time, and says so.
    """
    (patience_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    deadline_s: float | None = time.monotonic() + patience_ms / 1000
    has_told = False
    connection.execute(f"PRAGMA busy_timeout={min(ASK_EVERY_MS, patience_ms)}")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                if not is_alive(_owners_folder(path), LOCK):
                    if deadline_s is None:  # the migration may have ended since the lock was asked for
                        deadline_s = time.monotonic() + patience_ms / 1000
                    elif time.monotonic() > deadline_s:
                        raise
                    continue
                deadline_s = None
                if not has_told:
                    has_told = True
                    tell(
                        f"fh_notebook: another kernel is upgrading the store {path} to the current version; this "
                        "one waits"
                    )
            else:
                return
    finally:
        connection.execute(f"PRAGMA busy_timeout={patience_ms}")


@contextmanager
def announce_migration(connection: sqlite3.Connection, path: Path, versions: str, tell: Tell) -> Iterator[None]:
    """Hold a block that migrates a file and commits: other processes are informed, and the user where it is slow."""
    is_alive(_owners_folder(path), LOCK)  # removes the lock file of a killed process
    size = f"{max(1, round(path.stat().st_size / 1e6)):,} MB"
    began = time.monotonic()
    try:
        owner = Owner(_owners_folder(path), name=LOCK)
    except FileExistsError:  # of a process that has committed and is about to remove it: this one has the write lock
        owner = Owner(None)
    has_told = False

    def look() -> int:
        nonlocal has_told
        if not has_told and time.monotonic() - began > TELL_AFTER_S:
            has_told = True
            tell(f"fh_notebook: upgrading the store {path} ({size}) {versions}, once; this may take a while")
        return 0

    connection.set_progress_handler(look, LOOK_EVERY)
    try:
        yield
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from exc  # Ctrl+C in `look`, which SQLite's caller swallows
        if exc.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
            raise StoreError(
                (
                    f"the store {path} cannot be upgraded {versions}, because its disk is full: the upgrade needs "
                    f"up to {size} beside it. Free some space and run again; the store was not changed"
                ),
                path=path,
            ) from exc
        raise
    finally:
        connection.set_progress_handler(None, 0)
        owner.end()


APPLICATION_ID: Final = 0x46484E42
"""``FHNB`` in the file's header, which tells a store from the SQLite file of another program."""


Connection = sqlite3.Connection
"""What a transaction runs in: other packages name it without SQL of their own."""
MigrationStep = str | Callable[[sqlite3.Connection], None]
"""One statement, or a function for a step that needs more."""

Migrations = tuple[tuple[MigrationStep, ...], ...]


MIGRATIONS: Final[Migrations] = (
    (*answers.CREATE, *batches.CREATE_BATCHES, *claims.CREATE),
    (*answers.WITH_CALLS, *batches.WITH_ID, *batches.CREATE_JOBS, *batches.CREATE_ROWS),
    scores.CREATE_SCORES,
    pending.CREATE,
    scores.CREATE_PLAIN_SCORES,
    ratings.CREATE,
    partitions.CREATE_PARTS,
    (
        *batches.WITH_IDENTITY,
        *answers.WITH_IDENTITY,
        *claims.WITH_IDENTITY,
        *pending.WITH_IDENTITY,
        scores.LEAVE,
        *plans.CREATE_USES,
        *requests.CREATE,
        *retention.CREATE_FORGOTTEN,
    ),
    (*partitions.CREATE_PLANNED_ROWS, *answers.WITH_EARLIER),
    answers.BATCH_IN_ORDER,
    corrections.CREATE,
    profiles.CREATE,
    partitions.WITH_WAITING,
)
"""Step *i* takes a file from version *i* to *i* + 1. Steps are only added: files of every version are in use."""


class DatabaseConnection(sqlite3.Connection):
    """A connection that knows its file, for errors in rows that are read later."""

    path: Path | None = None


def open_connection(
    path: Path, *, busy_timeout_s: float = 10.0, migrations: Migrations = MIGRATIONS, tell: Tell = on_stderr
) -> sqlite3.Connection:
    """Return a connection to the store at `path`; the file is created or migrated if need be."""
    with store_errors(path):
        if path != IN_MEMORY:
            make_private_file(path)
        connection = sqlite3.connect(
            path,
            timeout=busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            factory=DatabaseConnection,
            uri=path == IN_MEMORY,  # for `requests.share_in_process`
        )
        connection.path = path
        try:
            _prepare(connection, path, migrations, busy_timeout_s, tell)
        except BaseException:
            connection.close()
            raise
    return connection


def make_private_file(path: Path) -> None:
    """Create an empty file that only its owner can read, and its folder, where they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        # Before SQLite creates it with the default mode. An existing file keeps its mode.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def make_single(path: Path) -> None:
    """Convert a store that nobody has open to a single file, without a log beside it."""
    with closing(sqlite3.connect(path)) as alone:
        alone.execute("PRAGMA journal_mode=DELETE")


def _prepare(
    connection: sqlite3.Connection, path: Path, migrations: Migrations, busy_timeout_s: float, tell: Tell
) -> None:
    # Read before any change, and in one transaction: another process may be creating the file now.
    connection.execute("BEGIN")
    version = _version_of(connection, path, newest=len(migrations))
    connection.execute("COMMIT")
    journal_mode = _switch_to_wal(connection, busy_timeout_s)
    if journal_mode not in ("wal", "memory"):
        raise StoreError(
            (
                f"the store {path} is on a disk where SQLite's write-ahead log does not work (a network drive?); put "
                f"it on a local disk: {HINT}"
            ),
            path=path,
        )
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA secure_delete=ON")  # forgotten rows are overwritten, not only unlinked
    if version < len(migrations):
        migrate(connection, path, migrations, tell=tell)


def _switch_to_wal(connection: sqlite3.Connection, busy_timeout_s: float) -> str:
    """Switch to WAL, and return the journal mode. This statement does not wait for other processes by itself."""
    until = time.monotonic() + busy_timeout_s
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _version_of(connection: sqlite3.Connection, path: Path, *, newest: int) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if owner != APPLICATION_ID and (owner or tables):
        raise StoreError(f"{path} is the SQLite file of another program; it was not changed: {HINT}", path=path)
    if version > newest:
        raise StoreError(
            f"the store {path} was written by a newer fh_notebook (its version is {version}, this one reads up to "
            f"{newest}); upgrade with pip install -U fh-notebook, or {HINT}",
            path=path,
        )
    return version


def _apply(connection: sqlite3.Connection, steps: Iterable[MigrationStep]) -> None:
    for step in steps:
        if isinstance(step, str):
            connection.execute(step)
        else:
            step(connection)


@cache
def _creation(migrations: Migrations) -> tuple[str, ...]:
    """Return the statements of the schema that all `migrations` lead to; a new file is created by them.

    The migrations take several times as long: SQLite reads the whole schema again after each change of it.
    """
    with closing(sqlite3.connect(IN_MEMORY, isolation_level=None)) as migrated:
        _apply(migrated, chain.from_iterable(migrations))
        rows = migrated.execute(
            "SELECT sql FROM sqlite_master WHERE sql NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            " ORDER BY type <> 'table', rowid"
        )
        return tuple(sql for (sql,) in rows)


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Migrations = MIGRATIONS, *, tell: Tell = on_stderr
) -> None:
    """Apply the missing migrations, all or none, one process at a time."""
    newest = len(migrations)
    begin(connection, path, tell)
    try:
        # Read again: another process may have migrated the file while this one waited for the lock.
        version = _version_of(connection, path, newest=newest)
        is_filled = version and connection.execute("PRAGMA database_list").fetchone()[2]  # a file, and not a new one
        versions = f"from version {version} to {newest}"
        with announce_migration(connection, path, versions, tell) if is_filled else nullcontext():
            _apply(connection, chain.from_iterable(migrations[version:]) if version else _creation(migrations))
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={newest}")
            connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk has already rolled back
            connection.execute("ROLLBACK")
        raise
    if is_filled:
        # The log holds every change. Where another process reads now, the log is emptied at the next checkpoint.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


Stamp = tuple[int, int]
"""Device and inode."""


class FileIdentity:
    """The file of a store, as it was when it was opened.

    Parameters
    ----------
    path : Path
        Of the file, which is open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = Path(f"{path}-wal")
        self._file_stamp = _stamp_of(path)
        self._log_stamp = _stamp_of(self.log)

    @property
    def change(self) -> str:
        """What happened to the file, in words; empty while it is the one that was opened."""
        if self._file_stamp is None:  # a file system without inodes; Windows deletes no file that is open
            return ""
        stamp = _stamp_of(self.path)
        if stamp != self._file_stamp:
            return "deleted" if stamp is None else "replaced by another file"
        log_stamp = _stamp_of(self.log)
        if self._log_stamp is None:
            self._log_stamp = log_stamp
        return "" if log_stamp == self._log_stamp else "left without its log, which was deleted or replaced"

    def check(self) -> None:
        """Raise where the file is not the one that was opened."""
        if not (change := self.change):
            return
        raise StoreError(
            (
                f"the store {self.path} was {change} while this kernel had it open; the kernel still holds all of "
                'it: fh.store.rescue("rescued.sqlite3") writes it to a new file and continues there, then '
                'fh.configure(store="rescued.sqlite3"); what is not rescued is lost when the kernel ends'
            ),
            path=self.path,
        )

    def remove_log(self) -> None:
        """Remove the log where another file is beside it now: SQLite would read it into that file.

        Call it when nobody reads from the log any more: what was not rescued until then is given up.
        """
        if _stamp_of(self.path) in (None, self._file_stamp):
            return
        if self._log_stamp is None or _stamp_of(self.log) != self._log_stamp:
            return
        for suffix in ("-wal", "-shm"):
            with suppress(OSError):
                os.unlink(f"{self.path}{suffix}")


def _stamp_of(path: Path) -> Stamp | None:
    with suppress(OSError):
        status = os.stat(path)
        return (status.st_dev, status.st_ino) if status.st_ino else None
    return None


T = TypeVar("T")

Item = TypeVar("Item")


class OpenConnections:
    """The two connections of one process: one that reads, under a lock, and the writer's own."""

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.reading = open_connection(path, busy_timeout_s=busy_timeout_s)
        self.is_open = True
        """Until it is closed: its writer may still commit earlier writes."""
        self.file: FileIdentity | None = None
        """Of a store in a file."""
        try:
            if path == IN_MEMORY:  # one connection for both, so reads wait for writes
                requests.share_in_process(self.reading)
                self.writer = Writer(self.reading, path, at_work=self.lock)
            else:
                self.file = FileIdentity(path)
                writing = open_connection(path, busy_timeout_s=busy_timeout_s)
                self.writer = Writer(writing, path, check=self.file.check)
        except BaseException:
            self.reading.close()
            raise

    def close(self, *, wait: bool = True) -> None:
        """Commit pending writes and close; in a forked child the parent's connections are left alone.

        The garbage collector runs in any thread at any time, also in one that holds the import lock, which the writer
        may need: a finalizer must not wait (``wait=False``).
        """
        self.is_open = False
        if self.pid == os.getpid():
            self.writer.close(wait=wait)
            with self.lock:
                if self.file is not None and self.file.change:
                    # A file that was moved is complete then, without the log, which stayed at the old path.
                    with suppress(sqlite3.Error):
                        self.reading.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self.reading.close()
            if self.file is not None:
                self.file.remove_log()


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
        self._open: OpenConnections | None = None
        self._closing: finalize[..., Database] | None = None
        self._owed: dict[tuple[int, str], Callable[[sqlite3.Connection], object]] = {}
        """Writes of answers that failed, by batch and key; of single runs by batch 0 and a random key."""
        _databases.add(self)

    def now(self) -> datetime:
        """Return the time, UTC."""
        return self._now()

    # --- read and written

    def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `function` reads."""
        connections = self.connect()
        with connections.lock, store_errors(self.path):
            return function(connections.reading)

    def put(self, function: Callable[[sqlite3.Connection], T]) -> Committed[T]:
        """Have `function` run in the writer's next transaction."""
        return self.connect().writer.put(function)

    def put_together(self, function: WriteGroup[Item, T], item: Item) -> Committed[T]:
        """Have `function` write `item` in the next transaction, together with those that come just before and after."""
        return self.connect().writer.put_together(function, item)

    def put_alone(self, statement: str) -> Committed[None]:
        """Have one statement run by itself, since SQLite refuses it inside of a transaction."""
        return self.connect().writer.put_alone(statement)

    # --- answers that are paid for and could not be written

    def owe(self, done: Committed[Any], key: tuple[int, str], write: Callable[[sqlite3.Connection], object]) -> None:
        """Register `write` for :meth:`keep_owed` where `done`, the write of an answer, has failed."""
        if isinstance(done.exception(), StoreError):
            self._owed[key] = write

    @property
    def owed(self) -> Mapping[tuple[int, str], Callable[[sqlite3.Connection], object]]:
        """The writes that are owed, by batch and key."""
        return self._owed

    def keep_owed(self) -> None:
        """Write the answers that could not be written, as the answers of their claims.

        Call it before any look-up or call: without it, their claims look like calls of a dead process.
        """
        for key in list(self._owed):
            write = self._owed.pop(key, None)  # removed first, so that only one thread writes it
            if write is None:
                continue
            try:
                self.put(write).result()
            except StoreError:
                self._owed[key] = write
                raise

    # --- open and closed

    def connect(self) -> OpenConnections:
        """Return the connections; the file is opened unless it is open."""
        with self._lock:
            if self._open is None:
                self._hold(opened := _open_file(self.path, self.busy_timeout_s))
                return opened
            return self._open

    @property
    def is_lost(self) -> bool:
        """Whether its file was deleted or replaced while it is open here."""
        connections = self._open
        return connections is not None and connections.file is not None and bool(connections.file.change)

    def go_on_in(self, path: Path, written_keys: Sequence[tuple[int, str]]) -> None:
        """Go on in another file, a full copy of this one, where its own file was deleted or replaced."""
        with self._lock:
            connections = self._open
            if connections is None or connections.file is None or not connections.file.change:
                return
            opened = _open_file(path, self.busy_timeout_s)
            if self._closing is not None:
                self._closing.detach()
            _close_file(connections)
            self.rescued_from, self.path = self.rescued_from or self.path, path
            self._hold(opened)
            for key in written_keys:
                self._owed.pop(key, None)

    def _hold(self, opened: OpenConnections) -> None:
        self._open = opened
        self._closing = finalize(self, opened.close, wait=False)
        self._closing.atexit = False

    def locks(self) -> Iterator[threading.Lock]:
        """Yield the locks under which SQLite works; hold each before the next one is taken."""
        yield self._lock
        if self._open is not None:
            yield from dict.fromkeys((self._open.lock, self._open.writer.at_work))  # in memory they are the same lock

    def reset_after_fork(self) -> None:
        """Reset it in a child after a fork, where the locks are held by threads that do not exist."""
        self._lock = threading.Lock()
        if self._open is not None:
            _never_collect(self._open)
            self._open = None
        self._owed = {}  # the parent writes them

    def close(self) -> None:
        """Commit pending writes and close the file; it opens again at the next use."""
        with suppress(StoreError):
            self.keep_owed()
        with self._lock:
            finalizer, self._closing, connections, self._open = self._closing, None, self._open, None
        if finalizer is not None and connections is not None:
            finalizer.detach()
            _close_file(connections)


_open_now: Final[set[OpenConnections]] = set()

_databases: Final[WeakSet[Database]] = WeakSet()

_held: Final[list[threading.Lock]] = []
"""During a fork: every lock under which SQLite may work."""

_forking: Final[list[Database]] = []
"""During a fork: the databases of these locks. One that was collected then would wait for its own lock for ever."""

_leaked: Final[list[OpenConnections]] = []
"""In a child: the parent's connections, which must be neither used nor closed there, and so not collected."""


def _open_file(path: Path, busy_timeout_s: float) -> OpenConnections:
    """Open the file; it is closed at the exit of the process."""
    _open_now.difference_update([o for o in _open_now if not o.writer.is_alive])
    for other in list(_open_now):
        # A new empty file would hide that this process still holds the content of the old one.
        if other.file is not None and other.file.path == path and other.is_open and other.pid == os.getpid():
            other.file.check()
    connections = OpenConnections(path, busy_timeout_s)
    _open_now.add(connections)
    return connections


def _close_file(connections: OpenConnections) -> None:
    """Commit pending writes and close."""
    connections.close()
    _open_now.discard(connections)


def _never_collect(connections: OpenConnections) -> None:
    """Keep the parent's connections from being collected in this child."""
    _leaked.append(connections)


@atexit.register
def _close_at_exit() -> None:
    """Try once more to write owed answers, and commit pending writes."""
    for database in list(_databases):
        with suppress(StoreError):
            database.keep_owed()
    for connections in list(_open_now):
        connections.close()


def _before_fork() -> None:
    """Wait until no thread is inside SQLite: a global lock that is held at a fork is held in the child for ever."""
    _forking.extend(_databases)
    for database in _forking:
        for lock in database.locks():
            lock.acquire()
            _held.append(lock)


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().release()
    _forking.clear()


def _after_fork_in_child() -> None:
    _held.clear()
    for database in list(_databases):
        database.reset_after_fork()
    _forking.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
