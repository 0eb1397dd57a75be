"""An operating system's lock on a small file, which the kernel releases when a process ends, however it ends.

Rule of this file: never a timeout, never a process number (they are given out again). A lock that can be had belongs to
nobody that lives.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["is_at", "share", "try_lock"]


def try_lock(descriptor: int) -> bool:
    """Lock an open file without waiting; ``False`` when somebody has it, or the file system has no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            # flock, not lockf: it belongs to the open file, so that two owners in one process are two.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def share(path: Path) -> int:
    """Return a descriptor of the file at `path`, made if need be, with a lock that others may have, too.

    Whoever then has it alone (`try_lock`) may remove it, last of all. Windows has no shared locks, and removes no file
    that is open; a file system without locks gives none to anybody.

    Raises
    ------
    OSError
        The file cannot be made.
    """
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        if sys.platform != "win32":
            import fcntl

            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits only while somebody removes it
        if is_at(path, descriptor):
            return descriptor
        os.close(descriptor)


def is_at(path: Path, descriptor: int) -> bool:
    """Whether the file that is open still lies at `path`."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    return False
