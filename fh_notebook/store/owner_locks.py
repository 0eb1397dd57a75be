"""Owners of claims: a lock on a small file shows whether the process that claimed a job still runs.

Rule of this file: no timeout and no process id, which is reused, shows that an owner lives. A lock that can be taken
belongs to no live process.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4
from weakref import WeakSet

from fh_notebook.core.files import try_lock
from fh_notebook.store.codec import store_errors
from fh_notebook.store.writer import IN_MEMORY, Transactions


class Owner:
    """One running batch of one process, alive until :meth:`end` or the end of the process.

    Parameters
    ----------
    folder : Path or None
        The folder of one store's lock files; created when missing. ``None``: the store is in memory, and no other
        process asks for its owners.
    name : str, optional
        Of the new lock file; a random one by default.

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
        """End the owner: no further call is made under its name."""
        self.lives = False
        if self._descriptor is None:
            return
        if self._pid == os.getpid():
            with suppress(OSError):
                self._path.unlink()
        self.let_go()

    def let_go(self) -> None:
        """Close the lock file and leave it: in a forked child it is the parent's."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Owners:
    """The owners of claims in one store, of this process and of others.

    Parameters
    ----------
    database : Transactions
        The lock files are in a folder beside its file.
    """

    def __init__(self, database: Transactions) -> None:
        self._database = database
        self._owners: WeakSet[Owner] = WeakSet()
        self._names: set[str] = set()
        _every.add(self)

    @property
    def _folder(self) -> Path:
        path = self._database.path
        return path.with_name(f"{path.name}-owners")

    def new(self) -> Owner:
        """Return a new owner of claims; call its `end()` after its last call."""
        self._database.connect()
        path = self._database.path
        with store_errors(path):
            owner = Owner(None if path == IN_MEMORY else self._folder)
        self._owners.add(owner)
        self._names.add(owner.name)
        return owner

    def is_alive(self, name: str) -> bool:
        """Return whether the owner of a claim still runs, in any process."""
        if self._database.path == IN_MEMORY:
            return any(owner.name == name and owner.lives for owner in list(self._owners))
        with store_errors(self._database.path):
            return is_alive(self._folder, name)

    @property
    def any_here(self) -> bool:
        """Whether an owner of this process is alive: a batch that is saved in this store runs."""
        return any(owner.lives for owner in list(self._owners))

    @property
    def names_here(self) -> Collection[str]:
        """The names of all owners of this process, also of ended ones."""
        return self._names

    def reset_after_fork(self) -> None:
        """Reset it in a child after a fork: the owners are the parent's."""
        for owner in list(self._owners):
            owner.let_go()
        self._owners = WeakSet()
        self._names = set()


_every: Final[WeakSet[Owners]] = WeakSet()


def _after_fork_in_child() -> None:
    for owners in list(_every):
        owners.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def is_alive(folder: Path, name: str) -> bool:
    """Return whether the owner of that name still runs; the lock file of an ended one is removed."""
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
