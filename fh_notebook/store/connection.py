"""Opening the file: modes, pragmas, versions.

Rule of this file: a file that we cannot read as ours is never written to, moved or deleted.

Facts: in WAL mode with ``synchronous=NORMAL`` a killed process loses nothing that was committed; a power cut may lose
the last commits and never corrupts (sqlite.org, "Write-Ahead Logging", section 3; "PRAGMA synchronous"). The ``-wal``
and ``-shm`` files take the mode of the main file.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Final

from fh_notebook.errors import StoreError
from fh_notebook.store import (
    answers,
    batches,
    claims,
    forgotten,
    jobs,
    parts,
    pending,
    planned_rows,
    ratings,
    request_ledger,
    rows,
    scores,
    scores_plain,
    uses,
)
from fh_notebook.store.damage import CURE, explained
from fh_notebook.store.migration import Tell, announced, begin, on_stderr
from fh_notebook.store.place import IN_MEMORY

__all__ = [
    "APPLICATION_ID",
    "MIGRATIONS",
    "make_private_file",
    "make_single",
    "migrate",
    "open_connection",
]

APPLICATION_ID: Final = 0x46484E42
"""``FHNB`` in the file's header, so that the store of another program is not mistaken for ours."""

Step = str | Callable[[sqlite3.Connection], None]
"""One statement, or what takes more than statements."""
Migrations = tuple[tuple[Step, ...], ...]

MIGRATIONS: Final[Migrations] = (
    (*answers.CREATE, *batches.CREATE, *claims.CREATE),
    (*answers.WITH_CALLS, *batches.WITH_ID, *jobs.CREATE, *rows.CREATE),
    scores.CREATE,
    pending.CREATE,
    scores_plain.CREATE,
    ratings.CREATE,
    parts.CREATE,
    (
        *batches.WITH_IDENTITY,
        *answers.WITH_IDENTITY,
        *claims.WITH_IDENTITY,
        *pending.WITH_IDENTITY,
        scores.LEAVE,
        *uses.CREATE,
        *request_ledger.CREATE,
        *forgotten.CREATE,
    ),
    (*planned_rows.CREATE, *answers.WITH_EARLIER),
)
"""Step *i* takes a file from version *i* to *i* + 1. Steps are only added: files of every version are out there."""


class Connection(sqlite3.Connection):
    """One that knows its file, for errors of what is read later."""

    path: Path | None = None


def open_connection(
    path: Path, *, busy_timeout_s: float = 10.0, migrations: Migrations = MIGRATIONS, tell: Tell = on_stderr
) -> sqlite3.Connection:
    """Return a connection to the store at `path`, made or brought to the present version if need be.

    Parameters
    ----------
    path : Path
        The file. It and its folder are made when missing, for their owner only.
    busy_timeout_s : float
        How long a write waits for another process's write.
    migrations : tuple of tuples of SQL
        The steps from each version to the next.
    tell : callable
        Shows a line to the user where a large store is brought to the present version, or is being brought by another
        process.

    Raises
    ------
    StoreError
        The file cannot be used; what is wrong and what to do is in the message, and the file is as it was.
    """
    with explained(path):
        if path != IN_MEMORY:
            make_private_file(path)
        connection = sqlite3.connect(
            path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False, factory=Connection
        )
        connection.path = path
        try:
            _prepare(connection, path, migrations, busy_timeout_s, tell)
        except BaseException:
            connection.close()
            raise
    return connection


def make_private_file(path: Path) -> None:
    """Make an empty file that only its owner can read, and its folder, where they are not there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        # Before SQLite makes it with everybody's mode. A file that is there keeps the mode that its owner gave it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def make_single(path: Path) -> None:
    """Make a store that nobody has open one file, with nothing beside it."""
    with closing(sqlite3.connect(path)) as alone:
        alone.execute("PRAGMA journal_mode=DELETE")


def _prepare(
    connection: sqlite3.Connection, path: Path, migrations: Migrations, busy_timeout_s: float, tell: Tell
) -> None:
    # Looks before it changes anything, and at one moment: another process may be making the file just now.
    connection.execute("BEGIN")
    version = _version_of(connection, path, newest=len(migrations))
    connection.execute("COMMIT")
    mode = _switch_to_wal(connection, busy_timeout_s)
    if mode not in ("wal", "memory"):
        raise StoreError(
            f"the store {path} lies where SQLite's write-ahead log does not work (a network drive?); put it on a local "
            f"disk: {CURE}",
            path=path,
        )
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA secure_delete=ON")  # what is forgotten is overwritten, not only unlinked
    if version < len(migrations):
        migrate(connection, path, migrations, tell=tell)


def _switch_to_wal(connection: sqlite3.Connection, busy_timeout_s: float) -> str:
    """Return the journal mode after asking for WAL. This one statement does not wait for others by itself."""
    until = time.monotonic() + busy_timeout_s
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        except sqlite3.OperationalError as broken:
            if broken.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _version_of(connection: sqlite3.Connection, path: Path, *, newest: int) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if owner != APPLICATION_ID and (owner or tables):
        raise StoreError(f"{path} is the SQLite file of another program; it was left as it is: {CURE}", path=path)
    if version > newest:
        raise StoreError(
            f"the store {path} was written by a newer fh_notebook (its version is {version}, this one reads up to "
            f"{newest}); upgrade with pip install -U fh-notebook, or {CURE}",
            path=path,
        )
    return version


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Migrations = MIGRATIONS, *, tell: Tell = on_stderr
) -> None:
    """Take the missing steps, all or none, one process at a time."""
    newest = len(migrations)
    begin(connection, path, tell)
    try:
        # Read again: another process may have taken the steps while this one waited for the lock.
        version = _version_of(connection, path, newest=newest)
        is_filled = version and connection.execute("PRAGMA database_list").fetchone()[2]  # a file, and not a new one
        versions = f"from version {version} to {newest}"
        with announced(connection, path, versions, tell) if is_filled else nullcontext():
            for step in (step for steps in migrations[version:] for step in steps):
                if isinstance(step, str):
                    connection.execute(step)
                else:
                    step(connection)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={newest}")
            connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk has already rolled back
            connection.execute("ROLLBACK")
        raise
    if is_filled:
        # The log holds all that was changed. Where somebody reads just now, it is emptied at the next chance.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
