"""The move of a store's file to the present version: one process takes the steps, and whoever waits for it says so.

Rule of this file: SQLite's write lock decides who takes the steps. A lock file among those of the store's owners, held
meanwhile, tells the others what they wait for, and that it lives: so they wait as long as it takes.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fh_notebook.errors import StoreError
from fh_notebook.store.owners import Owner, is_alive

__all__ = ["Tell", "announced", "begin", "on_stderr"]

Tell = Callable[[str], None]
"""Shows one line to the user."""

TELL_AFTER_S: Final = 1.0
"""How long the steps may take without a line."""
LOOK_EVERY: Final = 50_000
"""Steps of SQLite's virtual machine between two looks at the clock: some milliseconds."""
ASK_EVERY_MS: Final = 500
"""How long one try for the write lock waits, before it is looked up who has it."""
LOCK: Final = "migration"
"""The name of the lock file."""


def on_stderr(line: str) -> None:
    """Show a line where warnings are shown: the output of a command stays what it is."""
    if sys.stderr is not None:  # a program without a console
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _owners_folder(path: Path) -> Path:
    return path.with_name(f"{path.name}-owners")


def begin(connection: sqlite3.Connection, path: Path, tell: Tell) -> None:
    """Begin a write transaction.

    Where another process has the write lock because it takes the steps, this one waits until it has ended, however long
    that is, and says so.

    Raises
    ------
    sqlite3.OperationalError
        Another process has the lock for another reason, for longer than the connection waits.
    """
    (patience_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    until = time.monotonic() + patience_ms / 1000
    is_told = False
    connection.execute(f"PRAGMA busy_timeout={min(ASK_EVERY_MS, patience_ms)}")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as broken:
                if broken.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                if not is_alive(_owners_folder(path), LOCK):
                    if time.monotonic() > until:
                        raise
                elif not is_told:
                    is_told = True
                    tell(f"fh_notebook: another kernel brings the store {path} to the present version; this one waits")
            else:
                return
    finally:
        connection.execute(f"PRAGMA busy_timeout={patience_ms}")


@contextmanager
def announced(connection: sqlite3.Connection, path: Path, versions: str, tell: Tell) -> Iterator[None]:
    """Hold a block that takes a file's steps and commits them: others know of it, and the user where it is slow.

    Raises
    ------
    StoreError
        The disk is full; nothing was changed.
    KeyboardInterrupt
        It was interrupted; nothing was changed.
    """
    is_alive(_owners_folder(path), LOCK)  # removes the file of a process that was killed
    size = f"{max(1, round(path.stat().st_size / 1e6)):,} MB"
    began = time.monotonic()
    try:
        owner = Owner(_owners_folder(path), name=LOCK)
    except FileExistsError:  # of one that has committed and is about to remove it: the store's own lock is held here
        owner = Owner(None)
    is_told = False

    def look() -> int:
        nonlocal is_told
        if not is_told and time.monotonic() - began > TELL_AFTER_S:
            is_told = True
            tell(f"fh_notebook: the store {path} ({size}) is brought {versions}, once; this may take a while")
        return 0

    connection.set_progress_handler(look, LOOK_EVERY)
    try:
        yield
    except sqlite3.OperationalError as broken:
        if broken.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from broken  # Ctrl+C in `look`, which SQLite's caller swallows
        if broken.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
            raise StoreError(
                f"the store {path} cannot be brought {versions}, because its disk is full: meanwhile this takes up to "
                f"{size} beside it. Make room and run again; it was left as it is",
                path=path,
            ) from broken
        raise
    finally:
        connection.set_progress_handler(None, 0)
        owner.end()
