"""Who claims jobs, and whether they still live: a lock on a small file, which the kernel releases when a process ends,
however it ends.

Rule of this file: never a timeout, never a process number (they are given out again). A lock that can be had belongs to
nobody that lives.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from fh_notebook.filelock import try_lock

__all__ = ["Owner", "is_alive"]


class Owner:
    """One running batch of one process, alive until :meth:`end` or the end of the process.

    Parameters
    ----------
    folder : Path or None
        Where the lock files of one store lie; made when missing. ``None``: the store is in memory, and no other process
        will ask.
    name : str, optional
        Of the lock file, which is not there; a random one unless given.

    Raises
    ------
    OSError
        The folder cannot be written.
    """

    def __init__(self, folder: Path | None, *, name: str | None = None) -> None:
        self.name = name or uuid4().hex
        self.lives = True
        self._descriptor: int | None = None
        self._pid = os.getpid()
        if folder is None:
            return
        folder.mkdir(exist_ok=True, mode=0o700)
        self._path = folder / self.name
        # Not inherited by programs that this process starts (PEP 446), and closed by the store in a forked child.
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try_lock(self._descriptor)

    def end(self) -> None:
        """Say that nothing is called any more under this name."""
        self.lives = False
        if self._descriptor is None:
            return
        if self._pid == os.getpid():
            with suppress(OSError):
                self._path.unlink()
        self.let_go()

    def let_go(self) -> None:
        """Close the file and leave it there: in a forked child, where it is the parent's."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_alive(folder: Path, name: str) -> bool:
    """Whether the owner of that name still runs. The file of one that does not is removed."""
    path = folder / name
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        if not try_lock(descriptor):
            return True
    finally:
        os.close(descriptor)
    with suppress(OSError):
        path.unlink()
    return False
