"""Identity of the store's file: whether the path still leads to the file that was opened.

Rule of this file: a file is never known by its name alone. On POSIX a file that is open can be deleted, or another one
be put in its place (a cleaned folder, a git checkout, a program that synchronises): SQLite goes on in the one that has
no name any more, and what is committed there ends with the process (sqlite.org, "How To Corrupt An SQLite Database
File", 4.2). So the file is known by its device and number, and so is its log, without which its last commits are
nowhere.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from fh_notebook.errors import StoreError

__all__ = ["IN_MEMORY", "FileIdentity"]

IN_MEMORY: Final = Path(":memory:")
"""In place of a file: SQLite's own name for a store that ends with its connection."""

Stamp = tuple[int, int]


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
        self._file = _stamp(path)
        self._log = _stamp(self.log)

    @property
    def trouble(self) -> str:
        """What became of the file; empty while it is where it was opened."""
        if self._file is None:  # a file system without numbers; Windows deletes no file that is open
            return ""
        found = _stamp(self.path)
        if found != self._file:
            return "deleted" if found is None else "replaced by another file"
        log = _stamp(self.log)
        if self._log is None:
            self._log = log
        return "" if log == self._log else "left without its log, which was deleted or replaced"

    def check(self) -> None:
        """Raise where the file is not the one that was opened.

        Raises
        ------
        StoreError
            With what to do.
        """
        if not (trouble := self.trouble):
            return
        raise StoreError(
            f"the store {self.path} was {trouble} while this kernel had it open; the kernel still holds all of it: "
            'fh.store.rescue("rescued.sqlite3") writes it to a new file and goes on there, then '
            'fh.configure(store="rescued.sqlite3"); what is not rescued ends with the kernel',
            path=self.path,
        )

    def clear(self) -> None:
        """Remove the log where another file lies beside it now: SQLite would read it into that one.

        Called when nobody reads from it any more: what was not rescued by then is given up.
        """
        if _stamp(self.path) in (None, self._file) or self._log is None or _stamp(self.log) != self._log:
            return
        for ends in ("-wal", "-shm"):
            with suppress(OSError):
                os.unlink(f"{self.path}{ends}")


def _stamp(path: Path) -> Stamp | None:
    with suppress(OSError):
        found = os.stat(path)
        return (found.st_dev, found.st_ino) if found.st_ino else None
    return None
