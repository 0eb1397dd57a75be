"""An operating system's lock on a small file, which the kernel releases when a process ends, however it ends.

Rule of this file: never a timeout, never a process number (they are given out again). A lock that can be had belongs to
nobody that lives.
"""

from __future__ import annotations

import sys

__all__ = ["try_lock"]


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
